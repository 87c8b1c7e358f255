//! Archives and layers, compressed in whatever way.

use crate::harness::codec::Codec;
use crate::harness::hex_digest;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

#[test]
fn an_archive_loads_in_every_compression_from_pipe_and_file() {
    let image = Image::small("app:1");
    let tar = layouts::docker25(std::slice::from_ref(&image)).tar();
    for codec in Codec::ALL {
        for through in [Sandbox::load, Sandbox::load_file] {
            let sandbox = Sandbox::new();
            through(&sandbox, &codec.compress(&tar)).ok().stdout("Loaded image: app:1\n");
            let saved = Saved::read(&sandbox.save(["app:1"])).images();
            assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()), "{codec:?}");
        }
    }
}

#[test]
fn several_streams_in_one_file_are_one_archive() {
    let image = Image::small("app:1");
    let tar = layouts::docker25(&[image]).tar();
    for codec in [Codec::Gzip, Codec::Bzip2, Codec::Xz, Codec::Zstd] {
        let sandbox = Sandbox::new();
        let parts: Vec<u8> = tar.chunks(4000).flat_map(|part| codec.compress(part)).collect();
        sandbox.load(&parts).ok().stdout("Loaded image: app:1\n");
    }
}

#[test]
fn zeros_after_a_gzip_archive_are_padding() {
    let sandbox = Sandbox::new();
    let mut packed = Codec::Gzip.compress(&layouts::docker25(&[Image::small("app:1")]).tar());
    packed.resize(packed.len() + 10_000, 0);
    sandbox.load(&packed).ok().stdout("Loaded image: app:1\n");
}

#[test]
fn a_compressed_layer_that_its_digest_names_is_kept_as_it_is() {
    let image = Image::small("app:1");
    for codec in [Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::oci(std::slice::from_ref(&image), codec).tar()).ok();
        let saved = Saved::read(&sandbox.save(["--format", "oci", "app:1"]));
        for tar in image.tars() {
            let packed = codec.compress(&tar);
            assert_eq!(saved.file(&layouts::blob_name(&hex_digest(&packed))), packed, "{codec:?}");
        }
    }
}

#[test]
fn unwrapping_gives_up_the_compression_and_keeps_the_image() {
    let image = Image::small("app:1");
    let sandbox = Sandbox::new();
    sandbox.write("a.tar", layouts::oci(std::slice::from_ref(&image), Codec::Gzip).tar());
    sandbox.run(["load", "-i", "a.tar", "--compressed", "unwrap"]).ok().stdout("Loaded image: app:1\n");
    assert_eq!(sandbox.id("app:1"), image.id());
    let saved = Saved::read(&sandbox.save(["--format", "oci", "app:1"]));
    image.tars().iter().for_each(|tar| {
        assert_eq!(saved.file(&layouts::blob_name(&hex_digest(tar))), tar);
    });
    assert_eq!(saved.oci_images()[0].layers, image.tars());
    sandbox.is_clean();
}

/// Where only the diff ID counts, the compression says nothing: it goes, and the bytes are
/// shared with those that came plain.
#[test]
fn a_gzip_layer_of_a_docker_archive_is_unwrapped_and_shared() {
    let layer = Layer::new().file("noise", noise(1, 3 << 20));
    let image = Image::new(&["app:1"], vec![layer]);
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
    let before = sandbox.disk_bytes();
    sandbox.load(&layouts::kaniko(&[image.clone().named(&["app:2"])]).tar()).ok();
    let more = sandbox.disk_bytes() - before;
    assert!(more < 1 << 20, "{more} bytes more for what was there");
    assert_eq!(sandbox.id("app:1"), sandbox.id("app:2"));
}

#[test]
fn what_does_not_choose_between_keep_and_unwrap_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar", layouts::docker25(&[Image::small("app:1")]).tar());
    let ran = sandbox.run(["load", "-i", "a.tar", "--compressed", "maybe"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.err().contains("maybe"), "{ran}");
    assert!(!sandbox.store().join("packs").exists() || sandbox.names().is_empty());
}
