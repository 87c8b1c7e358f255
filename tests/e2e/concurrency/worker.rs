//! Many processes at random commands, each worker on names of its own: whatever the others do,
//! it knows every answer beforehand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::model::{Act, Files, Kept, Model, copied};
use crate::harness::child::{Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

/// How many commands the workers do in all, times `LARDER_ROUNDS`.
const COMMANDS: usize = 120;

/// One command of so many is killed.
const KILL_ONE_OF: u64 = 10;

/// What is counted and told.
#[derive(Default)]
struct Counts {
    done: AtomicUsize,
    killed: AtomicUsize,
}

/// Images that share layers in every way: all, some, none.
fn images() -> Vec<Image> {
    let base = Layer::new().file("base", noise(1, 100_000));
    let (left, right) =
        (Layer::new().file("left", noise(2, 60_000)), Layer::new().file("right", noise(3, 60_000)));
    vec![
        Image::new(&[], vec![base.clone(), left.clone()]),
        Image::new(&[], vec![base.clone(), right.clone()]),
        Image::new(&[], vec![base, left, right]),
        Image::new(&[], vec![Layer::new().file("other", noise(4, 20_000))]),
    ]
}

struct Worker<'s> {
    /// What its names begin with; no other's do.
    name: String,
    sandbox: &'s Sandbox,
    images: &'s [Image],
    counts: &'s Counts,
    dice: Noise,
    model: Model,
}

impl<'s> Worker<'s> {
    fn new(number: usize, sandbox: &'s Sandbox, images: &'s [Image], counts: &'s Counts, seed: u64) -> Self {
        let name = format!("w{number:02}");
        for (at, image) in images.iter().enumerate() {
            let image = [image.clone().named(&[&format!("{name}:{at}")])];
            // With manifests and without.
            let archive = if at % 2 == 0 { layouts::docker25(&image) } else { layouts::docker24(&image) };
            sandbox.write(&format!("{name}-{at}.tar"), archive.tar());
        }
        let dice = Noise::new(seed.wrapping_add(number as u64));
        Self { name, sandbox, images, counts, dice, model: Model::default() }
    }

    fn work(&mut self, commands: usize) {
        for _ in 0..commands {
            let act = Act::draw(&self.model, &self.name, self.images.len(), &mut self.dice);
            let mut then = self.model.clone();
            act.apply(&mut then, &self.name, self.images);
            if let Act::Cp { seed, .. } = &act {
                self.sandbox.write(&format!("{}.note", self.name), copied(*seed));
            }
            if self.dice.below(KILL_ONE_OF) == 0 {
                self.kill(&act, then);
            } else {
                let ran = self.sandbox.run(act.args(&self.name)).ok();
                if let Act::Commit { to, .. } = &act {
                    then.names.get_mut(to).expect("it was just committed").id = ran.out().trim().to_owned();
                }
                self.check(&act, &ran);
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                self.model = then;
            }
        }
    }

    /// What it says must be what the worker knows.
    fn check(&self, act: &Act, ran: &Ran) {
        let lines = || {
            let mut lines: Vec<_> = ran.out().lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let id = |name: &String| self.model.names[name].id.clone();
        match act {
            Act::Load(at) => assert_eq!(ran.out(), format!("Loaded image: {}:{at}\n", self.name), "{ran}"),
            Act::Rmi(name) => assert!(ran.out().starts_with(&format!("Untagged: {name}\n")), "{ran}"),
            Act::Save(name) => self.is_saved(name, &ran.stdout),
            Act::Inspect(name) => assert_eq!(ran.out().trim(), id(name), "{ran}"),
            Act::History(name) => {
                let image = self.model.names[name].image.map(|at| &self.images[at]);
                let steps = image.map(|image| image.layers.len() + 1);
                assert!(steps.is_none_or(|steps| steps == lines().len()), "{ran}");
                assert!(steps.is_none() || ran.out().starts_with("CMD [\"/bin/app\"]|0B\n"), "{ran}");
            }
            Act::Images => {
                let wanted = self.model.names.iter().map(|(name, kept)| format!("{name}={}", kept.id));
                assert_eq!(lines(), wanted.collect::<Vec<_>>(), "{ran}");
            }
            Act::Ps => assert_eq!(lines(), self.model.boxes.keys().cloned().collect::<Vec<_>>(), "{ran}"),
            Act::Create { .. } => assert_eq!(ran.out().trim().len(), 64, "{ran}"),
            Act::Cat(name) => assert_eq!(ran.stdout, self.model.boxes[name]["note"], "{ran}"),
            Act::Export(name) => assert_eq!(files_in(&ran.stdout), *self.model.boxes[name], "{}", ran.line),
            Act::Commit { .. } => assert!(ran.out().starts_with("sha256:"), "{ran}"),
            Act::Rm(name) => assert_eq!(ran.out().trim(), name, "{ran}"),
            Act::Tag { .. } | Act::Cp { .. } | Act::Rename { .. } => assert_eq!(ran.out(), "", "{ran}"),
            Act::Gc | Act::Prune | Act::Optimize(_) | Act::Df => assert!(!ran.out().is_empty(), "{ran}"),
        }
    }

    fn is_saved(&self, name: &str, archive: &[u8]) {
        let saved = Saved::read(archive).images();
        let kept = &self.model.names[name];
        assert_eq!(saved[0].id(), kept.id, "{name}");
        match kept.image {
            Some(at) => assert_eq!(saved[0].layers, self.images[at].tars(), "{name}"),
            None => {
                let ran = self.sandbox.run(["export", "--no-config", name]).ok();
                assert_eq!(files_in(&ran.stdout), *kept.files, "{name}");
            }
        }
    }

    /// Kills the command at some moment: all of it has happened then, or nothing.
    fn kill(&mut self, act: &Act, then: Model) {
        let running = self.sandbox.start(act.args(&self.name), Feed::Nothing);
        thread::sleep(Duration::from_micros(self.dice.below(60_000)));
        running.signal(Signal::KILL);
        let ran = running.wait();
        assert!(ran.code.is_none_or(|code| code == 0), "{ran}");
        self.counts.killed.fetch_add(usize::from(ran.code.is_none()), Ordering::Relaxed);
        let mut found = self.look(&then);
        if let Act::Commit { to, .. } = act
            && let (Some(kept), Some(wanted)) = (found.names.get_mut(to), then.names.get(to))
            && self.model.names.get(to).is_none_or(|before| before.id != kept.id)
        {
            *kept = Kept { id: kept.id.clone(), ..wanted.clone() };
        }
        let mut after = then;
        for (name, kept) in &mut after.names {
            if kept.id.is_empty()
                && let Some(found) = found.names.get(name)
            {
                kept.id.clone_from(&found.id);
            }
        }
        assert!(
            found == self.model || found == after,
            "{ran}\nfound {:?}\nof {:?}",
            shape(&found),
            shape(&self.model)
        );
        assert!(ran.code.is_none() || found == after, "said to be done, and is not: {ran}");
        self.model = found;
    }

    /// What there is, by what the program says; `then` is what there may be beside what was.
    fn look(&self, then: &Model) -> Model {
        let mut found = Model::default();
        let known = |name: &str, id: &str| {
            let kept = [&self.model, then].into_iter().filter_map(|model| model.names.get(name));
            kept.into_iter().find(|kept| kept.id == id || kept.id.is_empty()).cloned()
        };
        for line in self.sandbox.run(Act::Images.args(&self.name)).ok().out().lines() {
            let (name, id) = line.split_once('=').expect("a name and an ID");
            let kept = known(name, id).unwrap_or_else(|| panic!("{line} comes from nowhere"));
            found.names.insert(name.to_owned(), Kept { id: id.to_owned(), ..kept });
        }
        for name in self.sandbox.run(Act::Ps.args(&self.name)).ok().out().lines() {
            let ran = self.sandbox.run(Act::Export(name.to_owned()).args(&self.name)).ok();
            found.boxes.insert(name.to_owned(), Arc::new(files_in(&ran.stdout)));
        }
        found
    }

    /// In the end everything is there, and exact.
    fn has_everything(&self) {
        self.check(&Act::Images, &self.sandbox.run(Act::Images.args(&self.name)).ok());
        self.check(&Act::Ps, &self.sandbox.run(Act::Ps.args(&self.name)).ok());
        for name in self.model.names.keys() {
            self.is_saved(name, &self.sandbox.save([name]));
        }
        for name in self.model.boxes.keys() {
            let act = Act::Export(name.clone());
            self.check(&act, &self.sandbox.run(act.args(&self.name)).ok());
        }
    }
}

/// What is short enough to print.
fn shape(model: &Model) -> (Vec<(&String, &String)>, Vec<&String>) {
    (model.names.iter().map(|(name, kept)| (name, &kept.id)).collect(), model.boxes.keys().collect())
}

/// The regular files in a tar.
fn files_in(tar: &[u8]) -> Files {
    let members = Saved::read(tar).members.into_iter();
    members.filter(|member| member.kind.is_file()).map(|member| (member.name, member.body)).collect()
}

fn workers_get_the_answers_they_expect(workers: usize) {
    let (sandbox, images, counts) = (Sandbox::new(), images(), Counts::default());
    larder_engine::Store::create(sandbox.store()).expect("it is new");
    let seed = Noise::of_run(&format!("{workers} workers")).next();
    let rounds = std::env::var("LARDER_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    let commands = (COMMANDS * rounds).div_ceil(workers);
    let team = |number| Worker::new(number, &sandbox, &images, &counts, seed);
    let mut team: Vec<_> = (0..workers).map(team).collect();
    thread::scope(|scope| team.iter_mut().for_each(|worker| drop(scope.spawn(|| worker.work(commands)))));
    sandbox.is_clean();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    assert_eq!(usage["GarbageBytes"], 0, "{usage}");
    team.iter().for_each(Worker::has_everything);
    let (done, killed) = (counts.done.into_inner(), counts.killed.into_inner());
    println!("{workers} workers: {done} commands answered as expected, {killed} killed");
}

#[test]
fn two_workers_get_the_answers_they_expect() {
    workers_get_the_answers_they_expect(2);
}

#[test]
fn five_workers_get_the_answers_they_expect() {
    workers_get_the_answers_they_expect(5);
}

#[test]
fn twenty_workers_get_the_answers_they_expect() {
    workers_get_the_answers_they_expect(20);
}
