//! How many hashes a target stands for: the measure by which chains, and here machines, are
//! compared.

use std::fmt;

use super::hex::debug_as_display;
use super::u256::U256;

/// An expected number of hashes: a whole number of 256 bits.
///
/// [`Target::to_work`](super::Target::to_work) gives the work of one block or share; sums of those may reach any 256-bit
/// number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(pub(super) U256);

impl Work {
    /// No work: where a sum starts.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The most that fits, 2^256 − 1: where a saturating sum ends.
    pub const MAX: Self = Self(U256::MAX);

    /// Takes a number, most significant byte first.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// The number, most significant byte first.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// Hashes, as the nearest `f64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0.to_f64()
    }

    /// The sum, or `None` where it needs more than 256 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum, or [`Work::MAX`] where it needs more than 256 bits.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self::MAX)
    }
}

/// 64 hex digits, most significant first, as Bitcoin Core shows `chainwork`.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_hex())
    }
}

debug_as_display!(Work);
