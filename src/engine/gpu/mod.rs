//! GPU engines. A GPU searches up to hundreds of millions of nonces in one dispatch, which is one
//! launch of the search kernel.
//!
//! A call of [`Engine::scan`] runs one or several dispatches in a row, and waits for each. [`Gpu`]
//! asks for three threads, which keeps the device busy: while it works on the dispatch of one
//! thread, those of the others wait in its queue. A dispatch takes 25 ms, so a stop may have to
//! wait for three of them.
//!
//! The kernel has several variants. Which is fastest differs between devices, so [`Gpu::open`]
//! measures them: see [`Tuning`].

mod cache;
mod device;
mod form;
#[cfg(test)]
mod tests;
mod tuning;

use std::fmt;
use std::time::Duration;

pub use self::cache::TuningCache;
use self::device::Device;
pub use self::form::{KernelForm, Multiplied};
use self::tuning::Effort;
pub use self::tuning::{KernelShape, KernelTrial, Tuning};
use super::{
    Batching, Benchmark, Candidate, Engine, EngineError, EngineErrorKind, EngineId, EngineInfo,
    Pipe, Scanned, cpu,
};
use crate::gpu::{Adapter, AdapterKind, DeviceError};
use crate::job::{Job, NonceRange};
use crate::lanes::Costs;

/// How long a dispatch takes: long enough that the cost of starting it does not matter, and a tenth
/// of the time after which Windows takes the device for hung.
const DISPATCH: Duration = Duration::from_millis(25);

/// Threads that submit to a device: one dispatch runs, one is queued, one is being read.
const FEEDERS: usize = 3;

/// Hits that one dispatch has room for; see `ROOM` in the kernel.
const ROOM: usize = 4096;

/// A range of nonces for the device to try.
#[derive(Clone, Copy, Debug)]
struct Dispatch<'a> {
    job: &'a Job,
    /// The nonces to try: at most 2^31.
    nonces: NonceRange,
    versions: Versions,
    /// How long it should take by itself, if that is known.
    takes: Option<Duration>,
}

/// Which versions of the job a dispatch tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Versions {
    /// All versions of the job, on one message schedule.
    All,
    /// The version of this index.
    One(usize),
}

/// The hits of a dispatch: what passed the filter.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Number of hits, which may be more than there is room for.
    count: u64,
    /// Up to [`ROOM`] of the hits, in any order: nonce, and index of the version.
    hits: Vec<(u32, usize)>,
}

/// Something that runs the kernel: a device, or in tests a fake that fails on purpose.
trait Runner: fmt::Debug + Send + Sync {
    /// Compiles a variant of the kernel, if that has not been done.
    fn prepare(&self, shape: KernelShape) -> Result<(), DeviceError>;

    /// Returns the forms of the kernel that are worth a trial, the likeliest first.
    fn forms(&self) -> &'static [KernelForm];

    /// Returns what was compiled until now, for a later run; `None` where that cannot be kept.
    fn compiled(&self) -> Result<Option<Vec<u8>>, DeviceError>;

    /// Runs one dispatch and waits for it.
    fn search(&self, shape: KernelShape, dispatch: Dispatch<'_>) -> Result<Found, DeviceError>;

    /// Runs `rounds` rounds of the roof kernel, which exercises one kind of pipe, and returns how many operations those
    /// are. Rotations and sums are written as in `form`.
    fn peak_ops(&self, pipe: Pipe, form: KernelForm, rounds: u32) -> Result<u64, DeviceError>;

    /// Returns how long the device has run searches, by its own clock; `None` if it has no clock.
    fn busy(&self) -> Option<Duration>;
}

/// An engine that searches on one GPU.
#[derive(Debug)]
pub struct Gpu {
    id: EngineId,
    /// Name, kind, interface and driver of the GPU.
    device: String,
    software: bool,
    runner: Box<dyn Runner>,
    tuning: Tuning,
}

impl Gpu {
    /// Opens a GPU, compiles the kernel for it and tunes it: up to four seconds on a card.
    ///
    /// # Errors
    ///
    /// When the driver refuses, has no memory or fails, or when the device computes wrong results.
    pub fn open(adapter: &Adapter) -> Result<Self, EngineError> {
        Self::open_with(adapter, &TuningCache::none())
    }

    /// The same with the results of an earlier tuning, if the cache has them, which takes a fraction of a second. What
    /// is tuned is kept there. That the device still computes right is checked in any case.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn open_with(adapter: &Adapter, cache: &TuningCache) -> Result<Self, EngineError> {
        Self::described(adapter, || {
            let pipelines = cache.pipelines(adapter);
            let device = Device::open(adapter, FEEDERS, pipelines.clone())?;
            let kept = cache.tuning(adapter);
            let effort = Effort::on(adapter.kind);
            let gpu = Self::tuned(adapter.number, Box::new(device), effort, kept)?;
            if !gpu.tuning.is_kept {
                cache.keep(adapter, &gpu.tuning);
            }
            if let Ok(Some(compiled)) = gpu.runner.compiled()
                && pipelines.is_none_or(|it| it != compiled)
            {
                cache.keep_pipelines(adapter, compiled);
            }
            Ok(gpu)
        })
    }

    /// Opens a GPU with these variants of the kernel for jobs of one version and of several, instead of tuning it. One
    /// version is never tried by a variant that is rolling, whatever it says.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`], and when the GPU cannot run the variants.
    pub fn open_as(
        adapter: &Adapter,
        plain: KernelShape,
        several: KernelShape,
    ) -> Result<Self, EngineError> {
        Self::described(adapter, || {
            let runner = Box::new(Device::open(adapter, FEEDERS, None)?);
            let plain = KernelShape { rolling: false, ..plain };
            let tuning = tuning::take(runner.as_ref(), plain, several, Effort::on(adapter.kind))?;
            Ok(Self::new(adapter.number, runner, tuning))
        })
    }

    /// Adds what the engine runs on, and which engine failed.
    fn described(
        adapter: &Adapter,
        open: impl FnOnce() -> Result<Self, EngineErrorKind>,
    ) -> Result<Self, EngineError> {
        let Adapter { number, name, kind, backend, driver, .. } = adapter;
        let opened = open().map_err(|kind| EngineError { engine: EngineId::Gpu(*number), kind })?;
        let device = format!("{name}, {kind}, {backend} {driver}");
        Ok(Self { device, software: *kind == AdapterKind::Software, ..opened })
    }

    fn tuned(
        number: u8,
        runner: Box<dyn Runner>,
        effort: Effort,
        kept: Option<Tuning>,
    ) -> Result<Self, EngineErrorKind> {
        let kept = kept.map(|kept| tuning::reuse(runner.as_ref(), kept, effort)).transpose()?;
        let tuning = match kept.flatten() {
            Some(tuning) => tuning,
            None => tuning::tune(runner.as_ref(), effort)?,
        };
        Ok(Self::new(number, runner, tuning))
    }

    fn new(number: u8, runner: Box<dyn Runner>, tuning: Tuning) -> Self {
        let id = EngineId::Gpu(number);
        Self { id, device: String::new(), software: false, runner, tuning }
    }

    /// Returns the variants that were measured when the GPU was opened, and those chosen.
    #[must_use]
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Searches the nonces or, if there are more hits than room for them, the first part of the
    /// nonces. Returns how many nonces were searched.
    fn dispatch(
        &self,
        job: &Job,
        mut nonces: NonceRange,
        out: &mut Vec<Candidate>,
    ) -> Result<u64, EngineErrorKind> {
        loop {
            if let Some(mut hits) = self.hits(job, nonces)? {
                // A range that ends at 2^32 does not go on at 0, so nonces compare as they are.
                hits.sort_unstable();
                let versions = job.versions();
                out.extend(
                    hits.into_iter()
                        .map(|(nonce, index)| Candidate { nonce, version: versions[index] }),
                );
                return Ok(nonces.len());
            }
            nonces = nonces.split_at(nonces.len().div_ceil(2)).0;
        }
    }

    /// Returns all hits among the nonces; `None` if there is no room for them.
    fn hits(
        &self,
        job: &Job,
        nonces: NonceRange,
    ) -> Result<Option<Vec<(u32, usize)>>, EngineErrorKind> {
        let mut all = Vec::new();
        let (shape, dispatches) = self.tuning.plan(job.versions().len());
        for versions in dispatches {
            let takes = Some(self.tuning.takes(nonces, versions, job.versions().len()));
            let found = self.runner.search(shape, Dispatch { job, nonces, versions, takes })?;
            if found.count > found.hits.len() as u64 {
                return Ok(None);
            }
            all.extend(found.hits);
        }
        Ok(Some(all))
    }

    /// Returns how many nonces to try at once: as many as fill a dispatch, but no more than give
    /// the hits that are wanted, or that half of the room is for.
    fn dispatch_nonces(&self, job: &Job, wanted: usize) -> u64 {
        let versions = job.versions().len();
        let chance = (f64::from(job.target().top_word()) + 1.0) / 2_f64.powi(32);
        let hits = wanted.saturating_mul(2).clamp(64, ROOM / 2) as f64;
        let enough = hits / (chance * versions as f64);
        self.tuning.dispatch_hashes(versions).min(enough as u64).div_ceil(versions as u64).max(1)
    }

    fn scan_or_fail(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineErrorKind> {
        let mut rest = range;
        while !rest.is_empty() && out.len() < limit {
            let (nonces, _) = rest.split_at(self.dispatch_nonces(job, limit - out.len()));
            let done = self.dispatch(job, nonces, out)?;
            rest = rest.split_at(done).1;
        }
        let nonces = range.len() - rest.len();
        Ok(Scanned { nonces, hashes: nonces * job.versions().len() as u64 })
    }

    fn error(&self, kind: impl Into<EngineErrorKind>) -> EngineError {
        EngineError { engine: self.id, kind: kind.into() }
    }
}

impl Engine for Gpu {
    fn id(&self) -> EngineId {
        self.id
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        let before = out.len();
        self.scan_or_fail(job, range, limit, out).map_err(|kind| {
            out.truncate(before);
            self.error(kind)
        })
    }

    fn batching(&self) -> Batching {
        Batching { threads: Some(FEEDERS), piece: DISPATCH * FEEDERS as u32 }
    }

    fn benchmark(&self) -> Option<&dyn Benchmark> {
        Some(self)
    }
}

impl Benchmark for Gpu {
    /// A card may have a pipe for rotations and logic and another for sums, or one for both.
    fn pipes(&self) -> &'static [Pipe] {
        &[Pipe::Logic, Pipe::Sums, Pipe::All]
    }

    /// Counts rotations, shifts, three-input logic operations and additions.
    fn ops_per_hash(&self, pipe: Pipe, versions: usize) -> f64 {
        let logic = Costs { add: 0, rotr: 1, shr: 1, xor3: 1, ch: 1, maj: 1 };
        let sums = Costs { add: 1, rotr: 0, shr: 0, xor3: 0, ch: 0, maj: 0 };
        let count = |costs| cpu::per_hash(versions, costs);
        match pipe {
            Pipe::Logic => count(logic),
            Pipe::Sums => count(sums),
            Pipe::All => count(logic) + count(sums),
        }
    }

    fn peak_ops(&self, pipe: Pipe, rounds: u32) -> Result<u64, EngineError> {
        // Of two forms that were chosen, the roof of all together is higher for the one that multiplies, or else rotates by a
        // uniform: that is the order of forms. Sums alone bound no search.
        let forms = [self.tuning.plain, self.tuning.rolling].map(|trial| trial.shape.form);
        let form = forms[0].max(forms[1]);
        self.runner.peak_ops(pipe, form, rounds).map_err(|kind| self.error(kind))
    }

    fn info(&self) -> Option<EngineInfo> {
        Some(EngineInfo {
            device: self.device.clone(),
            software: self.software,
            tuned: self.tuning.to_string(),
        })
    }

    fn busy(&self) -> Option<Duration> {
        self.runner.busy()
    }
}
