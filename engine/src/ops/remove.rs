//! Taking names away, and images that have none left.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::Error;
use super::find_container::containers_of;
use super::resolve::{Resolved, resolve};
use crate::Result;
use crate::catalog::{Catalog, Change, ContainerId, Image, Named, Variant};
use crate::image::{ChainId, DiffId, Digest, Reference};
use crate::runtime::read_status;
use crate::store::Store;
use crate::task::Task;

/// How to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoveOptions {
    /// Remove an image by its ID even if it has several names, and even if a
    /// container was created of it. That keeps what it needs.
    pub force: bool,
    /// Keep the space of what goes until somebody wants it: see
    /// [`Store::reclaim_in_passing`].
    pub keep_space: bool,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// The names that were taken away.
    pub untagged: Vec<Reference>,
    /// `repository@digest` of each, for images that came with a manifest.
    pub untagged_digests: Vec<String>,
    /// The image's ID, and the chain IDs of the layers that no other image
    /// has, the top one first. Empty if the image has another name.
    pub deleted: Vec<Digest>,
}

impl Store {
    /// Takes the name `name` away; if it was the last, or `name` is an ID, the
    /// image goes too. Its space comes back with [`Store::reclaim`].
    ///
    /// ```
    /// use larder_engine::{RemoveOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let removed = store.remove("greeter:1.0", &RemoveOptions::default(), &Task::silent())?;
    /// assert!(removed.deleted.is_empty(), "it is greeter:latest still");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if an ID has
    /// several names and `options` do not force it.
    pub fn remove(&self, name: &str, options: &RemoveOptions, task: &Task) -> Result<Removed> {
        self.check_removable()?;
        self.healing(task, || self.remove_once(name, options, task))
    }

    fn remove_once(&self, name: &str, options: &RemoveOptions, task: &Task) -> Result<Removed> {
        let mut ledger = self.ledger(task)?;
        let resolved = resolve(ledger.catalog(), name)?;
        let all = ledger.catalog().names_of(&resolved.image.target)?;
        let going = names_to_take(&resolved, name, &all);
        if resolved.named.is_none() && all.len() > 1 && !options.force {
            let short = resolved.id.unwrap_or(resolved.image.id()).0.short();
            return Err(Error::ManyNames { short }.into());
        }
        if going.len() == all.len() {
            if resolved.named.is_none() {
                self.check_not_running(ledger.catalog(), &resolved)?;
            }
            if !options.force {
                check_unused(ledger.catalog(), &resolved)?;
            }
        }
        if options.keep_space {
            self.keep_space()?;
        }
        let mut removal = Removal::new(ledger.catalog());
        let removed = removal.take(&resolved.image, &going, all.len())?;
        let changes = removal.changes()?;
        ledger.commit("rmi", changes)?;
        Ok(removed)
    }
}

impl Store {
    /// Refuses to take an image away from a container that runs, whatever is forced.
    fn check_not_running(&self, catalog: &Catalog, resolved: &Resolved) -> Result<()> {
        for user in containers_of(catalog, &resolved.image)? {
            if read_status(&**self.disk(), &Self::container_dir(&user.id))?.state.is_live() {
                let image = resolved.id.unwrap_or(resolved.image.id()).0.short();
                return Err(Error::RunningImage { image, container: user.id.short() }.into());
            }
        }
        Ok(())
    }
}

/// Refuses to take an image away from a container.
fn check_unused(catalog: &Catalog, resolved: &Resolved) -> Result<()> {
    let users = containers_of(catalog, &resolved.image)?;
    let Some(container) = users.first().map(|container| container.id.short()) else { return Ok(()) };
    let image = resolved.id.unwrap_or(resolved.image.id()).0.short();
    Err(match resolved.named.as_ref().map(|named| named.name.parse::<Reference>()) {
        Some(Ok(name)) => Error::UsedName { name: name.familiar(), container, image }.into(),
        _ => Error::UsedImage { image, container }.into(),
    })
}

/// The names that go: the one that was given, all of a repository for
/// `repository@digest`, all of them for an ID.
fn names_to_take(resolved: &Resolved, name: &str, all: &[Named]) -> Vec<Named> {
    let Some(named) = &resolved.named else { return all.to_vec() };
    match name.parse::<Reference>() {
        Ok(asked) if asked.digest().is_some() => {
            let same = |named: &&Named| {
                named.name.parse::<Reference>().is_ok_and(|other| other.repository() == asked.repository())
            };
            all.iter().filter(same).cloned().collect()
        }
        _ => vec![named.clone()],
    }
}

/// The commit that takes names and images away, as it comes about.
#[derive(Debug)]
pub(super) struct Removal<'c> {
    catalog: &'c Catalog,
    /// The images that are gone.
    gone: BTreeSet<Digest>,
    /// The names that are gone.
    names: Vec<Change>,
    /// By base layer: how many have each chain still.
    users: HashMap<Digest, HashMap<ChainId, usize>>,
}

impl<'c> Removal<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, gone: BTreeSet::new(), names: Vec::new(), users: HashMap::new() }
    }

    /// Takes these names from `image`, which goes if it has no more than `names` of them.
    pub(super) fn take(&mut self, image: &Image, going: &[Named], names: usize) -> Result<Removed> {
        let mut removed = Removed::default();
        for named in going {
            self.names.push(Change::RemoveReference(named.name.clone()));
            removed.untagged.extend(named.name.parse::<Reference>().ok());
        }
        if going.len() < names {
            return Ok(removed);
        }
        if !image.generated {
            let repositories: BTreeSet<_> =
                removed.untagged.iter().map(Reference::familiar_repository).collect();
            removed.untagged_digests =
                repositories.into_iter().map(|name| format!("{name}@{}", image.target)).collect();
        }
        self.gone.insert(image.target);
        removed.deleted.push(image.id().0);
        removed.deleted.extend(self.chains_of_its_own(image)?);
        Ok(removed)
    }

    /// The commit.
    pub(super) fn changes(self) -> Result<Vec<Change>> {
        let mut changes = self.names;
        changes.extend(changes_to_remove(self.catalog, &self.gone, &BTreeSet::new())?);
        Ok(changes)
    }

    /// The chain IDs that no image that stays and no container has, the longest chain first.
    fn chains_of_its_own(&mut self, image: &Image) -> Result<Vec<Digest>> {
        let mut own = Vec::new();
        let chains = chains(&image.variants);
        let bases: BTreeSet<_> = image.variants.iter().filter_map(base).collect();
        for base in &bases {
            match self.users.entry(*base) {
                Entry::Occupied(users) => {
                    let users = users.into_mut();
                    for chain in &chains {
                        users.get_mut(chain).into_iter().for_each(|users| *users = users.saturating_sub(1));
                    }
                }
                Entry::Vacant(unknown) => _ = unknown.insert(users(self.catalog, base, &self.gone)?),
            }
        }
        for variant in &image.variants {
            let Some(users) = base(variant).and_then(|base| self.users.get(&base)) else { continue };
            let is_own = |chain: &ChainId| users.get(chain).is_none_or(|users| *users == 0);
            let chains: Vec<_> = ChainId::each(&diff_ids(variant)).collect();
            own.extend(chains.into_iter().rev().filter(is_own).map(|chain| chain.0));
        }
        Ok(own)
    }
}

/// The changes that forget the images and containers that go, and the blobs that
/// only they need.
pub(super) fn changes_to_remove(
    catalog: &Catalog,
    going: &BTreeSet<Digest>,
    containers: &BTreeSet<ContainerId>,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut blobs = BTreeSet::new();
    for target in going {
        changes.push(Change::ForgetImage(*target));
        blobs.extend(catalog.image(target)?.iter().flat_map(Image::blobs));
    }
    for id in containers {
        changes.push(Change::ForgetContainer(*id));
        blobs.extend(catalog.container(id)?.iter().flat_map(|container| container.blobs()));
    }
    for blob in blobs {
        if catalog.is_needed_only_by(&blob, going, containers)? {
            changes.push(Change::ForgetBlob(blob));
        }
    }
    Ok(changes)
}

/// How many images that are not `gone`, and containers, have each chain, of those that
/// have the layer `base` as one.
fn users(catalog: &Catalog, base: &Digest, gone: &BTreeSet<Digest>) -> Result<HashMap<ChainId, usize>> {
    let mut users = HashMap::new();
    let mut add = |chains: BTreeSet<ChainId>| {
        chains.into_iter().for_each(|chain| *users.entry(chain).or_default() += 1);
    };
    for user in catalog.users_of(base)?.into_iter().filter(|user| !gone.contains(user)) {
        add(catalog.image(&user)?.map_or_else(BTreeSet::new, |image| chains(&image.variants)));
    }
    for holder in catalog.holders_of(base)? {
        let container = catalog.container(&holder)?;
        add(container
            .map_or_else(BTreeSet::new, |container| chains(std::slice::from_ref(&container.variant))));
    }
    Ok(users)
}

fn chains(variants: &[Variant]) -> BTreeSet<ChainId> {
    variants.iter().flat_map(|variant| ChainId::each(&diff_ids(variant)).collect::<Vec<_>>()).collect()
}

fn base(variant: &Variant) -> Option<Digest> {
    variant.layers.first().map(|layer| layer.blob)
}

fn diff_ids(variant: &Variant) -> Vec<DiffId> {
    variant.layers.iter().map(|layer| layer.diff_id).collect()
}
