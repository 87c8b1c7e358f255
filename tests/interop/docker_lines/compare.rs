//! Both worlds, one command line after the other.

use std::collections::BTreeSet;
use std::thread;

use super::mask::Mask;
use super::page::{self, Meant};
use super::world::World;
use super::{hunks, version};
use crate::harness::sandbox::Sandbox;
use crate::harness::tests_dir;
use crate::peers::Docker;

/// The table of differences that every command may show.
const EVERYWHERE: &str = "Everywhere";

/// Files that both worlds have, and the hexadecimal digits in them that are no news.
pub struct Scene {
    pub files: Vec<(&'static str, Vec<u8>)>,
    pub ids: Vec<String>,
}

/// Runs the command lines of `group` in both worlds. Every difference must be in the table
/// under `heading`, or in the one for all; each of the former must occur, and of the latter
/// those that `proves` them.
#[track_caller]
pub fn compare(test: &str, group: &str, heading: &str, scene: &Scene) {
    let Some(docker) = Docker::shared(test).filter(|docker| version::is_known(test, docker)) else { return };
    let sandbox = Sandbox::new();
    let (mut theirs, mut ours) = (World::of_docker(&docker), World::of_larder(&sandbox));
    for (name, bytes) in &scene.files {
        theirs.write(name, bytes);
        ours.write(name, bytes);
    }
    let tables = page::read();
    let none = Vec::new();
    let own = tables.get(heading).unwrap_or(&none);
    let everywhere = tables.get(EVERYWHERE).unwrap_or(&none);
    let meant: Vec<&Meant> = own.iter().chain(everywhere).collect();
    let (mut report, mut count) = (String::new(), 0);
    for line in lines(group) {
        let (docker, larder) = thread::scope(|scope| {
            let theirs = scope.spawn(|| theirs.run(&line));
            let larder = ours.run(&line);
            (theirs.join().expect("running a line does not panic"), larder)
        });
        // What both say, and what an archive has, is not made anew.
        let both = &theirs.mask.fresh(&docker) & &ours.mask.fresh(&larder);
        let mut fixed: BTreeSet<String> = both;
        fixed.extend(scene.ids.iter().flat_map(|id| [id.clone(), id[..12].to_owned()]));
        let texts = ((&mut theirs.mask, docker.as_str()), (&mut ours.mask, larder.as_str()));
        Mask::pair(texts.0, texts.1, &fixed, &mut count);
        let split = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let docker = split(theirs.mask.apply(&docker, &fixed));
        let larder = split(ours.mask.apply(&larder, &fixed));
        for hunk in hunks::between(&docker, &larder) {
            match page::explain(&line, &hunk, &meant) {
                Some(all) => all.iter().for_each(|one| one.see()),
                None => {
                    let said = |sign: &str, lines: &[String]| {
                        lines.iter().map(|line| format!("  {sign} {line}\n")).collect::<String>()
                    };
                    report.push_str(&format!(
                        "{line}\n{}{}",
                        said("docker:", &hunk.docker),
                        said("larder:", &hunk.larder)
                    ));
                }
            }
        }
    }
    for one in own.iter().filter(|one| !one.is_seen()) {
        report.push_str(&format!("docs/docker.md, {heading}: this no longer occurs: {one:?}\n"));
    }
    if group == "usage" {
        for one in everywhere.iter().filter(|one| !one.is_seen()) {
            report.push_str(&format!("docs/docker.md, {EVERYWHERE}: this no longer occurs: {one:?}\n"));
        }
    }
    end(&ours);
    end(&theirs);
    assert!(report.is_empty(), "{group}: docker and larder differ\n{report}");
}

/// Leaves no container behind.
fn end(world: &World) {
    world.run("docker ps -aq | xargs -r docker rm -f");
}

/// The command lines of a group; `#` begins a comment, and a line that ends in `\` goes on.
fn lines(group: &str) -> Vec<String> {
    let path = tests_dir("interop/docker_lines").join(format!("{group}.lines"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = text.replace("\\\n", "");
    let is_command = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    text.lines().filter(is_command).map(str::to_owned).collect()
}
