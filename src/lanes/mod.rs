//! Vectors of 32-bit words, one file per instruction set.
//!
//! SHA-256d over many nonces is the same arithmetic in every lane, so the algorithm is written
//! once, in [`crate::sha256`], over the few operations below. Three things keep that safe and fast:
//!
//! - an [`Isa`] is a zero-sized **token** that only its `detect` makes, so holding one proves that
//!   the processor has the instructions;
//! - a [`Lanes`] value is made from a token only, so its operations need no further check;
//! - [`Isa::enter`] is the single function per instruction set that the compiler builds with those
//!   instructions enabled. Everything it runs has to be `#[inline(always)]`, all the way down:
//!   one function left out costs a call per operation.
//!
//! Private, because a token and its lanes only make sense together with the algorithm.

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64_neon;
pub(crate) mod counting;
#[cfg(target_arch = "x86_64")]
pub(crate) mod pair;
pub(crate) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_sse41;

/// Proof that the processor has an instruction set, and the way into code compiled for it.
pub(crate) trait Isa: Copy {
    /// The vector of this instruction set.
    type Lanes: Lanes;

    /// Whether the rounds are unrolled in full, or in loops of eight that fit small instruction
    /// caches. Which is faster was measured for each instruction set, and may be again by changing
    /// this.
    const STRAIGHT: bool;

    /// Returns `word` in every lane.
    fn splat(self, word: u32) -> Self::Lanes;

    /// Returns 0, 1, 2 … in the lanes: offsets from the first nonce of a batch.
    fn iota(self) -> Self::Lanes;

    /// Returns the instruction set with one vector at a time, where this one has several.
    fn single(self) -> impl Isa;

    /// Runs `task` in a function compiled for this instruction set.
    fn enter<T: Task>(self, task: T) -> T::Output;
}

/// Work that [`Isa::enter`] compiles for an instruction set.
pub(crate) trait Task {
    /// What the work returns.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// The arithmetic of SHA-256 on something made of 32-bit words.
///
/// `xor3`, `ch`, `maj` and `rotr` are operations of their own, since several instruction sets have
/// them as one instruction.
pub(crate) trait Words: Copy {
    /// Sum modulo 2^32.
    fn add(self, other: Self) -> Self;

    /// Sum with a word that is the same in all lanes.
    fn add_word(self, word: u32) -> Self;

    /// Rotation to the right by `N` bits, 0 < N < 32.
    fn rotr<const N: i32>(self) -> Self;

    /// Shift to the right by `N` bits, 0 < N < 32.
    fn shr<const N: i32>(self) -> Self;

    /// `self ^ b ^ c`.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// FIPS 180-4 Ch with `self` as the selector: `f` where a bit is set, `g` where it is not.
    fn ch(self, f: Self, g: Self) -> Self;

    /// FIPS 180-4 Maj of `self`, `b` and `c`, and `self ^ b`.
    ///
    /// In the next round `self ^ b` is `b ^ c`; where Maj is not one instruction, handing it on as
    /// `bc` saves one of four. An implementation that has no use for it may return anything there.
    fn maj(self, b: Self, c: Self, bc: Self) -> (Self, Self);
}

/// A vector of `LANES` words of 32 bits.
pub(crate) trait Lanes: Words {
    /// Number of words in a vector: 1 to 64.
    const LANES: usize;

    /// What each operation costs in vector instructions, for the roof.
    const COSTS: Costs;

    /// Returns `word` in every lane; that `self` exists proves that it may be made.
    fn like(self, word: u32) -> Self;

    /// Reverses the bytes of each word.
    fn swap_bytes(self) -> Self;

    /// Returns a mask: bit i is set where lane i equals `word`.
    fn mask_eq(self, word: u32) -> u64;

    /// Returns a mask: bit i is set where lane i, unsigned, is at most `word`.
    fn mask_le(self, word: u32) -> u64;
}

/// Vector instructions per operation of [`Lanes`], as the instruction set's documents give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    pub(crate) add: u32,
    pub(crate) rotr: u32,
    pub(crate) shr: u32,
    pub(crate) xor3: u32,
    pub(crate) ch: u32,
    pub(crate) maj: u32,
}

impl Costs {
    /// Returns the sum of two costs.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            add: self.add + other.add,
            rotr: self.rotr + other.rotr,
            shr: self.shr + other.shr,
            xor3: self.xor3 + other.xor3,
            ch: self.ch + other.ch,
            maj: self.maj + other.maj,
        }
    }

    /// Returns the cost of the operations counted here, at `prices` for each.
    pub(crate) const fn cost(&self, prices: Self) -> u32 {
        self.add * prices.add
            + self.rotr * prices.rotr
            + self.shr * prices.shr
            + self.xor3 * prices.xor3
            + self.ch * prices.ch
            + self.maj * prices.maj
    }
}

/// Makes the constructor of a token: the instruction sets that it proves, and their detection.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! token {
    ($token:ident: $detected:ident, $($set:tt),+) => {
        impl $token {
            /// The instruction sets that the token proves, by their names in Rust.
            pub(crate) const NEEDS: &'static [&'static str] = &[$($set),+];

            /// Detects the instruction sets: returns the token, or those that this processor lacks.
            pub(crate) fn detect() -> Result<Self, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(if !std::arch::$detected!($set) {
                    missing.push($set);
                })+
                if missing.is_empty() { Ok(Self(())) } else { Err(missing) }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use token;

#[cfg(test)]
mod tests;
