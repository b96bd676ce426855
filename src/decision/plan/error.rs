//! Why there is no plan.

use super::problem::MOST_CELLS;
use crate::units::Watts;
use crate::units::text::count;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to plan.
    #[error("a plan needs at least one hour")]
    NoHours,
    /// A number is out of its range.
    #[error("{what} is {value}: expected {expected}")]
    OutOfRange {
        /// Which one, as in `the tariff of hour 12`.
        what: String,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Stages are not in the order of their hours.
    #[error(
        "stage {stage} of AI capacity begins at hour {from}, which is not after the one before it"
    )]
    StageOrder {
        /// Which stage, counted from 0.
        stage: usize,
        /// Its first hour.
        from: usize,
    },
    /// The contract contradicts one other limit.
    #[error(
        "the AI contract asks for {least} from hour {from} on, but {limit} allows {most} in hour {hour}"
    )]
    Contract {
        /// What the contract asks for.
        least: Watts,
        /// Its first hour.
        from: usize,
        /// What contradicts it.
        limit: &'static str,
        /// The most that AI can draw with it.
        most: Watts,
        /// The first hour of which that is so.
        hour: usize,
    },
    /// The contract contradicts several limits taken together.
    #[error(
        "the AI contract of {least} cannot be met together with {limits}; lower it or raise one of them"
    )]
    Together {
        /// What the contract asks for.
        least: Watts,
        /// The limits that there are.
        limits: String,
    },
    /// It would take more memory than it is worth.
    #[error(
        "{kinds} kinds of hardware in {hours} hours that differ are more than a plan has room for, \
         {} of one by the other; put what is alike into one section with its count, or plan fewer hours",
        count(MOST_CELLS as f64)
    )]
    TooLarge {
        /// How many kinds.
        kinds: usize,
        /// How many hours, those that are alike taken together.
        hours: usize,
    },
    /// The solver stopped before it had a plan.
    #[error("the solver found no plan: {status}")]
    Unsolved {
        /// What it says.
        status: String,
    },
    /// What the solver found is not proven to be best.
    #[error(
        "the best plan found may be ${gap:.2} short of the best there is: it is not proven, and not shown"
    )]
    Unproven {
        /// By how much a better plan might earn more, in dollars.
        gap: f64,
    },
}
