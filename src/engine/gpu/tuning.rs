//! Chooses the variant of the kernel that is fastest on a device: measured once, when it is opened.
//!
//! A variant of the kernel has to be compiled before it is measured, which takes a driver from tens
//! of milliseconds to a second. So the likeliest variants come first, several are compiled at a time,
//! and what does not fit into the time is not tried. All are compiled first and then measured in
//! turn, after a warm-up: a device slows its clock down while it waits for the compiler, an H200 to a
//! sixth, and needs tenths of a second of work to come back. The dispatches that are measured are
//! searches with an easy target: their hits are verified and their number compared with chance, so
//! that a device which leaves work out, or does it wrong, is not opened.
//!
//! What won is kept from run to run, by [`TuningCache`](super::TuningCache).

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, iter, panic, thread};

use super::{DISPATCH, Dispatch, FEEDERS, Found, KernelForm, ROOM, Runner, Versions};
use crate::block::{Target, Version};
use crate::engine::verify::judge;
use crate::engine::{Candidate, EngineErrorKind, VerifyError, job_for};
use crate::gpu::{AdapterKind, DeviceError};
use crate::job::{MAX_GROUP, NonceRange};

/// How much time tuning may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// How long compiling may take: none begins that would not end in time, if it took as long as the longest until then.
    pub(super) compiling: Duration,
    /// How long the device works before anything is measured.
    pub(super) warm_up: Duration,
    /// How long all variants are measured in turn, for at least `rounds` rounds.
    pub(super) measuring: Duration,
    pub(super) rounds: usize,
    /// Length of the dispatches that variants are compared by.
    pub(super) trial: Duration,
    /// How long each variant that was kept is measured at least.
    pub(super) reusing: Duration,
}

impl Effort {
    /// The effort that distinguishes variants on a card that works: four seconds in all.
    pub(super) const CARD: Self = Self {
        compiling: Duration::from_millis(2_200),
        warm_up: Duration::from_millis(300),
        measuring: Duration::from_millis(400),
        rounds: 4,
        trial: Duration::from_millis(8),
        reusing: Duration::from_millis(60),
    };

    /// Returns the effort for a kind of GPU: less on a driver that computes on the processor, whose clock is awake.
    pub(super) fn on(kind: AdapterKind) -> Self {
        if kind == AdapterKind::Software { Self::SOFTWARE } else { Self::CARD }
    }

    const SOFTWARE: Self =
        Self { compiling: Duration::from_secs(1), warm_up: Duration::ZERO, ..Self::CARD };
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
    /// How its operations are written.
    pub form: KernelForm,
    /// Number of threads in a workgroup.
    pub group: u32,
    /// Number of nonces that each thread tries.
    pub nonces: u32,
}

impl fmt::Display for KernelShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rolling, form, group, nonces } = self;
        let schedule = if *rolling { "shared schedule" } else { "one by one" };
        write!(f, "{schedule}, {form}, {group} threads x {nonces} nonces")
    }
}

impl KernelShape {
    /// Returns the variant with this number of nonces, which takes no other code.
    pub(super) fn with_nonces(self, nonces: u32) -> Self {
        Self { nonces, ..self }
    }
}

/// Threads of a workgroup, the likeliest first; and nonces of a thread, which take no code of their own.
pub(super) const GROUPS: [u32; 3] = [128, 64, 256];
pub(super) const NONCES: [u32; 2] = [1, 4];

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
    /// Time that the driver took to compile the code of the variant, perhaps beside that of others.
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
    /// Whether it was measured by an earlier run, and kept.
    pub is_kept: bool,
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

    /// Returns how long a dispatch of a job of so many versions should take.
    pub(super) fn takes(&self, nonces: NonceRange, tried: Versions, versions: usize) -> Duration {
        let each = if tried == Versions::All { versions } else { 1 };
        let hashes = nonces.len() as f64 * each as f64;
        Duration::try_from_secs_f64(hashes / self.trial(versions).rate).unwrap_or_default()
    }

    /// Returns the hashes that fill a dispatch for jobs of `versions` versions.
    pub(super) fn dispatch_hashes(&self, versions: usize) -> u64 {
        ((self.trial(versions).rate * DISPATCH.as_secs_f64()) as u64).clamp(1, 1 << 31)
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trials, plain, rolling, took, is_kept } = self;
        let (tried, took) = (trials.len(), took.as_secs_f64());
        write!(f, "one version: {}; several: {}; ", plain.shape, rolling.shape)?;
        write!(f, "the best of {tried} variants in {took:.1} s")?;
        if *is_kept { f.write_str(", kept from an earlier run") } else { Ok(()) }
    }
}

/// Compiles variants while there is time, and measures them.
pub(super) fn tune(runner: &dyn Runner, effort: Effort) -> Result<Tuning, EngineErrorKind> {
    let start = Instant::now();
    let compiled = compile(runner, &candidates(runner.forms()), effort.compiling)?;
    let refused = compiled.iter().find_map(|(_, took)| took.as_ref().err().cloned());
    let compiled = compiled.into_iter().filter_map(|(shape, took)| Some((shape, took.ok()?)));
    let compiled =
        compiled.flat_map(|(shape, took)| NONCES.map(|it| (shape.with_nonces(it), took)));
    let compiled: Vec<_> = compiled.collect();
    if let (true, Some(refused)) = (compiled.iter().all(|(shape, _)| shape.rolling), refused) {
        return Err(refused.into());
    }
    let trials = measure(runner, compiled, effort)?;
    let fastest = |plain_only| {
        trials
            .iter()
            .filter(|trial| !(plain_only && trial.shape.rolling))
            .max_by(|a, b| a.rate.total_cmp(&b.rate))
            .copied()
            .expect("one that is plain was compiled, or all of them refused")
    };
    let plain = settled(runner, fastest(true))?;
    let rolling = settled(runner, fastest(false))?;
    Ok(Tuning { plain, rolling, took: start.elapsed(), trials, is_kept: false })
}

/// Compiles and measures these variants alone.
pub(super) fn take(
    runner: &dyn Runner,
    plain: KernelShape,
    rolling: KernelShape,
    effort: Effort,
) -> Result<Tuning, EngineErrorKind> {
    let start = Instant::now();
    let compiled = compile(runner, &[plain, rolling], Duration::MAX)?;
    let compiled = compiled.into_iter().map(|(shape, took)| Ok((shape, took?)));
    let compiled = compiled.collect::<Result<_, DeviceError>>()?;
    let trials = measure(runner, compiled, effort)?;
    let [plain, rolling] = [trials[0], trials[1]].map(|trial| settled(runner, trial));
    Ok(Tuning { plain: plain?, rolling: rolling?, took: start.elapsed(), trials, is_kept: false })
}

/// Measures variants that are compiled, in turn.
fn measure(
    runner: &dyn Runner,
    compiled: Vec<(KernelShape, Duration)>,
    effort: Effort,
) -> Result<Vec<KernelTrial>, EngineErrorKind> {
    let entries = compiled.into_iter().map(|(shape, took)| Entry::new(runner, shape, took));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    let warming = Instant::now();
    while warming.elapsed() < effort.warm_up {
        entries[0].measure(runner, effort.trial)?;
    }
    let measuring = Instant::now();
    let mut rounds = 0;
    while rounds < effort.rounds || measuring.elapsed() < effort.measuring {
        for entry in entries.iter_mut().filter(|entry| !entry.is_behind) {
            entry.measure(runner, effort.trial)?;
        }
        leave_out_slow(&mut entries);
        rounds += 1;
    }
    Ok(entries.into_iter().map(|entry| entry.trial).collect())
}

/// Compiles the variants that an earlier run chose, and checks that they still compute right. Returns `None` if they are
/// now much slower, so that something else may be the fastest: another clock, other work, less of a processor.
pub(super) fn reuse(
    runner: &dyn Runner,
    kept: Tuning,
    effort: Effort,
) -> Result<Option<Tuning>, EngineErrorKind> {
    let mut chosen = [kept.plain, kept.rolling];
    let shapes = chosen.map(|trial| trial.shape);
    if compile(runner, &shapes, Duration::MAX)?.iter().any(|(_, took)| took.is_err()) {
        return Ok(None);
    }
    for trial in &mut chosen {
        let mut entry = Entry::new(runner, trial.shape, trial.compiled_in)?;
        let start = Instant::now();
        entry.measure(runner, effort.trial)?;
        while start.elapsed() < effort.reusing {
            entry.measure(runner, effort.trial)?;
        }
        if entry.trial.rate * MUCH < trial.rate {
            return Ok(None);
        }
        // Dispatches are sized by it.
        trial.rate = trial.rate.min(entry.trial.rate);
    }
    let [plain, rolling] = chosen;
    Ok(Some(Tuning { plain, rolling, is_kept: true, ..kept }))
}

/// By how much a variant has to be slower than it was for tuning to start anew.
const MUCH: f64 = 3.0;

/// Returns the variants to compile, the likeliest first: all forms with workgroups of one size, plain and rolling, then
/// the likeliest with other sizes.
pub(super) fn candidates(forms: &[KernelForm]) -> Vec<KernelShape> {
    let of_forms = forms.iter().map(|&form| (form, GROUPS[0]));
    let of_groups =
        forms.iter().take(1).flat_map(|&form| GROUPS[1..].iter().map(move |&group| (form, group)));
    let both = |(form, group)| {
        [false, true].map(|rolling| KernelShape { rolling, form, group, nonces: NONCES[0] })
    };
    of_forms.chain(of_groups).flat_map(both).collect()
}

/// Leaves variants out of the next rounds that are far behind the best of their kind.
fn leave_out_slow(entries: &mut [Entry]) {
    for rolling in [false, true] {
        let is_kind = |entry: &Entry| entry.trial.shape.rolling == rolling;
        let rates = entries.iter().filter(|entry| is_kind(entry)).map(|entry| entry.trial.rate);
        let best = rates.fold(0.0, f64::max);
        for entry in entries.iter_mut().filter(|entry| is_kind(entry)) {
            entry.is_behind = entry.trial.rate < best * IN_REACH;
        }
    }
}

/// The share of the best rate from which on a variant may still turn out to be the best.
const IN_REACH: f64 = 0.8;

/// A variant, and what it took to compile it or why the driver refuses it.
type Compiled = (KernelShape, Result<Duration, DeviceError>);

/// Compiles variants, several at a time, as long as there is time and until there is one of each kind.
fn compile(
    runner: &dyn Runner,
    shapes: &[KernelShape],
    time: Duration,
) -> Result<Vec<Compiled>, DeviceError> {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let longest = AtomicU64::new(0);
    let has_plain = AtomicBool::new(false);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(&shape) = shapes.get(place) else { return Ok(done) };
            let likely = Duration::from_nanos(longest.load(Ordering::Relaxed));
            let is_late = start.elapsed() + likely > time;
            if place >= 2 && has_plain.load(Ordering::Relaxed) && is_late {
                return Ok(done);
            }
            let before = Instant::now();
            let prepared = runner.prepare(shape);
            let took = before.elapsed();
            longest.fetch_max(took.as_nanos() as u64, Ordering::Relaxed);
            match prepared {
                Ok(()) => {
                    has_plain.fetch_or(!shape.rolling, Ordering::Relaxed);
                    done.push((place, (shape, Ok(took))));
                }
                Err(refused @ DeviceError::Refused(_)) => {
                    done.push((place, (shape, Err(refused))));
                }
                Err(failure) => return Err(failure),
            }
        }
    };
    let done: Vec<Result<_, DeviceError>> = thread::scope(|scope| {
        // This thread works too, and so it is done even where the system has no other.
        let other = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..FEEDERS).filter_map(other).collect();
        let own = work();
        let end = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
        };
        iter::once(own).chain(others.into_iter().map(end)).collect()
    });
    let mut compiled = done.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    compiled.sort_unstable_by_key(|&(place, _)| place);
    Ok(compiled.into_iter().map(|(_, compiled)| compiled).collect())
}

/// Nonces of the first dispatch of a variant.
const FIRST_NONCES: u64 = 1 << 12;

/// A variant that is being measured.
struct Entry {
    trial: KernelTrial,
    /// Nonces of the next dispatch of the variant.
    nonces: u64,
    /// Whether it is too slow to be measured again.
    is_behind: bool,
}

impl Entry {
    /// Runs a variant that is compiled for the first time.
    fn new(
        runner: &dyn Runner,
        shape: KernelShape,
        compiled_in: Duration,
    ) -> Result<Self, EngineErrorKind> {
        run(runner, shape, FIRST_NONCES)?;
        let trial = KernelTrial { shape, rate: 0.0, compiled_in };
        Ok(Self { trial, nonces: FIRST_NONCES, is_behind: false })
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
        // What is measured is not to be slept through.
        takes: None,
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
