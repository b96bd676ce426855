//! The few operations on 256-bit numbers that targets and work need, none of which panics.
//!
//! Private, and no more than that: one long division in binary serves both difficulty → target and
//! target → work, so there is no general division or multiplication.

use super::hex;

/// An unsigned number of 256 bits. The derived order is that of the numbers: `high` is compared
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct U256 {
    high: u128,
    low: u128,
}

impl U256 {
    pub(super) const ZERO: Self = Self { high: 0, low: 0 };
    pub(super) const ONE: Self = Self { high: 0, low: 1 };
    pub(super) const MAX: Self = Self { high: u128::MAX, low: u128::MAX };

    pub(super) const fn from_u64(number: u64) -> Self {
        // `From` is not const yet, and the targets of the networks are constants.
        Self { high: 0, low: number as u128 }
    }

    pub(super) fn from_be_bytes(bytes: [u8; 32]) -> Self {
        let half = |start| u128::from_be_bytes(std::array::from_fn(|i| bytes[start + i]));
        Self { high: half(0), low: half(16) }
    }

    pub(super) fn from_le_bytes(mut bytes: [u8; 32]) -> Self {
        bytes.reverse();
        Self::from_be_bytes(bytes)
    }

    pub(super) fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.high.to_be_bytes());
        bytes[16..].copy_from_slice(&self.low.to_be_bytes());
        bytes
    }

    pub(super) fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = self.to_be_bytes();
        bytes.reverse();
        bytes
    }

    /// Returns 64 hex digits, most significant first.
    pub(super) fn to_hex(self) -> String {
        hex::encode(&self.to_be_bytes())
    }

    /// The most significant 32 bits.
    pub(super) const fn top_word(self) -> u32 {
        (self.high >> 96) as u32
    }

    /// `self · 2^shift` without the bits that no longer fit.
    pub(super) const fn shl(self, shift: u32) -> Self {
        match shift {
            0 => self,
            1..128 => Self {
                high: self.high << shift | self.low >> (128 - shift),
                low: self.low << shift,
            },
            128..256 => Self { high: self.low << (shift - 128), low: 0 },
            _ => Self::ZERO,
        }
    }

    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.checked_add(other.high)?.checked_add(carry.into())?;
        Some(Self { high, low })
    }

    /// ⌊`numerator` · 2^`shift` / `divisor`⌋, or [`U256::MAX`] where that needs more than 256 bits.
    pub(super) fn saturating_quotient(numerator: u16, shift: u32, divisor: Self) -> Self {
        let numerator_bits = (0..u16::BITS).rev().map(|bit| numerator >> bit & 1 == 1);
        let zeros = std::iter::repeat_n(false, shift as usize);
        let mut quotient = Self::ZERO;
        let mut remainder = Self::ZERO;
        for bit in numerator_bits.chain(zeros) {
            let (dividend, carry) = remainder.append(bit);
            let divides = carry || dividend >= divisor;
            remainder = if divides { dividend.wrapping_sub(divisor) } else { dividend };
            let (longer, overflow) = quotient.append(divides);
            if overflow {
                return Self::MAX;
            }
            quotient = longer;
        }
        quotient
    }

    /// The nearest `f64`, ties to even; at most 2^256, which an `f64` holds.
    pub(super) fn to_f64(self) -> f64 {
        if self.high == 0 {
            return self.low as f64;
        }
        let zeros = self.high.leading_zeros();
        let aligned = self.shl(zeros);
        // What falls off below can matter only to a tie between two f64s; one bit set keeps that in
        // mind.
        let top = aligned.high | u128::from(aligned.low != 0);
        let power_of_two = f64::from_bits(u64::from(1023 + 128 - zeros) << 52);
        top as f64 * power_of_two
    }

    /// `2 · self + bit`, and whether a bit was lost at the top.
    fn append(self, bit: bool) -> (Self, bool) {
        let doubled = self.shl(1);
        (Self { low: doubled.low | u128::from(bit), ..doubled }, self.high >> 127 == 1)
    }

    fn wrapping_sub(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high).wrapping_sub(borrow.into());
        Self { high, low }
    }
}
