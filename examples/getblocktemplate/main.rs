//! Mines on a Bitcoin node of a test network: asks it for templates, searches with all devices and
//! hands in what it finds, until Ctrl-C.
//!
//! ```text
//! bitcoind -regtest -connect=0 &
//! cargo run --release --example getblocktemplate -- --cookie ~/.bitcoin/regtest/.cookie
//! ```
//!
//! One thread asks the node and leaves templates on the desk; this one takes them, searches, and
//! submits. A block that comes in between calls the work back:
//!
//! ```text
//! node ──► template ──► desk ──► block without nonce ──► search ──► submitblock
//! ```

mod block;
#[allow(dead_code, reason = "only the other example waits for its end")]
#[path = "../shared/desk.rs"]
mod desk;
mod merkle;
mod node;
#[path = "../shared/rig.rs"]
mod rig;
mod template;
#[allow(dead_code, reason = "only the other example hides passwords")]
#[path = "../shared/told.rs"]
mod told;
mod watch;

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Network, ScriptBuf};
use clap::Parser;
use perjoule::block::{BlockHash, Header, VersionMask};
use perjoule::engine::EngineId;
use perjoule::job::MAX_GROUP;
use perjoule::search::{End, Search, Watch, Workers};

use self::block::Unsolved;
use self::desk::{Desk, Recall};
use self::node::{Credentials, Node, NodeError, Verdict};
use self::rig::{Faults, failure};
use self::template::Template;
use self::told::line;
use self::watch::{RETRY, Work};

/// Mine blocks on a node of regtest or of a signet that needs no signature.
#[derive(Debug, Parser)]
struct Args {
    /// Where the node answers JSON-RPC: port 18443 on regtest, 38332 on signet
    #[arg(long, default_value = "http://127.0.0.1:18443")]
    url: String,

    /// The node's file .cookie, in the folder of its chain
    #[arg(long, value_name = "FILE", required_unless_present = "user")]
    cookie: Option<PathBuf>,

    /// The user of the node's rpcuser or rpcauth
    #[arg(long, requires = "pass", conflicts_with = "cookie")]
    user: Option<String>,

    /// The password of that user; others on this machine can see it
    #[arg(long, requires = "user")]
    pass: Option<String>,

    /// Talk to a node on another machine too: unencrypted, with the password
    #[arg(long)]
    allow_remote: bool,

    /// Whom to pay [default: anyone, by a script that is always true]
    #[arg(long)]
    address: Option<Address<NetworkUnchecked>>,

    /// Version bits to roll, as in 1fffe000 (BIP 320) [default: none]
    #[arg(long, value_name = "HEX", value_parser = VersionMask::from_hex as fn(&str) -> _)]
    version_mask: Option<VersionMask>,

    /// An engine to search with, as in avx2 or gpu:0; several search together [default: the fastest
    /// of the processor and every GPU]
    #[arg(long, value_name = "ID")]
    engine: Vec<EngineId>,

    /// End after this many blocks [default: go on until Ctrl-C]
    #[arg(long, value_name = "N")]
    blocks: Option<u32>,

    /// Print each block in hex
    #[arg(long)]
    hex: bool,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("getblocktemplate: {}", line(error));
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let credentials = match (args.cookie, args.user, args.pass) {
        (Some(path), ..) => Credentials::Cookie(path),
        (None, user, password) => Credentials::Password {
            user: user.unwrap_or_default(),
            password: password.unwrap_or_default(),
        },
    };
    let node = Arc::new(Node::new(&args.url, credentials, args.allow_remote)?);
    let network = node.network()?;
    let payout = payout(args.address, network)?;
    let workers = rig::workers(&args.engine, args.version_mask.map_or(1, |_| MAX_GROUP))?;

    let desk = Arc::new(Desk::default());
    desk.close_on_ctrl_c(|| ())?;
    let (asked, filled) = (node.clone(), desk.clone());
    thread::spawn(move || watch::watch(&asked, network, &filled));

    let mut miner = Miner {
        workers,
        payout,
        mask: args.version_mask,
        node,
        desk,
        hex: args.hex,
        faults: Faults::default(),
        // Miners that pay the same would otherwise search the same headers.
        extra_nonce: RandomState::new().hash_one(process::id()),
    };
    let mut tally = Tally::default();
    let end = miner.mine(args.blocks.unwrap_or(u32::MAX), &mut tally);
    // What was done is told also where an error ended it.
    if tally.hashes > 0 {
        eprintln!("{tally}");
    }
    end
}

fn payout(
    address: Option<Address<NetworkUnchecked>>,
    network: Network,
) -> Result<ScriptBuf, Box<dyn Error>> {
    match address {
        Some(address) => Ok(address.require_network(network)?.script_pubkey()),
        None => Ok(ScriptBuf::from_bytes(vec![0x51])),
    }
}

/// How often a block is handed in to a node that answers other questions, at least.
const TRIES: u32 = 5;

struct Miner {
    workers: Workers,
    payout: ScriptBuf,
    mask: Option<VersionMask>,
    node: Arc<Node>,
    desk: Arc<Desk<Work, NodeError>>,
    hex: bool,
    faults: Faults,
    /// Of the last block that was searched; each has its own.
    extra_nonce: u64,
}

impl Miner {
    /// Until that many blocks were accepted, or the desk is closed.
    fn mine(&mut self, blocks: u32, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let mut last: Option<(BlockHash, Instant)> = None;
        while tally.accepted < blocks
            && let Some(next) = self.desk.take()
        {
            let (work, recall) = next?;
            let previous = work.template.previous;
            // A template for the place where the last block went, from just before it was there. A
            // later one for that place is right: the node has lost the block.
            if last.is_some_and(|(place, since)| place == previous && work.asked < since) {
                continue;
            }
            let Some((header, block)) = self.search(&work, &recall, tally)? else { continue };
            let Some(verdict) = self.submit(&block)? else { break };
            tally.solved.add(work.arrived.elapsed());
            match verdict {
                Verdict::Accepted => tally.accepted += 1,
                Verdict::Late => {
                    eprintln!("block {} is right, but came after another", header.hash());
                    tally.late += 1;
                    continue;
                }
                Verdict::Refused { reason } => {
                    eprintln!("block {} was refused: {}", header.hash(), line(reason));
                    tally.refused += 1;
                    continue;
                }
            }
            last = Some((previous, Instant::now()));
            let mut out = io::stdout().lock();
            writeln!(out, "{} {} {header}", work.template.height, header.hash())?;
            if self.hex {
                writeln!(out, "block {block}")?;
            }
        }
        Ok(())
    }

    /// A header that meets the target, and its block in hex; `None` where the work was called back.
    fn search(
        &mut self,
        work: &Work,
        recall: &Recall,
        tally: &mut Tally,
    ) -> Result<Option<(Header, String)>, Box<dyn Error>> {
        let template = &work.template;
        let mut unsolved = self.unsolved(template);
        tally.ready.add(work.arrived.elapsed());
        loop {
            let search =
                Search::new(unsolved.header(), template.target).roll_time(template.time_to_roll);
            let search = match self.mask.and_then(|mask| template.mask(mask)) {
                Some(mask) => search.versions(mask),
                None => search,
            };
            let outcome = search.first(&self.workers, Watch::default().stop(recall.stop()));
            tally.hashes += outcome.hashes;
            self.faults.tell(&outcome);
            // By a newer template, and not because the user has enough.
            if let (Some(at), End::Stopped, false) =
                (recall.at(), outcome.end, self.desk.is_closed())
            {
                tally.dropped.add(at.elapsed());
            }
            match (outcome.shares.first(), outcome.end) {
                (Some(share), _) => {
                    tally.found.add(work.arrived.elapsed());
                    return Ok(Some((*share.header(), unsolved.with_header(share.header()))));
                }
                (None, End::Exhausted) => unsolved = self.unsolved(template),
                (None, End::Failed) => return Err(failure(&outcome)),
                (None, _) => return Ok(None),
            }
        }
    }

    /// Another block than any before.
    fn unsolved<'a>(&mut self, template: &'a Template) -> Unsolved<'a> {
        self.extra_nonce = self.extra_nonce.wrapping_add(1);
        Unsolved::new(template, self.payout.clone(), self.extra_nonce)
    }

    /// Hands in a block, again and again while the node is away; `None` where the user does not want
    /// to wait for it.
    fn submit(&self, block: &str) -> Result<Option<Verdict>, NodeError> {
        let mut tries = 0;
        loop {
            match self.node.submit(block) {
                // The node had taken it, and only its answer was lost.
                Ok(Verdict::Refused { reason }) if tries > 0 && reason == "duplicate" => {
                    return Ok(Some(Verdict::Accepted));
                }
                Ok(verdict) => return Ok(Some(verdict)),
                Err(error) if !error.passes() => return Err(error),
                Err(_) if self.desk.is_closed() => return Ok(None),
                // There are templates again, and no way for the block.
                Err(error) if tries >= TRIES && self.desk.has_work() => {
                    return Ok(Some(Verdict::Refused { reason: error.to_string() }));
                }
                Err(error) => {
                    if tries == 0 {
                        eprintln!("a block could not be handed in: {} Trying again.", line(error));
                    }
                }
            }
            tries += 1;
            thread::sleep(RETRY);
        }
    }
}

/// What was done so far.
#[derive(Default)]
struct Tally {
    accepted: u32,
    refused: u32,
    /// Right, but the node had another block for their place.
    late: u32,
    hashes: u64,
    /// From a template's arrival to the start of its search.
    ready: Times,
    /// From a template's arrival to the end of a search that found a block. On regtest every second
    /// hash is one, so that the first hash was done sooner.
    found: Times,
    /// From a template's arrival to a block of it, handed in.
    solved: Times,
    /// From the call back of work to the end of its search.
    dropped: Times,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accepted, refused, late, hashes, .. } = self;
        writeln!(f, "{accepted} blocks accepted, {refused} refused, {late} late, {hashes} hashes")?;
        writeln!(f, "template to search: {}", self.ready)?;
        writeln!(f, "template to solution: {}", self.found)?;
        writeln!(f, "template to block: {}", self.solved)?;
        write!(f, "old work to its end: {}", self.dropped)
    }
}

/// How long something took, each time.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn add(&mut self, took: Duration) {
        self.0.push(took);
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut times = self.0.clone();
        times.sort_unstable();
        match times[..] {
            [] => write!(f, "never"),
            [.., most] => {
                write!(
                    f,
                    "{} times, median {:.1?}, most {most:.1?}",
                    times.len(),
                    times[times.len() / 2]
                )
            }
        }
    }
}
