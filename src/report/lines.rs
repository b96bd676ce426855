//! Lines of a terminal: measures texts in columns, and cuts or wraps them to fit.

use std::mem;

use unicode_width::UnicodeWidthChar as _;

use super::figures::clean;

/// Number of columns that reports for a terminal keep to.
pub(super) const WIDTH: usize = 80;

/// Returns the number of columns of a terminal that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Cuts a text to at most `most` columns; where something was cut off it ends in `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = clean(text);
    if columns(&text) <= most {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        if columns(&short) + c.width().unwrap_or(0) + 1 > most {
            break;
        }
        short.push(c);
    }
    short + "…"
}

/// Wraps a text to lines of at most `most` columns, between words where possible.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text).split_whitespace() {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > most {
            lines.push(mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) + c.width().unwrap_or(0) > most {
                lines.push(mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a longest", 4), ["a", "long", "est"]);
        assert_eq!(wrapped("图形处理器", 5), ["图形", "处理", "器"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn what_is_cut_off_is_marked() {
        assert_eq!((cut("图形处理器", 5).as_str(), cut("图形", 4).as_str()), ("图形…", "图形"));
        assert_eq!((cut("four", 4).as_str(), cut("fours", 4).as_str()), ("four", "fou…"));
    }
}
