//! Finds the engines that `--engine` and `--device` ask for, and starts their threads.

use std::sync::Arc;

#[cfg(feature = "gpu")]
use perjoule::engine::gpu::TuningCache;
use perjoule::engine::{self, Engine, EngineId, UnavailableEngineError};
use perjoule::search::{Workers, WorkersBuilder, WorkersError};
use perjoule::units::UnknownNameError;

use super::{Error, note};

/// One engine by name, or `all`: engines of the processor and every GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Choice {
    One(EngineId),
    All,
}

pub(super) fn choice(text: &str) -> Result<Choice, UnknownNameError> {
    match text {
        "all" => Ok(Choice::All),
        name => name.parse().map(Choice::One),
    }
}

/// How GPUs are opened.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Opening {
    /// Tune GPUs anew, in up to four seconds each, instead of using what was kept of an earlier run
    #[arg(long)]
    retune: bool,
}

#[cfg(feature = "gpu")]
impl Opening {
    fn cache(self) -> TuningCache {
        let cache = TuningCache::of_user();
        if self.retune { cache.anew() } else { cache }
    }

    fn by_id(self, id: EngineId) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
        match id {
            EngineId::Gpu(number) => engine::gpu_with(number, &self.cache()),
            id => engine::by_id(id),
        }
    }

    fn gpus(self) -> Vec<Result<Arc<dyn Engine>, UnavailableEngineError>> {
        engine::gpus_with(&self.cache())
    }
}

#[cfg(not(feature = "gpu"))]
impl Opening {
    fn by_id(self, id: EngineId) -> Result<Arc<dyn Engine>, UnavailableEngineError> {
        // There is nothing to be tuned.
        let Self { retune: _ } = self;
        engine::by_id(id)
    }

    fn gpus(self) -> Vec<Result<Arc<dyn Engine>, UnavailableEngineError>> {
        let Self { retune: _ } = self;
        engine::gpus()
    }
}

/// Returns the engines of all choices of an argument, once each, those of the processor first.
/// `all` stands for `of_cores` and every GPU; a GPU among them that cannot be opened is reported
/// and left out.
pub(super) fn chosen(
    argument: &str,
    choices: &[Choice],
    opening: Opening,
    of_cores: impl FnOnce() -> Vec<Arc<dyn Engine>>,
) -> Result<Vec<Arc<dyn Engine>>, Error> {
    let mut engines = Vec::new();
    if choices.contains(&Choice::All) {
        engines.extend(of_cores());
        for gpu in opening.gpus() {
            match gpu {
                Ok(gpu) => engines.push(gpu),
                Err(unavailable) => note(&format!("{unavailable}; going on without it")),
            }
        }
    }
    for &choice in choices {
        let Choice::One(id) = choice else { continue };
        if engines.iter().all(|engine| engine.id() != id) {
            engines.push(opening.by_id(id).map_err(|error| Error::input(argument, error))?);
        }
    }
    engines.sort_by_key(|engine| engine.id());
    Ok(engines)
}

/// Starts threads for these engines: as many as `--threads` says, each on one core with `--pin`.
pub(super) fn workers(
    engines: Vec<Arc<dyn Engine>>,
    threads: Option<usize>,
    pin: bool,
) -> Result<Workers, Error> {
    let mut engines = engines.into_iter();
    let Some(first) = engines.next() else {
        return Err(Error::failure("search", "there is no engine"));
    };
    let mut builder = engines.fold(Workers::builder(first), WorkersBuilder::engine).pinned(pin);
    if let Some(threads) = threads {
        builder = builder.threads(threads);
    }
    builder.build().map_err(|error| match error {
        WorkersError::Threads { .. } => Error::input("--threads", error),
        WorkersError::Pinning => Error::input("--pin", error),
        _ => Error::failure("search", error),
    })
}
