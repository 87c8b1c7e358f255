//! Archives that are small and ask for much: refused early, in bounded memory, without a
//! trace; and let through by whoever raises the limit.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::harness::child::Ran;
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::{self, Entry};

const MIB: u64 = 1 << 20;

/// A zstd frame of zeros, some bytes before them.
fn zeros(before: &[u8], len: u64) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("zstd");
    encoder.write_all(before).expect("a Vec takes everything");
    std::io::copy(&mut std::io::repeat(0).take(len), &mut encoder).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}

#[track_caller]
fn refused(sandbox: &Sandbox, what: &str, words: &[&str], load: impl FnOnce() -> Ran) {
    let before = sandbox.truth();
    let ran = load().fails(1);
    for word in words {
        assert!(ran.err().contains(word), "{what}: no {word:?} in {ran}");
    }
    assert!(ran.peak_bytes < 256 * MIB, "{what}: {} MiB of memory", ran.peak_bytes / MIB);
    assert!(ran.elapsed < Duration::from_secs(30), "{what}: {:?}", ran.elapsed);
    assert_eq!(before.changes(&sandbox.truth()), [""; 0], "{what} left something behind");
}

fn with_an_image() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("kept:1")]).tar()).ok();
    sandbox
}

#[test]
fn a_member_that_expands_a_thousandfold_and_more_is_refused() {
    let sandbox = with_an_image();
    let mut entry = Entry::new("bomb/layer.tar", b'0');
    entry.claimed_size = Some(8 << 30);
    let bomb = zeros(&entry.header(), 8 << 30);
    assert!(bomb.len() < 2 << 20, "no bomb: {} bytes", bomb.len());
    refused(&sandbox, "a pipe", &["times"], || sandbox.load(&bomb));
    refused(&sandbox, "a file", &["times"], || sandbox.load_file(&bomb));
}

#[test]
fn a_layer_that_expands_a_thousandfold_and_more_is_refused() {
    let sandbox = with_an_image();
    let tar = Layer::new().file("zeros", vec![0; 128 << 20]).tar();
    let image = Image::new(&["bomb:1"], vec![Layer::raw(tar)]);
    let archive = layouts::containerd(std::slice::from_ref(&image), Codec::Zstd);
    let layer = layouts::blob_name(&crate::harness::hex_digest(&Codec::Zstd.compress(&image.tars()[0])));
    let bomb = archive.tar();
    refused(&sandbox, "a pipe", &[&layer, "times"], || sandbox.load(&bomb));
    sandbox.write("bomb.tar", &bomb);
    refused(&sandbox, "a file", &[&layer, "times"], || sandbox.run(["load", "-i", "bomb.tar"]));
    // It is what its config says: who trusts it can have it.
    sandbox.run(["load", "-i", "bomb.tar", "--max-ratio", "1000000"]).ok().stdout("Loaded image: bomb:1\n");
    assert!(sandbox.disk_bytes() < MIB, "{} bytes kept", sandbox.disk_bytes());
}

#[test]
fn nothing_that_gzip_can_do_is_a_bomb() {
    let image = Image::new(&["zeros:1"], vec![Layer::new().file("zeros", vec![0; 128 << 20])]);
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::kaniko(&[image]).tar()).ok().stdout("Loaded image: zeros:1\n");
}

#[test]
fn each_limit_can_be_lowered_and_raised() {
    let sandbox = with_an_image();
    let image = Image::new(&["app:1"], vec![Layer::new().file("x", vec![b'x'; 3_000_000])]);
    let archive = layouts::docker24(std::slice::from_ref(&image));
    sandbox.write("plain.tar", archive.tar());
    sandbox.write("packed.tar", Codec::Gzip.compress(&archive.tar()));
    let load = |file: &str, flag: &str, value: &str| sandbox.run(["load", "-i", file, flag, value]);
    refused(&sandbox, "expanded", &["1000000 bytes"], || load("packed.tar", "--max-expanded", "1MB"));
    refused(&sandbox, "members", &["3 members"], || load("plain.tar", "--max-members", "3"));
    load("packed.tar", "--max-expanded", "4MB").ok();
    load("plain.tar", "--max-members", "30").ok();
}

#[test]
fn headers_without_end_are_refused() {
    let sandbox = with_an_image();
    let good = layouts::docker24(&[Image::small("app:1")]);
    let long = vec![b'x'; 8 << 20];
    let pax = good.clone().first(tarball::pax(&[("comment", &long)]));
    refused(&sandbox, "a PAX header of 8 MiB", &["header"], || sandbox.load(&pax.tar()));
    let mut gnu = Entry::new("././@LongLink", b'L');
    gnu.body = long;
    refused(&sandbox, "a GNU name of 8 MiB", &[], || sandbox.load(&good.clone().first(gnu).tar()));
    let many = (0..100_000).fold(good, |archive, _| archive.entry(tarball::pax(&[("comment", b"again")])));
    refused(&sandbox, "headers that describe nothing", &["header"], || sandbox.load(&many.tar()));
}

/// moby#38973: a manifest of gigabytes took the engine's memory.
#[test]
fn a_manifest_of_gigabytes_is_refused_before_it_is_read() {
    let sandbox = with_an_image();
    let mut entry = Entry::new("manifest.json", b'0');
    entry.claimed_size = Some(4 << 30);
    let head = [&entry.header()[..], b"["].concat();
    let feed = crate::harness::child::Feed::stream(move |stdin| {
        stdin.write_all(&head)?;
        let spaces = vec![b' '; 1 << 20];
        (0..4096).try_for_each(|_| stdin.write_all(&spaces))
    });
    refused(&sandbox, "a pipe", &["manifest.json"], || sandbox.run_fed(["load"], feed));
}
