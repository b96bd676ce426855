//! Energy from the values of a counter: wrap-around, resets, and times without a reading.

use std::time::Duration;

use super::Counted;
use crate::units::{Joules, Watts};

/// More power than any processor takes, so that no counter wraps sooner than at this power.
const MOST: Watts = Watts::new(2_000.0);

/// How far a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// The counter starts from zero again after its largest value.
    Wraps {
        /// Largest value, more than zero.
        largest: u64,
    },
    /// The counter does not wrap in a lifetime: if it goes back, it was reset.
    Endless,
}

/// Adds up the steps of a counter.
#[derive(Debug)]
pub(super) struct Counter {
    one: Joules,
    width: Width,
    last: Option<(u64, Duration)>,
    /// Counts since the first value: beyond any wrap, and exact.
    total: u128,
    first_update: Duration,
    counted: Counted,
}

impl Counter {
    /// Makes the sum of a counter that counts in steps of `one`.
    pub(super) fn new(one: Joules, width: Width) -> Self {
        let (total, first_update) = (0, Duration::ZERO);
        Self { one, width, last: None, total, first_update, counted: Counted::default() }
    }

    /// Returns the longest time between readings: half of that in which the counter can wrap.
    pub(super) fn read_within(&self) -> Option<Duration> {
        let Width::Wraps { largest } = self.width else { return None };
        let seconds = self.one * largest as f64 / (MOST * Duration::from_secs(1)) / 2.0;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Adds a value that was read at that time, and returns the sum so far.
    pub(super) fn see(&mut self, value: u64, at: Duration) -> Counted {
        let Some((last, seen)) = self.last.replace((value, at)) else {
            return self.counted;
        };
        let step = match self.width {
            _ if value >= last => Some(value - last),
            // A value above the largest is the counter's mistake, and no reason to panic.
            Width::Wraps { largest } => {
                (largest.checked_sub(last)).and_then(|left| left.checked_add(value)?.checked_add(1))
            }
            Width::Endless => None,
        };
        // Read every so often is on time; what can have happened in twice that time is not known.
        let limit = self.read_within().map(|limit| limit * 2);
        if limit.is_some_and(|limit| at.saturating_sub(seen) > limit) {
            self.counted.lapses += 1;
        }
        match step {
            Some(step) => self.total += u128::from(step),
            None => self.counted.resets += 1,
        }
        if value != last {
            if self.counted.updates == 0 {
                self.first_update = at;
            }
            self.counted.updates += 1;
            self.counted.updating = at.saturating_sub(self.first_update);
        }
        self.counted.energy = self.one * self.total as f64;
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MICROJOULE: Joules = Joules::from_microjoules(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn joules_are_since_the_first_value() {
        let mut counter = Counter::new(MICROJOULE, Width::Endless);
        assert_eq!(counter.see(7_000_000, seconds(0)), Counted::default());
        assert_eq!(counter.see(9_500_000, seconds(1)).energy, Joules::new(2.5));
        let counted = counter.see(9_500_000, seconds(2));
        assert_eq!((counted.energy, counted.updates), (Joules::new(2.5), 1));
        let counted = counter.see(10_000_000, seconds(4));
        assert_eq!((counted.energy, counted.updates), (Joules::new(3.0), 2));
        assert_eq!(counted.update_period(), Some(seconds(3)));
    }

    #[test]
    fn a_counter_without_an_end_that_goes_back_was_started_anew() {
        let mut counter = Counter::new(MICROJOULE, Width::Endless);
        counter.see(5_000_000, seconds(0));
        counter.see(6_000_000, seconds(1));
        // 32 bits are no exception: whether they wrapped or started anew is not to be seen.
        for (value, resets) in [(0, 1), (4_294_967_295, 1), (0, 2), (u64::MAX, 2), (3, 3)] {
            let before = counter.counted.energy;
            let counted = counter.see(value, seconds(2));
            assert_eq!(counted.resets, resets);
            assert!(counted.energy >= before);
        }
    }

    #[test]
    fn a_counter_that_was_not_read_in_time_says_so() {
        // 262 kJ, of a server's processor: at 2 kW it wraps in 131 s.
        let width = Width::Wraps { largest: 262_143_328_850 };
        let mut counter = Counter::new(MICROJOULE, width);
        assert_eq!(counter.read_within().expect("it wraps").as_secs(), 65);
        counter.see(0, seconds(0));
        assert_eq!(counter.see(1, seconds(131)).lapses, 0);
        assert_eq!(counter.see(2, seconds(263)).lapses, 1);
        assert_eq!(counter.see(3, seconds(264)).lapses, 1);
        assert_eq!(Counter::new(MICROJOULE, Width::Endless).read_within(), None);
    }

    #[test]
    fn values_that_cannot_be_do_no_harm() {
        let mut counter = Counter::new(MICROJOULE, Width::Wraps { largest: 100 });
        for value in [u64::MAX, 0, 100, 101, 1, u64::MAX, 99] {
            counter.see(value, seconds(0));
        }
        assert_eq!(counter.counted.resets, 3);
    }

    proptest! {
        /// Any counts are added up, however often they wrap, as long as no two wraps come
        /// between two looks.
        #[test]
        fn wraps_are_counted(
            largest in 1_u64..=u64::MAX,
            start in any::<u64>(),
            steps in prop::collection::vec(any::<u64>(), 0..100),
        ) {
            let modulus = u128::from(largest) + 1;
            let mut counter = Counter::new(MICROJOULE, Width::Wraps { largest });
            let mut value = u128::from(start) % modulus;
            counter.see(value as u64, Duration::ZERO);
            let (mut total, mut updates) = (0_u128, 0);
            for step in steps {
                let step = u128::from(step) % modulus;
                value = (value + step) % modulus;
                total += step;
                updates += u64::from(step > 0);
                let counted = counter.see(value as u64, Duration::ZERO);
                prop_assert_eq!(counted.energy, MICROJOULE * total as f64);
                prop_assert_eq!((counted.updates, counted.resets), (updates, 0));
            }
            prop_assert_eq!(counter.total, total);
        }
    }
}
