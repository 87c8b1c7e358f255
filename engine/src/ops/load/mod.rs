//! Taking images in.
//!
//! 1. **Plan.** The archive's documents say what it claims to hold. A regular
//!    file is walked by its headers alone; a stream is taken in as it comes, its
//!    documents kept aside, and planned at the end.
//! 2. **Take in** the layers that the store does not have.
//! 3. **Check** every digest, size and diff ID that the plan promised.
//! 4. **Commit** all images at once. Whatever fails before leaves the store as
//!    it was; an interruption leaves the chunks that were read, for the next try.
//!
//! What a stream held that no manifest claims is garbage in the packs by then,
//! and is removed at once if nobody else uses the store.

mod bind;
mod bring;
mod choose;
mod commit;
mod foresee;
mod known;
mod layers;
mod source;
mod streamed;
#[cfg(test)]
mod tests;

use crate::Result;
use crate::archive::{self, Budget, Layout, Limits, Plan};
use crate::chunk::Writer;
use crate::disk::Input;
use crate::image::{Digest, ImageId, Platform, Reference};
use crate::store::{Access, Ingest, Store};
use crate::task::Task;

use bind::Bound;
pub(super) use bring::bring;
use choose::choose;
pub use foresee::{Foreseen, ForeseenImage, ForeseenLayer, ForeseenPlatform, LayerOrigin};
use known::Known;
pub(super) use layers::failed;
use layers::{Given, Layers, Needed};
use source::Source;
use streamed::Streamed;

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Of images for several platforms, only the ones for this.
    pub platform: Option<Platform>,
    /// What becomes of compressed layers.
    pub compressed: Compressed,
    /// How much the archive may ask for.
    pub limits: Limits,
    /// Of the images of the archive only those with a name that one of these patterns
    /// fits, as `docker images` takes it, or with an ID that begins so; all of them if
    /// there is no pattern. Each has to fit something. Nothing is stored that only other
    /// images have.
    pub only: Vec<String>,
    /// What the one image that is loaded is called instead of what the archive calls it.
    pub tag: Option<Reference>,
    /// A name that another image has in the store stays with that.
    pub keep_existing_tags: bool,
}

/// What becomes of layers that a manifest names by the digest of their
/// compressed bytes. Where only the diff ID counts they are always unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compressed {
    /// They are kept as they are, and the image's digest with them.
    #[default]
    Keep,
    /// They are stored as plain tars, which share with others what is alike.
    /// The image gets a new manifest; its ID stays.
    Unwrap,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The images, in the order of the archive.
    pub images: Vec<LoadedImage>,
    /// Bytes that were read.
    pub input_bytes: u64,
    /// Bytes among them that the store did not have.
    pub new_bytes: u64,
    /// Bytes that those take in packs.
    pub stored_bytes: u64,
}

/// An image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// Its ID.
    pub id: ImageId,
    /// The digest of its index or manifest.
    pub target: Digest,
    /// The names that the archive gave it.
    pub references: Vec<Reference>,
    /// Those among them that another image had.
    pub replaced: Vec<(Reference, ImageId)>,
    /// The names that it was not given, because another image has them.
    pub kept: Vec<(Reference, ImageId)>,
}

/// An archive that was read, with nothing that names it yet.
struct TakenIn {
    bound: Bound,
    given: Given,
    streamed: Option<Streamed>,
    input_bytes: u64,
    /// Whether something in the store was known to be damaged.
    is_hurt: bool,
}

impl Store {
    /// Loads every image of an archive: all of them or none.
    ///
    /// ```
    /// use larder_engine::{Input, LoadOptions, Task};
    /// # use larder_engine::{Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// let input = Input::open(archive.as_ref())?;
    /// let loaded = store.load(input, &LoadOptions::default(), &Task::silent())?;
    /// assert_eq!(loaded.images[0].references[0].familiar(), "greeter:1.0");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArchive`](crate::ErrorKind::InvalidArchive) and
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) for what is
    /// wrong with the archive, and whatever the disk has to say. The store is
    /// then as it was. [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if `task` is
    /// cancelled; the chunks that were read are then garbage in the store, which the next
    /// load of the same archive uses and [`Store::gc`] deletes.
    pub fn load(&self, input: Input, options: &LoadOptions, task: &Task) -> Result<Loaded> {
        self.whole(task, || self.load_all(input, options, task))
    }

    fn load_all(&self, input: Input, options: &LoadOptions, task: &Task) -> Result<Loaded> {
        let access = self.share(task)?;
        let (taken, written) =
            self.with_writer(&access, task, |writer| self.take_in(input, &access, writer, options, task))?;
        let images = self.healing(task, || self.commit_load(&taken.bound, options, task))?;
        drop(access);
        let has_unclaimed = taken.streamed.is_some_and(|streamed| streamed.has_unclaimed());
        if written.new_bytes > 0 && (has_unclaimed || taken.is_hurt) {
            // The images are there; what is left of the rest, and what was damaged and
            // is here again, goes now or with gc.
            let _ = self.reclaim_in_passing(&Task::silent());
        }
        let (new_bytes, stored_bytes) = (written.new_bytes, written.stored_bytes);
        Ok(Loaded { images, input_bytes: taken.input_bytes, new_bytes, stored_bytes })
    }

    /// Reads all of an archive that is wanted, checks it, and gives what is new to `writer`.
    fn take_in(
        &self,
        input: Input,
        access: &Access,
        writer: &mut Writer,
        options: &LoadOptions,
        task: &Task,
    ) -> Result<TakenIn> {
        let budget = Budget::new(options.limits);
        let mut ingest = Ingest { writer, budget, task };
        let mut source = source::open(input, &ingest.budget)?;
        let mut streamed = match &mut source {
            Source::Random(_) => None,
            Source::Stream(stream) => Some(Streamed::take(stream, &mut ingest, options)?),
        };
        let platform = options.platform.as_ref();
        let plan = match (&mut source, &mut streamed) {
            (_, Some(streamed)) => Plan::of(streamed, platform),
            (Source::Random(random), None) => Plan::of(random, platform),
            (Source::Stream(_), None) => Err(archive::Error::NoManifest),
        };
        let mut plan = plan.map_err(super::Error::from)?;
        if plan.images.is_empty() {
            let document = if plan.layout == Layout::OciLayout { "index.json" } else { "manifest.json" };
            return Err(super::Error::Archive(archive::Error::NoImages { document }).into());
        }
        choose(&mut plan, options)?;
        plan.check_loadable().map_err(super::Error::from)?;
        let mut known = self.known(&plan, task)?;
        let is_hurt = ingest.writer.index().is_hurt();
        if is_hurt {
            known.forget_broken(&mut self.reader(access, task)?);
        }
        let needed = Needed::of(&plan, &known);
        let mut layers = Layers::new(&mut ingest, options, &known);
        match (&mut source, &mut streamed) {
            (_, Some(streamed)) => layers.take_all(&needed, streamed)?,
            (Source::Random(random), None) => layers.take_all(&needed, random)?,
            (Source::Stream(_), None) => {}
        }
        let (found, given) = layers.finish();
        let bound = Bound::of(&plan, &known, &found, &mut ingest)?;
        Ok(TakenIn { bound, given, streamed, input_bytes: source.bytes_read(), is_hurt })
    }

    /// What the store has of what an archive speaks of.
    fn known(&self, plan: &Plan, task: &Task) -> Result<Known> {
        self.healing(task, || Known::of(plan, self.ledger(task)?.catalog()))
    }
}
