//! Workloads that machines are scored with: SHA-256d, matrix products, memory bandwidth, and the
//! peak rates of the arithmetic units.
//!
//! Everything is a [`Workload`]: prepared by its constructor, run for a time, and checked
//! afterwards. A run holds nothing but the work, so that a clock or a meter around it measures just
//! that. All results can be checked, since a fast wrong result is worth nothing.
//!
//! - [`sha256d`]: the search for Bitcoin's proof of work, and what it is compared with;
//! - `matmul`: matrix products, the work of AI; see [`check`] for how their results are verified;
//! - [`cpu::Bandwidth`]: memory bandwidth, by the definitions of STREAM;
//! - [`cpu::Peak`]: peak rates of the arithmetic units, from registers: the roof of everything
//!   else;
//! - `gpu`: the same on GPUs, and their launch latency.

pub mod check;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod kind;
mod memory;
pub mod number;
pub mod sha256d;
mod team;

use std::fmt;
use std::time::{Duration, Instant};

use crate::engine::EngineErrorKind;
use crate::engine::selftest::SelfTestError;
use crate::gpu::DeviceError;
use crate::units::WorkAmount;

pub use self::check::CheckError;
pub use self::kind::{Kind, Variant};
#[cfg(all(test, feature = "score"))]
pub(crate) use self::memory::available as available_memory;
#[cfg(feature = "score")]
pub(crate) use self::memory::check as check_memory;
#[cfg(all(feature = "gpu", feature = "score"))]
pub(crate) use self::memory::last_level_caches;
#[cfg(feature = "decision")]
pub(crate) use self::number::random;

/// A unit of benchmark work that was prepared to run on a machine.
pub trait Workload: fmt::Debug + Send {
    /// Returns the name of the workload: the kind of work, its variant and size, and the device or
    /// the number of threads.
    fn label(&self) -> Label;

    /// Works for about as long as `time` says, and for at least one whole unit of work.
    ///
    /// # Errors
    ///
    /// When a device failed. Processors do not fail.
    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError>;

    /// Checks the results since the last check, and overwrites them, so that the next check finds
    /// only what was written after this one. Without a run in between nothing was written, which is
    /// an error.
    ///
    /// # Errors
    ///
    /// When a result is wrong or missing, when a device failed, or when there is no memory for the
    /// check.
    fn check(&mut self) -> Result<(), WorkloadError>;

    /// Returns how long the device has worked until now, by its own clock; `None` if it has no such
    /// clock. The growth over some time, divided by that time, is the device's utilization.
    fn busy(&self) -> Option<Duration> {
        None
    }
}

/// Work that was done, and the time that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Amount of work done by all threads together.
    pub work: WorkAmount,
    /// Wall-clock time from the start of the first thread to the end of the last; never zero.
    pub took: Duration,
}

impl Done {
    /// Returns the rate of the work: units per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.work.value() as f64 / self.took.as_secs_f64()
    }
}

/// The name of a workload: kind, variant, size, and the device or threads that it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Kind of the work.
    pub kind: Kind,
    /// Variant of that kind: the engine, the type of the numbers, or the operation.
    pub variant: Variant,
    /// Size of the work.
    pub size: Size,
    /// Device or threads that the workload runs on.
    pub place: Place,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, variant, size, place } = self;
        write!(f, "{kind} {variant}")?;
        match size {
            Size::Registers => {}
            Size::Versions(1) => f.write_str(", 1 version")?,
            Size::Versions(versions) => write!(f, ", {versions} versions")?,
            Size::Bytes(bytes) => write!(f, ", {bytes} bytes")?,
            Size::Product(shape) => write!(f, ", {shape}")?,
        }
        write!(f, ", {place}")
    }
}

/// The place where a workload runs: threads of the processor or a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The processor, with this number of threads.
    Cores(usize),
    /// The GPU of this number, from 0.
    Gpu(u8),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cores(1) => f.write_str("1 thread"),
            Self::Cores(threads) => write!(f, "{threads} threads"),
            Self::Gpu(number) => write!(f, "gpu:{number}"),
        }
    }
}

/// The size of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Size {
    /// Registers only: no memory is touched.
    Registers,
    /// A search, with this number of versions of a header tried on each nonce.
    Versions(usize),
    /// Arrays, with this number of bytes in all of them together.
    Bytes(u64),
    /// A matrix product, with matrices of this shape.
    Product(Shape),
}

/// The shape of a product of an m × k matrix by a k × n matrix; no side is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    m: usize,
    n: usize,
    k: usize,
}

impl Shape {
    /// Makes the shape of a product of an m × k matrix by a k × n matrix.
    ///
    /// # Errors
    ///
    /// When a side is zero, or there would be more operations or elements than can be counted.
    pub fn new(m: usize, n: usize, k: usize) -> Result<Self, WorkloadError> {
        if [m, n, k].contains(&0) {
            return Err(WorkloadError::Empty);
        }
        let flops = [m, n, k].into_iter().try_fold(2_u64, |all, side| all.checked_mul(side as u64));
        // Rust's slices, and kernels that count backwards, have no more than this.
        let elements = [(m, n), (m, k), (k, n)]
            .into_iter()
            .all(|(a, b)| a.checked_mul(b).is_some_and(|all| isize::try_from(all).is_ok()));
        if flops.is_none() || !elements {
            let asked = m.max(n).max(k) as u64;
            return Err(WorkloadError::TooLarge { what: "rows or columns", asked, limit: MOST });
        }
        Ok(Self { m, n, k })
    }

    /// Makes the shape of a product of two square matrices of side `n`.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn square(n: usize) -> Result<Self, WorkloadError> {
        Self::new(n, n, n)
    }

    /// Returns m: the rows of the product and of its left factor.
    #[must_use]
    pub fn m(self) -> usize {
        self.m
    }

    /// Returns n: the columns of the product and of its right factor.
    #[must_use]
    pub fn n(self) -> usize {
        self.n
    }

    /// Returns k: the columns of the left factor and the rows of the right one.
    #[must_use]
    pub fn k(self) -> usize {
        self.k
    }

    /// Returns the multiplications and additions of the schoolbook product: 2 m n k.
    #[must_use]
    pub fn flops(self) -> u64 {
        2 * self.m as u64 * self.n as u64 * self.k as u64
    }
}

/// Largest side of a cube whose operations are fewer than 2^64.
const MOST: u64 = 2_097_151;

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.m, self.n, self.k)
    }
}

/// Error of a workload that could not be prepared, run or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// A matrix has no rows or no columns.
    #[error("a matrix has no rows or no columns")]
    Empty,
    /// More was asked for than there is.
    #[error("{asked} {what} are too many: the limit is {limit}")]
    TooLarge {
        /// What was asked for, with its unit, such as `bytes for arrays`.
        what: &'static str,
        /// Amount that was asked for.
        asked: u64,
        /// Largest amount that is allowed or available.
        limit: u64,
    },
    /// The device lacks something that the workload needs.
    #[error("there are no {what}")]
    Missing {
        /// What the device lacks.
        what: &'static str,
    },
    /// The operating system did not give this much memory.
    #[error("out of memory: the system does not give {bytes} bytes")]
    OutOfMemory {
        /// Bytes that were asked for at once.
        bytes: u64,
    },
    /// A number of threads is zero or too large.
    #[error("{threads} threads, expected 1 to {}", crate::search::MAX_THREADS)]
    Threads {
        /// Number of threads that was asked for.
        threads: usize,
    },
    /// The operating system did not start this many threads.
    #[error("cannot start {threads} threads")]
    Start {
        /// Number of threads that was asked for.
        threads: usize,
        /// Error of the thread pool.
        source: rayon::ThreadPoolBuildError,
    },
    /// A result is wrong.
    #[error("wrong result: {0}")]
    Wrong(#[from] CheckError),
    /// An engine failed its self-test.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    /// A device failed.
    #[error("{0}")]
    Device(#[from] DeviceError),
    /// An engine failed other than by its device: its results are wrong.
    #[error("{0}")]
    Engine(#[from] EngineErrorKind),
}

impl WorkloadError {
    /// Returns whether the same workload at a smaller size might succeed.
    fn is_of_size(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::OutOfMemory { .. }
                | Self::Device(DeviceError::OutOfMemory)
        )
    }
}

/// Works for about `time`: calls `work` with the number of units to do next, at least one
/// altogether.
///
/// The clock is read ever more rarely at first, and then so that the end is met; reading it costs
/// as much as the smallest products.
pub(crate) fn repeat(
    time: Duration,
    unit: WorkAmount,
    mut work: impl FnMut(u64) -> Result<(), WorkloadError>,
) -> Result<Done, WorkloadError> {
    let start = Instant::now();
    let (mut done, mut next) = (0_u64, 1_u64);
    loop {
        work(next)?;
        done = done.saturating_add(next);
        let took = start.elapsed().max(Duration::from_nanos(1));
        let left = time.saturating_sub(took).as_secs_f64() / took.as_secs_f64() * done as f64;
        // At most as much again as was done: the first units are slower than the others.
        next = (left.round() as u64).min(done);
        if next == 0 {
            let work = unit.checked_mul(done).unwrap_or(unit);
            return Ok(Done { work, took });
        }
    }
}

/// Returns the workload that `make` gives for the size at which its rate stops rising.
///
/// The size begins at `first` and doubles each time, until the rate rises by 3 % or less or there
/// is no memory for more.
///
/// Each size is run three times, each time for `time` or for one unit of work, whichever is longer.
/// No size is tried of which a unit would take more than a hundred times `time`.
///
/// # Errors
///
/// When `make` or a workload fails, except that a size after the first may be too large.
pub fn grow<W: Workload>(
    first: usize,
    time: Duration,
    mut make: impl FnMut(usize) -> Result<W, WorkloadError>,
) -> Result<W, WorkloadError> {
    const RISE: f64 = 1.03;
    const PATIENCE: u32 = 100;
    let mut best: Option<(f64, W)> = None;
    let mut size = first;
    loop {
        let mut workload = match (make(size), &best) {
            (Err(trouble), Some(_)) if trouble.is_of_size() => break,
            (made, _) => made?,
        };
        workload.run(Duration::ZERO)?;
        let mut rate = 0.0_f64;
        let mut longest = Duration::ZERO;
        for _ in 0..3 {
            let done = workload.run(time)?;
            rate = rate.max(done.rate());
            longest = longest.max(done.took);
        }
        let rises = best.as_ref().is_none_or(|(before, _)| rate > before * RISE);
        if best.as_ref().is_none_or(|(before, _)| rate > *before) {
            best = Some((rate, workload));
        }
        // Twice the sides are eight times the work.
        let too_long = longest > time && longest * 8 > time * PATIENCE;
        let Some(next) = size.checked_mul(2).filter(|_| rises && !too_long) else { break };
        size = next;
    }
    best.map(|(_, workload)| workload).ok_or(WorkloadError::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_adds_up_only_with_its_like() {
        let kinds =
            [WorkAmount::Hashes, WorkAmount::Flops, WorkAmount::Bytes, WorkAmount::Operations];
        for (at, kind) in kinds.iter().enumerate() {
            assert_eq!(kind(2).checked_add(kind(3)), Some(kind(5)));
            assert_eq!(kind(u64::MAX).checked_add(kind(1)), None);
            assert_eq!(kind(7).checked_mul(6), Some(kind(42)));
            assert_eq!(kind(1 << 63).checked_mul(2), None);
            assert_eq!(kind(9).value(), 9);
            for (other, another) in kinds.iter().enumerate() {
                assert_eq!(kind(1).checked_add(another(1)).is_some(), at == other);
                assert_eq!(kind(1).unit() == another(2).unit(), at == other);
            }
        }
        assert_eq!(WorkAmount::Flops(3).to_string(), "3 FLOP");
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        for sides in [[0, 1, 1], [1, 0, 1], [1, 1, 0]] {
            let refused = Shape::new(sides[0], sides[1], sides[2]);
            assert!(matches!(refused, Err(WorkloadError::Empty)));
        }
        for sides in [[usize::MAX, 1, 1], [1, usize::MAX, 2], [1 << 32; 3], [1 << 40, 1, 1 << 40]] {
            let refused = Shape::new(sides[0], sides[1], sides[2]);
            let text = refused.expect_err("too large").to_string();
            assert!(text.ends_with("are too many: the limit is 2097151"), "{text}");
        }
        let largest = Shape::square(MOST as usize).expect("the largest");
        assert_eq!(u128::from(largest.flops()), 2 * u128::from(MOST).pow(3));
        assert!(Shape::square(MOST as usize + 1).is_err());
        assert_eq!(Shape::new(2, 3, 5).expect("small").flops(), 60);
    }

    #[test]
    fn a_repetition_does_at_least_one_unit_and_counts_all() {
        let mut counted = 0;
        let done = repeat(Duration::ZERO, WorkAmount::Bytes(3), |units| {
            counted += units;
            Ok(())
        });
        assert_eq!((done.expect("no failure").work, counted), (WorkAmount::Bytes(3), 1));
        let time = Duration::from_millis(3);
        let mut counted = 0;
        let done = repeat(time, WorkAmount::Bytes(2), |units| {
            counted += units;
            std::thread::sleep(Duration::from_micros(10) * units as u32);
            Ok(())
        });
        assert_eq!(done.expect("no failure").work, WorkAmount::Bytes(2 * counted));
        assert!(counted > 0);
        let failed = repeat(time, WorkAmount::Bytes(1), |_| Err(WorkloadError::Empty));
        assert!(matches!(failed, Err(WorkloadError::Empty)));
    }

    /// A workload that has a rate, and does nothing.
    #[derive(Debug)]
    struct Fake {
        size: usize,
        rate: u64,
    }

    impl Workload for Fake {
        fn label(&self) -> Label {
            Label {
                kind: Kind::Latency,
                variant: Variant::F32,
                size: Size::Registers,
                place: Place::Cores(1),
            }
        }

        fn run(&mut self, _: Duration) -> Result<Done, WorkloadError> {
            Ok(Done { work: WorkAmount::Operations(self.rate), took: Duration::from_secs(1) })
        }

        fn check(&mut self) -> Result<(), WorkloadError> {
            Ok(())
        }
    }

    #[test]
    fn sizes_grow_until_the_rate_does_not() {
        let size_until = |end: fn() -> WorkloadError, rates: &[u64], time| {
            let mut left = rates.iter();
            let grown = grow(256, time, |size| {
                left.next().map(|&rate| Fake { size, rate }).ok_or_else(end)
            });
            grown.map(|fake| fake.size)
        };
        let too_large = || WorkloadError::TooLarge { what: "", asked: 0, limit: 0 };
        let size_of = |rates: &[u64], time| size_until(too_large, rates, time);
        let hour = Duration::from_hours(1);
        assert_eq!(size_of(&[100, 200, 300, 305, 1000], hour).expect("sizes"), 2048);
        assert_eq!(size_of(&[100, 200, 150, 1000], hour).expect("sizes"), 512);
        let ends: [fn() -> WorkloadError; 3] = [
            too_large,
            || WorkloadError::OutOfMemory { bytes: 1 },
            || WorkloadError::Device(DeviceError::OutOfMemory),
        ];
        for end in ends {
            assert_eq!(size_until(end, &[100, 200], hour).expect("memory ended"), 512);
        }
        let failed = || WorkloadError::Device(DeviceError::Lost(String::new()));
        size_until(failed, &[100, 200], hour).expect_err("the device is gone");
        assert_eq!(size_of(&[100, 200, 300], Duration::from_millis(1)).expect("time ended"), 256);
        assert!(matches!(size_of(&[], hour), Err(WorkloadError::TooLarge { .. })));
    }

    #[test]
    fn labels_say_what_a_number_is_of() {
        let label = |size, threads| {
            let place = Place::Cores(threads);
            Label { kind: Kind::Matmul, variant: Variant::F32, size, place }
        };
        let shape = Shape::new(1, 2, 3).expect("small");
        let text = [
            label(Size::Product(shape), 1).to_string(),
            label(Size::Bytes(9), 2).to_string(),
            label(Size::Registers, 3).to_string(),
        ];
        let expected = [
            "matmul f32, 1 x 2 x 3, 1 thread",
            "matmul f32, 9 bytes, 2 threads",
            "matmul f32, 3 threads",
        ];
        assert_eq!(text, expected);
    }
}
