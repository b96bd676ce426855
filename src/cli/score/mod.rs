//! `perjoule score`: checks every engine, measures all work on all devices, prints what came out.

mod report;
mod table;

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use perjoule::device::Machine;
use perjoule::engine::{self, Engine, EngineId};
use perjoule::score::{Device, Dtype, Measured, Plan, measure};
use perjoule::search::{MAX_THREADS, Stop};
use perjoule::selftest;
use perjoule::workload::{Kind, Shape, Trouble};

use self::report::Report;
use super::Error;
use super::engines::{Choice, choice, chosen};

const EXAMPLES: &str = "\
Examples:
  perjoule score                              all work on the processor and every GPU
  perjoule score --device gpu:0 --workload matmul --dtype f16 --size 8192
  perjoule score --engine avx2 --engine gpu:0 --seconds 3
  perjoule score --json score.json            the tables, and the same as JSON in a file
  perjoule score --json -                     nothing but JSON

How it is measured: slices of everything that compares, in turn, so that all rows meet the same
machine. Results are checked between slices; what is wrong is told of and has no row.
  best     the fastest slice; on a shared machine this is what repeats
  median   the slice in the middle; x sha2 is its ratio to hashing with the sha2 crate
  spread   from the slowest to the fastest tenth of the slices, as a share of the median
  of roof  best as a share of the rate at which the same device does the same kind of operations
           from registers (for hashing, divided by those that one hash needs); triad as a share of
           copy
  busy     the share of the time in which a GPU worked, by its own clock
A GPU that a driver computes on the processor is measured only if it is asked for by name, and is
marked as software.";

/// Measures hashing, matrix products, arithmetic peaks and memory, on the processor and every GPU.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long to measure each kind of work on each device: 0.1 to 3600 seconds. Preparing takes
    /// some seconds more.
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = seconds)]
    seconds: Duration,

    /// Measures on this device only: `cpu`, `gpu:0`, or `all`, which is the default. May be given
    /// several times. See `perjoule devices`.
    #[arg(long, value_name = "ID", value_parser = device)]
    device: Vec<Option<Device>>,

    /// Measures this work only: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`. May be given
    /// several times.
    #[arg(long, value_name = "KIND")]
    workload: Vec<Kind>,

    /// Computes with these numbers only, in products and peaks: `f64`, `f32`, `f16`, `i8` or `i32`.
    /// May be given several times.
    #[arg(long, value_name = "TYPE")]
    dtype: Vec<Dtype>,

    /// Multiplies matrices of this size: `1024`, or rows of the product, its columns, and what is
    /// summed over, as in `64x4096x1024` [default: the size from which on larger ones are not
    /// faster]. With a unit, as in `512MiB`, it is the size of each array that bandwidth is measured
    /// with [default: more than the caches hold]. May be given for both.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: Vec<Size>,

    /// Measures SHA-256d by this engine and nothing else; may be given several times. `all` is every
    /// engine of the processor and every GPU.
    #[arg(
        long,
        value_name = "ID",
        value_parser = choice as fn(&str) -> _,
        conflicts_with_all = ["device", "workload"]
    )]
    engine: Vec<Choice>,

    /// The threads of the rows that use several, 1 to 1024 [default: one for each usable core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Writes the result as JSON to this file too, or to stdout in place of the tables if it is `-`.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not a number from 0.1 to 3600"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// `None` is all of them.
fn device(text: &str) -> Result<Option<Device>, perjoule::score::UnknownDevice> {
    if text == "all" { Ok(None) } else { text.parse().map(Some) }
}

/// What `--size` is the size of.
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

/// Does what the arguments ask for.
///
/// # Errors
///
/// When a device or engine is not there or gives wrong results, a size is too large, and when the
/// threads cannot be started or the result cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let machine = Machine::detect();
    let plan = args.plan(&machine)?;
    if let Some(file) = args.json_file() {
        check_folder(file)?;
    }
    for engine in &plan.engines {
        selftest::check(engine.as_ref())
            .map_err(|wrong| Error::failure("score this machine", wrong))?;
    }

    let stop = super::stop_on_ctrl_c()?;
    let measured = watched(&plan, &stop).map_err(|error| match error {
        Trouble::Threads { .. } => Error::input("--threads", error),
        Trouble::TooLarge { .. } | Trouble::OutOfMemory { .. } => Error::input("--size", error),
        _ => Error::failure("score this machine", error),
    })?;
    for fault in &measured.faults {
        super::note(&format!("{}: {}: {}; it has no row", fault.device, fault.what, fault.why));
    }
    let is_stopped = stop.is_stopped();
    if measured.rows.is_empty() && measured.faults.is_empty() && !is_stopped {
        return Err(match measured.missing.first() {
            Some(missing) => {
                let what = format!("{}: {}", missing.device, missing.what);
                Error::input(what, missing.why.to_string())
            }
            None => Error::Usage("the arguments leave nothing to measure".to_owned()),
        });
    }
    let report = Report::new(&machine, &plan, &measured, is_stopped);

    if args.json.as_deref() == Some("-") {
        super::print_json(&report)?;
    } else {
        super::print(&table::text(&report))?;
    }
    if let Some(file) = args.json_file() {
        write_whole(file, &report)?;
    }
    Ok(if is_stopped {
        super::INTERRUPTED.into()
    } else if measured.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        super::FAILURE.into()
    })
}

impl Args {
    fn json_file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|&file| file != "-").map(Path::new)
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
            // Those of GPUs are there for integers, and to tell of their device.
            engines.retain(|engine| engine.setting().is_some());
        }
        let shape = self.size.iter().rev().find_map(|size| match size {
            Size::Matrices(shape) => Some(*shape),
            Size::Arrays(_) => None,
        });
        let array_bytes = self.size.iter().rev().find_map(|size| match size {
            Size::Arrays(bytes) => Some(*bytes),
            Size::Matrices(_) => None,
        });
        Ok(Plan {
            devices,
            kinds,
            engines,
            dtypes: self.dtype.clone(),
            shape,
            array_bytes,
            threads: self.threads.unwrap_or(machine.usable_cores.min(MAX_THREADS)),
            time: self.seconds,
        })
    }

    /// The engines asked for, once each, or those of the devices asked for; all that there are if
    /// none is.
    fn engines(&self) -> Result<Vec<Arc<dyn Engine>>, Error> {
        if !self.engine.is_empty() {
            return chosen("--engine", &self.engine, engine::available);
        }
        let mut choices = Vec::new();
        for device in &self.device {
            match device {
                None => choices.push(Choice::All),
                Some(Device::Gpu(number)) => choices.push(Choice::One(EngineId::Gpu(*number))),
                Some(_) => {
                    choices.extend(engine::available().iter().map(|it| Choice::One(it.id())));
                }
            }
        }
        if choices.is_empty() {
            choices.push(Choice::All);
        }
        chosen("--device", &choices, engine::available)
    }
}

/// Where an engine runs.
fn on(engine: EngineId) -> Device {
    if let EngineId::Gpu(number) = engine { Device::Gpu(number) } else { Device::Cpu }
}

/// Measures, with a progress bar where somebody sees it.
fn watched(plan: &Plan, stop: &Stop) -> Result<Measured, Trouble> {
    const STEPS: f64 = 1000.0;
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent} %, {eta} left  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let measured = measure(plan, stop, &mut |progress| {
        let (done, groups) = progress.groups;
        bar.set_length(groups as u64 * STEPS as u64);
        bar.set_position(((done as f64 + progress.share) * STEPS) as u64);
        let preparing = if progress.share == 0.0 { ", preparing" } else { "" };
        bar.set_message(format!("{}{preparing}", progress.group));
    });
    bar.finish_and_clear();
    measured
}

/// A file that cannot be written is better known before the measurement than after.
fn check_folder(file: &Path) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(Error::input(format!("--json {}", file.display()), "its folder does not exist"))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(file: &Path, report: &Report) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|source| Error::failure("write the result as JSON", source))?;
    let written = if fs::symlink_metadata(file).is_ok_and(|known| !known.is_file()) {
        // A pipe, a device or a link is written to and not replaced.
        fs::write(file, json + "\n")
    } else {
        let mut beside = file.as_os_str().to_owned();
        beside.push(format!(".{}.part", std::process::id()));
        fs::write(&beside, json + "\n").and_then(|()| fs::rename(&beside, file)).inspect_err(|_| {
            // It may not even be there.
            let _ = fs::remove_file(&beside);
        })
    };
    written.map_err(|source| {
        Error::failure("write the JSON file", format!("{}: {source}", file.display()))
    })
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
