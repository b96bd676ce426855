//! Peak rates of the arithmetic units of a processor: chains of operations in registers, as many as
//! it takes for none to wait for another.
//!
//! The chains go round in circles of numbers that are exact in every step, so that the end of each
//! is known however long it ran. What they show is a rate: the numbers hardly change, so the power
//! they draw is less than that of real work. That of integers is
//! [`EnginePeak::widest`](crate::workload::sha256d::EnginePeak::widest).

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::units::WorkAmount;
use crate::workload::check::CheckError;
use crate::workload::memory::reserve;
use crate::workload::number::{Output, random};
use crate::workload::team::ThreadTeam;
use crate::workload::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError, repeat};

/// The arithmetic units whose peak rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Units {
    /// Fused multiply-adds of binary32 (f32).
    FmaF32,
    /// Fused multiply-adds of binary64 (f64).
    FmaF64,
    /// Multiplications and additions of binary32 (f32), one of each in turn.
    MulAddF32,
}

impl Units {
    /// All units.
    pub const ALL: [Self; 3] = [Self::FmaF32, Self::FmaF64, Self::MulAddF32];

    /// Returns the variant that stands for the units in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::FmaF32 => Variant::FmaF32,
            Self::FmaF64 => Variant::FmaF64,
            Self::MulAddF32 => Variant::MulAddF32,
        }
    }
}

/// The peak workload of a processor: arithmetic that touches no memory.
#[derive(Debug)]
pub struct Peak {
    units: Units,
    team: ThreadTeam,
    chains: Vec<Mutex<Box<dyn Chains>>>,
}

impl Peak {
    /// Prepares chains in the widest registers of this processor.
    ///
    /// # Errors
    ///
    /// When the processor has no such instructions, or the number of threads is zero or too large.
    pub fn new(units: Units, threads: usize) -> Result<Self, WorkloadError> {
        let team = ThreadTeam::new(threads)?;
        let chains = team.make(|thread| {
            let seed = thread as u64;
            Ok(match units {
                Units::FmaF32 => boxed(Floats::fma(widest(kernels::fma_f32(), FMA)?, seed)?),
                Units::FmaF64 => boxed(Floats::fma(widest(kernels::fma_f64(), FMA)?, seed)?),
                Units::MulAddF32 => boxed(Floats::mul_add(
                    widest(kernels::mul_add_f32(), "instructions for addition")?,
                    seed,
                )?),
            })
        })?;
        Ok(Self { units, team, chains })
    }
}

const FMA: &str = "instructions for fused multiply-add";

fn widest<T: Copy>(
    kernels: Vec<Kernel<T>>,
    what: &'static str,
) -> Result<Kernel<T>, WorkloadError> {
    kernels.into_iter().next().ok_or(WorkloadError::Missing { what })
}

fn boxed(chains: impl Chains + 'static) -> Box<dyn Chains> {
    Box::new(chains)
}

impl Workload for Peak {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Peak,
            variant: self.units.variant(),
            size: Size::Registers,
            place: Place::Cores(self.team.threads()),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        self.team.run(&self.chains, time, |chains, time| {
            let mut operations = 0;
            let done = repeat(time, WorkAmount::Flops(1), |rounds| {
                operations += chains.run(rounds);
                Ok(())
            })?;
            Ok(Done { work: WorkAmount::Flops(operations), ..done })
        })
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        let checked = self.team.each(&self.chains, |chains| chains.check());
        Ok(checked.into_iter().collect::<Result<(), _>>()?)
    }
}

/// The chains of operations of a thread.
trait Chains: fmt::Debug + Send {
    /// Runs the chains for this many rounds, and returns how many operations those were.
    fn run(&mut self, rounds: u64) -> u64;

    /// Checks the numbers that the chains ended with, and overwrites them.
    fn check(&mut self) -> Result<(), CheckError>;
}

/// Chains of floating-point numbers.
#[derive(Debug)]
struct Floats<T> {
    kernel: Kernel<T>,
    /// Constants of two operations of all chains: for each lane four numbers.
    constants: Vec<T>,
    start: Vec<T>,
    found: Vec<T>,
    expected: Vec<T>,
}

/// A kernel that runs chains with an instruction set.
#[derive(Clone, Copy, Debug)]
struct Kernel<T> {
    /// Number of lanes: the numbers in a register.
    lanes: usize,
    /// Number of chains: each has a register.
    chains: usize,
    /// Takes the numbers from the start through this many rounds of two steps, and one step more:
    /// `(constants, start, found, rounds)`.
    ///
    /// # Safety
    ///
    /// The processor must have the instructions.
    run: unsafe fn(&[T], &[T], &mut [T], u64),
}

/// Operations in a step: one to multiply and one to add.
const OPERATIONS: u64 = 2;

impl<T: Float> Floats<T> {
    /// Makes chains that add a·b in one step and (-2a)·(b/2) in the next: all exact, since a and b
    /// have half of the digits.
    fn fma(kernel: Kernel<T>, seed: u64) -> Result<Self, WorkloadError> {
        Self::new(kernel, seed, |x, a, b| ([a, b, -2.0 * a, b / 2.0], x, x + a * b))
    }

    /// Makes chains that go from x + 64 to x, multiply it by m, and then by 1/m, which gives x
    /// except for its last digits. Those are gone when 64 is added, since x has half of the digits.
    fn mul_add(kernel: Kernel<T>, seed: u64) -> Result<Self, WorkloadError> {
        Self::new(kernel, seed, |x, m, _| ([m, 1.0 / m, -64.0, 64.0], x + 64.0, x * m))
    }

    /// Makes chains. From three random numbers, `circle` makes the constants, the start and the end
    /// of one: the first number is the chain's, the other two are the same for all chains of a
    /// lane.
    fn new(
        kernel: Kernel<T>,
        seed: u64,
        circle: impl Fn(f64, f64, f64) -> ([f64; 4], f64, f64),
    ) -> Result<Self, WorkloadError> {
        let Kernel { lanes, chains, .. } = kernel;
        let number = |place: usize| {
            let bits = random(seed, place as u64) >> (64 - T::HALF);
            1.0 + bits as f64 / f64::from(T::HALF).exp2()
        };
        let none = T::from_f64(0.0);
        let mut floats = Self {
            kernel,
            constants: reserve(4 * lanes, none)?,
            start: reserve(chains * lanes, none)?,
            found: reserve(chains * lanes, T::UNWRITTEN)?,
            expected: reserve(chains * lanes, none)?,
        };
        for place in 0..chains * lanes {
            let lane = place % lanes;
            let (constants, start, end) =
                circle(number(2 * lanes + place), number(lane), number(lanes + lane));
            for (number, constant) in constants.into_iter().enumerate() {
                floats.constants[number * lanes + lane] = T::from_f64(constant);
            }
            floats.start[place] = T::from_f64(start);
            floats.expected[place] = T::from_f64(end);
        }
        Ok(floats)
    }
}

impl<T: Float> Chains for Floats<T> {
    fn run(&mut self, rounds: u64) -> u64 {
        let Self { kernel, constants, start, found, .. } = self;
        // SAFETY: a kernel is chosen only where the processor has its instructions.
        unsafe { (kernel.run)(constants, start, found, rounds) };
        (2 * rounds + 1) * OPERATIONS * found.len() as u64
    }

    fn check(&mut self) -> Result<(), CheckError> {
        let mut pairs = self.found.iter().zip(&self.expected).enumerate();
        let wrong = pairs.find(|(_, (found, expected))| found != expected);
        let checked = wrong.map_or(Ok(()), |(place, (found, expected))| {
            let [found, expected] = [found, expected].map(|number| number.to_f64());
            Err(CheckError::Number { place: place as u64, found, expected })
        });
        self.found.fill(T::UNWRITTEN);
        checked
    }
}

trait Float: Output {
    /// Half of the bits that a number has after the first one.
    const HALF: u32;

    fn from_f64(number: f64) -> Self;
}

impl Float for f32 {
    const HALF: u32 = 10;

    fn from_f64(number: f64) -> Self {
        number as Self
    }
}

impl Float for f64 {
    const HALF: u32 = 25;

    fn from_f64(number: f64) -> Self {
        number
    }
}

/// A kernel of two steps of an instruction set on as many registers as there are `$chain`s: few
/// enough to leave four for the constants, and enough to hide a latency of four on three or four
/// pipes.
macro_rules! kernel {
    ($float:ty, $lanes:literal, [$($chain:literal)*], $feature:meta, $load:path, $store:path,
        |$x:ident, $p:ident, $q:ident, $r:ident, $s:ident| [$first:expr, $second:expr]
    ) => {{
        const CHAINS: usize = [$($chain),*].len();

        #[$feature]
        fn run(constants: &[$float], start: &[$float], found: &mut [$float], rounds: u64) {
            let [constants, start] = [constants, start].map(|all| all.as_chunks::<$lanes>().0);
            let found = found.as_chunks_mut::<$lanes>().0;
            // SAFETY: a register holds as many numbers as the array.
            let load = |numbers: &[$float; $lanes]| unsafe { $load(numbers.as_ptr()) };
            let [$p, $q, $r, $s] = [0, 1, 2, 3].map(|place| load(&constants[place]));
            let mut chains = [$p; CHAINS];
            crate::sha256::unroll!(CHAIN in [$($chain)*] { chains[CHAIN] = load(&start[CHAIN]); });
            for _ in 0..rounds {
                crate::sha256::unroll!(CHAIN in [$($chain)*] {
                    let $x = chains[CHAIN];
                    chains[CHAIN] = $first;
                });
                crate::sha256::unroll!(CHAIN in [$($chain)*] {
                    let $x = chains[CHAIN];
                    chains[CHAIN] = $second;
                });
            }
            crate::sha256::unroll!(CHAIN in [$($chain)*] {
                let $x = chains[CHAIN];
                let last = $first;
                // SAFETY: as above.
                unsafe { $store(found[CHAIN].as_mut_ptr(), last) };
            });
        }

        Kernel { lanes: $lanes, chains: CHAINS, run }
    }};
}

/// [`kernel`] with 24 chains, for instruction sets with 32 registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! kernel24 {
    ($float:ty, $lanes:literal, $($rest:tt)*) => {
        kernel!($float, $lanes, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23],
            $($rest)*)
    };
}

/// [`kernel`] with 12 chains, for instruction sets with 16 registers.
#[cfg(not(target_arch = "aarch64"))]
macro_rules! kernel12 {
    ($float:ty, $lanes:literal, $($rest:tt)*) => {
        kernel!($float, $lanes, [0 1 2 3 4 5 6 7 8 9 10 11], $($rest)*)
    };
}

/// The kernels that this processor can run, the widest first.
#[cfg(target_arch = "x86_64")]
mod kernels {
    use core::arch::x86_64::{
        _mm_add_ps, _mm_loadu_ps, _mm_mul_ps, _mm_storeu_ps, _mm256_add_ps, _mm256_fmadd_pd,
        _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_mul_ps, _mm256_storeu_pd,
        _mm256_storeu_ps, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd,
        _mm512_loadu_ps, _mm512_mul_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    };

    use super::Kernel;

    pub(super) fn fma_f32() -> Vec<Kernel<f32>> {
        let mut kernels = Vec::new();
        if is_x86_feature_detected!("avx512f") {
            kernels.push(kernel24!(
                f32,
                16,
                target_feature(enable = "avx512f"),
                _mm512_loadu_ps,
                _mm512_storeu_ps,
                |x, p, q, r, s| [_mm512_fmadd_ps(p, q, x), _mm512_fmadd_ps(r, s, x)]
            ));
        }
        if is_x86_feature_detected!("avx") && is_x86_feature_detected!("fma") {
            kernels.push(kernel12!(
                f32,
                8,
                target_feature(enable = "avx,fma"),
                _mm256_loadu_ps,
                _mm256_storeu_ps,
                |x, p, q, r, s| [_mm256_fmadd_ps(p, q, x), _mm256_fmadd_ps(r, s, x)]
            ));
        }
        kernels
    }

    pub(super) fn fma_f64() -> Vec<Kernel<f64>> {
        let mut kernels = Vec::new();
        if is_x86_feature_detected!("avx512f") {
            kernels.push(kernel24!(
                f64,
                8,
                target_feature(enable = "avx512f"),
                _mm512_loadu_pd,
                _mm512_storeu_pd,
                |x, p, q, r, s| [_mm512_fmadd_pd(p, q, x), _mm512_fmadd_pd(r, s, x)]
            ));
        }
        if is_x86_feature_detected!("avx") && is_x86_feature_detected!("fma") {
            kernels.push(kernel12!(
                f64,
                4,
                target_feature(enable = "avx,fma"),
                _mm256_loadu_pd,
                _mm256_storeu_pd,
                |x, p, q, r, s| [_mm256_fmadd_pd(p, q, x), _mm256_fmadd_pd(r, s, x)]
            ));
        }
        kernels
    }

    pub(super) fn mul_add_f32() -> Vec<Kernel<f32>> {
        let mut kernels = Vec::new();
        if is_x86_feature_detected!("avx512f") {
            kernels.push(kernel24!(
                f32,
                16,
                target_feature(enable = "avx512f"),
                _mm512_loadu_ps,
                _mm512_storeu_ps,
                |x, p, q, r, s| [
                    _mm512_mul_ps(_mm512_add_ps(x, r), p),
                    _mm512_add_ps(_mm512_mul_ps(x, q), s)
                ]
            ));
        }
        if is_x86_feature_detected!("avx") {
            kernels.push(kernel12!(
                f32,
                8,
                target_feature(enable = "avx"),
                _mm256_loadu_ps,
                _mm256_storeu_ps,
                |x, p, q, r, s| [
                    _mm256_mul_ps(_mm256_add_ps(x, r), p),
                    _mm256_add_ps(_mm256_mul_ps(x, q), s)
                ]
            ));
        }
        // Every x86-64 processor has this.
        kernels.push(kernel12!(
            f32,
            4,
            target_feature(enable = "sse"),
            _mm_loadu_ps,
            _mm_storeu_ps,
            |x, p, q, r, s| [_mm_mul_ps(_mm_add_ps(x, r), p), _mm_add_ps(_mm_mul_ps(x, q), s)]
        ));
        kernels
    }
}

/// The kernels for NEON, which these targets are compiled with.
#[cfg(target_arch = "aarch64")]
mod kernels {
    use core::arch::aarch64::{
        vaddq_f32, vfmaq_f32, vfmaq_f64, vld1q_f32, vld1q_f64, vmulq_f32, vst1q_f32, vst1q_f64,
    };

    use super::Kernel;

    pub(super) fn fma_f32() -> Vec<Kernel<f32>> {
        vec![kernel24!(
            f32,
            4,
            target_feature(enable = "neon"),
            vld1q_f32,
            vst1q_f32,
            |x, p, q, r, s| [vfmaq_f32(x, p, q), vfmaq_f32(x, r, s)]
        )]
    }

    pub(super) fn fma_f64() -> Vec<Kernel<f64>> {
        vec![kernel24!(
            f64,
            2,
            target_feature(enable = "neon"),
            vld1q_f64,
            vst1q_f64,
            |x, p, q, r, s| [vfmaq_f64(x, p, q), vfmaq_f64(x, r, s)]
        )]
    }

    pub(super) fn mul_add_f32() -> Vec<Kernel<f32>> {
        vec![kernel24!(
            f32,
            4,
            target_feature(enable = "neon"),
            vld1q_f32,
            vst1q_f32,
            |x, p, q, r, s| [vmulq_f32(vaddq_f32(x, r), p), vaddq_f32(vmulq_f32(x, q), s)]
        )]
    }
}

/// The kernels of other processors: one number at a time, and no fused multiply-add that is known
/// to be an instruction.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod kernels {
    use core::ptr::{read, write};

    use super::Kernel;

    pub(super) fn fma_f32() -> Vec<Kernel<f32>> {
        Vec::new()
    }

    pub(super) fn fma_f64() -> Vec<Kernel<f64>> {
        Vec::new()
    }

    pub(super) fn mul_add_f32() -> Vec<Kernel<f32>> {
        vec![kernel12!(f32, 1, inline(never), read, write, |x, p, q, r, s| [
            (x + r) * p,
            x * q + s
        ])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_round<T: Float>(mut floats: Floats<T>) {
        for rounds in [0, 1, 2, 1001] {
            let operations = floats.run(rounds);
            assert_eq!(operations, (2 * rounds + 1) * 2 * floats.expected.len() as u64);
            floats.check().expect("exact");
            assert!(floats.check().is_err(), "nothing was computed");
        }
        // The chains are different, and one wrong number shows.
        floats.run(1);
        let last = floats.found.len() - 1;
        floats.found.swap(0, last);
        assert!(floats.check().is_err());
    }

    #[test]
    fn chains_end_where_they_must() {
        for seed in 0..50 {
            for kernel in kernels::fma_f32() {
                goes_round(Floats::fma(kernel, seed).expect("small"));
            }
            for kernel in kernels::fma_f64() {
                goes_round(Floats::fma(kernel, seed).expect("small"));
            }
            for kernel in kernels::mul_add_f32() {
                goes_round(Floats::mul_add(kernel, seed).expect("small"));
            }
        }
    }

    #[test]
    fn a_missing_instruction_is_an_error() {
        let refused = widest::<f32>(Vec::new(), FMA);
        let text = refused.expect_err("none").to_string();
        assert_eq!(text, "there are no instructions for fused multiply-add");
    }
}
