//! Hexadecimal text to bytes and back, with errors that say what was expected.
//!
//! Private apart from [`HexError`]: every type of this module parses itself through these
//! functions, so that all of them complain in the same words.

/// Error of text that is not the hexadecimal form of a value of this module.
///
/// The field `expected` of each variant says what the text should have been, for instance
/// `a header is 80 bytes (160 hex digits)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// The text has a character that is not one of `0-9`, `a-f`, `A-F`. This is checked before the
    /// length.
    #[error("{found:?} at character {position} is not a hex digit: {expected}")]
    NotADigit {
        /// First character that is not a hex digit.
        found: char,
        /// Position of that character, in characters from 1, with a `0x` prefix counted.
        position: usize,
        /// Description of what the text should have been.
        expected: &'static str,
    },
    /// The text has an odd number of digits: it ends in half a byte.
    #[error("{expected}, got {digits} digits: an odd number, so half a byte is missing")]
    OddLength {
        /// Number of digits found.
        digits: usize,
        /// Description of what the text should have been.
        expected: &'static str,
    },
    /// The text has too few or too many digits.
    #[error("{expected}, got {digits} digits")]
    Length {
        /// Number of digits found, with a `0x` prefix not counted.
        digits: usize,
        /// Description of what the text should have been.
        expected: &'static str,
    },
}

/// Reads exactly `2 * N` digits as `N` bytes in the order of the text.
pub(super) fn decode<const N: usize>(
    text: &str,
    expected: &'static str,
) -> Result<[u8; N], HexError> {
    let digits = digits(text, 0, expected)?;
    let (pairs, half) = digits.as_chunks::<2>();
    if !half.is_empty() {
        return Err(HexError::OddLength { digits: digits.len(), expected });
    }
    if pairs.len() != N {
        return Err(HexError::Length { digits: digits.len(), expected });
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

/// Reads a 32-bit number of `fewest` to 8 digits, most significant first, with or without `0x`.
pub(super) fn decode_u32(
    text: &str,
    fewest: usize,
    expected: &'static str,
) -> Result<u32, HexError> {
    let prefix = if text.starts_with("0x") || text.starts_with("0X") { 2 } else { 0 };
    let digits = digits(text, prefix, expected)?;
    if !(fewest..=8).contains(&digits.len()) {
        return Err(HexError::Length { digits: digits.len(), expected });
    }
    Ok(digits.iter().fold(0, |number, &digit| number << 4 | u32::from(digit)))
}

/// Writes bytes as lower-case digits, two a byte, in the order given.
pub(super) fn encode<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .into_iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The values, 0 to 15, of all characters after the first `prefix`.
fn digits(text: &str, prefix: usize, expected: &'static str) -> Result<Vec<u8>, HexError> {
    text.chars()
        .enumerate()
        .skip(prefix)
        .map(|(index, found)| match found.to_digit(16) {
            Some(digit) => Ok(digit as u8),
            None => Err(HexError::NotADigit { found, position: index + 1, expected }),
        })
        .collect()
}

/// Lets `Debug` show what `Display` shows: a list of byte values or limbs is of no use.
macro_rules! debug_as_display {
    ($($type:ident),+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        })+
    };
}
pub(super) use debug_as_display;
