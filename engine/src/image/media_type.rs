//! Media types: what a descriptor says its bytes are.
//!
//! OCI's and Docker's names for the same thing are treated alike everywhere;
//! what is in neither list is an artifact: carried, never looked into.

/// An image index, OCI's.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An image manifest, OCI's.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An image config, OCI's.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer, an uncompressed tar, OCI's.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A manifest list, Docker's name for an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// An image manifest, Docker's schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// An image config, Docker's.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer, an uncompressed tar, Docker's.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Layers that a registry need not hand out; as bytes they are layers.
const OTHER_LAYERS: &[&str] = &[
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/// The ways a layer is compressed, as OCI (`+`) and Docker (`.`) write them.
const SUFFIXES: &[&str] = &["+gzip", "+zstd", ".gzip", ".zstd"];

/// Whether these bytes are an index of manifests.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_INDEX)
}

/// Whether these bytes are an image manifest.
///
/// Artifacts have this media type too; their config gives them away.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

/// Whether these bytes are an image config.
pub fn is_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

/// Whether these bytes are a layer, compressed in a way larder can undo or not at all.
pub fn is_layer(media_type: &str) -> bool {
    let plain = SUFFIXES.iter().find_map(|suffix| media_type.strip_suffix(suffix)).unwrap_or(media_type);
    matches!(plain, OCI_LAYER | DOCKER_LAYER) || OTHER_LAYERS.contains(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_families_are_told_alike() {
        assert!(is_index(OCI_INDEX) && is_index(DOCKER_INDEX) && !is_index(OCI_MANIFEST));
        assert!(is_manifest(OCI_MANIFEST) && is_manifest(DOCKER_MANIFEST) && !is_manifest(""));
        assert!(is_config(OCI_CONFIG) && is_config(DOCKER_CONFIG) && !is_config(OCI_LAYER));
        for layer in [
            OCI_LAYER,
            DOCKER_LAYER,
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        ] {
            assert!(is_layer(layer), "{layer}");
        }
        for other in
            ["application/vnd.in-toto+json", "application/vnd.oci.image.layer.v1.tar+encrypted", "+gzip"]
        {
            assert!(!is_layer(other), "{other}");
        }
    }
}
