use std::collections::HashMap;

use super::super::members::tests::Tar;
use super::super::plan::tests::{kept, plan};
use super::super::{OutgoingLayer, Plan, PlannedDocument, PlannedImage, PlannedName};
use super::*;
use crate::image::{DiffId, Manifest, Pinned};

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
}

/// What all that is not a document is in these archives.
fn whole(pinned: Pinned) -> Descriptor {
    Descriptor::new(media_type::OCI_LAYER, pinned.digest, pinned.size)
}

/// An image of the layers given, each of them its own text.
fn image(layers: &[&str], names: &[&str]) -> Outgoing {
    let diff_ids: Vec<_> = layers.iter().map(|layer| DiffId(Digest::of(layer))).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = config.to_string().into_bytes();
    let at = descriptor(media_type::OCI_CONFIG, &config);
    let blobs: Vec<_> = layers.iter().map(|l| descriptor(media_type::OCI_LAYER, l.as_bytes())).collect();
    let manifest = Manifest::generate(&at, &blobs);
    let target = descriptor(media_type::OCI_MANIFEST, &manifest);
    let layers = blobs.into_iter().zip(diff_ids).map(|(blob, diff_id)| OutgoingLayer { blob, diff_id });
    let name = |text: &&str| PlannedName { reference: text.parse().unwrap(), entry: None };
    Outgoing {
        names: names.iter().map(name).collect(),
        entry: None,
        target: target.clone(),
        variants: vec![OutgoingVariant { config: at.digest, layers: layers.collect() }],
        documents: vec![
            PlannedDocument { descriptor: (&at).into(), bytes: config.into() },
            PlannedDocument { descriptor: (&target).into(), bytes: manifest.into() },
        ],
        carried: Vec::new(),
    }
}

fn write(assembly: &Assembly, layers: &[&str]) -> Vec<u8> {
    let known: HashMap<_, _> = layers.iter().map(|layer| (Digest::of(layer), layer)).collect();
    let mut out = Vec::new();
    assembly.write(&mut out, |blob, out| out.write_all(known[&blob.digest].as_bytes())).unwrap();
    assert_eq!(out.len() as u64, assembly.total_bytes());
    out
}

fn text<'a>(assembly: &'a Assembly, name: &str) -> &'a str {
    let entry = assembly.entries.iter().find(|entry| entry.name == name).unwrap();
    let Content::Bytes(bytes) = &entry.content else { panic!() };
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_docker_archive_is_read_by_old_and_new() {
    let outgoing = image(&["a", "b"], &["app:1", "localhost/app:2"]);
    let assembly = Assembly::new(std::slice::from_ref(&outgoing), Format::Docker).unwrap();
    let names: Vec<_> = assembly.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names[names.len() - 4..], ["index.json", "manifest.json", "oci-layout", "repositories"]);
    let [a, b] = ["a", "b"].map(Digest::of);
    let config = outgoing.variants[0].config.hex();
    assert_eq!(
        serde_json::from_str::<Value>(text(&assembly, "manifest.json")).unwrap(),
        json!([{
            "Config": format!("blobs/sha256/{config}"),
            "RepoTags": ["app:1", "localhost/app:2"],
            "Layers": [format!("blobs/sha256/{}", a.hex()), format!("blobs/sha256/{}", b.hex())],
            "LayerSources": {
                a.to_string(): {"mediaType": media_type::OCI_LAYER, "size": 1, "digest": a},
                b.to_string(): {"mediaType": media_type::OCI_LAYER, "size": 1, "digest": b},
            },
        }])
    );
    assert_eq!(
        text(&assembly, "repositories"),
        format!(r#"{{"app":{{"1":"{0}"}},"localhost/app":{{"2":"{0}"}}}}"#, b.hex())
    );
    assert_eq!(
        text(&assembly, "index.json"),
        format!(
            concat!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":["#,
                r#"{{"annotations":{{"io.containerd.image.name":"docker.io/library/app:1","org.opencontainers.image.ref.name":"1"}},"#,
                r#""digest":"{0}","mediaType":"{1}","size":{2}}},"#,
                r#"{{"annotations":{{"io.containerd.image.name":"localhost/app:2","org.opencontainers.image.ref.name":"2"}},"#,
                r#""digest":"{0}","mediaType":"{1}","size":{2}}}]}}"#
            ),
            outgoing.target.digest,
            media_type::OCI_MANIFEST,
            outgoing.target.size
        )
    );
}

#[test]
fn what_is_written_is_read_as_what_it_was() {
    let outgoing = [image(&["a", "b"], &["app:1", "app:2"]), image(&["b"], &[])];
    for format in [Format::Docker, Format::Oci] {
        let assembly = Assembly::new(&outgoing, format).unwrap();
        assert_eq!(assembly, Assembly::new(&outgoing, format).unwrap());
        let plan = Plan::of(&mut kept(&write(&assembly, &["a", "b"])).unwrap(), None).unwrap();
        let [one, two] = &plan.images[..] else { panic!() };
        let names: Vec<_> = one.references().map(Reference::familiar).collect();
        assert_eq!(names, ["app:1", "app:2"]);
        assert!(two.names.is_empty());
        assert_eq!(one.target.as_ref().unwrap().digest, outgoing[0].target.digest);
        // Loaded and saved again, it is the same archive.
        let again: Vec<_> = plan.images.into_iter().map(back).collect();
        assert_eq!(Assembly::new(&again, format).unwrap(), assembly);
    }
}

/// What a store would give back of an image that it took in.
fn back(image: PlannedImage) -> Outgoing {
    let variants = image.variants.iter().map(|variant| OutgoingVariant {
        config: variant.config.as_document().unwrap().descriptor.digest,
        layers: variant
            .layers
            .iter()
            .map(|layer| OutgoingLayer { blob: whole(layer.blob.unwrap()), diff_id: layer.diff_id.unwrap() })
            .collect(),
    });
    Outgoing {
        variants: variants.collect(),
        names: image.names,
        entry: image.entry,
        target: image.target.unwrap(),
        documents: image.documents,
        carried: image.carried.into_iter().map(|blob| whole(blob.descriptor)).collect(),
    }
}

#[test]
fn a_line_goes_back_as_it_came() {
    let mut outgoing = image(&["a"], &["app:1"]);
    let (digest, size) = (outgoing.target.digest, outgoing.target.size);
    let with = |annotations: &str| {
        format!(
            r#"{{ "size":{size},"digest":"{digest}",  "x":[1e2], "mediaType":"{}","annotations":{annotations}}}"#,
            media_type::OCI_MANIFEST
        )
    };
    let index = |outgoing: &Outgoing, format| {
        let assembly = Assembly::new(std::slice::from_ref(outgoing), format).unwrap();
        text(&assembly, "index.json").to_owned()
    };
    // With its name in containerd's annotation: verbatim in both formats.
    let complete = with(r#"{"io.containerd.image.name": "docker.io/library/app:1","k":"v"}"#);
    outgoing.names[0].entry = Some(complete.clone());
    for format in [Format::Docker, Format::Oci] {
        assert!(index(&outgoing, format).contains(&complete));
    }
    // With a name in another form: verbatim for OCI, completed for Docker.
    let podman = with(r#"{"org.opencontainers.image.ref.name":"app:1","k":"v"}"#);
    outgoing.names[0].entry = Some(podman.clone());
    assert!(index(&outgoing, Format::Oci).contains(&podman));
    let completed: Value = serde_json::from_str(&index(&outgoing, Format::Docker)).unwrap();
    let completed = &completed["manifests"][0];
    assert_eq!(
        completed["annotations"],
        json!({"io.containerd.image.name": "docker.io/library/app:1", "k": "v",
            "org.opencontainers.image.ref.name": "1"})
    );
    assert_eq!(completed["x"], json!([100.0]));
    // Saved by its digest, it has no name, whatever the line says.
    outgoing.names.clear();
    outgoing.entry = Some(podman.clone());
    let nameless: Value = serde_json::from_str(&index(&outgoing, Format::Docker)).unwrap();
    assert_eq!(nameless["manifests"][0]["annotations"], json!({"k": "v"}));
    outgoing.entry = Some(with(r#"{"k":"v"}"#));
    assert!(index(&outgoing, Format::Docker).contains(outgoing.entry.as_ref().unwrap()));
}

#[test]
fn only_the_first_platform_is_in_the_manifest() {
    let mut outgoing = image(&["a"], &["app:1"]);
    let other = image(&["b"], &[]);
    outgoing.documents.extend(other.documents);
    outgoing.variants.extend(other.variants);
    outgoing.carried.push(descriptor("application/vnd.in-toto+json", b"statement"));
    let assembly = Assembly::new(&[outgoing], Format::Docker).unwrap();
    let manifest: Value = serde_json::from_str(text(&assembly, "manifest.json")).unwrap();
    assert_eq!(manifest.as_array().unwrap().len(), 1);
    assert_eq!(manifest[0]["Layers"][0], format!("blobs/sha256/{}", Digest::of("a").hex()));
    let blobs = assembly.entries.iter().filter(|entry| entry.name.len() > 60).count();
    assert_eq!(blobs, 4 + 2 + 1);
}

#[test]
fn an_archive_of_nothing_is_one() {
    let assembly = Assembly::new(&[], Format::Docker).unwrap();
    assert_eq!(text(&assembly, "manifest.json"), "[]");
    let tar = write(&assembly, &[]);
    assert!(Plan::of(&mut kept(&tar).unwrap(), None).unwrap().images.is_empty());
    assert!(plan(Tar::new()).is_err(), "but nothing is none");
}

#[test]
fn an_image_that_is_not_whole_is_refused() {
    let mut lacking = image(&["a"], &[]);
    let config = lacking.documents.remove(0);
    let error = Assembly::new(std::slice::from_ref(&lacking), Format::Oci).unwrap_err();
    let id = lacking.target.digest;
    assert_eq!(error.to_string(), format!("cannot assemble an archive: a config of {id} is missing"));
    lacking.documents = vec![config];
    let error = Assembly::new(&[lacking], Format::Oci).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot assemble an archive: the root of {id} is missing"));
}

#[test]
fn a_blob_of_another_length_is_an_error() {
    let assembly = Assembly::new(&[image(&["layer"], &[])], Format::Oci).unwrap();
    for bytes in [&b"laye"[..], b"layer1"] {
        let error = assembly.write(&mut Vec::new(), |_, out| out.write_all(bytes)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
