use std::path::{Path, PathBuf};

use larder_engine::{Changes, ImportOptions, Imported, Input, Platform, Reference, Task};

use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::level::Level;
use crate::output::size;

/// Make an image of one layer from a tar of files
///
/// The layer is the tar, byte for byte, without a compression around it. A tar
/// that `larder export` wrote brings the config of its image along.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder import [OPTIONS] FILE|DIR|- [REPOSITORY[:TAG]]",
    after_help = "Example:\n  larder import -c 'CMD [\"sh\"]' rootfs.tar.gz app:flat\n  \
                  docker export box | larder import - box:1"
)]
pub struct ImportArgs {
    /// Tar to read, compressed or not; - for standard input
    #[arg(value_name = "FILE|DIR|-")]
    source: PathBuf,
    /// Name of the image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
    /// Change the config by an instruction of a Dockerfile, such as 'ENV A=b'
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Remark in the history
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// What the image runs on, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// Leave out the config that the tar carries
    #[arg(long)]
    no_config: bool,
    #[command(flatten)]
    level: Level,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl ImportArgs {
    fn options(&self) -> Result<ImportOptions, Failure> {
        let reference = self.reference.as_deref().filter(|name| !name.is_empty());
        let reference = reference.map(|name| {
            let parsed = name.parse::<Reference>().map(Reference::or_latest);
            parsed.map_err(|error| Failure::error(error.to_string()))
        });
        let changes = Changes::parse(&self.change).map_err(|error| Failure::error(error.to_string()))?;
        Ok(ImportOptions {
            reference: reference.transpose()?,
            changes,
            message: self.message.clone().filter(|message| !message.is_empty()),
            platform: self.platform.clone(),
            config: !self.no_config,
            ..ImportOptions::default()
        })
    }
}

pub fn import(cx: &mut Context, args: &ImportArgs) -> Result<(), Failure> {
    let options = args.options()?;
    let task = cx.task(args.quiet)?;
    let input = open(&args.source, &task)?;
    let imported = args.level.of(cx.store_to_fill()?)?.import(input, &options, &task)?;
    cx.print(&format!("{}\n", imported.id))?;
    cx.flush()?;
    if !args.quiet {
        let Imported { layer_bytes, new_bytes, stored_bytes, .. } = imported;
        let figures =
            [("layer_bytes", layer_bytes), ("new_bytes", new_bytes), ("stored_bytes", stored_bytes)];
        cx.sum_up(summary(&imported), &figures);
    }
    Ok(())
}

fn open(path: &Path, task: &Task) -> Result<Input, Failure> {
    if path != Path::new("-") {
        return input::open(path);
    }
    input::standard(task, || Failure::plain("requested import from stdin, but stdin is a terminal"))
}

fn summary(imported: &Imported) -> String {
    format!(
        "{} read, {} of it new, {} on disk",
        size::long(imported.layer_bytes),
        size::long(imported.new_bytes),
        size::long(imported.stored_bytes)
    )
}
