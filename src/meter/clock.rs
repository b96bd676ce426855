//! The time that readings of several meters share, and that tests set by hand.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The time since some start, which never goes back.
#[derive(Clone)]
pub struct Clock {
    start: SystemTime,
    now: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        let start = Instant::now();
        Self::new(SystemTime::now(), move || start.elapsed())
    }

    /// Any other time: its start, and what gives the time since then.
    #[must_use]
    pub fn new(start: SystemTime, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { start, now: Arc::new(now) }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.now)()
    }

    /// The date of a time since the start. It is as right as the system's was at the start, whose
    /// later corrections it does not follow.
    #[must_use]
    pub fn date(&self, at: Duration) -> SystemTime {
        self.start.checked_add(at).unwrap_or(self.start)
    }
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
