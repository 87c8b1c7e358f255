//! A store as it should be: names, and how what they name came to be.

use std::collections::{BTreeMap, BTreeSet};

use super::super::archives::{docker_archive, layer, noise};
use super::script::Verb;
use crate::ErrorKind;
use crate::image::Reference;

/// How many names there are, for images and for containers.
pub const NAMES: usize = 4;

/// The layers that there are, each a few files.
fn files_of(layer: usize) -> Vec<(&'static str, Vec<u8>)> {
    match layer {
        0 => vec![("etc/passwd", b"root".to_vec()), ("bin/sh", noise(1, 9000)), ("empty", vec![])],
        1 => vec![("app", noise(2, 3000)), ("etc/passwd", b"root".to_vec())],
        2 => vec![("app", noise(3, 3000)), ("etc/passwd", b"user".to_vec())],
        3 => vec![("lib/a", noise(4, 5000)), ("lib/b", noise(5, 40))],
        _ => vec![("lib/.wh.a", vec![]), ("own", noise(6, 2000)), ("zeros", vec![0; 10_000])],
    }
}

const LAYERS: usize = 5;

/// The images that can be loaded: a name, and layers.
const IMAGES: [(usize, &[usize]); 7] =
    [(0, &[0, 1]), (0, &[0, 2]), (1, &[0, 3, 1]), (2, &[0, 3, 4]), (3, &[3]), (1, &[0, 0]), (2, &[4, 2, 3])];

/// The bytes of a layer.
pub fn layer_bytes(number: usize) -> Vec<u8> {
    let files = files_of(number % LAYERS);
    layer(&files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect::<Vec<_>>())
}

/// An archive with an image.
pub fn archive(number: usize) -> Vec<u8> {
    let (name, layers) = IMAGES[number % IMAGES.len()];
    let layers: Vec<_> = layers.iter().map(|number| layer_bytes(*number)).collect();
    docker_archive(&image_name(name).familiar(), &layers)
}

/// What an image is called.
pub fn image_name(number: usize) -> Reference {
    format!("app{}:1", number % NAMES).parse().expect("a reference")
}

/// What a container is called.
pub fn container_name(number: usize) -> String {
    format!("web{}", number % NAMES)
}

/// How an image came to be; it says all about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Loaded(usize),
    Imported(usize),
    /// Of a container that had written nothing. Its config tells the image's name.
    Committed {
        of: Box<Origin>,
        name: usize,
    },
    /// From the layer `from` on up, the base being 0.
    Squashed {
        of: Box<Origin>,
        from: usize,
    },
}

impl Origin {
    /// Its layers, base first; `None` for those that were made by the store.
    pub fn layers(&self) -> Vec<Option<usize>> {
        match self {
            Self::Loaded(image) => IMAGES[*image].1.iter().copied().map(Some).collect(),
            Self::Imported(layer) => vec![Some(*layer)],
            Self::Committed { of, .. } => of.layers(),
            Self::Squashed { of, from } => of.layers().into_iter().take(*from).chain([None]).collect(),
        }
    }

    /// Its files, all layers applied.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let layers = match self {
            Self::Loaded(image) => IMAGES[*image].1,
            Self::Imported(layer) => &[*layer],
            Self::Committed { of, .. } | Self::Squashed { of, .. } => return of.files(),
        };
        let mut files = BTreeMap::new();
        for (name, bytes) in layers.iter().flat_map(|layer| files_of(*layer)) {
            match name.split_once(".wh.") {
                Some((dir, gone)) => _ = files.remove(&format!("{dir}{gone}")),
                None => _ = files.insert(name.to_owned(), bytes),
            }
        }
        files
    }
}

/// A container: its image, and by which name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub of: Origin,
    pub name: usize,
}

/// All that a store should hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    pub names: BTreeMap<usize, Origin>,
    pub images: BTreeSet<Origin>,
    pub containers: BTreeMap<usize, Container>,
}

impl Model {
    /// The image that is meant by [`Verb::RemoveById`].
    pub fn image_at(&self, number: usize) -> Option<&Origin> {
        self.images.iter().cycle().nth(number % self.images.len().max(1))
    }

    /// The store after `verb`, or how that is refused.
    pub fn after(&self, verb: Verb) -> Result<Self, ErrorKind> {
        let mut after = self.clone();
        match verb {
            Verb::Load { image, .. } => {
                let image = image % IMAGES.len();
                after.put(IMAGES[image].0, Origin::Loaded(image));
            }
            Verb::Import { layer, name } => after.put(name, Origin::Imported(layer % LAYERS)),
            Verb::Tag { name, other } => after.put(other, self.named(name)?.clone()),
            Verb::Remove { name, force } => {
                let origin = self.named(name)?;
                if self.names_of(origin) == 1 {
                    self.check_unused(origin, force)?;
                    after.images.remove(origin);
                }
                after.names.remove(&(name % NAMES));
            }
            Verb::RemoveById { number, force } => {
                let origin = self.image_at(number).ok_or(ErrorKind::NotFound)?;
                if self.names_of(origin) > 1 && !force {
                    return Err(ErrorKind::Conflict);
                }
                self.check_unused(origin, force)?;
                after.images.remove(origin);
                after.names.retain(|_, named| named != origin);
            }
            Verb::Create { name, container } => {
                let of = self.named(name)?.clone();
                self.check_free(container)?;
                after.containers.insert(container % NAMES, Container { of, name: name % NAMES });
            }
            Verb::Rename { container, other } => {
                let renamed = self.container(container)?.clone();
                if container % NAMES == other % NAMES {
                    return Err(ErrorKind::InvalidInput);
                }
                self.check_free(other)?;
                after.containers.remove(&(container % NAMES));
                after.containers.insert(other % NAMES, renamed);
            }
            Verb::RemoveContainer { container } => {
                self.container(container)?;
                after.containers.remove(&(container % NAMES));
            }
            Verb::Commit { container, name } => {
                let Container { of, name: asked } = self.container(container)?.clone();
                after.put(name, Origin::Committed { of: Box::new(of), name: asked });
            }
            Verb::Squash { name, other, only_top } => {
                let of = Box::new(self.named(name)?.clone());
                let from = if only_top { of.layers().len() - 1 } else { 0 };
                after.put(other, Origin::Squashed { of, from });
            }
            Verb::Collect | Verb::Reclaim | Verb::Optimize | Verb::Verify | Verb::Reopen => {}
            Verb::Compact { .. } => {}
            Verb::LoseIndex | Verb::SpoilIndex { .. } => {}
        }
        Ok(after)
    }

    fn put(&mut self, name: usize, origin: Origin) {
        self.names.insert(name % NAMES, origin.clone());
        self.images.insert(origin);
    }

    /// The image with that name.
    pub fn named(&self, name: usize) -> Result<&Origin, ErrorKind> {
        self.names.get(&(name % NAMES)).ok_or(ErrorKind::NotFound)
    }

    fn names_of(&self, origin: &Origin) -> usize {
        self.names.values().filter(|named| *named == origin).count()
    }

    fn container(&self, container: usize) -> Result<&Container, ErrorKind> {
        self.containers.get(&(container % NAMES)).ok_or(ErrorKind::NotFound)
    }

    fn check_free(&self, container: usize) -> Result<(), ErrorKind> {
        let is_free = !self.containers.contains_key(&(container % NAMES));
        if is_free { Ok(()) } else { Err(ErrorKind::Conflict) }
    }

    fn check_unused(&self, origin: &Origin, force: bool) -> Result<(), ErrorKind> {
        let is_used = self.containers.values().any(|container| container.of == *origin);
        if is_used && !force { Err(ErrorKind::Conflict) } else { Ok(()) }
    }
}
