//! How long to wait before somebody who did not answer is asked again: longer each time, up to a bound.

use std::time::Duration;

/// The first wait; for tests it is enough to come to it.
const FIRST: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(1) };

/// Waits that double.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// From the first wait to this.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { next: FIRST, longest }
    }

    /// The next wait.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2);
        wait
    }

    /// Begins anew, as all is well again.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new(5 * FIRST);
        let mut waits =
            |count| (0..count).map(|_| backoff.wait().div_duration_f64(FIRST)).collect::<Vec<_>>();
        assert_eq!(waits(100)[..5], [1.0, 2.0, 4.0, 5.0, 5.0]);
        assert_eq!(waits(1), [5.0]);
        backoff.reset();
        assert_eq!(backoff.wait(), FIRST);
    }
}
