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
use crate::catalog::{self, Catalog, Container, Image, Variant};
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
    /// Its place among the names that were given.
    pub place: usize,
    id: ImageId,
    /// Its layers, base first; taken when it is opened.
    layers: Option<Result<Vec<Layer>>>,
    container: Option<Container>,
    /// The layers as numbers: the same for the same layer on the same layers.
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
        let (mut targets, mut nodes) = (Vec::new(), Nodes::default());
        for (place, name) in names.iter().enumerate() {
            let stack = self.container_or_image(&access, name, platform, task)?;
            let diff_ids = stack.variant.layers.iter().map(|layer| layer.diff_id);
            targets.push(Target {
                name: name.clone(),
                place,
                id: stack.variant.id,
                path: nodes.path(diff_ids),
                layers: Some(Ok(stack.layers())),
                container: stack.container,
            });
        }
        if names.is_empty() {
            targets = self.healing(task, || self.all_images(platform, &mut nodes, task))?;
        }
        targets.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(ImageSequence {
            access,
            wanted,
            waiting: targets.into(),
            snapshots: Vec::new(),
            reader: None,
            current: None,
        })
    }

    /// All images that are there for `platform`, the newest first, as lists have them. The
    /// ledger is opened once for all of them.
    fn all_images(&self, platform: Option<&Platform>, nodes: &mut Nodes, task: &Task) -> Result<Vec<Target>> {
        let ledger = self.ledger(task)?;
        let catalog = ledger.catalog();
        let mut images = Vec::new();
        for image in catalog.images().collect::<Result<Vec<_>, catalog::Error>>()? {
            let names = catalog.names_of(&image.target)?;
            let names = names.iter().filter_map(|named| named.name.parse::<Reference>().ok());
            let first = names.min().map(|name| name.familiar());
            if let Some(variant) = variant_for(&image, platform) {
                images.push((first.unwrap_or_else(|| variant.id.0.short()), variant.clone()));
            }
        }
        images.sort_by(|(a_name, a), (b_name, b)| {
            let created = |variant: &Variant| variant.created.and_then(|time| time.timestamp());
            created(b).cmp(&created(a)).then_with(|| a_name.cmp(b_name))
        });
        let targets = images.into_iter().enumerate().map(|(place, (name, variant))| {
            Ok(Target {
                name,
                place,
                id: variant.id,
                layers: Some(layers_of(catalog, &variant)?),
                container: None,
                path: nodes.path(variant.layers.iter().map(|layer| layer.diff_id)),
            })
        });
        targets.collect()
    }
}

/// The layers of `variant` as the store has them. One that is missing concerns this image only.
///
/// # Errors
/// If the catalog is damaged.
fn layers_of(catalog: &Catalog, variant: &Variant) -> Result<Result<Vec<Layer>>> {
    let mut layers = Vec::new();
    for layer in &variant.layers {
        match catalog.blob(&layer.blob)? {
            Some(blob) => layers.push(Layer::new(&blob, layer.diff_id)),
            None => return Ok(Err(store::Error::NoBlob(layer.blob).into())),
        }
    }
    Ok(Ok(layers))
}

fn variant_for<'i>(image: &'i Image, platform: Option<&Platform>) -> Option<&'i Variant> {
    match platform {
        Some(want) => image.variants.iter().find(|variant| want.accepts(&variant.platform)),
        None => image.main_variant(),
    }
}

/// A tree of layers, numbered as they come. Sorted by their paths in it, images that begin with
/// the same layers are together, in the order of the first of them.
#[derive(Debug, Default)]
struct Nodes(HashMap<(Option<u32>, DiffId), u32>);

impl Nodes {
    fn path(&mut self, layers: impl Iterator<Item = DiffId>) -> Vec<u32> {
        let mut at = None;
        let nodes = layers.map(|layer| {
            let number = self.0.len() as u32;
            let node = *self.0.entry((at, layer)).or_insert(number);
            at = Some(node);
            node
        });
        nodes.collect()
    }
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
        let Some((mut target, _)) = self.current.take() else { return Ok(None) };
        let layers = target.layers.take().unwrap_or_else(|| Ok(Vec::new()));
        let opened = layers.and_then(|layers| self.rootfs(&target, &layers, store, task));
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

    fn rootfs(&mut self, target: &Target, layers: &[Layer], store: &Store, task: &Task) -> Result<RootFs> {
        let (mut depth, last) = match self.snapshots.pop() {
            Some(last) => last,
            None => (0, Snapshot::empty(store.new_view()?)),
        };
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
        SearchedImage { name: self.name.clone(), id: self.id }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::archives::{docker_archive, layer};
    use super::super::{FindOptions, ListOptions, LoadOptions};
    use super::*;
    use crate::disk::{Input, SimulatedDisk};

    fn load(store: &Store, name: &str, layers: &[Vec<u8>]) {
        let input = Input::Stream(Box::new(Cursor::new(docker_archive(name, layers))));
        store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
    }

    /// Images that part from a common stack at each of more heights than snapshots are kept.
    fn parting(heights: usize) -> (Store, Vec<String>) {
        let store = Store::create_on(Arc::new(SimulatedDisk::new()), Path::new("store")).unwrap();
        let mut names = Vec::new();
        for at in 0..heights {
            let common = |at| layer(&[(format!("common-{at}").as_str(), b"x".as_slice())]);
            let (own, whiteout) = (format!("own-{at}"), format!(".wh.common-{at}"));
            let own = layer(&[(&own, b"y".as_slice()), (&whiteout, b"".as_slice())]);
            let prefix: Vec<_> = (0..=at).map(common).collect();
            load(&store, &format!("prefix:{at}"), &prefix);
            load(&store, &format!("own:{at}"), &[prefix, vec![own]].concat());
            names.extend([format!("prefix:{at}"), format!("own:{at}")]);
        }
        (store, names)
    }

    #[test]
    fn each_image_has_its_own_files_whatever_was_searched_before() {
        let (store, names) = parting(MAX_SNAPSHOTS + 4);
        let task = Task::silent();
        let reversed: Vec<_> = names.iter().rev().cloned().collect();
        for order in [Vec::new(), names.clone(), reversed] {
            let mut search = store.find(b"*", &order, &FindOptions::default(), &task).unwrap();
            let mut seen = Vec::new();
            while let Some(image) = search.next_image() {
                let found: Vec<_> = search.open(&store, &task).unwrap().files().collect();
                let options = ListOptions { recursive: true, ..ListOptions::default() };
                assert_eq!(found, store.list(&image.name, b"/", &options, &task).unwrap(), "{image:?}");
                seen.push(image.name);
            }
            seen.sort();
            let mut wanted = names.clone();
            wanted.sort();
            assert_eq!(seen, wanted);
        }
    }
}
