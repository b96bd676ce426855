//! Mines for a pool that speaks Stratum V1, until Ctrl-C.
//!
//! ```text
//! cargo run --release --example stratum_v1 -- 127.0.0.1:23334 --user ADDRESS.WORKER
//! ```
//!
//! One thread listens to the pool and leaves its jobs on the desk; this one takes the newest, searches
//! and hands in shares. A new job calls the old one back:
//!
//! ```text
//! pool ──► session ──► desk ──► header ──► search ──► mining.submit
//! ```

mod address;
#[path = "../shared/backoff.rs"]
mod backoff;
#[allow(dead_code, reason = "only the other example tells how soon work ends")]
#[path = "../shared/desk.rs"]
mod desk;
mod notes;
mod pool;
#[path = "../shared/rig.rs"]
mod rig;
mod session;
#[cfg(test)]
mod tests;
#[path = "../shared/told.rs"]
mod told;
mod work;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use perjoule::block::VersionMask;
use perjoule::engine::EngineId;
use perjoule::job::MAX_GROUP;
use perjoule::search::{End, Search, SearchControl, Workers};

use self::address::Address;
use self::desk::{Desk, Recall};
use self::pool::{Pool, PoolError};
use self::rig::{Faults, failure};
use self::told::{line, tell};
use self::work::Work;

/// Mine for a pool by Stratum V1, without encryption.
#[derive(Debug, Parser)]
struct Args {
    /// The pool's host and port, as in 127.0.0.1:23334, or its address as other miners take it
    address: String,

    /// Whom the pool is to pay, in its own way
    #[arg(long)]
    user: String,

    /// The password, which most pools do not look at
    #[arg(long, default_value = "x")]
    pass: String,

    /// Connect to a pool on another machine too
    #[arg(long)]
    allow_remote: bool,

    /// Do not ask the pool for version bits to roll
    #[arg(long)]
    no_version_rolling: bool,

    /// An engine to search with, as in avx2 or gpu:0; several search together [default: the fastest
    /// of the processor and every GPU]
    #[arg(long, value_name = "ID")]
    engine: Vec<EngineId>,

    /// End after this many accepted shares [default: go on until Ctrl-C]
    #[arg(long, value_name = "N")]
    shares: Option<u64>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("stratum_v1: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    told::hide(&args.pass);
    let address: Address = args.address.parse()?;
    if !args.allow_remote && !address.is_here() {
        let host = address.host();
        return Err(format!("{host} is another machine: --allow-remote permits it").into());
    }
    let mask = (!args.no_version_rolling).then_some(VersionMask::BIP320);
    let workers = rig::workers(&args.engine, MAX_GROUP)?;
    let pool = Arc::new(Pool::new(address, args.user, args.pass, mask));
    let desk = Arc::new(Desk::default());
    desk.close_on_ctrl_c()?;

    let end = mine(&pool, workers, args.shares.unwrap_or(u64::MAX), &desk);
    // However it ended.
    tell(pool.verdicts());
    end.or_else(|error| if told::nobody_reads(&*error) { Ok(()) } else { Err(error) })
}

/// Until that many shares were accepted, or the desk is closed.
fn mine(
    pool: &Arc<Pool>,
    workers: Workers,
    shares: u64,
    desk: &Arc<Desk<Work, PoolError>>,
) -> Result<(), Box<dyn Error>> {
    let (listener, filled) = (pool.clone(), desk.clone());
    thread::Builder::new().spawn(move || listener.follow(shares, &filled))?;
    let mut miner = Miner { pool, workers, searches: 0, faults: Faults::default() };
    while let Some(next) = desk.take() {
        let (work, recall) = next?;
        miner.search(&work, &recall)?;
    }
    Ok(())
}

struct Miner<'a> {
    pool: &'a Pool,
    workers: Workers,
    /// How many there were, of all jobs.
    searches: u64,
    faults: Faults,
}

impl Miner<'_> {
    /// Finds and hands in shares until the work is called back, or used up.
    ///
    /// Each search has an extra nonce of its own, so that no share is handed in twice, also when a
    /// pool sends a job again. It ends with its first share: shares are rare.
    fn search(&mut self, work: &Work, recall: &Recall) -> Result<(), Box<dyn Error>> {
        for _ in 0..=work.last_extranonce2() {
            let extranonce2 = work.extranonce2(self.searches);
            self.searches = self.searches.wrapping_add(1);
            let search = Search::new(work.header(&extranonce2), work.target);
            let search = match work.mask() {
                Some(mask) => search.versions(mask),
                None => search,
            };
            let outcome = search.first(&self.workers, SearchControl::default().stop(recall.stop()));
            for share in &outcome.shares {
                if self.pool.submit(work, recall, &extranonce2, share.header()) {
                    let job = line(&work.job);
                    writeln!(io::stdout(), "share {} of job {job}", share.hash())?;
                }
            }
            self.faults.tell(&outcome);
            match outcome.end {
                End::Stopped => return Ok(()),
                End::Failed => return Err(failure(&outcome)),
                End::Limit | End::Exhausted => {}
            }
        }
        tell(format_args!("job {} has no more extra nonces: waiting for the next", work.job));
        Ok(())
    }
}
