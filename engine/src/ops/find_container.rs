//! From what a user says to the container that is meant: a whole ID, a name,
//! the beginning of an ID, in this order.

use super::Error;
use crate::Result;
use crate::catalog::{Catalog, Container, ContainerId, Image};

/// The container that `name` means.
///
/// # Errors
/// If there is none, or more than one.
pub fn find(catalog: &Catalog, name: &str) -> Result<Container> {
    let absent = || Error::NoSuchContainer { name: name.into() };
    if let Some(found) = find_whole(catalog, name)? {
        return Ok(found);
    }
    let is_hex = name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if name.is_empty() || name.len() > 64 || !is_hex {
        return Err(absent().into());
    }
    // The database knows whole bytes; an odd digit is compared here.
    let bytes = hex::decode(name.get(..name.len() & !1).unwrap_or_default()).unwrap_or_default();
    let mut found = None;
    for id in catalog.container_ids_from(&bytes) {
        let id = id?;
        if id.to_string().starts_with(name) && found.replace(id).is_some() {
            return Err(Error::ManyContainers { prefix: name.into() }.into());
        }
    }
    let found = found.map(|id| catalog.container(&id)).transpose()?.flatten();
    found.ok_or_else(|| absent().into())
}

/// The container that has the whole of `name` for an ID or a name.
///
/// # Errors
/// If the catalog is damaged.
pub fn find_whole(catalog: &Catalog, name: &str) -> Result<Option<Container>> {
    if let Some(found) = whole_id(name).map(|id| catalog.container(&id)).transpose()?.flatten() {
        return Ok(Some(found));
    }
    Ok(catalog.container_by_name(name.strip_prefix('/').unwrap_or(name))?)
}

fn whole_id(name: &str) -> Option<ContainerId> {
    hex::decode(name).ok()?.try_into().ok().map(ContainerId)
}

/// The containers of `image`, by ID: in this packing or another one.
pub fn containers_of(catalog: &Catalog, image: &Image) -> Result<Vec<Container>> {
    let mut found = Vec::new();
    for container in catalog.containers() {
        let container = container?;
        if is_of(&container, image) {
            found.push(container);
        }
    }
    Ok(found)
}

/// Whether `container` was created of `image`, in this packing or another one.
pub fn is_of(container: &Container, image: &Image) -> bool {
    container.image == image.target || image.variants.iter().any(|variant| variant.id == container.variant.id)
}
