//! What a template may ask for beside what the document says: Docker fills templates in with Go's
//! structs, in which a field is there whether the JSON leaves it out or not, under Go's name.

use crate::output::json::Json;

/// What a field has that is left out of the document: Go's zero value.
#[derive(Clone, Copy)]
enum Zero {
    Nil,
    No,
    Number,
    Text,
    List,
    Map,
}

impl Zero {
    fn value(self) -> Json {
        match self {
            Self::Nil => Json::Null,
            Self::No => Json::Bool(false),
            Self::Number => 0_u64.into(),
            Self::Text => "".into(),
            Self::List => Json::Array(Vec::new()),
            Self::Map => Json::Object(Vec::new()),
        }
    }
}

/// Fields that may be left out, by the key of the object that they are in.
const OPTIONAL: &[(&str, &[(&str, Zero)])] = &[
    (
        "",
        &[
            ("Variant", Zero::Text),
            ("OsVersion", Zero::Text),
            ("SizeRw", Zero::Nil),
            ("SizeRootFs", Zero::Nil),
        ],
    ),
    ("State", &[("Health", Zero::Nil)]),
    (
        "Config",
        &[
            ("ExposedPorts", Zero::Map),
            ("Healthcheck", Zero::Nil),
            ("ArgsEscaped", Zero::No),
            ("NetworkDisabled", Zero::No),
            ("MacAddress", Zero::Text),
            ("StopSignal", Zero::Text),
            ("StopTimeout", Zero::Nil),
            ("Shell", Zero::List),
        ],
    ),
    (
        "Healthcheck",
        &[
            ("Test", Zero::List),
            ("Interval", Zero::Number),
            ("Timeout", Zero::Number),
            ("StartPeriod", Zero::Number),
            ("StartInterval", Zero::Number),
            ("Retries", Zero::Number),
        ],
    ),
    (
        "HostConfig",
        &[
            ("Tmpfs", Zero::Map),
            ("Sysctls", Zero::Map),
            ("StorageOpt", Zero::Map),
            ("Annotations", Zero::Map),
            ("Mounts", Zero::List),
            ("Init", Zero::Nil),
        ],
    ),
];

/// Fields whose name in Go is not their key, by the key of the object that they are in.
const GO_NAMES: &[(&str, &[(&str, &str)])] = &[
    ("", &[("ID", "Id")]),
    (
        "HostConfig",
        &[
            ("CPUShares", "CpuShares"),
            ("CPUPeriod", "CpuPeriod"),
            ("CPUQuota", "CpuQuota"),
            ("CPURealtimePeriod", "CpuRealtimePeriod"),
            ("CPURealtimeRuntime", "CpuRealtimeRuntime"),
            ("CPUCount", "CpuCount"),
            ("CPUPercent", "CpuPercent"),
            ("NanoCPUs", "NanoCpus"),
            ("DNS", "Dns"),
            ("DNSOptions", "DnsOptions"),
            ("DNSSearch", "DnsSearch"),
        ],
    ),
];

/// `document` with every field that Docker's template would find.
pub fn with_all(document: &Json) -> Json {
    of("", document)
}

fn of(name: &str, value: &Json) -> Json {
    let Json::Object(members) = value else { return value.clone() };
    let mut all: Vec<(String, Json)> =
        members.iter().map(|(key, value)| (key.clone(), of(key, value))).collect();
    let of_this = |(object, _): &&(&str, _)| *object == name;
    for (key, zero) in OPTIONAL.iter().find(of_this).into_iter().flat_map(|(_, fields)| *fields) {
        if value.get(key).is_none() {
            all.push(((*key).to_owned(), zero.value()));
        }
    }
    let of_this = |(object, _): &&(&str, &[(&str, &str)])| *object == name;
    for (go, key) in GO_NAMES.iter().find(of_this).into_iter().flat_map(|(_, names)| *names) {
        if let Some(named) = value.get(key) {
            all.push(((*go).to_owned(), named.clone()));
        }
    }
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use crate::output::json::Html;

    use super::*;

    #[test]
    fn what_the_document_leaves_out_is_there_with_go_s_zero_value() {
        let document =
            Json::parse(br#"{"Id":"1","State":{},"HostConfig":{"CpuShares":7,"Init":true}}"#).unwrap();
        let all = with_all(&document);
        let get = |object: &str, key: &str| all.get(object).and_then(|object| object.get(key)).cloned();
        assert_eq!(get("State", "Health"), Some(Json::Null));
        assert_eq!(get("HostConfig", "Init"), Some(Json::Bool(true)), "what is there stays");
        assert_eq!(get("HostConfig", "CPUShares"), Some(7_u64.into()));
        assert_eq!(all.get("ID").map(|id| id.compact(Html::Plain)), Some("\"1\"".into()));
        assert_eq!(get("State", "Heath"), None);
    }
}
