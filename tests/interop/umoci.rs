//! umoci unpacks from larder's OCI form the tree that it unpacks from the original.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::saved::Saved;
use crate::harness::tests_dir;
use crate::peers;

/// Kind and mode, owner, size or device, link target, content: what a tree is.
type Tree = BTreeMap<PathBuf, (u32, (u32, u32), u64, Vec<u8>)>;

fn tree(dir: &Path) -> Tree {
    fn walk(dir: &Path, top: &Path, tree: &mut Tree) {
        for entry in std::fs::read_dir(dir).expect("umoci unpacked it").flatten() {
            let path = entry.path();
            let metadata = std::fs::symlink_metadata(&path).expect("it is there");
            let content = if metadata.is_file() {
                std::fs::read(&path).expect("a file")
            } else if metadata.is_symlink() {
                std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                Vec::new()
            };
            let owner = (metadata.uid(), metadata.gid());
            let name = path.strip_prefix(top).expect("below").to_owned();
            tree.insert(name, (metadata.mode(), owner, metadata.rdev(), content));
            if metadata.is_dir() {
                walk(&path, top, tree);
            }
        }
    }
    let mut found = Tree::new();
    walk(dir, dir, &mut found);
    found
}

/// Writes an OCI archive as a layout directory and has umoci unpack the image of this tag.
fn unpack(sandbox: &Sandbox, name: &str, archive: &[u8], tag: &str) -> Tree {
    let layout = sandbox.path(&format!("{name}.layout"));
    tar::Archive::new(archive).unpack(&layout).expect("the archive is good");
    let bundle = sandbox.path(&format!("{name}.bundle"));
    let image = format!("{}:{tag}", layout.display());
    let mut args = vec!["unpack", "--image", &image];
    if !is_root() {
        args.push("--rootless");
    }
    let bundle_name = bundle.to_str().expect("UTF-8");
    args.push(bundle_name);
    peers::run("umoci", args);
    tree(&bundle.join("rootfs"))
}

#[test]
fn umoci_unpacks_the_tree_that_was_there_before() {
    if !peers::are_here("umoci_unpacks_the_tree_that_was_there_before", &["umoci"]) {
        return;
    }
    let sandbox = Sandbox::new();
    // umoci finds images by a bare tag, as the image-spec has it.
    let image = Image::small("example.org/app:1");
    let mut oci = layouts::Oci::default();
    let manifest = oci.manifest(&image, Codec::Gzip);
    oci.name_as_docker(&manifest, &image);
    let theirs = oci.archive().tar();
    sandbox.load(&theirs).ok();
    let ours = sandbox.save(["--format", "oci", "example.org/app:1"]);
    let before = unpack(&sandbox, "before", &theirs, "1");
    assert!(before.contains_key(Path::new("etc/same")) && !before.contains_key(Path::new("etc/old/a")));
    assert_eq!(before, unpack(&sandbox, "after", &ours, "1"));
    // The Docker form is a layout as well.
    assert_eq!(before, unpack(&sandbox, "hybrid", &sandbox.save(["example.org/app:1"]), "1"));
}

#[test]
fn umoci_unpacks_what_docker_saved() {
    if !peers::are_here("umoci_unpacks_what_docker_saved", &["umoci", "skopeo"]) {
        return;
    }
    if !is_root() {
        peers::not_possible("umoci_unpacks_what_docker_saved", "the image has a device in it");
        return;
    }
    let sandbox = Sandbox::new();
    let archive = std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there");
    sandbox.load(&archive).ok();
    let ours = unpack(&sandbox, "ours", &sandbox.save(["--format", "oci", "greeter:1.0"]), "1.0");
    // skopeo's way from docker-archive to a layout is the other opinion.
    let from = format!("docker-archive:{}:greeter:1.0", tests_dir("data").join("greeter.tar").display());
    let to = format!("oci:{}:1.0", sandbox.path("skopeo").display());
    peers::run("skopeo", ["copy", "-q", &from, &to]);
    let mut tarred = tar::Builder::new(Vec::new());
    tarred.append_dir_all("", sandbox.path("skopeo")).expect("skopeo wrote it");
    let theirs = unpack(&sandbox, "theirs", &tarred.into_inner().expect("a Vec"), "1.0");
    assert!(ours.contains_key(Path::new("srv/greet")) && !ours.contains_key(Path::new("srv/doomed")));
    assert_eq!(ours, theirs);
}

#[test]
fn what_umoci_repacks_comes_back_exact() {
    if !peers::are_here("what_umoci_repacks_comes_back_exact", &["umoci"]) || !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let image = Image::small("example.org/app:1");
    // A bare tag: umoci gives its new entry the other annotations of the old one as well.
    let mut oci = layouts::Oci::default();
    let mut entry = oci.manifest(&image, Codec::Gzip);
    entry["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    oci.entries.push(entry.to_string());
    unpack(&sandbox, "a", &oci.archive().tar(), "1");
    sandbox.write("a.bundle/rootfs/etc/new", "made by umoci's user");
    let (layout, bundle) = (sandbox.path("a.layout"), sandbox.path("a.bundle"));
    let to = format!("{}:2", layout.display());
    peers::run("umoci", ["repack", "--image", &to, bundle.to_str().expect("UTF-8")]);
    sandbox.run(["load", "-i", "a.layout"]).ok();
    let theirs = Saved::read_dir(&layout);
    let id = theirs
        .oci_images()
        .into_iter()
        .find(|image| image.layers.len() == 3)
        .expect("umoci added a layer")
        .id();
    let ours = Saved::read(&sandbox.save(["--format", "oci", &id])).oci_images();
    let wanted = theirs.oci_images().into_iter().find(|image| image.id() == id).expect("it is there");
    assert_eq!((&ours[0].config, &ours[0].layers), (&wanted.config, &wanted.layers));
}
