//! SHA-256d of a header with the `ARMv8` SHA2 instructions, four nonces abreast.
//!
//! `sha256h` and `sha256h2` do four rounds of one hash, and the next four have to wait for both:
//! other nonces fill the wait. What a search may leave out is left out as in
//! [`crate::sha256::rounds`], as far as instructions that do four rounds, or four words of a
//! schedule, allow:
//!
//! - the first hash starts after round 3, and the second after round 0, into which its first word
//!   enters by one addition: of both, fifteen groups of four rounds remain;
//! - the second ends with round 60, whose e is the first word that `sha256h2` computes;
//! - the first's schedule serves all versions, and what no nonce changes in it is computed once.

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vdupq_n_u32, vextq_u32, vgetq_lane_u32, vsetq_lane_u32, vsha256h2q_u32,
    vsha256hq_u32, vsha256su0q_u32, vsha256su1q_u32,
};
use core::arch::asm;
use core::hint::black_box;

use super::{Benchmark, Candidate, Engine, EngineError, EngineId, Pipe, Scanned};
use crate::engine::scan::{Filter, Hasher, Scan};
use crate::job::{Job, MAX_GROUP, NonceRange};
use crate::lanes::Isa as _;
use crate::lanes::scalar::Scalar;
use crate::lanes::token;
use crate::sha256::consts::{IV, K};
use crate::sha256::rounds::{Midstate, PAD, Tail};
use crate::sha256::unroll;

/// Proof of Advanced SIMD and the SHA2 extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArmV8Sha2(());

token! { ArmV8Sha2: is_aarch64_feature_detected, "neon", "sha2" }

impl Engine for ArmV8Sha2 {
    fn id(&self) -> EngineId {
        EngineId::ArmV8Sha2
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        // SAFETY: an `ArmV8Sha2` is made only where the processor has the instructions.
        Ok(unsafe { scan(Scan { job, range, limit, out }) })
    }

    fn benchmark(&self) -> Option<&dyn Benchmark> {
        Some(self)
    }
}

impl Benchmark for ArmV8Sha2 {
    /// Counts `sha256h`, `sha256h2`, `sha256su0` and `sha256su1`.
    fn ops_per_hash(&self, _pipe: Pipe, versions: usize) -> f64 {
        f64::from(PER_NONCE) / versions as f64 + f64::from(PER_HASH)
    }

    fn peak_ops(&self, _pipe: Pipe, rounds: u32) -> Result<u64, EngineError> {
        // SAFETY: an `ArmV8Sha2` is made only where the processor has the instructions.
        Ok(unsafe { peak_ops(rounds) })
    }
}

/// Nonces hashed side by side. Two would do where the instructions take four cycles and start
/// every cycle, but with no slack; four states and their schedules fit 32 registers.
const NONCES: usize = 4;

/// Instructions of [`Shared::fill`] for one nonce: one for words 16 to 19, one for each of the
/// three groups after them, two for each of eight more.
const PER_NONCE: u32 = 1 + 3 + 8 * 2;

/// Instructions of [`Batch::first_hash`] and [`Shared::second_hash`] for one nonce: two for each of
/// fifteen groups of rounds of both, less one in the last; and for the second's schedule one for
/// word 16, two for each of the groups from words 17 and 21, one for that from word 25, two for
/// each of eight more.
const PER_HASH: u32 = 15 * 2 + 15 * 2 - 1 + (1 + 2 + 2 + 1 + 8 * 2);

/// Four words of each of the nonces.
type Each = [uint32x4_t; NONCES];

/// An expression over some [`Each`] for every nonce by itself.
macro_rules! each {
    ($($x:ident),+ => $result:expr) => {{
        let mut results = [vdupq_n_u32(0); NONCES];
        for (i, result) in results.iter_mut().enumerate() {
            $(let $x = $x[i];)+
            *result = $result;
        }
        results
    }};
}

#[target_feature(enable = "neon,sha2")]
fn scan(scan: Scan<'_>) -> Scanned {
    let shared = Shared::new(scan.job.tail());
    let mut starts = [Start::new(&scan.job.midstates()[0]); MAX_GROUP];
    for (start, midstate) in starts.iter_mut().zip(scan.job.midstates()) {
        *start = Start::new(midstate);
    }
    let zeros = [vdupq_n_u32(0); NONCES];
    let batch = Batch { nonces: zeros, kw: [zeros; GROUPS] };
    scan.run_on(Abreast { shared, starts, batch })
}

/// Hashes the batches of a scan, several nonces abreast.
struct Abreast {
    shared: Shared,
    starts: [Start; MAX_GROUP],
    batch: Batch,
}

impl Hasher for Abreast {
    const NONCES: u32 = NONCES as u32;

    #[inline(always)]
    fn start(&mut self, first: u32) {
        // SAFETY: an `Abreast` is made only in `scan`, which needs the instructions itself.
        unsafe { self.shared.fill(&mut self.batch, first) };
    }

    #[inline(always)]
    fn passing(&mut self, index: usize, _midstate: &Midstate, filter: Filter) -> u64 {
        // SAFETY: as above.
        let last = unsafe { self.shared.second_hash(self.batch.first_hash(&self.starts[index])) };
        let mut passing = 0;
        for (lane, last) in last.into_iter().enumerate() {
            passing |= filter.passing(Scalar.splat(last)) << lane;
        }
        passing
    }
}

/// The eight working variables as the instructions take them, the first named in the lowest lane.
#[derive(Clone, Copy)]
struct State {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

impl State {
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn new(words: [u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words;
        Self { abcd: four([a, b, c, d]), efgh: four([e, f, g, h]) }
    }

    /// One round, by the instructions that do four.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn one_round(self, kw: uint32x4_t) -> Self {
        // After four rounds, what one round has made is called d and h: the rest is what was there
        // before, each a name on.
        let abcd = vsha256hq_u32(self.abcd, self.efgh, kw);
        let efgh = vsha256h2q_u32(self.efgh, self.abcd, kw);
        Self { abcd: vextq_u32::<3>(abcd, self.abcd), efgh: vextq_u32::<3>(efgh, self.efgh) }
    }
}

/// The [`State`] of each nonce.
#[derive(Clone, Copy)]
struct States {
    abcd: Each,
    efgh: Each,
}

impl States {
    /// Adds `a_and_e` to both halves of `state`, for each nonce.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn new(state: State, a_and_e: Each) -> Self {
        let abcd = each!(a_and_e => vaddq_u32(state.abcd, a_and_e));
        Self { abcd, efgh: each!(a_and_e => vaddq_u32(state.efgh, a_and_e)) }
    }

    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn four_rounds(&mut self, kw: Each) {
        let Self { abcd, efgh } = *self;
        self.abcd = each!(abcd, efgh, kw => vsha256hq_u32(abcd, efgh, kw));
        self.efgh = each!(abcd, efgh, kw => vsha256h2q_u32(efgh, abcd, kw));
        self.keep_abreast();
    }

    /// Does four rounds of which only e is wanted.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn last_e(&self, kw: Each) -> [u32; NONCES] {
        let Self { abcd, efgh } = *self;
        let efgh = each!(abcd, efgh, kw => vsha256h2q_u32(efgh, abcd, kw));
        let mut last = [0; NONCES];
        for (last, efgh) in last.iter_mut().zip(efgh) {
            *last = vgetq_lane_u32::<0>(efgh);
        }
        last
    }

    /// Does nothing, and lets the compiler move none of these states past it.
    ///
    /// To save registers the compiler might else put all rounds of one nonce before those of the
    /// next, as it does on x86-64, and the processor does not look that far ahead.
    #[inline(always)]
    fn keep_abreast(&mut self) {
        let [a, b, c, d] = &mut self.abcd;
        let [e, f, g, h] = &mut self.efgh;
        // SAFETY: the assembly is a comment.
        unsafe {
            asm!(
                "/* {:v} {:v} {:v} {:v} {:v} {:v} {:v} {:v} */",
                inout(vreg) * a,
                inout(vreg) * b,
                inout(vreg) * c,
                inout(vreg) * d,
                inout(vreg) * e,
                inout(vreg) * f,
                inout(vreg) * g,
                inout(vreg) * h,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
    }
}

/// A [`Midstate`] in registers.
#[derive(Clone, Copy)]
struct Start {
    state: State,
    round3: State,
}

impl Start {
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn new(midstate: &Midstate) -> Self {
        Self { state: State::new(midstate.state), round3: State::new(midstate.round3) }
    }
}

/// What all nonces and versions of a scan have in common.
struct Shared {
    /// Words 16 to 19 of the header's second block if the nonce were 0.
    w16: uint32x4_t,
    /// What words 28 to 31 have from words 12 to 16.
    w28: uint32x4_t,
    /// The second hash after round 0 if its first word were 0.
    round0: State,
}

impl Shared {
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn new(tail: Tail) -> Self {
        let w0 = four([tail.merkle, tail.time, tail.bits, 0]);
        let w16 = next_words([w0, four(W4), four(W8), four(W12)]);
        Self {
            w16,
            w28: vsha256su0q_u32(four(W12), w16),
            round0: State::new(IV).one_round(four([K[0], 0, 0, 0])),
        }
    }

    /// Takes the nonces from `first` on.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn fill(&self, batch: &mut Batch, first: u32) {
        let zero = vdupq_n_u32(0);
        for (i, nonce) in batch.nonces.iter_mut().enumerate() {
            let word = first.wrapping_add(i as u32).swap_bytes();
            *nonce = vsetq_lane_u32::<0>(word, zero);
        }

        let nonces = batch.nonces;
        // The nonce is word 3: of the first four new words it adds to two, as itself and as sigma0.
        let w0 = each!(nonces => vextq_u32::<1>(zero, nonces));
        let w16 = each!(w0 => vaddq_u32(self.w16, vsha256su0q_u32(w0, zero)));
        // Words 5 to 12 are 0, and so is what the first instruction of a schedule makes of them.
        let w20 = each!(w16 => vsha256su1q_u32(four(W4), four(W12), w16));
        let w24 = each!(w16, w20 => vsha256su1q_u32(zero, w16, w20));
        let w28 = each!(w20, w24 => vsha256su1q_u32(self.w28, w20, w24));

        let mut w = [[zero; NONCES]; GROUPS];
        (w[0], w[1], w[2], w[3]) = (w16, w20, w24, w28);
        unroll!(GROUP in [0 1 2 3] {
            batch.kw[GROUP] = plus_k::<{ 16 + 4 * GROUP }>(w[GROUP]);
        });
        unroll!(GROUP in [4 5 6 7 8 9 10 11] {
            w[GROUP] = next_of_each([w[GROUP - 4], w[GROUP - 3], w[GROUP - 2], w[GROUP - 1]]);
            batch.kw[GROUP] = plus_k::<{ 16 + 4 * GROUP }>(w[GROUP]);
        });
    }

    /// Returns the last word of the hash of each digest less its initial value: e after round 60.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn second_hash(&self, digests: States) -> [u32; NONCES] {
        let zero = vdupq_n_u32(0);
        let States { abcd, efgh } = digests;
        let word0 = each!(abcd => vextq_u32::<3>(vextq_u32::<1>(abcd, abcd), zero));
        let mut s = States::new(self.round0, word0);

        // b, c, d and e; f, g, h and the padding; nothing; and words 13 to 16, the last of which is
        // a + sigma0(b).
        let w1 = each!(abcd, efgh => vextq_u32::<1>(abcd, efgh));
        let w5 = each!(efgh => vextq_u32::<1>(efgh, four([PAD, 0, 0, 0])));
        let w9 = [zero; NONCES];
        let w13 = each!(abcd, efgh => {
            vextq_u32::<1>(four([0, 0, 0, 32 * 8]), vsha256su0q_u32(abcd, efgh))
        });
        s.four_rounds(plus_k::<1>(w1));
        s.four_rounds(plus_k::<5>(w5));
        s.four_rounds(plus_k::<9>(w9));
        s.four_rounds(plus_k::<13>(w13));

        let w17 = next_of_each([w1, w5, w9, w13]);
        s.four_rounds(plus_k::<17>(w17));
        let w21 = next_of_each([w5, w9, w13, w17]);
        s.four_rounds(plus_k::<21>(w21));
        // Words 9 to 13 are 0.
        let w25 = each!(w17, w21 => vsha256su1q_u32(zero, w17, w21));
        s.four_rounds(plus_k::<25>(w25));

        let mut w = [w9; GROUPS];
        (w[0], w[1], w[2], w[3]) = (w13, w17, w21, w25);
        unroll!(GROUP in [4 5 6 7 8 9 10] {
            w[GROUP] = next_of_each([w[GROUP - 4], w[GROUP - 3], w[GROUP - 2], w[GROUP - 1]]);
            s.four_rounds(plus_k::<{ 13 + 4 * GROUP }>(w[GROUP]));
        });
        s.last_e(plus_k::<57>(next_of_each([w[7], w[8], w[9], w[10]])))
    }
}

/// Groups of four rounds of the first hash whose K + W differs between nonces: from round 16 on.
const GROUPS: usize = 12;

/// A batch of nonces, and what all versions share of it.
struct Batch {
    /// The words of the nonces, each in the first lane.
    nonces: Each,
    kw: [Each; GROUPS],
}

impl Batch {
    /// Returns the states after the header's second block.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn first_hash(&self, start: &Start) -> States {
        let mut s = States::new(start.round3, self.nonces);
        s.four_rounds(plus_k::<4>([four(W4); NONCES]));
        s.four_rounds(plus_k::<8>([four(W8); NONCES]));
        s.four_rounds(plus_k::<12>([four(W12); NONCES]));
        unroll!(GROUP in [0 1 2 3 4 5 6 7 8 9 10 11] {
            s.four_rounds(self.kw[GROUP]);
        });
        let States { abcd, efgh } = s;
        let State { abcd: more_abcd, efgh: more_efgh } = start.state;
        States {
            abcd: each!(abcd => vaddq_u32(abcd, more_abcd)),
            efgh: each!(efgh => vaddq_u32(efgh, more_efgh)),
        }
    }
}

/// Words 4 to 15 of the header's second block: padding, and the length in bits.
const W4: [u32; 4] = [PAD, 0, 0, 0];
const W8: [u32; 4] = [0; 4];
const W12: [u32; 4] = [0, 0, 0, 80 * 8];

/// Four words, the first in the lowest lane.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn four([w, x, y, z]: [u32; 4]) -> uint32x4_t {
    let words = vsetq_lane_u32::<1>(x, vdupq_n_u32(w));
    vsetq_lane_u32::<3>(z, vsetq_lane_u32::<2>(y, words))
}

/// Returns K + W of the four rounds from `T` on.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn plus_k<const T: usize>(w: Each) -> Each {
    let k = four([K[T], K[T + 1], K[T + 2], K[T + 3]]);
    each!(w => vaddq_u32(w, k))
}

/// FIPS 180-4 section 6.2.2, step 1: four words from the sixteen before.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn next_words([w0, w4, w8, w12]: [uint32x4_t; 4]) -> uint32x4_t {
    vsha256su1q_u32(vsha256su0q_u32(w0, w4), w8, w12)
}

#[target_feature(enable = "neon,sha2")]
#[inline]
fn next_of_each([w0, w4, w8, w12]: [Each; 4]) -> Each {
    each!(w0, w4, w8, w12 => next_words([w0, w4, w8, w12]))
}

/// Executes five each of `sha256h` and `sha256h2`, and two each of `sha256su0` and `sha256su1` a
/// round, which is about what a group of eight versions takes, in chains that need not wait for one
/// another. Returns how many instructions that were.
#[target_feature(enable = "neon,sha2")]
fn peak_ops(rounds: u32) -> u64 {
    let seed = black_box(four([IV[0], IV[1], IV[2], IV[3]]));
    let (mut states, mut words) = ([seed; 10], [seed; 4]);
    for _ in 0..rounds {
        let (abcd, efgh) = states.split_at_mut(5);
        for s in abcd {
            *s = vsha256hq_u32(*s, seed, seed);
        }
        for s in efgh {
            *s = vsha256h2q_u32(*s, seed, seed);
        }
        let (su0, su1) = words.split_at_mut(2);
        for w in su0 {
            *w = vsha256su0q_u32(*w, seed);
        }
        for w in su1 {
            *w = vsha256su1q_u32(*w, seed, seed);
        }
    }
    black_box((states, words));
    u64::from(rounds) * (states.len() + words.len()) as u64
}
