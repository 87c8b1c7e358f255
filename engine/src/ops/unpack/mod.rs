//! Unpacked layers: what overlayfs mounts under a container that runs.
//!
//! `layers/<name>/` is a cache of what packs hold:
//!
//! ```text
//! <chain id>/        a layer on those below it, by its chain ID in hexadecimal
//! <chain id>-init/   Docker's mount points, as they are needed on top of that chain
//!   diff/            the directory that is mounted
//!   ready            says that it is whole; see container/unpack/ready.rs
//! lock               held by who puts one in place
//! ```
//!
//! A layer is unpacked in `tmp/` and renamed, so that it is there whole or not at all;
//! of two processes that unpack the same one the first has it, and the other takes that.
//! Only `gc` takes one away, while nobody else has the store: who has shared it, and
//! found a layer ready or made it so, may mount it.

mod evict;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::slice;

use crate::Result;

use crate::catalog::Variant;
use crate::container::{Layer, Purpose, Ready, RootFs, Space, Supply, Unpacking};
use crate::disk::{self, TemporaryDir, is_trusted, passing_name};
use crate::image::{ChainId, DiffId};
use crate::store::{Access, LAYERS, Store};
use crate::task::{Passing, Task};

pub(super) use evict::{Keeping, unpacked_of};

/// What is mounted of a layer.
const DIFF: &str = "diff";

/// Stands for the chain of no layers at all.
const NO_CHAIN: &str = "none";

/// The layers of an image on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// The directories to mount, the top one first, that of the mount points.
    pub dirs: Vec<PathBuf>,
    /// The same, as the store names them.
    pub names: Vec<String>,
    /// Where the marks of overlayfs are: with [`Space::User`] it has to be mounted with
    /// `userxattr`.
    pub space: Space,
}

impl Store {
    /// Unpacks what is not unpacked yet of `layers`, base first, and of the mount points
    /// on top. If nothing is missing, nothing of the image is read.
    ///
    /// The directories stay as long as `access` is held, and after that as long as a
    /// container of the catalog stands on them.
    ///
    /// # Errors
    /// If the layers come to no file system, the store is damaged, or the disk fails.
    pub(super) fn unpack(&self, access: &Access, layers: &[Layer], task: &Task) -> Result<Unpacked> {
        let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
        let names = names(&diff_ids);
        let space = match is_trusted(&self.path("tmp")?) {
            true => Space::Trusted,
            false => Space::User,
        };
        let ready = Ready::here(space)?;
        let is_missing = |name: &String| !ready.is_on(&**self.disk(), &dir(name));
        let missing: Vec<_> = names.iter().map(is_missing).collect();
        if missing.contains(&true) {
            self.check_writable()?;
            self.unpack_missing(access, layers, &names, &missing, &Unpacker { space, ready, task })?;
        }
        let names: Vec<_> = names.iter().rev().map(|name| format!("{}/{DIFF}", dir(name))).collect();
        let dirs = names.iter().map(|name| self.path(name)).collect::<Result<_>>()?;
        Ok(Unpacked { dirs, names, space })
    }

    fn unpack_missing(
        &self,
        access: &Access,
        layers: &[Layer],
        names: &[String],
        missing: &[bool],
        unpacker: &Unpacker<'_>,
    ) -> Result<()> {
        let task = unpacker.task;
        let scratch = self.scratch_dir();
        let [all, some] = [Purpose::ReadAll, Purpose::ReadSome].map(|purpose| purpose(scratch.as_deref()));
        let reader = self.reader(access, task)?;
        let mut rootfs = RootFs::open(self.new_view()?, &[], reader, some, task, &mut |_, _| ())?;
        rootfs.view_mut().keep_gone();
        let mut supplies = Vec::new();
        // Above the last that is missing nothing has to be known.
        let count = missing.iter().rposition(|missing| *missing).map_or(0, |last| last + 1);
        for (number, (name, missing)) in names.iter().zip(missing).take(count).enumerate() {
            match layers.get(number) {
                Some(layer) => {
                    let purpose = if *missing { all } else { some };
                    rootfs.extend(slice::from_ref(layer), purpose, task, &mut |_, _| ())?;
                }
                None => rootfs.view_mut().add_mount_points()?,
            }
            if *missing {
                self.unpack_top(access, &rootfs, name, unpacker, &mut supplies)?;
            }
        }
        Ok(())
    }

    /// Unpacks the top layer of `rootfs` as `name`.
    fn unpack_top(
        &self,
        access: &Access,
        rootfs: &RootFs,
        name: &str,
        unpacker: &Unpacker<'_>,
        supplies: &mut Vec<Supply>,
    ) -> Result<()> {
        let Unpacker { space, ready, task } = unpacker;
        let unpacking = Unpacking::of_top(rootfs.view());
        while supplies.len() < unpacking.threads() {
            supplies.push(rootfs.supply(self.reader(access, task)?));
        }
        supplies.iter_mut().for_each(|supply| supply.follow(rootfs));
        let supplies = supplies.get_mut(..unpacking.threads()).unwrap_or_default();
        // The mount points are not worth a word.
        let mut passing = match unpacking.bytes() {
            0 => Passing::untold(task),
            bytes => {
                let item = format!("unpacking {}", name.get(..12).unwrap_or(name));
                Passing::start(item, Some(bytes), task)
            }
        };
        let made = TemporaryDir::create(self.disk().clone(), "layer")?;
        unpacking.make(&self.path(&format!("{}/{DIFF}", made.name()))?, *space, supplies, &mut passing)?;
        passing.finish();
        ready.put(&**self.disk(), made.name())?;
        self.put_in_place(made, name, ready, task)
    }

    /// Gives what was made its place, if nobody else has put the same there.
    fn put_in_place(&self, made: TemporaryDir, name: &str, ready: &Ready, task: &Task) -> Result<()> {
        let (disk, dir) = (self.disk(), dir(name));
        let alone = self.lock_layers(task)?;
        if ready.is_on(&**disk, &dir) {
            return Ok(());
        }
        // One that cannot be trusted any more.
        let old = passing_name("old");
        match disk.rename(&dir, &old) {
            Err(error) if !error.is_absent() => return Err(error.into()),
            _ => made.keep(&dir)?,
        }
        drop(alone);
        Ok(disk.remove_tree(&old)?)
    }

    /// Where `name` lies on this machine.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let nowhere = || disk::Error {
            verb: "unpack into",
            path: name.into(),
            source: std::io::ErrorKind::Unsupported.into(),
        };
        Ok(self.disk().host_path(name)?.ok_or_else(nowhere)?)
    }
}

/// How layers are unpacked.
struct Unpacker<'u> {
    space: Space,
    ready: Ready,
    task: &'u Task,
}

/// The names of the unpacked layers that a container of `variant` stands on.
pub(super) fn names_of(variant: &Variant) -> Vec<String> {
    names(&variant.layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>())
}

/// The names of unpacked layers, base first, and that of the mount points on top.
fn names(diff_ids: &[DiffId]) -> Vec<String> {
    let mut names: Vec<_> = ChainId::each(diff_ids).map(|chain| chain.0.hex()).collect();
    let top = names.last().map_or(NO_CHAIN, String::as_str);
    names.push(format!("{top}-init"));
    names
}

fn dir(name: &str) -> String {
    format!("{LAYERS}/{name}")
}
