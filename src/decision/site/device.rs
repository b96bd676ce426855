//! The sections `[[device]]`: the hardware, its worth, and what its AI is rented out for.

use super::catalogue::{Catalogue, CatalogueDevice};
use super::quote::{Bounds, Origin, Quote, SHARE, origin, quote};
use super::sheet::{GIB, Sheet};
use super::toml::{Section, Value};
use crate::units::{Usd, UsdPerHour, Watts};

/// Kind of hardware that is at a site, or could be bought.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceEntry {
    /// Name of the hardware, unlike all others of the site.
    pub name: String,
    /// Number of devices; `None` is as many as there are in the scores.
    pub count: Option<u32>,
    /// Source of what one device does, and for how much power.
    pub figures: Figures,
    /// Price of one device, and whether it is owned.
    pub hardware: Hardware,
    /// Link to the host as it is built in, in bytes per second in its slower direction: a riser with one
    /// lane, for example. `None` is what was measured, or is in the data sheet.
    pub host_link: Option<Quote<f64>>,
    /// Memory of one device by its data sheet, in bytes; `None` where that of the score counts. How
    /// much a score could take may be less, because of a driver's limits.
    pub memory: Option<Quote<f64>>,
    /// Terms on which the device is rented out for AI; `None` where it is not.
    pub rental: Option<Rental>,
}

/// Source of what a device does, and for how much power.
#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    /// A score, which has measured it, or the scores of several equal devices.
    Score {
        /// Name of the score's file, in which `*` stands for anything; `None` is every score that has
        /// the device.
        file: Option<String>,
        /// Name of the device in the score, as in `cpu` or `gpu:0`; `*` stands for anything.
        device: String,
        /// Power around each device that no meter of the score has seen, in watts: the processor,
        /// memory and fans of a card's host. `None` where the score has the power at the wall.
        host: Option<Watts>,
        /// Efficiency of the power supply: the share of the power at the wall that it passes on,
        /// 0.5 to 1. `None` where the score has the power at the wall.
        supply: Option<f64>,
    },
    /// A data sheet, which is no measurement.
    Sheet {
        /// Name of the model in the catalogue; `None` where the file has the figures.
        model: Option<String>,
        /// What the device does.
        sheet: Sheet,
        /// Power at the wall, in watts, with the device's share of its host.
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
    pub(super) fn read(section: &Section<'_, '_>, catalogue: &Catalogue) -> Option<Self> {
        const HOURLY: Bounds = Bounds {
            key: "usd_per_hour",
            least: 0.0,
            most: 1e6,
            expected: "0 to 1e6 US dollars for an hour",
        };
        const MEMORY: Bounds =
            Bounds { key: "gib", least: 0.001, most: 1e6, expected: "0.001 to 1e6 GiB" };
        const LINK: Bounds = Bounds {
            key: "gb_per_second",
            least: 1e-3,
            most: 1e6,
            expected: "0.001 to 1e6 GB a second",
        };
        let name = section.needs("name").and_then(|it| it.text("a name"));
        let count = section.option("count", |it| it.whole(1..=100_000_000, "a number of devices"));
        let read = Figures::read(section, catalogue);
        if let (Some((Figures::Sheet { .. }, _)), Some(None)) = (&read, &count) {
            section.tell_of("count", "missing");
        }
        let hardware = section.one_of(["resale", "price"]);
        let hardware = hardware.and_then(|(which, value)| {
            let money = quote(value, MONEY)?.map(Usd::new);
            Some(if which == 0 { Hardware::Owned(money) } else { Hardware::ToBuy(money) })
        });
        let memory = section.option("memory", |it| Some(quote(it, MEMORY)?.map(|gib| gib * GIB)));
        let host_link =
            section.option("host_link", |it| Some(quote(it, LINK)?.map(|giga| giga * 1e9)));
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
        let (figures, model_memory) = read?;
        Some(Self {
            name: name?.to_owned(),
            count: count?,
            figures,
            hardware: hardware?,
            host_link: host_link?,
            memory: memory?.or(model_memory),
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
        let of_entry = self.memory.iter().chain(&self.host_link).map(|it| &it.origin);
        sheet.into_iter().chain(of_entry.filter(move |it| Some(*it) != sheet))
    }
}

impl Figures {
    /// Reads where the figures are from, and the memory of the model, if one is named.
    fn read(
        section: &Section<'_, '_>,
        catalogue: &Catalogue,
    ) -> Option<(Self, Option<Quote<f64>>)> {
        let file = section.option("file", |it| it.text("the name of a score's file"));
        let host = section.option("host_watts", |it| it.number(0.0..=1e6, "0 to 1e6 watts"));
        let supply =
            section.option("supply_efficiency", |it| it.number(0.5..=1.0, "a share of 0.5 to 1"));
        let model = section.option("model", |it| {
            let found = catalogue.find(it.text("the name of a model")?);
            found.map_err(|why| it.tell(why.to_string())).ok()
        });
        if let Some(value) = section.may_have("score") {
            if section.may_have("data_sheet").is_some() {
                section.tell_of("data_sheet", "contradicts score, which has measured it");
            }
            let device = value.text("a device of a score: \"cpu\", \"gpu:0\"");
            let figures = Self::Score {
                device: device?.to_owned(),
                file: file?.map(str::to_owned),
                host: host?.map(Watts::new),
                supply: supply?,
            };
            // What was measured overrides a data sheet; how much memory there is cannot be measured.
            return Some((figures, model?.and_then(|it| memory(it, section))));
        }
        if section.may_have("file").is_some() {
            section.tell_of("file", "contradicts a data sheet, which is no score");
        }
        let sheet = section.may_have("data_sheet");
        let model = model?;
        let around = (host?, supply?);
        match (sheet, model) {
            (Some(_), Some(_)) => {
                section.tell_of("data_sheet", "contradicts model, expected one of them");
                None
            }
            (None, None) => {
                section.tell("missing score, model or data_sheet, expected one of them");
                None
            }
            (Some(sheet), None) => {
                at_the_wall(section, "data_sheet");
                Some((Self::of_sheet(sheet)?, None))
            }
            (None, Some(device)) => {
                let CatalogueDevice { sheet, power, origin, .. } = device.clone();
                let origin = Origin { key: section.key("model"), ..origin };
                let power = match (sheet, around) {
                    (Sheet::Miner { .. }, _) => {
                        at_the_wall(section, "model");
                        power
                    }
                    (Sheet::Card { .. }, (Some(host), Some(supply))) => {
                        (power + Watts::new(host)) / supply
                    }
                    (Sheet::Card { .. }, (host, _)) => {
                        let key = if host.is_none() { "host_watts" } else { "supply_efficiency" };
                        section.tell_of(
                            key,
                            "missing: the data sheet of a card has the power of its board only",
                        );
                        return None;
                    }
                };
                let model = Some(device.name.clone());
                Some((Self::Sheet { model, sheet, power, origin }, memory(device, section)))
            }
        }
    }

    fn of_sheet(sheet: Value<'_, '_>) -> Option<Self> {
        let table = sheet.table()?;
        let rate = table.needs("terahash_per_second");
        let rate = rate.and_then(|it| it.number(1e-6..=1e9, "1e-6 to 1e9 terahashes a second"));
        let power = table.needs("watts");
        let power = power.and_then(|it| it.number(1e-3..=1e9, "0.001 to 1e9 watts"));
        let origin = origin(&table);
        table.end();
        let sheet = Sheet::Miner { hashes_per_second: rate? * 1e12 };
        Some(Self::Sheet { model: None, sheet, power: Watts::new(power?), origin: origin? })
    }
}

/// Reports what is said to be around a device whose watts are those at the wall.
fn at_the_wall(section: &Section<'_, '_>, than: &str) {
    for key in ["host_watts", "supply_efficiency"] {
        if section.may_have(key).is_some() {
            let what = format!("contradicts {than}, whose watts are those at the wall");
            section.tell_of(key, what);
        }
    }
}

/// Returns the memory of a card, in bytes.
fn memory(device: &CatalogueDevice, section: &Section<'_, '_>) -> Option<Quote<f64>> {
    let Sheet::Card { memory_bytes: value, .. } = device.sheet else { return None };
    let origin = Origin { key: section.key("model"), ..device.origin.clone() };
    Some(Quote { value, range: (1.0, 1.0), origin })
}
