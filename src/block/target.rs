//! The target that a block's hash must meet: the full 256-bit number, and the compact form that a
//! header holds.
//!
//! A [`Target`] is never zero, so that difficulty and work are always defined. The compact form can
//! say things that no target is (negative, zero, beyond 256 bits); [`Target::from_compact`] refuses
//! those exactly where Bitcoin Core does.

use std::fmt;
use std::str::FromStr;

use super::hex::{self, HexError, debug_as_display};
use super::u256::U256;
use super::{BlockHash, Work};

/// The compact form of a target ("nBits"): one byte of size, then a sign bit and 23 bits of
/// mantissa.
///
/// A header may hold any 32 bits; [`Target::from_compact`] says which of them are a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompactTarget(u32);

impl CompactTarget {
    /// Makes the compact target from the 32 bits that a header holds.
    #[must_use]
    pub const fn from_consensus(bits: u32) -> Self {
        Self(bits)
    }

    /// Reads exactly 8 hex digits as explorers show them (`1d00ffff`), with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`HexError`] if the text is something else.
    pub fn from_hex(text: &str) -> Result<Self, HexError> {
        hex::decode_u32(text, 8, "a compact target is 8 hex digits").map(Self)
    }

    /// Returns the 32 bits that a header holds.
    #[must_use]
    pub const fn to_consensus(self) -> u32 {
        self.0
    }
}

impl FromStr for CompactTarget {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        Self::from_hex(text)
    }
}

/// Writes eight hex digits as explorers show them: `1d00ffff`.
impl fmt::Display for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", self.0))
    }
}

/// A target, the largest block hash that is valid: a number from 1 to 2^256 − 1.
///
/// A block's hash, read as a little-endian number, must be at most its target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(U256);

impl Target {
    /// The easiest target that there is, 2^256 − 1: every hash meets it.
    pub const MAX: Self = Self(U256::MAX);

    /// The hardest target that there is, 1: one hash in 2^255 meets it, so in practice none does.
    pub const MIN: Self = Self(U256::ONE);

    /// The easiest target of the main network, compact form `1d00ffff`: difficulty 1.
    pub const MAX_ATTAINABLE_MAINNET: Self = Self(U256::from_u64(0xffff).shl(208));

    /// The easiest target of the regression test network, compact form `207fffff`: half of all
    /// hashes meet it.
    pub const MAX_ATTAINABLE_REGTEST: Self = Self(U256::from_u64(0x7f_ffff).shl(232));

    /// Makes a target from its compact form: mantissa · 256^(size − 3), as `SetCompact` of Bitcoin
    /// Core (`arith_uint256.cpp`).
    ///
    /// # Errors
    ///
    /// [`TargetError::ZeroCompact`], [`TargetError::NegativeCompact`] or
    /// [`TargetError::OverflowingCompact`], for exactly the forms that Core calls so. A zero
    /// mantissa is reported as zero, whatever its sign and size; a form that is both negative and
    /// too large is reported as negative.
    pub fn from_compact(compact: CompactTarget) -> Result<Self, TargetError> {
        let size = compact.0 >> 24;
        let negative = compact.0 & 0x0080_0000 != 0;
        // The sign bit is taken out before bytes are dropped from a mantissa that is longer than
        // the number.
        let mantissa = compact.0 & 0x007f_ffff;
        let mantissa = if size < 3 { mantissa >> (8 * (3 - size)) } else { mantissa };
        let mantissa_bytes = 4 - mantissa.leading_zeros() / 8;
        if mantissa == 0 {
            return Err(TargetError::ZeroCompact(compact));
        }
        if negative {
            return Err(TargetError::NegativeCompact(compact));
        }
        let zero_bytes = size.saturating_sub(3);
        if zero_bytes + mantissa_bytes > 32 {
            return Err(TargetError::OverflowingCompact(compact));
        }
        Ok(Self(U256::from_u64(mantissa.into()).shl(8 * zero_bytes)))
    }

    /// Reads a target from 64 hex digits of either case, most significant first.
    ///
    /// # Errors
    ///
    /// [`TargetError::Hex`] unless the text is exactly 64 hex digits, [`TargetError::Zero`] if they
    /// are all zero.
    pub fn from_hex(text: &str) -> Result<Self, TargetError> {
        Self::from_be_bytes(hex::decode(text, "a target is 32 bytes (64 hex digits)")?)
    }

    /// Makes a target from 32 bytes, most significant byte first.
    ///
    /// # Errors
    ///
    /// [`TargetError::Zero`] if all bytes are zero.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Result<Self, TargetError> {
        Self::from_u256(U256::from_be_bytes(bytes)).ok_or(TargetError::Zero)
    }

    /// Makes a target from 32 bytes, least significant byte first: the byte order of a
    /// [`BlockHash`].
    ///
    /// # Errors
    ///
    /// [`TargetError::Zero`] if all bytes are zero.
    pub fn from_le_bytes(bytes: [u8; 32]) -> Result<Self, TargetError> {
        Self::from_u256(U256::from_le_bytes(bytes)).ok_or(TargetError::Zero)
    }

    /// Returns the target of a difficulty, as pools set it:
    /// ⌊[`MAX_ATTAINABLE_MAINNET`](Self::MAX_ATTAINABLE_MAINNET) / `difficulty`⌋, exact for the
    /// very number that the `f64` holds.
    ///
    /// Difficulties below about 2^−32, whose targets need more than 256 bits, give [`Target::MAX`].
    ///
    /// # Errors
    ///
    /// [`TargetError::NotADifficulty`] unless `difficulty` is finite and above 0;
    /// [`TargetError::DifficultyTooHigh`] above 65535 · 2^208 (about 2.7e67), where the target
    /// would be 0.
    pub fn from_difficulty(difficulty: f64) -> Result<Self, TargetError> {
        if !(difficulty.is_finite() && difficulty > 0.0) {
            return Err(TargetError::NotADifficulty { difficulty });
        }
        // MAX_ATTAINABLE_MAINNET / difficulty = 0xffff · 2^208 / (mantissa · 2^exponent)
        let (mantissa, exponent) = mantissa_and_exponent(difficulty);
        let target = match u32::try_from(208 - exponent) {
            Ok(shift) => U256::saturating_quotient(0xffff, shift, U256::from_u64(mantissa)),
            // Such an f64 is normal: its mantissa alone, at least 2^52, is more than 0xffff.
            Err(_) => U256::ZERO,
        };
        Self::from_u256(target).ok_or(TargetError::DifficultyTooHigh { difficulty })
    }

    /// Returns the target as 32 bytes, most significant byte first.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// Returns the target as 32 bytes, least significant byte first: the byte order of a
    /// [`BlockHash`].
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// Returns the compact form of the target, rounded down to its first two or three bytes, as
    /// `GetCompact` of Bitcoin Core.
    ///
    /// A target that came from a compact form in Core's own spelling gives that form again.
    #[must_use]
    pub fn to_compact_lossy(self) -> CompactTarget {
        let bytes = self.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let byte = |i: usize| bytes.get(zeros + i).copied().unwrap_or(0);
        let size = (bytes.len() - zeros) as u32;
        let mantissa = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        // The top bit of the mantissa is its sign: where it is taken, one more byte makes room.
        if mantissa & 0x0080_0000 == 0 {
            CompactTarget(size << 24 | mantissa)
        } else {
            CompactTarget((size + 1) << 24 | mantissa >> 8)
        }
    }

    /// Returns whether a block hash, read as a little-endian number, is at most this target.
    #[must_use]
    pub fn is_met_by(&self, hash: &BlockHash) -> bool {
        U256::from_le_bytes(*hash.as_bytes()) <= self.0
    }

    /// Returns the most significant 32 bits, which an engine compares first.
    #[must_use]
    pub const fn top_word(self) -> u32 {
        self.0.top_word()
    }

    /// Returns the difficulty ("pdiff"): how many times as hard as
    /// [`MAX_ATTAINABLE_MAINNET`](Self::MAX_ATTAINABLE_MAINNET) this target is to meet.
    ///
    /// It ranges from about 2^−32 to 2.7e67 and is rounded to `f64` twice: good to 15 digits.
    #[must_use]
    pub fn difficulty(self) -> f64 {
        Self::MAX_ATTAINABLE_MAINNET.0.to_f64() / self.0.to_f64()
    }

    /// Returns the number of hashes expected until one meets this target: ⌊2^256 / (target + 1)⌋,
    /// from 1 to 2^255.
    ///
    /// This is `GetBlockProof` of Bitcoin Core (`chain.cpp`). It is also right for [`Target::MAX`],
    /// which never occurs in Core.
    #[must_use]
    pub fn to_work(self) -> Work {
        match self.0.checked_add(U256::ONE) {
            Some(divisor) => Work(U256::saturating_quotient(1, 256, divisor)),
            // The target is 2^256 − 1: every hash meets it.
            None => Work(U256::ONE),
        }
    }

    fn from_u256(number: U256) -> Option<Self> {
        (number != U256::ZERO).then_some(Self(number))
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::from_hex(text)
    }
}

/// Writes 64 hex digits, most significant first.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_hex())
    }
}

/// Writes 64 hex digits, most significant first; with `#`, after `0x`.
impl fmt::LowerHex for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(true, "0x", &self.0.to_hex())
    }
}

debug_as_display!(CompactTarget, Target);

/// Why a number or a text is not a target.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The compact form has its sign bit set: the target would be negative.
    #[error("compact target {0} is negative, expected one whose sign bit 00800000 is clear")]
    NegativeCompact(CompactTarget),
    /// The compact form stands for a number of more than 256 bits.
    #[error("compact target {0} overflows, expected one of at most 256 bits")]
    OverflowingCompact(CompactTarget),
    /// The compact form stands for zero.
    #[error("compact target {0} is zero, expected one of at least 1")]
    ZeroCompact(CompactTarget),
    /// The bytes or the text stand for zero, which no target is.
    #[error("the target is zero, expected at least 1")]
    Zero,
    /// The text is not 64 hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The difficulty is zero, negative, infinite or not a number.
    #[error("difficulty {difficulty:e} has no target, expected a finite number above 0")]
    NotADifficulty {
        /// Difficulty that was given.
        difficulty: f64,
    },
    /// The difficulty is so high that its target would be zero.
    #[error("difficulty {difficulty:e} has no target, expected at most 2.69e67")]
    DifficultyTooHigh {
        /// Difficulty that was given.
        difficulty: f64,
    },
}

/// The whole numbers m and e for which a finite `number` above 0 is exactly m · 2^e (IEEE 754
/// binary64).
fn mantissa_and_exponent(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    }
}
