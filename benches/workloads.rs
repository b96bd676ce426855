//! FLOPs, integer operations and bytes per second of the workloads of AI: matrix products and
//! memory bandwidth, on one thread of the processor, on all, and on every GPU.
//!
//! What a benchmark computed is checked after its samples. `cargo bench --bench workloads` takes
//! a minute and a half on two cores with a software GPU. Products are of fixed sizes, so that runs
//! compare; criterion's *elements* are operations.

use std::thread;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use perjoule::workload::cpu::{self, Pattern};
use perjoule::workload::{Workload, WorkloadError};

/// Bytes of an iteration, whatever the arrays have.
const BYTES: u64 = 1 << 28;

/// Benches the workload that `make` gives, which is made only if the benchmark is asked for. One
/// iteration is `unit` of work.
fn bench<W: Workload>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    unit: Throughput,
    make: impl Fn() -> Result<W, WorkloadError>,
) {
    let (Throughput::Elements(each) | Throughput::Bytes(each)) = unit else {
        panic!("{name}: measured in operations or bytes, not in {unit:?}");
    };
    let mut workload = None;
    group.sampling_mode(SamplingMode::Flat).throughput(unit);
    group.bench_function(name, |bencher| {
        let made = || make().unwrap_or_else(|trouble| panic!("{name}: {trouble}"));
        let workload = workload.get_or_insert_with(made);
        bencher.iter_custom(|times| {
            let took = time(workload, times.saturating_mul(each));
            took.unwrap_or_else(|trouble| panic!("{}: {trouble}", workload.label()))
        });
    });
    if let Some(mut workload) = workload
        && let Err(trouble) = workload.check()
    {
        panic!("{}: {trouble}", workload.label());
    }
}

/// How long so much work takes: of what was done until it was that much, its part of the time.
fn time(workload: &mut impl Workload, wanted: u64) -> Result<Duration, WorkloadError> {
    let (mut work, mut took) = (0, Duration::ZERO);
    while work < wanted {
        let left = if work == 0 { 0.0 } else { (wanted - work) as f64 / work as f64 };
        // At most as long again as it took so far: the first pieces are slower than the others.
        let done = workload.run(took.mul_f64(left.min(1.0)))?;
        work += done.work.value();
        took += done.took;
    }
    Ok(took.mul_f64(wanted as f64 / work as f64))
}

/// One thread, and all that there are cores for.
fn crews() -> Vec<(usize, String)> {
    let all = thread::available_parallelism().map_or(1, usize::from);
    let mut crews = vec![(1, "1 thread".to_owned())];
    if all > 1 {
        crews.push((all, format!("{all} threads")));
    }
    crews
}

#[cfg(feature = "matmul")]
fn products(criterion: &mut Criterion) {
    use cpu::matmul::{Matmul, Precision};
    use perjoule::workload::Shape;

    const N: usize = 1024;
    let shape = Shape::square(N).expect("small");
    let mut group = criterion.benchmark_group("matmul");
    for precision in Precision::ALL {
        for (threads, place) in crews() {
            let name = format!("{precision}, n = {N}, {place}");
            let unit = Throughput::Elements(shape.flops());
            bench(&mut group, &name, unit, || Matmul::new(precision, shape, threads));
        }
    }
    group.finish();
}

#[cfg(not(feature = "matmul"))]
fn products(_: &mut Criterion) {}

fn bandwidth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bandwidth");
    for (pattern, what) in [(Pattern::Copy, "copy"), (Pattern::Triad, "triad")] {
        for (threads, place) in crews() {
            let unit = Throughput::Bytes(BYTES);
            bench(&mut group, &format!("{what}, {place}"), unit, || {
                cpu::Bandwidth::new(pattern, threads)
            });
        }
    }
    group.finish();
}

/// Both on every GPU. One that a driver computes on the processor is called what it is, and gets
/// less to do.
#[cfg(feature = "gpu")]
fn gpus(criterion: &mut Criterion) {
    use perjoule::gpu::{AdapterKind, adapters};
    use perjoule::workload::Shape;
    use perjoule::workload::gpu::{Arithmetic, Bandwidth, Device, Matmul, Transfer};

    for adapter in adapters() {
        let software = adapter.kind == AdapterKind::Software;
        let place = format!("gpu:{}{}", adapter.number, if software { " (software)" } else { "" });
        println!("{place}: {}", adapter.name);
        let device = match Device::open(&adapter) {
            Ok(device) => device,
            Err(trouble) => {
                println!("not measured: {place}: {trouble}");
                continue;
            }
        };
        // Arrays of half a gibibyte are more than the caches hold of any GPU now sold.
        let (n, array) = if software { (512, 1 << 27) } else { (4096, 1 << 29) };

        let shape = Shape::square(n).expect("small");
        let mut group = criterion.benchmark_group("matmul");
        for arithmetic in Arithmetic::ALL {
            if let Some(missing) = arithmetic.missing(&adapter) {
                println!("not measured: {arithmetic}, {place}: it has no {missing}");
                continue;
            }
            let name = format!("{arithmetic}, n = {n}, {place}");
            let unit = Throughput::Elements(shape.flops());
            bench(&mut group, &name, unit, || Matmul::new(&device, arithmetic, shape));
        }
        group.finish();

        let array = array.min(adapter.max_buffer_bytes).min(adapter.max_binding_bytes);
        let mut group = criterion.benchmark_group("bandwidth");
        for transfer in Transfer::ALL {
            let name = format!("{}, {place}", transfer.variant());
            let unit = Throughput::Bytes(BYTES);
            bench(&mut group, &name, unit, || Bandwidth::new(&device, transfer, array));
        }
        group.finish();
    }
}

#[cfg(not(feature = "gpu"))]
fn gpus(_: &mut Criterion) {}

criterion_group! {
    name = workloads;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = products, bandwidth, gpus
}
criterion_main!(workloads);
