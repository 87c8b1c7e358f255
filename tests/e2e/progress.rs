//! How far long work is: bars for a person, lines for a log, objects for a program.

use std::process::Command;

use serde_json::Value;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::terminal::Terminal;
use crate::harness::{layouts, tools};

/// A layer whose file is the same, whatever its name.
fn layer(name: &str) -> Layer {
    Layer::new().file(name, noise(7, 6_000_000))
}

/// An archive with a layer that is new, and one that has the same file again.
fn archive(sandbox: &Sandbox) {
    let image = Image::new(&["app:1"], vec![layer("a"), layer("b")]);
    sandbox.write("app.tar", layouts::docker24(&[image]).tar());
}

/// A load that its pipe keeps waiting for so long in the middle of the first layer.
fn slow_load(sandbox: &Sandbox, seconds: &str, flags: &[&str]) -> Command {
    let script = format!("(head -c 3000000 app.tar; sleep {seconds}; tail -c +3000001 app.tar) | \"$@\"");
    let mut shell = tools::shell(&script, &sandbox.larder(["load"].iter().chain(flags)));
    shell.env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    shell
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.err().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn who_sits_at_a_terminal_sees_bars_and_at_the_end_what_it_came_to() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    let mut terminal = Terminal::start(&slow_load(&sandbox, "0.6", &[]), 24, 80);
    terminal.shows("\u{1b}[36m━");
    terminal.shows("Loaded image: app:1");
    terminal.shows("12.01MB read, 6.0");
    terminal.shows(" on disk");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn what_went_wrong_is_in_colour_for_who_can_see_it() {
    let sandbox = Sandbox::new();
    let labels = |set: &[(&str, &str)]| {
        let mut rmi = sandbox.larder(["imagse"]);
        rmi.env("TERM", "xterm").envs(set.iter().copied());
        let mut terminal = Terminal::start(&rmi, 24, 80);
        terminal.shows("did you mean");
        assert_eq!(terminal.ends(), Some(1));
        terminal.shown().contains("\u{1b}[36mhint:\u{1b}[0m did you mean")
    };
    assert!(labels(&[]));
    assert!(labels(&[("NO_COLOR", "")]));
    assert!(!labels(&[("NO_COLOR", "1")]));
    assert!(!labels(&[("TERM", "dumb")]));
    let ran = sandbox.run(["rmi", "nosuch"]).fails(1);
    assert_eq!(ran.err(), "Error: No such image: nosuch:latest\n");
}

#[test]
fn colours_are_for_who_wants_them() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    let mut load = slow_load(&sandbox, "0.6", &[]);
    load.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(&load, 24, 80);
    terminal.shows("━");
    terminal.shows(" on disk");
    assert_eq!(terminal.ends(), Some(0));
    assert!(!terminal.shown().contains("\u{1b}[36m"), "{}", terminal.shown());
}

#[test]
fn a_log_gets_lines_if_it_takes_long_and_nothing_otherwise() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    child::run(slow_load(&sandbox, "0.1", &[]), Feed::Nothing).ok().stderr("");
    sandbox.run(["rmi", "app:1"]).ok();
    let ran = child::run(slow_load(&sandbox, "6", &[]), Feed::Nothing).ok().stdout("Loaded image: app:1\n");
    let lines = ran.err();
    assert!(lines.contains("/s, ") && lines.contains(" left, ") && lines.contains(" of 6.002MB ("), "{ran}");
    sandbox.run(["rmi", "app:1"]).ok();
    child::run(slow_load(&sandbox, "6", &["-q"]), Feed::Nothing).ok().stderr("");
}

#[test]
fn lines_are_written_from_the_start_for_who_asks() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    let ran = sandbox.run(["load", "--progress", "plain", "-i", "app.tar"]).ok();
    let lines: Vec<_> = ran.err().lines().map(ToOwned::to_owned).collect();
    let [first, second, sum] = &lines[..] else { panic!("{ran}") };
    assert!(first.starts_with("layer ") && first.contains(": 6.002MB, 6.0"), "{ran}");
    assert!(second.contains(": 6.002MB, ") && second.ends_with("kB new"), "{ran}");
    assert!(sum.contains("MB read, 6.0") && sum.ends_with(" on disk"), "{ran}");
    let next = Image::new(&["app:2"], vec![layer("a"), layer("b"), Layer::new().file("c", "new")]);
    sandbox.write("next.tar", layouts::docker24(&[next]).tar());
    let again = sandbox.run(["load", "--progress", "plain", "-i", "next.tar"]).ok();
    assert_eq!(again.err().matches(": there already\n").count(), 2, "{again}");
}

#[test]
fn a_program_reads_an_object_a_line() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    let ran =
        sandbox.run(["--progress", "json", "load", "-i", "app.tar"]).ok().stdout("Loaded image: app:1\n");
    let events = events(&ran);
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("a kind")).collect();
    let steps: Vec<_> = kinds.iter().filter(|kind| **kind != "advanced").copied().collect();
    assert_eq!(steps, ["planned", "started", "finished", "started", "finished", "done"], "{ran}");
    let totals = |kind| {
        let of_kind = events.iter().filter(move |event| event["event"] == kind);
        of_kind.map(|event| event["total_bytes"].as_u64().expect("how much there is")).sum::<u64>()
    };
    assert_eq!(totals("planned"), totals("started"), "{ran}");
    let new: u64 = events
        .iter()
        .filter(|event| event["event"] == "finished")
        .map(|event| event["new_bytes"].as_u64().expect("how much of it is new"))
        .sum();
    let done = events.last().expect("an end");
    assert!(done["text"].as_str().is_some_and(|text| text.ends_with(" on disk")), "{ran}");
    assert!(done["new_bytes"].as_u64().is_some_and(|all| all >= new && new > 6_000_000), "{ran}");
}

#[test]
fn errors_and_notes_are_objects_too_if_the_variable_says_so() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    sandbox.run(["load", "-i", "app.tar"]).ok();
    let with = |args: &[&str]| {
        let mut larder = sandbox.larder(args);
        larder.env("LARDER_PROGRESS", "json");
        child::run(larder, Feed::Nothing)
    };
    let ran = with(&["save", "-o", "x.tar", "app:2"]).exits(1);
    let [error] = &events(&ran)[..] else { panic!("{ran}") };
    assert_eq!(error["event"], "error", "{ran}");
    assert_eq!(error["exit_code"], 1, "{ran}");
    assert_eq!(error["hint"], "did you mean app:1?", "{ran}");
    let ran = with(&["rmi", "nosuch"]).exits(1);
    assert_eq!(events(&ran)[0]["text"], "Error: No such image: nosuch:latest");
    std::fs::remove_dir_all(sandbox.store().join("catalog")).expect("it is there");
    let ran = with(&["images", "-q"]).ok();
    assert_eq!(events(&ran)[0]["event"], "note", "{ran}");
}

#[test]
fn each_long_command_tells_how_far_it_is() {
    let sandbox = Sandbox::new();
    archive(&sandbox);
    sandbox.run(["load", "-i", "app.tar"]).ok();
    sandbox.run(["create", "--name", "web", "app:1", "sh"]).ok();
    for (args, item) in [
        (&["save", "-o", "x.tar", "app:1"][..], "blob "),
        (&["export", "-o", "y.tar", "web"], "web"),
        (&["import", "y.tar", "flat"], "layer"),
        (&["squash", "app:1", "one"], "layer"),
        (&["fsck", "--level", "exact"], "packs"),
        (&["optimize"], "comparing"),
        (&["gc"], "marking"),
    ] {
        let ran = sandbox.run(["--progress", "json"].iter().chain(args)).ok();
        let is_told = |kind: &str| {
            let of_it = |event: &Value| event["item"].as_str().is_some_and(|name| name.starts_with(item));
            events(&ran).iter().any(|event| event["event"] == kind && of_it(event))
        };
        assert!(is_told("started") && is_told("finished"), "{ran}");
    }
}

#[test]
fn a_mode_that_there_is_not_is_refused_with_those_that_there_are() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["images", "--progress", "loud"])
        .fails(125)
        .complains("must be one of auto, bar, plain, json, none");
}
