//! User namespaces: how a caller who is not root gets users of their own.
//!
//! With subordinate IDs (`/etc/subuid`, `/etc/subgid`; see `subuid(5)`) and the programs
//! `newuidmap` and `newgidmap`, the namespace has as many users as the caller was given: root
//! is the caller, user 1 is the first subordinate ID, and so on. Without them it has one
//! user, root, and groups cannot be set.
//!
//! Files that such a container writes belong to subordinate IDs, which the caller may neither
//! read nor remove. So commands that work on a container's files call [`join`] first; inside,
//! they are root over all of those IDs.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sched::{CloneFlags, unshare};

use super::error::{Error, Result, Tried};
use crate::disk::host;

/// What is missing where a user namespace cannot be created.
const NOT_ALLOWED: &str = "create a user namespace, which a caller who is not root needs: see \
                           /proc/sys/user/max_user_namespaces and kernel.unprivileged_userns_clone";

/// Where administrators keep programs that are set-user-ID root.
const ID_MAPPERS: [&str; 2] = ["/usr/bin/newuidmap", "/usr/bin/newgidmap"];

/// Runs both programs once a line was read: they must run outside the new namespace, and only
/// after it exists. `$1` is the process, the rest are the mappings.
const MAP_AFTER_A_LINE: &str = "read -r _ && newuidmap \"$1\" 0 \"$2\" 1 1 \"$3\" \"$4\" && \
                                newgidmap \"$1\" 0 \"$5\" 1 1 \"$6\" \"$7\"";

/// The tables of users and of subordinate IDs have a line per user.
const MAX_TABLE_BYTES: u64 = 4 << 20;

/// Puts this process into a user namespace with the caller's subordinate IDs, as its root.
/// Does nothing for root, for a caller without subordinate IDs, or without the programs that
/// map them. The process must have a single thread.
///
/// # Errors
/// If a namespace cannot be created, or the system refuses the mapping.
pub fn join() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match SubordinateIds::of_caller() {
        Some(ids) => ids.enter_new_namespace(),
        None => Ok(()),
    }
}

/// Puts this process into a user namespace whose only user is the caller, as root.
///
/// # Errors
/// If the system does not allow it.
pub fn enter_with_one_user() -> Result<()> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER).tried(NOT_ALLOWED)?;
    host::write_text("/proc/self/setgroups", "deny")?;
    host::write_text("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    Ok(host::write_text("/proc/self/gid_map", &format!("0 {gid} 1"))?)
}

/// Returns `true` if the user `uid` exists in this process's user namespace.
pub fn has_user(uid: u32) -> bool {
    has_id("/proc/self/uid_map", uid)
}

/// Returns `true` if the group `gid` exists in this process's user namespace.
pub fn has_group(gid: u32) -> bool {
    has_id("/proc/self/gid_map", gid)
}

/// Returns `true` if processes can be given groups here: with one user only, they cannot.
pub fn allows_groups() -> bool {
    host::read_text(Path::new("/proc/self/setgroups"), 16).is_ok_and(|text| text.trim_end() != "deny")
}

fn has_id(map: &str, id: u32) -> bool {
    // A kernel without user namespaces has no such file, and all IDs.
    host::read_text(Path::new(map), MAX_TABLE_BYTES).map_or(true, |text| is_mapped(&text, id))
}

/// Returns `true` if a line of `map`, `first outside count`, covers `id`.
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map_while(|field| field.parse::<u64>().ok());
        let (first, count) = (fields.next(), fields.nth(1));
        let id = u64::from(id);
        first.zip(count).is_some_and(|(first, count)| (first..first.saturating_add(count)).contains(&id))
    })
}

/// The IDs that a user has beside their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SubordinateIds {
    uids: Range,
    gids: Range,
}

/// `count` IDs from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u32,
    count: u32,
}

impl SubordinateIds {
    /// Those of the caller, if there are both and the programs that map them.
    fn of_caller() -> Option<Self> {
        if !ID_MAPPERS.iter().all(|program| host::may_execute(program).is_ok()) {
            return None;
        }
        let read = |file: &str| host::read_text(Path::new(file), MAX_TABLE_BYTES).ok();
        let uid = rustix::process::getuid().as_raw();
        let name = name_of(uid, &read("/etc/passwd")?);
        let find = |file: &str| Range::find(&read(file)?, name.as_deref(), uid);
        Some(Self { uids: find("/etc/subuid")?, gids: find("/etc/subgid")? })
    }

    fn enter_new_namespace(self) -> Result<()> {
        let mut mapper = self.start_mapper()?;
        let entered = unshare(CloneFlags::CLONE_NEWUSER).tried(NOT_ALLOWED).and_then(|()| {
            let mut stdin = mapper.stdin.take().ok_or(Error::Nonsense)?;
            stdin.write_all(b"go\n").tried("map the subordinate IDs of this user")
        });
        // Without its line it ends by itself.
        drop(mapper.stdin.take());
        let output = mapper.wait_with_output().tried("map the subordinate IDs of this user")?;
        entered?;
        match output.status.success() {
            true => Ok(()),
            false => {
                Err(Error::IdMapping { text: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
            }
        }
    }

    fn start_mapper(self) -> Result<Child> {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let Self { uids, gids } = self;
        let numbers = [std::process::id(), uid, uids.first, uids.count, gid, gids.first, gids.count];
        Command::new("/bin/sh")
            .args(["-c", MAP_AFTER_A_LINE, "sh"])
            .args(numbers.map(|number| number.to_string()))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .tried("start newuidmap")
    }
}

impl Range {
    /// The first range that `table` (`name:first:count` in each line) has for a user, whom it
    /// knows by name or by number.
    fn find(table: &str, name: Option<&str>, uid: u32) -> Option<Self> {
        table.lines().find_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let is_theirs = Some(owner) == name || owner.parse() == Ok(uid);
            let range = Self { first: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
            (is_theirs && range.count > 0).then_some(range)
        })
    }
}

/// The name of the user `uid` in the text of `/etc/passwd`.
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subordinate_ids_are_found_by_name_and_by_number() {
        let table = "# none\nroot:1:0\nweb:100000:65536\n1001:165536:1000\nbad:x:y\nweb:1:2\n";
        let range = |first, count| Some(Range { first, count });
        assert_eq!(Range::find(table, Some("web"), 33), range(100_000, 65_536));
        assert_eq!(Range::find(table, None, 1001), range(165_536, 1000));
        assert_eq!(Range::find(table, Some("root"), 0), None, "an empty range gives nothing");
        assert_eq!(Range::find(table, Some("nobody"), 7), None);
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nweb:x:33:33::/:/bin/false\n";
        assert_eq!(name_of(33, passwd).as_deref(), Some("web"));
        assert_eq!(name_of(34, passwd), None);
    }

    #[test]
    fn an_id_exists_if_a_line_of_the_map_covers_it() {
        let map = "         0       1200          1\n         1     100000      65536\n";
        assert!([0, 1, 65_536].iter().all(|id| is_mapped(map, *id)));
        assert!(!is_mapped(map, 65_537));
        assert!(is_mapped("0 0 4294967295\n", u32::MAX - 1));
        assert!(!is_mapped("", 0) && !is_mapped("x y z", 0));
    }
}
