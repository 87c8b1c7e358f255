//! Command lines: values of flags, templates, and what is said of a mistake.

use crate::harness::child::Feed;
use crate::harness::image::{Image, Layer};
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::{layouts, tools};

fn with_box() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::small("app:1")]).tar()).ok();
    sandbox.run(["create", "--name", "box", "app:1"]).ok();
    sandbox
}

/// As with Docker, what follows a flag that needs a value is its value.
#[test]
fn a_value_may_begin_with_a_dash() {
    let sandbox = with_box();
    let id = sandbox.run(["container", "inspect", "-f", "{{.Id}}", "box"]).ok().out();
    for command in [
        &["commit", "-m", "- a point", "box", "o:1"][..],
        &["commit", "-m", "-fix", "box", "o:2"],
        &["commit", "-a", "-me", "box", "o:3"],
        &["images", "--format", "-{{.ID}}"],
        &["logs", "--tail", "-1", "box"],
        &["create", "--label", "-x=1", "-e", "-A=1", "--entrypoint", "-x", "app:1"],
        &["ps", "-a", "--filter", "label=-x"],
    ] {
        sandbox.run(command).ok();
    }
    sandbox.run(["inspect", "-f", "-{{.Id}}", "box"]).ok().stdout(format!("-{id}"));
    sandbox.run(["history", "--format", "{{.Comment}}", "o:1"]).ok().says("- a point\n");
    // What is no value is a mistake, and is told as before.
    sandbox.run(["images", "--nope", "-q"]).fails(125).complains("unknown flag: --nope");
    sandbox.run(["commit", "box", "-m"]).fails(125).complains("flag needs an argument: 'm' in -m");
}

/// Docker fills templates in with structs, which have fields that the JSON leaves out.
#[test]
fn a_field_that_is_left_out_is_empty_and_no_mistake() {
    let sandbox = with_box();
    for (name, template, wanted) in [
        ("box", "{{if .State.Health}}yes{{else}}no{{end}}", "no"),
        ("box", "{{with .Config.Healthcheck}}{{.Test}}{{end}}|{{.Config.StopSignal}}", "|"),
        ("box", "{{len .Config.ExposedPorts}}{{range .HostConfig.Tmpfs}}x{{end}}", "0"),
        ("box", "{{.HostConfig.CPUShares}}{{.HostConfig.NanoCPUs}}{{len .HostConfig.DNS}}", "000"),
        ("app:1", "{{.Variant}}{{.OsVersion}}.", "."),
        ("app:1", "{{if eq .ID .Id}}same{{end}}", "same"),
    ] {
        sandbox.run(["inspect", "-f", template, name]).ok().stdout(format!("{wanted}\n"));
    }
    sandbox
        .run(["inspect", "-f", "{{.Nope}}", "box"])
        .fails(1)
        .complains("map has no entry for key \"Nope\"");
}

#[test]
fn a_mistake_is_answered_with_what_helps() {
    let sandbox = with_box();
    sandbox.write("text", "this is no archive ".repeat(100));
    for (command, code, said) in [
        (&["mount", "x"][..], 1, "unknown command: larder mount"),
        (&["push", "app:1"], 1, "'larder save -o FILE NAME', then 'skopeo copy docker-archive:FILE"),
        (&["create", "alpine"], 1, "hint: larder pulls no images: 'larder load' brings them in"),
        (&["ls", "app:1:/etc"], 1, "hint: a path is an argument of its own: app:1 /etc"),
        (&["export", "nosuch"], 1, "No such container or image: nosuch"),
        (&["diff", "app:1", "nosuch"], 1, "No such container or image: nosuch"),
        (&["load", "-i", "text"], 1, "hint: load takes what 'docker save'"),
        (&["completion", "tcsh"], 125, "invalid argument \"tcsh\" for SHELL: must be one of bash, zsh"),
    ] {
        let ran = sandbox.run(command).fails(code).complains(said);
        assert!(!ran.err().contains("monitor"), "what is hidden is not suggested: {ran}");
    }
    let layer = Layer::new().file("a", "1");
    let image = Image::new(&["arm:1"], vec![layer]).with(|config| config["architecture"] = "arm64".into());
    sandbox.write("arm.tar", layouts::docker24(&[image]).tar());
    let ran = sandbox.run(["load", "-i", "arm.tar", "--platform", "linux/s390x"]).fails(1);
    ran.complains("arm:1 is no image for linux/s390x: it is for linux/arm64");
}

#[test]
fn a_full_disk_is_named_by_the_file_that_was_to_be_written() {
    let test = "a_full_disk_is_named_by_the_file_that_was_to_be_written";
    if !is_root() || !tools::are_here(test, &["unshare", "mount"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let layer = Layer::new().file("large", crate::harness::noise::noise(1, 300_000));
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![layer])]).tar()).ok();
    let full = sandbox.path("full");
    std::fs::create_dir(&full).unwrap();
    for verb in ["save", "export"] {
        let larder = sandbox.larder([verb, "-o", "full/app.tar", "app:1"]);
        let script = "mount -t tmpfs -o size=64k none full && \"$@\"; code=$?; ls -A full; exit $code";
        let ran = crate::harness::child::run(tools::shell_with_mounts(script, &larder), Feed::Nothing)
            .exits(1)
            .stdout("");
        let ran = ran.complains("full/app.tar: no space left on device");
        assert!(!ran.err().contains("larder gc"), "the store is not what is full: {ran}");
    }
}
