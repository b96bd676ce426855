//! `perjoule score`: checks every engine, measures them in turn, prints what each can do.

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use perjoule::device::Machine;
use perjoule::engine::{self, Engine, EngineId, Setting};
use perjoule::score::{Measured, Plan, Rate, Row, measure};
use perjoule::search::{MAX_THREADS, Stop, WorkersError};
use perjoule::selftest;
use serde::Serialize;

use super::Error;
use super::engines::{Choice, choice, chosen};

const EXAMPLES: &str = "\
Examples:
  perjoule score                              every engine and GPU, about 12 seconds
  perjoule score --engine avx2 --engine gpu:0 --seconds 3
  perjoule score --json score.json            the table, and the same as JSON in a file
  perjoule score --json -                     nothing but JSON

How it is measured: slices of everything in turn, 0.7 ms on one thread, 3 ms on several and about
150 ms on a GPU, so that all rows meet the same machine.
  best     the fastest slice; on a shared machine this is what repeats
  median   the slice in the middle; x sha2 is its ratio to hashing with the sha2 crate
  spread   from the slowest to the fastest tenth of the slices, as a share of the median
  of roof  best as a share of the rate at which the engine's instructions run from registers,
           divided by those that one hash needs
  busy     the share of the time in which a GPU worked, by its own clock
A GPU that a driver computes on the processor is measured only if it is asked for by name, and is
marked as software.";

/// Measures every engine: one thread and all, without and with version rolling.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long to measure, all rows together: 0.1 to 3600 seconds.
    #[arg(long, value_name = "SECONDS", default_value = "12", value_parser = seconds)]
    seconds: Duration,

    /// Measures this engine only; may be given several times. `all` is every engine of the
    /// processor and every GPU, which is the default. See `perjoule devices`.
    #[arg(long, value_name = "ID", value_parser = choice as fn(&str) -> _)]
    engine: Vec<Choice>,

    /// The threads of the rows that use several, 1 to 1024 [default: one for each usable core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Writes the result as JSON to this file too, or to stdout in place of the table if it is `-`.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not a number from 0.1 to 3600"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Does what the arguments ask for.
///
/// # Errors
///
/// When an engine is not there or gives wrong results, and when the threads cannot be started or
/// the result cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let machine = Machine::detect();
    let plan = Plan {
        engines: args.engines()?,
        threads: args.threads.unwrap_or(machine.usable_cores.min(MAX_THREADS)),
        time: args.seconds,
    };
    if let Some(file) = args.json_file() {
        check_folder(file)?;
    }
    for engine in &plan.engines {
        selftest::check(engine.as_ref())
            .map_err(|wrong| Error::failure("score this machine", wrong))?;
    }

    let stop = super::stop_on_ctrl_c()?;
    let measured = watched(&plan, &stop).map_err(|error| match error {
        WorkersError::Threads { .. } => Error::input("--threads", error),
        _ => Error::failure("score this machine", error),
    })?;
    for fault in &measured.faults {
        super::note(&format!("{fault}; it has no row"));
    }
    let report = Report::new(&machine, &plan, &measured, stop.is_stopped());

    if args.json.as_deref() == Some("-") {
        super::print_json(&report)?;
    } else {
        super::print(&report.to_text())?;
    }
    if let Some(file) = args.json_file() {
        write_whole(file, &report)?;
    }
    Ok(if stop.is_stopped() {
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

    /// The engines asked for, once each; all that there are if none is.
    fn engines(&self) -> Result<Vec<Arc<dyn Engine>>, Error> {
        let choices = if self.engine.is_empty() { &[Choice::All] } else { &*self.engine };
        chosen(choices, engine::available)
    }
}

/// Measures, with a progress bar where somebody sees it.
fn watched(plan: &Plan, stop: &Stop) -> Result<Measured, WorkersError> {
    let bar = if stderr().is_terminal() { ProgressBar::new(100) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent} %, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    let measured = measure(plan, stop, &mut |share| bar.set_position((share * 100.0) as u64));
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

/// What is told of a machine.
#[derive(Serialize)]
struct Report {
    perjoule: &'static str,
    cpu: Option<String>,
    usable_cores: usize,
    seconds: f64,
    interrupted: bool,
    gpus: Vec<GpuReport>,
    baselines: Vec<BaselineReport>,
    rows: Vec<RowReport>,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct GpuReport {
    engine: String,
    device: String,
    software: bool,
    tuned: String,
}

/// Hashing with the `sha2` crate.
#[derive(Serialize)]
struct BaselineReport {
    threads: usize,
    hashes_per_second: RateReport,
}

#[derive(Serialize)]
struct RowReport {
    engine: String,
    threads: usize,
    versions: usize,
    hashes_per_second: RateReport,
    times_sha2: f64,
    instructions_per_hash: f64,
    roof_hashes_per_second: f64,
    of_roof: f64,
    busy: Option<f64>,
}

#[derive(Serialize)]
struct RateReport {
    best: f64,
    p90: f64,
    median: f64,
    spread: f64,
    slices: usize,
}

impl From<Rate> for RateReport {
    fn from(Rate { best, p90, median, spread, slices, .. }: Rate) -> Self {
        Self { best, p90, median, spread, slices }
    }
}

impl Report {
    fn new(machine: &Machine, plan: &Plan, measured: &Measured, interrupted: bool) -> Self {
        let rows = &measured.rows;
        let mut baselines: Vec<BaselineReport> = Vec::new();
        for row in rows {
            let of_cores = !matches!(row.engine, EngineId::Gpu(_));
            if of_cores && baselines.iter().all(|baseline| baseline.threads != row.threads) {
                let hashes_per_second = row.baseline.into();
                baselines.push(BaselineReport { threads: row.threads, hashes_per_second });
            }
        }
        Self {
            perjoule: env!("CARGO_PKG_VERSION"),
            cpu: machine.cpu.model.clone(),
            usable_cores: machine.usable_cores,
            seconds: measured.took.as_secs_f64(),
            interrupted,
            gpus: plan.engines.iter().filter_map(GpuReport::new).collect(),
            baselines,
            rows: rows.iter().map(RowReport::new).collect(),
            faults: measured.faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "engine",
            "threads",
            "versions",
            "best MH/s",
            "median",
            "spread",
            "x sha2",
            "of roof",
            "busy",
        ]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for BaselineReport { threads, hashes_per_second: rate } in &self.baselines {
            let [best, median, spread] = rate.cells();
            let (versions, ratio) = ("1".to_owned(), "1.0".to_owned());
            let name = "(sha2 crate)".to_owned();
            table.add_row([
                name,
                threads.to_string(),
                versions,
                best,
                median,
                spread,
                ratio,
                String::new(),
                String::new(),
            ]);
        }
        for row in &self.rows {
            let [best, median, spread] = row.hashes_per_second.cells();
            table.add_row([
                row.engine.clone(),
                row.threads.to_string(),
                row.versions.to_string(),
                best,
                median,
                spread,
                format!("{:.1}", row.times_sha2),
                format!("{:.0} %", 100.0 * row.of_roof),
                row.busy.map_or_else(String::new, |busy| format!("{:.1} %", 100.0 * busy)),
            ]);
        }
        let cpu = self.cpu.as_deref().unwrap_or("unknown processor");
        let head = format!(
            "perjoule {}, {cpu}, {} usable cores; every engine found its mainnet blocks; {:.1} s",
            self.perjoule, self.usable_cores, self.seconds,
        );
        let incomplete =
            if self.interrupted { "\ninterrupted: fewer slices than asked for" } else { "" };
        let gpus: String = self.gpus.iter().map(GpuReport::to_text).collect();
        format!("{head}{incomplete}\n{gpus}\n{}\n", table.trim_fmt())
    }
}

impl GpuReport {
    fn new(engine: &Arc<dyn Engine>) -> Option<Self> {
        let Setting { device, software, tuned } = engine.setting()?;
        Some(Self { engine: engine.id().to_string(), device, software, tuned })
    }

    fn to_text(&self) -> String {
        let Self { engine, device, software, tuned } = self;
        let label = if *software { " (computed by the processor: not a GPU's score)" } else { "" };
        format!("{engine}: {device}{label}\n       {tuned}\n")
    }
}

impl RowReport {
    fn new(row: &Row) -> Self {
        Self {
            engine: row.engine.to_string(),
            threads: row.threads,
            versions: row.versions,
            hashes_per_second: row.rate.into(),
            times_sha2: row.times_baseline(),
            instructions_per_hash: row.instructions_per_hash,
            roof_hashes_per_second: row.roof,
            of_roof: row.of_roof(),
            busy: row.busy,
        }
    }
}

impl RateReport {
    /// Best and median in MH/s, and the spread.
    fn cells(&self) -> [String; 3] {
        let spread = format!("{:.0} %", 100.0 * self.spread);
        [format!("{:.2}", self.best / 1e6), format!("{:.2}", self.median / 1e6), spread]
    }
}
