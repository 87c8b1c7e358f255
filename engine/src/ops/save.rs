//! Giving images back, in one archive.
//!
//! The archive depends on the images, the names that were asked for and the
//! format, and on nothing else: saving again gives the same bytes. It is
//! written in one pass; its length is known before its first byte.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};

use super::resolve::{Resolved, resolve};
use super::{Error, inspect};
use crate::archive::{
    Assembly, Format, Outgoing, OutgoingLayer, OutgoingVariant, PlannedDocument, PlannedName,
};
use crate::catalog::{Image, Kind, Variant};
use crate::chunk::{self, Body, Reader};
use crate::image::{Descriptor, Digest, Manifest, Pinned, Platform, Reference, media_type};
use crate::store::{Ledger, Store, kind_of};
use crate::task::{Event, Passing, Task};
use crate::{ErrorKind, Result, store};

/// What is gathered before it is written out: headers and small files come in
/// pieces of a block.
const BUFFER_BYTES: usize = 256 << 10;

/// How to save.
#[derive(Debug, Clone, Default)]
pub struct SaveOptions {
    /// The kind of archive.
    pub format: Format,
    /// Of images for several platforms, only this one.
    pub platform: Option<Platform>,
}

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saved {
    /// How many images.
    pub images: usize,
    /// How many layers, each counted once.
    pub layers: usize,
    /// How long the archive is.
    pub bytes: u64,
}

impl Store {
    /// Writes the images `names` to `out`, as one archive. A repository without
    /// a tag means all its tags; an ID means the image without a name.
    ///
    /// ```
    /// use larder_engine::{SaveOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let mut archive = Vec::new();
    /// let saved = store.save(&["greeter:1.0"], &mut archive, &SaveOptions::default(), &Task::silent())?;
    /// assert_eq!(saved.bytes, archive.len() as u64);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) before the first byte
    /// if one of them is not there; later if `out` fails or the store is
    /// damaged. What was written until then is the archive's beginning.
    pub fn save(
        &self,
        names: &[&str],
        out: &mut (dyn Write + Send),
        options: &SaveOptions,
        task: &Task,
    ) -> Result<Saved> {
        let access = self.share(task)?;
        let (outgoing, bodies, mut reader) = self.healing(task, || {
            let ledger = self.ledger(task)?;
            // Only now: it must know the packs of everything that the ledger names.
            let mut reader = self.reader(&access, task)?;
            let mut shared = Shared::default();
            let mut outgoing = Vec::new();
            for (resolved, names) in asked(&ledger, names)? {
                outgoing.push(gather(&ledger, &mut reader, &resolved, names, options, &mut shared)?);
            }
            Ok((outgoing, shared.bodies, reader))
        })?;
        let variants = outgoing.iter().flat_map(|image: &Outgoing| &image.variants);
        let layers: HashSet<_> =
            variants.flat_map(|variant| &variant.layers).map(|layer| layer.diff_id).collect();
        let assembly = Assembly::new(&outgoing, options.format).map_err(Error::Archive)?;
        task.report(&Event::Planned { total_bytes: assembly.total_bytes() });
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        assembly.write(&mut out, |descriptor, out| {
            let body = bodies.get(&descriptor.digest).ok_or(store::Error::NoBlob(descriptor.digest));
            let body = body.map_err(|error| Stopped::Store(error.into()))?;
            write_blob(descriptor, body, &mut reader, out, task).map_err(|error| Stopped::Store(error.into()))
        })?;
        out.flush().map_err(Stopped::Output)?;
        Ok(Saved { images: outgoing.len(), layers: layers.len(), bytes: assembly.total_bytes() })
    }
}

/// Why writing an archive stopped.
enum Stopped {
    Output(io::Error),
    Store(crate::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Stopped> for crate::Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Output(error) => Self::new(kind_of(&error), chunk::Error::Output(error)),
            Stopped::Store(error) => error,
        }
    }
}

/// A name that was asked for, and the line of an index that gave it.
struct AskedName {
    reference: Reference,
    line: Option<Digest>,
}

/// The images that `names` mean, each once, with the names that were asked for.
fn asked(ledger: &Ledger, names: &[&str]) -> Result<Vec<(Resolved, Vec<AskedName>)>> {
    let mut found: Vec<(Resolved, Vec<AskedName>)> = Vec::new();
    for name in names {
        for resolved in meant(ledger, name)? {
            let named = resolved
                .named
                .as_ref()
                .and_then(|named| Some(AskedName { reference: named.name.parse().ok()?, line: named.entry }));
            let same = |(other, _): &&mut (Resolved, _)| other.image.target == resolved.image.target;
            match found.iter_mut().find(same) {
                Some((_, names)) => {
                    names.extend(named.filter(|named| !names.iter().any(|n| n.reference == named.reference)));
                }
                None => found.push((resolved, named.into_iter().collect())),
            }
        }
    }
    Ok(found)
}

/// What one argument means: all tags of a repository, or one image.
fn meant(ledger: &Ledger, name: &str) -> Result<Vec<Resolved>> {
    let bare = name.parse::<Reference>().ok().filter(|name| name.tag().is_none() && name.digest().is_none());
    if let Some(bare) = &bare {
        let mut tags = Vec::new();
        for named in ledger.catalog().references_from(&format!("{}:", bare.repository())) {
            let named = named?;
            if let Some(image) = ledger.catalog().image(&named.target)? {
                tags.push(Resolved { image, named: Some(named), id: None });
            }
        }
        if !tags.is_empty() {
            return Ok(tags);
        }
    }
    // Docker tells a missing tag from a missing repository here, and only here.
    resolve(ledger.catalog(), name).map(|resolved| vec![resolved]).map_err(|error| match error.kind() {
        ErrorKind::NotFound if bare.is_some() => Error::NoSuchImage { name: name.into() }.into(),
        ErrorKind::NotFound if name.parse::<Reference>().is_ok_and(|name| name.tag().is_some()) => {
            Error::NoReference { name: name.into() }.into()
        }
        _ => error,
    })
}

/// Everything about an image but the bytes of its layers, whose bodies are noted.
fn gather(
    ledger: &Ledger,
    reader: &mut Reader,
    resolved: &Resolved,
    names: Vec<AskedName>,
    options: &SaveOptions,
    shared: &mut Shared,
) -> Result<Outgoing> {
    let image = &resolved.image;
    let chosen = match &options.platform {
        Some(_) => resolved.variant(options.platform.as_ref())?,
        None => None,
    };
    let mut gathered = Gathered { ledger, reader, shared, documents: Vec::new(), carried: Vec::new() };
    let mut variants = Vec::new();
    for variant in chosen.map_or_else(|| main_first(image), |only| vec![only]) {
        variants.push(gathered.variant(variant)?);
    }
    // One platform of several is an image of its own: nothing that was said of all holds.
    let target = match chosen.filter(|variant| variant.manifest != image.target) {
        Some(variant) => gathered.manifest_descriptor(variant)?,
        None => {
            for digest in image.documents.iter().chain([&image.target]) {
                gathered.other(digest)?;
            }
            inspect::descriptor(image)
        }
    };
    let is_whole = target.digest == image.target;
    let mut planned_names = Vec::new();
    for AskedName { reference, line } in names {
        let entry = line.filter(|_| is_whole).map(|line| gathered.line(&line)).transpose()?;
        planned_names.push(PlannedName { reference, entry });
    }
    let entry = image.entry.filter(|_| is_whole).map(|line| gathered.line(&line)).transpose()?;
    Ok(Outgoing {
        names: planned_names,
        entry,
        target,
        documents: gathered.documents,
        variants,
        carried: gathered.carried,
    })
}

fn main_first(image: &Image) -> Vec<&Variant> {
    let main = image.main as usize;
    let others = image.variants.iter().enumerate().filter(|(number, _)| *number != main);
    image.variants.get(main).into_iter().chain(others.map(|(_, variant)| variant)).collect()
}

/// What the images of one archive have in common: each is read once.
#[derive(Default)]
struct Shared {
    documents: HashMap<Digest, std::sync::Arc<[u8]>>,
    bodies: HashMap<Digest, Body>,
}

struct Gathered<'g> {
    ledger: &'g Ledger,
    reader: &'g mut Reader,
    shared: &'g mut Shared,
    documents: Vec<PlannedDocument>,
    carried: Vec<Descriptor>,
}

impl Gathered<'_> {
    /// The bytes of a document, which becomes part of what is written.
    fn document(&mut self, digest: &Digest) -> Result<std::sync::Arc<[u8]>> {
        if let Some(there) = self.documents.iter().find(|document| document.descriptor.digest == *digest) {
            return Ok(there.bytes.clone());
        }
        let bytes = match self.shared.documents.get(digest) {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes: std::sync::Arc<[u8]> = self.ledger.document(digest, self.reader)?.into();
                self.shared.documents.insert(*digest, bytes.clone());
                bytes
            }
        };
        let descriptor = Pinned { digest: *digest, size: bytes.len() as u64 };
        self.documents.push(PlannedDocument { descriptor, bytes: bytes.clone() });
        Ok(bytes)
    }

    /// A line of an index, which is no part of what is written.
    fn line(&mut self, digest: &Digest) -> Result<String> {
        let bytes = self.ledger.document(digest, self.reader)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A document, or content that is only carried.
    fn other(&mut self, digest: &Digest) -> Result<()> {
        let blob = self.ledger.catalog().blob(digest)?.ok_or(store::Error::NoBlob(*digest))?;
        if blob.kind == Kind::Document {
            return self.document(digest).map(drop);
        }
        self.shared.bodies.insert(*digest, blob.body);
        self.carried.push(described(*digest, blob.body.len));
        Ok(())
    }

    fn variant(&mut self, variant: &Variant) -> Result<OutgoingVariant> {
        self.document(&variant.id.0)?;
        let bytes = self.document(&variant.manifest)?;
        let digest = variant.manifest;
        let manifest = Manifest::parse(&bytes).map_err(|source| Error::Document { digest, source })?;
        let mut layers = Vec::new();
        for (layer, descriptor) in variant.layers.iter().zip(manifest.layers) {
            let blob = self.ledger.catalog().blob(&layer.blob)?.ok_or(store::Error::NoBlob(layer.blob))?;
            self.shared.bodies.insert(layer.blob, blob.body);
            let blob = Descriptor { digest: layer.blob, size: blob.body.len, ..descriptor };
            layers.push(OutgoingLayer { blob, diff_id: layer.diff_id });
        }
        Ok(OutgoingVariant { config: variant.id.0, layers })
    }

    fn manifest_descriptor(&mut self, variant: &Variant) -> Result<Descriptor> {
        let bytes = self.document(&variant.manifest)?;
        let digest = variant.manifest;
        let manifest = Manifest::parse(&bytes).map_err(|source| Error::Document { digest, source })?;
        let media_type = manifest.media_type.unwrap_or_else(|| media_type::OCI_MANIFEST.into());
        let platform = Some(variant.platform.clone());
        Ok(Descriptor { media_type, platform, ..described(digest, bytes.len() as u64) })
    }
}

fn described(digest: Digest, size: u64) -> Descriptor {
    Descriptor::new("", digest, size)
}

fn write_blob(
    descriptor: &Descriptor,
    body: &Body,
    reader: &mut Reader,
    out: &mut dyn Write,
    task: &Task,
) -> Result<(), chunk::Error> {
    let item = format!("blob {}", descriptor.digest.short());
    let mut passing = Passing::start(item, Some(body.len), task);
    reader.copy(body, &mut |bytes| {
        out.write_all(bytes).map_err(chunk::Error::Output)?;
        Ok(passing.advance(bytes.len() as u64)?)
    })?;
    passing.finish();
    Ok(())
}
