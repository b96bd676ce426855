//! The energy of a workload: windows of the meters around it, and what follows from them.
//!
//! A device is charged with what it draws, and every number says with what: with a meter at the
//! wall, everything with the whole machine; without one, the work of the processor with packages
//! and memory, that of a GPU with its card. Where a part of that cannot be read, there is no number,
//! unless somebody has stated one: then that stands in its place, and the reason beside it.
//!
//! The uncertainty is one standard deviation, as a share of the number. Two things go into it: the
//! spread of the trials, and what a meter cannot show, which is the larger of a step of its counter
//! and what is drawn from one of its updates to the next, since a window begins and ends anywhere in
//! between. That error is spread evenly over its width w, twice a window: w √(2/12).

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use super::DeviceId;
use crate::meter::{self, Conditions, Domain, Measured, Method, Recorder, Source, Span, Window};
use crate::units::WorkAmount;
use crate::units::{Efficiency, Joules, Watts};
use crate::workload::WorkloadError;

/// Limits below which a note says so: the number and length of windows, and the updates of a
/// counter that a window sees.
const LEAST_TRIALS: usize = 3;
const LEAST_TIME: Duration = Duration::from_secs(5);
const LEAST_UPDATES: u64 = 50;

/// The configuration of energy measurements, with the meters that they use.
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
    /// Time for which the idle machine is measured, before and after everything.
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

/// The energy and the efficiency of a workload.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MeasuredEnergy {
    /// Domains whose energy was added up.
    pub charged: Vec<Domain>,
    /// Means by which the energy was measured.
    pub source: Source,
    /// How the energy is known: counted, integrated or assumed.
    pub method: Method,
    /// Gross power: the mean power of these domains during the windows, in watts.
    pub gross: Watts,
    /// Idle power: the mean power of the same domains without the work, in watts; `None` where it
    /// was not measured.
    pub idle: Option<Watts>,
    /// Efficiency: work per joule of gross energy.
    pub efficiency: Efficiency,
    /// Uncertainty of the efficiency: one standard deviation, as a share of it; `None` for a single
    /// window, which shows no spread.
    pub uncertainty: Option<f64>,
    /// Trials: the windows that were measured.
    pub trials: Vec<MeasuredTrial>,
    /// States of the device during the windows, where a meter reports them.
    pub conditions: Vec<Conditions>,
    /// Caveats that make the numbers doubtful.
    pub notes: Vec<String>,
}

/// A trial: one window of a workload.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MeasuredTrial {
    /// Beginning of the window, since the start of the recorder's clock.
    pub start: Duration,
    /// Time between the readings of the meters, which is a little longer than the work took.
    pub took: Duration,
    /// Amount of work that was done in the window.
    pub work: WorkAmount,
    /// Energy that was used in the window, in joules.
    pub energy: Joules,
    /// Number of updates that were seen of the slowest counter.
    pub updates: u64,
}

/// The reason why a row has no energy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoEnergy {
    /// No meter measures the device.
    #[error("no meter measures {device}")]
    NoMeter {
        /// Device that no meter measures.
        device: DeviceId,
    },
    /// The row is a peak, which is there for others to be compared with.
    #[error("a peak: its numbers stand still, so that it draws less than real work")]
    Peak,
    /// Another row of the device is metered in its place.
    #[error("only the fastest engine is metered, on all threads, and so are products and memory")]
    Another,
    /// A meter of the device failed.
    #[error("{domain}: {why}")]
    Failed {
        /// Domain of the meter.
        domain: Domain,
        /// Error of the meter, as text.
        why: String,
    },
    /// The measurement was stopped before its first window.
    #[error("it was stopped before")]
    Stopped,
}

/// Reads the text that [`fmt::Display`] writes.
impl FromStr for NoEnergy {
    type Err = UnknownReasonError;

    fn from_str(text: &str) -> Result<Self, UnknownReasonError> {
        let plain = [Self::Peak, Self::Another, Self::Stopped];
        let no_meter = || {
            let device = text.strip_prefix("no meter measures ")?.parse().ok()?;
            Some(Self::NoMeter { device })
        };
        let failed = || {
            text.match_indices(": ").find_map(|(at, between)| {
                let domain = text[..at].parse().ok()?;
                Some(Self::Failed { domain, why: text[at + between.len()..].to_owned() })
            })
        };
        let plain = plain.into_iter().find(|it| it.to_string() == text);
        plain.or_else(no_meter).or_else(failed).ok_or(UnknownReasonError)
    }
}

/// The error for a text that is no [`NoEnergy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no reason of this version for having no energy")]
pub struct UnknownReasonError;

/// A time in which the meters were read, and what was done in it.
pub(super) struct MeteredWindow {
    start: Duration,
    span: Span,
    work: Option<WorkAmount>,
    windows: Vec<Measured>,
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
        let abouts: Vec<_> = stretch.windows.iter().map(|measured| &measured.info).collect();
        let Charged { measured, stated } = self.charged(device, &abouts);
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

    /// Returns whether there is a meter that the device can be charged by.
    #[must_use]
    pub fn is_charged(&self, device: DeviceId) -> bool {
        let meters: Vec<_> = self.recorder.meters().collect();
        let Charged { measured, stated } = self.charged(device, &meters);
        !(measured.is_empty() && stated.is_empty())
    }

    /// Returns the energy that a device is charged with in these windows, in joules.
    ///
    /// # Errors
    ///
    /// When no meter measures it, or one of those that do failed.
    pub fn joules(&self, device: DeviceId, windows: &[Measured]) -> Result<Joules, NoEnergy> {
        let abouts: Vec<_> = windows.iter().map(|measured| &measured.info).collect();
        let first = self.charged(device, &abouts).in_order().next();
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
    ) -> Result<MeasuredEnergy, NoEnergy> {
        let Some(first) = stretches.first() else {
            let is_metered = self.trace.is_some() || self.is_charged(device);
            return Err(if is_metered { NoEnergy::Stopped } else { NoEnergy::NoMeter { device } });
        };
        let abouts: Vec<_> = first.windows.iter().map(|measured| &measured.info).collect();
        let mut failed = None;
        for places in self.charged(device, &abouts).in_order() {
            match sum(&places, stretches, idle) {
                Ok(Some(mut energy)) => {
                    energy.notes.extend(failed.map(|why| instead(&energy, &why)));
                    return Ok(energy);
                }
                Ok(None) => {}
                Err(why) => failed = failed.or(Some(why)),
            }
        }
        Err(failed.unwrap_or(NoEnergy::NoMeter { device }))
    }

    /// Returns the places of the meters that a device is charged with.
    fn charged(&self, device: DeviceId, meters: &[&meter::MeterInfo]) -> Charged {
        let card = self.cards.iter().find(|&&(number, _)| device == DeviceId::Gpu(number));
        let is_card = |domain: &Domain| match (device, domain) {
            (DeviceId::Gpu(number), Domain::Gpu(other)) => number == *other,
            _ => card.is_some_and(|(_, card)| card == domain),
        };
        let at_the_wall = |domain: &Domain| *domain == Domain::Machine;
        let wanted: &[&dyn Fn(&Domain) -> bool] = match device {
            DeviceId::Cpu => &[
                &at_the_wall,
                &|domain| matches!(domain, Domain::Package(_) | Domain::Dram(_)),
                &|domain| *domain == Domain::Cpu,
                &|domain| matches!(domain, Domain::Psys(_)),
            ],
            DeviceId::Gpu(_) => &[&at_the_wall, &is_card],
        };
        let groups = |assumed: bool| {
            let is_it = |info: &meter::MeterInfo, is_wanted: &dyn Fn(&Domain) -> bool| {
                (info.source == Source::Assumed) == assumed && is_wanted(&info.domain)
            };
            let places = wanted.iter().map(|is_wanted| {
                (0..meters.len()).filter(|&place| is_it(meters[place], is_wanted)).collect()
            });
            places.filter(|places: &Vec<_>| !places.is_empty()).collect()
        };
        Charged { measured: groups(false), stated: groups(true) }
    }
}

/// The places of the meters that a device can be charged with: each group is all of it, and stands in
/// where those before it fail.
struct Charged {
    measured: Vec<Vec<usize>>,
    stated: Vec<Vec<usize>>,
}

impl Charged {
    fn in_order(self) -> impl Iterator<Item = Vec<usize>> {
        self.measured.into_iter().chain(self.stated)
    }
}

/// Returns the note on energy that is known by other means than it should be.
fn instead(energy: &MeasuredEnergy, why: &NoEnergy) -> String {
    if energy.method == Method::Assumed {
        return format!("the stated power is used, because {why}");
    }
    let charged: Vec<_> = energy.charged.iter().map(ToString::to_string).collect();
    format!("charged with {}, because {why}", charged.join(" and "))
}

/// Returns the energy of some work by the meters at these places; `None` where there are none.
fn sum(
    places: &[usize],
    stretches: &[MeteredWindow],
    idle: &[MeteredWindow],
) -> Result<Option<MeasuredEnergy>, NoEnergy> {
    if places.is_empty() {
        return Ok(None);
    }
    let mut energy = Sum::default();
    for stretch in stretches {
        energy.add(stretch, places)?;
    }
    let idle: Option<Vec<Watts>> = idle.iter().map(|it| power(it, places)).collect();
    let idle = idle.filter(|all| !all.is_empty());
    let idle = idle.map(|all| all.iter().sum::<Watts>() / all.len() as f64);
    Ok(energy.finish(idle))
}

/// The energy of windows of one time.
fn add<'a>(windows: impl IntoIterator<Item = &'a Measured>) -> Result<Joules, NoEnergy> {
    let mut parts = Vec::new();
    for Measured { info, window, .. } in windows {
        let failed = |why: String| NoEnergy::Failed { domain: info.domain.clone(), why };
        let window = window.as_ref().map_err(|why| failed(why.to_string()))?;
        parts.push((&info.domain, window.energy));
    }
    meter::sum(parts)
        .map_err(|overlap| NoEnergy::Failed { domain: overlap.a.clone(), why: overlap.to_string() })
}

/// Returns the power of these meters together; `None` where one of them failed or is assumed.
fn power(stretch: &MeteredWindow, places: &[usize]) -> Option<Watts> {
    let windows = places.iter().map(|&place| stretch.windows[place].window.as_ref().ok());
    windows.map(|it| it.filter(|window| !window.is_assumed()).map(Window::power)).sum()
}

/// What is known of a workload's energy so far.
#[derive(Default)]
struct Sum {
    charged: Vec<Domain>,
    method: Option<(Source, Method)>,
    trials: Vec<MeasuredTrial>,
    /// The variance of the energy that the meters leave open, in J².
    variance: f64,
    conditions: Vec<Conditions>,
    notes: Vec<String>,
}

impl Sum {
    /// Adds the windows of some meters.
    fn add(&mut self, stretch: &MeteredWindow, places: &[usize]) -> Result<(), NoEnergy> {
        let energy = add(places.iter().map(|&place| &stretch.windows[place]))?;
        let mut power = Watts::ZERO;
        let mut updates = u64::MAX;
        self.charged.clear();
        for &place in places {
            let Measured { info, window, .. } = &stretch.windows[place];
            let Ok(window) = window else { continue };
            power += window.power();
            let step = info.resolution.unwrap_or(Joules::ZERO).value();
            let lag = window.update_period.map_or(0.0, |period| (window.power() * period).value());
            self.variance += step.max(lag).powi(2) / 6.0;
            updates = updates.min(window.updates);
            self.method = self.method.or(Some((info.source, window.method)));
            self.conditions.extend(window.conditions.iter().map(|(_, state)| state.clone()));
            for note in &window.notes {
                self.note(format!("{}: {note}", info.domain));
            }
            self.charged.push(info.domain.clone());
        }
        if let Some(work) = stretch.work {
            // The time that the energy is of: from reading to reading, and not that of the work.
            let took = Duration::try_from_secs_f64(energy.value() / power.value());
            let (start, took) = (stretch.start, took.unwrap_or(stretch.span.took));
            self.trials.push(MeasuredTrial { start, took, work, energy, updates });
        }
        Ok(())
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Returns the energy; `None` where nothing was measured.
    fn finish(mut self, idle: Option<Watts>) -> Option<MeasuredEnergy> {
        let (source, method) = self.method?;
        if method != Method::Assumed {
            self.judge();
        }
        let energy: Joules = self.trials.iter().map(|trial| trial.energy).sum();
        let took: Duration = self.trials.iter().map(|trial| trial.took).sum();
        let works = self.trials.iter().map(|trial| trial.work);
        let work = works.reduce(|sum, work| sum.checked_add(work).unwrap_or(sum))?;
        let of_each: Option<Vec<f64>> = self
            .trials
            .iter()
            .map(|it| Some(Efficiency::new(it.work, it.energy)?.per_joule()))
            .collect();
        let spread = spread(&of_each?);
        let open = self.variance.sqrt() / energy.value();
        Some(MeasuredEnergy {
            charged: self.charged,
            source,
            method,
            gross: energy / took,
            idle,
            efficiency: Efficiency::new(work, energy)?,
            uncertainty: spread.map(|spread| spread.hypot(open)),
            trials: self.trials,
            conditions: self.conditions,
            notes: self.notes,
        })
    }

    /// Notes where there was too little to measure.
    fn judge(&mut self) {
        let trials = self.trials.len();
        if trials < LEAST_TRIALS {
            self.note(format!("{trials} windows, fewer than {LEAST_TRIALS}"));
        }
        let Some(shortest) = self.trials.iter().map(|trial| trial.took).min() else { return };
        if shortest < LEAST_TIME {
            let [short, least] = [shortest, LEAST_TIME].map(|time| time.as_secs_f64());
            self.note(format!("a window of {short:.1} s, shorter than {least:.0} s"));
        }
        let Some(updates) = self.trials.iter().map(|trial| trial.updates).min() else { return };
        if updates < LEAST_UPDATES {
            self.note(format!(
                "the counter moved {updates} times in a window, fewer than {LEAST_UPDATES}"
            ));
        }
    }
}

/// The standard deviation of the mean, as a share of it; `None` of a single value, which shows none.
fn spread(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((variance / count).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::assumed::Assumed;
    use crate::meter::fake::{Fake, ManualClock};
    use crate::meter::{Meter, MeterError, Socket};

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

    /// Three windows of five seconds, a thousand hashes in each, and two of an idle machine.
    fn charged(
        metering: &Metering,
        hand: &ManualClock,
        device: DeviceId,
    ) -> Result<MeasuredEnergy, NoEnergy> {
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
        assert!((energy.efficiency.per_joule() - 2.0).abs() < 1e-9, "{energy:?}");
        assert!((energy.gross - Watts::new(100.0)).value().abs() < 1e-9);
        assert!((energy.idle.expect("measured") - Watts::new(100.0)).value().abs() < 1e-9);
        assert_eq!(energy.trials.len(), 3);
        assert!(energy.trials.iter().all(|trial| trial.took == SECOND * 5));
        // Three windows of 500 J, an update of 1 J at each end.
        let open = (3.0_f64 / 6.0).sqrt() / 1500.0;
        let uncertainty = energy.uncertainty.expect("three windows");
        assert!((uncertainty - open).abs() < open / 10.0, "{uncertainty}");
    }

    /// A meter that takes its time to be read.
    #[derive(Debug)]
    struct Tardy(Fake, ManualClock);

    impl crate::meter::Meter for Tardy {
        fn info(&self) -> &meter::MeterInfo {
            self.0.info()
        }

        fn read(&mut self, clock: &crate::meter::Clock) -> Result<meter::Reading, MeterError> {
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

    /// A meter that stands still, and a power that somebody stated.
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
        assert_eq!((energy.source, energy.method), (Source::Assumed, Method::Assumed));
        assert!((energy.gross - Watts::new(65.0)).value().abs() < 1e-9, "{energy:?}");
        let [note] = &energy.notes[..] else { panic!("{:?}", energy.notes) };
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
        let note = energy.notes.last().expect("it is told");
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
            charged(metering, &hand, DeviceId::Cpu).expect("a meter").notes.join("; ")
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

    #[test]
    fn a_spread_is_that_of_the_mean() {
        let of_three = spread(&[9.0, 10.0, 11.0]).expect("three values");
        assert!((of_three - 1.0 / 3.0_f64.sqrt() / 10.0).abs() < 1e-12);
        assert_eq!(spread(&[5.0]), None);
    }
}
