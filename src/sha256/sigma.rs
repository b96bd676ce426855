//! The functions of one word in SHA-256, FIPS 180-4 section 4.1.2.

use crate::lanes::Words;

/// Σ0, FIPS 180-4 equation (4.4).
#[inline(always)]
pub(super) fn big_sigma0<W: Words>(x: W) -> W {
    x.rotr::<2>().xor3(x.rotr::<13>(), x.rotr::<22>())
}

/// Σ1, FIPS 180-4 equation (4.5).
#[inline(always)]
pub(super) fn big_sigma1<W: Words>(x: W) -> W {
    x.rotr::<6>().xor3(x.rotr::<11>(), x.rotr::<25>())
}

/// σ0, FIPS 180-4 equation (4.6).
#[inline(always)]
pub(super) fn small_sigma0<W: Words>(x: W) -> W {
    x.rotr::<7>().xor3(x.rotr::<18>(), x.shr::<3>())
}

/// σ1, FIPS 180-4 equation (4.7).
#[inline(always)]
pub(super) fn small_sigma1<W: Words>(x: W) -> W {
    x.rotr::<17>().xor3(x.rotr::<19>(), x.shr::<10>())
}
