//! Shares that are handed over while the search goes on.

use super::*;

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
