//! The sections of the page that show work per joule, and where there are no joules, why, and work
//! per second in their place.

use std::fmt::Write as _;

use super::bars::{Bar, Bars, Group, Reference};
use super::cards::best;
use super::markup::Markup;
use super::{colour, list, tables};
use crate::decision::reference_miners;
use crate::record::DeviceId;
use crate::record::{Named, Record, Row};
use crate::report::figures::{Topic, conditions, per_joule, rate, why_no_energy};
use crate::units::text::plain;
use crate::workload::Kind;

/// A section on one kind of work: its texts, and the rows that are drawn and listed.
struct Section<'a> {
    id: &'static str,
    /// Name of what is counted, in the plural, and its unit.
    counted: (&'static str, &'static str),
    /// Text on what the section shows if there are joules.
    about: &'static str,
    /// Every row of the kind, for the table.
    rows: Vec<&'a Row>,
    /// The rows that have a bar.
    drawn: Vec<&'a Row>,
    /// Function that returns the heading of a row's bar.
    heading: fn(&Row) -> String,
    references: Vec<Reference>,
    caption: &'static str,
}

fn of_topic(record: &Record, topic: Topic) -> Vec<&Row> {
    record.rows.iter().filter(|row| Topic::of(row) == topic).collect()
}

/// Draws the section on hashes, with known miners as references.
pub(super) fn hashes(page: &mut Markup, record: &Record) {
    let rows: Vec<&Row> = of_topic(record, Topic::Hashes);
    let of_device =
        |device: &Named<DeviceId>| best(rows.iter().copied().filter(|row| row.device == *device));
    let section = Section {
        id: "hashes",
        counted: ("Hashes", "H"),
        about: "The best engine of each device. Dashed lines are miners by their data sheets; bars \
                further right get more hashes out of a joule.",
        drawn: record.devices.iter().filter_map(|device| of_device(&device.id)).collect(),
        heading: |_| String::new(),
        references: reference_miners()
            .map(|miner| {
                let joules = miner.joules_per_terahash;
                let text = format!("{} {} J/TH", miner.name, plain(joules));
                Reference { value: 1e12 / joules, text }
            })
            .collect(),
        caption: "Every engine. By S21 XP: how many times the energy of that miner a hash takes",
        rows,
    };
    section.draw(page, record);
}

/// Draws the section on matrix products and peaks.
pub(super) fn arithmetic(page: &mut Markup, record: &Record) {
    let rows = of_topic(record, Topic::Arithmetic);
    let is_product = |row: &&Row| row.workload == Kind::Matmul;
    let (mut rows, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_product);
    rows.extend(others);
    let section = Section {
        id: "arithmetic",
        counted: ("Operations", "op"),
        about: "Matrix products, the work of AI, and what the units do at the most, by type of \
                number. A fused multiply-add counts as two.",
        drawn: best_of_each_kind(&rows),
        heading: |row| format!("{} {}", row.workload, row.variant),
        references: Vec::new(),
        caption: "Matrix products and peaks",
        rows,
    };
    section.draw(page, record);
}

/// Draws the section on bytes moved, and on the time that a launch takes.
pub(super) fn memory(page: &mut Markup, record: &Record) {
    let rows = of_topic(record, Topic::Memory);
    let bandwidth: Vec<&Row> =
        rows.iter().copied().filter(|row| row.workload == Kind::Bandwidth).collect();
    let section = Section {
        id: "memory",
        counted: ("Bytes", "B"),
        about: "Bytes read and written, by what is done with them.",
        drawn: best_of_each_kind(&bandwidth),
        heading: |row| row.variant.to_string(),
        references: Vec::new(),
        caption: "Memory and launches",
        rows,
    };
    section.draw(page, record);
}

impl Section<'_> {
    fn draw(self, page: &mut Markup, record: &Record) {
        let by_energy = self.drawn.iter().any(|row| row.energy.is_some());
        let (counted, unit) = self.counted;
        let per = if by_energy { "joule" } else { "second" };
        let title = format!("{counted} per {per}");
        page.words("h2", &[], &title);
        if by_energy {
            page.words("p", &[("class", &"soft")], self.about);
        } else {
            no_joules(page, &self.drawn);
        }
        let groups = grouped(record, &self.drawn, by_energy, self.heading);
        if !groups.is_empty() {
            let bars = Bars {
                id: self.id,
                description: describe(&groups),
                axis: format!("{title} (log) \u{2192} more is better"),
                unit: format!("{unit}/{}", if by_energy { "J" } else { "s" }),
                title,
                groups,
                references: if by_energy { self.references } else { Vec::new() },
            };
            bars.draw(page);
        }
        if by_energy {
            not_drawn(page, &self.drawn);
        }
        // What comes after a full stop explains a column that is not there without joules.
        let caption = if by_energy {
            self.caption
        } else {
            self.caption.split('.').next().unwrap_or_default()
        };
        tables::rates_and_energy(page, &self.rows, caption);
    }
}

/// Names the rows without joules, which have no bar beside those with joules.
fn not_drawn(page: &mut Markup, rows: &[&Row]) {
    let lacking = rows.iter().filter(|row| row.energy.is_none());
    let lacking = lacking.map(|row| format!("{} {} {}", row.device, row.workload, row.variant));
    let lacking: Vec<String> = lacking.collect();
    if !lacking.is_empty() {
        let text = format!("Without joules, and so without a bar: {}.", lacking.join(", "));
        page.words("p", &[("class", &"soft")], &text);
    }
}

/// Makes a bar of the work per joule of a row, or of the work per second.
fn bar(record: &Record, row: &Row, by_energy: bool, label: String) -> Option<Bar> {
    let energy = row.energy.as_ref();
    let (value, text, deviation) = if by_energy {
        let energy = energy?;
        let each = energy.joules_per_terahash;
        let each = each.map_or_else(String::new, |each| format!(" = {} J/TH", plain(each)));
        let text = per_joule(&row.unit, energy.per_joule) + &each;
        (energy.per_joule, text, energy.uncertainty)
    } else {
        let median = row.per_second.median;
        (median, rate(&row.workload, &row.unit, median), None)
    };
    let assumed = by_energy && energy.is_some_and(|energy| energy.assumed);
    Some(Bar {
        label,
        conditions: conditions(None, &row.size),
        value,
        text,
        deviation,
        assumed,
        colour: colour(record, &row.device),
    })
}

/// Makes groups of bars, those with assumed watts in a group of their own at the end.
fn grouped(
    record: &Record,
    rows: &[&Row],
    by_energy: bool,
    heading: fn(&Row) -> String,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut assumed =
        Group { title: "Assumed watts: not ranked with the others".to_owned(), bars: Vec::new() };
    for row in rows {
        let title = heading(row);
        let is_assumed = by_energy && row.energy.as_ref().is_some_and(|energy| energy.assumed);
        let software =
            record.devices.iter().any(|device| device.id == row.device && device.software);
        let label = if is_assumed && !title.is_empty() {
            format!("{} {}", row.device, row.variant)
        } else if software {
            format!("{} (software)", row.device)
        } else {
            row.device.to_string()
        };
        let Some(bar) = bar(record, row, by_energy, label) else { continue };
        if is_assumed {
            assumed.bars.push(bar);
        } else if let Some(group) = groups.iter_mut().find(|group| group.title == title) {
            group.bars.push(bar);
        } else {
            groups.push(Group { title, bars: vec![bar] });
        }
    }
    for group in groups.iter_mut().chain([&mut assumed]) {
        group.bars.sort_by(|a, b| b.value.total_cmp(&a.value));
    }
    groups.extend((!assumed.bars.is_empty()).then_some(assumed));
    groups
}

/// Writes why there are no joules, in place of a chart.
fn no_joules(page: &mut Markup, rows: &[&Row]) {
    let mut reasons: Vec<String> = Vec::new();
    for row in rows {
        let why = why_no_energy(row);
        if !reasons.contains(&why) {
            reasons.push(why);
        }
    }
    page.element("div", &[("class", &"notice")], |page| {
        if rows.is_empty() {
            page.words("p", &[], "Nothing of this kind was measured.");
            return;
        }
        page.words("p", &[], "No joules were measured, so this shows speed and not efficiency.");
        list(page, &reasons);
    });
}

/// Returns the best row of each device, workload and variant, in the order in which they first
/// occur.
fn best_of_each_kind<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let kind = |row: &Row| (row.device.clone(), row.workload.clone(), row.variant.clone());
    let mut kinds: Vec<_> = Vec::new();
    for row in rows {
        if !kinds.contains(&kind(row)) {
            kinds.push(kind(row));
        }
    }
    kinds
        .into_iter()
        .filter_map(move |wanted| best(rows.iter().copied().filter(|row| kind(row) == wanted)))
        .collect()
}

fn describe(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        for bar in &group.bars {
            let assumed = if bar.assumed { ", assumed" } else { "" };
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "{} {} {}: {}{assumed}. ",
                group.title, bar.label, bar.conditions, bar.text
            );
        }
    }
    text
}
