//! Performance events, on machines of one and two sockets, with a kernel that is made up.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use perjoule::meter::fake::ManualClock;
use perjoule::meter::perf::{Count, Event, find};
use perjoule::meter::{Cause, Found, Host, MeterError, Why};
use perjoule::units::Joules;

use super::tree::Tree;
use super::{meters, refusal, window};

/// 2^-32 J, as Linux writes it.
const SCALE: &str = "2.3283064365386962890625e-10";

/// Two sockets of four processors, the first of each counting.
fn server() -> Tree {
    let tree = Tree::new();
    tree.write("power/type", "23\n");
    tree.write("power/cpumask", "0,4\n");
    for (event, number) in [("energy-pkg", "0x02"), ("energy-ram", "0x03")] {
        tree.write(&format!("power/events/{event}"), &format!("event={number}\n"));
        tree.write(&format!("power/events/{event}.scale"), &format!("{SCALE}\n"));
        tree.write(&format!("power/events/{event}.unit"), "Joules\n");
    }
    for processor in 0..8 {
        let path = format!("cpu/cpu{processor}/topology/physical_package_id");
        tree.write(&path, &format!("{}\n", processor / 4));
    }
    tree
}

/// Counts what a test says.
#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicU64>);

impl Count for Counter {
    fn count(&mut self) -> io::Result<u64> {
        match self.0.load(Ordering::SeqCst) {
            u64::MAX => Err(io::ErrorKind::NotFound.into()),
            count => Ok(count),
        }
    }
}

fn find_with(
    tree: &Tree,
    host: &Host,
    open: impl Fn(Event) -> io::Result<Box<dyn Count>>,
) -> Vec<Found> {
    find(&tree.at("power"), &tree.at("cpu"), host, &open)
}

fn linux() -> Host {
    let mut host = Host::default();
    (host.system, host.architecture) = ("linux".to_owned(), "x86_64".to_owned());
    host
}

#[test]
fn one_processor_of_each_socket_counts() {
    let tree = server();
    let opened = RefCell::new(Vec::new());
    let counter = Counter::default();
    let found = find_with(&tree, &linux(), |event| {
        opened.borrow_mut().push((event.kind, event.config, event.processor));
        Ok(Box::new(counter.clone()))
    });
    assert_eq!(opened.into_inner(), [(23, 2, 0), (23, 2, 4), (23, 3, 0), (23, 3, 4)]);
    let mut meters = meters(found);
    let domains: Vec<_> = meters.iter().map(|meter| meter.info().domain.to_string()).collect();
    assert_eq!(domains, ["package-0", "package-1", "dram-0", "dram-1"]);
    assert_eq!(meters[0].info().resolution.expect("known").to_string(), "233 pJ");
    let seven_joules = || counter.0.store(7 << 32, Ordering::SeqCst);
    let measured = window(&mut *meters[1], &ManualClock::new(), 2.0, seven_joules).expect("energy");
    assert_eq!((measured.energy, measured.power().value()), (Joules::new(7.0), 3.5));
}

#[test]
fn dies_that_are_counted_apart_are_kept_apart() {
    let tree = server();
    tree.write("power/cpumask", "0,2,4\n");
    tree.write("cpu/cpu0/topology/die_id", "0\n");
    tree.write("cpu/cpu2/topology/die_id", "1\n");
    let found = find_with(&tree, &linux(), |_| Ok(Box::new(Counter::default())));
    let domains: Vec<_> =
        found.iter().flatten().map(|meter| meter.info().domain.to_string()).collect();
    let expected = ["package-0.0", "package-0.1", "package-1", "dram-0.0", "dram-0.1", "dram-1"];
    assert_eq!(domains, expected);
}

/// AMD's counter is of the whole processor, whatever the kernel makes of its dies.
#[test]
fn one_counter_for_all_dies_is_counted_once() {
    let tree = server();
    tree.write("power/cpumask", "0,2,4\n");
    tree.write("cpu/cpu0/topology/die_id", "0\n");
    tree.write("cpu/cpu2/topology/die_id", "1\n");
    let mut host = linux();
    host.vendor = Some("AuthenticAMD".to_owned());
    let found = find_with(&tree, &host, |_| Ok(Box::new(Counter::default())));
    let (used, twins): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    let domains = used.iter().flatten().map(|meter| meter.info().domain.to_string());
    let expected = ["package-0.0", "package-1", "dram-0.0", "dram-1"];
    assert_eq!(domains.collect::<Vec<_>>(), expected);
    let twins: Vec<_> = twins.into_iter().filter_map(Result::err).collect();
    assert!(twins.iter().all(|twin| matches!(twin.why, Why::Twin(_))), "{twins:?}");
    assert_eq!(twins.len(), 2);
}

#[test]
fn a_counter_that_fails_or_starts_anew_is_an_error() {
    let tree = server();
    let counter = Counter::default();
    let mut meters = meters(find_with(&tree, &linux(), |_| Ok(Box::new(counter.clone()))));
    let set = |count| counter.0.store(count, Ordering::SeqCst);
    let hand = ManualClock::new();
    set(500);
    let back = window(&mut *meters[0], &hand, 1.0, || set(400));
    assert!(matches!(back, Err(MeterError::WentBack)));
    let gone = window(&mut *meters[0], &hand, 1.0, || set(u64::MAX));
    assert!(matches!(gone, Err(MeterError::Read { .. })));
    set(600);
    assert!(matches!(window(&mut *meters[0], &hand, 1.0, || ()), Err(MeterError::CounterStuck(_))));
}

#[test]
fn permission_is_explained() {
    let tree = server();
    let mut host = linux();
    host.perf_event_paranoid = Some(4);
    let found = find_with(&tree, &host, |_| Err(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(found.len(), 4);
    for found in found {
        let refused = found.expect_err("no permission");
        assert!(refused.to_string().ends_with("(kernel.perf_event_paranoid is 4)"), "{refused}");
        let remedy = refused.remedy().expect("one");
        assert!(remedy.contains("`sudo sysctl kernel.perf_event_paranoid=0`"), "{remedy}");
    }
    let found = find_with(&tree, &host, |_| Err(io::ErrorKind::NotFound.into()));
    assert!(
        found
            .iter()
            .all(|found| matches!(found, Err(error) if matches!(error.why, Why::Broken(_))))
    );
}

#[test]
fn rubbish_in_the_description_is_told() {
    for (path, text) in [
        ("power/type", "power"),
        ("power/type", "99999999999"),
        ("power/cpumask", ""),
        ("power/cpumask", "0-99999999"),
        ("power/events/energy-pkg", "0x02"),
        ("power/events/energy-pkg", "event=0xzz"),
        ("power/events/energy-pkg.unit", "Watts"),
        ("power/events/energy-pkg.scale", "-1"),
        ("power/events/energy-pkg.scale", "inf"),
        ("power/events/energy-pkg.scale", "NaN"),
    ] {
        let tree = server();
        let file = tree.write(path, text);
        let found = find_with(&tree, &linux(), |_| Ok(Box::new(Counter::default())));
        let broken: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).collect();
        assert!(!broken.is_empty(), "{path}: {text}");
        for broken in broken {
            let text = broken.to_string();
            assert!(
                text.contains(&file.display().to_string()) && text.contains("expected"),
                "{text}"
            );
        }
        // What is wrong with one event is none of the other's business.
        let sound = found.iter().flatten().count();
        assert_eq!(sound, if path.contains("energy-pkg") { 2 } else { 0 });
    }
}

#[test]
fn without_events_the_reason_is_told() {
    let tree = Tree::new();
    let mut host = linux();
    host.hypervisor = true;
    let why = refusal(find_with(&tree, &host, |_| panic!("there is nothing to open")));
    assert!(matches!(&why.why, Why::Absent { cause: Cause::VirtualMachine, .. }), "{why}");
}
