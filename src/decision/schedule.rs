//! The site's year: its devices, prices and limits as a problem for the plan, and the plan as
//! people read it.
//!
//! It is a year of prices as quoted, from the decision on: a halving that comes in it halves the
//! subsidy from its hour on. What is converted to AI works as it does once it is converted: the cost
//! of conversion is spread over the years that it earns in. Stages that are not ready yet have no
//! room.

use std::collections::HashSet;

use jiff::tz::TimeZone;

use super::candidate::{Candidate, UnknownUse};
use super::case::{Case, Factors, OperatingPoint, Use, hosting};
use super::curve::Curve;
use super::limits::{self, Profit};
use super::model::{
    Allocation, DeviceDecision, DurationPoint, LimitValue, Money, PlannedHour, Schedule,
};
use super::outlook::Outlook;
use super::plan::{self, Problem, SitePlan};
use super::site::{Contract, Hour, Site, YEAR};
use crate::units::{Usd, UsdPerKwh, Watts};

/// Name of the tenant in a plan.
const TENANT: &str = "the tenant";

/// Unit that a tenant is planned in: a kilowatt of his machines.
const TENANT_UNIT: Watts = Watts::new(1e3);

/// All that a plan is made of, but for the site with its limits.
pub(crate) struct Planner<'a> {
    pub(crate) curve: &'a Curve,
    pub(crate) outlook: &'a Outlook,
    pub(crate) hours: &'a [Hour],
    pub(crate) candidates: &'a [Candidate<'a>],
    pub(crate) judged: &'a [DeviceDecision],
}

/// The best plan of a site.
struct Planned {
    problem: Problem,
    plan: SitePlan,
    left_out: Vec<String>,
}

impl Planned {
    fn profit(&self) -> Profit {
        let tenant = self.problem.ai.contract.map(|contract| contract.from);
        Profit { found: self.plan.objective, bound: self.plan.bound, tenant }
    }
}

impl Planner<'_> {
    /// Plans the hours of a site with all devices that are there, or worth buying.
    pub(crate) fn schedule(&self, site: &Site) -> Result<Schedule, plan::PlanError> {
        let planned = self.plan(site)?;
        let limits = limits::worth(site, planned.profit(), |changed| {
            Some(self.plan(changed).ok()?.profit())
        });
        Ok(read(self.hours, &planned, limits))
    }

    /// Returns the best plan of a site.
    fn plan(&self, site: &Site) -> Result<Planned, plan::PlanError> {
        let mut classes = Vec::new();
        let mut left_out = Vec::new();
        for (candidate, judged) in self.candidates.iter().zip(self.judged) {
            let case = Case::new(site, self.curve, self.outlook, candidate);
            match class(site, self.hours.len(), &case, candidate, judged) {
                Ok(class) => classes.push(class),
                Err(why) => left_out.push(format!("{}: {why}", judged.name)),
            }
        }
        let without = Problem {
            site: site_limits(site),
            hours: hours_of(site, self.outlook, self.hours),
            classes,
            ai: plan::AiLimits { stages: stages(site, self.hours), contract: None },
        };
        let Some(tenant) = site.ai.contract.as_ref() else {
            return Ok(Planned { plan: without.plan()?, problem: without, left_out });
        };
        // A tenant takes his power at all times or not at all: with him and without him are two
        // plans.
        let with = serving(site, self.hours, &without, tenant);
        if tenant.signed {
            let with = with.unwrap_or(without);
            return Ok(Planned { plan: with.plan()?, problem: with, left_out });
        }
        let plan = without.plan()?;
        let served = with.and_then(|with| Some((with.plan().ok()?, with)));
        if let Some((served, with)) = served.filter(|(served, _)| served.objective > plan.objective)
        {
            return Ok(Planned { plan: served, problem: with, left_out });
        }
        left_out.push(format!("{TENANT}: not worth it in these hours, or no room for him"));
        Ok(Planned { plan, problem: without, left_out })
    }
}

/// Checks that a plan is not too large, before anything is drawn: hours differ at least by their
/// prices, and all do where each depends on the one before.
pub(crate) fn fits(site: &Site, hours: &[Hour], kinds: usize) -> Result<(), plan::PlanError> {
    let prices: HashSet<u64> = hours.iter().map(|hour| hour.price.value().to_bits()).collect();
    let differ = if site.power.ramp.is_some() { hours.len() } else { prices.len() };
    plan::size(kinds, differ)
}

/// Why hardware is not in a plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum LeftOutReason {
    #[error("not worth its price")]
    Price,
    #[error(transparent)]
    Unknown(UnknownUse),
    #[error("nothing is known of it")]
    Nothing,
}

/// Returns the number of hours as a share of a year.
fn years(hours: usize) -> f64 {
    hours as f64 / f64::from(YEAR)
}

fn class(
    site: &Site,
    hours: usize,
    case: &Case<'_>,
    candidate: &Candidate<'_>,
    judged: &DeviceDecision,
) -> Result<plan::Class, LeftOutReason> {
    if !judged.owned && matches!(judged.verdict.best, Use::Sell | Use::Host) {
        return Err(LeftOutReason::Price);
    }
    let mining = case.mining(&Factors::ONE);
    let renting = judged.renting.as_ref().and_then(|_| case.renting(&Factors::ONE));
    let renting = renting.filter(|renting| renting.converted > 0.0);
    if mining.is_none() && renting.is_none() {
        let why = candidate.hashing.as_ref().err();
        return Err(why.cloned().map_or(LeftOutReason::Nothing, LeftOutReason::Unknown));
    }
    let conversion = renting.map_or(Usd::ZERO, |it| yearly(&it) * years(hours));
    Ok(plan::Class {
        name: judged.name.clone(),
        count: f64::from(judged.count),
        mining: mining.map(|it| in_use(site, &it, site.place.mining_pue)),
        mining_after_halving: case
            .mining_halved(&Factors::ONE)
            .map(|it| it.revenue - it.operations),
        ai: renting.map(|it| in_use(site, &it, site.ai_pue())),
        conversion,
    })
}

/// Returns what conversion costs in each year that it earns in.
fn yearly(running: &OperatingPoint) -> Usd {
    running.conversion_yearly / running.converted
}

/// Returns what a device draws and earns in an hour, operations taken off.
fn in_use(site: &Site, running: &OperatingPoint, pue: f64) -> plan::Operation {
    plan::Operation {
        power: running.power,
        heat: site.machines(running.power, pue),
        revenue: running.revenue - running.operations,
    }
}

/// The problem with the tenant, who is served from the hour on in which there is room for all of
/// his machines; `None` where that is not in these hours.
///
/// Who pays for his energy makes no difference to the site's draw: what he pays back is what it
/// costs at the mean tariff of his hours, in all of which he takes the same.
fn serving(site: &Site, hours: &[Hour], without: &Problem, contract: &Contract) -> Option<Problem> {
    if !site.has_room(contract) {
        return None;
    }
    let unit = site.metered(TENANT_UNIT, site.ai_pue());
    let count = contract.power / TENANT_UNIT;
    // As the plan multiplies it; what is a rounding over the site's limit is at the limit.
    let least = (unit * count).min(site.place.power);
    let stages = &site.place.stages;
    let ready = stages.iter().find(|stage| stage.power >= least * (1.0 - 1e-9));
    let from = match ready {
        Some(stage) => first_hour(hours, stage.ready),
        None if stages.is_empty() => 0,
        None => hours.len(),
    };
    let served = hours.get(from..).filter(|served| !served.is_empty())?;
    let running = hosting(site, unit, &Factors::ONE).filter(|it| it.converted > 0.0)?;
    let mut ai = in_use(site, &running, site.ai_pue());
    if running.energy_paid {
        let prices = served.iter().map(|hour| hour.price).sum::<UsdPerKwh>();
        ai.revenue += prices / served.len() as f64 * unit;
    }
    let mut with = without.clone();
    with.classes.push(plan::Class {
        name: TENANT.to_owned(),
        count: least / unit,
        mining: None,
        mining_after_halving: None,
        ai: Some(ai),
        conversion: yearly(&running) * years(served.len()),
    });
    with.ai = plan::AiLimits {
        stages: vec![plan::CapacityStage { from, capacity: least }],
        contract: Some(plan::CommittedPower { from, least: least * (1.0 - 1e-9) }),
    };
    Some(with)
}

fn site_limits(site: &Site) -> plan::SiteLimits {
    plan::SiteLimits {
        power: site.place.power,
        cooling: site.place.cooling,
        ramp: site.power.ramp,
        response: site.power.response.as_ref().map(|response| plan::DemandResponse {
            baseline: site.place.power,
            most_power: response.most,
            most_energy: None,
        }),
    }
}

/// Returns the hours with their prices; the most expensive have the grid's credit.
fn hours_of(site: &Site, outlook: &Outlook, hours: &[Hour]) -> Vec<plan::HourPrices> {
    let demand = site.ai.market.as_ref().and_then(|market| market.demand);
    let halving = outlook.next_halving() * f64::from(YEAR);
    let hour = |(at, hour): (usize, &Hour)| plan::HourPrices {
        tariff: hour.price,
        credit: UsdPerKwh::ZERO,
        demand,
        after_halving: at as f64 >= halving,
    };
    let mut planned: Vec<plan::HourPrices> = hours.iter().enumerate().map(hour).collect();
    if let Some(response) = &site.power.response {
        let paid = (f64::from(response.hours) * years(hours.len())).round() as usize;
        let mut dearest: Vec<&mut plan::HourPrices> = planned.iter_mut().collect();
        dearest.sort_by(|a, b| b.tariff.total_cmp(&a.tariff));
        dearest.into_iter().take(paid).for_each(|hour| hour.credit = response.credit.value);
    }
    planned
}

/// The first hour of a day, by UTC, or the number of hours if that is later than all of them.
fn first_hour(hours: &[Hour], day: jiff::civil::Date) -> usize {
    let midnight = day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    midnight.map_or(hours.len(), |midnight| hours.partition_point(|it| it.start < midnight))
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

fn read(hours: &[Hour], planned: &Planned, limits: Vec<LimitValue>) -> Schedule {
    let Planned { problem, plan, left_out } = planned;
    let summary = plan.summary();
    let class = |(placed, class): (&plan::PlannedClass, &plan::Class)| Allocation {
        name: placed.name.clone(),
        count: class.count,
        converted: placed.converted,
        mining_hours: placed.mining_hours,
        ai_hours: placed.ai_hours,
        off_hours: placed.off_hours,
        energy_joules: placed.energy,
        margin_usd: placed.margin,
    };
    let hour = |(planned, hour): (&plan::HourlyDraw, &Hour)| PlannedHour {
        start: hour.start,
        tariff: planned.tariff,
        mining: planned.mining,
        ai: planned.ai,
        curtailed: planned.curtailed,
    };
    Schedule {
        hours: hours.len(),
        profit_usd: plan.objective,
        money: Money {
            mining_usd: plan.money.mining,
            ai_usd: plan.money.ai,
            credits_usd: plan.money.credits,
            energy_usd: plan.money.energy,
            conversion_usd: plan.money.conversion,
        },
        mining_watts: summary.mining,
        ai_watts: summary.ai,
        curtailed_watts: summary.curtailed,
        ai_share: summary.ai_share,
        hours_curtailed: summary.hours_curtailed,
        classes: plan.classes.iter().zip(&problem.classes).map(class).collect(),
        limits,
        duration: duration(plan),
        left_out: left_out.clone(),
        by_hour: plan.hours.iter().zip(hours).map(hour).collect(),
    }
}

/// Returns the duration curve, at `PLACES` places at the most.
fn duration(plan: &SitePlan) -> Vec<DurationPoint> {
    const PLACES: usize = 200;
    let mut hours: Vec<&plan::HourlyDraw> = plan.hours.iter().collect();
    hours.sort_by(|a, b| b.draw().total_cmp(&a.draw()).then(b.ai.total_cmp(&a.ai)));
    let last = hours.len().saturating_sub(1);
    let places = PLACES.min(hours.len());
    (0..places)
        .map(|place| {
            let at = (place * last).checked_div(places - 1).unwrap_or(0);
            let share = (at + 1) as f64 / hours.len() as f64;
            DurationPoint { share, mining_watts: hours[at].mining, ai_watts: hours[at].ai }
        })
        .collect()
}
