//! The tables with the numbers beneath the charts.

use super::markup::Markup;
use super::power::summary;
use super::roof::Plot;
use crate::decision::reference_miners;
use crate::record::{Record, Row, ScoredDevice};
use crate::report::figures::{self, joined, of_roof, per_joule, rate, uncertainty, why_no_energy};
use crate::units::Joules;
use crate::units::text::{plain, si};

/// A table with its caption, its header, and rows whose first cells are texts and others numbers.
pub(super) struct Table<const N: usize> {
    pub(super) caption: &'static str,
    pub(super) header: [&'static str; N],
    /// Number of columns that are texts.
    pub(super) texts: usize,
    pub(super) rows: Vec<Line<N>>,
}

/// A row of a table.
pub(super) struct Line<const N: usize> {
    pub(super) cells: [String; N],
    pub(super) assumed: bool,
}

impl<const N: usize> Table<N> {
    /// Writes the table, without the columns that are empty in all rows; nothing without rows.
    pub(super) fn draw(&self, page: &mut Markup) {
        if self.rows.is_empty() {
            return;
        }
        let kept: Vec<usize> = (0..N)
            .filter(|&column| self.rows.iter().any(|row| !row.cells[column].is_empty()))
            .collect();
        let class = |column: usize| if column < self.texts { "word" } else { "number" };
        page.element("div", &[("class", &"table")], |page| {
            page.element("table", &[], |page| {
                page.words("caption", &[], self.caption);
                page.element("thead", &[], |page| {
                    page.element("tr", &[], |page| {
                        for &column in &kept {
                            let attributes: super::markup::Attributes<'_> =
                                &[("scope", &"col"), ("class", &class(column))];
                            page.words("th", attributes, self.header[column]);
                        }
                    });
                });
                page.element("tbody", &[], |page| {
                    for row in &self.rows {
                        let kind = if row.assumed { "assumed" } else { "measured" };
                        page.element("tr", &[("class", &kind)], |page| {
                            for (at, &column) in kept.iter().enumerate() {
                                let cell = &row.cells[column];
                                if at == 0 {
                                    let mark = if row.assumed { "~\u{a0}" } else { "" };
                                    page.words(
                                        "th",
                                        &[("scope", &"row")],
                                        &format!("{mark}{cell}"),
                                    );
                                } else {
                                    page.words("td", &[("class", &class(column))], cell);
                                }
                            }
                        });
                    }
                });
            });
        });
    }
}

/// Formats threads and size, with a line break allowed between the two only.
fn conditions(row: &Row) -> String {
    figures::conditions(row.threads, &row.size).replace(' ', "\u{a0}").replace(",\u{a0}", ", ")
}

/// Reasons why rows have no energy, each once.
#[derive(Default)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    fn mark(&mut self, row: &Row) -> String {
        if row.energy.is_some() {
            return String::new();
        }
        let why = why_no_energy(row);
        let at = self.0.iter().position(|known| *known == why).unwrap_or_else(|| {
            self.0.push(why);
            self.0.len() - 1
        });
        format!("note {}", at + 1)
    }

    fn draw(&self, page: &mut Markup) {
        if !self.0.is_empty() {
            page.element("ol", &[("class", &"notes")], |page| {
                for why in &self.0 {
                    page.words("li", &[], why);
                }
            });
        }
    }
}

/// Writes a table of the rates and energy of rows.
pub(super) fn rates_and_energy(page: &mut Markup, rows: &[&Row], caption: &'static str) {
    let mut reasons = Reasons::default();
    let lines = rows.iter().map(|row| {
        let energy = row.energy.as_ref();
        let each = energy.and_then(|energy| energy.joules_per_terahash);
        let best_miner = reference_miners().map(|miner| miner.joules_per_terahash);
        let best_miner = best_miner.fold(f64::INFINITY, f64::min);
        let text = |value: Option<String>| value.unwrap_or_default();
        let cells = [
            row.device.to_string(),
            format!("{} {}", row.workload, row.variant),
            conditions(row),
            rate(&row.workload, &row.unit, row.per_second.median),
            of_roof(row),
            text(energy.map(|energy| si(energy.gross.value(), "W"))),
            text(energy.and_then(|energy| energy.idle).map(|idle| si(idle.value(), "W"))),
            text(energy.map(|energy| per_joule(&row.unit, energy.per_joule))),
            text(energy.map(uncertainty)),
            text(each.map(plain)),
            text(each.map(|each| format!("{} \u{d7}", plain(each / best_miner)))),
            energy.map_or_else(|| reasons.mark(row), |energy| energy.source.to_string()),
        ];
        Line { cells, assumed: energy.is_some_and(|energy| energy.assumed) }
    });
    let table = Table {
        caption,
        header: [
            "Device",
            "Work",
            "Conditions",
            "Median rate",
            "Best of roof",
            "Watts",
            "Idle",
            "Per joule",
            "\u{b1}1 \u{3c3}",
            "J/TH",
            "By S21 XP",
            "Meter",
        ],
        texts: 3,
        rows: lines.collect(),
    };
    table.draw(page);
    reasons.draw(page);
}

/// Writes tables of what the meters showed, and of the windows of each row.
pub(super) fn power(page: &mut Markup, record: &Record) {
    let traces = record.traces.iter().filter_map(|trace| {
        let (least, mean, most) = summary(trace)?;
        let cells = [trace.domain.to_string(), least, mean, most, trace.points.len().to_string()];
        Some(Line { cells, assumed: false })
    });
    let header = ["Meter", "Least", "Mean", "Most", "Readings"];
    Table { caption: "Power over the whole score", header, texts: 1, rows: traces.collect() }
        .draw(page);

    let windows = record.rows.iter().filter_map(|row| {
        let energy = row.energy.as_ref().filter(|energy| !energy.trials.is_empty())?;
        let trials = &energy.trials;
        let joules: Joules = trials.iter().map(|trial| trial.joules).sum();
        let updates = trials.iter().filter_map(|trial| trial.updates).min();
        let state = energy.state.as_ref();
        let cells = [
            row.device.to_string(),
            format!("{} {}", row.workload, row.variant),
            conditions(row),
            joined(&energy.charged, " + "),
            trials.len().to_string(),
            si(trials.iter().map(|trial| trial.seconds).sum(), "s"),
            joules.to_string(),
            energy.gross.to_string(),
            updates.map_or_else(String::new, |updates| updates.to_string()),
            state.and_then(|state| state.clock).map_or_else(String::new, |clock| clock.to_string()),
            state
                .and_then(|it| it.celsius)
                .map_or_else(String::new, |it| format!("{it:.0} \u{b0}C")),
            state.map_or_else(String::new, |state| state.throttled.join(", ")),
        ];
        Some(Line { cells, assumed: energy.assumed })
    });
    let header = [
        "Device",
        "Work",
        "Conditions",
        "Charged",
        "Windows",
        "Time",
        "Energy",
        "Power",
        "Least updates",
        "Clock",
        "Hottest",
        "Slowed by",
    ];
    Table {
        caption: "The windows in which work was metered",
        header,
        texts: 4,
        rows: windows.collect(),
    }
    .draw(page);
}

/// Writes the points of a roof plot.
pub(super) fn roofs(page: &mut Markup, device: &ScoredDevice, plot: &Plot<'_>) {
    let lines = plot.rows.iter().map(|row| {
        let intensity = row.per_byte.unwrap_or_default();
        let cells = [
            device.id.to_string(),
            format!("{} {}", row.workload, row.variant),
            conditions(row),
            plain(intensity),
            rate(&row.workload, &row.unit, row.per_second.best),
            row.roof
                .as_ref()
                .filter(|roof| !roof.disturbed)
                .map_or_else(String::new, |roof| rate(&row.workload, &row.unit, roof.per_second)),
            of_roof(row),
            plot.bandwidth.map_or_else(String::new, |bandwidth| {
                rate(&row.workload, &row.unit, bandwidth * intensity)
            }),
        ];
        Line { cells, assumed: false }
    });
    let header = [
        "Device",
        "Work",
        "Conditions",
        "Operations per byte",
        "Best rate",
        "Roof",
        "Best of roof",
        "Memory would allow",
    ];
    let rows = lines.collect();
    Table { caption: "Best rates beneath their roofs", header, texts: 3, rows }.draw(page);
}
