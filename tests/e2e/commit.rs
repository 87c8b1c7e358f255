//! `commit`: an image of what was changed in a container.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, strings};
use crate::harness::tree::{Tree, members};

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

/// Creates the container `web`, and gives where its writable layer lies.
#[track_caller]
fn create(sandbox: &Sandbox, args: &[&str]) -> PathBuf {
    let id = sandbox.run(["create", "--name", "web"].iter().chain(args)).ok().out();
    sandbox.store().join("containers").join(id.trim_end()).join("upper")
}

#[track_caller]
fn commit(sandbox: &Sandbox, args: &[&str]) -> String {
    let out = sandbox.run(["commit"].iter().chain(args)).ok().out();
    assert!(out.starts_with("sha256:") && out.len() == 72, "{out:?}");
    out.trim_end().to_owned()
}

#[track_caller]
fn layers(sandbox: &Sandbox, name: &str) -> Vec<String> {
    strings(&sandbox.inspect(name)["RootFS"]["Layers"])
}

#[track_caller]
fn config(sandbox: &Sandbox, name: &str) -> Value {
    let saved = Saved::read(&sandbox.save([name]));
    serde_json::from_slice(&saved.images()[0].config).expect("a config is JSON")
}

#[test]
fn nothing_changed_is_no_layer_and_a_step_without_one() {
    let sandbox = with(&[Image::small("app:1")]);
    create(&sandbox, &["app:1", "/bin/app", "serve"]);
    let id = commit(&sandbox, &["web", "web:1"]);
    assert_eq!(sandbox.id("web:1"), id);
    assert_eq!(layers(&sandbox, "web:1"), layers(&sandbox, "app:1"));
    let (before, after) = (config(&sandbox, "app:1"), config(&sandbox, "web:1"));
    let [before, after] =
        [before, after].map(|config| config["history"].as_array().cloned().expect("a list"));
    assert_eq!(after[..before.len()], before[..], "the history of the image stays");
    let last = &after[before.len()..];
    assert_eq!((last.len(), &last[0]["empty_layer"]), (1, &json!(true)));
    assert_eq!(last[0]["created_by"], "/bin/app serve");
    assert_eq!(strings(&config(&sandbox, "web:1")["config"]["Cmd"]), ["/bin/app", "serve"]);
    sandbox.is_clean();
    let disk = sandbox.run(["gc"]).ok();
    assert!(sandbox.save(["web:1"]).len() > 1000, "{disk}");
}

#[test]
fn what_was_written_is_one_layer_that_is_the_same_every_time() {
    let sandbox = with(&[Image::small("app:1")]);
    let upper = create(&sandbox, &["app:1"]);
    fs::create_dir_all(upper.join("var")).expect("the store can be written");
    fs::write(upper.join("var/data"), "written").expect("the store can be written");
    let first = commit(&sandbox, &["web", "web:1"]);
    let second = commit(&sandbox, &["-m", "again", "web", "web:2"]);
    assert_ne!(first, second);
    assert_eq!(layers(&sandbox, "web:1"), layers(&sandbox, "web:2"));
    assert_eq!(layers(&sandbox, "web:1")[..2], layers(&sandbox, "app:1"));
    let saved = Saved::read(&sandbox.save(["web:1"]));
    let names: Vec<_> = members(&saved.images()[0].layers[2])
        .iter()
        .map(|member| member.name.escape_ascii().to_string())
        .collect();
    assert!(names.ends_with(&["var/".to_owned(), "var/data".to_owned()]), "{names:?}");
    sandbox.run(["cat", "web:1", "var/data"]).ok().stdout("written");
    let [container, image] =
        ["web", "web:1"].map(|name| Tree::of_tar(&sandbox.run(["export", "--no-config", name]).ok().stdout));
    image.without_root().equals(&container.without_root(), "the image is what the container was");
    // Without the container and its image.
    sandbox.run(["rm", "web"]).ok();
    sandbox.run(["rmi", "app:1"]).ok();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    sandbox.run(["cat", "web:2", "var/data"]).ok().stdout("written");
    sandbox.run(["cat", "web:2", "bin/app"]).ok().says("#!app:1\n");
}

#[test]
fn author_message_and_changes_are_written_down() {
    let image = Image::small("app:1").with(|config| {
        config["author"] = "somebody else".into();
        config["config"]["Labels"] = json!({"of": "app"});
    });
    let sandbox = with(&[image]);
    create(&sandbox, &["-e", "MODE=test", "app:1"]);
    let changes =
        ["-c", "ENV A=b", "-c", "CMD [\"serve\"]", "--change", "LABEL tier=web", "-c", "WORKDIR /srv"];
    let names = ["-a", "Ada <ada@example.org>", "-m", "with config", "-p=false", "web", "web:1"];
    commit(&sandbox, &[&changes[..], &names[..]].concat());
    let found = config(&sandbox, "web:1");
    assert_eq!(found["author"], "Ada <ada@example.org>");
    let env = strings(&found["config"]["Env"]);
    assert!(
        ["PATH=/bin", "MODE=test", "A=b"].iter().all(|wanted| env.iter().any(|had| had == wanted)),
        "{env:?}"
    );
    assert_eq!(found["config"]["Cmd"], json!(["serve"]));
    assert_eq!(found["config"]["WorkingDir"], "/srv");
    assert_eq!(found["config"]["Labels"], json!({"of": "app", "tier": "web"}));
    let last = found["history"].as_array().and_then(|steps| steps.last().cloned()).expect("a step");
    assert_eq!((&last["comment"], &last["author"]), (&json!("with config"), &json!("Ada <ada@example.org>")));
    // And nobody, if nobody is told.
    commit(&sandbox, &["web", "web:2"]);
    assert_eq!(config(&sandbox, "web:2").get("author"), None);
}

#[test]
fn a_name_is_taken_over() {
    let sandbox = with(&[Image::small("app:1")]);
    create(&sandbox, &["app:1"]);
    let before = sandbox.id("app:1");
    let after = commit(&sandbox, &["-m", "mine now", "web", "app:1"]);
    assert_eq!(sandbox.id("app:1"), after);
    assert_eq!(sandbox.names(), ["app:1", "<none>:<none>"], "the old one is there without a name");
    assert_eq!(sandbox.inspect(&before)["RepoTags"], json!([]));
    let untagged = commit(&sandbox, &["web"]);
    assert_eq!(sandbox.inspect(&untagged)["RepoTags"], json!([]));
    commit(&sandbox, &["web", ""]);
    commit(&sandbox, &["web", "latest-is-meant"]);
    assert!(sandbox.names().contains(&"latest-is-meant:latest".to_owned()));
}

/// The descriptors of an image's layers.
#[track_caller]
fn descriptors(sandbox: &Sandbox, name: &str) -> Vec<Value> {
    let saved = Saved::read(&sandbox.save(["--format", "oci", name]));
    let entry: Value = serde_json::from_str(&saved.index_entries()[0]).expect("an entry is JSON");
    let digest = entry["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(saved.oci_images().len(), 1, "every blob is what its descriptor says");
    let manifest: Value = serde_json::from_slice(saved.blob(&digest)).expect("a manifest");
    manifest["layers"].as_array().expect("layers").clone()
}

#[test]
fn layers_that_are_kept_compressed_keep_their_descriptors() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::containerd(&[Image::small("app:1")], codec).tar()).ok();
        let upper = create(&sandbox, &["app:1"]);
        fs::create_dir(&upper).expect("the store can be written");
        fs::write(upper.join("own"), "x").expect("the store can be written");
        commit(&sandbox, &["web", "web:1"]);
        let (before, after) = (descriptors(&sandbox, "app:1"), descriptors(&sandbox, "web:1"));
        assert_eq!((after.len(), &after[..2]), (3, &before[..]));
        assert_eq!(before[0]["mediaType"], codec.oci_layer());
        assert_eq!(after[2]["mediaType"], Codec::Plain.oci_layer());
        sandbox.is_clean();
    }
}

/// What a manifest says of a layer that was unwrapped is not what is there any more.
#[test]
fn layers_that_were_unwrapped_are_described_as_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write("archive", layouts::containerd(&[Image::small("app:1")], Codec::Gzip).tar());
    sandbox.run(["load", "--compressed=unwrap", "-i", "archive"]).ok();
    create(&sandbox, &["app:1"]);
    commit(&sandbox, &["web", "web:1"]);
    sandbox.run(["squash", "-q", "--from", "2", "app:1", "flat:1"]).ok();
    for name in ["web:1", "flat:1"] {
        let found = descriptors(&sandbox, name);
        assert!(found.iter().all(|layer| layer["mediaType"] == Codec::Plain.oci_layer()), "{found:?}");
    }
}

/// In a layer it would be a whiteout: the file would be lost, and another one with it.
#[test]
fn a_file_that_looks_like_a_whiteout_is_refused() {
    let sandbox = with(&[Image::new(&["app:1"], vec![Layer::new().file("a", "x")])]);
    let upper = create(&sandbox, &["app:1"]);
    fs::create_dir(&upper).expect("the store can be written");
    fs::write(upper.join(".wh.a"), "x").expect("the store can be written");
    let truth = sandbox.truth();
    sandbox
        .run(["commit", "web", "web:1"])
        .fails(1)
        .stdout("")
        .complains(".wh.a cannot be told from a whiteout");
    assert_eq!(truth.changes(&sandbox.truth()), [""; 0]);
    sandbox.run(["diff", "web"]).ok().stdout("A /.wh.a\n");
}

#[test]
fn what_cannot_be_committed_is_said() {
    let sandbox = with(&[Image::small("app:1")]);
    create(&sandbox, &["app:1"]);
    let truth = sandbox.truth();
    sandbox.run(["commit", "nope"]).fails(1).complains("No such container: nope");
    sandbox.run(["commit", "app:1"]).fails(1).complains("No such container: app:1");
    sandbox.run(["commit", "web", "UPPER"]).fails(1).complains("invalid reference format");
    sandbox.run(["commit", "-c", "RUN x", "web"]).fails(1);
    sandbox.run(["commit", "-c", "ENV", "web"]).fails(1);
    assert_eq!(truth.changes(&sandbox.truth()), [""; 0]);
    Sandbox::new().run(["commit", "web"]).fails(1).complains("No such container: web");
}
