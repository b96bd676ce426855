//! A search: pieces of the work over cores, candidates back, shares out, in one order.
//!
//! The order belongs to the work and not to who does it: time, then version group, then nonce,
//! then version inside the group. Threads claim pieces of it from the front, each as large as it
//! does in the time that its engine asks for, a millisecond on a CPU or less where threads share a
//! core, so a search stops within that; what they find is put back in order, so that
//! [`Search::first`] gives the same share on every engine, with every number of threads, and by
//! several engines together.
//!
//! An engine may fail. What it had is then done by the others, and nothing is lost or counted
//! twice; the search fails only when no engine is left.

mod pace;
mod pieces;
mod rest;
mod throttle;
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

use self::pieces::WorkQueue;

/// What to search: a header and a target, and how far its nonce, version and time may go.
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
    /// All nonces of `header`, with its own version and time.
    #[must_use]
    pub fn new(header: Header, target: Target) -> Self {
        Self { header, target, nonces: NonceRange::ALL, mask: None, group: MAX_GROUP, seconds: 0 }
    }

    /// Only these nonces, for every version and time.
    #[must_use]
    pub fn nonces(self, nonces: NonceRange) -> Self {
        Self { nonces, ..self }
    }

    /// Rolls the version bits of `mask` too, starting from the header's own version.
    #[must_use]
    pub fn versions(self, mask: VersionMask) -> Self {
        Self { mask: Some(mask), ..self }
    }

    /// How many versions are tried on each nonce before the next one: 1 to [`MAX_GROUP`], which is
    /// the default; fewer if the mask has fewer. It sets the order of the results.
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

    /// Goes on, when nonces and versions are spent, with up to `seconds` later header times.
    ///
    /// A node refuses a block whose time is more than two hours past its own clock.
    #[must_use]
    pub fn roll_time(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// The header to start from.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What a hash has to be at most.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// All hashes of this search: times, versions and nonces multiplied.
    #[must_use]
    pub fn hashes(&self) -> u128 {
        u128::from(self.times()) * u128::from(self.version_count()) * u128::from(self.nonces.len())
    }

    /// The first share in the order of the search.
    ///
    /// [`Outcome::shares`] holds it, or nothing when the search was exhausted, stopped or failed. A
    /// search that was stopped or failed may hold a share that is not the first.
    #[must_use]
    pub fn first(&self, workers: &Workers, watch: SearchControl<'_>) -> Outcome {
        self.all(1, workers, watch)
    }

    /// The first `limit` shares in the order of the search; with a limit of 0, none and no search.
    #[must_use]
    pub fn all(&self, limit: usize, workers: &Workers, watch: SearchControl<'_>) -> Outcome {
        let mut shares = Vec::new();
        let outcome = self.each(limit, workers, watch, &mut |found| shares.extend(found));
        Outcome { shares, ..outcome }
    }

    /// As [`Self::all`], but hands the shares over while the search goes on, so that they need not all
    /// be in memory: [`Outcome::shares`] is empty.
    ///
    /// `take` is called on the thread that called the search, about as often as progress is told, with
    /// those that come next in the order of the search. Where it takes its time, and more are found
    /// than it takes, the search waits. What a search that was stopped or failed has found behind what
    /// it has not done is handed over at its end.
    #[must_use]
    pub fn each(
        &self,
        limit: usize,
        workers: &Workers,
        watch: SearchControl<'_>,
        take: &mut dyn FnMut(Vec<Share>),
    ) -> Outcome {
        let start = Instant::now();
        let pieces = WorkQueue::new(self, limit);
        if limit > 0 {
            workers.run(&pieces, watch, start, take);
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

    /// The versions of one group, in order.
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

/// The first share of a series of searches. The next one is asked for when the last is exhausted:
/// this is how a miner gives new work when nonces, versions and time are spent.
///
/// Hashes and time are those of all searches together, and so are the faults: each is there once.
/// Progress is told of each search by itself.
pub fn first_of(
    work: impl IntoIterator<Item = Search>,
    workers: &Workers,
    mut watch: SearchControl<'_>,
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
        let next = search.first(workers, watch.again());
        total = Outcome { hashes: hashes + next.hashes, took: took + next.took, ..next };
        if total.end != End::Exhausted {
            break;
        }
    }
    total
}

/// How a search ended, and with what.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Verified shares, in the order of the search; none after [`Search::each`], which has handed them
    /// over.
    pub shares: Vec<Share>,
    /// Hashes done.
    pub hashes: u64,
    /// Wall time.
    pub took: Duration,
    /// Why it ended.
    pub end: End,
    /// What engines of these workers failed of, in this search or before, in the order of
    /// [`Workers::engines`]. Their unfinished work went to others, and they are not used again; what
    /// they did before counts, even where one was found to be wrong.
    pub faults: Vec<EngineError>,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As many shares as asked for were found; there may be more.
    Limit,
    /// Every hash of the search was done.
    Exhausted,
    /// It was told to stop.
    Stopped,
    /// No engine is left that works; what was not done is unknown, and what was found may not be
    /// the first.
    Failed,
}

/// Tells searches to stop, from any thread, and for good: one that starts later with the same
/// handle ends at once.
///
/// A search does so within 10 ms on a CPU that is not overloaded, and within 100 ms where a GPU
/// searches too; but for one that hangs it waits until the engine has given it up. Where there are
/// far more threads than cores each has to have its turn first: 0.1 s for 1,024 on two cores. It
/// keeps every share verified by then.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stops the searches that watch this.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a running search is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Hashes done.
    pub hashes: u64,
    /// Hashes there are, as [`Search::hashes`].
    pub of: u128,
    /// Shares found, which may be more than will be returned.
    pub shares: usize,
    /// Since the start.
    pub elapsed: Duration,
}

/// Who looks on while a search runs: a stop handle, a throttle, and a callback. The default is nobody.
#[derive(Default)]
pub struct SearchControl<'a> {
    stop: Stop,
    throttle: Throttle,
    every: Option<Duration>,
    progress: Option<&'a mut dyn FnMut(Progress)>,
}

impl<'a> SearchControl<'a> {
    /// Stops when `stop` says so.
    #[must_use]
    pub fn stop(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Works as much of the time as `throttle` says.
    #[must_use]
    pub fn throttle(self, throttle: &Throttle) -> Self {
        Self { throttle: throttle.clone(), ..self }
    }

    /// Calls `progress` about ten times a second, on the thread that called the search.
    #[must_use]
    pub fn progress(self, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Tells of progress so often instead: once a millisecond at most, and late where threads search
    /// on every core.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every: Some(every), ..self }
    }

    /// The same for another search.
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
