//! SHA-256d as a workload: the search, the baseline that it is compared with, and the roof of the
//! search.
//!
//! All three work in calls that hash many headers. They learn how many headers fill the time that
//! they are given. The clock is read once a call and not once a header, since reading it takes time
//! as well.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::check::CheckError;
use super::team::ThreadTeam;
use super::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError};
use crate::block::{BlockHash, Header};
use crate::engine::selftest;
use crate::engine::verify::judge;
use crate::engine::{
    self, Candidate, Engine, EngineError, EngineErrorKind, EngineId, Pipe, available,
    job_with_chance, trial_job,
};
use crate::job::{Job, NonceRange};
use crate::units::WorkAmount;

/// Chance of a hash to meet the target on a GPU: 1 in 2 to this power.
const CHANCE: u32 = 18;

/// The workload of a search by an engine, over fresh nonces.
///
/// On a processor the top 32 bits of the target are zero, as on the main chain, and no hash meets
/// it: comparing with zero is less work. The check is that the engine still finds real blocks. On a
/// GPU some hashes meet the target. The check computes those again, and their number has to be
/// close to the expected one, so that a device which leaves out work is found.
#[derive(Debug)]
pub struct HashSearch {
    engine: Arc<dyn Engine>,
    job: Job,
    team: ThreadTeam,
    parts: Vec<Mutex<Part>>,
    /// First nonce that no run has searched yet.
    fresh: AtomicU32,
    /// Hashes of all runs, and those of them that were there at the last check.
    hashes: u64,
    checked: u64,
    /// Candidates among the hashes that were checked.
    candidates: u64,
}

/// The part of a search that a thread has.
#[derive(Debug, Default)]
struct Part {
    pace: RateEstimate,
    out: Vec<Candidate>,
    /// Candidates that were not verified yet, with the range that each was found in.
    found: Vec<(NonceRange, Candidate)>,
}

impl HashSearch {
    /// Prepares a search with `versions` versions at a time (1 to
    /// [`MAX_GROUP`](crate::job::MAX_GROUP)) on `threads` threads; a GPU engine has as many threads
    /// as it asks for instead.
    ///
    /// # Errors
    ///
    /// When the number of threads is zero or too large, or the system does not start as many.
    pub fn new(
        engine: Arc<dyn Engine>,
        versions: usize,
        threads: usize,
    ) -> Result<Self, WorkloadError> {
        let feeders = engine.batching().threads;
        let job = match feeders {
            Some(_) => job_with_chance(CHANCE, versions),
            None => trial_job(versions),
        };
        let team = ThreadTeam::new(feeders.unwrap_or(threads))?;
        let parts = team.make(|_| Ok(Part::default()))?;
        let fresh = AtomicU32::new(0);
        Ok(Self { engine, job, team, parts, fresh, hashes: 0, checked: 0, candidates: 0 })
    }

    /// Checks that as many hashes were candidates as are by chance.
    fn count(&self) -> Result<(), engine::VerifyError> {
        let chance = (f64::from(self.job.target().top_word()) + 1.0) / 2_f64.powi(32);
        let expected = self.checked as f64 * chance;
        // Eight standard deviations, and some where next to nothing is to be expected.
        if (self.candidates as f64 - expected).abs() <= 8.0 * expected.sqrt() + 8.0 {
            return Ok(());
        }
        Err(engine::VerifyError::Count { found: self.candidates, expected: expected as u64 })
    }
}

impl Workload for HashSearch {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Sha256d,
            variant: self.engine.id().into(),
            size: Size::Versions(self.job.versions().len()),
            place: place(self.engine.id(), &self.team),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let Self { engine, job, team, parts, fresh, .. } = self;
        let done = team.run(parts, time, |Part { pace, out, found }, time| {
            let mut hashes = 0;
            let took = pace.run(time, |nonces| {
                let start = fresh.fetch_add(nonces, Ordering::Relaxed);
                let end = u64::from(start) + u64::from(nonces);
                let range = NonceRange::new(start, end)
                    .unwrap_or_else(|_| NonceRange::ALL.split_at(nonces.into()).0);
                hashes += engine.scan(job, range, usize::MAX, out).map_err(failure)?.hashes;
                found.extend(out.drain(..).map(|candidate| (range, candidate)));
                Ok(())
            })?;
            Ok(Done { work: WorkAmount::Hashes(hashes), took })
        })?;
        self.hashes += done.work.value();
        Ok(done)
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        if self.hashes == self.checked {
            return Err(CheckError::Nothing.into());
        }
        self.checked = self.hashes;
        let job = &self.job;
        let judged = self.team.each(&self.parts, |part| {
            let mut judged = part.found.iter().map(|&(range, found)| judge(job, range, found));
            let wrong = judged.find_map(Result::err);
            let count = std::mem::take(&mut part.found).len() as u64;
            wrong.map_or(Ok(count), Err)
        });
        for count in judged {
            self.candidates += count.map_err(EngineErrorKind::Wrong)?;
        }
        self.count().map_err(EngineErrorKind::Wrong)?;
        if self.engine.batching().threads.is_none() {
            selftest::check(self.engine.as_ref())?;
        }
        Ok(())
    }

    fn busy(&self) -> Option<Duration> {
        self.engine.benchmark()?.busy()
    }
}

/// The baseline: whole headers, hashed by the `sha2` crate, as a user without a miner would.
#[derive(Debug)]
pub struct Baseline {
    team: ThreadTeam,
    parts: Vec<Mutex<Hashing>>,
}

/// The part of the baseline that a thread has.
#[derive(Debug, Default)]
struct Hashing {
    pace: RateEstimate,
    next: u32,
    last: Option<(Header, BlockHash)>,
}

impl Baseline {
    /// Prepares the baseline on this number of threads.
    ///
    /// # Errors
    ///
    /// When the number of threads is zero or too large, or the system does not start as many.
    pub fn new(threads: usize) -> Result<Self, WorkloadError> {
        let team = ThreadTeam::new(threads)?;
        let parts = team.make(|_| Ok(Hashing::default()))?;
        Ok(Self { team, parts })
    }
}

impl Workload for Baseline {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Sha256d,
            variant: Variant::Sha2Crate,
            size: Size::Versions(1),
            place: Place::Cores(self.team.threads()),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        self.team.run(&self.parts, time, |Hashing { pace, next, last }, time| {
            let mut hashes = 0;
            let took = pace.run(time, |nonces| {
                for _ in 0..nonces {
                    let header = Header::from_bytes([0x5a; Header::LEN]).with_nonce(*next);
                    *last = Some(black_box((header, header.hash())));
                    *next = next.wrapping_add(1);
                }
                hashes += u64::from(nonces);
                Ok(())
            })?;
            Ok(Done { work: WorkAmount::Hashes(hashes), took })
        })
    }

    /// Computes the last hash of each thread again with the reference implementation.
    fn check(&mut self) -> Result<(), WorkloadError> {
        let checked = self.team.each(&self.parts, |part| {
            let (header, hash) = part.last.take().ok_or(CheckError::Nothing)?;
            let expected = crate::sha256::sha256d(header.as_bytes());
            let place = u64::from(header.nonce());
            let differ = hash.as_bytes().iter().zip(expected).find(|&(&a, b)| a != b);
            differ.map_or(Ok(()), |(&found, expected)| {
                Err(CheckError::Number { place, found: found.into(), expected: expected.into() })
            })
        });
        Ok(checked.into_iter().collect::<Result<(), _>>()?)
    }
}

/// The peak workload of an engine: its instructions of one kind from registers, which give the roof of its
/// search; see [`Benchmark::peak_ops`](crate::engine::Benchmark::peak_ops).
#[derive(Debug)]
pub struct EnginePeak {
    engine: Arc<dyn Engine>,
    pipe: Pipe,
    /// Operations that an instruction counts as.
    each: u64,
    team: ThreadTeam,
    parts: Vec<Mutex<RateEstimate>>,
}

impl EnginePeak {
    /// Prepares the instructions of this engine that need these units, each counted as one operation.
    ///
    /// # Errors
    ///
    /// When the engine only searches, the number of threads is zero or too large, or the system
    /// does not start as many.
    pub fn new(engine: Arc<dyn Engine>, pipe: Pipe, threads: usize) -> Result<Self, WorkloadError> {
        engine.benchmark().ok_or(NO_PEAK)?;
        let team = ThreadTeam::new(engine.batching().threads.unwrap_or(threads))?;
        let parts = team.make(|_| Ok(RateEstimate::default()))?;
        Ok(Self { engine, pipe, each: 1, team, parts })
    }

    /// Prepares additions of 32-bit integers in the widest registers of this processor, each
    /// integer counted as one operation; xors as well, if a xor of three inputs takes two
    /// instructions.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn widest(threads: usize) -> Result<Self, WorkloadError> {
        let lanes = |engine: &Arc<dyn Engine>| engine.benchmark()?.lanes();
        let all = available().into_iter().filter_map(|engine| Some((lanes(&engine)?, engine)));
        // Of those with as many lanes the first: others are pairs of it.
        let widest = all.reduce(|widest, next| if next.0 > widest.0 { next } else { widest });
        let (lanes, engine) = widest.ok_or(WorkloadError::Missing { what: "integers" })?;
        Ok(Self { each: lanes as u64, ..Self::new(engine, Pipe::All, threads)? })
    }
}

const NO_PEAK: WorkloadError =
    WorkloadError::Missing { what: "peaks of an engine that only searches" };

impl Workload for EnginePeak {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Peak,
            variant: match self.pipe {
                Pipe::All => Variant::I32,
                Pipe::Logic => Variant::I32Logic,
                Pipe::Sums => Variant::I32Sums,
            },
            size: Size::Registers,
            place: place(self.engine.id(), &self.team),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let Self { engine, pipe, each, team, parts } = self;
        team.run(parts, time, |pace, time| {
            let mut operations = 0;
            let took = pace.run(time, |rounds| {
                let peak = engine.benchmark().ok_or(NO_PEAK)?;
                operations += peak.peak_ops(*pipe, rounds).map_err(failure)? * *each;
                Ok(())
            })?;
            Ok(Done { work: WorkAmount::Operations(operations), took })
        })
    }

    /// Checks nothing: the check of the search shows that the engine computes right.
    fn check(&mut self) -> Result<(), WorkloadError> {
        Ok(())
    }
}

fn place(engine: EngineId, team: &ThreadTeam) -> Place {
    match engine {
        EngineId::Gpu(number) => Place::Gpu(number),
        _ => Place::Cores(team.threads()),
    }
}

fn failure(error: EngineError) -> WorkloadError {
    match error.kind {
        EngineErrorKind::Device(error) => error.into(),
        kind => kind.into(),
    }
}

/// The rate of a thread, learnt from its calls, which says how many units of work fill the next
/// call.
#[derive(Debug, Default)]
struct RateEstimate {
    /// Units of work per second; zero while nothing is known.
    per_second: f64,
}

/// Longest time that a call should take: a device finds its way to other work in between.
const CALL: Duration = Duration::from_millis(250);

/// Units of work in the first call.
const FIRST: f64 = 64.0;

impl RateEstimate {
    /// Fills `time` with calls that are given the number of units to do, at least one call. Returns
    /// how long they took.
    fn run(
        &mut self,
        time: Duration,
        mut call: impl FnMut(u32) -> Result<(), WorkloadError>,
    ) -> Result<Duration, WorkloadError> {
        let start = Instant::now();
        let calls = (time.as_secs_f64() / CALL.as_secs_f64()).ceil().max(1.0);
        let each = time.div_f64(calls);
        let mut before = Duration::ZERO;
        loop {
            let units = (self.per_second * each.as_secs_f64()).max(FIRST) as u32;
            call(units)?;
            let now = start.elapsed();
            let rate = f64::from(units) / now.saturating_sub(before).as_secs_f64().max(1e-9);
            // A call that was interrupted says little of the next one.
            self.per_second = rate.max(self.per_second / 4.0);
            before = now;
            if time.saturating_sub(now) <= each / 2 {
                return Ok(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::by_id;
    use crate::job::MAX_GROUP;

    fn scalar() -> Arc<dyn Engine> {
        by_id(EngineId::Scalar).expect("every machine has general registers")
    }

    #[test]
    fn what_is_done_is_counted_and_checked() {
        let time = Duration::from_micros(300);
        for threads in [1, 3] {
            let all: [(Box<dyn Workload>, u64); 4] = [
                (Box::new(Baseline::new(threads).expect("threads")), 1),
                (Box::new(HashSearch::new(scalar(), 1, threads).expect("threads")), 1),
                (Box::new(HashSearch::new(scalar(), MAX_GROUP, threads).expect("threads")), 8),
                (Box::new(EnginePeak::new(scalar(), Pipe::All, threads).expect("threads")), 1),
            ];
            for (mut workload, versions) in all {
                let label = workload.label();
                assert_eq!(label.place, Place::Cores(threads));
                let done = workload.run(time).expect("no device");
                assert!(done.work.value() >= 64 * threads as u64 * versions, "{label}: {done:?}");
                workload.check().expect("right");
                let again = workload.check();
                assert_eq!(again.is_err(), label.kind == Kind::Sha256d, "{label}: {again:?}");
            }
        }
    }

    #[test]
    fn a_wrong_baseline_is_noticed() {
        let mut baseline = Baseline::new(1).expect("a thread");
        baseline.run(Duration::ZERO).expect("no device");
        let part = baseline.parts[0].get_mut().expect("nobody panicked");
        part.last = part.last.map(|(header, hash)| (header.with_nonce(7), hash));
        assert!(baseline.check().is_err());
    }

    #[test]
    fn work_that_was_left_out_is_noticed() {
        for (runs, left_out, noticed) in [(400, 1, false), (400, 2, true), (3, 3, false)] {
            let mut search = HashSearch::new(scalar(), 1, 1).expect("a thread");
            search.job = job_with_chance(CHANCE, 1);
            // Four candidates are to be expected of as many hashes.
            search.checked = runs * (4 << CHANCE);
            search.candidates = runs * 4 / left_out;
            assert_eq!(search.count().is_err(), noticed, "{runs} runs, 1 / {left_out}");
        }
    }

    #[test]
    fn a_candidate_that_is_none_is_noticed() {
        let mut search = HashSearch::new(scalar(), 1, 1).expect("a thread");
        search.run(Duration::ZERO).expect("no device");
        let candidate = Candidate { nonce: 5, version: search.job.versions()[0] };
        let part = search.parts[0].get_mut().expect("nobody panicked");
        part.found.push((NonceRange::ALL, candidate));
        let wrong = search.check();
        assert!(
            matches!(wrong, Err(WorkloadError::Engine(EngineErrorKind::Wrong(_)))),
            "{wrong:?}"
        );
    }

    #[test]
    fn a_pace_fills_the_time_that_it_is_given() {
        let mut pace = RateEstimate::default();
        let run = |pace: &mut RateEstimate, millis| {
            let mut units = Vec::new();
            let sleep = |each| {
                units.push(each);
                std::thread::sleep(Duration::from_micros(10) * each);
                Ok(())
            };
            pace.run(Duration::from_millis(millis), sleep).expect("no failure");
            units
        };
        assert_eq!(run(&mut pace, 0), [64]);
        assert!(run(&mut pace, 4).len() <= 2);
        let long = run(&mut pace, 600);
        assert!(long.len() >= 3, "{long:?}");
    }
}
