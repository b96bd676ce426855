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
    /// Forms that are worth a trial, if not the first two of NVIDIA's.
    forms: Option<&'static [KernelForm]>,
    /// Dispatches whose hits did not fit.
    overflowed: AtomicU32,
    /// Forms that it does not compile.
    refused: Vec<KernelForm>,
}

/// What [`Fake`] adds to the rounds of the roof kernel for each of its pipes, and if it multiplies.
const OF_PIPE: u64 = 1 << 32;
const MULTIPLIED: u64 = 1 << 40;

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
    fn prepare(&self, shape: KernelShape) -> Result<(), DeviceError> {
        if self.refused.contains(&shape.form) {
            return Err(DeviceError::Refused("no such form".into()));
        }
        Ok(())
    }

    fn forms(&self) -> &'static [KernelForm] {
        self.forms.unwrap_or(&KernelForm::of_maker(0x10de)[..2])
    }

    fn compiled(&self) -> Result<Option<Vec<u8>>, DeviceError> {
        Ok(None)
    }

    fn search(&self, _shape: KernelShape, dispatch: Dispatch<'_>) -> Result<Found, DeviceError> {
        let Dispatch { job, mut nonces, versions, takes: _ } = dispatch;
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
    fn peak_ops(&self, pipe: Pipe, form: KernelForm, rounds: u32) -> Result<u64, DeviceError> {
        let multiplied = if form.multiplied == Multiplied::None { 0 } else { MULTIPLIED };
        Ok(u64::from(rounds) + OF_PIPE * pipe as u64 + multiplied)
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
    warm_up: Duration::ZERO,
    measuring: Duration::ZERO,
    reusing: Duration::ZERO,
    rounds: 1,
    trial: Duration::from_millis(1),
};

fn open(fake: &'static Fake) -> Result<Gpu, EngineErrorKind> {
    Gpu::tuned(0, Box::new(fake), SOON, None)
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
    let forms = (&Fake::default().keep()).forms();
    assert_eq!(tuning.trials.len(), (forms.len() + 2) * 2 * 2, "{tuning:?}");
    // The likeliest form in both ways, then the next, then the likeliest with other workgroups.
    let order: Vec<_> = tuning.trials.iter().map(|it| (it.shape.form, it.shape.rolling)).collect();
    assert_eq!(
        order[..4],
        [(forms[0], false), (forms[0], false), (forms[0], true), (forms[0], true)]
    );
    assert_eq!((order[4].0, order[8].0), (forms[1], forms[0]));
    assert!(!tuning.plain.shape.rolling && !tuning.is_kept, "{tuning:?}");
    for chosen in [tuning.plain, tuning.rolling] {
        assert!(tuning.trials.iter().any(|trial| trial.shape == chosen.shape), "{tuning:?}");
        assert!(chosen.rate > 0.0, "{tuning:?}");
    }
}

#[test]
fn tuning_without_time_tries_one_variant_of_each_kind() {
    let effort = Effort { compiling: Duration::ZERO, ..SOON };
    let gpu =
        Gpu::tuned(0, Box::new(Fake::default().keep()), effort, None).expect("a healthy device");
    let tried = gpu.tuning().trials.iter().map(|trial| trial.shape.rolling);
    assert_eq!(tried.collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn what_was_kept_is_taken_and_checked() {
    let found = open(Fake::default().keep()).expect("a healthy device").tuning;
    let slower = |by: f64| {
        let slower = |trial: KernelTrial| KernelTrial { rate: trial.rate / by, ..trial };
        Tuning { plain: slower(found.plain), rolling: slower(found.rolling), ..found.clone() }
    };
    let open = |kept: Tuning, sickness: Option<Sickness>| {
        let fake = Fake::default().keep();
        if let Some(sickness) = sickness {
            fake.falls_sick(0, sickness);
        }
        Gpu::tuned(0, Box::new(fake), SOON, Some(kept))
    };
    // It is faster now than when it was tuned.
    let kept = slower(1e6);
    let opened = open(kept.clone(), None).expect("a healthy device").tuning;
    assert_eq!(opened, Tuning { is_kept: true, ..kept });
    // And here so much slower that it is tuned anew.
    assert!(!open(slower(1e-6), None).expect("a healthy device").tuning.is_kept);
    let wrong = open(found, Some(Sickness::Wrong)).expect_err("these nonces are no hits");
    assert!(matches!(wrong, EngineErrorKind::Wrong(VerifyError::Candidate(_))), "{wrong}");
}

/// A driver may refuse what another one takes.
#[test]
fn variants_that_are_refused_are_left_out() {
    let forms = Fake::default().keep().forms();
    for refused in [vec![forms[0]], vec![forms[1]]] {
        let tuning = open(Fake { refused, ..Fake::default() }.keep()).expect("one is left").tuning;
        let tried =
            tuning.trials.iter().map(|it| it.shape.form).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(tried.len(), 1, "{tuning:?}");
    }
    let none = open(Fake { refused: forms.to_vec(), ..Fake::default() }.keep());
    assert_eq!(none.expect_err("none is left"), DeviceError::Refused("no such form".into()).into());
}

/// The roof of a search that multiplies is not one of additions, which the search would pass.
#[test]
fn the_roof_is_of_the_sums_that_tuning_chose() {
    const ADDED: KernelForm = KernelForm {
        multiplied: Multiplied::None,
        uniform_rotations: false,
        choose_by_or: false,
        majority_by_or: false,
    };
    let multiplied = KernelForm { multiplied: Multiplied::Rounds, ..ADDED };
    let mut gpu =
        open(Fake { forms: Some(&[ADDED]), ..Fake::default() }.keep()).expect("a healthy device");
    for (plain, rolling) in
        [(ADDED, ADDED), (ADDED, multiplied), (multiplied, ADDED), (multiplied, multiplied)]
    {
        gpu.tuning.plain.shape.form = plain;
        gpu.tuning.rolling.shape.form = rolling;
        let mark = if (plain, rolling) == (ADDED, ADDED) { 0 } else { MULTIPLIED };
        for &pipe in gpu.pipes() {
            let expected = 7 + OF_PIPE * pipe as u64 + mark;
            assert_eq!(gpu.peak_ops(pipe, 7).expect("no fault"), expected, "{plain}, {rolling}");
        }
    }
}

/// What bounds a hash is what one of the pipes has to do, or all of them together.
#[test]
fn operations_of_the_pipes_are_all_there_are() {
    let gpu = open(Fake::default().keep()).expect("a healthy device");
    let counts = [1, 8].map(|versions| {
        gpu.pipes().iter().map(|&pipe| gpu.ops_per_hash(pipe, versions)).collect::<Vec<_>>()
    });
    assert_eq!(counts[0], [1_804.0, 1_048.0, 2_852.0]);
    assert!((counts[1][0] + counts[1][1] - counts[1][2]).abs() < 1e-9, "{counts:?}");
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

/// Opens the first GPU that there is; a machine without any names the test.
fn device(test: &str) -> Option<(Adapter, Device)> {
    let Some(adapter) = crate::gpu::adapters().into_iter().next() else {
        eprintln!("not tested: {test}, no driver offers a GPU");
        return None;
    };
    let device = Device::open(&adapter, 1, None).expect("a healthy device");
    Some((adapter, device))
}

fn shape(rolling: bool, form: KernelForm, nonces: u32) -> KernelShape {
    KernelShape { rolling, form, group: 64, nonces }
}

/// What a device finds among 3,000 nonces whose last is the last of all.
fn found(device: &Device, shape: KernelShape) -> Result<Vec<(u32, usize)>, DeviceError> {
    let (job, range) = (job(3, if shape.rolling { 8 } else { 1 }), nonces(u32::MAX - 2_999, 3_000));
    let versions = if shape.rolling { Versions::All } else { Versions::One(0) };
    device.prepare(shape)?;
    let mut hits =
        device.search(shape, Dispatch { job: &job, nonces: range, versions, takes: None })?.hits;
    hits.sort_unstable();
    Ok(hits)
}

fn expected_of(shape: KernelShape) -> Vec<(u32, usize)> {
    let job = job(3, if shape.rolling { 8 } else { 1 });
    let index = |hit: &Candidate| job.versions().iter().position(|&version| version == hit.version);
    let hits = expected(&job, nonces(u32::MAX - 2_999, 3_000));
    hits.iter().map(|hit| (hit.nonce, index(hit).expect("one of the job"))).collect()
}

#[test]
fn every_variant_finds_what_the_processor_finds() {
    let Some((_, device)) = device("every variant") else { return };
    for form in KernelForm::all() {
        for rolling in [false, true] {
            for nonces in tuning::NONCES {
                let shape = shape(rolling, form, nonces);
                assert_eq!(
                    found(&device, shape).expect("a healthy device"),
                    expected_of(shape),
                    "{shape}"
                );
            }
        }
    }
}

/// One wrong bit in what a variant alone has, and in what all have, is found by the test above.
#[test]
fn a_wrong_operation_of_any_variant_is_found() {
    let Some((adapter, _)) = device("wrong operations") else { return };
    let forms = KernelForm::all();
    let some = |is_it: fn(&KernelForm) -> bool| {
        forms.iter().copied().find(is_it).expect("some form has it")
    };
    let plain = some(|it| *it == KernelForm::default());
    let by_or = some(|it| it.choose_by_or && it.majority_by_or);
    let all_sums = some(|it| it.multiplied == Multiplied::All);
    let plants = [
        (plain, false, "return z ^ (x & (y ^ z));", "return z ^ (x & (y | z));"),
        (plain, false, "return y ^ (differ & (y ^ z));", "return y ^ (differ & (y | z));"),
        (
            plain,
            false,
            "return (x >> n) | (x << (32u - n));",
            "return (x >> n) | (x << (31u - n));",
        ),
        (plain, true, "kw32 = with_k(8u,", "kw32 = with_k(7u,"),
        (plain, true, "!ROLLING || v >= work.versions", "!ROLLING || v + 1u >= work.versions"),
        (plain, false, "at += work.grid;", "at += work.row;"),
        (by_or, false, "return (x & y) | (~x & z);", "return (x & y) | (~x | z);"),
        (
            by_or,
            false,
            "return (differ & z) | (~differ & y);",
            "return (differ & z) | (differ & y);",
        ),
        (by_or, false, "(x << (32u - in_uniform))", "(x << (31u - in_uniform))"),
        (by_or, false, "x, 13u, by.y", "x, 13u, by.z"),
        (
            all_sums,
            false,
            "MULTIPLIED >= ROUNDS_SUMS {\n        return x * work.one + y;",
            "MULTIPLIED >= ROUNDS_SUMS {\n        return x * work.one + x;",
        ),
        (
            all_sums,
            false,
            "MULTIPLIED >= ALL_SUMS {\n        return x * work.one + y;",
            "MULTIPLIED >= ALL_SUMS {\n        return x * work.nonces + y;",
        ),
    ];
    // On such a small grid nothing is wrong but what is planted.
    let unharmed = Device::open(&adapter, 1, None).expect("a healthy device").with_rows_of(3);
    for form in [plain, by_or, all_sums] {
        for shape in [shape(false, form, 4), shape(true, form, 4)] {
            let found = found(&unharmed, shape).expect("a healthy device");
            assert_eq!(found, expected_of(shape), "{shape}");
        }
    }
    for (form, rolling, right, wrong) in plants {
        assert_eq!(device::KERNEL.matches(right).count(), 1, "{right}");
        let kernel = device::KERNEL.replace(right, wrong);
        let device = Device::open_with_kernel(&adapter, kernel).expect("a healthy device");
        // A grid of few threads, so that each tries nonces of other rows.
        let shape = shape(rolling, form, 4);
        assert_ne!(
            found(&device.with_rows_of(3), shape).expect("a healthy device"),
            expected_of(shape),
            "{wrong}"
        );
    }
}

/// A fast GPU has more workgroups than fit in a row of a grid; a slow one only here.
#[test]
fn a_grid_of_two_dimensions_leaves_nothing_out() {
    let Some((_, device)) = device("a grid of two dimensions") else { return };
    let device = device.with_rows_of(100);
    let shape = shape(false, KernelForm::default(), 2);
    // Three rows, and a part of the next.
    let (job, range) = (job(6, 1), nonces(77, 3 * 100 * 64 * 2 + 1_000));
    device.prepare(shape).expect("a healthy device");
    let dispatch = Dispatch { job: &job, nonces: range, versions: Versions::One(0), takes: None };
    let mut hits = device.search(shape, dispatch).expect("a healthy device").hits;
    hits.sort_unstable();
    let nonces: Vec<_> = hits.into_iter().map(|(nonce, _)| nonce).collect();
    let expected = expected(&job, range);
    assert!(nonces.iter().eq(expected.iter().map(|candidate| &candidate.nonce)));
}

#[test]
fn hits_beyond_the_room_are_counted_and_the_room_is_full() {
    let Some((_, device)) = device("hits beyond the room") else { return };
    let shape = shape(true, KernelForm::default(), 4);
    device.prepare(shape).expect("a healthy device");
    // Every hash is a hit.
    let (job, range) = (job(0, 8), nonces(0, 3_000));
    let dispatch = Dispatch { job: &job, nonces: range, versions: Versions::All, takes: None };
    let mut found = device.search(shape, dispatch).expect("a healthy device");
    assert_eq!((found.count, found.hits.len()), (3_000 * 8, ROOM));
    found.hits.sort_unstable();
    found.hits.dedup();
    assert_eq!(found.hits.len(), ROOM, "a hit is there twice");
    assert!(found.hits.iter().all(|&(nonce, index)| nonce < 3_000 && index < 8));
}

#[test]
fn every_roof_kernel_runs() {
    let Some((_, device)) = device("roofs") else { return };
    let ops = |pipe, form| device.peak_ops(pipe, form, 3).expect("a healthy device");
    for form in KernelForm::all() {
        let [logic, sums, all] = [Pipe::Logic, Pipe::Sums, Pipe::All].map(|pipe| ops(pipe, form));
        assert!(logic > 0 && logic.is_multiple_of(3), "{logic}");
        assert!(logic < all && sums < all && all < logic + sums, "{logic}, {sums}, {all}");
    }
}

/// A second opening takes what the first one found; whatever stands in the cache, it does no harm.
#[test]
fn what_tuning_found_is_kept_in_a_folder() {
    let Some((adapter, _)) = device("the cache of tuning") else { return };
    let folder = std::env::temp_dir().join(format!("perjoule-tuning-{}", std::process::id()));
    let cache = TuningCache::in_folder(&folder);
    let open =
        |cache: &TuningCache| Gpu::open_with(&adapter, cache).expect("a healthy device").tuning;
    let shapes = |tuning: &Tuning| [tuning.plain.shape, tuning.rolling.shape];
    assert_eq!(cache.tuning(&adapter), None);
    let found = open(&cache);
    assert!(!found.is_kept);
    let kept = Tuning { is_kept: true, ..found };
    assert_eq!(cache.tuning(&adapter).as_ref(), Some(&kept));
    let again = open(&cache);
    // On a machine that others took from it, it is tuned again.
    if again.is_kept {
        assert_eq!((shapes(&again), &again.trials), (shapes(&kept), &kept.trials));
    }
    assert!(!open(&cache.clone().anew()).is_kept);
    let mut others = [adapter.clone(), adapter.clone(), adapter.clone()];
    others[0].driver.push_str(" newer");
    others[1].device ^= 1;
    others[2].name.push_str(" Ti");
    assert!(others.iter().all(|other| cache.tuning(other).is_none()), "of another driver or model");

    let files = || {
        std::fs::read_dir(&folder).expect("it is there").map(|it| it.expect("it is read").path())
    };
    let paths: Vec<_> = files().collect();
    let is_tuning = |path: &std::path::Path| path.extension().is_some_and(|it| it == "tuning");
    assert!(
        (1..=2).contains(&paths.len()) && paths.iter().any(|path| is_tuning(path)),
        "{paths:?}"
    );
    for path in &paths {
        let whole = std::fs::read(path).expect("it is there");
        for damaged in [&whole[..whole.len() / 2], b"", &[b"\0", &whole[1..]].concat()] {
            std::fs::write(path, damaged).expect("it is ours");
            let is_there = if is_tuning(path) {
                cache.tuning(&adapter).is_some()
            } else {
                cache.pipelines(&adapter).is_some()
            };
            assert!(!is_there, "{} bytes of {}", damaged.len(), path.display());
        }
        open(&cache);
        assert!(
            cache.tuning(&adapter).is_some(),
            "what is damaged is replaced: {}",
            path.display()
        );
        assert_eq!(cache.pipelines(&adapter).is_some(), paths.len() == 2, "{}", path.display());
    }
    // A folder where the file should be cannot be replaced; a file where the folder should be cannot hold one.
    for path in &paths {
        std::fs::remove_file(path).expect("it is ours");
        std::fs::create_dir_all(path.join("in the way")).expect("it is ours");
    }
    assert!(!open(&cache).is_kept);
    assert_eq!(files().count(), paths.len(), "what could not be put there is gone");
    std::fs::remove_dir_all(&folder).expect("it is ours");
    std::fs::write(&folder, "no folder").expect("it is ours");
    assert!(!open(&cache).is_kept);
    std::fs::remove_file(&folder).expect("it is ours");
    assert_eq!(open(&TuningCache::none()).is_kept, folder.exists());
}

/// Prints how fast every variant is, those too that no tuning would try on this device, in turn. Its figures are for a
/// person to read.
#[test]
#[ignore = "measures a GPU: to be run by itself"]
fn all_variants_are_measured() {
    for adapter in crate::gpu::adapters() {
        let device = Device::open(&adapter, FEEDERS, None).expect("a healthy device");
        let device = device.with_forms(KernelForm::all().leak());
        let effort = Effort {
            compiling: Duration::MAX,
            measuring: Duration::from_secs(5),
            trial: Duration::from_millis(25),
            ..Effort::CARD
        };
        let mut tuning = tuning::tune(&device, effort).expect("a healthy device");
        tuning.trials.sort_unstable_by(|a, b| b.rate.total_cmp(&a.rate));
        println!("{}, {} {}: {tuning}", adapter.name, adapter.backend, adapter.driver);
        for KernelTrial { shape, rate, compiled_in } in tuning.trials {
            println!(
                "{:9.3} MH/s, compiled in {:6.3} s: {shape}",
                rate / 1e6,
                compiled_in.as_secs_f64()
            );
        }
    }
}

/// Gives a GPU work for years. Alone in its process, because a software driver that hangs takes all
/// cores with it; that the process then ends is for the caller to check.
#[test]
#[ignore = "hangs a GPU: to be run by itself, with a time limit"]
fn a_device_that_hangs_is_given_up() {
    let adapters = crate::gpu::adapters();
    let adapter = adapters.first().expect("a GPU, if only a software driver");
    let gpu = Gpu::open(adapter).expect("a healthy device");
    let device = Device::open(adapter, 2, None).expect("a healthy device");
    assert_eq!(device.run_for_years(), Err(DeviceError::Hung(crate::gpu::PATIENCE)));
    // A call that comes later does not wait again.
    let again = device.peak_ops(Pipe::All, KernelForm::default(), 1).expect_err("it hangs");
    assert_eq!(again, DeviceError::Hung(crate::gpu::PATIENCE));
    drop((device, gpu));
    eprintln!("given up");
}
