//! A group's workloads at work: in slices and in turn, then each in the windows of the meters.

use std::time::{Duration, Instant};

use super::energy::{Metering, NoEnergy, Stretch};
use super::plan::Group;
use super::{Missing, Rate, Roof, Row};
use crate::search::Stop;
use crate::units::WorkUnit;
use crate::workload::{Kind, Label, Place, Size, Trouble, Workload};

/// The first rounds wake the vector units and find out how much work a slice is, and do not count:
/// so many at the least, and this share of the time, if that is not long.
const WARM_UP: u32 = 2;
const WARM_UP_SHARE: u32 = 20;
const WARM_UP_TIME: Duration = Duration::from_millis(300);

/// Before its first window a workload runs for this share of one, so that clocks and temperatures
/// are those of work.
const WARM_UP_WINDOW: u32 = 5;

/// Something that is measured, and what it has shown.
pub(super) struct Course {
    workload: Box<dyn Workload>,
    slice: Duration,
    /// Whether it has a row, or is there for others to be compared with.
    pub(super) is_shown: bool,
    /// Places in the group, and units of their work that one of this takes: the fastest is the roof.
    pub(super) roofs: Vec<(usize, f64)>,
    /// A place in the group.
    pub(super) baseline: Option<usize>,
    samples: Samples,
    stretches: Vec<Stretch>,
}

/// What slices have shown.
#[derive(Default)]
struct Samples {
    rates: Vec<f64>,
    busy: Vec<f64>,
    unit: Option<WorkUnit>,
    /// For how long it ran, and how long checking took.
    run: Duration,
    checked: Duration,
    checks: usize,
    /// Whether it ran since the last check.
    is_due: bool,
    has_failed: bool,
}

impl Group {
    /// Measures all workloads in turn. `tell` is told the time that this has taken.
    pub(super) fn measure(&mut self, time: Duration, stop: &Stop, tell: &mut dyn FnMut(Duration)) {
        let start = Instant::now();
        let warm_up = (time / WARM_UP_SHARE).min(WARM_UP_TIME);
        let mut rounds = 0;
        while rounds <= WARM_UP || start.elapsed() < time {
            let counts = rounds >= WARM_UP && start.elapsed() >= warm_up;
            for place in 0..self.courses.len() {
                if stop.is_stopped() {
                    return;
                }
                let ran = self.courses[place].run(counts);
                self.note(place, ran);
            }
            rounds += 1;
            tell(start.elapsed().min(time));
        }
    }

    /// Measures the energy of those workloads that stand for the device.
    pub(super) fn meter(
        &mut self,
        metering: &Metering,
        stop: &Stop,
        tell: &mut dyn FnMut(Duration),
    ) {
        let start = Instant::now();
        for place in self.metered() {
            for trial in 0..metering.trials {
                let window = metering.window(self.device);
                let Some(window) = window.filter(|_| !stop.is_stopped()) else { return };
                let ran = self.courses[place].meter(metering, window, trial == 0);
                self.note(place, ran);
                tell(start.elapsed());
                let last = self.courses[place].stretches.last();
                if !last.is_some_and(|last| metering.told(self.device, last)) {
                    break;
                }
            }
        }
    }

    /// About how long [`Self::meter`] will take.
    pub(super) fn metering_takes(&self, metering: &Metering) -> Duration {
        let trials = self.metered().len() * metering.trials;
        metering.window(self.device).unwrap_or_default() * u32::try_from(trials).unwrap_or(u32::MAX)
    }

    /// Checks what was not checked since it ran.
    pub(super) fn check(&mut self) {
        for place in 0..self.courses.len() {
            let checked = self.courses[place].check();
            self.note(place, checked);
        }
    }

    /// What was measured, and the windows of its meters.
    pub(super) fn rows(&mut self) -> Vec<(Row, Vec<Stretch>)> {
        let metered = self.metered();
        let mut rows = Vec::new();
        for place in 0..self.courses.len() {
            if let Some(mut row) = self.courses[place].row(&self.courses) {
                if !metered.contains(&place) {
                    let is_peak = [Kind::Peak, Kind::Latency].contains(&row.label.kind);
                    row.energy = Err(if is_peak { NoEnergy::Peak } else { NoEnergy::Another });
                }
                rows.push((row, std::mem::take(&mut self.courses[place].stretches)));
            }
        }
        rows
    }

    /// The places of the workloads that stand for the device: on all threads, and of the searches
    /// the fastest, one version at a time and several.
    fn metered(&self) -> Vec<usize> {
        let threads = |course: &Course| match course.workload.label().place {
            Place::Cores(threads) => threads,
            Place::Gpu(_) => usize::MAX,
        };
        let most = self.courses.iter().map(threads).max();
        let mut places = Vec::new();
        let mut searches: Vec<(Size, f64, usize)> = Vec::new();
        for (place, course) in self.courses.iter().enumerate() {
            let Label { kind, size, .. } = course.workload.label();
            if !course.is_shown || Some(threads(course)) != most || course.samples.has_failed {
                continue;
            }
            match kind {
                Kind::Matmul | Kind::Bandwidth => places.push(place),
                Kind::Sha256d if !course.roofs.is_empty() => {
                    let rate = course.samples.rate().map_or(0.0, |rate| rate.median);
                    match searches.iter_mut().find(|search| search.0 == size) {
                        Some(search) if search.1 >= rate => {}
                        Some(search) => *search = (size, rate, place),
                        None => searches.push((size, rate, place)),
                    }
                }
                Kind::Sha256d | Kind::Peak | Kind::Latency => {}
            }
        }
        places.extend(searches.into_iter().map(|(_, _, place)| place));
        places
    }

    /// Takes a workload that failed out of the measurement, and those that fail with it: all of a
    /// GPU that is lost; or what is computed wrong once, on any number of threads.
    fn note(&mut self, place: usize, done: Result<(), Trouble>) {
        let Err(why) = done else { return };
        let failed = self.courses[place].workload.label();
        let is_lost = matches!(why, Trouble::Device(_) | Trouble::Engine(_))
            && matches!(failed.place, Place::Gpu(_));
        for course in &mut self.courses {
            let label = course.workload.label();
            let is_same = (label.kind, label.variant) == (failed.kind, failed.variant);
            course.samples.has_failed |= is_lost || is_same;
        }
        self.faults.push(Missing { device: self.device, what: failed.to_string(), why });
    }
}

impl Course {
    pub(super) fn new(workload: impl Workload + 'static, slice: Duration) -> Self {
        Self {
            workload: Box::new(workload),
            slice,
            is_shown: true,
            roofs: Vec::new(),
            baseline: None,
            samples: Samples::default(),
            stretches: Vec::new(),
        }
    }

    /// Measures a slice, and checks what it gave if there was time enough for that.
    fn run(&mut self, counts: bool) -> Result<(), Trouble> {
        if self.samples.has_failed {
            return Ok(());
        }
        let busy_before = self.workload.busy();
        let done = self.workload.run(self.slice)?;
        let busy = self.workload.busy().zip(busy_before);
        let samples = &mut self.samples;
        samples.unit = Some(done.work.unit());
        samples.run += done.took;
        samples.is_due = true;
        if counts {
            samples.rates.push(done.rate());
            samples.busy.extend(busy.map(|(after, before)| {
                after.saturating_sub(before).as_secs_f64() / done.took.as_secs_f64()
            }));
        }
        if samples.checked <= samples.run { self.check() } else { Ok(()) }
    }

    /// Works through a window, and checks what it gave after it.
    fn meter(
        &mut self,
        metering: &Metering,
        window: Duration,
        is_first: bool,
    ) -> Result<(), Trouble> {
        if self.samples.has_failed {
            return Ok(());
        }
        self.samples.is_due = true;
        if is_first {
            self.workload.run(window / WARM_UP_WINDOW)?;
        }
        let workload = &mut self.workload;
        let stretch = metering.around(|| Ok(workload.run(window)?.work))?;
        self.stretches.push(stretch);
        self.check()
    }

    /// Checks what it gave since the last time, if it did.
    fn check(&mut self) -> Result<(), Trouble> {
        if self.samples.has_failed || !std::mem::take(&mut self.samples.is_due) {
            return Ok(());
        }
        let start = Instant::now();
        self.workload.check()?;
        self.samples.checked += start.elapsed();
        self.samples.checks += 1;
        Ok(())
    }

    /// `None` when it has no row, nothing was measured, or nothing that can be believed.
    fn row(&self, all: &[Self]) -> Option<Row> {
        let roofs = self.roofs.iter().filter_map(|&(roof, each)| {
            let per_second = all[roof].samples.rate()?.best / each;
            Some(Roof { label: all[roof].workload.label(), per_second, each })
        });
        let rate = self.samples.rate().filter(|_| self.is_shown)?;
        Some(Row {
            label: self.workload.label(),
            unit: self.samples.unit?,
            rate,
            baseline: self.baseline.and_then(|baseline| all[baseline].samples.rate()),
            roof: roofs.max_by(|a, b| a.per_second.total_cmp(&b.per_second)),
            busy: self.samples.busy(),
            checks: self.samples.checks,
            energy: Err(NoEnergy::Stopped),
        })
    }
}

impl Samples {
    fn rate(&self) -> Option<Rate> {
        let mut sorted = self.rates.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1).filter(|_| !self.has_failed)?;
        let at = |share: f64| sorted[(last as f64 * share).round() as usize];
        let median = at(0.5);
        Some(Rate {
            best: at(1.0),
            p90: at(0.9),
            median,
            spread: (last > 0).then(|| (at(0.9) - at(0.1)) / median),
            slices: sorted.len(),
        })
    }

    /// The median.
    fn busy(&self) -> Option<f64> {
        let mut sorted = self.busy.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_slice_has_no_spread() {
        let rate = |rates: &[f64]| {
            let samples = Samples { rates: rates.to_vec(), ..Samples::default() };
            samples.rate().map(|rate| (rate.best, rate.median, rate.spread, rate.slices))
        };
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[5.0]), Some((5.0, 5.0, None, 1)));
        assert_eq!(rate(&[4.0, 5.0]), Some((5.0, 5.0, Some(0.2), 2)));
    }
}
