//! A kind of hardware with what it does, where its power is counted, and how sure that is: an entry
//! of the site joined with the score, or the data sheet, that it names.
//!
//! Scores are of different meters: of a card, of a processor with its memory, of a whole machine at
//! the wall. Here all become power at the wall, by what the site says is around the device.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fitness::{Capabilities, Fitness, Thresholds};
use super::site::{DeviceEntry, Figures};
use crate::input::{listed, shown};
use crate::meter::Domain;
use crate::record::{DeviceId, NoEnergy};
use crate::record::{Energy, Named, Record, ScoredDevice};
use crate::units::Watts;
use crate::workload::Kind;

/// Name of a score's file, and the score.
pub(crate) type NamedRecord = (String, Record);

/// A kind of hardware that is decided on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a DeviceEntry,
    /// Name that the device reports, where there is a score.
    pub(crate) model: Option<String>,
    /// Hash rate and power of mining, or why they are not known.
    pub(crate) hashing: Result<Hashing, UnknownUse>,
    /// Power of working for AI, or why it is not known.
    pub(crate) computing: Result<Power, UnknownUse>,
    /// Fitness for each class of AI work; empty without a score.
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
    #[error("file is missing, expected one of {known}")]
    NoFile { known: String },
    #[error("file {file} was not given, expected one of {known}")]
    UnknownFile { file: String, known: String },
    #[error("score {id} is not in its file, expected one of {known}")]
    UnknownDevice { id: Named<DeviceId>, known: String },
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
    #[error("its driver computes on the processor")]
    Software,
    #[error("no joules of {workload}: {why}")]
    NoEnergy { workload: Kind, why: Named<NoEnergy> },
    #[error("no joules of {workload}: its score has no {workload}")]
    NotScored { workload: Kind },
}

/// Joins every entry of a site with its score or data sheet.
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

/// Returns the devices of scores that no entry of the site names.
pub(crate) fn unused(entries: &[DeviceEntry], records: &[NamedRecord]) -> Vec<String> {
    let mut unused = Vec::new();
    for (name, record) in records {
        for device in record.devices.iter().filter(|device| !device.software) {
            let is_used = entries.iter().any(|entry| match &entry.figures {
                Figures::Score { device: id, file, .. } => {
                    device.id == *id && file.as_ref().is_none_or(|file| file == name)
                }
                Figures::Sheet { .. } => false,
            });
            if !is_used {
                unused.push(format!("{} of {name} is in no section [[device]]", device.id));
            }
        }
    }
    unused
}

impl<'a> Candidate<'a> {
    fn new(
        entry: &'a DeviceEntry,
        records: &[NamedRecord],
        thresholds: &Thresholds,
    ) -> Result<Self, MismatchReason> {
        let memory = entry.memory.as_ref().map(|memory| memory.value);
        match &entry.figures {
            Figures::Sheet { hashes_per_second, power, .. } => {
                let power = Power { wall: *power, uncertainty: Some(0.0), basis: Basis::DataSheet };
                let hashing = Hashing { hashes_per_second: *hashes_per_second, power };
                Ok(Self {
                    entry,
                    model: None,
                    hashing: Ok(hashing),
                    computing: Err(UnknownUse::DataSheet),
                    fitness: Vec::new(),
                })
            }
            Figures::Score { file, device, host, supply } => {
                let (record, device) = find(records, file.as_deref(), device)?;
                let around = Overheads { host: *host, supply: *supply };
                let at_the_wall = |energy: Result<&Energy, UnknownUse>| {
                    energy
                        .map(|energy| around.wall(energy))
                        .map_or_else(|why| Ok(Err(why)), |it| it.map(Ok))
                };
                // The most hashes per joule at the wall: what is around a device takes its share.
                let around_it = host.unwrap_or(Watts::ZERO);
                let hashing = metered(record, device, Kind::Sha256d, |energy| {
                    energy.per_joule * (energy.gross / (energy.gross + around_it))
                });
                // Of the windows that the energy is of, and not of the best slice.
                let rate = hashing.as_ref().map_or(0.0, |it| it.per_joule * it.gross.value());
                let products = metered(record, device, Kind::Matmul, |energy| energy.gross.value());
                Ok(Self {
                    entry,
                    model: Some(device.name.clone()),
                    hashing: at_the_wall(hashing)?
                        .map(|power| Hashing { hashes_per_second: rate, power }),
                    computing: at_the_wall(products)?,
                    fitness: thresholds.judge(&Capabilities::new(record, device, memory)),
                })
            }
        }
    }
}

/// Finds a device in a score by the names of both; the score's may be left out where there is only
/// one.
fn find<'r>(
    records: &'r [NamedRecord],
    file: Option<&str>,
    id: &Named<DeviceId>,
) -> Result<(&'r Record, &'r ScoredDevice), MismatchReason> {
    let names = || listed(&records.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ", ", 10);
    let record = match (file, records) {
        (_, []) => return Err(MismatchReason::NoScore),
        (None, [(_, record)]) => record,
        (None, _) => return Err(MismatchReason::NoFile { known: names() }),
        (Some(file), _) => records
            .iter()
            .find_map(|(name, record)| (name == file).then_some(record))
            .ok_or_else(|| MismatchReason::UnknownFile { file: file.to_owned(), known: names() })?,
    };
    let device = record.devices.iter().find(|device| device.id == *id);
    device.map(|device| (record, device)).ok_or_else(|| {
        let known: Vec<_> = record.devices.iter().map(|device| &device.id).collect();
        MismatchReason::UnknownDevice { id: id.clone(), known: listed(&known, ", ", 10) }
    })
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
