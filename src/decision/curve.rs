//! The prices of a year, sorted: they give what a use earns that runs only while it pays, for any
//! break-even price, without going through all hours again.

use crate::units::UsdPerKwh;

/// Hourly prices, sorted, with their sums.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Dollars for a kilowatt-hour, ascending.
    prices: Vec<f64>,
    /// Prefix sums of the prices, from none to all.
    sums: Vec<f64>,
}

/// Some hours of a year: their share, and the sum of their prices divided by the number of all
/// hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    /// Share of all hours.
    pub(crate) hours: f64,
    /// Sum of these hours' prices, divided by the number of all hours.
    pub(crate) cost: UsdPerKwh,
}

impl Curve {
    /// Makes a curve of hourly prices; `None` without any.
    pub(crate) fn new(prices: impl IntoIterator<Item = UsdPerKwh>) -> Option<Self> {
        let mut prices: Vec<f64> = prices.into_iter().map(UsdPerKwh::value).collect();
        prices.sort_by(f64::total_cmp);
        let mut sum = 0.0;
        let mut sums = vec![sum];
        for price in &prices {
            sum += price;
            sums.push(sum);
        }
        (!prices.is_empty()).then_some(Self { prices, sums })
    }

    /// Returns the part that is all hours.
    pub(crate) fn all(&self) -> Part {
        self.part(0, self.prices.len())
    }

    /// Returns the hours below `price` among the cheapest, and those below `cheap` among the most
    /// expensive, which are the share `dear` of all.
    pub(crate) fn below(&self, price: UsdPerKwh, (cheap, dear): (UsdPerKwh, f64)) -> (Part, Part) {
        let count = self.prices.len();
        let dearest = (dear.clamp(0.0, 1.0) * count as f64).round() as usize;
        let cheapest = count - dearest;
        let below = |from: usize, to: usize, price: UsdPerKwh| {
            from + self.prices[from..to].partition_point(|known| *known < price.value())
        };
        let first = self.part(0, below(0, cheapest, price));
        let second = self.part(cheapest, below(cheapest, count, cheap));
        (first, second)
    }

    fn part(&self, from: usize, to: usize) -> Part {
        let all = self.prices.len() as f64;
        Part {
            hours: (to - from) as f64 / all,
            cost: UsdPerKwh::new((self.sums[to] - self.sums[from]) / all),
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "shares and subsidies that are exact in binary")]
mod tests {
    use super::*;

    fn curve(prices: &[f64]) -> Curve {
        Curve::new(prices.iter().copied().map(UsdPerKwh::new)).expect("prices")
    }

    #[test]
    fn the_hours_below_a_price_are_counted_and_summed() {
        let curve = curve(&[0.4, -0.1, 0.2, 0.1]);
        let all = curve.all();
        assert!((all.cost.value() - 0.15).abs() < 1e-12 && all.hours == 1.0);
        // The two most expensive, 0.2 and 0.4, have a limit of their own.
        let (cheap, dear) = curve.below(UsdPerKwh::new(0.15), (UsdPerKwh::new(0.3), 0.5));
        assert!((cheap.hours, dear.hours) == (0.5, 0.25));
        assert!(cheap.cost.value().abs() < 1e-12);
        assert!((dear.cost.value() - 0.05).abs() < 1e-12);
        let (none, _) = curve.below(UsdPerKwh::new(-0.1), (UsdPerKwh::ZERO, 0.0));
        assert_eq!(none, Part { hours: 0.0, cost: UsdPerKwh::ZERO });
        assert!(Curve::new([]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn it_is_what_going_through_all_hours_gives(
            prices in proptest::collection::vec(-1.0_f64..1.0, 1..50),
            price in -1.5_f64..1.5,
        ) {
            let (part, none) = curve(&prices).below(UsdPerKwh::new(price), (UsdPerKwh::ZERO, 0.0));
            let below: Vec<f64> = prices.iter().copied().filter(|it| *it < price).collect();
            let count = prices.len() as f64;
            proptest::prop_assert!((part.hours - below.len() as f64 / count).abs() < 1e-12);
            proptest::prop_assert!((part.cost.value() - below.iter().sum::<f64>() / count).abs() < 1e-9);
            proptest::prop_assert!(none.hours == 0.0);
        }
    }
}
