//! What is set in a file, and what the shell and the manual are told.

use std::fs;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::terminal::Terminal;
use crate::harness::tools;

/// Runs larder with a file of settings, and variables.
fn run_with(sandbox: &Sandbox, file: &str, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let path = sandbox.write("config.toml", file);
    let mut larder = sandbox.larder(args);
    larder.env("LARDER_CONFIG", path).envs(variables.iter().copied());
    child::run(larder, Feed::Nothing)
}

#[test]
fn the_command_line_counts_before_the_variable_and_that_before_the_file() {
    let sandbox = Sandbox::new();
    let level = |file: &str, variables: &[(&str, &str)]| {
        let ran = run_with(
            &sandbox,
            file,
            variables,
            &["info", "-f", "{{.Settings.level.Value}} {{.Settings.level.Origin}}"],
        );
        ran.ok().out().trim().to_owned()
    };
    let path = sandbox.path("config.toml").display().to_string();
    assert_eq!(level("", &[]), "2 default");
    assert_eq!(level("level = 7", &[]), format!("7 {path}"));
    assert_eq!(level("level = '7'", &[("LARDER_LEVEL", "")]), format!("7 {path}"));
    assert_eq!(level("level = 7", &[("LARDER_LEVEL", "9")]), "9 LARDER_LEVEL");
    let given = run_with(
        &sandbox,
        "progress = 'none'",
        &[("LARDER_PROGRESS", "plain")],
        &["info", "--progress", "json"],
    );
    assert!(given.ok().out().contains("progress       json"));
}

#[test]
fn the_file_is_found_where_the_user_s_settings_lie() {
    let sandbox = Sandbox::new();
    let store = sandbox.path("elsewhere");
    fs::create_dir_all(sandbox.path(".config/larder")).expect("a directory");
    sandbox.write(".config/larder/config.toml", format!("store = '{}'", store.display()));
    sandbox.write("app.tar", layouts::docker24(&[Image::small("app:1")]).tar());
    let mut load = sandbox.larder(["load", "-i", "app.tar"]);
    load.env_remove("LARDER_STORE");
    child::run(load, Feed::Nothing).ok();
    assert!(store.join("packs").is_dir());
    assert!(!sandbox.store().exists());
}

#[test]
fn a_limit_of_the_file_holds() {
    let sandbox = Sandbox::new();
    sandbox.write("app.tar", layouts::docker24(&[Image::small("app:1")]).tar());
    let load = ["load", "-i", "app.tar"];
    run_with(&sandbox, "max-document = '10'", &[], &load)
        .fails(1)
        .complains("more than the 10 that a document may have");
    run_with(&sandbox, "max-document = 10", &[("LARDER_MAX_DOCUMENT", "1MB")], &load).ok();
}

#[test]
fn a_file_that_says_something_else_is_refused_with_the_place_and_a_hint() {
    let sandbox = Sandbox::new();
    for (file, why) in [
        ("levle = 3", "there is no setting \"levle\"\nhint: did you mean level?"),
        (
            "colour = 3",
            "there is no setting \"colour\"\nhint: the settings are keep-space, level, max-document, ",
        ),
        ("level = 'fast'", "level = \"fast\": expected a number from 1"),
        ("keep-space = 'maybe'", "keep-space = \"maybe\": "),
        ("progress = 'loud'", "progress = \"loud\": must be one of auto, bar, plain, json, none"),
        ("level = [1]", "level: expected a string, a number, true or false"),
        ("store = 'here'", "store = \"here\": expected an absolute path"),
        ("\nlevel = ", "line 2: "),
    ] {
        let ran = run_with(&sandbox, file, &[], &["images"]).fails(125);
        let place = format!("Error: {}: ", sandbox.path("config.toml").display());
        assert!(ran.err().starts_with(&place) && ran.err().contains(why), "{why}: {ran}");
    }
    let mut absent = sandbox.larder(["images"]);
    absent.env("LARDER_CONFIG", "/nowhere/config.toml");
    child::run(absent, Feed::Nothing).fails(125).complains("/nowhere/config.toml: no such file or directory");
}

#[test]
fn what_is_in_force_can_be_asked_for() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["info"]).ok();
    assert!(
        ran.out().contains("\nkeep-space     false ") && ran.out().contains("\nlevel          2 "),
        "{ran}"
    );
    assert!(ran.out().contains(" (not there yet)\n") && ran.out().contains("LARDER_STORE\n"), "{ran}");
    assert!(!sandbox.store().exists(), "looking makes no store");
    sandbox.load(&layouts::docker24(&[Image::small("app:1")]).tar()).ok();
    sandbox.run(["create", "--name", "web", "app:1", "sh"]).ok();
    let ran = sandbox.run([
        "system",
        "info",
        "--format",
        "{{.Images}} {{.Containers}} {{.ContainersStopped}} {{.DockerRootDir}}",
    ]);
    ran.ok().stdout(format!("1 1 1 {}\n", sandbox.store().display()));
}

#[test]
fn a_shell_is_offered_the_names_that_are_in_the_store() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::small("app:1"), Image::small("base:2")]).tar()).ok();
    sandbox.run(["create", "--name", "apple", "app:1", "sh"]).ok();
    let offered = |words: &[&str]| {
        let mut larder = sandbox.larder(["--"].iter().chain(&["larder"]).chain(words));
        larder.env("LARDER_COMPLETE", "fish");
        child::run(larder, Feed::Nothing).ok().out()
    };
    assert_eq!(offered(&["save", "a"]), "app:1\n");
    assert_eq!(offered(&["rm", "a"]), "apple\n");
    assert_eq!(offered(&["inspect", "app"]), "apple\napp:1\n");
    assert_eq!(offered(&["log", "base"]), "base:2\n");
    assert!(offered(&["undo", ""]).starts_with("2\tcreate apple\n1\tload app:1 base:2\n"));
    assert!(offered(&["hist"]).starts_with("history\t"));
    assert!(offered(&["load", "--comp"]).starts_with("--compressed"));
    let script = sandbox.run(["completion", "bash"]).ok();
    assert!(script.out().contains("LARDER_COMPLETE"), "{script}");
    sandbox.run(["completion", "tcsh"]).fails(125).complains("must be one of bash, zsh, fish");
}

#[test]
fn a_shell_is_offered_the_paths_in_an_image() {
    let sandbox = Sandbox::new();
    let layer = Layer::new()
        .file("etc/os-release", "x")
        .file("etc/opt/a", "x")
        .file("etc/o\u{1b}dd", "x")
        .file("etc/passwd", "x")
        .symlink("link", "etc");
    sandbox
        .load(&layouts::docker24(&[Image::new(&["app:1"], vec![layer]), Image::small("base:2")]).tar())
        .ok();
    sandbox.run(["create", "--name", "box", "base:2", "sh"]).ok();
    sandbox.write("local-file", "x");
    let offered = |words: &[&str]| {
        let mut larder = sandbox.larder(["--"].iter().chain(&["larder"]).chain(words));
        larder.env("LARDER_COMPLETE", "fish");
        child::run(larder, Feed::Nothing).ok().stderr("").out()
    };
    for verb in ["cat", "ls"] {
        assert_eq!(offered(&[verb, "app:1", "/etc/o"]), "/etc/opt/\n/etc/os-release\n");
        assert_eq!(offered(&[verb, "app:1", "e"]), "etc/\n");
        assert_eq!(offered(&[verb, "app:1", "link/p"]), "link/passwd\n");
        assert_eq!(offered(&[verb, "--platform", "linux/amd64", "box", "/b"]), "/bin/\n");
        for words in [["nope:1", "/"], ["app:1", "/nope/"], ["app:1", "/etc/passwd/"], ["--nope", "/"]] {
            assert_eq!(offered(&[verb, words[0], words[1]]), "", "{words:?}");
        }
    }
    assert_eq!(offered(&["cp", "app:1:/etc/os"]), "app:1:/etc/os-release\n");
    assert_eq!(offered(&["cp", "x", "box:/b"]), "box:/bin/\n");
    assert_eq!(offered(&["cp", "b"]), "box:\nbase:2:\n");
    assert_eq!(offered(&["cp", "local"]), "local-file\n");
    assert_eq!(offered(&["find", "x", "ap"]), "app:1\n");
    let store = sandbox.store().display().to_string();
    let elsewhere = Sandbox::new();
    let mut larder = elsewhere.larder(["--", "larder", "--store", &store, "cat", "app:1", "/etc/pa"]);
    larder.env("LARDER_COMPLETE", "fish");
    child::run(larder, Feed::Nothing).ok().stdout("/etc/passwd\n");
}

/// bash takes `app:1:/etc` for five words.
#[test]
fn bash_completes_names_and_paths_with_colons() {
    if !tools::are_here("bash_completes_names_and_paths_with_colons", &["bash"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let layer = Layer::new().file("etc/os-release", "x");
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1.5"], vec![layer])]).tar()).ok();
    let larder = env!("CARGO_BIN_EXE_larder");
    let dir = std::path::Path::new(larder).parent().expect("a directory").display();
    sandbox.write("rc", format!("PS1='> '; PATH={dir}:$PATH; source <(larder completion bash)\n"));
    let mut bash = tools::tool("bash");
    bash.args(["--noprofile", "--rcfile", "rc", "-i"]).current_dir(sandbox.path("")).env_clear();
    bash.env("LARDER_STORE", sandbox.store()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    bash.env("HOME", sandbox.path("")).env("TERM", "dumb");
    let mut terminal = Terminal::start(&bash, 24, 200);
    terminal.shows("> ");
    for (typed, want) in [
        ("larder cat a\t/e\tos\t", "larder cat app:1.5 /etc/os-release "),
        ("larder cat app:\t", "larder cat app:1.5 "),
        ("larder cat app:1\t", "larder cat app:1.5 "),
        ("larder cp ap\t/etc/o\t", "larder cp app:1.5:/etc/os-release "),
        ("larder cp app:1.5:\tos\t", "larder cp app:1.5:/etc/os-release "),
        ("larder cp app:1.5:/etc/o\t.", "larder cp app:1.5:/etc/os-release ."),
    ] {
        // Echoed as it was completed, and what follows says where it ends.
        terminal.types(format!("{typed}|"));
        terminal.shows(&format!("{want}|"));
        terminal.types("\u{15}");
    }
    terminal.types("exit\n");
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let sandbox = Sandbox::new();
    sandbox.run(["man", "man1"]).ok();
    let page =
        |name: &str| fs::read_to_string(sandbox.path("man1").join(name)).unwrap_or_else(|_| panic!("{name}"));
    assert!(page("larder.1").contains("larder\\-save(1)"));
    assert!(page("larder-load.1").contains("docker save app:1"), "its example is in it");
    for name in ["larder-run.1", "larder-image-ls.1", "larder-container-prune.1", "larder-system-df.1"] {
        assert!(page(name).starts_with(".ie"), "{name}");
    }
    assert!(!sandbox.path("man1/larder-monitor.1").exists(), "what nobody types is hidden");
}
