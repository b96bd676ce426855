//! Amounts of work, and work per joule. Each knows its unit of work, and only values of the same
//! unit are compared.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::name::UnknownNameError;
use super::{Joules, text};

/// Unit that work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "score", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum WorkUnit {
    /// One double SHA-256 of a block header, written `H`.
    #[cfg_attr(feature = "score", serde(rename = "H"))]
    Hash,
    /// One floating-point operation, written `FLOP`; a fused multiply-add is two.
    #[cfg_attr(feature = "score", serde(rename = "FLOP"))]
    Flop,
    /// One byte read or written, written `B`.
    #[cfg_attr(feature = "score", serde(rename = "B"))]
    Byte,
    /// One other operation, such as one on integers, written `op`.
    #[cfg_attr(feature = "score", serde(rename = "op"))]
    Operation,
}

impl WorkUnit {
    /// Returns the symbol of the unit: `H`, `FLOP`, `B` or `op`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Hash => "H",
            Self::Flop => "FLOP",
            Self::Byte => "B",
            Self::Operation => "op",
        }
    }
}

impl FromStr for WorkUnit {
    type Err = UnknownNameError;

    fn from_str(symbol: &str) -> Result<Self, UnknownNameError> {
        let all = [Self::Hash, Self::Flop, Self::Byte, Self::Operation];
        let known = all.into_iter().find(|unit| unit.symbol() == symbol);
        known.ok_or_else(|| UnknownNameError::new("unit of work", symbol, "H, FLOP, B or op"))
    }
}

impl fmt::Display for WorkUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.symbol())
    }
}

/// An amount of work with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkAmount {
    /// Number of double SHA-256 hashes of block headers.
    Hashes(u64),
    /// Number of floating-point operations; a fused multiply-add is two.
    Flops(u64),
    /// Number of bytes read and written.
    Bytes(u64),
    /// Number of other operations, such as those on integers.
    Operations(u64),
}

impl WorkAmount {
    /// Returns the amount as a number without its unit.
    #[must_use]
    pub fn value(self) -> u64 {
        let (Self::Hashes(value)
        | Self::Flops(value)
        | Self::Bytes(value)
        | Self::Operations(value)) = self;
        value
    }

    /// Returns the unit that the work is counted in.
    #[must_use]
    pub fn unit(self) -> WorkUnit {
        match self {
            Self::Hashes(_) => WorkUnit::Hash,
            Self::Flops(_) => WorkUnit::Flop,
            Self::Bytes(_) => WorkUnit::Byte,
            Self::Operations(_) => WorkUnit::Operation,
        }
    }

    /// Returns the sum of two amounts; `None` if the units differ or the sum overflows a `u64`.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let same = std::mem::discriminant(&self) == std::mem::discriminant(&other);
        same.then_some(other.value()).and_then(|value| self.map(|own| own.checked_add(value)))
    }

    /// Returns the amount multiplied by a number; `None` if the product overflows a `u64`.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.map(|value| value.checked_mul(times))
    }

    fn map(self, change: impl FnOnce(u64) -> Option<u64>) -> Option<Self> {
        Some(match self {
            Self::Hashes(value) => Self::Hashes(change(value)?),
            Self::Flops(value) => Self::Flops(change(value)?),
            Self::Bytes(value) => Self::Bytes(change(value)?),
            Self::Operations(value) => Self::Operations(change(value)?),
        })
    }
}

impl fmt::Display for WorkAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value(), self.unit())
    }
}

/// Work per joule with its unit of work; never negative, and always finite.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "score", derive(serde::Serialize))]
pub struct Efficiency {
    per_joule: f64,
    unit: WorkUnit,
}

impl Efficiency {
    /// Returns the work per joule of an energy; `None` unless the energy is positive and finite.
    #[must_use]
    pub fn new(work: WorkAmount, energy: Joules) -> Option<Self> {
        Self::of(work.value() as f64, energy.value(), work.unit())
    }

    fn of(work: f64, energy: f64, unit: WorkUnit) -> Option<Self> {
        let per_joule = work / energy;
        let sound = energy > 0.0 && energy.is_finite() && per_joule.is_finite();
        sound.then_some(Self { per_joule, unit })
    }

    /// Returns the unit of work that is counted.
    #[must_use]
    pub fn unit(self) -> WorkUnit {
        self.unit
    }

    /// Returns the number of units of work per joule.
    #[must_use]
    pub fn per_joule(self) -> f64 {
        self.per_joule
    }

    /// Returns the energy of one unit of work: of a hash, an operation or a byte; `None` if no work
    /// was done.
    #[must_use]
    pub fn energy_of_one(self) -> Option<Joules> {
        Some(Joules::new(1.0 / self.per_joule)).filter(|energy| energy.is_finite())
    }

    /// Returns the joules per terahash (J/TH, the unit of miners); `None` for work other than
    /// hashing, and if no hash was done.
    #[must_use]
    pub fn joules_per_terahash(self) -> Option<f64> {
        let one = self.energy_of_one().filter(|_| self.unit == WorkUnit::Hash)?;
        Some(one.value() * 1e12)
    }

    /// Returns this efficiency divided by `other`; `None` if the units differ or `other` is zero.
    #[must_use]
    pub fn times(self, other: Self) -> Option<f64> {
        let comparable = self.unit == other.unit && other.per_joule > 0.0;
        comparable.then(|| self.per_joule / other.per_joule)
    }
}

/// Orders efficiencies of the same unit of work; others do not compare.
impl PartialOrd for Efficiency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let same = self.unit == other.unit;
        same.then(|| self.per_joule.partial_cmp(&other.per_joule)).flatten()
    }
}

/// Writes three significant digits, an SI prefix and the unit: `57.1 GH/J`.
impl fmt::Display for Efficiency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, self.per_joule, &format!("{}/J", self.unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_know_their_unit() {
        for (work, text) in [
            (WorkAmount::Hashes(80_600_000), "20.2 MH/J"),
            (WorkAmount::Flops(1 << 41), "550 GFLOP/J"),
            (WorkAmount::Bytes(3_000), "750 B/J"),
            (WorkAmount::Operations(2), "500 mop/J"),
        ] {
            let efficiency = Efficiency::new(work, Joules::new(4.0)).expect("energy");
            assert_eq!((efficiency.to_string(), efficiency.unit()), (text.into(), work.unit()));
        }
    }

    #[test]
    fn the_miners_unit_is_that_of_hashes() {
        // An S21 XP: 270 TH/s at 3,645 W.
        let work = WorkAmount::Hashes(270_000_000_000_000);
        let miner = Efficiency::new(work, Joules::new(3645.0)).expect("energy");
        assert!((miner.joules_per_terahash().expect("hashes") - 13.5).abs() < 1e-9);
        assert_eq!(miner.energy_of_one().expect("hashes").to_string(), "13.5 pJ");
        let other = Efficiency::new(WorkAmount::Flops(1_000_000_000_000), Joules::new(1.0));
        let other = other.expect("energy");
        assert_eq!(other.joules_per_terahash(), None);
        assert_eq!(other.energy_of_one().expect("work").to_string(), "1.00 pJ");
    }

    #[test]
    fn without_energy_there_is_no_efficiency() {
        for joules in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            assert_eq!(
                Efficiency::new(WorkAmount::Hashes(u64::MAX), Joules::new(joules)),
                None,
                "{joules}"
            );
        }
        let nothing = Efficiency::new(WorkAmount::Hashes(0), Joules::new(1.0)).expect("energy");
        assert_eq!((nothing.energy_of_one(), nothing.joules_per_terahash()), (None, None));
    }

    #[test]
    fn only_like_is_compared() {
        let efficiency = |work| Efficiency::new(work, Joules::new(2.0)).expect("energy");
        assert!(efficiency(WorkAmount::Flops(3)) > efficiency(WorkAmount::Flops(2)));
        assert_eq!(
            efficiency(WorkAmount::Flops(3)).partial_cmp(&efficiency(WorkAmount::Bytes(2))),
            None
        );
        assert_eq!(
            efficiency(WorkAmount::Flops(6)).times(efficiency(WorkAmount::Flops(2))),
            Some(3.0)
        );
        assert_eq!(efficiency(WorkAmount::Flops(6)).times(efficiency(WorkAmount::Hashes(2))), None);
    }

    #[cfg(feature = "score")]
    #[test]
    fn json_carries_the_unit() {
        let efficiency = Efficiency::new(WorkAmount::Flops(3), Joules::new(1.0)).expect("energy");
        let text = serde_json::to_string(&efficiency).expect("numbers");
        assert_eq!(text, r#"{"per_joule":3.0,"unit":"FLOP"}"#);
    }
}
