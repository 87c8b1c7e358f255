//! The images of the store, as a list.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::inspect::config;
use crate::catalog::Image;
use crate::chunk::Reader;
use crate::image::{DiffId, Digest, ImageId, Platform, Reference};
use crate::store::{Ledger, Store};
use crate::{Result, catalog};

/// What a list shows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// The digest of its config; of its target if nothing in it can be run.
    pub id: ImageId,
    /// The digest of its index or manifest.
    pub target: Digest,
    /// Whether the manifest was made by larder, because the archive had none.
    /// Its digest means nothing to others then.
    pub manifest_generated: bool,
    /// Its names, sorted; none for a dangling image.
    pub references: Vec<Reference>,
    /// When it was made, as its config says.
    pub created: Option<jiff::Timestamp>,
    /// The bytes of files in its layers, as Docker counts an image's size.
    pub content_bytes: u64,
    /// What it runs on.
    pub platform: Platform,
    /// The labels in its config.
    pub labels: BTreeMap<String, String>,
    /// The part of `content_bytes` in layers that other images have too.
    pub shared_bytes: u64,
    /// The part of `content_bytes` in layers that no other image has.
    pub unique_bytes: u64,
}

impl Store {
    /// All images, the newest first.
    ///
    /// ```
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// for image in store.images()? {
    ///     println!("{} {:?}", image.id, image.references);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn images(&self) -> Result<Vec<ImageSummary>> {
        let task = self.listener();
        self.healing(&task, || {
            if let Some(list) = list(&self.ledger(&task)?, None)? {
                return Ok(list);
            }
            let access = self.share(&task)?;
            let ledger = self.ledger(&task)?;
            let mut reader = self.reader(&access, &task)?;
            Ok(list(&ledger, Some(&mut reader))?.unwrap_or_default())
        })
    }
}

/// All images, the newest first; `None` if labels have to be read that are too
/// long for the catalog, and there is no `reader`.
fn list(ledger: &Ledger, mut reader: Option<&mut Reader>) -> Result<Option<Vec<ImageSummary>>> {
    let images = ledger.catalog().images().collect::<Result<Vec<_>, catalog::Error>>()?;
    let mut names: HashMap<Digest, Vec<Reference>> = HashMap::new();
    for named in ledger.catalog().references() {
        let named = named?;
        names.entry(named.target).or_default().extend(named.name.parse().ok());
    }
    let users = count_users(&images);
    let mut summaries = Vec::new();
    for image in &images {
        let mut summary = summary(image, names.remove(&image.target).unwrap_or_default(), &users);
        if let Some(variant) = image.main_variant() {
            summary.labels = match (&variant.labels, &mut reader) {
                (Some(labels), _) => labels.clone(),
                (None, Some(reader)) => config(ledger, variant.id, reader)?.labels,
                (None, None) => return Ok(None),
            };
        }
        summaries.push(summary);
    }
    summaries.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.references.cmp(&b.references)));
    Ok(Some(summaries))
}

/// How many images have each layer.
fn count_users(images: &[Image]) -> HashMap<DiffId, u32> {
    let mut users = HashMap::new();
    for image in images {
        let layers = image.main_variant().into_iter().flat_map(|variant| &variant.layers);
        let diff_ids: HashSet<_> = layers.map(|layer| layer.diff_id).collect();
        for diff_id in diff_ids {
            *users.entry(diff_id).or_default() += 1;
        }
    }
    users
}

fn summary(image: &Image, mut references: Vec<Reference>, users: &HashMap<DiffId, u32>) -> ImageSummary {
    references.sort();
    let main = image.main_variant();
    let layers = || main.into_iter().flat_map(|variant| &variant.layers);
    let is_shared = |diff_id| users.get(diff_id).is_some_and(|users| *users > 1);
    let shared = layers().filter(|layer| is_shared(&layer.diff_id));
    let shared_bytes = shared.map(|layer| layer.content_bytes).sum();
    let content_bytes = layers().map(|layer| layer.content_bytes).sum();
    ImageSummary {
        id: main.map_or(ImageId(image.target), |variant| variant.id),
        target: image.target,
        manifest_generated: image.generated,
        references,
        created: main.and_then(|variant| variant.created?.timestamp()),
        content_bytes,
        platform: main.map(|variant| variant.platform.clone()).unwrap_or_default(),
        labels: main.and_then(|variant| variant.labels.clone()).unwrap_or_default(),
        shared_bytes,
        unique_bytes: content_bytes.saturating_sub(shared_bytes),
    }
}

/// The summary of one image among all.
pub(super) fn summary_of(ledger: &Ledger, image: &Image) -> Result<ImageSummary> {
    let names = ledger.catalog().names_of(&image.target)?;
    let references = names.iter().filter_map(|named| named.name.parse().ok()).collect();
    let mut users = HashMap::new();
    for layer in image.main_variant().into_iter().flat_map(|variant| &variant.layers) {
        let count = ledger.catalog().users_of(&layer.blob)?.len();
        users.insert(layer.diff_id, u32::try_from(count).unwrap_or(u32::MAX));
    }
    Ok(summary(image, references, &users))
}
