//! The miner against a pool that follows a script and checks every share by the book.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use bitcoin::hex::FromHex as _;
use perjoule::block::{BlockHash, Target};
use perjoule::engine;
use perjoule::sha256::sha256d;
use serde_json::{Value, json};

use super::pool::Verdicts;
use super::*;

/// Some 40,000 hashes a share.
const DIFFICULTY: f64 = 1e-5;

const COINBASE: [&str; 2] = ["01000000010000ff", "ffffffff0100f2052a01000000"];
const BRANCH: [&str; 2] = [
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
];
const PREVIOUS: &str = "00000001000000020000000300000004000000050000000600000007000000ff";
const VERSION: u32 = 0x2000_0004;
const BITS: u32 = 0x1d00_ffff;
const TIME: u32 = 0x6000_0000;

/// Ends the miner too when a check of the script fails.
struct Script(Arc<Desk<Work, PoolError>>);

impl Drop for Script {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}

/// Mines for a pool that follows `script`, until it took `shares`.
fn mined(
    shares: u64,
    script: impl FnOnce(&TcpListener) + Send + 'static,
) -> (Result<Verdicts, String>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pool = address.to_string().parse().unwrap();
    let mask = Some(VersionMask::BIP320);
    let pool = Arc::new(Pool::new(pool, "me.1".to_owned(), "x".to_owned(), mask));
    let desk = Arc::new(Desk::default());
    let ends = Script(desk.clone());
    let script = thread::spawn(move || {
        let _ends = ends;
        script(&listener);
    });
    let engine = engine::by_id(EngineId::Scalar).unwrap();
    let workers = Workers::builder(engine).threads(2).build().unwrap();
    let end = mine(&pool, workers, shares, &desk);
    // A script that waits for another connection would wait for ever.
    let _ = TcpStream::connect(address);
    (end.map(|()| pool.verdicts()).map_err(|error| error.to_string()), script)
}

/// The pool's end of a connection.
struct Miner {
    lines: BufReader<TcpStream>,
    extranonce1: &'static str,
    extranonce2_size: usize,
    /// The extra nonces of each job.
    jobs: HashMap<String, (&'static str, usize)>,
    mask: Option<u32>,
    known: HashSet<String>,
    asked_for_extranonces: bool,
}

impl Miner {
    /// Waits for a miner and lets it say who it is; grants it `mask`.
    fn greeted(listener: &TcpListener, extranonce1: &'static str, mask: Option<u32>) -> Self {
        let mut miner = Self::come(listener, extranonce1, mask);
        for method in ["mining.configure", "mining.subscribe", "mining.authorize"] {
            let line = miner.line();
            assert_eq!(line["method"], method);
            let (result, error) = match (method, mask) {
                ("mining.configure", Some(mask)) => {
                    let mask = format!("{mask:08x}");
                    assert_eq!(line["params"][1]["version-rolling.mask"], "1fffe000");
                    (json!({ "version-rolling": true, "version-rolling.mask": mask }), Value::Null)
                }
                ("mining.configure", None) => (Value::Null, json!([20, "what?", null])),
                ("mining.subscribe", _) => (json!([[], extranonce1, 4]), Value::Null),
                _ => (json!(line["params"] == json!(["me.1", "x"])), Value::Null),
            };
            miner.say(&json!({ "id": line["id"], "result": result, "error": error }));
        }
        miner.set_difficulty();
        miner
    }

    /// Waits for a miner, and says nothing.
    fn come(listener: &TcpListener, extranonce1: &'static str, mask: Option<u32>) -> Self {
        let stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self {
            lines: BufReader::new(stream),
            extranonce1,
            extranonce2_size: 4,
            jobs: HashMap::new(),
            mask,
            known: HashSet::new(),
            asked_for_extranonces: false,
        }
    }

    fn set_difficulty(&mut self) {
        self.say(&json!({ "method": "mining.set_difficulty", "params": [DIFFICULTY] }));
    }

    fn say_text(&mut self, text: &str) {
        let _ = self.lines.get_mut().write_all(text.as_bytes());
    }

    fn line(&mut self) -> Value {
        self.line_or_end().expect("the miner hung up")
    }

    /// What the miner says next; `None` once it has hung up.
    fn line_or_end(&mut self) -> Option<Value> {
        let mut line = String::new();
        let line: Value = match self.lines.read_line(&mut line) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            Ok(0) | Err(_) => return None,
            Ok(_) => serde_json::from_str(&line).unwrap(),
        };
        if line["method"] != "mining.extranonce.subscribe" {
            return Some(line);
        }
        assert!(!std::mem::replace(&mut self.asked_for_extranonces, true));
        self.say(&json!({ "id": line["id"], "result": true, "error": null }));
        self.line_or_end()
    }

    fn say(&mut self, line: &Value) {
        // A miner that has what it wants may have hung up.
        let _ = self.lines.get_mut().write_all(format!("{line}\n").as_bytes());
    }

    fn notify(&mut self, job: &str) {
        let (version, bits, time) =
            (format!("{VERSION:08x}"), format!("{BITS:08x}"), format!("{TIME:08x}"));
        self.jobs.insert(job.to_owned(), (self.extranonce1, self.extranonce2_size));
        let [before, behind] = COINBASE;
        // Each job has a coinbase of its own.
        let behind = format!("{behind}{:02x}", job.as_bytes()[0]);
        let params = json!([job, PREVIOUS, before, behind, BRANCH, version, bits, time, true]);
        self.say(&json!({ "id": null, "method": "mining.notify", "params": params }));
    }

    /// The next share, checked and not seen before: the job that it is of. The pool takes it if it
    /// is of `job`.
    fn share(&mut self, job: &str) -> String {
        let line = self.line();
        self.judge(&line, job)
    }

    fn judge(&mut self, line: &Value, job: &str) -> String {
        assert_eq!(line["method"], "mining.submit");
        let text: Vec<_> =
            line["params"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!((text[0], text.len()), ("me.1", if self.mask.is_some() { 6 } else { 5 }));
        assert!(self.known.insert(text.join(" ")), "a share came twice: {line}");
        self.check(&text);
        let taken = text[1] == job;
        let error = if taken { Value::Null } else { json!([21, "Job not found", null]) };
        self.say(&json!({ "id": line["id"], "result": taken, "error": error }));
        text[1].to_owned()
    }

    /// Puts the header together by the book, and hashes it so.
    fn check(&self, text: &[&str]) {
        let bytes = |hex: &str| Vec::<u8>::from_hex(hex).unwrap();
        let number = |hex: &str| {
            assert_eq!(hex.len(), 8);
            u32::from_str_radix(hex, 16).unwrap()
        };
        let (extranonce1, size) = self.jobs[text[1]];
        assert_eq!(text[2].len(), 2 * size, "the size of the extra nonce");
        let job = format!("{:02x}", text[1].as_bytes()[0]);
        let coinbase = [COINBASE[0], extranonce1, text[2], COINBASE[1], &job].concat();
        let mut root = sha256d(&bytes(&coinbase));
        for other in BRANCH {
            root = sha256d(&[&root[..], &bytes(other)].concat());
        }
        let mut version = VERSION;
        if let Some(mask) = self.mask {
            let rolled = number(text[5]);
            assert_eq!(rolled & !mask, 0, "bits that are not the miner's");
            version = version & !mask | rolled;
        }
        let previous: Vec<u8> = bytes(PREVIOUS)
            .chunks(4)
            .flat_map(|word| word.iter().rev().copied().collect::<Vec<_>>())
            .collect();
        let header = [
            &version.to_le_bytes()[..],
            &previous,
            &root,
            &number(text[3]).to_le_bytes(),
            &BITS.to_le_bytes(),
            &number(text[4]).to_le_bytes(),
        ]
        .concat();
        assert_eq!((header.len(), number(text[3])), (80, TIME));
        let hash = BlockHash::from_bytes(sha256d(&header));
        assert!(Target::from_difficulty(DIFFICULTY).unwrap().is_met_by(&hash), "{hash}");
    }

    /// Shares of `job`, and before the first of them perhaps some that were on their way.
    fn shares_after_others(&mut self, job: &str, count: usize) {
        let mut late = 0;
        while self.share(job) != job {
            late += 1;
            assert!(late < 100, "shares of the old job do not end");
        }
        for _ in 1..count {
            assert_eq!(self.share(job), job, "an old job came back");
        }
    }

    /// Takes shares of `job` until the miner has hung up.
    fn shares_to_the_end(&mut self, job: &str) {
        while let Some(line) = self.line_or_end() {
            assert_eq!(self.judge(&line, job), job);
        }
    }
}

#[test]
fn every_share_is_right_and_of_the_newest_job() {
    let (verdicts, script) = mined(9, |listener| {
        // Bits 13 and 14 only: fewer than the miner wished for.
        let mut miner = Miner::greeted(listener, "a1a2a3", Some(0x6000));
        miner.notify("a");
        miner.shares_after_others("a", 3);
        miner.notify("b");
        miner.shares_after_others("b", 3);
        // The connection ends, and the next one has another extra nonce, and no rolling.
        drop(miner);
        let mut miner = Miner::greeted(listener, "b1b2", None);
        miner.notify("c");
        miner.shares_after_others("c", 3);
        miner.shares_to_the_end("c");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 9);
}

#[test]
fn versions_are_rolled_in_all_bits_that_are_granted() {
    let (verdicts, script) = mined(24, |listener| {
        let mut miner = Miner::greeted(listener, "00", Some(0x1fff_e000));
        miner.notify("a");
        miner.shares_to_the_end("a");
        let rolled = |line: &&String| !line.ends_with(" 00000000");
        // Seven of eight versions in a group are.
        assert!(miner.known.iter().filter(rolled).count() > 8);
    });
    script.join().unwrap();
    let Verdicts { accepted, refused, .. } = verdicts.unwrap();
    assert_eq!((accepted, refused), (24, 0));
}

/// The pool's end fails if a share comes twice.
#[test]
fn a_job_that_is_sent_again_has_other_shares() {
    let (verdicts, script) = mined(12, |listener| {
        let mut miner = Miner::greeted(listener, "00", None);
        for _ in 0..3 {
            miner.notify("a");
            miner.shares_after_others("a", 3);
        }
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    let Verdicts { accepted, refused, .. } = verdicts.unwrap();
    assert_eq!((accepted, refused), (12, 0));
}

#[test]
fn a_pool_that_hangs_up_at_once_is_an_error() {
    let (verdicts, script) = mined(1, |listener| drop(listener.accept().unwrap()));
    script.join().unwrap();
    let error = verdicts.unwrap_err();
    assert!(error.contains("before it said anything") && error.contains("--no-version"), "{error}");
}

/// As one does that is started anew behind something that takes its connections.
#[test]
fn a_pool_that_was_there_before_may_hang_up_at_once() {
    let (verdicts, script) = mined(1, |listener| {
        drop(Miner::greeted(listener, "00", None));
        drop(listener.accept().unwrap());
        let mut miner = Miner::greeted(listener, "01", None);
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

#[test]
fn a_pool_may_send_its_miners_back_but_not_to_another_host() {
    let (verdicts, script) = mined(1, |listener| {
        for params in [json!(["elsewhere.example", 1, 0]), json!([])] {
            let mut miner = Miner::greeted(listener, "00", None);
            miner.say(&json!({ "method": "client.reconnect", "params": params }));
        }
        let mut miner = Miner::greeted(listener, "01", None);
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

#[test]
fn another_port_of_the_same_host_is_followed_after_the_wait() {
    let (verdicts, script) = mined(4, |listener| {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let mut miner = Miner::greeted(listener, "00", None);
        miner.notify("a");
        miner.shares_after_others("a", 2);
        let sent = std::time::Instant::now();
        miner.say(&json!({ "method": "client.reconnect", "params": ["127.0.0.1", port, 1] }));
        let mut miner = Miner::greeted(&other, "01", None);
        // Much longer than it waits by itself.
        assert!(sent.elapsed() >= Duration::from_secs(1), "{:?}", sent.elapsed());
        miner.notify("b");
        miner.shares_to_the_end("b");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 4);
}

#[test]
fn who_was_sent_where_nobody_is_comes_back() {
    let (verdicts, script) = mined(1, |listener| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut miner = Miner::greeted(listener, "00", None);
        miner.say(&json!({ "method": "client.reconnect", "params": ["localhost", closed] }));
        let mut miner = Miner::greeted(listener, "01", None);
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

#[test]
fn a_job_before_all_answers_is_worked_on() {
    let (verdicts, script) = mined(3, |listener| {
        let mut miner = Miner::come(listener, "a1a2a3", Some(0x6000));
        miner.set_difficulty();
        miner.notify("a");
        let asked: Vec<_> = (0..3).map(|_| miner.line()["id"].clone()).collect();
        let rolling = json!({ "version-rolling": true, "version-rolling.mask": "00006000" });
        for (id, result) in asked.iter().zip([rolling, json!([[], "a1a2a3", 4]), json!(true)]) {
            miner.say(&json!({ "id": id, "result": result, "error": null }));
        }
        miner.shares_to_the_end("a");
        assert!(miner.asked_for_extranonces);
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 3);
}

#[test]
fn odd_lines_of_a_pool_are_passed_over() {
    let (verdicts, script) = mined(6, |listener| {
        let mut miner = Miner::greeted(listener, "00", None);
        miner.notify("a");
        miner.shares_after_others("a", 3);
        for odd in [
            "{ id: null, result: [], error: true }\n",
            "\n",
            "<html>\r\n",
            "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"b\"]}\n",
            "{\"method\":\"mining.set_difficulty\",\"params\":[0]}\n",
            "{\"method\":\"mining.set_difficulty\",\"params\":[-1]}\n",
            "{\"method\":\"mining.set_difficulty\",\"params\":[1e400]}\n",
            "{\"method\":\"mining.set_extranonce\",\"params\":[7]}\n",
            "{\"method\":\"client.reconnect\",\"params\":[\"127.0.0.1\",0]}\n",
            "\u{202e}\u{0}\n",
        ] {
            miner.say_text(odd);
        }
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    let Verdicts { accepted, refused, .. } = verdicts.unwrap();
    assert_eq!((accepted, refused), (6, 0));
}

#[test]
fn an_odd_answer_to_the_first_question_is_passed_over() {
    let (verdicts, script) = mined(1, |listener| {
        let mut miner = Miner::come(listener, "00", None);
        // A pool that lets versions be rolled and does not say which bits.
        let rolling = json!({ "version-rolling": true });
        let asked: Vec<_> = (0..3).map(|_| miner.line()["id"].clone()).collect();
        for (id, result) in asked.iter().zip([rolling, json!([[], "00", 4]), json!(true)]) {
            miner.say(&json!({ "id": id, "result": result, "error": null }));
        }
        miner.set_difficulty();
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

/// What would be an error of a pool that was never of use is a reason to come back later to another.
#[test]
fn whatever_a_pool_does_that_took_shares_the_miner_comes_back() {
    let (verdicts, script) = mined(4, |listener| {
        let mut miner = Miner::greeted(listener, "00", None);
        miner.notify("a");
        miner.shares_after_others("a", 1);
        miner.say_text(&"odd\n".repeat(1_000));
        drop(miner);
        let mut miner = Miner::greeted(listener, "01", None);
        miner.notify("b");
        miner.shares_after_others("b", 1);
        miner.say_text(&"x".repeat(2_000_000));
        drop(miner);
        let mut miner = Miner::greeted(listener, "02", None);
        miner.say_text("{\"id\":3,\"result\":false,\"error\":\"full\"}\n");
        // Until it has hung up.
        while miner.line_or_end().is_some() {}
        let mut miner = Miner::greeted(listener, "03", None);
        miner.notify("c");
        miner.shares_to_the_end("c");
    });
    script.join().unwrap();
    assert!(verdicts.unwrap().accepted >= 4);
}

#[test]
fn new_extra_nonces_are_used_from_the_next_job_on() {
    let (verdicts, script) = mined(8, |listener| {
        let mut miner = Miner::greeted(listener, "a1a2a3", None);
        miner.notify("a");
        miner.shares_after_others("a", 2);
        (miner.extranonce1, miner.extranonce2_size) = ("6351117f64", 3);
        miner.say(&json!({ "method": "mining.set_extranonce", "params": ["6351117f64", 3] }));
        miner.shares_after_others("a", 2);
        miner.notify("b");
        miner.shares_after_others("b", 4);
        miner.shares_to_the_end("b");
        assert!(miner.asked_for_extranonces);
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 8);
}

#[test]
fn pings_are_answered() {
    let (verdicts, script) = mined(1, |listener| {
        let mut miner = Miner::greeted(listener, "00", None);
        for (id, method, answer) in [
            (42, "mining.ping", "pong"),
            (43, "client.get_version", concat!("perjoule/", env!("CARGO_PKG_VERSION"))),
        ] {
            miner.say(&json!({ "id": id, "method": method, "params": [] }));
            assert_eq!(miner.line(), json!({ "id": id, "result": answer, "error": null }));
        }
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

#[test]
fn verdicts_on_shares_that_nobody_handed_in_do_not_count() {
    let (verdicts, script) = mined(3, |listener| {
        let mut miner = Miner::greeted(listener, "00", None);
        for id in (0..1_000).filter(|id| !(1..=3).contains(id)) {
            miner.say(&json!({ "id": id, "result": id % 2 == 0, "error": null }));
        }
        miner.notify("a");
        miner.shares_after_others("a", 2);
        miner.say(&json!({ "id": 1_000_000, "result": true, "error": null }));
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    let Verdicts { accepted, refused, handed_in } = verdicts.unwrap();
    assert_eq!((accepted, refused), (3, 0));
    assert!(handed_in >= 3);
}

/// It is asked again, and in turn without what it may not know.
#[test]
fn a_pool_that_hangs_up_before_it_gave_work_is_tried_again() {
    let (verdicts, script) = mined(1, |listener| {
        let mut asked = Vec::new();
        for _ in 0..2 {
            let mut miner = Miner::greeted(listener, "00", None);
            // The rest of the opening is there with its first part, if it is.
            miner.lines.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut rest = String::new();
            let _ = miner.lines.read_line(&mut rest);
            asked.push(rest.contains("mining.extranonce.subscribe"));
        }
        assert_eq!(asked, [true, false]);
        let mut miner = Miner::greeted(listener, "01", None);
        miner.notify("a");
        miner.shares_to_the_end("a");
    });
    script.join().unwrap();
    assert_eq!(verdicts.unwrap().accepted, 1);
}

#[test]
fn what_no_pool_sends_is_an_error() {
    let error = |bytes: Vec<u8>| {
        let (verdicts, script) = mined(1, move |listener| {
            let mut stream = listener.accept().unwrap().0;
            // The miner hangs up when it has seen enough.
            let _ = stream.write_all(&bytes);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        script.join().unwrap();
        verdicts.unwrap_err()
    };
    assert!(error(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).contains("no message of Stratum"));
    assert!(error(b"\n".to_vec()).contains("no message of Stratum"));
    let refused = br#"{"id":3,"result":false,"error":[24,"Unauthorized worker",null]}"#;
    assert!(error([&refused[..], b"\n"].concat()).contains("Unauthorized worker"));
    let refused = br#"{"id":2,"result":false,"error":"(20, 'Bad params', None)"}"#;
    assert!(error([&refused[..], b"\n"].concat()).contains("(20, 'Bad params', None)"));
    let text = "x".repeat(10_000_000);
    let long = json!({ "method": "client.show_message", "params": [text] });
    assert!(error(format!("{long}\n").into_bytes()).contains("a line of more than 1048576 bytes"));
}

#[test]
fn a_line_without_end_is_an_error_soon() {
    let (verdicts, script) = mined(1, |listener| {
        let mut stream = listener.accept().unwrap().0;
        let blanks = vec![b' '; 1_000_000];
        // What the system buffers on the way is a part of that.
        let read_on = (0..64).all(|_| stream.write_all(&blanks).is_ok());
        assert!(!read_on, "the miner reads on and on");
    });
    script.join().unwrap();
    assert!(verdicts.unwrap_err().contains("a line of more than 1048576 bytes"));
}

#[test]
fn a_pool_that_is_not_there_is_an_error_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = closed.to_string().parse().unwrap();
    let pool = Arc::new(Pool::new(address, String::new(), String::new(), None));
    let engine = engine::by_id(EngineId::Scalar).unwrap();
    let workers = Workers::builder(engine).threads(1).build().unwrap();
    let error = mine(&pool, workers, 1, &Arc::default()).unwrap_err().to_string();
    assert!(error.contains("no connection to 127.0.0.1:"), "{error}");
}
