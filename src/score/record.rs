//! The record of a score.

use std::time::SystemTime;

use super::{Missing, Plan, Score};
use crate::engine::EngineInfo;
use crate::machine::Machine;
use crate::record::{
    DeviceId, Finished, Named, Note, RECORD_SCHEMA, Record, ScoredDevice, ScoredMachine,
};
use crate::workload::Kind;

impl Score {
    /// Returns the record of this score: of `plan`, carried out on `machine`.
    ///
    /// `started` is the time at which it began, and `is_complete` is whether all of the plan was
    /// carried out. Meters and traces are empty until [`Record::with_meters`] adds them.
    #[must_use]
    pub fn record(
        &self,
        plan: &Plan,
        machine: &Machine,
        started: SystemTime,
        is_complete: bool,
    ) -> Record {
        let started = jiff::Timestamp::try_from(started)
            .map(|started| started.round(jiff::Unit::Second).unwrap_or(started));
        let device = |&id: &DeviceId| self.device(id, plan, machine);
        Record {
            schema: RECORD_SCHEMA,
            perjoule: env!("CARGO_PKG_VERSION").to_owned(),
            // A clock beyond all dates is no date.
            started: started.map_or_else(|_| "".into(), Named::Known),
            seconds: self.took.as_secs_f64(),
            complete: is_complete,
            machine: ScoredMachine {
                cpu: machine.cpu.model.clone(),
                usable_cores: machine.usable_cores,
                memory_bytes: machine.memory_bytes,
                system: format!("{} {}", std::env::consts::OS, machine.architecture),
            },
            devices: plan.devices.iter().map(device).collect(),
            meters: Vec::new(),
            rows: self.rows.clone(),
            missing: self.missing.iter().map(note).collect(),
            faults: self.faults.iter().map(note).collect(),
            warnings: self.warnings.iter().map(ToString::to_string).collect(),
            traces: Vec::new(),
            finished: self.finished.iter().map(finished).collect(),
        }
    }

    fn device(&self, id: DeviceId, plan: &Plan, machine: &Machine) -> ScoredDevice {
        let mut engines = plan.engines.iter();
        let engine = engines.find(|it| it.id().to_string() == id.to_string());
        let info = engine.and_then(|it| it.benchmark()?.info());
        let (name, software, tuned) = match info {
            Some(EngineInfo { device, software, tuned }) => (Some(device), software, Some(tuned)),
            None => (machine.cpu.model.clone(), false, None),
        };
        let largest = self.capacities.iter().find(|capacity| capacity.device == id);
        ScoredDevice {
            id: Named::Known(id),
            name: name.unwrap_or_else(|| "unknown".to_owned()),
            software,
            tuned,
            largest_buffer_bytes: largest.map(|capacity| capacity.largest_buffer),
        }
    }
}

fn finished((device, kinds): &(DeviceId, Vec<Kind>)) -> Finished {
    let workloads = kinds.iter().copied().map(Named::Known).collect();
    Finished { device: Named::Known(*device), workloads }
}

fn note(missing: &Missing) -> Note {
    let Missing { device, what, why } = missing;
    Note { device: Named::Known(*device), what: what.clone(), why: why.to_string() }
}
