//! What is in each layer: the largest files, and what later layers hide.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::stack::Wanted;
use crate::Result;
use crate::container::view::{self, Follow, View};
use crate::image::{DiffId, Platform};
use crate::store::Store;
use crate::tar::EntryKind;
use crate::task::Task;

/// What is in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LayerFiles {
    /// The layer; `None` for no layer.
    pub diff_id: Option<DiffId>,
    /// How many files it holds.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those among them that later layers hide: they are carried for nothing.
    pub hidden_bytes: u64,
    /// The largest files, the largest first.
    pub largest: Vec<LargeFile>,
    /// The largest that later layers hide, the largest first: of the 1024 largest
    /// of all.
    pub hidden: Vec<HiddenFile>,
}

/// A file that a later layer hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenFile {
    /// Its bytes.
    pub bytes: u64,
    /// Its path from the root on, with a slash before it.
    pub path: Vec<u8>,
    /// The layer that has another file there, the base being 0; `None` if it was removed.
    pub replaced_by: Option<usize>,
}

/// So many of a layer's files are remembered until it is known which of them are hidden: a
/// layer may have any number.
const LOOKED_AT: usize = 1024;

/// A file of a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LargeFile {
    /// Its bytes.
    pub bytes: u64,
    /// Its path from the root on, with a slash before it.
    pub path: Vec<u8>,
    /// Whether a later layer hides it.
    pub is_hidden: bool,
}

/// Files by size, the smallest on top, ready to be dropped; of two that are as
/// large as each other the one whose name comes later.
type Largest = BinaryHeap<Reverse<(u64, Reverse<Vec<u8>>)>>;

impl Store {
    /// What is in each layer of the image `name`, base first, with the `most`
    /// largest files of each.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image.
    pub fn layer_files(
        &self,
        name: &str,
        platform: Option<&Platform>,
        most: usize,
        task: &Task,
    ) -> Result<Vec<LayerFiles>> {
        let access = self.share(task)?;
        let stack = self.stack(&access, name, platform, task)?;
        let mut layers: Vec<LayerFiles> = Vec::new();
        let mut heaps: Vec<Largest> = Vec::new();
        let all = stack.layers();
        let rootfs = self.watched_rootfs(&access, &all, Wanted::Names, task, &mut |number, entry| {
            if entry.kind != EntryKind::File {
                return;
            }
            layers.resize_with(layers.len().max(number + 1), LayerFiles::default);
            heaps.resize_with(heaps.len().max(number + 1), BinaryHeap::new);
            if let (Some(layer), Some(heap)) = (layers.get_mut(number), heaps.get_mut(number)) {
                layer.files += 1;
                // Sparse files may say any size, and many of them more than there is.
                layer.bytes = layer.bytes.saturating_add(entry.size);
                heap.push(Reverse((entry.size, Reverse(entry.name.clone()))));
                if heap.len() > most.max(LOOKED_AT) {
                    heap.pop();
                }
            }
        })?;
        layers.resize_with(all.len(), LayerFiles::default);
        let view = rootfs.view();
        let visible = visible_bytes(view, all.len());
        let mut heaps = heaps.into_iter();
        for (number, layer) in layers.iter_mut().enumerate() {
            layer.diff_id = all.get(number).map(|layer| layer.diff_id);
            layer.hidden_bytes = layer.bytes.saturating_sub(visible.get(number).copied().unwrap_or_default());
            let largest = heaps.next().unwrap_or_default().into_sorted_vec();
            for Reverse((bytes, Reverse(name))) in largest {
                let (file, seen) = large(view, number, bytes, name);
                if file.is_hidden && layer.hidden.len() < most {
                    let path = file.path.clone();
                    layer.hidden.push(HiddenFile {
                        bytes,
                        path,
                        replaced_by: seen.filter(|at| *at != number),
                    });
                }
                if layer.largest.len() < most {
                    layer.largest.push(file);
                }
            }
        }
        Ok(layers)
    }
}

/// Of each layer the bytes of the files that can be seen in the end.
fn visible_bytes(view: &View, layers: usize) -> Vec<u64> {
    let mut visible = vec![0; layers];
    let mut seen = HashSet::new();
    for node in view.walk(view.root()) {
        let Some(content) = view.content(node) else { continue };
        if view.links(node) > 1 && !seen.insert(view.file(node)) {
            continue;
        }
        if let Some(bytes) = visible.get_mut(content.layer) {
            *bytes = u64::saturating_add(*bytes, content.size);
        }
    }
    visible
}

/// The file `name` of the layer `number`, and the layer of what is there in the end.
fn large(view: &View, number: usize, bytes: u64, name: Vec<u8>) -> (LargeFile, Option<usize>) {
    // The name was applied, so it is clean of what leads out.
    let name = view::clean(&name).unwrap_or(name);
    let node = view.find(&name, Follow::No).ok();
    let seen = node.and_then(|node| view.content(node)).map(|content| content.layer);
    (LargeFile { bytes, path: [b"/", &name[..]].concat(), is_hidden: seen != Some(number) }, seen)
}
