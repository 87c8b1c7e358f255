use jiff::Timestamp;
use larder_engine::{Area, ContainerSummary, ImageSummary, Survey, Usage};

use crate::commands::{images, ps};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::{Format, Look, Row};
use crate::output::json::{Html, Json};
use crate::output::screen::Screen;
use crate::output::{size, table};
use crate::template::{Mistake, Template};

mod bars;
mod explain;
mod verbose;

/// Show what takes how much space
///
/// First Docker's table: what images hold, before sharing and compression.
/// Then a bar for each image: what it takes in the packs, alone and with
/// others. Then what the store takes on disk, area by area; the total is
/// what `du` says of it, to the block.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder df [OPTIONS]",
    after_help = "Example:\n  larder df -v\n  larder df --explain\n  larder df -v --format '{{.DiskBytes}}'"
)]
pub struct DfArgs {
    /// Show every image and container, and exact bytes
    #[arg(short, long)]
    verbose: bool,
    /// Output as table, json or a template in Go's syntax
    #[arg(long)]
    format: Option<String>,
    /// Show what every byte on the disk is for, and what would be freed
    #[arg(long, conflicts_with_all = ["verbose", "format"])]
    explain: bool,
}

const LOOK: Look = Look {
    context: "*formatter.diskUsageImagesContext",
    headings: &[
        ("Active", "ACTIVE"),
        ("Reclaimable", "RECLAIMABLE"),
        ("Size", "SIZE"),
        ("TotalCount", "TOTAL"),
        ("Type", "TYPE"),
    ],
    raw: Some(
        "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n\
         reclaimable: {{.Reclaimable}}\n",
    ),
};
const TABLE: &str = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

/// `larder df`: Docker's table, and the store on disk.
pub fn df(cx: &mut Context, args: &DfArgs) -> Result<(), Failure> {
    show(cx, args, true)
}

/// `larder system df`: Docker's tables and nothing else.
pub fn system_df(cx: &mut Context, args: &DfArgs) -> Result<(), Failure> {
    show(cx, args, false)
}

fn show(cx: &mut Context, args: &DfArgs, with_disk: bool) -> Result<(), Failure> {
    let asked = args.format.as_deref().filter(|asked| !asked.is_empty() && *asked != "table");
    let mistaken = |mistake| Failure::plain(format!("template parsing error: {mistake}"));
    let store = cx.store()?;
    if asked.is_some() || !(with_disk || args.explain) {
        let (usage, images, containers) = match store {
            Some(store) if args.verbose => (store.usage()?, store.images()?, store.containers(true)?),
            Some(store) => (store.usage()?, Vec::new(), Vec::new()),
            None => (nothing(), Vec::new(), Vec::new()),
        };
        let text = match (args.verbose, asked) {
            (true, Some(asked)) => verbose::formatted(asked, &usage, &images, &containers),
            (true, None) => verbose::text(&usage, &images, &containers, false),
            (false, asked) => Format::of(asked, TABLE, &LOOK).render(&LOOK, &rows(&usage)),
        };
        return cx.print(&text.map_err(mistaken)?);
    }
    let survey =
        store.as_ref().map(|store| cx.task(false).and_then(|task| Ok(store.survey(&task)?))).transpose()?;
    let survey = survey.unwrap_or_else(|| Survey::of_nothing(nothing()));
    if args.explain {
        return cx.print(&explain::text(&survey));
    }
    let screen = Screen::stdout();
    let bars = bars::bars(&survey, args.verbose, &screen);
    let below = if bars.is_empty() { "" } else { "\n" };
    if args.verbose {
        let (images, containers) = match store {
            Some(store) => (store.images()?, store.containers(true)?),
            None => (Vec::new(), Vec::new()),
        };
        cx.print(&verbose::text(&survey.usage, &images, &containers, true).map_err(mistaken)?)?;
        if !bars.is_empty() {
            cx.print("\nImages on disk:\n\n")?;
        }
        return cx.print_raw(&bars);
    }
    let usage = &survey.usage;
    let listing = Format::of(None, TABLE, &LOOK).render(&LOOK, &rows(usage)).map_err(mistaken)?;
    cx.print(&format!("{listing}\n"))?;
    // Names in them were made harmless; what is left moves nothing but colours.
    cx.print_raw(&format!("{bars}{below}"))?;
    cx.print(&on_disk(usage, false))
}

/// What a store that is not there uses.
fn nothing() -> Usage {
    Usage {
        images_total: 0,
        images_active: 0,
        images_content_bytes: 0,
        reclaimable_bytes: 0,
        containers_total: 0,
        containers_active: 0,
        containers_bytes: 0,
        containers_reclaimable_bytes: 0,
        disk: Vec::new(),
        garbage_bytes: 0,
    }
}

/// Docker's four rows; larder never has anything in the last two.
fn rows(usage: &Usage) -> Vec<Row> {
    let row = |kind: &str, total: u64, active: u64, bytes: u64, reclaimable: u64| {
        let percent = percent(reclaimable, bytes).map(|percent| format!(" ({percent}%)")).unwrap_or_default();
        Row::new([
            ("Active", active.to_string()),
            ("Reclaimable", format!("{}{percent}", size::long(reclaimable))),
            ("Size", size::long(bytes)),
            ("TotalCount", total.to_string()),
            ("Type", kind.to_owned()),
        ])
    };
    vec![
        row(
            "Images",
            usage.images_total,
            usage.images_active,
            usage.images_content_bytes,
            usage.reclaimable_bytes,
        ),
        row(
            "Containers",
            usage.containers_total,
            usage.containers_active,
            usage.containers_bytes,
            usage.containers_reclaimable_bytes,
        ),
        row("Local Volumes", 0, 0, 0, 0),
        row("Build Cache", 0, 0, 0, 0),
    ]
}

/// The part in the whole, rounded down.
fn percent(part: u64, whole: u64) -> Option<u128> {
    (u128::from(part) * 100).checked_div(u128::from(whole))
}

/// What each area of the store is for.
fn purpose(area: &str) -> &'static str {
    match area {
        "packs" => "chunks, compressed",
        "index" => "where each chunk lies",
        "journal" => "what was committed",
        "catalog" => "the journal, to look things up",
        "containers" => "what containers wrote",
        "layers" => "unpacked layers, a cache",
        "tmp" => "work under way",
        _ => "directories, lock, format",
    }
}

/// The second table: the store as `du` sees it.
fn on_disk(usage: &Usage, exact: bool) -> String {
    let shown = |bytes: u64| if exact { bytes.to_string() } else { size::long(bytes) };
    let mut lines = format!("ON DISK\tFILES\t{}\tHOLDS\n", if exact { "BYTES" } else { "SIZE" });
    for Area { name, bytes, files } in &usage.disk {
        lines.push_str(&format!("{name}\t{files}\t{}\t{}\n", shown(*bytes), purpose(name)));
    }
    let files: u64 = usage.disk.iter().map(|area| area.files).sum();
    lines.push_str(&format!("total\t{files}\t{}\t{}\n", shown(usage.disk_bytes()), verdict(usage)));
    table::align(&lines)
}

/// What came of keeping the same bytes once.
fn verdict(usage: &Usage) -> String {
    let garbage = match usage.garbage_bytes {
        0 => String::new(),
        bytes => format!("; 'larder gc' frees {}", size::long(bytes)),
    };
    match usage.images_content_bytes {
        0 => format!("no images{garbage}"),
        content => {
            format!("stored {} for {} of images{garbage}", size::long(stored(usage)), size::long(content))
        }
    }
}

/// Bytes of the packs, which grow with what is stored. The other areas are overhead, most of
/// it fixed: in a small store it would hide the saving.
fn stored(usage: &Usage) -> u64 {
    usage.disk.iter().filter(|area| area.name == "packs").map(|area| area.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        Usage {
            images_total: 2,
            images_content_bytes: 251_328_574,
            reclaimable_bytes: 251_328_574,
            containers_total: 3,
            containers_bytes: 4,
            containers_reclaimable_bytes: 4,
            disk: vec![
                Area { name: "packs", bytes: 84_111_360, files: 3 },
                Area { name: "other", bytes: 12_288, files: 3 },
            ],
            garbage_bytes: 1_200_000,
            ..nothing()
        }
    }

    #[test]
    fn the_first_table_is_docker_s() {
        let table = Format::of(None, TABLE, &LOOK).render(&LOOK, &rows(&usage())).unwrap();
        let want = "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
                    Images          2         0         251.3MB   251.3MB (100%)\n\
                    Containers      3         0         4B        4B (100%)\n\
                    Local Volumes   0         0         0B        0B\n\
                    Build Cache     0         0         0B        0B\n";
        assert_eq!(table, want);
    }

    #[test]
    fn the_second_table_sums_to_the_disk() {
        let want = "ON DISK   FILES     SIZE      HOLDS\n\
                    packs     3         84.11MB   chunks, compressed\n\
                    other     3         12.29kB   directories, lock, format\n\
                    total     6         84.12MB   stored 84.11MB for 251.3MB of images; 'larder gc' frees 1.2MB\n";
        assert_eq!(on_disk(&usage(), false), want);
        assert!(on_disk(&usage(), true).contains("total     6         84123648"));
        assert!(on_disk(&nothing(), false).contains("no images"));
    }
}
