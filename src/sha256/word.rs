//! A word of the message schedule that is known before the scan, or that differs between lanes.
//!
//! Most of a header's second block is the same for every nonce, and half of the second hash's
//! block is padding. Over [`Word`] the plain recurrence of FIPS 180-4 computes what is known once,
//! in a general register, and spends vector instructions on the rest only. Which is which is
//! settled when the compiler unrolls the schedule: nothing of this type is left at run time.

use super::sigma::{small_sigma0, small_sigma1};
use crate::lanes::scalar::Scalar;
use crate::lanes::{Isa, Lanes};

/// A word of 32 bits: the same in all lanes, or a vector.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word<L> {
    Known(u32),
    Each(L),
}

use Word::{Each, Known};

impl<L: Lanes> Word<L> {
    #[inline(always)]
    pub(super) fn lanes<I: Isa<Lanes = L>>(self, isa: I) -> L {
        match self {
            Known(word) => isa.splat(word),
            Each(lanes) => lanes,
        }
    }

    #[inline(always)]
    pub(super) fn sigma0(self) -> Self {
        match self {
            Known(word) => Known(small_sigma0(Scalar.splat(word)).get()),
            Each(lanes) => Each(small_sigma0(lanes)),
        }
    }

    #[inline(always)]
    pub(super) fn sigma1(self) -> Self {
        match self {
            Known(word) => Known(small_sigma1(Scalar.splat(word)).get()),
            Each(lanes) => Each(small_sigma1(lanes)),
        }
    }

    /// Returns the sum of `terms`: known words are added first, and then the lanes in the order
    /// given.
    #[inline(always)]
    pub(super) fn sum(terms: [Self; 4]) -> Self {
        let [a, b, c, d] = terms;
        let known = [a.part(), b.part(), c.part(), d.part()];
        Known(known[0].wrapping_add(known[1]).wrapping_add(known[2]).wrapping_add(known[3]))
            .plus_lanes(a)
            .plus_lanes(b)
            .plus_lanes(c)
            .plus_lanes(d)
    }

    /// Returns the known word, or 0.
    #[inline(always)]
    fn part(self) -> u32 {
        match self {
            Known(word) => word,
            Each(_) => 0,
        }
    }

    #[inline(always)]
    fn plus_lanes(self, term: Self) -> Self {
        match (self, term) {
            (_, Known(_)) => self,
            (Known(known), Each(lanes)) => Each(lanes.add_word(known)),
            (Each(sum), Each(lanes)) => Each(sum.add(lanes)),
        }
    }
}
