//! All meters of a machine that are there without being named, or why they are not.

use std::path::{Path, PathBuf};

use super::unavailable::{Unavailable, Why};
use super::{Found, Host, hwmon, nvml, perf, rapl};

/// The meters of this machine: processors first, then GPUs.
///
/// Nothing is listed twice: of two means to measure one thing the second is unavailable, because of
/// the first. Performance events are asked for where powercap has nothing that can be read.
#[must_use]
pub fn found() -> Vec<Found> {
    let host = Host::detect();
    found_under(Path::new("/"), &host, &perf::open, nvml::find(&host))
}

/// The meters of a Linux whose files are under `root`, with what opens performance events, and with
/// the cards that a driver knows.
#[must_use]
pub fn found_under(
    root: &Path,
    host: &Host,
    open: perf::Open<'_>,
    cards: Vec<Found>,
) -> Vec<Found> {
    let mut found = rapl::find(&under(root, rapl::FOLDER), host);
    if found.iter().all(Result::is_err) {
        let processors = under(root, perf::PROCESSORS);
        found.extend(perf::find(&under(root, perf::FOLDER), &processors, host, open));
    }
    found.extend(cards);
    for sensor in hwmon::find(&under(root, hwmon::FOLDER), host) {
        let sensor = once(&found, sensor);
        found.push(sensor);
    }
    found
}

fn under(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A meter of what no other measures.
fn once(found: &[Found], meter: Found) -> Found {
    let meter = meter?;
    let about = meter.about();
    let twin = found.iter().flatten().find(|other| other.about().domain == about.domain);
    match twin {
        Some(twin) => {
            let why = Why::Twin(format!("{} ({})", twin.about().source, twin.about().detail));
            Err(Unavailable::new(about.source, Some(about.domain.clone()), why))
        }
        None => Ok(meter),
    }
}
