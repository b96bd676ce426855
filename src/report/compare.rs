//! Compares several reports: the same work on the same device side by side, and whether two numbers
//! differ by more than their uncertainty. A report here is a [`Record`] with a name.
//!
//! Two numbers differ if they are further apart than two standard deviations of their difference.
//! The deviation of a rate is taken from the spread of its slices; that of an efficiency is in the
//! record. Watts that a user stated have no such deviation, nor has a single slice or window, so
//! nothing is concluded from them.

use std::fmt::Write as _;

use serde::Serialize;

use super::figures::{NONE, conditions, deviation, per_joule, rate, remarks};
use super::lines::{WIDTH, cut, wrapped};
use crate::record::DeviceId;
use crate::record::{Named, Record, Row, WorkSize};
use crate::search::MAX_THREADS;
use crate::units::WorkUnit;
use crate::units::text::plain;
use crate::workload::{Kind, Variant};

/// Distance from the 10th to the 90th percentile of a normal distribution, in standard deviations:
/// 2 × 1.2816.
const TENTHS: f64 = 2.563;

/// The comparison of several reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Names of the reports, in the order given.
    pub reports: Vec<String>,
    /// Work that at least two of the reports have.
    pub rows: Vec<Compared>,
    /// Work that only one report has.
    pub only: Vec<Listed>,
    /// Work that several reports have and another lacks, once for each report that lacks it.
    pub lacking: Vec<Listed>,
    /// Reasons why numbers of a report are doubtful.
    pub doubts: Vec<Doubt>,
}

/// The same work on the same device in several reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Kind of work: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    pub workload: Named<Kind>,
    /// Variant of the work: the engine of a search, the number type of a product, or the operation.
    pub variant: Named<Variant>,
    /// Size of the work.
    pub size: WorkSize,
    /// Unit that work is counted in: `H`, `FLOP`, `B` or `op`.
    pub unit: Named<WorkUnit>,
    /// Entries, one for each report that has the work; the first is what all others are compared
    /// with.
    pub entries: Vec<ComparedEntry>,
}

/// The rate and energy of some work in one report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedEntry {
    /// Index of the report in [`Comparison::reports`].
    pub report: usize,
    /// Number of processor threads; `None` for a GPU.
    pub threads: Option<usize>,
    /// Median rate, in units of work per second.
    pub per_second: f64,
    /// Whether this is a rough figure from the shorter measurement of `--quick`.
    pub rough: bool,
    /// Spread of the rates, the 90th minus the 10th percentile, as a share of the median; `None`
    /// for a single slice.
    pub spread: Option<f64>,
    /// Difference of the rate from that of the first entry; `None` for the first entry itself.
    pub difference: Option<Difference>,
    /// Energy of the work; `None` if it was not metered.
    pub energy: Option<Cost>,
}

/// The energy of some work in one report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Whether the power was stated by the user and not measured.
    pub assumed: bool,
    /// Work per joule, in the unit of the work.
    pub per_joule: f64,
    /// One standard deviation of `per_joule`, as a share of it; `None` for a single window.
    pub uncertainty: Option<f64>,
    /// Joules per terahash (J/TH, the unit of miners); `None` for work other than hashing.
    pub joules_per_terahash: Option<f64>,
    /// Difference of the work per joule from that of the first entry with energy; `None` for that
    /// entry itself.
    pub difference: Option<Difference>,
}

/// How a number differs from that of the first entry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The number divided by the first.
    pub ratio: f64,
    /// Whether the difference is larger than its uncertainty.
    pub verdict: Significance,
}

/// Whether a number differs from the first by more than the uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Significance {
    /// The number is smaller than the first by more than two standard deviations of the difference.
    Less,
    /// The difference is at most two of its standard deviations: no more than chance.
    Within,
    /// The number is larger than the first by more than two standard deviations of the difference.
    More,
    /// At least one of the two comes from assumed watts: they do not compare.
    Assumed,
    /// At least one of the two is from a single slice or window, so that its uncertainty is not
    /// known.
    Unknown,
}

/// A group of rows that are the same, each with the place of its report.
type Group<'a> = (Key<'a>, Vec<(usize, &'a Row)>);

/// Work that only one report has, or that a report lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Index of the report in [`Comparison::reports`].
    pub report: usize,
    /// Identifier of the device: `cpu`, `gpu:0`, …
    pub device: Named<DeviceId>,
    /// Description of the work, such as `sha256d avx512x3, 64 threads, 8 versions`.
    pub what: String,
}

/// A reason why numbers of a report are doubtful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// Index of the report in [`Comparison::reports`].
    pub report: usize,
    /// The reason, in a sentence.
    pub what: String,
}

/// Key under which rows of several reports are the same work.
#[derive(PartialEq)]
struct Key<'a> {
    device: &'a Named<DeviceId>,
    workload: &'a Named<Kind>,
    variant: &'a Named<Variant>,
    unit: &'a Named<WorkUnit>,
    size: &'a WorkSize,
    threads: Threads,
    /// Index among the rows of one report that are alike in all of the above: the first goes with
    /// the first of another report.
    nth: usize,
}

/// Threads of a row. Two machines seldom have equally many cores, so rows that use all cores of
/// their machine compare.
#[derive(Clone, Copy, PartialEq)]
enum Threads {
    Count(Option<usize>),
    Most,
}

/// Compares records, each given with its name. Rows of the same device, workload, variant and size
/// are compared with each other.
#[must_use]
pub fn compare(reports: &[(String, Record)]) -> Comparison {
    let mut found: Vec<Group<'_>> = Vec::new();
    for (place, (_, report)) in reports.iter().enumerate() {
        // As many as a score has by default.
        let most = report.machine.usable_cores.min(MAX_THREADS);
        for row in &report.rows {
            let all_cores = row.threads.is_some_and(|threads| threads > 1 && threads == most);
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
    let lacking = rows.iter().flat_map(|(_, rows)| {
        let has = |place: &usize| rows.iter().any(|(report, _)| report == place);
        let first = rows.first().map(|(_, row)| *row);
        let lacks = (0..reports.len()).filter(move |place| !has(place));
        lacks.filter_map(move |report| Some(listed((report, first?))))
    });
    let lacking = lacking.collect();
    let doubts = reports.iter().enumerate().flat_map(|(place, (_, report))| {
        let all = report.warnings.iter().cloned().chain(remarks(&report.rows));
        all.map(move |what| Doubt { report: place, what })
    });
    Comparison {
        reports: reports.iter().map(|(name, _)| name.clone()).collect(),
        rows: rows.into_iter().map(|(key, rows)| compared(&key, &rows)).collect(),
        only: only.into_iter().flat_map(|(_, rows)| rows).map(listed).collect(),
        lacking,
        doubts: doubts.collect(),
    }
}

fn compared(key: &Key<'_>, rows: &[(usize, &Row)]) -> Compared {
    let first = rows.first().map(|(_, row)| *row);
    let first_metered = rows.iter().find(|(_, row)| row.energy.is_some()).map(|(_, row)| *row);
    let entry = |&(report, row): &(usize, &Row)| ComparedEntry {
        report,
        threads: row.threads,
        per_second: row.per_second.median,
        rough: row.rough,
        spread: row.per_second.spread,
        difference: first.filter(|&first| !std::ptr::eq(first, row)).and_then(|first| {
            let deviation = |row: &Row| row.per_second.spread.map(|spread| spread / TENTHS);
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
                    let verdict = if assumed { Significance::Assumed } else { difference.verdict };
                    Some(Difference { verdict, ..difference })
                },
            ),
        }),
    };
    Compared {
        device: key.device.clone(),
        workload: key.workload.clone(),
        variant: key.variant.clone(),
        size: key.size.clone(),
        unit: key.unit.clone(),
        entries: rows.iter().map(entry).collect(),
    }
}

/// Compares two values, each with one standard deviation as a share of it; `None` if the first is
/// zero.
fn difference(
    (first, first_share): (f64, Option<f64>),
    (value, share): (f64, Option<f64>),
) -> Option<Difference> {
    let ratio = Some(value / first).filter(|ratio| ratio.is_finite())?;
    let Some((first_share, share)) = first_share.zip(share) else {
        return Some(Difference { ratio, verdict: Significance::Unknown });
    };
    let deviation = (first * first_share).hypot(value * share);
    let verdict = if (value - first).abs() <= 2.0 * deviation {
        Significance::Within
    } else if value > first {
        Significance::More
    } else {
        Significance::Less
    };
    Some(Difference { ratio, verdict })
}

fn listed((report, row): (usize, &Row)) -> Listed {
    let what = named(&row.workload, &row.variant, row.threads, &row.size);
    Listed { report, device: row.device.clone(), what }
}

/// Describes work, such as `sha256d avx512x3, 64 threads, 8 versions`.
fn named(
    workload: &Named<Kind>,
    variant: &Named<Variant>,
    threads: Option<usize>,
    size: &WorkSize,
) -> String {
    let conditions = conditions(threads, size);
    let between = if conditions.is_empty() { "" } else { ", " };
    format!("{workload} {variant}{between}{conditions}")
}

impl Comparison {
    /// Returns the comparison as text for a terminal of 80 columns.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let mut line = |line: &str| {
            let _ = writeln!(text, "{}", line.trim_end());
        };
        line("each by the first report that has it: + more, - less, = no more than chance,");
        line("~ from watts that were given and not measured, ? from a single slice or window:");
        line("does not compare");
        let not_in_all = self.only.len() + self.lacking.len();
        if not_in_all > 0 {
            line("");
            line(&format!(
                "not compared, since not in all reports: {not_in_all} rows, listed below"
            ));
        }
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
            let rows = |all: &[Listed]| -> Vec<String> {
                let of_it = all.iter().filter(|it| it.report == place);
                of_it.map(|Listed { device, what, .. }| format!("{device}: {what}")).collect()
            };
            let doubts = self.doubts.iter().filter(|doubt| doubt.report == place);
            for (title, items) in [
                ("only in", rows(&self.only)),
                ("not in", rows(&self.lacking)),
                ("doubtful in", doubts.map(|doubt| doubt.what.clone()).collect()),
            ] {
                if !items.is_empty() {
                    line("");
                    line(&cut(&format!("{title} {name}"), WIDTH));
                }
                for item in items {
                    for words in wrapped(&item, WIDTH - 2) {
                        line(&format!("  {words}"));
                    }
                }
            }
        }
        text
    }

    /// Returns the comparison as indented JSON, with a line break at the end.
    ///
    /// # Errors
    ///
    /// None is known: every value of a comparison has a form in JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    fn entry(&self, row: &Compared, entry: &ComparedEntry) -> String {
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
                cut(&cost.uncertainty.map_or_else(|| NONE.to_owned(), deviation), 8),
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

/// Formats a difference: `1.10 x +`.
fn differs(difference: Option<Difference>) -> String {
    difference.map_or_else(String::new, |Difference { ratio, verdict }| {
        let sign = match verdict {
            Significance::Less => '-',
            Significance::Within => '=',
            Significance::More => '+',
            Significance::Assumed => '~',
            Significance::Unknown => '?',
        };
        format!("{} x {sign}", cut(&plain(ratio), 6))
    })
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::engine::EngineId;
    use crate::record::{example, expected};

    /// The full example, and one in which hashing on the processor takes a fifth more power, the
    /// card does a tenth more, and some rows are not there.
    fn pair() -> [(String, Record); 2] {
        let before = example::full();
        let mut after = example::full();
        let energy = after.rows[1].energy.as_mut().expect("metered");
        energy.gross = energy.gross * 1.25;
        energy.per_joule /= 1.25;
        energy.joules_per_terahash = Some(125_000.0);
        let card =
            after.rows.iter_mut().find(|row| row.device == DeviceId::Gpu(0)).expect("a card");
        card.per_second.median *= 1.1;
        card.energy.as_mut().expect("metered").per_joule *= 1.01;
        after.rows.retain(|row| row.workload != Kind::Bandwidth);
        for row in &mut after.rows {
            row.threads = row.threads.map(|threads| threads + 32);
        }
        after.machine.usable_cores += 32;
        [("before".to_owned(), before), ("after".to_owned(), after)]
    }

    fn found<'a>(comparison: &'a Comparison, device: &str, variant: &str) -> &'a Compared {
        let mut rows = comparison.rows.iter();
        rows.find(|row| {
            (row.device.to_string(), row.variant.to_string()) == (device.into(), variant.into())
        })
        .expect(variant)
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
        let difference = Difference { ratio: 0.8, verdict: Significance::Less };
        assert_eq!(cost(1).difference, Some(difference));
        let same = Difference { ratio: 1.0, verdict: Significance::Within };
        assert_eq!(hashes[1].difference, Some(same));

        let card = &found(&comparison, "gpu:0", "gpu").entries;
        let verdict = |difference: Option<Difference>| difference.map(|it| it.verdict);
        assert_eq!(verdict(card[1].difference), Some(Significance::More));
        let energy = card[1].energy.as_ref().expect("metered");
        assert_eq!(verdict(energy.difference), Some(Significance::Within));
    }

    #[test]
    fn two_deviations_of_the_difference_decide() {
        // 3 % and 4 % of 100 are 5 together.
        for (value, verdict) in [
            (109.5, Significance::Within),
            (110.5, Significance::More),
            (90.5, Significance::Within),
            (89.5, Significance::Less),
        ] {
            let found = difference((100.0, Some(0.03)), (value, Some(4.0 / value)));
            let found = found.expect("not zero");
            assert_eq!(found.verdict, verdict, "{value}");
        }
        assert_eq!(difference((0.0, Some(0.1)), (1.0, Some(0.1))), None);
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
            assert_eq!(difference.verdict, Significance::Assumed);
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

    /// A row on two of four cores is not the row on all cores of a machine that has two.
    #[test]
    fn what_one_of_the_reports_lacks_is_told() {
        let mut reports = vec![
            ("a".to_owned(), example::full()),
            ("b".to_owned(), example::full()),
            ("c".to_owned(), example::full()),
        ];
        let is_it = |row: &Row| row.variant == Variant::Engine(EngineId::Avx512x3);
        let all = compare(&reports);
        assert!(all.only.is_empty() && all.lacking.is_empty(), "{:?}", all.lacking);
        reports[1].1.rows.retain(|row| !is_it(row));
        let comparison = compare(&reports);
        let what = "sha256d avx512x3, 64 threads, 8 versions".to_owned();
        assert_eq!(
            comparison.lacking,
            [Listed { report: 1, device: Named::Known(DeviceId::Cpu), what }]
        );
        let text = comparison.text();
        assert!(text.contains("not in all reports: 1 rows") && text.contains("not in b"), "{text}");

        reports.truncate(2);
        let row = reports[0].1.rows.iter().find(|row| is_it(row)).expect("a row").clone();
        reports[1].1.rows.push(Row { threads: Some(32), ..row });
        let comparison = compare(&reports);
        let only: Vec<_> = comparison.only.iter().map(|only| (only.report, &*only.what)).collect();
        assert_eq!(
            only,
            [
                (0, "sha256d avx512x3, 64 threads, 8 versions"),
                (1, "sha256d avx512x3, 32 threads, 8 versions"),
            ]
        );
    }

    #[test]
    fn nothing_is_concluded_from_a_single_slice_or_window() {
        let comparison =
            compare(&[("a".to_owned(), example::full()), ("b".to_owned(), example::rough())]);
        let hashes = &found(&comparison, "cpu", "avx512x3").entries[1];
        let verdict = |difference: Option<Difference>| difference.map(|it| it.verdict);
        assert_eq!(verdict(hashes.difference), Some(Significance::Unknown));
        let cost = hashes.energy.as_ref().expect("metered");
        assert_eq!(
            (verdict(cost.difference), cost.uncertainty),
            (Some(Significance::Unknown), None)
        );
        let text = comparison.text();
        assert!(
            text.contains("doubtful in b") && text.contains("by --quick: everything"),
            "{text}"
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
            .filter(|row| row.variant == Variant::Engine(EngineId::Avx512x3))
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
        assert!(compare(&[]).text().lines().count() == 3, "nothing but the key");
    }
}
