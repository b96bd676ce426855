//! The prices of a year, sorted: they give what a use earns that runs only while it pays, for any
//! break-even price, without going through all hours again. Hours in which the grid pays for the same
//! are sorted together.

use super::grid::HourProgrammes;
use crate::units::UsdPerKwh;

/// Hourly prices, sorted, with their sums.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    groups: Vec<Sorted>,
    /// Number of all hours.
    count: f64,
}

/// Hours in which the same programmes of the grid pay.
#[derive(Clone, Debug, Default)]
struct Sorted {
    programmes: HourProgrammes,
    /// Dollars for a kilowatt-hour, ascending.
    prices: Vec<f64>,
    /// Prefix sums of the prices, from none to all.
    sums: Vec<f64>,
}

/// Hours of a curve in which the same programmes of the grid pay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) programmes: HourProgrammes,
    /// Share of all hours.
    pub(crate) share: f64,
    sorted: &'a Sorted,
    count: f64,
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
    /// Makes a curve of hourly prices, each with the programmes that pay in its hour; `None` without
    /// any.
    pub(crate) fn new(
        hours: impl IntoIterator<Item = (UsdPerKwh, HourProgrammes)>,
    ) -> Option<Self> {
        let mut hours: Vec<_> = hours.into_iter().collect();
        hours.sort_by(|(a, of_a), (b, of_b)| of_a.cmp(of_b).then(a.total_cmp(b)));
        let sorted = |hours: &[(UsdPerKwh, HourProgrammes)]| {
            let prices: Vec<f64> = hours.iter().map(|(price, _)| price.value()).collect();
            let mut sums = vec![0.0];
            sums.extend(prices.iter().scan(0.0, |sum, price| {
                *sum += price;
                Some(*sum)
            }));
            Sorted { programmes: hours[0].1, prices, sums }
        };
        let groups = hours.chunk_by(|(_, a), (_, b)| a == b).map(sorted).collect();
        (!hours.is_empty()).then_some(Self { groups, count: hours.len() as f64 })
    }

    /// Returns the mean price.
    pub(crate) fn mean(&self) -> UsdPerKwh {
        self.groups().map(|group| group.below(UsdPerKwh::new(f64::INFINITY)).cost).sum()
    }

    /// Returns the hours by the programmes that pay in them.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.groups.iter().map(|sorted| Group {
            programmes: sorted.programmes,
            share: sorted.prices.len() as f64 / self.count,
            sorted,
            count: self.count,
        })
    }
}

impl Group<'_> {
    /// Returns its hours below a price.
    pub(crate) fn below(&self, price: UsdPerKwh) -> Part {
        let below = self.sorted.prices.partition_point(|known| *known < price.value());
        Part {
            hours: below as f64 / self.count,
            cost: UsdPerKwh::new(self.sorted.sums[below] / self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDIT: HourProgrammes = HourProgrammes { credit: Some(0), readiness: None };

    fn curve(prices: &[f64], programmes: HourProgrammes) -> Curve {
        Curve::new(prices.iter().map(|&price| (UsdPerKwh::new(price), programmes))).expect("prices")
    }

    #[test]
    fn the_hours_below_a_price_are_counted_and_summed() {
        let none = HourProgrammes::default();
        let hours = [(0.4, CREDIT), (-0.1, none), (0.2, CREDIT), (0.1, none)];
        let curve =
            Curve::new(hours.map(|(price, it)| (UsdPerKwh::new(price), it))).expect("hours");
        assert!((curve.mean().value() - 0.15).abs() < 1e-12);
        let groups: Vec<_> = curve.groups().collect();
        assert_eq!(groups.iter().map(|it| it.programmes).collect::<Vec<_>>(), [none, CREDIT]);
        assert_eq!((groups[0].share, groups[1].share), (0.5, 0.5));
        let (cheap, dear) =
            (groups[0].below(UsdPerKwh::new(0.15)), groups[1].below(UsdPerKwh::new(0.3)));
        assert_eq!((cheap.hours, dear.hours), (0.5, 0.25));
        assert!(cheap.cost.value().abs() < 1e-12);
        assert!((dear.cost.value() - 0.05).abs() < 1e-12);
        let nothing = groups[0].below(UsdPerKwh::new(-0.1));
        assert_eq!(nothing, Part { hours: 0.0, cost: UsdPerKwh::ZERO });
        assert!(Curve::new([]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn it_is_what_going_through_all_hours_gives(
            prices in proptest::collection::vec(-1.0_f64..1.0, 1..50),
            price in -1.5_f64..1.5,
        ) {
            let curve = curve(&prices, CREDIT);
            let part = curve.groups().next().expect("a group").below(UsdPerKwh::new(price));
            let below: Vec<f64> = prices.iter().copied().filter(|it| *it < price).collect();
            let count = prices.len() as f64;
            proptest::prop_assert!((part.hours - below.len() as f64 / count).abs() < 1e-12);
            proptest::prop_assert!((part.cost.value() - below.iter().sum::<f64>() / count).abs() < 1e-9);
        }
    }
}
