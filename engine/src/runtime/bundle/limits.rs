//! How much of the machine a container may use.

use serde_json::{Map, Value, json};

use crate::container::{HostConfig, Ulimit};

/// In which span of microseconds a share of a processor is counted, as Docker has it.
const PERIOD: u64 = 100_000;
const BILLION: u64 = 1_000_000_000;

/// Limits of the cgroup: `linux.resources`.
pub fn resources(host: &HostConfig, devices: Vec<Value>) -> Value {
    let mut resources = Map::new();
    resources.insert("devices".into(), devices.into());
    let memory = object([
        ("limit", some(host.memory)),
        ("reservation", some(host.memory_reservation)),
        ("swap", swap(host)),
        ("disableOOMKiller", host.oom_kill_disable.then_some(json!(true))),
    ]);
    let (quota, period) = match host.nano_cpus {
        0 => ((host.cpu_quota != 0).then(|| json!(host.cpu_quota)), some(host.cpu_period)),
        nanos => {
            let quota = u128::from(nanos) * u128::from(PERIOD) / u128::from(BILLION);
            (Some(json!(quota as u64)), Some(json!(PERIOD)))
        }
    };
    let text = |text: &String| (!text.is_empty()).then(|| json!(text));
    let cpu = object([
        ("shares", some(host.cpu_shares)),
        ("quota", quota),
        ("period", period),
        ("cpus", text(&host.cpuset_cpus)),
        ("mems", text(&host.cpuset_mems)),
    ]);
    let pids = object([("limit", (host.pids_limit != 0).then(|| json!(host.pids_limit)))]);
    for (name, value) in [("memory", memory), ("cpu", cpu), ("pids", pids)] {
        if !value.is_empty() {
            resources.insert(name.into(), value.into());
        }
    }
    resources.into()
}

/// Memory and swap together: as much swap as memory if nothing was said, as Docker has it.
fn swap(host: &HostConfig) -> Option<Value> {
    match (host.memory_swap, host.memory) {
        (0, 0) => None,
        (0, memory) => Some(json!(memory.saturating_mul(2))),
        (swap, _) => Some(json!(swap)),
    }
}

/// Limits of each process: `process.rlimits`.
pub fn rlimits(limits: &[Ulimit]) -> Value {
    let value = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
    let rlimit = |limit: &Ulimit| {
        let name = format!("RLIMIT_{}", limit.name.to_ascii_uppercase());
        json!({ "type": name, "soft": value(limit.soft), "hard": value(limit.hard) })
    };
    limits.iter().map(rlimit).collect()
}

fn some(value: u64) -> Option<Value> {
    (value != 0).then(|| json!(value))
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let said = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    said.collect()
}
