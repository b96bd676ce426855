//! Miners that people know, as their maker rates them.

/// A machine made for nothing but double SHA-256.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReferenceMiner {
    /// The name of the model.
    pub name: &'static str,
    /// Its rated hash rate, in 10^12 hashes per second.
    pub terahash_per_second: f64,
    /// Its rated power at the wall.
    pub watts: f64,
    /// When it came out: year and month, as in `2020-05`.
    pub since: &'static str,
    /// Where the rating stands.
    pub source: &'static str,
}

impl ReferenceMiner {
    /// The energy of 10^12 hashes, in joules.
    #[must_use]
    pub fn joules_per_terahash(&self) -> f64 {
        self.watts / self.terahash_per_second
    }
}

/// One of each generation, the oldest first.
pub const MINERS: [ReferenceMiner; 4] = [
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
