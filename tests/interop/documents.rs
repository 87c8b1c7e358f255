//! Every command block of the README and of the book is typed as it stands.
//!
//! | fence | what is done with it |
//! |---|---|
//! | `sh` | run by bash with `set -euo pipefail`; a block is one script |
//! | `console` | run command by command (`$ …`); each must print what stands below it, `...` being any lines |
//! | `text`, `toml`, `json`, `ini` | no commands |
//!
//! A page's blocks run in order, in a directory and with a store of the page's own. They find
//! what the prose presumes, and nothing of the user's; see [`Place`].

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::document::{self, Block};
use crate::harness::image::Image;
use crate::harness::layouts::Oci;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::tests_dir;
use crate::peers::{Docker, Podman, are_here, not_possible, tool};

const COMMANDS: [&str; 2] = ["sh", "console"];
const NO_COMMANDS: [&str; 4] = ["text", "toml", "json", "ini"];

/// Blocks that begin with these words are not run, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("cargo", "builds larder anew, which takes minutes; the gate itself builds and tests"),
    ("mdbook", "is not among what the gate installs"),
    ("apt", "changes the machine"),
];

/// Tools that a page may use and that may be missing.
const TOOLS: [&str; 6] = ["docker", "podman", "skopeo", "umoci", "rsync", "flock"];

/// What runs in `app:1`: says that it is ready, and ends when it is asked to.
const SERVER: &str = r#"CMD ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"]"#;

fn root() -> PathBuf {
    tests_dir("..")
}

/// The README and the pages of the book, by name.
fn pages() -> Vec<(String, String)> {
    let dir = fs::read_dir(root().join("docs")).expect("docs/");
    let mut names: Vec<_> = dir
        .filter_map(|entry| entry.expect("docs/ can be read").file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.push("README.md".to_owned());
    names.sort();
    names
        .into_iter()
        .map(|name| (name.clone(), fs::read_to_string(root().join(&name)).expect("a page")))
        .collect()
}

/// The blocks of a page that are to be run.
fn to_run(page: &str) -> Vec<Block> {
    let blocks = document::blocks(page).into_iter().filter(|block| COMMANDS.contains(&&*block.fence));
    let first =
        |block: &Block| block.lines.iter().flat_map(|line| line.split_whitespace()).next().map(str::to_owned);
    blocks.filter(|block| !LEFT_OUT.iter().any(|(word, _)| first(block).as_deref() == Some(word))).collect()
}

/// Whether one of the blocks has this word in it.
fn uses(blocks: &[Block], word: &str) -> bool {
    let is_in_word = |c: char| c.is_alphanumeric() || "-_.:/".contains(c);
    blocks.iter().flat_map(|block| &block.lines).any(|line| line.split(|c| !is_in_word(c)).any(|w| w == word))
}

/// What a page finds:
/// - in larder's store, in a Docker engine and in podman, each of this test alone: the images
///   `app:1`, `app:2` and `busybox`;
/// - in the working directory: `site/`, an OCI layout of two platforms in `layout/`, and of the
///   repository `README.md` and `tests/data/greeter.tar`;
/// - `ssh HOST COMMAND`, which runs the command here, with another store: the other host's;
/// - `/tmp/`, which is a directory of this page.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new(images: &[u8], docker: Option<&Docker>, podman: Option<&Podman>) -> Self {
        let place = Self { sandbox: Sandbox::new() };
        let path = |name: &str| place.sandbox.path(name);
        for dir in ["page/site", "page/tests/data", "home", "tmp", "bin"] {
            fs::create_dir_all(path(dir)).expect("the sandbox can be written");
        }
        place.sandbox.write("page/site/index.html", "<p>hello\n");
        for file in ["README.md", "tests/data/greeter.tar"] {
            fs::copy(root().join(file), path("page").join(file)).expect("a file of the repository");
        }
        layout().write_dir(&path("page/layout"));
        place.sandbox.load(images).ok();
        symlink(env!("CARGO_BIN_EXE_larder"), path("bin/larder")).expect("a symlink");
        let elsewhere = path("elsewhere").display().to_string();
        place.program("ssh", &format!("shift\nLARDER_STORE={} exec sh -c \"$*\"", quoted(&elsewhere)));
        if let Some(docker) = docker {
            docker.load(images).ok();
            place.program("docker", &wrapper(&docker.command::<&str>([])));
        }
        if let Some(podman) = podman {
            podman.load(images);
            place.program("podman", &wrapper(&podman.command::<&str>([])));
        }
        place
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.sandbox.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the sandbox can be written");
    }

    fn shell(&self, script: &str) -> Command {
        let path = |name: &str| self.sandbox.path(name).display().to_string();
        let mut shell = tool("bash");
        shell.args(["-c", script]);
        shell.current_dir(path("page")).env_clear().env("LARDER_STORE", self.sandbox.store());
        shell.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", path("bin")));
        shell.env("HOME", path("home")).env("TMPDIR", path("tmp"));
        shell
    }

    /// Ends what the page left running, so that the directory can go.
    fn leave(&self) {
        for store in [self.sandbox.store().to_owned(), self.sandbox.path("elsewhere")] {
            let mut larder = self.sandbox.larder(["ps", "-aq"]);
            larder.env("LARDER_STORE", &store);
            for id in child::run(larder, Feed::Nothing).out().lines() {
                let mut larder = self.sandbox.larder(["rm", "-f", id]);
                larder.env("LARDER_STORE", &store);
                child::run(larder, Feed::Nothing).ok();
            }
        }
    }
}

/// A script that is a command with its environment, to be given more arguments.
fn wrapper(command: &Command) -> String {
    let text = |text: &std::ffi::OsStr| quoted(&text.to_string_lossy());
    let set = command.get_envs().filter_map(|(name, value)| Some((name.to_string_lossy(), text(value?))));
    let set: String = set.map(|(name, value)| format!("export {name}={value}\n")).collect();
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(text).collect();
    format!("{set}exec {} \"$@\"", words.join(" "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// An image for two platforms.
fn layout() -> crate::harness::archive::Archive {
    let image = Image::small("multi:1");
    let other = Image::small("multi:1-arm").with(|config| config["architecture"] = "arm64".into());
    let mut oci = Oci::default();
    let children = [oci.manifest(&image, Codec::Gzip), oci.manifest(&other, Codec::Gzip)];
    let index = oci.index(&children);
    oci.name_as_docker(&index, &image);
    oci.archive()
}

/// `app:1`, `app:2` and `busybox`, as `larder save` writes them: a file system of the real
/// busybox, which runs; what the images add are layers of their own.
fn images() -> Vec<u8> {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("rootfs/bin");
    for dir in ["rootfs/bin", "rootfs/etc", "rootfs/srv", "rootfs/tmp"] {
        fs::create_dir_all(sandbox.path(dir)).expect("the sandbox can be written");
    }
    fs::copy("/bin/busybox", bin.join("busybox")).expect("a static busybox");
    let names = crate::peers::run("busybox", ["--list"]).out();
    for name in names.lines().filter(|name| *name != "busybox") {
        symlink("busybox", bin.join(name)).expect("a symlink");
    }
    let larder = |args: &[&str]| sandbox.run(args).ok();
    larder(&["import", "-c", r#"CMD ["sh"]"#, "rootfs", "busybox"]);
    for (name, base) in [("app:1", "busybox"), ("app:2", "app:1")] {
        larder(&["create", "--name", "box", base]);
        sandbox.write("os-release", format!("NAME={name}\n"));
        larder(&["cp", "os-release", "box:/etc/os-release"]);
        larder(&["commit", "-c", SERVER, "box", name]);
        larder(&["rm", "box"]);
    }
    sandbox.save(["app:1", "app:2", "busybox"])
}

#[test]
fn every_command_of_the_book_works_as_it_stands() {
    let test = "every_command_of_the_book_works_as_it_stands";
    if !are_here(test, &["bash", "busybox"]) {
        return;
    }
    let images = images();
    let mut wrong = Vec::new();
    for (name, page) in pages() {
        let blocks = to_run(&page);
        let what = format!("{test}, {name}");
        let needed: Vec<_> = TOOLS.into_iter().filter(|tool| uses(&blocks, tool)).collect();
        let is_possible = blocks.is_empty()
            || are_here(&what, &needed)
                && (is_root() || !uses(&blocks, "run") || not_possible(&what, "containers run as root only"));
        // What is not possible was said, and is a failure where peers are required.
        let docker = is_possible && needed.contains(&"docker");
        let docker = docker.then(|| Docker::own(&what));
        let podman = is_possible && needed.contains(&"podman");
        let podman = podman.then(|| Podman::new(&what));
        if !is_possible || matches!(docker, Some(None)) || matches!(podman, Some(None)) {
            continue;
        }
        let (docker, podman) = (docker.flatten(), podman.flatten());
        let place = Place::new(&images, docker.as_ref(), podman.as_ref());
        for (at, block) in blocks.iter().enumerate() {
            if let Err(why) = block.check(|script| place.shell(script)) {
                let rest: Vec<_> = blocks[at + 1..].iter().map(|block| block.line).collect();
                wrong.push(format!("{name}:{}: {why}\nnot run after it: {rest:?}", block.line));
                break;
            }
        }
        place.leave();
    }
    assert!(wrong.is_empty(), "{} pages are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn every_block_says_whether_it_is_run() {
    for (name, page) in pages() {
        for Block { line, fence, .. } in document::blocks(&page) {
            let is_known = COMMANDS.contains(&&*fence) || NO_COMMANDS.contains(&&*fence);
            assert!(is_known, "{name}:{line}: what is a block of {fence:?}?");
        }
    }
}

/// mdbook leaves out a page that the summary does not name, and says nothing.
#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let pages = pages();
    let (_, summary) = pages.iter().find(|(name, _)| name == "docs/SUMMARY.md").expect("a summary");
    for (name, page) in &pages {
        let file = name.trim_start_matches("docs/");
        let is_listed = summary.contains(&format!("]({file})"));
        assert!(is_listed || ["README.md", "SUMMARY.md"].contains(&file), "{name} is not in the summary");
        let dir = root().join(name);
        let dir = dir.parent().unwrap_or(Path::new(""));
        for link in page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_there = link.is_empty() || link.contains("://") || dir.join(link).exists();
            assert!(is_there, "{name}: there is no {link}");
        }
    }
}
