//! What every image, layer and container takes of the packs, to the byte.
//!
//! The bytes of a pack are **structure** (headers and trailer), or the compressed bytes
//! of chunks; of those a chunk has the part of its frame that its length is of all. What
//! is needed by one image only is that image's **own**, what several need is **shared**,
//! and what nothing needs is **garbage**: that makes up the whole file.

mod account;
mod classes;
mod freed;
mod growth;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::find_container::is_of;
use super::unpack;
use super::usage::{Content, Usage};
use crate::Result;
use crate::catalog::{self, Blob, Catalog, Container, ContainerId, Image, Kind};
use crate::disk::Allocated;
use crate::image::{DiffId, Digest, ImageId, Reference};
use crate::runtime::read_status;
use crate::store::{CONTAINERS, LAYERS, LOCK, Store};
use crate::task::Task;
use account::Account;
use classes::Needs;
pub use freed::Forecast;
use freed::PackUse;
pub use growth::Moment;
use read::{Owners, Sorted};

/// What everything in a store takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// What [`Store::usage`] says.
    pub usage: Usage,
    /// What the packs hold, to the byte.
    pub packed: Packed,
    /// The images, each ID once, those that take most first.
    pub images: Vec<ImageUse>,
    /// The layers of all images and containers, those that take most first.
    pub layers: Vec<LayerUse>,
    /// The containers, those that take most first.
    pub containers: Vec<ContainerUse>,
    /// How the store came to what it holds, the oldest commit first.
    pub growth: Vec<Moment>,
    /// What `gc` removes besides what is in packs: work that was cut short, and
    /// unpacked layers that no container stands on.
    pub leftover_bytes: u64,
    needs: Needs,
    class_bytes: Vec<u64>,
    /// Who needs each blob, by number: images first, then containers.
    owners: Vec<Vec<u32>>,
    /// The image of each number.
    owner_ids: Vec<ImageId>,
    packs: Vec<PackUse>,
    index_bytes: u64,
}

/// What the packs hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// Needed by one image and nothing else.
    pub own_bytes: u64,
    /// Needed by several images, or by an image and a container.
    pub shared_bytes: u64,
    /// Needed by containers only, whose image is gone.
    pub containers_bytes: u64,
    /// Needed by nothing.
    pub garbage_bytes: u64,
    /// Headers and trailers.
    pub structure_bytes: u64,
    /// What the packs take on the disk beyond their length, with their directory; less
    /// than nothing where the file system compresses.
    pub slack_bytes: i64,
}

impl Packed {
    /// How long all packs are together.
    pub fn length_bytes(&self) -> u64 {
        self.own_bytes + self.shared_bytes + self.containers_bytes + self.garbage_bytes + self.structure_bytes
    }
}

/// What an image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// Its ID.
    pub id: ImageId,
    /// Its names, sorted.
    pub references: Vec<Reference>,
    /// When it was made, as its config says.
    pub created: Option<jiff::Timestamp>,
    /// The bytes of files in its layers, as Docker counts an image's size.
    pub content_bytes: u64,
    /// The bytes in packs that nothing else needs.
    pub own_bytes: u64,
    /// The bytes in packs that another image or a container needs too.
    pub shared_bytes: u64,
    /// The part of `shared_bytes` that no other image needs: containers hold it.
    pub held_bytes: u64,
    /// Whether a container was created of it.
    pub is_used: bool,
    /// Its layers as places in [`Survey::layers`], base first.
    pub layers: Vec<usize>,
    /// The blobs that it needs, by number.
    blobs: Vec<u32>,
}

impl ImageUse {
    /// What it stands on in all.
    pub fn stored_bytes(&self) -> u64 {
        self.own_bytes + self.shared_bytes
    }
}

/// What a layer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerUse {
    /// The blob, compressed or not.
    pub blob: Digest,
    /// The digest of the plain tar.
    pub diff_id: DiffId,
    /// The bytes of files in it.
    pub content_bytes: u64,
    /// The bytes in packs that nothing else needs.
    pub own_bytes: u64,
    /// The bytes in packs that another layer or document needs too.
    pub shared_bytes: u64,
    /// The images that have it, as places in [`Survey::images`].
    pub images: Vec<usize>,
}

/// What a container takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerUse {
    /// Its ID.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The image that it was created of.
    pub image: ImageId,
    /// The bytes of files that it wrote.
    pub writable_bytes: u64,
    /// What its directory takes on the disk.
    pub disk_bytes: u64,
    /// The bytes in packs that nothing else needs.
    pub own_bytes: u64,
    /// The bytes in packs that an image or another container needs too.
    pub shared_bytes: u64,
    /// Whether it runs.
    pub is_live: bool,
}

impl Store {
    /// What every image, layer and container takes, to the byte.
    ///
    /// Each recipe is read once; memory grows with the chunks of the store, some four
    /// bytes each, and with what images share, not with what they hold.
    ///
    /// ```
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let survey = store.survey(&Task::silent())?;
    /// let image = &survey.images[0];
    /// assert_eq!(survey.freed_by(&[image.id].into()), image.own_bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be read, or the task is told to stop.
    pub fn survey(&self, task: &Task) -> Result<Survey> {
        self.healing(task, || self.survey_once(task))
    }

    fn survey_once(&self, task: &Task) -> Result<Survey> {
        let access = self.share(task)?;
        let ledger = self.ledger(task)?;
        let catalog = ledger.catalog();
        let images = catalog.images().collect::<Result<Vec<_>, catalog::Error>>()?;
        let containers = catalog.containers().collect::<Result<Vec<_>, catalog::Error>>()?;
        let mut owners = Owners::of(&images, &containers);
        let mut reader = self.reader(&access, task)?;
        let mut sorted = Sorted::read(catalog, &mut owners, &mut reader, task)?;
        let account = Account::of(&sorted, &owners, reader.index(), task)?;
        let names = names(catalog)?;
        let arrivals = growth::arrivals(&ledger, &sorted.blobs, task)?;
        drop(ledger);
        let allocated = self.disk().usage("")?;
        let is_active = |image: &&Image| containers.iter().any(|container| is_of(container, image));
        let active: Vec<_> = images.iter().filter(is_active).collect();
        let garbage_bytes = account.packed.garbage_bytes;
        let content = Content { images: &images, active: &active, garbage_bytes };
        let usage = self.measured(&content, &containers, &allocated)?;
        let tops = by_top(&allocated);
        let taken = |name: &str| tops.get(name).copied().unwrap_or_default();
        let mut packed = account.packed;
        packed.slack_bytes = taken("packs") as i64 - packed.length_bytes() as i64;
        let mut survey = Survey {
            usage,
            packed,
            images: account.images(&images, &owners, &names, &active),
            layers: account.layers(&sorted.blobs),
            containers: Vec::new(),
            growth: growth::moments(&arrivals, &sorted, &account),
            leftover_bytes: self.leftovers(&containers, &taken)?,
            needs: std::mem::take(&mut sorted.needs),
            class_bytes: account.class_bytes.clone(),
            owner_ids: owners.ids.clone(),
            owners: std::mem::take(&mut owners.of_blob),
            packs: account.packs.clone(),
            index_bytes: taken("index"),
        };
        for pack in &mut survey.packs {
            pack.disk_bytes = taken(&pack.id.file());
        }
        for (container, (own_bytes, shared_bytes)) in containers.iter().zip(account.containers(&owners)) {
            let dir = Self::container_dir(&container.id);
            survey.containers.push(ContainerUse {
                id: container.id,
                name: container.name.clone(),
                image: container.variant.id,
                writable_bytes: self.writable_bytes(&container.id)?,
                disk_bytes: taken(&dir),
                own_bytes,
                shared_bytes,
                is_live: read_status(&**self.disk(), &dir)?.state.is_live(),
            });
        }
        survey.connect(&images);
        Ok(survey)
    }

    /// What `gc` removes outside of the packs.
    fn leftovers(&self, containers: &[Container], taken: &dyn Fn(&str) -> u64) -> Result<u64> {
        let known: BTreeSet<_> = containers.iter().map(|container| container.id.to_string()).collect();
        let kept: BTreeSet<_> =
            containers.iter().flat_map(|container| unpack::names_of(&container.variant)).collect();
        let mut bytes = 0;
        for entry in self.disk().list("tmp")? {
            bytes += taken(&format!("tmp/{}", entry.name));
        }
        for entry in self.disk().list(CONTAINERS)? {
            if !known.contains(&entry.name) {
                bytes += taken(&format!("{CONTAINERS}/{}", entry.name));
            }
        }
        for entry in self.disk().list(LAYERS)? {
            if entry.name != LOCK && !kept.contains(&entry.name) {
                bytes += taken(&format!("{LAYERS}/{}", entry.name));
            }
        }
        Ok(bytes)
    }
}

/// What everything takes that lies in the store, or in a directory of it, with all below.
fn by_top(allocated: &[Allocated]) -> HashMap<&str, u64> {
    let mut tops = HashMap::new();
    for Allocated { name, bytes } in allocated {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for end in ends.take(2) {
            *tops.entry(name.get(..end).unwrap_or(name)).or_default() += bytes;
        }
    }
    tops
}

/// The names of each image, by target.
fn names(catalog: &Catalog) -> Result<HashMap<Digest, Vec<Reference>>> {
    let mut names: HashMap<Digest, Vec<Reference>> = HashMap::new();
    for named in catalog.references() {
        let named = named?;
        names.entry(named.target).or_default().extend(named.name.parse().ok());
    }
    Ok(names)
}

impl Survey {
    /// The survey of a store that is not there.
    pub fn of_nothing(usage: Usage) -> Self {
        Self {
            usage,
            packed: Packed::default(),
            images: Vec::new(),
            layers: Vec::new(),
            containers: Vec::new(),
            growth: Vec::new(),
            leftover_bytes: 0,
            needs: Needs::default(),
            class_bytes: Vec::new(),
            owners: Vec::new(),
            owner_ids: Vec::new(),
            packs: Vec::new(),
            index_bytes: 0,
        }
    }

    /// Puts everything in order, and tells images and layers of each other.
    fn connect(&mut self, images: &[Image]) {
        self.layers.sort_by(|a, b| {
            let bytes = |layer: &LayerUse| layer.own_bytes + layer.shared_bytes;
            bytes(b).cmp(&bytes(a)).then_with(|| a.blob.cmp(&b.blob))
        });
        self.images.sort_by(|a, b| {
            b.stored_bytes()
                .cmp(&a.stored_bytes())
                .then_with(|| a.references.cmp(&b.references))
                .then_with(|| a.id.cmp(&b.id))
        });
        self.containers.sort_by(|a, b| b.disk_bytes.cmp(&a.disk_bytes).then_with(|| a.name.cmp(&b.name)));
        let of_blob: HashMap<_, _> =
            self.layers.iter().enumerate().map(|(at, layer)| (layer.blob, at)).collect();
        let main: BTreeMap<_, _> =
            images.iter().filter_map(|image| Some((image.id(), image.main_variant()?))).collect();
        let mut having: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.layers.len()];
        let of_id: HashMap<_, _> = self.images.iter().enumerate().map(|(at, image)| (image.id, at)).collect();
        for image in images {
            let Some(at) = of_id.get(&image.id()) else { continue };
            for layer in image.variants.iter().flat_map(|variant| &variant.layers) {
                if let Some(having) = of_blob.get(&layer.blob).and_then(|layer| having.get_mut(*layer)) {
                    having.insert(*at);
                }
            }
        }
        for (layer, having) in self.layers.iter_mut().zip(having) {
            layer.images = having.into_iter().collect();
        }
        for image in &mut self.images {
            let layers = main.get(&image.id).into_iter().flat_map(|variant| &variant.layers);
            image.layers = layers.filter_map(|layer| of_blob.get(&layer.blob).copied()).collect();
        }
    }

    /// The bytes in packs that these images (places in [`Survey::images`]) need together.
    pub fn stored_by(&self, images: &[usize]) -> u64 {
        let classes: BTreeSet<u32> = images.iter().flat_map(|image| self.classes_of(*image)).collect();
        classes.iter().map(|class| self.class_bytes.get(*class as usize).copied().unwrap_or_default()).sum()
    }

    fn classes_of(&self, image: usize) -> BTreeSet<u32> {
        let blobs = self.images.get(image).into_iter().flat_map(|image| &image.blobs);
        blobs.flat_map(|blob| self.needs.of(*blob)).copied().collect()
    }

    /// The bytes in packs that each two of these images (places in [`Survey::images`])
    /// both need; of an image and itself all that it needs.
    pub fn shared_between(&self, images: &[usize]) -> Vec<Vec<u64>> {
        let classes: Vec<_> = images.iter().map(|image| self.classes_of(*image)).collect();
        let bytes = |class: &u32| self.class_bytes.get(*class as usize).copied().unwrap_or_default();
        let both = |one: &BTreeSet<u32>, other: &BTreeSet<u32>| one.intersection(other).map(bytes).sum();
        classes.iter().map(|one| classes.iter().map(|other| both(one, other)).collect()).collect()
    }
}

/// A layer's part of a blob's record.
fn layer_of(blob: &Blob) -> Option<(DiffId, u64)> {
    match blob.kind {
        Kind::Layer { diff_id, content_bytes, .. } => Some((diff_id, content_bytes)),
        Kind::Document | Kind::Other => None,
    }
}
