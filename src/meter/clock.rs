//! The time that readings of several meters share, and that tests set by hand.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A clock that readings of several meters share: the time since its start, which never goes back.
#[derive(Clone)]
pub struct Clock {
    start: SystemTime,
    now: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// Starts a clock now.
    #[must_use]
    pub fn start() -> Self {
        let start = Instant::now();
        Self::new(SystemTime::now(), move || start.elapsed())
    }

    /// Starts a clock now that goes on while the machine is suspended, as a counter of joules may:
    /// there the time of [`Self::start`] stands still on Linux and on Apple's systems.
    #[must_use]
    pub fn through_suspend() -> Self {
        let Some(start) = with_suspend() else { return Self::start() };
        let now = move || with_suspend().unwrap_or(start).saturating_sub(start);
        Self::new(SystemTime::now(), now)
    }

    /// Makes a clock from the date of its start and a function that returns the time since then.
    #[must_use]
    pub fn new(start: SystemTime, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { start, now: Arc::new(now) }
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.now)()
    }

    /// Returns the date of a time since the start. It is as right as the system's clock was at the
    /// start, whose later corrections it does not follow.
    #[must_use]
    pub fn date(&self, at: Duration) -> SystemTime {
        self.start.checked_add(at).unwrap_or(self.start)
    }
}

/// Returns the time of the system's clock that goes on in a suspended machine; `None` where there
/// is none.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn with_suspend() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    const ID: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(target_vendor = "apple")]
    const ID: libc::clockid_t = libc::CLOCK_MONOTONIC;
    crate::machine::clock::read(ID)
}

/// Returns `None`: on this system the time of [`Instant`] goes on in a suspended machine, or no
/// time does.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn with_suspend() -> Option<Duration> {
    None
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now();
        f.debug_struct("Clock").field("start", &self.start).field("now", &now).finish()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_does_not_go_back() {
        let clock = Clock::start();
        let [first, second] = [clock.now(), clock.now()];
        assert!(first <= second);
        assert!(clock.date(second) >= clock.date(first));
        assert_eq!(clock.date(Duration::MAX), clock.date(Duration::ZERO));
    }
}
