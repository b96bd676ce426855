//! The meters that a score uses: those of the machine, and those that the arguments name.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perjoule::meter::assumed::Assumed;
use perjoule::meter::csv::{Trace, TraceError};
use perjoule::meter::{
    About, Clock, DEFAULT_INTERVAL, Domain, Found, Host, Measured, Meter, Recorder, Source,
    Unavailable, UnknownDomain, command, found, found_on, hwmon,
};
use perjoule::score::Metering;

use crate::cli::Error;

/// How often a meter's command is run, and how long it may take.
const COMMAND_INTERVAL: Duration = Duration::from_secs(1);
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// How to measure energy.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Energy")]
pub(super) struct MeterArgs {
    /// Measures the whole machine by a command that prints watts, as `ipmitool dcmi power reading`
    /// does; it is run every second.
    #[arg(long, value_name = "COMMAND")]
    meter_cmd: Option<String>,

    /// Measures the whole machine by the trace that a wall meter has written when the score is done:
    /// time (seconds since 1970, or RFC 3339) and watts, a line each.
    #[arg(long, value_name = "FILE")]
    meter_csv: Option<PathBuf>,

    /// By how many seconds the wall meter's clock is ahead of this machine's; less than 0 if it is
    /// behind.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "meter_csv",
        allow_negative_numbers = true,
        default_value = "0",
        hide_default_value = true
    )]
    meter_csv_ahead: f64,

    /// Measures a device by a file of a sensor, as Linux' hwmon has it:
    /// `machine=/sys/class/hwmon/hwmon3/power1_input`. May be given several times.
    #[arg(long, value_name = "DEVICE=FILE", value_parser = sensor)]
    meter_sensor: Vec<(Domain, PathBuf)>,

    /// States the power of a device that no meter measures: `cpu=65`, `gpu:0=300` or `machine=500`.
    /// May be given several times. What follows from it is marked as assumed everywhere.
    #[arg(long, value_name = "DEVICE=WATTS")]
    assume_watts: Vec<Assumed>,

    /// Fails, with exit code 3, where energy could not be measured.
    #[arg(long)]
    pub(super) require_measured: bool,
}

/// The meters, or why there are none.
pub(super) struct Meters {
    pub(super) metering: Option<Metering>,
    pub(super) unavailable: Vec<Unavailable>,
}

impl MeterArgs {
    /// Starts to read all meters, in windows of this length.
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
            meters.push(meter.map_err(|why| Error::input("--meter-cmd", why))?);
        }
        for (domain, path) in &self.meter_sensor {
            let meter = hwmon::at(path, Some(domain.clone()), &Host::detect());
            meters.push(meter.map_err(|why| Error::input("--meter-sensor", why))?);
        }
        let trace = match &self.meter_csv {
            Some(path) => {
                // What is wrong with it is better known now than after the score.
                read_trace(path, self.meter_csv_ahead)
                    .map_err(|why| Error::input("--meter-csv", why))?;
                Some(self.trace(path.clone()))
            }
            None => None,
        };
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

    /// What the trace tells about times, once everything is over.
    fn trace(&self, path: PathBuf) -> Box<dyn Fn(perjoule::meter::Span) -> Measured> {
        let ahead = self.meter_csv_ahead;
        let read = OnceCell::new();
        Box::new(move |span| {
            let trace = read.get_or_init(|| read_trace(&path, ahead));
            let about = About {
                domain: Domain::Machine,
                source: Source::Csv,
                detail: path.display().to_string(),
                resolution: None,
                read_within: None,
                interval: None,
            };
            let window = trace.as_ref().map_err(|why| why.clone().into());
            Measured::new(about, window.and_then(|trace| trace.window(&span)))
        })
    }
}

/// A device and a file: `machine=/sys/class/hwmon/hwmon3/power1_input`.
pub(in crate::cli) fn sensor(text: &str) -> Result<(Domain, PathBuf), String> {
    let (domain, path) = text.split_once('=').ok_or_else(|| {
        format!("{text:?} is not DEVICE=FILE, as in machine=/sys/class/hwmon/hwmon3/power1_input")
    })?;
    Ok((domain.parse().map_err(|why: UnknownDomain| why.to_string())?, path.into()))
}

/// The trace of a wall meter whose clock is ahead of this machine's by so many seconds.
fn read_trace(path: &Path, ahead: f64) -> Result<Trace, TraceError> {
    let trace = Trace::read(path, Domain::Machine)?;
    let offset = Duration::try_from_secs_f64(ahead.abs()).unwrap_or_default();
    Ok(if ahead < 0.0 { trace.clock_behind(offset) } else { trace.clock_ahead(offset) })
}

/// The environment's word for where the `/sys` and `/proc` of the machine are that is measured.
pub(in crate::cli) const ROOT: &str = "PERJOULE_ROOT";

/// The meters of this machine, or why it lacks them; each counter of the processor was seen to move.
pub(in crate::cli) fn of_this_machine() -> Vec<Found> {
    match std::env::var_os(ROOT).filter(|root| !root.is_empty()) {
        Some(root) => found_on(Path::new(&root)),
        None => found(),
    }
}

/// Where the GPUs are.
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
