//! Checks whether a matrix product is right, without computing it again.
//!
//! Freivalds' check ("Probabilistic machines can use less running time", IFIP 1977): for a vector
//! r, C·r is compared with A·(B·r), which takes some m n + k n + m k operations instead of m n k.
//! Here r has random signs. An error in a single element shows with any signs; errors in several
//! elements of a row can cancel for one choice of signs in two at the most, so there are
//! [`VECTORS`]. Rows are summed in blocks of [`COLUMNS`], so that the roundings of many right
//! elements do not hide one that is wrong.
//!
//! # How large an error may be
//!
//! Let e be the difference between an element and its exact value, u the unit roundoff of the type
//! that products are summed in, a a row of A, b a column of B, and k their length. In any order,
//! e is the sum of δ s over all partial sums s, with |δ| ≤ u: one rounding each. From there, three
//! bounds follow.
//!
//! - *No chance involved.* Each product is rounded k times at the most, so |e| ≤ γ |a|·|b| with
//!   γ = (1 + u)^k - 1, which is below k u / (1 - k u); see Higham, "Accuracy and Stability of
//!   Numerical Algorithms" (2002), Lemma 3.1 and (3.5). Small products, up to [`SMALL`]
//!   multiplications, are computed again and held to this, element by element.
//! - *Random inputs.* Partial sums of products with independent numbers of mean zero and root mean
//!   square β have a root mean square of ‖a‖β at the most, since their signs differ. At most k
//!   of those are rounded, so that e comes to k u ‖a‖β.
//! - *Random inputs, rounded to nearest.* The δ then are as good as independent and of mean zero
//!   themselves (Higham and Mary, "Sharper probabilistic backward error analysis for basic linear
//!   algebra kernels with random data", SIAM J. Sci. Comput. 2020), so that e comes to √k u ‖a‖β.
//!
//! The sum of w such errors with random signs, drawn after the product was computed, is √w times as
//! large by Hoeffding's inequality. With β = ‖B‖/√(k w) for the Frobenius norm of k rows and w
//! columns of B, what a row of a block may be off is
//!
//! - √k u ‖a‖‖B‖ when it is not known how the kernel rounds ([`Rounding::any`]), with twice the u,
//! - u ‖a‖‖B‖ when it rounds to nearest,
//!
//! times 8 for what chance does at worst: a row exceeds eight times that once in 10^13. What
//! rounding a sum to the type of the result adds follows in the same way: u' ‖a‖‖B‖/√k for each
//! time. So does what the check itself rounds in f64; where everything is exact, so is the check.
//!
//! An element that is off by more than twice this bound is found for any signs. For inputs of
//! [`fill`], spread evenly over (-1, 1), and k = n = 1024, elements have a root mean square of 11,
//! and the errors that are found for certain are these. For integers, any error is found.
//!
//! | | rounds to nearest | rounds anyhow |
//! |---|---|---|
//! | f64 | 3 · 10^-11 | 7 · 10^-10 |
//! | f32 | 0.006 | 0.4 |
//! | f16, summed in f32 | 1.4 | 3.1 |
//!
//! So the check finds kernels that compute with fewer digits than they claim: rounding the inputs
//! to eleven bits, as TF32 does, puts rows of f32 off by twenty times the bound.
//!
//! [`fill`]: super::number::fill

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use super::memory::reserve;
use super::number::{Input, Number, Output, random};
use super::{Shape, WorkloadError};

/// Number of vectors of random signs that each block of columns is multiplied with.
pub const VECTORS: usize = 3;

/// Number of columns in a block.
pub const COLUMNS: usize = 256;

/// Largest number of multiplications of a product that is computed again instead.
pub const SMALL: usize = 1 << 18;

/// How many times its expected size an error may have. Among tens of millions of sums of right
/// products the largest had 2.3 times.
const CHANCE: f64 = 8.0;

/// How a kernel rounds its sums and results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// Unit roundoff of the type that products are summed in.
    sum: f64,
    /// Unit roundoff of the type that a sum is stored in, if that is another one; else 0.
    store: f64,
    /// Number of times that a sum is stored in that type.
    stores: usize,
    /// Results smaller than this may be flushed to zero.
    least: f64,
    /// Whether it rounds to the nearest number.
    nearest: bool,
}

impl Rounding {
    /// No rounding at all: products of integers.
    pub const EXACT: Self = Self { sum: 0.0, store: 0.0, stores: 0, least: 0.0, nearest: true };
    /// Rounding to the nearest binary64 (f64) each time.
    pub const F64: Self = Self { sum: unit(53), ..Self::EXACT };
    /// Rounding to the nearest binary32 (f32) each time. (Inputs of [`super::number::fill`] have no
    /// subnormal products, neither here nor in binary64.)
    pub const F32: Self = Self { sum: unit(24), ..Self::EXACT };
    /// Rounding to the nearest binary16 (f16) each time.
    pub const F16: Self = Self { sum: unit(11), least: 1.0 / 16384.0, ..Self::EXACT };
    /// Rounding to the nearest binary32 (f32) each time, and once to the nearest binary16 at the
    /// end.
    pub const F16_IN_F32: Self = Self { sum: unit(24), store: unit(11), stores: 1, ..Self::F16 };

    /// Returns this rounding with sums stored in the result's type `times` times on the way: parts
    /// of the sum.
    #[must_use]
    pub const fn stored(self, times: usize) -> Self {
        Self { stores: times, ..self }
    }

    /// Returns this rounding, but to either of the two nearest numbers, as GPUs may: towards zero,
    /// for example.
    #[must_use]
    pub const fn any(self) -> Self {
        Self { nearest: false, sum: 2.0 * self.sum, store: 2.0 * self.store, ..self }
    }

    /// Returns the largest error of an element, as a fraction of the sum of its products' absolute
    /// values.
    fn of_element(self, k: usize) -> f64 {
        let once = |times: usize, unit: f64| times as f64 * unit.ln_1p();
        // The reference in binary64 is not exact either.
        let reference = if self.sum > 0.0 { once(k, unit(53)).exp_m1() } else { 0.0 };
        (once(k, self.sum) + once(self.stores, self.store)).exp_m1() + reference
    }

    /// Returns the largest error of the sum of a row in a block of `width` columns, as a fraction
    /// of the product of the row's norm and the block's.
    fn of_row(self, k: usize, width: usize) -> f64 {
        let [k, width, stores] = [k, width, self.stores].map(|count| count as f64);
        let (sums, stores) =
            if self.nearest { (1.0, (stores / k).sqrt()) } else { (k.sqrt(), stores / k.sqrt()) };
        // The check's own roundings: of B·r and C·r, which have `width` terms each, and of A·(B·r).
        let check = if self.sum > 0.0 { unit(53) * (1.0 + 2.0 * (width / k).sqrt()) } else { 0.0 };
        CHANCE * (self.sum * sums + self.store * stores + check)
    }

    /// Returns the largest error of a sum of `elements` elements due to results that are flushed to
    /// zero.
    fn flushed(self, elements: usize) -> f64 {
        self.least * self.stores.max(1) as f64 * elements as f64
    }
}

/// Returns the unit roundoff of numbers with this many bits.
const fn unit(bits: u32) -> f64 {
    1.0 / (1_u64 << bits) as f64
}

/// Two factors and what is claimed to be their product, all row by row.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, A, B, C> {
    /// Shape of the product.
    pub shape: Shape,
    /// Left factor: m × k numbers.
    pub a: &'a [A],
    /// Right factor: k × n numbers, independent of each other and not zero. Unless the product is
    /// exact, they must be as often negative as positive.
    pub b: &'a [B],
    /// Product to check: m × n numbers.
    pub c: &'a [C],
    /// How the product was computed.
    pub rounding: Rounding,
}

impl<A: Input, B: Input, C: Output> Product<'_, A, B, C> {
    /// Checks the product. The random signs are drawn from `seed`, which must not have been known
    /// when the product was computed.
    ///
    /// # Errors
    ///
    /// When a place is wrong, the first by rows; or when there is no memory for the check, which
    /// takes some k n / 5 bytes.
    pub fn check(&self, seed: u64) -> Result<(), WorkloadError> {
        let Self { shape, a, b, c, .. } = self;
        let [m, n, k] = [shape.m(), shape.n(), shape.k()];
        for (found, expected) in [(a.len(), m * k), (b.len(), k * n), (c.len(), m * n)] {
            if found != expected {
                return Err(CheckError::Length { found, expected }.into());
            }
        }
        if shape.flops() / 2 <= SMALL as u64 {
            self.check_elements()?;
            return Ok(());
        }
        self.check_sums(seed)
    }

    fn check_elements(&self) -> Result<(), CheckError> {
        let [n, k] = [self.shape.n(), self.shape.k()];
        let share = self.rounding.of_element(k);
        for (row, (a, c)) in self.a.chunks_exact(k).zip(self.c.chunks_exact(n)).enumerate() {
            for (column, &c) in c.iter().enumerate() {
                let (mut expected, mut size) = (0.0, 0.0);
                for (a, b) in a.iter().zip(self.b[column..].iter().step_by(n)) {
                    let product = a.to_f64() * b.to_f64();
                    expected += product;
                    size += product.abs();
                }
                if c.is_unwritten() {
                    return Err(CheckError::Unwritten { row, column });
                }
                let (found, bound) = (c.to_f64(), share * size + self.rounding.flushed(1));
                if !within(found, expected, bound) {
                    return Err(CheckError::Element { row, column, found, expected, bound });
                }
            }
        }
        Ok(())
    }

    fn check_sums(&self, seed: u64) -> Result<(), WorkloadError> {
        let [m, n, k] = [self.shape.m(), self.shape.n(), self.shape.k()];
        let signs = Signs::new(n, seed)?;
        let blocks = n.div_ceil(COLUMNS);
        let sums = blocks * VECTORS;

        // B·r, in panels: the sums of all rows of B, a few columns at a time, lie together.
        let panels = sums.div_ceil(PANEL);
        let mut product = reserve(panels * k, [0.0; PANEL])?;
        let mut by_rows = reserve(k * sums, 0.0)?;
        rows_at_once(&mut by_rows, sums, &|row, sums| {
            signs.sum(&self.b[row * n..(row + 1) * n], sums);
        });
        into_panels(&by_rows, sums, &mut product, k);
        drop(by_rows);

        let squares = sum_of_rows(k, blocks, &|row, squares| {
            for (square, b) in
                squares.iter_mut().zip(self.b[row * n..(row + 1) * n].chunks(COLUMNS))
            {
                *square += b.iter().map(|b| b.to_f64().powi(2)).sum::<f64>();
            }
        });

        // Some rows at a time, so that a panel is read once for all of them.
        let wrong = first_wrong(m.div_ceil(ROWS), &|group| {
            let rows = group * ROWS..m.min((group + 1) * ROWS);
            let a = &self.a[rows.start * k..rows.end * k];
            let a: Vec<f64> = a.iter().map(|a| a.to_f64()).collect();
            let expected = expected_sums(&a, &product, k);
            let of_rows = expected.chunks_exact(panels * PANEL).zip(a.chunks_exact(k));
            rows.zip(of_rows).find_map(|(row, (expected, a))| {
                let norm = a.iter().map(|a| a * a).sum::<f64>().sqrt();
                self.check_row(row, &signs, expected, norm, &squares).err()
            })
        });
        wrong.map_or(Ok(()), |wrong| Err(wrong.into()))
    }

    fn check_row(
        &self,
        row: usize,
        signs: &Signs,
        expected: &[f64],
        norm: f64,
        squares: &[f64],
    ) -> Result<(), CheckError> {
        let [n, k] = [self.shape.n(), self.shape.k()];
        let c = &self.c[row * n..(row + 1) * n];
        if let Some(column) = c.iter().position(|c| c.is_unwritten()) {
            return Err(CheckError::Unwritten { row, column });
        }
        let mut found = vec![0.0; expected.len()];
        signs.sum(c, &mut found);
        for (block, square) in squares.iter().enumerate() {
            let columns = block * COLUMNS..n.min((block + 1) * COLUMNS);
            let bound = self.rounding.of_row(k, columns.len()) * norm * square.sqrt()
                + self.rounding.flushed(columns.len());
            for sum in block * VECTORS..(block + 1) * VECTORS {
                let (found, expected) = (found[sum], expected[sum]);
                if !within(found, expected, bound) {
                    return Err(CheckError::Sum { row, columns, found, expected, bound });
                }
            }
        }
        Ok(())
    }
}

// What all threads share does not know the types of the numbers, for each of which rayon's part of it would be compiled.

/// Has the threads fill rows of `width` numbers; `fill` is given the index of the row, from 0.
fn rows_at_once(rows: &mut [f64], width: usize, fill: &(dyn Fn(usize, &mut [f64]) + Sync)) {
    rows.par_chunks_mut(width).enumerate().for_each(|(row, out)| fill(row, out));
}

/// Rearranges rows of `sums` sums into panels.
fn into_panels(by_rows: &[f64], sums: usize, panels: &mut [[f64; PANEL]], rows: usize) {
    panels.par_chunks_mut(rows).enumerate().for_each(|(panel, out)| {
        for (out, sums) in out.iter_mut().zip(by_rows.chunks(sums)) {
            let sums = &sums[panel * PANEL..];
            let count = sums.len().min(PANEL);
            out[..count].copy_from_slice(&sums[..count]);
        }
    });
}

/// Adds up over all rows what `add` adds to each of `sums` sums.
fn sum_of_rows(rows: usize, sums: usize, add: &(dyn Fn(usize, &mut [f64]) + Sync)) -> Vec<f64> {
    let none = || vec![0.0; sums];
    let parts = (0..rows).into_par_iter().fold(none, |mut sums, row| {
        add(row, &mut sums);
        sums
    });
    parts.reduce(none, |mut sums, others| {
        sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        sums
    })
}

fn first_wrong(
    groups: usize,
    check: &(dyn Fn(usize) -> Option<CheckError> + Sync),
) -> Option<CheckError> {
    (0..groups).into_par_iter().find_map_first(check)
}

/// Returns A·(B·r) of rows of A: for each of them the sums of all panels.
fn expected_sums(a: &[f64], product: &[[f64; PANEL]], k: usize) -> Vec<f64> {
    let panels = product.len() / k;
    let mut expected = vec![0.0; a.len() / k * panels * PANEL];
    for (panel, product) in product.chunks_exact(k).enumerate() {
        for (row, a) in a.chunks_exact(k).enumerate() {
            let mut sums = [0.0; PANEL];
            for (a, product) in a.iter().zip(product) {
                for (sum, product) in sums.iter_mut().zip(product) {
                    *sum += a * product;
                }
            }
            let at = (row * panels + panel) * PANEL;
            expected[at..at + PANEL].copy_from_slice(&sums);
        }
    }
    expected
}

/// Returns whether a number is within the bound; false for NaN.
fn within(found: f64, expected: f64, bound: f64) -> bool {
    (found - expected).abs() <= bound
}

/// Number of sums that are computed at a time: as many as registers hold.
const PANEL: usize = 8;

/// Number of rows of A that a panel is read for at once.
const ROWS: usize = 16;

/// Random signs: 1 or -1 for each column, [`VECTORS`] times.
struct Signs {
    of_vectors: Vec<f64>,
    columns: usize,
}

impl Signs {
    fn new(columns: usize, seed: u64) -> Result<Self, WorkloadError> {
        let mut of_vectors = reserve(columns * VECTORS, 1.0)?;
        // Inputs that were filled from the same seed have signs of their own.
        let seed = !seed;
        for (at, sign) in of_vectors.iter_mut().enumerate() {
            if random(seed, at as u64) & 1 == 1 {
                *sign = -1.0;
            }
        }
        Ok(Self { of_vectors, columns })
    }

    /// Adds up a row with these signs: for each block of columns, one sum for each vector.
    fn sum<T: Number>(&self, row: &[T], sums: &mut [f64]) {
        for (block, row) in row.chunks(COLUMNS).enumerate() {
            for vector in 0..VECTORS {
                let signs = &self.of_vectors[vector * self.columns + block * COLUMNS..];
                let signed = row.iter().zip(signs).map(|(number, sign)| number.to_f64() * sign);
                sums[block * VECTORS + vector] = signed.sum();
            }
        }
    }
}

/// How a result of a workload is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckError {
    /// No work was done since the last check.
    Nothing,
    /// There are too many numbers, or too few.
    Length {
        /// Count of the numbers that were found.
        found: usize,
        /// Count of the numbers that there must be.
        expected: usize,
    },
    /// An element of a matrix was not written, or is not a number.
    Unwritten {
        /// Row of the element, from 0.
        row: usize,
        /// Column of the element, from 0.
        column: usize,
    },
    /// An element of a matrix is wrong.
    Element {
        /// Row of the element, from 0.
        row: usize,
        /// Column of the element, from 0.
        column: usize,
        /// Value that was found.
        found: f64,
        /// Value that is right, as computed in binary64.
        expected: f64,
        /// Largest difference between the two that is allowed.
        bound: f64,
    },
    /// The sum of elements of a row of a matrix, with random signs, is wrong.
    Sum {
        /// Row of the elements, from 0.
        row: usize,
        /// Columns of the elements, from 0.
        columns: Range<usize>,
        /// Sum that was found.
        found: f64,
        /// Sum that is right, as computed in binary64.
        expected: f64,
        /// Largest difference between the two that is allowed.
        bound: f64,
    },
    /// One of many numbers that are known exactly is wrong.
    Number {
        /// Index of the number, from 0.
        place: u64,
        /// Value that was found.
        found: f64,
        /// Value that is right.
        expected: f64,
    },
}

impl std::error::Error for CheckError {}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing was done since the last check"),
            Self::Length { found, expected } => {
                write!(f, "{found} numbers where {expected} belong")
            }
            Self::Unwritten { row, column } => {
                write!(f, "the element in row {row}, column {column} was not computed")
            }
            Self::Element { row, column, found, expected, bound } => write!(
                f,
                "the element in row {row}, column {column} is {found}, not {expected} within {bound:.1e}"
            ),
            Self::Sum { row, columns, found, expected, bound } => write!(
                f,
                "columns {} to {} of row {row}, added with random signs, are {found}, not \
                 {expected} within {bound:.1e}",
                columns.start,
                columns.end - 1
            ),
            Self::Number { place, found, expected } => {
                write!(f, "number {place} is {found}, not {expected}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::{AddAssign, Mul};

    use proptest::prelude::*;

    use super::*;
    use crate::workload::number::{F16, fill};

    fn filled<T: Input>(len: usize, seed: u64) -> Vec<T> {
        let mut all = vec![T::from_random(0); len];
        fill(&mut all, seed);
        all
    }

    /// The schoolbook product, every step rounded as the type does.
    fn multiply<T>(shape: Shape, a: &[T], b: &[T]) -> Vec<T>
    where
        T: Copy + Default + Send + Sync + AddAssign + Mul<Output = T>,
    {
        let [n, k] = [shape.n(), shape.k()];
        let mut c = vec![T::default(); shape.m() * n];
        c.par_chunks_mut(n).zip(a.par_chunks(k)).for_each(|(c, a)| {
            for (&a, b) in a.iter().zip(b.chunks(n)) {
                c.iter_mut().zip(b).for_each(|(c, &b)| *c += a * b);
            }
        });
        c
    }

    fn single(numbers: &[F16]) -> Vec<f32> {
        numbers.iter().map(|number| number.to_f64() as f32).collect()
    }

    /// Rounds to the nearest binary16, for numbers that are not too large; to zero if it is
    /// subnormal, as some devices do.
    fn half(number: f32) -> F16 {
        let bits = number.to_bits();
        // Half of the last place that stays, and ties to the even one.
        let rounded = bits + 0xfff + (bits >> 13 & 1);
        let magnitude = (rounded & 0x7fff_ffff) >> 13;
        let smallest = 113 << 10;
        let normal = if magnitude < smallest { 0 } else { magnitude - (112 << 10) };
        F16::from_bits(normal as u16 | (bits >> 31 << 15) as u16)
    }

    /// Factors and their product.
    struct Case<A, B, C> {
        shape: Shape,
        a: Vec<A>,
        b: Vec<B>,
        c: Vec<C>,
        rounding: Rounding,
    }

    impl<A: Input, B: Input, C: Output> Case<A, B, C> {
        fn check(&self) -> Result<(), WorkloadError> {
            self.check_with(&self.c, 7)
        }

        fn check_with(&self, c: &[C], seed: u64) -> Result<(), WorkloadError> {
            let Self { shape, ref a, ref b, rounding, .. } = *self;
            Product { shape, a, b, c, rounding }.check(seed)
        }

        /// Asserts that every error like this is found, at any place and for any signs.
        fn finds(&mut self, error: impl Fn(C) -> C) {
            self.check().expect("the right product");
            let [m, n] = [self.shape.m(), self.shape.n()];
            for (row, column) in [(0, 0), (m - 1, n - 1), (m / 2, n / 3), (m / 3, n - 1)] {
                let place = row * n + column;
                let right = self.c[place];
                self.c[place] = error(right);
                for seed in 0..4 {
                    match self.check_with(&self.c, seed) {
                        Err(WorkloadError::Wrong(CheckError::Sum {
                            row: found, columns, ..
                        })) => {
                            assert!(row == found && columns.contains(&column));
                        }
                        Err(WorkloadError::Wrong(CheckError::Element {
                            row: r,
                            column: c,
                            ..
                        })) => {
                            assert_eq!((r, c), (row, column));
                        }
                        other => panic!("an error at {row}, {column}: {other:?}"),
                    }
                }
                self.c[place] = C::UNWRITTEN;
                let unwritten = self.check();
                let expected = CheckError::Unwritten { row, column };
                assert!(
                    matches!(&unwritten, Err(WorkloadError::Wrong(wrong)) if *wrong == expected),
                    "{unwritten:?}"
                );
                self.c[place] = right;
            }
        }
    }

    fn case_f64(shape: Shape) -> Case<f64, f64, f64> {
        let [a, b] = [filled(shape.m() * shape.k(), 1), filled(shape.k() * shape.n(), 2)];
        Case { shape, c: multiply(shape, &a, &b), a, b, rounding: Rounding::F64 }
    }

    fn case_f32(shape: Shape) -> Case<f32, f32, f32> {
        let [a, b] = [filled(shape.m() * shape.k(), 3), filled(shape.k() * shape.n(), 4)];
        Case { shape, c: multiply(shape, &a, &b), a, b, rounding: Rounding::F32 }
    }

    fn case_f16(shape: Shape) -> Case<F16, F16, F16> {
        let [a, b] = [filled(shape.m() * shape.k(), 5), filled(shape.k() * shape.n(), 6)];
        let c = multiply(shape, &single(&a), &single(&b)).into_iter().map(half).collect();
        Case { shape, c, a, b, rounding: Rounding::F16_IN_F32 }
    }

    fn case_i8(shape: Shape) -> Case<u8, i8, i32> {
        let a: Vec<u8> = filled(shape.m() * shape.k(), 7);
        let b: Vec<i8> = filled(shape.k() * shape.n(), 8);
        let wide = a.iter().map(|&a| a.into()).collect::<Vec<i32>>();
        let c = multiply(shape, &wide, &b.iter().map(|&b| b.into()).collect::<Vec<i32>>());
        Case { shape, c, a, b, rounding: Rounding::EXACT }
    }

    /// The table of the documentation. A row is checked by itself, whose bound does not depend on how
    /// many there are: a hundred show as much as a thousand.
    #[test]
    fn an_error_in_one_element_of_many_is_found() {
        let shape = Shape::new(100, 1024, 1024).expect("small");
        let mut case = case_f64(shape);
        case.finds(|right| right + 3e-11);
        case.rounding = Rounding::F64.any();
        case.finds(|right| right - 7e-10);
        let mut case = case_f32(shape);
        case.finds(|right| right - 0.006);
        case.rounding = Rounding::F32.any();
        case.finds(|right| right + 0.4);
        let mut case = case_f16(shape);
        case.finds(|right| half(right.to_f64() as f32 + 1.41));
        case.rounding = Rounding::F16_IN_F32.any();
        case.finds(|right| half(right.to_f64() as f32 - 3.11));
        let mut case = case_i8(shape);
        case.finds(|right| right + 1);
        case.finds(|right| right ^ i32::MIN);
    }

    #[test]
    fn two_errors_that_cancel_for_some_signs_are_found() {
        let shape = Shape::square(256).expect("small");
        let mut case = case_i8(shape);
        case.c[5] += 1;
        case.c[77] -= 1;
        // Each vector hides it from one seed in two.
        let hidden = (0..64).filter(|&seed| case.check_with(&case.c, seed).is_ok()).count();
        assert!(hidden <= 24, "{hidden} of 64");
    }

    /// They are found not by what one element is off, but by what many are.
    #[test]
    fn fewer_digits_than_claimed_are_found() {
        let shape = Shape::square(512).expect("small");
        let mut case = case_f32(shape);
        let short = |numbers: &[f32]| -> Vec<f32> {
            let eleven_bits = |number: &f32| f32::from_bits((number.to_bits() + 0x1000) & !0x1fff);
            numbers.iter().map(eleven_bits).collect()
        };
        case.c = multiply(shape, &short(&case.a), &short(&case.b));
        let found = case.check();
        assert!(matches!(found, Err(WorkloadError::Wrong(CheckError::Sum { .. }))), "{found:?}");

        let mut case = case_f16(shape);
        case.rounding = Rounding::F32;
        assert!(case.check().is_err(), "binary16 passed for binary32");
        let mut case = case_f64(shape);
        case.c.iter_mut().for_each(|c| *c = f64::from(*c as f32));
        assert!(case.check().is_err(), "binary32 passed for binary64");
    }

    #[test]
    fn a_product_of_other_factors_is_found() {
        for n in [16, 300] {
            let shape = Shape::square(n).expect("small");
            let mut case = case_f32(shape);
            case.c = multiply(shape, &case.b, &case.a);
            assert!(case.check().is_err());
            case.c.fill(0.0);
            assert!(case.check().is_err());
            case.c.fill(f32::INFINITY);
            assert!(case.check().is_err());
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        let mut case = case_f32(Shape::new(3, 4, 5).expect("small"));
        case.c.push(0.0);
        let refused = case.check();
        let expected = CheckError::Length { found: 13, expected: 12 };
        assert!(matches!(refused, Err(WorkloadError::Wrong(wrong)) if wrong == expected));
    }

    proptest! {
        // Each case puts an error into four places, and looks for it with four choices of signs.
        // That none of the cases has the long side in a given place happens once in 650 runs.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn right_products_of_any_shape_pass(
            m in 1_usize..300, n in 1_usize..300, k in 1_usize..300,
        ) {
            let shape = Shape::new(m, n, k).expect("small");
            // What is off by a thousandth of what an element may come to.
            let error = |right: f32| right + 1e-3 * (k as f32).sqrt().max(1.0);
            let mut case = case_f32(shape);
            case.finds(error);
            case_f64(shape).finds(|right| right + 1e-9);
            case_f16(shape).check().expect("the right product");
            case_i8(shape).finds(|right| right - 1);
            case.rounding = Rounding::F32.any();
            case.check().expect("the right product");
        }

        /// Long sums, of few elements, and the other way round.
        #[test]
        fn right_products_of_long_shapes_pass(
            sides in prop::sample::subsequence(vec![0_usize, 1, 2], 1),
            long in 1_usize..100_000, short in 1_usize..8,
        ) {
            let side = |at| if sides.contains(&at) { long } else { short };
            let shape = Shape::new(side(0), side(1), side(2)).expect("small");
            case_f32(shape).check().expect("the right product");
            case_f64(shape).check().expect("the right product");
            case_f16(shape).check().expect("the right product");
            case_i8(shape).finds(|right| right + 1);
        }
    }
}
