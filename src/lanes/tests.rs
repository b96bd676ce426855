//! Every instruction set of this machine, lane by lane, against the arithmetic of `u32`.

use core::any::type_name;
use core::cell::Cell;

use proptest::prelude::*;

use super::counting::Counting;
#[cfg(target_arch = "x86_64")]
use super::pair::Paired;
use super::scalar::Scalar;
use super::{Costs, Isa, Lanes, Task, Words};
use crate::block::{Header, Target, Version};
use crate::engine::scan::Scan;
use crate::engine::{EngineId, Pipe, by_id};
use crate::job::{Job, NonceRange};

/// As many words as the widest vector has.
type Vector = [u32; 48];

/// Runs `task` on every instruction set of this machine, and on two and three of it side by side.
fn on_each_isa<T: Task + Copy>(task: T) {
    on_single_and_paired(&Ok(Scalar), task);
    #[cfg(target_arch = "x86_64")]
    {
        on_single_and_paired(&super::scalar::Bmi2::detect(), task);
        on_single_and_paired(&super::x86_sse41::Sse41::detect(), task);
        on_single_and_paired(&super::x86_avx2::Avx2::detect(), task);
        on_single_and_paired(&super::x86_avx512::Avx512::detect(), task);
    }
    #[cfg(target_arch = "aarch64")]
    on_single_and_paired(&super::aarch64_neon::Neon::detect(), task);
}

/// Runs `task` if the processor has the set; `tests/engines.rs` names what is missing, once.
fn on_single_and_paired<I: Isa, T: Task + Copy>(isa: &Result<I, Vec<&str>>, task: T) {
    if let &Ok(isa) = isa {
        isa.enter(task);
        #[cfg(target_arch = "x86_64")]
        {
            Paired(isa, isa).enter(task);
            Paired(isa, Paired(isa, isa)).enter(task);
        }
    }
}

/// `words` in the lanes: `ch` replaces one lane after the other.
#[inline(always)]
fn load<I: Isa>(isa: I, words: &Vector) -> I::Lanes {
    let mut lanes = isa.splat(0);
    for (i, &word) in words.iter().enumerate().take(I::Lanes::LANES) {
        // 0 where the lane is i, then the sign of that less 1, and so 0 there and all ones elsewhere.
        let distance = isa.iota().xor3(isa.splat(i as u32), isa.splat(0));
        let others = distance.add_word(u32::MAX).shr::<31>().add_word(u32::MAX);
        lanes = others.ch(lanes, isa.splat(word));
    }
    lanes
}

/// The words in the lanes, each found as the least bound that it is within.
fn words<L: Lanes>(lanes: L) -> Vec<u32> {
    let least_bound = |lane| {
        (0..32).rev().fold(0, |below, bit| {
            let bound = below | ((1 << bit) - 1);
            if lanes.mask_le(bound) >> lane & 1 == 1 { below } else { below | 1 << bit }
        })
    };
    (0..L::LANES).map(least_bound).collect()
}

/// Checks every lane; `expected` gives its word by its number.
#[inline(always)]
#[track_caller]
fn expect<L: Lanes>(what: &str, lanes: L, expected: impl Fn(usize) -> u32) {
    for lane in 0..L::LANES {
        if lanes.mask_eq(expected(lane)) >> lane & 1 == 0 {
            let expected: Vec<_> = (0..L::LANES).map(expected).collect();
            assert_eq!(words(lanes), expected, "{what} of {}", type_name::<L>());
            panic!("mask_eq of {}: no {:#x}", type_name::<L>(), expected[lane]);
        }
    }
}

fn maj(a: u32, b: u32, c: u32) -> u32 {
    (a & b) ^ (a & c) ^ (b & c)
}

/// Every operation of [`Words`] and [`Lanes`] on the same four vectors.
#[derive(Clone, Copy)]
struct Operations<'a> {
    a: &'a Vector,
    b: &'a Vector,
    c: &'a Vector,
    d: &'a Vector,
}

impl Task for Operations<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { a, b, c, d } = self;
        let [x, y, z, next] = [a, b, c, d].map(|words| load(isa, words));
        expect("load", x, |i| a[i]);

        expect("splat", isa.splat(a[0]), |_| a[0]);
        expect("like", x.like(b[0]), |_| b[0]);
        expect("iota", isa.iota(), |i| i as u32);
        expect("swap_bytes", x.swap_bytes(), |i| a[i].swap_bytes());

        expect("add", x.add(y), |i| a[i].wrapping_add(b[i]));
        for word in [0, 1, u32::MAX, b[0]] {
            expect("add_word", x.add_word(word), |i| a[i].wrapping_add(word));
        }
        // The counts of FIPS 180-4 (4.4) to (4.7), and the ends.
        macro_rules! rotations {
            ($($n:literal)*) => {
                $(expect(concat!("rotr ", $n), x.rotr::<$n>(), |i| a[i].rotate_right($n));)*
            };
        }
        rotations!(2 13 22 6 11 25 7 18 17 19 1 31);
        expect("shr 3", x.shr::<3>(), |i| a[i] >> 3);
        expect("shr 10", x.shr::<10>(), |i| a[i] >> 10);
        expect("shr 31", x.shr::<31>(), |i| a[i] >> 31);
        expect("xor3", x.xor3(y, z), |i| a[i] ^ b[i] ^ c[i]);
        expect("ch", x.ch(y, z), |i| (a[i] & b[i]) ^ (!a[i] & c[i]));

        // What a round hands on as a ^ b is the next one's b ^ c.
        let bc = y.xor3(z, isa.splat(0));
        let (first, ab) = x.maj(y, z, bc);
        expect("maj", first, |i| maj(a[i], b[i], c[i]));
        let (second, ab) = next.maj(x, y, ab);
        expect("maj after maj", second, |i| maj(d[i], a[i], b[i]));
        let (third, _) = z.maj(next, x, ab);
        expect("maj after two", third, |i| maj(c[i], d[i], a[i]));
    }
}

/// `mask_eq` and `mask_le` of a vector against bounds that it meets exactly, just, and not.
#[derive(Clone, Copy)]
struct Masks<'a> {
    a: &'a Vector,
    bounds: &'a Vector,
}

impl Task for Masks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lanes = load(isa, self.a);
        let words = &self.a[..I::Lanes::LANES];
        let near = words.iter().flat_map(|&a| [a.wrapping_sub(1), a, a.wrapping_add(1)]);
        let fixed = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        for bound in near.chain(fixed).chain(*self.bounds) {
            let bits = |holds: fn(u32, u32) -> bool| {
                let bit = |(i, &a): (usize, &u32)| u64::from(holds(a, bound)) << i;
                words.iter().enumerate().map(bit).sum::<u64>()
            };
            let name = type_name::<I>();
            let equal = bits(|a, bound| a == bound);
            assert_eq!(lanes.mask_eq(bound), equal, "{name}: {words:x?} = {bound:x}");
            let within = bits(|a, bound| a <= bound);
            assert_eq!(lanes.mask_le(bound), within, "{name}: {words:x?} <= {bound:x}");
        }
    }
}

/// Any words, and often those at which a sign or a carry goes wrong.
fn vector() -> impl Strategy<Value = Vector> {
    let edges = vec![0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, u32::MAX - 1, u32::MAX];
    let word = prop_oneof![3 => any::<u32>(), 1 => prop::sample::select(edges)];
    prop::collection::vec(word, 48)
        .prop_map(|words| words.try_into().expect("as many as asked for"))
}

proptest! {
    #[test]
    fn operations_are_those_of_u32(a in vector(), b in vector(), c in vector(), d in vector()) {
        on_each_isa(Operations { a: &a, b: &b, c: &c, d: &d });
    }

    #[test]
    fn masks_compare_without_a_sign(a in vector(), bounds in vector()) {
        on_each_isa(Masks { a: &a, bounds: &bounds });
    }
}

/// The number of lanes, and of those of a single vector.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Widths;

#[cfg(target_arch = "x86_64")]
impl Task for Widths {
    type Output = [usize; 2];

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> [usize; 2] {
        fn lanes<I: Isa>(_: I) -> usize {
            I::Lanes::LANES
        }
        [I::Lanes::LANES, lanes(isa.single())]
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn pairs_are_as_wide_and_cost_as_much_as_their_halves_together() {
    type Two = Paired<Scalar, Scalar>;
    assert_eq!(Scalar.enter(Widths), [1, 1]);
    assert_eq!(Paired(Scalar, Scalar).enter(Widths), [2, 1]);
    assert_eq!(Paired(Scalar, Paired(Scalar, Scalar)).enter(Widths), [3, 1]);
    let single = <Scalar as Isa>::Lanes::COSTS;
    assert_eq!(<Two as Isa>::Lanes::COSTS, single.plus(single));
    assert_eq!(single.plus(single).cost(single), 2 * single.cost(single));
}

/// The operations that the scan asks for a vector of nonces and `versions` versions.
fn operations(versions: u32) -> Costs {
    let asked = Cell::new(Costs::default());
    let versions: Vec<_> = (0..versions).map(Version::from_consensus).collect();
    // No term of this header is zero, which would be an addition saved.
    let header = Header::from_bytes([0x5a; Header::LEN]);
    let job =
        Job::with_versions(header, Target::MAX_ATTAINABLE_MAINNET, &versions).expect("1 to 8");
    let range = NonceRange::ALL.split_at(1).0;
    let scan = Scan { job: &job, range, limit: usize::MAX, out: &mut Vec::new() };
    Counting(&asked).enter(scan);
    asked.get()
}

/// Counts by hand from FIPS 180-4, but for the additions; only what depends on the nonce costs.
///
/// - Rounds: 4 to 63 of the first hash and 1 to 60 of the second, the last four of which need no
///   new a. That is 6 rotations, two xor3, Ch and Maj each, or half of it and no Maj: per version.
/// - σ0 of W18 and of W33 to W63 and σ1 of W20 to W63 in the header's second block: shared by all
///   versions.
/// - σ0 of W16 to W22 and of W31 to W60 and σ1 of W18 to W60 in the second hash: per version.
#[test]
fn the_scan_asks_for_as_many_operations_as_the_standard() {
    let sigmas = |count| Costs { rotr: 2 * count, shr: count, xor3: count, ..Costs::default() };
    let shared = sigmas(1 + 31 + 44);
    let schedule = sigmas(7 + 30 + 43);
    let (rounds, rounds_of_e) = (60 + 56, 4);
    for versions in 1..=8 {
        // An addition more, or less, is a change to the kernel: these were counted and then pinned.
        let add = 156 + versions * 892;
        let expected = Costs {
            add,
            rotr: shared.rotr + versions * (schedule.rotr + 6 * rounds + 3 * rounds_of_e),
            shr: shared.shr + versions * schedule.shr,
            xor3: shared.xor3 + versions * (schedule.xor3 + 2 * rounds + rounds_of_e),
            ch: versions * (rounds + rounds_of_e),
            maj: versions * rounds,
        };
        assert_eq!(operations(versions), expected, "{versions} versions");
    }
}

/// Where each operation is one instruction, as on AVX-512: 178.25 a hash on sixteen lanes, and
/// 153.09375 when eight versions share the schedule.
#[test]
fn instructions_of_a_hash_on_avx_512() {
    let one_each = Costs { add: 1, rotr: 1, shr: 1, xor3: 1, ch: 1, maj: 1 };
    assert_eq!(operations(1).cost(one_each), 2_852);
    assert_eq!(operations(8).cost(one_each), 19_596);

    // Both are whole numbers of 1/128, so that f64 has them exactly.
    let per_hash = |id, versions| {
        Some(by_id(id).ok()?.benchmark()?.ops_per_hash(Pipe::All, versions).to_bits())
    };
    for id in [EngineId::Avx512, EngineId::Avx512x3] {
        for (versions, instructions) in [(1, 178.25_f64), (8, 153.093_75)] {
            if let Some(counted) = per_hash(id, versions) {
                assert_eq!(counted, instructions.to_bits(), "{id}, {versions} versions");
            }
        }
    }
}
