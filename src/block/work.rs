//! How many hashes a target stands for: the measure by which chains, and here machines, are
//! compared.

use std::fmt;

use super::Target;
use super::hex::debug_as_display;
use super::u256::U256;

/// An expected number of hashes: a whole number of 256 bits.
///
/// [`Work::from_target`] gives the work of one block or share; sums of those may reach any 256-bit
/// number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(U256);

impl Work {
    /// No work: where a sum starts.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The most that fits, 2^256 − 1: where a saturating sum ends.
    pub const MAX: Self = Self(U256::MAX);

    /// The hashes expected until one meets `target`: ⌊2^256 / (target + 1)⌋, from 1 to 2^255.
    ///
    /// This is `GetBlockProof` of Bitcoin Core (chain.cpp), and also right for [`Target::MAX`],
    /// which Core cannot meet.
    #[must_use]
    pub fn from_target(target: Target) -> Self {
        match target.to_u256().checked_add(U256::ONE) {
            Some(divisor) => Self(U256::saturating_quotient(1, 256, divisor)),
            // The target is 2^256 − 1: every hash meets it.
            None => Self(U256::ONE),
        }
    }

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
