//! Flat directories: skopeo's and podman's `dir:`.
//!
//! `manifest.json` is the manifest or index itself; blobs lie beside it, named
//! by the hex digits of their digest, the manifests of an index as
//! `<hex>.manifest.json`. There is a file `version`, and no name for the image.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::oci::{Place, root_at};
use super::plan::PlannedImage;
use super::planner::{Planner, bad};
use super::{Error, MemberName};
use crate::image::{Descriptor, IndexEntry, media_type, parse_object};

/// The one image of a directory.
pub(super) fn image(planner: &mut Planner<'_>, manifest: &MemberName) -> Result<PlannedImage, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
    }
    let (bytes, digest) = planner.document("the manifest", manifest, manifest)?;
    let fields: Fields = parse_object(&bytes).map_err(bad(manifest))?;
    // OCI documents need not say what they are.
    let guess = if fields.manifests.is_some() { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
    let known = |text: &String| media_type::is_index(text) || media_type::is_manifest(text);
    let media_type = fields.media_type.filter(known).unwrap_or_else(|| guess.into());
    let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
    let entry = IndexEntry { descriptor, raw: None };
    let mut image = root_at(planner, &entry, manifest, manifest, Place::Dir)?;
    image.entry = None;
    Ok(image)
}
