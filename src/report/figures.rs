//! How numbers, sizes and kinds of work are written, alike in every text that people read.

use super::Size;
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
    if !value.is_finite() || value.abs() >= 1e12 || (value != 0.0 && value.abs() < 1e-3) {
        return format!("{value:.2e}");
    }
    let whole_digits = if value == 0.0 { 1 } else { value.abs().log10().floor() as i32 + 1 };
    if whole_digits <= 3 {
        return format!("{value:.*}", (3 - whole_digits) as usize);
    }
    let step = 10.0_f64.powi(whole_digits - 3);
    let digits = format!("{:.0}", (value.abs() / step).round() * step);
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

/// A text from outside without what would steer a terminal or turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
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
        assert_eq!(clean("Grafikkarte µ 图"), "Grafikkarte µ 图");
    }
}
