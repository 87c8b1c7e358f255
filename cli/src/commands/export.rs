use std::path::PathBuf;

use larder_engine::{ExportOptions, Platform};

use crate::context::{Context, about_image, no_such_container_or_image};
use crate::failure::Failure;
use crate::limits::Expanded;
use crate::output::archive::Place;
use crate::output::size;
use crate::output::text::counted;

/// Write a file system as one plain tar
///
/// All layers are applied, and what is in a container on top. The tar is
/// sorted, the same every time, and keeps what Docker's drops: fractions of
/// seconds and extended attributes. In a remark that other tools pass over it
/// carries the image's config, which `larder import` takes over.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder export [OPTIONS] CONTAINER|IMAGE",
    after_help = "Example:\n  larder export app:1 | tar -x -C rootfs\n  larder export -o app.tar app:1"
)]
pub struct ExportArgs {
    /// Container or image
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// File to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// Leave the config out
    #[arg(long)]
    no_config: bool,
    /// Write what `docker export` would: its mount points, whole seconds, no extended attributes but capabilities
    #[arg(long)]
    docker_compat: bool,
    #[command(flatten)]
    expanded: Expanded,
}

pub fn export(cx: &mut Context, args: &ExportArgs) -> Result<(), Failure> {
    let place = Place::of(args.output.as_deref())?;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container_or_image(&args.name)))?;
    let task = cx.task(false)?;
    let options = ExportOptions {
        platform: args.platform.clone(),
        config: !args.no_config,
        docker_compat: args.docker_compat,
        max_bytes: args.expanded.bytes(),
    };
    let exported = place.write("export container", |out| {
        store.export(&args.name, out, &options, &task).map_err(|error| about_image(error, &store, &args.name))
    })?;
    if let Place::File(path) = place {
        let (paths, bytes) = (counted(exported.paths as u64, "path"), size::long(exported.bytes));
        let text = format!("{paths}, {bytes} written to {}", path.display());
        cx.sum_up(text, &[("paths", exported.paths as u64), ("bytes", exported.bytes)]);
    }
    Ok(())
}
