//! Any number of processes on one store: none corrupts another, and readers do not wait.

mod model;
mod worker;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::child::Feed;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

/// Images that share layers in every way: all, some, none.
fn images() -> Vec<Image> {
    let base = Layer::new().file("base", noise(1, 1 << 20));
    let (left, right) = (noise(2, 700_000), noise(3, 700_000));
    let left = Layer::new().file("left", left);
    let right = Layer::new().file("right", right);
    vec![
        Image::new(&["app:1"], vec![base.clone(), left.clone()]),
        Image::new(&["app:2"], vec![base.clone(), right.clone()]),
        Image::new(&["app:3"], vec![base, left, right]),
        Image::small("other:1"),
    ]
}

#[test]
fn ten_processes_at_once_do_each_other_no_harm() {
    let sandbox = Sandbox::new();
    // Some of them look after the store before anybody has put something into it.
    larder_engine::Store::create(sandbox.store()).expect("it is new");
    let images = images();
    for (at, image) in images.iter().enumerate() {
        let image = std::slice::from_ref(image);
        sandbox.write(&format!("{at}.tar"), layouts::docker24(image).tar());
        sandbox.write(&format!("{at}.oci.tar"), layouts::docker25(image).tar());
    }
    thread::scope(|scope| {
        for worker in 0..10 {
            let (sandbox, images) = (&sandbox, &images);
            scope.spawn(move || work(sandbox, images, worker));
        }
    });
    sandbox.is_clean();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    for (at, image) in images.iter().enumerate() {
        sandbox.run(["load", "-i", &format!("{at}.tar")]).ok();
        let saved = Saved::read(&sandbox.save([&image.names[0]])).images();
        assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()));
    }
    sandbox.is_clean();
}

/// A dozen commands, each of which must succeed or say that there is no such image.
fn work(sandbox: &Sandbox, images: &[Image], worker: u64) {
    let mut dice = Noise::new(worker + 1);
    for _ in 0..12 {
        let at = dice.below(images.len() as u64) as usize;
        let name = images[at].names[0].clone();
        let out = format!("{worker}.out");
        let args: Vec<String> = match dice.below(11) {
            0..3 => vec!["load".into(), "-i".into(), format!("{at}.tar")],
            3 => vec!["load".into(), "-i".into(), format!("{at}.oci.tar")],
            4 => vec!["save".into(), "-o".into(), out.clone(), name],
            5 => vec!["images".into()],
            6 => vec!["rmi".into(), name],
            7 => vec!["tag".into(), name, format!("copy:{worker}")],
            8 => vec!["history".into(), name],
            9 => vec!["optimize".into(), "--level".into(), format!("{}", 1 + dice.below(4))],
            _ => vec!["gc".into()],
        };
        let ran = sandbox.run(&args);
        let words = ["No such image", "reference does not exist"];
        let no_such = ran.code == Some(1) && words.iter().any(|word| ran.err().contains(word));
        assert!(ran.code == Some(0) || no_such, "{ran}");
        if ran.code == Some(0) && args[0] == "save" {
            let saved = Saved::read(&sandbox.read(&out)).images();
            assert_eq!((saved[0].id(), &saved[0].layers), (images[at].id(), &images[at].tars()));
        }
    }
}

/// A load that waits for its pipe: the store is nobody's meanwhile.
#[test]
fn nobody_waits_for_a_load() {
    let images = images();
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&images[..1]).tar()).ok();
    let slow = Image::new(&["slow:1"], vec![Layer::new().file("noise", noise(9, 6 << 20))]);
    let archive = layouts::docker24(std::slice::from_ref(&slow)).tar();
    let (go_on, wait) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<()>();
    let feed = Feed::stream(move |stdin| {
        let (first, rest) = archive.split_at(archive.len() / 2);
        stdin.write_all(first)?;
        stdin.flush()?;
        let _ = tell.send(());
        let _ = wait.recv_timeout(Duration::from_secs(120));
        stdin.write_all(rest)
    });
    let loading = sandbox.start(["load"], feed);
    told.recv_timeout(Duration::from_secs(60)).expect("it reads its pipe");

    let started = Instant::now();
    assert_eq!(sandbox.names(), ["app:1"], "what is half loaded does not show");
    assert_eq!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers, images[0].tars());
    sandbox.load(&layouts::docker25(&images[1..3]).tar()).ok();
    sandbox.run(["tag", "app:1", "app:one"]).ok();
    sandbox.run(["rmi", "app:2"]).ok();
    sandbox.run(["df"]).ok();
    sandbox.run(["history", "app:1"]).ok();
    sandbox.run(["fsck"]).ok();
    assert!(started.elapsed() < Duration::from_secs(60), "they waited {:?}", started.elapsed());
    assert!(!loading.is_over(), "the load was to be under way all the while");

    go_on.send(()).expect("the feeder waits");
    loading.wait().ok().stdout("Loaded image: slow:1\n");
    sandbox.run(["gc"]).ok();
    assert_eq!(Saved::read(&sandbox.save(["slow:1"])).images()[0].layers, slow.tars());
    sandbox.is_clean();
}

#[test]
fn one_archive_loaded_by_many_at_once_is_there_once() {
    let image = Image::new(&["app:1"], vec![Layer::new().file("noise", noise(5, 3 << 20))]);
    let sandbox = Sandbox::new();
    let archive = layouts::docker25(&[image]).tar();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| sandbox.load(&archive).ok().stdout("Loaded image: app:1\n"));
        }
    });
    assert_eq!(sandbox.names(), ["app:1"]);
    sandbox.run(["gc"]).ok();
    let bytes = sandbox.disk_bytes();
    // Loads that overlap may each have written what the others had not committed yet: gc
    // has the last word.
    assert!(bytes < 5 << 20, "{bytes} bytes on disk for 3 MiB");
    sandbox.is_clean();
}
