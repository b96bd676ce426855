//! Shares found by every engine, before the check that a Stratum V2 pool makes of them.
//!
//! A share of Stratum V2 says the whole version, not only the rolled bits, and a pool refuses one
//! that differs outside BIP 323. On a standard channel the pool gives a merkle root; on an extended
//! one the miner makes it, of the coinbase's two parts and an extra nonce.

use std::fmt::Debug;

use bitcoin::{Amount, ScriptBuf, TxOut};
use channels_sv2::VERSION_ROLLING_MASK;
use channels_sv2::extranonce_manager::ExtranonceAllocator;
use channels_sv2::server::extended::ExtendedChannel;
use channels_sv2::server::share_accounting::{ShareValidationError, ShareValidationResult};
use channels_sv2::server::standard::StandardChannel;
use mining_sv2::{
    ERROR_CODE_SUBMIT_SHARES_INVALID_NON_ROLLABLE_VERSION_BIT as VERSION_BIT,
    SubmitSharesExtendedOwned, SubmitSharesStandardOwned,
};
use perjoule::block::{
    BlockHash, CompactTarget, Header, HeaderFields, MerkleRoot, Target, Version, VersionMask,
};
use perjoule::engine;
use perjoule::search::{Search, SearchControl, Workers};
use perjoule::sha256::sha256d;
use template_distribution_sv2::{NewTemplateOwned, SetNewPrevHashOwned};

/// The pool wants a share every second of a miner of 0.1 MH/s: a share takes 100,000 hashes.
const HASHES_PER_SECOND: f32 = 1e5;
const SHARES_PER_MINUTE: f32 = 60.0;

const VERSION: u32 = 0x2000_0000;
const PREVIOUS: [u8; 32] = [7; 32];
const TIME: u32 = 0x6000_0000;
/// No share here is a block too.
const BITS: u32 = 0x1d00_ffff;
const REWARD: u64 = 5_000_000_000;
/// The miner's part of the extra nonce.
const EXTRANONCE: [u8; 4] = [1, 2, 3, 4];

/// The pool's side of a channel, of either kind.
enum Channel {
    Standard(StandardChannel),
    Extended(ExtendedChannel),
}

impl Channel {
    fn standard() -> Self {
        let prefix = allocator().allocate_standard().unwrap();
        let (name, pool) = ("miner".to_owned(), "pool".to_owned());
        let (rate, wanted) = (HASHES_PER_SECOND, SHARES_PER_MINUTE);
        let any = bitcoin::Target::from_be_bytes([0xff; 32]);
        let mut channel =
            StandardChannel::new_for_pool(1, name, prefix, any, rate, 1, wanted, pool, None)
                .unwrap();
        channel.on_new_template(template(), reward()).unwrap();
        channel.on_set_new_prev_hash(tip()).unwrap();
        Self::Standard(channel)
    }

    fn extended(rolling: bool) -> Self {
        let prefix = allocator().allocate_extended(EXTRANONCE.len()).unwrap();
        let size = u16::try_from(EXTRANONCE.len()).unwrap();
        let (name, pool) = ("miner".to_owned(), "pool".to_owned());
        let (rate, wanted) = (HASHES_PER_SECOND, SHARES_PER_MINUTE);
        let any = bitcoin::Target::from_be_bytes([0xff; 32]);
        let mut channel = ExtendedChannel::new_for_pool(
            1, name, prefix, any, rate, rolling, size, 1, wanted, pool, None,
        )
        .unwrap();
        channel.on_new_template(template(), reward()).unwrap();
        channel.on_set_new_prev_hash(tip()).unwrap();
        Self::Extended(channel)
    }

    /// What the miner searches, of what the pool tells it.
    fn search(&self) -> Search {
        let (root, version, target) = match self {
            Self::Standard(channel) => {
                let job = channel.get_active_job().unwrap().get_job_message();
                (job.merkle_root.to_array(), job.version, channel.get_target())
            }
            Self::Extended(channel) => {
                let job = channel.get_active_job().unwrap().get_job_message();
                let prefix = channel.get_extranonce_prefix();
                let (before, behind) = (&job.coinbase_tx_prefix, &job.coinbase_tx_suffix);
                let coinbase = [before.as_bytes(), prefix, &EXTRANONCE, behind.as_bytes()].concat();
                let branch = job.merkle_path.as_slice().iter();
                let root = branch.fold(sha256d(&coinbase), |root, other| {
                    sha256d(&[root, other.to_array()].concat())
                });
                (root, job.version, channel.get_target())
            }
        };
        let header = Header::from_fields(HeaderFields {
            version: Version::from_consensus(version),
            prev_block_hash: BlockHash::from_bytes(PREVIOUS),
            merkle_root: MerkleRoot::from_bytes(root),
            time: TIME,
            bits: CompactTarget::from_consensus(BITS),
            nonce: 0,
        });
        Search::new(header, Target::try_from(*target).unwrap())
    }

    /// What the pool says to a share.
    fn submit(&mut self, share: &Header) -> Result<ShareValidationResult, ShareValidationError> {
        let (nonce, ntime) = (share.nonce(), share.time());
        let (version, sequence_number, channel_id) = (share.version().to_consensus(), 0, 1);
        match self {
            Self::Standard(channel) => {
                let job_id = channel.get_active_job().unwrap().get_job_id();
                channel.validate_share(SubmitSharesStandardOwned {
                    channel_id,
                    sequence_number,
                    job_id,
                    nonce,
                    ntime,
                    version,
                })
            }
            Self::Extended(channel) => {
                let job_id = channel.get_active_job().unwrap().get_job_id();
                channel.validate_share(SubmitSharesExtendedOwned {
                    channel_id,
                    sequence_number,
                    job_id,
                    nonce,
                    ntime,
                    version,
                    extranonce: EXTRANONCE.to_vec().try_into().unwrap(),
                })
            }
        }
    }
}

fn allocator() -> ExtranonceAllocator {
    ExtranonceAllocator::new(Vec::new(), 8, 1 << 16).unwrap()
}

/// What a node tells the pool of the next block.
fn template() -> NewTemplateOwned {
    NewTemplateOwned {
        template_id: 1,
        future_template: true,
        version: VERSION,
        coinbase_tx_version: 2,
        // The height.
        coinbase_prefix: vec![2, 159, 0].try_into().unwrap(),
        coinbase_tx_input_sequence: u32::MAX,
        coinbase_tx_value_remaining: REWARD,
        coinbase_tx_outputs_count: 0,
        coinbase_tx_outputs: Vec::new().try_into().unwrap(),
        coinbase_tx_locktime: 0,
        merkle_path: vec![[0x11; 32].into(), [0x22; 32].into()].try_into().unwrap(),
    }
}

fn reward() -> Vec<TxOut> {
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    vec![TxOut { value: Amount::from_sat(REWARD), script_pubkey: anyone }]
}

fn tip() -> SetNewPrevHashOwned {
    SetNewPrevHashOwned {
        template_id: 1,
        prev_hash: PREVIOUS.into(),
        header_timestamp: TIME,
        n_bits: BITS,
        target: bitcoin::Target::from_compact(bitcoin::CompactTarget::from_consensus(BITS))
            .to_le_bytes()
            .into(),
    }
}

/// The first shares of a search.
fn found(search: &Search, count: usize, workers: &Workers) -> Vec<Header> {
    let outcome = search.all(count, workers, SearchControl::default());
    assert_eq!(outcome.shares.len(), count);
    outcome.shares.iter().map(|share| *share.header()).collect()
}

/// Those whose version is not the pool's; at least one is.
fn rolled(shares: &[Header]) -> Vec<Header> {
    let rolled = |share: &&Header| share.version().to_consensus() != VERSION;
    let rolled: Vec<_> = shares.iter().filter(rolled).copied().collect();
    assert!(!rolled.is_empty(), "no version was rolled");
    rolled
}

#[track_caller]
fn refused<T: Debug>(verdict: Result<T, ShareValidationError>, why: &str) {
    let reason = format!("{:?}", verdict.expect_err("accepted"));
    assert!(reason.starts_with(why), "{reason}, expected {why}");
}

#[test]
fn a_pool_accepts_what_every_engine_finds() {
    for engine in engine::available() {
        let id = engine.id();
        let workers = Workers::builder(engine).build().unwrap();
        for mask in [None, Some(VersionMask::BIP320), Some(VersionMask::BIP323)] {
            for mut channel in [Channel::standard(), Channel::extended(true)] {
                let search = channel.search();
                let search = mask.into_iter().fold(search, Search::versions);
                let shares = found(&search, 3, &workers);
                if mask.is_some() {
                    rolled(&shares);
                }
                for share in shares {
                    let wrong = share.with_nonce(share.nonce() ^ 1 << 7);
                    refused(channel.submit(&wrong), "DoesNotMeetTarget");
                    let verdict = channel.submit(&share);
                    assert!(
                        matches!(verdict, Ok(ShareValidationResult::Valid(hash))
                            if *AsRef::<[u8; 32]>::as_ref(&hash) == *share.hash().as_bytes()),
                        "{id}, {mask:?}, {share}: {verdict:?}"
                    );
                    refused(channel.submit(&share), "DuplicateShare");
                }
            }
        }
        println!("tested: {id}");
    }
}

/// The hash of each of these is small enough, so that the version alone is what is wrong.
#[test]
fn a_pool_refuses_versions_that_are_not_the_miners() {
    assert_eq!(VERSION_ROLLING_MASK, VersionMask::BIP323.to_consensus());
    let workers = Workers::best().unwrap();
    let of_others = VersionMask::from_consensus(!VERSION_ROLLING_MASK).unwrap();
    for mut channel in [Channel::standard(), Channel::extended(true)] {
        let shares = found(&channel.search().versions(of_others), 8, &workers);
        for share in rolled(&shares) {
            refused(channel.submit(&share), &format!("Invalid({VERSION_BIT:?})"));
        }
    }
    let mut fixed = Channel::extended(false);
    let shares = found(&fixed.search().versions(VersionMask::BIP320), 8, &workers);
    for share in rolled(&shares) {
        refused(fixed.submit(&share), "VersionRollingNotAllowed");
    }
}
