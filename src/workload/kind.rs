//! Names of workloads: their kinds, and the variants of each kind.

use std::fmt;
use std::str::FromStr;

use crate::engine::EngineId;
use crate::units::UnknownNameError;

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// SHA-256d: double SHA-256 of block headers.
    Sha256d,
    /// Matrix products.
    Matmul,
    /// Memory bandwidth: reading and writing memory.
    Bandwidth,
    /// Peak rate of arithmetic from registers.
    Peak,
    /// Latency: the time from the launch of a tiny piece of work to its result.
    Latency,
}

impl Kind {
    /// All kinds of workloads.
    pub const ALL: [Self; 5] =
        [Self::Sha256d, Self::Matmul, Self::Peak, Self::Bandwidth, Self::Latency];

    /// Returns the name of the kind: `sha256d`, `matmul`, `peak`, `bandwidth` or `latency`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256d => "sha256d",
            Self::Matmul => "matmul",
            Self::Bandwidth => "bandwidth",
            Self::Peak => "peak",
            Self::Latency => "latency",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| {
            UnknownNameError::new("workload", name, "sha256d, matmul, peak, bandwidth or latency")
        })
    }
}

/// The variant of a workload within its kind: the engine of a search, the number type of a product,
/// or the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// SHA-256d: a search by this CPU engine.
    Engine(EngineId),
    /// SHA-256d: a search by a GPU engine.
    Gpu,
    /// SHA-256d: whole headers, hashed by the `sha2` crate (the baseline).
    Sha2Crate,
    /// Matrix products of binary64 (f64).
    F64,
    /// Matrix products of binary32 (f32).
    F32,
    /// Matrix products of binary16 (f16), accumulated in binary16 on GPUs and on `AArch64`
    /// processors with 16-bit arithmetic, else in binary32.
    F16,
    /// Matrix products of binary16 (f16), accumulated in binary32.
    F16InF32,
    /// Matrix products of binary16 (f16) by matrix units, accumulated in binary32; also the peak
    /// rate of those units.
    F16ByBlocks,
    /// Matrix products of 8-bit integers, accumulated in 32 bits.
    I8,
    /// Peak: fused multiply-adds of binary32 (f32).
    FmaF32,
    /// Peak: fused multiply-adds of binary64 (f64).
    FmaF64,
    /// Peak: fused multiply-adds of binary16 (f16).
    FmaF16,
    /// Peak: multiplications and additions of binary32 (f32), one of each in turn.
    MulAddF32,
    /// Peak: multiplications and additions of binary16 (f16), one of each in turn.
    MulAddF16,
    /// Peak: dot products of four 8-bit integers, accumulated in 32 bits.
    DotI8,
    /// Peak: the operations on 32-bit integers that a search is made of.
    I32,
    /// Peak: those of them that are rotations, shifts and logic.
    I32Logic,
    /// Peak: those of them that are additions.
    I32Sums,
    /// Memory bandwidth: STREAM copy, c = a.
    Copy,
    /// Memory bandwidth: STREAM triad, a = b + 3 c.
    Triad,
    /// Memory bandwidth: from the host to a GPU.
    Upload,
    /// Memory bandwidth: from a GPU to the host.
    Download,
    /// Latency: from the launch of a kernel that does next to nothing to its result.
    Launch,
}

impl Variant {
    /// All variants but those of [`EngineId::CPU`].
    const OTHERS: [Self; 22] = [
        Self::Gpu,
        Self::Sha2Crate,
        Self::F64,
        Self::F32,
        Self::F16,
        Self::F16InF32,
        Self::F16ByBlocks,
        Self::I8,
        Self::FmaF32,
        Self::FmaF64,
        Self::FmaF16,
        Self::MulAddF32,
        Self::MulAddF16,
        Self::DotI8,
        Self::I32,
        Self::I32Logic,
        Self::I32Sums,
        Self::Copy,
        Self::Triad,
        Self::Upload,
        Self::Download,
        Self::Launch,
    ];

    /// Returns the name of the variant in reports; that of every GPU engine is `gpu`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Engine(engine) => engine.name(),
            Self::Gpu => "gpu",
            Self::Sha2Crate => "sha2 crate",
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::F16InF32 => "f16 in f32",
            Self::F16ByBlocks => "f16 by blocks",
            Self::I8 => "i8",
            Self::FmaF32 => "f32 fma",
            Self::FmaF64 => "f64 fma",
            Self::FmaF16 => "f16 fma",
            Self::MulAddF32 => "f32 mul, add",
            Self::MulAddF16 => "f16 mul, add",
            Self::DotI8 => "i8 dot",
            Self::I32 => "i32",
            Self::I32Logic => "i32 logic",
            Self::I32Sums => "i32 sums",
            Self::Copy => "copy",
            Self::Triad => "triad",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Launch => "launch",
        }
    }

    /// Returns the bytes of an element of the factors and of the product; `None` if the variant is
    /// no matrix product.
    #[must_use]
    pub fn element_bytes(self) -> Option<(u64, u64)> {
        match self {
            Self::F64 => Some((8, 8)),
            Self::F32 => Some((4, 4)),
            Self::F16 => Some((2, 2)),
            Self::F16InF32 | Self::F16ByBlocks => Some((2, 4)),
            Self::I8 => Some((1, 4)),
            _ => None,
        }
    }
}

/// Returns the variant of a search by this engine.
impl From<EngineId> for Variant {
    fn from(engine: EngineId) -> Self {
        if let EngineId::Gpu(_) = engine { Self::Gpu } else { Self::Engine(engine) }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Variant {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let engines = EngineId::CPU.into_iter().map(Self::Engine);
        let known = engines.chain(Self::OTHERS).find(|variant| variant.name() == name);
        known.ok_or_else(|| UnknownNameError::new("variant of a workload", name, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let engines = EngineId::CPU.map(Variant::from);
        for variant in engines.into_iter().chain(Variant::OTHERS) {
            assert_eq!(variant.to_string().parse(), Ok(variant));
        }
        assert_eq!(Variant::from(EngineId::Gpu(3)), Variant::Gpu);
        for name in ["", "F32", "f32 ", "gpu:0", "products"] {
            assert!(name.parse::<Variant>().is_err(), "{name}");
        }
    }
}
