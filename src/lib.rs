//! Searches and scores SHA-256d, Bitcoin's proof of work, and scores matrix work on the same CPUs and
//! GPUs: hashes per joule and FLOPs per joule.
//!
//! ```text
//! Header + Target ──► Job ──► Engine::scan ──► Candidate ──► verify ──► Share
//!                            (scalar · SIMD · SHA instructions · GPU)
//!
//! Workload × Device ──► slices in turn, checked; windows of meters ──► Row ──► Report
//! (the engines' search · matrix products · peaks · memory)
//!
//! Report × Site ──► values of each use ──► Verdict, plan by the hour ──► Decision
//! ```
//!
//! Each arrow is one direction and one type:
//!
//! - [`block`]: the words of a header, and what its hash is compared with;
//! - [`job`]: a header and a target made ready, for a group of versions and a range of nonces;
//! - [`engine`]: what scans a job, one engine per instruction set or GPU; each is found out to be
//!   there, or what it lacks;
//! - [`search`]: a job's ranges over all cores and GPUs, candidates verified, shares in one order, at
//!   full speed or as much of the time as a throttle says;
//! - [`response`]: how fast and how well something followed such set points;
//! - [`workload`]: the search, matrix products, arithmetic peaks and memory under one trait;
//! - `score`: how fast each device does each of them, what is possible there, and what it costs;
//! - [`units`] and `meter`: joules, watts, and what measures them;
//! - `report`: what a score tells, and its exporters;
//! - `decision`: what to do with scored hardware at a site with its prices;
//! - `input`: texts that people give in files;
//! - [`machine`] and `gpu`: what is in this machine;
//! - [`sha256`]: SHA-256 as the standard writes it, which the engines are tested against.
//!
//! Searching takes three lines; see [`search::Search`].
//!
//! # Cargo features
//!
//! - `cli` (default): the `perjoule` command, reports and decisions.
//! - `gpu` (default): engines on GPUs. Without these the crate is a library with next to no
//!   dependencies.
//! - `meter`: what measures joules; with `nvml` (default) also NVIDIA's GPUs.
//! - `matmul` (default): matrix products on processors.
//! - `criterion`: energy as a measurement of the benchmark library of that name.
//! - `bitcoin`: conversions between [`block`]'s types and those of rust-bitcoin 0.32.

pub mod block;
#[cfg(feature = "criterion")]
pub mod criterion;
#[cfg(feature = "cli")]
pub mod decision;
pub mod engine;
pub mod gpu;
#[cfg(feature = "cli")]
pub mod input;
pub mod job;
mod lanes;
pub mod machine;
#[cfg(feature = "meter")]
pub mod meter;
#[cfg(feature = "cli")]
pub mod record;
#[cfg(feature = "cli")]
pub mod report;
pub mod response;
#[cfg(feature = "meter")]
pub mod score;
pub mod search;
pub mod sha256;
pub mod units;
pub mod workload;

/// The README's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
