//! From a candidate to a share: the one place where a result becomes a claim.

use super::{Candidate, VerifyError};
use crate::block::{BlockHash, Header};
use crate::job::{Job, NonceRange};

/// A header whose hash was computed whole and meets the target of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    header: Header,
    hash: BlockHash,
}

impl Share {
    /// The solved header: nonce, version and time are in it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }
}

/// Hashes a candidate with the `sha2` crate and compares all 256 bits with the target of `job`.
///
/// `None` where the hash does not meet it: engines look at the top 32 bits only.
#[must_use]
pub fn verify(job: &Job, candidate: Candidate) -> Option<Share> {
    let share = hashed(job, candidate);
    job.target().is_met_by(&share.hash).then_some(share)
}

/// As [`verify`], for a candidate of a scan that came as far as `scanned`.
///
/// # Errors
///
/// When no engine that works would have reported it: the top word of its hash is above the
/// target's, or it is none of those that were asked for.
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

/// What a candidate is if its hash meets the target.
fn hashed(job: &Job, candidate: Candidate) -> Share {
    let header = job.header().with_version(candidate.version).with_nonce(candidate.nonce);
    Share { header, hash: header.hash() }
}
