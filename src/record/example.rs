//! Records that tests of every exporter work with: a full one, with all that a record can have in
//! it, and an empty one.
//!
//! The numbers are made up, but fit each other: work is rate times time, energy is power times time,
//! and the traces show the windows.

use std::fmt;
use std::str::FromStr;

use super::{
    Energy, Finished, MeterStatus, Named, Note, PowerTrace, RECORD_SCHEMA, Rate, Record, Roof, Row,
    ScoredDevice, ScoredMachine, State, Trial, WorkSize,
};
use crate::units::{Hertz, Joules, Watts, WorkUnit};

const CPU_HASHES: f64 = 3e9;
const SQUARE: WorkSize = WorkSize::Matrices { m: 4096, n: 4096, k: 4096 };
const LARGE: WorkSize = WorkSize::Matrices { m: 8192, n: 8192, k: 8192 };

/// A record without any measurement.
pub(crate) fn empty() -> Record {
    Record {
        schema: RECORD_SCHEMA,
        perjoule: "0.1.0".to_owned(),
        started: "2026-07-01T12:00:00Z".into(),
        seconds: 0.5,
        complete: false,
        machine: ScoredMachine {
            cpu: None,
            usable_cores: 1,
            memory_bytes: None,
            system: "linux aarch64".to_owned(),
        },
        devices: Vec::new(),
        meters: Vec::new(),
        rows: Vec::new(),
        missing: Vec::new(),
        faults: Vec::new(),
        warnings: Vec::new(),
        traces: Vec::new(),
        finished: Vec::new(),
    }
}

fn finished(device: &str, workloads: &[&str]) -> Finished {
    let workloads = workloads.iter().map(|&workload| workload.into()).collect();
    Finished { device: device.into(), workloads }
}

/// A full record: a processor with RAPL, a GPU with NVML, one whose watts are assumed, and a
/// software driver.
///
/// Hashing on the processor is 3 GH/s at 300 W, which is 10 MH/J or 100,000 J/TH; on `gpu:0` it is
/// 7 GH/s at 350 W, which is 20 MH/J or 50,000 J/TH.
pub(crate) fn full() -> Record {
    let mut course = Course { now: 4.0, rows: Vec::new() };
    course.processor();
    course.card();
    course.others();
    let Course { now, rows } = course;
    let traces = vec![
        trace("package-0", 95.0, 0.94, "cpu", &rows, now),
        trace("dram-0", 10.0, 0.06, "cpu", &rows, now),
        trace("gpu:0", 78.0, 1.0, "gpu:0", &rows, now),
    ];
    Record {
        seconds: now + 6.0,
        complete: true,
        machine: ScoredMachine {
            cpu: Some("AMD EPYC 9554 64-Core Processor".to_owned()),
            usable_cores: 64,
            memory_bytes: Some(811_748_818_944),
            system: "linux x86_64".to_owned(),
        },
        devices: vec![
            device("cpu", "AMD EPYC 9554 64-Core Processor"),
            ScoredDevice {
                tuned: Some(
                    "threads of a workgroup: 256, nonces of a thread: 4, rolled".to_owned(),
                ),
                largest_buffer_bytes: Some(4 << 30),
                ..device("gpu:0", "NVIDIA H200 (discrete GPU, Vulkan, NVIDIA 580.65.06)")
            },
            device("gpu:1", "AMD Radeon VII (RADV VEGA20) (discrete GPU, Vulkan, Mesa 25.0.7)"),
            ScoredDevice {
                software: true,
                ..device("gpu:2", "llvmpipe (LLVM 15.0.6, 256 bits) (Vulkan, Mesa 22.3.6)")
            },
        ],
        meters: vec![
            meter("package-0", "rapl", Some(15.3e-6)),
            meter("dram-0", "rapl", Some(15.3e-6)),
            meter("gpu:0", "nvml", Some(1e-3)),
            meter("gpu:1", "assumed", None),
            MeterStatus {
                unavailable: Some(
                    "the driver has no energy counter; give --assume-watts".to_owned(),
                ),
                ..meter("gpu:1", "hwmon", None)
            },
        ],
        rows,
        missing: vec![Note {
            device: "cpu".into(),
            what: "matmul f16".to_owned(),
            why: "this processor has no instructions for it".to_owned(),
        }],
        faults: vec![Note {
            device: "gpu:2".into(),
            what: "matmul f32".to_owned(),
            why: "row 17 of the product is wrong".to_owned(),
        }],
        warnings: vec!["another process used 7 % of the processor in idle windows".to_owned()],
        traces,
        finished: vec![
            finished("cpu", &["sha256d"]),
            finished("cpu", &["matmul", "peak"]),
            finished("gpu:0", &["sha256d"]),
        ],
        ..empty()
    }
}

/// The full record without a single joule: no meter could be read.
pub(crate) fn unmetered() -> Record {
    let why = "/sys/class/powercap/intel-rapl:0/energy_uj: permission denied; run as root";
    let mut record = full();
    for row in &mut record.rows {
        row.energy = None;
        row.no_energy = Some(why.into());
    }
    record.meters =
        vec![MeterStatus { unavailable: Some(why.to_owned()), ..meter("package-0", "rapl", None) }];
    record.traces.clear();
    record
}

/// The full record as `--quick` would have it on a machine that others use too: one slice, one
/// window, and roofs that are lower than what is beneath them.
pub(crate) fn rough() -> Record {
    let mut record = full();
    for row in &mut record.rows {
        row.rough = true;
        (row.per_second.spread, row.per_second.slices) = (None, 1);
        if let Some(roof) = &mut row.roof {
            roof.per_second = row.per_second.best / 4.53;
            (roof.disturbed, row.of_roof) = (true, None);
        }
        if let Some(energy) = &mut row.energy {
            energy.uncertainty = None;
            energy.trials.truncate(1);
        }
    }
    record
}

/// The full record with hostile texts in every place where a text from outside can be.
pub(crate) fn hostile() -> Record {
    let name = "<script>alert(\"1\")</script> & 'quotes' \\ {x=\"y\"}\n\x1b[31m, ";
    let mut record = full();
    let long = name.to_owned() + &"图形处理器".repeat(30) + &"endless".repeat(30);
    record.machine.cpu = Some(long.clone());
    record.machine.system = long.clone();
    for device in &mut record.devices {
        device.id = longer(&device.id, &long);
        device.name = long.clone();
        device.tuned = Some(long.clone());
    }
    for meter in &mut record.meters {
        meter.domain = long.as_str().into();
        meter.unavailable = meter.unavailable.as_ref().map(|_| long.clone());
    }
    for row in &mut record.rows {
        row.device = longer(&row.device, &long);
        row.variant = longer(&row.variant, &long);
        row.unit = longer(&row.unit, name);
        row.no_energy = row.no_energy.as_ref().map(|_| long.as_str().into());
        if let Some(roof) = &mut row.roof {
            roof.of = long.clone();
        }
        if let Some(energy) = &mut row.energy {
            energy.warnings = vec![long.clone()];
            energy.source = long.as_str().into();
            energy.charged.push(long.as_str().into());
        }
    }
    for note in record.missing.iter_mut().chain(&mut record.faults) {
        *note = Note { device: long.as_str().into(), what: long.clone(), why: long.clone() };
    }
    record.warnings.push(long.clone());
    for trace in &mut record.traces {
        trace.domain = long.as_str().into();
    }
    record
}

/// A name with more behind it.
fn longer<T: FromStr + fmt::Display>(name: &Named<T>, more: &str) -> Named<T> {
    format!("{name}{more}").as_str().into()
}

fn device(id: &str, name: &str) -> ScoredDevice {
    ScoredDevice {
        id: id.into(),
        name: name.to_owned(),
        software: false,
        tuned: None,
        largest_buffer_bytes: None,
    }
}

fn meter(domain: &str, source: &str, resolution: Option<f64>) -> MeterStatus {
    MeterStatus {
        domain: domain.into(),
        source: source.into(),
        unavailable: None,
        resolution: resolution.map(Joules::new),
    }
}

/// A row without energy and without reason.
pub(crate) fn row(device: &str, [workload, variant, unit]: [&str; 3], median: f64) -> Row {
    Row {
        device: device.into(),
        workload: workload.into(),
        variant: variant.into(),
        threads: (device == "cpu").then_some(64),
        size: WorkSize::Registers,
        unit: unit.into(),
        per_second: Rate {
            best: median * 1.02,
            p90: median * 1.01,
            median,
            spread: Some(0.02),
            slices: 250,
        },
        times_sha2: None,
        roof: None,
        of_roof: None,
        busy: None,
        host_share: None,
        per_byte: None,
        checks: 12,
        rough: false,
        energy: None,
        no_energy: None,
    }
}

impl Row {
    fn sized(self, size: WorkSize) -> Self {
        Self { size, ..self }
    }

    fn under(self, of: &str, per_second: f64, each: f64) -> Self {
        let of_roof = Some(self.per_second.best / per_second);
        let roof = Roof { of: of.to_owned(), per_second, each, disturbed: false };
        Self { roof: Some(roof), of_roof, ..self }
    }

    fn intense(self, per_byte: f64) -> Self {
        Self { per_byte: Some(per_byte), ..self }
    }

    fn unmetered(self, why: &str) -> Self {
        Self { no_energy: Some(why.into()), ..self }
    }
}

/// Rows one after the other, each with the windows that its energy was measured in.
struct Course {
    now: f64,
    rows: Vec<Row>,
}

impl Course {
    /// Adds a row with three windows of five seconds.
    fn metered(&mut self, row: Row, source: &str, charged: &[&str], watts: f64, idle: f64) {
        let trials = [0.0, 5.5, 11.0].map(|after| Trial {
            start: self.now + after,
            seconds: 5.0,
            work: row.per_second.median * 5.0,
            joules: Joules::new(watts * 5.0),
            updates: (source != "assumed").then_some(if source == "rapl" { 5_000 } else { 50 }),
        });
        self.now += 19.0;
        let per_joule = row.per_second.median / watts;
        let energy = Energy {
            assumed: source == "assumed",
            source: source.into(),
            charged: charged.iter().map(|&domain| domain.into()).collect(),
            gross: Watts::new(watts),
            idle: (source != "assumed").then(|| Watts::new(idle)),
            per_joule,
            uncertainty: Some(if source == "assumed" { 0.1 } else { 0.012 }),
            joules_per_terahash: (row.unit == WorkUnit::Hash).then(|| 1e12 / per_joule),
            picojoules_each: 1e12 / per_joule,
            trials: trials.to_vec(),
            state: (source == "nvml").then(|| State {
                clock: Some(Hertz::from_megahertz(1_755)),
                memory_clock: Some(Hertz::from_megahertz(3_201)),
                celsius: Some(61.0),
                limit: Some(Watts::new(700.0)),
                throttled: if watts >= 700.0 { vec!["power cap".to_owned()] } else { Vec::new() },
            }),
            warnings: Vec::new(),
        };
        self.rows.push(Row { energy: Some(energy), ..row });
    }

    fn processor(&mut self) {
        let sockets = ["package-0", "dram-0"];
        let hashes = |variant, median| Row {
            times_sha2: Some(median / 6e8),
            ..row("cpu", ["sha256d", variant, "H"], median)
        };
        let sha2 = hashes("sha2 crate", 6e8).sized(WorkSize::Versions(1));
        self.metered(sha2, "rapl", &sockets, 240.0, 105.0);
        let engine = hashes("avx512x3", CPU_HASHES).sized(WorkSize::Versions(8));
        let engine = engine.under("peak u32 avx512, 64 threads", 3.6e9, 153.0);
        self.metered(engine, "rapl", &sockets, 300.0, 105.0);
        let shared = hashes("sha-ni", 1.1e9).sized(WorkSize::Versions(8));
        self.rows.push(shared.unmetered("engines that are not the fastest are not metered"));

        let work = |kind, variant, unit, rate| row("cpu", [kind, variant, unit], rate);
        for (peak, watts) in [
            (work("peak", "f32 fma", "FLOP", 8e12), 340.0),
            (work("peak", "f64 fma", "FLOP", 4e12), 340.0),
        ] {
            self.metered(peak, "rapl", &sockets, watts, 105.0);
        }
        for (variant, unit, rate, roof, intensity, watts) in [
            ("f32", "FLOP", 6e12, 8e12, 682.7, 360.0),
            ("f64", "FLOP", 3e12, 4e12, 341.3, 360.0),
            ("i8", "op", 12e12, 16e12, 2730.7, 330.0),
        ] {
            let product = work("matmul", variant, unit, rate).sized(SQUARE).intense(intensity);
            let of = format!("peak {variant} fma, 64 threads");
            self.metered(product.under(&of, roof, 1.0), "rapl", &sockets, watts, 105.0);
        }
        let copy = work("bandwidth", "copy", "B", 3.6e11).sized(WorkSize::Bytes(3 << 30));
        self.metered(copy, "rapl", &sockets, 300.0, 105.0);
        let triad = work("bandwidth", "triad", "B", 3.4e11).sized(WorkSize::Bytes(9 << 29));
        let triad = triad.under("bandwidth copy, 64 threads", 3.6e11, 1.0);
        self.metered(triad, "rapl", &sockets, 295.0, 105.0);
    }

    fn card(&mut self) {
        let card = ["gpu:0"];
        let work = |kind, variant, unit, rate| Row {
            busy: Some(0.996),
            host_share: Some(0.2),
            ..row("gpu:0", [kind, variant, unit], rate)
        };
        let hashes = Row {
            times_sha2: Some(7e9 / 6e8),
            ..work("sha256d", "gpu", "H", 7e9).sized(WorkSize::Versions(8))
        };
        self.metered(hashes.under("peak i32", 9e9, 2_463.0), "nvml", &card, 350.0, 78.0);
        for (variant, unit, rate, roof, intensity, watts) in [
            ("f32", "FLOP", 4.2e13, 6.0e13, 1365.3, 600.0),
            ("f16", "FLOP", 3.5e14, 7.0e14, 2730.7, 700.0),
            ("i8", "op", 6.0e14, 1.4e15, 5461.3, 640.0),
        ] {
            let product = work("matmul", variant, unit, rate).sized(LARGE).intense(intensity);
            let product = product.under(&format!("peak {variant}"), roof, 1.0);
            self.metered(product, "nvml", &card, watts, 78.0);
        }
        let copy = work("bandwidth", "copy", "B", 4.2e12).sized(WorkSize::Bytes(8 << 30));
        self.metered(copy, "nvml", &card, 525.0, 78.0);
        let latency = work("latency", "launch", "op", 1.2e5);
        self.rows.push(latency.unmetered("too little work for a meter"));
    }

    fn others(&mut self) {
        let hashes = row("gpu:1", ["sha256d", "gpu", "H"], 2.5e9).sized(WorkSize::Versions(8));
        self.metered(hashes, "assumed", &["gpu:1"], 250.0, 0.0);
        let product = row("gpu:1", ["matmul", "f32", "FLOP"], 9e12).sized(SQUARE).intense(682.7);
        let product = product.under("peak f32 fma", 1.3e13, 1.0);
        self.metered(product, "assumed", &["gpu:1"], 250.0, 0.0);
        let software = "computed by the processor, whose meter also counts everything else";
        let hashes = row("gpu:2", ["sha256d", "gpu", "H"], 2.1e8).sized(WorkSize::Versions(8));
        self.rows.push(hashes.unmetered(software));
    }
}

/// Power at five points a second, from the windows of the rows of a device.
fn trace(
    domain: &str,
    idle: f64,
    share: f64,
    device: &str,
    rows: &[Row],
    until: f64,
) -> PowerTrace {
    let windows: Vec<(f64, f64, f64)> = rows
        .iter()
        .filter(|row| row.device.to_string() == device)
        .filter_map(|row| row.energy.as_ref())
        .flat_map(|energy| {
            let watts = energy.gross.value() * share;
            energy.trials.iter().map(move |trial| (trial.start, trial.seconds, watts))
        })
        .collect();
    let points = (0..(until * 5.0) as u32).map(|step| {
        let at = f64::from(step) / 5.0;
        let inside = |&&(start, seconds, _): &&(f64, f64, f64)| {
            (start - 0.3..start + seconds + 0.1).contains(&at)
        };
        let watts = windows.iter().find(inside).map_or(idle, |&(_, _, watts)| watts);
        let noise = f64::from(step.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        (at, Watts::new(watts * (1.0 + 0.03 * noise)))
    });
    PowerTrace { domain: domain.into(), points: points.collect() }
}
