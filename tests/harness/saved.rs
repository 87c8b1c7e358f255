//! Reads archives that something else wrote: the tests' own eyes.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{digest, hex_digest};

/// An archive, read.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub kind: tar::EntryType,
    pub mode: u32,
    pub owner: (u64, u64),
    pub mtime: u64,
    pub link: Option<String>,
    pub body: Vec<u8>,
}

/// An image of an archive, its layers uncompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedImage {
    /// Sorted.
    pub names: Vec<String>,
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
}

impl Saved {
    #[track_caller]
    pub fn read(bytes: &[u8]) -> Self {
        let mut members = Vec::new();
        for entry in tar::Archive::new(bytes).entries().expect("a tar") {
            let mut entry = entry.expect("a whole tar");
            let mut body = Vec::new();
            entry.read_to_end(&mut body).expect("a whole member");
            let header = entry.header();
            members.push(Member {
                name: String::from_utf8(entry.path_bytes().into_owned()).expect("a name in UTF-8"),
                kind: header.entry_type(),
                mode: header.mode().expect("a mode"),
                owner: (header.uid().expect("a uid"), header.gid().expect("a gid")),
                mtime: header.mtime().expect("an mtime"),
                link: entry.link_name().expect("a link").map(|link| link.to_string_lossy().into_owned()),
                body,
            });
        }
        Self { members }
    }

    /// A layout that lies in a directory.
    pub fn read_dir(dir: &Path) -> Self {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_dir_all("", dir).expect("a directory");
        Self::read(&builder.into_inner().expect("a Vec takes everything"))
    }

    pub fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.name.as_str()).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// A file's bytes, through links inside the archive.
    #[track_caller]
    pub fn file(&self, name: &str) -> &[u8] {
        let found = self.members.iter().rfind(|member| member.name == name);
        let member = found.unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        match (&member.link, name.rsplit_once('/')) {
            (Some(link), Some((dir, _))) if member.kind.is_symlink() => {
                let up = link.strip_prefix("../").filter(|_| !dir.contains('/'));
                self.file(up.unwrap_or_else(|| panic!("a link that no engine writes: {link}")))
            }
            (Some(link), _) => self.file(link),
            _ => &member.body,
        }
    }

    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A blob of a layout; its digest must be right.
    #[track_caller]
    pub fn blob(&self, named: &str) -> &[u8] {
        let hex = named.strip_prefix("sha256:").expect("a sha256 digest");
        let bytes = self.file(&format!("blobs/sha256/{hex}"));
        assert_eq!(digest(bytes), named, "a blob is not what its name says");
        bytes
    }

    /// The images as `manifest.json` has them.
    #[track_caller]
    pub fn images(&self) -> Vec<SavedImage> {
        let manifest = self.json("manifest.json");
        let images = manifest.as_array().expect("manifest.json is a list").iter();
        let images = images.map(|image| {
            let layers = image["Layers"].as_array().expect("Layers").iter();
            let mut names = strings(&image["RepoTags"]);
            names.sort();
            let config = self.file(image["Config"].as_str().expect("Config")).to_vec();
            let layers = layers.map(|name| unpack(self.file(name.as_str().expect("a name")))).collect();
            let image = SavedImage { names, config, layers };
            assert_eq!(image.diff_ids(), image.claimed_diff_ids(), "the layers are not the config's");
            image
        });
        let mut images: Vec<_> = images.collect();
        images.sort_by_key(SavedImage::id);
        images
    }

    /// The entries of `index.json`, to the byte.
    #[track_caller]
    pub fn index_entries(&self) -> Vec<String> {
        let index: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(self.file("index.json")).expect("index.json is an object");
        let entries: Vec<Box<RawValue>> =
            serde_json::from_str(index["manifests"].get()).expect("manifests is a list");
        entries.iter().map(|entry| entry.get().to_owned()).collect()
    }

    /// The images that the layout's index names, nested indexes included; an image per
    /// manifest, with the names of all its entries.
    #[track_caller]
    pub fn oci_images(&self) -> Vec<SavedImage> {
        let mut images: BTreeMap<String, SavedImage> = BTreeMap::new();
        for entry in self.index_entries() {
            let entry: Value = serde_json::from_str(&entry).expect("an entry is JSON");
            let annotations = &entry["annotations"];
            let name = annotations["io.containerd.image.name"]
                .as_str()
                .or(annotations["org.opencontainers.image.ref.name"].as_str());
            for (manifest, image) in self.images_under(&entry) {
                let image = images.entry(manifest).or_insert(image);
                image.names.extend(name.map(str::to_owned));
                image.names.sort();
            }
        }
        images.into_values().collect()
    }

    fn images_under(&self, descriptor: &Value) -> Vec<(String, SavedImage)> {
        let digest = descriptor["digest"].as_str().expect("a digest").to_owned();
        if !self.has(&format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"))) {
            return Vec::new();
        }
        let bytes = self.blob(&digest);
        assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64), "size of {digest}");
        let document: Value = serde_json::from_slice(bytes).expect("a manifest or an index");
        if let Some(children) = document["manifests"].as_array() {
            return children.iter().flat_map(|child| self.images_under(child)).collect();
        }
        let blob = |descriptor: &Value| {
            let bytes = self.blob(descriptor["digest"].as_str().expect("a digest"));
            assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64), "size of {descriptor}");
            bytes.to_vec()
        };
        let layers = document["layers"].as_array().expect("layers").iter();
        let layers = layers.map(|layer| unpack(&blob(layer))).collect();
        let image = SavedImage { names: Vec::new(), config: blob(&document["config"]), layers };
        vec![(digest, image)]
    }
}

impl SavedImage {
    pub fn id(&self) -> String {
        digest(&self.config)
    }

    pub fn diff_ids(&self) -> Vec<String> {
        self.layers.iter().map(|layer| format!("sha256:{}", hex_digest(layer))).collect()
    }

    /// What the config says of its layers.
    pub fn claimed_diff_ids(&self) -> Vec<String> {
        let config: Value = serde_json::from_slice(&self.config).expect("a config is JSON");
        strings(&config["rootfs"]["diff_ids"])
    }
}

/// A list of strings; none for `null`.
pub fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().expect("a list of strings").to_owned()).collect()
}

/// What a layer is under its compression.
pub fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).expect("whole gzip");
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        out = zstd::decode_all(bytes).expect("whole zstd");
    } else {
        out = bytes.to_vec();
    }
    out
}
