//! Names of images, as users write them and as Docker repeats them.

use larder_engine::{Error, ErrorKind, ImageId, Reference, Store, Task};

/// Below this likeness (0 to 1) a name is another name, not a slip.
const LIKENESS: f64 = 0.85;

/// `name` with the tag it stands for, as "no such image" repeats it.
pub fn with_latest(name: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) => reference.or_latest().familiar(),
        Err(_) => name.to_owned(),
    }
}

/// What to call an image in little room: its first name and how many more it has, or its
/// ID.
pub fn shown(references: &[Reference], id: ImageId) -> String {
    match references {
        [] => format!("<none> {}", id.0.short()),
        [one] => one.familiar(),
        [one, more @ ..] => format!("{} +{}", one.familiar(), more.len()),
    }
}

/// Whether `name` is an ID rather than a reference, by its looks.
pub fn is_whole_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The store could not be asked for a name.
#[derive(Debug)]
pub struct LookupError {
    /// Why.
    pub error: Error,
    /// The name.
    pub name: String,
}

impl LookupError {
    fn new(error: Error, name: &str) -> Self {
        Self { error, name: name.to_owned() }
    }
}

/// The name of the container or image that `text` begins with, and the path behind it. If
/// nothing is called so, the name ends at the first colon; `None` if there is none.
///
/// A container's name ends at the first colon. An image's may have some of its own: then it is
/// the longest that is the name of one.
///
/// # Errors
/// If the store cannot be read, with the name that was looked for.
pub fn split_path<'t>(
    store: &Store,
    text: &'t [u8],
    task: &Task,
) -> Result<Option<(String, &'t [u8])>, LookupError> {
    let splits = text.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| {
        let (name, path) = text.split_at(at);
        (String::from_utf8_lossy(name).into_owned(), path.get(1..).unwrap_or_default())
    });
    let splits: Vec<_> = splits.collect();
    let Some((name, path)) = splits.first().cloned() else { return Ok(None) };
    if store.has_container(&name, task).map_err(|error| LookupError::new(error, &name))? {
        return Ok(Some((name, path)));
    }
    for (name, path) in splits.into_iter().rev() {
        if is_image(store, &name).map_err(|error| LookupError::new(error, &name))? {
            return Ok(Some((name, path)));
        }
    }
    Ok(Some((name, path)))
}

/// The same where the path may be left out: what is the name of something is nothing else.
///
/// # Errors
/// As [`split_path`].
pub fn with_path(store: &Store, text: &[u8], task: &Task) -> Result<(String, Option<Vec<u8>>), LookupError> {
    let whole = String::from_utf8_lossy(text).into_owned();
    let is_whole = store.has_container(&whole, task).and_then(|found| Ok(found || is_image(store, &whole)?));
    if is_whole.map_err(|error| LookupError::new(error, &whole))? {
        return Ok((whole, None));
    }
    Ok(match split_path(store, text, task)? {
        Some((name, path)) if path.starts_with(b"/") => (name, Some(path.to_vec())),
        // Nothing is called so: what looks like a name is told.
        _ => match whole.split_once(":/") {
            Some((name, _)) => (name.to_owned(), None),
            None => (whole, None),
        },
    })
}

fn is_image(store: &Store, name: &str) -> Result<bool, Error> {
    match store.inspect(name, None) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the user may have meant by `name`: a hint, if the store has something.
pub fn meant(store: &Store, name: &str) -> Option<String> {
    let images = store.images().ok()?;
    let wanted = with_latest(name);
    let repository = name.parse::<Reference>().ok().map(|reference| reference.familiar_repository());
    let mut names: Vec<(f64, String)> = images
        .iter()
        .flat_map(|image| &image.references)
        .filter_map(|reference| {
            let likeness = if repository.as_ref() == Some(&reference.familiar_repository()) {
                1.0
            } else {
                strsim::jaro_winkler(&wanted, &reference.familiar())
            };
            (likeness > LIKENESS).then(|| (likeness, reference.familiar()))
        })
        .collect();
    if names.iter().any(|(_, name)| *name == wanted) {
        // It is there; something else about it is not.
        return None;
    }
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = names.into_iter().take(3).map(|(_, name)| name).collect();
    if names.is_empty() { None } else { Some(format!("did you mean {}?", names.join(" or "))) }
}

/// What the user may have meant by the container `name`.
pub fn meant_container(store: &Store, name: &str) -> Option<String> {
    let containers = store.containers(false).ok()?.into_iter();
    let liked = containers.map(|container| (strsim::jaro_winkler(name, &container.name), container.name));
    let mut names: Vec<(f64, String)> = liked.filter(|(likeness, _)| *likeness > LIKENESS).collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = names.into_iter().take(3).map(|(_, name)| name).collect();
    if names.is_empty() { None } else { Some(format!("did you mean {}?", names.join(" or "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_stands_for_the_latest() {
        for (name, want) in [
            ("nosuch", "nosuch:latest"),
            ("a/b", "a/b:latest"),
            ("app:1", "app:1"),
            ("docker.io/library/app", "app:latest"),
            ("UPPER", "UPPER"),
        ] {
            assert_eq!(with_latest(name), want);
        }
    }

    #[test]
    fn a_whole_id_is_told_from_a_name() {
        assert!(is_whole_id(&"a".repeat(64)) && is_whole_id(&format!("sha256:{}", "0".repeat(64))));
        assert!(!is_whole_id("2aa8") && !is_whole_id("app:1"));
    }
}
