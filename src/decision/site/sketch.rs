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
    "{text:?}: {what}, expected a name, terahashes a second, watts, how many there are, and what one \
     sells for (@) or costs (buy@): \"S19 95TH 3250W x500 @150\""
)]
pub struct ParseDeviceError {
    text: String,
    what: &'static str,
}

impl FromStr for SheetDevice {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Self, ParseDeviceError> {
        const RATES: [(&str, f64); 6] = [
            ("gh/s", 1e9),
            ("gh", 1e9),
            ("th/s", 1e12),
            ("th", 1e12),
            ("ph/s", 1e15),
            ("ph", 1e15),
        ];
        const POWERS: [(&str, f64); 2] = [("kw", 1e3), ("w", 1.0)];
        let wrong = |what| ParseDeviceError { text: text.to_owned(), what };
        let number = |text: &str| text.parse().ok().filter(|it: &f64| it.is_finite());
        let (mut name, mut count, mut rate, mut power, mut price) =
            (Vec::new(), None, None, None, None);
        for word in text.split_whitespace() {
            let lower = word.to_lowercase();
            let of_unit = |units: &[(&str, f64)]| {
                let in_unit = |&(unit, factor): &(&str, f64)| {
                    Some(number(lower.strip_suffix(unit)?)? * factor)
                };
                units.iter().find_map(in_unit)
            };
            // Of each there is one, and what is half a number is not a part of the name.
            let is_new = if let Some(found) = of_unit(&RATES) {
                rate.replace(found).is_none()
            } else if let Some(found) = of_unit(&POWERS) {
                power.replace(found).is_none()
            } else if let Some(found) = lower.strip_prefix("buy@") {
                let found = number(found).ok_or_else(|| wrong("no price"))?;
                price.replace((found, false)).is_none()
            } else if let Some(found) = lower.strip_prefix('@') {
                let found = number(found).ok_or_else(|| wrong("no price"))?;
                price.replace((found, true)).is_none()
            } else if let Some(Ok(found)) = word.strip_prefix('x').map(str::parse) {
                count.replace(found).is_none()
            } else if is_half_a_number(word) {
                return Err(wrong("a number without its unit"));
            } else {
                name.push(word);
                true
            };
            if !is_new {
                return Err(wrong("something is there twice"));
            }
        }
        let within =
            |value: Option<f64>, least, most| value.filter(|value| (least..=most).contains(value));
        let name = Some(name.join(" ")).filter(|name| !name.is_empty());
        let count = Some(count.unwrap_or(1)).filter(|count| (1..=100_000_000).contains(count));
        let (price, owned) = price.unzip();
        Ok(Self {
            name: name.ok_or_else(|| wrong("no name"))?,
            count: count.ok_or_else(|| wrong("no number of devices"))?,
            hashes_per_second: within(rate, 1e6, 1e21).ok_or_else(|| wrong("no hash rate"))?,
            power: Watts::new(within(power, 1e-3, 1e9).ok_or_else(|| wrong("no power"))?),
            price: Usd::new(within(price, 0.0, 1e9).ok_or_else(|| wrong("no price"))?),
            owned: owned.unwrap_or(true),
        })
    }
}

/// Whether a word is a number, or one with an x before or after it: `500`, `x1,000`, `500x`, `x`.
fn is_half_a_number(word: &str) -> bool {
    let bare = word.trim_matches(|letter| matches!(letter, 'x' | ',' | '.'));
    bare.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ',' | '.'))
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
                life_years: self.years.clamp(0.1, 100.0),
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
            ("Antminer X5 1PH 12kW x2 @0", "Antminer X5", 2, 1e15, 12e3, 0.0, true),
            ("M30S++ 108TH 3348W x10 @80", "M30S++", 10, 108e12, 3348.0, 80.0, true),
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
            ("S19 95TH 3250W x1,000 @5", "without its unit"),
            ("S19 95TH 3250W 500x @5", "without its unit"),
            ("S19 95TH 3250W x 500 @5", "without its unit"),
            ("S19 95TH 3 250W @5", "without its unit"),
            ("S19 95TH 110TH 3250W @5", "there twice"),
            ("S19 95TH 3250W @5 buy@6", "there twice"),
            ("S19 1e300TH 3250W @5", "no hash rate"),
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
