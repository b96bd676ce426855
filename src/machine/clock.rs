//! Clocks of the system that the standard library does not read: processor time, user and system
//! together, and for meters the time of a machine that may be suspended.
//!
//! They are those of Unix. What other systems have for them is in no dependency of this crate, so
//! that there they are not known.

use std::time::Duration;

/// Returns the processor time of all threads of this process so far, also of those that have ended;
/// `None` where the system does not report it.
#[cfg(feature = "score")]
pub(crate) fn process_time() -> Option<Duration> {
    #[cfg(unix)]
    return read(libc::CLOCK_PROCESS_CPUTIME_ID);
    #[cfg(not(unix))]
    return None;
}

/// Returns the time of a clock; `None` if the system does not have it.
#[cfg(unix)]
pub(crate) fn read(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for the result, and is not used elsewhere meanwhile.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    let seconds = u64::try_from(time.tv_sec).ok().filter(|_| !failed)?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(all(test, unix, feature = "score"))]
mod tests {
    use super::*;

    #[test]
    fn work_of_another_thread_is_of_the_process() {
        const WORK: Duration = Duration::from_millis(50);
        let now = || process_time().expect("a clock of Unix");
        let start = now();
        let work = move || {
            let mut last = start;
            while last.saturating_sub(start) < WORK {
                let next = now();
                assert!(next >= last, "{next:?} after {last:?}");
                last = next;
            }
        };
        std::thread::spawn(work).join().expect("no panic");
        let spent = now().saturating_sub(start);
        assert!(spent >= WORK, "{spent:?}");
    }
}
