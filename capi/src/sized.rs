//! Structs that can grow: their first field is the size that the program was compiled with, so that one
//! compiled with an older or a newer header is understood or refused, and never misread.

use std::mem::{offset_of, size_of};
use std::slice;

use super::{EngineInfo, Failure, Outcome, Watch, Work, null};

/// What is larger is no size of a struct, but a field that was never set.
const MOST: usize = 4096;

/// A struct that programs make, plain data that may be anything and 0 too.
///
/// # Safety
///
/// It is `repr(C)`, its first field is its size as a `usize`, and all zero is a value of it.
pub(crate) unsafe trait Growing: Copy {
    const NAME: &str;
}

// SAFETY: numbers and arrays of them, behind a size.
unsafe impl Growing for Work {
    const NAME: &str = "PerjouleWork";
}

// SAFETY: pointers, which may be null, behind a size.
unsafe impl Growing for Watch {
    const NAME: &str = "PerjouleWatch";
}

// SAFETY: numbers and an enum that has a zero, behind a size.
unsafe impl Growing for Outcome {
    const NAME: &str = "PerjouleOutcome";
}

// SAFETY: pointers, which may be null, behind a size.
unsafe impl Growing for EngineInfo {
    const NAME: &str = "PerjouleEngineInfo";
}

const _: () = assert!(
    offset_of!(Work, size) == 0
        && offset_of!(Watch, size) == 0
        && offset_of!(Outcome, size) == 0
        && offset_of!(EngineInfo, size) == 0
);

/// The size that a struct says it has, which is at least what this library knows of it.
///
/// # Safety
///
/// `place` is null or points to as many bytes as its first field says, unless that is no size.
pub(crate) unsafe fn size_of_it<T: Growing>(
    place: *const T,
    argument: &str,
) -> Result<usize, Failure> {
    if place.is_null() {
        return Err(null(argument));
    }
    // SAFETY: it is not null, and begins with its size, which the caller set or forgot to set.
    let size = unsafe { place.cast::<usize>().read() };
    if (size_of::<T>()..=MOST).contains(&size) {
        return Ok(size);
    }
    Err(Failure::invalid(format_args!(
        "{argument}->size is {size}, expected sizeof({}), which is {}",
        T::NAME,
        size_of::<T>()
    )))
}

/// Reads a struct of the program: what lies beyond that which this library knows must be zero.
///
/// # Safety
///
/// `place` is null or points to such a struct, as large as its first field says.
pub(crate) unsafe fn read<T: Growing>(place: *const T, argument: &str) -> Result<T, Failure> {
    // SAFETY: as the caller says.
    let size = unsafe { size_of_it(place, argument) }?;
    // SAFETY: there are so many bytes, as the caller says, and each is one.
    let beyond = unsafe {
        let beyond = place.cast::<u8>().add(size_of::<T>());
        slice::from_raw_parts(beyond, size - size_of::<T>())
    };
    if beyond.iter().any(|&byte| byte != 0) {
        return Err(Failure::invalid(format_args!(
            "{argument} has fields set that this library, {}, does not know",
            env!("CARGO_PKG_VERSION")
        )));
    }
    // SAFETY: it is there and large enough, and any bytes are a value of it.
    Ok(unsafe { place.read() })
}
