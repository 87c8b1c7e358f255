//! Archives from before Docker 1.10: `repositories`, and a directory for each
//! layer with its `json` and `layer.tar`.
//!
//! There is no config. Docker made one on loading; so does larder, in the same
//! way, that the same archive has the same image ID in both: the last layer's
//! document without what belongs to the layer alone, with `rootfs` and
//! `history` added, keys sorted, written as Go does. Documents of Docker before
//! 1.8.3, which it rewrote field by field, may get another ID here.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::plan::{PlannedConfig, PlannedImage, PlannedName, PlannedVariant};
use super::planner::{Planner, bad, named};
use super::views::check_platform;
use super::{BadName, Error, MemberName, Refusal};
use crate::image::{Config, DiffId, Digest, Platform, Reference, ReferenceError, parse_object};

/// The entry page.
pub(super) const REPOSITORIES: &str = "repositories";

/// The most layers of an image: overlayfs cannot stack more than 500, and
/// Docker stops at 125.
const MAX_ANCESTORS: usize = 500;

/// What belongs to a layer, and not to an image that ends with it.
const LAYER_FIELDS: &[&str] = &["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

/// A config that wants only its diff IDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Config {
    /// The last layer's document by key, each value as it will be written.
    fields: BTreeMap<String, String>,
}

impl V1Config {
    /// The config of the image whose layers have these diff IDs, base first.
    ///
    /// The same layers always give the same bytes.
    pub fn document(&self, diff_ids: &[DiffId]) -> Vec<u8> {
        let ids: Vec<_> = diff_ids.iter().map(|diff| format!("\"{diff}\"")).collect();
        // As Go leaves out an empty list.
        let ids = if ids.is_empty() { String::new() } else { format!(",\"diff_ids\":[{}]", ids.join(",")) };
        let mut fields = self.fields.clone();
        fields.insert("rootfs".into(), format!("{{\"type\":\"layers\"{ids}}}"));
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    }
}

/// A layer's `json`, of what larder acts on.
#[derive(Deserialize)]
struct V1Image {
    os: Option<String>,
    architecture: Option<String>,
    parent: Option<String>,
    created: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    container_config: Option<ContainerConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    cmd: Option<Value>,
}

/// The images that have a name; there is no other way to have one here.
pub(super) fn images(
    planner: &mut Planner<'_>,
    repositories: &MemberName,
) -> Result<Vec<PlannedImage>, Error> {
    type Repositories = BTreeMap<String, Option<BTreeMap<String, String>>>;
    let (bytes, _) = planner.document("the list of images", repositories, repositories)?;
    let list: Repositories = parse_object(&bytes).map_err(bad(repositories))?;
    let mut images = Vec::<PlannedImage>::new();
    let mut known = HashMap::new();
    for (repository, tags) in &list {
        for (tag, id) in tags.iter().flatten() {
            let at = match known.get(id) {
                Some(at) => *at,
                None => {
                    images.push(image(planner, id, repositories)?);
                    known.insert(id, images.len() - 1);
                    images.len() - 1
                }
            };
            let Some(image) = images.get_mut(at) else { continue };
            match tagged(repository, tag, repositories) {
                Ok(reference) if planner.claim(&reference, Digest::of(id), repositories)? => {
                    image.names.push(PlannedName { reference, entry: None });
                }
                Ok(_) => {}
                Err(bad_name) => image.note(bad_name),
            }
        }
    }
    Ok(images)
}

fn tagged(repository: &str, tag: &str, document: &MemberName) -> Result<Reference, BadName> {
    let text = format!("{repository}:{tag}");
    let base = BadName::parse(repository, document)?;
    let tagged = match base.tag().is_none() && base.digest().is_none() {
        true => base.with_tag(tag),
        false => Err(ReferenceError::Format),
    };
    tagged.map_err(|source| BadName::reference(&text, document, source))
}

fn image(planner: &mut Planner<'_>, top: &str, repositories: &MemberName) -> Result<PlannedImage, Error> {
    let mut layers = Vec::new();
    let mut history = Vec::new();
    let mut seen = HashSet::new();
    let mut platform = None;
    let mut fields = BTreeMap::new();
    let (mut id, mut named_by) = (top.to_owned(), repositories.clone());
    loop {
        check_id(&id, &named_by)?;
        if !seen.insert(id.clone()) || seen.len() > MAX_ANCESTORS {
            return Err(Error::Ancestors { member: top.to_owned(), limit: MAX_ANCESTORS });
        }
        let json = named(&format!("{id}/json"), named_by.as_str())?;
        let (bytes, _) = planner.document("the layer's description", &json, &named_by)?;
        let v1: V1Image = parse_object(&bytes).map_err(bad(&json))?;
        if platform.is_none() {
            fields = image_fields(&bytes).map_err(bad(&json))?;
            let first = Platform {
                os: v1.os.clone().filter(|os| !os.is_empty()).unwrap_or_else(|| "linux".into()),
                architecture: v1.architecture.clone().unwrap_or_default(),
                variant: String::new(),
            };
            check_platform(&first, &json)?;
            platform = Some(first);
            for value in fields.values() {
                planner.count_made(&json, value)?;
            }
        }
        let layer = named(&format!("{id}/layer.tar"), json.as_str())?;
        layers.push(planner.layer(&layer, None, &json)?);
        let entry = history_entry(&v1);
        planner.count_made(&json, &entry)?;
        history.push(entry);
        match v1.parent.filter(|parent| !parent.is_empty()) {
            Some(parent) => (id, named_by) = (parent, json),
            None => break,
        }
    }
    layers.reverse();
    history.reverse();
    fields.insert("history".into(), format!("[{}]", history.join(",")));
    let config = V1Config { fields };
    // What it will be must be a config; its fields are the archive's.
    let at = named(&format!("{top}/json"), repositories.as_str())?;
    Config::parse(&config.document(&[])).map_err(bad(&at))?;

    let platform = platform.unwrap_or_default();
    planner.count_image()?;
    let mut image = PlannedImage {
        names: Vec::new(),
        target: None,
        entry: None,
        documents: Vec::new(),
        variants: Vec::new(),
        carried: Vec::new(),
        absent: Vec::new(),
        refusal: None,
        bad_name: None,
    };
    if planner.wants(&platform) && platform.os == "linux" {
        let config = PlannedConfig::FromV1(config);
        image.variants.reserve_exact(1);
        image.variants.push(PlannedVariant { manifest: None, config, platform, layers });
        return Ok(image);
    }
    image.refusal = Refusal::of(&image, &at, &[platform], planner).map(Box::new);
    Ok(image)
}

/// An id becomes part of a member name: nothing but 64 hex digits will do
/// (CVE-2014-9358).
fn check_id(id: &str, named_by: &MemberName) -> Result<(), Error> {
    let source = match Digest::from_hex(id) {
        Ok(_) => return Ok(()),
        Err(source) => source,
    };
    Err(Error::BadDigest { document: named_by.to_string(), source })
}

fn image_fields(bytes: &[u8]) -> Result<BTreeMap<String, String>, crate::image::DocumentError> {
    let raw: BTreeMap<String, Box<RawValue>> = parse_object(bytes)?;
    let kept = raw.into_iter().filter(|(key, _)| !LAYER_FIELDS.contains(&key.as_str()));
    Ok(kept.map(|(key, value)| (key, compact(value.get()))).collect())
}

fn history_entry(v1: &V1Image) -> String {
    let command = match v1.container_config.as_ref().and_then(|config| config.cmd.as_ref()) {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Some(Value::String(word)) => word.clone(),
        _ => String::new(),
    };
    let created = v1.created.as_deref().unwrap_or("0001-01-01T00:00:00Z");
    let mut entry = format!("{{\"created\":{}", quoted(created));
    let texts = [
        ("author", v1.author.as_deref()),
        ("created_by", Some(&command)),
        ("comment", v1.comment.as_deref()),
    ];
    for (key, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            entry.push_str(&format!(",\"{key}\":{}", quoted(text)));
        }
    }
    entry.push('}');
    entry
}

fn quoted(text: &str) -> String {
    compact(&Value::from(text).to_string())
}

/// JSON as Go writes it: no white space, and no character in strings that
/// could mean something to a browser.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in json.chars() {
        match char {
            _ if !in_string && char.is_ascii_whitespace() => continue,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(char)));
                continue;
            }
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && char == '\\' && !escaped;
        out.push(char);
    }
    out
}
