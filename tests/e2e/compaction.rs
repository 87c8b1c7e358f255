//! A journal of more than 64 MiB, most of which is out of date: what `gc` makes of it.

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rustix::process::Signal;

use crate::harness::child::Feed;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;

/// A name as long as names may be, so that fewer records take the journal over 64 MiB.
fn long_name() -> String {
    format!("localhost/{}:{}", "r".repeat(180), "t".repeat(120))
}

const MIB: u64 = 1 << 20;

fn journal(sandbox: &Sandbox) -> PathBuf {
    sandbox.store().join("journal")
}

fn journal_bytes(sandbox: &Sandbox) -> u64 {
    std::fs::metadata(journal(sandbox)).expect("the journal").len()
}

/// Where each record of the journal begins, and where the last one ends.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![48];
    while let Some(at) = places.last().copied().filter(|at| *at < bytes.len()) {
        places.push(at + 28 + u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize);
    }
    places
}

/// The number of the last record.
fn last_number(sandbox: &Sandbox) -> u64 {
    let bytes = std::fs::read(journal(sandbox)).expect("the journal");
    let places = records(&bytes);
    let at = places[places.len() - 2] + 20;
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let mut names = sandbox.names();
    names.sort();
    names
}

/// A store with `app:1` and `kept:1` on which a name was given and taken away very often: the
/// records of one `tag` and one `rmi` again and again, as `engine/src/journal/record.rs` has them.
fn with_a_long_journal() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    sandbox.run(["tag", "app:1", "kept:1"]).ok();
    sandbox.run(["tag", "app:1", &long_name()]).ok();
    sandbox.run(["rmi", &long_name()]).ok();
    let mut bytes = std::fs::read(journal(&sandbox)).expect("the journal");
    let store = bytes[16..32].to_vec();
    let places = records(&bytes);
    let all: Vec<_> = places.windows(2).map(|place| bytes[place[0]..place[1]].to_vec()).collect();
    let [.., tag, rmi] = &all[..] else { panic!("{} records", all.len()) };
    let mut before = rmi[4..12].to_vec();
    let mut txn = all.len() as u64;
    for record in [tag, rmi].into_iter().cycle() {
        if bytes.len() as u64 > 66 * MIB && txn.is_multiple_of(2) {
            break;
        }
        txn += 1;
        let (len, number) = (&record[..4], txn.to_le_bytes());
        let mut sum = blake3::Hasher::new();
        [&store[..], len, &before, &number, &record[28..]].iter().for_each(|field| _ = sum.update(field));
        let sum = sum.finalize().as_bytes()[..8].to_vec();
        bytes.extend([len, &sum[..], &before, &number, &record[28..]].concat());
        before = sum;
    }
    std::fs::write(journal(&sandbox), bytes).expect("it is ours");
    sandbox
}

#[test]
fn gc_compacts_a_long_journal_and_keeps_its_end() {
    let sandbox = with_a_long_journal();
    let (before, number) = (journal_bytes(&sandbox), last_number(&sandbox));
    assert!(before > 64 * MIB && number > 100_000, "{before} bytes, number {number}");
    let ran = sandbox.run(["gc"]).ok();
    assert!(ran.out().contains("Compacted the journal: freed "), "{ran}");
    assert!(journal_bytes(&sandbox) < 17 * MIB, "{}", journal_bytes(&sandbox));
    // The catalog is as it was: nothing is said of it.
    sandbox.run(["images"]).ok().stderr("");
    assert_eq!(names(&sandbox), ["app:1", "kept:1"]);
    assert_eq!(last_number(&sandbox), number);
    let log = sandbox.run(["log", "-n", "1"]).ok().out();
    assert!(log.lines().nth(1).is_some_and(|row| row.starts_with(&number.to_string())), "{log}");
    sandbox.run(["undo", "3"]).fails(1).complains("entry 3 is not in the log any more");
    // It took a name away.
    sandbox.run(["undo", &number.to_string()]).ok();
    assert_eq!(names(&sandbox), ["app:1".to_owned(), "kept:1".to_owned(), long_name()]);
    sandbox.run(["undo"]).ok();
    sandbox.is_clean();
    // A second gc finds nothing more.
    let now = journal_bytes(&sandbox);
    assert!(!sandbox.run(["gc"]).ok().out().contains("journal"));
    assert_eq!(journal_bytes(&sandbox), now);
    std::fs::remove_dir_all(sandbox.store().join("catalog")).expect("the catalog");
    assert_eq!(names(&sandbox), ["app:1", "kept:1"]);
}

#[test]
fn kill_9_at_any_moment_of_a_compaction_costs_nothing() {
    let sandbox = with_a_long_journal();
    let number = last_number(&sandbox);
    // With the catalog that belongs to it, or each round would begin by making that again.
    assert_eq!(names(&sandbox), ["app:1", "kept:1"]);
    let copy = |from: PathBuf, to: PathBuf| {
        let _ = std::fs::remove_dir_all(to.join("catalog"));
        std::fs::create_dir_all(&to).expect("a directory");
        let files = ["catalog", "journal"].map(|name| from.join(name));
        assert!(Command::new("cp").arg("-a").args(files).arg(to).status().expect("cp").success());
    };
    copy(sandbox.store().into(), sandbox.path("long"));
    let whole = sandbox.run(["gc"]).ok().elapsed;
    let mut killed = 0;
    for part in [0.3, 0.7, 0.9, 0.97] {
        copy(sandbox.path("long"), sandbox.store().into());
        let collecting = sandbox.start(["gc"], Feed::Nothing);
        thread::sleep(whole.mul_f64(part));
        collecting.signal(Signal::KILL);
        killed += u32::from(collecting.wait().code != Some(0));
        sandbox.run(["tag", "app:1", "kept:2"]).ok();
        assert_eq!(names(&sandbox), ["app:1", "kept:1", "kept:2"], "killed at {part}");
        assert_eq!(last_number(&sandbox), number + 1, "killed at {part}");
    }
    assert!(killed > 0, "no gc was killed before its end: this test tested nothing");
    sandbox.run(["gc"]).ok();
    assert!(!sandbox.listing().under(&["tmp"]).0.keys().any(|path| path.ends_with("journal")));
    sandbox.is_clean();
}

/// Commands that wait for the journal meanwhile go on with the new one.
#[test]
fn commands_that_run_beside_a_compaction_lose_nothing() {
    let sandbox = with_a_long_journal();
    let number = last_number(&sandbox);
    let collecting = sandbox.start(["gc"], Feed::Nothing);
    let mut tags = Vec::new();
    while !collecting.is_over() && tags.len() < 60 {
        let name = format!("new:{}", tags.len());
        sandbox.run(["tag", "app:1", &name]).ok();
        tags.push(name);
    }
    let ran = collecting.wait().ok();
    assert!(ran.out().contains("Compacted the journal"), "{ran}");
    tags.extend(["app:1", "kept:1"].map(str::to_owned));
    tags.sort();
    assert_eq!(names(&sandbox), tags);
    assert_eq!(last_number(&sandbox), number + tags.len() as u64 - 2);
    sandbox.is_clean();
}
