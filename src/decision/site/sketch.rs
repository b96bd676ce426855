//! A site by a few numbers: a first answer before there is a file.
//!
//! What the numbers say nothing of is left out, and the site says so: it is not a default that somebody
//! could take for a price.

use std::str::FromStr;

use jiff::civil::Date;

use super::Site;
use super::device::{DeviceEntry, Figures, Hardware};
use super::place::{Facility, Power};
use super::quote::{Origin, Quote};
use super::tariff::Tariff;
use super::trade::{Ai, Capital, Mining, Network};
use crate::units::{Usd, UsdPerKwh, Watts};

/// A site by the price of power, the state of the network, and hardware by its data sheets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SiteSketch {
    /// Price of power in all hours, in US dollars per kWh.
    pub power: UsdPerKwh,
    /// Price of one bitcoin, in US dollars.
    pub btc_price: Usd,
    /// Network difficulty: expected hashes to find a block, in units of 2^32; 1 or more.
    pub difficulty: f64,
    /// Height of the next block; `None` is estimated from the day.
    pub height: Option<u32>,
    /// Remaining life of the hardware, in years from now on, 0.1 to 100.
    pub years: f64,
    /// Hardware by its data sheets, one kind at least.
    pub devices: Vec<SheetDevice>,
}

/// Hardware by its data sheet, as one line says it.
///
/// ```
/// use perjoule::decision::site::SheetDevice;
///
/// let device: SheetDevice = "S19 95TH 3250W x500 @150".parse()?;
/// assert_eq!((device.name.as_str(), device.count), ("S19", 500));
/// assert!("S19 95TH".parse::<SheetDevice>().is_err(), "no power");
/// # Ok::<(), perjoule::decision::site::ParseDeviceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SheetDevice {
    /// Name of the hardware.
    pub name: String,
    /// Number of devices.
    pub count: u32,
    /// Rated hash rate, in hashes per second.
    pub hashes_per_second: f64,
    /// Rated power at the wall, in watts.
    pub power: Watts,
    /// Price of one device, in US dollars.
    pub price: Usd,
    /// Whether it is owned, so that the price is what it can be sold for.
    pub owned: bool,
}

/// The error of a text that describes no [`SheetDevice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?}: {missing}, expected a name, terahashes a second, watts, how many there are, and what one \
     sells for (@) or costs (buy@): \"S19 95TH 3250W x500 @150\""
)]
pub struct ParseDeviceError {
    text: String,
    missing: &'static str,
}

impl FromStr for SheetDevice {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Self, ParseDeviceError> {
        let wrong = |missing| ParseDeviceError { text: text.to_owned(), missing };
        let (mut name, mut count, mut rate, mut power) = (Vec::new(), None, None, None);
        let (mut price, mut owned) = (None, true);
        for word in text.split_whitespace() {
            let lower = word.to_lowercase();
            let number = |text: &str| text.parse().ok().filter(|it: &f64| it.is_finite());
            let of_unit = |units: &[(&str, f64)]| {
                let in_unit = |&(unit, factor): &(&str, f64)| {
                    Some(number(lower.strip_suffix(unit)?)? * factor)
                };
                units.iter().find_map(in_unit).filter(|it| *it > 0.0)
            };
            if let Some(found) = of_unit(&[
                ("gh/s", 1e9),
                ("gh", 1e9),
                ("th/s", 1e12),
                ("th", 1e12),
                ("ph/s", 1e15),
                ("ph", 1e15),
            ]) {
                rate = rate.or(Some(found));
            } else if let Some(found) = of_unit(&[("kw", 1e3), ("w", 1.0)]) {
                power = power.or(Some(found));
            } else if let Some(found) = lower.strip_prefix("buy@").and_then(number) {
                (price, owned) = (Some(found), false);
            } else if let Some(found) = lower.strip_prefix('@').and_then(number) {
                (price, owned) = (Some(found), true);
            } else if let Some(found) = lower.strip_prefix('x').and_then(|it| it.parse().ok()) {
                count = Some(found);
            } else {
                name.push(word);
            }
        }
        let positive = |count: u32| (1..=100_000_000).contains(&count);
        let price = price.filter(|price| (0.0..=1e9).contains(price));
        Ok(Self {
            name: Some(name.join(" "))
                .filter(|it| !it.is_empty())
                .ok_or_else(|| wrong("no name"))?,
            count: Some(count.unwrap_or(1))
                .filter(|&it| positive(it))
                .ok_or_else(|| wrong("no number of devices"))?,
            hashes_per_second: rate.ok_or_else(|| wrong("no hash rate"))?,
            power: Watts::new(power.ok_or_else(|| wrong("no power"))?),
            price: Usd::new(price.ok_or_else(|| wrong("no price"))?),
            owned,
        })
    }
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

impl SiteSketch {
    /// Makes a sketch of hardware that lasts three more years.
    #[must_use]
    pub fn new(
        power: UsdPerKwh,
        btc_price: Usd,
        difficulty: f64,
        devices: Vec<SheetDevice>,
    ) -> Self {
        Self { power, btc_price, difficulty, height: None, years: 3.0, devices }
    }

    /// Returns the site on a day, with what was assumed.
    #[must_use]
    pub fn site(&self, today: Date) -> Site {
        let origin = |key: &str| Origin {
            key: key.to_owned(),
            date: today,
            source: "the command line".to_owned(),
        };
        let drawn = |device: &SheetDevice| device.power * f64::from(device.count);
        let device = |device: &SheetDevice| {
            let money = certain(device.price, origin(&format!("{}.price", device.name)));
            DeviceEntry {
                name: device.name.clone(),
                count: device.count,
                figures: Figures::Sheet {
                    hashes_per_second: device.hashes_per_second,
                    power: device.power,
                    origin: origin(&format!("{}.data_sheet", device.name)),
                },
                hardware: if device.owned {
                    Hardware::Owned(money)
                } else {
                    Hardware::ToBuy(money)
                },
                memory: None,
                rental: None,
            }
        };
        let mut assumed = vec![
            "no losses, power for cooling or operations besides the machines' own power".to_owned(),
            "no transaction fees, and no pool's fee".to_owned(),
            format!("{} more years of use, worthless then, and money without interest", self.years),
            "price, difficulty and tariff as certain, and as they are for all years".to_owned(),
            "nothing of AI is asked about".to_owned(),
        ];
        let height = self.height.unwrap_or_else(|| {
            let height = height_on(today);
            assumed.push(format!(
                "height {height}, by a block in ten minutes since block {KNOWN_HEIGHT}"
            ));
            height
        });
        Site {
            name: "a first look".to_owned(),
            power: Power {
                tariff: Tariff::flat(self.power, origin("--power")),
                loss: 0.0,
                response: None,
                ramp: None,
            },
            place: Facility {
                power: self.devices.iter().map(drawn).sum(),
                cooling: None,
                mining_pue: 1.0,
                ai_pue: None,
                mining_operations: certain(UsdPerKwh::ZERO, origin("operations")),
                ai_operations: None,
                stages: Vec::new(),
            },
            mining: Mining {
                btc_price: certain(self.btc_price, origin("--btc")),
                btc_growth: None,
                network: Network::Difficulty(certain(self.difficulty, origin("--difficulty"))),
                difficulty_growth: None,
                height,
                fees: certain(0.0, origin("fees")),
                pool_fee: certain(0.0, origin("pool_fee")),
            },
            ai: Ai { market: None, contract: None },
            capital: Capital {
                retrofit: None,
                build_out: None,
                months_to_convert: None,
                life_years: self.years,
                salvage: 0.0,
                discount_rate: 0.0,
            },
            devices: self.devices.iter().map(device).collect(),
            assumed,
        }
    }
}

/// Returns a quote of a value that is taken as certain.
fn certain<T>(value: T, origin: Origin) -> Quote<T> {
    Quote { value, range: (1.0, 1.0), origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_all_of_a_device() {
        for (text, name, count, rate, watts, price, owned) in [
            ("S19 95TH 3250W x500 @150", "S19", 500, 95e12, 3250.0, 150.0, true),
            (
                "Antminer S21 XP Hyd 473 TH/s".replace(" TH/s", "TH/s").as_str(),
                "",
                0,
                0.0,
                0.0,
                0.0,
                true,
            ),
            (
                "Antminer S21 XP 270th/s 3.645kW buy@5000",
                "Antminer S21 XP",
                1,
                270e12,
                3645.0,
                5000.0,
                false,
            ),
            ("x 1PH 12kW x2 @0", "x", 2, 1e15, 12e3, 0.0, true),
        ] {
            let parsed = text.parse::<SheetDevice>();
            if name.is_empty() {
                assert!(parsed.expect_err(text).to_string().contains("no power"), "{text}");
                continue;
            }
            let device = parsed.expect(text);
            assert_eq!((device.name.as_str(), device.count, device.owned), (name, count, owned));
            let numbers = [device.hashes_per_second, device.power.value(), device.price.value()];
            for (number, expected) in numbers.into_iter().zip([rate, watts, price]) {
                assert!((number - expected).abs() <= expected * 1e-12, "{text}: {number}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, missing) in [
            ("", "no name"),
            ("S19 3250W @150", "no hash rate"),
            ("S19 95TH @150", "no power"),
            ("S19 95TH 3250W", "no price"),
            ("S19 95TH 3250W @-5", "no price"),
            ("S19 95TH 3250W x0 @5", "no number of devices"),
            ("S19 0TH 3250W @5", "no hash rate"),
            ("95TH 3250W @5", "no name"),
        ] {
            let told = text.parse::<SheetDevice>().expect_err(text).to_string();
            assert!(told.contains(missing), "{text}: {told}");
        }
    }

    #[test]
    fn heights_are_near_those_of_the_chain() {
        // Blocks of 2009-01-03 and 2025-03-03, by explorers.
        for (day, height) in [((2025, 3, 3), 886_000_i64), ((2024, 4, 20), 840_000)] {
            let estimated = i64::from(height_on(jiff::civil::date(day.0, day.1, day.2)));
            assert!((estimated - height).abs() < 1_000, "{estimated}");
        }
    }
}
