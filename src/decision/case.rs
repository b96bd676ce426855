//! The value of each use of a device in a year, for the numbers as they were quoted and for others:
//! what sensitivities and the verdict are made of.
//!
//! All is for one device, in US dollars a year, with energy at the site's meter. Zero is to sell it
//! (or not to buy it): the opportunity cost of keeping it is its resale price, paid back over its
//! life, less its salvage value. So a value above zero is the gain of a use over selling.
//!
//! - *Mine*: revenue of the hours in which a kilowatt-hour costs less than it earns, less their
//!   energy and operations, with credits for the others that the grid pays for; over all years that
//!   are decided about, with their halvings, as equal payments a year ([`Outlook`]).
//! - *Rent*: price by utilisation, less the market's share, at full power in all hours, once it is
//!   converted; less energy, operations and the cost of conversion.
//! - *Host*: the device is sold, and its power goes to the tenant of the contract.
//! - *Curtail*: nothing but credits.

use std::ops::Add;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Hashing};
use super::curve::Curve;
use super::economics::{self, Earnings, annuity, sinking, subsidy};
use super::outlook::Outlook;
use super::site::{Capital, Hardware, Mining, Network, Quote, Rental, Site, YEAR};
use crate::units::{Usd, UsdPerHour, UsdPerKwh, Watts};

/// Use that a device, or its power, can be put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Mine with the device, or go on mining.
    Mine,
    /// Rent the device out for AI.
    Rent,
    /// Sell the device, and give its power to a tenant's AI machines.
    Host,
    /// Keep the device, and leave it off.
    Curtail,
    /// Sell the device, or do not buy it.
    Sell,
}

impl Use {
    /// All uses, in the order in which they are shown. Of equally good uses the last is best: a device
    /// for which mining never pays is curtailed, and one that is worth nothing is sold.
    pub const ALL: [Self; 5] = [Self::Mine, Self::Rent, Self::Host, Self::Curtail, Self::Sell];

    /// Returns the use's name: `mine`, `rent out`, `host AI`, `curtail` or `sell`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Rent => "rent out",
            Self::Host => "host AI",
            Self::Curtail => "curtail",
            Self::Sell => "sell",
        }
    }
}

/// Input of a decision that may turn out otherwise than it was quoted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UncertainInput {
    /// Price of a bitcoin.
    BtcPrice,
    /// Growth of the price of a bitcoin in a year.
    BtcGrowth,
    /// Network difficulty of finding a block.
    Difficulty,
    /// Growth of the difficulty in a year.
    DifficultyGrowth,
    /// Transaction fees of a block.
    Fees,
    /// Share of mining revenue that the pool keeps.
    PoolFee,
    /// Price of power, in all hours alike.
    Tariff,
    /// Curtailment credit: what the grid pays for power that is not drawn.
    Credit,
    /// Operating cost of mining, besides energy.
    MiningOperations,
    /// Operating cost of AI, besides energy.
    AiOperations,
    /// Rental price of an hour of the device.
    RentalPrice,
    /// Utilisation: the share of the hours in which the device is rented.
    Utilisation,
    /// Share of the rent that the market keeps.
    MarketFee,
    /// Payment of the tenant.
    Contract,
    /// Cost of converting a megawatt of the site to AI.
    Retrofit,
    /// Cost of converting the device itself to AI.
    Conversion,
    /// Cost of building out a megawatt for the tenant.
    BuildOut,
    /// Price for which the device can be sold or bought.
    Hardware,
    /// Hashes per joule of the device, as measured.
    HashesPerJoule,
    /// Power of the device while serving AI, as measured.
    AiPower,
}

impl UncertainInput {
    /// All inputs, in the order in which they are declared.
    pub const ALL: [Self; 20] = [
        Self::BtcPrice,
        Self::BtcGrowth,
        Self::Difficulty,
        Self::DifficultyGrowth,
        Self::Fees,
        Self::PoolFee,
        Self::Tariff,
        Self::Credit,
        Self::MiningOperations,
        Self::AiOperations,
        Self::RentalPrice,
        Self::Utilisation,
        Self::MarketFee,
        Self::Contract,
        Self::Retrofit,
        Self::Conversion,
        Self::BuildOut,
        Self::Hardware,
        Self::HashesPerJoule,
        Self::AiPower,
    ];

    /// Returns the input's name in tables, as in `BTC price`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BtcPrice => "BTC price",
            Self::BtcGrowth => "growth of the BTC price",
            Self::Difficulty => "difficulty",
            Self::DifficultyGrowth => "growth of difficulty",
            Self::Fees => "fees of blocks",
            Self::PoolFee => "pool fee",
            Self::Tariff => "power tariff",
            Self::Credit => "credit for curtailment",
            Self::MiningOperations => "operations of mining",
            Self::AiOperations => "operations of AI",
            Self::RentalPrice => "price of an AI hour",
            Self::Utilisation => "AI utilisation",
            Self::MarketFee => "market's fee",
            Self::Contract => "tenant's payment",
            Self::Retrofit => "retrofit",
            Self::Conversion => "conversion of the device",
            Self::BuildOut => "build-out",
            Self::Hardware => "worth of the hardware",
            Self::HashesPerJoule => "hashes/J",
            Self::AiPower => "power of AI",
        }
    }
}

/// How far a number may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Doubt {
    /// Evenly distributed between these multiples of the value.
    Range(f64, f64),
    /// Normally distributed, with this standard deviation as a share of the value.
    Deviation(f64),
}

/// A multiple of each input, for a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    times: [f64; UncertainInput::ALL.len()],
    mining: MiningYears,
}

/// The years that mining is valued over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum MiningYears {
    /// All that are decided about, with halvings and growth as they come.
    AsTheyCome,
    /// Years like today, after as many further halvings of the subsidy.
    LikeToday { halvings: i32 },
}

impl Factors {
    /// Every input as quoted or measured.
    pub(crate) const ONE: Self =
        Self { times: [1.0; UncertainInput::ALL.len()], mining: MiningYears::AsTheyCome };

    pub(crate) fn with(mut self, input: UncertainInput, times: f64) -> Self {
        self.times[input as usize] = times;
        self
    }

    /// Returns the same factors for years that are all like today, after `halvings` more halvings of
    /// the subsidy.
    pub(crate) fn like_today(self, halvings: i32) -> Self {
        Self { mining: MiningYears::LikeToday { halvings }, ..self }
    }

    fn of(&self, input: UncertainInput) -> f64 {
        self.times[input as usize]
    }
}

/// Value of each use in US dollars per year; `None` where the use is not possible.
pub(crate) type Values = [Option<Usd>; Use::ALL.len()];

/// Returns the use that is worth most, the last of equal ones.
pub(crate) fn best(values: &Values) -> Use {
    let worth = |of: &Use| values[*of as usize].map_or(f64::NEG_INFINITY, Usd::value);
    let better = |best: Use, next: Use| if worth(&next) >= worth(&best) { next } else { best };
    Use::ALL.into_iter().reduce(better).unwrap_or(Use::Sell)
}

/// A device at a site.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    site: &'a Site,
    curve: &'a Curve,
    outlook: &'a Outlook,
    candidate: &'a Candidate<'a>,
}

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
    /// Whether another party pays for the energy.
    pub(crate) energy_paid: bool,
}

impl OperatingPoint {
    /// Returns the revenue of each kilowatt-hour at the site's meter.
    pub(crate) fn per_kwh(&self) -> UsdPerKwh {
        self.revenue.at(self.power)
    }

    /// Returns the revenue less operations of each kilowatt-hour: the price of power above which
    /// switching off is better.
    pub(crate) fn worth(&self) -> UsdPerKwh {
        (self.revenue - self.operations).at(self.power)
    }
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        site: &'a Site,
        curve: &'a Curve,
        outlook: &'a Outlook,
        candidate: &'a Candidate<'a>,
    ) -> Self {
        Self { site, curve, outlook, candidate }
    }

    /// Returns the site that the device is at.
    pub(crate) fn site(&self) -> &'a Site {
        self.site
    }

    /// Returns the value of each use in a year.
    pub(crate) fn values(&self, factors: &Factors) -> Values {
        let keep = self.keep(factors);
        let mut values = [None; Use::ALL.len()];
        let mining = self.mining(factors);
        values[Use::Mine as usize] = self.mined(factors).map(|mined| mined.value - keep);
        values[Use::Rent as usize] =
            self.renting(factors).map(|renting| self.always(&renting, factors) - keep);
        values[Use::Host as usize] =
            self.hosting(factors).map(|hosting| self.always(&hosting, factors));
        values[Use::Curtail as usize] = mining.and_then(|mining| {
            let (credit, share) = self.credit(factors)?;
            Some((credit * mining.power).over(f64::from(YEAR) * share) - keep)
        });
        values[Use::Sell as usize] = Some(Usd::ZERO);
        values
    }

    /// Returns the holding cost per year: the annuity of the device's price, less the sinking fund
    /// of its salvage value.
    pub(crate) fn keep(&self, factors: &Factors) -> Usd {
        let capital = &self.site.capital;
        let (rate, years) = (capital.discount_rate, capital.life_years);
        let share = annuity(rate, years) - capital.salvage * sinking(rate, years);
        self.worth(factors) * share
    }

    /// Returns the price for which the device can be sold or bought.
    pub(crate) fn worth(&self, factors: &Factors) -> Usd {
        let (Hardware::Owned(worth) | Hardware::ToBuy(worth)) = &self.candidate.entry.hardware;
        worth.value * factors.of(UncertainInput::Hardware)
    }

    /// Returns the inputs of mining revenue at the site, today.
    pub(crate) fn earnings(&self, factors: &Factors) -> Earnings {
        earnings(self.site, subsidy(self.outlook.height()), factors)
    }

    /// Returns the operating point of mining today; `None` where its hash rate or power is not
    /// known.
    pub(crate) fn mining(&self, factors: &Factors) -> Option<OperatingPoint> {
        self.mining_by(&self.earnings(factors), factors)
    }

    /// Returns the operating point of mining once the subsidy has been halved once more, all else
    /// as today.
    pub(crate) fn mining_halved(&self, factors: &Factors) -> Option<OperatingPoint> {
        let halved = subsidy(self.outlook.height()) / 2.0;
        self.mining_by(&earnings(self.site, halved, factors), factors)
    }

    /// Returns the years from now to the next halving; `None` where it is not within the years that
    /// are decided about.
    pub(crate) fn halving(&self) -> Option<f64> {
        self.outlook.halving()
    }

    fn mining_by(&self, earnings: &Earnings, factors: &Factors) -> Option<OperatingPoint> {
        let Hashing { hashes_per_second, power } = *self.candidate.hashing.as_ref().ok()?;
        let rate = hashes_per_second * factors.of(UncertainInput::HashesPerJoule);
        let revenue = earnings.per_hash() * (rate * 3600.0);
        let power = self.site.metered(power.wall, self.site.place.mining_pue);
        let operations = &self.site.place.mining_operations;
        Some(OperatingPoint {
            power,
            revenue: UsdPerHour::new(revenue.value()),
            operations: operations.value * power * factors.of(UncertainInput::MiningOperations),
            conversion: Usd::ZERO,
            conversion_yearly: Usd::ZERO,
            converted: 1.0,
            energy_paid: false,
        })
    }

    /// Returns the phases of the years that are decided about: of each its length in years, its
    /// share of the present value, and what mining is then.
    fn mining_phases(
        &self,
        factors: &Factors,
    ) -> impl Iterator<Item = (f64, f64, OperatingPoint)> + use<'_, 'a> {
        let factors = *factors;
        let Mining { btc_growth, difficulty_growth, .. } = &self.site.mining;
        let growth = |quote: &Option<Quote<f64>>, input| {
            // Something is left of whatever shrinks.
            quote.as_ref().map_or(1.0, |it| (1.0 + it.value * factors.of(input)).max(0.01))
        };
        let price = growth(btc_growth, UncertainInput::BtcGrowth);
        let difficulty = growth(difficulty_growth, UncertainInput::DifficultyGrowth);
        let phases = match factors.mining {
            MiningYears::AsTheyCome => self.outlook.phases(),
            MiningYears::LikeToday { .. } => self.outlook.phases().get(..1).unwrap_or_default(),
        };
        phases.iter().filter_map(move |phase| {
            let (length, weight, earnings) = match factors.mining {
                MiningYears::AsTheyCome => {
                    let then = earnings(self.site, phase.subsidy, &factors);
                    let then = Earnings {
                        btc_price: then.btc_price * price.powf(phase.middle()),
                        difficulty: then.difficulty * difficulty.powf(phase.middle()),
                        ..then
                    };
                    (phase.until - phase.from, phase.weight, then)
                }
                MiningYears::LikeToday { halvings } => {
                    let subsidy = phase.subsidy * 0.5_f64.powi(halvings);
                    (f64::INFINITY, 1.0, earnings(self.site, subsidy, &factors))
                }
            };
            Some((length, weight, self.mining_by(&earnings, &factors)?))
        })
    }

    /// Returns the value of a year of mining while it pays, without the cost of the hardware, over
    /// all years that are decided about; `None` where its hash rate or power is not known.
    pub(crate) fn mined(&self, factors: &Factors) -> Option<Mined> {
        let phases = || self.mining_phases(factors);
        let years: f64 = phases().map(|(length, ..)| length).sum();
        let of_phase = |(length, weight, mining): (f64, f64, OperatingPoint)| {
            let Mined { value, hours } = self.mined_at(&mining, factors);
            let share = if years.is_finite() { length / years } else { 1.0 };
            Mined { value: value * weight, hours: hours * share }
        };
        phases().map(of_phase).reduce(Mined::add)
    }

    /// Returns the price of power, the same in all hours, at which mining while it pays earns `yearly`
    /// a kilowatt-hour over all years that are decided about; `None` where its hash rate or power is
    /// not known.
    pub(crate) fn mining_bears(&self, yearly: UsdPerKwh, factors: &Factors) -> Option<UsdPerKwh> {
        let phases = self.mining_phases(factors);
        let mut phases: Vec<_> =
            phases.map(|(_, weight, mining)| (mining.worth(), weight)).collect();
        phases.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let (mut earned, mut share) = (UsdPerKwh::ZERO, 0.0);
        let mut bears = None;
        // The best phases mine, and at their price those that are left do not.
        for (worth, weight) in phases {
            if bears.is_some_and(|bears| bears >= worth) {
                break;
            }
            earned += worth * weight;
            share += weight;
            bears = Some((earned - yearly) / share);
        }
        bears
    }

    /// Returns the years until mining has earned some capital, interest left out; `None` if it never
    /// does. After the years that are decided about it earns what it earned last.
    pub(crate) fn mining_pays_back(&self, capital: Usd, factors: &Factors) -> Option<f64> {
        let mut missing = capital;
        let (mut years, mut last) = (0.0, Usd::ZERO);
        for (length, _, mining) in self.mining_phases(factors) {
            last = self.mined_at(&mining, factors).value;
            if last > Usd::ZERO && missing <= last * length {
                return Some(years + missing / last);
            }
            missing -= last * length;
            years += length;
        }
        (last > Usd::ZERO).then(|| years + missing / last)
    }

    /// Returns the operating point of renting the device out; `None` where it cannot be rented, or
    /// its power is not known.
    pub(crate) fn renting(&self, factors: &Factors) -> Option<OperatingPoint> {
        let Rental { price, utilisation, conversion } = self.candidate.entry.rental.as_ref()?;
        let market = self.site.ai.market.as_ref()?;
        let computing = self.candidate.computing.as_ref().ok()?;
        let capital = &self.site.capital;
        let wall = computing.wall * factors.of(UncertainInput::AiPower);
        let power = self.site.metered(wall, self.site.ai_pue());
        let share = (utilisation.value * factors.of(UncertainInput::Utilisation)).clamp(0.0, 1.0);
        let fee = (market.fee.value * factors.of(UncertainInput::MarketFee)).clamp(0.0, 1.0);
        let revenue = price.value * (factors.of(UncertainInput::RentalPrice) * (1.0 - fee) * share);
        let of_device = conversion.as_ref().map_or(Usd::ZERO, |it| it.value);
        let conversion = per_megawatt(capital.retrofit.as_ref()?.value.value(), power)
            * factors.of(UncertainInput::Retrofit)
            + of_device * factors.of(UncertainInput::Conversion);
        converted(self.site, power, revenue, (conversion, capital.life_years), factors)
    }

    /// Returns the rent of an hour after the market's fee, if the device were always rented.
    pub(crate) fn full_rent(&self) -> Option<UsdPerHour> {
        let (rental, market) =
            (self.candidate.entry.rental.as_ref()?, self.site.ai.market.as_ref()?);
        Some(rental.price.value * (1.0 - market.fee.value))
    }

    /// Returns the operating point of the device's power at a tenant; `None` without a contract.
    pub(crate) fn hosting(&self, factors: &Factors) -> Option<OperatingPoint> {
        hosting(self.site, self.mining(&Factors::ONE)?.power, factors)
    }

    /// Returns the value of a year of a use that runs at all times, without the cost of the
    /// hardware.
    pub(crate) fn always(&self, running: &OperatingPoint, factors: &Factors) -> Usd {
        self.operating(running, factors) * running.converted - running.conversion_yearly
    }

    /// Returns the value of a year in which such a use runs throughout, without its conversion.
    pub(crate) fn operating(&self, running: &OperatingPoint, factors: &Factors) -> Usd {
        let tariff = if running.energy_paid { UsdPerKwh::ZERO } else { self.tariff(factors) };
        ((running.worth() - tariff) * running.power).over(f64::from(YEAR))
    }

    /// Returns whether the device can serve AI by itself or by its power.
    fn has_ai(&self) -> bool {
        let rented = self.is_rentable() && self.candidate.computing.is_ok();
        let hosted = self.site.ai.contract.is_some() && self.candidate.hashing.is_ok();
        rented || hosted
    }

    /// Returns whether the device has a rental price, and the site a market.
    pub(crate) fn is_rentable(&self) -> bool {
        self.candidate.entry.rental.is_some() && self.site.ai.market.is_some()
    }

    /// Returns the months from the decision to the first revenue of AI.
    pub(crate) fn months_to_convert(&self) -> f64 {
        self.site.capital.months_to_convert.unwrap_or_default()
    }

    /// Returns the mean price of power.
    pub(crate) fn tariff(&self, factors: &Factors) -> UsdPerKwh {
        self.curve.all().cost * factors.of(UncertainInput::Tariff)
    }

    /// Returns the value of a year of mining at an operating point while it pays, without the cost of
    /// the hardware.
    fn mined_at(&self, mining: &OperatingPoint, factors: &Factors) -> Mined {
        let times = factors.of(UncertainInput::Tariff);
        let (credit, dear) = self.credit(factors).unwrap_or((UsdPerKwh::ZERO, 0.0));
        let worth = mining.worth();
        // Prices are compared as they were quoted; of a tariff that is nothing all are below.
        let quoted =
            |price: UsdPerKwh| if times > 0.0 { price / times } else { price * f64::INFINITY };
        let (cheapest, dearest) = self.curve.below(quoted(worth), (quoted(worth - credit), dear));
        let hours = cheapest.hours + dearest.hours;
        let earned = (worth * mining.power).over(f64::from(YEAR) * hours);
        let cost = (cheapest.cost + dearest.cost) * times;
        let energy = (cost * mining.power).over(f64::from(YEAR));
        let credited =
            (credit * mining.power).over(f64::from(YEAR) * (dear - dearest.hours).max(0.0));
        Mined { value: earned - energy + credited, hours }
    }

    /// Returns the curtailment credit of a kilowatt-hour, and the share of the hours that have it.
    fn credit(&self, factors: &Factors) -> Option<(UsdPerKwh, f64)> {
        let response = self.site.power.response.as_ref()?;
        let credit = response.credit.value * factors.of(UncertainInput::Credit);
        Some((credit, f64::from(response.hours) / f64::from(YEAR)))
    }

    /// Returns how far each input that matters here may be off.
    pub(crate) fn doubts(&self) -> Vec<(UncertainInput, Doubt)> {
        let mut doubts = Vec::new();
        let mut range = |input, (low, high): (f64, f64)| {
            if low < high {
                doubts.push((input, Doubt::Range(low, high)));
            }
        };
        let Site { power, place, mining, ai, capital, .. } = self.site;
        range(UncertainInput::Tariff, power.tariff.range);
        if let Some(response) = &power.response {
            range(UncertainInput::Credit, response.credit.range);
        }
        if self.candidate.hashing.is_ok() {
            let (Network::Difficulty(network) | Network::HashRate(network)) = &mining.network;
            range(UncertainInput::BtcPrice, mining.btc_price.range);
            range(UncertainInput::Difficulty, network.range);
            for (input, growth) in [
                (UncertainInput::BtcGrowth, &mining.btc_growth),
                (UncertainInput::DifficultyGrowth, &mining.difficulty_growth),
            ] {
                if let Some(growth) = growth {
                    range(input, growth.range);
                }
            }
            range(UncertainInput::Fees, mining.fees.range);
            range(UncertainInput::PoolFee, mining.pool_fee.range);
            range(UncertainInput::MiningOperations, place.mining_operations.range);
            if let (Some(contract), Some(build_out)) = (&ai.contract, &capital.build_out) {
                range(UncertainInput::Contract, contract.total.range);
                range(UncertainInput::BuildOut, build_out.range);
            }
        }
        if let (Some(rental), Some(market), Ok(_)) =
            (&self.candidate.entry.rental, &ai.market, &self.candidate.computing)
        {
            range(UncertainInput::RentalPrice, rental.price.range);
            range(UncertainInput::Utilisation, rental.utilisation.range);
            range(UncertainInput::MarketFee, market.fee.range);
            if let Some(retrofit) = &capital.retrofit {
                range(UncertainInput::Retrofit, retrofit.range);
            }
            if let Some(conversion) = &rental.conversion {
                range(UncertainInput::Conversion, conversion.range);
            }
        }
        if let Some(operations) = place.ai_operations.as_ref().filter(|_| self.has_ai()) {
            range(UncertainInput::AiOperations, operations.range);
        }
        let (Hardware::Owned(worth) | Hardware::ToBuy(worth)) = &self.candidate.entry.hardware;
        range(UncertainInput::Hardware, worth.range);
        let hashing = self.candidate.hashing.as_ref().map(|it| it.power);
        let measured = [
            (UncertainInput::HashesPerJoule, hashing.ok()),
            (UncertainInput::AiPower, self.candidate.computing.as_ref().ok().copied()),
        ];
        for (input, power) in measured {
            let deviation = power.map_or(0.0, |power| power.deviation());
            if deviation > 0.0 {
                doubts.push((input, Doubt::Deviation(deviation)));
            }
        }
        doubts.sort_by_key(|(input, _)| *input);
        doubts.dedup_by_key(|(input, _)| *input);
        doubts
    }

    /// Returns the inputs that the value of some use depends on.
    pub(crate) fn inputs(&self) -> Vec<UncertainInput> {
        let base = self.values(&Factors::ONE);
        let matters = |input: &UncertainInput| {
            [0.8, 1.2].iter().any(|&times| self.values(&Factors::ONE.with(*input, times)) != base)
        };
        UncertainInput::ALL.into_iter().filter(matters).collect()
    }
}

/// A year of mining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mined {
    pub(crate) value: Usd,
    /// The share of the hours in which it runs.
    pub(crate) hours: f64,
}

impl Add for Mined {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, hours: self.hours + other.hours }
    }
}

/// Returns the operating point of some power at the site's meter for the tenant; `None` without a
/// contract.
pub(crate) fn hosting(site: &Site, power: Watts, factors: &Factors) -> Option<OperatingPoint> {
    let contract = site.ai.contract.as_ref()?;
    let build_out = site.capital.build_out.as_ref()?;
    let machines = site.machines(power, site.ai_pue());
    let revenue = contract.usd_per_kwh() * factors.of(UncertainInput::Contract) * machines;
    let conversion =
        per_megawatt(build_out.value.value(), machines) * factors.of(UncertainInput::BuildOut);
    let running = converted(site, power, revenue, (conversion, contract.years), factors)?;
    Some(OperatingPoint { energy_paid: contract.tenant_pays_power, ..running })
}

/// Returns the operating point of AI at some power and revenue, its conversion spread over some
/// years; `None` where the site has no AI.
fn converted(
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
        energy_paid: false,
    })
}

/// Returns the inputs of mining revenue at a site, at some subsidy of a block in bitcoin.
pub(crate) fn earnings(site: &Site, subsidy: f64, factors: &Factors) -> Earnings {
    let mining = &site.mining;
    let difficulty = match &mining.network {
        Network::Difficulty(Quote { value, .. }) => *value,
        Network::HashRate(Quote { value, .. }) => economics::difficulty(*value),
    };
    Earnings {
        btc_price: mining.btc_price.value * factors.of(UncertainInput::BtcPrice),
        difficulty: difficulty * factors.of(UncertainInput::Difficulty),
        btc_per_block: subsidy + mining.fees.value * factors.of(UncertainInput::Fees),
        pool_fee: (mining.pool_fee.value * factors.of(UncertainInput::PoolFee)).clamp(0.0, 1.0),
    }
}

/// Returns the cost for some power, at that many dollars per megawatt.
fn per_megawatt(dollars: f64, power: Watts) -> Usd {
    Usd::new(dollars * power.value() / 1e6)
}
