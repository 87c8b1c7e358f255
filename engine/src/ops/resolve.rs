//! From what a user says to what is meant.
//!
//! In this order, as in Docker: a whole digest, a reference (with `latest`
//! where it has no tag), the beginning of an ID.

use std::collections::BTreeMap;

use super::Error;
use crate::Result;
use crate::catalog::{Catalog, Image, Named, Variant};
use crate::image::{Digest, ImageId, Platform, Reference};

/// An image that was asked for.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The image.
    pub image: Image,
    /// The reference by which it was asked for; none if by an ID.
    pub named: Option<Named>,
    /// The ID by which it was asked for, if it was.
    pub id: Option<ImageId>,
}

/// The image that `name` means.
///
/// # Errors
/// If there is none, or more than one.
pub fn resolve(catalog: &Catalog, name: &str) -> Result<Resolved> {
    let absent = || Error::NoSuchImage { name: told(name) };
    if let Some(digest) = whole_digest(name) {
        return by_digest(catalog, digest)?.ok_or_else(|| absent().into());
    }
    let reference = name.parse::<Reference>().map(Reference::or_latest);
    if let Ok(reference) = &reference
        && let Some(found) = by_reference(catalog, reference)?
    {
        return Ok(found);
    }
    if let Some(found) = by_prefix(catalog, name)? {
        return Ok(found);
    }
    match reference {
        Ok(_) => Err(absent().into()),
        Err(source) => Err(Error::BadReference { name: name.into(), source }.into()),
    }
}

/// How an absent image is told: as Docker does, with the tag that was looked for.
fn told(name: &str) -> String {
    let latest = name.parse::<Reference>().map(|reference| reference.or_latest().familiar());
    latest.unwrap_or_else(|_| name.into())
}

/// Whether an image is called `name`, or `name:latest`.
///
/// # Errors
/// If the catalog is damaged.
pub fn is_name(catalog: &Catalog, name: &str) -> Result<bool> {
    let reference = name.parse::<Reference>().map(Reference::or_latest);
    Ok(matches!(reference, Ok(reference) if by_reference(catalog, &reference)?.is_some()))
}

fn whole_digest(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix("sha256:").unwrap_or(name)).ok()
}

fn by_digest(catalog: &Catalog, digest: Digest) -> Result<Option<Resolved>> {
    let mut found = None;
    for target in catalog.targets_by_id(digest.as_bytes()) {
        let (id, target) = target?;
        // One image may be there in several packings; one that has a name goes first.
        let is_named = !catalog.names_of(&target)?.is_empty();
        if found.is_none() || is_named {
            found = Some((id, target));
        }
        if is_named {
            break;
        }
    }
    if let Some((id, target)) = found {
        let image = catalog.image(&target)?;
        return Ok(image.map(|image| Resolved { image, named: None, id: Some(id) }));
    }
    let image = catalog.image(&digest)?;
    Ok(image.map(|image| Resolved { image, named: None, id: None }))
}

fn by_reference(catalog: &Catalog, reference: &Reference) -> Result<Option<Resolved>> {
    // Older larders took names with the digest of other content from archives.
    let holds = |named: &Named| reference.digest().is_none_or(|digest| digest == named.target);
    let exact = catalog.reference(&reference.to_string())?.filter(holds);
    let named = match (exact, reference.digest()) {
        (Some(named), _) => Some(named),
        (None, None) => None,
        (None, Some(digest)) => {
            let names = catalog.names_of(&digest)?;
            let repository = reference.repository();
            let same = |named: &Named| {
                named.name.parse::<Reference>().is_ok_and(|other| other.repository() == repository)
            };
            names.into_iter().find(same)
        }
    };
    let Some(named) = named else { return Ok(None) };
    let image = catalog.image(&named.target)?;
    Ok(image.map(|image| Resolved { image, named: Some(named), id: None }))
}

fn by_prefix(catalog: &Catalog, name: &str) -> Result<Option<Resolved>> {
    let prefix = name.strip_prefix("sha256:").unwrap_or(name);
    let is_hex = prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if prefix.is_empty() || prefix.len() >= 64 || !is_hex {
        return Ok(None);
    }
    // The database knows whole bytes; an odd digit is compared here.
    let even = prefix.get(..prefix.len() & !1).unwrap_or_default();
    let bytes = hex::decode(even).unwrap_or_default();
    let mut found: BTreeMap<Digest, ()> = BTreeMap::new();
    for id in catalog.targets_by_id(&bytes) {
        let (id, _) = id?;
        if id.0.hex().starts_with(prefix) {
            found.insert(id.0, ());
        }
    }
    if found.is_empty() {
        for target in catalog.targets_from(&bytes) {
            let target = target?;
            if target.hex().starts_with(prefix) {
                found.insert(target, ());
            }
        }
    }
    let mut found = found.into_keys();
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(Error::Ambiguous { prefix: name.into(), first, second }.into()),
        (Some(only), None) => by_digest(catalog, only),
        _ => Ok(None),
    }
}

/// How the image `target` is told, also if the catalog has lost it.
pub(super) fn told_id(catalog: &Catalog, target: &Digest) -> Result<ImageId> {
    Ok(catalog.image(target)?.map_or(ImageId(*target), |image| image.id()))
}

impl Resolved {
    /// The variant that is meant: for `platform`, else the one with the ID that
    /// was asked for, else the main one. `None` if the image has none at all.
    ///
    /// # Errors
    /// If a platform was asked for that the image does not have.
    pub fn variant(&self, platform: Option<&Platform>) -> Result<Option<&Variant>> {
        if let Some(want) = platform {
            let found = self.image.variants.iter().find(|variant| want.accepts(&variant.platform));
            return found.map(Some).ok_or_else(|| {
                let got: Vec<_> = self.image.variants.iter().map(|v| v.platform.to_string()).collect();
                let name = self.told_name();
                Error::NoPlatform { name, want: want.clone(), got: got.join(", ") }.into()
            });
        }
        let asked = self.id.and_then(|id| self.image.variants.iter().find(|variant| variant.id == id));
        Ok(asked.or_else(|| self.image.main_variant()))
    }

    fn told_name(&self) -> String {
        let named = self.named.as_ref().and_then(|named| named.name.parse::<Reference>().ok());
        named.map_or_else(|| self.image.target.to_string(), |reference| reference.familiar())
    }
}
