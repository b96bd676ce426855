//! The two hashes in a header: a block hash, and the Merkle root of the transactions.
//!
//! Both are kept in the order in which SHA-256 gives their bytes and in which a header stores them.
//! People see them the other way round: as a little-endian number is written, so that the leading
//! zeros of a good hash come first.

use std::fmt;
use std::str::FromStr;

use super::hex::{self, HexError, debug_as_display};

macro_rules! reversed_hash {
    ($(#[$doc:meta])* $type:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $type([u8; 32]);

        impl $type {
            /// Makes the hash from its 32 bytes in internal order: as SHA-256d gives them and as a
            /// header holds them.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes in internal order.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads the hash from 64 hex digits of either case as explorers show them:
            /// byte-reversed, most significant byte first.
            ///
            /// # Errors
            ///
            /// [`HexError`] unless the text is exactly 64 hex digits.
            pub fn from_hex(text: &str) -> Result<Self, HexError> {
                let mut bytes: [u8; 32] = hex::decode(text, $expected)?;
                bytes.reverse();
                Ok(Self(bytes))
            }
        }

        impl FromStr for $type {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                Self::from_hex(text)
            }
        }

        /// Writes the 64 hex digits that explorers show: byte-reversed, most significant byte
        /// first.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0.iter().rev()))
            }
        }

        debug_as_display!($type);
    };
}

reversed_hash!(
    /// The hash of a block: the SHA-256d of its header's 80 bytes.
    ///
    /// As a number it is little-endian; [`Target::is_met_by`](super::Target::is_met_by) compares it
    /// as one.
    BlockHash,
    "a block hash is 32 bytes (64 hex digits)"
);

reversed_hash!(
    /// The root of the Merkle tree of a block's transactions: all that a header says of them.
    MerkleRoot,
    "a merkle root is 32 bytes (64 hex digits)"
);
