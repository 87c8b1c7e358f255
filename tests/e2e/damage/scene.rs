//! The store that is damaged: two loads, a container, an earlier state of it and another store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::commands::{Act, IMAGES};
use crate::harness::child::Feed;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::{self, Entry};

/// What a sound store says to a command, and to those that look at what it did.
pub type Answers = Vec<Vec<u8>>;

pub struct Scene {
    /// As it is, as it was, and another one.
    pub now: PathBuf,
    pub earlier: PathBuf,
    pub other: PathBuf,
    /// What each command says, in the order of [`super::commands::all`].
    pub answers: Vec<Answers>,
    /// What each image of the store is saved as.
    pub saved: BTreeMap<&'static str, Vec<u8>>,
    /// What the container is exported as.
    pub exported: Vec<u8>,
    /// The images that need a pack.
    pub needs: BTreeMap<PathBuf, BTreeSet<&'static str>>,
    /// Where the stores lie, and the files that commands read.
    home: Sandbox,
}

impl Scene {
    pub fn new(acts: &[Act]) -> Self {
        let home = Sandbox::new();
        let other = home.path("other");
        let kept = Image::small("kept:1");
        home.load(&layouts::docker25(std::slice::from_ref(&kept)).tar()).ok();
        fs::rename(home.store(), &other).expect("the sandbox can be written");

        let files = (0..40).fold(Layer::new(), |layer, at| {
            layer
                .file(&format!("file-{at}"), noise(at, 500))
                .file(&format!("text-{at}"), format!("text {at}\n").repeat(50))
        });
        let app = |name: &str, own: u64| {
            Image::new(&[name], vec![files.clone(), Layer::new().file("own", noise(own, 3000))])
        };
        home.load(&layouts::docker24(&[app("app:1", 101)]).tar()).ok();
        home.load(&layouts::docker25(&[kept]).tar()).ok();
        let earlier = home.path("earlier");
        copy(home.store(), &earlier);
        home.load(&layouts::docker25(&[app("app:2", 102)]).tar()).ok();
        home.run(["create", "--name", "box", "app:1", "true"]).ok();
        // An attribute that a link cannot have is kept beside the files.
        let changes = [
            Entry::file("written", "by hand\n"),
            Entry::file("file-3", noise(7, 400)),
            Entry::symlink("link", "written").xattr("user.note", "kept"),
        ];
        home.run_fed(["cp", "-a", "-", "box:/"], Feed::Bytes(tarball::tar(&changes))).ok();
        home.write("next.tar", layouts::docker25(&[app("next:1", 103)]).tar());
        home.write("flat.tar", files.tar());
        home.write("note", "a file to copy\n");

        let now = home.store().to_owned();
        let mut scene = Self {
            now,
            earlier,
            other,
            answers: Vec::new(),
            saved: BTreeMap::new(),
            exported: Vec::new(),
            needs: BTreeMap::new(),
            home,
        };
        for image in IMAGES {
            scene.saved.insert(image, scene.home.save([image]));
        }
        scene.exported = scene.cell().run(["export", "box"]).ok().stdout;
        for act in acts {
            let cell = scene.cell();
            let answers = act.steps().map(|step| cell.run(step).ok().stdout).collect();
            scene.answers.push(answers);
        }
        for pack in files_under(&scene.now, "packs") {
            let cell = scene.cell();
            fs::remove_file(cell.store().join(&pack)).expect("ours");
            let needing = IMAGES
                .into_iter()
                .filter(|image| cell.run(["save", "-o", "/dev/null", image]).code != Some(0));
            let needing = needing.collect();
            scene.needs.insert(pack, needing);
        }
        scene
    }

    /// A copy of the store, and of the files that commands read.
    pub fn cell(&self) -> Sandbox {
        let cell = Sandbox::new();
        copy(&self.now, cell.store());
        for name in ["next.tar", "flat.tar", "note"] {
            fs::hard_link(self.home.path(name), cell.path(name)).expect("one file system");
        }
        cell
    }

    /// The files of the store, relative to it.
    pub fn files(&self) -> Vec<PathBuf> {
        files_under(&self.now, "")
    }
}

/// Copies a file or a tree with everything that a file system says of it.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp is there").success(), "cp -a {} {}", from.display(), to.display());
}

/// The regular files below a directory of the store `store`.
pub fn files_under(store: &Path, dir: &str) -> Vec<PathBuf> {
    let listing = crate::harness::listing::Listing::of(store);
    let files = listing.0.into_iter().filter(|(path, seen)| seen.content.is_some() && path.starts_with(dir));
    files.map(|(path, _)| path).collect()
}
