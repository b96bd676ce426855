//! Implements `perjoule dial`: turns mining up and down, and measures how fast it follows.

mod power;
mod report;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use perjoule::dial::SetpointProfile;
use perjoule::engine;
use perjoule::meter::{Clock, Domain};
use perjoule::search::{Duty, DutyError, End};

use self::power::Power;
use self::report::Report;
use super::Error;
use super::engines::{Choice, Opening, choice, chosen, workers};
use super::score::meters::sensor;

/// Largest number of set points.
const MOST_STEPS: usize = 100;

/// Search at set points, and measure how fast hash rate and power follow.
///
/// The search is one that nothing solves. It runs at full speed first, which is what the percentages
/// are of, and then goes through the set points.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The set points to go through, in percent of full speed, 1 to 100 of them; 0 is a pause
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', default_value = "100,50,0,100")]
    #[arg(value_parser = percent, allow_negative_numbers = true)]
    steps: Vec<Duty>,

    /// How long each of them is held, in seconds: 0.2 to 3600; before them full speed is held as long,
    /// and at least two seconds. Levels are those of the last half, which takes some tenths of a second
    /// with a meter or a GPU that reports rarely
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = hold)]
    #[arg(allow_negative_numbers = true)]
    hold: Duration,

    /// The engine to search with, as in avx2 or gpu:0; may be given several times, and `all` is the
    /// fastest of the processor and every GPU [default: the fastest of the processor]
    #[arg(long, value_name = "ID", value_parser = choice as fn(&str) -> _)]
    engine: Vec<Choice>,

    #[command(flatten)]
    opening: Opening,

    /// How many threads search, 1 to 1024 [default: one for each usable core]
    #[arg(long, value_name = "N", value_parser = super::mine::count, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Follow the power by this file of a sensor, as Linux' hwmon has it, instead of the meters of
    /// the devices: `machine=/sys/class/hwmon/hwmon3/power1_input`
    #[arg(long, value_name = "DEVICE=FILE", value_parser = sensor)]
    meter_sensor: Option<(Domain, PathBuf)>,

    /// Print JSON: `{perjoule, engines, threads, observed, meter, no_meter, window_seconds,
    /// hold_seconds, full_hashes_per_second, full_watts, paused_watts, steps: [{from_percent,
    /// to_percent, reached, t90_seconds, overshoot_percent, ripple_percent, settled_percent,
    /// settled_hashes_per_second, settled_watts, hashes_lost, within_5_s}], gaps: [{during, seconds}],
    /// interrupted, failed, faults}`; all percentages are of full speed, or of full power above that
    /// of a pause, and gaps are where the process, the machine or the meter stood still
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  perjoule dial                                 full speed, half, a pause, and full speed again
  perjoule dial --steps 90,80,70,60 --hold 10   small steps, for longer
  perjoule dial --steps 100,100,100             how steady full speed itself is
  perjoule dial --engine gpu:0 --json           a GPU, as JSON
  perjoule dial --engine all --meter-sensor machine=/sys/class/hwmon/hwmon3/power1_input

What is observed is the power of the devices that search, by their meters (`perjoule devices` lists
them). Where one has none, the hash rate stands in for power, and the output says so. A command that
prints watts, as `perjoule score --meter-cmd` takes it, is too slow to follow a step.
  t90        from the command until nine tenths of the way from the old settled level to the new
             one are covered; what is observed is a mean over a window, which is part of it
  overshoot  how far beyond the new level it came after that, in percent of full
  ripple     how far from it it still came once settled: what of the overshoot is noise
  settled    the level, a median over the last half, in percent of full
  lost       hashes by which the search fell short of one that follows at once; where it is
             negative there were that many too many, and their energy was not saved
  5 s        whether it took no longer than that, which is what grid programmes ask, and settled
             within 5 percent of full of its set point

Where nothing was read for a while, because the process was stopped, the machine suspended or the
meter hung, the output says so, and leaves out what cannot be known for it.

Exit codes: 0 measured, 2 bad input, 3 nothing was measured, or the system or all engines failed,
130 stopped by Ctrl-C, 143 by SIGTERM; 3, 130 and 143 after printing what was measured by then.";

/// Goes through the set points and prints how the search followed them.
///
/// # Errors
///
/// Fails if an engine or a meter is missing, the threads cannot be started, every engine failed, or
/// nothing was measured.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    if args.steps.len() > MOST_STEPS {
        let part = format!("--steps with {} set points", args.steps.len());
        return Err(Error::input(part, format!("expected 1 to {MOST_STEPS}")));
    }
    let stop = super::signals::stop();
    let best = || vec![engine::best(1)];
    let engines = if args.engine.is_empty() {
        best()
    } else {
        chosen("--engine", &args.engine, args.opening, best)?
    };
    let workers = workers(engines, args.threads, false)?;
    let clock = Clock::through_suspend();
    let power = Power::start(&workers, args.meter_sensor.as_ref(), &clock)?;
    let profile =
        SetpointProfile { steps: &args.steps, hold: args.hold, is_metered: power.is_metered() };
    let bar = bar(profile.time());
    let run = profile.run(&workers, &clock, &stop, &mut |passed, duty| {
        bar.set_position(passed.as_millis() as u64);
        bar.set_message(duty.to_string());
    });
    bar.finish_and_clear();
    let report = Report::new(&profile, &run, &power.reading(), &workers);
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print_lines(&report.to_text())?;
    }
    for fault in &run.outcome.faults {
        super::note(&fault.to_string());
    }
    if run.outcome.end == End::Failed {
        return Err(Error::failure("search on", "no engine is left"));
    }
    if !run.is_complete {
        return Ok(super::interrupted());
    }
    match report.nothing_measured() {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => Err(Error::failure("measure how set points were followed", why)),
    }
}

/// Returns a progress bar, which is hidden if stderr is not a terminal.
fn bar(time: Duration) -> ProgressBar {
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {eta} left  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_length(time.as_millis() as u64);
    bar
}

fn percent(text: &str) -> Result<Duty, DutyError> {
    text.parse()
}

fn hold(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.2..=3600.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not a number from 0.2 to 3600"))?;
    Ok(Duration::from_secs_f64(seconds))
}
