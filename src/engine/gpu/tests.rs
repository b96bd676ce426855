//! The engine on a device that computes right, and on devices that fail, each in its own way.
//!
//! The device here is a processor: what it searches is what the scalar engine finds. That the kernel
//! on a real driver finds the same is what `tests/engines.rs` is about.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::block::{Header, Target, Version};
use crate::engine::{VerifyError, by_id};

/// A stand-in for a [`Device`] that can fail.
#[derive(Debug, Default)]
struct Fake {
    /// Hits that it has room for, if not [`ROOM`].
    room: Option<usize>,
    /// Number of dispatches after which it fails, and how.
    sick: Mutex<Option<(u32, Sickness)>>,
    searched: AtomicU32,
    /// Whether multiplying is not worth a trial, as with some drivers.
    only_adds: bool,
    /// Dispatches whose hits did not fit.
    overflowed: AtomicU32,
}

/// What [`Fake`] adds to the rounds of the roof kernel that multiplies.
const MULTIPLIED: u64 = 1 << 32;

#[derive(Clone, Debug)]
enum Sickness {
    /// Each call fails.
    Fails(DeviceError),
    /// The second half of the nonces is not searched, as by a driver that ends loops early.
    Lazy,
    /// The hits are those of other nonces.
    Wrong,
}

impl Runner for &'static Fake {
    fn prepare(&self, _shape: KernelShape) -> Result<(), DeviceError> {
        Ok(())
    }

    fn may_multiply(&self) -> bool {
        !self.only_adds
    }

    fn search(&self, _shape: KernelShape, dispatch: Dispatch<'_>) -> Result<Found, DeviceError> {
        let Dispatch { job, mut nonces, versions } = dispatch;
        let searched = self.searched.fetch_add(1, Ordering::Relaxed);
        let sick = self.sick.lock().expect("no test panics with it").clone();
        let sick = sick.filter(|&(from, _)| searched >= from).map(|(_, sickness)| sickness);
        match &sick {
            Some(Sickness::Fails(failure)) => return Err(failure.clone()),
            Some(Sickness::Lazy) => nonces = nonces.split_at(nonces.len() / 2).0,
            Some(Sickness::Wrong) | None => {}
        }
        let first = match versions {
            Versions::All => 0,
            Versions::One(index) => index,
        };
        let these = match versions {
            Versions::All => job.versions(),
            Versions::One(index) => &job.versions()[index..=index],
        };
        let these = Job::with_versions(*job.header(), job.target(), these).expect("1 to 8");
        let mut candidates = Vec::new();
        let scalar = by_id(EngineId::Scalar).expect("every machine has it");
        scalar.scan(&these, nonces, usize::MAX, &mut candidates).expect("no fault");
        let mut hits: Vec<_> = candidates
            .iter()
            .map(|hit| {
                let index = these.versions().iter().position(|&version| version == hit.version);
                let wrong = u32::from(matches!(sick, Some(Sickness::Wrong)));
                (hit.nonce ^ wrong, first + index.expect("one of the job"))
            })
            .collect();
        let count = hits.len() as u64;
        hits.truncate(self.room.unwrap_or(ROOM));
        // Threads of a GPU do not report in order.
        hits.reverse();
        self.overflowed.fetch_add(u32::from(count > hits.len() as u64), Ordering::Relaxed);
        Ok(Found { count, hits })
    }

    /// Returns a count that shows which kernel ran.
    fn peak_ops(&self, multiplies: bool, rounds: u32) -> Result<u64, DeviceError> {
        Ok(u64::from(rounds) + if multiplies { MULTIPLIED } else { 0 })
    }

    fn busy(&self) -> Option<Duration> {
        None
    }
}

impl Fake {
    fn keep(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// Makes it fail after `healthy` more dispatches.
    fn falls_sick(&self, healthy: u32, sickness: Sickness) {
        let from = self.searched.load(Ordering::Relaxed) + healthy;
        *self.sick.lock().expect("no test panics with it") = Some((from, sickness));
    }
}

/// All variants are tried, however busy the machine is, and none of them for long: which is the fastest
/// here is chance.
const SOON: Effort = Effort {
    compiling: Duration::MAX,
    measuring: Duration::ZERO,
    rounds: 1,
    trial: Duration::from_millis(1),
};

fn open(fake: &'static Fake) -> Result<Gpu, EngineErrorKind> {
    Gpu::tuned(0, Box::new(fake), SOON)
}

/// A job that about one hash in `2^bits` solves.
fn job(bits: u32, versions: u32) -> Job {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(u32::MAX >> bits).to_be_bytes());
    let target = Target::from_be_bytes(target).expect("not zero");
    let versions: Vec<_> = (7..7 + versions).map(Version::from_consensus).collect();
    let header = Header::from_bytes([0x33; Header::LEN]);
    Job::with_versions(header, target, &versions).expect("1 to 8")
}

fn nonces(start: u32, len: u64) -> NonceRange {
    NonceRange::new(start, u64::from(start) + len).expect("not past the last")
}

/// Returns what the processor finds.
fn expected(job: &Job, nonces: NonceRange) -> Vec<Candidate> {
    let mut out = Vec::new();
    crate::engine::best(1).scan(job, nonces, usize::MAX, &mut out).expect("no fault");
    out
}

#[test]
fn finds_everything_in_order_where_most_hits_do_not_fit() {
    // Room for a hit of each version of one nonce is the least that any device has.
    for room in [8, 9, 100] {
        let fake = Fake { room: Some(ROOM), ..Fake::default() }.keep();
        let mut gpu = open(fake).expect("a healthy device");
        let fake = Fake { room: Some(room), ..Fake::default() }.keep();
        gpu.runner = Box::new(fake);
        for (bits, versions) in [(0, 1), (0, 8), (1, 3), (4, 8)] {
            let (job, range) = (job(bits, versions), nonces(u32::MAX - 1_999, 2_000));
            let mut out = Vec::new();
            let scanned = gpu.scan(&job, range, usize::MAX, &mut out).expect("no fault");
            assert_eq!((scanned.nonces, scanned.hashes), (2_000, 2_000 * u64::from(versions)));
            assert_eq!(out, expected(&job, range), "room {room}, {bits} bits, {versions} versions");
        }
        assert!(fake.overflowed.load(Ordering::Relaxed) > 0, "room {room}: nothing was too much");
    }
}

#[test]
fn versions_one_by_one_are_in_the_order_of_versions_together() {
    let fake = Fake::default().keep();
    let mut gpu = open(fake).expect("a healthy device");
    let (job, range) = (job(3, 8), nonces(100, 3_000));
    for rolling in [true, false] {
        gpu.tuning.rolling.shape.rolling = rolling;
        let mut out = Vec::new();
        gpu.scan(&job, range, usize::MAX, &mut out).expect("no fault");
        assert_eq!(out, expected(&job, range), "rolling: {rolling}");
    }
}

#[test]
fn a_failure_undoes_the_scan() {
    let lost = DeviceError::Lost("it fell off the bus".to_owned());
    for failure in [lost, DeviceError::Hung(Duration::from_secs(3)), DeviceError::OutOfMemory] {
        let fake = Fake::default().keep();
        let gpu = open(fake).expect("a healthy device");
        let (job, range) = (job(2, 1), nonces(0, 100_000));
        let there = expected(&job, nonces(0, 4));
        fake.falls_sick(2, Sickness::Fails(failure.clone()));
        let mut out = there.clone();
        let fault = gpu.scan(&job, range, usize::MAX, &mut out).expect_err("it is sick");
        assert_eq!(fault, EngineError { engine: EngineId::Gpu(0), kind: failure.into() });
        assert_eq!(out, there, "what was found of a range that does not count");
    }
}

#[test]
fn a_device_that_is_wrong_is_not_opened() {
    let opened = |sickness| {
        let fake = Fake::default().keep();
        fake.falls_sick(3, sickness);
        open(fake)
    };
    let lazy = opened(Sickness::Lazy).expect_err("half of the hits are missing");
    assert!(matches!(lazy, EngineErrorKind::Wrong(VerifyError::Count { .. })), "{lazy}");
    let wrong = opened(Sickness::Wrong).expect_err("these nonces are no hits");
    assert!(matches!(wrong, EngineErrorKind::Wrong(VerifyError::Candidate(_))), "{wrong}");
    let lost = opened(Sickness::Fails(DeviceError::OutOfMemory));
    assert_eq!(lost.expect_err("it fails"), DeviceError::OutOfMemory.into());
}

#[test]
fn tuning_says_what_it_chose() {
    let gpu = open(Fake::default().keep()).expect("a healthy device");
    let tuning = gpu.tuning();
    assert_eq!(tuning.trials.len(), 24, "{tuning:?}");
    let multiplies = tuning.trials.iter().map(|trial| trial.shape.multiplies);
    assert_eq!(multiplies.take(4).collect::<Vec<_>>(), [false, false, true, true]);
    assert!(!tuning.plain.shape.rolling, "{tuning:?}");
    for chosen in [tuning.plain, tuning.rolling] {
        assert!(tuning.trials.iter().any(|trial| trial.shape == chosen.shape), "{tuning:?}");
        assert!(chosen.rate > 0.0, "{tuning:?}");
    }
}

#[test]
fn tuning_without_time_tries_one_variant_of_each_kind() {
    let effort = Effort { compiling: Duration::ZERO, ..SOON };
    let gpu = Gpu::tuned(0, Box::new(Fake::default().keep()), effort).expect("a healthy device");
    let tried = gpu.tuning().trials.iter().map(|trial| trial.shape.rolling);
    assert_eq!(tried.collect::<Vec<_>>(), [false, true]);
}

/// The roof of a search that multiplies is not one of additions, which the search would pass.
#[test]
fn the_roof_is_of_the_sums_that_tuning_chose() {
    for only_adds in [true, false] {
        let mut gpu = open(Fake { only_adds, ..Fake::default() }.keep()).expect("a healthy device");
        // Which of two equal variants is faster here is chance.
        let chosen = |tuning: &Tuning| {
            [tuning.plain, tuning.rolling].iter().any(|trial| trial.shape.multiplies)
        };
        assert!(!(only_adds && chosen(gpu.tuning())), "{:?}", gpu.tuning());
        let mark = if chosen(gpu.tuning()) { MULTIPLIED } else { 0 };
        assert_eq!(gpu.peak_ops(7).expect("no fault"), 7 + mark, "{:?}", gpu.tuning());
        for (plain, rolling) in [(false, false), (false, true), (true, false), (true, true)] {
            gpu.tuning.plain.shape.multiplies = plain;
            gpu.tuning.rolling.shape.multiplies = rolling;
            let mark = if plain || rolling { MULTIPLIED } else { 0 };
            assert_eq!(gpu.peak_ops(7).expect("no fault"), 7 + mark, "{plain}, {rolling}");
        }
    }
}

#[test]
fn bits_that_must_be_zero_are_those_of_a_hash() {
    for top in [0, 1, 0xff, 0x100, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let zeros = device::zeros(top);
        // The largest word that passes, and the least that has a bit more.
        assert_eq!(top.swap_bytes() & zeros, 0, "{top:#x}");
        let more = top.checked_next_power_of_two().filter(|&more| more > top);
        if let Some(more) = more.or(top.checked_add(1)).filter(|more| more.is_power_of_two()) {
            assert_ne!(more.swap_bytes() & zeros, 0, "{top:#x}: {more:#x}");
        }
    }
}

/// A fast GPU has more workgroups than fit in a row of a grid; a slow one only here.
#[test]
fn a_grid_of_two_dimensions_leaves_nothing_out() {
    let adapters = crate::gpu::adapters();
    let Some(adapter) = adapters.first() else {
        eprintln!("not tested: no driver offers a GPU");
        return;
    };
    let device = Device::open(adapter, 1).expect("a healthy device").with_rows_of(100);
    let shape = KernelShape { rolling: false, multiplies: true, group: 64, nonces: 2 };
    // Three rows, and a part of the next.
    let (job, range) = (job(6, 1), nonces(77, 3 * 100 * 64 * 2 + 1_000));
    device.prepare(shape).expect("a healthy device");
    let dispatch = Dispatch { job: &job, nonces: range, versions: Versions::One(0) };
    let mut hits = device.search(shape, dispatch).expect("a healthy device").hits;
    hits.sort_unstable();
    let nonces: Vec<_> = hits.into_iter().map(|(nonce, _)| nonce).collect();
    let expected = expected(&job, range);
    assert!(nonces.iter().eq(expected.iter().map(|candidate| &candidate.nonce)));
}

#[test]
fn hits_beyond_the_room_are_counted_and_the_room_is_full() {
    let adapters = crate::gpu::adapters();
    let Some(adapter) = adapters.first() else {
        eprintln!("not tested: no driver offers a GPU");
        return;
    };
    let device = Device::open(adapter, 1).expect("a healthy device");
    let shape = KernelShape { rolling: true, multiplies: false, group: 64, nonces: 4 };
    device.prepare(shape).expect("a healthy device");
    // Every hash is a hit.
    let (job, range) = (job(0, 8), nonces(0, 3_000));
    let dispatch = Dispatch { job: &job, nonces: range, versions: Versions::All };
    let mut found = device.search(shape, dispatch).expect("a healthy device");
    assert_eq!((found.count, found.hits.len()), (3_000 * 8, ROOM));
    found.hits.sort_unstable();
    found.hits.dedup();
    assert_eq!(found.hits.len(), ROOM, "a hit is there twice");
    assert!(found.hits.iter().all(|&(nonce, index)| nonce < 3_000 && index < 8));
}

#[test]
fn both_roof_kernels_run() {
    let adapters = crate::gpu::adapters();
    let Some(adapter) = adapters.first() else {
        eprintln!("not tested: no driver offers a GPU");
        return;
    };
    let device = Device::open(adapter, 1).expect("a healthy device");
    let [added, multiplied] =
        [false, true].map(|multiplies| device.peak_ops(multiplies, 3).expect("a healthy device"));
    assert!(added > 0 && added.is_multiple_of(3), "{added}");
    assert_eq!(added, multiplied, "as many instructions of either kind");
}

/// Gives a GPU work for years. Alone in its process, because a software driver that hangs takes all
/// cores with it; that the process then ends is for the caller to check.
#[test]
#[ignore = "hangs a GPU: to be run by itself, with a time limit"]
fn a_device_that_hangs_is_given_up() {
    let adapters = crate::gpu::adapters();
    let adapter = adapters.first().expect("a GPU, if only a software driver");
    let gpu = Gpu::open(adapter).expect("a healthy device");
    let device = Device::open(adapter, 2).expect("a healthy device");
    assert_eq!(device.run_for_years(), Err(DeviceError::Hung(crate::gpu::PATIENCE)));
    // A call that comes later does not wait again.
    let again = device.peak_ops(false, 1).expect_err("it hangs");
    assert_eq!(again, DeviceError::Hung(crate::gpu::PATIENCE));
    drop((device, gpu));
    eprintln!("given up");
}
