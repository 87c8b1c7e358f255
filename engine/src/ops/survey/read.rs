//! Reading all recipes of a store: which blobs there are, who needs them, and which
//! chunks they stand on.

use std::collections::{BTreeSet, HashMap};

use super::classes::{Classes, Needs};
use crate::Result;
use crate::catalog::{Blob, Catalog, Container, Image};
use crate::chunk::{self, Index, Place, Reader};
use crate::image::{Digest, ImageId};
use crate::ops::marks::Marks;
use crate::task::{Passing, Task};

/// Who needs blobs: images by their IDs, then containers.
pub struct Owners {
    /// The ID of each image, by its number.
    pub ids: Vec<ImageId>,
    /// How many there are with the containers.
    pub count: u32,
    by_digest: HashMap<Digest, Vec<u32>>,
    /// The same by the number of a blob, once those are known.
    pub of_blob: Vec<Vec<u32>>,
}

impl Owners {
    pub fn of(images: &[Image], containers: &[Container]) -> Self {
        let ids: BTreeSet<_> = images.iter().map(Image::id).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut by_digest: HashMap<Digest, Vec<u32>> = HashMap::new();
        let mut add = |blobs: BTreeSet<Digest>, owner: usize| {
            for blob in blobs {
                let owners = by_digest.entry(blob).or_default();
                // An image that is there in two packings is one owner; they follow each other.
                if owners.last() != Some(&(owner as u32)) {
                    owners.push(owner as u32);
                }
            }
        };
        let mut by_id: Vec<&Image> = images.iter().collect();
        by_id.sort_by_key(|image| image.id());
        for image in by_id {
            add(image.blobs(), ids.binary_search(&image.id()).unwrap_or_default());
        }
        for (number, container) in (ids.len()..).zip(containers) {
            add(container.blobs(), number);
        }
        let count = (ids.len() + containers.len()) as u32;
        Self { ids, count, by_digest, of_blob: Vec::new() }
    }

    /// How many of them are images.
    pub fn images(&self) -> u32 {
        self.ids.len() as u32
    }
}

/// The chunks of a store, sorted by the blobs that need them.
pub struct Sorted {
    /// The blobs, by number.
    pub blobs: Vec<Blob>,
    pub classes: Classes,
    pub needs: Needs,
    pub marks: Marks,
}

impl Sorted {
    pub fn read(catalog: &Catalog, owners: &mut Owners, reader: &mut Reader, task: &Task) -> Result<Self> {
        let mut blobs = Vec::new();
        for blob in catalog.blobs() {
            let blob = blob?;
            // What nobody needs `gc` forgets before it looks at chunks.
            if let Some(owners_of_it) = owners.by_digest.remove(&blob.digest) {
                owners.of_blob.push(owners_of_it);
                blobs.push(blob);
            }
        }
        owners.by_digest = HashMap::new();
        let total: u64 = blobs.iter().map(|blob| blob.body.len).fold(0, u64::saturating_add);
        let mut passing = Passing::start("recipes", Some(total), task);
        let repeated = Repeated::find(reader.index())?;
        let (mut classes, mut marks) = (Classes::default(), Marks::default());
        for blob in &blobs {
            classes.begin();
            reader.chunks(&blob.body, &mut |index, name| {
                let place = index.locate(name)?.ok_or(chunk::Error::NotFound(*name))?;
                marks.set(place);
                classes.add(repeated.first(place));
                Ok(())
            })?;
            passing.advance(blob.body.len)?;
        }
        marks.keep_one_of_each(reader.index(), task)?;
        repeated.settle(&mut classes);
        let needs = classes.by_blob();
        Ok(Self { blobs, classes, needs, marks })
    }
}

/// Chunks that lie in several places, each of which stands for the same.
struct Repeated(HashMap<Place, Place>);

impl Repeated {
    fn find(index: &mut Index) -> Result<Self> {
        let mut first = HashMap::new();
        for name in index.repeated()? {
            let places = index.places(&name)?;
            if let Some(one) = places.first() {
                first.extend(places.iter().map(|place| (*place, *one)));
            }
        }
        Ok(Self(first))
    }

    /// The place that stands for this one and its like.
    fn first(&self, place: Place) -> Place {
        self.0.get(&place).copied().unwrap_or(place)
    }

    /// Gives all places of a chunk the class of the first.
    fn settle(&self, classes: &mut Classes) {
        for (place, first) in &self.0 {
            let class = classes.class_of(*first);
            classes.put(*place, class);
        }
    }
}
