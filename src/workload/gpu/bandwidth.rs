//! Memory bandwidth of a GPU, and of transfers between it and the host.
//!
//! Copy and triad are those of STREAM, over arrays of f32 that no cache holds. Transfers between
//! host and device take the way that every program's data take: written through a buffer of the
//! driver's, read through one that the host maps. A card in a riser with a single lane shows here.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::{Device, DeviceResource, Routine, fits};
use crate::gpu::DeviceError;
use crate::gpu::{Adapter, Kernel};
use crate::units::WorkAmount;
use crate::workload::check::CheckError;
use crate::workload::memory::{self, reserve};
use crate::workload::number::{Output, fill};
use crate::workload::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError, repeat};

const KERNEL: &str = include_str!("../../../kernels/bandwidth.wgsl");

/// Threads of a workgroup, and workgroups: some waves on the largest devices there are, and no more
/// rounds of a thread than all drivers do.
const GROUP: u32 = 256;
const GROUPS: u32 = 16_384;

/// Factor of the triad.
const FACTOR: f32 = 3.0;

/// The operation whose bandwidth is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// STREAM copy, to = first: 8 bytes for each number.
    Copy,
    /// STREAM triad, to = first + 3 second: 12 bytes for each number.
    Triad,
    /// Transfer from the host to the device: 4 bytes for each number.
    Upload,
    /// Transfer from the device to the host: 4 bytes for each number.
    Download,
}

impl Transfer {
    /// All operations.
    pub const ALL: [Self; 4] = [Self::Copy, Self::Triad, Self::Upload, Self::Download];

    /// Returns the variant that stands for the operation in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::Copy => Variant::Copy,
            Self::Triad => Variant::Triad,
            Self::Upload => Variant::Upload,
            Self::Download => Variant::Download,
        }
    }

    /// Returns the number of arrays that are read and written.
    fn arrays(self) -> u64 {
        match self {
            Self::Copy => 2,
            Self::Triad => 3,
            Self::Upload | Self::Download => 1,
        }
    }
}

/// The memory bandwidth workload of a GPU: operations on the same numbers, over and over.
#[derive(Debug)]
pub struct Bandwidth {
    transfer: Transfer,
    arrays: DeviceResource<Arrays>,
    routine: Routine,
    /// Bytes of one array.
    bytes: u64,
    first: Arc<Vec<f32>>,
    second: Arc<Vec<f32>>,
    /// Bytes that were downloaded last.
    downloaded: Vec<u8>,
}

#[derive(Debug)]
struct Arrays {
    to: wgpu::Buffer,
    first: wgpu::Buffer,
    second: wgpu::Buffer,
    window: wgpu::Buffer,
}

impl Bandwidth {
    /// Returns the bytes of each array if `array` bytes are asked for.
    ///
    /// # Errors
    ///
    /// When an array is larger than the device or the host can have.
    pub(crate) fn check_size(adapter: &Adapter, array: u64) -> Result<u64, WorkloadError> {
        let whole = array.max(16).checked_next_multiple_of(16);
        let array = fits(adapter, "bytes for an array", whole.unwrap_or(u64::MAX))?;
        memory::check("bytes for the arrays", array.checked_mul(3))?;
        Ok(array)
    }

    /// Prepares arrays of `array` bytes each, rounded up to whole vectors; `array` should be at
    /// least four times what the device's caches hold.
    ///
    /// # Errors
    ///
    /// When an array is larger than the device or the host can have, or the device fails.
    pub fn new(device: &Device, transfer: Transfer, array: u64) -> Result<Self, WorkloadError> {
        let array = Self::check_size(device.adapter(), array)?;
        let numbers = |seed| -> Result<_, WorkloadError> {
            let mut numbers = reserve(array as usize / 4, 0.0_f32)?;
            fill(&mut numbers, seed);
            Ok(Arc::new(numbers))
        };
        let (first, second) = (numbers(1)?, numbers(2)?);
        let given = [first.clone(), second.clone()];
        let arrays = device.keep(move |context| {
            // The host writes and reads it too.
            let from = context.output(array)?;
            context.write(&from, bytemuck::cast_slice(&given[0]))?;
            let second = context.input(bytemuck::cast_slice(&given[1]))?;
            let to = context.output(array)?;
            let window = context.window(to.size())?;
            Ok(Arrays { to, first: from, second, window })
        })?;
        let kernel = arrays.keep(move |context, Arrays { to, first, second, .. }| {
            let vectors = (array / 16) as u32;
            let kernel = Kernel {
                source: KERNEL,
                entry_point: if transfer == Transfer::Triad { "triad" } else { "copy" },
                overrides: &[("GROUP", f64::from(GROUP))],
                grid: [vectors.div_ceil(4 * GROUP).clamp(1, GROUPS), 1],
            };
            let params = [vectors, FACTOR.to_bits(), 0, 0];
            context.prepare(&kernel, bytemuck::cast_slice(&params), to, &[first, second])
        })?;
        let routine = Routine::new(kernel);
        let downloaded = Vec::new();
        let bandwidth = Self { transfer, arrays, routine, bytes: array, first, second, downloaded };
        bandwidth.spoil()?;
        Ok(bandwidth)
    }

    /// Overwrites the place of the result with what no result is.
    fn spoil(&self) -> Result<(), DeviceError> {
        let poison = vec![f32::UNWRITTEN; self.first.len()];
        let upload = self.transfer == Transfer::Upload;
        self.arrays.call(move |context, arrays| {
            let to = if upload { &arrays.first } else { &arrays.to };
            context.write(to, bytemuck::cast_slice(&poison))
        })
    }

    /// Uploads or downloads an array once.
    fn transfer(&mut self) -> Result<(), DeviceError> {
        if self.transfer == Transfer::Upload {
            let first = self.first.clone();
            return self.arrays.call(move |context, arrays| {
                context.write(&arrays.first, bytemuck::cast_slice(&first))
            });
        }
        let mut into = mem::take(&mut self.downloaded);
        self.downloaded = self.arrays.call(move |context, arrays| {
            context.read(&arrays.first, 0, &arrays.window, |bytes| {
                into.resize(bytes.len(), 0);
                into.copy_from_slice(bytes);
                into
            })
        })?;
        Ok(())
    }
}

impl Workload for Bandwidth {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Bandwidth,
            variant: self.transfer.variant(),
            size: Size::Bytes(self.bytes * self.transfer.arrays()),
            place: Place::Gpu(self.arrays.device().adapter().number),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let unit = WorkAmount::Bytes(self.bytes * self.transfer.arrays());
        match self.transfer {
            Transfer::Copy | Transfer::Triad => self.routine.repeat(time, unit),
            Transfer::Upload | Transfer::Download => repeat(time, unit, |times| {
                (0..times).try_for_each(|_| self.transfer()).map_err(WorkloadError::from)
            }),
        }
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        let upload = self.transfer == Transfer::Upload;
        let found = match self.transfer {
            Transfer::Download => mem::take(&mut self.downloaded),
            _ => self.arrays.call(move |context, arrays| {
                let from = if upload { &arrays.first } else { &arrays.to };
                context.read(from, 0, &arrays.window, <[u8]>::to_vec)
            })?,
        };
        let found = found.as_chunks().0.iter().copied().map(f32::from_le_bytes);
        let mut places = 0;
        for (found, (&first, &second)) in found.zip(self.first.iter().zip(self.second.iter())) {
            // A driver may or may not make one rounding of the two.
            let [expected, or] = match self.transfer {
                Transfer::Triad => [FACTOR.mul_add(second, first), FACTOR * second + first],
                _ => [first, first],
            };
            if ![expected.to_bits(), or.to_bits()].contains(&found.to_bits()) {
                let (found, expected) = (found.into(), expected.into());
                return Err(CheckError::Number { place: places, found, expected }.into());
            }
            places += 1;
        }
        if places != self.first.len() as u64 {
            let (found, expected) = (places as usize, self.first.len());
            return Err(CheckError::Length { found, expected }.into());
        }
        self.spoil()?;
        Ok(())
    }
}
