//! Why there is no plan.

use super::problem::MOST_CELLS;
use crate::units::Watts;
use crate::units::text::count;

/// Reason why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The problem has no hours.
    #[error("a plan needs at least one hour")]
    NoHours,
    /// A number is out of its range.
    #[error("{what} is {value}: expected {expected}")]
    OutOfRange {
        /// Name of the number, as in `the tariff of hour 12`.
        what: String,
        /// Value of the number.
        value: f64,
        /// Range that the number has to be in, in words.
        expected: &'static str,
    },
    /// The stages of AI capacity are not in the order of their hours.
    #[error(
        "stage {stage} of AI capacity begins at hour {from}, which is not after the one before it"
    )]
    StageOrder {
        /// Index of the stage, counted from 0.
        stage: usize,
        /// First hour of the stage, counted from 0.
        from: usize,
    },
    /// The tenants contradict one other limit.
    #[error("the tenants take {draw} in hour {hour}, but {limit} allows {most}")]
    Tenants {
        /// Draw of the tenants, or their heat.
        draw: Watts,
        /// Name of the limit that contradicts them.
        limit: &'static str,
        /// Maximum within that limit.
        most: Watts,
        /// First hour in which they contradict, counted from 0.
        hour: usize,
    },
    /// The beginning of a tenant contradicts the ramp.
    #[error(
        "the tenants' draw changes by {step} in an hour, and the ramp allows {ramp}: what mines cannot \
         make up for it"
    )]
    Ramp {
        /// Largest change of the tenants' draw from one hour to the next.
        step: Watts,
        /// Ramp of the site.
        ramp: Watts,
    },
    /// The problem would take more memory than it is worth.
    #[error(
        "{kinds} kinds of hardware in {hours} hours that differ are more than a plan has room for, \
         {} of one by the other; put what is alike into one section with its count, or plan fewer hours",
        count(MOST_CELLS as f64)
    )]
    TooLarge {
        /// Number of kinds of hardware.
        kinds: usize,
        /// Number of distinct hours: those that are alike are counted once.
        hours: usize,
    },
    /// The solver stopped before it had a plan.
    #[error("the solver found no plan: {status}")]
    Unsolved {
        /// Status that the solver reports.
        status: String,
    },
    /// The plan that the solver found is not proven to be best.
    #[error(
        "the best plan found may be ${gap:.2} short of the best there is: it is not proven, and not shown"
    )]
    Unproven {
        /// Gap to the upper bound, in dollars: a better plan may earn up to that much more.
        gap: f64,
    },
}
