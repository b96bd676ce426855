//! The CPU engines: which there are, what each needs, and the one implementation over lanes.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use super::{Candidate, Engine, EngineError, EngineId, Scanned, trial_job};
use crate::engine::scan::Scan;
use crate::job::{Job, NonceRange};
use crate::lanes::counting::Counting;
#[cfg(target_arch = "x86_64")]
use crate::lanes::pair::Paired;
use crate::lanes::scalar::Scalar;
use crate::lanes::{Costs, Isa, Lanes};
use crate::sha256::peak::Peak;

/// The engine, or what this processor lacks for it.
#[cfg(target_arch = "x86_64")]
pub(super) fn detect(id: EngineId) -> Result<Arc<dyn Engine>, Vec<&'static str>> {
    use super::x86_shani::ShaNi;
    use crate::lanes::{x86_avx2::Avx2, x86_avx512::Avx512, x86_sse41::Sse41};
    Ok(match id {
        EngineId::Scalar => scalar(),
        EngineId::Sse41 => on_lanes(id, Sse41::detect()?),
        EngineId::Avx2 => on_lanes(id, Avx2::detect()?),
        EngineId::Avx2x2 => {
            let isa = Avx2::detect()?;
            on_lanes(id, Paired(isa, isa))
        }
        EngineId::Avx512 => on_lanes(id, Avx512::detect()?),
        EngineId::Avx512x3 => {
            let isa = Avx512::detect()?;
            on_lanes(id, Paired(isa, Paired(isa, isa)))
        }
        EngineId::ShaNi => Arc::new(ShaNi::detect()?),
        EngineId::Neon | EngineId::ArmV8Sha2 => return Err(vec![AARCH64]),
        EngineId::Gpu(_) => return Err(vec![GPU]),
    })
}

/// The engine, or what this processor lacks for it.
#[cfg(target_arch = "aarch64")]
pub(super) fn detect(id: EngineId) -> Result<Arc<dyn Engine>, Vec<&'static str>> {
    use super::aarch64_sha2::ArmV8Sha2;
    use crate::lanes::aarch64_neon::Neon;
    Ok(match id {
        EngineId::Scalar => scalar(),
        EngineId::Neon => on_lanes(id, Neon::detect()?),
        EngineId::ArmV8Sha2 => Arc::new(ArmV8Sha2::detect()?),
        EngineId::Gpu(_) => return Err(vec![GPU]),
        _ => return Err(vec![X86_64]),
    })
}

/// The engine, or what this processor lacks for it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn detect(id: EngineId) -> Result<Arc<dyn Engine>, Vec<&'static str>> {
    match id {
        EngineId::Scalar => Ok(scalar()),
        EngineId::Neon | EngineId::ArmV8Sha2 => Err(vec![AARCH64]),
        EngineId::Gpu(_) => Err(vec![GPU]),
        _ => Err(vec![X86_64]),
    }
}

#[cfg(not(target_arch = "aarch64"))]
const AARCH64: &str = "an AArch64 processor";
#[cfg(not(target_arch = "x86_64"))]
const X86_64: &str = "an x86-64 processor";
const GPU: &str = "a GPU";

/// The engine that every machine has.
pub(super) fn scalar() -> Arc<dyn Engine> {
    #[cfg(target_arch = "x86_64")]
    if let Ok(isa) = crate::lanes::scalar::Bmi2::detect() {
        return on_lanes(EngineId::Scalar, isa);
    }
    on_lanes(EngineId::Scalar, Scalar)
}

fn on_lanes<I: Isa + Send + Sync + Debug + 'static>(id: EngineId, isa: I) -> Arc<dyn Engine> {
    Arc::new(OnLanes { id, isa })
}

/// Operations of the generic scan for one hash, weighed by `costs`.
pub(super) fn per_hash(versions: usize, costs: Costs) -> f64 {
    let asked = Cell::new(Costs::default());
    let job = trial_job(versions);
    let range = NonceRange::ALL.split_at(1).0;
    let scan = Scan { job: &job, range, limit: usize::MAX, out: &mut Vec::new() };
    let scanned = Counting(&asked).enter(scan);
    f64::from(asked.get().cost(costs)) / scanned.hashes as f64
}

/// The generic scan on one instruction set.
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

    fn ops_per_hash(&self, versions: usize) -> f64 {
        per_hash(versions, I::Lanes::COSTS) / I::Lanes::LANES as f64
    }

    fn peak_ops(&self, rounds: u32) -> Result<u64, EngineError> {
        Ok(self.isa.enter(Peak { rounds }))
    }
}
