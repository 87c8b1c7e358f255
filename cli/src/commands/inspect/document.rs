//! An image as the JSON document of Docker's API, keys in Docker's order.

use super::{Failure, ImageDetails, Json, time};

/// Members of `Config` in Docker's order; those without a value here are left
/// out when the image does not have them.
const CONFIG: &[(&str, Option<Json>)] = &[
    ("Hostname", EMPTY),
    ("Domainname", EMPTY),
    ("User", EMPTY),
    ("AttachStdin", NO),
    ("AttachStdout", NO),
    ("AttachStderr", NO),
    ("ExposedPorts", None),
    ("Tty", NO),
    ("OpenStdin", NO),
    ("StdinOnce", NO),
    ("Env", NULL),
    ("Cmd", NULL),
    ("Healthcheck", None),
    ("ArgsEscaped", None),
    ("Image", EMPTY),
    ("Volumes", NULL),
    ("WorkingDir", EMPTY),
    ("Entrypoint", NULL),
    ("NetworkDisabled", None),
    ("MacAddress", None),
    ("OnBuild", NULL),
    ("Labels", NULL),
    ("StopSignal", None),
    ("StopTimeout", None),
    ("Shell", None),
];
const EMPTY: Option<Json> = Some(Json::String(String::new()));
const NO: Option<Json> = Some(Json::Bool(false));
const NULL: Option<Json> = Some(Json::Null);

/// The document of `image`.
///
/// # Errors
/// If its config is no JSON, which no image in a sound store has.
pub fn of(image: &ImageDetails) -> Result<Json, Failure> {
    // An image of which nothing can be run has none.
    let source = if image.config.is_empty() { Ok(Json::Null) } else { Json::parse(&image.config) };
    let source =
        source.map_err(|error| Failure::error(format!("config of {}: {error}", image.summary.id)))?;
    let text = |key| Json::from(source.get(key).and_then(Json::as_str).unwrap_or_default());
    let summary = &image.summary;
    let size = Json::from(summary.content_bytes);
    let mut members: Vec<(&str, Json)> = vec![
        ("Id", summary.id.to_string().into()),
        ("RepoTags", tags(image)),
        ("RepoDigests", digests(image)),
        ("Parent", "".into()),
        ("Comment", comment(&source)),
        ("Created", source.get("created").cloned().unwrap_or_else(|| time::GO_ZERO.into())),
        ("DockerVersion", text("docker_version")),
        ("Author", text("author")),
        ("Config", config(source.get("config"))),
        ("Architecture", summary.platform.architecture.as_str().into()),
    ];
    if !summary.platform.variant.is_empty() {
        members.push(("Variant", summary.platform.variant.as_str().into()));
    }
    members.push(("Os", summary.platform.os.as_str().into()));
    if let Some(version) = source.get("os.version") {
        members.push(("OsVersion", version.clone()));
    }
    let layers = image.diff_ids.iter().map(|id| id.to_string().into()).collect();
    let tagged = image.tagged.map_or(time::GO_ZERO.into(), time::rfc3339_nanos);
    members.extend([
        ("Size", size.clone()),
        ("VirtualSize", size),
        ("GraphDriver", object([("Data", Json::Null), ("Name", "larder".into())])),
        ("RootFS", object([("Type", "layers".into()), ("Layers", Json::Array(layers))])),
        ("Metadata", object([("LastTagTime", tagged.into())])),
        ("Descriptor", descriptor(image)),
    ]);
    Ok(object(members))
}

pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The comment of the image, or of the last step that made it.
fn comment(source: &Json) -> Json {
    let own = source.get("comment").and_then(Json::as_str).filter(|text| !text.is_empty());
    let last = || match source.get("history") {
        Some(Json::Array(steps)) => steps.last()?.get("comment")?.as_str(),
        _ => None,
    };
    own.or_else(last).unwrap_or_default().into()
}

fn tags(image: &ImageDetails) -> Json {
    let names = image.summary.references.iter().filter(|name| name.tag().is_some());
    Json::Array(names.map(|name| name.familiar().into()).collect())
}

/// `repository@digest`, if the digest came with the image.
fn digests(image: &ImageDetails) -> Json {
    let mut repositories: Vec<String> =
        image.summary.references.iter().map(|name| name.familiar_repository()).collect();
    repositories.dedup();
    if image.summary.manifest_generated {
        repositories.clear();
    }
    Json::Array(
        repositories.iter().map(|name| format!("{name}@{}", image.descriptor.digest).into()).collect(),
    )
}

/// The config with everything that Docker would show of it.
pub(super) fn config(source: Option<&Json>) -> Json {
    let mut members: Vec<(String, Json)> = CONFIG
        .iter()
        .filter_map(|(key, default)| {
            let value = source.and_then(|config| config.get(key)).or(default.as_ref())?;
            Some(((*key).to_owned(), value.clone()))
        })
        .collect();
    if let Some(Json::Object(others)) = source {
        let known = |key: &str| CONFIG.iter().any(|(known, _)| *known == key);
        members.extend(others.iter().filter(|(key, _)| !known(key)).cloned());
    }
    Json::Object(members)
}

fn descriptor(image: &ImageDetails) -> Json {
    let descriptor = &image.descriptor;
    let mut members = vec![
        ("mediaType", Json::from(descriptor.media_type.as_str())),
        ("digest", descriptor.digest.to_string().into()),
        ("size", descriptor.size.into()),
    ];
    if !descriptor.annotations.is_empty() {
        let annotations =
            descriptor.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str().into()));
        members.push(("annotations", object(annotations)));
    }
    if let Some(platform) = &descriptor.platform {
        let mut parts = vec![("architecture", platform.architecture.as_str()), ("os", platform.os.as_str())];
        if !platform.variant.is_empty() {
            parts.push(("variant", &platform.variant));
        }
        members.push(("platform", object(parts.into_iter().map(|(key, part)| (key, part.into())))));
    }
    object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_shows_what_docker_shows_and_loses_nothing() {
        let source = Json::parse(br#"{"Labels":{"k":"v"},"Odd":1,"Shell":["x"],"Cmd":["y"]}"#).unwrap();
        let want = "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,\
                    \"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,\
                    \"StdinOnce\":false,\"Env\":null,\"Cmd\":[\"y\"],\"Image\":\"\",\"Volumes\":null,\
                    \"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":{\"k\":\"v\"},\
                    \"Shell\":[\"x\"],\"Odd\":1}";
        assert_eq!(config(Some(&source)).compact(crate::output::json::Html::Plain), want);
    }
}
