//! The operations of the search without its dependencies: what the roof is measured with.
//!
//! Independent chains apply rotations, additions, three-input logic and shifts in about the
//! proportions of one double hash (1,020, 1,048, 628 and 156 a batch), from registers. The chains
//! are out of step, so that at any moment the mix is even: a processor with fewer pipes for one
//! kind of operation than for another is kept busy on all of them.

use core::hint::black_box;

use crate::lanes::{Costs, Isa, Lanes, Task, Words};

/// Some rounds of the mix.
pub(crate) struct Mix {
    pub(crate) rounds: u32,
}

/// As many as sixteen registers hold with room to work in; enough to hide a latency of two on four
/// pipes.
const CHAINS: usize = 12;

/// Operations that each chain applies in a round.
const STEPS: usize = 17;

/// The same, by kind.
const ROUND: Costs = Costs { add: 6, rotr: 6, shr: 1, xor3: 2, ch: 1, maj: 1 };

impl Task for Mix {
    /// Instructions executed.
    type Output = u64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> u64 {
        exercise(isa.single(), self.rounds)
    }
}

#[inline(always)]
fn exercise<I: Isa>(isa: I, rounds: u32) -> u64 {
    let seed = isa.iota().add_word(black_box(1));
    let mut chains = [seed; CHAINS];
    unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
        chains[CHAIN] = seed.add_word(black_box(0x9e37_79b9));
    });
    for _ in 0..rounds {
        unroll!(STEP in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16] {
            unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
                let others = (chains[(CHAIN + 1) % CHAINS], chains[(CHAIN + 2) % CHAINS]);
                chains[CHAIN] = step((STEP + 3 * CHAIN) % STEPS, chains[CHAIN], others);
            });
        });
    }
    let mut sum = isa.splat(0);
    unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
        sum = sum.add(chains[CHAIN]);
    });
    black_box(sum.mask_eq(0));
    u64::from(rounds) * u64::from(ROUND.cost(I::Lanes::COSTS)) * CHAINS as u64
}

/// One operation of [`ROUND`]; `number` is known when compiled.
#[inline(always)]
fn step<L: Lanes>(number: usize, x: L, (y, z): (L, L)) -> L {
    match number {
        0 | 3 | 6 | 9 | 12 | 15 => x.add(y),
        1 => x.rotr::<6>(),
        4 => x.rotr::<11>(),
        7 => x.rotr::<25>(),
        10 => x.rotr::<2>(),
        13 => x.rotr::<13>(),
        16 => x.rotr::<22>(),
        2 | 8 => x.xor3(y, z),
        5 => x.ch(y, z),
        11 => x.maj(y, z, z).0,
        _ => x.shr::<3>(),
    }
}
