//! Conversions from and to the types of rust-bitcoin 0.32.
//!
//! Conversions are `From` wherever they cannot fail. One can: a rust-bitcoin target may be zero, a
//! [`Target`] here never is.

use ::bitcoin::block as theirs;
use ::bitcoin::hashes::Hash as _;

use super::{
    BlockHash, CompactTarget, Header, HeaderFields, MerkleRoot, Target, TargetError, Version, Work,
};

impl From<theirs::Header> for Header {
    fn from(header: theirs::Header) -> Self {
        Self::from_fields(HeaderFields {
            version: header.version.into(),
            prev_block_hash: header.prev_blockhash.into(),
            merkle_root: header.merkle_root.into(),
            time: header.time,
            bits: header.bits.into(),
            nonce: header.nonce,
        })
    }
}

impl From<Header> for theirs::Header {
    fn from(header: Header) -> Self {
        Self {
            version: header.version().into(),
            prev_blockhash: header.prev_block_hash().into(),
            merkle_root: header.merkle_root().into(),
            time: header.time(),
            bits: header.bits().into(),
            nonce: header.nonce(),
        }
    }
}

impl From<theirs::Version> for Version {
    fn from(version: theirs::Version) -> Self {
        Self::from_consensus(version.to_consensus().cast_unsigned())
    }
}

impl From<Version> for theirs::Version {
    fn from(version: Version) -> Self {
        Self::from_consensus(version.to_consensus().cast_signed())
    }
}

impl From<::bitcoin::BlockHash> for BlockHash {
    fn from(hash: ::bitcoin::BlockHash) -> Self {
        Self::from_bytes(hash.to_byte_array())
    }
}

impl From<BlockHash> for ::bitcoin::BlockHash {
    fn from(hash: BlockHash) -> Self {
        Self::from_byte_array(*hash.as_bytes())
    }
}

impl From<::bitcoin::TxMerkleNode> for MerkleRoot {
    fn from(root: ::bitcoin::TxMerkleNode) -> Self {
        Self::from_bytes(root.to_byte_array())
    }
}

impl From<MerkleRoot> for ::bitcoin::TxMerkleNode {
    fn from(root: MerkleRoot) -> Self {
        Self::from_byte_array(*root.as_bytes())
    }
}

impl From<::bitcoin::CompactTarget> for CompactTarget {
    fn from(bits: ::bitcoin::CompactTarget) -> Self {
        Self::from_consensus(bits.to_consensus())
    }
}

impl From<CompactTarget> for ::bitcoin::CompactTarget {
    fn from(bits: CompactTarget) -> Self {
        Self::from_consensus(bits.to_consensus())
    }
}

/// Fails with [`TargetError::Zero`] if the target is zero: rust-bitcoin makes such a target from a
/// compact form that is negative or zero.
impl TryFrom<::bitcoin::Target> for Target {
    type Error = TargetError;

    fn try_from(target: ::bitcoin::Target) -> Result<Self, TargetError> {
        Self::from_be_bytes(target.to_be_bytes())
    }
}

impl From<Target> for ::bitcoin::Target {
    fn from(target: Target) -> Self {
        Self::from_be_bytes(target.to_be_bytes())
    }
}

impl From<::bitcoin::Work> for Work {
    fn from(work: ::bitcoin::Work) -> Self {
        Self::from_be_bytes(work.to_be_bytes())
    }
}

impl From<Work> for ::bitcoin::Work {
    fn from(work: Work) -> Self {
        Self::from_be_bytes(work.to_be_bytes())
    }
}
