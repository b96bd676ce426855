//! Mining machines and cards by their data sheets, and how they are found by name.

use std::path::Path;
use std::sync::LazyLock;

use super::quote::Origin;
use super::sheet::{GIB, Sheet};
use super::toml::{File, Section, SettingsError, SiteProblem};
use crate::input::{listed, shown};
use crate::units::Watts;

/// Catalogue that is built in, in TOML.
const DEVICES: &str = include_str!("devices.toml");

/// Catalogue of devices by their data sheets.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue(Vec<CatalogueDevice>);

/// Device by its data sheet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CatalogueDevice {
    /// Name of the model, without its maker, unlike all others of the catalogue.
    pub name: String,
    /// Name of the maker.
    pub maker: String,
    /// Year and month of its release, as in `2020-05`.
    pub released: String,
    /// What it does.
    pub sheet: Sheet,
    /// Rated power, in watts: at the wall of mining machines, of the board of cards.
    pub power: Watts,
    /// Date and source of the figures.
    pub origin: Origin,
}

/// The error of a name that is not that of one device of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No device has the name.
    #[error("{}: not in the catalogue of data sheets{}", shown(.name, 100), .near.as_ref().map_or_else(String::new, |near| format!("; is {near} meant?")))]
    Unknown {
        /// Name that was looked for.
        name: String,
        /// Name of the catalogue that is most like it, if one is.
        near: Option<String>,
    },
    /// Several devices have it in their names.
    #[error("{}: which of {}?", shown(.name, 100), listed(.among, ", ", 8))]
    Ambiguous {
        /// Name that was looked for.
        name: String,
        /// Names of the devices.
        among: Vec<String>,
    },
}

impl Catalogue {
    /// Returns the catalogue that is built in.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::parse(DEVICES).expect("a test reads it"));
        &BUILT_IN
    }

    /// Reads a catalogue's file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is wrong; the error then lists everything that is wrong.
    pub fn open(file: &Path) -> Result<Self, SettingsError> {
        super::toml::open(file, Self::parse)
    }

    /// Reads the text of a catalogue.
    ///
    /// # Errors
    ///
    /// When the text is wrong; the error lists everything that is wrong in it.
    pub fn parse(text: &str) -> Result<Self, Vec<SiteProblem>> {
        File::new(text).read(|file| {
            let sources = file.section("sources")?;
            let asics = file.sections("asic");
            let cards = file.sections("gpu");
            let asics = asics.iter().map(|it| CatalogueDevice::read(it, &sources, asic));
            let cards = cards.iter().map(|it| CatalogueDevice::read(it, &sources, card));
            let devices: Vec<_> = asics.chain(cards).collect();
            let devices: Vec<CatalogueDevice> = devices.into_iter().collect::<Option<_>>()?;
            let mut names: Vec<_> = devices.iter().map(|device| words(&device.name)).collect();
            names.sort();
            if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                file.tell(format!("{} is there twice", twice[0].join(" ")));
            }
            Some(Self(devices))
        })
    }

    /// Returns all devices, in the order of the file: mining machines, then cards.
    #[must_use]
    pub fn devices(&self) -> &[CatalogueDevice] {
        &self.0
    }

    /// Finds a device by its name: the whole name, with or without its maker, or some words of it that
    /// no other device has. Capital letters make no difference, and `95TH` is `95T`.
    ///
    /// # Errors
    ///
    /// When no device has such a name, or several have.
    pub fn find(&self, name: &str) -> Result<&CatalogueDevice, LookupError> {
        let asked = words(name);
        let named = |device: &CatalogueDevice| {
            let of = words(&device.name);
            let maker = words(&device.maker);
            asked == of || asked == [maker, of].concat()
        };
        if let Some(device) = self.0.iter().find(|device| named(device)) {
            return Ok(device);
        }
        let has_all = |device: &&CatalogueDevice| {
            let of = [words(&device.maker), words(&device.name)].concat();
            !asked.is_empty() && asked.iter().all(|word| of.contains(word))
        };
        let found: Vec<_> = self.0.iter().filter(has_all).collect();
        let name = name.to_owned();
        match &*found {
            [one] => Ok(one),
            [] => {
                let asked = asked.join(" ");
                let far = |device: &&CatalogueDevice| {
                    strsim::damerau_levenshtein(&asked, &words(&device.name).join(" "))
                };
                let near = self.0.iter().min_by_key(far).filter(|near| far(near) <= 3);
                Err(LookupError::Unknown { name, near: near.map(|near| near.name.clone()) })
            }
            several => {
                let among = several.iter().map(|device| device.name.clone()).collect();
                Err(LookupError::Ambiguous { name, among })
            }
        }
    }
}

/// Returns the words of a name in small letters, hash rates as `95t`.
fn words(name: &str) -> Vec<String> {
    let word = |word: &str| {
        let word = word.to_lowercase();
        let rate = word.strip_suffix("th/s").or(word.strip_suffix("th"));
        let rate = rate.filter(|number| number.parse::<f64>().is_ok());
        rate.map_or(word.clone(), |number| format!("{number}t"))
    };
    name.split_whitespace().map(word).collect()
}

impl CatalogueDevice {
    fn read(
        table: &Section<'_, '_>,
        sources: &Section<'_, '_>,
        sheet: fn(&Section<'_, '_>) -> Option<Sheet>,
    ) -> Option<Self> {
        let name = table.needs("name").and_then(|it| it.text("the name of the model"));
        let maker = table.needs("maker").and_then(|it| it.text("the name of the maker"));
        let released = table.needs("released").and_then(|it| it.text("a year and month"));
        let sheet = sheet(table);
        let power = table.needs("watts");
        let power = power.and_then(|it| it.number(1e-3..=1e9, "0.001 to 1e9 watts"));
        let note = table.option("note", |it| it.text("a note on the source"));
        let source = table.needs("source").and_then(|it| {
            let key = it.text("the key of a source")?;
            let source = sources.of_any(key);
            if source.is_none() {
                it.tell(format!("{} is no key of [sources]", shown(key, 40)));
            }
            let source = source?.table()?;
            let date = source.needs("date").and_then(|date| date.date());
            let text = source.needs("text").and_then(|text| text.text("who says so, in words"));
            source.end();
            Some((date?, text?))
        });
        table.end();
        let (name, (date, source)) = (name?, source?);
        let note = note?.map_or_else(String::new, |note| format!("; {note}"));
        Some(Self {
            name: name.to_owned(),
            maker: maker?.to_owned(),
            released: released?.to_owned(),
            sheet: sheet?,
            power: Watts::new(power?),
            origin: Origin { key: name.to_owned(), date, source: format!("{source}{note}") },
        })
    }
}

fn asic(table: &Section<'_, '_>) -> Option<Sheet> {
    let rate = table.needs("terahash_per_second")?;
    let rate = rate.number(1e-6..=1e9, "1e-6 to 1e9 terahashes a second")?;
    Some(Sheet::Miner { hashes_per_second: rate * 1e12 })
}

fn card(table: &Section<'_, '_>) -> Option<Sheet> {
    let number = |key, unit: f64| {
        let value = table.needs(key)?.number(1e-3..=1e9, "0.001 to 1e9")?;
        Some(value * unit)
    };
    let memory_bytes = number("memory_gib", GIB);
    let bytes_per_second = number("bandwidth_gb_per_second", 1e9);
    let f32_per_second = number("f32_tflop_per_second", 1e12);
    let link_bytes_per_second = number("host_link_gb_per_second", 1e9);
    let f16 =
        table.option("f16_matrix_tflop_per_second", |it| it.number(1e-3..=1e9, "0.001 to 1e9"));
    let fma = table.option("fma_share", |it| it.number(0.0..=1.0, "a share of 0 to 1"));
    Some(Sheet::Card {
        memory_bytes: memory_bytes?,
        bytes_per_second: bytes_per_second?,
        f32_per_second: f32_per_second?,
        f16_per_second: f16?.map(|tera| tera * 1e12),
        link_bytes_per_second: link_bytes_per_second?,
        fma_share: fma?.unwrap_or(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_can_be_read_and_has_what_people_own() {
        let catalogue = Catalogue::built_in();
        let is_miner = |device: &&CatalogueDevice| matches!(device.sheet, Sheet::Miner { .. });
        let miners: Vec<_> = catalogue.devices().iter().filter(is_miner).collect();
        assert!(miners.len() >= 40 && catalogue.devices().len() - miners.len() >= 25);
        for maker in ["Bitmain", "MicroBT", "Canaan", "Bitdeer", "Auradine"] {
            assert!(miners.iter().any(|it| it.maker == maker), "{maker}");
        }
        for miner in miners {
            let Sheet::Miner { hashes_per_second } = miner.sheet else { unreachable!() };
            let joules = miner.power.value() / (hashes_per_second / 1e12);
            assert!((8.0..110.0).contains(&joules), "{}: {joules} J/TH", miner.name);
        }
    }

    #[test]
    fn a_device_is_found_by_what_people_call_it() {
        let find = |name: &str| Catalogue::built_in().find(name).map(|it| it.name.clone());
        for (asked, name) in [
            ("Antminer S19 95T", "Antminer S19 95T"),
            ("bitmain antminer s19 95t", "Antminer S19 95T"),
            ("S19 95TH", "Antminer S19 95T"),
            ("S19 95TH/s", "Antminer S19 95T"),
            ("S19 Pro 110T", "Antminer S19 Pro 110T"),
            ("RTX 3090", "GeForce RTX 3090"),
            ("NVIDIA GeForce RTX 3090", "GeForce RTX 3090"),
            ("P106-100", "P106-100"),
        ] {
            assert_eq!(find(asked).as_deref(), Ok(name), "{asked}");
        }
        let told = find("S21").expect_err("several").to_string();
        assert!(told.starts_with("S21: which of Antminer S21 200T"), "{told}");
        let told = find("RTX 3900").expect_err("none").to_string();
        assert!(told.contains("not in the catalogue"), "{told}");
        let told = find("Antminer S19 59T").expect_err("none").to_string();
        assert!(told.ends_with("is Antminer S19 95T meant?"), "{told}");
        assert!(find("").is_err());
    }

    #[test]
    fn every_mistake_in_a_catalogue_has_its_line() {
        let text = "asic = [\n{ name = \"A\", maker = \"B\", released = \"2020\", watts = 5, source = \"x\" },\n]\n\
                    [sources]\ny = { date = 2026-01-01, text = \"z\" }\n";
        let problems = Catalogue::parse(text).expect_err("problems");
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "line 2: asic[1].source: x is no key of [sources]",
                "line 2: asic[1].terahash_per_second: missing",
            ]
        );
    }
}
