use super::*;
use crate::catalog::Catalog;
use crate::chunk::{ChunkName, Shape};
use crate::journal::{Position, StoreId};

const STORE: StoreId = StoreId([1; 16]);

fn digest(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

fn blob(n: u8, kind: Kind) -> Blob {
    let body = Body { shape: Shape::Recipe { depth: 1 }, root: ChunkName([n + 1; 32]), len: 5 };
    Blob { digest: digest(n), body, kind }
}

fn image(target: u8, id: u8) -> Image {
    let layer = StoredLayer { blob: digest(0x30), diff_id: DiffId(digest(0x31)), content_bytes: 9 };
    let variant = Variant {
        manifest: digest(target),
        id: ImageId(digest(id)),
        platform: "linux/arm/v7".parse().unwrap(),
        layers: vec![layer],
        created: Some(Time { seconds: 1, nanoseconds: 2 }),
        labels: Some([("k".to_owned(), "v".to_owned())].into()),
    };
    Image {
        target: digest(target),
        media_type: "m".into(),
        size: 7,
        generated: true,
        entry: Some(digest(0x34)),
        variants: vec![variant],
        main: 0,
        documents: vec![digest(0x32)],
        lines: [digest(0x34)].into(),
        added: Time { seconds: 3, nanoseconds: 4 },
    }
}

fn named(name: &str, target: u8) -> Named {
    Named {
        name: name.into(),
        target: digest(target),
        entry: None,
        tagged: Time { seconds: 5, nanoseconds: 6 },
    }
}

fn every_change() -> Commit {
    let layer = Kind::Layer { diff_id: DiffId(digest(0x31)), diff_bytes: 8, content_bytes: 9 };
    let changes = vec![
        Change::PutBlob(blob(0x30, layer)),
        Change::PutBlob(blob(0x32, Kind::Document)),
        Change::ForgetBlob(digest(0x33)),
        Change::PutImage(image(0x40, 0x50)),
        Change::ForgetImage(digest(0x41)),
        Change::SetReference(named("docker.io/library/a:1", 0x40)),
        Change::RemoveReference("docker.io/library/b:1".into()),
    ];
    Commit { time: Time { seconds: 10, nanoseconds: 11 }, verb: "load".into(), changes }
}

fn container(id: u8, name: &str) -> Container {
    let variant = Variant { labels: None, ..image(0x40, 0x50).variants.remove(0) };
    Container {
        id: ContainerId([id; 32]),
        name: name.into(),
        image: digest(0x40),
        image_name: "a:1".into(),
        variant,
        created: Time { seconds: 7, nanoseconds: 8 },
        spec: "{}".into(),
    }
}

/// What came later than `every_change`.
fn later_changes() -> Commit {
    let changes = vec![
        Change::PutContainer(container(0x70, "bold_curie")),
        Change::ForgetContainer(ContainerId([0x71; 32])),
    ];
    Commit { time: Time { seconds: 12, nanoseconds: 13 }, verb: "create".into(), changes }
}

/// The bytes are kept as a file beside the tests of formats: see there.
#[test]
fn the_encoding_of_a_commit_never_changes() {
    let golden = include_str!("../../../tests/data/golden/commit.hex");
    let encoded = every_change().encode().unwrap();
    let lines: Vec<String> = encoded.chunks(32).map(hex::encode).collect();
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
    assert_eq!(Commit::decode(&encoded).unwrap(), every_change());
}

#[test]
fn the_encoding_of_containers_never_changes() {
    let golden = include_str!("../../../tests/data/golden/commit-2.hex");
    let encoded = later_changes().encode().unwrap();
    let lines: Vec<String> = encoded.chunks(32).map(hex::encode).collect();
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
    assert_eq!(Commit::decode(&encoded).unwrap(), later_changes());
}

/// What a compaction leaves of a commit.
#[test]
fn the_encoding_of_a_snapshot_never_changes() {
    let golden = include_str!("../../../tests/data/golden/commit-3.hex");
    let commit = Commit { changes: vec![Change::Snapshot, Change::ForgetBlob(digest(1))], ..every_change() };
    let encoded = commit.encode().unwrap();
    let lines: Vec<String> = encoded.chunks(32).map(hex::encode).collect();
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
    assert_eq!(Commit::decode(&encoded).unwrap(), commit);
    assert!(commit.is_snapshot() && !every_change().is_snapshot());
}

#[test]
fn a_commit_cut_short_or_with_more_behind_it_is_refused() {
    let encoded = every_change().encode().unwrap();
    for len in 0..encoded.len() {
        assert!(Commit::decode(&encoded[..len]).is_err(), "{len}");
    }
    assert!(Commit::decode(&[&encoded[..], &[0]].concat()).is_err());
}

#[test]
fn a_commit_with_a_change_of_later_times_is_refused() {
    let mut encoded =
        Commit { changes: vec![Change::ForgetBlob(digest(1))], ..every_change() }.encode().unwrap();
    let kind = encoded.len() - 36;
    encoded[kind] = 200;
    assert!(Commit::decode(&encoded).is_err());
}

fn position(txn: u64) -> Position {
    Position { offset: 100 * txn, txn, sum: txn, last_bytes: 100 }
}

/// Applying a commit again, as a catalog does that lost its last step, changes nothing.
#[test]
fn a_catalog_answers_from_both_sides() {
    let catalog = Catalog::passing(None, STORE).unwrap();
    for _ in 0..2 {
        catalog.apply(&every_change(), position(1)).unwrap();
        assert_eq!(catalog.position().unwrap(), Some(position(1)));
        assert_eq!(catalog.image(&digest(0x40)).unwrap(), Some(image(0x40, 0x50)));
        let by_id: Vec<_> = catalog.targets_by_id(&[0x50; 3]).map(Result::unwrap).collect();
        assert_eq!(by_id, [(ImageId(digest(0x50)), digest(0x40))]);
        assert_eq!(catalog.names_of(&digest(0x40)).unwrap(), [named("docker.io/library/a:1", 0x40)]);
        assert_eq!(catalog.users_of(&digest(0x30)).unwrap(), [digest(0x40)].into());
    }
    let changes = vec![
        Change::PutImage(image(0x42, 0x50)),
        Change::SetReference(named("docker.io/library/a:1", 0x42)),
        Change::ForgetImage(digest(0x40)),
    ];
    catalog.apply(&Commit { changes, ..every_change() }, position(2)).unwrap();
    assert_eq!(catalog.names_of(&digest(0x40)).unwrap(), []);
    assert_eq!(catalog.users_of(&digest(0x30)).unwrap(), [digest(0x42)].into());
    assert_eq!(catalog.targets_by_id(&[0x50]).count(), 1);
}

#[test]
fn a_container_is_found_from_every_side() {
    let catalog = Catalog::passing(None, STORE).unwrap();
    let apply = |changes, txn| catalog.apply(&Commit { changes, ..later_changes() }, position(txn)).unwrap();
    let bold = container(0x70, "bold_curie");
    for _ in 0..2 {
        apply(later_changes().changes, 1);
        assert_eq!(catalog.container(&bold.id).unwrap(), Some(bold.clone()));
        assert_eq!(catalog.container_by_name("bold_curie").unwrap(), Some(bold.clone()));
        assert_eq!(catalog.container_ids_from(&[0x70, 0x70]).count(), 1);
        for blob in [0x30, 0x40, 0x50] {
            assert_eq!(catalog.holders_of(&digest(blob)).unwrap(), [bold.id].into(), "{blob:x}");
        }
        assert!(!catalog.is_needed_only_by(&digest(0x30), &[].into(), &[].into()).unwrap());
        assert!(catalog.is_needed_only_by(&digest(0x30), &[].into(), &[bold.id].into()).unwrap());
    }
    // A new name, the old one to somebody else; then the first one goes.
    apply(
        vec![
            Change::PutContainer(container(0x70, "a1")),
            Change::PutContainer(container(0x72, "bold_curie")),
        ],
        2,
    );
    assert_eq!(catalog.container_by_name("a1").unwrap().unwrap().id, bold.id);
    assert_eq!(catalog.container_by_name("bold_curie").unwrap().unwrap().id, ContainerId([0x72; 32]));
    apply(vec![Change::ForgetContainer(bold.id)], 3);
    assert_eq!(catalog.container_by_name("a1").unwrap(), None);
    assert_eq!(catalog.holders_of(&digest(0x30)).unwrap(), [ContainerId([0x72; 32])].into());
    assert_eq!(catalog.containers().count(), 1);
}

#[test]
fn a_catalog_is_found_again_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    Catalog::open(&path, STORE).unwrap().apply(&every_change(), position(1)).unwrap();
    let catalog = Catalog::open(&path, STORE).unwrap();
    assert_eq!(catalog.position().unwrap(), Some(position(1)));
    assert_eq!(catalog.references().count(), 1);
}

#[test]
fn another_stores_catalog_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    Catalog::open(&path, STORE).unwrap().apply(&every_change(), position(1)).unwrap();
    let other = Catalog::open(&path, StoreId([2; 16])).unwrap();
    assert_eq!(other.position().unwrap(), None);
}

/// What a journal has lost can be said again from a catalog that knows it.
#[test]
fn the_difference_of_two_catalogs_makes_them_equal() {
    let [ahead, behind] = [0, 1].map(|_| Catalog::passing(None, STORE).unwrap());
    behind.apply(&every_change(), position(1)).unwrap();
    ahead.apply(&every_change(), position(1)).unwrap();
    for catalog in [&behind, &ahead] {
        let changes = ["old", "renamed"].map(|name| Change::PutContainer(container(name.len() as u8, name)));
        catalog.apply(&Commit { changes: changes.into(), ..every_change() }, position(1)).unwrap();
    }
    let changes = vec![
        Change::ForgetContainer(ContainerId([3; 32])),
        Change::PutContainer(container(7, "new")),
        Change::PutContainer(container(0x72, "old")),
        Change::PutImage(image(0x42, 0x51)),
        Change::PutBlob(blob(0x60, Kind::Other)),
        Change::RemoveReference("docker.io/library/a:1".into()),
        Change::SetReference(named("docker.io/library/c:1", 0x42)),
        Change::ForgetBlob(digest(0x32)),
        Change::ForgetImage(digest(0x40)),
    ];
    ahead.apply(&Commit { changes, ..every_change() }, position(2)).unwrap();
    let changes = behind.changes_to(&ahead).unwrap();
    assert_eq!(changes.len(), 9);
    behind.apply(&Commit { changes, ..every_change() }, position(2)).unwrap();
    assert_eq!(behind.changes_to(&ahead).unwrap(), []);
    assert_eq!(behind.names_of(&digest(0x42)).unwrap(), [named("docker.io/library/c:1", 0x42)]);
    let ids =
        ["old", "new", "renamed"].map(|name| behind.container_by_name(name).unwrap().map(|found| found.id));
    assert_eq!(ids, [Some(ContainerId([0x72; 32])), Some(ContainerId([7; 32])), None]);
}
