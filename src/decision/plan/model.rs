//! The problem as plain numbers, in watts, hours and dollars, with equal hours taken together.
//!
//! Where nothing ties an hour to the next, hours that are alike in everything have the same best
//! plan, so that a year of one tariff is a single slot.

use std::collections::HashMap;

use super::problem::{Operation, Problem};
use crate::units::{UsdPerHour, UsdPerKwh, Watts};

/// Seconds in an hour, and joules in a watt-hour.
pub(super) const HOUR: f64 = 3600.0;

pub(super) struct Model {
    pub(super) slots: Vec<Slot>,
    /// The slot of each hour.
    pub(super) slot_of: Vec<usize>,
    pub(super) kinds: Vec<Kind>,
    /// Power of everything that can run at once, W; above zero.
    pub(super) reach: f64,
    /// Power of everything that can mine, W.
    pub(super) mining_reach: f64,
    /// Limit of power, W at the meter, tenants included.
    pub(super) power: f64,
    /// Limit of change from a slot to the next, W.
    pub(super) ramp: Option<f64>,
    /// Limit of energy that is credited, Wh; infinite if there is none.
    pub(super) credit_energy: f64,
}

/// Hours that are alike.
#[derive(Clone)]
pub(super) struct Slot {
    /// Number of hours.
    pub(super) weight: f64,
    /// Price of energy, $/Wh.
    pub(super) tariff: f64,
    /// Credit for energy not drawn, $/Wh.
    pub(super) credit: f64,
    /// Draw below which what is not drawn is paid for, W; only with a credit.
    pub(super) baseline: Option<f64>,
    /// The most that is credited, W; may be infinite.
    pub(super) most_credited: f64,
    /// Payment for mining that is ready to be switched off, $/Wh.
    pub(super) readiness: f64,
    /// The most that is paid for its readiness, W; no more than can mine.
    pub(super) most_ready: f64,
    /// What tenants leave of the site's power, W.
    pub(super) power: f64,
    /// What tenants leave of the limit of heat, W; infinite if there is none.
    pub(super) cooling: f64,
    /// The most that AI draws, W; may be infinite.
    pub(super) most_ai: f64,
    /// Draw of tenants, W.
    pub(super) tenants: f64,
    /// Whether the subsidy has been halved by then.
    pub(super) after_halving: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) count: f64,
    pub(super) mining: Option<Draw>,
    /// Revenue of mining after the halving, $/h.
    pub(super) mining_after_halving: Option<f64>,
    pub(super) ai: Option<Draw>,
    /// Cost of converting one machine, $.
    pub(super) conversion: f64,
}

/// The two uses of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Duty {
    Mining,
    Ai,
}

/// One machine in one use.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// Power at the meter, W.
    pub(super) power: f64,
    /// Heat given off, W.
    pub(super) heat: f64,
    /// Revenue before energy, $/h.
    pub(super) revenue: f64,
}

impl Draw {
    /// Returns what it earns in all hours of a slot once energy is paid for, $.
    pub(super) fn value(&self, slot: &Slot) -> f64 {
        slot.weight * (self.revenue - self.power * slot.tariff)
    }
}

impl From<Operation> for Draw {
    fn from(of: Operation) -> Self {
        Self { power: of.power.value(), heat: of.heat.value(), revenue: of.revenue.value() }
    }
}

impl Kind {
    /// Returns one machine in a use, with the revenue of hours before a halving.
    pub(super) fn duty(&self, duty: Duty) -> Option<Draw> {
        match duty {
            Duty::Mining => self.mining,
            Duty::Ai => self.ai,
        }
    }

    /// Returns one machine in a use, with the revenue of a slot.
    pub(super) fn duty_in(&self, slot: &Slot, duty: Duty) -> Option<Draw> {
        let of = self.duty(duty)?;
        let halved = self.mining_after_halving.filter(|_| slot.after_halving);
        match (duty, halved) {
            (Duty::Mining, Some(revenue)) => Some(Draw { revenue, ..of }),
            _ => Some(of),
        }
    }

    /// Returns the most that one machine draws, W.
    pub(super) fn peak(&self) -> f64 {
        let power = |of: Option<Draw>| of.map_or(0.0, |of| of.power);
        power(self.mining).max(power(self.ai))
    }
}

impl Slot {
    /// Returns whether less is paid for its readiness than can mine.
    pub(super) fn limits_ready(&self, model: &Model) -> bool {
        self.readiness > 0.0 && self.most_ready < model.mining_reach
    }
}

impl Model {
    pub(super) fn new(problem: &Problem) -> Self {
        let infinite = Watts::new(f64::INFINITY);
        let site = &problem.site;
        let kinds: Vec<Kind> = problem
            .classes
            .iter()
            .map(|class| Kind {
                count: class.count,
                mining: class.mining.map(Draw::from),
                mining_after_halving: class.mining_after_halving.map(UsdPerHour::value),
                ai: class.ai.map(Draw::from),
                conversion: class.conversion.value(),
            })
            .collect();
        let power = site.power.value();
        let reach = kinds.iter().map(|kind| kind.count * kind.peak()).sum::<f64>();
        let of_mining = |kind: &Kind| kind.mining.map_or(0.0, |of| kind.count * of.power);
        let mining_reach = kinds.iter().map(of_mining).sum();
        let response = site.response;
        let mut model = Self {
            slots: Vec::new(),
            slot_of: Vec::with_capacity(problem.hours.len()),
            kinds,
            mining_reach,
            reach: if reach > 0.0 { reach.min(power) } else { power },
            power,
            ramp: site.ramp.map(Watts::value),
            credit_energy: response
                .and_then(|of| of.most_energy)
                .map_or(f64::INFINITY, |energy| energy.value() / HOUR),
        };
        let mut known = HashMap::new();
        for (at, hour) in problem.hours.iter().enumerate() {
            let alike = (
                // One hour after the other where the draw of one limits that of the next.
                model.ramp.map(|_| at),
                hour.tariff.value().to_bits(),
                (hour.credit.value().to_bits(), bits(hour.most_credited)),
                (hour.readiness.value().to_bits(), bits(hour.most_ready)),
                (hour.tenants.value().to_bits(), hour.tenants_heat.value().to_bits()),
                bits(hour.demand),
                problem.stage(at),
                hour.after_halving,
            );
            let slot = *known.entry(alike).or_insert_with(|| {
                let most = |limit: Option<Watts>| limit.unwrap_or(infinite).value();
                let left = |limit: f64, taken: Watts| (limit - taken.value()).max(0.0);
                // What is drawn in an hour with a credit is at most its baseline.
                let baseline = problem.baseline(at).map(Watts::value);
                let limit = left(power.min(baseline.unwrap_or(power)), hour.tenants);
                model.slots.push(Slot {
                    weight: 0.0,
                    tariff: per_wh(hour.tariff),
                    credit: per_wh(hour.credit),
                    // Without machines there is none.
                    baseline: baseline.map(|_| limit.min(reach)).filter(|baseline| *baseline > 0.0),
                    most_credited: most(hour.most_credited),
                    readiness: per_wh(hour.readiness),
                    most_ready: most(hour.most_ready).min(mining_reach),
                    power: limit,
                    cooling: left(most(site.cooling), hour.tenants_heat),
                    most_ai: left(problem.capacity(at).value(), hour.tenants)
                        .min(most(hour.demand)),
                    tenants: hour.tenants.value(),
                    after_halving: hour.after_halving,
                });
                model.slots.len() - 1
            });
            model.slots[slot].weight += 1.0;
            model.slot_of.push(slot);
        }
        model
    }

    /// Returns some of the slots, standing for all of them, with nothing between one and the next.
    ///
    /// They are spread by the golden section, which keeps step with neither days nor weeks.
    pub(super) fn sample(&self, slots: usize) -> Self {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let all = self.slots.len();
        let weight: f64 = self.slots.iter().map(|slot| slot.weight).sum();
        let mut chosen: Vec<Slot> = (0..slots)
            .map(|i| (i as f64 * GOLDEN).fract())
            .map(|share| self.slots[((share * all as f64) as usize).min(all - 1)].clone())
            .collect();
        let of_chosen: f64 = chosen.iter().map(|slot| slot.weight).sum();
        for slot in &mut chosen {
            slot.weight *= weight / of_chosen;
        }
        Self { slots: chosen, slot_of: Vec::new(), kinds: self.kinds.clone(), ramp: None, ..*self }
    }

    /// Returns what all machines could turn over, $: what small differences of money are small
    /// against.
    pub(super) fn turnover(&self) -> f64 {
        let uses = || {
            self.kinds.iter().flat_map(|kind| {
                [kind.mining, kind.ai].into_iter().flatten().map(|of| (kind.count, of))
            })
        };
        let of_slot = |slot: &Slot| -> f64 {
            uses()
                .map(|(count, of)| {
                    let energy = of.power * (slot.tariff.abs() + slot.readiness);
                    count * (of.revenue.abs() + energy)
                })
                .sum()
        };
        let credits = |slot: &Slot| slot.credit * slot.baseline.unwrap_or(0.0);
        self.slots.iter().map(|slot| slot.weight * (of_slot(slot) + credits(slot))).sum()
    }
}

fn bits(limit: Option<Watts>) -> Option<u64> {
    limit.map(|limit| limit.value().to_bits())
}

fn per_wh(price: UsdPerKwh) -> f64 {
    price.value() / 1e3
}
