//! The functions of one word, FIPS 180-4 section 4.1.2.

use crate::lanes::Words;

/// (4.4): Σ0.
#[inline(always)]
pub(super) fn big_sigma0<W: Words>(x: W) -> W {
    x.rotr::<2>().xor3(x.rotr::<13>(), x.rotr::<22>())
}

/// (4.5): Σ1.
#[inline(always)]
pub(super) fn big_sigma1<W: Words>(x: W) -> W {
    x.rotr::<6>().xor3(x.rotr::<11>(), x.rotr::<25>())
}

/// (4.6): σ0.
#[inline(always)]
pub(super) fn small_sigma0<W: Words>(x: W) -> W {
    x.rotr::<7>().xor3(x.rotr::<18>(), x.shr::<3>())
}

/// (4.7): σ1.
#[inline(always)]
pub(super) fn small_sigma1<W: Words>(x: W) -> W {
    x.rotr::<17>().xor3(x.rotr::<19>(), x.shr::<10>())
}
