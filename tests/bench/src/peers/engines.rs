//! Docker, podman and skopeo.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use super::{Archive, Peer, anew};
use crate::machine::said;
use crate::measure::Line;

/// An engine of its own, on a socket of its own; it ends with this value.
pub struct Docker {
    dir: PathBuf,
    engine: Child,
}

impl Docker {
    /// Starts an engine that keeps what it has in `dir`.
    pub fn start(dir: PathBuf) -> Self {
        anew(&dir);
        let log = fs::File::create(dir.join("log")).expect("a file");
        let engine = Command::new("dockerd")
            .args(["--iptables=false", "--bridge=none", "--storage-driver=overlay2", "--data-root"])
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"))
            .arg("--host")
            .arg(format!("unix://{}/socket", dir.display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd");
        let docker = Self { dir, engine };
        for _ in 0..120 {
            if !said(&docker.text("version --format {{.Server.Version}}")).is_empty() {
                return docker;
            }
            thread::sleep(Duration::from_millis(500));
        }
        panic!(
            "the engine does not answer: {}",
            fs::read_to_string(docker.dir.join("log")).unwrap_or_default()
        );
    }

    fn text(&self, words: &str) -> String {
        format!("docker --host unix://{}/socket {words}", self.dir.display())
    }

    fn line(&self, words: &str) -> Line {
        Line::of(self.text(words))
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.engine.id().to_string()).status();
        let _ = self.engine.wait();
        let _ =
            Command::new("umount").arg(self.dir.join("exec/netns/default")).stderr(Stdio::null()).status();
    }
}

impl Peer for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn version(&self) -> String {
        said(&self.text("version --format {{.Server.Version}}"))
    }

    fn durability(&self) -> &'static str {
        "its database; the files of layers are left to the system"
    }

    fn empty(&mut self) {
        let text = self.text("system prune -a -f --volumes");
        Line::of(text).done();
        let images = Command::new("sh").arg("-c").arg(self.text("images -aq")).output().expect("docker");
        let ids: Vec<_> = String::from_utf8_lossy(&images.stdout).lines().map(str::to_owned).collect();
        if !ids.is_empty() {
            self.line(&format!("rmi -f {}", ids.join(" "))).done();
        }
    }

    fn store(&self) -> PathBuf {
        self.dir.join("data/overlay2")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("load -q -i {}", archive.path.display())))
    }

    fn load_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line("load -q").fed(&archive.path))
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

    fn export(&self, _image: &str, out: &Path) -> Option<Line> {
        Some(self.line(&format!("export -o {} box", out.display())))
    }

    fn images(&self) -> Option<Line> {
        Some(self.line("images").drained())
    }

    fn remove_containers(&self) {
        self.line("rm box").done();
    }

    fn remove(&self, gone: &Archive, _stays: &Archive) -> Option<Line> {
        Some(self.line(&format!("rmi {}", gone.images.join(" "))))
    }

    fn engine(&self) -> Option<u32> {
        Some(self.engine.id())
    }
}

/// podman, with a storage of its own.
pub struct Podman {
    pub dir: PathBuf,
}

impl Podman {
    fn line(&self, words: &str) -> Line {
        let dir = self.dir.display();
        Line::of(format!(
            "podman --root {dir}/root --runroot {dir}/run --storage-driver overlay --cgroup-manager cgroupfs \
             --events-backend none {words}"
        ))
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.dir.join("root/overlay")).stderr(Stdio::null()).status();
    }
}

impl Peer for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn version(&self) -> String {
        said("podman --version").replace("podman version ", "")
    }

    fn durability(&self) -> &'static str {
        "its lists; the files of layers are left to the system"
    }

    fn empty(&mut self) {
        let _ = Command::new("umount").arg(self.dir.join("root/overlay")).stderr(Stdio::null()).status();
        anew(&self.dir);
    }

    fn store(&self) -> PathBuf {
        self.dir.join("root")
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
        Some(self.line(&format!("import -q {} flat:1", tar.display())))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        Some(self.line(&format!("save -q -o {}/saved.tar {}", out.display(), archive.images.join(" "))))
    }

    fn save_piped(&self, archive: &Archive) -> Option<Line> {
        Some(self.line(&format!("save -q {}", archive.images.join(" "))).drained())
    }

    fn create(&self, image: &str, name: &str) -> Option<Line> {
        Some(self.line(&format!("create --network none --name {name} {image}")))
    }

    fn export(&self, _image: &str, out: &Path) -> Option<Line> {
        Some(self.line(&format!("export -o {} box", out.display())))
    }

    fn images(&self) -> Option<Line> {
        Some(self.line("images").drained())
    }

    fn remove_containers(&self) {
        self.line("rm box").done();
    }

    fn remove(&self, gone: &Archive, _stays: &Archive) -> Option<Line> {
        Some(self.line(&format!("rmi {}", gone.images.join(" "))))
    }
}

/// skopeo, into an OCI layout in a directory, which is how it keeps layers once.
pub struct Skopeo {
    pub dir: PathBuf,
}

impl Skopeo {
    fn copy(&self, from: &str, archive: &Archive) -> Line {
        let copies = archive.images.iter().map(|image| {
            let tag = image.replace(':', "-");
            let reference = if from == "oci-archive" { String::new() } else { format!(":{image}") };
            let path = archive.path.display();
            format!("skopeo copy -q {from}:{path}{reference} oci:{}:{tag}", self.store().display())
        });
        Line::of(copies.collect::<Vec<_>>().join(" && "))
    }
}

impl Peer for Skopeo {
    fn name(&self) -> &'static str {
        "skopeo"
    }

    fn version(&self) -> String {
        said("skopeo --version").replace("skopeo version ", "")
    }

    fn durability(&self) -> &'static str {
        "each blob is synced; layers are compressed by gzip, as it does by itself"
    }

    fn empty(&mut self) {
        anew(&self.dir);
    }

    fn store(&self) -> PathBuf {
        self.dir.join("layout")
    }

    fn load(&self, archive: &Archive) -> Option<Line> {
        Some(self.copy("docker-archive", archive))
    }

    fn load_oci(&self, archive: &Archive) -> Option<Line> {
        Some(self.copy("oci-archive", archive))
    }

    fn save(&self, archive: &Archive, out: &Path) -> Option<Line> {
        let [image] = &archive.images[..] else { return None };
        let tag = image.replace(':', "-");
        let from = format!("oci:{}:{tag}", self.store().display());
        Some(Line::of(format!("skopeo copy -q {from} docker-archive:{}/saved.tar:{image}", out.display())))
    }
}
