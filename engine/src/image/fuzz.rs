//! Any bytes as the names and documents of an image.

use std::fmt;
use std::str::FromStr;

use super::{Config, Descriptor, Digest, Index, Manifest, Platform, Reference};

/// Any text as a reference, a digest and a platform; behind a line end, a pattern.
///
/// 1. What is read is shown as text that reads as the same again.
/// 2. So is its familiar form, and it is never longer.
/// 3. `latest` is put in where there is neither tag nor digest, and nowhere else.
/// 4. A pattern without meaning fits its own text.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, pattern) = text.split_once('\n').unwrap_or((text, "*"));
    reads_back::<Digest>(text);
    reads_back::<Platform>(text);
    let Some(reference) = reads_back::<Reference>(text) else { return };
    let familiar = reference.familiar();
    assert_eq!(familiar.parse().as_ref(), Ok(&reference));
    assert!(familiar.len() <= reference.to_string().len());
    let tagged = reference.clone().or_latest();
    assert!(tagged.tag().is_some() || tagged.digest().is_some());
    assert_eq!(tagged == reference, reference.tag().is_some() || reference.digest().is_some());
    let _ = reference.matches(pattern);
    if !pattern.contains(['*', '?', '[', '\\']) {
        let texts = [familiar.as_str(), &reference.familiar_repository(), &reference.to_string()];
        assert_eq!(reference.matches(pattern).ok(), Some(texts.contains(&pattern)));
    }
}

fn reads_back<T: FromStr + PartialEq + fmt::Debug + fmt::Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string().parse().ok().as_ref(), Some(&value));
    Some(value)
}

/// Any bytes as a manifest, an index and a config.
///
/// 1. No document is both a manifest and an index.
/// 2. A line of an index is kept as it stands in the index, if it is kept.
/// 3. A manifest, or an index, made of what was read is read as the same.
pub fn documents(data: &[u8]) {
    let manifest = Manifest::parse(data).ok();
    let index = Index::parse(data).ok();
    assert!(manifest.is_none() || index.is_none(), "{manifest:?} {index:?}");
    if let Some(manifest) = manifest {
        let bytes = Manifest::generate(&manifest.config, &manifest.layers);
        let again = Manifest::parse(&bytes).expect("a manifest that was made here");
        let brief = |manifest: &Manifest| {
            let all = std::iter::once(&manifest.config).chain(&manifest.layers);
            all.map(|it| (it.media_type.clone(), it.digest, it.size)).collect::<Vec<_>>()
        };
        assert_eq!(brief(&again), brief(&manifest));
    }
    if let Some(index) = index {
        let stands = |raw: &str| data.windows(raw.len()).any(|window| window == raw.as_bytes());
        assert!(index.manifests.iter().filter_map(|entry| entry.raw.as_deref()).all(stands));
        let entries: Vec<Descriptor> = index.manifests.into_iter().map(|entry| entry.descriptor).collect();
        let again = Index::parse(&Index::generate(&entries)).expect("an index that was made here");
        let again: Vec<_> = again.manifests.into_iter().map(|entry| entry.descriptor).collect();
        assert_eq!(again, entries);
    }
    let _ = Config::parse(data);
}
