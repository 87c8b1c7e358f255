//! What is left of commits when only the state behind them counts.
//!
//! A change holds still if no later one is about the same blob, image, name or container, and if
//! it puts something there. A snapshot has all of these, in the commits that made them, with their
//! times and verbs: so a catalog made from it says the same, and it is still known when and by
//! which command everything came. Commits of which nothing holds have no place in it.

use std::collections::{HashMap, HashSet};

use super::record::encoded_bytes;
use super::{Change, Commit, ContainerId, Error, Result};
use crate::image::Digest;

/// The changes that still hold behind the commits that were added. It takes some 100 bytes of
/// memory for each.
#[derive(Debug, Default)]
pub struct Snapshot {
    holding: HashMap<Key, Holding>,
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Blob(Digest),
    Image(Digest),
    Name(String),
    Container(ContainerId),
}

/// Where the change is that holds.
#[derive(Debug, Clone, Copy)]
struct Holding {
    number: u64,
    /// Its place among the changes of the commit.
    at: usize,
    bytes: u64,
}

impl Snapshot {
    /// Adds the next commit.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn add(&mut self, number: u64, commit: &Commit) -> Result<()> {
        for (at, change) in commit.changes.iter().enumerate() {
            let Some((key, is_put)) = about(change) else { continue };
            match is_put {
                true => {
                    let bytes = encoded_bytes(change).map_err(Error::TooLarge)?;
                    self.holding.insert(key, Holding { number, at, bytes });
                }
                false => _ = self.holding.remove(&key),
            }
        }
        Ok(())
    }

    /// How many commits it has.
    pub fn commits(&self) -> u64 {
        self.holding.values().map(|holding| holding.number).collect::<HashSet<_>>().len() as u64
    }

    /// How many bytes the changes take that hold.
    pub fn changes_bytes(&self) -> u64 {
        self.holding.values().map(|holding| holding.bytes).sum()
    }

    /// What is left of the commit `number`, if anything is.
    pub fn left_of(&self, number: u64, commit: Commit) -> Option<Commit> {
        let holds = |at: usize, change: &Change| {
            let holding = about(change).and_then(|(key, _)| self.holding.get(&key));
            holding.is_some_and(|holding| (holding.number, holding.at) == (number, at))
        };
        let left: Vec<_> = commit
            .changes
            .into_iter()
            .enumerate()
            .filter(|(at, change)| holds(*at, change))
            .map(|(_, change)| change)
            .collect();
        let changes = [Change::Snapshot].into_iter().chain(left).collect::<Vec<_>>();
        (changes.len() > 1).then_some(Commit { changes, ..commit })
    }
}

/// What `change` is about, and whether it puts something there.
fn about(change: &Change) -> Option<(Key, bool)> {
    Some(match change {
        Change::PutBlob(blob) => (Key::Blob(blob.digest), true),
        Change::ForgetBlob(digest) => (Key::Blob(*digest), false),
        Change::PutImage(image) => (Key::Image(image.target), true),
        Change::ForgetImage(target) => (Key::Image(*target), false),
        Change::SetReference(named) => (Key::Name(named.name.clone()), true),
        Change::RemoveReference(name) => (Key::Name(name.clone()), false),
        Change::PutContainer(container) => (Key::Container(container.id), true),
        Change::ForgetContainer(id) => (Key::Container(*id), false),
        Change::Snapshot => return None,
    })
}
