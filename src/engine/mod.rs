//! Engines, which scan a job: one per instruction set or GPU, all under one contract.
//!
//! An [`Engine`] is called once for a range of nonces, never for each nonce. It compares only the
//! top 32 bits of a hash with the target and returns [`Candidate`]s; [`verify()`] alone makes
//! shares of them. The CPU engines of this machine are detected once: [`available`] lists them,
//! [`by_id`] returns one or says what the machine lacks for it, and [`best`] measures which is
//! fastest. [`gpus`] opens the GPU engines.

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
pub use self::id::EngineId;
pub use self::verify::{Share, verify};
pub use crate::job::{Candidate, Scanned};

/// An engine: something that tries the nonces of a range with every version of a job.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Returns the name of the engine.
    fn id(&self) -> EngineId;

    /// Appends every candidate of `range` to `out`, by nonce and then by version in the order of
    /// the job, and none outside the range. Returns how many nonces were done.
    ///
    /// It stops early, between two batches of nonces, once `out` holds `limit` candidates or more,
    /// counting those that it held before the call. The caller then goes on from there with
    /// [`NonceRange::split_at`]. A nonce that counts as done has been tried with all versions.
    ///
    /// # Errors
    ///
    /// When the device failed. Then nothing of the range counts as done, `out` is as it was, and
    /// every later call fails too: another engine has to do the work. CPU engines do not fail.
    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError>;

    /// Returns how many threads should call the engine at a time, and how long a call should take.
    /// The default is that of a CPU engine, [`Batching::CORES`].
    fn batching(&self) -> Batching {
        Batching::CORES
    }

    /// Returns what a benchmark needs of the engine; `None` if it only searches.
    fn benchmark(&self) -> Option<&dyn Benchmark> {
        None
    }
}

/// What a benchmark needs of an engine besides its search: the peak that the search is compared
/// with, and the conditions of its device.
pub trait Benchmark {
    /// Returns the kinds of execution units that may bound the search: all of [`Self::peak_ops`] are
    /// measured, and the lowest is the roof.
    fn pipes(&self) -> &'static [Pipe] {
        &[Pipe::All]
    }

    /// Returns how many instructions of the engine's kind one hash takes in these units, for jobs of
    /// `versions` versions (1 to [`MAX_GROUP`]): loads, moves and loop control not counted.
    fn ops_per_hash(&self, pipe: Pipe, versions: usize) -> f64;

    /// Executes `rounds` rounds of the engine's kind of instructions from registers, where hardly
    /// any has to wait for another, and returns how many instructions those were.
    ///
    /// That number divided by the time taken is the peak rate; divided by [`Self::ops_per_hash`] it
    /// is the roof of the engine, as far as these units bound it, in hashes per second.
    ///
    /// # Errors
    ///
    /// As for [`Engine::scan`].
    fn peak_ops(&self, pipe: Pipe, rounds: u32) -> Result<u64, EngineError>;

    /// Returns how many 32-bit integers one instruction of the engine computes; `None` if its
    /// instructions are not additions and logic, as with SHA instructions.
    fn lanes(&self) -> Option<usize> {
        None
    }

    /// Returns what the engine runs on and how it was tuned; `None` for a CPU engine, whose
    /// processor [`crate::machine`] describes.
    fn info(&self) -> Option<EngineInfo> {
        None
    }

    /// Returns how long the device has run scans since it was opened, by its own clock; `None` if
    /// it has no such clock. The growth over some time, divided by that time, is its utilization.
    fn busy(&self) -> Option<Duration> {
        None
    }
}

/// A kind of execution units, by the work that needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pipe {
    /// All that the search needs, in its mixture: what bounds it is issuing, or units that do everything.
    All,
    /// Rotations, shifts and logic.
    Logic,
    /// Additions.
    Sums,
}

/// Description of the device of an engine and of its tuning, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Name, kind, interface and driver of the device.
    pub device: String,
    /// Whether this is a software GPU, whose driver computes on the processor.
    pub software: bool,
    /// Description of the variants of the search kernel that were chosen when the device was
    /// opened, and how many were tried.
    pub tuned: String,
}

/// How an engine is called: by how many threads at a time, and for how long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Number of threads that keep the engine busy; `None` for one on each core.
    pub threads: Option<usize>,
    /// Time that one call should take. A search that is stopped may go on for this long.
    pub piece: Duration,
}

impl Batching {
    /// Batching of a CPU engine: all cores, with calls of a millisecond.
    pub const CORES: Self = Self { threads: None, piece: Duration::from_millis(1) };
}

/// The error for an engine that this machine cannot run.
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
    #[error("no driver offers a GPU. {}", driver_remedy(std::env::consts::OS))]
    NoDriver,
    #[cfg(feature = "gpu")]
    #[error("the last GPU is gpu:{last}")]
    NoSuchGpu { last: usize },
    #[cfg(feature = "gpu")]
    #[error("{0}")]
    Failed(EngineErrorKind),
}

/// Returns what a machine without a GPU driver lacks on an operating system.
#[cfg(feature = "gpu")]
fn driver_remedy(os: &str) -> &'static str {
    match os {
        "windows" => {
            "On Windows it takes the card's full driver from its maker, which brings Vulkan \
             (vulkan-1.dll)"
        }
        "macos" => {
            "On macOS it takes none, because Metal is part of the system: this machine has no GPU \
             that Metal can use, as in many virtual machines"
        }
        _ => {
            "On Linux it takes the card's Vulkan driver and the Vulkan loader (Debian: libvulkan1 \
             with mesa-vulkan-drivers or nvidia-vulkan-icd)"
        }
    }
}

impl UnavailableEngineError {
    /// Returns the engine that is not available.
    #[must_use]
    pub fn id(&self) -> EngineId {
        self.id
    }

    /// Returns what the engine needs and this machine lacks: instruction sets by their names in
    /// Rust, such as `avx512bw`, or another kind of processor in words. Empty for a GPU, whose
    /// reason is only in the text of the error.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        if let Why::Missing(missing) = &self.why { missing } else { &[] }
    }
}

/// Returns the instruction sets that this processor has and some engine uses, by their names in
/// Rust, such as `avx512bw`.
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

/// Returns an entry for each engine of [`EngineId::CPU`], in that order: the engine, or what this
/// machine lacks for it. The processor is examined once per process.
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

/// Returns the CPU engines that this machine can run, in the order of [`EngineId::CPU`]; never
/// empty.
#[must_use]
pub fn available() -> Vec<Arc<dyn Engine>> {
    survey().iter().flatten().cloned().collect()
}

/// Returns the engine of this name. For a GPU, each call opens it anew: it takes up to four seconds to tune it, and
/// part of one where the cache of this user, `gpu::TuningCache::of_user`, has the result.
///
/// # Errors
///
/// When this machine cannot run the engine, or it is an [`EngineId::Custom`]; the error says why.
pub fn by_id(id: EngineId) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    if let EngineId::Gpu(number) = id {
        return gpu_by_number(number);
    }
    let is_it = |entry: &&Result<Arc<dyn Engine>, UnavailableEngineError>| match entry {
        Ok(engine) => engine.id() == id,
        Err(unavailable) => unavailable.id == id,
    };
    let entry = survey().iter().find(is_it).cloned();
    entry.unwrap_or_else(|| {
        let missing = cpu::detect(id).engine.err().unwrap_or_default();
        Err(UnavailableEngineError { id, why: Why::Missing(missing) })
    })
}

#[cfg(not(feature = "gpu"))]
fn gpu_by_number(number: u8) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    Err(UnavailableEngineError { id: EngineId::Gpu(number), why: Why::NotBuilt })
}

#[cfg(feature = "gpu")]
fn gpu_by_number(number: u8) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    gpu_with(number, &gpu::TuningCache::of_user())
}

/// Returns the GPU of this number as an engine, tuned as this cache says, like [`by_id`].
///
/// # Errors
///
/// When there is no such GPU, or it cannot be opened; the error says why.
#[cfg(feature = "gpu")]
pub fn gpu_with(
    number: u8,
    cache: &gpu::TuningCache,
) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    let adapters = crate::gpu::adapters();
    let why = match (adapters.get(usize::from(number)), adapters.len()) {
        (Some(adapter), _) => return open(adapter, cache),
        (None, 0) => Why::NoDriver,
        (None, count) => Why::NoSuchGpu { last: count - 1 },
    };
    Err(UnavailableEngineError { id: EngineId::Gpu(number), why })
}

#[cfg(feature = "gpu")]
fn open(
    adapter: &crate::gpu::Adapter,
    cache: &gpu::TuningCache,
) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
    match gpu::Gpu::open_with(adapter, cache) {
        Ok(gpu) => Ok(Arc::new(gpu)),
        Err(EngineError { engine, kind }) => {
            Err(UnavailableEngineError { id: engine, why: Why::Failed(kind) })
        }
    }
}

/// Opens all GPUs of this machine, several at a time, except software GPUs, as [`by_id`] does. An
/// entry is the engine of one GPU, or why it cannot be used. The list is empty if there are none,
/// and in a build without the cargo feature `gpu`.
#[must_use]
pub fn gpus() -> Vec<Result<Arc<dyn Engine>, UnavailableEngineError>> {
    #[cfg(not(feature = "gpu"))]
    return Vec::new();
    #[cfg(feature = "gpu")]
    gpus_with(&gpu::TuningCache::of_user())
}

/// The same, tuned as this cache says.
#[cfg(feature = "gpu")]
#[must_use]
pub fn gpus_with(cache: &gpu::TuningCache) -> Vec<Result<Arc<dyn Engine>, UnavailableEngineError>> {
    use rayon::prelude::*;
    let mut adapters = crate::gpu::adapters();
    adapters.retain(|adapter| adapter.kind != crate::gpu::AdapterKind::Software);
    adapters.par_iter().map(|adapter| open(adapter, cache)).collect()
}

/// Returns the fastest CPU engine of this machine for jobs of `versions` versions (1 to
/// [`MAX_GROUP`]). It is measured at each call, for a few milliseconds per engine.
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

/// Returns a job that no nonce solves within any trial, of 1 to [`MAX_GROUP`] versions.
pub(crate) fn trial_job(versions: usize) -> Job {
    job_for(Target::MIN, versions)
}

fn job_for(target: Target, versions: usize) -> Job {
    let versions: Vec<_> =
        (1..=versions.clamp(1, MAX_GROUP) as u32).map(Version::from_consensus).collect();
    let header = Header::from_bytes([0x5a; Header::LEN]);
    Job::with_versions(header, target, &versions).expect("1 to MAX_GROUP versions")
}

/// Returns a job of 1 to [`MAX_GROUP`] versions that one hash in 2^`bits` solves: every candidate
/// of it is a share.
pub(crate) fn job_with_chance(bits: u32, versions: usize) -> Job {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(u32::MAX >> bits).to_be_bytes());
    let target = Target::from_be_bytes(target).expect("the lower words are not zero");
    job_for(target, versions)
}

/// Returns the engine's hashes per second: the best of some slices, after one that wakes the vector
/// units.
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

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_own_remedy_for_no_driver() {
        for (os, part) in [
            ("windows", "vulkan-1.dll"),
            ("macos", "Metal is part of the system"),
            ("linux", "libvulkan1"),
            ("freebsd", "Vulkan loader"),
        ] {
            assert!(driver_remedy(os).contains(part), "{os}: {}", driver_remedy(os));
        }
        let error = UnavailableEngineError { id: EngineId::Gpu(0), why: Why::NoDriver };
        let here = driver_remedy(std::env::consts::OS);
        assert!(error.to_string().ends_with(&format!("no driver offers a GPU. {here}")), "{error}");
    }
}
