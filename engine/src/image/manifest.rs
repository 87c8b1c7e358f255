//! Image manifests: a config and its layers, by descriptor.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::parse_object;
use super::{Descriptor, DocumentError, media_type};

/// A manifest as the image-spec's `manifest.md` has it, or Docker's schema 2.
///
/// A view: the bytes it was read from are the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its own media type, which the spec only recommends to give.
    pub media_type: Option<String>,
    /// What kind of artifact it is, when it is no image.
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one says something about.
    pub subject: Option<Descriptor>,
    /// Annotations, by key.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
    manifests: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

const WANTED: &str = "an image manifest";

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When the bytes are not one, or could as well be an index.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let fields: Fields = parse_object(bytes)?;
        if fields.manifests.is_some() {
            return Err(DocumentError::Ambiguous { wanted: WANTED, field: "manifests" });
        }
        if fields.fs_layers.is_some() {
            return Err(DocumentError::SchemaVersion { got: 1 });
        }
        match (fields.schema_version, &fields.media_type) {
            (Some(got), _) if got != 2 => return Err(DocumentError::SchemaVersion { got }),
            (_, Some(got)) if media_type::is_index(got) => {
                return Err(DocumentError::MediaType { wanted: WANTED, got: got.clone() });
            }
            _ => {}
        }
        Ok(Self {
            media_type: fields.media_type,
            artifact_type: fields.artifact_type,
            config: fields.config.ok_or(DocumentError::Missing { field: "config" })?,
            layers: fields.layers.unwrap_or_default(),
            subject: fields.subject,
            annotations: fields.annotations.unwrap_or_default(),
        })
    }

    /// Whether it is the manifest of an image, and not of an artifact that
    /// borrows the form, such as an attestation kept in layers.
    pub fn is_image(&self) -> bool {
        media_type::is_config(&self.config.media_type)
            && self.layers.iter().all(|layer| media_type::is_layer(&layer.media_type))
    }

    /// The bytes of an OCI manifest of `config` and `layers`, for an image that
    /// came without one. The same arguments always give the same bytes.
    pub fn generate(config: &Descriptor, layers: &[Descriptor]) -> Vec<u8> {
        let brief = |descriptor: &Descriptor| {
            format!(
                r#"{{"mediaType":{},"digest":"{}","size":{}}}"#,
                serde_json::Value::from(descriptor.media_type.as_str()),
                descriptor.digest,
                descriptor.size
            )
        };
        let layers: Vec<_> = layers.iter().map(brief).collect();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
            media_type::OCI_MANIFEST,
            brief(config),
            layers.join(",")
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Digest;
    use super::*;

    fn descriptor(media_type: &str, bytes: &str) -> Descriptor {
        Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    fn config() -> Descriptor {
        descriptor(media_type::OCI_CONFIG, "config")
    }

    #[test]
    fn a_generated_manifest_reads_back_and_never_changes() {
        let layers = [descriptor(media_type::OCI_LAYER, "a"), descriptor("quo\"ted", "b")];
        let bytes = Manifest::generate(&config(), &layers);
        let manifest = Manifest::parse(&bytes).unwrap();
        assert_eq!((manifest.config, manifest.layers), (config(), layers.to_vec()));
        let golden = "sha256:da302415bff5b032d14e8a43a2714306d8ca2714e6fdf66a19fe6bcacdb6f0c8";
        assert_eq!(Digest::of(Manifest::generate(&config(), &layers[..1])).to_string(), golden);
    }

    #[test]
    fn nulls_and_unknown_fields_are_taken() {
        let text = format!(
            r#"{{"new":1,"config":{},"layers":null,"annotations":null,"subject":null}}"#,
            serde_json::to_string(&config()).unwrap()
        );
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert!(manifest.layers.is_empty() && manifest.annotations.is_empty());
        assert!(manifest.is_image());
    }

    #[test]
    fn what_is_not_or_not_only_a_manifest_is_refused() {
        let refused = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        let config = serde_json::to_string(&config()).unwrap();
        assert_eq!(
            refused(&format!(r#"{{"config":{config},"layers":[],"manifests":[]}}"#)),
            r#"ambiguous document: an image manifest with the field "manifests" of another kind"#
        );
        assert_eq!(
            refused(&format!(r#"{{"mediaType":"{}","config":{config}}}"#, media_type::DOCKER_INDEX)),
            format!(
                "expected an image manifest, got a document of media type {:?}",
                media_type::DOCKER_INDEX
            )
        );
        assert_eq!(
            refused(r#"{"schemaVersion":1,"fsLayers":[]}"#),
            "unsupported schema version 1, expected 2"
        );
        assert_eq!(refused("{}"), r#"the field "config" is missing"#);
        assert_eq!(refused("[]"), "expected an object, got an array");
        let bad = r#"{"config":{"mediaType":"x","digest":"md5:00","size":1}}"#;
        let error = Manifest::parse(bad.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with("unsupported digest algorithm \"md5\""), "{cause}");
    }

    #[test]
    fn an_artifact_is_no_image() {
        let artifact = |config: &str, layer: &str| {
            let bytes = Manifest::generate(&descriptor(config, "{}"), &[descriptor(layer, "x")]);
            !Manifest::parse(&bytes).unwrap().is_image()
        };
        assert!(artifact("application/vnd.oci.empty.v1+json", media_type::OCI_LAYER));
        assert!(artifact(media_type::OCI_CONFIG, "application/vnd.in-toto+json"));
        assert!(!artifact(media_type::DOCKER_CONFIG, "application/vnd.docker.image.rootfs.diff.tar.gzip"));
    }
}
