//! Searches: the order of what they find, what they count, and how they end.
//!
//! What is expected comes from four nested loops over the oracle; which engines run, on how many
//! threads, who finishes first and who fails must not show.

#[path = "../common/mod.rs"]
mod common;
mod fake;
mod faults;
#[allow(dead_code)] // The library's own tests read the fields that these do not.
#[path = "../../src/block/tests/notable.rs"]
mod notable;
mod order;
mod stop;
mod stream;
mod throttle;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use perjoule::block::{Header, Target, Version, VersionMask};
use perjoule::engine::{
    self, Batching, Candidate, Engine, EngineError, EngineErrorKind, EngineId, Scanned, VerifyError,
};
use perjoule::gpu::DeviceError;
use perjoule::job::{Job, MAX_GROUP, NonceRange};
use perjoule::search::{
    Duty, End, MAX_THREADS, Outcome, Progress, Search, SearchControl, Stop, Throttle, Workers,
    WorkersError, first_of,
};

use common::{assert_same, header, target};
use fake::{Answer, Call, FEED, Fake, GPU, Gate, scan};

/// Every field of a [`Search`], so that the expected result can be worked out.
#[derive(Clone, Copy, Debug)]
struct Plan {
    header: Header,
    target: Target,
    nonces: NonceRange,
    mask: Option<VersionMask>,
    group: usize,
    seconds: u32,
}

impl Plan {
    /// The header's own version and time, in groups of the default size.
    fn new(header: Header, target: Target, nonces: NonceRange) -> Self {
        Self { header, target, nonces, mask: None, group: MAX_GROUP, seconds: 0 }
    }

    fn search(&self) -> Search {
        let search = Search::new(self.header, self.target)
            .nonces(self.nonces)
            .group_size(self.group)
            .expect("1 to 8")
            .roll_time(self.seconds);
        match self.mask {
            Some(mask) => search.versions(mask),
            None => search,
        }
    }

    fn versions(&self) -> Vec<Version> {
        let base = self.header.version();
        match self.mask {
            Some(mask) => (0..mask.versions()).map(|index| mask.version(base, index)).collect(),
            None => vec![base],
        }
    }

    /// The solved headers, at most `limit`, in the order that the search documents: time, version
    /// group, nonce, version inside the group.
    fn solved(&self, limit: usize) -> Vec<Header> {
        let mut solved = Vec::new();
        let versions = self.versions();
        for time in self.header.time()..=self.header.time().saturating_add(self.seconds) {
            for group in versions.chunks(self.group) {
                for nonce in u64::from(self.nonces.start())..self.nonces.end() {
                    for &version in group {
                        let header = self.header.with_time(time).with_version(version);
                        let header = header.with_nonce(nonce as u32);
                        if self.target.is_met_by(&common::hash(&header)) {
                            solved.push(header);
                        }
                        if solved.len() == limit {
                            return solved;
                        }
                    }
                }
            }
        }
        solved
    }
}

/// Compares shares with headers, and their hashes with the oracle's.
#[track_caller]
fn assert_shares(outcome: &Outcome, expected: &[Header], what: &dyn fmt::Display) {
    let found: Vec<_> = outcome.shares.iter().map(|share| *share.header()).collect();
    assert_same(&found, expected, what);
    for share in &outcome.shares {
        assert_eq!(share.hash(), common::hash(share.header()), "{what}");
    }
}

fn workers(engine: &Arc<dyn Engine>, threads: usize) -> Workers {
    Workers::builder(engine.clone()).threads(threads).build().expect("a few threads")
}

fn scalar_engine() -> Arc<dyn Engine> {
    engine::by_id(EngineId::Scalar).expect("on every machine")
}

fn scalar(threads: usize) -> Workers {
    workers(&scalar_engine(), threads)
}

/// The first `limit` shares of a search that could go on for years, where an engine finds nothing:
/// it gets a minute.
fn all_in_time(search: &Search, limit: usize, workers: &Workers) -> Outcome {
    let stop = Stop::default();
    let mut patience = |progress: Progress| {
        if progress.elapsed > PATIENCE {
            stop.stop();
        }
    };
    search.all(limit, workers, SearchControl::default().stop(&stop).progress(&mut patience))
}

/// Long enough for an emulator; nothing that passes waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

fn nonces(start: u32, len: u64) -> NonceRange {
    NonceRange::new(start, u64::from(start) + len).expect("below 2^32")
}

fn mask(bits: u32) -> VersionMask {
    VersionMask::from_consensus(bits).expect("not zero")
}

/// Masks of none, 1, 2, 3 and 16 bits, in groups of each size that makes a difference.
fn rolling() -> Vec<(Option<VersionMask>, usize)> {
    let mut rolling = vec![(None, 1), (None, 8)];
    rolling.extend([1, 2, 8].map(|group| (Some(mask(0x0000_2000)), group)));
    rolling.extend([1, 3, 4, 8].map(|group| (Some(mask(0x1000_2000)), group)));
    rolling.extend([2, 3, 5, 7, 8].map(|group| (Some(mask(0x8000_0801)), group)));
    rolling.extend((1..=MAX_GROUP).map(|group| (Some(VersionMask::BIP320), group)));
    rolling
}

/// Searches of 1, 2, 3 … nonces, solvable from `easy` on; counts those asked for.
fn series(easy: usize, asked: &mut usize) -> impl Iterator<Item = Search> {
    (0..5).map(move |i| {
        *asked += 1;
        let target = if i < easy { Target::MIN } else { Target::MAX };
        Search::new(header(i as u8), target).nonces(nonces(9, i as u64 + 1))
    })
}

/// What `search` gives, unless it takes longer than anything that passes.
#[track_caller]
fn in_time<T: Send + 'static>(search: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(search()));
    wait.recv_timeout(PATIENCE).expect("the search does not end")
}

/// A search that lasts for centuries.
fn endless() -> Search {
    Search::new(header(70), Target::MIN).roll_time(u32::MAX)
}

/// Compares a search for all shares, and what it counts, with the oracle.
#[track_caller]
fn assert_exhausted(outcome: &Outcome, plan: &Plan, solved: &[Header], what: &dyn fmt::Display) {
    assert_shares(outcome, solved, what);
    assert_eq!(outcome.end, End::Exhausted, "{what}");
    assert_eq!(u128::from(outcome.hashes), plan.search().hashes(), "{what}");
}
