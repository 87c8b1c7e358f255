//! The tree that `larder export` gives is the tree that the other tools unpack: `umoci
//! unpack`, and `docker load`, `create` and `export`.
//!
//! Where the peers are not of one opinion with each other the tables here say who sees
//! what. larder does as umoci does: each layer unpacked into one root directory.

use std::path::Path;

use crate::harness::child::{self, Feed, run_piped};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::tree::{Difference, Tree};
use crate::harness::tricky::{self, Tricky};
use crate::harness::{skip, tests_dir};
use crate::peers::{self, Docker, Podman};

/// What umoci sees otherwise: the image, and the paths with what differs, or why it refuses
/// the image.
///
/// - The time of a directory of which no layer speaks is that of the unpacking, and 0 here.
/// - An opaque whiteout after the entries changes the time of directories that they set.
/// - Go reads an attribute without a value as none.
const UMOCI_DIFFERS: Table = &[
    ("symlink out of the root", &["up-there: mtime"]),
    ("implied parents", &["implied: mtime", "implied/deep: mtime"]),
    (
        "sparse of the oldest form",
        &["refused: unpack entry: old-holes: unpack entry: old-holes: unknown typeflag '\\x53'"],
    ),
    ("an attribute without a value", &["tagged: xattrs"]),
    ("opaque after a directory that is there", &["d/stays: mtime"]),
];

/// What Docker 20.10 with overlay2 sees otherwise, or why it refuses the image.
///
/// - Each layer is unpacked into a directory of its own. A parent directory of which it does
///   not speak is made there, 0755 and root's, and hides what lower layers say of it; if it
///   is a symlink below, it is none any more.
/// - So a hard link cannot lead to a lower layer.
/// - What an entry for a hard link says of the file is done to the file; larder and umoci
///   take it for what it is, another name. (The owner set once more costs capabilities.)
const DOCKER_DIFFERS: Table = &[
    (
        "symlinked parent",
        &[
            "lib: kind",
            "lib: mode",
            "lib: mtime",
            "lib: target",
            "lib/new: only theirs",
            "usr/lib/new: only ours",
        ],
    ),
    (
        "symlinked parent of a directory",
        &[
            "lib: kind",
            "lib: mode",
            "lib: mtime",
            "lib: target",
            "lib/sub: only theirs",
            "lib/sub/new: only theirs",
            "usr/lib/sub: only ours",
            "usr/lib/sub/new: only ours",
        ],
    ),
    (
        "symlinked parent of a whiteout",
        &["lib: kind", "lib: mode", "lib: mtime", "lib: target", "usr/lib/old: only theirs"],
    ),
    (
        "symlink out of the root",
        &[
            "up: kind",
            "up: mode",
            "up: mtime",
            "up: target",
            "up-there: only ours",
            "up-there/new: only ours",
            "up/new: only theirs",
        ],
    ),
    ("implied parents", &["implied: mtime", "implied/deep: mtime"]),
    ("implied parents that are there", &["dir: mode", "dir: owner", "dir: mtime"]),
    (
        "hard link to a lower layer",
        &["refused: Error processing tar file(exit status 1): link /file /name: no such file or directory"],
    ),
    (
        "hard link to a lower layer that goes",
        &["refused: Error processing tar file(exit status 1): link /file /name: no such file or directory"],
    ),
    (
        "metadata on a hard link",
        &["file: mode", "file: owner", "file: mtime", "name: mode", "name: owner", "name: mtime"],
    ),
    ("capability, then a hard link", &["ping: xattrs", "ping6: xattrs"]),
    (
        "a name twice in a layer",
        &["refused: Error processing tar file(duplicates of file paths not supported):"],
    ),
    (
        "a whiteout beside its file",
        &["refused: Error processing tar file(exit status 1): failed to mknod(\"/before\", S_IFCHR, 0): \
             file exists"],
    ),
    (
        "sparse of the oldest form",
        &["refused: Error processing tar file(exit status 1): unhandled tar header type 83"],
    ),
];

/// By image, what a peer sees otherwise.
type Table = &'static [(&'static str, &'static [&'static str])];

/// Paths that Docker makes itself, or puts something into: when is its own affair.
const DOCKERS_OWN: &[&str] = &[
    ".dockerenv",
    "dev",
    "dev/console",
    "dev/pts",
    "dev/shm",
    "etc",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "proc",
    "sys",
];

fn wanted(table: Table, what: &str) -> &'static [&'static str] {
    table.iter().find(|(name, _)| *name == what).map_or(&[], |(_, wanted)| *wanted)
}

/// Compares what is found with what the table says; gives a text for people if they differ.
fn judge(peer: &str, what: &str, found: &[String], wanted: &[&str], told: &str) -> Option<String> {
    (found != wanted).then(|| format!("== {peer}, {what}\nwanted {wanted:#?}\nfound {found:#?}\n{told}\n"))
}

fn tell(differences: &[Difference]) -> (Vec<String>, String) {
    let all: Vec<_> = differences.iter().map(Difference::to_string).collect();
    (differences.iter().map(Difference::short).collect(), all.join("\n"))
}

fn export(sandbox: &Sandbox, args: &[&str]) -> Vec<u8> {
    sandbox.run(["export"].iter().chain(args)).ok().stdout
}

/// The root file system that umoci unpacks from a layout.
fn umoci_unpack(layout: &Path, tag: &str, bundle: &Path) -> Result<Tree, String> {
    let image = format!("{}:{tag}", layout.display());
    let mut command = peers::tool("umoci");
    command.args(["unpack", "--image", &image]).arg(bundle);
    let ran = child::run(command, Feed::Nothing);
    if ran.code != Some(0) {
        return Err(ran.err());
    }
    Ok(Tree::of_dir(&bundle.join("rootfs")))
}

/// The image as a layout that umoci reads: bare tags, gzip layers.
fn layout_of(image: &Image) -> layouts::Oci {
    let mut oci = layouts::Oci::default();
    let mut entry = oci.manifest(image, Codec::Gzip);
    entry["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    oci.entries.push(entry.to_string());
    oci
}

/// A root of which no layer speaks is no entry here, and a directory all the same there.
fn umoci_differences(ours: &Tree, theirs: Tree) -> Vec<Difference> {
    let theirs = if ours.has("") { theirs } else { theirs.without_root() };
    ours.differences(&theirs)
}

#[test]
fn a_tricky_image_is_the_tree_that_umoci_unpacks() {
    let test = "a_tricky_image_is_the_tree_that_umoci_unpacks";
    if !peers::are_here(test, &["umoci"]) {
        return;
    }
    if !is_root() {
        peers::not_possible(test, "the images have devices and owners");
        return;
    }
    let mut wrong = Vec::new();
    for (what, layers) in tricky::all() {
        let sandbox = Sandbox::new();
        let image = Image::new(&["tricky:1"], layers);
        sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
        let ours = Tree::of_tar(&export(&sandbox, &["tricky:1"]));
        layout_of(&image).archive().write_dir(&sandbox.path("layout"));
        let found = match umoci_unpack(&sandbox.path("layout"), "1", &sandbox.path("bundle")) {
            Ok(theirs) => tell(&umoci_differences(&ours, theirs)),
            Err(told) => {
                let why = told.trim().rsplit_once("unpack layer: ").map_or(&*told, |(_, why)| why);
                (vec![format!("refused: {why}")], told)
            }
        };
        wrong.extend(judge("umoci", what, &found.0, wanted(UMOCI_DIFFERS, what), &found.1));
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// What `docker export` gives of a container of an image that the engine has.
fn docker_export(docker: &Docker, image: &str) -> Vec<u8> {
    let id = docker.run(["create", image, "/no-such-command"]).out();
    let tar = docker.run(["export", id.trim()]).stdout;
    docker.run(["rm", id.trim()]);
    tar
}

/// Differences without those that are Docker's own affair.
fn docker_differences(ours: &Tree, theirs: &Tree) -> Vec<Difference> {
    let mut differences = ours.differences(theirs);
    differences.retain(|found| {
        let is_dockers_own = DOCKERS_OWN.iter().any(|path| path.as_bytes() == found.path);
        // Docker writes no times before 1970.
        let is_early = ours.0.get(&found.path).is_some_and(|node| node.mtime.0 < 0);
        found.field != "mtime" || !(is_dockers_own || is_early)
    });
    differences
}

fn docker_opinion(docker: &Docker, what: &str, layers: Vec<Layer>) -> Option<String> {
    let sandbox = Sandbox::new();
    let image = Image::new(&["tricky:1"], layers);
    let archive = layouts::docker24(std::slice::from_ref(&image)).tar();
    sandbox.load(&archive).ok();
    let ours = Tree::of_tar(&export(&sandbox, &["--docker-compat", "tricky:1"]));
    let loaded = docker.load(&archive);
    let found = if loaded.code == Some(0) {
        let theirs = Tree::of_tar(&docker_export(docker, "tricky:1"));
        tell(&docker_differences(&ours, &theirs))
    } else {
        (vec![format!("refused: {}", loaded.err().trim())], String::new())
    };
    docker.forget(&["tricky:1"]);
    judge("Docker", what, &found.0, wanted(DOCKER_DIFFERS, what), &found.1)
}

#[test]
fn a_tricky_image_is_the_tree_that_docker_exports() {
    let Some(docker) = Docker::shared("a_tricky_image_is_the_tree_that_docker_exports") else { return };
    let wrong: Vec<_> = tricky::all()
        .into_iter()
        .filter_map(|(what, layers): Tricky| docker_opinion(&docker, what, layers))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Names the one image of a layout `1`: umoci knows bare tags only.
fn name_for_umoci(index: &Path) {
    let mut document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(index).expect("an index")).expect("JSON");
    for entry in document["manifests"].as_array_mut().expect("manifests is a list") {
        entry["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    }
    std::fs::write(index, document.to_string()).expect("ours");
}

/// The archives of tests/data: one image, as Docker and as skopeo write it.
const GREETERS: [&str; 2] = ["greeter.tar", "greeter.oci.tar"];

#[track_caller]
fn no_differences(what: &str, differences: &[Difference]) {
    let (_, told) = tell(differences);
    assert!(differences.is_empty(), "{what}: {} differences\n{told}", differences.len());
}

/// An image that larder has is the tree that umoci unpacks of it and that Docker exports of it.
#[track_caller]
fn is_the_peers_tree(docker: &Docker, sandbox: &Sandbox, name: &str) {
    sandbox.run(["export", "-o", "ours.tar", name]).ok();
    let ours = Tree::of_tar(&sandbox.read("ours.tar"));
    sandbox.run(["save", "--format", "oci", "-o", "layout.tar", name]).ok();
    std::fs::create_dir(sandbox.path("layout")).expect("the sandbox can be written");
    let (layout, archive) = (sandbox.path("layout"), sandbox.path("layout.tar"));
    let mut tar = peers::tool("tar");
    tar.arg("-x").arg("-C").arg(&layout).arg("-f").arg(archive);
    child::run(tar, Feed::Nothing).ok();
    name_for_umoci(&layout.join("index.json"));
    let theirs = umoci_unpack(&layout, "1", &sandbox.path("bundle")).expect("umoci unpacks it");
    no_differences(&format!("umoci, {name}"), &umoci_differences(&ours, theirs));
    for done in ["layout", "bundle"] {
        std::fs::remove_dir_all(sandbox.path(done)).expect("ours");
    }

    let ours = Tree::of_tar(&export(sandbox, &["--docker-compat", name]));
    let (saved, loaded) = run_piped(sandbox.larder(["save", name]), docker.command(["load"]));
    saved.ok();
    loaded.ok();
    let theirs = Tree::of_tar(&docker_export(docker, name));
    no_differences(&format!("Docker, {name}"), &docker_differences(&ours, &theirs));
    docker.forget(&[name]);
}

#[test]
fn the_greeter_is_the_tree_of_umoci_and_of_docker() {
    let test = "the_greeter_is_the_tree_of_umoci_and_of_docker";
    if !peers::are_here(test, &["umoci", "tar"]) {
        return;
    }
    let Some(docker) = Docker::shared(test) else { return };
    for archive in GREETERS {
        let sandbox = Sandbox::new();
        sandbox.load(&std::fs::read(tests_dir("data").join(archive)).expect("tests/data is there")).ok();
        is_the_peers_tree(&docker, &sandbox, "greeter:1.0");
    }
}

/// The big images that the benchmarks use; never in CI.
#[test]
fn an_image_of_the_corpus_is_the_tree_of_umoci_and_of_docker() {
    let test = "an_image_of_the_corpus_is_the_tree_of_umoci_and_of_docker";
    let Some(corpus) = std::env::var_os("LARDER_CORPUS") else {
        return skip(test, "LARDER_CORPUS does not say where the corpus is");
    };
    if !peers::are_here(test, &["umoci", "tar"]) {
        return;
    }
    let Some(docker) = Docker::shared(test) else { return };
    for archive in ["app-1.0.0.tar", "edge.tar", "debian.tar", "app-1.1.0.oci.tar"] {
        let sandbox = Sandbox::new();
        let path = Path::new(&corpus).join(archive);
        sandbox.run(["load".as_ref(), "-i".as_ref(), path.as_os_str()]).ok();
        for name in sandbox.names() {
            eprintln!("{archive}: {name}");
            is_the_peers_tree(&docker, &sandbox, &name);
        }
    }
}

/// Images to take through other tools: the tricky ones, and the greeter.
fn exported() -> Vec<(&'static str, Sandbox)> {
    let tricky = tricky::all().into_iter().map(|(what, layers)| {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], layers)]).tar()).ok();
        (what, sandbox)
    });
    let greeter = Sandbox::new();
    greeter.load(&std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there")).ok();
    greeter.run(["tag", "greeter:1.0", "app:1"]).ok();
    tricky.chain([("greeter", greeter)]).collect()
}

/// The rules are applied already: of an exported tar no two tools have two opinions.
#[test]
fn docker_imports_what_larder_exports_and_larder_what_docker_exports() {
    let test = "docker_imports_what_larder_exports_and_larder_what_docker_exports";
    let Some(docker) = Docker::shared(test) else { return };
    for (what, sandbox) in exported() {
        sandbox.run(["export", "-o", "ours.tar", "app:1"]).ok();
        let ours = sandbox.path("ours.tar");
        docker.run(["import".as_ref(), ours.as_os_str(), "imported:1".as_ref()]);
        // The bytes are the layer.
        let diff_id = crate::harness::digest(&sandbox.read("ours.tar"));
        assert_eq!(docker.inspect("imported:1").1, [diff_id], "{what}");
        let compatible = Tree::of_tar(&export(&sandbox, &["--docker-compat", "app:1"]));
        let theirs = docker_export(&docker, "imported:1");
        let differences = docker_differences(&compatible, &Tree::of_tar(&theirs));
        no_differences(&format!("docker import, {what}"), &differences);
        docker.forget(&["imported:1"]);

        let back = Sandbox::new();
        let imported = back.run_fed(["import", "-", "back:1"], Feed::Bytes(theirs.clone())).ok();
        assert_eq!(imported.out().trim(), back.id("back:1"));
        let tree = Tree::of_tar(&export(&back, &["back:1"]));
        tree.equals(&Tree::of_tar(&theirs), &format!("larder import, {what}"));
        let found = back.inspect("back:1");
        assert_eq!(
            crate::harness::saved::strings(&found["RootFS"]["Layers"]),
            [crate::harness::digest(&theirs)],
            "{what}"
        );
    }
}

#[test]
fn docker_loads_what_larder_imported() {
    let Some(docker) = Docker::shared("docker_loads_what_larder_imported") else { return };
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::small("app:1")]).tar()).ok();
    let tar = export(&sandbox, &["app:1"]);
    let changes =
        ["-c", "ENV A=b", "-c", "EXPOSE 80", "-c", "HEALTHCHECK --interval=5s CMD true", "-m", "words"];
    let args = ["import"].iter().chain(&changes).chain(&["-", "flat:1"]);
    sandbox.run_fed(args, Feed::Bytes(tar)).ok();
    docker.load(&sandbox.save(["flat:1"])).ok();
    assert_eq!(docker.inspect("flat:1").0, sandbox.id("flat:1"));
    for (format, wanted) in [
        ("{{json .Config.Env}}", r#"["PATH=/bin","A=b"]"#),
        ("{{json .Config.Cmd}}", r#"["/bin/app"]"#),
        ("{{json .Config.ExposedPorts}}", r#"{"80/tcp":{}}"#),
        ("{{json .Config.Healthcheck}}", r#"{"Test":["CMD-SHELL","true"],"Interval":5000000000}"#),
        ("{{.Comment}} {{.Os}}", "words linux"),
    ] {
        // The order of members is not compared: Docker's is that of its struct.
        let read = |text: String| {
            let text = text.trim().to_owned();
            serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
        };
        let theirs = read(docker.run(["inspect", "-f", format, "flat:1"]).out());
        assert_eq!(theirs, read(wanted.to_owned()), "{format}");
        assert_eq!(read(sandbox.run(["inspect", "-f", format, "flat:1"]).ok().out()), theirs, "{format}");
    }
    let columns = "{{.CreatedBy}}|{{.Size}}|{{.Comment}}";
    let history = ["history", "--format", columns, "flat:1"];
    assert_eq!(sandbox.run(history).ok().out(), docker.run(history).out());
}

#[test]
fn podman_imports_what_larder_exports() {
    let Some(podman) = Podman::new("podman_imports_what_larder_exports") else { return };
    let chosen = ["greeter", "kinds", "hard links", "names", "owners", "capability, then a hard link"];
    for (what, sandbox) in exported().into_iter().filter(|(what, _)| chosen.contains(what)) {
        sandbox.run(["export", "-o", "ours.tar", "app:1"]).ok();
        let ours = sandbox.path("ours.tar");
        podman.run(["import".as_ref(), "-q".as_ref(), ours.as_os_str(), "localhost/flat:1".as_ref()]);
        assert_eq!(
            podman.inspect("localhost/flat:1").1,
            [crate::harness::digest(&sandbox.read("ours.tar"))],
            "{what}"
        );
        let mount = podman.run(["image", "mount", "localhost/flat:1"]).out();
        let theirs = Tree::of_dir(Path::new(mount.trim()));
        let ours = Tree::of_tar(&sandbox.read("ours.tar"));
        no_differences(&format!("podman, {what}"), &umoci_differences(&ours, theirs));
        podman.run(["image", "umount", "localhost/flat:1"]);
        podman.run(["rmi", "-f", "localhost/flat:1"]);
    }
}

/// What each tool prints about an archive, which it lists without a word of doubt.
#[test]
fn tar_tools_list_and_unpack_what_larder_exports_without_a_warning() {
    let test = "tar_tools_list_and_unpack_what_larder_exports_without_a_warning";
    if !peers::are_here(test, &["tar", "python3"]) {
        return;
    }
    let bsdtar = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|dir| dir.join("bsdtar").is_file());
    if !bsdtar {
        skip(test, "no bsdtar, which is looked at where it is");
    }
    let python =
        "import sys, tarfile\nwith tarfile.open(sys.argv[1], errorlevel=2) as tar: tar.list(verbose=False)";
    for (what, sandbox) in exported() {
        sandbox.run(["export", "-o", "ours.tar", "app:1"]).ok();
        let ours = Tree::of_tar(&sandbox.read("ours.tar"));
        let run = |tool: &str, args: &[&str]| {
            let mut command = peers::tool(tool);
            command.args(args).current_dir(sandbox.path("")).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
            command.env("PYTHONIOENCODING", "utf-8:surrogateescape");
            let ran = child::run(command, Feed::Nothing).ok();
            assert!(ran.stderr.is_empty(), "{what}: {ran}");
            ran.stdout.iter().filter(|byte| **byte == b'\n').count()
        };
        let lines = ours.0.len();
        assert_eq!(run("tar", &["-tf", "ours.tar"]), lines, "{what}");
        run("tar", &["-tvf", "ours.tar"]);
        assert!(run("python3", &["-W", "error", "-c", python, "ours.tar"]) >= lines, "{what}");
        if bsdtar {
            assert_eq!(run("bsdtar", &["-tf", "ours.tar"]), lines, "{what}");
        }
        if is_root() {
            std::fs::create_dir(sandbox.path("unpacked")).expect("the sandbox can be written");
            let keep = [
                "--warning=no-timestamp",
                "--xattrs",
                "--xattrs-include=*",
                "--numeric-owner",
                "--same-owner",
                "-p",
            ];
            run("tar", &[&["-xf", "ours.tar", "-C", "unpacked"], &keep[..]].concat());
            let theirs = Tree::of_dir(&sandbox.path("unpacked"));
            no_differences(&format!("GNU tar, {what}"), &umoci_differences(&ours, theirs));
        }
    }
}
