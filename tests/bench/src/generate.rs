//! Stores and archives of many images.

use std::fs;
use std::path::Path;

use sha2::Digest as _;

/// A store of larder's of `images` images, and `chunks` chunks of no image.
pub fn store(path: &Path, images: u64, chunks: u64) {
    larder_engine::bench::store_of(path, images);
    if chunks > 0 {
        larder_engine::bench::spread_chunks(path, chunks);
    }
}

/// What `docker save` writes of `images` images of one small layer.
pub fn archive(path: &Path, images: u64) {
    let mut tar = tar::Builder::new(fs::File::create(path).expect("a file"));
    let mut member = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).expect("a disk that works");
    };
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o644);
    layer.append_data(&mut header, "hello", &b"hello"[..]).expect("memory");
    let layer = layer.into_inner().expect("memory");
    let diff_id = hex::encode(sha2::Sha256::digest(&layer));
    member("layer.tar", &layer);
    let mut manifest = Vec::new();
    for number in 0..images {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2023-11-14T22:13:20Z","config":{{"Env":["NUMBER={number}"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{diff_id}"]}}}}"#
        );
        let name = format!("{}.json", hex::encode(sha2::Sha256::digest(&config)));
        member(&name, config.as_bytes());
        let tag = format!("image-{}:{}", number / 100, number % 100);
        manifest.push(serde_json::json!({"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}));
    }
    member("manifest.json", serde_json::Value::from(manifest).to_string().as_bytes());
    tar.finish().expect("a disk that works");
}
