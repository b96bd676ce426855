//! The state that a device was in while it was measured.

use std::collections::BTreeSet;
use std::fmt;

use crate::units::{Celsius, Hertz, Watts};

/// State of a device: its clocks, temperature, power limit and throttling. What the device does not
/// report is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "score", derive(serde::Serialize))]
pub struct Conditions {
    /// Clock of the arithmetic units, in hertz.
    pub core_clock: Option<Hertz>,
    /// Clock of the memory, in hertz.
    pub memory_clock: Option<Hertz>,
    /// Temperature of the chip, in degrees Celsius.
    pub temperature: Option<Celsius>,
    /// Power limit that is in force, in watts.
    pub power_limit: Option<Watts>,
    /// Reasons why the clock is lower than it could be; empty if the device is not throttled.
    pub throttled: Option<BTreeSet<ThrottleReason>>,
}

/// A reason why the clock of a device is lower than it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "score", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ThrottleReason {
    /// The power limit is reached.
    Power,
    /// The driver lowers the clock because of the temperature.
    Heat,
    /// The hardware halves the clock, or lowers it further, because of the temperature.
    HardwareHeat,
    /// The power supply asks for less power (power brake).
    PowerBrake,
    /// The hardware halves the clock, or lowers it further, for one of several reasons.
    Hardware,
    /// A clock setting holds the clock down.
    Setting,
    /// Another GPU of its group is slower.
    Group,
}

impl fmt::Display for ThrottleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Power => "power limit",
            Self::Heat => "heat",
            Self::HardwareHeat => "heat, by hardware",
            Self::PowerBrake => "power brake",
            Self::Hardware => "hardware slowdown",
            Self::Setting => "clock setting",
            Self::Group => "slower GPU of its group",
        })
    }
}
