//! What to do with hardware at a site.
//!
//! - [`plan`]: what goes to which use in each hour, as a linear program.

pub mod plan;
