//! Going through the set points: a search that nothing solves, a throttle, and a hash counter that is
//! read every few milliseconds.

use std::time::Duration;

use super::response::{CounterTrace, Step};
use crate::block::{Header, Target};
use crate::meter::Clock;
use crate::search::{Duty, Outcome, Progress, Search, SearchControl, Stop, Throttle, Workers};

/// How often the hash counter is read, and the throttle set if it is time.
const TICK: Duration = Duration::from_millis(5);

/// Length of the pause before the set points, where power is measured.
const IDLE: Duration = Duration::from_secs(2);

/// Time at full speed before that is measured: clocks go up, and pieces find their size.
const WARM_UP: Duration = Duration::from_secs(1);

/// Shortest time for which full speed is measured.
const REFERENCE: Duration = Duration::from_secs(2);

/// A profile of set points, which are held one after the other.
#[derive(Debug)]
pub struct SetpointProfile<'a> {
    /// Set points, in order.
    pub steps: &'a [Duty],
    /// Time for which each set point is held.
    pub hold: Duration,
    /// Whether a pause of the search comes first, in which a meter can measure the idle power.
    pub is_metered: bool,
}

/// The result of going through a profile.
#[derive(Debug)]
pub struct Run {
    /// Trace of the hash counter.
    pub hashes: CounterTrace,
    /// Time and set point of each command; the last may not have been held for its time.
    commands: Vec<(Duration, Duty)>,
    /// Time at which the last set point had been held for its time.
    end: Duration,
    /// Number of set points before the first that was asked for.
    before: usize,
    /// Whether all set points were held for their time.
    pub is_complete: bool,
    /// Outcome of the search that ran.
    pub outcome: Outcome,
}

impl SetpointProfile<'_> {
    /// Returns all set points and their times, those before and those asked for, and how many come
    /// before.
    fn phases(&self) -> (Vec<(Duty, Duration)>, usize) {
        let mut phases = Vec::new();
        if self.is_metered {
            phases.push((Duty::PAUSED, IDLE));
        }
        phases.extend([(Duty::FULL, WARM_UP), (Duty::FULL, self.hold.max(REFERENCE))]);
        let before = phases.len();
        phases.extend(self.steps.iter().map(|&duty| (duty, self.hold)));
        (phases, before)
    }

    /// Returns how long the whole profile takes, with what comes before its set points.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.phases().0.iter().map(|&(_, time)| time).sum()
    }

    /// Searches until all set points were held, or `stop` is set. `progress` is called with the
    /// time since the start, and the set point.
    pub fn run(
        &self,
        workers: &Workers,
        clock: &Clock,
        stop: &Stop,
        progress: &mut dyn FnMut(Duration, Duty),
    ) -> Run {
        let throttle = Throttle::default();
        let start = clock.now();
        let mut drive = Drive::start(self, &throttle, start);
        let mut tick = |so_far: Progress| {
            let now = clock.now();
            drive.tick(now, so_far.hashes);
            progress(now.saturating_sub(start), throttle.duty());
            if drive.is_complete {
                stop.stop();
            }
        };
        let watch = SearchControl::default().stop(stop).throttle(&throttle).every(TICK);
        let outcome = endless().first(workers, watch.progress(&mut tick));
        drive.end(outcome)
    }
}

/// A run on its way through the set points, driven by the times and totals that it is given.
#[derive(Debug)]
pub struct Drive<'a> {
    throttle: &'a Throttle,
    left: std::vec::IntoIter<(Duty, Duration)>,
    /// Time until which the present set point is held.
    due: Duration,
    before: usize,
    hashes: CounterTrace,
    commands: Vec<(Duration, Duty)>,
    end: Duration,
    /// Whether all set points were held for their time.
    pub is_complete: bool,
}

impl<'a> Drive<'a> {
    /// Starts a run: sets the first set point at `now`.
    #[must_use]
    pub fn start(profile: &SetpointProfile<'_>, throttle: &'a Throttle, now: Duration) -> Self {
        let (phases, before) = profile.phases();
        let mut drive = Self {
            throttle,
            left: phases.into_iter(),
            due: now,
            before,
            hashes: CounterTrace::default(),
            commands: Vec::new(),
            end: now,
            is_complete: false,
        };
        drive.go_on(now);
        drive
    }

    /// Takes the number of hashes that were done by `now`, and sets the next set point if it is
    /// time.
    pub fn tick(&mut self, now: Duration, hashes: u64) {
        self.hashes.push(now, hashes as f64);
        if now >= self.due && !self.is_complete {
            self.go_on(now);
        }
    }

    fn go_on(&mut self, now: Duration) {
        if let Some((duty, time)) = self.left.next() {
            self.commands.push((now, duty));
            self.throttle.set(duty);
            self.due = now + time;
        } else {
            (self.is_complete, self.end) = (true, now);
        }
    }

    /// Returns the result, when the search has ended.
    #[must_use]
    pub fn end(self, outcome: Outcome) -> Run {
        let Self { before, hashes, commands, end, is_complete, .. } = self;
        Run { hashes, commands, end, before, is_complete, outcome }
    }
}

/// A search that no hash is known to solve, and that lasts for centuries.
fn endless() -> Search {
    Search::new(Header::from_bytes([0x5a; Header::LEN]), Target::MIN).roll_time(u32::MAX)
}

impl Run {
    /// Returns the beginning and end of the pause before the set points; `None` where none was
    /// held.
    #[must_use]
    pub fn pause(&self) -> Option<(Duration, Duration)> {
        self.commands.first().filter(|(_, duty)| *duty == Duty::PAUSED)?;
        self.held(0)
    }

    /// Returns the beginning and end of the time at full speed before the set points, which is the
    /// reference for their rates; `None` where it was not held to its end.
    #[must_use]
    pub fn reference(&self) -> Option<(Duration, Duration)> {
        self.held(self.before - 1)
    }

    /// Returns the steps to all set points that were asked for and held, each with the set points
    /// before and after it.
    pub fn steps(&self) -> impl Iterator<Item = (Step, Duty, Duty)> {
        (self.before..self.commands.len()).filter_map(|number| {
            let (begin, from) = self.commands[number - 1];
            let (_, to) = self.commands[number];
            let (at, end) = self.held(number)?;
            Some((Step { begin, at, end }, from, to))
        })
    }

    /// Returns the beginning and end of a set point; `None` where it was not held to its end.
    fn held(&self, number: usize) -> Option<(Duration, Duration)> {
        let &(from, _) = self.commands.get(number)?;
        match self.commands.get(number + 1) {
            Some(&(to, _)) => Some((from, to)),
            None => self.is_complete.then_some((from, self.end)),
        }
    }
}
