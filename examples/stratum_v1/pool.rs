//! The connection to a pool: lines in and out, and a new connection when the old one ends.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bitcoin::hex::DisplayHex as _;
use perjoule::block::{Header, VersionMask};
use serde_json::json;

use crate::desk::{Desk, Recall};
use crate::session::{self, Event, FIRST_SHARE, Session, SessionError};
use crate::told::line;
use crate::work::Work;

/// The most that a line from the pool may be: a job is a few thousand bytes.
const MAX_LINE: u64 = 1 << 20;

/// How long the pool may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may say nothing: pools send a job every minute or so.
const SILENCE: Duration = Duration::from_mins(5);

/// How long to wait before it is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Where a pool is, and who mines there.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) address: String,
    pub(crate) user: String,
    pub(crate) password: String,
    /// The version bits that the miner would roll.
    pub(crate) mask: Option<VersionMask>,
    line: Mutex<Outgoing>,
}

#[derive(Debug, Default)]
struct Outgoing {
    stream: Option<TcpStream>,
    next_id: u64,
}

/// Why nothing more comes of a pool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("no connection to {address} ({source}): is that the pool's host:port?")]
    Connection { address: String, source: io::Error },
    #[error(
        "{address} hung up before it said anything: is that a pool? To some version rolling is not \
         known: --no-version-rolling does not speak of it"
    )]
    Speechless { address: String },
    #[error("the pool hung up.")]
    HungUp,
    #[error("the pool has said nothing for {} minutes.", SILENCE.as_secs() / 60)]
    Silent,
    #[error("the pool sent a line of more than {MAX_LINE} bytes: is that a pool?")]
    TooLong,
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl PoolError {
    /// Whether a new connection may help.
    fn passes(&self) -> bool {
        !matches!(self, Self::TooLong | Self::Session(_))
    }
}

/// How many shares the pool took and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

impl Pool {
    pub(crate) fn new(
        address: String,
        user: String,
        password: String,
        mask: Option<VersionMask>,
    ) -> Self {
        Self { address, user, password, mask, line: Mutex::default() }
    }

    /// Leaves the pool's jobs on the desk, with a new connection for each that ends, until `shares`
    /// were accepted or something happens that does not pass.
    pub(crate) fn follow(
        &self,
        shares: u64,
        desk: &Desk<Work, PoolError>,
        verdicts: &Mutex<Verdicts>,
    ) {
        let mut heard_once = false;
        let mut away = false;
        while !desk.is_closed() {
            let mut heard = false;
            let result = self.converse(shares, desk, verdicts, &mut heard);
            heard_once |= heard;
            away &= !heard;
            let Err(error) = result else { continue };
            self.outgoing().stream = None;
            if !error.passes() || !heard_once {
                return desk.fail(error);
            }
            desk.clear();
            if !away {
                eprintln!("{} Trying again.", line(error));
                away = true;
            }
            thread::sleep(RETRY);
        }
    }

    /// One connection, from its first line to the pool's wish for another; and whether the pool said
    /// something.
    fn converse(
        &self,
        shares: u64,
        desk: &Desk<Work, PoolError>,
        verdicts: &Mutex<Verdicts>,
        heard: &mut bool,
    ) -> Result<(), PoolError> {
        let stream = self.connect().map_err(|source| self.lost(source))?;
        let mut lines = BufReader::new(stream.try_clone().map_err(|source| self.lost(source))?);
        let opening = session::opening(&self.user, &self.password, self.mask);
        (&stream).write_all(opening.concat().as_bytes()).map_err(|source| self.lost(source))?;
        *self.outgoing() = Outgoing { stream: Some(stream), next_id: FIRST_SHARE };

        let mut session = Session::new(self.mask);
        let mut text = Vec::new();
        while !desk.is_closed() {
            self.read_line(&mut lines, &mut text, *heard)?;
            *heard = true;
            match session.receive(&text)? {
                Event::Work(work) => desk.lay(work),
                Event::Verdict(verdict) => {
                    let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                    match verdict {
                        Ok(()) => verdicts.accepted += 1,
                        Err(reason) => {
                            verdicts.refused += 1;
                            eprintln!("the pool refused a share: {}", line(reason));
                        }
                    }
                    if verdicts.accepted >= shares {
                        desk.close();
                    }
                }
                // Only to where the user wanted: whoever can write on this line could send the miner
                // anywhere. A pool may say so again and again.
                Event::Reconnect => {
                    desk.clear();
                    thread::sleep(RETRY);
                    return Ok(());
                }
                Event::Message(text) => eprintln!("the pool says: {}", line(text)),
                Event::Noted => {}
            }
        }
        Ok(())
    }

    /// Hands in a share, unless its work was called back: then it is of no use. Whether it did.
    ///
    /// A connection that has just ended takes the share with it, as the pool takes the job.
    pub(crate) fn submit(
        &self,
        work: &Work,
        recall: &Recall,
        extranonce2: &[u8],
        share: &Header,
    ) -> bool {
        let mut outgoing = self.outgoing();
        let Outgoing { stream: Some(stream), next_id } = &mut *outgoing else { return false };
        if recall.stop().is_stopped() {
            return false;
        }
        let mut params = vec![
            self.user.clone(),
            work.job.clone(),
            extranonce2.to_lower_hex_string(),
            format!("{:08x}", share.time()),
            format!("{:08x}", share.nonce()),
        ];
        if let Some(bits) = work.rolling {
            params.push(format!("{:08x}", share.version().to_consensus() & bits));
        }
        let request = json!({ "id": next_id, "method": "mining.submit", "params": params });
        *next_id += 1;
        let written = stream.write_all(format!("{request}\n").as_bytes()).is_ok();
        if !written {
            // Half a line may be on its way, and nothing may follow it. Whoever listens hears of it.
            let _ = stream.shutdown(Shutdown::Both);
            outgoing.stream = None;
        }
        written
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(SILENCE))?;
                    stream.set_write_timeout(Some(CONNECT))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Reads a line; `heard` says whether there were others before.
    fn read_line(
        &self,
        lines: &mut impl BufRead,
        text: &mut Vec<u8>,
        heard: bool,
    ) -> Result<(), PoolError> {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, TimedOut, WouldBlock};

        text.clear();
        let hung_up = || {
            let address = || self.address.clone();
            if heard { PoolError::HungUp } else { PoolError::Speechless { address: address() } }
        };
        match lines.take(MAX_LINE + 1).read_until(b'\n', text) {
            Ok(_) if text.last() == Some(&b'\n') => Ok(()),
            Ok(_) if text.len() as u64 > MAX_LINE => Err(PoolError::TooLong),
            Ok(_) => Err(hung_up()),
            Err(error) => Err(match error.kind() {
                WouldBlock | TimedOut => PoolError::Silent,
                ConnectionReset | ConnectionAborted => hung_up(),
                _ => self.lost(error),
            }),
        }
    }

    fn lost(&self, source: io::Error) -> PoolError {
        PoolError::Connection { address: self.address.clone(), source }
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;

    use perjoule::block::{BlockHash, CompactTarget, Target, Version};

    use super::*;

    #[test]
    fn only_shares_of_work_that_still_counts_are_handed_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pool = Pool::new(address, "me".to_owned(), "x".to_owned(), None);
        let desk = Desk::<Work, PoolError>::default();
        desk.lay(Work {
            job: "a".to_owned(),
            previous: BlockHash::from_bytes([0; 32]),
            coinbase: [Vec::new(), Vec::new()],
            branch: Vec::new(),
            version: Version::from_consensus(1),
            bits: CompactTarget::from_consensus(0x207f_ffff),
            time: 0,
            extranonce1: Vec::new(),
            extranonce2_size: 1,
            target: Target::MAX,
            rolling: Some(0),
        });
        let (work, recall) = desk.take().unwrap().unwrap();
        let submit = || pool.submit(&work, &recall, &[7], &work.header(&[7]));
        assert!(!submit(), "there is no connection");
        pool.outgoing().stream = Some(pool.connect().unwrap());
        assert!(submit());
        desk.clear();
        assert!(!submit(), "the work was called back");

        pool.outgoing().stream = None;
        let mut said = String::new();
        io::Read::read_to_string(&mut listener.accept().unwrap().0, &mut said).unwrap();
        assert_eq!(said.lines().count(), 1);
        assert!(said.contains(r#"["me","a","07","00000000","00000000","00000000"]"#), "{said}");
    }
}
