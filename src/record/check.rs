//! Checks that the values of a record are possible. A file may have been edited, cut or made by
//! another program, and a decision would take a number that cannot have been measured like any
//! other: it is refused when the file is read, with its place.

use std::fmt::{Arguments, Display};

use super::{
    Energy, Named, Rate, Record, Roof, Row, ScoredDevice, ScoredMachine, State, Trial, WorkSize,
};
use crate::units::{Hertz, Joules, Watts};

/// A value of a record that no score can have, with its place and the values that are possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} is {found}, expected {expected}")]
pub struct ImpossibleValueError {
    /// Place of the value, such as `rows[3].energy.trials[0].joules`.
    place: String,
    found: String,
    expected: String,
}

/// Maximum length of a list of rows, devices and so on.
const MOST_ITEMS: usize = 10_000;

/// Maximum length of a text, in bytes.
const MOST_TEXT: usize = 100_000;

/// Two numbers that follow from each other differ by no more than this share, which leaves room for
/// what was rounded.
const ROUNDING: f64 = 0.01;

/// The range that a number must lie in.
#[derive(Clone, Copy)]
struct Range {
    least: f64,
    /// Whether `least` itself is excluded.
    above: bool,
    most: f64,
    /// The range in words, with the unit.
    expected: &'static str,
}

impl Range {
    const fn above_zero(most: f64, expected: &'static str) -> Self {
        Self { least: 0.0, above: true, most, expected }
    }

    const fn from_zero(most: f64, expected: &'static str) -> Self {
        Self { least: 0.0, above: false, most, expected }
    }
}

const RATE: Range = Range::above_zero(1e21, "more than 0 and at most 1e21 a second");
const SHARE: Range = Range::from_zero(1e6, "a share of 0 or more");
const TIMES: Range = Range::above_zero(1e21, "more than 0 and at most 1e21");
const SECONDS: Range = Range::from_zero(1e9, "0 to 1e9 seconds");
const SOME_SECONDS: Range = Range::above_zero(1e9, "more than 0 and at most 1e9 seconds");
const WATTS: Range = Range::from_zero(1e9, "0 to 1e9 watts");
const SOME_WATTS: Range = Range::above_zero(1e9, "more than 0 and at most 1e9 watts");
const JOULES: Range = Range::above_zero(1e15, "more than 0 and at most 1e15 joules");
const STEP: Range = Range::from_zero(1e9, "0 to 1e9 joules");
const WORK: Range = Range::above_zero(1e30, "more than 0 and at most 1e30");
const BYTES: Range = Range::above_zero(1e18, "1 to 1e18 bytes");
const SIDE: Range = Range::above_zero(1e12, "1 to 1e12");
const CORES: Range = Range::from_zero(1e6, "0 to 1e6 cores");
const COUNT: Range = Range::above_zero(1e6, "1 to 1e6");
const HERTZ: Range = Range::from_zero(1e12, "0 to 1e12 hertz");
const CELSIUS: Range =
    Range { least: -273.15, above: false, most: 1e4, expected: "-273.15 to 1e4 degrees" };

/// Corrects what older versions wrote differently, and refuses a record with impossible values.
pub(super) fn checked(mut record: Record) -> Result<Record, ImpossibleValueError> {
    record.rows.iter_mut().for_each(settle);
    check(&record)?;
    Ok(record)
}

/// Removes numbers that older versions wrote though they mean nothing: the spread of a single
/// value, and the share of a disturbed roof.
fn settle(row: &mut Row) {
    if row.per_second.slices < 2 {
        row.per_second.spread = None;
    }
    if let Some(energy) = row.energy.as_mut().filter(|energy| energy.trials.len() < 2) {
        energy.uncertainty = None;
    }
    row.settle_roof();
}

fn check(record: &Record) -> Result<(), ImpossibleValueError> {
    for (what, count) in [
        ("devices", record.devices.len()),
        ("meters", record.meters.len()),
        ("rows", record.rows.len()),
        ("missing", record.missing.len()),
        ("faults", record.faults.len()),
        ("warnings", record.warnings.len()),
        ("traces", record.traces.len()),
        ("finished", record.finished.len()),
    ] {
        few(format_args!("{what}"), count)?;
    }
    text(format_args!("perjoule"), &record.perjoule)?;
    name(format_args!("started"), &record.started)?;
    within(format_args!("seconds"), record.seconds, SECONDS)?;
    of_machine(&record.machine)?;
    for (at, device) in record.devices.iter().enumerate() {
        of_device(format_args!("devices[{at}]"), device)?;
    }
    for (at, meter) in record.meters.iter().enumerate() {
        name(format_args!("meters[{at}].domain"), &meter.domain)?;
        name(format_args!("meters[{at}].source"), &meter.source)?;
        may_say(format_args!("meters[{at}].unavailable"), meter.unavailable.as_ref())?;
        let step = meter.resolution.map(Joules::value);
        may_be(format_args!("meters[{at}].resolution_joules"), step, STEP)?;
    }
    for (at, row) in record.rows.iter().enumerate() {
        of_row(format_args!("rows[{at}]"), row)?;
    }
    for (list, notes) in [("missing", &record.missing), ("faults", &record.faults)] {
        for (at, note) in notes.iter().enumerate() {
            name(format_args!("{list}[{at}].device"), &note.device)?;
            text(format_args!("{list}[{at}].what"), &note.what)?;
            text(format_args!("{list}[{at}].why"), &note.why)?;
        }
    }
    for (at, warning) in record.warnings.iter().enumerate() {
        text(format_args!("warnings[{at}]"), warning)?;
    }
    for (at, trace) in record.traces.iter().enumerate() {
        name(format_args!("traces[{at}].domain"), &trace.domain)?;
        for (nth, (seconds, watts)) in trace.points.iter().enumerate() {
            within(format_args!("traces[{at}].points[{nth}][0]"), *seconds, SECONDS)?;
            within(format_args!("traces[{at}].points[{nth}][1]"), watts.value(), WATTS)?;
        }
    }
    for (at, finished) in record.finished.iter().enumerate() {
        name(format_args!("finished[{at}].device"), &finished.device)?;
        few(format_args!("finished[{at}].workloads"), finished.workloads.len())?;
    }
    Ok(())
}

fn of_machine(machine: &ScoredMachine) -> Result<(), ImpossibleValueError> {
    let ScoredMachine { cpu, usable_cores, memory_bytes, system } = machine;
    may_say(format_args!("machine.cpu"), cpu.as_ref())?;
    text(format_args!("machine.system"), system)?;
    within(format_args!("machine.usable_cores"), *usable_cores as f64, COUNT)?;
    may_be(format_args!("machine.memory_bytes"), memory_bytes.map(|it| it as f64), BYTES)
}

fn of_device(at: Arguments<'_>, device: &ScoredDevice) -> Result<(), ImpossibleValueError> {
    name(format_args!("{at}.id"), &device.id)?;
    text(format_args!("{at}.name"), &device.name)?;
    may_say(format_args!("{at}.tuned"), device.tuned.as_ref())?;
    let largest = device.largest_buffer_bytes.map(|bytes| bytes as f64);
    may_be(format_args!("{at}.largest_buffer_bytes"), largest, BYTES)
}

fn of_row(at: Arguments<'_>, row: &Row) -> Result<(), ImpossibleValueError> {
    name(format_args!("{at}.device"), &row.device)?;
    name(format_args!("{at}.workload"), &row.workload)?;
    name(format_args!("{at}.variant"), &row.variant)?;
    name(format_args!("{at}.unit"), &row.unit)?;
    may_be(format_args!("{at}.threads"), row.threads.map(|it| it as f64), COUNT)?;
    match row.size {
        WorkSize::Registers => {}
        WorkSize::Versions(versions) => {
            within(format_args!("{at}.size.versions"), versions as f64, COUNT)?;
        }
        WorkSize::Bytes(bytes) => within(format_args!("{at}.size.bytes"), bytes as f64, BYTES)?,
        WorkSize::Matrices { m, n, k } => {
            for (side, length) in [("m", m), ("n", n), ("k", k)] {
                within(format_args!("{at}.size.matrices.{side}"), length as f64, SIDE)?;
            }
        }
    }
    of_rate(format_args!("{at}.per_second"), &row.per_second)?;
    may_be(format_args!("{at}.times_sha2"), row.times_sha2, TIMES)?;
    if let Some(Roof { of, per_second, each, .. }) = &row.roof {
        text(format_args!("{at}.roof.of"), of)?;
        within(format_args!("{at}.roof.per_second"), *per_second, RATE)?;
        within(format_args!("{at}.roof.each"), *each, TIMES)?;
    }
    may_be(format_args!("{at}.busy"), row.busy, SHARE)?;
    may_be(format_args!("{at}.host_share"), row.host_share, CORES)?;
    may_be(format_args!("{at}.per_byte"), row.per_byte, TIMES)?;
    row.no_energy.as_ref().map_or(Ok(()), |why| name(format_args!("{at}.no_energy"), why))?;
    row.energy.as_ref().map_or(Ok(()), |energy| of_energy(format_args!("{at}.energy"), energy))
}

fn of_rate(at: Arguments<'_>, rate: &Rate) -> Result<(), ImpossibleValueError> {
    let Rate { best, p90, median, spread, slices } = rate;
    within(format_args!("{at}.median"), *median, RATE)?;
    within(format_args!("{at}.p90"), *p90, RATE)?;
    within(format_args!("{at}.best"), *best, RATE)?;
    may_be(format_args!("{at}.spread"), *spread, SHARE)?;
    let at_least = |what, value: &f64, other, least: &f64| {
        let expected = || format!("at least {other}, which is {least}");
        ensure(value >= least, format_args!("{at}.{what}"), value, expected)
    };
    at_least("p90", p90, "the median", median)?;
    at_least("best", best, "p90", p90)?;
    ensure(*slices > 0, format_args!("{at}.slices"), slices, || "1 or more".to_owned())
}

fn of_energy(at: Arguments<'_>, energy: &Energy) -> Result<(), ImpossibleValueError> {
    name(format_args!("{at}.source"), &energy.source)?;
    few(format_args!("{at}.charged"), energy.charged.len())?;
    for (nth, domain) in energy.charged.iter().enumerate() {
        name(format_args!("{at}.charged[{nth}]"), domain)?;
    }
    within(format_args!("{at}.gross_watts"), energy.gross.value(), SOME_WATTS)?;
    let idle = energy.idle.map(Watts::value);
    may_be(format_args!("{at}.idle_watts"), idle, WATTS)?;
    within(format_args!("{at}.per_joule"), energy.per_joule, TIMES)?;
    may_be(format_args!("{at}.uncertainty"), energy.uncertainty, SHARE)?;
    may_be(format_args!("{at}.joules_per_terahash"), energy.joules_per_terahash, TIMES)?;
    within(format_args!("{at}.picojoules_each"), energy.picojoules_each, SHARE_OF_JOULE)?;
    few(format_args!("{at}.trials"), energy.trials.len())?;
    for (nth, trial) in energy.trials.iter().enumerate() {
        let Trial { start, seconds, work, joules, .. } = trial;
        within(format_args!("{at}.trials[{nth}].start"), *start, SECONDS)?;
        within(format_args!("{at}.trials[{nth}].seconds"), *seconds, SOME_SECONDS)?;
        within(format_args!("{at}.trials[{nth}].work"), *work, WORK)?;
        within(format_args!("{at}.trials[{nth}].joules"), joules.value(), JOULES)?;
    }
    let sum = |of: fn(&Trial) -> f64| energy.trials.iter().map(of).sum::<f64>();
    let by_trials = sum(|trial| trial.work) / sum(|trial| trial.joules.value());
    if by_trials.is_finite() {
        follows(format_args!("{at}.per_joule"), energy.per_joule, by_trials, "its trials")?;
    }
    if let Some(each) = energy.joules_per_terahash {
        let follow = 1e12 / energy.per_joule;
        follows(format_args!("{at}.joules_per_terahash"), each, follow, "per_joule")?;
    }
    for (nth, warning) in energy.warnings.iter().enumerate() {
        text(format_args!("{at}.warnings[{nth}]"), warning)?;
    }
    energy.state.as_ref().map_or(Ok(()), |state| of_state(format_args!("{at}.state"), state))
}

/// Range of the picojoules of one unit of work.
const SHARE_OF_JOULE: Range = Range::from_zero(1e30, "0 to 1e30 picojoules");

fn of_state(at: Arguments<'_>, state: &State) -> Result<(), ImpossibleValueError> {
    let State { clock, memory_clock, celsius, limit, throttled } = state;
    may_be(format_args!("{at}.clock_hertz"), clock.map(Hertz::value), HERTZ)?;
    may_be(format_args!("{at}.memory_clock_hertz"), memory_clock.map(Hertz::value), HERTZ)?;
    may_be(format_args!("{at}.celsius"), *celsius, CELSIUS)?;
    may_be(format_args!("{at}.limit_watts"), limit.map(Watts::value), WATTS)?;
    few(format_args!("{at}.throttled"), throttled.len())
}

fn within(place: Arguments<'_>, value: f64, range: Range) -> Result<(), ImpossibleValueError> {
    let above = if range.above { value > range.least } else { value >= range.least };
    ensure(above && value <= range.most, place, value, || range.expected.to_owned())
}

fn may_be(
    place: Arguments<'_>,
    value: Option<f64>,
    range: Range,
) -> Result<(), ImpossibleValueError> {
    value.map_or(Ok(()), |value| within(place, value, range))
}

/// Checks a number that follows from others.
fn follows(
    place: Arguments<'_>,
    value: f64,
    by: f64,
    others: &str,
) -> Result<(), ImpossibleValueError> {
    let near = (value / by - 1.0).abs() <= ROUNDING;
    ensure(near, place, value, || format!("{by} by {others}"))
}

fn few(place: Arguments<'_>, count: usize) -> Result<(), ImpossibleValueError> {
    ensure(count <= MOST_ITEMS, place, format_args!("a list of {count}"), || {
        format!("at most {MOST_ITEMS}")
    })
}

fn text(place: Arguments<'_>, text: &str) -> Result<(), ImpossibleValueError> {
    if text.len() <= MOST_TEXT {
        return Ok(());
    }
    let found = format!("a text of {} bytes", text.len());
    ensure(false, place, found, || format!("at most {MOST_TEXT}"))
}

/// A name that this version knows may have a text of the user's in it, as that of a sensor has.
fn name<T: Display>(place: Arguments<'_>, name: &Named<T>) -> Result<(), ImpossibleValueError> {
    text(place, &name.to_string())
}

fn may_say(place: Arguments<'_>, words: Option<&String>) -> Result<(), ImpossibleValueError> {
    words.map_or(Ok(()), |words| text(place, words))
}

fn ensure(
    holds: bool,
    place: Arguments<'_>,
    found: impl Display,
    expected: impl FnOnce() -> String,
) -> Result<(), ImpossibleValueError> {
    if holds {
        return Ok(());
    }
    let (place, found) = (place.to_string(), found.to_string());
    Err(ImpossibleValueError { place, found, expected: expected() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{example, json};

    /// The full example as JSON, with a value in place of what is there.
    fn with(pointer: &str, value: &str) -> Result<Record, String> {
        let text = json::text(&example::full()).expect("finite");
        let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let place = record.pointer_mut(pointer).expect(pointer);
        *place = serde_json::from_str(value).expect(value);
        json::read(&record.to_string()).map_err(|why| why.to_string())
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        for (pointer, values) in [
            ("/seconds", &["-1", "1e300"][..]),
            ("/machine/usable_cores", &["0", "10000000"]),
            ("/machine/memory_bytes", &["0", "18446744073709551615"]),
            ("/devices/1/largest_buffer_bytes", &["0", "18446744073709551615"]),
            ("/meters/0/resolution_joules", &["-1e-6", "1e300"]),
            ("/rows/1/threads", &["0", "10000000"]),
            ("/rows/1/size/versions", &["0", "10000000"]),
            ("/rows/5/size/matrices/m", &["0", "10000000000000"]),
            ("/rows/8/size/bytes", &["0", "18446744073709551615"]),
            ("/rows/1/per_second/best", &["-1", "0", "1e300", "1"]),
            ("/rows/1/per_second/p90", &["-1", "0", "1e300", "1"]),
            ("/rows/1/per_second/median", &["-1", "0", "1e300", "4e9"]),
            ("/rows/1/per_second/spread", &["-0.1", "1e300"]),
            ("/rows/1/per_second/slices", &["0"]),
            ("/rows/1/times_sha2", &["-1", "0", "1e300"]),
            ("/rows/5/roof/per_second", &["-1", "0", "1e300"]),
            ("/rows/5/roof/each", &["-1", "0", "1e300"]),
            ("/rows/10/host_share", &["-0.1", "1e300"]),
            ("/rows/5/per_byte", &["-1", "1e300"]),
            ("/rows/1/energy/gross_watts", &["-300", "0", "1e300"]),
            ("/rows/1/energy/idle_watts", &["-1", "1e300"]),
            ("/rows/1/energy/per_joule", &["-1e7", "0", "1e300", "2e7"]),
            ("/rows/1/energy/uncertainty", &["-0.1", "1e300"]),
            ("/rows/1/energy/joules_per_terahash", &["-1", "0", "1e300", "50000"]),
            ("/rows/1/energy/picojoules_each", &["-1", "1e300"]),
            ("/rows/1/energy/trials/2/start", &["-1", "1e300"]),
            ("/rows/1/energy/trials/2/seconds", &["-1", "0", "1e300"]),
            ("/rows/1/energy/trials/2/work", &["-1", "0", "1e300"]),
            ("/rows/1/energy/trials/2/joules", &["-1", "0", "1e300"]),
            ("/traces/0/points/3/0", &["-1", "1e300"]),
            ("/traces/0/points/3/1", &["-1", "1e300"]),
        ] {
            for value in values {
                let why = with(pointer, value).expect_err(pointer);
                // `/rows/1/energy` is `rows[1].energy`.
                let name = pointer.rsplit('/').find(|part| part.parse::<u32>().is_err());
                let name = name.expect("a name");
                let row = pointer.split('/').nth(2).unwrap_or_default();
                let is_median = name == "median" && *value == "4e9";
                assert!(why.contains(name) || is_median, "{pointer} {value}: {why}");
                let place = format!("[{row}]");
                assert!(row.parse::<u32>().is_err() || why.contains(&place), "{pointer}: {why}");
                assert!(why.contains(" is ") && why.contains(", expected "), "{pointer}: {why}");
            }
        }
        let why = with("/rows/1/energy/trials/2/joules", "-5").expect_err("less than nothing");
        assert_eq!(
            why,
            "rows[1].energy.trials[2].joules is -5, expected more than 0 and at most 1e15 joules"
        );
        for value in ["1e400", "null", "\"NaN\"", "\"1\"", "true", "[]"] {
            // What is no number of JSON has a line and a column.
            let text = json::text(&example::full()).expect("finite");
            let broken =
                text.replacen("\"median\": 3000000000.0", &format!("\"median\": {value}"), 1);
            assert_ne!(text, broken);
            let why = json::read(&broken).expect_err(value).to_string();
            assert!(why.contains("at line "), "{value}: {why}");
        }
    }

    #[test]
    fn endless_texts_and_lists_are_refused() {
        let endless = format!("\"{}\"", "x".repeat(MOST_TEXT + 1));
        for (pointer, place) in
            [("/rows/1/variant", "rows[1].variant"), ("/devices/0/name", "devices[0].name")]
        {
            let why = with(pointer, &endless).expect_err(pointer);
            assert!(why.starts_with(place) && why.len() < 200, "{why}");
        }
        // Names that are known, with a text from outside in them.
        for (pointer, before, place) in [
            ("/meters/0/domain", "sensor:", "meters[0].domain"),
            ("/rows/0/no_energy", "cpu: ", "rows[0].no_energy"),
        ] {
            let endless = format!("\"{before}{}\"", "x".repeat(MOST_TEXT));
            let why = with(pointer, &endless).expect_err(pointer);
            assert!(why.starts_with(place) && why.len() < 200, "{why}");
        }
        let mut record = example::full();
        let row = record.rows[0].clone();
        record.rows.extend(std::iter::repeat_n(row, MOST_ITEMS));
        let why = check(&record).expect_err("too many").to_string();
        assert!(why.starts_with("rows is a list of 100"), "{why}");
    }

    #[test]
    fn what_older_files_have_of_one_value_is_settled() {
        let mut old = example::rough();
        for row in &mut old.rows {
            row.per_second.spread = Some(0.0);
            if let Some(roof) = &mut row.roof {
                (roof.disturbed, row.of_roof) = (false, Some(4.53));
            }
            if let Some(energy) = &mut row.energy {
                energy.uncertainty = Some(0.0);
            }
        }
        assert_eq!(checked(old).expect("possible"), example::rough());
    }
}
