//! A record as CSV for spreadsheets and data frames: one line for each row, with the machine in
//! every line, so that files of many machines can be concatenated.

use std::borrow::Cow;

use csv::Writer;

use super::figures::joined;
use crate::record::{Record, Row, Trial, WorkSize};
use crate::units::{Hertz, Joules, Watts};

/// Returns the record as CSV after RFC 4180, with a header. A value that is not known is an empty
/// cell.
///
/// Work is in the unit of the column `work_unit`; shares are fractions, 1 being all. A text that a
/// spreadsheet would take for a formula has an apostrophe before it.
#[must_use]
pub fn text(record: &Record) -> String {
    let header = columns(record, None);
    let lines = record.rows.iter().map(|row| columns(record, Some(row)));
    let header = header.into_iter().map(|(name, _)| name.to_owned()).collect();
    let lines = lines.map(|cells| cells.into_iter().map(|(_, cell)| cell).collect());
    written(std::iter::once(header).chain(lines))
}

/// Writes lines of cells as CSV; every line has as many cells.
pub(super) fn written(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        // Writing to a vector does not fail, and all records are as long.
        let _ = writer.write_record(line.iter().map(|cell| harmless(cell).into_owned()));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes a cell that no spreadsheet takes for a formula: one that begins like a formula and is no
/// number gets an apostrophe before it, which is how spreadsheets mark texts.
fn harmless(cell: &str) -> Cow<'_, str> {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins && cell.parse::<f64>().is_err() {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Returns the names and cells of a row's columns; without a row, for the header, the cells that
/// depend on one are empty.
fn columns(record: &Record, row: Option<&Row>) -> Vec<(&'static str, String)> {
    let energy = row.and_then(|row| row.energy.as_ref());
    let state = energy.and_then(|energy| energy.state.as_ref());
    let device = row.and_then(|row| record.devices.iter().find(|device| device.id == row.device));
    let rate = row.map(|row| &row.per_second);
    let roof = row.and_then(|row| row.roof.as_ref());
    let size = row.map_or((None, None, None), |row| size(&row.size));
    let trials = energy.map(|energy| &*energy.trials);
    let sum = |joules: &[Trial]| joules.iter().map(|trial| trial.joules).sum::<Joules>().value();
    let seconds = |trials: &[Trial]| trials.iter().map(|trial| trial.seconds).sum::<f64>();
    vec![
        ("perjoule", record.perjoule.clone()),
        ("started", record.started.to_string()),
        ("cpu", cell(record.machine.cpu.as_ref())),
        ("system", record.machine.system.clone()),
        ("device", cell(row.map(|row| &row.device))),
        ("device_name", cell(device.map(|device| &device.name))),
        ("software", cell(device.map(|device| device.software))),
        ("workload", cell(row.map(|row| &row.workload))),
        ("variant", cell(row.map(|row| &row.variant))),
        ("threads", cell(row.and_then(|row| row.threads))),
        ("versions", cell(size.0)),
        ("size_bytes", cell(size.1)),
        ("matrices_m_n_k", cell(size.2)),
        ("work_unit", cell(row.map(|row| &row.unit))),
        ("best_work_per_second", number(rate.map(|rate| rate.best))),
        ("p90_work_per_second", number(rate.map(|rate| rate.p90))),
        ("median_work_per_second", number(rate.map(|rate| rate.median))),
        ("spread_share", number(rate.and_then(|rate| rate.spread))),
        ("slices", cell(rate.map(|rate| rate.slices))),
        ("times_sha2", number(row.and_then(|row| row.times_sha2))),
        ("roof_of", cell(roof.map(|roof| &roof.of))),
        ("roof_work_per_second", number(roof.map(|roof| roof.per_second))),
        ("of_roof_share", number(row.and_then(|row| row.of_roof))),
        ("roof_disturbed", cell(roof.map(|roof| roof.disturbed))),
        ("busy_share", number(row.and_then(|row| row.busy))),
        ("host_share", number(row.and_then(|row| row.host_share))),
        ("work_per_byte", number(row.and_then(|row| row.per_byte))),
        ("checks", cell(row.map(|row| row.checks))),
        ("rough", cell(row.map(|row| row.rough))),
        ("assumed", cell(energy.map(|energy| energy.assumed))),
        ("meter", cell(energy.map(|energy| &energy.source))),
        ("charged", cell(energy.map(|energy| joined(&energy.charged, " + ")))),
        ("gross_watts", number(energy.map(|energy| energy.gross.value()))),
        ("idle_watts", number(energy.and_then(|energy| energy.idle).map(Watts::value))),
        ("work_per_joule", number(energy.map(|energy| energy.per_joule))),
        ("uncertainty_share", number(energy.and_then(|energy| energy.uncertainty))),
        ("joules_per_terahash", number(energy.and_then(|energy| energy.joules_per_terahash))),
        ("picojoules_each", number(energy.map(|energy| energy.picojoules_each))),
        ("trials", cell(trials.map(<[_]>::len))),
        ("trials_seconds", number(trials.map(seconds))),
        ("trials_joules", number(trials.map(sum))),
        ("clock_hertz", number(state.and_then(|state| state.clock).map(Hertz::value))),
        (
            "memory_clock_hertz",
            number(state.and_then(|state| state.memory_clock).map(Hertz::value)),
        ),
        ("temperature_celsius", number(state.and_then(|state| state.celsius))),
        ("limit_watts", number(state.and_then(|state| state.limit).map(Watts::value))),
        ("throttled", cell(state.map(|state| state.throttled.join("; ")))),
        ("no_energy_reason", cell(row.and_then(|row| row.no_energy.as_ref()))),
        ("warnings", cell(energy.map(|energy| energy.warnings.join("; ")))),
    ]
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Formats a number with as many digits as it takes to read it back; empty if it is not finite.
fn number(value: Option<f64>) -> String {
    cell(value.filter(|value| value.is_finite()))
}

/// Returns the cells of a size: versions, bytes, or `4096x4096x4096`.
fn size(size: &WorkSize) -> (Option<usize>, Option<u64>, Option<String>) {
    match *size {
        WorkSize::Registers => (None, None, None),
        WorkSize::Versions(versions) => (Some(versions), None, None),
        WorkSize::Bytes(bytes) => (None, Some(bytes), None),
        WorkSize::Matrices { m, n, k } => (None, None, Some(format!("{m}x{n}x{k}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::record::{example, expected};

    /// Returns the cells of each line, by column.
    fn parsed(text: &str) -> Vec<HashMap<String, String>> {
        csv::Reader::from_reader(text.as_bytes())
            .deserialize()
            .map(|line| line.expect("CSV"))
            .collect()
    }

    #[test]
    fn the_text_is_as_it_was() {
        expected::is("full.csv", &text(&example::full()));
        expected::is("empty.csv", &text(&example::empty()));
    }

    #[test]
    fn known_joules_give_known_numbers() {
        let lines = parsed(&text(&example::full()));
        for (at, cells) in [
            (1, "avx512x3 10000000 100000 300 105 false 4500 15"),
            (12, "f16 500000000000  700 78 false 10500 15"),
            (16, "gpu 10000000 100000 250  true 3750 15"),
        ] {
            let names = [
                "variant",
                "work_per_joule",
                "joules_per_terahash",
                "gross_watts",
                "idle_watts",
                "assumed",
                "trials_joules",
                "trials_seconds",
            ];
            assert_eq!(names.map(|name| &*lines[at][name]).join(" "), cells);
        }
        assert_eq!(lines[2]["work_per_joule"], "");
        assert_eq!(
            lines[2]["no_energy_reason"],
            "engines that are not the fastest are not metered"
        );
    }

    #[test]
    fn every_row_is_a_line_whatever_its_names_are() {
        let record = example::hostile();
        let lines = parsed(&text(&record));
        assert_eq!(lines.len(), record.rows.len());
        for (line, row) in lines.iter().zip(&record.rows) {
            assert_eq!(
                (&*line["variant"], &*line["work_unit"]),
                (&*row.variant.to_string(), &*row.unit.to_string())
            );
            assert_eq!(line["median_work_per_second"].parse(), Ok(row.per_second.median));
        }
    }

    #[test]
    fn what_one_value_does_not_show_and_what_cannot_be_are_empty_cells() {
        let line = &parsed(&text(&example::rough()))[1];
        for name in ["spread_share", "uncertainty_share", "of_roof_share"] {
            assert_eq!(line[name], "", "{name}");
        }
        assert_eq!((&*line["roof_disturbed"], &*line["rough"]), ("true", "true"));
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay_numbers() {
        let mut record = example::full();
        let formulas =
            ["=HYPERLINK(\"http://x\")", "+1+2", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1"];
        for (row, formula) in record.rows.iter_mut().zip(formulas) {
            row.variant = formula.into();
            row.times_sha2 = Some(-1.5e-3);
        }
        record.machine.cpu = Some("=cpu".to_owned());
        for (line, formula) in parsed(&text(&record)).iter().zip(formulas) {
            assert_eq!(line["variant"], format!("'{formula}"));
            assert_eq!((&*line["cpu"], &*line["times_sha2"]), ("'=cpu", "-0.0015"));
        }
        for plain in ["", "-1", "+2.5", "-1e-9", "a=b", "1-2", "'=1"] {
            assert_eq!(harmless(plain), plain);
        }
    }

    #[test]
    fn what_is_no_number_is_an_empty_cell() {
        let mut record = example::full();
        record.rows[1].times_sha2 = Some(f64::NAN);
        record.rows[1].per_second.best = f64::INFINITY;
        let lines = parsed(&text(&record));
        assert_eq!((&*lines[1]["times_sha2"], &*lines[1]["best_work_per_second"]), ("", ""));
    }
}
