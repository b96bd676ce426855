//! What a decision says: everything that was concluded, with the numbers that it was concluded from.
//! Every exporter is made from this value; JSON has all of it but the single hours of the plan.

use jiff::Timestamp;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::Basis;
use super::case::Use;
use super::fitness::Fitness;
use super::sensitivity::{Map, Sensitivity};
use super::verdict::Verdict;
use crate::units::{Joules, Usd, UsdPerKwh, Watts};

/// The version of the form: it changes when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// What to do at a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Decision {
    /// The version of the form: [`SCHEMA`].
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    pub schema: u32,
    /// The version of perjoule that decided.
    pub perjoule: String,
    /// When: RFC 3339, in UTC.
    pub decided: String,
    /// The name of the site.
    pub site: String,
    /// What things cost there.
    pub prices: Prices,
    /// What miners of today would earn there, by their data sheets, for comparison.
    pub asics: Vec<Asic>,
    /// The hardware, in the order of the file.
    pub devices: Vec<DeviceDecision>,
    /// What goes where in each hour of a year.
    pub plan: Schedule,
    /// In which share of the draws a use has to be best for a verdict.
    pub confidence: f64,
    /// How often doubtful numbers were drawn.
    pub draws: u32,
    /// What the draws were made from.
    pub seed: u64,
    /// What makes it doubtful.
    pub warnings: Vec<String>,
}

/// The prices that were decided with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Prices {
    /// The mean of the tariff, for a kilowatt-hour at the site's meter.
    pub tariff_usd_per_kwh: UsdPerKwh,
    /// The cheapest hour.
    pub cheapest_usd_per_kwh: UsdPerKwh,
    /// The dearest hour.
    pub dearest_usd_per_kwh: UsdPerKwh,
    /// How many hours the tariff has.
    pub hours: usize,
    /// Of a bitcoin.
    pub btc_usd: Usd,
    /// Of finding a block, in 2^32 hashes.
    pub difficulty: f64,
    /// Subsidy and fees of a block.
    pub btc_per_block: f64,
    /// Blocks to the next halving of the subsidy.
    pub blocks_to_halving: u32,
    /// Of a petahash a second in a day, before the pool's share.
    pub hashprice_usd: Usd,
    /// Where all numbers come from.
    pub quotes: Vec<PriceSource>,
}

/// Where a number comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct PriceSource {
    /// Its key in the file.
    pub key: String,
    /// The day.
    pub date: String,
    /// Who says so.
    pub source: String,
}

/// What a miner that people know would earn at the site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Asic {
    /// Its name.
    pub name: String,
    /// By its data sheet, at the wall.
    pub joules_per_terahash: f64,
    /// At the site's meter, after the pool's share and before the tariff.
    pub usd_per_kwh: UsdPerKwh,
}

/// What was concluded of a kind of hardware. Dollars a year are for one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct DeviceDecision {
    /// What the site calls it.
    pub name: String,
    /// What it calls itself.
    pub model: Option<String>,
    /// How many there are.
    pub count: u32,
    /// Whether it is there already.
    pub owned: bool,
    /// What to do with it.
    pub verdict: Verdict,
    /// What each use is worth.
    pub uses: Vec<UseValue>,
    /// What mining earns; `None` where that is not known.
    pub mining: Option<MiningEconomics>,
    /// Why mining is not known.
    pub no_mining: Option<String>,
    /// Renting it out.
    pub renting: Option<AiEconomics>,
    /// Why it is not rented out.
    pub no_renting: Option<String>,
    /// Giving its power to a tenant.
    pub hosting: Option<AiEconomics>,
    /// For what it is fit; empty without a score.
    pub fitness: Vec<Fitness>,
    /// The use whose value is moved: the best one, or of what is best sold the next best.
    pub moved: Use,
    /// What moves its value, the most moving first.
    pub tornado: Vec<Sensitivity>,
    /// What would be best after the next halving, and its value, if nothing else changed.
    pub after_halving: Option<UseValue>,
    /// What is best at other tariffs and prices of a bitcoin.
    pub map: Option<Map>,
}

/// What a use is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct UseValue {
    /// The use.
    #[serde(rename = "use")]
    pub of: Use,
    /// In US dollars a year for one device, after energy, operations and capital; selling is 0.
    pub usd_per_year: Usd,
    /// What one in ten of the draws is below.
    pub low_usd_per_year: Usd,
    /// What one in ten of the draws is above.
    pub high_usd_per_year: Usd,
    /// In which share of the draws it is best.
    pub chance: f64,
}

/// What mining earns and needs. All but hashes per joule is at the site's meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MiningEconomics {
    /// How the power is known.
    pub basis: Basis,
    /// At the wall.
    pub wall_watts: Watts,
    /// At the site's meter.
    pub metered_watts: Watts,
    /// At the wall.
    pub hashes_per_joule: f64,
    /// The miners' unit, at the wall.
    pub joules_per_terahash: f64,
    /// What a kilowatt-hour earns, after the pool's share.
    pub usd_per_kwh: UsdPerKwh,
    /// What is left of it after tariff and operations, running at all times.
    pub margin_usd_per_kwh: UsdPerKwh,
    /// The share of the hours in which a kilowatt-hour earns more than it costs.
    pub hours: f64,
    /// The price of power above which switching off is better, operations included.
    pub switch_off_usd_per_kwh: UsdPerKwh,
    /// The mean price of power up to which it is worth more than selling the device, capital
    /// included.
    pub break_even_usd_per_kwh: UsdPerKwh,
    /// The price of a bitcoin from which on it earns what power and operations cost, running at all
    /// times; `None` where they cost nothing.
    pub break_even_btc_usd: Option<Usd>,
    /// The difficulty up to which it does.
    pub break_even_difficulty: Option<f64>,
    /// How long it takes to earn the price of hardware that has to be bought; `None` if it never
    /// does, or there is nothing to pay back.
    pub payback_months: Option<f64>,
}

/// What AI earns and needs, at the site's meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct AiEconomics {
    /// How the power is known.
    pub basis: Basis,
    /// While it works.
    pub metered_watts: Watts,
    /// What a kilowatt-hour earns, after the market's share.
    pub usd_per_kwh: UsdPerKwh,
    /// What is left of it after tariff and operations, before capital.
    pub margin_usd_per_kwh: UsdPerKwh,
    /// The price of power above which switching off is better; `None` where the tenant pays for it.
    pub switch_off_usd_per_kwh: Option<UsdPerKwh>,
    /// The mean price of power up to which it pays, capital included.
    pub break_even_usd_per_kwh: Option<UsdPerKwh>,
    /// The utilisation from which on it earns more than selling the device; above 1 it never does.
    pub break_even_utilisation: Option<f64>,
    /// The utilisation from which on it earns more than mining.
    pub mining_utilisation: Option<f64>,
    /// What has to be spent for one device.
    pub conversion_usd: Usd,
    /// How long it takes, conversion included, to earn that by what it is better than mining; `None`
    /// if it never does.
    pub payback_months: Option<f64>,
}

/// What a site does in the hours of its tariff, and what that earns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Schedule {
    /// How many hours.
    pub hours: usize,
    /// What is earned in them, after energy, operations and conversion, and before the cost of
    /// hardware.
    pub profit_usd: Usd,
    /// Where it comes from, and where it goes.
    pub money: Money,
    /// What mining draws on average.
    pub mining_watts: Watts,
    /// What AI draws on average.
    pub ai_watts: Watts,
    /// What rests on average though it could draw.
    pub curtailed_watts: Watts,
    /// The share of AI in all energy.
    pub ai_share: f64,
    /// Hours in which something rests though it could draw.
    pub hours_curtailed: usize,
    /// What each kind of hardware, and the tenant, does.
    pub classes: Vec<Allocation>,
    /// What more of each limit would be worth, where it is worth something.
    pub limits: Vec<Limit>,
    /// The draw of hours, the highest first, at some places of their order.
    pub duration: Vec<Duration>,
    /// Hardware that is not in it, and why.
    pub left_out: Vec<String>,
    /// Every hour. JSON has no place for so many of them; a CSV file has.
    #[serde(skip)]
    pub by_hour: Vec<PlannedHour>,
}

/// Money of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Money {
    /// From mining, operations taken off.
    pub mining_usd: Usd,
    /// From AI, operations taken off.
    pub ai_usd: Usd,
    /// From the grid, for power that is not drawn.
    pub credits_usd: Usd,
    /// For energy.
    pub energy_usd: Usd,
    /// For conversion.
    pub conversion_usd: Usd,
}

/// What one kind of hardware does. Hours are those of all devices together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Allocation {
    /// Its name.
    pub name: String,
    /// How many there are.
    pub count: f64,
    /// How many serve AI.
    pub converted: f64,
    /// Hours of mining.
    pub mining_hours: f64,
    /// Hours of AI.
    pub ai_hours: f64,
    /// Hours of rest.
    pub off_hours: f64,
    /// What they draw.
    pub energy_joules: Joules,
    /// What they earn after energy and conversion.
    pub margin_usd: Usd,
}

/// What more of a limit would be worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Limit {
    /// Of what.
    pub of: String,
    /// For one more megawatt in all hours of the plan; below zero for what has been promised.
    pub usd_per_megawatt: Usd,
}

/// A place in the order of the hours by their draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Duration {
    /// The share of the hours that draw as much or more.
    pub share: f64,
    /// What mining draws.
    pub mining_watts: Watts,
    /// What AI draws.
    pub ai_watts: Watts,
}

/// An hour of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedHour {
    /// When it begins.
    pub start: Timestamp,
    /// What power costs.
    pub tariff: UsdPerKwh,
    /// What mining draws.
    pub mining: Watts,
    /// What AI draws.
    pub ai: Watts,
    /// What rests though it could draw.
    pub curtailed: Watts,
}
