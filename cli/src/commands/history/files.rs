//! `history --files`: what is in each layer.

use larder_engine::{HistoryEntry, LargeFile, LayerFiles};

use crate::output::json::{Html, Json};
use crate::output::text::{counted, ellipsis, in_one_cell};
use crate::output::{size, table};

/// Columns that a command gets.
const COMMAND_COLUMNS: usize = 45;

/// A layer and the step that made it, if the history tells of one.
pub struct Layer<'l> {
    pub files: &'l LayerFiles,
    pub step: Option<&'l HistoryEntry>,
}

/// The layers with their steps, the latest first. Steps without a layer are left out.
pub fn layers<'l>(files: &'l [LayerFiles], steps: &'l [HistoryEntry]) -> Vec<Layer<'l>> {
    let mut steps = steps.iter().filter(|step| !step.empty_layer);
    files.iter().rev().map(|files| Layer { files, step: steps.next() }).collect()
}

/// For people: a row for each layer, its largest files below it.
pub fn text(layers: &[Layer<'_>]) -> String {
    let mut lines = "LAYER\tCREATED BY\tSIZE\tFILES\tHIDDEN\n".to_owned();
    for Layer { files, step } in layers {
        let created_by = step.map(|step| in_one_cell(&step.created_by).into_owned()).unwrap_or_default();
        lines += &format!(
            "{}\t{}\t{}\t{}\t{}\n",
            files.diff_id.map(|diff_id| diff_id.0.short()).unwrap_or_default(),
            ellipsis(&created_by, COMMAND_COLUMNS),
            size::short(files.bytes),
            files.files,
            if files.hidden_bytes > 0 { size::short(files.hidden_bytes) } else { "-".into() },
        );
    }
    let lines = table::align(&lines);
    let mut lines = lines.lines();
    let mut out = lines.next().map(|line| format!("{line}\n")).unwrap_or_default();
    for (line, layer) in lines.zip(layers) {
        out += &format!("{line}\n");
        for file in &layer.files.largest {
            out += &format!("  {:>9}  {}{}\n", size::short(file.bytes), path(file), mark(file));
        }
    }
    let hidden: u64 = layers.iter().map(|layer| layer.files.hidden_bytes).sum();
    if hidden > 0 {
        let count = layers.iter().filter(|layer| layer.files.hidden_bytes > 0).count() as u64;
        out += &format!("{} in {} hidden by later layers\n", size::long(hidden), counted(count, "layer"));
    }
    out
}

/// For programs: an object a line for each layer.
pub fn json(layers: &[Layer<'_>]) -> String {
    let object = |layer: &Layer<'_>| {
        let file = |file: &LargeFile| {
            Json::Object(vec![
                ("Bytes".into(), file.bytes.into()),
                ("Hidden".into(), Json::Bool(file.is_hidden)),
                ("Path".into(), path(file).into()),
            ])
        };
        let files = layer.files;
        let created_by = layer.step.map(|step| step.created_by.as_str()).unwrap_or_default();
        Json::Object(vec![
            ("Bytes".into(), files.bytes.into()),
            ("CreatedBy".into(), created_by.into()),
            ("DiffID".into(), files.diff_id.map(|id| id.to_string()).unwrap_or_default().into()),
            ("Files".into(), files.files.into()),
            ("HiddenBytes".into(), files.hidden_bytes.into()),
            ("Largest".into(), Json::Array(files.largest.iter().map(file).collect())),
        ])
    };
    layers.iter().map(|layer| object(layer).compact(Html::Escaped) + "\n").collect()
}

fn path(file: &LargeFile) -> String {
    in_one_cell(&String::from_utf8_lossy(&file.path)).into_owned()
}

fn mark(file: &LargeFile) -> &'static str {
    if file.is_hidden { "  (hidden)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_engine::{DiffId, Digest};

    #[test]
    fn each_layer_has_its_largest_files_below_it() {
        let large = |path: &str, bytes, is_hidden| LargeFile { path: path.into(), bytes, is_hidden };
        let base = LayerFiles {
            diff_id: Some(DiffId(Digest::of("base"))),
            files: 2,
            bytes: 3_000_000,
            hidden_bytes: 1_000_000,
            largest: vec![large("/a", 2_000_000, false), large("/b", 1_000_000, true)],
            ..LayerFiles::default()
        };
        let top = LayerFiles { diff_id: Some(DiffId(Digest::of("top"))), ..LayerFiles::default() };
        let step = |created_by: &str, empty_layer| HistoryEntry {
            id: None,
            created: None,
            created_by: created_by.into(),
            size_bytes: 0,
            comment: String::new(),
            empty_layer,
            tags: Vec::new(),
        };
        let (files, steps) = ([base, top], [step("CMD x", true), step("RUN\ty", false), step("ADD", false)]);
        let (short_base, short_top) = (Digest::of("base").short(), Digest::of("top").short());
        let want = format!(
            "LAYER          CREATED BY   SIZE      FILES     HIDDEN\n\
             {short_top}   RUN y        0B        0         -\n\
             {short_base}   ADD          3MB       2         1MB\n        2MB  /a\n        1MB  /b  (hidden)\n\
             1MB in 1 layer hidden by later layers\n"
        );
        assert_eq!(text(&layers(&files, &steps)), want);
        let lines = json(&layers(&files, &steps));
        assert!(
            lines
                .lines()
                .nth(1)
                .unwrap()
                .contains(r#""Largest":[{"Bytes":2000000,"Hidden":false,"Path":"/a"}"#)
        );
    }
}
