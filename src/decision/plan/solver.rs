//! A linear program, and the crate that solves it.
//!
//! Clarabel is an interior-point method: it has the price of every limit, and takes the same few
//! dozens of steps however large the program is.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT,
};

/// A linear program: least costs, with some sums equal to a number and others at most a number.
#[derive(Default)]
pub(super) struct Program {
    costs: Vec<f64>,
    equal: Vec<f64>,
    most: Vec<f64>,
    /// Column, row and factor of each term.
    of_equal: Vec<(usize, usize, f64)>,
    of_most: Vec<(usize, usize, f64)>,
}

/// The best columns, and the price of each row with an upper bound: by how much costs fall for one more
/// in it.
pub(super) struct Solution {
    pub(super) columns: Vec<f64>,
    /// Prices of the rows; zero or above.
    pub(super) most: Vec<f64>,
}

pub(super) enum Failure {
    /// Nothing satisfies all rows.
    Infeasible,
    /// The solver gave up, for this reason.
    Stopped(String),
}

impl Program {
    /// Adds a column, of any sign.
    pub(super) fn column(&mut self, cost: f64) -> usize {
        self.costs.push(cost);
        self.costs.len() - 1
    }

    /// Adds a row: a sum that is equal to a number.
    pub(super) fn equal(&mut self, terms: &[(usize, f64)], to: f64) -> usize {
        let row = self.equal.len();
        self.of_equal.extend(terms.iter().map(|&(column, factor)| (column, row, factor)));
        self.equal.push(to);
        row
    }

    /// Adds a row: a sum that is at most a number.
    pub(super) fn at_most(&mut self, terms: &[(usize, f64)], most: f64) -> usize {
        let row = self.most.len();
        self.of_most.extend(terms.iter().map(|&(column, factor)| (column, row, factor)));
        self.most.push(most);
        row
    }

    /// Adds a column with bounds.
    pub(super) fn within(&mut self, cost: f64, least: f64, most: f64) -> usize {
        let column = self.column(cost);
        self.at_most(&[(column, -1.0)], -least);
        self.at_most(&[(column, 1.0)], most);
        column
    }

    /// Solves the program, or returns why not. The solution is as good as the solver says it is;
    /// callers have to check it.
    pub(super) fn solve(self) -> Result<Solution, Failure> {
        if self.costs.is_empty() {
            let satisfied =
                self.equal.iter().all(|to| *to == 0.0) && self.most.iter().all(|most| *most >= 0.0);
            let nothing = Solution { columns: Vec::new(), most: vec![0.0; self.most.len()] };
            return if satisfied { Ok(nothing) } else { Err(Failure::Infeasible) };
        }
        let equals = self.equal.len();
        let (rows, columns) = (equals + self.most.len(), self.costs.len());
        let below = self.of_most.into_iter().map(|(column, row, by)| (column, row + equals, by));
        let mut entries: Vec<_> = self.of_equal.into_iter().chain(below).collect();
        entries.sort_unstable_by_key(|&(column, row, _)| (column, row));
        let mut starts = vec![0; columns + 1];
        for &(column, ..) in &entries {
            starts[column + 1] += 1;
        }
        for column in 0..columns {
            starts[column + 1] += starts[column];
        }
        let (at, by) = entries.into_iter().map(|(_, row, by)| (row, by)).unzip();
        let matrix = CscMatrix::new(rows, columns, starts, at, by);
        let limits: Vec<f64> = self.equal.into_iter().chain(self.most).collect();
        let cones =
            [SupportedConeT::ZeroConeT(equals), SupportedConeT::NonnegativeConeT(rows - equals)];
        let settings = DefaultSettingsBuilder::default()
            .verbose(false)
            // Otherwise the order of elimination is searched for twice.
            .direct_solve_method("qdldl".to_owned())
            .build()
            .map_err(|error| Failure::Stopped(error.to_string()))?;
        let no_squares = CscMatrix::zeros((columns, columns));
        let mut solver =
            DefaultSolver::new(&no_squares, &self.costs, &matrix, &limits, &cones, settings)
                .map_err(|error| Failure::Stopped(error.to_string()))?;
        solver.solve();
        let solution = solver.solution;
        match solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => {}
            SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible => {
                return Err(Failure::Infeasible);
            }
            status => return Err(Failure::Stopped(format!("{status:?}"))),
        }
        let (_, most) = solution.z.split_at(equals);
        Ok(Solution {
            columns: solution.x,
            most: most.iter().map(|price| price.max(0.0)).collect(),
        })
    }
}
