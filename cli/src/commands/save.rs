use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use larder_engine::{ErrorKind, Format, Platform, SaveOptions, Store, Task};

use crate::context::{Context, about_image};
use crate::failure::Failure;
use crate::output::archive::Place;
use crate::output::size;

/// Write images to an archive
///
/// The archive is the tar that Docker and podman load, with every layer and
/// the whole history, byte for byte as it was loaded; saving twice gives the
/// same bytes. With -o the file is there whole or not at all.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder save [OPTIONS] IMAGE [IMAGE...]",
    after_help = "Example:\n  larder save -o app.tar app:1 app:2\n  larder save app:1 | docker load"
)]
pub struct SaveArgs {
    /// Images to save: NAME (with all its tags), NAME:TAG, NAME@DIGEST or an ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// File to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who is to read it
    #[arg(long, value_enum, default_value_t)]
    format: Layout,
    /// Save only this platform of images that have several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Layout {
    /// Docker of any age, podman, skopeo: an OCI layout that also has a manifest.json
    #[default]
    Docker,
    /// Tools of the Open Container Initiative: an OCI layout and nothing else
    Oci,
}

impl SaveArgs {
    fn options(&self) -> SaveOptions {
        let mut options = SaveOptions::default();
        options.platform.clone_from(&self.platform);
        options.format = match self.format {
            Layout::Docker => Format::Docker,
            Layout::Oci => Format::Oci,
        };
        options
    }
}

pub fn save(cx: &mut Context, args: &SaveArgs) -> Result<(), Failure> {
    let place = Place::of(args.output.as_deref())?;
    let Some(store) = cx.store()? else {
        let name = args.images.first().map_or("", String::as_str);
        return Err(Failure::error(format!("No such image: {name}")));
    };
    let task = cx.task(false)?;
    let bytes = place.write("save image", |out| write(&store, args, out, &task))?;
    if let Place::File(path) = place {
        let text = format!("{} written to {}", size::long(bytes), path.display());
        cx.sum_up(text, &[("bytes", bytes)]);
    }
    Ok(())
}

fn write(
    store: &Store,
    args: &SaveArgs,
    out: &mut (dyn io::Write + Send),
    task: &Task,
) -> Result<u64, Failure> {
    let names: Vec<&str> = args.images.iter().map(String::as_str).collect();
    match store.save(&names, out, &args.options(), task) {
        Ok(saved) => Ok(saved.bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let named = names.iter().find(|name| store.inspect(name, None).is_err());
            Err(about_image(error, store, named.copied().unwrap_or_default()))
        }
        Err(error) => Err(error.into()),
    }
}
