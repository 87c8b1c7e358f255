//! The containers of the store: all of them as a list, or one.

use std::path::PathBuf;

use super::Error;
use super::find_container::find;
use super::resolve::resolve;
use crate::catalog::{Catalog, Container, ContainerId};
use crate::container::Spec;
use crate::image::{DiffId, Digest, ImageId, Platform};
use crate::runtime::{ContainerStatus, newest_log, read_status};
use crate::store::Store;
use crate::{ErrorKind, Result, catalog};

/// What is known of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSummary {
    /// Its ID.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The image that it was created of.
    pub image_id: ImageId,
    /// The index or manifest of that image, which may be gone.
    pub image_target: Digest,
    /// How the image was named when the container was created.
    pub image_name: String,
    /// Whether that still names the same image.
    pub image_has_name: bool,
    /// What it runs on.
    pub platform: Platform,
    /// The layers of its image, base first.
    pub diff_ids: Vec<DiffId>,
    /// The bytes of files in them, as Docker counts an image's size.
    pub image_bytes: u64,
    /// The bytes of files that it wrote itself, if they were to be counted.
    pub writable_bytes: Option<u64>,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
    /// What it does.
    pub status: ContainerStatus,
    /// What it was created with.
    pub spec: Spec,
    /// Where on the host its own files lie; `None` for a store that is not on one.
    pub dir: Option<PathBuf>,
    /// Where its log is written there.
    pub log: Option<PathBuf>,
}

impl Store {
    /// All containers, the newest first; with `sizes` what each of them wrote is
    /// counted, file by file.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn containers(&self, sizes: bool) -> Result<Vec<ContainerSummary>> {
        let task = self.listener();
        let mut list = self.healing(&task, || {
            let ledger = self.ledger(&task)?;
            let catalog = ledger.catalog();
            let containers = catalog.containers().collect::<Result<Vec<_>, catalog::Error>>()?;
            containers.iter().map(|container| self.summary(catalog, container)).collect::<Result<Vec<_>>>()
        })?;
        self.settle_all(&mut list);
        list.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        if sizes {
            for summary in &mut list {
                summary.writable_bytes = Some(self.writable_bytes(&summary.id)?);
            }
        }
        Ok(list)
    }

    /// All about the container `name`: its name, its ID or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::Ambiguous`] if
    /// several have IDs that begin so.
    pub fn inspect_container(&self, name: &str, sizes: bool) -> Result<ContainerSummary> {
        let task = self.listener();
        let found = self.healing(&task, || {
            let ledger = self.ledger(&task)?;
            self.summary(ledger.catalog(), &find(ledger.catalog(), name)?)
        })?;
        let mut summary = self.settle_one(found)?;
        if sizes {
            summary.writable_bytes = Some(self.writable_bytes(&summary.id)?);
        }
        Ok(summary)
    }

    /// The bytes of files that a container wrote.
    pub(super) fn writable_bytes(&self, id: &ContainerId) -> Result<u64> {
        Ok(self.disk().file_bytes(&format!("{}/upper", Self::container_dir(id)))?)
    }

    pub(super) fn summary(&self, catalog: &Catalog, container: &Container) -> Result<ContainerSummary> {
        let Container { id, name, image, image_name, variant, created, spec: _ } = container;
        let spec = spec_of(container)?;
        let image_has_name = match resolve(catalog, image_name) {
            Ok(resolved) => {
                resolved.variant(None)?.is_some_and(|now| now.id == variant.id)
                    || resolved.image.target == *image
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Ambiguous) => false,
            Err(error) => return Err(error),
        };
        let dir = self.disk().host_path(&Self::container_dir(id))?;
        let log = match &dir {
            Some(dir) if spec.host_config.log_config.keeps_output() => {
                Some(dir.join(newest_log(&**self.disk(), &Self::container_dir(id))?))
            }
            _ => None,
        };
        Ok(ContainerSummary {
            id: *id,
            name: name.clone(),
            image_id: variant.id,
            image_target: *image,
            image_name: image_name.clone(),
            image_has_name,
            platform: variant.platform.clone(),
            diff_ids: variant.layers.iter().map(|layer| layer.diff_id).collect(),
            image_bytes: variant.layers.iter().map(|layer| layer.content_bytes).sum(),
            writable_bytes: None,
            created: created.timestamp(),
            status: read_status(&**self.disk(), &Self::container_dir(id))?,
            spec,
            dir,
            log,
        })
    }
}

/// What `container` was created with.
pub(super) fn spec_of(container: &Container) -> Result<Spec> {
    let id = container.id;
    Ok(serde_json::from_str(&container.spec).map_err(|source| Error::BadSpec { id, source })?)
}
