//! Reads TOML, and reports everything that is wrong in it at once: a line for each problem, with
//! the line of the file and the key.
//!
//! Deserialising by serde would end at the first one, and name a missing key without its place.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::input::{self, InputLimit, listed, shown};

/// Problem in a file: its place, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteProblem {
    /// Line of the file, counted from 1.
    pub line: usize,
    /// Full key, with the sections around it, as in `mining.btc_price`; empty for what is no TOML.
    pub key: String,
    /// Description of what is wrong, and of what was expected.
    pub what: String,
}

impl fmt::Display for SiteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.key.is_empty() { "" } else { ": " };
        write!(f, "line {}: {}{between}{}", self.line, self.key, self.what)
    }
}

/// Reason why a file of a site, of thresholds, or of data sheets cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read, for this reason.
    #[error("{0}")]
    Unreadable(String),
    /// The file has these problems: what is wrong in it, or missing.
    #[error("{}", listed(.0, "; ", 20))]
    Wrong(Vec<SiteProblem>),
}

/// Reads a file by `parse`.
pub(in crate::decision) fn open<T>(
    file: &Path,
    parse: impl FnOnce(&str) -> Result<T, Vec<SiteProblem>>,
) -> Result<T, SettingsError> {
    let text = input::file(file, InputLimit::SETTINGS);
    let text = text.map_err(|why| SettingsError::Unreadable(why.to_string()))?;
    parse(&text).map_err(SettingsError::Wrong)
}

/// A file that is being read, and what was found to be wrong with it.
pub(in crate::decision) struct File<'t> {
    text: &'t str,
    /// Offsets at which the lines begin.
    lines: Vec<usize>,
    problems: RefCell<Vec<SiteProblem>>,
    /// Number of problems that were not kept.
    more: Cell<usize>,
}

/// Maximum number of problems that are reported, those of the first lines; the number of others is
/// reported too.
const MOST_TOLD: usize = 100;

/// Maximum number of problems that are kept.
const MOST_KEPT: usize = 10_000;

/// Maximum number of characters in a message of a key, and of what is wrong with it.
const MOST_KEY: usize = 100;
const MOST_WHAT: usize = 400;

/// Maximum number of characters in a text of a file.
const MOST_TEXT: usize = 1_000;

impl<'t> File<'t> {
    pub(in crate::decision) fn new(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after).collect();
        Self { text, lines, problems: RefCell::default(), more: Cell::default() }
    }

    /// Reads the whole file by `read`, which returns `None` where it has reported a problem.
    pub(in crate::decision) fn read<T>(
        self,
        read: impl FnOnce(&Section<'_, 't>) -> Option<T>,
    ) -> Result<T, Vec<SiteProblem>> {
        let whole = match DeTable::parse(self.text) {
            Ok(table) => table,
            Err(error) => {
                // What a template leaves to be filled in is no TOML, and told as what it is.
                if !self.tell_unfilled() {
                    self.tell(&error.span().unwrap_or(0..0), "", error.message());
                }
                return Err(self.problems.into_inner());
            }
        };
        let section = Section {
            file: &self,
            path: String::new(),
            span: 0..0,
            table: whole.get_ref(),
            asked: RefCell::default(),
        };
        let result = read(&section);
        section.end();
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        let more = problems.len().saturating_sub(MOST_TOLD) + self.more.get();
        if let Some(next) = problems.get(MOST_TOLD) {
            let what = format!("and {more} more problems");
            let told = SiteProblem { line: next.line, key: String::new(), what };
            problems.truncate(MOST_TOLD);
            problems.push(told);
        }
        match result {
            Some(result) if problems.is_empty() => Ok(result),
            _ => Err(problems),
        }
    }

    /// Reports keys without a value, as in `low = , high = 2`; returns whether there are any.
    fn tell_unfilled(&self) -> bool {
        let mut begin = 0;
        for line in self.text.split_inclusive('\n') {
            let is_comment = line.trim_start().starts_with('#');
            for (at, _) in line.match_indices('=').filter(|_| !is_comment) {
                let value = line[at + 1..].trim_start();
                let key = line[..at].trim_end().rsplit([' ', '{', ',', '\t']).next();
                if value.is_empty() || value.starts_with([',', '}', '#']) {
                    self.tell(&(begin + at..begin + at), key.unwrap_or_default(), "has no value");
                }
            }
            begin += line.len();
        }
        !self.problems.borrow().is_empty()
    }

    fn tell(&self, span: &Range<usize>, key: &str, what: &str) {
        if self.is_full() {
            self.more.set(self.more.get() + 1);
            return;
        }
        let line = self.lines.partition_point(|&begin| begin <= span.start).max(1);
        let what = what.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let (key, what) = (shown(key, MOST_KEY), shown(&what, MOST_WHAT));
        self.problems.borrow_mut().push(SiteProblem { line, key, what });
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MOST_KEPT
    }
}

/// A table of the file. Keys that were not asked for are problems when it [ends](Section::end).
pub(in crate::decision) struct Section<'f, 't> {
    file: &'f File<'t>,
    pub(in crate::decision) path: String,
    span: Range<usize>,
    table: &'f DeTable<'t>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'f, 't> Section<'f, 't> {
    /// Returns a value; reports a problem where it is missing.
    pub(in crate::decision) fn needs(&self, key: &'static str) -> Option<Value<'f, 't>> {
        let value = self.may_have(key);
        if value.is_none() {
            self.tell_of(key, "missing");
        }
        value
    }

    /// Returns a value, where it is there.
    pub(in crate::decision) fn may_have(&self, key: &'static str) -> Option<Value<'f, 't>> {
        self.asked.borrow_mut().insert(key);
        let (_, item) = self.table.iter().find(|(known, _)| known.get_ref() == key)?;
        Some(Value { file: self.file, path: self.key(key), item })
    }

    /// Returns the value of a key that the file itself has named.
    pub(in crate::decision) fn of_any(&self, key: &str) -> Option<Value<'f, 't>> {
        let (_, item) = self.table.iter().find(|(known, _)| known.get_ref() == key)?;
        Some(Value { file: self.file, path: self.key(key), item })
    }

    /// Reads a value that may be left out: `Some(None)` where it is, and `None` where `read` has
    /// reported a problem.
    #[expect(clippy::option_option, reason = "wrong, not there, and there are three things")]
    pub(in crate::decision) fn option<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'f, 't>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.may_have(key) {
            Some(value) => read(value).map(Some),
            None => Some(None),
        }
    }

    /// Returns a table; reports a problem where it is missing.
    pub(in crate::decision) fn section(&self, key: &'static str) -> Option<Section<'f, 't>> {
        self.needs(key)?.table()
    }

    /// Returns the tables of an array, none where it is not there.
    pub(in crate::decision) fn sections(&self, key: &'static str) -> Vec<Section<'f, 't>> {
        let Some(value) = self.may_have(key) else { return Vec::new() };
        let Some(items) = value.items() else { return Vec::new() };
        items.into_iter().filter_map(Value::table).collect()
    }

    /// Returns the tables of a value that is one table or an array of them, none where it is not
    /// there.
    pub(in crate::decision) fn one_or_more(&self, key: &'static str) -> Vec<Section<'f, 't>> {
        match self.may_have(key) {
            Some(value) if matches!(value.item.get_ref(), DeValue::Table(_)) => {
                value.table().into_iter().collect()
            }
            _ => self.sections(key),
        }
    }

    /// Returns the one of some keys that is there, and which; reports a problem where there is none
    /// or more than one.
    pub(in crate::decision) fn one_of<const N: usize>(
        &self,
        keys: [&'static str; N],
    ) -> Option<(usize, Value<'f, 't>)> {
        let found = self.at_most_one_of(keys)?;
        if found.is_none() {
            self.tell(format!("missing {}, expected one of them", keys.join(" or ")));
        }
        found
    }

    /// Returns the one of some keys that is there, and which, `Some(None)` where there is none; reports
    /// a problem where there is more than one.
    #[expect(clippy::option_option, reason = "wrong, not there, and there are three things")]
    pub(in crate::decision) fn at_most_one_of<const N: usize>(
        &self,
        keys: [&'static str; N],
    ) -> Option<Option<(usize, Value<'f, 't>)>> {
        let values = keys.map(|key| self.may_have(key)).into_iter().enumerate();
        let mut there = values.filter_map(|(at, value)| Some((at, value?)));
        let first = there.next();
        if let (Some((first, _)), Some((_, second))) = (&first, there.next()) {
            second.tell(format!("contradicts {}, expected one of them", keys[*first]));
            return None;
        }
        Some(first)
    }

    /// Reports keys that are not known.
    pub(in crate::decision) fn end(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table {
            if !asked.contains(&**key.get_ref()) {
                if self.file.is_full() {
                    self.file.more.set(self.file.more.get() + 1);
                    continue;
                }
                let near = nearest(key.get_ref(), asked.iter().copied());
                let hint = near.map_or_else(
                    || {
                        let known: Vec<_> = asked.iter().copied().collect();
                        format!("expected one of {}", known.join(", "))
                    },
                    |near| format!("is {near} meant?"),
                );
                let path = self.key(key.get_ref());
                self.file.tell(&key.span(), &path, &format!("unknown key, {hint}"));
            }
        }
    }

    /// Reports a problem with the table as a whole.
    pub(in crate::decision) fn tell(&self, what: impl Into<String>) {
        self.file.tell(&self.span, &self.path, &what.into());
    }

    /// Reports a problem with one of its keys, which may not be there.
    pub(in crate::decision) fn tell_of(&self, key: &str, what: impl Into<String>) {
        let known = self.table.iter().find(|(known, _)| known.get_ref() == key);
        let span = known.map_or(self.span.clone(), |(known, _)| known.span());
        self.file.tell(&span, &self.key(key), &what.into());
    }

    /// Returns the full name of a key.
    pub(in crate::decision) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A value of the file.
pub(in crate::decision) struct Value<'f, 't> {
    file: &'f File<'t>,
    pub(in crate::decision) path: String,
    item: &'f Spanned<DeValue<'t>>,
}

impl<'f, 't> Value<'f, 't> {
    /// Reads a number in a range; `expected` says which, with its unit.
    pub(in crate::decision) fn number(
        &self,
        range: RangeInclusive<f64>,
        expected: &str,
    ) -> Option<f64> {
        let number = match self.item.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.expected(expected);
        }
        number
    }

    /// Reads a whole number in a range.
    pub(in crate::decision) fn whole(
        &self,
        range: RangeInclusive<u32>,
        expected: &str,
    ) -> Option<u32> {
        let number = match self.item.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.expected(expected);
        }
        number
    }

    /// Reads true or false.
    pub(in crate::decision) fn truth(&self) -> Option<bool> {
        let DeValue::Boolean(truth) = *self.item.get_ref() else {
            self.expected("true or false");
            return None;
        };
        Some(truth)
    }

    /// Reads a text that is not empty.
    pub(in crate::decision) fn text(&self, expected: &str) -> Option<&'f str> {
        match self.item.get_ref() {
            DeValue::String(text) if text.chars().nth(MOST_TEXT).is_some() => {
                self.tell(format!("a text of {} bytes, expected {expected}", text.len()));
                None
            }
            DeValue::String(text) if !text.trim().is_empty() => Some(text),
            _ => {
                self.expected(expected);
                None
            }
        }
    }

    /// Reads a date: one of TOML's own, or a text.
    pub(in crate::decision) fn date(&self) -> Option<jiff::civil::Date> {
        let text = match self.item.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => String::new(),
        };
        let date = text.parse().ok();
        if date.is_none() {
            self.expected("a date, as in 2026-07-01");
        }
        date
    }

    /// Reads a table.
    pub(in crate::decision) fn table(self) -> Option<Section<'f, 't>> {
        let DeValue::Table(table) = self.item.get_ref() else {
            self.expected("a table");
            return None;
        };
        let span = self.item.span();
        Some(Section { file: self.file, path: self.path, span, table, asked: RefCell::default() })
    }

    /// Returns the items of an array, their keys numbered from 1 on.
    pub(in crate::decision) fn items(&self) -> Option<Vec<Value<'f, 't>>> {
        let DeValue::Array(items) = self.item.get_ref() else {
            self.expected("an array");
            return None;
        };
        let number = |(at, item)| {
            let path = format!("{}[{}]", self.path, at + 1);
            Value { file: self.file, path, item }
        };
        Some(items.iter().enumerate().map(number).collect())
    }

    /// Reports a problem with the value.
    pub(in crate::decision) fn tell(&self, what: impl Into<String>) {
        self.file.tell(&self.item.span(), &self.path, &what.into());
    }

    fn expected(&self, expected: &str) {
        let text = self.file.text.get(self.item.span()).unwrap_or_default();
        let text = text.lines().next().unwrap_or_default();
        let short = if text.chars().count() > 40 { "what is there" } else { text };
        self.tell(format!("{short} cannot be used, expected {expected}"));
    }
}

/// Returns the known key that a misspelled one is most like, if one is.
fn nearest(key: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // Longer than any key by more than what is near.
    const LONGEST: usize = 64;
    if key.len() > LONGEST {
        return None;
    }
    let near = |known: &&str| strsim::damerau_levenshtein(key, known);
    known.min_by_key(near).filter(|known| near(known) <= 1 + known.len() / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let read = |file: &Section<'_, '_>| {
            let prices = file.section("prices")?;
            let (power, name) = (prices.needs("power"), prices.may_have("name"));
            let power = power.and_then(|power| power.number(0.0..=1.0, "0 to 1 dollars"));
            let name = name.and_then(|name| name.text("a name"));
            prices.end();
            Some((power?, name.is_some()))
        };
        let problems = File::new(text).read(read).expect_err("problems");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_problem_has_its_line_and_key() {
        assert_eq!(
            problems("# prices\n[prices]\npowr = 0.5\nname = 3\n\n[price]\n"),
            [
                "line 2: prices.power: missing",
                "line 3: prices.powr: unknown key, is power meant?",
                "line 4: prices.name: 3 cannot be used, expected a name",
                "line 6: price: unknown key, is prices meant?",
            ]
        );
        assert_eq!(
            problems("[prices]\npower = 1.5\nzzz = 1"),
            [
                "line 2: prices.power: 1.5 cannot be used, expected 0 to 1 dollars",
                "line 3: prices.zzz: unknown key, expected one of name, power",
            ]
        );
        assert_eq!(problems(""), ["line 1: prices: missing"]);
        assert_eq!(problems("prices = 1"), ["line 1: prices: 1 cannot be used, expected a table"]);
        for text in ["[prices]\npower = nan", "[prices]\npower = inf", "[prices]\npower = \"1\""] {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn lines_that_end_in_two_characters_are_counted_once() {
        let unix = "# prices\n\n[prices]\npowr = 0.5\nname = 3\n";
        let expected = problems(unix);
        assert!(expected[1].starts_with("line 4: prices.powr"), "{expected:?}");
        assert_eq!(problems(&unix.replace('\n', "\r\n")), expected);
        let broken = "[prices]\n\npower = = 1\n";
        assert_eq!(problems(&broken.replace('\n', "\r\n")), problems(broken));
    }

    #[test]
    fn messages_are_bounded_whatever_is_in_the_file() {
        let key = "k".repeat(5 << 20);
        for text in [
            format!("[prices]\npower = 0.5\n{key} = 1\n"),
            format!("[prices]\npower = \"{key}\"\n"),
            format!("[prices]\npower = 0.5\nname = \"{key}\"\n"),
            format!("[prices]\npower = 0.5\n{key} {key}\n"),
            format!("[prices]\npower = 0.5\n\"a\\u001b\\u202e{key}\" = 1\n"),
        ] {
            let problems = problems(&text);
            assert!(
                problems.iter().all(|it| it.len() < 700 && !it.contains('\x1b')),
                "{problems:?}"
            );
        }
    }

    /// By the time of lines before each, and of what each is like, it would take minutes.
    #[test]
    fn of_many_problems_the_first_are_told_and_how_many_there_are() {
        let keys: Vec<String> = (0..200_000).map(|at| format!("k{at:06} = 1\n")).collect();
        let keys = keys.concat();
        let problems = problems(&format!("[prices]\npower = 0.5\n{keys}"));
        assert_eq!(problems.len(), MOST_TOLD + 1);
        assert!(problems[0].starts_with("line 3: prices.k000000: unknown key"), "{}", problems[0]);
        assert_eq!(problems[MOST_TOLD], "line 103: and 199900 more problems");
    }

    #[test]
    fn what_is_not_filled_in_is_told_by_name() {
        let told = problems("[prices]\npower = { usd = , low = 1, high = }\n# a = \nname =\n");
        let expected = [
            "line 2: usd: has no value",
            "line 2: high: has no value",
            "line 4: name: has no value",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_toml_has_its_line() {
        let problems = problems("[prices]\npower = = 1\n");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("line 2: "), "{problems:?}");
    }
}
