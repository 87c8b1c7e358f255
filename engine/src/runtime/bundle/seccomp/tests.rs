use oci_spec::runtime::{Arch, LinuxSeccompAction as Action};
use serde_json::{Value, json};

use super::document::Profile;
use super::resolve::{Machine, resolve};
use super::{ProfileError, default};

const USUAL: &[&str] = &["CAP_CHOWN", "CAP_SYS_CHROOT"];

fn x86(bounding: &'static [&'static str]) -> Machine<'static> {
    Machine { arch: "amd64", seccomp_arch: Some(Arch::ScmpArchX86_64), kernel: (6, 1), bounding }
}

/// What happens to `name` in `profile`: the action and the conditions of each rule.
fn rules_about(profile: &Profile, machine: &Machine<'_>, name: &str) -> Vec<(Action, Value)> {
    let filter = resolve(profile, machine).unwrap();
    let rules = filter.syscalls().iter().flatten().filter(|rule| rule.names().iter().any(|one| one == name));
    rules.map(|rule| (rule.action(), serde_json::to_value(rule.args()).unwrap())).collect()
}

fn custom(members: Value) -> Result<Profile, ProfileError> {
    let mut profile = json!({ "defaultAction": "SCMP_ACT_ERRNO" });
    profile.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Profile::parse(&profile.to_string())
}

#[test]
fn the_default_profile_depends_on_capabilities() {
    let profile = default::profile();
    let about = |machine: &Machine<'_>, name| rules_about(&profile, machine, name);
    for name in
        ["keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "io_uring_enter", "kexec_load"]
    {
        assert_eq!(about(&x86(&["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]), name), [], "{name}: nobody may");
    }
    for (name, capability) in [
        ("mount", "CAP_SYS_ADMIN"),
        ("unshare", "CAP_SYS_ADMIN"),
        ("bpf", "CAP_BPF"),
        ("perf_event_open", "CAP_PERFMON"),
        ("open_by_handle_at", "CAP_DAC_READ_SEARCH"),
        ("reboot", "CAP_SYS_BOOT"),
        ("init_module", "CAP_SYS_MODULE"),
        ("kcmp", "CAP_SYS_PTRACE"),
        ("settimeofday", "CAP_SYS_TIME"),
        ("mbind", "CAP_SYS_NICE"),
    ] {
        assert_eq!(about(&x86(USUAL), name), [], "{name}");
        let with: &[&str] = Box::leak(Box::new([capability]));
        assert_eq!(about(&x86(with), name), [(Action::ScmpActAllow, Value::Null)], "{name}");
    }
    assert_eq!(about(&x86(USUAL), "chroot").len(), 1);
    assert_eq!(about(&x86(&[]), "chroot").len(), 0);
    // New namespaces: by `clone` only with the capability, by `clone3` not at all without.
    let namespaces =
        json!([{ "index": 0, "value": 0x7e02_0000u32, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" }]);
    assert_eq!(about(&x86(USUAL), "clone"), [(Action::ScmpActAllow, namespaces)]);
    assert_eq!(about(&x86(USUAL), "clone3"), [(Action::ScmpActErrno, Value::Null)]);
    for name in ["clone", "clone3"] {
        assert_eq!(about(&x86(&["CAP_SYS_ADMIN"]), name), [(Action::ScmpActAllow, Value::Null)]);
    }
}

#[test]
fn the_default_profile_depends_on_the_architecture_and_the_kernel() {
    let profile = default::profile();
    let arm = Machine { arch: "arm64", seccomp_arch: Some(Arch::ScmpArchAarch64), ..x86(USUAL) };
    let old = Machine { kernel: (4, 7), ..x86(USUAL) };
    let count = |machine: &Machine<'_>, name| rules_about(&profile, machine, name).len();
    assert_eq!((count(&x86(USUAL), "arch_prctl"), count(&arm, "arch_prctl")), (1, 0));
    assert_eq!((count(&x86(USUAL), "set_tls"), count(&arm, "set_tls")), (0, 1));
    assert_eq!((count(&x86(USUAL), "ptrace"), count(&old, "ptrace")), (1, 0));
    let of = |machine: &Machine<'_>| resolve(&profile, machine).unwrap().architectures().clone().unwrap();
    assert_eq!(of(&x86(USUAL)), [Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32]);
    assert_eq!(of(&arm), [Arch::ScmpArchAarch64, Arch::ScmpArchArm]);
}

#[test]
fn no_call_is_listed_twice_and_few_sockets_are_left_out() {
    let filter = resolve(&default::profile(), &x86(USUAL)).unwrap();
    let plain = filter.syscalls().iter().flatten().filter(|rule| rule.args().is_none());
    let mut names: Vec<_> = plain.flat_map(|rule| rule.names().clone()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    let sockets = rules_about(&default::profile(), &x86(USUAL), "socket");
    let values: Vec<_> = sockets.iter().map(|(_, args)| args[0]["value"].as_u64().unwrap()).collect();
    assert!(values.contains(&12) && values.contains(&16) && !values.contains(&38) && !values.contains(&40));
}

#[test]
fn a_profile_in_docker_s_format_is_read_old_and_new() {
    let profile = custom(json!({
        "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            { "name": "read", "action": "SCMP_ACT_ALLOW", "args": [] },
            { "names": ["kill", "tkill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "comment": "c", "includes": {},
              "args": [{ "index": 1, "value": 9, "op": "SCMP_CMP_EQ" }], "excludes": { "minKernel": "99.1" } },
            { "names": ["mount"], "action": "SCMP_ACT_KILL_PROCESS", "includes": { "caps": ["CAP_SYS_ADMIN"] } },
            { "names": ["umount2"], "action": "SCMP_ACT_LOG", "excludes": { "arches": ["amd64"] } },
            { "names": ["ptrace"], "action": "SCMP_ACT_TRAP", "includes": { "minKernel": "6.2" }, "args": null },
        ],
    }));
    let filter = serde_json::to_value(resolve(&profile.unwrap(), &x86(USUAL)).unwrap()).unwrap();
    let want = json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            { "names": ["read"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["kill", "tkill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
              "args": [{ "index": 1, "value": 9, "valueTwo": 0, "op": "SCMP_CMP_EQ" }] },
        ],
    });
    assert_eq!(filter, want);
}

#[test]
fn a_profile_that_cannot_be_honoured_is_refused() {
    let rule = |more: Value| {
        let mut rule = json!({ "names": ["read"], "action": "SCMP_ACT_ALLOW" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "syscalls": [rule] })
    };
    for members in [
        json!({ "defaultAction": "SCMP_ACT_NOTIFY" }),
        json!({ "defaultAction": "SCMP_ACT_NOPE" }),
        json!({ "defaultAction": null }),
        json!({ "sysalls": [] }),
        json!({ "listenerPath": "/run/s" }),
        json!({ "defaultErrnoRet": 4096 }),
        json!({ "architectures": ["SCMP_ARCH_NOPE"] }),
        json!({ "architectures": ["SCMP_ARCH_X86"], "archMap": [{ "architecture": "SCMP_ARCH_X86_64" }] }),
        json!({ "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }),
        json!({ "flags": ["NOPE"] }),
        rule(json!({ "action": "SCMP_ACT_NOTIFY" })),
        rule(json!({ "name": "write" })),
        rule(json!({ "names": [] })),
        rule(json!({ "errnoRet": 5000 })),
        rule(json!({ "includes": { "minKernel": "6" } })),
        rule(json!({ "includes": { "cap": ["CAP_SYS_ADMIN"] } })),
        rule(json!({ "args": [{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }] })),
        rule(json!({ "args": [{ "index": 0, "value": 0, "op": "SCMP_CMP_NOPE" }] })),
        rule(json!({ "args": [{ "index": 0, "value": -1, "op": "SCMP_CMP_EQ" }] })),
    ] {
        assert!(custom(members.clone()).is_err(), "{members}");
    }
    for text in ["", "{", "[]", "null", "{}"] {
        assert!(Profile::parse(text).is_err(), "{text}");
    }
}
