//! The README's tour, typed as it stands, says what the README says. The other pages, and what
//! needs other tools, are tried by the tests against those.

use std::process::Command;

use crate::harness::document;
use crate::harness::sandbox::Sandbox;
use crate::harness::tests_dir;

fn readme() -> String {
    std::fs::read_to_string(tests_dir("../README.md")).expect("the README")
}

#[test]
fn the_tour_of_the_readme_works_as_it_stands() {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("bin");
    std::fs::create_dir(&bin).expect("the sandbox can be written");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_larder"), bin.join("larder")).expect("a symlink");
    let tours: Vec<_> =
        document::blocks(&readme()).into_iter().filter(|block| block.fence == "console").collect();
    let [tour] = &tours[..] else { panic!("not one tour: {tours:?}") };
    assert!(tour.lines.iter().filter(|line| line.starts_with("$ ")).count() > 8, "this is no tour: {tour:?}");
    let ran = tour.check(|script| {
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        shell.args(["-c", &script.replace("target/tour/", &format!("{}/", sandbox.path("").display()))]);
        shell.env("PATH", format!("{}:{path}", bin.display())).current_dir(tests_dir(".."));
        shell
    });
    ran.unwrap_or_else(|why| panic!("{why}"));
}

/// Whoever types them on a machine with other users must not meet what those have put there.
#[test]
fn no_document_teaches_a_path_that_others_could_have_taken() {
    let docs = std::fs::read_dir(tests_dir("../docs")).expect("the book").flatten().map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    for page in pages.chain([tests_dir("../README.md"), tests_dir("../packaging/build")]) {
        let text = std::fs::read_to_string(&page).expect("a page");
        let bad: Vec<_> = text.lines().filter(|line| line.contains("/tmp/")).collect();
        assert!(bad.is_empty(), "{}: {bad:?}", page.display());
    }
}

#[test]
fn the_first_command_of_the_readme_names_what_is_there() {
    let readme = readme();
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
