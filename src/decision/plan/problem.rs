//! What a plan is made for: a site, its hours, its machines, and what is to be had for AI.

use crate::units::{Joules, Usd, UsdPerHour, UsdPerKwh, Watts};

/// Kinds of hardware by hours that differ: a kind in an hour takes some hundred bytes of the linear
/// program, and as much again of what solves it.
pub(super) const MOST_CELLS: usize = 2_000_000;

/// Everything that a plan depends on. All power is power at the site's meter, but for heat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The limits of the site.
    pub site: Site,
    /// The hours in their order. Each is an hour that passes, so that a local day has as many as it
    /// has, 23 or 25 too.
    pub hours: Vec<Hour>,
    /// The machines by kind, and tenants.
    pub classes: Vec<Class>,
    /// What AI may and must draw.
    pub ai: Ai,
}

/// The limits of a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// The most that the site draws in any hour; above zero.
    pub power: Watts,
    /// The most heat of machines that the site takes away; above zero, no limit if it is not there.
    pub cooling: Option<Watts>,
    /// The most by which the draw changes from an hour to the next, up or down; above zero. The first
    /// hour is free.
    pub ramp: Option<Watts>,
    /// What the grid pays for power that is not drawn.
    pub response: Option<Response>,
}

/// Demand response: in an hour with a credit, the site is paid for what it draws less than a
/// baseline, and held to the baseline.
///
/// The baseline counts only as far as the site's limit and its machines reach: nobody is paid for
/// switching off machines that are not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The draw from which on what is not drawn is paid for; above zero.
    pub baseline: Watts,
    /// The most power that is paid for in an hour; above zero.
    pub most_power: Option<Watts>,
    /// The most energy that is paid for in the whole plan; above zero.
    pub most_energy: Option<Joules>,
}

/// An hour of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hour {
    /// The price of energy; negative where the site is paid for taking it.
    pub tariff: UsdPerKwh,
    /// What is paid for energy not drawn, see [`Response`]; zero or above.
    pub credit: UsdPerKwh,
    /// The most that AI is asked for, as draw; `None` is as much as there is.
    pub demand: Option<Watts>,
}

/// Machines of one kind. What a single one may do is so little of a site that a plan divides them:
/// counts of machines in it are not whole numbers.
///
/// A tenant that brings its own machines is a class that only serves AI, of as many units as are
/// contracted: of one kilowatt, for example, with the rent of one kilowatt.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// What errors and tables call it.
    pub name: String,
    /// How many there are; zero or above.
    pub count: f64,
    /// One machine while it mines, if it can.
    pub mining: Option<Use>,
    /// One machine while it serves AI, if it can.
    pub ai: Option<Use>,
    /// The cost of having one machine serve AI, or of having its place do so, as far as the hours of
    /// the plan have to bear it; zero or above. A machine is converted for the whole plan, and mines
    /// no more.
    pub conversion: Usd,
}

/// What a machine draws and earns in one of its uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Use {
    /// Its draw at the site's meter; above zero.
    pub power: Watts,
    /// The heat that it gives off, for [`Site::cooling`]; zero or above.
    pub heat: Watts,
    /// What it earns in an hour, before energy is paid for. For AI: at the utilisation that is
    /// expected.
    pub revenue: UsdPerHour,
}

/// What AI may and must draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ai {
    /// Capacity as it is built; no limit if there is no stage, and none is there before the first.
    pub stages: Vec<Stage>,
    /// What has been promised to a customer.
    pub contract: Option<Contract>,
}

/// Capacity for AI from an hour on, until the next stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The first hour, counted from 0; stages are in the order of their hours.
    pub from: usize,
    /// The most that AI draws from then on; zero or above.
    pub capacity: Watts,
}

/// The least that AI draws in every hour from one on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract {
    /// The first hour, counted from 0.
    pub from: usize,
    /// The least draw; zero or above.
    pub least: Watts,
}

impl Problem {
    /// The stage that an hour is in; `None` before the first, and where there are none.
    pub(super) fn stage(&self, hour: usize) -> Option<usize> {
        self.ai.stages.iter().rposition(|stage| stage.from <= hour)
    }

    /// The most that AI may draw in an hour for its stages, infinite if there are none.
    pub(super) fn capacity(&self, hour: usize) -> Watts {
        match self.stage(hour) {
            Some(stage) => self.ai.stages[stage].capacity,
            None if self.ai.stages.is_empty() => Watts::new(f64::INFINITY),
            None => Watts::ZERO,
        }
    }

    /// The least that AI has to draw in an hour.
    pub(super) fn least(&self, hour: usize) -> Watts {
        match self.ai.contract {
            Some(contract) if contract.from <= hour => contract.least,
            _ => Watts::ZERO,
        }
    }

    /// The baseline of an hour with a credit, before it is cut to what the machines can draw.
    pub(super) fn baseline(&self, hour: usize) -> Option<Watts> {
        let response = self.site.response?;
        (self.hours[hour].credit > UsdPerKwh::ZERO).then_some(response.baseline)
    }
}
