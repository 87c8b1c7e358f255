//! From classes of chunks to what each image, layer and container takes.

use std::collections::{HashMap, HashSet};

use super::classes::GARBAGE;
use super::freed::PackUse;
use super::read::{Owners, Sorted};
use super::{ImageUse, LayerUse, Packed, layer_of};
use crate::Result;
use crate::catalog::{Blob, Image};
use crate::chunk::{Index, Place};
use crate::image::{Digest, ImageId, Reference};
use crate::task::Task;

/// Who needs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// The one with this number, and nobody else.
    One(u32),
    Many,
}

impl Holder {
    fn of(owners: &[u32]) -> Self {
        match owners {
            [] => Self::Nobody,
            [one] => Self::One(*one),
            _ => Self::Many,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nobody, one) | (one, Self::Nobody) => one,
            (one, other) if one == other => one,
            _ => Self::Many,
        }
    }
}

/// What was counted.
pub struct Account {
    pub packed: Packed,
    pub class_bytes: Vec<u64>,
    pub packs: Vec<PackUse>,
    /// Of each owner: what is its own, and what it shares.
    by_owner: Vec<(u64, u64)>,
    /// Of each image: what no other image needs.
    by_image: Vec<u64>,
    /// The same of each blob.
    by_blob: Vec<(u64, u64)>,
    blobs_of: Vec<Vec<u32>>,
}

impl Account {
    pub fn of(sorted: &Sorted, owners: &Owners, index: &mut Index, task: &Task) -> Result<Self> {
        let mut account = Self {
            packed: Packed::default(),
            class_bytes: vec![0; sorted.classes.len()],
            packs: Vec::new(),
            by_owner: Vec::new(),
            by_image: Vec::new(),
            by_blob: Vec::new(),
            blobs_of: vec![Vec::new(); owners.count as usize],
        };
        account.weigh(sorted, index, task)?;
        let (holders, among_images) = account.classify(sorted, owners);
        let (mut blobs, mut held) = (vec![Holder::Nobody; sorted.classes.len()], Vec::new());
        for (blob, classes) in sorted.needs.iter() {
            held.push(classes);
            for class in classes {
                if let Some(holder) = blobs.get_mut(*class as usize) {
                    *holder = holder.and(Holder::One(blob));
                }
            }
        }
        account.by_blob =
            (0..).zip(&held).map(|(blob, classes)| account.split(blob, classes, &blobs)).collect();
        for (blob, owners) in (0..).zip(&owners.of_blob) {
            for owner in owners {
                account.blobs_of.get_mut(*owner as usize).into_iter().for_each(|of| of.push(blob));
            }
        }
        let mut seen = vec![0_u32; sorted.classes.len()];
        for (owner, blobs) in (0_u32..).zip(&account.blobs_of) {
            let mut classes = Vec::new();
            for class in blobs.iter().flat_map(|blob| sorted.needs.of(*blob)) {
                if let Some(last) = seen.get_mut(*class as usize)
                    && *last != owner + 1
                {
                    *last = owner + 1;
                    classes.push(*class);
                }
            }
            account.by_owner.push(account.split(owner, &classes, &holders));
            account.by_image.push(account.split(owner, &classes, &among_images).0);
        }
        Ok(account)
    }

    /// Gives every byte of the packs to a class.
    fn weigh(&mut self, sorted: &Sorted, index: &mut Index, task: &Task) -> Result<()> {
        let packs: Vec<_> = index.packs().collect();
        for (number, id) in packs {
            task.check()?;
            let pack = index.pack(number)?;
            let mut used = PackUse::new(id, pack.file_bytes());
            let mut parts: HashMap<u32, (u64, u64)> = HashMap::new();
            for (chunk, bytes) in (0..pack.frames()).flat_map(|frame| pack.parts_of(frame)) {
                let place = Place { pack: number, chunk };
                let class =
                    if sorted.marks.is_live(place) { sorted.classes.class_of(place) } else { GARBAGE };
                self.class_bytes.get_mut(class as usize).into_iter().for_each(|all| *all += bytes);
                let part = parts.entry(class).or_default();
                *part = (part.0 + bytes, part.1 + 1);
            }
            used.parts = parts.into_iter().map(|(class, (bytes, chunks))| (class, bytes, chunks)).collect();
            used.parts.sort_unstable();
            let chunk_bytes: u64 = used.parts.iter().map(|(_, bytes, _)| bytes).sum();
            self.packed.structure_bytes += used.file_bytes - chunk_bytes;
            self.packs.push(used);
        }
        Ok(())
    }

    /// Who needs each class, and who of the images; and the sums.
    fn classify(&mut self, sorted: &Sorted, owners: &Owners) -> (Vec<Holder>, Vec<Holder>) {
        let nobody = vec![Holder::Nobody; sorted.classes.len()];
        let (mut all, mut among_images) = (nobody.clone(), nobody);
        for (blob, classes) in sorted.needs.iter() {
            let of_blob = owners.of_blob.get(blob as usize).map(Vec::as_slice).unwrap_or_default();
            // Images come first.
            let images = of_blob.partition_point(|owner| *owner < owners.images());
            let (of_all, of_images) =
                (Holder::of(of_blob), Holder::of(of_blob.get(..images).unwrap_or_default()));
            for class in classes.iter().map(|class| *class as usize) {
                all.get_mut(class).into_iter().for_each(|holder| *holder = holder.and(of_all));
                among_images.get_mut(class).into_iter().for_each(|holder| *holder = holder.and(of_images));
            }
        }
        for ((bytes, holder), image) in self.class_bytes.iter().zip(&all).zip(&among_images) {
            *match (holder, image) {
                (Holder::Nobody, _) => &mut self.packed.garbage_bytes,
                (_, Holder::Nobody) => &mut self.packed.containers_bytes,
                (Holder::One(_), _) => &mut self.packed.own_bytes,
                (Holder::Many, _) => &mut self.packed.shared_bytes,
            } += bytes;
        }
        (all, among_images)
    }

    /// The bytes of `classes`: those that `one` alone needs, and the others.
    fn split(&self, one: u32, classes: &[u32], holders: &[Holder]) -> (u64, u64) {
        let (mut own, mut shared) = (0, 0);
        for class in classes {
            let bytes = self.class_bytes.get(*class as usize).copied().unwrap_or_default();
            match holders.get(*class as usize) {
                Some(Holder::One(holder)) if *holder == one => own += bytes,
                _ => shared += bytes,
            }
        }
        (own, shared)
    }

    /// The images, by ID, with what they take.
    pub fn images(
        &self,
        images: &[Image],
        owners: &Owners,
        names: &HashMap<Digest, Vec<Reference>>,
        active: &[&Image],
    ) -> Vec<ImageUse> {
        let mut by_id: HashMap<ImageId, Vec<&Image>> = HashMap::new();
        for image in images {
            by_id.entry(image.id()).or_default().push(image);
        }
        let active: HashSet<ImageId> = active.iter().map(|image| image.id()).collect();
        let mut used = Vec::new();
        for (((id, (own_bytes, shared_bytes)), alone), blobs) in
            owners.ids.iter().zip(&self.by_owner).zip(&self.by_image).zip(&self.blobs_of)
        {
            let targets = by_id.get(id).map(Vec::as_slice).unwrap_or_default();
            let main = targets.iter().find_map(|image| image.main_variant());
            let mut references: Vec<_> =
                targets.iter().flat_map(|image| names.get(&image.target)).flatten().cloned().collect();
            references.sort();
            used.push(ImageUse {
                id: *id,
                references,
                created: main.and_then(|variant| variant.created?.timestamp()),
                content_bytes: main
                    .map_or(0, |variant| variant.layers.iter().map(|layer| layer.content_bytes).sum()),
                own_bytes: *own_bytes,
                shared_bytes: *shared_bytes,
                held_bytes: alone - own_bytes,
                is_used: active.contains(id),
                layers: Vec::new(),
                blobs: blobs.clone(),
            });
        }
        used
    }

    /// What each container has of its own, and what it shares.
    pub fn containers(&self, owners: &Owners) -> impl Iterator<Item = (u64, u64)> {
        self.by_owner.iter().skip(owners.ids.len()).copied()
    }

    /// The layers among `blobs`, with what they take.
    pub fn layers(&self, blobs: &[Blob]) -> Vec<LayerUse> {
        let layer = |(blob, (own_bytes, shared_bytes)): (&Blob, &(u64, u64))| {
            let (diff_id, content_bytes) = layer_of(blob)?;
            Some(LayerUse {
                blob: blob.digest,
                diff_id,
                content_bytes,
                own_bytes: *own_bytes,
                shared_bytes: *shared_bytes,
                images: Vec::new(),
            })
        };
        blobs.iter().zip(&self.by_blob).filter_map(layer).collect()
    }
}
