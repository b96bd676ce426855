//! Implements `perjoule score`: checks every engine, measures all work on all devices, reports it.

mod exports;
pub(super) mod meters;

use std::io::{IsTerminal as _, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use perjoule::engine::selftest;
use perjoule::engine::{self, Benchmark, Engine, EngineId};
use perjoule::machine::Machine;
use perjoule::record::{DeviceId, Named, NoEnergy, Record, Row, json};
use perjoule::report::{file, table};
use perjoule::score::{Dtype, Metering, Observer, Plan, Score, ScoreProgress, measure};
use perjoule::search::{MAX_THREADS, Stop};
use perjoule::units::UnknownNameError;
use perjoule::workload::{Kind, Shape, WorkloadError};

use self::exports::Exports;
use self::meters::{MeterArgs, Meters};
use super::engines::{Choice, Opening, choice, chosen};
use super::{Error, places};

const EXAMPLES: &str = "\
Examples:
  perjoule score                              all work on the processor and every GPU
  perjoule score --device gpu:0 --workload matmul --dtype f16 --size 8192
  perjoule score --engine avx2 --engine gpu:0 --seconds 3
  perjoule score --quick --json -             rough figures in half a minute, as JSON alone
  perjoule score --json score.json --html score.html
  perjoule score --json score.json --resume score.json     after Ctrl-C: only what is missing
  perjoule score --meter-cmd 'ipmitool dcmi power reading' --require-measured

How it is measured: slices of everything that compares, in turn, so that all rows meet the same
machine. Results are checked between slices; work whose results are wrong is reported and has no row.
  best     the fastest slice; on a shared machine this is what repeats
  median   the slice in the middle; x sha2 is its ratio to hashing with the sha2 crate
  spread   from the slowest to the fastest tenth of the slices, as a share of the median
  of roof  best as a share of the rate at which the same device does the same kind of operations
           from registers (for hashing, divided by those that one hash needs); triad as a share of
           copy; disturbed where it is above 105 %, and the roof therefore none
  busy     the share of the time in which a GPU worked, by its own clock
  host     the cores of the processor that this takes besides: 0.20 is a fifth of one
A GPU that a driver computes on the processor is measured only if it is asked for by name, and is
marked as software.

Energy is measured where there is a meter (`perjoule devices` lists them): three windows of five
seconds of the fastest engine, of every product and of memory, on all threads. Work per joule is of
all that was drawn: by the machine with --meter-cmd or --meter-csv, or else by packages and memory,
or by the card. A counter that does not move while the processor works, as in many virtual machines,
is no meter. Without a meter there are no joules, unless --assume-watts states the power; that also
stands in where a meter fails on the way, and is marked.

Environment:
  PERJOULE_ROOT   the folder with the /sys and /proc of the machine that is measured, as in a
                  container that has the host's at /host";

/// Measure hashing, matrix products, arithmetic peaks and memory, on the processor and every GPU,
/// and the energy that they take.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long to measure each kind of work on each device: 0.1 to 3600 seconds [default: 6].
    /// Preparing takes some seconds more, and measuring energy a quarter of a minute for each row.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Take rough figures in half a minute a device: less of everything, and one short window for
    /// energy, which the report says.
    #[arg(long)]
    quick: bool,

    /// Measure on this device only: `cpu`, `gpu:0`, or `all`, which is the default. May be given
    /// several times. See `perjoule devices`.
    #[arg(long, value_name = "ID", value_parser = device)]
    device: Vec<Option<DeviceId>>,

    /// Measure this work only: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`. May be given
    /// several times.
    #[arg(long, value_name = "KIND")]
    workload: Vec<Kind>,

    /// Compute with these numbers only, in products and peaks: `f64`, `f32`, `f16`, `i8` or `i32`.
    /// May be given several times.
    #[arg(long, value_name = "TYPE")]
    dtype: Vec<Dtype>,

    /// Multiply matrices of this size: `1024`, or rows of the product, its columns, and what is
    /// summed over, as in `64x4096x1024` [default: the size from which on larger ones are not
    /// faster]. With a unit, as in `512MiB`, it is the size of each array that bandwidth is measured
    /// with [default: more than the caches hold]. May be given for both.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: Vec<Size>,

    /// Measure SHA-256d by this engine and nothing else; may be given several times. `all` is every
    /// engine of the processor and every GPU.
    #[arg(
        long,
        value_name = "ID",
        value_parser = choice as fn(&str) -> _,
        conflicts_with_all = ["device", "workload"]
    )]
    engine: Vec<Choice>,

    #[command(flatten)]
    opening: Opening,

    /// The threads of the rows that use several, 1 to 1024 [default: one for each usable core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    meters: MeterArgs,

    /// Write the result as JSON to this file too, or to stdout in place of the tables if it is `-`.
    /// The file is written anew after each kind of work.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    json: Option<PathBuf>,

    /// Go on where this file, which `--json` has written, ends: what it has is not measured again,
    /// unless it was measured by `--quick` and this run is not.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    resume: Option<PathBuf>,

    #[command(flatten)]
    exports: Exports,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not a number from 0.1 to 3600"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Names of the two arguments that may name the same file.
const JSON: &str = "--json";
const RESUME: &str = "--resume";

/// Parses a device; `None` means all of them.
fn device(text: &str) -> Result<Option<DeviceId>, UnknownNameError> {
    if text == "all" { Ok(None) } else { text.parse().map(Some) }
}

/// Size that `--size` gives: of matrices, or of arrays in bytes.
#[derive(Clone, Copy, Debug)]
enum Size {
    Matrices(Shape),
    Arrays(u64),
}

fn size(text: &str) -> Result<Size, String> {
    let expected = || {
        format!(
            "{text:?} is neither a size of matrices, as 1024 or 64x4096x1024, nor one of arrays, as 512MiB"
        )
    };
    let digits = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let unit: Option<u64> = match digits {
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    if let Some(unit) = unit {
        let count = text[..text.len() - digits.len()].parse::<u64>().ok();
        let bytes = count.filter(|&count| count > 0).and_then(|count| count.checked_mul(unit));
        return bytes.map(Size::Arrays).ok_or_else(expected);
    }
    let sides: Option<Vec<usize>> = text.split('x').map(|side| side.parse().ok()).collect();
    let shape = match sides.as_deref() {
        Some(&[n]) => Shape::square(n),
        Some(&[m, n, k]) => Shape::new(m, n, k),
        _ => return Err(expected()),
    };
    shape.map(Size::Matrices).map_err(|why| format!("{text:?}: {why}"))
}

/// Measures and delivers what the arguments ask for.
///
/// # Errors
///
/// Fails if a device or engine is missing or gives wrong results, a size is too large, the threads
/// cannot be started, or the result cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    args.check_files()?;
    let machine = Machine::detect();
    let before = args.resume.as_deref().map(super::read_report).transpose()?;
    let rough: Vec<_> =
        before.iter().flat_map(|it| &it.rows).filter(|row| row.rough).cloned().collect();
    let before = before.map(|before| if args.quick { before } else { without_rough(before) });
    let mut plan = args.plan(&machine)?;
    if let (Some(before), Some(file)) = (&before, &args.resume) {
        let finished = before.finished(machine.cpu.model.as_deref());
        let argument = format!("{RESUME} {}", file.display());
        plan.finished = finished.map_err(|why| Error::input(argument, why))?;
    }
    for engine in &plan.engines {
        selftest::check(engine.as_ref())
            .map_err(|wrong| Error::failure("score this machine", wrong))?;
    }

    let stop = super::signals::stop();
    let started = SystemTime::now();
    let (window, trials) = if args.quick { (QUICK_WINDOW, 1) } else { (WINDOW, TRIALS) };
    let meters = args.meters.start(window, trials)?;
    let report = |measured: &Score, is_complete| {
        let mut report = meters.tell(measured.record(&plan, &machine, started, is_complete));
        report.rows.iter_mut().for_each(|row| row.rough = args.quick);
        let report = before.iter().cloned().fold(report, Record::after);
        // Rough rows are better than none until they have been measured again.
        if is_complete { report } else { report.with_others(&rough) }
    };
    let mut kept = None;
    let measured = watched(&plan, meters.metering.as_ref(), &stop, &mut |measured| {
        let so_far = report(measured, false);
        if let Some(path) = args.json_file().filter(|path| file::is_replaced(path)) {
            // A file that cannot be written now is reported at the end.
            let _ = write_json(path, &so_far);
        }
        kept = Some(so_far);
    });
    let measured = match (measured, kept) {
        (Ok(measured), _) => measured,
        (Err(why), kept) => {
            let delivered = kept.map_or(Ok(()), |kept| args.deliver(&kept));
            return super::each([delivered, Err(unmeasurable(why))]).map(|()| ExitCode::SUCCESS);
        }
    };
    for fault in &measured.faults {
        super::note(&format!("{}: {}: {}; it has no row", fault.device, fault.what, fault.why));
    }
    let is_stopped = stop.is_stopped();
    let is_empty = measured.rows.is_empty() && measured.faults.is_empty();
    if is_empty && before.is_none() && !is_stopped {
        return Err(match measured.missing.first() {
            Some(missing) => {
                let what = format!("{}: {}", missing.device, missing.what);
                Error::input(what, missing.why.to_string())
            }
            None => Error::Usage("the arguments leave nothing to measure".to_owned()),
        });
    }
    let delivered = args.deliver(&report(&measured, !is_stopped));
    let unmeasured = if args.meters.require_measured { unmeasured(&measured) } else { None };
    if let Some(why) = &unmeasured {
        super::note(&format!("energy was not measured: {why}"));
    }
    delivered?;
    Ok(if is_stopped {
        super::interrupted()
    } else if measured.faults.is_empty() && unmeasured.is_none() {
        ExitCode::SUCCESS
    } else {
        super::FAILURE.into()
    })
}

/// Returns the error of a plan that could not be carried out.
fn unmeasurable(why: WorkloadError) -> Error {
    match why {
        WorkloadError::Threads { .. } => Error::input("--threads", why),
        WorkloadError::TooLarge { .. } | WorkloadError::OutOfMemory { .. } => {
            Error::input("--size", why)
        }
        _ => Error::failure("score this machine", why),
    }
}

/// Time for which each kind of work is measured; the windows of its energy follow.
const TIME: Duration = Duration::from_secs(6);
/// Length of a window: a little more than is required, because work ends in whole pieces.
const WINDOW: Duration = Duration::from_millis(5200);
const TRIALS: usize = 3;

/// Time for each kind of work and length of its window with `--quick`.
const QUICK_TIME: Duration = Duration::from_millis(1500);
const QUICK_WINDOW: Duration = Duration::from_secs(1);

/// Returns the first row whose energy should have been measured and was not, and why.
fn unmeasured(measured: &Score) -> Option<String> {
    let why = |row: &Row| match (&row.energy, row.no_energy.as_ref()) {
        (Some(energy), _) => energy.assumed.then(|| "its power was stated".to_owned()),
        (None, Some(Named::Known(NoEnergy::Peak | NoEnergy::Another)) | None) => None,
        (None, Some(why)) => Some(why.to_string()),
    };
    let mut rows = measured.rows.iter();
    rows.find_map(|row| {
        Some(format!("{} {} on {}: {}", row.workload, row.variant, row.device, why(row)?))
    })
}

/// Returns a report as JSON, for a file or stdout.
fn to_json(report: &Record) -> Result<String, Error> {
    json::text(report).map_err(|source| Error::failure("write the result as JSON", source))
}

fn write_json(path: &Path, report: &Record) -> Result<(), Error> {
    write(path, &to_json(report)?)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    file::write(path, text.as_bytes()).map_err(|source| Error::failure("write the report", source))
}

impl Meters {
    /// Adds all that is known about meters to a report.
    fn tell(&self, report: Record) -> Record {
        match &self.metering {
            Some(Metering { recorder, .. }) => {
                report.with_meters(recorder.meters(), &self.unavailable, &recorder.tracks())
            }
            None => report.with_meters([], &self.unavailable, &[]),
        }
    }
}

impl Args {
    /// Returns the file for JSON; `None` if there is none or JSON goes to stdout.
    fn json_file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|&file| file != Path::new("-"))
    }

    /// Returns the files to be written, and the arguments that name them.
    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let json = self.json_file().map(|file| (JSON, file));
        let exports = self.exports.iter().map(|(exporter, file)| (exporter.argument, file));
        json.into_iter().chain(exports)
    }

    /// Checks that all output files can be written, and that none is an input file.
    fn check_files(&self) -> Result<(), Error> {
        let files: Vec<_> = self.files().collect();
        let resumed = self.resume.as_deref().map(|file| (RESUME, file));
        let read: Vec<_> = resumed.into_iter().chain(self.meters.files()).collect();
        places::check(&files, &read, &[(JSON, RESUME)])
    }

    /// Writes the report to all files and prints it; a failure does not stop the others.
    fn deliver(&self, report: &Record) -> Result<(), Error> {
        let json = self.json_file().map(|path| write_json(path, report));
        let exports = self.exports.iter();
        let exports = exports.map(|(exporter, path)| write(path, &(exporter.text)(report)));
        let is_json = self.json.is_some() && self.json_file().is_none();
        let print = || {
            if is_json {
                super::print(&to_json(report)?)
            } else {
                super::print(&table::text(report, super::is_coloured(&stdout())))
            }
        };
        super::each(json.into_iter().chain(exports).chain(std::iter::once_with(print)))
    }

    fn plan(&self, machine: &Machine) -> Result<Plan, Error> {
        let mut engines = self.engines()?;
        let mut devices: Vec<_> = engines.iter().map(|engine| on(engine.id())).collect();
        devices.dedup();
        let kinds = match (&*self.engine, &*self.workload) {
            ([], []) => Kind::ALL.to_vec(),
            ([], kinds) => kinds.to_vec(),
            _ => vec![Kind::Sha256d],
        };
        if !kinds.contains(&Kind::Sha256d) {
            // Engines of GPUs stay for integer work, and to describe their device.
            engines.retain(|engine| engine.benchmark().and_then(Benchmark::info).is_some());
        }
        let shape = self.size.iter().rev().find_map(|size| match size {
            Size::Matrices(shape) => Some(*shape),
            Size::Arrays(_) => None,
        });
        let array_bytes = self.size.iter().rev().find_map(|size| match size {
            Size::Arrays(bytes) => Some(*bytes),
            Size::Matrices(_) => None,
        });
        let threads = self.threads.unwrap_or(machine.usable_cores.min(MAX_THREADS));
        let time = self.seconds.unwrap_or(if self.quick { QUICK_TIME } else { TIME });
        let mut plan = Plan::new(devices, engines, threads, time);
        plan.kinds = kinds;
        plan.dtypes.clone_from(&self.dtype);
        plan.shape = shape;
        plan.array_bytes = array_bytes;
        Ok(plan)
    }

    /// Returns the requested engines, once each, or those of the requested devices; all engines if
    /// nothing was requested.
    fn engines(&self) -> Result<Vec<Arc<dyn Engine>>, Error> {
        if !self.engine.is_empty() {
            return chosen("--engine", &self.engine, self.opening, engine::available);
        }
        let mut choices = Vec::new();
        for device in &self.device {
            match device {
                None => choices.push(Choice::All),
                Some(DeviceId::Gpu(number)) => choices.push(Choice::One(EngineId::Gpu(*number))),
                Some(_) => {
                    choices.extend(engine::available().iter().map(|it| Choice::One(it.id())));
                }
            }
        }
        if choices.is_empty() {
            choices.push(Choice::All);
        }
        chosen("--device", &choices, self.opening, engine::available)
    }
}

/// Returns what an earlier score has measured in full; the others are reported, and measured again.
fn without_rough(before: Record) -> Record {
    let (before, rough) = before.without_rough();
    if !rough.is_empty() {
        super::note(&format!("measured again, as --quick had measured it: {}", rough.join(", ")));
    }
    before
}

/// Returns the device that an engine runs on.
fn on(engine: EngineId) -> DeviceId {
    if let EngineId::Gpu(number) = engine { DeviceId::Gpu(number) } else { DeviceId::Cpu }
}

/// Measures, with a progress bar if stderr is a terminal; `keep` receives the score so far.
fn watched(
    plan: &Plan,
    metering: Option<&Metering>,
    stop: &Stop,
    keep: &mut dyn FnMut(&Score),
) -> Result<Score, WorkloadError> {
    const STEPS: f64 = 1000.0;
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent} %, {eta} left  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut progress = |progress: &ScoreProgress| {
        let (done, groups) = progress.groups;
        bar.set_length(groups as u64 * STEPS as u64);
        bar.set_position(((done as f64 + progress.share) * STEPS) as u64);
        let preparing = if progress.share == 0.0 { ", preparing" } else { "" };
        bar.set_message(format!("{}{preparing}", progress.group));
    };
    let measured = measure(plan, metering, stop, &mut Observer { progress: &mut progress, keep });
    bar.finish_and_clear();
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_matrices_or_of_arrays() {
        let shape = |m, n, k| Shape::new(m, n, k).expect("small");
        for (text, expected) in [("1024", shape(1024, 1024, 1024)), ("1x20x300", shape(1, 20, 300))]
        {
            assert!(matches!(size(text), Ok(Size::Matrices(shape)) if shape == expected), "{text}");
        }
        for (text, expected) in [("1KiB", 1 << 10), ("512MiB", 512 << 20), ("3GiB", 3 << 30)] {
            assert!(matches!(size(text), Ok(Size::Arrays(bytes)) if bytes == expected), "{text}");
        }
        for text in
            ["", "0", "x", "1x2", "1x2x3x4", "1x0x1", "-1", "1.5", "MiB", "0MiB", "1MB", "1 MiB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
        let too_large = format!("{}GiB", u64::MAX);
        assert!(size(&too_large).is_err());
    }
}
