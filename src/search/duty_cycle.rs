//! The duty cycle of a worker: when it idles between two chunks, and for how long.
//!
//! Work is a debt that idling pays off: for a second of work at 25 % three seconds of idling. A
//! worker goes on until it owes an idle time that is long enough, and then sleeps for as long as it
//! owes. What the system lets it sleep longer counts too, so that errors do not add up.
//!
//! Workers with a core each do so by themselves. Those that submit to a device do not know how much
//! of their time it worked for them, because their chunks queue up there; but a device that is to
//! idle at times needs no queue. So the first of them then submits alone, in smaller chunks, and
//! the others wait until it is to work all of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Stop;
use super::throttle::{Duty, Throttle, Wakeup};
use crate::engine::Batching;

/// Shortest idle time: a core takes tens of microseconds to fall asleep and wake up, and up to half
/// a millisecond to get back the energy of doing so.
const REST: Duration = Duration::from_millis(1);

/// How much longer than asked an idle time may last and still count in full: more would be made up
/// for by a long time without any idling, after the system had stood still.
const LATE: Duration = Duration::from_millis(20);

/// How long a device works between two idle times, about.
const SPELL: Duration = Duration::from_millis(5);

/// The gate at which the workers of one search idle while it goes on.
pub(super) struct IdleGate<'a> {
    throttle: &'a Throttle,
    stop: &'a Stop,
    wakeup: Arc<Wakeup>,
    is_over: AtomicBool,
}

impl<'a> IdleGate<'a> {
    pub(super) fn new(throttle: &'a Throttle, stop: &'a Stop) -> Self {
        Self { throttle, stop, wakeup: throttle.wakeup(), is_over: AtomicBool::new(false) }
    }

    /// The wakeup that is rung when a worker may have to do something else than it does.
    pub(super) fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    /// Wakes all workers for good: there is nothing more to do.
    pub(super) fn close(&self) {
        // Every worker says so in the end, and to wake the others once is enough.
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.wakeup.ring();
        }
    }

    /// Returns whether a worker may be idle, and so does not see that the search is stopped.
    pub(super) fn is_in_use(&self) -> bool {
        self.throttle.duty() != Duty::FULL
    }

    fn calls(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.stop.is_stopped()
    }
}

/// The index of one worker among all.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerIndex {
    /// Number of the worker, from 0.
    pub(super) number: usize,
    /// Number of all workers.
    pub(super) of: usize,
    /// Whether the worker is the first of its engine.
    pub(super) is_first: bool,
}

/// How a worker slices its next work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WorkSlice {
    /// The worker claims one part in `parts` of what would be its chunk at full speed.
    pub(super) parts: u32,
    /// Its work takes the device this many times less than if the queue were full.
    pub(super) alone: u32,
}

impl WorkSlice {
    const FULL: Self = Self { parts: 1, alone: 1 };
}

/// What is pending for a worker before its next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    /// No idle time that is long enough.
    Nothing,
    /// The worker idles for this long.
    Rest(Duration),
    /// The worker waits until the duty changes.
    Pause,
}

/// The duty cycle of one worker.
pub(super) struct DutyCycle<'a> {
    idle_gate: &'a IdleGate<'a>,
    worker_index: WorkerIndex,
    /// How the worker slices its work if it idles at times; `None` for one that only works at full
    /// speed.
    work_slice: Option<WorkSlice>,
    /// Seconds that such a slice takes, about.
    spell: f64,
    /// The duty that the worker keeps to, and the seconds of work that it has not paid off by
    /// idling; negative if it has idled for too long. `None` at full speed and in a pause.
    debt: Option<(Duty, f64)>,
    /// Whether the next chunk is the first after a change: it may have waited for what was in the
    /// queue of the device.
    is_new: bool,
}

impl<'a> DutyCycle<'a> {
    pub(super) fn new(
        idle_gate: &'a IdleGate<'a>,
        worker_index: WorkerIndex,
        batching: Batching,
    ) -> Self {
        let threads = batching.threads.map_or(1, |threads| threads.max(1) as u32);
        let alone = batching.piece / threads;
        let parts = match batching.threads {
            Some(_) => alone.as_nanos().div_ceil(SPELL.as_nanos()).max(1) as u32,
            None => 1,
        };
        let works = batching.threads.is_none() || worker_index.is_first;
        let work_slice = works.then_some(WorkSlice { parts, alone: threads });
        let spell = (alone / parts).as_secs_f64();
        Self { idle_gate, worker_index, work_slice, spell, debt: None, is_new: false }
    }

    /// Idles for as long as it has to, but no longer than the search goes on and `works` says that
    /// there is something to do. Returns how to slice the next work.
    pub(super) fn rest(&mut self, works: impl Fn() -> bool) -> WorkSlice {
        loop {
            let duty = self.idle_gate.throttle.duty();
            if duty == Duty::FULL {
                self.debt = None;
                return WorkSlice::FULL;
            }
            let owed = self.owed(duty);
            let goes_on =
                || self.idle_gate.throttle.duty() == duty && !self.idle_gate.calls() && works();
            match owed {
                Pending::Nothing => return self.work_slice.unwrap_or(WorkSlice::FULL),
                Pending::Rest(time) => {
                    let start = Instant::now();
                    self.idle_gate.wakeup.sleep(Some(time), goes_on);
                    self.rested(start.elapsed(), time);
                }
                Pending::Pause => self.idle_gate.wakeup.sleep(None, goes_on),
            }
            if self.idle_gate.calls() || !works() {
                return WorkSlice::FULL;
            }
        }
    }

    /// Counts the time that a chunk took, but not that in which the system stood still meanwhile.
    pub(super) fn worked(&mut self, took: Duration) {
        if let Some((_, debt)) = &mut self.debt {
            let most = self.spell + if self.is_new { 0.0 } else { LATE.as_secs_f64() };
            *debt += took.as_secs_f64().min(most);
            self.is_new = false;
        }
    }

    fn owed(&mut self, duty: Duty) -> Pending {
        if duty == Duty::PAUSED || self.work_slice.is_none() {
            self.debt = None;
            return Pending::Pause;
        }
        let rest_for_work = 1.0 / duty.share() - 1.0;
        let round = self.spell.max(REST.as_secs_f64() / rest_for_work);
        let debt = match self.debt {
            Some((before, debt)) if before == duty => debt,
            // Work is paid for at the new rate, but of no more than a round of it: close to full
            // speed a rest is owed for seconds of work, which would be minutes of rest now. The
            // remainder keeps the workers apart.
            Some((_, debt)) => debt.max(0.0) % round,
            // It begins somewhere in its round of work and rest, and the others elsewhere.
            None => {
                self.is_new = true;
                round * self.worker_index.number as f64 / self.worker_index.of as f64
            }
        };
        self.debt = Some((duty, debt));
        let rest = Duration::try_from_secs_f64(debt * rest_for_work).unwrap_or_default();
        if rest >= REST { Pending::Rest(rest) } else { Pending::Nothing }
    }

    /// Counts an idle time that took `took`, of which `owed` was owed.
    fn rested(&mut self, took: Duration, owed: Duration) {
        if let Some((duty, debt)) = &mut self.debt {
            let counts = took.min(owed + LATE).as_secs_f64();
            *debt -= counts / (1.0 / duty.share() - 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const GPU: Batching = Batching { threads: Some(3), piece: Duration::from_millis(75) };

    fn duty(percent: f64) -> Duty {
        Duty::from_percent(percent).expect("0 to 100")
    }

    fn worker_index(number: usize, of: usize) -> WorkerIndex {
        WorkerIndex { number, of, is_first: number == 0 }
    }

    /// A worker on a clock of its own, with the times that it has worked and rested.
    struct Simulated<'a> {
        duty_cycle: DutyCycle<'a>,
        worked: Duration,
        rested: Duration,
    }

    impl<'a> Simulated<'a> {
        fn new(idle_gate: &'a IdleGate<'a>, worker_index: WorkerIndex) -> Self {
            let duty_cycle = DutyCycle::new(idle_gate, worker_index, Batching::CORES);
            Self { duty_cycle, worked: Duration::ZERO, rested: Duration::ZERO }
        }

        /// Keeps to a duty for `time`, in pieces that take `piece`, and oversleeps by `late`.
        fn keep(&mut self, duty: Duty, time: Duration, piece: Duration, late: Duration) -> f64 {
            (self.worked, self.rested) = (Duration::ZERO, Duration::ZERO);
            while self.worked + self.rested < time {
                match self.duty_cycle.owed(duty) {
                    Pending::Rest(owed) => {
                        assert!(owed >= REST, "{owed:?} is not worth it");
                        self.duty_cycle.rested(owed + late, owed);
                        self.rested += owed + late;
                    }
                    Pending::Nothing => {
                        self.duty_cycle.worked(piece);
                        self.worked += piece;
                    }
                    Pending::Pause => panic!("it works at times"),
                }
            }
            self.worked.as_secs_f64() / (self.worked + self.rested).as_secs_f64()
        }
    }

    #[test]
    fn a_duty_is_kept_however_late_the_system_wakes() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        for percent in [1.0, 10.0, 33.3, 50.0, 75.0, 90.0, 99.0, 99.9] {
            for late in [0, 60, 500, 3_000].map(Duration::from_micros) {
                for piece in [200, 1_000, 1_700].map(Duration::from_micros) {
                    let mut worker = Simulated::new(&idle_gate, worker_index(1, 4));
                    let time = Duration::from_mins(1);
                    let kept = 100.0 * worker.keep(duty(percent), time, piece, late);
                    let what = format!("{kept} %, not {percent} %: {piece:?}, {late:?} late");
                    assert!((kept - percent).abs() < 0.1, "{what}");
                }
            }
        }
    }

    #[test]
    fn a_new_duty_holds_from_its_first_round_on() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        let mut worker = Simulated::new(&idle_gate, worker_index(1, 2));
        let late = Duration::from_micros(100);
        for percent in [50.0, 10.0, 90.0, 20.0, 60.0, 1.0, 99.0] {
            let time = Duration::from_secs(2);
            let kept = 100.0 * worker.keep(duty(percent), time, MILLISECOND, late);
            assert!((kept - percent).abs() < 2.5, "{kept} %, not {percent} %");
        }
    }

    #[test]
    fn what_is_owed_close_to_full_speed_is_not_rested_for_at_a_low_one() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        for (before, after) in [(99.9, 10.0), (99.99, 50.0), (99.9999, 1.0)] {
            let mut worker = Simulated::new(&idle_gate, worker_index(1, 2));
            worker.keep(duty(before), Duration::from_secs(2), MILLISECOND, Duration::ZERO);
            let time = Duration::from_secs(4);
            let kept = 100.0 * worker.keep(duty(after), time, MILLISECOND, Duration::ZERO);
            assert!((kept - after).abs() < 2.5, "{kept} %, not {after} %");
        }
    }

    #[test]
    fn a_machine_that_stood_still_has_not_worked() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        let mut worker = Simulated::new(&idle_gate, worker_index(0, 1));
        worker.keep(duty(10.0), Duration::from_secs(1), MILLISECOND, Duration::ZERO);
        worker.duty_cycle.worked(Duration::from_mins(1));
        let Pending::Rest(owed) = worker.duty_cycle.owed(duty(10.0)) else {
            panic!("it has worked")
        };
        assert!(owed < Duration::from_millis(300), "{owed:?}");
    }

    /// A minute in which the whole machine stood still is not made up for.
    #[test]
    fn a_long_sleep_is_not_made_up_for() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        let mut worker = Simulated::new(&idle_gate, worker_index(0, 1));
        worker.keep(duty(50.0), Duration::from_secs(1), MILLISECOND, Duration::ZERO);
        while worker.duty_cycle.owed(duty(50.0)) == Pending::Nothing {
            worker.duty_cycle.worked(MILLISECOND);
        }
        worker.duty_cycle.rested(Duration::from_mins(1), MILLISECOND);
        let mut pieces = 0;
        while worker.duty_cycle.owed(duty(50.0)) == Pending::Nothing {
            worker.duty_cycle.worked(MILLISECOND);
            pieces += 1;
        }
        assert!((15..=25).contains(&pieces), "{pieces} ms of work");
    }

    #[test]
    fn workers_begin_one_after_the_other() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        for percent in [1.0, 50.0, 95.0] {
            // When each begins to rest first, or has rested first.
            let phase = |number| {
                let mut duty_cycle =
                    DutyCycle::new(&idle_gate, worker_index(number, 4), Batching::CORES);
                let mut worked = Duration::ZERO;
                let micro = Duration::from_micros(10);
                duty_cycle.owed(duty(percent));
                duty_cycle.is_new = false;
                loop {
                    match duty_cycle.owed(duty(percent)) {
                        Pending::Rest(rest) if worked.is_zero() => break rest,
                        Pending::Rest(_) | Pending::Pause => break worked,
                        Pending::Nothing => duty_cycle.worked(micro),
                    }
                    worked += micro;
                }
            };
            let phases: Vec<_> = (0..4).map(phase).collect();
            for (at, phase) in phases.iter().enumerate() {
                assert!(!phases[..at].contains(phase), "{percent} %: {phases:?}");
            }
        }
    }

    #[test]
    fn one_of_those_that_feed_a_device_works_while_it_rests() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        let idle_gate = IdleGate::new(&throttle, &stop);
        let [mut first, mut second] = [0, 1].map(|number| {
            let worker_index = WorkerIndex { number: 5 + number, of: 8, is_first: number == 0 };
            DutyCycle::new(&idle_gate, worker_index, GPU)
        });
        throttle.set(duty(99.99));
        assert_eq!(first.rest(|| true), WorkSlice { parts: 5, alone: 3 });
        assert_eq!(second.owed(duty(99.99)), Pending::Pause);
        throttle.set(Duty::FULL);
        assert_eq!([first.rest(|| true), second.rest(|| true)], [WorkSlice::FULL; 2]);
        // What was in the queue before its first piece is not its work.
        throttle.set(duty(50.0));
        first.debt = Some((duty(50.0), 0.0));
        first.is_new = true;
        first.worked(Duration::from_millis(60));
        assert_eq!(first.owed(duty(50.0)), Pending::Rest(SPELL));
    }

    #[test]
    fn nobody_rests_when_it_is_over() {
        let (throttle, stop) = (Throttle::default(), Stop::default());
        throttle.set(Duty::PAUSED);
        for number in 0..2 {
            let idle_gate = IdleGate::new(&throttle, &stop);
            // It would not return.
            let mut duty_cycle = DutyCycle::new(&idle_gate, worker_index(number, 2), GPU);
            duty_cycle.rest(|| false);
            idle_gate.close();
            duty_cycle.rest(|| true);
        }
        let idle_gate = IdleGate::new(&throttle, &stop);
        stop.stop();
        DutyCycle::new(&idle_gate, worker_index(0, 1), Batching::CORES).rest(|| true);
    }
}
