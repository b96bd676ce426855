//! What scores have measured of devices, at the wall, and of several equal ones together.
//!
//! Scores are of different meters: of a card, of a processor with its memory, of a whole machine at
//! the wall. Here all become power at the wall, by what the site says is around the device.

use super::candidate::{Basis, Hashing, MismatchReason, Power, UnknownUse};
use super::fitness::{Capabilities, Fitness};
use crate::input::listed;
use crate::meter::Domain;
use crate::record::{Energy, Named, NoEnergy, Record, ScoredDevice};
use crate::units::Watts;
use crate::workload::Kind;

/// What a score has measured of one device.
pub(super) struct Measured {
    pub(super) hashing: Result<Hashing, UnknownUse>,
    pub(super) computing: Result<Power, UnknownUse>,
    pub(super) fitness: Vec<Fitness>,
}

impl Measured {
    pub(super) fn new(
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
pub(super) fn of_all<'r, T: Clone + 'r>(
    each: impl Iterator<Item = &'r Result<T, UnknownUse>>,
) -> Result<Vec<T>, UnknownUse> {
    each.cloned().collect()
}

/// Returns the mean power of equal devices; `spread` is that of what counts from one to another.
pub(super) fn together(powers: &[Power], spread: f64) -> Power {
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

pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Returns the standard deviation of some values, as a share of their mean; 0 of a single one.
pub(super) fn spread(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt() / mean
}

/// Returns the fitness for each class of the device that is least fit for it.
pub(super) fn worst(each: &[Measured]) -> Vec<Fitness> {
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

/// Power that is drawn around a device: by its host, and in the power supply.
#[derive(Clone, Copy)]
pub(super) struct Overheads {
    pub(super) host: Option<Watts>,
    pub(super) supply: Option<f64>,
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
