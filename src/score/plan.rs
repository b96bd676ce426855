//! What to score: which work on which devices, and what that is compared with.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::record::DeviceId;
use crate::units::UnknownNameError;
use crate::workload::{Kind, Shape};

/// A plan: what to score, and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Devices to score.
    pub devices: Vec<DeviceId>,
    /// Kinds of work to measure.
    pub kinds: Vec<Kind>,
    /// Engines of the search and of integer peaks, those of GPUs too. Each has passed
    /// [`crate::engine::selftest::check`].
    pub engines: Vec<Arc<dyn Engine>>,
    /// Types of numbers in products and peaks; all of them if empty.
    pub dtypes: Vec<Dtype>,
    /// Sides of the matrices; `None` searches for the smallest size at which the rate stops rising.
    pub shape: Option<Shape>,
    /// Size of each array for bandwidth, in bytes; `None` chooses one that no cache holds.
    pub array_bytes: Option<u64>,
    /// Number of threads of the rows that use several; the other rows of a processor use one.
    pub threads: usize,
    /// Time to measure each group (hashing, arithmetic or memory on one device), without its
    /// preparation and its energy windows.
    pub time: Duration,
    /// Kinds of work that an earlier score has measured to their end, by device; they are not
    /// measured again.
    pub finished: Vec<(DeviceId, Vec<Kind>)>,
}

/// A type of numbers to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// Floating-point numbers of 64 bits (IEEE 754 binary64).
    F64,
    /// Floating-point numbers of 32 bits (IEEE 754 binary32).
    F32,
    /// Floating-point numbers of 16 bits (IEEE 754 binary16), summed in any type.
    F16,
    /// Integers of 8 bits, summed in 32 bits.
    I8,
    /// Integers of 32 bits.
    I32,
}

impl Dtype {
    /// All types of numbers.
    pub const ALL: [Self; 5] = [Self::F64, Self::F32, Self::F16, Self::I8, Self::I32];

    /// Returns the name: `f64`, `f32`, `f16`, `i8` or `i32`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
            Self::I32 => "i32",
        }
    }
}

impl FromStr for Dtype {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let known = Self::ALL.into_iter().find(|dtype| dtype.name() == name);
        known.ok_or_else(|| UnknownNameError::new("type", name, "f64, f32, f16, i8 or i32"))
    }
}

/// A class of work, whose workloads are measured in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkloadClass {
    Hashing,
    Arithmetic,
    Memory,
}

impl WorkloadClass {
    const ALL: [Self; 3] = [Self::Hashing, Self::Arithmetic, Self::Memory];

    /// Returns the kinds of work of this class on a device.
    fn kinds(self, device: DeviceId) -> &'static [Kind] {
        match (self, device) {
            (Self::Hashing, _) => &[Kind::Sha256d],
            (Self::Arithmetic, _) => &[Kind::Matmul, Kind::Peak],
            (Self::Memory, DeviceId::Cpu) => &[Kind::Bandwidth],
            (Self::Memory, DeviceId::Gpu(_)) => &[Kind::Bandwidth, Kind::Latency],
        }
    }
}

impl fmt::Display for WorkloadClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hashing => "SHA-256d",
            Self::Arithmetic => "arithmetic",
            Self::Memory => "memory",
        })
    }
}

impl Plan {
    /// Makes a plan of all kinds of work on these devices, with `time` for each group, on one
    /// thread and on `threads`; the searches use `engines`.
    #[must_use]
    pub fn new(
        devices: Vec<DeviceId>,
        engines: Vec<Arc<dyn Engine>>,
        threads: usize,
        time: Duration,
    ) -> Self {
        Self {
            devices,
            kinds: Kind::ALL.into(),
            engines,
            dtypes: Vec::new(),
            shape: None,
            array_bytes: None,
            threads,
            time,
            finished: Vec::new(),
        }
    }

    /// Returns the groups that there can be on each device and that are not finished.
    pub(super) fn groups(&self) -> Vec<(DeviceId, WorkloadClass)> {
        let groups =
            self.devices.iter().flat_map(|&device| WorkloadClass::ALL.map(|class| (device, class)));
        let is_left = |&(device, class): &(DeviceId, WorkloadClass)| {
            let is_finished = |kind: &Kind| {
                self.finished.iter().any(|(on, kinds)| *on == device && kinds.contains(kind))
            };
            !self.kinds_of(device, class).iter().all(is_finished)
        };
        groups.filter(is_left).collect()
    }

    /// The kinds of work that a group has.
    pub(super) fn kinds_of(&self, device: DeviceId, class: WorkloadClass) -> Vec<Kind> {
        class.kinds(device).iter().copied().filter(|&kind| self.has(kind)).collect()
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    pub(super) fn has_type(&self, dtype: Dtype) -> bool {
        self.dtypes.is_empty() || self.dtypes.contains(&dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse(), Ok(dtype));
        }
        assert!("F32".parse::<Dtype>().is_err());
    }
}
