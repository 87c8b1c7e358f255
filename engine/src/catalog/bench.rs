//! The opening of a catalog, for benchmarks.
#![expect(clippy::expect_used, reason = "a benchmark that fails has measured nothing")]

use std::path::Path;

use super::Catalog;
use crate::journal::StoreId;

/// Opens the catalog at `path` as every command does, and closes it.
pub fn open_catalog(path: &Path) {
    let catalog = Catalog::open(path, StoreId([7; 16])).expect("a catalog");
    std::hint::black_box(catalog.position().expect("a sound catalog"));
}
