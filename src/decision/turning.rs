//! What would change a decision: the nearest values of single inputs at which another use is best.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::case::{Case, Use, Values, best};
use super::inputs::{Factors, UncertainInput};
use crate::units::UsdPerKwh;
use crate::units::text::{percent, plain, si};

/// Value of one input from which on, all else as quoted, another use is best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct TurningPoint {
    /// Input that changes.
    pub input: UncertainInput,
    /// Multiple of the input as quoted or measured, 0.1 to 10.
    pub times: f64,
    /// Best use beyond it.
    pub best: Use,
    /// The same in words, as in `a bitcoin above $98,000: mine`.
    pub words: String,
}

/// Inputs that people follow, in the order in which they are shown.
const FOLLOWED: [UncertainInput; 10] = [
    UncertainInput::BtcPrice,
    UncertainInput::Difficulty,
    UncertainInput::Tariff,
    UncertainInput::RentalPrice,
    UncertainInput::Utilisation,
    UncertainInput::Contract,
    UncertainInput::BuildOut,
    UncertainInput::MiningOperations,
    UncertainInput::AiOperations,
    UncertainInput::Hardware,
];

/// Smallest and largest multiple that is looked at.
const LEAST: f64 = 0.1;
const MOST: f64 = 10.0;

/// Returns the nearest turning points of a device, below and above each input as quoted.
pub(crate) fn turning_points(
    case: &Case<'_>,
    allowed: impl Fn(Values) -> Values,
) -> Vec<TurningPoint> {
    let best_at = |input, times| best(&allowed(case.values(&Factors::ONE.with(input, times))));
    let now = best(&allowed(case.values(&Factors::ONE)));
    let mut points = Vec::new();
    for input in FOLLOWED {
        for end in [LEAST, MOST] {
            // The first of some steps, evenly spaced by their ratios, after which something else is best.
            const STEPS: i32 = 40;
            let step = |at: i32| end.powf(f64::from(at) / f64::from(STEPS));
            let Some(at) = (1..=STEPS).find(|&at| best_at(input, step(at)) != now) else {
                continue;
            };
            let (mut same, mut other) = (step(at - 1), step(at));
            for _ in 0..30 {
                let middle = (same * other).sqrt();
                if best_at(input, middle) == now {
                    same = middle;
                } else {
                    other = middle;
                }
            }
            let best = best_at(input, other);
            if let Some(what) = words(case, input, other) {
                let words = format!("{what}: {}", best.name_if(case.is_owned()));
                points.push(TurningPoint { input, times: other, best, words });
            }
        }
    }
    points
}

/// Returns an input and its limit in words; `None` where it is not quoted.
fn words(case: &Case<'_>, input: UncertainInput, times: f64) -> Option<String> {
    let side = if times < 1.0 { "below" } else { "above" };
    let one = Factors::ONE;
    let rental = || case.rental();
    Some(match input {
        UncertainInput::BtcPrice => {
            format!("a bitcoin {side} {}", case.earnings(&one)?.btc_price * times)
        }
        UncertainInput::Difficulty => {
            format!(
                "a difficulty {side} {}",
                si(case.earnings(&one)?.difficulty * times, "").trim_end()
            )
        }
        UncertainInput::Tariff => {
            // Below nothing, more of it is less.
            let is_below = (times < 1.0) == (case.tariff(&one) > UsdPerKwh::ZERO);
            let side = if is_below { "below" } else { "above" };
            format!("power {side} {}", case.tariff(&one) * times)
        }
        UncertainInput::RentalPrice => format!("rent {side} {}", rental()?.price.value * times),
        UncertainInput::Utilisation => {
            let share = rental()?.utilisation.value * times;
            if share > 1.0 {
                return None;
            }
            format!("rented {side} {} of the time", percent(share, 0))
        }
        UncertainInput::Contract => format!("{side} {} times the tenant's rent", plain(times)),
        UncertainInput::BuildOut => {
            format!("{side} {} times the cost of building out", plain(times))
        }
        UncertainInput::MiningOperations => {
            format!("{side} {} times the cost of running miners", plain(times))
        }
        UncertainInput::AiOperations => {
            format!("{side} {} times the cost of running AI", plain(times))
        }
        UncertainInput::Hardware => {
            let worth = case.worth(&one) * times;
            if case.is_owned() {
                let more = if times < 1.0 { "less" } else { "more" };
                format!("a device worth {more} than {worth}")
            } else {
                format!("a price {side} {worth}")
            }
        }
        _ => return None,
    })
}
