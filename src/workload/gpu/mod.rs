//! Workloads of GPUs: the kernels of `kernels/` on an opened [`Device`].

mod bandwidth;
mod device;
mod largest;
mod latency;
mod matmul;
mod peak;

pub use self::bandwidth::{Bandwidth, Transfer};
pub use self::device::Device;
pub use self::largest::largest_buffer;
pub use self::latency::Latency;
pub use self::matmul::{Arithmetic, Matmul};
pub use self::peak::{Peak, PeakOperation};

use std::time::{Duration, Instant};

use crate::gpu::DeviceError;
use crate::gpu::{Adapter, Prepared};

use self::device::DeviceResource;
use super::{Done, WorkloadError};
use crate::units::WorkAmount;

/// Shortest time that a submission should take: the host needs a ten-thousandth of a second between
/// two.
const SUBMISSION: Duration = Duration::from_millis(40);

/// A kernel that is run over and over.
#[derive(Debug)]
struct Routine {
    kernel: DeviceResource<Prepared>,
    /// Number of dispatches that fill a submission, as far as is known.
    dispatches: u64,
}

impl Routine {
    fn new(kernel: DeviceResource<Prepared>) -> Self {
        Self { kernel, dispatches: 1 }
    }

    /// Runs the kernel once.
    fn once(&self) -> Result<(), DeviceError> {
        self.kernel.call(|context, kernel| context.repeat(kernel, 1))
    }

    /// Runs the kernel for about `time`, in submissions of as many dispatches as fill one.
    fn repeat(&mut self, time: Duration, unit: WorkAmount) -> Result<Done, WorkloadError> {
        super::repeat(time, unit, |mut left| {
            while left > 0 {
                let now = left.min(self.dispatches);
                let start = Instant::now();
                self.kernel.call(move |context, kernel| context.repeat(kernel, now))?;
                if now == self.dispatches && start.elapsed() < SUBMISSION {
                    self.dispatches *= 2;
                }
                left -= now;
            }
            Ok(())
        })
    }
}

/// Returns the bytes of numbers, padded to a whole number of vectors of 16 bytes, which is what
/// kernels read.
fn bytes<T: bytemuck::Pod>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = bytemuck::cast_slice(numbers).to_vec();
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

/// Checks that the GPU computes with binary16; the error names what it lacks.
fn has_f16(adapter: &Adapter) -> Result<(), &'static str> {
    let lacks = !adapter.features.contains(&"f16");
    if lacks { Err("f16") } else { Ok(()) }
}

/// Checks that the GPU has matrix units that a kernel here can use; the error names what it lacks.
fn has_blocks(adapter: &Adapter) -> Result<(), &'static str> {
    let lacks = has_f16(adapter).is_err() || adapter.matrix_blocks.is_empty();
    if lacks { Err("cooperative matrices of f16 and f32") } else { Ok(()) }
}

/// Limit of the bytes of a buffer that kernels index with 32 bits, its elements having at least 4
/// bytes.
const INDEXED: u64 = 1 << 34;

/// Returns the most bytes that one buffer can have, as far as is known without allocating it.
fn most_bytes(adapter: &Adapter) -> u64 {
    adapter.max_buffer_bytes.min(adapter.max_binding_bytes).min(INDEXED - 16)
}

/// Checks that a buffer would not be larger than the device can have, and returns its size.
fn fits(adapter: &Adapter, what: &'static str, asked: u64) -> Result<u64, WorkloadError> {
    let limit = most_bytes(adapter);
    if asked > limit { Err(WorkloadError::TooLarge { what, asked, limit }) } else { Ok(asked) }
}
