//! The parts of a load and a save as a benchmark sees them: one call each.
//!
//! Compiled with the feature `bench` only, which the engine's own benches turn
//! on and nobody else. As with `fuzz`, what is measured lies in its room, in
//! `bench.rs`, so that no door is opened for it; here it is given a name. What
//! is public anyway ([`crate::tar`], [`crate::image`], [`crate::archive`] and
//! what a [`crate::Store`] does) is measured from outside.
//!
//! These functions panic where the engine returns an error: a benchmark that
//! fails has measured nothing.

pub use crate::catalog::bench::open_catalog;
pub use crate::chunk::bench::{Frames, Lookup, cut_all, name_of, spread_chunks};
pub use crate::journal::bench::{replay, write_journal};
pub use crate::store::bench::{open_ledger, store_of};
