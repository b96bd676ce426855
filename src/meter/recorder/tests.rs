//! The recorder over meters that are made up, and a clock that is set by hand.

use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::meter::fake::{Fake, ManualClock};
use crate::meter::{Conditions, Domain, Method, ThrottleReason, WindowNote};
use crate::units::{Joules, Watts};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A recorder that reads by marks alone: its threads sleep.
fn idle(meters: Vec<Fake>, hand: &ManualClock) -> Recorder {
    let boxed = |meter: Fake| Box::new(meter) as Box<dyn Meter>;
    let meters = meters.into_iter().map(boxed).collect();
    Recorder::start(meters, hand.clock(), HOUR).expect("threads")
}

/// Has every meter read, slow ones too.
fn poll(recorder: &Recorder) {
    recorder.shared.wait_for(&recorder.shared.ask(|_| true), MINUTE);
}

fn counting(domain: &str, watts: f64) -> Fake {
    Fake::counting(domain.parse().expect("a domain"), Watts::new(watts), MILLISECOND)
}

#[test]
fn every_meter_has_its_window() {
    let hand = ManualClock::new();
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
    assert_eq!(gpu.notes, [WindowNote::Gaps { gaps: 2, time: seconds(4) }]);
    let tracks = recorder.tracks();
    assert_eq!(tracks[0].samples.len(), 4);
    assert_eq!(tracks[0].samples[0].power, None);
}

#[test]
fn a_meter_that_vanishes_costs_its_own_windows_only() {
    let hand = ManualClock::new();
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
fn a_counter_that_stands_is_no_zero() {
    let hand = ManualClock::new();
    let recorder = idle(vec![counting("cpu", 100.0).standing_from(seconds(1))], &hand);
    hand.advance(seconds(1));
    let ((), measured) = recorder.measure(|| hand.advance(seconds(5)));
    assert!(matches!(measured[0].window, Err(MeterError::CounterStuck(_))));
}

#[test]
fn slow_meters_are_interpolated() {
    let hand = ManualClock::new();
    let wall = || Fake::telling_power(Domain::Machine, Watts::new(200.0));
    let meters = vec![wall().slow(HOUR), wall().slow(HOUR).failing_from(seconds(8))];
    let recorder = idle(meters, &hand);
    let poll_after = |time| {
        hand.advance(seconds(time));
        poll(&recorder);
    };
    poll_after(2);
    hand.advance(seconds(1));
    let from = recorder.mark();
    poll_after(1);
    poll_after(2);
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
    let hand = ManualClock::new();
    let throttled = Some([ThrottleReason::Power].into());
    let conditions = Conditions { throttled, ..Conditions::default() };
    let recorder = idle(vec![counting("gpu:0", 100.0).with_conditions(conditions.clone())], &hand);
    let ((), measured) = recorder.measure(|| {
        for _ in 0..10 {
            hand.advance(Duration::from_millis(100));
            poll(&recorder);
        }
    });
    let window = measured[0].window.as_ref().expect("energy");
    let expected = [0, 300, 600, 900].map(|at| (Duration::from_millis(at), conditions.clone()));
    assert_eq!(window.conditions, expected);
}

#[test]
fn meters_are_read_in_the_background_until_the_end() {
    let hand = ManualClock::new();
    let meters: Vec<Box<dyn Meter>> = vec![
        Box::new(counting("cpu", 100.0)),
        Box::new(Fake::telling_power(Domain::Machine, Watts::new(9.0)).slow(MILLISECOND)),
    ];
    let recorder = Recorder::start(meters, hand.clock(), MILLISECOND).expect("threads");
    let start = Instant::now();
    while recorder.tracks().iter().any(|track| track.samples.len() < 10) {
        assert!(start.elapsed() < MINUTE, "nobody reads the meters");
        hand.advance(seconds(1));
        thread::sleep(MILLISECOND);
    }
    assert_eq!(recorder.meters().count(), 2);
    let shared = Arc::downgrade(&recorder.shared);
    drop(recorder);
    assert!(shared.upgrade().is_none(), "its threads are still there");
}

/// A meter that does what a test says, after its first reading.
#[derive(Debug)]
struct Sick {
    info: MeterInfo,
    read: fn(&Mutex<()>),
    block: Arc<Mutex<()>>,
}

impl Meter for Sick {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        if clock.now().is_zero() {
            return Err(MeterError::NoTime);
        }
        (self.read)(&self.block);
        Err(MeterError::NoEnergy)
    }
}

/// A recorder of a faulty meter that has a thread of its own, and a sound one.
fn with_sick(read: fn(&Mutex<()>), block: &Arc<Mutex<()>>, hand: &ManualClock) -> Recorder {
    let info = MeterInfo { source: Source::Nvml, ..counting("gpu:0", 1.0).info().clone() };
    let sick = Sick { info, read, block: Arc::clone(block) };
    let meters: Vec<Box<dyn Meter>> = vec![Box::new(sick), Box::new(counting("cpu", 100.0))];
    let patience = Patience { quick: MINUTE, slow: MINUTE };
    Recorder::with_patience(meters, hand.clock(), HOUR, patience).expect("threads")
}

#[test]
fn a_meter_that_hangs_costs_its_own_windows_only() {
    let hand = ManualClock::new();
    let block = Arc::new(Mutex::new(()));
    let blocked = block.lock().expect("nobody panics with it");
    let mut recorder = with_sick(|block| drop(block.lock()), &block, &hand);
    recorder.patience = Patience { quick: 20 * MILLISECOND, slow: 20 * MILLISECOND };
    // On a busy machine the sound meter may take longer than that.
    let mark = || {
        let start = Instant::now();
        loop {
            hand.advance(seconds(1));
            let mark = recorder.mark();
            if matches!(mark.readings[1], Some(Ok(_))) {
                return mark;
            }
            assert!(start.elapsed() < MINUTE, "the sound meter is not read");
        }
    };
    let measured = recorder.windows(&mark(), &mark());
    let [sick, sound] = &measured[..] else { panic!("{measured:?}") };
    assert!(matches!(sick.window, Err(MeterError::Hangs(_))), "{:?}", sick.window);
    assert_eq!(sound.window.as_ref().expect("energy").power(), Watts::new(100.0));
    assert!(recorder.tracks()[1].samples.len() > 2);
    // It is not waited for a second time.
    recorder.patience = Patience { quick: HOUR, slow: HOUR };
    let _ = recorder.mark();
    // It ends without the thread that hangs.
    let shared = Arc::downgrade(&recorder.shared);
    drop(recorder);
    assert!(shared.upgrade().is_some(), "nothing hung");
    drop(blocked);
}

#[test]
fn a_meter_that_panics_costs_its_own_windows_only() {
    let hand = ManualClock::new();
    let recorder = with_sick(|_| panic!("a meter that panics"), &Arc::default(), &hand);
    hand.advance(seconds(1));
    let ((), measured) = recorder.measure(|| hand.advance(seconds(1)));
    let [sick, sound] = &measured[..] else { panic!("{measured:?}") };
    assert!(matches!(sick.window, Err(MeterError::Panicked)), "{:?}", sick.window);
    assert!(sound.window.is_ok(), "{:?}", sound.window);
}
