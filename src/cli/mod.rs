//! What the subcommands share: arguments, errors and output. Each of them is one file.

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

/// The caller gave something that cannot be used.
const BAD_INPUT: u8 = 2;

/// Something outside the program failed.
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
    SiteTemplate,
    /// Search a block header for hashes that meet a target.
    Mine(mine::Args),
    /// Search at set points, and measure how fast hash rate and power follow.
    Dial(dial::Args),
    /// Show this machine: engines, GPUs and meters, and what each of them lacks.
    Devices(devices::Args),
}

/// What the arguments ask for.
#[derive(Debug)]
pub(crate) enum Request {
    /// The help or the version.
    Tell(clap::Error),
    /// A subcommand.
    Run(Box<Command>),
}

/// Reads the arguments, the name of the program first.
///
/// # Errors
///
/// When they ask for nothing that there is.
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
    /// Does it, and says how it ended.
    ///
    /// # Errors
    ///
    /// When the input turns out to be bad, or something outside the program fails.
    pub(crate) fn run(self) -> Result<ExitCode, Error> {
        stdout::check().map_err(|why| Error::failure(TO_STDOUT, why))?;
        signals::watch().map_err(|why| Error::failure("watch for signals", why))?;
        match self {
            Self::Tell(help) => delivered(help.print()).map(|_| ExitCode::SUCCESS),
            Self::Run(command) => match &*command {
                Command::Score(args) => score::run(args),
                Command::Compare(args) => compare::run(args),
                Command::Decide(args) => decide::run(args),
                Command::SiteTemplate => decide::site_template(),
                Command::Mine(args) => mine::run(args),
                Command::Dial(args) => dial::run(args),
                Command::Devices(args) => devices::run(args),
            },
        }
    }
}

/// Why there is no result: one line for the caller, and an exit code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments do not fit together.
    #[error("{0}; try --help")]
    Usage(String),
    /// An argument cannot be used.
    #[error("{part}")]
    Input {
        /// Which, as the caller gave it.
        part: String,
        /// What was expected.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Something outside the program failed.
    #[error("cannot {action}")]
    Failure {
        /// What was to be done.
        action: &'static str,
        /// What the system said.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// `part` of the arguments, for instance `--threads 0`, cannot be used because of `source`.
    fn input(part: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Input { part: part.into(), source: source.into() }
    }

    /// It was not possible to do `action`, for instance `start the threads`, because of `source`.
    fn failure(action: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failure { action, source: source.into() }
    }

    /// The gist of what clap says in several lines.
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

    /// Prints it, and says with which code to exit.
    pub(crate) fn report(self) -> ExitCode {
        note(&chain(&self));
        ExitCode::from(match self {
            Self::Usage(_) | Self::Input { .. } => BAD_INPUT,
            Self::Failure { .. } => FAILURE,
        })
    }
}

/// Values of more bytes than this are not repeated in a message.
const LONG: usize = 40;

/// The name of an argument without that of its value: `--bits` of `--bits <HEX>`.
fn name(argument: &str) -> String {
    argument.split(' ').next().unwrap_or(argument).trim_matches(['<', '>']).to_owned()
}

/// An error and what caused it, on one line. Many errors tell their cause themselves, and it is not
/// said again.
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

/// Tells people something in one line on stderr, whatever characters are in it.
fn note(text: &str) {
    let line = shown(text, |_| false);
    // Nobody is left to be told that there is nobody to tell.
    let _ = writeln!(io::stderr(), "perjoule: {line}");
}

/// A text with what would steer a terminal, or cannot be seen, in escapes; but for what `may` stay.
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

/// What is tried to be written to stdout.
const TO_STDOUT: &str = "write to stdout";

/// Writes a result to stdout. A reader that has seen enough, as `head` has, is no error.
///
/// # Errors
///
/// When it cannot be written for any other reason, as on a full disk.
fn print(text: &str) -> Result<(), Error> {
    print_on(text).map(drop)
}

/// As [`print()`], and says whether somebody still reads.
fn print_on(text: &str) -> Result<bool, Error> {
    let mut stdout = io::stdout().lock();
    delivered(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes lines to stdout in which there may be names from anywhere; as [`print()`] does.
fn print_lines(text: &str) -> Result<(), Error> {
    print(&shown(text, |character| character == '\n'))
}

/// Writes a result to stdout as JSON, ending in a line break; as [`print()`] does.
fn print_json(result: &impl serde::Serialize) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(result)
        .map_err(|source| Error::failure("write the result as JSON", source))?;
    print(&(json + "\n"))
}

/// Does all of this, also after something of it has failed, and tells of each failure: the last as the
/// error, the others before it.
fn each(done: impl IntoIterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let mut all = Ok(());
    for failure in done.into_iter().filter_map(Result::err) {
        if let Err(before) = std::mem::replace(&mut all, Err(failure)) {
            note(&chain(&before));
        }
    }
    all
}

/// Whether a terminal is to have colours.
fn is_coloured(terminal: &impl io::IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).map(|it| it.to_string_lossy().into_owned());
    terminal.is_terminal() && wants_colours(set("NO_COLOR").as_deref(), set("TERM").as_deref())
}

/// Terminals of these settings have colours, and their users want them.
fn wants_colours(no_color: Option<&str>, term: Option<&str>) -> bool {
    // Windows does not name its terminals.
    let is_able = term.map_or(cfg!(windows), |term| term != "dumb");
    is_able && no_color.is_none_or(str::is_empty)
}

/// The exit code of what was told to stop by a signal.
fn interrupted() -> ExitCode {
    /// That of Ctrl-C.
    const INTERRUPTED: u8 = 130;
    signals::code().unwrap_or(INTERRUPTED).into()
}

/// Reads a report that `perjoule score --json FILE` has written; `-` is stdin.
fn read_report(file: &Path) -> Result<Record, Error> {
    let is_stdin = file == Path::new("-");
    let read = if is_stdin { json::from_reader(io::stdin().lock()) } else { json::open(file) };
    read.map_err(|why| Error::input(file.display().to_string(), why))
}

/// Whether somebody still reads what was written.
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

    /// An error and its cause.
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
