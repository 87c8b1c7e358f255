//! An image's config inside a tar of its files.
//!
//! A global pax header with a `comment` record: what POSIX defines for remarks,
//! and every tool passes over without a word. The record is
//!
//! ```text
//! comment=larder.image.config={"architecture":…,"config":{…},"os":…}
//! ```
//!
//! with the members `architecture`, `config`, `os`, `os.version`,
//! `os.features` and `variant` of the image config, as far as it has them.

use serde_json::{Map, Value};

use crate::image::{Draft, RunConfig};
use crate::tar::{MAX_EXTENSION_BYTES, global_header};
use crate::task::{Event, Task};

const KEY: &[u8] = b"comment";
const PREFIX: &[u8] = b"larder.image.config=";

/// What is carried, if the image has it.
const MEMBERS: [&str; 6] = ["architecture", "config", "os", "os.features", "os.version", "variant"];

/// The longest config that is carried: beyond this tools refuse the header.
const MAX_BYTES: usize = MAX_EXTENSION_BYTES as usize - 100;

/// A header that carries the config `bytes`; nothing, and a word about it, if
/// it is too long.
pub fn encode(bytes: &[u8], task: &Task) -> Vec<u8> {
    let mut members: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
    // In the form in which it is taken over, so that it is the same from then on.
    if let Ok(run) = RunConfig::of_image(bytes) {
        members.insert("config".into(), serde_json::to_value(run).unwrap_or_default());
    }
    let carried = MEMBERS.iter().filter_map(|key| Some(((*key).to_owned(), members.get(*key)?.clone())));
    let text = Value::Object(carried.collect()).to_string();
    if text.len() > MAX_BYTES {
        let text = "the image's config is too long to be carried by a tar, and is left out";
        task.report(&Event::Notice { text });
        return Vec::new();
    }
    global_header(&[(KEY, &[PREFIX, text.as_bytes()].concat())])
}

/// What a tar carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The config, without layers.
    pub draft: Draft,
    /// How the image is run.
    pub run: RunConfig,
}

/// Reads the records of a global header; `None` if they carry no config.
pub fn decode(records: &[(Vec<u8>, Vec<u8>)]) -> Option<Carried> {
    let (_, value) = records.iter().find(|(key, value)| key == KEY && value.starts_with(PREFIX))?;
    let text = value.strip_prefix(PREFIX)?;
    let members: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let known = members.into_iter().filter(|(key, _)| MEMBERS.contains(&key.as_str()));
    let text = Value::Object(known.collect()).to_string();
    Some(Carried { draft: Draft::of(text.as_bytes()).ok()?, run: RunConfig::of_image(text.as_bytes()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::Entries;

    #[test]
    fn a_config_is_carried_there_and_back() {
        let config = br#"{"architecture":"arm64","os":"linux","created":"2024-01-01T00:00:00Z","history":[],
            "config":{"Env":["A=b"],"Odd":1},"rootfs":{"diff_ids":[]}}"#;
        let tar = [encode(config, &Task::silent()), vec![0; 1024]].concat();
        let mut entries = Entries::new(&tar[..]);
        assert!(entries.next().unwrap().is_none());
        let carried = decode(&entries.take_global().unwrap()).unwrap();
        assert_eq!(carried.run.env, Some(vec!["A=b".to_owned()]));
        let text = String::from_utf8(carried.draft.encode()).unwrap();
        assert_eq!(text, r#"{"architecture":"arm64","config":{"Env":["A=b"],"Odd":1},"os":"linux"}"#);
    }

    #[test]
    fn others_remarks_carry_nothing() {
        for value in ["", "5f5a1c", "larder.image.config=", "larder.image.config=[]"] {
            assert_eq!(decode(&[(b"comment".to_vec(), value.into())]), None, "{value}");
        }
    }
}
