//! Checks that stdout can be written to.
//!
//! A program may be started with stdout closed (`>&-` in a shell). Before `main`, Rust puts
//! `/dev/null` in its place, so that no file gets its number; all output is lost then, without an
//! error. So stdout is checked before that.

use std::io;

/// Fails if nothing written to stdout can reach a reader or a file.
///
/// # Errors
///
/// Returns the reason.
pub(super) fn check() -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    match early::flags() {
        -1 => return Err(io::Error::other("it is closed; give it a file, or /dev/null")),
        flags if flags & libc::O_ACCMODE == libc::O_RDONLY => {
            return Err(io::Error::other("it is open for reading only; give it a file"));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod early {
    use std::sync::atomic::{AtomicI32, Ordering};

    /// Flags of stdout when the program was loaded; -1 if it was closed.
    static FLAGS: AtomicI32 = AtomicI32::new(libc::O_RDWR);

    pub(super) fn flags() -> i32 {
        FLAGS.load(Ordering::Relaxed)
    }

    extern "C" fn look() {
        // SAFETY: only numbers are passed, and nothing is changed.
        let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
        FLAGS.store(flags, Ordering::Relaxed);
    }

    // SAFETY: a function in this section is called with C's arguments of `main`, which `look` may
    // ignore, before Rust's runtime starts, which `look` does not need.
    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
    static BEFORE_MAIN: extern "C" fn() = look;
}
