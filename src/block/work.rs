//! Work: the expected number of hashes until one meets a target. Chains are compared by it, and
//! here machines are too.

use std::fmt;

use super::hex::debug_as_display;
use super::u256::U256;

/// An amount of work, as an expected number of hashes: an integer of 256 bits.
///
/// [`Target::to_work`](super::Target::to_work) gives the work of one block or share; sums of those
/// may reach any 256-bit number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(pub(super) U256);

impl Work {
    /// No work: the start of a sum.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The largest amount of work, 2^256 − 1 hashes: where a saturating sum ends.
    pub const MAX: Self = Self(U256::MAX);

    /// Makes an amount of work from 32 bytes, most significant byte first.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// Returns the work as 32 bytes, most significant byte first.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// Returns the number of hashes as the nearest `f64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0.to_f64()
    }

    /// Returns the sum of two amounts of work; `None` if it needs more than 256 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the sum of two amounts of work; [`Work::MAX`] if it needs more than 256 bits.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self::MAX)
    }
}

/// Writes 64 hex digits, most significant first, as Bitcoin Core shows `chainwork`.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_hex())
    }
}

debug_as_display!(Work);
