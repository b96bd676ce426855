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
        not_negative(format_args!("the readiness of hour {at}"), hour.readiness.value())?;
        not_negative(format_args!("the tenants' draw in hour {at}"), hour.tenants.value())?;
        not_negative(format_args!("the tenants' heat in hour {at}"), hour.tenants_heat.value())?;
        for (what, most) in [("credited", hour.most_credited), ("paid for", hour.most_ready)] {
            if let Some(most) = most {
                positive(format_args!("the most power {what} in hour {at}"), most.value())?;
            }
        }
    }
    for class in &problem.classes {
        of_class(class)?;
    }
    for (at, stage) in problem.stages.iter().enumerate() {
        not_negative(format_args!("the capacity of stage {at}"), stage.capacity.value())?;
        if at > 0 && problem.stages[at - 1].from >= stage.from {
            return Err(PlanError::StageOrder { stage: at, from: stage.from });
        }
    }
    Ok(())
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

/// Checks that the tenants fit each of the limits taken alone.
pub(super) fn tenants(problem: &Problem) -> Result<(), PlanError> {
    for (hour, of) in problem.hours.iter().enumerate() {
        let limits = [
            ("the site's power", of.tenants, Some(problem.site.power)),
            ("the site's cooling", of.tenants_heat, problem.site.cooling),
            ("the capacity of AI's stages", of.tenants, Some(problem.capacity(hour))),
            ("the baseline of demand response", of.tenants, problem.baseline(hour)),
        ];
        for (limit, draw, most) in limits {
            let Some(most) = most else { continue };
            if !draw.fits(most) {
                return Err(PlanError::Tenants { draw, limit, most, hour });
            }
        }
    }
    Ok(())
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

/// Returns the error of tenants whose beginning contradicts the ramp: nothing else keeps a site from
/// switching everything off.
pub(super) fn together(problem: &Problem) -> PlanError {
    let step =
        problem.hours.windows(2).map(|pair| (pair[1].tenants - pair[0].tenants).value().abs());
    let step = Watts::new(step.fold(0.0, f64::max));
    PlanError::Ramp { step, ramp: problem.site.ramp.unwrap_or(Watts::ZERO) }
}
