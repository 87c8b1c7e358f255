//! Every file of a store, damaged in every way, under every command: the right answer or a
//! clear error, never wrong bytes, never a panic, never a hang, and nothing made worse.

mod cell;
mod commands;
mod fields;
mod harm;
mod scene;
mod views;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::harness::noise::Noise;
use cell::{Verdict, Wrong};
use harm::Harm;
use scene::Scene;

/// How many cells of the matrix are looked at, drawn by lot; all of them with
/// `LARDER_EXHAUSTIVE=1`.
const SAMPLE: usize = 200;

#[test]
fn any_damage_under_any_command_gives_the_right_answer_or_a_clear_error() {
    let mut dice = Noise::of_run("the damage matrix");
    let acts = commands::all();
    let scene = Scene::new(&acts);
    let harms = harm::all(&scene, &mut dice);
    let mut cells: Vec<_> =
        (0..harms.len()).flat_map(|harm| (0..acts.len()).map(move |act| (harm, act))).collect();
    let whole = cells.len();
    if std::env::var_os("LARDER_EXHAUSTIVE").is_none_or(|value| value != "1") {
        dice.shuffle(&mut cells);
        cells.truncate(SAMPLE);
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((harm, act)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (harm, answers, act) = (&harms[*harm], &scene.answers[*act], &acts[*act]);
                    let verdict = cell::run(&scene, harm, act, answers);
                    let verdict = verdict.map_err(|why| format!("{}: {why}", cell::name(harm, act)));
                    found.lock().expect("no thread panics").push((harm, verdict));
                }
            });
        }
    });
    let found = found.into_inner().expect("no thread panics");
    println!("{} cells of {whole}: {} kinds of damage x {} commands", found.len(), harms.len(), acts.len());
    tell(&found);
    let wrong: Vec<_> = found.iter().filter_map(|(_, verdict)| verdict.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), shown(&wrong));
}

/// The cells by kind of file and answer.
fn tell(found: &[(&Harm, Result<Verdict, Wrong>)]) {
    let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (harm, verdict) in found {
        let column = match verdict {
            Ok(Verdict::Right) => 0,
            Ok(Verdict::Error) => 1,
            Err(_) => 2,
        };
        kinds.entry(harm.kind()).or_default()[column] += 1;
    }
    for (kind, [right, error, wrong]) in kinds {
        println!("{kind:22} right {right:5}  error {error:5}  wrong {wrong:5}");
    }
}

/// The first few, which are enough to begin with.
fn shown(wrong: &[&Wrong]) -> String {
    wrong.iter().take(12).map(|why| format!("- {why}\n")).collect()
}
