//! Going through the set points: a search that nothing solves, a throttle, and a hash counter that is
//! read every few milliseconds.

use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use perjoule::block::{Header, Target};
use perjoule::meter::Clock;
use perjoule::response::{Step, Trace};
use perjoule::search::{Duty, Outcome, Progress, Search, Stop, Throttle, Watch, Workers};

/// How often the hash counter is read, and the throttle set if it is time.
const TICK: Duration = Duration::from_millis(5);

/// How long the machine is left alone before, where power is measured.
const IDLE: Duration = Duration::from_secs(2);

/// How long it runs at full speed before that is measured: clocks go up, and pieces find their size.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long full speed is measured, at least.
const REFERENCE: Duration = Duration::from_secs(2);

/// What to go through.
#[derive(Debug)]
pub(super) struct Course<'a> {
    pub(super) steps: &'a [Duty],
    pub(super) hold: Duration,
    /// Whether it is worth to know the power of a pause.
    pub(super) is_metered: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Run {
    /// Hashes done.
    pub(super) hashes: Trace,
    /// When each set point of the course was told, the last of which may not have been held for its
    /// time.
    commands: Vec<(Duration, Duty)>,
    /// When the last of them had been held for its time.
    end: Duration,
    /// How many come before the first that was asked for.
    before: usize,
    pub(super) is_complete: bool,
    pub(super) outcome: Outcome,
}

impl Course<'_> {
    /// All set points and their times: those before, and those asked for.
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

    /// Searches until all set points were held, or it is told to stop.
    pub(super) fn run(&self, workers: &Workers, clock: &Clock, stop: &Stop) -> Run {
        let (phases, before) = self.phases();
        let time = phases.iter().map(|&(_, time)| time).sum::<Duration>();
        let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {eta} left  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_length(time.as_millis() as u64);

        let throttle = Throttle::default();
        let mut phases = phases.into_iter();
        let mut commands = Vec::new();
        let mut hashes = Trace::default();
        let start = clock.now();
        let mut due = start;
        let (mut is_complete, mut end) = (false, start);
        let mut command = |now: Duration| match phases.next() {
            Some((duty, time)) => {
                commands.push((now, duty));
                throttle.set(duty);
                bar.set_message(duty.to_string());
                Some(now + time)
            }
            None => None,
        };
        due = command(due).unwrap_or(due);
        let mut tick = |progress: Progress| {
            let now = clock.now();
            hashes.push(now, progress.hashes as f64);
            bar.set_position(now.saturating_sub(start).as_millis() as u64);
            if now >= due && !is_complete {
                if let Some(next) = command(now) {
                    due = next;
                } else {
                    (is_complete, end) = (true, now);
                }
            }
            if is_complete {
                stop.stop();
            }
        };
        let watch = Watch::default().stop(stop).throttle(&throttle).every(TICK);
        let outcome = endless().first(workers, watch.progress(&mut tick));
        bar.finish_and_clear();
        Run { hashes, commands, end, before, is_complete, outcome }
    }
}

/// A search that no hash is known to solve, and that lasts for centuries.
fn endless() -> Search {
    let mut least = [0; 32];
    least[31] = 1;
    // One is not zero, so there is such a target.
    let target = Target::from_be_bytes(least).unwrap_or(Target::MAX);
    Search::new(Header::from_bytes([0x5a; Header::LEN]), target).roll_time(u32::MAX)
}

impl Run {
    /// The pause before, if there was one that was held.
    pub(super) fn pause(&self) -> Option<(Duration, Duration)> {
        self.commands.first().filter(|(_, duty)| *duty == Duty::PAUSED)?;
        self.held(0)
    }

    /// The time of full speed that all else is compared with, if it was held.
    pub(super) fn reference(&self) -> Option<(Duration, Duration)> {
        self.held(self.before - 1)
    }

    /// The steps to all set points that were asked for, and held, with what they were before and
    /// after.
    pub(super) fn steps(&self) -> impl Iterator<Item = (Step, Duty, Duty)> {
        (self.before..self.commands.len()).filter_map(|number| {
            let (begin, from) = self.commands[number - 1];
            let (_, to) = self.commands[number];
            let (at, end) = self.held(number)?;
            Some((Step { begin, at, end }, from, to))
        })
    }

    /// From when until when a set point was held; `None` where it was not held to its end.
    fn held(&self, number: usize) -> Option<(Duration, Duration)> {
        let &(from, _) = self.commands.get(number)?;
        match self.commands.get(number + 1) {
            Some(&(to, _)) => Some((from, to)),
            None => self.is_complete.then_some((from, self.end)),
        }
    }
}
