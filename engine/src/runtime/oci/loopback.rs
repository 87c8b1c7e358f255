//! The one network that a container without a network has: itself.

use std::os::fd::AsFd;

use libcontainer::network::link::LinkClient;
use libcontainer::network::wrapper::create_network_client;
use nix::sched::CloneFlags;
use rustix::process::Pid;

use super::super::error::{Error, Result, Tried};
use crate::disk::host;
use crate::task::threads;

/// Brings up `lo` in the network namespace of `pid`, if it has one of its own.
///
/// # Errors
/// If the system does not let it.
pub fn bring_up(pid: Pid) -> Result<()> {
    let of = |process: &str| host::open(format!("/proc/{process}/ns/net"));
    let theirs = of(&pid.as_raw_nonzero().to_string())?;
    if host::is_same(&theirs, &of("self")?)? {
        return Ok(());
    }
    // A thread can be in another network namespace than its process; this one ends there.
    let inside = threads::start(move || {
        nix::sched::setns(theirs.as_fd(), CloneFlags::CLONE_NEWNET).tried("enter the network namespace")?;
        let up = || {
            let mut links = LinkClient::new(create_network_client())?;
            let index = links.get_by_name("lo")?.header.index;
            links.set_up(index)
        };
        up().map_err(|error| std::io::Error::other(error.to_string()))
            .tried("bring up the loopback interface")
    });
    inside.tried("start a thread")?.join().unwrap_or(Err(Error::Nonsense))
}
