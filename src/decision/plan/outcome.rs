//! The parts of a plan: by hour, by class, in money, and the shadow price of each limit.

use super::model::{Duty, HOUR, Model};
use super::problem::Problem;
use super::proof::{Flows, Prices, Sum};
use crate::units::{Joules, Usd, UsdPerKwh, UsdPerWatt, Watts};

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
    /// Shadow prices of the limits: what more of each is worth.
    pub prices: ShadowPrices,
}

/// Parts of [`SitePlan::objective`], in US dollars; the first three are income, the others costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accounts {
    /// Income from mining.
    pub mining: Usd,
    /// Income from AI.
    pub ai: Usd,
    /// Income from demand response.
    pub credits: Usd,
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
    /// Power that AI draws, in watts.
    pub ai: Watts,
    /// Curtailed power, in watts: what idle machines could draw besides, within the limits of
    /// power, of cooling and of what AI may draw.
    pub curtailed: Watts,
    /// Power not drawn that demand response pays for, in watts.
    pub credited: Watts,
    /// Price of energy, in US dollars per kWh.
    pub tariff: UsdPerKwh,
}

impl HourlyDraw {
    /// Returns what the site draws: mining and AI together, in watts.
    #[must_use]
    pub fn draw(&self) -> Watts {
        self.mining + self.ai
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
    /// Energy that the machines draw, in joules.
    pub energy: Joules,
    /// Margin of the machines, in US dollars, after energy and conversion, before credits for what
    /// they do not draw.
    pub margin: Usd,
}

/// Shadow prices: what one more watt of each limit is worth, as long as nothing else changes.
///
/// A megawatt is worth a million times that, as long as the best plan does not change before. Only
/// the price of the contract may be negative: it is what one more watt of promised draw changes, so
/// it is zero or below.
///
/// Where a plan has just reached a limit that was of no consequence before, one more watt is worth
/// less than one watt less would cost; the price is between the two.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPrices {
    /// Shadow price of the site's power.
    pub power: Hourly,
    /// Shadow price of the site's cooling, for a watt of heat.
    pub cooling: Hourly,
    /// Shadow price of the demand for AI, in hours in which there is capacity for more.
    pub demand: Hourly,
    /// Shadow price of each stage of AI capacity, over its hours in which as much or more is asked
    /// for.
    pub stages: Vec<UsdPerWatt>,
    /// Shadow price of what the contract promises; zero or below.
    pub contract: Hourly,
    /// Shadow price of the ramp, into each hour from the one before.
    pub ramp: Hourly,
    /// Shadow price of the baseline of demand response, in hours in which neither the site's power
    /// nor its machines cut it.
    pub baseline: Hourly,
    /// Shadow price of the maximum power that is paid for.
    pub credited_power: Hourly,
    /// Shadow price of the maximum energy that is paid for in the plan, in US dollars per kWh.
    pub credited_energy: UsdPerKwh,
}

/// Shadow price over the whole plan and by hour, in US dollars per watt.
#[derive(Clone, Debug, PartialEq)]
pub struct Hourly {
    /// Value of one more watt in all hours.
    pub total: UsdPerWatt,
    /// Value of one more watt in each hour alone, in the order of the problem's hours.
    pub hours: Vec<UsdPerWatt>,
}

/// Summary of a plan in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean power that mining draws, in watts.
    pub mining: Watts,
    /// Mean power that AI draws, in watts.
    pub ai: Watts,
    /// Mean curtailed power, in watts: what idle machines could draw within the limits.
    pub curtailed: Watts,
    /// Share of AI in all energy drawn, 0 to 1; 0 if none is drawn.
    pub ai_share: f64,
    /// Number of hours in which more than a thousandth of what could be drawn is not.
    pub hours_curtailed: usize,
    /// Energy drawn in all hours, in joules.
    pub energy: Joules,
    /// Mean cost of energy, in US dollars per kWh; `None` if none is drawn.
    pub mean_tariff: Option<UsdPerKwh>,
}

impl SitePlan {
    /// Returns the plan in a few numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let sum = |of: fn(&HourlyDraw) -> Watts| self.hours.iter().map(of).sum::<Watts>();
        let hours = self.hours.len() as f64;
        let (mining, ai) = (sum(|hour| hour.mining), sum(|hour| hour.ai));
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
            mean_tariff: some.then(|| UsdPerKwh::new(self.money.energy.value() / kwh(energy))),
        }
    }
}

/// Share of the site's power below which spare power is the solver's rounding.
const ROUNDING: f64 = 2e-6;

fn kwh(energy: Joules) -> f64 {
    energy.value() / HOUR / 1e3
}

pub(super) fn plan(
    problem: &Problem,
    model: &Model,
    flows: &Flows,
    prices: &Prices,
    bound: f64,
) -> SitePlan {
    let money = flows.money(model);
    let sums: Vec<Sum> = (0..model.slots.len()).map(|slot| flows.sum(model, slot)).collect();
    let spare = spare(model, flows, &sums);
    let hours = model.slot_of.iter().zip(&problem.hours).map(|(&slot, hour)| HourlyDraw {
        mining: Watts::new(sums[slot].mining),
        ai: Watts::new(sums[slot].ai),
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
            energy: Usd::new(money.energy),
            conversion: Usd::new(money.conversion),
        },
        hours: hours.collect(),
        classes: (0..model.kinds.len()).map(|kind| class(problem, model, flows, kind)).collect(),
        prices: shadow_prices(problem, model, prices),
    }
}

fn class(problem: &Problem, model: &Model, flows: &Flows, at: usize) -> PlannedClass {
    let kind = &model.kinds[at];
    let converted = kind.count * flows.shares[at];
    let (mut hours, mut energy) = ([0.0; 2], 0.0);
    let mut margin = -converted * kind.conversion;
    for (at_slot, slot) in model.slots.iter().enumerate() {
        for (hours, duty) in hours.iter_mut().zip([Duty::Mining, Duty::AiLimits]) {
            let Some(of) = kind.duty_in(slot, duty) else { continue };
            let machines = kind.count * flows.share(at_slot, at, duty);
            *hours += slot.weight * machines;
            energy += slot.weight * machines * of.power;
            margin += machines * of.value(slot);
        }
    }
    let [mining_hours, ai_hours] = hours;
    let all = kind.count * model.slot_of.len() as f64;
    PlannedClass {
        name: problem.classes[at].name.clone(),
        converted,
        mining_hours,
        ai_hours,
        off_hours: (all - mining_hours - ai_hours).max(0.0),
        energy: Joules::new(energy * HOUR),
        margin: Usd::new(margin),
    }
}

/// Returns what idle machines could draw besides, by slot: those with least heat for a watt come
/// first, which leaves room for most.
fn spare(model: &Model, flows: &Flows, sums: &[Sum]) -> Vec<f64> {
    let mut uses: Vec<_> = (0..model.kinds.len())
        .flat_map(|kind| [(kind, Duty::Mining), (kind, Duty::AiLimits)])
        .filter_map(|(kind, duty)| Some((kind, duty, model.kinds[kind].duty(duty)?)))
        .collect();
    uses.sort_by(|(.., a), (.., b)| (a.heat / a.power).total_cmp(&(b.heat / b.power)));
    let of_slot = |(at, sum): (usize, &Sum)| {
        let mut power = (model.power - sum.draw()).max(0.0);
        let mut heat = (model.cooling - sum.heat).max(0.0);
        let mut ai = (model.slots[at].most_ai - sum.ai).max(0.0);
        let mut all = 0.0;
        for &(kind, duty, of) in &uses {
            let may = match duty {
                Duty::Mining => 1.0 - flows.shares[kind],
                Duty::AiLimits => flows.shares[kind],
            };
            let resting = model.kinds[kind].count * (may - flows.share(at, kind, duty)).max(0.0);
            let mut more = (resting * of.power).min(power);
            if of.heat > 0.0 {
                more = more.min(heat * of.power / of.heat);
            }
            if duty == Duty::AiLimits {
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

fn shadow_prices(problem: &Problem, model: &Model, prices: &Prices) -> ShadowPrices {
    let hourly = |of: &dyn Fn(usize, usize) -> f64| {
        let price = |(hour, &slot): (usize, &usize)| of(hour, slot) / model.slots[slot].weight;
        let hours: Vec<_> =
            model.slot_of.iter().enumerate().map(price).map(UsdPerWatt::new).collect();
        Hourly { total: hours.iter().copied().sum(), hours }
    };
    // A baseline that is cut to the site's power stands for it, and one that is cut to what the
    // machines draw stands for no limit at all.
    let base = |hour| problem.baseline(hour).map_or(f64::INFINITY, Watts::value);
    let cut =
        |hour: usize, slot: usize| model.slots[slot].baseline.is_some_and(|of| of < base(hour));
    let by_power = |slot: usize| model.slots[slot].baseline.is_some_and(|of| of >= model.power);
    let closed = closed_to_ai(model, prices);
    let of_ai = |slot: usize| prices.most_ai[slot] + closed[slot];
    let of_stage = |hour: usize| {
        let demand = problem.hours[hour].demand;
        demand.is_none_or(|demand| problem.capacity(hour) <= demand)
    };
    let demand = hourly(&|hour, slot| if of_stage(hour) { 0.0 } else { of_ai(slot) });
    let capacity = hourly(&|hour, slot| if of_stage(hour) { of_ai(slot) } else { 0.0 });
    let mut stages = vec![UsdPerWatt::ZERO; problem.ai.stages.len()];
    for (hour, &price) in capacity.hours.iter().enumerate() {
        if let Some(stage) = problem.stage(hour) {
            stages[stage] += price;
        }
    }
    ShadowPrices {
        power: hourly(&|hour, slot| {
            let base = if cut(hour, slot) && by_power(slot) { prices.baseline[slot] } else { 0.0 };
            prices.power[slot] + base
        }),
        cooling: hourly(&|_, slot| prices.cooling[slot]),
        demand,
        stages,
        contract: hourly(&|_, slot| -prices.least_ai[slot]),
        ramp: hourly(&|_, slot| prices.up[slot] + prices.down[slot]),
        baseline: hourly(&|hour, slot| {
            if cut(hour, slot) { 0.0 } else { prices.baseline[slot] }
        }),
        credited_power: hourly(&|_, slot| prices.most_credited[slot]),
        credited_energy: UsdPerKwh::new(prices.credit_energy * 1e3),
    }
}

/// Returns what the first watt of AI would be worth where there is none, by slot; zero where there
/// is some.
///
/// Where AI may draw nothing, there is no row for it in the program. The price has to leave no kind
/// with a reason to serve AI that does not: of what a kind would earn in all these slots, what its
/// conversion lacks in the others is taken off.
fn closed_to_ai(model: &Model, prices: &Prices) -> Vec<f64> {
    let mut worth = vec![0.0_f64; model.slots.len()];
    let closed = || (0..model.slots.len()).filter(|&slot| model.slots[slot].most_ai <= 0.0);
    for kind in model.kinds.iter().filter(|kind| kind.count > 0.0) {
        let Some(of) = kind.ai else { continue };
        let margin = |slot: usize| {
            let paid = of.power * prices.of_draw(slot) + of.heat * prices.cooling[slot];
            (of.value(&model.slots[slot]) - paid).max(0.0)
        };
        let all: f64 = closed().map(margin).sum();
        let (mining, ai) = prices.best(model, kind);
        let lacking = mining - ai.unwrap_or(0.0);
        if all > lacking {
            let share = (1.0 - lacking / all).min(1.0);
            for slot in closed() {
                worth[slot] = worth[slot].max(share * margin(slot) / of.power);
            }
        }
    }
    worth
}
