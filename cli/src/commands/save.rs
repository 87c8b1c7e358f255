use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use larder_engine::{ErrorKind, Format, Platform, SaveOptions, Store, Task};

use crate::context::{Context, about_image};
use crate::failure::{Failure, os_text};
use crate::output::file::OutputFile;
use crate::output::size;

/// How much is gathered before it is written to a pipe.
const BUFFER_BYTES: usize = 256 << 10;

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
    let place = args.output.as_deref().filter(|path| *path != Path::new("-"));
    if place.is_none() && io::stdout().is_terminal() {
        return Err(Failure::plain("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
    }
    let Some(store) = cx.store()? else {
        let name = args.images.first().map_or("", String::as_str);
        return Err(Failure::error(format!("No such image: {name}")));
    };
    let task = cx.task(false)?;
    match place {
        Some(path) => {
            let failed = |error: io::Error| unwritable(path, &error);
            let mut out = OutputFile::create(path).map_err(failed)?;
            let bytes = write(&store, args, &mut out, &task)?;
            out.commit().map_err(failed)?;
            cx.say(format!("{} written to {}", size::long(bytes), path.display()));
        }
        None => {
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            let stdout = stdout.map_err(|error| Failure::of_output(&error))?;
            let pipe = Watched { file: File::from(stdout), failure: None };
            let mut out = BufWriter::with_capacity(BUFFER_BYTES, pipe);
            let written = write(&store, args, &mut out, &task);
            let flushed = out.flush();
            // What the engine says of a pipe that broke is not what to tell.
            if let Some(error) = out.get_mut().failure.take() {
                return Err(Failure::of_archive(&error));
            }
            written?;
            flushed.map_err(|error| Failure::of_archive(&error))?;
        }
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

/// Standard output, and what became of it.
struct Watched {
    file: File,
    failure: Option<io::Error>,
}

impl io::Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if let Err(error) = &written
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failure = error.raw_os_error().map(io::Error::from_raw_os_error);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Docker's words for a place that an archive cannot be written to.
fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Failure::plain(match error.kind() {
        io::ErrorKind::NotFound => format!(
            "failed to save image: invalid output path: stat {}: no such file or directory",
            folder.display()
        ),
        io::ErrorKind::IsADirectory => {
            format!(
                "failed to save image: invalid output path: {:?} is a directory",
                path.display().to_string()
            )
        }
        _ => format!("failed to save image: {}: {}", path.display(), os_text(error)),
    })
}
