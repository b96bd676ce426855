//! Errors of engines: their device failed or computes wrong results. The caller is never at fault.

use super::EngineId;
use crate::gpu::DeviceError;
use crate::job::Candidate;

/// Error of an engine that cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine {engine} failed: {kind}")]
pub struct EngineError {
    /// The engine that failed.
    pub engine: EngineId,
    /// How the engine failed.
    pub kind: EngineErrorKind,
}

/// Ways in which an engine fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// The device of the engine failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The engine reported something that is no candidate, or an unlikely number of candidates.
    #[error("the device computes wrong results: {0}")]
    Wrong(#[from] VerifyError),
}

/// What shows that the results of an engine are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// What the engine reported is no candidate: the top 32 bits of its hash, computed again, are
    /// above those of the target, or its nonce or version was not asked for.
    #[error("nonce {} with version {} is no candidate", .0.nonce, .0.version)]
    Candidate(Candidate),
    /// The number of candidates is too far from the expected one to be chance.
    #[error("{found} candidates where about {expected} were to be expected")]
    Count {
        /// Number of candidates that the device reported.
        found: u64,
        /// Expected number of candidates: hashes times the chance of each to be a candidate.
        expected: u64,
    },
}
