//! A file of an image as `ls -l` shows it, and as JSON.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{Entry, EntryKind, Listed, Mtime};

use crate::output::json::Json;

/// The columns of `ls -l`, the last one being `name` and what a symbolic link leads to.
pub fn long(file: &Listed, name: String) -> [String; 7] {
    let Entry { uid, gid, size, mtime, kind, .. } = &file.entry;
    let size = match kind {
        EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) => {
            format!("{}, {}", device.major, device.minor)
        }
        _ => size.to_string(),
    };
    let shown = match kind {
        EntryKind::Symlink(target) => format!("{name} -> {}", String::from_utf8_lossy(target)),
        _ => name,
    };
    [mode(&file.entry), file.links.to_string(), uid.to_string(), gid.to_string(), size, time(mtime), shown]
}

fn mode(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::File | EntryKind::Hardlink(_) => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink(_) => 'l',
        EntryKind::CharDevice(_) => 'c',
        EntryKind::BlockDevice(_) => 'b',
        EntryKind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, with, without) in
        [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = entry.mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (bits & 1 > 0, entry.mode & special > 0) {
            (true, true) => with,
            (false, true) => without,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn time(mtime: &Mtime) -> String {
    match Timestamp::new(mtime.seconds, 0) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => mtime.seconds.to_string(),
    }
}

/// All that is known of a file, as the members of an object.
pub fn members(file: &Listed) -> Vec<(String, Json)> {
    let kind = match &file.entry.kind {
        EntryKind::File | EntryKind::Hardlink(_) => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink(_) => "symlink",
        EntryKind::CharDevice(_) => "char",
        EntryKind::BlockDevice(_) => "block",
        EntryKind::Fifo => "fifo",
    };
    let text = |bytes: &[u8]| Json::from(String::from_utf8_lossy(bytes).into_owned());
    let entry = &file.entry;
    let time = Timestamp::new(entry.mtime.seconds, entry.mtime.nanoseconds.cast_signed());
    let mut members = vec![
        ("Path".to_owned(), text(&file.path)),
        ("Type".into(), kind.into()),
        ("Mode".into(), format!("{:04o}", entry.mode).into()),
        ("UID".into(), u64::from(entry.uid).into()),
        ("GID".into(), u64::from(entry.gid).into()),
        ("Size".into(), entry.size.into()),
        ("Modified".into(), time.map(|time| time.to_string()).unwrap_or_default().into()),
        ("Links".into(), u64::from(file.links).into()),
        ("Layer".into(), (file.layer as u64).into()),
    ];
    if let EntryKind::Symlink(target) = &entry.kind {
        members.push(("Target".into(), text(target)));
    }
    if let EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) = &entry.kind {
        members.push(("Device".into(), format!("{}:{}", device.major, device.minor).into()));
    }
    if !entry.xattrs.is_empty() {
        let names = entry.xattrs.iter().map(|(name, _)| text(name)).collect();
        members.push(("Xattrs".into(), Json::Array(names)));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_shown_as_ls_shows_it() {
        let shown = |kind, bits| {
            let mtime = Mtime::default();
            mode(&Entry {
                name: Vec::new(),
                kind,
                mode: bits,
                uid: 0,
                gid: 0,
                mtime,
                size: 0,
                xattrs: Vec::new(),
            })
        };
        assert_eq!(shown(EntryKind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(shown(EntryKind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(shown(EntryKind::File, 0o6640), "-rwSr-S---");
        assert_eq!(shown(EntryKind::Symlink(Vec::new()), 0o777), "lrwxrwxrwx");
    }
}
