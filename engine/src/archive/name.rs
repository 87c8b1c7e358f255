//! Member names, cleaned up before anything looks at them.

use std::fmt;
use std::sync::Arc;

/// The most bytes of a name, as long as a path may be on Linux.
const MAX_NAME_BYTES: usize = 4096;
/// How much of a hostile name an error repeats.
const SHOWN_CHARS: usize = 200;

/// The name of a member, relative to the archive's root: no `.` or `..` in it,
/// no slash at either end, none doubled. Empty for the root itself. A name that is
/// written with a slash before it starts at that root, as it does for Docker.
///
/// Clones share the text: an archive has hundreds of thousands of names, each
/// of them in several tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName(Arc<str>);

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It leads out of the archive.
    #[error("it leads out of the archive")]
    Outside,
    /// It has a NUL in it.
    #[error("it holds a NUL")]
    Nul,
    /// It is longer than a path may be.
    #[error("it is longer than {MAX_NAME_BYTES} bytes")]
    Long,
    /// It is no text.
    #[error("it is not UTF-8")]
    Encoding,
    /// It names nothing.
    #[error("it is empty")]
    Empty,
}

impl MemberName {
    /// The name written as `raw` in the archive.
    ///
    /// # Errors
    /// What is wrong with it; `..` is refused wherever it stands, since no tool
    /// writes it and two readers may take it for different members.
    pub fn parse(raw: &[u8]) -> Result<Self, NameProblem> {
        let text = check(raw)?;
        if text.split('/').any(|part| part == "..") {
            return Err(NameProblem::Outside);
        }
        Ok(Self(parts(text).collect::<Vec<_>>().join("/").into()))
    }

    /// What a symbolic link of this name with the text `target` points to.
    ///
    /// # Errors
    /// [`NameProblem::Outside`] if that is not inside the archive.
    pub fn link(&self, target: &[u8]) -> Result<Self, NameProblem> {
        let text = check(target)?;
        let mut place: Vec<_> = parts(&self.0).collect();
        place.pop();
        if text.starts_with('/') {
            place.clear();
        }
        for part in parts(text) {
            match part {
                ".." => drop(place.pop().ok_or(NameProblem::Outside)?),
                _ => place.push(part),
            }
        }
        if place.is_empty() { Err(NameProblem::Outside) } else { Ok(Self(place.join("/").into())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the archive's root, `./`.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The hex digits of `blobs/sha256/<hex>`, if this is such a name and they are 64.
    pub fn blob_hex(&self) -> Option<&str> {
        let hex = self.0.strip_prefix("blobs/sha256/")?;
        (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hex)
    }
}

fn check(raw: &[u8]) -> Result<&str, NameProblem> {
    match raw {
        [] => Err(NameProblem::Empty),
        _ if raw.len() > MAX_NAME_BYTES => Err(NameProblem::Long),
        _ if raw.contains(&0) => Err(NameProblem::Nul),
        _ => std::str::from_utf8(raw).map_err(|_| NameProblem::Encoding),
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|part| !matches!(*part, "" | "."))
}

/// The start of a name that is not to be trusted, for an error to show.
pub(super) fn shown(raw: &[u8]) -> String {
    let start = raw.get(..raw.len().min(4 * SHOWN_CHARS)).unwrap_or(raw);
    String::from_utf8_lossy(start).chars().take(SHOWN_CHARS).collect()
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(raw: &str) -> MemberName {
        MemberName::parse(raw.as_bytes()).unwrap()
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for raw in ["a/b", "./a/b", "a//b/", "././a/./b/.", "/a/b", "//a/./b/"] {
            assert_eq!(name(raw).as_str(), "a/b", "{raw}");
        }
        assert!(name("./").is_root() && name(".").is_root() && name("/").is_root());
        assert_eq!(name("a/..b/...").as_str(), "a/..b/...");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let problem = |raw: &[u8]| MemberName::parse(raw).unwrap_err();
        for raw in ["..", "../a", "a/..", "a/../b", "./../a", "/../a"] {
            assert_eq!(problem(raw.as_bytes()), NameProblem::Outside, "{raw}");
        }
        assert_eq!(problem(b"a\0b"), NameProblem::Nul);
        assert_eq!(problem(b"\xff"), NameProblem::Encoding);
        assert_eq!(problem(b""), NameProblem::Empty);
        assert_eq!(problem(&[b'a'; 4097]), NameProblem::Long);
        assert!(MemberName::parse(&[b'a'; 4096]).is_ok());
    }

    #[test]
    fn a_link_is_followed_from_where_it_lies() {
        let link = |from: &str, to: &str| name(from).link(to.as_bytes());
        assert_eq!(link("x/layer.tar", "../y/layer.tar"), Ok(name("y/layer.tar")));
        assert_eq!(link("layer.tar", "other.tar"), Ok(name("other.tar")));
        assert_eq!(link("a/b/c", "./../../d"), Ok(name("d")));
        assert_eq!(link("x/layer.tar", "../../etc/passwd"), Err(NameProblem::Outside));
        assert_eq!(link("layer.tar", ".."), Err(NameProblem::Outside));
        assert_eq!(link("x/layer.tar", "/y/layer.tar"), Ok(name("y/layer.tar")));
        assert_eq!(link("layer.tar", "/../etc/passwd"), Err(NameProblem::Outside));
        assert_eq!(link("a/b", ".."), Err(NameProblem::Outside), "the root is no blob");
    }

    #[test]
    fn a_blob_s_name_is_told_from_others() {
        let hex = "0".repeat(64);
        assert_eq!(name(&format!("./blobs/sha256/{hex}")).blob_hex(), Some(hex.as_str()));
        for other in
            [format!("blobs/sha512/{hex}"), "blobs/sha256/00".into(), format!("x/blobs/sha256/{hex}")]
        {
            assert_eq!(name(&other).blob_hex(), None, "{other}");
        }
    }

    proptest! {
        /// Whatever is accepted stays inside, and is spelled in only one way.
        #[test]
        fn a_name_is_clean_or_refused(raw in "[a./\u{0}é]{0,20}", target in "[a./]{0,20}") {
            if let Ok(name) = MemberName::parse(raw.as_bytes()) {
                for name in [name.link(target.as_bytes()).ok(), Some(name)].into_iter().flatten() {
                    prop_assert!(name.is_root() || name.as_str().split('/').all(|p| !matches!(p, "" | "." | "..")));
                    if !name.is_root() {
                        prop_assert_eq!(MemberName::parse(name.as_str().as_bytes()), Ok(name));
                    }
                }
            }
        }
    }
}
