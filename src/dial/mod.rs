//! Mining as a load that is turned up and down: set points, and how fast and how well something
//! followed them.
//!
//! `SetpointProfile::run` goes through set points with a search that nothing solves; [`respond`] says
//! what a counter of hashes or of joules shows of each step.

mod response;
#[cfg(feature = "meter")]
mod run;

pub use self::response::{Gap, Reach, Response, ResponseError, Step, Trace, respond};
#[cfg(feature = "meter")]
pub use self::run::{Drive, Run, SetpointProfile};
