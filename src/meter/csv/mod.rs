//! Traces that a wall meter wrote: time and watts, row by row, laid over a measurement afterwards.
//!
//! The meter's clock need not be this machine's: an offset can be given, and a trace that does not
//! cover the measurement is an error that shows both times. A trace may still be written while it is
//! read: a last row without its end is left for the next time.

mod error;

use std::borrow::Cow;
use std::fs::{File, FileType, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::Timestamp;

pub use self::error::TraceError;
use super::integral::{Integrator, Point};
use super::name::{Name, Unit};
use super::text::beginning;
use super::text::decode;
use super::{Domain, MeterError, MeterInfo, Source, Span, Window, WindowNote, plausible};
use crate::units::Watts;

/// Default longest time between two values of a trace that is not a gap: ten seconds.
pub(crate) const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

/// Seconds since 1970 that are more than this are milliseconds.
const LAST_SECOND: f64 = 1e11;

/// Largest trace that is read, in bytes: more than a week of ten rows a second.
const MOST_BYTES: u64 = 256 << 20;

/// Number of columns that are shown where their names matter.
const MOST_COLUMNS: usize = 12;

/// A trace of power over time, as another meter wrote it.
#[derive(Clone, Debug)]
pub struct WallTrace {
    info: MeterInfo,
    /// Values of power, by the time since 1970 of the meter's clock.
    points: Vec<Point>,
    /// How far the meter's clock is ahead of this machine's, and how far behind.
    ahead: Duration,
    behind: Duration,
    patience: Duration,
}

impl WallTrace {
    /// Reads a trace from a file.
    ///
    /// Its meter measured `domain`. The power is in the column of the name `column`, or without one
    /// in the only column that can be it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is no trace.
    pub fn read(path: &Path, domain: Domain, column: Option<&str>) -> Result<Self, TraceError> {
        Self::parse(&content(path)?, domain, path.display().to_string(), column)
    }

    /// Reads a trace from the text of such a file; `detail` says where it comes from.
    ///
    /// Time is in seconds since 1970 or a date by RFC 3339, power in watts or in the unit that its
    /// column is named with. They are the first two columns, unless the first row names them. Rows
    /// without a power are passed over, and so are lines that begin with `#`, and a last row whose
    /// line has not ended.
    ///
    /// # Errors
    ///
    /// When the text is no trace.
    pub fn parse(
        text: &[u8],
        domain: Domain,
        detail: String,
        column: Option<&str>,
    ) -> Result<Self, TraceError> {
        let text = decode(text);
        if text.contains('\0') {
            return Err(TraceError::NoText);
        }
        let text = rows(&text);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let mut columns = Columns::default();
        let mut is_first = true;
        let mut integrator = Integrator::new(Duration::MAX);
        let mut points: Vec<Point> = Vec::new();
        let mut record = StringRecord::new();
        let (mut line, mut read) = (0, 0);
        loop {
            let more = reader.read_record(&mut record);
            // Counted here: the reader's line is that of the comments before.
            let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            let passed = text.get(read..end).unwrap_or_default();
            line += passed.matches('\n').count() as u64;
            read = end;
            match more {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let text = beginning(&error.to_string());
                    return Err(TraceError::Row { line, text, expected: "row" });
                }
            }
            let row = Row { record: &record, columns, line };
            if std::mem::take(&mut is_first)
                && let Some(named) = row.header(column)?
            {
                columns = named;
                continue;
            }
            let Some(power) = row.power()? else { continue };
            let at = row.time()?;
            if points.last().is_some_and(|last| at < last.at) {
                let text = beginning(row.field(columns.time));
                return Err(TraceError::Order { line, text });
            }
            points.push(Point { at, energy: integrator.see(power, at).energy, power });
        }
        if points.len() < 2 {
            return Err(TraceError::TooShort { rows: points.len() });
        }
        let info = MeterInfo {
            domain,
            source: Source::Csv,
            detail,
            resolution: None,
            read_within: None,
            interval: None,
        };
        let (ahead, behind) = (Duration::ZERO, Duration::ZERO);
        Ok(Self { info, points, ahead, behind, patience: DEFAULT_PATIENCE })
    }

    /// Sets how far the meter's clock is ahead of this machine's.
    #[must_use]
    pub fn clock_ahead(self, by: Duration) -> Self {
        Self { ahead: by, behind: Duration::ZERO, ..self }
    }

    /// Sets how far the meter's clock is behind this machine's.
    #[must_use]
    pub fn clock_behind(self, by: Duration) -> Self {
        Self { ahead: Duration::ZERO, behind: by, ..self }
    }

    /// Sets the longest time between two values; a longer one in a measurement is a gap, and an
    /// error.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Returns what was measured, and by what means.
    #[must_use]
    pub fn info(&self) -> &MeterInfo {
        &self.info
    }

    /// Returns the energy in a span of time.
    ///
    /// # Errors
    ///
    /// When the trace does not cover that time, has a gap in it, or shows no power.
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
        let window = Window::over(&self.info, *span, &self.points, from, self.patience)?;
        let gaps = window.notes.iter().find_map(|note| match note {
            WindowNote::Gaps { gaps, time } => Some((*gaps, *time)),
            _ => None,
        });
        match gaps {
            Some((gaps, time)) => {
                Err(TraceError::Gaps { gaps, time, patience: self.patience }.into())
            }
            None => Ok(window),
        }
    }
}

/// The bytes of a file, if it is one and not too long.
fn content(path: &Path) -> Result<Vec<u8>, TraceError> {
    let unreadable = |error| TraceError::Read { path: path.to_owned(), error: Arc::new(error) };
    let too_long = || TraceError::TooLong { path: path.to_owned(), most: MOST_BYTES };
    let is_file = |metadata: Metadata| match what(metadata.file_type()) {
        Some(what) => Err(TraceError::NoFile { path: path.to_owned(), what }),
        None if metadata.len() > MOST_BYTES => Err(too_long()),
        None => Ok(()),
    };
    // Asked before it is opened, since opening a pipe waits for its writer.
    is_file(path.metadata().map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    is_file(file.metadata().map_err(unreadable)?)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_long());
    }
    Ok(bytes)
}

/// Returns what a path leads to, if not to a file.
fn what(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() || kind.is_socket() {
            return Some("a pipe");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    match () {
        () if kind.is_dir() => Some("a folder"),
        () if !kind.is_file() => Some("something else"),
        () => None,
    }
}

/// The lines that have ended, each with a single newline.
fn rows(text: &str) -> Cow<'_, str> {
    let end = text.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let whole = &text[..end];
    if whole.contains('\r') {
        whole.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        whole.into()
    }
}

/// Which fields are time and power, and how many watts one of the latter is.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: usize,
    power: usize,
    watts: f64,
}

impl Default for Columns {
    fn default() -> Self {
        Self { time: 0, power: 1, watts: 1.0 }
    }
}

/// A row, and which of its fields are time and power.
struct Row<'a> {
    record: &'a StringRecord,
    columns: Columns,
    line: u64,
}

impl Row<'_> {
    fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn time(&self) -> Result<Duration, TraceError> {
        let text = self.field(self.columns.time);
        let expected = "time, expected seconds since 1970, or a date like 2026-01-31T12:00:00Z";
        let wrong = || TraceError::Row { line: self.line, text: beginning(text), expected };
        time(text).ok_or_else(wrong)
    }

    /// Returns the power; `None` where the field is empty.
    fn power(&self) -> Result<Option<Watts>, TraceError> {
        let Columns { power, watts, .. } = self.columns;
        let text = self.field(power);
        if text.is_empty() && self.record.len() > power {
            return Ok(None);
        }
        let expected = "power, expected watts, or the unit that its column is named with";
        let wrong = || TraceError::Row { line: self.line, text: beginning(text), expected };
        let number = text.parse::<f64>().ok();
        number.and_then(|number| plausible(number * watts)).map(Some).ok_or_else(wrong)
    }

    /// Where time and power are, if this row names its columns: the latter as asked for.
    fn header(&self, column: Option<&str>) -> Result<Option<Columns>, TraceError> {
        if self.time().is_ok() {
            return match column {
                Some(column) => Err(self.no_column(column)),
                None => Ok(None),
            };
        }
        if self.record.len() < 2 {
            let expected = "row of time and power, expected a comma between them";
            let text = beginning(self.field(0));
            return Err(TraceError::Row { line: self.line, text, expected });
        }
        let names: Vec<_> = self.record.iter().map(Name::of).collect();
        let power = match column {
            Some(column) => Some(self.chosen(column)?),
            None => self.power_of(&names)?,
        };
        let Some(power) = power else { return Ok(None) };
        let time = self.time_beside(power, &names)?;
        let watts = match names[power].unit {
            None => 1.0,
            Some(Unit::Watts(watts)) => watts,
            Some(Unit::Unclear | Unit::Other) => {
                return Err(TraceError::Unit { column: beginning(self.field(power)) });
            }
        };
        Ok(Some(Columns { time, power, watts }))
    }

    /// The column of that name.
    fn chosen(&self, column: &str) -> Result<usize, TraceError> {
        let is_it = |place| self.field(place).eq_ignore_ascii_case(column.trim());
        match self.places(is_it).as_slice() {
            &[place] => Ok(place),
            _ => Err(self.no_column(column)),
        }
    }

    /// The only column that can be the power; `None` where the row names nothing.
    fn power_of(&self, names: &[Name]) -> Result<Option<usize>, TraceError> {
        let powers = self.places(|place| names[place].is_power_now());
        match powers.as_slice() {
            [] => {}
            &[power] => return Ok(Some(power)),
            several => {
                let columns = self.columns_of(several.iter().copied());
                return Err(TraceError::SeveralPowers { columns });
            }
        }
        let times = self.places(|place| is_time(self.field(place)));
        if times.is_empty() && self.power().is_ok() {
            return Ok(None);
        }
        // A name that says nothing does no harm where there are two columns.
        let rest = self.places(|place| !times.contains(&place));
        match *rest {
            [power] if self.says_nothing(power, names) => Ok(Some(power)),
            [0, power] if [0, power].iter().all(|&it| self.says_nothing(it, names)) => {
                Ok(Some(power))
            }
            _ => Err(TraceError::NoPower { columns: self.all_columns() }),
        }
    }

    /// The only column beside the power that can be the time.
    fn time_beside(&self, power: usize, names: &[Name]) -> Result<usize, TraceError> {
        let times = self.places(|place| place != power && is_time(self.field(place)));
        let rest = self.places(|place| place != power && self.says_nothing(place, names));
        match (times.as_slice(), rest.as_slice()) {
            (&[time], _) | ([], &[time]) => Ok(time),
            ([], _) => Err(TraceError::NoTime { columns: self.all_columns() }),
            (several, _) => {
                let columns = self.columns_of(several.iter().copied());
                Err(TraceError::SeveralTimes { columns })
            }
        }
    }

    /// Whether the name of a column could be of anything.
    fn says_nothing(&self, place: usize, names: &[Name]) -> bool {
        let Name { is_power, is_bound, is_aside, unit, .. } = names[place];
        !(is_power || is_bound || is_aside || unit.is_some() || is_other(self.field(place)))
    }

    fn no_column(&self, column: &str) -> TraceError {
        TraceError::NoColumn { column: beginning(column), columns: self.all_columns() }
    }

    fn all_columns(&self) -> String {
        self.columns_of(0..self.record.len())
    }

    fn places(&self, are: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.record.len()).filter(|&place| are(place)).collect()
    }

    /// The names of columns, for people.
    fn columns_of(&self, places: impl IntoIterator<Item = usize>) -> String {
        let mut names: Vec<_> =
            places.into_iter().map(|place| format!("{:?}", beginning(self.field(place)))).collect();
        let more = names.len().saturating_sub(MOST_COLUMNS);
        names.truncate(MOST_COLUMNS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        names.join(", ") + &more
    }
}

/// Whether a column of that name has the time of its rows.
fn is_time(name: &str) -> bool {
    let small = name.to_lowercase();
    let mut words = small.split(|c: char| !c.is_alphanumeric());
    let known = ["time", "date", "datetime", "timestamp", "timestamps", "unixtime", "ts", "epoch"];
    // The time since something else, or of something else.
    let other = ["elapsed", "run", "cpu", "up", "zone", "response", "relative"];
    words.clone().any(|word| known.contains(&word)) && !words.any(|word| other.contains(&word))
}

/// Whether a column of that name has something else than time and power.
fn is_other(name: &str) -> bool {
    let small = name.to_lowercase();
    let known = ["current", "temperature", "temp", "frequency", "fan", "clock", "id", "index"];
    small.split(|c: char| !c.is_alphanumeric()).any(|word| known.contains(&word))
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
