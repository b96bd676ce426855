//! The threads that read meters, and how they are asked to.
//!
//! A thread owns its meters: no lock is held while one is read, so that a meter that hangs holds up
//! no caller. A caller takes a request, and waits until it was served, or has no patience left.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::Log;
use crate::meter::{Clock, Meter, MeterInfo};

/// How often the state of a device is asked for.
const CONDITIONS_INTERVAL: Duration = Duration::from_millis(250);

/// What threads and callers share.
#[derive(Debug)]
pub(super) struct Shared {
    clock: Clock,
    channels: Vec<Channel>,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug)]
struct State {
    stopped: bool,
    watchers: Vec<ReaderThread>,
}

/// State of a reader thread.
#[derive(Clone, Copy, Debug, Default)]
struct ReaderThread {
    asked: u64,
    served: u64,
    /// Whether the thread runs: from its start until its end, or until a meter panicked.
    lives: bool,
    /// Whether it was waited for in vain; no caller waits again before it has answered.
    hangs: bool,
}

impl ReaderThread {
    fn is_waited_for(self) -> bool {
        self.lives && !self.hangs
    }
}

/// A request to a thread for a reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    reader_thread: usize,
    number: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestState {
    Served,
    /// The reading may still come.
    Open,
    /// The thread is gone.
    Lost,
}

/// One meter: its description, the thread that reads it, and its log.
#[derive(Debug)]
pub(super) struct Channel {
    info: MeterInfo,
    reader_thread: usize,
    log: Mutex<Log>,
}

impl Channel {
    pub(super) fn new(info: MeterInfo, reader_thread: usize) -> Self {
        Self { info, reader_thread, log: Mutex::new(Log::default()) }
    }

    pub(super) fn info(&self) -> &MeterInfo {
        &self.info
    }

    pub(super) fn is_slow(&self) -> bool {
        self.info.interval.is_some()
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
    pub(super) fn new(clock: Clock, channels: Vec<Channel>, watchers: usize) -> Self {
        let state = State { stopped: false, watchers: vec![ReaderThread::default(); watchers] };
        Self { clock, channels, state: Mutex::new(state), news: Condvar::new() }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Asks for readings of some meters now; each has a request at its place.
    pub(super) fn ask(&self, of: impl Fn(&Channel) -> bool) -> Vec<Option<Request>> {
        let mut state = lock(&self.state);
        let before = state.watchers.clone();
        let mut ask = |channel: &Channel| {
            of(channel).then(|| {
                // One question for all meters of a thread.
                let number = before[channel.reader_thread].asked + 1;
                state.watchers[channel.reader_thread].asked = number;
                Request { reader_thread: channel.reader_thread, number }
            })
        };
        let requests = self.channels.iter().map(&mut ask).collect();
        self.news.notify_all();
        requests
    }

    /// Waits until no request is open, other than those to threads that hang.
    pub(super) fn wait_for(&self, requests: &[Option<Request>], patience: Duration) {
        let is_open = |state: &State, request: &Request| {
            state.state(*request) == RequestState::Open
                && state.watchers[request.reader_thread].is_waited_for()
        };
        let any_open =
            |state: &mut State| requests.iter().flatten().any(|request| is_open(state, request));
        let waited = self.news.wait_timeout_while(lock(&self.state), patience, any_open);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for request in requests.iter().flatten() {
            // A program ends in time by itself, and must not be left behind before it has.
            let hangs = is_open(&state, request) && !self.is_slow(request.reader_thread);
            state.watchers[request.reader_thread].hangs |= hangs;
        }
    }

    fn is_slow(&self, reader_thread: usize) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.reader_thread == reader_thread && channel.is_slow())
    }

    pub(super) fn state(&self, request: Request) -> RequestState {
        lock(&self.state).state(request)
    }

    /// Ends all threads, and waits for them.
    pub(super) fn stop(&self, patience: Duration) {
        let mut state = lock(&self.state);
        state.stopped = true;
        self.news.notify_all();
        let any_lives =
            |state: &mut State| state.watchers.iter().copied().any(ReaderThread::is_waited_for);
        drop(self.news.wait_timeout_while(state, patience, any_lives));
    }

    pub(super) fn lives(&self, reader_thread: usize) -> bool {
        lock(&self.state).watchers[reader_thread].lives
    }

    /// Returns the number of the last request when it is time to read; `None` at the end.
    fn next(&self, reader_thread: usize, interval: Duration) -> Option<u64> {
        let idle = |state: &mut State| {
            let ReaderThread { asked, served, .. } = state.watchers[reader_thread];
            !state.stopped && asked == served
        };
        let waited = self.news.wait_timeout_while(lock(&self.state), interval, idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.stopped).then(|| state.watchers[reader_thread].asked)
    }
}

impl State {
    fn state(&self, request: Request) -> RequestState {
        let ReaderThread { served, lives, .. } = self.watchers[request.reader_thread];
        match () {
            () if served >= request.number => RequestState::Served,
            () if lives => RequestState::Open,
            () => RequestState::Lost,
        }
    }
}

/// The life of a thread, from before it starts; also its end where a meter panics.
pub(super) struct Turn {
    shared: Arc<Shared>,
    reader_thread: usize,
}

impl Turn {
    pub(super) fn begin(shared: &Arc<Shared>, reader_thread: usize) -> Self {
        lock(&shared.state).watchers[reader_thread].lives = true;
        Self { shared: Arc::clone(shared), reader_thread }
    }

    /// Reads the meters whenever it is asked, and every `interval` anyway.
    pub(super) fn watch(self, mut meters: Vec<(usize, Box<dyn Meter>)>, interval: Duration) {
        let Self { shared, reader_thread } = &self;
        while let Some(asked) = shared.next(*reader_thread, interval) {
            for (channel, meter) in &mut meters {
                shared.channels[*channel].read(&mut **meter, &shared.clock);
            }
            {
                let mut state = lock(&shared.state);
                state.watchers[*reader_thread].served = asked;
                state.watchers[*reader_thread].hangs = false;
            }
            shared.news.notify_all();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.shared.state).watchers[self.reader_thread].lives = false;
        self.shared.news.notify_all();
    }
}
