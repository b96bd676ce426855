//! The threads that read meters, and how they are asked to.
//!
//! A thread owns its meters: no lock is held while one is read, so that a meter that hangs holds up
//! nobody who asks. Who asks takes a ticket, and waits until it was served, or has no patience left.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::Log;
use crate::meter::{About, Clock, Meter};

/// How often the state of a device is asked for.
const CONDITIONS_INTERVAL: Duration = Duration::from_millis(250);

/// What threads and callers share.
#[derive(Debug)]
pub(super) struct Shared {
    clock: Clock,
    lanes: Vec<Lane>,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug)]
struct State {
    stopped: bool,
    watchers: Vec<Watcher>,
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, Default)]
struct Watcher {
    asked: u64,
    served: u64,
    /// From its start until it is gone, at the end or because a meter panicked.
    lives: bool,
    /// Somebody waited for it in vain, and nobody does again before it has answered.
    hangs: bool,
}

impl Watcher {
    fn is_waited_for(self) -> bool {
        self.lives && !self.hangs
    }
}

/// A question to a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    watcher: usize,
    number: u64,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    /// It may still be.
    Open,
    /// The thread is gone.
    Lost,
}

/// One meter: what it is, which thread has it, and what it told.
#[derive(Debug)]
pub(super) struct Lane {
    about: About,
    watcher: usize,
    log: Mutex<Log>,
}

impl Lane {
    pub(super) fn new(about: About, watcher: usize) -> Self {
        Self { about, watcher, log: Mutex::new(Log::default()) }
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn is_slow(&self) -> bool {
        self.about.interval.is_some()
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Reads the meter, and its device's state where that is due.
    fn read(&self, meter: &mut dyn Meter, clock: &Clock) {
        let from = clock.now();
        let read = meter.read(clock);
        let now = clock.now();
        let is_sound = read.is_ok();
        let asked = {
            let mut log = self.log();
            log.add(read, from, now);
            log.conditions.last().map(|&(at, _)| at)
        };
        if is_sound && asked.is_none_or(|at| now.saturating_sub(at) >= CONDITIONS_INTERVAL) {
            let conditions = meter.conditions().map(|state| (now, state));
            self.log().conditions.extend(conditions);
        }
    }
}

/// What is behind a lock is sound after every single step, also where a meter panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(clock: Clock, lanes: Vec<Lane>, watchers: usize) -> Self {
        let state = State { stopped: false, watchers: vec![Watcher::default(); watchers] };
        Self { clock, lanes, state: Mutex::new(state), news: Condvar::new() }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Asks for readings of some meters now; each has a ticket at its place.
    pub(super) fn ask(&self, of: impl Fn(&Lane) -> bool) -> Vec<Option<Ticket>> {
        let mut state = lock(&self.state);
        let before = state.watchers.clone();
        let mut ask = |lane: &Lane| {
            of(lane).then(|| {
                // One question for all meters of a thread.
                let number = before[lane.watcher].asked + 1;
                state.watchers[lane.watcher].asked = number;
                Ticket { watcher: lane.watcher, number }
            })
        };
        let tickets = self.lanes.iter().map(&mut ask).collect();
        self.news.notify_all();
        tickets
    }

    /// Waits until none of them is open, but for those of threads that hang.
    pub(super) fn wait_for(&self, tickets: &[Option<Ticket>], patience: Duration) {
        let is_open = |state: &State, ticket: &Ticket| {
            state.fate(*ticket) == Fate::Open && state.watchers[ticket.watcher].is_waited_for()
        };
        let any_open =
            |state: &mut State| tickets.iter().flatten().any(|ticket| is_open(state, ticket));
        let waited = self.news.wait_timeout_while(lock(&self.state), patience, any_open);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for ticket in tickets.iter().flatten() {
            // A program ends in time by itself, and must not be left behind before it has.
            let hangs = is_open(&state, ticket) && !self.is_slow(ticket.watcher);
            state.watchers[ticket.watcher].hangs |= hangs;
        }
    }

    fn is_slow(&self, watcher: usize) -> bool {
        self.lanes.iter().any(|lane| lane.watcher == watcher && lane.is_slow())
    }

    pub(super) fn fate(&self, ticket: Ticket) -> Fate {
        lock(&self.state).fate(ticket)
    }

    /// Ends all threads, and waits for them.
    pub(super) fn stop(&self, patience: Duration) {
        let mut state = lock(&self.state);
        state.stopped = true;
        self.news.notify_all();
        let any_lives =
            |state: &mut State| state.watchers.iter().copied().any(Watcher::is_waited_for);
        drop(self.news.wait_timeout_while(state, patience, any_lives));
    }

    pub(super) fn lives(&self, watcher: usize) -> bool {
        lock(&self.state).watchers[watcher].lives
    }

    /// The last question, when it is time to read; `None` at the end.
    fn next(&self, watcher: usize, interval: Duration) -> Option<u64> {
        let idle = |state: &mut State| {
            let Watcher { asked, served, .. } = state.watchers[watcher];
            !state.stopped && asked == served
        };
        let waited = self.news.wait_timeout_while(lock(&self.state), interval, idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.stopped).then(|| state.watchers[watcher].asked)
    }
}

impl State {
    fn fate(&self, ticket: Ticket) -> Fate {
        let Watcher { served, lives, .. } = self.watchers[ticket.watcher];
        match () {
            () if served >= ticket.number => Fate::Served,
            () if lives => Fate::Open,
            () => Fate::Lost,
        }
    }
}

/// The life of a thread, from before it starts; also its end where a meter panics.
pub(super) struct Turn {
    shared: Arc<Shared>,
    watcher: usize,
}

impl Turn {
    pub(super) fn begin(shared: &Arc<Shared>, watcher: usize) -> Self {
        lock(&shared.state).watchers[watcher].lives = true;
        Self { shared: Arc::clone(shared), watcher }
    }

    /// Reads the meters whenever it is asked, and every `interval` anyway.
    pub(super) fn watch(self, mut meters: Vec<(usize, Box<dyn Meter>)>, interval: Duration) {
        let Self { shared, watcher } = &self;
        while let Some(asked) = shared.next(*watcher, interval) {
            for (lane, meter) in &mut meters {
                shared.lanes[*lane].read(&mut **meter, &shared.clock);
            }
            {
                let mut state = lock(&shared.state);
                state.watchers[*watcher].served = asked;
                state.watchers[*watcher].hangs = false;
            }
            shared.news.notify_all();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.shared.state).watchers[self.watcher].lives = false;
        self.shared.news.notify_all();
    }
}
