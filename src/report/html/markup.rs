//! HTML and SVG that cannot be broken by what is in them: all that is not a constant of this
//! program goes through [`escaped`].
//!
//! A template engine would have to be trusted to do the same in texts and attributes, and the
//! charts, which are most of the page, are code and not templates.

use std::fmt::{Display, Write as _};

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// Names and values; a value is escaped.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

impl Markup {
    /// Writes an element and its content.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes, ">");
        inside(self);
        // Writing to a string does not fail.
        let _ = write!(self.0, "</{tag}>");
    }

    /// Writes an element that contains nothing but a text.
    pub(super) fn words(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |inside| inside.text(text));
    }

    /// Writes an element without content.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes, "/>");
    }

    /// Writes a text from anywhere, escaped.
    pub(super) fn text(&mut self, text: &str) {
        self.0 += &escaped(text);
    }

    /// Writes a constant as it is.
    pub(super) fn constant(&mut self, markup: &'static str) {
        self.0 += markup;
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &'static str, attributes: Attributes<'_>, end: &str) {
        let _ = write!(self.0, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"{}\"", escaped(&value.to_string()));
        }
        self.0 += end;
    }
}

/// Escapes a text for HTML, in an element or in a quoted attribute. Characters that steer a
/// terminal or the direction of writing are replaced: HTML does not allow the former.
fn escaped(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for c in crate::report::figures::clean(text).chars() {
        match c {
            '&' => markup += "&amp;",
            '<' => markup += "&lt;",
            '>' => markup += "&gt;",
            '"' => markup += "&quot;",
            '\'' => markup += "&#39;",
            c => markup.push(c),
        }
    }
    markup
}

/// Formats a length or coordinate of a drawing, with one decimal.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_are_escaped() {
        let mut page = Markup::default();
        page.element("p", &[("title", &"\"><script>"), ("id", &7)], |inside| {
            inside.text("a < b & 'c'\n");
            inside.leaf("br", &[]);
        });
        assert_eq!(
            page.into_string(),
            "<p title=\"&quot;&gt;&lt;script&gt;\" id=\"7\">a &lt; b &amp; &#39;c&#39;\u{fffd}<br/></p>"
        );
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!([px(3.0), px(2.96), px(-0.25)], ["3", "3", "-0.2"]);
    }
}
