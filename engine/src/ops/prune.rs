//! Removing images that nobody needs.

use super::find_container::is_of;
use super::inspect::config;
use super::remove::{Removal, Removed};
use crate::Result;
use crate::catalog::{self, Image, Variant};
use crate::chunk::Reader;
use crate::store::{Ledger, Store};
use crate::task::Task;

/// Which images to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneOptions {
    /// Those with names too, and not only dangling ones.
    pub all: bool,
    /// Only those made before.
    pub until: Option<jiff::Timestamp>,
    /// Only those that every filter lets pass.
    pub labels: Vec<LabelFilter>,
    /// Keep the space of what goes until somebody wants it: see
    /// [`Store::reclaim_in_passing`].
    pub keep_space: bool,
}

/// A condition on an image's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFilter {
    /// Whether the label must be absent or different instead.
    pub negated: bool,
    /// The label.
    pub key: String,
    /// Its value, if that matters.
    pub value: Option<String>,
}

impl LabelFilter {
    /// Whether `labels` pass.
    pub fn accepts(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        let fits = found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found));
        fits != self.negated
    }
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Each image.
    pub images: Vec<Removed>,
}

impl Store {
    /// Removes images without a name, or with `options.all` every image, but for
    /// those that a container was created of.
    /// Their space comes back with [`Store::reclaim`].
    ///
    /// ```
    /// use larder_engine::{PruneOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let options = PruneOptions { all: true, ..PruneOptions::default() };
    /// store.prune(&options, &Task::silent())?;
    /// assert!(store.images()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be read or written; then nothing was removed.
    pub fn prune(&self, options: &PruneOptions, task: &Task) -> Result<Pruned> {
        self.check_removable()?;
        self.healing(task, || self.prune_once(options, task))
    }

    fn prune_once(&self, options: &PruneOptions, task: &Task) -> Result<Pruned> {
        let access = self.share(task)?;
        let mut ledger = self.ledger(task)?;
        let mut reader = self.reader(&access, task)?;
        let images = ledger.catalog().images().collect::<Result<Vec<_>, catalog::Error>>()?;
        let containers = ledger.catalog().containers().collect::<Result<Vec<_>, catalog::Error>>()?;
        let mut pruned = Pruned::default();
        let mut removal = Removal::new(ledger.catalog());
        for image in images {
            task.check()?;
            let names = ledger.catalog().names_of(&image.target)?;
            let is_used = containers.iter().any(|container| is_of(container, &image));
            if !(options.all || names.is_empty())
                || is_used
                || !passes(&image, options, &ledger, &mut reader)?
            {
                continue;
            }
            pruned.images.push(removal.take(&image, &names, names.len())?);
        }
        let changes = removal.changes()?;
        if !changes.is_empty() {
            if options.keep_space {
                self.keep_space()?;
            }
            ledger.commit("prune", changes)?;
        }
        Ok(pruned)
    }
}

fn passes(image: &Image, options: &PruneOptions, ledger: &Ledger, reader: &mut Reader) -> Result<bool> {
    let variant = image.main_variant();
    let created = variant.and_then(|variant| variant.created?.timestamp());
    if options.until.is_some_and(|until| created.is_none_or(|created| created >= until)) {
        return Ok(false);
    }
    if options.labels.is_empty() {
        return Ok(true);
    }
    let labels = match variant {
        None => Default::default(),
        Some(Variant { labels: Some(labels), .. }) => labels.clone(),
        Some(variant) => config(ledger, variant.id, reader)?.labels,
    };
    Ok(options.labels.iter().all(|filter| filter.accepts(&labels)))
}
