//! How much of each file changed, as `git diff --stat` shows it.

use larder_engine::{ChangedBytes, Difference, FileChange, Task};

use super::mode_change;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::json::{Html, Json};
use crate::output::size;
use crate::output::text::{columns, counted, in_one_cell};

/// So many rows are kept to find the widths of the columns; those behind are printed as they
/// come, with the same widths.
const KEPT_ROWS: usize = 4096;

/// How wide the largest change is drawn.
const GRAPH_COLUMNS: u64 = 30;

/// Prints a row for every file whose content or mode changed, and what that comes to.
pub fn print(
    cx: &mut Context,
    difference: &mut Difference,
    is_json: bool,
    task: &Task,
) -> Result<(), Failure> {
    let mut files = difference.files(task);
    let mut table = Table::default();
    while let Some(change) = files.next_file()? {
        let bytes = files.changed_bytes(&change)?;
        let is_there_before_and_after = change.old.is_some() && change.new.is_some();
        let mode = mode_change(&change);
        if bytes == ChangedBytes::default() && is_there_before_and_after && mode.is_none() {
            continue;
        }
        match is_json {
            true => cx.print(&(json(&change, bytes).compact(Html::Plain) + "\n"))?,
            false => table.add(cx, Row { path: path(&change), bytes, mode })?,
        }
    }
    table.finish(cx)
}

fn path(change: &FileChange) -> String {
    in_one_cell(&String::from_utf8_lossy(&change.path)).into_owned()
}

fn json(change: &FileChange, bytes: ChangedBytes) -> Json {
    let kind = match (&change.old, &change.new) {
        (None, _) => "added",
        (_, None) => "deleted",
        _ => "changed",
    };
    Json::Object(vec![
        ("Path".into(), String::from_utf8_lossy(&change.path).into_owned().into()),
        ("Change".into(), kind.into()),
        ("AddedBytes".into(), bytes.added.into()),
        ("RemovedBytes".into(), bytes.removed.into()),
    ])
}

struct Row {
    path: String,
    bytes: ChangedBytes,
    mode: Option<(u32, u32)>,
}

#[derive(Default)]
struct Table {
    rows: Vec<Row>,
    /// The columns of the paths, and the bytes of the largest change; once they are settled.
    widths: Option<(usize, u64)>,
    files: u64,
    total: ChangedBytes,
}

impl Table {
    fn add(&mut self, cx: &mut Context, row: Row) -> Result<(), Failure> {
        self.files += 1;
        self.total.added = self.total.added.saturating_add(row.bytes.added);
        self.total.removed = self.total.removed.saturating_add(row.bytes.removed);
        if let Some(widths) = self.widths {
            return cx.print(&line(&row, widths));
        }
        self.rows.push(row);
        if self.rows.len() >= KEPT_ROWS { self.settle(cx) } else { Ok(()) }
    }

    /// Prints the rows that were kept.
    fn settle(&mut self, cx: &mut Context) -> Result<(), Failure> {
        let path = self.rows.iter().map(|row| columns(&row.path)).max().unwrap_or_default();
        let largest = self.rows.iter().map(|row| changed(row.bytes)).max().unwrap_or_default();
        self.widths = Some((path, largest));
        self.rows.drain(..).try_for_each(|row| cx.print(&line(&row, (path, largest))))
    }

    fn finish(&mut self, cx: &mut Context) -> Result<(), Failure> {
        if self.files == 0 {
            return Ok(());
        }
        if self.widths.is_none() {
            self.settle(cx)?;
        }
        let (added, removed) = (size::long(self.total.added), size::long(self.total.removed));
        let files = counted(self.files, "file");
        cx.print(&format!(" {files} changed, {added} added, {removed} removed\n"))
    }
}

fn changed(bytes: ChangedBytes) -> u64 {
    bytes.added.saturating_add(bytes.removed)
}

fn line(row: &Row, (width, largest): (usize, u64)) -> String {
    let padding = " ".repeat(width.saturating_sub(columns(&row.path)));
    let added = format!("+{}", size::short(row.bytes.added));
    let removed = format!("-{}", size::short(row.bytes.removed));
    let note = match row.mode {
        Some((old, new)) if changed(row.bytes) == 0 => format!("mode {old:04o} -> {new:04o}"),
        _ => graph(row.bytes, largest),
    };
    let line = format!(" {}{padding} | {added:>7} {removed:>7} {note}", row.path);
    line.trim_end().to_owned() + "\n"
}

/// Signs for what was added and removed, at least one for what is not nothing.
fn graph(bytes: ChangedBytes, largest: u64) -> String {
    let signs = |part: u64| {
        let scaled = u128::from(part) * u128::from(GRAPH_COLUMNS) / u128::from(largest.max(GRAPH_COLUMNS));
        usize::try_from(scaled).unwrap_or_default().max(usize::from(part > 0)).min(GRAPH_COLUMNS as usize)
    };
    "+".repeat(signs(bytes.added)) + &"-".repeat(signs(bytes.removed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_to_scale_and_hides_no_change() {
        let graph = |added, removed, largest| graph(ChangedBytes { added, removed }, largest);
        assert_eq!(graph(2, 1, 3), "++-");
        assert_eq!(graph(300, 300, 600), "+".repeat(15) + &"-".repeat(15));
        assert_eq!(graph(1, 0, u64::MAX), "+");
        assert_eq!(graph(u64::MAX, u64::MAX, u64::MAX).len(), 60);
        assert_eq!(graph(0, 0, 0), "");
    }
}
