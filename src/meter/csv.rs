//! The trace that a wall meter wrote: time and watts, row by row, laid over a measurement
//! afterwards.
//!
//! The meter's clock need not be this machine's: an offset can be given, and a trace that does not
//! cover the measurement is an error that shows both times.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::Timestamp;

use super::error::beginning;
use super::integral::{Integrator, Point};
use super::{About, Domain, MeterError, Note, Source, Span, Window, plausible};
use crate::units::Watts;

/// A longer time without a value is a gap unless a caller says otherwise.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

/// Seconds since 1970 that are more than this are milliseconds.
const LAST_SECOND: f64 = 1e11;

/// Power over time, as another meter wrote it.
#[derive(Clone, Debug)]
pub struct Trace {
    about: About,
    /// By the time since 1970, of the meter's clock.
    points: Vec<Point>,
    /// How far the meter's clock is ahead of this machine's, and how far behind.
    ahead: Duration,
    behind: Duration,
    patience: Duration,
}

/// A trace that tells nothing, or nothing about a measurement.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A row is not what it should be.
    #[error("line {line}: {text:?} is no {expected}")]
    Row {
        /// Its line, from 1 on.
        line: u64,
        /// What is there.
        text: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A row is earlier than the one before it.
    #[error("line {line}: {text:?} is earlier than the row before")]
    Order {
        /// Its line, from 1 on.
        line: u64,
        /// Its time.
        text: String,
    },
    /// Power over time takes two values.
    #[error("the trace has {rows} rows with time and power, expected two or more")]
    TooShort {
        /// How many it has.
        rows: usize,
    },
    /// It begins too late, or ends too early.
    #[error(
        "the trace is from {} to {}, and the measurement from {} to {}: check the clocks, and \
         give the offset between them",
        date(*.first), date(*.last), date(*.from), date(*.to)
    )]
    NotCovered {
        /// The time of its first row, by this machine's clock.
        first: SystemTime,
        /// The time of its last row.
        last: SystemTime,
        /// When the measurement began.
        from: SystemTime,
        /// When it ended.
        to: SystemTime,
    },
    /// It has no values for too long within the measurement.
    #[error(
        "the trace has no values for {:.1} s of the measurement ({gaps} gaps), expected one every \
         {:.1} s or more often",
        time.as_secs_f64(), patience.as_secs_f64()
    )]
    Gaps {
        /// How often.
        gaps: u64,
        /// How long, all together.
        time: Duration,
        /// What is too long.
        patience: Duration,
    },
}

/// A date for people.
fn date(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "an unknown date".to_owned(), |at| format!("{at:.0}"))
}

impl Trace {
    /// Reads a file of that meter, which measured `domain`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no trace.
    pub fn read(path: &Path, domain: Domain) -> Result<Self, TraceError> {
        let unreadable = |error| TraceError::Read { path: path.to_owned(), error: Arc::new(error) };
        let bytes = fs::read(path).map_err(unreadable)?;
        Self::parse(&bytes, domain, path.display().to_string())
    }

    /// Reads the text of such a file; `detail` says where it comes from.
    ///
    /// Time is in seconds since 1970 or a date by RFC 3339, power in watts. They are the first two
    /// columns, unless the first row names them. Rows without a power are passed over, and so are
    /// lines that begin with `#`.
    ///
    /// # Errors
    ///
    /// When it is no trace.
    pub fn parse(text: &[u8], domain: Domain, detail: String) -> Result<Self, TraceError> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .comment(Some(b'#'))
            .from_reader(text);
        let mut columns = (0, 1);
        let mut is_first = true;
        let mut integrator = Integrator::new(Duration::MAX);
        let mut points: Vec<Point> = Vec::new();
        for record in reader.byte_records() {
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                TraceError::Row { line, text: beginning(&error.to_string()), expected: "row" }
            })?;
            let record = StringRecord::from_byte_record_lossy(record);
            let row = Row { record: &record, columns };
            if std::mem::take(&mut is_first)
                && let Some(named) = row.header()
            {
                columns = named;
                continue;
            }
            let Some(power) = row.power()? else { continue };
            let at = row.time()?;
            if points.last().is_some_and(|last| at < last.at) {
                let (line, text) = (row.line(), beginning(row.field(columns.0)));
                return Err(TraceError::Order { line, text });
            }
            points.push(Point { at, energy: integrator.see(power, at).energy, power });
        }
        if points.len() < 2 {
            return Err(TraceError::TooShort { rows: points.len() });
        }
        let about = About {
            domain,
            source: Source::Csv,
            detail,
            resolution: None,
            read_within: None,
            interval: None,
        };
        let (ahead, behind) = (Duration::ZERO, Duration::ZERO);
        Ok(Self { about, points, ahead, behind, patience: DEFAULT_PATIENCE })
    }

    /// The meter's clock showed a later time than this machine's, by so much.
    #[must_use]
    pub fn clock_ahead(self, by: Duration) -> Self {
        Self { ahead: by, behind: Duration::ZERO, ..self }
    }

    /// The meter's clock showed an earlier time than this machine's, by so much.
    #[must_use]
    pub fn clock_behind(self, by: Duration) -> Self {
        Self { ahead: Duration::ZERO, behind: by, ..self }
    }

    /// What is longer than this without a value is a gap, and an error.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What is measured, and by what means.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// What it tells about a time.
    ///
    /// # Errors
    ///
    /// When it does not cover that time, has a gap in it, or tells no power.
    pub fn window(&self, span: &Span) -> Result<Window, MeterError> {
        // Of a time before 1970 nothing is known, like of any other that is not covered.
        let from = span.from.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let from = from.saturating_add(self.ahead).saturating_sub(self.behind);
        let to = from.saturating_add(span.took);
        if let [first, .., last] = self.points.as_slice()
            && (from < first.at || to > last.at)
        {
            let here = |at: Duration| {
                let at = at.saturating_add(self.behind).saturating_sub(self.ahead);
                SystemTime::UNIX_EPOCH.checked_add(at).unwrap_or(SystemTime::UNIX_EPOCH)
            };
            let [first, last, from, to] = [first.at, last.at, from, to].map(here);
            return Err(TraceError::NotCovered { first, last, from, to }.into());
        }
        let window = Window::over(&self.about, *span, &self.points, from, self.patience)?;
        match window.notes.as_slice() {
            [Note::Gaps { gaps, time }] => {
                let (gaps, time, patience) = (*gaps, *time, self.patience);
                Err(TraceError::Gaps { gaps, time, patience }.into())
            }
            _ => Ok(window),
        }
    }
}

/// A row, and which of its fields are time and power.
struct Row<'a> {
    record: &'a StringRecord,
    columns: (usize, usize),
}

impl Row<'_> {
    fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn time(&self) -> Result<Duration, TraceError> {
        let text = self.field(self.columns.0);
        let expected = "time, expected seconds since 1970, or a date like 2026-01-31T12:00:00Z";
        let wrong = || TraceError::Row { line: self.line(), text: beginning(text), expected };
        time(text).ok_or_else(wrong)
    }

    /// `None` where the field is empty.
    fn power(&self) -> Result<Option<Watts>, TraceError> {
        let text = self.field(self.columns.1);
        if text.is_empty() && self.record.len() > self.columns.1 {
            return Ok(None);
        }
        let expected = "power, expected watts";
        let wrong = || TraceError::Row { line: self.line(), text: beginning(text), expected };
        text.parse().ok().and_then(plausible).map(Some).ok_or_else(wrong)
    }

    /// Where time and power are, if this row names its columns.
    fn header(&self) -> Option<(usize, usize)> {
        if self.time().is_ok() {
            return None;
        }
        let find = |words: &[&str]| {
            let names = |field: &str| words.iter().any(|word| field.to_lowercase().contains(word));
            self.record.iter().position(names)
        };
        let time = find(&["time", "date"]);
        let power =
            find(&["watt", "power"]).or_else(|| self.record.iter().position(|name| name == "W"));
        time.zip(power).or_else(|| self.power().is_err().then_some(self.columns))
    }
}

/// The time since 1970.
fn time(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds < LAST_SECOND)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
    }
    let date: Timestamp = text.parse().ok()?;
    SystemTime::from(date).duration_since(SystemTime::UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_dates_with_their_offset() {
        let expected = Duration::from_hours(491_628);
        for text in
            ["1769860800", "1769860800.0", "2026-01-31T12:00:00Z", "2026-01-31 13:00:00+01:00"]
        {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        assert_eq!(time("0.25"), Some(Duration::from_millis(250)));
        let fraction = expected + Duration::from_millis(500);
        assert_eq!(time("2026-01-31T12:00:00.5Z"), Some(fraction));
        for text in [
            "",
            "now",
            "-1",
            "NaN",
            "inf",
            "1769860800000",
            "2026-01-31T12:00:00",
            "12:00:00",
            "1969-12-31T23:59:59Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
