//! The kernels on an opened GPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use super::{Dispatch, Found, ROOM, Runner, Shape, Versions};
use crate::engine::Failure;
use crate::gpu::{Adapter, Buffers, Context, Guarded, Health, PATIENCE, Span};
use crate::job::MAX_GROUP;
use crate::sha256::rounds::{Hoisted, Midstate};

/// The search kernel and the one that its roof is measured with.
const SEARCH: &str = include_str!("../../../kernels/sha256d.wgsl");
const ROOF: &str = include_str!("../../../kernels/sha256_roof.wgsl");

/// Workgroups in one dimension, on any device.
const MOST_GROUPS: u32 = 65_535;

/// Threads of a workgroup and of a grid that run the roof kernel, and what one of its rounds is for
/// each: 32 steps of five instructions.
const ROOF_GROUP: u32 = 64;
const ROOF_THREADS: u32 = 1 << 18;
const ROOF_INSTRUCTIONS: u64 = 32 * 5;

/// Rounds of one dispatch of the roof kernel: there is a driver that ends every loop after 65,535.
const ROOF_ROUNDS: u32 = 1 << 10;

/// How long a driver may take to open the device, or to compile a kernel.
const COMPILING: Duration = Duration::from_mins(1);

/// A GPU, called from threads that a hang costs nothing but themselves.
#[derive(Debug)]
pub(super) struct Device(Guarded<Kernels>);

/// An opened GPU with its kernels.
#[derive(Debug)]
struct Kernels {
    context: Context,
    layout: wgpu::BindGroupLayout,
    module: wgpu::ShaderModule,
    roof: wgpu::ComputePipeline,
    pipelines: Mutex<HashMap<Shape, Arc<wgpu::ComputePipeline>>>,
    /// Those that no dispatch uses at present.
    idle: Mutex<Vec<Buffers>>,
    busy: Mutex<Busy>,
}

/// When the device ran.
#[derive(Debug, Default)]
struct Busy {
    seconds: f64,
    /// The end of the last dispatch, by the device's clock.
    until: f64,
}

/// `Work` of the search kernel.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Work {
    first: u32,
    count: u32,
    version: u32,
    versions: u32,
    top: u32,
    zeros: u32,
    hoisted: Hoisted,
    job: [Midstate; MAX_GROUP],
}

/// `Work` of the roof kernel; uniform buffers have at least 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RoofWork {
    rounds: u32,
    padding: [u32; 3],
}

/// Bytes of `Found` of the search kernel: the count, and two words a hit.
const FOUND: u64 = 4 + 8 * ROOM as u64;

impl Device {
    pub(super) fn open(adapter: &Adapter, calls: usize) -> Result<Self, Failure> {
        let name = format!("gpu {}", adapter.number);
        let adapter = adapter.clone();
        let open = move |health: &Health| Kernels::open(&adapter, health);
        Ok(Self(Guarded::open(&name, calls, COMPILING, open)?))
    }

    /// Starts what does not end.
    #[cfg(test)]
    pub(super) fn run_for_years(&self) -> Result<(), Failure> {
        self.0.call(PATIENCE, |kernels| {
            let work = RoofWork { rounds: 60_000, padding: [0; 3] };
            let grid = [MOST_GROUPS; 2];
            kernels.run(&kernels.roof, grid, bytemuck::bytes_of(&work), |_| ()).map(drop)
        })
    }
}

impl Kernels {
    fn open(adapter: &Adapter, health: &Health) -> Result<Self, Failure> {
        let context = Context::open(adapter, health)?;
        let layout = context.layout();
        // SAFETY: the search kernel indexes the versions of the job, of which the host asks for no
        // more than `MAX_GROUP`, and the hits, after a comparison with their room. Its loops have at
        // most four and `MAX_GROUP` rounds. The roof kernel indexes nothing, and ends after the
        // rounds that it is given.
        let (module, roof) = unsafe { (context.module(SEARCH), context.module(ROOF)) };
        let group = [("GROUP", f64::from(ROOF_GROUP))];
        let roof = context.pipeline(&layout, &roof, "exercise", &group)?;
        Ok(Self {
            context,
            layout,
            module,
            roof,
            pipelines: Mutex::default(),
            idle: Mutex::default(),
            busy: Mutex::default(),
        })
    }

    fn pipeline(&self, shape: Shape) -> Result<Arc<wgpu::ComputePipeline>, Failure> {
        let mut pipelines = lock(&self.pipelines);
        if let Some(pipeline) = pipelines.get(&shape) {
            return Ok(pipeline.clone());
        }
        let Shape { rolling, group, nonces } = shape;
        let overrides = [
            ("ROLLING", f64::from(u8::from(rolling))),
            ("GROUP", f64::from(group)),
            ("NONCES", f64::from(nonces)),
        ];
        let pipeline = self.context.pipeline(&self.layout, &self.module, "search", &overrides)?;
        let pipeline = Arc::new(pipeline);
        pipelines.insert(shape, pipeline.clone());
        Ok(pipeline)
    }

    /// Runs a kernel on buffers that are not in use.
    fn run<T>(
        &self,
        pipeline: &wgpu::ComputePipeline,
        grid: [u32; 2],
        told: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<(T, Option<Span>), Failure> {
        let idle = lock(&self.idle).pop();
        let buffers = match idle {
            Some(buffers) => buffers,
            None => self.context.buffers(&self.layout, size_of::<Work>() as u64, FOUND)?,
        };
        let result = self.context.run(pipeline, &buffers, grid, told, read)?;
        lock(&self.idle).push(buffers);
        Ok(result)
    }

    fn search(&self, shape: Shape, work: &Work) -> Result<Found, Failure> {
        let pipeline = self.pipeline(shape)?;
        let groups = work.count.div_ceil(shape.group * shape.nonces);
        let x = groups.clamp(1, MOST_GROUPS);
        let grid = [x, groups.div_ceil(x)];
        let told = bytemuck::bytes_of(work);
        let (found, span) = self.run(&pipeline, grid, told, Found::from_bytes)?;
        if let Some(span) = span {
            lock(&self.busy).add(span);
        }
        Ok(found)
    }

    fn exercise(&self, rounds: u32) -> Result<(), Failure> {
        let work = RoofWork { rounds, padding: [0; 3] };
        let grid = [ROOF_THREADS / ROOF_GROUP, 1];
        self.run(&self.roof, grid, bytemuck::bytes_of(&work), |_| ())?;
        Ok(())
    }

    fn busy(&self) -> Option<Duration> {
        self.context.has_clock().then(|| Duration::from_secs_f64(lock(&self.busy).seconds))
    }
}

impl Runner for Device {
    fn prepare(&self, shape: Shape) -> Result<(), Failure> {
        self.0.call(COMPILING, move |kernels| kernels.pipeline(shape).map(drop))
    }

    fn search(&self, shape: Shape, dispatch: Dispatch<'_>) -> Result<Found, Failure> {
        let work = Work::new(dispatch);
        self.0.call(PATIENCE, move |kernels| kernels.search(shape, &work))
    }

    fn exercise(&self, rounds: u32) -> Result<u64, Failure> {
        let mut left = rounds;
        while left > 0 {
            let rounds = left.min(ROOF_ROUNDS);
            self.0.call(PATIENCE, move |kernels| kernels.exercise(rounds))?;
            left -= rounds;
        }
        Ok(u64::from(rounds) * u64::from(ROOF_THREADS) * ROOF_INSTRUCTIONS)
    }

    fn busy(&self) -> Option<Duration> {
        self.0.get().busy()
    }
}

impl Work {
    fn new(Dispatch { job, nonces, versions }: Dispatch<'_>) -> Self {
        let (version, end) = match versions {
            Versions::All => (0, job.versions().len()),
            Versions::One(index) => (index, index + 1),
        };
        let mut midstates = [Midstate::zeroed(); MAX_GROUP];
        for (to, from) in midstates.iter_mut().zip(job.midstates()) {
            *to = *from;
        }
        let top = job.target().top_word();
        Self {
            first: nonces.start(),
            count: nonces.len().min(1 << 31) as u32,
            version: version as u32,
            versions: end as u32,
            top,
            zeros: zeros(top),
            hoisted: job.tail().hoisted(),
            job: midstates,
        }
    }
}

/// The bits that are zero in every word up to `top`, as they lie in a hash: bytes in reverse.
pub(super) fn zeros(top: u32) -> u32 {
    u32::MAX.checked_shl(32 - top.leading_zeros()).unwrap_or(0).swap_bytes()
}

impl Found {
    fn from_bytes(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks();
        let mut words = words.iter().map(|&word| u32::from_le_bytes(word));
        let count = words.next().unwrap_or(0);
        let mut hit = || Some((words.next()?, words.next()? as usize));
        let hits = (0..count.min(ROOM as u32)).map_while(|_| hit()).collect();
        Self { count: count.into(), hits }
    }
}

impl Busy {
    /// Dispatches in flight may overlap at their ends.
    fn add(&mut self, (from, to): Span) {
        self.seconds += (to - from.max(self.until)).max(0.0);
        self.until = self.until.max(to);
    }
}

/// Whoever panicked left the state whole: every change to it is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
