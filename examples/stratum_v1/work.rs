//! From a pool's job to a header: extra nonces into the coinbase, the coinbase into the merkle root.

use bitcoin::hex::FromHex as _;
use perjoule::block::{
    BlockHash, CompactTarget, Header, HeaderFields, MerkleRoot, Target, Version, VersionMask,
};
use perjoule::sha256::sha256d;

/// A job as `mining.notify` gives it, and what the session said before of difficulty, extra nonce
/// and version bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) job: String,
    pub(crate) previous: BlockHash,
    /// The coinbase up to and behind the extra nonces.
    pub(crate) coinbase: [Vec<u8>; 2],
    /// What the coinbase's hash is hashed with, from the leaf to the root.
    pub(crate) branch: Vec<[u8; 32]>,
    pub(crate) version: Version,
    pub(crate) bits: CompactTarget,
    pub(crate) time: u32,
    /// The pool's part of the extra nonce.
    pub(crate) extranonce1: Vec<u8>,
    /// How many bytes of the extra nonce are the miner's.
    pub(crate) extranonce2_size: usize,
    /// What the pool wants of a share.
    pub(crate) target: Target,
    /// The version bits that the miner may roll, perhaps none; `None` where the pool was not asked, or
    /// did not answer, and is not told of any.
    pub(crate) rolling: Option<u32>,
}

impl Work {
    /// How many more values than one the miner's part of the extra nonce has; not more than anybody
    /// can use.
    pub(crate) fn last_extranonce2(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.extranonce2_size.clamp(1, 8))
    }

    /// A value of the miner's part of the extra nonce: the numbers go round where it has fewer.
    pub(crate) fn extranonce2(&self, number: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.extranonce2_size];
        bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    /// What is to be rolled.
    pub(crate) fn mask(&self) -> Option<VersionMask> {
        VersionMask::from_consensus(self.rolling?).ok()
    }

    /// The header to search.
    pub(crate) fn header(&self, extranonce2: &[u8]) -> Header {
        let [before, behind] = &self.coinbase;
        let coinbase = [before, &self.extranonce1[..], extranonce2, behind].concat();
        let root = self
            .branch
            .iter()
            .fold(sha256d(&coinbase), |root, other| sha256d(&[root, *other].concat()));
        Header::from_fields(HeaderFields {
            version: self.version,
            prev_block_hash: self.previous,
            merkle_root: MerkleRoot::from_bytes(root),
            time: self.time,
            bits: self.bits,
            nonce: 0,
        })
    }
}

/// Reads the hash of the previous block: a header's bytes, but reversed in each group of four.
pub(crate) fn previous_from_hex(text: &str) -> Option<BlockHash> {
    let mut bytes = <[u8; 32]>::from_hex(text).ok()?;
    bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    Some(BlockHash::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::serialize;
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Network, TxMerkleNode};

    use super::*;

    /// The genesis block of regtest as a pool would hand it out, with `others` more transactions,
    /// and its merkle root by rust-bitcoin.
    fn work(others: u8) -> (Work, TxMerkleNode) {
        let block = bitcoin::constants::genesis_block(Network::Regtest);
        let coinbase = serialize(&block.txdata[0]);
        let mut row: Vec<_> = vec![block.txdata[0].compute_txid().to_raw_hash()];
        row.extend((0..others).map(|i| bitcoin::hashes::sha256d::Hash::hash(&[i])));
        let root = bitcoin::merkle_tree::calculate_root(row.iter().copied()).unwrap();

        // The branch: in each row the neighbour of what the coinbase is in.
        let mut branch = Vec::new();
        while row.len() > 1 {
            if row.len() % 2 == 1 {
                row.push(row[row.len() - 1]);
            }
            branch.push(row[1].to_byte_array());
            let pair = |pair: &[bitcoin::hashes::sha256d::Hash]| {
                let both = [pair[0].to_byte_array(), pair[1].to_byte_array()].concat();
                bitcoin::hashes::sha256d::Hash::hash(&both)
            };
            row = row.chunks(2).map(pair).collect();
        }
        let work = Work {
            job: "1".to_owned(),
            previous: BlockHash::from_bytes([7; 32]),
            coinbase: [coinbase[..50].to_vec(), coinbase[60..].to_vec()],
            branch,
            version: Version::from_consensus(0x2000_0000),
            bits: CompactTarget::from_consensus(0x207f_ffff),
            time: 5,
            extranonce1: coinbase[50..56].to_vec(),
            extranonce2_size: 4,
            target: Target::MAX,
            rolling: None,
        };
        (work, TxMerkleNode::from_raw_hash(root))
    }

    #[test]
    fn merkle_roots_are_those_of_the_whole_block() {
        let block = bitcoin::constants::genesis_block(Network::Regtest);
        let extranonce2 = serialize(&block.txdata[0])[56..60].to_vec();
        for others in [0, 1, 2, 3, 4, 7, 200] {
            let (work, root) = work(others);
            let header = work.header(&extranonce2);
            assert_eq!(header.merkle_root().to_string(), root.to_string(), "{others}");
        }
        assert_eq!(work(0).1, block.header.merkle_root);
    }

    #[test]
    fn the_rest_of_a_header_is_the_jobs() {
        let fields = work(2).0.header(&[0; 4]).fields();
        assert_eq!(fields.prev_block_hash, BlockHash::from_bytes([7; 32]));
        assert_eq!(fields.version.to_string(), "20000000");
        assert_eq!((fields.bits.to_string().as_str(), fields.time), ("207fffff", 5));
    }

    #[test]
    fn extra_nonces_have_the_size_that_the_pool_wants_and_no_value_twice() {
        let of = |extranonce2_size| Work { extranonce2_size, ..work(0).0 };
        let all: Vec<_> = (0..=of(1).last_extranonce2()).map(|it| of(1).extranonce2(it)).collect();
        assert_eq!(all, (0..=255).map(|number| vec![number]).collect::<Vec<_>>());
        assert_eq!(of(1).extranonce2(0x0102), [2], "round again");
        assert_eq!(of(4).extranonce2(0x0102), [2, 1, 0, 0]);
        assert_eq!(of(10).extranonce2(1), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            [4, 8, 10].map(|size| of(size).last_extranonce2()),
            [u64::from(u32::MAX), u64::MAX, u64::MAX]
        );
    }

    #[test]
    fn the_previous_block_is_swapped_by_words() {
        // The first block of the main chain: the words of its hash as it is shown, last one first.
        let swapped = "0a8ce26f72b3f1b646a2a6c14ff763ae65831e939c085ae10019d66800000000";
        let hash = previous_from_hex(swapped).unwrap();
        assert_eq!(
            hash.to_string(),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
        assert_eq!(previous_from_hex("00"), None);
    }
}
