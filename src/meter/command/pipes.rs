//! What a program writes, read without a thread: a child that holds its pipes open costs nothing.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::Duration;

use super::output::Output;

/// The pipes of a program, until they end.
#[derive(Debug)]
pub(super) struct Pipes {
    text: Option<ChildStdout>,
    errors: Option<ChildStderr>,
}

impl Pipes {
    #[expect(clippy::unnecessary_wraps, reason = "on other systems it may fail")]
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        Ok(Self { text: child.stdout.take(), errors: child.stderr.take() })
    }

    /// Whether a process could still write to the pipes.
    pub(super) fn are_open(&self) -> bool {
        self.text.is_some() || self.errors.is_some()
    }

    /// Takes what is there, or comes within that time.
    pub(super) fn take(&mut self, output: &mut Output, patience: Duration) -> io::Result<()> {
        // What is negative is passed over by the kernel.
        let number = |pipe: Option<RawFd>| libc::pollfd {
            fd: pipe.unwrap_or(-1),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut asked = [
            number(self.text.as_ref().map(AsRawFd::as_raw_fd)),
            number(self.errors.as_ref().map(AsRawFd::as_raw_fd)),
        ];
        let milliseconds = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the array is ours, and has as many entries as is said.
        let ready = unsafe { libc::poll(asked.as_mut_ptr(), 2, milliseconds) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        let [text, errors] = asked.map(|pipe| pipe.revents != 0);
        if text {
            read(&mut self.text, |bytes| output.add_text(bytes));
        }
        if errors {
            read(&mut self.errors, |bytes| output.add_errors(bytes));
        }
        Ok(())
    }
}

/// Reads from a pipe that has something or has ended, which does not wait.
fn read<P: Read>(pipe: &mut Option<P>, add: impl FnOnce(&[u8])) {
    let mut chunk = [0; 16 * 1024];
    match pipe.as_mut().map(|pipe| pipe.read(&mut chunk)) {
        Some(Ok(read @ 1..)) => add(&chunk[..read]),
        Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
        _ => *pipe = None,
    }
}
