//! The score: how fast each device does each kind of work, next to the roof of that work and, for
//! hashing on processors, to a baseline.
//!
//! [`measure`] carries out a [`Plan`] in groups: a group is one class of work (hashing, arithmetic
//! or memory) on one device, together with its roofs and baseline. The workloads of a group are
//! timed in slices, in turn, so that all of them see the machine in the same state. On shared
//! hardware the clock and the load of others change from second to second, so two rates that were
//! measured one after the other do not compare.
//!
//! - *Roof*: the rate at which the same device does the same kind of operations from registers; for
//!   memory, the rate of a plain copy.
//! - *Baseline*, for hashing on processors: whole headers hashed with the `sha2` crate.
//!
//! Results are checked between slices and after the last one; the checks take no more time than the
//! work. A workload that fails, or whose result is wrong, has no row.

mod charge;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod group;
mod load;
mod metering;
mod plan;
mod record;
mod searches;
mod subject;

pub use self::metering::Metering;
pub use self::plan::{Dtype, Plan};

use std::time::{Duration, Instant};

use self::charge::MeteredWindow;
use self::group::Group;
use self::plan::WorkloadClass;
use crate::record::{DeviceId, Named, NoEnergy, Row};
use crate::search::{MAX_THREADS, Stop};
use crate::workload::{Kind, WorkloadError};

/// A part of a plan that has no row, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct Missing {
    /// Device on which the work was to run.
    pub device: DeviceId,
    /// Name of the work.
    pub what: String,
    /// Reason why there is no row.
    pub why: WorkloadError,
}

/// The memory capacity of a GPU, as found while a plan was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capacity {
    /// GPU that the capacity is of.
    pub device: DeviceId,
    /// Size of the largest buffer that the GPU really gave, in bytes.
    pub largest_buffer: u64,
}

/// A condition that makes the rows of a group doubtful.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Other programs kept the processor busy.
    #[error(
        "{group}: others kept {cores:.1} cores busy; medians and joules are those of work beside \
         them, and the best slices come nearest to an idle machine"
    )]
    Load {
        /// Work and device of the group, as in `memory on cpu`.
        group: String,
        /// Number of cores that they kept busy, on average.
        cores: f64,
    },
}

/// Number of cores that others may keep busy without a warning.
const BUSY: f64 = 0.1;

/// The results of a plan.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Score {
    /// Rows by group; within a group, roofs and the baseline come before the rows that are compared
    /// with them.
    pub rows: Vec<Row>,
    /// Work that was not started, because a device lacks something for it or has too little memory.
    pub missing: Vec<Missing>,
    /// Work that was started, and then failed or computed wrong results.
    pub faults: Vec<Missing>,
    /// Memory capacities of the GPUs.
    pub capacities: Vec<Capacity>,
    /// Conditions that make numbers doubtful.
    pub warnings: Vec<Warning>,
    /// Kinds of work that were measured to their end, by device.
    pub finished: Vec<(DeviceId, Vec<Kind>)>,
    /// Time that the plan took.
    pub took: Duration,
}

/// The progress of a plan.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoreProgress {
    /// Device and work in hand, as in `cpu: memory`.
    pub group: String,
    /// Number of groups that are done, and number of all groups of the plan, in this order.
    pub groups: (usize, usize),
    /// Share of this group's time that has passed, from 0 to 1; at 0 it is being prepared.
    pub share: f64,
}

/// Callbacks that follow a plan while it is carried out.
pub struct Observer<'a> {
    /// Callback that is given the progress of the plan.
    pub progress: &'a mut dyn FnMut(&ScoreProgress),
    /// Callback that is given the results so far, after each group.
    pub keep: &'a mut dyn FnMut(&Score),
}

/// Carries out a plan, and measures the energy of its work as well if there is `metering`.
///
/// Once `stop` is set, the measurement ends, and the rows are made of what was measured until then.
///
/// # Errors
///
/// When the plan asks for what no device has, such as a size that is too large. What a device lacks
/// by its nature is listed in [`Score::missing`] instead.
pub fn measure(
    plan: &Plan,
    metering: Option<&Metering>,
    stop: &Stop,
    watch: &mut Observer<'_>,
) -> Result<Score, WorkloadError> {
    let start = Instant::now();
    check(plan)?;
    let groups = plan.groups();
    let mut measured = Score::default();
    if groups.is_empty() {
        return Ok(measured);
    }
    let mut idle: Vec<_> = metering.map(Metering::idle).into_iter().collect();
    let mut windows_of_rows = Vec::new();
    for (done, &(device, class)) in groups.iter().enumerate() {
        let lost = |fault: &Missing| {
            fault.device == device
                && matches!(fault.why, WorkloadError::Device(_) | WorkloadError::Engine(_))
        };
        if stop.is_stopped() {
            break;
        }
        if measured.faults.iter().any(lost) {
            continue;
        }
        let mut tell = |share| {
            let group = format!("{device}: {class}");
            (watch.progress)(&ScoreProgress { group, groups: (done, groups.len()), share });
        };
        tell(0.0);
        let mut group = prepare(plan, device, class)?;
        let windows = metering.map_or(Duration::ZERO, |metering| group.metering_takes(metering));
        let mut share = |took: Duration| tell(took.div_duration_f64(plan.time + windows).min(1.0));
        let before = load::Before::now();
        group.measure(plan.time, stop, &mut share);
        if let Some(metering) = metering {
            group.meter(metering, stop, &mut |took| share(plan.time + took));
        }
        group.check();
        for (row, of_it) in group.rows() {
            measured.rows.push(row);
            windows_of_rows.push((device, of_it));
        }
        measured.missing.append(&mut group.missing);
        measured.faults.append(&mut group.faults);
        measured.capacities.append(&mut group.capacities);
        if let Some(cores) = before.others().filter(|&cores| cores > BUSY) {
            let group = format!("{class} on {device}");
            measured.warnings.push(Warning::Load { group, cores });
        }
        measured.charge(metering, &windows_of_rows, &idle);
        measured.took = start.elapsed();
        if !stop.is_stopped() {
            measured.finished.push((device, plan.kinds_of(device, class)));
        }
        (watch.keep)(&measured);
    }
    if let Some(metering) = metering {
        // A score that is stopped waits for no more: the idle machine was seen before.
        if !stop.is_stopped() {
            idle.push(metering.idle());
        }
        metering.complete(&mut idle);
        metering.complete(windows_of_rows.iter_mut().flat_map(|(_, of_it)| of_it));
    }
    measured.charge(metering, &windows_of_rows, &idle);
    measured.took = start.elapsed();
    Ok(measured)
}

/// Looks whether there can be what the plan asks for, before anything of it is measured.
fn check(plan: &Plan) -> Result<(), WorkloadError> {
    if !(1..=MAX_THREADS).contains(&plan.threads) {
        return Err(WorkloadError::Threads { threads: plan.threads });
    }
    for (device, class) in plan.groups() {
        match device {
            DeviceId::Cpu => cpu::check(plan, class)?,
            #[cfg(feature = "gpu")]
            DeviceId::Gpu(number) => gpu::check(plan, number, class)?,
            #[cfg(not(feature = "gpu"))]
            DeviceId::Gpu(_) => {}
        }
    }
    Ok(())
}

/// Prepares the workloads of a group.
fn prepare(plan: &Plan, device: DeviceId, class: WorkloadClass) -> Result<Group, WorkloadError> {
    let is_strict = plan.shape.is_some() || plan.array_bytes.is_some();
    let mut group = Group::new(device, is_strict);
    match device {
        DeviceId::Cpu => cpu::prepare(plan, class, &mut group)?,
        #[cfg(feature = "gpu")]
        DeviceId::Gpu(number) => gpu::prepare(plan, number, class, &mut group)?,
        #[cfg(not(feature = "gpu"))]
        DeviceId::Gpu(_) => {
            let what = "GPUs in this build (feature `gpu`)";
            group.keep::<()>(class, Err(WorkloadError::Missing { what }))?;
        }
    }
    Ok(group)
}

impl Score {
    /// Gives each row that was metered its energy.
    fn charge(
        &mut self,
        metering: Option<&Metering>,
        windows_of_rows: &[(DeviceId, Vec<MeteredWindow>)],
        idle: &[MeteredWindow],
    ) {
        for (row, (device, of_it)) in self.rows.iter_mut().zip(windows_of_rows) {
            let why = row.no_energy.as_ref().and_then(Named::known);
            if matches!(why, Some(NoEnergy::Peak | NoEnergy::Another)) {
                continue;
            }
            let no_meter = NoEnergy::NoMeter { device: *device };
            let charged = metering.map(|metering| metering.charge(*device, of_it, idle));
            (row.energy, row.no_energy) = match charged.unwrap_or(Err(no_meter)) {
                Ok(energy) => (Some(energy), None),
                Err(why) => (None, Some(Named::Known(why))),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineId, by_id};
    use crate::record::{Rate, WorkSize};
    use crate::units::{WorkAmount, WorkUnit};
    use crate::workload::{CheckError, Done, Label, Place, Shape, Size, Variant, Workload};

    fn plan(kinds: &[Kind], threads: usize, millis: u64) -> Plan {
        let scalar = by_id(EngineId::Scalar).expect("every machine has general registers");
        Plan {
            devices: vec![DeviceId::Cpu],
            kinds: kinds.to_vec(),
            engines: vec![scalar],
            dtypes: Vec::new(),
            shape: Some(Shape::square(64).expect("small")),
            array_bytes: Some(1 << 20),
            threads,
            time: Duration::from_millis(millis),
            finished: Vec::new(),
        }
    }

    fn unwatched(
        plan: &Plan,
        stop: &Stop,
        progress: &mut dyn FnMut(&ScoreProgress),
    ) -> Result<Score, WorkloadError> {
        measure(plan, None, stop, &mut Observer { progress, keep: &mut |_| () })
    }

    fn measured(plan: &Plan) -> Score {
        unwatched(plan, &Stop::default(), &mut |_| ()).expect("threads and memory")
    }

    /// Returns the variant, size and threads of a row.
    fn of(row: &Row) -> (Variant, WorkSize, Option<usize>) {
        let Named::Known(variant) = &row.variant else { panic!("{row:?}") };
        (*variant, row.size.clone(), row.threads)
    }

    #[test]
    fn hashing_has_rows_for_one_thread_and_several_without_and_with_rolling() {
        let measured = measured(&plan(&[Kind::Sha256d], 2, 1));
        let scalar = Variant::Engine(EngineId::Scalar);
        let mut expected = Vec::new();
        for threads in [1, 2] {
            for (variant, versions) in [(Variant::Sha2Crate, 1), (scalar, 1), (scalar, 8)] {
                expected.push((variant, WorkSize::Versions(versions), Some(threads)));
            }
        }
        assert_eq!(measured.rows.iter().map(of).collect::<Vec<_>>(), expected);
        for row in measured.rows {
            let Rate { best, p90, median, spread, slices } = row.per_second;
            assert!(row.device == DeviceId::Cpu && row.workload == Kind::Sha256d, "{row:?}");
            assert!(0.0 < median && median <= p90 && p90 <= best, "{row:?}");
            assert!(spread.is_none_or(|spread| spread >= 0.0), "{row:?}");
            assert!(slices > 0 && row.checks > 0 && row.unit == WorkUnit::Hash, "{row:?}");
            let is_search = row.variant == scalar;
            assert_eq!(row.roof.is_some(), is_search, "{row:?}");
            assert_eq!(row.of_roof.is_some() || is_disturbed(&row), is_search, "{row:?}");
            assert_eq!(row.times_sha2.is_some(), is_search, "{row:?}");
            let not_metered = NoEnergy::NoMeter { device: DeviceId::Cpu };
            assert!(
                row.no_energy.is_some_and(|why| why == not_metered || why == NoEnergy::Another)
            );
        }
    }

    fn is_disturbed(row: &Row) -> bool {
        row.roof.as_ref().is_some_and(|roof| roof.disturbed)
    }

    #[test]
    fn what_is_above_its_roof_has_no_share_of_it() {
        let mut plan = plan(&[Kind::Bandwidth], 1, 1);
        plan.array_bytes = Some(1 << 16);
        let mut row = measured(&plan).rows.pop().expect("a triad");
        assert!(row.roof.is_some());
        let Named::Known(variant) = row.variant else { panic!("{row:?}") };
        let (kind, size, place) = (Kind::Bandwidth, Size::Bytes(1 << 16), Place::Cores(1));
        let label = Label { kind, variant, size, place };
        for (share, disturbed) in [(1.0, false), (1.0 / 1.04, false), (1.0 / 4.53, true)] {
            row.set_roof(&label, row.per_second.best * share, 1.0);
            assert_eq!(row.of_roof.is_none(), disturbed, "{share}");
            assert_eq!(is_disturbed(&row), disturbed, "{share}");
        }
    }

    /// One line must not say that only best rates count: medians stand in every table.
    #[test]
    fn a_load_is_told_without_a_word_against_what_is_shown() {
        let told = Warning::Load { group: "memory on cpu".to_owned(), cores: 1.5 }.to_string();
        assert!(told.starts_with("memory on cpu: others kept 1.5 cores busy; "), "{told}");
        assert!(!told.contains("only best"), "{told}");
    }

    #[test]
    fn everything_else_has_rows_with_its_roof() {
        let all = measured(&plan(&[Kind::Matmul, Kind::Peak, Kind::Bandwidth], 2, 1));
        assert!(all.faults.is_empty(), "{:?}", all.faults);
        let roof = |kind: Kind, variant: Variant| {
            let mut rows = all.rows.iter();
            let row = rows.find(|row| row.workload == kind && row.variant == variant);
            row.and_then(|row| row.roof.as_ref()).map(|roof| roof.of.clone())
        };
        let is_of = |of: Option<String>, kind: Kind, variant: Variant| {
            of.is_some_and(|of| of.starts_with(&format!("{kind} {variant}, ")))
        };
        let copy = roof(Kind::Bandwidth, Variant::Triad);
        assert!(is_of(copy, Kind::Bandwidth, Variant::Copy));
        let units: Vec<_> = all.rows.iter().map(|row| row.unit.clone()).collect();
        assert!(
            [WorkUnit::Flop, WorkUnit::Byte, WorkUnit::Operation]
                .iter()
                .all(|&unit| units.contains(&Named::Known(unit))),
            "{units:?}"
        );
        if cfg!(feature = "matmul") {
            let of = roof(Kind::Matmul, Variant::F32);
            let is_peak = |variant| is_of(of.clone(), Kind::Peak, variant);
            assert!(is_peak(Variant::FmaF32) || is_peak(Variant::MulAddF32), "{of:?}");
            assert_eq!(roof(Kind::Matmul, Variant::I8), None);
        } else {
            let missing: Vec<_> = all.missing.iter().map(|missing| &*missing.what).collect();
            assert!(missing.contains(&"matmul"), "{missing:?}");
        }
    }

    #[test]
    fn what_is_only_compared_with_has_no_row() {
        let mut plan = plan(&[Kind::Matmul], 1, 1);
        plan.dtypes = vec![Dtype::F32];
        let rows = measured(&plan).rows;
        assert!(rows.iter().all(|row| row.workload == Kind::Matmul && row.roof.is_some()));
        assert_eq!(rows.len(), usize::from(cfg!(feature = "matmul")));
    }

    #[test]
    fn a_stop_at_any_time_leaves_rows_that_were_measured_and_checked() {
        for calls in 0..12 {
            let stop = Stop::default();
            let mut left = calls;
            let mut tell = |_: &ScoreProgress| {
                if left == 0 {
                    stop.stop();
                }
                left -= i32::from(left > 0);
            };
            let plan = plan(&[Kind::Sha256d, Kind::Bandwidth], 1, 60_000);
            let measured = unwatched(&plan, &stop, &mut tell).expect("one thread");
            for row in &measured.rows {
                assert!(row.per_second.slices > 0 && row.checks > 0, "{calls}: {row:?}");
                assert_ne!(
                    row.workload,
                    Named::Known(Kind::Bandwidth),
                    "{calls}: it was stopped before"
                );
            }
        }
    }

    #[test]
    fn what_is_finished_is_not_measured_again() {
        let mut plan = plan(&[Kind::Peak, Kind::Bandwidth], 1, 1);
        let first = measured(&plan);
        let all = vec![(DeviceId::Cpu, vec![Kind::Peak]), (DeviceId::Cpu, vec![Kind::Bandwidth])];
        assert_eq!(first.finished, all);
        plan.finished = all[..1].to_vec();
        let second = measured(&plan);
        assert_eq!(second.finished, all[1..]);
        assert!(second.rows.iter().all(|row| row.workload == Kind::Bandwidth));
        plan.finished = all;
        assert!(measured(&plan).rows.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for threads in [0, crate::search::MAX_THREADS + 1] {
            let refused =
                unwatched(&plan(&[Kind::Sha256d], threads, 1), &Stop::default(), &mut |_| ());
            assert!(matches!(refused, Err(WorkloadError::Threads { threads: n }) if n == threads));
        }
        let mut plan = plan(&[Kind::Bandwidth], 1, 1);
        plan.array_bytes = Some(1 << 60);
        let refused = unwatched(&plan, &Stop::default(), &mut |_| ());
        assert!(matches!(refused, Err(WorkloadError::TooLarge { .. })), "{refused:?}");
    }

    /// It is refused before anything is prepared: hashing comes first in these plans.
    #[test]
    fn a_size_that_cannot_be_is_refused_before_all_else() {
        let is_refused = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan(&[Kind::Sha256d, Kind::Matmul, Kind::Bandwidth], 2, 1);
            change(&mut plan);
            let mut told = 0;
            let refused = unwatched(&plan, &Stop::default(), &mut |_| told += 1);
            assert!(matches!(refused, Err(WorkloadError::TooLarge { .. })), "{refused:?}");
            assert_eq!(told, 0);
        };
        is_refused(&|plan| plan.array_bytes = Some(1 << 60));
        is_refused(&|plan| plan.array_bytes = Some(u64::MAX));
        // Each pattern alone would fit, and all of them are there at the same time.
        if let Some(memory) = crate::workload::available_memory() {
            is_refused(&|plan| plan.array_bytes = Some(memory / 4));
        }
        if cfg!(feature = "matmul") {
            is_refused(&|plan| plan.shape = Shape::square(1 << 20).ok());
            is_refused(&|plan| plan.shape = Shape::new(1, 1, 200_000).ok());
        }
    }

    /// A workload that fails after some runs, or is wrong after some checks.
    #[derive(Debug)]
    struct Sick {
        variant: Variant,
        runs: usize,
        checks: usize,
    }

    impl Workload for Sick {
        fn label(&self) -> Label {
            let (size, place) = (Size::Registers, Place::Gpu(0));
            Label { kind: Kind::Peak, variant: self.variant, size, place }
        }

        fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
            let lost = || crate::gpu::DeviceError::Lost("pulled out".to_owned());
            self.runs = self.runs.checked_sub(1).ok_or_else(lost)?;
            Ok(Done { work: WorkAmount::Flops(1000), took: time })
        }

        fn check(&mut self) -> Result<(), WorkloadError> {
            self.checks = self.checks.checked_sub(1).ok_or(CheckError::Nothing)?;
            Ok(())
        }
    }

    /// A workload whose runs after the second take longer than all the time that there is.
    #[derive(Debug)]
    struct Slow(usize);

    impl Workload for Slow {
        fn label(&self) -> Label {
            let (size, place) = (Size::Registers, Place::Cores(1));
            Label { kind: Kind::Peak, variant: Variant::FmaF32, size, place }
        }

        fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
            self.0 += 1;
            if self.0 > 2 {
                std::thread::sleep(Duration::from_millis(150));
            }
            Ok(Done { work: WorkAmount::Flops(1000), took: time })
        }

        fn check(&mut self) -> Result<(), WorkloadError> {
            Ok(())
        }
    }

    #[test]
    fn a_machine_that_stands_still_for_all_the_time_has_a_rate() {
        let mut group = Group::new(DeviceId::Cpu, false);
        group.add("slow", Duration::from_micros(100), Ok(Slow(0))).expect("made");
        group.measure(Duration::from_millis(100), &Stop::default(), &mut |_| ());
        assert_eq!(group.rows().len(), 1);
    }

    #[test]
    fn what_is_wrong_has_no_row_and_a_lost_gpu_has_none_at_all() {
        const ALWAYS: usize = usize::MAX;
        const SAME: Variant = Variant::FmaF32;
        const OTHER: Variant = Variant::FmaF64;
        for (variant, runs, checks, rows) in [
            (OTHER, ALWAYS, ALWAYS, 2),
            (OTHER, 5, ALWAYS, 0),
            (OTHER, ALWAYS, 3, 1),
            (OTHER, ALWAYS, 0, 1),
            (SAME, ALWAYS, 3, 0),
        ] {
            let mut group = Group::new(DeviceId::Gpu(0), false);
            let slice = Duration::from_micros(100);
            let well = Sick { variant: SAME, runs: ALWAYS, checks: ALWAYS };
            group.add("well", slice, Ok(well)).expect("made");
            group.add("sick", slice, Ok(Sick { variant, runs, checks })).expect("made");
            // Long enough for all of the checks, on a machine that others take from it.
            group.measure(Duration::from_millis(20), &Stop::default(), &mut |_| ());
            group.check();
            assert_eq!(group.rows().len(), rows, "{variant} {runs} {checks}");
            assert_eq!(group.faults.len(), usize::from(rows < 2));
        }
    }
}
