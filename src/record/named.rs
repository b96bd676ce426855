//! Names in files that other versions may have written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that a name in a file stands for, or the name itself if this version does not know it.
///
/// Its JSON form is the name. A name counts as known only if this version would write it in the
/// same letters, so that what is read is written back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named<T> {
    /// The value that this version knows by the name.
    Known(T),
    /// A name that this version does not know, from another version or another program.
    Other(String),
}

impl<T> Named<T> {
    /// Returns the value that the name stands for; `None` if this version does not know the name.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Other(_) => None,
        }
    }
}

impl<T: FromStr + fmt::Display> From<&str> for Named<T> {
    fn from(name: &str) -> Self {
        let known = name.parse().ok().filter(|known: &T| known.to_string() == name);
        known.map_or_else(|| Self::Other(name.to_owned()), Self::Known)
    }
}

/// A name equals a value if this version knows the name and it stands for that value.
impl<T: PartialEq> PartialEq<T> for Named<T> {
    fn eq(&self, other: &T) -> bool {
        self.known() == Some(other)
    }
}

impl<T: fmt::Display> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => f.pad(&known.to_string()),
            Self::Other(name) => f.pad(name),
        }
    }
}

impl<T: fmt::Display> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: FromStr + fmt::Display> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}

#[cfg(test)]
impl<T> schemars::JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Kind;

    #[test]
    fn names_of_other_versions_are_kept_to_the_letter() {
        for (json, expected) in [
            ("\"matmul\"", Named::Known(Kind::Matmul)),
            ("\"attention\"", Named::Other("attention".to_owned())),
            ("\"\"", Named::Other(String::new())),
        ] {
            let read: Named<Kind> = serde_json::from_str(json).expect("a name");
            assert_eq!(read, expected);
            assert_eq!(serde_json::to_string(&read).expect("a name"), json);
        }
        assert!(Named::from("matmul") == Kind::Matmul && Named::from("peak") != Kind::Matmul);
        // Known, but not as this version writes it.
        let early: Named<jiff::Timestamp> = "2026-01-01T01:00:00+01:00".into();
        assert_eq!(early.to_string(), "2026-01-01T01:00:00+01:00");
        assert!(serde_json::from_str::<Named<Kind>>("3").is_err());
    }
}
