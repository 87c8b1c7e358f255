//! A path as it was given: what it names, and what its end says of it.

/// What the end of a path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    None,
    /// `/`: it is a directory.
    Slash,
    /// `/.`: what is in it is meant.
    Dot,
}

/// A path as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Absolute, without empty parts, `.` and `..`, which are taken back by the
    /// text alone, as Docker does.
    pub clean: Vec<u8>,
    /// What its end says.
    pub tail: Tail,
}

impl Asked {
    /// What `path` says to somebody in the directory `here`.
    pub fn of(path: &[u8], here: &[u8]) -> Self {
        let whole = if path.starts_with(b"/") { path.to_vec() } else { [here, b"/", path].concat() };
        let tail = match path {
            b"." => Tail::Dot,
            _ if path.ends_with(b"/.") => Tail::Dot,
            _ if path.ends_with(b"/") => Tail::Slash,
            _ => Tail::None,
        };
        Self { clean: clean(&whole), tail }
    }

    /// Whether it says that it is a directory.
    pub fn asserts_directory(&self) -> bool {
        self.tail != Tail::None
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &[u8] {
        self.clean.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The directory that it lies in.
    pub fn parent(&self) -> &[u8] {
        parent(&self.clean)
    }
}

/// The directory that the absolute path `clean` lies in.
pub fn parent(clean: &[u8]) -> &[u8] {
    match clean.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(slash) => clean.get(..slash).unwrap_or_default(),
    }
}

/// `path` as an absolute one by its text alone.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    [b"/", &parts.join(&b'/')[..]].concat()
}

/// The parts of a name that stays in the directory that it begins in; `None` if
/// it does not. A slash at the start says nothing.
pub fn parts_inside(name: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop()?,
            _ => parts.push(part),
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_apart_from_its_end() {
        for (path, clean, tail) in [
            ("a", "/here/a", Tail::None),
            ("/a/b/", "/a/b", Tail::Slash),
            ("/a/./b//c/.", "/a/b/c", Tail::Dot),
            (".", "/here", Tail::Dot),
            ("../x", "/x", Tail::None),
            ("/../..", "/", Tail::None),
            ("/", "/", Tail::Slash),
        ] {
            let asked = Asked::of(path.as_bytes(), b"/here");
            assert_eq!((asked.clean.as_slice(), asked.tail), (clean.as_bytes(), tail), "{path}");
        }
        assert_eq!(Asked::of(b"/a", b"").parent(), b"/");
        assert_eq!(Asked::of(b"/a/b", b"").parent(), b"/a");
        assert_eq!(Asked::of(b"/", b"").name(), b"");
    }

    #[test]
    fn a_name_that_leads_out_is_none() {
        assert_eq!(parts_inside(b"/a/../b/./c").unwrap(), [b"b", b"c"]);
        assert_eq!(parts_inside(b"a/../../b"), None);
        assert!(parts_inside(b"./").unwrap().is_empty());
    }
}
