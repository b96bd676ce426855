//! Measures the power of the devices that search, if all of them are metered.

use std::path::PathBuf;
use std::time::Duration;

use perjoule::dial::CounterTrace;
use perjoule::engine::EngineId;
use perjoule::meter::{Clock, DEFAULT_INTERVAL, Domain, Host, Meter, MeterInfo, Recorder, hwmon};
use perjoule::search::Workers;

use crate::cli::Error;
use crate::cli::score::meters::{cards, of_this_machine};

/// Time between two readings of a meter: processors update their counters every millisecond,
/// drivers answer in one or a few.
const INTERVAL: Duration = Duration::from_millis(10);

/// Meters that are read in the background, or the reason for their absence.
pub(super) enum Power {
    Metered(Recorder),
    Unmetered(String),
}

/// Reading of the meters.
pub(super) struct PowerReading {
    /// Energy in joules; `None` if it is not measured.
    pub(super) energy: Option<CounterTrace>,
    /// Names of the meters, or why there are none.
    pub(super) by: String,
}

impl Power {
    /// Starts to read the named sensor, or else the meters of all devices that search.
    pub(super) fn start(
        workers: &Workers,
        sensor: Option<&(Domain, PathBuf)>,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let meters = match sensor {
            Some((domain, path)) => {
                let meter = hwmon::at(path, Some(domain.clone()), &Host::detect());
                vec![meter.map_err(|why| Error::input("--meter-sensor", why))?]
            }
            None => match of(workers) {
                Ok(meters) => meters,
                Err(why) => return Ok(Self::Unmetered(why)),
            },
        };
        Recorder::start(meters, clock.clone(), INTERVAL)
            .map(Self::Metered)
            .map_err(|why| Error::failure("read the meters", why))
    }

    pub(super) fn is_metered(&self) -> bool {
        matches!(self, Self::Metered(_))
    }

    /// Returns the sum of all readings so far.
    pub(super) fn reading(&self) -> PowerReading {
        let recorder = match self {
            Self::Metered(recorder) => recorder,
            Self::Unmetered(why) => return PowerReading { energy: None, by: why.clone() },
        };
        // Reads every meter twice more, the second time after all of them have been read once.
        let _ = recorder.mark();
        std::thread::sleep(2 * INTERVAL);
        let _ = recorder.mark();
        let tracks = recorder.tracks();
        let names: Vec<_> = tracks.iter().map(|track| name(&track.info)).collect();
        if let Some(failure) = tracks.iter().find_map(|track| track.last_failure.as_ref()) {
            return PowerReading { energy: None, by: format!("{}: {failure}", names.join(" + ")) };
        }
        let traces: Vec<CounterTrace> = tracks
            .iter()
            .map(|track| {
                let mut trace = CounterTrace::default();
                for sample in &track.samples {
                    trace.push(sample.at, sample.energy.value());
                }
                trace
            })
            .collect();
        let mut sum = CounterTrace::default();
        let times = tracks.first().into_iter().flat_map(|track| &track.samples);
        for at in times.map(|sample| sample.at) {
            if let Some(total) = traces.iter().map(|trace| trace.total(at)).sum::<Option<f64>>() {
                sum.push(at, total);
            }
        }
        PowerReading { energy: Some(sum), by: names.join(" + ") }
    }
}

fn name(info: &MeterInfo) -> String {
    format!("{} by {}", info.domain, info.source)
}

/// Returns the meters of all devices that search, or an error with the first device without one.
fn of(workers: &Workers) -> Result<Vec<Box<dyn Meter>>, String> {
    let mut all = Vec::new();
    for meter in of_this_machine().into_iter().flatten() {
        if meter.info().interval.is_none_or(|it| it <= DEFAULT_INTERVAL) {
            all.push(meter);
        }
    }
    let cards = cards();
    let packages = all.iter().any(|meter| matches!(meter.info().domain, Domain::Package(_)));
    let mut meters: Vec<Box<dyn Meter>> = Vec::new();
    let mut devices: Vec<_> = workers
        .engines()
        .map(|engine| match engine.id() {
            EngineId::Gpu(number) => Some(number),
            _ => None,
        })
        .collect();
    devices.dedup();
    for device in devices {
        let wanted = |domain: &Domain| match device {
            Some(number) => is_card(domain, number, &cards),
            None if packages => matches!(domain, Domain::Package(_)),
            None => *domain == Domain::Cpu,
        };
        let before = meters.len();
        let (its, others) = all.into_iter().partition(|meter| wanted(&meter.info().domain));
        all = others;
        meters.extend::<Vec<_>>(its);
        if meters.len() == before {
            let device = device.map_or("the processor".to_owned(), |gpu| format!("gpu:{gpu}"));
            return Err(format!("{device} has no meter; `perjoule devices` says why"));
        }
    }
    Ok(meters)
}

fn is_card(domain: &Domain, number: u8, cards: &[(u8, Domain)]) -> bool {
    *domain == Domain::Gpu(number)
        || cards.iter().any(|(card, place)| *card == number && place == domain)
}
