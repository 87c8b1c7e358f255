//! Lines that match, in the files of all images.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::Error;
use super::image_sequence::{ImageSequence, SearchedImage};
use super::stack::Wanted;
use crate::Result;
use crate::container::view::{Follow, NodeId};
use crate::container::{self, ContentKey, LineMatch, LineSearch, RootFs};
use crate::image::Platform;
use crate::store::Store;
use crate::tar::EntryKind;
use crate::task::Task;

/// How many files are remembered, so that what has the same content is not read again: some
/// 100 MiB. Beyond that, files are read for every image that has them.
const MAX_REMEMBERED: usize = 1 << 20;

/// How many bytes of matching lines are remembered in all.
const MAX_REMEMBERED_BYTES: usize = 16 << 20;

/// How to search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrepOptions {
    /// Of images for several platforms, this one; images without it are left out, unless they
    /// are asked for by name.
    pub platform: Option<Platform>,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// Whether the pattern is text, and not a regular expression.
    pub fixed: bool,
    /// In each file, search until so many lines were found.
    pub max_count: Option<u64>,
}

/// What is searched: a container or an image, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrepTarget {
    /// The container or image.
    pub name: String,
    /// A file or a directory; everything below the root if left out.
    pub path: Option<Vec<u8>>,
}

/// Takes a match, with the path of its file; breaks to end the search of the image.
pub type GrepSink<'s> = &'s mut dyn FnMut(&[u8], LineMatch<'_>) -> ControlFlow<()>;

impl Store {
    /// Searches the regular files of `targets`, or of all images if there are none, for lines
    /// that match the regular expression `pattern`. Each content is read once, in however many
    /// images and under however many names it is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the pattern is malformed,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such container or
    /// image.
    pub fn grep(
        &self,
        pattern: &str,
        targets: &[GrepTarget],
        options: &GrepOptions,
        task: &Task,
    ) -> Result<Grep> {
        let text = if options.fixed { regex::escape(pattern) } else { pattern.to_owned() };
        let regex = RegexBuilder::new(&text)
            .case_insensitive(options.ignore_case)
            .build()
            .map_err(|source| Error::Regex { pattern: pattern.to_owned(), source })?;
        let names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
        let sequence = self.image_sequence(&names, options.platform.as_ref(), Wanted::Bytes, task)?;
        let paths = targets.iter().map(|target| target.path.clone()).collect();
        let max_count = options.max_count.unwrap_or(u64::MAX);
        Ok(Grep { regex, max_count, paths, path: None, sequence, memory: Memory::default() })
    }
}

/// A search for lines. While it is there, nothing is removed from the store.
#[derive(Debug)]
pub struct Grep {
    regex: Regex,
    max_count: u64,
    /// The paths of the targets, as they were given.
    paths: Vec<Option<Vec<u8>>>,
    /// That of the current one.
    path: Option<Vec<u8>>,
    sequence: ImageSequence,
    memory: Memory,
}

impl Grep {
    /// Goes on to the next image or container. Those with the same layers come together.
    pub fn next_image(&mut self) -> Option<SearchedImage> {
        let target = self.sequence.next()?;
        self.path = self.paths.get(target.place).cloned().flatten();
        Some(target.searched())
    }

    /// Searches its files, in the order of their paths.
    ///
    /// # Errors
    /// If a layer or a file cannot be read, or the path is not there. The search can go on with
    /// the next image.
    pub fn search(&mut self, store: &Store, found: GrepSink<'_>, task: &Task) -> Result<()> {
        let Some(rootfs) = self.sequence.open(store, task)? else { return Ok(()) };
        for node in files(rootfs, self.path.as_deref())? {
            task.check()?;
            let path = [b"/", &rootfs.view().path(node)[..]].concat();
            let mut sink = |line: LineMatch<'_>| found(&path, line);
            let place = rootfs.place_key(node);
            if let Some(outcome) = place.as_ref().and_then(|key| self.memory.get(key)) {
                if outcome.tell(&mut sink).is_break() {
                    return Ok(());
                }
                continue;
            }
            let content = rootfs.pieces_key(node)?;
            let known = content.as_ref().and_then(|content| self.memory.get(content));
            let (outcome, flow) = match known {
                Some(outcome) => {
                    let flow = outcome.tell(&mut sink);
                    (Some(outcome), flow)
                }
                None => search_file(&self.regex, self.max_count, rootfs, node, &mut sink, task)?,
            };
            if let Some(outcome) = outcome {
                for key in place.into_iter().chain(content) {
                    self.memory.keep(key, outcome.clone());
                }
            }
            if flow.is_break() {
                return Ok(());
            }
        }
        self.sequence.check_there(store, task)
    }
}

/// The regular files at `path` or below it, in order.
fn files(rootfs: &RootFs, path: Option<&[u8]>) -> Result<Vec<NodeId>> {
    let view = rootfs.view();
    let root = path.map_or(Ok(view.root()), |path| view.find(path, Follow::Yes))?;
    let is_file = |node: &NodeId| view.kind(*node) == EntryKind::File;
    Ok(view.walk(root).filter(is_file).collect())
}

/// Searches a file; what came of it is told at the same time, and returned if it is short.
fn search_file(
    regex: &Regex,
    max_count: u64,
    rootfs: &mut RootFs,
    node: NodeId,
    sink: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>,
    task: &Task,
) -> Result<(Option<Outcome>, ControlFlow<()>)> {
    let mut search = LineSearch::new(regex, max_count);
    let mut recorder =
        Recorder { outcome: Some(Outcome::default()), bytes: 0, flow: ControlFlow::Continue(()) };
    let mut is_over = false;
    let copied = rootfs.copy(node, &mut |bytes| {
        task.check()?;
        match search.push(bytes, &mut |line| recorder.take(line, sink)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                is_over = true;
                // Ends the copy.
                Err(container::Error::Output(io::ErrorKind::Interrupted.into()))
            }
        }
    });
    if !is_over {
        copied?;
        let _ = search.finish(&mut |line| recorder.take(line, sink));
    }
    let outcome = recorder.outcome.filter(|_| recorder.flow.is_continue());
    Ok((outcome, recorder.flow))
}

/// Tells matches, and keeps them as long as they are few.
struct Recorder {
    outcome: Option<Outcome>,
    bytes: usize,
    /// Whether the receiver wants more.
    flow: ControlFlow<()>,
}

impl Recorder {
    fn take(
        &mut self,
        line: LineMatch<'_>,
        sink: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.bytes += Outcome::bytes_of(line);
        match &mut self.outcome {
            Some(outcome) if self.bytes <= MAX_REMEMBERED_BYTES / 16 => outcome.add(line),
            outcome => *outcome = None,
        }
        self.flow = sink(line);
        self.flow
    }
}

/// What came of the search of a content.
#[derive(Debug, Clone, Default)]
struct Outcome(Option<Arc<Vec<Kept>>>);

/// A match that is remembered.
#[derive(Debug, Clone)]
enum Kept {
    Line { number: u64, bytes: Vec<u8>, is_cut: bool },
    Binary,
}

impl Outcome {
    fn bytes_of(line: LineMatch<'_>) -> usize {
        let bytes = if let LineMatch::Line { bytes, .. } = line { bytes.len() } else { 0 };
        bytes + size_of::<Kept>()
    }

    fn add(&mut self, line: LineMatch<'_>) {
        let kept = match line {
            LineMatch::Line { number, bytes, is_cut } => Kept::Line { number, bytes: bytes.to_vec(), is_cut },
            LineMatch::Binary => Kept::Binary,
        };
        Arc::make_mut(self.0.get_or_insert_default()).push(kept);
    }

    fn tell(&self, sink: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.0.iter().flat_map(|kept| &**kept).try_for_each(|kept| {
            sink(match kept {
                Kept::Line { number, bytes, is_cut } => {
                    LineMatch::Line { number: *number, bytes, is_cut: *is_cut }
                }
                Kept::Binary => LineMatch::Binary,
            })
        })
    }

    fn bytes(&self) -> usize {
        let bytes = |kept: &Kept| if let Kept::Line { bytes, .. } = kept { bytes.len() } else { 0 };
        self.0.iter().flat_map(|kept| &**kept).map(|kept| bytes(kept) + size_of::<Kept>()).sum()
    }
}

/// What came of each content that was searched.
#[derive(Debug, Default)]
struct Memory {
    outcomes: HashMap<ContentKey, Outcome>,
    bytes: usize,
}

impl Memory {
    fn get(&self, key: &ContentKey) -> Option<Outcome> {
        self.outcomes.get(key).cloned()
    }

    fn keep(&mut self, key: ContentKey, outcome: Outcome) {
        let bytes = outcome.bytes();
        if self.outcomes.len() < MAX_REMEMBERED && self.bytes + bytes <= MAX_REMEMBERED_BYTES {
            self.bytes += bytes;
            self.outcomes.insert(key, outcome);
        }
    }
}
