//! Rows, as they are made of what was measured.

use super::named::Named;
use super::no_energy::NoEnergy;
use super::{MOST_OF_ROOF, Rate, Roof, Row, WorkSize};
use crate::units::WorkUnit;
use crate::workload::{Label, Place, Size};

impl Row {
    /// Makes the row of a workload without roof, baseline and energy.
    pub(crate) fn new(label: &Label, unit: WorkUnit, per_second: Rate, checks: usize) -> Self {
        let threads = match label.place {
            Place::Gpu(_) => None,
            Place::Cores(threads) => Some(threads),
        };
        Self {
            device: Named::Known(label.place.into()),
            workload: Named::Known(label.kind),
            variant: Named::Known(label.variant),
            threads,
            size: label.size.into(),
            unit: Named::Known(unit),
            per_second,
            times_sha2: None,
            roof: None,
            of_roof: None,
            busy: None,
            host_share: None,
            per_byte: per_byte(label),
            checks,
            rough: false,
            energy: None,
            no_energy: Some(Named::Known(NoEnergy::Stopped)),
        }
    }

    /// Compares the row with the rate of its roof, in the row's units per second, of each of which
    /// the roof's own work takes `each`.
    pub(crate) fn set_roof(&mut self, of: &Label, per_second: f64, each: f64) {
        self.roof = Some(Roof { of: of.to_string(), per_second, each, disturbed: false });
        self.settle_roof();
    }

    /// Finds the share of the roof, and whether the roof was disturbed.
    pub(super) fn settle_roof(&mut self) {
        let best = self.per_second.best;
        let share = |roof: &Roof| {
            Some(best / roof.per_second).filter(|share| (0.0..=MOST_OF_ROOF).contains(share))
        };
        self.of_roof = self.roof.as_ref().and_then(share);
        let is_disturbed = self.of_roof.is_none();
        self.roof.iter_mut().for_each(|roof| roof.disturbed = is_disturbed);
    }
}

/// Returns the operations of a matrix product, 2 m n k, per byte of its matrices if each is read or
/// written once; `None` for other work, and for numbers of no known size.
fn per_byte(label: &Label) -> Option<f64> {
    let Size::Product(shape) = label.size else { return None };
    let (factor, product) = label.variant.element_bytes()?;
    let [factor, product] = [factor, product].map(|bytes| bytes as f64);
    let [m, n, k] = [shape.m(), shape.n(), shape.k()].map(|side| side as f64);
    Some(2.0 * m * n * k / (factor * (m * k + k * n) + product * m * n))
}

impl From<Size> for WorkSize {
    fn from(size: Size) -> Self {
        match size {
            Size::Registers => Self::Registers,
            Size::Versions(versions) => Self::Versions(versions),
            Size::Bytes(bytes) => Self::Bytes(bytes),
            Size::Product(shape) => Self::Matrices { m: shape.m(), n: shape.n(), k: shape.k() },
        }
    }
}
