//! Which packs are to be written anew, in which order, and when an old one may go.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Work;
use crate::Result;
use crate::chunk::{self, ChunkName, Index, Lane, Pack, PackId};
use crate::store::Access;

/// A pack that is to be written anew.
pub(super) struct Unfinished {
    pub id: PackId,
    /// What its frames take on the disk.
    pub bytes: u64,
    pub chunks: usize,
}

impl Work<'_> {
    /// The packs that have a frame of a lower level, as they are now: what comes
    /// in later is for the next time.
    pub(super) fn unfinished_packs(&mut self) -> Result<Vec<Unfinished>> {
        let (store, task) = (self.store, self.task);
        let access = store.share(task)?;
        let mut index = store.index(&access, task)?;
        let mut unfinished = Vec::new();
        let packs: Vec<_> = index.packs().collect();
        for (number, id) in packs {
            task.check()?;
            match index.pack(number) {
                Ok(pack) if is_unfinished(&pack, self.level) => unfinished.push(Unfinished {
                    id,
                    bytes: (0..pack.frames()).map(|frame| pack.stored_bytes(frame)).sum(),
                    chunks: pack.names().len(),
                }),
                Ok(_) => {}
                Err(error) if error.is_damage() => self.tell_damage(&error),
                Err(error) => return Err(error.into()),
            }
        }
        if unfinished.len() > 1 {
            let ranks = store.healing(task, || self.ranks(&access))?;
            unfinished
                .sort_unstable_by_key(|pack| (ranks.get(&pack.id).map_or(usize::MAX, |rank| *rank), pack.id));
        }
        Ok(unfinished)
    }

    /// In which order the images, by name, come to need each pack: so the
    /// versions of an image come into one step, and their packs in the order in
    /// which they are read. A pack counts by the files in it: recipes lie in the
    /// last pack of a load, which is not the one to begin with.
    fn ranks(&self, access: &Access) -> Result<HashMap<PackId, usize>> {
        let ledger = self.store.ledger(self.task)?;
        let mut bodies = Vec::new();
        let mut seen = BTreeSet::new();
        for named in ledger.catalog().references() {
            let Some(image) = ledger.catalog().image(&named?.target)? else { continue };
            let layers = image.variants.iter().flat_map(|variant| &variant.layers).map(|layer| layer.blob);
            for digest in layers.filter(|blob| seen.insert(*blob)) {
                bodies.extend(ledger.catalog().blob(&digest)?.map(|blob| blob.body));
            }
        }
        drop(ledger);
        let mut reader = self.store.reader(access, self.task)?;
        let mut ranks = HashMap::new();
        for body in bodies {
            self.task.check()?;
            let read = reader.chunks(&body, &mut |index, name| {
                let Some(place) = index.locate(name)? else { return Ok(()) };
                let pack = index.pack(place.pack)?;
                if pack.lane_of(pack.frame_of(place.chunk)) == Lane::Data {
                    let next = ranks.len();
                    ranks.entry(pack.id()).or_insert(next);
                }
                Ok(())
            });
            match read {
                // It is only for the order.
                Err(error) if !error.is_damage() && !matches!(error, chunk::Error::NotFound(_)) => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(ranks)
    }

    /// Removes those of the packs `old` of which every chunk lies in a new one,
    /// and gives how many. Waits for who uses the packs only if `waits`, and not
    /// if there is an end of the time, which a load may outlast: what stays is
    /// found by the next who looks.
    pub(super) fn remove_replaced(&self, old: &HashSet<PackId>, waits: bool) -> Result<u64> {
        let (store, task) = (self.store, self.task);
        let access = match store.try_exclude()? {
            Some(access) => access,
            None if waits && self.end.is_none() => store.exclude(task)?,
            None => return Ok(0),
        };
        let mut index = store.index(&access, task)?;
        let packs: Vec<_> = index.packs().filter(|(_, id)| old.contains(id)).collect();
        let mut gone = HashSet::new();
        for (number, id) in packs {
            let pack = match index.pack(number) {
                Err(error) if error.is_damage() => continue,
                other => other?,
            };
            let mut is_replaced = true;
            let mut names = pack.names().iter();
            while let Some(name) = names.next().filter(|_| is_replaced) {
                is_replaced = is_renewed(&mut index, name, self.level, old)?;
            }
            if is_replaced {
                gone.insert(id);
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        index.forget(&gone);
        index.publish(&[], true)?;
        for id in &gone {
            store.disk().remove(&id.file())?;
        }
        store.disk().sync_dir("packs")?;
        Ok(gone.len() as u64)
    }
}

fn is_unfinished(pack: &Pack, level: u8) -> bool {
    (0..pack.frames()).any(|frame| pack.mark_of(frame) < level)
}

/// Whether the chunk `name` lies in a frame of this level or a higher one, in a
/// pack that is none of the `old`.
pub(super) fn is_renewed(
    index: &mut Index,
    name: &ChunkName,
    level: u8,
    old: &HashSet<PackId>,
) -> Result<bool, chunk::Error> {
    for place in index.places(name)? {
        let pack = index.pack(place.pack)?;
        if !old.contains(&pack.id()) && pack.mark_of(pack.frame_of(place.chunk)) >= level {
            return Ok(true);
        }
    }
    Ok(false)
}
