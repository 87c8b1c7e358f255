//! Flags of `run` that the process inside can see.

use std::fs;

use super::{Host, base, busybox, has_controller, image};
use crate::harness::image::Layer;

#[test]
fn the_environment_is_the_images_the_files_and_the_flags() {
    let Some(here) = Host::new() else { return };
    here.write("env", "# a comment\nA=file\nB=b c=d\nHOST\n");
    let mut command = here.larder([
        "run",
        "--rm",
        "--env-file",
        "env",
        "-e",
        "A=flag",
        "-e",
        "E=",
        "-e",
        "OWN",
        "-h",
        "box",
        "busybox",
        "env",
    ]);
    command.env("HOST", "from here").env("OWN", "too");
    let ran = crate::harness::child::run(command, crate::harness::child::Feed::Nothing).ok();
    let mut lines: Vec<_> = ran.out().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        ["A=flag", "B=b c=d", "E=", "HOME=/root", "HOST=from here", "HOSTNAME=box", "OWN=too", "PATH=/bin"]
    );
}

#[test]
fn the_working_directory_is_made_if_it_is_not_there() {
    let Some(here) = Host::new() else { return };
    here.shell(&["-w", "/srv/not/there"], "pwd; ls -ld . | cut -c1-10")
        .ok()
        .stdout("/srv/not/there\ndrwxr-xr-x\n");
    here.shell(&["-w", "/etc"], "ls passwd").ok().stdout("passwd\n");
    here.run(["run", "--rm", "-w", "relative", "busybox", "pwd"])
        .fails(125)
        .complains("the working directory 'relative' is invalid, it needs to be an absolute path");
}

#[test]
fn a_user_is_a_name_or_a_number_with_the_groups_that_the_image_gives() {
    let Some(here) = Host::new() else { return };
    let id = "id -u; id -g; id -G; echo $HOME";
    here.shell(&[], id).ok().stdout("0\n0\n0\n/root\n");
    here.shell(&["-u", "web"], id).ok().stdout("1000\n1001\n1001 1002\n/home/web\n");
    here.shell(&["-u", "1000"], id).ok().stdout("1000\n1001\n1001 1002\n/home/web\n");
    here.shell(&["-u", "5:6"], id).ok().stdout("5\n6\n6\n/\n");
    here.shell(&["-u", "web:extra"], id).ok().stdout("1000\n1002\n1002\n/home/web\n");
    here.shell(&["-u", "5", "--group-add", "extra"], id).ok().stdout("5\n0\n0 1002\n/\n");
}

/// Somebody may be called like the number of another.
#[test]
fn a_number_is_an_id_whoever_is_called_so() {
    let layer = base()
        .file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\n1000:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n",
        )
        .file("etc/group", "root:x:0:\n7:x:0:\nweb:x:1001:\n");
    let numbered = image("numbers:1", vec![layer]).with(|config| config["config"]["User"] = "1000:7".into());
    let Some(here) = Host::with(&[numbered]) else { return };
    let ids = ["sh", "-c", "echo $(id -u):$(id -G)"];
    let run = |flags: &[&str]| here.run([&["run", "--rm"], flags, &["numbers:1"], &ids].concat());
    run(&[]).ok().stdout("1000:7\n");
    run(&["-u", "1000"]).ok().stdout("1000:1001\n");
    run(&["-u", "5", "--group-add", "7"]).ok().stdout("5:0 7\n");
    here.detached(&["--name", "up", "numbers:1", "sleep", "60"]);
    here.run([&["exec", "-u", "1000", "up"], &ids[..]].concat()).ok().stdout("1000:1001\n");
}

#[test]
fn an_entrypoint_goes_before_the_command_and_may_be_taken_away() {
    let with = image("app:1", vec![base()]).with(|config| {
        config["config"]["Entrypoint"] = serde_json::json!(["echo", "entry"]);
        config["config"]["Cmd"] = serde_json::json!(["usual"]);
    });
    let Some(here) = Host::with(&[with]) else { return };
    here.run(["run", "--rm", "app:1"]).ok().stdout("entry usual\n");
    here.run(["run", "--rm", "app:1", "word"]).ok().stdout("entry word\n");
    here.run(["run", "--rm", "--entrypoint", "ls", "app:1", "-d", "/etc"]).ok().stdout("/etc\n");
    here.run(["run", "--rm", "--entrypoint", "", "app:1", "echo", "bare"]).ok().stdout("bare\n");
}

#[test]
fn a_container_has_a_name_for_itself_and_for_others() {
    let Some(here) = Host::new() else { return };
    let flags = ["--hostname", "box", "--add-host", "db:10.0.0.5", "--dns", "9.9.9.9"];
    let script =
        "hostname; cat /etc/hostname; grep -c localhost /etc/hosts; grep db /etc/hosts; cat /etc/resolv.conf";
    here.shell(&flags, script).ok().stdout("box\nbox\n2\n10.0.0.5\tdb\nnameserver 9.9.9.9\n");
    let id = here.detached(&["busybox", "hostname"]);
    here.run(["wait", &id]).ok();
    here.run(["logs", &id]).ok().stdout(format!("{}\n", &id[..12]));
    // What is written there is this container's, and not its image's.
    here.run(["diff", &id]).ok();
    here.shell(&[], "echo 1.2.3.4 x >> /etc/hosts && grep x /etc/hosts").ok().says("1.2.3.4 x");
    here.shell(&[], "grep 1.2.3.4 /etc/hosts").exits(1);
}

#[test]
fn a_read_only_container_can_write_only_what_is_mounted() {
    let Some(here) = Host::new() else { return };
    let script =
        "touch /file; touch /etc/file; mount -o remount,rw / && echo remounted; touch /tmp/file && echo ok";
    let ran = here.shell(&["--read-only", "--tmpfs", "/tmp"], script).ok().stdout("ok\n");
    assert_eq!(ran.err().matches("Read-only file system").count(), 2, "{ran}");
}

#[test]
fn a_tmpfs_is_memory_with_the_options_it_was_given() {
    let Some(here) = Host::new() else { return };
    let flags = ["--name", "mem", "--tmpfs", "/mem:size=1m,exec,mode=700"];
    let args = ["run"].iter().chain(&flags).chain(&[
        "busybox",
        "sh",
        "-c",
        "stat -c %a /mem; grep ' /mem ' /proc/mounts; head -c 2000000 /dev/zero > /mem/x || echo full",
    ]);
    let ran = here.run(args).ok();
    let out = ran.out();
    assert!(
        out.starts_with("700\n")
            && out.contains("tmpfs")
            && out.contains("size=1024k")
            && out.ends_with("full\n"),
        "{ran}"
    );
    let mount = out.lines().nth(1).unwrap_or_default();
    assert!(mount.contains("nosuid") && !mount.contains("noexec"), "{mount}");
    let upper = here.dir(&here.of("mem", "{{.Id}}")).join("upper");
    assert!(!upper.join("mem/x").exists(), "nothing of it is kept");
}

#[test]
fn a_directory_of_the_host_is_there_to_be_written_or_read() {
    let Some(here) = Host::new() else { return };
    let host = here.path("data");
    fs::create_dir(&host).expect("a directory");
    fs::write(host.join("in"), "from the host\n").expect("a file");
    let bind = format!("{}:/data", host.display());
    here.shell(&["-v", &bind], "cat /data/in; echo from inside > /data/out").ok().stdout("from the host\n");
    assert_eq!(here.read("data/out"), b"from inside\n");
    let script = "cat /data/in; echo x > /data/in; echo x > /data/new; rm /data/out; mount -o remount,rw /data; echo x > /data/in";
    let ran = here.shell(&["-v", &format!("{bind}:ro")], script);
    assert_eq!(ran.out(), "from the host\n");
    assert_eq!(ran.err().matches("Read-only file system").count(), 4, "{ran}");
    assert_eq!((here.read("data/in"), here.path("data/new").exists()), (b"from the host\n".to_vec(), false));
    // A file alone, over one that the image has.
    let bind = format!("{}:/etc/passwd:ro", host.join("in").display());
    here.shell(&["-v", &bind], "cat /etc/passwd").ok().stdout("from the host\n");
    // -v makes what is missing, --mount does not.
    let missing = here.path("made/for/it");
    here.shell(&["-v", &format!("{}:/new/place", missing.display())], "ls -a /new/place").ok();
    assert!(missing.is_dir());
    let mount = format!("type=bind,source={},target=/x", here.path("nosuch").display());
    here.run(["run", "--rm", "--mount", &mount, "busybox", "true"])
        .fails(125)
        .complains("bind source path does not exist");
    // What was mounted was not removed with the container.
    assert!(host.join("out").is_file());
}

#[test]
fn limits_of_a_process_are_set() {
    let Some(here) = Host::new() else { return };
    let flags = ["--ulimit", "nofile=77:99", "--ulimit", "core=0"];
    here.shell(&flags, "ulimit -n; ulimit -Hn; ulimit -c").ok().stdout("77\n99\n0\n");
}

fn capabilities(here: &Host, flags: &[&str]) -> u64 {
    let ran = here.shell(flags, "grep CapEff /proc/self/status").ok();
    let digits = ran.out().trim().rsplit('\t').next().map(str::to_owned).unwrap_or_default();
    u64::from_str_radix(&digits, 16).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[test]
fn root_in_a_container_may_do_what_docker_lets_it() {
    let Some(here) = Host::new() else { return };
    // moby's oci/caps/defaults.go without 27, CAP_MKNOD, as the kernel numbers them.
    let usual = [29, 0, 1, 3, 4, 5, 10, 13, 31, 6, 8, 7, 18].iter().fold(0, |set, bit| set | 1 << bit);
    assert_eq!(capabilities(&here, &[]), usual);
    assert_eq!(capabilities(&here, &["--cap-drop", "ALL"]), 0);
    assert_eq!(capabilities(&here, &["--cap-drop", "all", "--cap-add", "CHOWN"]), 1);
    assert_eq!(capabilities(&here, &["--cap-add", "SYS_TIME"]), usual | 1 << 25);
    assert_eq!(capabilities(&here, &["--cap-add", "MKNOD"]), usual | 1 << 27);
    assert_eq!(capabilities(&here, &["-u", "web"]), 0);
    here.shell(&["--cap-drop", "ALL"], "chown web /tmp").exits(1);
    here.shell(&[], "mount -t tmpfs tmpfs /srv").exits(1);
    assert!(capabilities(&here, &["--privileged"]) & (1 << 21) != 0);
    here.shell(&["--privileged"], "mount -t tmpfs tmpfs /srv").ok();
}

#[test]
fn no_new_privileges_means_none() {
    let Some(here) = Host::new() else { return };
    let shown = "grep NoNewPrivs /proc/self/status";
    here.shell(&[], shown).ok().stdout("NoNewPrivs:\t0\n");
    here.shell(&["--security-opt", "no-new-privileges"], shown).ok().stdout("NoNewPrivs:\t1\n");
}

/// The file of a controller in the cgroup of a container, in the first or the second version.
fn cgroup_file(id: &str, first: &str, second: &str) -> Option<String> {
    let paths = [
        format!("/sys/fs/cgroup/{}", first.replace("ID", id)),
        format!("/sys/fs/cgroup/{}", second.replace("ID", id)),
    ];
    paths.iter().find_map(|path| fs::read_to_string(path).ok()).map(|text| text.trim().to_owned())
}

#[test]
fn what_it_may_use_of_the_machine_is_limited() {
    let Some(here) = Host::new() else { return };
    if !has_controller("memory") || !has_controller("pids") {
        crate::harness::skip("what_it_may_use_of_the_machine_is_limited", "no cgroups");
        return;
    }
    let id = here.waiting("small", &["--memory", "64m", "--pids-limit", "20"]);
    let memory = cgroup_file(&id, "memory/larder/ID/memory.limit_in_bytes", "larder/ID/memory.max");
    assert_eq!(memory.as_deref(), Some("67108864"));
    let pids = cgroup_file(&id, "pids/larder/ID/pids.max", "larder/ID/pids.max");
    assert_eq!(pids.as_deref(), Some("20"));
    let forks = "for i in $(seq 40); do sleep 5 & done; wait";
    let ran = here.run(["exec", "small", "sh", "-c", forks]);
    assert!(ran.code != Some(0) && ran.err().contains("can't fork"), "{ran}");
    // Whoever takes more memory is killed, and it is known why.
    let args = ["run", "--name", "greedy", "-m", "16m", "--memory-swap", "16m", "busybox", "sh", "-c"];
    let ran =
        here.run(args.iter().chain(&["head -c 100000000 /dev/zero | tail -c 90000000 > /dev/null; exit $?"]));
    assert_ne!(ran.code, Some(0), "{ran}");
    assert_eq!(here.of("greedy", "{{.State.OOMKilled}}"), "true");
}

/// A machine of cgroups of version 2 may lack a controller.
#[test]
fn a_limit_that_cannot_be_kept_is_refused() {
    let lists = ["/sys/fs/cgroup/unified/cgroup.controllers", "/sys/fs/cgroup/cgroup.controllers"];
    let controllers = lists.iter().find_map(|list| fs::read_to_string(list).ok()).unwrap_or_default();
    if controllers.contains("pids") {
        crate::harness::skip("a_limit_that_cannot_be_kept_is_refused", "version 2 has every controller");
        return;
    }
    let Some(here) = Host::with_cgroups(&[busybox()], "cgroup2") else { return };
    for flags in [["--pids-limit", "5"], ["--memory", "64m"], ["--cpus", "0.5"], ["--cpuset-cpus", "0"]] {
        let ran = here.run([&["run", "--rm"], &flags[..], &["busybox", "true"]].concat());
        ran.fails(125).complains("have no controller for it");
    }
}

#[test]
fn dev_has_what_programs_need_and_no_disks() {
    let Some(here) = Host::new() else { return };
    let script = "for name in null zero full random urandom tty; do test -c /dev/$name || echo no $name; done; \
                  for name in fd stdin stdout stderr ptmx; do test -L /dev/$name || test -c /dev/$name || echo no $name; done; \
                  test -d /dev/shm && test -d /dev/pts && find /dev -type b; \
                  mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk && echo read";
    let ran = here.shell(&[], script);
    assert_eq!(ran.out(), "", "{ran}");
    let masked = "head -c 1 /proc/kcore | wc -c; ls /proc/scsi /sys/firmware 2>/dev/null | grep -v : | tr -d '\\n'; \
                  echo 1 > /proc/sys/kernel/panic; echo x > /proc/sysrq-trigger; exit 0";
    let ran = here.shell(&[], masked).ok();
    assert_eq!(ran.out().trim(), "0", "{ran}");
    assert!(ran.err().contains("/proc/sys/kernel/panic: Read-only file system"), "{ran}");
}

#[test]
fn what_the_lower_layers_have_is_seen_through_the_upper_ones() {
    let top = Layer::new()
        .whiteout("etc/group")
        .opaque("home")
        .file("home/new", "x")
        .file("etc/passwd", "root:x:0:0::/:\n");
    let Some(here) = Host::with(&[image("busybox:latest", vec![base(), top])]) else { return };
    let ran = here.shell(&[], "ls /home; cat /etc/passwd; ls /etc/group");
    assert_eq!(ran.out(), "new\nroot:x:0:0::/:\n", "{ran}");
}

/// Whoever runs in it.
#[test]
fn everybody_reads_what_larder_puts_into_etc() {
    let Some(here) = Host::new() else { return };
    let files = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    let script = "for file; do cat $file > /dev/null && stat -c '%a %u' $file; done";
    let args = [&["run", "--rm", "-u", "web", "busybox", "sh", "-c", script, "sh"], &files[..]].concat();
    here.run(args).ok().stdout("644 0\n644 0\n644 0\n");
}

/// Whatever order they are asked for in.
#[test]
fn mounts_below_others_are_seen() {
    let Some(here) = Host::new() else { return };
    for dir in ["deep", "wide", "etc"] {
        fs::create_dir(here.path(dir)).expect("a directory");
        here.write(&format!("{dir}/{dir}"), "");
    }
    let bind = |from: &str, to: &str| format!("{}:{to}", here.path(from).display());
    let (deep, wide, etc) = (bind("deep", "/x/y"), bind("wide", "/x"), bind("etc", "/etc"));
    let flags = ["-v", &deep, "-v", &wide, "-v", &etc, "-h", "box"];
    let script =
        "ls /x/y; test -e /x/wide && test -e /etc/etc && cat /etc/hostname; grep -c localhost /etc/hosts";
    here.shell(&flags, script).ok().stdout("deep\nbox\n2\n");
}

#[test]
fn a_name_that_is_too_long_is_told_as_docker_tells_it() {
    let Some(here) = Host::new() else { return };
    let (fits, long) = ("a".repeat(64), "a".repeat(65));
    here.run(["run", "--rm", "-h", &fits, "busybox", "hostname"]).ok().stdout(format!("{fits}\n"));
    here.run(["run", "--rm", "-h", &long, "busybox", "true"])
        .fails(125)
        .complains("sethostname: invalid argument");
}

/// A mask of signals is inherited like what is ignored.
#[test]
fn no_signal_is_blocked_inside() {
    let Some(here) = Host::new() else { return };
    here.shell(&[], "grep -c 'SigBlk:.*00$' /proc/self/status").ok().stdout("1\n");
}
