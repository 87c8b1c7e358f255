//! One kind of damage under one command: the answer, and what is left behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::commands::{ALL_CONTAINERS, ALL_NAMES, Act, IMAGES, Says};
use super::harm::{Harm, How};
use super::scene::{Answers, Scene};
use crate::harness::child::Ran;
use crate::harness::sandbox::Sandbox;

/// How the command took the damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As if there were none.
    Right,
    /// By saying what is damaged.
    Error,
}

/// What `fsck` cannot judge: a container's files are what somebody has written there last.
const UNSEEN: [&str; 1] = ["containers/ID/upper/"];

/// Why a cell is not as it should be.
pub type Wrong = String;

/// Damages a copy of the store, runs the command and looks at everything.
pub fn run(scene: &Scene, harm: &Harm, act: &Act, answers: &Answers) -> Result<Verdict, Wrong> {
    let cell = scene.cell();
    harm.apply(cell.store(), scene);
    let harmed = cell.path("harmed");
    let before = cell.listing();
    super::scene::copy(cell.store(), &harmed);
    let verdict = judge(scene, harm, &cell, act, answers)?;
    // Who wrote nothing has made nothing worse, and what others see other cells tell.
    if before != cell.listing() || act.says == Says::Sound {
        harmless(scene, harm, &cell, act)?;
        harm.undo(cell.store(), &harmed, scene);
        sound(scene, harm, &cell, act)?;
    }
    Ok(verdict)
}

/// Whether the command and those that look at what it did are right, or say what is damaged.
fn judge(scene: &Scene, harm: &Harm, cell: &Sandbox, act: &Act, answers: &Answers) -> Result<Verdict, Wrong> {
    let mut verdict = Verdict::Right;
    for (at, (step, answer)) in act.steps().zip(answers).enumerate() {
        let ran = cell.run(step);
        if ran.code != Some(0) {
            is_clear(harm, &ran)?;
            verdict = Verdict::Error;
            break;
        }
        let is_told = at > 0 || act.says == Says::This;
        if is_told && ran.stdout != *answer && !is_unprotected(harm, step) {
            return Err(format!("another answer than from a sound store: {ran}"));
        }
    }
    if verdict == Verdict::Right && act.says == Says::Sound && !UNSEEN.contains(&harm.kind()) {
        without_views(scene, harm, cell)?;
    }
    Ok(verdict)
}

/// A container's files are what somebody wrote there last, as in overlayfs: nothing tells
/// whether that was larder. Only what is made of them may be other than it was.
fn is_unprotected(harm: &Harm, step: &[&str]) -> bool {
    let is_of_container = |arg: &&str| ["box", "new", "new:1"].iter().any(|name| arg.starts_with(name));
    harm.kind() == "containers/ID/upper/" && step.iter().any(is_of_container)
}

/// A failure must be told in words, and those must name what is damaged.
fn is_clear(harm: &Harm, ran: &Ran) -> Result<(), Wrong> {
    let told = ran.err() + &ran.out();
    if ran.signal.is_some() || ran.err().contains("panicked") {
        return Err(format!("it broke down: {ran}"));
    }
    if harm.heals() {
        return Err(format!("what can be made again from the rest is an error: {ran}"));
    }
    let mut names = vec![harm.file.display().to_string()];
    match &harm.how {
        How::SwappedWith(other) => names.push(other.display().to_string()),
        How::Foreign => names.push("another store".to_owned()),
        _ => {}
    }
    match harm.kind() {
        "packs/" => names.extend(["chunk ", "blob "].map(str::to_owned)),
        "containers/ID/upper/" => names.extend(["file-3", "written", "link"].map(str::to_owned)),
        _ => {}
    }
    if names.iter().any(|name| told.contains(name)) {
        Ok(())
    } else {
        Err(format!("nothing is named: {ran}"))
    }
}

/// Every image that does not need what is damaged is saved as ever; others are, or fail.
fn harmless(scene: &Scene, harm: &Harm, cell: &Sandbox, act: &Act) -> Result<(), Wrong> {
    for image in left(act) {
        let ran = cell.run(["save", image]);
        let is_touched = match harm.kind() {
            "format" | "journal" => true,
            "packs/" => needed_by(scene, harm, image),
            _ => false,
        };
        if ran.code != Some(0) && is_touched {
            is_clear(harm, &ran)?;
        } else if ran.code != Some(0) || ran.stdout != scene.saved[image] {
            return Err(format!("after {:?}, {image} is not what it was: {ran}", act.args));
        }
    }
    Ok(())
}

fn needed_by(scene: &Scene, harm: &Harm, image: &str) -> bool {
    let other = if let How::SwappedWith(other) = &harm.how { Some(other) } else { None };
    let packs = [Some(&harm.file), other].into_iter().flatten();
    packs.filter_map(|pack| scene.needs.get(pack)).any(|images| images.contains(image))
}

/// The images that the command does not take away.
fn left(act: &Act) -> impl Iterator<Item = &'static str> {
    IMAGES.into_iter().filter(|image| act.takes != Some(image))
}

/// Once the damage is undone, nothing is wrong with the store.
fn sound(scene: &Scene, harm: &Harm, cell: &Sandbox, act: &Act) -> Result<(), Wrong> {
    let undone = |what: &str, ran: &Ran| format!("{harm} was undone after {:?}, and {what}: {ran}", act.args);
    let checked = cell.run(["fsck", "--verify"]);
    if checked.code != Some(0) {
        return Err(undone("the store is not clean", &checked));
    }
    for image in left(act) {
        let ran = cell.run(["save", image]);
        if ran.code != Some(0) || ran.stdout != scene.saved[image] {
            return Err(undone("an image is not what it was", &ran));
        }
    }
    Ok(())
}

/// `fsck` found nothing: then all that the store has can be had from its packs and its
/// journal alone.
fn without_views(scene: &Scene, harm: &Harm, cell: &Sandbox) -> Result<(), Wrong> {
    let put_away = |name: &str| -> PathBuf {
        let away = cell.path(name);
        fs::rename(cell.store().join(name), &away).expect("it is there");
        away
    };
    let away = ["catalog", "index"].map(|name| (name, put_away(name)));
    fs::create_dir(cell.store().join("index")).expect("it was put away");
    for image in IMAGES {
        let ran = cell.run(["save", image]);
        if ran.code != Some(0) || ran.stdout != scene.saved[image] {
            return Err(format!("{harm}: fsck found nothing, and without catalog and index: {ran}"));
        }
    }
    let ran = cell.run(["export", "box"]);
    if ran.code != Some(0) || ran.stdout != scene.exported {
        return Err(format!("{harm}: fsck found nothing, and without catalog and index: {ran}"));
    }
    for (name, away) in &away {
        let place = cell.store().join(name);
        let _ = fs::remove_dir_all(&place);
        fs::rename(away, place).expect("it was put away");
    }
    let (names, containers) = (cell.run(ALL_NAMES), cell.run(ALL_CONTAINERS));
    if names.code != Some(0) || containers.code != Some(0) {
        return Err(format!("{harm}: fsck found nothing, and then: {names} {containers}"));
    }
    Ok(())
}

/// How the cell is called in what is printed.
pub fn name(harm: &Harm, act: &Act) -> String {
    let store = Path::new("store").join(&harm.file);
    format!("{} {:?}, then larder {}", store.display(), harm.how, act.args.join(" "))
}
