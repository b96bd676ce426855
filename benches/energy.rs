//! Hashes and FLOPs per joule of the processor, on all cores; seconds where no meter measures it.
//!
//! `cargo bench --features criterion --bench energy` takes about two minutes with a meter: counters
//! of energy need seconds to show a difference of a percent.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use perjoule::block::{Header, Target};
use perjoule::criterion::EnergyMeasurement;
use perjoule::engine;
use perjoule::job::NonceRange;
use perjoule::record::DeviceId;
use perjoule::search::{Search, SearchControl, Workers};
use perjoule::units::WorkUnit;
use perjoule::workload::cpu::matmul::{Matmul, Precision};
use perjoule::workload::{Shape, Workload};

/// Runs benchmarks, and says whether all of them were measured.
fn measured(unit: WorkUnit, target: fn(&mut Criterion<EnergyMeasurement>)) -> bool {
    let measurement = EnergyMeasurement::new(DeviceId::Cpu, unit).expect("a thread for the meters");
    let failure = measurement.failure();
    let time = Duration::from_secs(if measurement.is_energy() { 30 } else { 3 });
    let mut criterion = Criterion::default()
        .with_measurement(measurement)
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(time)
        .configure_from_args();
    target(&mut criterion);
    criterion.final_summary();
    !failure.load(Ordering::Relaxed)
}

fn hashes(criterion: &mut Criterion<EnergyMeasurement>) {
    const NONCES: u64 = 1 << 24;
    let target = Target::MIN;
    let range = NonceRange::new(0, NONCES).expect("within 2^32");
    let search = Search::new(Header::from_bytes([0x5a; Header::LEN]), target).nonces(range);
    let workers = Workers::builder(engine::best(1)).build().expect("threads");
    let mut group = criterion.benchmark_group("energy");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(NONCES));
    group.bench_function("sha256d, all threads", |bencher| {
        bencher.iter(|| search.first(&workers, SearchControl::default()));
    });
    group.finish();
}

fn products(criterion: &mut Criterion<EnergyMeasurement>) {
    let shape = Shape::square(2048).expect("small");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut matmul = Matmul::new(Precision::F32, shape, threads).expect("memory and threads");
    let mut group = criterion.benchmark_group("energy");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(shape.flops()));
    group.bench_function("matmul f32, n = 2048, all threads", |bencher| {
        bencher.iter(|| matmul.run(Duration::ZERO));
    });
    group.finish();
    matmul.check().expect("right");
}

fn main() -> ExitCode {
    let are_measured = [measured(WorkUnit::Hash, hashes), measured(WorkUnit::Flop, products)];
    if are_measured == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
