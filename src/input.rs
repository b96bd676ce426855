//! Errors of the text files that users give, such as records and sites: their size, their encoding
//! and what else a name may lead to.
//!
//! A name may be that of a device, a pipe or a disk image. The size and the time of reading are
//! bounded, so that a wrong name is an error and does not use up the memory of the machine. Only
//! the error and its parts are public: other modules of this crate do the reading.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

use crate::units::text::bytes;

/// Why a file cannot be read as text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The operating system could not read the file.
    #[error("{0}")]
    Unreadable(io::Error),
    /// The name is not that of a file but of something else, such as `a folder`.
    #[error("it is {0}, expected a file")]
    NoFile(&'static str),
    /// The file is larger than the limit for files of its kind.
    #[error("it has more than {}, which is the limit of {}", bytes(.0.bytes), .0.what)]
    TooLarge(InputLimit),
    /// The text is encoded in UTF-16, not UTF-8.
    #[error(
        "it is UTF-16, expected UTF-8; save it as UTF-8, or in PowerShell write it with `| Out-File -Encoding utf8`"
    )]
    Utf16,
    /// The text is not valid UTF-8.
    #[error("line {line} is not UTF-8, expected a text in UTF-8")]
    NoText {
        /// Number of the first line that is not, from 1.
        line: usize,
    },
}

/// Maximum size of a file of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLimit {
    what: &'static str,
    bytes: u64,
}

impl InputLimit {
    /// Limit of a score: power over hours, every fiftieth of a second, is some tens of megabytes.
    pub(crate) const SCORE: Self = Self::new("a score", 256 << 20);
    /// Limit of a file of settings, such as a site or thresholds.
    #[cfg(feature = "decision")]
    pub(crate) const SETTINGS: Self = Self::new("a file of settings", 4 << 20);
    /// Limit of a series of prices: a year of hours is half a megabyte.
    #[cfg(feature = "decision")]
    pub(crate) const SERIES: Self = Self::new("a series of prices", 64 << 20);

    const fn new(what: &'static str, bytes: u64) -> Self {
        Self { what, bytes }
    }
}

/// Reads the text of a file.
pub(crate) fn file(path: &Path, limit: InputLimit) -> Result<String, InputError> {
    let found = fs::metadata(path).map_err(InputError::Unreadable)?;
    // Opening a pipe waits for its writer.
    if let Some(other) = other_than_a_file(found.file_type(), path) {
        return Err(InputError::NoFile(other));
    }
    if found.len() > limit.bytes {
        return Err(InputError::TooLarge(limit));
    }
    reader(File::open(path).map_err(InputError::Unreadable)?, limit)
}

/// Reads the text of a stream until its end.
pub(crate) fn reader(from: impl Read, limit: InputLimit) -> Result<String, InputError> {
    let mut bytes = Vec::new();
    from.take(limit.bytes + 1).read_to_end(&mut bytes).map_err(InputError::Unreadable)?;
    if bytes.len() as u64 > limit.bytes {
        return Err(InputError::TooLarge(limit));
    }
    text(bytes)
}

/// Returns what a name leads to, if not to a file. A pipe or device that the shell hands over as a
/// descriptor is as good as a file.
fn other_than_a_file(found: FileType, path: &Path) -> Option<&'static str> {
    let handed = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|it| path.starts_with(it));
    if found.is_file() {
        return None;
    }
    if found.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.is_fifo() {
            return (!handed).then_some("a pipe");
        }
        if found.is_socket() {
            return Some("a socket");
        }
    }
    (!handed).then_some("a device")
}

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Decodes UTF-8, with or without the byte order mark that some editors write at its beginning.
fn text(bytes: Vec<u8>) -> Result<String, InputError> {
    if is_utf_16(&bytes) {
        return Err(InputError::Utf16);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        InputError::NoText { line: before.split(|&byte| byte == b'\n').count() }
    })?;
    if text.starts_with(MARK) {
        text.drain(..MARK.len_utf8());
    }
    Ok(text)
}

/// Returns whether a text is UTF-16, by its byte order mark or a first character of two bytes.
fn is_utf_16(bytes: &[u8]) -> bool {
    let first: Option<&[u8; 2]> = bytes.first_chunk();
    first.is_some_and(|&[a, b]| {
        matches!([a, b], [0xff, 0xfe] | [0xfe, 0xff]) || (a == 0) != (b == 0)
    })
}

/// Returns a text of a file as a message quotes it: characters that steer a terminal or turn the
/// direction of writing are escaped, and of more than `most` characters the middle is left out.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let escaped = |c: char| -> String {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || turns { c.escape_default().to_string() } else { c.to_string() }
    };
    let half = most / 2;
    // Never all of a text that is endless.
    let is_long = text.chars().nth(most).is_some();
    if !is_long {
        return text.chars().map(escaped).collect();
    }
    let head: String = text.chars().take(half).map(escaped).collect();
    let mut tail: Vec<char> = text.chars().rev().take(half).collect();
    tail.reverse();
    head + "…" + &tail.into_iter().map(escaped).collect::<String>()
}

/// Joins the first `most` of a list, and says how many more there are.
#[cfg(feature = "decision")]
pub(crate) fn listed<T: ToString>(all: &[T], between: &str, most: usize) -> String {
    let mut text = all.iter().take(most).map(ToString::to_string).collect::<Vec<_>>().join(between);
    if let Some(more) = all.len().checked_sub(most).filter(|&more| more > 0) {
        text = format!("{text}{between}and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: InputLimit = InputLimit::new("a test", 16);

    fn told(result: Result<String, InputError>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn texts_are_utf_8_with_or_without_a_mark() {
        let read = |bytes: &[u8]| reader(bytes, SMALL);
        assert_eq!(read(b"a = 1").expect("a text"), "a = 1");
        assert_eq!(read(b"\xef\xbb\xbfa = 1").expect("a text"), "a = 1");
        assert_eq!(read(b"").expect("nothing"), "");
        for utf_16 in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0 \0", b"\0a\0 "] {
            assert!(told(read(utf_16)).starts_with("it is UTF-16, expected UTF-8"));
        }
        assert_eq!(told(read(b"a\r\nb\xff")), "line 2 is not UTF-8, expected a text in UTF-8");
    }

    #[test]
    fn what_is_endless_or_no_file_is_refused_at_once() {
        assert_eq!(
            told(reader(io::repeat(b'x'), SMALL)),
            "it has more than 16 B, which is the limit of a test"
        );
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        assert_eq!(told(file(folder.path(), SMALL)), "it is a folder, expected a file");
        let long = folder.path().join("long");
        // A file with nothing in it: so long that to read it would take minutes.
        File::create(&long).and_then(|it| it.set_len(3 << 40)).expect("a sparse file");
        assert!(told(file(&long, SMALL)).contains("more than 16 B"));
        assert!(told(file(&folder.path().join("none"), SMALL)).contains("os error 2"));
        #[cfg(unix)]
        {
            assert_eq!(
                told(file(Path::new("/dev/zero"), SMALL)),
                "it is a device, expected a file"
            );
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            assert!(made.expect("a command of every system").success());
            assert_eq!(told(file(&pipe, SMALL)), "it is a pipe, expected a file");
        }
    }

    #[test]
    fn messages_repeat_no_more_than_some_characters() {
        assert_eq!(shown("short", 5), "short");
        assert_eq!(shown("a\x1b[31m\u{202e}", 20), "a\\u{1b}[31m\\u{202e}");
        assert_eq!(shown(&format!("begin{}end", "x".repeat(1 << 20)), 10), "begin…xxend");
    }

    #[cfg(feature = "decision")]
    #[test]
    fn lists_say_how_many_more_there_are() {
        assert_eq!(listed(&[1, 2, 3], ", ", 3), "1, 2, 3");
        assert_eq!(listed(&[1, 2, 3], "; ", 1), "1; and 2 more");
    }
}
