//! Well-known mining machines, as their maker rates them.

/// Well-known mining machine (ASIC), as its maker rates it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub(crate) struct ReferenceMiner {
    /// Name of the model.
    pub(crate) name: &'static str,
    /// Rated hash rate, in 10^12 hashes per second.
    pub(crate) terahash_per_second: f64,
    /// Rated power at the wall, in watts.
    pub(crate) watts: f64,
    /// Year and month of its release, as in `2020-05`.
    pub(crate) since: &'static str,
    /// Source of the rating, and when it was seen.
    pub(crate) source: &'static str,
}

impl ReferenceMiner {
    /// Returns the energy of 10^12 hashes, in joules at the wall.
    #[must_use]
    pub(crate) fn joules_per_terahash(&self) -> f64 {
        self.watts / self.terahash_per_second
    }
}

/// Reference miners, one of each generation, the oldest first.
pub(crate) const MINERS: [ReferenceMiner; 4] = [
    ReferenceMiner {
        name: "S9",
        terahash_per_second: 13.5,
        watts: 1323.0,
        since: "2017-02",
        source: "studio.glassnode.com, metric BTC ASIC Fleet Count, seen 2026-11-28",
    },
    ReferenceMiner {
        name: "S19 Pro",
        terahash_per_second: 110.0,
        watts: 3250.0,
        since: "2020-05",
        source: "studio.glassnode.com, metric BTC ASIC Fleet Count, seen 2026-11-28",
    },
    ReferenceMiner {
        name: "S21",
        terahash_per_second: 200.0,
        watts: 3500.0,
        since: "2023-09",
        source: "hackernoon.com, review of two S21, of Bitmain's rating, seen 2026-11-28",
    },
    ReferenceMiner {
        name: "S21 XP",
        terahash_per_second: 270.0,
        watts: 3645.0,
        since: "2024-05",
        source: "d-central.tech, glossary, joules per terahash, seen 2026-11-28",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_takes_less_energy() {
        let joules = MINERS.map(|miner| (miner.joules_per_terahash() * 10.0).round() / 10.0);
        assert_eq!(joules.map(|joules| joules.to_string()), ["98", "29.5", "17.5", "13.5"]);
    }
}
