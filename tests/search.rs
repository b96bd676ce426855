//! Searches: the order of what they find, what they count, and how they end.
//!
//! What is expected comes from four nested loops over the oracle; which engine runs, on how many
//! threads and who finishes first must not show.

mod common;
#[allow(dead_code)] // The library's own tests read the fields that these do not.
#[path = "../src/block/tests/notable.rs"]
mod notable;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use perjoule::block::{Header, Target, Version, VersionMask};
use perjoule::engine::{self, Candidate, Engine, EngineId, Fault, Scanned};
use perjoule::job::{Job, MAX_GROUP, NonceRange};
use perjoule::search::{
    End, MAX_THREADS, Outcome, Progress, Search, Stop, Watch, Workers, WorkersError, first_of,
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

fn scalar(threads: usize) -> Workers {
    workers(&engine::by_id(EngineId::Scalar).expect("on every machine"), threads)
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
    search.all(limit, workers, Watch::default().stop(&stop).progress(&mut patience))
}

/// Long enough for an emulator; nothing that passes waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

fn nonces(start: u32, len: u64) -> NonceRange {
    NonceRange::new(start, u64::from(start) + len).expect("below 2^32")
}

fn mask(bits: u32) -> VersionMask {
    VersionMask::from_consensus(bits).expect("not zero")
}

/// No hash is 1 or 0.
fn impossible() -> Target {
    let mut one = [0; 32];
    one[31] = 1;
    Target::from_be_bytes(one).expect("one is not zero")
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
                let outcome = search.first(&workers, Watch::default());
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

/// An engine that does something of its own before it scans.
struct Before<F> {
    engine: Arc<dyn Engine>,
    before: F,
}

impl<F: Fn(NonceRange) + Send + Sync + 'static> Before<F> {
    fn scalar(before: F) -> Arc<dyn Engine> {
        let engine = engine::by_id(EngineId::Scalar).expect("on every machine");
        Arc::new(Self { engine, before })
    }
}

impl<F> fmt::Debug for Before<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "something before {:?}", self.engine)
    }
}

impl<F: Fn(NonceRange) + Send + Sync> Engine for Before<F> {
    fn id(&self) -> EngineId {
        self.engine.id()
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, Fault> {
        (self.before)(range);
        self.engine.scan(job, range, limit, out)
    }

    fn instructions_per_hash(&self, versions: usize) -> f64 {
        self.engine.instructions_per_hash(versions)
    }

    fn exercise(&self, rounds: u32) -> Result<u64, Fault> {
        self.engine.exercise(rounds)
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
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let opens = gate.clone();
        let engine = Before::scalar(move |range| {
            if range.start() == 0 {
                let (open, opened) = &*gate;
                let shut = |open: &mut bool| !*open;
                let (_open, waited) =
                    opened.wait_timeout_while(open.lock().unwrap(), PATIENCE, shut).unwrap();
                assert!(!waited.timed_out(), "nobody else found a share");
            }
        });
        let mut open_once_found = |progress: Progress| {
            if progress.shares > 0 {
                let (open, opened) = &*opens;
                *open.lock().unwrap() = true;
                opened.notify_all();
            }
        };
        let watch = Watch::default().progress(&mut open_once_found);
        let outcome = plan.search().all(limit, &workers(&engine, 2), watch);
        assert_shares(&outcome, &solved[..limit], &format_args!("limit {limit}"));
        assert_eq!(outcome.end, End::Limit);
    }
}

#[test]
fn all_shares_come_in_order_and_every_hash_is_counted() {
    // Pieces that finish in another order than they were handed out in.
    let jitter = Before::scalar(|range| {
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
                    let what = format!("{:?}, {plan:?}", workers.engine());
                    let search = plan.search();
                    let outcome = search.all(usize::MAX, workers, Watch::default());
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
        let outcome = plan.search().all(usize::MAX, &scalar(2), Watch::default());
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
                let outcome = plan.search().all(limit, &workers, Watch::default());
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
    let outcome = search.all(0, &scalar(2), Watch::default());
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
    let outcome = search.first(&workers, Watch::default());
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
        let outcome = search.all(usize::MAX, &scalar(2), Watch::default());
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
    let search = Search::new(header(13), impossible()).versions(VersionMask::BIP320);
    let watch = Watch::default().stop(&stop).progress(&mut tell);
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
    let watch = Watch::default().stop(&stop).progress(&mut stop_at_the_second);
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

#[test]
fn a_search_stopped_before_it_starts_does_nothing() {
    let stop = Stop::default();
    stop.stop();
    let search = Search::new(header(15), Target::MAX);
    let outcome = search.first(&scalar(2), Watch::default().stop(&stop));
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
    let search = Search::new(header(16), impossible()).versions(VersionMask::BIP323).roll_time(9);
    let watch = Watch::default().stop(&stop).progress(&mut tell);
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
        let target = if i < easy { impossible() } else { Target::MAX };
        Search::new(header(i as u8), target).nonces(nonces(9, i as u64 + 1))
    })
}

#[test]
fn new_work_is_asked_for_when_the_last_is_exhausted() {
    let workers = scalar(2);
    let mut asked = 0;
    let outcome = first_of(series(0, &mut asked), &workers, Watch::default());
    assert_eq!((outcome.end, outcome.hashes, asked), (End::Limit, 1, 1));

    let mut asked = 0;
    let outcome = first_of(series(2, &mut asked), &workers, Watch::default());
    assert_shares(&outcome, &[header(2).with_nonce(9)], &"the third is solved");
    assert_eq!((outcome.end, asked), (End::Limit, 3));
    // All of the first two and some of the third.
    assert!((1 + 2 + 1..=1 + 2 + 3).contains(&outcome.hashes), "{outcome:?}");

    let mut asked = 0;
    let outcome = first_of(series(5, &mut asked), &workers, Watch::default());
    assert_eq!((outcome.end, outcome.hashes, asked), (End::Exhausted, 1 + 2 + 3 + 4 + 5, 5));
    assert!(outcome.shares.is_empty());

    let outcome = first_of([], &workers, Watch::default());
    assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 0));

    let stop = Stop::default();
    stop.stop();
    let mut asked = 0;
    let outcome = first_of(series(0, &mut asked), &workers, Watch::default().stop(&stop));
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
    let short = Search::new(header(17), impossible()).nonces(nonces(0, 3));
    let endless = Search::new(header(18), impossible()).versions(VersionMask::BIP323);
    let watch = Watch::default().stop(&stop).progress(&mut tell);
    let outcome = first_of([short, endless], &scalar(2), watch);
    assert_eq!(outcome.end, End::Stopped);
    assert!(outcome.hashes >= 3, "{outcome:?}");
    assert_eq!(told.last(), Some(&(1 << 56)));
}

#[test]
fn workers_have_one_to_max_threads() {
    let engine = engine::by_id(EngineId::Scalar).expect("on every machine");
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        let error = Workers::builder(engine.clone()).threads(threads).build().expect_err("refused");
        assert!(matches!(error, WorkersError::Threads { threads: n } if n == threads), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(&format!("{threads} threads, expected 1 to")), "{error}");
    }
    let by_default = Workers::builder(engine).build().expect("one for each core");
    assert!(by_default.threads() > 0);
    assert_eq!(by_default.engine().id(), EngineId::Scalar);
    assert_eq!(scalar(5).threads(), 5);
}

#[test]
fn pinned_workers_find_the_same_or_say_why_there_are_none() {
    let plan = Plan::new(header(19), target(0x000f_ffff, 0), NonceRange::ALL);
    let engine = engine::by_id(EngineId::Scalar).expect("on every machine");
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
    let endless = Search::new(header(1), impossible()).versions(VersionMask::BIP320);
    let (first, second) = (Stop::default(), Stop::default());
    thread::scope(|scope| {
        let running = scope.spawn(|| endless.first(&workers, Watch::default().stop(&first)));
        thread::sleep(Duration::from_millis(50));
        second.stop();
        let waiting = endless.first(&workers, Watch::default().stop(&second));
        assert_eq!((waiting.end, waiting.shares.len()), (End::Stopped, 0));
        assert!(!running.is_finished());
        first.stop();
        assert_eq!(running.join().expect("it does not panic").end, End::Stopped);
    });
}

#[test]
fn a_panic_of_the_progress_callback_ends_the_search() {
    let workers = scalar(2);
    let endless = Search::new(header(1), impossible()).versions(VersionMask::BIP320);
    let mut tell = |_: Progress| panic!("no progress wanted");
    let watch = Watch::default().progress(&mut tell);
    let ended =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| endless.first(&workers, watch)));
    assert!(ended.is_err());
    // And the workers are as good as before.
    let stop = Stop::default();
    stop.stop();
    assert_eq!(endless.first(&workers, Watch::default().stop(&stop)).end, End::Stopped);
}
