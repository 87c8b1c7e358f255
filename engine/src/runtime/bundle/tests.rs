use std::path::Path;

use serde_json::{Value, json};

use super::super::stage::Stage;
use super::super::user::User;
use super::config;
use crate::container::Spec;

fn made(spec: Value, user: &User) -> Value {
    let spec: Spec = serde_json::from_value(spec).unwrap();
    serde_json::to_value(config("0123", Path::new("/c"), &spec, user, Stage::Own).unwrap()).unwrap()
}

fn root() -> User {
    User { home: "/root".into(), ..User::default() }
}

#[test]
fn a_container_has_what_docker_gives_it() {
    let config = made(json!({ "Config": { "Cmd": ["sh"], "Hostname": "h", "Env": ["A=1"] } }), &root());
    assert_eq!(config["process"]["args"], json!(["sh"]));
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(config["process"]["env"], json!([path, "HOSTNAME=h", "HOME=/root", "A=1"]));
    assert_eq!(config["process"]["cwd"], "/");
    assert_eq!(config["linux"]["cgroupsPath"], "/larder/0123");
    let bounding = config["process"]["capabilities"]["bounding"].as_array().unwrap();
    assert_eq!(bounding.len(), 14);
    assert!(!bounding.contains(&json!("CAP_SYS_ADMIN")));
    assert_eq!(config["process"]["capabilities"]["inheritable"], json!([]));
    let namespaces = config["linux"]["namespaces"].as_array().unwrap();
    assert!(namespaces.contains(&json!({ "type": "network" })), "a network of its own: {namespaces:?}");
    assert!(config["linux"]["maskedPaths"].as_array().unwrap().contains(&json!("/proc/kcore")));
    let targets: Vec<_> =
        config["mounts"].as_array().unwrap().iter().map(|mount| &mount["destination"]).collect();
    for target in
        ["/proc", "/dev", "/dev/shm", "/dev/pts", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]
    {
        assert!(targets.contains(&&json!(target)), "{target}");
    }
}

#[test]
fn what_was_asked_for_counts() {
    let host = json!({
        "NetworkMode": "host", "CapDrop": ["ALL"], "CapAdd": ["CAP_KILL"], "ReadonlyRootfs": true,
        "NanoCpus": 1_500_000_000u64, "Memory": 64 << 20, "PidsLimit": 7, "SecurityOpt": ["no-new-privileges"],
        "Tmpfs": { "/run": "exec,size=1m" }, "Ulimits": [{ "Name": "nofile", "Soft": 5, "Hard": -1 }],
        "Binds": [{ "Source": "/", "Target": "/host", "Options": "ro" }],
    });
    let run = json!({ "Cmd": ["x"], "Env": ["PATH=/x", "GONE"], "WorkingDir": "/w", "Tty": true });
    let user = User { uid: 5, gid: 6, groups: vec![7], home: "/h".into() };
    let config = made(json!({ "Config": run, "HostConfig": host }), &user);
    let machine = format!("HOSTNAME={}", crate::disk::host::name());
    assert_eq!(config["process"]["env"], json!(["PATH=/x", machine, "TERM=xterm", "HOME=/h"]));
    assert_eq!(config["process"]["user"]["uid"], 5);
    let capabilities = &config["process"]["capabilities"];
    assert_eq!((&capabilities["bounding"], &capabilities["effective"]), (&json!(["CAP_KILL"]), &json!([])));
    assert_eq!(config["root"]["readonly"], true);
    assert_eq!(config["process"]["noNewPrivileges"], true);
    let resources = &config["linux"]["resources"];
    assert_eq!((&resources["cpu"]["quota"], &resources["cpu"]["period"]), (&json!(150_000), &json!(100_000)));
    assert_eq!(
        (&resources["memory"]["limit"], &resources["memory"]["swap"]),
        (&json!(64 << 20), &json!(128 << 20))
    );
    assert_eq!(resources["pids"]["limit"], 7);
    let mount = |target: &str| {
        let mounts = config["mounts"].as_array().unwrap();
        mounts.iter().find(|mount| mount["destination"] == target).unwrap()["options"].clone()
    };
    assert_eq!(mount("/run"), json!(["nosuid", "nodev", "exec", "size=1m"]));
    assert_eq!(mount("/host"), json!(["rbind", "rprivate", "ro"]));
    let namespaces = config["linux"]["namespaces"].as_array().unwrap();
    assert!(!namespaces.contains(&json!({ "type": "network" })), "{namespaces:?}");
    let rlimit = &config["process"]["rlimits"][0];
    assert_eq!(
        (&rlimit["type"], &rlimit["soft"], &rlimit["hard"]),
        (&json!("RLIMIT_NOFILE"), &json!(5), &json!(u64::MAX))
    );
}
