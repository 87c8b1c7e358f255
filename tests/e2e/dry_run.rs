//! What a dry run foretells is what the real one does; and it does nothing.

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::listing::{self, Listing};
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;

/// Three images on one base, one of them without a name, and a container of a fourth.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    let base = || Layer::new().file("base", noise(1, 3 << 20));
    let image =
        |name: &str, seed| Image::new(&[name], vec![base(), Layer::new().file("own", noise(seed, 2 << 20))]);
    for (seed, name) in (2..).zip(["app:1", "app:2", "app:3", "used:1", "app:1"]) {
        sandbox.load(&layouts::docker25(&[image(name, seed)]).tar()).ok();
    }
    sandbox.run(["tag", "app:2", "app:two"]).ok();
    sandbox.run(["create", "--name", "web", "used:1", "x"]).ok();
    // Settles what the first reader after a change puts in order.
    sandbox.run(["df"]).ok();
    sandbox
}

/// What would come back, and whether that is said to be exact.
fn foretold(line: &str) -> (f64, bool) {
    let said = line.rsplit(": ").next().expect("a size").trim();
    let (is_exact, said) = said.strip_prefix("about ").map_or((true, said), |said| (false, said));
    let (number, unit) = said.split_at(said.find(|c: char| c.is_alphabetic()).expect("a unit"));
    let unit = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        other => panic!("{other} in {line}"),
    };
    (number.parse::<f64>().expect("a number") * unit, is_exact)
}

/// What takes space that comes back: all but the journal and the catalog, which take more
/// or less with every commit.
fn disk_bytes(sandbox: &Sandbox) -> u64 {
    let parts = ["packs", "index", "tmp", "containers", "layers"];
    parts.iter().map(|part| listing::disk_bytes(&sandbox.store().join(part))).sum()
}

/// Runs it dry and changes nothing, then in earnest: `words` are what becomes of what was
/// said. Then `gc`: it gives back what was foretold.
#[track_caller]
fn comes_true(sandbox: &Sandbox, args: &[&str], words: &[(&str, &str)]) {
    let (before, disk) = (sandbox.listing(), disk_bytes(sandbox));
    let dry = sandbox.run([args, &["--dry-run"]].concat()).ok();
    assert_eq!(before.changes(&sandbox.listing()), [""; 0], "{dry}");
    let said = dry.out();
    let (lines, last) = said.trim_end().rsplit_once('\n').expect("what would go, and what would come back");
    let mut want = lines.to_owned();
    for (would, did) in words {
        assert!(want.contains(would), "{would:?} in {want}");
        want = want.replace(would, did);
    }
    let real = sandbox.run(args).ok().out();
    let real = real.split("Total reclaimed space").next().unwrap_or_default();
    assert_eq!(real.trim_end(), want.trim_end());
    sandbox.run(["gc"]).ok();
    let freed = disk.saturating_sub(disk_bytes(sandbox)) as f64;
    let (bytes, _) = foretold(last);
    assert!((bytes - freed).abs() < bytes * 0.01 + 12_000.0, "foretold {last}, freed {freed}");
    assert!(bytes > 1e6, "{last}");
    sandbox.is_clean();
}

#[test]
fn what_rmi_would_remove_it_removes() {
    let words = [("Would untag", "Untagged"), ("Would delete", "Deleted")];
    // One after the other: with the second name the image goes.
    comes_true(&store(), &["rmi", "app:2", "app:two", "app:3"], &words);
}

#[test]
fn what_a_prune_of_images_would_remove_it_removes() {
    let heading = ("Images that would be deleted", "Deleted Images");
    let deleted = ("would delete", "deleted");
    comes_true(&store(), &["image", "prune", "-f"], &[heading, deleted]);
    comes_true(&store(), &["image", "prune", "-af"], &[heading, deleted, ("would untag", "untagged")]);
}

#[test]
fn what_a_prune_of_containers_would_remove_it_removes() {
    let sandbox = store();
    sandbox.run(["rmi", "-f", "used:1"]).ok();
    comes_true(
        &sandbox,
        &["container", "prune", "-f"],
        &[("Containers that would be deleted", "Deleted Containers")],
    );
}

#[test]
fn what_a_prune_of_all_would_remove_it_removes() {
    let words = [
        ("Containers that would be deleted", "Deleted Containers"),
        ("Images that would be deleted", "Deleted Images"),
        ("would untag", "untagged"),
        ("would delete", "deleted"),
    ];
    comes_true(&store(), &["system", "prune", "-af"], &words);
}

#[test]
fn what_gc_would_free_it_frees() {
    let sandbox = store();
    // Nothing of a pack that is alive for the most part comes back at once.
    sandbox.run(["rmi", "app:3"]).ok();
    sandbox.write("store/tmp/left", vec![1; 100_000]);
    let (before, disk) = (sandbox.listing(), disk_bytes(&sandbox));
    let said = sandbox.run(["gc", "--dry-run"]).ok().out();
    assert_eq!(before.changes(&sandbox.listing()), [""; 0]);
    let done = sandbox.run(["gc"]).ok().out();
    let freed = disk - disk_bytes(&sandbox);
    assert!(freed >= 100_000, "{done}");
    let counts =
        |line: &str| line.split_once(": ").map(|(_, rest)| rest.replace("would be ", "")).expect("counts");
    assert_eq!(counts(&said), counts(&done));
    let nothing = sandbox.run(["gc", "--dry-run"]).ok().out();
    assert!(nothing.starts_with("Would free 0B: 0 of "), "{nothing}");
}

#[test]
fn a_dry_run_asks_nothing_and_makes_no_store() {
    let sandbox = Sandbox::new();
    sandbox.run(["gc", "--dry-run"]).fails(1).complains("there is no store");
    sandbox.run(["system", "prune", "--dry-run"]).ok();
    sandbox.run(["rmi", "--dry-run", "app:1"]).fails(1).complains("No such image: app:1");
    assert_eq!(Listing::of(sandbox.store()).0.len(), 0);
    let sandbox = store();
    sandbox.run(["rmi", "--dry-run", "used:1"]).fails(1).complains("container");
    sandbox.run(["image", "prune", "--dry-run"]).ok();
    assert_eq!(sandbox.names().len(), 6);
}
