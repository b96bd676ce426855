//! Why a trace of another meter tells nothing.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// A trace that tells nothing, or nothing about a measurement.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// It is no file that can be read again and again.
    #[error("{} is {what}, expected a file with rows of time and power", path.display())]
    NoFile {
        /// Its name.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// It is longer than any trace of a measurement.
    #[error(
        "{} has more than {} MiB: cut it to the time of the measurement", path.display(), most >> 20
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How many bytes are read.
        most: u64,
    },
    /// It holds something else than text.
    #[error(
        "this is no text, expected lines of time and power with commas between: export it as CSV"
    )]
    NoText,
    /// No column is the power.
    #[error(
        "no column is power in watts, of {columns}: give it a name such as \"Power (W)\", or name it \
         with --meter-csv-column"
    )]
    NoPower {
        /// The names of the columns.
        columns: String,
    },
    /// No column is the time.
    #[error("no column is the time, of {columns}: give it a name such as \"time\"")]
    NoTime {
        /// The names of the columns.
        columns: String,
    },
    /// Several columns may be meant.
    #[error("{columns} may all be the power: name the right one with --meter-csv-column")]
    SeveralPowers {
        /// Their names.
        columns: String,
    },
    /// Several columns may be meant.
    #[error("{columns} may all be the time: leave that name to one of them")]
    SeveralTimes {
        /// Their names.
        columns: String,
    },
    /// The column that was asked for is not there, or several times.
    #[error("there is no column {column:?}, or more than one, expected one of {columns}")]
    NoColumn {
        /// What was asked for.
        column: String,
        /// Those that there are.
        columns: String,
    },
    /// The unit is not power, or it is not clear how much of it.
    #[error("the unit of {column:?} is not clear, expected W, mW, kW or MW, as in \"Power (kW)\"")]
    Unit {
        /// The name of the column.
        column: String,
    },
    /// A row is not what it should be.
    #[error("line {line}: {text:?} is no {expected}")]
    Row {
        /// Its line, from 1 on.
        line: u64,
        /// What is there.
        text: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A row is earlier than the one before it.
    #[error("line {line}: {text:?} is earlier than the row before")]
    Order {
        /// Its line, from 1 on.
        line: u64,
        /// Its time.
        text: String,
    },
    /// Power over time takes two values.
    #[error("the trace has {rows} rows with time and power, expected two or more")]
    TooShort {
        /// How many it has.
        rows: usize,
    },
    /// It begins too late, or ends too early.
    #[error(
        "the trace is from {} to {}, and the measurement from {} to {}: check the clocks, and \
         give the offset between them, or have it written until the measurement is over",
        date(*.first), date(*.last), date(*.from), date(*.to)
    )]
    NotCovered {
        /// The time of its first row, by this machine's clock.
        first: SystemTime,
        /// The time of its last row.
        last: SystemTime,
        /// When the measurement began.
        from: SystemTime,
        /// When it ended.
        to: SystemTime,
    },
    /// It has no values for too long within the measurement.
    #[error(
        "the trace has no values for {:.1} s of the measurement ({gaps} gaps), expected one every \
         {:.1} s or more often",
        time.as_secs_f64(), patience.as_secs_f64()
    )]
    Gaps {
        /// How often.
        gaps: u64,
        /// How long, all together.
        time: Duration,
        /// What is too long.
        patience: Duration,
    },
}

/// A date for people.
fn date(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "an unknown date".to_owned(), |at| format!("{at:.0}"))
}
