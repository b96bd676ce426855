//! What the examples that mine search with, and what becomes of it.

use std::error::Error;

use perjoule::engine::{self, EngineId};
use perjoule::search::{End, Outcome, Workers, WorkersBuilder};

use crate::told::tell;

/// Workers of these engines; or of the fastest of the processor, for so many versions at a time, and
/// every GPU that opens.
pub(crate) fn workers(ids: &[EngineId], versions: usize) -> Result<Workers, Box<dyn Error>> {
    let mut engines = Vec::new();
    for &id in ids {
        engines.push(engine::by_id(id)?);
    }
    if engines.is_empty() {
        engines.push(engine::best(versions));
        for gpu in engine::gpus() {
            match gpu {
                Ok(gpu) => engines.push(gpu),
                Err(unavailable) => tell(format_args!("{unavailable}; going on without it")),
            }
        }
    }
    let first = engines.remove(0);
    Ok(engines.into_iter().fold(Workers::builder(first), WorkersBuilder::engine).build()?)
}

/// Engines that have failed, of which each search tells again.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    /// Tells of those that failed in this search, unless none is left: that is for [`failure`].
    pub(crate) fn tell(&mut self, outcome: &Outcome) {
        if outcome.end == End::Failed {
            return;
        }
        for fault in outcome.faults.iter().map(ToString::to_string) {
            if !self.0.contains(&fault) {
                tell(format_args!("{fault}; going on without it"));
                self.0.push(fault);
            }
        }
    }
}

/// Why no engine is left.
pub(crate) fn failure(outcome: &Outcome) -> Box<dyn Error> {
    let faults: Vec<_> = outcome.faults.iter().map(ToString::to_string).collect();
    faults.join("; ").into()
}
