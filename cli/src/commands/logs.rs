use std::io::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{LogEntry, LogOptions, Stream};

use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;
use crate::output::patient::Patient;
use crate::output::time;

/// Print what a container has written
///
/// To standard output and standard error, as it wrote it.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder logs [OPTIONS] CONTAINER",
    after_help = "Example:\n  larder logs -f --tail 100 web\n  larder logs --since 10m -t web"
)]
pub struct LogsArgs {
    /// Container, as a name, an ID or the beginning of one
    container: String,
    /// Show extra attributes in front of each line; larder has none
    #[arg(long)]
    details: bool,
    /// Go on as long as the container runs
    #[arg(short, long)]
    follow: bool,
    /// Only what was written then or later: a time, a Unix time or a duration such as 10m
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// No more than the last COUNT lines of what is there
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "all", hide_default_value = true)]
    tail: String,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Only what was written before: a time, a Unix time or a duration such as 10m
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub fn logs(cx: &mut Context, args: &LogsArgs) -> Result<(), Failure> {
    let name = &args.container;
    let moment = |flag: &str, text: &Option<String>| {
        let parse = |text: &String| time::parse_until(text, Timestamp::now(), &TimeZone::system());
        text.as_ref()
            .map(parse)
            .transpose()
            .map_err(|why| Failure::error(format!("invalid value for \"{flag}\": {why}")))
    };
    // As in Docker, what is no number, or below zero, means all.
    let tail = args.tail.parse().ok();
    let (since, until) = (moment("since", &args.since)?, moment("until", &args.until)?);
    let options = LogOptions { follow: args.follow, tail, since, until };
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container(name)))?;
    let task = cx.task(true)?;
    let mut out = io::BufWriter::new(Patient(io::stdout()));
    let told = store.logs::<Told>(name, &options, &task, &mut |entry| {
        write(&mut out, &entry, args).map_err(Told::Written)
    });
    match told.and(out.flush().map_err(Told::Written)) {
        Ok(()) => Ok(()),
        Err(Told::Written(error)) => Err(Failure::of_output(&error)),
        Err(Told::Read(error)) => Err(about_container(error, &store, name)),
    }
}

/// Why there is no more to be told.
enum Told {
    Read(larder_engine::Error),
    Written(io::Error),
}

impl From<larder_engine::Error> for Told {
    fn from(error: larder_engine::Error) -> Self {
        Self::Read(error)
    }
}

fn write(out: &mut io::BufWriter<Patient<io::Stdout>>, entry: &LogEntry, args: &LogsArgs) -> io::Result<()> {
    let mut stamp = if args.timestamps { format!("{:.9} ", entry.time) } else { String::new() };
    // As with Docker, where there are none.
    stamp.push_str(if args.details { " " } else { "" });
    match entry.stream {
        Stream::Stdout => {
            out.write_all(stamp.as_bytes())?;
            out.write_all(&entry.bytes)?;
            // Who follows wants to see it now.
            if args.follow { out.flush() } else { Ok(()) }
        }
        Stream::Stderr => {
            // So that what was written in turn is seen in turn.
            out.flush()?;
            let mut err = Patient(io::stderr());
            err.write_all(stamp.as_bytes())?;
            err.write_all(&entry.bytes)
        }
    }
}
