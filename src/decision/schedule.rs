//! The site's year: its devices, prices and limits as a problem for the plan, and the plan as
//! people read it.
//!
//! It is a year of prices as quoted, in which what is converted to AI works as it does once it is
//! converted: the cost of conversion is spread over the years that it earns in. Stages that are not
//! ready yet have no room.

use std::collections::HashSet;

use jiff::tz::TimeZone;

use super::candidate::{Candidate, UnknownUse};
use super::case::{Case, Factors, OperatingPoint, Use, hosting};
use super::curve::Curve;
use super::model::{
    Allocation, DeviceDecision, DurationPoint, LimitValue, Money, PlannedHour, Schedule,
};
use super::plan::{self, Problem, SitePlan};
use super::site::{Contract, Hour, Site, YEAR};
use crate::units::{Usd, UsdPerKwh, UsdPerWatt, Watts};

/// Name of the tenant in a plan.
const TENANT: &str = "the tenant";

/// Unit that a tenant is planned in: a kilowatt of his machines.
const TENANT_UNIT: Watts = Watts::new(1e3);

/// Plans the hours of a site with all devices that are there, or worth buying.
pub(crate) fn schedule(
    site: &Site,
    curve: &Curve,
    hours: &[Hour],
    candidates: &[Candidate<'_>],
    judged: &[DeviceDecision],
) -> Result<Schedule, plan::PlanError> {
    let mut classes = Vec::new();
    let mut left_out = Vec::new();
    for (candidate, judged) in candidates.iter().zip(judged) {
        let case = Case::new(site, curve, candidate);
        match class(site, hours.len(), &case, candidate, judged) {
            Ok(class) => classes.push(class),
            Err(why) => left_out.push(format!("{}: {why}", judged.name)),
        }
    }
    let without = Problem {
        site: limits(site),
        hours: hours_of(site, hours),
        classes,
        ai: plan::AiLimits { stages: stages(site, hours), contract: None },
    };
    let Some(tenant) = site.ai.contract.as_ref() else {
        return Ok(read(hours, &without, &without.plan()?, left_out));
    };
    // A tenant takes his power at all times or not at all: with him and without him are two plans.
    let with = serving(site, hours, &without, tenant);
    if tenant.signed {
        let with = with.unwrap_or(without);
        return Ok(read(hours, &with, &with.plan()?, left_out));
    }
    let plan = without.plan()?;
    let served = with.and_then(|with| Some((with.plan().ok()?, with)));
    if let Some((served, with)) = served.filter(|(served, _)| served.objective > plan.objective) {
        return Ok(read(hours, &with, &served, left_out));
    }
    left_out.push(format!("{TENANT}: not worth it in these hours, or no room for him"));
    Ok(read(hours, &without, &plan, left_out))
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
        ai: renting.map(|it| in_use(site, &it, site.place.ai_pue)),
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
    let unit = site.metered(TENANT_UNIT, site.place.ai_pue);
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
    let mut ai = in_use(site, &running, site.place.ai_pue);
    if running.energy_paid {
        let prices = served.iter().map(|hour| hour.price).sum::<UsdPerKwh>();
        ai.revenue += prices / served.len() as f64 * unit;
    }
    let mut with = without.clone();
    with.classes.push(plan::Class {
        name: TENANT.to_owned(),
        count: least / unit,
        mining: None,
        ai: Some(ai),
        conversion: yearly(&running) * years(served.len()),
    });
    with.ai = plan::AiLimits {
        stages: vec![plan::CapacityStage { from, capacity: least }],
        contract: Some(plan::CommittedPower { from, least: least * (1.0 - 1e-9) }),
    };
    Some(with)
}

fn limits(site: &Site) -> plan::SiteLimits {
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
fn hours_of(site: &Site, hours: &[Hour]) -> Vec<plan::HourPrices> {
    let demand = site.ai.market.as_ref().and_then(|market| market.demand);
    let hour =
        |hour: &Hour| plan::HourPrices { tariff: hour.price, credit: UsdPerKwh::ZERO, demand };
    let mut planned: Vec<plan::HourPrices> = hours.iter().map(hour).collect();
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

fn read(hours: &[Hour], problem: &Problem, plan: &SitePlan, left_out: Vec<String>) -> Schedule {
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
        limits: worth(problem, plan),
        duration: duration(plan),
        left_out,
        by_hour: plan.hours.iter().zip(hours).map(hour).collect(),
    }
}

/// Returns the shadow prices of half a dollar per megawatt and more.
fn worth(problem: &Problem, plan: &SitePlan) -> Vec<LimitValue> {
    let prices = &plan.prices;
    let stages = prices.stages.iter().zip(&problem.ai.stages);
    let stages =
        stages.map(|(price, stage)| (format!("the room of {} for AI", stage.capacity), *price));
    let limits = [
        ("the site's power", prices.power.total),
        ("the site's cooling", prices.cooling.total),
        ("what AI is asked for", prices.demand.total),
        ("the tenant's contract", prices.contract.total),
        ("the ramp", prices.ramp.total),
        ("the power that the grid pays for", prices.credited_power.total),
    ];
    let limits = limits.into_iter().map(|(of, price)| (of.to_owned(), price));
    let per_megawatt = |(of, price): (String, UsdPerWatt)| LimitValue {
        of,
        usd_per_megawatt: Usd::new(price.value() * 1e6),
    };
    let mut limits: Vec<LimitValue> = limits.chain(stages).map(per_megawatt).collect();
    limits.retain(|limit| limit.usd_per_megawatt.value().abs() >= 0.5);
    limits
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
