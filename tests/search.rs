//! Searches: the order of what they find, what they count, and how they end.
//!
//! What is expected comes from four nested loops over the oracle; which engines run, on how many
//! threads, who finishes first and who fails must not show.

mod common;
#[allow(dead_code)] // The library's own tests read the fields that these do not.
#[path = "../src/block/tests/notable.rs"]
mod notable;

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

#[test]
fn the_first_share_is_the_same_on_every_engine_and_number_of_threads() {
    // One hash in 4,096, so that most first shares are several pieces into the search; every other
    // hash; and every hash.
    let targets = [target(0x000f_ffff, 0xff), Target::MAX_ATTAINABLE_REGTEST, Target::MAX];
    let mut plans = Vec::new();
    for (seed, (mask, group)) in rolling().into_iter().enumerate() {
        for (target, seconds) in targets.into_iter().zip([2, 0, 1]) {
            let header = header(seed as u8).with_time(1_700_000_000);
            let nonces = nonces(0x7fff_ff00 + seed as u32, 700);
            let plan = Plan { header, target, nonces, mask, group, seconds };
            plans.push((plan, plan.solved(1)));
        }
    }
    assert!(plans.iter().any(|(_, solved)| solved.is_empty()), "none is exhausted");
    for engine in engine::available() {
        for threads in [1, 2, 3, 7] {
            let workers = workers(&engine, threads);
            for (plan, solved) in &plans {
                let what = format!("{}, {threads} threads, {plan:?}", engine.id());
                let search = plan.search();
                let outcome = search.first(&workers, SearchControl::default());
                assert_shares(&outcome, solved, &what);
                if solved.is_empty() {
                    assert_eq!(outcome.end, End::Exhausted, "{what}");
                    assert_eq!(u128::from(outcome.hashes), search.hashes(), "{what}");
                } else {
                    assert_eq!(outcome.end, End::Limit, "{what}");
                    assert!(outcome.hashes > 0, "{what}");
                }
            }
        }
    }
}

/// What an engine is asked for.
struct Call<'a> {
    /// Who is asked.
    id: EngineId,
    engine: &'a dyn Engine,
    job: &'a Job,
    range: NonceRange,
    limit: usize,
    out: &'a mut Vec<Candidate>,
    /// How many there were before, of this engine.
    number: usize,
}

impl Call<'_> {
    /// Fails.
    fn fail(self, kind: impl Into<EngineErrorKind>) -> Result<Scanned, EngineError> {
        Err(EngineError { engine: self.id, kind: kind.into() })
    }
}

/// Does what is asked.
fn scan(call: Call<'_>) -> Result<Scanned, EngineError> {
    let Call { engine, job, range, limit, out, .. } = call;
    engine.scan(job, range, limit, out)
}

/// An engine that answers calls in its own way, with a real one at hand.
struct Fake {
    id: EngineId,
    feed: Batching,
    engine: Arc<dyn Engine>,
    calls: Arc<AtomicUsize>,
    answer: Box<Answer>,
}

type Answer = dyn Fn(Call<'_>) -> Result<Scanned, EngineError> + Send + Sync;

impl Fake {
    /// On a CPU.
    fn new(
        answer: impl Fn(Call<'_>) -> Result<Scanned, EngineError> + Send + Sync + 'static,
    ) -> Self {
        let engine = scalar_engine();
        let (id, feed, calls) = (engine.id(), engine.batching(), Arc::default());
        Self { id, feed, engine, calls, answer: Box::new(answer) }
    }

    /// On a CPU, doing something of its own before it scans.
    fn before(before: impl Fn(NonceRange) + Send + Sync + 'static) -> Arc<dyn Engine> {
        Arc::new(Self::new(move |call| {
            before(call.range);
            scan(call)
        }))
    }

    /// The same on a GPU.
    fn gpu(self) -> Self {
        Self { id: GPU, feed: FEED, ..self }
    }
}

const GPU: EngineId = EngineId::Gpu(7);
const FEED: Batching = Batching { threads: Some(2), piece: Duration::from_millis(75) };

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that is really {:?}", self.id, self.engine)
    }
}

impl Engine for Fake {
    fn id(&self) -> EngineId {
        self.id
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let (id, engine) = (self.id, self.engine.as_ref());
        (self.answer)(Call { id, engine, job, range, limit, out, number })
    }

    fn batching(&self) -> Batching {
        self.feed
    }
}

/// Something that threads wait for.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    #[track_caller]
    fn wait(&self, what: &str) {
        let shut = |open: &mut bool| !*open;
        let (_open, waited) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, shut).unwrap();
        assert!(!waited.timed_out(), "{what}");
    }
}

/// The first piece is held back until the search has a share from a later one.
#[test]
fn an_earlier_share_wins_over_one_found_sooner() {
    let plan = Plan::new(header(248), target(0x000f_ffff, 0xff), nonces(0, 1 << 16));
    let solved = plan.solved(3);
    // However large the first piece is, it has the first share; the third lies well after it.
    assert_eq!([0, 1, 2].map(|i: usize| solved[i].nonce()), [247, 510, 4_533]);

    for limit in [1, 2, 3] {
        let gate = Gate::default();
        let opens = gate.clone();
        let engine = Fake::before(move |range| {
            if range.start() == 0 {
                gate.wait("nobody else found a share");
            }
        });
        let mut open_once_found = |progress: Progress| {
            if progress.shares > 0 {
                opens.open();
            }
        };
        let watch = SearchControl::default().progress(&mut open_once_found);
        let outcome = plan.search().all(limit, &workers(&engine, 2), watch);
        assert_shares(&outcome, &solved[..limit], &format_args!("limit {limit}"));
        assert_eq!(outcome.end, End::Limit);
    }
}

#[test]
fn all_shares_come_in_order_and_every_hash_is_counted() {
    // Pieces that finish in another order than they were handed out in.
    let jitter = Fake::before(|range| {
        let micros = range.start().wrapping_mul(0x9e37_79b9) >> 23;
        thread::sleep(Duration::from_micros(micros.into()));
    });
    let mut pools: Vec<_> = engine::available().iter().map(|engine| workers(engine, 3)).collect();
    pools.push(workers(&jitter, 7));

    let ranges = [(17, 0), (u32::MAX, 1), (u32::MAX - 30, 31), (0, 257), (1_000_000, 600)];
    for (seed, (mask, group)) in rolling().into_iter().enumerate() {
        if mask == Some(VersionMask::BIP320) {
            continue; // All 65,536 versions are tried below.
        }
        for (start, len) in ranges {
            for seconds in [0, 2] {
                let header = header(seed as u8).with_time(1_000);
                let target = if len < 100 { Target::MAX } else { target(0x07ff_ffff, 0) };
                let nonces = nonces(start, len);
                let plan = Plan { header, target, nonces, mask, group, seconds };
                let solved = plan.solved(usize::MAX);
                for workers in &pools {
                    let what = format!("{workers:?}, {plan:?}");
                    let search = plan.search();
                    let outcome = search.all(usize::MAX, workers, SearchControl::default());
                    assert_shares(&outcome, &solved, &what);
                    assert_eq!(outcome.end, End::Exhausted, "{what}");
                    let versions = plan.versions().len() as u128;
                    let hashes = u128::from(seconds + 1) * versions * u128::from(len);
                    assert_eq!(search.hashes(), hashes, "{what}");
                    assert_eq!(u128::from(outcome.hashes), hashes, "{what}");
                }
            }
        }
    }
}

#[test]
fn all_versions_of_bip_320() {
    let mut plan = Plan::new(header(5), target(0x000f_ffff, 0), nonces(u32::MAX, 1));
    plan.mask = Some(VersionMask::BIP320);
    let solved = plan.solved(usize::MAX);
    for group in [1, 7, 8] {
        plan.group = group;
        let outcome = plan.search().all(usize::MAX, &scalar(2), SearchControl::default());
        // With a single nonce the group makes no difference to the order.
        assert_shares(&outcome, &solved, &format_args!("groups of {group}"));
        assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 65_536), "groups of {group}");
    }
}

#[test]
fn a_limit_gives_exactly_the_first() {
    let nonces = nonces(100, 1_500);
    let header = header(7).with_time(77);
    let target = target(0x01ff_ffff, 0xff);
    let plan = Plan { header, target, nonces, mask: Some(mask(0x6000)), group: 3, seconds: 1 };
    let solved = plan.solved(usize::MAX);
    let total = solved.len();
    assert!(total > 50, "{total} shares are too few to be cut");
    for engine in engine::available() {
        for threads in [1, 3] {
            let workers = workers(&engine, threads);
            for limit in [1, 2, 3, 10, 50, total - 1, total, total + 1] {
                let what = format!("{}, {threads} threads, limit {limit}", engine.id());
                let outcome = plan.search().all(limit, &workers, SearchControl::default());
                assert_shares(&outcome, &solved[..limit.min(total)], &what);
                let end = if limit > total { End::Exhausted } else { End::Limit };
                assert_eq!(outcome.end, end, "{what}");
            }
        }
    }
}

#[test]
fn a_limit_of_none_does_nothing() {
    let search = Search::new(header(0), Target::MAX);
    let outcome = search.all(0, &scalar(2), SearchControl::default());
    assert_eq!((outcome.shares.len(), outcome.hashes, outcome.end), (0, 0, End::Limit));
}

/// More shares than an engine is asked for at once, of a search with no end in sight.
#[test]
fn every_hash_of_an_endless_search_may_be_a_share() {
    let mut plan = Plan::new(header(8), Target::MAX, NonceRange::ALL);
    plan.mask = Some(VersionMask::BIP320);
    plan.seconds = u32::MAX;
    let outcome = all_in_time(&plan.search(), 3_000, &scalar(3));
    assert_shares(&outcome, &plan.solved(3_000), &"3,000 shares");
    assert_eq!(outcome.end, End::Limit);
}

#[test]
fn all_nonces_are_a_legal_range() {
    for target in [Target::MAX_ATTAINABLE_REGTEST, target(0x0000_ffff, 0xff)] {
        let plan = Plan::new(header(9), target, NonceRange::ALL);
        let search = Search::new(plan.header, target);
        assert_eq!(search.hashes(), 1 << 32);
        let outcome = all_in_time(&search, 1, &scalar(3));
        assert_shares(&outcome, &plan.solved(1), &target);
    }
}

#[test]
fn a_mainnet_block_is_mined() {
    let notable = notable::NOTABLE.iter().find(|notable| notable.height == 8_451);
    let solved = Header::from_hex(notable.expect("it is there").header).expect("a header");
    let target = Target::from_compact(solved.bits()).expect("a target");
    let search = Search::new(solved.with_nonce(0), target).nonces(nonces(0, 200_000));
    let workers = Workers::best().expect("threads");
    assert!(workers.threads() > 0);
    let outcome = search.first(&workers, SearchControl::default());
    assert_shares(&outcome, &[solved], &"height 8451");
    assert_eq!(outcome.end, End::Limit);
}

#[test]
fn time_does_not_roll_over() {
    let plan = |time, seconds| {
        let header = header(10).with_time(time);
        Plan { seconds, ..Plan::new(header, target(0x3fff_ffff, 0), nonces(0, 40)) }
    };
    for (time, seconds, times) in
        [(u32::MAX, 0, 1), (u32::MAX, 10, 1), (u32::MAX, u32::MAX, 1), (u32::MAX - 2, u32::MAX, 3)]
    {
        let plan = plan(time, seconds);
        let search = plan.search();
        assert_eq!(search.hashes(), 40 * times, "{time} + {seconds}");
        let outcome = search.all(usize::MAX, &scalar(2), SearchControl::default());
        assert_shares(&outcome, &plan.solved(usize::MAX), &format_args!("{time} + {seconds}"));
        assert_eq!(outcome.end, End::Exhausted, "{time} + {seconds}");
        assert_eq!(u128::from(outcome.hashes), 40 * times, "{time} + {seconds}");
    }
    assert_eq!(plan(0, u32::MAX).search().hashes(), 40 << 32);
}

/// 2^96 hashes: all times, versions and nonces that a header can have.
#[test]
fn the_largest_search_there_is() {
    let mut plan = Plan::new(header(11).with_time(0), target(0x0fff_ffff, 0), NonceRange::ALL);
    plan.seconds = u32::MAX;
    let search = plan.search().versions(mask(u32::MAX));
    assert_eq!(search.hashes(), 1 << 96);
    let outcome = all_in_time(&search, 5, &scalar(2));
    // The first group of these masks is the same, and the search does not come to the next.
    plan.mask = Some(mask(0b111));
    assert_shares(&outcome, &plan.solved(5), &"2^96 hashes");
}

#[test]
fn groups_have_one_to_eight_versions() {
    let search = Search::new(header(12), Target::MAX);
    for size in [0, MAX_GROUP + 1, usize::MAX] {
        let error = search.clone().group_size(size).expect_err("out of range").to_string();
        assert!(error.contains(&size.to_string()), "{error}");
    }
}

#[test]
fn a_search_stops_when_told_from_another_thread() {
    let stop = Stop::default();
    let (under_way, wait) = mpsc::channel();
    let from_elsewhere = stop.clone();
    let stopper = thread::spawn(move || {
        wait.recv().expect("the search has begun");
        from_elsewhere.stop();
    });
    let mut tell = |progress: Progress| {
        if progress.hashes > 0 {
            // It may be told several times before it stops.
            let _ = under_way.send(());
        }
    };
    let search = Search::new(header(13), Target::MIN).versions(VersionMask::BIP320);
    let watch = SearchControl::default().stop(&stop).progress(&mut tell);
    let outcome = search.first(&scalar(2), watch);
    stopper.join().expect("the other thread");
    assert!(stop.is_stopped());
    assert_eq!((outcome.end, outcome.shares.len()), (End::Stopped, 0));
    assert!(outcome.hashes > 0 && !outcome.took.is_zero(), "{outcome:?}");
}

#[test]
fn a_stop_keeps_the_shares_verified_before() {
    let stop = Stop::default();
    let mut seen = 0;
    let mut stop_at_the_second = |progress: Progress| {
        seen = progress.shares;
        if seen >= 2 || progress.elapsed > PATIENCE {
            stop.stop();
        }
    };
    // One hash in 65,536, of so many that the end is never near.
    let plan = Plan::new(header(14), target(0x0000_ffff, 0xff), NonceRange::ALL);
    let search = plan.search().versions(VersionMask::BIP320);
    let watch = SearchControl::default().stop(&stop).progress(&mut stop_at_the_second);
    let outcome = search.all(usize::MAX, &scalar(3), watch);
    assert_eq!(outcome.end, End::Stopped);
    assert!(outcome.shares.len() >= seen && seen >= 2, "{} of {seen}", outcome.shares.len());
    for share in &outcome.shares {
        assert_eq!(share.hash(), common::hash(share.header()));
        assert!(plan.target.is_met_by(&share.hash()));
    }
    // All are of the first version group, which has 2^35 hashes, and in order.
    let group: Vec<_> =
        (0..8).map(|i| VersionMask::BIP320.version(plan.header.version(), i)).collect();
    let place = |header: &Header| {
        (header.nonce(), group.iter().position(|&version| version == header.version()))
    };
    assert!(outcome.shares.iter().all(|share| place(share.header()).1.is_some()));
    assert!(outcome.shares.is_sorted_by_key(|share| place(share.header())));
}

/// A search that is told to stop waits until each thread has had its turn and done its piece.
#[test]
fn threads_that_share_a_core_take_short_pieces() {
    let longest = Arc::<AtomicU64>::default();
    let seen = longest.clone();
    // At most a million hashes a second, for which it needs no core.
    let slow = Fake::before(move |range| {
        seen.fetch_max(range.len(), Ordering::Relaxed);
        thread::sleep(Duration::from_micros(range.len()));
    });
    let workers = Workers::builder(slow).threads(MAX_THREADS).build().expect("enough threads");
    let outcome = in_time(move || {
        let (stop, mut told) = (Stop::default(), 0);
        let mut stop_soon = |_| {
            told += 1;
            if told == 5 {
                stop.stop();
            }
        };
        endless().first(&workers, SearchControl::default().stop(&stop).progress(&mut stop_soon))
    });
    assert_eq!(outcome.end, End::Stopped);
    // Of the 4,096 that a thread begins with where it has a core, its share.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let bound = (4096 * cores / MAX_THREADS).clamp(256, 4096) as u64;
    let longest = longest.load(Ordering::Relaxed);
    assert!(longest <= bound, "{longest} nonces at a time, not {bound}");
}

#[test]
fn a_search_stopped_before_it_starts_does_nothing() {
    let stop = Stop::default();
    stop.stop();
    let search = Search::new(header(15), Target::MAX);
    let outcome = search.first(&scalar(2), SearchControl::default().stop(&stop));
    assert_eq!((outcome.shares.len(), outcome.hashes, outcome.end), (0, 0, End::Stopped));
}

#[test]
fn progress_is_told_on_the_way() {
    let stop = Stop::default();
    let caller = thread::current().id();
    let mut told = Vec::new();
    let mut tell = |progress| {
        assert_eq!(thread::current().id(), caller);
        told.push(progress);
        if told.len() == 4 {
            stop.stop();
        }
    };
    let search = Search::new(header(16), Target::MIN).versions(VersionMask::BIP323).roll_time(9);
    let watch = SearchControl::default().stop(&stop).progress(&mut tell);
    let outcome = search.first(&scalar(2), watch);

    assert_eq!(outcome.end, End::Stopped);
    assert!(told.len() >= 4, "{told:?}");
    assert!(
        told.iter().all(|progress| (progress.of, progress.shares) == (10 << 56, 0)),
        "{told:?}"
    );
    assert!(told.is_sorted_by_key(|progress| progress.hashes), "{told:?}");
    assert!(told.is_sorted_by_key(|progress| progress.elapsed), "{told:?}");
    let last = told.last().expect("four of them");
    assert!(0 < last.hashes && last.hashes <= outcome.hashes, "{last:?}, then {outcome:?}");
    assert!(last.elapsed <= outcome.took, "{last:?}, then {outcome:?}");
}

/// Searches of 1, 2, 3 … nonces, solvable from `easy` on; counts those asked for.
fn series(easy: usize, asked: &mut usize) -> impl Iterator<Item = Search> {
    (0..5).map(move |i| {
        *asked += 1;
        let target = if i < easy { Target::MIN } else { Target::MAX };
        Search::new(header(i as u8), target).nonces(nonces(9, i as u64 + 1))
    })
}

#[test]
fn new_work_is_asked_for_when_the_last_is_exhausted() {
    let workers = scalar(2);
    let mut asked = 0;
    let outcome = first_of(series(0, &mut asked), &workers, SearchControl::default());
    assert_eq!((outcome.end, outcome.hashes, asked), (End::Limit, 1, 1));

    let mut asked = 0;
    let outcome = first_of(series(2, &mut asked), &workers, SearchControl::default());
    assert_shares(&outcome, &[header(2).with_nonce(9)], &"the third is solved");
    assert_eq!((outcome.end, asked), (End::Limit, 3));
    // All of the first two and some of the third.
    assert!((1 + 2 + 1..=1 + 2 + 3).contains(&outcome.hashes), "{outcome:?}");

    let mut asked = 0;
    let outcome = first_of(series(5, &mut asked), &workers, SearchControl::default());
    assert_eq!((outcome.end, outcome.hashes, asked), (End::Exhausted, 1 + 2 + 3 + 4 + 5, 5));
    assert!(outcome.shares.is_empty());

    let outcome = first_of([], &workers, SearchControl::default());
    assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 0));

    let stop = Stop::default();
    stop.stop();
    let mut asked = 0;
    let outcome = first_of(series(0, &mut asked), &workers, SearchControl::default().stop(&stop));
    assert_eq!((outcome.end, outcome.hashes, asked), (End::Stopped, 0, 1));
}

/// A search that takes long enough tells its progress also when it is the second of a series.
#[test]
fn a_series_is_watched_as_a_whole() {
    let stop = Stop::default();
    let mut told = Vec::new();
    let mut tell = |progress: Progress| {
        told.push(progress.of);
        stop.stop();
    };
    let short = Search::new(header(17), Target::MIN).nonces(nonces(0, 3));
    let endless = Search::new(header(18), Target::MIN).versions(VersionMask::BIP323);
    let watch = SearchControl::default().stop(&stop).progress(&mut tell);
    let outcome = first_of([short, endless], &scalar(2), watch);
    assert_eq!(outcome.end, End::Stopped);
    assert!(outcome.hashes >= 3, "{outcome:?}");
    assert_eq!(told.last(), Some(&(1 << 56)));
}

#[test]
fn workers_have_one_to_max_threads() {
    let engine = scalar_engine();
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        let error = Workers::builder(engine.clone()).threads(threads).build().expect_err("refused");
        assert!(matches!(error, WorkersError::Threads { threads: n } if n == threads), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(&format!("{threads} threads, expected 1 to")), "{error}");
    }
    let by_default = Workers::builder(engine).build().expect("one for each core");
    assert!(by_default.threads() > 0);
    let engines: Vec<_> = by_default.engines().map(Engine::id).collect();
    assert_eq!(engines, [EngineId::Scalar]);
    assert_eq!(scalar(5).threads(), 5);
}

#[test]
fn pinned_workers_find_the_same_or_say_why_there_are_none() {
    let plan = Plan::new(header(19), target(0x000f_ffff, 0), NonceRange::ALL);
    let engine = scalar_engine();
    match Workers::builder(engine).threads(3).pinned(true).build() {
        Ok(workers) => {
            assert_eq!(workers.threads(), 3);
            let outcome = all_in_time(&plan.search(), 1, &workers);
            assert_shares(&outcome, &plan.solved(1), &"pinned");
        }
        Err(WorkersError::Pinning) => eprintln!("not tested: {}", WorkersError::Pinning),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_search_that_waits_for_its_turn_can_be_stopped() {
    let workers = scalar(1);
    let endless = Search::new(header(1), Target::MIN).versions(VersionMask::BIP320);
    let (first, second) = (Stop::default(), Stop::default());
    thread::scope(|scope| {
        let running =
            scope.spawn(|| endless.first(&workers, SearchControl::default().stop(&first)));
        thread::sleep(Duration::from_millis(50));
        second.stop();
        let waiting = endless.first(&workers, SearchControl::default().stop(&second));
        assert_eq!((waiting.end, waiting.shares.len()), (End::Stopped, 0));
        assert!(!running.is_finished());
        first.stop();
        assert_eq!(running.join().expect("it does not panic").end, End::Stopped);
    });
}

#[test]
fn a_panic_of_the_progress_callback_ends_the_search() {
    let workers = scalar(2);
    let endless = Search::new(header(1), Target::MIN).versions(VersionMask::BIP320);
    let mut tell = |_: Progress| panic!("no progress wanted");
    let watch = SearchControl::default().progress(&mut tell);
    let ended =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| endless.first(&workers, watch)));
    assert!(ended.is_err());
    // And the workers are as good as before.
    let stop = Stop::default();
    stop.stop();
    assert_eq!(endless.first(&workers, SearchControl::default().stop(&stop)).end, End::Stopped);
}

/// Without rolling and with it, in ranges that are several pieces: every hash a share, every other,
/// one in 256, one in 4,096 and none.
fn plans() -> Vec<Plan> {
    let targets = [
        Target::MAX,
        Target::MAX_ATTAINABLE_REGTEST,
        target(0x00ff_ffff, 0xff),
        target(0x000f_ffff, 0xff),
        Target::MIN,
    ];
    let mut plans = Vec::new();
    for (seed, target) in targets.into_iter().enumerate() {
        let header = header(40 + seed as u8).with_time(1_700_000_000);
        let one = Plan::new(header, target, nonces(u32::MAX - 19_999, 20_000));
        let rolled = Plan::new(header, target, nonces(seed as u32, 1_300));
        plans.extend([one, Plan { mask: Some(mask(0x6000)), group: 3, seconds: 1, ..rolled }]);
    }
    plans
}

/// Compares a search for all shares, and what it counts, with the oracle.
#[track_caller]
fn assert_exhausted(outcome: &Outcome, plan: &Plan, solved: &[Header], what: &dyn fmt::Display) {
    assert_shares(outcome, solved, what);
    assert_eq!(outcome.end, End::Exhausted, "{what}");
    assert_eq!(u128::from(outcome.hashes), plan.search().hashes(), "{what}");
}

#[test]
fn several_engines_find_what_one_finds() {
    let best = engine::best(1);
    let slow = || Fake::before(|range| thread::sleep(Duration::from_nanos(300 * range.len())));
    let fast_gpu = || Arc::new(Fake { engine: best.clone(), ..Fake::new(scan).gpu() });
    let teams = [
        Workers::builder(slow()).engine(fast_gpu()).threads(1),
        Workers::builder(fast_gpu()).engine(slow()).engine(fast_gpu()).threads(3),
        Workers::builder(slow()).engine(best.clone()).threads(2),
        Workers::builder(fast_gpu()),
    ];
    let teams = teams.map(|team| team.build().expect("a few threads"));
    for plan in plans() {
        let solved = plan.solved(usize::MAX);
        for workers in &teams {
            let what = format!("{workers:?}, {plan:?}");
            for limit in [1, 2, 100, solved.len().max(1), solved.len() + 1] {
                let outcome = plan.search().all(limit, workers, SearchControl::default());
                assert_eq!(outcome.faults, [], "{what}");
                if limit > solved.len() {
                    assert_exhausted(&outcome, &plan, &solved, &what);
                } else {
                    assert_shares(&outcome, &solved[..limit], &what);
                    assert_eq!(outcome.end, End::Limit, "{what}");
                }
            }
        }
    }
}

/// What can happen to a device.
struct Illness {
    name: &'static str,
    /// The answer to the fatal call.
    answer: Box<Answer>,
    /// What is to be told of it.
    is_it: fn(&EngineErrorKind) -> bool,
}

impl Illness {
    fn new(
        name: &'static str,
        is_it: fn(&EngineErrorKind) -> bool,
        answer: impl Fn(Call<'_>) -> Result<Scanned, EngineError> + Send + Sync + 'static,
    ) -> Self {
        Self { name, answer: Box::new(answer), is_it }
    }

    /// Those that the engine tells of, and then those that the search finds out.
    fn all() -> [Self; 7] {
        [
            Self::new(
                "lost",
                |kind| matches!(kind, EngineErrorKind::Device(DeviceError::Lost(_))),
                |call| call.fail(DeviceError::Lost("gone".to_owned())),
            ),
            Self::new(
                "hung",
                |kind| matches!(kind, EngineErrorKind::Device(DeviceError::Hung(_))),
                |call| {
                    let patience = Duration::from_millis(1);
                    thread::sleep(patience);
                    call.fail(DeviceError::Hung(patience))
                },
            ),
            Self::new(
                "out of memory",
                |kind| *kind == DeviceError::OutOfMemory.into(),
                |call| call.fail(DeviceError::OutOfMemory),
            ),
            Self::new(
                "a wrong count",
                |kind| matches!(kind, EngineErrorKind::Wrong(VerifyError::Count { .. })),
                |call| {
                    call.fail(EngineErrorKind::Wrong(VerifyError::Count { found: 3, expected: 1 }))
                },
            ),
            Self::new(
                "nothing done",
                |kind| matches!(kind, EngineErrorKind::Device(DeviceError::Refused(_))),
                |_| Ok(Scanned::default()),
            ),
            Self::new("a wrong nonce", is_wrong_candidate, wrong_nonce),
            Self::new("a wrong version", is_wrong_candidate, |call| {
                let version = Version::from_consensus(call.job.versions()[0].to_consensus() ^ 1);
                call.out.push(Candidate { nonce: call.range.start(), version });
                scan(call)
            }),
        ]
    }
}

fn is_wrong_candidate(kind: &EngineErrorKind) -> bool {
    matches!(kind, EngineErrorKind::Wrong(VerifyError::Candidate(_)))
}

/// Adds the first nonce whose hash is above the target or, where there is none, one that was not
/// asked for.
fn wrong_nonce(call: Call<'_>) -> Result<Scanned, EngineError> {
    let Call { engine, job, range, limit, out, .. } = call;
    let scanned = engine.scan(job, range, limit, out)?;
    let version = job.versions()[0];
    let is_wrong = |&nonce: &u64| {
        let header = job.header().with_version(version).with_nonce(nonce as u32);
        let [.., a, b, c, d] = *common::hash(&header).as_bytes();
        u32::from_le_bytes([a, b, c, d]) > job.target().top_word()
    };
    let start = u64::from(range.start());
    let end = start + scanned.nonces;
    let nonce = (start..end).find(is_wrong).unwrap_or(end) as u32;
    out.push(Candidate { nonce, version });
    Ok(scanned)
}

/// An engine that works until its call of this number, and never again; it opens the gate when
/// that one is answered.
fn sick(number: usize, answer: Box<Answer>, failed: &Gate) -> Fake {
    let failed = failed.clone();
    Fake::new(move |call| {
        if call.number < number {
            return scan(call);
        }
        let answered = answer(call);
        failed.open();
        answered
    })
}

/// 210 searches of several thousand hashes, and as many shares where every hash is one: each failure at
/// each of three calls in each plan.
#[test]
fn a_failed_engine_costs_only_itself() {
    let plans: Vec<_> = plans().into_iter().map(|plan| (plan, plan.solved(usize::MAX))).collect();
    // Of many shares in a piece the first call takes some: the second one fails in the middle. There
    // are no plans of fewer calls than four, however large the pieces of a fast engine become.
    for number in [0, 1, 2] {
        for (place, (plan, solved)) in plans.iter().enumerate() {
            // A GPU is fed in another way. Each plan, each call and each illness meets both.
            let on_gpu = (number + place) % 2 == 0;
            for Illness { name, answer, is_it } in Illness::all() {
                let what = format!("{name} at call {number}, GPU: {on_gpu}, {plan:?}");
                let failed = Gate::default();
                let sick = sick(number, answer, &failed);
                let sick = if on_gpu { sick.gpu() } else { sick };
                let (id, calls) = (sick.id, sick.calls.clone());
                // The others do not take all of the work before.
                let healthy = Fake::before(move |_| failed.wait("it does not fail"));
                let workers =
                    Workers::builder(Arc::new(sick)).engine(healthy).threads(2).build().unwrap();

                let outcome = plan.search().all(usize::MAX, &workers, SearchControl::default());
                assert_exhausted(&outcome, plan, solved, &what);
                let [fault] = &outcome.faults[..] else { panic!("{what}: {outcome:?}") };
                assert_eq!(fault.engine, id, "{what}");
                assert!(is_it(&fault.kind), "{what}: {fault}");
                // Each thread may have called it once more before it knew.
                let made = calls.load(Ordering::Relaxed);
                assert!((number + 1..=number + 2).contains(&made), "{what}: {made} calls");

                // It is not used again, and not forgotten.
                let next = plan.search().first(&workers, SearchControl::default());
                assert_shares(&next, &solved[..solved.len().min(1)], &what);
                assert_eq!(next.faults, outcome.faults, "{what}");
                assert_eq!(workers.faults(), outcome.faults, "{what}");
                assert_eq!(calls.load(Ordering::Relaxed), made, "{what}");
            }
        }
    }
}

/// As before, but nobody waits for the fault: it may come when all is done, or never.
#[test]
fn a_failed_engine_does_not_change_what_comes_first() {
    for plan in plans() {
        let solved = plan.solved(usize::MAX);
        for limit in [1, 10, 1_500] {
            for number in [0, 2] {
                for Illness { name, answer, .. } in Illness::all() {
                    let what = format!("{name} at call {number}, limit {limit}, {plan:?}");
                    let sick = sick(number, answer, &Gate::default()).gpu();
                    let healthy = scalar_engine();
                    let workers = Workers::builder(healthy).engine(Arc::new(sick)).threads(2);
                    let workers = workers.build().expect("a few threads");
                    let outcome = plan.search().all(limit, &workers, SearchControl::default());
                    assert_shares(&outcome, &solved[..limit.min(solved.len())], &what);
                    let end = if limit > solved.len() { End::Exhausted } else { End::Limit };
                    assert_eq!(outcome.end, end, "{what}");
                }
            }
        }
    }
}

/// A device that reports again what it found in the range before: good shares, but of another range.
#[test]
fn results_of_another_range_are_wrong() {
    for (number, plan) in plans().into_iter().step_by(2).take(4).enumerate() {
        let last = Mutex::new(Vec::new());
        let stale = Fake::new(move |call| {
            let mut last = last.lock().unwrap();
            let mut found = Vec::new();
            let scanned = call.engine.scan(call.job, call.range, call.limit, &mut found)?;
            call.out.extend(if last.is_empty() { &found } else { &*last });
            *last = found;
            Ok(scanned)
        });
        let healthy = scalar_engine();
        let workers = Workers::builder(Arc::new(stale)).engine(healthy).threads(1).build().unwrap();
        let outcome = plan.search().all(usize::MAX, &workers, SearchControl::default());
        let solved = plan.solved(usize::MAX);
        assert_exhausted(&outcome, &plan, &solved, &number);
    }
}

/// The last piece is held until all others are done and those who did them have nothing to do.
#[test]
fn the_others_come_back_for_the_last_piece() {
    for plan in plans() {
        for number in [0, 1] {
            let solved = plan.solved(usize::MAX);
            let what = format!("call {number}, {plan:?}");
            let total = plan.search().hashes() as u64;
            let done = Arc::new(AtomicU64::new(0));
            let done_by_others = done.clone();
            let healthy = Fake::new(move |call| {
                let scanned = scan(call)?;
                done_by_others.fetch_add(scanned.hashes, Ordering::Relaxed);
                Ok(scanned)
            });
            let seen = done.clone();
            let sick = Fake::new(move |call| {
                let held = call.range.len() * call.job.versions().len() as u64;
                if call.number < number {
                    let scanned = scan(call)?;
                    seen.fetch_add(scanned.hashes, Ordering::Relaxed);
                    return Ok(scanned);
                }
                let start = Instant::now();
                while seen.load(Ordering::Relaxed) + held < total {
                    assert!(start.elapsed() < PATIENCE, "the others do not do the rest");
                    thread::sleep(Duration::from_micros(100));
                }
                // They need a moment to find that there is no more.
                thread::sleep(Duration::from_millis(3));
                call.fail(DeviceError::Lost("at the end".to_owned()))
            });
            let sick = Fake { feed: Batching { threads: Some(1), ..FEED }, ..sick.gpu() };
            let workers = Workers::builder(Arc::new(healthy)).engine(Arc::new(sick)).threads(2);
            let workers = workers.build().expect("a few threads");
            let outcome = plan.search().all(usize::MAX, &workers, SearchControl::default());
            assert_exhausted(&outcome, &plan, &solved, &what);
            assert!(outcome.faults.len() <= 1, "{what}");
            assert_eq!(done.load(Ordering::Relaxed), total, "{what}");
        }
    }
}

#[test]
fn without_an_engine_a_search_fails() {
    for plan in plans() {
        let solved = plan.solved(usize::MAX);
        for Illness { name, answer, .. } in Illness::all() {
            let what = format!("{name}, {plan:?}");
            let never_mind = Gate::default();
            let first = sick(3, answer, &never_mind).gpu();
            let second = sick(2, Box::new(|call| call.fail(DeviceError::OutOfMemory)), &never_mind);
            let calls = [first.calls.clone(), second.calls.clone()];
            let workers = Workers::builder(Arc::new(first)).engine(Arc::new(second)).threads(2);
            let workers = workers.build().expect("a few threads");

            let outcome = plan.search().all(usize::MAX, &workers, SearchControl::default());
            assert_eq!((outcome.end, outcome.faults.len()), (End::Failed, 2), "{what}");
            let second =
                EngineError { engine: EngineId::Scalar, kind: DeviceError::OutOfMemory.into() };
            assert_eq!(outcome.faults[1], second, "{what}");
            assert!(u128::from(outcome.hashes) < plan.search().hashes(), "{what}");
            // All that was done is there, in order.
            let mut expected = solved.iter();
            for share in &outcome.shares {
                assert!(expected.any(|header| header == share.header()), "{what}");
                assert_eq!(share.hash(), common::hash(share.header()), "{what}");
            }
            if plan.target == Target::MAX {
                assert_eq!(outcome.shares.len() as u64, outcome.hashes, "{what}");
            }

            let made = calls.each_ref().map(|calls| calls.load(Ordering::Relaxed));
            let mut asked = 0;
            let next = first_of(series(5, &mut asked), &workers, SearchControl::default());
            assert_eq!((next.end, next.hashes, asked), (End::Failed, 0, 1), "{what}");
            assert_eq!(next.faults, outcome.faults, "{what}");
            assert_eq!(calls.each_ref().map(|calls| calls.load(Ordering::Relaxed)), made, "{what}");
            let none = plan.search().all(0, &workers, SearchControl::default());
            assert_eq!((none.end, none.faults), (End::Limit, next.faults), "{what}");
        }
    }
}

/// As many shares as are asked for, but not those that come first.
#[test]
fn a_limit_is_not_reached_where_a_piece_is_missing() {
    const LIMIT: usize = 3_000;
    let plan = Plan::new(header(63), Target::MAX, nonces(0, 1 << 16));

    // Whoever is asked for the first piece fails, once the other has a share.
    let found = Gate::default();
    let engine = || {
        let found = found.clone();
        Arc::new(Fake::new(move |call| {
            if call.range.start() == 0 {
                found.wait("the other finds nothing");
                return call.fail(DeviceError::OutOfMemory);
            }
            let scanned = scan(call);
            found.open();
            scanned
        }))
    };
    let pair = Workers::builder(engine()).engine(engine()).threads(1).build().expect("two threads");
    let outcome = plan.search().first(&pair, SearchControl::default());
    assert_eq!((outcome.end, outcome.shares.len()), (End::Failed, 1));
    assert!(outcome.shares[0].header().nonce() > 0);

    // The search is stopped in the middle of the first piece, once there are enough from others.
    let (stop, enough) = (Stop::default(), Gate::default());
    let (stops, opens) = (stop.clone(), enough.clone());
    let engine = Fake::before(move |range| {
        if range.start() == 0 {
            enough.wait("the other finds too few");
            stops.stop();
        }
    });
    let mut tell = |progress: Progress| {
        if progress.shares >= LIMIT {
            opens.open();
        }
    };
    let watch = SearchControl::default().stop(&stop).progress(&mut tell);
    let outcome = plan.search().all(LIMIT, &workers(&engine, 2), watch);
    assert_eq!((outcome.end, outcome.shares.len()), (End::Stopped, LIMIT));
    let solved = plan.solved(LIMIT);
    assert_eq!(outcome.shares[0].header(), &solved[0]);
    assert_ne!(outcome.shares[LIMIT - 1].header(), &solved[LIMIT - 1]);
}

#[test]
fn a_series_tells_each_fault_once() {
    let failed = Gate::default();
    let sick = sick(0, Box::new(|call| call.fail(DeviceError::OutOfMemory)), &failed).gpu();
    let healthy = Fake::before(move |_| failed.wait("it does not fail"));
    let workers = Workers::builder(healthy).engine(Arc::new(sick)).threads(1).build().unwrap();
    let search = Search::new(header(60), Target::MIN).nonces(nonces(0, 5_000));
    let outcome =
        first_of([search.clone(), search.clone(), search], &workers, SearchControl::default());
    assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 3 * 5_000));
    assert_eq!(
        outcome.faults,
        [EngineError { engine: GPU, kind: DeviceError::OutOfMemory.into() }]
    );
    assert_eq!(first_of([], &workers, SearchControl::default()).faults, outcome.faults);
}

#[test]
fn an_engine_has_the_threads_it_asks_for() {
    for pinned in [false, true] {
        // Nobody goes on until all eight threads have called.
        let (seen, all) = (Arc::new(Mutex::new(HashSet::new())), Gate::default());
        let member = |index: usize| {
            let (seen, all) = (seen.clone(), all.clone());
            Fake::new(move |call| {
                let mut ids = seen.lock().unwrap();
                ids.insert((index, thread::current().id()));
                if ids.len() == 2 + 3 + 3 {
                    all.open();
                }
                drop(ids);
                all.wait("there are not enough threads");
                scan(call)
            })
        };
        let workers = Workers::builder(Arc::new(member(0).gpu()))
            .engine(Arc::new(member(1)))
            .engine(Arc::new(member(2)))
            .threads(3);
        let workers = match workers.pinned(pinned).build() {
            Err(WorkersError::Pinning) if pinned => continue,
            workers => workers.expect("eight threads"),
        };
        assert_eq!(workers.threads(), 6);
        let ids: Vec<_> = workers.engines().map(Engine::id).collect();
        assert_eq!(ids, [GPU, EngineId::Scalar, EngineId::Scalar]);
        let plan = Plan::new(header(61), target(0x00ff_ffff, 0), nonces(0, 1 << 16));
        let outcome = plan.search().all(usize::MAX, &workers, SearchControl::default());
        assert_exhausted(&outcome, &plan, &plan.solved(usize::MAX), &"eight threads");
        let seen = seen.lock().unwrap();
        let threads = |of| seen.iter().filter(|&&(index, _)| index == of).count();
        assert_eq!([0, 1, 2].map(threads), [2, 3, 3]);
    }
}

#[test]
fn an_engine_may_ask_for_one_to_max_threads() {
    let gpu = |threads| {
        let feed = Batching { threads: Some(threads), ..FEED };
        Workers::builder(Arc::new(Fake { feed, ..Fake::new(scan) }))
    };
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        let error = gpu(threads).engine(scalar_engine()).build().expect_err("refused");
        assert!(matches!(error, WorkersError::Threads { threads: n } if n == threads), "{error:?}");
    }
    assert_eq!(gpu(5).build().expect("five threads").threads(), 0);
}

/// Once told to stop each thread ends with the call that it is in, or the one that it was about to
/// make.
#[test]
fn a_stop_ends_the_search_of_several_engines() {
    const THREADS: usize = 3 + 2;
    let stop = Stop::default();
    let late = Arc::new(AtomicUsize::new(0));
    let counted = |at: usize| {
        let (stop, late) = (stop.clone(), late.clone());
        Fake::new(move |call| {
            if stop.is_stopped() {
                late.fetch_add(1, Ordering::Relaxed);
            } else if call.number == at {
                stop.stop();
            }
            scan(call)
        })
    };
    let workers =
        Workers::builder(Arc::new(counted(usize::MAX))).engine(Arc::new(counted(12).gpu()));
    let workers = workers.threads(3).build().expect("a few threads");
    let search = Search::new(header(62), Target::MIN).versions(VersionMask::BIP320);
    let outcome = search.first(&workers, SearchControl::default().stop(&stop));
    assert_eq!((outcome.end, outcome.shares.len()), (End::Stopped, 0));
    assert!(outcome.hashes > 0);
    let late = late.load(Ordering::Relaxed);
    assert!(late < THREADS, "{late} calls after the stop");
}

/// All engines of this machine, with the first GPU that a driver offers. To open that takes seconds.
static EVERY_ENGINE: LazyLock<Vec<Arc<dyn Engine>>> = LazyLock::new(|| {
    let mut engines = engine::available();
    match engine::by_id(EngineId::Gpu(0)) {
        Ok(gpu) => engines.push(gpu),
        Err(why) => eprintln!("not tested: {why}"),
    }
    engines
});

fn percent(percent: f64) -> Duty {
    Duty::from_percent(percent).expect("0 to 100")
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

#[test]
fn what_is_found_does_not_depend_on_the_throttle() {
    // One hash in 2,048.
    let plan = Plan::new(header(71), target(0x001f_ffff, 0xff), nonces(0, 1 << 16));
    let solved = plan.solved(usize::MAX);
    assert!(solved.len() > 20, "{} shares are too few", solved.len());
    for engine in EVERY_ENGINE.iter() {
        let workers = Arc::new(workers(engine, 3));
        for duty in [100.0, 60.0, 15.0] {
            let throttle = Throttle::default();
            throttle.set(percent(duty));
            let what = format!("{} at {duty} %", engine.id());
            let watch = || SearchControl::default().throttle(&throttle);
            let all = plan.search().all(usize::MAX, &workers, watch());
            assert_exhausted(&all, &plan, &solved, &what);
            let first = plan.search().first(&workers, watch());
            assert_shares(&first, &solved[..1], &what);
        }
        // Whoever turns the dial at random neither loses a piece nor keeps a thread asleep.
        let throttle = Throttle::default();
        let (search, dial) = (plan.search(), throttle.clone());
        let is_done = Arc::new(AtomicBool::new(false));
        let seen = is_done.clone();
        let turning = thread::spawn(move || {
            for duty in [0.0, 100.0, 30.0, 99.9, 0.0, 1.0, 70.0].into_iter().cycle() {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                dial.set(percent(duty));
                thread::sleep(Duration::from_micros(700));
            }
        });
        let all = in_time(move || {
            search.all(usize::MAX, &workers, SearchControl::default().throttle(&throttle))
        });
        is_done.store(true, Ordering::Relaxed);
        turning.join().unwrap();
        assert_exhausted(&all, &plan, &solved, &format!("{}, turned", engine.id()));
    }
}

/// Where a search is that is paused, resumed, paused and resumed, and then stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Of so many looks yet.
    Paused(u32),
    Resumed,
    /// After so many calls of the engine; of so many looks yet.
    PausedAgain(usize, u32),
    ResumedAgain(u64),
    Stopped,
}

#[test]
fn a_paused_search_does_nothing_until_it_is_resumed() {
    const LOOKS: u32 = 20;
    for engine in EVERY_ENGINE.iter() {
        let fake = Fake {
            engine: engine.clone(),
            id: engine.id(),
            feed: engine.batching(),
            ..Fake::new(scan)
        };
        let calls = fake.calls.clone();
        let threads = fake.feed.threads.unwrap_or(3);
        let workers = Workers::builder(Arc::new(fake)).threads(3).build().expect("a few threads");
        let id = engine.id();
        let (outcome, stage) = in_time(move || {
            let (stop, throttle) = (Stop::default(), Throttle::default());
            throttle.set(Duty::PAUSED);
            let mut stage = Stage::Paused(LOOKS);
            let mut look = |progress: Progress| {
                let called = || calls.load(Ordering::Relaxed);
                stage = match stage {
                    Stage::Paused(looks) => {
                        assert_eq!((progress.hashes, called()), (0, 0), "{id}");
                        if looks == 0 {
                            throttle.set(percent(40.0));
                            Stage::Resumed
                        } else {
                            Stage::Paused(looks - 1)
                        }
                    }
                    Stage::Resumed if progress.hashes > 0 => {
                        throttle.set(Duty::PAUSED);
                        Stage::PausedAgain(called(), LOOKS)
                    }
                    Stage::PausedAgain(before, looks) => {
                        // Each may have been about to begin another piece.
                        let calls = called();
                        assert!(calls <= before + threads, "{id}: {calls}, {before} before");
                        if looks == 0 {
                            throttle.set(Duty::FULL);
                            Stage::ResumedAgain(progress.hashes)
                        } else {
                            Stage::PausedAgain(before, looks - 1)
                        }
                    }
                    Stage::ResumedAgain(before) if progress.hashes > 4 * before + 1_000_000 => {
                        stop.stop();
                        Stage::Stopped
                    }
                    stage => stage,
                };
            };
            let watch = SearchControl::default().stop(&stop).throttle(&throttle);
            let watch = watch.every(Duration::from_millis(2)).progress(&mut look);
            let outcome = endless().first(&workers, watch);
            (outcome, stage)
        });
        assert_eq!((outcome.end, stage), (End::Stopped, Stage::Stopped), "{}", engine.id());
    }
}

#[test]
fn a_stop_ends_a_paused_search() {
    for engine in EVERY_ENGINE.iter() {
        for duty in [Duty::PAUSED, percent(0.0001)] {
            let workers = workers(engine, 2);
            let (stop, throttle) = (Stop::default(), Throttle::default());
            throttle.set(duty);
            let (under_way, wait) = mpsc::channel();
            let stopping = stop.clone();
            let stopper = thread::spawn(move || {
                wait.recv().unwrap();
                thread::sleep(Duration::from_millis(20));
                stopping.stop();
            });
            let outcome = in_time(move || {
                let mut tell = |_| {
                    // Nobody listens any more after the first time.
                    let _ = under_way.send(());
                };
                let watch = SearchControl::default().stop(&stop).throttle(&throttle);
                endless().first(&workers, watch.progress(&mut tell))
            });
            stopper.join().unwrap();
            assert_eq!(outcome.end, End::Stopped, "{} at {duty}", engine.id());
            if duty == Duty::PAUSED {
                assert_eq!(outcome.hashes, 0, "{}", engine.id());
            }
        }
    }
}

/// One thread finds what was asked for while the others owe rests of many minutes.
#[test]
fn the_end_of_a_search_wakes_who_rests() {
    let throttle = Throttle::default();
    throttle.set(percent(0.0001));
    for engine in EVERY_ENGINE.iter() {
        let throttle = throttle.clone();
        let slow = Fake::new(|call| {
            thread::sleep(Duration::from_millis(1));
            scan(call)
        });
        let slow =
            Fake { engine: engine.clone(), id: engine.id(), feed: engine.batching(), ..slow };
        let workers = Workers::builder(Arc::new(slow)).threads(3).build().expect("a few threads");
        let search = Search::new(header(72), Target::MAX);
        let outcome =
            in_time(move || search.first(&workers, SearchControl::default().throttle(&throttle)));
        assert_eq!((outcome.end, outcome.shares.len()), (End::Limit, 1), "{}", engine.id());
    }
}

#[test]
fn an_engine_that_fails_leaves_nobody_at_rest() {
    let failing = || {
        let fake = Fake::new(|call| match call.number {
            0..3 => scan(call),
            _ => call.fail(DeviceError::Lost("pulled out".to_owned())),
        });
        Arc::new(fake.gpu())
    };
    let throttle = Throttle::default();
    throttle.set(percent(50.0));
    let search = Search::new(header(73), Target::MIN).nonces(nonces(0, 1 << 20));
    for alone in [true, false] {
        let mut builder = Workers::builder(failing());
        if !alone {
            builder = builder.engine(scalar_engine()).threads(2);
        }
        let workers = builder.build().expect("a few threads");
        let (search, throttle) = (search.clone(), throttle.clone());
        let outcome =
            in_time(move || search.first(&workers, SearchControl::default().throttle(&throttle)));
        assert_eq!(outcome.faults.len(), 1);
        assert_eq!(outcome.end, if alone { End::Failed } else { End::Exhausted });
    }
}

#[test]
fn a_callback_that_panics_ends_a_paused_search() {
    let throttle = Throttle::default();
    throttle.set(Duty::PAUSED);
    let panicked = in_time(move || {
        let mut panics = |_| panic!("as it should");
        let watch = SearchControl::default().throttle(&throttle).progress(&mut panics);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            endless().first(&scalar(2), watch)
        }))
        .is_err()
    });
    assert!(panicked);
}

/// Two searches at one dial, and one search after the other.
#[test]
fn searches_share_a_dial() {
    let throttle = Throttle::default();
    throttle.set(Duty::PAUSED);
    let search = |seed: u8| {
        let throttle = throttle.clone();
        let search = Search::new(header(seed), Target::MIN).nonces(nonces(0, 1 << 14));
        let work = (0..3).map(move |_| search.clone());
        move || first_of(work, &scalar(2), SearchControl::default().throttle(&throttle))
    };
    let [one, two] = [search(74), search(75)].map(|search| {
        let (done, wait) = mpsc::channel();
        thread::spawn(move || done.send(search()));
        wait
    });
    assert!(one.recv_timeout(Duration::from_millis(50)).is_err(), "it is paused");
    throttle.set(percent(80.0));
    for wait in [one, two] {
        let outcome = wait.recv_timeout(PATIENCE).expect("the search does not end");
        assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 3 << 14));
    }
}

#[test]
fn shares_are_handed_over_in_order_as_they_come() {
    let mask = VersionMask::from_hex("0000e000").expect("three bits");
    let plan = Plan {
        mask: Some(mask),
        group: 3,
        seconds: 2,
        ..Plan::new(header(7), Target::MAX_ATTAINABLE_REGTEST, nonces(u32::MAX - 3000, 3000))
    };
    let all = plan.solved(usize::MAX);
    for (limit, threads) in [(usize::MAX, 3), (all.len(), 1), (1000, 2), (1, 2), (0, 1)] {
        let (mut found, mut times) = (Vec::new(), 0);
        let mut take = |shares: Vec<perjoule::engine::Share>| {
            assert!(!shares.is_empty());
            times += 1;
            found.extend(shares);
        };
        let watch = SearchControl::default().every(Duration::from_millis(1));
        let mut outcome = plan.search().each(limit, &scalar(threads), watch, &mut take);
        assert!(outcome.shares.is_empty() && times <= found.len());
        let expected = plan.search().all(limit, &scalar(threads), SearchControl::default());
        assert_eq!(outcome.end, expected.end, "{limit}");
        outcome.shares = found;
        assert_shares(&outcome, &all[..limit.min(all.len())], &limit);
    }
}

/// Whoever takes its time is waited for, so that memory holds what is found meanwhile.
#[test]
fn a_search_waits_for_who_takes_the_shares() {
    /// More than may wait, and what is in hand then.
    const MOST: u64 = 200_000;
    let plan = Plan::new(header(8), Target::MAX, NonceRange::ALL);
    let engine: Arc<Counting> = Arc::new(Counting { inner: scalar_engine(), nonces: 0.into() });
    let workers = Workers::builder(engine.clone()).threads(3).build().expect("a few threads");
    let done = || engine.nonces.load(Ordering::Relaxed);
    let stop = Stop::default();
    let mut taken = 0;
    let mut take = |shares: Vec<perjoule::engine::Share>| {
        let since = Instant::now();
        let mut before = u64::MAX;
        while before != done() && since.elapsed() < PATIENCE {
            before = done();
            thread::sleep(Duration::from_millis(300));
        }
        taken += shares.len() as u64;
        assert!(done() - taken < MOST, "{} were found, and {taken} taken", done());
        if taken > 3 * MOST {
            stop.stop();
        }
    };
    let outcome =
        plan.search().each(usize::MAX, &workers, SearchControl::default().stop(&stop), &mut take);
    assert_eq!(outcome.end, End::Stopped);
    assert_eq!(taken, outcome.hashes);
}

/// Counts the nonces that another engine did.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Engine>,
    nonces: AtomicU64,
}

impl Engine for Counting {
    fn id(&self) -> EngineId {
        self.inner.id()
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        let scanned = self.inner.scan(job, range, limit, out)?;
        self.nonces.fetch_add(scanned.nonces, Ordering::Relaxed);
        Ok(scanned)
    }

    fn batching(&self) -> Batching {
        self.inner.batching()
    }
}
