//! The searches of an engine, and what bounds them.

use std::sync::Arc;
use std::time::Duration;

use super::group::Group;
use crate::engine::{Benchmark, Engine};
use crate::job::MAX_GROUP;
use crate::workload::WorkloadError;
use crate::workload::sha256d::{EnginePeak, HashSearch};

/// Adds searches of an engine with one version and with several to a group, and hidden, each kind of units that may
/// bound them. `baseline` is the place of what they are compared with besides.
pub(super) fn add(
    group: &mut Group,
    engine: &Arc<dyn Engine>,
    slice: Duration,
    threads: usize,
    baseline: Option<usize>,
) -> Result<(), WorkloadError> {
    let mut roofs = Vec::new();
    for &pipe in engine.benchmark().map_or(&[][..], Benchmark::pipes) {
        let peak = EnginePeak::new(engine.clone(), pipe, threads);
        let peak = group.add(engine.id(), slice, peak)?;
        group.hide(peak);
        roofs.push((pipe, peak));
    }
    for versions in [1, MAX_GROUP] {
        let search = HashSearch::new(engine.clone(), versions, threads);
        let search = group.add(engine.id(), slice, search)?;
        if let Some(benchmark) = engine.benchmark() {
            let bound = |&(pipe, peak)| Some((peak?, benchmark.ops_per_hash(pipe, versions)));
            // Where one could not be measured the others do not say what bounds the search.
            let bounds: Option<Vec<_>> = roofs.iter().map(bound).collect();
            group.bound(search, bounds.unwrap_or_default());
        }
        group.set_baseline(search, baseline);
    }
    Ok(())
}
