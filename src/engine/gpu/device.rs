//! The kernels of the search, on an opened GPU.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::{
    DISPATCH, Dispatch, Found, KernelForm, KernelShape, Multiplied, ROOM, Runner, Versions,
};
use crate::engine::Pipe;
use crate::gpu::{Adapter, Buffers, Context, DeviceError, Guarded, Health, PATIENCE, Span};
use crate::job::MAX_GROUP;
use crate::sha256::rounds::{Hoisted, Midstate};

/// The search kernel and the one that its roof is measured with.
pub(super) const KERNEL: &str = include_str!("../../../kernels/sha256d.wgsl");
const ROOF: &str = include_str!("../../../kernels/sha256_roof.wgsl");

/// Workgroups in one dimension, on any device.
const MOST_GROUPS: u32 = 65_535;

/// Threads of a workgroup and of a grid that run the roof kernel, and what each does in one of its rounds of 32 steps:
/// three operations of logic, two sums or, in two steps of eight of the mixture, one.
const ROOF_GROUP: u32 = 64;
const ROOF_THREADS: u32 = 1 << 20;
const ROOF_LOGIC: u64 = 32 * 3;
const ROOF_SUMS: u64 = 32 * 2;
const ROOF_MIXED_SUMS: u64 = 24 * 2 + 8;

/// Rounds of a dispatch of the roof kernel, at first and at the most: there is a driver that ends
/// every loop after 65,535.
const FEW_ROUNDS: u32 = 16;
const MOST_ROUNDS: u32 = 1 << 14;

/// By how much big sigma 0 and 1, then small sigma 0 and 1 rotate.
const ROTATIONS: [[u32; 4]; 4] = [[2, 13, 22, 0], [6, 11, 25, 0], [7, 18, 0, 0], [17, 19, 0, 0]];

/// How long a driver may take to open the device, or to compile a kernel.
const COMPILING: Duration = Duration::from_mins(1);

/// A GPU with the search kernels, called from threads that alone are lost if the driver hangs.
#[derive(Debug)]
pub(super) struct Device {
    kernels: Guarded<Kernels>,
    /// Workgroups that a row of a grid has at most.
    row: u32,
    /// The forms of the kernel that are worth a trial.
    forms: &'static [KernelForm],
    /// Rounds of the roof kernel known to fit into one dispatch.
    rounds: AtomicU32,
}

/// An opened GPU with its kernels.
#[derive(Debug)]
struct Kernels {
    context: Context,
    layout: wgpu::BindGroupLayout,
    module: wgpu::ShaderModule,
    roof: wgpu::ShaderModule,
    pipelines: Mutex<HashMap<Code, Arc<wgpu::ComputePipeline>>>,
    /// Buffers that no dispatch uses at present.
    idle: Mutex<Vec<Buffers>>,
    busy: Mutex<Busy>,
}

/// What a pipeline is compiled of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Code {
    Search { rolling: bool, form: KernelForm, group: u32 },
    Roof(Pipe, KernelForm),
}

impl From<KernelShape> for Code {
    fn from(KernelShape { rolling, form, group, nonces: _ }: KernelShape) -> Self {
        Self::Search { rolling, form, group }
    }
}

/// Time in which the device ran, in seconds of its own clock, no part of it counted twice.
#[derive(Clone, Debug, Default)]
struct Busy {
    seconds: f64,
    /// Time of the device's clock up to which all is counted.
    until: f64,
    /// Spans that are not counted yet: threads report in another order than the device works.
    latest: Vec<Span>,
}

/// The `Work` struct of the search kernel.
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
    one: u32,
    row: u32,
    grid: u32,
    nonces: u32,
    rotations: [[u32; 4]; 4],
}

/// The `Work` struct of the roof kernel.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RoofWork {
    rounds: u32,
    one: u32,
    rotations: [u32; 2],
}

impl RoofWork {
    fn new(rounds: u32) -> Self {
        Self { rounds, one: 1, rotations: [7, 18] }
    }
}

/// Bytes of the `Found` struct of the search kernel: the count, and two words for each hit.
const FOUND: u64 = 4 + 8 * ROOM as u64;

impl Device {
    /// Opens a GPU; `pipelines` is what its driver compiled for an earlier run, as [`Runner::compiled`] gave it.
    pub(super) fn open(
        adapter: &Adapter,
        calls: usize,
        pipelines: Option<Vec<u8>>,
    ) -> Result<Self, DeviceError> {
        Self::of_kernel(adapter, calls, pipelines, KERNEL)
    }

    fn of_kernel(
        adapter: &Adapter,
        calls: usize,
        pipelines: Option<Vec<u8>>,
        kernel: &'static str,
    ) -> Result<Self, DeviceError> {
        let name = format!("gpu {}", adapter.number);
        let forms = KernelForm::likely(adapter);
        let adapter = adapter.clone();
        let open =
            move |health: &Health| Kernels::open(&adapter, health, pipelines.as_deref(), kernel);
        let kernels = Guarded::open(&name, calls, COMPILING, open)?;
        let rounds = AtomicU32::new(FEW_ROUNDS);
        Ok(Self { kernels, row: MOST_GROUPS, forms, rounds })
    }

    /// Opens a GPU with another search kernel than that of this crate, to see that its mistakes are found.
    #[cfg(test)]
    pub(super) fn open_with_kernel(adapter: &Adapter, kernel: String) -> Result<Self, DeviceError> {
        Self::of_kernel(adapter, 1, None, kernel.leak())
    }

    /// Takes these forms for worth a trial.
    #[cfg(test)]
    pub(super) fn with_forms(self, forms: &'static [KernelForm]) -> Self {
        Self { forms, ..self }
    }

    /// Makes the device's grids as large as those of a much faster one.
    #[cfg(test)]
    pub(super) fn with_rows_of(self, groups: u32) -> Self {
        Self { row: groups, ..self }
    }

    /// Starts a kernel that does not end in years.
    #[cfg(test)]
    pub(super) fn run_for_years(&self) -> Result<(), DeviceError> {
        self.kernels.call(PATIENCE, |kernels| {
            let work = RoofWork::new(60_000);
            let grid = [MOST_GROUPS; 2];
            let roof = kernels.pipeline(Code::Roof(Pipe::All, KernelForm::default()))?;
            kernels.run(&roof, grid, bytemuck::bytes_of(&work), None, |_| ()).map(drop)
        })
    }
}

impl Kernels {
    fn open(
        adapter: &Adapter,
        health: &Health,
        pipelines: Option<&[u8]>,
        kernel: &'static str,
    ) -> Result<Self, DeviceError> {
        // SAFETY: it is what this crate wrote for the same driver and model, by a digest of both and of all bytes: the
        // folder of the cache is trusted, as that of the driver's own cache is.
        let context = unsafe { Context::open_with_pipelines(adapter, health, pipelines) }?;
        let layout = context.layout(0);
        // SAFETY: the search kernel indexes the versions of the job, of which the host asks for no
        // more than `MAX_GROUP`, K by constants, and the hits, after a comparison with their room. Its loops have at
        // most as many rounds as a thread has nonces, which is four, and `MAX_GROUP` rounds. The roof
        // kernel indexes nothing, and ends after the rounds that it is given.
        let (module, roof) = unsafe { (context.module(kernel), context.module(ROOF)) };
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

    /// Compiles code, if that has not been done. Several threads may do so at a time.
    fn pipeline(&self, code: Code) -> Result<Arc<wgpu::ComputePipeline>, DeviceError> {
        if let Some(pipeline) = lock(&self.pipelines).get(&code) {
            return Ok(pipeline.clone());
        }
        let flag = |is_set| f64::from(u8::from(is_set));
        let pipeline = match code {
            Code::Search { rolling, form, group } => {
                let mut overrides = form.overrides().to_vec();
                overrides.extend([("ROLLING", flag(rolling)), ("GROUP", f64::from(group))]);
                self.context.pipeline(&self.layout, &self.module, "search", &overrides)?
            }
            Code::Roof(pipe, form) => {
                let overrides = [
                    ("GROUP", f64::from(ROOF_GROUP)),
                    ("LOGIC", flag(pipe != Pipe::Sums)),
                    ("SUMS", flag(pipe != Pipe::Logic)),
                    ("MULTIPLIED", flag(form.multiplied != Multiplied::None)),
                    ("UNIFORM_ROTATIONS", flag(form.uniform_rotations)),
                ];
                self.context.pipeline(&self.layout, &self.roof, "exercise", &overrides)?
            }
        };
        Ok(lock(&self.pipelines).entry(code).or_insert_with(|| Arc::new(pipeline)).clone())
    }

    /// Runs a kernel on buffers that are not in use.
    fn run<T>(
        &self,
        pipeline: &wgpu::ComputePipeline,
        grid: [u32; 2],
        params: &[u8],
        takes: Option<Duration>,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<(T, Option<Span>), DeviceError> {
        let idle = lock(&self.idle).pop();
        let buffers = match idle {
            Some(buffers) => buffers,
            None => self.context.buffers(&self.layout, size_of::<Work>() as u64, FOUND)?,
        };
        let result = self.context.run(pipeline, &buffers, grid, params, takes, read)?;
        lock(&self.idle).push(buffers);
        Ok(result)
    }

    fn search(
        &self,
        shape: KernelShape,
        work: &Work,
        row: u32,
        takes: Option<Duration>,
    ) -> Result<Found, DeviceError> {
        let pipeline = self.pipeline(shape.into())?;
        let groups = work.count.div_ceil(shape.group * shape.nonces);
        let x = groups.clamp(1, row);
        let y = groups.div_ceil(x);
        // No product overflows: the grid tries the nonces, which are 2^31 at the most, and less than a row of it more.
        let grid = x * y * shape.group;
        let work = Work { row: x * shape.group, grid, nonces: shape.nonces, ..*work };
        let params = bytemuck::bytes_of(&work);
        let (found, span) = self.run(&pipeline, [x, y], params, takes, Found::from_bytes)?;
        if let Some(span) = span {
            lock(&self.busy).add(span);
        }
        Ok(found)
    }

    fn peak_ops(&self, pipe: Pipe, form: KernelForm, rounds: u32) -> Result<(), DeviceError> {
        let roof = self.pipeline(Code::Roof(pipe, form))?;
        let work = RoofWork::new(rounds);
        let grid = [ROOF_THREADS / ROOF_GROUP, 1];
        self.run(&roof, grid, bytemuck::bytes_of(&work), None, |_| ()).map(drop)
    }

    fn busy(&self) -> Option<Duration> {
        self.context.has_clock().then(|| Duration::from_secs_f64(lock(&self.busy).total()))
    }
}

impl Runner for Device {
    fn prepare(&self, shape: KernelShape) -> Result<(), DeviceError> {
        self.kernels.call(COMPILING, move |kernels| kernels.pipeline(shape.into()).map(drop))
    }

    fn forms(&self) -> &'static [KernelForm] {
        self.forms
    }

    fn compiled(&self) -> Result<Option<Vec<u8>>, DeviceError> {
        self.kernels.call(COMPILING, |kernels| Ok(kernels.context.pipelines()))
    }

    fn search(&self, shape: KernelShape, dispatch: Dispatch<'_>) -> Result<Found, DeviceError> {
        let work = Work::new(dispatch);
        let (row, takes) = (self.row, dispatch.takes);
        self.kernels.call(PATIENCE, move |kernels| kernels.search(shape, &work, row, takes))
    }

    fn peak_ops(&self, pipe: Pipe, form: KernelForm, rounds: u32) -> Result<u64, DeviceError> {
        // It is none of the variants that were compiled before the search.
        let code = Code::Roof(pipe, form);
        self.kernels.call(COMPILING, move |kernels| kernels.pipeline(code).map(drop))?;
        let mut left = rounds;
        while left > 0 {
            let few = self.rounds.load(Ordering::Relaxed);
            let now = left.min(few);
            let start = Instant::now();
            self.kernels.call(PATIENCE, move |kernels| kernels.peak_ops(pipe, form, now))?;
            if now == few && few < MOST_ROUNDS && start.elapsed() < DISPATCH / 2 {
                self.rounds.store(2 * few, Ordering::Relaxed);
            }
            left -= now;
        }
        let each = match pipe {
            Pipe::Logic => ROOF_LOGIC,
            Pipe::Sums => ROOF_SUMS,
            Pipe::All => ROOF_LOGIC + ROOF_MIXED_SUMS,
        };
        Ok(u64::from(rounds) * u64::from(ROOF_THREADS) * each)
    }

    fn busy(&self) -> Option<Duration> {
        self.kernels.get().busy()
    }
}

impl Work {
    fn new(Dispatch { job, nonces, versions, takes: _ }: Dispatch<'_>) -> Self {
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
            one: 1,
            row: 0,
            grid: 0,
            nonces: 1,
            rotations: ROTATIONS,
        }
    }
}

/// Returns the bits that are zero in every word up to `top`, as they lie in a hash: bytes in
/// reverse.
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
    /// Spans kept before they are counted: more than there are threads that report.
    const LATEST: usize = 16;

    fn add(&mut self, span: Span) {
        let place = self.latest.partition_point(|earlier| earlier.0 < span.0);
        self.latest.insert(place, span);
        if self.latest.len() > Self::LATEST {
            let first = self.latest.remove(0);
            (self.seconds, self.until) = counted((self.seconds, self.until), first);
        }
    }

    fn total(&self) -> f64 {
        self.latest.iter().copied().fold((self.seconds, self.until), counted).0
    }
}

/// Adds a span that begins no earlier than those before it to the seconds counted and the time up
/// to which they are: dispatches may overlap.
fn counted((seconds, until): (f64, f64), (from, to): Span) -> (f64, f64) {
    (seconds + (to - from.max(until)).max(0.0), until.max(to))
}

/// Locks a mutex, also after a panic: every change to the state behind it is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_counted_once_in_whatever_order_it_is_reported() {
        let spans = |(count, shuffle): (usize, usize)| {
            let mut spans: Vec<Span> =
                (0..count).map(|i| (i as f64 * 10.0, i as f64 * 10.0 + 12.0)).collect();
            spans.chunks_mut(shuffle).for_each(<[Span]>::reverse);
            spans
        };
        for (count, shuffle) in [(1, 1), (3, 3), (40, 1), (40, 3), (40, 8)] {
            let mut busy = Busy::default();
            for span in spans((count, shuffle)) {
                busy.add(span);
            }
            // Each begins two seconds before the last one ends.
            let expected = count as f64 * 10.0 + 2.0;
            assert!((busy.total() - expected).abs() < 1e-9, "{count}, {shuffle}: {busy:?}");
        }
    }
}
