//! Small archives that ask for much memory: what is kept of them is counted.

use super::*;
use crate::archive::{Fault, LimitError};

fn with(descriptor: &Descriptor, key: &str, value: Value) -> Value {
    let mut entry = serde_json::to_value(descriptor).unwrap();
    entry[key] = value;
    entry
}

fn limit(tar: Tar) -> LimitError {
    match plan(tar).unwrap_err() {
        Error::Limit(limit) => limit,
        other => panic!("{other}"),
    }
}

#[test]
fn text_of_nested_indexes_is_not_kept_for_each_image() {
    let long = "annotation ".repeat(10_000);
    let noise = json!({"note": long});
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &["a"]);
    let unknown = oci.blob(&long, b"unknown");
    let absent = descriptor(&long, b"absent");
    let lines = [&image, &unknown, &absent].map(|line| with(line, "annotations", noise.clone()));
    let inner = oci.nested(&lines);
    for number in 0..60 {
        let mut outer = vec![with(&inner, "annotations", noise.clone())];
        outer.push(serde_json::to_value(descriptor("x", format!("{number}").as_bytes())).unwrap());
        let outer = oci.nested(&outer);
        oci = oci.name(&outer, json!({"note": "short"}));
    }
    let plan = plan(oci.finish()).unwrap();
    assert_eq!(plan.images.len(), 60);
    for image in &plan.images {
        assert_eq!((image.variants.len(), image.carried.len(), image.absent.len()), (1, 1, 2));
        let kept = format!("{:?}{:?}{:?}", image.target, image.variants, image.carried);
        assert!(!kept.contains("annotation ") && !kept.contains("short"));
    }
    // Documents are shared: each is there once, however many images lead to it.
    let bytes =
        |image: &PlannedImage| image.documents.iter().map(|d| Arc::as_ptr(&d.bytes)).collect::<Vec<_>>();
    let (one, other) = (bytes(&plan.images[0]), bytes(&plan.images[59]));
    assert_eq!((one.len(), &one[1..]), (4, &other[1..]), "all but the outer index");
}

#[test]
fn lines_are_counted_for_each_image_that_leads_to_them() {
    let mut oci = Oci::new();
    let there = oci.blob("x", b"0");
    let lines: Vec<_> = (0..1000).map(|n| json!(descriptor("x", format!("{n}").as_bytes()))).collect();
    let inner = oci.nested(&lines);
    assert_eq!(json!(there), lines[0], "something has to be there");
    for number in 0..100 {
        let outer = [json!(inner), json!(descriptor("y", format!("{number}").as_bytes()))];
        let outer = oci.nested(&outer);
        oci = oci.name(&outer, json!({}));
    }
    let error = limit(oci.finish());
    assert_eq!(error, LimitError::Lines { limit: 100_000 });
    let text = "the archive's indexes have more than 100000 lines together, over all images";
    assert_eq!(error.to_string(), text);
    assert_eq!(Error::from(error).fault(), Fault::Limit);
}

#[test]
fn an_index_of_lines_without_end_is_refused() {
    let line = json!(descriptor("x", b"absent"));
    let mut oci = Oci::new();
    let inner = oci.nested(&vec![line; 70_000]);
    let refused = refused(oci.name(&inner, json!({})).finish());
    assert!(refused.ends_with("it has more than 250000 values"), "{refused}");
}

#[test]
fn a_platform_without_end_is_refused() {
    let os = "linux".repeat(1000);
    let mut oci = Oci::new();
    let image = oci.image("linux/amd64", &[]);
    let inner = oci.nested(&[with(&image, "platform", json!({"os": os, "architecture": "amd64"}))]);
    let wanted = format!("blobs/sha256/{}", inner.digest.hex());
    let error = limit(oci.name(&inner, json!({})).finish());
    assert_eq!(error, LimitError::PlatformBytes { member: wanted, limit: 1000 });

    let config = json!({"os": os, "architecture": "amd64", "rootfs": {"diff_ids": []}});
    let entry = json!([{"Config": "config.json", "Layers": []}]);
    let tar = Tar::new().file("config.json", config.to_string()).file("manifest.json", entry.to_string());
    assert_eq!(limit(tar), LimitError::PlatformBytes { member: "config.json".into(), limit: 1000 });
}

#[test]
fn images_names_and_layers_come_to_an_end() {
    let mut oci = Oci::new();
    for number in 0..=20_000 {
        let blob = oci.blob("x", format!("{number}").as_bytes());
        oci.index.push(json!(blob));
    }
    assert_eq!(limit(oci.finish()), LimitError::Images { limit: 20_000 });

    let docker = |diffs: usize, layers: Vec<&str>, tags: Vec<String>| {
        let diffs = vec![diff("a"); diffs];
        let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diffs}});
        let entry = json!([{"Config": "config.json", "RepoTags": tags, "Layers": layers}]);
        let tar = Tar::new().file("a", "").file("config.json", config.to_string());
        tar.file("manifest.json", entry.to_string())
    };
    let tags = (0..=100_000).map(|number| format!("app:{number}"));
    assert_eq!(limit(docker(0, Vec::new(), tags.collect())), LimitError::Names { limit: 100_000 });
    let layers = vec!["a"; 127_001];
    assert_eq!(limit(docker(127_001, layers, Vec::new())), LimitError::Layers { limit: 127_000 });
}

#[test]
fn configs_that_are_made_count_as_documents() {
    let id = |number: usize| format!("{number:064}");
    let base = json!({"os": "linux", "comment": "x".repeat(2 << 20)}).to_string();
    let mut tar = Tar::new().file(&format!("{}/json", id(0)), base).file(&format!("{}/layer.tar", id(0)), "");
    let mut tags = serde_json::Map::new();
    for number in 1..=40 {
        let image = json!({"os": "linux", "parent": id(0)}).to_string();
        tar = tar.file(&format!("{}/json", id(number)), image).file(&format!("{}/layer.tar", id(number)), "");
        tags.insert(format!("v{number}"), json!(id(number)));
    }
    let error = limit(tar.file("repositories", json!({"app": tags}).to_string()));
    assert!(matches!(error, LimitError::DocumentsBytes { .. }), "{error}");
}
