use larder_engine::{ErrorKind, RemoveOptions, Removed};

use crate::context::{Context, about_image, no_such_image, refuse};
use crate::failure::Failure;

/// Remove images
///
/// A name is taken away; with its last name an image goes, and the space that
/// nothing else uses is given back at once. All arguments are tried, whatever
/// becomes of one.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder rmi [OPTIONS] IMAGE [IMAGE...]",
    after_help = "Example:\n  larder rmi app:1 app:2\n  larder rmi $(larder images -q -f dangling=true)"
)]
pub struct RmiArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Remove an ID that has several names; a missing image is no failure
    #[arg(short, long)]
    force: bool,
    /// Keep parents that have no name
    #[arg(long)]
    no_prune: bool,
    #[arg(long, hide = true)]
    platform: Option<String>,
}

pub fn rmi(cx: &mut Context, args: &RmiArgs) -> Result<(), Failure> {
    refuse("--platform", args.platform.is_some(), "an image is removed with all its platforms")?;
    let store = cx.store()?;
    let task = cx.task(false)?;
    let options = RemoveOptions { force: args.force, no_prune: args.no_prune };
    let mut failed = false;
    for name in &args.images {
        if task.check().is_err() {
            failed = true;
            break;
        }
        let (failure, missing) = match &store {
            None => (Failure::error(no_such_image(name)), true),
            Some(store) => match store.remove(name, &options, &task) {
                Ok(removed) => {
                    cx.print(&told(&removed))?;
                    continue;
                }
                Err(error) => {
                    let missing = error.kind() == ErrorKind::NotFound;
                    let forcible = error.kind() == ErrorKind::Conflict && !args.force;
                    let failure = about_image(error, store, name, no_such_image(name));
                    (
                        if forcible { failure.hint("-f removes it with all its names") } else { failure },
                        missing,
                    )
                }
            },
        };
        cx.tell(&failure);
        failed |= !(missing && args.force);
    }
    if failed { Err(Failure::silent()) } else { Ok(()) }
}

fn told(removed: &Removed) -> String {
    let names = removed.untagged.iter().map(|name| format!("Untagged: {}\n", name.familiar()));
    let digests = removed.untagged_digests.iter().map(|digest| format!("Untagged: {digest}\n"));
    let deleted = removed.deleted.iter().map(|digest| format!("Deleted: {digest}\n"));
    names.chain(digests).chain(deleted).collect()
}
