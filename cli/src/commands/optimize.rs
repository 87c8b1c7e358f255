use std::time::Duration;

use larder_engine::{OptimizeOptions, Optimized};

use crate::context::Context;
use crate::failure::{BAD_FLAG, Failure};
use crate::level;
use crate::output::size;
use crate::output::text::counted;

/// Make the store smaller, at leisure
///
/// A load compresses what comes in quickly and in the order in which it comes.
/// This puts what is alike side by side, versions of a file above all, and
/// compresses it harder. What the store holds stays the same. Other commands go
/// on meanwhile, and may be slower for it. What is done is kept if it is
/// stopped; the next time goes on there. It takes up to 4 GiB of free space and
/// runs at the lowest priority; 'larder gc' before it saves work.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder optimize [OPTIONS]",
    after_help = "Example:\n  larder optimize\n  larder optimize --max-duration 30m"
)]
pub struct OptimizeArgs {
    /// zstd's level, from 1 to 22: 19 takes 6 % less space and ten times the time of 12 [default: 12]
    #[arg(long, value_name = "N", value_parser = level::number)]
    level: Option<u8>,
    /// Stop after this time, such as 30m or 1h30m, and keep what is done
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_duration: Option<Duration>,
    /// Show no progress, and print nothing on success
    #[arg(short, long)]
    quiet: bool,
}

pub fn optimize(cx: &mut Context, args: &OptimizeArgs) -> Result<(), Failure> {
    let store = cx.existing_store()?;
    let mut options = OptimizeOptions { max_duration: args.max_duration, ..OptimizeOptions::default() };
    options.level = args.level.unwrap_or(options.level);
    give_way();
    let done = store.optimize(&options, &cx.task(args.quiet)?).map_err(|error| {
        let is_flag = error.kind() == larder_engine::ErrorKind::InvalidInput;
        let failure = Failure::from(error);
        if is_flag { failure.code(BAD_FLAG) } else { failure }
    })?;
    if !args.quiet || done.is_unfinished {
        cx.print(&summary(&done))?;
    }
    match done.damaged {
        0 => Ok(()),
        damaged => {
            Err(Failure::error(format!("{} damaged, left as found", counted(damaged, "frame or pack")))
                .hint("'larder fsck --check data' tells which images need what is damaged"))
        }
    }
}

/// Lets everything else go first. Where the system orders disk accesses by
/// priority, Linux derives that one from this one.
fn give_way() {
    // Who may not be nice is not kept from working.
    let _ = rustix::process::nice(19);
}

fn summary(done: &Optimized) -> String {
    format!(
        "{} on disk, {} before: {} rewritten, {} replaced{}.\n",
        size::long(done.bytes_after),
        size::long(done.bytes_before),
        counted(done.frames_rewritten, "frame"),
        counted(done.packs_removed, "pack"),
        if done.is_unfinished { "; time was up before all was done" } else { "" }
    )
}

/// A span of time as Go writes it, which is how Docker's flags take one.
fn duration(text: &str) -> Result<Duration, String> {
    let nanos = larder_engine::parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| "a time to work is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_one_line() {
        let done = Optimized {
            bytes_before: 291_000_000,
            bytes_after: 222_700_000,
            frames_rewritten: 687,
            packs_removed: 1,
            ..Optimized::default()
        };
        let line = "222.7MB on disk, 291MB before: 687 frames rewritten, 1 pack replaced";
        assert_eq!(summary(&done), format!("{line}.\n"));
        let unfinished = Optimized { is_unfinished: true, ..done };
        assert_eq!(summary(&unfinished), format!("{line}; time was up before all was done.\n"));
    }

    #[test]
    fn times_are_go_s_and_never_negative() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }
}
