//! The parts of all charts: a frame with a title and a description, lines, texts and bars.
//!
//! Colours and strokes are classes, so that the page's style decides about light, dark and paper.

use super::markup::{Markup, px};

/// Width of a drawing, in its own units; the page stretches it.
pub(super) const WIDTH: f64 = 760.0;

/// Number of colours that the style has; further devices begin again.
const COLOURS: usize = 8;

/// Title and description of a drawing, also for screen readers.
pub(super) struct Drawing<'a> {
    /// Identifier that is unique in the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

impl Drawing<'_> {
    /// Writes a drawing of a height.
    pub(super) fn draw(&self, page: &mut Markup, height: f64, inside: impl FnOnce(&mut Markup)) {
        let (title, description) = (format!("{}-title", self.id), format!("{}-text", self.id));
        let view = format!("0 0 {} {}", px(WIDTH), px(height));
        page.element("div", &[("class", &"chart")], |page| {
            let by = format!("{title} {description}");
            page.element(
                "svg",
                &[("viewBox", &view), ("role", &"img"), ("aria-labelledby", &by)],
                |svg| {
                    svg.words("title", &[("id", &title)], self.title);
                    svg.words("desc", &[("id", &description)], self.description);
                    inside(svg);
                },
            );
        });
    }
}

/// Draws a line from one point to another.
pub(super) fn line(svg: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    svg.leaf(
        "line",
        &[
            ("class", &class),
            ("x1", &px(from.0)),
            ("y1", &px(from.1)),
            ("x2", &px(to.0)),
            ("y2", &px(to.1)),
        ],
    );
}

/// Draws a text at a point that is the left end, middle or right end of its base line.
pub(super) fn text(svg: &mut Markup, class: &str, at: (f64, f64), anchor: &str, text: &str) {
    if !text.is_empty() {
        svg.words(
            "text",
            &[("class", &class), ("x", &px(at.0)), ("y", &px(at.1)), ("text-anchor", &anchor)],
            text,
        );
    }
}

/// Draws a filled rectangle in the colour of a device, hatched if the watts are assumed; the hint
/// shows when a pointer rests on it.
pub(super) fn bar(
    svg: &mut Markup,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    (colour, assumed): (usize, bool),
    hint: &str,
) {
    let class = format!("{}{}", if assumed { "hatched " } else { "" }, fill_class(colour));
    svg.element(
        "rect",
        &[
            ("class", &class),
            ("x", &px(x)),
            ("y", &px(y)),
            ("width", &px(width.max(1.0))),
            ("height", &px(height)),
            ("rx", &2),
        ],
        |svg| svg.words("title", &[], hint),
    );
}

/// Returns the class of a shape that is filled in the colour of a device.
pub(super) fn fill_class(colour: usize) -> String {
    format!("c{}", colour % COLOURS)
}

/// Returns the class of a line in the colour of a device.
pub(super) fn line_class(colour: usize) -> String {
    format!("line l{}", colour % COLOURS)
}

/// Writes the patterns that hatched bars are filled with, once in a page.
pub(super) fn patterns(page: &mut Markup) {
    page.element(
        "svg",
        &[("width", &0), ("height", &0), ("class", &"patterns"), ("aria-hidden", &true)],
        |svg| {
            for colour in 0..COLOURS {
                let id = format!("hatch{colour}");
                svg.element(
                    "pattern",
                    &[
                        ("id", &id),
                        ("width", &7),
                        ("height", &7),
                        ("patternUnits", &"userSpaceOnUse"),
                        ("patternTransform", &"rotate(45)"),
                    ],
                    |svg| {
                        svg.leaf("rect", &[("class", &"paper"), ("width", &7), ("height", &7)]);
                        let class = format!("c{colour}");
                        svg.leaf("rect", &[("class", &class), ("width", &3), ("height", &7)]);
                    },
                );
            }
        },
    );
}
