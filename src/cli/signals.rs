//! What asks the program to end: Ctrl-C, and what service managers, batch systems and terminals send.
//!
//! The first signal stops what runs, so that it delivers what it has by then; where nothing runs that
//! could, it ends the program. The second one ends it in any case. The exit code is that of shells: 128
//! and the number of the signal.
//!
//! The examples that mine include this file.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Instant;

use perjoule::search::Stop;

/// Two signals as close as this are one: `timeout` sends its own to a process and to its group, and
/// service managers send two kinds.
const ONE: u64 = 200;

/// What is told to stop, once there is something that can.
static STOP: OnceLock<Stop> = OnceLock::new();

/// The number of the signal that came first; 0 is none.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// When it came, in milliseconds after the start.
static CAME: AtomicU64 = AtomicU64::new(u64::MAX);
static START: OnceLock<Instant> = OnceLock::new();

/// What the first signal stops from now on, instead of ending the program.
pub(crate) fn stop() -> Stop {
    STOP.get_or_init(Stop::default).clone()
}

/// The number of the signal that came, as shells count it; `None` where there was none.
pub(crate) fn code() -> Option<u8> {
    match FIRST.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(code_of(signal) as u8),
    }
}

fn code_of(signal: i32) -> i32 {
    128 + signal
}

/// Minds a signal, and says whether it ends the program. Nothing here waits for a lock, or takes
/// memory: it runs in the middle of anything.
fn is_end(signal: i32, hang_up: i32) -> bool {
    let Some(stop) = STOP.get() else { return true };
    let now = START.get().map_or(0, |start| start.elapsed().as_millis() as u64);
    if FIRST.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        CAME.store(now, Ordering::Relaxed);
        stop.stop();
        return false;
    }
    // A terminal that goes away says so several times, and nobody is there who is in a hurry.
    signal != hang_up && now.saturating_sub(CAME.load(Ordering::Relaxed)) >= ONE
}

/// From now on signals are minded.
///
/// # Errors
///
/// When the system does not allow it.
#[cfg(unix)]
pub(crate) fn watch() -> io::Result<()> {
    START.get_or_init(Instant::now);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // Whoever started this with a signal ignored, as `nohup` does, wants it to stay so. But
        // shells ignore Ctrl-C for all that they put into the background, where whoever sends it
        // nevertheless means it.
        if signal == libc::SIGINT || !is_ignored(signal)? {
            handle(signal)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    let mut known = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set, and there is room for what is told.
    let told = unsafe { libc::sigaction(signal, std::ptr::null(), known.as_mut_ptr()) };
    if told != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeros are a value of this type, and the system has filled it since.
    Ok(unsafe { known.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

#[cfg(unix)]
fn handle(signal: libc::c_int) -> io::Result<()> {
    extern "C" fn came(signal: libc::c_int) {
        if is_end(signal, libc::SIGHUP) {
            // SAFETY: this may be called in a handler; nothing of this process runs after it.
            unsafe { libc::_exit(code_of(signal)) }
        }
    }
    // SAFETY: all zeros are a value of this type. The handler takes a number, as `sa_flags` says, and
    // does only what is allowed in one: it reads a clock, changes atomic numbers, and may end.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = came as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From now on Ctrl-C is minded.
///
/// # Errors
///
/// When the system does not allow it.
#[cfg(not(unix))]
pub(crate) fn watch() -> io::Result<()> {
    /// The numbers of the C library.
    const INTERRUPT: i32 = 2;
    const NO_HANG_UP: i32 = 0;
    START.get_or_init(Instant::now);
    let handle = || {
        if is_end(INTERRUPT, NO_HANG_UP) {
            std::process::exit(code_of(INTERRUPT));
        }
    };
    ctrlc::set_handler(handle).map_err(io::Error::other)
}
