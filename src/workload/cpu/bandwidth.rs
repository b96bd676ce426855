//! Memory bandwidth of processors, by the definitions of STREAM (`McCalpin`, "Memory Bandwidth and
//! Machine Balance in Current High Performance Computers", 1995; `stream.c` 5.10).
//!
//! The arrays are of f64, each at least four times as large as all last-level caches together.
//! Bytes are counted as STREAM counts them: what the operation reads and writes. Most processors
//! read a line of the destination before they write it, which is not counted: for triad, 4/3 as
//! much goes over the memory bus. Copy is the system's `memcpy`, which avoids that where it can.

use std::sync::Mutex;
use std::time::Duration;

use crate::units::WorkAmount;
use crate::workload::check::CheckError;
use crate::workload::memory::{self, last_level_caches, reserve};
use crate::workload::number::{Input, Output, random};
use crate::workload::team::ThreadTeam;
use crate::workload::{Done, Kind, Label, Place, Size, Variant, Workload, WorkloadError, repeat};

/// The STREAM operation on each element of the arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// STREAM copy, c = a: 16 bytes for each element.
    Copy,
    /// STREAM triad, a = b + 3 c: 24 bytes for each element.
    Triad,
}

impl Pattern {
    /// Both operations.
    pub const ALL: [Self; 2] = [Self::Copy, Self::Triad];

    /// Returns the variant that stands for the operation in reports.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Self::Copy => Variant::Copy,
            Self::Triad => Variant::Triad,
        }
    }

    /// Returns the number of arrays that are read; one more is written.
    fn sources(self) -> usize {
        match self {
            Self::Copy => 1,
            Self::Triad => 2,
        }
    }

    fn bytes_per_element(self) -> u64 {
        (self.sources() as u64 + 1) * size_of::<f64>() as u64
    }
}

/// Elements between two readings of the clock, and so the unit of work: some tens of microseconds.
const PIECE: usize = 1 << 15;

/// The memory bandwidth workload of a processor: an operation on arrays that no cache holds.
#[derive(Debug)]
pub struct Bandwidth {
    pattern: Pattern,
    team: ThreadTeam,
    parts: Vec<Mutex<Part>>,
    bytes: u64,
}

impl Bandwidth {
    /// Allocates and fills arrays that are large enough for this machine. Each thread fills the
    /// part that it will use: most systems then put it into the memory nearest to that thread.
    ///
    /// # Errors
    ///
    /// When there is not enough memory, or the number of threads is zero or too large.
    pub fn new(pattern: Pattern, threads: usize) -> Result<Self, WorkloadError> {
        let bytes = last_level_caches().saturating_mul(4);
        let elements = usize::try_from(bytes.div_ceil(size_of::<f64>() as u64));
        Self::with_elements(pattern, threads, elements.unwrap_or(usize::MAX))
    }

    /// Prepares arrays as [`Self::new`] does, with this number of elements in each, rounded up so
    /// that every thread has as many.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn with_elements(
        pattern: Pattern,
        threads: usize,
        elements: usize,
    ) -> Result<Self, WorkloadError> {
        let team = ThreadTeam::new(threads)?;
        let bytes = Self::bytes(pattern, threads, elements);
        let bytes = memory::check("bytes for arrays", bytes)?;
        let each = Self::each(threads, elements);
        let parts = team.make(|thread| Part::new(pattern, each, thread as u64))?;
        Ok(Self { pattern, team, parts, bytes })
    }

    /// Returns the bytes of all arrays with this number of elements each; `None` if they cannot be
    /// counted.
    pub(crate) fn bytes(pattern: Pattern, threads: usize, elements: usize) -> Option<u64> {
        let elements = (Self::each(threads, elements) as u64).checked_mul(threads as u64)?;
        elements.checked_mul(pattern.bytes_per_element())
    }

    /// Returns the number of elements of each thread.
    fn each(threads: usize, elements: usize) -> usize {
        elements.max(1).div_ceil(threads.max(1))
    }
}

impl Workload for Bandwidth {
    fn label(&self) -> Label {
        Label {
            kind: Kind::Bandwidth,
            variant: self.pattern.variant(),
            size: Size::Bytes(self.bytes),
            place: Place::Cores(self.team.threads()),
        }
    }

    fn run(&mut self, time: Duration) -> Result<Done, WorkloadError> {
        let pattern = self.pattern;
        self.team.run(&self.parts, time, |part, time| {
            let (mut elements, each) = (0, pattern.bytes_per_element());
            let done = repeat(time, WorkAmount::Bytes(1), |pieces| {
                for _ in 0..pieces {
                    elements += part.piece(pattern) as u64;
                }
                Ok(())
            })?;
            Ok(Done { work: WorkAmount::Bytes(elements * each), ..done })
        })
    }

    fn check(&mut self) -> Result<(), WorkloadError> {
        let pattern = self.pattern;
        let checked = self.team.each(&self.parts, |part| part.check(pattern));
        Ok(checked.into_iter().collect::<Result<(), _>>()?)
    }
}

/// The part of the arrays that a thread has.
#[derive(Debug)]
struct Part {
    sources: Vec<Vec<f64>>,
    out: Vec<f64>,
    /// Index of the first element of the next piece.
    next: usize,
    /// Elements written since the last check.
    written: usize,
}

impl Part {
    fn new(pattern: Pattern, elements: usize, thread: u64) -> Result<Self, WorkloadError> {
        let source = |number: usize| {
            let mut source = reserve(elements, 0.0)?;
            for (place, out) in source.iter_mut().enumerate() {
                *out = f64::from_random(random(thread * 2 + number as u64, place as u64));
            }
            Ok(source)
        };
        let sources = (0..pattern.sources()).map(source).collect::<Result<_, WorkloadError>>()?;
        Ok(Self { sources, out: reserve(elements, f64::UNWRITTEN)?, next: 0, written: 0 })
    }

    /// Does the next piece and returns how many elements it has. The last piece of the arrays may
    /// be shorter than the others.
    fn piece(&mut self, pattern: Pattern) -> usize {
        let range = self.next..self.out.len().min(self.next + PIECE);
        let out = &mut self.out[range.clone()];
        match pattern {
            Pattern::Copy => out.copy_from_slice(&self.sources[0][range.clone()]),
            Pattern::Triad => {
                let [b, c] = [0, 1].map(|source| &self.sources[source][range.clone()]);
                for ((a, b), c) in out.iter_mut().zip(b).zip(c) {
                    *a = b + 3.0 * c;
                }
            }
        }
        self.next = if range.end == self.out.len() { 0 } else { range.end };
        self.written = self.out.len().min(self.written + range.len());
        range.len()
    }

    /// Checks every element that was written, and overwrites it; if there is none, checks one that
    /// was not written, which fails.
    fn check(&mut self, pattern: Pattern) -> Result<(), CheckError> {
        let len = self.out.len();
        let mut checked = Ok(());
        let from = self.next + len - self.written;
        for place in (from..from + self.written.max(1)).map(|place| place % len) {
            let source = |number: usize| self.sources[number][place];
            let expected = match pattern {
                Pattern::Copy => source(0),
                Pattern::Triad => source(0) + 3.0 * source(1),
            };
            let found = std::mem::replace(&mut self.out[place], f64::UNWRITTEN);
            if found.to_bits() != expected.to_bits() && checked.is_ok() {
                checked = Err(CheckError::Number { place: place as u64, found, expected });
            }
        }
        self.written = 0;
        checked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_element_is_found() {
        for pattern in Pattern::ALL {
            for (elements, pieces) in [(1, 1), (1000, 3), (PIECE + 1, 1), (PIECE * 3 + 5, 7)] {
                let mut part = Part::new(pattern, elements, 3).expect("small");
                let run = |part: &mut Part| (0..pieces).map(|_| part.piece(pattern)).sum::<usize>();
                let written = run(&mut part).min(elements);
                assert_eq!(part.written, written);
                part.check(pattern).expect("right");
                assert!(part.out.iter().all(|out| out.is_nan()), "not all was spoilt");
                assert!(part.check(pattern).is_err(), "nothing was written");

                run(&mut part);
                let place = (part.next + elements - 1) % elements;
                part.out[place] = f64::from_bits(part.out[place].to_bits() + 1);
                let found = part.check(pattern).expect_err("wrong");
                assert!(matches!(found, CheckError::Number { place: p, .. } if p == place as u64));
            }
        }
    }
}
