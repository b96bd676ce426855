//! From a candidate to a share: the one place where a result becomes a claim.

use crate::block::{BlockHash, Header};
use crate::engine::Candidate;
use crate::job::Job;

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
    let header = job.header().with_version(candidate.version).with_nonce(candidate.nonce);
    let hash = header.hash();
    job.target().is_met_by(&hash).then_some(Share { header, hash })
}
