//! Which shares are found, and in which order.

use super::*;

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
