//! What a load would do, with nothing of it done.
//!
//! It is the same work, digests and limits and all, but for the packs: chunks are only
//! counted. The catalog is made in memory from the journal, so that the store's own files
//! are read and nothing else.

use std::collections::HashSet;

use super::commit::changes_to_load;
use super::layers::Given;
use super::{LoadOptions, LoadedImage};
use crate::Result;
use crate::chunk::{Counting, Tally};
use crate::disk::Input;
use crate::image::{DiffId, Digest, Platform};
use crate::store::Store;
use crate::task::Task;

use super::bind::BoundImage;

/// What a load would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreseen {
    /// The images, in the order of the archive.
    pub images: Vec<ForeseenImage>,
    /// Bytes that were read.
    pub input_bytes: u64,
    /// Bytes that the store does not have, each chunk counted once: what it would have to
    /// take in, before compression.
    pub new_bytes: u64,
}

/// An image that would be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenImage {
    /// What a load would say of it.
    pub image: LoadedImage,
    /// Whether the store has it already.
    pub is_there: bool,
    /// What it has for each platform.
    pub platforms: Vec<ForeseenPlatform>,
}

/// The part of an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenPlatform {
    /// What it runs on.
    pub platform: Platform,
    /// Its layers, base first.
    pub layers: Vec<ForeseenLayer>,
}

/// A layer that would be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeseenLayer {
    /// The digest of its plain tar.
    pub diff_id: DiffId,
    /// How long it is in the form in which it is stored.
    pub bytes: u64,
    /// Where it would come from.
    pub origin: LayerOrigin,
}

/// Where a layer would come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerOrigin {
    /// The store has it.
    Store,
    /// It has come before in the archive.
    Above,
    /// It is new, and so many bytes of it are neither in the store nor above.
    Archive {
        /// These.
        new_bytes: u64,
    },
}

impl Store {
    /// What [`Store::load`] would do: the same checks and the same errors, and nothing is
    /// written.
    ///
    /// ```
    /// use larder_engine::{Input, LoadOptions, Task};
    /// # use larder_engine::{Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// let input = || Input::open(archive.as_ref());
    /// let foreseen = store.foresee_load(input()?, &LoadOptions::default(), &Task::silent())?;
    /// assert!(store.images()?.is_empty());
    /// let loaded = store.load(input()?, &LoadOptions::default(), &Task::silent())?;
    /// assert_eq!(foreseen.new_bytes, loaded.new_bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Store::load`], but for what the disk has to say to being written.
    pub fn foresee_load(&self, input: Input, options: &LoadOptions, task: &Task) -> Result<Foreseen> {
        let store = self.still();
        let foreseen = store.foresee(input, options, task);
        if foreseen.is_err() {
            // A source that stops because the work was told to has an error of its own.
            task.check()?;
        }
        foreseen
    }

    fn foresee(&self, input: Input, options: &LoadOptions, task: &Task) -> Result<Foreseen> {
        let access = self.share(task)?;
        let mut writer = self.tallying_writer(&access, task)?;
        let taken = self.take_in(input, &access, &mut writer, options, task)?;
        let ledger = self.ledger(task)?;
        let (_, loaded) = changes_to_load(&ledger, &taken.bound, options)?;
        let none = Tally::default();
        let tally = writer.tally().unwrap_or(&none);
        let mut layers = Layers { counting: tally.counting(), given: &taken.given, seen: HashSet::new() };
        let mut images = Vec::new();
        for (bound, image) in taken.bound.images.iter().zip(loaded) {
            let is_there = ledger.catalog().image(&bound.image.target)?.is_some();
            let platforms =
                layers.of(bound, |digest| taken.bound.blobs.get(digest).map_or(0, |blob| blob.body.len));
            images.push(ForeseenImage { image, is_there, platforms });
        }
        let left_out = taken.streamed.map(|streamed| streamed.left_out()).unwrap_or_default();
        let new_bytes = tally.counting().rest(&left_out);
        Ok(Foreseen { images, input_bytes: taken.input_bytes, new_bytes })
    }
}

/// Tells layers that come again from those that are new.
struct Layers<'f> {
    counting: Counting<'f>,
    given: &'f Given,
    seen: HashSet<Digest>,
}

impl Layers<'_> {
    fn of(&mut self, bound: &BoundImage, len: impl Fn(&Digest) -> u64) -> Vec<ForeseenPlatform> {
        let mut platforms = Vec::new();
        for variant in &bound.image.variants {
            let mut layers = Vec::new();
            for layer in &variant.layers {
                let origin = match self.given.get(&layer.blob) {
                    None => LayerOrigin::Store,
                    Some(_) if !self.seen.insert(layer.blob) => LayerOrigin::Above,
                    Some(part) => LayerOrigin::Archive { new_bytes: self.counting.new_bytes(part.clone()) },
                };
                layers.push(ForeseenLayer { diff_id: layer.diff_id, bytes: len(&layer.blob), origin });
            }
            platforms.push(ForeseenPlatform { platform: variant.platform.clone(), layers });
        }
        platforms
    }
}
