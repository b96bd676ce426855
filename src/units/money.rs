//! Money in US dollars, and money per hour and per kilowatt-hour. A kilowatt-hour is 3.6 MJ at the
//! meter that is named beside the number.

use std::cmp;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

use super::{Joules, Watts};

quantity! {
    /// An amount of money, in US dollars; money that is spent may be negative.
    Usd
}

quantity! {
    /// Money per time, in US dollars per hour.
    UsdPerHour
}

quantity! {
    /// Price of energy, in US dollars per kilowatt-hour; it may be negative.
    UsdPerKwh
}

/// Watts in a kilowatt.
const KILO: f64 = 1e3;

/// Joules in a kilowatt-hour.
const KWH: f64 = 3.6e6;

impl Usd {
    /// Makes an amount from a number of US dollars.
    #[must_use]
    pub const fn new(dollars: f64) -> Self {
        Self(dollars)
    }
}

impl UsdPerHour {
    /// Makes a rate from a number of US dollars per hour.
    #[must_use]
    pub const fn new(dollars: f64) -> Self {
        Self(dollars)
    }

    /// Returns the amount that this rate comes to in a number of hours.
    #[must_use]
    pub fn over(self, hours: f64) -> Usd {
        Usd(self.0 * hours)
    }

    /// Returns the money per kilowatt-hour at a power; at no power it is infinite, or NaN for no
    /// money.
    #[must_use]
    pub fn at(self, power: Watts) -> UsdPerKwh {
        UsdPerKwh(self.0 / (power.value() / KILO))
    }
}

impl UsdPerKwh {
    /// Makes a price from a number of US dollars per kilowatt-hour.
    #[must_use]
    pub const fn new(dollars: f64) -> Self {
        Self(dollars)
    }
}

/// Returns the price of an amount of energy.
impl Mul<Joules> for UsdPerKwh {
    type Output = Usd;

    fn mul(self, energy: Joules) -> Usd {
        Usd(self.0 * energy.value() / KWH)
    }
}

/// Returns the money that a power costs, or earns, in an hour.
impl Mul<Watts> for UsdPerKwh {
    type Output = UsdPerHour;

    fn mul(self, power: Watts) -> UsdPerHour {
        UsdPerHour(self.0 * power.value() / KILO)
    }
}

/// Writes `$12.50` or `$1,235`; from a million on `$1.23 M`, `$3.50 B` or `$1.00 T`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&dollars(self.0))
    }
}

/// Writes `$2.50/h`.
impl fmt::Display for UsdPerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/h", dollars(self.0)))
    }
}

/// Writes `$0.1665/kWh`: four decimals, or two significant digits of what is below $0.001.
impl fmt::Display for UsdPerKwh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = sign(self.0);
        let decimals = if size > 0.0 && size < 0.001 {
            (1 - size.log10().floor() as i32).clamp(4, 12) as usize
        } else {
            4
        };
        f.pad(&format!("{sign}${size:.decimals$}/kWh"))
    }
}

fn sign(value: f64) -> (&'static str, f64) {
    (if value < 0.0 { "-" } else { "" }, value.abs())
}

fn dollars(value: f64) -> String {
    let (sign, size) = sign(value);
    match size {
        _ if !size.is_finite() => format!("{sign}${size}"),
        999_999.5.. => {
            let (parts, name) = match size {
                999_995_000_000.0.. => (1e12, "T"),
                999_995_000.0.. => (1e9, "B"),
                _ => (1e6, "M"),
            };
            format!("{sign}${:.2} {name}", size / parts)
        }
        999.995.. => {
            let whole = format!("{:.0}", size.round());
            let (thousands, rest) = whole.split_at(whole.len() - 3);
            format!("{sign}${thousands},{rest}")
        }
        SMALLEST.. if size < 0.01 => {
            // Two digits, and no zeros after them.
            let decimals = (1 - size.log10().floor() as i32).max(2) as usize;
            format!("{sign}${}", format!("{size:.decimals$}").trim_end_matches('0'))
        }
        SMALLEST.. => format!("{sign}${size:.2}"),
        _ => "$0.00".to_owned(),
    }
}

/// Smallest amount in dollars that is written; less is written as `$0.00`.
const SMALLEST: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_people_write_it() {
        for (value, expected) in [
            (0.0, "$0.00"),
            (2.5, "$2.50"),
            (-999.99, "-$999.99"),
            (1234.5, "$1,235"),
            (999_999.0, "$999,999"),
            (3.5e9, "$3.50 B"),
            (-1.25e6, "-$1.25 M"),
            (0.000_03, "$0.00003"),
            (-0.0022, "-$0.0022"),
            (0.009_999, "$0.01"),
            (2.5e-9, "$0.0000000025"),
            (-1e-15, "$0.00"),
            (5e13, "$50.00 T"),
        ] {
            assert_eq!(Usd::new(value).to_string(), expected, "{value}");
        }
        assert_eq!(UsdPerKwh::new(0.166_495).to_string(), "$0.1665/kWh");
        assert_eq!(UsdPerKwh::new(-0.02).to_string(), "-$0.0200/kWh");
        assert_eq!(UsdPerKwh::new(0.000_03).to_string(), "$0.000030/kWh");
        assert_eq!(format!("{:>12}", UsdPerHour::new(2.5)), "     $2.50/h");
    }

    #[test]
    fn prices_of_energy_are_money_by_time() {
        let power = Watts::new(2_000.0);
        assert_eq!(UsdPerKwh::new(0.05) * power, UsdPerHour::new(0.1));
        assert_eq!(UsdPerHour::new(0.1).at(power), UsdPerKwh::new(0.05));
        assert_eq!(UsdPerHour::new(0.1).over(24.0), Usd::new(0.1 * 24.0));
        assert!(!UsdPerHour::new(1.0).at(Watts::ZERO).is_finite());
    }
}
