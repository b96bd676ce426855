//! An opened GPU: a device, its queue, and how a kernel is run on it.
//!
//! What goes wrong arrives through three doors: wgpu's handler of uncaptured errors, which by
//! default ends the process; its callback for a lost device; and what its calls return, after a
//! loss much later and misleadingly. All of them end in one [`DeviceError`] of the device's
//! [`Health`]; only that there is no memory for a buffer is reported to the caller, and is no
//! failure.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use wgpu::BufferUsages as Usage;

use super::DeviceError;
use super::wait::Waits;
use super::{Adapter, Health};

/// Time limit of a dispatch, which should take a fortieth of a second: one that takes longer hangs,
/// and a process whose GPU hangs ends within 5 seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Time limit of other work: on a software driver a large product takes seconds.
const LONG: Duration = Duration::from_secs(30);

/// A device, its queue, and whether it is well.
#[derive(Debug)]
pub(crate) struct Context {
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Seconds per tick of the device's clock; `None` if it has none.
    tick: Option<f64>,
    /// What the driver compiled, now or in an earlier run; `None` where the interface has no such thing.
    pipelines: Option<wgpu::PipelineCache>,
    health: Health,
    /// Waits for dispatches.
    waits: Waits,
}

/// The buffers of one dispatch, its own so that no other waits for them: parameters, output, and
/// what the host reads the output through.
#[derive(Debug)]
pub(crate) struct Buffers {
    params: wgpu::Buffer,
    output: wgpu::Buffer,
    read: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    clock: Option<Clock>,
}

/// A kernel of this crate, and how it is run.
///
/// Its source promises to index nothing out of bounds and to end every loop, for any input from the
/// host within the limits that it names: the checks that wgpu would add are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel<'a> {
    pub(crate) source: &'static str,
    pub(crate) entry_point: &'a str,
    pub(crate) overrides: &'a [(&'a str, f64)],
    /// Workgroups across and down.
    pub(crate) grid: [u32; 2],
}

/// A compiled kernel with its buffers and its grid, ready to be run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    grid: [u32; 2],
}

/// Two readings of the device's clock.
#[derive(Debug)]
struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

/// Size of two clock readings, in bytes.
const READINGS: u64 = 16;

/// Uses of buffers: the parameters of a kernel, its inputs, its output, what the host reads the
/// output through, and readings of the clock.
const PARAMS: Usage = Usage::UNIFORM.union(Usage::COPY_DST);
const INPUT: Usage = Usage::STORAGE.union(Usage::COPY_DST);
const OUTPUT: Usage = INPUT.union(Usage::COPY_SRC);
const WINDOW: Usage = Usage::MAP_READ.union(Usage::COPY_DST);
const READ: Usage = Usage::QUERY_RESOLVE.union(Usage::COPY_SRC);

/// Start and end of a dispatch, in seconds of the device's clock.
pub(crate) type Span = (f64, f64);

impl Prepared {
    /// Returns the number of workgroups across and down.
    pub(crate) fn grid(&self) -> [u32; 2] {
        self.grid
    }

    /// Returns the kernel with another grid.
    pub(crate) fn on(self, grid: [u32; 2]) -> Self {
        Self { grid, ..self }
    }
}

impl Context {
    /// Opens the adapter with the highest limits that it has, and those of its features that
    /// kernels here use.
    pub(crate) fn open(adapter: &Adapter, health: &Health) -> Result<Self, DeviceError> {
        // SAFETY: there is nothing of an earlier run.
        unsafe { Self::open_with_pipelines(adapter, health, None) }
    }

    /// The same, with what the driver compiled in an earlier run.
    ///
    /// # Safety
    ///
    /// `pipelines` has to be what [`Self::pipelines`] returned for this driver.
    pub(crate) unsafe fn open_with_pipelines(
        adapter: &Adapter,
        health: &Health,
        pipelines: Option<&[u8]>,
    ) -> Result<Self, DeviceError> {
        let features = adapter.inner.features() & super::adapter::features();
        let timestamps = features & wgpu::Features::TIMESTAMP_QUERY;
        let descriptor = wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.inner.limits(),
            // SAFETY: the only experimental feature that is asked for is cooperative matrices, whose
            // shapes are compared with those that the adapter has, and whose kernels keep to the
            // rules of Vulkan.
            experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.inner.request_device(&descriptor))
            .map_err(|error| DeviceError::Refused(one_line(&error.to_string())))?;
        let of_errors = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            of_errors.fails(match error {
                wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory,
                error => DeviceError::Refused(one_line(&error.to_string())),
            });
        }));
        let of_loss = health.clone();
        device.set_device_lost_callback(move |_, reason| {
            // What wgpu 30 calls it when the driver has no memory for work or code.
            of_loss.fails(match &*reason {
                "Out of memory" => DeviceError::OutOfMemory,
                reason => DeviceError::Lost(one_line(reason)),
            });
        });
        let tick = (!timestamps.is_empty()).then(|| f64::from(queue.get_timestamp_period()) * 1e-9);
        let pipelines = features
            .contains(wgpu::Features::PIPELINE_CACHE)
            // SAFETY: the data are of this driver, by the caller's promise.
            .then(|| unsafe { pipeline_cache(&device, pipelines) });
        let waits = Waits::default();
        Ok(Self { device, queue, tick, pipelines, health: health.clone(), waits })
    }

    /// Returns what the driver compiled until now, for a later run; `None` if it does not say.
    pub(crate) fn pipelines(&self) -> Option<Vec<u8>> {
        self.pipelines.as_ref()?.get_data()
    }

    /// Whether dispatches are timed by the device itself.
    pub(crate) fn has_clock(&self) -> bool {
        self.tick.is_some()
    }

    /// Compiles one of the kernels of this crate.
    ///
    /// # Safety
    ///
    /// The kernel must index nothing out of bounds and end every loop, for any numbers that the
    /// host gives it: the checks that wgpu would add are left out.
    pub(crate) unsafe fn module(&self, source: &'static str) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let checks = wgpu::ShaderRuntimeChecks::unchecked();
        // SAFETY: what is left unchecked is promised by the caller.
        unsafe { self.device.create_shader_module_trusted(descriptor, checks) }
    }

    /// A uniform buffer at binding 0 and a storage buffer at binding 1, which all kernels have, and
    /// after these `inputs` storage buffers that are only read.
    pub(crate) fn layout(&self, inputs: u32) -> wgpu::BindGroupLayout {
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let mut entries =
            vec![entry(0, wgpu::BufferBindingType::Uniform), entry(1, storage(false))];
        entries.extend((2..2 + inputs).map(|binding| entry(binding, storage(true))));
        self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &entries,
        })
    }

    /// The kernel with its overrides set. That it is refused is no failure of the device.
    pub(crate) fn pipeline(
        &self,
        layout: &wgpu::BindGroupLayout,
        module: &wgpu::ShaderModule,
        entry_point: &str,
        overrides: &[(&str, f64)],
    ) -> Result<wgpu::ComputePipeline, DeviceError> {
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device.push_error_scope(filter));
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&layout),
            module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: overrides,
                zero_initialize_workgroup_memory: false,
            },
            cache: self.pipelines.as_ref(),
        });
        // The last is to be popped first.
        let [outer, inner] = scopes;
        let refused = [inner, outer].map(|scope| pollster::block_on(scope.pop()));
        self.health.check()?;
        match refused.into_iter().flatten().next() {
            Some(error) => Err(DeviceError::Refused(one_line(&error.to_string()))),
            None => Ok(pipeline),
        }
    }

    /// Makes the buffers of a kernel with that many bytes of `params` and of `output`.
    pub(crate) fn buffers(
        &self,
        layout: &wgpu::BindGroupLayout,
        params: u64,
        output: u64,
    ) -> Result<Buffers, DeviceError> {
        let params = self.buffer(params, PARAMS)?;
        let read = self.buffer(output + READINGS, WINDOW)?;
        let output = self.output(output)?;
        let clock = match self.tick {
            Some(_) => Some(Clock {
                queries: self.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: None,
                    ty: wgpu::QueryType::Timestamp,
                    count: 2,
                }),
                resolved: self.buffer(READINGS, READ)?,
            }),
            None => None,
        };
        let bindings = self.bind(layout, &[&params, &output]);
        self.health.check()?;
        Ok(Buffers { params, output, read, bindings, clock })
    }

    /// Binds the buffers to bindings 0, 1 and so on.
    fn bind(&self, layout: &wgpu::BindGroupLayout, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
        self.device.create_bind_group(&descriptor)
    }

    /// Runs the kernel on a grid of workgroups with these `params`, the first word of its
    /// output cleared; waits for it, and returns what `read` makes of the output. `takes` is how long the dispatch
    /// should take by itself, if that is known.
    pub(crate) fn run<T>(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &Buffers,
        [x, y]: [u32; 2],
        params: &[u8],
        takes: Option<Duration>,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<(T, Option<Span>), DeviceError> {
        self.health.check()?;
        self.queue.write_buffer(&buffers.params, 0, params);
        let mut commands =
            self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        commands.clear_buffer(&buffers.output, 0, Some(4));
        let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: buffers.clock.as_ref().map(|clock| {
                wgpu::ComputePassTimestampWrites {
                    query_set: &clock.queries,
                    beginning_of_pass_write_index: Some(0),
                    end_of_pass_write_index: Some(1),
                }
            }),
        });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &buffers.bindings, &[]);
        pass.dispatch_workgroups(x, y, 1);
        drop(pass);
        let output = buffers.output.size();
        commands.copy_buffer_to_buffer(&buffers.output, 0, &buffers.read, 0, output);
        if let Some(clock) = &buffers.clock {
            commands.resolve_query_set(&clock.queries, 0..2, &clock.resolved, 0);
            commands.copy_buffer_to_buffer(&clock.resolved, 0, &buffers.read, output, READINGS);
        }
        self.look(commands, &buffers.read, PATIENCE, takes, |bytes| {
            let (output, readings) = bytes.split_at(output as usize);
            let span = self.tick.map(|tick| {
                let reading = |bytes: &[u8]| {
                    let ticks = bytes.first_chunk().copied().map_or(0, u64::from_le_bytes);
                    ticks as f64 * tick
                };
                (reading(&readings[..8]), reading(&readings[8..]))
            });
            (read(output), span)
        })
    }

    /// Submits commands that fill the buffer `window`, waits for them, and returns what `read`
    /// makes of its bytes. `takes` is how long they should take by themselves.
    fn look<T>(
        &self,
        commands: wgpu::CommandEncoder,
        window: &wgpu::Buffer,
        patience: Duration,
        takes: Option<Duration>,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, DeviceError> {
        let (mapped, result) = mpsc::channel();
        let submit = || {
            let submission = self.queue.submit([commands.finish()]);
            window.map_async(wgpu::MapMode::Read, .., move |mapping| {
                // No receiver is left where the wait was given up.
                let _ = mapped.send(mapping.is_ok());
            });
            submission
        };
        self.waits.run(takes, submit, |submission| self.finish(submission, patience))?;
        // Another thread that polls may be the one to call back, a little later.
        match result.recv_timeout(patience) {
            Ok(true) => {}
            Ok(false) => return Err(self.refused("its output cannot be mapped")),
            Err(_) => return Err(DeviceError::Hung(patience)),
        }
        let bytes = window.get_mapped_range(..);
        let bytes = bytes.map_err(|error| self.refused(&error.to_string()))?;
        let result = read(&bytes);
        drop(bytes);
        window.unmap();
        Ok(result)
    }

    /// Waits until the work is done.
    fn finish(
        &self,
        submission: wgpu::SubmissionIndex,
        patience: Duration,
    ) -> Result<(), DeviceError> {
        let poll =
            wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(patience) };
        let polled = self.device.poll(poll);
        self.health.check()?;
        match polled {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => Err(DeviceError::Hung(patience)),
            // Work that was submitted to a lost device has no place in its queue.
            Err(error) => Err(DeviceError::Lost(one_line(&error.to_string()))),
        }
    }

    /// A buffer with these bytes, for kernels to read.
    pub(crate) fn input(&self, bytes: &[u8]) -> Result<wgpu::Buffer, DeviceError> {
        let buffer = self.buffer(bytes.len() as u64, INPUT)?;
        self.write(&buffer, bytes)?;
        Ok(buffer)
    }

    /// A buffer for `bytes` bytes that kernels write and the host reads.
    pub(crate) fn output(&self, bytes: u64) -> Result<wgpu::Buffer, DeviceError> {
        self.buffer(bytes, OUTPUT)
    }

    /// Makes a buffer; if there is no memory for it, that is no failure of the device.
    fn buffer(&self, size: u64, usage: Usage) -> Result<wgpu::Buffer, DeviceError> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        });
        let refused = pollster::block_on(scope.pop());
        self.health.check()?;
        refused.map_or(Ok(buffer), |_| Err(DeviceError::OutOfMemory))
    }

    /// Fills a buffer, which is as long as `bytes`, a multiple of 4.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<(), DeviceError> {
        // wgpu keeps a copy of what is written until it has been submitted.
        const CHUNK: usize = 16 << 20;
        for (chunk, bytes) in bytes.chunks(CHUNK).enumerate() {
            self.queue.write_buffer(buffer, (chunk * CHUNK) as u64, bytes);
            let submission = self.queue.submit([]);
            self.finish(submission, LONG)?;
        }
        self.health.check()
    }

    /// Makes a buffer through which the host reads `bytes` bytes of another at a time.
    pub(crate) fn window(&self, bytes: u64) -> Result<wgpu::Buffer, DeviceError> {
        self.buffer(bytes, WINDOW)
    }

    /// Copies the bytes of a buffer from `from` on into a window, and returns what `read` makes of
    /// them.
    pub(crate) fn read<T>(
        &self,
        buffer: &wgpu::Buffer,
        from: u64,
        window: &wgpu::Buffer,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, DeviceError> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut commands = self.device.create_command_encoder(&descriptor);
        commands.copy_buffer_to_buffer(buffer, from, window, 0, window.size());
        // A gibibyte takes seconds where the card has a single slow lane.
        self.look(commands, window, LONG, None, read)
    }

    /// Prepares a kernel to be run again and again, with parameters, output and inputs.
    pub(crate) fn prepare(
        &self,
        kernel: &Kernel<'_>,
        params: &[u8],
        output: &wgpu::Buffer,
        inputs: &[&wgpu::Buffer],
    ) -> Result<Prepared, DeviceError> {
        let Kernel { source, entry_point, overrides, grid } = *kernel;
        let layout = self.layout(inputs.len() as u32);
        // SAFETY: kernels are made of sources of this crate, which promise it of themselves.
        let module = unsafe { self.module(source) };
        let pipeline = self.pipeline(&layout, &module, entry_point, overrides)?;
        let params_buffer = self.buffer(params.len() as u64, PARAMS)?;
        self.write(&params_buffer, params)?;
        let buffers: Vec<_> =
            [&params_buffer, output].into_iter().chain(inputs.iter().copied()).collect();
        let bindings = self.bind(&layout, &buffers);
        self.health.check().map(|()| Prepared { pipeline, bindings, grid })
    }

    /// Runs the kernel `times` times, one after the other, and waits for the last.
    pub(crate) fn repeat(&self, prepared: &Prepared, times: u64) -> Result<(), DeviceError> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut commands = self.device.create_command_encoder(&descriptor);
        let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&prepared.pipeline);
        pass.set_bind_group(0, &prepared.bindings, &[]);
        for _ in 0..times {
            let [x, y] = prepared.grid;
            pass.dispatch_workgroups(x, y, 1);
        }
        drop(pass);
        let submission = self.queue.submit([commands.finish()]);
        self.finish(submission, LONG)
    }

    /// Returns the bytes of all buffers; `None` if wgpu does not know.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    fn refused(&self, reason: &str) -> DeviceError {
        self.health.fails(DeviceError::Refused(one_line(reason)))
    }
}

/// Makes a cache of pipelines of these data, or an empty one where wgpu refuses them, as it does those of another model.
///
/// # Safety
///
/// `data` has to be what this driver gave.
unsafe fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let of = |data| {
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data, fallback: true };
        // SAFETY: the caller's promise.
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        (cache, pollster::block_on(scope.pop()))
    };
    match of(data) {
        (cache, None) => cache,
        (_, Some(_)) => of(None).0,
    }
}

/// Joins the lines of a message of a driver or of wgpu.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
