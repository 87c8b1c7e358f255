//! Killed, interrupted, terminated: the store is as it was, or has the whole image.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::child::{Feed, Running};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

const CYCLES: u32 = 40;

#[test]
fn kill_9_at_any_moment_of_a_load_costs_nothing_but_garbage() {
    let sandbox = Sandbox::new();
    let kept = Image::small("kept:1");
    sandbox.load(&layouts::docker25(std::slice::from_ref(&kept)).tar()).ok();
    let layers = (0..4).map(|at| Layer::new().file("noise", noise(at, 4 << 20))).collect();
    let image = Image::new(&["app:1", "app:one"], layers);
    sandbox.write("app.tar", layouts::docker24(std::slice::from_ref(&image)).tar());
    let whole = sandbox.run(["load", "-i", "app.tar"]).ok().elapsed;
    sandbox.run(["rmi", "app:1", "app:one"]).ok();

    let mut dice = Noise::new(42);
    let mut finished = 0;
    for cycle in 0..CYCLES {
        let loading = sandbox.start(["load", "-i", "app.tar"], Feed::Nothing);
        thread::sleep(whole.mul_f64(dice.below(1150) as f64 / 1000.0));
        loading.signal(Signal::KILL);
        let loaded = loading.wait();
        let names = sandbox.names();
        // Both names or neither; and if it said so, then both.
        let there = names.iter().filter(|name| name.starts_with("app:")).count();
        assert!(there == 0 || there == 2, "cycle {cycle}: {names:?}");
        assert!(loaded.code != Some(0) || there == 2, "cycle {cycle}: said loaded, then forgot: {loaded}");
        assert!(names.contains(&"kept:1".to_owned()), "cycle {cycle}: {names:?}");
        if there == 2 {
            finished += 1;
            let removing = sandbox.start(["rmi", "app:1", "app:one"], Feed::Nothing);
            if cycle % 2 == 0 {
                thread::sleep(Duration::from_millis(dice.below(40)));
                removing.signal(Signal::KILL);
            }
            removing.wait();
            // One name may be gone and the other not: each is a commit of its own.
            sandbox.run(["rmi", "-f", "app:1", "app:one"]).ok();
        }
        if cycle % 8 == 7 {
            sandbox.is_clean();
        }
    }
    assert!(finished < CYCLES, "no load was killed before its end: this test tested nothing");

    sandbox.is_clean();
    sandbox.run(["load", "-i", "app.tar"]).ok();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    let saved = Saved::read(&sandbox.save(["app:1"])).images();
    assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()));
    assert_eq!(Saved::read(&sandbox.save(["kept:1"])).images()[0].layers, kept.tars());
    // 16 MiB of noise and next to nothing else: gc has removed what the kills left.
    let bytes = sandbox.disk_bytes();
    assert!(bytes < 18 << 20, "{bytes} bytes on disk for 16 MiB");
    let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    assert_eq!(usage["GarbageBytes"], 0, "{usage}");
    assert!(tmp_is_empty(&sandbox));
}

/// What rmi and gc take away lies in packs beside what stays: the packs are written anew.
#[test]
fn kill_9_at_any_moment_of_a_removal_costs_no_other_image() {
    let layer = |seed: u64| Layer::new().file("noise", noise(seed, 3 << 20));
    let kept = Image::new(&["kept:1"], vec![layer(1), layer(2)]);
    let gone = Image::new(&["gone:1"], vec![layer(1), layer(3)]);
    let sandbox = Sandbox::new();
    sandbox.write("both.tar", layouts::docker24(&[kept.clone(), gone]).tar());
    sandbox.run(["load", "-i", "both.tar"]).ok();
    let whole = sandbox.run(["rmi", "gone:1"]).ok().elapsed;
    let mut dice = Noise::new(7);
    for cycle in 0..16 {
        sandbox.run(["load", "-i", "both.tar"]).ok();
        let args: &[&str] = if cycle % 4 == 3 { &["gc"] } else { &["rmi", "gone:1"] };
        let removing = sandbox.start(args, Feed::Nothing);
        thread::sleep(whole.mul_f64(dice.below(1200) as f64 / 1000.0));
        removing.signal(Signal::KILL);
        removing.wait();
        let saved = Saved::read(&sandbox.save(["kept:1"])).images();
        assert_eq!((saved[0].id(), &saved[0].layers), (kept.id(), &kept.tars()), "cycle {cycle}");
        sandbox.is_clean();
    }
    sandbox.run(["rmi", "-f", "gone:1"]).ok();
    sandbox.run(["gc"]).ok();
    let bytes = sandbox.disk_bytes();
    assert!(bytes < 8 << 20, "{bytes} bytes on disk for 6 MiB");
    assert!(tmp_is_empty(&sandbox));
    sandbox.is_clean();
}

/// How often a command is killed; more with `LARDER_KILLS`.
const KILLS: u32 = 60;

/// Every command that writes, each making something that is called new, or nothing.
const WRITERS: &[&[&str]] = &[
    &["import", "flat.tar", "new:1"],
    &["tag", "kept:1", "new:1"],
    &["commit", "box", "new:1"],
    &["squash", "kept:1", "new:1"],
    &["create", "--name", "new", "kept:1", "true"],
    &["rename", "box", "new"],
    &["cp", "flat.tar", "box:/copied"],
    &["optimize", "--level", "4"],
    &["gc"],
];

#[test]
fn kill_9_at_any_moment_of_any_command_loses_nothing() {
    let sandbox = Sandbox::new();
    let layers = (0..2).map(|at| Layer::new().file("noise", noise(at, 1 << 20))).collect();
    let kept = Image::new(&["kept:1"], layers);
    sandbox.load(&layouts::docker25(std::slice::from_ref(&kept)).tar()).ok();
    sandbox.write("flat.tar", Layer::new().file("flat", noise(9, 1 << 20)).tar());
    sandbox.run(["create", "--name", "box", "kept:1", "true"]).ok();
    let kills = std::env::var("LARDER_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut dice = Noise::new(4711);
    let mut killed = 0;
    for cycle in 0..kills {
        let args = WRITERS[dice.below(WRITERS.len() as u64) as usize];
        let writing = sandbox.start(args, Feed::Nothing);
        thread::sleep(Duration::from_micros(dice.below(60_000)));
        writing.signal(Signal::KILL);
        let wrote = writing.wait();
        let context = format!("cycle {cycle}: {args:?}: {wrote}");
        killed += u32::from(wrote.code.is_none());
        // What it said to be done is done.
        let containers = sandbox.run(["ps", "-a", "--format", "{{.Names}}"]).ok().out();
        let is_image = sandbox.names().contains(&"new:1".to_owned());
        let is_there = is_image || containers.lines().any(|name| name == "new");
        let makes = args.contains(&"new:1") || args.contains(&"new");
        assert!(wrote.code != Some(0) || is_there == makes, "{context}");
        assert!(makes || !is_there, "{context}");
        // And back to the beginning.
        if is_image {
            sandbox.run(["rmi", "-f", "new:1"]).ok();
        } else if is_there && args[0] == "rename" {
            sandbox.run(["rename", "new", "box"]).ok();
        } else if is_there {
            sandbox.run(["rm", "new"]).ok();
        }
        if cycle % 10 == 9 {
            sandbox.is_clean();
            let saved = Saved::read(&sandbox.save(["kept:1"])).images();
            assert_eq!((saved[0].id(), &saved[0].layers), (kept.id(), &kept.tars()), "{context}");
        }
    }
    assert!(killed > kills / 4, "only {killed} of {kills} were killed before their end");
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    assert_eq!(usage["GarbageBytes"], 0, "{usage}");
    assert!(tmp_is_empty(&sandbox));
}

fn stalled_archive() -> Vec<u8> {
    let image = Image::new(&["app:1"], vec![Layer::new().file("noise", noise(1, 8 << 20))]);
    layouts::docker24(&[image]).tar()
}

/// A load that has read half of its archive and waits for more, until the other end is
/// dropped.
fn stalled(sandbox: &Sandbox) -> (Running, Sender<()>) {
    let archive = stalled_archive();
    let (tell, told) = mpsc::channel();
    let (hold, held) = mpsc::channel();
    let feed = Feed::stream(move |stdin| {
        stdin.write_all(&archive[..archive.len() / 2])?;
        let _ = tell.send(());
        // Held open: no end of the input tells the load to stop.
        let _ = held.recv_timeout(Duration::from_secs(60));
        stdin.write_all(b"too late")
    });
    let running = sandbox.start(["load"], feed);
    told.recv_timeout(Duration::from_secs(60)).expect("it reads its pipe");
    (running, hold)
}

fn tmp_is_empty(sandbox: &Sandbox) -> bool {
    std::fs::read_dir(sandbox.store().join("tmp")).is_ok_and(|mut entries| entries.next().is_none())
}

#[test]
fn a_signal_stops_a_load_and_keeps_what_was_read_for_the_next_try() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::docker25(&[Image::small("kept:1")]).tar()).ok();
        let before = sandbox.truth();
        let (running, hold) = stalled(&sandbox);
        // What has come so far is on its way into packs.
        thread::sleep(Duration::from_millis(200));
        let sent = Instant::now();
        running.signal(signal);
        // It must not wait for the pipe, which says nothing more for a while.
        while !running.is_over() {
            assert!(sent.elapsed() < Duration::from_secs(10), "{signal:?} did not stop it");
            thread::sleep(Duration::from_millis(5));
        }
        drop(hold);
        let ran = running.wait();
        assert_eq!(ran.code, Some(code), "{signal:?}: {ran}");
        assert!(!ran.err().contains("panicked"), "{ran}");
        assert!(ran.err().contains("kept for the next try"), "{ran}");
        let changes = before.changes(&sandbox.truth());
        let is_chunks = |change: &String| change.contains("packs") || change.contains("index");
        assert!(!changes.is_empty() && changes.iter().all(is_chunks), "{signal:?} left {changes:?}");
        assert_eq!(sandbox.names(), ["kept:1"]);
        sandbox.is_clean();
        let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
        let garbage = usage["GarbageBytes"].as_u64().expect("bytes");
        assert!(garbage > 2 << 20, "{usage}");
        match signal {
            // The next try stores only the rest, and nothing is garbage any more.
            Signal::INT => {
                sandbox.write("app.tar", stalled_archive());
                let told = sandbox.run(["load", "-i", "app.tar", "--progress", "json"]).ok().err();
                let last = told.lines().last().expect("a summary");
                let done: serde_json::Value = serde_json::from_str(last).expect("an object a line");
                assert!(done["new_bytes"].as_u64().expect("bytes") < 6 << 20, "{done}");
            }
            // Nobody comes back: gc makes the store what it was.
            _ => {
                sandbox.run(["gc"]).ok();
                assert_eq!(before.under(&["packs"]).changes(&sandbox.truth().under(&["packs"])), [""; 0]);
            }
        }
        let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
        let left = usage["GarbageBytes"].as_u64().expect("bytes");
        assert!(left < 1 << 20, "{usage}");
    }
}

#[test]
fn an_interrupted_save_leaves_no_file() {
    let sandbox = Sandbox::new();
    let layers = (0..6).map(|at| Layer::new().file("noise", noise(at, 8 << 20))).collect();
    sandbox.load(&layouts::docker24(&[Image::new(&["big:1"], layers)]).tar()).ok();
    for wait in [0, 3, 10, 20, 40] {
        let saving = sandbox.start(["save", "-o", "out.tar", "big:1"], Feed::Nothing);
        thread::sleep(Duration::from_millis(wait));
        saving.signal(Signal::INT);
        let ran = saving.wait();
        let files = std::fs::read_dir(sandbox.path("")).expect("the sandbox").flatten();
        let names: Vec<_> = files.map(|entry| entry.file_name()).filter(|name| name != "store").collect();
        if ran.code == Some(0) {
            assert_eq!(names, ["out.tar"], "{ran}");
            std::fs::remove_file(sandbox.path("out.tar")).expect("it is there");
        } else {
            assert!(names.is_empty(), "after {wait} ms {names:?} were left: {ran}");
        }
    }
}

#[test]
fn what_the_catalog_and_the_index_knew_is_found_again() {
    let image = Image::small("app:1");
    for gone in [&["catalog"][..], &["index"], &["catalog", "index"]] {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
        for name in gone {
            std::fs::remove_dir_all(sandbox.store().join(name)).expect("it is there");
        }
        assert_eq!(sandbox.names(), ["app:1"], "without {gone:?}");
        let saved = Saved::read(&sandbox.save(["app:1"])).images();
        assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()), "without {gone:?}");
        sandbox.is_clean();
    }
}

/// Damage to what can be rebuilt is repaired without being asked.
#[test]
fn a_damaged_catalog_or_index_heals_itself() {
    let image = Image::small("app:1");
    for dir in ["catalog", "index"] {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
        let listing = sandbox.listing();
        for path in listing.under(&[dir]).0.iter().filter(|(_, seen)| seen.len > 0).map(|(path, _)| path) {
            let path = sandbox.store().join(path);
            let mut bytes = std::fs::read(&path).expect("a file of the store");
            let middle = bytes.len() / 2;
            bytes[middle..].fill(0xa5);
            std::fs::write(&path, bytes).expect("a file of the store");
        }
        assert_eq!(sandbox.names(), ["app:1"], "{dir} damaged");
        let saved = Saved::read(&sandbox.save(["app:1"])).images();
        assert_eq!(saved[0].layers, image.tars(), "{dir} damaged");
        sandbox.load(&layouts::docker25(&[Image::small("app:2")]).tar()).ok();
        sandbox.is_clean();
    }
}

/// A torn last record is what a power cut leaves: the records before it stand. Where the
/// catalog has seen the torn one, it may give it back; it gives back all of it or nothing.
#[test]
fn a_torn_journal_keeps_its_whole_records() {
    let images = [Image::small("app:1"), Image::small("app:2"), Image::small("app:3")];
    let load = |sandbox: &Sandbox, at: usize| {
        sandbox.load(&layouts::docker25(&images[at..=at]).tar()).ok();
        std::fs::read(sandbox.store().join("journal")).expect("the journal")
    };
    for catalog in [false, true] {
        for part in 0..4 {
            let sandbox = Sandbox::new();
            let (whole, both) = (load(&sandbox, 0), load(&sandbox, 1));
            assert!(both.starts_with(&whole), "the journal is only ever added to");
            let last = both.len() - whole.len();
            let cut = whole.len() + [0, 1, last / 2, last - 1][part];
            std::fs::write(sandbox.store().join("journal"), &both[..cut]).expect("the journal");
            if !catalog {
                std::fs::remove_dir_all(sandbox.store().join("catalog")).expect("the catalog");
            }
            let names = sandbox.names();
            assert!(names.contains(&"app:1".to_owned()), "cut at {cut}: {names:?}");
            assert!(catalog || names.len() == 1, "cut at {cut}: {names:?}");
            load(&sandbox, 2);
            let names = sandbox.names();
            for image in images.iter().filter(|image| names.contains(&image.names[0])) {
                let saved = Saved::read(&sandbox.save([&image.names[0]])).images();
                assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()), "cut at {cut}");
            }
            assert!(names.len() >= 2, "cut at {cut}: {names:?}");
            sandbox.is_clean();
        }
    }
}
