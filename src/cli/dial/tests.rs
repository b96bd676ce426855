//! Tests processes that are stopped and go on, on a simulated clock.

use std::time::Duration;

use perjoule::block::{Header, Target};
use perjoule::engine::{self, EngineId};
use perjoule::search::{Duty, Search, SearchControl, Throttle, Workers};
use serde_json::Value;

use super::power::PowerReading;
use super::report::Report;
use perjoule::dial::{Drive, SetpointProfile};

const TICK: Duration = Duration::from_millis(5);

/// Returns the report of a machine that follows at once, and stands still from the first time in
/// `stop` for the second. Full speed is held from 1 s to 3 s, then each set point for two seconds.
fn stopped(steps: &[f64], stop: Option<(f64, f64)>) -> Report {
    let steps: Vec<_> = steps.iter().map(|&step| Duty::from_percent(step).unwrap()).collect();
    let hold = Duration::from_secs(2);
    let profile = SetpointProfile { steps: &steps, hold, is_metered: false };
    let throttle = Throttle::default();
    let mut stop = stop.map(|(at, time)| [at, time].map(Duration::from_secs_f64));
    let (mut now, mut hashes) = (Duration::ZERO, 0.0);
    let mut drive = Drive::start(&profile, &throttle, now);
    while !drive.is_complete {
        now += TICK;
        hashes += 1e6 * throttle.duty().share() * TICK.as_secs_f64();
        if let Some([_, time]) = stop.take_if(|[at, _]| now >= *at) {
            now += time;
        }
        drive.tick(now, hashes as u64);
    }
    let scalar = engine::by_id(EngineId::Scalar).unwrap();
    let workers = Workers::builder(scalar).threads(1).build().unwrap();
    let nothing = Search::new(Header::from_bytes([0; Header::LEN]), Target::MAX);
    let run = drive.end(nothing.all(0, &workers, SearchControl::default()));
    let told = PowerReading { energy: None, by: "no meter".to_owned() };
    Report::new(&profile, &run, &told, &workers)
}

fn json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn gaps(during: &str, seconds: f64) -> Value {
    serde_json::json!([{ "during": during, "seconds": seconds }])
}

#[test]
fn a_run_that_nothing_stops_has_levels_and_no_gaps() {
    let report = stopped(&[50.0, 0.0], None);
    let told = json(&report);
    assert_eq!(told["gaps"], serde_json::json!([]));
    for (step, level) in [(0, 50.0), (1, 0.0)] {
        let step = &told["steps"][step];
        assert_eq!((&step["reached"], &step["within_5_s"]), (&"yes".into(), &true.into()));
        assert!((step["settled_percent"].as_f64().unwrap() - level).abs() < 0.1, "{step}");
    }
    assert_eq!(report.nothing_measured(), None);
    assert!(!report.to_text().contains("no reading"));
}

/// Such a run used to print some 150,000 % for all set points after it, and to exit with 0.
#[test]
fn a_stop_at_full_speed_leaves_nothing_to_compare_with() {
    let report = stopped(&[50.0, 100.0], Some((1.5, 3_000.0)));
    let told = json(&report);
    assert_eq!(told["gaps"], gaps("full speed", 3_000.005));
    assert_eq!(told["full_hashes_per_second"], Value::Null);
    assert_eq!(told["steps"], serde_json::json!([]));
    let why = report.nothing_measured().unwrap();
    assert!(why.starts_with("no reading for 3000.005 s during full speed: "), "{why}");
    let text = report.to_text();
    assert!(text.contains("\nno reading for 3000.005 s during full speed\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_stop_in_a_step_leaves_out_that_step_and_keeps_the_next_level() {
    let report = stopped(&[50.0, 0.0, 100.0], Some((3.5, 10.0)));
    let told = json(&report);
    assert_eq!(told["gaps"], gaps("100 to 50 %", 10.005));
    let [first, second, third] = [0, 1, 2].map(|step| &told["steps"][step]);
    assert_eq!([&first["reached"], &second["reached"]], ["no reading"; 2]);
    for unknown in ["t90_seconds", "overshoot_percent", "ripple_percent", "settled_percent"] {
        assert_eq!(first[unknown], Value::Null, "{unknown}");
    }
    for unknown in ["settled_hashes_per_second", "hashes_lost", "within_5_s"] {
        assert_eq!(first[unknown], Value::Null, "{unknown}");
    }
    assert_eq!((&second["t90_seconds"], &second["settled_percent"]), (&Value::Null, &0.0.into()));
    assert_eq!((&third["reached"], &third["within_5_s"]), (&"yes".into(), &true.into()));
    assert_eq!(report.nothing_measured(), None);
    assert!(report.to_text().contains("no reading for 10.005 s during 100 to 50 %"));
}

#[test]
fn where_the_only_step_was_stopped_nothing_was_measured() {
    let report = stopped(&[50.0], Some((4.0, 60.0)));
    let why = report.nothing_measured().unwrap();
    assert!(why.starts_with("no reading for 60.005 s during 100 to 50 %: "), "{why}");
}
