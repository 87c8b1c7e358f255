//! From this machine, or from a tar, into a container.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::error::Error;
use super::landing::{Landing, Source, Target, landing};
use super::path::{Asked, Tail, clean, parent, parts_inside};
use super::{Copied, CopyOptions, END_BYTES, find_in, tar_bytes};
use crate::archive::{self, Bounded, Budget, Limits, Nesting};
use crate::catalog::Container;
use crate::container::view::{Follow, NodeId, Spot, View};
use crate::container::{self, RootFs, Spec, Upper, entry_of};
use crate::disk::{FileKind, Folder, Guard, Input, host};
use crate::ops::find_container::find;
use crate::ops::run::Still;
use crate::ops::stack::Wanted;
use crate::store::{Access, Store};
use crate::tar::{Entries, Entry, EntryKind, Mtime, Streamed};
use crate::task::{Event, Task};
use crate::{ErrorKind, Result};

/// What is copied at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Who root is.
const ROOT: u32 = 0;
/// The mode of a directory that a tar only implies.
const IMPLIED_MODE: u32 = 0o755;
/// The attribute that gives a program capabilities: Docker copies no other.
const CAPABILITY: &[u8] = b"security.capability";

/// A container that is written to.
struct Writing<'w> {
    rootfs: RootFs,
    name: &'w str,
    task: &'w Task,
    bytes: u64,
    _lock: Box<dyn Guard>,
    _still: Still,
}

impl Store {
    /// Copies `from`, a file or directory of this machine, to `to` in the
    /// container `name`, by the rules of `docker cp`. When this returns it
    /// survives a power cut.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such container, file or directory;
    /// [`ErrorKind::Conflict`] if a directory would have to replace something
    /// else, or the other way round. What was copied until then stays.
    pub fn copy_in(
        &self,
        name: &str,
        from: &Path,
        to: &[u8],
        options: &CopyOptions,
        task: &Task,
    ) -> Result<Copied> {
        let here = host::base_of(from)?;
        let asked = Asked::of(from.as_os_str().as_bytes(), here.as_os_str().as_bytes());
        let (folder, start, source) = open_source(&asked, options.follow)?;
        let access = self.share(task)?;
        let mut writing = self.writing(&access, name, task)?;
        let target = target(writing.rootfs.view(), &Asked::of(to, b""), name)?;
        let landing = landing(&source, &target)?;
        writing.check_directory(&landing.dir)?;
        writing.copy_tree(&folder, &start, &landing, options.archive)?;
        writing.rootfs.finish()?;
        Ok(Copied { bytes: writing.bytes, to: target.path })
    }

    /// Unpacks the tar `tar`, compressed or not, in the directory `to` of the
    /// container `name`. Owners are those that the tar says.
    ///
    /// # Errors
    /// As [`Store::copy_in`]; [`ErrorKind::InvalidArchive`] if it is no tar, or an
    /// entry leads out of the directory.
    pub fn copy_in_tar(&self, name: &str, tar: Input, to: &[u8], task: &Task) -> Result<Copied> {
        let source: Box<dyn Read + Send> = match tar {
            Input::Stream(stream) => stream,
            Input::File(file) => Box::new(file),
            Input::Directory(_) => return Err(crate::ops::Error::Directory.into()),
        };
        let access = self.share(task)?;
        let mut writing = self.writing(&access, name, task)?;
        let target = target(writing.rootfs.view(), &Asked::of(to, b""), name)?;
        if target.is_directory != Some(true) {
            return Err(Error::MustBeDirectory { path: [name.as_bytes(), b":", to].concat() }.into());
        }
        writing.unpack(source, &target.path)?;
        writing.rootfs.finish()?;
        Ok(Copied { bytes: writing.bytes, to: target.path })
    }

    fn writing<'w>(&'w self, access: &Access, name: &'w str, task: &'w Task) -> Result<Writing<'w>> {
        self.check_writable()?;
        let container = self.container_to_change(name, task)?;
        let lock = self.alone_with(&container, task)?;
        let stack = self.container(access, &container.id.to_string(), task)?;
        let still = self.hold_still(&container)?;
        let mut rootfs = self.rootfs(access, &stack.layers(), Wanted::Names, task)?;
        let upper = Upper::create(self.disk(), &Self::container_dir(&container.id), rootfs.view())?;
        rootfs.add_upper(upper)?;
        if let Some(root) = still.root() {
            rootfs.write_through(Folder::open(&root)?, Folder::open(&root)?);
        }
        Ok(Writing { rootfs, name, task, bytes: END_BYTES, _lock: lock, _still: still })
    }

    fn container_to_change(&self, name: &str, task: &Task) -> Result<Container> {
        let container = self.healing(task, || find(self.ledger(task)?.catalog(), name));
        let container = match container {
            Err(error) if error.kind() == ErrorKind::NotFound && self.inspect(name, None).is_ok() => {
                return Err(Error::IntoImage { name: name.into() }.into());
            }
            other => other?,
        };
        let id = container.id;
        let spec: Spec = serde_json::from_str(&container.spec)
            .map_err(|source| crate::ops::Error::BadSpec { id, source })?;
        match spec.host_config.readonly_rootfs {
            true => Err(Error::ReadOnly.into()),
            false => Ok(container),
        }
    }
}

/// What is to be copied: a folder, where in it to start, and what Docker calls it.
fn open_source(asked: &Asked, follow: bool) -> Result<(Folder, Vec<u8>, Source)> {
    let given = host::path(&asked.clean);
    let (name, is_all) = (asked.name().to_vec(), asked.tail == Tail::Dot || asked.clean == b"/");
    let path = match follow || asked.asserts_directory() || is_all {
        true => host::resolved(&given)?,
        false => host::resolved(&host::path(asked.parent()))?.join(host::path(&name)),
    };
    let kind = host::kind(&path)?;
    let is_directory = kind == Some(FileKind::Directory);
    if kind.is_some() && asked.asserts_directory() && !is_directory {
        return Err(Error::NotADirectory { path: asked.clean.clone() }.into());
    }
    if is_directory {
        let name = if is_all { Vec::new() } else { name };
        return Ok((Folder::open(&path)?, Vec::new(), Source { name, is_directory }));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let last = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    let folder = Folder::open(parent)?;
    // What is not there is said so by the walk.
    Ok((folder, last, Source { name, is_directory }))
}

/// What the target is in the container. A link at its end is followed.
fn target(view: &View, asked: &Asked, name: &str) -> Result<Target> {
    let asserts_directory = asked.asserts_directory();
    let absolute = |path: Vec<u8>| [b"/", &path[..]].concat();
    let absent = Target { path: asked.clean.clone(), is_directory: None, asserts_directory };
    let node = match find_in(view, asked, Follow::No) {
        Ok(node) => node,
        // Whether there is a directory for it is seen later.
        Err(_) => return Ok(absent),
    };
    let node = match view.kind(node) {
        EntryKind::Symlink(_) => match view.spot(&asked.clean) {
            Ok(Spot::Node(node)) => node,
            Ok(Spot::Gap { directory, name }) => {
                let path = [view.path(directory), name].join(&b'/');
                return Ok(Target { path: absolute(path), ..absent });
            }
            // It leads into a directory that is not there.
            Err(_) => {
                let EntryKind::Symlink(text) = view.kind(node) else { return Ok(absent) };
                let led = if text.starts_with(b"/") { text } else { [asked.parent(), b"/", &text].concat() };
                let path = parent(&clean(&led)).to_vec();
                return Err(Error::NoFile { path, what: "container", name: name.into() }.into());
            }
        },
        _ => node,
    };
    let is_directory = view.is_directory(node);
    if !is_directory && view.kind(node) != EntryKind::File {
        return Err(Error::OddTarget { path: [name.as_bytes(), b":", &asked.clean].concat() }.into());
    }
    Ok(Target { path: absolute(view.path(node)), is_directory: Some(is_directory), asserts_directory })
}

impl Writing<'_> {
    /// Whether something can be put into `dir`.
    fn check_directory(&self, dir: &[u8]) -> Result<()> {
        let absent = || Error::NoFile { path: dir.into(), what: "container", name: self.name.into() };
        let node = self.rootfs.view().find(dir, Follow::Yes).map_err(|_| absent())?;
        match self.rootfs.view().is_directory(node) {
            true => Ok(()),
            false => Err(Error::NotADirectory { path: dir.into() }.into()),
        }
    }

    fn copy_tree(&mut self, folder: &Folder, start: &[u8], landing: &Landing, archive: bool) -> Result<()> {
        let dir = self.rootfs.view().find(&landing.dir, Follow::Yes)?;
        let dir = self.rootfs.view().path(dir);
        let mut first_names: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
        for found in folder.walk(start) {
            self.task.check()?;
            let found = found?;
            let Some(mut entry) = entry_of(folder, &found.path, &found.stat)? else {
                let text = format!("{} is a socket, and is left out", shown(&found.path));
                self.task.report(&Event::Notice { text: &text });
                continue;
            };
            let rest = found.path.get(start.len()..).unwrap_or_default();
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let parts = [&dir[..], &landing.name, rest];
            entry.name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b'/');
            if !archive {
                (entry.uid, entry.gid) = (ROOT, ROOT);
                entry.xattrs.retain(|(name, _)| name == CAPABILITY);
            }
            self.bytes += tar_bytes(&entry.kind, entry.size);
            if rest.is_empty() && landing.name.is_empty() {
                // The directory was there, and keeps its looks.
                continue;
            }
            if found.stat.links > 1 && found.stat.kind != FileKind::Directory {
                match first_names.get(&found.stat.inode) {
                    Some(first) => entry.kind = EntryKind::Hardlink(first.clone()),
                    None => _ = first_names.insert(found.stat.inode, entry.name.clone()),
                }
            }
            if entry.kind == EntryKind::File {
                let mut file = folder.open_file(&found.path)?;
                self.put(entry, &mut file)?;
            } else {
                self.put(entry, &mut std::io::empty())?;
            }
        }
        Ok(())
    }

    fn unpack(&mut self, source: Box<dyn Read + Send>, dir: &[u8]) -> Result<()> {
        let failed = |source| crate::ops::Error::Archive(archive::Error::reading("the tar", source));
        let budget = Budget::new(Limits::default());
        let buffered = BufReader::with_capacity(BUFFER_BYTES, source);
        let plain = Bounded::new(buffered, &budget, Nesting::Outer).map_err(failed)?;
        let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
        let mut entries = Entries::new(Streamed(plain));
        while let Some(found) = entries.next().map_err(|source| crate::ops::Error::NoTar { source })? {
            self.task.check()?;
            let mut entry = found.entry;
            self.bytes += tar_bytes(&entry.kind, entry.size);
            let outside = |entry: &[u8]| Error::Outside { entry: entry.into(), dir: dir.into() };
            let parts = parts_inside(&entry.name).ok_or_else(|| outside(&entry.name))?;
            let Some((last, parents)) = parts.split_last() else {
                if entry.kind != EntryKind::Directory {
                    return Err(Error::OverDirectory { there: dir.into(), new: entry.name }.into());
                }
                continue;
            };
            let parent = self.make_directories(dir, parents, entry.mtime)?;
            if let EntryKind::Hardlink(target) = &entry.kind {
                let parts = parts_inside(target).ok_or_else(|| outside(target))?;
                entry.kind = EntryKind::Hardlink([dir, b"/", &parts.join(&b'/')].concat());
            }
            let path = self.rootfs.view().path(parent);
            entry.name = if path.is_empty() { last.to_vec() } else { [&path, &b"/"[..], last].concat() };
            self.put(entry, &mut entries.payload())?;
        }
        Ok(())
    }

    /// The directory that `parts` lead to from `dir`, links followed within the
    /// container; what is missing is made.
    fn make_directories(&mut self, dir: &[u8], parts: &[&[u8]], mtime: Mtime) -> Result<NodeId> {
        let mut path = dir.to_vec();
        let mut node = self.rootfs.view().find(&path, Follow::Yes)?;
        for part in parts {
            path = [&self.rootfs.view().path(node)[..], b"/", part].concat();
            node = match self.rootfs.view().spot(&path)? {
                Spot::Node(node) if self.rootfs.view().is_directory(node) => node,
                Spot::Gap { directory, name }
                    if self.rootfs.view().entry_in(node, part).is_none() && name == *part =>
                {
                    let parent = self.rootfs.view().path(directory);
                    let name = if parent.is_empty() { name } else { [parent, name].join(&b'/') };
                    self.rootfs.put(implied(name, mtime), &mut |_| Ok(()))?;
                    self.rootfs.view().find(&path, Follow::No)?
                }
                _ => return Err(Error::NotADirectory { path }.into()),
            };
        }
        Ok(node)
    }

    /// Puts `entry` at its name, a path of the view without links.
    fn put(&mut self, entry: Entry, content: &mut dyn Read) -> Result<()> {
        let view = self.rootfs.view();
        if let Ok(node) = view.find(&entry.name, Follow::No) {
            let (there, new) = ([b"/", &entry.name[..]].concat(), entry.name.clone());
            match (view.is_directory(node), entry.kind == EntryKind::Directory) {
                (true, false) => return Err(Error::OverDirectory { there, new }.into()),
                (false, true) => return Err(Error::OverFile { there, new }.into()),
                _ => {}
            }
        }
        let (size, name, task) = (entry.size, entry.name.clone(), self.task);
        Ok(self.rootfs.put(entry, &mut |out| pour(content, size, &name, out, task))?)
    }
}

/// A directory that was not spoken of; as old as what is put into it.
fn implied(name: Vec<u8>, mtime: Mtime) -> Entry {
    Entry {
        name,
        kind: EntryKind::Directory,
        mode: IMPLIED_MODE,
        uid: ROOT,
        gid: ROOT,
        mtime,
        size: 0,
        xattrs: Vec::new(),
    }
}

/// As many bytes as were announced.
fn pour(
    content: &mut dyn Read,
    size: u64,
    name: &[u8],
    out: &mut dyn Write,
    task: &Task,
) -> container::Result<()> {
    let len = BUFFER_BYTES.min(usize::try_from(size).unwrap_or(BUFFER_BYTES));
    let mut buffer = larder_memory::zeroed(len)?;
    let mut left = size;
    while left > 0 {
        task.check()?;
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let len =
            content.read(buffer.get_mut(..room).unwrap_or_default()).map_err(container::Error::Input)?;
        if len == 0 {
            return Err(container::Error::Changed { path: name.into() });
        }
        out.write_all(buffer.get(..len).unwrap_or_default()).map_err(container::Error::Output)?;
        left -= len as u64;
    }
    Ok(())
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
