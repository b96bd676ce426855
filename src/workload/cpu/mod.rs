//! Workloads of processors: matrix products, memory bandwidth and peak rates.

mod bandwidth;
#[cfg(feature = "matmul")]
pub mod matmul;
mod peak;

pub use self::bandwidth::{Bandwidth, Pattern};
pub use self::peak::{Peak, Units};
