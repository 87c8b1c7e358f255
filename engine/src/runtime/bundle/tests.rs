use std::path::Path;

use larder_device_filter::{Access, Kind, Rule};
use serde_json::{Value, json};

use super::super::stage::Stage;
use super::super::user::User;
use super::config;
use crate::container::Spec;

fn made(spec: Value, user: &User) -> Value {
    let spec: Spec = serde_json::from_value(spec).unwrap();
    serde_json::to_value(config("0123", &spec, user, Stage::Own).unwrap()).unwrap()
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
    assert_eq!(bounding.len(), 13);
    assert!(!bounding.contains(&json!("CAP_SYS_ADMIN")) && !bounding.contains(&json!("CAP_MKNOD")));
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
    assert_eq!(mount("/host"), json!(["rbind", "rprivate", "ro", "nodev", "rnodev"]));
    let namespaces = config["linux"]["namespaces"].as_array().unwrap();
    assert!(!namespaces.contains(&json!({ "type": "network" })), "{namespaces:?}");
    let rlimit = &config["process"]["rlimits"][0];
    assert_eq!(
        (&rlimit["type"], &rlimit["soft"], &rlimit["hard"]),
        (&json!("RLIMIT_NOFILE"), &json!(5), &json!(u64::MAX))
    );
}

/// Whether a list of rules lets a device be used, by the rule that [`Rule`] has.
fn allows(rules: &[Rule], kind: Kind, (major, minor): (u32, u32), access: Access) -> bool {
    let is_about = |rule: &&Rule| {
        (rule.kind == Kind::All || rule.kind == kind)
            && rule.major.is_none_or(|own| own == major)
            && rule.minor.is_none_or(|own| own == minor)
            && (rule.access == Access::ALL || rule.access == access)
    };
    rules.iter().rfind(is_about).is_some_and(|rule| rule.allow)
}

#[test]
fn the_device_rules_are_dockers() {
    let rules = |host: Value| {
        let spec: Spec =
            serde_json::from_value(json!({ "Config": { "Cmd": ["sh"] }, "HostConfig": host })).unwrap();
        let config = config("0123", &spec, &root(), Stage::Own).unwrap();
        super::filter_rules(&config).expect("every rule is one that a filter can express")
    };
    let usual = rules(json!({}));
    let (disk, memory) = ((Kind::Block, (8, 0)), (Kind::Char, (1, 1)));
    for (kind, number) in [disk, memory] {
        assert!(!allows(&usual, kind, number, Access::READ) && !allows(&usual, kind, number, Access::WRITE));
        assert!(allows(&usual, kind, number, Access::MKNOD), "who may make nodes may make any");
    }
    for number in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 7)] {
        assert!(allows(&usual, Kind::Char, number, Access::WRITE), "{number:?}");
        assert!(!allows(&usual, Kind::Block, number, Access::READ), "{number:?}");
    }
    let more = rules(json!({ "DeviceCgroupRules": ["b 8:* r"] }));
    assert!(allows(&more, disk.0, disk.1, Access::READ) && !allows(&more, disk.0, disk.1, Access::WRITE));
    assert!(allows(&rules(json!({ "Privileged": true })), disk.0, disk.1, Access::WRITE));
}

#[test]
fn a_device_is_made_or_mounted_where_it_was_asked_for() {
    let device = |host: &str, inside: &str, stage| {
        let mapping = json!({ "PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": "r" });
        let spec = json!({ "Config": { "Cmd": ["sh"] }, "HostConfig": { "Devices": [mapping] } });
        let spec: Spec = serde_json::from_value(spec).unwrap();
        config("0123", &spec, &root(), stage).map(|made| serde_json::to_value(made).unwrap())
    };
    let made = device("/dev/null", "/dev/mine", Stage::Own).unwrap();
    let node = &made["linux"]["devices"][0];
    assert_eq!((&node["path"], &node["major"], &node["minor"]), (&json!("/dev/mine"), &json!(1), &json!(3)));
    // Nobody makes nodes in a user namespace.
    let made = device("/dev/null", "/dev/mine", Stage::OwnUser).unwrap();
    assert!(made["linux"]["devices"].as_array().is_none_or(Vec::is_empty));
    let mounts = made["mounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["destination"] == "/dev/mine").unwrap();
    assert_eq!(
        (&mount["source"], &mount["options"]),
        (&json!("/dev/null"), &json!(["bind", "nosuid", "noexec"]))
    );
    for (host, inside) in [
        ("/dev/nosuch", "/dev/x"),
        ("/etc/passwd", "/dev/x"),
        ("/dev/null", "/tmp/x"),
        ("/dev/null", "/dev"),
        ("/dev/null", "/dev/../x"),
    ] {
        assert!(device(host, inside, Stage::Own).is_err(), "{host} {inside}");
    }
}

/// In what is mounted from the host no device works, but for one that every container has.
#[test]
fn mounts_of_the_host_have_no_devices() {
    let targets = |privileged: bool| {
        let binds = json!([
            { "Source": "/", "Target": "/host" }, { "Source": "/dev/null", "Target": "/file" },
        ]);
        let mounts = json!([{ "Type": "bind", "Source": "/etc", "Target": "/mounted" }]);
        let host = json!({ "Binds": binds, "Mounts": mounts, "IpcMode": "host", "Privileged": privileged });
        let made = made(json!({ "Config": { "Cmd": ["sh"] }, "HostConfig": host }), &root());
        let mounts = made["mounts"].as_array().unwrap().iter().filter(|mount| mount["type"] == "bind");
        let has_none = |mount: &&Value| {
            // Below a directory, what is mounted there has none either.
            let is_dir = Path::new(mount["source"].as_str().unwrap()).is_dir();
            let wanted: &[_] = if is_dir { &["nodev", "rnodev"] } else { &["nodev"] };
            wanted.iter().all(|option| mount["options"].as_array().unwrap().contains(&json!(option)))
        };
        let (without, with): (Vec<_>, Vec<_>) = mounts.partition(has_none);
        let names =
            |list: Vec<&Value>| list.iter().map(|mount| mount["destination"].clone()).collect::<Vec<_>>();
        (names(without).len(), names(with))
    };
    assert_eq!(targets(false), (6, vec![json!("/file")]));
    assert_eq!(targets(true).0, 0);
}
