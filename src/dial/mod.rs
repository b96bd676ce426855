//! Set points of a search and its step responses: mining as a load that is turned up and down.
//!
//! `SetpointProfile::run` (feature `meter`) runs a search without a solution through a list of set
//! points.
//! [`respond`] then computes, from a counter of hashes or of joules, how fast and how well each set
//! point was followed.

mod response;
#[cfg(feature = "meter")]
mod run;

pub use self::response::{CounterTrace, Gap, Reach, ResponseError, Step, StepResponse, respond};
#[cfg(feature = "meter")]
#[doc(hidden)] // For the tests of the command.
pub use self::run::Drive;
#[cfg(feature = "meter")]
pub use self::run::{Run, SetpointProfile};
