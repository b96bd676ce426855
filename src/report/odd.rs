//! Control characters, invisible characters and others that deceive a reader.
//!
//! The examples include this file.

/// Returns whether a character controls a terminal or the direction of writing, or is invisible.
/// Such a character in a name from outside can deceive a reader, so reports replace it.
#[must_use]
pub fn is_odd(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Hyphens, joiners and fillers that have no width, and marks of direction.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{3164}' | '\u{feff}'
                | '\u{ffa0}'
            // Ends of lines and paragraphs, and overrides of direction.
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Notes between lines, of shorthand and of music, and tags.
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_odd_and_what_is_seen_is_not() {
        for odd in "\0\n\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\
                    \u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{3164}\u{feff}\u{e0041}"
            .chars()
        {
            assert!(is_odd(odd), "{odd:?}");
        }
        for seen in " aß図é·–…€✓⚡µ́\u{a0}\u{fffd}".chars() {
            assert!(!is_odd(seen), "{seen:?}");
        }
    }
}
