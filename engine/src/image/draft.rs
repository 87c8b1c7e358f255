//! An image config in the making: a new one, or one made of another's.

use serde_json::{Map, Value, json};

use super::document::parse_object;
use super::{DiffId, DocumentError, History, Platform, RunConfig};

/// An image config that is being made.
///
/// What a config has that larder does not know, such as `os.version`, goes on
/// into the one made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    members: Map<String, Value>,
}

impl Draft {
    /// A config for `platform`, of no layers.
    pub fn new(platform: &Platform) -> Self {
        let mut members = Map::new();
        members.insert("architecture".into(), platform.architecture.clone().into());
        members.insert("os".into(), platform.os.clone().into());
        if !platform.variant.is_empty() {
            members.insert("variant".into(), platform.variant.clone().into());
        }
        Self { members }
    }

    /// A config made of the config `bytes`. What only told how that one was
    /// made is left out: Docker's `container`, `container_config`, `parent` and
    /// the like.
    ///
    /// # Errors
    /// When the bytes are no config.
    pub fn of(bytes: &[u8]) -> Result<Self, DocumentError> {
        let mut members: Map<String, Value> = parse_object(bytes)?;
        for gone in
            ["container", "container_config", "docker_version", "id", "parent", "moby.buildkit.cache.v0"]
        {
            members.remove(gone);
        }
        Ok(Self { members })
    }

    /// Sets what it runs on: `platform` if one is given, else `usual` where the
    /// config does not say.
    pub fn set_platform(&mut self, platform: Option<&Platform>, usual: &Platform) {
        let is_said = ["architecture", "os"].iter().all(|key| self.members.contains_key(*key));
        let Some(platform) = platform.or((!is_said).then_some(usual)) else { return };
        self.members.remove("variant");
        self.members.extend(Self::new(platform).members);
    }

    /// Sets how the image is run.
    pub fn set_run(&mut self, run: &RunConfig) {
        self.members.insert("config".into(), serde_json::to_value(run).unwrap_or_default());
    }

    /// Sets the layers, base first.
    pub fn set_layers(&mut self, diff_ids: &[DiffId]) {
        let diff_ids: Vec<_> = diff_ids.iter().map(ToString::to_string).collect();
        self.members.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    }

    /// Sets when the image was made.
    pub fn set_created(&mut self, created: jiff::Timestamp) {
        self.members.insert("created".into(), created.to_string().into());
    }

    /// Sets by whom; an empty text for nobody.
    pub fn set_author(&mut self, author: &str) {
        match author {
            "" => _ = self.members.remove("author"),
            author => _ = self.members.insert("author".into(), author.into()),
        }
    }

    /// Adds the last step of the history.
    pub fn add_history(&mut self, step: &History) {
        let mut entry = Map::new();
        if let Some(created) = step.created {
            entry.insert("created".into(), created.to_string().into());
        }
        for (key, text) in
            [("created_by", &step.created_by), ("author", &step.author), ("comment", &step.comment)]
        {
            if !text.is_empty() {
                entry.insert(key.into(), text.as_str().into());
            }
        }
        if step.empty_layer {
            entry.insert("empty_layer".into(), true.into());
        }
        if let Some(history) = self.history() {
            history.push(Value::Object(entry));
        }
    }

    /// The steps of the history, to be changed.
    fn history(&mut self) -> Option<&mut Vec<Value>> {
        let history = self.members.entry("history").or_insert_with(|| Value::Array(Vec::new()));
        if !history.is_array() {
            *history = Value::Array(Vec::new());
        }
        history.as_array_mut()
    }

    /// Says of every step that added a layer, but of the first `kept` of them,
    /// that it added none.
    pub fn empty_history_from(&mut self, kept: usize) {
        let mut layers = 0;
        for step in self.history().into_iter().flatten().filter_map(Value::as_object_mut) {
            if step.get("empty_layer").and_then(Value::as_bool).unwrap_or_default() {
                continue;
            }
            layers += 1;
            if layers > kept {
                step.insert("empty_layer".into(), true.into());
            }
        }
    }

    /// The config's bytes: the same for the same config, its members in the
    /// order of their names.
    pub fn encode(&self) -> Vec<u8> {
        Value::Object(self.members.clone()).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Digest};
    use super::*;

    #[test]
    fn a_new_config_reads_back() {
        let mut draft = Draft::new(&"linux/arm/v7".parse().unwrap());
        let (diff, created) = (DiffId(Digest::of("layer")), "2026-01-02T03:04:05.6Z".parse().unwrap());
        draft.set_layers(&[diff]);
        draft.set_created(created);
        draft.set_run(&RunConfig { user: Some("1".into()), ..RunConfig::default() });
        let step =
            History { created: Some(created), comment: "Imported from -".into(), ..History::default() };
        draft.add_history(&step);
        let text = String::from_utf8(draft.encode()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"architecture":"arm","config":{{"User":"1"}},"created":"2026-01-02T03:04:05.6Z","history":[{{"comment":"Imported from -","created":"2026-01-02T03:04:05.6Z"}}],"os":"linux","rootfs":{{"diff_ids":["{diff}"],"type":"layers"}},"variant":"v7"}}"#
            )
        );
        let config = Config::parse(text.as_bytes()).unwrap();
        assert_eq!((config.diff_ids, config.history), (vec![diff], vec![step]));
    }

    #[test]
    fn what_is_not_known_goes_on_and_what_told_of_the_making_does_not() {
        let text = r#"{"os.version":"10","parent":"sha256:x","container_config":{},"history":[{"created_by":"a"},
            {"created_by":"b","empty_layer":true},{"created_by":"c"}],"rootfs":{}}"#;
        let mut draft = Draft::of(text.as_bytes()).unwrap();
        draft.empty_history_from(1);
        let config = Config::parse(&draft.encode()).unwrap();
        assert_eq!(
            config.history.iter().map(|step| step.empty_layer).collect::<Vec<_>>(),
            [false, true, true]
        );
        let text = String::from_utf8(draft.encode()).unwrap();
        assert!(
            text.contains("os.version") && !text.contains("parent") && !text.contains("container_config")
        );
    }

    #[test]
    fn a_history_that_is_none_begins_anew() {
        let mut draft = Draft::of(br#"{"history":null,"rootfs":{}}"#).unwrap();
        draft.add_history(&History { created_by: "x".into(), ..History::default() });
        assert_eq!(Config::parse(&draft.encode()).unwrap().history.len(), 1);
    }
}
