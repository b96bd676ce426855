//! The sections `[mining]`, `[ai]` and `[capital]`: what both trades earn, and what it costs to go
//! from one to the other.

use super::place::megawatts;
use super::quote::{Bounds, Origin, Quote, quote};
use super::toml::Section;
use crate::units::{Usd, UsdPerHour, UsdPerKwh, Watts};

/// Prices and network figures that mining revenue depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Mining {
    /// Price of one bitcoin, in US dollars.
    pub btc_price: Quote<Usd>,
    /// Growth of that price in a year, as a share; `None` where it is taken to stay.
    pub btc_growth: Option<Quote<f64>>,
    /// Difficulty or hash rate of the network.
    pub network: Network,
    /// Growth of the difficulty in a year, as a share; `None` where it is taken to stay.
    pub difficulty_growth: Option<Quote<f64>>,
    /// Height of the next block on the day of the network's quote, which sets the subsidy and the
    /// distance to the next halving.
    pub height: u32,
    /// Transaction fees of one block, in bitcoin.
    pub fees: Quote<f64>,
    /// Share of mining revenue that the pool keeps, 0 to 1.
    pub pool_fee: Quote<f64>,
}

/// Difficulty of finding a block, in the form in which it was quoted.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// Network difficulty: expected hashes to find a block, in units of 2^32.
    Difficulty(Quote<f64>),
    /// Hash rate of all miners, in hashes per second, at a block in ten minutes.
    HashRate(Quote<f64>),
}

/// Customers of a site's AI: a market or a tenant, never both, or neither.
#[derive(Clone, Debug, PartialEq)]
pub struct Ai {
    /// Market that machines of the site are rented out on; `None` without one.
    pub market: Option<Market>,
    /// Contract with a tenant who brings machines of his own; `None` without one.
    pub contract: Option<Contract>,
}

/// A market that machines are rented out on.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    /// Share of the rent that the market keeps, 0 to 1.
    pub fee: Quote<f64>,
    /// Maximum power that is rented, in watts at the site's meter; `None` is no limit.
    pub demand: Option<Watts>,
}

/// Contract with a tenant who brings machines, and takes all of the agreed power at all times.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Payment for all years together, in US dollars.
    pub total: Quote<Usd>,
    /// Duration of the contract, in years.
    pub years: f64,
    /// Agreed power of the tenant's machines, in watts, without losses and cooling.
    pub power: Watts,
    /// Whether the tenant pays for the power besides, losses and cooling included.
    pub tenant_pays_power: bool,
    /// Whether the contract is signed, so that it has to be served.
    pub signed: bool,
}

/// Costs of conversion, and terms of capital.
#[derive(Clone, Debug, PartialEq)]
pub struct Capital {
    /// Cost of converting one megawatt at the site's meter to AI on machines of the site, in US
    /// dollars: power, cooling and network; `None` where there is no market that needs it.
    pub retrofit: Option<Quote<Usd>>,
    /// Cost of building out one megawatt of a tenant's machines, in US dollars; `None` where there
    /// is no contract that needs it.
    pub build_out: Option<Quote<Usd>>,
    /// Months from the decision to the first revenue of AI; `None` where there is no AI.
    pub months_to_convert: Option<f64>,
    /// Remaining life of the hardware, in years from now on.
    pub life_years: f64,
    /// Salvage value at the end of that life, as a share of the value now, 0 to 1.
    pub salvage: f64,
    /// Cost of capital in a year, as a share, 0 to 1.
    pub discount_rate: f64,
}

const SHARE: Bounds = Bounds { key: "share", least: 0.0, most: 1.0, expected: "a share of 0 to 1" };

impl Mining {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        const PRICE: Bounds =
            Bounds { key: "usd", least: 0.0, most: 1e9, expected: "0 to 1e9 US dollars" };
        const DIFFICULTY: Bounds = Bounds {
            key: "number",
            least: 1.0,
            most: 1e30,
            expected: "1 to 1e30, as nodes tell it: 88.4e12",
        };
        const HASH_RATE: Bounds = Bounds {
            key: "eh_per_second",
            least: 1e-9,
            most: 1e12,
            expected: "1e-9 to 1e12 exahashes a second",
        };
        const FEES: Bounds = Bounds {
            key: "btc_per_block",
            least: 0.0,
            most: 1e6,
            expected: "0 to 1e6 bitcoin in a block",
        };
        const GROWTH: Bounds = Bounds {
            key: "share_per_year",
            least: -0.99,
            most: 100.0,
            expected: "a share of -0.99 to 100 in a year, as 0.2 for 20 %",
        };
        let btc_price = section.needs("btc_price").and_then(|it| quote(it, PRICE));
        let growth = |key| section.option(key, |it| quote(it, GROWTH));
        let (btc_growth, difficulty_growth) =
            (growth("btc_price_growth"), growth("difficulty_growth"));
        let network = section.one_of(["difficulty", "network_hashrate"]);
        let network = network.and_then(|(which, value)| match which {
            0 => Some(Network::Difficulty(quote(value, DIFFICULTY)?)),
            _ => Some(Network::HashRate(quote(value, HASH_RATE)?.map(|exa| exa * 1e18))),
        });
        let height = section.needs("height");
        let height = height.and_then(|it| it.whole(0..=u32::MAX, "the height of a block"));
        let fees = section.needs("fees").and_then(|it| quote(it, FEES));
        let pool_fee = section.needs("pool_fee").and_then(|it| quote(it, SHARE));
        section.end();
        Some(Self {
            btc_price: btc_price?.map(Usd::new),
            btc_growth: btc_growth?,
            network: network?,
            difficulty_growth: difficulty_growth?,
            height: height?,
            fees: fees?,
            pool_fee: pool_fee?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let growth = [&self.btc_growth, &self.difficulty_growth];
        [&self.btc_price.origin, self.network.origin(), &self.fees.origin, &self.pool_fee.origin]
            .into_iter()
            .chain(growth.into_iter().flatten().map(|growth| &growth.origin))
    }

    /// Returns whether prices or difficulty are taken to change.
    pub(in crate::decision) fn grows(&self) -> bool {
        self.btc_growth.is_some() || self.difficulty_growth.is_some()
    }
}

impl Network {
    /// Returns the date and source of the quote.
    pub(in crate::decision) fn origin(&self) -> &Origin {
        let (Self::Difficulty(quote) | Self::HashRate(quote)) = self;
        &quote.origin
    }
}

impl Ai {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        let market = section.option("market", |it| {
            let table = it.table()?;
            let fee = table.needs("fee").and_then(|it| quote(it, SHARE));
            let demand = megawatts(&table, "demand_mw");
            table.end();
            Some(Market { fee: fee?, demand: demand? })
        });
        let contract = section.option("contract", |it| Contract::read(&it.table()?));
        section.end();
        if let (Some(Some(_)), Some(Some(_))) = (&market, &contract) {
            section.tell_of(
                "contract",
                "contradicts ai.market: a site's AI is for a market or for a tenant; for both, split it \
                 into two sites",
            );
        }
        Some(Self { market: market?, contract: contract? })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let fee = self.market.iter().map(|it| &it.fee.origin);
        fee.chain(self.contract.iter().map(|it| &it.total.origin))
    }
}

impl Contract {
    fn read(table: &Section<'_, '_>) -> Option<Self> {
        const TOTAL: Bounds =
            Bounds { key: "usd", least: 0.0, most: 1e13, expected: "0 to 1e13 US dollars" };
        let total = table.needs("total").and_then(|it| quote(it, TOTAL));
        let years = table.needs("years");
        let years = years.and_then(|it| it.number(0.1..=100.0, "0.1 to 100 years"));
        let power = megawatts(table, "mw");
        if matches!(power, Some(None)) {
            table.tell_of("mw", "missing");
        }
        let pays = table.needs("tenant_pays_power").and_then(|it| it.truth());
        let signed = table.needs("signed").and_then(|it| it.truth());
        table.end();
        Some(Self {
            total: total?.map(Usd::new),
            years: years?,
            power: power??,
            tenant_pays_power: pays?,
            signed: signed?,
        })
    }
}

impl Capital {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        const PER_MEGAWATT: Bounds = Bounds {
            key: "usd_per_mw",
            least: 0.0,
            most: 1e9,
            expected: "0 to 1e9 US dollars for a megawatt",
        };
        let retrofit = section.option("retrofit", |it| quote(it, PER_MEGAWATT));
        let build_out = section.option("build_out", |it| quote(it, PER_MEGAWATT));
        let number = |key, least, most, expected| {
            section.needs(key).and_then(|it| it.number(least..=most, expected))
        };
        let months =
            section.option("months_to_convert", |it| it.number(0.0..=240.0, "0 to 240 months"));
        let life = number("life_years", 0.1, 100.0, "0.1 to 100 years");
        let salvage = number("salvage", 0.0, 1.0, "a share of 0 to 1");
        let discount = number("discount_rate", 0.0, 1.0, "a share of 0 to 1 in a year");
        section.end();
        Some(Self {
            retrofit: retrofit?.map(|it| it.map(Usd::new)),
            build_out: build_out?.map(|it| it.map(Usd::new)),
            months_to_convert: months?,
            life_years: life?,
            salvage: salvage?,
            discount_rate: discount?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.retrofit.iter().chain(&self.build_out).map(|it| &it.origin)
    }
}

impl Contract {
    /// Returns the payment for each kWh of the machines' power, in US dollars.
    #[must_use]
    pub fn usd_per_kwh(&self) -> UsdPerKwh {
        UsdPerHour::new(self.total.value.value() / (self.years * f64::from(super::YEAR)))
            .at(self.power)
    }
}
