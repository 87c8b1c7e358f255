//! A place of its own for each test: a directory, a store in it, and larder run there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::child::{self, Feed, Ran, Running};
use super::listing::{Listing, disk_bytes};
use super::tools;

pub struct Sandbox {
    dir: TempDir,
    store: PathBuf,
    /// What is mounted over `/sys/fs/cgroup` for larder alone; nothing if empty.
    cgroups: &'static str,
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { store: dir.path().join("store"), dir, cgroups: "" }
    }

    /// The same sandbox, in which larder sees a file system of this kind at `/sys/fs/cgroup`, and
    /// nothing below it: with `cgroup2` it is on a machine of cgroups of version 2 only.
    pub fn with_cgroups(self, cgroups: &'static str) -> Self {
        Self { cgroups, ..self }
    }

    /// The same sandbox, its store in another of its directories.
    pub fn with_store_in(self, name: &str) -> Self {
        Self { store: self.path(name), ..self }
    }

    /// A path in the sandbox, which is also where larder runs.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Writes a file into the sandbox.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("the sandbox can be written");
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
    }

    /// larder with these arguments, ready to start. Nothing of the user's environment
    /// reaches it, and a temporary file outside the store cannot be made: `TMPDIR` is
    /// nowhere.
    pub fn larder<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let program = env!("CARGO_BIN_EXE_larder");
        let mut command = match self.cgroups {
            "" => Command::new(program),
            cgroups => {
                let [mount, umount] = ["mount", "umount"].map(tools::tool);
                let script = format!(
                    "{} -R /sys/fs/cgroup; {} -t {cgroups} none /sys/fs/cgroup && exec \"$@\"",
                    umount.get_program().display(),
                    mount.get_program().display(),
                );
                let mut command = tools::tool("unshare");
                command.args(["-m", "/bin/sh", "-c", &script, "sh", program]);
                command
            }
        };
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("LARDER_STORE", &self.store).env("HOME", self.dir.path());
        command.env("TMPDIR", self.path("there-is-no-tmp")).env("PATH", "/nowhere");
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        child::run(self.larder(args), Feed::Nothing)
    }

    pub fn run_fed<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, feed: Feed) -> Ran {
        child::run(self.larder(args), feed)
    }

    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, feed: Feed) -> Running {
        child::start(self.larder(args), feed)
    }

    /// Loads an archive through a pipe.
    pub fn load(&self, archive: &[u8]) -> Ran {
        self.run_fed(["load"], Feed::Bytes(archive.to_vec()))
    }

    /// Loads an archive from a file.
    pub fn load_file(&self, archive: &[u8]) -> Ran {
        self.write("archive", archive);
        self.run(["load", "-i", "archive"])
    }

    /// What `save` writes to standard output.
    pub fn save<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Vec<u8> {
        let mut command = self.larder(["save"]);
        command.args(args);
        child::run(command, Feed::Nothing).ok().stdout
    }

    /// The one object that `inspect` gives for a name.
    #[track_caller]
    pub fn inspect(&self, name: &str) -> Value {
        let found = self.run(["image", "inspect", name]).ok().json();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        found[0].clone()
    }

    /// The image ID that a name has.
    #[track_caller]
    pub fn id(&self, name: &str) -> String {
        self.inspect(name)["Id"].as_str().expect("Id is a string").to_owned()
    }

    /// The names that `images` shows, `repository:tag`, in its order.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        let ran = self.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
        ran.out().lines().map(str::to_owned).collect()
    }

    /// `fsck --verify` must find nothing.
    #[track_caller]
    pub fn is_clean(&self) {
        self.run(["fsck", "--verify"]).ok();
    }

    pub fn listing(&self) -> Listing {
        Listing::of(&self.store)
    }

    /// What the store takes on disk, as `du` counts.
    pub fn disk_bytes(&self) -> u64 {
        disk_bytes(&self.store)
    }

    /// What larder keeps of images and of its commits. The catalog is a view of it that
    /// any command may bring up to date, and the lock holds nothing.
    pub fn truth(&self) -> Listing {
        self.listing().but(&["catalog", "lock"])
    }
}

/// Whether what this process does is not held back by permissions.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
