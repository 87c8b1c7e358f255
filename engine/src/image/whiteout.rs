//! Whiteouts: how a layer says what is gone from the layers below it.
//!
//! See the image-spec's `layer.md`, *Whiteouts*; the names are aufs's.

/// What the name of an entry says, if it is no ordinary name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// `.wh.NAME`: what lower layers have under this name is gone.
    Name(&'a [u8]),
    /// `.wh..wh..opq`: all that lower layers have in this directory is gone.
    Opaque,
    /// `.wh..wh.` and more: notes that aufs left for itself, which mean nothing here.
    Aufs,
}

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const AUFS: &[u8] = b".wh..wh.";

/// A whiteout of no name, or of `.` or `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid whiteout entry")]
pub struct WhiteoutError;

impl<'a> Whiteout<'a> {
    /// What `name`, the last part of a path, says; `None` for an ordinary name.
    ///
    /// # Errors
    /// If it is a whiteout of nothing, `.` or `..`: no layer above could have
    /// removed that.
    pub fn of(name: &'a [u8]) -> Result<Option<Self>, WhiteoutError> {
        let Some(hidden) = name.strip_prefix(PREFIX) else { return Ok(None) };
        match hidden {
            _ if name == OPAQUE => Ok(Some(Self::Opaque)),
            b"" | b"." | b".." => Err(WhiteoutError),
            _ if name.starts_with(AUFS) => Ok(Some(Self::Aufs)),
            _ => Ok(Some(Self::Name(hidden))),
        }
    }

    /// The name that says this.
    pub fn name(self) -> Vec<u8> {
        match self {
            Self::Name(hidden) => [PREFIX, hidden].concat(),
            Self::Opaque => OPAQUE.to_vec(),
            Self::Aufs => AUFS.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whiteout_says_what_it_hides() {
        let of = |name: &'static str| Whiteout::of(name.as_bytes());
        assert_eq!(of("file"), Ok(None));
        assert_eq!(of("x.wh.file"), Ok(None));
        assert_eq!(of(".wh.file"), Ok(Some(Whiteout::Name(b"file"))));
        assert_eq!(of(".wh..hidden"), Ok(Some(Whiteout::Name(b".hidden"))));
        assert_eq!(of(".wh..wh..opq"), Ok(Some(Whiteout::Opaque)));
        assert_eq!(of(".wh..wh.plnk"), Ok(Some(Whiteout::Aufs)));
        for bad in [".wh.", ".wh..", ".wh..."] {
            assert_eq!(of(bad), Err(WhiteoutError), "{bad}");
        }
    }

    #[test]
    fn a_whiteout_has_the_name_it_was_read_from() {
        for name in [".wh.file", ".wh..wh..opq"] {
            assert_eq!(Whiteout::of(name.as_bytes()).unwrap().unwrap().name(), name.as_bytes());
        }
    }
}
