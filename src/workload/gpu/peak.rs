//! What the arithmetic units of a GPU can do at the most: the roof of its matrix products.
//!
//! Multiplications and additions are measured together, as fused multiply-add, and apart: there are
//! cards sold to miners whose fused multiply-add was slowed down to a sixteenth, so that they are of
//! no use for matrices, and that compute with separate instructions much faster.

use std::time::Duration;

use super::{Device, Kept, Routine};
use crate::engine::Failure;
use crate::gpu::{Adapter, Kernel};
use crate::workload::check::Wrong;
use crate::workload::{Done, Kind, Label, Place, Size, Trouble, Work, Workload};

const F32_KERNEL: &str = include_str!("../../../kernels/peak_f32.wgsl");
const F16_KERNEL: &str = include_str!("../../../kernels/peak_f16.wgsl");

/// Threads of a workgroup, and workgroups: some waves on the largest devices there are.
const GROUP: u32 = 256;
const GROUPS: u32 = 2048;

/// Rounds of a thread in one dispatch, and operations of a round.
const ROUNDS: u32 = 64;
const OPERATIONS: u64 = 256;

/// By how much the points are turned, and what they are multiplied with and moved by: powers of two,
/// which do not round.
const ANGLE: f32 = 1.0 / 64.0;
const FACTOR: f32 = 2.0;
const ADDEND: f32 = 0.25;

/// Numbers that are looked at: one of each of so many threads.
const NUMBERS: usize = 4096;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Fused multiply-add of binary32.
    FusedF32,
    /// Multiplications and additions of binary32, as many of each.
    SeparateF32,
    /// Fused multiply-add of binary16.
    FusedF16,
    /// Multiplications and additions of binary16, as many of each.
    SeparateF16,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::FusedF32, Self::SeparateF32, Self::FusedF16, Self::SeparateF16];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FusedF32 => "f32 fma",
            Self::SeparateF32 => "f32 mul, add",
            Self::FusedF16 => "f16 fma",
            Self::SeparateF16 => "f16 mul, add",
        }
    }

    /// What the GPU lacks for it, if it does.
    #[must_use]
    pub fn missing(self, adapter: &Adapter) -> Option<&'static str> {
        (self.is_f16() && !adapter.features.contains(&"f16")).then_some("f16")
    }

    fn is_f16(self) -> bool {
        matches!(self, Self::FusedF16 | Self::SeparateF16)
    }

    fn is_fused(self) -> bool {
        matches!(self, Self::FusedF32 | Self::FusedF16)
    }

    /// What a thread's number should be at the end, and by how much rounding may have moved it.
    fn expected(self, thread: usize) -> (f64, f64) {
        let start = 1.0 + (thread % 16) as f64 / 64.0;
        let xs = (0..16).map(|i| start + f64::from(i) / 64.0);
        if !self.is_fused() {
            return (xs.sum(), 0.0);
        }
        let (s, mut sum) = (f64::from(ANGLE), 0.0);
        for x in xs {
            let (mut x, mut y) = (x, 0.0);
            for _ in 0..ROUNDS * 4 {
                x += s * y;
                y -= s * x;
            }
            sum += x + y;
        }
        let unit = if self.is_f16() { 1.0 / 1024.0 } else { 1.0 / f64::from(1 << 23) };
        // Each of the roundings is at most a unit of 2, those of the last sum of 64.
        (sum, 32.0 * (f64::from(8 * ROUNDS) * 2.0 + 2.0) * unit)
    }
}

/// The kernel and what it finds.
#[derive(Debug)]
pub struct Peak {
    operation: Operation,
    found: Kept<wgpu::Buffer>,
    routine: Routine,
}

impl Peak {
    /// # Errors
    ///
    /// When the GPU lacks binary16 and that is asked for, or the device fails.
    pub fn new(device: &Device, operation: Operation) -> Result<Self, Trouble> {
        if operation.is_f16() && !device.adapter().features.contains(&"f16") {
            return Err(Failure::Refused("it has no f16".to_owned()).into());
        }
        let found = device.keep(|context| context.found(4 + 4 * NUMBERS as u64))?;
        let kernel = found.keep(move |context, found| {
            let kernel = Kernel {
                source: if operation.is_f16() { F16_KERNEL } else { F32_KERNEL },
                entry_point: if operation.is_fused() { "fused" } else { "separate" },
                overrides: &[("GROUP", f64::from(GROUP))],
                grid: [GROUPS, 1],
            };
            let numbers = [ANGLE, FACTOR, 1.0 / FACTOR, ADDEND, -ADDEND].map(f32::to_bits);
            let [angle, factor, inverse, addend, negative] = numbers;
            let told = [ROUNDS, angle, factor, inverse, addend, negative, 0, 0];
            context.prepare(&kernel, bytemuck::cast_slice(&told), found, &[])
        })?;
        let peak = Self { operation, found, routine: Routine::new(kernel) };
        peak.spoil()?;
        Ok(peak)
    }

    /// Writes what no result is where the result will be.
    fn spoil(&self) -> Result<(), Failure> {
        self.found.call(|context, found| {
            let mut poison = vec![f32::NAN.to_bits(); 1 + NUMBERS];
            poison[0] = 0;
            context.write(found, bytemuck::cast_slice(&poison))
        })
    }
}

impl Workload for Peak {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Peak,
            variant: self.operation.name(),
            size: Size::Registers,
            place: Place::Gpu(self.found.device().adapter().number),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, Trouble> {
        let operations = OPERATIONS * u64::from(ROUNDS) * u64::from(GROUP) * u64::from(GROUPS);
        self.routine.repeat(time, Work::Flops(operations))
    }

    fn check(&mut self) -> Result<(), Trouble> {
        let words: Vec<[u8; 4]> = self.found.call(|context, found| {
            let window = context.window(found.size())?;
            context.read(found, 0, &window, |bytes| bytes.as_chunks().0.to_vec())
        })?;
        self.spoil()?;
        let (rounds, numbers) = words
            .split_first()
            .map_or((0, &[][..]), |(first, rest)| (u32::from_le_bytes(*first), rest));
        // Counted over all dispatches since the last check, modulo 2^32; each has so many.
        let each = ROUNDS * GROUPS;
        if rounds % each != 0 || numbers.len() != NUMBERS {
            let (found, expected) = (f64::from(rounds), f64::from(each));
            return Err(Wrong::Number { place: 0, found, expected }.into());
        }
        for (thread, number) in numbers.iter().enumerate() {
            let found = f64::from(f32::from_le_bytes(*number));
            let (expected, bound) = self.operation.expected(thread);
            if (found - expected).abs() <= bound {
                continue;
            }
            let place = thread as u64 + 1;
            return Err(Wrong::Number { place, found, expected }.into());
        }
        Ok(())
    }
}
