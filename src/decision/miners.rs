//! Well-known mining machines, which other hardware is compared with.

use super::site::{Catalogue, Sheet};

/// Well-known mining machine (ASIC), by its data sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReferenceMiner {
    /// Name of the model.
    pub(crate) name: &'static str,
    /// Rated energy of 10^12 hashes, in joules at the wall.
    pub(crate) joules_per_terahash: f64,
}

/// Names of the reference miners, as people call them and in the catalogue: one of each generation, the
/// oldest first.
const NAMES: [(&str, &str); 4] = [
    ("S9", "Antminer S9 13.5T"),
    ("S19 Pro", "Antminer S19 Pro 110T"),
    ("S21", "Antminer S21 200T"),
    ("S21 XP", "Antminer S21 XP 270T"),
];

/// Returns the reference miners, the oldest first.
pub(crate) fn reference_miners() -> impl Iterator<Item = ReferenceMiner> {
    NAMES.iter().filter_map(|&(name, model)| {
        let device = Catalogue::built_in().find(model).ok()?;
        let Sheet::Miner { hashes_per_second } = device.sheet else { return None };
        let joules_per_terahash = device.power.value() / (hashes_per_second / 1e12);
        Some(ReferenceMiner { name, joules_per_terahash })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_takes_less_energy() {
        let joules =
            reference_miners().map(|miner| (miner.joules_per_terahash * 10.0).round() / 10.0);
        let joules: Vec<_> = joules.map(|joules| joules.to_string()).collect();
        assert_eq!(joules, ["98", "29.5", "17.5", "13.5"]);
    }
}
