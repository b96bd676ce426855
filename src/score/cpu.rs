//! The workloads of the processor, on one thread and on several.

use std::time::Duration;

use super::group::Group;
use super::plan::{Dtype, Plan, WorkloadClass};
use super::searches;
use crate::workload::cpu::{Bandwidth, Pattern, Peak, Units};
use crate::workload::sha256d::{Baseline, EnginePeak};
use crate::workload::{Kind, WorkloadError, check_memory};

/// How long a slice of hashing lasts on one thread.
const SLICE: Duration = Duration::from_micros(700);

/// How long a slice of hashing lasts on several threads: they do not start and end at the same
/// instant, and what they miss of each other counts as time in which nothing was done.
const TEAM_SLICE: Duration = Duration::from_millis(3);

/// How long a slice lasts of products, the smallest of which take milliseconds, and of memory.
const LONG_SLICE: Duration = Duration::from_millis(20);

pub(super) fn prepare(
    plan: &Plan,
    class: WorkloadClass,
    group: &mut Group,
) -> Result<(), WorkloadError> {
    match class {
        WorkloadClass::Hashing => hashing(plan, group),
        WorkloadClass::Arithmetic => arithmetic(plan, group),
        WorkloadClass::Memory => memory(plan, group),
    }
}

/// Looks whether there is memory for all workloads of a class, which are there at the same time.
pub(super) fn check(plan: &Plan, class: WorkloadClass) -> Result<(), WorkloadError> {
    match (class, plan.shape, plan.array_bytes) {
        (WorkloadClass::Arithmetic, Some(shape), _) => products::check(plan, shape),
        (WorkloadClass::Memory, _, Some(bytes)) if plan.has(Kind::Bandwidth) => {
            let all = teams(plan).into_iter().flat_map(|threads| {
                Pattern::ALL.map(|pattern| Bandwidth::bytes(pattern, threads, elements(bytes)))
            });
            let all = all.reduce(|all, next| all?.checked_add(next?)).flatten();
            check_memory("bytes for arrays", all).map(drop)
        }
        _ => Ok(()),
    }
}

/// The numbers of threads that everything is measured with.
fn teams(plan: &Plan) -> Vec<usize> {
    let mut teams = vec![1, plan.threads];
    teams.dedup();
    teams
}

fn hashing(plan: &Plan, group: &mut Group) -> Result<(), WorkloadError> {
    for threads in teams(plan) {
        let slice = if threads == 1 { SLICE } else { TEAM_SLICE };
        let baseline = group.add("sha2 crate", slice, Baseline::new(threads))?;
        for engine in plan.engines.iter().filter(|engine| engine.batching().threads.is_none()) {
            searches::add(group, engine, slice, threads, baseline)?;
        }
    }
    Ok(())
}

fn arithmetic(plan: &Plan, group: &mut Group) -> Result<(), WorkloadError> {
    let products = products::of(plan, group)?;
    for threads in teams(plan) {
        let mut peaks = Vec::new();
        for units in Units::ALL {
            let asked = plan.has(Kind::Peak) && plan.has_type(dtype(units));
            if asked || products.iter().any(|product| product.roofs().contains(&units)) {
                let peak = group.add(
                    format!("peak {}", units.variant()),
                    LONG_SLICE,
                    Peak::new(units, threads),
                )?;
                if !asked {
                    group.hide(peak);
                }
                peaks.push((units, peak));
            }
        }
        if plan.has(Kind::Peak) && plan.has_type(Dtype::I32) {
            group.add("peak i32", LONG_SLICE, EnginePeak::widest(threads))?;
        }
        for product in &products {
            let roofs = peaks.iter().filter(|(units, _)| product.roofs().contains(units));
            let roofs: Vec<_> = roofs.map(|&(_, place)| place).collect();
            let product = group.add(
                format!("matmul {}", product.name()),
                LONG_SLICE,
                product.make(threads),
            )?;
            group.compare(product, &roofs, 1.0);
        }
    }
    Ok(())
}

fn dtype(units: Units) -> Dtype {
    match units {
        Units::FmaF64 => Dtype::F64,
        Units::FmaF32 | Units::MulAddF32 => Dtype::F32,
    }
}

fn memory(plan: &Plan, group: &mut Group) -> Result<(), WorkloadError> {
    for threads in teams(plan) {
        let mut bandwidth = |pattern: Pattern| {
            let made = match plan.array_bytes {
                None => Bandwidth::new(pattern, threads),
                Some(bytes) => Bandwidth::with_elements(pattern, threads, elements(bytes)),
            };
            group.add(format!("bandwidth {}", pattern.variant()), LONG_SLICE, made)
        };
        let [copy, triad] = [bandwidth(Pattern::Copy)?, bandwidth(Pattern::Triad)?];
        group.compare(triad, &[copy], 1.0);
    }
    Ok(())
}

/// Returns the number of elements in an array of this size in bytes.
fn elements(bytes: u64) -> usize {
    usize::try_from(bytes / size_of::<f64>() as u64).unwrap_or(usize::MAX)
}

/// Matrix products of the sizes that suit them.
#[cfg(feature = "matmul")]
mod products {
    use super::{Dtype, Duration, Group, Kind, Plan, Units, WorkloadError, check_memory, teams};
    use crate::workload::Shape;
    use crate::workload::cpu::matmul::{Matmul, Precision};

    /// How long a size of matrices is tried.
    const TRIAL: Duration = Duration::from_millis(5);

    pub(super) struct Product {
        precision: Precision,
        shape: Shape,
    }

    /// Looks whether there is memory for all products of this shape.
    pub(super) fn check(plan: &Plan, shape: Shape) -> Result<(), WorkloadError> {
        let (mut kept, mut most) = (0_u64, 0);
        for _ in teams(plan) {
            for precision in asked(plan) {
                let need = Matmul::needs(precision, shape)?;
                kept = kept.saturating_add(need.kept);
                most = kept.saturating_add(need.besides).max(most);
            }
        }
        check_memory("bytes for all products", Some(most)).map(drop)
    }

    /// Returns the precisions whose products are in the plan.
    fn asked(plan: &Plan) -> impl Iterator<Item = Precision> {
        let is_asked = |precision: &Precision| {
            let dtype = match precision {
                Precision::F64 => Dtype::F64,
                Precision::F32 => Dtype::F32,
                Precision::F16 => Dtype::F16,
                Precision::I8 => Dtype::I8,
            };
            plan.has(Kind::Matmul) && plan.has_type(dtype)
        };
        Precision::ALL.into_iter().filter(is_asked)
    }

    /// Returns the products of the plan. The size that suits all threads is used on one, too.
    pub(super) fn of(plan: &Plan, group: &mut Group) -> Result<Vec<Product>, WorkloadError> {
        let mut products = Vec::new();
        for precision in asked(plan) {
            let tuned = || Ok(Matmul::tuned(precision, plan.threads, TRIAL)?.shape());
            let shape = plan.shape.map_or_else(tuned, Ok);
            let shape = group.keep(format!("matmul {precision}"), shape)?;
            products.extend(shape.map(|shape| Product { precision, shape }));
        }
        Ok(products)
    }

    impl Product {
        pub(super) fn name(&self) -> &'static str {
            self.precision.variant().name()
        }

        pub(super) fn make(&self, threads: usize) -> Result<Matmul, WorkloadError> {
            Matmul::new(self.precision, self.shape, threads)
        }

        /// Returns the units whose peak is the product's roof.
        pub(super) fn roofs(&self) -> &'static [Units] {
            match self.precision {
                Precision::F64 => &[Units::FmaF64],
                // Some processors of this architecture compute in f16, whose peak is not measured.
                Precision::F16 if cfg!(target_arch = "aarch64") => &[],
                Precision::F16 | Precision::F32 => &[Units::FmaF32, Units::MulAddF32],
                Precision::I8 => &[],
            }
        }
    }
}

#[cfg(not(feature = "matmul"))]
mod products {
    use super::{Group, Kind, Plan, Units, WorkloadError};
    use crate::workload::Shape;
    use crate::workload::sha256d::Baseline;

    /// A product: there is none without the libraries that compute it.
    pub(super) enum Product {}

    #[expect(clippy::unnecessary_wraps, reason = "where there are products it can fail")]
    pub(super) fn check(_: &Plan, _: Shape) -> Result<(), WorkloadError> {
        Ok(())
    }

    pub(super) fn of(plan: &Plan, group: &mut Group) -> Result<Vec<Product>, WorkloadError> {
        if plan.has(Kind::Matmul) {
            let what = "matrix products in this build (feature `matmul`)";
            group.keep::<()>("matmul", Err(WorkloadError::Missing { what }))?;
        }
        Ok(Vec::new())
    }

    impl Product {
        pub(super) fn name(&self) -> &'static str {
            match *self {}
        }

        pub(super) fn make(&self, _: usize) -> Result<Baseline, WorkloadError> {
            match *self {}
        }

        pub(super) fn roofs(&self) -> &'static [Units] {
            match *self {}
        }
    }
}
