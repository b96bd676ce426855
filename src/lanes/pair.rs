//! Two vectors side by side, as one of twice the width.
//!
//! A SHA-256 round is a chain: each step waits for the one before. Where a processor has more
//! vector pipes than one chain can fill, two independent batches of nonces keep them busy.

use super::{Costs, Isa, Lanes, Task, Words};

/// The instruction set `I`, two vectors at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paired<I>(pub(crate) I);

#[derive(Clone, Copy)]
pub(crate) struct Pair<L>(L, L);

impl<I: Isa> Isa for Paired<I> {
    type Lanes = Pair<I::Lanes>;

    const STRAIGHT: bool = false;

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Lanes {
        Pair(self.0.splat(word), self.0.splat(word))
    }

    #[inline(always)]
    fn iota(self) -> Self::Lanes {
        let first = self.0.iota();
        Pair(first, first.add_word(I::Lanes::LANES as u32))
    }

    #[inline(always)]
    fn single(self) -> impl Isa {
        self.0.single()
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        self.0.enter(PairedTask(task))
    }
}

/// A task that takes its single instruction set as a pair.
struct PairedTask<T>(T);

impl<T: Task> Task for PairedTask<T> {
    type Output = T::Output;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> T::Output {
        self.0.run(Paired(isa))
    }
}

impl<L: Lanes> Words for Pair<L> {
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

impl<L: Lanes> Lanes for Pair<L> {
    const LANES: usize = 2 * L::LANES;
    const COSTS: Costs = L::COSTS.times(2);

    #[inline(always)]
    fn like(self, word: u32) -> Self {
        Self(self.0.like(word), self.1.like(word))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(self.0.swap_bytes(), self.1.swap_bytes())
    }

    #[inline(always)]
    fn mask_eq(self, word: u32) -> u32 {
        self.0.mask_eq(word) | self.1.mask_eq(word) << L::LANES
    }

    #[inline(always)]
    fn mask_le(self, word: u32) -> u32 {
        self.0.mask_le(word) | self.1.mask_le(word) << L::LANES
    }
}
