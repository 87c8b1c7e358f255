//! Steps on a store, next to a model of it in memory, on a disk that fails and
//! loses power.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::{
    CommitOptions, CreateOptions, FsckLevel, FsckOptions, ImportOptions, LoadOptions, OptimizeOptions,
    RemoveContainerOptions, RemoveOptions, SquashOptions,
};
use super::found::{Found, Ids, blobs_of, files_of};
use super::model::{Container, Model, archive, container_name, image_name, layer_bytes};
use super::script::{Mishap, Step, Verb, steps};
use super::{assert_clean, stream};
use crate::Result;
use crate::disk::fuzz::file_of;
use crate::disk::{Disk, SimulatedDisk, Survival};
use crate::image::{Digest, RunConfig};
use crate::store::fuzz::on_one_thread;
use crate::store::{CompactionPolicy, Store};
use crate::task::Task;

/// Any bytes as a [script](super::script) of steps.
///
/// 1. A step is done or refused as the model says, unless the disk fails.
/// 2. If it fails, the step has happened or not; if the step was told to be
///    done, it has happened, and a power cut does not take it back.
/// 3. What is there is clean and can be freed of all garbage, whatever befell it.
/// 4. What came to be in the same way has the same ID.
/// 5. At the end every image comes back, its layers bit for bit and its files
///    as they should be; so do the files of containers.
pub fn operations(data: &[u8]) {
    let mut world = World::new();
    steps(data).for_each(|step| world.go(step));
    world.end();
}

struct World {
    disk: SimulatedDisk,
    store: Store,
    model: Model,
    /// What a power cut may leave: more than one if a step failed.
    durable: Vec<Model>,
    ids: Ids,
}

impl World {
    fn new() -> Self {
        let disk = SimulatedDisk::new();
        let store = open(&disk).expect("memory does not fail");
        let ids = Ids(BTreeMap::new());
        Self { disk, store, model: Model::default(), durable: vec![Model::default()], ids }
    }

    fn go(&mut self, step: Step) {
        match step.mishap {
            Mishap::None => {}
            Mishap::Failure(failure) => self.disk.fail_after(step.calls, failure),
            Mishap::PowerCut(_) => self.disk.lose_power_after(step.calls),
        }
        let cut = match step.mishap {
            Mishap::PowerCut(survival) => Some(survival),
            _ => None,
        };
        // A failure that found nothing to befall waits for the next step.
        let waits = !self.disk.has_failed();
        let told = self.act(step.verb);
        let is_hit = waits && self.disk.has_failed() || cut.is_some() && told.is_err();
        let mut seen = vec![self.model.clone()];
        match (told, self.model.after(step.verb)) {
            (Ok(()), Ok(after)) if after == self.model => {}
            (Ok(()), Ok(after)) => {
                seen = vec![after.clone()];
                self.durable = vec![after];
            }
            (Ok(()), Err(refusal)) => panic!("{step:?} should be refused: {refusal:?}"),
            (Err(_), after) if is_hit => {
                seen.extend(after.clone());
                self.durable.extend(after);
            }
            (Err(error), Err(refusal)) => assert_eq!(error.kind(), refusal, "{step:?}: {error}"),
            (Err(error), Ok(_)) => panic!("{step:?}: {error}: {:?}", std::error::Error::source(&error)),
        }
        if let Some(survival) = cut {
            self.disk = self.disk.after_reboot(survival);
            self.store = open(&self.disk).expect("a power cut never costs the store");
            seen = std::mem::take(&mut self.durable);
        }
        self.model = self.find(&seen, Survival::Everything, step);
        if cut.is_some() {
            self.durable = vec![self.model.clone()];
        }
        if is_hit {
            self.check(Survival::Everything, step);
            let durable = self.durable.clone();
            self.find(&durable, Survival::Nothing, step);
            self.check(Survival::Nothing, step);
        }
    }

    fn act(&mut self, verb: Verb) -> Result<()> {
        let (store, task) = (&self.store, &Task::silent());
        match verb {
            Verb::Load { image, from_file } => {
                let archive = archive(image);
                let input = if from_file { file_of(&archive) } else { stream(&archive) };
                store.load(input, &LoadOptions::default(), task).map(drop)
            }
            Verb::Import { layer, name } => {
                let (reference, created) = (Some(image_name(name)), Some(jiff::Timestamp::UNIX_EPOCH));
                let options = ImportOptions { reference, created, ..ImportOptions::default() };
                store.import(stream(&layer_bytes(layer)), &options, task).map(drop)
            }
            Verb::Tag { name, other } => store.tag(&image_name(name).familiar(), &image_name(other)),
            Verb::Remove { name, force } => store
                .remove(
                    &image_name(name).familiar(),
                    &RemoveOptions { force, ..RemoveOptions::default() },
                    task,
                )
                .map(drop),
            Verb::RemoveById { number, force } => {
                let id =
                    self.model.image_at(number).map_or(Digest::of(b"none"), |origin| self.ids.0[origin].0);
                store
                    .remove(&id.to_string(), &RemoveOptions { force, ..RemoveOptions::default() }, task)
                    .map(drop)
            }
            Verb::Create { name, container } => {
                // Without a name for the host the container's ID is one, and a commit keeps it.
                let (cmd, hostname) = (Some(vec!["x".into()]), Some("host".into()));
                let config = RunConfig { cmd, hostname, ..RunConfig::default() };
                let name_of_it = Some(container_name(container));
                let options = CreateOptions { name: name_of_it, config, ..CreateOptions::default() };
                store.create_container(&image_name(name).familiar(), &options).map(drop)
            }
            Verb::Rename { container, other } => {
                store.rename_container(&container_name(container), &container_name(other))
            }
            Verb::RemoveContainer { container } => {
                let options = RemoveContainerOptions::default();
                store.remove_container(&container_name(container), &options).map(drop)
            }
            Verb::Commit { container, name } => {
                let (reference, created) = (Some(image_name(name)), Some(jiff::Timestamp::UNIX_EPOCH));
                let options = CommitOptions { reference, created, ..CommitOptions::default() };
                store.commit(&container_name(container), &options, task).map(drop)
            }
            Verb::Squash { name, other, only_top } => {
                let layers = self.model.named(name).map_or(1, |origin| origin.layers().len());
                let (reference, from) = (Some(image_name(other)), only_top.then(|| layers.to_string()));
                let options = SquashOptions { reference, from, ..SquashOptions::default() };
                store.squash(&image_name(name).familiar(), &options, task).map(drop)
            }
            Verb::Collect => store.gc(task).map(drop),
            Verb::Reclaim => store.reclaim(task).map(drop),
            Verb::Optimize => {
                let options = OptimizeOptions { level: 3, ..OptimizeOptions::default() };
                store.optimize(&options, task).map(drop)
            }
            Verb::Compact { history } => {
                let history_bytes = 256 * history as u64;
                let policy = CompactionPolicy {
                    min_bytes: 0,
                    commit_bytes: u64::MAX,
                    history_bytes,
                    max_percent: 200,
                };
                store.with_compaction(policy).ledger(task)?.compact().map(drop)
            }
            Verb::Verify => store.fsck(&FsckOptions::at(FsckLevel::Exact), task).map(drop),
            Verb::Reopen => open(&self.disk).map(|store| self.store = store),
            Verb::LoseIndex => {
                self.each_run(|disk, run| _ = disk.remove(run));
                Ok(())
            }
            Verb::SpoilIndex { at } => {
                self.each_run(|disk, run| _ = spoil(disk, run, at));
                Ok(())
            }
        }
    }

    fn each_run(&self, act: impl Fn(&SimulatedDisk, &str)) {
        for run in self.disk.list("index").unwrap_or_default() {
            act(&self.disk, &format!("index/{}", run.name));
        }
    }

    /// The one of `models` that the store is like, on a disk of its own: what waits
    /// to fail must not befall this.
    fn find(&mut self, models: &[Model], survival: Survival, step: Step) -> Model {
        let found = Found::of(&self.copy(survival));
        let fitting = models.iter().find(|model| self.ids.fit(model, &found));
        fitting.cloned().unwrap_or_else(|| panic!("{step:?}: {found:?} is none of {models:?}"))
    }

    fn copy(&self, survival: Survival) -> Store {
        open(&self.disk.after_reboot(survival)).expect("a power cut never costs the store")
    }

    /// The store is clean, and can be freed of all garbage without losing anything.
    fn check(&self, survival: Survival, step: Step) {
        let store = self.copy(survival);
        let before = Found::of(&store);
        assert_clean(&store);
        store.gc(&Task::silent()).unwrap_or_else(|error| panic!("{step:?}: {error}"));
        assert_eq!(Found::of(&store), before, "{step:?}");
        assert_clean(&store);
        let usage = store.usage().expect("a sound store");
        assert_eq!(usage.garbage_bytes, 0, "{step:?}");
        assert!(usage.disk.iter().all(|area| area.name != "tmp"), "{step:?}: {usage:?}");
        let dirs = store.disk().list("containers").expect("memory does not fail");
        assert_eq!(dirs.len(), before.containers.len(), "{step:?}");
    }

    fn end(&self) {
        let last = Step { verb: Verb::Reopen, mishap: Mishap::None, calls: 0 };
        self.check(Survival::Everything, last);
        let store = self.copy(Survival::Everything);
        let blobs = blobs_of(&store, self.model.images.iter().map(|origin| self.ids.0[origin]));
        for origin in &self.model.images {
            let id = self.ids.0[origin].to_string();
            let diff_ids = store.inspect(&id, None).expect("it is listed").diff_ids;
            let layers = origin.layers();
            assert_eq!(diff_ids.len(), layers.len(), "{origin:?}");
            for (diff_id, layer) in diff_ids.iter().zip(layers) {
                let bytes = &blobs[&diff_id.0];
                assert!(layer.is_none_or(|layer| *bytes == layer_bytes(layer)), "{origin:?}");
            }
            assert_eq!(files_of(&store, &id), origin.files(), "{origin:?}");
        }
        for (number, Container { of, .. }) in &self.model.containers {
            assert_eq!(files_of(&store, &container_name(*number)), of.files(), "{of:?}");
        }
    }
}

fn open(disk: &SimulatedDisk) -> Result<Store> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let store = match Store::open_on(Arc::clone(&disk))? {
        Some(store) => store,
        None => Store::create_on(disk, Path::new("store"))?,
    };
    Ok(on_one_thread(store))
}

fn spoil(disk: &SimulatedDisk, name: &str, at: u64) -> crate::disk::Result<()> {
    let file = disk.open_writable(name)?;
    let at = at % file.len()?.max(1);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[!byte[0]], at)
}
