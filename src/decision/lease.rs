//! Tenants in the hours of a plan: when each has room, what he takes, and what that earns.

use jiff::tz::TimeZone;

use super::inputs::Factors;
use super::site::{Contract, Hour, Site, years};
use super::tenant;
use crate::units::{Usd, UsdPerKwh, Watts};

/// A tenant who is served from some hour of a plan on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lease {
    /// Place of his contract in the site's file.
    pub(super) contract: usize,
    /// First hour in which he is served.
    pub(super) from: usize,
    /// Power that is kept for him, at the site's meter.
    pub(super) reserved: Watts,
    /// Share of it that he draws on average, 0 to 1.
    pub(super) used: f64,
    /// Heat of his machines with all of his power.
    pub(super) heat: Watts,
    /// What he pays in these hours.
    pub(super) revenue: Usd,
    /// What running his place costs besides energy.
    pub(super) operations: Usd,
    /// What the site pays for his energy.
    pub(super) energy: Usd,
    /// What these hours bear of building out for him.
    pub(super) conversion: Usd,
}

impl Lease {
    pub(super) fn profit(&self) -> Usd {
        self.revenue - self.operations - self.energy - self.conversion
    }
}

/// Returns the leases of some contracts: those that are signed come first, then they come in the order
/// of the file, each from the hour on in which there is room for all of its machines. Those without
/// room in these hours are left out.
pub(super) fn leases(site: &Site, hours: &[Hour], contracts: &[usize]) -> Vec<Lease> {
    let contract = |at: usize| &site.ai.contracts[at];
    let mut order = contracts.to_vec();
    order.sort_by_key(|&at| !contract(at).signed);
    let mut leases = Vec::new();
    let mut taken = Watts::ZERO;
    for at in order {
        let room = site.place.power - taken;
        let reserved = site.tenant(contract(at));
        if !reserved.fits(room) {
            continue;
        }
        let reserved = reserved.min(room);
        let of_contract = lease(site, hours, at, (reserved, taken));
        taken += of_contract.as_ref().map_or(Watts::ZERO, |lease| lease.reserved);
        leases.extend(of_contract);
    }
    leases
}

fn lease(
    site: &Site,
    hours: &[Hour],
    at: usize,
    (reserved, taken): (Watts, Watts),
) -> Option<Lease> {
    let contract: &Contract = &site.ai.contracts[at];
    let stages = &site.place.stages;
    let ready = stages.iter().find(|stage| (taken + reserved).fits(stage.power));
    let from = match ready {
        Some(stage) => first_hour(hours, stage.ready),
        None if stages.is_empty() => 0,
        None => hours.len(),
    };
    let served = hours.get(from..).filter(|served| !served.is_empty())?;
    let running = tenant::hosting(site, contract, reserved, &Factors::ONE)?;
    if running.converted <= 0.0 {
        return None;
    }
    let count = served.len() as f64;
    let prices = served.iter().map(|hour| hour.price).sum::<UsdPerKwh>();
    Some(Lease {
        contract: at,
        from,
        reserved,
        used: tenant::used(contract, &Factors::ONE),
        heat: site.machines(reserved, site.ai_pue()),
        revenue: running.revenue.over(count),
        operations: running.operations.over(count),
        energy: (prices * (running.power * running.energy_share)).over(1.0),
        conversion: running.conversion_while_earning() * years(served.len()),
    })
}

/// The first hour of a day, by UTC, or the number of hours if that is later than all of them.
pub(super) fn first_hour(hours: &[Hour], day: jiff::civil::Date) -> usize {
    let midnight = day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    midnight.map_or(hours.len(), |midnight| hours.partition_point(|it| it.start < midnight))
}
