//! Several layers to one.

use super::Error;
use super::make::{Made, MadeLayer};
use super::stack::Wanted;
use super::tag::check_new_name;
use super::{layer, stack::Stack};
use crate::Result;
use crate::container::Changeset;
use crate::image::{Config, DiffId, Draft, History, ImageId, Platform, Reference};
use crate::store::Store;
use crate::task::Task;

/// How to squash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SquashOptions {
    /// What the new image will be called.
    pub reference: Option<Reference>,
    /// The lowest layer that is squashed: its number, the base being 1, or the
    /// beginning of its diff ID. Without one it is the base.
    pub from: Option<String>,
    /// The remark in its history.
    pub message: Option<String>,
    /// Of an image for several platforms, this one.
    pub platform: Option<Platform>,
}

/// What was squashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Squashed {
    /// The new image's ID.
    pub id: ImageId,
    /// The image that had the name.
    pub replaced: Option<ImageId>,
    /// How many layers became one.
    pub layers: usize,
    /// The bytes of files in them before.
    pub content_bytes_before: u64,
    /// The bytes of files in the one.
    pub content_bytes: u64,
    /// Bytes of the layer that the store did not have.
    pub new_bytes: u64,
    /// Bytes that those take in packs.
    pub stored_bytes: u64,
}

impl Store {
    /// Makes an image of the image `name` in which the layers from one on up are
    /// a single layer: what an upper layer replaced or took away is gone for good.
    ///
    /// The config stays. In the history the steps of those layers stay too, as
    /// steps without a layer, and one more stands for the new layer. The same
    /// image always gives the same image.
    ///
    /// ```
    /// use larder_engine::{SquashOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let options = SquashOptions { reference: Some("flat:1.0".parse()?), ..SquashOptions::default() };
    /// store.squash("greeter:1.0", &options, &Task::silent())?;
    /// assert_eq!(store.inspect("flat:1.0", None)?.diff_ids.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image or layer.
    pub fn squash(&self, name: &str, options: &SquashOptions, task: &Task) -> Result<Squashed> {
        self.whole(task, || self.squash_once(name, options, task))
    }

    fn squash_once(&self, name: &str, options: &SquashOptions, task: &Task) -> Result<Squashed> {
        check_new_name(options.reference.as_ref())?;
        let access = self.share(task)?;
        let stack = self.stack(&access, name, options.platform.as_ref(), task)?;
        let kept = kept_layers(&stack, options.from.as_deref())?;
        let (below, mut rootfs) = self.two_rootfs(&access, &stack, kept, Wanted::Bytes, task)?;
        let mut changeset = Changeset::new(rootfs.view(), below.view(), kept);
        let going = stack.variant.layers.get(kept..).unwrap_or_default();
        let content_bytes_before = going.iter().map(|layer| layer.content_bytes).sum();
        let ((made, content_bytes), written) = self.with_writer(&access, task, |writer| {
            let squashed = MadeLayer::plain(layer::make(&mut rootfs, &mut changeset, writer, task)?);
            let content_bytes = squashed.content_bytes();
            let config = config(&stack, kept, squashed.diff_id(), options)?;
            let below = stack.layers.iter().take(kept).cloned();
            let layers = below.map(|(blob, descriptor)| MadeLayer { blob, descriptor }).chain([squashed]);
            Ok((Made::new(&config, layers.collect(), writer)?, content_bytes))
        })?;
        let replaced = self
            .healing(task, || made.commit(&mut self.ledger(task)?, "squash", options.reference.as_ref()))?;
        Ok(Squashed {
            id: made.id(),
            replaced,
            layers: going.len(),
            content_bytes_before,
            content_bytes,
            new_bytes: written.new_bytes,
            stored_bytes: written.stored_bytes,
        })
    }
}

/// How many layers stay as they are, if those from `from` on are squashed.
fn kept_layers(stack: &Stack, from: Option<&str>) -> Result<usize> {
    let Some(from) = from else { return Ok(0) };
    let layers = &stack.variant.layers;
    let absent = || Error::NoSuchLayer { layer: from.into(), layers: layers.len() };
    // No image has so many layers that a number could be a diff ID's beginning.
    if let Ok(number) = from.parse::<usize>()
        && from.len() < 4
    {
        return number.checked_sub(1).filter(|kept| *kept < layers.len()).ok_or_else(|| absent().into());
    }
    let prefix = from.strip_prefix("sha256:").unwrap_or(from);
    let mut found = layers.iter().enumerate().filter(|(_, layer)| layer.diff_id.0.hex().starts_with(prefix));
    match found.next() {
        // The same layer may be there more than once: the lowest is meant.
        Some((number, layer)) if found.all(|(_, other)| other.diff_id == layer.diff_id) => Ok(number),
        _ => Err(absent().into()),
    }
}

fn config(stack: &Stack, kept: usize, new: DiffId, options: &SquashOptions) -> Result<Vec<u8>> {
    let digest = stack.variant.id.0;
    let unreadable = |source| Error::Document { digest, source };
    let created = Config::parse(&stack.config).map_err(unreadable)?.created;
    let mut draft = Draft::of(&stack.config).map_err(unreadable)?;
    let diff_ids = stack.variant.layers.iter().take(kept).map(|layer| layer.diff_id);
    draft.set_layers(&diff_ids.chain([new]).collect::<Vec<_>>());
    draft.empty_history_from(kept);
    let going = stack.variant.layers.len() - kept;
    let comment = options.message.clone().unwrap_or_else(|| format!("{going} layers squashed"));
    let created_by = "larder squash".into();
    draft.add_history(&History { created, created_by, comment, ..History::default() });
    Ok(draft.encode())
}
