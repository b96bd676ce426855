//! Finds the nonce of a real block of the main chain again, from nonce 0.
//!
//! `cargo run --release --no-default-features --example mine_header [HEADER_HEX]`

use std::error::Error;

use perjoule::block::{Header, Target};
use perjoule::search::{Progress, Search, SearchControl, Workers};

/// Block 8451, whose nonce is among the smallest: the search ends soon after 102,332 hashes. Any other
/// header may be given as an argument and takes up to 2^32.
const BLOCK_8451: &str = "0100000044024bc63493f8d96723cd193bcd8d888b64260061dd1d632e844ae70000\
                          00003f3664cda5b0e39b580a9ef37b8e6c718b3894885e69ed0be736d093cc2cdc5e\
                          30c8c749ffff001dbb8f0100";

fn main() -> Result<(), Box<dyn Error>> {
    let hex = std::env::args().nth(1).unwrap_or_else(|| BLOCK_8451.to_owned());
    let known = Header::from_hex(&hex)?;
    let unsolved = known.with_nonce(0);
    let target = Target::from_compact(unsolved.bits())?;

    let workers = Workers::best()?;
    let mut tell = |p: Progress| eprintln!("{} of {} hashes", p.hashes, p.of);
    let outcome =
        Search::new(unsolved, target).first(&workers, SearchControl::default().progress(&mut tell));

    let share = outcome.shares.first().ok_or("no nonce of this header meets its own target")?;
    println!("nonce {}", share.header().nonce());
    println!("hash  {}", share.hash());
    println!("{} hashes in {:.1?}", outcome.hashes, outcome.took);
    if share.header() == &known {
        println!("this is the block's own nonce");
    }
    Ok(())
}
