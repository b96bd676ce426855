//! Numbers as people write them: some significant digits, an SI prefix and a unit.

use std::fmt;

/// The prefix of 10^(3 i) is the one at `i` + 5.
const PREFIXES: [&str; 12] = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];

/// Where the prefix of 1 is.
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
