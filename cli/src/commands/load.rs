use std::path::{Path, PathBuf};

use clap::ValueEnum;
use larder_engine::{Compressed, ErrorKind, Input, LoadOptions, Loaded, LoadedImage, Platform, Store, Task};

use crate::commands::tag;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::level::Level;
use crate::limits::Bounds;
use crate::output::size;

mod dry_run;

/// Load images from an archive
///
/// Reads what `docker save`, `podman save`, `skopeo copy` and `larder save`
/// write, compressed or not, from a file, a pipe or an OCI layout directory.
/// Either all images that are asked for are loaded or none is, and nothing is
/// kept of the others.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder load [OPTIONS]",
    after_help = "Example:\n  larder load -i app.tar.gz\n  docker save app:1 | larder load\n  larder load -i all.tar --only 'app:1.*' --dry-run"
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
    /// Load only the images with a name that fits, where * and ? stand for anything but a slash,
    /// or with an ID that begins so; of their names those that fit
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Name the one image that is loaded so, instead of what the archive calls it
    #[arg(long, value_name = "NAME[:TAG]")]
    tag: Option<String>,
    /// Leave a name that is here already to the image that has it
    #[arg(long)]
    keep_existing_tags: bool,
    /// Read and check everything, show what would be loaded and what of it is new, and change
    /// nothing
    #[arg(long)]
    dry_run: bool,
    /// Output of --dry-run
    #[arg(long, value_enum, default_value_t, requires = "dry_run", value_name = "FORMAT")]
    format: Showing,
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Showing {
    /// For people
    #[default]
    Table,
    /// For programs: one object
    Json,
}

impl LoadArgs {
    /// Whether progress is not to be shown.
    #[cfg(test)]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn options(&self) -> Result<LoadOptions, Failure> {
        let mut options = LoadOptions {
            platform: self.platform.clone(),
            only: self.only.clone(),
            tag: self.tag.as_deref().map(tag::target).transpose()?,
            keep_existing_tags: self.keep_existing_tags,
            ..LoadOptions::default()
        };
        options.compressed = match self.compressed {
            Keeping::Keep => Compressed::Keep,
            Keeping::Unwrap => Compressed::Unwrap,
        };
        options.limits = self.bounds.limits();
        Ok(options)
    }
}

pub fn load(cx: &mut Context, args: &LoadArgs) -> Result<(), Failure> {
    let options = args.options()?;
    let task = cx.task(args.quiet)?;
    let input = open(args.input.as_deref(), &task)?;
    if args.dry_run {
        let store = match cx.store_if_present()? {
            Some(store) => store,
            None => Store::absent(cx.store_path()?)?,
        };
        let store = args.level.of(store)?;
        let foreseen = store.foresee_load(input, &options, &task).map_err(hinted)?;
        return cx.print(&match args.format {
            Showing::Table => dry_run::text(&foreseen),
            Showing::Json => dry_run::json(&foreseen),
        });
    }
    let store = args.level.of(cx.store_to_fill()?)?;
    let loaded = store.load(input, &options, &task).map_err(hinted)?;
    for image in &loaded.images {
        cx.print(&told(image))?;
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

/// With what to do about it, where an option or another command helps.
fn hinted(error: larder_engine::Error) -> Failure {
    let is_other =
        |text: &str| ["not a tar archive", "not an image archive"].iter().any(|no| text.starts_with(no));
    match error.kind() {
        ErrorKind::BadName => Failure::from(error).hint("--tag NAME loads the image under another name"),
        ErrorKind::InvalidArchive if is_other(&error.to_string()) => Failure::from(error).hint(
            "load takes what 'docker save', 'podman save' and skopeo write, and OCI layouts; \
             'larder import' makes an image of a tar of files",
        ),
        ErrorKind::Ambiguous => Failure::from(error).hint("--only PATTERN chooses one"),
        _ => error.into(),
    }
}

fn told(image: &LoadedImage) -> String {
    let mut lines = String::new();
    for (name, old) in &image.replaced {
        let name = name.familiar();
        lines.push_str(&format!(
            "The image {name} already exists, renaming the old one with ID {old} to empty string\n"
        ));
    }
    for (name, other) in &image.kept {
        lines.push_str(&format!("The name {} stays with the image {other}\n", name.familiar()));
    }
    for name in &image.references {
        lines.push_str(&format!("Loaded image: {}\n", name.familiar()));
    }
    if image.references.is_empty() {
        lines.push_str(&format!("Loaded image ID: {}\n", image.id));
    }
    lines
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
