//! The 80 bytes that are hashed to mine a block.
//!
//! A [`Header`] is kept as those bytes, since that is what an engine reads and what a pool sends;
//! the fields are read out of it. Every 80 bytes are a header: whether it is a good one is for its
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

/// A block header: 80 bytes, as they are hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header([u8; Header::LEN]);

/// The six fields of a [`Header`], in their order in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderFields {
    /// Version number, or since BIP 9 a set of flags.
    pub version: Version,
    /// The hash of the block before this one; all zero for the first.
    pub prev_block_hash: BlockHash,
    /// Commits to the block's transactions.
    pub merkle_root: MerkleRoot,
    /// Seconds since 1970-01-01 UTC, as the miner claims.
    pub time: u32,
    /// The target that the block's hash must meet ("nBits").
    pub bits: CompactTarget,
    /// The number that a miner searches first.
    pub nonce: u32,
}

impl Header {
    /// The length of a header in bytes.
    pub const LEN: usize = 80;

    /// Takes the bytes as they are hashed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Takes the bytes as they are hashed.
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

    /// Reads 160 hex digits of either case: the bytes in the order in which they are hashed.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Hex`] names the first character that is not a digit, or the number of digits
    /// if it is not 160.
    pub fn from_hex(text: &str) -> Result<Self, HeaderError> {
        Ok(Self(hex::decode(text, "a header is 80 bytes (160 hex digits)")?))
    }

    /// Puts a header together from its fields.
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

    /// All fields at once.
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

    /// The bytes as they are hashed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The bytes as 160 lower-case hex digits, in the order in which they are hashed.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// The SHA-256d of the 80 bytes.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_bytes(Sha256::digest(Sha256::digest(self.0)).into())
    }

    /// Version number, or since BIP 9 a set of flags.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::from_consensus(self.number(VERSION))
    }

    /// The hash of the block before this one; all zero for the first.
    #[must_use]
    pub fn prev_block_hash(&self) -> BlockHash {
        BlockHash::from_bytes(self.field(PREV_BLOCK_HASH))
    }

    /// Commits to the block's transactions.
    #[must_use]
    pub fn merkle_root(&self) -> MerkleRoot {
        MerkleRoot::from_bytes(self.field(MERKLE_ROOT))
    }

    /// Seconds since 1970-01-01 UTC, as the miner claims.
    #[must_use]
    pub fn time(&self) -> u32 {
        self.number(TIME)
    }

    /// The target that the block's hash must meet ("nBits").
    #[must_use]
    pub fn bits(&self) -> CompactTarget {
        CompactTarget::from_consensus(self.number(BITS))
    }

    /// The number that a miner searches first.
    #[must_use]
    pub fn nonce(&self) -> u32 {
        self.number(NONCE)
    }

    /// The same header with another version.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        self.with_field(VERSION, version.to_consensus().to_le_bytes())
    }

    /// The same header after another block.
    #[must_use]
    pub fn with_prev_block_hash(self, hash: BlockHash) -> Self {
        self.with_field(PREV_BLOCK_HASH, *hash.as_bytes())
    }

    /// The same header over other transactions.
    #[must_use]
    pub fn with_merkle_root(self, root: MerkleRoot) -> Self {
        self.with_field(MERKLE_ROOT, *root.as_bytes())
    }

    /// The same header at another time, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn with_time(self, time: u32) -> Self {
        self.with_field(TIME, time.to_le_bytes())
    }

    /// The same header with another target ("nBits").
    #[must_use]
    pub fn with_bits(self, bits: CompactTarget) -> Self {
        self.with_field(BITS, bits.to_consensus().to_le_bytes())
    }

    /// The same header with another nonce.
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

/// The same as [`Header::to_hex`].
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_hex())
    }
}

debug_as_display!(Header);

/// What is wrong with the bytes or the text of a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Too few or too many bytes.
    #[error("a header is {} bytes, got {bytes} bytes", Header::LEN)]
    Length {
        /// The number of bytes found.
        bytes: usize,
    },
    /// The text is not 160 hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
}
