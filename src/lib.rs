//! Searches and scores SHA-256d, Bitcoin's proof of work, and scores matrix work on the same CPUs and
//! GPUs: hashes per joule and FLOPs per joule.
//!
//! ```text
//! Header + Target ──► Job ──► Engine::scan ──► Candidate ──► verify ──► Share
//!                            (scalar · SIMD · SHA instructions · GPU)
//!
//! Workload × Device ──► slices in turn, checked; windows of meters ──► Row ──► Record
//! (the engines' search · matrix products · peaks · memory)
//!
//! Record × Site ──► values of each use ──► Verdict, plan by the hour ──► Decision
//! ```
//!
//! Each room of the crate knows those above it in this list, and none below; a test reads the sources
//! for that.
//!
//! - [`units`]: quantities that are not to be mixed up: joules, watts, money, amounts of work;
//! - `input`: texts that people give in files;
//! - [`machine`]: what is in this machine: processor, cores, memory;
//! - [`block`]: the words of a header, and what its hash is compared with;
//! - `lanes`: vectors of 32-bit words, one file an instruction set;
//! - [`gpu`]: adapters, an opened device, and how one fails;
//! - [`sha256`]: SHA-256 as the standard writes it, which the engines are tested against;
//! - [`job`]: a header and a target made ready, for a group of versions and a range of nonces;
//! - [`engine`]: what scans a job, one engine an instruction set or GPU; what makes a share of a
//!   candidate; and whether an engine is right on this machine;
//! - [`search`]: a job's ranges over all cores and GPUs, candidates verified, shares in one order, at
//!   full speed or as much of the time as a throttle says;
//! - [`workload`]: the search, matrix products, arithmetic peaks and memory under one trait;
//! - `meter`: what measures joules, and windows over it;
//! - [`dial`]: set points of a search, and how fast and how well something followed them;
//! - `record`: what a score reports, as one typed value with JSON and a schema;
//! - `score`: how fast each device does each kind of work, what is possible there, and what it costs;
//! - `criterion`: energy as a measurement of the benchmark library of that name;
//! - `decision`: what to do with scored hardware at a site with its prices;
//! - `report`: what people and programs are shown of a record and of a decision.
//!
//! # Words
//!
//! - *Slice*: a short run of a workload that is timed; the rate is of many of them.
//! - *Window*: a longer run between two readings of a meter; a *trial* is one window of a row.
//! - *Row*: what one workload has shown on one device.
//! - *Group*: workloads of one device that are timed in turn, so that all meet the same machine.
//! - *Roof*: the most that a device could do of some work, measured from registers or, for memory, by
//!   a plain copy; a *roofline* is that over operations per byte.
//! - *Peak*: a workload of nothing but arithmetic from registers: what roofs are made of.
//! - *Baseline*: what users know: whole headers, hashed by the `sha2` crate.
//! - *Domain*: a part of a machine whose energy is measured; a *package* is a processor's.
//! - *Gross* power is all that a domain drew, *idle* power what it drew without the work.
//! - *Version group*: up to eight versions of a header that share one message schedule.
//! - *Midstate*: SHA-256 after the first 64 bytes of a header.
//! - *Candidate*: a nonce and a version whose hash may meet the target; a *share* is one that does.
//! - *Engine*: an implementation of the search; a *worker* is a thread that runs one.
//! - *Duty*: the share of the time in which a throttled search works.
//! - *Set point*: a duty set at some time; *t90* is when nine tenths of a step were covered.
//! - *Site*: a place with its power, prices and limits; a *use* is what its power can go to.
//! - *Hashprice*: dollars a day of a petahash a second; *difficulty* is work by that of the easiest
//!   target of the main chain.
//! - *Curtailed*: power that is not drawn though it could be; a *credit* is what the grid pays for it.
//! - *PUE*: power usage effectiveness, power at the site's meter by that of the machines.
//!
//! Searching takes three lines; see [`search::Search`].
//!
//! # Cargo features
//!
//! - `cli` (default): the `perjoule` command, which takes all of the next four.
//! - `report`: what people and programs are shown of a record and of a decision.
//! - `decision`: what to do with scored hardware.
//! - `score`: scores and their records.
//! - `meter`: what measures joules; with `nvml` (default) also NVIDIA's GPUs.
//! - `gpu` (default): engines and work on GPUs.
//! - `matmul` (default): matrix products on processors.
//! - `criterion`: energy as a measurement of the benchmark library of that name.
//! - `bitcoin`: conversions between [`block`]'s types and those of rust-bitcoin 0.32.
//!
//! Without any, the crate is a search with next to no dependencies.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod block;
#[cfg(feature = "criterion")]
pub mod criterion;
#[cfg(feature = "decision")]
pub mod decision;
pub mod dial;
pub mod engine;
pub mod gpu;
#[cfg(feature = "score")]
pub mod input;
pub mod job;
mod lanes;
pub mod machine;
#[cfg(feature = "meter")]
pub mod meter;
#[cfg(feature = "score")]
pub mod record;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "score")]
pub mod score;
pub mod search;
pub mod sha256;
pub mod units;
pub mod workload;

/// The README's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
