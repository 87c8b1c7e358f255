//! The tools that larder is measured beside. Each keeps what it has in a
//! directory of its own and is run as its users would run it.

mod engines;
mod larder;
mod others;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use engines::{Docker, Podman, Skopeo};
pub use larder::Larder;
pub use others::{Borg, Casync, Cp, Restic, Zstd};

use crate::measure::Line;

/// An archive of the corpus.
#[derive(Debug, Clone)]
pub struct Archive {
    pub path: PathBuf,
    /// What the peer calls it, such as `app-1.0.0`.
    pub name: String,
    /// The images in it.
    pub images: Vec<String>,
}

impl Archive {
    /// The archive `name` of a corpus.
    pub fn of(corpus: &Path, name: &str, images: &[&str]) -> Self {
        let path = corpus.join(format!("{name}.tar"));
        Self { path, name: name.into(), images: images.iter().map(|image| (*image).into()).collect() }
    }
}

/// A tool. What it cannot do is `None`.
///
/// The first four work on an empty store; the others on one that has the archives
/// `app-1.0.0` and `app-1.1.0`, and nothing else.
pub trait Peer {
    fn name(&self) -> &'static str;

    fn version(&self) -> String;

    /// What it has made durable when it returns, as far as it is known.
    fn durability(&self) -> &'static str;

    /// An empty store. Not measured.
    fn empty(&mut self);

    /// Where what it has lies on disk.
    fn store(&self) -> PathBuf;

    /// Takes an archive in.
    fn load(&self, archive: &Archive) -> Option<Line>;

    /// Takes in an archive that comes from a pipe.
    fn load_piped(&self, _archive: &Archive) -> Option<Line> {
        None
    }

    /// Takes in an OCI layout in a tar, its layers compressed by gzip.
    fn load_oci(&self, _archive: &Archive) -> Option<Line> {
        None
    }

    /// Makes an image of a tar of files.
    fn import(&self, _tar: &Path) -> Option<Line> {
        None
    }

    /// Whether [`Peer::load`] again has anything to do.
    fn keeps(&self) -> bool {
        true
    }

    /// Gives an archive back, in the new directory `out`.
    fn save(&self, _archive: &Archive, _out: &Path) -> Option<Line> {
        None
    }

    /// Gives an archive back, to standard output.
    fn save_piped(&self, _archive: &Archive) -> Option<Line> {
        None
    }

    /// Makes a container of an image.
    fn create(&self, _image: &str, _name: &str) -> Option<Line> {
        None
    }

    /// Writes the files of the container `box`, which [`Peer::create`] made, or
    /// of the image, to the file `out`.
    fn export(&self, _image: &str, _out: &Path) -> Option<Line> {
        None
    }

    /// Lists the images.
    fn images(&self) -> Option<Line> {
        None
    }

    /// Removes containers. Not measured.
    fn remove_containers(&self) {}

    /// Removes one archive of two, and gives its space back.
    fn remove(&self, _gone: &Archive, _stays: &Archive) -> Option<Line> {
        None
    }

    /// Reads all it has and checks it.
    fn verify(&self) -> Option<Line> {
        None
    }

    /// Makes what it has smaller, at leisure.
    fn optimize(&self) -> Option<Line> {
        None
    }

    /// The daemon that does the work, if one does.
    fn engine(&self) -> Option<u32> {
        None
    }
}

/// An empty directory at `path`, whatever was there.
fn anew(path: &Path) {
    if path.exists() {
        fs::remove_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    fs::create_dir_all(path).expect("a directory");
}

/// Whether `program` is on the path.
pub fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}
