//! The workloads on every GPU of this machine, among them those that a driver only computes: right
//! for matrices of any sides, and wrong when nothing was written.
#![cfg(feature = "gpu")]

use std::sync::LazyLock;
use std::time::Duration;

use perjoule::gpu::adapters;
use perjoule::units::WorkAmount;
use perjoule::workload::gpu::{
    Arithmetic, Bandwidth, Device, Latency, Matmul, Peak, PeakOperation, Transfer, largest_buffer,
};
use perjoule::workload::{Shape, Workload, WorkloadError};
use proptest::prelude::*;

/// Each GPU, opened once for all tests.
static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(|| {
    let opened = adapters().iter().map(Device::open).collect::<Result<Vec<_>, _>>();
    let devices = opened.expect("a GPU that is listed can be opened");
    if devices.is_empty() {
        eprintln!("not tested: no driver offers a GPU");
    }
    devices
});

/// Each GPU with each arithmetic that it has; the others are named.
fn arithmetics() -> Vec<(&'static Device, Arithmetic)> {
    let mut all = Vec::new();
    for device in DEVICES.iter() {
        for arithmetic in Arithmetic::ALL {
            match arithmetic.missing(device.adapter()) {
                None => all.push((device, arithmetic)),
                Some(missing) => eprintln!("not tested: {arithmetic}, it needs {missing}"),
            }
        }
    }
    all
}

fn shape(m: usize, n: usize, k: usize) -> Shape {
    Shape::new(m, n, k).expect("sides of at least 1")
}

/// Multiplies once and checks.
fn multiply(device: &Device, arithmetic: Arithmetic, shape: Shape) {
    let made = Matmul::new(device, arithmetic, shape);
    let mut matmul = made.unwrap_or_else(|trouble| panic!("{arithmetic}, {shape}: {trouble}"));
    let done = matmul.run(Duration::ZERO).expect("a healthy device");
    let work = done.work.value();
    assert_eq!(work, shape.flops(), "{arithmetic}: one product is the least");
    if let Err(trouble) = matmul.check() {
        panic!("{}, tile {}: {trouble}", matmul.label(), matmul.tile());
    }
    // What was checked is spoiled: the next check has nothing to look at.
    matmul.check().expect_err("nothing was written since");
}

/// Ten shapes with each arithmetic: a software driver compiles for seconds.
#[test]
fn products_of_odd_sides_are_right() {
    let shapes = [
        shape(1, 1, 1),
        shape(1, 4096, 1),
        shape(4096, 1, 3),
        shape(2, 2, 4096),
        shape(3, 5, 7),
        shape(17, 33, 65),
        shape(64, 64, 64),
        shape(65, 127, 12),
        shape(128, 136, 40),
        shape(256, 256, 256),
    ];
    for (device, arithmetic) in arithmetics() {
        for shape in shapes {
            multiply(device, arithmetic, shape);
        }
        // In one piece: what the test runner prints meanwhile would land in the middle.
        let line = format!("tested: {arithmetic} on {}\n", device.adapter().name);
        eprint!("{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// A software driver compiles for seconds.
    #[test]
    fn products_of_any_sides_are_right(m in 1..150_usize, n in 1..150_usize, k in 1..150_usize) {
        for (device, arithmetic) in arithmetics() {
            multiply(device, arithmetic, shape(m, n, k));
        }
    }
}

#[test]
fn runs_go_on_for_a_time_and_count_whole_products() {
    for (device, arithmetic) in arithmetics() {
        let mut matmul = Matmul::new(device, arithmetic, shape(64, 64, 64)).expect("it fits");
        let time = Duration::from_millis(50);
        let done = matmul.run(time).expect("a healthy device");
        assert!(done.took >= time / 2, "{done:?}");
        assert!(done.work.value().is_multiple_of(2 * 64 * 64 * 64), "{done:?}");
        let integers = matches!(done.work, WorkAmount::Operations(_));
        assert_eq!(integers, arithmetic == Arithmetic::I8);
        matmul.check().expect("right");
    }
}

#[test]
fn workloads_share_a_device_and_outlive_each_other() {
    for device in DEVICES.iter() {
        let mut square = Matmul::new(device, Arithmetic::F32, shape(48, 48, 48)).expect("it fits");
        let mut flat = Matmul::new(device, Arithmetic::I8, shape(7, 80, 30)).expect("it fits");
        let copy = Bandwidth::new(device, Transfer::Copy, 1 << 16).expect("it fits");
        square.run(Duration::ZERO).expect("a healthy device");
        flat.run(Duration::ZERO).expect("a healthy device");
        drop(copy);
        square.check().expect("right");
        drop(square);
        let other = device.clone();
        let from_another_thread = std::thread::spawn(move || {
            let mut triad = Bandwidth::new(&other, Transfer::Triad, 1 << 16).expect("it fits");
            triad.run(Duration::from_millis(20)).expect("a healthy device");
            triad.check()
        });
        flat.run(Duration::from_millis(20)).expect("a healthy device");
        flat.check().expect("right");
        from_another_thread.join().expect("no panic").expect("right");
    }
}

#[test]
fn what_is_too_large_is_refused_and_names_the_limit() {
    for (device, arithmetic) in arithmetics() {
        for (m, n, k) in [(1 << 21, 1, 1), (1 << 20, 1 << 20, 1)] {
            let refused = Matmul::new(device, arithmetic, shape(m, n, k)).expect_err("too large");
            assert!(matches!(refused, WorkloadError::TooLarge { .. }), "{refused}");
        }
    }
    for device in DEVICES.iter() {
        let refused = Bandwidth::new(device, Transfer::Copy, 1 << 62).expect_err("too large");
        assert!(matches!(refused, WorkloadError::TooLarge { .. }), "{refused}");
    }
}

#[test]
fn the_largest_buffer_is_within_limits_and_leaves_the_device_well() {
    for device in DEVICES.iter() {
        let adapter = device.adapter();
        let largest = largest_buffer(device).expect("some memory");
        assert!(largest > 0 && largest <= adapter.max_buffer_bytes.min(adapter.max_binding_bytes));
        multiply(device, Arithmetic::F32, shape(40, 50, 60));
    }
}

#[test]
fn transfers_are_right_and_their_bytes_counted() {
    // Fewer vectors than threads, as many, and more than a thread's four at a time.
    for bytes in [1, 16, 1 << 16, (1 << 20) + 48, 9 << 20] {
        for device in DEVICES.iter() {
            for (transfer, arrays) in Transfer::ALL.into_iter().zip([2, 3, 1, 1]) {
                let mut bandwidth = Bandwidth::new(device, transfer, bytes).expect("it fits");
                let done = bandwidth.run(Duration::ZERO).expect("a healthy device");
                let expected = bytes.next_multiple_of(16) * arrays;
                assert_eq!(done.work, WorkAmount::Bytes(expected), "{transfer:?}");
                if let Err(trouble) = bandwidth.check() {
                    panic!("{}: {trouble}", bandwidth.label());
                }
                bandwidth.check().expect_err("nothing was written since");
            }
        }
    }
}

#[test]
fn launches_are_counted_one_by_one() {
    for device in DEVICES.iter() {
        let mut latency = Latency::new(device).expect("a healthy device");
        latency.check().expect_err("nothing was launched");
        let done = latency.run(Duration::ZERO).expect("a healthy device");
        assert_eq!(done.work, WorkAmount::Operations(1));
        latency.check().expect("one");
        latency.check().expect_err("nothing was launched since");
        // Long enough for more than the device's thread is asked for at a time.
        let done = latency.run(Duration::from_millis(200)).expect("a healthy device");
        assert!(done.work.value() > 1, "{done:?}");
        latency.check().expect("all of them");
    }
}

#[test]
fn peaks_compute_what_they_say() {
    for device in DEVICES.iter() {
        for operation in PeakOperation::ALL {
            if let Some(missing) = operation.missing(device.adapter()) {
                eprintln!("not tested: {operation}, it needs {missing}");
                Peak::new(device, operation).expect_err("it is missing");
                continue;
            }
            let made = Peak::new(device, operation);
            let mut peak = made.unwrap_or_else(|trouble| panic!("{operation}: {trouble}"));
            peak.check().expect_err("nothing was written");
            let done = peak.run(Duration::ZERO).expect("a healthy device");
            assert!(done.work.value() > 0, "{done:?}");
            let integers = matches!(done.work, WorkAmount::Operations(_));
            assert_eq!(integers, operation == PeakOperation::Dot8);
            peak.run(Duration::from_millis(50)).expect("a healthy device");
            if let Err(trouble) = peak.check() {
                panic!("{}: {trouble}", peak.label());
            }
            peak.check().expect_err("nothing was written since");
        }
    }
}
