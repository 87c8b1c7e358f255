use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, symlink};

use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let folder = Folder::open(&inside).unwrap();
    (dir, folder)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn write(folder: &Folder, path: &[u8], bytes: &[u8]) {
    folder.make_file(path, 0o644).unwrap().write_all(bytes).unwrap();
}

fn read(folder: &Folder, path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    folder.open_file(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn stat(folder: &Folder, path: &[u8]) -> Stat {
    folder.stat(path).unwrap().unwrap()
}

fn paths(folder: &Folder, from: &[u8]) -> Vec<String> {
    let path = |entry: Result<FolderEntry>| String::from_utf8_lossy(&entry.unwrap().path).into_owned();
    folder.walk(from).map(path).collect()
}

#[test]
fn only_a_directory_is_a_folder() {
    let (dir, _) = folder();
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(Folder::open(&dir.path().join("file")).is_err());
    assert!(Folder::open(&dir.path().join("missing")).unwrap_err().is_absent());
}

#[test]
fn no_link_is_followed_be_it_within() {
    let (dir, folder) = folder();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "s").unwrap();
    folder.make_dir(b"sub", 0o755).unwrap();
    write(&folder, b"sub/file", b"f");
    symlink(&outside, folder.path().join("out")).unwrap();
    symlink("sub", folder.path().join("in")).unwrap();
    symlink(outside.join("secret"), folder.path().join("to-secret")).unwrap();
    for path in [&b"out/secret"[..], b"in/file", b"to-secret"] {
        assert!(folder.open_file(path).is_err(), "{}", path.escape_ascii());
    }
    for path in [&b"out/x"[..], b"in/x"] {
        assert!(folder.make_file(path, 0o644).is_err());
        assert!(folder.make_dir(path, 0o755).is_err());
        assert!(folder.make_symlink(path, b"t").is_err());
        assert!(folder.rename(b"sub/file", path).is_err());
        assert!(folder.link(b"sub/file", path).is_err());
        assert!(folder.rename(path, b"moved").is_err());
        assert!(folder.set_mode(path, 0).is_err() && folder.set_mtime(path, (0, 0)).is_err());
    }
    for path in [&b"out/secret"[..], b"in/file", b"out/missing"] {
        assert_eq!(folder.stat(path).unwrap(), None);
        folder.remove(path).unwrap();
    }
    assert_eq!(read(&folder, b"sub/file"), b"f");
    assert!(folder.make_file(b"to-secret", 0o644).is_err());
    if is_root() {
        folder.set_owner(b"to-secret", 7, 7).unwrap();
    }
    folder.set_mtime(b"to-secret", (1, 1)).unwrap();
    folder.set_mode(b"to-secret", 0).unwrap();
    let secret = fs::metadata(outside.join("secret")).unwrap();
    assert!(secret.uid() != 7 && secret.mtime() != 1 && secret.mode() & 0o777 != 0);
    assert!(folder.walk(b"out").map(Result::unwrap).map(|entry| entry.stat.kind).eq([FileKind::Symlink]));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"s");
}

#[test]
fn a_path_is_plain_names_or_refused() {
    let (dir, folder) = folder();
    fs::write(dir.path().join("secret"), "s").unwrap();
    folder.make_dir(b"sub", 0o755).unwrap();
    for path in [&b".."[..], b"../secret", b"/etc/hostname", b"sub/../sub", b".", b"sub/", b"a//b", b"a\0b"] {
        assert!(folder.stat(path).is_err(), "{}", path.escape_ascii());
        assert!(folder.open_file(path).is_err());
        assert!(folder.make_file(path, 0o644).is_err());
        assert!(folder.remove(path).is_err());
        assert!(folder.rename(b"sub", path).is_err());
    }
    assert!(folder.remove(b"").is_err());
    assert_eq!(paths(&folder, b""), ["", "sub"]);
    assert!(dir.path().join("secret").exists());
}

#[test]
fn every_kind_is_made_and_seen_as_what_it_is() {
    let (_dir, folder) = folder();
    folder.make_dir(b"d", 0o1777).unwrap();
    write(&folder, b"f", b"content");
    folder.make_symlink(b"l", b"\xff/nowhere").unwrap();
    folder.make_node(b"p", FileKind::Fifo, (0, 0), 0o622).unwrap();
    folder.make_node(b"s", FileKind::Socket, (0, 0), 0o600).unwrap();
    let seen = |path: &[u8]| {
        let stat = stat(&folder, path);
        (stat.kind, stat.mode, stat.size)
    };
    assert_eq!((seen(b"d").0, seen(b"d").1), (FileKind::Directory, 0o1777));
    assert_eq!(seen(b"f"), (FileKind::File, 0o644, 7));
    assert_eq!((seen(b"l").0, seen(b"l").2), (FileKind::Symlink, 9));
    assert_eq!(folder.read_link(b"l").unwrap(), b"\xff/nowhere");
    assert!(folder.read_link(b"f").is_err());
    assert_eq!((seen(b"p").0, seen(b"p").1), (FileKind::Fifo, 0o622));
    assert_eq!((seen(b"s").0, seen(b"s").1), (FileKind::Socket, 0o600));
    assert_eq!(read(&folder, b"f"), b"content");
    for path in [&b"d"[..], b"p", b"l", b"s"] {
        assert!(folder.open_file(path).is_err(), "only files are opened, and a pipe waits for nobody");
    }
    assert!(folder.make_node(b"x", FileKind::Directory, (0, 0), 0o600).is_err());
    assert!(folder.make_dir(b"d", 0o755).is_err());
    assert_eq!(folder.stat(b"missing").unwrap(), None);
    assert_eq!(folder.stat(b"f/below").unwrap(), None);
}

#[test]
fn what_only_root_can_make_is_made() {
    if !is_root() {
        return;
    }
    let (_dir, folder) = folder();
    folder.make_node(b"c", FileKind::CharDevice, (4095, 0xf_ffff), 0o666).unwrap();
    folder.make_node(b"b", FileKind::BlockDevice, (8, 1), 0o660).unwrap();
    let (c, b) = (stat(&folder, b"c"), stat(&folder, b"b"));
    assert_eq!((c.kind, c.device, c.mode), (FileKind::CharDevice, (4095, 0xf_ffff), 0o666));
    assert_eq!((b.kind, b.device, b.mode), (FileKind::BlockDevice, (8, 1), 0o660));
    folder.make_symlink(b"l", b"c").unwrap();
    folder.set_owner(b"l", 70_000, 80_000).unwrap();
    folder.set_owner(b"", 1, 2).unwrap();
    assert_eq!((stat(&folder, b"l").uid, stat(&folder, b"l").gid), (70_000, 80_000));
    assert_eq!((stat(&folder, b"").uid, stat(&folder, b"c").uid), (1, 0));
    assert!(folder.set_owner(b"l", u32::MAX, 0).is_err());
    folder.set_xattr(b"l", b"trusted.overlay.x", b"on a link").unwrap();
    assert_eq!(folder.xattrs(b"l").unwrap(), [(b"trusted.overlay.x".to_vec(), b"on a link".to_vec())]);
    assert_eq!(folder.xattrs(b"c").unwrap(), []);
    assert!(folder.open_file(b"c").is_err());
}

#[test]
fn attributes_are_read_as_they_were_set() {
    let (_dir, folder) = folder();
    write(&folder, b"f", b"");
    let large = vec![7; 3000];
    match folder.set_xattr(b"f", b"user.z", &large) {
        // Some file systems have none.
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return,
        other => other.unwrap(),
    }
    folder.set_xattr(b"f", b"user.empty", b"").unwrap();
    folder.set_xattr(b"f", b"user.a=\xff", b"\0\n").unwrap();
    folder.set_xattr(b"f", b"user.a=\xff", b"new").unwrap();
    let wanted: [(&[u8], &[u8]); 3] = [(b"user.a=\xff", b"new"), (b"user.empty", b""), (b"user.z", &large)];
    assert_eq!(folder.xattrs(b"f").unwrap(), wanted.map(|(name, value)| (name.to_vec(), value.to_vec())));
    for name in [&b"user.z"[..], b"user.empty", b"user.a=\xff", b"user.never"] {
        folder.remove_xattr(b"f", name).unwrap();
    }
    assert_eq!(folder.xattrs(b"f").unwrap(), []);
    assert!(folder.set_xattr(b"missing", b"user.a", b"").unwrap_err().is_absent());
}

#[test]
fn times_keep_their_nanoseconds() {
    let (_dir, folder) = folder();
    write(&folder, b"f", b"");
    folder.make_symlink(b"l", b"f").unwrap();
    folder.make_dir(b"d", 0o755).unwrap();
    for (at, path) in [&b"f"[..], b"l", b"d", b""].into_iter().enumerate() {
        let time = (1_700_000_000 + at as i64, 123_456_789);
        folder.set_mtime(path, time).unwrap();
        assert_eq!(stat(&folder, path).mtime, time);
    }
    folder.set_mtime(b"f", (-2, 999_999_999)).unwrap();
    assert_eq!(stat(&folder, b"f").mtime, (-2, 999_999_999));
    assert_eq!(stat(&folder, b"l").mtime.0, 1_700_000_001, "a link has its own");
}

#[test]
fn the_mode_is_exact_and_a_link_has_none() {
    let (_dir, folder) = folder();
    write(&folder, b"f", b"");
    folder.make_symlink(b"l", b"f").unwrap();
    folder.set_mode(b"f", 0o6751).unwrap();
    folder.set_mode(b"l", 0o600).unwrap();
    assert_eq!(stat(&folder, b"f").mode, 0o6751);
    folder.make_dir(b"d", 0o777).unwrap();
    assert_eq!(stat(&folder, b"d").mode, 0o777, "whatever the umask");
}

#[test]
fn names_of_one_file_share_it() {
    let (_dir, folder) = folder();
    write(&folder, b"a", b"same");
    folder.make_dir(b"d", 0o755).unwrap();
    folder.link(b"a", b"d/b").unwrap();
    folder.make_symlink(b"l", b"a").unwrap();
    folder.link(b"l", b"m").unwrap();
    let (a, b) = (stat(&folder, b"a"), stat(&folder, b"d/b"));
    assert_eq!((a.inode, a.links), (b.inode, 2));
    assert_eq!(stat(&folder, b"m").kind, FileKind::Symlink, "a link is not followed to be linked");
    assert!(folder.link(b"a", b"d/b").is_err());
    folder.rename(b"d/b", b"l").unwrap();
    assert_eq!(read(&folder, b"l"), b"same");
    folder.remove(b"a").unwrap();
    assert_eq!(stat(&folder, b"l").links, 1);
}

#[test]
fn a_walk_is_sorted_and_a_directory_comes_before_its_content() {
    let (_dir, folder) = folder();
    for dir in [&b"b"[..], b"b/c", b"b.d", b"\xff"] {
        folder.make_dir(dir, 0o755).unwrap();
    }
    for file in [&b"b/c/x"[..], b"b/a", b"a", b"b.d/\xfe", b"\xff/z"] {
        write(&folder, file, b"");
    }
    folder.make_symlink(b"b/link", b"..").unwrap();
    let all =
        ["", "a", "b", "b/a", "b/c", "b/c/x", "b/link", "b.d", "b.d/\u{fffd}", "\u{fffd}", "\u{fffd}/z"];
    assert_eq!(paths(&folder, b""), all);
    assert_eq!(paths(&folder, b"b"), all[2..7]);
    assert_eq!(paths(&folder, b"b/a"), ["b/a"]);
    let mut walk = folder.walk(b"missing");
    assert!(walk.next().unwrap().unwrap_err().is_absent());
    assert!(walk.next().is_none());
}

#[test]
fn a_file_may_have_holes() {
    let (_dir, folder) = folder();
    let mut file = folder.make_file(b"f", 0o644).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    file.write_all(b"x").unwrap();
    folder.sync().unwrap();
    assert_eq!(read(&folder, b"f"), [&[0; 10][..], b"x"].concat());
}

#[test]
fn removing_takes_all_below_and_nothing_else() {
    let (dir, folder) = folder();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "k").unwrap();
    for path in [&b"t"[..], b"t/a", b"t/a/b", b"t/a/b/c", b"t/a/.larder-1", b"t/.larder-2", b"t/empty"] {
        folder.make_dir(path, 0o755).unwrap();
    }
    for path in [&b"t/a/b/c/f"[..], b"t/.larder-1", b"t/.larder-2/f", b"t/a/.larder-1/f", b"other"] {
        write(&folder, path, b"");
    }
    folder.make_symlink(b"t/a/out", outside.as_os_str().as_bytes()).unwrap();
    folder.make_symlink(b"t/a/b/out", outside.as_os_str().as_bytes()).unwrap();
    folder.make_symlink(b"link", b"t").unwrap();
    folder.set_mode(b"t/a/b", 0).unwrap();
    folder.set_mode(b"t", 0o500).unwrap();
    folder.remove(b"link").unwrap();
    assert!(folder.stat(b"t/a").unwrap().is_some(), "only the link went");
    folder.remove(b"t").unwrap();
    assert_eq!(paths(&folder, b""), ["", "other"]);
    assert!(outside.join("kept").exists());
    folder.remove(b"t").unwrap();
    folder.remove(b"t/below").unwrap();
    folder.remove(b"other/below").unwrap();
    folder.remove(b"other").unwrap();
    assert_eq!(paths(&folder, b""), [""]);
}

#[test]
fn a_tree_is_walked_as_deep_as_a_path_is_long_and_removed_however_deep() {
    let (_dir, folder) = folder();
    let mut path = b"d".to_vec();
    while path.len() < 4000 {
        folder.make_dir(&path, 0o755).unwrap();
        path.extend_from_slice(b"/d");
    }
    assert_eq!(folder.walk(b"").map(Result::unwrap).count(), 2001);
    // Deeper than any path: the tree, put into itself from the other end.
    folder.make_dir(b"e", 0o755).unwrap();
    let mut below = b"e".to_vec();
    while below.len() < 4000 {
        below.extend_from_slice(b"/e");
        folder.make_dir(&below, 0o755).unwrap();
    }
    folder.rename(b"d", &[&below[..], b"/d"].concat()).unwrap();
    assert!(folder.walk(b"e").any(|entry| entry.is_err()), "what no path reaches is said to be so");
    folder.remove(b"e").unwrap();
    assert_eq!(paths(&folder, b""), [""]);
}
