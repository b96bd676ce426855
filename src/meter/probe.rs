//! Whether a counter moves. A kernel may offer a register behind which nothing counts, as in virtual
//! machines whose hypervisor answers every read with the same number: that is no meter.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::unavailable::{Unavailable, Why};
use super::{Clock, Domain, Found, Host, Meter, Reading};

/// Work that makes the energy counters of a processor move, so that those that stand still are
/// found.
pub struct CounterExercise<'a> {
    /// Number of readings after which a counter that has not moved is taken to stand still.
    pub looks: u32,
    /// Work that is done before each reading.
    pub work: &'a mut dyn FnMut(),
}

/// Number of looks, 300 ms in all: counters of processors are updated every millisecond.
const LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Keeps one core of this machine busy between two looks.
pub(super) fn busy() {
    let start = Instant::now();
    while start.elapsed() < BETWEEN_LOOKS {
        for number in 0..1000_u64 {
            black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
    }
}

impl<'a> CounterExercise<'a> {
    /// Makes the exercise of this machine, which takes a third of a second at the most.
    pub(super) fn of_this_machine(work: &'a mut dyn FnMut()) -> Self {
        Self { looks: LOOKS, work }
    }
}

/// Returns the same meters, without the counters of a processor that stand still while it works.
///
/// Those of a GPU are left alone: a card that sleeps uses nothing that could be counted. Where one of
/// several processors has a counter that moves, those of the others stay: without them the sum would
/// be that of a part, and it is better that it fails by their names.
pub(super) fn moving(
    found: Vec<Found>,
    host: &Host,
    CounterExercise { looks, work }: &mut CounterExercise<'_>,
) -> Vec<Found> {
    let clock = Clock::start();
    let mut candidates: Vec<_> =
        found.into_iter().map(|meter| Candidate::new(meter, &clock)).collect();
    for _ in 0..*looks {
        if !candidates.iter().any(|candidate| candidate.stands_still) {
            break;
        }
        work();
        for candidate in &mut candidates {
            candidate.look(&clock);
        }
    }
    let some_packages = candidates.iter().any(|it| it.is_package() && !it.stands_still);
    for candidate in candidates.iter_mut().filter(|it| some_packages && it.is_package()) {
        candidate.stands_still = false;
    }
    candidates.into_iter().map(|candidate| candidate.judged(host)).collect()
}

/// A meter, and whether it has to show that it moves.
struct Candidate {
    meter: Found,
    stands_still: bool,
}

impl Candidate {
    fn new(mut meter: Found, clock: &Clock) -> Self {
        let stands_still = meter.as_mut().is_ok_and(|meter| {
            of_a_processor(&meter.info().domain) && updates(&mut **meter, clock) == Some(0)
        });
        Self { meter, stands_still }
    }

    fn look(&mut self, clock: &Clock) {
        if let (true, Ok(meter)) = (self.stands_still, &mut self.meter) {
            // One that fails is reported by the measurement that uses it.
            self.stands_still = updates(&mut **meter, clock) == Some(0);
        }
    }

    fn is_package(&self) -> bool {
        self.meter.as_ref().is_ok_and(|meter| matches!(meter.info().domain, Domain::Package(_)))
    }

    fn judged(self, host: &Host) -> Found {
        let meter = self.meter?;
        if !self.stands_still {
            return Ok(meter);
        }
        let info = meter.info();
        let (counter, virtual_machine) = (info.detail.clone(), host.hypervisor);
        let why = Why::StandsStill { counter, virtual_machine };
        Err(Unavailable::new(info.source, Some(info.domain.clone()), why))
    }
}

fn of_a_processor(domain: &Domain) -> bool {
    use Domain::{Core, Cpu, Dram, Gpu, GpuAt, Machine, Package, Psys, Sensor, Uncore};
    match domain {
        Package(_) | Core(_) | Uncore(_) | Dram(_) | Psys(_) | Cpu => true,
        Gpu(_) | GpuAt(_) | Sensor(_) | Machine => false,
    }
}

/// How often a counter was seen to move since it was first read; `None` where it does not count or
/// cannot be read.
fn updates(meter: &mut dyn Meter, clock: &Clock) -> Option<u64> {
    let Reading { counted, .. } = meter.read(clock).ok()?;
    counted.map(|counted| counted.updates)
}
