//! Domains: the parts of a machine that energy is measured of, and which of them may be added up.

use std::fmt;
use std::str::FromStr;

use super::pci::PciAddress;
use crate::units::{Joules, UnknownNameError};

/// A part of a machine whose energy is measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Domain {
    /// A processor package: its cores and caches, and on small chips its graphics, without memory.
    Package(Socket),
    /// The cores of one processor: part of its package.
    Core(Socket),
    /// What a package has beside its cores, graphics in most cases: part of the package.
    Uncore(Socket),
    /// The memory of one processor, which is not part of its package.
    Dram(Socket),
    /// The platform of this number, as its maker defines it: the processor and some parts around
    /// it.
    Psys(u32),
    /// All processors of the machine together.
    Cpu,
    /// A GPU, by the number that perjoule gives it.
    Gpu(u8),
    /// A GPU, by its address on the PCI bus.
    GpuAt(PciAddress),
    /// A sensor of which only the name is known.
    Sensor(String),
    /// The whole machine, as measured at the wall.
    Machine,
}

/// One processor: a package, or one die of a package whose dies are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Socket {
    /// Number of the package.
    pub package: u32,
    /// Number of the die in the package; `None` where the package is counted as a whole.
    pub die: Option<u32>,
}

impl Socket {
    /// Makes the socket of a package that is counted as a whole.
    #[must_use]
    pub const fn new(package: u32) -> Self {
        Self { package, die: None }
    }

    fn meets(self, other: Self) -> bool {
        let same_die = self.die == other.die || self.die.is_none() || other.die.is_none();
        self.package == other.package && same_die
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.die {
            Some(die) => write!(f, "{}.{die}", self.package),
            None => write!(f, "{}", self.package),
        }
    }
}

impl Domain {
    /// Returns whether two domains may share some joules, so that they must not be added up.
    ///
    /// Where that is not known the answer is yes: a [`Self::Sensor`] may measure anything, a
    /// [`Self::Psys`] platform includes whatever its maker chose, and a [`Self::Gpu`] may be at any
    /// PCI address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        use Domain::{Core, Cpu, Dram, Gpu, GpuAt, Machine, Package, Psys, Sensor, Uncore};
        match (self, other) {
            (Machine | Psys(_) | Sensor(_), _)
            | (_, Machine | Psys(_) | Sensor(_))
            | (Cpu, Cpu | Package(_) | Core(_) | Uncore(_))
            | (Package(_) | Core(_) | Uncore(_), Cpu)
            | (Gpu(_), GpuAt(_))
            | (GpuAt(_), Gpu(_)) => true,
            (Package(a), Package(b) | Core(b) | Uncore(b))
            | (Core(a) | Uncore(a), Package(b))
            | (Core(a), Core(b))
            | (Uncore(a), Uncore(b))
            | (Dram(a), Dram(b)) => a.meets(*b),
            _ => self == other,
        }
    }
}

/// Returns the sum of the energy of several domains, in joules.
///
/// # Errors
///
/// When two of the domains overlap.
pub fn sum<'a>(
    parts: impl IntoIterator<Item = (&'a Domain, Joules)>,
) -> Result<Joules, Box<Overlap>> {
    let mut total = Joules::ZERO;
    let mut seen: Vec<&Domain> = Vec::new();
    for (domain, energy) in parts {
        if let Some(other) = seen.iter().find(|other| other.overlaps(domain)) {
            return Err(Box::new(Overlap { a: (*other).clone(), b: domain.clone() }));
        }
        seen.push(domain);
        total += energy;
    }
    Ok(total)
}

/// The error of two domains of which a part may be the same, so that their joules must not be added
/// up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{a} and {b} may hold the same joules, so that they cannot be added up")]
pub struct Overlap {
    /// First of the two domains.
    pub a: Domain,
    /// Second of the two domains.
    pub b: Domain,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(socket) => write!(f, "package-{socket}"),
            Self::Core(socket) => write!(f, "core-{socket}"),
            Self::Uncore(socket) => write!(f, "uncore-{socket}"),
            Self::Dram(socket) => write!(f, "dram-{socket}"),
            Self::Psys(number) => write!(f, "psys-{number}"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(number) => write!(f, "gpu:{number}"),
            Self::GpuAt(address) => write!(f, "gpu@{address}"),
            Self::Sensor(name) => write!(f, "sensor:{name}"),
            Self::Machine => f.write_str("machine"),
        }
    }
}

/// Forms of the names, for people.
const NAMES: &str =
    "machine, cpu, gpu:0, package-0, dram-0, psys-0, gpu@0000:01:00.0 or sensor:NAME";

impl FromStr for Domain {
    type Err = UnknownNameError;

    fn from_str(text: &str) -> Result<Self, UnknownNameError> {
        parse(text).ok_or_else(|| UnknownNameError::new("part of a machine", text, NAMES))
    }
}

fn parse(text: &str) -> Option<Domain> {
    let socket = |name| text.strip_prefix(name)?.strip_prefix('-').and_then(parse_socket);
    Some(match text {
        "cpu" => Domain::Cpu,
        "machine" => Domain::Machine,
        _ => {
            if let Some(number) = text.strip_prefix("gpu:") {
                Domain::Gpu(number.parse().ok()?)
            } else if let Some(place) = text.strip_prefix("gpu@") {
                Domain::GpuAt(place.parse().ok()?)
            } else if let Some(name) = text.strip_prefix("sensor:").filter(|name| !name.is_empty())
            {
                Domain::Sensor(name.to_owned())
            } else if let Some(number) = text.strip_prefix("psys-") {
                Domain::Psys(number.parse().ok()?)
            } else {
                socket("package")
                    .map(Domain::Package)
                    .or_else(|| socket("core").map(Domain::Core))
                    .or_else(|| socket("uncore").map(Domain::Uncore))
                    .or_else(|| socket("dram").map(Domain::Dram))?
            }
        }
    })
}

fn parse_socket(text: &str) -> Option<Socket> {
    let (package, die) = match text.split_once('.') {
        Some((package, die)) => (package, Some(die.parse().ok()?)),
        None => (text, None),
    };
    Some(Socket { package: package.parse().ok()?, die })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in [
            "package-0",
            "package-1.1",
            "core-0",
            "uncore-2",
            "dram-0",
            "psys-0",
            "cpu",
            "machine",
            "gpu:0",
            "gpu:255",
            "gpu@0000:01:00.0",
            "sensor:/a path/energy1_input",
        ] {
            assert_eq!(domain(text).to_string(), text);
        }
        for text in [
            "",
            "package",
            "package-",
            "package-x",
            "package-0.",
            "gpu",
            "gpu:256",
            "gpu@0",
            "sensor:",
            "Machine",
            "cpu ",
            "psys",
        ] {
            let error = text.parse::<Domain>().expect_err(text);
            assert_eq!(error.name(), text);
        }
    }

    #[test]
    fn what_contains_another_is_not_added_to_it() {
        for (a, b, overlap) in [
            ("package-0", "package-0", true),
            ("package-0", "package-1", false),
            ("package-0.0", "package-0.1", false),
            ("package-0", "package-0.1", true),
            ("package-0", "core-0", true),
            ("package-0", "uncore-0", true),
            ("package-0", "core-1", false),
            ("core-0", "uncore-0", false),
            ("core-0", "core-0", true),
            ("uncore-0", "uncore-0", true),
            ("package-0", "dram-0", false),
            ("dram-0", "dram-0", true),
            ("psys-0", "package-0", true),
            ("psys-0", "core-0", true),
            ("psys-0", "dram-0", true),
            ("psys-0", "psys-1", true),
            ("psys-0", "gpu:0", true),
            ("cpu", "package-1", true),
            ("cpu", "core-0", true),
            ("cpu", "dram-0", false),
            ("cpu", "gpu:0", false),
            ("gpu:0", "gpu:1", false),
            ("gpu:0", "gpu:0", true),
            ("gpu:0", "gpu@0000:01:00.0", true),
            ("gpu@0000:02:00.0", "gpu@0000:01:00.0", false),
            ("machine", "gpu:0", true),
            ("machine", "dram-0", true),
            ("sensor:a", "sensor:b", true),
            ("sensor:a", "gpu:0", true),
        ] {
            let [a, b] = [domain(a), domain(b)];
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (overlap, overlap), "{a} and {b}");
        }
    }

    #[test]
    fn sums_are_of_parts_that_are_apart() {
        let parts = [("package-0", 5.0), ("package-1", 4.0), ("dram-0", 1.0), ("gpu:0", 20.0)];
        let mut parts = parts.map(|(name, joules)| (domain(name), Joules::new(joules))).to_vec();
        let total =
            |parts: &[(Domain, Joules)]| sum(parts.iter().map(|(name, energy)| (name, *energy)));
        assert_eq!(total(&parts), Ok(Joules::new(30.0)));
        assert_eq!(total(&[]), Ok(Joules::ZERO));
        parts.push((domain("core-1"), Joules::new(1.0)));
        let overlap = total(&parts).expect_err("a part twice");
        assert_eq!((overlap.a, overlap.b), (domain("package-1"), domain("core-1")));
    }
}
