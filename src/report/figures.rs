//! Formats rates, sizes and kinds of work, alike in every report that people read.

use super::is_odd;
use crate::record::{Energy, MOST_OF_ROOF, Named, Record, Row, WorkSize};
use crate::units::WorkUnit;
use crate::units::text::{bytes, percent, si};
use crate::workload::Kind;

/// Formats a rate: `12.3 MH/s`; for a latency the time of one operation: `4.50 µs`.
pub(crate) fn rate(workload: &Named<Kind>, unit: &Named<WorkUnit>, per_second: f64) -> String {
    if *workload == Kind::Latency {
        si(1.0 / per_second, "s")
    } else {
        si(per_second, &format!("{}/s", clean(&unit.to_string())))
    }
}

/// Topic of a row: the chapters of every report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Hashes,
    Arithmetic,
    Memory,
}

impl Topic {
    /// Returns the topic of a row; work that this version does not know is taken for arithmetic.
    pub(crate) fn of(row: &Row) -> Self {
        match row.workload.known() {
            Some(Kind::Sha256d) => Self::Hashes,
            Some(Kind::Matmul | Kind::Peak) | None => Self::Arithmetic,
            Some(Kind::Bandwidth | Kind::Latency) => Self::Memory,
        }
    }
}

/// Whether the results of every row were checked at least once; false without rows.
pub(crate) fn is_checked(record: &Record) -> bool {
    !record.rows.is_empty() && record.rows.iter().all(|row| row.checks > 0)
}

/// Returns the reason why a row has no energy.
pub(crate) fn why_no_energy(row: &Row) -> String {
    row.no_energy.as_ref().map_or_else(|| "not metered".to_owned(), ToString::to_string)
}

/// Joins the texts of a list with `between`.
pub(crate) fn joined(all: &[impl ToString], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// Formats work per joule: `12.3 MH/J`.
pub(crate) fn per_joule(unit: &Named<WorkUnit>, per_joule: f64) -> String {
    si(per_joule, &format!("{}/J", clean(&unit.to_string())))
}

/// Formats one standard deviation, a share: `±1.2 %`.
pub(crate) fn deviation(share: f64) -> String {
    format!("±{}", percent(share, 1))
}

/// Text in place of a number that is not known; a remark explains it.
pub(crate) const NONE: &str = "-";

/// Text in place of the share of a disturbed roof.
pub(crate) const DISTURBED: &str = "disturbed";

/// Formats the spread of slices; [`NONE`] for a single one.
pub(crate) fn spread(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| percent(share, 0))
}

/// Formats the uncertainty of an energy; [`NONE`] for a single window.
pub(crate) fn uncertainty(energy: &Energy) -> String {
    energy.uncertainty.map_or_else(|| NONE.to_owned(), deviation)
}

/// Formats the share of its roof that a row reached; empty if it has no roof.
pub(crate) fn of_roof(row: &Row) -> String {
    match (&row.roof, row.of_roof) {
        (_, Some(share)) => percent(share, 0),
        (Some(roof), None) if roof.disturbed => DISTURBED.to_owned(),
        _ => String::new(),
    }
}

/// Returns remarks on the rows, one sentence each: which are rough, why some numbers are missing,
/// and which roofs were disturbed.
pub(crate) fn remarks(rows: &[Row]) -> Vec<String> {
    let mut remarks = Vec::new();
    let rough: Vec<&Row> = rows.iter().filter(|row| row.rough).collect();
    if !rough.is_empty() {
        let mut which: Vec<String> = Vec::new();
        for row in &rough {
            let what = format!("{} on {}", row.workload, row.device);
            if !which.contains(&what) {
                which.push(what);
            }
        }
        let which =
            if rough.len() == rows.len() { "everything".to_owned() } else { which.join(", ") };
        remarks.push(format!("rough, measured in short by --quick: {which}"));
    }
    let energies = || rows.iter().filter_map(|row| row.energy.as_ref());
    if rows.iter().any(|row| row.per_second.spread.is_none())
        || energies().any(|energy| !energy.assumed && energy.uncertainty.is_none())
    {
        remarks.push(format!(
            "{NONE} stands where a single slice or window shows no spread; a longer score has several"
        ));
    }
    if rows.iter().any(|row| row.roof.as_ref().is_some_and(|roof| roof.disturbed)) {
        remarks.push(format!(
            "{DISTURBED}: faster than {} of the roof, which therefore is none; something held up what \
             was to be the roof, so measure again when nothing else runs",
            percent(MOST_OF_ROOF, 0)
        ));
    }
    remarks
}

/// Formats threads and size, if there are any: `64 threads, 8 versions`.
pub(crate) fn conditions(threads: Option<usize>, size: &WorkSize) -> String {
    let threads = threads.map(|count| match count {
        1 => "1 thread".to_owned(),
        _ => format!("{count} threads"),
    });
    let size = match size {
        WorkSize::Versions(1) => Some("1 version".to_owned()),
        WorkSize::Versions(count) => Some(format!("{count} versions")),
        WorkSize::Registers => None,
        _ => Some(self::size(size)),
    };
    threads.into_iter().chain(size).collect::<Vec<_>>().join(", ")
}

/// Formats a size: `8`, `n = 4096`, `64x4096x1024`, `512 MiB`; empty for registers.
pub(crate) fn size(size: &WorkSize) -> String {
    match *size {
        WorkSize::Registers => String::new(),
        WorkSize::Versions(versions) => versions.to_string(),
        WorkSize::Bytes(count) => bytes(count),
        WorkSize::Matrices { m, n, k } if m == n && n == k => format!("n = {n}"),
        WorkSize::Matrices { m, n, k } => format!("{m}x{n}x{k}"),
    }
}

/// Replaces each odd character (see [`is_odd`]) of a text from outside by U+FFFD.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(&WorkSize::Matrices { m: 4096, n: 4096, k: 4096 }), "n = 4096");
        assert_eq!(size(&WorkSize::Matrices { m: 64, n: 4096, k: 1024 }), "64x4096x1024");
        assert_eq!(deviation(0.012), "±1.2 %");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\x1b[31m\nb\u{202e}c"), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
        assert_eq!(clean("x\u{200b}y\u{2028}z\u{feff}"), "x\u{fffd}y\u{fffd}z\u{fffd}");
        assert_eq!(clean("Grafikkarte µ 图"), "Grafikkarte µ 图");
    }
}
