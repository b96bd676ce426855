//! What measures joules.
//!
//! A [`Meter`] is read, and a [`Window`] lies between two of its readings. Some meters count energy
//! themselves; where there is only power, it is integrated over time, and the window says so. What
//! cannot be known is an error, never a zero.
//!
//! - [`found()`]: what meters this machine has, and why it lacks others; a counter that does not move
//!   is none;
//! - [`Domain`]: what a number is of, and what must not be added to what;
//! - [`Recorder`]: reads a set of meters in the background, so that no counter wraps unseen;
//! - [`Clock`]: the time that all of them share;
//! - [`rapl`] and [`perf`]: the counters of processors;
//! - [`nvml`] and [`hwmon`]: GPUs, and other sensors;
//! - [`command`] and [`csv`]: meters outside, such as one at the wall; [`assumed`]: none at all;
//! - [`fake`]: a meter without a sensor, for tests.
//!
//! ```
//! use std::time::Duration;
//!
//! use perjoule::meter::fake::{Fake, ManualClock};
//! use perjoule::meter::{Domain, Meter, Recorder};
//! use perjoule::units::Watts;
//!
//! // In earnest: meters that `found()` has, and `Clock::start()`.
//! let update = Duration::from_millis(1);
//! let meter = Fake::counting(Domain::Cpu, Watts::new(65.0), update);
//! let meters: Vec<Box<dyn Meter>> = vec![Box::new(meter)];
//! let hand = ManualClock::new();
//! let recorder = Recorder::start(meters, hand.clock(), Duration::from_millis(50))?;
//!
//! let ((), measured) = recorder.measure(|| hand.advance(Duration::from_secs(10)));
//! let window = measured[0].window.as_ref().map_err(Clone::clone)?;
//! assert_eq!(window.energy.to_string(), "650 J");
//! assert_eq!(window.power().to_string(), "65.0 W");
//! # Ok::<(), perjoule::meter::MeterError>(())
//! ```

pub mod assumed;
mod clock;
pub mod command;
mod conditions;
mod counter;
pub mod csv;
mod domain;
mod error;
pub mod fake;
mod found;
mod host;
pub mod hwmon;
mod integral;
mod name;
pub mod nvml;
mod patience;
mod pci;
pub mod perf;
mod probe;
pub mod rapl;
mod recorder;
mod shell;
mod sysfs;
mod text;
mod unavailable;
mod window;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{Joules, Watts};

pub use self::clock::Clock;
pub use self::conditions::{Conditions, Throttle};
pub use self::domain::{Domain, Overlap, Socket, UnknownDomainError, sum};
pub use self::error::MeterError;
pub use self::found::{found, found_on, found_under};
pub use self::host::{Host, Platform};
pub use self::pci::{ParsePciAddressError, PciAddress};
pub use self::probe::Exercise;
pub use self::recorder::{DEFAULT_INTERVAL, Mark, Measured, Recorder, Sample, Track};
pub use self::unavailable::{Cause, Unavailable, Why};
pub use self::window::{CrossCheck, Method, Note, Span, Window};

/// Something that tells how much energy was used.
pub trait Meter: fmt::Debug + Send {
    /// What it measures, and by what means.
    fn info(&self) -> &MeterInfo;

    /// What was used since the first reading. Joules never decrease: a counter that wraps is
    /// corrected, and one that starts anew goes on from where it was, which the reading says.
    ///
    /// # Errors
    ///
    /// When it cannot be read now. It may be read again later.
    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError>;

    /// The state of the device, where the meter knows it.
    fn conditions(&mut self) -> Option<Conditions> {
        None
    }
}

/// A meter of a machine, or why it lacks it.
pub type Found = Result<Box<dyn Meter>, Unavailable>;

/// What a meter is.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterInfo {
    /// What it measures.
    pub domain: Domain,
    /// By what means.
    pub source: Source,
    /// Where or what it is there: a file, a command line, a card with its driver.
    pub detail: String,
    /// The smallest step that it can show; what it measures may be coarser. `None` where energy is
    /// integrated from power.
    pub resolution: Option<Joules>,
    /// It must be read at least this often, or its counter may wrap unseen.
    pub read_within: Option<Duration>,
    /// A reading takes long, and is worth its time only this often. `None` for meters that are read
    /// in a moment. Such a meter has to tell power.
    pub interval: Option<Duration>,
}

impl fmt::Display for MeterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} ({})", self.domain, self.source, self.detail)
    }
}

/// The means of measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "cli", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Source {
    /// Energy counters of processors, through Linux' powercap.
    Rapl,
    /// The same counters, through performance events.
    Perf,
    /// NVIDIA's driver.
    Nvml,
    /// Sensors of drivers and boards, through Linux' hwmon.
    Hwmon,
    /// A program that prints watts.
    Command,
    /// A trace that another meter wrote.
    Csv,
    /// A figure that somebody stated. Nothing was measured.
    Assumed,
    /// A test.
    Fake,
}

impl Source {
    /// All of them.
    const ALL: [Self; 8] = [
        Self::Rapl,
        Self::Perf,
        Self::Nvml,
        Self::Hwmon,
        Self::Command,
        Self::Csv,
        Self::Assumed,
        Self::Fake,
    ];
}

impl FromStr for Source {
    type Err = UnknownSourceError;

    fn from_str(name: &str) -> Result<Self, UnknownSourceError> {
        let known = Self::ALL.into_iter().find(|source| source.to_string() == name);
        known.ok_or_else(|| UnknownSourceError { name: name.to_owned() })
    }
}

/// A name that no kind of meter has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kind of meter is called {name:?}")]
pub struct UnknownSourceError {
    name: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rapl => "rapl",
            Self::Perf => "perf",
            Self::Nvml => "nvml",
            Self::Hwmon => "hwmon",
            Self::Command => "command",
            Self::Csv => "csv",
            Self::Assumed => "assumed",
            Self::Fake => "fake",
        })
    }
}

/// What a meter told at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// When, by the clock that it was read with.
    pub at: Duration,
    /// By a counter of energy.
    pub counted: Option<Counted>,
    /// By power that was integrated over time.
    pub integrated: Option<Integrated>,
    /// The power at that time, where the meter tells it.
    pub power: Option<Watts>,
}

impl Reading {
    /// The energy since the first reading: as counted, or else as integrated.
    #[must_use]
    pub fn energy(&self) -> Option<Joules> {
        let counted = self.counted.map(|counted| counted.energy);
        counted.or(self.integrated.map(|integrated| integrated.energy))
    }
}

/// What a counter of energy told, all since its first reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// The energy.
    pub energy: Joules,
    /// How often another number was read. A counter that is updated more often than it is read
    /// looks slower than it is.
    pub updates: u64,
    /// From the first of those updates to the last.
    pub updating: Duration,
    /// How often the counter went back and was not expected to. What it counted just before is
    /// lost.
    pub resets: u64,
    /// How often it was not read for so long that it may have wrapped unseen.
    pub lapses: u64,
}

impl Counted {
    /// How long it takes from an update to the next, as observed.
    #[must_use]
    pub fn update_period(&self) -> Option<Duration> {
        let periods = u32::try_from(self.updates.checked_sub(1)?).ok()?;
        self.updating.checked_div(periods)
    }
}

/// What was integrated from power, all since the first reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Integrated {
    /// The energy.
    pub energy: Joules,
    /// From how many values of power.
    pub samples: u64,
    /// How often there was no value for so long that the power in between is a guess.
    pub gaps: u64,
    /// How long that was, all together.
    pub gap_time: Duration,
}

/// A power that a machine or a site may take; other numbers are mistakes.
fn plausible(watts: f64) -> Option<Watts> {
    const MOST: f64 = 1e8;
    (0.0..=MOST).contains(&watts).then(|| Watts::new(watts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_those_between_updates() {
        let counted = |updates| Counted {
            updates,
            updating: Duration::from_millis(900),
            ..Counted::default()
        };
        assert_eq!(counted(10).update_period(), Some(Duration::from_millis(100)));
        assert_eq!((counted(0).update_period(), counted(1).update_period()), (None, None));
    }
}
