//! Chooses the variant of the kernel that is fastest on a device: measured once, when it is opened.
//!
//! A variant of the kernel has to be compiled before it is measured, which takes a driver from tens
//! of milliseconds to a second. So the likeliest variants come first, and what does not fit into the
//! time is not tried. All are compiled first and then measured in turn: a device slows its clock down
//! while it waits for the compiler, an H200 to a sixth, and needs tenths of a second of work to come
//! back. The dispatches that are measured are searches with an easy target: their hits
//! are verified and their number compared with chance, so that a device which leaves work out, or
//! does it wrong, is not opened.

use std::fmt;
use std::time::{Duration, Instant};

use super::{DISPATCH, Dispatch, Found, ROOM, Runner, Versions};
use crate::block::{Target, Version};
use crate::engine::verify::judge;
use crate::engine::{Candidate, EngineErrorKind, VerifyError, job_for};
use crate::job::{MAX_GROUP, NonceRange};

/// How much time tuning may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// How long compiling may take.
    pub(super) compiling: Duration,
    /// How long all variants are measured in turn, for at least `rounds` rounds.
    pub(super) measuring: Duration,
    pub(super) rounds: usize,
    /// Length of the dispatches that variants are compared by.
    pub(super) trial: Duration,
}

impl Effort {
    /// The effort that distinguishes variants on a device that works.
    pub(super) const FULL: Self = Self {
        compiling: Duration::from_secs(2),
        measuring: Duration::from_millis(400),
        rounds: 4,
        trial: Duration::from_millis(8),
    };
}

/// Hits that a trial expects: an eighth of the room, and five times their square root is a fifth of
/// them.
const HITS: u64 = ROOM as u64 / 8;

/// A variant of the search kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelShape {
    /// Whether the versions of a job share one message schedule, which saves work; otherwise each
    /// version is tried by itself.
    pub rolling: bool,
    /// Whether the kernel uses multiplications for some additions of its rounds, which is faster on
    /// some GPUs.
    pub multiplies: bool,
    /// Number of threads in a workgroup.
    pub group: u32,
    /// Number of nonces that each thread tries.
    pub nonces: u32,
}

impl fmt::Display for KernelShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rolling, multiplies, group, nonces } = self;
        let schedule = if *rolling { "shared schedule" } else { "one by one" };
        let sums = if *multiplies { ", sums by multiplication" } else { "" };
        write!(f, "{schedule}{sums}, {group} threads x {nonces} nonces")
    }
}

/// Threads of a workgroup and nonces of a thread, the likeliest first.
const SHAPES: [(u32, u32); 6] = [(128, 1), (64, 1), (256, 1), (64, 4), (128, 2), (256, 4)];

/// A variant of the search kernel, measured on a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelTrial {
    /// The variant that was measured.
    pub shape: KernelShape,
    /// Hashes per second, with [`MAX_GROUP`] versions for a rolling variant and one version for any
    /// other.
    ///
    /// It is the best of several dispatches of about 8 ms in [`Tuning::trials`]; in
    /// [`Tuning::plain`] and [`Tuning::rolling`] it is that of one dispatch of about 25 ms.
    pub rate: f64,
    /// Time that the driver took to compile the variant and to run it for the first time.
    pub compiled_in: Duration,
}

/// The result of tuning: the variants that were measured, and those that are used.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// All variants that were measured, in the order in which they were tried.
    pub trials: Vec<KernelTrial>,
    /// Variant used for jobs of one version.
    pub plain: KernelTrial,
    /// Variant used for jobs of several versions; one that is not rolling if sharing the message
    /// schedule is no faster.
    pub rolling: KernelTrial,
    /// Time that tuning took altogether.
    pub took: Duration,
}

impl Tuning {
    fn trial(&self, versions: usize) -> KernelTrial {
        if versions > 1 { self.rolling } else { self.plain }
    }

    /// Returns the variant for jobs of `versions` versions, and the dispatches that a range of
    /// nonces takes.
    pub(super) fn plan(&self, versions: usize) -> (KernelShape, Vec<Versions>) {
        let shape = self.trial(versions).shape;
        if shape.rolling {
            (shape, vec![Versions::All])
        } else {
            (shape, (0..versions).map(Versions::One).collect())
        }
    }

    /// Returns the hashes that fill a dispatch for jobs of `versions` versions.
    pub(super) fn dispatch_hashes(&self, versions: usize) -> u64 {
        ((self.trial(versions).rate * DISPATCH.as_secs_f64()) as u64).clamp(1, 1 << 31)
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trials, plain, rolling, took } = self;
        let (tried, took) = (trials.len(), took.as_secs_f64());
        write!(f, "one version: {}; several: {}; ", plain.shape, rolling.shape)?;
        write!(f, "the best of {tried} variants in {took:.1} s")
    }
}

/// Compiles variants while there is time, and measures them.
pub(super) fn tune(runner: &dyn Runner, effort: Effort) -> Result<Tuning, EngineErrorKind> {
    let start = Instant::now();
    let sums: &[bool] = if runner.may_multiply() { &[false, true] } else { &[false] };
    let shapes = SHAPES.iter().flat_map(|shape| sums.iter().map(move |&sums| (*shape, sums)));
    let mut entries: Vec<Entry> = Vec::new();
    let mut longest = Duration::ZERO;
    for ((group, nonces), multiplies) in shapes {
        if !entries.is_empty() && start.elapsed() + longest > effort.compiling {
            break;
        }
        let before = Instant::now();
        for rolling in [false, true] {
            let shape = KernelShape { rolling, multiplies, group, nonces };
            entries.push(Entry::compile(runner, shape)?);
        }
        longest = longest.max(before.elapsed());
    }
    let measuring = Instant::now();
    let mut rounds = 0;
    while rounds < effort.rounds || measuring.elapsed() < effort.measuring {
        for entry in &mut entries {
            entry.measure(runner, effort.trial)?;
        }
        rounds += 1;
    }
    let trials: Vec<_> = entries.into_iter().map(|entry| entry.trial).collect();
    let fastest = |plain_only| {
        trials
            .iter()
            .filter(|trial| !(plain_only && trial.shape.rolling))
            .max_by(|a, b| a.rate.total_cmp(&b.rate))
            .copied()
            .expect("the first shape is always tried, plain and rolling")
    };
    let plain = settled(runner, fastest(true))?;
    let rolling = settled(runner, fastest(false))?;
    Ok(Tuning { plain, rolling, took: start.elapsed(), trials })
}

/// A variant that is being measured.
struct Entry {
    trial: KernelTrial,
    /// Nonces of the next dispatch of the variant.
    nonces: u64,
}

impl Entry {
    fn compile(runner: &dyn Runner, shape: KernelShape) -> Result<Self, EngineErrorKind> {
        let nonces = 1 << 12;
        let start = Instant::now();
        runner.prepare(shape)?;
        run(runner, shape, nonces)?;
        Ok(Self { trial: KernelTrial { shape, rate: 0.0, compiled_in: start.elapsed() }, nonces })
    }

    /// Runs a dispatch that is long enough to measure, after shorter ones if need be.
    fn measure(&mut self, runner: &dyn Runner, trial: Duration) -> Result<(), EngineErrorKind> {
        let shape = self.trial.shape;
        loop {
            let took = run(runner, shape, self.nonces)?;
            if took < trial && self.nonces < 1 << 28 {
                self.nonces *= if took * 8 < trial { 8 } else { 2 };
            } else {
                self.trial.rate = self.trial.rate.max(rate(shape, self.nonces, took));
                return Ok(());
            }
        }
    }
}

/// Measures the chosen variant with one whole dispatch, by whose rate dispatches are sized.
fn settled(runner: &dyn Runner, trial: KernelTrial) -> Result<KernelTrial, EngineErrorKind> {
    let hashes = (trial.rate * DISPATCH.as_secs_f64()) as u64;
    let nonces = (hashes / versions(trial.shape)).clamp(1, 1 << 31);
    let took = run(runner, trial.shape, nonces)?;
    Ok(KernelTrial { rate: rate(trial.shape, nonces, took), ..trial })
}

fn rate(shape: KernelShape, nonces: u64, took: Duration) -> f64 {
    (nonces * versions(shape)) as f64 / took.as_secs_f64()
}

/// Returns how many versions a variant is measured with.
fn versions(shape: KernelShape) -> u64 {
    if shape.rolling { MAX_GROUP as u64 } else { 1 }
}

/// Runs a dispatch that finds about [`HITS`], and checks what it found.
fn run(runner: &dyn Runner, shape: KernelShape, nonces: u64) -> Result<Duration, EngineErrorKind> {
    let hashes = nonces * versions(shape);
    let top = ((HITS << 32) / hashes).clamp(1, u32::MAX.into()) as u32 - 1;
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&top.to_be_bytes());
    let target = Target::from_be_bytes(target).expect("not zero");
    let job = job_for(target, versions(shape) as usize);
    let dispatch = Dispatch {
        job: &job,
        nonces: NonceRange::ALL.split_at(nonces).0,
        versions: if shape.rolling { Versions::All } else { Versions::One(0) },
    };
    let start = Instant::now();
    let found = runner.search(shape, dispatch)?;
    let took = start.elapsed();
    check(dispatch, &found, hashes)?;
    Ok(took)
}

/// Checks that the hits are candidates, and as many as by chance.
fn check(dispatch: Dispatch<'_>, found: &Found, hashes: u64) -> Result<(), EngineErrorKind> {
    let Dispatch { job, nonces, .. } = dispatch;
    for &(nonce, index) in &found.hits {
        // An index that is none belongs to no version of the job either.
        let version = job.versions().get(index).copied();
        let version = version.unwrap_or(Version::from_consensus(u32::MAX));
        judge(job, nonces, Candidate { nonce, version }).map_err(EngineErrorKind::Wrong)?;
    }
    let expected = ((u64::from(job.target().top_word()) + 1) * hashes) >> 32;
    // Eight standard deviations: one in 10^15 devices that are right is refused.
    if found.count.abs_diff(expected).pow(2) > 64 * expected {
        return Err(EngineErrorKind::Wrong(VerifyError::Count { found: found.count, expected }));
    }
    Ok(())
}
