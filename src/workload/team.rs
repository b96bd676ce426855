//! A team of threads that do the same work at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Done, WorkloadError};
use crate::search::MAX_THREADS;
use crate::units::WorkAmount;

/// A team of threads, with a pool of their own.
#[derive(Debug)]
pub(super) struct ThreadTeam {
    pool: ThreadPool,
}

impl ThreadTeam {
    pub(super) fn new(threads: usize) -> Result<Self, WorkloadError> {
        if threads == 0 || threads > MAX_THREADS {
            return Err(WorkloadError::Threads { threads });
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| WorkloadError::Start { threads, source })?;
        Ok(Self { pool })
    }

    pub(super) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Returns the pool over which matrix products share their work.
    #[cfg(feature = "matmul")]
    pub(super) fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// Has each thread make its own part of something, in its own memory. Returns the parts in the
    /// order of the threads.
    pub(super) fn make<T: Send>(
        &self,
        make: impl Fn(usize) -> Result<T, WorkloadError> + Sync,
    ) -> Result<Vec<Mutex<T>>, WorkloadError> {
        let parts = self.on_each(make);
        parts.into_iter().map(|part| part.map(Mutex::new)).collect()
    }

    /// Has each thread run `task` on the part that it made. Returns the results in the order of the
    /// threads.
    pub(super) fn each<T: Send, R: Send>(
        &self,
        parts: &[Mutex<T>],
        task: impl Fn(&mut T) -> R + Sync,
    ) -> Vec<R> {
        self.on_each(|thread| {
            let part = parts[thread].lock();
            task(&mut part.unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Runs `task` on each thread and returns the results in the order of the threads. The task is
    /// passed on by its address: rayon's part of this would otherwise be compiled for each task.
    fn on_each<R: Send>(&self, task: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let results: Vec<Mutex<Option<R>>> =
            (0..self.threads()).map(|_| Mutex::default()).collect();
        let task: &(dyn Fn(usize) + Sync) = &|thread| {
            *results[thread].lock().unwrap_or_else(PoisonError::into_inner) = Some(task(thread));
        };
        self.pool.broadcast(|thread| task(thread.index()));
        let result = |place: Mutex<_>| place.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.into_iter().filter_map(result).collect()
    }

    /// Has each thread run its part for about `time`, all from the same instant on, and adds up
    /// what `run` says each of them did.
    pub(super) fn run<T: Send>(
        &self,
        parts: &[Mutex<T>],
        time: Duration,
        run: impl Fn(&mut T, Duration) -> Result<Done, WorkloadError> + Sync,
    ) -> Result<Done, WorkloadError> {
        let waiting = AtomicUsize::new(self.threads());
        let slices = self.each(parts, |part| {
            // Sleeping threads would wake up one after the other; yielding lets more threads than
            // cores get here at all.
            waiting.fetch_sub(1, Ordering::AcqRel);
            while waiting.load(Ordering::Acquire) > 0 {
                thread::yield_now();
            }
            let start = Instant::now();
            let done = run(part, time);
            (start, Instant::now(), done)
        });
        let start = slices.iter().map(|&(start, _, _)| start).min();
        let end = slices.iter().map(|&(_, end, _)| end).max();
        let took = end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start);
        let mut total: Option<WorkAmount> = None;
        for (_, _, done) in slices {
            let Done { work, .. } = done?;
            total = Some(total.map_or(work, |total| total.checked_add(work).unwrap_or(total)));
        }
        let work = total.unwrap_or(WorkAmount::Operations(0));
        Ok(Done { work, took: took.max(Duration::from_nanos(1)) })
    }
}
