//! The state that a device was in while it was measured.

use std::collections::BTreeSet;
use std::fmt;

use crate::units::{Celsius, Hertz, Watts};

/// Clocks, temperature and what slows a device down. What it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
pub struct Conditions {
    /// The clock of the arithmetic units.
    pub core_clock: Option<Hertz>,
    /// The clock of the memory.
    pub memory_clock: Option<Hertz>,
    /// The temperature of the chip.
    pub temperature: Option<Celsius>,
    /// What it may use at the most.
    pub power_limit: Option<Watts>,
    /// Why the clock is lower than it could be; empty if it is not.
    pub throttled: Option<BTreeSet<Throttle>>,
}

/// Why the clock of a device is lower than it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "cli", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Throttle {
    /// The power limit is reached.
    Power,
    /// It is too hot, as the driver sees it.
    Heat,
    /// It is so hot that the hardware halves the clock, or does worse.
    HardwareHeat,
    /// The power supply asks for less.
    PowerBrake,
    /// The hardware halves the clock, or does worse, for one of several reasons.
    Hardware,
    /// Somebody set a lower clock.
    Setting,
    /// Another GPU of its group is slow.
    Group,
}

impl fmt::Display for Throttle {
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
