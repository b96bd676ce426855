//! The work of a search, handed out from the front, and its results, put back in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{End, Outcome, Search, Share};
use crate::job::{Job, NonceRange};

/// Consecutive nonces for one version group.
pub(super) struct Piece {
    /// Its place in the order of the search.
    pub(super) place: u64,
    pub(super) job: Arc<Job>,
    pub(super) nonces: NonceRange,
}

/// All pieces of a search: those to come, and what the others gave.
pub(super) struct Pieces<'a> {
    search: &'a Search,
    limit: usize,
    cursor: Mutex<Cursor>,
    found: Mutex<Found>,
    hashes: AtomicU64,
    shares: AtomicUsize,
}

/// What comes next.
struct Cursor {
    place: u64,
    time: u64,
    group: u64,
    /// The group's job, once its first piece has been asked for.
    job: Option<Arc<Job>>,
    /// Of the group.
    nonces: NonceRange,
    /// Of the whole search.
    hashes_left: u128,
    /// No piece after this place is needed: those up to it hold as many shares as are asked for.
    last_place: u64,
    stopped: bool,
}

/// What came back.
struct Found {
    by_place: BTreeMap<u64, Vec<Share>>,
    count: usize,
    /// The first piece that was broken off, if one was: what lies after it may not be the first.
    broken_off: u64,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(search: &'a Search, limit: usize) -> Self {
        let cursor = Cursor {
            place: 0,
            time: 0,
            group: 0,
            job: None,
            nonces: search.nonces,
            hashes_left: search.hashes(),
            last_place: u64::MAX,
            stopped: false,
        };
        Self {
            search,
            limit,
            cursor: Mutex::new(cursor),
            found: Mutex::new(Found { by_place: BTreeMap::new(), count: 0, broken_off: u64::MAX }),
            hashes: AtomicU64::new(0),
            shares: AtomicUsize::new(0),
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
        self.shares.load(Ordering::Relaxed)
    }

    /// The next piece: of about `hashes` hashes, and no more than `1 / sharers` of what is left, so
    /// that all workers finish together. `None` when nothing more is needed.
    pub(super) fn claim(&self, hashes: u64, sharers: usize) -> Option<Piece> {
        let mut guard = lock(&self.cursor);
        let cursor = &mut *guard;
        if cursor.stopped || cursor.place > cursor.last_place {
            return None;
        }
        if cursor.nonces.is_empty() {
            self.next_group(cursor)?;
        }
        let job = cursor.job.get_or_insert_with(|| self.job(cursor.time, cursor.group)).clone();

        let versions = job.versions().len() as u64;
        let fair = u64::try_from(cursor.hashes_left / sharers as u128).unwrap_or(u64::MAX);
        let quanta = (hashes.min(fair) / versions / QUANTUM).max(1);
        let (nonces, rest) = cursor.nonces.split_at(quanta * QUANTUM);
        cursor.nonces = rest;
        cursor.hashes_left -= u128::from(nonces.len() * versions);
        let place = cursor.place;
        cursor.place += 1;
        Some(Piece { place, job, nonces })
    }

    /// Moves on to the next version group, or to the next time; `None` when there is none.
    fn next_group(&self, cursor: &mut Cursor) -> Option<()> {
        if cursor.hashes_left == 0 {
            return None;
        }
        cursor.group += 1;
        if cursor.group == self.search.groups() {
            cursor.group = 0;
            cursor.time += 1;
        }
        cursor.nonces = self.search.nonces;
        cursor.job = None;
        Some(())
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

    /// Takes the shares of a piece, in order, and how many hashes were done for them.
    pub(super) fn report(&self, place: u64, shares: Vec<Share>, hashes: u64) {
        self.hashes.fetch_add(hashes, Ordering::Relaxed);
        if shares.is_empty() {
            return;
        }
        let mut found = lock(&self.found);
        found.count += shares.len();
        self.shares.store(found.count, Ordering::Relaxed);
        found.by_place.insert(place, shares);
        if found.count >= self.limit {
            let last_place = found.forget_after(self.limit);
            drop(found);
            let mut cursor = lock(&self.cursor);
            cursor.last_place = cursor.last_place.min(last_place);
        }
    }

    /// Hands out no more pieces; the one at `place` may have been broken off.
    pub(super) fn stop(&self, place: u64) {
        let mut found = lock(&self.found);
        found.broken_off = found.broken_off.min(place);
        drop(found);
        lock(&self.cursor).stopped = true;
    }

    pub(super) fn into_outcome(self, took: Duration) -> Outcome {
        let cursor = self.cursor.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let hashes = self.hashes.into_inner();
        let end = if found.count >= self.limit && cursor.last_place < found.broken_off {
            End::Limit
        } else if u128::from(hashes) == self.search.hashes() {
            End::Exhausted
        } else {
            End::Stopped
        };
        let mut shares: Vec<_> = found.by_place.into_values().flatten().collect();
        shares.truncate(self.limit);
        Outcome { shares, hashes, took, end }
    }
}

/// A piece has a multiple of this many nonces, so that no engine runs with empty lanes; claiming
/// less costs more than it is worth.
const QUANTUM: u64 = 256;

impl Found {
    /// The place by which the first `limit` shares are complete, as far as is known; what lies
    /// after it cannot be among them and is dropped.
    fn forget_after(&mut self, limit: usize) -> u64 {
        let mut before = 0;
        let last = self.by_place.iter().find_map(|(&place, shares)| {
            before += shares.len();
            (before >= limit).then_some(place)
        });
        let last = last.unwrap_or(u64::MAX);
        if let Some(next) = last.checked_add(1) {
            let dropped = self.by_place.split_off(&next);
            self.count -= dropped.values().map(Vec::len).sum::<usize>();
        }
        last
    }
}

/// A worker that panicked leaves the state whole: every change to it is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
