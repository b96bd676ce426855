//! Searches for Bitcoin's proof of work (SHA-256d) on CPUs and GPUs, and scores these devices: how
//! many hashes, and how many operations of matrix products, they do per second and per joule.
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
//! Each module uses only those above it in this list, never one below; a test checks that. Names
//! without a link need a cargo feature or are not public.
//!
//! - [`units`]: types of quantities, so that they cannot be mixed up: joules, watts, money, amounts
//!   of work;
//! - `input`: the errors of text files that users give, such as a record or a site;
//! - [`machine`]: what is in this machine: processor, cores, memory;
//! - [`block`]: block headers and their fields, and the targets that hashes are compared with;
//! - `lanes`: vectors of 32-bit words, one file for each instruction set; not public;
//! - [`gpu`]: the GPUs that drivers offer, and how a GPU fails;
//! - [`sha256`]: SHA-256 as the standard writes it, which the engines are tested against;
//! - [`job`]: a header and a target made ready, for a group of versions and a range of nonces;
//! - [`engine`]: what scans a job, one engine for each instruction set or GPU; what verifies a
//!   candidate and makes a share of it; and a self-test of engines on this machine;
//! - [`search`]: jobs on all cores and GPUs: it verifies candidates and returns shares in a fixed
//!   order, at full speed or slowed down by a throttle;
//! - [`workload`]: the search, matrix products, arithmetic peaks and memory under one trait;
//! - `meter`: what measures joules, and windows over it;
//! - [`dial`]: set points of a search, and how fast and how well something followed them;
//! - `record`: what a score reports, as one typed value with JSON and a schema;
//! - `score`: how fast each device does each kind of work, what it could do, and the energy that it
//!   takes;
//! - `criterion`: energy as a measurement for the benchmark library `criterion`;
//! - `decision`: what to do with scored hardware at a site with its prices;
//! - `report`: records and decisions as text, HTML and CSV, for people and programs.
//!
//! # Words
//!
//! - *Slice*: a short run of a workload that is timed; a rate is computed from many slices.
//! - *Window*: a longer run between two readings of a meter; a *trial* is one window of a row.
//! - *Row*: the results of one workload on one device: its rate and, if metered, its energy.
//! - *Record*: all rows of one machine as one value with a JSON form; a *score* is the measurement
//!   that makes it, and files and messages also call the record a score or a report.
//! - *Group*: workloads of one device that are timed in turn, so that all see the machine in the
//!   same state.
//! - *Roof*: the highest rate that a device could reach at some work, measured from registers or,
//!   for memory, by a plain copy; a *roofline* is the roof as a function of operations per byte.
//! - *Peak*: a workload of nothing but arithmetic from registers, whose rate serves as a roof.
//! - *Baseline*: hashing whole headers with the `sha2` crate, as a program without an engine would.
//! - *Domain*: a part of a machine whose energy is measured; a *package* is a processor's.
//! - *Gross* power is all that a domain drew, *idle* power what it drew without the work.
//! - *Version group*: up to eight versions of a header that share one message schedule.
//! - *Midstate*: SHA-256 after the first 64 bytes of a header.
//! - *Candidate*: a nonce and a version whose hash may meet the target; a *share* is a header whose
//!   hash does. Elsewhere "a share of" something is a fraction of it, from 0 to 1.
//! - *Engine*: an implementation of the search; a *worker* is a thread that runs one.
//! - *Chunk*: the work that a worker claims at a time; the code also calls it a piece.
//! - *Duty*: the fraction of the time in which a throttled search works.
//! - *Set point*: a duty set at some time; *t90* is the time from a change of the set point until
//!   the rate has covered nine tenths of its step.
//! - *Site*: a place with its power, prices and limits; a *use* is what its hardware and power can
//!   serve: mining or AI, for example.
//! - *Hashprice*: revenue in US dollars per day of one petahash per second.
//! - *Difficulty*: how many times as much work a target takes as the easiest one of the main chain.
//! - *Curtailed*: power that is not drawn though it could be; a *credit* is what the grid pays for
//!   it.
//! - *PUE*: power usage effectiveness, the power at the site's meter divided by that of the
//!   machines.
//!
//! [`search::Search`] shows a search in three lines.
//!
//! # Cargo features
//!
//! - `cli` (default): the `perjoule` command; it turns on `report`.
//! - `report`: the module `report`; it turns on `decision`.
//! - `decision`: the module `decision`; it turns on `score`.
//! - `score`: the modules `score`, `record` and `input`; it turns on `meter`.
//! - `meter`: the module `meter`, which measures joules.
//! - `nvml` (default): meters of NVIDIA's GPUs; it turns on `meter`.
//! - `gpu` (default): engines and workloads on GPUs.
//! - `matmul` (default): matrix products on processors.
//! - `criterion`: the module `criterion`; it turns on `score`.
//! - `bitcoin`: conversions between [`block`]'s types and those of rust-bitcoin 0.32.
//!
//! Without any feature the crate is a search on processors with few dependencies.

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
