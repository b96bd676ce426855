//! How numbers, sizes and kinds of work are written, alike in every text that people read.

use super::{Energy, Row, Size, is_odd};
use crate::score::MOST_OF_ROOF;
use crate::units::Joules;

/// Miners that people know, and the joules that each needs for a terahash by its data sheet.
pub(crate) const MINERS: [(&str, f64); 4] =
    [("S9", 84.0), ("S19", 29.5), ("S21", 17.5), ("S21 XP", 13.5)];

/// Three significant digits, an SI prefix and any unit: `12.3 MH/s`.
pub(crate) fn si(value: f64, unit: &str) -> String {
    // The digits and prefixes are those of a quantity, of which the unit is the last letter.
    let mut text = Joules::new(value).to_string();
    text.pop();
    text + unit
}

/// Work by time: `12.3 MH/s`; of a latency the time that one takes: `4.50 µs`.
pub(crate) fn rate(workload: &str, unit: &str, per_second: f64) -> String {
    if workload == "latency" {
        si(1.0 / per_second, "s")
    } else {
        si(per_second, &format!("{}/s", clean(unit)))
    }
}

/// Work by energy: `12.3 MH/J`.
pub(crate) fn per_joule(unit: &str, per_joule: f64) -> String {
    si(per_joule, &format!("{}/J", clean(unit)))
}

/// Three significant digits without prefix: `13.5`, `60,200`.
pub(crate) fn plain(value: f64) -> String {
    digits(value, 3)
}

/// Two different numbers in as many digits as it takes to tell them apart, three at the least.
pub(crate) fn apart(a: f64, b: f64) -> (String, String) {
    const MOST: i32 = 12;
    let texts = (3..=MOST).map(|count| (digits(a, count), digits(b, count)));
    let mut texts = texts.skip_while(|(of_a, of_b)| of_a == of_b && a.total_cmp(&b).is_ne());
    texts.next().unwrap_or_else(|| (a.to_string(), b.to_string()))
}

/// How many there are: all digits of a whole number, `4,096`; three of what is parted, `0.250`.
pub(crate) fn count(value: f64) -> String {
    const WHOLE: f64 = 1e-6;
    let whole = value.round();
    let is_whole = (value - whole).abs() <= WHOLE * whole.abs().max(1.0) || value.abs() >= 100.0;
    if is_whole && whole.abs() < 1e15 { grouped(whole) } else { plain(value) }
}

/// So many significant digits without prefix.
fn digits(value: f64, count: i32) -> String {
    if !value.is_finite() || value.abs() >= 1e12 || (value != 0.0 && value.abs() < 1e-3) {
        return format!("{value:.*e}", (count - 1) as usize);
    }
    let whole_digits = if value == 0.0 { 1 } else { value.abs().log10().floor() as i32 + 1 };
    if whole_digits <= count {
        return format!("{value:.*}", (count - whole_digits) as usize);
    }
    let step = 10.0_f64.powi(whole_digits - count);
    grouped((value / step).round() * step)
}

/// A whole number with commas between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage, with so many decimals: `84 %`.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// One standard deviation as a share: `±1.2 %`.
pub(crate) fn deviation(share: f64) -> String {
    format!("±{}", percent(share, 1))
}

/// What stands for a number that there is none of, with a note beside it.
pub(crate) const NONE: &str = "-";

/// What stands for the share of a roof that is none.
pub(crate) const DISTURBED: &str = "disturbed";

/// The spread of slices; [`NONE`] of a single one.
pub(crate) fn spread(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| percent(share, 0))
}

/// The deviation of energy; [`NONE`] of a single window.
pub(crate) fn uncertainty(energy: &Energy) -> String {
    energy.uncertainty.map_or_else(|| NONE.to_owned(), deviation)
}

/// The share of a row's roof, if it has one.
pub(crate) fn of_roof(row: &Row) -> String {
    match (&row.roof, row.of_roof) {
        (_, Some(share)) => percent(share, 0),
        (Some(roof), None) if roof.disturbed => DISTURBED.to_owned(),
        _ => String::new(),
    }
}

/// What of the rows is not as usual, a sentence for each: how they were measured, and why some of
/// their numbers are not there.
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

/// Threads and size, as far as there are any: `64 threads, 8 versions`.
pub(crate) fn conditions(threads: Option<usize>, size: &Size) -> String {
    let threads = threads.map(|count| match count {
        1 => "1 thread".to_owned(),
        _ => format!("{count} threads"),
    });
    let size = match size {
        Size::Versions(1) => Some("1 version".to_owned()),
        Size::Versions(count) => Some(format!("{count} versions")),
        Size::Registers => None,
        _ => Some(self::size(size)),
    };
    threads.into_iter().chain(size).collect::<Vec<_>>().join(", ")
}

/// The size alone: `8`, `n = 4096`, `64x4096x1024`, `512 MiB`; nothing for registers.
pub(crate) fn size(size: &Size) -> String {
    match *size {
        Size::Registers => String::new(),
        Size::Versions(versions) => versions.to_string(),
        Size::Bytes(count) => bytes(count),
        Size::Matrices { m, n, k } if m == n && n == k => format!("n = {n}"),
        Size::Matrices { m, n, k } => format!("{m}x{n}x{k}"),
    }
}

/// `512 MiB`, `1.5 GiB`
pub(crate) fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    match bytes {
        ..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{:.0} KiB", bytes as f64 / KIB as f64),
        MIB..GIB => format!("{:.0} MiB", bytes as f64 / MIB as f64),
        GIB.. => format!("{:.1} GiB", bytes as f64 / GIB as f64),
    }
}

/// A text from outside, with a mark in place of each character that is not what a reader sees.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, expected) in [
            (13.5, "13.5"),
            (0.0, "0.00"),
            (84.0, "84.0"),
            (100_000.0, "100,000"),
            (60_241.0, "60,200"),
            (999.6, "1000"),
            (-1_234_567.0, "-1,230,000"),
            (0.012_34, "0.0123"),
            (1e-9, "1.00e-9"),
            (4e15, "4.00e15"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(plain(value), expected, "{value}");
        }
        assert_eq!(si(16.6e6, "H/J"), "16.6 MH/J");
        assert_eq!(si(0.0, "B/s"), "0 B/s");
        assert_eq!((percent(0.256, 0), deviation(0.012)), ("26 %".into(), "±1.2 %".into()));
    }

    #[test]
    fn whole_counts_have_all_their_digits() {
        for (value, expected) in [
            (4_096.0, "4,096"),
            (1.0, "1"),
            (0.0, "0"),
            (4_999.999_999_9, "5,000"),
            (0.25, "0.250"),
            (12_345_678.0, "12,345,678"),
            (1_234.5, "1,235"),
            (1e20, "1.00e20"),
        ] {
            assert_eq!(count(value), expected, "{value}");
        }
    }

    #[test]
    fn different_numbers_are_written_apart() {
        let (a, b) = apart(7.999, 8.0);
        assert_eq!((&*a, &*b), ("7.999", "8.000"));
        assert_eq!(apart(80.0, 8.0), ("80.0".to_owned(), "8.00".to_owned()));
        assert_eq!(apart(8.0, 8.0).0, "8.00");
        let (a, b) = apart(8.0, 8.0_f64.next_up());
        assert_ne!(a, b);
    }

    #[test]
    fn sizes_have_binary_units() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (512 << 20, "512 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
        assert_eq!(size(&Size::Matrices { m: 4096, n: 4096, k: 4096 }), "n = 4096");
        assert_eq!(size(&Size::Matrices { m: 64, n: 4096, k: 1024 }), "64x4096x1024");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\x1b[31m\nb\u{202e}c"), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
        assert_eq!(clean("x\u{200b}y\u{2028}z\u{feff}"), "x\u{fffd}y\u{fffd}z\u{fffd}");
        assert_eq!(clean("Grafikkarte µ 图"), "Grafikkarte µ 图");
    }
}
