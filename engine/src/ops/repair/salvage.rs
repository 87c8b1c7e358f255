//! Saving what is right still out of what is damaged.

use std::collections::BTreeMap;

use crate::Result;
use crate::catalog::Blob;
use crate::chunk;
use crate::store::{Access, Store};
use crate::task::Task;

impl Store {
    /// Stores again every chunk that can be cut out of packs whose structure is
    /// damaged, and gives how many that were. `broken` are the blobs that wait for them.
    pub(super) fn salvage(&self, access: &Access, broken: &[Blob], task: &Task) -> Result<u64> {
        let mut saved = 0;
        loop {
            // A recipe that was saved names more chunks to look for.
            let more = self.salvage_once(access, broken, task)?;
            if more == 0 {
                return Ok(saved);
            }
            saved += more;
        }
    }

    fn salvage_once(&self, access: &Access, broken: &[Blob], task: &Task) -> Result<u64> {
        let mut reader = self.reader(access, task)?;
        let mut known = BTreeMap::new();
        for blob in broken {
            known.append(&mut reader.lost(&blob.body).chunks);
        }
        let mut writer = self.writer(access, task)?;
        let mut saved = 0;
        let packs: Vec<_> = reader.index().packs().collect();
        for (number, id) in packs {
            task.check()?;
            match reader.index().pack(number) {
                Ok(_) => {}
                Err(error) if error.is_damage() => {
                    let rows = reader.index().rows_of(number, &known)?;
                    saved += chunk::salvage(&**self.disk(), id, &rows, &mut writer, task)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        writer.finish()?;
        Ok(saved)
    }
}
