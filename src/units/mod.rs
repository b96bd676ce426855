//! Types for quantities with units: energy, power, temperature, clock rates, work per second and
//! per joule, and money.
//!
//! A number that has a unit is passed between modules as one of these types, so that the compiler
//! refuses to mix them up. Constructors name the unit, arithmetic follows physics (joules divided
//! by a duration are watts), and texts have SI prefixes.

mod name;
pub(crate) mod text;
mod work;

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::time::Duration;
use std::{cmp, fmt};

pub use self::money::{Usd, UsdPerHour, UsdPerKwh};
pub use self::name::UnknownNameError;
pub use self::work::{Efficiency, WorkAmount, WorkUnit};

/// Defines a number with one unit, with sums, differences, multiples and ratios.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "score", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        #[cfg_attr(all(test, feature = "score"), derive(schemars::JsonSchema))]
        pub struct $name(f64);

        impl $name {
            /// The quantity zero.
            pub const ZERO: Self = Self(0.0);

            /// Returns the number in the unit that the type is named after.
            #[must_use]
            pub const fn value(self) -> f64 {
                self.0
            }

            /// Returns whether the number is neither infinite nor NaN.
            #[must_use]
            pub const fn is_finite(self) -> bool {
                self.0.is_finite()
            }

            /// Returns the lesser of two quantities; if one is NaN, the other.
            #[must_use]
            pub const fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }

            /// Compares in the total order of [`f64::total_cmp`], in which a positive NaN comes
            /// last.
            #[must_use]
            pub fn total_cmp(&self, other: &Self) -> cmp::Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;

            fn mul(self, times: f64) -> Self {
                Self(self.0 * times)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;

            fn div(self, parts: f64) -> Self {
                Self(self.0 / parts)
            }
        }

        /// Returns the ratio of two quantities, a number without unit.
        impl Div for $name {
            type Output = f64;

            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }

        impl<'a> Sum<&'a Self> for $name {
            fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
                all.copied().sum()
            }
        }

    };
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        quantity! { $(#[$doc])* $name }

        /// Writes three significant digits, or as many as the precision says, with an SI prefix and
        /// unit.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text::write(f, self.0, $unit)
            }
        }
    };
}

// Here, because a macro is known only after where it stands.
mod money;

quantity! {
    /// Energy, in joules. A difference of two energies may be negative.
    Joules, "J"
}

quantity! {
    /// Power, in watts: joules per second.
    Watts, "W"
}

quantity! {
    /// Clock frequency, in hertz.
    Hertz, "Hz"
}

impl Joules {
    /// Makes an energy from a number of joules.
    #[must_use]
    pub const fn new(joules: f64) -> Self {
        Self(joules)
    }

    /// Makes an energy from millijoules, the unit of the counters of NVIDIA's driver.
    #[must_use]
    pub const fn from_millijoules(millijoules: u64) -> Self {
        Self(millijoules as f64 / 1e3)
    }

    /// Makes an energy from microjoules, the unit of the counters of Linux.
    #[must_use]
    pub const fn from_microjoules(microjoules: u64) -> Self {
        Self(microjoules as f64 / 1e6)
    }
}

impl Watts {
    /// Makes a power from a number of watts.
    #[must_use]
    pub const fn new(watts: f64) -> Self {
        Self(watts)
    }

    /// Returns whether it is within a limit; what is a rounding of floating-point numbers over the limit
    /// is within it.
    #[cfg(feature = "decision")]
    pub(crate) fn fits(self, limit: Self) -> bool {
        self * (1.0 - 1e-9) <= limit
    }

    /// Makes a power from milliwatts, the unit in which NVIDIA's driver reports it.
    #[must_use]
    pub const fn from_milliwatts(milliwatts: u64) -> Self {
        Self(milliwatts as f64 / 1e3)
    }

    /// Makes a power from microwatts, the unit in which Linux reports it.
    #[must_use]
    pub const fn from_microwatts(microwatts: u64) -> Self {
        Self(microwatts as f64 / 1e6)
    }
}

impl Hertz {
    /// Makes a frequency from megahertz, millions per second.
    #[must_use]
    pub const fn from_megahertz(megahertz: u32) -> Self {
        Self(megahertz as f64 * 1e6)
    }
}

/// Returns the mean power over a duration; over no time it is infinite, or NaN if the energy is
/// zero.
impl Div<Duration> for Joules {
    type Output = Watts;

    fn div(self, took: Duration) -> Watts {
        Watts(self.0 / took.as_secs_f64())
    }
}

impl Mul<Duration> for Watts {
    type Output = Joules;

    fn mul(self, took: Duration) -> Joules {
        Joules(self.0 * took.as_secs_f64())
    }
}

impl Mul<Watts> for Duration {
    type Output = Joules;

    fn mul(self, power: Watts) -> Joules {
        power * self
    }
}

/// A temperature in whole degrees Celsius, as sensors report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "score", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(all(test, feature = "score"), derive(schemars::JsonSchema))]
pub struct Celsius(i32);

impl Celsius {
    /// Makes a temperature from whole degrees Celsius.
    #[must_use]
    pub const fn new(degrees: i32) -> Self {
        Self(degrees)
    }

    /// Returns the number of degrees Celsius.
    #[must_use]
    pub const fn value(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Celsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} °C", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructors_name_what_they_count() {
        assert_eq!(Joules::from_microjoules(2_500_000), Joules::new(2.5));
        assert_eq!(Joules::from_millijoules(2_500), Joules::new(2.5));
        assert_eq!(Watts::from_microwatts(2_500_000), Watts::new(2.5));
        assert_eq!(Watts::from_milliwatts(2_500), Watts::new(2.5));
        assert_eq!(Hertz::from_megahertz(1_980).to_string(), "1.98 GHz");
        assert_eq!(Celsius::new(-3).to_string(), "-3 °C");
    }

    #[test]
    fn energy_is_power_by_time() {
        let took = Duration::from_millis(2_500);
        assert_eq!(Joules::new(10.0) / took, Watts::new(4.0));
        assert_eq!(Watts::new(4.0) * took, Joules::new(10.0));
        assert_eq!(took * Watts::new(4.0), Joules::new(10.0));
        assert!(!(Joules::new(1.0) / Duration::ZERO).is_finite());
        assert!(!(Joules::ZERO / Duration::ZERO).is_finite());
    }

    #[test]
    fn quantities_add_up() {
        let [one, two, four] = [1.0, 2.0, 4.0].map(Joules::new);
        assert_eq!(one + two - four, Joules::new(-1.0));
        assert_eq!([one, two, four].iter().sum::<Joules>(), Joules::new(7.0));
        assert_eq!([one, two].into_iter().sum::<Joules>(), two * 1.5);
        assert_eq!(four / 2.0, two);
        assert!((four / two - 2.0).abs() < f64::EPSILON);
        let mut sum = one;
        sum += four;
        sum -= two;
        assert_eq!(sum.value().to_bits(), 3.0_f64.to_bits());
        assert!(Watts::new(1.0) < Watts::new(2.0));
        assert_eq!(Watts::new(f64::NAN).total_cmp(&Watts::new(1e300)), cmp::Ordering::Greater);
    }

    #[cfg(feature = "score")]
    #[test]
    fn in_json_they_are_numbers() {
        let text = serde_json::to_string(&(Joules::new(1.5), Celsius::new(40))).expect("numbers");
        assert_eq!(text, "[1.5,40]");
        let back: (Joules, Celsius) = serde_json::from_str(&text).expect("what was written");
        assert_eq!(back, (Joules::new(1.5), Celsius::new(40)));
    }
}
