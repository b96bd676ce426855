//! The parts of a plan: by hour, by class, and in money.

use super::model::{Duty, HOUR, Model};
use super::problem::Problem;
use super::proof::{Flows, Sum};
use crate::units::{Joules, Usd, UsdPerKwh, Watts};

/// Optimal plan: what the machines of a site do, hour by hour, and what it earns.
#[derive(Clone, Debug, PartialEq)]
pub struct SitePlan {
    /// Profit of all hours, in US dollars, after energy and conversion.
    pub objective: Usd,
    /// Upper bound of the profit of any plan, in US dollars: the proof that this one is best.
    pub bound: Usd,
    /// Income and costs, by category.
    pub money: Accounts,
    /// What happens in each hour, in the order of the problem's hours.
    pub hours: Vec<HourlyDraw>,
    /// What each class of machines does, in the order of the problem's classes.
    pub classes: Vec<PlannedClass>,
}

/// Parts of [`SitePlan::objective`], in US dollars; the first four are income, the others costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accounts {
    /// Income from mining.
    pub mining: Usd,
    /// Income from AI.
    pub ai: Usd,
    /// Income from power that is not drawn.
    pub credits: Usd,
    /// Income from mining that is ready to be switched off.
    pub readiness: Usd,
    /// Cost of energy; negative if the site has been paid for taking it.
    pub energy: Usd,
    /// Cost of conversions to AI.
    pub conversion: Usd,
}

/// One hour of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HourlyDraw {
    /// Power that mining draws, in watts.
    pub mining: Watts,
    /// Power that AI on machines of the plan draws, in watts.
    pub ai: Watts,
    /// Power that tenants draw, in watts.
    pub tenants: Watts,
    /// Curtailed power, in watts: what idle machines could draw besides, within the limits of
    /// power, of cooling and of what AI may draw.
    pub curtailed: Watts,
    /// Power not drawn that demand response pays for, in watts.
    pub credited: Watts,
    /// Price of energy, in US dollars per kWh.
    pub tariff: UsdPerKwh,
}

impl HourlyDraw {
    /// Returns what the site draws: mining, AI and tenants together, in watts.
    #[must_use]
    pub fn draw(&self) -> Watts {
        self.mining + self.ai + self.tenants
    }
}

/// What one class of machines does in a plan. Hours are machine-hours: a hundred machines have
/// 2,400 in a day.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedClass {
    /// Name of the class, as in the problem.
    pub name: String,
    /// Number of machines that serve AI and do not mine, for the whole plan; not always whole.
    pub converted: f64,
    /// Machine-hours of mining.
    pub mining_hours: f64,
    /// Machine-hours of serving AI.
    pub ai_hours: f64,
    /// Machine-hours switched off.
    pub off_hours: f64,
    /// Number of machines that run in the hour in which most of them do; not always whole.
    pub most_running: f64,
    /// Energy that the machines draw, in joules.
    pub energy: Joules,
    /// Income from mining, in US dollars.
    pub mining: Usd,
    /// Income from AI, in US dollars.
    pub ai: Usd,
    /// Margin of the machines, in US dollars, after energy and conversion, before what demand response
    /// pays.
    pub margin: Usd,
}

/// Summary of a plan in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean power that mining draws, in watts.
    pub mining: Watts,
    /// Mean power that AI draws, that of tenants included, in watts.
    pub ai: Watts,
    /// Mean curtailed power, in watts: what idle machines could draw within the limits.
    pub curtailed: Watts,
    /// Share of AI in all energy drawn, 0 to 1; 0 if none is drawn.
    pub ai_share: f64,
    /// Number of hours in which more than a thousandth of what could be drawn is not.
    pub hours_curtailed: usize,
    /// Energy drawn in all hours, in joules.
    pub energy: Joules,
}

impl SitePlan {
    /// Returns the plan in a few numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let sum = |of: fn(&HourlyDraw) -> Watts| self.hours.iter().map(of).sum::<Watts>();
        let hours = self.hours.len() as f64;
        let (mining, ai) = (sum(|hour| hour.mining), sum(|hour| hour.ai + hour.tenants));
        let drawn = mining + ai;
        let some = drawn > Watts::ZERO;
        let energy = Joules::new(drawn.value() * HOUR);
        let could = |hour: &&HourlyDraw| hour.curtailed * 1e3 > hour.curtailed + hour.draw();
        Summary {
            mining: mining / hours,
            ai: ai / hours,
            curtailed: sum(|hour| hour.curtailed) / hours,
            ai_share: if some { ai / drawn } else { 0.0 },
            hours_curtailed: self.hours.iter().filter(could).count(),
            energy,
        }
    }
}

/// Share of the site's power below which spare power is the solver's rounding.
const ROUNDING: f64 = 2e-6;

pub(super) fn plan(problem: &Problem, model: &Model, flows: &Flows, bound: f64) -> SitePlan {
    let money = flows.money(model);
    let sums: Vec<Sum> = (0..model.slots.len()).map(|slot| flows.sum(model, slot)).collect();
    let spare = spare(model, flows, &sums);
    let hours = model.slot_of.iter().zip(&problem.hours).map(|(&slot, hour)| HourlyDraw {
        mining: Watts::new(sums[slot].mining),
        ai: Watts::new(sums[slot].ai),
        tenants: hour.tenants,
        // Limits are kept to a millionth of the site's power, and that much may seem to rest.
        curtailed: if spare[slot] > ROUNDING * model.power {
            Watts::new(spare[slot])
        } else {
            Watts::ZERO
        },
        credited: Watts::new(flows.credited[slot]),
        tariff: hour.tariff,
    });
    SitePlan {
        objective: Usd::new(money.objective()),
        bound: Usd::new(bound),
        money: Accounts {
            mining: Usd::new(money.mining),
            ai: Usd::new(money.ai),
            credits: Usd::new(money.credits),
            readiness: Usd::new(money.readiness),
            energy: Usd::new(money.energy),
            conversion: Usd::new(money.conversion),
        },
        hours: hours.collect(),
        classes: (0..model.kinds.len()).map(|kind| class(problem, model, flows, kind)).collect(),
    }
}

fn class(problem: &Problem, model: &Model, flows: &Flows, at: usize) -> PlannedClass {
    let kind = &model.kinds[at];
    let converted = kind.count * flows.shares[at];
    let (mut hours, mut income, mut energy) = ([0.0; 2], [0.0; 2], 0.0);
    let mut margin = -converted * kind.conversion;
    let mut most_running = 0.0_f64;
    for (at_slot, slot) in model.slots.iter().enumerate() {
        let mut running = 0.0;
        for (of_duty, duty) in [Duty::Mining, Duty::Ai].into_iter().enumerate() {
            let Some(of) = kind.duty_in(slot, duty) else { continue };
            let machines = kind.count * flows.share(at_slot, at, duty);
            running += machines;
            hours[of_duty] += slot.weight * machines;
            income[of_duty] += slot.weight * machines * of.revenue;
            energy += slot.weight * machines * of.power;
            margin += machines * of.value(slot);
        }
        most_running = most_running.max(running);
    }
    let [mining_hours, ai_hours] = hours;
    let all = kind.count * model.slot_of.len() as f64;
    PlannedClass {
        name: problem.classes[at].name.clone(),
        converted,
        mining_hours,
        ai_hours,
        off_hours: (all - mining_hours - ai_hours).max(0.0),
        most_running,
        energy: Joules::new(energy * HOUR),
        mining: Usd::new(income[0]),
        ai: Usd::new(income[1]),
        margin: Usd::new(margin),
    }
}

/// Returns what idle machines could draw besides, by slot: those with least heat for a watt come
/// first, which leaves room for most.
fn spare(model: &Model, flows: &Flows, sums: &[Sum]) -> Vec<f64> {
    let mut uses: Vec<_> = (0..model.kinds.len())
        .flat_map(|kind| [(kind, Duty::Mining), (kind, Duty::Ai)])
        .filter_map(|(kind, duty)| Some((kind, duty, model.kinds[kind].duty(duty)?)))
        .collect();
    uses.sort_by(|(.., a), (.., b)| (a.heat / a.power).total_cmp(&(b.heat / b.power)));
    let of_slot = |(at, sum): (usize, &Sum)| {
        let mut power = (model.slots[at].power - sum.draw()).max(0.0);
        let mut heat = (model.slots[at].cooling - sum.heat).max(0.0);
        let mut ai = (model.slots[at].most_ai - sum.ai).max(0.0);
        let mut all = 0.0;
        for &(kind, duty, of) in &uses {
            let may = match duty {
                Duty::Mining => 1.0 - flows.shares[kind],
                Duty::Ai => flows.shares[kind],
            };
            let resting = model.kinds[kind].count * (may - flows.share(at, kind, duty)).max(0.0);
            let mut more = (resting * of.power).min(power);
            if of.heat > 0.0 {
                more = more.min(heat * of.power / of.heat);
            }
            if duty == Duty::Ai {
                more = more.min(ai);
                ai -= more;
            }
            power -= more;
            heat -= more * of.heat / of.power;
            all += more;
        }
        all
    };
    sums.iter().enumerate().map(of_slot).collect()
}
