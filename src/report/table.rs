//! A record as text for a terminal: tables by device and kind of work, rates first and energy
//! beneath, never wider than 80 columns.
//!
//! Reasons that hold for many rows, such as why there are no joules, are numbered footnotes.

use std::fmt::Write as _;
use std::mem;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::figures::{
    Topic, clean, is_checked, of_roof, per_joule, rate, remarks, size, spread, uncertainty,
    why_no_energy,
};
use super::lines::{WIDTH, columns, cut, wrapped};
use crate::record::DeviceId;
use crate::record::{Energy, MeterStatus, Note, Record, Row, ScoredDevice, WorkSize};
use crate::units::WorkUnit;
use crate::units::text::{bytes, percent, plain, si};

/// Maximum width of a name in a column of a table.
const NAME_WIDTH: usize = 20;

/// Returns the record as text for a terminal of 80 columns, with ANSI colours if `colour` is true.
#[must_use]
pub fn text(record: &Record, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour, reasons: Vec::new() };
    page.head(record);
    let mut rest = &record.rows[..];
    while let Some(first) = rest.first() {
        let title = title(first);
        let end = rest.iter().position(|row| self::title(row) != title).unwrap_or(rest.len());
        let (rows, others) = rest.split_at(end);
        page.section(&title, rows);
        rest = others;
    }
    page.notes_on_rows(record);
    page.meters(&record.meters);
    page.list("not measured", Style::Bold, record.missing.iter().map(note));
    page.list("failed", Style::Alarm, record.faults.iter().map(note));
    page.list("warnings", Style::Alarm, record.warnings.iter().cloned());
    page.text
}

/// Style of a line.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Bold,
    Faint,
    /// Style of lines with assumed watts, which were not measured.
    Assumed,
    Alarm,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Faint => "2",
            Self::Assumed => "33",
            Self::Alarm => "1;31",
        }
    }
}

struct Page {
    text: String,
    colour: bool,
    /// Reasons why rows have no energy; the number of a footnote is the index here, counted from 1.
    reasons: Vec<String>,
}

impl Page {
    fn line(&mut self, style: Style, line: &str) {
        let code = if self.colour { style.code() } else { "" };
        // Writing to a string does not fail.
        let _ = match code {
            "" => writeln!(self.text, "{line}"),
            _ => writeln!(self.text, "\x1b[{code}m{line}\x1b[0m"),
        };
    }

    /// Writes words after a label, in as many lines as it takes, indented like the first word.
    fn paragraph(&mut self, style: Style, label: &str, words: &str) {
        let indent = columns(label);
        for (at, line) in wrapped(words, WIDTH - indent).into_iter().enumerate() {
            let before = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(style, &format!("{before}{line}"));
        }
    }

    fn list(&mut self, title: &str, style: Style, items: impl Iterator<Item = String>) {
        for (at, item) in items.enumerate() {
            if at == 0 {
                self.text.push('\n');
                self.line(style, title);
            }
            self.paragraph(Style::Plain, " ", &item);
        }
    }

    fn head(&mut self, record: &Record) {
        let machine = &record.machine;
        let cpu = machine.cpu.as_deref().unwrap_or("unknown processor");
        let memory =
            machine.memory_bytes.map_or_else(String::new, |memory| format!(", {}", bytes(memory)));
        let checked = if is_checked(record) { "; all results were checked" } else { "" };
        let title = format!(
            "perjoule {}, {}, {:.1} s{checked}",
            record.perjoule, record.started, record.seconds
        );
        self.paragraph(Style::Bold, "", &title);
        let cores = machine.usable_cores;
        let cores =
            if cores == 1 { "1 usable core".to_owned() } else { format!("{cores} usable cores") };
        let machine = format!("{cpu}, {cores}{memory}, {}", machine.system);
        self.paragraph(Style::Plain, "", &machine);
        if !record.complete {
            self.paragraph(Style::Alarm, "", "interrupted: not everything was measured");
        }
        for device in record.devices.iter().filter(|device| device.id != DeviceId::Cpu) {
            self.device(device);
        }
    }

    fn device(&mut self, device: &ScoredDevice) {
        let label = format!("{:6} ", cut(&format!("{}:", device.id), NAME_WIDTH));
        let indent = " ".repeat(columns(&label));
        let software =
            if device.software { " (computed by the processor: not a GPU's score)" } else { "" };
        self.paragraph(Style::Plain, &label, &format!("{}{software}", device.name));
        if let Some(tuned) = &device.tuned {
            self.paragraph(Style::Faint, &indent, tuned);
        }
        if let Some(largest) = device.largest_buffer_bytes {
            let largest = format!("the largest buffer it gave has {}", bytes(largest));
            self.paragraph(Style::Faint, &indent, &largest);
        }
    }

    fn section(&mut self, title: &str, rows: &[Row]) {
        self.text.push('\n');
        self.line(Style::Bold, &cut(title, WIDTH));
        let hashes = rows.iter().all(|row| row.unit == WorkUnit::Hash);
        self.table(&if hashes { hash_rates(rows) } else { other_rates(rows) });
        let metered: Vec<&Row> = rows.iter().filter(|row| row.energy.is_some()).collect();
        let mut marks: Vec<String> = Vec::new();
        for row in rows.iter().filter(|row| row.energy.is_none()) {
            let mark = self.mark(row);
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        let others = if metered.is_empty() { "no joules" } else { "no joules of others" };
        if !metered.is_empty() {
            self.table(&energy(&metered));
        }
        if !marks.is_empty() {
            self.line(Style::Faint, &cut(&format!(" {others} {}", marks.join(" ")), WIDTH));
        }
    }

    fn table(&mut self, table: &Table) {
        for (at, line) in table.trim_fmt().lines().enumerate() {
            let style = match at {
                0 => Style::Faint,
                _ if line.starts_with(" ~") => Style::Assumed,
                _ => Style::Plain,
            };
            self.line(style, line);
        }
    }

    /// Returns the mark of the footnote that says why a row has no energy: `[1]`.
    fn mark(&mut self, row: &Row) -> String {
        let why = why_no_energy(row);
        let known = self.reasons.iter().position(|known| *known == why);
        let number = known.unwrap_or_else(|| {
            self.reasons.push(why);
            self.reasons.len() - 1
        });
        format!("[{}]", number + 1)
    }

    fn notes_on_rows(&mut self, record: &Record) {
        let energies = || record.rows.iter().filter_map(|row| row.energy.as_ref());
        let assumed = energies().any(|energy| energy.assumed);
        if assumed || !self.reasons.is_empty() {
            self.text.push('\n');
        }
        if assumed {
            let why = "the watts were given by the user, not measured; such rows do not rank with \
                       measured ones";
            self.paragraph(Style::Assumed, " ~   ", why);
        }
        for (at, why) in mem::take(&mut self.reasons).iter().enumerate() {
            self.paragraph(Style::Plain, &format!(" {:4}", format!("[{}] ", at + 1)), why);
        }
        let mut doubts = remarks(&record.rows);
        for doubt in energies().flat_map(|energy| &energy.warnings) {
            if !doubts.contains(doubt) {
                doubts.push(doubt.clone());
            }
        }
        self.list("doubtful", Style::Alarm, doubts.into_iter());
    }

    /// Writes one line for each meter; why others are unavailable only if no meter was read.
    fn meters(&mut self, meters: &[MeterStatus]) {
        let is_there = |meter: &&MeterStatus| meter.unavailable.is_none();
        let found = meters.iter().filter(is_there).map(|meter| {
            let step =
                meter.resolution.map_or_else(String::new, |step| format!(", in steps of {step}"));
            format!("{}: {}{step}", meter.domain, meter.source)
        });
        self.list("meters", Style::Bold, found);
        if !meters.iter().any(|meter| is_there(&meter)) {
            let lacking = meters.iter().filter_map(|meter| {
                let why = meter.unavailable.as_ref()?;
                Some(format!("{}: {}: {why}", meter.domain, meter.source))
            });
            self.list("no meter", Style::Alarm, lacking);
        }
    }
}

fn note(note: &Note) -> String {
    format!("{}: {}: {}", note.device, note.what, note.why)
}

/// Returns the title of the section that a row belongs to.
fn title(row: &Row) -> String {
    let work = match Topic::of(row) {
        Topic::Hashes => "SHA-256d",
        Topic::Arithmetic => "arithmetic",
        Topic::Memory => "memory and launches",
    };
    format!("{work} on {}", clean(&row.device.to_string()))
}

/// Makes a table of rows whose first `left` columns are texts; a column that is empty in all rows
/// is left out.
fn table<const N: usize>(left: usize, header: [&str; N], rows: &[[String; N]]) -> Table {
    let kept: Vec<usize> =
        (0..N).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.set_header(kept.iter().map(|&column| header[column]));
    for row in rows {
        table.add_row(kept.iter().map(|&column| &row[column]));
    }
    for (&column, shown) in kept.iter().zip(table.column_iter_mut()) {
        if column >= left {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn hash_rates(rows: &[Row]) -> Table {
    // One prefix for all, so that the numbers compare, and such that the slowest has digits.
    let slowest = rows.iter().map(|row| row.per_second.median).fold(f64::INFINITY, f64::min);
    let (scale, best) = match slowest {
        ..1e6 => (1e3, "best kH/s"),
        1e6..1e9 => (1e6, "best MH/s"),
        _ => (1e9, "best GH/s"),
    };
    let header = [
        "engine", "threads", "versions", best, "median", "spread", "x sha2", "of roof", "busy",
        "host",
    ];
    let rows = rows.iter().map(|row| {
        [
            cut(&row.variant.to_string(), NAME_WIDTH),
            threads(row),
            size(&row.size),
            format!("{:.2}", row.per_second.best / scale),
            format!("{:.2}", row.per_second.median / scale),
            spread(row.per_second.spread),
            row.times_sha2.map_or_else(String::new, |times| format!("{times:.1}")),
            of_roof(row),
            row.busy.map_or_else(String::new, |share| percent(share, 1)),
            row.host_share.map_or_else(String::new, |cores| format!("{cores:.2}")),
        ]
    });
    table(1, header, &rows.collect::<Vec<_>>())
}

fn other_rates(rows: &[Row]) -> Table {
    let header = ["work", "size", "threads", "best", "median", "spread", "of roof"];
    let rows = rows.iter().map(|row| {
        let rate = |per_second| rate(&row.workload, &row.unit, per_second);
        [
            cut(&format!("{} {}", row.workload, row.variant), NAME_WIDTH),
            size(&row.size),
            threads(row),
            rate(row.per_second.best),
            rate(row.per_second.median),
            spread(row.per_second.spread),
            of_roof(row),
        ]
    });
    table(2, header, &rows.collect::<Vec<_>>())
}

fn energy(rows: &[&Row]) -> Table {
    let hashes = rows.iter().all(|row| row.unit == WorkUnit::Hash);
    let header = if hashes { "engine" } else { "work" };
    let header = [header, "", "watts", "idle", "per joule", "", "J/TH", "meter"];
    let rows = rows.iter().map(|row| {
        let what = if hashes {
            row.variant.to_string()
        } else {
            format!("{} {}", row.workload, row.variant)
        };
        let [watts, idle, efficiency, uncertainty, source] = energy_cells(row);
        let each = row.energy.as_ref().and_then(|energy| energy.joules_per_terahash);
        [
            name(&what, row.energy.as_ref()),
            conditions_in_short(row),
            watts,
            idle,
            efficiency,
            uncertainty,
            each.map_or_else(String::new, plain),
            source,
        ]
    });
    table(2, header, &rows.collect::<Vec<_>>())
}

/// Returns the cells of a row's energy: watts, idle watts, work per joule, its uncertainty, and the
/// meter.
fn energy_cells(row: &Row) -> [String; 5] {
    let Some(energy) = &row.energy else { return Default::default() };
    [
        si(energy.gross.value(), "W"),
        energy.idle.map_or_else(String::new, |idle| si(idle.value(), "W")),
        per_joule(&row.unit, energy.per_joule),
        // The uncertainty of a stated power is not known.
        if energy.assumed { String::new() } else { uncertainty(energy) },
        cut(&energy.source.to_string(), 8),
    ]
}

/// Formats threads and size in short, which distinguish rows of one variant: `64t 8v`.
fn conditions_in_short(row: &Row) -> String {
    let threads = row.threads.map(|threads| format!("{threads}t"));
    let size = match row.size {
        WorkSize::Versions(versions) => format!("{versions}v"),
        _ => size(&row.size),
    };
    threads.into_iter().chain([size]).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// Formats a name, marked by `~` if the watts are assumed.
fn name(name: &str, energy: Option<&Energy>) -> String {
    let assumed = energy.is_some_and(|energy| energy.assumed);
    cut(&format!("{}{name}", if assumed { "~" } else { "" }), NAME_WIDTH)
}

fn threads(row: &Row) -> String {
    row.threads.map_or_else(String::new, |threads| threads.to_string())
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::record::{example, expected};

    #[test]
    fn the_text_is_as_it_was() {
        expected::is("full.txt", &text(&example::full(), false));
        expected::is("unmetered.txt", &text(&example::unmetered(), false));
        expected::is("empty.txt", &text(&example::empty(), false));
        expected::is("rough.txt", &text(&example::rough(), false));
    }

    #[test]
    fn no_number_is_shown_that_cannot_be_or_that_one_value_does_not_show() {
        let text = text(&example::rough(), false);
        assert!(!text.contains("453 %") && text.contains("disturbed: faster than 105 %"), "{text}");
        assert!(!text.contains("±0.0 %") && !text.contains(" 0 %"), "{text}");
        assert!(text.contains("rough, measured in short by --quick: everything"), "{text}");
        assert!(text.contains("- stands where a single slice or window shows no spread"), "{text}");
    }

    #[test]
    fn known_joules_give_known_numbers() {
        let text = text(&example::full(), false);
        let line = |start: &str| {
            let mut lines = text.lines().filter(|line| line.trim_start().starts_with(start));
            lines.next_back().expect(start).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("avx512x3"), "avx512x3 64t 8v 300 W 105 W 10.0 MH/J ±1.2 % 100,000 rapl");
        assert_eq!(line("matmul f16"), "matmul f16 n = 8192 700 W 78.0 W 500 GFLOP/J ±1.2 % nvml");
        assert_eq!(
            line("bandwidth copy"),
            "bandwidth copy 8.0 GiB 525 W 78.0 W 8.00 GB/J ±1.2 % nvml"
        );
        assert_eq!(line("~gpu"), "~gpu 8v 250 W 10.0 MH/J 100,000 assumed");
    }

    #[test]
    fn it_fits_into_80_columns() {
        for report in [example::full(), example::empty(), example::rough(), example::hostile()] {
            for line in text(&report, false).lines() {
                assert!(line.width() <= WIDTH, "{}: {line}", line.width());
            }
        }
    }

    #[test]
    fn numbers_of_any_size_fit() {
        let mut report = example::full();
        for row in &mut report.rows {
            row.per_second.best = f64::MAX;
            row.per_second.spread = Some(1e30);
            row.times_sha2 = Some(f64::INFINITY);
            row.of_roof = Some(-1e30);
            row.host_share = Some(f64::MAX);
            row.threads = Some(usize::MAX);
            row.size = WorkSize::Matrices { m: usize::MAX, n: 1, k: usize::MAX };
            if let Some(energy) = &mut row.energy {
                energy.per_joule = f64::NAN;
                energy.uncertainty = Some(f64::INFINITY);
                energy.joules_per_terahash = Some(f64::MAX);
            }
        }
        for line in text(&report, false).lines() {
            assert!(line.width() <= WIDTH, "{}: {line}", line.width());
        }
    }

    #[test]
    fn colours_are_where_they_are_asked_for_only() {
        assert!(!text(&example::hostile(), false).contains('\x1b'));
        let coloured = text(&example::full(), true);
        assert!(coloured.contains("\x1b[1mSHA-256d on cpu\x1b[0m\n"), "{coloured}");
        assert!(coloured.contains("\x1b[33m ~gpu"), "{coloured}");
        let mut plain = String::new();
        for (at, part) in coloured.split("\x1b[").enumerate() {
            plain += if at == 0 { part } else { part.split_once('m').expect("a code").1 };
        }
        assert_eq!(plain, text(&example::full(), false));
    }

    #[test]
    fn a_reason_is_said_once() {
        let text = text(&example::unmetered(), false).replace("\n     ", " ");
        let why = "/sys/class/powercap/intel-rapl:0/energy_uj: permission denied; run as root";
        assert_eq!(text.matches(&format!("[1] {why}")).count(), 1, "{text}");
        assert!(text.contains(" no joules [1]\n"), "{text}");
        assert!(!text.contains("[2]"), "{text}");
    }
}
