//! Small docker-archives for the tests of the verbs.

use serde_json::json;

use crate::image::Digest;

/// A layer: a tar of files with these names and contents.
pub fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        append(&mut tar, name, bytes);
    }
    tar.into_inner().unwrap()
}

/// An archive of one image called `name`, as `docker save` wrote it.
pub fn docker_archive(name: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(Digest::of).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z",
        "config": {"Labels": {"of": name}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let names: Vec<_> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": names}]);
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "config.json", config.to_string().as_bytes());
    for (name, layer) in names.iter().zip(layers) {
        append(&mut tar, name, layer);
    }
    append(&mut tar, "manifest.json", manifest.to_string().as_bytes());
    tar.into_inner().unwrap()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes).unwrap();
}

/// Bytes that do not compress and are the same everywhere.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
