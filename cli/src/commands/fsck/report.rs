//! What a check or a repair has found, for people and for programs.

use larder_engine::{Checked, Fault, FsckLevel, Repaired};

use crate::output::json::{Html, Json};
use crate::output::size;
use crate::output::text::counted;

/// So many files are named in a line for people; programs get more.
const FILES_TOLD: usize = 10;

/// What was found, a line for each fault and one for all.
pub fn text(checked: &Checked, level: FsckLevel) -> String {
    let verb = match level {
        FsckLevel::Quick => "Checked",
        FsckLevel::Data | FsckLevel::Exact => "Read and verified",
    };
    let mut text = lines(&checked.faults);
    if checked.is_resumed {
        text.push_str("Went on where the last check was stopped.\n");
    }
    text.push_str(&format!("{verb} {}: {}.\n", counts(checked), number(&checked.faults)));
    if checked.is_unfinished {
        text.push_str("The time was over before the end: the next check of this level goes on here.\n");
    }
    if !checked.faults.is_empty() {
        text.push_str(advice(&checked.faults));
    }
    text
}

/// What was found, what of it was repaired, and what is left.
pub fn repaired_text(repaired: &Repaired) -> String {
    let Repaired { checked, saved_chunks, healed_blobs, left } = repaired;
    if checked.faults.is_empty() {
        return format!("Read and verified {}: no faults, nothing to repair.\n", counts(checked));
    }
    let mut text = lines(&checked.faults);
    text.push_str(&format!(
        "Repaired: {} saved out of what is damaged, {} made whole.\n",
        counted(*saved_chunks, "chunk"),
        counted(*healed_blobs, "blob")
    ));
    if left.is_empty() {
        return text + "Nothing is lost, and the store is clean.\n";
    }
    text.push_str("\nNot repaired:\n");
    text.push_str(&lines(left));
    text + advice(left)
}

fn advice(faults: &[Fault]) -> &'static str {
    match faults.iter().any(|fault| !fault.images.is_empty()) {
        true => {
            "Load what suffers again, or give an archive or another store that has it: \
             larder fsck --repair --from PATH\n"
        }
        false => "Nothing is lost. To tidy up: larder fsck --repair\n",
    }
}

fn lines(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        text.push_str(&format!("{}: {}", fault.place, fault.problem));
        if !fault.images.is_empty() {
            text.push_str(&format!(" (needed by {})", fault.images.join(", ")));
        }
        text.push('\n');
        for file in fault.files.iter().take(FILES_TOLD) {
            text.push_str(&format!("  /{}\n", String::from_utf8_lossy(file)));
        }
        let more = fault.files.len().saturating_sub(FILES_TOLD) as u64 + fault.more_files;
        if more > 0 {
            text.push_str(&format!("  and {}\n", counted(more, "more file")));
        }
    }
    text
}

fn counts(checked: &Checked) -> String {
    let mut counts = vec![
        counted(checked.images, "image"),
        counted(checked.blobs, "blob"),
        counted(checked.chunks, "chunk"),
        counted(checked.packs, "pack"),
    ];
    if checked.containers > 0 {
        counts.insert(1, counted(checked.containers, "container"));
    }
    if checked.packed_bytes > 0 {
        counts.push(format!("{} of packs", size::long(checked.packed_bytes)));
    }
    if checked.bytes > 0 {
        counts.push(format!("{} of blobs", size::long(checked.bytes)));
    }
    counts.join(", ")
}

fn number(faults: &[Fault]) -> String {
    match faults.len() {
        0 => "no faults".into(),
        count => counted(count as u64, "fault"),
    }
}

/// A check as one line of JSON.
pub fn document(checked: &Checked) -> String {
    check(checked).compact(Html::Plain) + "\n"
}

/// A repair as one line of JSON.
pub fn repaired_document(repaired: &Repaired) -> String {
    let document = object([
        ("Found", check(&repaired.checked)),
        ("HealedBlobs", repaired.healed_blobs.into()),
        ("Left", Json::Array(repaired.left.iter().map(fault).collect())),
        ("SavedChunks", repaired.saved_chunks.into()),
    ]);
    document.compact(Html::Plain) + "\n"
}

fn check(checked: &Checked) -> Json {
    object([
        ("Blobs", checked.blobs.into()),
        ("Bytes", checked.bytes.into()),
        ("Chunks", checked.chunks.into()),
        ("Containers", checked.containers.into()),
        ("Faults", Json::Array(checked.faults.iter().map(fault).collect())),
        ("Images", checked.images.into()),
        ("PackedBytes", checked.packed_bytes.into()),
        ("Packs", checked.packs.into()),
        ("Resumed", Json::Bool(checked.is_resumed)),
        ("Unfinished", Json::Bool(checked.is_unfinished)),
    ])
}

fn fault(fault: &Fault) -> Json {
    let files = fault.files.iter().map(|file| String::from_utf8_lossy(file).as_ref().into());
    object([
        ("Files", Json::Array(files.collect())),
        ("Images", Json::Array(fault.images.iter().map(|name| name.as_str().into()).collect())),
        ("MoreFiles", fault.more_files.into()),
        ("Place", fault.place.as_str().into()),
        ("Problem", fault.problem.as_str().into()),
    ])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
