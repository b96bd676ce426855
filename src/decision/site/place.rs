//! The sections `[power]` and `[site]`: the price of power, and how much of it can be used for
//! what.

use std::path::Path;

use jiff::civil::Date;

use super::quote::{Bounds, Origin, Quote, quote};
use super::tariff::{self, Tariff, YEAR};
use super::toml::{Section, Value};
use crate::units::{UsdPerHour, UsdPerKwh, Watts};

/// Power supply of a site: its tariff, losses, demand response and ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// Price of power at the site's meter, by hour.
    pub tariff: Tariff,
    /// Share of the metered energy that is lost on its way to the machines, 0 to 0.5.
    pub loss: f64,
    /// Programmes of the grid that pay for power which is not drawn, or could be left.
    pub responses: Vec<Response>,
    /// Maximum change of the site's draw from an hour to the next, in watts; `None` is no limit.
    pub ramp: Option<Watts>,
}

/// Demand response: a programme that pays for power not drawn, for mining that could be switched off at
/// once, or for both.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Payment for power that is not drawn; `None` where there is none.
    pub credit: Option<Credit>,
    /// Payment for readiness, in US dollars for each kWh that mining draws and could leave; `None`
    /// where there is none.
    pub readiness: Option<Quote<UsdPerKwh>>,
    /// Months of the programme, 1 to 12; all where there are none.
    pub months: Vec<i8>,
    /// Maximum power that is paid for, in watts; `None` is no limit.
    pub most: Option<Watts>,
}

/// Payment for power that is not drawn in the most expensive hours.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// Curtailment credit for each kWh that would have been drawn, in US dollars.
    pub price: Quote<UsdPerKwh>,
    /// Maximum number of hours in a year, 1 to 8,760.
    pub hours: u32,
}

/// Limits, PUE and operating costs of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Facility {
    /// Maximum draw of the site, in watts at its meter.
    pub power: Watts,
    /// Maximum heat of machines that can be carried away, in watts; `None` is no limit.
    pub cooling: Option<Watts>,
    /// PUE of mining, 1 to 3: power at the site's meter, without losses, for each watt of machines;
    /// `None` where nothing mines.
    pub mining_pue: Option<f64>,
    /// PUE of AI, 1 to 3: power at the site's meter, without losses, for each watt of machines;
    /// `None` where there is no AI.
    pub ai_pue: Option<f64>,
    /// Operating cost of mining besides energy, in US dollars per kWh drawn at the site's meter;
    /// `None` where nothing mines.
    pub mining_operations: Option<Quote<UsdPerKwh>>,
    /// Operating cost of AI besides energy, in US dollars per kWh drawn at the site's meter; `None`
    /// where there is no AI.
    pub ai_operations: Option<Quote<UsdPerKwh>>,
    /// Stages in which room for AI becomes available, the earliest first; without any, there is no
    /// such limit.
    pub stages: Vec<Stage>,
}

/// Room for AI that is there from a day on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// First day of the stage.
    pub ready: Date,
    /// Power for AI at the site's meter, in watts, of this and all stages before it.
    pub power: Watts,
}

/// Watts in a megawatt.
const MEGA: f64 = 1e6;

impl Power {
    pub(super) fn read(section: &Section<'_, '_>, folder: &Path) -> Option<Self> {
        let tariff = section.needs("tariff").and_then(|it| Tariff::read(it, folder));
        let loss = section.needs("loss");
        let loss = loss.and_then(|it| it.number(0.0..=0.5, "a share of 0 to 0.5"));
        let responses: Vec<_> =
            section.one_or_more("demand_response").iter().map(Response::read).collect();
        let ramp = megawatts(section, "ramp_mw_per_hour");
        section.end();
        Some(Self {
            tariff: tariff?,
            loss: loss?,
            responses: responses.into_iter().collect::<Option<_>>()?,
            ramp: ramp?,
        })
    }

    /// Returns the curtailment credit of a programme, in US dollars per kWh; nothing without one.
    pub(in crate::decision) fn credit(&self, programme: Option<usize>) -> UsdPerKwh {
        let credit = programme.and_then(|at| self.responses.get(at)?.credit.as_ref());
        credit.map_or(UsdPerKwh::ZERO, |credit| credit.price.value)
    }

    /// Returns what a programme pays for readiness, in US dollars per kWh; nothing without one.
    pub(in crate::decision) fn readiness(&self, programme: Option<usize>) -> UsdPerKwh {
        let readiness = programme.and_then(|at| self.responses.get(at)?.readiness.as_ref());
        readiness.map_or(UsdPerKwh::ZERO, |readiness| readiness.value)
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let paid = self.responses.iter().flat_map(|it| {
            let credit = it.credit.iter().map(|credit| &credit.price.origin);
            credit.chain(it.readiness.iter().map(|readiness| &readiness.origin))
        });
        std::iter::once(&self.tariff.origin).chain(paid)
    }
}

impl Response {
    fn read(table: &Section<'_, '_>) -> Option<Self> {
        let price = table.option("credit", tariff::credit);
        let hours = table.option("hours_per_year", |it| it.whole(1..=8_760, "1 to 8760 hours"));
        let readiness = table.option("readiness", per_megawatt_month);
        let months = table.option("months", |it| {
            let month = |it: &Value<'_, '_>| it.whole(1..=12, "a month, 1 to 12");
            let months: Vec<_> = it.items()?.iter().map(month).collect();
            if months.is_empty() {
                it.tell("expected one month or more; without months it is all of them");
                return None;
            }
            months.into_iter().map(|month| i8::try_from(month?).ok()).collect::<Option<Vec<_>>>()
        });
        let most = megawatts(table, "most_mw");
        table.end();
        let (price, hours, readiness) = (price?, hours?, readiness?);
        let credit = match (price, hours) {
            (Some(price), Some(hours)) => Some(Credit { price, hours }),
            (None, None) if readiness.is_some() => None,
            (None, None) => {
                table.tell("missing credit or readiness: what the grid pays for");
                return None;
            }
            (price, _) => {
                let missing = if price.is_none() { "credit" } else { "hours_per_year" };
                table.tell_of(missing, "missing: credit and hours_per_year belong together");
                return None;
            }
        };
        Some(Self { credit, readiness, months: months?.unwrap_or_default(), most: most? })
    }
}

/// Reads a payment for a megawatt in a month, a twelfth of a year, as one for each kilowatt-hour of it.
pub(super) fn per_megawatt_month(value: Value<'_, '_>) -> Option<Quote<UsdPerKwh>> {
    const MONTHLY: Bounds = Bounds {
        key: "usd_per_mw_month",
        least: 0.0,
        most: 1e8,
        expected: "0 to 100 million US dollars for a megawatt in a month",
    };
    let hourly = |dollars: f64| UsdPerHour::new(dollars * 12.0 / f64::from(YEAR));
    Some(quote(value, MONTHLY)?.map(|dollars| hourly(dollars).at(Watts::new(MEGA))))
}

/// Reads a power that may be left out; `None` where it is wrong, `Some(None)` where it is not
/// there.
#[expect(clippy::option_option, reason = "wrong, not there, and there are three things")]
pub(super) fn megawatts(section: &Section<'_, '_>, key: &'static str) -> Option<Option<Watts>> {
    section.option(key, |value| {
        let power = value.number(0.000_001..=100_000.0, "0.000001 to 100000 megawatts")?;
        Some(Watts::new(power * MEGA))
    })
}

impl Facility {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        const OPERATIONS: Bounds = Bounds {
            key: "usd_per_mw_year",
            least: 0.0,
            most: 1e8,
            expected: "0 to 100 million US dollars for a megawatt-year",
        };
        let power = megawatts(section, "power_mw");
        if matches!(power, Some(None)) {
            section.tell_of("power_mw", "missing");
        }
        let cooling = megawatts(section, "cooling_mw");
        let pue = |value: Value<'_, '_>| value.number(1.0..=3.0, "a ratio of 1 to 3");
        let mining_pue = section.option("mining_pue", pue);
        let ai_pue = section.option("ai_pue", pue);
        let operations = |value: Value<'_, '_>| {
            let hourly = |dollars: f64| UsdPerHour::new(dollars / f64::from(YEAR));
            let quote = quote(value, OPERATIONS)?;
            Some(quote.map(|dollars| hourly(dollars).at(Watts::new(MEGA))))
        };
        let mining_operations = section.option("mining_operations", operations);
        let ai_operations = section.option("ai_operations", operations);
        let stages = section.sections("ai_stage").iter().map(Stage::read).collect::<Vec<_>>();
        section.end();
        let stages: Vec<Stage> = stages.into_iter().collect::<Option<_>>()?;
        if !stages.is_sorted_by(|a, b| a.ready < b.ready && a.power <= b.power) {
            section.tell_of("ai_stage", "expected later stages after earlier ones, none smaller");
            return None;
        }
        Some(Self {
            power: power??,
            cooling: cooling?,
            mining_pue: mining_pue?,
            ai_pue: ai_pue?,
            mining_operations: mining_operations?,
            ai_operations: ai_operations?,
            stages,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.mining_operations.iter().chain(&self.ai_operations).map(|quote| &quote.origin)
    }
}

impl Stage {
    fn read(section: &Section<'_, '_>) -> Option<Self> {
        let ready = section.needs("ready").and_then(|it| it.date());
        let power = section.needs("mw");
        let power = power.and_then(|it| it.number(0.0..=100_000.0, "0 to 100000 megawatts"));
        section.end();
        Some(Self { ready: ready?, power: Watts::new(power? * MEGA) })
    }
}
