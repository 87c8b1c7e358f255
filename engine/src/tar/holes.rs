//! Reads a file that is stored without its holes as if it had them.

use std::io;
use std::sync::Arc;

use super::Extent;

/// How far a file is read of which only some places are stored, in the order in which they lie.
#[derive(Debug, Clone, Default)]
pub struct Holes {
    /// The length of the file, and how much of it was read.
    size: u64,
    at: u64,
    /// What of it is stored, and which of these is next.
    extents: Arc<[Extent]>,
    next: usize,
}

impl Holes {
    /// The start of a file of `size` bytes, stored in `extents`.
    pub fn new(size: u64, extents: Arc<[Extent]>) -> Self {
        Self { size, at: 0, extents, next: 0 }
    }

    /// Reads on: a hole as zeros, anything else by `stored`, which is given the place in the tar
    /// and the room to fill. No bytes at the end of the file only.
    ///
    /// # Errors
    /// Those of `stored`; [`io::ErrorKind::UnexpectedEof`] if it gives no bytes.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        stored: impl FnOnce(u64, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        while self.extents.get(self.next).is_some_and(|extent| self.at >= extent.at + extent.len) {
            self.next += 1;
        }
        let (place, end) = match self.extents.get(self.next) {
            Some(extent) if self.at >= extent.at => {
                (Some(extent.offset + (self.at - extent.at)), extent.at + extent.len)
            }
            Some(extent) => (None, extent.at),
            None => (None, self.size),
        };
        let want = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..want).filter(|room| !room.is_empty()) else { return Ok(0) };
        let len = match place {
            Some(place) => match stored(place, room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => len,
            },
            None => {
                room.fill(0);
                room.len()
            }
        };
        self.at += len as u64;
        Ok(len)
    }
}
