//! What a pool says, line by line, and what follows from it: the state of one connection.

use bitcoin::hex::FromHex as _;
use perjoule::block::{CompactTarget, Target, TargetError, Version, VersionMask};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::work::{Work, previous_from_hex};

/// The first three requests; all later ones hand in shares.
const CONFIGURE: u64 = 1;
const SUBSCRIBE: u64 = 2;
const AUTHORIZE: u64 = 3;
pub(crate) const FIRST_SHARE: u64 = 4;

/// More than any pool leaves to the miner.
const MAX_EXTRANONCE2: u64 = 32;

/// What a pool says that ends the work with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the pool sent what is no message of Stratum ({0}): is that the port of a pool?")]
    NotJson(serde_json::Error),
    #[error("the pool's {method} makes no sense, expected {expected}: {found}")]
    Nonsense { method: &'static str, expected: &'static str, found: Value },
    #[error("the pool sends jobs before it has said which extra nonces to use")]
    TooEarly,
    #[error("the pool does not accept this user: {0}")]
    Unauthorized(String),
    #[error("the pool sets a difficulty that is none: {0}")]
    Difficulty(#[from] TargetError),
}

/// What a line from the pool means for the miner.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// New work, in place of all before.
    Work(Work),
    /// A share was accepted, or not for a reason.
    Verdict(Result<(), Value>),
    /// The pool wants to be connected to anew.
    Reconnect,
    /// Something for people.
    Message(String),
    /// It is part of the state now.
    Noted,
}

/// A connection's state.
#[derive(Debug)]
pub(crate) struct Session {
    extranonce1: Option<Vec<u8>>,
    extranonce2_size: usize,
    target: Target,
    /// The version bits that the miner would roll.
    wish: Option<VersionMask>,
    /// Those of them that the pool lets it.
    rolling: Option<u32>,
    /// The newest job.
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
}

/// What the miner says first, in lines.
pub(crate) fn opening(user: &str, password: &str, mask: Option<VersionMask>) -> Vec<String> {
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
    let agent = concat!("perjoule/", env!("CARGO_PKG_VERSION"));
    lines.push(json!({ "id": SUBSCRIBE, "method": "mining.subscribe", "params": [agent] }));
    let who = [user, password];
    lines.push(json!({ "id": AUTHORIZE, "method": "mining.authorize", "params": who }));
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

impl Session {
    /// A connection that was opened with this wish.
    pub(crate) fn new(wish: Option<VersionMask>) -> Self {
        // Difficulty 1, until the pool says something else.
        let target = Target::MAX_ATTAINABLE_MAINNET;
        Self { extranonce1: None, extranonce2_size: 0, target, wish, rolling: None, job: None }
    }

    /// Takes a line in.
    ///
    /// # Errors
    ///
    /// When it makes no sense, or the pool does not want this miner. Methods that are not known are
    /// passed over, as the protocol has it.
    pub(crate) fn receive(&mut self, line: &[u8]) -> Result<Event, SessionError> {
        let line: Line = serde_json::from_slice(line).map_err(SessionError::NotJson)?;
        let Some(method) = &line.method else { return self.answer(line) };
        match method.as_str() {
            "mining.notify" => {
                let work = self.job(&line.params)?;
                self.job = Some(work.clone());
                return Ok(Event::Work(work));
            }
            "mining.set_difficulty" => {
                let found = line.params[0].as_f64();
                let difficulty = found.ok_or_else(|| {
                    nonsense("mining.set_difficulty", "a number", line.params.clone())
                })?;
                self.target = Target::from_difficulty(difficulty)?;
            }
            "mining.set_version_mask" => {
                let granted = bits(&line.params[0]).ok_or_else(|| {
                    nonsense("mining.set_version_mask", "8 hex digits", line.params.clone())
                })?;
                // Not where the miner does not roll.
                if self.rolling.is_some() {
                    return Ok(self.roll(granted));
                }
            }
            "client.reconnect" => return Ok(Event::Reconnect),
            "client.show_message" => {
                return Ok(Event::Message(line.params[0].as_str().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
        Ok(Event::Noted)
    }

    fn answer(&mut self, line: Line) -> Result<Event, SessionError> {
        let granted = line.result == Value::Bool(true) && line.error.is_null();
        match line.id.as_u64() {
            // A pool that does not know the request has no version rolling.
            Some(CONFIGURE) if line.result["version-rolling"] == Value::Bool(true) => {
                let given = &line.result["version-rolling.mask"];
                let granted = bits(given).ok_or_else(|| {
                    nonsense("mining.configure", "a mask of 8 hex digits", given.clone())
                })?;
                return Ok(self.roll(granted));
            }
            Some(SUBSCRIBE) => {
                let size = line.result[2].as_u64();
                let size = size.filter(|size| (1..=MAX_EXTRANONCE2).contains(size));
                let bytes = line.result[1].as_str().and_then(|hex| Vec::from_hex(hex).ok());
                let (Some(size), Some(bytes)) = (size, bytes) else {
                    let expected = "an extra nonce in hex and a size of 1 to 32 bytes";
                    return Err(nonsense("mining.subscribe", expected, line.result));
                };
                self.extranonce2_size = size as usize;
                self.extranonce1 = Some(bytes);
            }
            Some(AUTHORIZE) if !granted => {
                let no_reason = line.error.is_null();
                let reason =
                    if no_reason { "no reason given".into() } else { line.error.to_string() };
                return Err(SessionError::Unauthorized(reason));
            }
            Some(FIRST_SHARE..) => {
                return Ok(Event::Verdict(if granted { Ok(()) } else { Err(line.error) }));
            }
            _ => {}
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
        self.job.as_mut().map_or(Event::Noted, |work| {
            work.rolling = rolling;
            Event::Work(work.clone())
        })
    }

    fn job(&self, params: &Value) -> Result<Work, SessionError> {
        let extranonce1 = self.extranonce1.clone().ok_or(SessionError::TooEarly)?;
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
                extranonce2_size: self.extranonce2_size,
                target: self.target,
                rolling: self.rolling,
            })
        };
        let expected = "job, previous block, coinbase in two parts, branch, version, bits, time";
        work().ok_or_else(|| nonsense("mining.notify", expected, params.clone()))
    }
}

fn bits(mask: &Value) -> Option<u32> {
    u32::from_str_radix(mask.as_str()?, 16).ok()
}

fn nonsense(method: &'static str, expected: &'static str, found: Value) -> SessionError {
    SessionError::Nonsense { method, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &str = r#"{"id":null,"method":"mining.notify","params":["bf",
        "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000","01ff","02",[
        "0000000000000000000000000000000000000000000000000000000000000011"],
        "20000004","1c2ac4af","504e86b9",false]}"#;

    fn subscribed() -> Session {
        let mut session = Session::new(Some(VersionMask::BIP320));
        let line = r#"{"id":2,"result":[[["mining.notify","a"]],"08000002",4],"error":null}"#;
        assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted);
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
    fn verdicts_are_told_apart() {
        let verdict = |line: &str| subscribed().receive(line.as_bytes()).unwrap();
        let refused = r#"{"id":4,"result":null,"error":[23,"Low difficulty share",null]}"#;
        assert_eq!(verdict(r#"{"id":7,"result":true,"error":null}"#), Event::Verdict(Ok(())));
        assert!(matches!(verdict(refused), Event::Verdict(Err(reason)) if reason[0] == 23));
        let refused = r#"{"id":5,"result":false,"error":null}"#;
        assert!(matches!(verdict(refused), Event::Verdict(Err(_))));
    }

    #[test]
    fn a_pool_without_version_rolling_is_one() {
        for line in [
            r#"{"id":1,"result":null,"error":[20,"unknown method",null]}"#,
            r#"{"id":1,"result":{"version-rolling":false},"error":null}"#,
        ] {
            let mut session = subscribed();
            assert_eq!(session.receive(line.as_bytes()).unwrap(), Event::Noted);
            assert_eq!(work(&mut session).rolling, None);
        }
    }

    #[test]
    fn nonsense_is_an_error_that_says_what() {
        assert!(error("SSH-2.0").contains("no message of Stratum"));
        assert!(error("[]").contains("no message of Stratum"));
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
        let early = Session::new(None).receive(NOTIFY.as_bytes());
        assert!(matches!(early, Err(SessionError::TooEarly)));
    }
}
