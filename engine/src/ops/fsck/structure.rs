//! The first part of a check: the journal, the catalog, and what names what.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use crate::Result;
use crate::catalog::{self, Blob, Catalog, Container, Image, Named};
use crate::image::{Digest, Reference};
use crate::store::Store;
use crate::task::Task;

/// What the catalog says, as it was when it was asked.
pub(super) struct Structure {
    pub images: Vec<Image>,
    pub containers: Vec<Container>,
    pub blobs: Vec<Blob>,
    references: Vec<Named>,
    /// The images and containers that need each blob, by name or ID.
    users: BTreeMap<Digest, BTreeSet<String>>,
}

impl Structure {
    /// Reads it, and finds what is wrong with the journal; `compares` if the catalog
    /// is to be compared with one that is made again.
    pub fn read(store: &Store, compares: bool, faults: &mut Vec<Fault>, task: &Task) -> Result<Self> {
        let ledger = store.ledger(task)?;
        let catalog = ledger.catalog();
        let images = catalog.images().collect::<Result<Vec<_>, catalog::Error>>()?;
        let blobs = catalog.blobs().collect::<Result<Vec<_>, catalog::Error>>()?;
        let containers = catalog.containers().collect::<Result<Vec<_>, catalog::Error>>()?;
        let references = catalog.references().collect::<Result<Vec<_>, catalog::Error>>()?;
        let users = users(catalog, &images, &containers)?;
        match ledger.check(store, compares, task) {
            Ok(true) => {}
            Ok(false) => faults.push(Fault::harmless("catalog", "it does not say what the journal says")),
            Err(error) if error.kind() == crate::ErrorKind::Corrupt => {
                faults.push(Fault::of("journal", &error));
            }
            Err(error) => return Err(error),
        }
        Ok(Self { images, containers, blobs, references, users })
    }

    /// Who needs the blob.
    pub fn users_of(&self, blob: &Digest) -> Vec<String> {
        self.users.get(blob).into_iter().flatten().cloned().collect()
    }

    /// What names something that is not there, and what nothing names.
    pub fn faults(&self) -> Vec<Fault> {
        let targets: BTreeSet<_> = self.images.iter().map(|image| image.target).collect();
        let there: BTreeSet<_> = self.blobs.iter().map(|blob| blob.digest).collect();
        let dangling = self.references.iter().filter(|named| !targets.contains(&named.target));
        let dangling = dangling.map(|named| Fault {
            images: vec![named.name.clone()],
            ..Fault::harmless(&*named.name, "it names an image that is not there")
        });
        let unused = there.iter().filter(|digest| !self.users.contains_key(digest)).map(|digest| {
            Fault::harmless(digest.to_string(), "no image and no container needs the blob; gc forgets it")
        });
        let missing = self.users.keys().filter(|digest| !there.contains(digest)).map(|digest| Fault {
            images: self.users_of(digest),
            ..Fault::harmless(digest.to_string(), "the blob is missing")
        });
        let layers: BTreeSet<_> = self
            .images
            .iter()
            .flat_map(|image| &image.variants)
            .flat_map(|variant| variant.layers.iter().map(|layer| layer.blob))
            .collect();
        let is_mere_content = |blob: &&Blob| layers.contains(&blob.digest) && blob.is_other();
        let others = self.blobs.iter().filter(is_mere_content).map(|blob| Fault {
            images: self.users_of(&blob.digest),
            ..Fault::harmless(blob.digest.to_string(), "the layer is recorded as mere content")
        });
        dangling.chain(unused).chain(missing).chain(others).collect()
    }
}

fn users(
    catalog: &Catalog,
    images: &[Image],
    containers: &[Container],
) -> Result<BTreeMap<Digest, BTreeSet<String>>> {
    let mut users: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
    for image in images {
        let told = told_names(catalog, image)?;
        for blob in image.blobs() {
            users.entry(blob).or_default().extend(told.iter().cloned());
        }
    }
    for container in containers {
        for blob in container.blobs() {
            users.entry(blob).or_default().insert(format!("container {}", container.name));
        }
    }
    Ok(users)
}

fn told_names(catalog: &Catalog, image: &Image) -> Result<Vec<String>> {
    let names = catalog.names_of(&image.target)?;
    let names: Vec<_> =
        names.iter().filter_map(|named| Some(named.name.parse::<Reference>().ok()?.familiar())).collect();
    Ok(if names.is_empty() { vec![image.id().to_string()] } else { names })
}
