//! Power, income and costs of a use while it runs.

use super::economics::annuity;
use super::inputs::{Factors, UncertainInput};
use super::site::{Capital, Site};
use crate::units::{Usd, UsdPerHour, UsdPerKwh, Watts};

/// Power, income and costs of one use of one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OperatingPoint {
    /// Power at the site's meter, while it runs.
    pub(crate) power: Watts,
    /// Revenue while it runs.
    pub(crate) revenue: UsdPerHour,
    /// Operating cost while it runs, besides energy.
    pub(crate) operations: UsdPerHour,
    /// Cost of conversion, spent once.
    pub(crate) conversion: Usd,
    /// Cost of conversion per year, as an annuity.
    pub(crate) conversion_yearly: Usd,
    /// The share of the years in which it earns something.
    pub(crate) converted: f64,
    /// Share of its power that the site pays energy for, 0 to 1: 0 where a tenant pays for it.
    pub(crate) energy_share: f64,
}

impl OperatingPoint {
    /// Returns the revenue of each kilowatt-hour at the site's meter.
    pub(crate) fn per_kwh(&self) -> UsdPerKwh {
        self.revenue.at(self.power)
    }

    /// Returns what conversion costs in each year that it earns in.
    pub(crate) fn conversion_while_earning(&self) -> Usd {
        self.conversion_yearly / self.converted
    }

    /// Returns the revenue less operations of each kilowatt-hour: the price of power above which
    /// switching off is better.
    pub(crate) fn worth(&self) -> UsdPerKwh {
        (self.revenue - self.operations).at(self.power)
    }
}

/// Returns the operating point of AI at some power and revenue, its conversion spread over some
/// years; `None` where the site has no AI.
pub(super) fn converted(
    site: &Site,
    power: Watts,
    revenue: UsdPerHour,
    (conversion, years): (Usd, f64),
    factors: &Factors,
) -> Option<OperatingPoint> {
    let Capital { discount_rate, months_to_convert, .. } = site.capital;
    let (operations, months_to_convert) = (site.place.ai_operations.as_ref()?, months_to_convert?);
    Some(OperatingPoint {
        power,
        revenue,
        operations: operations.value * power * factors.of(UncertainInput::AiOperations),
        conversion,
        conversion_yearly: conversion * annuity(discount_rate, years),
        converted: (1.0 - months_to_convert / 12.0 / years).max(0.0),
        energy_share: 1.0,
    })
}

/// Returns the cost for some power, at that many dollars per megawatt.
pub(super) fn per_megawatt(dollars: f64, power: Watts) -> Usd {
    Usd::new(dollars * power.value() / 1e6)
}
