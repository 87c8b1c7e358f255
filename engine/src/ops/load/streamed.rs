//! An archive that comes as a stream: taken in as it comes, planned afterwards.
//!
//! Nothing is spooled. What may be a layer goes into the packs at once, in the
//! form that its name suggests: `blobs/sha256/…` and `dir:`'s bare digests name
//! the bytes as they are, any other name leaves only the diff ID to count. What is small or JSON is
//! kept in memory.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use super::layers::{Content, Members as LayerMembers, failed};
use super::source::Stream;
use super::{Compressed, LoadOptions};
use crate::Result;
use crate::archive::{Documents, Error, Found, Kept, Limits, MemberName, Members};
use crate::image::Digest;
use crate::store::{Ingest, Taken, Treatment};

/// A stream that has passed.
pub struct Streamed {
    kept: Kept,
    taken: HashMap<MemberName, Box<Taken>>,
    /// What was given to the writer for members that came again.
    outdated: Vec<Range<usize>>,
}

/// What a member that was taken in takes in memory: its record, boxed, with a
/// place in a map that may be less than half full, and an error of several
/// boxes if it did not unwrap.
const TAKEN_BYTES: u64 = 512;

/// Enough of a member to see whether it begins as JSON does.
const HEAD_BYTES: u64 = 64;

impl Streamed {
    /// Takes a stream in to its end.
    pub fn take(stream: &mut Stream, ingest: &mut Ingest<'_>, options: &LoadOptions) -> Result<Self> {
        let archive = super::super::Error::Archive;
        let mut kept = Kept::new(&options.limits);
        let mut taken: HashMap<MemberName, Box<Taken>> = HashMap::new();
        let mut outdated = Vec::new();
        let mut members = Members::streamed(&mut stream.plain, &options.limits);
        while let Some(member) = members.next().map_err(archive)? {
            ingest.task.check()?;
            let name = member.name.clone();
            outdated.extend(taken.remove(&name).map(|taken| taken.given));
            if !member.is_file() {
                kept.insert(member, None).map_err(|error| archive(error.into()))?;
                continue;
            }
            let reading = |source| archive(Error::reading(name.as_str(), source));
            let mut head = Vec::new();
            let mut body = members.body();
            (&mut body).take(HEAD_BYTES.min(member.size)).read_to_end(&mut head).map_err(reading)?;
            let mut whole = std::io::Cursor::new(head.clone()).chain(body);
            if kept.wants(member.size, &head) {
                let bytes = larder_memory::read_up_to(&mut whole, usize::MAX).map_err(reading)?;
                // The copy that is kept.
                larder_memory::check(bytes.len()).map_err(|error| reading(error.into()))?;
                kept.insert(member, Some(bytes)).map_err(|error| archive(error.into()))?;
            } else {
                kept.charge(&name, TAKEN_BYTES).map_err(|error| archive(error.into()))?;
                let is_named_by_digest = name.blob_hex().is_some() || Digest::from_hex(name.as_str()).is_ok();
                let treatment = match options.compressed {
                    Compressed::Keep if is_named_by_digest => Treatment::Keep,
                    _ => Treatment::Unwrap,
                };
                let found = ingest.take(name.as_str(), Some(member.size), &mut whole, treatment);
                let found = found.map_err(|error| failed(error, name.as_str()))?;
                taken.insert(name, Box::new(found));
                kept.insert(member, None).map_err(|error| archive(error.into()))?;
            }
        }
        members.finish().map_err(archive)?;
        outdated.retain(|given| !given.is_empty());
        Ok(Self { kept, taken, outdated })
    }
}

impl Streamed {
    /// Whether it held something large that no manifest has asked for.
    pub fn has_unclaimed(&self) -> bool {
        !self.taken.is_empty()
    }

    /// What was given to the writer and no manifest has asked for, in order.
    pub fn left_out(self) -> Vec<Range<usize>> {
        let mut left_out = self.outdated;
        left_out.extend(self.taken.into_values().map(|taken| taken.given));
        left_out.sort_unstable_by_key(|given| given.start);
        left_out
    }
}

impl Documents for Streamed {
    fn find(&self, name: &MemberName) -> Result<Option<Found>, Error> {
        self.kept.find(name)
    }

    fn read(&mut self, name: &MemberName, max: u64) -> Result<Option<Arc<[u8]>>, Error> {
        self.kept.read(name, max)
    }

    fn limits(&self) -> &Limits {
        self.kept.limits()
    }
}

impl LayerMembers for Streamed {
    fn waiting_bytes(&self, _name: &MemberName) -> u64 {
        0
    }

    fn content(&mut self, name: &MemberName) -> Result<Content, Error> {
        if let Some(taken) = self.taken.remove(name) {
            return Ok(Content::Taken(taken));
        }
        let max = self.kept.limits().max_document_bytes;
        let bytes = self.kept.read(name, max)?.unwrap_or_default();
        Ok(Content::Bytes(bytes.len() as u64, Box::new(std::io::Cursor::new(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_in_is_counted_whole() {
        let slot = size_of::<(MemberName, Box<Taken>)>() + 1;
        // 7 of 8 slots are used before a map doubles; an error may be four boxes of a cache line.
        let bytes = slot * 16 / 7 + size_of::<Taken>() + 4 * 64;
        assert!(bytes as u64 <= TAKEN_BYTES, "{bytes}");
    }
}
