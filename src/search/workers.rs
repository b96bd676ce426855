//! The threads that search: one engine on each, from one rayon pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::pieces::{Piece, Pieces};
use super::{Progress, Share, Stop, Watch, verify};
use crate::engine::{self, Engine};

/// The most threads that workers may have.
pub const MAX_THREADS: usize = 1024;

/// How long a worker keeps a piece: the delay of a stop.
const PIECE: Duration = Duration::from_millis(1);

/// How many hashes a worker that does not know its speed yet takes.
const FIRST_PIECE: u64 = 4096;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// Candidates taken from an engine at once, so that a target that everything meets does not fill
/// the memory or delay a stop.
const CANDIDATES: usize = 1024;

/// An engine and the threads that run it. Making them takes a moment, so searches share them, one
/// after the other: a second one waits for its turn until it is told to stop.
#[derive(Debug)]
pub struct Workers {
    engine: Arc<dyn Engine>,
    pool: rayon::ThreadPool,
    turn: Mutex<()>,
}

/// Why there are no workers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkersError {
    /// A number of threads that makes no sense.
    #[error("{threads} threads, expected 1 to {MAX_THREADS}")]
    Threads {
        /// The number asked for.
        threads: usize,
    },
    /// The operating system does not say which cores there are, or does not let threads choose.
    #[error("threads cannot be pinned: this system does not say to which cores, or refuses it")]
    Pinning,
    /// The operating system gave no more threads.
    #[error("cannot start {threads} threads")]
    Start {
        /// The number asked for.
        threads: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Which workers to make; see [`Workers::builder`].
#[derive(Clone, Debug)]
pub struct WorkersBuilder {
    engine: Arc<dyn Engine>,
    threads: Option<usize>,
    pinned: bool,
}

impl Workers {
    /// The fastest engine of this machine, measured without version rolling, on all of its cores.
    ///
    /// # Errors
    ///
    /// When the operating system gives no threads.
    pub fn best() -> Result<Self, WorkersError> {
        Self::builder(engine::best(1)).build()
    }

    /// Workers with this engine: unless told otherwise one for each core, not pinned.
    #[must_use]
    pub fn builder(engine: Arc<dyn Engine>) -> WorkersBuilder {
        WorkersBuilder { engine, threads: None, pinned: false }
    }

    /// The engine they run.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// How many they are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Works through `pieces` on all threads, telling the calling one how far they are.
    pub(super) fn run(&self, pieces: &Pieces<'_>, watch: Watch<'_>, start: Instant) {
        let Watch { stop, mut progress } = watch;
        let Some(_turn) = self.turn(&stop) else { return };
        let busy = Busy::new(self.threads());
        self.pool.in_place_scope(|scope| {
            let _stopping = StopOnPanic(pieces);
            scope.spawn_broadcast(|_, _| {
                let _done = busy.guard();
                let _stopping = StopOnPanic(pieces);
                work(self.engine.as_ref(), pieces, &stop, self.threads());
            });
            if let Some(tell) = &mut progress {
                while !busy.wait(TELL) {
                    tell(Progress {
                        hashes: pieces.hashes_done(),
                        of: pieces.search().hashes(),
                        shares: pieces.shares_found(),
                        elapsed: start.elapsed(),
                    });
                }
            }
        });
    }
}

impl Workers {
    /// Waits until no other search runs on these threads; `None` if told to stop before.
    fn turn(&self, stop: &Stop) -> Option<MutexGuard<'_, ()>> {
        loop {
            match self.turn.try_lock() {
                Ok(turn) => return Some(turn),
                Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
                Err(TryLockError::WouldBlock) if stop.is_stopped() => return None,
                Err(TryLockError::WouldBlock) => thread::sleep(PIECE),
            }
        }
    }
}

/// Ends the search when a callback or an engine panics: the panic is passed on when all threads
/// have ended, which without this would be after all of the work.
struct StopOnPanic<'a>(&'a Pieces<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(0);
        }
    }
}

impl WorkersBuilder {
    /// This many threads, 1 to [`MAX_THREADS`].
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Keeps each thread on one core, taking the cores in turn.
    #[must_use]
    pub fn pinned(self, pinned: bool) -> Self {
        Self { pinned, ..self }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When there would be none or more than [`MAX_THREADS`], when they are to be pinned and the
    /// system does not say to which cores, or when it gives no more threads.
    pub fn build(self) -> Result<Workers, WorkersError> {
        let threads = self.threads.unwrap_or_else(|| cores().min(MAX_THREADS));
        if threads == 0 || threads > MAX_THREADS {
            return Err(WorkersError::Threads { threads });
        }
        let mut builder = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("search {index}"));
        let refused = Arc::new(AtomicBool::new(false));
        if self.pinned {
            let cores = core_affinity::get_core_ids().filter(|cores| !cores.is_empty());
            let cores = cores.ok_or(WorkersError::Pinning)?;
            let refused = refused.clone();
            builder = builder.start_handler(move |index| {
                if !core_affinity::set_for_current(cores[index % cores.len()]) {
                    refused.store(true, Ordering::Relaxed);
                }
            });
        }
        let pool = builder.build().map_err(|source| WorkersError::Start { threads, source })?;
        // Every thread has started, and has or has not been pinned, when it has done this.
        pool.broadcast(|_| ());
        if refused.load(Ordering::Relaxed) {
            return Err(WorkersError::Pinning);
        }
        Ok(Workers { engine: self.engine, pool, turn: Mutex::new(()) })
    }
}

/// As many cores as this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Claims pieces until there are no more.
fn work(engine: &dyn Engine, pieces: &Pieces<'_>, stop: &Stop, threads: usize) {
    let mut size = FIRST_PIECE;
    // Several pieces each are left for the end, so that nobody waits long for the last one.
    while let Some(piece) = pieces.claim(size, 8 * threads) {
        let start = Instant::now();
        let (shares, hashes) = scan(engine, &piece, pieces.limit(), stop);
        pieces.report(piece.place, shares, hashes);
        if stop.is_stopped() {
            pieces.stop(piece.place);
        }
        let took = start.elapsed().as_secs_f64().max(1e-9);
        let fit = (hashes as f64 * PIECE.as_secs_f64() / took) as u64;
        // One odd measurement must not make a piece that no stop can interrupt.
        size = fit.clamp(FIRST_PIECE / 4, size * 4);
    }
}

/// The shares of a piece, up to `limit`, and the hashes done for them.
fn scan(engine: &dyn Engine, piece: &Piece, limit: usize, stop: &Stop) -> (Vec<Share>, u64) {
    let mut shares = Vec::new();
    let mut hashes = 0;
    let mut candidates = Vec::new();
    let mut nonces = piece.nonces;
    while !nonces.is_empty() && shares.len() < limit && !stop.is_stopped() {
        let scanned = engine.scan(&piece.job, nonces, limit.min(CANDIDATES), &mut candidates);
        let Ok(scanned) = scanned else { break };
        shares.extend(candidates.drain(..).filter_map(|candidate| verify(&piece.job, candidate)));
        hashes += scanned.hashes;
        if scanned.nonces == 0 {
            // An engine that does nothing is broken: what is missing shows in the count of hashes.
            break;
        }
        nonces = nonces.split_at(scanned.nonces).1;
    }
    (shares, hashes)
}

/// How many threads still work.
struct Busy {
    threads: AtomicUsize,
    lock: Mutex<()>,
    all_done: Condvar,
}

impl Busy {
    fn new(threads: usize) -> Self {
        Self { threads: AtomicUsize::new(threads), lock: Mutex::new(()), all_done: Condvar::new() }
    }

    /// Counts a thread as done when dropped: also when it panics, or `wait` would never end.
    fn guard(&self) -> impl Drop {
        struct Done<'a>(&'a Busy);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                let _lock = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
                self.0.threads.fetch_sub(1, Ordering::Relaxed);
                self.0.all_done.notify_all();
            }
        }
        Done(self)
    }

    /// Waits until all are done, but no longer than `timeout`. Whether they are.
    fn wait(&self, timeout: Duration) -> bool {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |(): &mut ()| self.threads.load(Ordering::Relaxed) > 0;
        let (_lock, waited) = self
            .all_done
            .wait_timeout_while(lock, timeout, busy)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}
