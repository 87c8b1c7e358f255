//! Paths inside of containers and images.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap_complete::CompletionCandidate;
use larder_engine::{EntryKind, ListOptions, Store, Task};

/// Somebody waits in the middle of a line: what takes longer is not offered. Layers that are
/// kept compressed must be decompressed to be listed.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than anybody looks through.
const MAX_CANDIDATES: usize = 2000;

/// The paths in the container or image `name` that begin with what was typed.
pub fn in_image(store: Store, name: &OsStr, typed: &OsStr) -> Vec<CompletionCandidate> {
    let (name, typed) = (name.to_os_string(), typed.as_bytes().to_vec());
    in_time(move || below(&store, name.to_str()?, &typed, b""))
}

/// The paths that `NAME:PATH` may go on with; `None` if no name is complete yet.
pub fn behind_name(store: Store, typed: &OsStr) -> Option<Vec<CompletionCandidate>> {
    let typed = typed.as_bytes().to_vec();
    if !typed.contains(&b':') || [b'/', b'.', b':'].contains(typed.first()?) {
        return None;
    }
    let found = in_time(move || {
        // The name of an image may have colons of its own: the longest that is one counts.
        let splits = typed.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
        splits.collect::<Vec<_>>().into_iter().rev().find_map(|at| {
            let (name, path) = (typed.get(..at)?, typed.get(at + 1..)?);
            below(&store, str::from_utf8(name).ok()?, path, typed.get(..=at)?)
        })
    });
    Some(found).filter(|found| !found.is_empty())
}

/// What `find` comes to, if that does not take too long. What does goes on and ends with the
/// program; it only reads.
fn in_time(
    find: impl FnOnce() -> Option<Vec<CompletionCandidate>> + Send + 'static,
) -> Vec<CompletionCandidate> {
    let (found, waiting) = mpsc::channel();
    // Without a thread there is no answer, and nobody waits for one.
    let _ = thread::Builder::new().spawn(move || found.send(find()));
    waiting.recv_timeout(PATIENCE).ok().flatten().unwrap_or_default()
}

/// The paths in `name` that begin with `typed`, each behind `before`; `None` if the directory
/// is not there.
fn below(store: &Store, name: &str, typed: &[u8], before: &[u8]) -> Option<Vec<CompletionCandidate>> {
    let cut = typed.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (directory, beginning) = typed.split_at_checked(cut)?;
    // Where nothing was typed yet, whole paths are offered.
    let directory = if typed.is_empty() { b"/" } else { directory };
    let path = if directory.is_empty() { b"/" } else { directory };
    let listing = store.listing(name, path, &ListOptions::default(), &Task::silent()).ok()?;
    let candidates = listing.files().filter_map(|file| {
        let name = file.path.rsplit(|byte| *byte == b'/').next()?;
        // What is no text, or would end the line, cannot be typed as it is offered.
        let is_plain = str::from_utf8(name).is_ok_and(|name| !name.contains(char::is_control));
        let slash: &[u8] = if file.entry.kind == EntryKind::Directory { b"/" } else { b"" };
        (is_plain && name.starts_with(beginning))
            .then(|| CompletionCandidate::new(OsString::from_vec([before, directory, name, slash].concat())))
    });
    Some(candidates.take(MAX_CANDIDATES).collect())
}
