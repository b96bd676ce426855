//! Reads the file `site.toml`: the limits of a site, its prices and its hardware.
//!
//! Every price has its date and its source, and none is built in: what is missing is an error that
//! names the key, and never a default. Prices are in US dollars, energy and power are at the site's
//! meter unless a key says otherwise, and years have 8,760 hours.

mod ai;
mod catalogue;
mod device;
mod line;
mod place;
mod quote;
mod sheet;
mod sketch;
mod tariff;
mod template;
mod toml;
mod trade;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;

pub use self::ai::{Ai, Contract, Market, RevenueShare};
pub use self::catalogue::{Catalogue, CatalogueDevice, LookupError};
pub use self::device::{DeviceEntry, Figures, Hardware, Rental};
pub use self::line::{ParseDeviceError, SheetDevice};
pub use self::place::{Credit, Facility, Power, Response, Stage};
pub use self::quote::{Doubtful, Origin, Quote};
pub(crate) use self::sheet::GIB;
pub use self::sheet::Sheet;
pub use self::sketch::{SiteSketch, SketchError};
pub use self::tariff::{Hour, Tariff};
pub(super) use self::tariff::{YEAR, years};
pub use self::template::{Purpose, template};
pub use self::toml::{SettingsError, SiteProblem};
pub use self::trade::{Capital, Course, Mining, Network};

pub(super) use self::quote::{Bounds, quote};
use self::toml::Value;
pub(super) use self::toml::{File, Section, open};
use crate::units::Watts;

/// Site with its limits, prices and hardware, as its file gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Name of the site.
    pub name: String,
    /// Tariff, losses, demand response and ramp of the site's power.
    pub power: Power,
    /// Limits, PUE and operating costs of the place.
    pub place: Facility,
    /// Prices and network figures that mining revenue depends on; `None` where nothing mines.
    pub mining: Option<Mining>,
    /// Market and tenants that AI is for.
    pub ai: Ai,
    /// Costs of conversion, and terms of capital.
    pub capital: Capital,
    /// Kinds of hardware that are there or could be bought, in the order of the file.
    pub devices: Vec<DeviceEntry>,
    /// What was assumed where nothing was stated, in words; nothing for a site of a file.
    pub assumed: Vec<String>,
}

impl Site {
    /// Reads a site's file, and the series of prices that it names beside it; its models are of
    /// `catalogue`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is wrong; the error then lists everything that is wrong.
    pub fn open(file: &Path, catalogue: &Catalogue) -> Result<Self, SettingsError> {
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        toml::open(file, |text| Self::parse(text, folder, catalogue))
    }

    /// Reads the text of a site's file; series of prices are looked for in `folder`.
    ///
    /// # Errors
    ///
    /// When the text is wrong; the error lists everything that is wrong in it.
    pub fn parse(
        text: &str,
        folder: &Path,
        catalogue: &Catalogue,
    ) -> Result<Self, Vec<SiteProblem>> {
        File::new(text).read(|file| Self::read(file, folder, catalogue))
    }

    fn read(file: &Section<'_, '_>, folder: &Path, catalogue: &Catalogue) -> Option<Self> {
        let name = file.needs("name").and_then(|name| name.text("the name of the site"));
        let power = file.section("power").and_then(|it| Power::read(&it, folder));
        let place = file.section("site").and_then(|it| Facility::read(&it));
        let mining = file.option("mining", |it| Mining::read(&it.table()?));
        let ai = match file.may_have("ai") {
            Some(value) => value.table().and_then(|it| Ai::read(&it)),
            None => Some(Ai::default()),
        };
        let capital = file.section("capital").and_then(|it| Capital::read(&it));
        Self::needs(file);
        let entries = file.sections("device");
        let hosts = file.may_have("ai").and_then(Value::table);
        let hosts = hosts.is_some_and(|ai| ai.may_have("contract").is_some());
        if entries.is_empty() && !hosts {
            file.tell_of("device", "missing, expected a section [[device]] for each kind");
        }
        let devices: Vec<_> = entries.iter().map(|it| DeviceEntry::read(it, catalogue)).collect();
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
        site.contradictions(file);
        Some(site)
    }

    /// Returns the file of prices by the hour that the tariff is from; `None` where it is from
    /// none.
    #[must_use]
    pub fn series(&self) -> Option<&Path> {
        self.power.tariff.file()
    }

    /// Reports what a site with mining, or with AI, has to say and does not.
    fn needs(file: &Section<'_, '_>) {
        let has = |section: &'static str, key: &'static str| {
            let table = file.may_have(section).and_then(Value::table);
            table.is_some_and(|table| table.may_have(key).is_some())
        };
        let contracts =
            file.may_have("ai").and_then(Value::table).map(|ai| ai.one_or_more("contract"));
        let builds = |it: &Section<'_, '_>| it.may_have("build_out").is_none();
        let builds = contracts.is_some_and(|it| it.iter().any(builds)).then_some("ai.contract");
        let mines = file.may_have("mining").map(|_| "mining");
        let rents = has("ai", "market").then_some("ai.market");
        let ai = rents.or_else(|| has("ai", "contract").then_some("ai.contract"));
        if mines.or(ai).is_none() {
            file.tell(
                "no section mining, no ai.market and no ai.contract: expected a use for the power",
            );
        }
        for (asked, section, key) in [
            (mines, "site", "mining_pue"),
            (mines, "site", "mining_operations"),
            (ai, "site", "ai_pue"),
            (ai, "site", "ai_operations"),
            (rents, "capital", "retrofit"),
            (builds, "capital", "build_out"),
            (ai, "capital", "months_to_convert"),
        ] {
            if let Some(asked) = asked.filter(|_| !has(section, key)) {
                file.tell_of(section, format!("{key} is missing, which {asked} needs"));
            }
        }
    }

    /// Reports contracts that a site has no room for.
    fn contradictions(&self, file: &Section<'_, '_>) {
        for contract in &self.ai.contracts {
            let metered = self.tenant(contract);
            let contradicts = |key: &str, what: String| {
                let (name, power, metered) =
                    (&contract.name, contract.power, self.tenant(contract));
                let what = format!(
                    "contract of {name}, {power} of machines, takes {metered} at the site's meter, and \
                     contradicts {key}, {what}"
                );
                file.tell_of("ai", what);
            };
            if !metered.fits(self.place.power) {
                contradicts("site.power_mw", self.place.power.to_string());
            }
            let stages = &self.place.stages;
            if stages.last().is_some_and(|last| !metered.fits(last.power)) {
                contradicts("site.ai_stage", "none of which has so much room".to_owned());
            }
        }
        let signed = || self.ai.contracts.iter().filter(|it| it.signed);
        let drawn: Watts = signed().map(|it| self.tenant(it)).sum();
        let heat: Watts = signed().map(|it| it.power).sum();
        let stage = self.place.stages.last().map(|stage| stage.power);
        for (key, taken, limit) in [
            ("site.power_mw", drawn, Some(self.place.power)),
            ("the last site.ai_stage", drawn, stage),
            ("site.cooling_mw", heat, self.place.cooling),
        ] {
            if let Some(limit) = limit.filter(|limit| !taken.fits(*limit)) {
                let what =
                    format!("the signed contracts take {taken}, and contradict {key}, {limit}");
                file.tell_of("ai", what);
            }
        }
    }

    /// Returns the PUE of AI; that of mining where there is no AI.
    pub(crate) fn ai_pue(&self) -> f64 {
        self.place.ai_pue.or(self.place.mining_pue).unwrap_or(1.0)
    }

    /// Returns the PUE of mining; that of AI where nothing mines.
    pub(crate) fn mining_pue(&self) -> f64 {
        self.place.mining_pue.unwrap_or(self.ai_pue())
    }

    /// Returns what machines draw at the site's meter, by their power at the wall.
    pub(crate) fn metered(&self, wall: Watts, pue: f64) -> Watts {
        wall * pue / (1.0 - self.power.loss)
    }

    /// Returns what a tenant's machines draw at the site's meter.
    pub(crate) fn tenant(&self, contract: &Contract) -> Watts {
        self.metered(contract.power, self.ai_pue())
    }

    /// Returns what machines draw at the wall, by their power at the site's meter.
    pub(crate) fn machines(&self, metered: Watts, pue: f64) -> Watts {
        metered * (1.0 - self.power.loss) / pue
    }

    /// Returns the prices that are older than 30 days, or of days to come, those of one day together.
    #[must_use]
    pub fn doubtful(&self, today: Date) -> Vec<Doubtful> {
        let mut doubtful: Vec<Doubtful> = Vec::new();
        for next in self.prices().into_iter().filter_map(|origin| origin.doubtful(today)) {
            match doubtful.iter_mut().find(|it| it.is_of_same_day(&next)) {
                Some(same) => same.join(next),
                None => doubtful.push(next),
            }
        }
        doubtful
    }

    /// Returns the origin of every quoted number: prices in the order of the file, then data
    /// sheets.
    #[must_use]
    pub fn origins(&self) -> Vec<&Origin> {
        let mut origins = self.prices();
        origins.extend(self.devices.iter().flat_map(DeviceEntry::sheets));
        origins
    }

    /// Returns the origin of every quoted number but those of data sheets.
    pub(crate) fn prices(&self) -> Vec<&Origin> {
        let mut origins: Vec<&Origin> = self.power.origins().collect();
        origins.extend(self.place.origins());
        origins.extend(self.mining.iter().flat_map(Mining::origins));
        origins.extend(self.ai.origins());
        origins.extend(self.capital.origins());
        origins.extend(self.devices.iter().flat_map(DeviceEntry::prices));
        origins
    }
}
