//! One word in a general register: what every processor can do.
//!
//! `Bmi2` is the same code compiled with BMI1 and BMI2, whose `rorx` and `andn` write to a third
//! register and so save the moves.

#[cfg(target_arch = "x86_64")]
use super::token;
use super::{Costs, Isa, Lanes, Task, Words};

/// The instructions that every processor of the target has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

/// Proof of BMI1 and BMI2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bmi2(());

#[cfg(target_arch = "x86_64")]
token! { Bmi2: is_x86_feature_detected, "bmi1", "bmi2" }

#[derive(Clone, Copy, Debug)]
pub(crate) struct U32x1(u32);

impl U32x1 {
    #[inline(always)]
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl Isa for Scalar {
    type Lanes = U32x1;

    const STRAIGHT: bool = false;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x1 {
        U32x1(word)
    }

    #[inline(always)]
    fn iota(self) -> U32x1 {
        U32x1(0)
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    #[inline(never)]
    fn enter<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Bmi2 {
    type Lanes = U32x1;

    const STRAIGHT: bool = true;

    #[inline(always)]
    fn splat(self, word: u32) -> U32x1 {
        U32x1(word)
    }

    #[inline(always)]
    fn iota(self) -> U32x1 {
        U32x1(0)
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "bmi1,bmi2")]
        fn entry<T: Task>(isa: Bmi2, task: T) -> T::Output {
            task.run(isa)
        }
        // SAFETY: a `Bmi2` is made only where the processor has BMI1 and BMI2.
        unsafe { entry(self, task) }
    }
}

impl Words for U32x1 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        Self(self.0.wrapping_add(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        Self(self.0.rotate_right(N.unsigned_abs()))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(self.0 >> N)
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(self.0 ^ b.0 ^ c.0)
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        Self(g.0 ^ (self.0 & (f.0 ^ g.0)))
    }

    #[inline(always)]
    fn maj(self, b: Self, _c: Self, bc: Self) -> (Self, Self) {
        let ab = self.0 ^ b.0;
        (Self(b.0 ^ (ab & bc.0)), Self(ab))
    }
}

impl Lanes for U32x1 {
    const LANES: usize = 1;
    const COSTS: Costs = Costs { add: 1, rotr: 1, shr: 1, xor3: 2, ch: 3, maj: 3 };

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(word)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(self.0.swap_bytes())
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        u64::from(self.0 == word)
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        u64::from(self.0 <= word)
    }
}
