//! What a name stands for, as a stack of layers.

use std::path::{Path, PathBuf};

use super::Error;
use super::find_container::{find, find_whole};
use super::resolve::{is_name, resolve};
use crate::catalog::{Blob, Container, Variant};
use crate::container::view::View;
use crate::container::{Layer, Purpose, RootFs, Upper};
use crate::image::{Descriptor, Manifest, Platform};
use crate::store::{Access, Ledger, Store};
use crate::tar::Entry;
use crate::task::Task;
use crate::{ErrorKind, Result, store};

/// An image for one platform, as layers and documents.
#[derive(Debug)]
pub(super) struct Stack {
    /// The image.
    pub variant: Variant,
    /// Its layers, base first, and what its manifest says of each.
    pub layers: Vec<(Blob, Descriptor)>,
    /// Its config, byte for byte.
    pub config: Vec<u8>,
    /// The container that stands on it, if that is what was asked for.
    pub container: Option<Container>,
}

impl Stack {
    /// The same as [`Store::check_there`], asked of `ledger`.
    pub fn check_there(&self, ledger: &Ledger) -> Result<()> {
        self.container.as_ref().map_or(Ok(()), |container| check_container(ledger, container))
    }

    /// The layers as a file system is put together of.
    pub fn layers(&self) -> Vec<Layer> {
        let diff_ids = self.variant.layers.iter().map(|layer| layer.diff_id);
        let layer = |((blob, _), diff_id): (&(Blob, Descriptor), _)| Layer::new(blob, diff_id);
        self.layers.iter().zip(diff_ids).map(layer).collect()
    }
}

/// Makes sure that `container` is still in the store.
pub(super) fn check_container(ledger: &Ledger, container: &Container) -> Result<()> {
    match ledger.catalog().container(&container.id)? {
        Some(_) => Ok(()),
        None => Err(Error::NoSuchContainer { name: container.name.clone() }.into()),
    }
}

impl Store {
    /// The image `name`, for `platform` if it has several.
    pub(super) fn stack(
        &self,
        access: &Access,
        name: &str,
        platform: Option<&Platform>,
        task: &Task,
    ) -> Result<Stack> {
        self.healing(task, || {
            let ledger = self.ledger(task)?;
            let resolved = resolve(ledger.catalog(), name)?;
            let absent = || Error::NothingToRun { name: name.into() };
            let variant = resolved.variant(platform)?.ok_or_else(absent)?;
            self.stack_of(access, &ledger, variant, task)
        })
    }

    /// The container `name` or, if there is none, the image.
    pub(super) fn container_or_image(
        &self,
        access: &Access,
        name: &str,
        platform: Option<&Platform>,
        task: &Task,
    ) -> Result<Stack> {
        let container = self.healing(task, || {
            let ledger = self.ledger(task)?;
            let container = match find_whole(ledger.catalog(), name)? {
                Some(container) => container,
                // An image's name goes before an ID's beginning, which it is by chance.
                None if is_name(ledger.catalog(), name)? => return Ok(None),
                None => match find(ledger.catalog(), name) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                    found => found?,
                },
            };
            let stack = self.stack_of(access, &ledger, &container.variant, task)?;
            Ok(Some(Stack { container: Some(container), ..stack }))
        })?;
        match container.map_or_else(|| self.stack(access, name, platform, task), Ok) {
            Err(error) if error.cause().is_some_and(|cause| matches!(cause, Error::NoSuchImage { .. })) => {
                Err(Error::NoSuchContainerOrImage { name: name.into() }.into())
            }
            other => other,
        }
    }

    /// The container `name`.
    pub(super) fn container(&self, access: &Access, name: &str, task: &Task) -> Result<Stack> {
        self.healing(task, || {
            let ledger = self.ledger(task)?;
            let container = find(ledger.catalog(), name)?;
            let stack = self.stack_of(access, &ledger, &container.variant, task)?;
            Ok(Stack { container: Some(container), ..stack })
        })
    }

    /// Makes sure that the container of `stack`, if it is that of one, was there
    /// all the time: one that is being removed loses its files one by one, but its
    /// name first.
    pub(super) fn check_there(&self, stack: &Stack, task: &Task) -> Result<()> {
        match stack.container {
            Some(_) => self.healing(task, || stack.check_there(&self.ledger(task)?)),
            None => Ok(()),
        }
    }

    /// The layers and documents of `variant`.
    pub(super) fn stack_of(
        &self,
        access: &Access,
        ledger: &Ledger,
        variant: &Variant,
        task: &Task,
    ) -> Result<Stack> {
        let mut reader = self.reader(access, task)?;
        let config = ledger.document(&variant.id.0, &mut reader)?;
        let digest = variant.manifest;
        let manifest = Manifest::parse(&ledger.document(&digest, &mut reader)?);
        let manifest = manifest.map_err(|source| Error::Document { digest, source })?;
        let mut layers = Vec::new();
        for (layer, descriptor) in variant.layers.iter().zip(manifest.layers) {
            let blob = ledger.catalog().blob(&layer.blob)?.ok_or(store::Error::NoBlob(layer.blob))?;
            let descriptor = Descriptor { digest: blob.digest, size: blob.body.len, ..descriptor };
            layers.push((blob, descriptor));
        }
        Ok(Stack { variant: variant.clone(), layers, config, container: None })
    }

    /// The file system of a container or an image, with what is in a container
    /// on top.
    pub(super) fn rootfs_of(
        &self,
        access: &Access,
        stack: &Stack,
        wanted: Wanted,
        task: &Task,
    ) -> Result<RootFs> {
        let mut rootfs = self.rootfs(access, &stack.layers(), wanted, task)?;
        self.add_upper(stack.container.as_ref(), &mut rootfs)?;
        Ok(rootfs)
    }

    /// Puts on top what is in `container`, if there is one.
    pub(super) fn add_upper(&self, container: Option<&Container>, rootfs: &mut RootFs) -> Result<()> {
        if let Some(container) = container
            && let Some(upper) = Upper::open(self.disk(), &Self::container_dir(&container.id))?
        {
            rootfs.add_upper(upper)?;
        }
        Ok(())
    }

    /// The file system of the lowest `kept` layers of `stack`, and the whole of
    /// it with what is in a container on top.
    pub(super) fn two_rootfs(
        &self,
        access: &Access,
        stack: &Stack,
        kept: usize,
        wanted: Wanted,
        task: &Task,
    ) -> Result<(RootFs, RootFs)> {
        let layers = stack.layers();
        let (below, above) = layers.split_at_checked(kept).unwrap_or((&layers, &[]));
        let old = self.rootfs(access, below, Wanted::Some, task)?;
        let mut new = old.fork(self.reader(access, task)?);
        let scratch = self.scratch_dir();
        new.extend(above, wanted.purpose(scratch.as_deref()), task, &mut |_, _| ())?;
        self.add_upper(stack.container.as_ref(), &mut new)?;
        Ok((old, new))
    }

    /// A view for as many paths as this store may look at.
    pub(super) fn new_view(&self) -> Result<View> {
        Ok(View::with_limit(self.max_paths())?)
    }

    /// The file system of `stack` for who looks at `other` too: their paths count together.
    pub(super) fn rootfs_beside(
        &self,
        other: &RootFs,
        access: &Access,
        stack: &Stack,
        wanted: Wanted,
        task: &Task,
    ) -> Result<RootFs> {
        let (reader, scratch) = (self.reader(access, task)?, self.scratch_dir());
        let purpose = wanted.purpose(scratch.as_deref());
        let view = other.view().beside()?;
        let mut rootfs = RootFs::open(view, &stack.layers(), reader, purpose, task, &mut |_, _| ())?;
        self.add_upper(stack.container.as_ref(), &mut rootfs)?;
        Ok(rootfs)
    }

    /// Where passing files go.
    pub(super) fn scratch_dir(&self) -> Option<PathBuf> {
        self.is_writable().then(|| self.disk().host_path("tmp").ok().flatten()).flatten()
    }

    /// The file system that `layers` come to. The ledger is free meanwhile.
    pub(super) fn rootfs(
        &self,
        access: &Access,
        layers: &[Layer],
        wanted: Wanted,
        task: &Task,
    ) -> Result<RootFs> {
        self.watched_rootfs(access, layers, wanted, task, &mut |_, _| ())
    }

    /// The same; `watch` is shown every entry with the number of its layer, the
    /// base being 0.
    pub(super) fn watched_rootfs(
        &self,
        access: &Access,
        layers: &[Layer],
        wanted: Wanted,
        task: &Task,
        watch: &mut dyn FnMut(usize, &Entry),
    ) -> Result<RootFs> {
        let reader = self.reader(access, task)?;
        let (view, scratch) = (self.new_view()?, self.scratch_dir());
        Ok(RootFs::open(view, layers, reader, wanted.purpose(scratch.as_deref()), task, watch)?)
    }
}

/// What is wanted of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Names, and one file at most.
    Names,
    /// Names, and some files: as it turns out.
    Some,
    /// All files.
    Bytes,
}

impl Wanted {
    pub fn purpose(self, scratch: Option<&Path>) -> Purpose<'_> {
        match self {
            Self::Names => Purpose::Look,
            Self::Some => Purpose::ReadSome(scratch),
            Self::Bytes => Purpose::ReadAll(scratch),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::archives::{docker_archive, layer};
    use super::super::{CreateOptions, LoadOptions, RemoveContainerOptions};
    use super::*;
    use crate::disk::{Input, SimulatedDisk};
    use crate::image::RunConfig;

    /// A store with an image and a container of it.
    fn store() -> (Store, String) {
        let store = Store::create_on(Arc::new(SimulatedDisk::new()), Path::new("store")).unwrap();
        let archive = docker_archive("app:1", &[layer(&[("a", b"x")])]);
        let input = Input::Stream(Box::new(Cursor::new(archive)));
        store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
        let config = RunConfig { cmd: Some(vec!["x".into()]), ..RunConfig::default() };
        let options = CreateOptions { name: Some("web".into()), config, ..CreateOptions::default() };
        let id = store.create_container("app:1", &options).unwrap().to_string();
        (store, id)
    }

    /// Half of a container was committed when it was removed meanwhile.
    #[test]
    fn a_container_that_goes_while_it_is_read_was_not_read() {
        let (store, _) = store();
        let task = Task::silent();
        let access = store.share(&task).unwrap();
        let stack = store.container_or_image(&access, "web", None, &task).unwrap();
        store.check_there(&stack, &task).unwrap();
        store.remove_container("web", &RemoveContainerOptions::default()).unwrap();
        let error = store.check_there(&stack, &task).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, "No such container: web".into()));
    }

    #[test]
    fn an_image_s_name_goes_before_the_beginning_of_an_id() {
        let (store, id) = store();
        let task = Task::silent();
        let access = store.share(&task).unwrap();
        let is_container = |name: &str| {
            let stack = store.container_or_image(&access, name, None, &task).unwrap();
            stack.container.is_some()
        };
        let beginning = &id[..6];
        assert!(is_container(beginning) && is_container(&id) && is_container("web"));
        store.tag("app:1", &format!("{beginning}:latest").parse().unwrap()).unwrap();
        store.tag("app:1", &"web:latest".parse().unwrap()).unwrap();
        assert!(!is_container(beginning) && is_container(&id) && is_container("web"));
    }
}
