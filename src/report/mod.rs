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
