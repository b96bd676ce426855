//! Hands in blocks, each on a thread of its own: whatever the node does meanwhile, the search of the
//! next goes on and Ctrl-C ends it. A block that cannot be handed in is printed, so that it is not
//! lost.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use perjoule::block::{BlockHash, Header};

use crate::backoff::Backoff;
use crate::desk::Desk;
use crate::node::{Node, NodeError, Verdict};
use crate::tally::Tally;
use crate::told::tell;
use crate::watch::Work;

/// How often a node that answers, but not to the point, is given a block.
const TRIES: u32 = 6;

/// How long a node that is away is waited for with a block: others find one in that time.
const PATIENCE: Duration = Duration::from_mins(10);

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(8);

/// How long the node may think about a block before the search goes on without its answer, or the
/// program ends without it.
const GRACE: Duration = Duration::from_secs(1);

/// With so many blocks that are not answered there is no sense in more.
const MOST: usize = 8;

/// A block that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) height: u32,
    /// The whole of it.
    pub(crate) hex: String,
    /// When its template was there.
    pub(crate) arrived: Instant,
}

/// What hands blocks in and counts what becomes of them.
#[derive(Debug)]
pub(crate) struct Courier {
    node: Arc<Node>,
    desk: Arc<Desk<Work, NodeError>>,
    /// The desk is closed after so many accepted ones.
    blocks: u32,
    /// Whether each accepted block is printed.
    hex: bool,
    ledger: Mutex<Ledger>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Ledger {
    tally: Tally,
    /// Handed in, and not answered.
    pending: Vec<Arc<Found>>,
    /// The place of the last accepted block, and since when it is there.
    last: Option<(BlockHash, Instant)>,
}

impl Ledger {
    fn is_pending(&self, found: &Arc<Found>) -> bool {
        self.pending.iter().any(|pending| Arc::ptr_eq(pending, found))
    }

    /// Counts a verdict. How many blocks were accepted so far.
    fn enter(&mut self, found: &Arc<Found>, verdict: &Result<Verdict, NodeError>) -> u32 {
        let before = self.pending.len();
        self.pending.retain(|pending| !Arc::ptr_eq(pending, found));
        // Or it was counted as one without an answer.
        if self.pending.len() < before {
            match verdict {
                Ok(Verdict::Accepted) => {
                    self.tally.accepted += 1;
                    self.last = Some((found.header.prev_block_hash(), Instant::now()));
                }
                Ok(Verdict::Late) => self.tally.late += 1,
                Ok(Verdict::Refused { .. }) => self.tally.refused += 1,
                Err(_) => self.tally.unanswered += 1,
            }
            if verdict.is_ok() {
                self.tally.solved.add(found.arrived.elapsed());
            }
        }
        self.tally.accepted
    }
}

impl Courier {
    pub(crate) fn new(
        node: Arc<Node>,
        desk: Arc<Desk<Work, NodeError>>,
        blocks: u32,
        hex: bool,
    ) -> Self {
        Self { node, desk, blocks, hex, ledger: Mutex::default(), changed: Condvar::new() }
    }

    /// Lets something be counted.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.ledger().tally);
    }

    /// Whether a template is of the place where the last block went, from just before it was there. A
    /// later one for that place is right: the node has lost the block.
    pub(crate) fn has_filled(&self, work: &Work) -> bool {
        let place = work.template.previous;
        self.ledger().last.is_some_and(|(last, since)| last == place && work.asked < since)
    }

    /// Hands in a block, and waits a while for what the node says. Whether it said something.
    pub(crate) fn hand_in(self: &Arc<Self>, found: Found) -> bool {
        let found = Arc::new(found);
        self.ledger().pending.push(found.clone());
        let (courier, carried) = (self.clone(), found.clone());
        let spawned = thread::Builder::new().spawn(move || {
            let verdict = courier.deliver(&carried);
            courier.settle(&carried, verdict);
        });
        if spawned.is_err() {
            // Without a thread for it the search waits.
            self.settle(&found, self.deliver(&found));
            return true;
        }
        let handed_in = Instant::now();
        let mut ledger = self.ledger();
        loop {
            if !ledger.is_pending(&found) {
                return true;
            }
            let enough = handed_in.elapsed() >= GRACE && ledger.pending.len() < MOST;
            if enough || self.desk.is_closed() {
                return false;
            }
            let step = Duration::from_millis(100);
            let waited = self.changed.wait_timeout(ledger, step);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits a while for what the node still has to say, prints the blocks of which it said nothing,
    /// and tells what was done.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let ledger = self.ledger();
        let waited =
            self.changed.wait_timeout_while(ledger, GRACE, |ledger| !ledger.pending.is_empty());
        let mut ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        let mut end = Ok(());
        for found in std::mem::take(&mut ledger.pending) {
            ledger.tally.unanswered += 1;
            let printed = keep(&found, "the node has not answered; it may have taken it");
            end = end.and(printed);
        }
        // Also where an error ended it.
        if ledger.tally.hashes > 0 {
            let told = ledger.tally.to_string();
            told.lines().for_each(tell);
        }
        end
    }

    /// Hands in a block, again and again while the node is away or answers beside the point.
    fn deliver(&self, found: &Found) -> Result<Verdict, NodeError> {
        let began = Instant::now();
        let mut backoff = Backoff::new(LONGEST);
        let mut slips = 0;
        let mut again = false;
        loop {
            let error = match self.node.submit(&found.hex) {
                // The node had taken it, and only its answer was lost.
                Ok(Verdict::Refused { reason }) if again && reason == "duplicate" => {
                    return Ok(Verdict::Accepted);
                }
                Ok(verdict) => return Ok(verdict),
                Err(error) => error,
            };
            if error.is_slip() {
                slips += 1;
            } else if !error.passes() {
                return Err(error);
            }
            if slips >= TRIES || began.elapsed() >= PATIENCE {
                return Err(error);
            }
            if !again {
                tell(format_args!("a block could not be handed in: {error} Trying again."));
                again = true;
            }
            if self.desk.wait_closed(backoff.wait()) {
                return Err(error);
            }
        }
    }

    /// Tells and counts what became of a block, unless that was not waited for any more.
    fn settle(&self, found: &Arc<Found>, verdict: Result<Verdict, NodeError>) {
        if !self.ledger().is_pending(found) {
            return;
        }
        let hash = found.header.hash();
        // Whoever reads may be slow: nobody waits for the ledger meanwhile.
        let written = match &verdict {
            Ok(Verdict::Accepted) => self.print(found),
            Ok(Verdict::Late) => {
                tell(format_args!("block {hash} is right, but came after another"));
                Ok(())
            }
            Ok(Verdict::Refused { reason }) => {
                tell(format_args!("block {hash} was refused: {reason}"));
                Ok(())
            }
            Err(error) => keep(found, error),
        };
        {
            let mut ledger = self.ledger();
            // Before whoever handed it in goes on to another.
            if ledger.enter(found, &verdict) >= self.blocks {
                self.desk.close();
            }
        }
        match (written, verdict) {
            (Err(error), _) => self.desk.fail(NodeError::Output(error)),
            // What is wrong with more than this block.
            (Ok(()), Err(error)) if !(error.passes() || error.is_slip()) => self.desk.fail(error),
            _ => {}
        }
        self.changed.notify_all();
    }

    fn print(&self, found: &Found) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{} {} {}", found.height, found.header.hash(), found.header)?;
        if self.hex {
            writeln!(out, "block {}", found.hex)?;
        }
        out.flush()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a block for somebody else to hand in.
fn keep(found: &Found, why: impl Display) -> io::Result<()> {
    let Found { header, height, hex, .. } = found;
    let hash = header.hash();
    tell(format_args!(
        "block {hash} of height {height} could not be handed in: it is printed behind the word \
         unanswered, for submitblock ({why})"
    ));
    let mut out = io::stdout().lock();
    writeln!(out, "unanswered {hex}")?;
    out.flush()
}
