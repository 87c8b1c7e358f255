//! What a Docker engine keeps of images, in its `overlay2` form. It has no check: what there
//! is to notice, `docker save` and `docker export` of a container notice, or nobody.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Did, Row, Tally, flip, image};
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::noise::Noise;
use crate::harness::saved::{Member, Saved};
use crate::harness::skip;
use crate::peers::Docker;

const KINDS: [(&str, &str); 6] = [
    ("file", "`overlay2/*/diff/` (a file of a layer)"),
    ("content", "`imagedb/content/` (config)"),
    ("tar-split.json.gz", "`layerdb/*/tar-split.json.gz`"),
    ("diff", "`layerdb/*/diff`"),
    ("cache-id", "`layerdb/*/cache-id`"),
    ("size", "`layerdb/*/size`"),
];

/// All flips at once, each in an image of its own: the engine starts but twice.
pub fn rows(test: &str, flips: usize, dice: &mut Noise) -> Vec<Row> {
    let Some(mut docker) = Docker::own(test) else { return Vec::new() };
    let driver = docker.run(["info", "-f", "{{.Driver}}"]).out();
    if driver.trim() != "overlay2" {
        skip(test, &format!("the Docker engine keeps layers in another form: {driver}"));
        return Vec::new();
    }
    let mut harmed = Vec::new();
    for (kind, (what, _)) in KINDS.iter().enumerate() {
        for at in 0..flips {
            let name = format!("flip-{}:{at}", what.trim_end_matches(".json.gz"));
            let image = image(&name, (kind * flips + at) as u64 + 100);
            docker.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
            docker.run(["create", "--name", &container(&image), &name, "true"]);
            let file = file_of(&docker, what, &image);
            harmed.push((kind, image, file));
        }
    }
    docker.stop();
    harmed.iter().for_each(|(_, _, file)| flip(std::slice::from_ref(file), dice));
    if let Err(why) = docker.start_again() {
        println!("the engine does not start any more: {why}");
        return Vec::new();
    }
    let row = |(kind, (_, files)): (usize, &(&str, &'static str))| {
        let mine = harmed.iter().filter(|(of, ..)| *of == kind).map(|(_, image, _)| image);
        let (mut saved, mut exported) = (Tally::default(), Tally::default());
        for image in mine {
            saved.add(saves(&docker, image));
            exported.add(exports(&docker, image));
        }
        let row = |store, given| Row { store, files, given, quick: None, thorough: None };
        [row("docker save", saved), row("docker export", exported)]
    };
    KINDS.iter().enumerate().flat_map(row).collect()
}

/// The container of an image.
fn container(image: &Image) -> String {
    image.names[0].replace(':', "-")
}

/// The file to harm, of what the engine keeps of the image's own layer.
fn file_of(docker: &Docker, what: &str, image: &Image) -> PathBuf {
    let data = docker.data();
    let format = "{{.GraphDriver.Data.UpperDir}}";
    let upper = docker.run(["image", "inspect", "-f", format, &image.names[0]]).out();
    let upper = Path::new(upper.trim());
    match what {
        "file" => upper.join("own"),
        "content" => data.join("image/overlay2/imagedb/content/sha256").join(image.hex()),
        _ => {
            let cache = upper.parent().and_then(Path::file_name).expect("overlay2/<cache id>/diff");
            let layers =
                fs::read_dir(data.join("image/overlay2/layerdb/sha256")).expect("the engine's").flatten();
            let is_its =
                |dir: &PathBuf| fs::read(dir.join("cache-id")).is_ok_and(|id| id == cache.as_encoded_bytes());
            let layer = layers.map(|layer| layer.path()).find(is_its);
            layer.expect("the layer is there").join(what)
        }
    }
}

fn saves(docker: &Docker, image: &Image) -> Did {
    let ran = docker.try_run(["save", &image.names[0]]);
    if ran.code != Some(0) {
        return Did::Failed;
    }
    let bodies: Vec<_> = Saved::read(&ran.stdout).members.into_iter().map(|member| member.body).collect();
    let wanted = image.tars().into_iter().chain([image.config_bytes()]);
    if wanted.into_iter().all(|bytes| bodies.contains(&bytes)) { Did::Right } else { Did::Wrong }
}

fn exports(docker: &Docker, image: &Image) -> Did {
    let ran = docker.try_run(["export", &container(image)]);
    if ran.code != Some(0) {
        return Did::Failed;
    }
    let exported = Saved::read(&ran.stdout);
    let wanted = image.tars().iter().flat_map(|tar| Saved::read(tar).members).collect::<Vec<_>>();
    let is_there = |file: &Member| {
        exported.members.iter().any(|member| member.name == file.name && member.body == file.body)
    };
    if wanted.iter().all(is_there) { Did::Right } else { Did::Wrong }
}
