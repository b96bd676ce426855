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
//! - *Host*: the device is sold, and its power goes to a tenant.
//! - *Curtail*: nothing but credits.

use std::ops::Add;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Hashing};
use super::curve::{Curve, Group};
use super::economics::{self, Earnings, annuity, sinking, subsidy};
use super::grid::HourProgrammes;
use super::inputs::{Doubt, Factors, MiningYears, UncertainInput};
use super::operating::{OperatingPoint, converted, per_megawatt};
use super::outlook::Outlook;
use super::site::{Contract, Course, Hardware, Mining, Network, Quote, Rental, Site, YEAR};
use super::tenant;
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

    /// Returns the use's name for hardware that is owned or not: `not buy` is not to own what would have
    /// to be bought.
    #[must_use]
    pub fn name_if(self, owned: bool) -> &'static str {
        if self == Self::Sell && !owned { "not buy" } else { self.name() }
    }

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
    /// Contract with a tenant whom the device could make way for.
    contract: Option<&'a Contract>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        site: &'a Site,
        curve: &'a Curve,
        outlook: &'a Outlook,
        candidate: &'a Candidate<'a>,
    ) -> Self {
        Self { site, curve, outlook, candidate, contract: None }
    }

    /// Returns the case of a device that could make way for a tenant.
    pub(crate) fn with_tenant(self, contract: Option<&'a Contract>) -> Self {
        Self { contract, ..self }
    }

    /// Returns the value of each use in a year.
    pub(crate) fn values(&self, factors: &Factors) -> Values {
        let keep = self.keep(factors);
        let mut values = [None; Use::ALL.len()];
        values[Use::Mine as usize] = self.mined(factors).map(|mined| mined.value - keep);
        values[Use::Rent as usize] =
            self.renting(factors).map(|renting| self.always(&renting, factors) - keep);
        values[Use::Host as usize] =
            self.hosting(factors).map(|hosting| self.always(&hosting, factors));
        values[Use::Curtail as usize] = self.credited(factors).map(|credited| credited - keep);
        values[Use::Sell as usize] = Some(Usd::ZERO);
        values
    }

    /// Returns the money of a use: what is spent or got at once, and what comes in during a year, after
    /// energy and operations and before capital; `None` where the use is not possible.
    pub(crate) fn cash(&self, of: Use, factors: &Factors) -> Option<(Usd, Usd)> {
        let worth = self.worth(factors);
        let (kept, sold) =
            if self.is_owned() { (Usd::ZERO, worth) } else { (worth * -1.0, Usd::ZERO) };
        let always = |it: &OperatingPoint| self.operating(it, factors) * it.converted;
        Some(match of {
            Use::Mine => (kept, self.mined(factors)?.value),
            Use::Rent => {
                let renting = self.renting(factors)?;
                (kept - renting.conversion, always(&renting))
            }
            Use::Host => {
                let hosting = self.hosting(factors)?;
                (sold - hosting.conversion, always(&hosting))
            }
            Use::Curtail => (kept, self.credited(factors)?),
            Use::Sell => (sold, Usd::ZERO),
        })
    }

    /// Returns what equal payments of a dollar a year are worth now, over the years that are decided
    /// about.
    pub(crate) fn present_value(&self) -> f64 {
        let capital = &self.site.capital;
        1.0 / annuity(capital.discount_rate, capital.life_years)
    }

    /// Returns what the device is rented out for; `None` where it is not.
    pub(crate) fn rental(&self) -> Option<&'a Rental> {
        self.candidate.entry.rental.as_ref()
    }

    /// Returns the contract with the tenant whom the device could make way for; `None` where there is none.
    pub(crate) fn contract(&self) -> Option<&'a Contract> {
        self.contract
    }

    /// Returns the holding cost per year: the annuity of the device's price, less the sinking fund
    /// of its salvage value.
    pub(crate) fn keep(&self, factors: &Factors) -> Usd {
        let capital = &self.site.capital;
        let (rate, years) = (capital.discount_rate, capital.life_years);
        let share = annuity(rate, years) - capital.salvage * sinking(rate, years);
        self.worth(factors) * share
    }

    /// Returns whether the device is owned.
    pub(crate) fn is_owned(&self) -> bool {
        matches!(self.candidate.entry.hardware, Hardware::Owned(_))
    }

    /// Returns the price for which the device can be sold or bought.
    pub(crate) fn worth(&self, factors: &Factors) -> Usd {
        let (Hardware::Owned(worth) | Hardware::ToBuy(worth)) = &self.candidate.entry.hardware;
        worth.value * factors.of(UncertainInput::Hardware)
    }

    /// Returns the inputs of mining revenue at the site, today; `None` where nothing mines.
    pub(crate) fn earnings(&self, factors: &Factors) -> Option<Earnings> {
        earnings(self.site, subsidy(self.outlook.height()), factors)
    }

    /// Returns the operating point of mining today; `None` where its hash rate or power is not
    /// known.
    pub(crate) fn mining(&self, factors: &Factors) -> Option<OperatingPoint> {
        self.mining_by(&self.earnings(factors)?, factors)
    }

    /// Returns the operating point of mining once the subsidy has been halved once more, all else
    /// as today.
    pub(crate) fn mining_halved(&self, factors: &Factors) -> Option<OperatingPoint> {
        let halved = subsidy(self.outlook.height()) / 2.0;
        self.mining_by(&earnings(self.site, halved, factors)?, factors)
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
        let power = self.site.metered(power.wall, self.site.mining_pue());
        let operations = self.site.place.mining_operations.as_ref()?;
        Some(OperatingPoint {
            power,
            revenue: UsdPerHour::new(revenue.value()),
            operations: operations.value * power * factors.of(UncertainInput::MiningOperations),
            conversion: Usd::ZERO,
            conversion_yearly: Usd::ZERO,
            converted: 1.0,
            energy_share: 1.0,
        })
    }

    /// Returns by what the price of a bitcoin and the difficulty multiply in a year.
    fn growth(&self, factors: &Factors) -> (f64, f64) {
        let growth = |course: fn(&Mining) -> &Course, input| {
            self.site.mining.as_ref().map_or(1.0, |it| course(it).growth(factors.of(input)))
        };
        let price = growth(|it| &it.btc_course, UncertainInput::BtcGrowth);
        (price, growth(|it| &it.difficulty_course, UncertainInput::DifficultyGrowth))
    }

    /// Returns the mean of what mining earns in the first year, as a multiple of today: by the growth and
    /// the paths of the price and the difficulty, halvings left out.
    pub(crate) fn first_year(&self) -> f64 {
        let (price, difficulty) = self.growth(&Factors::ONE);
        let (mut earned, mut years) = (0.0, 0.0);
        for phase in self.outlook.phases().iter().filter(|phase| phase.from < 1.0) {
            let (length, at) = (phase.until.min(1.0) - phase.from, phase.middle());
            let price = phase.btc_price * price.powf(at);
            earned += length * price / (phase.difficulty * difficulty.powf(at));
            years += length;
        }
        earned / years
    }

    /// Returns the phases of the years that are decided about: of each its length in years, its
    /// share of the present value, and what mining is then.
    fn mining_phases(
        &self,
        factors: &Factors,
    ) -> impl Iterator<Item = (f64, f64, OperatingPoint)> + use<'_, 'a> {
        let factors = *factors;
        let (price, difficulty) = self.growth(&factors);
        let phases = match factors.mining {
            MiningYears::AsTheyCome => self.outlook.phases(),
            MiningYears::LikeToday { .. } => self.outlook.phases().get(..1).unwrap_or_default(),
        };
        phases.iter().filter_map(move |phase| {
            let (length, weight, earnings) = match factors.mining {
                MiningYears::AsTheyCome => {
                    let then = earnings(self.site, phase.subsidy, &factors)?;
                    let at = phase.middle();
                    let then = Earnings {
                        btc_price: then.btc_price * (phase.btc_price * price.powf(at)),
                        difficulty: then.difficulty * (phase.difficulty * difficulty.powf(at)),
                        ..then
                    };
                    (phase.until - phase.from, phase.weight, then)
                }
                MiningYears::LikeToday { halvings } => {
                    let subsidy = phase.subsidy * 0.5_f64.powi(halvings);
                    (1.0, 1.0, earnings(self.site, subsidy, &factors)?)
                }
            };
            Some((length, weight, self.mining_by(&earnings, &factors)?))
        })
    }

    /// Returns the value of a year of mining while it pays, without the cost of the hardware, over
    /// all years that are decided about; `None` where its hash rate or power is not known.
    pub(crate) fn mined(&self, factors: &Factors) -> Option<Mined> {
        let of_phase = |(length, weight, mining): (f64, f64, OperatingPoint)| {
            let Mined { value, hours } = self.mined_at(&mining, factors);
            (Mined { value: value * weight, hours: hours * length }, length)
        };
        let all = self.mining_phases(factors).map(of_phase);
        let (mined, years) = all.reduce(|(a, length), (b, more)| (a + b, length + more))?;
        Some(Mined { hours: mined.hours / years, ..mined })
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

    /// Returns the operating point of the device's power at the tenant whom it could make way for; `None`
    /// without one.
    pub(crate) fn hosting(&self, factors: &Factors) -> Option<OperatingPoint> {
        tenant::hosting(self.site, self.contract?, self.drawn()?, factors)
    }

    /// Returns the power that a tenant would have instead of the device, at the site's meter.
    pub(crate) fn drawn(&self) -> Option<Watts> {
        if let Some(mining) = self.mining(&Factors::ONE) {
            return Some(mining.power);
        }
        let computing = self.candidate.computing.as_ref().ok()?;
        Some(self.site.metered(computing.wall, self.site.ai_pue()))
    }

    /// Returns the value of a year of a use that runs at all times, without the cost of the
    /// hardware.
    pub(crate) fn always(&self, running: &OperatingPoint, factors: &Factors) -> Usd {
        self.operating(running, factors) * running.converted - running.conversion_yearly
    }

    /// Returns the value of a year in which such a use runs throughout, without its conversion.
    pub(crate) fn operating(&self, running: &OperatingPoint, factors: &Factors) -> Usd {
        let tariff = self.tariff(factors) * running.energy_share;
        ((running.worth() - tariff) * running.power).over(f64::from(YEAR))
    }

    /// Returns whether the device can serve AI by itself or by its power.
    fn has_ai(&self) -> bool {
        let rented = self.is_rentable() && self.candidate.computing.is_ok();
        rented || (self.contract.is_some() && self.drawn().is_some())
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
        self.curve.mean() * factors.of(UncertainInput::Tariff)
    }

    /// Returns the value of a year of mining at an operating point while it pays, without the cost of
    /// the hardware. In hours with a curtailment credit it has to earn more than the tariff and the
    /// credit together.
    fn mined_at(&self, mining: &OperatingPoint, factors: &Factors) -> Mined {
        let times = factors.of(UncertainInput::Tariff);
        // Prices are compared as they were quoted; of a tariff that is nothing all are below.
        let quoted =
            |price: UsdPerKwh| if times > 0.0 { price / times } else { price * f64::INFINITY };
        let (mut earned, mut hours) = (UsdPerKwh::ZERO, 0.0);
        for group in self.curve.groups() {
            let (credit, readiness) = self.paid(group.programmes, factors);
            let worth = mining.worth() + readiness;
            let run = group.below(quoted(worth - credit));
            earned += worth * run.hours - run.cost * times + credit * (group.share - run.hours);
            hours += run.hours;
        }
        Mined { value: (earned * mining.power).over(f64::from(YEAR)), hours }
    }

    /// Returns what the grid pays in an hour for a kilowatt-hour that is not drawn, and for one that
    /// mining draws and could leave.
    fn paid(&self, programmes: HourProgrammes, factors: &Factors) -> (UsdPerKwh, UsdPerKwh) {
        let HourProgrammes { credit, readiness } = programmes;
        let power = &self.site.power;
        (
            power.credit(credit) * factors.of(UncertainInput::Credit),
            power.readiness(readiness) * factors.of(UncertainInput::Readiness),
        )
    }

    /// Returns the value of a year of curtailment, without the cost of the hardware; `None` where
    /// nobody pays for it, or the power is not known.
    fn credited(&self, factors: &Factors) -> Option<Usd> {
        self.site.power.responses.iter().find(|it| it.credit.is_some())?;
        let power = self.mining(factors)?.power;
        let of_group = |group: Group<'_>| self.paid(group.programmes, factors).0 * group.share;
        let credit: UsdPerKwh = self.curve.groups().map(of_group).sum();
        Some((credit * power).over(f64::from(YEAR)))
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
        // All programmes are drawn alike, within the widest of their ranges.
        let widest = |ranges: &mut dyn Iterator<Item = (f64, f64)>| {
            ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((1.0, 1.0))
        };
        let credits = power.responses.iter().filter_map(|it| it.credit.as_ref());
        range(UncertainInput::Credit, widest(&mut credits.map(|it| it.price.range)));
        let readiness = power.responses.iter().filter_map(|it| it.readiness.as_ref());
        range(UncertainInput::Readiness, widest(&mut readiness.map(|it| it.range)));
        if let (Some(mining), Ok(_)) = (mining, &self.candidate.hashing) {
            let (Network::Difficulty(network) | Network::HashRate(network)) = &mining.network;
            range(UncertainInput::BtcPrice, mining.btc_price.range);
            range(UncertainInput::Difficulty, network.range);
            for (input, course) in [
                (UncertainInput::BtcGrowth, &mining.btc_course),
                (UncertainInput::DifficultyGrowth, &mining.difficulty_course),
            ] {
                if let Course::Growth(growth) = course {
                    range(input, growth.range);
                }
            }
            range(UncertainInput::Fees, mining.fees.range);
            range(UncertainInput::PoolFee, mining.pool_fee.range);
            if let Some(operations) = &place.mining_operations {
                range(UncertainInput::MiningOperations, operations.range);
            }
        }
        if let Some(contract) = self.contract.filter(|_| self.drawn().is_some()) {
            for (input, of) in [
                (UncertainInput::Contract, contract.rent.as_ref().map(|it| it.range)),
                (UncertainInput::TenantUse, contract.utilisation.as_ref().map(|it| it.range)),
                (
                    UncertainInput::TenantRevenue,
                    contract.revenue_share.as_ref().map(|it| it.revenue.range),
                ),
                (UncertainInput::BuildOut, contract.build_out(capital).map(|it| it.range)),
            ] {
                if let Some(of) = of {
                    range(input, of);
                }
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

/// Returns the inputs of mining revenue at a site, at some subsidy of a block in bitcoin; `None` where
/// nothing mines.
pub(crate) fn earnings(site: &Site, subsidy: f64, factors: &Factors) -> Option<Earnings> {
    let mining = site.mining.as_ref()?;
    let difficulty = match &mining.network {
        Network::Difficulty(Quote { value, .. }) => *value,
        Network::HashRate(Quote { value, .. }) => economics::difficulty(*value),
    };
    Some(Earnings {
        btc_price: mining.btc_price.value * factors.of(UncertainInput::BtcPrice),
        difficulty: difficulty * factors.of(UncertainInput::Difficulty),
        btc_per_block: subsidy + mining.fees.value * factors.of(UncertainInput::Fees),
        pool_fee: (mining.pool_fee.value * factors.of(UncertainInput::PoolFee)).clamp(0.0, 1.0),
    })
}
