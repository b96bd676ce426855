//! Meters that run a program which prints watts, such as `ipmitool dcmi power reading`.
//!
//! The program is run again and again. Its command line is split into words as a shell would, and
//! no shell is started. When it has ended, or is given up, the children that it started are ended
//! too; those that made a session of their own live on.

mod error;
mod output;
#[cfg_attr(not(unix), path = "pipes_threads.rs")]
mod pipes;

use std::io;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use self::error::CommandError;
use self::output::{MOST_OUTPUT, Output};
use self::pipes::Pipes;
use super::integral::Integrator;
use super::name::{Name, Unit, unit};
use super::shell::signs;
use super::text::beginning;
use super::text::decode;
use super::unavailable::{Unavailable, Why};
use super::{Clock, Domain, Found, Meter, MeterError, MeterInfo, Reading, Source, plausible};
use crate::units::Watts;

/// Default interval at which a program is run: one second.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// Default timeout of one run of a program: five seconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of readings that are shown where there are too many.
const MOST_SHOWN: usize = 3;

/// How often it is asked whether the program has ended.
const TICK: Duration = Duration::from_millis(5);

/// How long its output may come after its end, which children can hold up.
const GRACE: Duration = Duration::from_millis(200);

/// Returns the meter of a command line, which is run once to see that it works.
///
/// It measures `domain`, is run every `interval`, and may take as long as `timeout`.
///
/// # Errors
///
/// When the program cannot be run, fails, hangs, or prints no watts.
pub fn meter(line: &str, domain: Domain, interval: Duration, timeout: Duration) -> Found {
    let signs = signs(line);
    let works = match signs.operator {
        Some(operator) => Err(CommandError::Shell { operator }),
        None => words(line).and_then(|words| Ok((run(&words, timeout)?, words))),
    };
    let (first, words) = match (works, signs.other) {
        (Ok(works), _) => works,
        (Err(error), sign) => {
            let error = match sign {
                Some(sign) => {
                    CommandError::Unshelled { error: Box::new(error), sign: beginning(&sign) }
                }
                None => error,
            };
            return Err(Unavailable::new(Source::Command, Some(domain), Why::Command(error)));
        }
    };
    let leaves = if first.leaves { " (what it leaves running is ended each time)" } else { "" };
    let info = MeterInfo {
        domain,
        source: Source::Command,
        detail: format!("{line}{leaves}"),
        resolution: None,
        read_within: None,
        interval: Some(interval),
    };
    // Once or twice it may be late.
    let integrator = Integrator::new(interval.saturating_mul(3));
    Ok(Box::new(Command { info, words, timeout, integrator }))
}

fn words(line: &str) -> Result<Vec<String>, CommandError> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    words.ok_or_else(|| CommandError::NoWords { line: line.to_owned() })
}

/// The meter of a command line.
#[derive(Debug)]
struct Command {
    info: MeterInfo,
    words: Vec<String>,
    timeout: Duration,
    integrator: Integrator,
}

impl Meter for Command {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let before = clock.now();
        let Run { power, .. } = run(&self.words, self.timeout).map_err(MeterError::Command)?;
        // The program measured somewhere in between.
        let at = before + clock.now().saturating_sub(before) / 2;
        let integrated = Some(self.integrator.see(power, at));
        Ok(Reading { at, counted: None, integrated, power: Some(power) })
    }
}

/// Result of one run of a program.
#[derive(Clone, Copy, Debug)]
struct Run {
    power: Watts,
    /// Whether it left a child behind that held its output.
    leaves: bool,
}

/// Runs a program to its end, and takes the watts from its output.
fn run(words: &[String], timeout: Duration) -> Result<Run, CommandError> {
    let program = words.first().cloned().unwrap_or_default();
    let failed = |error| CommandError::Start { program: program.clone(), error: Arc::new(error) };
    let mut child = start(words).map_err(failed)?;
    let followed = follow(&mut child, timeout);
    let status = end(&mut child);
    let Followed { output, has_ended, leaves } = followed.map_err(failed)?;
    if output.is_too_much {
        return Err(CommandError::TooMuch { program, most: MOST_OUTPUT });
    }
    let Some(status) = status.filter(|_| has_ended) else {
        return Err(CommandError::TimedOut { program, after: timeout });
    };
    if !status.success() {
        let said = if output.errors.is_empty() { &output.text } else { &output.errors };
        return Err(CommandError::Failed { program, status, text: first_line(said) });
    }
    let text = decode(&output.text);
    match watts(&text) {
        Ok(power) => Ok(Run { power, leaves }),
        Err(NoWatts::None) => Err(CommandError::NoWatts { program, text: beginning(&text) }),
        Err(NoWatts::NotNow(text)) => Err(CommandError::NotNow { program, text }),
        Err(NoWatts::Several(count, shown)) => Err(CommandError::Several { program, count, shown }),
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = decode(bytes);
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

/// A program until its end, or until it is no longer waited for.
#[derive(Debug)]
struct Followed {
    output: Output,
    has_ended: bool,
    leaves: bool,
}

/// Waits for the end of a program, and takes what it writes.
fn follow(child: &mut Child, timeout: Duration) -> io::Result<Followed> {
    let mut pipes = Pipes::of(child)?;
    let mut output = Output::default();
    let start = Instant::now();
    let mut is_awaited = true;
    while is_awaited && !has_ended(child)? {
        pipes.take(&mut output, TICK)?;
        is_awaited = start.elapsed() < timeout && !output.is_too_much;
    }
    // Only others can hold its pipes now; what they still write is waited for a little.
    let end = Instant::now();
    while is_awaited && pipes.are_open() && end.elapsed() < GRACE {
        pipes.take(&mut output, TICK)?;
    }
    Ok(Followed { output, has_ended: is_awaited, leaves: is_awaited && pipes.are_open() })
}

/// Whether a program has ended. It is not waited for yet, so that its number remains its own.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    let mut told = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: what is reported is written to where there is room for it.
    let asked = unsafe { libc::waitid(libc::P_PID, child.id(), told.as_mut_ptr(), how) };
    if asked != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was zeroed, which is a value of that type, and is what it remains if nothing ended.
    Ok(unsafe { told.assume_init() }.si_signo != 0)
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    Ok(child.try_wait()?.is_some())
}

/// Ends what is left of a program and its group, and returns how the program itself ended.
fn end(child: &mut Child) -> Option<ExitStatus> {
    #[cfg(unix)]
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: only numbers are passed. The child was not waited for, so that its number, which
        // is that of its group, cannot have become another process's.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    // Where it has ended before there is nothing left to do.
    let _ = child.kill();
    // One that the kernel does not let go of is left behind.
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) if start.elapsed() < GRACE => thread::sleep(TICK),
            ended => return ended.ok().flatten(),
        }
    }
}

/// Why a text gives no power.
#[derive(Clone, Debug, PartialEq)]
enum NoWatts {
    None,
    /// A limit, a rating or a statistic is all there is.
    NotNow(String),
    /// Several powers: how many, and the first of them.
    Several(usize, String),
}

/// Returns the power in a text: it is a bare number, or holds one that is followed by a unit.
///
/// There has to be one, beside limits, ratings and statistics, and it must make sense.
fn watts(text: &str) -> Result<Watts, NoWatts> {
    if let Ok(number) = text.trim().parse() {
        return plausible(number).ok_or(NoWatts::None);
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let bare: Option<Vec<f64>> = lines.map(|line| line.trim().parse().ok()).collect();
    if let Some(bare @ [_, _, ..]) = bare.as_deref() {
        let shown: Vec<_> = bare.iter().take(MOST_SHOWN).map(ToString::to_string).collect();
        return Err(NoWatts::Several(bare.len(), shown.join(", ")));
    }
    let (now, others): (Vec<_>, Vec<_>) =
        text.lines().flat_map(numbers).partition(|number| number.is_now);
    match (now.as_slice(), others.as_slice()) {
        ([number], _) => number.watts.and_then(plausible).ok_or(NoWatts::None),
        ([], []) => Err(NoWatts::None),
        ([], [other, ..]) => Err(NoWatts::NotNow(beginning(&other.shown))),
        (several, _) => {
            let shown = several.iter().take(MOST_SHOWN);
            let shown: Vec<_> = shown.map(|it| format!("{:?}", beginning(&it.shown))).collect();
            Err(NoWatts::Several(several.len(), shown.join(", ")))
        }
    }
}

/// A number with a unit of power.
#[derive(Clone, Debug)]
struct Number {
    /// `None` if it is written as no number is, or with a unit that is not clear.
    watts: Option<f64>,
    /// Whether no word around it says that it is something else.
    is_now: bool,
    /// The number with the words before it.
    shown: String,
}

/// The numbers of a line that have a unit of power.
fn numbers(line: &str) -> Vec<Number> {
    let words = split(line);
    let mut numbers = Vec::new();
    let mut label = 0;
    for (place, &(start, word)) in words.iter().enumerate() {
        let ended = word.trim_end_matches(PUNCTUATION);
        let digits = ended.trim_end_matches(char::is_alphabetic);
        let own = ended.get(digits.len()..).and_then(power_unit);
        let next = words.get(place + 1).filter(|_| ended.len() == digits.len());
        let next = next.and_then(|&(at, word)| {
            Some((at + word.len(), power_unit(word.trim_end_matches(PUNCTUATION))?))
        });
        let Some((end, unit)) = own.map(|unit| (start + word.len(), unit)).or(next) else {
            continue;
        };
        if !digits.starts_with(|c: char| c.is_ascii_digit() || ['+', '-', '.'].contains(&c)) {
            continue;
        }
        let [before, after, shown] =
            [line.get(label..start), line.get(end..), line.get(label..end)]
                .map(Option::unwrap_or_default);
        label = end;
        if after.split_whitespace().next().is_some_and(|word| Name::of(word).is_aside) {
            // Watts by the hour are no power.
            continue;
        }
        // What comes behind belongs to it only if it is not what the next number is called.
        let behind = after.split([',', ';', '|']).next().unwrap_or_default();
        let behind = if behind.contains(|c: char| c.is_ascii_digit()) { "" } else { behind };
        label += behind.len();
        let [name, behind] = [before, behind].map(Name::of);
        let is_of = before.trim_end().ends_with('/');
        let is_now = !(is_of || [name, behind].iter().any(|name| name.is_bound || name.is_mean));
        let watts = match unit {
            Unit::Watts(one) => digits.parse::<f64>().ok().map(|number| number * one),
            _ => None,
        };
        let is_around = |c: char| c.is_whitespace() || PUNCTUATION.contains(&c);
        let shown: Vec<_> = shown.trim_matches(is_around).split_whitespace().collect();
        numbers.push(Number { watts, is_now, shown: shown.join(" ") });
    }
    numbers
}

/// What may follow a number or its unit.
const PUNCTUATION: [char; 3] = ['.', ',', ';'];

fn power_unit(word: &str) -> Option<Unit> {
    unit(word).filter(|unit| *unit != Unit::Other)
}

/// The words of a line, and where they begin.
fn split(line: &str) -> Vec<(usize, &str)> {
    let is_separator = |c: char| c.is_whitespace() || [':', '=', '(', ')', '|'].contains(&c);
    let mut words = Vec::new();
    let mut rest = 0;
    for word in line.split(is_separator) {
        if !word.is_empty() {
            words.push((rest, word));
        }
        let separator = line[rest + word.len()..].chars().next();
        rest += word.len() + separator.map_or(0, char::len_utf8);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPMITOOL: &str = "\n    Instantaneous power reading:                   212 Watts\n\
        \x20   Minimum during sampling period:                 30 Watts\n\
        \x20   Maximum during sampling period:                320 Watts\n\
        \x20   Average power reading over sample period:      200 Watts\n\
        \x20   IPMI timestamp:           Thu Jan  1 00:00:00 1970\n\
        \x20   Sampling period:                          00000005 Seconds.\n";

    #[test]
    fn watts_are_found_in_what_programs_print() {
        for (text, power) in [
            (IPMITOOL, 212.0),
            ("350", 350.0),
            ("  350.5\n", 350.5),
            ("3.5e2", 350.0),
            ("350 W", 350.0),
            ("350W\n", 350.0),
            ("350.25w", 350.25),
            ("power=350W, 12V", 350.0),
            ("230 V, 1.5 A, 345 W.", 345.0),
            ("Power draw: 35.00 W; limit: 80 W", 35.0),
            ("PPT: 35.00 W (cap = 120.00 W)", 35.0),
            ("PPT:  12.00 W  (avg =  10.00 W, interval = 1.00 s)", 12.0),
            ("| 30%   35C    P8    35W / 350W |", 35.0),
            ("(99 watts)", 99.0),
            ("0", 0.0),
            ("0.35 kW", 350.0),
            ("212 mW", 0.212),
            ("2\u{b5}W", 2e-6),
            ("max 500 W\nnow 90 W", 90.0),
            ("500 W max; 90 W", 90.0),
            ("90 W limit 500 W", 90.0),
            ("used 12 Wh, 7 watt hours, 90 W", 90.0),
        ] {
            assert_eq!(watts(text), Ok(Watts::new(power)), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_watts() {
        for text in [
            "",
            "W",
            "none",
            "212 Wh",
            "212 watt hours",
            "212 VA",
            "212 mw",
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
            "\u{b5}W 5",
        ] {
            assert_eq!(watts(text), Err(NoWatts::None), "{text}");
        }
    }

    #[test]
    fn limits_ratings_and_statistics_are_not_the_power_of_now() {
        for (text, shown) in [
            ("LOADPCT  : 15.0 Percent\nNOMPOWER : 600 Watts\n", "NOMPOWER : 600 Watts"),
            ("Nominal power: 600 W", "Nominal power: 600 W"),
            ("rated 600 W", "rated 600 W"),
            ("PowerLimit=600W", "PowerLimit=600W"),
            ("powercap 600 W", "powercap 600 W"),
            ("600 W max", "600 W"),
            ("600 Watts (nominal)", "600 Watts"),
            ("Average power: 600 W", "Average power: 600 W"),
            ("min 5 W, max 9 W", "min 5 W"),
        ] {
            assert_eq!(watts(text), Err(NoWatts::NotNow(shown.to_owned())), "{text}");
        }
    }

    #[test]
    fn one_of_several_powers_is_not_chosen() {
        let supplies = "PS1 Power In     | 52h | ok  | 10.1 | 132 Watts\n\
            PS2 Power In     | 53h | ok  | 10.2 | 160 Watts\n";
        for (text, count, begins) in [
            (supplies, 2, "\"PS1 Power In | 52h | ok | 10.1 | 132 Watts\", \"PS2 Power In"),
            ("132 W\n132 W", 2, "\"132 W\", \"132 W\""),
            ("132\n160\n", 2, "132, 160"),
            ("CPU 1.5 kW, fan 20 W", 2, "\"CPU 1.5 kW\", \"fan 20 W\""),
            ("1,234 W and 20 W", 2, "\"1,234 W\", \"and 20 W\""),
            ("1 W 2 W 3 W 4 W 5 W", 5, "\"1 W\", \"2 W\", \"3 W\""),
        ] {
            let Err(NoWatts::Several(found, shown)) = watts(text) else { panic!("{text}") };
            assert_eq!(found, count, "{text}");
            assert!(shown.starts_with(begins), "{text}: {shown}");
        }
    }

    proptest::proptest! {
        /// No output of a program gives a panic, or a power that cannot be.
        #[test]
        fn any_text_is_judged(text in "[0-9a-zA-Z\u{b5} .:,;=()|/\n-]{0,40}") {
            if let Ok(power) = watts(&text) {
                proptest::prop_assert!(power.is_finite() && power >= Watts::ZERO);
            }
        }
    }
}
