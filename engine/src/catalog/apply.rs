//! Bringing the catalog up to date.

use super::pages::Draft;
use super::tables::{
    BLOBS, CONTAINER_NAMES, CONTAINERS, HOLDS, IDS, IMAGES, NAMES, REFERENCES, USES, record, value,
};
use super::{Catalog, Change, Commit, Container, ContainerId, Image, Named, Result};
use crate::image::Digest;
use crate::journal::Position;

/// Commits are gathered until their pages are about so long: a page is written once
/// for all of them.
const FULL_BYTES: usize = 64 << 20;

/// Commits that are applied together.
#[derive(Debug)]
pub struct Applying<'c> {
    catalog: &'c Catalog,
    draft: Draft<'c>,
    position: Option<Position>,
    /// Whether the catalog has no position before all of it is there, and so is not
    /// believed: its pages are written one by one then, in the order of their names,
    /// which leaves sled half the garbage that a batch leaves.
    is_new: bool,
}

impl Catalog {
    /// Applies `commit`, behind which the journal is at `position`: all of it
    /// or nothing.
    ///
    /// # Errors
    /// If the database fails.
    pub fn apply(&self, commit: &Commit, position: Position) -> Result<()> {
        let mut applying = self.applying(false);
        applying.add(commit, position)?;
        applying.finish()
    }

    /// Applies the payloads of records, which are all there are, wherever they lie.
    ///
    /// # Errors
    /// If a later larder wrote one, or the database fails.
    pub fn replay(&self, payloads: &[Vec<u8>]) -> Result<()> {
        let mut draft = self.pages.draft();
        for payload in payloads {
            let commit = Commit::decode(payload)?;
            commit.changes.iter().try_for_each(|change| apply(&mut draft, change))?;
        }
        draft.apply()
    }

    /// Says that the journal is at `position` behind the commits that were applied: another
    /// journal, which comes to the same, has taken the place of the one that they were read from.
    ///
    /// # Errors
    /// If the database fails.
    pub fn move_to(&self, position: Position) -> Result<()> {
        let mut draft = self.pages.draft();
        self.mark(&mut draft, position)?;
        draft.apply()
    }

    /// Begins to apply commits; `is_new` if they are all there are.
    pub fn applying(&self, is_new: bool) -> Applying<'_> {
        Applying { catalog: self, draft: self.pages.draft(), position: None, is_new }
    }
}

impl Applying<'_> {
    /// Adds `commit`, behind which the journal is at `position`.
    ///
    /// # Errors
    /// If the database fails. Of a catalog that is not new whole commits, in order,
    /// are applied then, or none.
    pub fn add(&mut self, commit: &Commit, position: Position) -> Result<()> {
        commit.changes.iter().try_for_each(|change| apply(&mut self.draft, change))?;
        self.position = Some(position);
        if self.draft.bytes() < FULL_BYTES {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.draft, self.catalog.pages.draft());
        if self.is_new { full.write() } else { Self { draft: full, ..*self }.finish() }
    }

    /// Applies what was added.
    ///
    /// # Errors
    /// If the database fails.
    pub fn finish(mut self) -> Result<()> {
        let Some(position) = self.position else { return Ok(()) };
        if self.is_new {
            std::mem::replace(&mut self.draft, self.catalog.pages.draft()).write()?;
        }
        self.catalog.mark(&mut self.draft, position)?;
        self.draft.apply()
    }
}

fn apply(draft: &mut Draft<'_>, change: &Change) -> Result<()> {
    match change {
        Change::PutBlob(blob) => draft.insert(BLOBS, blob.digest.as_bytes(), value(blob, BLOBS)?)?,
        Change::ForgetBlob(digest) => _ = draft.remove(BLOBS, digest.as_bytes())?,
        Change::PutImage(image) => put_image(draft, image)?,
        Change::ForgetImage(target) => forget_image(draft, target)?,
        Change::SetReference(named) => {
            remove_reference(draft, &named.name)?;
            draft.insert(REFERENCES, named.name.as_bytes(), value(named, REFERENCES)?)?;
            draft.insert(NAMES, &pair(&named.target, named.name.as_bytes()), Vec::new())?;
        }
        Change::RemoveReference(name) => remove_reference(draft, name)?,
        Change::PutContainer(container) => put_container(draft, container)?,
        Change::ForgetContainer(id) => forget_container(draft, id)?,
        Change::Snapshot => {}
    }
    Ok(())
}

fn put_image(draft: &mut Draft<'_>, image: &Image) -> Result<()> {
    let target = image.target.as_bytes();
    forget_image(draft, &image.target)?;
    for variant in &image.variants {
        draft.insert(IDS, &pair(&variant.id.0, target), Vec::new())?;
    }
    for blob in image.blobs() {
        draft.insert(USES, &pair(&blob, target), Vec::new())?;
    }
    draft.insert(IMAGES, target, value(image, IMAGES)?)
}

fn forget_image(draft: &mut Draft<'_>, target: &Digest) -> Result<()> {
    let Some(old) = draft.remove(IMAGES, target.as_bytes())? else { return Ok(()) };
    let old: Image = record(&old, IMAGES)?;
    for variant in &old.variants {
        draft.remove(IDS, &pair(&variant.id.0, target.as_bytes()))?;
    }
    for blob in old.blobs() {
        draft.remove(USES, &pair(&blob, target.as_bytes()))?;
    }
    Ok(())
}

fn put_container(draft: &mut Draft<'_>, container: &Container) -> Result<()> {
    let id = &container.id.0;
    forget_container(draft, &container.id)?;
    for blob in container.blobs() {
        draft.insert(HOLDS, &pair(&blob, id), Vec::new())?;
    }
    draft.insert(CONTAINER_NAMES, container.name.as_bytes(), id.to_vec())?;
    draft.insert(CONTAINERS, id, value(container, CONTAINERS)?)
}

fn forget_container(draft: &mut Draft<'_>, id: &ContainerId) -> Result<()> {
    let Some(old) = draft.remove(CONTAINERS, &id.0)? else { return Ok(()) };
    let old: Container = record(&old, CONTAINERS)?;
    for blob in old.blobs() {
        draft.remove(HOLDS, &pair(&blob, &id.0))?;
    }
    // Another one may have got the name since.
    let name = old.name.as_bytes();
    if draft.get(CONTAINER_NAMES, name)?.is_some_and(|owner| owner == id.0) {
        draft.remove(CONTAINER_NAMES, name)?;
    }
    Ok(())
}

fn remove_reference(draft: &mut Draft<'_>, name: &str) -> Result<()> {
    let Some(old) = draft.remove(REFERENCES, name.as_bytes())? else { return Ok(()) };
    let old: Named = record(&old, REFERENCES)?;
    draft.remove(NAMES, &pair(&old.target, name.as_bytes()))?;
    Ok(())
}

/// A key of two parts.
fn pair(digest: &Digest, second: &[u8]) -> Vec<u8> {
    [digest.as_bytes(), second].concat()
}
