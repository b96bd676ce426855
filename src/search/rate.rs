//! How much work a worker claims at a time: as much as it does in the time its engine asks for, and
//! near the end no more than its part of what is left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Hashes in the first chunk of a worker, whose rate is not known yet.
const FIRST_PIECE: u64 = 4096;

/// Hashes in the smallest chunk of a worker, however slow it seems to be.
const LEAST_PIECE: u64 = FIRST_PIECE / 4;

/// The hashes per second of all workers together, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct RateEstimates(AtomicU64);

/// The rate of one worker, as far as it is known; while it exists it counts among all.
#[derive(Debug)]
pub(super) struct RateEstimate<'a> {
    all: &'a RateEstimates,
    /// Time that a chunk of this worker should take.
    piece: Duration,
    /// Hashes that take about that time, and the least number of them.
    size: u64,
    least: u64,
    /// Hashes per second of this worker: a guess that is too low, until a chunk was done.
    rate: u64,
}

impl RateEstimates {
    /// Adds a worker whose chunks should take `piece`, or less by its `share` of a core (0 to 1).
    pub(super) fn join(&self, piece: Duration, share: f64) -> RateEstimate<'_> {
        let of = |hashes: u64| ((hashes as f64 * share) as u64).max(1);
        let size = of(FIRST_PIECE);
        let rate = per_second(FIRST_PIECE, piece);
        self.0.fetch_add(rate, Ordering::Relaxed);
        RateEstimate { all: self, piece: piece.mul_f64(share), size, least: of(LEAST_PIECE), rate }
    }
}

impl RateEstimate<'_> {
    /// Returns how many hashes to claim if `left` are left.
    ///
    /// A worker that takes a quarter of its part is back long before the others could have done
    /// theirs, even where a rate was misjudged. Waiting for a chunk costs less than making it far
    /// smaller than it should be.
    pub(super) fn take(&self, left: u128) -> u64 {
        let all = self.all.0.load(Ordering::Relaxed).max(self.rate);
        let part = left as f64 * (self.rate as f64 / all as f64);
        self.size.min((part / 4.0) as u64).max(self.size / 64)
    }

    /// Learns from a chunk: its `hashes` took the time `took`.
    pub(super) fn learn(&mut self, hashes: u64, took: Duration) {
        if hashes == 0 {
            return;
        }
        let rate = per_second(hashes, took);
        // The sum is over numbers that wrap around: what a worker adds it takes away again.
        self.all.0.fetch_add(rate.wrapping_sub(self.rate), Ordering::Relaxed);
        self.rate = rate;
        let fit = (rate as f64 * self.piece.as_secs_f64()) as u64;
        // One odd measurement must not make a piece that no stop can interrupt.
        self.size = fit.clamp(self.least, self.size.saturating_mul(4));
    }
}

impl Drop for RateEstimate<'_> {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.rate, Ordering::Relaxed);
    }
}

/// Returns the hashes per second, at least 1.
fn per_second(hashes: u64, took: Duration) -> u64 {
    ((hashes as f64 / took.as_secs_f64().max(1e-9)) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_piece_grows_fourfold_at_most_until_it_takes_its_time() {
        let paces = RateEstimates::default();
        let mut pace = paces.join(75 * MILLISECOND, 1.0);
        let mut sizes = Vec::new();
        for _ in 0..12 {
            let size = pace.take(1 << 90);
            sizes.push(size);
            // 10 GH/s.
            pace.learn(size, Duration::from_nanos(size / 10));
        }
        assert_eq!(sizes[..3], [4096, 4 * 4096, 16 * 4096]);
        assert!(sizes[9..].iter().all(|size| size.abs_diff(750_000_000) < 10_000_000), "{sizes:?}");
        // A worker that lost its core for a while is soon as fast as before.
        pace.learn(750_000_000, Duration::from_secs(1));
        pace.learn(0, Duration::from_secs(1));
        assert_eq!(pace.take(1 << 90), 56_250_000);
    }

    #[test]
    fn a_worker_with_a_share_of_a_core_takes_that_share_of_a_piece() {
        let paces = RateEstimates::default();
        let mut pace = paces.join(MILLISECOND, 1.0 / 32.0);
        assert_eq!(pace.take(1 << 90), 128);
        // 10 MH/s, of which it has 32 us at a time; then it loses its core for a while.
        for _ in 0..4 {
            pace.learn(10_000, MILLISECOND);
        }
        assert_eq!(pace.take(1 << 90), 312);
        pace.learn(312, Duration::from_secs(3));
        assert_eq!(pace.take(1 << 90), 32);
    }

    #[test]
    fn the_end_is_shared_by_speed() {
        let paces = RateEstimates::default();
        let (mut slow, mut fast) =
            (paces.join(MILLISECOND, 1.0), paces.join(75 * MILLISECOND, 1.0));
        for _ in 0..12 {
            slow.learn(1_000_000, Duration::from_millis(10));
            fast.learn(1_000_000, Duration::from_micros(100));
        }
        assert_eq!((slow.take(1 << 90), fast.take(1 << 90)), (100_000, 750_000_000));
        let left = 10_100_000;
        assert_eq!((slow.take(left), fast.take(left)), (25_000, 11_718_750));
        assert_eq!((slow.take(0), fast.take(0)), (100_000 / 64, 750_000_000 / 64));
        // One that has left has no part.
        drop(slow);
        assert_eq!(fast.take(400_000_000), 100_000_000);
        drop(fast);
        assert_eq!(paces.0.into_inner(), 0);
    }

    /// A worker on a clock of its own.
    struct Simulated {
        /// Hashes per second.
        rate: f64,
        piece: Duration,
        /// What each piece costs beside its hashes.
        latency: Duration,
    }

    fn core(rate: f64) -> Simulated {
        Simulated { rate, piece: MILLISECOND, latency: Duration::from_nanos(500) }
    }

    /// Returns one of the three workers that submit to a GPU of this rate.
    fn feeder(rate: f64) -> Simulated {
        Simulated { rate: rate / 3.0, piece: 75 * MILLISECOND, latency: Duration::from_micros(60) }
    }

    /// When the last worker has done its last piece of `hashes` hashes.
    fn simulate(workers: &[Simulated], hashes: u64) -> Duration {
        let paces = RateEstimates::default();
        let mut left = hashes;
        // The piece of each: when it is done, how many hashes it has and how long they took.
        let mut pieces = vec![(Duration::ZERO, 0, Duration::ZERO); workers.len()];
        let mut own: Vec<_> = workers.iter().map(|worker| paces.join(worker.piece, 1.0)).collect();
        while left > 0 {
            let next = (0..workers.len()).min_by_key(|&index| pieces[index].0).expect("workers");
            let (now, size, took) = pieces[next];
            own[next].learn(size, took);
            let size = own[next].take(left.into()).min(left);
            let took = Duration::from_secs_f64(size as f64 / workers[next].rate);
            let took = took + workers[next].latency;
            left -= size;
            pieces[next] = (now + took, size, took);
        }
        pieces.into_iter().map(|(end, ..)| end).max().expect("workers")
    }

    #[test]
    fn nobody_is_waited_for_at_the_end() {
        let cases: [(&str, Vec<Simulated>); 6] = [
            ("cores", [60e6; 2].map(core).into()),
            ("unequal cores", [60e6, 20e6, 20e6, 1e6].map(core).into()),
            ("a GPU", [1e10; 3].map(feeder).into()),
            (
                "a GPU and cores",
                [60e6; 2].map(core).into_iter().chain([1e10; 3].map(feeder)).collect(),
            ),
            (
                "a slow GPU and cores",
                [60e6; 2].map(core).into_iter().chain([2e8; 3].map(feeder)).collect(),
            ),
            ("a slow GPU and a fast one", [3e8, 3e8, 3e8, 1e10, 1e10, 1e10].map(feeder).into()),
        ];
        for (name, workers) in cases {
            for hashes in (16..38).map(|bits| 1_u64 << bits) {
                let rate: f64 = workers.iter().map(|worker| worker.rate).sum();
                let ideal = hashes as f64 / rate;
                let took = simulate(&workers, hashes).as_secs_f64();
                assert!(took < ideal * 1.002 + 0.003, "{name}, {hashes}: {took} s, not {ideal} s");
            }
        }
    }
}
