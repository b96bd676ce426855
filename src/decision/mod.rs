//! Decides what to do with hardware: go on mining, rent it out for AI, give its power to a tenant,
//! curtail it while power is expensive, or sell it.
//!
//! ```text
//! Record (measured) ──────► device ─┐
//!                                   ├─► value of each use ──► Verdict ───┐
//! site.toml (dated prices) ─► Site ─┘                                    ├─► Decision
//!                               └─────► Problem ──► plan by the hour ────┘
//! ```
//!
//! [`decide()`] does all of it. The value of a use is computed in three ways: for the inputs as
//! quoted and measured, for random draws of them within their ranges, and with one input at a time
//! moved by a fifth.
//!
//! - [`site`]: the file with the limits of a site and its prices;
//! - [`fitness`]: whether a device is fit for AI;
//! - [`plan`]: what goes to which use in each hour, as a linear program.
//!
//! Power and energy are those at the site's meter unless a name says otherwise, and money is in US
//! dollars.

mod candidate;
mod case;
mod curve;
mod decide;
mod economics;
#[cfg(test)]
pub(crate) mod example;
pub mod fitness;
mod grid;
mod grounds;
mod inputs;
mod join;
mod lease;
mod limits;
mod making_way;
mod miners;
mod model;
mod operating;
mod outcome;
mod outlook;
pub mod plan;
mod planner;
mod prices;
mod schedule;
mod scores;
mod sensitivity;
pub mod site;
mod tenant;
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "shares and subsidies that are exact in binary")]
mod tests;
mod turning;
mod uses;
mod verdict;
mod warnings;

pub use self::candidate::{Basis, MismatchError};
pub use self::case::Use;
pub use self::decide::{DecideError, Options, decide};
pub use self::inputs::UncertainInput;
#[cfg(feature = "report")]
pub(crate) use self::miners::reference_miners;
pub use self::model::{
    AiEconomics, Allocation, Asic, DECISION_SCHEMA, Decision, DeviceDecision, DurationPoint,
    LimitValue, MiningEconomics, MiningPrices, Money, PlannedHour, PriceSource, Prices, Schedule,
    SharePoint, Totals, UseValue,
};
pub use self::sensitivity::{Map, Sensitivity};
pub use self::turning::TurningPoint;
pub use self::verdict::Verdict;
