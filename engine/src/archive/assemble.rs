//! Archives to write, whole but for the bytes of their blobs.
//!
//! Entries, in the order of their names, with owner, group and time zero, so
//! that the same images give the same bytes:
//!
//! | entry                  | in format | what                                          |
//! |------------------------|-----------|-----------------------------------------------|
//! | `blobs/`               | both      | directory                                     |
//! | `blobs/sha256/`        | both      | directory                                     |
//! | `blobs/sha256/<hex>`   | both      | documents, layers, and what is carried        |
//! | `index.json`           | both      | a line for each name, or for the image        |
//! | `manifest.json`        | Docker    | config, layers and names, one platform only   |
//! | `oci-layout`           | both      | the layout's version                          |
//! | `repositories`         | Docker    | names, and the digest of their top layer      |
//!
//! A line that came from an `index.json` goes back as it came. Only format
//! Docker completes one that does not hold the image's name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::oci::{CONTAINERD_NAME, REF_NAME};
use super::{Error, Format, Outgoing, OutgoingVariant};
use crate::image::{Descriptor, Digest, Reference, media_type};
use crate::tar::{END, EntryHeader, padding_bytes};

/// As Docker writes it, with the space.
const LAYOUT: &str = r#"{"imageLayoutVersion": "1.0.0"}"#;

/// One entry of an archive to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without a slash at its end.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: Content,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It is a directory.
    Directory,
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// The bytes of this blob, to be had elsewhere.
    Blob(Descriptor),
}

/// An archive to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembly {
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

impl Entry {
    fn directory(name: &str) -> Self {
        Self { name: name.into(), mode: 0o755, content: Content::Directory }
    }

    fn file(name: impl Into<String>, content: Content) -> Self {
        Self { name: name.into(), mode: 0o644, content }
    }

    fn text(name: &str, text: String) -> Self {
        Self::file(name, Content::Bytes(text.into_bytes().into()))
    }

    /// What goes before the content.
    pub fn header(&self) -> EntryHeader<'_> {
        let size = match &self.content {
            Content::Directory => None,
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Blob(descriptor) => Some(descriptor.size),
        };
        EntryHeader { name: &self.name, mode: self.mode, size }
    }
}

impl Assembly {
    /// Puts `images` into one archive.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when a root or a config is not among the documents
    /// of its image, or a line for `index.json` is none.
    pub fn new(images: &[Outgoing], format: Format) -> Result<Self, Error> {
        let mut entries = vec![Entry::directory("blobs"), Entry::directory("blobs/sha256")];
        for (digest, content) in blobs(images)? {
            entries.push(Entry::file(format!("blobs/sha256/{}", digest.hex()), content));
        }
        entries.push(Entry::text("index.json", index(images, format)?));
        if format == Format::Docker {
            entries.push(Entry::text("manifest.json", manifest(images)));
        }
        entries.push(Entry::text("oci-layout", LAYOUT.into()));
        if format == Format::Docker
            && let Some(repositories) = repositories(images)
        {
            entries.push(Entry::text("repositories", repositories));
        }
        Ok(Self { entries })
    }

    /// The length of the whole archive.
    pub fn total_bytes(&self) -> u64 {
        let entries = self.entries.iter().map(|entry| entry.header().total_bytes());
        entries.fold(END.len() as u64, u64::saturating_add)
    }

    /// Writes the archive; `blob` writes the bytes of each blob.
    ///
    /// # Errors
    /// Those of `out` and `blob`, and when a blob does not have the bytes that
    /// its descriptor promises: the archive would be damaged from there on.
    pub fn write<E: From<io::Error>>(
        &self,
        out: &mut dyn Write,
        mut blob: impl FnMut(&Descriptor, &mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in &self.entries {
            let header = entry.header();
            out.write_all(&header.encode())?;
            match &entry.content {
                Content::Directory => {}
                Content::Bytes(bytes) => out.write_all(bytes)?,
                Content::Blob(descriptor) => {
                    let mut room = Room { out, left: descriptor.size };
                    blob(descriptor, &mut room)?;
                    if room.left > 0 {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, WrongLength).into());
                    }
                }
            }
            let padding = padding_bytes(header.size.unwrap_or(0));
            io::copy(&mut io::Read::take(io::repeat(0), padding), out)?;
        }
        out.write_all(&END)?;
        Ok(())
    }
}

/// A blob that gave more or fewer bytes than its descriptor says.
#[derive(Debug, thiserror::Error)]
#[error("a blob does not have the size that its descriptor says")]
struct WrongLength;

/// Takes as many bytes as an entry's header has promised.
struct Room<'a> {
    out: &'a mut dyn Write,
    left: u64,
}

impl Write for Room<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.len() as u64 > self.left {
            return Err(io::Error::new(io::ErrorKind::InvalidData, WrongLength));
        }
        let len = self.out.write(buf)?;
        self.left -= len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn blobs(images: &[Outgoing]) -> Result<BTreeMap<Digest, Content>, Error> {
    let mut blobs = BTreeMap::new();
    for image in images {
        let layers = image.variants.iter().flat_map(|variant| &variant.layers).map(|layer| &layer.blob);
        for blob in layers.chain(&image.carried) {
            blobs.insert(blob.digest, Content::Blob(blob.clone()));
        }
    }
    for image in images {
        for document in &image.documents {
            blobs.insert(document.descriptor.digest, Content::Bytes(Arc::clone(&document.bytes)));
        }
        let incomplete = |what| Error::Incomplete { what, image: image.target.digest.to_string() };
        if !blobs.contains_key(&image.target.digest) {
            return Err(incomplete("the root"));
        }
        if !image.variants.iter().all(|variant| blobs.contains_key(&variant.config)) {
            return Err(incomplete("a config"));
        }
    }
    Ok(blobs)
}

fn index(images: &[Outgoing], format: Format) -> Result<String, Error> {
    let mut lines = Vec::new();
    for image in images {
        if image.names.is_empty() {
            lines.push(line(image, None, image.entry.as_deref(), format)?);
        }
        for name in &image.names {
            lines.push(line(image, Some(&name.reference), name.entry.as_deref(), format)?);
        }
    }
    Ok(format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
        media_type::OCI_INDEX,
        lines.join(",")
    ))
}

/// A line of `index.json`.
fn line(
    image: &Outgoing,
    name: Option<&Reference>,
    came: Option<&str>,
    format: Format,
) -> Result<String, Error> {
    if let (Some(came), Format::Oci) = (came, format) {
        return Ok(came.to_owned());
    }
    let incomplete = || Error::Incomplete { what: "the entry", image: image.target.digest.to_string() };
    let mut fields: Map<String, Value> = match came {
        Some(came) => serde_json::from_str(came).map_err(|_| incomplete())?,
        None => Map::from_iter([
            ("mediaType".into(), json!(image.target.media_type)),
            ("digest".into(), json!(image.target.digest)),
            ("size".into(), json!(image.target.size)),
        ]),
    };
    let mut annotations = match fields.remove("annotations") {
        Some(Value::Object(annotations)) => annotations,
        _ => Map::new(),
    };
    let full = name.map(|name| Value::from(name.to_string()));
    match came {
        Some(came) if full.is_some() && annotations.get(CONTAINERD_NAME) == full.as_ref() => {
            return Ok(came.to_owned());
        }
        Some(came)
            if full.is_none()
                && !annotations.contains_key(CONTAINERD_NAME)
                && !annotations.contains_key(REF_NAME) =>
        {
            return Ok(came.to_owned());
        }
        _ => {}
    }
    annotations.remove(CONTAINERD_NAME);
    annotations.remove(REF_NAME);
    if let (Some(name), Some(full)) = (name, full) {
        annotations.insert(CONTAINERD_NAME.into(), full);
        if let Some(tag) = name.tag() {
            annotations.insert(REF_NAME.into(), tag.into());
        }
    }
    if !annotations.is_empty() {
        fields.insert("annotations".into(), annotations.into());
    }
    Ok(Value::Object(fields).to_string())
}

fn manifest(images: &[Outgoing]) -> String {
    let entry = |(image, variant): (&Outgoing, &OutgoingVariant)| {
        let at = |digest: Digest| format!("blobs/sha256/{}", digest.hex());
        let tags: Vec<_> = tagged(image).map(|(reference, _)| reference.familiar()).collect();
        let source = |blob: &Descriptor| json!({"mediaType": blob.media_type, "size": blob.size, "digest": blob.digest});
        let sources: BTreeMap<_, _> =
            variant.layers.iter().map(|layer| (layer.diff_id.to_string(), source(&layer.blob))).collect();
        json!({
            "Config": at(variant.config),
            "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "Layers": variant.layers.iter().map(|layer| at(layer.blob.digest)).collect::<Vec<_>>(),
            "LayerSources": sources,
        })
    };
    let runnable = images.iter().filter_map(|image| Some((image, image.variants.first()?)));
    Value::from(runnable.map(entry).collect::<Vec<_>>()).to_string()
}

fn repositories(images: &[Outgoing]) -> Option<String> {
    let mut all = BTreeMap::<String, BTreeMap<&str, String>>::new();
    for image in images {
        let Some(top) = image.variants.first().and_then(|variant| variant.layers.last()) else { continue };
        for (reference, tag) in tagged(image) {
            all.entry(reference.familiar_repository()).or_default().insert(tag, top.blob.digest.hex());
        }
    }
    (!all.is_empty()).then(|| json!(all).to_string())
}

/// The names that have a tag, each once.
fn tagged(image: &Outgoing) -> impl Iterator<Item = (&Reference, &str)> {
    let references: BTreeSet<_> = image.names.iter().map(|name| &name.reference).collect();
    references.into_iter().filter_map(|reference| Some((reference, reference.tag()?)))
}

#[cfg(test)]
mod tests;
