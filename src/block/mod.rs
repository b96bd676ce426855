//! Block headers, their hashes, the targets that the hashes are compared with, and amounts of work.
//!
//! [`Header`] (80 bytes) holds a [`Version`], two hashes, a time, a [`CompactTarget`] and a nonce.
//! Its [`BlockHash`] is compared with a [`Target`]; a target is also a difficulty and an amount of
//! [`Work`]. A [`VersionMask`] names the version bits that a miner may roll as extra nonce space.
//!
//! Names follow rust-bitcoin; a constructor names the representation it reads. With the cargo
//! feature `bitcoin` the types convert from and to those of rust-bitcoin 0.32.
//!
//! ```
//! use perjoule::block::{CompactTarget, Target};
//!
//! let target = Target::from_compact(CompactTarget::from_hex("1d00ffff")?)?;
//! assert_eq!(target, Target::MAX_ATTAINABLE_MAINNET);
//! assert_eq!(target.difficulty().to_string(), "1");
//! assert_eq!(target.to_work().to_f64().to_string(), "4295032833");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "bitcoin")]
mod bitcoin;
mod hash;
mod header;
mod hex;
mod target;
#[cfg(test)]
mod tests;
mod u256;
mod version;
mod work;

pub use self::hash::{BlockHash, MerkleRoot};
pub use self::header::{Header, HeaderError, HeaderFields};
pub use self::hex::HexError;
pub use self::target::{CompactTarget, Target, TargetError};
pub use self::version::{Version, VersionMask, VersionMaskError};
pub use self::work::Work;
