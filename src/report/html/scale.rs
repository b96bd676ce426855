//! Axes of charts: where a value is drawn, and which values are marked.

use crate::units::text::si;

/// An axis, which maps values to places in a drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    logarithmic: bool,
    /// The values at both ends, or their decimal logarithms.
    low: f64,
    high: f64,
    /// The places of both ends.
    start: f64,
    end: f64,
}

impl Scale {
    /// A logarithmic axis over these values, from and to a power of ten; values that have no
    /// logarithm are passed over. `None` where none is left.
    pub(super) fn logarithmic(
        values: impl Iterator<Item = f64>,
        start: f64,
        end: f64,
    ) -> Option<Self> {
        let logs = values.filter(|&value| value.is_finite() && value > 0.0).map(f64::log10);
        let (low, high) = range(logs)?;
        // A bar has some length, and what is at the top some room.
        let low = (low - 0.15).floor();
        let high = (high + 0.02).ceil().max(low + 1.0);
        Some(Self { logarithmic: true, low, high, start, end })
    }

    /// A linear axis from zero or the least value to a round number over the largest.
    pub(super) fn linear(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Option<Self> {
        // Sums and multiples of what is drawn have to be finite.
        let (low, high) = range(values.filter(|value| value.abs() < 1e100))?;
        let low = low.min(0.0);
        let high = if high > low { high } else { low + 1.0 };
        Some(Self { logarithmic: false, low, high, start, end })
    }

    /// Moves the upper end of the axis to a mark, for axes that are read by their marks.
    pub(super) fn rounded(self, marks: usize) -> Self {
        let step = self.step(marks);
        Self {
            high: (self.high / step).ceil() * step,
            low: (self.low / step).floor() * step,
            ..self
        }
    }

    /// Returns the place of a value; one outside of the axis is put at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.log10() } else { value };
        let share = (value - self.low) / (self.high - self.low);
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.start + share * (self.end - self.start)
    }

    /// Returns the values at both ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        let value = |end: f64| if self.logarithmic { 10.0_f64.powf(end) } else { end };
        (value(self.low), value(self.high))
    }

    /// Returns at most `most` round values: powers of ten, or multiples of 1, 2 or 5 times one.
    pub(super) fn marks(&self, most: usize) -> Vec<f64> {
        let step = self.step(most);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let mark = |count: i64| {
            let value = count as f64 * step;
            if self.logarithmic { 10.0_f64.powf(value) } else { value }
        };
        (first..=last).map(mark).collect()
    }

    fn step(&self, most: usize) -> f64 {
        let least = (self.high - self.low) / (most.max(2) - 1) as f64;
        if self.logarithmic {
            return least.ceil().max(1.0);
        }
        let power = 10.0_f64.powf(least.log10().floor());
        [1.0, 2.0, 5.0]
            .map(|times| times * power)
            .into_iter()
            .find(|&step| step >= least)
            .unwrap_or(10.0 * power)
    }
}

/// Formats a power of ten without decimals: `10 GFLOP/s`.
pub(super) fn short(value: f64, unit: &str) -> String {
    si(value, unit).replacen(".00 ", " ", 1).replacen(".0 ", " ", 1)
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axes_end_at_powers_of_ten() {
        let values = [0.0, f64::NAN, -1.0, 20.0, 5e4, f64::INFINITY];
        let scale = Scale::logarithmic(values.into_iter(), 100.0, 500.0).expect("values");
        assert_eq!(scale.marks(10), [10.0, 100.0, 1e3, 1e4, 1e5]);
        assert_eq!(scale.marks(3), [100.0, 1e4]);
        for (value, place) in [
            (1.0, 100.0),
            (10.0, 100.0),
            (1e3, 300.0),
            (1e5, 500.0),
            (1e9, 500.0),
            (f64::NAN, 100.0),
        ] {
            assert!((scale.at(value) - place).abs() < 1e-9, "{value}");
        }
        assert!(Scale::logarithmic([0.0].into_iter(), 0.0, 1.0).is_none());
        let one = Scale::logarithmic([10.0].into_iter(), 0.0, 1.0).expect("a value");
        assert!(one.at(10.0) > 0.0, "a bar has some length");
    }

    #[test]
    fn linear_axes_have_round_marks() {
        for (high, most, expected) in [
            (360.0, 5, vec![0.0, 100.0, 200.0, 300.0]),
            (7.3, 5, vec![0.0, 2.0, 4.0, 6.0]),
            (1.0, 3, vec![0.0, 0.5, 1.0]),
        ] {
            let scale = Scale::linear([1.0, high].into_iter(), 0.0, 1.0).expect("values");
            assert_eq!(scale.marks(most), expected);
        }
        let scale = Scale::linear([360.0].into_iter(), 0.0, 100.0).expect("a value").rounded(5);
        assert_eq!((scale.ends(), scale.at(100.0)), ((0.0, 400.0), 25.0));
        let flat = Scale::linear([0.0].into_iter(), 0.0, 1.0).expect("a value");
        assert_eq!(flat.ends(), (0.0, 1.0));
    }
}
