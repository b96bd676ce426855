//! Sensors of drivers and boards, through Linux' hwmon: GPUs of AMD and Intel, AMD's processors,
//! and any sensor file that is named.
//!
//! A chip is a folder with its name and with files such as `energy1_input`, in microjoules, or
//! `power1_input`, in microwatts. Energy is preferred, since power has to be integrated.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::counter::{Counter, Width};
use super::integral::Integrator;
use super::pci::PciAddress;
use super::unavailable::{Unavailable, Why};
use super::{
    Clock, Domain, Found, Host, Meter, MeterError, MeterInfo, Reading, Socket, Source, patience,
    plausible, sysfs,
};
use crate::units::{Joules, Watts};

/// Folder of Linux' hwmon chips.
pub(super) const FOLDER: &str = "/sys/class/hwmon";

/// Longest time between two values of power that is not a gap.
const GAP: Duration = Duration::from_secs(1);

/// Longest sampling interval of energy: Intel's drivers extend a register of 32 bits only when they
/// are read.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Returns the meters of all chips in a folder like `/sys/class/hwmon` that are known to measure a GPU or a
/// processor, or the reason why there are none.
#[must_use]
pub fn find(folder: &Path, host: &Host) -> Vec<Found> {
    let chips = sysfs::entries(folder).into_iter().map(|(_, path)| path);
    let found: Vec<_> =
        chips.flat_map(|path| patient(host, |host| Chip::new(path).meters(host))).collect();
    if found.is_empty() {
        let path = folder.to_owned();
        let why = match host.why_no_sensors() {
            Some(cause) if !folder.exists() => Why::Absent { path, cause },
            _ => Why::NoKnownChip { path },
        };
        return vec![Err(Unavailable::new(Source::Hwmon, None, why))];
    }
    found
}

/// Returns the meter of a sensor file, such as `/sys/class/hwmon/hwmon3/power1_input`.
///
/// It measures `domain`; without one, the GPU of its chip, or else a sensor of which only the name
/// is known.
///
/// # Errors
///
/// When the name of the file is not that of a sensor, or the file cannot be read.
pub fn at(path: &Path, domain: Option<Domain>, host: &Host) -> Found {
    let named = path.file_name().and_then(|name| Sensor::parse(name.to_str()?));
    let Some(sensor) = named else {
        let why = Why::NoSensorFile { path: path.to_owned() };
        return Err(Unavailable::new(Source::Hwmon, None, why));
    };
    let path = path.to_owned();
    let mut found = patient(host, move |host| {
        let chip = Chip::new(path.parent().unwrap_or(Path::new("")).to_owned());
        let unknown = || Domain::Sensor(path.display().to_string());
        let domain = domain.or_else(|| chip.gpu()).unwrap_or_else(unknown);
        vec![chip.meter(&sensor, domain, host)]
    });
    found.swap_remove(0)
}

/// Asks a chip, whose driver may hang, but not forever.
fn patient(host: &Host, ask: impl FnOnce(&Host) -> Vec<Found> + Send + 'static) -> Vec<Found> {
    let host = host.clone();
    patience::within(patience::FILE, move || ask(&host)).unwrap_or_else(|| {
        let why = Why::Broken(MeterError::Hangs(patience::FILE));
        vec![Err(Unavailable::new(Source::Hwmon, None, why))]
    })
}

/// A folder with sensors.
#[derive(Debug)]
struct Chip {
    path: PathBuf,
    /// Name of the chip; empty if it has none.
    name: String,
}

/// A file with energy or power.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sensor {
    // In order of preference.
    kind: Kind,
    number: u32,
    average: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Energy,
    Power,
}

impl Sensor {
    /// Parses a file name: `energy1_input`, `power1_input` or `power1_average`.
    fn parse(name: &str) -> Option<Self> {
        let (place, what) = name.split_once('_')?;
        let energy = place.strip_prefix("energy").map(|number| (Kind::Energy, number));
        let power = || place.strip_prefix("power").map(|number| (Kind::Power, number));
        let (kind, number) = energy.or_else(power)?;
        let average = match (kind, what) {
            (_, "input") => false,
            (Kind::Power, "average") => true,
            _ => return None,
        };
        Some(Self { kind, number: number.parse().ok()?, average })
    }

    fn place(&self) -> String {
        let kind = if self.kind == Kind::Energy { "energy" } else { "power" };
        format!("{kind}{}", self.number)
    }

    fn file(&self) -> String {
        format!("{}_{}", self.place(), if self.average { "average" } else { "input" })
    }
}

impl Chip {
    fn new(path: PathBuf) -> Self {
        let name = sysfs::text(&path.join("name")).unwrap_or_default();
        Self { path, name }
    }

    /// The one meter of a GPU, or one for each socket.
    fn meters(&self, host: &Host) -> Vec<Found> {
        if let Some(domain) = self.gpu() {
            return self.best(&domain, host).into_iter().collect();
        }
        if self.name != "amd_energy" {
            return Vec::new();
        }
        let socket = |sensor: &Sensor| {
            self.label(sensor).strip_prefix("Esocket")?.parse().ok().map(Socket::new)
        };
        let sensors = self.sensors().into_iter();
        let sockets = sensors.filter_map(|sensor| Some((socket(&sensor)?, sensor)));
        let meter = |(socket, sensor)| self.meter(&sensor, Domain::Package(socket), host);
        sockets.map(meter).collect()
    }

    /// The GPU that the chip is part of, if any.
    fn gpu(&self) -> Option<Domain> {
        if !["amdgpu", "i915", "xe"].contains(&self.name.as_str()) {
            return None;
        }
        // AMD's processors with graphics measure both together. They, and no cards, have the
        // voltage of what is around them.
        let both = sysfs::entries(&self.path).iter().any(|(name, path)| {
            let is_label = name.starts_with("in") && name.ends_with("_label");
            is_label && sysfs::text(path).is_ok_and(|label| label == "vddnb")
        });
        let place = fs::read_link(self.path.join("device")).ok();
        let place = place.as_ref().and_then(|place| place.file_name()?.to_str());
        let address: Option<PciAddress> = place.and_then(|place| place.parse().ok());
        Some(match address.filter(|_| !both) {
            Some(address) => Domain::GpuAt(address),
            None => Domain::Sensor(format!("{} {}", self.name, place.unwrap_or("graphics"))),
        })
    }

    /// The meter of the best sensor that works.
    fn best(&self, domain: &Domain, host: &Host) -> Option<Found> {
        let mut sensors = self.sensors();
        // Of several channels one is all of the card; memory alone is not the GPU.
        sensors.retain(|sensor| !self.label(sensor).starts_with("vram"));
        sensors.sort_by_key(|sensor| (sensor.kind, self.label(sensor) != "card", sensor.clone()));
        let mut first_error = None;
        for sensor in sensors {
            match self.meter(&sensor, domain.clone(), host) {
                Ok(meter) => return Some(Ok(meter)),
                Err(error) => first_error = first_error.or(Some(Err(error))),
            }
        }
        first_error
    }

    fn sensors(&self) -> Vec<Sensor> {
        let entries = sysfs::entries(&self.path);
        let mut sensors: Vec<_> =
            entries.iter().filter_map(|(name, _)| Sensor::parse(name)).collect();
        sensors.sort();
        sensors
    }

    /// Returns the label of a sensor; empty if there is none.
    fn label(&self, sensor: &Sensor) -> String {
        let path = self.path.join(format!("{}_label", sensor.place()));
        sysfs::text(&path).unwrap_or_default()
    }

    fn meter(&self, sensor: &Sensor, domain: Domain, host: &Host) -> Found {
        let file = self.path.join(sensor.file());
        let read = match sensor.kind {
            Kind::Energy => sysfs::number(&file).map(drop),
            Kind::Power => power(&file).map(drop),
        };
        if let Err(error) = read {
            let why = sysfs::why(error, host.container);
            return Err(Unavailable::new(Source::Hwmon, Some(domain), why));
        }
        let words = [self.name.clone(), self.label(sensor), file.display().to_string()];
        let microjoule = Joules::from_microjoules(1);
        let counts = sensor.kind == Kind::Energy;
        let info = MeterInfo {
            domain,
            source: Source::Hwmon,
            detail: words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
            resolution: counts.then_some(microjoule),
            read_within: counts.then_some(READ_WITHIN),
            interval: None,
        };
        let means = if counts {
            Means::Counter(Counter::new(microjoule, Width::Endless))
        } else {
            Means::Power(Integrator::new(GAP))
        };
        Ok(Box::new(Hwmon { info, file, means }))
    }
}

/// The power in a file, if a machine may take it.
fn power(file: &Path) -> Result<Watts, MeterError> {
    let microwatts = sysfs::number(file)?;
    plausible(Watts::from_microwatts(microwatts).value()).ok_or_else(|| {
        let expected = "microwatts of a machine, no more than 100 MW";
        MeterError::rubbish(file, &microwatts.to_string(), expected)
    })
}

/// The meter of a file.
#[derive(Debug)]
struct Hwmon {
    info: MeterInfo,
    file: PathBuf,
    means: Means,
}

#[derive(Debug)]
enum Means {
    Counter(Counter),
    Power(Integrator),
}

impl Meter for Hwmon {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        Ok(match &mut self.means {
            Means::Counter(counter) => {
                let value = sysfs::number(&self.file)?;
                let at = clock.now();
                let counted = Some(counter.see(value, at));
                Reading { at, counted, integrated: None, power: None }
            }
            Means::Power(integrator) => {
                let power = power(&self.file)?;
                let at = clock.now();
                let integrated = Some(integrator.see(power, at));
                Reading { at, counted: None, integrated, power: Some(power) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        for name in ["energy1_input", "energy12_input", "power1_input", "power2_average"] {
            assert_eq!(Sensor::parse(name).expect(name).file(), name);
        }
        for name in [
            "energy1_average",
            "power1_max",
            "power_input",
            "energy-1_input",
            "power1",
            "in1_input",
            "power99999999999_input",
            "Power1_input",
            "",
        ] {
            assert_eq!(Sensor::parse(name), None, "{name}");
        }
    }

    #[test]
    fn energy_comes_before_power_and_now_before_a_mean() {
        let order = ["energy2_input", "power1_input", "power1_average", "power2_input"];
        let mut sensors: Vec<_> =
            order.iter().rev().filter_map(|name| Sensor::parse(name)).collect();
        sensors.sort();
        assert_eq!(sensors.iter().map(Sensor::file).collect::<Vec<_>>(), order);
    }
}
