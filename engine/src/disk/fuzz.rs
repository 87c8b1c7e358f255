//! Files for fuzzers: bytes as one, and a corpus as bytes.

use std::fs::File;
use std::io::{Seek, Write};

use rustix::fs::{MemfdFlags, memfd_create};

use super::Input;

/// `bytes` as a regular file, which lies in memory and has no name.
pub fn file_of(bytes: &[u8]) -> Input {
    let mut file = File::from(memfd_create("archive", MemfdFlags::CLOEXEC).expect("memory for a file"));
    file.write_all(bytes).and_then(|()| file.rewind()).expect("memory does not fail");
    Input::of(file).expect("an open file")
}

/// Each file in `dir`, with what it holds, by name.
#[cfg(test)]
pub fn files_of(dir: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let listed = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = listed.map(|entry| entry.unwrap().path());
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}
