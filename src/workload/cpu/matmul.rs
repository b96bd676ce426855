//! Matrix products on processors: f64, f32 and f16 by `gemm`, 8-bit integers by `rten-gemm`.
//!
//! Both detect the instruction sets when they run. `gemm` has kernels for x86-64 with FMA and with
//! AVX-512, and for NEON. It has none for integers, nor has `matrixmultiply`; `rten-gemm` has, for
//! AVX2, for AVX-512 with VNNI and for NEON with and without its dot products, and computes u8 × i8
//! with sums in i32, as quantised networks do.
//!
//! What `gemm` does with f16: it converts to f32, multiplies in f32 and stores the sums as f16 after
//! each block of k (every 512 or so), where it goes on from what is stored. On `AArch64` processors
//! with 16-bit arithmetic (`fp16`) it computes in f16 throughout. No processor's own matrix units
//! are used.

use std::fmt;
use std::time::Duration;

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;

use crate::units::WorkAmount;
use crate::workload::check::{Product, Rounding};
use crate::workload::memory::{self, reserve};
use crate::workload::number::{F16, Input, Output, fill};
use crate::workload::team::ThreadTeam;
use crate::workload::{
    Done, Kind, Label, Place, Shape, Size, Variant, Workload, WorkloadError, repeat,
};

/// The number type of a matrix product on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE 754 binary64 (f64).
    F64,
    /// IEEE 754 binary32 (f32).
    F32,
    /// IEEE 754 binary16 (f16).
    F16,
    /// 8-bit integers: u8 (from 1 to 127) by i8, accumulated in i32.
    I8,
}

impl Precision {
    /// All precisions, the widest first.
    pub const ALL: [Self; 4] = [Self::F64, Self::F32, Self::F16, Self::I8];

    /// Returns the variant that stands for the precision in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::F64 => Variant::F64,
            Self::F32 => Variant::F32,
            Self::F16 => Variant::F16,
            Self::I8 => Variant::I8,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.variant().name())
    }
}

/// The matrix product workload of a processor: the product of two random matrices, over and over.
#[derive(Debug)]
pub struct Matmul {
    precision: Precision,
    shape: Shape,
    team: ThreadTeam,
    matrices: Box<dyn Multiply>,
    checks: u64,
}

impl Matmul {
    /// Fills matrices of this shape with random numbers, and starts the threads.
    ///
    /// # Errors
    ///
    /// When the matrices are larger than the memory there is, the number of threads is zero or too
    /// large, or a sum of integers could be too large for an i32.
    pub fn new(precision: Precision, shape: Shape, threads: usize) -> Result<Self, WorkloadError> {
        let team = ThreadTeam::new(threads)?;
        let Need { kept, besides } = Self::needs(precision, shape)?;
        memory::check("bytes for a product", Some(kept.saturating_add(besides)))?;
        let matrices: Box<dyn Multiply> = match precision {
            Precision::F64 => Box::new(Matrices::<f64, f64, f64>::new(shape, &team)?),
            Precision::F32 => Box::new(Matrices::<f32, f32, f32>::new(shape, &team)?),
            Precision::F16 => Box::new(Matrices::<F16, F16, F16>::new(shape, &team)?),
            Precision::I8 => Box::new(Integers(Matrices::<u8, i8, i32>::new(shape, &team)?)),
        };
        Ok(Self { precision, shape, team, matrices, checks: 0 })
    }

    /// Returns the memory that a product takes.
    ///
    /// # Errors
    ///
    /// When a sum of integers could be too large for an i32.
    pub(crate) fn needs(precision: Precision, shape: Shape) -> Result<Need, WorkloadError> {
        Ok(match precision {
            Precision::F64 => Matrices::<f64, f64, f64>::need(shape),
            Precision::F32 => Matrices::<f32, f32, f32>::need(shape),
            Precision::F16 => Matrices::<F16, F16, F16>::need(shape),
            Precision::I8 => {
                let (asked, limit) = (shape.k() as u64, i32::MAX as u64 / (127 * 127));
                if asked > limit {
                    let what = "products of 8-bit numbers in a sum of 32 bits";
                    return Err(WorkloadError::TooLarge { what, asked, limit });
                }
                Matrices::<u8, i8, i32>::need(shape)
            }
        })
    }

    /// Prepares square matrices of the size from which on larger ones are not faster; see
    /// [`grow`](crate::workload::grow), to which `time` is passed.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn tuned(
        precision: Precision,
        threads: usize,
        time: Duration,
    ) -> Result<Self, WorkloadError> {
        const FIRST: usize = 256;
        crate::workload::grow(FIRST, time, |n| Self::new(precision, Shape::square(n)?, threads))
    }

    /// Returns the shape of the product.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the work of one product.
    fn unit(&self) -> WorkAmount {
        match self.precision {
            Precision::I8 => WorkAmount::Operations(self.shape.flops()),
            _ => WorkAmount::Flops(self.shape.flops()),
        }
    }
}

impl Workload for Matmul {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Matmul,
            variant: self.precision.variant(),
            size: Size::Product(self.shape),
            place: Place::Cores(self.team.threads()),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let unit = self.unit();
        let Self { team, matrices, .. } = self;
        // Both libraries share their work over the pool that they are called from.
        team.pool().install(|| {
            repeat(time, unit, |products| {
                matrices.multiply(products);
                Ok(())
            })
        })
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        self.checks += 1;
        self.matrices.check(self.checks)
    }
}

/// Bytes of memory that a product takes; `u64::MAX` stands for more than can be counted.
pub(crate) struct Need {
    /// Bytes of the matrices.
    pub(crate) kept: u64,
    /// Further bytes while the product is computed.
    pub(crate) besides: u64,
}

/// Matrices of some precision that can be multiplied.
trait Multiply: fmt::Debug + Send {
    /// Computes the product this many times, on the threads of the pool that it is called from.
    fn multiply(&mut self, times: u64);

    /// Checks the product, and overwrites it.
    fn check(&mut self, seed: u64) -> Result<(), WorkloadError>;
}

struct Matrices<A, B, C> {
    shape: Shape,
    parallelism: gemm::Parallelism,
    a: Vec<A>,
    b: Vec<B>,
    c: Vec<C>,
}

impl<A: Input, B: Input, C: Output> Matrices<A, B, C> {
    fn need(shape: Shape) -> Need {
        let [m, n, k] = [shape.m(), shape.n(), shape.k()];
        let bytes = |elements: usize, each: usize| (elements as u64).saturating_mul(each as u64);
        let parts = [
            bytes(m * k, size_of::<A>()),
            bytes(k * n, size_of::<B>()),
            bytes(m * n, size_of::<C>()),
        ];
        Need {
            kept: parts.into_iter().fold(0, u64::saturating_add),
            // The kernels copy blocks of the matrices into an order that suits them, and f16 as f32.
            besides: bytes(k.min(4096), 8).saturating_mul(m as u64 + n as u64),
        }
    }

    fn new(shape: Shape, team: &ThreadTeam) -> Result<Self, WorkloadError> {
        let [m, n, k] = [shape.m(), shape.n(), shape.k()];
        // 0 is every thread of the pool; and with one thread there is nothing to share.
        let parallelism = match team.threads() {
            1 => gemm::Parallelism::None,
            _ => gemm::Parallelism::Rayon(0),
        };
        let mut a = reserve(m * k, A::from_random(0))?;
        let mut b = reserve(k * n, B::from_random(0))?;
        let c = reserve(m * n, C::UNWRITTEN)?;
        fill(&mut a, 1);
        fill(&mut b, 2);
        Ok(Self { shape, parallelism, a, b, c })
    }

    fn check(&mut self, rounding: Rounding, seed: u64) -> Result<(), WorkloadError> {
        let Self { shape, a, b, c, .. } = self;
        let product = Product { shape: *shape, a, b, c, rounding };
        let checked = product.check(seed);
        c.fill(C::UNWRITTEN);
        checked
    }
}

impl<A, B, C> fmt::Debug for Matrices<A, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, parallelism, .. } = self;
        f.debug_struct("Matrices").field("shape", shape).field("parallelism", parallelism).finish()
    }
}

/// Floating-point numbers that `gemm` multiplies.
trait Float: Input + Output {
    /// The type that `gemm` knows, of the same layout.
    type Known: 'static;
    const ZERO: Self::Known;
    const ONE: Self::Known;

    /// Returns how `gemm` rounds in a product of this shape.
    fn rounding(shape: Shape) -> Rounding;
}

impl Float for f64 {
    type Known = Self;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn rounding(_: Shape) -> Rounding {
        Rounding::F64
    }
}

impl Float for f32 {
    type Known = Self;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn rounding(_: Shape) -> Rounding {
        Rounding::F32
    }
}

impl Float for F16 {
    type Known = gemm::f16;
    const ZERO: gemm::f16 = gemm::f16::ZERO;
    const ONE: gemm::f16 = gemm::f16::ONE;

    fn rounding(shape: Shape) -> Rounding {
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("fp16") {
            return Rounding::F16;
        }
        // A block of k is 512 or more before k is shared out evenly, so 256 or more after that.
        // Vectors, and k up to 2, are summed in the result itself.
        let by_steps = shape.m() == 1 || shape.n() == 1 || shape.k() <= 2;
        let stores = if by_steps { shape.k() } else { shape.k().div_ceil(256) };
        Rounding::F16_IN_F32.stored(stores)
    }
}

impl<T: Float> Multiply for Matrices<T, T, T> {
    fn multiply(&mut self, times: u64) {
        const { assert!(size_of::<T>() == size_of::<T::Known>()) };
        const { assert!(align_of::<T>() == align_of::<T::Known>()) };
        let Self { shape, parallelism, a, b, c } = self;
        let [m, n, k] = [shape.m(), shape.n(), shape.k()];
        // From one row to the next; within a row the step is 1. `Shape` keeps them in range.
        let [row, row_of_a] = [n.cast_signed(), k.cast_signed()];
        for _ in 0..times {
            // SAFETY: `T` is of the same layout as `T::Known`, of which every pattern of bits is a
            // number. The matrices do not overlap, and with these steps their last elements, in row
            // m - 1 or k - 1 and column k - 1 or n - 1, are the last ones of m k, k n and m n elements,
            // which the vectors have by construction.
            unsafe {
                gemm::gemm::<T::Known>(
                    m,
                    n,
                    k,
                    c.as_mut_ptr().cast(),
                    1,
                    row,
                    false,
                    a.as_ptr().cast(),
                    1,
                    row_of_a,
                    b.as_ptr().cast(),
                    1,
                    row,
                    T::ZERO,
                    T::ONE,
                    false,
                    false,
                    false,
                    *parallelism,
                );
            }
        }
    }

    fn check(&mut self, seed: u64) -> Result<(), WorkloadError> {
        self.check(T::rounding(self.shape), seed)
    }
}

/// Matrices of 8-bit integers.
#[derive(Debug)]
struct Integers(Matrices<u8, i8, i32>);

impl Multiply for Integers {
    fn multiply(&mut self, times: u64) {
        let Matrices { shape, a, b, c, .. } = &mut self.0;
        let [m, n, k] = [shape.m(), shape.n(), shape.k()];
        let a = GemmInputA::Unpacked(NdTensorView::from_data([m, k], a.as_slice()));
        let b = GemmInputB::Unpacked(NdTensorView::from_data([k, n], b.as_slice()));
        let executor = GemmExecutor::<u8, i8, i32>::default();
        for _ in 0..times {
            let done = executor.gemm(c, a, b, GemmOptions::default());
            done.expect("the sides of the matrices agree");
        }
    }

    fn check(&mut self, seed: u64) -> Result<(), WorkloadError> {
        self.0.check(Rounding::EXACT, seed)
    }
}
