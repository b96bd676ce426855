//! A plan as people read it: who draws what, and what it earns, by the kinds of income and cost that
//! an owner keeps books of.

use super::case::Case;
use super::inputs::Factors;
use super::model::{Allocation, DurationPoint, Money, PlannedHour, Schedule};
use super::operating::OperatingPoint;
use super::plan::PlannedClass;
use super::planner::{Planned, Planner};
use super::site::Site;
use crate::units::{Joules, Usd, Watts};

/// Returns the plan, without what its limits are worth and without other shares of AI.
pub(super) fn schedule(planner: &Planner<'_>, site: &Site, planned: &Planned) -> Schedule {
    let plan = &planned.plan;
    let count = planner.hours.len();
    let by_hour: Vec<PlannedHour> = plan
        .hours
        .iter()
        .zip(planner.hours)
        .enumerate()
        .map(|(at, (planned_hour, hour))| {
            let served = planned.leases.iter().filter(|lease| lease.from <= at);
            let tenants: Watts = served.map(|lease| lease.reserved * lease.used).sum();
            PlannedHour {
                start: hour.start,
                tariff: planned_hour.tariff,
                mining: planned_hour.mining,
                ai: planned_hour.ai + tenants,
                curtailed: planned_hour.curtailed,
            }
        })
        .collect();
    let mean = |of: fn(&PlannedHour) -> Watts| by_hour.iter().map(of).sum::<Watts>() / count as f64;
    let (mining, ai) = (mean(|hour| hour.mining), mean(|hour| hour.ai));
    let drawn = mining + ai;
    let classes = planned.classes.iter().zip(&plan.classes);
    let mut allocations: Vec<Allocation> = classes
        .map(|(&at, class)| allocation(class, f64::from(planner.candidates[at].count)))
        .collect();
    allocations.extend(planned.leases.iter().map(|lease| {
        let served = (count - lease.from) as f64;
        Allocation {
            name: site.ai.contracts[lease.contract].name.clone(),
            count: 1.0,
            converted: 1.0,
            mining_hours: 0.0,
            ai_hours: served,
            off_hours: lease.from as f64,
            energy_joules: Joules::new((lease.reserved * lease.used).value() * served * 3600.0),
            margin_usd: lease.profit(),
        }
    }));
    Schedule {
        hours: count,
        profit_usd: planned.earns(),
        money: money(planner, site, planned),
        mining_watts: mining,
        ai_watts: ai,
        curtailed_watts: mean(|hour| hour.curtailed),
        ai_share: if drawn > Watts::ZERO { ai / drawn } else { 0.0 },
        hours_curtailed: plan.summary().hours_curtailed,
        classes: allocations,
        limits: Vec::new(),
        shares: Vec::new(),
        duration: duration(&by_hour),
        left_out: planned.left_out.clone(),
        by_hour,
    }
}

fn allocation(class: &PlannedClass, count: f64) -> Allocation {
    Allocation {
        name: class.name.clone(),
        count,
        converted: class.converted,
        mining_hours: class.mining_hours,
        ai_hours: class.ai_hours,
        off_hours: class.off_hours,
        energy_joules: class.energy,
        margin_usd: class.margin,
    }
}

fn money(planner: &Planner<'_>, site: &Site, planned: &Planned) -> Money {
    let plan = &planned.plan;
    let one = Factors::ONE;
    let pool_fee = site.mining.as_ref().map_or(0.0, |it| it.pool_fee.value);
    let market_fee = site.ai.market.as_ref().map_or(0.0, |it| it.fee.value);
    let mut money = Money {
        credits_usd: plan.money.credits,
        readiness_usd: plan.money.readiness,
        energy_usd: plan.money.energy,
        conversion_usd: plan.money.conversion,
        capital_usd: planner.capital(site, planned),
        ..Money::default()
    };
    for (&at, class) in planned.classes.iter().zip(&plan.classes) {
        let case = Case::new(site, planner.curve, planner.outlook, &planner.candidates[at]);
        let operations = |point: Option<OperatingPoint>, hours: f64| {
            point.map_or(Usd::ZERO, |it| it.operations.over(hours))
        };
        let of_mining = operations(case.mining(&one), class.mining_hours);
        let of_ai = operations(case.renting(&one), class.ai_hours);
        // The plan earns what is left after fees and operations.
        let (mined, pool) = before_fee(class.mining + of_mining, pool_fee);
        let (rented, market) = before_fee(class.ai + of_ai, market_fee);
        money.mining_usd += mined;
        money.renting_usd += rented;
        money.fees_usd += pool + market;
        money.operations_usd += of_mining + of_ai;
    }
    for lease in &planned.leases {
        money.tenants_usd += lease.revenue;
        money.operations_usd += lease.operations;
        money.energy_usd += lease.energy;
        money.conversion_usd += lease.conversion;
    }
    money
}

/// Returns income before a fee, and the fee.
fn before_fee(after: Usd, fee: f64) -> (Usd, Usd) {
    let before = if fee < 1.0 { after / (1.0 - fee) } else { after };
    (before, before - after)
}

/// Returns the duration curve, at `PLACES` places at the most.
fn duration(hours: &[PlannedHour]) -> Vec<DurationPoint> {
    const PLACES: usize = 200;
    let mut hours: Vec<&PlannedHour> = hours.iter().collect();
    let draw = |hour: &PlannedHour| hour.mining + hour.ai;
    hours.sort_by(|a, b| draw(b).total_cmp(&draw(a)).then(b.ai.total_cmp(&a.ai)));
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
