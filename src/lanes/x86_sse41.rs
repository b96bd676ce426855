//! Four words in a 128-bit register: SSE4.1, and SSSE3 for the byte shuffle.
//!
//! No rotate and no three-input logic: a rotation is two shifts and an xor.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_cvtsi32_si128,
    _mm_max_epu32, _mm_movemask_ps, _mm_set_epi64x, _mm_set1_epi32, _mm_setr_epi32,
    _mm_shuffle_epi8, _mm_sll_epi32, _mm_srli_epi32, _mm_xor_si128,
};

use super::{Costs, Isa, Lanes, Task, Words, token};

/// Proof of SSE4.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sse41(());

token! { Sse41: is_x86_feature_detected, "ssse3", "sse4.1" }

#[derive(Clone, Copy)]
pub(crate) struct U32x4(__m128i);

/// Evaluates value intrinsics of this file's instruction set.
macro_rules! sse41 {
    ($e:expr) => {
        // SAFETY: an `Sse41` or a `U32x4`, made from one, is at hand in every function that uses
        // this, and an `Sse41` is made only where the processor has the instructions.
        unsafe { $e }
    };
}

impl Isa for Sse41 {
    type Lanes = U32x4;

    const STRAIGHT: bool = false;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x4 {
        U32x4(sse41!(_mm_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn iota(self) -> U32x4 {
        U32x4(sse41!(_mm_setr_epi32(0, 1, 2, 3)))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "sse4.1,ssse3")]
        fn entry<T: Task>(isa: Sse41, task: T) -> T::Output {
            task.run(isa)
        }
        sse41!(entry(self, task))
    }
}

impl Words for U32x4 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(sse41!(_mm_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        self.add(self.like(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        // Stable Rust has no `slli::<{ 32 - N }>`; with a constant count this is the same instruction.
        let left = sse41!(_mm_sll_epi32(self.0, _mm_cvtsi32_si128(32 - N)));
        Self(sse41!(_mm_xor_si128(_mm_srli_epi32::<N>(self.0), left)))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(sse41!(_mm_srli_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(sse41!(_mm_xor_si128(_mm_xor_si128(self.0, b.0), c.0)))
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        let fg = sse41!(_mm_xor_si128(f.0, g.0));
        Self(sse41!(_mm_xor_si128(g.0, _mm_and_si128(self.0, fg))))
    }

    #[inline(always)]
    fn maj(self, b: Self, _c: Self, bc: Self) -> (Self, Self) {
        let ab = sse41!(_mm_xor_si128(self.0, b.0));
        (Self(sse41!(_mm_xor_si128(b.0, _mm_and_si128(ab, bc.0)))), Self(ab))
    }
}

impl Lanes for U32x4 {
    const LANES: usize = 4;
    const COSTS: Costs = Costs { add: 1, rotr: 3, shr: 1, xor3: 2, ch: 3, maj: 3 };

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(sse41!(_mm_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let order = sse41!(_mm_set_epi64x(high, low));
        Self(sse41!(_mm_shuffle_epi8(self.0, order)))
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        let equal = sse41!(_mm_cmpeq_epi32(self.0, self.like(word).0));
        sse41!(_mm_movemask_ps(_mm_castsi128_ps(equal))).cast_unsigned().into()
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        // SSE4.1 compares are signed; the unsigned maximum is not.
        let bound = self.like(word).0;
        let within = sse41!(_mm_cmpeq_epi32(_mm_max_epu32(self.0, bound), bound));
        sse41!(_mm_movemask_ps(_mm_castsi128_ps(within))).cast_unsigned().into()
    }
}
