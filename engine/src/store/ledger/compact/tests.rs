//! What a compaction leaves as it was: everything but the size of the journal.

use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Blob, Catalog, Change, Container, ContainerId, Image, Kind, Named, Time, Variant};
use crate::chunk::{Body, ChunkName, Shape};
use crate::disk::{Disk, Failure, SimulatedDisk, Survival};
use crate::image::{Digest, ImageId};
use crate::journal::FILE;
use crate::store::Store;
use crate::task::{Event, Progress, Task};

/// Compacts whatever there is, if it is asked to.
const ALWAYS: CompactionPolicy =
    CompactionPolicy { min_bytes: 0, commit_bytes: u64::MAX, history_bytes: 400, max_percent: u64::MAX };

const TIME: Time = Time { seconds: 1_700_000_000, nanoseconds: 0 };

fn in_memory() -> (SimulatedDisk, Store) {
    let disk = SimulatedDisk::new();
    let store = Store::create_on(Arc::new(disk.clone()), Path::new("store")).unwrap();
    (disk, store.with_compaction(ALWAYS))
}

fn reopened(disk: SimulatedDisk) -> Store {
    Store::open_on(Arc::new(disk)).unwrap().unwrap().with_compaction(ALWAYS)
}

fn ledger(store: &Store) -> Ledger {
    store.ledger(&Task::silent()).unwrap()
}

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn blob(number: u8, len: u64) -> Blob {
    let body = Body { shape: Shape::Recipe { depth: 1 }, root: ChunkName([number; 32]), len };
    Blob { digest: digest(number), body, kind: Kind::Document }
}

fn variant(number: u8) -> Variant {
    let (platform, labels) = ("linux/amd64".parse().unwrap(), None);
    let (manifest, id) = (digest(number), ImageId(digest(number + 100)));
    Variant { manifest, id, platform, layers: Vec::new(), created: Some(TIME), labels }
}

fn image(number: u8, size: u64) -> Image {
    Image {
        target: digest(number),
        media_type: "m".into(),
        size,
        generated: false,
        entry: None,
        variants: vec![variant(number)],
        main: 0,
        documents: Vec::new(),
        lines: [].into(),
        added: TIME,
    }
}

fn named(name: u8, target: u8) -> Named {
    Named { name: format!("docker.io/library/n{name}:1"), target: digest(target), entry: None, tagged: TIME }
}

fn container(number: u8, renamed: u8) -> Container {
    Container {
        id: ContainerId([number; 32]),
        name: format!("c{number}-{renamed}"),
        image: digest(number),
        image_name: "n".into(),
        variant: variant(number),
        created: TIME,
        spec: "{}".into(),
    }
}

/// Few things, each of which comes, changes and goes often.
fn changes() -> impl Strategy<Value = Change> {
    let number = || 0..5_u8;
    prop_oneof![
        (number(), 0..3_u64).prop_map(|(number, len)| Change::PutBlob(blob(number, len))),
        number().prop_map(|number| Change::ForgetBlob(digest(number))),
        (number(), 0..3_u64).prop_map(|(number, size)| Change::PutImage(image(number, size))),
        number().prop_map(|number| Change::ForgetImage(digest(number))),
        (number(), number()).prop_map(|(name, target)| Change::SetReference(named(name, target))),
        number().prop_map(|name| Change::RemoveReference(named(name, 0).name)),
        (number(), number()).prop_map(|(number, name)| Change::PutContainer(container(number, name))),
        number().prop_map(|number| Change::ForgetContainer(ContainerId([number; 32]))),
    ]
}

fn commits(ledger: &Ledger) -> Vec<(u64, Commit)> {
    let mut all = Vec::new();
    ledger
        .each_commit(&mut |number, commit| {
            all.push((number, commit));
            Ok(())
        })
        .unwrap();
    all
}

/// Those that a compaction has left as they were.
fn history(ledger: &Ledger) -> Vec<(u64, String, Vec<Change>)> {
    let all = commits(ledger).into_iter().filter(|(_, commit)| !commit.is_snapshot());
    all.map(|(number, commit)| (number, commit.verb, commit.changes)).collect()
}

fn assert_same(one: &Catalog, other: &Catalog) {
    assert_eq!(one.changes_to(other).unwrap(), []);
    for image in one.images().map(Result::unwrap) {
        assert_eq!(one.names_of(&image.target).unwrap(), other.names_of(&image.target).unwrap());
        for blob in image.blobs() {
            assert_eq!(one.users_of(&blob).unwrap(), other.users_of(&blob).unwrap());
        }
    }
    for container in one.containers().map(Result::unwrap) {
        let id =
            |catalog: &Catalog| catalog.container_by_name(&container.name).unwrap().map(|found| found.id);
        assert_eq!((id(one), id(other)), (Some(container.id), Some(container.id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_store_that_is_compacted_at_any_time_holds_what_one_does_that_never_is(
        steps in vec((vec(changes(), 0..4), any::<bool>(), 0..1500_u64), 1..24)
    ) {
        let ((_, plain), (disk, compacted)) = (in_memory(), in_memory());
        let (mut plain, mut ledger) = (ledger(&plain), ledger(&compacted));
        for (number, (changes, compacts, history_bytes)) in steps.into_iter().enumerate() {
            let verb = format!("verb {number}");
            plain.commit(&verb, changes.clone()).unwrap();
            ledger.commit(&verb, changes).unwrap();
            if compacts {
                ledger.policy.history_bytes = history_bytes;
                ledger.compact().unwrap();
                prop_assert!(ledger.journal.header().is_compacted());
            }
        }
        assert_same(&plain.catalog, &ledger.catalog);
        prop_assert_eq!(ledger.last_number(), plain.last_number());
        // The latest commits are there with their numbers, the last one always.
        let (all, left) = (history(&plain), history(&ledger));
        prop_assert!(!left.is_empty() && all.ends_with(&left));
        drop(ledger);
        // A catalog that is made from the compacted journal says the same.
        let again = self::ledger(&reopened(disk.after_reboot(Survival::Nothing)));
        assert_same(&plain.catalog, &again.catalog);
        prop_assert!(again.check(&compacted, true, &Task::silent()).unwrap());
    }
}

/// What holds still is in the commit that made it, with its time and its command.
#[test]
fn a_snapshot_tells_when_and_how_everything_came() {
    let (_, store) = in_memory();
    let mut ledger = ledger(&store);
    ledger.commit("load", vec![Change::PutBlob(blob(1, 1)), Change::PutImage(image(1, 1))]).unwrap();
    ledger.commit("tag", vec![Change::SetReference(named(1, 1))]).unwrap();
    ledger.commit("rmi", vec![Change::RemoveReference(named(1, 1).name)]).unwrap();
    ledger.commit("tag", vec![Change::SetReference(named(2, 1))]).unwrap();
    ledger.commit("tag", vec![Change::SetReference(named(3, 1))]).unwrap();
    let before = commits(&ledger);
    ledger.policy.history_bytes = 0;
    ledger.compact().unwrap();
    let after = commits(&ledger);
    let told: Vec<_> =
        after.iter().map(|(number, commit)| (*number, &*commit.verb, commit.is_snapshot())).collect();
    assert_eq!(told, [(3, "load", true), (4, "tag", true), (5, "tag", false)]);
    assert_eq!(after[0].1.time, before[0].1.time);
    assert_eq!(after[0].1.changes[1..], before[0].1.changes);
    assert_eq!(after[2], before[4]);
}

#[test]
fn a_journal_that_is_short_or_alive_stays_byte_for_byte() {
    let (disk, store) = in_memory();
    let bytes = || {
        let file = disk.open(FILE).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    let mut ledger = ledger(&store);
    for number in 0..20 {
        ledger.commit("tag", vec![Change::SetReference(named(number, 1))]).unwrap();
    }
    let before = bytes();
    let policies = [
        CompactionPolicy::DEFAULT,
        CompactionPolicy { max_percent: 50, ..ALWAYS },
        CompactionPolicy { min_bytes: 1 << 20, ..ALWAYS },
    ];
    for policy in policies {
        ledger.policy = policy;
        assert_eq!(ledger.compact().unwrap(), 0);
        assert!(bytes() == before && before[8..16] == [1, 0, 0, 0, 0, 0, 0, 0], "{policy:?}");
    }
    for _ in 0..40 {
        ledger.commit("tag", vec![Change::SetReference(named(7, 1))]).unwrap();
    }
    ledger.policy.max_percent = 50;
    ledger.policy.min_bytes = 0;
    let long = bytes().len() as u64;
    assert_eq!(ledger.compact().unwrap(), long - bytes().len() as u64);
    assert!(bytes().len() as u64 <= long / 2 && bytes()[8] == 2);
}

/// A store on which nobody collects garbage does not grow for ever, and is not compacted at every
/// commit either.
#[test]
fn commits_compact_a_journal_that_nobody_else_does() {
    let (_, store) = in_memory();
    let mut ledger = ledger(&store);
    ledger.policy =
        CompactionPolicy { min_bytes: 4000, commit_bytes: 16_000, history_bytes: 1000, max_percent: 50 };
    let (mut compactions, mut longest) = (0, 0);
    for number in 0..1000_u64 {
        let before = ledger.position.offset;
        ledger.commit("tag", vec![Change::SetReference(named((number % 3) as u8, 1))]).unwrap();
        compactions += u32::from(ledger.position.offset < before);
        longest = longest.max(ledger.position.offset);
    }
    assert_eq!(ledger.last_number(), 1000);
    assert!(longest < 16_500, "{longest}");
    assert!((5..20).contains(&compactions), "{compactions}");
}

/// A rename that the power can take back must not take commits with it.
#[test]
fn what_is_committed_behind_a_compaction_whose_name_was_not_synced_survives() {
    let names = |store: &Store| ledger(store).catalog().references().count();
    let mut failures = 0;
    for call in 0..40 {
        for keeps_ledger in [true, false] {
            let (disk, store) = in_memory();
            let mut ledger = ledger(&store);
            for number in 0..5 {
                ledger.commit("tag", vec![Change::SetReference(named(number, 1))]).unwrap();
            }
            disk.fail_after(call, Failure::Error(rustix::io::Errno::IO));
            let failed = ledger.compact().is_err();
            failures += u32::from(failed);
            // What waits to fail does not befall the rest.
            let disk = if disk.has_failed() { disk } else { continue };
            if !keeps_ledger {
                drop(ledger);
                ledger = self::ledger(&store);
            }
            ledger.commit("tag", vec![Change::SetReference(named(9, 1))]).unwrap();
            drop(ledger);
            let found = reopened(disk.after_reboot(Survival::Nothing));
            assert_eq!(names(&found), 6, "call {call}");
        }
    }
    assert!(failures > 20, "{failures}");
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn report(&self, event: &Event<'_>) {
        if let Event::Notice { text } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

/// The catalog goes over to the new journal. Where it was cut off before, it is made again.
#[test]
fn the_catalog_is_not_made_again_for_a_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let heard = Arc::new(Heard::default());
    let store = Store::create(&path).unwrap().with_listener(heard.clone()).with_compaction(ALWAYS);
    let open = || store.ledger(&store.listener()).unwrap();
    for number in 0..9 {
        open().commit("tag", vec![Change::SetReference(named(number, 1))]).unwrap();
    }
    open().compact().unwrap();
    open().commit("tag", vec![Change::SetReference(named(9, 1))]).unwrap();
    let ledger = open();
    assert_eq!((ledger.catalog().references().count(), ledger.last_number()), (10, 10));
    drop(ledger);
    assert_eq!(*heard.0.lock().unwrap(), [""; 0]);
    // As if the program ended before the catalog learned of the new journal.
    let cut_off = open();
    let task = Task::silent();
    let mut passing = Passing::untold(&task);
    let plan = cut_off.plan(&mut passing).unwrap().unwrap();
    drop(cut_off.write(&plan, &mut passing).unwrap().put_in_place().unwrap());
    drop(cut_off);
    assert!(!open().is_name_durable);
    assert_eq!(
        *heard.0.lock().unwrap(),
        ["the catalog is made again from the journal: it does not belong to the journal"]
    );
    assert_eq!(open().catalog().references().count(), 10);
    assert!(open().is_name_durable);
}

/// Locks are those of files: whoever waits for the old journal must come to the new one.
#[test]
fn processes_that_commit_and_compact_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    Store::create(&path).unwrap();
    // Each with a store of its own: their locks are as foreign as those of other processes.
    let open = || Store::open(&path).unwrap().with_compaction(ALWAYS);
    const COMMITS: u8 = 30;
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let store = open();
            scope.spawn(move || {
                for number in 0..COMMITS {
                    let name = named(writer * COMMITS + number, 1);
                    ledger(&store).commit("tag", vec![Change::SetReference(name)]).unwrap();
                }
            });
        }
        let store = open();
        scope.spawn(move || {
            for _ in 0..COMMITS {
                ledger(&store).compact().unwrap();
            }
        });
    });
    let (store, count) = (open(), u64::from(3 * COMMITS));
    let mut ledger = ledger(&store);
    assert_eq!((ledger.catalog().references().count() as u64, ledger.last_number()), (count, count));
    assert!(ledger.check(&store, true, &Task::silent()).unwrap());
    ledger.compact().unwrap();
    assert_eq!(ledger.last_number(), count);
}

/// Damage costs no more than it would in a journal that was never compacted.
#[test]
fn a_compacted_journal_is_repaired() {
    for (damage, at) in [("header", 13), ("snapshot", 100), ("history", u64::MAX)] {
        for has_catalog in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("store");
            let store = Store::create(&path).unwrap().with_compaction(ALWAYS);
            for number in 0..20 {
                let name = named(number, 1);
                ledger(&store).commit("tag", vec![Change::SetReference(name)]).unwrap();
            }
            let mut before = ledger(&store);
            before.compact().unwrap();
            let (header, kept) = (before.journal.header(), history(&before));
            let last = before.position;
            drop(before);
            // The record before the last, if not what comes first.
            let at = at.min(last.offset - last.last_bytes - 10);
            let file = store.disk().open_writable(FILE).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            if !has_catalog {
                store.disk().remove_tree("catalog").unwrap();
            }
            store.repair_journal(&Task::silent()).unwrap();
            let after = ledger(&store);
            let names = after.catalog().references().count();
            let lost = usize::from(damage != "header" && !has_catalog);
            assert_eq!(names, 20 - lost, "{damage}, catalog: {has_catalog}");
            assert_eq!(after.journal.header(), header, "{damage}");
            if damage == "header" {
                assert_eq!(history(&after), kept);
            }
            assert!(after.check(&store, true, &Task::silent()).unwrap(), "{damage}");
        }
    }
}
