//! Handles requests to end: Ctrl-C, and signals of service managers, batch systems and terminals.
//!
//! The first signal stops the running work, which then delivers its results so far; without work
//! that can be stopped, it ends the program. The second signal always ends it. The exit code is
//! that of shells: 128 plus the number of the signal.
//!
//! The examples that mine include this file.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Instant;

use perjoule::search::Stop;

/// Milliseconds within which two signals count as one: `timeout` sends its own to a process and to
/// its group, and service managers send two kinds.
const ONE: u64 = 200;

/// Handle that stops the running work, once there is work that can be stopped.
static STOP: OnceLock<Stop> = OnceLock::new();

/// Number of the first signal; 0 means none.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// Time of the first signal, in milliseconds after the start.
static CAME: AtomicU64 = AtomicU64::new(u64::MAX);
static START: OnceLock<Instant> = OnceLock::new();

/// Returns the handle that the first signal stops from now on, instead of ending the program.
pub(crate) fn stop() -> Stop {
    STOP.get_or_init(Stop::default).clone()
}

/// Returns the exit code of the first signal, as shells count it; `None` if there was none.
pub(crate) fn code() -> Option<u8> {
    match FIRST.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(code_of(signal) as u8),
    }
}

fn code_of(signal: i32) -> i32 {
    128 + signal
}

/// Handles a signal and returns whether it ends the program. Neither waits for a lock nor allocates
/// memory, because it may interrupt any code.
fn is_end(signal: i32, hang_up: i32) -> bool {
    let Some(stop) = STOP.get() else { return true };
    let now = START.get().map_or(0, |start| start.elapsed().as_millis() as u64);
    if FIRST.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        CAME.store(now, Ordering::Relaxed);
        stop.stop();
        return false;
    }
    // A terminal that goes away repeats its signal, and leaves no user who is in a hurry.
    signal != hang_up && now.saturating_sub(CAME.load(Ordering::Relaxed)) >= ONE
}

/// Handles signals from now on.
///
/// # Errors
///
/// Fails if the system does not allow it.
#[cfg(unix)]
pub(crate) fn watch() -> io::Result<()> {
    START.get_or_init(Instant::now);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // A signal that was ignored at the start, as by `nohup`, is meant to stay ignored. But
        // shells ignore Ctrl-C for all background jobs, where its sender means it nevertheless.
        if signal == libc::SIGINT || !is_ignored(signal)? {
            handle(signal)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    let mut known = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set, and there is room for the answer.
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
    // SAFETY: all zeros are a value of this type. The handler takes a number, as `sa_flags` says,
    // and does only what a handler may: it reads a clock, changes atomics, and may exit.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = came as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Handles Ctrl-C from now on.
///
/// # Errors
///
/// Fails if the system does not allow it.
#[cfg(not(unix))]
pub(crate) fn watch() -> io::Result<()> {
    /// Number of Ctrl-C in the C library.
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
