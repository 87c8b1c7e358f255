//! The commit of a load: all images at once.

use std::collections::BTreeSet;

use super::LoadedImage;
use super::bind::{Bound, BoundImage};
use crate::Result;
use crate::catalog::{Blob, Change, Image, Kind, Named, Time};
use crate::image::{Digest, ImageId};
use crate::ops::remove::changes_to_remove;
use crate::store::{Ledger, Store};
use crate::task::Task;

impl Store {
    /// Makes the images part of the store, all at once.
    pub(super) fn commit_load(&self, bound: &Bound, task: &Task) -> Result<Vec<LoadedImage>> {
        let mut ledger = self.ledger(task)?;
        let mut changes = Vec::new();
        let needed: BTreeSet<Digest> = bound.images.iter().flat_map(|bound| bound.image.blobs()).collect();
        for digest in &needed {
            let blob = bound.blobs.get(digest).ok_or(crate::store::Error::NoBlob(*digest))?;
            // Somebody may have removed since what was found there at the beginning. What
            // was broken may have come in another form.
            let there = ledger.catalog().blob(digest)?;
            let is_other = |there: &Blob| there.kind != blob.kind && there.kind == Kind::Other;
            if there.is_none_or(|there| is_other(&there) || there.body != blob.body) {
                changes.push(Change::PutBlob(blob.clone()));
            }
        }
        let mut superseded = BTreeSet::new();
        let mut loaded = Vec::new();
        for bound in &bound.images {
            changes.extend(put_image(&ledger, bound, &needed)?);
            loaded.push(bind(&ledger, bound, &mut superseded, &mut changes)?);
        }
        changes.extend(forget_other_packings(&ledger, bound, superseded, &needed)?);
        ledger.commit("load", changes)?;
        Ok(loaded)
    }
}

/// Puts the image in, or the lines by which it is known now; lines that nothing
/// knows it by any more go.
fn put_image(ledger: &Ledger, bound: &BoundImage, needed: &BTreeSet<Digest>) -> Result<Vec<Change>> {
    let catalog = ledger.catalog();
    let BoundImage { image, names } = bound;
    let Some(mut there) = catalog.image(&image.target)? else {
        return Ok(vec![Change::PutImage(image.clone())]);
    };
    let given: BTreeSet<String> = names.iter().map(|(name, _)| name.to_string()).collect();
    let others = catalog.names_of(&image.target)?;
    let others = others.iter().filter(|named| !given.contains(&named.name)).filter_map(|named| named.entry);
    there.entry = image.entry.or(there.entry);
    let lines = image.lines.iter().copied().chain(others).chain(there.entry).collect();
    let before = std::mem::replace(&mut there.lines, lines);
    if before == there.lines {
        return Ok(Vec::new());
    }
    let only_here = BTreeSet::from([image.target]);
    let mut changes = Vec::new();
    for line in before.difference(&there.lines).filter(|line| !needed.contains(*line)) {
        if catalog.is_needed_only_by(line, &only_here, &BTreeSet::new())? {
            changes.push(Change::ForgetBlob(*line));
        }
    }
    changes.push(Change::PutImage(there));
    Ok(changes)
}

fn bind(
    ledger: &Ledger,
    bound: &BoundImage,
    superseded: &mut BTreeSet<Digest>,
    changes: &mut Vec<Change>,
) -> Result<LoadedImage> {
    let BoundImage { image, names } = bound;
    let target = image.target;
    let id = image.main_variant().map_or(ImageId(target), |variant| variant.id);
    let mut replaced = Vec::new();
    let mut references = Vec::new();
    for (reference, entry) in names {
        let name = reference.to_string();
        let before = ledger.catalog().reference(&name)?.map(|named| named.target);
        if let Some(before) = before.filter(|before| *before != target) {
            let other = ledger.catalog().image(&before)?;
            let other_id =
                other.as_ref().and_then(Image::main_variant).map_or(ImageId(before), |variant| variant.id);
            if other_id == id {
                superseded.insert(before);
            } else {
                replaced.push((reference.clone(), other_id));
            }
        }
        changes.push(Change::SetReference(Named { name, target, entry: *entry, tagged: Time::now() }));
        references.push(reference.clone());
    }
    Ok(LoadedImage { id, target, references, replaced })
}

/// Images that have lost a name to themselves in another packing. Without any
/// other name they would only be listed twice.
fn forget_other_packings(
    ledger: &Ledger,
    bound: &Bound,
    superseded: BTreeSet<Digest>,
    needed: &BTreeSet<Digest>,
) -> Result<Vec<Change>> {
    let taken: BTreeSet<String> =
        bound.images.iter().flat_map(|bound| &bound.names).map(|(name, _)| name.to_string()).collect();
    let mut going = BTreeSet::new();
    for target in superseded {
        let names = ledger.catalog().names_of(&target)?;
        let is_loaded = bound.images.iter().any(|bound| bound.image.target == target);
        if !is_loaded && names.iter().all(|named| taken.contains(&named.name)) {
            going.insert(target);
        }
    }
    let changes = changes_to_remove(ledger.catalog(), &going, &BTreeSet::new())?;
    let is_right = |change: &Change| !matches!(change, Change::ForgetBlob(digest) if needed.contains(digest));
    Ok(changes.into_iter().filter(is_right).collect())
}
