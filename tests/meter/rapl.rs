//! Powercap's zones, on machines of one and two sockets.

use std::fs;
use std::time::Duration;

use perjoule::meter::fake::ManualClock;
use perjoule::meter::rapl::find;
use perjoule::meter::{
    Cause, Found, Host, MeterError, Recorder, Source, Unavailable, Why, Window, sum,
};
use perjoule::units::Joules;

use super::tree::Tree;
use super::{domain, meters, refusal, window};

/// Of a server: it wraps after 262 kJ.
const RANGE: u64 = 262_143_328_850;

/// Writes a zone.
fn zone(tree: &Tree, path: &str, name: &str, microjoules: u64) {
    tree.write(&format!("{path}/name"), &format!("{name}\n"));
    tree.write(&format!("{path}/max_energy_range_uj"), &format!("{RANGE}\n"));
    set(tree, path, microjoules);
}

fn set(tree: &Tree, path: &str, microjoules: u64) {
    tree.write(&format!("{path}/energy_uj"), &format!("{microjoules}\n"));
}

/// Two sockets with memory, and what is in that folder besides zones.
fn server() -> Tree {
    let tree = Tree::new();
    tree.write("intel-rapl/enabled", "1\n");
    tree.write("dtpm:0/power_uw", "1\n");
    for (path, name, microjoules) in [
        ("intel-rapl:0", "package-0", 1_000_000),
        ("intel-rapl:0:0", "dram", 2_000_000),
        ("intel-rapl:1", "package-1", 3_000_000),
        ("intel-rapl:1:0", "dram", 4_000_000),
    ] {
        zone(&tree, path, name, microjoules);
    }
    tree
}

fn linux() -> Host {
    let mut host = Host::default();
    (host.system, host.architecture) = ("linux".to_owned(), "x86_64".to_owned());
    host
}

/// The names of what was found, and the errors.
fn names(found: &[Found]) -> Vec<String> {
    let name = |found: &Found| match found {
        Ok(meter) => meter.info().domain.to_string(),
        Err(why) => why.to_string(),
    };
    found.iter().map(name).collect()
}

#[test]
fn two_sockets_are_kept_apart() {
    let tree = server();
    let mut meters = meters(find(tree.path(), &linux()));
    let domains: Vec<_> = meters.iter().map(|meter| meter.info().domain.to_string()).collect();
    assert_eq!(domains, ["package-0", "dram-0", "package-1", "dram-1"]);
    let hand = ManualClock::new();
    let clock = hand.clock();
    let start: Vec<_> = meters.iter_mut().map(|meter| meter.read(&clock).expect("there")).collect();
    for (path, microjoules) in [
        ("intel-rapl:0", 101_000_000),
        ("intel-rapl:0:0", 12_000_000),
        ("intel-rapl:1", 203_000_000),
        ("intel-rapl:1:0", 24_000_000),
    ] {
        set(&tree, path, microjoules);
    }
    hand.advance(Duration::from_secs(1));
    let mut parts = Vec::new();
    for (meter, start) in meters.iter_mut().zip(&start) {
        let end = meter.read(&clock).expect("there");
        let info = meter.info();
        assert_eq!((info.source, info.interval), (Source::Rapl, None));
        // A 32-bit counter of 61 µJ each, to be read within a minute.
        assert_eq!(info.resolution.expect("known").to_string(), "61.0 µJ");
        assert!(info.read_within.is_some_and(|within| within.as_secs() == 65));
        let window = Window::between(info, &clock, start, &end).expect("moved");
        parts.push((info.domain.clone(), window.energy));
    }
    let joules: Vec<_> = parts.iter().map(|(_, energy)| energy.value().round() as u64).collect();
    assert_eq!(joules, [100, 10, 200, 20]);
    let total = sum(parts.iter().map(|(domain, energy)| (domain, *energy)));
    assert_eq!(total, Ok(Joules::new(330.0)));
}

#[test]
fn parts_of_a_processor_are_not_added_to_it() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", 0);
    zone(&tree, "intel-rapl:0:0", "core", 0);
    zone(&tree, "intel-rapl:0:1", "uncore", 0);
    zone(&tree, "intel-rapl:1", "psys", 0);
    let found = find(tree.path(), &linux());
    assert_eq!(names(&found), ["package-0", "core-0", "uncore-0", "psys-0"]);
    let meters = meters(found);
    let parts = meters.iter().map(|meter| (&meter.info().domain, Joules::new(1.0)));
    assert!(sum(parts).is_err());
    let mut amd = linux();
    amd.vendor = Some("AuthenticAMD".to_owned());
    let names = names(&find(tree.path(), &amd));
    assert_eq!(names, ["package-0", "sensor:one core of package-0", "uncore-0", "psys-0"]);
}

#[test]
fn dies_that_are_counted_apart_are_kept_apart() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0-die-0", 0);
    zone(&tree, "intel-rapl:0:0", "dram", 0);
    zone(&tree, "intel-rapl:1", "package-0-die-1", 0);
    zone(&tree, "intel-rapl:1:0", "dram", 0);
    // Ten and more are in order of number, not of text.
    zone(&tree, "intel-rapl:10", "package-5", 0);
    zone(&tree, "intel-rapl:2", "package-4", 0);
    let found = find(tree.path(), &linux());
    let expected = ["package-0.0", "dram-0.0", "package-0.1", "dram-0.1", "package-4", "package-5"];
    assert_eq!(names(&found), expected);
}

/// Some kernels offer the counter of a processor once for each of its dies.
#[test]
fn one_counter_for_all_dies_is_counted_once() {
    let tree = Tree::new();
    for die in 0..3 {
        zone(&tree, &format!("intel-rapl:{die}"), &format!("package-0-die-{die}"), 5_000_000);
        zone(&tree, &format!("intel-rapl:{die}:0"), "dram", 4_000_000);
    }
    // Another processor has its own, and its dies have theirs.
    zone(&tree, "intel-rapl:3", "package-1-die-0", 5_000_000);
    zone(&tree, "intel-rapl:4", "package-1-die-1", 6_000_000);
    let found = find(tree.path(), &linux());
    let twin = |domain: &str, path: &str| {
        format!("rapl, {domain}: the same as {}, which is used", tree.at(path).display())
    };
    let expected = [
        "package-0.0".to_owned(),
        "dram-0.0".to_owned(),
        twin("package-0.1", "intel-rapl:0"),
        twin("dram-0.1", "intel-rapl:0:0"),
        twin("package-0.2", "intel-rapl:0"),
        twin("dram-0.2", "intel-rapl:0:0"),
        "package-1.0".to_owned(),
        "package-1.1".to_owned(),
    ];
    assert_eq!(names(&found), expected);
}

#[test]
fn a_wrap_within_a_window_is_corrected() {
    let tree = server();
    set(&tree, "intel-rapl:0", RANGE - 1_000_000);
    let mut meters = meters(find(tree.path(), &linux()));
    let measured =
        window(&mut *meters[0], &ManualClock::new(), 1.0, || set(&tree, "intel-rapl:0", 1_999_999));
    assert_eq!(measured.expect("energy").energy, Joules::new(3.0));
}

#[test]
fn several_wraps_are_counted_while_a_recorder_reads() {
    let tree = server();
    let hand = ManualClock::new();
    let found = find(tree.path(), &linux());
    let hour = Duration::from_hours(1);
    let recorder = Recorder::start(meters(found), hand.clock(), hour).expect("threads");
    let from = recorder.mark();
    // 2,200 W, for which a minute is half of the range.
    let (mut value, mut total) = (1_000_000_u64, 0);
    for _ in 0..10 {
        value += 132_000_000_000;
        total += 132_000_000_000;
        set(&tree, "intel-rapl:0", value % (RANGE + 1));
        hand.advance(Duration::from_mins(1));
        let _ = recorder.mark();
    }
    let to = recorder.mark();
    assert!(value / RANGE >= 5, "no wraps were tried");
    let windows = recorder.windows(&from, &to);
    let window = windows[0].window.as_ref().expect("energy");
    assert_eq!(window.energy, Joules::from_microjoules(total));
    assert_eq!(window.updates, 10);
    for other in &windows[1..] {
        let other = other.window.as_ref();
        assert!(matches!(other, Err(MeterError::CounterStuck(took)) if took.as_secs() == 600));
    }
}

#[test]
fn a_wrap_that_nobody_saw_is_no_small_number() {
    let tree = server();
    let mut meters = meters(find(tree.path(), &linux()));
    let late = window(&mut *meters[0], &ManualClock::new(), 600.0, || {
        set(&tree, "intel-rapl:0", 2_000_000);
    });
    assert!(matches!(late, Err(MeterError::MayHaveWrapped)));
}

#[test]
fn a_counter_that_stands_is_unavailable() {
    let tree = server();
    let mut meters = meters(find(tree.path(), &linux()));
    let still = window(&mut *meters[2], &ManualClock::new(), 5.0, || ()).expect_err("no movement");
    let text = "the counter stood still for about 5 s: measure for longer, or with another meter";
    assert_eq!(still.to_string(), text);
}

#[test]
fn files_that_vanish_or_hold_rubbish_are_errors_and_come_back() {
    let tree = server();
    let hand = ManualClock::new();
    let mut meters = meters(find(tree.path(), &linux()));
    let meter = &mut *meters[0];
    let gone = window(meter, &hand, 1.0, || tree.remove("intel-rapl:0/energy_uj"));
    let text = gone.expect_err("gone").to_string();
    let path = tree.at("intel-rapl:0/energy_uj");
    assert!(text.starts_with(&format!("cannot read {}: ", path.display())), "{text}");
    for text in ["", "many\n", "-5\n", "99999999999999999999\n"] {
        tree.write("intel-rapl:0/energy_uj", text);
        assert!(matches!(meter.read(&hand.clock()), Err(MeterError::Malformed { .. })), "{text}");
    }
    set(&tree, "intel-rapl:0", 4_000_000);
    let back = window(meter, &hand, 1.0, || set(&tree, "intel-rapl:0", 9_000_000));
    assert_eq!(back.expect("energy").energy, Joules::new(5.0));
}

#[test]
fn a_zone_that_cannot_be_read_costs_itself_only() {
    let tree = server();
    // A folder in place of the file: root may read everything else.
    tree.remove("intel-rapl:0/energy_uj");
    fs::create_dir(tree.at("intel-rapl:0/energy_uj")).expect("a folder");
    tree.write("intel-rapl:0:0/max_energy_range_uj", "0\n");
    tree.remove("intel-rapl:1/max_energy_range_uj");
    tree.remove("intel-rapl:1:0/name");
    zone(&tree, "intel-rapl:2", "package-2", 5);
    let found = find(tree.path(), &linux());
    assert_eq!(found.len(), 5);
    let broken: Vec<&Unavailable> = found.iter().filter_map(|found| found.as_ref().err()).collect();
    let what: Vec<_> = broken.iter().map(|broken| broken.what.clone()).collect();
    let expected = ["package-0", "dram-0", "package-1"].map(|text| Some(domain(text)));
    assert_eq!(what, [expected.as_slice(), &[None]].concat());
    for broken in broken {
        assert!(matches!(broken.why, Why::Broken(_)), "{broken}");
        assert!(broken.remedy().is_some_and(|remedy| remedy.contains("measure from outside")));
    }
    assert_eq!(found[4].as_ref().expect("sound").info().domain, domain("package-2"));
}

#[test]
fn what_is_offered_twice_is_counted_once() {
    let tree = server();
    zone(&tree, "intel-rapl-mmio:0", "package-0", 1_000_000);
    let found = find(tree.path(), &linux());
    let registers = tree.at("intel-rapl:0");
    let twin = format!("rapl, package-0: the same as {}, which is used", registers.display());
    assert_eq!(names(&found), ["package-0", "dram-0", "package-1", "dram-1", twin.as_str()]);
    assert_eq!(found[4].as_ref().err().and_then(Unavailable::remedy), None);
    // Where the first cannot be read, the second is used.
    tree.write("intel-rapl:0/energy_uj", "");
    let found = find(tree.path(), &linux());
    let usable: Vec<_> = found.iter().flatten().map(|meter| meter.info().detail.clone()).collect();
    assert!(usable.contains(&tree.at("intel-rapl-mmio:0").display().to_string()), "{usable:?}");
}

#[test]
fn two_zones_of_one_name_are_two_counters() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", 0);
    zone(&tree, "intel-rapl:1", "package-0", 0);
    let found = find(tree.path(), &linux());
    assert_eq!(names(&found), ["package-0", "package-0"]);
    let parts = meters(found);
    assert!(sum(parts.iter().map(|meter| (&meter.info().domain, Joules::ZERO))).is_err());
}

#[test]
fn without_zones_the_reason_is_told() {
    let tree = Tree::new();
    tree.write("dtpm:0/power_uw", "1\n");
    let mut host = linux();
    for folder in [tree.path().to_owned(), tree.at("nowhere")] {
        host.hypervisor = true;
        let why = refusal(find(&folder, &host));
        assert!(matches!(&why.why, Why::Absent { cause: Cause::VirtualMachine, .. }), "{why}");
        host.hypervisor = false;
        let why = refusal(find(&folder, &host));
        assert!(matches!(&why.why, Why::Absent { cause: Cause::NoModule(_), .. }), "{why}");
        assert!(
            why.remedy().is_some_and(|remedy| remedy.starts_with("`sudo modprobe intel_rapl_msr`"))
        );
    }
}

/// A runtime puts an empty folder over what the links of powercap point to.
#[cfg(unix)]
#[test]
fn a_container_that_hides_the_zones_is_told() {
    let tree = Tree::new();
    std::os::unix::fs::symlink("nowhere", tree.at("intel-rapl:0")).expect("a link");
    let why = refusal(find(tree.path(), &linux()));
    assert!(matches!(&why.why, Why::Absent { cause: Cause::Container, .. }), "{why}");
}

/// Beside energy there is nothing that a zone tells.
#[test]
fn readings_are_counted_and_not_integrated() {
    let tree = server();
    let mut meters = meters(find(tree.path(), &linux()));
    let reading = meters[0].read(&ManualClock::new().clock()).expect("there");
    assert!(reading.integrated.is_none() && reading.power.is_none());
    assert_eq!(reading.energy(), Some(Joules::ZERO));
    assert!(meters[0].conditions().is_none());
}
