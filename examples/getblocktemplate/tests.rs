//! The miner on a node that follows a script and checks every block's header.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use bitcoin::hex::FromHex as _;
use perjoule::block::{BlockHash, Target};
use perjoule::engine;
use perjoule::sha256::sha256d;
use serde_json::{Value, json};

use super::*;

/// What the node does otherwise: by the method, and how often it was called before.
type Odd = fn(&str, u32) -> Option<(&'static str, String)>;

/// A chain of regtest that grows with each block that is handed in.
struct Chain {
    odd: Odd,
    state: Mutex<State>,
    grown: Condvar,
}

struct State {
    tip: String,
    height: u32,
    calls: HashMap<String, u32>,
}

impl Chain {
    /// Answers at this address from now on.
    fn served(odd: Odd) -> (Arc<Self>, String) {
        let tip = format!("{:064x}", 1);
        let state = State { tip, height: 0, calls: HashMap::new() };
        let chain = Arc::new(Self { odd, state: Mutex::new(state), grown: Condvar::new() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = chain.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let chain = served.clone();
                thread::spawn(move || chain.answer(stream.unwrap()));
            }
        });
        (chain, url)
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let question: Value = serde_json::from_slice(&body).unwrap();
        let method = question["method"].as_str().unwrap();
        let before = {
            let mut state = self.state.lock().unwrap();
            let calls = state.calls.entry(method.to_owned()).or_default();
            *calls += 1;
            *calls - 1
        };
        let (status, body) = (self.odd)(method, before).unwrap_or_else(|| {
            let result = self.result(method, &question["params"]);
            ("200 OK", json!({ "result": result, "error": null }).to_string())
        });
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close");
        // Who asked may be gone.
        let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
    }

    fn result(&self, method: &str, params: &Value) -> Value {
        let mut state = self.state.lock().unwrap();
        match method {
            "getblockchaininfo" => json!({ "chain": "regtest", "blocks": state.height }),
            "getblocktemplate" => json!({
                "version": 0x2000_0000,
                "rules": ["csv", "!segwit", "taproot"],
                "transactions": [],
                "coinbasevalue": 5_000_000_000_u64,
                "mintime": 1_296_688_603,
                "curtime": 1_795_339_425,
                "mutable": ["time", "transactions", "prevblock"],
                "bits": "207fffff",
                "target": format!("7fffff{}", "00".repeat(29)),
                "height": state.height + 1,
                "previousblockhash": state.tip,
                "default_witness_commitment":
                    "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9",
            }),
            "waitforblockheight" => {
                let wanted = params[0].as_u64().unwrap() as u32;
                let patience = Duration::from_millis(params[1].as_u64().unwrap());
                let lower = |state: &mut State| state.height < wanted;
                let (state, _) = self.grown.wait_timeout_while(state, patience, lower).unwrap();
                json!({ "height": state.height })
            }
            "submitblock" => {
                let block = Vec::<u8>::from_hex(params[0].as_str().unwrap()).unwrap();
                let hash = BlockHash::from_bytes(sha256d(&block[..80]));
                assert!(Target::MAX_ATTAINABLE_REGTEST.is_met_by(&hash));
                let previous = BlockHash::from_bytes(block[4..36].try_into().unwrap());
                if hash.to_string() == state.tip {
                    return json!("duplicate");
                }
                if previous.to_string() != state.tip {
                    return json!("inconclusive");
                }
                state.tip = hash.to_string();
                state.height += 1;
                self.grown.notify_all();
                Value::Null
            }
            _ => panic!("{method}"),
        }
    }

    fn calls(&self, method: &str) -> u32 {
        self.state.lock().unwrap().calls.get(method).copied().unwrap_or(0)
    }

    fn height(&self) -> u32 {
        self.state.lock().unwrap().height
    }
}

/// How mining ended, and the blocks that were accepted, refused and not answered.
struct Mined {
    end: Result<(), String>,
    counts: (u32, u32, u32),
    chain: Arc<Chain>,
}

/// Mines so many blocks, or until `enough`.
fn mined(blocks: u32, odd: Odd, enough: impl Fn(&Chain) -> bool + Send + 'static) -> Mined {
    let (chain, url) = Chain::served(odd);
    let password = Credentials::Password { user: "u".to_owned(), password: "p".to_owned() };
    let node = Arc::new(Node::new(&url, password, false).unwrap());
    let desk = Arc::new(Desk::default());
    let (asked, filled) = (node.clone(), desk.clone());
    thread::spawn(move || watch::watch(&asked, Network::Regtest, &filled));
    let (seen, closed) = (chain.clone(), desk.clone());
    thread::spawn(move || {
        while !closed.wait_closed(Duration::from_millis(20)) {
            if enough(&seen) {
                closed.close();
            }
        }
    });
    let courier = Arc::new(Courier::new(node, desk.clone(), blocks, false));
    let engine = engine::by_id(EngineId::Scalar).unwrap();
    let mut miner = Miner {
        workers: Workers::builder(engine).threads(1).build().unwrap(),
        payout: payout(None, Network::Regtest).unwrap(),
        mask: None,
        courier: courier.clone(),
        desk,
        faults: Faults::default(),
        extra_nonce: 0,
    };
    let end = miner.mine().map_err(|error| error.to_string());
    courier.finish().unwrap();
    let mut counts = (0, 0, 0);
    courier.count(|tally| counts = (tally.accepted, tally.refused, tally.unanswered));
    Mined { end, counts, chain }
}

fn never(_: &Chain) -> bool {
    false
}

#[test]
fn blocks_are_mined_until_there_are_enough() {
    let mined = mined(5, |_, _| None, never);
    assert_eq!((mined.end, mined.counts), (Ok(()), (5, 0, 0)));
    assert_eq!(mined.chain.height(), 5);
}

#[test]
fn a_node_that_does_not_tell_of_blocks_is_asked_for_them() {
    let unknown =
        json!({ "result": null, "error": { "code": -32601, "message": "Method not found" } });
    assert_eq!(unknown.to_string(), NOT_FOUND);
    for odd in [
        (|method, _| {
            (method == "waitforblockheight").then(|| ("404 Not Found", NOT_FOUND.to_owned()))
        }) as Odd,
        |method, _| (method == "waitforblockheight").then(|| ("200 OK", NOT_FOUND.to_owned())),
        |method, _| (method == "waitforblockheight").then(|| ("403 Forbidden", String::new())),
    ] {
        let mined = mined(3, odd, never);
        assert_eq!((mined.end, mined.counts), (Ok(()), (3, 0, 0)));
        assert_eq!(mined.chain.calls("waitforblockheight"), 1, "asked again and again");
    }
}

const NOT_FOUND: &str = r#"{"error":{"code":-32601,"message":"Method not found"},"result":null}"#;

#[test]
fn a_block_is_handed_in_again_where_the_node_slips_once() {
    for odd in [
        (|method, before| {
            let slip = method == "submitblock" && before == 0;
            slip.then(|| ("500 Internal Server Error", "<html>".to_owned()))
        }) as Odd,
        |method, before| {
            let slip = method == "submitblock" && before < 2;
            slip.then(|| ("502 Bad Gateway", String::new()))
        },
        |method, before| {
            (method == "submitblock" && before == 0).then(|| ("200 OK", "{oops".to_owned()))
        },
    ] {
        let mined = mined(1, odd, never);
        assert_eq!((mined.end, mined.counts.1), (Ok(()), 0));
        assert_eq!(mined.counts.0, 1);
        assert_eq!(mined.chain.height(), 1);
    }
}

#[test]
fn a_node_that_slips_in_between_is_asked_again() {
    let odd: Odd = |method, before| {
        let slip = match method {
            "getblocktemplate" | "getblockchaininfo" => before == 1,
            "waitforblockheight" => before == 2,
            _ => false,
        };
        slip.then(|| ("502 Bad Gateway", "<html>".to_owned()))
    };
    let mined = mined(4, odd, never);
    assert_eq!((mined.end, mined.counts), (Ok(()), (4, 0, 0)));
}

#[test]
fn a_first_answer_that_makes_no_sense_is_an_error() {
    let odd: Odd = |method, _| {
        (method == "getblocktemplate").then(|| ("502 Bad Gateway", "<html>".to_owned()))
    };
    let error = mined(1, odd, never).end.unwrap_err();
    assert!(error.contains("502") && error.contains("getblocktemplate"), "{error}");
}

/// The node takes in a block and says nothing: the search goes on, and the end does not wait for it.
#[test]
fn a_node_that_hangs_on_a_block_holds_up_neither_search_nor_end() {
    let odd: Odd = |method, before| {
        if method == "submitblock" && before == 0 {
            thread::sleep(Duration::from_mins(10));
        }
        None
    };
    // The next blocks, of the same place and of others, are taken.
    let began = Instant::now();
    let mined = mined(u32::MAX, odd, |chain| chain.height() >= 3);
    assert_eq!(mined.end, Ok(()));
    assert!(mined.counts.0 >= 2 && mined.counts.2 >= 1, "{:?}", mined.counts);
    // An answer was waited for 40 s, before.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn a_block_that_is_not_taken_at_the_end_is_counted_as_unanswered() {
    let odd: Odd = |method, _| {
        (method == "submitblock").then(|| ("500 Internal Server Error", "<html>".to_owned()))
    };
    let mined = mined(u32::MAX, odd, |chain| chain.calls("submitblock") >= 2);
    assert_eq!(mined.end, Ok(()));
    assert!(mined.counts.0 == 0 && mined.counts.2 >= 1, "{:?}", mined.counts);
}

#[test]
fn a_node_that_forbids_blocks_is_an_error_and_the_block_is_not_forgotten() {
    let odd: Odd = |method, _| (method == "submitblock").then(|| ("403 Forbidden", String::new()));
    let mined = mined(1, odd, never);
    assert!(mined.end.unwrap_err().contains("rpcwhitelist"));
    assert_eq!(mined.counts, (0, 0, 1));
}
