//! What every command is given: the store, the streams, the signals.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use larder_engine::{Error, ErrorKind, Store, Task};

use crate::failure::Failure;
use crate::names;
use crate::output::text;
use crate::progress::{Figures, Mode};
use crate::settings::Settings;
use crate::signals::Signals;

/// Where the store of the root user lies.
const ROOT_STORE: &str = "/var/lib/larder";

/// What a command works with.
pub struct Context {
    store: Option<PathBuf>,
    /// Whether the caller is root, before the process becomes root of a user namespace.
    is_root: bool,
    progress: Mode,
    max_paths: Option<usize>,
    settings: Settings,
    signals: Signals,
    /// Whether the store that was named was not created yet.
    is_store_missing: bool,
    out: BufWriter<Stdout>,
}

impl Context {
    /// A context for the store at `store`, or at the usual place, which tells what it does
    /// by `progress`.
    pub fn new(store: Option<OsString>, progress: Mode, settings: Settings, signals: Signals) -> Self {
        let store = store.filter(|path| !path.is_empty()).map(PathBuf::from);
        let is_root = rustix::process::geteuid().is_root();
        let out = BufWriter::new(io::stdout());
        let is_store_missing = false;
        Self { store, is_root, progress, max_paths: None, settings, signals, is_store_missing, out }
    }

    /// Looks into images and containers of so many files at most.
    pub fn set_max_paths(&mut self, max_paths: usize) {
        self.max_paths = Some(max_paths);
    }

    /// The store as this command works with it.
    fn set_up(&self, store: Store) -> Store {
        let store = store.with_listener(self.progress.notices());
        match self.max_paths {
            Some(max_paths) => store.with_max_paths(max_paths),
            None => store,
        }
    }

    /// Where the store is, or would be.
    ///
    /// # Errors
    /// If nothing says so.
    pub fn store_path(&self) -> Result<PathBuf, Failure> {
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let usual = || {
            if self.is_root {
                return Some(ROOT_STORE.into());
            }
            let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
            Some(data?.join("larder"))
        };
        self.store.clone().or_else(usual).ok_or_else(|| {
            Failure::error("there is no home directory to keep the store in")
                .hint("choose a place with --store DIR or LARDER_STORE")
        })
    }

    /// Returns `true` if the store belongs to the caller, or will when it is created.
    pub fn owns_store(&self) -> bool {
        let metadata = self.store_path().ok().and_then(|path| path.metadata().ok());
        metadata.is_none_or(|metadata| metadata.uid() == rustix::process::geteuid().as_raw())
    }

    /// What is set, and where.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store to look at; `None` if it was not created yet. Looking does not create it.
    ///
    /// A store that was named and could not be created where it was named is an error: the
    /// name is mistyped, or its file system is not mounted. One that could be is said to be
    /// missing, and is like an empty one; so is the default one before the first `load`.
    ///
    /// # Errors
    /// If there is no store, or one that cannot be opened.
    pub fn store(&mut self) -> Result<Option<Store>, Failure> {
        let path = self.store_path()?;
        let store = self.store_if_present()?;
        if store.is_none() {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let has_place = parent.unwrap_or(Path::new(".")).is_dir();
            if self.is_in_the_making(&path) {
                return Ok(None);
            }
            if path.symlink_metadata().is_ok() || (self.store.is_some() && !has_place) {
                return Err(no_store(&path));
            }
            self.is_store_missing = self.store.is_some();
        }
        Ok(store)
    }

    /// Returns `true` if somebody creates a store at `path` just now: its lock is its first
    /// file, and a moment may pass before it is there.
    fn is_in_the_making(&self, path: &Path) -> bool {
        const CHECKS: u32 = 20;
        let is_empty = || path.read_dir().is_ok_and(|mut entries| entries.next().is_none());
        for _ in 0..CHECKS {
            if path.join("lock").exists() {
                // One that has more, and no format, is damaged.
                let has_packs = path.join("packs").read_dir().is_ok_and(|mut packs| packs.next().is_some());
                return !has_packs && !path.join("catalog").exists();
            }
            if !is_empty() {
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        false
    }

    /// Waits as long as somebody creates the store.
    fn wait_for_its_making(&self) -> Result<(), Failure> {
        const CHECKS: u32 = 100;
        let path = self.store_path()?;
        for _ in 0..CHECKS {
            if path.join("format").exists() || !self.is_in_the_making(&path) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(())
    }

    /// The store to work on.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub fn existing_store(&self) -> Result<Store, Failure> {
        self.wait_for_its_making()?;
        self.store_if_present()?
            .ok_or_else(|| self.store_path().map_or_else(|error| error, |path| no_store(&path)))
    }

    /// The store, if there is one.
    ///
    /// # Errors
    /// If there is one that cannot be opened.
    pub fn store_if_present(&self) -> Result<Option<Store>, Failure> {
        match Store::open(self.store_path()?) {
            Ok(store) => Ok(Some(self.set_up(store))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The store, created if need be.
    ///
    /// # Errors
    /// If it cannot be opened or created.
    pub fn store_to_fill(&self) -> Result<Store, Failure> {
        Ok(self.set_up(Store::open_or_create(self.store_path()?)?))
    }

    /// Long work that shows what it does, unless `quiet`, tells what a person must
    /// know, and stops at a signal.
    ///
    /// # Errors
    /// If signals cannot be caught.
    pub fn task(&self, quiet: bool) -> Result<Task, Failure> {
        let listener = if quiet { self.progress.notices() } else { self.progress.listener() };
        let task = Task::with_progress(listener);
        self.signals
            .stop_on_first(&task.stop_flag())
            .map_err(|error| Failure::error(format!("cannot catch signals: {error}")))?;
        Ok(task)
    }

    /// Somebody sits at a container from here on: signals are handed on to it, or end this.
    pub fn leave_signals(&self, hands_on: bool) {
        match hands_on {
            true => self.signals.hand_over(),
            false => self.signals.end_at_once(),
        }
    }

    /// Prints data on standard output. On a terminal, control characters that
    /// came from an image are made visible.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn print(&mut self, data: &str) -> Result<(), Failure> {
        let shown = if io::stdout().is_terminal() { text::harmless(data) } else { data.into() };
        self.out.write_all(shown.as_bytes()).map_err(|error| Failure::of_output(&error))
    }

    /// Prints bytes on standard output as they are; on a terminal as [`Context::print`] does.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn print_bytes(&mut self, data: &[u8]) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            return self.print(&String::from_utf8_lossy(data));
        }
        self.out.write_all(data).map_err(|error| Failure::of_output(&error))
    }

    /// Prints what moves the cursor of a terminal.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn print_raw(&mut self, data: &str) -> Result<(), Failure> {
        self.out.write_all(data.as_bytes()).map_err(|error| Failure::of_output(&error))
    }

    /// Writes out what was printed so far.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::of_output(&error))
    }

    /// Says on standard error what was done, if someone sits there or asked for it: `text`
    /// for people, `figures` for programs.
    pub fn sum_up(&self, text: impl AsRef<str>, figures: Figures<'_>) {
        self.progress.sum_up(text.as_ref(), figures);
    }

    /// Says on standard error what may be of use next, only to a person at a terminal.
    pub fn advise(&mut self, text: &str) {
        let _ = self.out.flush();
        self.progress.advise(text);
    }

    /// Shows `warning` and asks whether to continue; only `y` is a yes.
    ///
    /// # Errors
    /// If the question cannot be written.
    pub fn confirm(&mut self, warning: &str) -> Result<bool, Failure> {
        self.print(&format!("{warning}Are you sure you want to continue? [y/N] "))?;
        self.flush()?;
        let mut answer = String::new();
        // What cannot be read is no yes.
        let _ = io::stdin().lock().read_line(&mut answer);
        Ok(answer.trim().eq_ignore_ascii_case("y"))
    }

    /// Says that the store which was named was not created yet, if a command took it for an
    /// empty one. Where a variable names it, only a person is told: a script that sets it
    /// everywhere would hear of it with every command.
    pub fn note_missing_store(&mut self) {
        let is_by_variable = env::var_os("LARDER_STORE").map(PathBuf::from) == self.store;
        let is_heard = !is_by_variable || io::stderr().is_terminal();
        if let Some(path) = self.store.clone().filter(|_| self.is_store_missing && is_heard) {
            self.warn(&format!("note: there is no store at {} yet", path.display()));
        }
    }

    /// Says on standard error what a script should see too.
    pub fn warn(&mut self, text: &str) {
        let _ = self.out.flush();
        self.progress.warn(text);
    }

    /// Tells of a failure that does not end the command.
    pub fn tell(&mut self, failure: &Failure) {
        let _ = self.out.flush();
        failure.mention(self.progress);
    }
}

/// There is no store at `path`.
fn no_store(path: &Path) -> Failure {
    Failure::error(format!("there is no store at {}", path.display()))
        .hint("'larder load' and 'larder import' create one; --store and LARDER_STORE say where it is")
}

/// The failure of a command on the image `name`.
pub fn about_image(error: Error, store: &Store, name: &str) -> Failure {
    // And not a path or a layer of it.
    let is_absent = error.kind() == ErrorKind::NotFound
        && ["No such ", "reference does not exist"].iter().any(|said| error.to_string().starts_with(said));
    let failure = Failure::from(error);
    if let Some((image, path)) = name.split_once(":/") {
        return failure.hint(format!("a path is an argument of its own: {image} /{path}"));
    }
    match is_absent.then(|| names::meant(store, name)).flatten() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The failure of a command on the container `name`.
pub fn about_container(error: Error, store: &Store, name: &str) -> Failure {
    // And not a path in it.
    let is_absent = error.kind() == ErrorKind::NotFound && error.to_string().starts_with("No such container");
    let failure = Failure::from(error);
    match is_absent.then(|| names::meant_container(store, name)).flatten() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The same, where `names` were asked for and `error` is about one of them.
pub fn about_one_of<'n>(error: Error, store: &Store, names: impl IntoIterator<Item = &'n String>) -> Failure {
    let text = error.to_string();
    let is_meant = |name: &&String| text.strip_suffix(name.as_str()).is_some_and(|said| said.ends_with(": "));
    let meant = names.into_iter().find(is_meant).map_or("", String::as_str);
    about_image(error, store, meant)
}

/// `No such container: web`, for a store that is not there.
pub fn no_such_container(name: &str) -> String {
    format!("No such container: {name}")
}

/// `No such container or image: web`, for a store that is not there.
pub fn no_such_container_or_image(name: &str) -> String {
    format!("No such container or image: {name}")
}

/// `No such image: app:latest`, for a store that is not there; one that is says
/// so itself.
pub fn no_such_image(name: &str) -> String {
    format!("No such image: {}", names::with_latest(name))
}

/// A flag that Docker has and larder refuses, and why.
pub fn refuse(flag: &str, given: bool, why: &str) -> Result<(), Failure> {
    if given {
        return Err(Failure::error(format!("{flag} is not supported: {why}")).code(crate::failure::BAD_FLAG));
    }
    Ok(())
}
