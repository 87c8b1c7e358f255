//! What is loaded of an archive, and under which names, is the user's choice.

use crate::harness::archive::Archive;
use crate::harness::child::{Feed, Ran};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

const MIB: usize = 1 << 20;

/// Two images on one base, each with a MiB of its own.
fn two() -> Vec<Image> {
    let base = || Layer::new().file("base", noise(1, MIB / 4));
    let image =
        |names: &[&str], seed| Image::new(names, vec![base(), Layer::new().file("own", noise(seed, MIB))]);
    vec![image(&["app:1", "app:one"], 2), image(&["example.org/team/web:2"], 3)]
}

fn layouts_of(images: &[Image]) -> [(&'static str, Archive); 3] {
    [
        ("docker24", layouts::docker24(images)),
        ("docker25", layouts::docker25(images)),
        ("oci", layouts::oci(images, Codec::Gzip)),
    ]
}

/// The archive through a pipe, from a file and from a directory, with these options.
fn each_way(archive: &Archive, options: &[&str], mut look: impl FnMut(&Sandbox, Ran, &str)) {
    for way in ["pipe", "file", "directory"] {
        let sandbox = Sandbox::new();
        let args = ["load"].iter().chain(options);
        let ran = match way {
            "pipe" => sandbox.run_fed(args, Feed::Bytes(archive.tar())),
            "file" => {
                sandbox.write("archive", archive.tar());
                sandbox.run(args.chain(&["-i", "archive"]))
            }
            _ => {
                archive.write_dir(&sandbox.path("archive"));
                sandbox.run(args.chain(&["-i", "archive"]))
            }
        };
        look(&sandbox, ran, way);
    }
}

/// Two archives in one are as long as both; what one of them alone has is not in the store.
#[test]
fn only_what_is_asked_for_comes_in_and_takes_space() {
    let images = two();
    for (layout, archive) in layouts_of(&images) {
        each_way(&archive, &["--only", "example.org/*/web"], |sandbox, ran, way| {
            let ran = ran.ok();
            assert!(ran.out().ends_with("Loaded image: example.org/team/web:2\n"), "{layout}, {way}: {ran}");
            assert_eq!(sandbox.names(), ["example.org/team/web:2"], "{layout}, {way}");
            let taken: u64 = sandbox.listing().under(&["packs"]).0.values().map(|pack| pack.len).sum();
            assert!(taken < (MIB + MIB / 2) as u64, "{layout}, {way}: {taken}");
            let saved = Saved::read(&sandbox.save(["example.org/team/web:2"]));
            assert_eq!(saved.images()[0].layers, images[1].tars(), "{layout}, {way}");
            sandbox.is_clean();
        });
    }
}

#[test]
fn what_is_not_asked_for_is_not_read_from_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("archive", layouts::docker24(&two()).tar());
    let all = sandbox.run(["load", "-i", "archive"]).ok().read_bytes;
    let sandbox = Sandbox::new();
    sandbox.write("archive", layouts::docker24(&two()).tar());
    let one = sandbox.run(["load", "-i", "archive", "--only", "app:1"]).ok().read_bytes;
    assert!(one + (MIB as u64) < all + 100_000, "{one} of {all}");
}

#[test]
fn patterns_choose_names_and_the_beginning_of_an_id_an_image() {
    let images = two();
    let archive = layouts::docker25(&images);
    let id = &images[0].hex()[..12];
    let chosen = |options: &[&str], names: &[&str]| {
        each_way(&archive, options, |sandbox, ran, way| {
            let ran = ran.ok();
            assert_eq!(sandbox.names(), names, "{way}: {ran}");
        });
    };
    chosen(&["--only", "app:one"], &["app:one"]);
    chosen(&["--only", "app:?"], &["app:1"]);
    chosen(&["--only", "app"], &["app:1", "app:one"]);
    chosen(&["--only", id], &["app:1", "app:one"]);
    chosen(&["--only", &images[0].id()], &["app:1", "app:one"]);
    let sandbox = Sandbox::new();
    sandbox.write("archive", archive.tar());
    sandbox.run(["load", "-i", "archive", "--only", "app:1", "--only", "*/*/web:2"]).ok();
    let mut names = sandbox.names();
    names.sort();
    assert_eq!(names, ["app:1", "example.org/team/web:2"]);
}

/// One pattern that fits nothing is a slip, whatever others fit.
#[test]
fn a_pattern_that_fits_nothing_is_an_error_that_tells_what_there_is() {
    for (_, archive) in layouts_of(&two()) {
        each_way(&archive, &["--only", "app:1", "--only", "nosuch"], |sandbox, ran, _| {
            ran.fails(1).stdout("").complains(
                "no image in the archive fits \"nosuch\": it has app:1, app:one, example.org/team/web:2",
            );
            assert_eq!(sandbox.names(), [""; 0]);
            assert!(sandbox.listing().under(&["packs"]).0.len() <= 1, "{:?}", sandbox.listing());
        });
        each_way(&archive, &["--only", "a["], |_, ran, _| {
            ran.fails(1).complains("syntax error in pattern");
        });
    }
}

#[test]
fn the_one_image_that_is_loaded_can_be_called_something_else() {
    for (layout, archive) in layouts_of(&two()) {
        let options = ["--only", "app:1", "--tag", "mine"];
        each_way(&archive, &options, |sandbox, ran, way| {
            ran.ok().stdout("Loaded image: mine:latest\n");
            assert_eq!(sandbox.names(), ["mine:latest"], "{layout}, {way}");
            let saved = Saved::read(&sandbox.save(["mine"]));
            assert_eq!(saved.images()[0].names, ["mine:latest"], "{layout}, {way}");
        });
        each_way(&archive, &["--tag", "mine"], |sandbox, ran, _| {
            let ran = ran.fails(1).complains("mine can be the name of one image only, and 2 would be loaded");
            ran.complains("--only");
            assert_eq!(sandbox.names(), [""; 0]);
        });
    }
    let sandbox = Sandbox::new();
    let digest = format!("app@{}", two()[0].id());
    for name in [&digest, "A", ""] {
        sandbox.run(["load", "--tag", name]).fails(1);
    }
}

#[test]
fn a_name_that_is_here_stays_if_that_is_asked_for() {
    let images = two();
    for (layout, archive) in layouts_of(&images) {
        let sandbox = Sandbox::new();
        let other = Image::small("app:1");
        sandbox.load(&layouts::docker24(std::slice::from_ref(&other)).tar()).ok();
        sandbox.write("archive", archive.tar());
        let ran = sandbox.run(["load", "-i", "archive", "--keep-existing-tags"]).ok();
        ran.stdout(format!(
            "The name app:1 stays with the image {}\nLoaded image: app:one\n\
             Loaded image: example.org/team/web:2\n",
            other.id()
        ));
        assert_eq!(sandbox.id("app:1"), other.id(), "{layout}");
        assert_eq!(sandbox.id("app:one"), images[0].id(), "{layout}");
        // A second time nothing is in its way but what was.
        let again = sandbox.run(["load", "-i", "archive", "--keep-existing-tags", "--only", "app:1"]).ok();
        again.says("The name app:1 stays with").says(format!("Loaded image ID: {}\n", images[0].id()));
        assert_eq!(sandbox.id("app:one"), images[0].id(), "{layout}");
        sandbox.is_clean();
    }
}

#[test]
fn an_image_that_gets_none_of_its_names_is_loaded_without_one() {
    let images = two();
    for (layout, archive) in layouts_of(&images) {
        let sandbox = Sandbox::new();
        let other = Image::small("web:2").named(&["example.org/team/web:2"]);
        sandbox.load(&layouts::docker24(std::slice::from_ref(&other)).tar()).ok();
        sandbox.write("archive", archive.tar());
        let args = ["load", "-i", "archive", "--keep-existing-tags", "--only", "example.org/team/web:2"];
        sandbox.run(args).ok().stdout(format!(
            "The name example.org/team/web:2 stays with the image {}\nLoaded image ID: {}\n",
            other.id(),
            images[1].id()
        ));
        assert_eq!(sandbox.id("example.org/team/web:2"), other.id(), "{layout}");
        let saved = Saved::read(&sandbox.save([images[1].id()]));
        assert_eq!(saved.images()[0].layers, images[1].tars(), "{layout}");
        sandbox.is_clean();
    }
}

/// What cannot be loaded is no obstacle to what can, if only that is asked for.
#[test]
fn an_image_that_nobody_asked_for_need_not_be_for_the_platform() {
    let mut images = two();
    images[0] = images[0].clone().with(|config| config["architecture"] = "arm64".into());
    for (layout, archive) in layouts_of(&images) {
        each_way(&archive, &["--platform", "linux/arm64"], |sandbox, ran, way| {
            let ran = ran.fails(1).complains(" is no image for linux/arm64: it is for linux/amd64");
            assert!(
                !sandbox.store().join("packs").exists() || sandbox.names().is_empty(),
                "{layout}, {way}: {ran}"
            );
        });
        each_way(&archive, &["--platform", "linux/arm64", "--only", "app"], |sandbox, ran, way| {
            ran.ok();
            assert_eq!(sandbox.names(), ["app:1", "app:one"], "{layout}, {way}");
        });
    }
}
