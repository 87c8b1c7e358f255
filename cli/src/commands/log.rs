use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{ImageId, PastChange, PastCommand, PastOptions};

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::{Format, Look, Row};
use crate::output::time;

/// Show what was done to images and containers
///
/// One row per name that a command gave, moved or took away, the latest first,
/// with what it named before and after. `larder undo` takes the number of an
/// entry.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder log [OPTIONS] [NAME|IMAGE]",
    after_help = "Example:\n  larder log app:latest\n  larder log app:latest --until 24h -n 1 --format '{{.To}}'"
)]
pub struct LogArgs {
    /// Only images with such a name, where * and ? stand for anything but a slash, the container
    /// of that name, or what has an ID that begins so
    #[arg(value_name = "NAME|IMAGE")]
    of: Option<String>,
    /// Output as table, json or a template in Go's syntax, such as '{{.Number}} {{.Name}}'
    #[arg(long)]
    format: Option<String>,
    /// Show only the last so many commands
    #[arg(short = 'n', long = "last", value_name = "COUNT")]
    most: Option<usize>,
    /// Show whole IDs
    #[arg(long)]
    no_trunc: bool,
    /// Only since a time, such as 2026-01-02T13:23:37Z, or a while ago, such as 42m
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only until a time, such as 2026-01-02T13:23:37Z, or a while ago, such as 42m
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    time::parse_until(text, Timestamp::now(), &TimeZone::system())
}

/// What stands where there is nothing.
const NONE: &str = "<none>";
/// What an image has become that went.
const DELETED: &str = "<deleted>";

const LOOK: Look = Look {
    context: "*formatter.logContext",
    headings: &[
        ("Command", "COMMAND"),
        ("From", "FROM"),
        ("Name", "NAME"),
        ("Number", "ENTRY"),
        ("Since", "SINCE"),
        ("Time", "TIME"),
        ("To", "TO"),
        ("Type", "TYPE"),
    ],
    raw: None,
};

const TABLE: &str = "{{.Number}}\t{{.Time}}\t{{.Command}}\t{{.Type}}\t{{.Name}}\t{{.From}}\t{{.To}}";

pub fn log(cx: &mut Context, args: &LogArgs) -> Result<(), Failure> {
    let options = PastOptions { of: args.of.clone(), since: args.since, until: args.until, most: args.most };
    let past = cx.store()?.map_or(Ok(Vec::new()), |store| store.past(&options))?;
    let now = Timestamp::now();
    let rows: Vec<Row> = past.iter().flat_map(|command| rows(command, args.no_trunc, now)).collect();
    let listing = Format::of(args.format.as_deref(), TABLE, &LOOK).render(&LOOK, &rows);
    cx.print(&listing.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))?)
}

/// A row for each change of `command`, or one that says that there was none.
fn rows(command: &PastCommand, no_trunc: bool, now: Timestamp) -> Vec<Row> {
    let row = |cells: Cells| {
        Row::new([
            ("Command", command.verb.clone()),
            ("From", cells.from),
            ("Name", cells.name),
            ("Number", command.number.to_string()),
            ("Since", command.time.map_or("unknown".into(), |then| time::ago(then, now))),
            ("Time", command.time.map_or("unknown".into(), |then| time::rfc3339(then, &TimeZone::system()))),
            ("To", cells.to),
            ("Type", cells.of.into()),
        ])
    };
    if command.changes.is_empty() {
        return vec![row(Cells::new(NONE, NONE.into(), NONE.into(), NONE.into()))];
    }
    command.changes.iter().map(|change| row(cells(change, no_trunc))).collect()
}

struct Cells {
    of: &'static str,
    name: String,
    from: String,
    to: String,
}

impl Cells {
    fn new(of: &'static str, name: String, from: String, to: String) -> Self {
        Self { of, name, from, to }
    }
}

fn cells(change: &PastChange, no_trunc: bool) -> Cells {
    let id = |id: &ImageId| if no_trunc { id.to_string() } else { id.0.short() };
    let none = || NONE.to_owned();
    match change {
        PastChange::Name { name, from, to, is_deleted } => {
            let gone = if *is_deleted { DELETED } else { NONE };
            let from = from.as_ref().map_or_else(none, id);
            Cells::new("image", name.familiar(), from, to.as_ref().map_or(gone.into(), id))
        }
        PastChange::Image { id: image, is_deleted: true } => {
            Cells::new("image", none(), id(image), DELETED.into())
        }
        PastChange::Image { id: image, is_deleted: false } => Cells::new("image", none(), none(), id(image)),
        PastChange::Container { id: container, name, renamed, image, is_deleted } => {
            let whole = if no_trunc { container.to_string() } else { container.short() };
            let (from, to) = match (renamed, is_deleted) {
                (_, true) => (whole, DELETED.into()),
                (Some(old), false) => (old.clone(), name.clone()),
                (None, false) => (id(image), whole),
            };
            Cells::new("container", name.clone(), from, to)
        }
    }
}
