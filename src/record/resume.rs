//! How a score is resumed from the record of an earlier one.

use super::device::DeviceId;
use super::{Named, Record, Row};
use crate::workload::Kind;

/// Why a score cannot be resumed from a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The record is of another machine.
    #[error("it is of another machine: {theirs}; this one is {ours}")]
    Machine {
        /// Processor of the record, `unknown` if it has none.
        theirs: String,
        /// Processor of this machine, `unknown` if it is not known.
        ours: String,
    },
    /// The record was measured by another version of perjoule, which this field holds.
    #[error("perjoule {0} has measured it, and this is {version}", version = env!("CARGO_PKG_VERSION"))]
    Version(String),
}

impl Record {
    /// Returns the kinds of work, by device, that a resumed score need not measure again.
    ///
    /// `cpu` is the model name of this machine's processor. Devices and kinds of work that this
    /// version does not know are left out.
    ///
    /// # Errors
    ///
    /// Fails if the record is of another machine, or of another version of perjoule.
    pub fn finished(&self, cpu: Option<&str>) -> Result<Vec<(DeviceId, Vec<Kind>)>, ResumeError> {
        let name = |cpu: Option<&str>| cpu.unwrap_or("unknown").to_owned();
        if self.machine.cpu.as_deref() != cpu {
            let (theirs, ours) = (name(self.machine.cpu.as_deref()), name(cpu));
            return Err(ResumeError::Machine { theirs, ours });
        }
        if self.perjoule != env!("CARGO_PKG_VERSION") {
            return Err(ResumeError::Version(self.perjoule.clone()));
        }
        // What this version does not know is measured again.
        let finished = self.finished.iter().filter_map(|it| {
            let kinds = it.workloads.iter().filter_map(Named::known).copied().collect();
            Some((*it.device.known()?, kinds))
        });
        Ok(finished.collect())
    }

    /// Removes the work that `--quick` measured, which a full score measures again.
    ///
    /// Returns the record without it, and the names of what was removed, such as `sha256d on cpu`.
    #[must_use]
    pub fn without_rough(mut self) -> (Self, Vec<String>) {
        let mut rough: Vec<(Named<DeviceId>, Named<Kind>)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.rough) {
            let which = (row.device.clone(), row.workload.clone());
            if !rough.contains(&which) {
                rough.push(which);
            }
        }
        let is_rough = |device: &Named<DeviceId>, workload: &Named<Kind>| {
            rough.iter().any(|(on, what)| on == device && what == workload)
        };
        self.rows.retain(|row| !is_rough(&row.device, &row.workload));
        for finished in &mut self.finished {
            let device = &finished.device;
            finished.workloads.retain(|workload| !is_rough(device, workload));
        }
        self.finished.retain(|finished| !finished.workloads.is_empty());
        let told = rough.iter().map(|(device, workload)| format!("{workload} on {device}"));
        let told = told.collect();
        (self, told)
    }

    /// Adds the rows of `others` whose device and kind of work have no row in this record.
    #[must_use]
    pub fn with_others(mut self, others: &[Row]) -> Self {
        let is_of = |row: &Row, other: &Row| {
            (&row.device, &row.workload) == (&other.device, &other.workload)
        };
        let lacking = others.iter().filter(|other| !self.rows.iter().any(|row| is_of(row, other)));
        let lacking: Vec<_> = lacking.cloned().collect();
        self.rows.extend(lacking);
        self
    }

    /// Returns this record with the finished work of the earlier record `before` in front of its
    /// own, as if both had been one score.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        let is_finished = |row: &Row| {
            before
                .finished
                .iter()
                .any(|it| it.device == row.device && it.workloads.contains(&row.workload))
        };
        let earlier = before.seconds;
        for energy in self.rows.iter_mut().filter_map(|row| row.energy.as_mut()) {
            energy.trials.iter_mut().for_each(|trial| trial.start += earlier);
        }
        let mut traces = before.traces;
        for mut trace in self.traces {
            trace.points.iter_mut().for_each(|(at, _)| *at += earlier);
            match traces.iter_mut().find(|known| known.domain == trace.domain) {
                Some(known) => known.points.append(&mut trace.points),
                None => traces.push(trace),
            }
        }
        self.traces = traces;
        self.started = before.started;
        self.seconds += earlier;
        let mut rows: Vec<_> = before.rows.iter().filter(|row| is_finished(row)).cloned().collect();
        rows.append(&mut self.rows);
        self.rows = rows;
        let mut devices = before.devices;
        for device in self.devices {
            match devices.iter_mut().find(|known| known.id == device.id) {
                Some(known) => {
                    let largest = device.largest_buffer_bytes.or(known.largest_buffer_bytes);
                    *known = device;
                    known.largest_buffer_bytes = largest;
                }
                None => devices.push(device),
            }
        }
        self.devices = devices;
        self.finished.splice(0..0, before.finished);
        self.missing = joined(before.missing, self.missing);
        self.faults = joined(before.faults, self.faults);
        self.warnings = joined(before.warnings, self.warnings);
        self
    }
}

/// Joins two lists, leaving out what the first already has.
fn joined<T: PartialEq>(mut before: Vec<T>, after: Vec<T>) -> Vec<T> {
    for one in after {
        if !before.contains(&one) {
            before.push(one);
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example;

    #[test]
    fn rows_stay_until_there_are_others_of_their_work() {
        let whole = example::full();
        let mut half = whole.clone();
        let first = whole.rows[0].clone();
        half.rows.retain(|row| (&row.device, &row.workload) == (&first.device, &first.workload));
        let measured = half.rows.len();
        let joined = half.with_others(&whole.rows);
        assert_eq!(joined.rows.len(), whole.rows.len());
        assert_eq!(joined.rows[..measured], whole.rows[..measured]);
        assert_eq!(joined.clone().with_others(&whole.rows).rows, joined.rows);
    }

    #[test]
    fn a_report_after_its_own_half_is_whole_and_shifted() {
        let whole = example::full();
        let mut half = whole.clone();
        half.perjoule = env!("CARGO_PKG_VERSION").to_owned();
        let (device, kinds) = {
            let finished = half.finished(half.machine.cpu.as_deref()).expect("this machine");
            finished.first().cloned().expect("something")
        };
        half.finished.truncate(1);
        let is_done =
            |row: &Row| row.device == device && kinds.iter().any(|kind| row.workload == *kind);
        let mut rest = whole.clone();
        rest.rows.retain(|row| !is_done(row));
        rest.finished.remove(0);
        let joined = rest.clone().after(half.clone());
        assert_eq!(joined.rows.len(), whole.rows.len());
        assert_eq!(joined.finished, whole.finished);
        assert_eq!(joined.devices, whole.devices);
        assert!((joined.seconds - 2.0 * whole.seconds).abs() < 1e-9);
        let start = |record: &Record| {
            let energies = record.rows.iter().rev().find_map(|row| row.energy.clone());
            energies.expect("energy").trials[0].start
        };
        assert!((start(&joined) - start(&rest) - half.seconds).abs() < 1e-9);
        let points =
            |record: &Record| record.traces.iter().map(|it| it.points.len()).sum::<usize>();
        assert_eq!(points(&joined), 2 * points(&whole));
        assert_eq!(joined.traces.len(), whole.traces.len());
    }

    #[test]
    fn what_is_rough_is_measured_again_and_told() {
        let mut mixed = example::full();
        mixed.rows.iter_mut().filter(|row| row.workload == Kind::Sha256d).for_each(|row| {
            row.rough = true;
        });
        mixed.finished[0].workloads.push(Named::Known(Kind::Bandwidth));
        let (kept, told) = mixed.without_rough();
        assert_eq!(told[0], "sha256d on cpu");
        assert!(kept.rows.iter().all(|row| !row.rough && row.workload != Kind::Sha256d));
        assert!(kept.rows.iter().any(|row| row.workload == Kind::Matmul));
        assert!(
            kept.finished.iter().all(|it| !it.workloads.contains(&Named::Known(Kind::Sha256d)))
        );
        assert_eq!(kept.finished[0].workloads, [Named::Known(Kind::Bandwidth)]);
        let (kept, told) = example::full().without_rough();
        assert_eq!((kept, told), (example::full(), Vec::new()));
    }

    #[test]
    fn what_both_lack_is_told_once() {
        let joined = example::full().after(example::full());
        assert_eq!(joined.missing, example::full().missing);
        assert_eq!(joined.warnings, example::full().warnings);
    }

    #[test]
    fn another_machine_or_version_is_refused() {
        let record = example::full();
        let cpu = record.machine.cpu.clone();
        assert!(matches!(record.finished(Some("abacus")), Err(ResumeError::Machine { .. })));
        let old = Record { perjoule: "0.0.1".to_owned(), ..record };
        let refused = old.finished(cpu.as_deref()).expect_err("another version").to_string();
        assert!(refused.starts_with("perjoule 0.0.1 has measured it"), "{refused}");
    }
}
