//! What clients want of a container that runs.

use rustix::process::{Signal, pidfd_send_signal};

use super::Monitor;
use super::clients::{Client, Heard};
use super::run::Run;
use crate::runtime::error::{Error, Result, Tried};
use crate::runtime::frame::{Frame, Wish};
use crate::runtime::status::ContainerState;

impl Run {
    /// Does what clients want.
    pub(super) fn serve(&mut self, monitor: &mut Monitor, changed: &[usize]) {
        let mut clients = std::mem::take(&mut monitor.clients);
        for at in changed {
            let Some(client) = clients.get_mut(*at) else { continue };
            client.send();
            for heard in client.listen() {
                match heard {
                    Heard::Stdin(bytes) if client.writes => self.streams.add_input(&bytes),
                    Heard::StdinEnd if client.writes => self.streams.end_input(),
                    Heard::Stdin(_) | Heard::StdinEnd => {}
                    Heard::Wish(wish) => match self.fulfil(monitor, client, &wish) {
                        Ok(()) => client.tell(&Frame::Done),
                        Err(error) => client.tell(&Frame::Refused(&error.to_string())),
                    },
                }
            }
        }
        let ends_with_writer = monitor.request.spec.config.stdin_once == Some(true);
        if ends_with_writer && clients.iter().any(|client| client.is_gone && client.writes) {
            self.streams.end_input();
        }
        clients.retain(|client| !client.is_gone);
        clients.append(&mut monitor.clients);
        monitor.clients = clients;
    }

    fn fulfil(&mut self, monitor: &mut Monitor, client: &mut Client, wish: &Wish) -> Result<()> {
        match *wish {
            Wish::Attach { stdin, stdout, stderr } => client.attach(stdin, stdout, stderr),
            Wish::Wait { for_good } => client.waits = Some(for_good),
            Wish::Resize { rows, columns } => self.streams.resize(rows, columns)?,
            Wish::Signal { number, is_final } => {
                monitor.is_stopped |= is_final;
                let signal = Signal::from_named_raw(number);
                // The numbers without a name are those of real time.
                match signal {
                    Some(signal) => {
                        pidfd_send_signal(&self.process, signal).tried("send a signal to the container")?;
                        if signal == Signal::KILL && monitor.status.state == ContainerState::Paused {
                            self.runtime.resume()?;
                        }
                    }
                    None => {
                        return Err(Error::Option {
                            option: "a signal",
                            value: number.to_string(),
                            why: "it has no name",
                        });
                    }
                }
            }
            Wish::Pause => {
                self.runtime.pause()?;
                monitor.status.state = ContainerState::Paused;
                monitor.write_status()?;
            }
            Wish::Resume => {
                self.runtime.resume()?;
                monitor.status.state = ContainerState::Running;
                monitor.write_status()?;
            }
        }
        Ok(())
    }
}
