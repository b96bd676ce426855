//! Hashes per second: what users know, every engine, and the whole search.
//!
//! `cargo bench` takes about three minutes. On shared hardware the figures of one run compare with
//! each other only roughly: `perjoule score` interleaves what this measures one after the other.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use perjoule::block::{Header, Target, VersionMask};
use perjoule::engine;
use perjoule::job::{Job, MAX_GROUP, NonceRange};
use perjoule::search::{End, Search, SearchControl, Stop, Workers, WorkersBuilder};

/// A header, and a target that nothing in these ranges meets.
fn work() -> (Header, Target) {
    let target = Target::MIN;
    (Header::from_bytes([0x5a; Header::LEN]), target)
}

fn range(nonces: u64) -> NonceRange {
    NonceRange::new(0, nonces).expect("within 2^32")
}

fn naive(criterion: &mut Criterion) {
    const NONCES: u32 = 1 << 10;
    let (header, target) = work();
    let mut group = criterion.benchmark_group("sha2 crate");
    group.throughput(Throughput::Elements(u64::from(NONCES)));
    group.bench_function("naive", |bencher| {
        bencher.iter(|| {
            (0..NONCES)
                .filter(|&n| target.is_met_by(&black_box(header).with_nonce(n).hash()))
                .count()
        });
    });
    group.finish();
}

fn engines(criterion: &mut Criterion) {
    const HASHES: u64 = 1 << 16;
    let (header, target) = work();
    let versions: Vec<_> =
        (0..MAX_GROUP as u64).map(|i| VersionMask::BIP320.version(header.version(), i)).collect();
    let rolling =
        Job::with_versions(header, target, &versions).expect("at most MAX_GROUP versions");
    for (name, job) in [("scan", Job::new(header, target)), ("scan rolling", rolling)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(HASHES));
        let range = range(HASHES / job.versions().len() as u64);
        for engine in engine::available() {
            group.bench_function(engine.id().to_string(), |bencher| {
                let mut candidates = Vec::new();
                bencher.iter(|| engine.scan(&job, black_box(range), usize::MAX, &mut candidates));
            });
        }
        group.finish();
    }
}

/// A quarter of a second of search on every GPU, by as many threads as it wants to be fed by. One
/// that a driver computes on the processor is called what it is.
#[cfg(feature = "gpu")]
fn gpus(criterion: &mut Criterion) {
    use criterion::SamplingMode;
    use perjoule::engine::{Engine, gpu::Gpu};
    use perjoule::gpu::{AdapterKind, adapters};
    use std::sync::Arc;

    const TIME: f64 = 0.25;
    let (header, target) = work();
    // Three bits are one group of versions.
    let eight = VersionMask::from_hex("0000e000").expect("bits of BIP 320");
    for adapter in adapters() {
        let gpu = match Gpu::open(&adapter) {
            Ok(gpu) => Arc::new(gpu),
            Err(fault) => {
                println!("not measured: {fault}");
                continue;
            }
        };
        let software = if adapter.kind == AdapterKind::Software { " (software)" } else { "" };
        println!("{}: {}, {}", gpu.id(), adapter.name, gpu.tuning());
        let workers = Workers::builder(gpu.clone()).build().expect("threads");
        let plain = Search::new(header, target);
        for (name, search, rate) in [
            ("gpu", plain.clone(), gpu.tuning().plain.rate),
            ("gpu rolling", plain.versions(eight), gpu.tuning().rolling.rate),
        ] {
            let versions = if name == "gpu" { 1 } else { MAX_GROUP as u64 };
            let nonces = ((rate * TIME) as u64 / versions).clamp(1, 1 << 32);
            let mut group = criterion.benchmark_group(name);
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.throughput(Throughput::Elements(nonces * versions));
            let search = search.nonces(range(nonces));
            group.bench_function(format!("{}{software}", gpu.id()), |bencher| {
                bencher.iter(|| search.first(&workers, SearchControl::default()));
            });
            group.finish();
        }
    }
}

#[cfg(not(feature = "gpu"))]
fn gpus(_: &mut Criterion) {}

/// The same work by the engine alone and by the search on one thread, and then on all.
fn search(criterion: &mut Criterion) {
    const NONCES: u64 = 1 << 22;
    let (header, target) = work();
    let engine = engine::best(1);
    let search = Search::new(header, target).nonces(range(NONCES));
    let mut group = criterion.benchmark_group("search");
    group.throughput(Throughput::Elements(NONCES));
    group.bench_function("scan alone", |bencher| {
        let job = Job::new(header, target);
        bencher.iter(|| engine.scan(&job, range(NONCES), usize::MAX, &mut Vec::new()));
    });
    for (name, threads) in [("one thread", Some(1)), ("all threads", None)] {
        let builder = Workers::builder(engine.clone());
        let builder = threads.into_iter().fold(builder, WorkersBuilder::threads);
        let workers = builder.build().expect("threads");
        group.bench_function(name, |bencher| {
            bencher.iter(|| search.first(&workers, SearchControl::default()));
        });
    }
    group.finish();
}

/// From the call of `stop` to the return of the search, on all threads.
fn stop(criterion: &mut Criterion) {
    let (header, target) = work();
    let workers = Workers::best().expect("threads");
    let search = Search::new(header, target);
    let mut delays = Vec::new();
    criterion.bench_function("stop", |bencher| {
        bencher.iter_custom(|times| {
            let new = (0..times).map(|_| stop_once(&search, &workers));
            let from = delays.len();
            delays.extend(new);
            delays[from..].iter().sum()
        });
    });
    delays.sort_unstable();
    if let Some(p99) = delays.get(delays.len() * 99 / 100) {
        println!("stop: 99 % of {} stops took at most {p99:.2?}", delays.len());
    }
}

fn stop_once(search: &Search, workers: &Workers) -> Duration {
    let stop = Stop::default();
    thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let outcome = search.first(workers, SearchControl::default().stop(&stop));
            (outcome.end, Instant::now())
        });
        // Long enough for pieces to have reached their full size.
        thread::sleep(Duration::from_millis(15));
        let asked = Instant::now();
        stop.stop();
        let (end, returned) = searching.join().expect("the search does not panic");
        assert_eq!(end, End::Stopped);
        returned - asked
    })
}

criterion_group! {
    name = hashes;
    config = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = naive, engines, gpus, search, stop
}
criterion_main!(hashes);
