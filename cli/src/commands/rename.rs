use larder_engine::ErrorKind;

use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;

/// Give a container another name
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder rename CONTAINER NEW_NAME",
    after_help = "Example:\n  larder rename bold_curie web"
)]
pub struct RenameArgs {
    /// Container, as a name, an ID or the beginning of one
    container: String,
    /// Its new name
    name: String,
}

pub fn rename(cx: &mut Context, args: &RenameArgs) -> Result<(), Failure> {
    let (old, new) = (args.container.trim(), args.name.trim());
    if old.is_empty() || new.is_empty() {
        return Err(Failure::error("Neither old nor new names may be empty"));
    }
    let failure = match cx.store()? {
        None => Failure::error(no_such_container(old)),
        Some(store) => match store.rename_container(old, new) {
            Ok(()) => return Ok(()),
            Err(error) => {
                let is_about_name = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::InvalidInput);
                let told = error.to_string();
                let failure = about_container(error, &store, old);
                match is_about_name && !told.starts_with("Renaming") {
                    true => failure.reworded(format!("Error when allocating new name: {told}")),
                    false => failure,
                }
            }
        },
    };
    Err(failure.followed_by(format!("Error: failed to rename container named {old}")))
}
