//! Making an image of a container.

use super::Error;
use super::layer;
use super::make::{Made, MadeLayer};
use super::stack::{Stack, Wanted};
use super::tag::check_new_name;
use crate::Result;
use crate::catalog::Container;
use crate::chunk::Writer;
use crate::container::{Changeset, Spec};
use crate::image::{Changes, DiffId, Draft, History, ImageId, Reference};
use crate::store::{Access, Store};
use crate::task::Task;

/// How to make an image of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitOptions {
    /// What it will be called.
    pub reference: Option<Reference>,
    /// Its author.
    pub author: String,
    /// The remark in its history.
    pub message: String,
    /// Changes to its config.
    pub changes: Changes,
    /// When it was made; without one now.
    pub created: Option<jiff::Timestamp>,
    /// Keep the container still meanwhile, if it runs.
    pub pause: bool,
}

/// An image that was made of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Its ID.
    pub id: ImageId,
    /// The image that had the name.
    pub replaced: Option<ImageId>,
    /// The new layer; `None` if the container had changed nothing.
    pub layer: Option<DiffId>,
}

impl Store {
    /// Makes an image of the container `name`: the layers of its image, and one
    /// more with what was changed in it. The same change always gives the same
    /// layer.
    ///
    /// ```
    /// use larder_engine::{CommitOptions, CreateOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let mut create = CreateOptions::default();
    /// create.config.cmd = Some(vec!["/bb".into()]);
    /// let container = store.create_container("greeter:1.0", &create)?.to_string();
    /// let options = CommitOptions { author: "me".into(), ..CommitOptions::default() };
    /// let committed = store.commit(&container, &options, &Task::silent())?;
    /// assert!(committed.layer.is_none(), "nothing was written");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput)
    /// for a change that cannot be made, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported)
    /// if the container has a file that in a layer would be a whiteout.
    pub fn commit(&self, name: &str, options: &CommitOptions, task: &Task) -> Result<Committed> {
        check_new_name(options.reference.as_ref())?;
        self.whole(task, || {
            let access = self.share(task)?;
            let stack = self.container(&access, name, task)?;
            let Some(container) = &stack.container else {
                return Err(Error::NoSuchContainer { name: name.into() }.into());
            };
            let _still = if options.pause { Some(self.hold_still(container)?) } else { None };
            let ((made, layer), _) = self.with_writer(&access, task, |writer| {
                let new = self.layer_of(&access, &stack, writer, task)?;
                let config = config(&stack, container, new.as_ref(), options)?;
                let layer = new.as_ref().map(MadeLayer::diff_id);
                let below = stack.layers.iter().cloned();
                let below = below.map(|(blob, descriptor)| MadeLayer { blob, descriptor });
                Ok((Made::new(&config, below.chain(new).collect(), writer)?, layer))
            })?;
            let replaced = self.healing(task, || {
                let mut ledger = self.ledger(task)?;
                stack.check_there(&ledger)?;
                made.commit(&mut ledger, "commit", options.reference.as_ref())
            })?;
            Ok(Committed { id: made.id(), replaced, layer })
        })
    }

    /// What was changed in a container, as a layer.
    fn layer_of(
        &self,
        access: &Access,
        stack: &Stack,
        writer: &mut Writer,
        task: &Task,
    ) -> Result<Option<MadeLayer>> {
        let layers = stack.layers.len();
        let (below, mut rootfs) = self.two_rootfs(access, stack, layers, Wanted::Some, task)?;
        let mut changeset = Changeset::new(rootfs.view(), below.view(), layers);
        if changeset.is_empty(rootfs.view()) {
            return Ok(None);
        }
        changeset.check_names(rootfs.view())?;
        let layer = MadeLayer::plain(layer::make(&mut rootfs, &mut changeset, writer, task)?);
        Ok((layer.diff_id() != DiffId::empty()).then_some(layer))
    }
}

fn config(
    stack: &Stack,
    container: &Container,
    new: Option<&MadeLayer>,
    options: &CommitOptions,
) -> Result<Vec<u8>> {
    let digest = stack.variant.id.0;
    let mut draft = Draft::of(&stack.config).map_err(|source| Error::Document { digest, source })?;
    let id = container.id;
    let spec: Spec = serde_json::from_str(&container.spec).map_err(|source| Error::BadSpec { id, source })?;
    let created_by = spec.command().collect::<Vec<_>>().join(" ");
    let mut run = spec.config;
    options.changes.apply(&mut run).map_err(Error::Change)?;
    let created = options.created.unwrap_or_else(jiff::Timestamp::now);
    let diff_ids = stack.variant.layers.iter().map(|layer| layer.diff_id);
    draft.set_run(&run);
    draft.set_created(created);
    draft.set_author(&options.author);
    draft.set_layers(&diff_ids.chain(new.map(MadeLayer::diff_id)).collect::<Vec<_>>());
    draft.add_history(&History {
        created: Some(created),
        created_by,
        author: options.author.clone(),
        comment: options.message.clone(),
        empty_layer: new.is_none(),
    });
    Ok(draft.encode())
}
