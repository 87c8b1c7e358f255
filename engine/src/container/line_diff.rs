//! Two texts compared line by line.

use std::collections::HashMap;
use std::io::Write as _;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token};

/// How many lines are shown around what changed, as in git.
const CONTEXT_LINES: u32 = 3;

/// A line that occurs more often tells the algorithm nothing about where it belongs.
const MAX_OCCURRENCES: u32 = 63;

/// What the lines that tell nothing may come to, those of one text times those of the other: the
/// time of the algorithm grows with it. This is about a second; two texts of a million lines, all
/// of them one of seven, would take half an hour.
const MAX_HARD_PAIRS: u64 = 1 << 29;

/// A line diff of two texts.
pub struct LineDiff<'t> {
    input: InternedInput<&'t [u8]>,
    hunks: Vec<Hunk>,
}

impl<'t> LineDiff<'t> {
    /// Compares `old` with `new`. Where that would take too long, everything between the first
    /// and the last difference is one hunk.
    pub fn new(old: &'t [u8], new: &'t [u8]) -> Self {
        let input = InternedInput::new(old, new);
        let hunks = match hard_hunk(&input.before, &input.after) {
            Some(hunk) => vec![hunk],
            None => {
                let mut diff = Diff::compute(Algorithm::Histogram, &input);
                diff.postprocess_lines(&input);
                diff.hunks().collect()
            }
        };
        Self { input, hunks }
    }

    fn old_lines(&self, from: u32, to: u32) -> impl Iterator<Item = &'t [u8]> {
        let tokens = self.input.before.get(from as usize..to as usize).unwrap_or_default();
        tokens.iter().map(|token| self.input.interner[*token])
    }

    fn new_lines(&self, from: u32, to: u32) -> impl Iterator<Item = &'t [u8]> {
        let tokens = self.input.after.get(from as usize..to as usize).unwrap_or_default();
        tokens.iter().map(|token| self.input.interner[*token])
    }

    /// The bytes of the lines that were added, and of those that were removed.
    pub fn changed_bytes(&self) -> (u64, u64) {
        let (mut added, mut removed) = (0, 0);
        for hunk in &self.hunks {
            removed += self.old_lines(hunk.before.start, hunk.before.end).map(bytes).sum::<u64>();
            added += self.new_lines(hunk.after.start, hunk.after.end).map(bytes).sum::<u64>();
        }
        (added, removed)
    }

    /// The hunks of a unified diff; nothing for equal texts.
    pub fn unified(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut group: Vec<Hunk> = Vec::new();
        for hunk in &self.hunks {
            if let Some(last) = group.last()
                && hunk.before.start - last.before.end > 2 * CONTEXT_LINES
            {
                self.write_group(&group, &mut out);
                group.clear();
            }
            group.push(hunk.clone());
        }
        self.write_group(&group, &mut out);
        out
    }

    /// Writes hunks that are so close that they share their context.
    fn write_group(&self, group: &[Hunk], out: &mut Vec<u8>) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let before = first.before.start.min(CONTEXT_LINES);
        let after = CONTEXT_LINES.min(self.input.before.len() as u32 - last.before.end);
        let (old_start, new_start) = (first.before.start - before, first.after.start - before);
        let old_len = last.before.end + after - old_start;
        let new_len = last.after.end + after - new_start;
        // Writing to a vector cannot fail.
        let _ = writeln!(out, "@@ -{} +{} @@", range(old_start, old_len), range(new_start, new_len));
        let mut at = old_start;
        for hunk in group {
            self.old_lines(at, hunk.before.start).for_each(|line| push(b' ', line, out));
            self.old_lines(hunk.before.start, hunk.before.end).for_each(|line| push(b'-', line, out));
            self.new_lines(hunk.after.start, hunk.after.end).for_each(|line| push(b'+', line, out));
            at = hunk.before.end;
        }
        self.old_lines(at, at + after).for_each(|line| push(b' ', line, out));
    }
}

/// All that differs as one hunk, if finding out more would take too long.
fn hard_hunk(old: &[Token], new: &[Token]) -> Option<Hunk> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(start..)?, new.get(start..)?);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_rest = old_rest.get(..old_rest.len() - end)?;
    let new_rest = new_rest.get(..new_rest.len() - end)?;
    if old_rest.len() as u64 * new_rest.len() as u64 <= MAX_HARD_PAIRS {
        return None;
    }
    let mut counts: HashMap<Token, (u32, u32)> = HashMap::new();
    old_rest.iter().for_each(|token| counts.entry(*token).or_default().0 += 1);
    new_rest.iter().for_each(|token| counts.entry(*token).or_default().1 += 1);
    let in_both = || counts.values().filter(|(old, new)| *old > 0 && *new > 0);
    if in_both().all(|(old, new)| *old.max(new) <= MAX_OCCURRENCES) {
        return None;
    }
    let (mut easy_old, mut easy_new) = (0, 0);
    for (old, new) in in_both().filter(|(old, new)| *old.max(new) <= MAX_OCCURRENCES) {
        easy_old += u64::from(*old);
        easy_new += u64::from(*new);
    }
    let hard = (old_rest.len() as u64 - easy_old) * (new_rest.len() as u64 - easy_new);
    let to = |start: usize, len: usize| start as u32..(start + len) as u32;
    (hard > MAX_HARD_PAIRS)
        .then(|| Hunk { before: to(start, old_rest.len()), after: to(start, new_rest.len()) })
}

fn bytes(line: &[u8]) -> u64 {
    line.len() as u64
}

/// Lines as a hunk's header counts them: from 1, and of none the line before.
fn range(start: u32, len: u32) -> String {
    match len {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        _ => format!("{},{len}", start + 1),
    }
}

fn push(sign: u8, line: &[u8], out: &mut Vec<u8>) {
    out.push(sign);
    out.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unified(old: &str, new: &str) -> String {
        String::from_utf8(LineDiff::new(old.as_bytes(), new.as_bytes()).unified()).unwrap()
    }

    #[test]
    fn hunks_are_those_of_git() {
        assert_eq!(unified("a\n", "a\n"), "");
        assert_eq!(unified("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(unified("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(
            unified("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\nsix"),
            "@@ -3,4 +3,4 @@\n 3\n 4\n 5\n-6\n+six\n\\ No newline at end of file\n"
        );
        let numbers = |changed: &[usize]| -> String {
            (1..=30)
                .map(|n| if changed.contains(&n) { format!("{n}!\n") } else { format!("{n}\n") })
                .collect()
        };
        let near = unified(&numbers(&[]), &numbers(&[10, 16]));
        assert_eq!(near.matches("@@ -").count(), 1, "{near}");
        assert!(near.starts_with("@@ -7,13 +7,13 @@\n 7\n"), "{near}");
        let far = unified(&numbers(&[]), &numbers(&[10, 18]));
        assert_eq!(far.matches("@@ -").count(), 2, "{far}");
    }

    /// Lines that are hard to tell apart, between some that are not.
    #[test]
    fn what_would_take_too_long_is_one_hunk() {
        let text = |seed: u64| -> String {
            let mut state = seed;
            let middle = (0..100_000).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if state >> 63 == 0 { "a\n" } else { "b\n" }
            });
            ["same\n"].into_iter().chain(middle).chain(["end\n"]).collect()
        };
        let (old, new) = (text(1), text(2));
        let hunks = unified(&old, &new);
        assert_eq!(hunks.matches("@@ -").count(), 1);
        assert_eq!(patched(&old, &hunks), new);
    }

    /// Applies hunks, and checks every line that they name.
    fn patched(old: &str, hunks: &str) -> String {
        let old: Vec<_> = old.split_inclusive('\n').collect();
        let (mut at, mut new) = (0, String::new());
        let mut lines = hunks.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let (sign, text) = line.split_at(1);
            let mut text = text.to_owned();
            if lines.peek().is_some_and(|next| next.starts_with('\\')) {
                text.pop();
                lines.next();
            }
            if sign == "@" {
                let from = text[3..].split([',', ' ']).next().unwrap().parse::<usize>().unwrap();
                let is_empty = text[3..].split(' ').next().unwrap().ends_with(",0");
                let from = if is_empty { from } else { from - 1 };
                new.extend(old[at..from].iter().copied());
                at = from;
                continue;
            }
            if sign != "+" {
                assert_eq!(old[at], text);
                at += 1;
            }
            if sign != "-" {
                new.push_str(&text);
            }
        }
        new.extend(old[at..].iter().copied());
        new
    }

    proptest! {
        #[test]
        fn a_patch_makes_the_new_text_of_the_old_one(old in "([ab\\n]|c\\n){0,60}", new in "([ab\\n]|c\\n){0,60}") {
            prop_assert_eq!(patched(&old, &unified(&old, &new)), new.clone());
            let (added, removed) = LineDiff::new(old.as_bytes(), new.as_bytes()).changed_bytes();
            prop_assert_eq!(old.len() as u64 + added - removed, new.len() as u64);
        }
    }
}
