//! `df -v`: every image and container, and exact bytes.

use super::{
    ContainerSummary, Format, Html, ImageSummary, Json, Mistake, Template, Timestamp, Usage, images, on_disk,
    ps, purpose, rows, size, stored,
};
use crate::listing::Row;

const IMAGES: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t\
                      {{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";

const CONTAINERS: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t\
                          {{.RunningFor}}\t{{.Status}}\t{{.Names}}";

/// What larder has nothing of.
const OF_DOCKER_ALONE: &str = "Local Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\n\n\
                               Build cache usage: 0B\n\n\
                               CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n";

/// Docker's sections, of volumes and the build cache empty ones; or in their place the
/// store on disk.
pub fn text(
    usage: &Usage,
    all: &[ImageSummary],
    containers: &[ContainerSummary],
    with_disk: bool,
) -> Result<String, Mistake> {
    let look = images::look();
    let images = Format::of(None, IMAGES, &look).render(&look, &image_rows(all, containers, false))?;
    let look = ps::look();
    let containers = Format::of(None, CONTAINERS, &look).render(&look, &container_rows(containers, false))?;
    let rest = match with_disk {
        true => format!("Store space usage:\n\n{}", on_disk(usage, true)),
        false => OF_DOCKER_ALONE.into(),
    };
    Ok(format!("Images space usage:\n\n{images}\nContainers space usage:\n\n{containers}\n{rest}"))
}

/// The same as one document: JSON, or what a template picks from it.
pub fn formatted(
    asked: &str,
    usage: &Usage,
    all: &[ImageSummary],
    containers: &[ContainerSummary],
) -> Result<String, Mistake> {
    let document = document(usage, all, containers);
    if asked == "json" {
        return Ok(document.compact(Html::Escaped) + "\n");
    }
    Ok(Template::parse(&asked.replace("\\t", "\t").replace("\\n", "\n"))?.document(&document)? + "\n")
}

fn document(usage: &Usage, all: &[ImageSummary], containers: &[ContainerSummary]) -> Json {
    let list = |rows: Vec<Row>| Json::Array(rows.iter().map(Row::json).collect());
    let disk = usage.disk.iter().map(|area| {
        object([
            ("Area", area.name.into()),
            ("Bytes", area.bytes.into()),
            ("Files", area.files.into()),
            ("Holds", purpose(area.name).into()),
        ])
    });
    object([
        ("Images", list(image_rows(all, containers, true))),
        ("Containers", list(container_rows(containers, true))),
        ("Volumes", Json::Array(Vec::new())),
        ("BuildCache", Json::Array(Vec::new())),
        ("Summary", list(rows(usage))),
        ("Disk", Json::Array(disk.collect())),
        ("ContentBytes", usage.images_content_bytes.into()),
        ("StoredBytes", stored(usage).into()),
        ("DiskBytes", usage.disk_bytes().into()),
        ("GarbageBytes", usage.garbage_bytes.into()),
    ])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn container_rows(containers: &[ContainerSummary], no_trunc: bool) -> Vec<Row> {
    let now = Timestamp::now();
    containers.iter().map(|container| ps::row(container, no_trunc, false, now)).collect()
}

fn image_rows(all: &[ImageSummary], containers: &[ContainerSummary], no_trunc: bool) -> Vec<Row> {
    let now = Timestamp::now();
    let counts = ps::count_by_image(containers);
    let rows = |image: &ImageSummary| {
        let (shared, unique) = (size::long(image.shared_bytes), size::long(image.unique_bytes));
        let count = counts.get(&image.id.to_string()).copied().unwrap_or_default();
        // As Docker, once, by the first of its names: what it takes is not taken twice.
        images::rows(image, no_trunc, now).into_iter().take(1).map(move |row| {
            row.with("SharedSize", shared.clone())
                .with("UniqueSize", unique.clone())
                .with("Containers", count.to_string())
        })
    };
    all.iter().flat_map(rows).collect()
}
