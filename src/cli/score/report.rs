//! What is told of a machine, as JSON has it and tables are made of.

use std::sync::Arc;

use perjoule::device::Machine;
use perjoule::engine::{Engine, Setting};
use perjoule::score::{Measured, Missing, Plan, Rate, Row};
use perjoule::workload::{Place, Size};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) perjoule: &'static str,
    pub(super) cpu: Option<String>,
    pub(super) usable_cores: usize,
    pub(super) seconds: f64,
    pub(super) interrupted: bool,
    pub(super) gpus: Vec<GpuReport>,
    pub(super) rows: Vec<RowReport>,
    /// What a device lacks.
    pub(super) missing: Vec<MissingReport>,
    /// What failed, or was wrong.
    pub(super) faults: Vec<MissingReport>,
    /// What makes numbers doubtful.
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct GpuReport {
    pub(super) device: String,
    pub(super) name: String,
    pub(super) software: bool,
    pub(super) tuned: String,
    /// Really taken; null where it was not asked for.
    pub(super) largest_buffer_bytes: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct RowReport {
    pub(super) device: String,
    pub(super) workload: String,
    /// The engine, the type of the numbers, or the operation.
    pub(super) variant: &'static str,
    /// Of the processor.
    pub(super) threads: Option<usize>,
    pub(super) size: SizeReport,
    /// Of what `per_second` is: `H`, `FLOP`, `B` or `op`.
    pub(super) unit: &'static str,
    pub(super) per_second: RateReport,
    pub(super) times_sha2: Option<f64>,
    pub(super) roof: Option<RoofReport>,
    pub(super) of_roof: Option<f64>,
    pub(super) busy: Option<f64>,
    /// How many times the results were checked, and right.
    pub(super) checks: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SizeReport {
    Registers,
    Versions(usize),
    Bytes(u64),
    Matrices { m: usize, n: usize, k: usize },
}

#[derive(Serialize)]
pub(super) struct RoofReport {
    /// What was measured for it.
    of: String,
    per_second: f64,
    /// Operations of the roof that a unit of the row's work takes.
    each: f64,
}

#[derive(Serialize)]
pub(super) struct RateReport {
    pub(super) best: f64,
    pub(super) p90: f64,
    pub(super) median: f64,
    pub(super) spread: f64,
    pub(super) slices: usize,
}

#[derive(Serialize)]
pub(super) struct MissingReport {
    pub(super) device: String,
    pub(super) what: String,
    pub(super) why: String,
}

impl Report {
    pub(super) fn new(
        machine: &Machine,
        plan: &Plan,
        measured: &Measured,
        interrupted: bool,
    ) -> Self {
        let missing = |all: &[Missing]| all.iter().map(MissingReport::new).collect();
        Self {
            perjoule: env!("CARGO_PKG_VERSION"),
            cpu: machine.cpu.model.clone(),
            usable_cores: machine.usable_cores,
            seconds: measured.took.as_secs_f64(),
            interrupted,
            gpus: plan.engines.iter().filter_map(|it| GpuReport::new(it, measured)).collect(),
            rows: measured.rows.iter().map(RowReport::new).collect(),
            missing: missing(&measured.missing),
            faults: missing(&measured.faults),
            warnings: measured.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl GpuReport {
    fn new(engine: &Arc<dyn Engine>, measured: &Measured) -> Option<Self> {
        let Setting { device: name, software, tuned } = engine.setting()?;
        let device = engine.id().to_string();
        let mut capacities = measured.capacities.iter();
        let capacity = capacities.find(|capacity| capacity.device.to_string() == device);
        let largest_buffer_bytes = capacity.map(|capacity| capacity.largest_buffer);
        Some(Self { device, name, software, tuned, largest_buffer_bytes })
    }
}

impl RowReport {
    fn new(row: &Row) -> Self {
        let (device, threads) = match row.label.place {
            Place::Gpu(number) => (format!("gpu:{number}"), None),
            Place::Cores(threads) => ("cpu".to_owned(), Some(threads)),
            other => (other.to_string(), None),
        };
        Self {
            device,
            workload: row.label.kind.to_string(),
            variant: row.label.variant,
            threads,
            size: match row.label.size {
                Size::Versions(versions) => SizeReport::Versions(versions),
                Size::Bytes(bytes) => SizeReport::Bytes(bytes),
                Size::Product(shape) => {
                    SizeReport::Matrices { m: shape.m(), n: shape.n(), k: shape.k() }
                }
                _ => SizeReport::Registers,
            },
            unit: row.unit,
            per_second: row.rate.into(),
            times_sha2: row.times_baseline(),
            roof: row.roof.as_ref().map(|roof| RoofReport {
                of: roof.label.to_string(),
                per_second: roof.per_second,
                each: roof.each,
            }),
            of_roof: row.of_roof(),
            busy: row.busy,
            checks: row.checks,
        }
    }
}

impl From<Rate> for RateReport {
    fn from(Rate { best, p90, median, spread, slices, .. }: Rate) -> Self {
        Self { best, p90, median, spread, slices }
    }
}

impl MissingReport {
    fn new(missing: &Missing) -> Self {
        let Missing { device, what, why, .. } = missing;
        Self { device: device.to_string(), what: what.clone(), why: why.to_string() }
    }
}
