//! Lines, paragraphs and tables of 80 columns.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::report::lines::{WIDTH, columns, cut, wrapped};

/// Text that is written line by line.
#[derive(Default)]
pub(super) struct Page(pub(super) String);

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    /// Writes words after a label, in as many lines as it takes, indented like the first word.
    pub(super) fn paragraph(&mut self, label: &str, words: &str) {
        let indent = columns(label);
        for (at, line) in wrapped(words, WIDTH - indent).into_iter().enumerate() {
            let before = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{before}{line}"));
        }
    }

    pub(super) fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if !header.is_empty() {
            table.set_header(header.iter().copied());
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| cut(cell, 26)));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            if at > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.trim_fmt().lines() {
            self.line(&format!(" {}", cut(line.trim_end(), WIDTH - 1)));
        }
    }
}
