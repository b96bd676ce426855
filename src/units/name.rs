//! The error of a name that stands for nothing.

use std::borrow::Cow;

/// The error for a text that is not a known name, such as that of an engine or a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} is called {name:?}{}", listed(.expected))]
pub struct UnknownNameError {
    kind: &'static str,
    name: String,
    expected: Cow<'static, str>,
}

fn listed(names: &str) -> String {
    if names.is_empty() { String::new() } else { format!(", expected {names}") }
}

impl UnknownNameError {
    /// `kind` is the kind of thing, and `expected` is a list of names for people, or empty.
    pub(crate) fn new(
        kind: &'static str,
        name: &str,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, name: name.to_owned(), expected: expected.into() }
    }

    /// Returns the text that was given and is no known name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
