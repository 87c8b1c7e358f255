//! Every flag that Docker's client tells of in its help is one of larder's, with its letter,
//! and takes an argument if Docker's does. What larder cannot do it refuses, and says why;
//! `docs/docker.md` has the list.

use std::collections::BTreeSet;

use regex::Regex;

use super::version::{self, without_engine};
use crate::harness::child::{self, Feed, Ran};
use crate::harness::sandbox::Sandbox;
use crate::harness::tests_dir;
use crate::peers::are_here;

/// Docker's commands that larder has, with arguments that name nothing.
const COMMANDS: &[(&str, &str)] = &[
    ("attach", "x"),
    ("commit", "x"),
    ("container attach", "x"),
    ("container commit", "x"),
    ("container cp", "x:/a b"),
    ("container create", "x"),
    ("container diff", "x"),
    ("container exec", "x y"),
    ("container export", "x"),
    ("container inspect", "x"),
    ("container kill", "x"),
    ("container logs", "x"),
    ("container ls", ""),
    ("container pause", "x"),
    ("container prune", ""),
    ("container rename", "x y"),
    ("container restart", "x"),
    ("container rm", "x"),
    ("container run", "x"),
    ("container start", "x"),
    ("container stats", "x"),
    ("container stop", "x"),
    ("container top", "x"),
    ("container unpause", "x"),
    ("container wait", "x"),
    ("cp", "x:/a b"),
    ("create", "x"),
    ("diff", "x"),
    ("exec", "x y"),
    ("export", "x"),
    ("history", "x"),
    ("image history", "x"),
    ("image import", "x"),
    ("image inspect", "x"),
    ("image load", ""),
    ("image ls", ""),
    ("image prune", ""),
    ("image rm", "x"),
    ("image save", "x"),
    ("image tag", "x y"),
    ("images", ""),
    ("import", "x"),
    ("inspect", "x"),
    ("kill", "x"),
    ("load", ""),
    ("logs", "x"),
    ("pause", "x"),
    ("ps", ""),
    ("rename", "x y"),
    ("restart", "x"),
    ("rm", "x"),
    ("rmi", "x"),
    ("run", "x"),
    ("save", "x"),
    ("start", "x"),
    ("stats", "x"),
    ("stop", "x"),
    ("system df", ""),
    ("system prune", ""),
    ("tag", "x y"),
    ("top", "x"),
    ("unpause", "x"),
    ("wait", "x"),
];

/// What a flag may be given, by the word that Docker's help has for its argument, or by its name.
const SAMPLES: &[(&str, &str)] = &[
    ("--add-host", "a:1.2.3.4"),
    ("--attach", "stdout"),
    ("--cgroupns", "host"),
    ("--change", "CMD x"),
    ("--detach-keys", "ctrl-x"),
    ("--device", "/dev/null"),
    ("--device-cgroup-rule", "c 1:3 r"),
    ("--dns", "1.1.1.1"),
    ("--env-file", "/dev/null"),
    ("--expose", "80"),
    ("--gpus", "all"),
    ("--health-interval", "1s"),
    ("--ipc", "private"),
    ("--label-file", "/dev/null"),
    ("--memory", "64m"),
    ("--mount", "type=tmpfs,target=/x"),
    ("--network", "none"),
    ("--oom-score-adj", "5"),
    ("--pid", "host"),
    ("--platform", "linux/amd64"),
    ("--pull", "missing"),
    ("--restart", "no"),
    ("--security-opt", "no-new-privileges"),
    ("--stop-signal", "TERM"),
    ("--sysctl", "net.a=b"),
    ("--tmpfs", "/x"),
    ("--type", "image"),
    ("--ulimit", "nofile=1"),
    ("--userns", "host"),
    ("--uts", "host"),
    ("--volume", "/a:/b"),
    ("bytes", "1g"),
    ("decimal", "1"),
    ("duration", "1s"),
    ("filter", "label=x"),
    ("int", "1"),
    ("list", "a=b"),
    ("map", "a=b"),
    ("string", "x"),
    ("strings", "x"),
    ("uint", "1"),
    ("uint16", "10"),
];

/// A flag as the help has it.
#[derive(Debug)]
struct Flag {
    short: Option<char>,
    long: String,
    /// The word for its argument.
    takes: Option<String>,
}

fn flags(help: &str) -> Vec<Flag> {
    let line =
        Regex::new(r"(?m)^  (?:-(.), |    )(--[\w-]+)(?: (\S+))?(?: {2,}|$)").expect("a regular expression");
    let flags = line.captures_iter(help).map(|found| Flag {
        short: found.get(1).and_then(|short| short.as_str().chars().next()),
        long: found[2].to_owned(),
        takes: found.get(3).map(|takes| takes.as_str().to_owned()),
    });
    flags.collect()
}

impl Flag {
    fn sample(&self) -> &'static str {
        let takes = self.takes.as_deref().unwrap_or_default();
        let by = |name: &str| SAMPLES.iter().find(|(key, _)| *key == name).map(|(_, sample)| *sample);
        by(&self.long).or_else(|| by(takes)).unwrap_or("x")
    }
}

/// The flags that the page says are refused.
fn told() -> BTreeSet<String> {
    let page = std::fs::read_to_string(tests_dir("../docs/docker.md")).expect("docs/docker.md is there");
    let section = page.split("## Flags that are refused\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    section.lines().filter(|line| line.starts_with("| `")).flat_map(flags_of_row).collect()
}

fn flags_of_row(row: &str) -> Vec<String> {
    let cells: Vec<_> = row.split('|').collect();
    let spans =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let commands = spans(cells[1]);
    let flags = spans(cells[2]);
    commands.iter().flat_map(|command| flags.iter().map(move |flag| format!("{command} {flag}"))).collect()
}

#[test]
fn every_flag_of_docker_is_known_and_takes_what_docker_s_takes() {
    let test = "every_flag_of_docker_is_known_and_takes_what_docker_s_takes";
    if !are_here(test, &["docker"]) || !version::is_known_client(test) {
        return;
    }
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    let mut refused = BTreeSet::new();
    let mut count = 0;
    for (command, args) in COMMANDS {
        let words: Vec<_> = command.split(' ').collect();
        let help =
            child::run(without_engine(words.iter().copied().chain(["--help"])), Feed::Nothing).ok().out();
        for flag in flags(&help) {
            count += 1;
            let run = |more: &[&str]| sandbox.run(words.iter().chain(more));
            let mut says = |ran: &Ran, want: &str| {
                if ran.code != Some(125) || ran.err().lines().next() != Some(want) {
                    wrong.push(format!("{command} {flag:?}: wanted {want}\n{ran}"));
                }
            };
            let long = flag.long.as_str();
            if long == "--help" {
                continue;
            }
            if flag.takes.is_some() {
                says(&run(&[long]), &format!("flag needs an argument: {long}"));
                if let Some(short) = flag.short {
                    says(
                        &run(&[&format!("-{short}")]),
                        &format!("flag needs an argument: '{short}' in -{short}"),
                    );
                }
            } else {
                let why = "strconv.ParseBool: parsing \"maybe\": invalid syntax";
                let name = flag.short.map_or_else(|| long.to_owned(), |short| format!("-{short}, {long}"));
                let want = format!("invalid argument \"maybe\" for \"{name}\" flag: {why}");
                says(&run(&[&format!("{long}=maybe")]), &want);
                if let Some(short) = flag.short {
                    says(&run(&[&format!("-{short}=maybe")]), &want);
                }
            }
            let given = match flag.takes {
                Some(_) => format!("{long}={}", flag.sample()),
                None => long.to_owned(),
            };
            // Some go on for ever where there is nothing.
            if *command != "stats" && *command != "container stats" {
                let ran =
                    run(&[&[given.as_str()][..], &args.split_whitespace().collect::<Vec<_>>()].concat());
                if ran.err().contains(" is not supported: ") {
                    assert_eq!(ran.code, Some(125), "{ran}");
                    refused.insert(format!("{command} {long}"));
                } else if ran.err().contains("invalid argument")
                    || ran.code == Some(125) && ran.err().contains("flag")
                {
                    wrong.push(format!("{command} {given}: {ran}"));
                }
            }
        }
    }
    assert!(count > 400, "the help is not read as it is written: {count} flags");
    assert!(wrong.is_empty(), "{} flags:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(refused, told(), "those on the left are refused, docs/docker.md tells of those on the right");
}
