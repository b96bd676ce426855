//! Sensitivities of the uses of a device: each input moved by a fifth, all of them drawn within
//! their ranges, and a map of tariffs and bitcoin prices.

use rayon::prelude::*;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::case::{Case, Use, Values, best};
use super::inputs::{Doubt, Factors, UncertainInput};
use crate::units::{Usd, UsdPerKwh};
use crate::workload::random;

/// Share by which each input is moved down and up for a tornado: a fifth.
pub(super) const SWING: f64 = 0.2;

/// Value of a use when one input is a fifth lower, and when it is a fifth higher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Sensitivity {
    /// Input that is moved.
    pub input: UncertainInput,
    /// Value of the use at 0.8 times the input, in US dollars per year for one device.
    pub low_usd: Usd,
    /// Value of the use at 1.2 times the input, in US dollars per year for one device.
    pub high_usd: Usd,
    /// Best use at 0.8 times the input.
    pub best_low: Use,
    /// Best use at 1.2 times the input.
    pub best_high: Use,
}

/// Returns the tornado of a use: the inputs that move its value or change what is best, the widest
/// first.
pub(crate) fn tornado(
    case: &Case<'_>,
    allowed: impl Fn(Values) -> Values,
    of: Use,
) -> Vec<Sensitivity> {
    let swing = |input| {
        let at = |times| {
            let values = allowed(case.values(&Factors::ONE.with(input, times)));
            (values[of as usize].unwrap_or(Usd::ZERO), best(&values))
        };
        let ((low_usd, best_low), (high_usd, best_high)) = (at(1.0 - SWING), at(1.0 + SWING));
        Sensitivity { input, low_usd, high_usd, best_low, best_high }
    };
    let mut swings: Vec<Sensitivity> = case.inputs().into_iter().map(swing).collect();
    swings.retain(|it| it.low_usd != it.high_usd || it.best_low != it.best_high);
    let width = |it: &Sensitivity| (it.high_usd - it.low_usd).value().abs();
    swings.sort_by(|a, b| width(b).total_cmp(&width(a)));
    swings
}

/// Results of the scenario draws.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draws {
    /// Share of the draws in which each use was best.
    pub(crate) chance: [f64; Use::ALL.len()],
    /// 10th and 90th percentile of the value of each use.
    pub(crate) range: [Option<(Usd, Usd)>; Use::ALL.len()],
}

/// Draws all doubtful inputs, ranges evenly and deviations from a normal distribution, and counts
/// what is best. The same seed gives the same draws; what is of the site, and not of the device, is
/// drawn alike for all devices.
pub(crate) fn monte_carlo(
    case: &Case<'_>,
    device: usize,
    allowed: impl Fn(Values) -> Values + Sync,
    (count, seed): (u32, u64),
) -> Draws {
    let doubts = case.doubts();
    let all: Vec<Values> = (0..count)
        .into_par_iter()
        .map(|draw| allowed(case.values(&factors(&doubts, device, draw, seed))))
        .collect();
    let mut times = [0_u32; Use::ALL.len()];
    for values in &all {
        times[best(values) as usize] += 1;
    }
    let chance = times.map(|times| f64::from(times) / f64::from(count.max(1)));
    let range = Use::ALL.map(|of| {
        let mut values: Vec<f64> =
            all.iter().filter_map(|values| values[of as usize].map(Usd::value)).collect();
        let last = values.len().checked_sub(1)?;
        let mut at = |share: f64| {
            let place = (share * last as f64).round() as usize;
            let (_, value, _) = values.select_nth_unstable_by(place, f64::total_cmp);
            Usd::new(*value)
        };
        Some((at(0.1), at(0.9)))
    });
    Draws { chance, range }
}

fn factors(doubts: &[(UncertainInput, Doubt)], device: usize, draw: u32, seed: u64) -> Factors {
    let number = |input: UncertainInput, nth: u64| {
        let own = match input {
            UncertainInput::RentalPrice
            | UncertainInput::Utilisation
            | UncertainInput::Conversion
            | UncertainInput::Hardware
            | UncertainInput::HashesPerJoule
            | UncertainInput::AiPower => device as u64 + 1,
            _ => 0,
        };
        let place = (u64::from(draw) << 8) | (input as u64) << 2 | nth;
        // 53 bits, in the middle of their interval: neither 0 nor 1.
        ((random(seed ^ own << 40, place) >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    };
    doubts.iter().fold(Factors::ONE, |factors, &(input, doubt)| {
        let times = match doubt {
            Doubt::Range(low, high) => low + (high - low) * number(input, 0),
            Doubt::Deviation(share) => {
                // Box and Muller's transform.
                let (a, b) = (number(input, 0), number(input, 1));
                let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
                (1.0 + share * normal).max(0.01)
            }
        };
        factors.with(input, times)
    })
}

/// Returns the inputs each of which alone, at an end of its range or two standard deviations off,
/// would make another use best.
pub(crate) fn deciding(
    case: &Case<'_>,
    allowed: impl Fn(Values) -> Values,
    of: Use,
) -> Vec<UncertainInput> {
    let decides = |&(input, doubt): &(UncertainInput, Doubt)| {
        let (low, high) = match doubt {
            Doubt::Range(low, high) => (low, high),
            Doubt::Deviation(share) => ((1.0 - 2.0 * share).max(0.01), 1.0 + 2.0 * share),
        };
        let other = |times| best(&allowed(case.values(&Factors::ONE.with(input, times)))) != of;
        (other(low) || other(high)).then_some(input)
    };
    case.doubts().iter().filter_map(decides).collect()
}

/// Map of the best use of a device by mean tariff and bitcoin price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Map {
    /// Mean tariffs, ascending, in US dollars per kWh.
    pub tariffs: Vec<UsdPerKwh>,
    /// Prices of one bitcoin, ascending, in US dollars.
    pub btc_prices: Vec<Usd>,
    /// Best use at each of the `btc_prices`, and within it at each of the `tariffs`.
    pub best: Vec<Vec<Use>>,
}

/// Number of points of a map along each side.
const STEPS: u32 = 41;

/// Returns the map of a device: from nothing to three times the tariff and the bitcoin price,
/// evenly. It is `None` where either is not above zero, since its multiples lead nowhere then, and where
/// the device does not mine.
pub(crate) fn map(case: &Case<'_>, allowed: impl Fn(Values) -> Values) -> Option<Map> {
    let tariff = case.tariff(&Factors::ONE);
    // Where nothing mines, the price of a bitcoin moves nothing.
    case.mining(&Factors::ONE)?;
    let price = case.earnings(&Factors::ONE)?.btc_price;
    if tariff <= UsdPerKwh::ZERO || price <= Usd::ZERO {
        return None;
    }
    let times = |step: u32| 3.0 * f64::from(step) / f64::from(STEPS - 1);
    let row = |price: u32| {
        let best = |tariff: u32| {
            let factors = Factors::ONE
                .with(UncertainInput::BtcPrice, times(price))
                // No price at all would make every hour alike.
                .with(UncertainInput::Tariff, times(tariff).max(1e-6));
            best(&allowed(case.values(&factors)))
        };
        (0..STEPS).map(best).collect()
    };
    Some(Map {
        tariffs: (0..STEPS).map(|step| tariff * times(step)).collect(),
        btc_prices: (0..STEPS).map(|step| price * times(step)).collect(),
        best: (0..STEPS).map(row).collect(),
    })
}
