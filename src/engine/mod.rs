//! What scans a job: one engine per instruction set or GPU, all under one contract.
//!
//! An [`Engine`] is asked once per range, never per nonce. It filters on the top word of the hash
//! only; what it returns are [`Candidate`]s, and [`verify()`] alone makes shares of
//! them. Which engines this machine has is found out once, as values: [`available`] lists them,
//! [`by_id`] gives one or says what it lacks, and [`best`] measures.

#[cfg(target_arch = "aarch64")]
mod aarch64_sha2;
mod cpu;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod id;
pub(crate) mod scan;
pub mod selftest;
pub(crate) mod verify;
#[cfg(target_arch = "x86_64")]
mod x86_shani;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::block::{Header, Target, Version};
use crate::job::{Job, MAX_GROUP, NonceRange};

pub use self::error::{EngineError, EngineErrorKind, VerifyError};
pub use self::id::{EngineId, UnknownEngineError};
pub use self::verify::{Share, verify};
pub use crate::job::{Candidate, Scanned};

/// Something that tries the nonces of a range on every version of a job.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Its name.
    fn id(&self) -> EngineId;

    /// Appends every candidate of `range` to `out`, by nonce and then by version, and none outside.
    ///
    /// It stops early, between two batches of nonces, once `out` holds `limit` candidates or more;
    /// the caller goes on from there with [`NonceRange::split_at`]. Nothing is lost in between: a
    /// nonce that counts as done has been reported for all versions.
    ///
    /// # Errors
    ///
    /// When the device failed. Nothing of the range counts as done then, `out` is as it was, and
    /// every later call fails too: the work is another engine's. Processors do not fail.
    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError>;

    /// How it wants to be fed.
    fn batching(&self) -> Batching {
        Batching::CORES
    }

    /// What a benchmark asks of it; `None` of an engine that only searches.
    fn benchmark(&self) -> Option<&dyn Benchmark> {
        None
    }
}

/// What a benchmark asks of an engine beside its search: the peak that the search is compared with, and
/// the conditions of its device.
pub trait Benchmark {
    /// Instructions of the engine's kind that it takes for one hash when a job has `versions` versions
    /// (1 to [`MAX_GROUP`]): loads, moves and loop control not counted.
    fn ops_per_hash(&self, versions: usize) -> f64;

    /// Executes such instructions from registers, with next to nothing to wait for, for `rounds`
    /// rounds, and returns how many. Over the time taken this is the rate that
    /// [`Self::ops_per_hash`] turns into the roof of the engine.
    ///
    /// # Errors
    ///
    /// As [`Engine::scan`].
    fn peak_ops(&self, rounds: u32) -> Result<u64, EngineError>;

    /// How many 32-bit integers one of these instructions computes; `None` where they are not
    /// additions and logic.
    fn lanes(&self) -> Option<usize> {
        None
    }

    /// What the engine runs on and how it was tuned; `None` for a processor, of which
    /// [`crate::machine`] tells.
    fn info(&self) -> Option<EngineInfo> {
        None
    }

    /// How long its device has run scans until now, by the device's own clock; `None` where there
    /// is no such clock. Over the time taken this is how busy the device was.
    fn busy(&self) -> Option<Duration> {
        None
    }
}

/// The conditions of what a GPU does, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its name, its kind, and the driver.
    pub device: String,
    /// Whether the driver computes on the processor.
    pub software: bool,
    /// What was tried when it was opened, and chosen.
    pub tuned: String,
}

/// How many threads call an engine at a time, and for how long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The threads that keep it busy; `None` is one for each core.
    pub threads: Option<usize>,
    /// How long a call should take: as long as that a search may go on when it is told to stop.
    pub piece: Duration,
}

impl Batching {
    /// What a processor wants: all of its cores, a millisecond each time.
    pub const CORES: Self = Self { threads: None, piece: Duration::from_millis(1) };
}

/// An engine that this machine cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine {id} is not available on this machine: {why}")]
pub struct UnavailableEngineError {
    id: EngineId,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    #[error("it needs {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    #[cfg(not(feature = "gpu"))]
    #[error("this build has no GPUs (feature `gpu`)")]
    NotBuilt,
    #[cfg(feature = "gpu")]
    #[error(
        "no driver offers a GPU. On Linux it takes the card's Vulkan driver and the Vulkan loader \
         (Debian: libvulkan1 with mesa-vulkan-drivers or nvidia-vulkan-icd)"
    )]
    NoDriver,
    #[cfg(feature = "gpu")]
    #[error("the last GPU is gpu:{last}")]
    NoSuchGpu { last: usize },
    #[cfg(feature = "gpu")]
    #[error("{0}")]
    Failed(EngineErrorKind),
}

impl UnavailableEngineError {
    /// The engine.
    #[must_use]
    pub fn id(&self) -> EngineId {
        self.id
    }

    /// What it needs and this machine lacks: instruction sets by their names in Rust, such as
    /// `avx512bw`, or another kind of processor. Empty for a GPU, of which the error says all.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        if let Why::Missing(missing) = &self.why { missing } else { &[] }
    }
}

/// The instruction sets of this processor that some engine makes use of, by their names in Rust, such
/// as `avx512bw`.
#[must_use]
pub fn instruction_sets() -> Vec<&'static str> {
    let mut sets = Vec::new();
    for set in EngineId::CPU.into_iter().flat_map(|id| cpu::detect(id).has) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

/// Every engine of [`EngineId::CPU`], or what it lacks. The processor is asked once per process.
pub fn survey() -> &'static [Result<Arc<dyn Engine>, UnavailableEngineError>] {
    static SURVEY: OnceLock<Vec<Result<Arc<dyn Engine>, UnavailableEngineError>>> = OnceLock::new();
    SURVEY.get_or_init(|| {
        let detect = |id| {
            let why = Why::Missing;
            cpu::detect(id)
                .engine
                .map_err(|missing| UnavailableEngineError { id, why: why(missing) })
        };
        EngineId::CPU.map(detect).into()
    })
}

/// The engines that this machine can run, in the order of [`EngineId::CPU`]; never none.
#[must_use]
pub fn available() -> Vec<Arc<dyn Engine>> {
    survey().iter().flatten().cloned().collect()
}

/// The engine of this name. A GPU is opened anew by each call, which takes a second or two.
///
/// # Errors
///
/// When this machine cannot run it; the error says why.
pub fn by_id(id: EngineId) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    if let EngineId::Gpu(number) = id {
        return gpu_by_number(number);
    }
    let is_it = |entry: &&Result<Arc<dyn Engine>, UnavailableEngineError>| match entry {
        Ok(engine) => engine.id() == id,
        Err(unavailable) => unavailable.id == id,
    };
    let entry = survey().iter().find(is_it).cloned();
    entry.unwrap_or(Err(UnavailableEngineError { id, why: Why::Missing(Vec::new()) }))
}

#[cfg(not(feature = "gpu"))]
fn gpu_by_number(number: u8) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    Err(UnavailableEngineError { id: EngineId::Gpu(number), why: Why::NotBuilt })
}

#[cfg(feature = "gpu")]
fn gpu_by_number(number: u8) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    let adapters = crate::gpu::adapters();
    let why = match (adapters.get(usize::from(number)), adapters.len()) {
        (Some(adapter), _) => return open(adapter),
        (None, 0) => Why::NoDriver,
        (None, count) => Why::NoSuchGpu { last: count - 1 },
    };
    Err(UnavailableEngineError { id: EngineId::Gpu(number), why })
}

#[cfg(feature = "gpu")]
fn open(adapter: &crate::gpu::Adapter) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    match gpu::Gpu::open(adapter) {
        Ok(gpu) => Ok(Arc::new(gpu)),
        Err(EngineError { engine, kind }) => {
            Err(UnavailableEngineError { id: engine, why: Why::Failed(kind) })
        }
    }
}

/// All GPUs of this machine, opened side by side; those that a driver
/// computes on the processor are left out. Empty where there are none, and in a build without GPUs.
#[must_use]
pub fn gpus() -> Vec<Result<Arc<dyn Engine>, UnavailableEngineError>> {
    #[cfg(not(feature = "gpu"))]
    return Vec::new();
    #[cfg(feature = "gpu")]
    {
        use rayon::prelude::*;
        let mut adapters = crate::gpu::adapters();
        adapters.retain(|adapter| adapter.kind != crate::gpu::Kind::Software);
        adapters.par_iter().map(open).collect()
    }
}

/// The fastest engine here for jobs of `versions` versions, measured now; a few milliseconds each.
#[must_use]
pub fn best(versions: usize) -> Arc<dyn Engine> {
    let job = trial_job(versions);
    let mut fastest = (0.0, cpu::scalar());
    for engine in available() {
        let rate = trial(engine.as_ref(), &job);
        if rate > fastest.0 {
            fastest = (rate, engine);
        }
    }
    fastest.1
}

/// A job that no nonce solves within any trial, of 1 to [`MAX_GROUP`] versions.
pub(crate) fn trial_job(versions: usize) -> Job {
    job_for(Target::MIN, versions)
}

fn job_for(target: Target, versions: usize) -> Job {
    let versions: Vec<_> =
        (1..=versions.clamp(1, MAX_GROUP) as u32).map(Version::from_consensus).collect();
    let header = Header::from_bytes([0x5a; Header::LEN]);
    Job::with_versions(header, target, &versions).expect("1 to MAX_GROUP versions")
}

/// A job that one hash in 2^`bits` solves, of 1 to [`MAX_GROUP`] versions. A share of it is whatever
/// the top word lets pass.
pub(crate) fn job_with_chance(bits: u32, versions: usize) -> Job {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(u32::MAX >> bits).to_be_bytes());
    let target = Target::from_be_bytes(target).expect("the lower words are not zero");
    job_for(target, versions)
}

/// Hashes per second: the best of some slices, after one that wakes the vector units.
fn trial(engine: &dyn Engine, job: &Job) -> f64 {
    const SLICE: Duration = Duration::from_micros(300);
    let mut out = Vec::new();
    let mut nonces = 64;
    let mut best = 0.0_f64;
    let mut slices = 0;
    while slices < 5 {
        let range = NonceRange::ALL.split_at(nonces).0;
        let start = Instant::now();
        let scanned = engine.scan(job, range, usize::MAX, &mut out);
        let took = start.elapsed();
        let Ok(scanned) = scanned else { return 0.0 };
        out.clear();
        if took < SLICE {
            nonces *= 2;
        } else {
            best = best.max(scanned.hashes as f64 / took.as_secs_f64());
            slices += 1;
        }
    }
    best
}
