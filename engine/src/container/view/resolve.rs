//! From a path to a node, never out of the root.

use std::sync::atomic::Ordering;

use super::limits::{MAX_LINKS_FOLLOWED, MAX_PARTS_FOLLOWED, MAX_PATH_BYTES};
use super::{NodeId, View};
use crate::container::Error;
use crate::tar::EntryKind;

/// What becomes of a symbolic link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// It is what is meant.
    No,
    /// What it leads to is meant.
    Yes,
}

/// How a name of an entry begins at the root: its parts, `.` and empty ones
/// left out, `..` taken back.
///
/// # Errors
/// If it leads out of the root, or is too long.
pub(super) fn parts(name: &[u8]) -> Result<Vec<&[u8]>, Error> {
    if name.len() > MAX_PATH_BYTES {
        return Err(Error::LongPath { path: name.into(), limit: MAX_PATH_BYTES });
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop().ok_or_else(|| Error::Escapes { entry: name.into() })?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts)
}

/// The path that the name of an entry stands for, without a slash at either end.
///
/// # Errors
/// If it leads out of the root, or is too long.
pub fn clean(name: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(parts(name)?.join(&b'/'))
}

/// How far a path could be followed.
pub(super) enum Reached {
    /// It is there.
    Node(u32),
    /// This directory is there, and in it a name is missing; then these would
    /// follow, the next one last.
    Missing { directory: u32, name: Vec<u8>, rest: Vec<Vec<u8>> },
    /// This is in the middle of the path and is no directory.
    NoDirectory { node: u32 },
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// To something.
    Node(NodeId),
    /// To a name that a directory does not have.
    Gap {
        /// The directory.
        directory: NodeId,
        /// The name.
        name: Vec<u8>,
    },
}

impl View {
    /// Where `path` leads, links followed to the end: to something, or to where
    /// something could be made.
    ///
    /// # Errors
    /// If there is not even a directory for it, or links lead in a circle.
    pub fn spot(&self, path: &[u8]) -> Result<Spot, Error> {
        match self.reach(path, Follow::Yes)? {
            Reached::Node(node) => Ok(Spot::Node(NodeId(node))),
            Reached::Missing { directory, name, rest } if rest.is_empty() => {
                Ok(Spot::Gap { directory: NodeId(directory), name })
            }
            Reached::Missing { .. } => Err(Error::NoFile { path: path.into() }),
            Reached::NoDirectory { .. } => Err(Error::NotADirectory { path: path.into() }),
        }
    }

    /// The node at `path`, as a process in the container would find it: a
    /// leading slash or none, links followed within the root, `..` stopping at it.
    ///
    /// # Errors
    /// If there is none, or links lead in a circle.
    pub fn find(&self, path: &[u8], follow: Follow) -> Result<NodeId, Error> {
        let must_be_directory = path.ends_with(b"/") || path.ends_with(b"/.");
        let follow = if must_be_directory { Follow::Yes } else { follow };
        match self.reach(path, follow)? {
            Reached::Node(node) if must_be_directory && !self.is_directory(NodeId(node)) => {
                Err(Error::NotADirectory { path: path.into() })
            }
            Reached::Node(node) => Ok(NodeId(node)),
            Reached::Missing { .. } => Err(Error::NoFile { path: path.into() }),
            Reached::NoDirectory { .. } => Err(Error::NotADirectory { path: path.into() }),
        }
    }

    /// Where `path` leads, and how far it is there.
    pub(super) fn reach(&self, path: &[u8], follow: Follow) -> Result<Reached, Error> {
        if path.len() > MAX_PATH_BYTES {
            return Err(Error::LongPath { path: path.into(), limit: MAX_PATH_BYTES });
        }
        let split = |path: &[u8]| -> Vec<Vec<u8>> {
            let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
            parts.rev().map(<[u8]>::to_vec).collect()
        };
        let mut waiting = split(path);
        let mut at = 0;
        let mut followed = 0;
        while let Some(part) = waiting.pop() {
            if part == b".." {
                at = self.node(at).parent;
                continue;
            }
            if !self.is_directory(NodeId(at)) {
                return Ok(Reached::NoDirectory { node: at });
            }
            let Some(child) = self.child(at, &part) else {
                return Ok(Reached::Missing { directory: at, name: part, rest: waiting });
            };
            if self.is_directory(NodeId(child)) {
                at = child;
                continue;
            }
            match self.kind(NodeId(child)) {
                EntryKind::Symlink(target) if !waiting.is_empty() || follow == Follow::Yes => {
                    followed += 1;
                    if followed > MAX_LINKS_FOLLOWED {
                        return Err(Error::Loop { path: path.into() });
                    }
                    if target.starts_with(b"/") {
                        at = 0;
                    }
                    let target = split(&target);
                    let parts = target.len() as u64;
                    if self.followed.fetch_add(parts, Ordering::Relaxed) + parts > MAX_PARTS_FOLLOWED {
                        return Err(Error::Links { path: path.into(), limit: MAX_PARTS_FOLLOWED });
                    }
                    waiting.extend(target);
                }
                _ => at = child,
            }
        }
        Ok(Reached::Node(at))
    }
}
