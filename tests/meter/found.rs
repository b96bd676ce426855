//! The meters of whole machines.

use std::io;

use perjoule::meter::perf::{Count, Event};
use perjoule::meter::{Found, Host, Unavailable, found, found_under};

use super::tree::Tree;

/// What a line of a list says.
fn lines(found: &[Found]) -> Vec<String> {
    let line = |found: &Found| match found {
        Ok(meter) => format!("{} by {}", meter.about().domain, meter.about().source),
        Err(unavailable) => unavailable.to_string(),
    };
    found.iter().map(line).collect()
}

#[derive(Debug)]
struct Still;

impl Count for Still {
    fn count(&mut self) -> io::Result<u64> {
        Ok(0)
    }
}

/// What a kernel says that lets nobody count.
fn forbid(_: Event) -> io::Result<Box<dyn Count>> {
    Err(io::ErrorKind::PermissionDenied.into())
}

/// With events, and sensors of AMD's out of the kernel's tree.
fn machine() -> Tree {
    let tree = Tree::new();
    let power = "sys/bus/event_source/devices/power";
    tree.write(&format!("{power}/type"), "23\n");
    tree.write(&format!("{power}/cpumask"), "0\n");
    tree.write(&format!("{power}/events/energy-pkg"), "event=0x02\n");
    tree.write(&format!("{power}/events/energy-pkg.unit"), "Joules\n");
    tree.write(&format!("{power}/events/energy-pkg.scale"), "2.3283064365386962890625e-10\n");
    tree.write("sys/class/hwmon/hwmon0/name", "amd_energy\n");
    for (number, label) in [(1, "Esocket0"), (2, "Esocket1")] {
        tree.write(&format!("sys/class/hwmon/hwmon0/energy{number}_input"), "7\n");
        tree.write(&format!("sys/class/hwmon/hwmon0/energy{number}_label"), label);
    }
    tree
}

fn add_zone(tree: &Tree) {
    for (file, text) in
        [("name", "package-0"), ("energy_uj", "5"), ("max_energy_range_uj", "65532610987")]
    {
        tree.write(&format!("sys/class/powercap/intel-rapl:0/{file}"), text);
    }
}

fn linux() -> Host {
    let mut host = Host::default();
    (host.system, host.architecture) = ("linux".to_owned(), "x86_64".to_owned());
    host
}

#[test]
fn a_part_is_measured_by_one_means() {
    let tree = machine();
    let count = |_| -> io::Result<Box<dyn Count>> { Ok(Box::new(Still)) };
    let without_zones = lines(&found_under(tree.path(), &linux(), &count, Vec::new()));
    let [powercap, perf, twin, other] = &without_zones[..] else { panic!("{without_zones:?}") };
    assert!(powercap.starts_with("rapl: no energy counter in "), "{powercap}");
    assert_eq!(perf, "package-0 by perf");
    assert!(twin.starts_with("hwmon, package-0: the same as perf ("), "{twin}");
    assert_eq!(other, "package-1 by hwmon");

    let forbidden = lines(&found_under(tree.path(), &linux(), &forbid, Vec::new()));
    assert!(forbidden[1].starts_with("perf, package-0: performance events"), "{forbidden:?}");
    assert_eq!(forbidden[2..], ["package-0 by hwmon", "package-1 by hwmon"]);

    add_zone(&tree);
    let never = |_| -> io::Result<Box<dyn Count>> { panic!("powercap has it") };
    let with_zones = lines(&found_under(tree.path(), &linux(), &never, Vec::new()));
    let [powercap, twin, other] = &with_zones[..] else { panic!("{with_zones:?}") };
    assert_eq!((powercap.as_str(), other.as_str()), ("package-0 by rapl", "package-1 by hwmon"));
    assert!(twin.starts_with("hwmon, package-0: the same as rapl ("), "{twin}");
}

#[test]
fn this_machine_has_meters_or_reasons() {
    let found = found();
    assert!(!found.is_empty());
    for (found, line) in found.iter().zip(lines(&found)) {
        println!("{line}");
        if let Some(remedy) = found.as_ref().err().and_then(Unavailable::remedy) {
            println!("    {remedy}");
        }
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
