//! The file systems of many images, one after another, each layer read once where images have
//! it in common.
//!
//! Images are ordered so that those that begin with the same layers come together. Before the
//! layers of two images part, the file system so far is put aside as a [`Snapshot`], and the
//! second image goes on from there. A snapshot shares its memory with what grows out of it, and
//! at most [`MAX_SNAPSHOTS`] are kept: where more would be, some layers are read again.

use std::collections::{HashMap, VecDeque};

use super::stack::{Wanted, check_container};
use crate::Result;
use crate::catalog::{self, Container, Image, Variant};
use crate::chunk::Reader;
use crate::container::{Layer, RootFs, Snapshot};
use crate::image::{DiffId, ImageId, Platform, Reference};
use crate::store::{self, Access, Store};
use crate::task::Task;

/// How many places are remembered at which images part. More than real stores have below each
/// other, and each takes as much memory as its view differs from the others.
const MAX_SNAPSHOTS: usize = 8;

/// An image or a container that is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchedImage {
    /// The name by which it was asked for; of all images the first of each, or the beginning
    /// of its ID.
    pub name: String,
    /// The ID of the image.
    pub id: ImageId,
}

/// Something to go through.
#[derive(Debug)]
pub(super) struct Target {
    pub name: String,
    variant: Variant,
    container: Option<Container>,
    /// Its layers, base first, as numbers: the same for the same layer on the same layers.
    path: Vec<u32>,
}

/// Images and containers that are gone through.
#[derive(Debug)]
pub(super) struct ImageSequence {
    access: Access,
    wanted: Wanted,
    waiting: VecDeque<Target>,
    snapshots: Vec<(usize, Snapshot)>,
    /// Between two images.
    reader: Option<Reader>,
    current: Option<(Target, Option<RootFs>)>,
}

impl Store {
    /// The images and containers `names`, or all images if there are none.
    pub(super) fn image_sequence(
        &self,
        names: &[String],
        platform: Option<&Platform>,
        wanted: Wanted,
        task: &Task,
    ) -> Result<ImageSequence> {
        let access = self.share(task)?;
        let mut targets = Vec::new();
        for name in names {
            let stack = self.container_or_image(&access, name, platform, task)?;
            let (variant, container) = (stack.variant, stack.container);
            targets.push(Target { name: name.clone(), variant, container, path: Vec::new() });
        }
        if names.is_empty() {
            targets = self.healing(task, || self.all_images(platform, task))?;
        }
        Ok(ImageSequence {
            access,
            wanted,
            waiting: in_order(targets).into(),
            snapshots: Vec::new(),
            reader: None,
            current: None,
        })
    }

    /// All images that are there for `platform`, the newest first, as lists have them.
    fn all_images(&self, platform: Option<&Platform>, task: &Task) -> Result<Vec<Target>> {
        let ledger = self.ledger(task)?;
        let catalog = ledger.catalog();
        let mut targets = Vec::new();
        for image in catalog.images().collect::<Result<Vec<_>, catalog::Error>>()? {
            let names = catalog.names_of(&image.target)?;
            let mut names: Vec<_> =
                names.iter().filter_map(|named| named.name.parse::<Reference>().ok()).collect();
            names.sort();
            let Some(variant) = variant_for(&image, platform) else { continue };
            let name = names.first().map_or_else(|| variant.id.0.short(), Reference::familiar);
            targets.push(Target { name, variant: variant.clone(), container: None, path: Vec::new() });
        }
        targets.sort_by(|a, b| {
            let created = |target: &Target| target.variant.created.and_then(|time| time.timestamp());
            created(b).cmp(&created(a)).then_with(|| a.name.cmp(&b.name))
        });
        Ok(targets)
    }

    /// The layers of `variant` as the store has them.
    fn layers_of(&self, variant: &Variant, task: &Task) -> Result<Vec<Layer>> {
        self.healing(task, || {
            let ledger = self.ledger(task)?;
            let layers = variant.layers.iter().map(|layer| {
                let blob = ledger.catalog().blob(&layer.blob)?.ok_or(store::Error::NoBlob(layer.blob))?;
                Ok(Layer::new(&blob, layer.diff_id))
            });
            layers.collect()
        })
    }
}

fn variant_for<'i>(image: &'i Image, platform: Option<&Platform>) -> Option<&'i Variant> {
    match platform {
        Some(want) => image.variants.iter().find(|variant| want.accepts(&variant.platform)),
        None => image.main_variant(),
    }
}

/// Puts targets that begin with the same layers together, in the order of the first of them.
fn in_order(mut targets: Vec<Target>) -> Vec<Target> {
    // A tree of layers; its nodes are numbered as they come.
    let mut nodes: HashMap<(Option<u32>, DiffId), u32> = HashMap::new();
    for target in &mut targets {
        let mut at = None;
        for layer in &target.variant.layers {
            let number = nodes.len() as u32;
            let node = *nodes.entry((at, layer.diff_id)).or_insert(number);
            target.path.push(node);
            at = Some(node);
        }
    }
    targets.sort_by(|a, b| a.path.cmp(&b.path));
    targets
}

/// How many layers two targets have in common.
fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

impl ImageSequence {
    /// Goes on to the next one.
    pub fn next(&mut self) -> Option<&Target> {
        let next = self.waiting.pop_front()?;
        if let Some((last, rootfs)) = self.current.take() {
            let common = common(&last.path, &next.path);
            if let Some(rootfs) = rootfs {
                let (snapshot, reader) = rootfs.into_snapshot();
                self.reader = Some(reader);
                if last.container.is_none() && common == last.path.len() {
                    self.snapshots.push((common, snapshot));
                }
            }
            self.snapshots.retain(|(layers, _)| *layers <= common);
        }
        self.current = Some((next, None));
        self.current.as_ref().map(|(target, _)| target)
    }

    /// Its file system.
    ///
    /// # Errors
    /// If a layer cannot be read. The sequence goes on behind it.
    pub fn open(&mut self, store: &Store, task: &Task) -> Result<Option<&mut RootFs>> {
        let Some((target, _)) = self.current.take() else { return Ok(None) };
        let opened = self.rootfs(&target, store, task);
        let (rootfs, failed) = match opened {
            Ok(rootfs) => (Some(rootfs), None),
            Err(error) => (None, Some(error)),
        };
        let current = self.current.insert((target, rootfs));
        failed.map_or(Ok(current.1.as_mut()), Err)
    }

    /// The file system that was opened last.
    pub fn opened(&self) -> Option<&RootFs> {
        self.current.as_ref()?.1.as_ref()
    }

    /// Makes sure that what is searched was there all the time, if it is a container.
    ///
    /// # Errors
    /// If it was removed meanwhile.
    pub fn check_there(&self, store: &Store, task: &Task) -> Result<()> {
        let container = self.current.as_ref().and_then(|(target, _)| target.container.as_ref());
        let Some(container) = container else { return Ok(()) };
        store.healing(task, || check_container(&store.ledger(task)?, container))
    }

    fn rootfs(&mut self, target: &Target, store: &Store, task: &Task) -> Result<RootFs> {
        let layers = store.layers_of(&target.variant, task)?;
        let (mut depth, last) =
            self.snapshots.pop().unwrap_or_else(|| (0, Snapshot::empty(store.new_view())));
        let returns = self.returns(&target.path, depth);
        let start = last.again();
        if depth > 0 && returns.contains(&depth) {
            self.snapshots.push((depth, last));
        }
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => store.reader(&self.access, task)?,
        };
        let mut rootfs = start.open(reader);
        let scratch = store.scratch_dir();
        let purpose = self.wanted.purpose(scratch.as_deref());
        let is_container = target.container.is_some();
        let stops = returns.iter().rev().copied().filter(|stop| *stop > depth);
        // What is an image of its own needs no copy: it is put aside when it was searched.
        let stops = stops.filter(|stop| *stop < layers.len() || is_container);
        for stop in stops.collect::<Vec<_>>() {
            rootfs.extend(layers.get(depth..stop).unwrap_or_default(), purpose, task, &mut |_, _| ())?;
            depth = stop;
            self.snapshots.push((depth, rootfs.snapshot()));
            if self.snapshots.len() > MAX_SNAPSHOTS {
                self.snapshots.remove(0);
            }
        }
        rootfs.extend(layers.get(depth..).unwrap_or_default(), purpose, task, &mut |_, _| ())?;
        store.add_upper(target.container.as_ref(), &mut rootfs)?;
        Ok(rootfs)
    }

    /// The numbers of layers to which the targets behind that with `path` come back, the most
    /// first; not those below `depth`.
    fn returns(&self, path: &[u32], depth: usize) -> Vec<usize> {
        let (mut returns, mut least, mut last) = (Vec::new(), usize::MAX, path);
        for next in &self.waiting {
            let common = common(last, &next.path);
            if common < least {
                least = common;
                returns.push(common);
            }
            if least <= depth {
                break;
            }
            last = &next.path;
        }
        returns
    }
}

impl Target {
    /// What is told of it.
    pub fn searched(&self) -> SearchedImage {
        SearchedImage { name: self.name.clone(), id: self.variant.id }
    }
}
