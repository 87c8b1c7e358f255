//! What was done to the store: the journal, for people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Error;
use crate::Result;
use crate::catalog::{Change, Commit, ContainerId};
use crate::image::{Digest, ImageId, Reference};
use crate::store::Store;
use crate::task::Task;

/// What of the past to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PastOptions {
    /// Only what befell images with a name that this pattern fits, as `docker images`
    /// takes it, or the container of this name; if there never was one, images and
    /// containers with an ID that begins so.
    pub of: Option<String>,
    /// Only what was done in that second or later.
    pub since: Option<jiff::Timestamp>,
    /// Only what was done in that second or before.
    pub until: Option<jiff::Timestamp>,
    /// Of that only the last so many commands.
    pub most: Option<usize>,
}

/// A command that changed the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCommand {
    /// Its number, the store's first having had 1.
    pub number: u64,
    /// When it was done; `None` if that is out of the calendar.
    pub time: Option<jiff::Timestamp>,
    /// The command, such as `load`; `undo` with the number of what it took back.
    pub verb: String,
    /// What it changed for people: nothing if it only kept house.
    pub changes: Vec<PastChange>,
}

/// What a command changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastChange {
    /// A name was given to an image, or again to the same, or taken from it.
    Name {
        /// The name.
        name: Reference,
        /// What it named before.
        from: Option<ImageId>,
        /// What it named from then on.
        to: Option<ImageId>,
        /// Whether the image went with the name.
        is_deleted: bool,
    },
    /// An image came without a name, or went without one.
    Image {
        /// Its ID.
        id: ImageId,
        /// Whether it went.
        is_deleted: bool,
    },
    /// A container was created, renamed or removed.
    Container {
        /// Its ID.
        id: ContainerId,
        /// What it was called from then on, or at last.
        name: String,
        /// What it was called before, if it was renamed.
        renamed: Option<String>,
        /// The image that it was created of.
        image: ImageId,
        /// Whether it went.
        is_deleted: bool,
    },
}

impl Store {
    /// The commands that have changed the store, the last first. Where the journal was compacted,
    /// only the latest are left.
    ///
    /// ```
    /// use larder_engine::{PastChange, PastOptions};
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// store.tag("greeter:1.0", &"mine:1".parse()?)?;
    /// let past = store.past(&PastOptions { most: Some(1), ..PastOptions::default() })?;
    /// assert_eq!(past[0].verb, "tag");
    /// assert!(matches!(&past[0].changes[0], PastChange::Name { name, .. } if name.familiar() == "mine:1"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the pattern is none or the store cannot be read.
    pub fn past(&self, options: &PastOptions) -> Result<Vec<PastCommand>> {
        let task = self.listener();
        self.healing(&task, || self.past_once(options, &task))
    }

    fn past_once(&self, options: &PastOptions, task: &Task) -> Result<Vec<PastCommand>> {
        let mut teller = Teller::default();
        let mut all = Vec::new();
        self.ledger(task)?.each_commit(&mut |number, commit| {
            task.check()?;
            let time = commit.time.timestamp();
            let verb = commit.verb.clone();
            let changes = teller.tell(&commit);
            // What is left of older ones tells what there was, not what was done.
            if !commit.is_snapshot() {
                all.push(PastCommand { number, time, verb, changes });
            }
            Ok(())
        })?;
        if let Some(pattern) = &options.of {
            keep_only(&mut all, pattern)?;
        }
        let is_in_time = |command: &PastCommand| {
            let time = command.time.unwrap_or(jiff::Timestamp::MIN).as_second();
            options.since.is_none_or(|since| time >= since.as_second())
                && options.until.is_none_or(|until| time <= until.as_second())
        };
        all.retain(is_in_time);
        all.reverse();
        all.truncate(options.most.unwrap_or(usize::MAX));
        Ok(all)
    }
}

/// A name goes before an ID, as everywhere.
fn keep_only(all: &mut Vec<PastCommand>, pattern: &str) -> Result<(), Error> {
    let mut by_name = Vec::new();
    let mut by_id = Vec::new();
    let prefix = pattern.strip_prefix("sha256:").unwrap_or(pattern);
    for command in &*all {
        let mut named = command.clone();
        let mut failed = None;
        named.changes.retain(|change| {
            change.is_called(pattern).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if !named.changes.is_empty() {
            by_name.push(named);
        }
        let mut found = command.clone();
        found.changes.retain(|change| change.has_id(prefix));
        if !found.changes.is_empty() {
            by_id.push(found);
        }
    }
    *all = if by_name.is_empty() { by_id } else { by_name };
    Ok(())
}

impl PastChange {
    fn is_called(&self, pattern: &str) -> Result<bool, Error> {
        match self {
            Self::Name { name, .. } => name.matches(pattern).map_err(Error::Pattern),
            Self::Image { .. } => Ok(false),
            Self::Container { name, renamed, .. } => {
                Ok(name == pattern || renamed.as_deref() == Some(pattern))
            }
        }
    }

    fn has_id(&self, prefix: &str) -> bool {
        if prefix.is_empty() {
            return false;
        }
        let begins = |id: &ImageId| id.0.hex().starts_with(prefix);
        match self {
            Self::Name { from, to, .. } => from.iter().chain(to).any(begins),
            Self::Image { id, .. } => begins(id),
            Self::Container { id, image, .. } => id.to_string().starts_with(prefix) || begins(image),
        }
    }
}

/// What there was, up to the commit that is told.
#[derive(Debug, Default)]
struct Teller {
    names: HashMap<String, Digest>,
    /// The targets of the images that are there.
    images: BTreeSet<Digest>,
    /// The IDs of all that ever were.
    ids: HashMap<Digest, ImageId>,
    containers: HashMap<ContainerId, (String, ImageId)>,
}

impl Teller {
    /// What `commit` changed for people, beside what was there before.
    fn tell(&mut self, commit: &Commit) -> Vec<PastChange> {
        let mut names: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
        let mut images: BTreeMap<Digest, bool> = BTreeMap::new();
        let mut told = Vec::new();
        for change in &commit.changes {
            match change {
                Change::PutBlob(_) | Change::ForgetBlob(_) | Change::Snapshot => {}
                Change::PutImage(image) => {
                    self.ids.insert(image.target, image.id());
                    let was_there = !self.images.insert(image.target);
                    images.entry(image.target).or_insert(was_there);
                }
                Change::ForgetImage(target) => {
                    let was_there = self.images.remove(target);
                    images.entry(*target).or_insert(was_there);
                }
                Change::SetReference(named) => {
                    let before = self.names.insert(named.name.clone(), named.target);
                    names.entry(&named.name).or_insert(before);
                }
                Change::RemoveReference(name) => {
                    let before = self.names.remove(name);
                    names.entry(name).or_insert(before);
                }
                Change::PutContainer(container) => {
                    let (id, name, image) = (container.id, container.name.clone(), container.variant.id);
                    let before = self.containers.insert(id, (name.clone(), image));
                    let renamed = before.map(|(before, _)| before).filter(|before| *before != name);
                    told.push(PastChange::Container { id, name, renamed, image, is_deleted: false });
                }
                Change::ForgetContainer(id) => {
                    if let Some((name, image)) = self.containers.remove(id) {
                        let (id, renamed) = (*id, None);
                        told.push(PastChange::Container { id, name, renamed, image, is_deleted: true });
                    }
                }
            }
        }
        let mut covered = BTreeSet::new();
        for (name, before) in names {
            let after = self.names.get(name).copied();
            let (Ok(reference), true) = (name.parse(), before.is_some() || after.is_some()) else { continue };
            let is_deleted = after.is_none() && before.is_some_and(|before| !self.images.contains(&before));
            covered.extend(if is_deleted { before } else { after });
            let id = |target: Digest| self.ids.get(&target).copied().unwrap_or(ImageId(target));
            let (from, to) = (before.map(id), after.map(id));
            told.push(PastChange::Name { name: reference, from, to, is_deleted });
        }
        // One image in two packings is one image.
        let covered: BTreeSet<_> = covered.iter().filter_map(|target| self.ids.get(target)).collect();
        for (target, was_there) in images {
            let is_there = self.images.contains(&target);
            let id = self.ids.get(&target).copied().unwrap_or(ImageId(target));
            if was_there != is_there && !covered.contains(&id) {
                told.push(PastChange::Image { id, is_deleted: was_there });
            }
        }
        told
    }
}
