//! The meters of whole machines.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use perjoule::meter::perf::{self, Count, Event};
use perjoule::meter::{CounterExercise, Found, Host, Unavailable, Why, found, found_under};

use super::tree::Tree;

/// What a line of a list says.
fn lines(found: &[Found]) -> Vec<String> {
    let line = |found: &Found| match found {
        Ok(meter) => format!("{} by {}", meter.info().domain, meter.info().source),
        Err(unavailable) => unavailable.to_string(),
    };
    found.iter().map(line).collect()
}

/// Counts what a test says.
#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicU64>);

impl Count for Counter {
    fn count(&mut self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

impl Counter {
    fn goes_on(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn open(&self) -> impl Fn(Event) -> io::Result<Box<dyn Count>> {
        let counter = self.clone();
        move |_| Ok(Box::new(counter.clone()))
    }
}

/// The meters of a machine on which `work` happens between two looks at its counters.
fn found_while(
    tree: &Tree,
    host: &Host,
    open: perf::Open<'_>,
    mut work: impl FnMut(),
) -> Vec<Found> {
    let mut exercise = CounterExercise { looks: 3, work: &mut work };
    found_under(tree.path(), host, open, Vec::new(), &mut exercise)
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
        tree.write(&format!("sys/class/hwmon/hwmon0/energy{number}_label"), label);
    }
    set_sockets(&tree, 7);
    tree
}

/// Sets what the sensors of both sockets show.
fn set_sockets(tree: &Tree, microjoules: u64) {
    for number in [1, 2] {
        let path = format!("sys/class/hwmon/hwmon0/energy{number}_input");
        tree.write(&path, &format!("{microjoules}\n"));
    }
}

/// A zone of powercap, and its counter.
fn add_zone(tree: &Tree) -> PathBuf {
    let zone = |file: &str| format!("sys/class/powercap/intel-rapl:0/{file}");
    tree.write(&zone("name"), "package-0");
    tree.write(&zone("max_energy_range_uj"), "65532610987");
    tree.write(&zone("energy_uj"), "5")
}

fn linux() -> Host {
    let mut host = Host::default();
    (host.system, host.architecture) = ("linux".to_owned(), "x86_64".to_owned());
    host
}

#[test]
fn a_part_is_measured_by_one_means() {
    let tree = machine();
    let events = Counter::default();
    let mut sockets = 7;
    let without_zones = lines(&found_while(&tree, &linux(), &events.open(), || {
        events.goes_on();
        sockets += 1;
        set_sockets(&tree, sockets);
    }));
    let [powercap, perf, twin, other] = &without_zones[..] else { panic!("{without_zones:?}") };
    assert!(powercap.starts_with("rapl: no energy counter in "), "{powercap}");
    assert_eq!(perf, "package-0 by perf");
    assert!(twin.starts_with("hwmon, package-0: the same as perf ("), "{twin}");
    assert_eq!(other, "package-1 by hwmon");

    let forbidden = lines(&found_while(&tree, &linux(), &forbid, || {
        sockets += 1;
        set_sockets(&tree, sockets);
    }));
    assert!(forbidden[1].starts_with("perf, package-0: performance events"), "{forbidden:?}");
    assert_eq!(forbidden[2..], ["package-0 by hwmon", "package-1 by hwmon"]);

    let zone = add_zone(&tree);
    let never = |_| -> io::Result<Box<dyn Count>> { panic!("powercap has it") };
    let with_zones = lines(&found_while(&tree, &linux(), &never, || {
        sockets += 1;
        set_sockets(&tree, sockets);
        std::fs::write(&zone, sockets.to_string()).expect("written");
    }));
    let [powercap, twin, other] = &with_zones[..] else { panic!("{with_zones:?}") };
    assert_eq!((powercap.as_str(), other.as_str()), ("package-0 by rapl", "package-1 by hwmon"));
    assert!(twin.starts_with("hwmon, package-0: the same as rapl ("), "{twin}");
}

/// A virtual machine whose host answers every read of a counter with one number.
#[test]
fn a_counter_that_stands_still_is_no_meter() {
    let tree = machine();
    add_zone(&tree);
    let events = Counter::default();
    let mut host = linux();
    host.hypervisor = true;
    let mut looks = 0;
    let found = found_while(&tree, &host, &events.open(), || looks += 1);
    // Powercap, then events, then sensors, each given its time and no more.
    assert_eq!(looks, 9);
    assert_eq!(found.len(), 4);
    for (found, by) in found.into_iter().zip(["rapl", "perf", "hwmon", "hwmon"]) {
        let refused = found.expect_err("it stands still");
        assert_eq!(refused.by.to_string(), by);
        assert!(matches!(refused.why, Why::StandsStill { virtual_machine: true, .. }), "{refused}");
        let remedy = refused.remedy().expect("one");
        for part in ["virtual machine", "run on the host", "--assume-watts cpu=W"] {
            assert!(remedy.contains(part), "{remedy}");
        }
    }
}

/// Where one means stands still the next one is asked.
#[test]
fn a_dead_counter_does_not_hide_one_that_moves() {
    let tree = machine();
    add_zone(&tree);
    let events = Counter::default();
    let found = found_while(&tree, &linux(), &events.open(), || events.goes_on());
    let [zone, event, twin, dead] = &lines(&found)[..] else { panic!("{found:?}") };
    assert!(zone.starts_with("rapl, package-0: its counter stands still"), "{zone}");
    assert_eq!(event, "package-0 by perf");
    assert!(twin.starts_with("hwmon, package-0: "), "{twin}");
    assert!(dead.starts_with("hwmon, package-1: its counter stands still"), "{dead}");
}

/// The sum over processors is not that of those that count.
#[test]
fn one_dead_processor_of_two_is_not_left_out() {
    let tree = Tree::new();
    let zone = add_zone(&tree);
    for (file, text) in
        [("name", "package-1"), ("max_energy_range_uj", "65532610987"), ("energy_uj", "5")]
    {
        tree.write(&format!("sys/class/powercap/intel-rapl:1/{file}"), text);
    }
    let found = found_while(&tree, &linux(), &forbid, || {
        std::fs::write(&zone, "6").expect("written");
    });
    assert_eq!(lines(&found)[..2], ["package-0 by rapl", "package-1 by rapl"]);
}

/// Memory that counts does not stand for a processor that does not.
#[test]
fn events_are_asked_for_where_no_processor_counts() {
    let tree = machine();
    add_zone(&tree);
    let dram = |file: &str| format!("sys/class/powercap/intel-rapl:0:0/{file}");
    tree.write(&dram("name"), "dram");
    tree.write(&dram("max_energy_range_uj"), "65532610987");
    let counter = tree.write(&dram("energy_uj"), "5");
    let events = Counter::default();
    let mut shown = 5;
    let found = found_while(&tree, &linux(), &events.open(), || {
        events.goes_on();
        shown += 1;
        std::fs::write(&counter, shown.to_string()).expect("written");
    });
    let lines = lines(&found);
    assert!(lines[0].starts_with("rapl, package-0: its counter stands still"), "{lines:?}");
    assert_eq!(lines[1..3], ["dram-0 by rapl", "package-0 by perf"]);
}

/// The first movement is enough: a machine whose counters work is not held up.
#[test]
fn a_counter_that_moves_is_not_looked_at_any_longer() {
    let tree = Tree::new();
    let zone = add_zone(&tree);
    let mut looks = 0;
    let found = found_while(&tree, &linux(), &forbid, || {
        looks += 1;
        std::fs::write(&zone, "6").expect("written");
    });
    assert!(found[0].is_ok(), "{:?}", found[0]);
    assert_eq!(looks, 1);
}

/// Whoever writes to such a pipe never comes.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_sensor() {
    let tree = Tree::new();
    let path = tree.write("sys/class/hwmon/hwmon0/name", "board");
    let path = path.with_file_name("power1_input");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    let refused = perjoule::meter::hwmon::at(&path, None, &linux()).expect_err("a pipe");
    assert!(refused.to_string().contains("it is no regular file"), "{refused}");
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
