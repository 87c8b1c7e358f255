//! What a directory of archives would take: loads one after the other into a store that is
//! thrown away, and tells what each of them brought that was not there before.
//!
//! `cargo run --release --example dedup_report -- DIRECTORY`

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use larder_engine::{Input, LoadOptions, Store, Task};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: dedup_report DIRECTORY")?;
    report(dir.as_ref(), &mut io::stdout().lock())
}

/// What is no archive is said to be none.
fn report(dir: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let store = Store::create(scratch.path().join("store"))?;
    let mut archives: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    archives.retain(|path| path.is_file());
    archives.sort();
    writeln!(out, "{:>14} {:>14} {:>14}  archive", "read", "new", "on disk")?;
    let (mut read, mut stored) = (0, 0);
    for path in archives {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match store.load(Input::open(&path)?, &LoadOptions::default(), &Task::silent()) {
            Ok(loaded) => {
                let bytes = fs::metadata(&path)?.len();
                writeln!(out, "{bytes:>14} {:>14} {:>14}  {name}", loaded.new_bytes, loaded.stored_bytes)?;
                read += bytes;
                stored += loaded.stored_bytes;
            }
            Err(error) => writeln!(out, "{:>14} {:>14} {:>14}  {name}: {error}", "", "", "")?,
        }
    }
    writeln!(out, "{read:>14} {:>14} {stored:>14}  all", "")?;
    Ok(())
}

#[test]
fn an_archive_that_is_there_twice_takes_nothing_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    for name in ["a.tar", "b.tar"] {
        fs::copy(archive, dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "no archive").unwrap();
    let mut out = Vec::new();
    report(dir.path(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[2][1..], ["0", "0", "b.tar"], "{out}");
    assert_eq!(lines[4][1], lines[1][2], "{out}");
    assert!(lines[3][0].starts_with("notes.txt:"), "{out}");
}
