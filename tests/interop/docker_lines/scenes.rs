//! What the command lines find, and the tests that type them.

use serde_json::json;

use super::compare::{Scene, compare};
use crate::harness::busybox::{self, base};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::saved::Saved;
use crate::harness::tarball::Entry;
use crate::harness::tests_dir;

/// Two images with two names each, one of them of another year and with labels.
fn many() -> Vec<Image> {
    let base = Layer::new().dir("bin").file("bin/app", vec![b'x'; 1_234_567]).symlink("bin/sh", "app");
    let top = Layer::new().file("four", "four").hardlink("same", "four").whiteout("bin/sh");
    let one = Image::new(&["many:1", "one:more"], vec![base.clone()]);
    let two = Image::new(&["many:2", "example.org/team/other:1.5"], vec![base, top]);
    let labels = json!({"color": "red", "size": "a,b=c"});
    vec![one.created("2023-05-06T07:08:09.101112Z"), two.with(|config| config["config"]["Labels"] = labels)]
}

/// An image that can be run, with everything that a config may say about how.
fn shell() -> Image {
    busybox::image("busybox:latest", vec![base(), data(Layer::new())])
}

fn data(layer: Layer) -> Layer {
    let layer =
        layer.dir("data").file("data/one", "1\n").file("data/two", "22\n").symlink("data/link", "one");
    layer.entry(Entry::file("notexec", "text\n").mode(0o644))
}

fn greeter() -> Vec<u8> {
    std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there")
}

fn ids_of<'a>(images: impl IntoIterator<Item = &'a Image>) -> Vec<String> {
    let bare = |digest: String| digest.trim_start_matches("sha256:").to_owned();
    images
        .into_iter()
        .flat_map(|image| [vec![image.hex()], image.diff_ids().into_iter().map(bare).collect()].concat())
        .collect()
}

/// The archives that a load finds nothing wrong with, and some that it does.
fn archives() -> Scene {
    let many = many();
    let whole = layouts::docker24(&many);
    let single = layouts::docker24(&many[..1]);
    let mut untagged = Image::small("gone:1");
    let moved = Image::small("many:1");
    let bad = single.clone().edit("manifest.json", |manifest| manifest[0]["Layers"] = json!([]));
    let mut without = single.clone();
    without.members.retain(|member| {
        let name = String::from_utf8_lossy(&member.name);
        name.ends_with("/layer.tar") || name.ends_with('/') || name.starts_with(&many[0].hex())
    });
    untagged.names.clear();
    let mut ids = ids_of(&many);
    ids.extend(ids_of([&untagged, &moved]));
    ids.extend(Saved::read(&greeter()).images().iter().map(|image| image.id()[7..].to_owned()));
    let tar = whole.tar();
    Scene {
        files: vec![
            ("many.tar.gz", Codec::Gzip.compress(&tar)),
            ("truncated.tar", tar[..tar.len() / 2].to_vec()),
            ("many.tar", tar),
            ("greeter.tar", greeter()),
            ("untagged.tar", layouts::docker24(std::slice::from_ref(&untagged)).tar()),
            ("moved.tar", layouts::docker24(std::slice::from_ref(&moved)).tar()),
            ("empty", Vec::new()),
            ("junk", b"this is no archive, and has never been one\n".repeat(100)),
            ("baddiff.tar", bad.tar()),
            ("nomanifest.tar", without.tar()),
        ],
        ids,
    }
}

/// Those, and what can be run.
fn machine() -> Scene {
    let mut scene = archives();
    let shell = shell();
    scene.ids.extend(ids_of([&shell]));
    scene.files.push(("rootfs.tar", data(base()).tar()));
    let script = tests_dir("interop/docker_lines").join("script.sh");
    scene.files.push(("script.sh", std::fs::read(script).expect("the script is there")));
    scene.files.push(("busybox.tar", layouts::docker24(std::slice::from_ref(&shell)).tar()));
    scene
}

macro_rules! groups {
    ($($test:ident, $group:literal, $heading:literal, $scene:expr;)*) => {$(
        #[test]
        fn $test() {
            compare(stringify!($test), $group, $heading, &$scene);
        }
    )*};
}

groups! {
    images_are_listed_as_docker_lists_them, "images", "Images", archives();
    archives_come_and_go_as_with_docker, "archives", "Save and load", archives();
    names_come_and_go_as_with_docker, "names", "Names", archives();
    history_is_told_as_docker_tells_it, "history", "History", archives();
    things_are_inspected_as_docker_inspects_them, "inspect", "Inspect", archives();
    file_systems_come_and_go_as_with_docker, "trees", "Export and import", machine();
    containers_are_made_and_listed_as_with_docker, "containers", "Containers", machine();
    files_are_copied_as_docker_copies_them, "files", "Files in containers", machine();
    containers_run_as_they_do_with_docker, "running", "Running", machine();
    space_is_counted_as_docker_counts_it, "df", "Space", machine();
    a_wrong_command_line_is_told_as_docker_tells_it, "usage", "Command lines", archives();
    a_script_written_for_docker_runs_as_it_is, "script", "Scripts", machine();
}
