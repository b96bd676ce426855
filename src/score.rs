//! The score: how fast each engine searches here, beside what users know and what is possible.
//!
//! Everything is timed in slices of about a millisecond, in turn, so that the baseline, the
//! roof and all engines meet the same machine: on shared hardware the clock and the neighbours
//! change from second to second, and two rates taken apart do not compare.
//!
//! - *Baseline*: hashing whole headers with the `sha2` crate, as a user without a miner would.
//! - *Roof*: the rate at which the engine's kind of instructions run from registers
//!   ([`Engine::exercise`]), divided by what one hash needs of them at the least
//!   ([`Engine::instructions_per_hash`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::block::Header;
use crate::engine::{Engine, EngineId, Fault, trial_job};
use crate::job::{Job, MAX_GROUP, NonceRange};
use crate::search::{MAX_THREADS, Stop, WorkersError};

/// How long one slice of one thread lasts.
const SLICE: Duration = Duration::from_micros(700);

/// How long one slice of several threads lasts: they do not start and end at the same instant, and
/// what they miss of each other counts as time in which nothing was done.
const TEAM_SLICE: Duration = Duration::from_millis(3);

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
    /// Threads that searched at the same time.
    pub threads: usize,
    /// Versions tried on each nonce: 1 without version rolling.
    pub versions: usize,
    /// Its rate.
    pub rate: Rate,
    /// The baseline's rate on as many threads.
    pub baseline: Rate,
    /// The most that this kind of instructions could do on as many threads, from its best slice.
    pub roof: f64,
    /// Instructions that one hash takes.
    pub instructions_per_hash: f64,
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
    /// One thread first, then several; the engines in the order of the plan, each without and then
    /// with version rolling.
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
    let mut teams = vec![Team::new(1)?];
    if plan.threads > 1 {
        teams.push(Team::new(plan.threads)?);
    }
    let subjects = subjects(&plan.engines);
    let mut samples: Vec<Vec<Samples>> =
        teams.iter().map(|_| subjects.iter().map(|_| Samples::default()).collect()).collect();

    let start = Instant::now();
    let mut faults: Vec<Fault> = Vec::new();
    let mut rounds = 0;
    // The first rounds find out how much work a slice is, and do not count.
    while rounds < WARM_UP + 1 || start.elapsed() < plan.time {
        for (team, samples) in teams.iter().zip(&mut samples) {
            for (subject, samples) in subjects.iter().zip(samples) {
                if faults.iter().any(|fault| subject.is_of(fault.engine)) {
                    continue;
                }
                match team.rate(subject, samples.work) {
                    Ok(slice) => samples.take(&slice, team.slice(), rounds >= WARM_UP),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        rounds += 1;
        progress((start.elapsed().as_secs_f64() / plan.time.as_secs_f64()).min(1.0));
        if stop.is_stopped() {
            break;
        }
    }

    let rows =
        teams.iter().zip(samples).flat_map(|(team, samples)| rows(team, &subjects, &samples));
    let failed = |row: &Row| faults.iter().any(|fault| fault.engine == row.engine);
    let rows =
        if rounds > WARM_UP { rows.filter(|row| !failed(row)).collect() } else { Vec::new() };
    Ok(Measured { rows, faults, took: start.elapsed() })
}

/// Rounds that do not count.
const WARM_UP: u32 = 8;

/// Something whose rate is measured.
enum Subject {
    Baseline,
    Search { engine: Arc<dyn Engine>, job: Job },
    Roof { engine: Arc<dyn Engine> },
}

fn subjects(engines: &[Arc<dyn Engine>]) -> Vec<Subject> {
    let of_engine = engines.iter().flat_map(|engine| {
        let search =
            |versions| Subject::Search { engine: engine.clone(), job: trial_job(versions) };
        [search(1), search(MAX_GROUP), Subject::Roof { engine: engine.clone() }]
    });
    std::iter::once(Subject::Baseline).chain(of_engine).collect()
}

impl Subject {
    fn is_of(&self, id: EngineId) -> bool {
        match self {
            Self::Baseline => false,
            Self::Search { engine, .. } | Self::Roof { engine } => engine.id() == id,
        }
    }

    /// Does some work, in units of its own, and returns what is counted of it: hashes, or
    /// instructions.
    fn run(&self, work: u64) -> Result<u64, Fault> {
        Ok(match self {
            Self::Baseline => {
                let header = Header::from_bytes([0x5a; Header::LEN]);
                for nonce in 0..work as u32 {
                    std::hint::black_box(header.with_nonce(nonce).hash());
                }
                work
            }
            Self::Search { engine, job } => {
                let range = NonceRange::ALL.split_at(work).0;
                engine.scan(job, range, usize::MAX, &mut Vec::new())?.hashes
            }
            Self::Roof { engine } => engine.exercise(work as u32)?,
        })
    }
}

/// What one subject has shown on one team.
struct Samples {
    rates: Vec<f64>,
    /// Units of work that fill a slice.
    work: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { rates: Vec::new(), work: 64 }
    }
}

impl Samples {
    fn take(&mut self, slice: &Slice, length: Duration, counts: bool) {
        if counts {
            self.rates.push(slice.rate);
        }
        let fit = length.as_secs_f64() / slice.took.max(1e-7);
        self.work =
            ((self.work as f64 * fit.clamp(0.25, 4.0)) as u64).clamp(1, u64::from(u32::MAX));
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
}

struct Slice {
    /// Counted units per second, of all threads together.
    rate: f64,
    /// Seconds, from the start of the first thread to the end of the last.
    took: f64,
}

/// Threads that run a slice at the same time.
struct Team {
    threads: usize,
    pool: rayon::ThreadPool,
}

impl Team {
    fn new(threads: usize) -> Result<Self, WorkersError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| WorkersError::Start { threads, source })?;
        Ok(Self { threads, pool })
    }

    fn slice(&self) -> Duration {
        if self.threads == 1 { SLICE } else { TEAM_SLICE }
    }

    /// Has every thread do the same work at the same time.
    fn rate(&self, subject: &Subject, work: u64) -> Result<Slice, Fault> {
        let waiting = AtomicUsize::new(self.threads);
        let done = self.pool.broadcast(|_| {
            // Sleeping threads would wake up one after the other; yielding lets more threads than
            // cores get here at all.
            waiting.fetch_sub(1, Ordering::AcqRel);
            while waiting.load(Ordering::Acquire) > 0 {
                thread::yield_now();
            }
            let start = Instant::now();
            let counted = subject.run(work);
            (start, Instant::now(), counted)
        });
        let start = done.iter().map(|&(start, _, _)| start).min();
        let end = done.iter().map(|&(_, end, _)| end).max();
        let counted = done.into_iter().map(|(_, _, counted)| counted).sum::<Result<u64, _>>()?;
        let took = end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start);
        let took = took.as_secs_f64().max(1e-9);
        Ok(Slice { rate: counted as f64 / took, took })
    }
}

/// The rows of one team, from the samples of all subjects in order.
fn rows(team: &Team, subjects: &[Subject], samples: &[Samples]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut baseline = None;
    for (subject, samples) in subjects.iter().zip(samples) {
        let Some(rate) = samples.rate() else { continue };
        match subject {
            Subject::Baseline => baseline = Some(rate),
            Subject::Search { engine, job } => {
                let versions = job.versions().len();
                rows.push(Row {
                    engine: engine.id(),
                    threads: team.threads,
                    versions,
                    rate,
                    baseline: baseline.unwrap_or(rate),
                    roof: f64::NAN,
                    instructions_per_hash: engine.instructions_per_hash(versions),
                });
            }
            Subject::Roof { engine } => {
                for row in rows.iter_mut().filter(|row| row.engine == engine.id()) {
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
    fn threads_that_make_no_sense_are_refused() {
        for threads in [0, MAX_THREADS + 1] {
            let refused = measure(&plan(threads, 1), &Stop::default(), &mut |_| ());
            assert!(matches!(refused, Err(WorkersError::Threads { threads: n }) if n == threads));
        }
    }
}
