//! Taking images away gives their space back, and `df` says where the space is.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

const MIB: u64 = 1 << 20;

/// Loaded from an archive without manifests: no digests to untag besides the tags.
fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

/// An image of one layer of noise that no codec makes smaller.
fn noisy(name: &str, seed: u64, mib: usize) -> Image {
    Image::new(&[name], vec![Layer::new().file("noise", noise(seed, mib << 20))])
}

fn chain_ids(image: &Image) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for diff in image.diff_ids() {
        let id = match chain.last() {
            None => diff,
            Some(below) => crate::harness::digest(format!("{below} {diff}").as_bytes()),
        };
        chain.push(id);
    }
    chain
}

/// What `rmi` says of an image that goes: its ID, then its layers from the top.
fn deleted(image: &Image) -> String {
    let chain = chain_ids(image);
    let ids = [image.id()].into_iter().chain(chain.into_iter().rev());
    ids.map(|id| format!("Deleted: {id}\n")).collect()
}

#[test]
fn rmi_of_the_last_name_takes_the_image() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    sandbox.run(["rmi", "app:1"]).ok().stdout(format!("Untagged: app:1\n{}", deleted(&image)));
    assert_eq!(sandbox.names(), [""; 0]);
    sandbox.run(["save", &image.id()]).fails(1).complains(image.id());
    sandbox.run(["image", "inspect", &image.id()]).fails(1).complains("No such image");
    sandbox.is_clean();
}

#[test]
fn rmi_of_one_name_of_several_leaves_the_image() {
    let image = Image::small("app:1").named(&["app:1", "app:one"]);
    let sandbox = with(std::slice::from_ref(&image));
    sandbox.run(["image", "rm", "app:1"]).ok().stdout("Untagged: app:1\n");
    assert_eq!(sandbox.names(), ["app:one"]);
    assert_eq!(Saved::read(&sandbox.save(["app:one"])).images()[0].layers, image.tars());
}

#[test]
fn rmi_by_id_asks_for_force_where_there_are_several_names() {
    let image = Image::small("app:1");
    let id = &image.hex()[..12];
    let sandbox = with(std::slice::from_ref(&image));
    sandbox.run(["rmi", id]).ok().stdout(format!("Untagged: app:1\n{}", deleted(&image)));

    for names in [["app:1", "app:one"], ["app:1", "other:1"]] {
        let image = image.clone().named(&names);
        let sandbox = with(std::slice::from_ref(&image));
        let told =
            format!("unable to delete {id} (must be forced) - image is referenced in multiple repositories");
        sandbox.run(["rmi", id]).fails(1).complains(told);
        assert_eq!(sandbox.names().len(), 2);
        let told = format!("Untagged: {}\nUntagged: {}\n{}", names[0], names[1], deleted(&image));
        sandbox.run(["rmi", "-f", id]).ok().stdout(told);
        assert_eq!(sandbox.names(), [""; 0]);
    }
}

#[test]
fn rmi_takes_the_digest_with_the_last_tag_of_a_repository() {
    let image = Image::small("app:1").named(&["app:1", "app:one"]);
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
    let digest =
        sandbox.inspect("app:1")["RepoDigests"][0].as_str().expect("it came with a manifest").to_owned();
    sandbox.run(["rmi", "app:1"]).ok().stdout("Untagged: app:1\n");
    let told = format!("Untagged: app:one\nUntagged: {digest}\n{}", deleted(&image));
    sandbox.run(["rmi", "app:one"]).ok().stdout(told);
}

#[test]
fn rmi_goes_on_past_what_is_missing_and_fails_in_the_end() {
    let sandbox = with(&[Image::small("app:1"), Image::small("app:2")]);
    let ran = sandbox.run(["rmi", "app:1", "nosuch", "app:2"]).fails(1);
    assert!(ran.err().contains("No such image: nosuch"), "{ran}");
    assert_eq!(sandbox.names(), [""; 0]);
    // With force a missing image is told and is no failure.
    sandbox.run(["rmi", "-f", "nosuch"]).ok().complains("No such image: nosuch");
}

#[test]
fn rmi_keeps_what_another_image_stands_on() {
    let base = Layer::new().file("base", noise(1, 3 << 20));
    let one = Image::new(&["app:1"], vec![base.clone(), Layer::new().file("own", noise(2, 3 << 20))]);
    let two = Image::new(&["app:2"], vec![base, Layer::new().file("own", noise(3, 3 << 20))]);
    let sandbox = with(&[one.clone(), two.clone()]);
    let before = sandbox.disk_bytes();
    let ran = sandbox.run(["rmi", "app:1"]).ok();
    let top = chain_ids(&one).pop().expect("two layers");
    assert_eq!(ran.out(), format!("Untagged: app:1\nDeleted: {}\nDeleted: {top}\n", one.id()));
    sandbox.run(["gc"]).ok();
    let freed = before - sandbox.disk_bytes();
    assert!((2 * MIB..4 * MIB).contains(&freed), "{freed} bytes came back of 3 MiB");
    assert_eq!(Saved::read(&sandbox.save(["app:2"])).images()[0].layers, two.tars());
    sandbox.is_clean();
}

#[test]
fn rmi_gives_the_space_back_then_and_there() {
    let sandbox = with(&[Image::small("kept:1")]);
    let before = sandbox.disk_bytes();
    sandbox.load(&layouts::docker24(&[noisy("big:1", 1, 8)]).tar()).ok();
    assert!(sandbox.disk_bytes() > before + 8 * MIB);
    sandbox.run(["rmi", "big:1"]).ok();
    let after = sandbox.disk_bytes();
    assert!(after < before + MIB, "{after} bytes on disk after rmi, {before} before the load");
    assert_eq!(sandbox.names(), ["kept:1"]);
    sandbox.is_clean();
}

/// moby#21925: gigabytes that nobody uses and no command gives back.
#[test]
fn a_store_that_everything_was_removed_from_is_small() {
    let sandbox = Sandbox::new();
    for seed in 0..6 {
        sandbox.load(&layouts::docker24(&[noisy("big:1", seed, 2), Image::small("app:1")]).tar()).ok();
    }
    let all = sandbox.run(["images", "-q", "--no-trunc"]).ok().out();
    let mut args: Vec<&str> = all.lines().collect();
    args.dedup();
    sandbox.run(["rmi", "-f"].iter().chain(&args)).ok();
    sandbox.run(["gc"]).ok();
    assert_eq!(sandbox.names(), [""; 0]);
    assert!(sandbox.disk_bytes() < MIB, "{} bytes for nothing", sandbox.disk_bytes());
    sandbox.is_clean();
    sandbox.load(&layouts::docker24(&[Image::small("app:1")]).tar()).ok();
    sandbox.is_clean();
}

#[test]
fn prune_takes_what_has_no_name_and_with_a_all() {
    let (old, new) = (noisy("app:1", 1, 2), noisy("app:1", 2, 2));
    let sandbox = with(std::slice::from_ref(&old));
    sandbox.load(&layouts::docker24(&[new, Image::small("other:1")]).tar()).ok();
    let ran = sandbox.run(["image", "prune", "-f"]).ok();
    assert!(ran.out().contains("Deleted Images:\n"), "{ran}");
    assert!(ran.out().contains(&format!("deleted: {}\n", old.id())), "{ran}");
    assert!(ran.out().contains("\nTotal reclaimed space: 2.0"), "{ran}");
    assert_eq!(sandbox.names().len(), 2);
    let ran = sandbox.run(["image", "prune", "-f"]).ok();
    ran.stdout("Total reclaimed space: 0B\n");
    sandbox.run(["image", "prune", "-a", "-f"]).ok().says("untagged: other:1\n");
    assert_eq!(sandbox.names(), [""; 0]);
    sandbox.is_clean();
}

#[test]
fn prune_asks_first_and_no_answer_is_no() {
    let sandbox = with(&[Image::small("app:1")]);
    let ran = sandbox.run(["image", "prune", "-a"]);
    assert!(
        (ran.out() + &ran.err())
            .contains("WARNING! This will remove all images without at least one container"),
        "{ran}"
    );
    assert_eq!(sandbox.names(), ["app:1"]);
    let fed = crate::harness::child::Feed::Bytes(b"n\n".to_vec());
    sandbox.run_fed(["image", "prune", "-a"], fed);
    assert_eq!(sandbox.names(), ["app:1"]);
    let fed = crate::harness::child::Feed::Bytes(b"y\n".to_vec());
    sandbox.run_fed(["image", "prune", "-a"], fed).ok();
    assert_eq!(sandbox.names(), [""; 0]);
}

#[test]
fn prune_filters() {
    let labelled = |name, value: Value| {
        Image::small(name).with(|config| config["config"]["Labels"] = json!({"keep": value}))
    };
    let sandbox = with(&[labelled("app:1", json!("yes")), labelled("app:2", json!("no"))]);
    sandbox.run(["image", "prune", "-af", "--filter", "label!=keep=yes"]).ok();
    assert_eq!(sandbox.names(), ["app:1"]);
    sandbox.run(["image", "prune", "-af", "--filter", "until=2001-01-01T00:00:00"]).ok();
    assert_eq!(sandbox.names(), ["app:1"]);
    sandbox.run(["image", "prune", "-af", "--filter", "until=24h"]).ok();
    assert_eq!(sandbox.names(), [""; 0]);
}

/// The `TYPE` rows of `system df` as JSON.
fn df(sandbox: &Sandbox) -> Vec<Value> {
    let ran = sandbox.run(["system", "df", "--format", "json"]).ok();
    ran.out().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ran}"))).collect()
}

#[test]
fn df_has_dockers_columns() {
    let sandbox = with(&[Image::small("app:1")]);
    let ran = sandbox.run(["df"]).ok();
    assert!(ran.out().starts_with("TYPE"), "{ran}");
    for word in ["TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE", "Images"] {
        assert!(ran.out().contains(word), "no {word}: {ran}");
    }
    let images = df(&sandbox).into_iter().find(|row| row["Type"] == "Images").expect("a row for images");
    assert_eq!(images["TotalCount"], "1");
}

/// What `du` says of the store.
fn du(sandbox: &Sandbox) -> u64 {
    let output = Command::new("du").args(["-s", "--block-size=1"]).arg(sandbox.store()).output();
    let text = String::from_utf8(output.expect("du is there").stdout).expect("text");
    text.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).expect("a number")
}

/// What `df -v` says that the store takes: its parts, their sum, and what is garbage.
fn areas(sandbox: &Sandbox) -> (Vec<u64>, u64, u64) {
    let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    let parts = usage["Disk"].as_array().expect("areas").iter();
    let parts = parts.map(|area| area["Bytes"].as_u64().expect("bytes")).collect();
    let number = |key: &str| usage[key].as_u64().unwrap_or_else(|| panic!("no {key} in {usage}"));
    (parts, number("DiskBytes"), number("GarbageBytes"))
}

#[test]
fn df_sums_to_what_du_says_to_the_block() {
    let sandbox = Sandbox::new();
    let check = |what: &str| {
        let (parts, total, _) = areas(&sandbox);
        assert_eq!(parts.iter().sum::<u64>(), total, "{what}: the parts are not the whole");
        assert_eq!(total, du(&sandbox), "{what}: not what du says");
    };
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    check("one image");
    sandbox.load(&layouts::docker24(&[noisy("big:1", 1, 5), Image::small("app:2")]).tar()).ok();
    check("three images");
    sandbox.run(["rmi", "big:1"]).ok();
    check("one of them removed");
    sandbox.write("store/tmp/left.behind", vec![1; 12_345]);
    sandbox.write("store/README", "someone was here");
    check("files that are not larder's");
    sandbox.run(["gc"]).ok();
    check("after gc");
    assert_eq!(areas(&sandbox).2, 0, "garbage after gc");
}
