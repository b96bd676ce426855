//! Workloads of processors.

mod bandwidth;
#[cfg(feature = "matmul")]
pub mod matmul;
mod peak;

pub use self::bandwidth::{Bandwidth, Pattern};
pub use self::peak::{Peak, Units};
