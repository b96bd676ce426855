//! Several engines together, and what becomes of a search when some fail.

use super::*;

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
