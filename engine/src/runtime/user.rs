//! Who runs a container's process: looked up in the container's own files.

use super::error::{Error, Result};
use super::user_namespace;
use crate::container::Spec;
use crate::disk::Folder;

/// Whom a process runs as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// All its groups. The main one is among them: a program that leaves it would be without
    /// what the group forbids (CVE-2022-36109).
    pub groups: Vec<u32>,
    /// Where it is at home.
    pub home: String,
}

/// The largest ID that a user or a group may have.
pub(super) const MAX_ID: u32 = i32::MAX as u32;

/// The container's users and groups: files of any size that anybody may have made.
const MAX_BYTES: u64 = 4 << 20;

/// Whom `spec` is to run as, looked up in the container's root directory. Links lead nowhere
/// else there.
///
/// # Errors
/// If there is no such user or group.
pub fn of(rootfs: &Folder, spec: &Spec) -> Result<User> {
    let passwd = rootfs.text_of(b"etc/passwd", MAX_BYTES)?;
    let group = rootfs.text_of(b"etc/group", MAX_BYTES)?;
    let name = spec.config.user.as_deref().unwrap_or_default();
    let mut user = find(name, &spec.host_config.group_add, &passwd, &group)?;
    if !user_namespace::allows_groups() {
        user.groups.clear();
    }
    user.check_mapped()?;
    Ok(user)
}

impl User {
    /// # Errors
    /// If the user or one of the groups does not exist in this process's user namespace.
    fn check_mapped(&self) -> Result<()> {
        let not_mapped = |kind, id| Err(Error::NotMapped { kind, id });
        if !user_namespace::has_user(self.uid) {
            return not_mapped("user", self.uid);
        }
        let mut groups = [self.gid].into_iter().chain(self.groups.iter().copied());
        groups.find(|gid| !user_namespace::has_group(*gid)).map_or(Ok(()), |gid| not_mapped("group", gid))
    }
}

/// The user that `text` means: `user`, `uid`, `user:group`, `uid:gid` or nothing, which is
/// root; `more` are groups on top of theirs. `passwd` and `group` are the container's files,
/// empty where there are none. A number is always the ID, even where somebody is called so: an
/// image cannot turn `--user 1000` into root. It need not be in the files.
///
/// # Errors
/// If there is no such user or group.
pub(super) fn find(text: &str, more: &[String], passwd: &str, group: &str) -> Result<User> {
    let (name, group_name) = match text.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let id = number(name)?;
    let entries = || passwd.lines().filter_map(Passwd::parse);
    let entry = match id {
        Some(id) => entries().find(|entry| entry.uid == id),
        None => entries().find(|entry| entry.name == name),
    };
    let mut user = match (&entry, id) {
        (Some(entry), _) => {
            User { uid: entry.uid, gid: entry.gid, groups: Vec::new(), home: entry.home.to_owned() }
        }
        (None, Some(uid)) => User { uid, home: "/".into(), ..User::default() },
        (None, None) => return Err(Error::NoUser { user: name.into() }),
    };
    match group_name {
        Some(group_name) => user.gid = group_id(group_name, group)?,
        // The groups that name the user count only if none was asked for.
        None => {
            if let Some(entry) = &entry {
                let member = |row: &Group| row.members.split(',').any(|member| member == entry.name);
                user.groups =
                    group.lines().filter_map(Group::parse).filter(member).map(|row| row.gid).collect();
            }
        }
    }
    for name in more {
        user.groups.push(group_id(name, group)?);
    }
    user.groups.push(user.gid);
    user.groups.sort_unstable();
    user.groups.dedup();
    Ok(user)
}

fn group_id(name: &str, group: &str) -> Result<u32> {
    if let Some(gid) = number(name)? {
        return Ok(gid);
    }
    let row = group.lines().filter_map(Group::parse).find(|row| row.name == name);
    row.map(|row| row.gid).ok_or_else(|| Error::NoGroup { group: name.into() })
}

/// The number that `text` is, if it is one.
fn number(text: &str) -> Result<Option<u32>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(id) if id <= MAX_ID => Ok(Some(id)),
        _ => Err(Error::UserRange),
    }
}

/// An ID in a file. One that is none makes its line none: the largest number of all would mean
/// "as it is" to the kernel, which is root.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id <= MAX_ID)
}

/// A line of `/etc/passwd`: `name:password:uid:gid:gecos:home:shell`.
struct Passwd<'p> {
    name: &'p str,
    uid: u32,
    gid: u32,
    home: &'p str,
}

impl<'p> Passwd<'p> {
    fn parse(line: &'p str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or("/");
        Some(Self { name, uid, gid, home })
    }
}

/// A line of `/etc/group`: `name:password:gid:members`.
struct Group<'g> {
    name: &'g str,
    gid: u32,
    members: &'g str,
}

impl<'g> Group<'g> {
    fn parse(line: &'g str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = id(fields.nth(1)?)?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# x\nweb:x:33:34:Web,,,:/var/www:/bin/false\n7:x:70:71::/seven:\nbad:x:y:z\nlast:x:4294967295:0::/:\nover:x:0:2147483648::/:\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:web,root\nweb:x:34:\nvideo:x:44:web\n4:x:0:\n9:x:0:\n";

    fn found(text: &str, more: &[&str]) -> Result<(u32, u32, Vec<u32>, String), String> {
        let more: Vec<_> = more.iter().map(|group| (*group).to_owned()).collect();
        let user = find(text, &more, PASSWD, GROUP).map_err(|error| error.to_string())?;
        Ok((user.uid, user.gid, user.groups, user.home))
    }

    #[test]
    fn a_number_is_the_id_and_a_name_is_looked_up() {
        for (text, uid, gid, groups, home) in [
            ("", 0, 0, &[0, 4][..], "/root"),
            ("web", 33, 34, &[4, 34, 44], "/var/www"),
            ("33", 33, 34, &[4, 34, 44], "/var/www"),
            ("web:adm", 33, 4, &[4], "/var/www"),
            ("web:1234", 33, 1234, &[1234], "/var/www"),
            (":adm", 0, 4, &[4], "/root"),
            ("1000", 1000, 0, &[0], "/"),
            ("1000:1001", 1000, 1001, &[1001], "/"),
            // A number is the ID, whoever is called so.
            ("7", 7, 0, &[0], "/"),
            ("70", 70, 71, &[71], "/seven"),
            ("web:4", 33, 4, &[4], "/var/www"),
        ] {
            assert_eq!(found(text, &[]).unwrap(), (uid, gid, groups.to_vec(), home.to_owned()), "{text}");
        }
        assert_eq!(found("1000", &["video", "9", "9"]).unwrap().2, [0, 9, 44]);
    }

    #[test]
    fn whoever_is_not_there_is_named() {
        let nobody = "unable to find user nobody: no matching entries in passwd file";
        assert_eq!(found("nobody", &[]).unwrap_err(), nobody);
        for user in ["last", "over"] {
            assert!(found(user, &[]).unwrap_err().starts_with("unable to find user"), "{user}");
        }
        let group = "unable to find group staff: no matching entries in group file";
        assert_eq!(found("web:staff", &[]).unwrap_err(), group);
        assert_eq!(found("4294967296", &[]).unwrap_err(), "uids and gids must be in range 0-2147483647");
    }
}
