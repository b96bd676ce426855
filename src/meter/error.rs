//! Why there is no number of joules.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command::CommandError;
use super::csv::TraceError;
use super::text::beginning;

/// A meter that tells nothing, or nothing that can be believed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// A file is gone or cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A file does not hold what it should.
    #[error("{} holds {text:?}, expected {expected}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// How it begins.
        text: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A driver does not answer.
    #[error("its driver says: {0}")]
    Driver(String),
    /// A program tells no watts.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A trace tells nothing about what was measured.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Nothing was counted from the one reading to the other.
    #[error(
        "the counter stood still for about {}: measure for longer, or with another meter",
        roughly(*.0)
    )]
    CounterStuck(Duration),
    /// No power from the one reading to the other.
    #[error("the power was 0 W for about {}: the sensor does not work", roughly(*.0))]
    NoPower(Duration),
    /// The counter was started anew.
    #[error("the counter went back, as when its driver is loaded again: measure again")]
    WentBack,
    /// The counter may have wrapped unseen.
    #[error("the counter was not read for so long that it may have wrapped: read it more often")]
    MayHaveWrapped,
    /// Two readings of one time.
    #[error("no time passed between the two readings")]
    NoTime,
    /// One of two readings lacks what the other has.
    #[error("the two readings have nothing in common that tells energy")]
    NoEnergy,
    /// No value of power before the time asked for, or none after it.
    #[error("no power is known before and after the time that was measured")]
    NotCovered,
    /// No value of power within the time.
    #[error("no power was told within the time that was measured: measure for longer")]
    NoValue,
    /// It was read, and nothing came of it.
    #[error("it did not answer within {:.1} s: its driver hangs", .0.as_secs_f64())]
    Hangs(Duration),
    /// The thread that reads it is gone.
    #[error("its reader panicked: that is a mistake of this program")]
    Panicked,
    /// The system gave no thread.
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

/// A time in seconds with one digit that counts: windows of one length are told of in one text,
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
