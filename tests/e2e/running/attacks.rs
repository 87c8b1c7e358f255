//! Images and processes that want out: each with the flaw of another engine that it is.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyutils::keytypes::User;
use keyutils::{Keyring, Permission};

use super::{Host, base, eventually, image};
use crate::harness::child::{self, Feed};
use crate::harness::image::Layer;
use crate::harness::listing::Listing;
use crate::harness::tools;

/// A copy of larder, to be attacked in place of the one that was built.
fn copy_of_larder(here: &Host) -> PathBuf {
    let copy = here.path("larder");
    fs::copy(env!("CARGO_BIN_EXE_larder"), &copy).expect("it can be copied");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("it is ours");
    copy
}

/// What tells whether a file was touched.
fn state_of(path: &Path) -> (u64, u64, i64, i64, String) {
    let found = fs::metadata(path).expect("it is there");
    let digest = crate::harness::hex_digest(&fs::read(path).expect("it can be read"));
    (found.ino(), found.len(), found.mtime(), found.mtime_nsec(), digest)
}

/// Holds open whatever larder is seen at work in the container, and tries to write to it,
/// also once it is over. As long as some larder runs it is busy for who would write to it;
/// that it is read-only is seen by who would change its times. What was larder when it was
/// looked at may be the container's own program when it is opened: it is looked at again.
const WRITES_TO_LARDER: &str = "for process in /proc/[0-9]*; do \
     case $(readlink $process/exe 2>/dev/null) in */larder) echo seen; \
     (exec 3<$process/exe && case $(readlink /proc/self/fd/3) in */larder) \
     for i in $(seq 40); do (echo x >> /proc/self/fd/3) && echo OPENED; touch /proc/self/fd/3 && echo OPENED; sleep 0.05; done ;; esac) & ;; \
     esac; done; true";

/// CVE-2019-5736: `/proc/self/exe` of what enters a container is the engine.
#[test]
fn cve_2019_5736_the_program_cannot_be_written_from_inside() {
    let Some(here) = Host::new() else { return };
    let larder = copy_of_larder(&here);
    let before = state_of(&larder);
    let run = |args: &[&str]| child::run(here.larder_at(&larder, args), Feed::Nothing);
    // The image's command is the engine itself.
    let ran = run(&["run", "--rm", "busybox", "/proc/self/exe"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    // A process lies in wait for those that are brought in.
    let script = format!("echo up; while :; do {WRITES_TO_LARDER}; done");
    run(&["run", "-d", "--name", "trap", "--cap-add", "SYS_PTRACE", "busybox", "sh", "-c", &script]).ok();
    eventually("it is up", || here.run(["logs", "trap"]).out().contains("up\n"));
    for _ in 0..30 {
        run(&["exec", "trap", "true"]).ok();
        run(&["exec", "trap", "/proc/self/exe"]);
    }
    std::thread::sleep(Duration::from_millis(200));
    let seen = here.run(["logs", "trap"]).ok().out();
    run(&["kill", "trap"]).ok();
    assert!(!seen.contains("OPENED"), "{seen}");
    assert_eq!(state_of(&larder), before, "{seen}");
}

/// CVE-2019-5736 once more: with the machine's libraries in the image the engine does run,
/// inside, and gets no further.
#[test]
fn cve_2019_5736_the_program_that_runs_inside_is_read_only() {
    let name = "cve_2019_5736_the_program_that_runs_inside_is_read_only";
    if !crate::harness::tools::are_here(name, &["ldd"]) {
        return;
    }
    let needed = crate::harness::tools::run("ldd", [env!("CARGO_BIN_EXE_larder")]).out();
    let paths = needed.split_whitespace().filter(|word| word.starts_with('/') && Path::new(word).is_file());
    let mut layer = Layer::new().dir("lib").dir("lib64");
    for path in paths {
        let entry = crate::harness::tarball::Entry::file(&path[1..], fs::read(path).expect("a library"));
        layer = layer.entry(entry.mode(0o755));
    }
    let Some(here) = Host::with(&[image("busybox:latest", vec![base(), layer])]) else { return };
    let larder = copy_of_larder(&here);
    let before = state_of(&larder);
    let run = |args: &[&str]| child::run(here.larder_at(&larder, args), Feed::Nothing);
    let ran = run(&["run", "--rm", "busybox", "/proc/self/exe", "version"]);
    run(&["run", "-d", "--name", "box", "busybox", "sleep", "600"]).ok();
    let inside = child::start(
        here.larder_at(&larder, ["exec", "-i", "box", "/proc/self/exe", "import", "-"]),
        Feed::stream(|out| {
            std::thread::sleep(Duration::from_millis(1500));
            out.write_all(b"no archive")
        }),
    );
    std::thread::sleep(Duration::from_millis(700));
    let script = format!("{WRITES_TO_LARDER}; wait");
    let told = run(&["exec", "box", "sh", "-c", &script]).ok();
    inside.wait();
    assert!(!told.out().contains("OPENED"), "{told}\n{ran}");
    assert!(told.out().contains("seen") && told.err().contains("Read-only file system"), "{told}");
    assert_eq!(state_of(&larder), before, "{told}");
}

/// CVE-2024-21626: a working directory that is an open directory of the machine.
#[test]
fn cve_2024_21626_no_working_directory_leads_out() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let script = "test -e ./../../../../../../../../../../../.dockerenv; cat ../../../../../../../../../../../../etc/passwd | head -n 1; pwd";
    let outside = here.dir(&here.of("web", "{{.Id}}")).display().to_string();
    let check = |ran: &child::Ran, what: &str| {
        let out = ran.out();
        assert!(ran.code != Some(0) || out.starts_with("root:x:0:0:root:/root:/bin/sh\n"), "{what}: {ran}");
        assert!(!out.contains(&outside) && !out.contains("larder"), "{what}: {ran}");
    };
    for fd in 3..=20 {
        for dir in
            [format!("/proc/self/fd/{fd}"), format!("/proc/self/fd/{fd}/../.."), format!("/proc/1/fd/{fd}")]
        {
            check(&here.run(["exec", "-w", &dir, "web", "sh", "-c", script]), &dir);
        }
        // A command that asks for it by itself, in place of the flag.
        let asks = format!("cd /proc/self/fd/{fd} 2>/dev/null && echo in && ls -a");
        let ran = here.run(["exec", "web", "sh", "-c", &asks]);
        assert!(!ran.out().contains("in\n"), "{fd}: {ran}");
    }
    for fd in [3, 5, 7, 8, 9, 12, 20] {
        let dir = format!("/proc/self/fd/{fd}");
        check(&here.run(["run", "--rm", "-w", &dir, "busybox", "sh", "-c", script]), &dir);
    }
    // The image may ask for it, and by a link.
    let sly = image("busybox:latest", vec![base().symlink("work", "/proc/self/fd/7")])
        .with(|config| config["config"]["WorkingDir"] = "/work".into());
    let Some(here) = Host::with(&[sly]) else { return };
    check(&here.run(["run", "--rm", "busybox", "sh", "-c", script]), "the image's");
}

/// CVE-2024-21626 and its like: nothing that the engine has open is open inside.
#[test]
fn cve_2024_21626_nothing_of_the_machine_is_open_inside() {
    let Some(here) = Host::new() else { return };
    // The one beside the streams is that of the list itself.
    let list = "ls /proc/self/fd | tr '\\n' ' '; for fd in /proc/self/fd/*; do readlink $fd; done | grep -v '^pipe:\\|^/dev/null$\\|^/proc/' ; echo end";
    let wanted = "0 1 2 3 end\n";
    here.shell(&[], list).ok().stdout(wanted);
    here.run_fed(["run", "--rm", "-i", "busybox", "sh", "-c", list], Feed::Bytes(Vec::new()))
        .ok()
        .stdout(wanted);
    here.waiting("web", &[]);
    here.run(["exec", "web", "sh", "-c", list]).ok().stdout(wanted);
    // Also not what whoever calls larder has open, which every shell hands down.
    let mut command = crate::harness::tools::tool("sh");
    let larder = env!("CARGO_BIN_EXE_larder");
    let script = format!(
        "exec 7</ 9>leak; '{larder}' run --rm busybox sh -c \"$1\"; '{larder}' exec web sh -c \"$1\""
    );
    command.args(["-c", &script, "sh", list]).env_clear().current_dir(here.path(""));
    command.envs(here.larder(["x"]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    child::run(command, Feed::Nothing).ok().stdout(wanted.repeat(2));
    // Nor any other process of the machine seen, nor its environment.
    let ran =
        here.run(["exec", "web", "sh", "-c", "cat /proc/1/environ /proc/self/environ | tr '\\0' '\\n'"]).ok();
    assert!(!ran.out().contains("LARDER"), "{ran}");
}

/// CVE-2021-30465 and its like: where something is mounted is a link that leads out.
#[test]
fn cve_2021_30465_a_mount_does_not_follow_links_out() {
    let Some(here) = Host::new() else { return };
    let outside = here.path("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("file"), "the machine's").expect("a file");
    fs::create_dir(here.path("data")).expect("a directory");
    fs::write(here.path("data/mine"), "mounted\n").expect("a file");
    let up = "../".repeat(20);
    let links = base()
        .symlink("data", outside.to_str().expect("UTF-8"))
        .symlink("up", &format!("{up}{}", &outside.display().to_string()[1..]))
        .symlink("etc-link", "/etc")
        .symlink("srv/deep", &up);
    here.load(&crate::harness::layouts::docker24(&[image("sly:1", vec![links])]).tar()).ok();
    let before = Listing::of(&outside);
    let mounted = fs::read_to_string("/proc/self/mountinfo").expect("/proc is there").lines().count();
    let bind = |target: &str| format!("{}:{target}", here.path("data").display());
    for target in ["/data", "/up", "/data/sub", "/up/sub", "/srv/deep/x", "/etc-link/sub", "/../../../data"] {
        let script = format!("cat {target}/mine && echo new > {target}/new; cat /etc/passwd | head -n 1");
        let ran = here.run(["run", "--rm", "-v", &bind(target), "sly:1", "sh", "-c", &script]);
        // It is mounted in the container, or the container is refused.
        let is_inside = ran.out() == "mounted\nroot:x:0:0:root:/root:/bin/sh\n" && ran.code == Some(0);
        assert!(is_inside || ran.code == Some(125), "{target}: {ran}");
        assert_eq!(Listing::of(&outside), before, "{target}: {ran}");
        assert_eq!(here.path("data/new").exists(), is_inside, "{target}: {ran}");
        let _ = fs::remove_file(here.path("data/new"));
    }
    for flag in [["--tmpfs", "/data"], ["--tmpfs", "/up/new"], ["-w", "/data/made"], ["-w", "/up/made/too"]] {
        let ran = here.run(
            [&["run", "--rm"], &flag[..], &["sly:1", "sh", "-c", "touch /data/x /up/x; exit 0"]].concat(),
        );
        assert_eq!(Listing::of(&outside), before, "{flag:?}: {ran}");
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").expect("/proc").lines().count(), mounted);
    assert!(!Path::new("/x").exists());
}

/// What larder itself writes and mounts goes through no link of the image.
#[test]
fn links_in_place_of_what_larder_mounts_lead_nowhere() {
    let names = ["proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/shm", "dev/pts"];
    for name in names {
        let Some(here) = Host::new() else { return };
        let outside = here.path("outside");
        fs::create_dir(&outside).expect("a directory");
        fs::write(outside.join("file"), "the machine's").expect("a file");
        let target = if name.starts_with("etc/") { outside.join("file") } else { outside.clone() };
        for link in [
            target.display().to_string(),
            format!("{}{}", "../".repeat(20), &target.display().to_string()[1..]),
        ] {
            let without = base();
            let sly = Layer::new().whiteout(name).dir("etc");
            let sly = if name.starts_with("dev/") { Layer::new() } else { sly };
            let top = Layer::new().symlink(name, &link);
            here.load(&crate::harness::layouts::docker24(&[image("sly:1", vec![without, sly, top])]).tar())
                .ok();
            let before = Listing::of(&outside);
            let ran = here.run([
                "run",
                "--rm",
                "sly:1",
                "sh",
                "-c",
                "echo x >> /etc/hosts; echo x >> /etc/hostname; echo runs",
            ]);
            assert!(ran.out() == "runs\n" || ran.code == Some(125), "{name} -> {link}: {ran}");
            assert_eq!(Listing::of(&outside), before, "{name} -> {link}: {ran}");
        }
    }
}

/// Users are looked up in the container, whatever its files are links to.
#[test]
fn links_in_place_of_the_users_are_followed_inside() {
    let Some(here) = Host::new() else { return };
    let secret = here.write("passwd", "spy:x:4242:4242::/:/bin/sh\n");
    let own = "own:x:77:78::/:/bin/sh\n";
    let inside = secret.display().to_string();
    for link in [inside.clone(), format!("{}{}", "../".repeat(20), &inside[1..])] {
        // The same path in the container is another file.
        let there = Layer::new().whiteout("etc/passwd");
        let top = Layer::new().symlink("etc/passwd", &link).file(&inside[1..], own);
        here.load(&crate::harness::layouts::docker24(&[image("sly:1", vec![base(), there, top])]).tar()).ok();
        here.run(["run", "--rm", "-u", "own", "sly:1", "id", "-u"]).ok().stdout("77\n");
        here.run(["run", "--rm", "-u", "spy", "sly:1", "id", "-u"])
            .fails(125)
            .complains("unable to find user spy");
    }
    // A device or a pipe in their place does not hold up anybody.
    let there = Layer::new().whiteout("etc/passwd").whiteout("etc/group");
    let pipe = crate::harness::tarball::Entry::new("etc/passwd", b'6');
    let zero = crate::harness::tarball::Entry::device("etc/group", b'3', 1, 5);
    let top = Layer::new().entry(pipe).entry(zero);
    here.load(&crate::harness::layouts::docker24(&[image("sly:2", vec![base(), there, top])]).tar()).ok();
    let ran = here.run(["run", "--rm", "-u", "5", "sly:2", "true"]);
    assert!(ran.elapsed < Duration::from_secs(20), "{ran}");
}

/// CVE-2022-24769: a capability that can be inherited outlives a change of user.
#[test]
fn cve_2022_24769_no_capability_is_inherited() {
    let Some(here) = Host::new() else { return };
    let shown = "grep CapInh /proc/self/status; grep CapAmb /proc/self/status";
    let none = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n";
    here.shell(&[], shown).ok().stdout(none);
    here.shell(&["-u", "web"], shown).ok().stdout(none);
    here.waiting("web", &[]);
    here.run(["exec", "web", "sh", "-c", shown]).ok().stdout(none);
}

/// CVE-2016-9962: a process that is brought in cannot be traced by those that are there.
/// CVE-2019-16884, CVE-2023-27561: `/proc` is the kernel's, whatever the image has there.
#[test]
fn cve_2019_16884_proc_is_the_kernels() {
    let sly = base()
        .dir("proc/self")
        .file("proc/self/status", "fake")
        .dir("sys/kernel")
        .file("proc/mounts", "fake");
    let Some(here) = Host::with(&[image("busybox:latest", vec![sly])]) else { return };
    let script = "grep -c fake /proc/self/status; echo 1 > /proc/sys/kernel/panic; ls /proc/1/status; umount /proc 2>/dev/null && echo away";
    let ran = here.shell(&[], script);
    assert_eq!(ran.out(), "0\n/proc/1/status\n", "{ran}");
    // A mount over it could hide what protects it.
    fs::create_dir(here.path("data")).expect("a directory");
    let bind = format!("{}:/proc", here.path("data").display());
    let ran = here.run(["run", "--rm", "-v", &bind, "busybox", "true"]);
    assert!(ran.code == Some(125) || ran.code == Some(0), "{ran}");
    assert_eq!(fs::read_dir(here.path("data")).expect("it is there").count(), 0);
}

/// The store is not seen from inside, and nothing that its programs do reaches it.
#[test]
fn the_machine_is_not_seen_from_inside() {
    let Some(here) = Host::new() else { return };
    let store = here.store().display().to_string();
    let script = format!(
        "ls -d {store} 2>/dev/null; cat /proc/1/root{store}/format 2>/dev/null; ls /; \
         mount -t proc proc /srv 2>/dev/null && echo mounted; chroot /proc/1/root ls / > /dev/null; \
         mknod /tmp/vda b 254 0 2>/dev/null && cat /tmp/vda 2>/dev/null | head -c 1; kill -9 -1; echo still here"
    );
    let ran = here.shell(&[], &script).ok();
    let wanted = "bin\ndev\netc\nhome\nproc\nroot\nsrv\nsys\ntmp\nvar\nstill here\n";
    assert_eq!(ran.out(), wanted, "{ran}");
}

/// The keys of whoever starts a container are theirs.
#[test]
fn the_keys_of_the_session_are_not_there_inside() {
    let Some(here) = Host::new() else { return };
    let mut session = Keyring::join_anonymous_session().expect("a session of this test's own");
    let mut key = session.add_key::<User, _, _>("what-opens-it", &b"secret"[..]).expect("a key");
    // As most keys are: for who has it in a keyring, whoever that is.
    key.set_permissions(Permission::POSSESSOR_ALL).expect("it is ours");
    let keys = fs::read_to_string("/proc/keys").expect("the kernel lists them");
    assert!(keys.contains("what-opens-it"), "{keys}");
    let look = "grep -c what-opens-it /proc/keys; true";
    here.shell(&["--privileged"], look).ok().stdout("0\n");
    here.waiting("web", &["--privileged"]);
    here.run(["exec", "web", "sh", "-c", look]).ok().stdout("0\n");
}

/// CVE-2022-36109: a program that leaves its main group leaves what is forbidden to it.
#[test]
fn cve_2022_36109_the_main_group_is_among_the_groups() {
    let Some(here) = Host::new() else { return };
    let groups = "grep Groups: /proc/self/status | cut -f2";
    assert_eq!(here.shell(&["-u", "1000:777"], groups).ok().out().trim(), "777");
    assert_eq!(here.shell(&[], groups).ok().out().trim(), "0");
    here.waiting("web", &[]);
    let ran = here.run(["exec", "-u", "5:6", "web", "sh", "-c", groups]).ok();
    assert_eq!(ran.out().trim(), "6");
}

/// What whoever starts a container has open is theirs, and closed when they close it.
#[test]
fn nobody_beside_a_container_holds_what_was_open_before() {
    let Some(here) = Host::new() else { return };
    let lock = here.write("lock", "");
    let holding = |args: &[&str]| {
        let script = "exec 7<lock; flock 7; \"$@\"";
        child::run(tools::shell(script, &here.larder(args)), Feed::Nothing).ok()
    };
    let is_free = || {
        let file = fs::File::open(&lock).expect("it is there");
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    };
    holding(&["run", "-d", "--name", "web", "busybox", "sleep", "600"]);
    eventually("the monitor holds nothing", is_free);
    holding(&["exec", "-d", "web", "sleep", "600"]);
    eventually("nor does what waits for the other process", is_free);
}
