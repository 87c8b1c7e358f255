//! Checking a store: structure, then with `verify` every digest.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::catalog::{self, Blob, Catalog, Container, Image};
use crate::chunk::{self, Reader};
use crate::image::{Digest, Reference, Sha256};
use crate::store::{Ledger, Store};
use crate::task::{Event, Task};

/// How much to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsckOptions {
    /// Read everything: check every chunk against its name, and make every blob
    /// again to check it against its digest.
    pub verify: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Packs looked at.
    pub packs: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Images looked at.
    pub images: u64,
    /// Containers looked at.
    pub containers: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes of blobs that were made again; 0 without `verify`.
    pub bytes: u64,
    /// What is wrong. Nothing: the store is clean.
    pub faults: Vec<Fault>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a file of the store, an image or a blob.
    pub place: String,
    /// What, and how it shows.
    pub problem: String,
    /// The images that suffer from it, by name or ID, and the containers, as
    /// `container NAME`. None: nothing is lost.
    pub images: Vec<String>,
}

impl Store {
    /// Checks the store, changing nothing.
    ///
    /// ```
    /// use larder_engine::{FsckOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let checked = store.fsck(&FsckOptions { verify: true }, &Task::silent())?;
    /// assert_eq!(checked.faults, []);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the journal cannot be read at all. Everything else that is wrong is a
    /// [`Fault`].
    pub fn fsck(&self, options: &FsckOptions, task: &Task) -> Result<Checked> {
        self.healing(task, || self.fsck_once(options, task))
    }

    fn fsck_once(&self, options: &FsckOptions, task: &Task) -> Result<Checked> {
        let access = self.share(task)?;
        let ledger = self.ledger(task)?;
        let images = ledger.catalog().images().collect::<Result<Vec<_>, catalog::Error>>()?;
        let blobs = ledger.catalog().blobs().collect::<Result<Vec<_>, catalog::Error>>()?;
        let containers = ledger.catalog().containers().collect::<Result<Vec<_>, catalog::Error>>()?;
        let users = users(&ledger, &images, &containers)?;
        let references = ledger.catalog().references().collect::<Result<Vec<_>, catalog::Error>>()?;
        drop(ledger);
        let mut check =
            Check { reader: self.reader(&access, task)?, users, checked: Checked::default(), task };
        for named in references {
            if !images.iter().any(|image| image.target == named.target) {
                check.fault(&named.name, "it names an image that is not there", Vec::new());
            }
        }
        for blob in &blobs {
            if !check.users.contains_key(&blob.digest) {
                check.fault(
                    &blob.digest.to_string(),
                    "no image and no container needs the blob; gc forgets it",
                    Vec::new(),
                );
            }
        }
        check.packs(options.verify)?;
        check.images(&images, &containers, &blobs);
        for blob in &blobs {
            task.check()?;
            check.blob(blob, options.verify)?;
        }
        Ok(check.checked)
    }
}

/// The images and containers that need each blob, by name or ID.
fn users(
    ledger: &Ledger,
    images: &[Image],
    containers: &[Container],
) -> Result<BTreeMap<Digest, BTreeSet<String>>> {
    let mut users: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
    for image in images {
        let told = told_names(ledger.catalog(), image)?;
        for blob in image.blobs() {
            users.entry(blob).or_default().extend(told.iter().cloned());
        }
    }
    for container in containers {
        for blob in container.blobs() {
            users.entry(blob).or_default().insert(format!("container {}", container.name));
        }
    }
    Ok(users)
}

fn told_names(catalog: &Catalog, image: &Image) -> Result<Vec<String>> {
    let names = catalog.names_of(&image.target)?;
    let names: Vec<_> =
        names.iter().filter_map(|named| Some(named.name.parse::<Reference>().ok()?.familiar())).collect();
    let id = image.main_variant().map_or(image.target, |variant| variant.id.0);
    Ok(if names.is_empty() { vec![id.to_string()] } else { names })
}

struct Check<'t> {
    reader: Reader,
    users: BTreeMap<Digest, BTreeSet<String>>,
    checked: Checked,
    task: &'t Task,
}

impl Check<'_> {
    fn fault(&mut self, place: &str, problem: &str, images: Vec<String>) {
        self.checked.faults.push(Fault { place: place.into(), problem: problem.into(), images });
    }

    /// A fault of `error`, with what led to it.
    fn fault_of(&mut self, place: &str, error: &dyn std::error::Error, images: Vec<String>) {
        let mut problem = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            problem = format!("{problem}: {cause}");
            source = cause.source();
        }
        self.fault(place, &problem, images);
    }

    /// Every pack's structure; every frame and chunk if `verify`. Which images
    /// suffer shows when their blobs are followed.
    fn packs(&mut self, verify: bool) -> Result<()> {
        let packs: Vec<_> = self.reader.index().packs().collect();
        for (number, id) in packs {
            self.task.check()?;
            let place = id.file();
            self.task.report(&Event::Started { item: &place, total_bytes: None });
            self.checked.packs += 1;
            match self.reader.index().pack(number) {
                Err(error) => self.fault_of(&place, &error, Vec::new()),
                Ok(pack) => {
                    self.checked.chunks += pack.names().len() as u64;
                    for frame in (0..pack.frames()).filter(|_| verify) {
                        self.task.check()?;
                        if let Err(error) = pack.verify_frame(frame) {
                            self.fault_of(&place, &error, Vec::new());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Every image and every container has its blobs.
    fn images(&mut self, images: &[Image], containers: &[Container], blobs: &[Blob]) {
        let there: BTreeSet<_> = blobs.iter().map(|blob| blob.digest).collect();
        self.checked.images = images.len() as u64;
        self.checked.containers = containers.len() as u64;
        let of_containers = containers.iter().flat_map(Container::blobs);
        let needed: BTreeSet<_> = images.iter().flat_map(Image::blobs).chain(of_containers).collect();
        for missing in needed.difference(&there) {
            let users = self.suffering(missing);
            self.fault(&missing.to_string(), "the blob is missing", users);
        }
    }

    fn suffering(&self, blob: &Digest) -> Vec<String> {
        self.users.get(blob).into_iter().flatten().cloned().collect()
    }

    /// The blob's recipe and chunks are there; if `verify`, its bytes hash to its name.
    fn blob(&mut self, blob: &Blob, verify: bool) -> Result<()> {
        self.checked.blobs += 1;
        let place = blob.digest.to_string();
        let task = self.task;
        let found = if verify {
            self.task.report(&Event::Started { item: &place, total_bytes: Some(blob.body.len) });
            let mut sum = Sha256::default();
            let hashed = self.reader.copy(&blob.body, &mut |bytes| {
                task.check()?;
                sum.update(bytes);
                Ok(())
            });
            self.checked.bytes += blob.body.len;
            let got = sum.finish();
            hashed.map(|()| (got != blob.digest).then_some(got))
        } else {
            let chunks = self.reader.chunks(&blob.body, &mut |index, name| match index.locate(name)? {
                Some(_) => Ok(()),
                None => Err(chunk::Error::NotFound(*name)),
            });
            chunks.map(|()| None)
        };
        let users = self.suffering(&blob.digest);
        match found {
            Ok(None) => {}
            Ok(Some(got)) => self.fault(&place, &format!("its bytes hash to {got}"), users),
            Err(chunk::Error::Cancelled(cancelled)) => return Err(cancelled.into()),
            Err(error) => self.fault_of(&place, &error, users),
        }
        Ok(())
    }
}
