//! Text from outside, in the encodings in which it comes.

use std::borrow::Cow;

/// Decodes UTF-8 and UTF-16, with the mark at their beginning or without, and leaves that out.
///
/// What is no character becomes U+FFFD, so that it is shown in the error that it leads to.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
        // Digits and letters of ASCII have a zero byte there.
        [1..=0xff, 0, 1..=0xff, 0, ..] => utf16(bytes, u16::from_le_bytes).into(),
        [0, 1..=0xff, 0, 1..=0xff, ..] => utf16(bytes, u16::from_be_bytes).into(),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// A last byte without its half, of a text that is still being written, is left out.
fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Returns as much of a text from outside as fits an error message.
pub(super) fn beginning(text: &str) -> String {
    const MOST: usize = 100;
    let text = text.trim();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_zero_bytes_tell_the_encoding() {
        let text = "P1 \u{b5}W,12\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
            [&[0xff, 0xfe], &*little].concat(),
            [&[0xfe, 0xff], &*big].concat(),
            [&*little, b"7"].concat(),
            big,
        ] {
            assert_eq!(decode(&bytes), text, "{bytes:?}");
        }
        assert_eq!(decode(b""), "");
        assert_eq!(decode(b"\xff"), "\u{fffd}");
        assert_eq!(decode(b"\xff\xfe"), "");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(beginning(" short\n"), "short");
        let text = beginning(&"µ".repeat(1000));
        assert_eq!(text.chars().count(), 101);
        assert_eq!(beginning(&"x".repeat(100)), "x".repeat(100));
    }
}
