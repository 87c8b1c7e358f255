//! `df -v`: every image, and exact bytes.

use super::{
    Format, Html, ImageSummary, Json, Mistake, Template, Timestamp, Usage, images, on_disk, purpose, rows,
    size,
};
use crate::listing::Row;

const IMAGES: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t\
                      {{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";

/// Docker's section of images, then the store on disk.
pub fn text(usage: &Usage, all: &[ImageSummary]) -> Result<String, Mistake> {
    let look = images::look();
    let table = Format::of(None, IMAGES, &look).render(&look, &image_rows(all, false))?;
    Ok(format!("Images space usage:\n\n{table}\nStore space usage:\n\n{}", on_disk(usage, true)))
}

/// The same as one document: JSON, or what a template picks from it.
pub fn formatted(asked: &str, usage: &Usage, all: &[ImageSummary]) -> Result<String, Mistake> {
    let document = document(usage, all);
    if asked == "json" {
        return Ok(document.compact(Html::Escaped) + "\n");
    }
    Ok(Template::parse(&asked.replace("\\t", "\t").replace("\\n", "\n"))?.document(&document)? + "\n")
}

fn document(usage: &Usage, all: &[ImageSummary]) -> Json {
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
        ("Images", list(image_rows(all, true))),
        ("Containers", Json::Array(Vec::new())),
        ("Volumes", Json::Array(Vec::new())),
        ("BuildCache", Json::Array(Vec::new())),
        ("Summary", list(rows(usage))),
        ("Disk", Json::Array(disk.collect())),
        ("DiskBytes", usage.disk_bytes().into()),
        ("GarbageBytes", usage.garbage_bytes.into()),
    ])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn image_rows(all: &[ImageSummary], no_trunc: bool) -> Vec<Row> {
    let now = Timestamp::now();
    let rows = |image: &ImageSummary| {
        let (shared, unique) = (size::long(image.shared_bytes), size::long(image.unique_bytes));
        images::rows(image, no_trunc, now).into_iter().map(move |row| {
            row.with("SharedSize", shared.clone())
                .with("UniqueSize", unique.clone())
                .with("Containers", "0".into())
        })
    };
    all.iter().flat_map(rows).collect()
}
