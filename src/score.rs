//! The score: how fast each engine searches here, beside what users know and what is possible.
//!
//! Everything is timed in slices, in turn, so that the baseline, the roof and all engines meet the
//! same machine: on shared hardware the clock and the neighbours change from second to second, and
//! two rates taken apart do not compare.
//!
//! - *Baseline*: hashing whole headers with the `sha2` crate, as a user without a miner would.
//! - *Roof*: the rate at which the engine's kind of instructions run from registers
//!   ([`Engine::exercise`]), divided by what one hash needs of them at the least
//!   ([`Engine::instructions_per_hash`]).
//!
//! Processors are measured on one thread and on several; a GPU with as many threads as it wants to
//! be fed by, and with a target that some hashes meet: those are verified, and their number has to
//! be that of chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::block::Header;
use crate::engine::{Engine, EngineId, Failure, Fault, Wrong, job_with_chance, trial_job};
use crate::job::{Job, MAX_GROUP, NonceRange};
use crate::search::{MAX_THREADS, Stop, WorkersError, judge};

/// How long one slice of one thread lasts.
const SLICE: Duration = Duration::from_micros(700);

/// How long one slice of several threads lasts: they do not start and end at the same instant, and
/// what they miss of each other counts as time in which nothing was done.
const TEAM_SLICE: Duration = Duration::from_millis(3);

/// How many dispatches each thread that feeds a GPU has in a slice: the first starts on an idle
/// device and the last leaves it idle, for the time that it takes to start one.
const DISPATCHES: u32 = 2;

/// The chance of a hash to meet the target on a GPU: 1 in 2^18.
const CHANCE: u32 = 18;

/// What to score, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engines, each of which has passed [`crate::selftest::check`].
    pub engines: Vec<Arc<dyn Engine>>,
    /// The threads of the rows that use several.
    pub threads: usize,
    /// How long to measure, all rows together.
    pub time: Duration,
}

/// The rates of some slices: hashes per second.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// The fastest slice.
    pub best: f64,
    /// The slice that one in ten is faster than.
    pub p90: f64,
    /// The slice in the middle.
    pub median: f64,
    /// From the slowest tenth to the fastest tenth, as a share of the median.
    pub spread: f64,
    /// How many slices.
    pub slices: usize,
}

/// One engine on some threads, with or without version rolling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The engine.
    pub engine: EngineId,
    /// Threads that searched at the same time; of a GPU, those that fed it.
    pub threads: usize,
    /// Versions tried on each nonce: 1 without version rolling.
    pub versions: usize,
    /// Its rate.
    pub rate: Rate,
    /// The baseline's rate on as many threads; for a GPU, on all threads of the plan.
    pub baseline: Rate,
    /// The most that this kind of instructions could do on as many threads, from its best slice.
    pub roof: f64,
    /// Instructions that one hash takes.
    pub instructions_per_hash: f64,
    /// The share of the median slice in which the device worked, by its own clock; `None` where it
    /// has none.
    pub busy: Option<f64>,
}

impl Row {
    /// How many times the baseline's median the median is.
    #[must_use]
    pub fn times_baseline(&self) -> f64 {
        self.rate.median / self.baseline.median
    }

    /// The best slice as a share of the roof, 0 to about 1.
    #[must_use]
    pub fn of_roof(&self) -> f64 {
        self.rate.best / self.roof
    }
}

/// The rows of a plan.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// Processors on one thread first, then on several, then GPUs; the engines in the order of the
    /// plan, each without and then with version rolling.
    pub rows: Vec<Row>,
    /// Of the engines that failed on the way, and so have no rows.
    pub faults: Vec<Fault>,
    /// How long it took.
    pub took: Duration,
}

/// Measures every row of the plan, one thread and several, rolling and not, all in turn.
///
/// `progress` is told the share of the time that is over. When `stop` says so, the rows are made
/// of what was measured until then; there are none if that is less than one slice each.
///
/// # Errors
///
/// When there would be no thread or more than [`MAX_THREADS`], or the system gives no more.
pub fn measure(
    plan: &Plan,
    stop: &Stop,
    progress: &mut dyn FnMut(f64),
) -> Result<Measured, WorkersError> {
    if plan.threads == 0 || plan.threads > MAX_THREADS {
        return Err(WorkersError::Threads { threads: plan.threads });
    }
    let mut courses = courses(plan)?;
    let start = Instant::now();
    let mut faults: Vec<Fault> = Vec::new();
    let mut rounds = 0;
    // The first rounds find out how much work a slice is, and do not count.
    while rounds < WARM_UP + 1 || start.elapsed() < plan.time {
        for course in &mut courses {
            let failed = |fault: &Fault| course.subject.is_of(fault.engine);
            if !faults.iter().any(failed)
                && let Err(fault) = course.run(rounds >= WARM_UP)
            {
                faults.push(fault);
            }
        }
        rounds += 1;
        progress((start.elapsed().as_secs_f64() / plan.time.as_secs_f64()).min(1.0));
        if stop.is_stopped() {
            break;
        }
    }

    let failed = |row: &Row| faults.iter().any(|fault| fault.engine == row.engine);
    let mut rows = rows(&courses);
    rows.retain(|row| !failed(row));
    Ok(Measured { rows, faults, took: start.elapsed() })
}

/// Rounds that do not count.
const WARM_UP: u32 = 8;

/// Something that is measured on some threads, and what it has shown.
struct Course {
    team: Arc<Team>,
    subject: Subject,
    samples: Samples,
}

/// Everything that a plan asks for: for each team its baseline, then its engines.
fn courses(plan: &Plan) -> Result<Vec<Course>, WorkersError> {
    let of_cores = |engine: &&Arc<dyn Engine>| engine.feed().threads.is_none();
    let mut courses = Vec::new();
    let mut add = |team: &Arc<Team>, subject| {
        courses.push(Course { team: team.clone(), subject, samples: Samples::default() });
    };
    let mut threads = vec![1, plan.threads];
    threads.dedup();
    for threads in threads {
        let slice = if threads == 1 { SLICE } else { TEAM_SLICE };
        let team = Arc::new(Team::new(threads, slice)?);
        add(&team, Subject::Baseline);
        for engine in plan.engines.iter().filter(of_cores) {
            for subject in Subject::all_of(engine) {
                add(&team, subject);
            }
        }
    }
    for engine in &plan.engines {
        let feed = engine.feed();
        if let Some(threads) = feed.threads {
            let team = Arc::new(Team::new(threads, feed.piece * DISPATCHES)?);
            for subject in Subject::all_of(engine) {
                add(&team, subject);
            }
        }
    }
    Ok(courses)
}

impl Course {
    /// Measures a slice.
    fn run(&mut self, counts: bool) -> Result<(), Fault> {
        let slice = self.team.run(&self.subject, self.samples.work)?;
        self.samples.take(&slice, self.team.slice, counts);
        if let Subject::Search { engine, job, .. } = &self.subject {
            self.samples.check(job).map_err(|failure| Fault { engine: engine.id(), failure })?;
        }
        Ok(())
    }
}

/// Something whose rate is measured.
enum Subject {
    Baseline,
    Search {
        engine: Arc<dyn Engine>,
        job: Job,
        /// Nonces that no slice has searched yet begin here.
        fresh: AtomicU32,
    },
    Roof {
        engine: Arc<dyn Engine>,
    },
}

/// What a thread did of a slice.
#[derive(Clone, Copy, Default)]
struct Done {
    /// Hashes, or instructions.
    counted: u64,
    /// Candidates among the hashes.
    candidates: u64,
}

impl Subject {
    /// The searches of an engine, and its roof.
    fn all_of(engine: &Arc<dyn Engine>) -> [Self; 3] {
        let search = |versions| {
            // The comparison with a target that nothing meets is less work for a processor.
            let job = match engine.feed().threads {
                Some(_) => job_with_chance(CHANCE, versions),
                None => trial_job(versions),
            };
            Self::Search { engine: engine.clone(), job, fresh: AtomicU32::new(0) }
        };
        [search(1), search(MAX_GROUP), Self::Roof { engine: engine.clone() }]
    }

    fn is_of(&self, id: EngineId) -> bool {
        self.engine().is_some_and(|engine| engine.id() == id)
    }

    fn engine(&self) -> Option<&dyn Engine> {
        match self {
            Self::Baseline => None,
            Self::Search { engine, .. } | Self::Roof { engine } => Some(engine.as_ref()),
        }
    }

    /// Does some work, in units of its own.
    fn run(&self, work: u64) -> Result<Done, Fault> {
        Ok(match self {
            Self::Baseline => {
                let header = Header::from_bytes([0x5a; Header::LEN]);
                for nonce in 0..work as u32 {
                    std::hint::black_box(header.with_nonce(nonce).hash());
                }
                Done { counted: work, candidates: 0 }
            }
            Self::Search { engine, job, fresh } => {
                let start = fresh.fetch_add(work as u32, Ordering::Relaxed);
                let end = u64::from(start) + work;
                let nonces = NonceRange::new(start, end)
                    .unwrap_or_else(|_| NonceRange::ALL.split_at(work).0);
                let mut out = Vec::new();
                let counted = engine.scan(job, nonces, usize::MAX, &mut out)?.hashes;
                for &candidate in &out {
                    judge(job, nonces, candidate).map_err(|wrong| Fault {
                        engine: engine.id(),
                        failure: Failure::Wrong(wrong),
                    })?;
                }
                Done { counted, candidates: out.len() as u64 }
            }
            Self::Roof { engine } => Done { counted: engine.exercise(work as u32)?, candidates: 0 },
        })
    }
}

/// What a course has shown.
struct Samples {
    rates: Vec<f64>,
    busy: Vec<f64>,
    /// Of all slices.
    total: Done,
    /// Units of work that fill a slice.
    work: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { rates: Vec::new(), busy: Vec::new(), total: Done::default(), work: 64 }
    }
}

impl Samples {
    fn take(&mut self, slice: &Slice, length: Duration, counts: bool) {
        if counts {
            self.rates.push(slice.done.counted as f64 / slice.took);
            self.busy.extend(slice.busy.map(|busy| busy / slice.took));
        }
        self.total.counted += slice.done.counted;
        self.total.candidates += slice.done.candidates;
        let fit = length.as_secs_f64() / slice.took.max(1e-7);
        self.work =
            ((self.work as f64 * fit.clamp(0.25, 8.0)) as u64).clamp(1, u64::from(u32::MAX));
    }

    /// Whether as many hashes were candidates as are by chance: work that is left out shows here.
    fn check(&self, job: &Job) -> Result<(), Failure> {
        let chance = (f64::from(job.target().top_word()) + 1.0) / 2_f64.powi(32);
        let expected = self.total.counted as f64 * chance;
        // Eight standard deviations, and some where next to nothing is to be expected.
        if (self.total.candidates as f64 - expected).abs() <= 8.0 * expected.sqrt() + 8.0 {
            return Ok(());
        }
        let (found, expected) = (self.total.candidates, expected as u64);
        Err(Failure::Wrong(Wrong::Count { found, expected }))
    }

    /// `None` when nothing was measured.
    fn rate(&self) -> Option<Rate> {
        let mut sorted = self.rates.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| sorted[(last as f64 * share).round() as usize];
        let median = at(0.5);
        Some(Rate {
            best: at(1.0),
            p90: at(0.9),
            median,
            spread: (at(0.9) - at(0.1)) / median,
            slices: sorted.len(),
        })
    }

    /// The median.
    fn busy(&self) -> Option<f64> {
        let mut sorted = self.busy.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

struct Slice {
    /// By all threads together.
    done: Done,
    /// Seconds, from the start of the first thread to the end of the last.
    took: f64,
    /// Seconds that the device worked, where it says.
    busy: Option<f64>,
}

/// Threads that run a slice at the same time.
struct Team {
    threads: usize,
    pool: rayon::ThreadPool,
    slice: Duration,
}

impl Team {
    fn new(threads: usize, slice: Duration) -> Result<Self, WorkersError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| WorkersError::Start { threads, source })?;
        Ok(Self { threads, pool, slice })
    }

    /// Has every thread do the same work at the same time.
    fn run(&self, subject: &Subject, work: u64) -> Result<Slice, Fault> {
        let busy = || subject.engine().and_then(Engine::busy);
        let busy_before = busy();
        let waiting = AtomicUsize::new(self.threads);
        let done = self.pool.broadcast(|_| {
            // Sleeping threads would wake up one after the other; yielding lets more threads than
            // cores get here at all.
            waiting.fetch_sub(1, Ordering::AcqRel);
            while waiting.load(Ordering::Acquire) > 0 {
                thread::yield_now();
            }
            let start = Instant::now();
            let done = subject.run(work);
            (start, Instant::now(), done)
        });
        let start = done.iter().map(|&(start, _, _)| start).min();
        let end = done.iter().map(|&(_, end, _)| end).max();
        let took = end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start);
        let mut total = Done::default();
        for (_, _, done) in done {
            let Done { counted, candidates } = done?;
            total.counted += counted;
            total.candidates += candidates;
        }
        let busy = busy()
            .zip(busy_before)
            .map(|(after, before)| after.saturating_sub(before).as_secs_f64());
        Ok(Slice { done: total, took: took.as_secs_f64().max(1e-9), busy })
    }
}

/// The rows of all searches that were measured.
fn rows(courses: &[Course]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut baseline = None;
    for Course { team, subject, samples } in courses {
        let Some(rate) = samples.rate() else { continue };
        match subject {
            Subject::Baseline => baseline = Some(rate),
            Subject::Search { engine, job, .. } => {
                let versions = job.versions().len();
                rows.push(Row {
                    engine: engine.id(),
                    threads: team.threads,
                    versions,
                    rate,
                    baseline: baseline.unwrap_or(rate),
                    roof: f64::NAN,
                    instructions_per_hash: engine.instructions_per_hash(versions),
                    busy: samples.busy(),
                });
            }
            Subject::Roof { engine } => {
                let of_it =
                    |row: &&mut Row| row.engine == engine.id() && row.threads == team.threads;
                for row in rows.iter_mut().filter(of_it) {
                    row.roof = rate.best / row.instructions_per_hash;
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::by_id;

    fn plan(threads: usize, millis: u64) -> Plan {
        let scalar = by_id(EngineId::Scalar).expect("every machine has general registers");
        Plan { engines: vec![scalar], threads, time: Duration::from_millis(millis) }
    }

    #[test]
    fn a_plan_has_rows_for_one_thread_and_several_without_and_with_rolling() {
        let measured = measure(&plan(2, 1), &Stop::default(), &mut |_| ()).expect("two threads");
        let rows = measured.rows.iter().map(|row| (row.engine, row.threads, row.versions));
        let expected = [(1, 1), (1, MAX_GROUP), (2, 1), (2, MAX_GROUP)];
        assert!(rows.eq(expected.map(|(threads, versions)| (EngineId::Scalar, threads, versions))));
        for row in measured.rows {
            let Rate { best, p90, median, spread, slices } = row.rate;
            assert!(0.0 < median && median <= p90 && p90 <= best && spread >= 0.0, "{row:?}");
            assert!(slices > 0 && row.roof > 0.0 && row.baseline.median > 0.0, "{row:?}");
        }
    }

    #[test]
    fn a_stop_at_any_time_gives_whole_rows_or_none() {
        for calls in 0..12 {
            let stop = Stop::default();
            let mut left = calls;
            let mut tell = |_| {
                if left == 0 {
                    stop.stop();
                }
                left -= i32::from(left > 0);
            };
            let measured = measure(&plan(1, 60_000), &stop, &mut tell).expect("one thread");
            assert!([0, 2].contains(&measured.rows.len()), "{calls}: {measured:?}");
        }
    }

    #[test]
    fn work_that_was_left_out_is_noticed() {
        let job = job_with_chance(CHANCE, 1);
        for (slices, left_out, noticed) in [(400, 1, false), (400, 2, true), (3, 3, false)] {
            let mut samples = Samples::default();
            for _ in 0..slices {
                // Four candidates are to be expected of as many hashes.
                let done = Done { counted: 4 << CHANCE, candidates: 4 / left_out };
                let slice = Slice { done, took: 0.1, busy: None };
                samples.take(&slice, SLICE, false);
            }
            assert_eq!(samples.check(&job).is_err(), noticed, "{slices} slices, 1 / {left_out}");
        }
    }

    #[test]
    fn threads_that_make_no_sense_are_refused() {
        for threads in [0, MAX_THREADS + 1] {
            let refused = measure(&plan(threads, 1), &Stop::default(), &mut |_| ());
            assert!(matches!(refused, Err(WorkersError::Threads { threads: n }) if n == threads));
        }
    }
}
