//! The floor plan as a test: which room may name which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms it may name. Absent pair, absent door.
const DOORS: &[(&str, &[&str])] = &[
    ("disk", &[]),
    ("image", &[]),
    ("tar", &[]),
    ("task", &[]),
    ("chunk", &["disk", "task"]),
    ("journal", &["disk"]),
    ("catalog", &["chunk", "image", "journal", "task"]),
    ("archive", &["image", "tar", "task"]),
    ("container", &["archive", "catalog", "chunk", "disk", "image", "tar", "task"]),
    ("runtime", &["container", "disk", "task"]),
    ("store", &["archive", "catalog", "chunk", "disk", "image", "journal", "tar", "task"]),
    (
        "ops",
        &["archive", "catalog", "chunk", "container", "disk", "image", "runtime", "store", "tar", "task"],
    ),
    // Names what each room has for fuzzers; nobody names it.
    (
        "fuzz",
        &[
            "archive",
            "catalog",
            "chunk",
            "container",
            "disk",
            "image",
            "journal",
            "ops",
            "runtime",
            "store",
            "tar",
        ],
    ),
    // Names what some rooms have for benchmarks; nobody names it.
    ("bench", &["catalog", "chunk", "journal", "store"]),
];

/// What every room may name: the engine's own error, which only the upper rooms make.
const HALL: &[&str] = &["Error", "ErrorKind", "Result"];

/// The rooms that fold errors into the engine's own.
const MAKES_ERRORS: &[&str] = &["store", "ops"];

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// What follows each `marker` in `code`: the next path segment, or each of a list in braces.
fn named_after(code: &str, marker: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices(marker) {
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            None => _ = named.insert(word(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut item = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => _ = named.insert(word(std::mem::take(&mut item).trim())),
                        _ if depth == 0 => item.push(c),
                        _ => {}
                    }
                }
                named.insert(word(item.trim()));
            }
        }
    }
    named.remove("");
    named
}

#[test]
fn no_room_has_a_door_that_is_not_on_the_plan() {
    let src = manifest_dir().join("src");
    let mut rooms = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let room = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "error"].contains(&room) {
            continue;
        }
        rooms.insert(room.to_owned());
        let (_, doors) = DOORS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is not on the plan"));
        for named in named_after(&code(&path), "crate::") {
            let may = doors.contains(&named.as_str())
                || named == room
                || HALL.contains(&named.as_str()) && MAKES_ERRORS.contains(&room)
                // Values of the room itself, brought to the front door.
                || named.starts_with(|c: char| c.is_uppercase()) && MAKES_ERRORS.contains(&room);
            if !may {
                wrong.push(format!("{} names {named}", relative.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(rooms, DOORS.iter().map(|(room, _)| (*room).to_owned()).collect());
}

/// A room is entered from below only: the doors have no circle.
#[test]
fn the_doors_lead_one_way() {
    let mut open: Vec<_> = DOORS.to_vec();
    while !open.is_empty() {
        let before = open.len();
        let names: Vec<_> = open.iter().map(|(room, _)| *room).collect();
        open.retain(|(_, doors)| doors.iter().any(|door| names.contains(door)));
        assert!(open.len() < before, "a circle among {names:?}");
    }
}

#[test]
fn only_the_disk_room_names_the_file_system() {
    let src = manifest_dir().join("src");
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let text = code(&path);
        let names_files = text.contains("std::fs") || text.contains("rustix::fs");
        assert!(!names_files || relative.starts_with("disk"), "{}", relative.display());
    }
}

#[test]
fn the_command_line_enters_by_the_front_door() {
    let front = code(&manifest_dir().join("src/lib.rs"));
    for path in sources(&manifest_dir().join("../cli/src")) {
        for named in named_after(&code(&path), "larder_engine::") {
            let is_room = DOORS.iter().any(|(room, _)| *room == named);
            assert!(!is_room && front.contains(&named), "{} names larder_engine::{named}", path.display());
        }
    }
}
