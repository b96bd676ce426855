//! Errors of traces of other meters.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// The error of a trace that is unusable, or does not cover a measurement.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: Arc<io::Error>,
    },
    /// The path is not that of a regular file.
    #[error("{} is {what}, expected a file with rows of time and power", path.display())]
    NoFile {
        /// Path that was given.
        path: PathBuf,
        /// What it is instead, such as a folder or a pipe.
        what: &'static str,
    },
    /// The file is larger than any trace of a measurement.
    #[error(
        "{} has more than {} MiB: cut it to the time of the measurement", path.display(), most >> 20
    )]
    TooLong {
        /// Path of the file.
        path: PathBuf,
        /// Largest size that is read, in bytes.
        most: u64,
    },
    /// The file holds something other than text.
    #[error(
        "this is no text, expected lines of time and power with commas between: export it as CSV"
    )]
    NoText,
    /// No column can be the power.
    #[error(
        "no column is power in watts, of {columns}: give it a name such as \"Power (W)\", or name it \
         with --meter-csv-column"
    )]
    NoPower {
        /// Names of the columns.
        columns: String,
    },
    /// No column can be the time.
    #[error("no column is the time, of {columns}: give it a name such as \"time\"")]
    NoTime {
        /// Names of the columns.
        columns: String,
    },
    /// Several columns can be the power.
    #[error("{columns} may all be the power: name the right one with --meter-csv-column")]
    SeveralPowers {
        /// Names of these columns.
        columns: String,
    },
    /// Several columns can be the time.
    #[error("{columns} may all be the time: leave that name to one of them")]
    SeveralTimes {
        /// Names of these columns.
        columns: String,
    },
    /// The column that was asked for does not exist, or exists several times.
    #[error("there is no column {column:?}, or more than one, expected one of {columns}")]
    NoColumn {
        /// Name that was asked for.
        column: String,
        /// Names of the columns that exist.
        columns: String,
    },
    /// The unit of the power column is not one of power, or is ambiguous.
    #[error("the unit of {column:?} is not clear, expected W, mW, kW or MW, as in \"Power (kW)\"")]
    Unit {
        /// Name of the column.
        column: String,
    },
    /// A row is malformed.
    #[error("line {line}: {text:?} is no {expected}")]
    Row {
        /// Number of its line, from 1.
        line: u64,
        /// Text that was found.
        text: String,
        /// Description of what was expected.
        expected: &'static str,
    },
    /// A row is earlier than the one before it.
    #[error("line {line}: {text:?} is earlier than the row before")]
    Order {
        /// Number of its line, from 1.
        line: u64,
        /// Time of the row, as written.
        text: String,
    },
    /// The trace has fewer than two rows with time and power.
    #[error("the trace has {rows} rows with time and power, expected two or more")]
    TooShort {
        /// Number of such rows.
        rows: usize,
    },
    /// The trace begins after the measurement did, or ends before it.
    #[error(
        "the trace is from {} to {}, and the measurement from {} to {}: check the clocks, and \
         give the offset between them, or have it written until the measurement is over",
        date(*.first), date(*.last), date(*.from), date(*.to)
    )]
    NotCovered {
        /// Time of the first row, by this machine's clock.
        first: SystemTime,
        /// Time of the last row, by this machine's clock.
        last: SystemTime,
        /// Beginning of the measurement.
        from: SystemTime,
        /// End of the measurement.
        to: SystemTime,
    },
    /// The trace has gaps within the measurement.
    #[error(
        "the trace has no values for {:.1} s of the measurement ({gaps} gaps), expected one every \
         {:.1} s or more often",
        time.as_secs_f64(), patience.as_secs_f64()
    )]
    Gaps {
        /// Number of gaps.
        gaps: u64,
        /// Total length of the gaps.
        time: Duration,
        /// Longest time between two values that is not a gap.
        patience: Duration,
    },
}

/// A date for people.
fn date(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "an unknown date".to_owned(), |at| format!("{at:.0}"))
}
