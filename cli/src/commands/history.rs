use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{HistoryEntry, Platform};

use crate::context::{Context, about_image, no_such_image};
use crate::failure::{BAD_FLAG, Failure};
use crate::listing::{Format, Look, Row};
use crate::output::{size, text, time};

mod files;

/// Show how an image was made
///
/// One row per step, the latest first, with the bytes that it added.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder history [OPTIONS] IMAGE",
    after_help = "Example:\n  larder history --no-trunc --format '{{.Size}}\\t{{.CreatedBy}}' app:1"
)]
pub struct HistoryArgs {
    /// Image, as NAME[:TAG], NAME@DIGEST or an ID
    image: String,
    /// Output as table, json or a template in Go's syntax
    #[arg(long)]
    format: Option<String>,
    /// Sizes and dates for people; =false for bytes and RFC 3339
    #[arg(
        short = 'H', long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true,
        value_parser = crate::boolean::parse
    )]
    human: bool,
    /// Show whole IDs and commands
    #[arg(long)]
    no_trunc: bool,
    /// Show the largest files of each layer instead, and what later layers hide; =N for so many
    #[arg(
        long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "5",
        conflicts_with = "quiet"
    )]
    files: Option<usize>,
    /// Show only IDs
    #[arg(short, long)]
    quiet: bool,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

/// Columns that a command gets.
const COMMAND_COLUMNS: usize = 45;
/// Docker takes a time up to this one for a made-up one and shows none.
const MADE_UP: Timestamp = Timestamp::constant(946_684_800, 0);

const LOOK: Look = Look {
    context: "*image.historyContext",
    headings: &[
        ("Comment", "COMMENT"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("CreatedSince", "CREATED"),
        ("ID", "IMAGE"),
        ("Size", "SIZE"),
    ],
    raw: None,
};

const TABLE: &str = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
const EXACT_TABLE: &str = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

pub fn history(cx: &mut Context, args: &HistoryArgs) -> Result<(), Failure> {
    let name = &args.image;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_image(name)))?;
    let steps =
        store.history(name, args.platform.as_ref()).map_err(|error| about_image(error, &store, name))?;
    if let Some(most) = args.files {
        return show_files(cx, args, most, &steps);
    }
    let format = match (args.format.as_deref(), args.quiet) {
        (None | Some("" | "table"), true) => Format::Lines("{{.ID}}".into()),
        (asked, _) => Format::of(asked, if args.human { TABLE } else { EXACT_TABLE }, &LOOK),
    };
    let now = Timestamp::now();
    let rows: Vec<Row> = steps.iter().map(|step| row(step, args, now)).collect();
    let listing = format.render(&LOOK, &rows);
    cx.print(&listing.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))?)
}

fn show_files(
    cx: &mut Context,
    args: &HistoryArgs,
    most: usize,
    steps: &[HistoryEntry],
) -> Result<(), Failure> {
    let as_json = match args.format.as_deref() {
        None | Some("" | "table") => false,
        Some("json") => true,
        Some(_) => {
            return Err(Failure::plain("--files takes no template: --format is table or json").code(BAD_FLAG));
        }
    };
    let name = &args.image;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_image(name)))?;
    let task = cx.task(true)?;
    let files = store.layer_files(name, args.platform.as_ref(), most, &task);
    let files = files.map_err(|error| about_image(error, &store, name))?;
    let layers = files::layers(&files, steps);
    cx.print(&if as_json { files::json(&layers) } else { files::text(&layers) })
}

fn row(step: &HistoryEntry, args: &HistoryArgs, now: Timestamp) -> Row {
    let id = match step.id {
        Some(id) if args.no_trunc => id.to_string(),
        Some(id) => id.0.short(),
        None => "<missing>".into(),
    };
    let created_by = step.created_by.replace('\t', " ");
    let created_by =
        if args.no_trunc { created_by } else { text::ellipsis(&created_by, COMMAND_COLUMNS).into_owned() };
    let since = step.created.filter(|created| *created > MADE_UP);
    Row::new([
        ("Comment", step.comment.clone()),
        (
            "CreatedAt",
            step.created.map_or(time::GO_ZERO.into(), |created| time::rfc3339(created, &TimeZone::system())),
        ),
        ("CreatedBy", created_by),
        ("CreatedSince", since.map_or("N/A".into(), |created| time::ago(created, now))),
        ("ID", id),
        ("Size", if args.human { size::short(step.size_bytes) } else { step.size_bytes.to_string() }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_engine::{Digest, ImageId};

    fn args(human: bool, no_trunc: bool) -> HistoryArgs {
        HistoryArgs {
            image: String::new(),
            format: None,
            human,
            no_trunc,
            files: None,
            quiet: false,
            platform: None,
        }
    }

    fn shown(args: &HistoryArgs) -> String {
        let step =
            |id: Option<&str>, created: &str, created_by: &str, size_bytes, comment: &str| HistoryEntry {
                id: id.map(|text| ImageId(Digest::of(text))),
                created: created.parse().ok(),
                created_by: created_by.into(),
                size_bytes,
                comment: comment.into(),
                empty_layer: false,
                tags: Vec::new(),
            };
        let steps = [
            step(Some("config"), "2026-11-21T19:50:01.9Z", &"文件".repeat(16), 2, ""),
            step(None, "2000-01-01T00:00:00Z", "a\tb", 52_428_848, ""),
            step(None, "", "", 198_899_724, "debootstrap minbase\nbookworm"),
        ];
        let now = "2026-11-21T20:03:21Z".parse().unwrap();
        let rows: Vec<Row> = steps.iter().map(|step| row(step, args, now)).collect();
        let table = if args.human { TABLE } else { EXACT_TABLE };
        Format::of(None, table, &LOOK).render(&LOOK, &rows).unwrap()
    }

    #[test]
    fn a_history_looks_as_in_docker() {
        let want = "IMAGE          CREATED          CREATED BY                                      SIZE      COMMENT\n\
                    b79606fb3afe   13 minutes ago   文件文件文件文件文件文件文件文件文件文件文件…   2B        \n\
                    <missing>      N/A              a b                                             52.4MB    \n\
                    <missing>      N/A                                                              199MB     debootstrap minbase bookworm\n";
        assert_eq!(shown(&args(true, false)), want);
    }

    #[test]
    fn an_exact_history_has_bytes_and_whole_ids() {
        let exact = shown(&args(false, true));
        assert!(exact.starts_with("IMAGE "), "{exact}");
        for part in [
            Digest::of("config").to_string().as_str(),
            "52428848",
            "198899724",
            time::GO_ZERO,
            &"文件".repeat(16),
        ] {
            assert!(exact.contains(part), "{part} in {exact}");
        }
    }
}
