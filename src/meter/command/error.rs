//! Why a command line tells no watts.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// A command line that tells no watts.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There are no words, or a quote is not closed.
    #[error("{line:?} is no command: it is empty, or a quote in it is not closed")]
    NoWords {
        /// The line.
        line: String,
    },
    /// A word of it is meant for a shell.
    #[error(
        "{operator:?} is for a shell, and none runs the command: give it to one, as in \
         \"sh -c '…'\", or put it in quotes"
    )]
    Shell {
        /// The word.
        operator: String,
    },
    /// It failed, perhaps because no shell runs it.
    #[error(
        "{error} (no shell runs it, and {sign:?} is for one: give it to one, as in \"sh -c '…'\")"
    )]
    Unshelled {
        /// How it failed.
        error: Box<CommandError>,
        /// The word that a shell would have changed.
        sign: String,
    },
    /// There is no such program, or it may not be run.
    #[error("cannot start {program:?}: {error}")]
    Start {
        /// Its first word.
        program: String,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// It did not end, and was killed.
    #[error("{program:?} did not end within {:.1} s and was killed", after.as_secs_f64())]
    TimedOut {
        /// Its first word.
        program: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It did not succeed.
    #[error("{program:?} failed with {status}: {text:?}")]
    Failed {
        /// Its first word.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// How what it said begins.
        text: String,
    },
    /// It printed something else.
    #[error("{program:?} printed {text:?}, expected a number, or one followed by W or Watts")]
    NoWatts {
        /// Its first word.
        program: String,
        /// How its output begins.
        text: String,
    },
    /// It printed limits, ratings or statistics alone.
    #[error(
        "{program:?} printed {text:?}, which is a limit, a rating or a statistic, expected the power \
         of now"
    )]
    NotNow {
        /// Its first word.
        program: String,
        /// The first of them.
        text: String,
    },
    /// It printed several powers.
    #[error(
        "{program:?} printed {count} powers ({shown}), expected one: choose or add them in a script \
         that prints one number, as in `… | awk '/Power In/ {{ sum += $(NF-1) }} END {{ print sum }}'`"
    )]
    Several {
        /// Its first word.
        program: String,
        /// How many.
        count: usize,
        /// The first of them.
        shown: String,
    },
    /// It did not stop to print.
    #[error(
        "{program:?} printed more than {} KiB and was ended, expected a line with watts", most / 1024
    )]
    TooMuch {
        /// Its first word.
        program: String,
        /// How many bytes would have been taken.
        most: usize,
    },
}
