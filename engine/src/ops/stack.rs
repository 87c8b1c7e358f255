//! What a name stands for, as a stack of layers.

use super::resolve::resolve;
use crate::catalog::Variant;
use crate::container::{Layer, Purpose, RootFs};
use crate::image::{Descriptor, Manifest, Platform};
use crate::store::{Access, Ledger, Store};
use crate::task::Task;
use crate::{Result, store};

use super::Error;

/// An image for one platform, as layers and documents.
#[derive(Debug)]
pub(super) struct Stack {
    /// The image.
    pub variant: Variant,
    /// Its layers, base first.
    pub layers: Vec<Layer>,
    /// Its config, byte for byte.
    pub config: Vec<u8>,
    /// What its manifest says of the layers.
    pub descriptors: Vec<Descriptor>,
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
        for layer in &variant.layers {
            let blob = ledger.catalog().blob(&layer.blob)?.ok_or(store::Error::NoBlob(layer.blob))?;
            layers.push(Layer {
                diff_id: layer.diff_id,
                body: blob.body,
                is_plain: layer.diff_id.0 == layer.blob,
            });
        }
        Ok(Stack { variant: variant.clone(), layers, config, descriptors: manifest.layers })
    }

    /// The file system that `layers` come to. The ledger is free meanwhile.
    pub(super) fn rootfs(
        &self,
        access: &Access,
        layers: &[Layer],
        purpose: Wanted,
        task: &Task,
    ) -> Result<RootFs> {
        let reader = self.reader(access, task)?;
        let scratch = self.is_writable().then(|| self.disk().host_path("tmp")).flatten();
        let purpose = match purpose {
            Wanted::Names => Purpose::Look,
            Wanted::Bytes => Purpose::ReadAll(scratch.as_deref()),
        };
        Ok(RootFs::open(layers, reader, purpose, task)?)
    }
}

/// What is wanted of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Names, and a few files.
    Names,
    /// All files.
    Bytes,
}
