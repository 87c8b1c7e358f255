//! podman, both ways, in each of its formats.

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, strings};
use crate::harness::tests_dir;
use crate::peers::Podman;

#[test]
fn what_podman_saves_comes_back_to_podman_as_it_was() {
    let Some(podman) = Podman::new("what_podman_saves_comes_back_to_podman_as_it_was") else { return };
    podman.load(&std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there"));
    podman.run(["tag", "greeter:1.0", "localhost/there:1"]);
    let greeter = podman.inspect("localhost/there:1");
    for format in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
        let sandbox = Sandbox::new();
        let out = sandbox.path("theirs");
        let out = out.to_str().expect("UTF-8");
        podman.run(["save", "-q", "--format", format, "-o", out, "localhost/there:1"]);
        sandbox.run(["load", "-i", "theirs"]).ok();
        let ids = sandbox.run(["images", "-q", "--no-trunc"]).ok().out();
        let id = ids.lines().next().expect("an image").to_owned();
        let name = if format.starts_with("docker-dir") { id.clone() } else { "localhost/there:1".to_owned() };
        let found = sandbox.inspect(&name);
        assert_eq!(strings(&found["RootFS"]["Layers"]), greeter.1, "{format}");
        if format.starts_with("docker") {
            // For OCI podman writes another config, and with it another ID.
            assert_eq!(id, greeter.0, "{format}");
        }

        let saved = sandbox.save([&name]);
        let other = Podman::new("a second podman").expect("the first one runs");
        let told = other.load(&saved).out();
        let name = told
            .lines()
            .find_map(|line| line.strip_prefix("Loaded image: "))
            .unwrap_or_else(|| panic!("{told}"));
        assert_eq!(other.inspect(name.trim()), (id, greeter.1.clone()), "{format}");
        sandbox.is_clean();
    }
}

#[test]
fn podman_loads_from_a_pipe_and_larder_from_podmans() {
    let Some(podman) = Podman::new("podman_loads_from_a_pipe_and_larder_from_podmans") else { return };
    let image = Image::small("localhost/piped:1");
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::podman(std::slice::from_ref(&image)).tar()).ok();
    let (saved, loaded) =
        child::run_piped(sandbox.larder(["save", "localhost/piped:1"]), podman.command(["load"]));
    saved.ok();
    loaded.ok();
    assert_eq!(podman.inspect("localhost/piped:1"), (image.id(), image.diff_ids()));

    let other = Sandbox::new();
    let (saved, loaded) =
        child::run_piped(podman.command(["save", "-q", "localhost/piped:1"]), other.larder(["load"]));
    saved.ok();
    loaded.ok().says("Loaded image: localhost/piped:1\n");
    let ours = Saved::read(&other.save(["localhost/piped:1"])).images();
    assert_eq!((ours[0].id(), &ours[0].layers), (image.id(), &image.tars()));
}

#[test]
fn podman_takes_several_images_of_one_archive() {
    let Some(podman) = Podman::new("podman_takes_several_images_of_one_archive") else { return };
    let images = [Image::small("localhost/a:1"), Image::small("localhost/b:1")];
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&images).tar()).ok();
    let archive = sandbox.save(["localhost/a:1", "localhost/b:1"]);
    podman.load(&archive);
    for image in &images {
        assert_eq!(podman.inspect(&image.names[0]), (image.id(), image.diff_ids()));
    }
    let out = sandbox.path("multi.tar");
    podman.run(["save", "-q", "-m", "-o", out.to_str().expect("UTF-8"), "localhost/a:1", "localhost/b:1"]);
    let other = Sandbox::new();
    child::run(other.larder(["load".as_ref(), "-i".as_ref(), out.as_os_str()]), Feed::Nothing).ok();
    for image in &images {
        assert_eq!(other.id(&image.names[0]), image.id());
    }
}

#[test]
fn podman_takes_the_oci_form() {
    let Some(podman) = Podman::new("podman_takes_the_oci_form") else { return };
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Plain] {
        let image = Image::small("localhost/oci:1");
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::oci(std::slice::from_ref(&image), codec).tar()).ok();
        podman.load(&sandbox.save(["--format", "oci", "localhost/oci:1"]));
        assert_eq!(podman.inspect(&image.id()[7..]), (image.id(), image.diff_ids()), "{codec:?}");
        podman.run(["rmi", "-f", &image.id()[7..]]);
    }
}
