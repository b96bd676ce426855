//! Traces of wall meters, laid over measurements.

use std::path::Path;
use std::time::{Duration, SystemTime};

use perjoule::meter::csv::{TraceError, WallTrace};
use perjoule::meter::{Domain, MeterError, Method, Source, Span, Window, WindowNote};
use perjoule::units::Joules;

use super::tree::Tree;

/// 2026-01-31T12:00:00Z.
const NOON: u64 = 1_769_860_800;

fn trace(text: &str) -> Result<WallTrace, TraceError> {
    with_column(text, None)
}

fn with_column(text: &str, column: Option<&str>) -> Result<WallTrace, TraceError> {
    WallTrace::parse(text.as_bytes(), Domain::Machine, "wall.csv".to_owned(), column)
}

fn sound(text: &str) -> WallTrace {
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
        assert_eq!((window.info.source, &window.info.domain), (Source::Csv, &Domain::Machine));
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
    assert!(WallTrace::parse(degrees, Domain::Machine, String::new(), None).is_ok());
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
        (
            "1769860800;100\n1769860801;100\n",
            "line 1: \"1769860800;100\" is no row of time and power, expected a comma",
        ),
        // Lines are those of the file, whatever they end with and whatever is passed over.
        ("time,watts\r\n1769860800,100\r\n1769860801,x\r\n", "line 3: \"x\" is no power"),
        ("time,watts\r1769860800,100\r1769860801,x\r", "line 3: \"x\" is no power"),
        ("# a\r\n\r\ntime,watts\r\n# b\r\n1769860800,x\r\n", "line 5: \"x\" is no power"),
        ("# a\n\ntime,watts\n# b\n1769860800,x\n", "line 5: \"x\" is no power"),
        ("\u{feff}time,watts\r\n1769860800,x\r\n", "line 2: \"x\" is no power"),
        ("PK\u{3}\u{4}\0\0\n", "this is no text, expected lines of time and power"),
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
        the offset between them, or have it written until the measurement is over";
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
        let rows: Vec<_> =
            seconds.iter().map(|second| format!("{},100\n", NOON + second)).collect();
        rows.concat()
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
    let read = |path: &Path| WallTrace::read(path, Domain::Machine, None);
    let trace = read(&path).expect("a trace");
    assert_eq!(trace.info().detail, path.display().to_string());
    let gone = tree.at("gone.csv");
    let error = read(&gone).expect_err("no file").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", gone.display())), "{error}");
    let error = read(tree.path()).expect_err("no file").to_string();
    assert!(
        error.ends_with(" is a folder, expected a file with rows of time and power"),
        "{error}"
    );
    // Of 3 GB nothing is read, nor of what has no end, nor is a pipe waited for.
    let long = tree.write("long.csv", "");
    let file = std::fs::File::options().write(true).open(&long).expect("the file");
    file.set_len(3 << 30).expect("a file with holes");
    let error = read(&long).expect_err("too long").to_string();
    assert!(
        error.ends_with(" has more than 256 MiB: cut it to the time of the measurement"),
        "{error}"
    );
    #[cfg(target_os = "linux")]
    {
        let pipe = tree.at("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        for (path, what) in [(pipe.as_path(), "a pipe"), (Path::new("/dev/zero"), "a device")] {
            let error = read(path).expect_err("no file").to_string();
            let expected = format!("{} is {what}, expected a file", path.display());
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

/// Every row is 100 of the unit that the header names.
fn in_unit(header: &str, column: Option<&str>) -> Result<Joules, TraceError> {
    let fields = header.split(',').count();
    let row = |second: u64| {
        let rest = vec!["100"; fields - 1].join(",");
        format!("{},{rest}\n", NOON + second)
    };
    let text = format!("{header}\n{}{}{}", row(0), row(1), row(2));
    let trace = with_column(&text, column)?;
    Ok(trace.window(&span(0.0, 2.0)).expect("covered").energy)
}

#[test]
fn the_header_says_the_unit() {
    for (header, joules) in [
        ("time,W", 200.0),
        ("time,Power (kW)", 200e3),
        ("time,power_kW", 200e3),
        ("time,power_kw", 200e3),
        ("time,PowerKW", 200e3),
        ("time,Kilowatts", 200e3),
        ("time,power [mW]", 0.2),
        ("time,power_uW", 200e-6),
        ("time,power \u{b5}W", 200e-6),
        ("time,Power MW", 200e6),
    ] {
        let energy = in_unit(header, None).unwrap_or_else(|why| panic!("{header}: {why}"));
        assert!((energy.value() / joules - 1.0).abs() < 1e-9, "{header}: {energy}");
    }
    let no_machine = in_unit("time,Power (GW)", None).expect_err("100 GW").to_string();
    assert!(no_machine.starts_with("line 2: \"100\" is no power"), "{no_machine}");
    for header in ["time,power_mw", "time,LoadkW"] {
        let unclear = in_unit(header, None).expect_err(header).to_string();
        assert!(unclear.contains("is not clear, expected W, mW, kW or MW"), "{unclear}");
    }
}

#[test]
fn columns_are_judged_by_whole_words() {
    let choose = |header: &str| {
        // The column that is taken is the one with 7 W.
        let names: Vec<_> = header.split(',').collect();
        let taken = |place: usize| {
            let fields = (0..names.len()).map(|other| match other {
                0 => None,
                _ if other == place => Some("7"),
                _ => Some("5000"),
            });
            let row = |second: u64| {
                let time = (NOON + second).to_string();
                let fields = fields.clone().map(|field| field.unwrap_or(&time).to_owned());
                fields.collect::<Vec<_>>().join(",") + "\n"
            };
            let trace = trace(&format!("{header}\n{}{}{}", row(0), row(1), row(2)));
            let trace = trace.unwrap_or_else(|why| panic!("{header}: {why}"));
            trace.window(&span(0.0, 2.0)).expect("covered").energy == Joules::new(14.0)
        };
        (1..names.len()).find(|&place| taken(place)).map(|place| names[place].to_owned())
    };
    for (header, column) in [
        ("time,power.limit [W],power.draw [W]", "power.draw [W]"),
        ("Time,ApparentPower,ReactivePower,Power", "Power"),
        ("Time,Total,Today,Power,ApparentPower,ReactivePower,Factor,Voltage,Current", "Power"),
        ("Time,Watt Hours,Watts", "Watts"),
        ("time,Energy (kWh),Power (VA),Active Power (W)", "Active Power (W)"),
        ("time,max power,min power,power", "power"),
        ("time,rated_w,nominal_w,power_cap_w,peak_w,power_w", "power_w"),
        ("time,volts,amps,watts", "watts"),
        ("time,uptime,power state,power", "power"),
        ("time,Power (%),Power", "Power"),
        ("time,Current Power (W),current (A)", "Current Power (W)"),
        ("time,value", "value"),
        ("when,watts", "watts"),
    ] {
        assert_eq!(choose(header).as_deref(), Some(column), "{header}");
    }
    for (header, part) in [
        ("time,power.limit [W]", "no column is power in watts, of \"time\", \"power.limit [W]\""),
        ("time,Watt Hours", "no column is power in watts"),
        ("time,kWh", "no column is power in watts"),
        ("time,ApparentPower", "no column is power in watts"),
        ("time,volts", "no column is power in watts"),
        ("time,value,comment", "no column is power in watts"),
        ("volts,power", "no column is the time"),
        (
            "CPU Power (W),GPU Power (W),time",
            "\"CPU Power (W)\", \"GPU Power (W)\" may all be the power",
        ),
        ("time,Power (W),power.draw [W]", "may all be the power: name the right one"),
        ("Date,Time,Power", "\"Date\", \"Time\" may all be the time"),
    ] {
        let refused = in_unit(header, None).expect_err(header).to_string();
        assert!(refused.contains(part), "{header}: {refused}");
    }
}

#[test]
fn a_column_that_is_named_is_taken() {
    for (header, column, joules) in [
        ("time,CPU Power (W),GPU Power (kW)", "gpu power (kw)", 200e3),
        ("time,value,comment", "value", 200.0),
        ("time,max_power_w,power_w", "max_power_w", 200.0),
        ("time,Time,Power", "Power", 0.0),
    ] {
        match in_unit(header, Some(column)) {
            Ok(energy) => assert_eq!(energy, Joules::new(joules), "{header}"),
            Err(why) => assert!(matches!(why, TraceError::SeveralTimes { .. }), "{header}: {why}"),
        }
    }
    for (header, column, part) in [
        ("time,power,power", "power", "or more than one"),
        ("time,power", "watts", "there is no column \"watts\""),
        ("time,Power (VA),Power (W)", "Power (VA)", "the unit of \"Power (VA)\" is not clear"),
        ("1769860799,100", "power", "there is no column \"power\""),
    ] {
        let refused = in_unit(header, Some(column)).expect_err(header).to_string();
        assert!(refused.contains(part), "{header}: {refused}");
    }
}

#[test]
fn a_row_that_is_still_being_written_is_left_for_later() {
    let whole = half_a_minute();
    for cut in
        ["1769860831", "1769860831,", "1769860831,3", "1769860831,300", "\"17698", "17698608"]
    {
        let trace = sound(&format!("{whole}{cut}"));
        let window = trace.window(&span(11.0, 19.0)).expect("covered");
        assert_eq!(window.energy, Joules::new(5700.0), "{cut}");
        assert!(matches!(error(trace.window(&span(11.0, 20.0))), TraceError::NotCovered { .. }));
    }
}

#[test]
fn other_encodings_are_read() {
    let text = "time,Power (\u{b5}W)\r\n1769860800,100e6\r\n1769860801,100e6\r\n1769860802,x\r\n";
    let units: Vec<u16> = text.encode_utf16().collect();
    let little = units.iter().flat_map(|unit| unit.to_le_bytes());
    let big = units.iter().flat_map(|unit| unit.to_be_bytes());
    let utf8 = text.bytes();
    for (mark, bytes) in [
        (&[0xff, 0xfe][..], little.clone().collect::<Vec<u8>>()),
        (&[], little.collect()),
        (&[0xfe, 0xff], big.clone().collect()),
        (&[], big.collect()),
        (&[0xef, 0xbb, 0xbf], utf8.collect()),
    ] {
        let bytes = [mark, &bytes].concat();
        let read = |bytes: &[u8]| WallTrace::parse(bytes, Domain::Machine, String::new(), None);
        let error = read(&bytes).expect_err("a word for a number").to_string();
        assert!(error.starts_with("line 4: \"x\" is no power"), "{error}");
        // Without the last line, of which a byte is there.
        let last = if bytes.contains(&0) { 2 * 14 } else { 14 };
        let cut = &bytes[..=bytes.len() - last];
        let energy = read(cut).expect("a trace").window(&span(0.0, 1.0)).expect("covered").energy;
        assert_eq!(energy, Joules::new(100.0));
    }
}

#[test]
fn a_value_far_from_its_neighbours_is_told_and_left_out() {
    let text = half_a_minute().replace("1769860820,300", "1769860820,900000");
    let window = sound(&text).window(&span(15.0, 10.0)).expect("covered");
    assert_eq!(window.energy, Joules::new(3000.0));
    let [note] = window.notes.as_slice() else { panic!("{:?}", window.notes) };
    let told = "1 values of power are far from those before and after (such as 900 kW beside 300 W): \
                left out";
    assert_eq!(note.to_string(), told);
    let text = text.replace(",900000", ",9000");
    let window = sound(&text).window(&span(15.0, 10.0)).expect("covered");
    assert_eq!(window.energy, Joules::new(3000.0 + 8700.0));
    assert!(matches!(window.notes.as_slice(), [WindowNote::Far { left_out: false, times: 1, .. }]));
    // Elsewhere it does not matter.
    assert_eq!(sound(&text).window(&span(21.0, 5.0)).expect("covered").notes, []);
}

proptest::proptest! {
    /// Whatever is in a file, it is a trace or an error.
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = WallTrace::parse(&bytes, Domain::Machine, String::new(), None);
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
