//! The names of the engines, on any machine.

use std::fmt;
use std::str::FromStr;

/// The engines there are, on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EngineId {
    /// General registers, one nonce; with BMI2 where the processor has it.
    Scalar,
    /// x86-64 SSE4.1, four nonces.
    Sse41,
    /// x86-64 AVX2, eight nonces.
    Avx2,
    /// x86-64 AVX2, two batches of eight nonces.
    Avx2x2,
    /// x86-64 AVX-512, sixteen nonces.
    Avx512,
    /// x86-64 AVX-512, three batches of sixteen nonces.
    Avx512x3,
    /// x86-64 SHA extensions, interleaved nonces.
    ShaNi,
    /// `AArch64` Advanced SIMD, four nonces.
    Neon,
    /// `AArch64` SHA2 extension, interleaved nonces.
    ArmV8Sha2,
    /// A GPU, by its number among those of this machine.
    Gpu(u8),
    /// An engine of another crate, by the name that it gives itself.
    Custom(&'static str),
}

impl EngineId {
    /// Every engine of a CPU, in the order of lists and tables.
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

    /// Its name without a number: `gpu` for every GPU.
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

/// The name that the command and its reports use.
impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu(number) => f.pad(&format!("{GPU}{number}")),
            _ => f.pad(self.name()),
        }
    }
}

/// What the name of a GPU begins with.
const GPU: &str = "gpu:";

impl FromStr for EngineId {
    type Err = UnknownEngineError;

    fn from_str(name: &str) -> Result<Self, UnknownEngineError> {
        let gpu = name.strip_prefix(GPU).and_then(|number| number.parse().ok()).map(Self::Gpu);
        let known = Self::CPU.into_iter().chain(gpu).find(|id| id.to_string() == name);
        known.ok_or_else(|| UnknownEngineError { name: name.to_owned() })
    }
}

/// A name that no engine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no engine is called {name:?}, expected one of {}, gpu:0, gpu:1 …", names())]
pub struct UnknownEngineError {
    name: String,
}

fn names() -> String {
    EngineId::CPU.map(|id| id.to_string()).join(", ")
}
