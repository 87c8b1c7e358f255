use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use larder_engine::{Attach, ContainerId, CreateOptions, ErrorKind, Platform, Store};

use crate::context::{Context, about_image, no_such_image, refuse};
use crate::failure::{BAD_FLAG, Failure, os_text};
use crate::names;

mod config;
mod host;
mod logging;
mod mount;
mod refused;
mod security;
mod values;

pub use config::env_files;
pub use values::variable;

/// Create a container, without running it
///
/// It takes no time and no space, whatever the size of the image: nothing is
/// unpacked. Prints the container's ID. What the container needs of the image
/// stays, even if the image is removed.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "larder create [OPTIONS] IMAGE [COMMAND] [ARG...]",
    after_help = "Example:\n  larder create --name web -e PORT=80 -v \"$PWD\":/srv:ro app:1\n  \
                  larder create --name shell -it app:1 sh -l"
)]
pub struct CreateArgs {
    #[command(flatten)]
    container: ContainerArgs,
}

// What a new container is: of `create` and `run`.
#[derive(Debug, clap::Args)]
pub struct ContainerArgs {
    /// Image, as NAME[:TAG], NAME@DIGEST or an ID, then what to run in place of its command
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, value_name = "IMAGE")]
    words: Vec<String>,
    /// Name of the container; one is made up if there is none
    #[arg(long)]
    name: Option<String>,
    /// Write the container's ID to this file, which must not be there
    #[arg(long, value_name = "FILE")]
    cidfile: Option<PathBuf>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// Where images come from: missing or never; larder never pulls
    #[arg(long, value_name = "WHEN")]
    pull: Option<String>,
    /// Nothing: there is no progress to be quiet about
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    config: config::ConfigArgs,
    #[command(flatten)]
    host: host::HostArgs,
    #[command(flatten)]
    refused: refused::RefusedArgs,
    /// Print help
    #[arg(long, action = clap::ArgAction::HelpLong)]
    help: Option<bool>,
}

pub fn create(cx: &mut Context, args: &CreateArgs) -> Result<(), Failure> {
    let id = args.container.create(cx).map_err(|failure| match failure.is_plain_about_flags() {
        true => in_docker_s_words(failure).followed_by("\nRun 'larder create --help' for more information"),
        false => failure,
    })?;
    cx.print(&format!("{id}\n"))
}

/// What Docker's client finds wrong with flags by itself it tells under its own name.
pub fn in_docker_s_words(failure: Failure) -> Failure {
    match failure.is_plain_about_flags() {
        true => failure.named("larder"),
        false => failure,
    }
}

/// What to do about an image that Docker would go and look for.
const NO_PULL: &str =
    "larder pulls no images: 'larder load' brings them in, 'larder images' lists those that are here";

/// Makes a container of an image in a store, and calls the last as soon as it is there.
pub type Make<'m, T> =
    &'m mut dyn FnMut(&Store, &str, &CreateOptions, &mut dyn FnMut(ContainerId)) -> larder_engine::Result<T>;

impl ContainerArgs {
    /// Makes the container.
    fn create(&self, cx: &mut Context) -> Result<ContainerId, Failure> {
        self.make(cx, &mut |store, image, options, created| {
            let id = store.create_container(image, options)?;
            created(id);
            Ok(id)
        })
    }

    /// Has the container made by `make`, which says so as soon as it is there.
    pub fn make<T>(&self, cx: &mut Context, make: Make<'_, T>) -> Result<T, Failure> {
        let never_pulls = match self.pull.as_deref() {
            None | Some("" | "missing") => false,
            Some("never") => true,
            Some("always") => {
                refuse("--pull=always", true, "larder talks to no registry")?;
                false
            }
            Some(other) => {
                let text = format!(
                    "invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""
                );
                return Err(Failure::plain(text).code(BAD_FLAG));
            }
        };
        // Docker would go and look for it.
        let absent = |failure: Failure, image: &str| match never_pulls {
            true => failure,
            false => failure
                .or_hint(NO_PULL)
                .after(format!("Unable to find image '{}' locally", names::with_latest(image))),
        };
        self.refused.check()?;
        let Some((image, command)) = self.words.split_first() else { return Err(Failure::silent()) };
        let host = self.host.host_config(self.cidfile.as_deref())?;
        let config = self.config.run_config(command)?;
        let name = self.name.clone().filter(|name| !name.is_empty());
        let options = CreateOptions { name, platform: self.platform.clone(), config, host };
        let mut id_file = self.cidfile.as_deref().map(IdFile::create).transpose()?;
        let store = cx.store()?.ok_or_else(|| absent(Failure::error(no_such_image(image)), image))?;
        let mut written = Ok(());
        let made = make(&store, image, &options, &mut |id| {
            if let Some(file) = &mut id_file {
                written = file.finish(&id.to_string());
            }
        });
        let made = made.map_err(|error| match error.kind() {
            ErrorKind::NotFound => absent(about_image(error, &store, image), image),
            _ => error.into(),
        })?;
        written.map(|()| made)
    }

    /// Which streams the one who runs it sits at.
    pub fn attach(&self) -> Attach {
        self.config.attach()
    }

    /// Whether it was said which they are.
    pub fn names_streams(&self) -> bool {
        self.config.names_streams()
    }

    /// Whether its process has a terminal.
    pub fn has_tty(&self) -> bool {
        self.config.has_tty()
    }
}

/// The file that gets the ID. It is made first, so that no container is made in
/// vain, and goes again if none is made.
struct IdFile {
    path: PathBuf,
    file: fs::File,
    is_finished: bool,
}

impl IdFile {
    fn create(path: &std::path::Path) -> Result<Self, Failure> {
        let file = fs::File::create_new(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::plain(format!(
                "container ID file found, make sure the other container isn't running or delete {}",
                path.display()
            )),
            _ => Failure::plain(format!(
                "failed to create the container ID file: open {}: {}",
                path.display(),
                os_text(&error)
            )),
        })?;
        Ok(Self { path: path.to_owned(), file, is_finished: false })
    }

    fn finish(&mut self, id: &str) -> Result<(), Failure> {
        self.is_finished = true;
        self.file.write_all(id.as_bytes()).map_err(|error| {
            Failure::plain(format!("failed to write the container ID to the file: {}", os_text(&error)))
        })
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // Docker removes it too; a file that stays does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}
