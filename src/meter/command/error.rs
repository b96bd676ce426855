//! Errors of meters that run a command.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// The error of a command that gives no power.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command line is empty, or a quote in it is not closed.
    #[error("{line:?} is no command: it is empty, or a quote in it is not closed")]
    NoWords {
        /// Command line that was given.
        line: String,
    },
    /// A word of the command line is an operator of a shell, and no shell runs it.
    #[error(
        "{operator:?} is for a shell, and none runs the command: give it to one, as in \
         \"sh -c '…'\", or put it in quotes"
    )]
    Shell {
        /// Word that is meant for a shell, such as `|`.
        operator: String,
    },
    /// The command failed, perhaps because no shell runs it.
    #[error(
        "{error} (no shell runs it, and {sign:?} is for one: give it to one, as in \"sh -c '…'\")"
    )]
    Unshelled {
        /// How the command failed.
        error: Box<CommandError>,
        /// Word that a shell would have changed.
        sign: String,
    },
    /// The program does not exist, or may not be run.
    #[error("cannot start {program:?}: {error}")]
    Start {
        /// First word of the command line: the program.
        program: String,
        /// Error of the operating system.
        error: Arc<io::Error>,
    },
    /// The program did not end in time, and was killed.
    #[error("{program:?} did not end within {:.1} s and was killed", after.as_secs_f64())]
    TimedOut {
        /// First word of the command line: the program.
        program: String,
        /// Timeout after which it was killed.
        after: Duration,
    },
    /// The program ended with a status other than success.
    #[error("{program:?} failed with {status}: {text:?}")]
    Failed {
        /// First word of the command line: the program.
        program: String,
        /// Exit status of the program.
        status: ExitStatus,
        /// First line of its error output, or else of its output; long ones are cut.
        text: String,
    },
    /// The program printed no power.
    #[error("{program:?} printed {text:?}, expected a number, or one followed by W or Watts")]
    NoWatts {
        /// First word of the command line: the program.
        program: String,
        /// Beginning of its output.
        text: String,
    },
    /// The program printed only limits, ratings or statistics, and not the present power.
    #[error(
        "{program:?} printed {text:?}, which is a limit, a rating or a statistic, expected the power \
         of now"
    )]
    NotNow {
        /// First word of the command line: the program.
        program: String,
        /// First of these numbers, with the words before it.
        text: String,
    },
    /// The program printed several powers.
    #[error(
        "{program:?} printed {count} powers ({shown}), expected one: choose or add them in a script \
         that prints one number, as in `… | awk '/Power In/ {{ sum += $(NF-1) }} END {{ print sum }}'`"
    )]
    Several {
        /// First word of the command line: the program.
        program: String,
        /// Number of powers.
        count: usize,
        /// First of the powers, for people to read.
        shown: String,
    },
    /// The program printed more than any reading, and was ended.
    #[error(
        "{program:?} printed more than {} KiB and was ended, expected a line with watts", most / 1024
    )]
    TooMuch {
        /// First word of the command line: the program.
        program: String,
        /// Largest output that is read, in bytes.
        most: usize,
    },
}
