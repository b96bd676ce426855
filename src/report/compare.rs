//! Several reports side by side: the same work on the same device, and whether two numbers differ by
//! more than the measurement is uncertain.
//!
//! Two numbers differ where they are further apart than two standard deviations of their difference.
//! That of a rate is taken from the spread of its slices, that of an efficiency is in the report.
//! Watts that a user gave have no such deviation, so nothing is concluded from them.

use std::fmt::Write as _;

use serde::Serialize;

use super::figures::{conditions, deviation, per_joule, plain, rate};
use super::lines::{WIDTH, cut, wrapped};
use super::{Report, Row, Size};

/// From the lowest to the highest tenth of a normal distribution, in standard deviations.
const TENTHS: f64 = 2.563;

/// Reports side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What the reports are called, in the order given.
    pub reports: Vec<String>,
    /// What at least two of them have.
    pub rows: Vec<Compared>,
    /// What only one has.
    pub only: Vec<Only>,
}

/// One kind of work on one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// `cpu`, `gpu:0`, …
    pub device: String,
    /// `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workload: String,
    /// The engine, the type of the numbers, or the operation.
    pub variant: String,
    /// Of the work.
    pub size: Size,
    /// What is counted.
    pub unit: String,
    /// One of each report that has it; all others are compared with the first.
    pub entries: Vec<Entry>,
}

/// What one report has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The place of the report, from 0.
    pub report: usize,
    /// Of the processor.
    pub threads: Option<usize>,
    /// Work per second in the median slice.
    pub per_second: f64,
    /// From the slowest tenth to the fastest tenth, as a share of the median.
    pub spread: f64,
    /// Of the rate, from that of the first entry.
    pub difference: Option<Difference>,
    /// The energy, if it is known.
    pub energy: Option<Cost>,
}

/// What work cost in one report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Whether the power was given by the user and not measured.
    pub assumed: bool,
    /// Work per joule.
    pub per_joule: f64,
    /// One standard deviation, as a share.
    pub uncertainty: f64,
    /// The miners' unit, for hashes.
    pub joules_per_terahash: Option<f64>,
    /// Of the work per joule, from that of the first entry that has any.
    pub difference: Option<Difference>,
}

/// How a number differs from the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// How many times the first it is.
    pub ratio: f64,
    /// Whether that is more than chance.
    pub verdict: Verdict,
}

/// Whether two numbers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It is smaller than the first by more than two standard deviations.
    Less,
    /// The uncertainty is larger than the difference.
    Within,
    /// It is larger than the first by more than two standard deviations.
    More,
    /// One of them at least comes from assumed watts: they do not compare.
    Assumed,
}

/// A group of rows that are the same, each with the place of its report.
type Group<'a> = (Key<'a>, Vec<(usize, &'a Row)>);

/// A row that no other report has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Only {
    /// The place of the report, from 0.
    pub report: usize,
    /// `cpu`, `gpu:0`, …
    pub device: String,
    /// `sha256d avx512x3, 64 threads, 8 versions`
    pub what: String,
}

/// What makes rows of two reports the same.
#[derive(PartialEq)]
struct Key<'a> {
    device: &'a str,
    workload: &'a str,
    variant: &'a str,
    unit: &'a str,
    size: &'a Size,
    threads: Threads,
    /// Of rows that are alike in all that, the first goes with the first.
    nth: usize,
}

/// Two machines seldom have as many cores; what uses all of them compares.
#[derive(Clone, Copy, PartialEq)]
enum Threads {
    Count(Option<usize>),
    Most,
}

/// Puts the rows of reports together that are of the same device, workload, variant and size.
#[must_use]
pub fn compare(reports: &[(String, Report)]) -> Comparison {
    let mut found: Vec<Group<'_>> = Vec::new();
    for (place, (_, report)) in reports.iter().enumerate() {
        let most = report.rows.iter().filter_map(|row| row.threads).max();
        for row in &report.rows {
            let all_cores = row.threads.is_some_and(|threads| threads > 1) && row.threads == most;
            let mut key = Key {
                device: &row.device,
                workload: &row.workload,
                variant: &row.variant,
                unit: &row.unit,
                size: &row.size,
                threads: if all_cores { Threads::Most } else { Threads::Count(row.threads) },
                nth: 0,
            };
            let same = |(known, rows): &Group<'_>, key: &Key<'_>| {
                *known == *key && rows.iter().any(|&(report, _)| report == place)
            };
            while found.iter().any(|group| same(group, &key)) {
                key.nth += 1;
            }
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, rows)) => rows.push((place, row)),
                None => found.push((key, vec![(place, row)])),
            }
        }
    }
    let (rows, only): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, rows)| rows.len() > 1);
    Comparison {
        reports: reports.iter().map(|(name, _)| name.clone()).collect(),
        rows: rows.into_iter().map(|(key, rows)| compared(&key, &rows)).collect(),
        only: only.into_iter().flat_map(|(_, rows)| rows).map(only_one).collect(),
    }
}

fn compared(key: &Key<'_>, rows: &[(usize, &Row)]) -> Compared {
    let first = rows.first().map(|(_, row)| *row);
    let first_metered = rows.iter().find(|(_, row)| row.energy.is_some()).map(|(_, row)| *row);
    let entry = |&(report, row): &(usize, &Row)| Entry {
        report,
        threads: row.threads,
        per_second: row.per_second.median,
        spread: row.per_second.spread,
        difference: first.filter(|&first| !std::ptr::eq(first, row)).and_then(|first| {
            let deviation = |row: &Row| row.per_second.spread / TENTHS;
            difference(
                (first.per_second.median, deviation(first)),
                (row.per_second.median, deviation(row)),
            )
        }),
        energy: row.energy.as_ref().map(|energy| Cost {
            assumed: energy.assumed,
            per_joule: energy.per_joule,
            uncertainty: energy.uncertainty,
            joules_per_terahash: energy.joules_per_terahash,
            difference: first_metered.filter(|&first| !std::ptr::eq(first, row)).and_then(
                |first| {
                    let first = first.energy.as_ref()?;
                    let difference = difference(
                        (first.per_joule, first.uncertainty),
                        (energy.per_joule, energy.uncertainty),
                    )?;
                    let assumed = first.assumed || energy.assumed;
                    let verdict = if assumed { Verdict::Assumed } else { difference.verdict };
                    Some(Difference { verdict, ..difference })
                },
            ),
        }),
    };
    Compared {
        device: key.device.to_owned(),
        workload: key.workload.to_owned(),
        variant: key.variant.to_owned(),
        size: key.size.clone(),
        unit: key.unit.to_owned(),
        entries: rows.iter().map(entry).collect(),
    }
}

/// Of two values, each with one standard deviation as a share of it; `None` where the first is zero.
fn difference((first, first_share): (f64, f64), (value, share): (f64, f64)) -> Option<Difference> {
    let ratio = Some(value / first).filter(|ratio| ratio.is_finite())?;
    let deviation = (first * first_share).hypot(value * share);
    let verdict = if (value - first).abs() <= 2.0 * deviation {
        Verdict::Within
    } else if value > first {
        Verdict::More
    } else {
        Verdict::Less
    };
    Some(Difference { ratio, verdict })
}

fn only_one((report, row): (usize, &Row)) -> Only {
    let what = named(&row.workload, &row.variant, row.threads, &row.size);
    Only { report, device: row.device.clone(), what }
}

/// `sha256d avx512x3, 64 threads, 8 versions`
fn named(workload: &str, variant: &str, threads: Option<usize>, size: &Size) -> String {
    let conditions = conditions(threads, size);
    let between = if conditions.is_empty() { "" } else { ", " };
    format!("{workload} {variant}{between}{conditions}")
}

impl Comparison {
    /// The comparison as a terminal of 80 columns shows it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let mut line = |line: &str| {
            let _ = writeln!(text, "{}", line.trim_end());
        };
        line("each by the first report that has it: + more, - less, = no more than chance,");
        line("~ from watts that were given and not measured: does not compare");
        for row in &self.rows {
            line("");
            for title in wrapped(&row.title(), WIDTH) {
                line(&title);
            }
            for entry in &row.entries {
                line(&self.entry(row, entry));
            }
        }
        for (place, name) in self.reports.iter().enumerate() {
            let rows: Vec<&Only> = self.only.iter().filter(|only| only.report == place).collect();
            if !rows.is_empty() {
                line("");
                line(&cut(&format!("only in {name}"), WIDTH));
            }
            for Only { device, what, .. } in rows {
                for words in wrapped(&format!("{device}: {what}"), WIDTH - 2) {
                    line(&format!("  {words}"));
                }
            }
        }
        text
    }

    /// The comparison as indented JSON, with a line break at the end.
    ///
    /// # Errors
    ///
    /// None that could be named: there is nothing in it that JSON has no form for.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    fn entry(&self, row: &Compared, entry: &Entry) -> String {
        let name = self.reports.get(entry.report).map_or("", |name| name);
        let threads = row.entries.first().and_then(|first| first.threads);
        let name = match entry.threads {
            Some(count) if entry.threads != threads => {
                format!("{} ({count} threads)", cut(name, 7))
            }
            _ => name.to_owned(),
        };
        let mut line = format!(
            "  {:20} {:>13} {:9}",
            cut(&name, 20),
            cut(&rate(&row.workload, &row.unit, entry.per_second), 13),
            differs(entry.difference),
        );
        if let Some(cost) = &entry.energy {
            let mark = if cost.assumed { "~" } else { "" };
            let _ = write!(
                line,
                " {:>13} {:>8} {}",
                cut(&format!("{mark}{}", per_joule(&row.unit, cost.per_joule)), 13),
                cut(&deviation(cost.uncertainty), 8),
                differs(cost.difference),
            );
        }
        line
    }
}

impl Compared {
    fn title(&self) -> String {
        let threads = self.entries.first().and_then(|first| first.threads);
        let what = named(&self.workload, &self.variant, threads, &self.size);
        format!("{}: {what}", self.device)
    }
}

/// `1.10 x +`
fn differs(difference: Option<Difference>) -> String {
    difference.map_or_else(String::new, |Difference { ratio, verdict }| {
        let sign = match verdict {
            Verdict::Less => '-',
            Verdict::Within => '=',
            Verdict::More => '+',
            Verdict::Assumed => '~',
        };
        format!("{} x {sign}", cut(&plain(ratio), 6))
    })
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::report::{example, expected};

    /// The full example, and one in which hashing on the processor takes a fifth more power, the
    /// card does a tenth more, and some rows are not there.
    fn pair() -> [(String, Report); 2] {
        let before = example::full();
        let mut after = example::full();
        let energy = after.rows[1].energy.as_mut().expect("metered");
        energy.gross = energy.gross * 1.25;
        energy.per_joule /= 1.25;
        energy.joules_per_terahash = Some(125_000.0);
        let card = after.rows.iter_mut().find(|row| row.device == "gpu:0").expect("a card");
        card.per_second.median *= 1.1;
        card.energy.as_mut().expect("metered").per_joule *= 1.01;
        after.rows.retain(|row| row.workload != "bandwidth");
        for row in &mut after.rows {
            row.threads = row.threads.map(|threads| threads + 32);
        }
        [("before".to_owned(), before), ("after".to_owned(), after)]
    }

    fn found<'a>(comparison: &'a Comparison, device: &str, variant: &str) -> &'a Compared {
        let mut rows = comparison.rows.iter();
        rows.find(|row| (&*row.device, &*row.variant) == (device, variant)).expect(variant)
    }

    #[test]
    fn the_texts_are_as_they_were() {
        let comparison = compare(&pair());
        expected::is("comparison.txt", &comparison.text());
        expected::is("comparison.json", &comparison.json().expect("JSON"));
    }

    #[test]
    fn known_joules_give_known_ratios() {
        let comparison = compare(&pair());
        let hashes = &found(&comparison, "cpu", "avx512x3").entries;
        let cost = |at: usize| hashes[at].energy.as_ref().expect("metered");
        assert_eq!((cost(0).per_joule, cost(0).difference), (10e6, None));
        assert_eq!((cost(1).per_joule, cost(1).joules_per_terahash), (8e6, Some(125_000.0)));
        let difference = Difference { ratio: 0.8, verdict: Verdict::Less };
        assert_eq!(cost(1).difference, Some(difference));
        let same = Difference { ratio: 1.0, verdict: Verdict::Within };
        assert_eq!(hashes[1].difference, Some(same));

        let card = &found(&comparison, "gpu:0", "gpu").entries;
        let verdict = |difference: Option<Difference>| difference.map(|it| it.verdict);
        assert_eq!(verdict(card[1].difference), Some(Verdict::More));
        let energy = card[1].energy.as_ref().expect("metered");
        assert_eq!(verdict(energy.difference), Some(Verdict::Within));
    }

    #[test]
    fn two_deviations_of_the_difference_decide() {
        // 3 % and 4 % of 100 are 5 together.
        for (value, verdict) in [
            (109.5, Verdict::Within),
            (110.5, Verdict::More),
            (90.5, Verdict::Within),
            (89.5, Verdict::Less),
        ] {
            let found = difference((100.0, 0.03), (value, 4.0 / value)).expect("not zero");
            assert_eq!(found.verdict, verdict, "{value}");
        }
        assert_eq!(difference((0.0, 0.1), (1.0, 0.1)), None);
    }

    #[test]
    fn nothing_is_concluded_from_assumed_watts() {
        for places in [vec![0], vec![1], vec![0, 1]] {
            let mut pair = pair();
            for place in places {
                pair[place].1.rows[1].energy.as_mut().expect("metered").assumed = true;
            }
            let comparison = compare(&pair);
            let hashes = &found(&comparison, "cpu", "avx512x3").entries;
            let difference = hashes[1].energy.as_ref().expect("metered").difference.expect("both");
            assert_eq!(difference.verdict, Verdict::Assumed);
        }
    }

    #[test]
    fn what_only_one_has_is_listed() {
        let comparison = compare(&pair());
        let only: Vec<_> = comparison.only.iter().map(|only| (only.report, &*only.what)).collect();
        assert_eq!(
            only,
            [
                (0, "bandwidth copy, 64 threads, 3.0 GiB"),
                (0, "bandwidth triad, 64 threads, 4.5 GiB"),
                (0, "bandwidth copy, 8.0 GiB"),
            ]
        );
    }

    #[test]
    fn rows_that_one_report_has_twice_go_in_turn() {
        let mut pair = pair();
        for (_, report) in &mut pair {
            let mut twice = report.rows[1].clone();
            twice.per_second.median *= 2.0;
            report.rows.push(twice);
        }
        let comparison = compare(&pair);
        let rates: Vec<f64> = comparison
            .rows
            .iter()
            .filter(|row| row.variant == "avx512x3")
            .flat_map(|row| row.entries.iter().map(|entry| entry.per_second))
            .collect();
        assert_eq!(rates, [3e9, 3e9, 6e9, 6e9]);
    }

    #[test]
    fn it_fits_into_80_columns() {
        let mut reports = pair().to_vec();
        let named = |at: usize| {
            (
                "a name that is quite long ".repeat(5),
                [example::full(), example::hostile(), example::hostile(), example::empty()][at]
                    .clone(),
            )
        };
        reports.extend((0..4).map(named));
        let comparison = compare(&reports);
        assert!(comparison.rows.iter().any(|row| row.entries.len() == 3), "all of the full ones");
        for line in comparison.text().lines() {
            assert!(line.width() <= WIDTH, "{line}");
        }
        assert!(compare(&[]).text().lines().count() == 2, "nothing but the key");
    }
}
