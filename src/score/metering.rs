//! The meters of a score: the windows around its work and around the idle machine.

use std::cell::RefCell;
use std::fmt;
use std::thread;
use std::time::Duration;

use super::charge::{Charged, LEAST_TIME, LEAST_TRIALS, MeteredWindow, add};
use crate::meter::{Domain, Measured, MeterInfo, Recorder, Span};
use crate::record::{DeviceId, Energy, NoEnergy};
use crate::units::{Joules, WorkAmount};
use crate::workload::WorkloadError;

/// The settings of the energy measurements of a score, with the meters that they use.
pub struct Metering {
    /// Recorder that reads the meters.
    pub recorder: Recorder,
    /// Addresses of the GPUs by their numbers, for meters that know only the address:
    /// [`Domain::GpuAt`].
    pub cards: Vec<(u8, Domain)>,
    /// Length of a window.
    pub window: Duration,
    /// Number of windows of each workload.
    pub trials: usize,
    /// Time for which the idle machine is measured: once before all work, and once after it.
    pub idle: Duration,
    /// Function that returns what another meter's trace shows of a span, called when everything is
    /// over; `None` without a trace.
    pub trace: Option<Box<dyn Fn(Span) -> Measured>>,
    /// Number of windows in a row that gave no energy, by device.
    in_vain: RefCell<Vec<(DeviceId, u32)>>,
}

/// Number of windows in a row without energy after which the meters are not expected to give any.
const IN_VAIN: u32 = 2;

/// Length of a window in which nothing is measured: a stated power is the same at any time.
const STATED: Duration = Duration::from_millis(300);

impl fmt::Debug for Metering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorder, cards, window, trials, .. } = self;
        let mut metering = f.debug_struct("Metering");
        metering.field("recorder", recorder).field("cards", cards);
        metering.field("window", window).field("trials", trials).finish_non_exhaustive()
    }
}

impl Metering {
    /// Makes a configuration with these meters: three windows of five seconds, and two seconds of
    /// the idle machine before and after.
    #[must_use]
    pub fn new(recorder: Recorder) -> Self {
        let idle = Duration::from_secs(2);
        let (window, trials) = (LEAST_TIME, LEAST_TRIALS);
        let (cards, in_vain) = (Vec::new(), RefCell::default());
        Self { recorder, cards, window, trials, idle, trace: None, in_vain }
    }

    /// Returns how long a window of a device has to be; `None` where no meter measures it.
    pub(super) fn window(&self, device: DeviceId) -> Option<Duration> {
        let meters: Vec<_> = self.recorder.meters().collect();
        let Charged { measured, stated } = self.charged(device, &meters);
        if self.trace.is_some() {
            return Some(self.window);
        }
        if measured.is_empty() && stated.is_empty() {
            return None;
        }
        if !measured.is_empty() && self.in_vain(device) < IN_VAIN {
            return Some(self.window);
        }
        // Long enough that a slow meter that works again is seen to.
        let interval = measured.iter().flatten().filter_map(|&place| meters[place].interval).max();
        Some(STATED.max(interval.unwrap_or_default() * 3).min(self.window))
    }

    fn in_vain(&self, device: DeviceId) -> u32 {
        let in_vain = self.in_vain.borrow();
        in_vain.iter().find(|(of, _)| *of == device).map_or(0, |&(_, count)| count)
    }

    /// Returns whether more windows like this one are worth their time: a device's meters gave
    /// energy in it, or there is a stated power.
    pub(super) fn told(&self, device: DeviceId, stretch: &MeteredWindow) -> bool {
        let Charged { measured, stated } = self.charged(device, &infos(&stretch.windows));
        if self.trace.is_some() || measured.is_empty() {
            return true;
        }
        let tells =
            |places: &Vec<usize>| add(places.iter().map(|&place| &stretch.windows[place])).is_ok();
        let told = measured.iter().any(tells);
        let now = if told { 0 } else { self.in_vain(device) + 1 };
        let mut in_vain = self.in_vain.borrow_mut();
        in_vain.retain(|(of, _)| *of != device);
        in_vain.push((device, now));
        told || !stated.is_empty()
    }

    /// Returns whether there is a meter whose energy can be assigned to the work of this device.
    #[must_use]
    pub fn is_charged(&self, device: DeviceId) -> bool {
        let meters: Vec<_> = self.recorder.meters().collect();
        !self.charged(device, &meters).is_empty()
    }

    /// Returns the energy of the work of a device in these windows, in joules.
    ///
    /// Where a meter measures the whole machine at the wall, that is the energy of the whole
    /// machine; else it is that of the card, or of the processor packages with their memory.
    ///
    /// # Errors
    ///
    /// When no meter measures it, or one of those that do failed.
    pub fn joules(&self, device: DeviceId, windows: &[Measured]) -> Result<Joules, NoEnergy> {
        let first = self.charged(device, &infos(windows)).in_order().next();
        let places = first.ok_or(NoEnergy::NoMeter { device })?;
        add(places.iter().map(|&place| &windows[place]))
    }

    /// Does some work, and returns its result with the windows of the meters around it.
    fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, MeteredWindow) {
        let clock = self.recorder.clock();
        // Without the time that slow meters take to be read.
        let ((done, start, took), windows) = self.recorder.measure(|| {
            let start = clock.now();
            let done = work();
            (done, start, clock.now().saturating_sub(start))
        });
        let span = Span { from: clock.date(start), took };
        (done, MeteredWindow { start, span, work: None, windows })
    }

    /// Does some work, and returns the windows of the meters around it, if it succeeds.
    pub(super) fn around(
        &self,
        work: impl FnOnce() -> Result<WorkAmount, WorkloadError>,
    ) -> Result<MeteredWindow, WorkloadError> {
        let (done, stretch) = self.watch(work);
        Ok(MeteredWindow { work: Some(done?), ..stretch })
    }

    /// Measures the idle machine.
    pub(super) fn idle(&self) -> MeteredWindow {
        self.watch(|| thread::sleep(self.idle)).1
    }

    /// Adds the trace of another meter to windows that are over.
    pub(super) fn complete<'a>(&self, stretches: impl IntoIterator<Item = &'a mut MeteredWindow>) {
        if let Some(trace) = &self.trace {
            stretches.into_iter().for_each(|it| it.windows.push(trace(it.span)));
        }
    }

    /// Returns the energy of a device's work in these windows.
    pub(super) fn charge(
        &self,
        device: DeviceId,
        stretches: &[MeteredWindow],
        idle: &[MeteredWindow],
    ) -> Result<Energy, NoEnergy> {
        let no_meter = NoEnergy::NoMeter { device };
        let Some(first) = stretches.first() else {
            let is_metered = self.trace.is_some() || self.is_charged(device);
            return Err(if is_metered { NoEnergy::Stopped } else { no_meter });
        };
        self.charged(device, &infos(&first.windows)).energy(stretches, idle)?.ok_or(no_meter)
    }

    fn charged(&self, device: DeviceId, meters: &[&MeterInfo]) -> Charged {
        let card = self.cards.iter().find(|&&(number, _)| device == DeviceId::Gpu(number));
        Charged::new(device, card.map(|(_, card)| card), meters)
    }
}

fn infos(windows: &[Measured]) -> Vec<&MeterInfo> {
    windows.iter().map(|measured| &measured.info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::assumed::Assumed;
    use crate::meter::fake::{Fake, ManualClock};
    use crate::meter::{Clock, Meter, MeterError, Reading, Socket, Source};
    use crate::units::Watts;

    const SECOND: Duration = Duration::from_secs(1);
    const UPDATE: Duration = Duration::from_millis(10);

    fn counting(domain: Domain, watts: f64) -> Fake {
        Fake::counting(domain, Watts::new(watts), UPDATE)
    }

    fn package(number: u32) -> Domain {
        Domain::Package(Socket::new(number))
    }

    fn dram(number: u32) -> Domain {
        Domain::Dram(Socket::new(number))
    }

    fn metering(meters: Vec<Fake>, hand: &ManualClock) -> Metering {
        let meters = meters.into_iter().map(|meter| Box::new(meter) as _).collect();
        let recorder = Recorder::start(meters, hand.clock(), SECOND * 3600).expect("a thread");
        Metering::new(recorder)
    }

    /// Lets time pass, in which the meters are read at each of their updates.
    fn pass(metering: &Metering, hand: &ManualClock, time: Duration) {
        for _ in 0..time.as_millis() / UPDATE.as_millis() {
            hand.advance(UPDATE);
            let _ = metering.recorder.mark();
        }
    }

    /// Charges three windows of 5 s, a thousand hashes in each, with two of an idle machine.
    fn charged(
        metering: &Metering,
        hand: &ManualClock,
        device: DeviceId,
    ) -> Result<Energy, NoEnergy> {
        let look = |seconds| metering.watch(|| pass(metering, hand, SECOND * seconds)).1;
        let before = look(2);
        let trial = |_| {
            let work = || {
                pass(metering, hand, metering.window);
                Ok(WorkAmount::Hashes(1000))
            };
            metering.around(work).expect("it does not fail")
        };
        let stretches: Vec<_> = (0..metering.trials).map(trial).collect();
        metering.charge(device, &stretches, &[before, look(2)])
    }

    #[test]
    fn known_joules_give_known_hashes_per_joule() {
        let hand = ManualClock::new();
        let metering = metering(vec![counting(package(0), 100.0)], &hand);
        let energy = charged(&metering, &hand, DeviceId::Cpu).expect("a meter");
        assert_eq!(energy.charged, [package(0)]);
        assert!((energy.per_joule - 2.0).abs() < 1e-9, "{energy:?}");
        assert!((energy.gross - Watts::new(100.0)).value().abs() < 1e-9);
        assert!((energy.idle.expect("measured") - Watts::new(100.0)).value().abs() < 1e-9);
        assert_eq!(energy.trials.len(), 3);
        assert!(energy.trials.iter().all(|trial| (trial.seconds - 5.0).abs() < 1e-9));
        // Three windows of 500 J, an update of 1 J at each end.
        let open = (3.0_f64 / 6.0).sqrt() / 1500.0;
        let uncertainty = energy.uncertainty.expect("three windows");
        assert!((uncertainty - open).abs() < open / 10.0, "{uncertainty}");
    }

    /// A meter that takes its time to be read.
    #[derive(Debug)]
    struct Tardy(Fake, ManualClock);

    impl Meter for Tardy {
        fn info(&self) -> &MeterInfo {
            self.0.info()
        }

        fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
            let reading = self.0.read(clock);
            self.1.advance(UPDATE * 2);
            reading
        }
    }

    #[test]
    fn a_constant_power_is_told_as_what_it_is() {
        let hand = ManualClock::new();
        let meters = [package(0), dram(0)]
            .map(|domain| Box::new(Tardy(counting(domain, 200.0), hand.clone())) as _);
        let recorder = Recorder::start(meters.into(), hand.clock(), SECOND * 3600);
        let metering = Metering::new(recorder.expect("a thread"));
        let work = || {
            hand.advance(SECOND);
            Ok(WorkAmount::Hashes(1000))
        };
        let trial = metering.around(work).expect("it does not fail");
        let energy = metering.charge(DeviceId::Cpu, &[trial], &[]).expect("two meters");
        assert!((energy.gross.value() - 400.0).abs() < 1e-6, "{}", energy.gross);
    }

    #[test]
    fn a_single_window_has_no_spread() {
        let hand = ManualClock::new();
        let mut metering = metering(vec![counting(package(0), 100.0)], &hand);
        metering.trials = 1;
        let energy = charged(&metering, &hand, DeviceId::Cpu).expect("a meter");
        assert_eq!((energy.trials.len(), energy.uncertainty), (1, None));
    }

    #[test]
    fn a_device_is_charged_with_what_it_draws() {
        let all = || {
            vec![
                counting(package(0), 60.0),
                counting(Domain::Core(Socket::new(0)), 50.0),
                counting(package(1), 40.0),
                counting(dram(0), 7.0),
                counting(dram(1), 3.0),
                counting(Domain::Psys(0), 150.0),
                counting(Domain::Gpu(0), 300.0),
                counting(Domain::Gpu(1), 200.0),
            ]
        };
        let cost = |meters, device| {
            let hand = ManualClock::new();
            charged(&metering(meters, &hand), &hand, device)
                .map(|energy| (energy.charged.len(), energy.gross.value().round()))
        };
        assert_eq!(cost(all(), DeviceId::Cpu), Ok((4, 110.0)));
        assert_eq!(cost(all(), DeviceId::Gpu(1)), Ok((1, 200.0)));
        let no_meter = NoEnergy::NoMeter { device: DeviceId::Gpu(2) };
        assert_eq!(cost(all(), DeviceId::Gpu(2)), Err(no_meter));
        assert_eq!(cost(vec![counting(Domain::Psys(0), 150.0)], DeviceId::Cpu), Ok((1, 150.0)));
        let with_wall = || all().into_iter().chain([counting(Domain::Machine, 900.0)]).collect();
        for device in [DeviceId::Cpu, DeviceId::Gpu(1), DeviceId::Gpu(2)] {
            assert_eq!(cost(with_wall(), device), Ok((1, 900.0)));
        }
    }

    #[test]
    fn cards_that_are_known_by_their_place_are_found() {
        let hand = ManualClock::new();
        let place = Domain::GpuAt("0000:01:00.0".parse().expect("an address"));
        let mut metering = metering(vec![counting(place.clone(), 250.0)], &hand);
        assert!(charged(&metering, &hand, DeviceId::Gpu(3)).is_err());
        metering.cards = vec![(3, place.clone())];
        let energy = charged(&metering, &hand, DeviceId::Gpu(3)).expect("its card");
        assert_eq!(energy.charged, [place]);
        assert!(charged(&metering, &hand, DeviceId::Gpu(2)).is_err());
        assert!(charged(&metering, &hand, DeviceId::Cpu).is_err());
    }

    #[test]
    fn a_part_that_fails_leaves_no_number() {
        let hand = ManualClock::new();
        let failing = counting(dram(0), 5.0).failing_from(SECOND * 9);
        let metering = metering(vec![counting(package(0), 50.0), failing], &hand);
        let failed = charged(&metering, &hand, DeviceId::Cpu).expect_err("no number");
        assert!(matches!(failed, NoEnergy::Failed { domain, .. } if domain == dram(0)));
    }

    #[test]
    fn a_counter_that_stands_still_is_no_zero() {
        let hand = ManualClock::new();
        let still = counting(package(0), 50.0).standing_from(SECOND * 3);
        let metering = metering(vec![still], &hand);
        let failed = charged(&metering, &hand, DeviceId::Cpu);
        assert!(matches!(failed, Err(NoEnergy::Failed { .. })), "{failed:?}");
    }

    /// A meter that stands still, and a stated power.
    fn dead_and_stated(hand: &ManualClock) -> Metering {
        let dead = counting(package(0), 50.0).standing_from(Duration::ZERO);
        let stated = Assumed::new(Domain::Cpu, Watts::new(65.0)).expect("a power");
        let meters: Vec<Box<dyn Meter>> = vec![Box::new(dead), Box::new(stated)];
        Metering::new(Recorder::start(meters, hand.clock(), SECOND * 3600).expect("a thread"))
    }

    #[test]
    fn what_was_stated_stands_in_where_measuring_fails() {
        let hand = ManualClock::new();
        let energy = charged(&dead_and_stated(&hand), &hand, DeviceId::Cpu).expect("a power");
        assert!(energy.assumed && energy.source == Source::Assumed);
        assert!((energy.gross - Watts::new(65.0)).value().abs() < 1e-9, "{energy:?}");
        let [note] = &energy.warnings[..] else { panic!("{:?}", energy.warnings) };
        assert!(note.starts_with("the stated power is used, because package-0: "), "{note}");
        assert!(note.contains("stood still"), "{note}");
    }

    /// A meter that works is not passed over for a statement.
    #[test]
    fn where_one_meter_fails_the_next_is_asked() {
        let hand = ManualClock::new();
        let wall = counting(Domain::Machine, 300.0).failing_from(SECOND * 3);
        let stated = Assumed::new(Domain::Cpu, Watts::new(65.0)).expect("a power");
        let meters: Vec<Box<dyn Meter>> =
            vec![Box::new(wall), Box::new(counting(package(0), 100.0)), Box::new(stated)];
        let recorder = Recorder::start(meters, hand.clock(), SECOND * 3600).expect("a thread");
        let energy = charged(&Metering::new(recorder), &hand, DeviceId::Cpu).expect("a meter");
        assert_eq!(energy.charged, [package(0)]);
        assert!((energy.gross - Watts::new(100.0)).value().abs() < 1e-9, "{energy:?}");
        let note = energy.warnings.last().expect("it is told");
        assert!(note.starts_with("charged with package-0, because machine: "), "{note}");
    }

    #[test]
    fn no_windows_are_spent_on_meters_that_tell_nothing() {
        let hand = ManualClock::new();
        let dead = dead_and_stated(&hand);
        let look = |metering: &Metering| {
            let work = || {
                pass(metering, &hand, SECOND);
                Ok(WorkAmount::Hashes(1))
            };
            metering.told(DeviceId::Cpu, &metering.around(work).expect("it does not fail"))
        };
        assert_eq!(dead.window(DeviceId::Cpu), Some(dead.window));
        // What was stated has as many windows as ever.
        assert!(look(&dead) && look(&dead));
        assert_eq!(dead.window(DeviceId::Cpu), Some(STATED));
        let alone = metering(vec![counting(package(0), 50.0).standing_from(Duration::ZERO)], &hand);
        assert!(!look(&alone));
        // What becomes of one device is nothing to another.
        assert_eq!(dead.window(DeviceId::Gpu(0)), None);

        let sound = metering(vec![counting(package(0), 50.0)], &hand);
        assert!(look(&sound) && look(&sound) && look(&sound));
        assert_eq!(sound.window(DeviceId::Cpu), Some(sound.window));
    }

    #[test]
    fn too_little_is_told() {
        let hand = ManualClock::new();
        let mut metering = metering(vec![counting(package(0), 50.0)], &hand);
        let notes = |metering: &Metering| {
            charged(metering, &hand, DeviceId::Cpu).expect("a meter").warnings.join("; ")
        };
        assert_eq!(notes(&metering), "");
        metering.window = UPDATE * 40;
        metering.trials = 2;
        let told = notes(&metering);
        for part in ["2 windows, fewer than 3", "a window of 0.4 s", "fewer than 50"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(notes(&metering).contains("shorter than 5 s"));
    }

    #[test]
    fn a_trace_is_laid_over_at_the_end() {
        let hand = ManualClock::new();
        let mut metering = metering(Vec::new(), &hand);
        let info = Fake::counting(Domain::Machine, Watts::new(1.0), UPDATE).info().clone();
        let refused = info.clone();
        metering.trace = Some(Box::new(move |_| Measured {
            info: refused.clone(),
            window: Err(MeterError::NoTime),
        }));
        let mut stretches =
            [metering.around(|| Ok(WorkAmount::Flops(1))).expect("it does not fail")];
        assert!(metering.charge(DeviceId::Cpu, &stretches, &[]).is_err());
        metering.complete(&mut stretches);
        let failed = metering.charge(DeviceId::Gpu(0), &stretches, &[]).expect_err("no energy");
        assert!(matches!(failed, NoEnergy::Failed { domain: Domain::Machine, .. }), "{failed}");
    }
}
