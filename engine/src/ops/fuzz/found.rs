//! What a store turns out to hold, beside what it should.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Cursor, Read};

use super::super::{ExportOptions, SaveOptions};
use super::model::{Model, Origin, container_name, image_name};
use crate::archive::{Format, Limits, Members};
use crate::catalog;
use crate::image::{Digest, ImageId};
use crate::store::Store;
use crate::tar::{Entries, EntryKind};
use crate::task::Task;

/// What a store holds, told by IDs.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub names: BTreeMap<String, ImageId>,
    pub images: BTreeSet<ImageId>,
    pub containers: BTreeMap<String, ImageId>,
}

impl Found {
    /// What `store` holds.
    pub fn of(store: &Store) -> Self {
        // Asked of the catalog, which is opened once for all of it.
        let ledger = store.ledger(&Task::silent()).expect("a sound store");
        let catalog = ledger.catalog();
        let images: catalog::Result<Vec<_>> = catalog.images().collect();
        let id = |image: &catalog::Image| image.main_variant().expect("it can be run").id;
        let images: HashMap<_, _> =
            images.expect("sound").iter().map(|image| (image.target, id(image))).collect();
        let names = catalog.references().map(|named| named.expect("sound"));
        let containers = catalog.containers().map(|container| container.expect("sound"));
        Self {
            names: names.map(|named| (named.name, images[&named.target])).collect(),
            containers: containers.map(|container| (container.name, container.variant.id)).collect(),
            images: images.into_values().collect(),
        }
    }
}

/// Which image has which ID, as far as one was seen.
pub struct Ids(pub BTreeMap<Origin, ImageId>);

impl Ids {
    /// Whether what was found is what `model` says; if so, remembers the IDs.
    pub fn fit(&mut self, model: &Model, found: &Found) -> bool {
        let names: BTreeMap<_, _> =
            model.names.iter().map(|(number, origin)| (image_name(*number).to_string(), origin)).collect();
        if !names.keys().eq(found.names.keys()) {
            return false;
        }
        // What is new has a name.
        let mut ids = self.0.clone();
        for (name, origin) in &names {
            ids.entry((*origin).clone()).or_insert(found.names[name]);
        }
        let id = |origin: &Origin| ids.get(origin).copied();
        let containers = model.containers.iter();
        let containers: BTreeMap<_, _> =
            containers.map(|(number, container)| (container_name(*number), id(&container.of))).collect();
        let fits = names.iter().all(|(name, origin)| id(origin) == Some(found.names[name]))
            && model.images.iter().map(id).collect::<BTreeSet<_>>()
                == found.images.iter().copied().map(Some).collect()
            && containers
                .iter()
                .map(|(name, id)| (name, *id))
                .eq(found.containers.iter().map(|(name, id)| (name, Some(*id))));
        if fits {
            self.0 = ids;
        }
        fits
    }
}

/// The blobs of `images`, by digest, as an archive of them has them.
pub fn blobs_of(store: &Store, images: impl Iterator<Item = ImageId>) -> HashMap<Digest, Vec<u8>> {
    let names: Vec<String> = images.map(|id| id.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut blobs = HashMap::new();
    if names.is_empty() {
        return blobs;
    }
    let mut archive = Vec::new();
    let options = SaveOptions { format: Format::Oci, ..SaveOptions::default() };
    store.save(&names, &mut archive, &options, &Task::silent()).expect("a sound store");
    let mut members = Members::streamed(Cursor::new(archive), &Limits::default());
    while let Some(_member) = members.next().expect("an archive that was made here") {
        let mut bytes = Vec::new();
        members.body().read_to_end(&mut bytes).expect("memory does not fail");
        blobs.insert(Digest::of(&bytes), bytes);
    }
    blobs
}

/// The files of an image or a container.
pub fn files_of(store: &Store, name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut tar = Vec::new();
    let options = ExportOptions { config: false, ..ExportOptions::default() };
    store.export(name, &mut tar, &options, &Task::silent()).expect("a sound store");
    let mut entries = Entries::new(&tar[..]);
    let mut files = BTreeMap::new();
    while let Some(found) = entries.next().expect("a tar that was made here") {
        let mut bytes = Vec::new();
        entries.payload().read_to_end(&mut bytes).expect("memory does not fail");
        if found.entry.kind == EntryKind::File {
            files.insert(String::from_utf8_lossy(&found.entry.name).into_owned(), bytes);
        }
    }
    files
}
