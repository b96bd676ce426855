//! Renders a record, a comparison or a decision for people and for other programs.
//!
//! Each format has its own module: [`table`] is text for terminals, [`csv`] is for spreadsheets,
//! [`prometheus`] is for monitoring, and [`html`] is a page with charts. [`compare`] sets several
//! records side by side, [`mod@decision`] renders a decision, and [`file`](mod@file) writes any of
//! these texts to a file. [`crate::record::json`] reads and writes a record as JSON.

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

/// An export format of a record, for people or other programs.
#[derive(Clone, Copy, Debug)]
pub struct Exporter {
    /// Argument of `perjoule score` that takes the name of the file, such as `--html`.
    pub argument: &'static str,
    /// Description of the format in the help of the command.
    pub about: &'static str,
    /// Function that returns the text of a record in this format.
    pub text: fn(&Record) -> String,
}

/// All export formats that the command offers; each one listed here becomes an argument of it.
pub const EXPORTERS: [Exporter; 3] = [
    Exporter {
        argument: "--html",
        about: "Write a page with charts to this file: one file that needs no network",
        text: html::page,
    },
    Exporter {
        argument: "--csv",
        about: "Write a line for each row to this file",
        text: csv::text,
    },
    Exporter {
        argument: "--prometheus",
        about: "Write gauges to this file, as the textfile collector of Prometheus' node exporter reads them",
        text: prometheus::text,
    },
];
