use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{ImageSummary, Reference};

use crate::context::{Context, refuse};
use crate::failure::Failure;
use crate::filter::{Filter, Wanted};
use crate::listing::{Format, Look, Row};
use crate::output::{size, time};

/// List images
///
/// One row per name, the newest image first. SIZE is what the layers hold,
/// before sharing and compression; `larder df` tells what they take on disk.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder images [OPTIONS] [REPOSITORY[:TAG]]",
    after_help = "Example:\n  larder images 'app*' --filter since=app:1 --format '{{.Repository}}:{{.Tag}} {{.Size}}'"
)]
pub struct ImagesArgs {
    /// Only these names; * and ? stand for anything but a slash
    #[arg(value_name = "REPOSITORY[:TAG]")]
    pattern: Option<String>,
    /// Show all images; larder has no hidden ones, so this changes nothing
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Only some: dangling=BOOL, label=KEY[=VALUE], label!=…, before=IMAGE, since=IMAGE, until=TIME, reference=PATTERN
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// Output as table, json or a template in Go's syntax, such as '{{.ID}} {{.Tag}}'
    #[arg(long)]
    format: Option<String>,
    /// Show whole IDs
    #[arg(long)]
    no_trunc: bool,
    /// Show only IDs
    #[arg(short, long)]
    quiet: bool,
    #[arg(long, hide = true)]
    tree: bool,
}

/// What stands where there is nothing.
pub const NONE: &str = "<none>";

const HEADINGS: &[(&str, &str)] = &[
    ("Containers", "CONTAINERS"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedSince", "CREATED"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("SharedSize", "SHARED SIZE"),
    ("Size", "SIZE"),
    ("Tag", "TAG"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("VirtualSize", "SIZE"),
];

const TABLE: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t\
                     {{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";
const TABLE_WITH_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t\
                                  {{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";
const RAW: &str = "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\n\
                   created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";
const RAW_WITH_DIGESTS: &str = "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\n\
                                image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";

impl ImagesArgs {
    fn look(&self) -> Look {
        let raw = match (self.quiet, self.digests) {
            (true, _) => "image_id: {{.ID}}",
            (false, true) => RAW_WITH_DIGESTS,
            (false, false) => RAW,
        };
        Look { raw: Some(raw), ..look() }
    }

    fn format(&self) -> Format {
        match (self.format.as_deref(), self.quiet) {
            (None | Some("" | "table"), true) => Format::Lines("{{.ID}}".into()),
            (asked, _) => {
                Format::of(asked, if self.digests { TABLE_WITH_DIGESTS } else { TABLE }, &self.look())
            }
        }
    }
}

/// How a listing of images looks.
pub fn look() -> Look {
    Look { context: "*formatter.imageContext", headings: HEADINGS, raw: None }
}

pub fn images(cx: &mut Context, args: &ImagesArgs) -> Result<(), Failure> {
    refuse("--tree", args.tree, "the platforms and layers of an image are in 'larder inspect'")?;
    let store = cx.store()?;
    let wanted = Wanted::listed(&args.filter, args.pattern.as_deref(), store.as_ref())?;
    let images = store.map_or(Ok(Vec::new()), |store| store.images())?;
    let now = Timestamp::now();
    let rows: Vec<Row> = images
        .into_iter()
        .filter_map(|image| wanted.sieve(image))
        .flat_map(|image| rows(&image, args.no_trunc, now))
        .collect();
    let listing = args.format().render(&args.look(), &rows);
    cx.print(&listing.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))?)
}

/// A row for each name of `image`, or one without a name.
pub fn rows(image: &ImageSummary, no_trunc: bool, now: Timestamp) -> Vec<Row> {
    let digest = if image.manifest_generated { NONE.into() } else { image.target.to_string() };
    let names: Vec<(String, String)> = if image.references.is_empty() {
        vec![(NONE.into(), NONE.into())]
    } else {
        let tag = |name: &Reference| name.tag().unwrap_or(NONE).to_owned();
        image.references.iter().map(|name| (name.familiar_repository(), tag(name))).collect()
    };
    names
        .into_iter()
        .map(|(repository, tag)| {
            Row::new([
                ("Containers", "N/A".into()),
                ("CreatedAt", created_at(image.created)),
                ("CreatedSince", image.created.map(|then| time::ago(then, now)).unwrap_or_default()),
                ("Digest", digest.clone()),
                ("ID", if no_trunc { image.id.to_string() } else { image.id.0.short() }),
                ("Repository", repository),
                ("SharedSize", "N/A".into()),
                ("Size", size::short(image.content_bytes)),
                ("Tag", tag),
                ("UniqueSize", "N/A".into()),
                ("VirtualSize", size::long(image.content_bytes)),
            ])
        })
        .collect()
}

/// When it was created, in the zone of the person who asks.
pub fn created_at(created: Option<Timestamp>) -> String {
    match created {
        Some(created) => time::go_string(created, &TimeZone::system()),
        None => "0001-01-01 00:00:00 +0000 UTC".into(),
    }
}
