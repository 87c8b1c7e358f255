//! Making an image of one layer from a tar of files.

use std::io::{BufReader, Chain, Cursor, Read};

use super::Error;
use super::make::{Made, MadeLayer};
use super::stack::Wanted;
use crate::Result;
use crate::archive::{self, Bounded, Budget, Limits, Nesting};
use crate::catalog::{Blob, Kind};
use crate::container::{Carried, FolderTar, Layer};
use crate::disk::Input;
use crate::image::{Changes, Draft, History, ImageId, Platform, Reference, RunConfig};
use crate::store::{Access, Ingest, IngestError, Plain, Store, Taken, Treatment};
use crate::tar::{BLOCK_BYTES, EntryError, Header};
use crate::task::Task;

/// How to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// What the image will be called.
    pub reference: Option<Reference>,
    /// Changes to its config.
    pub changes: Changes,
    /// The remark in its history; without one it says where the tar came from.
    pub message: Option<String>,
    /// Where the tar came from, for that remark; Docker says `-` of any file.
    pub source: String,
    /// What it runs on; without one what the tar says, or this machine.
    pub platform: Option<Platform>,
    /// Whether a config that the tar carries counts.
    pub config: bool,
    /// When it was made; without one now.
    pub created: Option<jiff::Timestamp>,
    /// How much the tar may ask for.
    pub limits: Limits,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            reference: None,
            changes: Changes::default(),
            message: None,
            source: "-".into(),
            platform: None,
            config: true,
            created: None,
            limits: Limits::default(),
        }
    }
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The image's ID.
    pub id: ImageId,
    /// The image that had the name.
    pub replaced: Option<ImageId>,
    /// The length of the plain tar.
    pub layer_bytes: u64,
    /// Bytes among them that the store did not have.
    pub new_bytes: u64,
    /// Bytes that those take in packs.
    pub stored_bytes: u64,
}

impl Store {
    /// Makes an image of one layer: the tar `input`, byte for byte, after
    /// taking off a compression that is around it. A directory is taken as a tar
    /// of what is in it, sorted, so that the same directory gives the same layer.
    ///
    /// A tar that [`Store::export`] wrote carries the config of its image, which
    /// the new one takes over unless `options` say otherwise.
    ///
    /// ```
    /// use larder_engine::{ImportOptions, Input, Task};
    /// # use larder_engine::{ExportOptions, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// # let mut tar = Vec::new();
    /// # store.export("greeter:1.0", &mut tar, &ExportOptions::default(), &Task::silent())?;
    /// let options = ImportOptions { reference: Some("flat:1.0".parse()?), ..ImportOptions::default() };
    /// let input = Input::Stream(Box::new(std::io::Cursor::new(tar)));
    /// let imported = store.import(input, &options, &Task::silent())?;
    /// assert_eq!(store.inspect("flat:1.0", None)?.summary.id, imported.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArchive`](crate::ErrorKind::InvalidArchive) if the
    /// input is no tar, or one that nobody could unpack;
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a change
    /// that is none, or a name with a digest. The store is then as it was.
    pub fn import(&self, input: Input, options: &ImportOptions, task: &Task) -> Result<Imported> {
        if options.reference.as_ref().is_some_and(|name| name.digest().is_some()) {
            return Err(Error::ImportWithDigest.into());
        }
        let folder;
        let (total, source): (_, Box<dyn Read + Send + '_>) = match input {
            Input::Stream(stream) => (None, stream),
            Input::File(file) => (Some(file.len()), Box::new(file)),
            Input::Directory(tree) => {
                folder = tree.into_folder();
                (None, Box::new(FolderTar::new(&folder, task)))
            }
        };
        self.whole(task, || self.import_tar(source, total, options, task))
    }

    fn import_tar(
        &self,
        source: Box<dyn Read + Send + '_>,
        total: Option<u64>,
        options: &ImportOptions,
        task: &Task,
    ) -> Result<Imported> {
        let access = self.share(task)?;
        let budget = Budget::new(options.limits);
        let ((blob, layer), mut written) = self.with_writer(&access, task, |writer| {
            let mut plain = unwrapped(source, &budget)?;
            let total = total.filter(|_| plain.get_ref().1.compression() == archive::Compression::None);
            let mut ingest = Ingest { writer, budget, task };
            let taken = ingest.take("layer", total, &mut plain, Treatment::AsIs).map_err(failed)?;
            layer_of(taken)
        })?;
        let carried = self.checked(&access, &layer, task)?.filter(|_| options.config);
        let config = config(options, carried, &layer)?;
        let mut documents = self.writer(&access, task)?;
        let made = Made::new(&config, vec![MadeLayer::plain(blob)], &mut documents)?;
        let documents = documents.finish()?.written;
        written.new_bytes += documents.new_bytes;
        written.stored_bytes += documents.stored_bytes;
        let replaced = self.healing(task, || {
            let mut ledger = self.ledger(task)?;
            made.commit(&mut ledger, "import", options.reference.as_ref())
        })?;
        let (new_bytes, stored_bytes) = (written.new_bytes, written.stored_bytes);
        Ok(Imported { id: made.id(), replaced, layer_bytes: layer.body.len, new_bytes, stored_bytes })
    }

    /// Whether somebody could unpack the layer; gives the config that it carries.
    fn checked(&self, access: &Access, layer: &Layer, task: &Task) -> Result<Option<Carried>> {
        let rootfs = self.rootfs(access, std::slice::from_ref(layer), Wanted::Names, task)?;
        Ok(rootfs.into_carried())
    }
}

/// What is in the source: a first block that was looked at, and the rest.
type Unwrapped<'s> = Chain<Cursor<Vec<u8>>, Bounded<BufReader<Box<dyn Read + Send + 's>>>>;

/// What is in the source, which must begin as a tar does, or be empty.
fn unwrapped<'s>(source: Box<dyn Read + Send + 's>, budget: &Budget) -> Result<Unwrapped<'s>> {
    let reading = |error| failed(IngestError::Read(error));
    let buffered = BufReader::with_capacity(1 << 20, source);
    let mut plain = Bounded::new(buffered, budget, Nesting::Outer).map_err(reading)?;
    let mut head = Vec::with_capacity(BLOCK_BYTES);
    plain.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut head).map_err(reading)?;
    let no_tar = |source| Error::NoTar { source }.into();
    match head.first_chunk::<BLOCK_BYTES>().map(Header::decode) {
        Some(Err(source)) => Err(no_tar(EntryError::Header { offset: 0, source })),
        None if !head.is_empty() => {
            let source = std::io::ErrorKind::UnexpectedEof.into();
            Err(no_tar(EntryError::Read { offset: 0, source }))
        }
        _ => Ok(Cursor::new(head).chain(plain)),
    }
}

/// What stopped the taking in, as an error of the input.
fn failed(error: IngestError) -> crate::Error {
    match error {
        IngestError::Read(source) => Error::Archive(archive::Error::reading("the tar", source)).into(),
        IngestError::Store(error) => error.into(),
        IngestError::Cancelled(cancelled) => cancelled.into(),
    }
}

fn layer_of(taken: Taken) -> Result<(Blob, Layer)> {
    let Plain { diff_id, bytes, content_bytes } =
        taken.plain.map_err(|error| failed(IngestError::Read(error)))?;
    let kind = Kind::Layer { diff_id, diff_bytes: bytes, content_bytes };
    let blob = Blob { digest: diff_id.0, body: taken.body, kind };
    Ok((blob, Layer { diff_id, body: taken.body, is_plain: true }))
}

/// The config of the new image.
fn config(options: &ImportOptions, carried: Option<Carried>, layer: &Layer) -> Result<Vec<u8>> {
    let host = Platform::host();
    let (mut draft, mut run) = match carried {
        Some(Carried { draft, run }) => (draft, run),
        None => (Draft::new(options.platform.as_ref().unwrap_or(&host)), RunConfig::default()),
    };
    draft.set_platform(options.platform.as_ref(), &host);
    options.changes.apply(&mut run).map_err(Error::Change)?;
    let created = options.created.unwrap_or_else(jiff::Timestamp::now);
    draft.set_run(&run);
    draft.set_created(created);
    draft.set_layers(&[layer.diff_id]);
    let comment = options.message.clone().unwrap_or_else(|| format!("Imported from {}", options.source));
    draft.add_history(&History { created: Some(created), comment, ..History::default() });
    Ok(draft.encode())
}
