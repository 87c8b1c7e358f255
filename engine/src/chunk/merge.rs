//! Entries of several sorted sources in order of their prefixes.

use super::Result;
use super::run::Entry;

/// The merged entries.
pub struct Merge<'s> {
    sources: Vec<std::iter::Peekable<Box<dyn Iterator<Item = Result<Entry>> + 's>>>,
}

impl<'s> Merge<'s> {
    /// Merges `sources`, each of which is sorted.
    pub fn new(sources: Vec<Box<dyn Iterator<Item = Result<Entry>> + 's>>) -> Self {
        Self { sources: sources.into_iter().map(Iterator::peekable).collect() }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        // An error sorts first, to be told at once.
        let head = |source: &mut std::iter::Peekable<_>| match source.peek() {
            Some(Ok(Entry { prefix, .. })) => Some((true, *prefix)),
            Some(Err(_)) => Some((false, 0)),
            None => None,
        };
        let heads = self.sources.iter_mut().enumerate().filter_map(|(n, source)| Some((head(source)?, n)));
        let (_, first) = heads.min()?;
        self.sources.get_mut(first)?.next()
    }
}
