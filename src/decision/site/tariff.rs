//! The price of a kilowatt-hour at the site's meter, hour by hour.
//!
//! An hour is a moment and not a place in a day, so that days of 23 and 25 hours need no care: a
//! price by the hour of the day is looked up with the local time, and a series has times of its
//! own.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};

use super::quote::{Bounds, Origin, Quote, origin, quote};
use super::toml::{Section, Value};
use crate::input::{self, InputLimit, shown};
use crate::units::UsdPerKwh;

/// Number of hours in a year, in plans and in yearly earnings: 365 days.
pub(crate) const YEAR: u16 = 8_760;

/// Returns a number of hours as a share of a year.
pub(crate) fn years(hours: usize) -> f64 {
    hours as f64 / f64::from(YEAR)
}

/// Range of prices that are no mistakes of unit, in dollars: markets cap theirs at 5 $ (Texas) to
/// 20.3 AUD (Australia), and what is quoted for a megawatt-hour is most often more than 25.
pub(super) const PRICE: Bounds = Bounds {
    key: "usd_per_kwh",
    least: -25.0,
    most: 25.0,
    expected: "-25 to 25 US dollars for a kilowatt-hour",
};

/// Characters of a cell that a message shows.
const MOST_SHOWN: usize = 60;

/// Price of power at the site's meter, by hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Tariff {
    prices: Prices,
    /// Range that all prices together may be in, as multiples of them, the smaller first; both 1
    /// where no range was given.
    pub range: (f64, f64),
    /// Date and source of the prices.
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
enum Prices {
    Flat(UsdPerKwh),
    /// Prices by the hour of the local day, and its time zone.
    ByHour(Box<[UsdPerKwh; 24]>, TimeZone),
    /// Prices of a file, and its path.
    Series(PathBuf, Vec<Hour>),
}

/// Hour of a tariff, and its price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hour {
    /// Start of the hour.
    pub start: Timestamp,
    /// Price of power, in US dollars per kWh at the site's meter.
    pub price: UsdPerKwh,
}

impl Tariff {
    /// Returns the hours of a year from a moment on; of a series, all hours that it has, whenever
    /// they are.
    #[must_use]
    pub fn hours(&self, from: Timestamp) -> Vec<Hour> {
        match &self.prices {
            Prices::Flat(price) => year(from).map(|start| Hour { start, price: *price }).collect(),
            Prices::ByHour(prices, zone) => {
                // Half an hour is the least that local time is beside the hour of UTC, or a quarter.
                let local = zone.to_datetime(from);
                let past = i64::from(local.minute()) * 60 + i64::from(local.second());
                let start = from.checked_sub(SignedDuration::from_secs(past)).unwrap_or(from);
                let price = |start| prices[zone.to_datetime(start).hour() as usize % 24];
                year(start).map(|start| Hour { start, price: price(start) }).collect()
            }
            Prices::Series(_, hours) => hours.clone(),
        }
    }

    /// Returns the tariff of one price in all hours, which is certain.
    pub(super) fn flat(price: UsdPerKwh, origin: Origin) -> Self {
        Self { prices: Prices::Flat(price), range: (1.0, 1.0), origin }
    }

    /// Returns the file that the prices are from, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.prices {
            Prices::Series(file, _) => Some(file),
            Prices::Flat(_) | Prices::ByHour(..) => None,
        }
    }

    pub(super) fn read(value: Value<'_, '_>, folder: &Path) -> Option<Self> {
        const HOURS: &str = "usd_per_kwh_by_hour";
        const FILE: &str = "file";
        let table = value.table()?;
        let has = |key| table.may_have(key).is_some();
        match (has(PRICE.key), has(HOURS), has(FILE)) {
            (true, false, false) => {
                let read = super::quote::read(&table, PRICE);
                table.end();
                let Quote { value, range, origin } = read?;
                Some(Self { prices: Prices::Flat(UsdPerKwh::new(value)), range, origin })
            }
            (false, true, false) => {
                let prices = table.needs(HOURS).and_then(|prices| by_hour(&prices));
                let zone = table.needs("zone").and_then(|zone| time_zone(&zone));
                let rest = rest(&table);
                let (prices, zone, (range, origin)) = (prices?, zone?, rest?);
                Some(Self { prices: Prices::ByHour(Box::new(prices), zone), range, origin })
            }
            (false, false, true) => {
                let hours = table.needs(FILE).and_then(|file| series(&file, folder));
                let rest = rest(&table);
                let ((file, hours), (range, origin)) = (hours?, rest?);
                Some(Self { prices: Prices::Series(file, hours), range, origin })
            }
            (flat, by_hour, file) => {
                let what = if flat || by_hour || file { "contradictory" } else { "missing" };
                table.tell(format!("{what}, expected one of {}, {HOURS} and {FILE}", PRICE.key));
                None
            }
        }
    }
}

fn year(from: Timestamp) -> impl Iterator<Item = Timestamp> {
    let start = from.round(Unit::Second).unwrap_or(from);
    (0..i64::from(YEAR))
        .filter_map(move |hour| start.checked_add(SignedDuration::from_hours(hour)).ok())
}

/// Reads the range and the origin of a series, or of prices by the hour.
fn rest(table: &Section<'_, '_>) -> Option<((f64, f64), Origin)> {
    let times = |key| {
        let read = |times: Value<'_, '_>| times.number(0.0..=100.0, "0 to 100 times the prices");
        Some(table.option(key, read)?.unwrap_or(1.0))
    };
    let (low, high, origin) = (times("times_low"), times("times_high"), origin(table));
    table.end();
    let range = (low?, high?);
    if !(range.0 <= 1.0 && range.1 >= 1.0) {
        table.tell("expected times_low to be 1 or less, and times_high 1 or more");
        return None;
    }
    Some((range, origin?))
}

fn by_hour(prices: &Value<'_, '_>) -> Option<[UsdPerKwh; 24]> {
    let items = prices.items()?;
    let price = |item: &Value<'_, '_>| {
        item.number(PRICE.least..=PRICE.most, PRICE.expected).map(UsdPerKwh::new)
    };
    let read: Vec<_> = items.iter().map(price).collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    let count = read.len();
    let read = read.try_into().ok();
    if read.is_none() {
        prices.tell(format!("{count} prices, expected 24: from midnight to 1 o'clock first"));
    }
    read
}

fn time_zone(zone: &Value<'_, '_>) -> Option<TimeZone> {
    const EXPECTED: &str = "the name of a time zone, as in \"America/Chicago\" or \"UTC\"";
    let name = zone.text(EXPECTED)?;
    let found = TimeZone::get(name).ok();
    if found.is_none() {
        zone.tell(format!("{name} is not known, expected {EXPECTED}"));
    }
    found
}

fn series(file: &Value<'_, '_>, folder: &Path) -> Option<(PathBuf, Vec<Hour>)> {
    let name = file.text("the name of a CSV file")?;
    let path = folder.join(name);
    let told = |problem: String| format!("{}: {problem}", path.display());
    let read = input::file(&path, InputLimit::SERIES).map_err(|error| told(error.to_string()));
    let hours = read.and_then(|text| hours_of_csv(&text).map_err(told));
    let hours = hours.map_err(|problem| file.tell(problem)).ok()?;
    Some((path, hours))
}

/// Reads lines of a time and a price: RFC 3339 with its offset from UTC, an hour after the last.
fn hours_of_csv(text: &str) -> Result<Vec<Hour>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?;
    let column = |name: &str| {
        let at = header.iter().position(|known| known.eq_ignore_ascii_case(name));
        at.ok_or_else(|| format!("no column {name}, expected the columns time and {}", PRICE.key))
    };
    let (time, price) = (column("time")?, column(PRICE.key)?);
    let mut hours: Vec<Hour> = Vec::new();
    let (mut lines, mut counted) = (0, 0);
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        // The reader counts a line that ends in two characters after the second of them.
        let begin = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(0));
        let (before, rest) = text.split_at_checked(begin).unwrap_or((text, ""));
        let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        lines += before.get(counted..).unwrap_or_default().matches('\n').count();
        counted = begin;
        let line = 1 + lines + rest.get(..skipped).unwrap_or_default().matches('\n').count();
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let start: Timestamp = cell(time).parse().map_err(|_| {
            format!(
                "line {line}: \"{}\" is no time with an offset, expected 2026-07-01T13:00:00-05:00",
                shown(cell(time), MOST_SHOWN)
            )
        })?;
        let number = cell(price).parse().ok();
        let number = number.filter(|number| (PRICE.least..=PRICE.most).contains(number));
        let price = number.map(UsdPerKwh::new).ok_or_else(|| {
            let cell = shown(cell(price), MOST_SHOWN);
            format!("line {line}: \"{cell}\" is no price, expected {}", PRICE.expected)
        })?;
        if let Some(last) = hours.last() {
            let next = last.start.checked_add(SignedDuration::from_hours(1));
            if next.ok() != Some(start) {
                return Err(format!(
                    "line {line}: {start} does not come an hour after {}; every hour has a line",
                    last.start
                ));
            }
        }
        hours.push(Hour { start, price });
    }
    if hours.is_empty() { Err("no hours in it".to_owned()) } else { Ok(hours) }
}

/// Reads a credit for power that is not drawn.
pub(super) fn credit(value: Value<'_, '_>) -> Option<Quote<UsdPerKwh>> {
    let kind = Bounds { least: 0.0, expected: "0 to 25 US dollars for a kilowatt-hour", ..PRICE };
    Some(quote(value, kind)?.map(UsdPerKwh::new))
}
