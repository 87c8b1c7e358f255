//! `create`: what it takes, what it records and what it refuses.

use serde_json::{Value, json};

use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;

fn with(image: Image) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[image]).tar()).ok();
    sandbox
}

/// The document of a container that was just created.
#[track_caller]
fn created(sandbox: &Sandbox, args: &[&str]) -> Value {
    let id = sandbox.run(["create"].iter().chain(args)).ok().out();
    sandbox.run(["container", "inspect", id.trim_end()]).ok().json()[0].clone()
}

#[test]
fn a_name_is_made_up_or_checked() {
    let sandbox = with(Image::small("app:1"));
    let name = created(&sandbox, &["app:1"])["Name"].as_str().expect("a name").to_owned();
    let words: Vec<_> = name.trim_start_matches('/').split('_').collect();
    assert!(words.len() == 2 && words.iter().all(|word| word.len() > 1), "{name}");
    let id = created(&sandbox, &["--name", "web", "app:1"])["Id"].as_str().expect("an ID").to_owned();
    sandbox.run(["create", "--name", "web", "app:1"]).fails(1).complains(format!(
        "Conflict. The container name \"/web\" is already in use by container \"{id}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    ));
    for bad in ["b@d", "x", "-x", "a/b", "é1"] {
        let told = format!("Invalid container name ({bad}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        sandbox.run(["create", &format!("--name={bad}"), "app:1"]).fails(1).complains(told);
    }
    assert_eq!(sandbox.run(["ps", "-aq"]).ok().out().lines().count(), 2);
}

#[test]
fn an_image_that_is_not_there_is_told_as_docker_tells_it() {
    let told = "Unable to find image 'nosuch:1' locally\nError: No such image: nosuch:1\n\
                hint: larder pulls no images: 'larder load' brings them in, 'larder images' lists those that are here\n";
    let nothing = Sandbox::new();
    assert_eq!(nothing.run(["create", "nosuch:1"]).fails(1).err(), told);
    assert!(!nothing.store().exists());
    assert_eq!(with(Image::small("app:1")).run(["create", "nosuch:1"]).fails(1).err(), told);
    nothing.run(["create"]).fails(1).complains("'larder create' requires at least 1 argument");
}

#[test]
fn nothing_is_unpacked() {
    let sandbox = with(Image::small("app:1"));
    let packs = sandbox.listing().but(&["catalog", "lock", "journal", "containers"]);
    created(&sandbox, &["app:1"]);
    let now = sandbox.listing().but(&["catalog", "lock", "journal", "containers"]);
    assert_eq!(packs.changes(&now), [""; 0]);
    sandbox.is_clean();
}

#[test]
fn the_config_is_the_image_s_and_what_was_asked_for() {
    let image = Image::small("app:1").with(|config| {
        config["config"] = json!({
            "Env": ["PATH=/bin", "A=image"], "Cmd": ["c"], "Entrypoint": ["e"], "WorkingDir": "/w", "User": "u",
            "Labels": {"k": "image", "l": "image"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}},
            "StopSignal": "SIGINT", "Healthcheck": {"Test": ["CMD", "h"]}, "OnBuild": ["RUN x"],
        });
    });
    let sandbox = with(image);
    let plain = created(&sandbox, &["app:1"]);
    assert_eq!((&plain["Path"], &plain["Args"]), (&json!("e"), &json!(["c"])));
    let config = &plain["Config"];
    assert_eq!(
        (&config["User"], &config["WorkingDir"], &config["StopSignal"]),
        (&json!("u"), &json!("/w"), &json!("SIGINT"))
    );
    assert_eq!(
        (&config["AttachStdout"], &config["Tty"], &config["OnBuild"]),
        (&json!(true), &json!(false), &Value::Null)
    );

    sandbox.write("vars", "# remark\n\nB=2\n A=file\nUNSET\n");
    sandbox.write("labels", "m=file\nl\n");
    let asked = created(
        &sandbox,
        &[
            "-e",
            "A=mine",
            "-eC=3=4",
            "--env-file",
            "vars",
            "-w",
            "/x",
            "-u",
            "1:2",
            "-l",
            "k=mine",
            "--label-file",
            "labels",
            "-h",
            "host",
            "--domainname",
            "example.org",
            "-it",
            "--expose",
            "90-91/udp",
            "--stop-signal",
            "TERM",
            "--stop-timeout=3",
            "--health-cmd",
            "check it",
            "--health-interval",
            "30s",
            "--health-retries",
            "2",
            "app:1",
            "-e",
            "x",
        ],
    );
    assert_eq!(
        (&asked["Path"], &asked["Args"]),
        (&json!("e"), &json!(["-e", "x"])),
        "flags behind the image are not ours"
    );
    let config = &asked["Config"];
    for (key, want) in [
        ("Env", json!(["B=2", "A=mine", "UNSET", "C=3=4", "PATH=/bin"])),
        ("Labels", json!({"k": "mine", "l": "", "m": "file"})),
        ("WorkingDir", json!("/x")),
        ("User", json!("1:2")),
        ("Hostname", json!("host")),
        ("Domainname", json!("example.org")),
        ("Tty", json!(true)),
        ("OpenStdin", json!(true)),
        ("AttachStdin", json!(true)),
        ("StdinOnce", json!(true)),
        ("ExposedPorts", json!({"80/tcp": {}, "90/udp": {}, "91/udp": {}})),
        ("Volumes", json!({"/v": {}})),
        ("StopSignal", json!("TERM")),
        ("StopTimeout", json!(3)),
        (
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "check it"], "Interval": 30_000_000_000_u64, "Retries": 2}),
        ),
    ] {
        assert_eq!(config[key], want, "{key}");
    }
    let other = created(&sandbox, &["--entrypoint", "sh", "--no-healthcheck", "app:1"]);
    assert_eq!((&other["Path"], &other["Args"]), (&json!("sh"), &json!([])));
    assert_eq!(other["Config"]["Healthcheck"], json!({"Test": ["NONE"]}));
    let none = created(&sandbox, &["--entrypoint", "", "app:1", "ls"]);
    assert_eq!((&none["Path"], &none["Config"]["Entrypoint"]), (&json!("ls"), &Value::Null));
    sandbox.run(["create", "--entrypoint", "", "app:1"]).fails(1).complains("No command specified");
}

#[test]
fn what_the_host_does_is_recorded() {
    let sandbox = with(Image::small("app:1"));
    let found = created(
        &sandbox,
        &[
            "-v",
            ".:/here:ro",
            "--mount",
            "type=tmpfs,target=/t,tmpfs-size=64m",
            "--tmpfs",
            "/run:size=1m",
            "--network",
            "none",
            "--read-only",
            "--init",
            "--restart",
            "on-failure:3",
            "--cidfile",
            "id",
            "--memory",
            "512m",
            "--memory-swap",
            "-1",
            "--cpus",
            "1.5",
            "--pids-limit",
            "10",
            "--ulimit",
            "nofile=1:2",
            "--cap-add",
            "net_admin",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--add-host",
            "db:10.0.0.1",
            "--dns",
            "1.1.1.1",
            "--sysctl",
            "net.a=1",
            "--shm-size",
            "1g",
            "--group-add",
            "adm",
            "--annotation",
            "a=b",
            "--oom-score-adj",
            "-5",
            "--ipc",
            "host",
            "app:1",
        ],
    );
    let here = sandbox.path("").canonicalize().unwrap().display().to_string();
    let host = &found["HostConfig"];
    for (key, want) in [
        ("Binds", json!([format!("{here}:/here:ro")])),
        (
            "Mounts",
            json!([{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 64 << 20, "Mode": 0}}]),
        ),
        ("Tmpfs", json!({"/run": "size=1m"})),
        ("NetworkMode", json!("none")),
        ("ReadonlyRootfs", json!(true)),
        ("Init", json!(true)),
        ("RestartPolicy", json!({"Name": "on-failure", "MaximumRetryCount": 3})),
        ("ContainerIDFile", json!("id")),
        ("Memory", json!(512 << 20)),
        ("MemorySwap", json!(-1)),
        ("NanoCpus", json!(1_500_000_000)),
        ("PidsLimit", json!(10)),
        ("Ulimits", json!([{"Name": "nofile", "Soft": 1, "Hard": 2}])),
        ("CapAdd", json!(["CAP_NET_ADMIN"])),
        ("CapDrop", json!(["ALL"])),
        ("SecurityOpt", json!(["no-new-privileges"])),
        ("ExtraHosts", json!(["db:10.0.0.1"])),
        ("Dns", json!(["1.1.1.1"])),
        ("Sysctls", json!({"net.a": "1"})),
        ("ShmSize", json!(1 << 30)),
        ("GroupAdd", json!(["adm"])),
        ("Annotations", json!({"a": "b"})),
        ("OomScoreAdj", json!(-5)),
        ("IpcMode", json!("host")),
    ] {
        assert_eq!(host[key], want, "{key}");
    }
    assert_eq!(found["Mounts"][0]["Destination"], "/here");
    assert_eq!(found["Mounts"][0]["RW"], false);
    assert_eq!(String::from_utf8(sandbox.read("id")).unwrap(), found["Id"]);
    // The file is never written over, and goes if nothing comes of it.
    sandbox.run(["create", "--cidfile", "id", "app:1"]).fails(1).complains("container ID file found");
    sandbox.run(["create", "--cidfile", "other", "nosuch"]).fails(1);
    assert!(!sandbox.path("other").exists());
    sandbox.run(["create", "--cidfile", "no/where", "app:1"]).fails(1).complains("no such file or directory");
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_created() {
    let sandbox = with(Image::small("app:1"));
    for (args, code, why) in [
        (
            vec!["-e", "=x"],
            125,
            "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x",
        ),
        (vec!["-w", "rel"], 1, "the working directory 'rel' is invalid, it needs to be an absolute path"),
        (vec!["--stop-signal", "foo"], 1, "Invalid signal: foo"),
        (vec!["--memory", "4m"], 1, "Minimum memory limit allowed is 6MB"),
        (vec!["--memory", "x"], 125, "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'"),
        (
            vec!["--rm", "--restart", "always"],
            125,
            "conflicting options: cannot specify both --restart and --rm",
        ),
        (vec!["--restart", "perhaps"], 1, "unknown policy 'perhaps'"),
        (vec!["--env-file", "nosuch"], 125, "open nosuch: no such file or directory"),
        (
            vec!["--no-healthcheck", "--health-cmd", "x"],
            125,
            "--no-healthcheck conflicts with --health-* options",
        ),
        (vec!["-v", "/a:/b:zz"], 1, "invalid mode: zz"),
        (vec!["-v", "data:/b"], 125, "larder keeps no volumes"),
        (vec!["--mount", "source=data,target=/b"], 125, "larder keeps no volumes"),
        (vec!["-v", "/a:/b", "--tmpfs", "/b"], 1, "Duplicate mount point: /b"),
        (vec!["--network", "bridge"], 125, "--network bridge is not supported"),
        (vec!["-p", "80:80"], 125, "--publish is not supported"),
        (vec!["--volumes-from", "x"], 125, "--volumes-from is not supported"),
        (vec!["--log-driver", "syslog"], 125, "--log-driver is not supported"),
        (vec!["--log-driver", "x"], 1, "Error: logger: no log driver named 'x' is registered"),
        (
            vec!["--log-driver", "none", "--log-opt", "max-size=1m"],
            125,
            "larder: invalid logging opts for driver none",
        ),
        (vec!["--log-opt", "compress=true"], 125, "--log-opt is not supported: the log has no compress"),
        (vec!["--log-opt", "x=1"], 1, "Error: unknown log opt 'x' for json-file log driver"),
        (vec!["--log-opt", "max-size=big"], 1, "failed to initialize logging driver: invalid size: 'big'"),
        (vec!["--log-opt", "max-file=0"], 1, "max-file cannot be less than 1"),
        (vec!["--storage-opt", "size=1g"], 125, "--storage-opt is not supported"),
        (vec!["--pull", "always"], 125, "larder talks to no registry"),
        (vec!["--platform", "linux/s390x"], 1, "does not have the platform linux/s390x"),
        (vec!["--cap-add", "FLY"], 1, "invalid CapAdd: unknown capability: \"CAP_FLY\""),
        (vec!["--pid", "x"], 125, "larder: --pid: invalid PID mode"),
        (vec!["--ipc", "container:x"], 125, "--ipc container:x is not supported"),
        (vec!["--oom-score-adj", "1001"], 1, "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        (vec!["--nope"], 125, "unknown flag: --nope"),
    ] {
        let ran = sandbox.run(["create"].iter().chain(&args).chain(&["app:1"]));
        assert_eq!(ran.code, Some(code), "{args:?}: {ran}");
        assert!(ran.err().contains(why), "{args:?}: {ran}");
    }
    sandbox.write("long", format!("A={}\n", "x".repeat(33 << 20)));
    sandbox
        .run(["create", "--env-file", "long", "app:1"])
        .fails(1)
        .complains("more than the 33554432 that are kept");
    assert_eq!(sandbox.run(["ps", "-aq"]).ok().out(), "");
    assert!(!sandbox.store().join("containers").exists());
}

/// Buildpacks write labels of hundreds of kilobytes, and Linux takes commands of two megabytes.
#[test]
fn large_labels_commands_and_environments_are_taken() {
    let label = "x".repeat(200_000);
    let sandbox =
        with(Image::small("app:1").with(|config| config["config"]["Labels"] = json!({ "large": label })));
    let (script, value) = ("y".repeat(100_000), "z".repeat(2000));
    let variables = (0..60).flat_map(|number| ["-e".to_owned(), format!("V{number}={value}")]);
    let args = ["create", "--name", "web"].map(str::to_owned).into_iter().chain(variables);
    sandbox.run(args.chain(["app:1", "sh", "-c", &script].map(str::to_owned))).ok();
    let found = sandbox.run(["inspect", "web"]).ok().json();
    assert_eq!(found[0]["Config"]["Labels"]["large"], label);
    assert_eq!(found[0]["Args"][1], script);
}

#[test]
fn an_image_without_a_command_needs_one() {
    let sandbox = with(Image::small("app:1").with(|config| config["config"] = json!({"Env": []})));
    sandbox.run(["create", "app:1"]).fails(1).complains("No command specified");
    created(&sandbox, &["app:1", "x"]);
}

/// A value of the user's environment is taken where a variable has none.
#[test]
fn a_variable_may_come_from_the_environment() {
    let sandbox = with(Image::small("app:1"));
    let mut command = sandbox.larder(["create", "--name", "web", "-e", "FROM_HERE", "-e", "PATH", "app:1"]);
    command.env("FROM_HERE", "yes");
    crate::harness::child::run(command, crate::harness::child::Feed::Nothing).ok();
    let env = sandbox.run(["inspect", "-f", "{{json .Config.Env}}", "web"]).ok();
    env.stdout("[\"FROM_HERE=yes\",\"PATH=/nowhere\"]\n");
}
