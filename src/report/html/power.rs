//! Power over time: a line for each meter, with the windows shaded in which work was metered.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::labels::{LINE, spread, width};
use super::markup::{Markup, px};
use super::scale::Scale;
use super::svg::{self, Drawing};
use crate::meter::Domain;
use crate::record::DeviceId;
use crate::record::{Named, PowerTrace, Record};
use crate::report::lines::cut;
use crate::units::Watts;
use crate::units::text::si;
use crate::workload::Kind;

const LEFT: f64 = 56.0;
const RIGHT: f64 = 118.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 290.0;

/// Windows of one kind of work, one after the other.
struct Span {
    from: f64,
    to: f64,
    device: Named<DeviceId>,
    workload: Named<Kind>,
    assumed: bool,
}

/// The axis of time, in a unit that gives short numbers.
struct Time {
    scale: Scale,
    /// Unit of the axis: its length in seconds, and its symbol.
    unit: (f64, &'static str),
}

impl Time {
    fn new(seconds: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let longest = seconds.clone().filter(|it| it.is_finite()).fold(0.0, f64::max);
        let unit = match longest {
            ..600.0 => (1.0, "s"),
            600.0..36_000.0 => (60.0, "min"),
            _ => (3_600.0, "h"),
        };
        let scale = Scale::linear(seconds.map(|it| it / unit.0), LEFT, svg::WIDTH - RIGHT)?;
        Some(Self { scale, unit })
    }

    fn at(&self, seconds: f64) -> f64 {
        self.scale.at(seconds / self.unit.0)
    }
}

/// Draws what the meters showed, in the `colour` of each device; returns false if there is nothing.
pub(super) fn draw(
    page: &mut Markup,
    record: &Record,
    colour: impl Fn(&Named<DeviceId>) -> usize,
) -> bool {
    let points = || record.traces.iter().flat_map(|trace| &trace.points);
    let Some(x) = Time::new(points().map(|(at, _)| *at)) else { return false };
    let watts = points().map(|(_, watts)| watts.value());
    let Some(y) = Scale::linear(watts, BOTTOM, TOP) else { return false };
    let y = y.rounded(6);
    let description = record
        .traces
        .iter()
        .filter_map(|trace| {
            let (least, mean, most) = summary(trace)?;
            Some(format!("{}: {least} to {most}, {mean} in the mean. ", trace.domain))
        })
        .collect::<String>();
    let drawing = Drawing { id: "power", title: "Power over time", description: &description };
    drawing.draw(page, BOTTOM + 42.0, |svg| {
        windows(svg, record, &x);
        for mark in y.marks(6) {
            svg::line(svg, "grid", (LEFT, y.at(mark)), (svg::WIDTH - RIGHT, y.at(mark)));
            svg::text(svg, "mark", (LEFT - 7.0, y.at(mark) + 4.0), "end", &watts_of(mark));
        }
        for mark in x.scale.marks(9) {
            let at = x.scale.at(mark);
            svg::line(svg, "axis", (at, BOTTOM), (at, BOTTOM + 4.0));
            let text = format!("{} {}", trimmed(mark), x.unit.1);
            svg::text(svg, "mark", (at, BOTTOM + 18.0), "middle", &text);
        }
        svg::line(svg, "axis", (LEFT, BOTTOM), (svg::WIDTH - RIGHT, BOTTOM));
        let axis =
            "time since the start of the score; shaded: the windows in which work was metered";
        svg::text(svg, "mark", (LEFT, BOTTOM + 36.0), "start", axis);
        for span in spans(record) {
            span.draw(svg, &x, &colour);
        }
        lines(svg, record, (&x, &y), &colour);
    });
    true
}

/// Returns the texts of the least, mean and largest power of a trace.
pub(super) fn summary(trace: &PowerTrace) -> Option<(String, String, String)> {
    let watts = || trace.points.iter().map(|(_, watts)| watts.value()).filter(|it| it.is_finite());
    let count = watts().count();
    let text = |watts: f64| si(watts, "W");
    (count > 0).then(|| {
        (
            text(watts().fold(f64::INFINITY, f64::min)),
            text(watts().sum::<f64>() / count as f64),
            text(watts().fold(f64::NEG_INFINITY, f64::max)),
        )
    })
}

fn lines(
    svg: &mut Markup,
    record: &Record,
    (x, y): (&Time, &Scale),
    colour: &impl Fn(&Named<DeviceId>) -> usize,
) {
    let drawn = || record.traces.iter().filter_map(|trace| Some((trace, trace.points.last()?.1)));
    let wanted: Vec<f64> = drawn().map(|(_, last)| y.at(last.value())).collect();
    let heights = spread(&wanted, TOP, BOTTOM);
    let mut of_colour: BTreeMap<usize, usize> = BTreeMap::new();
    for ((trace, _), (height, wanted)) in drawn().zip(heights.into_iter().zip(wanted)) {
        let colour = of_domain(record, &trace.domain, colour);
        let before = of_colour.entry(colour).or_default();
        let class = format!("{} dash{}", svg::line_class(colour), *before % 4);
        *before += 1;
        svg.leaf("path", &[("class", &class), ("d", &path(&trace.points, x, y))]);
        let end = svg::WIDTH - RIGHT;
        svg::line(svg, &class, (end + 2.0, wanted), (end + 14.0, height));
        svg::text(
            svg,
            "label",
            (end + 18.0, height + 4.0),
            "start",
            &cut(&trace.domain.to_string(), 14),
        );
    }
}

/// Returns the colour of the device that is charged with the domain, or one that no device has.
/// Domains of one device differ by their dashes.
fn of_domain(
    record: &Record,
    domain: &Named<Domain>,
    colour: &impl Fn(&Named<DeviceId>) -> usize,
) -> usize {
    let charged = record
        .rows
        .iter()
        .find(|row| row.energy.as_ref().is_some_and(|energy| energy.charged.contains(domain)));
    // A GPU and its domain have one name.
    charged.map_or_else(|| colour(&domain.to_string().as_str().into()), |row| colour(&row.device))
}

/// Returns a line through the points. Points that fall on the same pixel are drawn by their least
/// and largest: no peak is lost, and no page gets too long.
fn path(points: &[(f64, Watts)], x: &Time, y: &Scale) -> String {
    let mut columns: BTreeMap<i64, (f64, f64, f64, f64)> = BTreeMap::new();
    for (at, watts) in points {
        if at.is_finite() && watts.is_finite() {
            let (at, watts) = (x.at(*at), y.at(watts.value()));
            let column = columns.entry((at * 1.25) as i64).or_insert((at, watts, watts, watts));
            (column.1, column.2) = (column.1.min(watts), column.2.max(watts));
            column.3 = watts;
        }
    }
    let mut path = String::new();
    for (at, highest, lowest, last) in columns.into_values() {
        let (first, second) = if (last - highest).abs() < (last - lowest).abs() {
            (lowest, highest)
        } else {
            (highest, lowest)
        };
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a string does not fail.
        let _ = write!(path, "{command}{} {}", px(at), px(first));
        if px(first) != px(second) {
            let _ = write!(path, "V{}", px(second));
        }
    }
    path
}

/// Shades windows; those with less than a pixel between them are one.
fn windows(svg: &mut Markup, record: &Record, x: &Time) {
    let energies = record.rows.iter().filter_map(|row| row.energy.as_ref());
    let mut ends: Vec<(f64, f64)> = energies
        .filter(|energy| !energy.assumed)
        .flat_map(|energy| &energy.trials)
        .map(|trial| (x.at(trial.start), x.at(trial.start + trial.seconds)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut shaded: Vec<(f64, f64)> = Vec::new();
    for (from, to) in ends {
        match shaded.last_mut() {
            Some(last) if from < last.1 + 1.0 => last.1 = last.1.max(to),
            _ => shaded.push((from, to)),
        }
    }
    for (from, to) in shaded {
        svg.leaf(
            "rect",
            &[
                ("class", &"window"),
                ("x", &px(from)),
                ("y", &px(TOP)),
                ("width", &px((to - from).max(0.5))),
                ("height", &px(BOTTOM - TOP)),
            ],
        );
    }
}

/// Returns which work was metered when, in order of time.
fn spans(record: &Record) -> Vec<Span> {
    let mut windows: Vec<Span> = Vec::new();
    for row in &record.rows {
        if let Some(energy) = &row.energy {
            windows.extend(energy.trials.iter().map(|trial| Span {
                from: trial.start,
                to: trial.start + trial.seconds,
                device: row.device.clone(),
                workload: row.workload.clone(),
                assumed: energy.assumed,
            }));
        }
    }
    windows.sort_by(|a, b| a.from.total_cmp(&b.from));
    let mut spans: Vec<Span> = Vec::new();
    for window in windows {
        match spans.last_mut() {
            Some(last)
                if (&last.device, &last.workload, last.assumed)
                    == (&window.device, &window.workload, window.assumed) =>
            {
                last.to = last.to.max(window.to);
            }
            _ => spans.push(window),
        }
    }
    spans
}

impl Span {
    fn draw(&self, svg: &mut Markup, x: &Time, colour: &impl Fn(&Named<DeviceId>) -> usize) {
        let (from, to) = (x.at(self.from), x.at(self.to));
        if to - from < 0.8 {
            return;
        }
        let mark = if self.assumed { "~ " } else { "" };
        let text = format!("{mark}{} {}", self.device, self.workload);
        let colour = (colour(&self.device), self.assumed);
        svg::bar(svg, (from, TOP - 9.0), (to - from, 6.0), colour, &text);
        let middle = f64::midpoint(from, to);
        let workload = self.workload.to_string();
        let texts = [text.as_str(), workload.as_str()];
        if let Some(text) = texts.into_iter().find(|text| width(text) <= to - from + 4.0) {
            svg::text(svg, "mark", (middle, TOP - 9.0 - (LINE - 9.0)), "middle", text);
        }
    }
}

fn watts_of(watts: f64) -> String {
    format!("{} W", trimmed(watts))
}

/// Formats a number without zeros at the end of its decimals: `0.5`, `120`.
fn trimmed(value: f64) -> String {
    let digits = format!("{value:.3}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
