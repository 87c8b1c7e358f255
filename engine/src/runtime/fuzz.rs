//! What fuzzers hand to this room: frames, a container's users, and what becomes a bundle.

use serde_json::Value;

use super::bundle::{self, capabilities};
use super::frame::{self, Frame};
use super::stage::Stage;
use super::user::{MAX_ID, User, find};
use crate::container::{MountKind, Spec, merge};

/// Any bytes as what a monitor or its client says.
///
/// 1. Each frame is encoded to one that is decoded to the same; unless it is a wish, whose JSON
///    may be written in other ways, to the same bytes.
/// 2. Of a frame that is cut anywhere no frame is decoded.
/// 3. Decoding always moves forward.
pub fn frames(data: &[u8]) {
    let mut left = data;
    while let Ok(Some((said, len))) = frame::decode(left) {
        assert!((frame::HEAD_BYTES..=frame::HEAD_BYTES + frame::MAX_PAYLOAD).contains(&len));
        let mut again = Vec::new();
        said.encode(&mut again);
        assert_eq!(frame::decode(&again), Ok(Some((said.clone(), again.len()))));
        if !matches!(said, Frame::Wish(_)) {
            assert_eq!(again, left[..len]);
        }
        for cut in [0, frame::HEAD_BYTES - 1, frame::HEAD_BYTES, len - 1] {
            assert!(cut >= len || frame::decode(&left[..cut]) == Ok(None), "cut to {cut} of {len}");
        }
        left = &left[len..];
    }
}

/// Any text as who is to run a process, and the files in which they are looked up: four parts
/// with zeros between them, `user[:group]`, more groups with commas, `/etc/passwd`, `/etc/group`.
///
/// 1. Every ID is one that the kernel has: -1 would mean "as it is", which is root.
/// 2. The main group is among the groups, each of which is there once.
/// 3. A number is that ID, whatever the files say.
pub fn users(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(4, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (name, more, passwd, group) = (part(), part(), part(), part());
    let more: Vec<String> = more.split(',').take(8).filter(|name| !name.is_empty()).map(Into::into).collect();
    let Ok(user) = find(name, &more, passwd, group) else { return };
    assert!([user.uid, user.gid].iter().chain(&user.groups).all(|id| *id <= MAX_ID), "{user:?}");
    assert!(user.groups.contains(&user.gid) && user.groups.is_sorted_by(|a, b| a < b), "{user:?}");
    assert!(!user.home.is_empty());
    let (name, group) = name.split_once(':').unwrap_or((name, ""));
    if let Ok(id) = name.parse::<u32>() {
        // `+1` is no number here, and a name as good as any.
        assert!(user.uid == id || !name.bytes().all(|byte| byte.is_ascii_digit()), "{user:?}");
    }
    if group.bytes().all(|byte| byte.is_ascii_digit()) && !group.is_empty() {
        assert_eq!(Ok(user.gid), group.parse());
    }
}

/// What exists on every machine, and may be mounted by a fuzzer: nothing is made there.
const SOURCES: [&str; 5] = ["/", "/etc/hostname", "/dev/null", "/proc", "/usr"];

/// The only one of them that is a device.
const DEVICE: &str = "/dev/null";

/// Any bytes as two lines of JSON: a specification of a container with what its image says, and
/// one with what was asked for; and the bundle that they come to.
///
/// Whatever was asked for, unless it is privileged:
/// 1. Device nodes work in no mount, except for those of the runtime itself, those of a device
///    that every container has, and memory where `dev` was asked for.
/// 2. Nobody may make device nodes, unless that was asked for by name.
/// 3. There is a filter of system calls, unless it was asked to be left out.
/// 4. The paths that tell of the machine are masked, unless that was asked to be left out.
///
/// And always:
/// 5. No capability is inheritable, none is had by a process of another user than root, and none
///    that is not allowed at most.
/// 6. A namespace is shared only with who asks for the host's.
/// 7. What needs no new privileges gets none.
/// 8. The bundle is written as JSON that is read as the same.
pub fn bundle(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut next = || serde_json::from_slice::<Spec>(lines.next().unwrap_or_default()).ok();
    let (Some(image), Some(mut spec)) = (next(), next()) else { return };
    let Ok(config) = merge(spec.config, image.config) else { return };
    spec.config = config;
    let host = &mut spec.host_config;
    for source in host.binds.iter_mut().map(|bind| &mut bind.source) {
        *source = SOURCES[source.len() % SOURCES.len()].into();
    }
    for source in host.mounts.iter_mut().map(|mount| &mut mount.source) {
        *source = SOURCES[source.len() % SOURCES.len()].into();
    }
    for path in host.devices.iter_mut().map(|device| &mut device.path_on_host) {
        *path = ["/dev/null", "/dev/zero", "/dev/no-such-device", "/etc"][path.len() % 4].into();
    }
    if bundle::check(&spec.host_config).is_err() {
        return;
    }
    let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n";
    let name = spec.config.user.as_deref().unwrap_or_default();
    let Ok(user) = find(name, &spec.host_config.group_add, passwd, "adm:x:4:web\n") else { return };
    for stage in [Stage::Own, Stage::OwnUser] {
        let Ok(config) = bundle::config("0123", &spec, &user, stage) else { continue };
        let written = serde_json::to_vec(&config).expect("it is JSON");
        assert_eq!(serde_json::from_slice::<oci_spec::runtime::Spec>(&written).expect("its own"), config);
        let config: Value = serde_json::from_slice(&written).expect("it is JSON");
        check_privileges(&spec, &user, &config);
        check_isolation(&spec, &config);
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn check_privileges(spec: &Spec, user: &User, config: &Value) {
    let (host, process) = (&spec.host_config, &config["process"]);
    let sets = &process["capabilities"];
    let bounding = strings(&sets["bounding"]);
    assert!(strings(&sets["inheritable"]).is_empty() && strings(&sets["ambient"]).is_empty(), "{sets}");
    for set in ["permitted", "effective"] {
        let had = strings(&sets[set]);
        assert!(had.is_empty() || user.uid == 0, "{sets}");
        assert!(had.iter().all(|name| bounding.contains(name)), "{sets}");
    }
    assert_eq!(bounding.len(), capabilities(host).expect("it was checked").len());
    if !host.privileged && !host.cap_add.iter().any(|name| name == "ALL" || name == "CAP_MKNOD") {
        assert!(!bounding.contains(&"CAP_MKNOD"), "{sets}");
    }
    let said = host.security_opt.iter().rfind(|option| option.starts_with("no-new-privileges"));
    let asked = said.is_some_and(|option| !option.ends_with("false"));
    assert_eq!(process["noNewPrivileges"] == true, asked, "{:?}", host.security_opt);
    if !host.privileged && !host.security_opt.iter().any(|option| option.starts_with("seccomp")) {
        assert_eq!(config["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
    }
}

fn check_isolation(spec: &Spec, config: &Value) {
    let (host, linux) = (&spec.host_config, &config["linux"]);
    let namespaces: Vec<_> =
        linux["namespaces"].as_array().into_iter().flatten().map(|one| &one["type"]).collect();
    for (kind, mode) in [
        ("pid", host.pid_mode.as_str()),
        ("network", &host.network_mode),
        ("ipc", &host.ipc_mode),
        ("uts", &host.uts_mode),
        ("cgroup", &host.cgroupns_mode),
        ("mount", ""),
    ] {
        assert_eq!(namespaces.iter().any(|own| *own == kind), mode != "host", "{kind} {mode:?}");
    }
    if host.privileged {
        return;
    }
    if !host.security_opt.iter().any(|option| option.starts_with("systempaths")) {
        assert!(strings(&linux["maskedPaths"]).contains(&"/proc/kcore"), "{linux}");
        assert!(strings(&linux["readonlyPaths"]).contains(&"/proc/sys"), "{linux}");
    }
    let asks_for_devices = |target: &str| {
        host.tmpfs.iter().any(|(own, options)| own == target && options.split(',').any(|one| one == "dev"))
    };
    for mount in config["mounts"].as_array().into_iter().flatten() {
        let (target, source) = (&mount["destination"], mount["source"].as_str().unwrap_or_default());
        let is_runtimes = ["/dev", "/dev/pts"].iter().any(|own| target == *own);
        let is_device = source.starts_with(DEVICE) || source.starts_with("/dev/zero");
        let target = target.as_str().unwrap_or_default();
        if !(is_device || is_runtimes && matches!(source, "tmpfs" | "devpts") || asks_for_devices(target)) {
            let last = strings(&mount["options"]).into_iter().rfind(|one| matches!(*one, "dev" | "nodev"));
            assert_eq!(last, Some("nodev"), "{mount}");
        }
    }
    let tmpfs = host.mounts.iter().filter(|mount| mount.kind == MountKind::Tmpfs).count();
    assert!(config["mounts"].as_array().map_or(0, Vec::len) >= tmpfs);
}
