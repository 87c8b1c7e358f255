//! Clients, while there is no container to wait for with them.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Monitor;
use super::clients::{Client, Heard};
use crate::runtime::error::{Result, Tried};
use crate::runtime::frame::{Frame, Wish};

impl Monitor {
    /// Lets clients in.
    pub(super) fn accept(&mut self) {
        self.clients.extend(self.door.accept().into_iter().flat_map(Client::new));
    }

    /// Serves clients while there is no container, for that long or until it is stopped.
    pub(super) fn serve_for(&mut self, pause: Duration) -> Result<()> {
        let end = Instant::now() + pause;
        while !self.is_stopped {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let mut polled = vec![PollFd::new(&self.door, self.door.poll_flags())];
            for client in &self.clients {
                polled.push(PollFd::new(&client.stream, client.poll_flags(true)));
            }
            let limit = self.door.rest().map_or(left, |rest| rest.min(left));
            wait(&mut polled, Some(limit))?;
            self.accept();
            for client in &mut self.clients {
                client.send();
                for heard in client.listen() {
                    let Heard::Wish(wish) = heard else { continue };
                    match wish {
                        Wish::Attach { stdin, stdout, stderr } => client.attach(stdin, stdout, stderr),
                        Wish::Wait { for_good } => client.waits = Some(for_good),
                        Wish::Signal { is_final, .. } => self.is_stopped |= is_final,
                        Wish::Keep => self.is_kept = true,
                        // There is nothing that could move.
                        Wish::Resize { .. } | Wish::Hold | Wish::Release => {}
                        Wish::Pause | Wish::Resume => {
                            client.tell(&Frame::Refused("the container is restarting"));
                            continue;
                        }
                    }
                    client.tell(&Frame::Done);
                }
            }
            self.clients.retain(|client| !client.is_gone);
        }
        Ok(())
    }
}

/// Stays until every client has read what it was told, or has gone.
pub(super) fn linger(mut clients: Vec<Client>) {
    loop {
        clients.iter_mut().for_each(Client::send);
        clients.retain(|client| !client.is_gone && client.has_unsent());
        let mut polled: Vec<_> =
            clients.iter().map(|client| PollFd::new(&client.stream, PollFlags::OUT)).collect();
        if polled.is_empty() || wait(&mut polled, None).is_err() {
            return;
        }
    }
}

/// Waits until something of `polled` happens, no longer than `limit`.
pub(super) fn wait(polled: &mut [PollFd<'_>], limit: Option<Duration>) -> Result<()> {
    let limit =
        limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() });
    match poll(polled, limit.as_ref()) {
        Err(rustix::io::Errno::INTR) => Ok(()),
        other => other.map(drop).tried("wait for the container"),
    }
}
