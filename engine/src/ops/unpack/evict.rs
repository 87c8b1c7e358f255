//! Taking unpacked layers away that nobody will mount soon.

use std::collections::HashSet;

use super::{dir, names_of};
use crate::Result;
use crate::catalog::{Catalog, Variant};
use crate::store::{LAYERS, LOCK, Store};

/// Whose unpacked layers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Keeping {
    /// Those of containers.
    Containers,
    /// Those of images too.
    Images,
}

/// The names of unpacked layers that are to be kept, if they are there.
pub(in crate::ops) fn unpacked_of(catalog: &Catalog, keeping: Keeping) -> Result<HashSet<String>> {
    let mut kept = HashSet::new();
    let mut keep = |variant: &Variant| {
        kept.extend(names_of(variant));
    };
    for container in catalog.containers() {
        keep(&container?.variant);
    }
    if keeping == Keeping::Images {
        for image in catalog.images() {
            image?.variants.iter().for_each(&mut keep);
        }
    }
    Ok(kept)
}

impl Store {
    /// Removes all unpacked layers but those `kept`. Gives what they took on the disk.
    pub(in crate::ops) fn evict(&self, kept: &HashSet<String>) -> Result<u64> {
        let mut freed_bytes = 0;
        for entry in self.disk().list(LAYERS)? {
            if entry.name == LOCK || kept.contains(&entry.name) {
                continue;
            }
            let name = dir(&entry.name);
            let usage = self.disk().usage(&name)?;
            if entry.is_dir {
                self.disk().remove_tree(&name)?
            } else {
                self.disk().remove(&name)?
            }
            freed_bytes += usage.iter().map(|file| file.bytes).sum::<u64>();
        }
        Ok(freed_bytes)
    }
}
