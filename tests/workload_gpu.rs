//! The workloads on every GPU of this machine, among them those that a driver only computes: right
//! for matrices of any sides, and wrong when nothing was written.
#![cfg(feature = "gpu")]

use std::sync::LazyLock;
use std::time::Duration;

use perjoule::gpu::{Adapter, adapters};
use perjoule::workload::gpu::{Arithmetic, Bandwidth, Matmul, Operation, Peak, Transfer};
use perjoule::workload::{Shape, Trouble, Work, Workload};
use proptest::prelude::*;

static ADAPTERS: LazyLock<Vec<Adapter>> = LazyLock::new(adapters);

/// Each GPU with each arithmetic that it has; the others are named.
fn arithmetics() -> Vec<(&'static Adapter, Arithmetic)> {
    let mut all = Vec::new();
    for adapter in ADAPTERS.iter() {
        for arithmetic in Arithmetic::ALL {
            match arithmetic.missing(adapter) {
                None => all.push((adapter, arithmetic)),
                Some(missing) => eprintln!("not tested: {arithmetic}, it needs {missing}"),
            }
        }
    }
    if ADAPTERS.is_empty() {
        eprintln!("not tested: no driver offers a GPU");
    }
    all
}

fn shape(m: usize, n: usize, k: usize) -> Shape {
    Shape::new(m, n, k).expect("sides of at least 1")
}

/// Multiplies once and checks.
fn multiply(adapter: &Adapter, arithmetic: Arithmetic, shape: Shape) {
    let made = Matmul::new(adapter, arithmetic, shape);
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
    for (adapter, arithmetic) in arithmetics() {
        for shape in shapes {
            multiply(adapter, arithmetic, shape);
        }
        // In one piece: what the test runner prints meanwhile would land in the middle.
        let line = format!("tested: {arithmetic} on {}\n", adapter.name);
        eprint!("{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn products_of_any_sides_are_right(m in 1..150_usize, n in 1..150_usize, k in 1..150_usize) {
        for (adapter, arithmetic) in arithmetics() {
            multiply(adapter, arithmetic, shape(m, n, k));
        }
    }
}

#[test]
fn runs_go_on_for_a_time_and_count_whole_products() {
    for (adapter, arithmetic) in arithmetics() {
        let mut matmul = Matmul::new(adapter, arithmetic, shape(64, 64, 64)).expect("it fits");
        let time = Duration::from_millis(50);
        let done = matmul.run(time).expect("a healthy device");
        assert!(done.took >= time / 2, "{done:?}");
        assert!(done.work.value().is_multiple_of(2 * 64 * 64 * 64), "{done:?}");
        let integers = matches!(done.work, Work::Operations(_));
        assert_eq!(integers, arithmetic == Arithmetic::I8);
        matmul.check().expect("right");
    }
}

#[test]
fn what_is_too_large_is_refused_and_names_the_limit() {
    for (adapter, arithmetic) in arithmetics() {
        for (m, n, k) in [(1 << 21, 1, 1), (1 << 20, 1 << 20, 1)] {
            let refused = Matmul::new(adapter, arithmetic, shape(m, n, k)).expect_err("too large");
            assert!(matches!(refused, Trouble::TooLarge { .. }), "{refused}");
        }
    }
    for adapter in ADAPTERS.iter() {
        let refused = Bandwidth::new(adapter, Transfer::Copy, 1 << 62).expect_err("too large");
        assert!(matches!(refused, Trouble::TooLarge { .. }), "{refused}");
    }
}

#[test]
fn transfers_are_right_and_their_bytes_counted() {
    // Fewer vectors than threads, as many, and more than a thread's four at a time.
    for bytes in [1, 16, 1 << 16, (1 << 20) + 48, 9 << 20] {
        for adapter in ADAPTERS.iter() {
            for (transfer, arrays) in Transfer::ALL.into_iter().zip([2, 3, 1, 1]) {
                let mut bandwidth = Bandwidth::new(adapter, transfer, bytes).expect("it fits");
                let done = bandwidth.run(Duration::ZERO).expect("a healthy device");
                let expected = bytes.next_multiple_of(16) * arrays;
                assert_eq!(done.work, Work::Bytes(expected), "{transfer:?}");
                if let Err(trouble) = bandwidth.check() {
                    panic!("{}: {trouble}", bandwidth.label());
                }
                bandwidth.check().expect_err("nothing was written since");
            }
        }
    }
}

#[test]
fn peaks_compute_what_they_say() {
    for adapter in ADAPTERS.iter() {
        for operation in Operation::ALL {
            let mut peak = match Peak::new(adapter, operation) {
                Ok(peak) => peak,
                Err(trouble) => {
                    eprintln!("not tested: {}: {trouble}", operation.name());
                    continue;
                }
            };
            let done = peak.run(Duration::ZERO).expect("a healthy device");
            assert!(matches!(done.work, Work::Flops(flops) if flops > 0), "{done:?}");
            if let Err(trouble) = peak.check() {
                panic!("{}: {trouble}", peak.label());
            }
            peak.check().expect_err("nothing was written since");
        }
    }
}
