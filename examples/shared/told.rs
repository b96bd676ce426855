//! What the examples that mine tell people: a line each time, whatever it is that came from elsewhere.

use std::fmt::Display;

/// Longer texts are cut.
const LONGEST: usize = 400;

/// A text from elsewhere as one line that a terminal only shows.
pub(crate) fn line(text: impl Display) -> String {
    let text = text.to_string();
    let mut line = String::new();
    for character in text.chars() {
        if line.len() >= LONGEST {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_kind_is_one_line() {
        assert_eq!(
            line("a \"plain\" text, größer than ASCII"),
            "a \"plain\" text, größer than ASCII"
        );
        assert_eq!(line("one\r\ntwo \u{1b}[31mred\u{9b}"), "one\\r\\ntwo \\u{1b}[31mred\\u{9b}");
        let long = line("ö".repeat(10_000_000));
        assert!(long.ends_with("ö…") && long.len() < LONGEST + 8, "{}", long.len());
    }
}
