//! Hardware in one line: what it is, how many there are, and what one is worth.

use std::str::FromStr;

use super::catalogue::{Catalogue, LookupError};
use super::device::Figures;
use super::quote::Origin;
use super::sheet::Sheet;
use crate::units::{Usd, UsdPerHour, Watts};

/// Hardware by its data sheet, as one line says it.
///
/// ```
/// use perjoule::decision::site::SheetDevice;
///
/// // Named in the catalogue, or with its figures; owned, or to be bought and rented out.
/// let miner: SheetDevice = "S19 95TH 3250W x500 @150".parse()?;
/// assert_eq!((miner.name.as_str(), miner.count), ("S19", 500));
/// let card: SheetDevice = "RTX 3090 x18 buy@650 rent@0.17 60%".parse()?;
/// assert!(!card.owned && card.rent.is_some());
/// assert!("S19 95TH".parse::<SheetDevice>().is_err(), "no price");
/// # Ok::<(), perjoule::decision::site::ParseDeviceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SheetDevice {
    /// Name of the hardware.
    pub name: String,
    /// Number of devices.
    pub count: u32,
    /// Rated hash rate, in hashes per second; `None` is that of the catalogue.
    pub hashes_per_second: Option<f64>,
    /// Rated power at the wall, in watts; `None` is that of the catalogue.
    pub power: Option<Watts>,
    /// Price of one device, in US dollars.
    pub price: Usd,
    /// Whether it is owned, so that the price is what it can be sold for.
    pub owned: bool,
    /// Rent of an hour, and the share of the hours in which it is rented, 0 to 1; `None` where it is not
    /// rented out.
    pub rent: Option<(UsdPerHour, f64)>,
}

/// The error of a text that describes no [`SheetDevice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?}: {what}, expected a name, terahashes a second and watts (or a name of the catalogue), how \
     many there are, what one sells for (@) or costs (buy@), and of a card what an hour of it is rented \
     for and how much of the time: \"S19 95TH 3250W x500 @150\", \"RTX 3090 x18 @650 rent@0.17 60%\""
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
        let (mut rent, mut used) = (None, None);
        let mut half = false;
        for word in text.split_whitespace() {
            let lower = word.to_lowercase();
            let of_unit = |units: &[(&str, f64)]| {
                let in_unit = |&(unit, factor): &(&str, f64)| {
                    Some(number(lower.strip_suffix(unit)?)? * factor)
                };
                units.iter().find_map(in_unit)
            };
            // Of each there is one.
            let is_new = if let Some(found) = of_unit(&RATES) {
                rate.replace(found).is_none()
            } else if let Some(found) = of_unit(&POWERS) {
                power.replace(found).is_none()
            } else if let Some(found) = lower.strip_prefix("buy@") {
                let found = number(found).ok_or_else(|| wrong("no price"))?;
                price.replace((found, false)).is_none()
            } else if let Some(found) = lower.strip_prefix("rent@") {
                let found = number(found).ok_or_else(|| wrong("no rent"))?;
                rent.replace(found).is_none()
            } else if let Some(found) = lower.strip_suffix('%') {
                let found = number(found).ok_or_else(|| wrong("no utilisation"))?;
                used.replace(found / 100.0).is_none()
            } else if let Some(found) = lower.strip_prefix('@') {
                let found = number(found).ok_or_else(|| wrong("no price"))?;
                price.replace((found, true)).is_none()
            } else if let Some(Ok(found)) = word.strip_prefix('x').map(str::parse) {
                count.replace(found).is_none()
            } else {
                half |= is_half_a_number(word);
                name.push(word);
                true
            };
            if !is_new {
                return Err(wrong("something is there twice"));
            }
        }
        // The names of cards have numbers, and are in the catalogue with their rates.
        if half && rate.is_some() {
            return Err(wrong("a number without its unit"));
        }
        let within =
            |value: Option<f64>, least, most| value.filter(|value| (least..=most).contains(value));
        let name = Some(name.join(" ")).filter(|name| !name.is_empty());
        let count = Some(count.unwrap_or(1)).filter(|count| (1..=100_000_000).contains(count));
        let (price, owned) = price.unzip();
        let optional = |value: Option<f64>, least, most, what| match value {
            Some(_) => within(value, least, most).ok_or_else(|| wrong(what)).map(Some),
            None => Ok(None),
        };
        let rent = match (
            optional(rent, 0.0, 1e6, "no rent")?,
            optional(used, 0.0, 1.0, "no utilisation")?,
        ) {
            (Some(rent), Some(used)) => Some((UsdPerHour::new(rent), used)),
            (None, None) => None,
            _ => return Err(wrong("rent without the share of the time, or the other way round")),
        };
        Ok(Self {
            name: name.ok_or_else(|| wrong("no name"))?,
            count: count.ok_or_else(|| wrong("no number of devices"))?,
            hashes_per_second: optional(rate, 1e6, 1e21, "no hash rate")?,
            power: optional(power, 1e-3, 1e9, "no power")?.map(Watts::new),
            price: Usd::new(within(price, 0.0, 1e9).ok_or_else(|| wrong("no price"))?),
            owned: owned.unwrap_or(true),
            rent,
        })
    }
}

/// Whether a word is a number, or one with an x before or after it: `500`, `x1,000`, `500x`, `x`.
fn is_half_a_number(word: &str) -> bool {
    let bare = word.trim_matches(|letter| matches!(letter, 'x' | ',' | '.'));
    bare.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ',' | '.'))
}

impl SheetDevice {
    /// Returns what the device does, as stated or else by the catalogue.
    pub(super) fn sheet(
        &self,
        catalogue: &Catalogue,
        stated: Origin,
    ) -> Result<Figures, LookupError> {
        if let (Some(hashes_per_second), Some(power)) = (self.hashes_per_second, self.power) {
            let sheet = Sheet::Miner { hashes_per_second };
            return Ok(Figures::Sheet { model: None, sheet, power, origin: stated });
        }
        let mut name = self.name.clone();
        if let Some(rate) = self.hashes_per_second {
            // The rate is a part of the names of the catalogue.
            name = format!("{name} {}T", rate / 1e12);
        }
        let device = catalogue.find(&name)?;
        let origin = Origin { key: stated.key, ..device.origin.clone() };
        let (model, power) = (Some(device.name.clone()), self.power.unwrap_or(device.power));
        Ok(Figures::Sheet { model, sheet: device.sheet, power, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_all_of_a_device() {
        for (text, name, count, rate, watts, price, owned) in [
            ("S19 95TH 3250W x500 @150", "S19", 500, 95e12, 3250.0, 150.0, true),
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
            let device = parsed.expect(text);
            assert_eq!((device.name.as_str(), device.count, device.owned), (name, count, owned));
            let (rate_of, power) = (device.hashes_per_second, device.power);
            let numbers = [rate_of, power.map(Watts::value), Some(device.price.value())];
            for (number, expected) in numbers.into_iter().zip([rate, watts, price]) {
                let number = number.expect(text);
                assert!((number - expected).abs() <= expected * 1e-12, "{text}: {number}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, missing) in [
            ("", "no name"),
            ("S19 @150 rent@0.2", "rent without the share"),
            ("S19 @150 60%", "rent without the share"),
            ("S19 @150 rent@x 60%", "no rent"),
            ("S19 @150 rent@1 160%", "no utilisation"),
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
    fn what_is_not_stated_is_of_the_catalogue() {
        let stated = || Origin {
            key: "--device".to_owned(),
            date: jiff::civil::date(2026, 1, 1),
            source: "the command line".to_owned(),
        };
        let sheet = |text: &str| {
            let device: SheetDevice = text.parse().expect(text);
            let figures = device.sheet(Catalogue::built_in(), stated())?;
            let Figures::Sheet { sheet, power, origin, .. } = figures else {
                panic!("a data sheet")
            };
            Ok::<_, LookupError>((sheet, power, origin))
        };
        let (miner, power, origin) = sheet("S19 95TH x500 @150").expect("a miner");
        assert_eq!((miner, power), (Sheet::Miner { hashes_per_second: 95e12 }, Watts::new(3250.0)));
        assert!(origin.source != "the command line" && origin.key == "--device");
        let (_, power, origin) = sheet("S19 95TH 3000W @150").expect("a miner");
        assert_eq!((power, &*origin.source), (Watts::new(3000.0), "the command line"));
        let (card, power, _) = sheet("RTX 3090 x18 @650 rent@0.17 60%").expect("a card");
        assert!(matches!(card, Sheet::Card { .. }) && power == Watts::new(350.0));
        assert!(sheet("S21 @100").is_err_and(|why| why.to_string().contains("which of")));
    }
}
