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
    refuse(
        "--tree",
        args.tree,
        "'larder image tree' shows layers and what they share, 'larder inspect' the platforms",
    )?;
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
    // As in Docker, Go's time zero is no time.
    let created = image.created.filter(|created| time::rfc3339_nanos(*created) != time::GO_ZERO);
    names
        .into_iter()
        .map(|(repository, tag)| {
            Row::new([
                ("Containers", "N/A".into()),
                ("CreatedAt", created_at(image.created)),
                ("CreatedSince", created.map(|then| time::ago(then, now)).unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use larder_engine::{Digest, ImageId, Platform};

    fn image(names: &[&str]) -> ImageSummary {
        ImageSummary {
            id: ImageId(Digest::of("config")),
            target: Digest::of("manifest"),
            manifest_generated: true,
            references: names.iter().map(|name| name.parse().unwrap()).collect(),
            created: Some("2026-11-21T19:50:01.9Z".parse().unwrap()),
            content_bytes: 251_328_574,
            platform: Platform::default(),
            labels: [("k".to_owned(), "v".to_owned())].into(),
            shared_bytes: 0,
            unique_bytes: 251_328_574,
        }
    }

    fn shown(images: &[ImageSummary]) -> String {
        let now = "2026-11-21T20:03:21Z".parse().unwrap();
        let rows: Vec<Row> = images.iter().flat_map(|image| rows(image, false, now)).collect();
        Format::of(None, TABLE, &look()).render(&look(), &rows).unwrap()
    }

    #[test]
    fn an_image_has_a_row_for_each_of_its_names() {
        let unmade = ImageSummary { created: None, content_bytes: 4, ..image(&[]) };
        let want = "REPOSITORY              TAG       IMAGE ID       CREATED          SIZE\n\
                    edge                    1         b79606fb3afe   13 minutes ago   251MB\n\
                    localhost:5000/a/edge   2         b79606fb3afe   13 minutes ago   251MB\n\
                    <none>                  <none>    b79606fb3afe   N/A              4B\n";
        let all = [image(&["edge:1", "localhost:5000/a/edge:2"]), unmade];
        assert_eq!(shown(&all), want);
    }

    #[test]
    fn a_digest_is_shown_only_if_it_came_with_the_image() {
        let came = ImageSummary { manifest_generated: false, ..image(&["edge:1"]) };
        let digest = |image: &ImageSummary| {
            let format = Format::Lines("{{.Digest}}".into());
            format.render(&look(), &rows(image, false, Timestamp::UNIX_EPOCH)).unwrap()
        };
        assert_eq!(digest(&came), format!("{}\n", came.target));
        assert_eq!(digest(&image(&["edge:1"])), "<none>\n");
    }

    #[test]
    fn filters_keep_the_names_that_fit() {
        let sieve = |text: &str, names: &[&str]| {
            let filter: Filter = text.parse().unwrap();
            let wanted = Wanted::listed(&[filter], None, None).unwrap();
            wanted.sieve(image(names)).map(|image| image.references.len())
        };
        assert_eq!(sieve("reference=edge", &["edge:1", "other:1"]), Some(1));
        assert_eq!(sieve("reference=none", &["edge:1"]), None);
        assert_eq!(sieve("dangling=true", &["edge:1"]), None);
        assert_eq!(sieve("dangling=true", &[]), Some(0));
        assert_eq!(sieve("label=k", &[]), Some(0));
        assert_eq!(sieve("label=k=w", &[]), None);
        assert_eq!(sieve("label!=k", &[]), None);
        assert_eq!(sieve("until=2026-11-22T00:00:00Z", &[]), Some(0));
        assert_eq!(sieve("until=2026-11-21T00:00:00Z", &[]), None);
    }
}
