//! The result of a score as one typed value, [`Record`]: reports, comparisons and decisions are all
//! made from it, and its JSON form keeps every digit.
//!
//! Every number comes with its conditions: device, size, threads, slices and spread, how often it
//! was checked, and what its roof is. Energy also names its meter and the domains that were added
//! up. A value that is not known is `None`, which is `null` in JSON, and never a zero. A name that
//! this version does not know is kept as it stands in the file ([`Named`]).

mod check;
mod device;
#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
pub(crate) mod expected;
pub mod json;
mod meters;
mod named;
mod no_energy;
mod resume;
mod row;

pub use self::check::ImpossibleValueError;
pub use self::device::DeviceId;
pub use self::named::Named;
pub use self::no_energy::NoEnergy;
pub use self::resume::ResumeError;

use jiff::Timestamp;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meter::{Domain, Source};
use crate::units::{Hertz, Joules, Watts, WorkUnit};
use crate::workload::{Kind, Variant};

/// Version of the record's format. It is raised when a field changes its meaning or is removed.
pub const RECORD_SCHEMA: u32 = 1;

/// The score of a machine: what was measured, on which devices, and under which conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Record {
    /// Version of the record's format; a reader refuses any other than its own.
    #[cfg_attr(test, schemars(extend("const" = RECORD_SCHEMA)))]
    pub schema: u32,
    /// Version of perjoule that measured the score.
    pub perjoule: String,
    /// Time at which the score began, in RFC 3339, UTC.
    pub started: Named<Timestamp>,
    /// Duration of the whole score, in seconds; for a resumed score, the sum over its runs.
    pub seconds: f64,
    /// Whether the whole plan was carried out; false if the score was interrupted, as by Ctrl-C.
    pub complete: bool,
    /// The machine that was scored.
    pub machine: ScoredMachine,
    /// The devices that were scored, the processor first.
    pub devices: Vec<ScoredDevice>,
    /// The energy meters that were read, and those that are unavailable, with the reason and a
    /// remedy.
    pub meters: Vec<MeterStatus>,
    /// The measurements: one row for each workload on each device.
    pub rows: Vec<Row>,
    /// Work that was not measured because a device lacks what it takes, and why.
    pub missing: Vec<Note>,
    /// Work that failed or computed wrong results, and why; it has no row.
    pub faults: Vec<Note>,
    /// Warnings about what makes numbers of this score doubtful, such as a load in the background.
    pub warnings: Vec<String>,
    /// Power over time, one trace for each meter that reported any.
    pub traces: Vec<PowerTrace>,
    /// Work that was measured to its end, which a resumed score does not measure again.
    #[serde(default)]
    pub finished: Vec<Finished>,
}

/// The kinds of work that were measured to their end on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Finished {
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Kinds of work: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workloads: Vec<Named<Kind>>,
}

/// The machine that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct ScoredMachine {
    /// Model name of the processor; `None` (null) if the system does not report it.
    pub cpu: Option<String>,
    /// Number of cores that the process could use; each hardware thread counts as one.
    pub usable_cores: usize,
    /// Memory that the process could use, in bytes; `None` (null) if it is not known.
    pub memory_bytes: Option<u64>,
    /// Operating system and architecture, such as `linux x86_64`.
    pub system: String,
}

/// A device that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct ScoredDevice {
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub id: Named<DeviceId>,
    /// Name of the device; for a GPU with its kind and driver.
    pub name: String,
    /// Whether this is a software GPU, whose driver computes on the processor: its score is not a
    /// GPU's.
    pub software: bool,
    /// Description of how the search was tuned on the GPU; `None` (null) for a processor.
    pub tuned: Option<String>,
    /// Size in bytes of the largest buffer that the GPU actually allocated; `None` (null) if that
    /// was not measured.
    pub largest_buffer_bytes: Option<u64>,
}

/// An energy meter that was read, or one that is unavailable and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MeterStatus {
    /// Part of the machine that it measures: `package-0`, `gpu:0`, `machine`, …; empty if not
    /// known.
    pub domain: Named<Domain>,
    /// Means of measurement: `rapl`, `nvml`, `csv`, `assumed`, …
    pub source: Named<Source>,
    /// Reason why the meter is unavailable, and the remedy if there is one; `None` (null) if it was
    /// read.
    pub unavailable: Option<String>,
    /// Smallest step that the meter can show, in joules; `None` (null) if energy is integrated from
    /// power or the meter is unavailable.
    #[serde(rename = "resolution_joules")]
    pub resolution: Option<Joules>,
}

/// One measurement: the rate, and if metered the energy, of one workload on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Row {
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Kind of work: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workload: Named<Kind>,
    /// Variant of the work: the engine of a search, the number type of a product, or the operation.
    pub variant: Named<Variant>,
    /// Number of processor threads; `None` (null) for a GPU.
    pub threads: Option<usize>,
    /// Size of the work.
    pub size: WorkSize,
    /// Unit that work is counted in: `H` (hashes), `FLOP`, `B` (bytes) or `op` (other operations).
    pub unit: Named<WorkUnit>,
    /// Rate of the work, in `unit` per second.
    pub per_second: Rate,
    /// Median rate as a multiple of the median rate of hashing whole headers with the `sha2` crate;
    /// `None` (null) where there is no such baseline, as for work other than hashing.
    pub times_sha2: Option<f64>,
    /// The highest rate that the device could reach at this work; `None` (null) if none was
    /// measured.
    pub roof: Option<Roof>,
    /// Rate of the fastest slice divided by that of the roof, 0 to 1.05; `None` (null) if there is
    /// no roof or it was disturbed.
    pub of_roof: Option<f64>,
    /// Share of the time in which the device worked, 0 to 1, by its own clock, the median over the
    /// slices; `None` (null) if it has no such clock.
    pub busy: Option<f64>,
    /// Processor time that this process took for the work of a GPU, in cores: 0.2 is a fifth of
    /// one, the median over the slices; `None` (absent) for work on the processor itself, or if the
    /// system does not report it. On a software GPU it is what the driver computes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_share: Option<f64>,
    /// Arithmetic intensity of a matrix product: work per byte if each matrix is read or written
    /// once, which is the least possible; `None` (null) for other work.
    pub per_byte: Option<f64>,
    /// Number of times that the results were checked; they were right each time.
    pub checks: usize,
    /// Whether this is a rough figure from the shorter measurement of `--quick`.
    #[serde(default)]
    pub rough: bool,
    /// Energy that the work took; `None` (null) if it was not metered, see `no_energy`.
    pub energy: Option<Energy>,
    /// Reason why `energy` is `None` (null); itself `None` (null) if the energy is known.
    pub no_energy: Option<Named<NoEnergy>>,
}

/// Size of the work of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkSize {
    /// Work in registers alone: no memory is touched.
    Registers,
    /// Number of versions of a header that are tried on each nonce.
    Versions(usize),
    /// Size of all arrays together, in bytes.
    Bytes(u64),
    /// Product of an m × k matrix by a k × n matrix.
    Matrices {
        /// Number of rows of the product.
        m: usize,
        /// Number of columns of the product.
        n: usize,
        /// Length of the inner dimension, over which products are summed.
        k: usize,
    },
}

/// Statistics of the rates of a row's slices, in the row's unit of work per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Rate {
    /// Rate of the fastest slice, in units of work per second.
    pub best: f64,
    /// 90th percentile of the slices' rates, in units of work per second: one slice in ten is
    /// faster.
    pub p90: f64,
    /// Median of the slices' rates, in units of work per second.
    pub median: f64,
    /// Spread of the rates, the 90th minus the 10th percentile, as a share of the median; `None`
    /// (null) for a single slice.
    pub spread: Option<f64>,
    /// Number of slices, 1 or more.
    pub slices: usize,
}

/// Largest share of its roof that a rate can have: a larger one shows that the roof is none, since
/// two rates of one device, each the best of its slices, do not differ that far by chance.
pub(crate) const MOST_OF_ROOF: f64 = 1.05;

/// Roof of a row: the highest rate that the device could reach at its work, measured from registers
/// or, for memory, by a plain copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Roof {
    /// The workload whose rate is the roof, with its variant and conditions.
    pub of: String,
    /// Rate of the roof, in the row's unit of work per second.
    pub per_second: f64,
    /// Number of the roof's units of work that one unit of the row's work takes: for a hash, the
    /// operations that it needs; for a product, 1.
    pub each: f64,
    /// Whether the row's fastest slice was faster than 1.05 times this rate, which therefore is no
    /// roof.
    #[serde(default)]
    pub disturbed: bool,
}

/// Energy that the work of a row took, and how it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Energy {
    /// Whether the power was stated by the user and not measured.
    pub assumed: bool,
    /// Means of measurement: `rapl`, `nvml`, `csv`, `assumed`, …
    pub source: Named<Source>,
    /// Domains that the work is charged with, whose energy was added up: `package-0`, `dram-0`, `gpu:0`, `machine`, …
    pub charged: Vec<Named<Domain>>,
    /// Mean power that the domains drew during the work, in watts, idle power included.
    #[serde(rename = "gross_watts")]
    pub gross: Watts,
    /// Mean power that the domains drew without the work, before and after it, in watts; `None`
    /// (null) if that was not measured.
    #[serde(rename = "idle_watts")]
    pub idle: Option<Watts>,
    /// Work per joule of the gross energy, in the row's unit.
    pub per_joule: f64,
    /// One standard deviation of `per_joule`, as a share of it, from the spread of the trials and
    /// the resolution of the meter; `None` (null) for a single trial, which shows no spread.
    pub uncertainty: Option<f64>,
    /// Joules per terahash (J/TH, the unit of miners); `None` (null) for work other than hashing.
    pub joules_per_terahash: Option<f64>,
    /// Energy of one unit of the row's work, in picojoules.
    pub picojoules_each: f64,
    /// The windows in which the energy was measured, in order of time.
    pub trials: Vec<Trial>,
    /// State of the GPU while it worked; `None` (null) if no meter reported it, as for a processor.
    pub state: Option<State>,
    /// Warnings about what makes these numbers doubtful, such as windows that are too few or too
    /// short.
    pub warnings: Vec<String>,
}

/// One window of a row: the work and the energy between two readings of the meters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Trial {
    /// Start of the window, in seconds since the start of the score.
    pub start: f64,
    /// Length of the window, in seconds.
    pub seconds: f64,
    /// Work done in the window, in the row's unit.
    pub work: f64,
    /// Energy of all charged domains in the window, in joules.
    pub joules: Joules,
    /// Number of times that the slowest of the meters' counters was seen to move in the window;
    /// `None` (null) if it is not known.
    pub updates: Option<u64>,
}

/// State of a GPU under load, over all windows of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct State {
    /// Lowest clock of the arithmetic units that was seen, in hertz; `None` (null) if not reported.
    #[serde(rename = "clock_hertz")]
    pub clock: Option<Hertz>,
    /// Lowest clock of the memory that was seen, in hertz; `None` (null) if not reported.
    #[serde(rename = "memory_clock_hertz")]
    pub memory_clock: Option<Hertz>,
    /// Highest temperature of the chip, in degrees Celsius; `None` (null) if not reported.
    pub celsius: Option<f64>,
    /// Lowest power limit that was in force, in watts; `None` (null) if not reported.
    #[serde(rename = "limit_watts")]
    pub limit: Option<Watts>,
    /// Reasons why the clock was lower than it could be, such as `power limit` or `heat`; empty if
    /// none was reported.
    pub throttled: Vec<String>,
}

/// Work that has no row, and the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Note {
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Name of the work, such as `matmul f16`.
    pub what: String,
    /// Reason why the work has no row.
    pub why: String,
}

/// Power that one meter reported over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct PowerTrace {
    /// Part of the machine that the meter measures: `package-0`, `gpu:0`, `machine`, …
    pub domain: Named<Domain>,
    /// Points as pairs: seconds since the start of the score, and the power in watts at that time
    /// or averaged since shortly before it.
    pub points: Vec<(f64, Watts)>,
}
