//! The failures of a GPU device.

use std::time::Duration;

/// A failure of a GPU device. The device is not used again after it: every later call fails too,
/// except after [`Self::OutOfMemory`] of a single buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The driver lost the device, as by a crash, a reset or the removal of the card; with its
    /// reason.
    #[error("the driver lost the device ({0})")]
    Lost(String),
    /// Work that should have taken milliseconds did not end within this time limit.
    #[error("its work did not end within {:.1} s: the device hangs", .0.as_secs_f64())]
    Hung(Duration),
    /// The device had no memory for buffers or code.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// The driver, or the interface to it, refused a request that every working driver accepts;
    /// with its reason.
    #[error("the driver refused to work ({0})")]
    Refused(String),
}
