//! The best plan of a site as people read it, with what its limits are worth, and what it would be with
//! other shares of AI.

use rayon::prelude::*;

use super::lease;
use super::limits;
use super::model::{Schedule, SharePoint};
use super::outcome;
use super::plan::PlanError;
use super::planner::Planner;
use super::site::{Contract, Site};
use crate::units::Watts;

/// Plans the hours of a site with all devices that are there, or worth buying.
pub(super) fn schedule(planner: &Planner<'_>, site: &Site) -> Result<Schedule, PlanError> {
    let planned = planner.best(site)?;
    let served: Vec<usize> = planned.leases.iter().map(|lease| lease.contract).collect();
    let limits = limits::worth(site, &planned.profit(), |changed| {
        Some(planner.plan(changed, &served).ok()?.profit())
    });
    Ok(Schedule {
        limits,
        shares: shares(planner, site),
        ..outcome::schedule(planner, site, &planned)
    })
}

/// Returns what the best plans earn in which AI draws no more than some shares of the site's power,
/// and tenants, in the order of the file, all that there is of it; nothing where there is no AI.
fn shares(planner: &Planner<'_>, site: &Site) -> Vec<SharePoint> {
    const STEPS: u32 = 10;
    if site.ai.market.is_none() && site.ai.contracts.is_empty() {
        return Vec::new();
    }
    // Who has no room in these hours would take a part of the share and leave it unused.
    let mut ready = site.clone();
    ready.ai.contracts = (0..site.ai.contracts.len())
        .filter(|&at| !lease::leases(site, planner.hours, &[at]).is_empty())
        .map(|at| site.ai.contracts[at].clone())
        .collect();
    let site = &ready;
    let signed = site.ai.contracts.iter().filter(|it| it.signed);
    let promised: Watts = signed.map(|it| site.tenant(it)).sum();
    let point = |step: u32| {
        let share = f64::from(step) / f64::from(STEPS);
        let mut left = site.place.power * share;
        if !promised.fits(left) {
            return None;
        }
        let mut then = site.clone();
        let (mut signed, open): (Vec<_>, Vec<_>) =
            then.ai.contracts.into_iter().partition(|it| it.signed);
        signed.extend(open);
        then.ai.contracts = signed
            .into_iter()
            .filter_map(|contract| {
                let whole = site.tenant(&contract);
                let part = whole.min(left);
                left -= part;
                let power = contract.power * (part / whole);
                (power > Watts::ZERO).then_some(Contract { power, ..contract })
            })
            .collect();
        if let Some(market) = &mut then.ai.market {
            market.demand = Some(market.demand.map_or(left, |demand| demand.min(left)));
        }
        let all: Vec<usize> = (0..then.ai.contracts.len()).collect();
        let planned = planner.plan(&then, &all).ok()?;
        // Who has no room would have taken a part of the share.
        (planned.leases.len() == all.len())
            .then(|| SharePoint { share, profit_usd: planner.after_capital(&then, &planned) })
    };
    (0..=STEPS).into_par_iter().filter_map(point).collect()
}
