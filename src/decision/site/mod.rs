//! Reads the file `site.toml`: the limits of a site, its prices and its hardware.
//!
//! Every price has its date and its source, and none is built in: what is missing is an error that
//! names the key, and never a default. Prices are in US dollars, energy and power are at the site's
//! meter unless a key says otherwise, and years have 8,760 hours.

mod device;
mod place;
mod quote;
mod sketch;
mod tariff;
mod toml;
mod trade;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;

pub use self::device::{DeviceEntry, Figures, Hardware, Rental};
pub use self::place::{Facility, Power, Response, Stage};
pub use self::quote::{Doubtful, Origin, Quote};
pub use self::sketch::{ParseDeviceError, SheetDevice, SiteSketch};
pub(super) use self::tariff::YEAR;
pub use self::tariff::{Hour, Tariff};
pub use self::toml::SiteProblem;
pub use self::trade::{Ai, Capital, Contract, Market, Mining, Network};

pub(super) use self::quote::{Bounds, quote};
pub(super) use self::toml::{File, Section};
use crate::input::{self, InputLimit, listed};
use crate::units::Watts;

/// Commented template of a site's file, to fill in; read unfilled, it gives an error for each
/// missing key.
pub const TEMPLATE: &str = include_str!("template.toml");

/// Site with its limits, prices and hardware, as its file gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Name of the site.
    pub name: String,
    /// Tariff, losses, demand response and ramp of the site's power.
    pub power: Power,
    /// Limits, PUE and operating costs of the place.
    pub place: Facility,
    /// Prices and network figures that mining revenue depends on.
    pub mining: Mining,
    /// Market or tenant that AI is for.
    pub ai: Ai,
    /// Costs of conversion, and terms of capital.
    pub capital: Capital,
    /// Kinds of hardware that are there or could be bought, in the order of the file.
    pub devices: Vec<DeviceEntry>,
    /// What was assumed where nothing was stated, in words; nothing for a site of a file.
    pub assumed: Vec<String>,
}

/// Reason why a file of a site, or of thresholds, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read, for this reason.
    #[error("{0}")]
    Unreadable(String),
    /// The file has these problems: what is wrong in it, or missing.
    #[error("{}", listed(.0, "; ", 20))]
    Wrong(Vec<SiteProblem>),
}

impl Site {
    /// Reads a site's file, and the series of prices that it names beside it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is wrong; the error then lists everything that is wrong.
    pub fn open(file: &Path) -> Result<Self, SettingsError> {
        let text = input::file(file, InputLimit::SETTINGS);
        let text = text.map_err(|why| SettingsError::Unreadable(why.to_string()))?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder).map_err(SettingsError::Wrong)
    }

    /// Reads the text of a site's file; series of prices are looked for in `folder`.
    ///
    /// # Errors
    ///
    /// When the text is wrong; the error lists everything that is wrong in it.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<SiteProblem>> {
        File::new(text).read(|file| Self::read(file, folder))
    }

    fn read(file: &Section<'_, '_>, folder: &Path) -> Option<Self> {
        let name = file.needs("name").and_then(|name| name.text("the name of the site"));
        let power = file.section("power").and_then(|it| Power::read(&it, folder));
        let place = file.section("site").and_then(|it| Facility::read(&it));
        let mining = file.section("mining").and_then(|it| Mining::read(&it));
        let ai = match file.may_have("ai") {
            Some(value) => value.table().and_then(|it| Ai::read(&it)),
            None => Some(Ai { market: None, contract: None }),
        };
        let capital = file.section("capital").and_then(|it| Capital::read(&it));
        let entries = file.sections("device");
        if entries.is_empty() {
            file.tell_of("device", "missing, expected a section [[device]] for each kind");
        }
        let devices: Vec<_> = entries.iter().map(DeviceEntry::read).collect();
        let devices: Vec<DeviceEntry> = devices.into_iter().collect::<Option<_>>()?;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &devices {
            *times.entry(&entry.name).or_default() += 1;
        }
        for (entry, section) in devices.iter().zip(&entries) {
            if times.get(&*entry.name).is_some_and(|&times| times > 1) {
                section.tell_of("name", format!("{} is there twice", entry.name));
            }
        }
        let site = Self {
            name: name?.to_owned(),
            power: power?,
            place: place?,
            mining: mining?,
            ai: ai?,
            capital: capital?,
            devices,
            assumed: Vec::new(),
        };
        site.needs_of_ai(file);
        if let Some(contract) = &site.ai.contract {
            if site.capital.build_out.is_none() {
                file.tell_of("capital", "build_out is missing, which ai.contract needs");
            }
            // What is a rounding of floating-point numbers over a limit is within it.
            let metered = site.tenant(contract) * (1.0 - 1e-9);
            let contradicts = |key: &str, what: String| {
                let (power, metered) = (contract.power, site.tenant(contract));
                let what = format!(
                    "contract.mw, {power} of machines, takes {metered} at the site's meter, and \
                     contradicts {key}, {what}"
                );
                file.tell_of("ai", what);
            };
            if metered > site.place.power {
                contradicts("site.power_mw", site.place.power.to_string());
            }
            let stages = &site.place.stages;
            if stages.last().is_some_and(|last| last.power < metered) {
                contradicts("site.ai_stage", "none of which has so much room".to_owned());
            }
        }
        Some(site)
    }

    /// Returns the file of prices by the hour that the tariff is from; `None` where it is from
    /// none.
    #[must_use]
    pub fn series(&self) -> Option<&Path> {
        self.power.tariff.file()
    }

    /// Reports what a site with AI has to say and does not.
    fn needs_of_ai(&self, file: &Section<'_, '_>) {
        let asked = match &self.ai {
            Ai { market: Some(_), .. } => "ai.market",
            Ai { contract: Some(_), .. } => "ai.contract",
            Ai { .. } => return,
        };
        let (place, capital) = (&self.place, &self.capital);
        for (section, key, is_there) in [
            ("site", "ai_pue", place.ai_pue.is_some()),
            ("site", "ai_operations", place.ai_operations.is_some()),
            ("capital", "retrofit", capital.retrofit.is_some() || self.ai.market.is_none()),
            ("capital", "months_to_convert", capital.months_to_convert.is_some()),
        ] {
            if !is_there {
                file.tell_of(section, format!("{key} is missing, which {asked} needs"));
            }
        }
    }

    /// Returns the PUE of AI; that of mining where there is no AI.
    pub(crate) fn ai_pue(&self) -> f64 {
        self.place.ai_pue.unwrap_or(self.place.mining_pue)
    }

    /// Returns what machines draw at the site's meter, by their power at the wall.
    pub(crate) fn metered(&self, wall: Watts, pue: f64) -> Watts {
        wall * pue / (1.0 - self.power.loss)
    }

    /// Returns what a tenant's machines draw at the site's meter.
    pub(crate) fn tenant(&self, contract: &Contract) -> Watts {
        self.metered(contract.power, self.ai_pue())
    }

    /// Returns whether the site, once it is built, has room for all machines of a tenant.
    pub(crate) fn has_room(&self, contract: &Contract) -> bool {
        // What is a rounding of floating-point numbers over a limit is within it.
        let metered = self.tenant(contract) * (1.0 - 1e-9);
        let stage = self.place.stages.last();
        metered <= self.place.power && stage.is_none_or(|stage| metered <= stage.power)
    }

    /// Returns what machines draw at the wall, by their power at the site's meter.
    pub(crate) fn machines(&self, metered: Watts, pue: f64) -> Watts {
        metered * (1.0 - self.power.loss) / pue
    }

    /// Returns the prices that are older than 30 days, or of days to come.
    #[must_use]
    pub fn doubtful(&self, today: Date) -> Vec<Doubtful> {
        self.prices().into_iter().filter_map(|origin| origin.doubtful(today)).collect()
    }

    /// Returns the origin of every quoted number: prices in the order of the file, then data
    /// sheets.
    #[must_use]
    pub fn origins(&self) -> Vec<&Origin> {
        let mut origins = self.prices();
        origins.extend(self.devices.iter().flat_map(DeviceEntry::sheets));
        origins
    }

    fn prices(&self) -> Vec<&Origin> {
        let mut origins = vec![&self.power.tariff.origin];
        origins.extend(self.power.response.iter().map(|it| &it.credit.origin));
        origins.extend(self.place.origins());
        origins.extend(self.mining.origins());
        origins.extend(self.ai.origins());
        origins.extend(self.capital.origins());
        origins.extend(self.devices.iter().flat_map(DeviceEntry::prices));
        origins
    }
}
