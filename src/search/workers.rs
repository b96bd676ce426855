//! The threads that search: one engine on each, in small rayon pools (squads).
//!
//! An engine that fails costs only itself: its threads end, its unfinished work goes to the others,
//! and these workers do not use it again.

use std::iter;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::duty_cycle::{DutyCycle, IdleGate, WorkerIndex};
use super::throttle::Wakeup;
use super::work_queue::{Chunk, WorkQueue};
use super::{Progress, SearchControl, Share, Stop};
use crate::engine::verify::judge;
use crate::engine::{self, Engine, EngineError, EngineErrorKind};
use crate::gpu::DeviceError;
use crate::job::{Job, NonceRange};

/// Largest number of threads of one engine.
pub const MAX_THREADS: usize = 1024;

/// Interval at which a search that waits for its turn looks whether it is stopped.
const LOOK: Duration = Duration::from_millis(1);

/// Interval between reports of progress: the default, the shortest and the longest.
const TELL: Duration = Duration::from_millis(100);
const TELL_AT_MOST: Duration = Duration::from_millis(1);
const TELL_AT_LEAST: Duration = Duration::from_hours(24);

/// Interval at which a search with idle workers looks whether it is stopped. A stop handle wakes
/// no thread: it may be used where locks may not, as in the handler of a signal.
const LOOK_AFTER: Duration = Duration::from_millis(5);

/// Candidates taken from an engine at once, so that a target that everything meets does not fill
/// the memory or delay a stop.
const CANDIDATES: usize = 1024;

/// Largest number of threads in one pool. Before a thread falls asleep it looks some thirty times
/// for work at every other one of its pool: with 1,024 of them in one that took seconds at each
/// start and end.
const SQUAD: usize = 16;

/// Smallest factor by which chunks are made shorter, however many threads share a core: claiming
/// one, and calling an engine, would soon take more time than hashing it.
const LEAST_SHARE: f64 = 1.0 / 32.0;

/// Engines and the threads that run them.
///
/// Starting threads takes a moment, so start workers once and use them for many searches. They run
/// one search at a time: a second one waits until the first has ended, or until it is stopped
/// itself.
#[derive(Debug)]
pub struct Workers {
    members: Vec<EngineSlot>,
    /// For each thread the index of its engine slot: those on CPUs first.
    posts: Vec<usize>,
    cpu_threads: usize,
    /// The pools of all threads, with [`SQUAD`] of them in each but the last.
    squads: Vec<rayon::ThreadPool>,
    turn: Mutex<()>,
}

/// The slot of an engine, which is used as long as it works.
#[derive(Debug)]
struct EngineSlot {
    engine: Arc<dyn Engine>,
    fault: OnceLock<EngineError>,
}

/// Why workers cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkersError {
    /// A number of threads is zero or too large.
    #[error("{threads} threads, expected 1 to {MAX_THREADS}")]
    Threads {
        /// Number of threads that was asked for.
        threads: usize,
    },
    /// The operating system does not list its cores, or does not let a thread be pinned to one.
    #[error("threads cannot be pinned: this system does not say to which cores, or refuses it")]
    Pinning,
    /// The operating system did not start this many threads.
    #[error("cannot start {threads} threads")]
    Start {
        /// Number of threads that was asked for.
        threads: usize,
        /// Error of the thread pool.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Settings of workers to start; see [`Workers::builder`].
#[derive(Clone, Debug)]
pub struct WorkersBuilder {
    engines: Vec<Arc<dyn Engine>>,
    threads: Option<usize>,
    pinned: bool,
}

impl Workers {
    /// Starts workers for the CPU engine that is fastest at jobs of one version, on all cores. It
    /// measures the engines first, for a few milliseconds each.
    ///
    /// # Errors
    ///
    /// When the operating system does not start the threads.
    pub fn best() -> Result<Self, WorkersError> {
        Self::builder(engine::best(1)).build()
    }

    /// Returns a builder of workers with this engine, to which [`WorkersBuilder::engine`] adds
    /// others. By default each engine has as many threads as it asks for, or one for each core;
    /// none is pinned.
    #[must_use]
    pub fn builder(engine: Arc<dyn Engine>) -> WorkersBuilder {
        WorkersBuilder { engines: vec![engine], threads: None, pinned: false }
    }

    /// Returns the engines of these workers in the order in which they were given, also those that
    /// failed.
    pub fn engines(&self) -> impl Iterator<Item = &dyn Engine> {
        self.members.iter().map(|member| member.engine.as_ref())
    }

    /// Returns the number of threads that compute on CPUs. Those that submit to a device, and wait
    /// for it most of the time, are not counted.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.cpu_threads
    }

    /// Returns the errors of the engines that failed and are not used any more, in the order of
    /// [`Self::engines`].
    #[must_use]
    pub fn faults(&self) -> Vec<EngineError> {
        self.members.iter().filter_map(|member| member.fault.get().cloned()).collect()
    }

    /// Works through the chunks of `pieces` on all threads, while this one reports progress and
    /// hands over the shares.
    pub(super) fn run(
        &self,
        pieces: &WorkQueue<'_>,
        control: SearchControl<'_>,
        start: Instant,
        take: &mut dyn FnMut(Vec<Share>),
    ) {
        let SearchControl { stop, throttle, every, mut progress } = control;
        let Some(_turn) = self.turn(&stop) else { return pieces.stop() };
        let mut progress = || {
            if let Some(progress) = &mut progress {
                progress(Progress {
                    hashes: pieces.hashes_done(),
                    of: pieces.search().hashes(),
                    shares: pieces.shares_found(),
                    elapsed: start.elapsed(),
                });
            }
        };
        let mut give = || {
            let shares = pieces.settled();
            if !shares.is_empty() {
                take(shares);
            }
        };
        let every = every.map_or(TELL, |every| every.clamp(TELL_AT_MOST, TELL_AT_LEAST));
        while self.members.iter().any(EngineSlot::works) && pieces.begin() {
            let mut look = || {
                progress();
                give();
            };
            self.round(pieces, &stop, &IdleGate::new(&throttle, &stop), every, &mut look);
            give();
        }
    }

    /// Claims chunks on all threads until they find no more, while this one calls `progress` at
    /// intervals of `every`.
    fn round(
        &self,
        pieces: &WorkQueue<'_>,
        stop: &Stop,
        idle_gate: &IdleGate<'_>,
        every: Duration,
        progress: &mut dyn FnMut(),
    ) {
        let busy =
            ActiveCount { threads: AtomicUsize::new(self.posts.len()), wakeup: idle_gate.wakeup() };
        let share = share_of_core(self.cpu_threads, cores());
        let work = |number: usize| {
            let _done = busy.guard();
            let _stopping = StopOnPanic(pieces, idle_gate);
            let (member, worker_index) = self.slot_of(number);
            member.work(worker_index, share, pieces, stop, idle_gate);
        };
        on_all(&self.squads, 0, &work, || {
            let _stopping = StopOnPanic(pieces, idle_gate);
            let mut next = Instant::now() + every;
            while !busy.wait_until(next, idle_gate) {
                if stop.is_stopped() {
                    idle_gate.wakeup().ring();
                }
                if Instant::now() >= next {
                    progress();
                    next = Instant::now() + every;
                }
            }
        });
    }

    /// Returns the engine slot that a thread of the pools works for, and the index of that worker.
    fn slot_of(&self, number: usize) -> (&EngineSlot, WorkerIndex) {
        let member = self.posts[number];
        let is_first = !self.posts[..number].contains(&member);
        (&self.members[member], WorkerIndex { number, of: self.posts.len(), is_first })
    }

    /// Waits until no other search runs on these threads; `None` if stopped before.
    fn turn(&self, stop: &Stop) -> Option<MutexGuard<'_, ()>> {
        loop {
            match self.turn.try_lock() {
                Ok(turn) => return Some(turn),
                Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
                Err(TryLockError::WouldBlock) if stop.is_stopped() => return None,
                Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            }
        }
    }
}

/// Runs `work` on every thread of the squads, with the thread's number, of which the first is
/// `first`, and meanwhile `here` on this one.
fn on_all(
    squads: &[rayon::ThreadPool],
    first: usize,
    work: &(dyn Fn(usize) + Sync),
    here: impl FnOnce(),
) {
    let Some((squad, others)) = squads.split_first() else { return here() };
    squad.in_place_scope(|scope| {
        scope.spawn_broadcast(move |_, context| work(first + context.index()));
        on_all(others, first + squad.current_num_threads(), work, here);
    });
}

/// Returns the fraction of a core that each thread has. If there are more threads than cores, a
/// search that is stopped waits until every one of them has had its turn, with what is left of its
/// chunk.
fn share_of_core(threads: usize, cores: usize) -> f64 {
    (cores as f64 / threads.max(1) as f64).clamp(LEAST_SHARE, 1.0)
}

/// Ends the search when a callback or an engine panics: the panic is passed on when all threads
/// have ended, which without this would be after all of the work.
struct StopOnPanic<'a>(&'a WorkQueue<'a>, &'a IdleGate<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
            self.1.close();
        }
    }
}

impl WorkersBuilder {
    /// Adds an engine, on threads of its own. All engines search together, and a faster one does
    /// more of the work.
    ///
    /// Two CPU engines on the same cores are no faster together than the faster one alone.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Self {
        self.engines.push(engine);
        self
    }

    /// Sets the number of threads, 1 to [`MAX_THREADS`], of each engine that computes on CPUs. An
    /// engine that asks for a number of threads in [`Engine::batching`] has that number regardless.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Pins each thread that computes on a CPU to one core, taking the cores in turn.
    #[must_use]
    pub fn pinned(self, pinned: bool) -> Self {
        Self { pinned, ..self }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When an engine would have no threads or more than [`MAX_THREADS`], or when all engines
    /// together would have more than [`rayon`] allows; when threads are to be pinned and the system
    /// does not list its cores or refuses; or when the system does not start this many threads.
    pub fn build(self) -> Result<Workers, WorkersError> {
        let most = |threads: usize, most: usize| match threads {
            0 => Err(WorkersError::Threads { threads }),
            _ if threads > most => Err(WorkersError::Threads { threads }),
            _ => Ok(threads),
        };
        let on_cpus = most(self.threads.unwrap_or_else(|| cores().min(MAX_THREADS)), MAX_THREADS)?;
        let asked_for = |index: usize| self.engines[index].batching().threads;
        let mut posts = Vec::new();
        for index in 0..self.engines.len() {
            let threads = most(asked_for(index).unwrap_or(on_cpus), MAX_THREADS)?;
            posts.extend(iter::repeat_n(index, threads));
        }
        posts.sort_by_key(|&index| asked_for(index).is_some());
        let cpu_threads = posts.partition_point(|&index| asked_for(index).is_none());

        let threads = most(posts.len(), rayon::max_num_threads())?;
        let pins = if self.pinned {
            let cores = core_affinity::get_core_ids().filter(|cores| !cores.is_empty());
            Some(Pins::new(cores.ok_or(WorkersError::Pinning)?, cpu_threads))
        } else {
            None
        };
        let mut squads = Vec::new();
        for first in (0..threads).step_by(SQUAD) {
            let pool = squad(first, SQUAD.min(threads - first), pins.as_ref());
            squads.push(pool.map_err(|source| WorkersError::Start { threads, source })?);
        }
        // Every thread has started, and has or has not been pinned, when it has done this.
        on_all(&squads, 0, &|_| (), || ());
        if pins.is_some_and(|pins| pins.refused.load(Ordering::Relaxed)) {
            return Err(WorkersError::Pinning);
        }
        let member = |engine| EngineSlot { engine, fault: OnceLock::new() };
        let members = self.engines.into_iter().map(member).collect();
        Ok(Workers { members, posts, cpu_threads, squads, turn: Mutex::new(()) })
    }
}

/// The cores that threads are pinned to.
#[derive(Clone)]
struct Pins {
    cores: Arc<[core_affinity::CoreId]>,
    /// Number of threads, from the first on, that are pinned.
    threads: usize,
    /// Whether the system refused to pin one.
    refused: Arc<AtomicBool>,
}

impl Pins {
    /// Makes the pins from the cores, of which there is at least one.
    fn new(cores: Vec<core_affinity::CoreId>, threads: usize) -> Self {
        Self { cores: cores.into(), threads, refused: Arc::default() }
    }

    /// Pins this thread, whose number is given, to its core.
    fn pin(&self, number: usize) {
        let core = self.cores[number % self.cores.len()];
        if number < self.threads && !core_affinity::set_for_current(core) {
            self.refused.store(true, Ordering::Relaxed);
        }
    }
}

/// Starts a pool of `threads` threads, whose numbers begin with `first`.
fn squad(
    first: usize,
    threads: usize,
    pins: Option<&Pins>,
) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    let mut builder = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |index| format!("search {}", first + index));
    if let Some(pins) = pins.cloned() {
        builder = builder.start_handler(move |index| pins.pin(first + index));
    }
    builder.build()
}

/// Number of cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl EngineSlot {
    fn works(&self) -> bool {
        self.fault.get().is_none()
    }

    /// Claims chunks until there are no more, or the engine has failed, and idles in between. A
    /// thread that computes on a CPU has the fraction `share` of a core.
    fn work(
        &self,
        worker_index: WorkerIndex,
        share: f64,
        pieces: &WorkQueue<'_>,
        stop: &Stop,
        idle_gate: &IdleGate<'_>,
    ) {
        let batching = self.engine.batching();
        let mut pace =
            pieces.pace(batching.piece, if batching.threads.is_none() { share } else { 1.0 });
        let mut duty_cycle = DutyCycle::new(idle_gate, worker_index, batching);
        while self.works() {
            let work_slice = duty_cycle.rest(|| self.works() && pieces.is_any_wanted());
            // Another thread of this engine may have met its failure meanwhile.
            if !self.works() {
                break;
            }
            let Some(piece) = pieces.claim(&pace, work_slice.parts) else {
                return idle_gate.close();
            };
            let start = Instant::now();
            let (done, shares) = self.scan(&piece, pieces.limit(), stop);
            let took = start.elapsed();
            let (done, rest) = piece.split_at(done);
            pace.learn(done.hashes(), took * work_slice.alone);
            duty_cycle.worked(took);
            pieces.report(&done, shares, rest);
            if stop.is_stopped() {
                pieces.stop();
            }
        }
        // Others of this engine may be at rest.
        idle_gate.wakeup().ring();
    }

    /// Scans a chunk and returns how many of its nonces were done, and the shares in them, in
    /// order. Those are all nonces, unless `limit` shares were in the first of them, the search was
    /// stopped, or the engine failed.
    fn scan(&self, piece: &Chunk, limit: usize, stop: &Stop) -> (u64, Vec<Share>) {
        let mut shares = Vec::new();
        let mut rest = piece.nonces;
        let mut fault = None;
        while fault.is_none() && !rest.is_empty() && shares.len() < limit && !stop.is_stopped() {
            match scan_some(self.engine.as_ref(), &piece.job, rest, limit, &mut shares) {
                Ok(after) => rest = after,
                Err(failed) => fault = Some(failed),
            }
        }
        // An engine that gives wrong results may as well have missed some: in the rest of the
        // piece, and in what another of its threads had by then.
        let wrong = |fault: &EngineError| matches!(fault.kind, EngineErrorKind::Wrong(_));
        let trusted = !fault.iter().chain(self.fault.get()).any(wrong);
        if let Some(fault) = fault {
            // The first is the one to report: others follow from it.
            let _ = self.fault.set(fault);
        }
        if trusted { (piece.nonces.len() - rest.len(), shares) } else { (0, Vec::new()) }
    }
}

/// Calls an engine once: appends the shares in what it did to `shares`, and returns the nonces that
/// it did not do.
fn scan_some(
    engine: &dyn Engine,
    job: &Job,
    nonces: NonceRange,
    limit: usize,
    shares: &mut Vec<Share>,
) -> Result<NonceRange, EngineError> {
    let fault = |kind| EngineError { engine: engine.id(), kind };
    let mut candidates = Vec::new();
    let scanned = engine.scan(job, nonces, limit.min(CANDIDATES), &mut candidates)?;
    let (done, rest) = nonces.split_at(scanned.nonces);
    if done.is_empty() {
        return Err(fault(DeviceError::Refused("it did nothing".to_owned()).into()));
    }
    for candidate in candidates {
        let share = judge(job, done, candidate);
        shares.extend(share.map_err(|wrong| fault(EngineErrorKind::Wrong(wrong)))?);
    }
    Ok(rest)
}

/// The number of threads that still work.
struct ActiveCount<'a> {
    threads: AtomicUsize,
    /// The wakeup to ring when the last thread is done.
    wakeup: &'a Wakeup,
}

impl ActiveCount<'_> {
    /// Counts a thread as done when dropped: also when it panics, or the wait would never end.
    fn guard(&self) -> impl Drop {
        struct Done<'a>(&'a ActiveCount<'a>);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                if self.0.threads.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.0.wakeup.ring();
                }
            }
        }
        Done(self)
    }

    /// Waits until all threads are done or until `then`, but no longer than idle workers can be
    /// left alone. Returns whether all are done.
    fn wait_until(&self, then: Instant, idle_gate: &IdleGate<'_>) -> bool {
        let is_in_use = idle_gate.is_in_use();
        let time = then.saturating_duration_since(Instant::now());
        let time = if is_in_use { time.min(LOOK_AFTER) } else { time };
        let works = || self.threads.load(Ordering::Relaxed) > 0;
        self.wakeup.sleep(Some(time), || works() && idle_gate.is_in_use() == is_in_use);
        !works()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_numbers_of_their_own_in_small_pools() {
        for threads in [1, SQUAD - 1, SQUAD, SQUAD + 1, 3 * SQUAD + 1] {
            let engine = engine::by_id(engine::EngineId::Scalar).expect("on every machine");
            let workers = Workers::builder(engine).threads(threads).build().expect("few threads");
            let pools = workers.squads.iter().map(rayon::ThreadPool::current_num_threads);
            assert!(pools.clone().all(|pool| pool <= SQUAD));
            assert_eq!(pools.sum::<usize>(), threads);
            let numbers = Mutex::new(Vec::new());
            let mut here = 0;
            on_all(&workers.squads, 0, &|number| numbers.lock().unwrap().push(number), || {
                here += 1;
            });
            let mut numbers = numbers.into_inner().unwrap();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..threads) && here == 1, "{threads}");
        }
    }

    #[test]
    fn cores_are_shared_where_there_are_more_threads() {
        for (threads, cores, share) in
            [(0, 2, 1.0), (1, 2, 1.0), (2, 2, 1.0), (8, 2, 0.25), (1024, 2, LEAST_SHARE)]
        {
            assert_eq!(share_of_core(threads, cores).to_bits(), share.to_bits(), "{threads}");
        }
    }
}
