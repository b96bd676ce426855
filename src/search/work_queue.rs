//! The queue of the chunks of a search, handed out from the front, and their results, put back in
//! order.
//!
//! A worker that takes a chunk reports how far it came. What it did not do is handed out again,
//! before all that lies after it. By then the other workers may have found nothing to do and have
//! ended: then all are called for another round; see [`WorkQueue::begin`].
//!
//! Shares before which everything was done are final and are given away meanwhile; see
//! [`WorkQueue::settled`]. If too many shares wait for that, no more work is handed out in this
//! round.

use std::collections::btree_map::OccupiedEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::rate::{RateEstimate, RateEstimates};
use super::{End, Outcome, Search, Share};
use crate::engine::EngineError;
use crate::job::{Job, NonceRange};

/// A chunk of work: consecutive nonces of one version group.
pub(super) struct Chunk {
    /// Place of the chunk in the order of the search: how many hashes come before it.
    place: u128,
    pub(super) job: Arc<Job>,
    pub(super) nonces: NonceRange,
}

impl Chunk {
    pub(super) fn hashes(&self) -> u64 {
        self.nonces.len() * self.job.versions().len() as u64
    }

    /// Splits the chunk into its first `nonces` nonces, or all where there are fewer, and the
    /// remainder.
    pub(super) fn split_at(self, nonces: u64) -> (Self, Self) {
        let (head, tail) = self.nonces.split_at(nonces);
        let head = Self { place: self.place, job: self.job.clone(), nonces: head };
        let place = self.place + u128::from(head.hashes());
        (head, Self { place, job: self.job, nonces: tail })
    }
}

/// All chunks of a search: those still to do, and the results of the others.
pub(super) struct WorkQueue<'a> {
    search: &'a Search,
    limit: usize,
    to_do: Mutex<ToDo>,
    found: Mutex<Found>,
    hashes: AtomicU64,
    paces: RateEstimates,
}

/// The work that is still to do.
struct ToDo {
    /// Chunks that no worker has, of the groups begun, by place: what came back, and the remainder
    /// of the last group.
    open: BTreeMap<u128, Chunk>,
    /// Places of the chunks that workers have.
    taken: BTreeSet<u128>,
    /// The next group: its place, its time and its number.
    place: u128,
    time: u64,
    group: u64,
    /// No chunk after this place is needed: those up to it hold as many shares as are asked for.
    last_place: u128,
    /// Whether a worker found nothing to do in this round and ended.
    round_over: bool,
    stopped: bool,
}

/// The shares that were found.
struct Found {
    /// Shares that were not given away yet, by the place of their chunk.
    by_place: BTreeMap<u128, Vec<Share>>,
    count: usize,
    /// Number of shares that were given away.
    given: usize,
}

/// Number of shares that may wait to be given away, besides those of chunks under way: some
/// megabytes.
const MOST_WAITING: usize = 1 << 16;

impl<'a> WorkQueue<'a> {
    pub(super) fn new(search: &'a Search, limit: usize) -> Self {
        let to_do = ToDo {
            open: BTreeMap::new(),
            taken: BTreeSet::new(),
            place: 0,
            time: 0,
            group: 0,
            last_place: u128::MAX,
            round_over: false,
            stopped: false,
        };
        Self {
            search,
            limit,
            to_do: Mutex::new(to_do),
            found: Mutex::new(Found { by_place: BTreeMap::new(), count: 0, given: 0 }),
            hashes: AtomicU64::new(0),
            paces: RateEstimates::default(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn search(&self) -> &Search {
        self.search
    }

    pub(super) fn hashes_done(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    pub(super) fn shares_found(&self) -> usize {
        let found = lock(&self.found);
        found.given + found.count
    }

    /// Takes out the shares that come before all work that is not done, in order: no more than are
    /// asked for.
    pub(super) fn settled(&self) -> Vec<Share> {
        // First what is not done: what is reported after that lies behind it.
        let undone = lock(&self.to_do).undone();
        lock(&self.found).give(undone, self.limit)
    }

    /// Returns the rate estimate of a worker that begins now. Its chunks should take `piece` if it
    /// has a core to itself; it has the fraction `share` of one.
    pub(super) fn pace(&self, piece: Duration, share: f64) -> RateEstimate<'_> {
        self.paces.join(piece, share)
    }

    /// Begins a round if there is something to do: at first the whole search and, once all workers
    /// have ended, what came back after one of them had found nothing.
    ///
    /// No worker takes such work before the next round, so that all share it; nor does any wait for
    /// it, since it hardly ever comes.
    pub(super) fn begin(&self) -> bool {
        let mut to_do = lock(&self.to_do);
        to_do.round_over = false;
        !to_do.stopped && self.first(&mut to_do).is_some()
    }

    /// Claims the next chunk for a worker of this rate, or one part in `parts` of such a chunk;
    /// `None` when nothing more is needed, as far as is known in this round.
    pub(super) fn claim(&self, pace: &RateEstimate<'_>, parts: u32) -> Option<Chunk> {
        let full = lock(&self.found).full_from();
        let mut to_do = lock(&self.to_do);
        if to_do.stopped || to_do.round_over {
            return None;
        }
        let left = self.left(&to_do);
        // What comes before all shares is done nevertheless: they wait for that.
        let first = self.first(&mut to_do).filter(|first| *first.key() < full);
        let Some(first) = first else {
            to_do.round_over = true;
            return None;
        };
        let first = first.remove();
        let hashes = pace.take(left) / u64::from(parts);
        let quanta = (hashes / first.job.versions().len() as u64 / QUANTUM).max(1);
        let (piece, rest) = first.split_at(quanta * QUANTUM);
        to_do.put(rest);
        to_do.taken.insert(piece.place);
        Some(piece)
    }

    /// Returns whether there is a chunk to claim, as far as is known in this round. A worker that
    /// finds none must not idle, but end the round.
    pub(super) fn is_any_wanted(&self) -> bool {
        let mut to_do = lock(&self.to_do);
        !to_do.stopped && !to_do.round_over && self.first(&mut to_do).is_some()
    }

    /// Returns the first chunk that is needed and that no worker has.
    fn first<'t>(&self, to_do: &'t mut ToDo) -> Option<OccupiedEntry<'t, u128, Chunk>> {
        if to_do.open.is_empty() && to_do.place < self.search.hashes() {
            let group = self.next_group(to_do);
            to_do.put(group);
        }
        to_do.open.first_entry().filter(|first| *first.key() <= to_do.last_place)
    }

    /// Returns all nonces of the next version group; after the last group comes the next time.
    fn next_group(&self, to_do: &mut ToDo) -> Chunk {
        let job = self.job(to_do.time, to_do.group);
        let group = Chunk { place: to_do.place, job, nonces: self.search.nonces };
        to_do.place += u128::from(group.hashes());
        to_do.group += 1;
        if to_do.group == self.search.groups() {
            to_do.group = 0;
            to_do.time += 1;
        }
        group
    }

    fn job(&self, time: u64, group: u64) -> Arc<Job> {
        let header = self.search.header;
        let header = header.with_time(header.time().saturating_add(time as u32));
        let versions = self.search.group(group);
        Arc::new(
            Job::with_versions(header, self.search.target, &versions)
                .expect("1 to MAX_GROUP versions"),
        )
    }

    /// Number of hashes that no worker has.
    fn left(&self, to_do: &ToDo) -> u128 {
        let open: u128 = to_do.open.values().map(|piece| u128::from(piece.hashes())).sum();
        self.search.hashes() - to_do.place + open
    }

    /// Takes the result of a chunk: what was done of it, with its shares in order, and the
    /// remainder, which is handed out again unless the shares before it are enough.
    pub(super) fn report(&self, done: &Chunk, shares: Vec<Share>, rest: Chunk) {
        self.hashes.fetch_add(done.hashes(), Ordering::Relaxed);
        let last_place = if shares.is_empty() && rest.nonces.is_empty() {
            u128::MAX
        } else {
            lock(&self.found).add(done.place, shares, self.limit)
        };
        let mut to_do = lock(&self.to_do);
        to_do.last_place = to_do.last_place.min(last_place);
        to_do.put(rest);
        to_do.taken.remove(&done.place);
    }

    /// Stops handing out chunks.
    pub(super) fn stop(&self) {
        lock(&self.to_do).stopped = true;
    }

    /// Returns the outcome of the search, when no worker has a chunk any more.
    pub(super) fn into_outcome(self, took: Duration, faults: Vec<EngineError>) -> Outcome {
        let to_do = self.to_do.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let hashes = self.hashes.into_inner();
        // What lies after a piece that was not done may not be the first.
        let gap = to_do.open.keys().next().is_some_and(|&place| place <= to_do.last_place);
        let end = if found.given + found.count >= self.limit && !gap {
            End::Limit
        } else if u128::from(hashes) == self.search.hashes() {
            End::Exhausted
        } else if to_do.stopped {
            End::Stopped
        } else {
            End::Failed
        };
        let mut shares: Vec<_> = found.by_place.into_values().flatten().collect();
        shares.truncate(self.limit - found.given);
        Outcome { shares, hashes, took, end, faults }
    }
}

/// Chunks have a multiple of this many nonces, so that no engine runs with empty lanes; smaller
/// chunks cost more to claim than they are worth.
const QUANTUM: u64 = 256;

impl ToDo {
    fn put(&mut self, piece: Chunk) {
        if !piece.nonces.is_empty() {
            self.open.insert(piece.place, piece);
        }
    }

    /// Returns the first place that is not done.
    fn undone(&self) -> u128 {
        let open = self.open.keys().next().copied();
        let taken = self.taken.first().copied();
        open.into_iter().chain(taken).fold(self.place, u128::min)
    }
}

impl Found {
    /// Adds the shares of the chunk at `place`, and returns the place by which the first `limit`
    /// shares are complete, as far as is known.
    fn add(&mut self, place: u128, shares: Vec<Share>, limit: usize) -> u128 {
        if !shares.is_empty() {
            self.count += shares.len();
            self.by_place.insert(place, shares);
        }
        if self.given + self.count < limit { u128::MAX } else { self.forget_after(limit) }
    }

    /// Returns the place from which on no work may be done before some shares are given away.
    fn full_from(&self) -> u128 {
        let first = self.by_place.keys().next().copied();
        first.filter(|_| self.count >= MOST_WAITING).unwrap_or(u128::MAX)
    }

    /// Gives away the shares before `place` that are among the first `limit`.
    fn give(&mut self, place: u128, limit: usize) -> Vec<Share> {
        let rest = self.by_place.split_off(&place);
        let given = std::mem::replace(&mut self.by_place, rest);
        let mut given: Vec<_> = given.into_values().flatten().collect();
        self.count -= given.len();
        given.truncate(limit - self.given);
        self.given += given.len();
        given
    }

    /// Drops the shares that lie after the first `limit`, and returns the place of the last one
    /// kept.
    fn forget_after(&mut self, limit: usize) -> u128 {
        let mut before = self.given;
        let last = self.by_place.iter().find_map(|(&place, shares)| {
            before += shares.len();
            (before >= limit).then_some(place)
        });
        let last = last.unwrap_or(u128::MAX);
        if let Some(next) = last.checked_add(1) {
            let dropped = self.by_place.split_off(&next);
            self.count -= dropped.values().map(Vec::len).sum::<usize>();
        }
        last
    }
}

/// Locks a mutex, also after a panic: every change to the state behind it is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
