//! The reasons why a row has no energy.

use std::str::FromStr;

use super::device::DeviceId;
use crate::meter::Domain;
use crate::units::UnknownNameError;

/// The reason why a row has no energy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoEnergy {
    /// No meter measures the device.
    #[error("no meter measures {device}")]
    NoMeter {
        /// Device that no meter measures.
        device: DeviceId,
    },
    /// The row is a peak, which only serves as a roof and is not metered.
    #[error("a peak: its numbers stand still, so that it draws less than real work")]
    Peak,
    /// Another row of the device is metered instead: only the fastest engine, and only on all
    /// threads.
    #[error("only the fastest engine is metered, on all threads, and so are products and memory")]
    Another,
    /// A meter of the device failed.
    #[error("{domain}: {why}")]
    Failed {
        /// Domain of the meter.
        domain: Domain,
        /// Error of the meter, as text.
        why: String,
    },
    /// The measurement was stopped before its first window.
    #[error("it was stopped before")]
    Stopped,
}

/// Reads the text that [`Display`](std::fmt::Display) writes.
impl FromStr for NoEnergy {
    type Err = UnknownNameError;

    fn from_str(text: &str) -> Result<Self, UnknownNameError> {
        let plain = [Self::Peak, Self::Another, Self::Stopped];
        let no_meter = || {
            let device = text.strip_prefix("no meter measures ")?.parse().ok()?;
            Some(Self::NoMeter { device })
        };
        let failed = || {
            text.match_indices(": ").find_map(|(at, between)| {
                let domain = text[..at].parse().ok()?;
                Some(Self::Failed { domain, why: text[at + between.len()..].to_owned() })
            })
        };
        let plain = plain.into_iter().find(|it| it.to_string() == text);
        plain
            .or_else(no_meter)
            .or_else(failed)
            .ok_or_else(|| UnknownNameError::new("reason for having no energy", text, ""))
    }
}
