//! The throttle of a search: its duty, the share of the time in which its workers work, set while
//! it runs.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A duty: the fraction of the time in which something works, from 0 % (never) to 100 % (always).
///
/// It is stored in steps of a ten-thousandth of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duty {
    millionths: u32,
}

/// Error of a number or a text that is not a percentage from 0 to 100.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{text:?} is not a percentage from 0 to 100")]
pub struct DutyError {
    text: String,
}

impl Duty {
    /// The duty of a pause: no work at all.
    pub const PAUSED: Self = Self { millionths: 0 };

    /// The full duty: work all of the time.
    pub const FULL: Self = Self { millionths: 1_000_000 };

    /// Makes a duty from a percentage, 0 to 100.
    ///
    /// # Errors
    ///
    /// When the percentage is less than 0, more than 100, or not a number.
    pub fn from_percent(percent: f64) -> Result<Self, DutyError> {
        if (0.0..=100.0).contains(&percent) {
            Ok(Self { millionths: (percent * 1e4).round() as u32 })
        } else {
            Err(DutyError { text: percent.to_string() })
        }
    }

    /// Returns the duty in percent: 0 to 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.millionths) / 1e4
    }

    /// Returns the duty as a fraction: 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }
}

impl Default for Duty {
    fn default() -> Self {
        Self::FULL
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

/// Reads a percentage in digits with or without a decimal point: `50`, `12.5`.
impl FromStr for Duty {
    type Err = DutyError;

    fn from_str(text: &str) -> Result<Self, DutyError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent = text.parse().ok().filter(|_| is_plain);
        let duty = percent.and_then(|percent| Self::from_percent(percent).ok());
        duty.ok_or_else(|| DutyError { text: text.to_owned() })
    }
}

/// A handle that slows searches down and speeds them up again, from any thread while they run. A
/// new one is at full speed.
///
/// Searches that are [given](super::SearchControl::throttle) the throttle follow it between two
/// chunks of their work, on every engine: within a few milliseconds on CPUs, and within 75 ms on a
/// GPU, whose queue has to empty first. What they find does not depend on the throttle. At full
/// speed it costs the reading of one number for each chunk. In a pause all workers sleep, and only
/// the thread that called the search wakes now and then to see whether it is stopped.
///
/// At a duty in between, every thread alternates short times of work and of idling (pulse-width
/// modulation). Letting some threads work while others sleep would be too coarse: one core or one
/// GPU would have no steps at all. It would also miss the duty where cores are unequal, share a
/// physical core, or run faster when their neighbours sleep. Idle times last a millisecond or more,
/// which is longer than a core takes to fall asleep and to wake up. Threads begin them one after
/// the other, so that the power is smooth.
///
/// ```
/// use perjoule::search::{Duty, Throttle, SearchControl};
///
/// let throttle = Throttle::default();
/// let control = SearchControl::default().throttle(&throttle);
/// // From any thread, while the search runs:
/// throttle.set(Duty::from_percent(50.0)?);
/// assert_eq!(throttle.duty().to_string(), "50 %");
/// # Ok::<(), perjoule::search::DutyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Throttle(Arc<DutySetting>);

#[derive(Debug)]
struct DutySetting {
    millionths: AtomicU32,
    /// Wakeups of the searches that run.
    wakeups: Mutex<Vec<Weak<Wakeup>>>,
}

impl Default for DutySetting {
    fn default() -> Self {
        Self { millionths: AtomicU32::new(Duty::FULL.millionths), wakeups: Mutex::default() }
    }
}

impl Throttle {
    /// Sets the duty of all searches that were given this throttle, from now on.
    ///
    /// The duty is the fraction of the time in which each CPU thread, or each GPU, works. If a
    /// sleep lasts too long, the next ones are shorter, so that the duty holds on average.
    pub fn set(&self, duty: Duty) {
        self.0.millionths.store(duty.millionths, Ordering::Relaxed);
        for wakeup in lock(&self.0.wakeups).iter().filter_map(Weak::upgrade) {
            wakeup.ring();
        }
    }

    /// Returns the duty that is set.
    #[must_use]
    pub fn duty(&self) -> Duty {
        Duty { millionths: self.0.millionths.load(Ordering::Relaxed) }
    }

    /// Makes a wakeup that is rung at every change of the duty.
    pub(super) fn wakeup(&self) -> Arc<Wakeup> {
        let wakeup = Arc::<Wakeup>::default();
        let mut wakeups = lock(&self.0.wakeups);
        wakeups.retain(|wakeup| wakeup.strong_count() > 0);
        wakeups.push(Arc::downgrade(&wakeup));
        wakeup
    }
}

/// The wakeup that the threads of a search sleep on.
#[derive(Debug, Default)]
pub(super) struct Wakeup {
    lock: Mutex<()>,
    rung: Condvar,
}

impl Wakeup {
    /// Wakes all threads that sleep, so that they look again.
    pub(super) fn ring(&self) {
        let _lock = lock(&self.lock);
        self.rung.notify_all();
    }

    /// Sleeps until it is woken and `is_idle` has become false, or for `time`, if one is given.
    pub(super) fn sleep(&self, time: Option<Duration>, mut is_idle: impl FnMut() -> bool) {
        let lock = lock(&self.lock);
        let is_idle = |(): &mut ()| is_idle();
        match time {
            Some(time) => drop(self.rung.wait_timeout_while(lock, time, is_idle)),
            None => drop(self.rung.wait_while(lock, is_idle)),
        }
    }
}

/// Locks a mutex, also after a panic: nothing is ever left half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duties_are_percentages() {
        for (text, millionths) in
            [("0", 0), ("100", 1_000_000), ("50", 500_000), ("12.5", 125_000), ("0.0001", 1)]
        {
            let duty: Duty = text.parse().expect(text);
            assert_eq!(duty.millionths, millionths);
            assert_eq!(duty.to_string(), format!("{text} %"));
        }
        for text in ["", "101", "100.1", "-1", "-0", "+5", "abc", "NaN", "inf", "1e1", "50%", " 5"]
        {
            let error = text.parse::<Duty>().expect_err(text);
            assert_eq!(error.to_string(), format!("{text:?} is not a percentage from 0 to 100"));
        }
        for percent in [f64::NAN, -0.1, 100.1, f64::INFINITY] {
            assert!(Duty::from_percent(percent).is_err(), "{percent}");
        }
        assert!(Duty::PAUSED < Duty::FULL && Duty::default() == Duty::FULL);
    }

    #[test]
    fn clones_are_one_dial() {
        let throttle = Throttle::default();
        let clone = throttle.clone();
        assert_eq!(clone.duty(), Duty::FULL);
        clone.set(Duty::PAUSED);
        assert_eq!(throttle.duty(), Duty::PAUSED);
    }

    #[test]
    fn bells_of_searches_that_are_over_are_forgotten() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            drop(throttle.wakeup());
        }
        let _bell = throttle.wakeup();
        assert_eq!(lock(&throttle.0.wakeups).len(), 1);
    }
}
