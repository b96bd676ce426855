//! The C interface: engines, workers, stops, and the search of a range. `include/perjoule.h` is made
//! of it.
//!
//! Every function looks at its arguments before it uses them, and lets no panic out. All of them may
//! be called from any thread, on the same workers and stops too.

mod fail;
mod sized;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem;
use std::process;
use std::sync::OnceLock;

use search::block::{Header, Target, VersionMask};
use search::engine::{self, EngineId};
use search::job::NonceRange;
use search::search as library;

pub use self::fail::Status;
use self::fail::{Failure, guarded, last_error};

/// The major version of this header.
pub const VERSION_MAJOR: u32 = 0;

/// The minor version of this header.
pub const VERSION_MINOR: u32 = 1;

/// The patch version of this header.
pub const VERSION_PATCH: u32 = 0;

/// The version of this header as one number, which `perjoule_version_number` gives of the library:
/// major times 1,000,000, minor times 1,000 and patch.
pub const VERSION_NUMBER: u32 = VERSION_MAJOR * 1_000_000 + VERSION_MINOR * 1_000 + VERSION_PATCH;

/// Engines and their threads. Searches share them, one after the other: a second one waits for its
/// turn until it is told to stop.
pub struct Workers {
    inner: library::Workers,
    engine: CString,
    /// Where its threads are.
    process: u32,
}

/// Tells searches to stop, from any thread, and for good.
pub struct Stop(library::Stop);

/// What is known of an engine without opening it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EngineInfo {
    /// To be set before: `sizeof(PerjouleEngineInfo)`.
    pub size: usize,
    /// Its name, for `perjoule_open`. It is there until the end of the process.
    pub name: *const c_char,
    /// Why this machine or this build cannot run it, in one line, as long; null where it can.
    pub missing: *const c_char,
}

/// What to search. All of it zero but size, header, target and `nonce_count` is a search of these
/// nonces and nothing else.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// `sizeof(PerjouleWork)`.
    pub size: usize,
    /// The header as it is hashed. Its nonce has no meaning.
    pub header: [u8; 80],
    /// What a hash has to be at most: 256 bits, least significant byte first, as in a hash. Not 0.
    pub target: [u8; 32],
    /// The first nonce.
    pub first_nonce: u32,
    /// How many nonces: up to 2^32, none after 0xffffffff. With 0 there is nothing to do: the search
    /// is exhausted at once.
    pub nonce_count: u64,
    /// Version bits to roll, as in 0x1fffe000 (BIP 320); 0 for none.
    pub version_mask: u32,
    /// How many seconds later than in the header the time may be, once nonces and versions are
    /// spent.
    pub roll_seconds: u32,
}

/// A header whose hash was computed whole and meets the target: that of the work with these fields.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The header's nonce.
    pub nonce: u32,
    /// The header's version, with the bits that were rolled.
    pub version: u32,
    /// The header's time.
    pub time: u32,
    /// Zero, for what may be told later: an array of these keeps its shape.
    pub reserved: [u32; 5],
    /// The hash, as SHA-256d gives its bytes.
    pub hash: [u8; 32],
}

/// How far a running search is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// How large this is in the library that calls: a field that ends after it is not there.
    pub size: usize,
    /// Hashes done.
    pub hashes: u64,
    /// Hashes there are; `UINT64_MAX` for that and more.
    pub of: u64,
    /// Since the start.
    pub seconds: f64,
}

/// Who looks on while a search runs. All of it but the size may be null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// `sizeof(PerjouleWatch)`.
    pub size: usize,
    /// Ends the search when it says so.
    pub stop: *const Stop,
    /// Called about ten times a second, on the thread that called the search, and not at all where a
    /// search is shorter. It must return: no longjmp, and an exception of C++ that leaves it ends the
    /// process. A search on the same workers in it is refused, and it must not close them. What it is
    /// passed is gone when it returns.
    pub progress: Option<unsafe extern "C" fn(context: *mut c_void, progress: *const Progress)>,
    /// Passed on to progress.
    pub context: *mut c_void,
}

/// Why a search ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There is no room for more shares; there may be more.
    Full = 0,
    /// Every hash of the work was done.
    Exhausted = 1,
    /// It was told to stop.
    Stopped = 2,
    /// No engine works any more.
    Failed = 3,
}

/// What a search did.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// To be set before: `sizeof(PerjouleOutcome)`.
    pub size: usize,
    /// Why it ended.
    pub end: End,
    /// How many shares were written.
    pub share_count: usize,
    /// Hashes done.
    pub hashes: u64,
}

/// The version of this library, as in "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no NUL in it"),
        };
    VERSION.as_ptr()
}

/// The version of this library as one number, to be compared with `PERJOULE_VERSION_NUMBER`, which is
/// that of the header: 0.1.0 is 1000. Before 1.0 the first two parts have to be the same.
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_version_number() -> u32 {
    VERSION_NUMBER
}

/// What the last call on this thread that failed says, in one line of up to 1,023 bytes of UTF-8; empty
/// before. It is there until the thread ends, and changes when another call on it fails: copy what is
/// to be kept. A call that works leaves it as it is, so look at the status first, and not in the same
/// argument list.
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_last_error() -> *const c_char {
    last_error()
}

/// How many engines there are to ask `perjoule_engine_info` of. Every engine of processors is among
/// them, on any processor, and every GPU that a driver offers; where there is none, one that says why.
/// A build with GPUs asks the drivers at the first call, which takes up to a second.
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_engine_count() -> usize {
    let mut count = 0;
    guarded(|| {
        count = engines().len();
        Ok(())
    });
    count
}

/// What is known of the engine with this number, from 0 on.
///
/// # Safety
///
/// `info` is a place for it, whose size is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_engine_info(index: usize, info: *mut EngineInfo) -> Status {
    guarded(|| {
        // SAFETY: the caller says that it is null or such a struct.
        let size = unsafe { sized::size_of_it(info, "info") }?;
        let engines = engines();
        let Listed { name, missing } = engines.get(index).ok_or_else(|| {
            Failure::invalid(format_args!("index is {index}, expected less than {}", engines.len()))
        })?;
        let missing = missing.as_ref().map_or(std::ptr::null(), |missing| missing.as_ptr());
        // SAFETY: it is not null, and as large as that or larger.
        unsafe { info.write(EngineInfo { size, name: name.as_ptr(), missing }) };
        Ok(())
    })
}

/// Opens an engine by its name, as in "avx2" or "gpu:0", or with null the fastest of the processor,
/// measured; with a number of threads, up to 1,024, or with 0 one for each core. It takes some
/// milliseconds, and a GPU up to four seconds, or part of one where an earlier run has left in this user's
/// cache (`~/.cache/perjoule`) what tuning found. The result is for `perjoule_close`; nothing is written
/// when it fails.
///
/// Threads do not survive `fork`: a child cannot search on what its parent opened, and opens its own.
///
/// # Safety
///
/// `engine` is null or a string, and `workers` a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_open(
    engine: *const c_char,
    threads: usize,
    workers: *mut *mut Workers,
) -> Status {
    guarded(|| {
        if workers.is_null() {
            return Err(null("workers"));
        }
        let engine = if engine.is_null() {
            engine::best(1)
        } else {
            // SAFETY: it is not null, and the caller says that it is a string then.
            let name = unsafe { CStr::from_ptr(engine) }.to_string_lossy();
            let id: EngineId = name.parse().map_err(Failure::invalid)?;
            engine::by_id(id).map_err(Failure::unavailable)?
        };
        let id = engine.id().to_string();
        let builder = library::Workers::builder(engine);
        let builder = if threads == 0 { builder } else { builder.threads(threads) };
        let opened = Workers {
            inner: builder.build().map_err(|error| match error {
                library::WorkersError::Threads { .. } => Failure::invalid(error),
                _ => Failure::failed(error),
            })?,
            engine: CString::new(id).map_err(Failure::failed)?,
            process: process::id(),
        };
        // SAFETY: it is not null, and the caller says that there is room for the result.
        unsafe { workers.write(Box::into_raw(Box::new(opened))) };
        Ok(())
    })
}

/// Ends the threads, soon after it returned: a library that is loaded at run time must stay loaded.
/// No search may be running on them, or start later. Null is nothing to close. In a child of `fork`
/// what its parent opened is left alone, since its threads are not there.
///
/// # Safety
///
/// `workers` is null or from `perjoule_open`, and closed only once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_close(workers: *mut Workers) {
    guarded(|| {
        if !workers.is_null() {
            // SAFETY: the caller says that it is from `perjoule_open`, where it was a box.
            let workers = unsafe { Box::from_raw(workers) };
            if workers.process == process::id() {
                drop(workers);
            } else {
                mem::forget(workers);
            }
        }
        Ok(())
    });
}

/// The name of the engine that was opened, there until it is closed; null for null.
///
/// # Safety
///
/// `workers` is null or from `perjoule_open`, and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_engine(workers: *const Workers) -> *const c_char {
    // SAFETY: the caller says that it is null or open workers.
    let workers = unsafe { workers.as_ref() };
    workers.map_or(std::ptr::null(), |workers| workers.engine.as_ptr())
}

/// A new handle to stop searches with, for `perjoule_stop_free`.
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_stop_new() -> *mut Stop {
    Box::into_raw(Box::new(Stop(library::Stop::default())))
}

/// Stops the searches that watch this, now and later. They end within 10 ms on a processor that has
/// no more threads than cores. Null stops nothing. Also from a signal handler.
///
/// # Safety
///
/// `stop` is null or from `perjoule_stop_new`, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_stop(stop: *const Stop) {
    // SAFETY: the caller says that it is null or a handle.
    if let Some(stop) = unsafe { stop.as_ref() } {
        stop.0.stop();
    }
}

/// Frees a handle, after the searches that watch it have returned. Null is nothing to free.
///
/// # Safety
///
/// `stop` is null or from `perjoule_stop_new`, freed only once, and no search watches it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_stop_free(stop: *mut Stop) {
    if !stop.is_null() {
        // SAFETY: the caller says that it is from `perjoule_stop_new`, where it was a box.
        drop(unsafe { Box::from_raw(stop) });
    }
}

/// Searches until there is no room for more shares, all is done, or it is told to stop. The shares
/// are the first ones by time, versions and nonce, whatever the engine and the number of threads,
/// unless it was stopped or failed.
///
/// Ok says that the search ran; the outcome says how it ended. With Failed the outcome is there too
/// when the engines failed in mid-search; otherwise it is not written. Workers whose engines failed
/// do not work again: close them, and open others. In a child of `fork` workers of the parent are
/// Invalid, as they are in a progress callback of a search on them.
///
/// # Safety
///
/// `workers` is from `perjoule_open` and not closed before the end. `work` and `outcome` are such,
/// with their sizes set, `shares` has room for `share_capacity` of them, and null will do for 0.
/// `watch` is null, or such with its size set, and all of it that is not null is what it should be
/// until the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_search(
    workers: *const Workers,
    work: *const Work,
    watch: *const Watch,
    shares: *mut Share,
    share_capacity: usize,
    outcome: *mut Outcome,
) -> Status {
    guarded(|| {
        // SAFETY: the caller says that it is null or open workers.
        let workers = unsafe { workers.as_ref() }.ok_or_else(|| null("workers"))?;
        workers.are_here()?;
        // SAFETY: the caller says that each of the three is null or what its type says.
        let (work, watch, size) = unsafe {
            let watch = if watch.is_null() { None } else { Some(sized::read(watch, "watch")?) };
            (sized::read(work, "work")?, watch, sized::size_of_it(outcome, "outcome")?)
        };
        let search = search_of(&work)?;
        if shares.is_null() && share_capacity > 0 {
            return Err(null("shares"));
        }
        let most = isize::MAX.unsigned_abs() / size_of::<Share>();
        if share_capacity > most {
            return Err(Failure::invalid(format_args!(
                "share_capacity is {share_capacity}, expected at most {most}"
            )));
        }

        let mut tell = |progress: library::Progress| {
            if let Some(Watch { progress: Some(callback), context, .. }) = watch {
                let progress = Progress {
                    size: size_of::<Progress>(),
                    hashes: progress.hashes,
                    of: u64::try_from(progress.of).unwrap_or(u64::MAX),
                    seconds: progress.elapsed.as_secs_f64(),
                };
                // SAFETY: the caller says that it is a function that takes these.
                unsafe { callback(context, &raw const progress) };
            }
        };
        // SAFETY: the caller says that it is null or a handle.
        let stop = watch.and_then(|watch| unsafe { watch.stop.as_ref() });
        let look_on = library::SearchControl::default().progress(&mut tell);
        let look_on = if let Some(Stop(stop)) = stop { look_on.stop(stop) } else { look_on };
        let busy = Busy::on(workers)?;
        let found = search.all(share_capacity, &workers.inner, look_on);
        drop(busy);

        for (index, share) in found.shares.iter().enumerate() {
            // SAFETY: there are at most `share_capacity` of them, and the caller says that there is
            // room for so many.
            unsafe { shares.add(index).write(share_of(share)) };
        }
        let end = match found.end {
            library::End::Limit => End::Full,
            library::End::Exhausted => End::Exhausted,
            library::End::Stopped => End::Stopped,
            library::End::Failed => End::Failed,
        };
        let said = Outcome { size, end, share_count: found.shares.len(), hashes: found.hashes };
        // SAFETY: it is not null, and the caller says that there is room for it.
        unsafe { outcome.write(said) };
        match found.faults.first() {
            Some(fault) if end == End::Failed => Err(Failure::failed(fault)),
            _ => Ok(()),
        }
    })
}

impl Workers {
    /// Whether its threads are in this process.
    fn are_here(&self) -> Result<(), Failure> {
        if self.process == process::id() {
            return Ok(());
        }
        Err(Failure::invalid(format_args!(
            "the workers were opened in process {} and this is {}, a fork of it, where their threads \
             are not; open others here",
            self.process,
            process::id()
        )))
    }
}

thread_local! {
    /// The workers that this thread searches on, of which it may have to wait for none again.
    static BUSY: RefCell<Vec<*const Workers>> = const { RefCell::new(Vec::new()) };
}

/// A search of this thread on workers, until it is dropped.
struct Busy;

impl Busy {
    fn on(workers: &Workers) -> Result<Self, Failure> {
        let workers = std::ptr::from_ref(workers);
        BUSY.with_borrow_mut(|busy| {
            if busy.contains(&workers) {
                return Err(Failure::invalid(
                    "these workers are searching on this thread, which would wait for itself",
                ));
            }
            busy.push(workers);
            Ok(Self)
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // Searches on one thread lie within each other.
        BUSY.with_borrow_mut(Vec::pop);
    }
}

/// An engine as it is listed.
struct Listed {
    name: CString,
    missing: Option<CString>,
}

impl Listed {
    fn new(id: EngineId, missing: Option<&engine::UnavailableEngineError>) -> Self {
        // Neither has a NUL in it.
        let text = |text: String| CString::new(text).unwrap_or_default();
        let missing = missing.map(|missing| text(missing.to_string()));
        Self { name: text(id.to_string()), missing }
    }
}

/// Those of processors, and then GPUs. The machine is asked once.
fn engines() -> &'static [Listed] {
    static ENGINES: OnceLock<Vec<Listed>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let mut engines: Vec<_> = engine::survey()
            .iter()
            .map(|engine| match engine {
                Ok(engine) => Listed::new(engine.id(), None),
                Err(missing) => Listed::new(missing.id(), Some(missing)),
            })
            .collect();
        let gpus = gpus();
        engines.extend((0..gpus).map(|number| Listed::new(EngineId::Gpu(number), None)));
        if gpus == 0 {
            let first = EngineId::Gpu(0);
            let missing = engine::by_id(first).err();
            engines.extend(missing.map(|missing| Listed::new(first, Some(&missing))));
        }
        engines
    })
}

/// How many GPUs drivers offer, of those that have a number.
fn gpus() -> u8 {
    #[cfg(feature = "gpu")]
    let gpus = u8::try_from(search::gpu::adapters().len()).unwrap_or(u8::MAX);
    #[cfg(not(feature = "gpu"))]
    let gpus = 0;
    gpus
}

fn null(argument: &str) -> Failure {
    Failure::invalid(format_args!("{argument} is null"))
}

fn search_of(work: &Work) -> Result<library::Search, Failure> {
    let target = Target::from_le_bytes(work.target).map_err(Failure::invalid)?;
    let end = u64::from(work.first_nonce).saturating_add(work.nonce_count);
    let nonces = NonceRange::new(work.first_nonce, end).map_err(Failure::invalid)?;
    let search = library::Search::new(Header::from_bytes(work.header), target)
        .nonces(nonces)
        .roll_time(work.roll_seconds);
    Ok(match VersionMask::from_consensus(work.version_mask) {
        Ok(mask) => search.versions(mask),
        // Zero: nothing to roll.
        Err(_) => search,
    })
}

fn share_of(share: &library::Share) -> Share {
    let header = share.header();
    Share {
        nonce: header.nonce(),
        version: header.version().to_consensus(),
        time: header.time(),
        reserved: [0; 5],
        hash: *share.hash().as_bytes(),
    }
}
