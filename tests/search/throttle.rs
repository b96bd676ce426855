//! Searches that work a share of the time, pause and go on.

use super::*;

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
