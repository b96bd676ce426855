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

#[allow(dead_code, reason = "only the other example tells how soon work ends")]
#[path = "../shared/desk.rs"]
mod desk;
mod pool;
mod session;
#[cfg(test)]
mod tests;
mod work;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clap::Parser;
use perjoule::block::VersionMask;
use perjoule::engine::{self, EngineId};
use perjoule::job::MAX_GROUP;
use perjoule::search::{End, Search, Watch, Workers, WorkersBuilder};

use self::desk::{Desk, Recall};
use self::pool::{Pool, PoolError, Verdicts};
use self::work::Work;

/// Mine for a pool by Stratum V1, without encryption.
#[derive(Debug, Parser)]
struct Args {
    /// The pool's host and port, as in 127.0.0.1:23334
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
            eprintln!("stratum_v1: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let host = args.address.rsplit_once(':').map_or(args.address.as_str(), |(host, _)| host);
    if !args.allow_remote && !matches!(host, "127.0.0.1" | "[::1]" | "localhost") {
        return Err(format!("{host} is another machine: --allow-remote permits it").into());
    }
    let mask = (!args.no_version_rolling).then_some(VersionMask::BIP320);
    let workers = workers(&args.engine)?;
    let pool = Arc::new(Pool::new(args.address, args.user, args.pass, mask));
    let desk = Arc::new(Desk::default());
    let interrupted = desk.clone();
    ctrlc::set_handler(move || interrupted.close())?;

    let verdicts = mine(&pool, &workers, args.shares.unwrap_or(u64::MAX), &desk)?;
    eprintln!("{} shares accepted, {} refused", verdicts.accepted, verdicts.refused);
    Ok(())
}

fn workers(ids: &[EngineId]) -> Result<Workers, Box<dyn Error>> {
    let mut engines = Vec::new();
    for &id in ids {
        engines.push(engine::by_id(id)?);
    }
    if engines.is_empty() {
        engines.push(engine::best(MAX_GROUP));
        engines.extend(engine::gpus().into_iter().flatten());
    }
    let first = engines.remove(0);
    Ok(engines.into_iter().fold(Workers::builder(first), WorkersBuilder::also).build()?)
}

/// Until that many shares were accepted, or the desk is closed.
fn mine(
    pool: &Arc<Pool>,
    workers: &Workers,
    shares: u64,
    desk: &Arc<Desk<Work, PoolError>>,
) -> Result<Verdicts, Box<dyn Error>> {
    let verdicts = Arc::new(Mutex::new(Verdicts::default()));
    let (listener, filled, noted) = (pool.clone(), desk.clone(), verdicts.clone());
    thread::spawn(move || listener.follow(shares, &filled, &noted));
    while let Some(next) = desk.take() {
        let (work, recall) = next?;
        search(pool, workers, &work, &recall)?;
    }
    Ok(*verdicts.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Finds and hands in shares until the work is called back, or used up. Each search has an extra
/// nonce of its own, so that no share is handed in twice.
fn search(
    pool: &Pool,
    workers: &Workers,
    work: &Work,
    recall: &Recall,
) -> Result<(), Box<dyn Error>> {
    for extranonce2 in work.extranonces2() {
        let search = Search::new(work.header(&extranonce2), work.target);
        let search = match work.mask {
            Some(mask) => search.versions(mask),
            None => search,
        };
        let outcome = search.first(workers, Watch::default().stop(recall.stop()));
        for share in &outcome.shares {
            if pool.submit(work, recall, &extranonce2, share.header()) {
                println!("share {} of job {}", share.hash(), work.job);
            }
        }
        match outcome.end {
            End::Stopped => break,
            End::Failed => {
                let faults: Vec<_> = outcome.faults.iter().map(ToString::to_string).collect();
                return Err(faults.join("; ").into());
            }
            End::Limit | End::Exhausted => {}
        }
    }
    Ok(())
}
