//! What the store takes on the disk, and for what.

use std::collections::{BTreeMap, HashMap};

use super::find_container::is_of;
use super::marks::mark;
use crate::Result;
use crate::catalog::{self, Container, Image};
use crate::disk::Allocated;
use crate::image::DiffId;
use crate::runtime::read_status;
use crate::store::Store;
use crate::task::Task;

/// What the store takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// How many images there are.
    pub images_total: u64,
    /// How many of them a container uses.
    pub images_active: u64,
    /// The bytes of files in all layers, each layer counted once.
    pub images_content_bytes: u64,
    /// The part of it in layers that only unused images have.
    pub reclaimable_bytes: u64,
    /// How many containers there are.
    pub containers_total: u64,
    /// How many of them run.
    pub containers_active: u64,
    /// The bytes of files that containers wrote.
    pub containers_bytes: u64,
    /// The part of it that containers wrote which do not run.
    pub containers_reclaimable_bytes: u64,
    /// What the store takes on the disk: every file and directory of it is in
    /// exactly one area.
    pub disk: Vec<Area>,
    /// The part of the packs that nothing needs; `gc` gives it back.
    pub garbage_bytes: u64,
}

/// What one part of the store takes on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Which part: `packs`, `index`, `journal`, …; `other` for the store's own
    /// directory and what belongs to no part.
    pub name: &'static str,
    /// Bytes on disk, as `du --block-size=1` counts them.
    pub bytes: u64,
    /// How many files and directories.
    pub files: u64,
}

/// The parts of a store, and the rest.
const AREAS: [&str; 8] = ["packs", "index", "journal", "catalog", "containers", "layers", "tmp", "other"];

impl Usage {
    /// What the store takes on the disk in all: what `du -s --block-size=1` says.
    pub fn disk_bytes(&self) -> u64 {
        self.disk.iter().map(|area| area.bytes).sum()
    }
}

impl Store {
    /// What the store takes, and for what.
    ///
    /// ```
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let usage = store.usage()?;
    /// println!("{} bytes on disk, {} of them garbage", usage.disk_bytes(), usage.garbage_bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn usage(&self) -> Result<Usage> {
        let task = self.listener();
        self.healing(&task, || self.usage_once(&task))
    }

    fn usage_once(&self, task: &Task) -> Result<Usage> {
        let access = self.share(task)?;
        let ledger = self.ledger(task)?;
        let images = ledger.catalog().images().collect::<Result<Vec<_>, catalog::Error>>()?;
        let containers = ledger.catalog().containers().collect::<Result<Vec<_>, catalog::Error>>()?;
        let is_active = |image: &&Image| containers.iter().any(|container| is_of(container, image));
        let active: Vec<_> = images.iter().filter(is_active).collect();
        let mut reader = self.reader(&access, task)?;
        let garbage_bytes = mark(ledger.catalog(), &mut reader, task)?.dead_bytes(reader.index())?;
        // The database is closed before it is measured: it writes when it closes.
        drop(ledger);
        let content = Content { images: &images, active: &active, garbage_bytes };
        self.measured(&content, &containers, &self.disk().usage("")?)
    }

    /// The usage of a store whose files take what `allocated` says.
    pub(super) fn measured(
        &self,
        content: &Content<'_>,
        containers: &[Container],
        allocated: &[Allocated],
    ) -> Result<Usage> {
        let images_content_bytes = content_bytes(content.images.iter());
        let reclaimable_bytes = images_content_bytes - content_bytes(content.active.iter().copied());
        let (mut containers_bytes, mut containers_reclaimable_bytes, mut containers_active) = (0, 0, 0);
        for container in containers {
            let bytes = self.writable_bytes(&container.id)?;
            containers_bytes += bytes;
            match read_status(&**self.disk(), &Self::container_dir(&container.id))?.state.is_live() {
                true => containers_active += 1,
                false => containers_reclaimable_bytes += bytes,
            }
        }
        Ok(Usage {
            images_total: content.images.len() as u64,
            images_active: content.active.len() as u64,
            images_content_bytes,
            reclaimable_bytes,
            containers_total: containers.len() as u64,
            containers_active,
            containers_bytes,
            containers_reclaimable_bytes,
            disk: areas(allocated),
            garbage_bytes: content.garbage_bytes,
        })
    }
}

/// The images of a store.
pub(super) struct Content<'i> {
    pub images: &'i [Image],
    /// Those of them that a container uses.
    pub active: &'i [&'i Image],
    /// The part of the packs that nothing needs.
    pub garbage_bytes: u64,
}

/// What each part of the store takes.
fn areas(allocated: &[Allocated]) -> Vec<Area> {
    let mut areas: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for allocated in allocated {
        let top = allocated.name.split('/').next().unwrap_or_default();
        let area = AREAS.iter().find(|area| **area == top).unwrap_or(&"other");
        let (bytes, files) = areas.entry(area).or_default();
        *bytes += allocated.bytes;
        *files += 1;
    }
    let area = |name: &&'static str| {
        let (bytes, files) = areas.get(name).copied().unwrap_or_default();
        (files > 0).then_some(Area { name, bytes, files })
    };
    AREAS.iter().filter_map(area).collect()
}

/// The bytes of files in the layers of `images`, each layer counted once.
fn content_bytes<'i>(images: impl Iterator<Item = &'i Image>) -> u64 {
    let layers = images.flat_map(|image| &image.variants).flat_map(|variant| &variant.layers);
    let layers: HashMap<DiffId, u64> = layers.map(|layer| (layer.diff_id, layer.content_bytes)).collect();
    layers.values().sum()
}
