//! The CPU engines: which ones there are, what each needs, and the one implementation over lanes.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use super::{Benchmark, Candidate, Engine, EngineError, EngineId, Pipe, Scanned, trial_job};
use crate::engine::scan::Scan;
use crate::job::{Job, NonceRange};
use crate::lanes::counting::Counting;
#[cfg(target_arch = "x86_64")]
use crate::lanes::pair::Paired;
#[cfg(target_arch = "x86_64")]
use crate::lanes::scalar::Bmi2;
use crate::lanes::scalar::Scalar;
use crate::lanes::{Costs, Isa, Lanes};
use crate::sha256::peak::Peak;

/// What this processor offers for one engine.
pub(super) struct Detected {
    /// The engine, or the instruction sets that the processor lacks for it.
    pub(super) engine: Result<Arc<dyn Engine>, Vec<&'static str>>,
    /// The instruction sets of this processor that the engine makes use of.
    pub(super) has: Vec<&'static str>,
}

impl Detected {
    /// Makes the engine from a detection token, which needs these instruction sets.
    fn by<T>(
        needs: &[&'static str],
        token: Result<T, Vec<&'static str>>,
        engine: impl FnOnce(T) -> Arc<dyn Engine>,
    ) -> Self {
        let lacks = |set: &&str| token.as_ref().is_err_and(|missing| missing.contains(set));
        let has = needs.iter().filter(|set| !lacks(set)).copied().collect();
        Self { engine: token.map(engine), has }
    }

    fn never(what: &'static str) -> Self {
        Self { engine: Err(vec![what]), has: Vec::new() }
    }

    fn scalar() -> Self {
        #[cfg(target_arch = "x86_64")]
        let has = Self::by(Bmi2::NEEDS, Bmi2::detect(), |isa| on_lanes(EngineId::Scalar, isa)).has;
        #[cfg(not(target_arch = "x86_64"))]
        let has = Vec::new();
        Self { engine: Ok(scalar()), has }
    }
}

/// Looks for an engine on this processor.
#[cfg(target_arch = "x86_64")]
pub(super) fn detect(id: EngineId) -> Detected {
    use super::x86_shani::ShaNi;
    use crate::lanes::{x86_avx2::Avx2, x86_avx512::Avx512, x86_sse41::Sse41};
    match id {
        EngineId::Scalar => Detected::scalar(),
        EngineId::Sse41 => Detected::by(Sse41::NEEDS, Sse41::detect(), |isa| on_lanes(id, isa)),
        EngineId::Avx2 => Detected::by(Avx2::NEEDS, Avx2::detect(), |isa| on_lanes(id, isa)),
        EngineId::Avx2x2 => {
            Detected::by(Avx2::NEEDS, Avx2::detect(), |isa| on_lanes(id, Paired(isa, isa)))
        }
        EngineId::Avx512 => Detected::by(Avx512::NEEDS, Avx512::detect(), |isa| on_lanes(id, isa)),
        EngineId::Avx512x3 => Detected::by(Avx512::NEEDS, Avx512::detect(), |isa| {
            on_lanes(id, Paired(isa, Paired(isa, isa)))
        }),
        EngineId::ShaNi => Detected::by(ShaNi::NEEDS, ShaNi::detect(), |sha| Arc::new(sha)),
        EngineId::Neon | EngineId::ArmV8Sha2 => Detected::never(AARCH64),
        EngineId::Gpu(_) => Detected::never(GPU),
        EngineId::Custom(_) => Detected::never(CUSTOM),
    }
}

/// Looks for an engine on this processor.
#[cfg(target_arch = "aarch64")]
pub(super) fn detect(id: EngineId) -> Detected {
    use super::aarch64_sha2::ArmV8Sha2;
    use crate::lanes::aarch64_neon::Neon;
    match id {
        EngineId::Scalar => Detected::scalar(),
        EngineId::Neon => Detected::by(Neon::NEEDS, Neon::detect(), |isa| on_lanes(id, isa)),
        EngineId::ArmV8Sha2 => {
            Detected::by(ArmV8Sha2::NEEDS, ArmV8Sha2::detect(), |sha| Arc::new(sha))
        }
        EngineId::Sse41
        | EngineId::Avx2
        | EngineId::Avx2x2
        | EngineId::Avx512
        | EngineId::Avx512x3
        | EngineId::ShaNi => Detected::never(X86_64),
        EngineId::Gpu(_) => Detected::never(GPU),
        EngineId::Custom(_) => Detected::never(CUSTOM),
    }
}

/// Looks for an engine on this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn detect(id: EngineId) -> Detected {
    match id {
        EngineId::Scalar => Detected::scalar(),
        EngineId::Neon | EngineId::ArmV8Sha2 => Detected::never(AARCH64),
        EngineId::Gpu(_) => Detected::never(GPU),
        EngineId::Custom(_) => Detected::never(CUSTOM),
        _ => Detected::never(X86_64),
    }
}

#[cfg(not(target_arch = "aarch64"))]
const AARCH64: &str = "an AArch64 processor";
#[cfg(not(target_arch = "x86_64"))]
const X86_64: &str = "an x86-64 processor";
const GPU: &str = "a GPU";
const CUSTOM: &str = "the crate that it is of";

/// Returns the scalar engine, which every machine has.
pub(super) fn scalar() -> Arc<dyn Engine> {
    #[cfg(target_arch = "x86_64")]
    if let Ok(isa) = Bmi2::detect() {
        return on_lanes(EngineId::Scalar, isa);
    }
    on_lanes(EngineId::Scalar, Scalar)
}

fn on_lanes<I: Isa + Send + Sync + Debug + 'static>(id: EngineId, isa: I) -> Arc<dyn Engine> {
    Arc::new(OnLanes { id, isa })
}

/// Returns the operations of the generic scan for one hash, weighed by `costs`.
pub(super) fn per_hash(versions: usize, costs: Costs) -> f64 {
    let asked = Cell::new(Costs::default());
    let job = trial_job(versions);
    let range = NonceRange::ALL.split_at(1).0;
    let scan = Scan { job: &job, range, limit: usize::MAX, out: &mut Vec::new() };
    let scanned = Counting(&asked).enter(scan);
    f64::from(asked.get().cost(costs)) / scanned.hashes as f64
}

/// An engine: the generic scan on one instruction set.
#[derive(Debug)]
struct OnLanes<I> {
    id: EngineId,
    isa: I,
}

impl<I: Isa + Send + Sync + Debug> Engine for OnLanes<I> {
    fn id(&self) -> EngineId {
        self.id
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        Ok(self.isa.enter(Scan { job, range, limit, out }))
    }

    fn benchmark(&self) -> Option<&dyn Benchmark> {
        Some(self)
    }
}

impl<I: Isa + Send + Sync + Debug> Benchmark for OnLanes<I> {
    fn ops_per_hash(&self, _pipe: Pipe, versions: usize) -> f64 {
        per_hash(versions, I::Lanes::COSTS) / I::Lanes::LANES as f64
    }

    fn peak_ops(&self, _pipe: Pipe, rounds: u32) -> Result<u64, EngineError> {
        Ok(self.isa.enter(Peak { rounds }))
    }

    fn lanes(&self) -> Option<usize> {
        Some(lanes_of(self.isa.single()))
    }
}

fn lanes_of<I: Isa>(_: I) -> usize {
    I::Lanes::LANES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{available, by_id, instruction_sets, survey};

    #[test]
    fn instruction_sets_are_those_of_the_engines() {
        let sets = instruction_sets();
        for unavailable in survey().iter().filter_map(|engine| engine.as_ref().err()) {
            for missing in unavailable.missing() {
                assert!(!sets.contains(missing), "{}: {missing}", unavailable.id());
            }
        }
        #[cfg(target_arch = "x86_64")]
        if by_id(EngineId::ShaNi).is_ok() {
            assert!(["ssse3", "sse4.1", "sha"].iter().all(|needed| sets.contains(needed)));
        }
        let custom = by_id(EngineId::Custom("fpga")).expect_err("it is not ours").to_string();
        assert!(custom.ends_with("it needs the crate that it is of"), "{custom}");
    }

    #[test]
    fn engines_on_lanes_know_how_many() {
        for engine in available() {
            let lanes = engine.benchmark().expect("all of ours are measured").lanes();
            let expected = match engine.id() {
                EngineId::Scalar => Some(1),
                EngineId::Sse41 | EngineId::Neon => Some(4),
                EngineId::Avx2 | EngineId::Avx2x2 => Some(8),
                EngineId::Avx512 | EngineId::Avx512x3 => Some(16),
                _ => None,
            };
            assert_eq!(lanes, expected, "{}", engine.id());
        }
    }
}
