//! From a rough plan of some hours to the proven plan of all of them.
//!
//! A program with a column for each kind, use and hour is large, and nearly all of it is clear once
//! prices are known. So a sample of the hours shows which kinds are to serve AI at all; then kinds
//! of like worth move together, and from round to round those are set apart of which the prices say
//! that some should run and others rest. It ends when a plan is proven; in the last round nothing
//! is taken together any more, so that it does end.

use super::error::PlanError;
use super::model::{Duty, Model};
use super::outcome;
use super::problem::Problem;
use super::proof::{Flows, Prices};
use super::solver::Failure;
use super::split::{Conversion, Group, Split};
use super::{SitePlan, check};

/// Gap to the bound that is allowed, as a share of a plan's turnover.
const SHORT: f64 = 1e-6;

/// Gap to the bound that is allowed besides, as a share of what all machines could turn over, for
/// plans that turn over nothing.
const NOTHING: f64 = 1e-9;

/// Excess over a limit that is allowed, as a share of the site's power.
const EXCESS: f64 = 1e-6;

/// Number of rounds before nothing is taken together any more.
const ROUNDS: usize = 8;

/// Margin as a share of revenue, above or below zero, within which a kind moves by itself.
const NEAR: f64 = 0.1;

/// Share of a group's worth that may speak against the rest of it; with more, the group is split.
const MIXED: f64 = 1e-3;

/// How large a program is solved as a whole, and how many slots stand for all of them.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Maximum of slots times kinds that is solved as a whole.
    pub(super) whole: usize,
    pub(super) sample: usize,
    /// Kinds that move together at first.
    pub(super) together: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { whole: 4000, sample: 150, together: 4 }
    }
}

pub(super) fn plan(problem: &Problem, effort: Effort) -> Result<SitePlan, PlanError> {
    let model = Model::new(problem);
    check::size(model.kinds.len(), model.slots.len())?;
    let mut split = if model.slots.len() * model.kinds.len() <= effort.whole {
        Split::whole(&model)
    } else {
        sampled(&model, effort)
    };
    let mut found = Found::nothing(&model);
    let mut rounds = 0;
    loop {
        if found.is_proven(&model) {
            return Ok(outcome::plan(problem, &model, &found.flows, found.bound));
        }
        if found.in_whole {
            return Err(PlanError::Unproven { gap: found.bound - found.objective });
        }
        let last = split.is_whole(&model);
        rounds += 1;
        match split.solve(&model) {
            Ok((flows, prices)) => {
                if rounds < ROUNDS {
                    split.refine(&model, &prices);
                } else {
                    split = Split::whole(&model);
                }
                found.better(&model, flows, prices);
                found.in_whole = last;
            }
            Err(Failure::Infeasible) if last => return Err(check::together(problem)),
            Err(Failure::Stopped(status)) if last => return Err(PlanError::Unsolved { status }),
            // What is taken together may forbid every plan that keeps to the limits.
            Err(_) => split = Split::whole(&model),
        }
    }
}

/// The best flows and prices so far.
struct Found {
    /// What the flows earn; infinitely little if they do not keep to the limits.
    objective: f64,
    flows: Flows,
    /// Upper bound of what any plan earns, by the prices.
    bound: f64,
    prices: Prices,
    /// Whether nothing was taken together when they were found.
    in_whole: bool,
}

impl Found {
    /// Starts with everything at rest and no limit that matters, which is at times the best there
    /// is.
    fn nothing(model: &Model) -> Self {
        let (flows, prices) = (Flows::none(model), Prices::none(model));
        let objective = if flows.excess(model) <= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Self { objective, flows, bound: prices.bound(model), prices, in_whole: false }
    }

    /// Keeps the better flows and the better prices.
    fn better(&mut self, model: &Model, mut flows: Flows, prices: Prices) {
        flows.trim(model);
        let objective = flows.money(model).objective();
        if objective > self.objective && flows.excess(model) <= EXCESS {
            (self.objective, self.flows) = (objective, flows);
        }
        let bound = prices.bound(model);
        if bound < self.bound {
            (self.bound, self.prices) = (bound, prices);
        }
    }

    fn is_proven(&self, model: &Model) -> bool {
        let turnover = self.flows.money(model).turnover;
        self.bound - self.objective <= SHORT * turnover + NOTHING * model.turnover().max(1.0)
    }
}

/// Decides by a sample which kinds serve AI, and puts kinds of like worth together.
fn sampled(model: &Model, effort: Effort) -> Split {
    let sample = model.sample(effort.sample.min(model.slots.len()));
    let Ok((flows, _)) = Split::whole(&sample).solve(&sample) else { return Split::whole(model) };
    // Not that of the whole program, which is large.
    let mut split = Split::open(model);
    for (conversion, share) in split.conversions.iter_mut().zip(&flows.shares) {
        if *conversion == Conversion::Open {
            *conversion = match share {
                ..1e-4 => Conversion::None,
                0.9999.. => Conversion::All,
                _ => Conversion::Open,
            };
        }
    }
    split.groups = (0..model.slots.len())
        .map(|slot| together(model, split.closed(model, slot).collect(), effort.together))
        .collect();
    split
}

/// Groups that many kinds of one use at once, in the order of what they earn for their energy.
fn together(model: &Model, mut runs: Vec<(Duty, usize)>, most: usize) -> Vec<Group> {
    let worth = |&(duty, kind): &(Duty, usize)| {
        model.kinds[kind].duty(duty).map_or(0.0, |of| of.revenue / of.power)
    };
    runs.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    let (mining, ai): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|(duty, _)| *duty == Duty::Mining);
    [mining, ai]
        .iter()
        .flat_map(|runs| runs.chunks(most))
        .map(|runs| {
            let kinds = runs.iter().map(|(_, kind)| *kind).collect();
            Group { duty: runs[0].0, kinds, alone: false }
        })
        .collect()
}

impl Split {
    /// Splits groups of which the prices say that some should run and others rest, and joins those
    /// that agree.
    fn refine(&mut self, model: &Model, prices: &Prices) {
        let little = SHORT * 0.1 * model.turnover();
        for (kind, conversion) in model.kinds.iter().zip(&mut self.conversions) {
            let (mining, ai) = prices.best(model, kind);
            let gain = kind.count * (ai.unwrap_or(f64::NEG_INFINITY) - mining);
            let wrong = match conversion {
                Conversion::None => gain > little,
                Conversion::All => gain < -little,
                Conversion::Open => false,
            };
            if wrong && kind.ai.is_some() && kind.count > 0.0 {
                *conversion = Conversion::Open;
            }
        }
        self.groups = (0..model.slots.len())
            .map(|slot| self.regrouped(model, prices, slot, &self.groups[slot]))
            .collect();
    }

    /// Returns the groups of a slot by what each kind is worth in it.
    fn regrouped(
        &self,
        model: &Model,
        prices: &Prices,
        slot: usize,
        groups: &[Group],
    ) -> Vec<Group> {
        let mut new = Vec::new();
        for duty in [Duty::Mining, Duty::Ai] {
            let worth =
                |kind: usize| prices.margin(model, slot, &model.kinds[kind], duty).unwrap_or(0.0);
            let near = |kind: usize| {
                let earned = model.kinds[kind].duty(duty).map_or(0.0, |of| of.revenue.abs());
                worth(kind).abs() < NEAR * earned * model.slots[slot].weight
            };
            let (mut runs, mut rests) = (Vec::new(), Vec::new());
            for group in groups.iter().filter(|group| group.duty == duty) {
                let closed = || {
                    let open = |kind: &usize| self.conversions[*kind] == Conversion::Open;
                    group.kinds.iter().copied().filter(move |kind| !open(kind))
                };
                let sum = |sign: f64| closed().map(|kind| (sign * worth(kind)).max(0.0)).sum();
                let (run, rest): (f64, f64) = (sum(1.0), sum(-1.0));
                let mixed = run.min(rest) > MIXED * run.max(rest);
                for kind in closed() {
                    if group.alone || mixed || near(kind) {
                        new.push(Group { duty, kinds: vec![kind], alone: true });
                    } else if run > rest {
                        runs.push(kind);
                    } else {
                        rests.push(kind);
                    }
                }
            }
            for kinds in [runs, rests] {
                if !kinds.is_empty() {
                    new.push(Group { duty, kinds, alone: false });
                }
            }
        }
        new
    }
}
