//! From a site and its scores to the decision.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::candidate::{
    Basis, Candidate, MismatchError, NamedRecord, Power, UNKNOWN_DEVIATION, candidates, unused,
};
use super::case::{Case, Factors, Use, best, earnings};
use super::curve::Curve;
use super::economics::{blocks_to_halving, subsidy};
use super::fitness::Thresholds;
use super::miners::{MINERS, ReferenceMiner};
use super::model::{
    Asic, DECISION_SCHEMA, Decision, DeviceDecision, PriceSource, Prices, UseValue,
};
use super::outlook::{Outlook, height_after};
use super::schedule::{self, Planner};
use super::sensitivity::{self, monte_carlo, tornado};
use super::site::{Hardware, Hour, Site, YEAR};
use super::uses::{hosting, mining, no_renting, renting};
use super::verdict::{Eligibility, Verdict};
use crate::input::listed;
use crate::units::text::percent;
use crate::units::{Usd, UsdPerKwh, Watts};

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
    let candidates = candidates.map_err(DecideError::Mismatch)?;
    let hours = site.power.tariff.hours(options.now);
    let curve = Curve::new(hours.iter().map(|hour| hour.price)).ok_or(DecideError::NoHours)?;
    schedule::fits(site, &hours, candidates.len())?;
    let outlook = outlook(site, options.now);
    let judged: Vec<DeviceDecision> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            judge(&Case::new(site, &curve, &outlook, candidate), candidate, at, options)
        })
        .collect();
    let planner = Planner {
        curve: &curve,
        outlook: &outlook,
        hours: &hours,
        candidates: &candidates,
        judged: &judged,
    };
    let plan = planner.schedule(site)?;
    let today = options.now.to_zoned(TimeZone::UTC).date();
    let mut warnings: Vec<String> = site.doubtful(today).iter().map(ToString::to_string).collect();
    warnings.extend(site.assumed.iter().map(|it| format!("assumed: {it}")));
    warnings.extend(unused(&site.devices, records));
    warnings.extend(doubts(&candidates));
    warnings.extend(asked_for(site, &judged));
    let mean = curve.all().cost;
    if mean > DEAR {
        warnings.push(format!("power.tariff is {mean} on average: is it for a megawatt-hour?"));
    }
    if hours.len() != usize::from(YEAR) {
        let count = hours.len();
        warnings.push(format!("power.tariff has {count} hours, which stand for a year of {YEAR}"));
    }
    let decided = options.now.round(jiff::Unit::Second).unwrap_or(options.now).to_string();
    Ok(Decision {
        schema: DECISION_SCHEMA,
        perjoule: env!("CARGO_PKG_VERSION").to_owned(),
        decided,
        site: site.name.clone(),
        prices: Prices::new(site, &curve, &outlook, &hours),
        asics: asics(site, &outlook),
        devices: judged,
        plan,
        confidence: options.confidence,
        draws: options.draws,
        seed: options.seed,
        warnings,
    })
}

/// Looks ahead over the life of the hardware, from the height that the chain has by now.
fn outlook(site: &Site, now: Timestamp) -> Outlook {
    let (mining, capital) = (&site.mining, &site.capital);
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = mining.network.origin().date.until(today).map_or(0, |span| span.get_days());
    let height = height_after(mining.height, f64::from(days));
    Outlook::new(height, capital.life_years, capital.discount_rate, mining.grows())
}

/// Mean tariff above which its unit is probably wrong: single hours cost more at times, but no year
/// does.
const DEAR: UsdPerKwh = UsdPerKwh::new(2.0);

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

impl Prices {
    fn new(site: &Site, curve: &Curve, outlook: &Outlook, hours: &[Hour]) -> Self {
        let earnings = earnings(site, subsidy(outlook.height()), &Factors::ONE);
        let prices = || hours.iter().map(|hour| hour.price);
        let extreme = |it: Option<UsdPerKwh>| it.unwrap_or(UsdPerKwh::ZERO);
        let quote = |origin: &super::site::Origin| PriceSource {
            key: origin.key.clone(),
            date: origin.date.to_string(),
            source: origin.source.clone(),
        };
        Self {
            tariff_usd_per_kwh: curve.all().cost,
            cheapest_usd_per_kwh: extreme(prices().min_by(UsdPerKwh::total_cmp)),
            dearest_usd_per_kwh: extreme(prices().max_by(UsdPerKwh::total_cmp)),
            hours: hours.len(),
            btc_usd: earnings.btc_price,
            difficulty: earnings.difficulty,
            btc_per_block: earnings.btc_per_block,
            blocks_to_halving: blocks_to_halving(outlook.height()),
            hashprice_usd: earnings.hashprice(),
            quotes: site.origins().into_iter().map(quote).collect(),
        }
    }
}

fn asics(site: &Site, outlook: &Outlook) -> Vec<Asic> {
    let earnings = earnings(site, subsidy(outlook.height()), &Factors::ONE);
    let asic = |miner: ReferenceMiner| {
        let joules = miner.joules_per_terahash();
        let at_the_wall = earnings.per_kwh(1e12 / joules);
        // What a kilowatt-hour at the site's meter leaves of one at the wall.
        let share = site.machines(Watts::new(1.0), site.place.mining_pue).value();
        Asic {
            name: miner.name.to_owned(),
            joules_per_terahash: joules,
            usd_per_kwh: at_the_wall * share,
        }
    };
    MINERS.map(asic).into()
}

fn doubts(candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut doubts = Vec::new();
    for candidate in candidates {
        let hashing = candidate.hashing.as_ref().map(|it| it.power);
        let powers: [Option<&Power>; 2] =
            [hashing.as_ref().ok(), candidate.computing.as_ref().ok()];
        let name = &candidate.entry.name;
        if powers.into_iter().flatten().any(|power| power.basis == Basis::Assumed) {
            doubts.push(format!("the watts of {name} were stated and not measured"));
        }
        let is_single =
            |power: &Power| power.basis == Basis::Measured && power.uncertainty.is_none();
        if powers.into_iter().flatten().any(is_single) {
            doubts.push(format!(
                "the joules of {name} are of a single window, which shows no spread: drawn with a \
                 standard deviation of {}; a score without --quick has three windows",
                percent(UNKNOWN_DEVIATION, 0)
            ));
        }
    }
    doubts
}

/// Warns where the best uses of all devices together draw more than there is demand or power for: a
/// verdict is for one device more.
fn asked_for(site: &Site, judged: &[DeviceDecision]) -> Vec<String> {
    let drawn = |of: Use| -> Watts {
        let power = |device: &DeviceDecision| match of {
            Use::Rent => device.renting.as_ref().map(|it| it.metered_watts),
            Use::Host => device.hosting.as_ref().map(|it| it.metered_watts),
            _ => device.mining.as_ref().map(|it| it.metered_watts),
        };
        let best = judged.iter().filter(|device| device.verdict.best == of);
        best.filter_map(|device| Some(power(device)? * f64::from(device.count))).sum()
    };
    let mut told = Vec::new();
    let mut tell = |of: Use, most: Option<Watts>, who: &str| {
        let drawn = drawn(of);
        if let Some(most) = most.filter(|most| drawn > *most * 1.001) {
            told.push(format!(
                "what is best to {} draws {drawn}, and {who} {most} at the most: the plan says how \
                 much of it is",
                of.name()
            ));
        }
    };
    let market = site.ai.market.as_ref();
    tell(Use::Rent, market.and_then(|it| it.demand), "the market takes");
    tell(Use::Host, site.ai.contract.as_ref().map(|it| site.tenant(it)), "the tenant takes");
    let response = site.power.response.as_ref();
    tell(Use::Curtail, response.and_then(|it| it.most), "the grid pays for");
    tell(Use::Mine, Some(site.place.power), "the site has");
    told
}

fn judge(
    case: &Case<'_>,
    candidate: &Candidate<'_>,
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
        Some(UseValue {
            of,
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
        let (low_usd_per_year, high_usd_per_year) = (usd_per_year, usd_per_year);
        UseValue { of, usd_per_year, low_usd_per_year, high_usd_per_year, chance: 1.0 }
    };
    let is_mined = candidate.hashing.is_ok();
    let moved = match (verdict.best, verdict.next) {
        (Use::Sell, Some(next)) => next,
        (best, _) => best,
    };
    let entry = candidate.entry;
    DeviceDecision {
        name: entry.name.clone(),
        model: candidate.model.clone(),
        count: entry.count,
        owned: matches!(entry.hardware, Hardware::Owned(_)),
        uses: Use::ALL.into_iter().filter_map(worth).collect(),
        mining: mining(case, candidate),
        no_mining: candidate.hashing.as_ref().err().map(ToString::to_string),
        renting: renting(case, candidate).filter(|_| values[Use::Rent as usize].is_some()),
        no_renting: no_renting(case.site(), candidate, allowed).as_ref().map(ToString::to_string),
        hosting: hosting(case, candidate),
        fitness: candidate.fitness.clone(),
        moved,
        tornado: tornado(case, |values| allowed.of(values), moved),
        until_halving: (is_mined && case.halving().is_some()).then(|| like_today(0)),
        after_halving: is_mined.then(|| like_today(1)),
        map: sensitivity::map(case, |values| allowed.of(values)),
        verdict,
    }
}
