use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;
use crate::output::table;

/// List the processes of a container
///
/// As the host's ps shows them.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder top CONTAINER [ps OPTIONS]",
    after_help = "Example:\n  larder top web -o pid,comm"
)]
pub struct TopArgs {
    /// Container, as a name, an ID or the beginning of one
    container: String,
    /// Options of ps
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Columns are no narrower, as with Docker.
const MIN_WIDTH: usize = 20;

pub fn top(cx: &mut Context, args: &TopArgs) -> Result<(), Failure> {
    let name = &args.container;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container(name)))?;
    let table = store.top(name, &args.options).map_err(|error| about_container(error, &store, name))?;
    let lines = std::iter::once(&table.titles).chain(&table.rows);
    let text: String = lines.map(|row| format!("{}\n", row.join("\t"))).collect();
    cx.print(&table::align_wide(&text, MIN_WIDTH))
}
