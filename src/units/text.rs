//! Numbers as people read them: some significant digits, with an SI prefix and a unit, or without.

use std::fmt;

/// The prefix of 10^(3 i) is the one at `i` + 5.
const PREFIXES: [&str; 12] = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];

/// Index in [`PREFIXES`] of the empty prefix, that of 10^0.
const ONE: i32 = 5;

/// Writes `12.3 mJ`; the precision of `f` counts significant digits, three if it says nothing, and
/// its width is filled on the left.
///
/// What no prefix reaches is written with an exponent.
pub(super) fn write(f: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    let text = text(value, unit, f.precision().unwrap_or(3));
    match f.width() {
        Some(width) => write!(f, "{text:>width$}"),
        None => f.write_str(&text),
    }
}

/// Formats a number as [`write()`] does, with `digits` significant digits.
fn text(value: f64, unit: &str, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0} {unit}");
    }
    // Rounding comes first: 999.9 is 1.00 k.
    let rounded = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let place = usize::try_from(exponent.div_euclid(3) + ONE).ok();
    let Some(prefix) = place.and_then(|place| PREFIXES.get(place)) else {
        return format!("{rounded} {unit}");
    };
    let mut number: String = mantissa.chars().filter(|&c| c != '.').collect();
    // The point comes after the first digit, and as many more as the exponent is above the prefix.
    let point = mantissa.find(|c: char| c.is_ascii_digit()).unwrap_or(0)
        + 1
        + exponent.rem_euclid(3) as usize;
    while number.len() < point {
        number.push('0');
    }
    if number.len() > point {
        number.insert(point, '.');
    }
    format!("{number} {prefix}{unit}")
}

/// Three significant digits, an SI prefix and any unit: `12.3 MH/s`.
#[cfg(feature = "decision")]
pub(crate) fn si(value: f64, unit: &str) -> String {
    text(value, unit, 3)
}

/// Three significant digits without prefix: `13.5`, `60,200`.
#[cfg(feature = "decision")]
pub(crate) fn plain(value: f64) -> String {
    digits(value, 3)
}

/// Formats two numbers with as many digits as it takes to distinguish them, at least three.
#[cfg(feature = "decision")]
pub(crate) fn apart(a: f64, b: f64) -> (String, String) {
    const MOST: i32 = 12;
    let texts = (3..=MOST).map(|count| (digits(a, count), digits(b, count)));
    let mut texts = texts.skip_while(|(of_a, of_b)| of_a == of_b && a.total_cmp(&b).is_ne());
    texts.next().unwrap_or_else(|| (a.to_string(), b.to_string()))
}

/// Formats a count: all digits of a whole number, `4,096`; three of a fraction, `0.250`.
#[cfg(feature = "decision")]
pub(crate) fn count(value: f64) -> String {
    const WHOLE: f64 = 1e-6;
    let whole = value.round();
    let is_whole = (value - whole).abs() <= WHOLE * whole.abs().max(1.0) || value.abs() >= 100.0;
    if is_whole && whole.abs() < 1e15 { grouped(whole) } else { plain(value) }
}

/// Formats a number with `count` significant digits, without prefix.
#[cfg(feature = "decision")]
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
#[cfg(feature = "decision")]
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

/// Formats a share as a percentage, with `decimals` decimals: `84 %`.
#[cfg(feature = "decision")]
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// Formats a size in bytes: `512 MiB`, `1.5 GiB`.
#[cfg(feature = "score")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Joules, Watts};

    #[test]
    fn three_digits_and_a_prefix() {
        for (value, expected) in [
            (0.0123, "12.3 mJ"),
            (350.0, "350 J"),
            (1.0, "1.00 J"),
            (-0.5, "-500 mJ"),
            (-1234.0, "-1.23 kJ"),
            (999.4, "999 J"),
            (999.6, "1.00 kJ"),
            (0.000_999_6, "1.00 mJ"),
            (17.5e-12, "17.5 pJ"),
            (1e-15, "1.00 fJ"),
            (9.99e20, "999 EJ"),
            (1e21, "1.00e21 J"),
            (1e-16, "1.00e-16 J"),
            (0.0, "0 J"),
            (f64::INFINITY, "inf J"),
            (f64::NAN, "NaN J"),
        ] {
            assert_eq!(Joules::new(value).to_string(), expected, "{value}");
        }
    }

    #[test]
    fn precision_counts_digits_and_width_pads() {
        assert_eq!(format!("{:.5}", Watts::new(1234.567)), "1.2346 kW");
        assert_eq!(format!("{:.1}", Watts::new(650.0)), "600 W");
        assert_eq!(format!("{:.0}", Watts::new(651.0)), "700 W");
        assert_eq!(format!("[{:9}]", Watts::new(350.0)), "[    350 W]");
    }

    #[cfg(feature = "decision")]
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
        assert_eq!(text(16.6e6, "H/J", 3), "16.6 MH/J");
        assert_eq!(text(0.0, "B/s", 3), "0 B/s");
        assert_eq!(percent(0.256, 0), "26 %");
    }

    #[cfg(feature = "decision")]
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

    #[cfg(feature = "decision")]
    #[test]
    fn different_numbers_are_written_apart() {
        let (a, b) = apart(7.999, 8.0);
        assert_eq!((&*a, &*b), ("7.999", "8.000"));
        assert_eq!(apart(80.0, 8.0), ("80.0".to_owned(), "8.00".to_owned()));
        assert_eq!(apart(8.0, 8.0).0, "8.00");
        let (a, b) = apart(8.0, 8.0_f64.next_up());
        assert_ne!(a, b);
    }

    #[cfg(feature = "decision")]
    #[test]
    fn bytes_have_binary_units() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (512 << 20, "512 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    proptest::proptest! {
        /// The digits and the prefix together are the number, rounded.
        #[test]
        fn a_text_is_the_number(mantissa in 1.0_f64..10.0, exponent in -15..20_i32) {
            let value = mantissa * 10.0_f64.powi(exponent);
            let text = text(value, "", 3);
            let (digits, prefix) = text.split_once(' ').expect("a space");
            let (_, power) = PREFIXES.iter().zip(-ONE..).find(|(known, _)| **known == prefix)
                .expect("a prefix");
            let shown = digits.parse::<f64>().expect("digits") * 10.0_f64.powi(3 * power);
            proptest::prop_assert!((shown / value - 1.0).abs() < 0.005_001, "{value}: {text}");
            proptest::prop_assert!((1.0..1000.0).contains(&digits.parse().expect("digits")));
        }
    }
}
