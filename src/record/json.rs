//! The JSON form of a record, which can be read back without loss, and its schema.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::check::checked;
use super::{ImpossibleValueError, RECORD_SCHEMA, Record};
use crate::input::{self, InputError, InputLimit, shown};

/// The JSON schema of a record, draft 2020-12.
pub const JSON_SCHEMA: &str = include_str!("schema.json");

/// Why a record cannot be read, or cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadRecordError {
    /// The text is not JSON, ends too early, or lacks a field that a record has.
    #[error(
        "not a report of perjoule: {why}; expected the JSON that `perjoule score --json` writes"
    )]
    Malformed {
        /// Message of the parser, with line and column.
        why: String,
    },
    /// The file or stream cannot be read as text.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A value of the record is impossible, such as negative joules.
    #[error(transparent)]
    Impossible(#[from] ImpossibleValueError),
    /// The record has another schema version than this perjoule reads.
    #[error(
        "the report has schema version {found}, and this perjoule reads version {RECORD_SCHEMA}; read it with the perjoule that wrote it, or measure again"
    )]
    Version {
        /// Schema version of the record.
        found: u64,
    },
    /// A number of the record to be written is infinite or undefined, for which JSON has no form.
    #[error("a number of the report is infinite or undefined, which JSON has no form for: {why}")]
    Undefined {
        /// Message of the parser, with line and column.
        why: String,
    },
}

/// Returns the record as indented JSON, with a line break at the end.
///
/// # Errors
///
/// Fails with [`ReadRecordError::Undefined`] if a number is infinite or NaN, for which JSON has no
/// form: such a file could not be read back.
pub fn text(record: &Record) -> Result<String, ReadRecordError> {
    let text = serde_json::to_string_pretty(record).map_err(malformed)? + "\n";
    match parsed(&text) {
        Err(ReadRecordError::Malformed { why }) => Err(ReadRecordError::Undefined { why }),
        Err(error) => Err(error),
        Ok(_) => Ok(text),
    }
}

/// Reads the record in a file.
///
/// # Errors
///
/// Fails if the file cannot be read, is no record of this schema version
/// ([`RECORD_SCHEMA`]), or has an impossible value.
pub fn open(file: &Path) -> Result<Record, ReadRecordError> {
    read(&input::file(file, InputLimit::SCORE)?)
}

/// Reads a record from a stream until its end.
///
/// # Errors
///
/// The same as for [`open`].
pub fn from_reader(reader: impl Read) -> Result<Record, ReadRecordError> {
    read(&input::reader(reader, InputLimit::SCORE)?)
}

/// Reads a record from its JSON text.
///
/// # Errors
///
/// Fails if the text is malformed, is of another schema version, or has an impossible value. The
/// error names the line and column of malformed text, and the place of an impossible value.
pub fn read(text: &str) -> Result<Record, ReadRecordError> {
    Ok(checked(parsed(text)?)?)
}

fn parsed(text: &str) -> Result<Record, ReadRecordError> {
    /// The field that a record of any version has.
    #[derive(Deserialize)]
    struct Version {
        schema: u64,
    }
    let Version { schema: found } = serde_json::from_str(text).map_err(malformed)?;
    if found != u64::from(RECORD_SCHEMA) {
        return Err(ReadRecordError::Version { found });
    }
    serde_json::from_str(text).map_err(malformed)
}

/// Wraps the parser's message, which may repeat any text of the file and ends with the place; the
/// middle of a long one is cut out.
#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped by")]
fn malformed(error: serde_json::Error) -> ReadRecordError {
    const MOST: usize = 300;
    ReadRecordError::Malformed { why: shown(&error.to_string(), MOST) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Row, example, expected};
    use crate::units::Watts;

    #[test]
    fn what_is_written_is_read_back() {
        for record in [example::full(), example::empty(), example::unmetered(), example::hostile()]
        {
            assert_eq!(read(&text(&record).expect("finite")).expect("what was written"), record);
        }
    }

    /// Numbers that a parser gets wrong in the last place if it only multiplies by powers of ten.
    #[test]
    fn numbers_are_read_back_to_the_last_digit() {
        for number in [31.245_270_191_439_438, 121.487_919_511_619_45, 1.0 / 3.0, 100.0 / 7.0] {
            let record = Record { seconds: number, ..example::empty() };
            let back = read(&text(&record).expect("finite")).expect("what was written");
            assert_eq!(back.seconds.to_bits(), number.to_bits(), "{number}");
        }
    }

    #[test]
    fn the_text_is_as_it_was() {
        // The traces are long and all alike.
        let mut record = example::full();
        for trace in &mut record.traces {
            trace.points.truncate(2);
        }
        expected::is("full.json", &text(&record).expect("finite"));
        expected::is("empty.json", &text(&example::empty()).expect("finite"));
        expected::is("unmetered.json", &text(&example::unmetered()).expect("finite"));
    }

    #[test]
    fn known_joules_give_known_numbers() {
        let json = text(&example::full()).expect("finite");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let energy = |at: usize| &json["rows"][at]["energy"];
        assert_eq!(energy(1)["per_joule"], 10e6);
        assert_eq!(energy(1)["joules_per_terahash"], 100_000.0);
        assert_eq!(energy(1)["gross_watts"], 300.0);
        assert_eq!(energy(1)["trials"][0]["joules"], 1500.0);
        assert_eq!(energy(2), &serde_json::Value::Null);
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said() {
        let good = text(&example::full()).expect("finite");
        for (bad, expected) in [
            (String::new(), "EOF while parsing a value at line 1 column 0"),
            ("[1]".into(), "at line 1 column"),
            ("{}".into(), "missing field `schema` at line 1 column 2"),
            (good.replacen("\"schema\": 1", "\"schema\": 2", 1), "schema version 2, and this"),
            (good.replacen("\"checks\": 12", "\"checks\": -12", 1), "invalid value: integer `-12`"),
            (good.replacen("\"rows\"", "\"lines\"", 1), "missing field `rows` at line"),
            (good[..good.len() / 2].into(), "EOF while parsing"),
        ] {
            let error = read(&bad).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_the_parser_repeats_is_cut() {
        let good = text(&example::full()).expect("finite");
        let endless = format!("\"{}\": 8", "x".repeat(1 << 20));
        let bad = good.replacen("\"versions\": 8", &endless, 1);
        assert_ne!(good, bad);
        let error = read(&bad).expect_err("no size").to_string();
        assert!(error.len() < 500 && error.contains("at line "), "{error}");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_refused() {
        let mut record = example::full();
        record.rows[1].energy.as_mut().expect("metered").gross = Watts::new(f64::NAN);
        let error = text(&record).expect_err("no number").to_string();
        assert!(error.contains("undefined") && error.contains("null"), "{error}");
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let later = text(&example::empty()).expect("finite").replacen('{', "{\"new\": [1, {}],", 1);
        assert_eq!(read(&later).expect("the same form"), example::empty());
    }

    /// The text of a file of the repository.
    fn fixture(file: &str) -> Option<String> {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        // Git may have given it other ends of lines.
        text.ok().map(|text| text.replace("\r\n", "\n"))
    }

    /// Files of earlier versions, which are never written anew.
    #[test]
    fn files_of_this_schema_are_read_and_written_back_to_the_letter() {
        for name in ["full", "empty", "unmetered"] {
            let before = fixture(&format!("tests/fixtures/schema-1-{name}.json")).expect(name);
            let after = text(&read(&before).expect(name)).expect("finite");
            assert!(before == after, "{name} is written back otherwise");
        }
    }

    /// The score of an NVIDIA H200, by an earlier version.
    #[test]
    fn all_names_of_a_real_score_are_known() {
        // The package that is published lacks it.
        let Some(before) = fixture("docs/cards/nvidia-h200.json") else { return };
        let record = read(&before).expect("a record");
        assert!(record.started.known().is_some() && !record.rows.is_empty());
        for row in &record.rows {
            let Row { device, workload, variant, unit, no_energy, energy, .. } = row;
            let known = [
                device.known().is_some(),
                workload.known().is_some(),
                variant.known().is_some(),
                unit.known().is_some(),
                no_energy.as_ref().is_none_or(|why| why.known().is_some()),
                energy.as_ref().is_none_or(|energy| energy.source.known().is_some()),
            ];
            assert_eq!(known, [true; 6], "{row:?}");
        }
        assert!(before == text(&record).expect("finite"), "it is written back otherwise");
    }

    /// Where a field changed its meaning or went away, [`RECORD_SCHEMA`] is to be raised.
    #[test]
    fn the_schema_is_current() {
        let current = serde_json::to_string_pretty(&schemars::schema_for!(Record)).expect("JSON");
        expected::is("../../src/record/schema.json", &(current + "\n"));
    }
}
