//! Sixteen words in a 512-bit register: AVX-512.
//!
//! Rotations and all three-input logic are one instruction each.

use core::arch::x86_64::{
    __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_cmpeq_epi32_mask, _mm512_cmple_epu32_mask,
    _mm512_ror_epi32, _mm512_set_epi64, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_shuffle_epi8,
    _mm512_srl_epi32, _mm512_ternarylogic_epi32,
};

use super::{Costs, Isa, Lanes, Task, Words, token};

/// Proof of AVX-512 F, and BW for the byte shuffle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

token! { Avx512: is_x86_feature_detected, "avx512f", "avx512bw" }

#[derive(Clone, Copy)]
pub(crate) struct U32x16(__m512i);

/// Evaluates value intrinsics of this file's instruction set.
macro_rules! avx512 {
    ($e:expr) => {
        // SAFETY: an `Avx512` or a `U32x16`, made from one, is at hand in every function that uses
        // this, and an `Avx512` is made only where the processor has the instructions.
        unsafe { $e }
    };
}

impl Isa for Avx512 {
    type Lanes = U32x16;

    const STRAIGHT: bool = true;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x16 {
        U32x16(avx512!(_mm512_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn iota(self) -> U32x16 {
        U32x16(avx512!(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "avx512f,avx512bw")]
        fn entry<T: Task>(isa: Avx512, task: T) -> T::Output {
            task.run(isa)
        }
        avx512!(entry(self, task))
    }
}

impl Words for U32x16 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx512!(_mm512_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        self.add(self.like(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        Self(avx512!(_mm512_ror_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        // This one intrinsic takes its count unsigned, and stable Rust has no `{ N as u32 }` here.
        Self(avx512!(_mm512_srl_epi32(self.0, _mm_cvtsi32_si128(N))))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(avx512!(_mm512_ternarylogic_epi32::<0x96>(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        Self(avx512!(_mm512_ternarylogic_epi32::<0xca>(self.0, f.0, g.0)))
    }

    #[inline(always)]
    fn maj(self, b: Self, c: Self, bc: Self) -> (Self, Self) {
        (Self(avx512!(_mm512_ternarylogic_epi32::<0xe8>(self.0, b.0, c.0))), bc)
    }
}

impl Lanes for U32x16 {
    const LANES: usize = 16;
    const COSTS: Costs = Costs { add: 1, rotr: 1, shr: 1, xor3: 1, ch: 1, maj: 1 };

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(avx512!(_mm512_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let order = avx512!(_mm512_set_epi64(high, low, high, low, high, low, high, low));
        Self(avx512!(_mm512_shuffle_epi8(self.0, order)))
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        let bound = self.like(word).0;
        u64::from(avx512!(_mm512_cmpeq_epi32_mask(self.0, bound)))
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        let bound = self.like(word).0;
        u64::from(avx512!(_mm512_cmple_epu32_mask(self.0, bound)))
    }
}
