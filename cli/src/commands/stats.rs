use std::collections::HashMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use larder_engine::{ContainerSummary, Figures, Store};

use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;
use crate::listing::{Format, Look, Row};
use crate::output::size;
use crate::session::is_terminal;

/// Show what containers that run use
///
/// Processors, memory, block devices and processes, again and again; with --no-stream once.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder stats [OPTIONS] [CONTAINER...]",
    after_help = "Example:\n  larder stats --no-stream --format '{{.Name}} {{.CPUPerc}}'"
)]
pub struct StatsArgs {
    /// Containers, as a name, an ID or the beginning of one; all that run if there are none
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
    /// Show those too that do not run
    #[arg(short, long)]
    all: bool,
    /// Output as table, json or a template in Go's syntax, such as '{{.Name}} {{.MemUsage}}'
    #[arg(long)]
    format: Option<String>,
    /// Show it once
    #[arg(long)]
    no_stream: bool,
    /// Show whole IDs
    #[arg(long)]
    no_trunc: bool,
}

const HEADINGS: &[(&str, &str)] = &[
    ("BlockIO", "BLOCK I/O"),
    ("CPUPerc", "CPU %"),
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET I/O"),
    ("PIDs", "PIDS"),
];
const TABLE: &str =
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Puts what comes in the place of what is on the screen.
const CLEAR: &str = "\x1b[2J\x1b[H";

fn look() -> Look {
    Look { context: "*container.statsContext", headings: HEADINGS, raw: None }
}

pub fn stats(cx: &mut Context, args: &StatsArgs) -> Result<(), Failure> {
    let store = cx.store()?;
    let format = Format::of(args.format.as_deref(), TABLE, &look());
    let task = cx.task(true)?;
    let mut before = HashMap::new();
    loop {
        let shown = match &store {
            Some(store) => chosen(store, args)?,
            None => match args.containers.first() {
                Some(name) => return Err(Failure::error(no_such_container(name))),
                None => Vec::new(),
            },
        };
        let mut now = HashMap::new();
        let mut rows = Vec::new();
        for container in &shown {
            let id = container.id.to_string();
            let figures = store.as_ref().and_then(|store| store.figures(&id).ok());
            let at = Instant::now();
            let before = before.get(&id).copied();
            let known = figures.as_ref().map(|figures| Known { figures, at, before });
            rows.push(row(container, known, args.no_trunc));
            now.insert(id, (figures.unwrap_or_default().cpu, at));
        }
        // Processors are counted between two looks.
        let is_first = before.is_empty() && !now.is_empty();
        before = now;
        if !is_first {
            let listing = format.render(&look(), &rows);
            let listing =
                listing.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))?;
            if !args.no_stream && is_terminal(std::io::stdout()) {
                cx.print_raw(CLEAR)?;
            }
            cx.print(&listing)?;
            cx.flush()?;
            if args.no_stream {
                return Ok(());
            }
        }
        let end = Instant::now() + PAUSE;
        while Instant::now() < end {
            task.check().map_err(|cancelled| Failure::error(cancelled.to_string()))?;
            sleep(Duration::from_millis(20));
        }
    }
}

fn chosen(store: &Store, args: &StatsArgs) -> Result<Vec<ContainerSummary>, Failure> {
    if args.containers.is_empty() {
        let mut all = store.containers(false)?;
        all.retain(|container| args.all || container.status.state.is_live());
        return Ok(all);
    }
    let find = |name: &String| {
        store.inspect_container(name, false).map_err(|error| about_container(error, store, name))
    };
    args.containers.iter().map(find).collect()
}

/// What is shown of a container that has ended meanwhile, or that has no cgroup: as Docker has
/// it, nothing is known of it.
const UNKNOWN: &str = "--";

/// What a container uses.
struct Known<'k> {
    figures: &'k Figures,
    at: Instant,
    /// The processor time at the look before, and when that was.
    before: Option<(Duration, Instant)>,
}

/// The row of a container.
fn row(container: &ContainerSummary, known: Option<Known<'_>>, no_trunc: bool) -> Row {
    let shown = if no_trunc { container.id.to_string() } else { container.id.short() };
    let pair = |one: String, other: String| format!("{one} / {other}");
    let unknown = || UNKNOWN.to_owned();
    let [block_io, cpu, memory, memory_use, net_io, pids] = match known {
        None => [
            pair(unknown(), unknown()),
            unknown(),
            unknown(),
            pair(unknown(), unknown()),
            pair(unknown(), unknown()),
            unknown(),
        ],
        Some(Known { figures, at, before }) => {
            let cpu = before.map_or(0.0, |(cpu, then)| {
                let passed = at.saturating_duration_since(then).as_secs_f64();
                figures.cpu.saturating_sub(cpu).as_secs_f64() / passed.max(f64::MIN_POSITIVE) * 100.0
            });
            let memory = figures.memory_bytes as f64 / (figures.memory_limit_bytes.max(1)) as f64 * 100.0;
            [
                pair(size::short(figures.read_bytes), size::short(figures.written_bytes)),
                format!("{cpu:.2}%"),
                format!("{memory:.2}%"),
                pair(size::binary(figures.memory_bytes), size::binary(figures.memory_limit_bytes)),
                pair(size::short(0), size::short(0)),
                figures.pids.to_string(),
            ]
        }
    };
    Row::new([
        ("BlockIO", block_io),
        ("CPUPerc", cpu),
        ("Container", shown.clone()),
        ("ID", shown),
        ("MemPerc", memory),
        ("MemUsage", memory_use),
        ("Name", container.name.clone()),
        ("NetIO", net_io),
        ("PIDs", pids),
    ])
}
