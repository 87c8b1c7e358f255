use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::archives::{docker_archive, layer, noise};
use super::super::scenes::{load, open, with_a_container, with_an_image};
use super::*;
use crate::disk::SimulatedDisk;
use crate::ops::{RemoveOptions, Removed};

/// Files of a store: of these every layer is made.
const POOL: u64 = 8;

/// An image: its layers, each a set of files by their numbers in the pool.
type Model = Vec<BTreeSet<u64>>;

fn models() -> impl Strategy<Value = Vec<Model>> {
    let files = prop::collection::btree_set(0..POOL, 0..4);
    vec(vec(files, 1..4), 1..5)
}

/// Noise, which does not compress: so what a chunk takes is known beforehand.
fn file_bytes(number: u64) -> Vec<u8> {
    noise(number, 3000 + 500 * number as usize)
}

fn tar(files: &BTreeSet<u64>) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|number| (number.to_string(), file_bytes(*number))).collect();
    layer(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

fn store_of(models: &[Model]) -> (SimulatedDisk, Store) {
    let disk = SimulatedDisk::new();
    let store = open(&disk).unwrap();
    for (number, model) in models.iter().enumerate() {
        let layers: Vec<_> = model.iter().map(tar).collect();
        load(&store, docker_archive(&format!("app:{number}"), &layers)).unwrap();
    }
    (disk, store)
}

fn survey(store: &Store) -> Survey {
    store.survey(&Task::silent()).unwrap()
}

fn remove(store: &Store, id: ImageId) -> Removed {
    store
        .remove(&id.to_string(), &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())
        .unwrap()
}

/// Every sum that must hold, whatever the store.
fn check_sums(store: &Store, survey: &Survey) {
    let files = store.disk().list("packs").unwrap();
    let lengths: u64 = files
        .iter()
        .map(|file| store.disk().open(&format!("packs/{}", file.name)).unwrap().len().unwrap())
        .sum();
    assert_eq!(survey.packed.length_bytes(), lengths);
    assert_eq!(survey.packed.own_bytes, survey.images.iter().map(|image| image.own_bytes).sum::<u64>());
    let packs = survey.usage.disk.iter().find(|area| area.name == "packs").map_or(0, |area| area.bytes);
    assert_eq!(lengths as i64 + survey.packed.slack_bytes, packs as i64);
    assert_eq!(survey.usage, store.usage().unwrap());
    let came: u64 = survey.growth.iter().map(|moment| moment.stored_bytes).sum();
    assert_eq!(came, lengths - survey.packed.structure_bytes - survey.packed.garbage_bytes);
    for image in &survey.images {
        assert_eq!(survey.freed_by(&[image.id].into()), image.own_bytes, "{image:?}");
        assert_eq!(
            image.layers.iter().map(|layer| survey.layers[*layer].content_bytes).sum::<u64>(),
            image.content_bytes
        );
    }
    let all: Vec<_> = (0..survey.images.len()).collect();
    for (one, row) in survey.shared_between(&all).iter().enumerate() {
        assert_eq!(row[one], survey.images[one].stored_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_of_the_packs_has_its_place(models in models()) {
        let (_disk, store) = store_of(&models);
        let survey = survey(&store);
        check_sums(&store, &survey);
        prop_assert_eq!(survey.packed.garbage_bytes, 0);
        // Each file's bytes are its images' own or shared as the model has it.
        let mut users: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
        for (number, model) in models.iter().enumerate() {
            for file in model.iter().flatten() {
                users.entry(*file).or_default().insert(number);
            }
        }
        for (number, _) in models.iter().enumerate() {
            let name = format!("app:{number}").parse().unwrap();
            let image = survey.images.iter().find(|image| image.references.contains(&name)).unwrap();
            let files = |only: bool| -> u64 {
                let mine = users.iter().filter(|(_, users)| users.contains(&number) && (users.len() == 1) == only);
                mine.map(|(file, _)| file_bytes(*file).len() as u64).sum()
            };
            // Headers, recipes and documents come on top.
            prop_assert!(image.own_bytes >= files(true) && image.shared_bytes >= files(false));
            prop_assert!(image.stored_bytes() < files(true) + files(false) + 4000);
        }
    }

    /// What is foretold is what becomes garbage, to the byte, and what a collection
    /// then takes from the packs; only what it compresses again may come out otherwise.
    #[test]
    fn what_would_be_freed_is_freed(models in models(), going in vec(any::<bool>(), 5)) {
        let (_disk, store) = store_of(&models);
        let before = survey(&store);
        let going: BTreeSet<_> =
            before.images.iter().zip(going).filter(|(_, going)| *going).map(|(image, _)| image.id).collect();
        let foretold = before.freed_by(&going);
        going.iter().for_each(|id| drop(remove(&store, *id)));
        let removed = survey(&store);
        check_sums(&store, &removed);
        prop_assert_eq!(removed.packed.garbage_bytes, foretold);
        let forecast = removed.forecast();
        let collected = store.gc(&Task::silent()).unwrap();
        let after = survey(&store);
        check_sums(&store, &after);
        prop_assert_eq!(after.packed.garbage_bytes, 0);
        prop_assert_eq!(
            (forecast.dead_chunks, forecast.live_chunks, forecast.packs_removed, forecast.packs_rewritten),
            (collected.dead_chunks, collected.live_chunks, collected.packs_removed, collected.packs_rewritten)
        );
        let chunks = |survey: &Survey| survey.packed.length_bytes() - survey.packed.structure_bytes;
        let freed = chunks(&before) - chunks(&after);
        prop_assert!(freed.abs_diff(foretold) < 2000, "foretold {foretold}, freed {freed}");
        prop_assert!(
            forecast.freed_bytes.abs_diff(collected.freed_bytes) <= 3 * 4096,
            "foretold {forecast:?}, freed {collected:?}"
        );
    }
}

#[test]
fn what_a_container_of_an_image_needs_is_held_and_not_its_own() {
    let store = open(&SimulatedDisk::new()).unwrap();
    let (_, alone) = (with_an_image(&store), survey(&store));
    let (own, name) = (alone.images[0].own_bytes, Some("web".to_owned()));
    let config = crate::image::RunConfig { cmd: Some(vec!["x".into()]), ..Default::default() };
    let options = crate::ops::CreateOptions { name, config, ..Default::default() };
    store.create_container("app:1", &options).unwrap();
    let survey = survey(&store);
    check_sums(&store, &survey);
    let image = &survey.images[0];
    assert!(image.is_used && image.held_bytes > 300_000, "{image:?}");
    assert_eq!((image.own_bytes + image.held_bytes, image.shared_bytes), (own, image.held_bytes));
}

#[test]
fn a_container_keeps_what_it_needs() {
    let store = open(&SimulatedDisk::new()).unwrap();
    with_a_container(&store);
    let survey = survey(&store);
    check_sums(&store, &survey);
    let container = &survey.containers[0];
    assert_eq!((container.writable_bytes, container.is_live), (7, false));
    assert!(container.own_bytes + container.shared_bytes > 300_000, "{container:?}");
    let all: BTreeSet<_> = survey.images.iter().map(|image| image.id).collect();
    let (freed, packed) = (survey.freed_by(&all), survey.packed);
    assert_eq!(packed.own_bytes + packed.shared_bytes + packed.containers_bytes - freed, {
        container.own_bytes + container.shared_bytes
    });
}

#[test]
fn a_chunk_that_lies_in_two_places_is_counted_once() {
    let disk = SimulatedDisk::new();
    let store = open(&disk).unwrap();
    // Two loads side by side: neither finds the other's chunks.
    let archive = |number: u64| docker_archive(&format!("app:{number}"), &[tar(&[1, 2, 3].into())]);
    load(&store, archive(1)).unwrap();
    let run = store.disk().list("index").unwrap().remove(0).name;
    let packs = store.disk().list("packs").unwrap();
    let hidden = |from: &str, to: &str| {
        for pack in &packs {
            store.disk().rename(&format!("{from}/{}", pack.name), &format!("{to}/{}", pack.name)).unwrap();
        }
    };
    hidden("packs", "tmp");
    store.disk().remove(&format!("index/{run}")).unwrap();
    load(&store, docker_archive("app:2", &[tar(&[1, 2, 3].into())])).unwrap();
    hidden("tmp", "packs");
    let survey = survey(&store);
    check_sums(&store, &survey);
    assert!(survey.packed.garbage_bytes >= 9000, "{:?}", survey.packed);
    assert!(survey.packed.shared_bytes >= 9000 && survey.packed.shared_bytes < 20_000, "{:?}", survey.packed);
}

#[test]
fn a_survey_stops_when_it_is_told_to() {
    let (_disk, store) = store_of(&[vec![[1].into()]]);
    let task = Task::silent();
    task.cancel();
    assert_eq!(store.survey(&task).unwrap_err().kind(), crate::ErrorKind::Cancelled);
}
