//! How the kernel of each operation is run, and what it must compute: the kernels of
//! `kernels/peak_*.wgsl`, repeated by the host in whole numbers.

use super::PeakOperation;
use crate::gpu::Adapter;
use crate::workload::number::{F16, Number};

const F32_KERNEL: &str = include_str!("../../../../kernels/peak_f32.wgsl");
const F16_KERNEL: &str = include_str!("../../../../kernels/peak_f16.wgsl");
const I8_KERNEL: &str = include_str!("../../../../kernels/peak_i8.wgsl");
const BLOCK_KERNEL: &str = include_str!("../../../../kernels/peak_coop.wgsl");

/// Threads of a workgroup, and subgroups of one on matrix units.
const GROUP: u32 = 256;
const SUBGROUPS: u32 = 4;

/// Rounds of one dispatch, and what each has: turns of pairs of words, or multiplications of blocks.
pub(super) const ROUNDS: u32 = 64;
const TURNS: u32 = 4;
const PAIRS: u32 = 16;
const PRODUCTS: u32 = 16;

/// Words that are checked: one of each of this many threads, or all of this many subgroups.
const THREADS: usize = 4096;
const STORED: usize = 4;

/// Factor that points are turned by, and the factor and addend of separate operations: powers of
/// two, which do not round.
const TURN: f32 = 1.0;
const FACTOR: f32 = 2.0;
const ADDEND: f32 = 0.25;

/// Factors of 8-bit integers, four in each word.
const DOTS: [u32; 2] = [0x7fad_6589, 0x9153_c67b];

/// Factor that spreads a number over all bits.
const SPREAD: u32 = 0x9e37_79b1;

/// A kernel, its parameters, and the results that it must have.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) source: &'static str,
    pub(super) entry_point: &'static str,
    /// Threads of a workgroup.
    pub(super) group: u32,
    pub(super) params: [u32; 8],
    /// Blocks for the matrix units; empty where there are none.
    pub(super) factors: Vec<u16>,
    /// Operations of one round, for a workgroup or for a subgroup: whichever counts its rounds.
    pub(super) operations: u64,
    /// Whether subgroups count rounds, so that it is the driver's choice how many do.
    pub(super) by_subgroups: bool,
    /// Numbers that must be found, repeated over all words.
    pub(super) expected: Vec<f64>,
    /// Number of words that are found.
    pub(super) words: usize,
    /// Returns the number that a word stands for.
    pub(super) number: fn(u32) -> f64,
}

impl Plan {
    pub(super) fn new(operation: PeakOperation, adapter: &Adapter) -> Self {
        let floats = [TURN, FACTOR, 1.0 / FACTOR, ADDEND, -ADDEND].map(f32::to_bits);
        let [turn, factor, inverse, addend, negative] = floats;
        let of_floats = Self {
            source: F32_KERNEL,
            entry_point: "fused",
            group: GROUP,
            params: [ROUNDS, turn, factor, inverse, addend, negative, 0, 0],
            factors: Vec::new(),
            // A multiplication and an addition for each word of a pair.
            operations: u64::from(4 * PAIRS * TURNS * GROUP),
            by_subgroups: false,
            expected: Vec::new(),
            words: THREADS,
            number: f64::from,
        };
        match operation {
            PeakOperation::FusedF32 => Self { expected: words(|n| fused(n, 20)), ..of_floats },
            PeakOperation::SeparateF32 => {
                let expected = words(|n| separate(n, 20));
                Self { entry_point: "separate", expected, ..of_floats }
            }
            PeakOperation::FusedF16 => {
                let expected = words(|n| fused(n, 8));
                Self { source: F16_KERNEL, expected, ..of_floats }
            }
            PeakOperation::SeparateF16 => {
                let (source, entry_point) = (F16_KERNEL, "separate");
                Self { source, entry_point, expected: words(|n| separate(n, 8)), ..of_floats }
            }
            PeakOperation::Dot8 => Self {
                source: I8_KERNEL,
                entry_point: "dots",
                params: [ROUNDS, DOTS[0], DOTS[1], 0, 0, 0, 0, 0],
                // Four multiplications and four additions for each word of a pair.
                operations: u64::from(16 * PAIRS * TURNS * GROUP),
                expected: words(dots),
                ..of_floats
            },
            PeakOperation::CooperativeMatrix => {
                let has_16 = adapter.matrix_blocks.contains(&16);
                let (entry_point, side) =
                    if has_16 { ("multiply_16", 16) } else { ("multiply_8", 8) };
                let factors = factors(side);
                let expected = products(side, &factors);
                Self {
                    source: BLOCK_KERNEL,
                    entry_point,
                    group: (SUBGROUPS * adapter.subgroup).min(adapter.max_group_threads),
                    params: [ROUNDS, 0, 0, 0, 0, 0, 0, 0],
                    operations: u64::from(2 * PRODUCTS) * (side as u64).pow(3),
                    by_subgroups: true,
                    words: STORED * expected.len(),
                    number: |word| f32::from_bits(word).into(),
                    factors,
                    expected,
                }
            }
        }
    }
}

/// Returns the words of the threads that differ: each the sum of what its pairs end as, from the
/// words that they begin with.
fn words(end: impl Fn([u32; 2]) -> u32) -> Vec<f64> {
    let thread = |thread: u32| {
        let first = 2 * PAIRS * thread;
        let pair = |i: u32| [first + i, first + PAIRS + i].map(|n| n.wrapping_mul(SPREAD));
        (0..PAIRS).map(|i| end(pair(i))).fold(0, u32::wrapping_add)
    };
    (0..16).map(|n| thread(n).into()).collect()
}

/// Makes a point from the leading bits of two words, in multiples of 2^-bits: operations keep to
/// those.
fn point(words: [u32; 2], bits: u32) -> [i64; 2] {
    let [x, y] = words.map(|word| i64::from(word >> (32 - bits)));
    [x + (1 << bits), y + (1 << bits >> 2)]
}

fn bits_of([x, y]: [i64; 2], bits: u32) -> u32 {
    let number = |steps: i64| (steps as f32 / (1_u32 << bits) as f32).to_bits();
    number(x).wrapping_add(number(y))
}

fn fused(words: [u32; 2], bits: u32) -> u32 {
    let [mut x, mut y] = point(words, bits);
    for _ in 0..ROUNDS * TURNS {
        x += y;
        y -= x;
    }
    bits_of([x, y], bits)
}

/// Returns the result of separate operations: each multiplication is undone by another, and each
/// addition by a subtraction.
fn separate(words: [u32; 2], bits: u32) -> u32 {
    bits_of(point(words, bits), bits)
}

fn dots(words: [u32; 2]) -> u32 {
    let dot = |a: i32, b: u32| -> i32 {
        let pairs = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
        pairs.map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b.cast_signed())).sum()
    };
    let [mut x, mut y] = words.map(u32::cast_signed);
    for _ in 0..ROUNDS * TURNS {
        x = x.wrapping_add(dot(y, DOTS[0]));
        y = y.wrapping_add(dot(x, DOTS[1]));
    }
    x.wrapping_add(y).cast_unsigned()
}

/// Returns four blocks of a left factor and four of a right one: whole numbers from -4 to 4, in
/// binary16.
fn factors(side: usize) -> Vec<u16> {
    const NUMBERS: [u16; 8] = [0xc400, 0xc200, 0xc000, 0xbc00, 0x3c00, 0x4000, 0x4200, 0x4400];
    let number = |n: u32| NUMBERS[(n.wrapping_mul(SPREAD) >> 29) as usize];
    (0..8 * side * side).map(|n| number(n as u32)).collect()
}

/// Returns the 16 products of the blocks, summed over all rounds.
fn products(side: usize, factors: &[u16]) -> Vec<f64> {
    let numbers: Vec<_> = factors.iter().map(|&bits| F16::from_bits(bits).to_f64()).collect();
    let (left, right) = numbers.split_at(4 * side * side);
    let mut all = Vec::new();
    for a in left.chunks_exact(side * side) {
        for b in right.chunks_exact(side * side) {
            for row in a.chunks_exact(side) {
                let column = |c: usize| b[c..].iter().step_by(side);
                let dot = |c| row.iter().zip(column(c)).map(|(a, b)| a * b).sum::<f64>();
                all.extend((0..side).map(|c| f64::from(ROUNDS) * dot(c)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_on_the_way_needs_rounding() {
        // Binary16 has 11 digits and binary32 has 24.
        for (bits, digits) in [(8, 11), (20, 24)] {
            for words in [[0; 2], [u32::MAX; 2], [0, u32::MAX], [u32::MAX, 0], [SPREAD, 5]] {
                let [mut x, mut y] = point(words, bits);
                for _ in 0..6 {
                    x += y;
                    assert!(x != 0 && x.abs() < 1 << digits, "{x}");
                    y -= x;
                    assert!(y != 0 && y.abs() < 1 << digits, "{y}");
                }
                assert_eq!([x, y], point(words, bits), "six turns lead back");
            }
        }
        for side in [8, 16] {
            let products = products(side, &factors(side));
            assert_eq!(products.len(), 16 * side * side);
            let most = products.iter().fold(0.0, |most: f64, sum| most.max(sum.abs()));
            assert!(most > 0.0 && most < f64::from(1 << 24));
        }
    }

    #[test]
    fn threads_differ_in_what_they_find() {
        let ends: [fn([u32; 2]) -> u32; 5] = [
            |words| fused(words, 8),
            |words| fused(words, 20),
            |words| separate(words, 8),
            |words| separate(words, 20),
            dots,
        ];
        for end in ends {
            let mut found = words(end);
            found.sort_by(f64::total_cmp);
            found.dedup();
            // Of the few sums that eight bits give, two may be the same.
            assert!(found.len() > 12, "{found:?}");
        }
    }
}
