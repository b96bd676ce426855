//! The workloads of a GPU.

use std::sync::Arc;
use std::time::Duration;

use super::Capacity;
use super::group::Group;
use super::plan::{Dtype, Plan, WorkloadClass};
use super::searches;
use crate::engine::{Engine, EngineId, Pipe};
use crate::gpu::{Adapter, AdapterKind, adapters};
use crate::workload::gpu::{
    Arithmetic, Bandwidth, Device, Latency, Matmul, Peak, PeakOperation, Transfer, largest_buffer,
};
use crate::workload::sha256d::{Baseline, EnginePeak};
use crate::workload::{Kind, WorkloadError, last_level_caches};

/// Calls of each thread of a GPU in a slice of hashing: the first one finds it idle and the last
/// one leaves it idle, for the time that it takes to start one.
const CALLS: u32 = 2;

/// How long a slice of other work than hashing lasts: some submissions.
const SLICE: Duration = Duration::from_millis(100);

/// How long a size of matrices is tried.
const TRIAL: Duration = Duration::from_millis(20);

/// Bytes of each array in the memory of a GPU: four times the largest of caches and more.
const ARRAY: u64 = 1 << 30;

/// Bytes of what goes between host and device: a quarter of a second on the slowest way there is.
const PARCEL: u64 = 64 << 20;

pub(super) fn prepare(
    plan: &Plan,
    number: u8,
    class: WorkloadClass,
    group: &mut Group,
) -> Result<(), WorkloadError> {
    let is_it = |engine: &&Arc<dyn Engine>| engine.id() == EngineId::Gpu(number);
    let engine = plan.engines.iter().find(is_it);
    if class == WorkloadClass::Hashing {
        return engine.map_or(Ok(()), |engine| hashing(plan, engine, group));
    }
    let device = adapter(number).ok_or(WorkloadError::Missing { what: "GPUs of this number" });
    let device = device.and_then(|adapter| Device::open(&adapter));
    let Some(device) = group.keep(class, device)? else { return Ok(()) };
    if class == WorkloadClass::Arithmetic {
        arithmetic(plan, &device, engine, group)
    } else {
        memory(plan, &device, group)
    }
}

/// Looks whether the GPU of this number, and the host, can have all that is asked for.
pub(super) fn check(plan: &Plan, number: u8, class: WorkloadClass) -> Result<(), WorkloadError> {
    let is_asked = match class {
        WorkloadClass::Hashing => false,
        WorkloadClass::Arithmetic => plan.shape.is_some() && plan.has(Kind::Matmul),
        WorkloadClass::Memory => plan.array_bytes.is_some() && plan.has(Kind::Bandwidth),
    };
    // That there is none is reported where it is missing.
    let Some(adapter) = is_asked.then(|| adapter(number)).flatten() else { return Ok(()) };
    match (class, plan.shape, plan.array_bytes) {
        (WorkloadClass::Arithmetic, Some(shape), _) => {
            let products = Arithmetic::ALL.into_iter().filter(|it| plan.has_type(it.dtype()));
            let mut there = products.filter(|it| it.missing(&adapter).is_none());
            there.try_for_each(|it| Matmul::check_size(&adapter, it, shape))
        }
        (WorkloadClass::Memory, _, Some(bytes)) => Bandwidth::check_size(&adapter, bytes).map(drop),
        _ => Ok(()),
    }
}

fn adapter(number: u8) -> Option<Adapter> {
    adapters().into_iter().find(|adapter| adapter.number == number)
}

fn hashing(plan: &Plan, engine: &Arc<dyn Engine>, group: &mut Group) -> Result<(), WorkloadError> {
    let slice = engine.batching().piece * CALLS;
    let baseline = group.add("sha2 crate", slice, Baseline::new(plan.threads))?;
    group.hide(baseline);
    searches::add(group, engine, slice, 1, baseline)
}

fn arithmetic(
    plan: &Plan,
    device: &Device,
    engine: Option<&Arc<dyn Engine>>,
    group: &mut Group,
) -> Result<(), WorkloadError> {
    let is_product_asked =
        |arithmetic: &Arithmetic| plan.has(Kind::Matmul) && plan.has_type(arithmetic.dtype());
    let products: Vec<_> = Arithmetic::ALL.into_iter().filter(is_product_asked).collect();
    let mut peaks = Vec::new();
    for operation in PeakOperation::ALL {
        let asked = plan.has(Kind::Peak) && plan.has_type(operation.dtype());
        if asked || products.iter().any(|product| product.roofs().contains(&operation)) {
            let peak = has(operation.missing(device.adapter()))
                .and_then(|()| Peak::new(device, operation));
            let peak = group.add(format!("peak {}", operation.variant()), SLICE, peak)?;
            if !asked {
                group.hide(peak);
            }
            peaks.push((operation, peak));
        }
    }
    if let (true, true, Some(engine)) = (plan.has(Kind::Peak), plan.has_type(Dtype::I32), engine) {
        group.add("peak i32", SLICE, EnginePeak::new(engine.clone(), Pipe::All, 1))?;
    }
    for arithmetic in products {
        let product = has(arithmetic.missing(device.adapter())).and_then(|()| match plan.shape {
            Some(shape) => Matmul::new(device, arithmetic, shape),
            None => Matmul::tuned(device, arithmetic, TRIAL),
        });
        let product = group.add(format!("matmul {arithmetic}"), SLICE, product)?;
        let roofs = peaks.iter().filter(|(operation, _)| arithmetic.roofs().contains(operation));
        let roofs: Vec<_> = roofs.map(|&(_, place)| place).collect();
        group.compare(product, &roofs, 1.0);
    }
    Ok(())
}

/// Reports what a GPU lacks, which is no failure of it.
fn has(missing: Option<&'static str>) -> Result<(), WorkloadError> {
    missing.map_or(Ok(()), |what| Err(WorkloadError::Missing { what }))
}

impl Arithmetic {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16InF32 | Self::F16 | Self::CooperativeMatrix => Dtype::F16,
            Self::I8 => Dtype::I8,
        }
    }

    /// Returns the operations whose peak is the roof of this arithmetic.
    fn roofs(self) -> &'static [PeakOperation] {
        match self {
            Self::F32 | Self::F16InF32 => &[PeakOperation::FusedF32, PeakOperation::SeparateF32],
            Self::F16 => &[PeakOperation::FusedF16, PeakOperation::SeparateF16],
            Self::I8 => &[PeakOperation::Dot8],
            Self::CooperativeMatrix => &[PeakOperation::CooperativeMatrix],
        }
    }
}

impl PeakOperation {
    fn dtype(self) -> Dtype {
        match self {
            Self::FusedF32 | Self::SeparateF32 => Dtype::F32,
            Self::FusedF16 | Self::SeparateF16 | Self::CooperativeMatrix => Dtype::F16,
            Self::Dot8 => Dtype::I8,
        }
    }
}

fn memory(plan: &Plan, device: &Device, group: &mut Group) -> Result<(), WorkloadError> {
    if plan.has(Kind::Bandwidth) {
        let largest = group.keep("largest buffer", largest_buffer(device))?;
        let device = group.device;
        group.capacities.extend(largest.map(|bytes| Capacity { device, largest_buffer: bytes }));
    }
    let mut copy = None;
    for transfer in Transfer::ALL.into_iter().filter(|_| plan.has(Kind::Bandwidth)) {
        let bytes = plan.array_bytes.unwrap_or_else(|| bytes(device, transfer));
        let bandwidth = Bandwidth::new(device, transfer, bytes);
        let what = format!("bandwidth {}", transfer.variant());
        let bandwidth = group.add(what, SLICE, bandwidth)?;
        match transfer {
            Transfer::Copy => copy = bandwidth,
            Transfer::Triad => group.compare(bandwidth, &[copy], 1.0),
            Transfer::Upload | Transfer::Download => {}
        }
    }
    if plan.has(Kind::Latency) {
        group.add("latency", SLICE, Latency::new(device))?;
    }
    Ok(())
}

/// Returns the size of an array that suits the device, in bytes.
fn bytes(device: &Device, transfer: Transfer) -> u64 {
    let adapter = device.adapter();
    let wanted = match transfer {
        Transfer::Upload | Transfer::Download => PARCEL,
        Transfer::Copy | Transfer::Triad if adapter.kind == AdapterKind::Software => {
            last_level_caches().saturating_mul(4)
        }
        Transfer::Copy | Transfer::Triad => ARRAY,
    };
    wanted.min(adapter.max_buffer_bytes).min(adapter.max_binding_bytes)
}
