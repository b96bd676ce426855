//! Four words in a 128-bit register: `AArch64` Advanced SIMD, called NEON.
//!
//! Bit-select serves Ch and Maj; a rotation is a shift and a shift-and-insert.

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vaddvq_u32, vandq_u32, vbslq_u32, vceqq_u32, vcleq_u32, vdupq_n_u32,
    veorq_u32, vreinterpretq_u8_u32, vreinterpretq_u32_u8, vrev32q_u8, vsetq_lane_u32, vshrq_n_u32,
    vsliq_n_u32,
};
use core::arch::asm;

use super::{Costs, Isa, Lanes, Task, Words, token};

/// Proof of Advanced SIMD.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

token! { Neon: is_aarch64_feature_detected, "neon" }

#[derive(Clone, Copy)]
pub(crate) struct U32x4(uint32x4_t);

/// Evaluates value intrinsics of this file's instruction set.
macro_rules! neon {
    ($e:expr) => {
        // SAFETY: a `Neon` or a `U32x4`, made from one, is at hand in every function that uses
        // this, and a `Neon` is made only where the processor has the instructions.
        unsafe { $e }
    };
}

impl Isa for Neon {
    type Lanes = U32x4;

    const STRAIGHT: bool = false;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x4 {
        U32x4(neon!(vdupq_n_u32(word)))
    }

    #[inline(always)]
    fn iota(self) -> U32x4 {
        U32x4(neon!(four(0, 1, 2, 3)))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "neon")]
        fn entry<T: Task>(isa: Neon, task: T) -> T::Output {
            task.run(isa)
        }
        neon!(entry(self, task))
    }
}

/// Four words, the first in the lowest lane.
#[target_feature(enable = "neon")]
#[inline]
fn four(w: u32, x: u32, y: u32, z: u32) -> uint32x4_t {
    let words = vsetq_lane_u32::<1>(x, vdupq_n_u32(w));
    vsetq_lane_u32::<3>(z, vsetq_lane_u32::<2>(y, words))
}

impl Words for U32x4 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_u32(self.0, other.0)))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        self.add(self.like(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        /// Inserts `$n`, or what is left of 32, in place of the `{ 32 - N }` that stable Rust lacks.
        macro_rules! insert {
            ($($n:literal)*) => {
                match N {
                    $($n => vsliq_n_u32::<{ 32 - $n }>(vshrq_n_u32::<N>(self.0), self.0),)*
                    _ => unreachable!(),
                }
            };
        }
        Self(neon!(
            insert!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
        ))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(neon!(vshrq_n_u32::<N>(self.0)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(neon!(veorq_u32(veorq_u32(self.0, b.0), c.0)))
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        Self(neon!(vbslq_u32(self.0, f.0, g.0)))
    }

    #[inline(always)]
    fn maj(self, b: Self, c: Self, _bc: Self) -> (Self, Self) {
        // Where a and b differ, c decides. The compiler may not know what `ab` is: it would see that
        // elsewhere a & b is meant, and make three instructions of the one that selects.
        let mut ab = neon!(veorq_u32(self.0, b.0));
        // SAFETY: the assembly is a comment.
        unsafe {
            asm!("/* {:v} */", inout(vreg) ab, options(pure, nomem, nostack, preserves_flags));
        }
        (Self(neon!(vbslq_u32(ab, c.0, b.0))), Self(ab))
    }
}

impl Lanes for U32x4 {
    const LANES: usize = 4;
    const COSTS: Costs = Costs { add: 1, rotr: 2, shr: 1, xor3: 2, ch: 1, maj: 2 };

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(neon!(vdupq_n_u32(word)))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(neon!(vreinterpretq_u32_u8(vrev32q_u8(vreinterpretq_u8_u32(self.0)))))
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        let equal = Self(neon!(vceqq_u32(self.0, self.like(word).0)));
        equal.bits()
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        let within = Self(neon!(vcleq_u32(self.0, self.like(word).0)));
        within.bits()
    }
}

impl U32x4 {
    /// Bit i is set where lane i, all ones or all zeros, is ones.
    #[inline(always)]
    fn bits(self) -> u64 {
        neon!(vaddvq_u32(vandq_u32(self.0, four(1, 2, 4, 8)))).into()
    }
}
