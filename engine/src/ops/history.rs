//! How an image came to be.

use super::Error;
use super::inspect::config;
use super::resolve::resolve;
use crate::Result;
use crate::chunk::Reader;
use crate::image::{ImageId, Platform, Reference};
use crate::store::{Ledger, Store};
use crate::task::Task;

/// One step of an image's making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image, on the last step only: of the ones before no image is known.
    pub id: Option<ImageId>,
    /// When.
    pub created: Option<jiff::Timestamp>,
    /// The command.
    pub created_by: String,
    /// The bytes of files that the step's layer holds.
    pub size_bytes: u64,
    /// A remark.
    pub comment: String,
    /// Whether the step added no layer.
    pub empty_layer: bool,
    /// The image's names, on the last step only.
    pub tags: Vec<Reference>,
}

impl Store {
    /// The steps that made the image `name`, the last one first.
    ///
    /// As the image-spec has it, every entry of the config's `history` that is
    /// not marked `empty_layer` stands for the next layer. A config without a
    /// history gives an empty list, layers or not, as in Docker.
    ///
    /// ```
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let steps = store.history("greeter:1.0", None)?;
    /// let layers = steps.iter().filter(|step| !step.empty_layer).count();
    /// assert_eq!(layers, store.inspect("greeter:1.0", None)?.diff_ids.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such image, or its history names more layers than it has.
    pub fn history(&self, name: &str, platform: Option<&Platform>) -> Result<Vec<HistoryEntry>> {
        let task = self.listener();
        self.healing(&task, || self.history_once(name, platform, &task))
    }

    /// The histories of all these images, in their order: faster than to ask for them
    /// one by one.
    ///
    /// # Errors
    /// As [`Store::history`].
    pub fn histories(&self, names: &[String], task: &Task) -> Result<Vec<Vec<HistoryEntry>>> {
        self.healing(task, || {
            let access = self.share(task)?;
            let ledger = self.ledger(task)?;
            let mut reader = self.reader(&access, task)?;
            let history = |name: &String| {
                task.check()?;
                steps(&ledger, &mut reader, name, None)
            };
            names.iter().map(history).collect()
        })
    }

    fn history_once(
        &self,
        name: &str,
        platform: Option<&Platform>,
        task: &Task,
    ) -> Result<Vec<HistoryEntry>> {
        let access = self.share(task)?;
        let ledger = self.ledger(task)?;
        steps(&ledger, &mut self.reader(&access, task)?, name, platform)
    }
}

fn steps(
    ledger: &Ledger,
    reader: &mut Reader,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Vec<HistoryEntry>> {
    let resolved = resolve(ledger.catalog(), name)?;
    let Some(variant) = resolved.variant(platform)? else { return Ok(Vec::new()) };
    let config = config(ledger, variant.id, reader)?;
    let mut layers = variant.layers.iter();
    let mut entries = Vec::new();
    for step in config.history {
        let size_bytes = match step.empty_layer {
            true => 0,
            false => layers.next().ok_or(Error::LongHistory)?.content_bytes,
        };
        entries.push(HistoryEntry {
            id: None,
            created: step.created,
            created_by: step.created_by,
            size_bytes,
            comment: step.comment,
            empty_layer: step.empty_layer,
            tags: Vec::new(),
        });
    }
    entries.reverse();
    if let Some(last) = entries.first_mut() {
        last.id = Some(variant.id);
        let names = ledger.catalog().names_of(&resolved.image.target)?;
        last.tags = names.iter().filter_map(|named| named.name.parse().ok()).collect();
    }
    Ok(entries)
}
