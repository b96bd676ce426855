//! Joins the entries of a site with the scores, or the data sheets, that they name.

use std::collections::BTreeMap;

use super::candidate::{
    Basis, Candidate, Hashing, MismatchError, MismatchReason, NamedRecord, Power, UnknownUse,
};
use super::fitness::{Capabilities, Thresholds};
use super::scores::{Measured, Overheads, mean, of_all, spread, together, worst};
use super::site::{DeviceEntry, Figures, Sheet};
use crate::input::listed;
use crate::record::{Record, ScoredDevice};

/// Joins every entry of a site with its scores or data sheet.
pub(crate) fn candidates<'a>(
    entries: &'a [DeviceEntry],
    records: &[NamedRecord],
    thresholds: &Thresholds,
) -> Result<Vec<Candidate<'a>>, Vec<MismatchError>> {
    let joined = entries.iter().map(|entry| {
        let mismatch = |reason| MismatchError { device: entry.name.clone(), reason };
        candidate(entry, records, thresholds).map_err(mismatch)
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

/// Joins an entry with what it names.
fn candidate<'a>(
    entry: &'a DeviceEntry,
    records: &[NamedRecord],
    thresholds: &Thresholds,
) -> Result<Candidate<'a>, MismatchReason> {
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
            Ok(Candidate { entry, count, model, hashing, computing, fitness })
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
            Ok(Candidate {
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
