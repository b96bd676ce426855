//! The version field of a header, and the bits of it that a miner may roll.
//!
//! BIP 9 gave single bits of the version a meaning; BIP 320 and its draft successor BIP 323 set
//! some of them aside as nonce space. A [`VersionMask`] is such a set, and numbers the versions
//! that it allows.

use std::fmt;
use std::str::FromStr;

use super::hex::{self, HexError, debug_as_display};

/// The version field of a block header, as the 32 bits that are hashed.
///
/// Consensus code reads these bits as a signed number; a miner reads them as flags (BIP 9).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(u32);

impl Version {
    /// Makes the version from the 32 bits that a header holds.
    #[must_use]
    pub const fn from_consensus(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the 32 bits that a header holds.
    #[must_use]
    pub const fn to_consensus(self) -> u32 {
        self.0
    }
}

/// Writes eight hex digits, most significant first, without a prefix: `20000000`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", self.0))
    }
}

/// A set of version bits that may be rolled as nonce space: at least one, at most all 32.
///
/// ```
/// use perjoule::block::{Version, VersionMask};
///
/// let base = Version::from_consensus(0x2000_0000);
/// assert_eq!(VersionMask::BIP320.versions(), 65_536);
/// assert_eq!(VersionMask::BIP320.version(base, 0), base);
/// assert_eq!(VersionMask::BIP320.version(base, 1).to_string(), "20002000");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionMask(u32);

impl VersionMask {
    /// The mask of bits 13 to 28: the 16 bits that [BIP 320](https://bips.dev/320/) sets aside.
    pub const BIP320: Self = Self(0x1fff_e000);

    /// The mask of bits 5 to 28: the 24 bits that [BIP 323](https://bips.dev/323/) (a draft, to
    /// replace BIP 320) sets aside.
    pub const BIP323: Self = Self(0x1fff_ffe0);

    /// Makes a mask from 32 bits, with a one for each bit that may be rolled.
    ///
    /// # Errors
    ///
    /// [`VersionMaskError::Zero`] if no bit is set.
    pub const fn from_consensus(mask: u32) -> Result<Self, VersionMaskError> {
        match mask {
            0 => Err(VersionMaskError::Zero),
            _ => Ok(Self(mask)),
        }
    }

    /// Reads a mask from 1 to 8 hex digits of either case, most significant first, with or without
    /// `0x`.
    ///
    /// # Errors
    ///
    /// [`VersionMaskError`] if the text is something else, or zero.
    pub fn from_hex(text: &str) -> Result<Self, VersionMaskError> {
        Self::from_consensus(hex::decode_u32(text, 1, "a version mask is 1 to 8 hex digits")?)
    }

    /// Returns the mask as 32 bits, with a one for each bit that may be rolled; never zero.
    #[must_use]
    pub const fn to_consensus(self) -> u32 {
        self.0
    }

    /// Returns the number of bits that may be rolled: 1 to 32.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns the number of versions that the mask allows, the base version included: 2 to 2^32.
    #[must_use]
    pub const fn versions(self) -> u64 {
        1 << self.bits()
    }

    /// Returns version number `index` of those that differ from `base` only in bits of the mask.
    ///
    /// The low bits of `index` are laid into the mask's bits, lowest first, and flip those of
    /// `base`: index 0 is `base` itself, and 0 to [`versions`](Self::versions) − 1 give each
    /// version once. Higher bits of `index` are ignored, so that the count starts again.
    #[must_use]
    pub const fn version(self, base: Version, index: u64) -> Version {
        let mut flips = 0;
        let mut index = index;
        let mut mask = self.0;
        while mask != 0 {
            let lowest = mask & mask.wrapping_neg();
            if index & 1 == 1 {
                flips |= lowest;
            }
            index >>= 1;
            mask ^= lowest;
        }
        Version(base.0 ^ flips)
    }
}

impl FromStr for VersionMask {
    type Err = VersionMaskError;

    fn from_str(text: &str) -> Result<Self, VersionMaskError> {
        Self::from_hex(text)
    }
}

/// Writes eight hex digits, most significant first, without a prefix: `1fffe000`.
impl fmt::Display for VersionMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", self.0))
    }
}

debug_as_display!(Version, VersionMask);

/// Why a number or a text is not a version mask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionMaskError {
    /// No bit of the mask is set.
    #[error("a version mask of 00000000 has no bit to roll, expected at least one, as in 1fffe000")]
    Zero,
    /// The text is not a hexadecimal number of at most 32 bits.
    #[error(transparent)]
    Hex(#[from] HexError),
}
