//! What power earns at a tenant: his rent and share of revenue, for machines that he brings.

use super::economics::level;
use super::inputs::{Factors, UncertainInput};
use super::operating::{OperatingPoint, converted, per_megawatt};
use super::site::{Contract, Site};
use crate::units::{UsdPerKwh, Watts};

/// Returns the operating point of some power at the site's meter for a tenant; `None` where the cost
/// of building out for him is not known.
///
/// What rises over the years is taken for equal payments over them.
pub(crate) fn hosting(
    site: &Site,
    contract: &Contract,
    power: Watts,
    factors: &Factors,
) -> Option<OperatingPoint> {
    let build_out = contract.build_out(&site.capital)?;
    let machines = site.machines(power, site.ai_pue());
    let used = used(contract, factors);
    let rent = contract.rent.as_ref().map_or(UsdPerKwh::ZERO, |rent| {
        let paid_for = contract.take_or_pay.map_or(1.0, |least| used.max(least));
        rent.value * factors.of(UncertainInput::Contract) * paid_for
    });
    let shared = contract.revenue_share.as_ref().map_or(UsdPerKwh::ZERO, |it| {
        it.revenue.value * factors.of(UncertainInput::TenantRevenue) * (it.share * used)
    });
    let rise = level(contract.escalator, site.capital.discount_rate, contract.years);
    let revenue = (rent * rise + shared) * machines;
    let conversion =
        per_megawatt(build_out.value.value(), machines) * factors.of(UncertainInput::BuildOut);
    let running = converted(site, power, revenue, (conversion, contract.years), factors)?;
    let energy_share = if contract.tenant_pays_power { 0.0 } else { used };
    Some(OperatingPoint { energy_share, ..running })
}

/// Returns the share of the agreed power that a tenant draws on average, 0 to 1.
pub(crate) fn used(contract: &Contract, factors: &Factors) -> f64 {
    let used = contract.utilisation.as_ref().map_or(1.0, |it| it.value);
    (used * factors.of(UncertainInput::TenantUse)).clamp(0.0, 1.0)
}
