//! Which images of an archive are wanted, and what they are to be called.

use super::LoadOptions;
use crate::archive::{Plan, PlannedImage, PlannedName};
use crate::image::{Digest, Reference};
use crate::ops::Error;
use crate::ops::tag::check_new_name;

/// An error lists so many names of an archive, which may have a hundred thousand.
const MAX_LISTED: usize = 20;

/// Leaves in `plan` what the options ask for, under the names they ask for.
///
/// # Errors
/// If a pattern is none or fits nothing, or one name is to be given to several images.
pub fn choose(plan: &mut Plan, options: &LoadOptions) -> Result<(), Error> {
    if !options.only.is_empty() {
        keep_only(plan, &options.only)?;
    }
    let Some(tag) = &options.tag else { return Ok(()) };
    check_new_name(Some(tag))?;
    let [image] = plan.images.as_mut_slice() else {
        return Err(Error::ManyToTag { name: tag.familiar(), images: plan.images.len() });
    };
    image.bad_name = None;
    image.names = vec![PlannedName { reference: tag.clone().or_latest(), entry: None }];
    Ok(())
}

/// As everywhere a name goes before an ID. Of an image that is asked for by a name
/// only the names that fit are taken, by its ID all of them.
fn keep_only(plan: &mut Plan, patterns: &[String]) -> Result<(), Error> {
    let mut wanted: Vec<Vec<bool>> = plan.images.iter().map(|image| vec![false; image.names.len()]).collect();
    let mut by_id = vec![false; plan.images.len()];
    for pattern in patterns {
        let mut fits_any = false;
        for (image, wanted) in plan.images.iter().zip(&mut wanted) {
            for (name, wanted) in image.names.iter().zip(wanted) {
                let fits = name.reference.matches(pattern).map_err(Error::Pattern)?;
                *wanted |= fits;
                fits_any |= fits;
            }
        }
        if !fits_any {
            let at = by_prefix(plan, pattern)?.ok_or_else(|| nothing(plan, pattern))?;
            by_id.get_mut(at).into_iter().for_each(|wanted| *wanted = true);
        }
    }
    let images = std::mem::take(&mut plan.images);
    for ((mut image, wanted), by_id) in images.into_iter().zip(wanted).zip(by_id) {
        if !by_id {
            let mut wanted = wanted.into_iter();
            image.names.retain(|_| wanted.next().unwrap_or_default());
        }
        if by_id || !image.names.is_empty() {
            plan.images.push(image);
        }
    }
    Ok(())
}

/// The image with an ID that begins so, or failing that the digest of its root.
fn by_prefix(plan: &Plan, pattern: &str) -> Result<Option<usize>, Error> {
    let prefix = pattern.strip_prefix("sha256:").unwrap_or(pattern);
    if prefix.is_empty() || !prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(None);
    }
    let target = |image: &PlannedImage| image.target.iter().map(|target| target.digest).collect();
    for digests in [ids, target] {
        let mut found: Option<(usize, Digest)> = None;
        for (at, image) in plan.images.iter().enumerate() {
            let Some(second) = digests(image).into_iter().find(|digest| digest.hex().starts_with(prefix))
            else {
                continue;
            };
            if let Some((_, first)) = found.filter(|(_, first)| *first != second) {
                return Err(Error::Ambiguous { prefix: pattern.into(), first, second });
            }
            found = found.or(Some((at, second)));
        }
        if let Some((at, _)) = found {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// The image IDs, as far as they are known before the layers are read.
fn ids(image: &PlannedImage) -> Vec<Digest> {
    let configs = image.variants.iter().filter_map(|variant| variant.config.as_document());
    configs.map(|config| config.descriptor.digest).collect()
}

fn nothing(plan: &Plan, pattern: &str) -> Error {
    let names = plan.images.iter().flat_map(|image| {
        let nameless = if image.names.is_empty() { ids(image) } else { Vec::new() };
        let names = image.references().map(Reference::familiar).collect::<Vec<_>>();
        names.into_iter().chain(nameless.into_iter().take(1).map(|id| id.short()))
    });
    let mut has: Vec<String> = names.collect();
    let more = has.len().saturating_sub(MAX_LISTED);
    has.truncate(MAX_LISTED);
    let mut has = has.join(", ");
    if more > 0 {
        has.push_str(&format!(" and {more} more"));
    }
    Error::NotInArchive { pattern: pattern.into(), has }
}
