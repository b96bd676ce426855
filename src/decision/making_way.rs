//! How many devices would make way for tenants, and for how many there is no power at all.
//!
//! A tenant takes spare power first. Where there is too little of it, the devices that mining earns
//! least with for a watt go first; those without power because of signed contracts have no choice, and
//! make way for nobody else.

use super::candidate::Candidate;
use super::case::{Case, Use};
use super::inputs::Factors;
use super::model::DeviceDecision;
use super::site::{Hardware, Site};
use crate::units::{Usd, Watts};

/// Returns the number of devices of each candidate that would make way for the tenants of contracts that
/// are not signed yet.
pub(super) fn making_way(
    site: &Site,
    candidates: &[Candidate<'_>],
    cases: &[Case<'_>],
) -> Vec<u32> {
    let of_contracts = |signed: bool| -> Watts {
        let contracts = site.ai.contracts.iter().filter(|it| it.signed == signed);
        contracts.map(|it| site.tenant(it)).sum()
    };
    let (signed, offered) = (of_contracts(true), of_contracts(false));
    // Power and worth of mining, of the devices that are there.
    let mut fleet: Vec<(usize, Watts, f64)> = candidates
        .iter()
        .zip(cases)
        .enumerate()
        .filter(|(_, (candidate, _))| matches!(candidate.entry.hardware, Hardware::Owned(_)))
        .filter_map(|(at, (_, case))| {
            let power = case.drawn()?;
            let mined = case.mined(&Factors::ONE).map_or(Usd::ZERO, |mined| mined.value);
            Some((at, power, mined.value() / power.value()))
        })
        .collect();
    fleet.sort_by(|(_, _, a), (_, _, b)| a.total_cmp(b));
    let drawn: Watts =
        fleet.iter().map(|(at, power, _)| *power * f64::from(candidates[*at].count)).sum();
    let lacking = |taken: Watts| {
        let lacking = taken + drawn - site.place.power;
        if lacking > Watts::ZERO { lacking } else { Watts::ZERO }
    };
    let mut without = lacking(signed);
    let mut needed = (lacking(signed + offered) - without).min(offered);
    let mut counts = vec![0; candidates.len()];
    for (at, power, _) in fleet {
        let all = power * f64::from(candidates[at].count);
        let dark = all.min(without);
        let makes_way = (all - dark).min(needed);
        without -= dark;
        needed -= makes_way;
        // What is a rounding over a whole number is that number.
        let count = (makes_way / power * (1.0 - 1e-9)).ceil();
        counts[at] = (count as u32).min(candidates[at].count);
    }
    counts
}

/// Returns the number of devices of each kind that the site has no power for if all are in their best
/// use: beside signed contracts, and those that are best to host, those stay dark that earn least for a
/// watt.
pub(super) fn without_power(site: &Site, judged: &[DeviceDecision]) -> Vec<u32> {
    let is_hosted = judged.iter().any(|device| device.verdict.best == Use::Host);
    let served = site.ai.contracts.iter().filter(|it| it.signed || is_hosted);
    let served: Watts = served.map(|it| site.tenant(it)).sum();
    let mut left = site.place.power - served;
    let mut running: Vec<(usize, Watts, f64)> = judged
        .iter()
        .enumerate()
        .filter_map(|(at, device)| {
            let power = match device.verdict.best {
                Use::Mine => device.mining.as_ref()?.metered_watts,
                Use::Rent => device.renting.as_ref()?.metered_watts,
                Use::Host | Use::Curtail | Use::Sell => return None,
            };
            let best = device.uses.iter().find(|it| it.of == device.verdict.best)?;
            Some((at, power, best.usd_per_year.value() / power.value()))
        })
        .collect();
    running.sort_by(|(_, _, a), (_, _, b)| b.total_cmp(a));
    let mut counts = vec![0; judged.len()];
    for (at, power, _) in running {
        let count = judged[at].count;
        // What is a rounding below a whole number is that number.
        let fits = (left / power * (1.0 + 1e-9)).floor().clamp(0.0, f64::from(count));
        left -= power * fits;
        counts[at] = count - fits as u32;
    }
    counts
}
