//! How an image is run: the member `config` of an image config.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::DocumentError;
use super::document::parse_object;
use super::go_json;

/// Names that stand for themselves, as Docker writes sets: `{"80/tcp": {}}`.
pub type NameSet = BTreeMap<String, Value>;

/// The member `config` of an image config (image-spec `config.md`, Docker's
/// `Config`): what a process in a container of the image is started with.
///
/// Unlike [`Config`](super::Config), which is a view, this one is written
/// again, when an image or a container is made of another: members that larder
/// does not know stay as they are, and absent ones stay absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RunConfig {
    /// The host name; images of `docker commit` have their container's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The domain name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// Who runs it: `user`, `uid`, `user:group` or `uid:gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the one who started it listens to its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_stdin: Option<bool>,
    /// Whether they see its output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_stdout: Option<bool>,
    /// Whether they see its errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_stderr: Option<bool>,
    /// Ports that it listens on, as `80/tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<NameSet>,
    /// Whether it has a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    /// Whether its standard input stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_stdin: Option<bool>,
    /// Whether its standard input ends with the first that was attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_once: Option<bool>,
    /// The environment, as `NAME=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// The arguments; the whole command where there is no entrypoint.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub cmd: Option<Vec<String>>,
    /// How its health is found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Whether the command line is escaped already, as Windows wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_escaped: Option<bool>,
    /// The name of the image that a container was created of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Directories whose content is kept apart from the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<NameSet>,
    /// The working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// What the command is made of, before the arguments.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub entrypoint: Option<Vec<String>>,
    /// Instructions for builds that start from the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Labels, by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The signal that asks it to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// For how many seconds it may take its time then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// What runs commands that are given as one text.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub shell: Option<Vec<String>>,
    /// Members that larder does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// How the health of a container is found out; times in nanoseconds, 0 for the
/// engine's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `NONE`, or `CMD` and arguments, or `CMD-SHELL` and one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    /// How long to wait between two checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// How long one may take.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// For how long after the start failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// How long to wait between two checks in that time.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// After how many failures in a row it is ill.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
    /// Members that larder does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Docker reads a command that is one string as a list of one.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<Words>::deserialize(deserializer)?.map(|words| match words {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
    }))
}

/// The fields of [`RunConfig`] as they are written.
const FIELDS: &[&str] = &[
    "Hostname",
    "Domainname",
    "User",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "ExposedPorts",
    "Tty",
    "OpenStdin",
    "StdinOnce",
    "Env",
    "Cmd",
    "Healthcheck",
    "ArgsEscaped",
    "Image",
    "Volumes",
    "WorkingDir",
    "Entrypoint",
    "OnBuild",
    "Labels",
    "StopSignal",
    "StopTimeout",
    "Shell",
];

/// The fields of [`Healthcheck`] as they are written.
const HEALTHCHECK_FIELDS: &[&str] =
    &["Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"];

impl RunConfig {
    /// Reads the member `config` of the image config `bytes`; what an image
    /// without one has is empty.
    ///
    /// # Errors
    /// When the bytes are no image config.
    pub fn of_image(bytes: &[u8]) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Fields {
            config: Option<Box<RawValue>>,
        }
        let fields: Fields = parse_object(bytes)?;
        let known = go_json::Fields { own: FIELDS, nested: &[("Healthcheck", HEALTHCHECK_FIELDS)] };
        let read = fields.config.map(|raw| go_json::from_raw(&raw, known)).transpose();
        Ok(read.map_err(|source| DocumentError::Json { source })?.unwrap_or_default())
    }

    /// What runs commands that are given as one text.
    pub fn shell_or_default(&self) -> Vec<String> {
        match &self.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => ["/bin/sh", "-c"].map(str::to_owned).into(),
        }
    }

    /// Sets the variable `name`, in the place that it has already.
    pub fn set_env(&mut self, name: &str, value: &str) {
        set_variable(self.env.get_or_insert_default(), name, value);
    }
}

/// Sets the variable `name` of an environment, in the place that it has already.
pub fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let set = format!("{name}={value}");
    let is_it = |variable: &&mut String| variable.split('=').next() == Some(name);
    match env.iter_mut().find(is_it) {
        Some(variable) => *variable = set,
        None => env.push(set),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_config_of_an_image_is_read_as_go_reads_it() {
        let text = r#"{"CONFIG":{"cmd":"/bin/true","Shell":"/bin/sh","env":["A=1",null],"Labels":{"a":"1","A":"2"}}}"#;
        let read = RunConfig::of_image(text.as_bytes()).unwrap();
        assert_eq!(read.cmd, Some(vec!["/bin/true".to_owned()]));
        assert_eq!(read.shell, Some(vec!["/bin/sh".to_owned()]));
        assert_eq!(read.env, Some(vec!["A=1".to_owned(), String::new()]));
        assert_eq!(read.labels.map(|labels| labels.len()), Some(2));
        assert!(read.others.is_empty(), "{:?}", read.others);
    }

    #[test]
    fn the_health_check_of_an_image_is_read_as_go_reads_it() {
        let text =
            r#"{"config":{"healthcheck":{"test":["CMD","x"],"INTERVAL":5,"Retries":1,"retries":3,"Odd":1}}}"#;
        let read = RunConfig::of_image(text.as_bytes()).unwrap().healthcheck.unwrap();
        assert_eq!((read.test.unwrap().len(), read.interval, read.retries), (2, 5, 3));
        assert_eq!(read.others.keys().collect::<Vec<_>>(), ["Odd"]);
    }

    #[test]
    fn objects_whose_keys_differ_in_case_are_read_into_one_another() {
        let text = r#"{"config":{"User":"u","Env":["A=1"],"Labels":{"a":"1"},"Healthcheck":{"Retries":3}},
            "Config":{"env":["B=2"],"labels":{"b":"2"},"healthcheck":{"Interval":5}}}"#;
        let read = RunConfig::of_image(text.as_bytes()).unwrap();
        assert_eq!((read.user.as_deref(), read.env), (Some("u"), Some(vec!["B=2".to_owned()])));
        assert_eq!(read.labels.map(|labels| labels.len()), Some(2));
        let healthcheck = read.healthcheck.unwrap();
        assert_eq!((healthcheck.retries, healthcheck.interval), (3, 5));
    }

    fn again(config: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<RunConfig>(config.clone()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_read_is_written_again() {
        let config = json!({
            "Hostname": "h", "Domainname": "", "User": "1:2", "ExposedPorts": {"80/tcp": {}}, "Tty": false,
            "OpenStdin": true, "Env": ["A=b"], "Cmd": ["c"], "ArgsEscaped": true, "Volumes": {"/v": {}},
            "Healthcheck": {"Test": ["CMD", "x"], "Interval": 5, "Odd": [1]}, "WorkingDir": "/w",
            "Entrypoint": [], "OnBuild": ["RUN x"], "Labels": {"k": "v"}, "StopSignal": "SIGTERM",
            "StopTimeout": 3, "Shell": ["sh"], "AttachStdin": false, "Image": "", "MacAddress": "00", "odd": null,
        });
        assert_eq!(again(&config), config);
        assert_eq!(again(&json!({})), json!({}));
    }

    #[test]
    fn what_docker_writes_in_another_way_is_read() {
        let config = json!({"Cmd": "a b", "Env": null, "Entrypoint": null, "Labels": null, "Tty": null});
        assert_eq!(again(&config), json!({"Cmd": ["a b"]}));
        let text = br#"{"config":{"Cmd":["a"],"Cmd":["b"]},"rootfs":{}}"#;
        assert_eq!(RunConfig::of_image(text).unwrap().cmd, Some(vec!["b".to_owned()]));
        for text in ["{}", r#"{"config":null}"#] {
            assert_eq!(RunConfig::of_image(text.as_bytes()).unwrap(), RunConfig::default());
        }
        assert!(RunConfig::of_image(br#"{"config":{"Env":"x"}}"#).is_err());
    }

    #[test]
    fn a_variable_keeps_its_place() {
        let mut config = RunConfig::default();
        for (name, value) in [("A", "1"), ("AB", "2"), ("A", "3=4")] {
            config.set_env(name, value);
        }
        assert_eq!(config.env.unwrap(), ["A=3=4", "AB=2"]);
    }
}
