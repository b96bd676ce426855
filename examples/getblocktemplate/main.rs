//! Mines on a Bitcoin node of a test network: asks it for templates, searches with all devices and
//! hands in what it finds, until Ctrl-C.
//!
//! ```text
//! bitcoind -regtest -connect=0 &
//! cargo run --release --example getblocktemplate -- --cookie ~/.bitcoin/regtest/.cookie
//! ```
//!
//! One thread asks the node and leaves templates on the desk; this one takes them, searches, and gives
//! blocks to a courier. A block that comes in between calls the work back:
//!
//! ```text
//! node ──► template ──► desk ──► block without nonce ──► search ──► courier ──► submitblock
//! ```

#[path = "../shared/backoff.rs"]
mod backoff;
mod block;
mod courier;
#[path = "../shared/desk.rs"]
mod desk;
mod merkle;
mod node;
#[path = "../shared/rig.rs"]
mod rig;
mod tally;
mod template;
#[cfg(test)]
mod tests;
#[path = "../shared/told.rs"]
mod told;
mod watch;

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Network, ScriptBuf};
use clap::Parser;
use perjoule::block::{Header, VersionMask};
use perjoule::engine::EngineId;
use perjoule::job::MAX_GROUP;
use perjoule::search::{End, Search, SearchControl, Workers};

use self::block::Unsolved;
use self::courier::{Courier, Found};
use self::desk::{Desk, Recall};
use self::node::{Credentials, Node, NodeError};
use self::rig::{Faults, failure};
use self::template::Template;
use self::told::tell;
use self::watch::Work;

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
            tell(format_args!("getblocktemplate: {error}"));
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
    let (asked, filled) = (node.clone(), desk.clone());
    let blocks = args.blocks.unwrap_or(u32::MAX);
    let courier = Arc::new(Courier::new(node, desk.clone(), blocks, args.hex));
    desk.close_on_ctrl_c()?;
    thread::Builder::new().spawn(move || watch::watch(&asked, network, &filled))?;

    let mut miner = Miner {
        workers,
        payout,
        mask: args.version_mask,
        courier: courier.clone(),
        desk,
        faults: Faults::default(),
        // Miners that pay the same would otherwise search the same headers.
        extra_nonce: RandomState::new().hash_one(process::id()),
    };
    let end = if blocks > 0 { miner.mine() } else { Ok(()) };
    let end = end.and(courier.finish().map_err(Into::into));
    end.or_else(|error| if nobody_reads(&*error) { Ok(()) } else { Err(error) })
}

/// Whether whoever read the blocks has enough of them.
fn nobody_reads(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref() {
        Some(NodeError::Output(error)) => told::nobody_reads(error),
        _ => told::nobody_reads(error),
    }
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

struct Miner {
    workers: Workers,
    payout: ScriptBuf,
    mask: Option<VersionMask>,
    courier: Arc<Courier>,
    desk: Arc<Desk<Work, NodeError>>,
    faults: Faults,
    /// Of the last block that was searched; each has its own.
    extra_nonce: u64,
}

impl Miner {
    /// Until the desk is closed: by the courier, with as many blocks as are wanted, or by the user.
    fn mine(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some(next) = self.desk.take() {
            let (work, recall) = next?;
            if self.courier.has_filled(&work) {
                continue;
            }
            let mut unsolved = self.unsolved(&work.template);
            self.courier.count(|tally| tally.ready.add(work.arrived.elapsed()));
            while let Some((header, hex)) = self.search(&work, unsolved, &recall)? {
                let height = work.template.height;
                let answered =
                    self.courier.hand_in(Found { header, height, hex, arrived: work.arrived });
                // The next place comes with the next template. But a node that says nothing of a
                // block may have lost it, and nothing is lost by another.
                if answered || recall.stop().is_stopped() {
                    break;
                }
                unsolved = self.unsolved(&work.template);
            }
        }
        Ok(())
    }

    /// A header that meets the target, and its block in hex; `None` where the work was called back.
    fn search<'a>(
        &mut self,
        work: &'a Work,
        mut unsolved: Unsolved<'a>,
        recall: &Recall,
    ) -> Result<Option<(Header, String)>, Box<dyn Error>> {
        let template = &work.template;
        loop {
            let search =
                Search::new(unsolved.header(), template.target).roll_time(template.time_to_roll);
            let search = match self.mask.and_then(|mask| template.mask(mask)) {
                Some(mask) => search.versions(mask),
                None => search,
            };
            let outcome = search.first(&self.workers, SearchControl::default().stop(recall.stop()));
            self.courier.count(|tally| tally.hashes += outcome.hashes);
            self.faults.tell(&outcome);
            // By a newer template, and not because the user has enough.
            if let (Some(at), End::Stopped, false) =
                (recall.at(), outcome.end, self.desk.is_closed())
            {
                self.courier.count(|tally| tally.dropped.add(at.elapsed()));
            }
            match (outcome.shares.first(), outcome.end) {
                (Some(share), _) => {
                    self.courier.count(|tally| tally.found.add(work.arrived.elapsed()));
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
}
