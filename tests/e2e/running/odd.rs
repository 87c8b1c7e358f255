//! Containers where something is odd: their working directory, their mounts, the place of their store.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::Host;
use crate::harness::busybox::{base, image};
use crate::harness::child::{self, Feed};
use crate::harness::image::Layer;
use crate::harness::tarball::Entry;
use crate::harness::tools;

/// The busybox and links that lead somewhere, and nowhere.
fn with_links() -> Layer {
    let links = [("dangling", "nowhere/x"), ("link", "/data"), ("round", "round")];
    let layer = links.iter().fold(base(), |layer, (name, to)| layer.symlink(name, to));
    layer.dir("data").file("file", "")
}

#[test]
fn a_working_directory_is_made_after_the_mounts_and_behind_links() {
    let Some(here) = Host::with(&[image("links:1", vec![with_links()])]) else { return };
    let volume = here.path("volume");
    fs::create_dir(&volume).unwrap();
    let bind = format!("{}:/data", volume.display());
    for (flags, wanted) in [
        (vec!["-w", "/dangling"], "/nowhere/x"),
        (vec!["-v", &bind, "-w", "/data/a/b"], "/data/a/b"),
        (vec!["-v", &bind, "-w", "/link/c"], "/data/c"),
        (vec!["-u", "1000", "-v", &bind, "-w", "/data/user"], "/data/user"),
        (vec!["--tmpfs", "/run", "-w", "/run/x/y"], "/run/x/y"),
        (vec!["--mount", "type=tmpfs,target=/t", "-w", "/t/z"], "/t/z"),
    ] {
        let command = [&["run", "--rm"], &flags[..], &["links:1", "pwd"]].concat();
        here.run(command).ok().stdout(format!("{wanted}\n"));
    }
    for made in ["a/b", "c", "user"] {
        assert!(volume.join(made).is_dir(), "{made} is not in the volume");
    }
    let read_only = format!("{bind}:ro");
    for (flags, why) in [
        (vec!["-v", &read_only, "-w", "/data/new"], "mkdir /data/new: Read-only file system"),
        (vec!["-w", "/file/x"], "Cannot mkdir: /file/x is not a directory"),
        (vec!["-w", "/round/x"], "symbolic links"),
    ] {
        let command = [&["run", "--rm"], &flags[..], &["links:1", "pwd"]].concat();
        here.run(command).fails(125).complains(why);
    }
    assert_eq!(here.ids(), [""; 0]);
}

#[test]
fn a_mount_that_cannot_be_made_says_which_and_why() {
    let Some(here) = Host::with(&[image("links:1", vec![with_links()])]) else { return };
    let dir = here.path("").display().to_string();
    let file = here.write("a-file", "x").display().to_string();
    let kinds = "not a directory: Are you trying to mount a directory onto a file (or vice-versa)?";
    for (flags, why) in [
        (["-v".into(), format!("{dir}:/file")], kinds),
        (["-v".into(), format!("{file}:/data")], kinds),
        (["-v".into(), format!("{dir}:/file/below")], kinds),
        (["--mount".into(), "type=tmpfs,target=/file".into()], kinds),
        (["--tmpfs".into(), "/t:size=large".to_owned()], "size=large\": invalid argument"),
    ] {
        let flags = flags.iter().map(String::as_str);
        let command: Vec<_> = ["run", "--rm"].into_iter().chain(flags).chain(["links:1", "true"]).collect();
        let ran = here.run(command).fails(125).complains("error mounting ").complains(why);
        assert!(!ran.err().contains("Mount {"), "{ran}");
    }
    assert_eq!(here.ids(), [""; 0]);
}

#[test]
fn the_domain_name_is_the_container_s_and_never_the_machine_s() {
    let Some(here) = Host::new() else { return };
    let machine = || fs::read_to_string("/proc/sys/kernel/domainname").unwrap();
    let before = machine();
    let name = ["cat", "/proc/sys/kernel/domainname"];
    let run = |flags: &[&str]| here.run([&["run", "--rm"], flags, &["busybox"], &name].concat());
    run(&["--domainname", "dom.example"]).ok().stdout("dom.example\n");
    for flags in [["--domainname", "x", "--uts", "host"], ["--hostname", "x", "--uts", "host"]] {
        run(&flags).fails(125).complains("conflicting options: ").complains("name and the UTS mode");
    }
    assert_eq!(machine(), before);
}

#[test]
fn an_interpreter_that_is_missing_has_the_code_that_docker_gives() {
    let layer = base()
        .entry(Entry::file("bin/bad", "#!/no/such\n").mode(0o755))
        .entry(Entry::file("bin/junk", "\u{7f}ELFjunk").mode(0o755));
    let Some(here) = Host::with(&[image("odd:1", vec![layer])]) else { return };
    for (command, why) in
        [("bad", "exec /bin/bad: no such file or directory"), ("junk", "exec /bin/junk: exec format error")]
    {
        here.run(["run", "--rm", "odd:1", command]).exits(1).complains(why);
    }
}

/// Without the right to mount, and where overlayfs cannot be stacked.
#[test]
fn what_is_removed_when_it_ends_is_removed_when_it_cannot_start() {
    let Some(here) = Host::new() else { return };
    let larder = here.larder(["run", "--rm", "busybox", "true"]);
    let mut without = tools::tool("setpriv");
    without.args(["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]);
    child::run(tools::under(without, &larder), Feed::Nothing).fails(125).complains("CAP_SYS_ADMIN");
    assert_eq!(here.ids(), [""; 0]);
    assert_eq!(fs::read_dir(here.store().join("containers")).unwrap().count(), 0);
    here.run(["run", "--name", "kept", "busybox", "nosuch"]).fails(127);
    assert_eq!(here.ids().len(), 1, "what is not to be removed stays");
}

#[test]
fn a_store_may_lie_below_any_path() {
    let Some(here) = Host::new() else { return };
    let archive = here.save(["busybox"]);
    for name in
        [&b"with space"[..], b"new\nline", b"col:on,com=ma", b"quo'te\"s", b"back\\slash", b"\xff\xfe"]
    {
        let store = here.path("").join(OsStr::from_bytes(name));
        let run = |args: &[&str], feed| {
            let mut larder = here.larder(args);
            larder.env("LARDER_STORE", &store);
            child::run(larder, feed)
        };
        run(&["load", "-q"], Feed::Bytes(archive.clone())).ok();
        run(&["run", "-d", "--name", "web", "busybox", "sh", "-c", super::WAITS], Feed::Nothing).ok();
        let entered = run(&["exec", "web", "cat", "/etc/hostname"], Feed::Nothing);
        match std::str::from_utf8(name) {
            Ok(_) => _ = entered.ok(),
            // What its runtime keeps is not where others could find it.
            Err(_) => _ = entered.exits(126).complains("the path of the store is not UTF-8"),
        }
        run(&["rm", "-f", "web"], Feed::Nothing).ok();
        run(&["run", "--rm", "busybox", "echo", "ran"], Feed::Nothing).ok().stdout("ran\n");
    }
}

#[test]
fn images_of_hundreds_of_layers_run() {
    let more = (0..300).map(|at| Layer::new().file(&format!("srv/{at}"), at.to_string()));
    let layers = std::iter::once(base()).chain(more).collect();
    let Some(here) = Host::with(&[image("deep:1", layers)]) else { return };
    here.run(["run", "--rm", "deep:1", "sh", "-c", "ls /srv | wc -l"]).ok().stdout("300\n");
}

/// Docker's default, and what a container gets of a directory on which the machine mounts something.
#[test]
fn mounts_of_the_machine_come_into_a_container_only_if_that_is_asked_for() {
    let test = "mounts_of_the_machine_come_into_a_container_only_if_that_is_asked_for";
    let Some(here) = Host::new() else { return };
    if !tools::are_here(test, &["unshare", "mount"]) {
        return;
    }
    let volume = here.path("volume");
    fs::create_dir(&volume).unwrap();
    let run = |options: &str| {
        let bind = format!("{}:/data{options}", volume.display());
        let larder =
            here.larder(["run", "--rm", "-v", &bind, "busybox", "grep", " /data ", "/proc/self/mountinfo"]);
        let script = "mount --bind volume volume && mount --make-shared volume && exec \"$@\"";
        child::run(tools::shell_with_mounts(script, &larder), Feed::Nothing)
    };
    for private in ["", ":rprivate", ":ro"] {
        let out = run(private).ok().out();
        assert!(!out.contains("master:") && !out.contains("shared:"), "{private}: {out}");
    }
    assert!(run(":rslave").ok().out().contains("master:"));
    run(":rshared").fails(125).complains("what a container mounts is never seen on the machine");
}
