//! The store remembers what was done to it, and takes it back as long as the bytes are there.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts::{self, OCI_MANIFEST, Oci};
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::harness::terminal::Terminal;

/// Two images of the same layers in one archive: when one goes its bytes stay with the other.
fn twins() -> (Sandbox, Vec<Image>) {
    let layer = || Layer::new().file("data", noise(1, 500_000));
    let image = |name: &str| Image::new(&[name], vec![layer()]).with(|config| config["x"] = name.into());
    let images = vec![image("app:1"), image("app:2")];
    (with(&images), images)
}

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

const LINE: &str = "{{.Number}} {{.Command}} {{.Type}} {{.Name}} {{.From}} {{.To}}";

#[track_caller]
fn log(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let ran = sandbox.run(["log", "--no-trunc", "--format", LINE].iter().chain(args)).ok();
    ran.out().lines().map(str::to_owned).collect()
}

/// All that a user sees of images.
fn seen(sandbox: &Sandbox) -> String {
    let names = sandbox.names();
    let mut seen = sandbox.run(["images", "--no-trunc", "--digests", "--format", "{{json .}}"]).ok().out();
    for name in names.iter().filter(|name| !name.contains('<')) {
        seen.push_str(&sandbox.inspect(name).to_string());
    }
    seen
}

#[test]
fn the_log_tells_what_each_command_did_the_last_first() {
    let (one, two) = (Image::small("app:1"), Image::small("app:2"));
    let sandbox = with(std::slice::from_ref(&one));
    sandbox.run(["tag", "app:1", "app:latest"]).ok();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&two.clone().named(&["app:latest"]))).tar()).ok();
    sandbox.run(["rmi", "app:1"]).ok();
    sandbox.run(["create", "--name", "web", "app:latest"]).ok();
    sandbox.run(["rename", "web", "site"]).ok();
    sandbox.run(["rm", "site"]).ok();
    let all = log(&sandbox, &[]);
    let (one, two) = (one.id(), two.id());
    assert!(all[0].starts_with("7 rm container site "), "{all:?}");
    assert!(all[0].ends_with(" <deleted>"), "{all:?}");
    assert_eq!(all[1], "6 rename container site web site");
    assert!(all[2].starts_with(&format!("5 create container web {two} ")), "{all:?}");
    assert_eq!(
        all[3..],
        [
            format!("4 rmi image app:1 {one} <deleted>"),
            format!("3 load image app:latest {one} {two}"),
            format!("2 tag image app:latest <none> {one}"),
            format!("1 load image app:1 <none> {one}"),
        ]
    );
    assert_eq!(log(&sandbox, &["-n", "2"]), all[..2]);
    assert_eq!(log(&sandbox, &["app:latest"]), [all[4].clone(), all[5].clone()]);
    assert_eq!(log(&sandbox, &["app:?"]), [all[3].clone(), all[6].clone()]);
    assert_eq!(log(&sandbox, &["app"]).len(), 4);
    assert_eq!(log(&sandbox, &["web"]).len(), 2);
    assert_eq!(log(&sandbox, &[&two[7..19]]).len(), 4);
    assert_eq!(log(&sandbox, &["nosuch"]), [""; 0]);
    assert_eq!(log(&sandbox, &[""]), [""; 0]);
    assert_eq!(log(&sandbox, &["sha256:"]), [""; 0]);
    let time = sandbox.run(["log", "-n", "1", "--format", "{{.Time}}"]).ok().out();
    assert_eq!(log(&sandbox, &["--until", time.trim_end(), "-n", "1"]), all[..1]);
    sandbox.run(["log", "a["]).fails(1).complains("syntax error in pattern");
    let table = sandbox.run(["log", "-n", "1", "--format", "table {{.Number}}\t{{.Command}}"]).ok();
    table.stdout("ENTRY     COMMAND\n7         rm\n");
    let json = sandbox.run(["log", "-n", "1", "--format", "json"]).ok().json();
    assert_eq!(json["Command"], "rm");
    Sandbox::new()
        .run(["log"])
        .ok()
        .stdout("ENTRY     TIME      COMMAND   TYPE      NAME      FROM      TO\n");
}

#[test]
fn what_a_name_named_at_a_time_is_in_the_log() {
    let (sandbox, images) = twins();
    sandbox.run(["tag", "app:1", "app:latest"]).ok();
    sleep(Duration::from_millis(2500));
    sandbox.run(["tag", "app:2", "app:latest"]).ok();
    let named = |time: &[&str]| {
        let args = ["log", "app:latest", "-n", "1", "--no-trunc", "--format", "{{.To}}"];
        sandbox.run(args.iter().chain(time)).ok().out().trim_end().to_owned()
    };
    assert_eq!(named(&[]), images[1].id());
    assert_eq!(named(&["--until", "2s"]), images[0].id());
    assert_eq!(named(&["--until", "2001-01-01"]), "");
    assert_eq!(named(&["--since", "1h", "--until", "2s"]), images[0].id());
}

/// Names, IDs and times are what they were, and so is what is in the image.
#[test]
fn a_removed_image_comes_back_as_it_was() {
    let (sandbox, images) = twins();
    let before = seen(&sandbox);
    sandbox.run(["rmi", "app:2"]).ok();
    assert_eq!(sandbox.names(), ["app:1"]);
    let dry = sandbox.run(["undo", "--dry-run"]).ok();
    dry.stdout(format!("Would undo: 2 rmi\nRestored: {id}\nTagged: app:2 {id}\n", id = images[1].id()));
    assert_eq!(sandbox.names(), ["app:1"]);
    let done = sandbox.run(["undo"]).ok();
    done.stdout(format!("Undone: 2 rmi\nRestored: {id}\nTagged: app:2 {id}\n", id = images[1].id()));
    assert_eq!(seen(&sandbox), before);
    assert_eq!(Saved::read(&sandbox.save(["app:2"])).images()[0].layers, images[1].tars());
    sandbox.is_clean();
    // It is an entry like any other.
    assert_eq!(log(&sandbox, &["-n", "1"]), [format!("3 undo 2 image app:2 <none> {}", images[1].id())]);
    sandbox.run(["undo"]).ok().says("Undone: 3 undo 2\nUntagged: app:2\nDeleted: ");
    assert_eq!(sandbox.names(), ["app:1"]);
    sandbox.is_clean();
}

#[test]
fn a_removal_that_keeps_the_space_can_be_taken_back_until_gc() {
    let images = [Image::small("app:1"), Image::small("app:2")];
    let sandbox = with(&images);
    let before = seen(&sandbox);
    for name in ["app:1", "app:2"] {
        sandbox.run(["rmi", "--keep-space", name]).ok();
    }
    sandbox.run(["undo", "3", "2"]).ok();
    assert_eq!(seen(&sandbox), before);
    for image in &images {
        let saved = Saved::read(&sandbox.save([image.id()]));
        assert_eq!(saved.images()[0].layers, image.tars());
    }
    sandbox.is_clean();
    sandbox.run(["rmi", "--keep-space", "app:1"]).ok();
    sandbox.run(["gc"]).ok();
    sandbox.run(["undo"]).fails(1).complains("are not there any more");
}

#[test]
fn a_pruning_that_keeps_the_space_is_taken_back_as_a_whole() {
    let images = [Image::small("app:1"), Image::small("app:2"), Image::small("b:1")];
    let sandbox = with(&images);
    let before = seen(&sandbox);
    let prune = sandbox.run(["image", "prune", "-af", "--keep-space"]).ok();
    prune.says("Deleted Images:\n").says("Total reclaimed space: 0B\n");
    assert_eq!(sandbox.names(), [""; 0]);
    sandbox.run(["undo"]).ok().says("Undone: 2 prune\nRestored: ");
    assert_eq!(seen(&sandbox), before);
    sandbox.is_clean();
    // The same for whoever wants it always, and then not for once.
    let settings = sandbox.write("config.toml", "keep-space = true");
    let run = |args: &[&str]| {
        let mut command = sandbox.larder(args);
        command.env("LARDER_CONFIG", &settings);
        child::run(command, Feed::Nothing)
    };
    run(&["image", "prune", "-af"]).ok();
    run(&["undo"]).ok();
    assert_eq!(seen(&sandbox), before);
    run(&["image", "prune", "-af", "--keep-space=false"]).ok();
    let refused = run(&["undo"]).fails(1).complains("are not there any more");
    assert!(!refused.err().contains("-f takes it back"), "{refused}");
}

/// Until somebody wants it: other work that gives space back takes its own only.
#[test]
fn space_that_is_kept_is_not_given_back_in_passing() {
    let images = [Image::small("app:1"), Image::small("app:2"), Image::small("app:3")];
    let sandbox = with(&images);
    sandbox.run(["create", "--name", "box", "app:3"]).ok();
    let before = seen(&sandbox);
    sandbox.run(["rmi", "--keep-space", "app:1"]).ok();
    // What a pipe leaves, a load that fails late, and what only a container needed.
    let two = [Image::small("c:1"), Image::small("c:2")];
    let args = ["load", "--only", "c:1"];
    sandbox.run_fed(args, Feed::Bytes(layouts::docker24(&two).tar())).ok();
    let whole = layouts::docker24(&two[1..]).tar();
    sandbox.run_fed(["load"], Feed::Bytes(whole[..whole.len() - 2000].to_vec())).fails(1);
    sandbox.run(["rmi", "-f", "--keep-space", "app:3"]).ok();
    sandbox.run(["rm", "box"]).ok();
    sandbox.run(["rmi", "--keep-space", "c:1"]).ok();
    let log = log(&sandbox, &["app:*"]);
    let number = |name: &str| {
        let line = log.iter().find(|line| line.contains(" rmi ") && line.contains(name)).expect("a removal");
        line.split(' ').next().expect("a number").to_owned()
    };
    sandbox.run(["undo", &number("app:3"), &number("app:1")]).ok();
    assert_eq!(seen(&sandbox), before);
    sandbox.is_clean();
    // Somebody wants it.
    sandbox.run(["rmi", "--keep-space", "app:1"]).ok();
    sandbox.run(["rmi", "app:2"]).ok();
    sandbox.run(["undo", &number("app:1")]).fails(1);
}

/// BuildKit's attestations carry content of any kind, a layer of another image too.
#[test]
fn a_layer_that_came_again_as_mere_content_comes_back_as_a_layer() {
    let (ours, theirs) = (Image::small("app:1"), Image::small("b:1"));
    let with_attestation = {
        let mut oci = Oci::default();
        let image = oci.manifest(&theirs, Codec::Gzip);
        let layer = oci.blob("application/vnd.in-toto+json", Codec::Gzip.compress(&ours.tars()[0]));
        let config = oci.blob("application/vnd.oci.empty.v1+json", "{}");
        let attestation = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        });
        let mut attestation = oci.blob(OCI_MANIFEST, attestation.to_string());
        attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        attestation["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"],
        });
        let index = oci.index(&[image, attestation]);
        oci.name_as_docker(&index, &theirs);
        oci.archive().tar()
    };
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::oci(std::slice::from_ref(&ours), Codec::Gzip).tar()).ok();
    let (before, files) = (seen(&sandbox), sandbox.run(["ls", "-R", "app:1"]).ok().out());
    sandbox.run(["rmi", "--keep-space", "app:1"]).ok();
    sandbox.load(&with_attestation).ok();
    sandbox.run(["undo", "2"]).ok();
    assert_eq!(sandbox.run(["ls", "-R", "app:1"]).ok().out(), files);
    sandbox.run(["create", "--name", "box", "app:1"]).ok();
    sandbox.run(["commit", "box", "app:2"]).ok();
    assert_eq!(sandbox.run(["ls", "-R", "app:2"]).ok().out(), files);
    sandbox.run(["rm", "box"]).ok();
    sandbox.run(["rmi", "app:2", "b:1"]).ok();
    assert_eq!(seen(&sandbox), before);
    sandbox.is_clean();
    assert_eq!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers.len(), ours.tars().len());
}

#[test]
fn what_was_recovered_is_not_undone() {
    let sandbox = with(&[Image::small("app:1")]);
    sandbox.run(["tag", "app:1", "app:2"]).ok();
    let journal = sandbox.store().join("journal");
    let whole = std::fs::metadata(&journal).expect("a journal").len();
    let file = std::fs::OpenOptions::new().write(true).open(&journal).expect("a journal");
    file.set_len(whole - 100).expect("it can be cut");
    let names = sandbox.names();
    assert_eq!(names, ["app:1", "app:2"]);
    sandbox.run(["undo"]).fails(1).complains("(recover) is not undone");
    assert_eq!(sandbox.names(), names);
}

/// An image of several platforms does not go because one of them came alone.
#[test]
fn an_image_of_more_platforms_stays_when_one_of_them_takes_its_name() {
    let amd = Image::small("app:1");
    let arm = Image::small("app:1").with(|config| config["architecture"] = "arm64".into());
    let both = {
        let mut oci = Oci::default();
        let children = [oci.manifest(&amd, Codec::Gzip), oci.manifest(&arm, Codec::Gzip)];
        let index = oci.index(&children);
        oci.name_as_docker(&index, &amd);
        oci.archive().tar()
    };
    let sandbox = Sandbox::new();
    sandbox.load(&both).ok();
    sandbox.load(&layouts::oci(&[amd], Codec::Gzip).tar()).ok();
    let ids = sandbox.run(["images", "-aq", "--no-trunc"]).ok().out();
    assert_eq!(ids.lines().count(), 2, "{ids}");
    sandbox.run(["save", "--platform", "linux/arm64", "-o", "arm.tar", &arm.id()]).ok();
    sandbox.is_clean();
}

#[test]
fn tags_prunings_and_loads_are_taken_back() {
    let (sandbox, images) = twins();
    // Somebody else's name, from another image.
    sandbox.run(["tag", "app:1", "app:2"]).ok();
    sandbox.run(["undo"]).ok().stdout(format!("Undone: 2 tag\nTagged: app:2 {}\n", images[1].id()));
    assert_eq!(sandbox.id("app:2"), images[1].id());
    sandbox.run(["tag", "app:1", "app:3"]).ok();
    sandbox.run(["undo"]).ok().stdout("Undone: 4 tag\nUntagged: app:3\n");

    sandbox.run(["tag", "app:1", "app:2"]).ok();
    sandbox.run(["image", "prune", "-f"]).ok();
    assert!(!sandbox.run(["images", "-q", "--no-trunc"]).ok().out().contains(&images[1].id()));
    sandbox.run(["undo", "7", "6"]).ok().says("Restored: ").says(format!("Tagged: app:2 {}", images[1].id()));
    assert_eq!(sandbox.id("app:2"), images[1].id());

    let before = seen(&sandbox);
    let other = Image::small("app:1").named(&["app:1", "new:1"]);
    sandbox.load(&layouts::docker25(std::slice::from_ref(&other)).tar()).ok();
    sandbox.run(["undo"]).ok().says(format!("Tagged: app:1 {}\n", images[0].id())).says("Untagged: new:1\n");
    assert_eq!(seen(&sandbox), before);
    sandbox.is_clean();
    // Again there, as long as nothing was collected.
    sandbox.run(["undo"]).ok().says(format!("Restored: {}\n", other.id()));
    assert_eq!(sandbox.id("new:1"), other.id());
    assert_eq!(Saved::read(&sandbox.save(["new:1"])).images()[0].layers, other.tars());
    sandbox.is_clean();
}

#[test]
fn an_image_that_a_load_brought_stays_if_something_else_needs_it() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    sandbox.run(["tag", "app:1", "mine:1"]).ok();
    sandbox.run(["undo", "1"]).ok().says("Untagged: app:1\n").says(format!("Kept: {}", image.id()));
    assert_eq!(sandbox.names(), ["mine:1"]);
    sandbox.is_clean();
}

/// What only an undo could reach is garbage: it gives way to the promise that space comes back.
#[test]
fn what_was_collected_is_not_taken_back_and_that_is_said() {
    let images = [Image::small("app:1"), Image::small("app:2")];
    let sandbox = with(&images);
    sandbox.run(["rmi", "app:2"]).ok();
    sandbox.run(["gc"]).ok();
    let before = sandbox.truth();
    let refused = sandbox.run(["undo"]).fails(1);
    let refused = refused.complains("entry 2 (rmi) cannot be undone: ").complains(images[1].id());
    refused.complains("are not there any more");
    sandbox.run(["undo", "-f"]).fails(1);
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
    // Loaded again it needs no undoing, and then nothing is missing any more.
    sandbox.load(&layouts::docker24(&images[1..]).tar()).ok();
    sandbox.run(["rmi", "app:2"]).ok();
    sandbox.is_clean();
}

#[test]
fn a_name_that_was_given_away_since_is_left_unless_forced() {
    let (sandbox, images) = twins();
    let third = Image::small("c:1");
    sandbox.load(&layouts::docker24(std::slice::from_ref(&third)).tar()).ok();
    sandbox.run(["tag", "app:1", "app:latest"]).ok();
    sandbox.run(["tag", "app:2", "app:latest"]).ok();
    sandbox.run(["tag", "c:1", "app:latest"]).ok();
    let refused = sandbox.run(["undo", "4"]).fails(1);
    let refused =
        refused.complains(format!("app:latest was given to the image {} since entry 4 (tag)", third.id()));
    refused.complains("hint: -f takes it back all the same");
    assert_eq!(sandbox.id("app:latest"), third.id());
    sandbox.run(["undo", "-f", "4"]).ok();
    assert_eq!(sandbox.id("app:latest"), images[0].id());
    sandbox.run(["undo", "4"]).fails(1).complains("entry 4 (tag) is undone already");
    sandbox.run(["rmi", "app:latest"]).ok();
    sandbox.run(["undo", "5"]).fails(1).complains("app:latest was taken away since entry 5 (tag)");
}

#[test]
fn a_container_comes_and_goes_for_good_but_has_its_name_back() {
    let sandbox = with(&[Image::small("app:1")]);
    sandbox.run(["create", "--name", "web", "app:1"]).ok();
    sandbox.run(["undo"]).fails(1).complains("entry 2 (create) is not undone");
    sandbox.run(["rename", "web", "site"]).ok();
    sandbox.run(["undo"]).ok().stdout("Undone: 3 rename\nRenamed: site web\n");
    sandbox.run(["rm", "web"]).ok();
    sandbox.run(["undo"]).fails(1).complains("what the container web wrote is gone");
    sandbox.run(["undo", "99"]).fails(1).complains("the journal has no entry 99: the last is 5");
    sandbox.run(["undo", "0"]).fails(1).complains("no entry 0");
    Sandbox::new().run(["undo"]).fails(1).complains("nothing was done yet");
}

/// In a pipe nothing is asked and no advice is given: the output stays Docker's.
#[test]
fn undo_shows_what_it_will_do_and_asks_on_a_terminal() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    sandbox.run(["tag", "app:1", "new:1"]).ok();
    let on_a_terminal = |args: &[&str]| {
        let mut command = sandbox.larder(args);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        Terminal::start(&command, 24, 100)
    };
    let mut refused = on_a_terminal(&["undo"]);
    refused.shows("Would undo: 2 tag");
    refused.shows("Untagged: new:1");
    refused.shows("[y/N]");
    refused.types("n\n");
    assert_eq!(refused.ends(), Some(0));
    assert_eq!(sandbox.names(), ["app:1", "new:1"]);
    let mut agreed = on_a_terminal(&["undo"]);
    agreed.shows("[y/N]");
    agreed.types("y\n");
    agreed.shows("Undone: 2 tag");
    agreed.shows("note: to redo it");
    assert_eq!(agreed.ends(), Some(0));
    assert_eq!(sandbox.names(), ["app:1"]);
    let mut redone = on_a_terminal(&["undo", "--yes"]);
    redone.shows("Undone: 3 undo 2");
    assert_eq!(redone.ends(), Some(0));
    assert_eq!(sandbox.names(), ["app:1", "new:1"]);
    let mut removed = on_a_terminal(&["rmi", "new:1"]);
    removed.shows("note: 'larder undo' takes this back");
    assert_eq!(removed.ends(), Some(0));
    let mut kept = on_a_terminal(&["rmi", "--keep-space", "app:1"]);
    kept.shows("until 'larder gc'");
    assert_eq!(kept.ends(), Some(0));
    sandbox.run(["undo"]).ok().stderr("");
    sandbox.run(["rmi", "app:1"]).ok().stderr("");
}
