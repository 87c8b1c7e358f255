//! Docker, both ways.

use crate::harness::child::run_piped;
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::harness::tests_dir;
use crate::peers::Docker;

/// Puts the repository's own archive into the engine under names of this test.
fn greeter(docker: &Docker, names: &[&str]) {
    let archive = std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there");
    docker.load(&archive).ok();
    names.iter().for_each(|name| {
        docker.run(["tag", "greeter:1.0", name]);
    });
}

#[test]
fn what_docker_saves_comes_back_to_docker_as_it_was() {
    let Some(docker) = Docker::shared("what_docker_saves_comes_back_to_docker_as_it_was") else { return };
    let names = ["there:1", "there:latest", "example.org/and/back:1"];
    greeter(&docker, &names);
    let before = docker.inspect("there:1");
    let theirs = Saved::read(&docker.run(["save"].iter().chain(&names)).stdout);

    // docker save | larder load
    let sandbox = Sandbox::new();
    let (saved, loaded) = run_piped(docker.command(["save"].iter().chain(&names)), sandbox.larder(["load"]));
    saved.ok();
    let loaded = loaded.ok();
    for name in names {
        assert!(loaded.out().contains(&format!("Loaded image: {name}\n")), "{loaded}");
        let found = sandbox.inspect(name);
        assert_eq!(found["Id"], before.0.as_str());
        assert_eq!(crate::harness::saved::strings(&found["RootFS"]["Layers"]), before.1);
    }
    let ours = Saved::read(&sandbox.save(names));
    assert_eq!(ours.images(), theirs.images(), "names, configs and layers, to the byte");

    // larder save | docker load, into an engine that has nothing of it
    docker.forget(&["there:1", "there:latest", "example.org/and/back:1", "greeter:1.0", "greeter:latest"]);
    assert_ne!(docker.try_run(["image", "inspect", &before.0]).code, Some(0), "the engine forgot nothing");
    let (saved, loaded) = run_piped(sandbox.larder(["save"].iter().chain(&names)), docker.command(["load"]));
    saved.ok();
    loaded.ok();
    for name in names {
        assert_eq!(docker.inspect(name), before, "{name}");
    }
    let again = Saved::read(&docker.run(["save"].iter().chain(&names)).stdout);
    assert_eq!(again.images(), theirs.images());
    sandbox.is_clean();
}

#[test]
fn docker_shows_the_history_that_larder_shows() {
    let Some(docker) = Docker::shared("docker_shows_the_history_that_larder_shows") else { return };
    greeter(&docker, &["history:1"]);
    let sandbox = Sandbox::new();
    let (saved, loaded) = run_piped(docker.command(["save", "history:1"]), sandbox.larder(["load"]));
    saved.ok();
    loaded.ok();
    let columns = "{{.ID}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}";
    for more in [&[][..], &["--no-trunc"], &["-H=false"]] {
        let args = [&["history", "--format", columns], more, &["history:1"]].concat();
        assert_eq!(sandbox.run(&args).ok().out(), docker.run(&args).out(), "{more:?}");
    }
}

#[test]
fn docker_shows_the_table_that_larder_shows() {
    let Some(docker) = Docker::shared("docker_shows_the_table_that_larder_shows") else { return };
    let layers = vec![
        Layer::new().dir("a").file("a/b", vec![b'x'; 1_234_567]).symlink("a/c", "../somewhere/else"),
        Layer::new().file("d", "four").hardlink("e", "d").whiteout("a/c"),
    ];
    let archive = layouts::docker24(&[Image::new(&["table:1", "table:two"], layers)]).tar();
    docker.load(&archive).ok();
    let sandbox = Sandbox::new();
    sandbox.load(&archive).ok();
    for args in [
        vec!["images", "table"],
        vec!["images", "--format", "{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.Size}}", "table"],
        vec![
            "images",
            "--no-trunc",
            "--format",
            "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.Size}}",
            "table",
        ],
        vec!["images", "-q", "table"],
        vec!["history", "table:1"],
        vec!["history", "--no-trunc", "table:1"],
        vec![
            "inspect",
            "-f",
            "{{.Id}} {{.Os}}/{{.Architecture}} {{json .Config.Env}} {{.Size}} {{.Created}}",
            "table:1",
        ],
        vec!["inspect", "-f", "{{range .RootFS.Layers}}{{println .}}{{end}}", "table:1"],
        vec!["inspect", "-f", "{{json .RepoTags}} {{json .Config.Cmd}} {{len .RootFS.Layers}}", "table:two"],
    ] {
        assert_eq!(sandbox.run(&args).ok().out(), docker.run(&args).out(), "{args:?}");
    }
    for args in [["rmi", "table:1"], ["rmi", "table:two"]] {
        assert_eq!(sandbox.run(args).ok().out(), docker.run(args).out(), "{args:?}");
    }
}

#[test]
fn docker_takes_what_larder_saves_of_every_layout() {
    let Some(docker) = Docker::shared("docker_takes_what_larder_saves_of_every_layout") else { return };
    let base = Layer::new().file("base", noise(1, 300_000));
    let mut images = [Image::small("every:1"), Image::small("every:2")];
    images[1].layers[0] = base.clone();
    images[1].layers.push(base);
    let images = images.map(|image| Image::new(&[&image.names[0]], image.layers));
    for (what, archive) in [
        ("docker24", layouts::docker24(&images)),
        ("docker25", layouts::docker25(&images)),
        ("containerd gzip", layouts::containerd(&images, Codec::Gzip)),
        ("oci gzip", layouts::oci(&images, Codec::Gzip)),
        ("kaniko", layouts::kaniko(&images)),
    ] {
        let sandbox = Sandbox::new();
        sandbox.load(&archive.tar()).ok();
        let ran = docker.load(&sandbox.save(["every"]));
        assert_eq!(ran.code, Some(0), "{what}: {ran}");
        for image in &images {
            assert_eq!(docker.inspect(&image.names[0]), (image.id(), image.diff_ids()), "{what}");
        }
        docker.forget(&["every:1", "every:2"]);
    }
}
