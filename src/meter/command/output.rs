//! The output of a program.

/// Largest output of a program that is read, in bytes. A larger one is no reading.
pub(super) const MOST_OUTPUT: usize = 1024 * 1024;

/// What a program wrote, of which no more than can be a reading is kept.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: Vec<u8>,
    pub(super) errors: Vec<u8>,
    pub(super) is_too_much: bool,
}

impl Output {
    pub(super) fn add_text(&mut self, bytes: &[u8]) {
        self.is_too_much |= self.text.len() + bytes.len() > MOST_OUTPUT;
        if !self.is_too_much {
            self.text.extend(bytes);
        }
    }

    /// Adds complaints: the first are shown, and the others do no harm.
    pub(super) fn add_errors(&mut self, bytes: &[u8]) {
        if self.errors.len() + bytes.len() <= MOST_OUTPUT {
            self.errors.extend(bytes);
        }
    }
}
