//! The sections `[[device]]`: the hardware, its worth, and what its AI is rented out for.

use super::quote::{Bounds, Origin, Quote, origin, quote};
use super::toml::{Section, Value};
use crate::record::Named;
use crate::score::Device as DeviceId;
use crate::units::{Usd, UsdPerHour, Watts};

/// A kind of hardware.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// How many there are.
    pub count: u32,
    /// What it does, and for how much power.
    pub figures: Figures,
    /// What it is worth.
    pub hardware: Hardware,
    /// The memory of each, in bytes, by its data sheet: how much a score could take of it may be less,
    /// because of a driver's limits.
    pub memory: Option<Quote<f64>>,
    /// What its AI is rented out for; without it, it is not.
    pub rental: Option<Rental>,
}

/// Where it is said what a device does.
#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    /// In a score.
    Score {
        /// The name of its file, where several are given.
        file: Option<String>,
        /// The device in it: `cpu`, `gpu:0`, …
        device: Named<DeviceId>,
        /// What is around it and no meter of the score has seen, of each device: the processor,
        /// memory and fans of a card's host.
        host: Option<Watts>,
        /// The share of the power at the wall that the power supply passes on.
        supply: Option<f64>,
    },
    /// In its data sheet, which is no measurement.
    Sheet {
        /// Hashes per second.
        hashes_per_second: f64,
        /// Power at the wall.
        power: Watts,
        /// Which data sheet.
        origin: Origin,
    },
}

/// What hardware is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Hardware {
    /// It is there, and can be sold for this, each.
    Owned(Quote<Usd>),
    /// It would have to be bought for this, each.
    ToBuy(Quote<Usd>),
}

/// What a device is rented out for.
#[derive(Clone, Debug, PartialEq)]
pub struct Rental {
    /// For an hour.
    pub price: Quote<UsdPerHour>,
    /// The share of all hours in which somebody rents it.
    pub utilisation: Quote<f64>,
    /// What each device needs to be rented out besides the site's retrofit: a host with more memory, a
    /// better link.
    pub conversion: Option<Quote<Usd>>,
}

const MONEY: Bounds = Bounds { key: "usd", least: 0.0, most: 1e9, expected: "0 to 1e9 US dollars" };

impl Entry {
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

    /// Of its data sheets, which do not change from month to month.
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
