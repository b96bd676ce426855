//! Tests of the block types: known facts of the chain, the edges of each form, and arbitrary input.

mod header;
mod notable;
mod target;
mod version;
