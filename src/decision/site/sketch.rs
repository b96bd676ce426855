//! A site by a few numbers: a first answer before there is a file.
//!
//! What the numbers say nothing of is left out, and the site says so: it is not a default that somebody
//! could take for a price.

use jiff::civil::Date;

use super::Site;
use super::ai::{Ai, Market};
use super::catalogue::{Catalogue, LookupError};
use super::device::{DeviceEntry, Figures, Hardware, Rental};
use super::line::SheetDevice;
use super::place::{Facility, Power};
use super::quote::{Origin, Quote};
use super::sheet::Sheet;
use super::tariff::Tariff;
use super::trade::{Capital, Course, Mining, Network};
use crate::units::text::count;
use crate::units::{Usd, UsdPerKwh};

/// A site by the price of power, the state of the network, and hardware in a line each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SiteSketch {
    /// Price of power in all hours, in US dollars per kWh.
    pub power: UsdPerKwh,
    /// Price of one bitcoin in US dollars, and network difficulty: expected hashes to find a block, in
    /// units of 2^32, 1 or more; `None` where nothing mines.
    pub mining: Option<(Usd, f64)>,
    /// Height of the next block; `None` is estimated from the day.
    pub height: Option<u32>,
    /// Remaining life of the hardware, in years from now on, 0.1 to 100.
    pub years: f64,
    /// Hardware, one kind at least.
    pub devices: Vec<SheetDevice>,
}

/// A known block: 840,000, of the halving of 2024-04-20.
const KNOWN_HEIGHT: u32 = 840_000;
const KNOWN_DAY: Date = jiff::civil::date(2024, 4, 20);
const BLOCKS_PER_DAY: i64 = 144;

/// Estimates the height of the chain on a day, by a block in ten minutes since a known one.
fn height_on(day: Date) -> u32 {
    let days = KNOWN_DAY.until(day).map_or(0, |span| i64::from(span.get_days()));
    let height = i64::from(KNOWN_HEIGHT) + days * BLOCKS_PER_DAY;
    u32::try_from(height.max(0)).unwrap_or(KNOWN_HEIGHT)
}

/// Why there is no site by a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SketchError {
    /// There is no hardware.
    #[error("there is no hardware to decide on")]
    NoDevices,
    /// A device is not in the catalogue.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A device mines, and the price of a bitcoin and the difficulty are not known.
    #[error("{device} mines: the price of a bitcoin and the difficulty are missing")]
    NoMining {
        /// Name of the device.
        device: String,
    },
    /// Two devices have the same name.
    #[error("{device} is there twice, expected a name of its own")]
    Twice {
        /// Name of the devices.
        device: String,
    },
}

impl SiteSketch {
    /// Makes a sketch of hardware that lasts three more years.
    #[must_use]
    pub fn new(power: UsdPerKwh, mining: Option<(Usd, f64)>, devices: Vec<SheetDevice>) -> Self {
        Self { power, mining, height: None, years: 3.0, devices }
    }

    /// Returns the site on a day, with what was assumed; figures of hardware that are not stated are of
    /// `catalogue`.
    ///
    /// # Errors
    ///
    /// When there are no devices, when one is not in the catalogue, when it mines and nothing is known of mining, and when two
    /// have one name.
    pub fn site(&self, today: Date, catalogue: &Catalogue) -> Result<Site, SketchError> {
        let twice =
            |at: &usize| self.devices[..*at].iter().any(|it| it.name == self.devices[*at].name);
        if self.devices.is_empty() {
            return Err(SketchError::NoDevices);
        }
        let years = self.years.clamp(0.1, 100.0);
        if let Some(at) = (1..self.devices.len()).find(twice) {
            return Err(SketchError::Twice { device: self.devices[at].name.clone() });
        }
        let devices = self.devices.iter().map(|device| entry(device, today, catalogue));
        let devices: Vec<DeviceEntry> = devices.collect::<Result<_, _>>()?;
        let sheet = |entry: &DeviceEntry| match entry.figures {
            Figures::Sheet { sheet, power, .. } => Some((sheet, power)),
            Figures::Score { .. } => None,
        };
        let is_miner = |entry: &&DeviceEntry| {
            sheet(entry).is_some_and(|(sheet, _)| matches!(sheet, Sheet::Miner { .. }))
        };
        let miner = devices.iter().find(is_miner);
        if let (Some(miner), None) = (miner, self.mining) {
            return Err(SketchError::NoMining { device: miner.name.clone() });
        }
        let of = |key: &str| origin(key, today);
        let rents = devices.iter().any(|device| device.rental.is_some());
        let drawn = devices
            .iter()
            .zip(&self.devices)
            .filter_map(|(entry, device)| Some(sheet(entry)?.1 * f64::from(device.count)));
        let mut assumed = vec![format!(
            "no losses, and no power for cooling or operations besides the machines' own; money without \
             interest; hardware that lasts {} more years and is worth nothing then",
            count(years)
        )];
        let nothing = |key: &str| certain(UsdPerKwh::ZERO, of(key));
        let free = |key: &str| certain(Usd::ZERO, of(key));
        let mining = self.mining.map(|(btc_price, difficulty)| {
            let height = self.height.unwrap_or_else(|| {
                let height = height_on(today);
                assumed.push(format!(
                    "height {height}, by a block in ten minutes since block {KNOWN_HEIGHT}"
                ));
                height
            });
            assumed.push(
                "no transaction fees, no pool's fee, and price, difficulty and tariff as certain, and as \
                 they are for all years"
                    .to_owned(),
            );
            Mining {
                btc_price: certain(btc_price, of("--btc")),
                btc_course: Course::Flat,
                network: Network::Difficulty(certain(difficulty, of("--difficulty"))),
                difficulty_course: Course::Flat,
                height,
                fees: certain(0.0, of("fees")),
                pool_fee: certain(0.0, of("pool_fee")),
            }
        });
        assumed.push(if rents {
            "no market's fee, nothing around a card (processor, memory, fans, supply), no cost or time to \
             rent it out, and rent as certain"
                .to_owned()
        } else {
            "nothing of AI is asked about".to_owned()
        });
        let market = rents.then(|| Market { fee: certain(0.0, of("fee")), demand: None });
        Ok(Site {
            name: "a first look".to_owned(),
            power: Power {
                tariff: Tariff::flat(self.power, of("--power")),
                loss: 0.0,
                responses: Vec::new(),
                ramp: None,
            },
            place: Facility {
                power: drawn.sum(),
                cooling: None,
                mining_pue: Some(1.0),
                ai_pue: rents.then_some(1.0),
                mining_operations: Some(nothing("operations")),
                ai_operations: rents.then(|| nothing("operations")),
                stages: Vec::new(),
            },
            mining,
            ai: Ai { market, contracts: Vec::new() },
            capital: Capital {
                retrofit: rents.then(|| free("retrofit")),
                build_out: None,
                months_to_convert: rents.then_some(0.0),
                life_years: years,
                salvage: 0.0,
                discount_rate: 0.0,
            },
            devices,
            assumed,
        })
    }
}

/// Returns the entry of a device.
fn entry(
    device: &SheetDevice,
    today: Date,
    catalogue: &Catalogue,
) -> Result<DeviceEntry, LookupError> {
    let of = |what: &str| origin(&format!("{}.{what}", device.name), today);
    let figures = device.sheet(catalogue, of("data_sheet"))?;
    let money = certain(device.price, of("price"));
    Ok(DeviceEntry {
        name: device.name.clone(),
        count: Some(device.count),
        figures,
        hardware: if device.owned { Hardware::Owned(money) } else { Hardware::ToBuy(money) },
        memory: None,
        host_link: None,
        rental: device.rent.map(|(rent, used)| Rental {
            price: certain(rent, of("rent")),
            utilisation: certain(used, of("utilisation")),
            conversion: None,
        }),
    })
}

fn origin(key: &str, today: Date) -> Origin {
    Origin { key: key.to_owned(), date: today, source: "the command line".to_owned() }
}

/// Returns a quote of a value that is taken as certain.
fn certain<T>(value: T, origin: Origin) -> Quote<T> {
    Quote { value, range: (1.0, 1.0), origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_near_those_of_the_chain() {
        // Blocks of 2009-01-03 and 2025-03-03, by explorers.
        for (day, height) in [((2025, 3, 3), 886_000_i64), ((2024, 4, 20), 840_000)] {
            let estimated = i64::from(height_on(jiff::civil::date(day.0, day.1, day.2)));
            assert!((estimated - height).abs() < 1_000, "{estimated}");
        }
    }
}
