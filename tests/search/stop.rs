//! Stops, progress, series of searches, and the threads that search.

use super::*;

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
