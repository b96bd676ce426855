//! Reads a set of meters in the background, and keeps what they tell.
//!
//! One thread reads all meters that are read in a moment; every slow one has a thread of its own, so
//! that nobody waits for it. A window lies between two marks. At a mark quick meters are read on the
//! spot; slow ones are not, and what they told before and after is interpolated.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::integral::Point;
use super::{About, Clock, Conditions, Meter, MeterError, Note, Reading, Span, Window};
use crate::units::{Joules, Watts};

/// How often meters are read unless a caller says otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(50);

/// However short an interval is asked for, meters are not read more often than this.
const SHORTEST: Duration = Duration::from_millis(1);

/// How often the state of a device is asked for.
const CONDITIONS_INTERVAL: Duration = Duration::from_millis(250);

/// Power is taken from joules that are at least this far apart: closer than that it is more of the
/// counter's steps than of the power.
const POWER_BASE: Duration = Duration::from_millis(20);

/// Reads meters until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    lanes: Vec<Lane>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

/// A meter with what does not change about it, so that a slow one need not be waited for.
#[derive(Debug)]
struct Lane {
    about: About,
    log: Mutex<Log>,
}

/// A meter and what it told.
#[derive(Debug)]
struct Log {
    meter: Box<dyn Meter>,
    samples: Vec<Sample>,
    conditions: Vec<(Duration, Conditions)>,
    failures: Vec<Failure>,
}

/// Readings that failed one after the other.
#[derive(Clone, Debug)]
struct Failure {
    from: Duration,
    to: Duration,
    times: u64,
    last: MeterError,
}

/// What a meter told at one time, for plots.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sample {
    /// When, since the start of the clock.
    pub at: Duration,
    /// Since the meter was made.
    pub energy: Joules,
    /// The power at that time, or the mean power since a short time before; `None` at the start of
    /// a counter.
    pub power: Option<Watts>,
}

/// Everything that a meter told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Track {
    /// Which meter.
    pub about: About,
    /// What it told, in order.
    pub samples: Vec<Sample>,
    /// How often it could not be read.
    pub failed: u64,
    /// What happened at the last of these times.
    pub last_failure: Option<MeterError>,
}

/// A moment that windows begin or end at, made by [`Recorder::mark`].
#[derive(Clone, Debug)]
pub struct Mark {
    at: Duration,
    /// `None` of slow meters.
    readings: Vec<Option<Result<Reading, MeterError>>>,
}

/// What one meter of several measured.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measured {
    /// Which meter.
    pub about: About,
    /// What it measured, or why it is not known.
    pub window: Result<Window, MeterError>,
}

impl Recorder {
    /// Reads every meter once, and from then on every `interval`, or more often where a counter
    /// would wrap unseen.
    ///
    /// # Errors
    ///
    /// When the system gives no thread. Meters that fail are no error; their windows are.
    pub fn start(
        meters: Vec<Box<dyn Meter>>,
        clock: Clock,
        interval: Duration,
    ) -> Result<Self, MeterError> {
        let lanes: Vec<_> = meters.into_iter().map(Lane::new).collect();
        for lane in &lanes {
            lane.lock().poll(&clock);
        }
        let mut quick = Vec::new();
        let mut jobs = Vec::new();
        let mut within = interval;
        for (number, Lane { about, .. }) in lanes.iter().enumerate() {
            if let Some(interval) = about.interval {
                jobs.push((vec![number], interval));
            } else {
                quick.push(number);
                within = within.min(about.read_within.unwrap_or(within));
            }
        }
        if !quick.is_empty() {
            jobs.push((quick, within));
        }
        let (stopped, stop) = (Mutex::new(false), Condvar::new());
        let shared = Arc::new(Shared { clock, lanes, stopped, stop });
        // Made before its threads, so that those that did start are stopped if one does not.
        let mut recorder = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        for (lanes, interval) in jobs {
            let shared = Arc::clone(&shared);
            let watch = move || shared.watch(&lanes, interval.max(SHORTEST));
            let thread = thread::Builder::new().name("perjoule meters".to_owned()).spawn(watch);
            recorder.threads.push(thread.map_err(|error| MeterError::Thread(Arc::new(error)))?);
        }
        Ok(recorder)
    }

    /// The time that its readings are of.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Its meters, in the order in which windows and tracks come.
    pub fn meters(&self) -> impl Iterator<Item = &About> {
        self.shared.lanes.iter().map(|lane| &lane.about)
    }

    /// Reads every quick meter now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let Shared { clock, lanes, .. } = &*self.shared;
        let at = clock.now();
        let read = |lane: &Lane| (!lane.is_slow()).then(|| lane.lock().read(clock));
        Mark { at, readings: lanes.iter().map(read).collect() }
    }

    /// What every meter measured from one mark to a later one of this recorder.
    ///
    /// A slow meter that told nothing since the second mark is read now, which takes its time.
    #[must_use]
    pub fn windows(&self, from: &Mark, to: &Mark) -> Vec<Measured> {
        let Shared { clock, lanes, .. } = &*self.shared;
        let marks = from.readings.iter().zip(&to.readings);
        let window = |(lane, (start, end)): (&Lane, (&Option<_>, &Option<_>))| {
            let mut log = lane.lock();
            let window = match (start, end) {
                (Some(start), Some(end)) => log.window(&lane.about, clock, start, end),
                _ => log.interpolate(&lane.about, clock, from.at, to.at),
            };
            Measured { about: lane.about.clone(), window }
        };
        lanes.iter().zip(marks).map(window).collect()
    }

    /// Does some work, and tells what every meter measured meanwhile.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Measured>) {
        let from = self.mark();
        let done = work();
        let to = self.mark();
        (done, self.windows(&from, &to))
    }

    /// Everything that every meter told until now. A slow meter that is being read is waited for.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let track = |lane: &Lane| {
            let log = lane.lock();
            Track {
                about: lane.about.clone(),
                samples: log.samples.clone(),
                failed: log.failures.iter().map(|failure| failure.times).sum(),
                last_failure: log.failures.last().map(|failure| failure.last.clone()),
            }
        };
        self.shared.lanes.iter().map(track).collect()
    }
}

/// Ends the threads; a slow meter that is being read is waited for.
impl Drop for Recorder {
    fn drop(&mut self) {
        *lock(&self.shared.stopped) = true;
        self.shared.stop.notify_all();
        for thread in self.threads.drain(..) {
            // A meter that panicked has told so by itself.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn watch(&self, lanes: &[usize], interval: Duration) {
        while !self.stopped_within(interval) {
            for lane in lanes.iter().filter_map(|&number| self.lanes.get(number)) {
                lane.lock().poll(&self.clock);
            }
        }
    }

    fn stopped_within(&self, time: Duration) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.stop.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Lane {
    fn new(meter: Box<dyn Meter>) -> Self {
        let about = meter.about().clone();
        let (samples, conditions, failures) = (Vec::new(), Vec::new(), Vec::new());
        Self { about, log: Mutex::new(Log { meter, samples, conditions, failures }) }
    }

    fn is_slow(&self) -> bool {
        self.about.interval.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

/// What is behind a lock is sound after every single step, also where a meter panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// Reads the meter, and its device's state where that is due.
    fn poll(&mut self, clock: &Clock) {
        let read = self.read(clock);
        let due = |&(at, _): &(Duration, _)| clock.now().saturating_sub(at) >= CONDITIONS_INTERVAL;
        if read.is_ok() && self.conditions.last().is_none_or(due) {
            self.conditions.extend(self.meter.conditions().map(|state| (clock.now(), state)));
        }
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let before = clock.now();
        let read = self.meter.read(clock);
        match &read {
            Ok(reading) => self.samples.extend(self.sample(reading)),
            Err(error) => self.fail(before, clock.now(), error.clone()),
        }
        read
    }

    fn sample(&self, reading: &Reading) -> Option<Sample> {
        let (at, energy) = (reading.at, reading.energy()?);
        let mean = || {
            let base = self.samples.iter().rev().find(|base| base.at + POWER_BASE <= at)?;
            Some((energy - base.energy) / at.checked_sub(base.at)?)
        };
        Some(Sample { at, energy, power: reading.power.or_else(mean) })
    }

    fn fail(&mut self, from: Duration, to: Duration, last: MeterError) {
        let last_good = self.samples.last().map(|sample| sample.at);
        match self.failures.last_mut().filter(|run| last_good.is_none_or(|good| good < run.from)) {
            Some(run) => *run = Failure { from: run.from, to, times: run.times + 1, last },
            None => self.failures.push(Failure { from, to, times: 1, last }),
        }
    }

    /// Between two readings of a quick meter.
    fn window(
        &self,
        about: &About,
        clock: &Clock,
        start: &Result<Reading, MeterError>,
        end: &Result<Reading, MeterError>,
    ) -> Result<Window, MeterError> {
        let start = start.as_ref().map_err(Clone::clone)?;
        let end = end.as_ref().map_err(Clone::clone)?;
        let window = Window::between(about, clock, start, end)?;
        Ok(self.complete(window, start.at, end.at))
    }

    /// Between two times, from what a slow meter told before, meanwhile and after.
    fn interpolate(
        &mut self,
        about: &About,
        clock: &Clock,
        from: Duration,
        to: Duration,
    ) -> Result<Window, MeterError> {
        if self.samples.last().is_none_or(|sample| sample.at < to) {
            self.read(clock)?;
        }
        let point = |sample: &Sample| {
            Some(Point { at: sample.at, energy: sample.energy, power: sample.power? })
        };
        let points: Vec<_> = self.samples.iter().filter_map(point).collect();
        let took = to.saturating_sub(from);
        let span = Span { from: clock.date(from), took };
        // Once or twice it may be late.
        let patience = about.interval.unwrap_or(DEFAULT_INTERVAL).saturating_mul(3);
        let window = Window::over(about, span, &points, from, patience);
        Ok(self.complete(window?, from, to))
    }

    /// Adds what was seen on the way.
    fn complete(&self, mut window: Window, from: Duration, to: Duration) -> Window {
        let inside = |at: Duration| (from..=to).contains(&at);
        window.samples = self.samples.iter().filter(|sample| inside(sample.at)).copied().collect();
        let conditions = self.conditions.iter().filter(|(at, _)| inside(*at));
        window.conditions = conditions.cloned().collect();
        let on_the_way = |failure: &&Failure| failure.from <= to && failure.to >= from;
        let failures: Vec<_> = self.failures.iter().filter(on_the_way).collect();
        if let Some(Failure { last, .. }) = failures.last() {
            let times = failures.iter().map(|failure| failure.times).sum();
            window.notes.push(Note::Failed { times, last: last.clone() });
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::meter::fake::{Fake, Hand};
    use crate::meter::{Domain, Method, Throttle};

    const MILLISECOND: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_hours(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Reads by marks alone: its threads sleep.
    fn idle(meters: Vec<Fake>, hand: &Hand) -> Recorder {
        let boxed = |meter: Fake| Box::new(meter) as Box<dyn Meter>;
        let meters = meters.into_iter().map(boxed).collect();
        Recorder::start(meters, hand.clock(), HOUR).expect("threads")
    }

    fn counting(domain: &str, watts: f64) -> Fake {
        Fake::counting(domain.parse().expect("a domain"), Watts::new(watts), MILLISECOND)
    }

    #[test]
    fn every_meter_has_its_window() {
        let hand = Hand::new();
        let gpu = Fake::telling_power(Domain::Gpu(0), Watts::new(300.0));
        let recorder = idle(vec![counting("package-0", 100.0), gpu], &hand);
        hand.advance(seconds(1));
        let ((), measured) = recorder.measure(|| {
            hand.advance(seconds(2));
            let _ = recorder.mark();
            hand.advance(seconds(2));
        });
        let windows: Vec<_> = measured.into_iter().map(|one| one.window.expect("energy")).collect();
        let [cpu, gpu] = windows.as_slice() else { panic!("{windows:?}") };
        assert_eq!((cpu.energy, cpu.method), (Joules::new(400.0), Method::Counted));
        assert_eq!((gpu.energy, gpu.method), (Joules::new(1200.0), Method::Integrated));
        assert_eq!((cpu.updates, gpu.updates), (2, 2));
        assert_eq!(cpu.update_period, Some(seconds(2)));
        for (window, watts) in [(cpu, 100.0), (gpu, 300.0)] {
            let samples: Vec<_> =
                window.samples.iter().map(|sample| (sample.at, sample.power)).collect();
            let power = Some(Watts::new(watts));
            assert_eq!(samples, [1, 3, 5].map(|second| (seconds(second), power)));
            assert_eq!(window.power(), Watts::new(watts));
        }
        // Two seconds without a value are a gap, twice.
        assert_eq!(gpu.notes, [Note::Gaps { gaps: 2, time: seconds(4) }]);
        let tracks = recorder.tracks();
        assert_eq!(tracks[0].samples.len(), 4);
        assert_eq!(tracks[0].samples[0].power, None);
    }

    #[test]
    fn a_meter_that_vanishes_costs_its_own_windows_only() {
        let hand = Hand::new();
        let lost = counting("package-1", 100.0).failing_from(seconds(3));
        let recorder = idle(vec![counting("package-0", 100.0), lost], &hand);
        let begin = recorder.mark();
        hand.advance(seconds(2));
        let middle = recorder.mark();
        hand.advance(seconds(2));
        let end = recorder.mark();
        let sound = |from, to| {
            let windows = recorder.windows(from, to);
            windows.iter().map(|measured| measured.window.is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(sound(&begin, &middle), [true, true]);
        assert_eq!(sound(&middle, &end), [true, false]);
        assert_eq!(sound(&begin, &end), [true, false]);
        let lost = &recorder.tracks()[1];
        assert_eq!(lost.failed, 1);
        assert!(matches!(lost.last_failure, Some(MeterError::Read { .. })));
    }

    #[test]
    fn a_failure_in_between_is_told() {
        let hand = Hand::new();
        let recorder = idle(vec![counting("cpu", 100.0)], &hand);
        let from = recorder.mark();
        hand.advance(seconds(1));
        let fail =
            || recorder.shared.lanes[0].lock().fail(seconds(1), seconds(1), MeterError::WentBack);
        fail();
        fail();
        hand.advance(seconds(1));
        let to = recorder.mark();
        let window = recorder.windows(&from, &to).remove(0).window.expect("both ends");
        assert_eq!(window.notes, [Note::Failed { times: 2, last: MeterError::WentBack }]);
        // What came before is none of a later window's business.
        hand.advance(seconds(1));
        fail();
        hand.advance(seconds(1));
        let later = recorder.mark();
        hand.advance(seconds(1));
        let window =
            recorder.windows(&later, &recorder.mark()).remove(0).window.expect("both ends");
        assert_eq!(window.notes, []);
        assert_eq!(recorder.shared.lanes[0].lock().failures.len(), 2);
    }

    #[test]
    fn a_counter_that_stands_is_no_zero() {
        let hand = Hand::new();
        let recorder = idle(vec![counting("cpu", 100.0).standing_from(seconds(1))], &hand);
        hand.advance(seconds(1));
        let ((), measured) = recorder.measure(|| hand.advance(seconds(5)));
        assert!(matches!(measured[0].window, Err(MeterError::StoodStill(_))));
    }

    #[test]
    fn slow_meters_are_interpolated() {
        let hand = Hand::new();
        let wall = || Fake::telling_power(Domain::Machine, Watts::new(200.0));
        let meters = vec![wall().slow(HOUR), wall().slow(HOUR).failing_from(seconds(8))];
        let recorder = idle(meters, &hand);
        let poll = |time| {
            hand.advance(seconds(time));
            for lane in &recorder.shared.lanes {
                lane.lock().poll(&recorder.shared.clock);
            }
        };
        poll(2);
        hand.advance(seconds(1));
        let from = recorder.mark();
        poll(1);
        poll(2);
        hand.advance(seconds(1));
        let to = recorder.mark();
        hand.advance(seconds(2));
        let windows = recorder.windows(&from, &to);
        let window = windows[0].window.as_ref().expect("values before and after");
        assert_eq!((window.energy, window.method), (Joules::new(800.0), Method::Integrated));
        assert_eq!((window.span.took, window.updates), (seconds(4), 2));
        assert_eq!(window.samples.len(), 2);
        // After the end of the second window there was nothing to be had.
        assert!(matches!(windows[1].window, Err(MeterError::Read { .. })));
        // Between two values that are both outside nothing was measured.
        hand.advance(seconds(1));
        let from = recorder.mark();
        hand.advance(seconds(1));
        let to = recorder.mark();
        hand.advance(seconds(1));
        assert!(matches!(recorder.windows(&from, &to)[0].window, Err(MeterError::NoValue)));
    }

    #[test]
    fn conditions_come_with_the_window() {
        let hand = Hand::new();
        let throttled = Some([Throttle::Power].into());
        let conditions = Conditions { throttled, ..Conditions::default() };
        let recorder =
            idle(vec![counting("gpu:0", 100.0).with_conditions(conditions.clone())], &hand);
        let ((), measured) = recorder.measure(|| {
            for _ in 0..10 {
                hand.advance(Duration::from_millis(100));
                recorder.shared.lanes[0].lock().poll(&recorder.shared.clock);
            }
        });
        let window = measured[0].window.as_ref().expect("energy");
        let expected = [0, 300, 600, 900].map(|at| (Duration::from_millis(at), conditions.clone()));
        assert_eq!(window.conditions, expected);
    }

    #[test]
    fn meters_are_read_in_the_background_until_the_end() {
        let hand = Hand::new();
        let meters: Vec<Box<dyn Meter>> = vec![
            Box::new(counting("cpu", 100.0)),
            Box::new(Fake::telling_power(Domain::Machine, Watts::new(9.0)).slow(MILLISECOND)),
        ];
        let recorder = Recorder::start(meters, hand.clock(), MILLISECOND).expect("threads");
        let start = Instant::now();
        while recorder.tracks().iter().any(|track| track.samples.len() < 10) {
            assert!(start.elapsed() < seconds(60), "nobody reads the meters");
            hand.advance(seconds(1));
            thread::sleep(MILLISECOND);
        }
        assert_eq!(recorder.meters().count(), 2);
        let shared = Arc::downgrade(&recorder.shared);
        drop(recorder);
        assert!(shared.upgrade().is_none(), "its threads are still there");
    }

    /// Cannot be read at all.
    #[derive(Debug)]
    struct Panics(About);

    impl Meter for Panics {
        fn about(&self) -> &About {
            &self.0
        }

        fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
            assert!(clock.now().is_zero(), "a meter that panics");
            Err(MeterError::NoTime)
        }
    }

    #[test]
    fn a_meter_that_panics_does_not_take_the_caller_with_it() {
        let hand = Hand::new();
        let about = counting("cpu", 1.0).about().clone();
        let meters: Vec<Box<dyn Meter>> = vec![
            Box::new(Panics(About { interval: Some(MILLISECOND), ..about })),
            Box::new(counting("package-0", 100.0)),
        ];
        let recorder = Recorder::start(meters, hand.clock(), HOUR).expect("threads");
        let from = recorder.mark();
        hand.advance(seconds(1));
        let start = Instant::now();
        while !recorder.threads.iter().any(JoinHandle::is_finished) {
            assert!(start.elapsed() < seconds(60), "it did not panic");
            thread::sleep(MILLISECOND);
        }
        let to = recorder.mark();
        let tracks = recorder.tracks();
        assert_eq!((tracks[0].failed, tracks[1].samples.len()), (1, 3));
        assert!(to.at > from.at);
    }
}
