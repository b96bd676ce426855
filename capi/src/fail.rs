//! How a call fails: a status for the program, a line for people, and never a panic into C.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};

/// How a call went. Unless it is Ok, `perjoule_last_error` says more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did what it should.
    Ok = 0,
    /// An argument makes no sense: it must be changed.
    Invalid = 1,
    /// This machine or this build has no such engine.
    Unavailable = 2,
    /// The device or the system failed: the same call may or may not work later.
    Failed = 3,
    /// A fault of this library. What was passed in may be closed, but not be used any more.
    Panicked = 4,
}

/// What went wrong, and what of it to tell.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    pub(crate) fn invalid(what: impl Display) -> Self {
        Self { status: Status::Invalid, message: what.to_string() }
    }

    pub(crate) fn unavailable(what: impl Display) -> Self {
        Self { status: Status::Unavailable, message: what.to_string() }
    }

    pub(crate) fn failed(what: impl Display) -> Self {
        Self { status: Status::Failed, message: what.to_string() }
    }

    fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or(payload.downcast_ref::<String>().map(String::as_str));
        let message = format!("a fault of this library: {}", text.unwrap_or("unknown"));
        Self { status: Status::Panicked, message }
    }
}

/// How long a message may be, with the zero at its end: what is longer is cut.
const ROOM: usize = 1024;

thread_local! {
    /// One place for all messages of a thread: who holds on to an old one reads the newest, and never
    /// what was freed.
    static LAST: RefCell<[u8; ROOM]> = const { RefCell::new([0; ROOM]) };
}

/// Makes a call of Rust one of C: its error becomes a status and the thread's last error, and so
/// does a panic.
pub(crate) fn guarded(call: impl FnOnce() -> Result<(), Failure>) -> Status {
    // Nothing is used again that a panic may have left half done: see `Status::Panicked`.
    let failure = match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::panicked(payload.as_ref()),
    };
    let message = failure.message.replace('\0', " ");
    let end = message.floor_char_boundary(ROOM - 1);
    LAST.with_borrow_mut(|last| {
        last[..end].copy_from_slice(&message.as_bytes()[..end]);
        last[end] = 0;
    });
    failure.status
}

pub(crate) fn last_error() -> *const c_char {
    LAST.with_borrow(|last| last.as_ptr().cast())
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last() -> String {
        // SAFETY: it points to a string of this thread, which no call has changed since.
        unsafe { CStr::from_ptr(last_error()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn failures_are_a_status_and_a_line() {
        assert_eq!(guarded(|| Ok(())), Status::Ok);
        assert_eq!(last(), "");
        assert_eq!(guarded(|| Err(Failure::invalid("no\0good"))), Status::Invalid);
        assert_eq!(last(), "no good");
        assert_eq!(guarded(|| Err(Failure::unavailable("away"))), Status::Unavailable);
        // A call that works leaves the message, as in C the number of an error is left.
        assert_eq!(guarded(|| Ok(())), Status::Ok);
        assert_eq!(last(), "away");
    }

    #[test]
    fn a_message_stays_in_its_place_and_is_cut_to_it() {
        assert_eq!(guarded(|| Err(Failure::failed("first"))), Status::Failed);
        let before = last_error();
        // Of two bytes each, so that the last does not fit in.
        let long = "\u{e9}".repeat(ROOM);
        assert_eq!(guarded(|| Err(Failure::failed(&long))), Status::Failed);
        assert_eq!((last_error(), last()), (before, long[..ROOM - 2].to_owned()));
        assert_eq!(guarded(|| Err(Failure::failed("last"))), Status::Failed);
        assert_eq!((last_error(), last().as_str()), (before, "last"));
    }

    #[test]
    fn panics_end_here() {
        assert_eq!(guarded(|| panic!("plain")), Status::Panicked);
        assert_eq!(last(), "a fault of this library: plain");
        assert_eq!(guarded(|| panic!("with {}", 7)), Status::Panicked);
        assert_eq!(last(), "a fault of this library: with 7");
    }

    #[test]
    fn each_thread_has_its_own_last_error() {
        assert_eq!(guarded(|| Err(Failure::failed("here"))), Status::Failed);
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(last(), ""));
        });
        assert_eq!(last(), "here");
    }
}
