//! What a plan is made for: a site, its hours with their prices and tenants, and its machines.

use crate::units::{Joules, Usd, UsdPerHour, UsdPerKwh, Watts};

/// Maximum of kinds of hardware times distinct hours: a kind in an hour takes some hundred bytes of
/// the linear program, and as much again of what solves it.
pub(super) const MOST_CELLS: usize = 2_000_000;

/// Everything that a plan depends on. Power is that at the site's meter, except for heat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// Limits of the site.
    pub site: SiteLimits,
    /// Hours in order of time. Each is an hour that really passes, so a local day may have 23 or 25
    /// of them.
    pub hours: Vec<HourPrices>,
    /// Machines by kind.
    pub classes: Vec<Class>,
    /// Stages of AI capacity as it is built, for machines of these classes and for tenants together.
    /// Without a stage there is no limit; before the first there is no capacity.
    pub stages: Vec<CapacityStage>,
}

/// Limits of a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteLimits {
    /// Maximum draw of the site in any hour, in watts; above zero.
    pub power: Watts,
    /// Maximum heat of machines that the site takes away, in watts; above zero. `None` is no limit.
    pub cooling: Option<Watts>,
    /// Maximum change of the draw from one hour to the next, in watts, up or down; above zero.
    /// `None` is no limit. The first hour is free.
    pub ramp: Option<Watts>,
    /// Demand response: what the grid pays for power that is not drawn; `None` without such a
    /// programme.
    pub response: Option<DemandResponse>,
}

/// Demand response: in an hour with a credit, the site is paid for the power that it draws less
/// than a baseline, and must not draw more than the baseline.
///
/// The baseline counts only as far as the site's limit and its machines reach: switching off
/// machines that are not there is not paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandResponse {
    /// Draw below which the grid pays for what is not drawn, in watts; above zero.
    pub baseline: Watts,
    /// Maximum energy that is paid for in the whole plan, in joules; above zero. `None` is no
    /// limit.
    pub most_energy: Option<Joules>,
}

/// One hour of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HourPrices {
    /// Price of energy, in US dollars per kWh; negative where the site is paid for taking it.
    pub tariff: UsdPerKwh,
    /// Curtailment credit for energy not drawn, in US dollars per kWh, see [`DemandResponse`]; zero or
    /// above.
    pub credit: UsdPerKwh,
    /// Maximum power that the credit is paid for, in watts, above zero; `None` is no limit.
    pub most_credited: Option<Watts>,
    /// Payment for mining that could be switched off at once, in US dollars for each kWh that it draws;
    /// zero or above.
    pub readiness: UsdPerKwh,
    /// Maximum power that is paid for its readiness, in watts, above zero; `None` is no limit.
    pub most_ready: Option<Watts>,
    /// Maximum draw that AI on machines of the plan is asked for, in watts, zero or above; `None` is no
    /// limit.
    pub demand: Option<Watts>,
    /// Draw of tenants, in watts, zero or above: it is taken in any case, and leaves so much less of
    /// the site's power and of the stages.
    pub tenants: Watts,
    /// Heat that the tenants' machines give off, in watts, zero or above.
    pub tenants_heat: Watts,
    /// Whether the subsidy of a block has been halved by then: machines that mine earn
    /// [`Class::mining_after_halving`].
    pub after_halving: bool,
}

/// Machines of one kind. One machine is so little of a site that a plan divides them: the numbers
/// of machines in it need not be whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Name of the class in errors and tables.
    pub name: String,
    /// Number of machines; zero or above.
    pub count: f64,
    /// Draw and revenue of one machine while it mines; `None` if it cannot.
    pub mining: Option<Operation>,
    /// Revenue of one machine while it mines, in US dollars per hour, in hours after the halving;
    /// `None` if it is the same as before.
    pub mining_after_halving: Option<UsdPerHour>,
    /// Draw and revenue of one machine while it serves AI; `None` if it cannot.
    pub ai: Option<Operation>,
    /// Cost of converting one machine, or its place, to AI, in US dollars, as far as the hours of
    /// the plan have to bear it; zero or above. A machine is converted for the whole plan, and
    /// mines no more.
    pub conversion: Usd,
}

/// Draw, heat and revenue of one machine in one of its uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// Draw at the site's meter, in watts; above zero.
    pub power: Watts,
    /// Heat that the machine gives off, in watts, which [`SiteLimits::cooling`] limits; zero or above.
    pub heat: Watts,
    /// Revenue in US dollars per hour, before energy is paid for; for AI, at the expected
    /// utilisation.
    pub revenue: UsdPerHour,
}

/// Capacity for AI from an hour on, until the next stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapacityStage {
    /// First hour of the stage, counted from 0; each stage begins after the one before it.
    pub from: usize,
    /// Maximum draw of AI from then on, in watts; zero or above.
    pub capacity: Watts,
}

impl Problem {
    /// Returns the stage that an hour is in; `None` before the first, and where there are none.
    pub(super) fn stage(&self, hour: usize) -> Option<usize> {
        self.stages.iter().rposition(|stage| stage.from <= hour)
    }

    /// The most that AI, with tenants, may draw in an hour for its stages, infinite if there are none.
    pub(super) fn capacity(&self, hour: usize) -> Watts {
        match self.stage(hour) {
            Some(stage) => self.stages[stage].capacity,
            None if self.stages.is_empty() => Watts::new(f64::INFINITY),
            None => Watts::ZERO,
        }
    }

    /// The baseline of an hour with a credit, before it is cut to what the machines can draw.
    pub(super) fn baseline(&self, hour: usize) -> Option<Watts> {
        let response = self.site.response?;
        (self.hours[hour].credit > UsdPerKwh::ZERO).then_some(response.baseline)
    }
}
