use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{Entry, EntryKind, ListOptions, Listed, Mtime, Platform};

use crate::context::{Context, about_image, no_such_container_or_image};
use crate::failure::Failure;
use crate::output::json::{Html, Json};
use crate::output::table::RightColumns;

/// List the files of a container or an image
///
/// Nothing is unpacked and no container is needed. Links are followed within
/// the image.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder ls [OPTIONS] CONTAINER|IMAGE [PATH]",
    after_help = "Example:\n  larder ls -l app:1 /etc\n  larder ls -R --format json app:1 | jq -r .Path"
)]
pub struct LsArgs {
    /// Container or image
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// Directory or file
    #[arg(default_value = "/", hide_default_value = true)]
    path: OsString,
    /// Show mode, owner, size and time
    #[arg(short)]
    long: bool,
    /// List what is below too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// List the directory itself, not what is in it
    #[arg(short, long)]
    directory: bool,
    /// Show names that begin with a dot; they always are
    #[arg(short, long, hide = true)]
    all: bool,
    /// Output as json: an object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
    format: Option<String>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

pub fn ls(cx: &mut Context, args: &LsArgs) -> Result<(), Failure> {
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container_or_image(&args.name)))?;
    let task = cx.task(true)?;
    let options =
        ListOptions { platform: args.platform.clone(), recursive: args.recursive, itself: args.directory };
    let listing = store
        .listing(&args.name, args.path.as_bytes(), &options, &task)
        .map_err(|error| about_image(error, &store, &args.name))?;
    // There may be millions: none is kept, and for columns they are gone through twice.
    let mut columns = RightColumns::default();
    if args.long && args.format.is_none() {
        listing.files().for_each(|file| columns.measure(&long(&file, args)));
    }
    for file in listing.files() {
        task.check().map_err(larder_engine::Error::from)?;
        cx.print(&match (&args.format, args.long) {
            (Some(_), _) => json(&file).compact(Html::Plain) + "\n",
            (None, true) => columns.line(&long(&file, args)),
            (None, false) => name(&file, args) + "\n",
        })?;
    }
    Ok(())
}

/// The whole path where directories are mixed, else the name.
fn name(file: &Listed, args: &LsArgs) -> String {
    let path = if args.recursive || args.directory {
        &file.path[..]
    } else {
        file.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    };
    String::from_utf8_lossy(path).into_owned()
}

/// The columns of `ls -l`.
fn long(file: &Listed, args: &LsArgs) -> [String; 7] {
    let Entry { uid, gid, size, mtime, kind, .. } = &file.entry;
    let size = match kind {
        EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) => {
            format!("{}, {}", device.major, device.minor)
        }
        _ => size.to_string(),
    };
    let shown = match kind {
        EntryKind::Symlink(target) => format!("{} -> {}", name(file, args), String::from_utf8_lossy(target)),
        _ => name(file, args),
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

fn json(file: &Listed) -> Json {
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
    Json::Object(members)
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
