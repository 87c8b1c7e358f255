//! What is measured.

use std::path::{Path, PathBuf};

use super::{Archive, Peer, anew};
use crate::machine::said;
use crate::measure::Line;

pub struct Larder {
    pub program: PathBuf,
    pub dir: PathBuf,
}

impl Larder {
    fn line(&self, words: &str) -> Line {
        Line::of(self.text(words))
    }

    fn text(&self, words: &str) -> String {
        format!("{} --store {} {words}", self.program.display(), self.store().display())
    }
}

impl Peer for Larder {
    fn name(&self) -> &'static str {
        "larder"
    }

    fn version(&self) -> String {
        said(&format!("{} --version", self.program.display()))
    }

    fn durability(&self) -> &'static str {
        "everything: packs, index and directories are synced, then the commit; so is what it writes with `-o`"
    }

    fn empty(&mut self) {
        anew(&self.dir);
    }

    fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("load -q -i {}", archive.path.display())))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line("load -q").fed(&archive.path))
    }

    fn load_oci(&self, archive: &Archive) -> Option<Line> {
        self.load(archive)
    }

    fn import(&self, tar: &Path) -> Option<Line> {
        Some(self.line(&format!("import {} flat:1", tar.display())))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        Some(self.line(&format!("save -o {}/saved.tar {}", out.display(), archive.images.join(" "))))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("save {}", archive.images.join(" "))).drained())
    }

    fn create(&self, image: &str, name: &str) -> Option<Line> {
        Some(self.line(&format!("create --name {name} {image}")))
    }

    fn export(&self, image: &str, out: &Path) -> Option<Line> {
        Some(self.line(&format!("export -o {} {image}", out.display())))
    }

    fn images(&self) -> Option<Line> {
        Some(self.line("images").drained())
    }

    fn remove_containers(&self) {
        self.line("rm box").done();
    }

    fn remove(&self, gone: &Archive, _stays: &Archive) -> Option<Line> {
        Some(Line::of(format!(
            "{} && {}",
            self.text(&format!("rmi {}", gone.images.join(" "))),
            self.text("gc")
        )))
    }

    fn verify(&self) -> Option<Line> {
        Some(self.line("fsck --verify"))
    }

    fn optimize(&self) -> Option<Line> {
        Some(self.line("optimize -q"))
    }
}
