use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::disk::{Disk, SimulatedDisk};
use crate::runtime::Stream;

fn disk() -> Arc<dyn Disk> {
    let disk = SimulatedDisk::new();
    disk.create_dir("c").unwrap();
    Arc::new(disk)
}

fn read(disk: &dyn Disk, tail: Option<u64>) -> Vec<LogEntry> {
    let mut reader = LogReader::open(disk, "c", tail).unwrap();
    let mut entries = Vec::new();
    loop {
        match reader.more().unwrap() {
            more if more.is_empty() => return entries,
            more => entries.extend(more),
        }
    }
}

fn bytes_of(entries: &[LogEntry], stream: Stream) -> Vec<u8> {
    entries.iter().filter(|entry| entry.stream == stream).flat_map(|entry| entry.bytes.clone()).collect()
}

#[test]
fn an_entry_is_a_line_in_docker_s_form() {
    let disk = disk();
    let mut log = LogWriter::open(&disk, "c").unwrap();
    log.add(Stream::Stdout, b"a \"quoted\" li").unwrap();
    log.add(Stream::Stderr, b"\xff\n").unwrap();
    log.add(Stream::Stdout, b"ne\nno end").unwrap();
    log.finish().unwrap();
    let file = disk.open("c/log").unwrap();
    let mut text = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut text, 0).unwrap();
    let text = String::from_utf8(text).unwrap();
    let begins = [
        "{\"hex\":\"ff0a\",\"stream\":\"stderr\",\"time\":\"20",
        "{\"log\":\"a \\\"quoted\\\" line\\n\",",
        "{\"log\":\"no end\",",
    ];
    for (line, begin) in text.lines().zip(begins) {
        assert!(line.starts_with(begin) && line.ends_with("Z\"}"), "{line}");
    }
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn the_last_lines_are_found_from_the_end() {
    let disk = disk();
    assert_eq!(read(&*disk, Some(3)), []);
    let mut log = LogWriter::open(&disk, "c").unwrap();
    for number in 0..5000 {
        log.add(Stream::Stdout, format!("line {number}\n").as_bytes()).unwrap();
    }
    log.finish().unwrap();
    for count in [0, 1, 2, 4999, 5000, 6000] {
        let entries = read(&*disk, Some(count));
        assert_eq!(entries.len() as u64, count.min(5000));
        assert!(count == 0 || entries.last().unwrap().bytes == b"line 4999\n");
    }
}

#[test]
fn what_a_crash_cut_off_is_left_out_and_the_rest_is_not() {
    let disk = disk();
    let mut log = LogWriter::open(&disk, "c").unwrap();
    log.add(Stream::Stdout, b"one\ntwo\n").unwrap();
    log.finish().unwrap();
    let file = disk.open_writable("c/log").unwrap();
    file.truncate(file.len().unwrap() - 9).unwrap();
    let mut log = LogWriter::open(&disk, "c").unwrap();
    log.add(Stream::Stdout, b"three\n").unwrap();
    log.finish().unwrap();
    assert_eq!(bytes_of(&read(&*disk, None), Stream::Stdout), b"one\nthree\n");
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(parts: Vec<(bool, Vec<u8>)>, long in 0usize..40_000) {
        let disk = disk();
        let mut log = LogWriter::open(&disk, "c").unwrap();
        let mut wrote = [Vec::new(), Vec::new()];
        let euros = "€".repeat(long / 3);
        for (is_error, part) in parts.iter().map(|(is_error, part)| (*is_error, &part[..])).chain([(false, euros.as_bytes())]) {
            let (stream, at) = if is_error { (Stream::Stderr, 1) } else { (Stream::Stdout, 0) };
            log.add(stream, part).unwrap();
            wrote[at].extend_from_slice(part);
        }
        log.finish().unwrap();
        let entries = read(&*disk, None);
        assert_eq!(bytes_of(&entries, Stream::Stdout), wrote[0]);
        assert_eq!(bytes_of(&entries, Stream::Stderr), wrote[1]);
        assert!(entries.iter().all(|entry| entry.bytes.len() <= MAX_ENTRY + 1));
    }
}
