//! How a thread waits for its dispatches.
//!
//! Some drivers wait in a loop, which keeps a core busy for as long as the device works. Where the
//! waits of the past were like that, a thread sleeps for most of the time that they took before it
//! lets the driver wait for the rest. Other threads have work in the device's queue meanwhile, so
//! that waking a little late costs nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::clock;

/// The latest waits for dispatches of a device.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest(VecDeque<Wait>);

/// A wait that is over.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// How long it took, with the sleep before it as it was meant to be.
    took: Duration,
    /// How long the driver waited.
    driver: Duration,
    /// Processor time that the thread took meanwhile; `None` if the system does not report it.
    spent: Option<Duration>,
}

/// Number of waits that are looked at, and without which nothing is decided.
const LATEST: usize = 8;

/// A driver spins if its waits take more than one part in so many of their time from the processor.
const SPINS: u32 = 2;

/// Share of the shortest wait that is slept through.
const SLEEP: f64 = 0.8;

/// Shorter sleeps are left out: a system may wake a thread that much too late.
const LEAST: Duration = Duration::from_millis(1);

impl Waits {
    /// Has the driver wait, after a sleep where it spins. A wait that fails does not count.
    pub(super) fn run<E>(&self, wait: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let latest = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = latest().sleep();
        if !sleep.is_zero() {
            thread::sleep(sleep);
        }
        let (start, before) = (Instant::now(), clock::thread_time());
        wait()?;
        let driver = start.elapsed();
        let spent = clock::thread_time().zip(before);
        let spent = spent.map(|(after, before)| after.saturating_sub(before));
        // A sleep that lasted longer than it was to would make the next ones longer still.
        latest().add(Wait { took: sleep + driver, driver, spent });
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

    /// Returns how long to sleep before the next wait; nothing for drivers that do not spin.
    fn sleep(&self) -> Duration {
        let driver: Duration = self.0.iter().map(|wait| wait.driver).sum();
        let spent: Option<Duration> = self.0.iter().map(|wait| wait.spent).sum();
        let spins = spent.is_some_and(|spent| spent > driver / SPINS);
        let shortest = self.0.iter().map(|wait| wait.took).min().unwrap_or_default();
        let sleep = shortest.mul_f64(SLEEP);
        if spins && self.0.len() == LATEST && sleep >= LEAST { sleep } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What a driver takes even where the work is done already.
    const CALL: Duration = Duration::from_micros(20);

    /// Waits for a dispatch under a driver that takes this share of its time from the processor,
    /// and returns the sleep before it.
    fn wait(latest: &mut Latest, dispatch: Duration, share: Option<f64>) -> Duration {
        let sleep = latest.sleep();
        let driver = dispatch.saturating_sub(sleep) + CALL;
        let spent = share.map(|share| driver.mul_f64(share));
        latest.add(Wait { took: sleep + driver, driver, spent });
        sleep
    }

    /// The sleep after many waits.
    fn in_the_end(latest: &mut Latest, dispatch: Duration, share: Option<f64>) -> Duration {
        (0..50).map(|_| wait(latest, dispatch, share)).last().expect("some")
    }

    #[test]
    fn before_a_driver_that_spins_most_of_the_wait_is_slept_through() {
        let mut latest = Latest::default();
        let first = [(); LATEST].map(|()| wait(&mut latest, ms(25), Some(0.98)));
        assert_eq!(first, [Duration::ZERO; LATEST]);
        assert_eq!(in_the_end(&mut latest, ms(25), Some(0.98)), (ms(25) + CALL).mul_f64(SLEEP));
    }

    #[test]
    fn a_driver_that_sleeps_is_left_to_it() {
        for share in [0.0, 0.07, 0.5] {
            let sleep = in_the_end(&mut Latest::default(), ms(25), Some(share));
            assert_eq!(sleep, Duration::ZERO, "{share}");
        }
        // One that spun until now.
        let mut latest = Latest::default();
        assert!(in_the_end(&mut latest, ms(25), Some(1.0)) > ms(20));
        assert_eq!(in_the_end(&mut latest, ms(25), Some(0.02)), Duration::ZERO);
    }

    #[test]
    fn the_sleep_follows_the_waits() {
        let mut latest = Latest::default();
        assert!(in_the_end(&mut latest, ms(25), Some(1.0)) > ms(20));
        let shorter = [(); 20].map(|()| wait(&mut latest, ms(10), Some(1.0)));
        assert!(shorter.is_sorted_by(|a, b| a >= b), "{shorter:?}");
        for dispatch in [ms(10), ms(40)] {
            let sleep = in_the_end(&mut latest, dispatch, Some(1.0));
            assert_eq!(sleep, (dispatch + CALL).mul_f64(SLEEP));
        }
        // A single short wait, too, is one that the next may be like.
        latest.add(Wait { took: ms(5), driver: ms(5), spent: Some(ms(5)) });
        for _ in 0..LATEST {
            assert_eq!(wait(&mut latest, ms(40), Some(1.0)), ms(4));
        }
        assert!(wait(&mut latest, ms(40), Some(1.0)) > ms(32));
    }

    #[test]
    fn nothing_is_slept_through_that_is_short_or_whose_processor_time_is_unknown() {
        assert_eq!(in_the_end(&mut Latest::default(), ms(1), Some(1.0)), Duration::ZERO);
        assert_eq!(in_the_end(&mut Latest::default(), ms(25), None), Duration::ZERO);
        let mut latest = Latest::default();
        assert!(in_the_end(&mut latest, ms(25), Some(1.0)) > ms(20));
        wait(&mut latest, ms(25), None);
        assert_eq!(latest.sleep(), Duration::ZERO);
    }

    #[test]
    fn the_thread_sleeps_and_what_fails_does_not_count() {
        let waits = Waits::default();
        let spins = Wait { took: ms(10), driver: ms(10), spent: Some(ms(10)) };
        *waits.0.lock().expect("no panic") = Latest([spins; LATEST].into());
        let start = Instant::now();
        assert_eq!(waits.run(|| Err(())), Err(()));
        assert!(start.elapsed() >= ms(8));
        let all = || waits.0.lock().expect("no panic").0.clone();
        assert!(all().iter().all(|wait| wait.took == ms(10)));
        assert_eq!(waits.run(|| Ok::<_, ()>(())), Ok(()));
        let last = all().back().copied().expect("a wait");
        assert!(last.took >= ms(8) && last.driver <= last.took, "{last:?}");
    }
}
