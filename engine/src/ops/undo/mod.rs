//! Taking back what a command did to names and images.
//!
//! The journal still says what there was before; whether the bytes are there too is
//! another matter, since what only an undo could reach is garbage. So what an image needs
//! that comes back is looked for, while nobody can remove packs, before the record is
//! written. That record is one like any other and can be undone itself.

mod entry;
mod error;

use std::collections::{BTreeMap, BTreeSet};

use super::find_container::containers_of;
use super::remove::changes_to_remove;
use super::resolve::told_id;
use crate::Result;
use crate::catalog::{Blob, Catalog, Change, Image, Named};
use crate::chunk::Reader;
use crate::image::{Digest, ImageId, Reference};
use crate::store::{Ledger, Store};
use crate::task::Task;

pub use error::Error;

use entry::{Entry, blobs_once};

/// What to take back, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UndoOptions {
    /// The number of the command in [`Store::past`]; the last, if there is none.
    pub number: Option<u64>,
    /// Take back names that were given to other images since.
    pub force: bool,
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// The number of the command.
    pub number: u64,
    /// The command.
    pub verb: String,
    /// Names that name something else than before, or nothing.
    pub names: Vec<UndoneName>,
    /// Images that are here again.
    pub restored: Vec<ImageId>,
    /// Images that are not here any more.
    pub deleted: Vec<ImageId>,
    /// Images that the command had brought and that stay: they have other names, or
    /// containers were created of them.
    pub kept: Vec<ImageId>,
    /// A container that has its old name again: that after the name it had until now.
    pub renamed: Option<(String, String)>,
}

/// A name that was given back or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneName {
    /// The name.
    pub name: Reference,
    /// What it named until now.
    pub from: Option<ImageId>,
    /// What it names now.
    pub to: Option<ImageId>,
}

impl Store {
    /// Takes back what a commit did to names and images: those it moved or removed are
    /// what they were before, with their IDs and times. Images that it brought go, unless
    /// something else needs them. Nothing of it is done if a part cannot be, and nothing at
    /// all in a [`Store::rehearsal`].
    ///
    /// ```
    /// use larder_engine::{Task, UndoOptions};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// store.tag("greeter:1.0", &"mine:1".parse()?)?;
    /// let undone = store.undo(&UndoOptions::default(), &Task::silent())?;
    /// assert_eq!(undone.names[0].name.familiar(), "mine:1");
    /// assert!(store.inspect("mine:1", None).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if a name was given to another
    /// image since, [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if bytes were
    /// collected, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if a container
    /// was created or removed, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if
    /// there is no such entry.
    pub fn undo(&self, options: &UndoOptions, task: &Task) -> Result<Undone> {
        self.check_removable()?;
        self.healing(task, || self.undo_once(options, task))
    }

    fn undo_once(&self, options: &UndoOptions, task: &Task) -> Result<Undone> {
        // Packs that are there when they are looked at stay until the commit.
        let access = self.share(task)?;
        let mut ledger = self.ledger(task)?;
        let entry = Entry::of(&ledger, options.number, task)?;
        let (changes, undone) = {
            let mut undoing = Undoing::new(&ledger, &entry, options.force);
            undoing.containers()?;
            undoing.names()?;
            undoing.images()?;
            // What was collected is no damage, and is not noted as such.
            let mut reader = self.still().reader(&access, task)?;
            undoing.changes(&mut reader, task)?
        };
        ledger.commit(&format!("undo {}", entry.number), changes)?;
        Ok(undone)
    }
}

/// An undo in the making.
struct Undoing<'u> {
    ledger: &'u Ledger,
    entry: &'u Entry,
    force: bool,
    undone: Undone,
    /// What names are to name that name something else now.
    given: BTreeMap<String, Option<Named>>,
    /// Images that come back, as they were.
    restored: BTreeMap<Digest, Image>,
    /// Images that go.
    going: BTreeSet<Digest>,
    /// What becomes of containers.
    renames: Vec<Change>,
}

impl<'u> Undoing<'u> {
    fn new(ledger: &'u Ledger, entry: &'u Entry, force: bool) -> Self {
        let undone = Undone { number: entry.number, verb: entry.verb.clone(), ..Undone::default() };
        let (given, restored, going, renames) = Default::default();
        Self { ledger, entry, force, undone, given, restored, going, renames }
    }

    fn catalog(&self) -> &'u Catalog {
        self.ledger.catalog()
    }

    /// Of what befell containers only a renaming can be taken back.
    fn containers(&mut self) -> Result<()> {
        let (number, verb) = (self.entry.number, self.entry.verb.clone());
        for (id, step) in &self.entry.containers {
            match (&step.before, &step.after) {
                (Some(before), Some(after)) => {
                    let changed = || Error::ChangedContainer { name: after.name.clone() };
                    let now = self.catalog().container(id)?.filter(|now| now.name == after.name);
                    let mut now = now.ok_or_else(changed)?;
                    if before.name == after.name {
                        continue;
                    }
                    if let Some(owner) = self.catalog().container_by_name(&before.name)? {
                        let (name, owner) = (before.name.clone(), owner.id);
                        return Err(super::Error::NameTaken { name, owner }.into());
                    }
                    let old = std::mem::replace(&mut now.name, before.name.clone());
                    self.undone.renamed = Some((old, now.name.clone()));
                    self.renames.push(Change::PutContainer(now));
                }
                (Some(before), None) => {
                    let name = before.name.clone();
                    return Err(Error::RemovedContainer { number, verb, name }.into());
                }
                (_, after) => {
                    let name = after.as_ref().map(|after| after.name.clone()).unwrap_or_default();
                    return Err(match self.catalog().container(id)? {
                        Some(_) => Error::CreatedContainer { number, verb, name }.into(),
                        None => Error::ChangedContainer { name }.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Every name is to name what it did, if nobody has done something else with it since.
    fn names(&mut self) -> Result<()> {
        fn target(named: Option<&Named>) -> Option<Digest> {
            named.map(|named| named.target)
        }
        for (name, step) in &self.entry.names {
            let now = self.catalog().reference(name)?;
            if now == step.before {
                continue;
            }
            let is_as_left = target(now.as_ref()) == target(step.after.as_ref());
            let is_as_before = target(now.as_ref()) == target(step.before.as_ref());
            if !is_as_left && is_as_before {
                continue;
            }
            if !is_as_left && !self.force {
                let (number, verb) = (self.entry.number, self.entry.verb.clone());
                let now = now.map(|now| told_id(self.catalog(), &now.target)).transpose()?;
                return Err(Error::Moved { number, verb, name: familiar(name), now }.into());
            }
            self.given.insert(name.clone(), step.before.clone());
        }
        Ok(())
    }

    /// Images come back that went; those that came go, if nothing else needs them.
    fn images(&mut self) -> Result<()> {
        for (target, step) in &self.entry.images {
            let now = self.catalog().image(target)?;
            match (&step.before, &step.after, now) {
                (Some(before), None, None) => _ = self.restored.insert(*target, before.clone()),
                (None, Some(_), Some(now)) => {
                    let is_used = !containers_of(self.catalog(), &now)?.is_empty();
                    if is_used || !self.names_of(target)?.is_empty() {
                        self.undone.kept.push(now.id());
                    } else {
                        self.going.insert(*target);
                        self.undone.deleted.push(now.id());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The names that the image `target` is to have.
    fn names_of(&self, target: &Digest) -> Result<Vec<Named>> {
        let mut names = self.catalog().names_of(target)?;
        names.retain(|named| !self.given.contains_key(&named.name));
        let given = self.given.values().flatten().filter(|named| named.target == *target);
        names.extend(given.cloned());
        Ok(names)
    }

    /// The commit, once it is known that everything is there that it needs.
    fn changes(mut self, reader: &mut Reader, task: &Task) -> Result<(Vec<Change>, Undone)> {
        let images = self.images_to_put()?;
        let needed: BTreeSet<Digest> = images.values().flat_map(Image::blobs).collect();
        let mut changes: Vec<_> =
            self.blobs_to_put(&images, &needed, reader, task)?.into_values().map(Change::PutBlob).collect();
        let mut lines = BTreeSet::new();
        for image in images.values() {
            if let Some(there) = self.catalog().image(&image.target)? {
                lines.extend(there.lines.difference(&image.lines).copied());
            }
        }
        changes.extend(images.into_values().map(Change::PutImage));
        for (name, named) in &self.given {
            let now = self.catalog().reference(name)?;
            changes.push(match named {
                Some(named) => Change::SetReference(named.clone()),
                None => Change::RemoveReference(name.clone()),
            });
            let id = |named: &Named| match self.restored.get(&named.target) {
                Some(image) => Ok(image.id()),
                None => told_id(self.catalog(), &named.target),
            };
            let from = now.as_ref().map(id).transpose()?;
            let to = named.as_ref().map(id).transpose()?;
            if let Ok(name) = name.parse() {
                self.undone.names.push(UndoneName { name, from, to });
            }
        }
        let gone = changes_to_remove(self.catalog(), &self.going, &BTreeSet::new())?;
        let is_needed =
            |change: &Change| matches!(change, Change::ForgetBlob(digest) if needed.contains(digest));
        changes.extend(gone.into_iter().filter(|change| !is_needed(change)));
        changes.extend(self.lines_to_forget(&lines, &needed)?);
        changes.append(&mut self.renames);
        if changes.is_empty() {
            return Err(self.nothing().into());
        }
        Ok((changes, self.undone))
    }

    /// Images that come back, and those whose lines change with their names.
    fn images_to_put(&mut self) -> Result<BTreeMap<Digest, Image>> {
        let mut affected: BTreeSet<Digest> = self.restored.keys().copied().collect();
        for (name, named) in &self.given {
            let now = self.catalog().reference(name)?;
            affected.extend(now.iter().chain(named).map(|named| named.target));
        }
        let mut images = BTreeMap::new();
        for target in affected.difference(&self.going) {
            let there = self.catalog().image(target)?;
            let Some(mut image) = self.restored.get(target).or(there.as_ref()).cloned() else {
                let lost = self
                    .given
                    .iter()
                    .find_map(|(name, named)| (named.as_ref()?.target == *target).then(|| familiar(name)));
                // A name whose image the catalog has lost names nothing already.
                let Some(name) = lost else { continue };
                return Err(Error::ImageGone { name, id: ImageId(*target) }.into());
            };
            let lines = self.names_of(target)?.iter().filter_map(|named| named.entry).collect();
            image.lines = lines;
            image.lines.extend(image.entry);
            if there.as_ref() != Some(&image) {
                images.insert(*target, image);
            }
        }
        self.undone.restored = self.restored.values().map(Image::id).collect();
        Ok(images)
    }

    /// The blobs that `images` need and the catalog does not have, each of them whole.
    fn blobs_to_put(
        &self,
        images: &BTreeMap<Digest, Image>,
        needed: &BTreeSet<Digest>,
        reader: &mut Reader,
        task: &Task,
    ) -> Result<BTreeMap<Digest, Blob>> {
        let layers: BTreeSet<Digest> = images
            .values()
            .flat_map(|image| &image.variants)
            .flat_map(|variant| variant.layers.iter().map(|layer| layer.blob))
            .collect();
        let mut absent = BTreeSet::new();
        for digest in needed {
            // A layer may have come again as mere content, which no longer says what is in it.
            let there = self.catalog().blob(digest)?;
            if there.is_none_or(|there| layers.contains(digest) && there.is_other()) {
                absent.insert(*digest);
            }
        }
        let mut found = blobs_once(self.ledger, &absent, task)?;
        found.retain(|digest, blob| !(blob.is_other() && layers.contains(digest)));
        for image in images.values() {
            let (mut lost_bytes, mut bytes, mut is_whole) = (0, 0, true);
            for digest in image.blobs() {
                task.check()?;
                let Some(blob) = found.get(&digest) else {
                    bytes += self.catalog().blob(&digest)?.map_or(0, |blob| blob.body.len);
                    is_whole &= !absent.contains(&digest);
                    continue;
                };
                let lost = reader.lost(&blob.body);
                is_whole &= lost.ranges.is_empty();
                lost_bytes += lost.bytes();
                bytes += blob.body.len;
            }
            if !is_whole {
                let (number, verb, id) = (self.entry.number, self.entry.verb.clone(), image.id());
                return Err(Error::Collected { number, verb, id, lost_bytes, bytes }.into());
            }
        }
        Ok(found)
    }

    /// Of the lines that images lose those that no other image has.
    fn lines_to_forget(&self, lines: &BTreeSet<Digest>, needed: &BTreeSet<Digest>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for line in lines.difference(needed) {
            let users = self.catalog().users_of(line)?;
            if users.len() <= 1 && self.catalog().holders_of(line)?.is_empty() {
                changes.push(Change::ForgetBlob(*line));
            }
        }
        Ok(changes)
    }

    fn nothing(&self) -> Error {
        let (number, verb) = (self.entry.number, self.entry.verb.clone());
        if let Some(id) = self.undone.kept.first() {
            return Error::Needed { number, verb, id: *id };
        }
        let is_seen = self.entry.names.values().any(|step| step.before != step.after)
            || self.entry.images.values().any(|step| step.before.is_some() != step.after.is_some());
        if is_seen { Error::Undone { number, verb } } else { Error::Housekeeping { number, verb } }
    }
}

fn familiar(name: &str) -> String {
    name.parse::<Reference>().map_or_else(|_| name.into(), |reference| reference.familiar())
}
