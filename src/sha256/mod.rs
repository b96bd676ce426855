//! SHA-256: as the standard defines it, and word by word over lanes.
//!
//! - [`sha256`] and [`sha256d`] follow FIPS 180-4 line by line and share nothing with the rest:
//!   they are what the kernels are tested against;
//! - `rounds` is the same arithmetic over words that are either known beforehand or different in
//!   each lane, so that what is known folds away;
//! - `peak` is what the same instructions do when they wait for nothing: the roof of a scan.

/// Repeats a block with `$T` as each of the constants: a loop that is written out.
macro_rules! unroll {
    ($T:ident in [$($t:literal)*] $body:block) => { $({ const $T: usize = $t; $body })* };
}

pub(crate) use unroll;

pub(crate) mod consts;
pub(crate) mod peak;
mod portable;
pub(crate) mod rounds;
mod sigma;
mod word;

pub use portable::{sha256, sha256d};
