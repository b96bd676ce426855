//! A GPU opened for workloads, and the resources that they keep on it.
//!
//! Opening takes some drivers longer than a measurement, and memory of two opened devices is not
//! shared, so all workloads of a GPU work on one. Everything that goes to the driver goes through
//! the device's thread, which may be given up: making buffers and kernels, using them, and dropping
//! them as well.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use crate::gpu::DeviceError;
use crate::gpu::{Adapter, Context, Guarded, Health};
use crate::workload::WorkloadError;

/// How long the driver may take for any call: opening the device and compiling a kernel take
/// longest. Waiting for work ends sooner by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// A GPU opened for workloads. A clone is the same device, so any number of workloads share one.
///
/// Workloads of one device take turns. A device that failed stays so, and its resources are given
/// up.
#[derive(Clone, Debug)]
pub struct Device {
    opened: Arc<Opened>,
}

#[derive(Debug)]
struct Opened {
    adapter: Adapter,
    context: Guarded<Context>,
}

impl Device {
    /// Opens a GPU, which takes up to a second, depending on the driver.
    ///
    /// # Errors
    ///
    /// When the driver refuses or fails.
    pub fn open(adapter: &Adapter) -> Result<Self, WorkloadError> {
        let name = format!("gpu {}", adapter.number);
        let to_open = adapter.clone();
        let open = move |health: &Health| Context::open(&to_open, health);
        let context = Guarded::open(&name, 1, PATIENCE, open)?;
        Ok(Self { opened: Arc::new(Opened { adapter: adapter.clone(), context }) })
    }

    /// Returns the adapter that was opened.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.opened.adapter
    }

    /// Runs a call on the device's thread and returns its result.
    pub(super) fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&Context) -> Result<R, DeviceError> + Send + 'static,
    ) -> Result<R, DeviceError> {
        self.opened.context.call(PATIENCE, call)
    }

    /// Makes a resource of the driver on the device's thread.
    pub(super) fn keep<T: Send + Sync + 'static>(
        &self,
        make: impl FnOnce(&Context) -> Result<T, DeviceError> + Send + 'static,
    ) -> Result<DeviceResource<T>, DeviceError> {
        // An answer that is no longer taken is given up, not dropped where it lies.
        let make = move |context: &Context| Ok(ManuallyDrop::new(Arc::new(make(context)?)));
        let thing = self.call(make)?;
        Ok(DeviceResource { device: self.clone(), thing: Some(ManuallyDrop::into_inner(thing)) })
    }
}

/// A resource of the driver, buffers or a kernel, that only the device's thread touches.
#[derive(Debug)]
pub(super) struct DeviceResource<T: Send + Sync + 'static> {
    device: Device,
    /// The resource; `None` while it is dropped.
    thing: Option<Arc<T>>,
}

impl<T: Send + Sync + 'static> DeviceResource<T> {
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the resource, for what of it does not go to the driver.
    pub(super) fn get(&self) -> &T {
        self.thing.as_ref().expect("dropping alone takes it")
    }

    /// Runs a call with the resource on the device's thread and returns its result.
    pub(super) fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&Context, &T) -> Result<R, DeviceError> + Send + 'static,
    ) -> Result<R, DeviceError> {
        let thing = self.share();
        self.device.call(move |context| call(context, &thing))
    }

    fn share(&self) -> Arc<T> {
        self.thing.clone().expect("dropping alone takes it")
    }

    /// Makes another resource of this one.
    pub(super) fn keep<U: Send + Sync + 'static>(
        &self,
        make: impl FnOnce(&Context, &T) -> Result<U, DeviceError> + Send + 'static,
    ) -> Result<DeviceResource<U>, DeviceError> {
        let thing = self.share();
        self.device.keep(move |context| make(context, &thing))
    }
}

impl<T: Send + Sync + 'static> Drop for DeviceResource<T> {
    fn drop(&mut self) {
        let thing = self.thing.take();
        // Calls wait for the work that they submit, so that the driver uses it no more.
        self.device.opened.context.discard(thing);
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use super::*;
    use crate::gpu::{AdapterKind, adapters};
    use crate::workload::gpu::{Arithmetic, Bandwidth, Matmul, Transfer, largest_buffer};
    use crate::workload::{Shape, Workload};

    fn devices() -> Vec<Device> {
        let devices: Vec<_> = adapters()
            .iter()
            .map(|adapter| Device::open(adapter).expect("one that is listed can be opened"))
            .collect();
        if devices.is_empty() {
            eprintln!("not tested: no driver offers a GPU");
        }
        devices
    }

    /// Bytes that the driver has given, once all that was dropped is back.
    fn allocated(device: &Device) -> Option<u64> {
        device.call(|context| Ok(context.allocated())).expect("a healthy device")
    }

    #[test]
    fn a_dropped_workload_gives_its_memory_back() {
        const ARRAY: u64 = 1 << 24;
        for device in devices() {
            let Some(before) = allocated(&device) else {
                eprintln!("not tested: {}: nobody counts its memory", device.adapter().name);
                continue;
            };
            let mut bandwidth = Bandwidth::new(&device, Transfer::Copy, ARRAY).expect("it fits");
            bandwidth.run(Duration::ZERO).expect("a healthy device");
            bandwidth.check().expect("right");
            let shape = Shape::square(64).expect("small");
            let mut matmul = Matmul::new(&device, Arithmetic::F32, shape).expect("it fits");
            let held = allocated(&device).expect("as before");
            assert!(held >= before + 4 * ARRAY, "three arrays and where they are read: {held}");
            drop(bandwidth);
            assert!(allocated(&device).expect("as before") < held - 4 * ARRAY);
            matmul.run(Duration::ZERO).expect("a healthy device");
            matmul.check().expect("right");
            drop(matmul);
            assert!(allocated(&device).expect("as before") <= before);
            largest_buffer(&device).expect("some memory");
            assert!(allocated(&device).expect("as before") <= before);
        }
    }

    #[test]
    fn workloads_of_a_failed_device_fail_and_are_dropped_without_it() {
        for device in devices() {
            let shape = Shape::square(64).expect("small");
            let mut matmul = Matmul::new(&device, Arithmetic::F32, shape).expect("it fits");
            let lost = DeviceError::Lost("as a test has it".to_owned());
            let failed = device.call({
                let lost = lost.clone();
                |_| Err::<(), _>(lost)
            });
            assert_eq!(failed, Err(lost.clone()));
            let refused = matmul.run(Duration::ZERO).expect_err("a failed device");
            assert_eq!(refused.to_string(), lost.to_string());
            Matmul::new(&device, Arithmetic::F32, shape).expect_err("a failed device");
            drop(matmul);
        }
    }

    /// Runs out of addresses on the way, so it has a process of its own. The driver takes seconds to give
    /// and take back all of them.
    #[test]
    fn a_device_that_has_no_memory_left_stays_well() {
        const NAME: &str =
            "workload::gpu::device::tests::a_device_that_has_no_memory_left_stays_well";
        const ALONE: &str = "PERJOULE_TEST_ALONE";
        if env::var_os(ALONE).is_some() {
            // The memory of a real one is others' too.
            let software = |device: &Device| device.adapter().kind == AdapterKind::Software;
            return devices().into_iter().filter(software).for_each(|device| exhaust(&device));
        }
        let test = env::args_os().next().expect("the name of a program comes first");
        let mut alone = Command::new(test);
        alone.args(["--exact", NAME, "--nocapture"]).env(ALONE, "yes");
        let output = alone.output().expect("it has been started before");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
        errors.lines().filter(|line| line.starts_with("not tested")).for_each(|line| {
            eprintln!("{line}");
        });
    }

    /// Takes buffers until the driver gives no more, and then works on.
    fn exhaust(device: &Device) {
        // All addresses of a process: of what is not written there is nothing else.
        const MOST: usize = 1 << 16;
        let largest = device.adapter().max_buffer_bytes / 4 * 4;
        let mut taken = Vec::new();
        let refused = loop {
            match device.keep(move |context| context.output(largest)) {
                Ok(buffer) if taken.len() < MOST => taken.push(buffer),
                Ok(_) => break None,
                Err(failure) => break Some(failure),
            }
        };
        match refused {
            Some(failure) => assert_eq!(failure, DeviceError::OutOfMemory),
            None => eprintln!("not tested: {} gives any memory", device.adapter().driver),
        }
        drop(taken);
        let shape = Shape::square(64).expect("small");
        let mut matmul = Matmul::new(device, Arithmetic::F32, shape).expect("a healthy device");
        matmul.run(Duration::ZERO).expect("a healthy device");
        matmul.check().expect("right");
    }
}
