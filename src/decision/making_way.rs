//! How many devices would make way for tenants, and for how many there is no power at all.
//!
//! A tenant takes spare power first. Where there is too little of it, the devices that earn least for a
//! watt go first; those without power because of signed contracts have no choice, and
//! make way for nobody else.

use super::candidate::Candidate;
use super::case::{Case, Use, best};
use super::inputs::Factors;
use super::model::{DeviceDecision, Totals, UseValue};
use super::site::{Contract, Site};
use super::tenant;
use super::verdict::Eligibility;
use crate::units::{Usd, Watts};

/// Devices of a kind that would make way for a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct MakingWay<'a> {
    /// Number of devices.
    pub(super) count: u32,
    /// Contract that most of them would make way for; `None` where there are none.
    pub(super) contract: Option<&'a Contract>,
}

/// Devices that a tenant could have the power of.
struct Fleet {
    /// Place among the candidates.
    at: usize,
    power: Watts,
    /// Power of those that neither make way yet nor are dark.
    left: Watts,
    /// Largest part of it that one contract takes.
    largest: Watts,
}

/// Returns the devices of each candidate that would make way for tenants whose contracts are not signed
/// yet. Contracts that pay most come first, to spare power and to devices.
pub(super) fn making_way<'a>(
    site: &'a Site,
    candidates: &[Candidate<'_>],
    cases: &[Case<'_>],
) -> Vec<MakingWay<'a>> {
    let one = Factors::ONE;
    let mut fleet: Vec<(Fleet, f64)> = candidates
        .iter()
        .zip(cases)
        .enumerate()
        .filter(|(_, (_, case))| case.is_owned())
        .filter_map(|(at, (candidate, case))| {
            let power = case.drawn()?;
            let values = Eligibility::new(&candidate.fitness).of(case.values(&one));
            let worth = values[best(&values) as usize].map_or(0.0, Usd::value);
            let left = power * f64::from(candidate.count);
            let fleet = Fleet { at, power, left, largest: Watts::ZERO };
            Some((fleet, worth / power.value()))
        })
        .collect();
    fleet.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut fleet: Vec<Fleet> = fleet.into_iter().map(|(fleet, _)| fleet).collect();
    let signed = site.ai.contracts.iter().filter(|it| it.signed);
    let taken: Watts = signed.map(|it| site.tenant(it)).sum();
    let drawn: Watts = fleet.iter().map(|it| it.left).sum();
    let mut spare = site.place.power - taken - drawn;
    // Those without power are dark, and make way for nobody.
    for it in &mut fleet {
        if spare < Watts::ZERO {
            let dark = it.left.min(spare * -1.0);
            it.left -= dark;
            spare += dark;
        }
    }
    let open = site.ai.contracts.iter().filter(|it| !it.signed);
    let mut open: Vec<(&Contract, f64)> = open
        .filter_map(|contract| {
            let hosting = tenant::hosting(site, contract, site.tenant(contract), &one)?;
            let worth = cases.first()?.always(&hosting, &one) / Usd::new(hosting.power.value());
            Some((contract, worth))
        })
        .collect();
    open.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut ways = vec![MakingWay::default(); candidates.len()];
    let mut displaced = vec![Watts::ZERO; candidates.len()];
    for (contract, _) in open {
        let mut needed = site.tenant(contract);
        let unused = needed.min(if spare > Watts::ZERO { spare } else { Watts::ZERO });
        spare -= unused;
        needed -= unused;
        for it in &mut fleet {
            let part = it.left.min(needed);
            it.left -= part;
            needed -= part;
            displaced[it.at] += part;
            if part > it.largest {
                it.largest = part;
                ways[it.at].contract = Some(contract);
            }
        }
    }
    for it in fleet {
        // What is a rounding over a whole number is that number.
        let count = (displaced[it.at] / it.power * (1.0 - 1e-9)).ceil();
        ways[it.at].count = (count as u32).min(candidates[it.at].count);
    }
    ways
}

/// Returns the number of devices of each kind that the site has no power for if all are in their best
/// use, and those that make way for no tenant in the best besides: those stay dark that earn least for a
/// watt.
pub(super) fn without_power(site: &Site, judged: &[DeviceDecision]) -> Vec<u32> {
    let hosts = |device: &DeviceDecision| device.verdict.best == Use::Host;
    let signed = site.ai.contracts.iter().filter(|it| it.signed);
    let signed: Watts = signed.map(|it| site.tenant(it)).sum();
    // What makes way leaves its power to a tenant.
    let hosted = judged
        .iter()
        .filter(|it| hosts(it))
        .filter_map(|it| Some(it.hosting.as_ref()?.metered_watts * f64::from(it.making_way)));
    let hosted: Watts = hosted.sum();
    let mut left = site.place.power - signed - hosted;
    let mut running: Vec<(usize, Watts, f64)> = judged
        .iter()
        .enumerate()
        .filter_map(|(at, device)| {
            let runs = rest_of(device)?;
            let power = match runs.of {
                Use::Mine => device.mining.as_ref()?.metered_watts,
                Use::Rent => device.renting.as_ref()?.metered_watts,
                Use::Host | Use::Curtail | Use::Sell => return None,
            };
            Some((at, power, runs.usd_per_year.value() / power.value()))
        })
        .collect();
    running.sort_by(|(_, _, a), (_, _, b)| b.total_cmp(a));
    let mut counts = vec![0; judged.len()];
    for (at, power, _) in running {
        let device = &judged[at];
        let count = device.count - if hosts(device) { device.making_way } else { 0 };
        // What is a rounding below a whole number is that number.
        let fits = (left / power * (1.0 + 1e-9)).floor().clamp(0.0, f64::from(count));
        left -= power * fits;
        counts[at] = count - fits as u32;
    }
    counts
}

/// Returns the use of the devices of a kind that make way for no tenant.
fn rest_of(device: &DeviceDecision) -> Option<&UseValue> {
    let best = device.verdict.best;
    if best != Use::Host {
        return device.uses.iter().find(|it| it.of == best);
    }
    let others = device.uses.iter().filter(|it| it.of != Use::Host);
    others.max_by(|a, b| a.usd_per_year.total_cmp(&b.usd_per_year))
}

/// Returns the money of the best use for all devices of a kind: those that make way for no tenant, and
/// those that there is no power for, are in the best use that is left to them.
pub(super) fn total(device: &DeviceDecision) -> Totals {
    let of = |it: Option<&UseValue>, count: u32| {
        it.map_or_else(Totals::default, |it| Totals {
            now_usd: it.now_usd * f64::from(count),
            cash_usd_per_year: it.cash_usd_per_year * f64::from(count),
            life_usd: it.life_usd * f64::from(count),
        })
    };
    let all = |which: Use| device.uses.iter().find(|it| it.of == which);
    let hosted = if device.verdict.best == Use::Host { device.making_way } else { 0 };
    let dark = device.without_power;
    let rest = of(rest_of(device), device.count - hosted - dark);
    of(all(Use::Host), hosted).and(rest).and(of(all(Use::Sell), dark))
}

impl Totals {
    /// Adds the money of other devices.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            now_usd: self.now_usd + other.now_usd,
            cash_usd_per_year: self.cash_usd_per_year + other.cash_usd_per_year,
            life_usd: self.life_usd + other.life_usd,
        }
    }
}
