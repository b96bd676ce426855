//! SHA-256d of a header with the x86-64 SHA extensions, four nonces abreast.
//!
//! `sha256rnds2` does two rounds of one hash, and the next two have to wait for it: other nonces
//! fill the wait. What a search may leave out is left out as in [`crate::sha256::rounds`], as far
//! as instructions that do two rounds, or four words of a schedule, allow:
//!
//! - the first hash starts after round 3: 30 instructions for its rounds instead of 32;
//! - its schedule serves all versions, and what no nonce changes in it is computed once per scan;
//! - the second hash starts after round 0, into which its first word enters by one addition, and
//!   ends with round 60: 30 again, and groups of four words that start at word 1.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi32, _mm_or_si128,
    _mm_set_epi32, _mm_setr_epi32, _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_slli_epi64, _mm_srli_epi64,
};
use core::hint::black_box;

use super::{Benchmark, Candidate, Engine, EngineError, EngineId, Pipe, Scanned};
use crate::engine::scan::{Filter, Hasher, Scan};
use crate::job::{Job, MAX_GROUP, NonceRange};
use crate::lanes::scalar::Scalar;
use crate::lanes::{Isa as _, token};
use crate::sha256::consts::{IV, K};
use crate::sha256::rounds::{Midstate, PAD, Tail};
use crate::sha256::unroll;

/// Proof of the SHA extensions, and of SSSE3 and SSE4.1 for what is around them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShaNi(());

token! { ShaNi: is_x86_feature_detected, "sha", "ssse3", "sse4.1" }

impl Engine for ShaNi {
    fn id(&self) -> EngineId {
        EngineId::ShaNi
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        // SAFETY: a `ShaNi` is made only where the processor has the instructions.
        Ok(unsafe { scan(Scan { job, range, limit, out }) })
    }

    fn benchmark(&self) -> Option<&dyn Benchmark> {
        Some(self)
    }
}

impl Benchmark for ShaNi {
    /// Counts `sha256rnds2`, `sha256msg1` and `sha256msg2`.
    fn ops_per_hash(&self, _pipe: Pipe, versions: usize) -> f64 {
        f64::from(PER_NONCE) / versions as f64 + f64::from(PER_HASH)
    }

    fn peak_ops(&self, _pipe: Pipe, rounds: u32) -> Result<u64, EngineError> {
        // SAFETY: a `ShaNi` is made only where the processor has the instructions.
        Ok(unsafe { peak_ops(rounds) })
    }
}

/// Nonces hashed side by side. Two would do where the instruction takes four cycles and starts
/// every second one, but with no slack; on Zen 5 four were the fastest of one to four.
const NONCES: usize = 4;

/// Instructions of [`Shared::fill`] for one nonce: one for words 16 to 19, one for each of the
/// three groups after them, two for each of eight more.
const PER_NONCE: u32 = 1 + 3 + 8 * 2;

/// Instructions of [`Batch::first_hash`] and [`Shared::second_hash`] for one nonce: one for every
/// two of 60 rounds of both, and for the second's schedule one for word 16, two for each of the
/// groups from words 17 and 21, one for that from word 25, two for each of eight more.
const PER_HASH: u32 = 60 / 2 + 60 / 2 + (1 + 2 + 2 + 1 + 8 * 2);

/// Four words of each of the nonces.
type Each = [__m128i; NONCES];

/// An expression over some [`Each`] for every nonce by itself.
macro_rules! each {
    ($($x:ident),+ => $result:expr) => {{
        let mut results = [_mm_setzero_si128(); NONCES];
        for (i, result) in results.iter_mut().enumerate() {
            $(let $x = $x[i];)+
            *result = $result;
        }
        results
    }};
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn scan(scan: Scan<'_>) -> Scanned {
    let shared = Shared::new(scan.job.tail());
    let mut starts = [Start::new(&scan.job.midstates()[0]); MAX_GROUP];
    for (start, midstate) in starts.iter_mut().zip(scan.job.midstates()) {
        *start = Start::new(midstate);
    }
    let zeros = [_mm_setzero_si128(); NONCES];
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

/// The eight working variables as the instructions take them, the first named in the highest lane.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

impl State {
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn new(words: [u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
        Self { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) }
    }

    /// One round, by the instruction that does two.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn one_round(self, kw: __m128i) -> Self {
        // After two rounds, what one round has made is called b and f: in each half one lane lower
        // than a and e. Above the next lower lane of what was there before, that is one round.
        let two = _mm_sha256rnds2_epu32(self.cdgh, self.abef, kw);
        let abef = _mm_or_si128(_mm_slli_epi64::<32>(two), _mm_srli_epi64::<32>(self.abef));
        let cdgh = _mm_or_si128(_mm_slli_epi64::<32>(self.abef), _mm_srli_epi64::<32>(self.cdgh));
        Self { abef, cdgh }
    }
}

/// The [`State`] of each nonce.
#[derive(Clone, Copy)]
struct States {
    abef: Each,
    cdgh: Each,
}

impl States {
    /// Adds `abef` to that half of `state`, for each nonce.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn new(state: State, abef: Each) -> Self {
        let abef = each!(abef => _mm_add_epi32(state.abef, abef));
        Self { abef, cdgh: [state.cdgh; NONCES] }
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn four_rounds(&mut self, kw: Each) {
        let Self { abef, cdgh } = *self;
        // What was a, b, e and f two rounds ago is c, d, g and h: only the new half is computed.
        let cdgh = each!(cdgh, abef, kw => _mm_sha256rnds2_epu32(cdgh, abef, kw));
        let kw = each!(kw => _mm_shuffle_epi32::<0b11_10>(kw));
        let abef = each!(abef, cdgh, kw => _mm_sha256rnds2_epu32(abef, cdgh, kw));
        *self = Self { abef, cdgh };
        self.keep_abreast();
    }

    /// Does nothing, and lets the compiler move none of these states past it.
    ///
    /// To save registers the compiler would else put all rounds of one nonce before those of the
    /// next, and the processor does not look that far ahead: that costs two fifths of the speed.
    #[inline(always)]
    fn keep_abreast(&mut self) {
        let [a, b, c, d] = &mut self.abef;
        let [e, f, g, h] = &mut self.cdgh;
        // SAFETY: the assembly is a comment.
        unsafe {
            asm!(
                "/* {} {} {} {} {} {} {} {} */",
                inout(xmm_reg) * a,
                inout(xmm_reg) * b,
                inout(xmm_reg) * c,
                inout(xmm_reg) * d,
                inout(xmm_reg) * e,
                inout(xmm_reg) * f,
                inout(xmm_reg) * g,
                inout(xmm_reg) * h,
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
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn new(midstate: &Midstate) -> Self {
        Self { state: State::new(midstate.state), round3: State::new(midstate.round3) }
    }
}

/// What all nonces and versions of a scan have in common.
struct Shared {
    /// Words 16 to 19 of the header's second block if the nonce were 0.
    w16: __m128i,
    /// Words 20 to 23 less what depends on words 18 to 21.
    w20: __m128i,
    /// Words 28 to 31 less what depends on words 21 to 29.
    w28: __m128i,
    /// The second hash after round 0 if its first word were 0.
    round0: State,
}

impl Shared {
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn new(tail: Tail) -> Self {
        let (w0, w4) = (four([tail.merkle, tail.time, tail.bits, 0]), four([PAD, 0, 0, 0]));
        let (w8, w12) = (four([0; 4]), four([0, 0, 0, 80 * 8]));
        let w16 = next_words([w0, w4, w8, w12]);
        Self {
            w16,
            w20: _mm_add_epi32(_mm_sha256msg1_epu32(w4, w8), _mm_alignr_epi8::<4>(w16, w12)),
            w28: _mm_sha256msg1_epu32(w12, w16),
            round0: State::new(IV).one_round(four([K[0], 0, 0, 0])),
        }
    }

    /// Takes the nonces from `first` on.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn fill(&self, batch: &mut Batch, first: u32) {
        let zero = _mm_setzero_si128();
        for (i, nonce) in batch.nonces.iter_mut().enumerate() {
            let word = first.wrapping_add(i as u32).swap_bytes();
            *nonce = four([0, word, 0, word]);
        }

        let nonces = batch.nonces;
        // The nonce is word 3: of the first four new words it adds to two, as itself and as sigma0.
        let w0 = each!(nonces => _mm_blend_epi16::<0b1100_0000>(zero, nonces));
        let w16 = each!(w0 => _mm_add_epi32(self.w16, _mm_sha256msg1_epu32(w0, zero)));
        let w20 = each!(w16 => _mm_sha256msg2_epu32(self.w20, w16));
        let w24 = each!(w16, w20 => _mm_sha256msg2_epu32(_mm_alignr_epi8::<4>(w20, w16), w20));
        let w28 = each!(w20, w24 => {
            let old = _mm_add_epi32(self.w28, _mm_alignr_epi8::<4>(w24, w20));
            _mm_sha256msg2_epu32(old, w24)
        });

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
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn second_hash(&self, digests: States) -> [u32; NONCES] {
        let zero = _mm_setzero_si128();
        let States { abef, cdgh } = digests;
        // Word 0, where it adds to a and to e.
        let a_and_e = four([NONE, 0x0f0e_0d0c, NONE, 0x0f0e_0d0c]);
        let mut s = States::new(self.round0, each!(abef => _mm_shuffle_epi8(abef, a_and_e)));

        // b, c, d and e; f, g, h and the padding; nothing; and words 13 to 16. The last of these is
        // a + sigma0(b), of two words that follow one another from `abef` to `w1`.
        let w1 = each!(abef, cdgh => _mm_blend_epi16::<0b0011_1100>(
            _mm_shuffle_epi32::<0b01_00_00_10>(abef),
            _mm_shuffle_epi32::<0b00_10_11_00>(cdgh),
        ));
        let w5 = each!(abef, cdgh => _mm_blend_epi16::<0b1100_0000>(
            _mm_blend_epi16::<0b0011_1100>(abef, _mm_shuffle_epi32::<0b00_00_01_00>(cdgh)),
            four([0, 0, 0, PAD]),
        ));
        let w9 = [zero; NONCES];
        let w13 = each!(abef, w1 => _mm_blend_epi16::<0b1100_0000>(
            four([0, 0, 32 * 8, 0]),
            _mm_sha256msg1_epu32(abef, w1),
        ));
        s.four_rounds(plus_k::<1>(w1));
        s.four_rounds(plus_k::<5>(w5));
        s.four_rounds(plus_k::<9>(w9));
        s.four_rounds(plus_k::<13>(w13));

        // As `next_words` has it, less what adds zeros.
        let w17 = each!(w1, w5, w13 => _mm_sha256msg2_epu32(_mm_sha256msg1_epu32(w1, w5), w13));
        s.four_rounds(plus_k::<17>(w17));
        let w21 = next_of_each([w5, w9, w13, w17]);
        s.four_rounds(plus_k::<21>(w21));
        let w25 = each!(w17, w21 => _mm_sha256msg2_epu32(_mm_alignr_epi8::<4>(w21, w17), w21));
        s.four_rounds(plus_k::<25>(w25));

        let mut w = [w9; GROUPS];
        (w[0], w[1], w[2], w[3]) = (w13, w17, w21, w25);
        unroll!(GROUP in [4 5 6 7 8 9 10 11] {
            w[GROUP] = next_of_each([w[GROUP - 4], w[GROUP - 3], w[GROUP - 2], w[GROUP - 1]]);
            s.four_rounds(plus_k::<{ 13 + 4 * GROUP }>(w[GROUP]));
        });

        let mut last = [0; NONCES];
        for (last, abef) in last.iter_mut().zip(s.abef) {
            *last = _mm_extract_epi32::<1>(abef).cast_unsigned();
        }
        last
    }
}

/// Groups of four rounds of the first hash whose K + W differs between nonces: from round 16 on.
const GROUPS: usize = 12;

/// A batch of nonces, and what all versions share of it.
struct Batch {
    /// The words of the nonces, where they add to a and to e.
    nonces: Each,
    kw: [Each; GROUPS],
}

impl Batch {
    /// Returns the states after the header's second block.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn first_hash(&self, start: &Start) -> States {
        let mut s = States::new(start.round3, self.nonces);
        s.four_rounds(plus_k::<4>([four([PAD, 0, 0, 0]); NONCES]));
        s.four_rounds(plus_k::<8>([four([0; 4]); NONCES]));
        s.four_rounds(plus_k::<12>([four([0, 0, 0, 80 * 8]); NONCES]));
        unroll!(GROUP in [0 1 2 3 4 5 6 7 8 9 10 11] {
            s.four_rounds(self.kw[GROUP]);
        });
        let States { abef, cdgh } = s;
        let State { abef: more_abef, cdgh: more_cdgh } = start.state;
        States {
            abef: each!(abef => _mm_add_epi32(abef, more_abef)),
            cdgh: each!(cdgh => _mm_add_epi32(cdgh, more_cdgh)),
        }
    }
}

/// Mask of `_mm_shuffle_epi8` for four bytes of zeros.
const NONE: u32 = 0x8080_8080;

/// Four words, the first in the lowest lane.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn four(words: [u32; 4]) -> __m128i {
    let [w, x, y, z] = words.map(u32::cast_signed);
    _mm_setr_epi32(w, x, y, z)
}

/// Returns K + W of the four rounds from `T` on.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn plus_k<const T: usize>(w: Each) -> Each {
    let k = four([K[T], K[T + 1], K[T + 2], K[T + 3]]);
    each!(w => _mm_add_epi32(w, k))
}

/// FIPS 180-4 section 6.2.2, step 1: four words from the sixteen before.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn next_words([w0, w4, w8, w12]: [__m128i; 4]) -> __m128i {
    let old = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), _mm_alignr_epi8::<4>(w12, w8));
    _mm_sha256msg2_epu32(old, w12)
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn next_of_each([w0, w4, w8, w12]: [Each; 4]) -> Each {
    each!(w0, w4, w8, w12 => next_words([w0, w4, w8, w12]))
}

/// Executes ten `sha256rnds2`, two `sha256msg1` and two `sha256msg2` a round, which is about what a
/// group of eight versions takes, in chains that need not wait for one another. Returns how many
/// instructions that were.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn peak_ops(rounds: u32) -> u64 {
    let seed = black_box(four([IV[0], IV[1], IV[2], IV[3]]));
    let (mut states, mut words) = ([seed; 5], [seed; 2]);
    for _ in 0..rounds {
        for s in &mut states {
            *s = _mm_sha256rnds2_epu32(*s, *s, seed);
        }
        for w in &mut words {
            *w = _mm_sha256msg1_epu32(*w, *w);
        }
        for s in &mut states {
            *s = _mm_sha256rnds2_epu32(*s, *s, seed);
        }
        for w in &mut words {
            *w = _mm_sha256msg2_epu32(*w, *w);
        }
    }
    black_box((states, words));
    u64::from(rounds) * 2 * (states.len() + words.len()) as u64
}
