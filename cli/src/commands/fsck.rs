use larder_engine::{Checked, FsckOptions};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::json::{Html, Json};
use crate::output::size;
use crate::output::text::counted;

/// Check the store
///
/// Looks at every structure and at all that images need; with --verify every
/// byte is read and every digest computed again. Exits with 1 if anything is
/// wrong. Nothing is changed.
#[derive(Debug, clap::Args)]
#[command(override_usage = "larder fsck [OPTIONS]", after_help = "Example:\n  larder fsck --verify")]
pub struct FsckArgs {
    /// Read everything and compute every digest again
    #[arg(long)]
    verify: bool,
    /// Output as json, for programs
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text", hide_default_value = true)]
    format: String,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

pub fn fsck(cx: &mut Context, args: &FsckArgs) -> Result<(), Failure> {
    let options = FsckOptions { verify: args.verify };
    let json = args.format == "json";
    let Some(store) = cx.store()? else {
        let nothing = Checked::default();
        let text = "There is no store, so nothing is wrong with it.\n".into();
        return cx.print(&if json { document(&nothing) } else { text });
    };
    let checked = store.fsck(&options, &cx.task(args.quiet)?)?;
    cx.print(&if json { document(&checked) } else { report(&checked, args.verify) })?;
    if checked.faults.is_empty() { Ok(()) } else { Err(Failure::silent()) }
}

fn report(checked: &Checked, verified: bool) -> String {
    let Checked { packs, chunks, blobs, images, containers, .. } = checked;
    let mut text = String::new();
    for fault in &checked.faults {
        text.push_str(&format!("{}: {}", fault.place, fault.problem));
        if !fault.images.is_empty() {
            text.push_str(&format!(" (needed by {})", fault.images.join(", ")));
        }
        text.push('\n');
    }
    let verb = if verified { "Read and verified" } else { "Checked" };
    let mut counts = vec![
        counted(*images, "image"),
        counted(*blobs, "blob"),
        counted(*chunks, "chunk"),
        counted(*packs, "pack"),
    ];
    if *containers > 0 {
        counts.insert(1, counted(*containers, "container"));
    }
    if verified {
        counts.push(size::long(checked.bytes));
    }
    let faults = match checked.faults.len() {
        0 => "no faults".into(),
        count => counted(u64::try_from(count).unwrap_or(u64::MAX), "fault"),
    };
    text + &format!("{verb} {}: {faults}.\n", counts.join(", "))
}

/// One line of JSON.
fn document(checked: &Checked) -> String {
    let faults = checked.faults.iter().map(|fault| {
        let images = fault.images.iter().map(|name| name.as_str().into()).collect();
        object([
            ("Images", Json::Array(images)),
            ("Place", fault.place.as_str().into()),
            ("Problem", fault.problem.as_str().into()),
        ])
    });
    let document = object([
        ("Blobs", checked.blobs.into()),
        ("Bytes", checked.bytes.into()),
        ("Chunks", checked.chunks.into()),
        ("Containers", checked.containers.into()),
        ("Faults", Json::Array(faults.collect())),
        ("Images", checked.images.into()),
        ("Packs", checked.packs.into()),
    ]);
    document.compact(Html::Plain) + "\n"
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
