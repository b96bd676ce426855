//! What a decision says: everything that was concluded, with the numbers that it was concluded
//! from. Every exporter is made from this value; JSON has all of it but the single hours of the
//! plan.

use jiff::Timestamp;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::Basis;
use super::case::Use;
use super::fitness::Fitness;
use super::sensitivity::{Map, Sensitivity};
use super::turning::TurningPoint;
use super::verdict::Verdict;
use crate::units::{Joules, Usd, UsdPerKwh, Watts};

/// Version of the JSON form of a [`Decision`]; it changes when a field changes its meaning or goes
/// away.
pub const DECISION_SCHEMA: u32 = 3;

/// Decision for a site: a verdict for each kind of hardware, the prices behind it, and a plan by
/// the hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Decision {
    /// Version of the JSON form: [`DECISION_SCHEMA`].
    #[cfg_attr(test, schemars(extend("const" = DECISION_SCHEMA)))]
    pub schema: u32,
    /// Version of perjoule that made the decision.
    pub perjoule: String,
    /// Moment that the decision was made for, in RFC 3339, in UTC.
    pub decided: String,
    /// Name of the site.
    pub site: String,
    /// Prices that the decision was made with.
    pub prices: Prices,
    /// Revenue of well-known mining machines at the site, by their ratings, for comparison.
    pub asics: Vec<Asic>,
    /// Years that are decided about: the life of the hardware.
    pub years: f64,
    /// Money of the best use of every kind of hardware together.
    pub total: Totals,
    /// Verdict on each kind of hardware, in the order of the site's file.
    pub devices: Vec<DeviceDecision>,
    /// Optimal plan of the site over the hours of its tariff.
    pub plan: Schedule,
    /// Share of the scenario draws, 0 to 1, in which a use has to be best for a verdict.
    pub confidence: f64,
    /// Number of scenario draws of the uncertain inputs.
    pub draws: u32,
    /// Seed of the scenario draws; the same seed gives the same draws.
    pub seed: u64,
    /// What the decision rests on that was measured or quoted, in words.
    pub known: Vec<String>,
    /// What was assumed, in words: what nobody has measured or quoted.
    pub assumed: Vec<String>,
    /// Reasons to doubt the decision, such as old quotes or demand that is not there.
    pub warnings: Vec<String>,
}

/// Prices and network figures that a decision was made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Prices {
    /// Mean price of power over the hours of the tariff, in US dollars per kWh at the site's meter.
    pub tariff_usd_per_kwh: UsdPerKwh,
    /// Price of power in the cheapest hour, in US dollars per kWh.
    pub cheapest_usd_per_kwh: UsdPerKwh,
    /// Price of power in the most expensive hour, in US dollars per kWh.
    pub dearest_usd_per_kwh: UsdPerKwh,
    /// Number of hours that the tariff has.
    pub hours: usize,
    /// Prices of mining; `None` where nothing mines.
    pub mining: Option<MiningPrices>,
    /// Date and source of every quoted price and data sheet.
    pub quotes: Vec<PriceSource>,
}

/// Prices and network figures of mining.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MiningPrices {
    /// Price of one bitcoin, in US dollars.
    pub btc_usd: Usd,
    /// Network difficulty: expected hashes to find a block, in units of 2^32.
    pub difficulty: f64,
    /// Subsidy and fees of one block, in bitcoin.
    pub btc_per_block: f64,
    /// Number of blocks from the decision to the next halving of the subsidy: those of the quote, less
    /// one for each ten minutes since.
    pub blocks_to_halving: u32,
    /// Hashprice: revenue of one PH/s in a day, in US dollars, before the pool's fee.
    pub hashprice_usd: Usd,
}

/// Date and source of one quoted number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct PriceSource {
    /// Full key of the number in the site's file, as in `mining.btc_price`.
    pub key: String,
    /// Day of the quote, as in `2026-01-31`.
    pub date: String,
    /// Source of the number, as the site's file names it.
    pub source: String,
}

/// Revenue of a well-known mining machine at the site, by its rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Asic {
    /// Name of the model.
    pub name: String,
    /// Rated energy per terahash, in joules at the wall.
    pub joules_per_terahash: f64,
    /// Revenue in US dollars per kWh at the site's meter, after the pool's fee and before the
    /// tariff.
    pub usd_per_kwh: UsdPerKwh,
}

/// Conclusions for one kind of hardware. Amounts in US dollars per year are for one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct DeviceDecision {
    /// Name of the hardware in the site's file.
    pub name: String,
    /// Name that the device reports, from its score, or of its model in the catalogue of data sheets;
    /// `None` where the site's file has the figures.
    pub model: Option<String>,
    /// Number of devices of this kind.
    pub count: u32,
    /// Whether the devices are owned already; otherwise they would have to be bought.
    pub owned: bool,
    /// Number of devices that would make way for tenants, who need their power; 0 where there is none, or
    /// they take spare power.
    pub making_way: u32,
    /// Number of devices that the site has no power for if all of it goes to the best uses.
    pub without_power: u32,
    /// Name of the tenant whom most of them would make way for; `None` where no device makes way.
    pub tenant: Option<String>,
    /// Money of the best use, for all devices of this kind; for those that make way for no tenant, or
    /// that there is no power for, of the best use that is left to them.
    pub total: Totals,
    /// Verdict: what to do with the devices.
    pub verdict: Verdict,
    /// Value of each use that is possible, in the order of `Use::ALL`.
    pub uses: Vec<UseValue>,
    /// Source of what is known of its power; `None` where nothing is.
    pub basis: Option<Basis>,
    /// Economics of mining; `None` where they are not known.
    pub mining: Option<MiningEconomics>,
    /// Reason why the economics of mining are not known; `None` where they are.
    pub no_mining: Option<String>,
    /// Economics of renting the device out for AI; `None` where it is not rented out.
    pub renting: Option<AiEconomics>,
    /// Reason why the device is not rented out; `None` where it is.
    pub no_renting: Option<String>,
    /// Economics of giving the device's power to a tenant; `None` where no device of the kind makes way for
    /// one, or the power is not known.
    pub hosting: Option<AiEconomics>,
    /// Fitness for each class of AI work, by a score or the data sheet of a card; empty for mining machines
    /// by their data sheets.
    pub fitness: Vec<Fitness>,
    /// Use that the tornado is about: the best one, or the next best where selling is best.
    pub moved: Use,
    /// Sensitivity of that use's value to each input, the largest effect first.
    pub tornado: Vec<Sensitivity>,
    /// Best use and its value if all years were like today, before the next halving; `None` where
    /// mining is not known, or there is no halving in the years that are decided about. As for
    /// `after_halving`, nothing is drawn for it.
    pub until_halving: Option<UseValue>,
    /// Best use after the next halving and its value, all else as today; `None` where mining is not
    /// known. Nothing is drawn for it: both ends of its range are the value, and its chance is 1.
    pub after_halving: Option<UseValue>,
    /// Nearest values of single inputs at which another use is best.
    pub turning_points: Vec<TurningPoint>,
    /// Best use at other tariffs and bitcoin prices; `None` where the mean tariff or the bitcoin
    /// price is not above zero, and where mining is not known.
    pub map: Option<Map>,
}

/// Value of one use of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct UseValue {
    /// Use that is valued.
    #[serde(rename = "use")]
    pub of: Use,
    /// Money at once, in US dollars for one device: what selling it brings, less what buying or converting
    /// it costs.
    pub now_usd: Usd,
    /// Money of a year, in US dollars for one device, after energy and operations and before capital, as
    /// equal payments over the years that are decided about, halvings included.
    pub cash_usd_per_year: Usd,
    /// Net present value in US dollars for one device, over the years that are decided about, compared
    /// with selling it, or with not buying it. A contract that is shorter is taken to be renewed, and of
    /// one that is longer these years bear their part of building out.
    pub life_usd: Usd,
    /// Value in US dollars per year for one device, as equal payments over the years that are decided
    /// about, halvings included, after energy, operations and capital cost; selling is 0.
    pub usd_per_year: Usd,
    /// 10th percentile of the value over the scenario draws, in US dollars per year.
    pub low_usd_per_year: Usd,
    /// 90th percentile of the value over the scenario draws, in US dollars per year.
    pub high_usd_per_year: Usd,
    /// Share of the scenario draws, 0 to 1, in which this use is best.
    pub chance: f64,
}

/// Money of a use, in US dollars, for all devices that it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Totals {
    /// Money at once: what selling brings, less what buying and converting costs.
    pub now_usd: Usd,
    /// Money of a year, after energy and operations and before capital.
    pub cash_usd_per_year: Usd,
    /// Net present value over the years that are decided about, compared with selling what is owned and
    /// buying nothing.
    pub life_usd: Usd,
}

/// Economics of mining with one device, at the site's meter unless a field says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MiningEconomics {
    /// Source of the power figure: a meter, a statement or a data sheet.
    pub basis: Basis,
    /// Power while mining, in watts at the wall.
    pub wall_watts: Watts,
    /// Power while mining, in watts at the site's meter.
    pub metered_watts: Watts,
    /// Hashes per joule at the wall.
    pub hashes_per_joule: f64,
    /// Joules per terahash at the wall, the unit that miners use.
    pub joules_per_terahash: f64,
    /// Revenue in US dollars per kWh, after the pool's fee.
    pub usd_per_kwh: UsdPerKwh,
    /// Margin in US dollars per kWh, after the mean tariff and operations, mining in every hour.
    pub margin_usd_per_kwh: UsdPerKwh,
    /// Share of the hours, 0 to 1, in which mining pays and the device runs, over the years that are
    /// decided about. In hours with a
    /// curtailment credit, mining has to earn more than the tariff and the credit together.
    pub hours: f64,
    /// Price of power, in US dollars per kWh, above which mining loses money today, operations
    /// included, and what the grid pays left out.
    pub switch_off_usd_per_kwh: UsdPerKwh,
    /// The same price after the next halving, all else as today; `None` where it is not within the
    /// years that are decided about.
    pub switch_off_after_halving_usd_per_kwh: Option<UsdPerKwh>,
    /// Break-even price of power, in US dollars per kWh: the price, the same in all hours, up to which
    /// mining while it pays is worth more than selling the device, capital cost and halvings
    /// included, and what the grid pays left out.
    pub break_even_usd_per_kwh: UsdPerKwh,
    /// Break-even price of one bitcoin, in US dollars, at which mining in every hour earns the cost
    /// of power and operations; `None` where no price above zero does.
    pub break_even_btc_usd: Option<Usd>,
    /// Break-even difficulty, up to which mining in every hour earns the cost of power and
    /// operations; `None` where there is none.
    pub break_even_difficulty: Option<f64>,
    /// Months until mining has earned the price of hardware that has to be bought, halvings included;
    /// `None` if it never does, or the hardware is owned.
    pub payback_months: Option<f64>,
}

/// Economics of AI on one device, or on its power for a tenant, at the site's meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct AiEconomics {
    /// Source of the power figure: a meter, a statement or a data sheet.
    pub basis: Basis,
    /// Power while serving AI, in watts at the site's meter.
    pub metered_watts: Watts,
    /// Revenue in US dollars per kWh, after the market's fee, at the expected utilisation.
    pub usd_per_kwh: UsdPerKwh,
    /// Margin in US dollars per kWh, after the tariff and operations, before capital cost.
    pub margin_usd_per_kwh: UsdPerKwh,
    /// Price of power above which switching off is better, in US dollars per kWh; `None` where the
    /// tenant pays for power.
    pub switch_off_usd_per_kwh: Option<UsdPerKwh>,
    /// Break-even mean price of power, in US dollars per kWh, capital cost included; `None` where
    /// the tenant pays for power, or the conversion leaves no time to earn.
    pub break_even_usd_per_kwh: Option<UsdPerKwh>,
    /// Break-even utilisation, above which renting out beats selling the device; above 1 it never
    /// does. `None` for a tenant, or where even full utilisation earns nothing.
    pub break_even_utilisation: Option<f64>,
    /// Utilisation above which renting out beats mining; above 1 it never does. `None` for a
    /// tenant, where mining is not known, or where even full utilisation earns nothing.
    pub mining_utilisation: Option<f64>,
    /// Cost of converting one device, or its power, to AI, in US dollars.
    pub conversion_usd: Usd,
    /// Months, conversion time included, until what AI earns beyond mining has paid for the
    /// conversion; `None` if it never does. Where hardware is bought to be rented out, until all
    /// that it earns has paid for the conversion and its price.
    pub payback_months: Option<f64>,
}

/// Plan of a site over the hours of its tariff, and what it earns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Schedule {
    /// Number of hours in the plan.
    pub hours: usize,
    /// Profit over all hours, in US dollars, after energy, operations and conversion, before the
    /// capital cost of hardware.
    pub profit_usd: Usd,
    /// Income and costs of the plan, by category.
    pub money: Money,
    /// Mean power that mining draws, in watts.
    pub mining_watts: Watts,
    /// Mean power that AI draws, in watts.
    pub ai_watts: Watts,
    /// Mean curtailed power, in watts: what idle machines could draw within the limits.
    pub curtailed_watts: Watts,
    /// Share of AI in all energy drawn, 0 to 1; 0 if none is drawn.
    pub ai_share: f64,
    /// Number of hours in which more than a thousandth of the possible draw is curtailed.
    pub hours_curtailed: usize,
    /// Allocation of each kind of hardware, and of each tenant who is served.
    pub classes: Vec<Allocation>,
    /// What a megawatt of each limit is worth, without limits that are of no consequence.
    pub limits: Vec<LimitValue>,
    /// What the best plans earn at other shares of AI; empty where there is no AI.
    pub shares: Vec<SharePoint>,
    /// Duration curve: the draw at some places in the order of the hours by their draw, the highest
    /// first.
    pub duration: Vec<DurationPoint>,
    /// Names of hardware and tenants that are not in the plan, each with the reason.
    pub left_out: Vec<String>,
    /// Every hour of the plan. The CSV file has them; JSON does not, and leaves this empty when
    /// read.
    #[serde(skip)]
    pub by_hour: Vec<PlannedHour>,
}

/// Income and costs of a plan, in US dollars. [`Schedule::profit_usd`] is the income less all costs but
/// capital.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Money {
    /// Income from mining, before the pool's fee.
    pub mining_usd: Usd,
    /// Income from machines that are rented out, before the market's fee.
    pub renting_usd: Usd,
    /// Income from tenants.
    pub tenants_usd: Usd,
    /// Income from the grid for power that is not drawn.
    pub credits_usd: Usd,
    /// Income from the grid for mining that could be switched off.
    pub readiness_usd: Usd,
    /// Cost of energy; below zero if the site was paid for taking it.
    pub energy_usd: Usd,
    /// Fees of the pool and of the market.
    pub fees_usd: Usd,
    /// Cost of operations besides energy.
    pub operations_usd: Usd,
    /// Cost of conversion to AI, as far as these hours bear it.
    pub conversion_usd: Usd,
    /// Cost of capital of the hardware that runs in the plan: what its price costs over its life, with
    /// interest, as far as these hours bear it. Hardware that never runs can be sold.
    pub capital_usd: Usd,
}

/// What the best plan earns in which AI draws at most some share of the site's power.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SharePoint {
    /// Share of the site's power that AI draws at the most, 0 to 1. Tenants take all that there is of
    /// it, in the order of the file.
    pub share: f64,
    /// Profit of the plan over all hours, in US dollars, after the cost of capital of the machines that
    /// run in it.
    pub profit_usd: Usd,
}

/// What one kind of hardware does in a plan. Hours are device-hours, over all devices of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Allocation {
    /// Name of the kind of hardware, or of a tenant.
    pub name: String,
    /// Number of devices; 1 for a tenant.
    pub count: f64,
    /// Number of devices that serve AI; not always a whole number.
    pub converted: f64,
    /// Device-hours of mining.
    pub mining_hours: f64,
    /// Device-hours of serving AI.
    pub ai_hours: f64,
    /// Device-hours switched off.
    pub off_hours: f64,
    /// Energy that the devices draw, in joules at the site's meter.
    pub energy_joules: Joules,
    /// Margin of the devices after energy, operations and conversion, in US dollars, before
    /// curtailment credits.
    pub margin_usd: Usd,
}

/// What a megawatt of one limit of a site is worth to the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct LimitValue {
    /// Name of the limit, as in `the site's power`.
    pub of: String,
    /// What one more megawatt in all hours of the plan gains, in US dollars, as the plan changes by
    /// a megawatt or a hundredth of the limit, whichever is less; below zero where it costs. `None`
    /// where no plan has more, or where a tenant would be served from another hour on, or no more. One
    /// more megawatt of a contract is paid for as the others.
    pub more_usd_per_megawatt: Option<Usd>,
    /// What one of the last megawatts gains, in US dollars: the plan loses it with a megawatt less.
    /// `None` where no plan has less, or where a tenant would be served otherwise.
    pub less_usd_per_megawatt: Option<Usd>,
}

/// One point of a plan's duration curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct DurationPoint {
    /// Share of the hours, 0 to 1, that draw as much or more.
    pub share: f64,
    /// Power that mining draws at this point, in watts.
    pub mining_watts: Watts,
    /// Power that AI draws at this point, in watts.
    pub ai_watts: Watts,
}

/// One hour of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedHour {
    /// Start of the hour.
    pub start: Timestamp,
    /// Price of power in the hour, in US dollars per kWh.
    pub tariff: UsdPerKwh,
    /// Power that mining draws, in watts.
    pub mining: Watts,
    /// Power that AI draws, in watts.
    pub ai: Watts,
    /// Curtailed power, in watts: what idle machines could draw within the limits.
    pub curtailed: Watts,
}
