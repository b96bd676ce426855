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

/// Returns the processor time of the calling thread so far; `None` where the system does not report
/// it.
#[cfg(feature = "gpu")]
pub(crate) fn thread_time() -> Option<Duration> {
    #[cfg(unix)]
    return read(libc::CLOCK_THREAD_CPUTIME_ID);
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

#[cfg(all(test, unix, feature = "score", feature = "gpu"))]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_millis(50);

    /// Keeps a core busy until the clock of the thread shows that it has, and returns what it shows.
    fn work() -> Duration {
        let mut last = Duration::ZERO;
        while last < WORK {
            let now = thread_time().expect("a clock of Unix");
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
        last
    }

    #[test]
    fn work_of_another_thread_is_of_the_process_and_not_of_this_thread() {
        let now = || [process_time(), thread_time()].map(|time| time.expect("a clock of Unix"));
        let before = now();
        let spent = std::thread::spawn(work).join().expect("no panic");
        let after = now();
        let [process, own] = [0, 1].map(|at| after[at].checked_sub(before[at]).expect("no less"));
        assert!(spent >= WORK && process >= WORK, "{spent:?}, {process:?}");
        assert!(own < spent, "waiting took {own:?} of processor time, working {spent:?}");
    }
}
