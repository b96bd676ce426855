//! The tables of a score: one for each kind of work on each device.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::report::{GpuReport, MissingReport, Report, RowReport, SizeReport};

/// The report as people read it.
pub(super) fn text(report: &Report) -> String {
    let cpu = report.cpu.as_deref().unwrap_or("unknown processor");
    let mut text = format!(
        "perjoule {}, {cpu}, {} usable cores; all results were checked; {:.1} s\n",
        report.perjoule, report.usable_cores, report.seconds,
    );
    if report.interrupted {
        text += "interrupted: fewer slices than asked for\n";
    }
    text.extend(report.gpus.iter().map(gpu));

    let mut rest = &report.rows[..];
    while let Some(first) = rest.first() {
        let title = title(first);
        let end = rest.iter().position(|row| self::title(row) != title).unwrap_or(rest.len());
        let (rows, others) = rest.split_at(end);
        let table = if first.unit == "H" { hashes(rows) } else { others_of(rows) };
        // Writing to a string does not fail.
        let _ = write!(text, "\n{title}\n{}\n", table.trim_fmt());
        rest = others;
    }
    if !report.warnings.is_empty() {
        let _ = write!(text, "\nwarnings\n {}\n", report.warnings.join("\n "));
    }
    if !report.missing.is_empty() {
        text += "\nnot measured\n";
        for MissingReport { device, what, why } in &report.missing {
            let _ = writeln!(text, " {device}: {what}: {why}");
        }
    }
    text
}

fn gpu(gpu: &GpuReport) -> String {
    let GpuReport { device, name, software, tuned, largest_buffer_bytes } = gpu;
    let label = if *software { " (computed by the processor: not a GPU's score)" } else { "" };
    let buffer = largest_buffer_bytes.map_or_else(String::new, |largest| {
        format!("       the largest buffer it gave has {}\n", bytes(largest))
    });
    format!("{device}: {name}{label}\n       {tuned}\n{buffer}")
}

/// What a table is of.
fn title(row: &RowReport) -> String {
    let work = match &*row.workload {
        "sha256d" => "SHA-256d",
        "bandwidth" | "latency" => "memory and launches",
        _ => "arithmetic",
    };
    format!("{work} on {}", row.device)
}

fn new_table<const N: usize>(header: [&str; N], left: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn hashes(rows: &[RowReport]) -> Table {
    let header = [
        "engine",
        "threads",
        "versions",
        "best MH/s",
        "median",
        "spread",
        "x sha2",
        "of roof",
        "busy",
    ];
    let mut table = new_table(header, 1);
    for row in rows {
        let versions = match row.size {
            SizeReport::Versions(versions) => versions.to_string(),
            _ => String::new(),
        };
        table.add_row([
            row.variant.to_owned(),
            threads(row),
            versions,
            format!("{:.2}", row.per_second.best / 1e6),
            format!("{:.2}", row.per_second.median / 1e6),
            percent(Some(row.per_second.spread), 0),
            row.times_sha2.map_or_else(String::new, |times| format!("{times:.1}")),
            percent(row.of_roof, 0),
            percent(row.busy, 1),
        ]);
    }
    table
}

fn others_of(rows: &[RowReport]) -> Table {
    let header = ["work", "size", "threads", "best", "median", "", "spread", "of roof"];
    let mut table = new_table(header, 2);
    if let Some(unit) = table.column_mut(5) {
        unit.set_cell_alignment(CellAlignment::Left);
    }
    for row in rows {
        let [best, median] = [row.per_second.best, row.per_second.median];
        let ([best, median], unit) = match row.unit {
            "FLOP" => ([best, median].map(|rate| rate / 1e9), "GFLOP/s"),
            "B" => ([best, median].map(|rate| rate / 1e9), "GB/s"),
            _ if row.workload == "latency" => ([best, median].map(|rate| 1e6 / rate), "us"),
            _ => ([best, median].map(|rate| rate / 1e9), "Gop/s"),
        };
        table.add_row([
            format!("{} {}", row.workload, row.variant),
            size(&row.size),
            threads(row),
            format!("{best:.1}"),
            format!("{median:.1}"),
            unit.to_owned(),
            percent(Some(row.per_second.spread), 0),
            percent(row.of_roof, 0),
        ]);
    }
    table
}

fn threads(row: &RowReport) -> String {
    row.threads.map_or_else(String::new, |threads| threads.to_string())
}

fn percent(share: Option<f64>, digits: usize) -> String {
    share.map_or_else(String::new, |share| format!("{:.digits$} %", 100.0 * share))
}

fn size(size: &SizeReport) -> String {
    match *size {
        SizeReport::Registers => String::new(),
        SizeReport::Versions(versions) => versions.to_string(),
        SizeReport::Bytes(size) => bytes(size),
        SizeReport::Matrices { m, n, k } if m == n && n == k => format!("n = {n}"),
        SizeReport::Matrices { m, n, k } => format!("{m}x{n}x{k}"),
    }
}

fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < f64::from(1 << 30) {
        format!("{:.0} MiB", bytes / f64::from(1 << 20))
    } else {
        format!("{:.1} GiB", bytes / f64::from(1 << 30))
    }
}
