//! A regular expression over the lines of a file that comes in parts.

use std::ops::ControlFlow;

use regex::bytes::Regex;

/// Longer lines are searched in parts of this length, each like a line: a line is held in
/// memory, and a file of some gigabytes may be one.
const MAX_LINE_BYTES: usize = 1 << 20;

/// So much of a line is handed out.
const MAX_SHOWN_BYTES: usize = 4096;

/// How much of a file is looked at to tell text from other content.
const TEXT_PROBE_BYTES: usize = 32 << 10;

/// Something in a file that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineMatch<'m> {
    /// A line of text, without its end.
    Line {
        /// Its number, from 1.
        number: u64,
        /// Its bytes; those up to 4096, if there are more.
        bytes: &'m [u8],
        /// Whether there are more.
        is_cut: bool,
    },
    /// The file is no text. Only its first match is told.
    Binary,
}

/// A search through one file.
pub struct LineSearch<'r> {
    regex: &'r Regex,
    /// How many lines may match; the search ends with the last.
    max_count: u64,
    /// The beginning of a line whose end did not come yet.
    partial: Vec<u8>,
    number: u64,
    /// Bytes that were looked at for whether they are text.
    probed: usize,
    is_binary: bool,
}

impl<'r> LineSearch<'r> {
    /// A search for `regex` that ends with `max_count` lines.
    pub fn new(regex: &'r Regex, max_count: u64) -> Self {
        Self { regex, max_count, partial: Vec::new(), number: 0, probed: 0, is_binary: false }
    }

    /// Takes the next bytes of the file; breaks when no more are wanted.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        found: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let probe = bytes.get(..bytes.len().min(TEXT_PROBE_BYTES - self.probed)).unwrap_or_default();
        self.is_binary |= probe.contains(&0);
        self.probed += probe.len();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or_default();
            bytes = rest.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, found)?;
            } else {
                self.add(line, found)?;
                self.partial_line(found)?;
            }
        }
        self.add(bytes, found)
    }

    /// Searches what follows the last line's end.
    pub fn finish(&mut self, found: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.partial.is_empty() { ControlFlow::Continue(()) } else { self.partial_line(found) }
    }

    /// Adds to the line that has no end yet. What is too long is searched as it is.
    fn add(
        &mut self,
        mut bytes: &[u8],
        found: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            let room = MAX_LINE_BYTES - self.partial.len();
            let (now, rest) = bytes.split_at_checked(room).unwrap_or_default();
            self.partial.extend_from_slice(now);
            bytes = rest;
            self.partial_line(found)?;
            // It is the same line still.
            self.number -= 1;
        }
        self.partial.extend_from_slice(bytes);
        ControlFlow::Continue(())
    }

    fn partial_line(&mut self, found: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut line = std::mem::take(&mut self.partial);
        let flow = self.line(&line, found);
        line.clear();
        self.partial = line;
        flow
    }

    fn line(
        &mut self,
        line: &[u8],
        found: &mut dyn FnMut(LineMatch<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.number += 1;
        if self.max_count == 0 {
            return ControlFlow::Break(());
        }
        if !self.regex.is_match(line) {
            return ControlFlow::Continue(());
        }
        if self.is_binary || line.contains(&0) {
            found(LineMatch::Binary)?;
            return ControlFlow::Break(());
        }
        let bytes = line.get(..MAX_SHOWN_BYTES).unwrap_or(line);
        let is_cut = bytes.len() < line.len();
        found(LineMatch::Line { number: self.number, bytes, is_cut })?;
        self.max_count -= 1;
        if self.max_count == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers and lines that match, of a file that comes in parts of `len` bytes.
    fn search(pattern: &str, file: &[u8], len: usize, max_count: u64) -> Vec<(u64, String)> {
        let regex = Regex::new(pattern).unwrap();
        let mut search = LineSearch::new(&regex, max_count);
        let mut all = Vec::new();
        let mut found = |line: LineMatch<'_>| {
            all.push(match line {
                LineMatch::Line { number, bytes, .. } => {
                    (number, String::from_utf8_lossy(bytes).into_owned())
                }
                LineMatch::Binary => (0, "binary".into()),
            });
            ControlFlow::Continue(())
        };
        if file.chunks(len).try_for_each(|part| search.push(part, &mut found)).is_continue() {
            let _ = search.finish(&mut found);
        }
        all
    }

    #[test]
    fn lines_are_found_wherever_the_parts_begin() {
        let file = b"one\ntwo\n\nthree\nlast two";
        for len in 1..30 {
            let found = search("^two$|e$|last", file, len, u64::MAX);
            let want = [(1, "one"), (2, "two"), (4, "three"), (5, "last two")];
            assert_eq!(found, want.map(|(number, line)| (number, line.to_owned())), "{len}");
            assert_eq!(search("two", file, len, 1).len(), 1);
        }
        assert_eq!(search("^$", b"\n\nx", 2, u64::MAX).len(), 2);
        assert_eq!(search("x", b"\0\nx\nx\n", 2, u64::MAX), [(0, "binary".into())]);
        assert_eq!(search("x", b"x\0", 1, u64::MAX), [(0, "binary".into())]);
    }

    #[test]
    fn a_long_line_is_searched_to_its_end_and_shown_in_part() {
        let mut file = vec![b'a'; 3 * MAX_LINE_BYTES + 5];
        file.extend(b"needle\nneedle");
        let found = search("needle", &file, 100_000, u64::MAX);
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
        let long = vec![b'x'; 10_000];
        assert_eq!(search("x", &long, 64, u64::MAX)[0].1.len(), MAX_SHOWN_BYTES);
    }

    proptest! {
        #[test]
        fn the_parts_that_a_file_comes_in_do_not_matter(file in "[ab\\n]{0,80}", len in 1_usize..20) {
            let want: Vec<_> = file
                .split_inclusive('\n')
                .map(|line| line.trim_end_matches('\n'))
                .zip(1..)
                .filter(|(line, _)| line.contains("ab"))
                .map(|(line, number)| (number, line.to_owned()))
                .collect();
            prop_assert_eq!(search("ab", file.as_bytes(), len, u64::MAX), want);
        }
    }
}
