//! Where a copy lands: the rules of `docker cp`.
//!
//! | source    | target                  | it becomes                      |
//! |-----------|-------------------------|---------------------------------|
//! | any       | a directory             | the source's name in it         |
//! | `dir/.`   | a directory             | what is in the source, in it    |
//! | directory | a file                  | an error                        |
//! | file      | a file                  | the target                      |
//! | directory | not there               | the target                      |
//! | file      | not there, ends in `/`  | an error                        |
//! | file      | not there               | the target                      |

use super::error::Error;
use super::path::parent;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is called; empty if what is in it is meant.
    pub name: Vec<u8>,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// Where it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The path, absolute and clean; no link is at its end.
    pub path: Vec<u8>,
    /// Whether it is a directory, if it is there.
    pub is_directory: Option<bool>,
    /// Whether it was said to be a directory.
    pub asserts_directory: bool,
}

/// Where a copy lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// In this directory, which has to be there.
    pub dir: Vec<u8>,
    /// Under this name; empty for the directory itself.
    pub name: Vec<u8>,
}

/// Where `source` lands.
///
/// # Errors
/// If it cannot be copied there.
pub fn landing(source: &Source, target: &Target) -> Result<Landing, Error> {
    let name = target.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let as_target = || Landing { dir: parent(&target.path).to_vec(), name: name.to_vec() };
    match target.is_directory {
        Some(true) => Ok(Landing { dir: target.path.clone(), name: source.name.clone() }),
        Some(false) if source.is_directory => Err(Error::CannotCopyDirectory),
        Some(false) => Ok(as_target()),
        None if source.is_directory => Ok(as_target()),
        None if target.asserts_directory => Err(Error::NoDirectory),
        None => Ok(as_target()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_lands_as_docker_says() {
        let source = |name: &str, is_directory| Source { name: name.into(), is_directory };
        let target = |is_directory, asserts_directory| Target {
            path: b"/to/it".to_vec(),
            is_directory,
            asserts_directory,
        };
        let land = |source: Source, target| {
            let landing = landing(&source, &target).map_err(|error| error.to_string())?;
            Ok::<_, String>([landing.dir, b"|".to_vec(), landing.name].concat())
        };
        let (file, dir, content) = (source("f", false), source("d", true), source("", true));
        for (source, target, wanted) in [
            (&file, target(Some(true), false), Ok("/to/it|f")),
            (&dir, target(Some(true), true), Ok("/to/it|d")),
            (&content, target(Some(true), false), Ok("/to/it|")),
            (&dir, target(Some(false), false), Err("cannot copy directory")),
            (&file, target(Some(false), false), Ok("/to|it")),
            (&dir, target(None, true), Ok("/to|it")),
            (&content, target(None, false), Ok("/to|it")),
            (&file, target(None, true), Err("no such directory")),
            (&file, target(None, false), Ok("/to|it")),
        ] {
            let wanted = wanted.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned);
            assert_eq!(land(source.clone(), target.clone()), wanted, "{source:?} to {target:?}");
        }
    }
}
