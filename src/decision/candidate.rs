//! A kind of hardware with what it does, for how much power at the wall, and how sure that is.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fitness::Fitness;
use super::site::DeviceEntry;
use crate::input::shown;
use crate::record::{Named, NoEnergy, Record};
use crate::units::Watts;
use crate::workload::Kind;

/// Name of a score's file, and the score.
pub(crate) type NamedRecord = (String, Record);

/// A kind of hardware that is decided on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a DeviceEntry,
    /// Number of devices.
    pub(crate) count: u32,
    /// Name that the device reports, or that of its model in the catalogue.
    pub(crate) model: Option<String>,
    /// Hash rate and power of mining, or why they are not known.
    pub(crate) hashing: Result<Hashing, UnknownUse>,
    /// Power of working for AI, or why it is not known.
    pub(crate) computing: Result<Power, UnknownUse>,
    /// Fitness for each class of AI work; empty where nothing is known of it.
    pub(crate) fitness: Vec<Fitness>,
}

/// Hash rate of a device, and the power for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hashing {
    pub(crate) hashes_per_second: f64,
    pub(crate) power: Power,
}

/// Power at the wall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Power {
    pub(crate) wall: Watts,
    /// One standard deviation, as a share of the power; `None` where a single window shows none.
    pub(crate) uncertainty: Option<f64>,
    pub(crate) basis: Basis,
}

impl Power {
    /// Returns one standard deviation for scenario draws: a wide one where it is not known, which
    /// is not to say that there is none.
    pub(crate) fn deviation(&self) -> f64 {
        let unknown = if self.basis == Basis::Measured { UNKNOWN_DEVIATION } else { 0.0 };
        self.uncertainty.unwrap_or(unknown)
    }
}

/// One standard deviation, as a share, assumed for what was measured in a single window. It is a
/// wide guess, and labelled as one wherever it is used.
pub(crate) const UNKNOWN_DEVIATION: f64 = 0.2;

/// Source of a power figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Power that a meter has measured.
    Measured,
    /// Power that the person who ran the score has stated.
    Assumed,
    /// Power that the maker's data sheet gives.
    DataSheet,
}

/// The error for an entry of a site's file that does not fit the scores, such as one that names an
/// unknown device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("device {}: {}", shown(device, 100), shown(&reason.to_string(), 400))]
pub struct MismatchError {
    /// Name of the entry.
    pub(super) device: String,
    pub(super) reason: MismatchReason,
}

/// How an entry of a site does not fit the scores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MismatchReason {
    #[error("no score was given, expected SCORE.json")]
    NoScore,
    #[error(
        "its scores are of {one} and of {other}: expected one model, by file or score of a section each"
    )]
    Unlike { one: String, other: String },
    #[error("file {file} was not given, expected one of {known}")]
    UnknownFile { file: String, known: String },
    #[error("score {id} is not in its file, expected one of {known}")]
    UnknownDevice { id: String, known: String },
    #[error(
        "host_watts and supply_efficiency contradict its score, which has the power of the whole \
         machine at the wall"
    )]
    AtTheWall,
    #[error(
        "{key} is missing: its score has the power of {charged} only, and not that at the wall"
    )]
    NotAtTheWall { key: &'static str, charged: String },
}

/// Why nothing is known of a use of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownUse {
    #[error("a data sheet says nothing of it")]
    DataSheet,
    #[error(
        "no data sheet has what a card hashes; by the scores of cards it is less than a thousandth of a \
         miner's hashes per joule"
    )]
    CardSheet,
    #[error("mining was not asked about: there is no section [mining]")]
    NoMining,
    #[error("its driver computes on the processor")]
    Software,
    #[error("no joules of {workload}: {why}")]
    NoEnergy { workload: Kind, why: Named<NoEnergy> },
    #[error("no joules of {workload}: its score has no {workload}")]
    NotScored { workload: Kind },
}

impl UnknownUse {
    /// Returns whether a decision can be made without it: what is not known of it is worth nothing, or
    /// was not asked about.
    pub(crate) fn is_of_no_matter(&self) -> bool {
        matches!(self, Self::CardSheet | Self::NoMining)
    }
}

impl Candidate<'_> {
    /// Returns the source of what is known of its power; `None` where nothing is.
    pub(crate) fn basis(&self) -> Option<Basis> {
        let hashing = self.hashing.as_ref().ok().map(|it| it.power.basis);
        hashing.or(self.computing.as_ref().ok().map(|it| it.basis))
    }
}
