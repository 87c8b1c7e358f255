//! Any bytes as layers that are put on each other.
//!
//! Three bytes are an entry: what it is, a name, and how deep it lies or where it leads.
//! Invariants under test: never panics; a view never has more paths than it may, nor takes
//! more memory; all paths are found that it shows, and no others are counted; a copy goes its
//! own way.

use super::{Follow, View};
use crate::tar::{Data, Entry, EntryKind, Found, Mtime};

/// Few, so that the limit is met.
const MAX_PATHS: usize = 3000;

/// Lists and blocks that are set aside whole.
const SLACK_BYTES: usize = 2 << 20;

/// Any bytes as layers.
pub fn view(data: &[u8]) {
    let mut view = View::with_limit(MAX_PATHS).expect("there is memory");
    view.keep_gone();
    let mut copy = None;
    for step in data.as_chunks::<3>().0 {
        if step[0] == 0xff {
            copy = Some((view.clone(), shown(&view)));
        }
        if view.layers() == 0 || step[0] % 16 == 15 {
            if view.begin_layer().is_err() {
                break;
            }
            continue;
        }
        // What was refused leaves a view that nobody looks at any more.
        if view.apply(found(*step)).is_err() {
            break;
        }
        assert!(view.paths() <= MAX_PATHS);
        assert!(view.bytes() <= view.max_bytes() + SLACK_BYTES);
    }
    let paths = shown(&view);
    assert_eq!(paths.len(), view.paths());
    for path in &paths {
        let node = view.find(path, Follow::No).expect("what is shown is there");
        assert_eq!(view.path(node), *path);
    }
    assert_eq!(view.nodes().count(), view.paths());
    if let Some((copy, before)) = copy {
        assert_eq!(shown(&copy), before);
    }
}

fn shown(view: &View) -> Vec<Vec<u8>> {
    view.walk(view.root()).map(|node| view.path(node)).collect()
}

fn found([what, name, more]: [u8; 3]) -> Found {
    let part = |byte: u8| char::from(b'a' + byte % 5).to_string();
    let mut path: String = (0..more % 8).map(|at| part(name >> (at % 4)) + "/").collect();
    let file = part(name >> 3) + &"x".repeat(usize::from(name >> 7) * 200);
    let target = part(more) + "/" + &part(name);
    let kind = match what % 16 {
        0..=4 => EntryKind::File,
        5..=7 => EntryKind::Directory,
        8 | 9 => EntryKind::Hardlink(target.into_bytes()),
        10 | 11 => EntryKind::Symlink(target.into_bytes()),
        _ => EntryKind::File,
    };
    match what % 16 {
        12 | 13 => path += &format!(".wh.{file}"),
        14 => path += ".wh..wh..opq",
        _ => path += &format!("{file}{}", if what >= 0xe0 { what.to_string() } else { String::new() }),
    }
    let data =
        if kind == EntryKind::File { Data::Plain { offset: u64::from(more) * 512 } } else { Data::None };
    let mtime = Mtime { seconds: i64::from(more), nanoseconds: u32::from(name & 1) };
    let (size, xattrs) = (u64::from(name), Vec::new());
    let (mode, uid, gid) = (u32::from(name), u32::from(more), 0);
    Found { entry: Entry { name: path.into_bytes(), kind, mode, uid, gid, mtime, size, xattrs }, data }
}
