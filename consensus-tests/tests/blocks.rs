//! Whole blocks found by every engine, before Bitcoin Core's validation.
//!
//! On regtest every second hash is a block, so that a wrong search might pass; on a signet whose
//! blocks need no signature one takes about 4.8 million hashes.

use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::hashes::{Hash as _, sha256d};
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::Builder;
use bitcoin::transaction::Version as TransactionVersion;
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Witness, WitnessMerkleNode,
};
use bitcoinkernel::{ChainType, ChainstateManager, Context, ContextBuilder, ProcessBlockResult};
use perjoule::block::{Header, Target, VersionMask};
use perjoule::engine::{self, Engine};
use perjoule::search::{Search, SearchControl, Workers};
use tempfile::TempDir;

/// A script that is always true: whom the coinbases pay, and the signet's challenge.
const OP_TRUE: [u8; 1] = [0x51];

/// The blocks of a network so far, and who judges the next one.
struct Chain {
    manager: ChainstateManager,
    tip: bitcoin::block::Header,
    height: u32,
    _context: Context,
    _folder: TempDir,
}

impl Chain {
    fn new(builder: ContextBuilder, network: Network) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let context = builder.build().unwrap();
        let manager = ChainstateManager::new(&context, &path(""), &path("blocks")).unwrap();
        manager.import_blocks().unwrap();
        let tip = bitcoin::constants::genesis_block(network).header;
        Self { manager, tip, height: 0, _context: context, _folder: folder }
    }

    /// The next block, without a nonce.
    fn next(&self) -> Block {
        let height = self.height + 1;
        let coinbase = Transaction {
            version: TransactionVersion::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                // A coinbase has at least two bytes.
                script_sig: Builder::new().push_int(height.into()).push_slice([0; 4]).into_script(),
                sequence: Sequence::MAX,
                // What the commitment hashes together with the witnesses (BIP 141).
                witness: Witness::from_slice(&[[0; 32]]),
            }],
            output: vec![
                TxOut {
                    value: Amount::from_int_btc(50),
                    script_pubkey: ScriptBuf::from_bytes(OP_TRUE.to_vec()),
                },
                TxOut { value: Amount::ZERO, script_pubkey: commitment() },
            ],
        };
        let header = bitcoin::block::Header {
            version: bitcoin::block::Version::from_consensus(0x2000_0000),
            prev_blockhash: self.tip.block_hash(),
            merkle_root: TxMerkleNode::from_raw_hash(coinbase.compute_txid().to_raw_hash()),
            time: self.tip.time + 1,
            bits: self.tip.bits,
            nonce: 0,
        };
        Block { header, txdata: vec![coinbase] }
    }

    fn judge(&self, block: &Block) -> ProcessBlockResult {
        self.manager.process_block(&bitcoinkernel::Block::new(&serialize(block)).unwrap())
    }

    /// Mines a block on the tip, which must be refused with a wrong nonce and accepted as it is.
    /// Whether its version was rolled.
    fn extend(&mut self, workers: &Workers, mask: Option<VersionMask>) -> bool {
        let mut block = self.next();
        let unsolved = Header::from(block.header);
        let target = Target::from_compact(unsolved.bits()).unwrap();
        let search = Search::new(unsolved, target);
        let search = mask.into_iter().fold(search, Search::versions);
        let outcome = search.first(workers, SearchControl::default());
        let solved = *outcome.shares.first().expect("2^32 nonces are enough here").header();

        // On regtest many wrong nonces are right ones.
        let wrong = (0..32).map(|bit| solved.with_nonce(solved.nonce() ^ 1 << bit));
        let wrong = wrong.into_iter().find(|header| !target.is_met_by(&header.hash())).unwrap();
        block.header = wrong.into();
        assert!(self.judge(&block).is_rejected(), "accepted: {wrong}");

        block.header = solved.into();
        assert!(self.judge(&block).is_new_block(), "refused: {solved}");
        self.tip = block.header;
        self.height += 1;
        assert_eq!(self.manager.active_chain().height(), self.height as i32);
        solved.version() != unsolved.version()
    }
}

/// The output script that commits to the witnesses of a block of nothing but a coinbase. Signets
/// want it in every block, with a signature or without (BIP 325).
fn commitment() -> ScriptBuf {
    // The coinbase counts as zero there.
    let root = WitnessMerkleNode::from_raw_hash(sha256d::Hash::all_zeros());
    let commitment = Block::compute_witness_commitment(&root, &[0; 32]);
    let mut data = [0xaa, 0x21, 0xa9, 0xed].to_vec();
    data.extend(commitment.as_byte_array());
    Builder::new()
        .push_opcode(OP_RETURN)
        .push_slice(<[u8; 36]>::try_from(data).unwrap())
        .into_script()
}

/// The processor's engines, and with the feature `gpu` the first GPU, software drivers included.
fn engines() -> Vec<Arc<dyn Engine>> {
    #[cfg_attr(not(feature = "gpu"), expect(unused_mut, reason = "there is no GPU to add"))]
    let mut engines = engine::available();
    #[cfg(feature = "gpu")]
    engines.push(engine::by_id(engine::EngineId::Gpu(0)).unwrap());
    engines
}

fn blocks_of_every_engine(mut chain: Chain, blocks: u32) {
    let mut rolled = false;
    for engine in engines() {
        let id = engine.id();
        let workers = Workers::builder(engine).build().unwrap();
        for _ in 0..blocks {
            assert!(!chain.extend(&workers, None), "{id} rolled a version without leave");
            rolled |= chain.extend(&workers, Some(VersionMask::BIP320));
        }
        println!("judged: {id}, up to height {}", chain.height);
    }
    // Seven of eight versions in a group are.
    assert!(rolled, "no version was rolled");
}

#[test]
fn regtest_accepts_what_every_engine_finds() {
    let builder = ContextBuilder::new().chain_type(ChainType::Regtest);
    blocks_of_every_engine(Chain::new(builder, Network::Regtest), 10);
}

#[test]
fn a_signet_accepts_what_every_engine_finds() {
    let builder = ContextBuilder::new().signet(&OP_TRUE);
    blocks_of_every_engine(Chain::new(builder, Network::Signet), 2);
}
