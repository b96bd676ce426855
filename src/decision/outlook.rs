//! The years that are decided about, cut into phases in which a block has the same subsidy.
//!
//! A value per year is that of equal payments over all these years: what a use earns in each phase is
//! weighted with the phase's share of their present value. So a halving that comes in a month is in
//! nearly all of a value, and one at the end of the years in none of it.

use super::economics::{HALVING, blocks_to_halving, subsidy, worth_until};

/// Blocks are found every ten minutes, on average: the difficulty is adjusted until they are (Bitcoin
/// Core, `consensus.nPowTargetSpacing`).
const BLOCKS_PER_YEAR: f64 = 365.0 * 24.0 * 6.0;

/// Some of the years that are decided about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phase {
    /// Beginning, in years from the decision.
    pub(crate) from: f64,
    /// End, in years from the decision; after `from`.
    pub(crate) until: f64,
    /// Share of the present value of equal payments over all years that is of this phase, 0 to 1; the
    /// weights of all phases add up to 1.
    pub(crate) weight: f64,
    /// Subsidy of a block, in bitcoin.
    pub(crate) subsidy: f64,
    /// Price of a bitcoin in the middle of the phase by its path, as a multiple of that quoted.
    pub(crate) btc_price: f64,
    /// Difficulty in the middle of the phase by its path, as a multiple of that quoted.
    pub(crate) difficulty: f64,
}

impl Phase {
    /// Returns the middle of the phase, in years from the decision.
    pub(crate) fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.until)
    }
}

/// Longest phase in which a price that changes is taken for its value in the middle: a quarter of a year,
/// or this share of all years if that is more.
const STEP: f64 = 0.25;
const SHARE: f64 = 1.0 / 40.0;

/// The years that are decided about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outlook {
    height: u32,
    phases: Vec<Phase>,
}

impl Outlook {
    /// Looks `years` ahead from a decision that is made at the height `height`, with interest of
    /// `rate` a year (0.1 is 10 %). `years` is above zero. `along` returns what the paths of the price of
    /// a bitcoin and of the difficulty have come to by then; it is `None` where both stay as they are,
    /// and otherwise no phase is longer than a quarter of a year, or a fortieth of all
    /// years if that is more.
    pub(crate) fn new(
        height: u32,
        years: f64,
        rate: f64,
        along: Option<&dyn Fn(f64) -> (f64, f64)>,
    ) -> Self {
        let worth = |at: f64| worth_until(at, rate);
        let mut phases = Vec::new();
        let (mut from, mut at) = (0.0, height);
        while from < years {
            let blocks = blocks_to_halving(at);
            // No halving changes a subsidy of nothing.
            let is_last = subsidy(at) == 0.0;
            let end = from + f64::from(blocks) / BLOCKS_PER_YEAR;
            let until = if is_last { years } else { end.min(years) };
            let steps = if along.is_some() {
                ((until - from) / STEP.max(years * SHARE)).ceil().max(1.0)
            } else {
                1.0
            };
            for step in 0..steps as u32 {
                let part = |step: u32| from + (until - from) * f64::from(step) / steps;
                let (from, until) = (part(step), part(step + 1));
                let weight = (worth(until) - worth(from)) / worth(years);
                let middle = f64::midpoint(from, until);
                let (btc_price, difficulty) = along.map_or((1.0, 1.0), |along| along(middle));
                let subsidy = subsidy(at);
                phases.push(Phase { from, until, weight, subsidy, btc_price, difficulty });
            }
            (from, at) = (until, at.saturating_add(blocks));
        }
        Self { height, phases }
    }

    /// Returns the height of the chain at the time of the decision.
    pub(crate) fn height(&self) -> u32 {
        self.height
    }

    /// Returns the phases in order of time, one at least.
    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Returns the hours from the decision to the next halving of the subsidy, infinite where there is
    /// none left.
    pub(crate) fn hours_to_halving(&self) -> f64 {
        const BLOCKS_PER_HOUR: f64 = 6.0;
        if subsidy(self.height) == 0.0 {
            return f64::INFINITY;
        }
        f64::from(blocks_to_halving(self.height)) / BLOCKS_PER_HOUR
    }

    /// Returns the years from the decision to the next halving of the subsidy; `None` where it is not
    /// within these years.
    pub(crate) fn halving(&self) -> Option<f64> {
        let now = self.phases.first()?.subsidy;
        self.phases.iter().find(|phase| phase.subsidy < now).map(|phase| phase.from)
    }
}

/// Returns the height of the chain some time after it was `height`, by the mean time of a block.
pub(crate) fn height_after(height: u32, days: f64) -> u32 {
    let blocks = (days * BLOCKS_PER_YEAR / 365.0).clamp(0.0, f64::from(HALVING));
    height.saturating_add(blocks as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(outlook: &Outlook) -> Vec<f64> {
        outlook.phases().iter().map(|phase| phase.weight).collect()
    }

    #[test]
    fn a_halving_parts_the_years() {
        // 52,560 blocks are a year.
        let outlook = Outlook::new(HALVING - 52_560, 4.0, 0.0, None);
        assert_eq!(weights(&outlook), [0.25, 0.75]);
        assert_eq!(outlook.halving(), Some(1.0));
        let subsidies: Vec<_> = outlook.phases().iter().map(|phase| phase.subsidy).collect();
        assert_eq!(subsidies, [50.0, 25.0]);
        // With 10 % interest the first year is 0.90909 of 3.16987 dollars.
        let [first, rest] = weights(&Outlook::new(HALVING - 52_560, 4.0, 0.1, None))[..] else {
            panic!("two phases")
        };
        assert!((first - 0.286_792).abs() < 1e-6 && (first + rest - 1.0).abs() < 1e-12, "{first}");
    }

    #[test]
    fn a_halving_after_the_years_is_none() {
        assert_eq!(weights(&Outlook::new(HALVING - 210_000, 3.0, 0.1, None)), [1.0]);
        assert_eq!(Outlook::new(HALVING - 210_000, 3.0, 0.1, None).halving(), None);
    }

    #[test]
    fn twenty_years_have_several() {
        let outlook = Outlook::new(950_000, 20.0, 0.08, None);
        assert_eq!(outlook.phases().len(), 6);
        assert!((weights(&outlook).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(outlook.phases().windows(2).all(|two| (two[0].until - two[1].from).abs() < 1e-12));
    }

    #[test]
    fn what_changes_is_looked_at_by_the_quarter() {
        let outlook = Outlook::new(HALVING - 52_560, 4.0, 0.1, Some(&|years| (1.0 + years, 1.0)));
        assert_eq!(outlook.phases().len(), 16);
        assert!((weights(&outlook).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let first = outlook.phases()[0];
        assert_eq!((outlook.halving(), first.middle(), first.btc_price), (Some(1.0), 0.125, 1.125));
    }

    #[test]
    fn a_chain_without_subsidy_has_one_phase() {
        assert_eq!(weights(&Outlook::new(u32::MAX, 100.0, 0.1, None)), [1.0]);
    }

    #[test]
    fn the_chain_goes_on_after_a_quote() {
        assert_eq!(height_after(930_000, 10.0), 931_440);
        assert_eq!(height_after(930_000, -5.0), 930_000);
    }
}
