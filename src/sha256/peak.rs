//! The peak rate of a core in the operations of the search: what the roof is measured with.
//!
//! Additions and xors from registers, in chains that hardly wait for each other: the operations of
//! the search that every vector pipe has. Rotations go to fewer pipes on some processors, and the
//! search has long chains; neither lowers this rate, so no order of the search's operations should
//! be faster.
//!
//! Where a three-input xor is one instruction, additions alone: Zen 5 starts four of those in a
//! cycle, but fewer instructions that read three registers each.

use core::hint::black_box;

use crate::lanes::{Isa, Lanes, Task, Words};

/// A number of rounds of these operations.
pub(crate) struct Peak {
    pub(crate) rounds: u32,
}

/// Independent chains of operations: as many as sixteen registers hold with room to work in; enough
/// to hide a latency of two on four pipes.
const CHAINS: usize = 12;

/// How often each chain goes through its operations in a round.
const STEPS: u32 = 4;

impl Task for Peak {
    /// The number of instructions executed.
    type Output = u64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> u64 {
        peak_ops(isa.single(), self.rounds)
    }
}

#[inline(always)]
fn peak_ops<I: Isa>(isa: I, rounds: u32) -> u64 {
    let [step, flip] = [isa.splat(black_box(0x9e37_79b9)), isa.splat(black_box(0x85eb_ca6b))];
    let mut chains = [flip; CHAINS];
    unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
        chains[CHAIN] = flip.add_word(black_box(1));
    });
    let one_instruction = I::Lanes::COSTS.xor3 == 1;
    for _ in 0..rounds {
        unroll!(_STEP in [0 1 2 3] {
            unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
                chains[CHAIN] = chains[CHAIN].add(step);
            });
            // The neighbour as it was before keeps the compiler from folding steps into each other.
            let before = chains;
            unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
                let neighbour = before[(CHAIN + 1) % CHAINS];
                chains[CHAIN] = if one_instruction {
                    chains[CHAIN].add(neighbour)
                } else {
                    chains[CHAIN].xor3(neighbour, flip)
                };
            });
        });
    }
    let mut sum = isa.splat(0);
    unroll!(CHAIN in [0 1 2 3 4 5 6 7 8 9 10 11] {
        sum = sum.add(chains[CHAIN]);
    });
    black_box(sum.mask_eq(0));
    let costs = I::Lanes::COSTS;
    let step = costs.add + if one_instruction { costs.add } else { costs.xor3 };
    u64::from(rounds) * u64::from(STEPS * step) * CHAINS as u64
}
