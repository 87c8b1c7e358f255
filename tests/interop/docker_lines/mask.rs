//! What differs by nature from one run to the next, made the same in both worlds.
//!
//! | | becomes | if |
//! |---|---|---|
//! | 64 or 12 hexadecimal digits | `ID1`, `ID2`, … one number for those that both worlds show first in the same place; `ID` if they show more or fewer | the other world does not say the same ones, and no archive has them |
//! | a time | `NOW` | the other world does not say the same one, and it lies within this test |
//! | `5 seconds`, `About a minute`, … | `A WHILE` | always, and spaces that align columns become three |
//! | the place where the world is | `HERE` | always |
//! | `docker` as the name of the program | `larder` | it is the program that speaks, or is to be called |

use std::collections::BTreeSet;

use jiff::Timestamp;
use regex::{Captures, Regex};

/// What one world has shown so far.
pub struct Mask {
    here: String,
    /// IDs made anew, and what they are called.
    ids: Vec<(String, String)>,
    began: Timestamp,
    patterns: Patterns,
}

struct Patterns {
    id: Regex,
    time: Regex,
    since: Regex,
    program: Regex,
    columns: Regex,
}

impl Patterns {
    fn new() -> Self {
        let regex = |text: &str| Regex::new(text).expect("a regular expression");
        Self {
            id: regex(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b"),
            time: regex(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC)?"),
            since: regex(r"\b(?:Less than a second|\d+ seconds?|About a minute|\d minutes)\b"),
            // As the one who speaks, in a usage line, or quoted as what to type.
            program: regex(r"(?m)(^(?:! )?|^(?:! )?Usage:  |^! \s+|'|, |unknown command: )docker\b"),
            columns: regex(r"( {3}) +"),
        }
    }
}

impl Mask {
    pub fn new(here: &str) -> Self {
        Self { here: here.to_owned(), ids: Vec::new(), began: Timestamp::now(), patterns: Patterns::new() }
    }

    /// What of `text` may be made anew: IDs and times.
    pub fn fresh(&self, text: &str) -> BTreeSet<String> {
        let found = self.patterns.id.find_iter(text).chain(self.patterns.time.find_iter(text));
        found.map(|found| found.as_str().to_owned()).collect()
    }

    /// The IDs in `text` that were not seen before.
    fn unseen(&self, text: &str, fixed: &BTreeSet<String>) -> Vec<String> {
        let text = text.replace(self.here.as_str(), "HERE");
        let mut unseen: Vec<String> = Vec::new();
        for id in self.patterns.id.find_iter(&text).map(|found| found.as_str()) {
            if fixed.contains(id) || self.ids.iter().any(|(known, _)| is_same(known, id)) {
                continue;
            }
            match unseen.iter_mut().find(|known| is_same(known, id)) {
                // The whole ID, which others can begin with.
                Some(known) if known.len() < id.len() => id.clone_into(known),
                Some(_) => {}
                None => unseen.push(id.to_owned()),
            }
        }
        unseen
    }

    /// Gives the IDs that two texts show first the same names, if they show as many; what is
    /// named counts on from `count`.
    pub fn pair(
        docker: (&mut Self, &str),
        larder: (&mut Self, &str),
        fixed: &BTreeSet<String>,
        count: &mut usize,
    ) {
        let (theirs, ours) = (docker.0.unseen(docker.1, fixed), larder.0.unseen(larder.1, fixed));
        let is_paired = theirs.len() == ours.len();
        for (mask, ids) in [(docker.0, &theirs), (larder.0, &ours)] {
            let name = |at: usize| if is_paired { format!("ID{}", *count + at + 1) } else { "ID".to_owned() };
            mask.ids.extend(ids.iter().enumerate().map(|(at, id)| (id.clone(), name(at))));
        }
        *count += if is_paired { ours.len() } else { 0 };
    }

    /// `text` without what differs by nature; `fixed` is what does not.
    pub fn apply(&mut self, text: &str, fixed: &BTreeSet<String>) -> String {
        let Self { here, ids, began, patterns } = self;
        let text = text.replace(here.as_str(), "HERE");
        let text = patterns.id.replace_all(&text, |found: &Captures<'_>| {
            let id = &found[0];
            if fixed.contains(id) {
                return id.to_owned();
            }
            let known = ids.iter().find(|(known, _)| is_same(known, id));
            known.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
        });
        let text = patterns.time.replace_all(&text, |found: &Captures<'_>| {
            let is_now = moment(&found[0]).is_some_and(|moment| moment.as_second() >= began.as_second());
            if is_now && !fixed.contains(&found[0]) { "NOW".to_owned() } else { found[0].to_owned() }
        });
        let text = patterns.program.replace_all(&text, "${1}larder");
        match patterns.since.is_match(&text) {
            true => {
                let text = patterns.since.replace_all(&text, "A WHILE");
                patterns.columns.replace_all(&text, "$1").into_owned()
            }
            false => text.into_owned(),
        }
    }
}

/// Whether one ID is the other, or its beginning.
fn is_same(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// A time as Go or RFC 3339 writes it.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim_end_matches(" +0000 UTC").trim_end_matches('Z').replace(' ', "T");
    format!("{text}Z").parse().ok()
}

#[test]
fn only_what_is_new_is_masked() {
    let (mut theirs, mut ours) = (Mask::new("/tmp/theirs"), Mask::new("/tmp/ours"));
    let (old, new, other) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
    let fixed = BTreeSet::from([old.clone()]);
    let now = Timestamp::now();
    let text = |id: &str, here: &str| {
        format!("{old} {id} {} 2024-03-01T12:00:00Z {now} {here}/x 'docker ps' my docker", &id[..12])
    };
    let (docker, larder) = (text(&new, "/tmp/theirs"), text(&other, "/tmp/ours"));
    let mut count = 4;
    Mask::pair((&mut theirs, &docker), (&mut ours, &larder), &fixed, &mut count);
    let want = format!("{old} ID5 ID5 2024-03-01T12:00:00Z NOW HERE/x 'larder ps' my docker");
    assert_eq!((theirs.apply(&docker, &fixed), count), (want.clone(), 5));
    assert_eq!(ours.apply(&larder, &fixed), want);
    let more = format!("{} {}", "d".repeat(12), "e".repeat(12));
    Mask::pair((&mut theirs, &more), (&mut ours, ""), &fixed, &mut count);
    assert_eq!((theirs.apply(&more, &fixed), count), ("ID ID".to_owned(), 5));
    assert_eq!(ours.apply("Up 5 seconds      x    y", &fixed), "Up A WHILE   x   y");
}
