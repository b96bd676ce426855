//! Names of the engines, on any machine.

use crate::units::UnknownNameError;
use std::fmt;
use std::str::FromStr;

/// The name of an engine: one of this crate's, whether this machine has it or not, or one of
/// another crate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EngineId {
    /// The scalar engine: one nonce at a time in general registers, with BMI2 instructions where
    /// the processor has them.
    Scalar,
    /// The x86-64 SSE4.1 engine: four nonces at a time.
    Sse41,
    /// The x86-64 AVX2 engine: eight nonces at a time.
    Avx2,
    /// The x86-64 AVX2 engine with two batches of eight nonces.
    Avx2x2,
    /// The x86-64 AVX-512 engine: sixteen nonces at a time.
    Avx512,
    /// The x86-64 AVX-512 engine with three batches of sixteen nonces.
    Avx512x3,
    /// The engine with the x86-64 SHA extensions: some nonces at a time, interleaved.
    ShaNi,
    /// The `AArch64` Advanced SIMD (NEON) engine: four nonces at a time.
    Neon,
    /// The engine with the `AArch64` SHA2 extension: some nonces at a time, interleaved.
    ArmV8Sha2,
    /// A GPU engine, by the number of the GPU on this machine, from 0.
    Gpu(u8),
    /// An engine of another crate, by the name that it gives itself.
    Custom(&'static str),
}

impl EngineId {
    /// All CPU engines, in the order in which lists and tables show them.
    pub const CPU: [Self; 9] = [
        Self::Scalar,
        Self::Sse41,
        Self::Avx2,
        Self::Avx2x2,
        Self::Avx512,
        Self::Avx512x3,
        Self::ShaNi,
        Self::Neon,
        Self::ArmV8Sha2,
    ];

    /// Returns the name of the engine without a number: `gpu` for every GPU.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse41 => "sse41",
            Self::Avx2 => "avx2",
            Self::Avx2x2 => "avx2x2",
            Self::Avx512 => "avx512",
            Self::Avx512x3 => "avx512x3",
            Self::ShaNi => "sha-ni",
            Self::Neon => "neon",
            Self::ArmV8Sha2 => "armv8-sha2",
            Self::Gpu(_) => "gpu",
            Self::Custom(name) => name,
        }
    }
}

/// Writes the name that the command and its reports use, such as `avx2` or `gpu:0`.
impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu(number) => f.pad(&format!("{GPU}{number}")),
            _ => f.pad(self.name()),
        }
    }
}

/// Prefix of the name of a GPU.
const GPU: &str = "gpu:";

impl FromStr for EngineId {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, UnknownNameError> {
        let gpu = name.strip_prefix(GPU).and_then(|number| number.parse().ok()).map(Self::Gpu);
        let known = Self::CPU.into_iter().chain(gpu).find(|id| id.to_string() == name);
        known.ok_or_else(|| {
            UnknownNameError::new("engine", name, format!("one of {}, gpu:0, gpu:1 …", names()))
        })
    }
}

fn names() -> String {
    EngineId::CPU.map(|id| id.to_string()).join(", ")
}
