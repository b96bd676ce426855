//! How a thread waits for its dispatches.
//!
//! Some drivers wait in a loop, which keeps a core busy for as long as the device works. Where the
//! waits of the past were like that, a thread sleeps through most of the time that its work should
//! take, with all that is before it in the device's queue, and only then has the driver wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::clock;

/// The waits for dispatches of a device.
#[derive(Debug, Default)]
pub(super) struct Waits {
    latest: Mutex<Latest>,
    /// Dispatches that were submitted and are not done.
    queued: AtomicU32,
}

#[derive(Debug, Default)]
struct Latest(VecDeque<Wait>);

/// A wait of the driver that is over.
#[derive(Clone, Copy, Debug)]
struct Wait {
    took: Duration,
    /// Processor time that the thread took meanwhile; `None` if the system does not report it.
    spent: Option<Duration>,
}

/// Number of waits that are looked at, and without which nothing is decided.
const LATEST: usize = 8;

/// A driver spins if its waits take more than one part in so many of their time from the processor.
const SPINS: u32 = 2;

/// Share of the expected time that is slept through.
const SLEEP: f64 = 0.8;

/// Shorter sleeps are left out: a system may wake a thread that much too late.
const LEAST: Duration = Duration::from_millis(1);

/// A dispatch in the queue, until it is dropped.
struct Queued<'a>(&'a AtomicU32);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Waits {
    /// Submits work and has the driver wait for it, after a sleep where it spins and the work is known to take so long.
    pub(super) fn run<S, E>(
        &self,
        takes: Option<Duration>,
        submit: impl FnOnce() -> S,
        wait: impl FnOnce(S) -> Result<(), E>,
    ) -> Result<(), E> {
        let submitted = submit();
        let before_and_this = self.queued.fetch_add(1, Ordering::Relaxed) + 1;
        let _queued = Queued(&self.queued);
        let latest = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = takes.map_or(Duration::ZERO, |takes| latest().sleep(takes * before_and_this));
        if !sleep.is_zero() {
            thread::sleep(sleep);
        }
        let (start, before) = (Instant::now(), clock::thread_time());
        wait(submitted)?;
        let took = start.elapsed();
        let spent = clock::thread_time().zip(before);
        let spent = spent.map(|(after, before)| after.saturating_sub(before));
        latest().add(Wait { took, spent });
        Ok(())
    }
}

impl Latest {
    fn add(&mut self, wait: Wait) {
        if self.0.len() == LATEST {
            self.0.pop_front();
        }
        self.0.push_back(wait);
    }

    /// Returns how long to sleep before a wait that should take so long; nothing for drivers that do not spin.
    fn sleep(&self, expected: Duration) -> Duration {
        let took: Duration = self.0.iter().map(|wait| wait.took).sum();
        let spent: Option<Duration> = self.0.iter().map(|wait| wait.spent).sum();
        let spins = self.0.len() == LATEST && spent.is_some_and(|spent| spent > took / SPINS);
        let sleep = expected.mul_f64(SLEEP);
        if spins && sleep >= LEAST { sleep } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Waits of 25 ms that take this share of their time from the processor.
    fn waits(share: Option<f64>) -> Latest {
        let wait = Wait { took: ms(25), spent: share.map(|share| ms(25).mul_f64(share)) };
        Latest([wait; LATEST].into())
    }

    #[test]
    fn before_a_driver_that_spins_most_of_the_time_is_slept_through() {
        assert_eq!(waits(Some(0.98)).sleep(ms(25)), ms(20));
        assert_eq!(waits(Some(0.98)).sleep(ms(75)), ms(60));
        // Eight waits are not seen yet.
        let mut few = waits(Some(0.98));
        few.0.pop_front();
        assert_eq!(few.sleep(ms(25)), Duration::ZERO);
    }

    #[test]
    fn a_driver_that_sleeps_is_left_to_it() {
        for share in [Some(0.0), Some(0.07), Some(0.5), None] {
            assert_eq!(waits(share).sleep(ms(25)), Duration::ZERO, "{share:?}");
        }
        // One that spun until now.
        let mut latest = waits(Some(1.0));
        for _ in 0..LATEST {
            latest.add(Wait { took: ms(25), spent: Some(Duration::ZERO) });
        }
        assert_eq!(latest.sleep(ms(25)), Duration::ZERO);
    }

    /// The last dispatch of a search is short, and so is any that must not wait for long.
    #[test]
    fn work_that_is_short_is_not_slept_through() {
        assert_eq!(waits(Some(1.0)).sleep(ms(1)), Duration::ZERO);
        assert_eq!(waits(Some(1.0)).sleep(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_thread_sleeps_for_all_that_is_queued_and_what_fails_does_not_count() {
        let waits = Waits { latest: Mutex::new(waits(Some(1.0))), queued: AtomicU32::new(2) };
        let start = Instant::now();
        assert_eq!(waits.run(Some(ms(5)), || (), |()| Err(())), Err(()));
        assert!(start.elapsed() >= ms(12), "{:?}", start.elapsed());
        let first = || waits.latest.lock().expect("no panic").0[0].took;
        assert_eq!((first(), waits.queued.load(Ordering::Relaxed)), (ms(25), 2));
        assert_eq!(waits.run(None, || 7, |it| if it == 7 { Ok(()) } else { Err(()) }), Ok(()));
        let last = waits.latest.lock().expect("no panic").0.back().copied().expect("a wait");
        assert!(last.took < ms(12), "it was not to sleep: {last:?}");
        assert_eq!(waits.queued.load(Ordering::Relaxed), 2);
    }
}
