//! What a program writes, read by threads, where pipes cannot be asked whether they have something.
//!
//! A thread ends with its pipe: a child that the program leaves, and that holds the pipe, holds it.

use std::io::{self, Read};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::output::Output;

/// Number of pieces that may wait to be taken.
const PIECES: usize = 16;

/// The pipes of a program, until they end.
#[derive(Debug)]
pub(super) struct Pipes {
    pieces: Receiver<(bool, Vec<u8>)>,
    are_open: bool,
}

impl Pipes {
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        let (sender, pieces) = mpsc::sync_channel(PIECES);
        forward(child.stdout.take(), false, sender.clone())?;
        forward(child.stderr.take(), true, sender)?;
        Ok(Self { pieces, are_open: true })
    }

    /// Whether a process could still write to the pipes.
    pub(super) fn are_open(&self) -> bool {
        self.are_open
    }

    /// Takes what is there, or comes within that time.
    #[expect(clippy::unnecessary_wraps, reason = "on other systems it may fail")]
    pub(super) fn take(&mut self, output: &mut Output, patience: Duration) -> io::Result<()> {
        match self.pieces.recv_timeout(patience) {
            Ok((false, bytes)) => output.add_text(&bytes),
            Ok((true, bytes)) => output.add_errors(&bytes),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if !self.are_open {
                    thread::sleep(patience);
                }
                self.are_open = false;
            }
        }
        Ok(())
    }
}

fn forward(
    pipe: Option<impl Read + Send + 'static>,
    is_error: bool,
    sender: SyncSender<(bool, Vec<u8>)>,
) -> io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let read = move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut chunk) {
            if sender.send((is_error, chunk[..read].to_vec())).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("perjoule command".to_owned()).spawn(read).map(drop)
}
