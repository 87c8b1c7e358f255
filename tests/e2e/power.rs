//! The power goes: a file system that forgets at once what was not synced. What was said to be
//! done is there afterwards; what was not is there whole, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::saved::Saved;
use crate::harness::tools;

/// How often the power goes; more with `LARDER_CUTS`.
const CUTS: u32 = 12;

/// What fits beside three images, several times over; XFS makes none that is smaller.
const DISK_BYTES: u64 = 320 << 20;

/// Commands are begun until the power goes, but no more than these.
const COMMANDS: u32 = 5;

/// A file system in a file, mounted at `disk` in the sandbox; unmounted at the end.
struct LoopDisk {
    sandbox: Sandbox,
    image: PathBuf,
    mount: PathBuf,
}

impl LoopDisk {
    /// `None`, loudly, where nobody may mount.
    fn new(test: &str, mkfs: &str) -> Option<Self> {
        if !tools::are_here(test, &[mkfs, "xfs_io"]) {
            return None;
        }
        if !is_root() {
            tools::not_possible(test, "only root may mount a file system");
            return None;
        }
        let home = Sandbox::new();
        let (image, mount) = (home.path("image"), home.path("disk"));
        let file = fs::File::create(&image).expect("the sandbox can be written");
        file.set_len(DISK_BYTES).expect("the sandbox can be written");
        fs::create_dir(&mount).expect("the sandbox can be written");
        tools::run(mkfs, ["-q".as_ref(), image.as_os_str()]);
        let disk = Self { sandbox: home.with_store_in("disk/store"), image, mount };
        match disk.mount() {
            Ok(()) => Some(disk),
            Err(why) => {
                tools::not_possible(test, &why);
                None
            }
        }
    }

    fn mount(&self) -> Result<(), String> {
        let output = Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount).output();
        let output = output.map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(told) }
    }

    /// From now on nothing reaches the disk, not even what the kernel holds already.
    fn cut(mount: &Path) {
        tools::run("xfs_io", ["-x", "-c", "shutdown"].iter().map(AsRef::as_ref).chain([mount.as_os_str()]));
    }

    /// The power comes back.
    fn reboot(&self) {
        tools::run("umount", [&self.mount]);
        self.mount().expect("it was mounted before");
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // The loop device goes with it: mount has made it for this.
        let _ = Command::new("umount").arg("--lazy").arg(&self.mount).status();
    }
}

/// What the store must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    /// Names, and the ID of what they name.
    names: BTreeMap<String, String>,
    /// Containers, and what was copied into them.
    boxes: BTreeMap<String, Option<Vec<u8>>>,
}

/// Three images with a layer in common, and what is done with them.
struct Scene {
    images: Vec<Image>,
    note: Vec<u8>,
}

impl Scene {
    fn new(sandbox: &Sandbox) -> Self {
        let base = Layer::new().file("base", noise(1, 300_000));
        let image = |at: u64| {
            Image::new(
                &[&format!("app:{at}")],
                vec![base.clone(), Layer::new().file("own", noise(at, 400_000))],
            )
        };
        let scene = Self { images: (10..13).map(image).collect(), note: noise(5, 70_000) };
        for image in &scene.images {
            let tar = layouts::docker24(std::slice::from_ref(image)).tar();
            sandbox.write(&format!("{}.tar", image.names[0]), tar);
        }
        sandbox.write("note", &scene.note);
        scene
    }

    /// A command that can be done to what there is, and what there is then.
    fn draw(&self, now: &Model, dice: &mut Noise) -> (Vec<String>, Model) {
        let mut then = now.clone();
        let pick = |dice: &mut Noise, count: usize| dice.below(count as u64) as usize;
        let image = &self.images[pick(dice, self.images.len())];
        let name = &image.names[0];
        let names: Vec<_> = now.names.keys().cloned().collect();
        let boxes: Vec<_> = now.boxes.keys().cloned().collect();
        let command = match dice.below(10) {
            3 if !names.is_empty() => {
                let (from, to) = (&names[pick(dice, names.len())], format!("tag:{}", dice.below(3)));
                then.names.insert(to.clone(), now.names[from].clone());
                format!("tag {from} {to}")
            }
            4 | 5 if !names.is_empty() => {
                let name = &names[pick(dice, names.len())];
                then.names.remove(name);
                format!("rmi -f {name}")
            }
            6 if !names.is_empty() && boxes.len() < 4 => {
                let (from, new) = (&names[pick(dice, names.len())], format!("box-{:x}", dice.next()));
                then.boxes.entry(new.clone()).or_default();
                format!("create --name {new} {from} true")
            }
            7 if !boxes.is_empty() => {
                let name = &boxes[pick(dice, boxes.len())];
                then.boxes.insert(name.clone(), Some(self.note.clone()));
                format!("cp note {name}:/note")
            }
            8 if !boxes.is_empty() => {
                let name = &boxes[pick(dice, boxes.len())];
                then.boxes.remove(name);
                format!("rm {name}")
            }
            9 => ["gc", "optimize --level 3"][pick(dice, 2)].to_owned(),
            _ => {
                then.names.insert(name.clone(), image.id());
                format!("load -i {name}.tar")
            }
        };
        (command.split(' ').map(str::to_owned).collect(), then)
    }

    /// What the store holds; everything in it must come out exactly, also what lost its
    /// name to another.
    fn look(&self, sandbox: &Sandbox) -> Model {
        let format = "{{.Repository}}:{{.Tag}} {{.ID}}";
        let listed = sandbox.run(["images", "--no-trunc", "--format", format]).ok().out();
        let split = |line: &str| line.split_once(' ').map(|(name, id)| (name.to_owned(), id.to_owned()));
        let mut names: BTreeMap<_, _> = listed.lines().filter_map(split).collect();
        let ids: BTreeSet<_> = names.values().cloned().collect();
        names.remove("<none>:<none>");
        if !ids.is_empty() {
            for saved in Saved::read(&sandbox.save(&ids)).images() {
                let image = self.images.iter().find(|image| image.id() == saved.id()).expect("one of ours");
                assert_eq!(saved.layers, image.tars(), "{listed}");
            }
        }
        let listed = sandbox.run(["ps", "-a", "--format", "{{.Names}}"]).ok().out();
        let copied = |name: &str| {
            let ran = sandbox.run(["cat", name, "/note"]);
            (ran.code == Some(0)).then_some(ran.stdout)
        };
        let boxes = listed.lines().map(|name| (name.to_owned(), copied(name))).collect();
        Model { names, boxes }
    }
}

fn the_power_goes_again_and_again(test: &str, mkfs: &str) {
    let Some(disk) = LoopDisk::new(test, mkfs) else { return };
    let sandbox = &disk.sandbox;
    let scene = Scene::new(sandbox);
    let mut dice = Noise::of_run(test);
    let cuts = std::env::var("LARDER_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number"));
    let mut model = Model::default();
    let (mut finished, mut racing, mut unfinished, mut happened) = (0, 0, 0, 0);
    let one = sandbox.run(["load", "-i", &format!("{}.tar", scene.images[0].names[0])]).ok().elapsed;
    model.names.insert(scene.images[0].names[0].clone(), scene.images[0].id());
    for cycle in 0..cuts {
        // Some commands are done by then, and one is not.
        let moment = one.mul_f64(dice.below(4000) as f64 / 1000.0);
        let is_off = AtomicBool::new(false);
        let mut next = model.clone();
        let mut done = Vec::new();
        thread::scope(|scope| {
            let cutting = scope.spawn(|| {
                thread::sleep(moment);
                is_off.store(true, Ordering::SeqCst);
                LoopDisk::cut(&disk.mount);
            });
            for _ in 0..COMMANDS {
                let (args, then) = scene.draw(&model, &mut dice);
                let ran = sandbox.run(&args);
                assert!(ran.signal.is_none() && !ran.err().contains("panicked"), "cycle {cycle}: {ran}");
                done.push(format!("{} -> {:?}", args.join(" "), ran.code));
                next = then;
                if ran.code != Some(0) {
                    assert!(is_off.load(Ordering::SeqCst), "cycle {cycle}: it failed by itself: {ran}");
                    unfinished += 1;
                    break;
                }
                if is_off.load(Ordering::SeqCst) {
                    // ext4 may tell a sync that runs into the cut that it has succeeded. No
                    // program outlives a real one to pass that on.
                    racing += 1;
                    break;
                }
                finished += 1;
                model = next.clone();
            }
            cutting.join().expect("the power can be cut");
        });
        disk.reboot();
        let found = scene.look(sandbox);
        let context = format!("cycle {cycle}, cut after {moment:?}: {done:?}");
        assert!(found == model || found == next, "{context}\nfound {found:?}\nof {model:?}");
        happened += u32::from(found != model);
        model = found;
        sandbox.is_clean();
        if cycle % 4 == 3 || cycle + 1 == cuts {
            sandbox.run(["gc"]).ok();
            let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
            assert_eq!(usage["GarbageBytes"], 0, "{context}: {usage}");
            assert_eq!(scene.look(sandbox), model, "{context}: gc took too much");
        }
    }
    println!(
        "{test}: {cuts} cuts, {finished} commands done before, {unfinished} cut off, {racing} done meanwhile; \
         of the last two {happened} changed something"
    );
    assert!(finished > 0 && unfinished > 0, "the power went at no interesting moment");
}

#[test]
fn a_power_cut_on_ext4_costs_nothing_that_was_said_to_be_done() {
    the_power_goes_again_and_again("a_power_cut_on_ext4_costs_nothing_that_was_said_to_be_done", "mkfs.ext4");
}

#[test]
fn a_power_cut_on_xfs_costs_nothing_that_was_said_to_be_done() {
    the_power_goes_again_and_again("a_power_cut_on_xfs_costs_nothing_that_was_said_to_be_done", "mkfs.xfs");
}
