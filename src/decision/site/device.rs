//! The sections `[[device]]`: the hardware, its worth, and what its AI is rented out for.

use super::quote::{Bounds, Origin, Quote, origin, quote};
use super::toml::{Section, Value};
use crate::record::DeviceId;
use crate::record::Named;
use crate::units::{Usd, UsdPerHour, Watts};

/// Kind of hardware that is at a site, or could be bought.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceEntry {
    /// Name of the hardware, unlike all others of the site.
    pub name: String,
    /// Number of devices.
    pub count: u32,
    /// Source of what one device does, and for how much power.
    pub figures: Figures,
    /// Price of one device, and whether it is owned.
    pub hardware: Hardware,
    /// Memory of one device by its data sheet, in bytes; `None` where that of the score counts. How
    /// much a score could take may be less, because of a driver's limits.
    pub memory: Option<Quote<f64>>,
    /// Terms on which the device is rented out for AI; `None` where it is not.
    pub rental: Option<Rental>,
}

/// Source of what a device does, and for how much power.
#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    /// A score, which has measured it.
    Score {
        /// Name of the score's file; `None` where only one is given.
        file: Option<String>,
        /// Name of the device in the score: `cpu`, `gpu:0`, …
        device: Named<DeviceId>,
        /// Power around each device that no meter of the score has seen, in watts: the processor,
        /// memory and fans of a card's host. `None` where the score has the power at the wall.
        host: Option<Watts>,
        /// Efficiency of the power supply: the share of the power at the wall that it passes on,
        /// 0.5 to 1. `None` where the score has the power at the wall.
        supply: Option<f64>,
    },
    /// A data sheet, which is no measurement.
    Sheet {
        /// Rated hash rate, in hashes per second.
        hashes_per_second: f64,
        /// Rated power at the wall, in watts.
        power: Watts,
        /// Date and source of the data sheet.
        origin: Origin,
    },
}

/// Price of one device, by whether it is owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Hardware {
    /// Owned hardware, with the price for which it can be sold.
    Owned(Quote<Usd>),
    /// Hardware that is not owned, with the price for which it can be bought.
    ToBuy(Quote<Usd>),
}

/// Terms on which a device is rented out for AI.
#[derive(Clone, Debug, PartialEq)]
pub struct Rental {
    /// Rental price of one device, in US dollars per hour.
    pub price: Quote<UsdPerHour>,
    /// Utilisation: the share of all hours in which the device is rented, 0 to 1.
    pub utilisation: Quote<f64>,
    /// Cost for each device to be rented out, in US dollars, besides the site's retrofit: a host
    /// with more memory, a better link. `None` is no such cost.
    pub conversion: Option<Quote<Usd>>,
}

const MONEY: Bounds = Bounds { key: "usd", least: 0.0, most: 1e9, expected: "0 to 1e9 US dollars" };

impl DeviceEntry {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        const HOURLY: Bounds = Bounds {
            key: "usd_per_hour",
            least: 0.0,
            most: 1e6,
            expected: "0 to 1e6 US dollars for an hour",
        };
        const MEMORY: Bounds =
            Bounds { key: "gib", least: 0.001, most: 1e6, expected: "0.001 to 1e6 GiB" };
        const GIB: f64 = 1_073_741_824.0;
        const SHARE: Bounds =
            Bounds { key: "share", least: 0.0, most: 1.0, expected: "a share of 0 to 1" };
        let name = section.needs("name").and_then(|it| it.text("a name"));
        let count = section.needs("count");
        let count = count.and_then(|it| it.whole(1..=100_000_000, "a number of devices"));
        let figures = Figures::read(section);
        let hardware = section.one_of(["resale", "price"]);
        let hardware = hardware.and_then(|(which, value)| {
            let money = quote(value, MONEY)?.map(Usd::new);
            Some(if which == 0 { Hardware::Owned(money) } else { Hardware::ToBuy(money) })
        });
        let memory = section.option("memory", |it| Some(quote(it, MEMORY)?.map(|gib| gib * GIB)));
        let rental = section.option("rental", |it| {
            let table = it.table()?;
            let price = table.needs("price").and_then(|it| quote(it, HOURLY));
            let utilisation = table.needs("utilisation").and_then(|it| quote(it, SHARE));
            let conversion = table.option("conversion", |it| quote(it, MONEY));
            table.end();
            Some(Rental {
                price: price?.map(UsdPerHour::new),
                utilisation: utilisation?,
                conversion: conversion?.map(|it| it.map(Usd::new)),
            })
        });
        section.end();
        Some(Self {
            name: name?.to_owned(),
            count: count?,
            figures: figures?,
            hardware: hardware?,
            memory: memory?,
            rental: rental?,
        })
    }

    pub(super) fn prices(&self) -> Vec<&Origin> {
        let (Hardware::Owned(worth) | Hardware::ToBuy(worth)) = &self.hardware;
        let mut origins = vec![&worth.origin];
        if let Some(rental) = &self.rental {
            origins.extend([&rental.price.origin, &rental.utilisation.origin]);
            origins.extend(rental.conversion.iter().map(|it| &it.origin));
        }
        origins
    }

    /// Returns the origins of its data sheets, which do not change from month to month.
    pub(super) fn sheets(&self) -> impl Iterator<Item = &Origin> {
        let sheet = match &self.figures {
            Figures::Sheet { origin, .. } => Some(origin),
            Figures::Score { .. } => None,
        };
        sheet.into_iter().chain(self.memory.iter().map(|it| &it.origin))
    }
}

impl Figures {
    fn read(section: &Section<'_, '_>) -> Option<Self> {
        let file = section.option("file", |it| it.text("the name of a score's file"));
        let host = section.option("host_watts", |it| it.number(0.0..=1e6, "0 to 1e6 watts"));
        let supply =
            section.option("supply_efficiency", |it| it.number(0.5..=1.0, "a share of 0.5 to 1"));
        let (which, value) = section.one_of(["score", "data_sheet"])?;
        if which == 0 {
            let device = value.text("a device of a score: \"cpu\", \"gpu:0\"");
            return Some(Self::Score {
                device: device?.into(),
                file: file?.map(str::to_owned),
                host: host?.map(Watts::new),
                supply: supply?,
            });
        }
        for key in ["file", "host_watts", "supply_efficiency"] {
            if section.may_have(key).is_some() {
                let what = "contradicts data_sheet, whose watts are those at the wall";
                section.tell_of(key, what);
            }
        }
        Self::of_sheet(value)
    }

    fn of_sheet(sheet: Value<'_, '_>) -> Option<Self> {
        let table = sheet.table()?;
        let rate = table.needs("terahash_per_second");
        let rate = rate.and_then(|it| it.number(1e-6..=1e9, "1e-6 to 1e9 terahashes a second"));
        let power = table.needs("watts");
        let power = power.and_then(|it| it.number(1e-3..=1e9, "0.001 to 1e9 watts"));
        let origin = origin(&table);
        table.end();
        let hashes_per_second = rate? * 1e12;
        Some(Self::Sheet { hashes_per_second, power: Watts::new(power?), origin: origin? })
    }
}
