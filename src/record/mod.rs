//! What a score tells: one value, which everything that reads a score is made from, and JSON is the
//! faithful form of.
//!
//! A number is here with its conditions: device, size, threads, slices and spread, how often it was
//! checked, what the roof is, and, for energy, which meter was read and what it was charged with.
//! What is not known is `None` with the reason beside it, and never a zero. Names are those that this
//! version knows, or another version's as they stand in its file ([`Named`]).

mod check;
#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
pub(crate) mod expected;
pub mod json;
mod named;
mod resume;
mod score;

pub use self::check::ImpossibleValueError;
pub use self::named::Named;
pub use self::resume::ResumeError;

use jiff::Timestamp;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meter::{Domain, Source};
use crate::score::{Device as DeviceId, NoEnergy};
use crate::units::{Hertz, Joules, Watts, WorkUnit};
use crate::workload::{Kind, Variant};

/// The version of the form: it changes when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// A machine's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Record {
    /// The version of the form: [`SCHEMA`].
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    pub schema: u32,
    /// The version of perjoule that measured.
    pub perjoule: String,
    /// When it began: RFC 3339, in UTC.
    pub started: Named<Timestamp>,
    /// How long everything took, in seconds.
    pub seconds: f64,
    /// Whether the whole plan was carried out; false after Ctrl-C.
    pub complete: bool,
    /// The machine.
    pub machine: Machine,
    /// What was scored, the processor first.
    pub devices: Vec<Device>,
    /// Every meter of the machine, and those that are not there, with the remedy.
    pub meters: Vec<Meter>,
    /// What was measured.
    pub rows: Vec<Row>,
    /// What a device lacks.
    pub missing: Vec<Note>,
    /// What failed, or was wrong.
    pub faults: Vec<Note>,
    /// What makes numbers doubtful: a load in the background, windows that were too short.
    pub warnings: Vec<String>,
    /// Power over time.
    pub traces: Vec<Trace>,
    /// What was measured to its end, so that a score that goes on need not measure it again.
    #[serde(default)]
    pub finished: Vec<Finished>,
}

/// Work that was measured to its end on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Finished {
    /// `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workloads: Vec<Named<Kind>>,
}

impl Record {
    /// Whether the results of every row were checked at least once; false without rows.
    pub(crate) fn all_checked(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.checks > 0)
    }
}

/// The machine that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Machine {
    /// What the processor calls itself.
    pub cpu: Option<String>,
    /// Cores that the process could use.
    pub usable_cores: usize,
    /// Main memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system and the architecture, as in `linux x86_64`.
    pub system: String,
}

/// A device that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Device {
    /// `cpu`, `gpu:0`, …
    pub id: Named<DeviceId>,
    /// What it calls itself, with kind and driver.
    pub name: String,
    /// Whether a driver computes on the processor: no score of a GPU.
    pub software: bool,
    /// How its search was tuned.
    pub tuned: Option<String>,
    /// The largest buffer that it really gave.
    pub largest_buffer_bytes: Option<u64>,
}

/// A meter, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Meter {
    /// What it measures: `package-0`, `gpu:0`, `machine`, …
    pub domain: Named<Domain>,
    /// How: `rapl`, `nvml`, `csv`, `assumed`, …
    pub source: Named<Source>,
    /// Why it is not there, and what to do about it; `None` where it is.
    pub unavailable: Option<String>,
    /// Its smallest step.
    #[serde(rename = "resolution_joules")]
    pub resolution: Option<Joules>,
}

/// What a device did of one kind of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Row {
    /// `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workload: Named<Kind>,
    /// The engine, the type of the numbers, or the operation.
    pub variant: Named<Variant>,
    /// Of the processor.
    pub threads: Option<usize>,
    /// Of the work.
    pub size: Size,
    /// What is counted: `H`, `FLOP`, `B` or `op`.
    pub unit: Named<WorkUnit>,
    /// Work per second.
    pub per_second: Rate,
    /// The median as a multiple of that of hashing with the `sha2` crate.
    pub times_sha2: Option<f64>,
    /// The most that there could be.
    pub roof: Option<Roof>,
    /// The best slice as a share of the roof, to 1.05; `None` where it was disturbed.
    pub of_roof: Option<f64>,
    /// The share of the time in which the device worked, by its own clock.
    pub busy: Option<f64>,
    /// Work per byte of memory that has to be moved at the least.
    pub per_byte: Option<f64>,
    /// How many times the results were checked, and right.
    pub checks: usize,
    /// Whether it was measured in short, by `--quick`.
    #[serde(default)]
    pub rough: bool,
    /// The energy that it took.
    pub energy: Option<Energy>,
    /// Why `energy` is `None`.
    pub no_energy: Option<Named<NoEnergy>>,
}

/// Sizes of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// No memory is touched.
    Registers,
    /// Versions of a header that are tried on each nonce.
    Versions(usize),
    /// Of all arrays together.
    Bytes(u64),
    /// m × k by k × n.
    Matrices {
        /// Rows of the product.
        m: usize,
        /// Columns of the product.
        n: usize,
        /// What is summed over.
        k: usize,
    },
}

/// The rates of some slices, in units of the row per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Rate {
    /// The fastest slice.
    pub best: f64,
    /// The slice that one in ten is faster than.
    pub p90: f64,
    /// The slice in the middle.
    pub median: f64,
    /// From the slowest tenth to the fastest tenth, as a share of the median; `None` of one slice.
    pub spread: Option<f64>,
    /// How many slices.
    pub slices: usize,
}

/// The most that a device could do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Roof {
    /// What was measured for it.
    pub of: String,
    /// In units of the row.
    pub per_second: f64,
    /// Operations of the roof that one unit of the row takes.
    pub each: f64,
    /// Whether the row was faster than 1.05 times this, which therefore is no roof.
    #[serde(default)]
    pub disturbed: bool,
}

/// What the work cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Energy {
    /// Whether the power was given by the user and not measured.
    pub assumed: bool,
    /// How it was measured: `rapl`, `nvml`, `csv`, `assumed`, …
    pub source: Named<Source>,
    /// The domains whose energy was added up: `package-0`, `dram-0`, `gpu:0`, `machine`.
    pub charged: Vec<Named<Domain>>,
    /// Everything that the domains drew.
    #[serde(rename = "gross_watts")]
    pub gross: Watts,
    /// What they drew without the work, before and after.
    #[serde(rename = "idle_watts")]
    pub idle: Option<Watts>,
    /// Work per joule of the gross energy, in units of the row.
    pub per_joule: f64,
    /// One standard deviation of `per_joule`, as a share of it: from the spread of the trials and
    /// the meter's resolution; `None` of one trial, which shows no spread.
    pub uncertainty: Option<f64>,
    /// The miners' unit, for hashes.
    pub joules_per_terahash: Option<f64>,
    /// Of one unit of the row, in picojoules.
    pub picojoules_each: f64,
    /// The windows.
    pub trials: Vec<Trial>,
    /// The state of a GPU while it worked.
    pub state: Option<State>,
    /// What makes these numbers doubtful.
    pub warnings: Vec<String>,
}

/// One window of a meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Trial {
    /// From the start of the score, in seconds.
    pub start: f64,
    /// How long, in seconds.
    pub seconds: f64,
    /// Work done in it, in units of the row.
    pub work: f64,
    /// Energy of all domains that are charged.
    pub joules: Joules,
    /// How many times the slowest counter moved.
    pub updates: Option<u64>,
}

/// The state of a GPU under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct State {
    /// The lowest clock that was seen.
    #[serde(rename = "clock_hertz")]
    pub clock: Option<Hertz>,
    /// The lowest clock of the memory.
    #[serde(rename = "memory_clock_hertz")]
    pub memory_clock: Option<Hertz>,
    /// The highest temperature, in degrees Celsius.
    pub celsius: Option<f64>,
    /// The limit of its power.
    #[serde(rename = "limit_watts")]
    pub limit: Option<Watts>,
    /// Why it was slowed down, in the driver's words.
    pub throttled: Vec<String>,
}

/// Something without a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Note {
    /// `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Which work.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What one meter showed over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Trace {
    /// The domain of the meter.
    pub domain: Named<Domain>,
    /// Seconds since the start of the score, and watts from the point before until then.
    pub points: Vec<(f64, Watts)>,
}
