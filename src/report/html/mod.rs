//! A record or a decision as an HTML page: charts of what the devices get out of a joule, with
//! every number in tables beneath.
//!
//! It is one file that needs nothing else: no network, no script, no font. Charts are SVG made
//! here, from lines, rectangles and texts. It is light or dark as its reader prefers, and prints on
//! A4. Assumed watts are hatched and marked with `~`, and stand apart from what was measured.

mod bars;
mod cards;
mod decision;
mod efficiency;
mod labels;
mod markup;
mod power;
mod roof;
mod scale;
mod svg;
mod tables;
#[cfg(test)]
mod tests;

pub use self::decision::page as decision_page;
use self::markup::Markup;
use self::roof::Plot;
use self::tables::{Line, Table};
use super::figures::{is_checked, remarks};
use crate::meter::Source;
use crate::record::DeviceId;
use crate::record::{Named, Note, Record, ScoredDevice};
use crate::units::text::{bytes, si};

/// Returns the record as an HTML page with charts, one file that loads nothing from the network.
#[must_use]
pub fn page(record: &Record) -> String {
    document(
        |page| head(page, &format!("perjoule: {}", machine(record))),
        |page| {
            page.element("header", &[], |page| header(page, record));
            page.constant("\n");
            page.element("main", &[], |page| {
                let sections: [fn(&mut Markup, &Record); 6] = [
                    efficiency::hashes,
                    efficiency::arithmetic,
                    efficiency::memory,
                    power,
                    roofs,
                    conditions,
                ];
                for section in sections {
                    page.element("section", &[], |page| section(page, record));
                    page.constant("\n");
                }
            });
            page.element("footer", &[], |page| footer(page, record));
        },
    )
}

/// Makes a whole HTML document of a head and a body.
fn document(head: impl FnOnce(&mut Markup), body: impl FnOnce(&mut Markup)) -> String {
    let mut page = Markup::default();
    page.constant("<!DOCTYPE html>\n");
    page.element("html", &[("lang", &"en")], |page| {
        page.element("head", &[], head);
        page.constant("\n");
        page.element("body", &[], |page| {
            svg::patterns(page);
            body(page);
        });
    });
    page.constant("\n");
    page.into_string()
}

fn head(page: &mut Markup, title: &str) {
    page.constant(concat!(
        "<meta charset=\"utf-8\"/>",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>",
        // Nothing is loaded and nothing is run, for any name in the report.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>",
    ));
    page.words("title", &[], title);
    page.constant(concat!("<style>", include_str!("style.css"), "</style>"));
}

fn header(page: &mut Markup, record: &Record) {
    page.words("h1", &[], &machine(record));
    let memory = record.machine.memory_bytes;
    let memory = memory.map_or_else(String::new, |memory| format!(", {} of memory", bytes(memory)));
    let cores = record.machine.usable_cores;
    let text = format!(
        "{cores} usable core{}{memory}, {}. Scored by perjoule {} on {} in {}.",
        if cores == 1 { "" } else { "s" },
        record.machine.system,
        record.perjoule,
        date(&record.started.to_string()),
        si(record.seconds, "s").replace(' ', "\u{a0}"),
    );
    page.words("p", &[("class", &"soft")], &text);
    if !record.complete {
        let text = "Interrupted: not everything that was planned has been measured.";
        page.words("p", &[("class", &"alarm")], text);
    }
    for fault in &record.faults {
        let text = format!("Failed: {}: {}: {}", fault.device, fault.what, fault.why);
        page.words("p", &[("class", &"alarm")], &text);
    }
    page.element("ul", &[("class", &"cards")], |page| {
        for (at, device) in record.devices.iter().enumerate() {
            let class = format!("card k{}", at % 8);
            page.element("li", &[("class", &class)], |page| cards::draw(page, record, device));
        }
    });
}

/// Returns the name of the machine, the title of the page.
fn machine(record: &Record) -> String {
    record.machine.cpu.clone().unwrap_or_else(|| "Unknown processor".to_owned())
}

/// Formats a time of RFC 3339 in UTC as `2026-07-01 12:00:00 UTC`, and leaves any other text as it
/// is; spaces and hyphens become those at which lines do not break.
fn date(started: &str) -> String {
    let text = match started.strip_suffix('Z').and_then(|time| time.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => started.to_owned(),
    };
    text.replace(' ', "\u{a0}").replace('-', "\u{2011}")
}

/// Returns the colour of a device, which is its index in the record.
fn colour(record: &Record, device: &Named<DeviceId>) -> usize {
    let place = record.devices.iter().position(|known| known.id == *device);
    place.unwrap_or(record.devices.len())
}

fn list(page: &mut Markup, items: &[impl AsRef<str>]) {
    page.element("ul", &[], |page| {
        for item in items {
            page.words("li", &[], item.as_ref());
        }
    });
}

fn power(page: &mut Markup, record: &Record) {
    page.words("h2", &[], "Power over time");
    if !power::draw(page, record, |device| colour(record, device)) {
        page.element("div", &[("class", &"notice")], |page| {
            page.words("p", &[], "No meter was read over time.");
            let lacking = record.meters.iter().filter_map(|meter| {
                Some(format!("{}, {}: {}", meter.domain, meter.source, meter.unavailable.as_ref()?))
            });
            let mut lacking: Vec<String> = lacking.collect();
            if record.meters.is_empty() {
                lacking.push("This machine has no meter that perjoule knows.".to_owned());
            }
            if !lacking.is_empty() {
                list(page, &lacking);
            }
        });
    }
    tables::power(page, record);
}

fn roofs(page: &mut Markup, record: &Record) {
    let plots: Vec<(usize, &ScoredDevice, Plot<'_>)> = record
        .devices
        .iter()
        .enumerate()
        .filter_map(|(at, device)| Some((at, device, Plot::new(record, device)?)))
        .collect();
    page.words("h2", &[], "Roofs");
    if plots.is_empty() {
        page.element("div", &[("class", &"notice")], |page| {
            page.words(
                "p",
                &[],
                "Nothing was measured whose operations for each byte of memory are known.",
            );
        });
        return;
    }
    let text = "Dots are the best slices, lines what bounds them: the slanted one is the measured \
                bandwidth, level ones are the arithmetic units at full speed. Rates, not energy.";
    page.words("p", &[("class", &"soft")], text);
    for (at, device, plot) in &plots {
        page.words("h3", &[], &format!("{}: {}", device.id, device.name));
        if plot.bandwidth.is_none() {
            let text = "Its bandwidth was not measured, so there is no slanted roof.";
            page.words("p", &[("class", &"soft")], text);
        }
        plot.draw(page, device, *at);
        tables::roofs(page, device, plot);
    }
}

/// Writes the meters, what is missing or failed, and the warnings.
fn conditions(page: &mut Markup, report: &Record) {
    let said = report.rows.len()
        + report.devices.len()
        + report.meters.len()
        + report.warnings.len()
        + report.missing.len()
        + report.faults.len();
    if said == 0 {
        return;
    }
    page.words("h2", &[], "Conditions");
    let mut doubts: Vec<String> = report.warnings.clone();
    doubts.extend(remarks(&report.rows));
    for row in &report.rows {
        for warning in row.energy.iter().flat_map(|energy| &energy.warnings) {
            doubts.push(format!("{}: {} {}: {warning}", row.device, row.workload, row.variant));
        }
    }
    if !doubts.is_empty() {
        page.words("h3", &[], "What makes numbers doubtful");
        list(page, &doubts);
    }
    let meters = report.meters.iter().map(|meter| Line {
        cells: [
            meter.domain.to_string(),
            meter.source.to_string(),
            meter.unavailable.clone().unwrap_or_else(|| "read".to_owned()),
            meter.resolution.map_or_else(String::new, |step| step.to_string()),
        ],
        assumed: meter.source == Source::Assumed,
    });
    let header = ["Domain", "Meter", "State", "Smallest step"];
    Table { caption: "Meters of this machine", header, texts: 3, rows: meters.collect() }
        .draw(page);
    let notes = |kind: &str, notes: &[Note]| -> Vec<Line<4>> {
        let line = |note: &Note| Line {
            cells: [note.device.to_string(), note.what.clone(), kind.to_owned(), note.why.clone()],
            assumed: false,
        };
        notes.iter().map(line).collect()
    };
    let mut rows = notes("not there", &report.missing);
    rows.extend(notes("failed", &report.faults));
    let header = ["Device", "Work", "What", "Why"];
    Table { caption: "Work without a number", header, texts: 4, rows }.draw(page);
    let devices = report.devices.iter().map(|device| Line {
        cells: [
            device.id.to_string(),
            device.name.clone(),
            device.tuned.clone().unwrap_or_default(),
            device.largest_buffer_bytes.map_or_else(String::new, bytes),
        ],
        assumed: false,
    });
    let header = ["Device", "Name", "Tuned", "Largest buffer"];
    Table { caption: "Devices", header, texts: 3, rows: devices.collect() }.draw(page);
}

fn footer(page: &mut Markup, report: &Record) {
    let text = format!(
        "Watts are gross: everything that the charged domains drew. \u{b1} is one standard deviation. \
         ~ and hatching mark watts that the user gave. {}perjoule {}, form {}.",
        if is_checked(report) { "All results were checked. " } else { "" },
        report.perjoule,
        report.schema
    );
    page.words("p", &[], &text);
}
