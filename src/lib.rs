//! Searches and scores SHA-256d, Bitcoin's proof of work, on CPUs and GPUs: on the way to scoring
//! the same hardware in hashes per joule and, for matrix work, FLOPs per joule.
//!
//! ```text
//! Header + Target ──► Job ──► Engine::scan ──► Candidate ──► verify ──► Share
//!                            (scalar · SIMD · SHA instructions · GPU)
//!                                  │
//!                                  └──► slices in turn ──► Row ──► report
//! ```
//!
//! Each arrow is one direction and one type:
//!
//! - [`block`]: the words of a header, and what its hash is compared with;
//! - [`job`]: a header and a target made ready, for a group of versions and a range of nonces;
//! - [`engine`]: what scans a job, one engine per instruction set or GPU; each is found out to be
//!   there, or what it lacks;
//! - [`search`]: a job's ranges over all cores and GPUs, candidates verified, shares in one order;
//! - [`selftest`] and [`score`]: whether an engine is right on this machine, and how fast it is;
//! - [`workload`]: matrix products, memory bandwidth and arithmetic peaks;
//! - `meter`: what measures joules;
//! - [`units`]: joules, watts, and work by time and by energy;
//! - [`device`] and `gpu`: what is in this machine;
//! - [`sha256`]: SHA-256 as the standard writes it, which the engines are tested against.
//!
//! Searching takes three lines; see [`search::Search`].
//!
//! # Cargo features
//!
//! - `cli` (default): the `perjoule` command.
//! - `gpu` (default): engines on GPUs. Without these the crate is a library with next to no
//!   dependencies.
//! - `meter`: what measures joules; with `nvml` (default) also NVIDIA's GPUs.
//! - `matmul` (default): matrix products on processors.
//! - `bitcoin`: conversions between [`block`]'s types and those of rust-bitcoin 0.32.

pub mod block;
pub mod device;
pub mod engine;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod job;
mod lanes;
#[cfg(feature = "meter")]
pub mod meter;
pub mod score;
pub mod search;
pub mod selftest;
pub mod sha256;
pub mod units;
pub mod workload;

/// The README's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
