//! The extended attributes of overlayfs.

/// Where overlayfs keeps its own, as root and for everybody.
pub(super) const SPACES: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
/// Begins an attribute that is not overlayfs's own, although it looks so.
pub(super) const ESCAPE: &[u8] = b"overlay.";

/// Where overlayfs looks for its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// `trusted.overlay.*`: who is root to the whole machine mounts so.
    Trusted,
    /// `user.overlay.*`: a mount with `userxattr`, as in a user namespace.
    User,
}

impl Space {
    /// The attribute by which overlayfs keeps `mark`.
    pub(super) fn attribute(self, mark: &str) -> Vec<u8> {
        let [trusted, user] = SPACES;
        [if self == Self::Trusted { trusted } else { user }, mark.as_bytes()].concat()
    }

    /// The attribute `name` of an image as it is put on disk: a mount that has its own
    /// here shows those of the other space as they are.
    pub(super) fn escaped(self, name: &[u8]) -> Vec<u8> {
        match name.starts_with(&self.attribute("")) {
            true => escaped(name),
            false => name.to_vec(),
        }
    }
}

/// The attribute `name` of an image as it is put on disk.
pub(super) fn escaped(name: &[u8]) -> Vec<u8> {
    match SPACES.iter().find_map(|space| Some((space, name.strip_prefix(*space)?))) {
        Some((space, rest)) => [space, ESCAPE, rest].concat(),
        None => name.to_vec(),
    }
}
