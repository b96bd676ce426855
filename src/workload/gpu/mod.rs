//! The workloads of GPUs: the kernels of `kernels/` on an opened device.

mod bandwidth;
mod matmul;
mod peak;

pub use self::bandwidth::{Bandwidth, Transfer};
pub use self::matmul::{Arithmetic, Matmul};
pub use self::peak::{Operation, Peak};

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Failure;
use crate::gpu::{Adapter, Context, Guarded, Health, LONG, Prepared};

use super::{Done, Trouble, Work};

/// How long a driver may take to open a device, or to compile a kernel.
const COMPILING: Duration = Duration::from_mins(1);

/// How long a submission should take at the least: the host needs a ten-thousandth of a second
/// between two.
const SUBMISSION: Duration = Duration::from_millis(40);

/// A device that runs one kernel over and over.
#[derive(Debug)]
struct Station<B: Send + Sync + 'static> {
    device: Guarded<Opened<B>>,
    /// Dispatches that fill a submission, as far as is known.
    dispatches: u64,
}

/// A context with the buffers of a workload.
#[derive(Debug)]
struct Opened<B> {
    context: Context,
    buffers: B,
}

impl<B: Send + Sync + 'static> Station<B> {
    fn open(
        adapter: &Adapter,
        fill: impl FnOnce(&Context) -> Result<B, Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let name = format!("gpu {}", adapter.number);
        let adapter = adapter.clone();
        let open = move |health: &Health| {
            let context = Context::open(&adapter, health)?;
            let buffers = fill(&context)?;
            Ok(Opened { context, buffers })
        };
        Ok(Self { device: Guarded::open(&name, 1, COMPILING, open)?, dispatches: 1 })
    }

    fn buffers(&self) -> &B {
        &self.device.get().buffers
    }

    /// Something with the device that takes no longer than compiling a kernel does.
    fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Opened<B>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.device.call(COMPILING, call)
    }

    /// Works for about `time`, in submissions of as many dispatches as fill one.
    fn repeat(
        &mut self,
        time: Duration,
        unit: Work,
        prepared: &Arc<Prepared>,
    ) -> Result<Done, Trouble> {
        super::repeat(time, unit, |mut left| {
            while left > 0 {
                let now = left.min(self.dispatches);
                let start = Instant::now();
                let prepared = prepared.clone();
                self.device.call(LONG, move |opened| opened.context.repeat(&prepared, now))?;
                if now == self.dispatches && start.elapsed() < SUBMISSION {
                    self.dispatches *= 2;
                }
                left -= now;
            }
            Ok(())
        })
    }
}

/// The bytes of numbers, filled up to a whole number of vectors of 16 bytes, which is what kernels
/// read.
fn bytes<T: bytemuck::Pod>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = bytemuck::cast_slice(numbers).to_vec();
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

/// Fails where a buffer would be larger than the device can have.
fn fits(adapter: &Adapter, what: &'static str, asked: u64) -> Result<u64, Trouble> {
    let limit = adapter.max_buffer_bytes.min(adapter.max_binding_bytes);
    if asked > limit { Err(Trouble::TooLarge { what, asked, limit }) } else { Ok(asked) }
}
