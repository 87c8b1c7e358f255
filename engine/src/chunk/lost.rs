//! What of a blob cannot be given back.

use std::collections::BTreeMap;
use std::ops::Range;

use super::pieces::{Piece, Segments};
use super::{Body, ChunkName, Error, Index, Reader};

/// What of a blob cannot be given back.
#[derive(Debug, Default)]
pub struct Lost {
    /// In bytes of the blob, in order; they do not touch.
    pub ranges: Vec<Range<u64>>,
    /// Why the first of it cannot.
    pub why: Option<Error>,
    /// The chunks that are lost, as far as the recipe can be read, and their lengths.
    pub chunks: BTreeMap<ChunkName, u32>,
}

impl Lost {
    fn add(&mut self, range: Range<u64>, why: Error) {
        self.why.get_or_insert(why);
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }

    /// How many bytes it is.
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }
}

impl Reader {
    /// What of the blob cannot be given back, as far as is known: its recipe is
    /// read, its chunks are only looked for. Where a part of the recipe is gone, the
    /// rest of the blob is.
    pub fn lost(&mut self, body: &Body) -> Lost {
        let mut lost = Lost::default();
        let mut at = 0;
        if let Err(error) = self.follow(body, &mut at, &mut lost) {
            lost.add(at..body.len.max(at), error);
        } else if at != body.len {
            lost.add(at.min(body.len)..body.len, super::pieces::wrong_length(body.root));
        }
        lost
    }

    fn follow(&mut self, body: &Body, at: &mut u64, lost: &mut Lost) -> super::Result<()> {
        let mut segments = Segments::of(body)?;
        while let Some((_, pieces)) = segments.next(self)? {
            for piece in pieces {
                let end = at.saturating_add(piece.len());
                if let Piece::Chunk { name, to, .. } = piece
                    && let Err(error) = find(self.index(), &name)
                {
                    lost.add(*at..end, error);
                    // The last of its parts ends where the chunk does.
                    let len = lost.chunks.entry(name).or_default();
                    *len = to.max(*len);
                }
                *at = end;
            }
        }
        Ok(())
    }
}

fn find(index: &mut Index, name: &ChunkName) -> super::Result<()> {
    index.locate(name)?.map(drop).ok_or(Error::NotFound(*name))
}
