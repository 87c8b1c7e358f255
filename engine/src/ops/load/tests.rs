//! What is foretold of a load, held against the load.

use super::{LayerOrigin, LoadOptions};
use crate::disk::fuzz::file_of;
use crate::disk::{Input, SimulatedDisk};
use crate::ops::archives::{docker_archive, layer, noise};
use crate::ops::scenes::{app, load, open, shown};
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
