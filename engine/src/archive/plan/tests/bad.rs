use proptest::prelude::*;

use super::*;

/// An archive of Docker's with one image, its config and manifest changed.
fn docker(change_config: impl FnOnce(&mut Value), change_entry: impl FnOnce(&mut Value)) -> Tar {
    let mut config: Value = serde_json::from_slice(&config("linux/amd64", &["a"])).unwrap();
    change_config(&mut config);
    let mut entry = json!({"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["a.tar"]});
    change_entry(&mut entry);
    Tar::new()
        .file("a.tar", "a")
        .file("config.json", config.to_string())
        .file("manifest.json", json!([entry]).to_string())
}

fn keep(_: &mut Value) {}

fn manifest(text: impl AsRef<[u8]>) -> String {
    refused(Tar::new().file("manifest.json", text))
}

#[test]
fn the_good_one_is_good() {
    assert_eq!(plan(docker(keep, keep)).unwrap().images.len(), 1);
}

#[test]
fn what_is_no_image_archive_says_so() {
    let none = "not an image archive: it has no manifest.json, index.json or repositories";
    assert_eq!(refused(Tar::new()), none);
    assert_eq!(refused(Tar::new().file("etc/passwd", "root")), none);
}

#[test]
fn a_manifest_that_is_none_is_named() {
    assert_eq!(manifest("null"), "manifest.json: invalid manifest, manifest cannot be null (but can be [])");
    assert_eq!(
        manifest("nonsense"),
        "bad document manifest.json: invalid JSON: expected ident at line 1 column 2"
    );
    assert_eq!(manifest("17"), "bad document manifest.json: expected an array, got a number");
    assert_eq!(manifest("[".repeat(100_000)), "bad document manifest.json: nested more than 128 deep");
    assert_eq!(manifest("[null]"), "bad name \"\" in manifest.json: it is empty", "as Go has it");
    assert_eq!(
        manifest(format!("[{}", " ".repeat(21 << 20))),
        "manifest.json has 22020097 bytes, more than the 20971520 that a document may have"
    );
    assert_eq!(manifest("{}"), r#"bad document manifest.json: the field "config" is missing"#);
    for (text, got) in [("null", "null"), ("[]", "an array")] {
        let error = refused(Tar::new().file("index.json", text));
        assert_eq!(error, format!("bad document index.json: expected an object, got {got}"));
    }
    assert_eq!(
        refused(Tar::new().file("repositories", "[]")),
        "bad document repositories: expected an object, got an array"
    );
}

#[test]
fn what_is_missing_is_named_with_who_names_it() {
    // A store may have the layer.
    let without = plan(docker(keep, |entry| entry["Layers"] = json!(["gone.tar"]))).unwrap();
    let absent = without.images[0].variants[0].layers[0].absent.as_ref();
    assert_eq!(absent.map(MemberName::as_str), Some("manifest.json"));
    assert_eq!(
        refused(docker(keep, |entry| entry["Config"] = json!("gone.json"))),
        "the config gone.json is missing from the archive, named by manifest.json"
    );
    assert!(refused(docker(keep, |entry| entry["Config"] = json!(""))).contains("it is empty"));
    let dangling = docker(keep, |entry| entry["Layers"] = json!(["l"])).link(EntryType::Symlink, "l", "gone");
    assert_eq!(refused(dangling), "the link l leads to gone, which is not in the archive");

    let lone = descriptor(media_type::OCI_MANIFEST, b"gone");
    let at = format!("blobs/sha256/{}", lone.digest.hex());
    assert_eq!(
        refused(Oci::new().name(&lone, json!({})).finish()),
        format!("the manifest {at} is missing from the archive, named by index.json")
    );
    let mut oci = Oci::new();
    let index = oci.nested(&[on("linux/amd64", &lone)]);
    let at = index.digest.hex();
    assert_eq!(
        refused(oci.name(&index, json!({})).finish()),
        format!("none of the 1 manifests that blobs/sha256/{at} lists is in the archive")
    );
}

#[test]
fn the_counts_of_layers_must_agree() {
    for layers in [json!([]), Value::Null] {
        assert_eq!(
            refused(docker(keep, |entry| entry["Layers"] = layers)),
            "manifest.json: invalid manifest, layers length mismatch: expected 1, got 0"
        );
    }
    let mut oci = Oci::new();
    let config = oci.blob(media_type::OCI_CONFIG, &config("linux/amd64", &["a", "b"]));
    let image = oci.blob(media_type::OCI_MANIFEST, &Manifest::generate(&config, &[]));
    let at = image.digest.hex();
    assert_eq!(
        refused(oci.name(&image, json!({})).finish()),
        format!("blobs/sha256/{at}: invalid manifest, layers length mismatch: expected 2, got 0")
    );
}

#[test]
fn a_config_that_is_none_is_named() {
    assert_eq!(
        refused(docker(|config| drop(config.as_object_mut().unwrap().remove("rootfs")), keep)),
        r#"bad document config.json: the field "rootfs" is missing"#
    );
    let bad = |id: &str| refused(docker(|config| config["rootfs"]["diff_ids"][0] = json!(id), keep));
    assert!(bad("md5:00").contains("unsupported digest algorithm \"md5\""));
    assert!(bad("sha256:00").contains("invalid sha256 digest \"00\""));
    assert_eq!(
        refused(docker(|config| config["os"] = json!("windows"), keep)),
        "cannot load windows image on linux: config.json"
    );
    assert!(plan(docker(|config| config["os"] = json!(""), keep)).is_ok());
}

#[test]
fn names_in_documents_cannot_lead_elsewhere() {
    for (name, problem) in [
        ("../../etc/passwd", "it leads out of the archive"),
        ("/../etc/passwd", "it leads out of the archive"),
        ("a\0b", "it holds a NUL"),
    ] {
        let wanted = format!("bad name {name:?} in manifest.json: {problem}");
        assert_eq!(refused(docker(keep, |entry| entry["Layers"] = json!([name]))), wanted);
        assert_eq!(refused(docker(keep, |entry| entry["Config"] = json!(name))), wanted);
    }
    for (target, problem) in
        [("../../etc/passwd", "it leads out of the archive"), ("/../passwd", "it leads out of the archive")]
    {
        let link = |tar: Tar| tar.link(EntryType::Symlink, "x/l", target);
        let named = link(docker(keep, |entry| entry["Layers"] = json!(["x/l"])));
        assert_eq!(refused(named), format!("bad link x/l -> {target:?}: {problem}"));
        assert!(plan(link(docker(keep, keep))).is_ok(), "what nobody follows does no harm");
    }
    let cycle = docker(keep, |entry| entry["Layers"] = json!(["l"])).link(EntryType::Symlink, "l", "m").link(
        EntryType::Symlink,
        "m",
        "l",
    );
    assert_eq!(refused(cycle), "the link l leads to itself");
    let fifo = docker(keep, |entry| entry["Layers"] = json!(["l/"])).link(EntryType::Fifo, "l", "x");
    assert_eq!(refused(fifo), "l is not a file, named by manifest.json as the layer");
}

#[test]
fn references_that_are_none_are_refused() {
    let bad = |tag: &str| refused(docker(keep, |entry| entry["RepoTags"] = json!([tag])));
    assert_eq!(bad("test_image_2"), r#"manifest.json: invalid tag "test_image_2""#);
    assert_eq!(bad("a b:1"), r#"manifest.json: bad image name "a b:1": invalid reference format"#);
    assert!(bad("UPPER:1").ends_with("repository name (library/UPPER) must be lowercase"));
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let tar = oci.name(&image, json!({"org.opencontainers.image.ref.name": "a:b:c"})).finish();
    assert_eq!(refused(tar), r#"index.json: bad image name "a:b:c": invalid reference format"#);
}

#[test]
fn a_name_with_a_digest_holds_for_that_content_only() {
    for key in ["org.opencontainers.image.ref.name", "io.containerd.image.name"] {
        let mut oci = Oci::new();
        let (one, two) = (oci.image("linux/amd64", &["a"]), oci.image("linux/amd64", &["b"]));
        let pin = format!("docker.io/library/app@{}", one.digest);
        let told = format!(
            "index.json gives the name app@{} to other content: the image's digest is {}",
            one.digest, two.digest
        );
        assert_eq!(refused(oci.name(&two, json!({ key: pin })).finish()), told);
    }
    let mut oci = Oci::new();
    let one = oci.image("linux/amd64", &["a"]);
    let pin = format!("app@{}", one.digest);
    let right = oci.name(&one, json!({"org.opencontainers.image.ref.name": pin})).finish();
    assert_eq!(names(&plan(right).unwrap().images[0]), [format!("docker.io/library/{pin}")]);
}

#[test]
fn an_image_without_a_manifest_has_no_digest_to_be_called_by() {
    let pin = format!("app:1@{}", diff("x").0);
    let told = refused(docker(keep, |entry| entry["RepoTags"] = json!([pin])));
    let why = "the archive has no manifest for the image, and so no digest";
    assert_eq!(told, format!("manifest.json gives the name {pin} to other content: {why}"));
    let told = refused(docker(keep, |entry| entry["RepoTags"] = json!([pin.replace(":1", "")])));
    assert!(told.starts_with("manifest.json: invalid tag"), "{told}");
}

#[test]
fn a_bad_name_is_no_fault_of_an_image_that_gets_another() {
    let tar = docker(keep, |entry| entry["RepoTags"] = json!(["UPPER:1", "app:1"])).finish();
    let plan = Plan::of(&mut kept(&tar).unwrap(), None).unwrap();
    assert_eq!(names(&plan.images[0]), ["docker.io/library/app:1"]);
    assert!(plan.images[0].bad_name.is_some());
}

#[test]
fn one_name_cannot_be_two_images() {
    let mut oci = Oci::new();
    let one = oci.image("linux/amd64", &["a"]);
    let two = oci.image("linux/amd64", &["b"]);
    let name = || json!({"io.containerd.image.name": "docker.io/library/app:1"});
    assert_eq!(
        refused(oci.name(&one, name()).name(&two, name()).finish()),
        "index.json gives the name app:1 to two images"
    );
    let again = docker(keep, |entry| entry["RepoTags"] = json!(["app:1", "docker.io/library/app:1"]));
    assert_eq!(plan(again).unwrap().images[0].names.len(), 1);
}

#[test]
fn bytes_must_be_what_descriptors_say() {
    let mut oci = Oci::new();
    let mut image = oci.image("linux/amd64", &["a"]);
    let at = format!("blobs/sha256/{}", image.digest.hex());
    image.size += 1;
    let (wanted, got) = (image.size, image.size - 1);
    assert_eq!(
        refused(oci.name(&image, json!({})).finish()),
        format!("{at} has {got} bytes, but index.json says {wanted}")
    );

    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let forged = vec![b' '; usize::try_from(image.size).unwrap()];
    oci.tar = oci.tar.file(&at, &forged);
    assert_eq!(
        refused(oci.name(&image, json!({})).finish()),
        format!("{at} hashes to {}, but index.json names it as {}", Digest::of(&forged), image.digest)
    );

    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let layer = format!("blobs/sha256/{}", Digest::of("gzip of a").hex());
    oci.tar = oci.tar.file(&layer, "short");
    assert_eq!(
        refused(oci.name(&image, json!({})).finish()),
        format!("{layer} has 5 bytes, but {at} says 9")
    );

    let zero = "0".repeat(64);
    let at = format!("blobs/sha256/{zero}");
    let tar = docker(keep, |entry| entry["Config"] = json!(at)).file(&at, config("linux/amd64", &["a"]));
    assert!(refused(tar).ends_with(&format!("but manifest.json names it as sha256:{zero}")));
}

#[test]
fn a_document_cannot_be_two_kinds_at_once() {
    let config = descriptor(media_type::OCI_CONFIG, b"x");
    let both = json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}).to_string();
    for (media_type, wanted, field) in
        [(media_type::OCI_MANIFEST, "manifest", "manifests"), (media_type::OCI_INDEX, "index", "layers")]
    {
        let mut oci = Oci::new();
        let root = oci.blob(media_type, both.as_bytes());
        let at = root.digest.hex();
        let what = format!("ambiguous document: an image {wanted} with the field {field:?} of another kind");
        assert_eq!(
            refused(oci.name(&root, json!({})).finish()),
            format!("bad document blobs/sha256/{at}: {what}")
        );
    }
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &[]);
    let claimed = Descriptor { media_type: media_type::OCI_INDEX.into(), ..image };
    assert!(refused(oci.name(&claimed, json!({})).finish()).contains("ambiguous document: an image index"));
}

#[test]
fn indexes_have_a_bottom() {
    let nested = |times: usize| {
        let mut oci = Oci::new();
        let mut inner = oci.image("linux/amd64", &["a"]);
        for _ in 0..times {
            inner = oci.nested(&[serde_json::to_value(&inner).unwrap()]);
        }
        oci.name(&inner, json!({})).finish()
    };
    assert_eq!(plan(nested(8)).unwrap().images[0].variants.len(), 1);
    assert!(refused(nested(9)).ends_with("is nested more than 8 indexes deep"));
}

#[test]
fn an_image_for_another_system_is_refused_when_it_is_the_only_one() {
    let mut oci = Oci::new();
    let windows = oci.image("windows/amd64", &["w"]);
    let at = windows.digest.hex();
    assert_eq!(
        refused(oci.name(&windows, json!({})).finish()),
        format!("cannot load windows image on linux: blobs/sha256/{at}")
    );
    let mut oci = Oci::new();
    let windows = oci.image("windows/amd64", &["w"]);
    let linux = oci.image("linux/amd64", &["l"]);
    let index = oci.nested(&[on("windows/amd64", &windows), on("linux/amd64", &linux)]);
    let plan = plan(oci.name(&index, json!({})).finish()).unwrap();
    assert_eq!(plan.images[0].variants.len(), 1);
    assert_eq!(plan.images[0].carried.len(), 1, "the other's layer is carried");
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let tar = Tar::new().file("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#).file("index.json", "{}");
    assert_eq!(refused(tar), r#"oci-layout: unsupported layout version "2.0.0", expected 1.0.0"#);
}

proptest! {
    /// Damage anywhere in any kind of archive is an answer.
    #[test]
    fn damage_is_an_answer(at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let id = "1".repeat(64);
        let mut tar = match kind {
            0 => docker(keep, keep),
            1 => {
                let mut oci = Oci::new();
                let image = oci.image("linux/amd64", &["a"]);
                let index = oci.nested(&[on("linux/amd64", &image)]);
                oci.name(&index, json!({"io.containerd.image.name": "docker.io/library/app:1"})).finish()
            }
            _ => Tar::new()
                .file("repositories", json!({"app": {"1": id}}).to_string())
                .file(&format!("{id}/json"), r#"{"os":"linux","created":"x"}"#)
                .file(&format!("{id}/layer.tar"), "a"),
        }
        .finish();
        let at = at.index(tar.len());
        tar[at] = byte;
        if let Ok(mut documents) = kept(&tar) {
            let _ = Plan::of(&mut documents, None);
        }
    }
}

#[test]
fn legacy_ids_are_ids_and_parents_end() {
    let id = "1".repeat(64);
    let legacy = |text: &str| Tar::new().file("repositories", json!({"app": {"1": text}}).to_string());
    assert_eq!(
        refused(legacy("../../etc")),
        "bad digest in repositories: invalid sha256 digest \"../../etc\": expected 64 lower-case hex digits"
    );
    assert_eq!(
        refused(legacy(&id)),
        format!("the layer's description {id}/json is missing from the archive, named by repositories")
    );
    let lone = |json: &str| legacy(&id).file(&format!("{id}/json"), json);
    assert_eq!(
        refused(lone("{}")),
        format!("the layer {id}/layer.tar is missing from the archive, named by {id}/json")
    );
    let layered = |json: &str| lone(json).file(&format!("{id}/layer.tar"), "");
    assert_eq!(
        refused(layered(&format!(r#"{{"parent":"{id}"}}"#))),
        format!("the image {id} has more than 500 ancestors, or is its own")
    );
    let bad = refused(layered(r#"{"parent":"../x"}"#));
    assert!(bad.starts_with(&format!("bad digest in {id}/json: invalid sha256 digest \"../x\"")));
    assert_eq!(
        refused(layered(r#"{"os":"windows"}"#)),
        format!("cannot load windows image on linux: {id}/json")
    );
}
