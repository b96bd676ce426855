//! Provides the arguments, errors and output that the subcommands share. Each has its own module.

mod compare;
mod decide;
mod devices;
mod dial;
mod engines;
mod mine;
mod places;
mod score;
mod signals;
mod stdout;

use std::error::Error as StdError;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use perjoule::record::{Record, json};
use perjoule::report::is_odd;

/// Exit code when the caller gave something that cannot be used.
const BAD_INPUT: u8 = 2;

/// Exit code when something outside the program failed.
const FAILURE: u8 = 3;

const ABOUT: &str = "\
Examples:
  perjoule                    score this machine: the same as `perjoule score`
  perjoule devices            engines, GPUs and meters of this machine, and what is missing
  perjoule mine HEADER_HEX    search for a nonce that meets the header's own target
  perjoule decide score.json  what scored hardware is worth at a site
  perjoule dial               turn a search down and up, and time how it follows

Results go to stdout, notes and progress to stderr. Exit codes: 0 done, 1 no share in the whole
range, 2 bad input, 3 the system failed or a result could not be written, 128 and more a signal: 130
Ctrl-C, 143 SIGTERM, 129 SIGHUP (a second signal does not wait for results).";

/// Searches and scores SHA-256d, Bitcoin's proof of work, on the CPUs and GPUs of this machine.
///
/// Without a subcommand it does what `perjoule score` does.
#[derive(Debug, Parser)]
#[command(name = "perjoule", version, after_help = ABOUT)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// A subcommand and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure hashing, matrix products and memory, and their energy (the default).
    Score(score::Args),
    /// Show several scores side by side.
    Compare(compare::Args),
    /// Decide what scored hardware is worth at a site: mine, rent out, host, curtail or sell.
    Decide(decide::Args),
    /// Print a file of a site's prices to fill in.
    SiteTemplate(decide::TemplateArgs),
    /// Search a block header for hashes that meet a target.
    Mine(mine::Args),
    /// Search at set points, and measure how fast hash rate and power follow.
    Dial(dial::Args),
    /// Show this machine: engines, GPUs and meters, and what each of them lacks.
    Devices(devices::Args),
}

/// Request that the arguments make.
#[derive(Debug)]
pub(crate) enum Request {
    /// Request for the help or the version.
    Tell(clap::Error),
    /// Request to run a subcommand.
    Run(Box<Command>),
}

/// Parses the arguments, of which the first is the name of the program.
///
/// # Errors
///
/// Fails if the arguments ask for nothing that exists.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Request, Error> {
    let args: Vec<_> = args.collect();
    match Cli::try_parse_from(&args) {
        Ok(Cli { command: Some(command) }) => Ok(Request::Run(Box::new(command))),
        Ok(Cli { command: None }) => parse(["perjoule", "score"].map(OsString::from).into_iter()),
        Err(error) if error.use_stderr() => Err(Error::usage(&error, &args)),
        Err(help) => Ok(Request::Tell(help)),
    }
}

impl Request {
    /// Carries out the request and returns the exit code.
    ///
    /// # Errors
    ///
    /// Fails if the input turns out to be bad, or something outside the program fails.
    pub(crate) fn run(self) -> Result<ExitCode, Error> {
        stdout::check().map_err(|why| Error::failure(TO_STDOUT, why))?;
        signals::watch().map_err(|why| Error::failure("watch for signals", why))?;
        match self {
            Self::Tell(help) => delivered(help.print()).map(|_| ExitCode::SUCCESS),
            Self::Run(command) => match &*command {
                Command::Score(args) => score::run(args),
                Command::Compare(args) => compare::run(args),
                Command::Decide(args) => decide::run(args),
                Command::SiteTemplate(args) => decide::site_template(args),
                Command::Mine(args) => mine::run(args),
                Command::Dial(args) => dial::run(args),
                Command::Devices(args) => devices::run(args),
            },
        }
    }
}

/// Reason why there is no result: one line for the caller, and an exit code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments do not fit together.
    #[error("{0}; try --help")]
    Usage(String),
    /// An argument cannot be used.
    #[error("{part}")]
    Input {
        /// Argument as the caller gave it.
        part: String,
        /// What was expected instead.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Something outside the program failed.
    #[error("cannot {action}")]
    Failure {
        /// Action that failed.
        action: &'static str,
        /// Error that the system reported.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Returns the error that `part`, as in `--threads 0`, cannot be used because of `source`.
    fn input(part: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Input { part: part.into(), source: source.into() }
    }

    /// Returns the error that `action`, as in `start the threads`, failed because of `source`.
    fn failure(action: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failure { action, source: source.into() }
    }

    /// Returns an error with the gist of clap's message of several lines.
    fn usage(error: &clap::Error, args: &[OsString]) -> Self {
        let context = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.as_str(),
            _ => "",
        };
        match (error.kind(), error.source()) {
            (ErrorKind::InvalidUtf8, _) => {
                let bad = args.iter().enumerate().find(|(_, arg)| arg.to_str().is_none());
                let bad =
                    bad.map(|(index, arg)| format!("argument {index} (\"{}\")", arg.display()));
                Self::input(bad.unwrap_or_default(), "not UTF-8, expected text")
            }
            (ErrorKind::ValueValidation, Some(source)) => {
                let (mut part, problem) = (name(context(ContextKind::InvalidArg)), chain(source));
                let value = context(ContextKind::InvalidValue);
                if value.len() <= LONG && !problem.contains(value) {
                    part = format!("{part} {value:?}");
                }
                Self::input(part, problem)
            }
            _ => {
                let text = error.render().to_string();
                let end =
                    ["\n\nUsage: ", "\n\n  tip: ", "\n\nFor more "].map(|next| text.find(next));
                let text = &text[..end.into_iter().flatten().min().unwrap_or(text.len())];
                let lines = text.trim_start_matches("error: ").lines().map(str::trim);
                Self::Usage(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Prints the error and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        note(&chain(&self));
        ExitCode::from(match self {
            Self::Usage(_) | Self::Input { .. } => BAD_INPUT,
            Self::Failure { .. } => FAILURE,
        })
    }
}

/// Length in bytes of the longest value that a message repeats.
const LONG: usize = 40;

/// Returns the name of an argument without that of its value: `--bits` for `--bits <HEX>`.
fn name(argument: &str) -> String {
    argument.split(' ').next().unwrap_or(argument).trim_matches(['<', '>']).to_owned()
}

/// Returns an error and its causes on one line. A cause that is already in an error's own text, as
/// in many errors, is not repeated.
fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let what = cause.to_string();
        if !line.contains(&what) {
            line = format!("{line}: {what}");
        }
        source = cause.source();
    }
    line
}

/// Prints a text for people as one line on stderr, with odd characters escaped.
fn note(text: &str) {
    let line = shown(text, |_| false);
    // If stderr fails, there is no other place to report that.
    let _ = writeln!(io::stderr(), "perjoule: {line}");
}

/// Escapes what would steer a terminal or cannot be seen, except characters that `may` stay.
fn shown(text: &str, may: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_odd(character) && !may(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Action of the error when stdout cannot be written.
const TO_STDOUT: &str = "write to stdout";

/// Writes a result to stdout. A reader that stops early, as `head` does, is no error.
///
/// # Errors
///
/// Fails if it cannot be written for any other reason, as on a full disk.
fn print(text: &str) -> Result<(), Error> {
    print_on(text).map(drop)
}

/// Writes as [`print()`] does, and returns whether stdout still has a reader.
fn print_on(text: &str) -> Result<bool, Error> {
    let mut stdout = io::stdout().lock();
    delivered(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes lines that may contain names from anywhere to stdout, as [`print()`] does, but escaped.
fn print_lines(text: &str) -> Result<(), Error> {
    print(&shown(text, |character| character == '\n'))
}

/// Writes a result as JSON with a final line break to stdout, as [`print()`] does.
fn print_json(result: &impl serde::Serialize) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(result)
        .map_err(|source| Error::failure("write the result as JSON", source))?;
    print(&(json + "\n"))
}

/// Does every step, even after one has failed, and reports each failure: the last as the error, the
/// others before it.
fn each(done: impl IntoIterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let mut all = Ok(());
    for failure in done.into_iter().filter_map(Result::err) {
        if let Err(before) = std::mem::replace(&mut all, Err(failure)) {
            note(&chain(&before));
        }
    }
    all
}

/// Returns whether output to a terminal is coloured.
fn is_coloured(terminal: &impl io::IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).map(|it| it.to_string_lossy().into_owned());
    terminal.is_terminal() && wants_colours(set("NO_COLOR").as_deref(), set("TERM").as_deref())
}

/// Returns whether a terminal with these settings has colours and its user wants them.
fn wants_colours(no_color: Option<&str>, term: Option<&str>) -> bool {
    // Windows does not name its terminals.
    let is_able = term.map_or(cfg!(windows), |term| term != "dumb");
    is_able && no_color.is_none_or(str::is_empty)
}

/// Returns the exit code of work that a signal has stopped.
fn interrupted() -> ExitCode {
    /// Exit code of Ctrl-C.
    const INTERRUPTED: u8 = 130;
    signals::code().unwrap_or(INTERRUPTED).into()
}

/// Reads a report that `perjoule score --json FILE` has written; `-` is stdin.
fn read_report(file: &Path) -> Result<Record, Error> {
    let is_stdin = file == Path::new("-");
    let read = if is_stdin { json::from_reader(io::stdin().lock()) } else { json::open(file) };
    read.map_err(|why| Error::input(file.display().to_string(), why))
}

/// Returns whether the output still has a reader.
fn delivered(written: io::Result<()>) -> Result<bool, Error> {
    match written {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(why) => Err(Error::failure(TO_STDOUT, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error with an optional cause.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (&text, rest) = texts.split_first().expect("a text");
        let source = (!rest.is_empty()).then(|| Box::new(layers(rest)));
        Layer { text, source }
    }

    #[test]
    fn a_cause_is_told_once() {
        for (texts, expected) in [
            (&["cannot write", "x.json", "disk full"][..], "cannot write: x.json: disk full"),
            (
                &["cannot write", "x.json: disk full", "disk full"],
                "cannot write: x.json: disk full",
            ),
            (&["a: b: c", "b: c", "c"], "a: b: c"),
            (&["a: c", "b", "c"], "a: c: b"),
        ] {
            assert_eq!(chain(&layers(texts)), expected);
        }
        let unwritten = perjoule::report::file::write(Path::new("/dev/full"), b"text");
        if let Err(why) = unwritten {
            let line = chain(&Error::failure("write the report", why));
            assert_eq!(line.matches("/dev/full").count(), 1, "{line}");
            assert_eq!(line.matches("os error").count(), 1, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let text = "a\u{202e}b\u{200b}c\u{feff}d\u{1b}[31m\u{85}\n";
        let expected = "a\\u{202e}b\\u{200b}c\\u{feff}d\\u{1b}[31m\\u{85}";
        assert_eq!(shown(text, |_| false), format!("{expected}\\n"));
        assert_eq!(shown(text, |c| c == '\n'), format!("{expected}\n"));
        assert_eq!(shown("größer µ 图", |_| false), "größer µ 图");
    }

    #[test]
    fn colours_are_for_terminals_that_can_and_users_that_want() {
        for (no_color, term, expected) in [
            (None, Some("xterm"), true),
            (Some(""), Some("xterm"), true),
            (Some("1"), Some("xterm"), false),
            (None, Some("dumb"), false),
            (None, None, cfg!(windows)),
        ] {
            assert_eq!(wants_colours(no_color, term), expected, "{no_color:?} {term:?}");
        }
    }
}
