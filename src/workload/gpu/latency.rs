//! Launch latency of a GPU: a kernel of one thread is recorded, submitted and waited for, again and
//! again.
//!
//! It is what a step costs any program whose next step depends on its result, and why work for a
//! GPU comes in large pieces. All of it happens on the device's thread, as in a program that calls
//! its driver directly.

use std::time::Duration;

use super::{Device, DeviceResource};
use crate::gpu::{Kernel, Prepared};
use crate::units::WorkAmount;
use crate::workload::check::CheckError;
use crate::workload::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError, repeat};

const KERNEL: &str = include_str!("../../../kernels/launch.wgsl");

/// Launches in one call to the device's thread: the call itself costs about as much as a launch.
const LAUNCHES: u64 = 1000;

/// The latency workload of a GPU: launches of a kernel, each waited for. The rate is launches per
/// second; its reciprocal is the latency.
#[derive(Debug)]
pub struct Latency {
    count: DeviceResource<wgpu::Buffer>,
    kernel: DeviceResource<Prepared>,
    /// Launches since the last check.
    launches: u64,
}

impl Latency {
    /// Prepares the kernel on this device.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn new(device: &Device) -> Result<Self, WorkloadError> {
        let count = device.keep(|context| {
            let count = context.output(4)?;
            context.write(&count, &[0; 4]).map(|()| count)
        })?;
        let kernel = count.keep(|context, count| {
            let kernel =
                Kernel { source: KERNEL, entry_point: "launch", overrides: &[], grid: [1, 1] };
            let params = [1_u32, 0, 0, 0];
            context.prepare(&kernel, bytemuck::cast_slice(&params), count, &[])
        })?;
        Ok(Self { count, kernel, launches: 0 })
    }
}

impl Workload for Latency {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Latency,
            variant: Variant::Launch,
            size: Size::Registers,
            place: Place::Gpu(self.count.device().adapter().number),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let done = repeat(time, WorkAmount::Operations(1), |mut left| {
            while left > 0 {
                let now = left.min(LAUNCHES);
                self.kernel.call(move |context, kernel| {
                    (0..now).try_for_each(|_| context.repeat(kernel, 1))
                })?;
                left -= now;
            }
            Ok(())
        })?;
        self.launches += done.work.value();
        Ok(done)
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        let counted = self.count.call(|context, count| {
            let window = context.window(count.size())?;
            let counted = context.read(count, 0, &window, |bytes| bytes.first_chunk().copied())?;
            context.write(count, &[0; 4]).map(|()| counted)
        })?;
        let counted = counted.map_or(0, u32::from_le_bytes);
        let launches = std::mem::take(&mut self.launches).max(1);
        // The count of launches is modulo 2^32.
        if counted == launches as u32 {
            return Ok(());
        }
        let (found, expected) = (f64::from(counted), launches as f64);
        Err(CheckError::Number { place: 0, found, expected }.into())
    }
}
