//! Signals to containers: asking them to end, ending them, freezing them.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Error, Found};
use crate::Result;
use crate::catalog::Container;
use crate::image::parse_signal;
use crate::runtime::{self, Connection, ContainerState, Said, Wish, read_status};
use crate::store::Store;

/// How long a container may take to end before it is killed, as Docker has it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often and how long it is looked whether somebody has cleared up: it takes no time.
const LOOKS: u32 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// How to stop a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopOptions {
    /// The signal that asks it to; by default that of its image, or SIGTERM.
    pub signal: Option<i32>,
    /// For how many seconds it may take its time; below zero for ever. By default as it
    /// was created with, or 10.
    pub timeout: Option<i64>,
}

impl Store {
    /// Asks a container to end, and kills it if it does not. One that does not run is left
    /// alone; gives whether it ran.
    ///
    /// # Errors
    /// If there is none, or its monitor does not answer.
    pub fn stop(&self, name: &str, options: &StopOptions) -> Result<bool> {
        let found = self.find_settled(name)?;
        if !found.status.state.is_live() {
            return Ok(false);
        }
        let config = &found.spec.config;
        let own = config.stop_signal.as_deref().and_then(parse_signal).map(i32::from);
        let number = options.signal.or(own).unwrap_or(SIGTERM);
        let seconds = options.timeout.or(config.stop_timeout);
        let patience = match seconds {
            None => Some(PATIENCE),
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        };
        let Some(mut connection) = self.end_of(&found)? else { return Ok(false) };
        let is_asked = send(&mut connection, number);
        // One that cannot be asked is not waited for.
        let patience = if is_asked.is_ok() { patience } else { Some(Duration::ZERO) };
        if !ends_within(&mut connection, patience)? {
            send(&mut connection, SIGKILL)?;
            ends_within(&mut connection, None)?;
        }
        Ok(true)
    }

    /// A line on which the end of a container will be told; `None` if it has ended.
    fn end_of(&self, found: &Found) -> Result<Option<Connection>> {
        let Ok(mut connection) = found.connection(self) else { return Ok(None) };
        match connection.wish(Wish::Wait { for_good: true }) {
            Err(runtime::Error::Gone) => Ok(None),
            waits => Ok(Some(waits.map(|()| connection)?)),
        }
    }

    /// Sends a signal to the first process of a container. One that it ends of is not
    /// started again by itself.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self, name: &str, signal: i32) -> Result<()> {
        let found = self.find_settled(name)?;
        let stop_signal = found.spec.config.stop_signal.as_deref().and_then(parse_signal);
        let stop_signal = stop_signal.map_or(SIGTERM, i32::from);
        let is_final = signal == SIGKILL || signal == stop_signal;
        let mut connection = found.connection(self)?;
        match signal {
            // The exit is part of it: what comes next finds it over.
            SIGKILL => {
                connection.wish(Wish::Wait { for_good: true })?;
                connection.wish(Wish::Signal { number: signal, is_final })?;
                ends_within(&mut connection, Some(PATIENCE)).map(drop)
            }
            _ => Ok(connection.wish(Wish::Signal { number: signal, is_final })?),
        }
    }

    /// Freezes a container.
    ///
    /// # Errors
    /// If it does not run, or is frozen already.
    pub fn pause(&self, name: &str) -> Result<()> {
        let found = self.find_settled(name)?;
        match found.status.state {
            ContainerState::Paused => Err(Error::AlreadyPaused { id: found.container.id }.into()),
            _ => {
                found.check_runs()?;
                Ok(found.connection(self)?.wish(Wish::Pause)?)
            }
        }
    }

    /// Lets a container go on.
    ///
    /// # Errors
    /// If it is not frozen.
    pub fn unpause(&self, name: &str) -> Result<()> {
        let found = self.find_settled(name)?;
        match found.status.state {
            ContainerState::Paused => Ok(found.connection(self)?.wish(Wish::Resume)?),
            _ => Err(Error::NotPaused { id: found.container.id }.into()),
        }
    }

    /// Waits until a container does not run, and gives the exit code of its last run.
    ///
    /// # Errors
    /// If there is none.
    pub fn wait(&self, name: &str) -> Result<i32> {
        let found = self.find_settled(name)?;
        let asked = found.connection(self).ok().map(|mut connection| {
            connection.wish(Wish::Wait { for_good: false })?;
            Ok::<_, runtime::Error>(connection)
        });
        let had_monitor = asked.is_some();
        if let Some(Ok(mut connection)) = asked {
            let mut code = None;
            while code.is_none() {
                let mut is_over = false;
                connection.listen::<crate::Error>(&mut |said| {
                    match said {
                        Said::Exited(ended) => code = Some(ended),
                        Said::Over => is_over = true,
                        _ => {}
                    }
                    Ok(())
                })?;
                if is_over {
                    break;
                }
            }
            if let Some(code) = code {
                return Ok(code);
            }
        }
        // It had ended, or its monitor was killed. Asked before it is cleared up, which takes
        // away one that is removed when it ends.
        for _ in 0..LOOKS {
            let status = read_status(&**self.disk(), &Self::container_dir(&found.container.id))?;
            let settled = self.find_settled(&found.container.id.to_string());
            match status.state {
                // Somebody else clears up, and holds what the monitor held.
                state if had_monitor && state.is_live() => std::thread::sleep(LOOK_EVERY),
                // Somebody else has, and has taken it away.
                ContainerState::Created if had_monitor => break,
                _ => return settled.map(|_| status.exit_code),
            }
        }
        Ok(128 + SIGKILL)
    }
}

impl Store {
    /// Sees to it that a container has ended, in order to remove it: clears up behind it,
    /// or kills it if that is wanted.
    pub(in crate::ops) fn end(&self, container: &Container, kills: bool) -> Result<()> {
        let found = self.settled(container.clone())?;
        let id = found.container.id;
        match found.status.state {
            state if !state.is_live() => Ok(()),
            _ if kills => match self.end_of(&found)? {
                Some(mut connection) => {
                    send(&mut connection, SIGKILL)?;
                    ends_within(&mut connection, None).map(drop)
                }
                None => Ok(()),
            },
            ContainerState::Paused => Err(Error::RemovePaused { id }.into()),
            _ => Err(Error::RemoveRunning { id }.into()),
        }
    }
}

fn send(connection: &mut Connection, number: i32) -> Result<()> {
    match connection.wish(Wish::Signal { number, is_final: true }) {
        Err(runtime::Error::Gone) => Ok(()),
        sent => Ok(sent?),
    }
}

/// Waits for the end of a container, and of its monitor; gives whether it came in time.
fn ends_within(connection: &mut Connection, patience: Option<Duration>) -> Result<bool> {
    let end = patience.map(|patience| Instant::now() + patience);
    loop {
        let mut has_ended = false;
        if connection.has_heard() || is_ready(connection, end)? {
            connection.listen::<crate::Error>(&mut |said| {
                has_ended |= matches!(said, Said::Exited(_) | Said::Over);
                Ok(())
            })?;
        } else {
            return Ok(false);
        }
        if has_ended {
            return Ok(true);
        }
    }
}

/// Waits until there is something to hear, or it is `end`.
fn is_ready(connection: &Connection, end: Option<Instant>) -> Result<bool> {
    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
    let left =
        left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
    let mut polled = [PollFd::from_borrowed_fd(connection.as_fd(), PollFlags::IN)];
    match poll(&mut polled, left.as_ref()) {
        Err(rustix::io::Errno::INTR) => Ok(true),
        polled => Ok(polled.map_err(|error| runtime::Error::System {
            verb: "wait for the container",
            source: error.into(),
        })? > 0),
    }
}
