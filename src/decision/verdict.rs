//! The verdict on a device: what is best, by how much, and how sure that is.
//!
//! It is inconclusive where something that decides was not measured, or where prices and
//! measurements within their ranges make something else best too often.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::case::{Case, Use, Values, best};
use super::fitness::Fitness;
use super::inputs::{Factors, UncertainInput};
use super::sensitivity::{Draws, deciding};
use crate::units::Usd;
use crate::units::text::percent;

/// Verdict on a device: the best use, its lead, and how sure that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Verdict {
    /// Use that is advised; `None` where the verdict is inconclusive.
    pub advice: Option<Use>,
    /// Best use for the numbers as quoted and measured.
    pub best: Use,
    /// Lead of the best use over the next best, in US dollars per year for one device; `None` where
    /// there is no other use.
    pub ahead_usd: Option<Usd>,
    /// Next best use; `None` where there is no other.
    pub next: Option<Use>,
    /// Share of the scenario draws, 0 to 1, in which the best use is best.
    pub chance: f64,
    /// Reason for the verdict, in a sentence.
    pub because: String,
    /// Inputs each of which alone, at an end of its range, would make another use best.
    pub deciding: Vec<UncertainInput>,
}

/// Uses that a device is fit for; the others are left out of the comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eligibility {
    renting: bool,
}

impl Eligibility {
    pub(crate) fn new(fitness: &[Fitness]) -> Self {
        Self { renting: fitness.is_empty() || fitness.iter().any(|it| it.fit != Some(false)) }
    }

    /// Returns whether the device may be rented out.
    pub(crate) fn renting(self) -> bool {
        self.renting
    }

    pub(crate) fn of(self, mut values: Values) -> Values {
        if !self.renting {
            values[Use::Rent as usize] = None;
        }
        values
    }
}

impl Verdict {
    /// Makes the verdict from the values as quoted and measured, and from the scenario draws; it is
    /// conclusive where the best use is best in at least `confidence` of them.
    pub(crate) fn new(
        case: &Case<'_>,
        candidate: &Candidate<'_>,
        allowed: Eligibility,
        draws: &Draws,
        confidence: f64,
    ) -> Self {
        let values = allowed.of(case.values(&Factors::ONE));
        let best = best(&values);
        let worth = |of: Use| values[of as usize];
        let others = Use::ALL.into_iter().filter(|&of| of != best);
        let next =
            others.filter_map(|of| Some((of, worth(of)?))).max_by(|(_, a), (_, b)| a.total_cmp(b));
        let ahead = next.and_then(|(_, value)| Some(worth(best)? - value));
        let chance = draws.chance[best as usize];
        let deciding = deciding(case, |values| allowed.of(values), best);
        let unknown = unknown(candidate, case.is_rentable() && allowed.renting(), best);
        let (advice, because) = match unknown {
            Some(why) => (None, why),
            None if chance < confidence => (None, doubt(best, draws, &deciding, case.is_owned())),
            None => (Some(best), reason(ahead, next, chance, case.is_owned())),
        };
        let next = next.map(|(of, _)| of);
        Self { advice, best, ahead_usd: ahead, next, chance, because, deciding }
    }
}

impl Verdict {
    /// Makes it a verdict to sell, or not to buy, whatever the devices would earn.
    pub(crate) fn leave(&mut self, because: &str) {
        self.advice = Some(Use::Sell);
        self.best = Use::Sell;
        self.next = None;
        self.ahead_usd = None;
        because.clone_into(&mut self.because);
    }
}

/// Returns what the verdict depends on and is not known, if there is something.
fn unknown(candidate: &Candidate<'_>, rentable: bool, best: Use) -> Option<String> {
    let hashing = candidate.hashing.as_ref().err().filter(|why| !why.is_of_no_matter());
    let computing = candidate.computing.as_ref().err();
    if let Some(why) = hashing {
        return Some(format!("what it mines for is not known: {why}"));
    }
    if let Some(why) = computing.filter(|_| rentable) {
        return Some(format!("what AI would take is not known: {why}"));
    }
    let open = !candidate.fitness.iter().any(|it| it.fit == Some(true));
    if best == Use::Rent && open {
        let lacking = candidate.fitness.iter().flat_map(|it| &it.reasons);
        let lacking: Option<String> =
            lacking.filter(|it| it.enough.is_none()).map(ToString::to_string).next();
        let lacking = lacking.unwrap_or_else(|| "there is no score of it".to_owned());
        return Some(format!("whether it is fit for AI is not known: {lacking}"));
    }
    None
}

fn doubt(best: Use, draws: &Draws, deciding: &[UncertainInput], owned: bool) -> String {
    let mut uses: Vec<Use> =
        Use::ALL.into_iter().filter(|&of| draws.chance[of as usize] >= 0.01).collect();
    uses.sort_by(|&a, &b| draws.chance[b as usize].total_cmp(&draws.chance[a as usize]));
    let shares: Vec<_> = uses
        .iter()
        .map(|&of| format!("{} in {}", of.name_if(owned), percent(draws.chance[of as usize], 1)))
        .collect();
    let names: Vec<_> = deciding.iter().map(|it| it.name()).collect();
    let by = match &*names {
        [] => "several ranges together".to_owned(),
        [one] => format!("the range of {one}"),
        _ => format!("the ranges of {}", names.join(", ")),
    };
    format!(
        "{} as quoted, but within the ranges it is best to {} of the draws: {by} straddle{} the \
         break-even",
        best.name_if(owned),
        shares.join(", to "),
        if names.len() == 1 { "s" } else { "" },
    )
}

fn reason(ahead: Option<Usd>, next: Option<(Use, Usd)>, chance: f64, owned: bool) -> String {
    let by = match (ahead, next) {
        (Some(ahead), Some((next, _))) => {
            format!("{ahead} a year for each more than to {}, ", next.name_if(owned))
        }
        _ => "there is nothing else, ".to_owned(),
    };
    format!("{by}best in {} of the draws", percent(chance, 0))
}
