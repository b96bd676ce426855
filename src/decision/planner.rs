//! The site's year: its devices, tenants, prices and limits as a problem for the plan.
//!
//! It is a year from the decision on: a halving that comes in it halves the subsidy from its hour on,
//! and a price or difficulty that grows or follows a path is at its mean of that year. What is converted to AI works as it does once it is converted: the cost
//! of conversion is spread over the years that it earns in. Stages that are not ready yet have no
//! room. A tenant is served or not, and every choice of tenants is planned.

use std::collections::{BTreeSet, HashSet};

use rayon::prelude::*;

use super::candidate::{Candidate, UnknownUse};
use super::case::Case;
use super::curve::Curve;
use super::grid::HourProgrammes;
use super::inputs::Factors;
use super::lease::{self, Lease, first_hour};
use super::limits::Profit;
use super::operating::OperatingPoint;
use super::outlook::Outlook;
use super::plan::{self, Problem, SitePlan};
use super::site::{Hour, Site, years};
use crate::input::listed;
use crate::units::Usd;

/// All that a plan is made of, but for the site with its limits.
pub(crate) struct Planner<'a> {
    pub(crate) curve: &'a Curve,
    pub(crate) outlook: &'a Outlook,
    pub(crate) hours: &'a [Hour],
    /// What the grid pays for in each hour.
    pub(crate) programmes: &'a [HourProgrammes],
    pub(crate) candidates: &'a [Candidate<'a>],
    /// What each candidate is planned for.
    pub(crate) uses: &'a [PlannedUses],
}

/// What one kind of hardware is planned for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlannedUses {
    /// Whether it is worth keeping or buying: the plan is of the best uses as quoted.
    pub(crate) is_there: bool,
    /// Whether it is fit to be rented out, and is.
    pub(crate) is_rented: bool,
}

/// The best plan of a site.
pub(super) struct Planned {
    pub(super) plan: SitePlan,
    /// Places of the planned classes among the candidates.
    pub(super) classes: Vec<usize>,
    /// Tenants who are served, in the order in which they have room.
    pub(super) leases: Vec<Lease>,
    pub(super) left_out: Vec<String>,
}

impl Planned {
    /// Returns what it earns, tenants included.
    pub(super) fn earns(&self) -> Usd {
        self.plan.objective + self.leases.iter().map(Lease::profit).sum()
    }

    pub(super) fn profit(&self) -> Profit {
        Profit {
            found: self.earns(),
            bound: self.plan.bound + self.leases.iter().map(Lease::profit).sum(),
            tenants: self.leases.iter().map(|lease| lease.from).collect(),
        }
    }
}

impl Planner<'_> {
    /// Returns the best plan of a site, over all choices of tenants.
    pub(super) fn best(&self, site: &Site) -> Result<Planned, plan::PlanError> {
        let contracts = &site.ai.contracts;
        let open: Vec<usize> = (0..contracts.len()).filter(|&at| !contracts[at].signed).collect();
        let choices: Vec<Vec<usize>> = (0..1_usize << open.len())
            .map(|choice| {
                let is_chosen = |at: &usize| {
                    open.iter().position(|it| it == at).is_none_or(|bit| choice >> bit & 1 == 1)
                };
                (0..contracts.len()).filter(is_chosen).collect()
            })
            .collect();
        // With the signed ones alone, there is a plan or a reason why not.
        let mut plans: Vec<_> = choices.par_iter().map(|choice| self.plan(site, choice)).collect();
        let signed = plans.remove(0)?;
        let failed = plans.iter().filter_map(|plan| plan.as_ref().err().map(ToString::to_string));
        let failed: BTreeSet<String> = failed.collect();
        let better = |best: Planned, next: Planned| {
            let after = |planned: &Planned| self.after_capital(site, planned);
            if after(&next) > after(&best) { next } else { best }
        };
        let mut best = plans.into_iter().filter_map(Result::ok).fold(signed, better);
        best.left_out.extend(failed.iter().map(|why| format!("a choice of tenants: {why}")));
        for (at, contract) in contracts.iter().enumerate() {
            if !best.leases.iter().any(|lease| lease.contract == at) {
                let why = if contract.signed {
                    "no room for it is ready in these hours"
                } else {
                    "the site earns more without it in these hours, or has no room for it"
                };
                best.left_out.push(format!("{}: {why}", contract.name));
            }
        }
        Ok(best)
    }

    /// Returns what a plan earns after the cost of capital of the machines that run in it.
    pub(super) fn after_capital(&self, site: &Site, planned: &Planned) -> Usd {
        planned.earns() - self.capital(site, planned)
    }

    /// Returns the cost of capital, in these hours, of the machines that a plan needs: those that never run
    /// can be sold, but for a kind that is kept for the credits of not running.
    pub(super) fn capital(&self, site: &Site, planned: &Planned) -> Usd {
        let is_paid = planned.plan.money.credits > Usd::ZERO;
        let cost = |(&at, class): (&usize, &plan::PlannedClass)| {
            let candidate = &self.candidates[at];
            let case = Case::new(site, self.curve, self.outlook, candidate);
            let count = f64::from(candidate.count);
            let is_kept_off = is_paid && class.most_running < 1e-6 * count;
            let needed = if is_kept_off { count } else { class.most_running.min(count) };
            case.keep(&Factors::ONE) * (needed * years(self.hours.len()))
        };
        planned.classes.iter().zip(&planned.plan.classes).map(cost).sum()
    }

    /// Returns the best plan of a site with the tenants of some contracts.
    pub(super) fn plan(&self, site: &Site, served: &[usize]) -> Result<Planned, plan::PlanError> {
        let mut classes = Vec::new();
        let mut places = Vec::new();
        let mut left_out = Vec::new();
        for (at, (candidate, uses)) in self.candidates.iter().zip(self.uses).enumerate() {
            let case = Case::new(site, self.curve, self.outlook, candidate);
            match class(site, self.hours.len(), &case, candidate, *uses) {
                Ok(class) => {
                    classes.push(class);
                    places.push(at);
                }
                Err(why) => left_out.push((candidate.entry.name.as_str(), why)),
            }
        }
        let left_out = grouped(left_out);
        let leases = lease::leases(site, self.hours, served);
        let problem = Problem {
            site: site_limits(site),
            hours: hours_of(site, self.outlook, self.hours, self.programmes, &leases),
            classes,
            stages: stages(site, self.hours),
        };
        Ok(Planned { plan: problem.plan()?, classes: places, leases, left_out })
    }
}

/// Checks that a plan is not too large, before anything is drawn: hours differ at least by their
/// prices, and all do where each depends on the one before.
pub(crate) fn fits(site: &Site, hours: &[Hour], kinds: usize) -> Result<(), plan::PlanError> {
    let prices: HashSet<u64> = hours.iter().map(|hour| hour.price.value().to_bits()).collect();
    let differ = if site.power.ramp.is_some() { hours.len() } else { prices.len() };
    plan::size(kinds, differ)
}

/// Returns what is left out, with the kinds of each reason together.
fn grouped(mut left_out: Vec<(&str, LeftOutReason)>) -> Vec<String> {
    left_out.sort_by_key(|(_, why)| why.to_string());
    let told = |of_reason: &[(&str, LeftOutReason)]| {
        let names: Vec<&str> = of_reason.iter().map(|(name, _)| *name).collect();
        of_reason.first().map(|(_, why)| format!("{}: {why}", listed(&names, ", ", 8)))
    };
    left_out.chunk_by(|(_, a), (_, b)| a == b).filter_map(told).collect()
}

/// Why hardware is not in a plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum LeftOutReason {
    #[error("worth more sold")]
    Sold,
    #[error("not worth its price")]
    Price,
    #[error(transparent)]
    Unknown(UnknownUse),
    #[error("nothing is known of it")]
    Nothing,
}

fn class(
    site: &Site,
    hours: usize,
    case: &Case<'_>,
    candidate: &Candidate<'_>,
    uses: PlannedUses,
) -> Result<plan::Class, LeftOutReason> {
    if !uses.is_there {
        let is_owned = case.is_owned();
        return Err(if is_owned { LeftOutReason::Sold } else { LeftOutReason::Price });
    }
    let in_year =
        |it: OperatingPoint| OperatingPoint { revenue: it.revenue * case.first_year(), ..it };
    let mining = case.mining(&Factors::ONE).map(in_year);
    let renting = case.renting(&Factors::ONE);
    let renting = renting.filter(|renting| uses.is_rented && renting.converted > 0.0);
    if mining.is_none() && renting.is_none() {
        let why = candidate.hashing.as_ref().err();
        return Err(why.cloned().map_or(LeftOutReason::Nothing, LeftOutReason::Unknown));
    }
    let conversion = renting.map_or(Usd::ZERO, |it| it.conversion_while_earning() * years(hours));
    Ok(plan::Class {
        name: candidate.entry.name.clone(),
        count: f64::from(candidate.count),
        mining: mining.map(|it| in_use(site, &it, site.mining_pue())),
        mining_after_halving: case
            .mining_halved(&Factors::ONE)
            .map(in_year)
            .map(|it| it.revenue - it.operations),
        ai: renting.map(|it| in_use(site, &it, site.ai_pue())),
        conversion,
    })
}

/// Returns what a device draws and earns in an hour, operations taken off.
fn in_use(site: &Site, running: &OperatingPoint, pue: f64) -> plan::Operation {
    plan::Operation {
        power: running.power,
        heat: site.machines(running.power, pue),
        revenue: running.revenue - running.operations,
    }
}

fn site_limits(site: &Site) -> plan::SiteLimits {
    plan::SiteLimits {
        power: site.place.power,
        cooling: site.place.cooling,
        ramp: site.power.ramp,
        response: site
            .power
            .responses
            .iter()
            .any(|it| it.credit.is_some())
            .then_some(plan::DemandResponse { baseline: site.place.power, most_energy: None }),
    }
}

/// Returns the hours with their prices, with what the grid pays for in them, and with their tenants.
fn hours_of(
    site: &Site,
    outlook: &Outlook,
    hours: &[Hour],
    programmes: &[HourProgrammes],
    leases: &[Lease],
) -> Vec<plan::HourPrices> {
    let demand = site.ai.market.as_ref().and_then(|market| market.demand);
    let halving = outlook.hours_to_halving();
    let most = |programme: Option<usize>| site.power.responses.get(programme?)?.most;
    let hour = |(at, (hour, paid)): (usize, (&Hour, &HourProgrammes))| {
        let served = || leases.iter().filter(|lease| lease.from <= at);
        plan::HourPrices {
            tariff: hour.price,
            credit: site.power.credit(paid.credit),
            most_credited: most(paid.credit),
            readiness: site.power.readiness(paid.readiness),
            most_ready: most(paid.readiness),
            demand,
            tenants: served().map(|lease| lease.reserved).sum(),
            tenants_heat: served().map(|lease| lease.heat).sum(),
            after_halving: at as f64 >= halving,
        }
    };
    hours.iter().zip(programmes).enumerate().map(hour).collect()
}

fn stages(site: &Site, hours: &[Hour]) -> Vec<plan::CapacityStage> {
    let stage = |stage: &super::site::Stage| plan::CapacityStage {
        from: first_hour(hours, stage.ready),
        capacity: stage.power,
    };
    let stages: Vec<plan::CapacityStage> = site.place.stages.iter().map(stage).collect();
    // Of those that begin in the same hour the last has the room of all before it.
    let mut kept: Vec<plan::CapacityStage> = Vec::new();
    for stage in stages {
        kept.retain(|it| it.from != stage.from);
        kept.push(stage);
    }
    kept
}
