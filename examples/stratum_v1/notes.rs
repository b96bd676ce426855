//! Bounds on what people are told of a pool that has much to say.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::told::tell;

/// How many lines a pool may cause in a [`SPAN`].
const MOST: u32 = 20;

const SPAN: Duration = Duration::from_mins(1);

/// Lines told so far.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    since: Option<Instant>,
    told: u32,
    kept: u64,
}

impl Notes {
    /// Tells it, unless there was too much of late.
    pub(crate) fn tell(&mut self, text: impl Display) {
        if self.admits(Instant::now()) {
            tell(text);
        } else if self.kept == 1 {
            tell("The pool causes many such lines: the rest of this minute's are only counted.");
        }
    }

    fn admits(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= SPAN) {
            if self.kept > 0 {
                tell(format_args!("{} more lines were not shown.", self.kept));
            }
            *self = Self { since: Some(now), told: 0, kept: 0 };
        }
        let admitted = self.told < MOST;
        if admitted {
            self.told += 1;
        } else {
            self.kept += 1;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_told_in_a_minute_and_the_rest_counted() {
        let mut notes = Notes::default();
        let now = Instant::now();
        let admitted = (0..1_000_000).filter(|_| notes.admits(now)).count();
        assert_eq!((admitted, notes.kept), (20, 999_980));
        assert!(notes.admits(now + SPAN));
        assert_eq!((notes.told, notes.kept), (1, 0));
    }
}
