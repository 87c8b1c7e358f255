//! Names of images, as users write them and as Docker repeats them.

use larder_engine::{Reference, Store};

/// Below this likeness (0 to 1) a name is another name, not a slip.
const LIKENESS: f64 = 0.85;

/// `name` with the tag it stands for, as "no such image" repeats it.
pub fn with_latest(name: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) if reference.tag().is_none() && reference.digest().is_none() => {
            format!("{}:latest", reference.familiar())
        }
        Ok(reference) => reference.familiar(),
        Err(_) => name.to_owned(),
    }
}

/// The two columns of a listing: the familiar repository, and the tag if any.
pub fn columns(reference: &Reference) -> (String, Option<String>) {
    let familiar = reference.familiar();
    let named = familiar.split('@').next().unwrap_or_default();
    match reference.tag() {
        Some(tag) => {
            let repository = named.strip_suffix(tag).and_then(|name| name.strip_suffix(':')).unwrap_or(named);
            (repository.to_owned(), Some(tag.to_owned()))
        }
        None => (named.to_owned(), None),
    }
}

/// Whether `name` is an ID rather than a reference, by its looks.
pub fn is_whole_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the user may have meant by `name`: a hint, if the store has something.
pub fn meant(store: &Store, name: &str) -> Option<String> {
    let images = store.images().ok()?;
    let wanted = with_latest(name);
    let repository = wanted.rsplit_once(':').map_or(wanted.as_str(), |(repository, _)| repository);
    let mut names: Vec<(f64, String)> = images
        .iter()
        .flat_map(|image| &image.references)
        .filter_map(|reference| {
            let likeness = if columns(reference).0 == repository {
                1.0
            } else {
                strsim::jaro_winkler(&wanted, &reference.familiar())
            };
            (likeness > LIKENESS).then(|| (likeness, reference.familiar()))
        })
        .collect();
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
    fn a_reference_fills_two_columns() {
        let columns = |text: &str| columns(&text.parse().unwrap());
        assert_eq!(columns("app:1"), ("app".into(), Some("1".into())));
        assert_eq!(columns("localhost:5000/a/b:x"), ("localhost:5000/a/b".into(), Some("x".into())));
        let digest = format!("app@sha256:{}", "0".repeat(64));
        assert_eq!(columns(&digest), ("app".into(), None));
    }

    #[test]
    fn a_whole_id_is_told_from_a_name() {
        assert!(is_whole_id(&"a".repeat(64)) && is_whole_id(&format!("sha256:{}", "0".repeat(64))));
        assert!(!is_whole_id("2aa8") && !is_whole_id("app:1"));
    }
}
