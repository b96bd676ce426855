//! Finds the meters that a score uses: those of the machine, and those that the arguments name.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use perjoule::meter::assumed::Assumed;
use perjoule::meter::csv::{TraceError, WallTrace};
use perjoule::meter::{
    Clock, DEFAULT_INTERVAL, Domain, Found, Host, Measured, Meter, MeterError, MeterInfo, Recorder,
    Source, Span, Unavailable, Window, command, found, found_on, hwmon,
};
use perjoule::score::Metering;
use perjoule::units::UnknownNameError;

use crate::cli::Error;
use crate::cli::places::Named;

/// Time between two runs of a meter's command, and the longest time that it may take.
const COMMAND_INTERVAL: Duration = Duration::from_secs(1);
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// Largest accepted difference of two clocks, in seconds: a hundred years.
const FARTHEST_CLOCK: f64 = 3.2e9;

/// Longest wait for the last rows of a trace that is being written, and the time between two looks.
/// A trace with nothing of the last minute is not being written.
const TRACE_PATIENCE: Duration = Duration::from_secs(10);
const TRACE_LOOK: Duration = Duration::from_millis(500);
const TRACE_LIVES: Duration = Duration::from_mins(1);

/// How to measure energy.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Energy")]
pub(super) struct MeterArgs {
    /// Measure the whole machine by a command that prints watts, as `ipmitool dcmi power reading`
    /// does; it runs every second, without a shell, and any process that it leaves is ended.
    #[arg(long, value_name = "COMMAND")]
    meter_cmd: Option<String>,

    /// Measure the whole machine by the trace that a wall meter has written when the score is done:
    /// time (seconds since 1970, or RFC 3339) and watts on each line, or columns named by the first
    /// line, as `time,Power (kW)`. It may be written meanwhile or at the end.
    #[arg(long, value_name = "FILE")]
    meter_csv: Option<PathBuf>,

    /// The column of the trace that has the power, by its name in the first line; needed where
    /// several columns may have it.
    #[arg(long, value_name = "NAME", requires = "meter_csv")]
    meter_csv_column: Option<String>,

    /// By how many seconds the wall meter's clock is ahead of this machine's; less than 0 if it is
    /// behind.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "meter_csv",
        value_parser = clock_offset,
        allow_negative_numbers = true,
        default_value = "0",
        hide_default_value = true
    )]
    meter_csv_ahead: f64,

    /// Measure a device by a file of a sensor, as Linux' hwmon has it:
    /// `machine=/sys/class/hwmon/hwmon3/power1_input`. May be given several times.
    #[arg(long, value_name = "DEVICE=FILE", value_parser = sensor)]
    meter_sensor: Vec<(Domain, PathBuf)>,

    /// State the power of a device that no meter measures: `cpu=65`, `gpu:0=300` or `machine=500`.
    /// May be given several times. All that follows from it is marked as assumed.
    #[arg(long, value_name = "DEVICE=WATTS")]
    assume_watts: Vec<Assumed>,

    /// Fail, with exit code 3, if energy could not be measured.
    #[arg(long)]
    pub(super) require_measured: bool,
}

/// Meters that are read, and the reasons why others are not.
pub(super) struct Meters {
    pub(super) metering: Option<Metering>,
    pub(super) unavailable: Vec<Unavailable>,
}

impl MeterArgs {
    /// Returns the files that are read, and the arguments that name them.
    pub(super) fn files(&self) -> impl Iterator<Item = Named<'_>> {
        let trace = self.meter_csv.as_deref().map(|file| ("--meter-csv", file));
        let sensors = self.meter_sensor.iter().map(|(_, file)| ("--meter-sensor", file.as_path()));
        trace.into_iter().chain(sensors)
    }

    /// Starts to read all meters, in `trials` windows of this length.
    pub(super) fn start(&self, window: Duration, trials: usize) -> Result<Meters, Error> {
        let mut meters: Vec<Box<dyn Meter>> = Vec::new();
        let mut unavailable = Vec::new();
        for meter in of_this_machine() {
            match meter {
                Ok(meter) => meters.push(meter),
                Err(why) => unavailable.push(why),
            }
        }
        if let Some(line) = &self.meter_cmd {
            let meter = command::meter(line, Domain::Machine, COMMAND_INTERVAL, COMMAND_PATIENCE);
            let meter = meter.map_err(|why| Error::input("--meter-cmd", why))?;
            if let Some(told) = meter.info().detail.strip_prefix(line).filter(|it| !it.is_empty()) {
                crate::cli::note(&format!("--meter-cmd: {line:?}{told}"));
            }
            meters.push(meter);
        }
        for (domain, path) in &self.meter_sensor {
            let meter = hwmon::at(path, Some(domain.clone()), &Host::detect());
            meters.push(meter.map_err(|why| Error::input("--meter-sensor", why))?);
        }
        let trace = self.meter_csv.as_deref().map(|path| self.trace(path)).transpose()?;
        if self.require_measured && meters.is_empty() && trace.is_none() {
            let why: Vec<_> = unavailable.iter().map(ToString::to_string).collect();
            return Err(Error::failure("measure energy", why.join("; ")));
        }
        meters.extend(self.assume_watts.iter().map(|it| Box::new(it.clone()) as Box<dyn Meter>));
        if meters.is_empty() && trace.is_none() {
            return Ok(Meters { metering: None, unavailable });
        }
        let recorder = Recorder::start(meters, Clock::start(), DEFAULT_INTERVAL)
            .map_err(|why| Error::failure("read the meters", why))?;
        let mut metering = Metering::new(recorder);
        (metering.cards, metering.trace) = (cards(), trace);
        (metering.window, metering.trials) = (window, trials);
        Ok(Meters { metering: Some(metering), unavailable })
    }

    /// Returns a function that reads spans from the trace, to be called when everything is over.
    fn trace(&self, path: &Path) -> Result<Box<dyn Fn(Span) -> Measured>, Error> {
        let wall = Wall {
            path: path.to_owned(),
            column: self.meter_csv_column.clone(),
            ahead: self.meter_csv_ahead,
            last: RefCell::new(Last::default()),
        };
        if let Some(told) = wall.check().map_err(|why| Error::input("--meter-csv", why))? {
            crate::cli::note(&format!("--meter-csv: {told}"));
        }
        Ok(Box::new(move |span| Measured::new(wall.info(), wall.window(&span))))
    }
}

/// Trace of a wall meter, which may still be growing.
struct Wall {
    path: PathBuf,
    column: Option<String>,
    /// Seconds by which the meter's clock is ahead of this machine's.
    ahead: f64,
    last: RefCell<Last>,
}

/// Trace as it was last read, and the time until which more of it is awaited.
#[derive(Default)]
struct Last {
    trace: Option<Result<WallTrace, TraceError>>,
    deadline: Option<Instant>,
}

impl Wall {
    /// Checks as much of the trace as exists, because errors are better known before the score than
    /// after it. Returns a note if there is no trace yet, or too little of it.
    fn check(&self) -> Result<Option<String>, TraceError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match self.read() {
            Ok(_) => Ok(None),
            Err(TraceError::TooShort { rows }) => Ok(Some(format!(
                "{} has {rows} rows yet; it is read when the score is done",
                self.path.display()
            ))),
            Err(TraceError::Read { error, .. })
                if error.kind() == io::ErrorKind::NotFound
                    && folder.is_none_or(Path::is_dir)
                    && self.path.file_name().is_some() =>
            {
                Ok(Some(format!(
                    "{} is not there yet; it is read when the score is done",
                    self.path.display()
                )))
            }
            Err(why) => Err(why),
        }
    }

    fn read(&self) -> Result<WallTrace, TraceError> {
        let trace = WallTrace::read(&self.path, Domain::Machine, self.column.as_deref())?;
        let offset = Duration::try_from_secs_f64(self.ahead.abs()).unwrap_or_default();
        Ok(if self.ahead < 0.0 { trace.clock_behind(offset) } else { trace.clock_ahead(offset) })
    }

    fn info(&self) -> MeterInfo {
        MeterInfo {
            domain: Domain::Machine,
            source: Source::Csv,
            detail: self.path.display().to_string(),
            resolution: None,
            read_within: None,
            interval: None,
        }
    }

    /// Returns the trace's window of a span; waits for its last rows if it is being written.
    fn window(&self, span: &Span) -> Result<Window, MeterError> {
        let Last { trace, deadline } = &mut *self.last.borrow_mut();
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + TRACE_PATIENCE);
        loop {
            let read = trace.get_or_insert_with(|| self.read());
            let read = read.as_ref().map_err(|why| MeterError::from(why.clone()));
            let window = read.and_then(|trace| trace.window(span));
            if !is_on_its_way(&window) || Instant::now() >= deadline {
                return window;
            }
            thread::sleep(TRACE_LOOK);
            *trace = None;
        }
    }
}

/// Returns whether a trace ends too early, but so recently that more rows may come.
fn is_on_its_way(window: &Result<Window, MeterError>) -> bool {
    let Err(MeterError::Trace(TraceError::NotCovered { first, last, from, to })) = window else {
        return false;
    };
    let age = SystemTime::now().duration_since(*last).unwrap_or_default();
    first <= from && last < to && age < TRACE_LIVES
}

/// Parses the seconds between two clocks.
fn clock_offset(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.abs() <= FARTHEST_CLOCK);
    seconds.ok_or_else(|| {
        format!("{text:?} is not a number of seconds, such as 2.5 or -3600, of 100 years at most")
    })
}

/// Parses a device and a file: `machine=/sys/class/hwmon/hwmon3/power1_input`.
pub(in crate::cli) fn sensor(text: &str) -> Result<(Domain, PathBuf), String> {
    let (domain, path) = text.split_once('=').ok_or_else(|| {
        format!("{text:?} is not DEVICE=FILE, as in machine=/sys/class/hwmon/hwmon3/power1_input")
    })?;
    Ok((domain.parse().map_err(|why: UnknownNameError| why.to_string())?, path.into()))
}

/// Environment variable that names the folder with the `/sys` and `/proc` of the measured machine.
pub(in crate::cli) const ROOT: &str = "PERJOULE_ROOT";

/// Returns this machine's meters, or why it lacks them; each processor counter was seen to move.
pub(in crate::cli) fn of_this_machine() -> Vec<Found> {
    match std::env::var_os(ROOT).filter(|root| !root.is_empty()) {
        Some(root) => found_on(Path::new(&root)),
        None => found(),
    }
}

/// Returns the numbers and PCI addresses of the GPUs.
#[cfg(feature = "gpu")]
pub(in crate::cli) fn cards() -> Vec<(u8, Domain)> {
    let place = |adapter: perjoule::gpu::Adapter| {
        Some((adapter.number, Domain::GpuAt(adapter.pci_bus_id.parse().ok()?)))
    };
    perjoule::gpu::adapters().into_iter().filter_map(place).collect()
}

#[cfg(not(feature = "gpu"))]
pub(in crate::cli) fn cards() -> Vec<(u8, Domain)> {
    Vec::new()
}
