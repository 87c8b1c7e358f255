use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::on_disk::entry_of;
use super::super::stacked::{Stacked, Told, dir, entry, file, layers, link, symlink, tar, told};
use super::super::{Purpose, RootFs, Upper};
use super::*;
use crate::disk::{Disk, FileKind, Folder, RealDisk, is_trusted};
use crate::tar::{Device, Entry, EntryKind};

/// Layers on disk, each as `l<number>/upper`, which is where writable layers are read from.
struct Laid {
    dir: tempfile::TempDir,
    count: usize,
    space: Space,
}

impl Laid {
    /// All layers of `stacked`, and what Docker puts on top.
    fn of(stacked: &Stacked) -> (Self, RootFs) {
        let dir = tempfile::tempdir().unwrap();
        let space = if is_trusted(dir.path()) { Space::Trusted } else { Space::User };
        let mut laid = Self { dir, count: 0, space };
        let mut rootfs = stacked.open(0, Purpose::Look).unwrap();
        rootfs.view_mut().keep_gone();
        let mut supplies = [0, 1].map(|_| rootfs.supply(stacked.reader()));
        for layer in &stacked.layers {
            let all = Purpose::ReadAll(None);
            rootfs.extend(std::slice::from_ref(layer), all, &Task::silent(), &mut |_, _| ()).unwrap();
            laid.lay(&rootfs, &mut supplies);
        }
        rootfs.view_mut().add_mount_points().unwrap();
        laid.lay(&rootfs, &mut supplies);
        (laid, rootfs)
    }

    fn lay(&mut self, rootfs: &RootFs, supplies: &mut [Supply]) {
        supplies.iter_mut().for_each(|supply| supply.follow(rootfs));
        let dir = format!("l{}", self.count);
        self.disk().create_dir(&dir).unwrap();
        let unpacking = Unpacking::of_top(rootfs.view());
        unpacking
            .make(
                &self.dir.path().join(dir).join("upper"),
                self.space,
                supplies,
                &mut Passing::untold(&Task::silent()),
            )
            .unwrap();
        self.count += 1;
    }

    /// What they come to for larder's own reading of such directories.
    fn read(&self, stacked: &Stacked) -> Vec<Told> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk());
        let mut rootfs = stacked.open(0, Purpose::Look).unwrap();
        for number in 0..self.count {
            let upper = Upper::open(&disk, &format!("l{number}")).unwrap().unwrap();
            rootfs.add_upper(upper).unwrap();
        }
        possible(told(&mut rootfs))
    }

    /// What they come to for the kernel; `None` where nothing may be mounted.
    fn mounted(&self) -> Option<Vec<Told>> {
        let lower: Vec<_> = (0..self.count).rev().map(|number| format!("l{number}/upper")).collect();
        let form = if self.space == Space::User { ",userxattr" } else { "" };
        let options = format!("ro{form},lowerdir={}", lower.join(":"));
        let at = self.dir.path().join("m");
        self.disk().create_dir("m").unwrap();
        let mount = Command::new("mount")
            .args(["-t", "overlay", "overlay", "-o", &options, "m"])
            .current_dir(self.dir.path())
            .output();
        if !mount.as_ref().is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: overlayfs cannot be mounted here: {mount:?}");
            return None;
        }
        let read = std::panic::catch_unwind(|| read(&at));
        assert!(Command::new("umount").arg(&at).status().unwrap().success());
        Some(possible(read.unwrap()))
    }

    fn disk(&self) -> RealDisk {
        RealDisk::open(self.dir.path()).unwrap()
    }

    fn is_file(&self, path: &str) -> bool {
        let stat = Folder::open(self.dir.path()).unwrap().stat(path.as_bytes()).unwrap();
        stat.unwrap().kind == FileKind::File
    }
}

/// A file system as it is mounted, told as that of a [`RootFs`] is.
fn read(at: &Path) -> Vec<Told> {
    let folder = Folder::open(at).unwrap();
    let mut first_names = std::collections::HashMap::new();
    let mut all = Vec::new();
    for found in folder.walk(b"") {
        let found = found.unwrap();
        let entry = entry_of(&folder, &found.path, &found.stat).unwrap().unwrap();
        let first = first_names.entry(found.stat.inode).or_insert_with(|| found.path.clone()).clone();
        let mut content = Vec::new();
        if entry.kind == EntryKind::File {
            std::io::Read::read_to_end(&mut folder.open_file(&found.path).unwrap(), &mut content).unwrap();
        }
        all.push((entry, content, first));
    }
    all
}

/// Whether this is root to the whole machine.
fn is_root() -> bool {
    is_trusted(tempfile::tempdir().unwrap().path())
}

/// As much of it as this machine can hold.
fn possible(mut told: Vec<Told>) -> Vec<Told> {
    let is_root = is_root();
    for (entry, ..) in &mut told {
        // Others cannot give files away, not even root of a user namespace to everybody.
        if !is_root {
            (entry.uid, entry.gid) = (0, 0);
        }
        if matches!(entry.kind, EntryKind::Symlink(_)) {
            entry.mode = 0o777;
        }
        if !matches!(entry.kind, EntryKind::File | EntryKind::Directory) {
            entry.xattrs.retain(|(name, _)| !name.starts_with(b"user."));
        }
    }
    told
}

#[track_caller]
fn comes_to_the_same(stacked: &Stacked) -> Laid {
    let (laid, mut rootfs) = Laid::of(stacked);
    let want = possible(told(&mut rootfs));
    are_alike(&laid.read(stacked), &want, "as larder reads it");
    if let Some(mounted) = laid.mounted() {
        are_alike(&mounted, &want, "as the kernel sees it");
    }
    laid
}

#[track_caller]
fn are_alike(found: &[Told], want: &[Told], context: &str) {
    for (found, want) in found.iter().zip(want) {
        assert_eq!((&found.0, &found.2), (&want.0, &want.2), "{context}");
        assert!(found.1 == want.1, "{context}: {:?} has other content", found.0);
    }
    assert_eq!(found.len(), want.len(), "{context}");
}

#[track_caller]
fn check(layers: &[&[(Entry, Vec<u8>)]]) -> Laid {
    comes_to_the_same(&Stacked::of(&layers.iter().map(|layer| tar(layer)).collect::<Vec<_>>()))
}

#[test]
fn what_is_gone_stays_gone() {
    let whiteout = |name: &str| file(name, b"");
    check(&[&[dir("d"), file("d/a", b"x"), file("d/b", b"y")], &[whiteout("d/.wh.a")]]);
    check(&[&[dir("d"), file("d/a", b"x")], &[whiteout(".wh.d")], &[dir("d"), file("d/b", b"")]]);
    check(&[&[dir("d/e"), file("d/e/a", b"x")], &[dir("d"), whiteout("d/.wh..wh..opq"), file("d/n", b"n")]]);
    check(&[
        &[dir("d/e"), file("d/e/a", b"x")],
        &[whiteout("d/.wh..wh..opq"), dir("d/e"), file("d/e/b", b"")],
    ]);
    check(&[&[dir("s"), file("s/a", b"x"), file("r", b"r")], &[whiteout(".wh..wh..opq"), dir("s")]]);
    check(&[&[dir("d"), file("d/a", b"x")], &[file("d", b"f"), dir("d"), file("d/c", b"")]]);
}

#[test]
fn what_takes_another_s_place_shows_nothing_of_it() {
    check(&[&[dir("d"), file("d/a", b"x")], &[file("d", b"f")], &[dir("d"), file("d/b", b"")]]);
    check(&[&[file("a", b"x")], &[dir("a"), file("a/b", b"y")], &[symlink("a", "b")], &[dir("a/c")]]);
    check(&[&[dir("usr/lib"), symlink("lib", "usr/lib"), file("usr/lib/a", b"x")], &[file("lib/b", b"y")]]);
    check(&[&[symlink("l", "../../../etc")], &[file("l/x", b"x"), file("l/.wh.y", b"")]]);
    check(&[&[file("proc", b"no directory"), symlink("dev", "/nowhere"), dir("etc")], &[]]);
}

/// In a lower layer the other names would be those of another file.
#[test]
fn names_of_one_file_stay_names_of_one_file() {
    check(&[&[dir("d"), file("d/a", b"x"), link("d/b", "d/a")]]);
    check(&[&[dir("d"), file("d/a", b"x"), file("z", b"")], &[link("b", "d/a")]]);
    check(&[&[file("a", b"x"), link("b", "a")], &[file("c", b"c")], &[link("e/f", "b"), file(".wh.a", b"")]]);
    check(&[&[file("a", b"x"), link("b", "a")], &[file("b", b"y")]]);
}

#[test]
fn files_of_all_kinds_look_as_they_do() {
    let odd = |name: &[u8]| (Entry { name: name.to_vec(), ..entry("", EntryKind::File) }, Vec::new());
    let with = |mode: u32, xattrs: &[(&str, &[u8])]| {
        let (mut entry, content) = file("x", b"some");
        entry.xattrs =
            xattrs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
        entry.xattrs.sort();
        (Entry { mode, ..entry }, content)
    };
    let named =
        |name: &str, (entry, content): (Entry, Vec<u8>)| (Entry { name: name.into(), ..entry }, content);
    let base = vec![
        odd(b"\xff\xfe"),
        odd(&[b'n'; 255]),
        // Of a file that is not his own nobody else sets the set-user-ID.
        named("suid", with(if is_root() { 0o6755 } else { 0o755 }, &[])),
        named("some", with(0o440, &[("user.a", b"1"), ("user.b", b"")])),
        (Entry { mode: 0o1500, ..dir("closed").0 }, Vec::new()),
        file("closed/in", b"in"),
        (entry("pipe", EntryKind::Fifo), Vec::new()),
        symlink("broken", "/nowhere/at/all"),
    ];
    check(&[&base, &[file("closed/more", b""), named("suid", with(0o711, &[]))]]);
    if is_root() {
        let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let device = |major, minor| EntryKind::CharDevice(Device { major, minor });
        let looks_like_overlays = [("trusted.overlay.opaque", &b"y"[..]), ("trusted.overlay.x", b"")];
        check(&[&[
            named("none", with(0, &[])),
            named("ping", with(0o755, &[("security.capability", capability), ("trusted.t", b"t")])),
            (entry("null", device(1, 3)), Vec::new()),
            (entry("sda", EntryKind::BlockDevice(Device { major: 8, minor: 0 })), Vec::new()),
            named("marked", with(0o600, &looks_like_overlays)),
        ]]);
    }
}

#[test]
fn zeros_take_no_space() {
    let mut content = vec![0; 3 << 20];
    content[1 << 20] = 1;
    let laid = check(&[&[file("zeros", &content), file("blank", &vec![0; 1 << 20])]]);
    for (name, most) in [("zeros", 600_000), ("blank", 8192)] {
        let usage = laid.disk().usage(&format!("l0/upper/{name}")).unwrap();
        assert!(usage[0].bytes <= most, "{usage:?}");
    }
}

#[test]
fn many_layers_and_compressed_ones_come_to_the_same() {
    let mut stacked = Stacked::new();
    for number in 0..80 {
        let name = format!("d/{}", number % 7);
        let tar = tar(&[dir("d"), file(&name, name.as_bytes()), file(&format!("n{number}"), b"n")]);
        if number % 3 == 0 { stacked.add_gzip(&tar) } else { stacked.add(&tar) }
    }
    stacked.add(&tar(&[link("again", "n3"), file("d/.wh.0", b"")]));
    comes_to_the_same(&stacked);
}

/// A file that a link could lead out to.
#[test]
fn no_layer_writes_outside() {
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().to_str().unwrap();
    let laid = check(&[
        &[symlink("out", to), symlink("root", "/"), symlink("up", "../../../..")],
        &[file("out/x", b"x"), file("up/y", b"y"), file("root/z", b"z"), link("root/again", "out/x")],
    ]);
    assert!(RealDisk::open(outside.path()).unwrap().list("").unwrap().is_empty());
    assert!(laid.is_file(&format!("l1/upper{to}/x")) && laid.is_file("l1/upper/z"));
}

#[test]
fn what_a_layer_does_not_speak_of_is_not_in_it() {
    let laid = check(&[&[dir("d"), file("d/a", b"x"), dir("e"), file("e/b", b"")], &[file("e/c", b"")], &[]]);
    let names = |layer: &str| {
        let entries = laid.disk().list(layer).unwrap().into_iter();
        let mut names: Vec<_> = entries.map(|entry| entry.name).collect();
        names.sort();
        names
    };
    assert_eq!((names("l1/upper"), names("l1/upper/e")), (vec!["e".into()], vec!["c".into()]));
    assert_eq!(names("l2/upper"), Vec::<String>::new());
    assert_eq!(names("l3/upper"), [".dockerenv", "dev", "etc", "proc", "sys"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn unpacked_layers_come_to_what_the_view_says(layers in layers(6)) {
        comes_to_the_same(&Stacked::of(&layers));
    }
}
