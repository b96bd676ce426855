//! One lane that counts what is asked of it, so that the roof is derived from the algorithm as it
//! is and not from a number in a comment.

use core::cell::Cell;

use super::scalar::{Scalar, U32x1};
use super::{Costs, Isa, Lanes, Task, Words};

/// An instruction set that counts its operations, each weighed 1; what is free on every machine
/// (adding 0) is not counted.
#[derive(Clone, Copy)]
pub(crate) struct Counting<'a>(pub(crate) &'a Cell<Costs>);

/// A word, and the counter of the operations on it.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'a>(U32x1, &'a Cell<Costs>);

impl<'a> Isa for Counting<'a> {
    type Lanes = Counted<'a>;

    const STRAIGHT: bool = false;

    fn splat(self, word: u32) -> Counted<'a> {
        Counted(Scalar.splat(word), self.0)
    }

    fn iota(self) -> Counted<'a> {
        Counted(Scalar.iota(), self.0)
    }

    fn single(self) -> impl Isa {
        self
    }

    fn enter<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }
}

impl Counted<'_> {
    fn counting(self, one: impl FnOnce(&mut Costs) -> &mut u32, result: U32x1) -> Self {
        let mut costs = self.1.get();
        *one(&mut costs) += 1;
        self.1.set(costs);
        Self(result, self.1)
    }
}

impl Words for Counted<'_> {
    fn add(self, other: Self) -> Self {
        self.counting(|costs| &mut costs.add, self.0.add(other.0))
    }

    fn add_word(self, word: u32) -> Self {
        if word == 0 { self } else { self.add(self.like(word)) }
    }

    fn rotr<const N: i32>(self) -> Self {
        self.counting(|costs| &mut costs.rotr, self.0.rotr::<N>())
    }

    fn shr<const N: i32>(self) -> Self {
        self.counting(|costs| &mut costs.shr, self.0.shr::<N>())
    }

    fn xor3(self, b: Self, c: Self) -> Self {
        self.counting(|costs| &mut costs.xor3, self.0.xor3(b.0, c.0))
    }

    fn ch(self, f: Self, g: Self) -> Self {
        self.counting(|costs| &mut costs.ch, self.0.ch(f.0, g.0))
    }

    fn maj(self, b: Self, c: Self, bc: Self) -> (Self, Self) {
        let (maj, ab) = self.0.maj(b.0, c.0, bc.0);
        (self.counting(|costs| &mut costs.maj, maj), Self(ab, self.1))
    }
}

impl Lanes for Counted<'_> {
    const LANES: usize = 1;
    const COSTS: Costs = U32x1::COSTS;

    fn like(self, word: u32) -> Self {
        Self(self.0.like(word), self.1)
    }

    /// Does not count, as it is done once per batch or less; nor do the masks.
    fn swap_bytes(self) -> Self {
        Self(self.0.swap_bytes(), self.1)
    }

    fn mask_eq(self, word: u32) -> u64 {
        self.0.mask_eq(word)
    }

    fn mask_le(self, word: u32) -> u64 {
        self.0.mask_le(word)
    }
}
