//! A kind of hardware with what it does, where its power is counted, and how sure that is: an entry
//! of the site joined with the score, or the data sheet, that it names.
//!
//! Scores are of different meters: of a card, of a processor with its memory, of a whole machine at
//! the wall. Here all become power at the wall, by what the site says is around the device.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fitness::{Capabilities, Fitness, Thresholds};
use super::site::{DeviceEntry, Figures, Sheet};
use crate::input::{listed, shown};
use crate::meter::Domain;
use crate::record::{Energy, Named, NoEnergy, Record, ScoredDevice};
use crate::units::Watts;
use crate::workload::Kind;

/// Name of a score's file, and the score.
pub(crate) type NamedRecord = (String, Record);

/// A kind of hardware that is decided on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a DeviceEntry,
    /// Number of devices.
    pub(crate) count: u32,
    /// Name that the device reports, or that of its model in the catalogue.
    pub(crate) model: Option<String>,
    /// Hash rate and power of mining, or why they are not known.
    pub(crate) hashing: Result<Hashing, UnknownUse>,
    /// Power of working for AI, or why it is not known.
    pub(crate) computing: Result<Power, UnknownUse>,
    /// Fitness for each class of AI work; empty where nothing is known of it.
    pub(crate) fitness: Vec<Fitness>,
}

/// Hash rate of a device, and the power for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hashing {
    pub(crate) hashes_per_second: f64,
    pub(crate) power: Power,
}

/// Power at the wall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Power {
    pub(crate) wall: Watts,
    /// One standard deviation, as a share of the power; `None` where a single window shows none.
    pub(crate) uncertainty: Option<f64>,
    pub(crate) basis: Basis,
}

impl Power {
    /// Returns one standard deviation for scenario draws: a wide one where it is not known, which
    /// is not to say that there is none.
    pub(crate) fn deviation(&self) -> f64 {
        let unknown = if self.basis == Basis::Measured { UNKNOWN_DEVIATION } else { 0.0 };
        self.uncertainty.unwrap_or(unknown)
    }
}

/// One standard deviation, as a share, assumed for what was measured in a single window. It is a
/// wide guess, and labelled as one wherever it is used.
pub(crate) const UNKNOWN_DEVIATION: f64 = 0.2;

/// Source of a power figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Power that a meter has measured.
    Measured,
    /// Power that the person who ran the score has stated.
    Assumed,
    /// Power that the maker's data sheet gives.
    DataSheet,
}

/// The error for an entry of a site's file that does not fit the scores, such as one that names an
/// unknown device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("device {}: {}", shown(device, 100), shown(&reason.to_string(), 400))]
pub struct MismatchError {
    /// Name of the entry.
    device: String,
    reason: MismatchReason,
}

/// How an entry of a site does not fit the scores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum MismatchReason {
    #[error("no score was given, expected SCORE.json")]
    NoScore,
    #[error(
        "its scores are of {one} and of {other}: expected one model, by file or score of a section each"
    )]
    Unlike { one: String, other: String },
    #[error("file {file} was not given, expected one of {known}")]
    UnknownFile { file: String, known: String },
    #[error("score {id} is not in its file, expected one of {known}")]
    UnknownDevice { id: String, known: String },
    #[error(
        "host_watts and supply_efficiency contradict its score, which has the power of the whole \
         machine at the wall"
    )]
    AtTheWall,
    #[error(
        "{key} is missing: its score has the power of {charged} only, and not that at the wall"
    )]
    NotAtTheWall { key: &'static str, charged: String },
}

/// Why nothing is known of a use of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownUse {
    #[error("a data sheet says nothing of it")]
    DataSheet,
    #[error(
        "no data sheet has what a card hashes; by the scores of cards it is less than a thousandth of a \
         miner's hashes per joule"
    )]
    CardSheet,
    #[error("mining was not asked about: there is no section [mining]")]
    NoMining,
    #[error("its driver computes on the processor")]
    Software,
    #[error("no joules of {workload}: {why}")]
    NoEnergy { workload: Kind, why: Named<NoEnergy> },
    #[error("no joules of {workload}: its score has no {workload}")]
    NotScored { workload: Kind },
}

impl UnknownUse {
    /// Returns whether a decision can be made without it: what is not known of it is worth nothing, or
    /// was not asked about.
    pub(crate) fn is_of_no_matter(&self) -> bool {
        matches!(self, Self::CardSheet | Self::NoMining)
    }
}

/// Joins every entry of a site with its scores or data sheet.
pub(crate) fn candidates<'a>(
    entries: &'a [DeviceEntry],
    records: &[NamedRecord],
    thresholds: &Thresholds,
) -> Result<Vec<Candidate<'a>>, Vec<MismatchError>> {
    let joined = entries.iter().map(|entry| {
        let mismatch = |reason| MismatchError { device: entry.name.clone(), reason };
        Candidate::new(entry, records, thresholds).map_err(mismatch)
    });
    let (fit, unfit): (Vec<_>, Vec<_>) = joined.partition(Result::is_ok);
    if unfit.is_empty() {
        Ok(fit.into_iter().flatten().collect())
    } else {
        Err(unfit.into_iter().filter_map(Result::err).collect())
    }
}

/// Returns the devices of scores that no entry of the site names, with the files that have them.
pub(crate) fn unused(entries: &[DeviceEntry], records: &[NamedRecord]) -> Vec<String> {
    let mut unused: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, record) in records {
        for device in record.devices.iter().filter(|device| !device.software) {
            let id = device.id.to_string();
            let is_used = entries.iter().any(|entry| match &entry.figures {
                Figures::Score { device, file, .. } => {
                    file.as_ref().is_none_or(|file| matches(file, name)) && matches(device, &id)
                }
                Figures::Sheet { .. } => false,
            });
            if !is_used {
                unused.entry(id).or_default().push(name);
            }
        }
    }
    let told = |(id, files): (String, Vec<&str>)| {
        format!("{id} of {} is in no section [[device]]", listed(&files, ", ", 4))
    };
    unused.into_iter().map(told).collect()
}

/// Returns whether a name is of a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut left) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return left.is_empty() };
    // Of what is between, the first place leaves most for the rest.
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

impl<'a> Candidate<'a> {
    /// Returns the source of what is known of its power; `None` where nothing is.
    pub(crate) fn basis(&self) -> Option<Basis> {
        let hashing = self.hashing.as_ref().ok().map(|it| it.power.basis);
        hashing.or(self.computing.as_ref().ok().map(|it| it.basis))
    }

    fn new(
        entry: &'a DeviceEntry,
        records: &[NamedRecord],
        thresholds: &Thresholds,
    ) -> Result<Self, MismatchReason> {
        let memory = entry.memory.as_ref().map(|memory| memory.value);
        let link = entry.host_link.as_ref().map(|link| link.value);
        match &entry.figures {
            Figures::Sheet { model, sheet, power, .. } => {
                let model = model.clone();
                let power = Power { wall: *power, uncertainty: Some(0.0), basis: Basis::DataSheet };
                let (hashing, computing, fitness) = match sheet {
                    Sheet::Miner { hashes_per_second } => {
                        let hashing = Hashing { hashes_per_second: *hashes_per_second, power };
                        (Ok(hashing), Err(UnknownUse::DataSheet), Vec::new())
                    }
                    Sheet::Card { .. } => {
                        let abilities = Capabilities::of_sheet(sheet, memory, link);
                        (Err(UnknownUse::CardSheet), Ok(power), thresholds.judge(&abilities))
                    }
                };
                let count = entry.count.unwrap_or(1);
                Ok(Self { entry, count, model, hashing, computing, fitness })
            }
            Figures::Score { file, device, host, supply } => {
                let scores = find(records, file.as_deref(), device)?;
                let around = Overheads { host: *host, supply: *supply };
                let each = scores.iter().map(|&(record, device)| {
                    Measured::new(record, device, around, &|it: &Capabilities| {
                        thresholds.judge(&it.clone().with(memory, link))
                    })
                });
                let each: Vec<Measured> = each.collect::<Result<_, _>>()?;
                let scored = u32::try_from(each.len()).unwrap_or(u32::MAX);
                Ok(Self {
                    entry,
                    count: entry.count.unwrap_or(scored),
                    model: scores.first().map(|(_, device)| device.name.clone()),
                    hashing: of_all(each.iter().map(|it| &it.hashing)).map(|rates| {
                        let rate = mean(rates.iter().map(|it| it.hashes_per_second));
                        let per_joule = |it: &Hashing| it.hashes_per_second / it.power.wall.value();
                        let spread = spread(&rates.iter().map(per_joule).collect::<Vec<_>>());
                        let powers: Vec<Power> = rates.iter().map(|it| it.power).collect();
                        Hashing { hashes_per_second: rate, power: together(&powers, spread) }
                    }),
                    computing: of_all(each.iter().map(|it| &it.computing)).map(|powers| {
                        let walls: Vec<f64> = powers.iter().map(|it| it.wall.value()).collect();
                        together(&powers, spread(&walls))
                    }),
                    fitness: worst(&each),
                })
            }
        }
    }
}

/// What a score has measured of one device.
struct Measured {
    hashing: Result<Hashing, UnknownUse>,
    computing: Result<Power, UnknownUse>,
    fitness: Vec<Fitness>,
}

impl Measured {
    fn new(
        record: &Record,
        device: &ScoredDevice,
        around: Overheads,
        judge: &dyn Fn(&Capabilities) -> Vec<Fitness>,
    ) -> Result<Self, MismatchReason> {
        let at_the_wall = |energy: Result<&Energy, UnknownUse>| {
            energy
                .map(|energy| around.wall(energy))
                .map_or_else(|why| Ok(Err(why)), |it| it.map(Ok))
        };
        // The most hashes per joule at the wall: what is around a device takes its share.
        let around_it = around.host.unwrap_or(Watts::ZERO);
        let hashing = metered(record, device, Kind::Sha256d, |energy| {
            energy.per_joule * (energy.gross / (energy.gross + around_it))
        });
        // Of the windows that the energy is of, and not of the best slice.
        let rate = hashing.as_ref().map_or(0.0, |it| it.per_joule * it.gross.value());
        let products = metered(record, device, Kind::Matmul, |energy| energy.gross.value());
        Ok(Self {
            hashing: at_the_wall(hashing)?.map(|power| Hashing { hashes_per_second: rate, power }),
            computing: at_the_wall(products)?,
            fitness: judge(&Capabilities::new(record, device)),
        })
    }
}

/// Returns what is known of all devices, or why something is not known of one.
fn of_all<'r, T: Clone + 'r>(
    each: impl Iterator<Item = &'r Result<T, UnknownUse>>,
) -> Result<Vec<T>, UnknownUse> {
    each.cloned().collect()
}

/// Returns the mean power of equal devices; `spread` is that of what counts from one to another.
fn together(powers: &[Power], spread: f64) -> Power {
    let wall = mean(powers.iter().map(|it| it.wall.value()));
    let of_each = powers.iter().map(|it| it.uncertainty.map(|of| of * of));
    let of_each = of_each.collect::<Option<Vec<f64>>>().map(|of| mean(of.into_iter()));
    let basis = powers.iter().map(|it| it.basis).find(|basis| *basis != Basis::Measured);
    Power {
        wall: Watts::new(wall),
        uncertainty: of_each.map(|of| spread.mul_add(spread, of).sqrt()),
        basis: basis.unwrap_or(Basis::Measured),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Returns the standard deviation of some values, as a share of their mean; 0 of a single one.
fn spread(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt() / mean
}

/// Returns the fitness for each class of the device that is least fit for it.
fn worst(each: &[Measured]) -> Vec<Fitness> {
    let classes = each.first().map_or(0, |it| it.fitness.len());
    let rank = |fitness: &&Fitness| match fitness.fit {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    };
    let of_class =
        |class: usize| each.iter().filter_map(|it| it.fitness.get(class)).min_by_key(rank);
    (0..classes).filter_map(of_class).cloned().collect()
}

/// Finds the devices of scores by the names of both, one at least; all are of one model.
fn find<'r>(
    records: &'r [NamedRecord],
    file: Option<&str>,
    id: &str,
) -> Result<Vec<(&'r Record, &'r ScoredDevice)>, MismatchReason> {
    let known = || listed(&records.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ", ", 10);
    if records.is_empty() {
        return Err(MismatchReason::NoScore);
    }
    let is_file = |name: &str| file.is_none_or(|file| matches(file, name));
    let files: Vec<_> = records.iter().filter(|(name, _)| is_file(name)).collect();
    if let (Some(file), []) = (file, &*files) {
        return Err(MismatchReason::UnknownFile { file: file.to_owned(), known: known() });
    }
    let mut found: Vec<(&str, &Record, &ScoredDevice)> = Vec::new();
    for (name, record) in &files {
        let devices = record.devices.iter().filter(|device| matches(id, &device.id.to_string()));
        found.extend(devices.map(|device| (&**name, record, device)));
    }
    let Some(&(first, _, device)) = found.first() else {
        let devices = files.iter().flat_map(|(_, record)| &record.devices);
        let mut known: Vec<_> = devices.map(|device| device.id.to_string()).collect();
        known.dedup();
        let known = listed(&known, ", ", 10);
        return Err(MismatchReason::UnknownDevice { id: id.to_owned(), known });
    };
    if let Some(&(other, _, unlike)) = found.iter().find(|(.., it)| it.name != device.name) {
        return Err(MismatchReason::Unlike {
            one: format!("{} of {first}", device.name),
            other: format!("{} of {other}", unlike.name),
        });
    }
    Ok(found.into_iter().map(|(_, record, device)| (record, device)).collect())
}

/// Power that is drawn around a device: by its host, and in the power supply.
#[derive(Clone, Copy)]
struct Overheads {
    host: Option<Watts>,
    supply: Option<f64>,
}

impl Overheads {
    /// The power at the wall of what a score has metered, or why the site and the score contradict.
    fn wall(self, energy: &Energy) -> Result<Power, MismatchReason> {
        let at_the_wall = energy.charged.iter().any(|domain| *domain == Domain::Machine);
        let basis = if energy.assumed { Basis::Assumed } else { Basis::Measured };
        let wall = match (at_the_wall, self.host, self.supply) {
            (true, None, None) => energy.gross,
            (true, ..) => {
                return Err(MismatchReason::AtTheWall);
            }
            (false, Some(host), Some(supply)) => (energy.gross + host) / supply,
            (false, host, _) => {
                let key = if host.is_none() { "host_watts" } else { "supply_efficiency" };
                let charged = listed(&energy.charged, " and ", 10);
                return Err(MismatchReason::NotAtTheWall { key, charged });
            }
        };
        Ok(Power { wall, uncertainty: energy.uncertainty, basis })
    }
}

/// The energy of the row of a kind of work that has most of something, or why there is none.
fn metered<'r>(
    report: &'r Record,
    device: &ScoredDevice,
    workload: Kind,
    most: impl Fn(&Energy) -> f64,
) -> Result<&'r Energy, UnknownUse> {
    if device.software {
        return Err(UnknownUse::Software);
    }
    let rows =
        || report.rows.iter().filter(|row| row.device == device.id && row.workload == workload);
    let metered = rows().filter_map(|row| row.energy.as_ref());
    metered.max_by(|a, b| most(a).total_cmp(&most(b))).ok_or_else(|| {
        // Rows that others stand for say nothing of why those have no joules.
        let by_design = |why: &&Named<NoEnergy>| {
            matches!(why.known(), Some(NoEnergy::Another | NoEnergy::Peak))
        };
        let reasons = || rows().filter_map(|row| row.no_energy.as_ref());
        let why = reasons().find(|why| !by_design(why)).or_else(|| reasons().next());
        match why {
            Some(why) => UnknownUse::NoEnergy { workload, why: why.clone() },
            None => UnknownUse::NotScored { workload },
        }
    })
}
