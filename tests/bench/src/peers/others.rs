//! What knows nothing of images: an archive is a file to it.

use std::path::{Path, PathBuf};

use super::{Archive, Peer, anew};
use crate::machine::said;
use crate::measure::Line;

pub struct Restic {
    pub dir: PathBuf,
}

impl Restic {
    fn line(&self, words: &str) -> Line {
        let dir = self.dir.display();
        Line::of(format!(
            "env RESTIC_PASSWORD=larder restic -q -r {dir}/repository --cache-dir {dir}/cache {words}"
        ))
    }
}

impl Peer for Restic {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn version(&self) -> String {
        said("restic version").split(" compiled").next().unwrap_or_default().into()
    }

    fn durability(&self) -> &'static str {
        "each file of its repository is synced; it encrypts too, which cannot be turned off"
    }

    fn empty(&mut self) {
        anew(&self.dir);
        self.line("init").done();
    }

    fn store(&self) -> PathBuf {
        self.dir.join("repository")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("backup --tag {} {}", archive.name, archive.path.display())))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line("backup --stdin").fed(&archive.path))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        Some(self.line(&format!("restore latest --tag {} --target {}", archive.name, out.display())))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        let line = format!("dump --tag {} latest {}", archive.name, archive.path.display());
        Some(self.line(&line).drained())
    }

    fn remove(&self, _gone: &Archive, stays: &Archive) -> Option<Line> {
        Some(self.line(&format!("forget --keep-tag {} --group-by host --prune", stays.name)))
    }

    fn verify(&self) -> Option<Line> {
        Some(self.line("check --read-data"))
    }
}

pub struct Borg {
    pub dir: PathBuf,
}

impl Borg {
    fn text(&self, words: &str) -> String {
        let dir = self.dir.display();
        let unattended =
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes";
        format!("env BORG_BASE_DIR={dir}/base BORG_REPO={dir}/repository {unattended} borg {words}")
    }

    fn line(&self, words: &str) -> Line {
        Line::of(self.text(words))
    }
}

impl Peer for Borg {
    fn name(&self) -> &'static str {
        "borg"
    }

    fn version(&self) -> String {
        said("borg --version")
    }

    fn durability(&self) -> &'static str {
        "each segment is synced; zstd 3, no encryption"
    }

    fn empty(&mut self) {
        anew(&self.dir);
        self.line("init -e none").done();
    }

    fn store(&self) -> PathBuf {
        self.dir.join("repository")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        // An archive's name is taken once: the second of a name gets the time as well.
        let line = format!("create -C zstd,3 ::{}-{{now:%s%f}} {}", archive.name, archive.path.display());
        Some(self.line(&line))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line("create -C zstd,3 ::piped -").fed(&archive.path))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        let name = self.archive_of(archive)?;
        Some(self.line(&format!("extract ::{name}")).within(out))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        let name = self.archive_of(archive)?;
        Some(self.line(&format!("extract --stdout ::{name}")).drained())
    }

    fn remove(&self, gone: &Archive, _stays: &Archive) -> Option<Line> {
        let name = self.archive_of(gone)?;
        Some(Line::of(format!("{} && {}", self.text(&format!("delete ::{name}")), self.text("compact"))))
    }

    fn verify(&self) -> Option<Line> {
        Some(self.line("check --verify-data"))
    }
}

impl Borg {
    fn archive_of(&self, archive: &Archive) -> Option<String> {
        let name = said(&self.text(&format!("list --short -P {}-", archive.name)));
        Some(name).filter(|name| !name.is_empty())
    }
}

pub struct Casync {
    pub dir: PathBuf,
}

impl Casync {
    fn index(&self, archive: &Archive) -> PathBuf {
        self.dir.join(format!("store/{}.caibx", archive.name))
    }

    fn line(&self, words: &str) -> Line {
        Line::of(format!("casync --store {}/store/default.castr {words}", self.dir.display()))
    }
}

impl Peer for Casync {
    fn name(&self) -> &'static str {
        "casync"
    }

    fn version(&self) -> String {
        said("casync --version")
    }

    fn durability(&self) -> &'static str {
        "nothing"
    }

    fn empty(&mut self) {
        anew(&self.dir);
        anew(&self.store());
    }

    fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("make {} {}", self.index(archive).display(), archive.path.display())))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        Some(self.line(&format!("extract {} {}/saved.tar", self.index(archive).display(), out.display())))
    }

    fn remove(&self, gone: &Archive, stays: &Archive) -> Option<Line> {
        let line = self.line(&format!("gc {}", self.index(stays).display()));
        Some(Line::of(format!("rm {} && {}", self.index(gone).display(), line.text)))
    }
}

pub struct Zstd {
    pub dir: PathBuf,
}

impl Zstd {
    fn file(&self, archive: &Archive) -> PathBuf {
        self.dir.join(format!("{}.zst", archive.name))
    }
}

impl Peer for Zstd {
    fn name(&self) -> &'static str {
        "zstd -1"
    }

    fn version(&self) -> String {
        let said = said("zstd --version");
        let version = said.split_whitespace().find_map(|word| word.strip_prefix('v'));
        version.unwrap_or_default().trim_end_matches(',').into()
    }

    fn durability(&self) -> &'static str {
        "nothing"
    }

    fn empty(&mut self) {
        anew(&self.dir);
    }

    fn store(&self) -> PathBuf {
        self.dir.clone()
    }

    fn keeps(&self) -> bool {
        false
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(Line::of(format!(
            "zstd -q -1 -T0 {} -o {}",
            archive.path.display(),
            self.file(archive).display()
        )))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(Line::of(format!("zstd -q -1 -T0 -o {}", self.file(archive).display())).fed(&archive.path))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        Some(Line::of(format!("zstd -q -d {} -o {}/saved.tar", self.file(archive).display(), out.display())))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        Some(Line::of(format!("zstd -q -d -c {}", self.file(archive).display())).drained())
    }

    fn verify(&self) -> Option<Line> {
        Some(Line::of(format!("zstd -q -t -r {}", self.dir.display())))
    }
}

pub struct Cp {
    pub dir: PathBuf,
}

impl Peer for Cp {
    fn name(&self) -> &'static str {
        "cp"
    }

    fn version(&self) -> String {
        said("cp --version").split_whitespace().last().unwrap_or_default().into()
    }

    fn durability(&self) -> &'static str {
        "nothing"
    }

    fn empty(&mut self) {
        anew(&self.dir);
    }

    fn store(&self) -> PathBuf {
        self.dir.clone()
    }

    fn keeps(&self) -> bool {
        false
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(Line::of(format!("cp {} {}", archive.path.display(), self.dir.display())))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(
            Line::of(format!("dd status=none bs=1M iflag=fullblock of={}/piped", self.dir.display()))
                .fed(&archive.path),
        )
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        let file = self.dir.join(archive.path.file_name()?);
        Some(Line::of(format!("cp {} {}", file.display(), out.display())))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        let file = self.dir.join(archive.path.file_name()?);
        Some(Line::of(format!("cat {}", file.display())).drained())
    }
}
