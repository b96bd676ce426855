//! A [`Job`]: a header and a target prepared for scanning. A scan returns [`Candidate`]s, and says
//! in [`Scanned`] how many nonces it has done.
//!
//! A job is one *version group*: up to eight versions of the same header that an engine tries on
//! each nonce. The group is part of the job, so that the order of results, first by nonce and then
//! by version, is the same on every engine.

use crate::block::{Header, Target, Version};
use crate::sha256::rounds::{Midstate, Tail};

/// Largest number of versions in one job.
pub const MAX_GROUP: usize = 8;

/// Range of consecutive nonces. It may be empty, and may hold all 2^32 nonces; it does not wrap
/// around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceRange {
    start: u32,
    len: u64,
}

impl NonceRange {
    /// The range of all 2^32 nonces.
    pub const ALL: Self = Self { start: 0, len: 1 << 32 };

    /// Makes the range of the nonces from `start` up to but not including `end`, which may be 2^32.
    ///
    /// # Errors
    ///
    /// When `end` is past 2^32 or before `start`.
    pub fn new(start: u32, end: u64) -> Result<Self, NonceRangeError> {
        if end > 1 << 32 {
            return Err(NonceRangeError::PastTheLast { end });
        }
        match end.checked_sub(u64::from(start)) {
            Some(len) => Ok(Self { start, len }),
            None => Err(NonceRangeError::Reversed { start, end }),
        }
    }

    /// Returns the first nonce of the range; a number without meaning if the range is empty.
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// Returns the end of the range, one past the last nonce: 0 to 2^32.
    #[must_use]
    pub fn end(self) -> u64 {
        u64::from(self.start) + self.len
    }

    /// Returns the number of nonces in the range: 0 to 2^32.
    #[must_use]
    pub fn len(self) -> u64 {
        self.len
    }

    /// Returns whether the range has no nonces.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Splits the range into its first `len` nonces and the rest; if the range has fewer nonces,
    /// the rest is empty.
    #[must_use]
    pub fn split_at(self, len: u64) -> (Self, Self) {
        let len = len.min(self.len);
        let head = Self { start: self.start, len };
        // An empty rest at the very end starts at 0: there is no nonce 2^32 to name.
        let tail = Self { start: self.start.wrapping_add(len as u32), len: self.len - len };
        (head, if tail.is_empty() { Self { start: 0, len: 0 } } else { tail })
    }
}

/// Why two numbers are not a range of nonces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceRangeError {
    /// The end is beyond the last nonce.
    #[error("the nonces end at {end}, expected at most 4294967296 (2^32)")]
    PastTheLast {
        /// End of the range that was asked for.
        end: u64,
    },
    /// The end is before the start.
    #[error("the nonces start at {start}, after their end at {end}")]
    Reversed {
        /// Start of the range that was asked for.
        start: u32,
        /// End of the range that was asked for.
        end: u64,
    },
}

/// Work for an engine: a header and a target, with everything precomputed that no nonce changes.
#[derive(Clone, Debug)]
pub struct Job {
    header: Header,
    target: Target,
    tail: Tail,
    versions: Vec<Version>,
    midstates: Vec<Midstate>,
}

impl Job {
    /// Prepares a job for the header's own version.
    #[must_use]
    pub fn new(header: Header, target: Target) -> Self {
        Self::prepare(header, target, vec![header.version()])
    }

    /// Prepares a job for a group of versions, which are tried in this order on each nonce.
    ///
    /// # Errors
    ///
    /// When there is no version, or more than [`MAX_GROUP`].
    pub fn with_versions(
        header: Header,
        target: Target,
        versions: &[Version],
    ) -> Result<Self, GroupSizeError> {
        if versions.is_empty() || versions.len() > MAX_GROUP {
            return Err(GroupSizeError::of(versions.len()));
        }
        Ok(Self::prepare(header, target, versions.to_vec()))
    }

    fn prepare(header: Header, target: Target, versions: Vec<Version>) -> Self {
        let word = |at: usize| {
            let bytes = header.as_bytes();
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let tail = Tail { merkle: word(64), time: word(68), bits: word(72) };
        let midstates = versions
            .iter()
            .map(|&version| {
                let header = header.with_version(version);
                let (first_block, _) =
                    header.as_bytes().split_first_chunk().expect("80 is over 64");
                Midstate::after(first_block, tail)
            })
            .collect();
        Self { header, target, tail, versions, midstates }
    }

    /// Returns the header as given: the engine varies its nonce and, within the group, its version.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the target that a hash must meet.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Returns the versions of the group, 1 to [`MAX_GROUP`], in the order in which they are tried.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    /// The midstates, one for each version, in the order of [`Self::versions`].
    pub(crate) fn midstates(&self) -> &[Midstate] {
        &self.midstates
    }
}

/// A nonce and a version whose hash may meet the target: the top 32 bits of the hash are at most
/// those of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Nonce of the candidate's header.
    pub nonce: u32,
    /// Version of the candidate's header.
    pub version: Version,
}

/// How far a scan of a range of nonces came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Number of nonces done, from the start of the range. If the range has more, the limit of
    /// candidates was reached first, and there may be further candidates.
    pub nonces: u64,
    /// Number of hashes done: `nonces` times the number of versions of the job.
    pub hashes: u64,
}

/// Error of a version group with no versions or with more than [`MAX_GROUP`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version group of {size}, expected 1 to {MAX_GROUP} versions")]
pub struct GroupSizeError {
    size: usize,
}

impl GroupSizeError {
    pub(crate) fn of(size: usize) -> Self {
        Self { size }
    }
}
