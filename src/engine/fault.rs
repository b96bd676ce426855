//! How an engine fails: the device under it, never the caller.

use std::time::Duration;

use super::EngineId;
use crate::job::Candidate;

/// An engine that cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine {engine} failed: {failure}")]
pub struct Fault {
    /// Which engine.
    pub engine: EngineId,
    /// What happened to it.
    pub failure: Failure,
}

/// What happens to devices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The driver gave the device up: a crash, a reset, a card that was taken out.
    #[error("the driver lost the device ({0})")]
    Lost(String),
    /// Work that should have taken milliseconds did not end.
    #[error("its work did not end within {:.1} s: the device hangs", .0.as_secs_f64())]
    Hung(Duration),
    /// There was no memory for buffers or code.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// A candidate that is none, or not as many as there must be.
    #[error("the device computes wrong results: {0}")]
    Wrong(Wrong),
    /// The driver or the interface to it refused something that is always asked for.
    #[error("the driver refused to work ({0})")]
    Refused(String),
}

/// How results are known to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The top word of its hash, computed again, is above the target's.
    #[error("nonce {} with version {} is no candidate", .0.nonce, .0.version)]
    Candidate(Candidate),
    /// Far from as many candidates as chance gives.
    #[error("{found} candidates where about {expected} were to be expected")]
    Count {
        /// Candidates that the device reported.
        found: u64,
        /// Hashes times the chance of each.
        expected: u64,
    },
}
