//! An engine that does as it is told, and gates that threads wait at.

use super::*;

/// What an engine is asked for.
pub(super) struct Call<'a> {
    /// Who is asked.
    pub(super) id: EngineId,
    pub(super) engine: &'a dyn Engine,
    pub(super) job: &'a Job,
    pub(super) range: NonceRange,
    pub(super) limit: usize,
    pub(super) out: &'a mut Vec<Candidate>,
    /// How many there were before, of this engine.
    pub(super) number: usize,
}

impl Call<'_> {
    /// Fails.
    pub(super) fn fail(self, kind: impl Into<EngineErrorKind>) -> Result<Scanned, EngineError> {
        Err(EngineError { engine: self.id, kind: kind.into() })
    }
}

/// Does what is asked.
pub(super) fn scan(call: Call<'_>) -> Result<Scanned, EngineError> {
    let Call { engine, job, range, limit, out, .. } = call;
    engine.scan(job, range, limit, out)
}

/// An engine that answers calls in its own way, with a real one at hand.
pub(super) struct Fake {
    pub(super) id: EngineId,
    pub(super) feed: Batching,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) calls: Arc<AtomicUsize>,
    pub(super) answer: Box<Answer>,
}

pub(super) type Answer = dyn Fn(Call<'_>) -> Result<Scanned, EngineError> + Send + Sync;

impl Fake {
    /// On a CPU.
    pub(super) fn new(
        answer: impl Fn(Call<'_>) -> Result<Scanned, EngineError> + Send + Sync + 'static,
    ) -> Self {
        let engine = scalar_engine();
        let (id, feed, calls) = (engine.id(), engine.batching(), Arc::default());
        Self { id, feed, engine, calls, answer: Box::new(answer) }
    }

    /// On a CPU, doing something of its own before it scans.
    pub(super) fn before(before: impl Fn(NonceRange) + Send + Sync + 'static) -> Arc<dyn Engine> {
        Arc::new(Self::new(move |call| {
            before(call.range);
            scan(call)
        }))
    }

    /// The same on a GPU.
    pub(super) fn gpu(self) -> Self {
        Self { id: GPU, feed: FEED, ..self }
    }
}

pub(super) const GPU: EngineId = EngineId::Gpu(7);
pub(super) const FEED: Batching = Batching { threads: Some(2), piece: Duration::from_millis(75) };

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that is really {:?}", self.id, self.engine)
    }
}

impl Engine for Fake {
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
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let (id, engine) = (self.id, self.engine.as_ref());
        (self.answer)(Call { id, engine, job, range, limit, out, number })
    }

    fn batching(&self) -> Batching {
        self.feed
    }
}

/// Something that threads wait for.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str) {
        let shut = |open: &mut bool| !*open;
        let (_open, waited) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, shut).unwrap();
        assert!(!waited.timed_out(), "{what}");
    }
}
