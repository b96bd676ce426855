//! Makes a record of what a score measured.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::{
    Energy, Finished, MeterStatus, Named, Note, PowerTrace, RECORD_SCHEMA, Rate, Record, Roof, Row,
    ScoredDevice, ScoredMachine, State, Trial, WorkSize,
};
use crate::engine::EngineInfo;
use crate::machine;
use crate::meter::{Conditions, MeterInfo, Source, Track, Unavailable};
use crate::score;
use crate::workload::{self, Kind, Place};

impl Record {
    /// Makes the record of a plan that was carried out on this machine.
    ///
    /// `started` is the time at which it began, and `complete` is whether all of it was carried
    /// out. Meters and traces are empty until [`Self::with_meters`] adds them.
    #[must_use]
    pub fn new(
        machine: &machine::Machine,
        started: SystemTime,
        plan: &score::Plan,
        measured: &score::Measured,
        complete: bool,
    ) -> Self {
        let notes = |all: &[score::Missing]| all.iter().map(Note::new).collect();
        let started = jiff::Timestamp::try_from(started)
            .map(|started| started.round(jiff::Unit::Second).unwrap_or(started));
        Self {
            schema: RECORD_SCHEMA,
            perjoule: env!("CARGO_PKG_VERSION").to_owned(),
            // A clock beyond all dates is no date.
            started: started.map_or_else(|_| "".into(), Named::Known),
            seconds: measured.took.as_secs_f64(),
            complete,
            machine: ScoredMachine {
                cpu: machine.cpu.model.clone(),
                usable_cores: machine.usable_cores,
                memory_bytes: machine.memory_bytes,
                system: format!("{} {}", std::env::consts::OS, machine.architecture),
            },
            devices: plan
                .devices
                .iter()
                .map(|&it| ScoredDevice::new(it, machine, plan, measured))
                .collect(),
            meters: Vec::new(),
            rows: measured.rows.iter().map(Row::new).collect(),
            missing: notes(&measured.missing),
            faults: notes(&measured.faults),
            warnings: measured.warnings.iter().map(ToString::to_string).collect(),
            traces: Vec::new(),
            finished: measured.finished.iter().map(Finished::new).collect(),
        }
    }

    /// Adds the meters that were read, those that are unavailable, and the power over time.
    #[must_use]
    pub fn with_meters<'a>(
        mut self,
        read: impl IntoIterator<Item = &'a MeterInfo>,
        unavailable: &[Unavailable],
        tracks: &[Track],
    ) -> Self {
        self.meters.extend(read.into_iter().map(MeterStatus::new));
        self.meters.extend(unavailable.iter().map(MeterStatus::missing));
        self.traces.extend(tracks.iter().filter_map(PowerTrace::new));
        self
    }
}

impl ScoredDevice {
    fn new(
        id: score::DeviceId,
        machine: &machine::Machine,
        plan: &score::Plan,
        measured: &score::Measured,
    ) -> Self {
        let name = id.to_string();
        let mut engines = plan.engines.iter();
        let setting =
            engines.find(|it| it.id().to_string() == name).and_then(|it| it.benchmark()?.info());
        let mut capacities = measured.capacities.iter();
        let largest = capacities.find(|capacity| capacity.device == id);
        let (name, software, tuned) = match setting {
            Some(EngineInfo { device, software, tuned }) => (Some(device), software, Some(tuned)),
            None => (machine.cpu.model.clone(), false, None),
        };
        Self {
            id: Named::Known(id),
            name: name.unwrap_or_else(|| "unknown".to_owned()),
            software,
            tuned,
            largest_buffer_bytes: largest.map(|capacity| capacity.largest_buffer),
        }
    }
}

impl MeterStatus {
    fn new(info: &MeterInfo) -> Self {
        Self {
            domain: Named::Known(info.domain.clone()),
            source: Named::Known(info.source),
            unavailable: None,
            resolution: info.resolution,
        }
    }

    fn missing(unavailable: &Unavailable) -> Self {
        let why = unavailable.why.to_string();
        let remedy = unavailable.remedy();
        Self {
            domain: unavailable.what.clone().map_or_else(|| "".into(), Named::Known),
            source: Named::Known(unavailable.by),
            unavailable: Some(remedy.map_or(why.clone(), |remedy| format!("{why}; {remedy}"))),
            resolution: None,
        }
    }
}

impl Row {
    fn new(row: &score::MeasuredRow) -> Self {
        let (device, threads) = match row.label.place {
            Place::Gpu(number) => (score::DeviceId::Gpu(number), None),
            Place::Cores(threads) => (score::DeviceId::Cpu, Some(threads)),
        };
        let energy = row.energy.as_ref();
        Self {
            device: Named::Known(device),
            workload: Named::Known(row.label.kind),
            variant: Named::Known(row.label.variant),
            threads,
            size: WorkSize::new(row.label.size),
            unit: Named::Known(row.unit),
            per_second: Rate::new(row.rate),
            times_sha2: row.times_baseline(),
            roof: row.roof.as_ref().map(|roof| Roof {
                of: roof.label.to_string(),
                per_second: roof.per_second,
                each: roof.each,
                disturbed: row.is_roof_disturbed(),
            }),
            of_roof: row.of_roof(),
            busy: row.busy,
            per_byte: per_byte(&row.label),
            checks: row.checks,
            rough: false,
            energy: energy.ok().map(Energy::new),
            no_energy: energy.err().cloned().map(Named::Known),
        }
    }
}

/// Returns the operations of a matrix product, 2 m n k, per byte of its matrices if each is read or
/// written once; `None` for other work, and for numbers of no known size.
fn per_byte(label: &workload::Label) -> Option<f64> {
    let workload::Size::Product(shape) = label.size else { return None };
    let (factor, product) = label.variant.element_bytes()?;
    let [factor, product] = [factor, product].map(|bytes| bytes as f64);
    let [m, n, k] = [shape.m(), shape.n(), shape.k()].map(|side| side as f64);
    Some(2.0 * m * n * k / (factor * (m * k + k * n) + product * m * n))
}

impl WorkSize {
    fn new(size: workload::Size) -> Self {
        match size {
            workload::Size::Registers => Self::Registers,
            workload::Size::Versions(versions) => Self::Versions(versions),
            workload::Size::Bytes(bytes) => Self::Bytes(bytes),
            workload::Size::Product(shape) => {
                Self::Matrices { m: shape.m(), n: shape.n(), k: shape.k() }
            }
        }
    }
}

impl Rate {
    fn new(rate: score::MeasuredRate) -> Self {
        let score::MeasuredRate { best, p90, median, spread, slices } = rate;
        Self { best, p90, median, spread, slices }
    }
}

impl Energy {
    fn new(energy: &score::MeasuredEnergy) -> Self {
        let one = energy.efficiency.energy_of_one();
        Self {
            assumed: energy.source == Source::Assumed,
            source: Named::Known(energy.source),
            charged: energy.charged.iter().cloned().map(Named::Known).collect(),
            gross: energy.gross,
            idle: energy.idle,
            per_joule: energy.efficiency.per_joule(),
            uncertainty: energy.uncertainty,
            joules_per_terahash: energy.efficiency.joules_per_terahash(),
            picojoules_each: one.map_or(0.0, |one| one.value() * 1e12),
            trials: energy.trials.iter().map(Trial::new).collect(),
            state: State::new(&energy.conditions),
            warnings: energy.notes.clone(),
        }
    }
}

impl Trial {
    fn new(trial: &score::MeasuredTrial) -> Self {
        Self {
            start: trial.start.as_secs_f64(),
            seconds: trial.took.as_secs_f64(),
            work: trial.work.value() as f64,
            joules: trial.energy,
            updates: Some(trial.updates),
        }
    }
}

impl State {
    /// Returns the extremes of all states; `None` if there are none.
    fn new(all: &[Conditions]) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let clocks = all.iter().filter_map(|state| state.core_clock);
        let memory_clocks = all.iter().filter_map(|state| state.memory_clock);
        let temperatures = all.iter().filter_map(|state| state.temperature);
        let reasons: BTreeSet<_> =
            all.iter().filter_map(|it| it.throttled.as_ref()).flatten().collect();
        Some(Self {
            clock: clocks.min_by(crate::units::Hertz::total_cmp),
            memory_clock: memory_clocks.min_by(crate::units::Hertz::total_cmp),
            celsius: temperatures.max().map(|it| f64::from(it.value())),
            limit: all
                .iter()
                .filter_map(|state| state.power_limit)
                .min_by(crate::units::Watts::total_cmp),
            throttled: reasons.into_iter().map(ToString::to_string).collect(),
        })
    }
}

impl Finished {
    fn new((device, kinds): &(score::DeviceId, Vec<Kind>)) -> Self {
        let workloads = kinds.iter().copied().map(Named::Known).collect();
        Self { device: Named::Known(*device), workloads }
    }
}

impl Note {
    fn new(missing: &score::Missing) -> Self {
        let score::Missing { device, what, why } = missing;
        Self { device: Named::Known(*device), what: what.clone(), why: why.to_string() }
    }
}

impl PowerTrace {
    /// Returns the trace of a meter; `None` if it reported no power.
    fn new(track: &Track) -> Option<Self> {
        let points: Vec<_> = track
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at.as_secs_f64(), sample.power?)))
            .collect();
        (!points.is_empty())
            .then(|| Self { domain: Named::Known(track.info.domain.clone()), points })
    }
}
