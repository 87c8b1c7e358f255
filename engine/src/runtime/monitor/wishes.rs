//! What clients want of a container that runs.

use std::process::{Command, Stdio};

use rustix::process::{Signal, pidfd_send_signal};

use super::Monitor;
use super::clients::{Client, Heard};
use super::run::Run;
use crate::runtime::cgroup;
use crate::runtime::error::{Error, Result, Tried};
use crate::runtime::frame::{Frame, Wish};
use crate::runtime::status::ContainerState;

impl Run {
    /// Does what clients want.
    pub(super) fn serve(&mut self, monitor: &mut Monitor, changed: &[usize]) {
        // Otherwise its standard input goes on with whoever comes next.
        let ends_with_writer = monitor.request.spec.config.stdin_once == Some(true);
        let mut clients = std::mem::take(&mut monitor.clients);
        for at in changed {
            let Some(client) = clients.get_mut(*at) else { continue };
            client.send();
            for heard in client.listen() {
                match heard {
                    Heard::Stdin(bytes) if client.writes => self.streams.add_input(&bytes),
                    Heard::StdinEnd if client.writes && ends_with_writer => self.streams.end_input(),
                    Heard::Stdin(_) | Heard::StdinEnd => {}
                    Heard::Wish(wish) => match self.fulfil(monitor, client, &wish) {
                        Ok(()) => client.tell(&Frame::Done),
                        Err(error) => client.tell(&Frame::Refused(&error.to_string())),
                    },
                }
            }
        }
        if ends_with_writer && clients.iter().any(|client| client.is_gone && client.writes) {
            self.streams.end_input();
        }
        clients.retain(|client| !client.is_gone);
        if monitor.is_held && !clients.iter().any(|client| client.holds) {
            // One that does not go on is at least told to be frozen.
            let _ = self.resume(monitor);
        }
        clients.append(&mut monitor.clients);
        monitor.clients = clients;
    }

    fn fulfil(&mut self, monitor: &mut Monitor, client: &mut Client, wish: &Wish) -> Result<()> {
        match *wish {
            Wish::Attach { stdin, stdout, stderr } => client.attach(stdin, stdout, stderr),
            Wish::Wait { for_good } => client.waits = Some(for_good),
            Wish::Resize { rows, columns } => self.streams.resize(rows, columns)?,
            Wish::Signal { number, is_final } => {
                self.send_signal(number)?;
                monitor.is_stopped |= is_final;
                if is_final && monitor.status.state == ContainerState::Paused {
                    // What is frozen does not hear it.
                    self.resume(monitor)?;
                }
            }
            Wish::Keep => monitor.is_kept = true,
            Wish::Hold => {
                if monitor.status.state == ContainerState::Running {
                    self.pause(monitor)?;
                    monitor.is_held = true;
                }
                client.holds = true;
            }
            // Who serves it sees whether it was the last.
            Wish::Release => client.holds = false,
            Wish::Pause => self.pause(monitor)?,
            Wish::Resume => self.resume(monitor)?,
        }
        Ok(())
    }

    fn pause(&mut self, monitor: &mut Monitor) -> Result<()> {
        let pid = self.pid.as_raw_nonzero().get();
        cgroup::locate(&monitor.request.id, pid).ok_or(Error::NoCgroup)?;
        self.runtime.pause()?;
        monitor.status.state = ContainerState::Paused;
        monitor.write_status()
    }

    fn resume(&mut self, monitor: &mut Monitor) -> Result<()> {
        monitor.is_held = false;
        self.runtime.resume()?;
        monitor.status.state = ContainerState::Running;
        monitor.write_status()
    }

    fn send_signal(&self, number: i32) -> Result<()> {
        let verb = "send a signal to the container";
        if let Some(signal) = Signal::from_named_raw(number) {
            return pidfd_send_signal(&self.process, signal).tried(verb);
        }
        // Those of real time have no names, and every shell can send them. Nobody has waited
        // for the process, so its number is its own.
        let (number_text, pid) = (number.to_string(), self.pid.as_raw_nonzero().to_string());
        let shell = ["-c", "kill -\"$0\" \"$1\"", &number_text, &pid];
        let status = Command::new("/bin/sh").args(shell).stderr(Stdio::null()).status().tried(verb)?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::Option { option: "a signal", value: number_text, why: "there is none" }),
        }
    }
}
