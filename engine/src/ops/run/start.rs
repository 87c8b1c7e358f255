//! Starting a container.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use super::{Error, Found};
use crate::Result;
use crate::catalog::{Container, ContainerId};
use crate::container::Upper;
use crate::disk::{Disk, Folder};
use crate::ops::CreateOptions;
use crate::ops::stack::Stack;
use crate::runtime::{Connection, ContainerState, News, Program, Request, Wish, descriptors, read_status};
use crate::store::{Access, Store};
use crate::task::Task;

/// How to start a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOptions {
    /// What becomes its monitor.
    pub monitor: Program,
    /// What of it the one who starts it listens to; its process waits for that.
    pub attach: Option<Attach>,
    /// The lines of its terminal, and the characters in each, from its first moment on.
    pub size: Option<(u16, u16)>,
}

/// Which of a container's streams somebody is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attach {
    /// To write its standard input.
    pub stdin: bool,
    /// To hear its standard output.
    pub stdout: bool,
    /// To hear its standard error.
    pub stderr: bool,
}

impl Attach {
    pub(super) fn wish(self) -> Wish {
        let Self { stdin, stdout, stderr } = self;
        Wish::Attach { stdin, stdout, stderr }
    }
}

/// A container that was started.
#[derive(Debug)]
pub struct Started {
    /// Its ID.
    pub id: ContainerId,
    /// A line to its monitor, if somebody is to listen to it.
    pub connection: Option<Connection>,
    /// What its monitor closes when it has done what it has to do; none if it ran already.
    news: Option<BufReader<ChildStdout>>,
    disk: Arc<dyn Disk>,
}

impl Started {
    /// Waits until the monitor has done all that it has to do after a run, which may be the
    /// removal of the container. Another run is not waited for, nor those who sit at it too
    /// and do not read.
    pub fn finish(mut self) {
        drop(self.connection.take());
        let goes_on =
            || read_status(&*self.disk, &Store::container_dir(&self.id)).map(|now| now.state.is_live());
        if let Some(mut news) = self.news.take().filter(|_| !goes_on().unwrap_or_default()) {
            let _ = std::io::copy(&mut news, &mut std::io::sink());
        }
    }
}

impl Store {
    /// Starts the container `name`. One that runs is left as it is; with
    /// [`StartOptions::attach`] it is listened to.
    ///
    /// # Errors
    /// [`ErrorKind::CommandNotFound`](crate::ErrorKind::CommandNotFound) and
    /// [`ErrorKind::CommandNotExecutable`](crate::ErrorKind::CommandNotExecutable) if its
    /// command is none, [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if the runtime
    /// refuses for another reason; and if its image cannot be unpacked.
    pub fn start(&self, name: &str, options: &StartOptions, task: &Task) -> Result<Started> {
        self.check_writable()?;
        descriptors::check().map_err(Error::from)?;
        // Nobody takes away layers before the monitor is there.
        let access = self.share(task)?;
        let stack = self.container(&access, name, task)?;
        let absent = || crate::ops::Error::NoSuchContainer { name: name.into() };
        let container = stack.container.clone().ok_or_else(absent)?;
        self.start_stack(&access, &stack, container, options, task)
    }

    /// Creates a container of `image` and starts it: what [`Store::create_container`] and
    /// [`Store::start`] do, with one look at the catalog. `created` hears of it in between.
    ///
    /// # Errors
    /// As there. A container that was created and could not be started stays, unless
    /// [`HostConfig::auto_remove`](crate::HostConfig::auto_remove) is set.
    pub fn run(
        &self,
        image: &str,
        create: &CreateOptions,
        start: &StartOptions,
        task: &Task,
        created: &mut dyn FnMut(ContainerId),
    ) -> Result<Started> {
        self.check_writable()?;
        // Before there is a container.
        descriptors::check().map_err(Error::from)?;
        let access = self.share(task)?;
        let (container, stack) = self.healing(task, || {
            let mut ledger = self.ledger(task)?;
            let container = self.create_with(&access, &mut ledger, image, create, task)?;
            let stack = self.stack_of(&access, &ledger, &container.variant, task)?;
            Ok((container, stack))
        })?;
        created(container.id);
        let id = container.id;
        let started = self.start_stack(&access, &stack, container, start, task);
        if started.is_err() && create.host.auto_remove {
            // Its monitor has removed it, if it came so far.
            let _ = self.remove_unstarted(id, task);
        }
        started
    }

    /// Removes a container that is removed when it ends, and could not be started.
    fn remove_unstarted(&self, id: ContainerId, task: &Task) -> Result<()> {
        let _alone = self.lock_container(&id, task)?;
        if !read_status(&**self.disk(), &Self::container_dir(&id))?.state.is_live() {
            self.healing(task, || self.remove_one(id, "rm", task))?;
        }
        Ok(())
    }

    fn start_stack(
        &self,
        access: &Access,
        stack: &Stack,
        container: Container,
        options: &StartOptions,
        task: &Task,
    ) -> Result<Started> {
        let id = container.id;
        let _alone = self.lock_container(&id, task)?;
        // It may have been started while this one waited, or removed; or clearing up behind
        // a monitor that was killed has removed it.
        let found = self.settled(container)?;
        let is_there = self.healing(task, || Ok(self.ledger(task)?.catalog().container(&id)?.is_some()))?;
        if !is_there {
            self.disk().remove_tree(&Self::container_dir(&id))?;
            return Err(crate::ops::Error::NoSuchContainer { name: found.container.name }.into());
        }
        match found.status.state {
            ContainerState::Paused => return Err(Error::StartPaused.into()),
            state if state.is_live() => return self.listen_to(&found, options),
            _ => {}
        }
        let unpacked = self.unpack(access, &stack.layers(), task)?;
        let dir = Self::container_dir(&id);
        if let Some(top) = unpacked.dirs.first() {
            Upper::create_like(self.disk(), &dir, &Folder::open(top)?)?;
        }
        let request = Request {
            id: id.to_string(),
            spec: found.spec.clone(),
            // A container's directory is two deep in the store.
            layers: unpacked.names.iter().map(|name| format!("../../{name}")).collect(),
            waits_for_client: options.attach.is_some(),
        };
        self.start_monitor(id, &request, options)
    }

    /// What happens to one that runs.
    fn listen_to(&self, found: &Found, options: &StartOptions) -> Result<Started> {
        let connection = match options.attach {
            Some(attach) => Some(listening(found.connection(self)?, attach)?),
            None => None,
        };
        Ok(Started { id: found.container.id, connection, news: None, disk: self.disk().clone() })
    }

    fn start_monitor(&self, id: ContainerId, request: &Request, options: &StartOptions) -> Result<Started> {
        let program = &options.monitor;
        let mut command = Command::new(&program.path);
        command.args(&program.args).arg(id.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Nothing of what the user keeps in variables comes near the container. Runtimes that
        // are programs are looked for on the path.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let failed = |source| Error::NoMonitor { program: program.path.display().to_string(), source };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::MonitorEnded { status: "it has no streams".into() }.into());
        };
        // As long as this is held the monitor knows that somebody waits for it.
        let waiting = say(stdin, request);
        let mut connection = None;
        let mut news = BufReader::new(stdout);
        loop {
            let mut line = String::new();
            let read = news.read_line(&mut line).map_err(drop);
            let Ok(said) = read.and_then(|_| serde_json::from_str(&line).map_err(drop)) else { break };
            match said {
                News::Listening => {
                    let line =
                        Connection::open(&self.container_path(&id)?)?.ok_or(Error::NotRunning { id })?;
                    let line = sized(line, options.size)?;
                    connection = options.attach.map(|attach| listening(line, attach)).transpose()?;
                }
                News::Started => {
                    drop(waiting);
                    let disk = self.disk().clone();
                    return Ok(Started { id, connection, news: Some(news), disk });
                }
                News::Failed { refusal, text } => {
                    drop((waiting, connection));
                    let _ = child.wait();
                    return Err(Error::Refused { refusal, text }.into());
                }
            }
        }
        drop((waiting, connection));
        let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(Error::MonitorEnded { status }.into())
    }

    /// Listens to a container that runs.
    ///
    /// # Errors
    /// If it does not run, or is paused.
    pub fn attach(&self, name: &str, attach: Attach) -> Result<Started> {
        let found = self.find_settled(name)?;
        match found.status.state {
            ContainerState::Paused => return Err(Error::AttachPaused.into()),
            ContainerState::Restarting => return Err(Error::Restarting { id: found.container.id }.into()),
            state if !state.is_live() => return Err(Error::AttachStopped.into()),
            _ => {}
        }
        let connection = Some(listening(found.connection(self)?, attach)?);
        Ok(Started { id: found.container.id, connection, news: None, disk: self.disk().clone() })
    }
}

/// The process begins as soon as somebody listens: its terminal has its size before.
fn sized(mut connection: Connection, size: Option<(u16, u16)>) -> Result<Connection> {
    if let Some((rows, columns)) = size {
        connection.wish(Wish::Resize { rows, columns })?;
    }
    Ok(connection)
}

/// The end is waited for before something can be missed of what comes before it. It is that
/// of this run: another one may follow.
fn listening(mut connection: Connection, attach: Attach) -> Result<Connection> {
    connection.wish(Wish::Wait { for_good: false })?;
    connection.wish(attach.wish())?;
    Ok(connection)
}

/// Tells the monitor what to start. One that does not listen says itself why.
fn say(mut stdin: ChildStdin, request: &Request) -> ChildStdin {
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
    stdin
}
