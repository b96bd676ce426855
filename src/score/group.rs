//! A group: workloads of one class on one device, timed in slices and in turn, then each in the windows
//! of the meters.

use std::fmt;
use std::time::{Duration, Instant};

use super::charge::MeteredWindow;
use super::metering::Metering;
use super::subject::{Roofs, Subject};
use super::{Capacity, Missing};
use crate::record::{DeviceId, Named, NoEnergy, Row};
use crate::search::Stop;
use crate::workload::{Kind, Label, Place, Size, Variant, Workload, WorkloadError};

/// The first rounds wake the vector units and find the amount of work of a slice, and do not count:
/// at least `WARM_UP` rounds, and this share of the time up to `WARM_UP_TIME`.
const WARM_UP: u32 = 2;
const WARM_UP_SHARE: u32 = 20;
const WARM_UP_TIME: Duration = Duration::from_millis(300);

/// Workloads that are measured in turn.
pub(super) struct Group {
    pub(super) device: DeviceId,
    /// Whether sizes were asked for that have to be kept to.
    is_strict: bool,
    pub(super) subjects: Vec<Subject>,
    pub(super) missing: Vec<Missing>,
    pub(super) faults: Vec<Missing>,
    pub(super) capacities: Vec<Capacity>,
}

impl Group {
    pub(super) fn new(device: DeviceId, is_strict: bool) -> Self {
        let (missing, faults, capacities) = (Vec::new(), Vec::new(), Vec::new());
        Self { device, is_strict, subjects: Vec::new(), missing, faults, capacities }
    }

    /// Adds a workload, if it could be made, and returns its place.
    pub(super) fn add<W: Workload + 'static>(
        &mut self,
        what: impl fmt::Display,
        slice: Duration,
        made: Result<W, WorkloadError>,
    ) -> Result<Option<usize>, WorkloadError> {
        let Some(workload) = self.keep(what, made)? else { return Ok(None) };
        self.subjects.push(Subject::new(workload, slice));
        Ok(Some(self.subjects.len() - 1))
    }

    /// Returns what was made. A failure is noted, and the other workloads go on, unless the plan
    /// cannot be carried out at all.
    pub(super) fn keep<T>(
        &mut self,
        what: impl fmt::Display,
        made: Result<T, WorkloadError>,
    ) -> Result<Option<T>, WorkloadError> {
        let why = match made {
            Ok(made) => return Ok(Some(made)),
            Err(why) => why,
        };
        let list = match why {
            WorkloadError::Missing { .. } => &mut self.missing,
            WorkloadError::OutOfMemory { .. } | WorkloadError::TooLarge { .. }
                if !self.is_strict =>
            {
                &mut self.missing
            }
            WorkloadError::Device(_)
            | WorkloadError::Engine(_)
            | WorkloadError::Wrong(_)
            | WorkloadError::SelfTest(_) => &mut self.faults,
            _ => return Err(why),
        };
        list.push(Missing { device: self.device, what: what.to_string(), why });
        Ok(None)
    }

    /// Leaves a workload without a row: it is there for others to be compared with.
    pub(super) fn hide(&mut self, place: Option<usize>) {
        if let Some(place) = place {
            self.subjects[place].is_shown = false;
        }
    }

    /// Compares a workload with the fastest of `roofs`, of whose work one unit of its own takes
    /// `each`.
    pub(super) fn compare(&mut self, place: Option<usize>, roofs: &[Option<usize>], each: f64) {
        if let Some(place) = place {
            let roofs = roofs.iter().flatten().map(|&roof| (roof, each));
            self.subjects[place].roofs = Roofs::Fastest(roofs.collect());
        }
    }

    /// Compares a workload with whichever of `roofs` bounds it the most: units of another kind each, and how much of
    /// their work one unit of its own takes.
    pub(super) fn bound(&mut self, place: Option<usize>, roofs: Vec<(usize, f64)>) {
        if let Some(place) = place {
            self.subjects[place].roofs = Roofs::Slowest(roofs);
        }
    }

    /// Compares a workload with its baseline.
    pub(super) fn set_baseline(&mut self, place: Option<usize>, baseline: Option<usize>) {
        if let Some(place) = place {
            self.subjects[place].baseline = baseline;
        }
    }
}

impl Group {
    /// Measures all workloads in turn. `tell` is called with the time that this has taken. One round
    /// counts at least, so that a machine that stands still for all the time has rates nevertheless.
    pub(super) fn measure(&mut self, time: Duration, stop: &Stop, tell: &mut dyn FnMut(Duration)) {
        let start = Instant::now();
        let warm_up = (time / WARM_UP_SHARE).min(WARM_UP_TIME);
        let mut rounds = 0;
        let mut has_counted = false;
        while !has_counted || start.elapsed() < time {
            let counts = rounds >= WARM_UP && start.elapsed() >= warm_up;
            for place in 0..self.subjects.len() {
                if stop.is_stopped() {
                    return;
                }
                let ran = self.subjects[place].run(counts);
                self.note(place, ran);
            }
            rounds += 1;
            has_counted |= counts;
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
                let ran = self.subjects[place].meter(metering, window, trial == 0);
                self.note(place, ran);
                tell(start.elapsed());
                let last = self.subjects[place].stretches.last();
                if !last.is_some_and(|last| metering.told(self.device, last)) {
                    break;
                }
            }
        }
    }

    /// Returns about how long [`Self::meter`] will take.
    pub(super) fn metering_takes(&self, metering: &Metering) -> Duration {
        let trials = self.metered().len() * metering.trials;
        metering.window(self.device).unwrap_or_default() * u32::try_from(trials).unwrap_or(u32::MAX)
    }

    /// Checks the workloads that were not checked since they ran.
    pub(super) fn check(&mut self) {
        for place in 0..self.subjects.len() {
            let checked = self.subjects[place].check();
            self.note(place, checked);
        }
    }

    /// Returns the rows that were measured, and the windows of their meters.
    pub(super) fn rows(&mut self) -> Vec<(Row, Vec<MeteredWindow>)> {
        let metered = self.metered();
        let mut rows = Vec::new();
        for place in 0..self.subjects.len() {
            if let Some(mut row) = self.subjects[place].row(&self.subjects) {
                if !metered.contains(&place) {
                    let kind = self.subjects[place].workload.label().kind;
                    let is_peak = [Kind::Peak, Kind::Latency].contains(&kind);
                    let why = if is_peak { NoEnergy::Peak } else { NoEnergy::Another };
                    row.no_energy = Some(Named::Known(why));
                }
                rows.push((row, std::mem::take(&mut self.subjects[place].stretches)));
            }
        }
        rows
    }

    /// The places of the workloads that stand for the device: on all threads, and of the searches
    /// the fastest, one version at a time and several.
    fn metered(&self) -> Vec<usize> {
        let threads = |subject: &Subject| match subject.workload.label().place {
            Place::Cores(threads) => threads,
            Place::Gpu(_) => usize::MAX,
        };
        let most = self.subjects.iter().map(threads).max();
        let mut places = Vec::new();
        let mut searches: Vec<(Size, f64, usize)> = Vec::new();
        for (place, subject) in self.subjects.iter().enumerate() {
            let Label { kind, variant, size, .. } = subject.workload.label();
            if !subject.is_shown || Some(threads(subject)) != most || subject.samples.has_failed {
                continue;
            }
            match kind {
                Kind::Matmul | Kind::Bandwidth => places.push(place),
                Kind::Sha256d if variant != Variant::Sha2Crate => {
                    let rate = subject.samples.rate().map_or(0.0, |rate| rate.median);
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
    fn note(&mut self, place: usize, done: Result<(), WorkloadError>) {
        let Err(why) = done else { return };
        let failed = self.subjects[place].workload.label();
        let is_lost = matches!(why, WorkloadError::Device(_) | WorkloadError::Engine(_))
            && matches!(failed.place, Place::Gpu(_));
        for subject in &mut self.subjects {
            let label = subject.workload.label();
            let is_same = (label.kind, label.variant) == (failed.kind, failed.variant);
            subject.samples.has_failed |= is_lost || is_same;
        }
        self.faults.push(Missing { device: self.device, what: failed.to_string(), why });
    }
}
