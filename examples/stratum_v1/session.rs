//! What a pool says, line by line, and what follows from it: the state of one connection.

use std::time::Duration;

use bitcoin::hex::FromHex as _;
use perjoule::block::{CompactTarget, Target, TargetError, Version, VersionMask};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::work::{Work, previous_from_hex};

/// The first four requests; all later ones hand in shares.
const CONFIGURE: u64 = 1;
const SUBSCRIBE: u64 = 2;
const AUTHORIZE: u64 = 3;
const EXTRANONCE: u64 = 4;
pub(crate) const FIRST_SHARE: u64 = 5;

/// What the miner calls itself.
const AGENT: &str = concat!("perjoule/", env!("CARGO_PKG_VERSION"));

/// More than any pool leaves to the miner.
const MAX_EXTRANONCE2: u64 = 32;

/// No pool needs more to know its own question by.
const MAX_ID: usize = 64;

/// Why a line from the pool is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the pool sent what is no message of Stratum ({0})")]
    NotJson(serde_json::Error),
    #[error("the pool's {method} makes no sense, expected {expected}: {found}")]
    Nonsense { method: &'static str, expected: &'static str, found: Value },
    #[error("the pool's answer to mining.subscribe makes no sense, expected {expected}: {found}")]
    Subscription { expected: &'static str, found: Value },
    #[error("the pool refused mining.subscribe: {0}")]
    Unsubscribed(String),
    #[error("the pool does not accept this user: {0}")]
    Unauthorized(String),
    #[error("the pool sets a difficulty that is none: {0}")]
    Difficulty(#[from] TargetError),
}

impl SessionError {
    /// Whether nothing comes of this connection any more. Other lines can be passed over.
    pub(crate) fn ends(&self) -> bool {
        matches!(self, Self::Subscription { .. } | Self::Unsubscribed(_) | Self::Unauthorized(_))
    }
}

/// What a line from the pool means for the miner.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// New work, in place of all before.
    Work(Work),
    /// The share of this number was accepted, or not for a reason.
    Verdict(u64, Result<(), String>),
    /// The pool wants to be connected to anew.
    Reconnect(Elsewhere),
    /// Something for people.
    Message(String),
    /// The pool wants to be answered this.
    Reply(Value),
    /// It is part of the state now.
    Noted,
}

/// Where the pool wants its miners next; what it does not say stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    /// How long they are to wait before.
    pub(crate) wait: Duration,
}

/// A connection's state.
#[derive(Debug)]
pub(crate) struct Session {
    /// The pool's part of the extra nonce and the size of the miner's, once they are known.
    extranonce: Option<(Vec<u8>, usize)>,
    target: Target,
    /// The version bits that the miner would roll.
    wish: Option<VersionMask>,
    /// Those of them that the pool lets it.
    rolling: Option<u32>,
    /// Why it lets it roll none.
    no_rolling: Option<String>,
    authorized: bool,
    /// The newest job. Its extra nonce is not known yet where a pool gives jobs before it answers.
    job: Option<Work>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Value,
    #[serde(default, rename = "reject-reason")]
    reject_reason: Value,
}

/// What the miner says first, in lines. The last asks to be told of new extra nonces, if
/// `extranonce`.
pub(crate) fn opening(
    user: &str,
    password: &str,
    mask: Option<VersionMask>,
    extranonce: bool,
) -> Vec<String> {
    let mut lines: Vec<Value> = Vec::new();
    if let Some(mask) = mask {
        // BIP 310.
        let wish = json!({
            "version-rolling.mask": mask.to_string(),
            "version-rolling.min-bit-count": 2,
        });
        let params = json!([["version-rolling"], wish]);
        lines.push(json!({ "id": CONFIGURE, "method": "mining.configure", "params": params }));
    }
    lines.push(json!({ "id": SUBSCRIBE, "method": "mining.subscribe", "params": [AGENT] }));
    let who = [user, password];
    lines.push(json!({ "id": AUTHORIZE, "method": "mining.authorize", "params": who }));
    if extranonce {
        let method = "mining.extranonce.subscribe";
        lines.push(json!({ "id": EXTRANONCE, "method": method, "params": [] }));
    }
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

impl Session {
    /// A connection that was opened with this wish.
    pub(crate) fn new(wish: Option<VersionMask>) -> Self {
        Self {
            extranonce: None,
            // Difficulty 1, until the pool says something else.
            target: Target::MAX_ATTAINABLE_MAINNET,
            wish,
            rolling: None,
            no_rolling: None,
            authorized: false,
            job: None,
        }
    }

    /// Whether the pool has said which extra nonces to use.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.extranonce.is_some()
    }

    /// Whether the pool accepted the user.
    pub(crate) fn is_authorized(&self) -> bool {
        self.authorized
    }

    /// Whether the pool gave a job.
    pub(crate) fn has_job(&self) -> bool {
        self.job.is_some()
    }

    /// Why the pool does not let versions be rolled, if it said so.
    pub(crate) fn no_rolling(&self) -> Option<&str> {
        self.no_rolling.as_deref()
    }

    /// Takes a line in. Methods that are not known are passed over, as the protocol has it.
    ///
    /// # Errors
    ///
    /// When it makes no sense, or the pool does not want this miner. The state is as it was before.
    pub(crate) fn receive(&mut self, line: &[u8]) -> Result<Event, SessionError> {
        let line: Line = serde_json::from_slice(line).map_err(SessionError::NotJson)?;
        let Some(method) = &line.method else { return self.answer(&line) };
        let params = &line.params;
        match method.as_str() {
            "mining.notify" => {
                self.job = Some(self.job(params)?);
                return Ok(self.work());
            }
            "mining.set_difficulty" => {
                let difficulty = number(&params[0])
                    .ok_or_else(|| nonsense("mining.set_difficulty", "a number", params))?;
                self.target = Target::from_difficulty(difficulty)?;
            }
            "mining.set_extranonce" => {
                // For the jobs that follow.
                let given = extranonce(&params[0], &params[1])
                    .ok_or_else(|| nonsense("mining.set_extranonce", EXTRANONCE_FORM, params))?;
                self.extranonce = Some(given);
            }
            "mining.set_version_mask" => {
                let granted = bits(&params[0])
                    .ok_or_else(|| nonsense("mining.set_version_mask", "8 hex digits", params))?;
                // Not where the miner does not roll.
                if self.rolling.is_some() {
                    return Ok(self.roll(granted));
                }
            }
            "client.reconnect" => {
                let elsewhere = elsewhere(params).ok_or_else(|| {
                    nonsense("client.reconnect", "a host, a port and seconds to wait", params)
                })?;
                return Ok(Event::Reconnect(elsewhere));
            }
            "client.show_message" => {
                return Ok(Event::Message(params[0].as_str().unwrap_or_default().to_owned()));
            }
            "mining.ping" | "client.ping" => return Ok(reply(&line.id, "pong")),
            "client.get_version" => return Ok(reply(&line.id, AGENT)),
            _ => {}
        }
        Ok(Event::Noted)
    }

    fn answer(&mut self, line: &Line) -> Result<Event, SessionError> {
        let granted = line.result == Value::Bool(true) && is_nothing(&line.error);
        match line.id.as_u64() {
            Some(CONFIGURE) if line.result["version-rolling"] == Value::Bool(true) => {
                let given = &line.result["version-rolling.mask"];
                let granted = bits(given).ok_or_else(|| {
                    nonsense("mining.configure", "a mask of 8 hex digits", &line.result)
                })?;
                return Ok(self.roll(granted));
            }
            // A pool that does not know the request has no version rolling.
            Some(CONFIGURE) => self.no_rolling = said(line),
            Some(SUBSCRIBE) => {
                let refused = matches!(line.result, Value::Null | Value::Bool(_));
                let given = extranonce(&line.result[1], &line.result[2]);
                let given = given.ok_or_else(|| match said(line).filter(|_| refused) {
                    Some(reason) => SessionError::Unsubscribed(reason),
                    None => SessionError::Subscription {
                        expected: EXTRANONCE_FORM,
                        found: line.result.clone(),
                    },
                })?;
                self.extranonce = Some(given.clone());
                if let Some(early) = &mut self.job {
                    (early.extranonce1, early.extranonce2_size) = given;
                }
                return Ok(self.work());
            }
            Some(AUTHORIZE) if !granted => return Err(SessionError::Unauthorized(reason(line))),
            Some(AUTHORIZE) => self.authorized = true,
            Some(EXTRANONCE) => {}
            Some(share) => {
                let verdict = if granted { Ok(()) } else { Err(reason(line)) };
                return Ok(Event::Verdict(share, verdict));
            }
            // An answer to nothing, but perhaps one that says what is wrong.
            None => return Ok(said(line).map_or(Event::Noted, Event::Message)),
        }
        Ok(Event::Noted)
    }

    /// From now on the miner rolls those of these bits that it wished for (BIP 310): the present job
    /// too.
    fn roll(&mut self, granted: u32) -> Event {
        let Some(wish) = self.wish else { return Event::Noted };
        let rolling = Some(granted & wish.to_consensus());
        if std::mem::replace(&mut self.rolling, rolling) == rolling {
            return Event::Noted;
        }
        if let Some(work) = &mut self.job {
            work.rolling = rolling;
        }
        self.work()
    }

    /// The newest job, once all of it is known.
    fn work(&self) -> Event {
        match &self.job {
            Some(work) if self.is_subscribed() => Event::Work(work.clone()),
            _ => Event::Noted,
        }
    }

    fn job(&self, params: &Value) -> Result<Work, SessionError> {
        let (extranonce1, extranonce2_size) = self.extranonce.clone().unwrap_or_default();
        let text = |index: usize| params[index].as_str();
        let bytes = |index| text(index).and_then(|hex| Vec::from_hex(hex).ok());
        let number = |index| text(index).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let hash = |hash: &Value| hash.as_str().and_then(|hex| <[u8; 32]>::from_hex(hex).ok());
        let work = || {
            Some(Work {
                job: text(0)?.to_owned(),
                previous: previous_from_hex(text(1)?)?,
                coinbase: [bytes(2)?, bytes(3)?],
                branch: params[4].as_array()?.iter().map(hash).collect::<Option<_>>()?,
                version: Version::from_consensus(number(5)?),
                bits: CompactTarget::from_consensus(number(6)?),
                time: number(7)?,
                extranonce1,
                extranonce2_size,
                target: self.target,
                rolling: self.rolling,
            })
        };
        let expected = "job, previous block, coinbase in two parts, branch, version, bits, time";
        work().ok_or_else(|| nonsense("mining.notify", expected, params))
    }
}

const EXTRANONCE_FORM: &str = "an extra nonce in hex and a size of 1 to 32 bytes";

fn extranonce(bytes: &Value, size: &Value) -> Option<(Vec<u8>, usize)> {
    let size = size.as_u64().filter(|size| (1..=MAX_EXTRANONCE2).contains(size))?;
    Some((Vec::from_hex(bytes.as_str()?).ok()?, size as usize))
}

fn bits(mask: &Value) -> Option<u32> {
    u32::from_str_radix(mask.as_str()?, 16).ok()
}

/// A number, which some pools write as a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn elsewhere(params: &Value) -> Option<Elsewhere> {
    let host = match &params[0] {
        Value::Null => None,
        host => Some(host.as_str()?.to_owned()).filter(|host| !host.is_empty()),
    };
    let port = match &params[1] {
        Value::Null => None,
        port => {
            // Ports are few enough for every one to be an exact number.
            let port = number(port).filter(|it| it.fract() == 0.0 && (1.0..=65535.0).contains(it));
            Some(port? as u16)
        }
    };
    // As long as is said, but for what is no time.
    let wait = number(&params[2]).and_then(|it| Duration::try_from_secs_f64(it).ok());
    Some(Elsewhere { host, port, wait: wait.unwrap_or_default() })
}

/// The answer to a question of the pool's, if it can be told which.
fn reply(id: &Value, result: &str) -> Event {
    match id {
        Value::Number(_) => {}
        Value::String(id) if id.len() <= MAX_ID => {}
        _ => return Event::Noted,
    }
    Event::Reply(json!({ "id": id, "result": result, "error": null }))
}

/// Whether an error is none, in any of the ways that pools have to say so.
fn is_nothing(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The pool's own words for what is wrong, if it has any.
fn said(line: &Line) -> Option<String> {
    let error = [&line.error, &line.reject_reason].into_iter().find(|it| !is_nothing(it))?;
    // A code and a text, by place or by name.
    let (code, text) = match error {
        Value::Array(items) => (items.first(), items.get(1)),
        Value::Object(fields) => (fields.get("code"), fields.get("message")),
        _ => (None, Some(error)),
    };
    Some(match (code, text.and_then(Value::as_str)) {
        (Some(code), Some(text)) => format!("{text} (code {code})"),
        (None, Some(text)) => text.to_owned(),
        (_, None) => error.to_string(),
    })
}

fn reason(line: &Line) -> String {
    said(line).unwrap_or_else(|| "no reason given".to_owned())
}

fn nonsense(method: &'static str, expected: &'static str, found: &Value) -> SessionError {
    SessionError::Nonsense { method, expected, found: found.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &str = r#"{"id":null,"method":"mining.notify","params":["bf",
        "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000","01ff","02",[
        "0000000000000000000000000000000000000000000000000000000000000011"],
        "20000004","1c2ac4af","504e86b9",false]}"#;

    const SUBSCRIBED: &str =
        r#"{"id":2,"result":[[["mining.notify","a"]],"08000002",4],"error":null}"#;

    fn subscribed() -> Session {
        let mut session = Session::new(Some(VersionMask::BIP320));
        assert_eq!(session.receive(SUBSCRIBED.as_bytes()).unwrap(), Event::Noted);
        session
    }

    fn work(session: &mut Session) -> Work {
        match session.receive(NOTIFY.as_bytes()).unwrap() {
            Event::Work(work) => work,
            other => panic!("{other:?}"),
        }
    }

    fn error(line: &str) -> String {
        subscribed().receive(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn jobs_have_what_was_said_before() {
        let mut session = subscribed();
        let plain = work(&mut session);
        assert_eq!((plain.job.as_str(), plain.extranonce2_size, plain.rolling), ("bf", 4, None));
        assert_eq!(plain.extranonce1, [8, 0, 0, 2]);
        assert_eq!(plain.target, Target::MAX_ATTAINABLE_MAINNET);
        assert_eq!((plain.version.to_string(), plain.time), ("20000004".to_owned(), 0x504e_86b9));
        assert_eq!(plain.branch[0][31], 0x11);
        for line in [
            r#"{"id":null,"method":"mining.set_difficulty","params":[0.5]}"#,
            r#"{"id":9,"method":"mining.unheard_of","params":[]}"#,
        ] {
            assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted, "{line}");
        }
        let later = work(&mut session);
        assert_eq!(later.target, Target::from_difficulty(0.5).unwrap());
    }

    #[test]
    fn version_bits_are_rolled_by_leave_and_by_wish() {
        let set =
            |mask: &str| format!(r#"{{"method":"mining.set_version_mask","params":["{mask}"]}}"#);
        let granted =
            r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"ffffffff"}}"#;
        let mut session = subscribed();
        // Nothing was granted yet.
        assert_eq!(session.receive(set("1fffe000").as_bytes()).unwrap(), Event::Noted);
        assert_eq!(work(&mut session).rolling, None);
        let mut rolled = |line: &str| match session.receive(line.as_bytes()).unwrap() {
            Event::Work(work) => Some((work.job.clone(), work.rolling, work.mask())),
            Event::Noted => None,
            other => panic!("{other:?}"),
        };
        // The job that is being worked on changes at once, and only if its bits do.
        let job =
            |bits| Some(("bf".to_owned(), Some(bits), VersionMask::from_consensus(bits).ok()));
        assert_eq!(rolled(granted), job(0x1fff_e000));
        assert_eq!(rolled(&set("1fffe000")), None);
        assert_eq!(rolled(&set("20006000")), job(0x6000));
        assert_eq!(rolled(&set("00000000")), job(0));
        assert_eq!(work(&mut session).rolling, Some(0));

        // Who did not wish for it is left alone.
        let mut session = Session { wish: None, ..subscribed() };
        for line in [granted, &set("1fffe000")] {
            assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted);
        }
        assert_eq!(work(&mut session).rolling, None);
    }

    #[test]
    fn a_job_before_the_answer_to_subscribe_is_kept() {
        let mut session = Session::new(Some(VersionMask::BIP320));
        let rolling = r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"6000"}}"#;
        for line in
            [r#"{"method":"mining.set_difficulty","params":[0.5]}"#, NOTIFY, NOTIFY, rolling]
        {
            assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted, "{line}");
        }
        assert!(session.has_job() && !session.is_subscribed());
        let Event::Work(kept) = session.receive(SUBSCRIBED.as_bytes()).unwrap() else { panic!() };
        assert_eq!(
            (kept.job.as_str(), kept.extranonce2_size, kept.rolling),
            ("bf", 4, Some(0x6000))
        );
        assert_eq!(kept.extranonce1, [8, 0, 0, 2]);
        assert_eq!(kept.target, Target::from_difficulty(0.5).unwrap());
        assert_eq!(work(&mut session), kept);
    }

    #[test]
    fn new_extra_nonces_are_those_of_the_jobs_that_follow() {
        let mut session = subscribed();
        let first = work(&mut session);
        let set =
            |params: &str| format!(r#"{{"method":"mining.set_extranonce","params":{params}}}"#);
        let line = set(r#"["6351117f64",3]"#);
        assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted);
        let later = work(&mut session);
        assert_eq!(later.extranonce1, [0x63, 0x51, 0x11, 0x7f, 0x64]);
        assert_eq!((first.extranonce2_size, later.extranonce2_size), (4, 3));
        for odd in [r#"["00",0]"#, r#"["00",33]"#, r#"["zz",4]"#, r#"["00"]"#, "[]", "null"] {
            let error = session.receive(set(odd).as_bytes()).unwrap_err();
            assert!(!error.ends() && error.to_string().contains("mining.set_extranonce"), "{odd}");
        }
        assert_eq!(work(&mut session), later);
    }

    #[test]
    fn the_opening_asks_for_extra_nonces_last() {
        let said = |mask, extranonce| opening("me", "x", mask, extranonce).concat();
        let all = said(Some(VersionMask::BIP320), true);
        let methods: Vec<Value> =
            all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let methods: Vec<_> = methods.iter().map(|it| it["method"].as_str().unwrap()).collect();
        assert_eq!(
            methods,
            [
                "mining.configure",
                "mining.subscribe",
                "mining.authorize",
                "mining.extranonce.subscribe"
            ]
        );
        assert!(
            !said(None, false).contains("extranonce") && !said(None, true).contains("configure")
        );
        let refused = r#"{"id":4,"result":null,"error":[20,"unknown method",null]}"#;
        assert_eq!(subscribed().receive(refused.as_bytes()).unwrap(), Event::Noted);
    }

    #[test]
    fn what_the_pool_asks_is_answered() {
        let replied = |line: &str| match subscribed().receive(line.as_bytes()).unwrap() {
            Event::Reply(reply) => Some(reply),
            Event::Noted => None,
            other => panic!("{other:?}"),
        };
        let ping = r#"{"id":42,"method":"mining.ping","params":[]}"#;
        assert_eq!(replied(ping), Some(json!({ "id": 42, "result": "pong", "error": null })));
        let version = r#"{"id":"v","method":"client.get_version"}"#;
        let answer = json!({ "id": "v", "result": AGENT, "error": null });
        assert_eq!(replied(version), Some(answer));
        // Nobody could tell what these would be answers to.
        assert_eq!(replied(r#"{"id":null,"method":"mining.ping"}"#), None);
        let long = format!(r#"{{"id":"{}","method":"mining.ping"}}"#, "9".repeat(500_000));
        assert_eq!(replied(&long), None);
    }

    #[test]
    fn where_the_pool_wants_its_miners_is_read_as_pools_write_it() {
        let sent = |params: &str| {
            let line = format!(r#"{{"method":"client.reconnect","params":{params}}}"#);
            match subscribed().receive(line.as_bytes()) {
                Ok(Event::Reconnect(to)) => Some((to.host, to.port, to.wait.as_secs())),
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(!error.ends(), "{error}");
                    None
                }
            }
        };
        let host = || Some("pool.example".to_owned());
        assert_eq!(sent("[]"), Some((None, None, 0)));
        assert_eq!(sent("null"), Some((None, None, 0)));
        assert_eq!(sent(r#"["",null,null]"#), Some((None, None, 0)));
        assert_eq!(sent(r#"["pool.example",3334,5]"#), Some((host(), Some(3334), 5)));
        assert_eq!(sent(r#"["pool.example","3334","5"]"#), Some((host(), Some(3334), 5)));
        for wait in ["-1", "\"NaN\"", "1e300", "\"soon\"", "[]"] {
            let params = format!(r#"["pool.example",3334,{wait}]"#);
            assert_eq!(sent(&params), Some((host(), Some(3334), 0)), "{wait}");
        }
        for port in ["0", "65536", "-1", "1.5", "\"x\"", "{}"] {
            assert_eq!(sent(&format!(r#"["pool.example",{port}]"#)), None, "{port}");
        }
        assert_eq!(sent("[7,3334]"), None);
    }

    #[test]
    fn difficulties_that_are_none_change_nothing() {
        let set =
            |params: &str| format!(r#"{{"method":"mining.set_difficulty","params":{params}}}"#);
        let mut session = subscribed();
        session.receive(set("[0.5]").as_bytes()).unwrap();
        for odd in ["[0]", "[-1]", "[1e300]", "[1e400]", "[\"NaN\"]", "[\"inf\"]", "[null]", "[]"] {
            let error = session.receive(set(odd).as_bytes()).unwrap_err();
            assert!(!error.ends(), "{odd}: {error}");
            assert_eq!(work(&mut session).target, Target::from_difficulty(0.5).unwrap(), "{odd}");
        }
        session.receive(set(r#"["0.25"]"#).as_bytes()).unwrap();
        assert_eq!(work(&mut session).target, Target::from_difficulty(0.25).unwrap());
    }

    #[test]
    fn verdicts_are_told_apart() {
        let verdict = |line: &str| match subscribed().receive(line.as_bytes()).unwrap() {
            Event::Verdict(share, verdict) => (share, verdict),
            other => panic!("{other:?}"),
        };
        for nothing in ["null", "false", "[]", "{}", "\"\""] {
            let taken = format!(r#"{{"id":7,"result":true,"error":{nothing}}}"#);
            assert_eq!(verdict(&taken), (7, Ok(())), "{nothing}");
        }
        let refused = |rest: &str, reason: &str| {
            let line = format!(r#"{{"id":5,{rest}}}"#);
            assert_eq!(verdict(&line), (5, Err(reason.to_owned())));
        };
        let low = r#""result":null,"error":[23,"Low difficulty share",null]"#;
        refused(low, "Low difficulty share (code 23)");
        refused(r#""result":false,"error":null"#, "no reason given");
        refused(r#""result":false,"error":"stale-work""#, "stale-work");
        refused(r#""result":false,"reject-reason":"Above target""#, "Above target");
        refused(r#""error":{"code":-2,"message":"no"}"#, "no (code -2)");
        refused(r#""error":{"why":"no"}"#, r#"{"why":"no"}"#);
        refused(r#""error":[21]"#, "[21]");
        refused(r#""result":true,"error":true"#, "true");
    }

    #[test]
    fn a_pool_without_version_rolling_is_one() {
        for (line, reason) in [
            (
                r#"{"id":1,"result":null,"error":[20,"Not supported.",null]}"#,
                Some("Not supported. (code 20)"),
            ),
            (r#"{"id":1,"result":{"version-rolling":false},"error":null}"#, None),
        ] {
            let mut session = subscribed();
            assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted);
            assert_eq!(session.no_rolling(), reason);
            assert_eq!(work(&mut session).rolling, None);
        }
        let mut session = subscribed();
        let no_mask = r#"{"id":1,"result":{"version-rolling":true},"error":null}"#;
        assert!(!session.receive(no_mask.as_bytes()).unwrap_err().ends());
        assert_eq!(work(&mut session).rolling, None);
    }

    #[test]
    fn nonsense_is_an_error_that_says_what() {
        assert!(error("SSH-2.0").contains("no message of Stratum"));
        assert!(error("[]").contains("no message of Stratum"));
        assert!(error("{ id: null, result: [], error: true }").contains("no message of Stratum"));
        assert!(error(r#"{"id":3,"result":false,"error":[24,"who?",null]}"#).contains("who?"));
        assert!(error(r#"{"id":3,"result":false,"error":null}"#).ends_with("no reason given"));
        assert!(error(r#"{"method":"mining.set_difficulty","params":[0]}"#).contains("is none"));
        assert!(error(r#"{"method":"mining.set_difficulty"}"#).contains("expected a number"));
        assert!(error(r#"{"method":"mining.notify","params":["1"]}"#).contains("expected job"));
        assert!(error(r#"{"id":2,"result":[[],"zz",4]}"#).contains("mining.subscribe"));
        for size in ["0", "33", "-1", "1e9"] {
            let line = format!(r#"{{"id":2,"result":[[],"00",{size}]}}"#);
            assert!(error(&line).contains("1 to 32 bytes"), "{line}");
        }
    }

    #[test]
    fn a_pool_that_refuses_to_begin_says_why() {
        for (rest, reason) in [
            (r#""result":false,"error":"(20, 'Bad params', None)""#, "(20, 'Bad params', None)"),
            (r#""result":null,"error":[20,"Bad params",null]"#, "Bad params (code 20)"),
            (r#""error":{"code":20,"message":"Bad params"}"#, "Bad params (code 20)"),
        ] {
            let refused = format!(r#"{{"id":2,"jsonrpc":"2.0",{rest}}}"#);
            let expected = format!("the pool refused mining.subscribe: {reason}");
            assert_eq!(error(&refused), expected);
            assert!(subscribed().receive(refused.as_bytes()).unwrap_err().ends());
        }
        let lost = r#"{"id":null,"result":null,"error":[20,"Server is full",null]}"#;
        let said = Event::Message("Server is full (code 20)".to_owned());
        assert_eq!(subscribed().receive(lost.as_bytes()).unwrap(), said);
    }
}
