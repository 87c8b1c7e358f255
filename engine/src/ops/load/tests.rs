//! What is foretold of a load, held against the load.

use super::{LayerOrigin, LoadOptions};
use crate::disk::fuzz::file_of;
use crate::disk::{Input, SimulatedDisk};
use crate::ops::archives::{docker_archive, layer, noise};
use crate::ops::scenes::{app, load, load_interrupted_after, open, shown};
use crate::store::Store;
use crate::task::Task;

fn stream(archive: &[u8]) -> Input {
    Input::Stream(Box::new(std::io::Cursor::new(archive.to_vec())))
}

/// Archives with bytes that come again: in a layer, in another one, in the store.
fn archives() -> Vec<Vec<u8>> {
    let large = noise(7, 900_000);
    let twice = layer(&[("a", &large), ("b", &large), ("zeros", &[0; 700_000])]);
    let again = layer(&[("c", &large), ("d", &noise(8, 1000))]);
    vec![
        app(2),
        app(3),
        docker_archive("x:1", &[twice.clone(), again.clone()]),
        docker_archive("y:1", &[again, twice.clone(), twice]),
        app(2),
    ]
}

#[test]
fn the_next_load_adds_exactly_what_was_foretold() {
    let inputs: [fn(&[u8]) -> Input; 2] = [stream, file_of];
    for input in inputs {
        let store = open(&SimulatedDisk::new()).unwrap();
        for (number, archive) in archives().iter().enumerate() {
            let (options, task) = (LoadOptions::default(), Task::silent());
            let foreseen = store.foresee_load(input(archive), &options, &task).unwrap();
            let loaded = store.load(input(archive), &options, &task).unwrap();
            assert_eq!(foreseen.new_bytes, loaded.new_bytes, "archive {number}");
            assert_eq!(foreseen.input_bytes, loaded.input_bytes, "archive {number}");
            let images: Vec<_> = foreseen.images.iter().map(|foreseen| foreseen.image.clone()).collect();
            assert_eq!(images, loaded.images, "archive {number}");
            let origins = foreseen.images.iter().flat_map(|image| &image.platforms);
            let new = origins.flat_map(|platform| &platform.layers).map(|layer| match layer.origin {
                LayerOrigin::Archive { new_bytes } => new_bytes,
                LayerOrigin::Store | LayerOrigin::Above => 0,
            });
            assert!(new.sum::<u64>() <= loaded.new_bytes, "archive {number}");
        }
    }
}

#[test]
fn foretelling_writes_nothing() {
    let disk = SimulatedDisk::new();
    load(&open(&disk).unwrap(), app(2)).unwrap();
    let before = (disk.operations(), shown(&open(&disk).unwrap()));
    let store = open(&disk).unwrap();
    for archive in archives() {
        store.foresee_load(stream(&archive), &LoadOptions::default(), &Task::silent()).unwrap();
    }
    assert_eq!((disk.operations(), shown(&store)), before);
    let nowhere = Store::absent("/nowhere/yet").unwrap();
    let foreseen = nowhere.foresee_load(stream(&app(2)), &LoadOptions::default(), &Task::silent()).unwrap();
    assert!(foreseen.new_bytes > 370_000, "{foreseen:?}");
}

/// Bad input leaves nothing behind; input that only was not waited for is half of the next try.
#[test]
fn an_interrupted_load_is_half_of_the_next_one() {
    let archive =
        docker_archive("x:1", &[layer(&[("a", &noise(1, 900_000))]), layer(&[("b", &noise(2, 900_000))])]);
    let half = archive.len() as u64 / 2;
    let store = open(&SimulatedDisk::new()).unwrap();
    let cut = archive.get(..archive.len() / 2).unwrap();
    store.load(stream(cut), &LoadOptions::default(), &Task::silent()).unwrap_err();
    assert_eq!(store.usage().unwrap().garbage_bytes, 0, "a truncated archive leaves nothing");
    let error = load_interrupted_after(&store, archive.clone(), half).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Cancelled);
    assert!(shown(&store).is_empty());
    let garbage = store.usage().unwrap().garbage_bytes;
    assert!(garbage > 600_000, "{garbage} bytes were kept");
    let loaded = store.load(stream(&archive), &LoadOptions::default(), &Task::silent()).unwrap();
    assert!(loaded.new_bytes < 1_200_000, "{} bytes are new", loaded.new_bytes);
    assert_eq!(store.usage().unwrap().garbage_bytes, 0, "everything is used");
    store.remove("x:1", &crate::RemoveOptions::default(), &Task::silent()).unwrap();
    load_interrupted_after(&store, archive, half).unwrap_err();
    store.gc(&Task::silent()).unwrap();
    assert_eq!(store.usage().unwrap().garbage_bytes, 0, "gc deletes what nobody came back for");
}
