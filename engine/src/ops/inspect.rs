//! One image in full.

use super::Error;
use super::containers::ContainerSummary;
use super::find_container::find;
use super::images::{ImageSummary, summary_of};
use super::resolve::resolve;
use crate::image::{Config, Descriptor, DiffId, Digest, ImageId, Platform};
use crate::store::{Access, Ledger, Store};
use crate::task::Task;
use crate::{ErrorKind, Result};

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDetails {
    /// What lists show; of the variant that was asked for.
    pub summary: ImageSummary,
    /// The config, byte for byte; empty if nothing in the image can be run.
    pub config: Vec<u8>,
    /// The manifest, byte for byte.
    pub manifest: Vec<u8>,
    /// The descriptor of the index or manifest that is the image.
    pub descriptor: Descriptor,
    /// The layers, base first.
    pub diff_ids: Vec<DiffId>,
    /// When it got a name last.
    pub tagged: Option<jiff::Timestamp>,
}

/// What a name means.
#[derive(Debug, Clone)]
pub enum Inspected {
    /// A container.
    Container(Box<ContainerSummary>),
    /// An image.
    Image(Box<ImageDetails>),
}

impl Store {
    /// All about the image `name`, for `platform` if it has several.
    ///
    /// ```
    /// use larder_engine::Digest;
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let image = store.inspect("greeter:1.0", None)?;
    /// assert_eq!(Digest::of(&image.config), image.summary.id.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image or it is not there for the platform.
    pub fn inspect(&self, name: &str, platform: Option<&Platform>) -> Result<ImageDetails> {
        let task = self.listener();
        self.healing(&task, || {
            let access = self.share(&task)?;
            self.image_details(&access, &self.ledger(&task)?, name, platform, &task)
        })
    }

    /// All about the container `name`, or else about the image of that name; with
    /// `sizes` what a container wrote is counted, file by file.
    ///
    /// # Errors
    /// As [`Store::inspect`]; [`ErrorKind::Ambiguous`] if several containers have
    /// IDs that begin so, and no image has that name.
    pub fn inspect_any(&self, name: &str, platform: Option<&Platform>, sizes: bool) -> Result<Inspected> {
        let task = self.listener();
        let inspected = self.healing(&task, || {
            let access = self.share(&task)?;
            let ledger = self.ledger(&task)?;
            let image = || self.image_details(&access, &ledger, name, platform, &task);
            match find(ledger.catalog(), name) {
                Ok(container) => {
                    Ok(Inspected::Container(Box::new(self.summary(ledger.catalog(), &container)?)))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Inspected::Image(Box::new(image()?))),
                Err(error) if error.kind() == ErrorKind::Ambiguous => match image() {
                    Err(none) if none.kind() == ErrorKind::NotFound => Err(error),
                    image => Ok(Inspected::Image(Box::new(image?))),
                },
                Err(error) => Err(error),
            }
        })?;
        // With the catalog closed: the container may have to be removed.
        let Inspected::Container(container) = inspected else { return Ok(inspected) };
        let mut container = self.settle_one(*container)?;
        if sizes {
            container.writable_bytes = Some(self.writable_bytes(&container.id)?);
        }
        Ok(Inspected::Container(Box::new(container)))
    }

    fn image_details(
        &self,
        access: &Access,
        ledger: &Ledger,
        name: &str,
        platform: Option<&Platform>,
        task: &Task,
    ) -> Result<ImageDetails> {
        let resolved = resolve(ledger.catalog(), name)?;
        let mut summary = summary_of(ledger, &resolved.image)?;
        let names = ledger.catalog().names_of(&resolved.image.target)?;
        let tagged = names.iter().map(|named| named.tagged).max().and_then(|time| time.timestamp());
        let variant = resolved.variant(platform)?;
        let descriptor = descriptor(&resolved.image);
        let mut reader = self.reader(access, task)?;
        let (manifest, config, diff_ids) = match variant {
            None => (ledger.document(&resolved.image.target, &mut reader)?, Vec::new(), Vec::new()),
            Some(variant) => {
                summary.id = variant.id;
                summary.platform = variant.platform.clone();
                summary.created = variant.created.and_then(|time| time.timestamp());
                let diff_ids = variant.layers.iter().map(|layer| layer.diff_id).collect();
                let config = ledger.document(&variant.id.0, &mut reader)?;
                let digest = variant.id.0;
                let view = Config::parse(&config).map_err(|source| Error::Document { digest, source })?;
                summary.labels = view.labels;
                (ledger.document(&variant.manifest, &mut reader)?, config, diff_ids)
            }
        };
        Ok(ImageDetails { summary, config, manifest, descriptor, diff_ids, tagged })
    }
}

/// The descriptor of an image's target.
pub(super) fn descriptor(image: &crate::catalog::Image) -> Descriptor {
    Descriptor::new(image.media_type.as_str(), image.target, image.size)
}

/// The config of `id`.
pub(super) fn config(ledger: &Ledger, id: ImageId, reader: &mut crate::chunk::Reader) -> Result<Config> {
    let digest: Digest = id.0;
    let bytes = ledger.document(&digest, reader)?;
    Config::parse(&bytes).map_err(|source| Error::Document { digest, source }.into())
}
