//! Builds a regtest header on the genesis block, mines it, checks it and prints it.
//!
//! `cargo run --release --no-default-features --example mine_regtest`

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use perjoule::block::{
    BlockHash, CompactTarget, Header, HeaderFields, MerkleRoot, Target, Version,
};
use perjoule::search::{Search, SearchControl, Workers};

/// The first block of every regtest chain.
const GENESIS: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

/// The easiest target there is: one hash in two meets it.
const BITS: CompactTarget = CompactTarget::from_consensus(0x207f_ffff);

fn main() -> Result<(), Box<dyn Error>> {
    let header = Header::from_fields(HeaderFields {
        version: Version::from_consensus(0x2000_0000),
        prev_block_hash: BlockHash::from_hex(GENESIS)?,
        // A block's merkle root comes from its transactions; a header alone can have any.
        merkle_root: MerkleRoot::from_bytes([0x11; 32]),
        time: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?,
        bits: BITS,
        nonce: 0,
    });
    let target = Target::from_compact(BITS)?;

    let outcome = Search::new(header, target).first(&Workers::best()?, SearchControl::default());
    let share = outcome.shares.first().ok_or("no nonce of 2^32 met the regtest target")?;

    // The search has checked this already; whoever gets the header can too.
    if !target.is_met_by(&share.header().hash()) {
        return Err("the header's hash does not meet the target".into());
    }
    println!("header {}", share.header());
    println!("hash   {}", share.hash());
    Ok(())
}
