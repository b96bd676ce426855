//! Set points of a search and its step responses: mining as a load that is turned up and down.
//!
//! `SetpointProfile::run` goes through set points with a search that nothing solves; [`respond`]
//! computes the step response of each from a counter of hashes or of joules.

mod response;
#[cfg(feature = "meter")]
mod run;

pub use self::response::{CounterTrace, Gap, Reach, ResponseError, Step, StepResponse, respond};
#[cfg(feature = "meter")]
#[doc(hidden)] // For the tests of the command.
pub use self::run::Drive;
#[cfg(feature = "meter")]
pub use self::run::{Run, SetpointProfile};
