//! The second part of a check: the packs, and every chunk in them.

use std::sync::Arc;

use super::{Check, Fault, FsckLevel};
use crate::Result;
use crate::chunk::{Flaw, Pack};
use crate::task::Passing;

impl Check<'_> {
    /// Every pack's structure; deeper, every frame and chunk. Which images suffer
    /// shows when their blobs are followed.
    pub(super) fn packs(&mut self) -> Result<()> {
        let mut packs: Vec<_> = self.reader.index().packs().collect();
        packs.sort_unstable_by_key(|(_, id)| *id);
        let mut passing = match self.level {
            FsckLevel::Quick => None,
            _ => Some(Passing::start("packs", Some(self.store.disk().file_bytes("packs")?), self.task)),
        };
        for (number, id) in packs {
            self.task.check()?;
            self.checked.packs += 1;
            match self.reader.index().pack(number) {
                Err(error) if error.is_damage() => {
                    self.reader.index().note_missing();
                    self.add(Fault::of(id.file(), &error));
                }
                Err(error) => self.add_unread(Fault::of(id.file(), &error)),
                Ok(pack) => {
                    self.checked.chunks += pack.names().len() as u64;
                    if let Some(passing) = &mut passing
                        && id > self.mark.pack
                        && !self.is_over()
                    {
                        self.verify(number, &pack, passing)?;
                    }
                }
            }
        }
        if let Some(passing) = passing {
            self.checked.packed_bytes = passing.done_bytes();
            passing.finish();
        }
        Ok(())
    }

    fn verify(&mut self, number: u32, pack: &Arc<Pack>, passing: &mut Passing<'_>) -> Result<()> {
        let flaws = pack.verify(self.store.threads(), &mut |bytes| Ok(passing.advance(bytes)?))?;
        self.reader.index().renote(number, &flaws);
        let id = pack.id();
        let damaged: Vec<_> = flaws.iter().filter(|flaw| matches!(flaw, Flaw::Chunk(..))).collect();
        if let Some(Flaw::Chunk(_, error)) = damaged.first() {
            let fault = Fault::of(id.file(), error);
            let (count, all) = (damaged.len(), pack.names().len());
            let problem = format!("{count} of its {all} chunks cannot be read: {}", fault.problem);
            self.add(Fault { problem, ..fault });
        }
        for flaw in flaws {
            match flaw {
                Flaw::Chunk(..) => {}
                Flaw::Frame(error) => self.add_unread(Fault::of(id.file(), &error)),
                Flaw::Worn(frame) => {
                    self.rewrite.insert(id);
                    self.add(Fault::harmless(id.file(), frame_is_worn(frame)));
                }
            }
        }
        self.mark.pack = id;
        Ok(())
    }

    /// What the disk did not give: it is not known what is in it.
    fn add_unread(&mut self, fault: Fault) {
        self.unread.push(fault.clone());
        self.add(fault);
    }
}

fn frame_is_worn(frame: u32) -> String {
    format!("frame {frame} is not as it was written, though all chunks in it can be read")
}
