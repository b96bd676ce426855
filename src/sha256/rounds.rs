//! SHA-256d of a header, over lanes: the arithmetic of every vector engine.
//!
//! What a search may leave out is left out here, and nowhere else:
//!
//! - the first block is hashed once per version ([`Midstate`]), and of the second block everything
//!   up to the nonce, which enters round 3 by two additions;
//! - in the second hash the initial state is known, so round 0 is two additions as well;
//! - of both schedules what is known folds (see [`super::word`]), and K + W of the rounds whose W
//!   is known is set once per scan;
//! - the schedule of the second block does not depend on the version, so K + W of rounds 18 to 63
//!   is computed once per batch of nonces ([`Batch::schedule`]) and shared by all midstates;
//! - of the second hash only its last word is asked for, which is e after round 60.
//!
//! Each hash then is the same sixty rounds over a list of sums K + W: seven times eight, after
//! which every variable is back in its place, and four more.

use sha2::block_api::compress256;

use super::consts::{IV, K};
use super::sigma::{big_sigma0, big_sigma1, small_sigma0, small_sigma1};
use super::word::Word::{self, Each, Known};
use crate::lanes::scalar::{Scalar, U32x1};
use crate::lanes::{Isa, Lanes, Words};

/// Words of the header's second block that no nonce changes, big-endian as they are hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    /// Last four bytes of the merkle root.
    pub(crate) merkle: u32,
    pub(crate) time: u32,
    pub(crate) bits: u32,
}

impl Tail {
    /// Returns what a kernel with an unrolled schedule need not compute again for each nonce.
    #[cfg(feature = "gpu")]
    pub(crate) fn hoisted(self) -> Hoisted {
        let sigma0 = |word| small_sigma0(Scalar.splat(word)).get();
        let sigma1 = |word| small_sigma1(Scalar.splat(word)).get();
        let w16 = self.merkle.wrapping_add(sigma0(self.time));
        let w17 = self.time.wrapping_add(sigma0(self.bits)).wrapping_add(sigma1(HEADER_BITS));
        Hoisted {
            w16,
            w17,
            w18: sigma1(w16).wrapping_add(self.bits),
            w19: sigma1(w17).wrapping_add(sigma0(PAD)),
            w31: sigma0(w16).wrapping_add(HEADER_BITS),
            w32: sigma0(w17).wrapping_add(w16),
        }
    }
}

/// What is the same for all nonces in the schedule of the second block.
#[cfg(feature = "gpu")]
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Hoisted {
    w16: u32,
    w17: u32,
    /// W18 without its term of the nonce.
    w18: u32,
    /// W19 without the nonce.
    w19: u32,
    /// The sum of the terms of W15 and W16 in W31.
    w31: u32,
    /// The sum of the terms of W16 and W17 in W32.
    w32: u32,
}

/// What one version contributes to all nonces.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "gpu", derive(bytemuck::Pod, bytemuck::Zeroable))]
pub(crate) struct Midstate {
    /// The state after the header's first block.
    pub(crate) state: [u32; 8],
    /// a to h after round 3 of the second block if the nonce were 0; it adds to a and to e.
    pub(crate) round3: [u32; 8],
}

impl Midstate {
    pub(crate) fn after(first_block: &[u8; 64], tail: Tail) -> Self {
        let mut state = IV;
        compress256(&mut state, &[*first_block]);
        let round3 = known_rounds(state, [tail.merkle, tail.time, tail.bits, 0]);
        Self { state, round3 }
    }
}

/// Returns the working variables after the first rounds, whose words are known.
#[inline(always)]
fn known_rounds<const N: usize>(state: [u32; 8], words: [u32; N]) -> [u32; 8] {
    let mut s = Working::start(Scalar, state, Scalar.splat(0));
    for t in 0..N {
        s = s.round(Scalar.splat(K[t].wrapping_add(words[t])));
    }
    s.words().map(U32x1::get)
}

/// The one bit that follows a message, FIPS 180-4 section 5.1.1.
pub(crate) const PAD: u32 = 0x8000_0000;

/// Length that ends a message, in bits: of the header, and of a digest.
const HEADER_BITS: u32 = 80 * 8;
const DIGEST_BITS: u32 = 32 * 8;

/// Rounds of each hash that are done lane by lane: 4 to 63 of the first, 1 to 60 of the second.
const ROUNDS: usize = 60;

/// Rounds of the first hash whose K + W differs between lanes, 18 to 63; the second has one less.
const SCHEDULED: usize = 64 - 18;

/// One vector of nonces, and room for its schedules.
///
/// It is made once per scan and filled again for each batch: clearing it would cost as many stores
/// as filling it.
pub(crate) struct Batch<I: Isa> {
    isa: I,
    tail: Tail,
    nonces: I::Lanes,
    /// K + W of rounds 4 to 63 of the header's second block.
    first: [I::Lanes; ROUNDS],
    /// K + W of rounds 1 to 60 of the second hash.
    second: [I::Lanes; ROUNDS],
    /// W of the schedule being computed.
    words: [I::Lanes; SCHEDULED],
}

impl<I: Isa> Batch<I> {
    #[inline(always)]
    pub(crate) fn new(isa: I, tail: Tail) -> Self {
        let zero = isa.splat(0);
        let mut batch = Self {
            isa,
            tail,
            nonces: zero,
            first: [zero; ROUNDS],
            second: [zero; ROUNDS],
            words: [zero; SCHEDULED],
        };
        let w = batch.second_block();
        unroll!(T in [4 5 6 7 8 9 10 11 12 13 14 15 16 17] {
            batch.first[T - 4] = Word::sum([w[T & 15], Known(K[T]), Known(0), Known(0)]).lanes(isa);
        });
        let w = second_hash_block([zero; 8]);
        unroll!(T in [8 9 10 11 12 13 14 15] {
            batch.second[T - 1] = Word::sum([w[T], Known(K[T]), Known(0), Known(0)]).lanes(isa);
        });
        batch
    }

    /// Takes the nonces from `first` on, one a lane, and computes what all versions share.
    #[inline(always)]
    pub(crate) fn schedule(&mut self, first: u32) {
        self.nonces = self.isa.iota().add_word(first).swap_bytes();
        let mut w = self.second_block();
        expand::<I, 18, 14>(self.isa, &mut w, &mut self.words, &mut self.first);
    }

    /// Returns the last word of SHA-256d less its initial value: e after round 60 of the second
    /// hash.
    #[inline(always)]
    pub(crate) fn last_word(&mut self, midstate: &Midstate) -> I::Lanes {
        let digest = self.first_hash(midstate);
        self.second_hash(digest)
    }

    /// Returns the header's second block, with W16 and W17 in the place of W0 and W1.
    #[inline(always)]
    fn second_block(&self) -> [Word<I::Lanes>; 16] {
        let mut w = [Known(0); 16];
        w[0] = Known(self.tail.merkle);
        w[1] = Known(self.tail.time);
        w[2] = Known(self.tail.bits);
        w[3] = Each(self.nonces);
        w[4] = Known(PAD);
        w[15] = Known(HEADER_BITS);
        unroll!(T in [16 17] {
            w[T & 15] = next_word(&w, T);
        });
        w
    }

    /// Returns the state after the header's second block.
    #[inline(always)]
    fn first_hash(&self, midstate: &Midstate) -> [I::Lanes; 8] {
        let mut s = Working::start(self.isa, midstate.round3, self.nonces);
        s = fifty_six_rounds::<I>(s, &self.first);
        unroll!(T in [56 57 58 59] {
            s = s.round(self.first[T]);
        });
        let mut digest = s.words();
        unroll!(T in [0 1 2 3 4 5 6 7] {
            digest[T] = digest[T].add_word(midstate.state[T]);
        });
        digest
    }

    /// Returns e after round 60 of the hash of `digest`.
    #[inline(always)]
    fn second_hash(&mut self, digest: [I::Lanes; 8]) -> I::Lanes {
        unroll!(T in [1 2 3 4 5 6 7] {
            self.second[T - 1] = digest[T].add_word(K[T]);
        });
        let mut w = second_hash_block(digest);
        expand::<I, 16, 15>(self.isa, &mut w, &mut self.words, &mut self.second);

        let mut s = Working::start(self.isa, known_rounds(IV, [0]), digest[0]);
        s = fifty_six_rounds::<I>(s, &self.second);
        unroll!(T in [56 57 58 59] {
            s = s.round_of_e(self.second[T]);
        });
        s.e
    }
}

#[inline(always)]
fn second_hash_block<L: Lanes>(digest: [L; 8]) -> [Word<L>; 16] {
    let mut w = [Known(0); 16];
    unroll!(T in [0 1 2 3 4 5 6 7] {
        w[T] = Each(digest[T]);
    });
    w[8] = Known(PAD);
    w[15] = Known(DIGEST_BITS);
    w
}

/// Computes W of round `t` from the sixteen words before, FIPS 180-4 section 6.2.2, step 1. The
/// term that takes longest to compute is added last.
#[inline(always)]
fn next_word<L: Lanes>(w: &[Word<L>; 16], t: usize) -> Word<L> {
    let (sigma0, sigma1) = (w[(t + 1) & 15].sigma0(), w[(t + 14) & 15].sigma1());
    Word::sum([w[t & 15], sigma0, w[(t + 9) & 15], sigma1])
}

/// Computes K + W from round `FROM` on, whose sixteen words before are `w`, into `sums` from `AT`
/// on to its end.
#[inline(always)]
fn expand<I: Isa, const FROM: usize, const AT: usize>(
    isa: I,
    w: &mut [Word<I::Lanes>; 16],
    words: &mut [I::Lanes; SCHEDULED],
    sums: &mut [I::Lanes; ROUNDS],
) {
    unroll!(T in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15] {
        let next = next_word(w, FROM + T);
        w[(FROM + T) & 15] = next;
        words[T] = next.lanes(isa);
        sums[AT + T] = words[T].add_word(K[FROM + T]);
    });

    // The last two words stay in registers: read back from memory they would be the slowest link.
    let mut last = (words[14], words[15]);
    if I::STRAIGHT {
        unroll!(PAIR in [8 9 10 11 12 13 14 15 16 17 18 19 20 21] {
            last = two_words::<_, FROM, AT>(words, sums, last, 2 * PAIR);
        });
    } else {
        for pair in 8..22 {
            last = two_words::<_, FROM, AT>(words, sums, last, 2 * pair);
        }
    }
    sums[AT + 44] = word(words, last.0, 44).add_word(K[FROM + 44]);
    if AT + 45 < ROUNDS {
        sums[AT + 45] = word(words, last.1, 45).add_word(K[FROM + 45]);
    }
}

#[inline(always)]
fn two_words<W: Words, const FROM: usize, const AT: usize>(
    words: &mut [W; SCHEDULED],
    sums: &mut [W; ROUNDS],
    last: (W, W),
    t: usize,
) -> (W, W) {
    let (even, odd) = (word(words, last.0, t), word(words, last.1, t + 1));
    (words[t], words[t + 1]) = (even, odd);
    sums[AT + t] = even.add_word(K[FROM + t]);
    sums[AT + t + 1] = odd.add_word(K[FROM + t + 1]);
    (even, odd)
}

/// Computes the same as [`next_word`] over a schedule kept whole; `two_before` is `words[t - 2]`.
#[inline(always)]
fn word<W: Words>(words: &[W; SCHEDULED], two_before: W, t: usize) -> W {
    let old = words[t - 16].add(small_sigma0(words[t - 15]));
    old.add(words[t - 7]).add(small_sigma1(two_before))
}

#[inline(always)]
fn fifty_six_rounds<I: Isa>(
    mut s: Working<I::Lanes>,
    sums: &[I::Lanes; ROUNDS],
) -> Working<I::Lanes> {
    if I::STRAIGHT {
        unroll!(EIGHT in [0 1 2 3 4 5 6] {
            s = s.eight_rounds(sums, 8 * EIGHT);
        });
    } else {
        for eight in 0..7 {
            s = s.eight_rounds(sums, 8 * eight);
        }
    }
    s
}

/// The eight working variables, and b ^ c, which the round before has computed as its a ^ b.
#[derive(Clone, Copy)]
struct Working<W> {
    a: W,
    b: W,
    c: W,
    d: W,
    e: W,
    f: W,
    g: W,
    h: W,
    bc: W,
}

impl<W: Lanes> Working<W> {
    /// Returns the variables after a round whose word was taken for 0 and is `word`: it adds to a
    /// and e.
    #[inline(always)]
    fn start<I: Isa<Lanes = W>>(isa: I, after_zero: [u32; 8], word: W) -> Self {
        let [a, b, c, d, e, f, g, h] = after_zero;
        Self {
            a: word.add_word(a),
            b: isa.splat(b),
            c: isa.splat(c),
            d: isa.splat(d),
            e: word.add_word(e),
            f: isa.splat(f),
            g: isa.splat(g),
            h: isa.splat(h),
            bc: isa.splat(b ^ c),
        }
    }

    #[inline(always)]
    fn words(self) -> [W; 8] {
        [self.a, self.b, self.c, self.d, self.e, self.f, self.g, self.h]
    }

    #[inline(always)]
    fn eight_rounds(mut self, sums: &[W; ROUNDS], from: usize) -> Self {
        unroll!(T in [0 1 2 3 4 5 6 7] {
            self = self.round(sums[from + T]);
        });
        self
    }

    /// Does one round, given K + W: FIPS 180-4 section 6.2.2, step 3.
    #[inline(always)]
    fn round(self, kw: W) -> Self {
        let t1 = self.t1(kw);
        let (maj, ab) = self.a.maj(self.b, self.c, self.bc);
        let a = big_sigma0(self.a).add(maj).add(t1);
        self.shifted(a, self.d.add(t1), ab)
    }

    /// Does a round of which only e is wanted, in this and the next ones.
    #[inline(always)]
    fn round_of_e(self, kw: W) -> Self {
        let t1 = self.t1(kw);
        self.shifted(self.a, self.d.add(t1), self.bc)
    }

    #[inline(always)]
    fn t1(self, kw: W) -> W {
        self.h.add(kw).add(self.e.ch(self.f, self.g)).add(big_sigma1(self.e))
    }

    #[inline(always)]
    fn shifted(self, a: W, e: W, bc: W) -> Self {
        let Self { a: b, b: c, c: d, e: f, f: g, g: h, .. } = self;
        Self { a, b, c, d, e, f, g, h, bc }
    }
}
