//! Workloads as a caller has them: what they say of themselves, that they count exactly, and that
//! what they compute is right.

use std::time::Duration;

use perjoule::units::WorkAmount;
use perjoule::workload::cpu::{Bandwidth, Pattern, Peak, Units};
use perjoule::workload::{CheckError, Done, Kind, Place, Size, Workload, WorkloadError};

const SHORT: Duration = Duration::from_micros(200);

/// Runs, checks, and checks that the check spoils.
fn right(workload: &mut dyn Workload) -> Done {
    for time in [Duration::ZERO, SHORT] {
        workload.run(time).expect("processors do not fail");
        let done = workload.run(time).expect("processors do not fail");
        workload.check().unwrap_or_else(|trouble| panic!("{}: {trouble}", workload.label()));
        assert!(done.work.value() > 0 && done.rate() > 0.0 && done.took > Duration::ZERO);
    }
    workload.run(Duration::ZERO).expect("processors do not fail")
}

#[test]
fn bandwidth_counts_bytes_as_stream_does() {
    for (pattern, each) in [(Pattern::Copy, 16), (Pattern::Triad, 24)] {
        for threads in [1, 2, 3] {
            for elements in [1_usize, 1000, 100_003] {
                let mut bandwidth =
                    Bandwidth::with_elements(pattern, threads, elements).expect("little memory");
                let label = bandwidth.label();
                assert_eq!((label.kind, label.variant), (Kind::Bandwidth, pattern.variant()));
                assert_eq!(label.place, Place::Cores(threads));
                let all = elements.div_ceil(threads) * threads;
                assert_eq!(label.size, Size::Bytes(all as u64 * each));
                let WorkAmount::Bytes(bytes) = right(&mut bandwidth).work else {
                    panic!("no bytes")
                };
                assert_eq!(bytes % each, 0);
            }
        }
    }
}

#[test]
fn results_of_no_run_are_no_results() {
    let mut bandwidth = Bandwidth::with_elements(Pattern::Copy, 2, 10_000).expect("little memory");
    assert!(matches!(bandwidth.check(), Err(WorkloadError::Wrong(CheckError::Number { .. }))));
    let mut peak = Peak::new(Units::MulAddF32, 2).expect("every processor can");
    assert!(matches!(peak.check(), Err(WorkloadError::Wrong(CheckError::Number { .. }))));
}

#[test]
fn peaks_end_where_they_must() {
    for units in Units::ALL {
        for threads in [1, 3] {
            let mut peak = match Peak::new(units, threads) {
                Err(WorkloadError::Missing { what }) => {
                    println!("not tested: {units:?}, for want of {what}");
                    continue;
                }
                made => made.expect("threads"),
            };
            assert_eq!(
                (peak.label().kind, peak.label().place),
                (Kind::Peak, Place::Cores(threads))
            );
            let done = right(&mut peak);
            assert!(matches!(done.work, WorkAmount::Flops(_)));
        }
    }
}

#[test]
fn what_cannot_be_is_an_error_that_names_the_limit() {
    for elements in [usize::MAX, usize::MAX / 8, 1 << 50] {
        let refused = Bandwidth::with_elements(Pattern::Triad, 1, elements);
        let Err(WorkloadError::TooLarge { asked, limit, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(asked > limit && limit > 0);
    }
    for threads in [0, 1025, usize::MAX] {
        let refused = Peak::new(Units::MulAddF32, threads).expect_err("no such number of threads");
        assert_eq!(refused.to_string(), format!("{threads} threads, expected 1 to 1024"));
    }
}

#[cfg(feature = "matmul")]
mod matmul {
    use perjoule::workload::Shape;
    use perjoule::workload::cpu::matmul::{Matmul, Precision};
    use proptest::prelude::*;

    use super::*;

    fn right_product(precision: Precision, sides: [usize; 3], threads: usize) {
        let shape = Shape::new(sides[0], sides[1], sides[2]).expect("small");
        let mut matmul = Matmul::new(precision, shape, threads).expect("little memory");
        let label = matmul.label();
        assert_eq!((label.kind, label.variant), (Kind::Matmul, precision.variant()));
        assert_eq!((label.size, label.place), (Size::Product(shape), Place::Cores(threads)));

        let flops = 2 * (sides[0] * sides[1] * sides[2]) as u64;
        let done = right(&mut matmul);
        match precision {
            Precision::I8 => assert_eq!(done.work, WorkAmount::Operations(flops)),
            _ => assert_eq!(done.work, WorkAmount::Flops(flops)),
        }
        matmul.check().expect("that run's product");
        let unwritten = matmul.check();
        let first = CheckError::Unwritten { row: 0, column: 0 };
        assert!(matches!(&unwritten, Err(WorkloadError::Wrong(wrong)) if *wrong == first));
    }

    #[test]
    fn products_of_odd_shapes_are_right() {
        let shapes = [
            [1, 1, 1],
            [2, 1, 1],
            [1, 1, 2],
            [17, 65, 33],
            [1, 1, 4096],
            [4096, 1, 1],
            [1, 4096, 1],
            [1, 777, 1000],
            [777, 1, 1000],
            [3, 5, 100_000],
            [64, 64, 64],
            [129, 257, 513],
            [300, 300, 2500],
            // Several blocks of what kernels cut each side into, and a rest.
            [520, 1030, 600],
        ];
        for precision in Precision::ALL {
            for shape in shapes {
                for threads in [1, 2, 3] {
                    right_product(precision, shape, threads);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn products_of_random_shapes_are_right(
            precision in prop::sample::select(Precision::ALL.to_vec()),
            sides in prop::array::uniform3(1_usize..160),
            threads in 1_usize..4,
        ) {
            right_product(precision, sides, threads);
        }
    }

    #[test]
    fn sizes_that_are_tuned_are_right() {
        let mut tuned = Matmul::tuned(Precision::F32, 1, SHORT).expect("little memory");
        assert!(tuned.shape().n() >= 256 && tuned.shape().n().is_power_of_two());
        right(&mut tuned);
    }

    #[test]
    fn too_large_products_are_errors_that_name_the_limit() {
        for precision in Precision::ALL {
            for n in [1 << 20, 2_000_000] {
                let shape = Shape::square(n).expect("a product that could be");
                let refused = Matmul::new(precision, shape, 1);
                let Err(WorkloadError::TooLarge { asked, limit, .. }) = refused else {
                    panic!("{refused:?}")
                };
                assert!(asked > limit && limit > 0);
            }
        }
        // The largest sums of 8-bit products that 32 bits hold: (2^31 - 1) / 127^2 of them.
        let deep = |k| Matmul::new(Precision::I8, Shape::new(1, 1, k).expect("small"), 1);
        assert!(deep(133_144).is_ok());
        let refused = deep(133_145).expect_err("too deep");
        assert!(refused.to_string().ends_with("the limit is 133144"), "{refused}");
        assert!(Matmul::new(Precision::F32, Shape::square(8).expect("small"), 0).is_err());
    }
}
