//! Bars on a logarithmic axis: work per joule or per second differs by powers of ten between
//! devices.

use super::labels::{LINE, width};
use super::markup::Markup;
use super::scale::{Scale, short};
use super::svg::{self, Drawing};
use crate::report::lines::cut;

/// A chart of bars.
pub(super) struct Bars {
    /// Identifier that is unique in the page.
    pub(super) id: &'static str,
    pub(super) title: String,
    /// Description for screen readers.
    pub(super) description: String,
    /// Title of the axis.
    pub(super) axis: String,
    /// Unit of the marks on the axis.
    pub(super) unit: String,
    /// Groups of bars that are compared with each other.
    pub(super) groups: Vec<Group>,
    /// Lines across all bars.
    pub(super) references: Vec<Reference>,
}

/// Bars under one heading.
pub(super) struct Group {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

/// A value of a device.
pub(super) struct Bar {
    pub(super) label: String,
    /// Conditions of the measurement, in small letters beside the label.
    pub(super) conditions: String,
    pub(super) value: f64,
    /// Text of the value.
    pub(super) text: String,
    /// One standard deviation, as a share of the value.
    pub(super) deviation: Option<f64>,
    /// Whether the watts are assumed, which makes the bar hatched.
    pub(super) assumed: bool,
    /// Colour of the bar: the index of the device.
    pub(super) colour: usize,
}

/// A known value that bars are seen against.
pub(super) struct Reference {
    pub(super) value: f64,
    pub(super) text: String,
}

const LEFT: f64 = 210.0;
/// Room for a value right of the longest bar.
const RIGHT: f64 = 120.0;
const ROW: f64 = 30.0;
const BAR: f64 = 18.0;

impl Bars {
    /// Draws the chart; nothing if no value can be drawn.
    pub(super) fn draw(&self, page: &mut Markup) {
        let values = self.groups.iter().flat_map(|group| &group.bars).map(|bar| bar.value);
        let values = values.chain(self.references.iter().map(|reference| reference.value));
        let Some(scale) = Scale::logarithmic(values, LEFT, svg::WIDTH - RIGHT) else { return };
        let top = 6.0 + LINE * self.references.len() as f64;
        let rows = |group: &Group| ROW * group.bars.len() as f64 + heading(group);
        let bottom = top + self.groups.iter().map(rows).sum::<f64>() + 4.0;
        let drawing = Drawing { id: self.id, title: &self.title, description: &self.description };
        drawing.draw(page, bottom + 40.0, |svg| {
            self.axis(svg, &scale, top, bottom);
            self.references(svg, &scale, top, bottom);
            let mut y = top;
            for group in &self.groups {
                if !group.title.is_empty() {
                    svg::text(svg, "heading", (6.0, y + 21.0), "start", &cut(&group.title, 90));
                }
                y += heading(group);
                for bar in &group.bars {
                    bar.draw(svg, &scale, y);
                    y += ROW;
                }
            }
        });
    }

    fn axis(&self, svg: &mut Markup, scale: &Scale, top: f64, bottom: f64) {
        for mark in scale.marks(8) {
            let x = scale.at(mark);
            svg::line(svg, "grid", (x, top), (x, bottom));
            svg::text(svg, "mark", (x, bottom + 15.0), "middle", &short(mark, &self.unit));
        }
        svg::line(svg, "axis", (LEFT, top), (LEFT, bottom));
        svg::text(svg, "mark", (LEFT, bottom + 34.0), "start", &self.axis);
    }

    /// Draws the reference lines. The rightmost has its name on top, which ends left of its line,
    /// so that no line crosses a name.
    fn references(&self, svg: &mut Markup, scale: &Scale, top: f64, bottom: f64) {
        let mut sorted: Vec<&Reference> = self.references.iter().collect();
        sorted.sort_by(|a, b| b.value.total_cmp(&a.value));
        for (row, reference) in sorted.into_iter().enumerate() {
            let (x, y) = (scale.at(reference.value), 2.0 + LINE * row as f64);
            svg::line(svg, "reference", (x, y), (x, bottom.max(top)));
            svg::text(svg, "reference", (x - 5.0, y + 11.0), "end", &reference.text);
        }
    }
}

fn heading(group: &Group) -> f64 {
    if group.title.is_empty() { 0.0 } else { 30.0 }
}

impl Bar {
    fn draw(&self, svg: &mut Markup, scale: &Scale, y: f64) {
        let middle = y + ROW / 2.0;
        let mark = if self.assumed { "~ " } else { "" };
        svg::text(
            svg,
            "label",
            (6.0, middle + 4.0),
            "start",
            &format!("{mark}{}", cut(&self.label, 17)),
        );
        let conditions = cut(&self.conditions, 14);
        svg::text(svg, "mark", (LEFT - 8.0, middle + 4.0), "end", &conditions);
        let end = scale.at(self.value);
        let hint = format!("{} {}: {}", self.label, self.conditions, self.text);
        svg::bar(
            svg,
            (LEFT, y + (ROW - BAR) / 2.0),
            (end - LEFT, BAR),
            (self.colour, self.assumed),
            &hint,
        );
        let mut right = end;
        if let Some(share) = self.deviation.filter(|share| share.is_finite() && *share > 0.0) {
            let ends =
                [1.0 - share, 1.0 + share].map(|times| scale.at(self.value * times.max(1e-9)));
            right = ends[1];
            svg::line(svg, "deviation", (ends[0], middle), (ends[1], middle));
            for end in ends {
                svg::line(svg, "deviation", (end, middle - 4.0), (end, middle + 4.0));
            }
        }
        let text = cut(&format!("{mark}{}", self.text), 36);
        let right = (right + 7.0).min(svg::WIDTH - width(&text) - 2.0);
        svg::text(svg, "value", (right, middle + 4.0), "start", &text);
    }
}
