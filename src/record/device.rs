//! The devices that can be scored, by their names in reports.

use std::fmt;
use std::str::FromStr;

use crate::units::UnknownNameError;
use crate::workload::Place;

/// A device that can be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DeviceId {
    /// The processor of this machine.
    Cpu,
    /// The GPU of this number, from 0, in the order in which this crate lists the machine's GPUs.
    Gpu(u8),
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad(CPU),
            Self::Gpu(number) => f.pad(&format!("{GPU}{number}")),
        }
    }
}

const CPU: &str = "cpu";
const GPU: &str = "gpu:";

impl FromStr for DeviceId {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let gpu = name.strip_prefix(GPU).and_then(|number| number.parse().ok()).map(Self::Gpu);
        let known = [Self::Cpu].into_iter().chain(gpu).find(|device| device.to_string() == name);
        known.ok_or_else(|| UnknownNameError::new("device", name, "cpu, gpu:0, gpu:1 …"))
    }
}

impl From<Place> for DeviceId {
    fn from(place: Place) -> Self {
        match place {
            Place::Cores(_) => Self::Cpu,
            Place::Gpu(number) => Self::Gpu(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for device in [DeviceId::Cpu, DeviceId::Gpu(0), DeviceId::Gpu(255)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for name in ["", "CPU", "gpu", "gpu:", "gpu:256", "gpu:01", "gpu:-1", "gpu:+1"] {
            let refused = name.parse::<DeviceId>().expect_err(name).to_string();
            assert!(refused.starts_with(&format!("no device is called {name:?}, ")), "{refused}");
        }
    }
}
