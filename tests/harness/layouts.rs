//! Archives of every layout that is met, built the way their writers build them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::archive::Archive;
use super::codec::Codec;
use super::hex_digest;
use super::image::Image;
use super::tarball::Entry;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// `docker save` up to Docker 24: a directory a layer under an ID of the first days,
/// a layer that is there already as a symlink.
pub fn docker24(images: &[Image]) -> Archive {
    let (mut archive, mut manifest, mut repositories) = (Archive::default(), Vec::new(), json!({}));
    let mut written = BTreeMap::new();
    for image in images {
        let mut parent: Option<String> = None;
        let mut layers = Vec::new();
        for (layer, diff) in image.layers.iter().zip(image.diff_ids()) {
            let id = v1_id(parent.as_deref(), &diff);
            layers.push(format!("{id}/layer.tar"));
            let above = parent.replace(id.clone());
            if written.values().any(|known| *known == id) {
                continue;
            }
            archive = archive.entry(Entry::dir(format!("{id}/"))).file(format!("{id}/VERSION"), "1.0");
            archive = archive.json(&format!("{id}/json"), &v1_json(&id, above.as_deref(), image));
            archive = match written.get(&diff) {
                Some(other) => {
                    archive.entry(Entry::symlink(format!("{id}/layer.tar"), format!("../{other}/layer.tar")))
                }
                None => archive.file(format!("{id}/layer.tar"), layer.tar()),
            };
            written.entry(diff).or_insert(id);
        }
        archive = archive.file(format!("{}.json", image.hex()), image.config_bytes());
        manifest.push(json!({
            "Config": format!("{}.json", image.hex()), "RepoTags": tags_or_null(image), "Layers": layers,
        }));
        note_repositories(&mut repositories, image, &parent.unwrap_or_default());
    }
    archive
        .file("manifest.json", format!("{}\n", Value::from(manifest)))
        .file("repositories", format!("{repositories}\n"))
}

/// What Docker wrote before 1.10: no `manifest.json`, the config inside each layer's `json`.
pub fn legacy_v1(images: &[Image]) -> Archive {
    let mut archive = docker24(images).without("manifest.json");
    for image in images {
        archive = archive.without(&format!("{}.json", image.hex()));
    }
    archive
}

/// `docker save` from Docker 25 on: an OCI layout that also carries what older ones read.
pub fn docker25(images: &[Image]) -> Archive {
    let (mut oci, mut manifest, mut repositories) = (Oci::default(), Vec::new(), json!({}));
    for image in images {
        let descriptor = oci.manifest(image, Codec::Plain);
        oci.name_as_docker(&descriptor, image);
        let layers: Vec<_> = image.tars().iter().map(|tar| blob_name(&hex_digest(tar))).collect();
        let mut sources = json!({});
        for tar in image.tars() {
            let digest = super::digest(&tar);
            sources[&digest] = json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "size": tar.len(), "digest": digest,
            });
        }
        manifest.push(json!({
            "Config": blob_name(&image.hex()), "RepoTags": tags_or_null(image), "Layers": layers,
            "LayerSources": sources,
        }));
        note_repositories(&mut repositories, image, &hex_digest(&image.tars().pop().unwrap_or_default()));
    }
    oci.archive().json("manifest.json", &Value::from(manifest)).json("repositories", &repositories)
}

/// `docker save` of the containerd store, `ctr images export`, `nerdctl save`: blobs as
/// the registry gave them, no `repositories`.
pub fn containerd(images: &[Image], codec: Codec) -> Archive {
    let (mut oci, mut manifest) = (Oci::default(), Vec::new());
    for image in images {
        let descriptor = oci.manifest(image, codec);
        oci.name_as_docker(&descriptor, image);
        let layers: Vec<_> =
            image.tars().iter().map(|tar| blob_name(&hex_digest(&codec.compress(tar)))).collect();
        manifest.push(json!({
            "Config": blob_name(&image.hex()), "RepoTags": tags_or_null(image), "Layers": layers,
        }));
    }
    oci.archive().json("manifest.json", &Value::from(manifest))
}

/// `podman save`: the layers by their diff IDs, the directories of the first days as links to them.
pub fn podman(images: &[Image]) -> Archive {
    let (mut archive, mut manifest, mut seen) = (Archive::default(), Vec::new(), BTreeSet::new());
    for image in images {
        let mut layers = Vec::new();
        let mut parent: Option<String> = None;
        for tar in image.tars() {
            let hex = hex_digest(&tar);
            layers.push(format!("{hex}.tar"));
            if seen.insert(hex.clone()) {
                archive = archive.file(format!("{hex}.tar"), tar);
            }
            let id = v1_id(parent.as_deref(), &hex);
            let above = parent.replace(id.clone());
            archive = archive
                .entry(Entry::dir(id.clone()))
                .file(format!("{id}/VERSION"), "1.0")
                .entry(Entry::symlink(format!("{id}/layer.tar"), format!("../{hex}.tar")))
                .json(&format!("{id}/json"), &v1_json(&id, above.as_deref(), image));
        }
        archive = archive.file(format!("{}.json", image.hex()), image.config_bytes());
        manifest.push(json!({
            "Config": format!("{}.json", image.hex()), "RepoTags": tags_or_null(image), "Layers": layers,
        }));
    }
    archive.json("manifest.json", &Value::from(manifest)).file("repositories", "{}")
}

/// kaniko and crane: the config under its digest, the layers gzip under any name.
pub fn kaniko(images: &[Image]) -> Archive {
    let (mut archive, mut manifest) = (Archive::default(), Vec::new());
    for image in images {
        archive = archive.file(image.id(), image.config_bytes());
        let mut layers = Vec::new();
        for tar in image.tars() {
            let packed = Codec::Gzip.compress(&tar);
            let name = format!("{}.tar.gz", hex_digest(&packed));
            archive = archive.file(&name, packed);
            layers.push(name);
        }
        manifest.push(json!({"Config": image.id(), "RepoTags": tags_or_null(image), "Layers": layers}));
    }
    archive.json("manifest.json", &Value::from(manifest))
}

/// An OCI layout as skopeo, podman and buildah write it: `ref.name` is the whole name.
pub fn oci(images: &[Image], codec: Codec) -> Archive {
    let mut oci = Oci::default();
    for image in images {
        let descriptor = oci.manifest(image, codec);
        oci.name_as_skopeo(&descriptor, image);
    }
    oci.archive()
}

/// `skopeo copy … dir:`: everything flat, named by its digest; no name of the image.
pub fn docker_dir(image: &Image, codec: Codec) -> Archive {
    let mut archive = Archive::default().file("version", "Directory Transport Version: 1.1\n");
    let mut layers = Vec::new();
    for tar in image.tars() {
        let packed = codec.compress(&tar);
        layers.push(descriptor(DOCKER_LAYER_GZIP, &packed));
        archive = archive.file(hex_digest(&packed), packed);
    }
    let config = image.config_bytes();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": descriptor(DOCKER_CONFIG, &config),
        "layers": layers,
    });
    archive.file(image.hex(), config).json("manifest.json", &manifest)
}

/// The descriptor of some bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": super::digest(bytes), "size": bytes.len()})
}

/// An OCI layout in the making.
#[derive(Debug, Clone, Default)]
pub struct Oci {
    blobs: BTreeMap<String, Vec<u8>>,
    /// The entries of `index.json`, to the byte.
    pub entries: Vec<String>,
}

impl Oci {
    /// Adds a blob and gives its descriptor.
    pub fn blob(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let bytes = bytes.into();
        let descriptor = descriptor(media_type, &bytes);
        self.blobs.insert(hex_digest(&bytes), bytes);
        descriptor
    }

    /// Adds an image's layers, config and manifest; gives the manifest's descriptor.
    pub fn manifest(&mut self, image: &Image, codec: Codec) -> Value {
        let config = self.blob(OCI_CONFIG, image.config_bytes());
        let layers: Vec<_> =
            image.tars().iter().map(|tar| self.blob(codec.oci_layer(), codec.compress(tar))).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
            "annotations": {"x-unknown": "kept"},
        });
        let bytes = serde_json::to_vec_pretty(&manifest).expect("a Value serialises");
        let mut descriptor = self.blob(OCI_MANIFEST, bytes);
        descriptor["platform"] =
            json!({"architecture": image.config["architecture"], "os": image.config["os"]});
        descriptor
    }

    /// Adds an image index over these.
    pub fn index(&mut self, children: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children});
        self.blob(OCI_INDEX, serde_json::to_vec_pretty(&index).expect("a Value serialises"))
    }

    /// An entry of `index.json` for each name, as Docker and containerd annotate it.
    pub fn name_as_docker(&mut self, descriptor: &Value, image: &Image) {
        if image.names.is_empty() {
            self.entries.push(spaced(descriptor));
        }
        for name in &image.names {
            let mut entry = descriptor.clone();
            entry["annotations"] = json!({
                "io.containerd.image.name": canonical(name),
                "org.opencontainers.image.ref.name": name.rsplit_once(':').map_or("latest", |(_, tag)| tag),
            });
            self.entries.push(spaced(&entry));
        }
    }

    /// An entry of `index.json` for each name, as skopeo and podman annotate it.
    pub fn name_as_skopeo(&mut self, descriptor: &Value, image: &Image) {
        if image.names.is_empty() {
            self.entries.push(spaced(descriptor));
        }
        for name in &image.names {
            let mut entry = descriptor.clone();
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
            self.entries.push(spaced(&entry));
        }
    }

    pub fn archive(self) -> Archive {
        let index = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{OCI_INDEX}\",\"manifests\":[{}]}}",
            self.entries.join(",\n  ")
        );
        let mut archive = Archive::default()
            .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", index)
            .entry(Entry::dir("blobs/"))
            .entry(Entry::dir("blobs/sha256/"));
        for (hex, bytes) in self.blobs {
            archive = archive.file(blob_name(&hex), bytes);
        }
        archive
    }
}

/// Where a layout keeps a blob.
pub fn blob_name(hex: &str) -> String {
    format!("blobs/sha256/{hex}")
}

/// A name as it stands in `io.containerd.image.name`.
pub fn canonical(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

/// JSON with spaces where no serializer puts them: whoever writes it anew is found out.
fn spaced(value: &Value) -> String {
    let text = value.to_string();
    format!("{{ {} }}", &text[1..text.len() - 1])
}

fn tags_or_null(image: &Image) -> Value {
    if image.names.is_empty() { Value::Null } else { image.names.clone().into() }
}

fn note_repositories(repositories: &mut Value, image: &Image, top: &str) {
    for name in &image.names {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        repositories[repository][tag] = top.into();
    }
}

fn v1_id(parent: Option<&str>, diff: &str) -> String {
    hex_digest(format!("{} {diff}", parent.unwrap_or("")).as_bytes())
}

fn v1_json(id: &str, parent: Option<&str>, image: &Image) -> Value {
    let mut json = json!({
        "id": id, "created": image.config["created"], "os": image.config["os"],
        "architecture": image.config["architecture"], "config": image.config["config"],
    });
    if let Some(parent) = parent {
        json["parent"] = parent.into();
    }
    json
}
