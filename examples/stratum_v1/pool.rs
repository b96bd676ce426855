//! The connection to a pool: lines in and out, and a new connection when the old one ends.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::hex::DisplayHex as _;
use perjoule::block::{Header, VersionMask};
use serde_json::{Value, json};

use crate::address::Address;
use crate::backoff::Backoff;
use crate::desk::{Desk, Recall};
use crate::notes::Notes;
use crate::session::{self, Elsewhere, Event, FIRST_SHARE, Session, SessionError};
use crate::told::tell;
use crate::work::Work;

/// The most that a line from the pool may be: a job is a few thousand bytes.
const MAX_LINE: usize = 1 << 20;

/// How long the pool may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take in nothing of what is sent: whoever hands in a share waits for that.
const WRITE: Duration = Duration::from_secs(2);

/// How long it may be without a whole line: pools send a job every minute or so.
const SILENCE: Duration = Duration::from_mins(5);

/// How long it may talk of other things before it says which extra nonces to use.
const OPENING: Duration = Duration::from_mins(1);

/// The longest wait before it is asked again. A connection that gave work for so long was a good one.
const LONGEST: Duration = Duration::from_mins(1);

/// More is not waited because the pool says so.
const MAX_WAIT: Duration = Duration::from_mins(10);

/// How many lines of no use may follow each other.
const MAX_ODD: u32 = 20;

/// How many shares may wait for an answer. What the pool says of older ones is not counted.
const MAX_WAITING: usize = 1 << 16;

/// Where a pool is, and who mines there.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) address: Address,
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
    /// The shares that were handed in by this connection and are not answered.
    waiting: BTreeSet<u64>,
    verdicts: Verdicts,
}

/// Why nothing more comes of a pool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("no connection to {address} ({source}): is that the pool's host:port?")]
    Connection { address: Address, source: io::Error },
    #[error("{address} hung up before it said anything: is that a pool?{}", hint(*.rolling))]
    Speechless { address: Address, rolling: bool },
    #[error("the pool hung up.")]
    HungUp,
    #[error("the pool hung up before it gave any work.{}{}", of_rolling(.said.as_deref()), hint(true))]
    Workless { said: Option<String> },
    #[error("the pool has said nothing for {} minutes.", SILENCE.as_secs() / 60)]
    Silent,
    #[error("the pool has not answered mining.subscribe for {} s.", OPENING.as_secs())]
    Unanswered,
    #[error("the pool sent a line of more than {MAX_LINE} bytes: is that a pool?")]
    TooLong,
    #[error("the pool sent {MAX_ODD} lines of no use in a row, at last: {0}")]
    Odd(SessionError),
    #[error("{0}: is that the port of a pool?")]
    NoPool(SessionError),
    #[error(transparent)]
    Session(SessionError),
}

/// What to do about a pool that hangs up where it was asked to let versions be `rolled`.
fn hint(rolled: bool) -> &'static str {
    if rolled {
        " To some version rolling is not known: --no-version-rolling does not speak of it."
    } else {
        ""
    }
}

fn of_rolling(said: Option<&str>) -> String {
    said.map(|said| format!(" Of version rolling it said: {said}.")).unwrap_or_default()
}

impl PoolError {
    /// Whether a new connection may help, also to what never was of use.
    fn passes(&self) -> bool {
        !matches!(self, Self::TooLong | Self::Odd(_) | Self::NoPool(_) | Self::Session(_))
    }
}

/// What became of the shares that were handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) handed_in: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

impl Display for Verdicts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { handed_in, accepted, refused } = self;
        let unanswered = handed_in - accepted - refused;
        write!(f, "{accepted} shares accepted, {refused} refused, {unanswered} unanswered")
    }
}

/// What is known of a pool by what it said, in one connection or in all.
#[allow(clippy::struct_excessive_bools, reason = "they come in no order: each is one of its own")]
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// A line.
    heard: bool,
    /// One that was a message of Stratum.
    stratum: bool,
    /// It accepted the user or a share: this is a pool that wants this miner.
    welcome: bool,
    /// It gave work.
    work: bool,
    /// It accepted a share.
    accepted: bool,
}

impl Seen {
    fn and(self, other: Self) -> Self {
        Self {
            heard: self.heard || other.heard,
            stratum: self.stratum || other.stratum,
            welcome: self.welcome || other.welcome,
            work: self.work || other.work,
            accepted: self.accepted || other.accepted,
        }
    }
}

/// Where to connect to next, and how soon, since the pool wants it.
struct Move {
    address: Address,
    wait: Duration,
}

impl Pool {
    pub(crate) fn new(
        address: Address,
        user: String,
        password: String,
        mask: Option<VersionMask>,
    ) -> Self {
        Self { address, user, password, mask, line: Mutex::default() }
    }

    /// What became of the shares so far.
    pub(crate) fn verdicts(&self) -> Verdicts {
        self.outgoing().verdicts
    }

    /// Leaves the pool's jobs on the desk, with a new connection for each that ends, until `shares`
    /// were accepted or something happens that does not pass.
    ///
    /// Once a pool has accepted this miner everything passes: whoever mined for hours is not sent
    /// home because of one odd day of the pool's.
    pub(crate) fn follow(&self, shares: u64, desk: &Desk<Work, PoolError>) {
        let mut address = self.address.clone();
        let mut backoff = Backoff::new(LONGEST);
        let mut notes = Notes::default();
        let mut past = Seen::default();
        let mut asks_extranonce = true;
        let mut away = false;
        while !desk.is_closed() {
            let began = Instant::now();
            let mut talk = Talk {
                pool: self,
                address: &address,
                asks_extranonce,
                desk,
                shares,
                notes: &mut notes,
                welcome: past.welcome,
                seen: Seen::default(),
            };
            let end = talk.hold();
            let seen = talk.seen;
            self.outgoing().stream = None;
            past = past.and(seen);
            away &= !seen.heard;
            if seen.accepted || seen.work && began.elapsed() >= LONGEST {
                backoff.reset();
            }
            let wait = match end {
                Ok(None) => return,
                Ok(Some(next)) => {
                    let wait = next.wait.min(MAX_WAIT).max(backoff.wait());
                    let seconds = wait.as_secs();
                    notes.tell(format_args!("Connecting to {} in {seconds} s.", next.address));
                    address = next.address;
                    wait
                }
                Err(error) if !(past.welcome || past.heard && error.passes()) => {
                    return desk.fail(error);
                }
                Err(error) => {
                    let wait = backoff.wait();
                    if !away {
                        let error = error.to_string();
                        let stop = if error.ends_with(['.', '?']) { "" } else { "." };
                        let seconds = wait.as_secs();
                        tell(format_args!("{error}{stop} Trying again in {seconds} s."));
                        away = true;
                    }
                    if !seen.work {
                        // Perhaps it was only sent there, or dislikes what it does not know.
                        address = self.address.clone();
                        asks_extranonce = !asks_extranonce;
                    }
                    wait
                }
            };
            desk.clear();
            desk.wait_closed(wait);
        }
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
        if outgoing.stream.is_none() || recall.stop().is_stopped() {
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
        let id = outgoing.next_id;
        outgoing.next_id += 1;
        let request = json!({ "id": id, "method": "mining.submit", "params": params });
        let written = outgoing.say(&request);
        if written {
            outgoing.verdicts.handed_in += 1;
            outgoing.waiting.insert(id);
            if outgoing.waiting.len() > MAX_WAITING {
                outgoing.waiting.pop_first();
            }
        }
        written
    }

    /// Counts a verdict, unless there was no such share. How many were accepted so far.
    fn count(&self, share: u64, accepted: bool) -> Option<u64> {
        let mut outgoing = self.outgoing();
        if !outgoing.waiting.remove(&share) {
            return None;
        }
        let verdicts = &mut outgoing.verdicts;
        *if accepted { &mut verdicts.accepted } else { &mut verdicts.refused } += 1;
        Some(verdicts.accepted)
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outgoing {
    /// Sends a line. Whether it did.
    fn say(&mut self, line: &Value) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let written = stream.write_all(format!("{line}\n").as_bytes()).is_ok();
        if !written {
            // Half a line may be on its way, and nothing may follow it. Whoever listens hears of it.
            let _ = stream.shutdown(Shutdown::Both);
            self.stream = None;
        }
        written
    }
}

/// One connection, from its first line to its end or the pool's wish for another.
struct Talk<'a> {
    pool: &'a Pool,
    address: &'a Address,
    asks_extranonce: bool,
    desk: &'a Desk<Work, PoolError>,
    shares: u64,
    notes: &'a mut Notes,
    /// Whether the pool accepted this miner before.
    welcome: bool,
    seen: Seen,
}

impl Talk<'_> {
    /// Until the desk is closed, or the pool wants it.
    fn hold(&mut self) -> Result<Option<Move>, PoolError> {
        let Pool { user, password, mask, .. } = self.pool;
        let stream = connect(self.address).map_err(|source| self.lost(source))?;
        let peer = stream.peer_addr().map_err(|source| self.lost(source))?.ip();
        let mut lines = BufReader::new(stream.try_clone().map_err(|source| self.lost(source))?);
        let opening = session::opening(user, password, *mask, self.asks_extranonce);
        (&stream).write_all(opening.concat().as_bytes()).map_err(|source| self.lost(source))?;
        {
            let mut outgoing = self.pool.outgoing();
            outgoing.stream = Some(stream);
            outgoing.next_id = FIRST_SHARE;
            outgoing.waiting.clear();
        }

        let began = Instant::now();
        let mut session = Session::new(*mask);
        let mut text = Vec::new();
        let mut odd = 0;
        while !self.desk.is_closed() {
            match self.read_line(&mut lines, &mut text) {
                Err(PoolError::HungUp) if mask.is_some() && !session.has_job() => {
                    let said = session.no_rolling().map(ToOwned::to_owned);
                    return Err(PoolError::Workless { said });
                }
                read => read?,
            }
            self.seen.heard = true;
            match session.receive(&text) {
                Ok(event) => {
                    odd = 0;
                    self.seen.stratum = true;
                    self.seen.welcome |= session.is_authorized();
                    if let Some(next) = self.mind(event, peer) {
                        return Ok(Some(next));
                    }
                }
                Err(error) if error.ends() => return Err(PoolError::Session(error)),
                // Of what never said a thing of Stratum nothing is to be expected.
                Err(error @ SessionError::NotJson(_)) if !self.seen.stratum && !self.welcome => {
                    return Err(PoolError::NoPool(error));
                }
                Err(error) => {
                    self.seen.stratum |= !matches!(error, SessionError::NotJson(_));
                    odd += 1;
                    if odd >= MAX_ODD {
                        return Err(PoolError::Odd(error));
                    }
                    self.notes.tell(format_args!("{error}; passed over"));
                }
            }
            if !session.is_subscribed() && began.elapsed() > OPENING {
                return Err(PoolError::Unanswered);
            }
        }
        Ok(None)
    }

    fn mind(&mut self, event: Event, peer: IpAddr) -> Option<Move> {
        match event {
            Event::Work(work) => {
                self.seen.work = true;
                self.desk.lay(work);
            }
            Event::Verdict(share, verdict) => self.judge(share, verdict),
            Event::Reconnect(elsewhere) => return Some(self.elsewhere(elsewhere, peer)),
            Event::Message(text) => self.notes.tell(format_args!("the pool says: {text}")),
            Event::Reply(reply) => {
                self.pool.outgoing().say(&reply);
            }
            Event::Noted => {}
        }
        None
    }

    fn judge(&mut self, share: u64, verdict: Result<(), String>) {
        let Some(accepted) = self.pool.count(share, verdict.is_ok()) else {
            let text = "the pool judges a share that does not wait for it: not counted";
            return self.notes.tell(text);
        };
        match verdict {
            Ok(()) => {
                self.seen.accepted = true;
                self.seen.welcome = true;
            }
            Err(reason) => self.notes.tell(format_args!("the pool refused a share: {reason}")),
        }
        if accepted >= self.shares {
            self.desk.close();
        }
    }

    /// Only to the host that the user wanted: whoever can write on this line could send the miner
    /// anywhere.
    fn elsewhere(&mut self, to: Elsewhere, peer: IpAddr) -> Move {
        let Elsewhere { host, port, wait } = to;
        let foreign = host.filter(|host| !self.address.is_same_host(host, peer));
        let Some(foreign) = foreign else {
            let address = self.address.at_port(port.unwrap_or(self.address.port()));
            self.notes.tell(format_args!("the pool sends its miners to {address}."));
            return Move { address, wait };
        };
        let address = self.pool.address.clone();
        self.notes.tell(format_args!(
            "the pool sends its miners to {foreign:?}, which is not {}: that is not followed; if you \
             trust it, start anew with its address.",
            address.host()
        ));
        Move { address, wait }
    }

    /// Reads a line, however it comes in pieces.
    fn read_line(&self, lines: &mut impl BufRead, text: &mut Vec<u8>) -> Result<(), PoolError> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};

        text.clear();
        let began = Instant::now();
        loop {
            let piece = match lines.fill_buf() {
                Ok([]) => return Err(self.hung_up()),
                Ok(piece) => piece,
                Err(error) => match error.kind() {
                    Interrupted => continue,
                    WouldBlock | TimedOut => return Err(PoolError::Silent),
                    _ => return Err(self.lost(error)),
                },
            };
            let end = piece.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(piece.len(), |at| at + 1);
            text.extend_from_slice(&piece[..taken]);
            lines.consume(taken);
            if text.len() > MAX_LINE {
                return Err(PoolError::TooLong);
            }
            if end.is_some() {
                return Ok(());
            }
            // A byte now and then is no line either.
            if began.elapsed() > SILENCE {
                return Err(PoolError::Silent);
            }
        }
    }

    fn hung_up(&self) -> PoolError {
        if self.seen.heard {
            PoolError::HungUp
        } else {
            let rolling = self.pool.mask.is_some();
            PoolError::Speechless { address: self.address.clone(), rolling }
        }
    }

    fn lost(&self, source: io::Error) -> PoolError {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};

        match source.kind() {
            BrokenPipe | ConnectionReset | ConnectionAborted => self.hung_up(),
            _ => PoolError::Connection { address: self.address.clone(), source },
        }
    }
}

fn connect(address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in address.look_up()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(SILENCE))?;
                stream.set_write_timeout(Some(WRITE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
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
        let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let pool = Pool::new(address.clone(), "me".to_owned(), "x".to_owned(), None);
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
        pool.outgoing().stream = Some(connect(&address).unwrap());
        pool.outgoing().next_id = FIRST_SHARE;
        assert!(submit());
        // Its verdict counts, and no other, and none twice.
        assert_eq!(pool.count(FIRST_SHARE + 1, true), None);
        assert_eq!(pool.verdicts(), Verdicts { handed_in: 1, accepted: 0, refused: 0 });
        assert_eq!(pool.count(FIRST_SHARE, true), Some(1));
        assert_eq!(pool.count(FIRST_SHARE, true), None);
        assert_eq!(pool.count(FIRST_SHARE, false), None);
        assert!(submit());
        let told = pool.verdicts().to_string();
        assert_eq!(told, "1 shares accepted, 0 refused, 1 unanswered");
        desk.clear();
        assert!(!submit(), "the work was called back");

        pool.outgoing().stream = None;
        let mut said = String::new();
        io::Read::read_to_string(&mut listener.accept().unwrap().0, &mut said).unwrap();
        assert_eq!(said.lines().count(), 2);
        assert!(said.contains(r#"["me","a","07","00000000","00000000","00000000"]"#), "{said}");
    }
    #[test]
    fn what_to_do_about_pools_that_hang_up_on_version_rolling_is_said() {
        let said = Some("Not supported. (code 20)".to_owned());
        let error = PoolError::Workless { said }.to_string();
        assert!(error.contains("rolling it said: Not supported. (code 20)"), "{error}");
        assert!(error.contains("--no-version-rolling"), "{error}");
        let address: Address = "127.0.0.1:1".parse().unwrap();
        let speechless =
            |rolling| PoolError::Speechless { address: address.clone(), rolling }.to_string();
        assert!(speechless(true).contains("--no-version-rolling"));
        assert!(!speechless(false).contains("--no-version-rolling"));
    }
}
