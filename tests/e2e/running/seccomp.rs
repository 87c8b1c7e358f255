//! Which system calls a container may make: a program inside makes them and tells what came
//! of it. What a filter stops fails with `EPERM`; what reaches the kernel mostly with another
//! error, since its arguments make no sense.

use std::path::PathBuf;

use keyutils::keytypes::User;
use keyutils::{Keyring, Permission, SpecialKeyring};
use serde_json::json;

use super::{Host, eventually};
use crate::harness::child::Ran;
use crate::harness::tools;

const PROBE: &str = include_str!("probe.c");

/// How many of the calls that Docker denies may reach the kernel.
const AT_MOST: usize = 5;

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];

/// A machine with the program in `/probe`, which is linked statically.
struct Prober {
    here: Host,
    mount: String,
}

impl Prober {
    #[track_caller]
    fn new(test: &str) -> Option<Self> {
        if !tools::are_here(test, &["cc"]) {
            return None;
        }
        let here = Host::new()?;
        here.write("probe.c", PROBE);
        let program = here.path("probe");
        tools::run(
            "cc",
            ["-static".into(), "-o".into(), program.clone(), here.path("probe.c")] as [PathBuf; 4],
        );
        let mount = format!("{}:/probe:ro", program.display());
        Some(Self { here, mount })
    }

    /// What the program says in the container that `flags` ask for.
    #[track_caller]
    fn probe(&self, flags: &[&str], words: &[&str]) -> String {
        self.run(flags, words).ok().out().trim_end().to_owned()
    }

    #[track_caller]
    fn run(&self, flags: &[&str], words: &[&str]) -> Ran {
        let args = [&["run", "--rm", "-v", &self.mount], flags, &["busybox", "/probe"], words].concat();
        self.here.run(args)
    }
}

/// The lines that do not say that the filter stopped the call.
fn reaching(told: &str) -> Vec<&str> {
    told.lines().filter(|line| !line.ends_with(" 1")).collect()
}

#[test]
fn what_docker_denies_does_not_reach_the_kernel() {
    let Some(prober) = Prober::new("what_docker_denies_does_not_reach_the_kernel") else { return };
    let told = prober.probe(&[], &["calls"]);
    assert!(told.lines().count() >= 59, "{told}");
    assert!(reaching(&told).len() <= AT_MOST, "{:?}", reaching(&told));
    // Of those that it would answer, were there no filter.
    let without = prober.probe(&UNCONFINED, &["calls"]);
    assert!(reaching(&without).len() > 37, "{without}");
    // Whoever is not root has the same filter, and whoever gives up privileges for good.
    for flags in [&["-u", "web"][..], &["--security-opt", "no-new-privileges"], &["--cap-drop", "ALL"]] {
        assert_eq!(prober.probe(flags, &["calls"]), told, "{flags:?}");
    }
}

#[test]
fn another_runtime_gets_the_same_filter() {
    let test = "another_runtime_gets_the_same_filter";
    if !tools::are_here(test, &["runc"]) {
        return;
    }
    let Some(prober) = Prober::new(test) else { return };
    let runc = tools::tool("runc").get_program().to_str().expect("a path").to_owned();
    let ours = prober.probe(&[], &["calls"]);
    let theirs = prober.probe(&["--runtime", &runc], &["calls"]);
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        // A library that is older than a call takes it for one that is to come: ENOSYS.
        let name = ours.split(' ').next().unwrap_or_default();
        assert!(ours == theirs || theirs == format!("{name} 38"), "{ours}: {theirs}");
    }
    assert_eq!(prober.probe(&["--runtime", &runc], &["clone3"]), "clone3 38");
}

#[test]
fn clone3_and_calls_to_come_are_absent_rather_than_denied() {
    let test = "clone3_and_calls_to_come_are_absent_rather_than_denied";
    let Some(prober) = Prober::new(test) else { return };
    assert_eq!(prober.probe(&[], &["clone3"]), "clone3 38");
    assert_ne!(prober.probe(&["--cap-add", "SYS_ADMIN"], &["clone3"]), "clone3 38");
}

#[test]
fn the_filter_follows_capabilities_and_privileges() {
    let Some(prober) = Prober::new("the_filter_follows_capabilities_and_privileges") else { return };
    let usual = prober.probe(&[], &["calls"]);
    let admin = prober.probe(&["--cap-add", "SYS_ADMIN"], &["calls"]);
    for name in ["mount", "setns", "bpf", "perf_event_open", "quotactl"] {
        let line =
            |told: &str| told.lines().find(|line| line.starts_with(&format!("{name} "))).map(str::to_owned);
        assert_eq!(line(&usual), Some(format!("{name} 1")));
        assert_ne!(line(&admin), Some(format!("{name} 1")), "SYS_ADMIN may");
    }
    assert!(admin.contains("keyctl 1\n") && admin.contains("userfaultfd 1\n"), "nobody may: {admin}");
    let filters = |flags: &[&str]| {
        prober.here.shell(flags, "grep ^Seccomp: /proc/self/status").ok().out().trim_end().to_owned()
    };
    assert_eq!(filters(&[]), "Seccomp:\t2");
    assert_eq!(filters(&["--privileged"]), "Seccomp:\t0");
    assert_eq!(filters(&UNCONFINED), "Seccomp:\t0");
    assert_eq!(filters(&["--privileged", "--security-opt", "seccomp=builtin"]), "Seccomp:\t2");
}

#[test]
fn programs_of_32_bits_work_and_are_no_way_around() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let Some(prober) = Prober::new("programs_of_32_bits_work_and_are_no_way_around") else { return };
    let told = prober.run(&[], &["foreign"]);
    if told.code == Some(139) {
        tools::not_possible(
            "programs_of_32_bits_work_and_are_no_way_around",
            "the kernel has no 32-bit calls",
        );
        return;
    }
    told.ok().stdout("keyctl -1\ngetpid works\nx32 38\n");
    // Unless the profile does not name them: then they end whoever makes them.
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    });
    prober.here.write("native.json", profile.to_string());
    prober.run(&["--security-opt", "seccomp=native.json"], &["foreign"]).exits(159);
}

#[test]
fn what_enters_a_container_is_filtered_too() {
    let Some(prober) = Prober::new("what_enters_a_container_is_filtered_too") else { return };
    prober.here.waiting("web", &["-v", &prober.mount]);
    for flags in [&[][..], &["-u", "web"], &["--privileged"]] {
        let args = [&["exec"], flags, &["web", "/probe", "calls"]].concat();
        let told = prober.here.run(args).ok().out();
        assert!(reaching(&told).len() <= AT_MOST, "{flags:?}: {:?}", reaching(&told));
    }
    // What it takes to install the filter is gone.
    let state = "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status";
    for user in ["root", "web"] {
        let first = prober.here.shell(&["-u", user], state).ok().out();
        prober.here.run(["exec", "-u", user, "web", "sh", "-c", state]).ok().stdout(first);
    }
    prober.here.run(["rm", "-f", "web"]).ok();
    prober.here.waiting("free", &UNCONFINED);
    let args = ["exec", "free", "grep", "^Seccomp:", "/proc/self/status"];
    prober.here.run(args).ok().stdout("Seccomp:\t0\n");
}

#[test]
fn programs_that_are_set_user_id_still_work() {
    let Some(prober) = Prober::new("programs_that_are_set_user_id_still_work") else { return };
    let here = &prober.here;
    for (flags, as_whom) in [(&[][..], "0\n"), (&["--security-opt", "no-new-privileges"], "1000\n")] {
        here.waiting("box", &[&["-v", &prober.mount], flags].concat());
        here.run(["exec", "box", "sh", "-c", "cp /probe /bin/whoareyou; chmod 4755 /bin/whoareyou"]).ok();
        here.run(["exec", "-u", "web", "box", "/bin/whoareyou", "whoami"]).ok().stdout(as_whom);
        // By a process of the container's own, too.
        let script = "su web -s /bin/sh -c '/bin/whoareyou whoami'";
        here.run(["exec", "box", "sh", "-c", script]).ok().stdout(as_whom);
        here.run(["rm", "-f", "box"]).ok();
    }
}

#[test]
fn root_inside_cannot_lift_its_limits() {
    let Some(prober) = Prober::new("root_inside_cannot_lift_its_limits") else { return };
    let limits = ["--memory", "64m", "--pids-limit", "20", "--tmpfs", "/tmp"];
    assert_eq!(prober.probe(&limits, &["limits"]), "unshare 1");
    // That it is the filter that prevents it.
    let without = prober.probe(&[&limits[..], &UNCONFINED].concat(), &["limits"]);
    assert!(["lifted", "kept"].contains(&without.as_str()), "{without}");
}

#[test]
fn root_inside_cannot_read_keys_of_root_outside() {
    let Some(prober) = Prober::new("root_inside_cannot_read_keys_of_root_outside") else { return };
    let description = format!("larder-{}", std::process::id());
    let mut keyring = Keyring::attach_or_create(SpecialKeyring::User).expect("a keyring");
    let mut key = keyring.add_key::<User, _, _>(description.as_str(), &b"secret"[..]).expect("a key");
    key.set_permissions(Permission::POSSESSOR_ALL | Permission::USER_ALL).expect("it is ours");
    let confined = prober.probe(&[], &["key", &description]);
    let without = prober.probe(&UNCONFINED, &["key", &description]);
    keyring.unlink_key(&key).expect("it is there");
    assert_eq!(confined, "search 1");
    assert_eq!(without, "secret", "it is the filter that prevents it");
}

#[test]
fn a_profile_of_ones_own_is_applied_and_kept() {
    let test = "a_profile_of_ones_own_is_applied_and_kept";
    let Some(here) = Host::new() else { return };
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "archMap": [
            { "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"] },
            { "architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null },
        ],
        "syscalls": [
            { "names": ["mkdir", "mkdirat", "nosuchcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 },
            { "name": "umask", "action": "SCMP_ACT_ERRNO", "args": [{ "index": 0, "value": 63, "op": "SCMP_CMP_EQ" }] },
            { "names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS", "includes": { "caps": ["CAP_CHOWN"] } },
            { "names": ["chdir"], "action": "SCMP_ACT_ERRNO", "includes": { "caps": ["CAP_SYS_ADMIN"] } },
        ],
    });
    let runc = tools::are_here(test, &["runc"]);
    let runc = runc.then(|| tools::tool("runc").get_program().to_str().expect("a path").to_owned());
    here.write("profile.json", profile.to_string());
    for runtime in [Some("larder"), runc.as_deref()].into_iter().flatten() {
        let flags = ["--runtime", runtime, "--security-opt", "seccomp=profile.json"];
        let ran = here.shell(&flags, "mkdir /tmp/x; cd /tmp && umask 022 && echo went on").ok();
        assert!(
            ran.err().contains("No space left on device") && ran.out() == "went on\n",
            "{runtime}: {ran}"
        );
        // 128 + SIGSYS.
        here.shell(&flags, "sync; echo $?").ok().stdout("159\n");
        let without = [&flags[..], &["--cap-drop", "CHOWN"]].concat();
        here.shell(&without, "sync; echo $?").ok().stdout("0\n");
    }
    // The content counts, whatever becomes of the file.
    here.run([
        "create",
        "--name",
        "kept",
        "--security-opt",
        "seccomp=profile.json",
        "busybox",
        "mkdir",
        "/x",
    ])
    .ok();
    std::fs::remove_file(here.path("profile.json")).expect("it is there");
    here.run(["start", "kept"]).ok();
    eventually("it is over", || here.status("kept").starts_with("Exited (1) "));
    let option = here.of("kept", "{{index .HostConfig.SecurityOpt 0}}");
    assert!(
        option.starts_with("seccomp={\"archMap\":[") || option.starts_with("seccomp={\"defaultAction\":"),
        "{option}"
    );
}

#[test]
fn a_security_option_that_cannot_be_honoured_is_refused() {
    let Some(here) = Host::new() else { return };
    here.write("broken.json", "{");
    here.write("odd.json", r#"{"defaultAction":"SCMP_ACT_ALLOW","sysalls":[]}"#);
    here.write("notify.json", r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#);
    for (option, code, why) in [
        ("seccomp=nosuch.json", 125, "opening seccomp profile (nosuch.json) failed"),
        ("seccomp=broken.json", 125, "compacting json for seccomp profile (broken.json) failed"),
        ("seccomp=odd.json", 1, "unknown field `sysalls`"),
        ("seccomp=notify.json", 1, "SCMP_ACT_NOTIFY in the seccomp profile is not supported"),
        ("apparmor=docker-default", 1, "larder applies no AppArmor profiles"),
        ("label=type:svirt_t", 1, "larder sets no SELinux labels"),
        ("systempaths=some", 1, "there is no such option"),
        ("mask=/proc/cpuinfo", 125, "Invalid --security-opt"),
        ("seccomp=", 125, "Invalid --security-opt"),
    ] {
        for runtime in ["larder", "runc"] {
            let flags = ["--runtime", runtime, "--security-opt", option];
            let args = [&["create"], &flags[..], &["busybox"]].concat();
            here.run(args).fails(code).complains(why);
            here.shell(&flags, "true").fails(125).complains(why);
        }
    }
    for (sysctl, flags, why) in [
        ("kernel.core_pattern=x", &[][..], "sysctl 'kernel.core_pattern=x' is not allowed"),
        ("vm.swappiness=1", &[], "is not allowed"),
        ("net.ipv4.ip_forward=1", &["--network", "host"], "shares the host's network namespace"),
        ("kernel.shmmax=1", &["--ipc", "host"], "shares the host's IPC namespace"),
    ] {
        here.shell(&[&["--sysctl", sysctl], flags].concat(), "true").fails(125).complains(why);
    }
    assert_eq!(here.ids(), [""; 0]);
    here.shell(&["--security-opt", "apparmor=unconfined", "--security-opt", "label=disable"], "true").ok();
}
