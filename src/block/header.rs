//! The 80-byte block header that is hashed to mine a block.
//!
//! A [`Header`] is kept as those bytes, since that is what an engine reads and what a pool sends;
//! the fields are read out of it. Any 80 bytes are a header: whether it is a valid one is for its
//! hash and for consensus rules to say.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::hex::{self, HexError, debug_as_display};
use super::{BlockHash, CompactTarget, MerkleRoot, Version};

// Where each field starts. All numbers are little-endian.
const VERSION: usize = 0;
const PREV_BLOCK_HASH: usize = 4;
const MERKLE_ROOT: usize = 36;
const TIME: usize = 68;
const BITS: usize = 72;
const NONCE: usize = 76;

/// A block header, as the 80 bytes that are hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header([u8; Header::LEN]);

/// The six fields of a [`Header`], in the order in which it holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderFields {
    /// Block version; since BIP 9 a set of flags for soft-fork signalling.
    pub version: Version,
    /// Hash of the previous block in the chain; all zero for the first block.
    pub prev_block_hash: BlockHash,
    /// Root of the Merkle tree of the block's transactions.
    pub merkle_root: MerkleRoot,
    /// Timestamp of the block in seconds since 1970-01-01 UTC, as the miner claims.
    pub time: u32,
    /// Target that the block's hash must meet, in compact form ("nBits").
    pub bits: CompactTarget,
    /// Nonce: the number that a miner varies first.
    pub nonce: u32,
}

impl Header {
    /// Length of a header: 80 bytes.
    pub const LEN: usize = 80;

    /// Makes a header from the 80 bytes that are hashed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Makes a header from a slice of the 80 bytes that are hashed.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Length`] unless there are exactly 80 of them.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, HeaderError> {
        match <[u8; Self::LEN]>::try_from(bytes) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(HeaderError::Length { bytes: bytes.len() }),
        }
    }

    /// Reads a header from 160 hex digits of either case, in the order in which the bytes are
    /// hashed.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Hex`] names the first character that is not a digit, or the number of digits
    /// if it is not 160.
    pub fn from_hex(text: &str) -> Result<Self, HeaderError> {
        Ok(Self(hex::decode(text, "a header is 80 bytes (160 hex digits)")?))
    }

    /// Makes a header from its fields.
    #[must_use]
    pub fn from_fields(fields: HeaderFields) -> Self {
        Self([0; Self::LEN])
            .with_version(fields.version)
            .with_prev_block_hash(fields.prev_block_hash)
            .with_merkle_root(fields.merkle_root)
            .with_time(fields.time)
            .with_bits(fields.bits)
            .with_nonce(fields.nonce)
    }

    /// Returns all fields of the header.
    #[must_use]
    pub fn fields(&self) -> HeaderFields {
        HeaderFields {
            version: self.version(),
            prev_block_hash: self.prev_block_hash(),
            merkle_root: self.merkle_root(),
            time: self.time(),
            bits: self.bits(),
            nonce: self.nonce(),
        }
    }

    /// Returns the 80 bytes that are hashed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Returns the header as 160 lower-case hex digits, in the order in which the bytes are hashed.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// Returns the block hash: the SHA-256d of the 80 bytes.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_bytes(Sha256::digest(Sha256::digest(self.0)).into())
    }

    /// Returns the block version; since BIP 9 it is a set of flags for soft-fork signalling.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::from_consensus(self.number(VERSION))
    }

    /// Returns the hash of the previous block in the chain; all zero for the first block.
    #[must_use]
    pub fn prev_block_hash(&self) -> BlockHash {
        BlockHash::from_bytes(self.field(PREV_BLOCK_HASH))
    }

    /// Returns the root of the Merkle tree of the block's transactions.
    #[must_use]
    pub fn merkle_root(&self) -> MerkleRoot {
        MerkleRoot::from_bytes(self.field(MERKLE_ROOT))
    }

    /// Returns the timestamp in seconds since 1970-01-01 UTC, as the miner claims.
    #[must_use]
    pub fn time(&self) -> u32 {
        self.number(TIME)
    }

    /// Returns the target that the block's hash must meet, in compact form ("nBits").
    #[must_use]
    pub fn bits(&self) -> CompactTarget {
        CompactTarget::from_consensus(self.number(BITS))
    }

    /// Returns the nonce: the number that a miner varies first.
    #[must_use]
    pub fn nonce(&self) -> u32 {
        self.number(NONCE)
    }

    /// Returns the header with its version replaced.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        self.with_field(VERSION, version.to_consensus().to_le_bytes())
    }

    /// Returns the header with the hash of the previous block replaced.
    #[must_use]
    pub fn with_prev_block_hash(self, hash: BlockHash) -> Self {
        self.with_field(PREV_BLOCK_HASH, *hash.as_bytes())
    }

    /// Returns the header with its Merkle root replaced.
    #[must_use]
    pub fn with_merkle_root(self, root: MerkleRoot) -> Self {
        self.with_field(MERKLE_ROOT, *root.as_bytes())
    }

    /// Returns the header with its timestamp replaced, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn with_time(self, time: u32) -> Self {
        self.with_field(TIME, time.to_le_bytes())
    }

    /// Returns the header with its compact target ("nBits") replaced.
    #[must_use]
    pub fn with_bits(self, bits: CompactTarget) -> Self {
        self.with_field(BITS, bits.to_consensus().to_le_bytes())
    }

    /// Returns the header with its nonce replaced.
    #[must_use]
    pub fn with_nonce(self, nonce: u32) -> Self {
        self.with_field(NONCE, nonce.to_le_bytes())
    }

    fn number(&self, start: usize) -> u32 {
        u32::from_le_bytes(self.field(start))
    }

    // `start` is one of the constants above and `N` the size of that field, so both stay within the
    // 80 bytes.
    fn field<const N: usize>(&self, start: usize) -> [u8; N] {
        std::array::from_fn(|i| self.0[start + i])
    }

    fn with_field<const N: usize>(mut self, start: usize, bytes: [u8; N]) -> Self {
        self.0[start..start + N].copy_from_slice(&bytes);
        self
    }
}

impl FromStr for Header {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, HeaderError> {
        Self::from_hex(text)
    }
}

/// Writes 160 lower-case hex digits, as [`Header::to_hex`] gives them.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_hex())
    }
}

debug_as_display!(Header);

/// Why bytes or text are not a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The slice has too few or too many bytes.
    #[error("a header is {} bytes, got {bytes} bytes", Header::LEN)]
    Length {
        /// Number of bytes found.
        bytes: usize,
    },
    /// The text is not 160 hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
}
