//! Energy meters, and windows of energy between two of their readings.
//!
//! A [`Meter`] is read, and a [`Window`] lies between two of its readings. Some meters count energy
//! themselves; where there is only power, it is integrated over time, and the window says so. What
//! cannot be known is an error, never a zero.
//!
//! - [`found()`]: the meters that this machine has, and why it lacks others; a counter that does
//!   not move does not count as a meter;
//! - [`Domain`]: the part of a machine whose energy is measured, and which parts overlap;
//! - [`Recorder`]: reads a set of meters in the background, so that no counter wraps unseen;
//! - [`Clock`]: the time that all of them share;
//! - [`Source`]: the means of measuring, such as the RAPL counters of processors and the NVML
//!   library of NVIDIA's GPUs;
//! - [`hwmon`]: sensors of drivers and boards on Linux, some GPUs' among them;
//! - [`command`] and [`csv`]: external meters, such as one at the wall; [`assumed`]: a stated
//!   power;
//! - [`fake`]: a simulated meter, for tests.
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
//! let clock = ManualClock::new();
//! let recorder = Recorder::start(meters, clock.clock(), Duration::from_millis(50))?;
//!
//! let ((), measured) = recorder.measure(|| clock.advance(Duration::from_secs(10)));
//! let window = measured[0].window.as_ref().map_err(Clone::clone)?;
//! assert_eq!(window.energy.to_string(), "650 J");
//! assert_eq!(window.power().to_string(), "65.0 W");
//! # Ok::<(), perjoule::meter::MeterError>(())
//! ```

// The drivers behind `found` are hidden: only this crate's tests call them, with folders and cards of
// their own.

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
#[doc(hidden)]
pub mod nvml;
mod patience;
mod pci;
#[doc(hidden)]
pub mod perf;
mod probe;
#[doc(hidden)]
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

use crate::units::{Joules, UnknownNameError, Watts};

pub use self::clock::Clock;
pub use self::conditions::{Conditions, ThrottleReason};
pub use self::domain::{Domain, Overlap, Socket, sum};
pub use self::error::MeterError;
#[doc(hidden)]
pub use self::found::found_under;
pub use self::found::{found, found_on};
pub use self::host::{Host, Platform};
pub use self::pci::{ParsePciAddressError, PciAddress};
pub use self::probe::CounterExercise;
pub use self::recorder::{DEFAULT_INTERVAL, Mark, Measured, Recorder, Sample, Track};
pub use self::unavailable::{Cause, Unavailable, Why};
pub use self::window::{CrossCheck, Method, Span, Window, WindowNote};

/// A meter: a source of readings of the energy of one [`Domain`].
pub trait Meter: fmt::Debug + Send {
    /// Returns what the meter measures, and by what means.
    fn info(&self) -> &MeterInfo;

    /// Reads the energy used since the first reading. The joules never decrease: the wrap-around of
    /// a counter is corrected. If a counter is reset, the joules go on from the last value, and
    /// [`Counted::resets`] counts the reset.
    ///
    /// # Errors
    ///
    /// When the meter cannot be read now; a later reading may succeed.
    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError>;

    /// Returns the state of the device; `None` where the meter does not report it.
    fn conditions(&mut self) -> Option<Conditions> {
        None
    }
}

/// A meter of a machine, or the reason why a meter cannot be used.
pub type Found = Result<Box<dyn Meter>, Unavailable>;

/// Description of a meter: what it measures, by what means, and how finely.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterInfo {
    /// Part of the machine whose energy the meter measures.
    pub domain: Domain,
    /// Means by which the energy is measured.
    pub source: Source,
    /// Description of what the meter reads: a file, a command line, or a card with its driver.
    pub detail: String,
    /// Resolution: the smallest step of energy that the meter can show, in joules; the sensor
    /// itself may be coarser. `None` where energy is integrated from power.
    pub resolution: Option<Joules>,
    /// Longest sampling interval at which the counter cannot wrap unseen; `None` where there is no
    /// such limit.
    pub read_within: Option<Duration>,
    /// Sampling interval of a slow meter, one that takes long to read; `None` for a meter that is
    /// read in a moment. A slow meter has to report power.
    pub interval: Option<Duration>,
}

impl fmt::Display for MeterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} ({})", self.domain, self.source, self.detail)
    }
}

/// The means by which energy is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "score", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Source {
    /// RAPL energy counters of processors, through Linux' powercap.
    Rapl,
    /// RAPL energy counters of processors, through Linux' performance events.
    Perf,
    /// NVIDIA's GPUs, through NVML, the library of their driver.
    Nvml,
    /// Sensors of drivers and boards, through Linux' hwmon.
    Hwmon,
    /// A program that prints watts, run again and again.
    Command,
    /// A trace of time and power that another meter wrote, as CSV.
    Csv,
    /// A stated power: nothing was measured.
    Assumed,
    /// A simulated meter, for tests.
    Fake,
}

impl Source {
    /// All means of measuring.
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
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let known = Self::ALL.into_iter().find(|source| source.to_string() == name);
        known.ok_or_else(|| UnknownNameError::new("kind of meter", name, ""))
    }
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

/// A reading of a meter: the energy since its first reading, and the power at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Time of the reading, since the start of the clock that it was read with.
    pub at: Duration,
    /// Energy by the counter of the device; `None` where it has none.
    pub counted: Option<Counted>,
    /// Energy integrated from power over time; `None` where no power was read.
    pub integrated: Option<Integrated>,
    /// Power at that time, in watts; `None` where the meter does not report it.
    pub power: Option<Watts>,
}

impl Reading {
    /// Returns the energy since the first reading, in joules: as counted, or else as integrated.
    /// `None` where the reading has neither.
    #[must_use]
    pub fn energy(&self) -> Option<Joules> {
        let counted = self.counted.map(|counted| counted.energy);
        counted.or(self.integrated.map(|integrated| integrated.energy))
    }
}

/// What an energy counter has counted since its first reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Energy since the first reading, in joules.
    pub energy: Joules,
    /// Number of times that the value read differed from the one before. That is less than the
    /// number of real updates where the counter is updated more often than it is read.
    pub updates: u64,
    /// Time from the first of these updates to the last.
    pub updating: Duration,
    /// Number of times that the counter went back unexpectedly, as when its driver is loaded again.
    /// What it counted just before is lost.
    pub resets: u64,
    /// Number of times that the counter was not read for so long that it may have wrapped unseen.
    pub lapses: u64,
}

impl Counted {
    /// Returns the mean time from one update of the counter to the next, as observed; `None` before
    /// two updates.
    #[must_use]
    pub fn update_period(&self) -> Option<Duration> {
        let periods = u32::try_from(self.updates.checked_sub(1)?).ok()?;
        self.updating.checked_div(periods)
    }
}

/// Energy integrated from power since the first reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Integrated {
    /// Energy since the first reading, in joules, by the trapezoidal rule.
    pub energy: Joules,
    /// Number of power values that were integrated.
    pub samples: u64,
    /// Number of gaps: times without a value so long that the power in between is a guess.
    pub gaps: u64,
    /// Total length of these gaps.
    pub gap_time: Duration,
}

/// Returns a power from 0 W to 100 MW, which a machine or a site may take; `None` for any other
/// number, which is a mistake.
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
