//! Numbers that workloads compute with: random inputs that are never zero, and outputs that show
//! whether they were written.

use std::fmt::Debug;

use rayon::prelude::*;

/// A number whose value a check can read exactly.
pub trait Number: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Returns the value of the number, which binary64 holds exactly.
    fn to_f64(self) -> f64;
}

/// A number that a workload takes as input.
pub trait Input: Number {
    /// Makes a number of random bits: never zero and, except for [`u8`], as often negative as
    /// positive.
    fn from_random(bits: u64) -> Self;
}

/// A number that a workload computes.
pub trait Output: Number {
    /// Marker of a place where nothing was written: no result has this value.
    const UNWRITTEN: Self;

    /// Returns whether the number counts as unwritten: it is [`Self::UNWRITTEN`], or any other NaN.
    fn is_unwritten(self) -> bool;
}

/// A binary16 number of IEEE 754 (half precision), held as its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct F16(u16);

impl F16 {
    /// Makes the number with these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Returns the bits of the number.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

impl Number for F16 {
    fn to_f64(self) -> f64 {
        let magnitude = u32::from(self.0 & 0x7fff);
        let size = match magnitude >> 10 {
            0 => f64::from(magnitude) / 2_f64.powi(24),
            31 if magnitude == 0x7c00 => f64::INFINITY,
            31 => f64::NAN,
            // The same number in binary32, whose exponents are 112 larger.
            _ => f32::from_bits((magnitude << 13) + (112 << 23)).into(),
        };
        if self.0 >> 15 == 0 { size } else { -size }
    }
}

impl Number for f32 {
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Number for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Number for i8 {
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Number for u8 {
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Number for i32 {
    fn to_f64(self) -> f64 {
        self.into()
    }
}

/// Makes a random number in (-1, 1): floating-point inputs are the odd multiples of the unit in the
/// last place of 1/2, evenly spread, with all bits of the fraction in use.
impl Input for f64 {
    fn from_random(bits: u64) -> Self {
        let size = (bits >> 12 << 1 | 1) as Self / 2_f64.powi(53);
        if bits & 1 == 0 { size } else { -size }
    }
}

impl Input for f32 {
    fn from_random(bits: u64) -> Self {
        let size = (bits >> 41 << 1 | 1) as Self / 2_f32.powi(24);
        if bits & 1 == 0 { size } else { -size }
    }
}

impl Input for F16 {
    fn from_random(bits: u64) -> Self {
        // Eleven bits, so nothing is rounded, and 2^-11 at the least, so nothing is subnormal.
        let value = ((bits >> 54 << 1 | 1) as f32 / 2048.0).to_bits();
        let exponent_and_fraction = (value >> 13) - (112 << 10);
        Self(exponent_and_fraction as u16 | ((bits & 1) << 15) as u16)
    }
}

/// Makes a random integer from -127 to 127, never 0.
impl Input for i8 {
    fn from_random(bits: u64) -> Self {
        let size = u8::from_random(bits).cast_signed();
        if bits & 1 == 0 { size } else { -size }
    }
}

/// Makes a random integer from 1 to 127: kernels that add pairs of products in 16 bits compute
/// these right.
impl Input for u8 {
    fn from_random(bits: u64) -> Self {
        (1 + (bits >> 16) % 127) as Self
    }
}

impl Output for f64 {
    const UNWRITTEN: Self = Self::NAN;

    fn is_unwritten(self) -> bool {
        self.is_nan()
    }
}

impl Output for f32 {
    const UNWRITTEN: Self = Self::NAN;

    fn is_unwritten(self) -> bool {
        self.is_nan()
    }
}

impl Output for F16 {
    const UNWRITTEN: Self = Self(0x7e00);

    fn is_unwritten(self) -> bool {
        self.0 & 0x7fff > 0x7c00
    }
}

impl Output for i32 {
    const UNWRITTEN: Self = Self::MIN;

    fn is_unwritten(self) -> bool {
        self == Self::MIN
    }
}

/// Fills `out` with random numbers, which are always the same for a `seed`.
pub fn fill<T: Input>(out: &mut [T], seed: u64) {
    const CHUNK: usize = 1 << 14;
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        for (at, out) in out.iter_mut().enumerate() {
            *out = T::from_random(random(seed, (chunk * CHUNK + at) as u64));
        }
    });
}

/// The random number at a place of a sequence: `SplitMix64`, from Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators" (OOPSLA 2014), with the constants of Vigna's
/// `splitmix64.c`.
pub(crate) fn random(seed: u64, place: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64| {
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    };
    // Seeds that follow each other begin far apart.
    mix(mix(seed).wrapping_add(place.wrapping_add(1).wrapping_mul(STEP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        let known = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x0001, 2_f64.powi(-24)),
            (0x03ff, 1023.0 * 2_f64.powi(-24)),
            (0x0400, 2_f64.powi(-14)),
            (0x3c00, 1.0),
            (0x3c01, 1.0 + 2_f64.powi(-10)),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(F16::from_bits(bits).to_f64().to_bits(), value.to_bits(), "{bits:#x}");
        }
        assert!(F16::from_bits(0x7c01).to_f64().is_nan() && F16::UNWRITTEN.to_f64().is_nan());
        #[cfg(feature = "matmul")]
        for bits in 0..=u16::MAX {
            let [ours, theirs] =
                [F16::from_bits(bits).to_f64(), gemm::f16::from_bits(bits).to_f64()];
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{bits:#x}");
            let nan = gemm::f16::from_bits(bits).is_nan();
            assert_eq!(F16::from_bits(bits).is_unwritten(), nan, "{bits:#x}");
        }
    }

    fn spread<T: Input>(least: f64, most: f64, mean_square: f64) {
        let mut all = vec![T::from_random(0); 100_001];
        fill(&mut all, 3);
        let all: Vec<f64> = all.into_iter().map(T::to_f64).collect();
        assert!(all.iter().all(|number| (least..=most).contains(&number.abs())));
        let mean = |of: fn(f64) -> f64| all.iter().copied().map(of).sum::<f64>() / all.len() as f64;
        assert!(mean(|number| number).abs() < 0.02 * most, "{}", mean(|number| number));
        let found = mean(|number| number * number);
        assert!((found / mean_square - 1.0).abs() < 0.02, "{found}, not {mean_square}");
    }

    #[test]
    fn inputs_are_even_and_never_zero() {
        let third = 1.0 / 3.0;
        spread::<f64>(2_f64.powi(-53), 1.0, third);
        spread::<f32>(2_f64.powi(-24), 1.0, third);
        spread::<F16>(2_f64.powi(-11), 1.0, third);
        spread::<i8>(1.0, 127.0, 128.0 * 255.0 / 6.0);
        for bits in [0, 1, u64::MAX, u64::MAX - 1, 1 << 63] {
            assert!((1..=127).contains(&u8::from_random(bits)));
            assert!(f64::from_random(bits).to_f64() != 0.0 && f32::from_random(bits) != 0.0);
            assert!(F16::from_random(bits).to_f64() != 0.0 && i8::from_random(bits) != 0);
        }
    }

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_seed_others() {
        let numbers = |seed, len| {
            let mut all = vec![0.0_f64; len];
            fill(&mut all, seed);
            all
        };
        assert_eq!(numbers(1, 40_000)[..100], numbers(1, 100));
        assert!(
            numbers(1, 100)
                .iter()
                .zip(numbers(2, 100))
                .all(|(one, other)| one.to_bits() != other.to_bits())
        );
        // The first of `splitmix64.c` from the state 0, which is what mixing leaves of the seed 0.
        assert_eq!(random(0, 0), 0xe220_a839_7b1d_cdaf);
    }
}
