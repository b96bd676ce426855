//! Sensors of GPUs and boards.

use std::path::Path;
use std::time::Duration;

use perjoule::meter::fake::ManualClock;
use perjoule::meter::hwmon::{at, find};
use perjoule::meter::{Cause, Domain, Found, Host, MeterError, Method, Recorder, Source, Why};
use perjoule::units::Joules;

use super::tree::Tree;
use super::{domain, meters, refusal, window};

/// Writes a chip that is at a place of the PCI bus.
fn chip(tree: &Tree, folder: &str, name: &str, address: Option<&str>) {
    tree.write(&format!("{folder}/name"), &format!("{name}\n"));
    #[cfg(unix)]
    if let Some(address) = address {
        let link = tree.at(&format!("{folder}/device"));
        std::os::unix::fs::symlink(format!("../../../{address}"), link).expect("a link");
    }
}

fn look(tree: &Tree) -> Vec<Found> {
    find(tree.path(), &Host::default())
}

#[cfg(unix)]
#[test]
fn power_of_a_card_is_integrated() {
    let tree = Tree::new();
    chip(&tree, "hwmon0", "nvme", Some("0000:02:00.0"));
    tree.write("hwmon0/power1_input", "1\n");
    chip(&tree, "hwmon1", "amdgpu", Some("0000:03:00.0"));
    tree.write("hwmon1/power1_average", "250000000\n");
    tree.write("hwmon1/power1_label", "PPT\n");
    let mut meters = meters(look(&tree));
    assert_eq!(meters.len(), 1);
    let info = meters[0].info().clone();
    assert_eq!((info.domain, info.source), (domain("gpu@0000:03:00.0"), Source::Hwmon));
    assert!(info.detail.starts_with("amdgpu PPT /"), "{}", info.detail);
    assert_eq!(info.resolution, None);
    let hand = ManualClock::new();
    let rising = || drop(tree.write("hwmon1/power1_average", "350000000\n"));
    let measured = window(&mut *meters[0], &hand, 0.5, rising).expect("power");
    assert_eq!((measured.energy, measured.method), (Joules::new(150.0), Method::Integrated));
    let dark = || drop(tree.write("hwmon1/power1_average", "0\n"));
    dark();
    let nothing = window(&mut *meters[0], &hand, 0.5, dark);
    assert!(matches!(nothing, Err(MeterError::NoPower(_))));
}

#[cfg(unix)]
#[test]
fn energy_of_the_whole_card_is_preferred() {
    let tree = Tree::new();
    chip(&tree, "hwmon4", "xe", Some("0000:03:00.0"));
    for (number, label) in [(1, "vram"), (2, "pkg"), (3, "card")] {
        tree.write(&format!("hwmon4/energy{number}_input"), "5000000\n");
        tree.write(&format!("hwmon4/energy{number}_label"), &format!("{label}\n"));
    }
    tree.write("hwmon4/power1_input", "5\n");
    tree.write("hwmon4/power1_label", "card\n");
    let used = |tree: &Tree| meters(look(tree))[0].info().detail.clone();
    assert!(used(&tree).ends_with("hwmon4/energy3_input"));
    let mut card = meters(look(&tree)).remove(0);
    let count = || drop(tree.write("hwmon4/energy3_input", "9000000\n"));
    let measured = window(&mut *card, &ManualClock::new(), 2.0, count).expect("energy");
    assert_eq!((measured.energy, measured.method), (Joules::new(4.0), Method::Counted));
    let back = window(&mut *card, &ManualClock::new(), 2.0, || {
        drop(tree.write("hwmon4/energy3_input", "1"));
    });
    assert!(matches!(back, Err(MeterError::WentBack)));
    // What cannot be read is passed over for the next best, down to power; memory alone is not it.
    tree.remove("hwmon4/energy3_input");
    assert!(used(&tree).ends_with("hwmon4/energy2_input"));
    tree.write("hwmon4/energy2_input", "unknown\n");
    assert!(used(&tree).ends_with("hwmon4/power1_input"));
    tree.write("hwmon4/power1_input", "unknown\n");
    let refused = refusal(look(&tree));
    assert_eq!(refused.what, Some(domain("gpu@0000:03:00.0")));
    assert!(refused.to_string().contains("energy2_input holds \"unknown\""), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_processor_with_graphics_is_not_taken_for_a_card() {
    let tree = Tree::new();
    chip(&tree, "hwmon2", "amdgpu", Some("0000:06:00.0"));
    tree.write("hwmon2/power1_input", "15000000\n");
    tree.write("hwmon2/in1_label", "vddnb\n");
    let found = meters(look(&tree));
    let both = &found[0].info().domain;
    assert_eq!(*both, domain("sensor:amdgpu 0000:06:00.0"));
    assert!(both.overlaps(&domain("package-0")));
}

#[test]
fn sockets_of_amd_are_told_from_cores() {
    let tree = Tree::new();
    chip(&tree, "hwmon0", "amd_energy", None);
    for (number, label) in [(1, "Ecore000"), (2, "Ecore001"), (3, "Esocket0"), (4, "Esocket1")] {
        tree.write(&format!("hwmon0/energy{number}_input"), "7\n");
        tree.write(&format!("hwmon0/energy{number}_label"), &format!("{label}\n"));
    }
    let domains: Vec<_> =
        meters(look(&tree)).iter().map(|meter| meter.info().domain.clone()).collect();
    assert_eq!(domains, [domain("package-0"), domain("package-1")]);
}

#[test]
fn without_a_known_chip_the_reason_is_told() {
    let tree = Tree::new();
    chip(&tree, "hwmon0", "acpitz", None);
    let mut host = Host::default();
    host.system = "linux".to_owned();
    for folder in [tree.path().to_owned(), tree.at("nowhere")] {
        let refused = refusal(find(&folder, &host));
        assert!(matches!(&refused.why, Why::NoKnownChip { path } if *path == folder), "{refused}");
    }
    host.hypervisor = true;
    let refused = refusal(find(tree.path(), &host));
    assert!(matches!(refused.why, Why::NoKnownChip { .. }), "{refused}");
    let refused = refusal(find(&tree.at("nowhere"), &host));
    assert!(matches!(refused.why, Why::Absent { cause: Cause::VirtualMachine, .. }), "{refused}");
    host.system = "windows".to_owned();
    let refused = refusal(find(&tree.at("nowhere"), &host));
    assert!(matches!(refused.why, Why::Absent { cause: Cause::System(_), .. }), "{refused}");
}

/// No machine takes a terawatt.
#[test]
fn a_power_that_cannot_be_is_refused() {
    let tree = Tree::new();
    let path = tree.write("board/power1_input", "1000000000000000000\n");
    let refused = at(&path, Some(Domain::Machine), &Host::default()).expect_err("10^12 W");
    let text = refused.to_string();
    assert!(
        text.contains("holds \"1000000000000000000\", expected microwatts of a machine"),
        "{text}"
    );
    tree.write("board/power1_input", "40000000\n");
    let mut board = at(&path, Some(Domain::Machine), &Host::default()).expect("a sensor");
    let high = || drop(tree.write("board/power1_input", "100000000000001\n"));
    let lost = window(&mut *board, &ManualClock::new(), 1.0, high);
    assert!(matches!(lost, Err(MeterError::Malformed { .. })));
}

/// As a recorder sees it: the window tells of it, and is without it.
#[test]
fn a_reading_far_from_its_neighbours_is_told() {
    let tree = Tree::new();
    let path = tree.write("board/power1_input", "200000000\n");
    let board = at(&path, Some(Domain::Machine), &Host::default()).expect("a sensor");
    let hand = ManualClock::new();
    let hour = Duration::from_hours(1);
    let recorder = Recorder::start(vec![board], hand.clock(), hour).expect("threads");
    let read = |microwatts: &str| {
        tree.write("board/power1_input", microwatts);
        hand.advance(Duration::from_millis(100));
        recorder.mark()
    };
    let from = read("200000000");
    for microwatts in ["201000000", "199000000", "900000000000", "201000000", "199000000"] {
        let _ = read(microwatts);
    }
    let to = read("200000000");
    let measured = recorder.windows(&from, &to).remove(0).window.expect("power");
    assert!((measured.power().value() - 200.0).abs() < 1.0, "{}", measured.power());
    let notes: Vec<_> = measured.notes.iter().map(ToString::to_string).collect();
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(note.contains("900 kW beside") && note.ends_with(": left out"), "{note}");
}

#[test]
fn a_file_that_is_named_is_used() {
    let tree = Tree::new();
    let path = tree.write("board/power2_input", "40000000\n");
    let mut board = at(&path, None, &Host::default()).expect("a sensor");
    assert_eq!(board.info().domain, domain(&format!("sensor:{}", path.display())));
    let measured = window(&mut *board, &ManualClock::new(), 1.0, || ()).expect("power");
    assert_eq!(measured.energy, Joules::new(40.0));
    let named = at(&path, Some(Domain::Machine), &Host::default()).expect("a sensor");
    assert_eq!(named.info().domain, Domain::Machine);
    let gone = window(&mut *board, &ManualClock::new(), 1.0, || tree.remove("board/power2_input"));
    assert!(matches!(gone, Err(MeterError::Read { .. })));
    let refused = at(&path, None, &Host::default()).expect_err("gone");
    assert!(matches!(refused.why, Why::Broken(_)), "{refused}");
    for name in ["board/temp1_input", "board", "/", "", "/dev/zero"] {
        let refused = at(&tree.path().join(name), None, &Host::default()).expect_err(name);
        assert!(matches!(refused.why, Why::NoSensorFile { .. }), "{refused}");
    }
    assert!(at(Path::new("power1_input"), None, &Host::default()).is_err());
}
