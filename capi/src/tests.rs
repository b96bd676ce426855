//! The interface as C would call it, from Rust.

use std::ptr::{null, null_mut};

use super::*;

const BLOCK_1: &str = concat!(
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d61900",
    "00000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e8",
    "57233e0e61bc6649ffff001d01e36299",
);

const NO_SHARE: Share = Share { nonce: 0, version: 0, time: 0, reserved: [0; 5], hash: [0; 32] };

const NO_OUTCOME: Outcome =
    Outcome { size: size_of::<Outcome>(), end: End::Failed, share_count: usize::MAX, hashes: 0 };

fn header() -> Header {
    Header::from_hex(BLOCK_1).unwrap()
}

/// Block 1's own nonce and those around it.
fn work() -> Work {
    Work {
        size: size_of::<Work>(),
        header: *header().with_nonce(0).as_bytes(),
        target: Target::from_compact(header().bits()).unwrap().to_le_bytes(),
        first_nonce: header().nonce() - 1000,
        nonce_count: 3000,
        version_mask: 0,
        roll_seconds: 0,
    }
}

fn open(engine: &CStr, threads: usize) -> *mut Workers {
    let mut workers = null_mut();
    // SAFETY: a string, and a place.
    let status = unsafe { perjoule_open(engine.as_ptr(), threads, &raw mut workers) };
    assert_eq!(status, Status::Ok);
    workers
}

fn run(workers: *const Workers, work: &Work, room: usize) -> (Status, Vec<Share>, Option<Outcome>) {
    let mut shares = vec![NO_SHARE; room];
    let mut outcome = NO_OUTCOME;
    // SAFETY: all of it lives until the end.
    let status = unsafe {
        perjoule_search(workers, work, null(), shares.as_mut_ptr(), room, &raw mut outcome)
    };
    let written = outcome.share_count != usize::MAX;
    shares.truncate(if written { outcome.share_count } else { 0 });
    (status, shares, written.then_some(outcome))
}

fn said() -> String {
    // SAFETY: it points to a string of this thread.
    unsafe { CStr::from_ptr(perjoule_last_error()) }.to_string_lossy().into_owned()
}

#[test]
fn a_block_is_found() {
    let workers = open(c"scalar", 2);
    // SAFETY: it is open.
    let name = unsafe { CStr::from_ptr(perjoule_engine(workers)) };
    assert_eq!(name, c"scalar");
    let (status, shares, outcome) = run(workers, &work(), 4);
    assert_eq!(status, Status::Ok);
    let share = Share {
        nonce: header().nonce(),
        version: 1,
        time: header().time(),
        reserved: [0; 5],
        hash: *header().hash().as_bytes(),
    };
    assert_eq!(shares, [share]);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.hashes), (End::Exhausted, 3000));
    // SAFETY: it was opened.
    unsafe { perjoule_close(workers) };
}

#[test]
fn all_that_work_says_is_searched() {
    let workers = open(c"scalar", 1);
    let easy = Work { target: [0xff; 32], nonce_count: 2, first_nonce: u32::MAX - 1, ..work() };
    let rolling = Work { version_mask: 0x2000, roll_seconds: 1, ..easy };
    let (_, shares, outcome) = run(workers, &rolling, 100);
    let fields: Vec<_> =
        shares.iter().map(|share| (share.time, share.nonce, share.version)).collect();
    let time = header().time();
    let expected =
        [(time, u32::MAX - 1), (time, u32::MAX), (time + 1, u32::MAX - 1), (time + 1, u32::MAX)]
            .map(|(time, nonce)| [(time, nonce, 1), (time, nonce, 0x2001)]);
    assert_eq!(fields, expected.concat());
    assert_eq!(outcome.unwrap().end, End::Exhausted);
    for share in shares {
        let header = header()
            .with_nonce(share.nonce)
            .with_time(share.time)
            .with_version(search::block::Version::from_consensus(share.version));
        assert_eq!(share.hash, *header.hash().as_bytes());
    }
    let (_, shares, outcome) = run(workers, &easy, 1);
    assert_eq!((shares.len(), outcome.unwrap().end), (1, End::Full));
    let (status, _, outcome) = run(workers, &easy, 0);
    assert_eq!((status, outcome.unwrap().end), (Status::Ok, End::Full));
    let (status, _, outcome) = run(workers, &Work { nonce_count: 0, ..easy }, 1);
    let outcome = outcome.unwrap();
    assert_eq!((status, outcome.end, outcome.hashes), (Status::Ok, End::Exhausted, 0));
    // SAFETY: it was opened.
    unsafe { perjoule_close(workers) };
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let mut workers = null_mut();
    // SAFETY: strings, and a place.
    let mut open = |name: &CStr| unsafe { perjoule_open(name.as_ptr(), 1, &raw mut workers) };
    assert_eq!(open(c"abacus"), Status::Invalid);
    assert!(said().contains("\"abacus\""), "{}", said());
    let foreign = if cfg!(target_arch = "aarch64") { c"sse41" } else { c"neon" };
    assert_eq!(open(foreign), Status::Unavailable);
    assert!(said().contains("not available on this machine"), "{}", said());
    // SAFETY: null is what it looks for.
    assert_eq!(unsafe { perjoule_open(c"scalar".as_ptr(), 1, null_mut()) }, Status::Invalid);
    assert_eq!(said(), "workers is null");
    // SAFETY: a string, and a place.
    let status = unsafe { perjoule_open(c"scalar".as_ptr(), usize::MAX, &raw mut workers) };
    assert_eq!(status, Status::Invalid);
    assert!(workers.is_null() && said().contains("threads"), "{}", said());

    let workers = self::open(c"scalar", 1);
    let refused = |work: &Work, with: &str| {
        let (status, _, outcome) = run(workers, work, 1);
        assert!(status == Status::Invalid && outcome.is_none());
        assert!(said().contains(with), "{}", said());
    };
    refused(&Work { target: [0; 32], ..work() }, "the target is zero");
    refused(&Work { first_nonce: 2, nonce_count: u64::from(u32::MAX), ..work() }, "4294967297");
    refused(&Work { first_nonce: 2, nonce_count: u64::MAX, ..work() }, "expected at most");
    assert_eq!(run(null(), &work(), 1).0, Status::Invalid);
    assert_eq!(said(), "workers is null");
    let mut outcome = NO_OUTCOME;
    let right = work();
    for (work, outcome, with) in [
        (null(), &raw mut outcome, "work is null"),
        (&raw const right, &raw mut outcome, "shares is null"),
    ] {
        // SAFETY: null is what it looks for.
        let status = unsafe { perjoule_search(workers, work, null(), null_mut(), 1, outcome) };
        assert_eq!((status, said().as_str()), (Status::Invalid, with));
    }
    // SAFETY: null is what it looks for.
    let status =
        unsafe { perjoule_search(workers, &raw const right, null(), null_mut(), 0, null_mut()) };
    assert_eq!((status, said().as_str()), (Status::Invalid, "outcome is null"));
    let mut share = NO_SHARE;
    // SAFETY: it looks at how many there could be first.
    let status = unsafe {
        let (work, room) = (&raw const right, usize::MAX);
        perjoule_search(workers, work, null(), &raw mut share, room, &raw mut outcome)
    };
    assert_eq!(status, Status::Invalid);
    let expected = format!("share_capacity is {}, expected at most ", usize::MAX);
    assert!(said().starts_with(&expected), "{}", said());
    // SAFETY: it was opened, and null is nothing to close, to ask or to stop.
    unsafe {
        perjoule_close(workers);
        perjoule_close(null_mut());
        assert!(perjoule_engine(null()).is_null());
        perjoule_stop(null());
        perjoule_stop_free(null_mut());
    }
}

unsafe extern "C" fn stop_from_inside(context: *mut c_void, progress: *const Progress) {
    // SAFETY: the test passes a handle, and the library its progress.
    unsafe {
        assert!((*progress).of == u64::MAX && (*progress).seconds > 0.0);
        assert_eq!((*progress).size, size_of::<Progress>());
        perjoule_stop(context.cast());
    }
}

#[test]
fn a_search_ends_when_told_to_by_who_looks_on() {
    let workers = open(c"scalar", 2);
    let mut least = [0; 32];
    least[0] = 1;
    let endless = Work {
        target: least,
        nonce_count: 1 << 32,
        version_mask: u32::MAX,
        roll_seconds: 9,
        first_nonce: 0,
        ..work()
    };
    let stop = perjoule_stop_new();
    let watch = Watch {
        size: size_of::<Watch>(),
        stop,
        progress: Some(stop_from_inside),
        context: stop.cast(),
    };
    let mut outcome = NO_OUTCOME;
    let mut share = NO_SHARE;
    // SAFETY: all of it lives until the end.
    let status = unsafe {
        perjoule_search(
            workers,
            &raw const endless,
            &raw const watch,
            &raw mut share,
            1,
            &raw mut outcome,
        )
    };
    assert_eq!((status, outcome.end, outcome.share_count), (Status::Ok, End::Stopped, 0));
    assert!(outcome.hashes > 0);
    // SAFETY: they were made, and are not used any more.
    unsafe {
        perjoule_stop_free(stop);
        perjoule_close(workers);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = format!("{VERSION_MAJOR}.{VERSION_MINOR}.{VERSION_PATCH}");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    // SAFETY: it is a string.
    assert_eq!(unsafe { CStr::from_ptr(perjoule_version()) }.to_str(), Ok(&*version));
    let number = (VERSION_MAJOR * 1_000 + VERSION_MINOR) * 1_000 + VERSION_PATCH;
    assert_eq!((perjoule_version_number(), VERSION_NUMBER), (number, number));
}

/// A struct as a program has it that was compiled with a newer header.
#[repr(C)]
struct Newer<T> {
    known: T,
    more: u64,
}

#[test]
fn structs_of_another_size_are_understood_or_refused() {
    let workers = open(c"scalar", 1);
    let search = |work: *const Work, watch: *const Watch, outcome: *mut Outcome| {
        let mut share = NO_SHARE;
        // SAFETY: they are as large as they say, or say something that is no size.
        unsafe { perjoule_search(workers, work, watch, &raw mut share, 1, outcome) }
    };
    let right = work();
    let mut outcome = NO_OUTCOME;
    for size in [0, size_of::<Work>() - 1, 4097, usize::MAX] {
        let wrong = Work { size, ..right };
        let status = search(&raw const wrong, null(), &raw mut outcome);
        let expected = format!("work->size is {size}, expected sizeof(PerjouleWork), which is 144");
        assert_eq!((status, said()), (Status::Invalid, expected));
    }
    let watch = Watch { size: 8, stop: null(), progress: None, context: null_mut() };
    assert_eq!(search(&raw const right, &raw const watch, &raw mut outcome), Status::Invalid);
    assert!(said().starts_with("watch->size is 8, expected sizeof(PerjouleWatch)"), "{}", said());
    let mut unset = Outcome { size: 0, ..NO_OUTCOME };
    assert_eq!(search(&raw const right, null(), &raw mut unset), Status::Invalid);
    assert!(said().starts_with("outcome->size is 0, expected sizeof"), "{}", said());
    assert_eq!((outcome.share_count, unset.share_count), (usize::MAX, usize::MAX));

    // A newer one is fine as long as nothing is asked that is not known here.
    let mut newer = Newer { known: right, more: 0 };
    newer.known.size = size_of_val(&newer);
    let mut told = Newer { known: NO_OUTCOME, more: 7 };
    told.known.size = size_of_val(&told);
    let status = search((&raw const newer).cast(), null(), (&raw mut told).cast());
    assert_eq!((status, told.known.share_count, told.more), (Status::Ok, 1, 7));
    assert_eq!(told.known.size, size_of_val(&told));
    newer.more = 1;
    let status = search((&raw const newer).cast(), null(), &raw mut outcome);
    assert_eq!(status, Status::Invalid);
    assert!(said().starts_with("work has fields set that this library, 0."), "{}", said());
    // SAFETY: it was opened.
    unsafe { perjoule_close(workers) };
}

#[test]
fn every_engine_is_listed_with_what_it_lacks() {
    let mut info = EngineInfo { size: size_of::<EngineInfo>(), name: null(), missing: null() };
    let mut scalar = false;
    for index in 0..perjoule_engine_count() {
        // SAFETY: it is a place, and there are strings in it then.
        let (name, missing) = unsafe {
            assert_eq!(perjoule_engine_info(index, &raw mut info), Status::Ok);
            let missing = (!info.missing.is_null()).then(|| CStr::from_ptr(info.missing));
            (CStr::from_ptr(info.name), missing)
        };
        let id: EngineId = name.to_str().unwrap().parse().unwrap();
        scalar |= id == EngineId::Scalar && missing.is_none();
        if let EngineId::Gpu(_) = id {
            continue;
        }
        let mut workers = null_mut();
        // SAFETY: a string, and a place; it was opened if that went well.
        let status = unsafe { perjoule_open(info.name, 1, &raw mut workers) };
        match missing {
            None => assert_eq!(status, Status::Ok, "{name:?}"),
            Some(why) => {
                assert_eq!((status, said()), (Status::Unavailable, why.to_str().unwrap().into()));
            }
        }
        // SAFETY: it is null or was opened.
        unsafe { perjoule_close(workers) };
    }
    // One for each processor's, and at least one line about GPUs.
    assert!(scalar && perjoule_engine_count() > EngineId::CPU.len());

    let count = perjoule_engine_count();
    // SAFETY: a place, null, or one that says that it is too small.
    unsafe {
        assert_eq!(perjoule_engine_info(count, &raw mut info), Status::Invalid);
        assert_eq!(said(), format!("index is {count}, expected less than {count}"));
        assert_eq!(perjoule_engine_info(0, null_mut()), Status::Invalid);
        assert_eq!(said(), "info is null");
        info.size = 0;
        assert_eq!(perjoule_engine_info(0, &raw mut info), Status::Invalid);
        assert!(said().starts_with("info->size is 0"), "{}", said());
    }
}

#[test]
fn workers_of_another_process_are_refused_and_left_alone() {
    let workers = open(c"scalar", 1);
    // SAFETY: nobody else uses it.
    unsafe { (*workers).process ^= 1 };
    let (status, _, outcome) = run(workers, &work(), 1);
    assert!(status == Status::Invalid && outcome.is_none());
    assert!(said().contains("a fork of it, where their threads are not; open others here"));
    // SAFETY: it is open before and after, since it is left alone in between.
    unsafe {
        perjoule_close(workers);
        (*workers).process ^= 1;
        assert_eq!(run(workers, &work(), 1).0, Status::Ok);
        perjoule_close(workers);
    }
}

unsafe extern "C" fn search_again(context: *mut c_void, _: *const Progress) {
    // SAFETY: the test passes what it searches with.
    let (workers, stop) = unsafe { *context.cast::<(*mut Workers, *mut Stop)>() };
    // It would not return.
    let (status, _, outcome) = run(workers, &work(), 1);
    assert!(status == Status::Invalid && outcome.is_none());
    assert!(said().contains("would wait for itself"), "{}", said());
    let others = open(c"scalar", 1);
    assert_eq!(run(others, &work(), 1).0, Status::Ok);
    // SAFETY: they were opened and made.
    unsafe {
        perjoule_close(others);
        perjoule_stop(stop);
    }
}

#[test]
fn a_search_in_its_own_callback_is_refused() {
    let (workers, stop) = (open(c"scalar", 1), perjoule_stop_new());
    let mut context = (workers, stop);
    let watch = Watch {
        size: size_of::<Watch>(),
        stop,
        progress: Some(search_again),
        context: (&raw mut context).cast(),
    };
    let mut least = [0; 32];
    least[0] = 1;
    let endless = Work {
        target: least,
        nonce_count: 1 << 32,
        version_mask: u32::MAX,
        first_nonce: 0,
        ..work()
    };
    let (mut share, mut outcome) = (NO_SHARE, NO_OUTCOME);
    // SAFETY: all of it lives until the end, and is not used any more then.
    unsafe {
        let (work, watch) = (&raw const endless, &raw const watch);
        let status = perjoule_search(workers, work, watch, &raw mut share, 1, &raw mut outcome);
        assert_eq!((status, outcome.end), (Status::Ok, End::Stopped));
        // After that they are free again.
        assert_eq!(run(workers, &self::work(), 1).0, Status::Ok);
        perjoule_stop_free(stop);
        perjoule_close(workers);
    }
}
