//! Matrix products on a GPU: on its ordinary units, and on its matrix units if it reports any.
//!
//! What suits a GPU differs, so each kind of arithmetic has some tiles to choose from, and the
//! fastest for the matrices is measured when they are made. Every product is checked as those of
//! processors are; that a GPU rounds to the nearest number is not taken for granted.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Device, DeviceResource, Routine, bytes, fits, has_blocks, has_f16};
use crate::gpu::DeviceError;
use crate::gpu::{Adapter, Context, Kernel, Prepared};
use crate::units::WorkAmount;
use crate::workload::check::{Product, Rounding};
use crate::workload::memory::{self, reserve};
use crate::workload::number::{F16, Output, fill};
use crate::workload::{Done, Kind, Label, Place, Shape, Size, Variant, Workload, WorkloadError};

const F32_KERNEL: &str = include_str!("../../../kernels/matmul_f32.wgsl");
const F16_KERNEL: &str = include_str!("../../../kernels/matmul_f16.wgsl");
const I8_KERNEL: &str = include_str!("../../../kernels/matmul_i8.wgsl");
const BLOCK_KERNEL: &str = include_str!("../../../kernels/matmul_coop.wgsl");

/// How long tiles are tried.
const TUNING: Duration = Duration::from_secs(1);

/// Largest side that kernels can index.
const MOST: usize = 1 << 20;

/// The number type of a matrix product on a GPU, and the units that compute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// IEEE 754 binary32 (f32).
    F32,
    /// IEEE 754 binary16 (f16), accumulated in binary32.
    F16InF32,
    /// IEEE 754 binary16 (f16), accumulated in binary16.
    F16,
    /// 8-bit integers (i8), accumulated in i32.
    I8,
    /// IEEE 754 binary16 (f16), accumulated in binary32 by matrix units (cooperative matrices).
    CooperativeMatrix,
}

impl Arithmetic {
    /// All kinds of arithmetic.
    pub const ALL: [Self; 5] =
        [Self::F32, Self::F16InF32, Self::F16, Self::I8, Self::CooperativeMatrix];

    /// Returns the variant that stands for the arithmetic in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::F32 => Variant::F32,
            Self::F16InF32 => Variant::F16InF32,
            Self::F16 => Variant::F16,
            Self::I8 => Variant::I8,
            Self::CooperativeMatrix => Variant::F16ByBlocks,
        }
    }

    /// Returns what the GPU lacks for this arithmetic; `None` if it lacks nothing.
    #[must_use]
    pub fn missing(self, adapter: &Adapter) -> Option<&'static str> {
        match self {
            Self::F16InF32 | Self::F16 => has_f16(adapter).err(),
            Self::CooperativeMatrix => has_blocks(adapter).err(),
            Self::F32 | Self::I8 => None,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::F32 => F32_KERNEL,
            Self::F16InF32 | Self::F16 => F16_KERNEL,
            Self::I8 => I8_KERNEL,
            Self::CooperativeMatrix => BLOCK_KERNEL,
        }
    }

    /// Returns the tiles to try, the likeliest first.
    fn tiles(self, adapter: &Adapter) -> Vec<Tile> {
        let tile =
            |entry_point, [m, n, k, buffers]: [u32; 4]| Tile { entry_point, m, n, k, buffers };
        let all = |entry_point, tiles: &[[u32; 4]]| -> Vec<Tile> {
            tiles.iter().map(|&sides| tile(entry_point, sides)).collect()
        };
        match self {
            Self::F32 => {
                let mut tiles = all("multiply_8x8", &[[128, 128, 8, 2], [64, 64, 8, 2]]);
                tiles.extend(all("multiply_4x4", &[[64, 64, 16, 1], [32, 32, 16, 2]]));
                tiles.extend(all("multiply_8x8", &[[64, 128, 8, 2], [128, 128, 16, 1]]));
                tiles
            }
            Self::F16InF32 => {
                all("multiply_f32", &[[128, 128, 8, 2], [64, 64, 8, 2], [128, 128, 16, 1]])
            }
            Self::F16 => {
                all("multiply_f16", &[[128, 128, 8, 2], [64, 64, 8, 2], [128, 128, 16, 2]])
            }
            Self::I8 => all("multiply", &[[64, 64, 8, 2], [128, 128, 8, 2], [64, 64, 4, 2]]),
            Self::CooperativeMatrix => {
                let has = |side| adapter.matrix_blocks.contains(&side);
                let of_16 = [[128, 128, 32, 1], [128, 128, 16, 1], [64, 64, 16, 1]];
                let of_8 = [[64, 64, 8, 1], [32, 32, 8, 1], [64, 64, 16, 1]];
                let mut tiles = if has(16) { all("multiply_16", &of_16) } else { Vec::new() };
                tiles.extend(if has(8) { all("multiply_8", &of_8) } else { Vec::new() });
                tiles
            }
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.variant().name())
    }
}

/// A variant of a kernel: the tile of a workgroup, its step along k, and its buffers in shared
/// memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    entry_point: &'static str,
    m: u32,
    n: u32,
    k: u32,
    buffers: u32,
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry_point, m, n, k, buffers } = self;
        write!(f, "{entry_point}, {m} x {n} x {k}, {buffers} buffers")
    }
}

/// The matrix product workload of a GPU: the product of two random matrices, over and over.
#[derive(Debug)]
pub struct Matmul {
    arithmetic: Arithmetic,
    shape: Shape,
    tile: Tile,
    buffers: DeviceResource<Buffers>,
    routine: Routine,
    matrices: Matrices,
    checks: u64,
}

#[derive(Debug)]
struct Buffers {
    product: wgpu::Buffer,
    left: wgpu::Buffer,
    right: wgpu::Buffer,
}

/// The factors of the product, in the memory of the host.
enum Matrices {
    F32 { left: Vec<f32>, right: Vec<f32> },
    F16 { left: Vec<F16>, right: Vec<F16> },
    I8 { left: Vec<i8>, right: Vec<i8> },
}

impl Matrices {
    fn new(arithmetic: Arithmetic, shape: Shape) -> Result<Self, WorkloadError> {
        let (left, right) = (shape.m() * shape.k(), shape.k() * shape.n());
        macro_rules! random {
            ($variant:ident, $zero:expr) => {{
                let (mut left, mut right) = (reserve(left, $zero)?, reserve(right, $zero)?);
                fill(&mut left, 1);
                fill(&mut right, 2);
                Self::$variant { left, right }
            }};
        }
        Ok(match arithmetic {
            Arithmetic::F32 => random!(F32, 0.0_f32),
            Arithmetic::I8 => random!(I8, 0_i8),
            _ => random!(F16, F16::from_bits(0)),
        })
    }

    /// Returns the factors as the kernels read them: 8-bit integers along k, the others row by row.
    fn to_bytes(&self, shape: Shape) -> [Vec<u8>; 2] {
        match self {
            Self::F32 { left, right } => [bytes(left), bytes(right)],
            Self::F16 { left, right } => [left, right].map(|numbers| {
                bytes(&numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>())
            }),
            Self::I8 { left, right } => {
                let [m, n, k] = [shape.m(), shape.n(), shape.k()];
                let pitch = k.next_multiple_of(4);
                let mut rows = vec![0; m * pitch];
                for (to, from) in rows.chunks_exact_mut(pitch).zip(left.chunks_exact(k)) {
                    to[..k].copy_from_slice(from);
                }
                let mut columns = vec![0; n * pitch];
                for (column, to) in columns.chunks_exact_mut(pitch).enumerate() {
                    for (to, from) in to.iter_mut().zip(right[column..].iter().step_by(n)) {
                        *to = *from;
                    }
                }
                [bytes(&rows), bytes(&columns)]
            }
        }
    }

    fn check(
        &self,
        arithmetic: Arithmetic,
        shape: Shape,
        product: &[u8],
        seed: u64,
    ) -> Result<(), WorkloadError> {
        let words = product.as_chunks().0.iter().copied();
        match self {
            Self::F32 { left, right } => {
                let product: Vec<_> = words.map(f32::from_le_bytes).collect();
                let rounding = Rounding::F32.any();
                Product { shape, a: left, b: right, c: &product, rounding }.check(seed)
            }
            Self::F16 { left, right } if arithmetic == Arithmetic::F16 => {
                let halves = product.as_chunks().0.iter().copied();
                let product: Vec<_> = halves.map(u16::from_le_bytes).map(F16::from_bits).collect();
                let product = &product[..shape.m() * shape.n()];
                let rounding = Rounding::F16.any();
                Product { shape, a: left, b: right, c: product, rounding }.check(seed)
            }
            Self::F16 { left, right } => {
                let product: Vec<_> = words.map(f32::from_le_bytes).collect();
                let rounding = Rounding::F32.any();
                Product { shape, a: left, b: right, c: &product, rounding }.check(seed)
            }
            Self::I8 { left, right } => {
                let product: Vec<_> = words.map(i32::from_le_bytes).collect();
                let rounding = Rounding::EXACT;
                Product { shape, a: left, b: right, c: &product, rounding }.check(seed)
            }
        }
    }
}

impl fmt::Debug for Matrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matrices").finish_non_exhaustive()
    }
}

impl Matmul {
    /// Fills matrices with random numbers, copies them to the GPU and measures which tile suits
    /// them: one or two seconds.
    ///
    /// # Errors
    ///
    /// When the GPU lacks the arithmetic, a matrix is larger than it or the host can have, a sum of
    /// integers could be too large for an i32, or the device fails.
    pub fn new(
        device: &Device,
        arithmetic: Arithmetic,
        shape: Shape,
    ) -> Result<Self, WorkloadError> {
        let adapter = device.adapter();
        if let Some(missing) = arithmetic.missing(adapter) {
            return Err(DeviceError::Refused(format!("it has no {missing}")).into());
        }
        Self::check_size(adapter, arithmetic, shape)?;
        let matrices = Matrices::new(arithmetic, shape)?;
        let [left, right] = matrices.to_bytes(shape);
        let poison = poison(arithmetic, shape);
        let size = poison.len() as u64;
        let buffers = device.keep(move |context| {
            let (left, right) = (context.input(&left)?, context.input(&right)?);
            let product = context.output(size)?;
            context.write(&product, &poison)?;
            Ok(Buffers { product, left, right })
        })?;
        let (tile, kernel) = tune(&buffers, arithmetic, shape)?;
        let routine = Routine::new(kernel);
        // Tuning has written products too.
        let mut matmul = Self { arithmetic, shape, tile, buffers, routine, matrices, checks: 0 };
        matmul.spoil()?;
        Ok(matmul)
    }

    /// Checks that a GPU, and the host, can have matrices of a shape.
    ///
    /// # Errors
    ///
    /// When the matrices are too large, or a sum of integers could be.
    pub(crate) fn check_size(
        adapter: &Adapter,
        arithmetic: Arithmetic,
        shape: Shape,
    ) -> Result<(), WorkloadError> {
        let sides = [shape.m(), shape.n(), shape.k()];
        if let Some(&asked) = sides.iter().find(|&&side| side > MOST) {
            let (asked, limit) = (asked as u64, MOST as u64);
            return Err(WorkloadError::TooLarge { what: "rows or columns", asked, limit });
        }
        let (asked, limit) = (shape.k() as u64, i32::MAX as u64 / (127 * 127));
        if arithmetic == Arithmetic::I8 && asked > limit {
            let what = "products of 8-bit numbers in a sum of 32 bits";
            return Err(WorkloadError::TooLarge { what, asked, limit });
        }
        let elements = [shape.m() * shape.k(), shape.k() * shape.n(), shape.m() * shape.n()];
        for elements in elements {
            fits(adapter, "bytes for a matrix", elements as u64 * 4)?;
        }
        let bytes = elements.into_iter().map(|elements| elements as u64 * 8).sum();
        memory::check("bytes for a product and its check", Some(bytes)).map(drop)
    }

    /// Prepares square matrices of the size from which on larger ones are not faster; see
    /// [`grow`](crate::workload::grow), to which `time` is passed.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn tuned(
        device: &Device,
        arithmetic: Arithmetic,
        time: Duration,
    ) -> Result<Self, WorkloadError> {
        const FIRST: usize = 256;
        let make = |n| Self::new(device, arithmetic, Shape::square(n)?);
        crate::workload::grow(FIRST, time, make)
    }

    /// Returns the tile that was found to suit the matrices, in words.
    #[must_use]
    pub fn tile(&self) -> String {
        self.tile.to_string()
    }

    /// Overwrites the product with what no product is.
    fn spoil(&mut self) -> Result<(), DeviceError> {
        let poison = poison(self.arithmetic, self.shape);
        self.buffers.call(move |context, buffers| context.write(&buffers.product, &poison))
    }
}

impl Workload for Matmul {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Matmul,
            variant: self.arithmetic.variant(),
            size: Size::Product(self.shape),
            place: Place::Gpu(self.buffers.device().adapter().number),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let unit = match self.arithmetic {
            Arithmetic::I8 => WorkAmount::Operations(self.shape.flops()),
            _ => WorkAmount::Flops(self.shape.flops()),
        };
        self.routine.repeat(time, unit)
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        self.checks += 1;
        let product = self.buffers.call(|context, buffers| {
            let window = context.window(buffers.product.size())?;
            context.read(&buffers.product, 0, &window, <[u8]>::to_vec)
        })?;
        let checked = self.matrices.check(self.arithmetic, self.shape, &product, self.checks);
        self.spoil()?;
        checked
    }
}

/// Returns the bytes of a product that was not written, a whole number of words.
fn poison(arithmetic: Arithmetic, shape: Shape) -> Vec<u8> {
    let elements = shape.m() * shape.n();
    match arithmetic {
        Arithmetic::I8 => bytemuck::cast_slice(&vec![i32::UNWRITTEN; elements]).to_vec(),
        Arithmetic::F16 => {
            let halves = vec![F16::UNWRITTEN.to_bits(); elements.next_multiple_of(2)];
            bytemuck::cast_slice(&halves).to_vec()
        }
        _ => bytemuck::cast_slice(&vec![f32::UNWRITTEN; elements]).to_vec(),
    }
}

/// Tries the tiles while there is time, and returns the fastest.
fn tune(
    buffers: &DeviceResource<Buffers>,
    arithmetic: Arithmetic,
    shape: Shape,
) -> Result<(Tile, DeviceResource<Prepared>), WorkloadError> {
    let adapter = buffers.device().adapter();
    let subgroup = adapter.subgroup;
    let start = Instant::now();
    let mut best: Option<(Duration, Tile, DeviceResource<Prepared>)> = None;
    for tile in arithmetic.tiles(adapter) {
        if best.is_some() && start.elapsed() > TUNING {
            break;
        }
        let kernel = buffers.keep(move |context, buffers| {
            prepare(context, buffers, arithmetic, shape, tile, subgroup)
        })?;
        let took = kernel.call(|context, kernel| {
            // The first time, drivers may still compile.
            context.repeat(kernel, 1)?;
            let start = Instant::now();
            context.repeat(kernel, 1)?;
            Ok(start.elapsed())
        })?;
        if best.as_ref().is_none_or(|(fastest, ..)| took < *fastest) {
            best = Some((took, tile, kernel));
        }
    }
    let none = || DeviceError::Refused("no tile suits it".to_owned());
    let (_, tile, kernel) = best.ok_or_else(none)?;
    Ok((tile, kernel))
}

fn prepare(
    context: &Context,
    Buffers { product, left, right }: &Buffers,
    arithmetic: Arithmetic,
    shape: Shape,
    tile: Tile,
    subgroup: u32,
) -> Result<Prepared, DeviceError> {
    let [m, n, k] = [shape.m(), shape.n(), shape.k()].map(|side| side as u32);
    let words = arithmetic == Arithmetic::I8;
    let k = if words { k.div_ceil(4) } else { k };
    let aligned = k.is_multiple_of(4) && (words || n.is_multiple_of(4));
    let mut overrides = vec![
        ("TILE_M", f64::from(tile.m)),
        ("TILE_N", f64::from(tile.n)),
        ("TILE_K", f64::from(tile.k)),
        ("BUFFERS", f64::from(tile.buffers)),
        ("ALIGNED", f64::from(u8::from(aligned))),
    ];
    if arithmetic == Arithmetic::CooperativeMatrix {
        overrides.push(("SUBGROUP", f64::from(subgroup)));
    }
    let kernel = Kernel {
        source: arithmetic.source(),
        entry_point: tile.entry_point,
        overrides: &overrides,
        grid: [n.div_ceil(tile.n), m.div_ceil(tile.m)],
    };
    let params = [m, n, k, 0];
    context.prepare(&kernel, bytemuck::cast_slice(&params), product, &[left, right])
}
