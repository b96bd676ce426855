//! The linear program of a plan, with machines that are of one mind moved together.
//!
//! In most hours most kinds clearly run or clearly rest, and only those on the margin need a column
//! of their own. A group of kinds runs as a whole, or to the same share of each, which only forbids
//! plans and never allows one that is not there; [`super::proof`] shows whether it forbade the
//! best. A kind of which it is clear that none, or all, serve AI needs no column for that either.

use super::model::{Draw, Duty, Kind, Model, Slot};
use super::proof::{Flows, Prices};
use super::solver::{Failure, Program, Solution};

/// What of the plan is left open, and what moves together.
pub(super) struct Split {
    /// Conversion of each kind.
    pub(super) conversions: Vec<Conversion>,
    /// Groups of each slot: the kinds in each use whose conversion is not open.
    pub(super) groups: Vec<Vec<Group>>,
}

/// How many of a kind serve AI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Conversion {
    None,
    All,
    Open,
}

/// Kinds that run to the same share.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) duty: Duty,
    pub(super) kinds: Vec<usize>,
    /// Whether it is a kind on the margin, which stays by itself.
    pub(super) alone: bool,
}

impl Split {
    /// Returns the split in which each kind that can do either is open, and no slot has its groups
    /// yet.
    pub(super) fn open(model: &Model) -> Self {
        let open = |kind: &Kind| match (kind.mining, kind.ai) {
            _ if kind.count == 0.0 => Conversion::None,
            (_, None) => Conversion::None,
            (None, Some(_)) if kind.conversion == 0.0 => Conversion::All,
            _ => Conversion::Open,
        };
        Self { conversions: model.kinds.iter().map(open).collect(), groups: Vec::new() }
    }

    /// Returns the split in which nothing is taken together, and each kind that can do either is
    /// open.
    pub(super) fn whole(model: &Model) -> Self {
        let mut split = Self::open(model);
        let single = |duty, kind| Group { duty, kinds: vec![kind], alone: true };
        split.groups = (0..model.slots.len())
            .map(|slot| split.closed(model, slot).map(|(duty, kind)| single(duty, kind)).collect())
            .collect();
        split
    }

    /// Returns whether no plan is forbidden.
    pub(super) fn is_whole(&self, model: &Model) -> bool {
        self.conversions == Self::open(model).conversions
            && self.groups.iter().flatten().all(|group| group.kinds.len() == 1)
    }

    /// Returns what runs in a slot without an open conversion.
    pub(super) fn closed<'a>(
        &'a self,
        model: &'a Model,
        slot: usize,
    ) -> impl Iterator<Item = (Duty, usize)> + 'a {
        let serves = model.slots[slot].most_ai > 0.0;
        self.conversions.iter().enumerate().filter_map(move |(at, conversion)| {
            let kind = &model.kinds[at];
            match conversion {
                _ if kind.count == 0.0 => None,
                Conversion::None => kind.mining.map(|_| (Duty::Mining, at)),
                Conversion::All if serves => kind.ai.map(|_| (Duty::Ai, at)),
                Conversion::All | Conversion::Open => None,
            }
        })
    }

    /// Returns the best plan of those that are not forbidden, and the prices that make it so.
    pub(super) fn solve(&self, model: &Model) -> Result<(Flows, Prices), Failure> {
        let mut program = Writer::new(self, model);
        for slot in 0..model.slots.len() {
            program.slot(slot);
        }
        program.credit_energy();
        let Writer { program, layout, units, .. } = program;
        let solution = program.solve()?;
        Ok((layout.flows(self, model, &solution), layout.prices(model, &units, &solution)))
    }
}

/// Units of the numbers in the program, so that they are neither large nor small.
struct Units {
    /// Unit of power, W.
    power: f64,
    /// Unit of money, $.
    money: f64,
}

/// Positions of the columns and rows in the program.
struct Layout {
    /// Column of the share of each kind that serves AI.
    shares: Vec<Option<usize>>,
    slots: Vec<Place>,
    credit_energy: Option<usize>,
}

/// The columns and rows of a slot. All columns but those of power are shares of machines.
#[derive(Default)]
struct Place {
    groups: Vec<usize>,
    /// Kind and column of each open kind in this use.
    mining: Vec<(usize, usize)>,
    ai: Vec<(usize, usize)>,
    /// Column of the power that is paid for though it is not drawn.
    credited: Option<usize>,
    /// Column of all power, where that of the next hour depends on it.
    draw: Option<usize>,
    power: Option<usize>,
    baseline: Option<usize>,
    cooling: Option<usize>,
    most_ai: Option<usize>,
    /// Row of what is paid for its readiness: no more than mines.
    ready: Option<usize>,
    up: Option<usize>,
    down: Option<usize>,
}

struct Writer<'a> {
    split: &'a Split,
    model: &'a Model,
    units: Units,
    program: Program,
    layout: Layout,
}

/// The sums of power, heat and AI in a slot: columns and their factors.
#[derive(Default)]
struct Sums {
    power: Vec<(usize, f64)>,
    heat: Vec<(usize, f64)>,
    mining: Vec<(usize, f64)>,
    ai: Vec<(usize, f64)>,
    /// Power with everything running, W.
    most_power: f64,
    most_heat: f64,
    most_ai: f64,
}

impl<'a> Writer<'a> {
    fn new(split: &'a Split, model: &'a Model) -> Self {
        let hours: f64 = model.slots.iter().map(|slot| slot.weight).sum();
        let turnover = model.turnover();
        let units = Units {
            // Machines may be a small part of what a site has.
            power: model.reach,
            // A tenth of what an hour turns over, on average, is one.
            money: if turnover > 0.0 { turnover / hours * 0.1 } else { 1.0 },
        };
        let mut program = Program::default();
        let shares = model
            .kinds
            .iter()
            .zip(&split.conversions)
            .map(|(kind, &conversion)| {
                let cost = kind.count * kind.conversion / units.money;
                (conversion == Conversion::Open).then(|| program.within(cost, 0.0, 1.0))
            })
            .collect();
        let layout = Layout { shares, slots: Vec::new(), credit_energy: None };
        Self { split, model, units, program, layout }
    }

    fn slot(&mut self, at: usize) {
        let (model, split) = (self.model, self.split);
        let mut place = Place::default();
        let mut sums = Sums::default();
        for group in &split.groups[at] {
            let column = self.group(at, group, &mut sums);
            place.groups.push(column);
        }
        for (kind, share) in self.layout.shares.clone().into_iter().enumerate() {
            let Some(share) = share else { continue };
            let of = self.model.kinds[kind];
            if let Some(mining) = of.duty_in(&model.slots[at], Duty::Mining) {
                let column = self.run(at, of.count, mining, Duty::Mining, &mut sums);
                self.program.at_most(&[(column, 1.0), (share, 1.0)], 1.0);
                place.mining.push((kind, column));
            }
            if let (Some(ai), true) = (of.ai, model.slots[at].most_ai > 0.0) {
                let column = self.run(at, of.count, ai, Duty::Ai, &mut sums);
                self.program.at_most(&[(column, 1.0), (share, -1.0)], 0.0);
                place.ai.push((kind, column));
            }
        }
        self.limits(at, &mut place, &mut sums);
        self.layout.slots.push(place);
    }

    /// Adds the column of a group: the share to which it runs.
    fn group(&mut self, at: usize, group: &Group, sums: &mut Sums) -> usize {
        let slot = &self.model.slots[at];
        let (mut value, mut power, mut heat) = (0.0, 0.0, 0.0);
        for &kind in &group.kinds {
            let kind = &self.model.kinds[kind];
            let Some(of) = kind.duty_in(slot, group.duty) else { continue };
            value += kind.count * self.value(slot, of, group.duty);
            power += kind.count * of.power;
            heat += kind.count * of.heat;
        }
        let column = self.program.within(-value / self.units.money, 0.0, 1.0);
        sums.add(column, power, heat, group.duty);
        column
    }

    /// Adds the column of an open kind in one use: the share to which it runs, without its upper
    /// bound.
    fn run(&mut self, at: usize, count: f64, of: Draw, duty: Duty, sums: &mut Sums) -> usize {
        let value = count * self.value(&self.model.slots[at], of, duty);
        let column = self.program.column(-value / self.units.money);
        self.program.at_most(&[(column, -1.0)], 0.0);
        sums.add(column, count * of.power, count * of.heat, duty);
        column
    }

    /// Returns what a machine earns in a slot, with what its readiness is paid for where that has no
    /// limit.
    fn value(&self, slot: &Slot, of: Draw, duty: Duty) -> f64 {
        let is_paid = duty == Duty::Mining && !slot.limits_ready(self.model);
        let readiness = if is_paid { slot.readiness } else { 0.0 };
        of.value(slot) + slot.weight * of.power * readiness
    }

    /// Adds the rows of a slot, those only that can make a difference.
    fn limits(&mut self, at: usize, place: &mut Place, sums: &mut Sums) {
        let (model, unit) = (self.model, self.units.power);
        let slot = &model.slots[at];
        for sum in [&mut sums.power, &mut sums.heat, &mut sums.mining, &mut sums.ai] {
            for (_, watts) in sum.iter_mut() {
                *watts /= unit;
            }
        }
        let program = &mut self.program;
        if let Some(ramp) = model.ramp {
            let draw = program.column(0.0);
            sums.power.push((draw, -1.0));
            program.equal(&sums.power, 0.0);
            sums.power = vec![(draw, 1.0)];
            place.draw = Some(draw);
            let before = at.checked_sub(1).and_then(|before| self.layout.slots[before].draw);
            if let Some(before) = before {
                // Tenants begin and end, and are a part of the draw.
                let more = slot.tenants - model.slots[at - 1].tenants;
                let (up, down) = ((ramp - more) / unit, (ramp + more) / unit);
                place.up = Some(program.at_most(&[(draw, 1.0), (before, -1.0)], up));
                place.down = Some(program.at_most(&[(draw, -1.0), (before, 1.0)], down));
            }
        }
        if let Some(baseline) = slot.baseline {
            let worth = slot.weight * slot.credit * unit / self.units.money;
            let credited = program.column(-worth);
            program.at_most(&[(credited, -1.0)], 0.0);
            if slot.most_credited < baseline {
                let most = slot.most_credited / unit;
                program.at_most(&[(credited, 1.0)], most);
            }
            sums.power.push((credited, 1.0));
            place.credited = Some(credited);
            place.baseline = Some(program.at_most(&sums.power, baseline / unit));
        } else if sums.most_power > slot.power {
            place.power = Some(program.at_most(&sums.power, slot.power / unit));
        }
        if sums.most_heat > slot.cooling {
            place.cooling = Some(program.at_most(&sums.heat, slot.cooling / unit));
        }
        if sums.most_ai > slot.most_ai {
            place.most_ai = Some(program.at_most(&sums.ai, slot.most_ai / unit));
        }
        if slot.limits_ready(model) && !sums.mining.is_empty() {
            let worth = slot.weight * slot.readiness * unit / self.units.money;
            let ready = program.column(-worth);
            program.at_most(&[(ready, -1.0)], 0.0);
            program.at_most(&[(ready, 1.0)], slot.most_ready / unit);
            let mut of_mining: Vec<_> =
                sums.mining.iter().map(|&(column, by)| (column, -by)).collect();
            of_mining.push((ready, 1.0));
            place.ready = Some(program.at_most(&of_mining, 0.0));
        }
    }

    /// Adds the limit of what is paid for in all slots together.
    fn credit_energy(&mut self) {
        if !self.model.credit_energy.is_finite() {
            return;
        }
        let credited: Vec<_> = self
            .layout
            .slots
            .iter()
            .zip(&self.model.slots)
            .filter_map(|(place, slot)| Some((place.credited?, slot.weight)))
            .collect();
        if credited.is_empty() {
            return;
        }
        // Divided by the hours, so that its factors are about one.
        let hours = self.hours();
        let terms: Vec<_> = credited.iter().map(|&(column, by)| (column, by / hours)).collect();
        let most = self.model.credit_energy / self.units.power / hours;
        self.layout.credit_energy = Some(self.program.at_most(&terms, most));
    }

    fn hours(&self) -> f64 {
        self.model.slots.iter().map(|slot| slot.weight).sum()
    }
}

impl Sums {
    fn add(&mut self, column: usize, power: f64, heat: f64, duty: Duty) {
        self.power.push((column, power));
        self.heat.push((column, heat));
        self.most_power += power;
        self.most_heat += heat;
        match duty {
            Duty::Mining => self.mining.push((column, power)),
            Duty::Ai => {
                self.ai.push((column, power));
                self.most_ai += power;
            }
        }
    }
}

impl Layout {
    /// Reads the flows from the columns, within the bounds that the solver meets only nearly.
    fn flows(&self, split: &Split, model: &Model, solution: &Solution) -> Flows {
        let level = |column: usize| {
            let level = solution.columns[column].clamp(0.0, 1.0);
            match level {
                ..NEARLY => 0.0,
                _ if level > 1.0 - NEARLY => 1.0,
                _ => level,
            }
        };
        let mut flows = Flows::none(model);
        for (kind, share) in self.shares.iter().enumerate() {
            flows.shares[kind] = match (share, split.conversions[kind]) {
                (Some(column), _) => level(*column),
                (None, Conversion::All) => 1.0,
                (None, _) => 0.0,
            };
        }
        for (at, place) in self.slots.iter().enumerate() {
            for (group, &column) in split.groups[at].iter().zip(&place.groups) {
                for &kind in &group.kinds {
                    *flows.level(at, kind, group.duty) = level(column);
                }
            }
            for &(kind, column) in &place.mining {
                let most = 1.0 - flows.shares[kind];
                *flows.level(at, kind, Duty::Mining) = level(column).min(most);
            }
            for &(kind, column) in &place.ai {
                let most = flows.shares[kind];
                *flows.level(at, kind, Duty::Ai) = level(column).min(most);
            }
            if let Some(column) = place.credited {
                flows.credited[at] = solution.columns[column].max(0.0) * model.reach;
            }
        }
        flows
    }

    /// Reads the prices from the rows.
    fn prices(&self, model: &Model, units: &Units, solution: &Solution) -> Prices {
        let per_watt = units.money / units.power;
        let price = |row: Option<usize>| row.map_or(0.0, |row| solution.most[row] * per_watt);
        let mut prices = Prices::none(model);
        for (at, place) in self.slots.iter().enumerate() {
            prices.power[at] = price(place.power);
            prices.baseline[at] = price(place.baseline);
            prices.cooling[at] = price(place.cooling);
            prices.most_ai[at] = price(place.most_ai);
            // Nothing is left to gain where there is no row.
            prices.ready[at] = place.ready.map_or(f64::INFINITY, |row| price(Some(row)));
            prices.up[at] = price(place.up);
            prices.down[at] = price(place.down);
        }
        let hours: f64 = model.slots.iter().map(|slot| slot.weight).sum();
        prices.credit_energy = price(self.credit_energy) / hours;
        prices.settle(model);
        prices
    }
}

/// Distance to a bound within which the bound is meant: an interior point keeps away from bounds.
const NEARLY: f64 = 1e-7;
