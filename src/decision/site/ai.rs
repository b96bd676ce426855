//! The section `[ai]`: the market that machines of the site are rented out on, and tenants who bring
//! machines of their own.

use super::place::{megawatts, per_megawatt_month};
use super::quote::{Bounds, Origin, PER_MEGAWATT, Quote, SHARE, quote};
use super::tariff::{PRICE, YEAR};
use super::toml::Section;
use super::trade::Capital;
use crate::units::{Usd, UsdPerHour, UsdPerKwh, Watts};

/// Customers of a site's AI.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ai {
    /// Market that machines of the site are rented out on; `None` without one.
    pub market: Option<Market>,
    /// Contracts with tenants, in the order of the file.
    pub contracts: Vec<Contract>,
}

/// A market that machines are rented out on.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    /// Share of the rent that the market keeps, 0 to 1.
    pub fee: Quote<f64>,
    /// Maximum power that is rented, in watts at the site's meter; `None` is no limit.
    pub demand: Option<Watts>,
}

/// Contract with a tenant who brings machines, and has the agreed power at all times.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Name of the tenant, unlike all others of the site.
    pub name: String,
    /// Rent in US dollars for each kWh of the agreed power; `None` where the tenant pays a share of his
    /// revenue only.
    pub rent: Option<Quote<UsdPerKwh>>,
    /// Least share of the agreed power that is paid for, 0 to 1, where rent is for what is drawn
    /// (take-or-pay); `None` where it is for all of the agreed power.
    pub take_or_pay: Option<f64>,
    /// Growth of the rent in each year, as a share, -0.5 to 1.
    pub escalator: f64,
    /// Share of the tenant's revenue that he pays besides; `None` without one.
    pub revenue_share: Option<RevenueShare>,
    /// Share of the agreed power that the tenant draws on average, 0 to 1; `None` is all of it.
    pub utilisation: Option<Quote<f64>>,
    /// Duration of the contract, in years.
    pub years: f64,
    /// Agreed power of the tenant's machines, in watts, without losses and cooling.
    pub power: Watts,
    /// Whether the tenant pays for the power besides, losses and cooling included.
    pub tenant_pays_power: bool,
    /// Whether the contract is signed, so that it has to be served.
    pub signed: bool,
    /// Cost of building out one megawatt of the tenant's machines, in US dollars; `None` is that of
    /// [`Capital::build_out`].
    pub build_out: Option<Quote<Usd>>,
}

/// Share of a tenant's revenue.
#[derive(Clone, Debug, PartialEq)]
pub struct RevenueShare {
    /// Share of the revenue, 0 to 1.
    pub share: f64,
    /// Revenue of the tenant in US dollars for each kWh of power that his machines draw.
    pub revenue: Quote<UsdPerKwh>,
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
        let tables = section.one_or_more("contract");
        let contracts: Vec<_> = tables.iter().map(Contract::read).collect();
        section.end();
        let contracts: Vec<Contract> = contracts.into_iter().collect::<Option<_>>()?;
        for (at, table) in tables.iter().enumerate() {
            if contracts[..at].iter().any(|it| it.name == contracts[at].name) {
                let what =
                    format!("{} is there twice, expected a name of its own", contracts[at].name);
                table.tell_of("name", what);
            }
        }
        if contracts.len() > MOST_CONTRACTS {
            let what = format!(
                "{} contracts, expected {MOST_CONTRACTS} at the most: take alike ones together",
                contracts.len()
            );
            section.tell_of("contract", what);
        }
        Some(Self { market: market?, contracts })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let fee = self.market.iter().map(|it| &it.fee.origin);
        fee.chain(self.contracts.iter().flat_map(Contract::origins))
    }
}

/// Maximum number of contracts: each that is not signed may be taken or not, and every choice is
/// planned.
const MOST_CONTRACTS: usize = 6;

/// Name of a tenant that has none.
const TENANT: &str = "the tenant";

impl Contract {
    fn read(table: &Section<'_, '_>) -> Option<Self> {
        const TOTAL: Bounds =
            Bounds { key: "usd", least: 0.0, most: 1e13, expected: "0 to 1e13 US dollars" };
        let name = table.option("name", |it| it.text("the name of the tenant"));
        let years = table.needs("years");
        let years = years.and_then(|it| it.number(0.1..=100.0, "0.1 to 100 years"));
        let power = megawatts(table, "mw");
        if matches!(power, Some(None)) {
            table.tell_of("mw", "missing");
        }
        let power = power.flatten();
        let shares = table.may_have("revenue_share").is_some();
        let rent = table.at_most_one_of(["total", "rent", "price"]).and_then(|rent| match rent {
            None if shares => Some((None, false)),
            None => {
                table.tell("missing total, rent or price: what the tenant pays");
                None
            }
            Some((0, total)) => {
                let hours = years? * f64::from(YEAR);
                let per_kwh = |total: f64| {
                    UsdPerHour::new(total / hours).at(power.unwrap_or(Watts::new(1.0)))
                };
                Some((Some(quote(total, TOTAL)?.map(per_kwh)), false))
            }
            Some((1, monthly)) => Some((Some(per_megawatt_month(monthly)?), false)),
            Some((_, price)) => {
                let kind = Bounds {
                    least: 0.0,
                    expected: "0 to 25 US dollars for a kilowatt-hour",
                    ..PRICE
                };
                Some((Some(quote(price, kind)?.map(UsdPerKwh::new)), true))
            }
        });
        let least = table.option("take_or_pay", |it| it.number(0.0..=1.0, "a share of 0 to 1"));
        let escalator = table.option("escalator", |it| {
            it.number(-0.5..=1.0, "a share of -0.5 to 1 in a year, as 0.03 for 3 %")
        });
        let revenue_share = table.option("revenue_share", |it| {
            let table = it.table()?;
            let share =
                table.needs("share").and_then(|it| it.number(0.0..=1.0, "a share of 0 to 1"));
            let revenue = table.needs("revenue").and_then(per_megawatt_month);
            table.end();
            Some(RevenueShare { share: share?, revenue: revenue? })
        });
        let utilisation = table.option("utilisation", |it| quote(it, SHARE));
        let build_out = table.option("build_out", |it| quote(it, PER_MEGAWATT));
        let pays = table.needs("tenant_pays_power").and_then(|it| it.truth());
        let signed = table.needs("signed").and_then(|it| it.truth());
        table.end();
        let ((rent, is_by_use), least) = (rent?, least?);
        if escalator.flatten().is_some() && table.may_have("total").is_some() {
            let what = "contradicts total, which has all that is paid; it goes with rent or price";
            table.tell_of("escalator", what);
        }
        if least.is_some() && !is_by_use {
            let what = "contradicts a rent for all of the agreed power; it goes with price";
            table.tell_of("take_or_pay", what);
        }
        Some(Self {
            name: name?.unwrap_or(TENANT).to_owned(),
            rent,
            take_or_pay: is_by_use.then(|| least.unwrap_or(0.0)),
            escalator: escalator?.unwrap_or(0.0),
            revenue_share: revenue_share?,
            utilisation: utilisation?,
            years: years?,
            power: power?,
            tenant_pays_power: pays?,
            signed: signed?,
            build_out: build_out?.map(|it| it.map(Usd::new)),
        })
    }

    fn origins(&self) -> impl Iterator<Item = &Origin> {
        let shared = self.revenue_share.iter().map(|it| &it.revenue.origin);
        let rent = self.rent.iter().map(|it| &it.origin);
        let used = self.utilisation.iter().map(|it| &it.origin);
        rent.chain(shared).chain(used).chain(self.build_out.iter().map(|it| &it.origin))
    }

    /// Returns the cost of building out a megawatt for the tenant; `None` where neither the contract
    /// nor the site has one.
    pub(in crate::decision) fn build_out<'a>(
        &'a self,
        capital: &'a Capital,
    ) -> Option<&'a Quote<Usd>> {
        self.build_out.as_ref().or(capital.build_out.as_ref())
    }
}
