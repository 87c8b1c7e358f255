//! The commit of a load: all images at once.

use std::collections::BTreeSet;

use super::bind::{Bound, BoundImage};
use super::{LoadOptions, LoadedImage};
use crate::Result;
use crate::catalog::{Blob, Change, Image, Named, Time};
use crate::image::{Digest, ImageId, Reference};
use crate::ops::remove::changes_to_remove;
use crate::ops::resolve::told_id;
use crate::store::{Ledger, Store};
use crate::task::Task;

impl Store {
    /// Makes the images part of the store, all at once.
    pub(super) fn commit_load(
        &self,
        bound: &Bound,
        options: &LoadOptions,
        task: &Task,
    ) -> Result<Vec<LoadedImage>> {
        let mut ledger = self.ledger(task)?;
        let (changes, loaded) = changes_to_load(&ledger, bound, options)?;
        ledger.commit("load", changes)?;
        Ok(loaded)
    }
}

/// What makes the images part of the store, and what is to be told of it.
pub(super) fn changes_to_load(
    ledger: &Ledger,
    bound: &Bound,
    options: &LoadOptions,
) -> Result<(Vec<Change>, Vec<LoadedImage>)> {
    let mut images = bound.images.clone();
    let mut kept = Vec::new();
    for bound in &mut images {
        kept.push(if options.keep_existing_tags { leave_names(ledger, bound)? } else { Vec::new() });
    }
    let mut changes = Vec::new();
    let needed: BTreeSet<Digest> = images.iter().flat_map(|bound| bound.image.blobs()).collect();
    for digest in &needed {
        let blob = bound.blobs.get(digest).ok_or(crate::store::Error::NoBlob(*digest))?;
        // Somebody may have removed since what was found there at the beginning. What
        // was broken may have come in another form.
        let there = ledger.catalog().blob(digest)?;
        let is_less = |there: &Blob| there.is_other() && !blob.is_other();
        if there.is_none_or(|there| is_less(&there) || there.body != blob.body) {
            changes.push(Change::PutBlob(blob.clone()));
        }
    }
    let mut superseded = BTreeSet::new();
    let mut loaded = Vec::new();
    for (bound, kept) in images.iter().zip(kept) {
        changes.extend(put_image(ledger, bound, &needed)?);
        loaded.push(LoadedImage { kept, ..bind(ledger, bound, &mut superseded, &mut changes)? });
    }
    changes.extend(forget_other_packings(ledger, &images, superseded, &needed)?);
    Ok((changes, loaded))
}

/// Takes from what is to be bound the names that another image has, and their lines.
fn leave_names(ledger: &Ledger, bound: &mut BoundImage) -> Result<Vec<(Reference, ImageId)>> {
    let id = bound.id();
    let mut kept = Vec::new();
    let mut given = Vec::new();
    for (reference, entry) in std::mem::take(&mut bound.names) {
        let there = ledger.catalog().reference(&reference.to_string())?;
        let there = there.filter(|named| named.target != bound.image.target);
        let other = there.map(|named| told_id(ledger.catalog(), &named.target)).transpose()?;
        match other.filter(|other| *other != id) {
            Some(other) => kept.push((reference, other)),
            None => given.push((reference, entry)),
        }
    }
    let lines = given.iter().filter_map(|(_, entry)| *entry).chain(bound.image.entry);
    bound.image.lines = lines.collect();
    bound.names = given;
    Ok(kept)
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
    let id = bound.id();
    let mut replaced = Vec::new();
    let mut references = Vec::new();
    for (reference, entry) in names {
        let name = reference.to_string();
        let before = ledger.catalog().reference(&name)?.map(|named| named.target);
        if let Some(before) = before.filter(|before| *before != target) {
            let other_id = told_id(ledger.catalog(), &before)?;
            if other_id == id && has_all_of(image, ledger.catalog().image(&before)?.as_ref()) {
                superseded.insert(before);
            } else {
                replaced.push((reference.clone(), other_id));
            }
        }
        changes.push(Change::SetReference(Named { name, target, entry: *entry, tagged: Time::now() }));
        references.push(reference.clone());
    }
    Ok(LoadedImage { id, target, references, replaced, kept: Vec::new() })
}

/// Whether `image` has what the other one has for each platform.
fn has_all_of(image: &Image, other: Option<&Image>) -> bool {
    let has = |id: ImageId| image.variants.iter().any(|variant| variant.id == id);
    other.is_none_or(|other| other.variants.iter().all(|variant| has(variant.id)))
}

/// Images that have lost a name to themselves in another packing. Without any
/// other name they would only be listed twice.
fn forget_other_packings(
    ledger: &Ledger,
    images: &[BoundImage],
    superseded: BTreeSet<Digest>,
    needed: &BTreeSet<Digest>,
) -> Result<Vec<Change>> {
    let taken: BTreeSet<String> =
        images.iter().flat_map(|bound| &bound.names).map(|(name, _)| name.to_string()).collect();
    let mut going = BTreeSet::new();
    for target in superseded {
        let names = ledger.catalog().names_of(&target)?;
        let is_loaded = images.iter().any(|bound| bound.image.target == target);
        if !is_loaded && names.iter().all(|named| taken.contains(&named.name)) {
            going.insert(target);
        }
    }
    let changes = changes_to_remove(ledger.catalog(), &going, &BTreeSet::new())?;
    let is_right = |change: &Change| !matches!(change, Change::ForgetBlob(digest) if needed.contains(digest));
    Ok(changes.into_iter().filter(is_right).collect())
}
