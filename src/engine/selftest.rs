//! Self-test of engines: real blocks that an engine has to find before it is used.

use super::{Candidate, Engine, EngineError, EngineId, verify};
use crate::block::{BlockHash, Header, Target, VersionMask};
use crate::job::{Job, MAX_GROUP, NonceRange};

/// Headers of the main chain: block height and the 80 bytes.
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
const AROUND: u64 = 1000;

/// Why an engine must not be used on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// The engine gave wrong results.
    #[error(
        "engine {engine} is wrong on this machine: near block {height}, with {versions} versions, \
         it found {found} shares, expected {expected}"
    )]
    Wrong {
        /// Name of the engine that failed the test.
        engine: EngineId,
        /// Height of the block whose nonce was to be found.
        height: u32,
        /// Number of versions that were tried on each nonce.
        versions: usize,
        /// Number of shares that the engine found.
        found: usize,
        /// Number of shares that there are.
        expected: usize,
    },
    /// The device of the engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Checks an engine, which takes a few milliseconds. It has to find the nonces of some headers of
/// the main chain, with the header's version alone and as one of a group. Then it has to find every
/// share among a few nonces for the easiest target.
///
/// # Errors
///
/// When the engine misses a share, reports something that is no share, or its device fails.
#[expect(clippy::missing_panics_doc, reason = "the constants are headers of mined blocks")]
pub fn check(engine: &dyn Engine) -> Result<(), SelfTestError> {
    for (height, hex) in BLOCKS {
        let header = Header::from_hex(hex).expect("the constants above are headers");
        let target = Target::from_compact(header.bits()).expect("a mined block has a target");
        let version = |i| VersionMask::BIP320.version(header.version(), i);
        for versions in [vec![header.version()], (0..MAX_GROUP as u64).map(version).collect()] {
            let job = |target| {
                let job = Job::with_versions(header.with_nonce(0), target, &versions);
                job.expect("at most MAX_GROUP versions")
            };
            let nonces = |around: u64| {
                let middle = u64::from(header.nonce());
                let start = middle.saturating_sub(around) as u32;
                NonceRange::new(start, (middle + around).min(1 << 32)).expect("around a nonce")
            };
            let own = vec![header.hash()];
            let easy = job(Target::MAX_ATTAINABLE_REGTEST);
            let every = all_that_meets(&easy, nonces(50));
            for (found, expected) in [
                (found(engine, &job(target), nonces(AROUND))?, own),
                (found(engine, &easy, nonces(50))?, every),
            ] {
                if found != expected {
                    let (found, expected) = (found.len(), expected.len());
                    let (engine, versions) = (engine.id(), versions.len());
                    return Err(SelfTestError::Wrong { engine, height, versions, found, expected });
                }
            }
        }
    }
    Ok(())
}

/// Returns the hashes of the shares that the engine finds, in its order.
fn found(
    engine: &dyn Engine,
    job: &Job,
    nonces: NonceRange,
) -> Result<Vec<BlockHash>, EngineError> {
    let mut candidates = Vec::new();
    engine.scan(job, nonces, usize::MAX, &mut candidates)?;
    let shares = candidates.iter().filter_map(|&candidate| verify(job, candidate));
    Ok(shares.map(|share| share.hash()).collect())
}

/// Returns the hashes of all shares, found by hashing every header whole.
fn all_that_meets(job: &Job, nonces: NonceRange) -> Vec<BlockHash> {
    let mut hashes = Vec::new();
    for nonce in u64::from(nonces.start())..nonces.end() {
        for &version in job.versions() {
            let candidate = Candidate { nonce: nonce as u32, version };
            hashes.extend(verify(job, candidate).map(|share| share.hash()));
        }
    }
    hashes
}
