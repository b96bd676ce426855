//! Verification of candidates: the one place where a candidate becomes a share.

use super::{Candidate, VerifyError};
use crate::block::{BlockHash, Header};
use crate::job::{Job, NonceRange};

/// A share: a header whose whole hash meets the target of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    header: Header,
    hash: BlockHash,
}

impl Share {
    /// Returns the solved header, with its nonce, version and time.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the hash of the solved header.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }
}

/// Verifies a candidate: hashes it with the `sha2` crate and compares all 256 bits with the target.
///
/// Returns `None` if the hash does not meet the target of `job`. That is no error, since engines
/// compare only the top 32 bits.
#[must_use]
pub fn verify(job: &Job, candidate: Candidate) -> Option<Share> {
    let share = hashed(job, candidate);
    job.target().is_met_by(&share.hash).then_some(share)
}

/// Verifies a candidate as [`verify`] does, given the range of nonces that was scanned.
///
/// # Errors
///
/// When no engine that works would have reported it: the top 32 bits of its hash are above the
/// target's, or its nonce or version is none of those that were asked for.
pub(crate) fn judge(
    job: &Job,
    scanned: NonceRange,
    candidate: Candidate,
) -> Result<Option<Share>, VerifyError> {
    let nonces = u64::from(scanned.start())..scanned.end();
    let asked =
        nonces.contains(&candidate.nonce.into()) && job.versions().contains(&candidate.version);
    let share = hashed(job, candidate);
    let [.., a, b, c, d] = *share.hash.as_bytes();
    if !asked || u32::from_le_bytes([a, b, c, d]) > job.target().top_word() {
        return Err(VerifyError::Candidate(candidate));
    }
    Ok(job.target().is_met_by(&share.hash).then_some(share))
}

/// Hashes the header of a candidate: its share, provided that the hash meets the target.
fn hashed(job: &Job, candidate: Candidate) -> Share {
    let header = job.header().with_version(candidate.version).with_nonce(candidate.nonce);
    Share { header, hash: header.hash() }
}
