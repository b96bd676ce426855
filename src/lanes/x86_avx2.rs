//! Eight words in a 256-bit register: AVX2.
//!
//! No rotate and no three-input logic: a rotation is two shifts and an xor.

use core::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_ps,
    _mm256_cmpeq_epi32, _mm256_max_epu32, _mm256_movemask_ps, _mm256_set_epi64x, _mm256_set1_epi32,
    _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_sll_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};

use super::{Costs, Isa, Lanes, Task, Words, token};

/// Proof of AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

token! { Avx2: is_x86_feature_detected, "avx2" }

#[derive(Clone, Copy)]
pub(crate) struct U32x8(__m256i);

/// Evaluates value intrinsics of this file's instruction set.
macro_rules! avx2 {
    ($e:expr) => {
        // SAFETY: an `Avx2` or a `U32x8`, made from one, is at hand in every function that uses
        // this, and an `Avx2` is made only where the processor has the instructions.
        unsafe { $e }
    };
}

impl Isa for Avx2 {
    type Lanes = U32x8;

    const STRAIGHT: bool = true;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x8 {
        U32x8(avx2!(_mm256_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn iota(self) -> U32x8 {
        U32x8(avx2!(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "avx2")]
        fn entry<T: Task>(isa: Avx2, task: T) -> T::Output {
            task.run(isa)
        }
        avx2!(entry(self, task))
    }
}

impl Words for U32x8 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        self.add(self.like(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        // Stable Rust has no `slli::<{ 32 - N }>`; with a constant count this is the same instruction.
        let left = avx2!(_mm256_sll_epi32(self.0, _mm_cvtsi32_si128(32 - N)));
        Self(avx2!(_mm256_xor_si256(_mm256_srli_epi32::<N>(self.0), left)))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(avx2!(_mm256_srli_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(avx2!(_mm256_xor_si256(_mm256_xor_si256(self.0, b.0), c.0)))
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        let fg = avx2!(_mm256_xor_si256(f.0, g.0));
        Self(avx2!(_mm256_xor_si256(g.0, _mm256_and_si256(self.0, fg))))
    }

    #[inline(always)]
    fn maj(self, b: Self, _c: Self, bc: Self) -> (Self, Self) {
        let ab = avx2!(_mm256_xor_si256(self.0, b.0));
        (Self(avx2!(_mm256_xor_si256(b.0, _mm256_and_si256(ab, bc.0)))), Self(ab))
    }
}

impl Lanes for U32x8 {
    const LANES: usize = 8;
    const COSTS: Costs = Costs { add: 1, rotr: 3, shr: 1, xor3: 2, ch: 3, maj: 3 };

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(avx2!(_mm256_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let order = avx2!(_mm256_set_epi64x(high, low, high, low));
        Self(avx2!(_mm256_shuffle_epi8(self.0, order)))
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        let equal = avx2!(_mm256_cmpeq_epi32(self.0, self.like(word).0));
        avx2!(_mm256_movemask_ps(_mm256_castsi256_ps(equal))).cast_unsigned().into()
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        // AVX2 compares are signed; the unsigned maximum is not.
        let bound = self.like(word).0;
        let within = avx2!(_mm256_cmpeq_epi32(_mm256_max_epu32(self.0, bound), bound));
        avx2!(_mm256_movemask_ps(_mm256_castsi256_ps(within))).cast_unsigned().into()
    }
}
