//! The C interface: workers, stops, and the search of a range. `include/perjoule.h` is made of it.
//!
//! Every function looks at its arguments before it uses them, and lets no panic out. All of them may
//! be called from any thread, on the same workers and stops too.

mod fail;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, CString, c_char, c_void};

use search::block::{Header, Target, VersionMask};
use search::engine::{self, EngineId};
use search::job::NonceRange;
use search::search as core;

pub use self::fail::Status;
use self::fail::{Failure, guarded, last_error};

/// Engines and their threads. Searches share them, one after the other: a second one waits for its
/// turn until it is told to stop.
pub struct Workers {
    workers: core::Workers,
    engine: CString,
}

/// Tells searches to stop, from any thread, and for good.
pub struct Stop(core::Stop);

/// What to search. All of it zero but header, target and `nonce_count` is a search of these nonces and
/// nothing else.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// The header as it is hashed. Its nonce has no meaning.
    pub header: [u8; 80],
    /// What a hash has to be at most: 256 bits, least significant byte first, as in a hash. Not 0.
    pub target: [u8; 32],
    /// The first nonce.
    pub first_nonce: u32,
    /// How many nonces: up to 2^32, none after 0xffffffff.
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
    /// The hash, as SHA-256d gives its bytes.
    pub hash: [u8; 32],
}

/// How far a running search is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Hashes done.
    pub hashes: u64,
    /// Hashes there are; `UINT64_MAX` for that and more.
    pub of: u64,
    /// Since the start.
    pub seconds: f64,
}

/// Who looks on while a search runs. All of it may be null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Ends the search when it says so.
    pub stop: *const Stop,
    /// Called about ten times a second, on the thread that called the search. It must return: no
    /// longjmp, no exception. It must not search on the same workers, which would wait for itself.
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

/// What the last call on this thread that failed says, in one line; empty before. It is there until
/// another call fails on this thread, or the thread ends.
#[unsafe(no_mangle)]
pub extern "C" fn perjoule_last_error() -> *const c_char {
    last_error()
}

/// Opens an engine by its name, as in "avx2" or "gpu:0", or with null the fastest of the processor,
/// measured; with a number of threads, or with 0 one for each core. It takes some milliseconds, and
/// a GPU a second or two. The result is for `perjoule_close`.
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
        let builder = core::Workers::builder(engine);
        let builder = if threads == 0 { builder } else { builder.threads(threads) };
        let opened = Workers {
            workers: builder.build().map_err(|error| match error {
                core::WorkersError::Threads { .. } => Failure::invalid(error),
                _ => Failure::failed(error),
            })?,
            engine: CString::new(id).map_err(Failure::failed)?,
        };
        // SAFETY: it is not null, and the caller says that there is room for the result.
        unsafe { workers.write(Box::into_raw(Box::new(opened))) };
        Ok(())
    })
}

/// Ends the threads, soon after it returned: a library that is loaded at run time must stay loaded.
/// No search may be running on them, or start later. Null is nothing to close.
///
/// # Safety
///
/// `workers` is null or from `perjoule_open`, and closed only once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perjoule_close(workers: *mut Workers) {
    guarded(|| {
        if !workers.is_null() {
            // SAFETY: the caller says that it is from `perjoule_open`, where it was a box.
            drop(unsafe { Box::from_raw(workers) });
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
    Box::into_raw(Box::new(Stop(core::Stop::default())))
}

/// Stops the searches that watch this, now and later. They end within 10 ms on a processor. Null
/// stops nothing. Also from a signal handler.
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
/// do not work again: close them, and open others.
///
/// # Safety
///
/// `workers` is from `perjoule_open` and not closed before the end. `work` and `outcome` are such,
/// `shares` has room for `share_capacity` of them, and null will do for 0. `watch` is null, or all of
/// it that is not null is what it should be until the end.
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
        // SAFETY: the caller says that each of the three is null or what its type says.
        let (workers, work, watch) = unsafe { (workers.as_ref(), work.as_ref(), watch.as_ref()) };
        let workers = workers.ok_or_else(|| null("workers"))?;
        let search = search_of(work.ok_or_else(|| null("work"))?)?;
        if shares.is_null() && share_capacity > 0 {
            return Err(null("shares"));
        }
        if outcome.is_null() {
            return Err(null("outcome"));
        }

        let mut tell = |progress: core::Progress| {
            if let Some(Watch { progress: Some(callback), context, .. }) = watch {
                let progress = Progress {
                    hashes: progress.hashes,
                    of: u64::try_from(progress.of).unwrap_or(u64::MAX),
                    seconds: progress.elapsed.as_secs_f64(),
                };
                // SAFETY: the caller says that it is a function that takes these.
                unsafe { callback(*context, &raw const progress) };
            }
        };
        // SAFETY: the caller says that it is null or a handle.
        let stop = watch.and_then(|watch| unsafe { watch.stop.as_ref() });
        let look_on = core::Watch::default().progress(&mut tell);
        let look_on = if let Some(Stop(stop)) = stop { look_on.stop(stop) } else { look_on };
        let found = search.all(share_capacity, &workers.workers, look_on);

        for (index, share) in found.shares.iter().enumerate() {
            // SAFETY: there are at most `share_capacity` of them, and the caller says that there is
            // room for so many.
            unsafe { shares.add(index).write(share_of(share)) };
        }
        let end = match found.end {
            core::End::Limit => End::Full,
            core::End::Exhausted => End::Exhausted,
            core::End::Stopped => End::Stopped,
            core::End::Failed => End::Failed,
        };
        let said = Outcome { end, share_count: found.shares.len(), hashes: found.hashes };
        // SAFETY: it is not null, and the caller says that there is room for it.
        unsafe { outcome.write(said) };
        match found.faults.first() {
            Some(fault) if end == End::Failed => Err(Failure::failed(fault)),
            _ => Ok(()),
        }
    })
}

fn null(argument: &str) -> Failure {
    Failure::invalid(format_args!("{argument} is null"))
}

fn search_of(work: &Work) -> Result<core::Search, Failure> {
    let target = Target::from_le_bytes(work.target).map_err(Failure::invalid)?;
    let end = u64::from(work.first_nonce).saturating_add(work.nonce_count);
    let nonces = NonceRange::new(work.first_nonce, end).map_err(Failure::invalid)?;
    let search = core::Search::new(Header::from_bytes(work.header), target)
        .nonces(nonces)
        .roll_time(work.roll_seconds);
    Ok(match VersionMask::from_consensus(work.version_mask) {
        Ok(mask) => search.versions(mask),
        // Zero: nothing to roll.
        Err(_) => search,
    })
}

fn share_of(share: &core::Share) -> Share {
    let header = share.header();
    Share {
        nonce: header.nonce(),
        version: header.version().to_consensus(),
        time: header.time(),
        hash: *share.hash().as_bytes(),
    }
}
