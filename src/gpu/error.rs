//! How a device under a driver fails.

use std::time::Duration;

/// A failure of a device, which is not used again after it: but for [`Self::OutOfMemory`] of a
/// single buffer, whatever is asked of it later fails too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The driver gave the device up: a crash, a reset, a card that was taken out.
    #[error("the driver lost the device ({0})")]
    Lost(String),
    /// Work that should have taken milliseconds did not end.
    #[error("its work did not end within {:.1} s: the device hangs", .0.as_secs_f64())]
    Hung(Duration),
    /// There was no memory for buffers or code.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// The driver or the interface to it refused something that is always asked for.
    #[error("the driver refused to work ({0})")]
    Refused(String),
}
