//! Memory that runs out at any moment: a command ends with an error, a message and an exit
//! code, never by a signal, and the store loses nothing.
//!
//! Each attempt is a process of its own, this one again, in which one allocation fails: the one
//! with the number that the parent chose, of those of a certain size. Then the store is checked.
//! `LARDER_ALLOCATIONS=5000` tries as many of each operation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use larder_engine::{
    ErrorKind, ExportOptions, FsckLevel, FsckOptions, Input, LoadOptions, SaveOptions, Store, Task,
};
use sha2::{Digest as _, Sha256};

#[global_allocator]
static ALLOCATOR: larder_memory::Allocator<Failing> = larder_memory::Allocator::over(Failing);

/// How many failures of each operation are tried, unless `LARDER_ALLOCATIONS` says otherwise.
const FAILURES: u64 = 24;

/// Allocations of this size and above are buffers, and all of them have to fail as errors.
const LARGE_BYTES: usize = 128 << 10;

/// What the database takes at once, which is not the engine's to ask for.
const DATABASE_BYTES: usize = 512 << 10;

/// The number of the allocation that fails, the first being 1; 0 for none.
static FAILS: AtomicU64 = AtomicU64::new(0);
/// Only allocations of so many bytes or more count; none while this is not set.
static COUNTS_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, but for one allocation.
struct Failing;

impl Failing {
    fn fails(size: usize) -> bool {
        size >= COUNTS_FROM.load(Relaxed)
            && (COUNTS_FROM.load(Relaxed) < LARGE_BYTES || size != DATABASE_BYTES)
            && COUNTED.fetch_add(1, Relaxed) + 1 == FAILS.load(Relaxed)
    }
}

// SAFETY: the system's allocator, or null, which every caller has to expect.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is passed on.
        if Self::fails(layout.size()) { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let fails = size > layout.size() && Self::fails(size);
        // SAFETY: the caller's contract is passed on.
        if fails { std::ptr::null_mut() } else { unsafe { System.realloc(place, layout, size) } }
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes).unwrap();
}

/// A layer with one long file, a second that compresses well, and many short ones.
fn layer(seed: u64) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "noise", &noise(seed, 700_000));
    append(&mut tar, "text", &format!("line {seed}\n").repeat(40_000).into_bytes());
    for number in 0..200 {
        append(&mut tar, &format!("dir/{number}"), &noise(seed * 1000 + number, 100));
    }
    tar.into_inner().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An archive as `docker save` wrote it, of one image with these layers.
fn archive(name: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {"Labels": {"of": name}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let names: Vec<_> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": [name], "Layers": names}]);
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "config.json", config.to_string().as_bytes());
    for (name, layer) in names.iter().zip(layers) {
        append(&mut tar, name, layer);
    }
    append(&mut tar, "manifest.json", manifest.to_string().as_bytes());
    tar.into_inner().unwrap()
}

/// An operation, as the child carries it out.
fn operate(operation: &str, dir: &Path) -> larder_engine::Result<()> {
    let task = Task::silent();
    let store = || Store::open(dir.join("store"));
    let out = || File::create(dir.join("out.tar")).unwrap();
    match operation {
        "load" => {
            let input = Input::open(&dir.join("new.tar")).expect("it is there");
            store()?.load(input, &LoadOptions::default(), &task).map(drop)
        }
        "load-pipe" => {
            let archive = flate2::read::GzDecoder::new(File::open(dir.join("new.tar.gz")).unwrap());
            let input = Input::Stream(Box::new(archive));
            store()?.load(input, &LoadOptions::default(), &task).map(drop)
        }
        "save" => store()?.save(&["kept:1"], &mut out(), &SaveOptions::default(), &task).map(drop),
        "export" => store()?.export("kept:1", &mut out(), &ExportOptions::default(), &task).map(drop),
        other => panic!("no operation {other}"),
    }
}

/// What a test has started itself for again: operation, number, size and directory.
const ORDER: &str = "LARDER_ALLOCATION_FAILS";

/// In a process that a test has started, does what it is for and ends it.
fn obey_parent() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let [operation, number, size, dir] = order.split(',').collect::<Vec<_>>()[..] else { panic!("{order}") };
    FAILS.store(number.parse().unwrap(), Relaxed);
    COUNTS_FROM.store(size.parse().unwrap(), Relaxed);
    let done = operate(operation, Path::new(dir));
    COUNTS_FROM.store(usize::MAX, Relaxed);
    let code = match done {
        Ok(()) => 0,
        Err(error) => {
            let mut text = format!("{error}");
            let mut cause: &dyn std::error::Error = &error;
            while let Some(next) = cause.source() {
                text.push_str(&format!(": {next}"));
                cause = next;
            }
            eprintln!("engine: {:?}: {text}", error.kind());
            // As the program: what ran out is told apart from all else by its kind.
            if error.kind() == ErrorKind::OutOfMemory { 1 } else { 2 }
        }
    };
    println!("counted {}", COUNTED.load(Relaxed));
    std::io::stdout().flush().unwrap();
    std::process::exit(code);
}

/// A store with an image, and an archive of another one that shares a layer with it.
struct Place {
    /// The test, which begins with [`obey_parent`].
    test: &'static str,
    _dir: tempfile::TempDir,
    path: PathBuf,
    kept: Vec<u8>,
    new: Vec<u8>,
    exported: Vec<u8>,
}

fn save(store: &Store, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.save(&[name], &mut bytes, &SaveOptions::default(), &Task::silent()).unwrap();
    bytes
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

impl Place {
    fn new(test: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let load = |store: &Store, archive: &[u8]| {
            let input = Input::Stream(Box::new(Cursor::new(archive.to_vec())));
            store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
        };
        let new = archive("new:1", &[layer(1), layer(3)]);
        fs::write(path.join("new.tar"), &new).unwrap();
        let gz = File::create(path.join("new.tar.gz")).unwrap();
        let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
        gz.write_all(&new).unwrap();
        gz.finish().unwrap();
        let store = Store::create(path.join("other")).unwrap();
        load(&store, &new);
        let new = save(&store, "new:1");
        let store = Store::create(path.join("pristine")).unwrap();
        load(&store, &archive("kept:1", &[layer(1), layer(2)]));
        let kept = save(&store, "kept:1");
        let mut exported = Vec::new();
        store.export("kept:1", &mut exported, &ExportOptions::default(), &Task::silent()).unwrap();
        drop(store);
        copy_tree(&path.join("pristine"), &path.join("store"));
        Self { test, _dir: dir, path, kept, new, exported }
    }

    /// Carries out `operation` in a process of its own; the allocation `number` of those of
    /// `size` bytes or more fails.
    fn run(&self, operation: &str, number: u64, size: usize) -> Output {
        let order = format!("{operation},{number},{size},{}", self.path.display());
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &format!("memory::{}", self.test), "--nocapture"]);
        child.env(ORDER, order).env_remove("RUST_BACKTRACE").output().unwrap()
    }

    fn counted(&self, operation: &str, size: usize) -> u64 {
        let ran = self.run(operation, 0, size);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        self.check(operation, true);
        self.renew();
        let out = String::from_utf8(ran.stdout).unwrap();
        let count = out.split("counted ").nth(1).and_then(|rest| rest.split_whitespace().next());
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{out}"))
    }

    /// Puts the store back in the state before the first attempt.
    fn renew(&self) {
        fs::remove_dir_all(self.path.join("store")).unwrap();
        copy_tree(&self.path.join("pristine"), &self.path.join("store"));
    }

    /// The store is clean and everything in it is as it was put there.
    fn check(&self, operation: &str, succeeded: bool) {
        let store = Store::open(self.path.join("store")).unwrap();
        let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
        assert_eq!(checked.faults, []);
        assert!(save(&store, "kept:1") == self.kept, "kept:1 has changed");
        let images = store.images().unwrap();
        let has_new =
            images.iter().flat_map(|image| &image.references).any(|name| name.familiar() == "new:1");
        match operation {
            "save" if succeeded => assert!(fs::read(self.path.join("out.tar")).unwrap() == self.kept),
            "export" if succeeded => assert!(fs::read(self.path.join("out.tar")).unwrap() == self.exported),
            "save" | "export" => assert!(!has_new),
            _ => assert!(has_new || !succeeded, "it is loaded, and is not there"),
        }
        if has_new {
            assert!(save(&store, "new:1") == self.new, "new:1 is not what was loaded");
        }
    }

    /// Has one allocation fail, and returns what the process said, if it failed because of that.
    fn fail(&self, operation: &str, number: u64, size: usize) -> Option<String> {
        let ran = self.run(operation, number, size);
        let context = format!("{operation}, allocation {number} of {size} bytes or more: {ran:?}");
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!err.contains("panicked"), "{context}");
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{context}");
        let failed = ran.status.code() == Some(1);
        assert!(!failed || err.contains("out of memory") && err.contains("bytes wanted"), "{context}");
        self.check(operation, !failed);
        if operation.starts_with("load") {
            self.renew();
        }
        failed.then_some(err)
    }
}

fn failures() -> u64 {
    std::env::var("LARDER_ALLOCATIONS").map_or(FAILURES, |count| count.parse().expect("a number"))
}

/// So many numbers up to `last`, close together at first, each at most once.
fn spread(count: u64, last: u64) -> Vec<u64> {
    let count = count.min(last);
    let mut numbers: Vec<u64> = (0..count)
        .map(|step| (last as f64).powf(step as f64 / count.saturating_sub(1).max(1) as f64) as u64)
        .collect();
    // The powers below the count repeat themselves.
    (1..numbers.len()).for_each(|at| numbers[at] = numbers[at].max(numbers[at - 1] + 1).min(last));
    numbers.dedup();
    numbers
}

fn any_allocation_may_fail(test: &'static str, operation: &str) {
    obey_parent();
    let place = Place::new(test);
    let all = place.counted(operation, 1);
    let numbers = spread(failures(), all);
    let failed = numbers.iter().filter(|number| place.fail(operation, **number, 1).is_some()).count();
    println!("{operation}: {} of {all} allocations failed, {failed} with an error", numbers.len());
    assert!(failed > 0, "{operation} never failed");
}

#[test]
fn a_load_loses_nothing_whichever_allocation_fails() {
    any_allocation_may_fail("a_load_loses_nothing_whichever_allocation_fails", "load");
}

#[test]
fn a_load_from_a_pipe_loses_nothing_whichever_allocation_fails() {
    any_allocation_may_fail("a_load_from_a_pipe_loses_nothing_whichever_allocation_fails", "load-pipe");
}

#[test]
fn a_save_loses_nothing_whichever_allocation_fails() {
    any_allocation_may_fail("a_save_loses_nothing_whichever_allocation_fails", "save");
}

#[test]
fn an_export_loses_nothing_whichever_allocation_fails() {
    any_allocation_may_fail("an_export_loses_nothing_whichever_allocation_fails", "export");
}

/// Whether a buffer of this size is one that nobody can ask for in a way that may fail: the
/// database's, and those of the standard library's buffered readers and writers.
fn is_of_others(bytes: usize) -> bool {
    matches!(bytes, 262_144 | 517_000..=524_288 | 1_048_576 | 2_097_152 | 4_194_304)
}

/// Buffers fail in the engine's way, which an embedder with another allocator gets too.
#[test]
fn a_buffer_that_cannot_be_had_is_an_error_of_the_engine() {
    obey_parent();
    let place = Place::new("a_buffer_that_cannot_be_had_is_an_error_of_the_engine");
    for operation in ["load", "load-pipe", "save", "export"] {
        let all = place.counted(operation, LARGE_BYTES);
        let (mut of_engine, mut of_others) = (0, 0);
        for number in spread(failures(), all) {
            let Some(told) = place.fail(operation, number, LARGE_BYTES) else { continue };
            if told.contains("engine: OutOfMemory") {
                of_engine += 1;
                continue;
            }
            let bytes = told.split("out of memory: ").nth(1).and_then(|rest| rest.split(' ').next());
            let bytes = bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("{told}"));
            assert!(is_of_others(bytes), "{operation} {number}: {told}");
            of_others += 1;
        }
        println!("{operation}: of {all} buffers {of_engine} failed as errors, {of_others} ended the process");
        assert!(of_engine > 2, "{operation}");
    }
}
