//! Image configs: platform, layers by diff ID, labels, history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};

use super::descriptor::null_as_empty;
use super::document::parse_object;
use super::{DiffId, DocumentError, Platform};

/// A config as the image-spec's `config.md` has it, of what larder acts on.
///
/// A view: the bytes it was read from are the config, and their digest is the
/// image ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the image runs on.
    pub platform: Platform,
    /// When it was made, if it says so in a way that can be read.
    pub created: Option<Timestamp>,
    /// Who made it; empty where nobody is named.
    pub author: String,
    /// Labels, by key.
    pub labels: BTreeMap<String, String>,
    /// The layers by diff ID, base first.
    pub diff_ids: Vec<DiffId>,
    /// How it came to be, oldest first.
    pub history: Vec<History>,
}

/// One step of an image's making.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, if it says so in a way that can be read.
    #[serde(deserialize_with = "timestamp")]
    pub created: Option<Timestamp>,
    /// The command.
    #[serde(deserialize_with = "null_as_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(deserialize_with = "null_as_empty")]
    pub author: String,
    /// A remark.
    #[serde(deserialize_with = "null_as_empty")]
    pub comment: String,
    /// Whether the step added no layer; the others take the diff IDs in turn.
    #[serde(deserialize_with = "null_as_empty")]
    pub empty_layer: bool,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "null_as_empty")]
    os: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    architecture: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    variant: String,
    #[serde(default, deserialize_with = "timestamp")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "null_as_empty")]
    author: String,
    config: Option<Run>,
    rootfs: Option<RootFs>,
    #[serde(default, deserialize_with = "null_as_empty")]
    history: Vec<History>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(rename = "Labels", default, deserialize_with = "null_as_empty")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "null_as_empty")]
    diff_ids: Vec<DiffId>,
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// When the bytes are not one. `rootfs` must be there: without it the
    /// document is a v1 image's `json`, or something else altogether.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let fields: Fields = parse_object(bytes)?;
        let rootfs = fields.rootfs.ok_or(DocumentError::Missing { field: "rootfs" })?;
        Ok(Self {
            platform: Platform { os: fields.os, architecture: fields.architecture, variant: fields.variant },
            created: fields.created,
            author: fields.author,
            labels: fields.config.map(|run| run.labels).unwrap_or_default(),
            diff_ids: rootfs.diff_ids,
            history: fields.history,
        })
    }
}

/// A time that cannot be read is no reason to refuse an image: it is shown and
/// sorted by, nothing else, and the text stays in the document.
fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok().or_else(|| last_moment(text))))
}

/// The last moment there is, for one of the last two days of the year 9999: jiff leaves them out, so
/// that every time has a date in every time zone.
fn last_moment(text: &str) -> Option<Timestamp> {
    let date: Date = text.get(..10)?.parse().ok()?;
    (date >= date_of_last_moment() && text.get(10..)?.starts_with('T')).then_some(Timestamp::MAX)
}

fn date_of_last_moment() -> Date {
    jiff::tz::Offset::UTC.to_datetime(Timestamp::MAX).date()
}

#[cfg(test)]
mod tests {
    use super::super::Digest;
    use super::*;

    #[test]
    fn a_config_gives_what_it_says() {
        let diff = DiffId(Digest::of("layer"));
        let text = format!(
            r#"{{"architecture":"arm64","os":"linux","variant":"v8","created":"2024-01-02T03:04:05.678901234Z",
            "author":"me","config":{{"Labels":{{"a":"b"}},"Env":null}},"rootfs":{{"type":"layers","diff_ids":["{diff}"]}},
            "history":[{{"created":"2024-01-02T03:04:05Z","created_by":"ADD"}},{{"empty_layer":true,"comment":"c"}}]}}"#
        );
        let config = Config::parse(text.as_bytes()).unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm64/v8");
        assert_eq!(config.created.unwrap().to_string(), "2024-01-02T03:04:05.678901234Z");
        assert_eq!(config.labels, BTreeMap::from([("a".into(), "b".into())]));
        assert_eq!(config.diff_ids, [diff]);
        assert_eq!(config.history[0].created_by, "ADD");
        assert!(config.history[1].empty_layer && !config.history[0].empty_layer);
    }

    #[test]
    fn nulls_and_bad_times_are_taken() {
        let text = r#"{"architecture":null,"created":"yesterday","author":null,"config":{"Labels":null},
            "rootfs":{"diff_ids":null},"history":null}"#;
        let config = Config::parse(text.as_bytes()).unwrap();
        assert_eq!((config.created, config.diff_ids, config.history), (None, vec![], vec![]));
        let text =
            r#"{"created":17,"config":null,"rootfs":{},"history":[{"created":null,"empty_layer":null}]}"#;
        assert_eq!(Config::parse(text.as_bytes()).unwrap().history, [History::default()]);
    }

    #[test]
    fn go_s_time_zero_is_a_time() {
        let config = Config::parse(br#"{"created":"0001-01-01T00:00:00Z","rootfs":{}}"#).unwrap();
        assert_eq!(config.created.unwrap().to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn the_last_day_of_the_year_9999_is_a_time() {
        let created = |text: &str| {
            Config::parse(format!(r#"{{"created":"{text}","rootfs":{{}}}}"#).as_bytes()).unwrap().created
        };
        assert_eq!(created("9999-12-31T23:59:59Z"), Some(Timestamp::MAX));
        assert_eq!(created("9999-12-31"), None);
        assert_eq!(created("10000-01-01T00:00:00Z"), None);
    }

    #[test]
    fn a_config_without_rootfs_is_refused() {
        let refused = |text: &str| Config::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused(r#"{"os":"linux"}"#), r#"the field "rootfs" is missing"#);
        assert_eq!(refused(r#"{"rootfs":{"diff_ids":["sha512:00"]}}"#), "invalid JSON");
        assert_eq!(refused("[]"), "expected an object, got an array");
    }
}
