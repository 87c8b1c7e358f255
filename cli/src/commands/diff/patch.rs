//! Changed lines, with the headers of `git diff`.

use std::fmt::Write as _;

use larder_engine::{Difference, Entry, EntryKind, FileChange, Patch, Task};

use super::mode_change;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::size::Size;
use crate::output::text;

/// Stands for a file that is not there.
const NO_FILE: &str = "/dev/null";

/// Prints a patch for every file whose content or mode changed.
pub fn print(cx: &mut Context, difference: &mut Difference, task: &Task) -> Result<(), Failure> {
    let mut files = difference.files(task);
    while let Some(change) = files.next_file()? {
        let patch = files.patch(&change)?;
        let is_same = match &patch {
            Patch::Text(hunks) => hunks.is_empty(),
            Patch::Special => true,
            Patch::Binary | Patch::TooLarge { .. } => false,
        };
        let is_on_both_sides = change.old.is_some() && change.new.is_some();
        if is_same && is_on_both_sides && mode_change(&change).is_none() {
            continue;
        }
        cx.print(&header(&change))?;
        let Names { old, new } = Names::of(&change);
        match &patch {
            Patch::Text(hunks) if hunks.is_empty() => {}
            Patch::Text(hunks) => {
                cx.print(&format!("--- {}\n+++ {}\n", ended(&old), ended(&new)))?;
                cx.print_bytes(hunks)?;
            }
            Patch::Binary => {
                cx.print(&format!("Binary files {old} and {new} differ\n"))?;
            }
            Patch::TooLarge { limit } => {
                let limit = Size(*limit);
                cx.print(&format!(
                    "Files {old} and {new} differ and are too large to show (more than {limit})\n"
                ))?;
            }
            Patch::Special => {
                cx.print(&format!("Special files {old} and {new} differ\n"))?;
            }
        }
    }
    Ok(())
}

/// What stands before the hunks.
fn header(change: &FileChange) -> String {
    let mut out = format!("diff --git {} {}\n", quoted("a", &change.path), quoted("b", &change.path));
    // Writing to a string cannot fail.
    let _ = match (&change.old, &change.new) {
        (None, Some(new)) => writeln!(out, "new file mode {}", mode(new)),
        (Some(old), None) => writeln!(out, "deleted file mode {}", mode(old)),
        (Some(old), Some(new)) if old.mode != new.mode => {
            writeln!(out, "old mode {}\nnew mode {}", mode(old), mode(new))
        }
        _ => Ok(()),
    };
    out
}

/// The names of both sides.
struct Names {
    old: String,
    new: String,
}

impl Names {
    fn of(change: &FileChange) -> Self {
        let name = |prefix, side: &Option<Entry>| match side {
            Some(_) => quoted(prefix, &change.path),
            None => NO_FILE.to_owned(),
        };
        Self { old: name("a", &change.old), new: name("b", &change.new) }
    }
}

/// A name with the tab that git puts behind one with a space: `patch` takes what follows a
/// space for a time.
fn ended(name: &str) -> String {
    if name.contains(' ') { format!("{name}\t") } else { name.to_owned() }
}

/// Type and mode bits, as git has them for files and symbolic links.
fn mode(entry: &Entry) -> String {
    match entry.kind {
        EntryKind::Symlink(_) => "120000".to_owned(),
        EntryKind::CharDevice(_) => format!("{:06o}", 0o020_000 | entry.mode),
        EntryKind::BlockDevice(_) => format!("{:06o}", 0o060_000 | entry.mode),
        EntryKind::Fifo => format!("{:06o}", 0o010_000 | entry.mode),
        _ => format!("{:06o}", 0o100_000 | entry.mode),
    }
}

/// `path` below `prefix`, quoted as git does where it holds what could be taken for something
/// else: a line break in a name must not begin a line of the patch.
fn quoted(prefix: &str, path: &[u8]) -> String {
    if let Ok(path) = str::from_utf8(path)
        && text::harmless(path) == path
        && !path.contains(['"', '\\', '\n', '\t'])
    {
        return format!("{prefix}{path}");
    }
    let mut out = format!("\"{prefix}");
    for byte in path {
        // Writing to a string cannot fail.
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(*byte)),
            b'\n' => write!(out, "\\n"),
            b'\t' => write!(out, "\\t"),
            b' '..=b'~' => write!(out, "{}", char::from(*byte)),
            _ => write!(out, "\\{byte:03o}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_it_could_be_taken_for_something_else() {
        assert_eq!(quoted("a", b"/etc/os release"), "a/etc/os release");
        assert_eq!(quoted("a", "/étoile".as_bytes()), "a/étoile");
        assert_eq!(quoted("a", b"/x\n+++ b/y"), r#""a/x\n+++ b/y""#);
        assert_eq!(quoted("b", b"/\"\\\t\x1b\xff"), r#""b/\"\\\t\033\377""#);
        assert_eq!(quoted("b", "/\u{202e}".as_bytes()), r#""b/\342\200\256""#);
    }
}
