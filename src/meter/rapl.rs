//! RAPL ("running average power limit") energy counters of processors, through Linux' powercap.
//!
//! Every zone is a folder with a name, a counter in microjoules and the value after which that
//! starts from zero. Zones are kept apart by their folder, since two processors have zones of the
//! same names; the domain says which processor.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::counter::{Counter, Width};
use super::unavailable::{Cause, Unavailable, Why};
use super::{
    Clock, Domain, Found, Host, Meter, MeterError, MeterInfo, Reading, Socket, Source, sysfs,
};
use crate::units::Joules;

/// Folder of Linux' powercap zones.
pub(super) const FOLDER: &str = "/sys/class/powercap";

/// Number of steps of the hardware counter, which has 32 bits: its range divided by this is its
/// resolution.
const STEPS: u64 = 0xffff_ffff;

/// Number of times that two zones have to show the same to be one.
const LOOKS: u32 = 3;

/// Returns the meters of all zones in a folder like `/sys/class/powercap`, or the reason why there are none.
///
/// Where one processor's counter is offered twice, as a register and in memory, it is counted once.
/// So is a counter of a whole processor that is offered for each of its dies.
#[must_use]
pub fn find(folder: &Path, host: &Host) -> Vec<Found> {
    let zones = zones(folder);
    if zones.is_empty() {
        let (path, cause) = (folder.to_owned(), host.why_no_powercap());
        return vec![Err(Unavailable::new(Source::Rapl, None, Why::Absent { path, cause }))];
    }
    let mut sockets: HashMap<(&str, u32), Socket> = HashMap::new();
    let mut used: HashMap<Domain, &Zone> = HashMap::new();
    let find = zones.iter().map(|zone| {
        let name =
            sysfs::text(&zone.path.join("name")).map_err(|error| zone.fails(None, error, host))?;
        let parent = (zone.kind.as_str(), zone.number);
        let mut domain = domain(&name, zone, sockets.get(&parent).copied());
        if let (Domain::Core(socket), Some("AuthenticAMD")) = (&domain, host.vendor.as_deref()) {
            // AMD counts every core by itself, and Linux shows the first.
            domain = Domain::Sensor(format!("one core of package-{socket}"));
        }
        if let (Domain::Package(socket), None) = (&domain, zone.child) {
            sockets.insert(parent, *socket);
        }
        // Two zones of one kind are two counters, regardless of their names.
        if let Some(other) = used.get(&domain).filter(|other| other.kind != zone.kind) {
            let twin = Why::Twin(other.path.display().to_string());
            return Err(Unavailable::new(Source::Rapl, Some(domain), twin));
        }
        let meter = Rapl::new(zone, domain.clone());
        let meter = meter.map_err(|error| zone.fails(Some(domain.clone()), error, host))?;
        let is_same =
            |other: &Domain, it: &Zone| are_dies_of_one(other, &domain) && count_as_one(it, zone);
        if let Some((_, other)) = used.iter().find(|(other, it)| is_same(other, it)) {
            let twin = Why::Twin(other.path.display().to_string());
            return Err(Unavailable::new(Source::Rapl, Some(domain), twin));
        }
        used.entry(domain).or_insert(zone);
        Ok(Box::new(meter) as Box<dyn Meter>)
    });
    find.collect()
}

/// A zone, such as `intel-rapl:0`, or `intel-rapl:0:1` inside of it.
#[derive(Debug)]
struct Zone {
    /// `intel-rapl` or `intel-rapl-mmio`.
    kind: String,
    number: u32,
    child: Option<u32>,
    path: PathBuf,
}

impl Zone {
    fn parse(name: &str, path: PathBuf) -> Option<Self> {
        let mut parts = name.split(':');
        let kind = parts.next().filter(|kind| kind.starts_with("intel-rapl"))?.to_owned();
        let number = parts.next()?.parse().ok()?;
        let child = parts.next().map(str::parse).transpose().ok()?;
        parts.next().is_none().then_some(Self { kind, number, child, path })
    }

    /// Returns the reason: what a runtime hides from a container is a link to nowhere.
    fn fails(&self, domain: Option<Domain>, error: MeterError, host: &Host) -> Unavailable {
        let why = if self.path.exists() {
            sysfs::why(error, host.container)
        } else {
            Why::Absent { path: self.path.clone(), cause: Cause::Container }
        };
        Unavailable::new(Source::Rapl, domain, why)
    }
}

/// Returns the zones in order of kind and number. The shortest name comes first: the registers.
fn zones(folder: &Path) -> Vec<Zone> {
    let entries = sysfs::entries(folder);
    let mut zones: Vec<_> =
        entries.into_iter().filter_map(|(name, path)| Zone::parse(&name, path)).collect();
    zones.sort_by(|a, b| (&a.kind, a.number, a.child).cmp(&(&b.kind, b.number, b.child)));
    zones
}

/// Whether these are the same domain of two dies of one processor.
fn are_dies_of_one(a: &Domain, b: &Domain) -> bool {
    let ((Domain::Package(a), Domain::Package(b))
    | (Domain::Dram(a), Domain::Dram(b))
    | (Domain::Core(a), Domain::Core(b))
    | (Domain::Uncore(a), Domain::Uncore(b))) = (a, b)
    else {
        return false;
    };
    a.package == b.package && a.die.is_some() && b.die.is_some() && a.die != b.die
}

/// Whether two zones show one counter: what the one shows lies between what the other shows just
/// before and just after. Counters of their own are never that close for long, but for those that
/// have not begun to count.
fn count_as_one(a: &Zone, b: &Zone) -> bool {
    let read = |zone: &Zone| sysfs::number(&zone.path.join("energy_uj")).ok();
    (0..LOOKS).all(|_| {
        let (before, between, after) = (read(a), read(b), read(a));
        between > Some(0) && before <= between && between <= after
    })
}

/// What a zone of that name measures, in the processor that it is part of.
fn domain(name: &str, zone: &Zone, parent: Option<Socket>) -> Domain {
    let socket = parent.unwrap_or(Socket::new(zone.number));
    match name {
        "core" => Domain::Core(socket),
        "uncore" => Domain::Uncore(socket),
        "dram" => Domain::Dram(socket),
        "psys" => Domain::Psys(0),
        _ => {
            let psys = || name.strip_prefix("psys-")?.parse().ok().map(Domain::Psys);
            let package = || package(name).map(Domain::Package);
            let other = || Domain::Sensor(format!("{} {name}", zone.path.display()));
            package().or_else(psys).unwrap_or_else(other)
        }
    }
}

/// Reads `package-0`, or `package-0-die-1` where dies are counted apart.
fn package(name: &str) -> Option<Socket> {
    let number = name.strip_prefix("package-")?;
    Some(match number.split_once("-die-") {
        Some((package, die)) => {
            Socket { package: package.parse().ok()?, die: Some(die.parse().ok()?) }
        }
        None => Socket::new(number.parse().ok()?),
    })
}

/// The meter of a zone.
#[derive(Debug)]
struct Rapl {
    info: MeterInfo,
    file: PathBuf,
    counter: Counter,
}

impl Rapl {
    /// Makes the meter; fails where it could not be read later either.
    fn new(zone: &Zone, domain: Domain) -> Result<Self, MeterError> {
        let file = zone.path.join("energy_uj");
        sysfs::number(&file)?;
        let range = zone.path.join("max_energy_range_uj");
        let largest = sysfs::number(&range)?;
        if largest == 0 {
            return Err(MeterError::rubbish(&range, "0", "the largest value of the counter"));
        }
        let microjoule = Joules::from_microjoules(1);
        let counter = Counter::new(microjoule, Width::Wraps { largest });
        let info = MeterInfo {
            domain,
            source: Source::Rapl,
            detail: zone.path.display().to_string(),
            resolution: Some(microjoule * (largest as f64 / STEPS as f64).max(1.0)),
            read_within: counter.read_within(),
            interval: None,
        };
        Ok(Self { info, file, counter })
    }
}

impl Meter for Rapl {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let value = sysfs::number(&self.file)?;
        let at = clock.now();
        let counted = Some(self.counter.see(value, at));
        Ok(Reading { at, counted, integrated: None, power: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_names() {
        let parse = |name| Zone::parse(name, PathBuf::new());
        for name in [
            "intel-rapl",
            "intel-rapl:",
            "intel-rapl:x",
            "intel-rapl:0:1:2",
            "dtpm:0",
            "intel-rapl:0:",
        ] {
            assert!(parse(name).is_none(), "{name}");
        }
        let zone = parse("intel-rapl-mmio:10:2").expect("a zone");
        assert_eq!((zone.kind.as_str(), zone.number, zone.child), ("intel-rapl-mmio", 10, Some(2)));
        let socket = Socket { package: 1, die: Some(3) };
        for (name, expected) in [
            ("package-1-die-3", Domain::Package(socket)),
            ("package-7", Domain::Package(Socket::new(7))),
            ("dram", Domain::Dram(socket)),
            ("core", Domain::Core(socket)),
            ("uncore", Domain::Uncore(socket)),
            ("psys", Domain::Psys(0)),
            ("psys-1", Domain::Psys(1)),
            ("package-", Domain::Sensor(" package-".into())),
            ("new", Domain::Sensor(" new".into())),
        ] {
            assert_eq!(domain(name, &zone, Some(socket)), expected);
        }
        // Without a parent, its number is the best that is known.
        assert_eq!(domain("dram", &zone, None), Domain::Dram(Socket::new(10)));
    }
}
