//! What people and programs are shown of a record, and of a decision.
//!
//! Exporters, one a file: [`table`] for terminals, [`csv`], [`prometheus`] and [`html`], a page with
//! charts; [`compare`] sets several records side by side, [`mod@decision`] shows what they are worth,
//! and [`file`](mod@file) puts any of them into a file. JSON is the record's own form:
//! [`crate::record::json`].

pub mod compare;
pub mod csv;
pub mod decision;
pub(crate) mod figures;
pub mod file;
pub mod html;
mod lines;
mod odd;
pub mod prometheus;
pub mod table;

pub use self::odd::is_odd;

use crate::record::Record;

/// A form of a record for something else than perjoule.
#[derive(Clone, Copy, Debug)]
pub struct Exporter {
    /// The argument of `perjoule score` that takes its file: `--html`.
    pub argument: &'static str,
    /// What is written, as the help of the command has it.
    pub about: &'static str,
    /// The text of a record.
    pub text: fn(&Record) -> String,
}

/// All forms that the command offers; one that is added here is an argument of it.
pub const EXPORTERS: [Exporter; 3] = [
    Exporter {
        argument: "--html",
        about: "Writes a page with charts to this file: one file, without anything from the network",
        text: html::page,
    },
    Exporter {
        argument: "--csv",
        about: "Writes a line for each row to this file",
        text: csv::text,
    },
    Exporter {
        argument: "--prometheus",
        about: "Writes gauges to this file, as the textfile collector of Prometheus' node exporter reads them",
        text: prometheus::text,
    },
];
