//! Two vectors side by side, as one; and three, as one beside a pair.
//!
//! A SHA-256 round is a chain: each step waits for the one before. Where a processor has more
//! vector pipes than one chain can fill, independent batches of nonces keep them busy.

use super::{Costs, Isa, Lanes, Task, Words};

/// The instruction set `I` beside `J`, which is the same or a pair of the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paired<I, J>(pub(crate) I, pub(crate) J);

#[derive(Clone, Copy)]
pub(crate) struct Pair<L, M>(L, M);

impl<I: Isa, J: Isa> Isa for Paired<I, J> {
    type Lanes = Pair<I::Lanes, J::Lanes>;

    const STRAIGHT: bool = false;

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Lanes {
        Pair(self.0.splat(word), self.1.splat(word))
    }

    #[inline(always)]
    fn iota(self) -> Self::Lanes {
        Pair(self.0.iota(), self.1.iota().add_word(I::Lanes::LANES as u32))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self.0.single()
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        self.0.enter(Beside(task, self.1))
    }
}

/// A task that sets the instruction set it is given beside another.
struct Beside<T, J>(T, J);

impl<T: Task, J: Isa> Task for Beside<T, J> {
    type Output = T::Output;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> T::Output {
        self.0.run(Paired(isa, self.1))
    }
}

impl<L: Lanes, M: Lanes> Words for Pair<L, M> {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }

    #[inline(always)]
    fn add_word(self, word: u32) -> Self {
        Self(self.0.add_word(word), self.1.add_word(word))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        Self(self.0.rotr::<N>(), self.1.rotr::<N>())
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(self.0.shr::<N>(), self.1.shr::<N>())
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self(self.0.xor3(b.0, c.0), self.1.xor3(b.1, c.1))
    }

    #[inline(always)]
    fn ch(self, f: Self, g: Self) -> Self {
        Self(self.0.ch(f.0, g.0), self.1.ch(f.1, g.1))
    }

    #[inline(always)]
    fn maj(self, b: Self, c: Self, bc: Self) -> (Self, Self) {
        let (maj0, ab0) = self.0.maj(b.0, c.0, bc.0);
        let (maj1, ab1) = self.1.maj(b.1, c.1, bc.1);
        (Self(maj0, maj1), Self(ab0, ab1))
    }
}

impl<L: Lanes, M: Lanes> Lanes for Pair<L, M> {
    const LANES: usize = L::LANES + M::LANES;
    const COSTS: Costs = L::COSTS.plus(M::COSTS);

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(self.0.like(word), self.1.like(word))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(self.0.swap_bytes(), self.1.swap_bytes())
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u64 {
        self.0.mask_eq(word) | self.1.mask_eq(word) << L::LANES
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u64 {
        self.0.mask_le(word) | self.1.mask_le(word) << L::LANES
    }
}
