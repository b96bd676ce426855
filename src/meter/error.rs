//! Errors of meters: why there is no energy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command::CommandError;
use super::csv::TraceError;
use super::text::beginning;

/// The error of a meter that gives no energy, or none that can be trusted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: Arc<io::Error>,
    },
    /// A file does not hold what it should.
    #[error("{} holds {text:?}, expected {expected}", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Beginning of the text in the file.
        text: String,
        /// Description of what the file should hold.
        expected: &'static str,
    },
    /// The driver of the device reports an error, whose text this is.
    #[error("its driver says: {0}")]
    Driver(String),
    /// The command that should print watts failed, or printed no power.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The trace of another meter is unusable, or does not cover what was measured.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The counter did not move from the one reading to the other, which were this far apart.
    #[error(
        "the counter stood still for about {}: measure for longer, or with another meter",
        roughly(*.0)
    )]
    CounterStuck(Duration),
    /// The power was 0 W from the one reading to the other, which were this far apart.
    #[error("the power was 0 W for about {}: the sensor does not work", roughly(*.0))]
    NoPower(Duration),
    /// The counter went back between the two readings, as when its driver is loaded again.
    #[error("the counter went back, as when its driver is loaded again: measure again")]
    WentBack,
    /// The counter was not read for so long that it may have wrapped unseen.
    #[error("the counter was not read for so long that it may have wrapped: read it more often")]
    MayHaveWrapped,
    /// No time passed between the two readings.
    #[error("no time passed between the two readings")]
    NoTime,
    /// The two readings have neither a counter nor integrated power in common.
    #[error("the two readings have nothing in common that tells energy")]
    NoEnergy,
    /// No value of power is known before the time asked for, or none after it.
    #[error("no power is known before and after the time that was measured")]
    NotCovered,
    /// No value of power lies within the time asked for.
    #[error("no power was told within the time that was measured: measure for longer")]
    NoValue,
    /// The driver did not answer within this time.
    #[error("it did not answer within {:.1} s: its driver hangs", .0.as_secs_f64())]
    Hangs(Duration),
    /// The thread that reads the meter has panicked.
    #[error("its reader panicked: that is a mistake of this program")]
    Panicked,
    /// The system could not start a thread that reads the meters.
    #[error("cannot start a thread that reads the meters: {0}")]
    Thread(Arc<io::Error>),
}

impl MeterError {
    pub(super) fn read(path: &Path, error: io::Error) -> Self {
        Self::Read { path: path.to_owned(), error: Arc::new(error) }
    }

    pub(super) fn rubbish(path: &Path, text: &str, expected: &'static str) -> Self {
        Self::Malformed { path: path.to_owned(), text: beginning(text), expected }
    }
}

/// Returns a time in seconds with one significant digit: windows of one length share one text,
/// however long each of them took.
fn roughly(time: Duration) -> String {
    let milliseconds = time.as_millis().max(1);
    let step = 10_u128.pow(milliseconds.ilog10());
    let rounded = (milliseconds + step / 2) / step * step;
    format!("{} s", rounded as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of one length end some milliseconds apart.
    #[test]
    fn one_reason_is_one_text() {
        let still = |milliseconds| {
            let time = Duration::from_millis(milliseconds);
            [MeterError::CounterStuck(time), MeterError::NoPower(time)]
                .map(|error| error.to_string())
        };
        assert_eq!(still(5_201), still(5_238));
        assert_eq!(still(301), still(312));
        let expected =
            "the counter stood still for about 5 s: measure for longer, or with another meter";
        assert_eq!(still(5_201)[0], expected);
        for (milliseconds, text) in
            [(0, "0.001 s"), (96, "0.1 s"), (301, "0.3 s"), (61_000, "60 s")]
        {
            assert_eq!(roughly(Duration::from_millis(milliseconds)), text);
        }
    }
}
