//! A search over all cores and GPUs: it hands out chunks of the work, verifies candidates, and
//! returns shares in a fixed order.
//!
//! The order does not depend on the workers: shares come by time, then version group, then nonce,
//! then version inside the group. Threads claim chunks of the work from the front. A chunk takes
//! about as long as the engine asks for: a millisecond on a CPU, or less where threads share a
//! core. What the threads find is put back in order, so [`Search::first`] returns the same share
//! with every engine, every number of threads, and several engines together.
//!
//! An engine may fail. The others then do its unfinished work, and nothing is lost or counted
//! twice. The search fails only when no engine is left.

mod duty_cycle;
mod rate;
mod throttle;
mod work_queue;
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::block::{Header, Target, Version, VersionMask};
use crate::engine::EngineError;
use crate::job::{GroupSizeError, MAX_GROUP, NonceRange};

pub use self::throttle::{Duty, DutyError, Throttle};
pub use self::workers::{MAX_THREADS, Workers, WorkersBuilder, WorkersError};
pub use crate::engine::{Share, verify};

use self::work_queue::WorkQueue;

/// A search to run: a header and a target, and how far its nonce, version and time may vary.
///
/// ```
/// use perjoule::block::{Header, Target};
/// use perjoule::search::{Search, SearchControl, Workers};
///
/// // Block 1 of the main chain, from a little before its nonce on.
/// let header = Header::from_hex(concat!(
///     "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d61900",
///     "00000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e8",
///     "57233e0e61bc6649ffff001d01e36299",
/// ))?;
/// let search = Search::new(header, Target::from_compact(header.bits())?)
///     .nonces(perjoule::job::NonceRange::new(header.nonce() - 10_000, 1 << 32)?);
/// let outcome = search.first(&Workers::best()?, SearchControl::default());
/// assert_eq!(outcome.shares[0].hash(), header.hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    header: Header,
    target: Target,
    nonces: NonceRange,
    mask: Option<VersionMask>,
    group: usize,
    seconds: u32,
}

impl Search {
    /// Makes a search over all nonces of `header`, with its own version and time.
    #[must_use]
    pub fn new(header: Header, target: Target) -> Self {
        Self { header, target, nonces: NonceRange::ALL, mask: None, group: MAX_GROUP, seconds: 0 }
    }

    /// Restricts the search to these nonces, for every version and time; the default is all nonces.
    #[must_use]
    pub fn nonces(self, nonces: NonceRange) -> Self {
        Self { nonces, ..self }
    }

    /// Tries every version that differs from the header's own only in bits of `mask`, the header's
    /// own first; by default only the header's own version is tried.
    #[must_use]
    pub fn versions(self, mask: VersionMask) -> Self {
        Self { mask: Some(mask), ..self }
    }

    /// Sets how many versions are tried on each nonce before the next one: 1 to [`MAX_GROUP`],
    /// which is the default, or as many as the mask allows if that is fewer. The order of the
    /// shares depends on it.
    ///
    /// # Errors
    ///
    /// When `size` is 0 or more than [`MAX_GROUP`].
    pub fn group_size(self, size: usize) -> Result<Self, GroupSizeError> {
        if size == 0 || size > MAX_GROUP {
            return Err(GroupSizeError::of(size));
        }
        Ok(Self { group: size, ..self })
    }

    /// Tries later times as well: one second later each time that all nonces and versions are
    /// exhausted, up to `seconds` after the header's own time. The default is 0.
    ///
    /// A node refuses a block whose time is more than two hours past its own clock.
    #[must_use]
    pub fn roll_time(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// Returns the header that the search starts from.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the target that a hash must meet.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Returns the number of hashes in the whole search: the numbers of times, versions and nonces,
    /// multiplied.
    #[must_use]
    pub fn hashes(&self) -> u128 {
        u128::from(self.times()) * u128::from(self.version_count()) * u128::from(self.nonces.len())
    }

    /// Runs the search until it has found the first share in its order.
    ///
    /// [`Outcome::shares`] holds that share, or nothing if the search was exhausted, stopped or
    /// failed. A search that was stopped or failed may hold a share that is not the first.
    #[must_use]
    pub fn first(&self, workers: &Workers, control: SearchControl<'_>) -> Outcome {
        self.all(1, workers, control)
    }

    /// Runs the search until it has found the first `limit` shares in its order; with a limit of 0
    /// it returns at once with none.
    #[must_use]
    pub fn all(&self, limit: usize, workers: &Workers, control: SearchControl<'_>) -> Outcome {
        let mut shares = Vec::new();
        let outcome = self.each(limit, workers, control, &mut |found| shares.extend(found));
        Outcome { shares, ..outcome }
    }

    /// Runs the search as [`Self::all`] does, but hands the shares over while it goes on.
    ///
    /// So the shares need not all fit into memory, and [`Outcome::shares`] is empty.
    ///
    /// `take` is called on the calling thread, about as often as progress is reported, with the
    /// shares that come next in the order of the search. If shares are found faster than `take`
    /// accepts them, the search waits. A search that is stopped or fails may have found shares
    /// beyond work that was not done; they are handed over at its end.
    #[must_use]
    pub fn each(
        &self,
        limit: usize,
        workers: &Workers,
        control: SearchControl<'_>,
        take: &mut dyn FnMut(Vec<Share>),
    ) -> Outcome {
        let start = Instant::now();
        let pieces = WorkQueue::new(self, limit);
        if limit > 0 {
            workers.run(&pieces, control, start, take);
        }
        let mut outcome = pieces.into_outcome(start.elapsed(), workers.faults());
        let rest = std::mem::take(&mut outcome.shares);
        if !rest.is_empty() {
            take(rest);
        }
        outcome
    }

    fn times(&self) -> u64 {
        u64::from(self.seconds.min(u32::MAX - self.header.time())) + 1
    }

    fn version_count(&self) -> u64 {
        self.mask.map_or(1, VersionMask::versions)
    }

    /// The versions of one group, in the order of the search.
    fn group(&self, index: u64) -> Vec<Version> {
        let size = self.group as u64;
        let version =
            |i| self.mask.map_or(self.header.version(), |m| m.version(self.header.version(), i));
        let end = (index + 1).saturating_mul(size).min(self.version_count());
        (index * size..end).map(version).collect()
    }

    fn groups(&self) -> u64 {
        self.version_count().div_ceil(self.group as u64)
    }
}

/// Runs searches one after the other until one finds a share, is stopped or fails, or `work` ends.
///
/// The next search is taken from `work` when the last is exhausted: this is how a miner gets new
/// work when nonces, versions and time are used up. The outcome's hashes and time are those of all
/// searches together, and each fault is in it once. Progress is reported for each search by itself.
pub fn first_of(
    work: impl IntoIterator<Item = Search>,
    workers: &Workers,
    mut control: SearchControl<'_>,
) -> Outcome {
    let mut total = Outcome {
        shares: Vec::new(),
        hashes: 0,
        took: Duration::ZERO,
        end: End::Exhausted,
        faults: workers.faults(),
    };
    for search in work {
        let Outcome { hashes, took, .. } = total;
        let next = search.first(workers, control.again());
        total = Outcome { hashes: hashes + next.hashes, took: took + next.took, ..next };
        if total.end != End::Exhausted {
            break;
        }
    }
    total
}

/// The result of a search: why it ended, and with what.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Verified shares, in the order of the search; empty after [`Search::each`], which has handed
    /// them over.
    pub shares: Vec<Share>,
    /// Number of hashes done.
    pub hashes: u64,
    /// Wall-clock time that the search took.
    pub took: Duration,
    /// Why the search ended.
    pub end: End,
    /// Errors of the workers' engines that have failed, in this search or an earlier one, in the
    /// order of [`Workers::engines`].
    ///
    /// The unfinished work of these engines went to others, and they are not used again. The hashes
    /// that they did before are counted, even where an engine computed wrong results.
    pub faults: Vec<EngineError>,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The search found as many shares as asked for; there may be more.
    Limit,
    /// The search did every one of its hashes.
    Exhausted,
    /// The search was stopped.
    Stopped,
    /// No engine is left that works: some work was not done, and a share that was found may not be
    /// the first.
    Failed,
}

/// A handle that stops searches, from any thread and for good: a search that starts later with the
/// same handle ends at once.
///
/// A search stops within 10 ms on a CPU that is not overloaded, and within 100 ms if a GPU searches
/// too. If a GPU hangs, the search waits until the engine has given the GPU up. With far more
/// threads than cores, each thread must first have its turn: 0.1 s for 1,024 threads on two cores.
/// The search keeps every share that was verified by then.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stops all searches that were given this handle.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Progress of a running search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Number of hashes done so far.
    pub hashes: u64,
    /// Number of all hashes of the search, as [`Search::hashes`] gives it.
    pub of: u128,
    /// Number of shares found so far, which may be more than will be returned.
    pub shares: usize,
    /// Wall-clock time since the search began.
    pub elapsed: Duration,
}

/// Control over a running search: a stop handle, a throttle, and a callback for progress. With the
/// default a search runs to its end at full speed and reports nothing.
#[derive(Default)]
pub struct SearchControl<'a> {
    stop: Stop,
    throttle: Throttle,
    every: Option<Duration>,
    progress: Option<&'a mut dyn FnMut(Progress)>,
}

impl<'a> SearchControl<'a> {
    /// Lets `stop` end the search.
    #[must_use]
    pub fn stop(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Lets `throttle` set the duty at which the search works, also while it runs.
    #[must_use]
    pub fn throttle(self, throttle: &Throttle) -> Self {
        Self { throttle: throttle.clone(), ..self }
    }

    /// Calls `progress` at the interval of [`Self::every()`], on the thread that called the search.
    #[must_use]
    pub fn progress(self, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Sets the interval between reports of progress: 100 ms by default, from 1 ms to 24 hours;
    /// other values are taken for the nearer of these. Reports may come late where threads search
    /// on every core.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every: Some(every), ..self }
    }

    /// The control for one more search with the same handles.
    fn again(&mut self) -> SearchControl<'_> {
        let progress = self.progress.as_mut().map(|p| &mut **p as &mut dyn FnMut(Progress));
        let (stop, throttle) = (self.stop.clone(), self.throttle.clone());
        SearchControl { stop, throttle, every: self.every, progress }
    }
}

impl std::fmt::Debug for SearchControl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let progress = self.progress.is_some();
        f.debug_struct("SearchControl")
            .field("stop", &self.stop)
            .field("throttle", &self.throttle)
            .field("every", &self.every)
            .field("progress", &progress)
            .finish()
    }
}
