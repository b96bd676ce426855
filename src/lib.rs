//! Scores the same hardware in hashes per joule (SHA-256d, Bitcoin's proof of work) and FLOPs per
//! joule (matrix work).
//!
//! - [`block`]: the words of a header, and what its hash is compared with.

pub mod block;
