//! Where the thread that asks the node leaves work for the one that searches, and takes it back.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use perjoule::search::Stop;

#[allow(dead_code, reason = "the examples end in the same way however they are stopped")]
#[path = "../../src/cli/signals.rs"]
mod signals;

/// How often it is looked whether a signal came, whose handler must not wake anybody.
const LOOK: Duration = Duration::from_millis(20);

/// The newest work of any kind `W`, or the error `E` after which there is no more.
#[derive(Debug)]
pub(crate) struct Desk<W, E> {
    state: Mutex<State<W, E>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<W, E> {
    next: Option<Result<W, E>>,
    taken: Recall,
    closed: bool,
}

/// Tells whoever took work that it is worth nothing any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recall {
    stop: Stop,
    at: Arc<OnceLock<Instant>>,
}

impl Recall {
    /// What the search of this work watches.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// When the work was called back.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at.get().copied()
    }

    fn call(&self) {
        // The first time counts.
        let _ = self.at.set(Instant::now());
        self.stop.stop();
    }
}

impl<W, E> Default for Desk<W, E> {
    fn default() -> Self {
        let state = State { next: None, taken: Recall::default(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<W, E> Desk<W, E> {
    /// Leaves new work; what there was before is called back.
    pub(crate) fn lay(&self, work: W) {
        self.replace(Some(Ok(work)));
    }

    /// Leaves the reason why there is no more work.
    pub(crate) fn fail(&self, error: E) {
        self.replace(Some(Err(error)));
    }

    /// Calls all work back while there is no other.
    pub(crate) fn clear(&self) {
        self.replace(None);
    }

    /// Closes it on Ctrl-C, and when a service manager or a terminal asks for the end. The second time,
    /// what goes on is not waited for.
    pub(crate) fn close_on_ctrl_c(self: &Arc<Self>) -> io::Result<()>
    where
        W: Send + 'static,
        E: Send + 'static,
    {
        let (desk, stop) = (self.clone(), signals::stop());
        signals::watch()?;
        thread::spawn(move || {
            while !stop.is_stopped() {
                thread::sleep(LOOK);
            }
            desk.close();
        });
        Ok(())
    }

    /// From now on there is no work, and nothing is waited for.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for so long, or until it is closed. Whether it is.
    pub(crate) fn wait_closed(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Waits for work; `None` once the desk is closed.
    pub(crate) fn take(&self) -> Option<Result<(W, Recall), E>> {
        let mut state = self.lock();
        while state.next.is_none() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let next = state.next.take().filter(|_| !state.closed)?;
        state.taken = Recall::default();
        Some(next.map(|work| (work, state.taken.clone())))
    }

    fn replace(&self, next: Option<Result<W, E>>) {
        let mut state = self.lock();
        state.taken.call();
        state.next = next;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<W, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    type TestDesk = Desk<u32, &'static str>;

    #[test]
    fn the_newest_work_is_taken_and_newer_work_calls_it_back() {
        let desk = TestDesk::default();
        desk.lay(1);
        desk.lay(2);
        let (work, recall) = desk.take().unwrap().unwrap();
        assert_eq!(work, 2);
        assert!(!recall.stop().is_stopped() && recall.at().is_none());
        desk.lay(3);
        assert!(recall.stop().is_stopped() && recall.at().is_some());
        let (work, recall) = desk.take().unwrap().unwrap();
        assert_eq!(work, 3);
        assert!(!recall.stop().is_stopped());
        desk.clear();
        assert!(recall.stop().is_stopped());
    }

    #[test]
    fn work_that_was_cleared_is_not_taken() {
        let desk = TestDesk::default();
        desk.lay(1);
        desk.clear();
        desk.fail("no more");
        assert_eq!(desk.take().unwrap().unwrap_err(), "no more");
    }

    #[test]
    fn who_waits_is_woken_by_work_and_by_the_end() {
        let desk = TestDesk::default();
        thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let (work, recall) = desk.take().unwrap().unwrap();
                (work, recall, desk.take().is_none())
            });
            desk.lay(1);
            // The second call to `take` may or may not wait yet: it has to end either way.
            while desk.lock().next.is_some() {
                thread::yield_now();
            }
            desk.close();
            let (work, recall, ended) = taker.join().unwrap();
            assert!(work == 1 && ended);
            assert!(recall.stop().is_stopped());
        });
        desk.lay(2);
        assert!(desk.is_closed() && desk.take().is_none());
    }

    #[test]
    fn a_wait_ends_with_its_time_or_with_the_desk() {
        let desk = TestDesk::default();
        assert!(!desk.wait_closed(Duration::from_millis(1)));
        thread::scope(|scope| {
            let waits = scope.spawn(|| desk.wait_closed(Duration::from_mins(10)));
            // New work does not end it.
            desk.lay(1);
            desk.close();
            assert!(waits.join().unwrap());
        });
        assert!(desk.wait_closed(Duration::from_mins(10)));
    }
}
