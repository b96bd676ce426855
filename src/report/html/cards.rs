//! Cards at the head of the page: each device, and what it is best at.

use super::markup::Markup;
use crate::record::{Record, Row, ScoredDevice};
use crate::report::figures::{per_joule, rate, why_no_energy};
use crate::units::WorkUnit;
use crate::units::text::plain;
use crate::workload::Kind;

/// Draws the card of a device, with what it is best at.
pub(super) fn draw(page: &mut Markup, record: &Record, device: &ScoredDevice) {
    page.words("h2", &[], &device.id.to_string());
    page.words("p", &[("class", &"soft")], &device.name);
    if device.software {
        let text = "Computed by the processor: no score of a GPU.";
        page.words("p", &[("class", &"alarm")], text);
    }
    let mut reasons: Vec<String> = Vec::new();
    page.element("dl", &[], |page| {
        for (name, workload) in [("Hashing", Kind::Sha256d), ("Matrix products", Kind::Matmul)] {
            let rows = record.rows.iter();
            let rows = rows.filter(|row| row.device == device.id && row.workload == workload);
            // Operations on integers do not rank with those on floating-point numbers.
            let floats = rows.clone().filter(|row| row.unit == WorkUnit::Flop);
            let Some(row) = best(floats).or_else(|| best(rows)) else { continue };
            let variant = match workload {
                Kind::Matmul => format!(", {}", row.variant),
                _ => String::new(),
            };
            page.words("dt", &[], &format!("{name}{variant}"));
            page.element("dd", &[], |page| figure(page, row));
            reasons.extend(row.energy.is_none().then(|| why_no_energy(row)));
        }
    });
    reasons.dedup();
    for why in reasons {
        page.words("p", &[("class", &"soft")], &format!("No joules: {why}"));
    }
}

/// Writes the work per joule of a row with its rate and power, or its rate alone without energy.
fn figure(page: &mut Markup, row: &Row) {
    let rate = rate(&row.workload, &row.unit, row.per_second.median);
    let Some(energy) = &row.energy else {
        page.text(&rate);
        return;
    };
    let (mark, assumed) = if energy.assumed { ("~ ", " assumed") } else { ("", "") };
    page.text(&format!("{mark}{}", per_joule(&row.unit, energy.per_joule)));
    let each = energy.joules_per_terahash;
    let each = each.map_or_else(String::new, |each| format!("{} J/TH: ", plain(each)));
    page.words("small", &[], &format!("{each}{rate} at {}{assumed}", energy.gross));
}

/// Returns the row with the most work per joule, measured before assumed; without joules, the
/// fastest.
pub(super) fn best<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<&'a Row> {
    let rank = |row: &Row| match &row.energy {
        Some(energy) if !energy.assumed => (2, energy.per_joule),
        Some(energy) => (1, energy.per_joule),
        None => (0, row.per_second.median),
    };
    rows.max_by(|a, b| {
        let ((a, a_value), (b, b_value)) = (rank(a), rank(b));
        a.cmp(&b).then(a_value.total_cmp(&b_value))
    })
}
