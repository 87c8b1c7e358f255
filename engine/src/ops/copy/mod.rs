//! Copying between this machine and a container, or out of an image.
//!
//! What is copied in goes to the container's writable layer; what is copied out
//! comes from its file system as a whole. Neither way does a symbolic link lead
//! anywhere else: in the container they are resolved on the view of it, never by
//! the kernel, and on this machine nothing but the target as it was given is
//! reached by one.

mod error;
mod extract;
mod inward;
mod landing;
mod outward;
mod path;

pub use error::Error;

use crate::catalog::Catalog;
use crate::container::view::{Follow, NodeId, View};
use crate::image::Platform;
use crate::store::Store;
use crate::tar::{BLOCK_BYTES, END, EntryKind, padding_bytes};
use crate::task::Task;
use crate::{ErrorKind, Result, container};

use super::find_container::find;
use path::{Asked, Tail};

/// How to copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyOptions {
    /// A link that is given as the source stands for what it leads to.
    pub follow: bool,
    /// Files keep their owner and all their extended attributes. Else they belong
    /// to root in a container, and to who copies on this machine.
    pub archive: bool,
    /// Of an image for several platforms, this one.
    pub platform: Option<Platform>,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// How long a tar of it is, as Docker tells it.
    pub bytes: u64,
    /// Where it went to, links resolved.
    pub to: Vec<u8>,
}

impl Store {
    /// Whether there is a container called `name`, or with an ID that begins so.
    ///
    /// # Errors
    /// If the store cannot be read, or there is more than one.
    pub fn has_container(&self, name: &str, task: &Task) -> Result<bool> {
        self.healing(task, || is_there(self.ledger(task)?.catalog(), name))
    }
}

fn is_there(catalog: &Catalog, name: &str) -> Result<bool> {
    match find(catalog, name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the end of a tar takes.
const END_BYTES: u64 = END.len() as u64;

/// What an entry takes in a tar that says no more than Docker's.
fn tar_bytes(kind: &EntryKind, size: u64) -> u64 {
    let payload = if *kind == EntryKind::File { size } else { 0 };
    BLOCK_BYTES as u64 + payload + padding_bytes(payload)
}

/// What is at the path that was asked for in a container; a link at its end
/// stays one, unless that is to be followed or more comes behind it.
fn find_in(view: &View, asked: &Asked, follow: Follow) -> container::Result<NodeId> {
    let follow = if asked.tail == Tail::None { follow } else { Follow::Yes };
    let node = view.find(&asked.clean, follow)?;
    match asked.asserts_directory() && !view.is_directory(node) {
        true => Err(container::Error::NotADirectory { path: asked.clean.clone() }),
        false => Ok(node),
    }
}
