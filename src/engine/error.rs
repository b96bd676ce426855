//! How an engine fails: the device under it, never the caller.

use super::EngineId;
use crate::gpu::DeviceError;
use crate::job::Candidate;

/// An engine that cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine {engine} failed: {kind}")]
pub struct EngineError {
    /// The engine that failed.
    pub engine: EngineId,
    /// What happened to it.
    pub kind: EngineErrorKind,
}

/// What happens to engines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// Its device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A candidate that is none, or not as many as there must be.
    #[error("the device computes wrong results: {0}")]
    Wrong(#[from] VerifyError),
}

/// How results are known to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
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
