//! A program that prints watts, such as `ipmitool dcmi power reading`, run again and again.
//!
//! Its line is split into words as a shell would, and no shell is started. A program that hangs is
//! killed, with the children that it started; those that made a session of their own live on.

use std::io::{self, Read};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::error::beginning;
use super::integral::Integrator;
use super::unavailable::{Unavailable, Why};
use super::{About, Clock, Domain, Found, Meter, MeterError, Reading, Source, plausible};
use crate::units::Watts;

/// How often a program is run unless a caller says otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// How long it may take unless a caller says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is read of its output; it has to come early.
const MOST_OUTPUT: u64 = 64 * 1024;

/// How often it is asked whether the program has ended.
const TICK: Duration = Duration::from_millis(5);

/// How long its output may come after its end, which children can hold up.
const GRACE: Duration = Duration::from_millis(200);

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
}

/// The meter of a command line, which is run once to see that it works.
///
/// It measures `domain`, is worth running every `interval`, and may take as long as `timeout`.
///
/// # Errors
///
/// When it cannot be run, fails, hangs, or prints no watts.
pub fn meter(line: &str, domain: Domain, interval: Duration, timeout: Duration) -> Found {
    let works = words(line).and_then(|words| run(&words, timeout).map(|_| words));
    let words = match works {
        Ok(words) => words,
        Err(error) => {
            return Err(Unavailable::new(Source::Command, Some(domain), Why::Command(error)));
        }
    };
    let about = About {
        domain,
        source: Source::Command,
        detail: line.to_owned(),
        resolution: None,
        read_within: None,
        interval: Some(interval),
    };
    // Once or twice it may be late.
    let integrator = Integrator::new(interval.saturating_mul(3));
    Ok(Box::new(Command { about, words, timeout, integrator }))
}

fn words(line: &str) -> Result<Vec<String>, CommandError> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    words.ok_or_else(|| CommandError::NoWords { line: line.to_owned() })
}

/// The meter of a command line.
#[derive(Debug)]
struct Command {
    about: About,
    words: Vec<String>,
    timeout: Duration,
    integrator: Integrator,
}

impl Meter for Command {
    fn about(&self) -> &About {
        &self.about
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let before = clock.now();
        let power = run(&self.words, self.timeout).map_err(MeterError::Command)?;
        // The program measured somewhere in between.
        let at = before + clock.now().saturating_sub(before) / 2;
        let integrated = Some(self.integrator.see(power, at));
        Ok(Reading { at, counted: None, integrated, power: Some(power) })
    }
}

/// Runs a program to its end, and takes the watts from its output.
fn run(words: &[String], timeout: Duration) -> Result<Watts, CommandError> {
    let program = words.first().cloned().unwrap_or_default();
    let failed = |error| CommandError::Start { program: program.clone(), error: Arc::new(error) };
    let mut child = start(words).map_err(failed)?;
    let ended = outcome(&mut child, timeout);
    if !matches!(ended, Ok(Some(_))) {
        end(&mut child);
    }
    let Some((status, output)) = ended.map_err(failed)? else {
        return Err(CommandError::TimedOut { program, after: timeout });
    };
    if !status.success() {
        let said = if output.errors.is_empty() { &output.text } else { &output.errors };
        return Err(CommandError::Failed { program, status, text: first_line(said) });
    }
    let text = String::from_utf8_lossy(&output.text);
    watts(&text).ok_or_else(|| CommandError::NoWatts { program, text: beginning(&text) })
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    beginning(text.trim().lines().next().unwrap_or_default())
}

fn start(words: &[String]) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut process = Process::new(program);
    process.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // So that numbers have points and words are English.
    process.env("LC_ALL", "C");
    // A group of its own, which can be ended without ending ours.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut process, 0);
    process.spawn()
}

/// What a program wrote.
#[derive(Debug, Default)]
struct Output {
    text: Vec<u8>,
    errors: Vec<u8>,
}

impl Output {
    fn take(&mut self, (is_error, bytes): (bool, Vec<u8>)) {
        if is_error { &mut self.errors } else { &mut self.text }.extend(bytes);
    }
}

/// Waits for the end of a program; `None` if it does not come in time.
fn outcome(child: &mut Child, timeout: Duration) -> io::Result<Option<(ExitStatus, Output)>> {
    let (sender, chunks) = mpsc::channel();
    forward(child.stdout.take(), false, sender.clone())?;
    forward(child.stderr.take(), true, sender)?;
    let start = Instant::now();
    let mut output = Output::default();
    loop {
        if let Some(status) = child.try_wait()? {
            drain(&chunks, &mut output);
            return Ok(Some((status, output)));
        }
        if start.elapsed() >= timeout {
            return Ok(None);
        }
        match chunks.recv_timeout(TICK) {
            Ok(chunk) => output.take(chunk),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
        }
    }
}

/// Takes what a program wrote before it ended.
fn drain(chunks: &Receiver<(bool, Vec<u8>)>, output: &mut Output) {
    let end = Instant::now();
    while let Some(left) = GRACE.checked_sub(end.elapsed()) {
        match chunks.recv_timeout(left) {
            Ok(chunk) => output.take(chunk),
            Err(_) => return,
        }
    }
}

/// Reads a pipe in a thread of its own: it ends with the pipe, or when nobody listens any more.
fn forward(
    pipe: Option<impl Read + Send + 'static>,
    is_error: bool,
    sender: Sender<(bool, Vec<u8>)>,
) -> io::Result<()> {
    let Some(pipe) = pipe else { return Ok(()) };
    let read = move || {
        let mut pipe = pipe.take(MOST_OUTPUT);
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut chunk) {
            if sender.send((is_error, chunk[..read].to_vec())).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("perjoule command".to_owned()).spawn(read).map(drop)
}

/// Ends a program that was not waited for, with its group.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: only numbers are passed. The child was not waited for, so that its number, which
        // is that of its group, cannot have become somebody else's.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    // Where it has ended meanwhile there is nothing left to do.
    let _ = child.kill();
    // One that the kernel does not let go of is left behind.
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && start.elapsed() < GRACE {
        thread::sleep(TICK);
    }
}

/// The power that a text tells: it is a bare number, or holds one that is followed by W or Watts.
///
/// The first such number is taken, and must make sense.
fn watts(text: &str) -> Option<Watts> {
    if let Ok(number) = text.trim().parse() {
        return plausible(number);
    }
    let is_separator = |c: char| c.is_whitespace() || [':', '=', '(', ')'].contains(&c);
    let mut words = text.split(is_separator).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let letters = word.trim_end_matches(['.', ',', ';']).trim_end_matches(is_letter);
        let own = is_unit(&word[letters.len()..]);
        let next = word.len() == letters.len() && words.peek().is_some_and(|word| is_unit(word));
        if let (true, Ok(number)) = (own || next, letters.parse()) {
            return plausible(number);
        }
    }
    None
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';']);
    ["W", "Watt", "Watts"].iter().any(|unit| word.eq_ignore_ascii_case(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watts_are_found_in_what_programs_print() {
        let ipmitool = "\n    Instantaneous power reading:                   212 Watts\n\
            \x20   Minimum during sampling period:                 30 Watts\n\
            \x20   IPMI timestamp:           Thu Jan  1 00:00:00 1970\n\
            \x20   Sampling period:                          00000005 Seconds.\n";
        for (text, power) in [
            (ipmitool, 212.0),
            ("350", 350.0),
            ("  350.5\n", 350.5),
            ("3.5e2", 350.0),
            ("350 W", 350.0),
            ("350W\n", 350.0),
            ("350.25w", 350.25),
            ("power=350W, 12V", 350.0),
            ("230 V, 1.5 A, 345 W.", 345.0),
            ("Power draw: 35.00 W; limit: 80 W", 35.0),
            ("(99 watts)", 99.0),
            ("0", 0.0),
        ] {
            assert_eq!(watts(text), Some(Watts::new(power)), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_watts() {
        for text in [
            "",
            "W",
            "none",
            "212 Wh",
            "212 mW",
            "1,234 W",
            "212,5 Watts",
            "-5 W",
            "-5",
            "NaN",
            "inf",
            "inf W",
            "1e300 W",
            "1e9",
            "5 V 3 A",
            "12 34",
            "2 12Watts5",
            "µW 5",
            "5µW",
        ] {
            assert_eq!(watts(text), None, "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever a program prints, no panic, and no power that cannot be.
        #[test]
        fn any_text_is_judged(text in "[0-9a-zA-Zµ .:,;=()\n-]{0,40}") {
            if let Some(power) = watts(&text) {
                proptest::prop_assert!(power.is_finite() && power >= Watts::ZERO);
            }
        }
    }
}
