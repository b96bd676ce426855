//! Checks of a problem before anything is solved, with errors in plain words.

use std::fmt::Arguments;

use super::error::PlanError;
use super::problem::{Class, MOST_CELLS, Operation, Problem};
use crate::units::Watts;

/// Limit of every number: below 10^15, sums of products keep digits that matter.
const MOST: f64 = 1e15;

/// Checks that there is memory for a plan of that many kinds of hardware and hours.
pub(in crate::decision) fn size(kinds: usize, hours: usize) -> Result<(), PlanError> {
    if kinds.saturating_mul(hours) > MOST_CELLS {
        return Err(PlanError::TooLarge { kinds, hours });
    }
    Ok(())
}

/// Checks that every number is in its range.
pub(super) fn numbers(problem: &Problem) -> Result<(), PlanError> {
    if problem.hours.is_empty() {
        return Err(PlanError::NoHours);
    }
    let site = &problem.site;
    positive(format_args!("the site's power"), site.power.value())?;
    for (what, limit) in [("the site's cooling", site.cooling), ("the site's ramp", site.ramp)] {
        if let Some(limit) = limit {
            positive(format_args!("{what}"), limit.value())?;
        }
    }
    if let Some(response) = site.response {
        positive(format_args!("the baseline of demand response"), response.baseline.value())?;
        if let Some(power) = response.most_power {
            positive(format_args!("the most power credited"), power.value())?;
        }
        if let Some(energy) = response.most_energy {
            positive(format_args!("the most energy credited"), energy.value())?;
        }
    }
    for (at, hour) in problem.hours.iter().enumerate() {
        number(format_args!("the tariff of hour {at}"), hour.tariff.value())?;
        not_negative(format_args!("the credit of hour {at}"), hour.credit.value())?;
        if let Some(demand) = hour.demand {
            not_negative(format_args!("the AI demand of hour {at}"), demand.value())?;
        }
    }
    for class in &problem.classes {
        of_class(class)?;
    }
    of_ai(problem)
}

fn of_class(class: &Class) -> Result<(), PlanError> {
    let name = &class.name;
    not_negative(format_args!("the count of {name}"), class.count)?;
    not_negative(format_args!("the conversion of {name}"), class.conversion.value())?;
    for (what, of) in [("mining", class.mining), ("AI", class.ai)] {
        let Some(Operation { power, heat, revenue }) = of else { continue };
        positive(format_args!("the power of {name} in {what}"), power.value())?;
        not_negative(format_args!("the heat of {name} in {what}"), heat.value())?;
        number(format_args!("the revenue of {name} in {what}"), revenue.value())?;
    }
    if let Some(revenue) = class.mining_after_halving {
        number(format_args!("the revenue of {name} in mining after the halving"), revenue.value())?;
    }
    Ok(())
}

fn of_ai(problem: &Problem) -> Result<(), PlanError> {
    for (at, stage) in problem.ai.stages.iter().enumerate() {
        not_negative(format_args!("the capacity of stage {at}"), stage.capacity.value())?;
        if at > 0 && problem.ai.stages[at - 1].from >= stage.from {
            return Err(PlanError::StageOrder { stage: at, from: stage.from });
        }
    }
    problem.ai.contract.map_or(Ok(()), |contract| {
        not_negative(format_args!("the least draw of the AI contract"), contract.least.value())
    })
}

/// Checks that the contract fits each of the other limits taken alone.
pub(super) fn contract(problem: &Problem) -> Result<(), PlanError> {
    let Some(contract) = problem.ai.contract else { return Ok(()) };
    let most = most(problem);
    for (hour, of) in problem.hours.iter().enumerate().skip(contract.from) {
        let baseline = problem.baseline(hour);
        let limits = [
            ("the site's power", Some(problem.site.power)),
            ("the machines for AI", Some(most.machines)),
            ("the site's cooling", Some(most.cooling)),
            ("AI demand", of.demand),
            ("the capacity of AI's stages", Some(problem.capacity(hour))),
            ("the baseline of demand response", baseline),
        ];
        for (limit, most) in limits {
            let Some(most) = most else { continue };
            if most < contract.least {
                let (least, from) = (contract.least, contract.from);
                return Err(PlanError::CommittedPower { least, from, limit, most, hour });
            }
        }
    }
    Ok(())
}

/// Maximum draw of AI.
struct Most {
    /// Draw of all the machines that can serve it.
    machines: Watts,
    /// Draw of those that give off least heat for a watt, until there is as much heat as is cooled.
    cooling: Watts,
}

fn most(problem: &Problem) -> Most {
    let mut uses: Vec<(f64, Operation)> =
        problem.classes.iter().filter_map(|class| Some((class.count, class.ai?))).collect();
    let ratio = |of: &Operation| of.heat / of.power;
    uses.sort_by(|(_, a), (_, b)| ratio(a).total_cmp(&ratio(b)));
    let machines = uses.iter().map(|(count, of)| of.power * *count).sum();
    let mut cooling = machines;
    if let Some(mut left) = problem.site.cooling {
        cooling = Watts::ZERO;
        for (count, of) in uses {
            let heat = of.heat * count;
            let share = if heat > left { left / heat } else { 1.0 };
            cooling += of.power * (count * share);
            left -= heat * share;
        }
    }
    Most { machines, cooling }
}

fn number(what: Arguments<'_>, value: f64) -> Result<(), PlanError> {
    within(what, value, value.abs() < MOST, "a number of less than 10^15")
}

fn not_negative(what: Arguments<'_>, value: f64) -> Result<(), PlanError> {
    within(what, value, (0.0..MOST).contains(&value), "zero or a positive number below 10^15")
}

fn positive(what: Arguments<'_>, value: f64) -> Result<(), PlanError> {
    within(what, value, value > 0.0 && value < MOST, "a positive number below 10^15")
}

fn within(
    what: Arguments<'_>,
    value: f64,
    fits: bool,
    expected: &'static str,
) -> Result<(), PlanError> {
    if fits {
        Ok(())
    } else {
        Err(PlanError::OutOfRange { what: what.to_string(), value, expected })
    }
}

/// Returns the error of a contract that contradicts several limits at once: nothing else keeps a
/// site from switching everything off.
pub(super) fn together(problem: &Problem) -> PlanError {
    let site = &problem.site;
    let mut limits = vec!["the site's power"];
    limits.extend(site.cooling.map(|_| "its cooling"));
    limits.extend(site.ramp.map(|_| "its ramp"));
    limits.extend(site.response.map(|_| "the baseline of demand response"));
    limits.extend(problem.ai.stages.first().map(|_| "the stages of AI capacity"));
    let demand = problem.hours.iter().any(|hour| hour.demand.is_some());
    limits.extend(demand.then_some("AI demand"));
    let least = problem.ai.contract.map_or(Watts::ZERO, |contract| contract.least);
    PlanError::Together { least, limits: limits.join(", ") }
}
