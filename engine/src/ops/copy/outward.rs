//! From a container or an image to this machine, or to a tar.

use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::extract::Extraction;
use super::landing::{Source, Target, landing};
use super::path::{Asked, Tail};
use super::{Copied, CopyOptions, find_in};
use crate::Result;
use crate::container::view::{Follow, NodeId};
use crate::container::{self, Layer, RootFs, Telling};
use crate::disk::{FileKind, Folder, host};
use crate::ops::stack::{Stack, Wanted};
use crate::store::{Access, Store};
use crate::tar::{Entry, EntryKind};
use crate::task::{Passing, Task};

/// What is gathered before it is written out.
const BUFFER_BYTES: usize = 256 << 10;

/// How many links a target may lead over, as in Docker.
const MAX_LINKS: usize = 10;

/// A file system, and what is to be copied of it.
struct Opened {
    rootfs: RootFs,
    node: NodeId,
    source: Source,
}

impl Store {
    /// Copies `path` of the container or image `name` to `to`, by the rules of
    /// `docker cp`: into it if it is a directory, else in its place.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container, image or path, or no directory for it here;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if a directory would
    /// have to replace something else, or the other way round. What was copied
    /// until then stays.
    pub fn copy_out(
        &self,
        name: &str,
        path: &[u8],
        to: &Path,
        options: &CopyOptions,
        task: &Task,
    ) -> Result<Copied> {
        let target = target(to)?;
        let access = self.share(task)?;
        let Opened { rootfs, node, source } = self.open_to_copy(&access, name, path, options, task)?;
        let landing = landing(&source, &target)?;
        let folder = Folder::open(&host::path(&landing.dir))?;
        let mut extraction = Extraction::new(rootfs, folder, options.archive, task);
        extraction.extract(node, &landing.name)?;
        Ok(Copied { bytes: extraction.finish()?, to: target.path })
    }

    /// Writes `path` of the container or image `name` to `out`, as a tar whose
    /// entries begin with its last part.
    ///
    /// # Errors
    /// As [`Store::copy_out`]; or if `out` fails.
    pub fn copy_out_tar(
        &self,
        name: &str,
        path: &[u8],
        out: &mut dyn Write,
        options: &CopyOptions,
        task: &Task,
    ) -> Result<Copied> {
        let access = self.share(task)?;
        let Opened { mut rootfs, node, source } = self.open_to_copy(&access, name, path, options, task)?;
        let view = rootfs.view();
        // Followed, it bears its own name.
        let own = (options.follow && !source.name.is_empty()).then(|| view.name(node).to_vec());
        let mut renamed = Renamed { from_bytes: view.path(node).len(), name: own.unwrap_or(source.name) };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let mut passing = Passing::start(name, None, task);
        let bytes = rootfs.export(node, &[], &mut renamed, &mut out, &mut passing)?;
        out.flush().map_err(container::Error::Output)?;
        passing.finish();
        Ok(Copied { bytes, to: b"-".to_vec() })
    }

    fn open_to_copy(
        &self,
        access: &Access,
        name: &str,
        path: &[u8],
        options: &CopyOptions,
        task: &Task,
    ) -> Result<Opened> {
        let stack = self.container_or_image(access, name, options.platform.as_ref(), task)?;
        let mut rootfs = self.rootfs_of(access, &stack, Wanted::Names, task)?;
        let asked = Asked::of(path, b"");
        let follow = if options.follow { Follow::Yes } else { Follow::No };
        let node = find_in(rootfs.view(), &asked, follow).map_err(|error| told(error, path, name, &stack))?;
        let is_directory = rootfs.view().is_directory(node);
        let is_plain = |layer: &Layer| layer.is_plain;
        if is_directory && !stack.layers().iter().all(is_plain) {
            // Many files of a compressed layer: it is unwrapped once for all.
            rootfs = self.rootfs_of(access, &stack, Wanted::Bytes, task)?;
        }
        let node = find_in(rootfs.view(), &asked, follow)?;
        let name = if asked.tail == Tail::Dot { Vec::new() } else { asked.name().to_vec() };
        Ok(Opened { rootfs, node, source: Source { name, is_directory } })
    }
}

/// An absent file is told as Docker does.
fn told(error: container::Error, path: &[u8], name: &str, stack: &Stack) -> crate::Error {
    match error {
        container::Error::NoFile { .. } => {
            let what = if stack.container.is_some() { "container" } else { "image" };
            Error::NoFile { path: path.into(), what, name: name.into() }.into()
        }
        container::Error::NotADirectory { .. } => Error::NotADirectory { path: path.into() }.into(),
        other => other.into(),
    }
}

/// What the target is. A link that was given as one is followed.
fn target(to: &Path) -> Result<Target> {
    let here = host::base_of(to)?;
    let asked = Asked::of(to.as_os_str().as_bytes(), here.as_os_str().as_bytes());
    let parent = host::path(asked.parent());
    if host::kind(&parent)?.is_none() {
        return Err(Error::NoParent { path: asked.parent().into() }.into());
    }
    let mut path = host::path(&asked.clean);
    let mut kind = host::kind(&path)?;
    for followed in 0.. {
        if kind != Some(FileKind::Symlink) {
            break;
        }
        if followed > MAX_LINKS {
            return Err(Error::Links { path: asked.clean }.into());
        }
        let led: PathBuf = path.parent().unwrap_or(Path::new("/")).join(host::link(&path)?);
        path = led;
        kind = host::kind(&path)?;
    }
    let is_directory = match kind {
        None => {
            let parent = path.parent().unwrap_or(Path::new("/"));
            if host::kind(parent)?.is_none() {
                return Err(Error::NoParent { path: parent.as_os_str().as_bytes().into() }.into());
            }
            None
        }
        Some(FileKind::Directory) => Some(true),
        Some(FileKind::File) if asked.asserts_directory() => {
            return Err(Error::NotADirectory { path: asked.clean }.into());
        }
        Some(FileKind::File) => Some(false),
        Some(_) => return Err(Error::OddTarget { path: asked.clean }.into()),
    };
    let asserts_directory = asked.asserts_directory();
    Ok(Target { path: path.into_os_string().as_bytes().to_vec(), is_directory, asserts_directory })
}

/// Entries by another name than their path.
struct Renamed {
    /// How much of the path the name stands for.
    from_bytes: usize,
    /// Empty for none.
    name: Vec<u8>,
}

impl Telling for Renamed {
    fn tell(&mut self, mut entry: Entry, _is_root: bool) -> Option<Entry> {
        let rest = entry.name.get(self.from_bytes..).unwrap_or_default();
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        let name: &[u8] = if self.name.is_empty() { b"." } else { &self.name };
        entry.name = match rest.is_empty() {
            true => name.to_vec(),
            false => [name, b"/", rest].concat(),
        };
        if entry.kind == EntryKind::Directory {
            entry.name.push(b'/');
        }
        Some(entry)
    }
}
