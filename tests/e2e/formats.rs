//! Every layout that archives come in is read, and what was in it comes back exact.

use serde_json::{Value, json};

use crate::harness::archive::Archive;
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer, host_architecture};
use crate::harness::layouts::{self, OCI_MANIFEST, Oci, blob_name, canonical};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, strings};
use crate::harness::tests_dir;

/// Loads the archive through a pipe and from a file; each image must come back with its
/// ID, its names, its diff IDs, its config and its layers.
#[track_caller]
pub fn comes_back_exact(archive: &Archive, images: &[Image]) {
    let tar = archive.tar();
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = Sandbox::new();
        let ran = through(&sandbox, &tar).ok();
        assert!(ran.stderr.is_empty(), "nobody sits at a terminal who wants to see progress: {ran}");
        for image in images {
            for name in &image.names {
                assert!(ran.out().lines().any(|line| line == format!("Loaded image: {name}")), "{ran}");
            }
            is_there(&sandbox, image);
        }
        sandbox.is_clean();
    }
}

/// The store has this image, whole.
#[track_caller]
pub fn is_there(sandbox: &Sandbox, image: &Image) {
    for name in image.names.iter().chain([&image.id()]) {
        let found = sandbox.inspect(name);
        assert_eq!(found["Id"], image.id(), "{name}");
        assert_eq!(strings(&found["RootFS"]["Layers"]), image.diff_ids(), "{name}");
        let mut names = image.names.clone();
        names.sort();
        assert_eq!(strings(&found["RepoTags"]), names, "{name}");
    }
    let id = image.id();
    let saved = Saved::read(&sandbox.save([image.names.first().unwrap_or(&id)])).images();
    assert_eq!(saved.len(), 1);
    assert_eq!(saved[0].config, image.config_bytes(), "the config is not as it came");
    assert_eq!(saved[0].layers, image.tars(), "the layers are not as they came");
}

pub fn two_images() -> Vec<Image> {
    let first = Image::small("app:1").named(&["app:1", "example.org/team/app:stable"]);
    // Shares its base with the first.
    let mut second = Image::small("app:2");
    second.layers[0] = first.layers[0].clone();
    vec![first, second]
}

#[test]
fn an_archive_of_docker_24_comes_back_exact() {
    let images = two_images();
    comes_back_exact(&layouts::docker24(&images), &images);
}

#[test]
fn a_layer_that_docker_24_wrote_as_a_symlink_is_found() {
    let mut image = Image::small("twice:1");
    let again = image.layers[0].clone();
    image.layers.push(again);
    let image = Image::new(&["twice:1"], image.layers);
    let archive = layouts::docker24(std::slice::from_ref(&image));
    assert!(archive.members.iter().any(|member| member.kind == b'2'), "the builder wrote no symlink");
    comes_back_exact(&archive, std::slice::from_ref(&image));
    comes_back_exact(&archive.reversed(), &[image]);
}

#[test]
fn an_archive_of_docker_25_comes_back_exact() {
    let images = two_images();
    comes_back_exact(&layouts::docker25(&images), &images);
}

#[test]
fn an_archive_of_the_containerd_store_comes_back_exact() {
    let images = two_images();
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Plain] {
        comes_back_exact(&layouts::containerd(&images, codec), &images);
    }
}

#[test]
fn an_archive_of_podman_comes_back_exact() {
    let images = [Image::small("localhost/app:1"), Image::small("localhost/other/app:2")];
    comes_back_exact(&layouts::podman(&images), &images);
}

#[test]
fn an_archive_of_kaniko_comes_back_exact() {
    let images = two_images();
    comes_back_exact(&layouts::kaniko(&images), &images);
}

#[test]
fn an_oci_archive_comes_back_exact() {
    let images = two_images();
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Plain] {
        comes_back_exact(&layouts::oci(&images, codec), &images);
    }
}

#[test]
fn an_oci_layout_directory_comes_back_exact() {
    let images = two_images();
    let sandbox = Sandbox::new();
    layouts::oci(&images, Codec::Gzip).write_dir(&sandbox.path("layout"));
    sandbox.run(["load", "-i", "layout"]).ok().says("Loaded image: app:2");
    images.iter().for_each(|image| is_there(&sandbox, image));
    sandbox.is_clean();
}

#[test]
fn a_directory_of_skopeo_comes_back_exact_and_without_a_name() {
    let image = Image::small("app:1").named(&[]);
    for codec in [Codec::Gzip, Codec::Plain] {
        let sandbox = Sandbox::new();
        layouts::docker_dir(&image, codec).write_dir(&sandbox.path("dir"));
        let loaded = sandbox.run(["load", "-i", "dir"]).ok();
        loaded.stdout(format!("Loaded image ID: {}\n", image.id()));
        is_there(&sandbox, &image);
        sandbox.is_clean();
    }
}

#[test]
fn an_archive_of_the_first_days_loads_by_its_repositories() {
    let image = Image::small("old:1");
    let archive = layouts::legacy_v1(std::slice::from_ref(&image)).tar();
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = Sandbox::new();
        through(&sandbox, &archive).ok().stdout("Loaded image: old:1\n");
        // There was no config to keep: one is made, the same one every time.
        let found = sandbox.inspect("old:1");
        assert_eq!(strings(&found["RootFS"]["Layers"]), image.diff_ids());
        assert_eq!(found["Config"]["Cmd"], json!(["/bin/app"]));
        assert_eq!(found["Architecture"], host_architecture());
        let saved = Saved::read(&sandbox.save(["old:1"])).images();
        assert_eq!(saved[0].layers, image.tars());
        let other = Sandbox::new();
        other.load(&archive).ok();
        assert_eq!(other.id("old:1"), found["Id"]);
    }
}

/// The archives in `tests/data`: no code of ours has touched them.
#[test]
fn what_real_tools_wrote_comes_back_exact() {
    let data = tests_dir("data");
    for (file, names) in
        [("greeter.tar", vec!["greeter:1.0", "greeter:latest"]), ("greeter.oci.tar", vec!["greeter:1.0"])]
    {
        let bytes = std::fs::read(data.join(file)).expect("tests/data is there");
        let sandbox = Sandbox::new();
        let lines: String = names.iter().map(|name| format!("Loaded image: {name}\n")).collect();
        sandbox.load(&bytes).ok().stdout(lines);
        let theirs = Saved::read(&bytes);
        let theirs = if file.contains("oci") { theirs.oci_images() } else { theirs.images() };
        let ours = Saved::read(&sandbox.save(["greeter"])).images();
        assert_eq!(ours, theirs, "{file}");
        assert_eq!(sandbox.id("greeter:1.0"), theirs[0].id(), "{file}");
        sandbox.is_clean();
    }
    let sandbox = Sandbox::new();
    sandbox.run([std::ffi::OsStr::new("load"), "-i".as_ref(), data.join("greeter.dir").as_os_str()]).ok();
    let of_archive =
        Saved::read(&std::fs::read(data.join("greeter.tar")).expect("tests/data is there")).images();
    let ours = Saved::read(&sandbox.save([of_archive[0].id()])).images();
    assert_eq!((&ours[0].config, &ours[0].layers), (&of_archive[0].config, &of_archive[0].layers));
}

#[test]
fn an_untagged_image_is_told_by_its_id() {
    for archive in [layouts::docker24, layouts::docker25] {
        let image = Image::small("x:1").named(&[]);
        let sandbox = Sandbox::new();
        let loaded = sandbox.load(&archive(std::slice::from_ref(&image)).tar()).ok();
        loaded.stdout(format!("Loaded image ID: {}\n", image.id()));
        is_there(&sandbox, &image);
        assert_eq!(sandbox.names(), ["<none>:<none>"]);
    }
}

#[test]
fn quiet_is_what_docker_understands_by_it() {
    // Docker's -q leaves out the progress, not the result.
    let image = Image::small("app:1");
    let sandbox = Sandbox::new();
    sandbox.write("a.tar", layouts::docker25(&[image]).tar());
    sandbox.run(["load", "-q", "-i", "a.tar"]).ok().stdout("Loaded image: app:1\n");
}

/// `-i` may name what is no regular file: `load -i <(ssh host docker save app)`.
#[test]
fn a_pipe_may_be_named_as_the_input() {
    let image = Image::small("app:1");
    let tar = layouts::docker24(std::slice::from_ref(&image)).tar();
    let sandbox = Sandbox::new();
    let feed = crate::harness::child::Feed::Bytes(tar);
    sandbox.run_fed(["load", "-i", "/dev/stdin"], feed).ok().stdout("Loaded image: app:1\n");
    is_there(&sandbox, &image);
}

#[test]
fn an_image_without_layers_comes_back_exact() {
    let image = Image::new(&["nothing:1"], vec![]);
    comes_back_exact(&layouts::docker25(std::slice::from_ref(&image)), &[image]);
}

#[test]
fn a_layer_that_is_no_tar_comes_back_exact() {
    let noise = crate::harness::noise::noise(7, 70_000);
    let layers = vec![Layer::raw(noise), Layer::raw(*b"x"), Layer::raw(vec![0; 10_240])];
    let image = Image::new(&["odd:1"], layers);
    comes_back_exact(&layouts::docker25(std::slice::from_ref(&image)), &[image]);
}

#[test]
fn a_config_with_nulls_and_without_history_loads() {
    let image = Image::small("app:1").with(|config| {
        config["config"] = Value::Null;
        config["history"] = Value::Null;
        config["created"] = Value::Null;
    });
    comes_back_exact(&layouts::docker24(std::slice::from_ref(&image)), &[image]);
}

#[test]
fn an_oci_manifest_and_its_index_entry_come_back_to_the_byte() {
    let images = two_images();
    let tar = layouts::oci(&images, Codec::Gzip).tar();
    let theirs = Saved::read(&tar);
    let sandbox = Sandbox::new();
    sandbox.load(&tar).ok();
    let ours =
        Saved::read(&sandbox.save(["--format", "oci", "app:1", "example.org/team/app:stable", "app:2"]));
    let sorted = |mut entries: Vec<String>| {
        entries.sort();
        entries
    };
    assert_eq!(sorted(ours.index_entries()), sorted(theirs.index_entries()));
    let blobs = |saved: &Saved| {
        let blobs = saved.members.iter().filter(|member| member.name.starts_with("blobs/sha256/"));
        blobs
            .filter(|member| member.kind.is_file())
            .map(|member| member.name.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(blobs(&ours), blobs(&theirs), "manifests, configs and compressed layers by digest");
    blobs(&ours).iter().for_each(|name| assert_eq!(ours.file(name), theirs.file(name), "{name}"));
}

#[test]
fn a_nested_index_is_one_image_and_carries_what_it_does_not_understand() {
    let image = Image::small("app:1");
    let other = Image::small("app:1-other").with(|config| config["architecture"] = "s390x".into());
    let mut oci = Oci::default();
    let ours = oci.manifest(&image, Codec::Gzip);
    let foreign = oci.manifest(&other, Codec::Gzip);
    // BuildKit's attestation: a manifest for no platform, its layer no tar.
    let statement = oci.blob("application/vnd.in-toto+json", r#"{"_type":"a statement"}"#);
    let empty =
        oci.blob("application/vnd.oci.image.config.v1+json", r#"{"architecture":"unknown","os":"unknown"}"#);
    let attestation = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [statement.clone()],
    });
    let mut attestation = oci.blob(OCI_MANIFEST, attestation.to_string());
    attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": ours["digest"],
    });
    let index = oci.index(&[ours.clone(), foreign.clone(), attestation.clone()]);
    oci.name_as_docker(&index, &image);
    let tar = oci.archive().tar();
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = Sandbox::new();
        through(&sandbox, &tar).ok().stdout("Loaded image: app:1\n");
        assert_eq!(sandbox.names(), ["app:1"]);
        assert_eq!(sandbox.id("app:1"), image.id(), "the image ID is that of the host's platform");
        let saved = Saved::read(&sandbox.save(["--format", "oci", "app:1"]));
        let theirs = Saved::read(&tar);
        assert_eq!(saved.index_entries(), theirs.index_entries());
        for descriptor in [&index, &ours, &foreign, &attestation, &statement] {
            let digest = descriptor["digest"].as_str().expect("a digest");
            assert_eq!(saved.blob(digest), theirs.blob(digest), "{digest} was not carried");
        }
        sandbox.is_clean();
    }
}

/// nerdctl#404: an index may list platforms that the archive does not carry.
#[test]
fn platforms_that_the_archive_lacks_are_no_error() {
    let image = Image::small("app:1");
    let absent = Image::small("app:absent").with(|config| config["architecture"] = "riscv64".into());
    let mut oci = Oci::default();
    let ours = oci.manifest(&image, Codec::Gzip);
    let theirs = Oci::default().manifest(&absent, Codec::Gzip);
    let index = oci.index(&[theirs, ours]);
    oci.name_as_docker(&index, &image);
    let archive = oci.archive().json(
        "manifest.json",
        &json!([{"Config": blob_name(&image.hex()), "RepoTags": ["app:1"], "Layers":
            image.tars().iter().map(|tar| blob_name(&crate::harness::hex_digest(&Codec::Gzip.compress(tar)))).collect::<Vec<_>>()}]),
    );
    comes_back_exact(&archive, &[image]);
}

#[test]
fn an_artifact_is_carried() {
    let image = Image::small("app:1");
    let mut oci = Oci::default();
    let manifest = oci.manifest(&image, Codec::Gzip);
    oci.name_as_docker(&manifest, &image);
    let chart = oci.blob("application/vnd.example.chart.v1+tar", "not a layer at all");
    let empty = oci.blob("application/vnd.oci.empty.v1+json", "{}");
    let artifact = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.chart.v1",
        "config": empty, "layers": [chart.clone()],
    });
    let mut artifact = oci.blob(OCI_MANIFEST, artifact.to_string());
    artifact["annotations"] = json!({"io.containerd.image.name": "docker.io/library/chart:1"});
    oci.entries.push(artifact.to_string());
    let sandbox = Sandbox::new();
    sandbox.load(&oci.archive().tar()).ok().says("Loaded image: app:1");
    let saved = Saved::read(&sandbox.save(["--format", "oci", "chart:1"]));
    assert_eq!(saved.blob(chart["digest"].as_str().expect("a digest")), b"not a layer at all");
    sandbox.is_clean();
}

#[test]
fn a_docker_manifest_in_an_oci_layout_is_kept_as_it_is() {
    let image = Image::small("app:1");
    let dir = layouts::docker_dir(&image, Codec::Gzip);
    let mut oci = Oci::default();
    oci.manifest(&image, Codec::Gzip); // for the blobs
    let mut manifest = oci.blob(layouts::DOCKER_MANIFEST, dir.body("manifest.json"));
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "docker.io/library/app:1"});
    oci.entries.push(manifest.to_string());
    let sandbox = Sandbox::new();
    sandbox.load(&oci.archive().tar()).ok().stdout("Loaded image: app:1\n");
    let saved = Saved::read(&sandbox.save(["--format", "oci", "app:1"]));
    assert_eq!(saved.blob(manifest["digest"].as_str().expect("a digest")), dir.body("manifest.json"));
}

#[test]
fn the_whole_name_counts_and_a_bare_tag_names_nothing() {
    let image = Image::small("app:1");
    let with = |annotations: Value| {
        let mut oci = Oci::default();
        let mut entry = oci.manifest(&image, Codec::Gzip);
        entry["annotations"] = annotations;
        oci.entries.push(entry.to_string());
        oci.archive().tar()
    };
    let (whole, tag) = ("io.containerd.image.name", "org.opencontainers.image.ref.name");
    for (annotations, wanted) in [
        (json!({whole: canonical("app:1"), tag: "1"}), vec!["app:1"]),
        (json!({whole: "quay.io/team/app:1", tag: "other/app:2"}), vec!["quay.io/team/app:1"]),
        (json!({tag: "localhost/app:1"}), vec!["localhost/app:1"]),
        (json!({tag: "app:1"}), vec!["app:1"]),
        (json!({tag: "1"}), vec![]),
        (json!({}), vec![]),
    ] {
        let sandbox = Sandbox::new();
        let loaded = sandbox.load(&with(annotations.clone())).ok();
        if wanted.is_empty() {
            loaded.stdout(format!("Loaded image ID: {}\n", image.id()));
        }
        assert_eq!(strings(&sandbox.inspect(&image.id())["RepoTags"]), wanted, "{annotations}");
    }
}

#[test]
fn the_platform_chooses_from_an_index() {
    let (host, other) = (host_architecture(), "s390x");
    let ours = Image::small("app:1");
    let theirs = Image::small("app:other").with(|config| config["architecture"] = other.into());
    let mut oci = Oci::default();
    let children = [oci.manifest(&theirs, Codec::Gzip), oci.manifest(&ours, Codec::Gzip)];
    let index = oci.index(&children);
    oci.name_as_docker(&index, &ours);
    let tar = oci.archive().tar();
    for (platform, image) in [(host, &ours), (other, &theirs)] {
        let sandbox = Sandbox::new();
        sandbox.write("a.tar", &tar);
        sandbox.run(["load", "-i", "a.tar", "--platform", &format!("linux/{platform}")]).ok();
        assert_eq!(sandbox.id("app:1"), image.id(), "{platform}");
        let saved = Saved::read(&sandbox.save(["app:1"])).images();
        assert_eq!(saved[0].layers, image.tars(), "{platform}");
    }
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("kept:1")]).tar()).ok();
    sandbox.write("a.tar", &tar);
    let before = sandbox.truth();
    sandbox.run(["load", "-i", "a.tar", "--platform", "linux/riscv64"]).fails(1).complains("linux/riscv64");
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
}

#[test]
fn one_tag_twice_for_one_image_is_one_tag() {
    let image = Image::small("app:1").named(&["app:1", "docker.io/library/app:1", "app:1"]);
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok().stdout("Loaded image: app:1\n");
    assert_eq!(sandbox.names(), ["app:1"]);
}

#[test]
fn a_tag_that_moves_is_told_and_leaves_the_old_image_without_a_name() {
    let (old, new) = (Image::small("app:1"), Image::small("other").named(&["app:1"]));
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(std::slice::from_ref(&old)).tar()).ok();
    let ran = sandbox.load(&layouts::docker25(std::slice::from_ref(&new)).tar()).ok();
    let told =
        format!("The image app:1 already exists, renaming the old one with ID {} to empty string", old.id());
    assert!(ran.out().contains(&told) || ran.err().contains(&told), "{ran}");
    assert_eq!(sandbox.id("app:1"), new.id());
    assert_eq!(strings(&sandbox.inspect(&old.id())["RepoTags"]), [""; 0]);
}
