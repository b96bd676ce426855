//! The roofline plot of a device. Work with few operations per byte is bound by the slanted roof,
//! which is the measured bandwidth, other work by a level one, an arithmetic peak.

use super::labels::{Area, LINE, Places, width};
use super::markup::{Markup, px};
use super::scale::{Scale, short};
use super::svg::{self, Drawing};
use crate::record::{Record, Row, ScoredDevice};
use crate::report::figures::size;
use crate::report::lines::cut;
use crate::units::text::{plain, si};
use crate::workload::Kind;

const LEFT: f64 = 92.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 280.0;

/// The data of a device's roofline plot.
pub(super) struct Plot<'a> {
    /// Rows whose work per byte is known.
    pub(super) rows: Vec<&'a Row>,
    /// Highest measured bandwidth, in bytes per second; `None` if none was measured.
    pub(super) bandwidth: Option<f64>,
    /// Level roofs: what was measured for each, its rate, and the unit of its work.
    roofs: Vec<(String, f64, String)>,
}

impl<'a> Plot<'a> {
    /// Makes the plot of a device; `None` if no row of it has a known work per byte.
    pub(super) fn new(record: &'a Record, device: &ScoredDevice) -> Option<Self> {
        let of_device = || record.rows.iter().filter(|row| row.device == device.id);
        let mut rows: Vec<&Row> = of_device()
            .filter(|row| row.per_byte.is_some_and(is_drawn) && is_drawn(row.per_second.best))
            .collect();
        if rows.is_empty() {
            return None;
        }
        let bandwidth = of_device()
            .filter(|row| row.workload == Kind::Bandwidth && is_drawn(row.per_second.best))
            .map(|row| row.per_second.best)
            .max_by(f64::total_cmp);
        let mut roofs: Vec<(String, f64, String)> = Vec::new();
        for row in &rows {
            let bounding = row.roof.iter().filter(|roof| !roof.disturbed);
            for roof in bounding.filter(|roof| is_drawn(roof.per_second)) {
                if !roofs.iter().any(|(of, ..)| *of == roof.of) {
                    roofs.push((roof.of.clone(), roof.per_second, row.unit.to_string()));
                }
            }
        }
        // Texts are placed in this order, and right of a dot there is most room for the rightmost.
        rows.sort_by(|a, b| {
            b.per_byte.unwrap_or_default().total_cmp(&a.per_byte.unwrap_or_default())
        });
        Some(Self { rows, bandwidth, roofs })
    }

    /// Draws the plot.
    pub(super) fn draw(&self, page: &mut Markup, device: &ScoredDevice, colour: usize) {
        let ridges = self.roofs.iter().filter_map(|(_, roof, _)| Some(roof / self.bandwidth?));
        let intensities = self.rows.iter().filter_map(|row| row.per_byte).chain(ridges);
        let (least, most) = intensities
            .fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(it), most.max(it)));
        let Some(x) =
            Scale::logarithmic([least / 3.0, most * 2.0].into_iter(), LEFT, svg::WIDTH - RIGHT)
        else {
            return;
        };
        let rates = self.rows.iter().map(|row| row.per_second.best);
        let slanted = self.bandwidth.map(|bandwidth| bandwidth * x.ends().0 * 3.0);
        let roofs = self.roofs.iter().map(|(_, roof, _)| *roof);
        let Some(y) = Scale::logarithmic(rates.chain(roofs).chain(slanted), BOTTOM, TOP) else {
            return;
        };
        let title = format!("Roofs of {}", device.id);
        let id = format!("roof-{colour}");
        let description = self.description();
        let drawing = Drawing { id: &id, title: &title, description: &description };
        drawing.draw(page, BOTTOM + 42.0, |svg| {
            axes(svg, &x, &y);
            let mut places = Places::new(Area {
                x: LEFT,
                y: TOP,
                width: svg::WIDTH - RIGHT - LEFT,
                height: BOTTOM - TOP,
            });
            let points: Vec<(f64, f64)> = self
                .rows
                .iter()
                .map(|row| (x.at(row.per_byte.unwrap_or_default()), y.at(row.per_second.best)))
                .collect();
            for (x, y) in &points {
                places.take(Area { x: x - 6.0, y: y - 6.0, width: 12.0, height: 12.0 });
            }
            self.roof_lines(svg, &x, &y, &mut places);
            for (row, (x, y)) in self.rows.iter().zip(points) {
                let class = svg::fill_class(colour);
                svg.leaf("circle", &[("class", &class), ("cx", &px(x)), ("cy", &px(y)), ("r", &5)]);
                let text = format!("{} {}", cut(&row.variant.to_string(), 16), size(&row.size));
                let (x, y) = places.beside((x, y), &text);
                svg::text(svg, "label", (x, y + 12.0), "start", &text);
            }
        });
    }

    fn description(&self) -> String {
        let point = |row: &&Row| {
            let intensity = row.per_byte.map_or_else(String::new, plain);
            format!(
                "{} {}: {} at {intensity} per byte. ",
                row.workload,
                row.variant,
                si(row.per_second.best, &format!("{}/s", row.unit))
            )
        };
        self.rows.iter().map(point).collect()
    }

    fn roof_lines(&self, svg: &mut Markup, x: &Scale, y: &Scale, places: &mut Places) {
        let end = svg::WIDTH - RIGHT;
        let ((left, right), (bottom, _)) = (x.ends(), y.ends());
        let highest = self.roofs.iter().map(|(_, roof, _)| *roof).max_by(f64::total_cmp);
        if let Some(bandwidth) = self.bandwidth {
            // From where it comes into the drawing to where the highest roof cuts it off.
            let from = left.max(bottom / bandwidth);
            let to = highest
                .map_or(right, |roof| (roof / bandwidth).min(right))
                .min(y.ends().1 / bandwidth);
            let ends = [from, to].map(|at| (x.at(at), y.at(at * bandwidth)));
            svg::line(svg, "roof", ends[0], ends[1]);
            let text = format!("memory {}", si(bandwidth, "B/s"));
            // Beneath the line, at a third of it, where no level roof is.
            let at = (
                ends[0].0 + (ends[1].0 - ends[0].0) * 0.35,
                ends[0].1 + (ends[1].1 - ends[0].1) * 0.35,
            );
            let corner = (at.0 + 10.0, at.1 + 4.0);
            svg::text(svg, "roof-label", (corner.0, corner.1 + 11.0), "start", &text);
            places.take(Area { x: corner.0, y: corner.1, width: width(&text), height: LINE });
            for step in 0..=24 {
                let share = f64::from(step) / 24.0;
                let at = |from: f64, to: f64| from + (to - from) * share;
                let (x, y) = (at(ends[0].0, ends[1].0), at(ends[0].1, ends[1].1));
                places.avoid(Area { x: x - 6.0, y: y - 6.0, width: 12.0, height: 12.0 });
            }
        }
        for (_, roof, _) in &self.roofs {
            places.avoid(Area { x: LEFT, y: y.at(*roof) - 1.5, width: end - LEFT, height: 3.0 });
        }
        for (of, roof, unit) in &self.roofs {
            let from = self.bandwidth.map_or(left, |bandwidth| (roof / bandwidth).max(left));
            let height = y.at(*roof);
            svg::line(svg, "roof", (x.at(from), height), (end, height));
            let text = format!("{}: {}", cut(of, 28), si(*roof, &format!("{unit}/s")));
            let (x, y) = places.along((end, height), &text);
            svg::text(svg, "roof-label", (x + width(&text), y + 11.0), "end", &text);
        }
    }
}

fn axes(svg: &mut Markup, x: &Scale, y: &Scale) {
    let right = svg::WIDTH - RIGHT;
    for mark in y.marks(7) {
        svg::line(svg, "grid", (LEFT, y.at(mark)), (right, y.at(mark)));
        svg::text(svg, "mark", (LEFT - 7.0, y.at(mark) + 4.0), "end", &short(mark, "op/s"));
    }
    for mark in x.marks(9) {
        svg::line(svg, "grid", (x.at(mark), TOP), (x.at(mark), BOTTOM));
        svg::text(svg, "mark", (x.at(mark), BOTTOM + 16.0), "middle", &count(mark));
    }
    svg::line(svg, "axis", (LEFT, BOTTOM), (right, BOTTOM));
    svg::line(svg, "axis", (LEFT, TOP), (LEFT, BOTTOM));
    let axis = "operations for each byte of memory that has to be moved (log) \u{2192}";
    svg::text(svg, "mark", (LEFT, BOTTOM + 35.0), "start", axis);
}

/// Formats a power of ten: `0.1`, `1,000`.
fn count(value: f64) -> String {
    if value < 1.0 {
        value.to_string()
    } else {
        plain(value).trim_end_matches(".0").trim_end_matches(".00").to_owned()
    }
}

fn is_drawn(value: f64) -> bool {
    value.is_finite() && value > 0.0
}
