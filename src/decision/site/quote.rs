//! Quoted numbers: their value, how far it may be off, when it was quoted, and by whom.

use std::fmt;

use jiff::civil::Date;

use super::toml::{Section, Value};
use crate::input::listed;

/// Age above which a quote is old, in days.
pub(super) const STALE_DAYS: i32 = 30;

/// Quoted number, with its range, date and source. Its unit is that of the type `T`, or is given
/// where the quote is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote<T> {
    /// Value that was quoted.
    pub value: T,
    /// Range that the value may be in, as multiples of it, the smaller first; both 1 where no range
    /// was given.
    pub range: (f64, f64),
    /// Key, date and source of the quote.
    pub origin: Origin,
}

/// Key, date and source of a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Full key of the quote in the file, as in `mining.btc_price`.
    pub key: String,
    /// Day of the quote.
    pub date: Date,
    /// Source of the quote, in words.
    pub source: String,
}

impl<T> Quote<T> {
    /// Returns the same quote of something that follows from the number.
    pub(crate) fn map<U>(self, follows: impl FnOnce(T) -> U) -> Quote<U> {
        Quote { value: follows(self.value), range: self.range, origin: self.origin }
    }
}

/// Warning of quotes of one day that is long ago, or in the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubtful {
    keys: Vec<String>,
    date: Date,
    /// Age of the quotes in days; below zero for a day to come.
    days: i32,
}

impl Doubtful {
    pub(super) fn is_of_same_day(&self, other: &Self) -> bool {
        self.date == other.date
    }

    pub(super) fn join(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }
}

impl fmt::Display for Doubtful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, date, days } = self;
        let (is, holds) =
            if keys.len() == 1 { ("is", "it still holds") } else { ("are", "they still hold") };
        let keys = listed(keys, ", ", 3);
        if *days < 0 {
            write!(f, "{keys} {is} of {date}, which is yet to come")
        } else {
            write!(f, "{keys} {is} of {date}, {days} days ago; look whether {holds}")
        }
    }
}

impl Origin {
    /// Returns a warning if the quote is more than [`STALE_DAYS`] days old today, or of a day to
    /// come.
    pub(crate) fn doubtful(&self, today: Date) -> Option<Doubtful> {
        let days = self.date.until(today).map_or(i32::MAX, |span| span.get_days());
        let doubtful = !(0..=STALE_DAYS).contains(&days);
        doubtful.then(|| Doubtful { keys: vec![self.key.clone()], date: self.date, days })
    }
}

/// Range that a quoted number has to be in.
#[derive(Clone, Copy, Debug)]
pub(in crate::decision) struct Bounds {
    /// The key of the number in the quote's table, which names the unit.
    pub(in crate::decision) key: &'static str,
    pub(in crate::decision) least: f64,
    pub(in crate::decision) most: f64,
    /// The range and its unit in words.
    pub(in crate::decision) expected: &'static str,
}

/// Shares of something.
pub(super) const SHARE: Bounds =
    Bounds { key: "share", least: 0.0, most: 1.0, expected: "a share of 0 to 1" };

/// Costs of a megawatt.
pub(super) const PER_MEGAWATT: Bounds = Bounds {
    key: "usd_per_mw",
    least: 0.0,
    most: 1e9,
    expected: "0 to 1e9 US dollars for a megawatt",
};

/// Reads a quote: a table with the number, its date and source, and perhaps its range.
pub(in crate::decision) fn quote(value: Value<'_, '_>, kind: Bounds) -> Option<Quote<f64>> {
    let table = value.table()?;
    let read = read(&table, kind);
    table.end();
    read
}

pub(in crate::decision) fn read(
    table: &Section<'_, '_>,
    Bounds { key, least, most, expected }: Bounds,
) -> Option<Quote<f64>> {
    let number = |value: Value<'_, '_>| value.number(least..=most, expected);
    let value = table.needs(key).and_then(number);
    let range = range(table, number);
    let origin = origin(table);
    let (value, (low, high)) = (value?, range?);
    let range = match (low, high) {
        (None, None) => (1.0, 1.0),
        _ if value == 0.0 => {
            table.tell("a range needs a number that is not 0");
            return None;
        }
        (low, high) => {
            let (low, high) = (low.unwrap_or(value), high.unwrap_or(value));
            if !(low..=high).contains(&value) {
                table.tell(format!("{key} = {value} is not in its range, {low} to {high}"));
                return None;
            }
            if low * value < 0.0 || high * value < 0.0 {
                table.tell("a range cannot go from below 0 to above it");
                return None;
            }
            ((low / value).min(high / value), (low / value).max(high / value))
        }
    };
    Some(Quote { value, range, origin: origin? })
}

/// The ends of a range, each of which may be left out.
fn range(
    table: &Section<'_, '_>,
    number: impl Fn(Value<'_, '_>) -> Option<f64>,
) -> Option<(Option<f64>, Option<f64>)> {
    let (low, high) = (table.option("low", &number), table.option("high", &number));
    Some((low?, high?))
}

/// Reads the date and the source of a quote.
pub(in crate::decision) fn origin(table: &Section<'_, '_>) -> Option<Origin> {
    let date = table.needs("date").and_then(|date| date.date());
    let source = table.needs("source").and_then(|source| source.text("who says so, in words"));
    Some(Origin { key: table.path.clone(), date: date?, source: source?.to_owned() })
}
