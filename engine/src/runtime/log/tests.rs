use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::container::LogBounds;
use crate::disk::{Disk, SimulatedDisk};
use crate::runtime::Stream;

const BOUNDS: Option<LogBounds> = Some(LogBounds { max_size: 100_000_000, max_files: 2 });

fn disk() -> Arc<dyn Disk> {
    let disk = SimulatedDisk::new();
    disk.create_dir("c").unwrap();
    Arc::new(disk)
}

fn read(disk: &dyn Disk, tail: Option<u64>) -> Vec<LogEntry> {
    rest_of(&mut LogReader::open(disk, "c", tail).unwrap())
}

fn rest_of(reader: &mut LogReader<'_>) -> Vec<LogEntry> {
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
    let mut log = LogWriter::open(&disk, "c", BOUNDS).unwrap();
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
    let mut log = LogWriter::open(&disk, "c", BOUNDS).unwrap();
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
    let mut log = LogWriter::open(&disk, "c", BOUNDS).unwrap();
    log.add(Stream::Stdout, b"one\ntwo\n").unwrap();
    log.finish().unwrap();
    let file = disk.open_writable("c/log").unwrap();
    file.truncate(file.len().unwrap() - 9).unwrap();
    let mut log = LogWriter::open(&disk, "c", BOUNDS).unwrap();
    log.add(Stream::Stdout, b"three\n").unwrap();
    log.finish().unwrap();
    assert_eq!(bytes_of(&read(&*disk, None), Stream::Stdout), b"one\nthree\n");
}

fn numbered(log: &mut LogWriter, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| log.add(Stream::Stdout, format!("line {number}\n").as_bytes()).unwrap());
    log.flush().unwrap();
}

fn last_number(entries: &[LogEntry]) -> u64 {
    let text = String::from_utf8(entries.last().unwrap().bytes.clone()).unwrap();
    text.trim_end().trim_start_matches("line ").parse().unwrap()
}

fn log_bytes(disk: &dyn Disk) -> Vec<u64> {
    let numbers = files::numbers(disk, "c").unwrap();
    numbers.iter().map(|number| disk.open(&files::name_of("c", *number)).unwrap().len().unwrap()).collect()
}

#[test]
fn a_log_is_bounded_and_its_last_entries_stay() {
    let disk = disk();
    for max_files in [3, 1] {
        let mut log = LogWriter::open(&disk, "c", Some(LogBounds { max_size: 10_000, max_files })).unwrap();
        numbered(&mut log, 0..5000);
        log.finish().unwrap();
        let bytes = log_bytes(&*disk);
        assert!(bytes.len() == max_files && bytes.iter().all(|bytes| *bytes <= 10_000), "{bytes:?}");
        let entries = read(&*disk, None);
        assert!(entries.len() > (max_files - 1) * 100);
        for (entry, number) in entries.iter().rev().zip((0..5000).rev()) {
            assert_eq!(entry.bytes, format!("line {number}\n").into_bytes());
        }
        for tail in [0, 1, 130, 131, entries.len(), 6000] {
            let from = entries.len().saturating_sub(tail);
            assert_eq!(read(&*disk, Some(tail as u64)), entries[from..], "{tail}");
        }
    }
}

#[test]
fn whoever_follows_a_log_misses_nothing_that_is_kept() {
    let disk = disk();
    let mut log = LogWriter::open(&disk, "c", Some(LogBounds { max_size: 1000, max_files: 3 })).unwrap();
    numbered(&mut log, 0..1);
    let mut reader = LogReader::open(&*disk, "c", Some(0)).unwrap();
    let mut got = Vec::new();
    for at in 0..100 {
        numbered(&mut log, at * 7 + 1..at * 7 + 8);
        got.extend(rest_of(&mut reader));
        assert_eq!(last_number(&got), at * 7 + 7);
    }
    assert_eq!(got.len(), 700);
    // One that fell too far behind goes on with what is kept.
    numbered(&mut log, 701..1000);
    let late = rest_of(&mut reader);
    assert_eq!(late[late.len() - read(&*disk, None).len()..], read(&*disk, None));
    assert_eq!(last_number(&late), 999);
}

#[test]
fn an_entry_that_is_longer_than_a_file_is_kept_whole() {
    let disk = disk();
    let mut log = LogWriter::open(&disk, "c", Some(LogBounds { max_size: 1, max_files: 2 })).unwrap();
    log.add(Stream::Stdout, b"one\ntwo\nthree\n").unwrap();
    log.finish().unwrap();
    assert_eq!(bytes_of(&read(&*disk, None), Stream::Stdout), b"two\nthree\n");
}

#[test]
fn a_log_of_an_older_larder_is_read_and_continued() {
    let disk = disk();
    let entry = "{\"log\":\"old\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-22T09:00:00.123456789Z\"}\n";
    disk.create("c/log").unwrap().write_all_at(entry.repeat(100).as_bytes(), 0).unwrap();
    let mut log = LogWriter::open(&disk, "c", Some(LogBounds { max_size: 1000, max_files: 2 })).unwrap();
    numbered(&mut log, 0..1);
    assert_eq!(read(&*disk, None).len(), 101);
    numbered(&mut log, 1..1000);
    assert!(log_bytes(&*disk).iter().sum::<u64>() <= 2000);
}

#[test]
fn without_bounds_no_log_is_written() {
    let disk = disk();
    let mut log = LogWriter::open(&disk, "c", None).unwrap();
    numbered(&mut log, 0..1000);
    log.finish().unwrap();
    assert!(disk.list("c").unwrap().is_empty());
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(parts: Vec<(bool, Vec<u8>)>, long in 0usize..40_000) {
        let disk = disk();
        let mut log = LogWriter::open(&disk, "c", BOUNDS).unwrap();
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
