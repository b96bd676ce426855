//! What the examples that mine tell people: a line each time, whatever it is that came from elsewhere,
//! and without the passwords that somebody may repeat.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::odd::is_odd;

#[allow(unreachable_pub, reason = "the library has it in its interface")]
#[path = "../../src/report/odd.rs"]
mod odd;

/// Longer texts are cut.
const LONGEST: usize = 400;

/// A shorter password is hidden only where it stands alone: it may be a part of any word.
const SHORT: usize = 6;

/// More than a node has cookies while a miner runs; then the oldest is forgotten.
const MOST_SECRETS: usize = 64;

/// What stands in place of a password.
const HIDDEN: &str = "***";

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on hides this text, as it is and as JSON has it, in all that is told.
///
/// Not "x", which is what people say to pools that want no password, nor nothing.
pub(crate) fn hide(secret: &str) {
    let json = serde_json::Value::from(secret).to_string();
    for secret in [secret, &json[1..json.len() - 1]] {
        let mut secrets = secrets();
        if matches!(secret, "" | "x") || secrets.iter().any(|known| known == secret) {
            continue;
        }
        if secrets.len() >= MOST_SECRETS {
            secrets.remove(0);
        }
        secrets.push(secret.to_owned());
    }
}

/// A text from elsewhere as one line that a terminal only shows.
pub(crate) fn line(text: impl Display) -> String {
    let text = without(&secrets(), text.to_string());
    let mut line = String::new();
    for character in text.chars() {
        if line.len() >= LONGEST {
            line.push('…');
            break;
        }
        if is_odd(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Says it to people. Whether they listen is up to them.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", line(text));
}

/// Whether whoever read the output has enough of it.
pub(crate) fn nobody_reads(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

fn without(secrets: &[String], mut text: String) -> String {
    // One may be a part of another.
    let mut longest_first: Vec<_> = secrets.iter().collect();
    longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in longest_first {
        if text.contains(secret.as_str()) {
            text = without_one(secret, &text);
        }
    }
    text
}

fn without_one(secret: &str, text: &str) -> String {
    let in_word = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(secret) {
        let end = at + found.len();
        let part = in_word(text[..at].chars().next_back()) || in_word(text[end..].chars().next());
        if secret.len() >= SHORT || !part {
            shown += &text[from..at];
            shown += HIDDEN;
            from = end;
        }
    }
    shown + &text[from..]
}

fn secrets() -> MutexGuard<'static, Vec<String>> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn what_turns_a_text_around_is_escaped() {
        assert_eq!(line("\u{202e}evil\u{2066}"), "\\u{202e}evil\\u{2066}");
        for unseen in ['\u{200b}', '\u{200f}', '\u{2028}', '\u{feff}', '\u{e0041}', '\u{ad}'] {
            assert_eq!(line(unseen), unseen.escape_default().to_string());
        }
        assert_eq!(line("שלום 你好 é"), "שלום 你好 é");
    }

    #[test]
    fn passwords_are_hidden_wherever_they_are_repeated() {
        let hidden = |secrets: &[&str], text: &str| {
            let secrets: Vec<_> = secrets.iter().map(|it| (*it).to_owned()).collect();
            without(&secrets, text.to_owned())
        };
        assert_eq!(hidden(&["hunter2"], "user:hunter2, xhunter2x"), "user:***, x***x");
        assert_eq!(
            hidden(&["pin"], "the pin is pin, not pine: pin"),
            "the *** is ***, not pine: ***"
        );
        assert_eq!(hidden(&["secret", "me:secret"], "me:secret or secret"), "*** or ***");
        assert_eq!(hidden(&["größe1"], "ößgröße1ö"), "öß***ö");
        assert_eq!(hidden(&[], "nothing"), "nothing");
        // Before the text is cut, so that no half of it stays.
        hide("a long one with a \"quote\"");
        let at_the_end = "y".repeat(LONGEST - 5) + "a long one with a \"quote\"";
        assert!(line(at_the_end).ends_with("y***"));
        assert_eq!(line(r#"["a long one with a \"quote\""]"#), r#"["***"]"#);
    }

    #[test]
    fn what_is_no_password_is_shown() {
        hide("x");
        hide("");
        assert_eq!(line("exact x"), "exact x");
    }

    #[test]
    fn only_a_closed_pipe_is_nobody_who_reads() {
        assert!(nobody_reads(&io::Error::from(io::ErrorKind::BrokenPipe)));
        assert!(!nobody_reads(&io::Error::from(io::ErrorKind::StorageFull)));
    }
}
