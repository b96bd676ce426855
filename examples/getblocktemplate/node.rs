//! A Bitcoin node, asked by JSON-RPC over plain HTTP: four questions, and what can go wrong.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bitcoin::Network;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ureq::http::{StatusCode, Uri};
use ureq::{Agent, Body};

use crate::template::{Answer, Checked, Template, TemplateError};
use crate::told::{hide, tell};

/// The most that an answer may be: a template of a full block has about half of it.
const MAX_ANSWER: u64 = 32 << 20;

/// How long the node is asked to wait for a block. Then a newer template is fetched, which has the
/// transactions that came meanwhile.
const WAIT: Duration = Duration::from_secs(20);

/// How often a node is asked for its height that does not tell of blocks by itself.
const POLL: Duration = Duration::from_millis(250);

/// How long a machine may take to say that it is there.
const CONNECT: Duration = Duration::from_secs(5);

/// What no answer takes, waiting included.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a node says while it starts ("Loading block index…").
const IN_WARM_UP: i64 = -28;

/// What it says while it has no peers, and while it loads the chain.
const NOT_CONNECTED: i64 = -9;
const IN_INITIAL_DOWNLOAD: i64 = -10;

/// What it says of a method that it does not have.
const METHOD_NOT_FOUND: i64 = -32_601;

/// The most that a cookie may be: it is one line.
const MAX_COOKIE: u64 = 4096;

/// Where a node is, and as whom it is asked.
#[derive(Debug)]
pub(crate) struct Node {
    url: String,
    credentials: Credentials,
    agent: Agent,
    /// Whether the node does not tell of blocks by itself.
    is_polled: AtomicBool,
}

/// How a node knows who asks.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// The file `.cookie` in the folder of the chain, which each start of the node writes anew.
    Cookie(PathBuf),
    /// As configured with `rpcuser` and `rpcpassword`, or `rpcauth`.
    Password {
        /// The user.
        user: String,
        /// Its password.
        password: String,
    },
}

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("{url:?} is no address of a node, expected one like http://127.0.0.1:18443")]
    Url { url: String },
    #[error("the address has a user or a password in it: give them by --user and --pass")]
    UserInfo,
    #[error(
        "{url} is another machine: passwords would go there unencrypted; --allow-remote permits it"
    )]
    Remote { url: String },
    #[error("cannot read the cookie {path:?} ({source}): is the node of this chain running?")]
    Cookie { path: PathBuf, source: io::Error },
    #[error("no answer from {url} ({source}): is the node running, and is that its RPC port?")]
    Unreachable { url: String, source: ureq::Error },
    #[error("the node is not ready: {what}")]
    NotReady { what: String },
    #[error("{url} does not accept this user and password, or this cookie")]
    Unauthorized { url: String },
    #[error(
        "{url} does not answer this machine, or not {method}: see its rpcallowip and rpcwhitelist"
    )]
    Forbidden { url: String, method: &'static str },
    #[error("{url} answered {status} to {method}: is that the RPC port of a Bitcoin node?")]
    Status { url: String, method: &'static str, status: StatusCode },
    #[error("{url} answered with more than {limit} bytes: is that a Bitcoin node?")]
    TooLong { url: String, limit: u64 },
    #[error("{url} answered {method} with what makes no sense ({what}): is that a Bitcoin node?")]
    Malformed { url: String, method: &'static str, what: String },
    #[error("the node refused {method}: {message} (code {code})")]
    Refused { method: &'static str, message: String, code: i64 },
    #[error("the node is on chain {chain:?}, expected regtest or signet: start it with -regtest")]
    Chain { chain: String },
    #[error("the node is on {chain} now, and was on {before} before")]
    OtherChain { chain: Network, before: Network },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("cannot write what was found ({0})")]
    Output(io::Error),
}

impl NodeError {
    /// Whether it passes by waiting: the node is away, or busy.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Cookie { .. } | Self::Unreachable { .. } | Self::NotReady { .. })
    }

    /// Whether a node that answered well before may say so for once: by whatever stands in front of
    /// it, or while it has no peers.
    pub(crate) fn is_slip(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            Self::Refused { code, .. } => matches!(*code, NOT_CONNECTED | IN_INITIAL_DOWNLOAD),
            Self::Malformed { .. } | Self::TooLong { .. } => true,
            _ => false,
        }
    }

    /// Whether the node does not have the method, or does not let this user call it.
    fn is_no_such_method(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == METHOD_NOT_FOUND,
            Self::Forbidden { .. } => true,
            _ => false,
        }
    }
}

/// What a node thinks of a block.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is in the chain.
    Accepted,
    /// It is valid, but another came first: `inconclusive` in the words of BIP 22.
    Late,
    /// It is not, for a reason in the words of BIP 22, as in `high-hash`.
    Refused {
        /// The reason.
        reason: String,
    },
}

#[derive(Serialize)]
struct Question<'a, P> {
    id: &'static str,
    method: &'a str,
    params: &'a P,
}

#[derive(Deserialize)]
struct Reply<T> {
    result: Option<T>,
    error: Option<Refusal>,
}

/// What a node says of its chain.
#[derive(Deserialize)]
struct Info {
    chain: String,
    blocks: Option<u32>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

impl Node {
    /// The node at `url`, which is on this machine unless `remote` is allowed.
    pub(crate) fn new(
        url: &str,
        credentials: Credentials,
        remote: bool,
    ) -> Result<Self, NodeError> {
        // They would be shown in every error.
        if url.contains('@') {
            return Err(NodeError::UserInfo);
        }
        let wrong = || NodeError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        if !remote && !matches!(host, "127.0.0.1" | "[::1]" | "localhost") {
            return Err(NodeError::Remote { url: url.to_owned() });
        }
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(PATIENCE));
        Ok(Self {
            url: url.to_owned(),
            credentials,
            agent: config.build().into(),
            is_polled: AtomicBool::new(false),
        })
    }

    /// Which chain the node is on.
    ///
    /// # Errors
    ///
    /// When it is neither regtest nor a signet.
    pub(crate) fn network(&self) -> Result<Network, NodeError> {
        let Info { chain, .. } = self.info()?;
        match chain.as_str() {
            "regtest" => Ok(Network::Regtest),
            "signet" => Ok(Network::Signet),
            _ => Err(NodeError::Chain { chain }),
        }
    }

    /// What the next block is to be made of, and when the node had said it: reading it takes time.
    pub(crate) fn template(&self, checked: &mut Checked) -> Result<(Template, Instant), NodeError> {
        let method = "getblocktemplate";
        let (status, body) = self.post(method, &json!([{ "rules": ["segwit", "signet"] }]))?;
        let arrived = Instant::now();
        let body = Arc::new(text(body));
        let answer: Option<Answer<'_>> = self.read(method, status, &body)?;
        let answer = answer.ok_or_else(|| self.malformed(method, "null"))?;
        Ok((Template::new(answer, &body, checked)?, arrived))
    }

    /// Waits until the chain has this height, which is when a template for it is of no use any
    /// more; but only for a while. Whether it has.
    ///
    /// Not by the `longpollid` of a template: that keeps a thread of the node until there is a new
    /// one, also when whoever asked is long gone. Nodes that are not Bitcoin Core's kin have no
    /// other way, and are asked again and again.
    pub(crate) fn wait_for_height(&self, height: u32) -> Result<bool, NodeError> {
        #[derive(Deserialize)]
        struct Tip {
            height: u32,
        }
        if !self.is_polled.load(Ordering::Relaxed) {
            match self.call::<Tip>("waitforblockheight", &json!([height, WAIT.as_millis()])) {
                Err(error) if error.is_no_such_method() => {
                    tell(format_args!("{error}; asking for new blocks every {POLL:?} instead"));
                    self.is_polled.store(true, Ordering::Relaxed);
                }
                tip => return Ok(tip?.height >= height),
            }
        }
        let began = Instant::now();
        while self.info()?.blocks.is_none_or(|blocks| blocks < height) {
            if began.elapsed() >= WAIT {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
        Ok(true)
    }

    fn info(&self) -> Result<Info, NodeError> {
        self.call("getblockchaininfo", &json!([]))
    }

    /// Hands in a block, in hex.
    pub(crate) fn submit(&self, block: &str) -> Result<Verdict, NodeError> {
        // Null is praise.
        Ok(match self.ask::<String>("submitblock", &[block])? {
            None => Verdict::Accepted,
            Some(reason) if reason == "inconclusive" => Verdict::Late,
            Some(reason) => Verdict::Refused { reason },
        })
    }

    /// A question whose answer is not null.
    fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &impl Serialize,
    ) -> Result<T, NodeError> {
        self.ask(method, params)?.ok_or_else(|| self.malformed(method, "null"))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &impl Serialize,
    ) -> Result<Option<T>, NodeError> {
        let (status, body) = self.post(method, params)?;
        self.read(method, status, &text(body))
    }

    fn read<'a, T: Deserialize<'a>>(
        &self,
        method: &'static str,
        status: StatusCode,
        body: &'a str,
    ) -> Result<Option<T>, NodeError> {
        match status {
            StatusCode::UNAUTHORIZED => Err(NodeError::Unauthorized { url: self.url.clone() }),
            StatusCode::FORBIDDEN => Err(NodeError::Forbidden { url: self.url.clone(), method }),
            StatusCode::SERVICE_UNAVAILABLE => Err(NodeError::NotReady { what: body.to_owned() }),
            // Refusals come with 404 and 500, or with 200 in newer versions of the protocol.
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR => {
                let reply: Reply<T> = serde_json::from_str(body).map_err(|error| {
                    if status == StatusCode::OK {
                        self.malformed(method, &error.to_string())
                    } else {
                        NodeError::Status { url: self.url.clone(), method, status }
                    }
                })?;
                match reply.error {
                    None => Ok(reply.result),
                    Some(Refusal { code: IN_WARM_UP, message }) => {
                        Err(NodeError::NotReady { what: message })
                    }
                    Some(Refusal { code, message }) => {
                        Err(NodeError::Refused { method, message, code })
                    }
                }
            }
            _ => Err(NodeError::Status { url: self.url.clone(), method, status }),
        }
    }

    fn post(
        &self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<(StatusCode, Vec<u8>), NodeError> {
        let question = Question { id: "perjoule", method, params };
        let request = serde_json::to_vec(&question).expect("it has no map with keys but strings");
        loop {
            let credentials = self.credentials.read()?;
            let basic = BASE64_STANDARD.encode(&credentials);
            // The node, or what answers in its place, may repeat them.
            let password = credentials.split_once(':').map_or("", |(_, password)| password);
            for secret in [credentials.as_str(), &basic, password] {
                hide(secret);
            }
            let basic = format!("Basic {basic}");
            let answer = self
                .agent
                .post(&self.url)
                .header("Authorization", basic)
                .header("Content-Type", "application/json")
                .send(&request[..])
                .and_then(|mut answer| Ok((answer.status(), whole(answer.body_mut())?)))
                .map_err(|source| self.no_answer(source))?;
            // The node may have been started anew since the cookie was read.
            if answer.0 != StatusCode::UNAUTHORIZED || self.credentials.read()? == credentials {
                return Ok(answer);
            }
        }
    }

    fn no_answer(&self, source: ureq::Error) -> NodeError {
        let url = self.url.clone();
        match source {
            ureq::Error::BodyExceedsLimit(limit) => NodeError::TooLong { url, limit },
            source => NodeError::Unreachable { url, source },
        }
    }

    fn malformed(&self, method: &'static str, what: &str) -> NodeError {
        NodeError::Malformed { url: self.url.clone(), method, what: what.to_owned() }
    }
}

impl Credentials {
    /// As HTTP wants them: user, colon, password.
    fn read(&self) -> Result<String, NodeError> {
        match self {
            Self::Password { user, password } => Ok(format!("{user}:{password}")),
            Self::Cookie(path) => {
                cookie(path).map_err(|source| NodeError::Cookie { path: path.clone(), source })
            }
        }
    }
}

fn cookie(path: &Path) -> io::Result<String> {
    let mut cookie = String::new();
    File::open(path)?.take(MAX_COOKIE).read_to_string(&mut cookie)?;
    Ok(cookie.trim_end().to_owned())
}

fn whole(body: &mut Body) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(MAX_ANSWER).read_to_vec()
}

/// Of an answer; what is no UTF-8 in it is some web server's, and to be shown at most.
fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::told::line;

    fn password() -> Credentials {
        Credentials::Password { user: "u".to_owned(), password: "p".to_owned() }
    }

    /// What `ask` gets from a server that answers once, with this status and body.
    fn answered<T>(
        status: &str,
        body: &str,
        ask: impl Fn(&Node) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = head + body;
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            // A client that has read enough may hang up.
            let _ = stream.write_all(answer.as_bytes());
            // Or what it has not read yet would be lost with what it has sent.
            let _ = io::copy(&mut stream, &mut io::sink());
            head
        });
        let result = ask(&Node::new(&url, password(), false).unwrap());
        // Or the server would wait for a client that never came.
        let _ = TcpStream::connect(address);
        let head = server.join().unwrap();
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("authorization: basic dTpw")));
        result
    }

    fn network(status: &str, body: &str) -> Result<Network, NodeError> {
        answered(status, body, Node::network)
    }

    fn chain(name: &str) -> Result<Network, NodeError> {
        network("200 OK", &format!(r#"{{"result":{{"chain":"{name}"}},"error":null}}"#))
    }

    #[test]
    fn only_test_networks_are_mined_on() {
        assert_eq!(chain("regtest").unwrap(), Network::Regtest);
        assert_eq!(chain("signet").unwrap(), Network::Signet);
        for other in ["main", "test", "testnet4", ""] {
            let error = chain(other).unwrap_err();
            assert!(matches!(&error, NodeError::Chain { chain } if chain == other), "{error}");
        }
    }

    #[test]
    fn what_comes_back_is_told_apart() {
        let kind = |status: &str, body: &str| network(status, body).unwrap_err();
        let refused = r#"{"result":null,"error":{"code":-8,"message":"no such rule"}}"#;
        assert!(matches!(kind("401 Unauthorized", ""), NodeError::Unauthorized { .. }));
        assert!(kind("403 Forbidden", "").to_string().contains("rpcallowip"));
        assert!(matches!(kind("405 Method Not Allowed", ""), NodeError::Status { .. }));
        assert!(matches!(kind("302 Found", ""), NodeError::Status { .. }));
        for body in ["", "<html>", r#"{"result":{"#, r#"{"result":{"chain":7}}"#, "null", "[]"] {
            assert!(matches!(kind("200 OK", body), NodeError::Malformed { .. }), "{body}");
        }
        for status in ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout"] {
            let error = kind(status, "<html>");
            assert!(error.is_slip() && error.to_string().contains(&status[..3]), "{error}");
        }
        for (code, slips) in [(-9, true), (-10, true), (-8, false), (-32_601, false)] {
            let body = format!(r#"{{"result":null,"error":{{"code":{code},"message":"no"}}}}"#);
            assert_eq!(kind("200 OK", &body).is_slip(), slips, "{code}");
        }
        assert!(!kind("404 Not Found", "<html>").is_slip());
        assert!(!kind("401 Unauthorized", "").is_slip());
        let error = kind("500 Internal Server Error", refused);
        assert_eq!(error.to_string(), "the node refused getblockchaininfo: no such rule (code -8)");
        assert!(!error.passes());
    }

    #[test]
    fn a_node_that_is_busy_or_starts_is_waited_for() {
        let starting = r#"{"result":null,"error":{"code":-28,"message":"Loading wallet"}}"#;
        assert!(network("503 Service Unavailable", "Work queue").unwrap_err().passes());
        assert!(network("500 Internal Server Error", starting).unwrap_err().passes());
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let away = Node::new(&format!("http://{closed}"), password(), false).unwrap();
        let error = away.network().unwrap_err();
        assert!(matches!(error, NodeError::Unreachable { .. }) && error.passes());
    }

    #[test]
    fn an_answer_without_end_is_an_error() {
        let error = network("200 OK", &"x".repeat(MAX_ANSWER as usize + 1)).unwrap_err();
        assert!(matches!(error, NodeError::TooLong { .. }) && !error.passes(), "{error}");
    }

    #[test]
    fn blocks_are_accepted_or_refused() {
        let submit = |body| answered("200 OK", body, |node| node.submit("00")).unwrap();
        assert!(matches!(submit(r#"{"result":null,"error":null}"#), Verdict::Accepted));
        assert!(matches!(submit(r#"{"result":"inconclusive","error":null}"#), Verdict::Late));
        let verdict = submit(r#"{"result":"high-hash","error":null}"#);
        assert!(matches!(verdict, Verdict::Refused { reason } if reason == "high-hash"));
    }

    #[test]
    fn addresses_are_of_this_machine_unless_allowed() {
        let node = |url, remote| Node::new(url, password(), remote);
        for url in ["http://127.0.0.1:18443", "http://localhost:1/", "http://[::1]:18443"] {
            assert!(node(url, false).is_ok(), "{url}");
        }
        for url in ["http://10.0.0.1:18443", "http://127.0.0.1.example.org"] {
            assert!(matches!(node(url, false), Err(NodeError::Remote { .. })), "{url}");
            assert!(node(url, true).is_ok(), "{url}");
        }
        for url in ["", "127.0.0.1:18443", "https://127.0.0.1", "http://"] {
            assert!(matches!(node(url, true), Err(NodeError::Url { .. })), "{url}");
        }
        for url in ["http://me:hunter2@127.0.0.1", "me:hunter2@127.0.0.1", "https://hunter2@h:x"] {
            let error = node(url, true).unwrap_err();
            assert!(matches!(error, NodeError::UserInfo), "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn passwords_that_a_node_repeats_are_not_shown() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let basic =
                head.iter().find_map(|line| line.split_once("Basic ")).unwrap().1.to_owned();
            let message = format!("who is alice:correct-horse, correct-horse or {basic}?");
            let body = json!({ "result": null, "error": { "code": 1, "message": message } });
            let body = body.to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Length:";
            stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        });
        let (user, password) = ("alice".to_owned(), "correct-horse".to_owned());
        let node = Node::new(&url, Credentials::Password { user, password }, false).unwrap();
        let told = line(node.network().unwrap_err());
        server.join().unwrap();
        assert!(told.contains("who is ***, *** or ***?"), "{told}");
    }

    #[test]
    fn cookies_are_read_without_the_end_of_their_line() {
        let path = std::env::temp_dir().join(format!("cookie-{}", std::process::id()));
        fs::write(&path, "__cookie__:0123\n").unwrap();
        let cookie = Credentials::Cookie(path.clone());
        assert_eq!(cookie.read().unwrap(), "__cookie__:0123");
        fs::write(&path, "c".repeat(1_000_000)).unwrap();
        assert_eq!(cookie.read().unwrap().len(), 4096);
        fs::remove_file(&path).unwrap();
        assert!(cookie.read().unwrap_err().passes());
    }
}
