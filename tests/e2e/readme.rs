//! The README's tour, typed as it stands, says what the README says.

use std::process::Command;

use crate::harness::child::{self, Feed};
use crate::harness::sandbox::Sandbox;
use crate::harness::tests_dir;

/// The commands of the tour with what they print, `...` for lines left out.
fn tour() -> Vec<(String, Vec<String>)> {
    let readme = std::fs::read_to_string(tests_dir("../README.md")).expect("the README");
    let block = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.expect("the README has a tour").lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push((command.to_owned(), Vec::new())),
            None => steps.last_mut().expect("a command comes first").1.push(line.to_owned()),
        }
    }
    steps
}

/// A line by its words; how long ago it was and which digest it is left open.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let hex = word.trim_start_matches("sha256:");
        if word == "ago" {
            while words.pop().is_some_and(|word| word != "About" && word.parse::<u64>().is_err()) {}
            words.push("ago".to_owned());
        } else if hex.len() >= 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            words.push("digest".to_owned());
        } else {
            words.push(word.to_owned());
        }
    }
    words
}

#[test]
fn the_tour_of_the_readme_works_as_it_stands() {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("bin");
    std::fs::create_dir(&bin).expect("the sandbox can be written");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_larder"), bin.join("larder")).expect("a symlink");
    let tour = tour();
    assert!(tour.len() > 8, "this is no tour: {tour:?}");
    for (line, wanted) in tour {
        if line.starts_with("export ") {
            continue; // The store of this test is its own.
        }
        let line = line.replace("/tmp/", &format!("{}/", sandbox.path("").display()));
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", &format!("set -o pipefail; {line}")]).current_dir(tests_dir(".."));
        command.env("PATH", format!("{}:{path}", bin.display())).env("LARDER_STORE", sandbox.store());
        let ran = child::run(command, Feed::Nothing).ok();
        let printed = ran.out();
        let printed: Vec<_> = printed.lines().map(words).collect();
        let rest = wanted.last().is_some_and(|line| line == "...");
        let wanted: Vec<_> = wanted.iter().filter(|line| *line != "...").map(|line| words(line)).collect();
        let seen = if rest { &printed[..wanted.len().min(printed.len())] } else { &printed[..] };
        assert_eq!(seen, wanted, "{line}");
    }
}

#[test]
fn the_first_command_of_the_readme_names_what_is_there() {
    let readme = std::fs::read_to_string(tests_dir("../README.md")).expect("the README");
    let command =
        readme.lines().find(|line| line.starts_with("cargo run --release")).expect("a first command");
    let archive = command.split_whitespace().find(|word| word.ends_with(".tar")).expect("an archive");
    assert!(tests_dir("..").join(archive).is_file(), "{archive}");
    let gate = std::fs::read_to_string(tests_dir("../.ci/run")).expect("the gate");
    let tests = readme.lines().find(|line| line.starts_with("cargo test")).expect("a second command");
    assert!(
        gate.contains(&format!("LARDER_REQUIRE_PEERS=1 {tests}")),
        "the gate runs something else: {tests}"
    );
}
