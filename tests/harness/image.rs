//! Images to put into archives: layers by a few words, a config, names.

use serde_json::{Value, json};

use super::tarball::{self, Entry};
use super::{digest, hex_digest};

/// A layer: a list of entries, or bytes that are whatever they are.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    entries: Vec<Entry>,
    raw: Option<Vec<u8>>,
}

impl Layer {
    pub fn new() -> Self {
        Self::default()
    }

    /// A layer of exactly these bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { raw: Some(bytes.into()), ..Self::default() }
    }

    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(Entry::dir(format!("{name}/")))
    }

    pub fn file(self, name: &str, body: impl Into<Vec<u8>>) -> Self {
        self.entry(Entry::file(name, body))
    }

    pub fn symlink(self, name: &str, to: &str) -> Self {
        self.entry(Entry::symlink(name, to))
    }

    pub fn hardlink(self, name: &str, to: &str) -> Self {
        self.entry(Entry::hardlink(name, to))
    }

    /// Deletes what a lower layer has by this name.
    pub fn whiteout(self, name: &str) -> Self {
        let (dir, base) = name.rsplit_once('/').map_or(("", name), |(dir, base)| (dir, base));
        let slash = if dir.is_empty() { "" } else { "/" };
        self.file(&format!("{dir}{slash}.wh.{base}"), [])
    }

    /// Hides what lower layers have in this directory.
    pub fn opaque(self, dir: &str) -> Self {
        self.dir(dir).file(&format!("{dir}/.wh..wh..opq"), [])
    }

    /// The tar, uncompressed.
    pub fn tar(&self) -> Vec<u8> {
        self.raw.clone().unwrap_or_else(|| tarball::tar(&self.entries))
    }

    /// What Docker calls the size of a layer: its files, and its symlinks by what they say.
    pub fn content_bytes(&self) -> u64 {
        let bytes = |entry: &Entry| match entry.kind {
            b'0' => entry.body.len() as u64,
            b'2' => entry.link.len() as u64,
            _ => 0,
        };
        self.entries.iter().map(bytes).sum()
    }
}

/// An image: what the archive builders put into their layouts.
#[derive(Debug, Clone)]
pub struct Image {
    pub names: Vec<String>,
    pub layers: Vec<Layer>,
    /// The config without `rootfs`, which the layers give.
    pub config: Value,
    /// The config to the byte, if it is not to be made of `config`.
    pub raw_config: Option<Vec<u8>>,
}

/// The platform of the machine that runs the tests, in Go's words.
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Image {
    pub fn new(names: &[&str], layers: Vec<Layer>) -> Self {
        let created = "2024-03-01T12:00:00Z";
        let history: Vec<_> = (0..layers.len())
            .map(|at| json!({"created": created, "created_by": format!("/bin/sh -c #(nop) COPY layer {at}")}))
            .chain([json!({"created": created, "created_by": "CMD [\"/bin/app\"]", "empty_layer": true})])
            .collect();
        let config = json!({
            "architecture": host_architecture(),
            "os": "linux",
            "created": created,
            "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/app"], "Labels": null},
            "history": history,
            // No tool knows this field, and none may drop it: the ID would change.
            "x-unknown": {"kept": [1, 2.50, "three"]},
        });
        Self { names: names.iter().map(|&name| name.to_owned()).collect(), layers, config, raw_config: None }
    }

    /// A small image of two layers; another name, other bytes.
    pub fn small(name: &str) -> Self {
        let base = Layer::new()
            .dir("bin")
            .file("bin/app", format!("#!{name}\n").repeat(200))
            .dir("etc")
            .file("etc/doomed", "x")
            .dir("etc/old")
            .file("etc/old/a", "y");
        let top = Layer::new()
            .dir("etc")
            .whiteout("etc/doomed")
            .opaque("etc/old")
            .file("etc/name", name)
            .hardlink("etc/same", "etc/name")
            .symlink("etc/link", "../bin/app");
        Self::new(&[name], vec![base, top])
    }

    /// The same image with something else in its config.
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self
    }

    pub fn created(self, when: &str) -> Self {
        self.with(|config| config["created"] = when.into())
    }

    pub fn named(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// The config, laid out as no serializer would: whoever writes it anew is found out.
    pub fn config_bytes(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw_config {
            return raw.clone();
        }
        let mut config = self.config.clone();
        config["rootfs"] = json!({"type": "layers", "diff_ids": self.diff_ids()});
        let mut bytes = serde_json::to_vec_pretty(&config).expect("a Value serialises");
        bytes.extend_from_slice(b"  \n");
        bytes
    }

    /// The image ID: the digest of the config.
    pub fn id(&self) -> String {
        digest(&self.config_bytes())
    }

    pub fn hex(&self) -> String {
        hex_digest(&self.config_bytes())
    }

    pub fn diff_ids(&self) -> Vec<String> {
        self.layers.iter().map(|layer| digest(&layer.tar())).collect()
    }

    /// The layers, uncompressed.
    pub fn tars(&self) -> Vec<Vec<u8>> {
        self.layers.iter().map(Layer::tar).collect()
    }
}
