use std::path::{Path, PathBuf};

use clap::ValueEnum;
use larder_engine::{Compressed, Input, LoadOptions, Loaded, Platform, Task};

use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::level::Level;
use crate::limits::Bounds;
use crate::output::size;

/// Load images from an archive
///
/// Reads what `docker save`, `podman save`, `skopeo copy` and `larder save`
/// write, compressed or not, from a file, a pipe or an OCI layout directory.
/// Either all images of an archive are loaded or none is.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder load [OPTIONS]",
    after_help = "Example:\n  larder load -i app.tar.gz\n  docker save app:1 | larder load"
)]
pub struct LoadArgs {
    /// Archive or OCI layout directory to read, instead of standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    /// Load only this platform of images that have several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// What becomes of layers that come compressed and are named by the digest of that form
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    compressed: Keeping,
    #[command(flatten)]
    level: Level,
    #[command(flatten)]
    bounds: Bounds,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Keeping {
    /// Keep their bytes, so that digests survive
    #[default]
    Keep,
    /// Unpack them, so that their files are shared with other images
    Unwrap,
}

impl LoadArgs {
    /// Whether progress is not to be shown.
    #[cfg(test)]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn options(&self) -> LoadOptions {
        let mut options = LoadOptions::default();
        options.platform.clone_from(&self.platform);
        options.compressed = match self.compressed {
            Keeping::Keep => Compressed::Keep,
            Keeping::Unwrap => Compressed::Unwrap,
        };
        options.limits = self.bounds.limits();
        options
    }
}

pub fn load(cx: &mut Context, args: &LoadArgs) -> Result<(), Failure> {
    let task = cx.task(args.quiet)?;
    let input = open(args.input.as_deref(), &task)?;
    let loaded = args.level.of(cx.store_to_fill()?)?.load(input, &args.options(), &task)?;
    for image in &loaded.images {
        for (name, old) in &image.replaced {
            let name = name.familiar();
            cx.print(&format!(
                "The image {name} already exists, renaming the old one with ID {old} to empty string\n"
            ))?;
        }
        for name in &image.references {
            cx.print(&format!("Loaded image: {}\n", name.familiar()))?;
        }
        if image.references.is_empty() {
            cx.print(&format!("Loaded image ID: {}\n", image.id))?;
        }
    }
    cx.flush()?;
    if !args.quiet {
        let Loaded { input_bytes, new_bytes, stored_bytes, .. } = loaded;
        let figures =
            [("input_bytes", input_bytes), ("new_bytes", new_bytes), ("stored_bytes", stored_bytes)];
        cx.sum_up(summary(&loaded), &figures);
    }
    Ok(())
}

fn open(path: Option<&Path>, task: &Task) -> Result<Input, Failure> {
    match path {
        Some(path) if path != Path::new("-") => input::open(path),
        _ => input::standard(task, || {
            Failure::plain("requested load from stdin, but stdin is empty")
                .hint("larder load -i FILE, or a pipe: docker save app:1 | larder load")
        }),
    }
}

/// What came in, what was new, and what that takes.
fn summary(loaded: &Loaded) -> String {
    format!(
        "{} read, {} of it new, {} on disk",
        size::long(loaded.input_bytes),
        size::long(loaded.new_bytes),
        size::long(loaded.stored_bytes)
    )
}
