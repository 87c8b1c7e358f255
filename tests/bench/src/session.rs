//! One session: every work, every peer, in turn, as often as asked.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::generate;
use crate::machine;
use crate::measure::Line;
use crate::peers::{Archive, Borg, Casync, Cp, Docker, Larder, Peer, Podman, Restic, Skopeo, Zstd, is_there};
use crate::results::Sheet;
use crate::work;

/// The store that one question is put to.
const HUGE_IMAGES: u64 = 50_000;
const HUGE_CHUNKS: u64 = 10_000_000;

/// What is measured; all of it where nothing is named.
pub struct Choice {
    pub peers: Vec<String>,
    pub works: Vec<String>,
}

impl Choice {
    fn has_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| name.starts_with(peer.as_str()))
    }

    fn has_work(&self, name: &str) -> bool {
        self.works.is_empty() || self.works.iter().any(|work| work == name)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has_work(name))
    }
}

pub fn run(
    corpus: &Path,
    runs: RangeInclusive<u32>,
    larder: &Path,
    choice: Choice,
    note: Option<&str>,
    out: &Path,
) {
    let corpus = fs::canonicalize(corpus).expect("the corpus");
    let larder = if larder.components().count() > 1 {
        fs::canonicalize(larder).expect("larder")
    } else {
        larder.into()
    };
    let home = tempfile::tempdir().expect("a directory");
    let mut peers = peers(home.path(), &larder);
    peers.retain(|peer| choice.has_peer(peer.name()));
    let mut facts = machine::facts();
    facts.push(("runs".into(), runs.end().to_string()));
    facts.extend(note.map(|note| ("note".into(), note.to_owned())));
    for peer in &peers {
        facts.push((format!("version of {}", peer.name()), peer.version()));
        facts.push((format!("durable with {}", peer.name()), peer.durability().into()));
    }
    let files = Files::of(&corpus, &larder, home.path());
    for archive in [&files.all, &files.old, &files.new, &files.oci] {
        let bytes = fs::metadata(&archive.path).map_or(0, |found| found.len());
        facts.push((format!("bytes of {}.tar", archive.name), bytes.to_string()));
    }
    let sheet = if *runs.start() == 1 { Sheet::create(out, &facts) } else { Sheet::append(out) };
    let mut session = Session { sheet, files, out: home.path().join("out"), run: 0, choice };
    let many = session.choice.has_any(MANY).then(|| Many::made(home.path(), &larder));
    for run in runs.clone() {
        session.run = run;
        for peer in &mut peers {
            session.everything(&mut **peer);
        }
        for peer in &mut peers {
            session.versions(&mut **peer);
        }
        for peer in &mut peers {
            session.one(work::LOAD_PIPE, &mut **peer, |peer, files| peer.load_piped(&files.old));
        }
        for peer in &mut peers {
            session.one(work::LOAD_OCI, &mut **peer, |peer, files| peer.load_oci(&files.oci));
        }
        for peer in &mut peers {
            session.one(work::IMPORT, &mut **peer, |peer, files| peer.import(&files.rootfs));
        }
        if let Some(many) = &many {
            session.many(many);
        }
    }
    // Docker lists what it was given once: to give it is what takes long.
    for peer in peers.iter_mut().filter(|peer| peer.name() == "docker") {
        session.many_of_docker(&mut **peer, home.path(), runs.clone());
    }
}

fn peers(home: &Path, larder: &Path) -> Vec<Box<dyn Peer>> {
    let dir = |name: &str| home.join(name);
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(Larder { program: larder.into(), dir: dir("larder") })];
    let mut add = |program: &str, make: &dyn Fn() -> Box<dyn Peer>| match is_there(program) {
        true => peers.push(make()),
        false => eprintln!("SKIPPED: {program} is not on the path"),
    };
    add("dockerd", &|| Box::new(Docker::start(dir("docker"))));
    add("podman", &|| Box::new(Podman { dir: dir("podman") }));
    add("skopeo", &|| Box::new(Skopeo { dir: dir("skopeo") }));
    add("restic", &|| Box::new(Restic { dir: dir("restic") }));
    add("borg", &|| Box::new(Borg { dir: dir("borg") }));
    add("casync", &|| Box::new(Casync { dir: dir("casync") }));
    add("zstd", &|| Box::new(Zstd { dir: dir("zstd") }));
    add("cp", &|| Box::new(Cp { dir: dir("cp") }));
    peers
}

/// The corpus.
struct Files {
    all: Archive,
    old: Archive,
    new: Archive,
    oci: Archive,
    rootfs: PathBuf,
}

impl Files {
    fn of(corpus: &Path, larder: &Path, home: &Path) -> Self {
        let mut all = Archive::of(corpus, "all", &[]);
        // Which images are in it, one of us knows.
        let store = home.join("names");
        let line = |words: &str| format!("{} --store {} {words}", larder.display(), store.display());
        Line::of(line(&format!("load -q -i {}", all.path.display()))).done();
        let listed = std::process::Command::new("sh")
            .arg("-c")
            .arg(line("images --format '{{.Repository}}:{{.Tag}}'"))
            .output()
            .expect("larder");
        all.images = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect();
        fs::remove_dir_all(store).expect("a store");
        Self {
            all,
            old: Archive::of(corpus, "app-1.0.0", &["app:1.0.0"]),
            new: Archive::of(corpus, "app-1.1.0", &["app:1.1.0"]),
            oci: Archive::of(corpus, "app-1.0.0.oci", &["app:1.0.0"]),
            rootfs: corpus.join("rootfs.tar"),
        }
    }

    fn warm(&self) {
        for archive in [&self.all, &self.old, &self.new, &self.oci] {
            let mut file = fs::File::open(&archive.path).expect("the corpus");
            std::io::copy(&mut file, &mut std::io::sink()).expect("the corpus");
        }
    }
}

struct Session {
    sheet: Sheet,
    files: Files,
    out: PathBuf,
    run: u32,
    choice: Choice,
}

/// What is measured of a store that has everything.
const EVERYTHING: &[&str] =
    &[work::LOAD_ALL, work::LOAD_AGAIN, work::FSCK, work::SAVE_BEFORE, work::OPTIMIZE, work::SAVE_AFTER];

/// What is measured of a store that has two versions.
const VERSIONS: &[&str] =
    &[work::LOAD_NEXT, work::SAVE, work::SAVE_PIPE, work::CREATE, work::EXPORT, work::GC];

/// What is measured of stores that are made once.
const MANY: &[&str] = &[work::IMAGES_10, work::IMAGES_1000, work::IMAGES_50000, work::OPEN_HUGE];

impl Session {
    /// Measures one line, if the peer has one; whether it did what it should.
    fn measure(&mut self, work: &str, peer: &dyn Peer, line: Option<Line>, tell_disk: bool) -> bool {
        let Some(taken) = line.and_then(|line| line.measure(peer.engine())) else { return false };
        let disk = tell_disk.then(|| disk_bytes(&peer.store()));
        self.sheet.add(work, peer.name(), self.run, &taken, disk);
        true
    }

    /// An empty directory for what is given back.
    fn out(&self) -> PathBuf {
        let _ = fs::remove_dir_all(&self.out);
        fs::create_dir_all(&self.out).expect("a directory");
        self.out.clone()
    }

    fn one(&mut self, work: &str, peer: &mut dyn Peer, line: fn(&dyn Peer, &Files) -> Option<Line>) {
        if !self.choice.has_work(work) {
            return;
        }
        peer.empty();
        let line = line(peer, &self.files);
        self.measure(work, peer, line, true);
        peer.empty();
    }

    /// All of it, again, and its verification.
    fn everything(&mut self, peer: &mut dyn Peer) {
        if !self.choice.has_any(EVERYTHING) {
            return;
        }
        self.files.warm();
        peer.empty();
        let line = peer.load(&self.files.all);
        if self.measure(work::LOAD_ALL, peer, line, true) {
            if peer.keeps() {
                let line = peer.load(&self.files.all);
                self.measure(work::LOAD_AGAIN, peer, line, true);
            }
            self.measure(work::FSCK, peer, peer.verify(), false);
            if peer.optimize().is_some() {
                self.optimized(peer);
            }
        }
        peer.empty();
    }

    /// All of it made smaller, and what that means for what is given back.
    fn optimized(&mut self, peer: &dyn Peer) {
        let old = self.files.old.clone();
        for work in [work::SAVE_BEFORE, work::OPTIMIZE, work::SAVE_AFTER] {
            let line = match work {
                work::OPTIMIZE => peer.optimize(),
                _ => peer.save(&old, &self.out()),
            };
            self.measure(work, peer, line, work == work::OPTIMIZE);
        }
    }

    /// Two versions, what is made of one of them, and its end.
    fn versions(&mut self, peer: &mut dyn Peer) {
        if !self.choice.has_any(VERSIONS) {
            return;
        }
        self.files.warm();
        peer.empty();
        let (old, new) = (self.files.old.clone(), self.files.new.clone());
        if let Some(line) = peer.load(&old) {
            line.done();
        }
        match peer.load(&new) {
            Some(line) if peer.keeps() => _ = self.measure(work::LOAD_NEXT, peer, Some(line), true),
            Some(line) => line.done(),
            None => return,
        }
        let line = peer.save(&old, &self.out());
        self.measure(work::SAVE, peer, line, false);
        self.out();
        self.measure(work::SAVE_PIPE, peer, peer.save_piped(&old), false);
        if self.measure(work::CREATE, peer, peer.create("app:1.0.0", "box"), false) {
            let out = self.out().join("exported.tar");
            self.measure(work::EXPORT, peer, peer.export("app:1.0.0", &out), false);
            peer.remove_containers();
        }
        self.out();
        self.measure(work::GC, peer, peer.remove(&old, &new), true);
        peer.empty();
    }

    fn many(&mut self, many: &Many) {
        for (work, larder) in &many.stores {
            self.measure(work, larder, larder.images(), true);
        }
        let (larder, line) = &many.huge;
        self.measure(work::OPEN_HUGE, larder, Some(line.clone()), true);
    }

    fn many_of_docker(&mut self, peer: &mut dyn Peer, home: &Path, runs: RangeInclusive<u32>) {
        for (work, images) in [(work::IMAGES_10, 10), (work::IMAGES_1000, 1000)] {
            peer.empty();
            let path = home.join("many.tar");
            generate::archive(&path, images);
            let archive = Archive { path, name: "many".into(), images: Vec::new() };
            let Some(line) = peer.load(&archive).filter(|_| self.choice.has_work(work)) else { continue };
            line.done();
            for run in runs.clone() {
                self.run = run;
                self.measure(work, peer, peer.images(), true);
            }
        }
        peer.empty();
    }
}

/// Stores of many images, which nothing changes.
struct Many {
    stores: Vec<(&'static str, Larder)>,
    huge: (Larder, Line),
}

impl Many {
    fn made(home: &Path, program: &Path) -> Self {
        let larder = |name: &str| Larder { program: program.into(), dir: home.join(name) };
        let made = |name: &str, images, chunks| {
            let larder = larder(name);
            fs::create_dir_all(&larder.dir).expect("a directory");
            generate::store(&larder.store(), images, chunks);
            larder
        };
        let sizes = [(work::IMAGES_10, 10), (work::IMAGES_1000, 1000), (work::IMAGES_50000, HUGE_IMAGES)];
        let stores = sizes.map(|(work, images)| (work, made(&work.replace(' ', "-"), images, 0)));
        let huge = made("huge", HUGE_IMAGES, HUGE_CHUNKS);
        let text = format!("{} --store {} inspect image-77:7", program.display(), huge.store().display());
        Self { stores: stores.into(), huge: (huge, Line::of(text)) }
    }
}

/// What `du` counts: blocks, each file once.
fn disk_bytes(dir: &Path) -> u64 {
    fn add(dir: &Path, seen: &mut std::collections::HashSet<(u64, u64)>) -> u64 {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .map(|entry| {
                let Ok(found) = entry.metadata() else { return 0 };
                let own = if seen.insert((found.dev(), found.ino())) { found.blocks() * 512 } else { 0 };
                own + if found.is_dir() { add(&entry.path(), seen) } else { 0 }
            })
            .sum()
    }
    add(dir, &mut Default::default())
}
