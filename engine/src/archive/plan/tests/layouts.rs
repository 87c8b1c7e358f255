use super::*;

#[test]
fn docker_before_25_links_layers_it_has_written() {
    let config = config("linux/amd64", &["a", "b", "a"]);
    let hex = Digest::of(&config).hex();
    let manifest = json!([
        {"Config": format!("{hex}.json"), "RepoTags": ["app:1", "docker.io/library/app:2"],
         "Layers": ["x/layer.tar", "y/layer.tar", "z/layer.tar"], "Parent": "sha256:0"},
    ]);
    let tar = Tar::new()
        .file(&format!("{hex}.json"), &config)
        .file("x/layer.tar", "a")
        .file("y/layer.tar", "b")
        .link(EntryType::Symlink, "z/layer.tar", "../x/layer.tar")
        .file("manifest.json", manifest.to_string())
        .file("repositories", "ignored");
    let plan = plan(tar).unwrap();
    assert_eq!(plan.layout, Layout::DockerArchive);
    let [image] = &plan.images[..] else { panic!() };
    assert_eq!(names(image), ["docker.io/library/app:1", "docker.io/library/app:2"]);
    assert_eq!((&image.target, &image.entry), (&None, &None));
    assert_eq!(&image.documents[0].bytes[..], config);
    let variant = &image.variants[0];
    assert_eq!(members(variant), ["x/layer.tar", "y/layer.tar", "x/layer.tar"]);
    assert_eq!(variant.layers[1].diff_id, Some(diff("b")));
    assert_eq!((&variant.layers[0].blob, &variant.manifest), (&None, &None));
    assert_eq!(variant.platform.to_string(), "linux/amd64");
}

#[test]
fn kaniko_and_crane_name_config_and_layers_by_digest() {
    let config = config("linux/arm64", &["a"]);
    let manifest = json!([{"Config": Digest::of(&config).to_string(), "RepoTags": null, "Layers": ["0af.tar.gz"],
        "LayerSources": {"sha256:0": {"mediaType": "foreign", "urls": ["x"]}}}]);
    let tar = Tar::new()
        .file("0af.tar.gz", "gzip")
        .file("./manifest.json", manifest.to_string())
        .file(&Digest::of(&config).to_string(), &config);
    let plan = plan(tar).unwrap();
    assert!(plan.images[0].names.is_empty());
    assert_eq!(members(&plan.images[0].variants[0]), ["0af.tar.gz"]);
}

#[test]
fn an_archive_may_be_empty() {
    let empty = plan(Tar::new().file("manifest.json", " []\n")).unwrap();
    assert_eq!((empty.layout, empty.images.len()), (Layout::DockerArchive, 0));
    assert!(plan(Oci::new().finish()).unwrap().images.is_empty());
}

#[test]
fn a_layout_names_images_in_full_or_not_at_all() {
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let other = oci.image("linux/amd64", &["b"]);
    let tar = oci
        .name(&image, json!({"org.opencontainers.image.ref.name": "localhost/app:1"}))
        .name(
            &image,
            json!({"io.containerd.image.name": "docker.io/library/app:2", "org.opencontainers.image.ref.name": "2"}),
        )
        .name(&image, json!({"org.opencontainers.image.ref.name": "localhost/app"}))
        .name(&other, json!({"org.opencontainers.image.ref.name": "latest"}))
        .finish();
    let plan = plan(tar).unwrap();
    assert_eq!(plan.layout, Layout::OciLayout);
    let [first, second] = &plan.images[..] else { panic!() };
    assert_eq!(names(first), ["localhost/app:1", "docker.io/library/app:2", "localhost/app:latest"]);
    assert!(names(second).is_empty(), "a bare tag names nothing");
    let entry: Value = serde_json::from_str(first.names[1].entry.as_ref().unwrap()).unwrap();
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "2");
    assert!(second.entry.as_ref().unwrap().contains("latest"));

    assert_eq!(first.target.as_ref().unwrap().digest, image.digest);
    assert_eq!(first.documents.len(), 2);
    let layer = &first.variants[0].layers[0];
    let blob = layer.blob.as_ref().unwrap();
    assert_eq!(blob.digest, Digest::of("gzip of a"));
    assert_eq!(layer.member.blob_hex().unwrap(), blob.digest.hex());
    assert_eq!(layer.diff_id, Some(diff("a")));
}

#[test]
fn an_index_may_lack_platforms_and_carry_attestations() {
    let mut oci = Oci::new();
    let amd64 = oci.image("linux/amd64", &["a"]);
    let arm = oci.image("linux/arm", &["b"]);
    let statement = oci.blob("application/vnd.in-toto+json", b"{\"statement\":1}");
    let unknown = oci.blob(media_type::OCI_CONFIG, &config("unknown/unknown", &[]));
    let attestation = Manifest::generate(&unknown, std::slice::from_ref(&statement));
    let attestation = oci.blob(media_type::OCI_MANIFEST, &attestation);
    let mut about = on("unknown/unknown", &attestation);
    about["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": amd64.digest.to_string()});
    let lacking = descriptor(media_type::OCI_MANIFEST, b"not there");
    let index = oci.nested(&[
        about,
        on("linux/amd64", &amd64),
        on("linux/arm/v6", &arm),
        on("linux/s390x", &lacking),
        on("linux/amd64", &amd64),
    ]);
    let index = oci.nested(&[serde_json::to_value(&index).unwrap()]);
    let name = json!({"io.containerd.image.name": "docker.io/me/app:1"});
    let mut documents = kept(&oci.name(&index, name).finish().finish()).unwrap();

    let plan = Plan::of(&mut documents, None).unwrap();
    let [image] = &plan.images[..] else { panic!() };
    let platforms: Vec<_> = image.variants.iter().map(|v| v.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v6"], "the variant is the index's to say");
    assert_eq!(image.absent.iter().map(|d| d.digest).collect::<Vec<_>>(), [lacking.digest]);
    let carried: Vec<_> = image.carried.iter().map(|blob| blob.descriptor.digest).collect();
    assert_eq!(carried, [unknown.digest, statement.digest]);
    // Two indexes, two manifests with configs, and the attestation's manifest.
    assert_eq!(image.documents.len(), 7);

    let mut only = |platform: &str| Plan::of(&mut documents, Some(&platform.parse().unwrap()));
    let image = only("linux/arm/v6").unwrap().images.remove(0);
    assert_eq!((image.variants.len(), image.carried.len(), image.documents.len()), (1, 0, 4));
    assert_eq!(image.absent.len(), 3, "amd64, its attestation and s390x");
    let image = only("linux/amd64").unwrap().images.remove(0);
    assert_eq!(image.carried.len(), 2, "an attestation goes with its image");
    assert_eq!(
        chain(&only("linux/riscv64").unwrap().check_loadable().unwrap_err()),
        "me/app:1 is no image for linux/riscv64: it is for linux/amd64, linux/arm/v6"
    );
}

#[test]
fn an_artifact_is_carried_whole() {
    let mut oci = Oci::new();
    let empty = oci.blob("application/vnd.oci.empty.v1+json", b"{}");
    let chart = oci.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart");
    let artifact = Manifest::generate(&empty, std::slice::from_ref(&chart));
    let artifact = oci.blob(media_type::OCI_MANIFEST, &artifact);
    let unknown = oci.blob("application/x-unknown", b"whatever");
    let plan = plan(oci.name(&artifact, json!({})).name(&unknown, Value::Null).finish()).unwrap();
    assert_eq!(plan.images.len(), 2);
    assert!(plan.images.iter().all(|image| image.variants.is_empty()));
    assert_eq!(plan.images[0].carried.len(), 2);
    assert_eq!(plan.images[0].documents.len(), 1);
    assert_eq!(plan.images[1].carried[0].descriptor.digest, unknown.digest);
}

#[test]
fn docker_s_media_types_are_images_too() {
    let mut oci = Oci::new();
    let config = oci.blob(media_type::DOCKER_CONFIG, &config("linux/amd64", &["a"]));
    let layer = oci.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", b"gzip");
    let manifest = String::from_utf8(Manifest::generate(&config, &[layer])).unwrap();
    let manifest = manifest.replace(media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST);
    let manifest = oci.blob(media_type::DOCKER_MANIFEST, manifest.as_bytes());
    let list = json!({"schemaVersion": 2, "mediaType": media_type::DOCKER_INDEX, "manifests": [manifest]});
    let list = oci.blob(media_type::DOCKER_INDEX, list.to_string().as_bytes());
    let plan = plan(oci.name(&list, json!({})).finish()).unwrap();
    assert_eq!(plan.images[0].variants.len(), 1);
}

#[test]
fn a_hybrid_s_manifest_adds_names_and_images() {
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let second = oci.blob(media_type::OCI_CONFIG, &config("linux/amd64", &["b"]));
    let layer = oci.blob(media_type::OCI_LAYER, b"b");
    let blob = |digest: Digest| format!("blobs/sha256/{}", digest.hex());
    let first_config = Digest::of(config("linux/amd64", &["a"]));
    let manifest = json!([
        {"Config": blob(first_config), "RepoTags": ["app:1", "app:more"], "Layers": ["anything"]},
        {"Config": blob(second.digest), "RepoTags": null, "Layers": [blob(layer.digest)]},
    ]);
    let mut oci = oci.name(&image, json!({"io.containerd.image.name": "docker.io/library/app:1"}));
    oci.tar = oci.tar.file("manifest.json", manifest.to_string()).file("repositories", "{}");
    let plan = plan(oci.finish()).unwrap();
    assert_eq!(plan.layout, Layout::Hybrid);
    let [one, two] = &plan.images[..] else { panic!() };
    assert_eq!(names(one), ["docker.io/library/app:1", "docker.io/library/app:more"]);
    assert!(one.names[0].entry.is_some() && one.names[1].entry.is_none());
    assert_eq!(one.variants.len(), 1);
    assert!(two.target.is_none() && two.names.is_empty());
    assert_eq!(two.variants[0].layers[0].diff_id, Some(diff("b")));
}

#[test]
fn an_index_and_its_manifest_may_both_have_names() {
    let mut oci = Oci::new();
    let amd64 = oci.image("linux/amd64", &["a"]);
    let index = oci.nested(&[on("linux/amd64", &amd64)]);
    let best = format!("blobs/sha256/{}", Digest::of(config("linux/amd64", &["a"])).hex());
    let manifest = json!([
        {"Config": best, "RepoTags": ["app:1"], "Layers": ["ignored"]},
        {"Config": best, "RepoTags": ["app:1-amd64", "app:new"], "Layers": ["ignored"]},
    ]);
    let name = |name: &str| json!({"io.containerd.image.name": format!("docker.io/library/{name}")});
    let mut oci = oci.name(&index, name("app:1")).name(&amd64, name("app:1-amd64"));
    oci.tar = oci.tar.file("manifest.json", manifest.to_string());
    let plan = plan(oci.finish()).unwrap();
    let all: Vec<_> = plan.images.iter().map(names).collect();
    assert_eq!(
        all,
        [
            vec!["docker.io/library/app:1".to_owned(), "docker.io/library/app:new".into()],
            vec!["docker.io/library/app:1-amd64".into()]
        ]
    );
}

#[test]
fn a_hybrid_for_one_platform_leaves_the_others_out() {
    let mut oci = Oci::new();
    let amd64 = oci.image("linux/amd64", &["a"]);
    let arm64 = oci.image("linux/arm64", &["b"]);
    let index = oci.nested(&[on("linux/amd64", &amd64), on("linux/arm64", &arm64)]);
    let best = format!("blobs/sha256/{}", Digest::of(config("linux/amd64", &["a"])).hex());
    let layers = [format!("blobs/sha256/{}", Digest::of("gzip of a").hex())];
    let manifest = json!([{"Config": best, "RepoTags": ["app:1"], "Layers": layers}]);
    let mut oci = oci.name(&index, json!({"io.containerd.image.name": "docker.io/library/app:1"}));
    oci.tar = oci.tar.file("manifest.json", manifest.to_string());
    let plan = plan_for(oci.finish(), Some("linux/arm64")).unwrap();
    let [image] = &plan.images[..] else { panic!() };
    assert_eq!(names(image), ["docker.io/library/app:1"]);
    assert_eq!(image.variants[0].platform.to_string(), "linux/arm64");
}

#[test]
fn a_directory_is_flat_and_has_no_name() {
    let config = config("linux/amd64", &["a"]);
    let layer = descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", b"gzip");
    let config_at = descriptor(media_type::DOCKER_CONFIG, &config);
    let manifest = Manifest::generate(&config_at, std::slice::from_ref(&layer));
    let text = String::from_utf8(manifest).unwrap();
    let text = text.replace(media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST);
    let blobs = || Tar::new().file(&config_at.digest.hex(), &config).file(&layer.digest.hex(), "gzip");
    let tar = blobs().file("version", "Directory Transport Version: 1.1\n").file("manifest.json", &text);
    let one_image = plan(tar).unwrap();
    assert_eq!(one_image.layout, Layout::DockerDir);
    let [one] = &one_image.images[..] else { panic!() };
    assert_eq!(*one.target.as_ref().unwrap(), descriptor(media_type::DOCKER_MANIFEST, text.as_bytes()));
    assert!(one.names.is_empty() && one.entry.is_none());
    assert_eq!(members(&one.variants[0]), [layer.digest.hex()]);

    // `skopeo copy --all`: an index, and its manifests beside it.
    let entry = on("linux/amd64", &descriptor(media_type::DOCKER_MANIFEST, text.as_bytes()));
    let list = json!({"schemaVersion": 2, "mediaType": media_type::DOCKER_INDEX, "manifests": [entry]});
    let tar = blobs()
        .file(&format!("{}.manifest.json", Digest::of(&text).hex()), &text)
        .file("manifest.json", list.to_string());
    let plan = plan(tar).unwrap();
    assert_eq!(plan.images[0].variants.len(), 1);
    assert_eq!(plan.images[0].documents.len(), 3);
}

#[test]
fn an_image_from_before_configs_gets_the_one_docker_made() {
    let [top, base] = ["1", "2"].map(|digit| digit.repeat(64));
    let tags = json!({"app": {"1": top, "2": top}, "me/base": {"latest": base}});
    let tar = Tar::new()
        .file("repositories", tags.to_string())
        .file(&format!("{top}/VERSION"), "1.0")
        .file(
            &format!("{top}/json"),
            format!(
                r#"{{"id":"{top}","parent":"{base}","os":"linux","architecture":"amd64","created":"2014-10-13T21:19:18.674353812Z",
                "container_config":{{"Cmd":["/bin/sh","-c","echo a && b"]}},"author":"me","Size":17, "config":{{"Cmd": ["<sh>"]}},
                "docker_version":"1.9.1","throwaway":true}}"#
            ),
        )
        .file(&format!("{top}/layer.tar"), "b")
        .file(&format!("{base}/json"), format!(r#"{{"id":"{base}","comment":"Imported"}}"#))
        .file(&format!("{base}/layer.tar"), "a");
    let plan = plan(tar).unwrap();
    assert_eq!(plan.layout, Layout::LegacyV1);
    let [app, parent] = &plan.images[..] else { panic!() };
    assert_eq!(names(app), ["docker.io/library/app:1", "docker.io/library/app:2"]);
    assert_eq!(names(parent), ["docker.io/me/base:latest"]);
    assert_eq!(members(&app.variants[0]), [format!("{base}/layer.tar"), format!("{top}/layer.tar")]);
    assert_eq!(app.variants[0].layers[0].diff_id, None);
    let PlannedConfig::FromV1(config) = &app.variants[0].config else { panic!() };
    let [a, b] = [diff("a"), diff("b")];
    let made = concat!(
        r#"{"architecture":"amd64","author":"me","config":{"Cmd":["\u003csh\u003e"]},"#,
        r#""container_config":{"Cmd":["/bin/sh","-c","echo a \u0026\u0026 b"]},"#,
        r#""created":"2014-10-13T21:19:18.674353812Z","docker_version":"1.9.1","#,
        r#""history":[{"created":"0001-01-01T00:00:00Z","comment":"Imported"},"#,
        r#"{"created":"2014-10-13T21:19:18.674353812Z","author":"me","created_by":"/bin/sh -c echo a \u0026\u0026 b"}],"#,
        r#""os":"linux","rootfs":{"type":"layers","diff_ids":["#,
    );
    let made = format!(r#"{made}"{a}","{b}"]}}}}"#);
    assert_eq!(String::from_utf8(config.document(&[a, b])).unwrap(), made);
}
