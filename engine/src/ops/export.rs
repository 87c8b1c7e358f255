//! Writing a file system as one plain tar.

use std::io::{BufWriter, Write};

use super::Error;
use super::stack::{Stack, Wanted};
use crate::Result;
use crate::archive::Limits;
use crate::container::{self, AsDocker, Exact, Spec, carry};
use crate::image::{Draft, Platform, RunConfig};
use crate::store::Store;
use crate::task::{Passing, Task};

/// What an entry takes in a tar beside its bytes, or nearly: a header, and padding.
const HEADER_BYTES: usize = 768;

/// What is gathered before it is written out.
const BUFFER_BYTES: usize = 256 << 10;

/// How to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// Of an image for several platforms, this one.
    pub platform: Option<Platform>,
    /// Whether the tar carries the image's config, for [`Store::import`].
    pub config: bool,
    /// Write what `docker export` would: with the mount points that it makes in
    /// every container, without what it drops.
    pub docker_compat: bool,
    /// How much the files may come to: a file may claim holes without end.
    pub max_bytes: u64,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            platform: None,
            config: true,
            docker_compat: false,
            max_bytes: Limits::default().max_expanded_bytes,
        }
    }
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// How many paths there are, the root not counted.
    pub paths: usize,
    /// How long the tar is.
    pub bytes: u64,
}

impl Store {
    /// Writes the file system of the container or image `name` to `out`: one tar,
    /// all layers applied, sorted. The same file system always gives the same bytes.
    ///
    /// Everything that a tar can say is kept: times with their fractions,
    /// extended attributes, hard links, devices, names of any bytes. Holes
    /// become zeros.
    ///
    /// ```
    /// use larder_engine::{ExportOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let mut tar = Vec::new();
    /// let exported = store.export("greeter:1.0", &mut tar, &ExportOptions::default(), &Task::silent())?;
    /// assert_eq!(exported.bytes, tar.len() as u64);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container or image; [`ErrorKind::InvalidArchive`](crate::ErrorKind::InvalidArchive) if
    /// its layers come to no file system, before the first byte; later if `out`
    /// fails or the store is damaged.
    pub fn export(
        &self,
        name: &str,
        out: &mut dyn Write,
        options: &ExportOptions,
        task: &Task,
    ) -> Result<Exported> {
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, options.platform.as_ref(), task)?;
        let mut rootfs = self.rootfs_of(&access, &stack, Wanted::Bytes, task)?;
        let (bytes, limit) = (rootfs.view().file_bytes(), options.max_bytes);
        if bytes > limit {
            return Err(container::Error::FileBytes { bytes, limit }.into());
        }
        let head = match options.config && !options.docker_compat {
            true => carry(&config(&stack)?, task),
            false => Vec::new(),
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let root = rootfs.view().root();
        let headers = (rootfs.view().paths() * HEADER_BYTES) as u64;
        let mut passing = Passing::start(name, Some(bytes.saturating_add(headers)), task);
        let bytes = match options.docker_compat {
            true => {
                rootfs.view_mut().add_mount_points()?;
                rootfs.export(root, &head, &mut AsDocker, &mut out, &mut passing)?
            }
            false => rootfs.export(root, &head, &mut Exact, &mut out, &mut passing)?,
        };
        out.flush().map_err(container::Error::Output)?;
        self.check_there(&stack, task)?;
        passing.finish();
        Ok(Exported { paths: rootfs.view().paths() - 1, bytes })
    }
}

/// The config to carry: the image's, or what a container is run with. What
/// only names the container is left as it is in the image.
fn config(stack: &Stack) -> Result<Vec<u8>> {
    let Some(container) = &stack.container else { return Ok(stack.config.clone()) };
    let (id, digest) = (container.id, stack.variant.id.0);
    let spec: Spec = serde_json::from_str(&container.spec).map_err(|source| Error::BadSpec { id, source })?;
    let unreadable = |source| Error::Document { digest, source };
    let of_image = RunConfig::of_image(&stack.config).map_err(unreadable)?;
    let (hostname, domainname, image) = (of_image.hostname, of_image.domainname, of_image.image);
    let mut draft = Draft::of(&stack.config).map_err(unreadable)?;
    draft.set_run(&RunConfig { hostname, domainname, image, ..spec.config });
    Ok(draft.encode())
}
