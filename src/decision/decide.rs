//! From a site and its scores to the decision.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::candidate::{Candidate, MismatchError, NamedRecord, UnknownUse};
use super::case::{Case, Use, best};
use super::curve::Curve;
use super::fitness::Thresholds;
use super::grid::programmes;
use super::grounds;
use super::inputs::Factors;
use super::join::{candidates, unused};
use super::making_way::{making_way, total, without_power};
use super::model::{DECISION_SCHEMA, Decision, DeviceDecision, Totals, UseValue};
use super::outlook::{Outlook, height_after};
use super::planner::{self, PlannedUses, Planner};
use super::prices::{asics, prices};
use super::schedule::schedule;
use super::sensitivity::{self, monte_carlo, tornado};
use super::site::{Capital, Site};
use super::turning::turning_points;
use super::uses::{hosting, mining, no_renting, renting};
use super::verdict::{Eligibility, Verdict};
use super::warnings::warnings;
use crate::input::listed;
use crate::units::Usd;

/// Options of a decision.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Moment that the decision is made for; the age of prices is counted up to it.
    pub now: Timestamp,
    /// Thresholds that a device has to meet for AI.
    pub thresholds: Thresholds,
    /// Share of the scenario draws, 0 to 1, in which a use has to be best for a verdict.
    pub confidence: f64,
    /// Number of scenario draws of the uncertain inputs.
    pub draws: u32,
    /// Seed of the scenario draws; the same seed gives the same draws.
    pub seed: u64,
}

impl Options {
    /// Returns the default options at a moment: 100,000 draws, a confidence of 0.9, the thresholds
    /// that are built in, and seed 1.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now, thresholds: Thresholds::default(), confidence: 0.9, draws: 100_000, seed: 1 }
    }
}

/// Decides what to do at a site, from its file and the scores of its hardware. Each score comes
/// with the name of its file, by which the site's entries refer to it.
///
/// # Errors
///
/// Returns an error when entries of the site and the scores do not fit together, the tariff has no
/// hours, or there is no plan within the limits of the site.
pub fn decide(
    site: &Site,
    records: &[NamedRecord],
    options: &Options,
) -> Result<Decision, DecideError> {
    let candidates = candidates(&site.devices, records, &options.thresholds);
    let mut candidates = candidates.map_err(DecideError::Mismatch)?;
    if site.mining.is_none() {
        for candidate in &mut candidates {
            candidate.hashing = Err(UnknownUse::NoMining);
        }
    }
    let candidates = candidates;
    let hours = site.power.tariff.hours(options.now);
    let programmes = programmes(site, &hours);
    let priced = hours.iter().map(|hour| hour.price).zip(programmes.iter().copied());
    let curve = Curve::new(priced).ok_or(DecideError::NoHours)?;
    planner::fits(site, &hours, candidates.len())?;
    let outlook = outlook(site, options.now);
    let case = |candidate| Case::new(site, &curve, &outlook, candidate);
    let cases: Vec<Case<'_>> = candidates.iter().map(case).collect();
    let making_way = making_way(site, &candidates, &cases);
    let mut judged: Vec<DeviceDecision> = cases
        .into_iter()
        .zip(&making_way)
        .enumerate()
        .map(|(at, (case, way))| {
            let case = case.with_tenant(way.contract);
            judge(site, &case, (&candidates[at], way.count), at, options)
        })
        .collect();
    let uses: Vec<PlannedUses> = judged
        .iter()
        .map(|it| PlannedUses {
            is_there: it.verdict.best != Use::Sell,
            is_rented: it.renting.is_some(),
        })
        .collect();
    for (at, dark) in without_power(site, &judged).into_iter().enumerate() {
        let device = &mut judged[at];
        device.without_power = dark;
        if dark > 0 && dark == device.count {
            device.verdict.leave("the site has no power for any of them");
        }
        device.total = total(device);
    }
    let judged = judged;
    let planner = Planner {
        curve: &curve,
        outlook: &outlook,
        hours: &hours,
        programmes: &programmes,
        candidates: &candidates,
        uses: &uses,
    };
    let plan = schedule(&planner, site)?;
    let today = options.now.to_zoned(TimeZone::UTC).date();
    let mut warnings = warnings(site, &outlook, (&candidates, &judged), &hours);
    let doubtful = site.doubtful(today);
    warnings.splice(0..0, doubtful.iter().map(ToString::to_string));
    warnings.extend(unused(&site.devices, records));
    let decided = options.now.round(jiff::Unit::Second).unwrap_or(options.now).to_string();
    Ok(Decision {
        schema: DECISION_SCHEMA,
        perjoule: env!("CARGO_PKG_VERSION").to_owned(),
        decided,
        site: site.name.clone(),
        prices: prices(site, &curve, &outlook, &hours),
        asics: asics(site, &outlook),
        years: site.capital.life_years,
        total: judged.iter().map(|device| device.total).fold(Totals::default(), Totals::and),
        devices: judged,
        plan,
        confidence: options.confidence,
        draws: options.draws,
        seed: options.seed,
        known: grounds::known(site, &candidates),
        assumed: grounds::assumed(site, &candidates),
        warnings,
    })
}

/// Looks ahead over the life of the hardware, from the height that the chain has by now.
pub(super) fn outlook(site: &Site, now: Timestamp) -> Outlook {
    let Capital { life_years, discount_rate, .. } = site.capital;
    let Some(mining) = &site.mining else {
        return Outlook::new(0, life_years, discount_rate, None);
    };
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = mining.network.origin().date.until(today).map_or(0, |span| span.get_days());
    let height = height_after(mining.height, f64::from(days));
    let along = |years: f64| mining.along(today, years);
    let along: Option<&dyn Fn(f64) -> (f64, f64)> = mining.changes().then_some(&along);
    Outlook::new(height, life_years, discount_rate, along)
}

/// Reason why there is no decision.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// Entries of the site do not fit the scores.
    #[error("{}", listed(.0, "; ", 20))]
    Mismatch(Vec<MismatchError>),
    /// The tariff has no hours.
    #[error("power.tariff has no hours")]
    NoHours,
    /// The hours of the site cannot be planned.
    #[error("no plan: {0}")]
    NoPlan(#[from] super::plan::PlanError),
}

fn judge(
    site: &Site,
    case: &Case<'_>,
    (candidate, making_way): (&Candidate<'_>, u32),
    at: usize,
    options: &Options,
) -> DeviceDecision {
    let allowed = Eligibility::new(&candidate.fitness);
    let draws = monte_carlo(case, at, |values| allowed.of(values), (options.draws, options.seed));
    let verdict = Verdict::new(case, candidate, allowed, &draws, options.confidence);
    let values = allowed.of(case.values(&Factors::ONE));
    let worth = |of: Use| {
        let usd_per_year = values[of as usize]?;
        let (low, high) = draws.range[of as usize].unwrap_or((usd_per_year, usd_per_year));
        let (now_usd, cash_usd_per_year) = case.cash(of, &Factors::ONE)?;
        Some(UseValue {
            of,
            now_usd,
            cash_usd_per_year,
            life_usd: usd_per_year * case.present_value(),
            usd_per_year,
            low_usd_per_year: low,
            high_usd_per_year: high,
            chance: draws.chance[of as usize],
        })
    };
    let like_today = |halvings: i32| {
        let values = allowed.of(case.values(&Factors::ONE.like_today(halvings)));
        let of = best(&values);
        let usd_per_year = values[of as usize].unwrap_or(Usd::ZERO);
        let (now_usd, cash_usd_per_year) =
            case.cash(of, &Factors::ONE.like_today(halvings)).unwrap_or_default();
        UseValue {
            of,
            now_usd,
            cash_usd_per_year,
            life_usd: usd_per_year * case.present_value(),
            usd_per_year,
            low_usd_per_year: usd_per_year,
            high_usd_per_year: usd_per_year,
            chance: 1.0,
        }
    };
    let is_mined = candidate.hashing.is_ok();
    let moved = match (verdict.best, verdict.next) {
        (Use::Sell, Some(next)) => next,
        (best, _) => best,
    };
    let entry = candidate.entry;
    let uses: Vec<UseValue> = Use::ALL.into_iter().filter_map(worth).collect();
    DeviceDecision {
        name: entry.name.clone(),
        model: candidate.model.clone(),
        count: candidate.count,
        owned: case.is_owned(),
        making_way,
        tenant: case.contract().map(|it| it.name.clone()),
        without_power: 0,
        total: Totals::default(),
        uses,
        mining: mining(case, candidate),
        no_mining: candidate.hashing.as_ref().err().map(ToString::to_string),
        renting: renting(case, candidate).filter(|_| values[Use::Rent as usize].is_some()),
        no_renting: no_renting(site.ai.market.as_ref(), candidate, allowed)
            .as_ref()
            .map(ToString::to_string),
        hosting: hosting(case, candidate),
        basis: candidate.basis(),
        fitness: candidate.fitness.clone(),
        moved,
        tornado: tornado(case, |values| allowed.of(values), moved),
        until_halving: (is_mined && case.halving().is_some()).then(|| like_today(0)),
        after_halving: is_mined.then(|| like_today(1)),
        turning_points: turning_points(case, |values| allowed.of(values)),
        map: sensitivity::map(case, |values| allowed.of(values)),
        verdict,
    }
}
