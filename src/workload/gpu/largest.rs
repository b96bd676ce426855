//! The largest buffer that a GPU really takes, regardless of its limits.
//!
//! A limit is a promise of the driver about sizes, not about memory, and some drivers give memory
//! that they do not have until it is written. So a buffer counts as taken when all of it was
//! written and both ends read back right.

use super::{Device, most_bytes};
use crate::gpu::DeviceError;
use crate::gpu::{AdapterKind, Context, Kernel};
use crate::workload::{WorkloadError, memory};

const KERNEL: &str = include_str!("../../../kernels/fill.wgsl");

/// Threads of a workgroup, and workgroups: few enough for any device, and enough that no thread has
/// more than some hundred rounds.
const GROUP: u32 = 256;
const GROUPS: u32 = 16_384;

/// Bytes that the kernel writes at a time.
const VECTOR: u64 = 16;

/// Steps in which the size is refined: four, to a sixteenth.
const STEPS: u32 = 4;

/// Returns the bytes of the largest buffer that the device really takes, to a sixteenth.
///
/// It is at most what the device's kernels can reach and, for a GPU without memory of its own, half
/// of the host memory that is available.
///
/// It takes and writes some buffers of about that size, so everything else on the device has to
/// leave room for it.
///
/// # Errors
///
/// When the device takes no buffer at all, or fails.
pub fn largest_buffer(device: &Device) -> Result<u64, WorkloadError> {
    let adapter = device.adapter();
    let limit = most_bytes(adapter);
    let limit = match adapter.kind {
        // Systems end processes that take too much of it.
        AdapterKind::Software | AdapterKind::Integrated => {
            memory::available().map_or(limit, |available| limit.min(available / 2))
        }
        AdapterKind::Discrete | AdapterKind::Virtual | AdapterKind::Unknown => limit,
    };
    let largest =
        largest(limit, |bytes| match device.call(move |context| takes(context, bytes)) {
            Err(DeviceError::OutOfMemory) => Ok(false),
            taken => taken,
        })?;
    // A device that was lost for want of memory takes none either.
    device.call(|_| Ok(()))?;
    largest.ok_or_else(|| DeviceError::OutOfMemory.into())
}

/// Returns the largest size up to `limit`, in whole vectors, that is taken; `None` if not even the
/// smallest is.
fn largest(
    limit: u64,
    mut takes: impl FnMut(u64) -> Result<bool, DeviceError>,
) -> Result<Option<u64>, DeviceError> {
    let whole = |bytes: u64| bytes / VECTOR * VECTOR;
    let mut taken = whole(limit);
    let mut refused = None;
    while taken > 0 && !takes(taken)? {
        refused = Some(taken);
        taken = whole(taken / 2);
    }
    let Some(mut refused) = refused else { return Ok(Some(taken).filter(|&bytes| bytes > 0)) };
    for _ in 0..STEPS {
        let between = whole(taken.midpoint(refused));
        if between == taken {
            break;
        }
        *(if takes(between)? { &mut taken } else { &mut refused }) = between;
    }
    Ok(Some(taken).filter(|&bytes| bytes > 0))
}

/// Writes a buffer of `bytes` bytes, a multiple of a vector's, and returns whether its ends read
/// back right.
fn takes(context: &Context, bytes: u64) -> Result<bool, DeviceError> {
    let count = (bytes / VECTOR) as u32;
    let buffer = context.output(bytes)?;
    let kernel = Kernel {
        source: KERNEL,
        entry_point: "fill",
        overrides: &[("GROUP", f64::from(GROUP))],
        grid: [count.div_ceil(GROUP).min(GROUPS), 1],
    };
    let params = [count, 0, 0, 0];
    let kernel = context.prepare(&kernel, bytemuck::cast_slice(&params), &buffer, &[])?;
    context.repeat(&kernel, 1)?;
    let window = context.window(VECTOR)?;
    for place in [0, count - 1] {
        let words = [place, !place, place.wrapping_mul(0x9e37_79b9), count];
        let from = u64::from(place) * VECTOR;
        let right = context.read(&buffer, from, &window, |bytes| {
            bytes.as_chunks().0.iter().copied().map(u32::from_le_bytes).eq(words)
        })?;
        if !right {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::adapters;

    /// What is found where there is memory for `there` bytes, and what was asked for.
    fn find(limit: u64, there: u64) -> (Option<u64>, Vec<u64>) {
        let mut asked = Vec::new();
        let found = largest(limit, |bytes| {
            asked.push(bytes);
            Ok(bytes <= there)
        });
        (found.expect("no failure"), asked)
    }

    #[test]
    fn the_largest_size_is_found_to_a_sixteenth() {
        let gib = 1 << 30;
        for there in [16, 17, 100, 4096, gib / 3, gib / 2, gib / 2 + 16, gib - 16, gib - 1] {
            let (found, asked) = find(gib, there);
            let found = found.expect("there is some");
            assert!(found <= there && found.is_multiple_of(VECTOR), "{found} of {there}");
            assert!(found + found / 16 + VECTOR > there, "{found} of {there}");
            assert!(asked.iter().all(|&bytes| bytes <= gib && bytes.is_multiple_of(VECTOR)));
            assert!(asked.contains(&found), "{found} was not taken");
        }
    }

    #[test]
    fn a_limit_is_met_at_once_and_nothing_is_found_out() {
        assert_eq!(find(1000, u64::MAX), (Some(992), vec![992]));
        assert_eq!(find(64, 0), (None, vec![64, 32, 16]));
        assert_eq!(find(15, u64::MAX), (None, vec![]));
        let failed = largest(64, |_| Err(DeviceError::Lost("gone".to_owned())));
        assert_eq!(failed, Err(DeviceError::Lost("gone".to_owned())));
    }

    #[test]
    fn a_buffer_of_any_size_that_there_is_counts_as_taken() {
        let threads = u64::from(GROUP) * u64::from(GROUPS);
        for adapter in adapters() {
            let device = Device::open(&adapter).expect("one that is listed can be opened");
            // The last has a vector more than the grid has threads.
            for vectors in [1, 257, threads + 1] {
                let taken = device.call(move |context| takes(context, vectors * VECTOR));
                assert_eq!(taken, Ok(true), "{vectors} vectors, {}", adapter.name);
            }
        }
    }
}
