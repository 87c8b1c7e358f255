use std::io::Read;
use std::sync::Arc;

use tempfile::TempDir;

use super::super::Error;
use super::*;
use crate::container::view::Follow;
use crate::disk::{FileKind, RealDisk};
use crate::tar::{Data, Device, Entry, EntryKind, Found, Mtime};

const NAME: &str = "containers/c";

fn entry(name: &str, kind: EntryKind) -> Entry {
    let mode = if kind == EntryKind::Directory { 0o755 } else { 0o644 };
    let mtime = Mtime { seconds: 1_600_000_000, nanoseconds: 123_456_789 };
    Entry { name: name.into(), kind, mode, uid: 0, gid: 0, mtime, size: 0, xattrs: Vec::new() }
}

fn file(name: &str, size: u64) -> Entry {
    Entry { size, ..entry(name, EntryKind::File) }
}

fn dir(name: &str) -> Entry {
    entry(name, EntryKind::Directory)
}

fn hardlink(name: &str, to: &str) -> Entry {
    entry(name, EntryKind::Hardlink(to.into()))
}

/// What the image comes to.
fn image() -> View {
    let mut view = View::new();
    view.begin_layer().unwrap();
    let strict =
        Entry { mode: 0o1777, uid: 3, xattrs: vec![(b"user.x".to_vec(), b"y".to_vec())], ..dir("etc") };
    for entry in [
        strict,
        file("etc/passwd", 9),
        dir("etc/conf"),
        file("etc/conf/a", 1),
        file("etc/conf/b", 1),
        dir("opt"),
        entry("link", EntryKind::Symlink(b"etc".to_vec())),
    ] {
        let data = if entry.kind == EntryKind::File { Data::Plain { offset: 512 } } else { Data::None };
        view.apply(Found { entry, data }).unwrap();
    }
    view
}

struct Container {
    _dir: TempDir,
    disk: Arc<dyn Disk>,
}

impl Container {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(dir.path()).unwrap());
        disk.create_dir("containers").unwrap();
        disk.create_dir(NAME).unwrap();
        Self { _dir: dir, disk }
    }

    /// Puts things into the layer; what the container then looks like is the same
    /// for who has put them and for who reads the layer.
    fn put(&self, entries: &[Entry]) -> View {
        let mut view = image();
        let mut upper = Upper::create(&self.disk, NAME, &view).unwrap();
        upper.apply(&mut view).unwrap();
        for entry in entries {
            let content = vec![b'n'; entry.size as usize];
            upper
                .put(&mut view, entry.clone(), &mut |out| out.write_all(&content).map_err(Error::Output))
                .unwrap();
        }
        upper.finish().unwrap();
        drop(upper);
        let read = self.view();
        assert_eq!(shown(&read), shown(&view));
        read
    }

    fn view(&self) -> View {
        let mut view = image();
        Upper::open(&self.disk, NAME).unwrap().unwrap().apply(&mut view).unwrap();
        view
    }

    fn upper(&self) -> Folder {
        Folder::open(&self.disk.host_path(NAME).unwrap().unwrap().join("upper")).unwrap()
    }
}

fn shown(view: &View) -> Vec<(Entry, u32)> {
    view.walk(view.root()).map(|node| (view.entry(node), view.links(node))).collect()
}

fn find(view: &View, path: &str) -> Entry {
    view.entry(view.find(path.as_bytes(), Follow::No).unwrap())
}

#[test]
fn a_container_that_nothing_was_written_to_has_no_layer() {
    let container = Container::new();
    assert!(Upper::open(&container.disk, NAME).unwrap().is_none());
    // One that was only made changes nothing.
    container.put(&[]);
    assert_eq!(shown(&container.view()), shown(&image()));
    assert!(!container.view().is_told(container.view().root()));
}

#[test]
fn a_file_is_added_and_its_directories_look_as_before() {
    let container = Container::new();
    let view = container.put(&[file("etc/conf/new", 5)]);
    let before = image();
    let mut wanted = shown(&before);
    wanted.insert(4, (file("etc/conf/new", 5), 1));
    wanted.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let mut got = shown(&view);
    got.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    assert_eq!(got, wanted);
    let mut bytes = Vec::new();
    let upper = Upper::open(&container.disk, NAME).unwrap().unwrap();
    upper.open_file(b"etc/conf/new").unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"nnnnn");
    // Once more is nothing new.
    let upper_mtime = container.upper().stat(b"etc/conf").unwrap().unwrap().mtime;
    assert_eq!(upper_mtime, (1_600_000_000, 123_456_789));
    assert_eq!(shown(&container.put(&[file("etc/conf/new", 5)])), shown(&view));
}

#[test]
fn things_replace_each_other() {
    let container = Container::new();
    // A file on a directory, and a directory on that again: what the image had is gone.
    let view = container.put(&[file("etc/conf", 2)]);
    assert_eq!(find(&view, "etc/conf"), file("etc/conf", 2));
    assert!(view.find(b"etc/conf/a", Follow::No).is_err());
    let view = container.put(&[dir("etc/conf"), file("etc/conf/c", 1)]);
    assert!(view.find(b"etc/conf/a", Follow::No).is_err());
    assert_eq!(find(&view, "etc/conf/c"), file("etc/conf/c", 1));
    // A directory of this layer makes way for a file, with all in it.
    let view = container.put(&[file("etc/conf", 7)]);
    assert_eq!(find(&view, "etc/conf").size, 7);
    // A link is replaced, never followed.
    let view = container.put(&[dir("link"), file("link/x", 1)]);
    assert!(view.is_directory(view.find(b"link", Follow::No).unwrap()));
    assert!(view.find(b"etc/x", Follow::No).is_err());
}

#[test]
fn a_directory_on_a_directory_changes_it() {
    let container = Container::new();
    let changed = Entry { mode: 0o700, mtime: Mtime { seconds: 5, nanoseconds: 0 }, ..dir("etc/conf") };
    let view = container.put(std::slice::from_ref(&changed));
    assert_eq!(find(&view, "etc/conf"), changed);
    assert!(view.find(b"etc/conf/a", Follow::No).is_ok());
}

#[test]
fn hard_links_are_names_of_one_file() {
    let container = Container::new();
    let view = container.put(&[file("opt/a", 3), hardlink("opt/b", "opt/a"), hardlink("etc/c", "opt/b")]);
    let nodes = ["opt/a", "opt/b", "etc/c"].map(|path| view.find(path.as_bytes(), Follow::No).unwrap());
    assert!(nodes.iter().all(|node| view.file(*node) == view.file(nodes[0]) && view.links(*node) == 3));
    // Once more, over itself.
    container.put(&[hardlink("opt/b", "opt/a")]);
}

#[test]
fn what_overlayfs_writes_is_understood() {
    let container = Container::new();
    container.put(&[]);
    let upper = container.upper();
    upper.make_dir(b"etc", 0o755).unwrap();
    upper.make_dir(b"etc/conf", 0o755).unwrap();
    upper.make_file(b"etc/conf/mine", 0o644).unwrap();
    upper.set_xattr(b"etc/conf", b"user.overlay.opaque", b"y").unwrap();
    upper.make_file(b"etc/passwd", 0o644).unwrap();
    upper.set_xattr(b"etc/passwd", b"user.overlay.whiteout", b"y").unwrap();
    upper.make_node(b"opt", FileKind::CharDevice, (0, 0), 0).unwrap();
    upper.make_node(b"socket", FileKind::Socket, (0, 0), 0o600).unwrap();
    upper.make_file(b"escaped", 0o644).unwrap();
    upper.set_xattr(b"escaped", b"user.overlay.overlay.opaque", b"v").unwrap();
    upper.set_xattr(b"escaped", b"user.overlay.impure", b"y").unwrap();
    upper.make_file(b"etc/.wh.link", 0o644).unwrap();
    let view = container.view();
    let paths: Vec<_> =
        view.walk(view.root()).map(|node| view.path(node).escape_ascii().to_string()).collect();
    assert_eq!(paths, ["", "escaped", "etc", "etc/.wh.link", "etc/conf", "etc/conf/mine", "link"]);
    assert_eq!(find(&view, "escaped").xattrs, [(b"user.overlay.opaque".to_vec(), b"v".to_vec())]);
    upper.make_file(b"moved", 0o644).unwrap();
    upper.set_xattr(b"moved", b"user.overlay.redirect", b"/x").unwrap();
    let opened = Upper::open(&container.disk, NAME).unwrap().unwrap();
    assert!(matches!(opened.apply(&mut image()), Err(Error::Redirected { .. })));
}

#[test]
fn what_is_put_where_a_whiteout_is_takes_its_place() {
    let container = Container::new();
    container.put(&[dir("etc")]);
    let upper = container.upper();
    for path in [&b"etc/conf"[..], b"etc/passwd"] {
        upper.make_node(path, FileKind::CharDevice, (0, 0), 0).unwrap();
    }
    let view = container.put(&[file("etc/passwd", 4), dir("etc/conf")]);
    assert_eq!(find(&view, "etc/passwd").size, 4);
    assert!(view.find(b"etc/conf/a", Follow::No).is_err(), "a new directory has nothing of the old one");
}

#[test]
fn what_cannot_be_put_on_disk_is_kept_beside() {
    let container = Container::new();
    let odd = Entry {
        // Later than any file system here knows, and a label that is the machine's own.
        mtime: Mtime { seconds: 1 << 40, nanoseconds: 7 },
        xattrs: vec![
            (b"security.selinux".to_vec(), b"label".to_vec()),
            (b"user.overlay.opaque".to_vec(), b"own".to_vec()),
        ],
        ..file("odd", 1)
    };
    let device = |major, minor| EntryKind::CharDevice(Device { major, minor });
    let entries = [
        odd,
        entry("null", device(1, 3)),
        entry("nothing", device(0, 0)),
        entry("pipe", EntryKind::Fifo),
        Entry { mode: 0, uid: 12, gid: 34, ..file("secret", 2) },
        Entry { mode: 0o6755, uid: 1, ..file("su", 1) },
        Entry { mode: 0, ..dir("closed") },
        hardlink("odd-too", "odd"),
    ];
    let view = container.put(&entries);
    for wanted in &entries[..7] {
        assert_eq!(&find(&view, std::str::from_utf8(&wanted.name).unwrap()), wanted);
    }
    assert_eq!(find(&view, "odd-too").mtime, entries[0].mtime);
    // It was said of that file, and not of one that has come instead.
    let upper = container.upper();
    upper.make_file(b"other", 0o644).unwrap();
    upper.rename(b"other", b"nothing").unwrap();
    assert_eq!(find(&container.view(), "nothing").kind, EntryKind::File);
}

#[test]
fn the_root_may_be_changed_too() {
    let container = Container::new();
    let view = container.put(&[Entry { mode: 0o700, ..dir("") }]);
    assert_eq!(find(&view, "").mode, 0o700);
    assert_eq!(shown(&view).len(), shown(&image()).len());
}

#[test]
fn what_a_cut_has_left_is_cleared_away() {
    let container = Container::new();
    container.put(&[file("a", 1)]);
    let dir = Folder::open(&container.disk.host_path(NAME).unwrap().unwrap()).unwrap();
    dir.make_dir(NEW, 0o700).unwrap();
    dir.make_dir(b"new/x", 0o700).unwrap();
    dir.make_file(OLD, 0o600).unwrap();
    container.put(&[file("b", 1)]);
    assert_eq!((dir.stat(NEW).unwrap(), dir.stat(OLD).unwrap()), (None, None));
}

#[test]
fn damage_to_what_is_kept_is_told() {
    let container = Container::new();
    container.put(&[Entry { mtime: Mtime { seconds: 1 << 40, nanoseconds: 0 }, ..file("a", 1) }]);
    let kept = container.disk.open_writable(&format!("{NAME}/kept")).unwrap();
    let mut byte = [0];
    kept.read_exact_at(&mut byte, 40).unwrap();
    kept.write_all_at(&[byte[0] ^ 1], 40).unwrap();
    assert!(matches!(Upper::open(&container.disk, NAME), Err(Error::Kept { .. })));
}
