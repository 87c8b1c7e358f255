use std::collections::BTreeMap;

use jiff::Timestamp;
use larder_engine::{ContainerState, ContainerSummary};

use crate::commands::images::created_at;
use crate::container_filter::Wanted;
use crate::context::Context;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::listing::{Format, Look, Row};
use crate::output::{size, text, time};

/// List containers
///
/// Those that run; with -a all of them, the newest first.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder ps [OPTIONS]",
    after_help = "Example:\n  larder ps -a --filter ancestor=app:1 --format '{{.ID}} {{.Names}}'"
)]
pub struct PsArgs {
    /// Show all containers, not just those that run
    #[arg(short, long)]
    all: bool,
    /// Only some: ancestor=IMAGE, before=CONTAINER, since=CONTAINER, id=ID, name=NAME, label=KEY[=VALUE], status=STATUS, …
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// Output as table, json or a template in Go's syntax, such as '{{.ID}} {{.Names}}'
    #[arg(long)]
    format: Option<String>,
    /// Show the last COUNT containers, whatever they do
    #[arg(short = 'n', long, value_name = "COUNT", allow_negative_numbers = true)]
    last: Option<i64>,
    /// Show the newest container, whatever it does
    #[arg(short, long)]
    latest: bool,
    /// Show whole IDs and commands
    #[arg(long)]
    no_trunc: bool,
    /// Show only IDs
    #[arg(short, long)]
    quiet: bool,
    /// Show what each container wrote
    #[arg(short, long)]
    size: bool,
}

const HEADINGS: &[(&str, &str)] = &[
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Labels", "LABELS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Mounts", "MOUNTS"),
    ("Names", "NAMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
    ("Ports", "PORTS"),
    ("RunningFor", "CREATED"),
    ("Size", "SIZE"),
    ("State", "STATE"),
    ("Status", "STATUS"),
];
const TABLE: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
const RAW: &str = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n\
                   state: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\nlabels: {{- if .Labels}} {{.Labels}}{{end}}\n\
                   ports: {{- if .Ports}} {{.Ports}}{{end}}\n";

/// Columns that a command gets, and what else is mounted.
const COMMAND_COLUMNS: usize = 20;
const MOUNT_COLUMNS: usize = 15;

/// How a listing of containers looks.
pub fn look() -> Look {
    Look { context: "*formatter.ContainerContext", headings: HEADINGS, raw: Some(RAW) }
}

impl PsArgs {
    fn format(&self) -> Format {
        match (self.format.as_deref(), self.quiet, self.size) {
            (Some("raw"), true, _) => Format::Lines("container_id: {{.ID}}".into()),
            (_, true, _) => Format::Lines("{{.ID}}".into()),
            (Some("raw"), _, true) => Format::Lines(format!("{RAW}size: {{{{.Size}}}}\n")),
            (asked, _, true) => Format::of(asked, &format!("{TABLE}\t{{{{.Size}}}}"), &look()),
            (asked, ..) => Format::of(asked, TABLE, &look()),
        }
    }

    /// Counting files takes time: it is done where somebody will see the sum.
    pub fn wants_sizes(&self) -> bool {
        self.size || self.format.as_deref().is_some_and(|format| format.contains(".Size"))
    }
}

pub fn ps(cx: &mut Context, args: &PsArgs) -> Result<(), Failure> {
    // As in Docker, the last none are no limit.
    let last = if args.latest { Some(1) } else { args.last.filter(|count| *count > 0) };
    let store = cx.store()?;
    let wanted = Wanted::listed(&args.filter, store.as_ref())?;
    let containers = match &store {
        Some(store) => store.containers(args.wants_sizes())?,
        None => Vec::new(),
    };
    let shows_all = args.all || last.is_some() || wanted.names_a_status();
    let now = Timestamp::now();
    let count = last.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let rows: Vec<Row> = containers
        .iter()
        .filter(|container| shows_all || is_running(container))
        .filter(|container| wanted.accepts(container))
        .take(count)
        .map(|container| row(container, args.no_trunc, args.size, now))
        .collect();
    let listing = args.format().render(&look(), &rows).map_err(|mistake| {
        let mistake = mistake.to_string();
        let verb = if mistake.contains(": executing ") { "execute" } else { "parse" };
        Failure::plain(format!("failed to {verb} template: {mistake}"))
    })?;
    cx.print(&listing)?;
    let is_ignored = args.quiet && !matches!(args.format.as_deref(), None | Some("" | "table"));
    if is_ignored {
        cx.warn("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    Ok(())
}

fn is_running(container: &ContainerSummary) -> bool {
    container.status.state.is_live()
}

/// The row of `container`.
pub fn row(container: &ContainerSummary, no_trunc: bool, with_virtual: bool, now: Timestamp) -> Row {
    let spec = &container.spec;
    let host = &spec.host_config;
    let labels = spec.config.labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let mounts = host.binds.iter().map(|bind| &bind.source);
    let mounts =
        mounts.chain(host.mounts.iter().map(|mount| &mount.source)).filter(|source| !source.is_empty());
    let mounts = mounts.map(|source| match no_trunc {
        true => source.clone(),
        false => text::ellipsis(source, MOUNT_COLUMNS).into_owned(),
    });
    let written = container.writable_bytes.unwrap_or_default();
    let mut shown_size = size::short(written);
    if with_virtual && container.image_bytes > 0 {
        shown_size.push_str(&format!(" (virtual {})", size::short(written + container.image_bytes)));
    }
    let created = container.created;
    Row::new([
        ("Command", command(container, no_trunc)),
        ("CreatedAt", created_at(created)),
        ("ID", if no_trunc { container.id.to_string() } else { container.id.short() }),
        ("Image", image(container, no_trunc)),
        ("Labels", labels.collect::<Vec<_>>().join(",")),
        ("LocalVolumes", "0".into()),
        ("Mounts", mounts.collect::<Vec<_>>().join(",")),
        ("Names", container.name.clone()),
        ("Networks", host.network_mode.clone()),
        ("Platform", container.platform.to_string()),
        ("Ports", String::new()),
        ("RunningFor", created.map(|then| time::ago(then, now)).unwrap_or_default()),
        ("Size", shown_size),
        ("State", state(container).into()),
        ("Status", status(container, now)),
    ])
    .with_labels(spec.config.labels.iter().flatten())
}

/// What the container does, as Docker's API calls it.
pub fn state(container: &ContainerSummary) -> &'static str {
    match container.status.state {
        ContainerState::Created => "created",
        ContainerState::Running => "running",
        ContainerState::Paused => "paused",
        ContainerState::Restarting => "restarting",
        ContainerState::Exited => "exited",
        _ => "unknown",
    }
}

/// The same with its exit code and since when, as Docker writes it.
fn status(container: &ContainerSummary, now: Timestamp) -> String {
    let status = &container.status;
    let code = status.exit_code;
    let since = |then: Option<Timestamp>| then.map(|then| time::since(then, now)).unwrap_or_default();
    let ago = |then: Option<Timestamp>| then.map(|then| time::ago(then, now)).unwrap_or_default();
    match status.state {
        ContainerState::Created => "Created".into(),
        ContainerState::Running => format!("Up {}", since(status.started_at)),
        ContainerState::Paused => format!("Up {} (Paused)", since(status.started_at)),
        ContainerState::Restarting => format!("Restarting ({code}) {}", ago(status.finished_at)),
        ContainerState::Exited => format!("Exited ({code}) {}", ago(status.finished_at)),
        _ => "Unknown".into(),
    }
}

/// The image as it was named, as long as that is what it is called.
fn image(container: &ContainerSummary, no_trunc: bool) -> String {
    match (container.image_has_name, no_trunc) {
        (true, true) => container.image_name.clone(),
        (false, true) => container.image_id.to_string(),
        (false, false) => container.image_id.0.short(),
        (true, false) => {
            // A digest behind a tag, and an ID given whole, are too long to show.
            let name = &container.image_name;
            let hex = name.strip_prefix("sha256:").unwrap_or(name);
            if hex.len() > 12 && container.image_id.0.hex().starts_with(hex) {
                return container.image_id.0.short();
            }
            match name.split_once('@') {
                Some((tagged, _)) if tagged.rsplit('/').next().is_some_and(|last| last.contains(':')) => {
                    tagged.into()
                }
                _ => name.clone(),
            }
        }
    }
}

/// The command in quotation marks, words with spaces in single ones of their own.
fn command(container: &ContainerSummary, no_trunc: bool) -> String {
    let words = container.spec.command().enumerate().map(|(at, word)| match at > 0 && word.contains(' ') {
        true => format!("'{word}'"),
        false => word.to_owned(),
    });
    let whole = words.collect::<Vec<_>>().join(" ");
    let shown = if no_trunc { whole.as_str().into() } else { text::ellipsis(&whole, COMMAND_COLUMNS) };
    text::quoted(&shown)
}

/// How many containers each image has, by its ID.
pub fn count_by_image(containers: &[ContainerSummary]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for container in containers {
        *counts.entry(container.image_id.to_string()).or_default() += 1;
    }
    counts
}
