//! Real blocks that every engine has to find again before its speed is worth a number.

use std::sync::Arc;

use crate::block::{BlockHash, Header, Target};
use crate::engine::{Engine, EngineId};
use crate::job::{Job, NonceRange};
use crate::search::verify;

/// Headers of the main chain: height and the 80 bytes.
const BLOCKS: [(u32, &str); 4] = [
    // The smallest nonce of the first ten thousand blocks.
    (
        8451,
        "0100000044024bc63493f8d96723cd193bcd8d888b64260061dd1d632e844ae7000000003f3664cda5b0e39b\
         580a9ef37b8e6c718b3894885e69ed0be736d093cc2cdc5e30c8c749ffff001dbb8f0100",
    ),
    // The largest.
    (
        4418,
        "01000000fab164770c24e8cbbbc24a927b35029cb5e8c59b62c8c4a87c8951a8000000008a9068dab9493091\
         a7901f08d20592a250f82b624e666860f5f5e256f47d8179266a9849ffff001d18fcfaff",
    ),
    (
        125_552,
        "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d75\
         0423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
    ),
    // Mined with rolled version bits.
    (
        700_000,
        "04e0ff3feb36c62f0471cee034811019e43b14f459b50e00cea30a000000000000000000659cecf4a06ed500\
         031b741384e87d40ce5c16c3ec8c09b09ffe4b863c218d1f282d3c61e4480f17d767c2ab",
    ),
];

/// Nonces searched before and after each block's own.
const AROUND: u64 = 2000;

/// An engine whose results are wrong on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "engine {engine} is wrong on this machine: near block {height} it gave {found} shares, \
     expected the block's own nonce {nonce} alone"
)]
pub struct WrongResult {
    engine: EngineId,
    height: u32,
    nonce: u32,
    found: usize,
}

/// Lets `engine` find the nonces of some mainnet headers; a millisecond or so.
///
/// # Errors
///
/// When it misses one, or finds what is none.
#[expect(clippy::missing_panics_doc, reason = "the constants are headers of mined blocks")]
pub fn check(engine: &Arc<dyn Engine>) -> Result<(), WrongResult> {
    for (height, hex) in BLOCKS {
        let header = Header::from_hex(hex).expect("the constants above are headers");
        let target = Target::from_compact(header.bits()).expect("a mined block has a target");
        let job = Job::new(header.with_nonce(0), target);
        let middle = u64::from(header.nonce());
        let end = (middle + AROUND).min(1 << 32);
        let range = NonceRange::new(middle.saturating_sub(AROUND) as u32, end)
            .expect("a window around a nonce");
        let mut candidates = Vec::new();
        engine.scan(&job, range, usize::MAX, &mut candidates);
        let hashes: Vec<BlockHash> = candidates
            .iter()
            .filter_map(|&candidate| verify(&job, candidate))
            .map(|share| share.hash())
            .collect();
        if hashes != [header.hash()] {
            let (engine, nonce) = (engine.id(), header.nonce());
            return Err(WrongResult { engine, height, nonce, found: hashes.len() });
        }
    }
    Ok(())
}
