//! A workload that is measured, and what it has shown.

use std::time::{Duration, Instant};

use super::charge::MeteredWindow;
use super::metering::Metering;
use crate::machine::clock;
use crate::record::{Rate, Row};
use crate::units::WorkUnit;
use crate::workload::{Place, Workload, WorkloadError};

/// Before its first window a workload runs for this share of one, so that clocks and temperatures
/// are those of work.
const WARM_UP_WINDOW: u32 = 5;

/// A workload under measurement, and its results so far.
pub(super) struct Subject {
    pub(super) workload: Box<dyn Workload>,
    slice: Duration,
    /// Whether it has a row, or is there for others to be compared with.
    pub(super) is_shown: bool,
    pub(super) roofs: Roofs,
    /// Place of the baseline in the group.
    pub(super) baseline: Option<usize>,
    pub(super) samples: Samples,
    pub(super) stretches: Vec<MeteredWindow>,
}

/// What a workload is compared with: places in the group, and units of their work that one of its own takes.
pub(super) enum Roofs {
    /// It can do all of its work in the way of any of them.
    Fastest(Vec<(usize, f64)>),
    /// Each is of a part of its work, or of all: none can be passed.
    Slowest(Vec<(usize, f64)>),
}

/// Results of slices.
#[derive(Default)]
pub(super) struct Samples {
    rates: Vec<f64>,
    busy: Vec<f64>,
    host: Vec<f64>,
    unit: Option<WorkUnit>,
    /// Time for which it ran, and time that checking took.
    run: Duration,
    checked: Duration,
    checks: usize,
    /// Whether it ran since the last check.
    is_due: bool,
    pub(super) has_failed: bool,
}

impl Subject {
    pub(super) fn new(workload: impl Workload + 'static, slice: Duration) -> Self {
        Self {
            workload: Box::new(workload),
            slice,
            is_shown: true,
            roofs: Roofs::Fastest(Vec::new()),
            baseline: None,
            samples: Samples::default(),
            stretches: Vec::new(),
        }
    }

    /// Measures a slice, and checks what it gave if there was time enough for that.
    pub(super) fn run(&mut self, counts: bool) -> Result<(), WorkloadError> {
        if self.samples.has_failed {
            return Ok(());
        }
        let (busy_before, host_before) = (self.workload.busy(), clock::process_time());
        let start = Instant::now();
        let done = self.workload.run(self.slice)?;
        let wall = start.elapsed();
        let host = clock::process_time().zip(host_before);
        let busy = self.workload.busy().zip(busy_before);
        let samples = &mut self.samples;
        samples.unit = Some(done.work.unit());
        samples.run += done.took;
        samples.is_due = true;
        if counts {
            samples.rates.push(done.rate());
            let share = |(after, before): (Duration, Duration), of: Duration| {
                after.saturating_sub(before).as_secs_f64() / of.as_secs_f64()
            };
            samples.busy.extend(busy.map(|busy| share(busy, done.took)));
            samples.host.extend(host.map(|host| share(host, wall)));
        }
        if samples.checked <= samples.run { self.check() } else { Ok(()) }
    }

    /// Works through a window, and checks what it gave after it.
    pub(super) fn meter(
        &mut self,
        metering: &Metering,
        window: Duration,
        is_first: bool,
    ) -> Result<(), WorkloadError> {
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

    /// Checks the results since the last check, if there are any.
    pub(super) fn check(&mut self) -> Result<(), WorkloadError> {
        if self.samples.has_failed || !std::mem::take(&mut self.samples.is_due) {
            return Ok(());
        }
        let start = Instant::now();
        self.workload.check()?;
        self.samples.checked += start.elapsed();
        self.samples.checks += 1;
        Ok(())
    }

    /// Returns the row; `None` when it has none, nothing was measured, or nothing that can be
    /// trusted.
    pub(super) fn row(&self, all: &[Self]) -> Option<Row> {
        let rate = self.samples.rate().filter(|_| self.is_shown)?;
        let label = self.workload.label();
        let mut row = Row::new(&label, self.samples.unit?, rate, self.samples.checks);
        row.busy = median(&self.samples.busy);
        // On the processor itself it is the work that takes the time, not what goes with it.
        let is_apart = matches!(label.place, Place::Gpu(_));
        row.host_share = median(&self.samples.host).filter(|_| is_apart);
        let baseline = self.baseline.and_then(|baseline| all[baseline].samples.rate());
        row.times_sha2 = baseline.map(|baseline| rate.median / baseline.median);
        let measured = |&(roof, each): &(usize, f64)| {
            Some((&all[roof], all[roof].samples.rate()?.best / each, each))
        };
        let roof = match &self.roofs {
            Roofs::Fastest(roofs) => {
                roofs.iter().filter_map(measured).max_by(|a, b| a.1.total_cmp(&b.1))
            }
            // Where one could not be measured the others do not say what bounds it.
            Roofs::Slowest(roofs) => {
                let all: Option<Vec<_>> = roofs.iter().map(measured).collect();
                all.unwrap_or_default().into_iter().min_by(|a, b| a.1.total_cmp(&b.1))
            }
        };
        if let Some((roof, per_second, each)) = roof {
            row.set_roof(&roof.workload.label(), per_second, each);
        }
        Some(row)
    }
}

impl Samples {
    pub(super) fn rate(&self) -> Option<Rate> {
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
}

/// Returns the median; `None` if there are no values.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::WorkAmount;
    use crate::workload::{Done, Kind, Label, Size, Variant};

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

    /// A workload that waits.
    #[derive(Debug)]
    struct Idle(Place);

    impl Workload for Idle {
        fn label(&self) -> Label {
            let (variant, size) = (Variant::FmaF32, Size::Registers);
            Label { kind: Kind::Peak, variant, size, place: self.0 }
        }

        fn run(&mut self, _: Duration) -> Result<Done, WorkloadError> {
            let took = Duration::from_millis(2);
            std::thread::sleep(took);
            Ok(Done { work: WorkAmount::Flops(1000), took })
        }

        fn check(&mut self) -> Result<(), WorkloadError> {
            Ok(())
        }
    }

    #[test]
    fn work_on_a_gpu_alone_has_a_share_of_the_host() {
        for (place, is_told) in [(Place::Gpu(0), cfg!(unix)), (Place::Cores(1), false)] {
            let mut subject = Subject::new(Idle(place), Duration::ZERO);
            for counts in [false, true, true] {
                subject.run(counts).expect("it waits");
            }
            let share = subject.row(&[]).expect("a row").host_share;
            assert_eq!(share.is_some_and(|cores| cores >= 0.0), is_told, "{place:?}: {share:?}");
        }
    }

    /// A product may run in any of several ways, and a hash needs each kind of units.
    #[test]
    fn the_fastest_way_is_the_roof_and_the_slowest_units() {
        let with_rate = |rate| {
            let mut subject = Subject::new(Idle(Place::Gpu(0)), Duration::ZERO);
            subject.samples.rates = vec![rate];
            subject.samples.unit = Some(WorkUnit::Flop);
            subject
        };
        // In units of the work that is compared: 20, 30 and, where nothing was measured, none.
        let mut all = [40.0, 90.0, 0.0].map(with_rate);
        all[2].samples.rates.clear();
        let roof = |roofs| {
            let subject = Subject { roofs, ..with_rate(10.0) };
            subject.row(&all).expect("a row").roof.map(|roof| (roof.per_second, roof.each))
        };
        let both = vec![(0, 2.0), (1, 3.0)];
        let with_none = vec![(0, 2.0), (2, 1.0)];
        assert_eq!(roof(Roofs::Fastest(both.clone())), Some((30.0, 3.0)));
        assert_eq!(roof(Roofs::Slowest(both)), Some((20.0, 2.0)));
        assert_eq!(roof(Roofs::Fastest(with_none.clone())), Some((20.0, 2.0)));
        assert_eq!(roof(Roofs::Slowest(with_none)), None);
        assert_eq!(roof(Roofs::Slowest(Vec::new())), None);
    }
}
