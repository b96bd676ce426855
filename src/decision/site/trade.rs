//! The sections `[mining]`, `[ai]` and `[capital]`: what both trades earn, and what it costs to go
//! from one to the other.

use super::place::megawatts;
use super::quote::{Bounds, Origin, Quote, quote};
use super::toml::Section;
use crate::units::{Usd, UsdPerHour, UsdPerKwh, Watts};

/// What mining earns.
#[derive(Clone, Debug, PartialEq)]
pub struct Mining {
    /// Of a bitcoin.
    pub btc_price: Quote<Usd>,
    /// How hard it is to find a block.
    pub network: Network,
    /// The height of the next block, which sets its subsidy.
    pub height: u32,
    /// Fees of a block, in bitcoin.
    pub fees: Quote<f64>,
    /// The share that the pool keeps.
    pub pool_fee: Quote<f64>,
}

/// How hard it is to find a block, as it was quoted.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// Hashes for a block, in 2^32.
    Difficulty(Quote<f64>),
    /// Hashes per second of all miners, for a block in ten minutes.
    HashRate(Quote<f64>),
}

/// Whom a site's AI is for: a market or a tenant, one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ai {
    /// Whom machines of ours are rented out through.
    pub market: Option<Market>,
    /// A tenant who brings machines of his own.
    pub contract: Option<Contract>,
}

/// A market that machines are rented out on.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    /// The share that it keeps.
    pub fee: Quote<f64>,
    /// The most that is rented, in power at the site's meter; everything where there is no limit.
    pub demand: Option<Watts>,
}

/// A tenant who brings machines, and takes all of the power that was agreed upon at all times.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// What is paid in all years together.
    pub total: Quote<Usd>,
    /// How many years.
    pub years: f64,
    /// The power of the machines, as it was agreed upon.
    pub power: Watts,
    /// Whether the tenant pays for the power that he takes, losses and cooling included.
    pub tenant_pays_power: bool,
    /// Whether it is signed, so that it has to be served.
    pub signed: bool,
}

/// What changes cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Capital {
    /// Of a megawatt at the site's meter for machines of ours: power, cooling and network for AI.
    pub retrofit: Quote<Usd>,
    /// Of a megawatt of a tenant's machines, whose halls cost more.
    pub build_out: Option<Quote<Usd>>,
    /// From the decision to the first revenue.
    pub months_to_convert: f64,
    /// How long the hardware is used from now on.
    pub life_years: f64,
    /// What it is worth then, as a share of what it is worth now.
    pub salvage: f64,
    /// What capital costs in a year, as a share.
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
        let btc_price = section.needs("btc_price").and_then(|it| quote(it, PRICE));
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
            network: network?,
            height: height?,
            fees: fees?,
            pool_fee: pool_fee?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let (Network::Difficulty(network) | Network::HashRate(network)) = &self.network;
        [&self.btc_price.origin, &network.origin, &self.fees.origin, &self.pool_fee.origin]
            .into_iter()
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
        let retrofit = section.needs("retrofit").and_then(|it| quote(it, PER_MEGAWATT));
        let build_out = section.option("build_out", |it| quote(it, PER_MEGAWATT));
        let number = |key, least, most, expected| {
            section.needs(key).and_then(|it| it.number(least..=most, expected))
        };
        let months = number("months_to_convert", 0.0, 240.0, "0 to 240 months");
        let life = number("life_years", 0.1, 100.0, "0.1 to 100 years");
        let salvage = number("salvage", 0.0, 1.0, "a share of 0 to 1");
        let discount = number("discount_rate", 0.0, 1.0, "a share of 0 to 1 in a year");
        section.end();
        Some(Self {
            retrofit: retrofit?.map(Usd::new),
            build_out: build_out?.map(|it| it.map(Usd::new)),
            months_to_convert: months?,
            life_years: life?,
            salvage: salvage?,
            discount_rate: discount?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        [&self.retrofit.origin].into_iter().chain(self.build_out.iter().map(|it| &it.origin))
    }
}

impl Contract {
    /// What is paid for each kilowatt-hour of the machines' power.
    #[must_use]
    pub fn usd_per_kwh(&self) -> UsdPerKwh {
        UsdPerHour::new(self.total.value.value() / (self.years * f64::from(super::YEAR)))
            .at(self.power)
    }
}
