//! Through a pipe and from a file: no spooling, bounded memory, nothing done twice.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use sha2::Digest as _;

use crate::harness::child::{Feed, run_piped};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::harness::tarball::Entry;

const MIB: u64 = 1 << 20;
/// What the issue allows for an image of any size.
const MEMORY: u64 = 256 * MIB;

/// A docker-archive of noise, made while it is written: nothing of it is ever held whole.
struct Big {
    layers: u64,
    files: u64,
    file_bytes: u64,
}

impl Big {
    fn layer_bytes(&self) -> u64 {
        self.files * (512 + self.file_bytes) + 1024
    }

    fn write_layer(&self, layer: u64, out: &mut dyn Write) -> io::Result<()> {
        let mut noise = Noise::new(layer + 1);
        let mut block = vec![0; 64 << 10];
        for file in 0..self.files {
            let mut entry = Entry::new(format!("noise-{file}"), b'0');
            entry.claimed_size = Some(self.file_bytes);
            out.write_all(&entry.header())?;
            let mut left = self.file_bytes as usize;
            while left > 0 {
                let part = &mut block[..left.min(64 << 10)];
                noise.fill(part);
                out.write_all(part)?;
                left -= part.len();
            }
        }
        out.write_all(&[0; 1024])
    }

    /// Layers first, the manifest last: a reader of the pipe must take them as they come.
    fn write(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let mut diff_ids = Vec::new();
        for layer in 0..self.layers {
            let mut entry = Entry::new(format!("{layer}/layer.tar"), b'0');
            entry.claimed_size = Some(self.layer_bytes());
            out.write_all(&entry.header())?;
            let mut hashing = Hashing { out, hash: sha2::Sha256::new() };
            self.write_layer(layer, &mut hashing)?;
            diff_ids.push(format!("sha256:{}", hex::encode(hashing.hash.finalize())));
            out.write_all(&vec![0; (512 - self.layer_bytes() as usize % 512) % 512])?;
        }
        let config = json!({
            "architecture": crate::harness::image::host_architecture(), "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let layers: Vec<_> = (0..self.layers).map(|layer| format!("{layer}/layer.tar")).collect();
        let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": layers}]);
        let mut end = Vec::new();
        Entry::file("config.json", config.to_string()).write_to(&mut end);
        Entry::file("manifest.json", manifest.to_string()).write_to(&mut end);
        end.extend_from_slice(&[0; 1024]);
        out.write_all(&end)
    }
}

struct Hashing<'a> {
    out: &'a mut dyn Write,
    hash: sha2::Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[test]
fn a_big_image_passes_through_pipes_in_bounded_memory_and_without_spooling() {
    // 600 MiB: a file of 100 MiB, two of them a layer, three layers.
    let big = Big { layers: 3, files: 2, file_bytes: 100 * MIB };
    let total = big.layers * big.layer_bytes();
    let sandbox = Sandbox::new();
    let feed = Feed::stream(move |stdin| big.write("big:1", stdin));
    let most = Cell::new(0);
    let loading = sandbox.start(["load"], feed);
    let mut looks = 0_u32;
    let ran = loading.wait_watching(|| {
        looks += 1;
        if looks.is_multiple_of(16) {
            most.set(most.get().max(sandbox.disk_bytes()));
        }
    });
    let ran = ran.ok().stdout("Loaded image: big:1\n");
    assert!(ran.peak_bytes < MEMORY, "load took {} MiB of memory", ran.peak_bytes / MIB);
    let kept = sandbox.disk_bytes();
    assert!(kept < total + total / 20, "{kept} bytes kept of {total}");
    // Noise cannot be made smaller: a spooled copy would show as twice as much.
    assert!(most.get() < kept + 32 * MIB, "{} bytes on disk at some time, {kept} in the end", most.get());
    assert!(ran.written_bytes < total + total / 10, "{} bytes written for {total}", ran.written_bytes);

    let other = Sandbox::new();
    let (saved, loaded) = run_piped(sandbox.larder(["save", "big:1"]), other.larder(["load"]));
    let (saved, loaded) = (saved.ok(), loaded.ok().stdout("Loaded image: big:1\n"));
    assert!(saved.peak_bytes < MEMORY, "save took {} MiB of memory", saved.peak_bytes / MIB);
    assert!(loaded.peak_bytes < MEMORY, "load took {} MiB of memory", loaded.peak_bytes / MIB);
    assert_eq!(other.id("big:1"), sandbox.id("big:1"));
}

fn three_layers(name: &str, seed: u64) -> Image {
    let layers = (0..3).map(|at| Layer::new().file("noise", noise(seed + at, 8 << 20))).collect();
    Image::new(&[name], layers)
}

#[test]
fn loading_again_reads_no_layer_and_writes_nothing_but_a_journal_record() {
    let sandbox = Sandbox::new();
    for archive in [layouts::docker24, layouts::docker25] {
        let tar = archive(&[three_layers("app:1", 1)]).tar();
        sandbox.load_file(&tar).ok();
        let before = sandbox.truth();
        let ran = sandbox.load_file(&tar).ok().stdout("Loaded image: app:1\n");
        // To open the catalog alone takes 1 MiB: sled reads its log in segments of half a one.
        assert!(ran.read_bytes < 4 * MIB, "{} bytes read of {}", ran.read_bytes, tar.len());
        assert!(ran.written_bytes < MIB, "{} bytes written", ran.written_bytes);
        nothing_new_but_a_record(&sandbox, &before);
    }
}

#[test]
fn loading_again_through_a_pipe_writes_nothing_but_a_journal_record() {
    let sandbox = Sandbox::new();
    let tar = layouts::docker24(&[three_layers("app:1", 1)]).tar();
    sandbox.load(&tar).ok();
    let before = sandbox.truth();
    let most = Cell::new(0);
    let start = sandbox.disk_bytes();
    let loading = sandbox.start(["load"], Feed::Bytes(tar));
    let ran = loading.wait_watching(|| most.set(most.get().max(sandbox.disk_bytes()))).ok();
    assert!(ran.written_bytes < MIB, "{} bytes written", ran.written_bytes);
    assert!(most.get() < start + 4 * MIB, "{} bytes more on disk meanwhile", most.get() - start);
    nothing_new_but_a_record(&sandbox, &before);
}

#[track_caller]
fn nothing_new_but_a_record(sandbox: &Sandbox, before: &crate::harness::listing::Listing) {
    let after = sandbox.truth();
    let journal = |listing: &crate::harness::listing::Listing| {
        listing.0.get(std::path::Path::new("journal")).map_or(0, |seen| seen.len)
    };
    assert_eq!(before.but(&["journal"]).changes(&after.but(&["journal"])), [""; 0]);
    let grown = journal(&after) - journal(before);
    assert!(grown < 4096, "the journal grew by {grown} bytes");
}

#[test]
fn only_layers_that_are_new_are_read_from_a_file() {
    let sandbox = Sandbox::new();
    let old = three_layers("app:1", 1);
    sandbox.load_file(&layouts::docker24(std::slice::from_ref(&old)).tar()).ok();
    let mut layers = old.layers.clone();
    layers.push(Layer::new().file("new", noise(77, 3 << 20)));
    let new = Image::new(&["app:2"], layers);
    let ran = sandbox.load_file(&layouts::docker24(std::slice::from_ref(&new)).tar()).ok();
    assert!(ran.read_bytes < 7 * MIB, "{} bytes read for a new layer of 3 MiB", ran.read_bytes);
    assert_eq!(Saved::read(&sandbox.save(["app:2"])).images()[0].layers, new.tars());
}

/// `larder load < FILE` is a file as well.
#[test]
fn what_is_redirected_from_a_file_is_not_read_again_either() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("app.tar", layouts::docker24(&[three_layers("app:1", 1)]).tar());
    for again in [false, true] {
        let file = fs::File::open(&path).expect("ours");
        let ran = sandbox.run_fed(["load"], Feed::From(file.into())).ok().stdout("Loaded image: app:1\n");
        assert!(!again || ran.read_bytes < 4 * MIB, "{} bytes read", ran.read_bytes);
    }
}

/// The same files in other layers, shifted and reordered, are kept once.
#[test]
fn the_same_files_are_kept_once_wherever_they_lie() {
    let files: Vec<_> =
        (0..40).map(|at| (format!("usr/lib/file-{at}"), noise(at, 100_000 + 777 * at as usize))).collect();
    let big = noise(99, 4 << 20);
    let one = files.iter().fold(Layer::new(), |layer, (name, body)| layer.file(name, &**body));
    let two = files.iter().rev().fold(Layer::new().file("shift", "x"), |layer, (name, body)| {
        layer.file(&format!("opt/{name}"), &**body)
    });
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![one.file("big", &*big)])]).tar()).ok();
    let before = sandbox.disk_bytes();
    let changed = [&big[..2 << 20], b"inserted", &big[2 << 20..]].concat();
    sandbox.load(&layouts::docker24(&[Image::new(&["app:2"], vec![two.file("big", changed)])]).tar()).ok();
    let more = sandbox.disk_bytes() - before;
    assert!(more < 600_000, "{more} bytes more for what was there already");
}

/// CVE-2017-14992: zeros after the end of the archive were read into memory.
#[test]
fn gigabytes_of_zeros_after_the_end_cost_nothing() {
    let tar = layouts::docker25(&[Image::small("app:1")]).tar();
    let sandbox = Sandbox::new();
    let body = tar.clone();
    let feed = Feed::stream(move |stdin| {
        stdin.write_all(&body)?;
        let zeros = vec![0; 1 << 20];
        (0..3 * 1024).try_for_each(|_| stdin.write_all(&zeros))
    });
    let ran = sandbox.run_fed(["load"], feed).ok().stdout("Loaded image: app:1\n");
    assert!(ran.peak_bytes < 128 * MIB, "{} bytes of memory", ran.peak_bytes);
    assert!(ran.elapsed < Duration::from_secs(20), "{:?} for 3 GiB of zeros", ran.elapsed);
    assert!(sandbox.disk_bytes() < MIB, "{} bytes kept", sandbox.disk_bytes());

    let sandbox = Sandbox::new();
    let path = sandbox.write("sparse.tar", &tar);
    let file = fs::OpenOptions::new().write(true).open(path).expect("ours");
    file.set_len(64 << 30).expect("a sparse file");
    let ran = sandbox.run(["load", "-i", "sparse.tar"]).ok().stdout("Loaded image: app:1\n");
    assert!(ran.elapsed < Duration::from_secs(20), "{:?} for 64 GiB of holes", ran.elapsed);
}

/// A layer that is nearly all zeros: a sparse file, or padding that some tool left.
#[test]
fn zeros_inside_a_layer_take_no_space() {
    let mut tar = Layer::new().file("small", "x").tar();
    let layer = Layer::new().file("sparse", vec![0; 64 << 20]);
    tar.resize(tar.len() + (64 << 20), 0);
    let image = Image::new(&["app:1"], vec![layer, Layer::raw(tar)]);
    let sandbox = Sandbox::new();
    let ran = sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
    assert!(ran.peak_bytes < MEMORY, "{} bytes of memory", ran.peak_bytes);
    assert!(sandbox.disk_bytes() < MIB, "{} bytes kept", sandbox.disk_bytes());
    assert!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers == image.tars());
}
