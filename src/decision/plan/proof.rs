//! Whether a plan keeps to the limits, and what no plan exceeds.
//!
//! Neither asks the solver. At any prices of the limits, as long as none is negative, a plan earns
//! no more than it would if every limit could be bought and sold at its price: and then each
//! machine does what is best for it alone, which is a sum. Where that sum is what the plan earns,
//! the plan is best, and the prices are the worth of the limits.

use super::model::{Duty, Kind, Model};

/// What every kind does in every slot.
pub(super) struct Flows {
    kinds: usize,
    /// Share of each kind that serves AI.
    pub(super) shares: Vec<f64>,
    /// Share of all machines in this use, by slot and kind.
    mining: Vec<f64>,
    ai: Vec<f64>,
    /// Power that is paid for though it is not drawn, W, by slot.
    pub(super) credited: Vec<f64>,
}

/// Shadow price of each limit, $/W for all hours of a slot; none is negative.
#[derive(Clone)]
pub(super) struct Prices {
    pub(super) power: Vec<f64>,
    pub(super) baseline: Vec<f64>,
    pub(super) cooling: Vec<f64>,
    pub(super) most_ai: Vec<f64>,
    /// What a watt of mining earns by its readiness.
    pub(super) ready: Vec<f64>,
    /// Ramp up, from the slot before.
    pub(super) up: Vec<f64>,
    pub(super) down: Vec<f64>,
    pub(super) most_credited: Vec<f64>,
    /// Energy that is credited, $/Wh.
    pub(super) credit_energy: f64,
}

/// Sums of power and heat in a slot.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    /// Power of mining, W.
    pub(super) mining: f64,
    /// Power of AI, W.
    pub(super) ai: f64,
    /// Heat given off, W.
    pub(super) heat: f64,
}

impl Sum {
    pub(super) fn draw(self) -> f64 {
        self.mining + self.ai
    }
}

/// Where the money of a plan comes from and goes to, $.
#[derive(Clone, Copy, Default)]
pub(super) struct Money {
    pub(super) mining: f64,
    pub(super) ai: f64,
    pub(super) credits: f64,
    pub(super) readiness: f64,
    pub(super) energy: f64,
    pub(super) conversion: f64,
    /// Sum of all of them without regard to signs.
    pub(super) turnover: f64,
}

impl Money {
    pub(super) fn objective(&self) -> f64 {
        self.mining + self.ai + self.credits + self.readiness - self.energy - self.conversion
    }
}

impl Flows {
    /// Returns the flows in which everything rests.
    pub(super) fn none(model: &Model) -> Self {
        let (slots, kinds) = (model.slots.len(), model.kinds.len());
        Self {
            kinds,
            shares: vec![0.0; kinds],
            mining: vec![0.0; slots * kinds],
            ai: vec![0.0; slots * kinds],
            credited: vec![0.0; slots],
        }
    }

    pub(super) fn level(&mut self, slot: usize, kind: usize, duty: Duty) -> &mut f64 {
        let at = slot * self.kinds + kind;
        match duty {
            Duty::Mining => &mut self.mining[at],
            Duty::Ai => &mut self.ai[at],
        }
    }

    /// Returns the share of a kind that is in one use in a slot.
    pub(super) fn share(&self, slot: usize, kind: usize, duty: Duty) -> f64 {
        let at = slot * self.kinds + kind;
        match duty {
            Duty::Mining => self.mining[at],
            Duty::Ai => self.ai[at],
        }
    }

    pub(super) fn sum(&self, model: &Model, slot: usize) -> Sum {
        let mut sum = Sum::default();
        for (at, kind) in model.kinds.iter().enumerate() {
            for duty in [Duty::Mining, Duty::Ai] {
                let Some(of) = kind.duty(duty) else { continue };
                let machines = kind.count * self.share(slot, at, duty);
                match duty {
                    Duty::Mining => sum.mining += machines * of.power,
                    Duty::Ai => sum.ai += machines * of.power,
                }
                sum.heat += machines * of.heat;
            }
        }
        sum
    }

    /// Takes back by what little a solver exceeds the limits of single slots and of credits.
    pub(super) fn trim(&mut self, model: &Model) {
        let mut energy = 0.0;
        for (at, slot) in model.slots.iter().enumerate() {
            let sum = self.sum(model, at);
            let most = slot.baseline.unwrap_or(slot.power);
            let by = |most: f64, of: f64| if of > most { most / of } else { 1.0 };
            let all = by(most, sum.draw()).min(by(slot.cooling, sum.heat));
            let ai = by(slot.most_ai, sum.ai).min(all);
            if ai < 1.0 {
                let of_slot = at * self.kinds..(at + 1) * self.kinds;
                self.mining[of_slot.clone()].iter_mut().for_each(|share| *share *= all);
                self.ai[of_slot].iter_mut().for_each(|share| *share *= ai);
            }
            let spare = slot.baseline.map_or(0.0, |base| base - self.sum(model, at).draw());
            let credited = &mut self.credited[at];
            *credited = credited.min(spare).min(slot.most_credited).max(0.0);
            energy += slot.weight * *credited;
        }
        if energy > model.credit_energy {
            self.credited.iter_mut().for_each(|power| *power *= model.credit_energy / energy);
        }
    }

    /// Returns by how much the limits are exceeded at most, as a share of the site's power.
    pub(super) fn excess(&self, model: &Model) -> f64 {
        let mut excess = f64::NEG_INFINITY;
        let mut before: Option<f64> = None;
        let mut energy = 0.0;
        for (at, slot) in model.slots.iter().enumerate() {
            let sum = self.sum(model, at);
            let draw = sum.draw();
            excess = excess
                .max(draw - slot.power)
                .max(draw + self.credited[at] - slot.baseline.unwrap_or(f64::INFINITY))
                .max(sum.heat - slot.cooling)
                .max(sum.ai - slot.most_ai)
                .max(self.credited[at] - slot.most_credited);
            let draw = draw + slot.tenants;
            if let (Some(ramp), Some(before)) = (model.ramp, before) {
                excess = excess.max((draw - before).abs() - ramp);
            }
            before = Some(draw);
            energy += slot.weight * self.credited[at];
            for (at_kind, kind) in model.kinds.iter().enumerate() {
                let machines = |duty| self.share(at, at_kind, duty) - self.most(at_kind, duty);
                let peak = kind.count * kind.peak();
                excess = excess.max(machines(Duty::Mining).max(machines(Duty::Ai)) * peak);
            }
        }
        let hours: f64 = model.slots.iter().map(|slot| slot.weight).sum();
        excess.max((energy - model.credit_energy) / hours) / model.power
    }

    /// Returns the largest share of a kind that may be in one use.
    fn most(&self, kind: usize, duty: Duty) -> f64 {
        match duty {
            Duty::Mining => 1.0 - self.shares[kind],
            Duty::Ai => self.shares[kind],
        }
    }

    pub(super) fn money(&self, model: &Model) -> Money {
        let mut money = Money::default();
        for (at, slot) in model.slots.iter().enumerate() {
            for (at_kind, kind) in model.kinds.iter().enumerate() {
                for duty in [Duty::Mining, Duty::Ai] {
                    let Some(of) = kind.duty_in(slot, duty) else { continue };
                    let machines = slot.weight * kind.count * self.share(at, at_kind, duty);
                    let (revenue, energy) =
                        (machines * of.revenue, machines * of.power * slot.tariff);
                    match duty {
                        Duty::Mining => money.mining += revenue,
                        Duty::Ai => money.ai += revenue,
                    }
                    money.energy += energy;
                    money.turnover += revenue.abs() + energy.abs();
                }
            }
            let credits = slot.weight * self.credited[at] * slot.credit;
            let ready = self.sum(model, at).mining.min(slot.most_ready);
            let readiness = slot.weight * ready * slot.readiness;
            money.credits += credits;
            money.readiness += readiness;
            money.turnover += credits + readiness;
        }
        for (kind, share) in model.kinds.iter().zip(&self.shares) {
            money.conversion += kind.count * share * kind.conversion;
        }
        money.turnover += money.conversion;
        money
    }
}

impl Prices {
    /// Returns the prices if no limit matters.
    pub(super) fn none(model: &Model) -> Self {
        let none = vec![0.0; model.slots.len()];
        let mut prices = Self {
            power: none.clone(),
            baseline: none.clone(),
            cooling: none.clone(),
            most_ai: none.clone(),
            ready: none.clone(),
            up: none.clone(),
            down: none.clone(),
            most_credited: none,
            credit_energy: 0.0,
        };
        prices.settle(model);
        prices
    }

    /// Sets what follows from the other prices: there is nothing left to gain from a credit, once
    /// the limit of it that comes first is paid for, and mining earns all of a readiness that has no
    /// limit.
    pub(super) fn settle(&mut self, model: &Model) {
        for (at, slot) in model.slots.iter().enumerate() {
            let all = slot.weight * slot.readiness;
            self.ready[at] =
                if slot.limits_ready(model) { self.ready[at].clamp(0.0, all) } else { all };
            let Some(baseline) = slot.baseline else { continue };
            let gain = slot.weight * (slot.credit - self.credit_energy) - self.baseline[at];
            if slot.most_credited < baseline {
                self.most_credited[at] = gain.max(0.0);
            } else {
                self.baseline[at] += gain.max(0.0);
            }
        }
    }

    /// Returns what is paid for a watt in a slot beyond its tariff: for the limits of this hour,
    /// and for those of the changes from the one before and to the next.
    pub(super) fn of_draw(&self, slot: usize) -> f64 {
        let next = |prices: &[f64]| prices.get(slot + 1).copied().unwrap_or(0.0);
        let ramps = self.up[slot] - next(&self.up) - self.down[slot] + next(&self.down);
        self.power[slot] + self.baseline[slot] + ramps
    }

    /// Returns what one machine is worth in a slot after everything is paid for, $; `None` if it
    /// has no such use, or there is no capacity for AI.
    pub(super) fn margin(
        &self,
        model: &Model,
        slot: usize,
        kind: &Kind,
        duty: Duty,
    ) -> Option<f64> {
        let of = kind.duty_in(&model.slots[slot], duty)?;
        let paid = of.power * self.of_draw(slot) + of.heat * self.cooling[slot];
        let margin = of.value(&model.slots[slot]) - paid;
        match duty {
            Duty::Mining => Some(margin + of.power * self.ready[slot]),
            Duty::Ai if model.slots[slot].most_ai > 0.0 => {
                Some(margin - of.power * self.most_ai[slot])
            }
            Duty::Ai => None,
        }
    }

    /// Returns what one machine earns if it always mines when that pays, and if it always serves AI
    /// when that pays; `None` if it cannot.
    pub(super) fn best(&self, model: &Model, kind: &Kind) -> (f64, Option<f64>) {
        let all = |duty| -> f64 {
            (0..model.slots.len())
                .filter_map(|slot| self.margin(model, slot, kind, duty))
                .map(|margin| margin.max(0.0))
                .sum()
        };
        (all(Duty::Mining), kind.ai.map(|_| all(Duty::Ai) - kind.conversion))
    }

    /// Returns the upper bound of what any plan earns, $.
    pub(super) fn bound(&self, model: &Model) -> f64 {
        let mut bound = 0.0;
        for (at, slot) in model.slots.iter().enumerate() {
            let limited = |price: f64, limit: f64| if price > 0.0 { price * limit } else { 0.0 };
            let before = at.checked_sub(1).map_or(slot.tenants, |at| model.slots[at].tenants);
            bound += limited(self.power[at], slot.power)
                + limited(self.cooling[at], slot.cooling)
                + limited(self.most_ai[at], slot.most_ai)
                + limited(self.up[at] + self.down[at], model.ramp.unwrap_or(f64::INFINITY))
                - (self.up[at] - self.down[at]) * (slot.tenants - before);
            bound += self.baseline[at] * slot.baseline.unwrap_or(0.0)
                + limited(self.most_credited[at], slot.most_credited)
                + limited(slot.weight * slot.readiness - self.ready[at], slot.most_ready);
        }
        if self.credit_energy > 0.0 {
            bound += self.credit_energy * model.credit_energy;
        }
        for kind in &model.kinds {
            let (mining, ai) = self.best(model, kind);
            bound += kind.count * ai.map_or(mining, |ai| mining.max(ai));
        }
        bound
    }
}
