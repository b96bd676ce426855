//! Traces of wall meters, laid over measurements.

use std::time::{Duration, SystemTime};

use perjoule::meter::csv::{Trace, TraceError};
use perjoule::meter::{Domain, MeterError, Method, Source, Span, Window};
use perjoule::units::Joules;

use super::tree::Tree;

/// 2026-01-31T12:00:00Z.
const NOON: u64 = 1_769_860_800;

fn trace(text: &str) -> Result<Trace, TraceError> {
    Trace::parse(text.as_bytes(), Domain::Machine, "wall.csv".to_owned())
}

fn sound(text: &str) -> Trace {
    trace(text).unwrap_or_else(|error| panic!("{error}"))
}

/// So many seconds after noon, or before, and so long.
fn span(after: f64, seconds: f64) -> Span {
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(NOON);
    let apart = Duration::from_secs_f64(after.abs());
    let from = if after < 0.0 { noon - apart } else { noon + apart };
    Span { from, took: Duration::from_secs_f64(seconds) }
}

/// One row a second for half a minute, 100 W up to ten seconds after noon and 300 W from then on.
fn half_a_minute() -> String {
    let row = |second| format!("{},{}\n", NOON + second, if second <= 10 { 100 } else { 300 });
    (0..=30).map(row).collect()
}

fn error(window: Result<Window, MeterError>) -> TraceError {
    match window.expect_err("an error") {
        MeterError::Trace(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn energy_is_what_lies_under_the_line() {
    let trace = sound(&half_a_minute());
    for (after, seconds, joules, rows) in [
        (0.0, 10.0, 1000.0, 11),
        (11.0, 5.0, 1500.0, 6),
        (10.0, 1.0, 200.0, 2),
        (0.5, 5.0, 500.0, 5),
        (10.5, 1.0, 125.0 + 150.0, 1),
        (0.0, 30.0, 1000.0 + 200.0 + 5700.0, 31),
    ] {
        let window = trace.window(&span(after, seconds)).expect("covered");
        assert!((window.energy.value() - joules).abs() < 1e-6, "{after}: {}", window.energy);
        assert_eq!((window.method, window.updates), (Method::Integrated, rows), "{after}");
        assert_eq!((window.about.source, &window.about.domain), (Source::Csv, &Domain::Machine));
        assert_eq!(window.span, span(after, seconds));
    }
}

#[test]
fn rows_are_read_as_meters_write_them() {
    for text in [
        "1769860800,100\n1769860801,100\n",
        "\u{feff}time,watts\n1769860800,100\n1769860801,100\n",
        "Time (s), Volts, Power (W)\r\n1769860800, 230, 100\r\n1769860801, 230, 100\r\n",
        "# a wall meter\n\"timestamp\",\"W\"\n\"2026-01-31T12:00:00Z\",\"100\"\n\
         \"2026-01-31T13:00:01+01:00\",\"100.0\"\n",
        "when,what\n1769860800,100\n1769860801,100\n",
        "power,date\n100,1769860800\n100,1769860801\n",
        "1769860800,100\n1769860800.5,\n1769860801,100,extra\n",
        "1769860800,50\n1769860800,100\n1769860801,100\n",
    ] {
        let window =
            sound(text).window(&span(0.25, 0.75)).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(window.energy, Joules::new(75.0), "{text}");
    }
    let degrees = b"time,power,\xb0C\n1769860800,100,20\n1769860801,100,20\n";
    assert!(Trace::parse(degrees, Domain::Machine, String::new()).is_ok());
}

#[test]
fn rubbish_is_told_with_its_line() {
    for (text, expected) in [
        ("", "the trace has 0 rows with time and power, expected two or more"),
        ("time,watts\n", "the trace has 0 rows with time and power, expected two or more"),
        ("1769860800,100\n", "the trace has 1 rows with time and power, expected two or more"),
        ("time,watts\nnow,100\n", "line 2: \"now\" is no time, expected seconds since 1970, or"),
        ("soon,100\nnow,100\n", "line 1: \"soon\" is no time, expected seconds since 1970, or"),
        ("2026-01-31T12:00:00,5\n", "line 1: \"2026-01-31T12:00:00\" is no time"),
        ("1769860800000,5\n", "line 1: \"1769860800000\" is no time"),
        ("1769860800;100\n1769860801;100\n", "line 2: \"\" is no power, expected watts"),
        ("1769860800,100\n1769860801,unavailable\n", "line 2: \"unavailable\" is no power"),
        ("1769860800,100\n1769860801,-5\n", "line 2: \"-5\" is no power, expected watts"),
        ("1769860800,100\n1769860801,NaN\n", "line 2: \"NaN\" is no power, expected watts"),
        ("1769860800,100\n1769860801\n", "line 2: \"\" is no power, expected watts"),
        (
            "1769860801,100\n1769860800,100\n",
            "line 2: \"1769860800\" is earlier than the row before",
        ),
    ] {
        let error = trace(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn a_trace_that_does_not_cover_the_time_shows_both() {
    let trace = sound(&half_a_minute());
    for (after, seconds) in [(-1.0, 5.0), (28.0, 5.0), (-10.0, 60.0), (3600.0, 1.0), (-3600.0, 1.0)]
    {
        let error = error(trace.window(&span(after, seconds)));
        assert!(matches!(error, TraceError::NotCovered { .. }), "{error}");
    }
    let text = error(trace.window(&span(3600.0, 5.0))).to_string();
    let expected = "the trace is from 2026-01-31T12:00:00Z to 2026-01-31T12:00:30Z, and the \
        measurement from 2026-01-31T13:00:00Z to 2026-01-31T13:00:05Z: check the clocks, and give \
        the offset between them";
    assert_eq!(text, expected);
    let nothing = Span { took: Duration::ZERO, ..span(1.0, 0.0) };
    assert!(matches!(trace.window(&nothing), Err(MeterError::NoTime)));
    let long_ago = Span { from: SystemTime::UNIX_EPOCH - Duration::from_secs(5), ..span(0.0, 1.0) };
    assert!(matches!(error(trace.window(&long_ago)), TraceError::NotCovered { .. }));
}

#[test]
fn the_meters_clock_may_be_another() {
    let trace = sound(&half_a_minute());
    let hour = Duration::from_hours(1);
    // It shows noon when it is one o'clock here, and the other way round.
    for (trace, after) in [
        (trace.clone().clock_behind(hour), 3600.0),
        (trace.clone().clock_ahead(hour), -3600.0),
        (trace.clone().clock_ahead(hour).clock_behind(hour), 3600.0),
    ] {
        let window = trace.window(&span(after + 12.0, 5.0)).expect("covered");
        assert_eq!((window.energy, window.span), (Joules::new(1500.0), span(after + 12.0, 5.0)));
        let text = error(trace.window(&span(0.0, 5.0))).to_string();
        // Both by the clock of this machine.
        assert!(text.contains("and the measurement from 2026-01-31T12:00:00Z"), "{text}");
        assert!(!text.contains("is from 2026-01-31T12"), "{text}");
    }
    let far = trace.clock_ahead(Duration::MAX);
    assert!(matches!(error(far.window(&span(0.0, 1.0))), TraceError::NotCovered { .. }));
}

#[test]
fn gaps_within_the_time_are_an_error() {
    let rows = |seconds: &[u64]| {
        let rows: Vec<_> = seconds.iter().map(|second| format!("{},100", NOON + second)).collect();
        rows.join("\n")
    };
    let trace = sound(&rows(&[0, 1, 2, 20, 21, 50, 51]));
    // A gap before or behind the measurement is none.
    assert!(trace.window(&span(20.0, 1.0)).is_ok());
    for (after, seconds, gaps, time) in [(0.0, 21.0, 1, 18), (5.0, 15.5, 1, 15), (0.0, 51.0, 2, 47)]
    {
        let found = error(trace.window(&span(after, seconds)));
        let TraceError::Gaps { gaps: found_gaps, time: found_time, .. } = found else {
            panic!("{found}")
        };
        assert_eq!((found_gaps, found_time), (gaps, Duration::from_secs(time)));
    }
    let patient = trace.clone().patience(Duration::from_secs(30));
    assert_eq!(patient.window(&span(0.0, 51.0)).expect("patience").energy, Joules::new(5100.0));
    // Without a single value within it, nothing was measured.
    assert!(matches!(patient.window(&span(30.0, 5.0)), Err(MeterError::NoValue)));
    let dark = sound(&rows(&[0, 1, 2]).replace(",100", ",0"));
    assert!(matches!(dark.window(&span(0.0, 2.0)), Err(MeterError::NoPower(_))));
}

#[test]
fn a_file_is_read_or_named_in_the_error() {
    let tree = Tree::new();
    let path = tree.write("wall.csv", &half_a_minute());
    let trace = Trace::read(&path, Domain::Machine).expect("a trace");
    assert_eq!(trace.about().detail, path.display().to_string());
    let gone = tree.at("gone.csv");
    for path in [gone.as_path(), tree.path()] {
        let error = Trace::read(path, Domain::Machine).expect_err("no file").to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    }
}

proptest::proptest! {
    /// Whatever is in a file, it is a trace or an error.
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = Trace::parse(&bytes, Domain::Machine, String::new());
    }

    /// Two windows side by side hold what one over both holds.
    #[test]
    fn windows_add_up(cut in 0.1_f64..29.9) {
        let trace = sound(&half_a_minute()).patience(Duration::from_secs(2));
        let whole = trace.window(&span(0.0, 30.0)).expect("covered").energy;
        let part = |span| trace.window(&span).expect("covered").energy;
        let parts = part(span(0.0, cut)) + part(span(cut, 30.0 - cut));
        proptest::prop_assert!((parts - whole).value().abs() < 1e-3, "{parts} of {whole}");
    }
}
