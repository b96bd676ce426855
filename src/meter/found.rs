//! Discovery of the meters of a machine, and the reasons for those it lacks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::unavailable::{Unavailable, Why};
use super::{
    CounterExercise, Domain, Found, Host, MeterError, Source, hwmon, nvml, patience, perf, probe,
    rapl,
};

/// Longest wait for NVIDIA's driver: one that has slept wakes all its cards before it answers,
/// which takes seconds for each.
const DRIVER: Duration = Duration::from_secs(30);

/// Returns the meters of this machine, processors first, then GPUs, and the reasons for those that
/// it lacks. It may take some seconds, and keeps one core busy for up to a third of a second.
///
/// No domain is measured twice: of two means to measure it the second is listed as unavailable,
/// with the first as the reason. Performance events are used where powercap has no processor that
/// can be read. A counter that does not move while one core works is listed as unavailable.
#[must_use]
pub fn found() -> Vec<Found> {
    found_on(Path::new("/"))
}

/// Returns the same as [`found()`], but reads `/sys` and `/proc` under `root`. This is for a
/// container in which those of the host are mounted at another place.
#[must_use]
pub fn found_on(root: &Path) -> Vec<Found> {
    let host = Host::under(root);
    let mut work = probe::busy;
    let mut exercise = CounterExercise::of_this_machine(&mut work);
    found_under(root, &host, &perf::open, cards(&host), &mut exercise)
}

/// Returns the cards of NVIDIA's driver, if it answers.
fn cards(host: &Host) -> Vec<Found> {
    let of = host.clone();
    patience::within(DRIVER, move || nvml::find(&of)).unwrap_or_else(|| {
        vec![Err(Unavailable::new(Source::Nvml, None, Why::Broken(MeterError::Hangs(DRIVER))))]
    })
}

/// Returns the meters of a Linux system whose files are under `root`.
///
/// `open` opens performance events, `cards` are the cards that a driver knows, and `exercise` makes
/// the counters of a processor move.
#[must_use]
pub fn found_under(
    root: &Path,
    host: &Host,
    open: perf::Open<'_>,
    cards: Vec<Found>,
    exercise: &mut CounterExercise<'_>,
) -> Vec<Found> {
    let zones = rapl::find(&under(root, rapl::FOLDER), host);
    let mut found = probe::moving(zones, host, exercise);
    let mut domains = found.iter().flatten().map(|meter| &meter.info().domain);
    if !domains.any(|domain| matches!(domain, Domain::Package(_))) {
        let processors = under(root, perf::PROCESSORS);
        let events = perf::find(&under(root, perf::FOLDER), &processors, host, open);
        for event in probe::moving(events, host, exercise) {
            let event = once(&found, event);
            found.push(event);
        }
    }
    found.extend(cards);
    let sensors = hwmon::find(&under(root, hwmon::FOLDER), host);
    for sensor in probe::moving(sensors, host, exercise) {
        let sensor = once(&found, sensor);
        found.push(sensor);
    }
    found
}

fn under(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Returns the meter, unless one of those found measures the same domain.
fn once(found: &[Found], meter: Found) -> Found {
    let meter = meter?;
    let info = meter.info();
    let twin = found.iter().flatten().find(|other| other.info().domain == info.domain);
    match twin {
        Some(twin) => {
            let why = Why::Twin(format!("{} ({})", twin.info().source, twin.info().detail));
            Err(Unavailable::new(info.source, Some(info.domain.clone()), why))
        }
        None => Ok(meter),
    }
}
