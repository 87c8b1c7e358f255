//! Tar archives that other projects collected because they are hard to read. larder needs
//! not understand them: a layer is bytes, and each comes back bit for bit.

use std::path::{Path, PathBuf};

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::peers;

/// Debian's package, the directory that its directories lie in, how the one in question
/// begins (its version follows), and where below it the archives are.
const CORPORA: &[(&str, &str, &str, &str)] = &[
    ("golang-1.*-src", "usr/share", "go-", "src/archive/tar/testdata"),
    (TAR_SPLIT, "usr/share/gocode/src/github.com/vbatts", "tar-split", "archive/tar/testdata"),
    (TAR_SPLIT, "usr/share/gocode/src/github.com/vbatts", "tar-split", "tar/asm/testdata"),
    ("libpython3.*-testsuite", "usr/lib", "python3.", "test"),
];
const TAR_SPLIT: &str = "golang-github-vbatts-tar-split-dev";

/// Where the packages are unpacked, for those who do not install them.
fn root() -> PathBuf {
    std::env::var_os("LARDER_CORPORA").map_or_else(|| "/".into(), PathBuf::from)
}

/// The archives of a package: name and bytes. What is compressed in a way that no layer
/// may be is left out.
fn archives_in(parent: &str, begin: &str, below: &str) -> Vec<(String, Vec<u8>)> {
    let list =
        |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dirs = list(root().join(parent)).filter(|dir| name(dir).starts_with(begin));
    let files = dirs.flat_map(|dir| list(dir.join(below)));
    let tars = files.filter(|path| name(path).ends_with(".tar") || name(path).ends_with(".tar.gz"));
    let mut found: Vec<_> = tars.filter_map(|path| Some((name(&path), std::fs::read(&path).ok()?))).collect();
    found.sort();
    found
}

#[track_caller]
fn comes_back_bit_for_bit(package: &str, archives: &[(String, Vec<u8>)]) {
    let sandbox = Sandbox::new();
    // One layer after another in one image; as they are under their compression.
    let layers: Vec<_> =
        archives.iter().map(|(_, bytes)| Layer::raw(crate::harness::saved::unpack(bytes))).collect();
    let image = Image::new(&["corpus:1"], layers);
    sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
    let saved = Saved::read(&sandbox.save(["corpus:1"])).images();
    for ((name, _), (ours, theirs)) in archives.iter().zip(saved[0].layers.iter().zip(image.tars())) {
        assert!(*ours == theirs, "{package}: {name} came back as something else");
    }
    assert_eq!(saved[0].id(), image.id());
    sandbox.run(["history", "corpus:1"]).ok();
    sandbox.is_clean();
}

#[test]
fn hard_tar_archives_come_back_bit_for_bit_as_layers() {
    let test = "hard_tar_archives_come_back_bit_for_bit_as_layers";
    for (package, parent, begin, below) in CORPORA {
        let archives = archives_in(parent, begin, below);
        if archives.is_empty() {
            peers::not_possible(test, &format!("not installed: {package}"));
            continue;
        }
        eprintln!("{package}: {} archives", archives.len());
        comes_back_bit_for_bit(package, &archives);
    }
}
