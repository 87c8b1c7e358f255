//! Tar archives that other projects collected because they are hard to read. larder needs
//! not understand them: a layer is bytes, and each comes back bit for bit.

use std::path::{Path, PathBuf};

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::peers;

/// Where Debian's packages put them, and the package to name when they are missing.
const CORPORA: &[(&str, &str)] = &[
    ("golang-1.19-src", "/usr/share/go-1.19/src/archive/tar/testdata"),
    (
        "golang-github-vbatts-tar-split-dev",
        "/usr/share/gocode/src/github.com/vbatts/tar-split/archive/tar/testdata",
    ),
    ("libpython3.11-testsuite", "/usr/lib/python3.11/test"),
];

/// Packages unpacked elsewhere than `/`, for those who do not install them.
fn root() -> PathBuf {
    std::env::var_os("LARDER_CORPORA").map_or_else(|| "/".into(), PathBuf::from)
}

fn archives_in(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| {
        let name = path.to_string_lossy();
        [".tar", ".tar.gz", ".tar.bz2", ".tar.base64"].iter().any(|end| name.ends_with(end))
    });
    let mut found: Vec<_> = paths
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), std::fs::read(&path).ok()?)))
        .collect();
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
    for (package, dir) in CORPORA {
        let archives = archives_in(&root().join(dir.trim_start_matches('/')));
        if archives.is_empty() {
            peers::not_possible(test, &format!("not installed: {package}"));
            continue;
        }
        eprintln!("{package}: {} archives", archives.len());
        comes_back_bit_for_bit(package, &archives);
    }
}
