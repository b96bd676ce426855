//! Peak rates of the arithmetic units of a GPU: the roof of its matrix products.
//!
//! Multiplications and additions are measured together, as fused multiply-add, and apart: there are
//! cards sold to miners whose fused multiply-add was slowed down to a sixteenth, so that they are
//! of no use for matrices, and that compute with separate instructions much faster. Matrix units
//! are measured as far as the interface to the driver reaches them: some have faster ways of their
//! own.

mod plan;

use std::fmt;
use std::time::{Duration, Instant};

use self::plan::{Plan, ROUNDS};
use super::{Device, DeviceResource, Routine, has_blocks, has_f16};
use crate::gpu::DeviceError;
use crate::gpu::{Adapter, Context, Kernel, Prepared};
use crate::units::WorkAmount;
use crate::workload::check::CheckError;
use crate::workload::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError};

/// Shortest time of a dispatch, so that its beginning and its end do not matter; unless it has as
/// many workgroups as all devices allow for, and more than any can run at a time.
const DISPATCH: Duration = Duration::from_millis(5);
const FEW_GROUPS: u32 = 16;
const MOST_GROUPS: u32 = 1 << 15;

/// Bytes before the words of the output: the count of rounds, and the padding that aligns the
/// words.
const HEAD: u64 = 16;

/// The operation whose peak rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeakOperation {
    /// Fused multiply-adds of binary32 (f32).
    FusedF32,
    /// Multiplications and additions of binary32 (f32), as many of each.
    SeparateF32,
    /// Fused multiply-adds of binary16 (f16).
    FusedF16,
    /// Multiplications and additions of binary16 (f16), as many of each.
    SeparateF16,
    /// Dot products of four 8-bit integers, accumulated in 32 bits: eight operations each.
    Dot8,
    /// Products of blocks of binary16 (f16), accumulated in binary32 by matrix units: of the
    /// largest blocks that the GPU has.
    CooperativeMatrix,
}

impl PeakOperation {
    /// All operations.
    pub const ALL: [Self; 6] = [
        Self::FusedF32,
        Self::SeparateF32,
        Self::FusedF16,
        Self::SeparateF16,
        Self::Dot8,
        Self::CooperativeMatrix,
    ];

    /// Returns the variant that stands for the operation in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::FusedF32 => Variant::FmaF32,
            Self::SeparateF32 => Variant::MulAddF32,
            Self::FusedF16 => Variant::FmaF16,
            Self::SeparateF16 => Variant::MulAddF16,
            Self::Dot8 => Variant::DotI8,
            Self::CooperativeMatrix => Variant::F16ByBlocks,
        }
    }

    /// Returns what the GPU lacks for this operation; `None` if it lacks nothing.
    #[must_use]
    pub fn missing(self, adapter: &Adapter) -> Option<&'static str> {
        match self {
            Self::FusedF16 | Self::SeparateF16 => has_f16(adapter).err(),
            Self::CooperativeMatrix => has_blocks(adapter).err(),
            Self::FusedF32 | Self::SeparateF32 | Self::Dot8 => None,
        }
    }
}

impl fmt::Display for PeakOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.variant().name())
    }
}

/// The peak workload of a GPU: a kernel of arithmetic from registers, and its checked results.
#[derive(Debug)]
pub struct Peak {
    operation: PeakOperation,
    plan: Plan,
    output: DeviceResource<wgpu::Buffer>,
    routine: Routine,
    /// Rounds that a dispatch counts.
    rounds: u32,
    /// Dispatches since the last check.
    dispatches: u64,
}

impl Peak {
    /// Compiles the kernel, and measures how many workgroups fill the device.
    ///
    /// # Errors
    ///
    /// When the GPU lacks the operation, computes wrong results, or fails.
    pub fn new(device: &Device, operation: PeakOperation) -> Result<Self, WorkloadError> {
        let adapter = device.adapter();
        if let Some(missing) = operation.missing(adapter) {
            return Err(DeviceError::Refused(format!("it has no {missing}")).into());
        }
        let plan = Plan::new(operation, adapter);
        let bytes = HEAD + 4 * plan.words as u64;
        let output = device.keep(move |context| context.output(bytes))?;
        let kernel = output.keep({
            let plan = plan.clone();
            move |context, output| prepare(context, &plan, output)
        })?;
        let [groups, _] = kernel.get().grid();
        let routine = Routine::new(kernel);
        let mut peak = Self { operation, plan, output, routine, rounds: 0, dispatches: 0 };
        peak.spoil()?;
        peak.routine.once()?;
        peak.rounds = counted(&peak.plan, groups, peak.read()?.0)?;
        peak.spoil()?;
        Ok(peak)
    }

    /// Returns the work of a dispatch.
    fn work(&self) -> WorkAmount {
        let operations = self.plan.operations * u64::from(self.rounds);
        match self.operation {
            PeakOperation::Dot8 => WorkAmount::Operations(operations),
            _ => WorkAmount::Flops(operations),
        }
    }

    /// Overwrites the place of the result with what no result is.
    fn spoil(&self) -> Result<(), DeviceError> {
        let mut poison = vec![f32::NAN.to_bits(); HEAD as usize / 4 + self.plan.words];
        poison[0] = 0;
        self.output
            .call(move |context, output| context.write(output, bytemuck::cast_slice(&poison)))
    }

    /// Reads the count of rounds, and the words.
    fn read(&self) -> Result<(u32, Vec<u32>), DeviceError> {
        self.output.call(|context, output| {
            let window = context.window(output.size())?;
            context.read(output, 0, &window, |bytes| {
                let (head, words) = bytes.split_at(HEAD as usize);
                let rounds = head.first_chunk().copied().map_or(0, u32::from_le_bytes);
                let words = words.as_chunks().0.iter().copied();
                (rounds, words.map(u32::from_le_bytes).collect())
            })
        })
    }
}

impl Workload for Peak {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Peak,
            variant: self.operation.variant(),
            size: Size::Registers,
            place: Place::Gpu(self.output.device().adapter().number),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let unit = self.work();
        let done = self.routine.repeat(time, unit)?;
        self.dispatches += done.work.value() / unit.value();
        Ok(done)
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        let (rounds, words) = self.read()?;
        self.spoil()?;
        // The count of rounds is modulo 2^32.
        let dispatches = std::mem::take(&mut self.dispatches).max(1);
        let expected = self.rounds.wrapping_mul(dispatches as u32);
        if rounds != expected {
            let (found, expected) = (rounds.into(), expected.into());
            return Err(CheckError::Number { place: 0, found, expected }.into());
        }
        let found = words.into_iter().map(self.plan.number);
        for (place, (found, &expected)) in (1..).zip(found.zip(self.plan.expected.iter().cycle())) {
            // Nothing rounds.
            if found.partial_cmp(&expected) != Some(std::cmp::Ordering::Equal) {
                return Err(CheckError::Number { place, found, expected }.into());
            }
        }
        Ok(())
    }
}

/// Prepares the kernel, on as many workgroups as fill a dispatch.
fn prepare(context: &Context, plan: &Plan, output: &wgpu::Buffer) -> Result<Prepared, DeviceError> {
    let kernel = Kernel {
        source: plan.source,
        entry_point: plan.entry_point,
        overrides: &[("GROUP", f64::from(plan.group))],
        grid: [FEW_GROUPS, 1],
    };
    let factors = match &*plan.factors {
        [] => None,
        factors => Some(context.input(bytemuck::cast_slice(factors))?),
    };
    let inputs: Vec<_> = factors.iter().collect();
    let mut kernel =
        context.prepare(&kernel, bytemuck::cast_slice(&plan.params), output, &inputs)?;
    // The first time, drivers may still compile.
    context.repeat(&kernel, 1)?;
    let mut groups = FEW_GROUPS;
    loop {
        let start = Instant::now();
        context.repeat(&kernel, 1)?;
        if start.elapsed() >= DISPATCH || groups >= MOST_GROUPS {
            return Ok(kernel);
        }
        groups *= 2;
        kernel = kernel.on([groups, 1]);
    }
}

/// Returns the rounds that a dispatch counts, if they can be right.
fn counted(plan: &Plan, groups: u32, rounds: u32) -> Result<u32, WorkloadError> {
    let each = ROUNDS * groups;
    let most = if plan.by_subgroups { plan.group } else { 1 };
    if rounds.is_multiple_of(each) && (1..=most).contains(&(rounds / each)) {
        return Ok(rounds);
    }
    let (found, expected) = (rounds.into(), each.into());
    Err(CheckError::Number { place: 0, found, expected }.into())
}
