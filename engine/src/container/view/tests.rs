//! What layers come to, by example and against a model of paths.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::container::Error;
use crate::tar::{Data, Found};

fn entry(name: &str, kind: EntryKind) -> Entry {
    let size = if kind == EntryKind::File { 1 } else { 0 };
    let (mode, mtime) = (0o644, Mtime { seconds: 7, nanoseconds: 0 });
    Entry { name: name.into(), kind, mode, uid: 0, gid: 0, mtime, size, xattrs: Vec::new() }
}

fn put(view: &mut View, name: &str, kind: EntryKind) -> Result<(), Error> {
    let data = if kind == EntryKind::File { Data::Plain { offset: 512 } } else { Data::None };
    view.apply(Found { entry: entry(name, kind), data })
}

/// Layers written as names: a directory ends in `/`, `a -> b` is a symbolic
/// link, `a = b` a hard link, all else is a file.
fn view(layers: &[&[&str]]) -> Result<View, Error> {
    let mut view = View::new();
    for layer in layers {
        view.begin_layer()?;
        for text in *layer {
            if let Some((name, target)) = text.split_once(" -> ") {
                put(&mut view, name, EntryKind::Symlink(target.into()))?;
            } else if let Some((name, target)) = text.split_once(" = ") {
                put(&mut view, name, EntryKind::Hardlink(target.into()))?;
            } else if text.ends_with('/') {
                put(&mut view, text, EntryKind::Directory)?;
            } else {
                put(&mut view, text, EntryKind::File)?;
            }
        }
        view.end_layer();
    }
    Ok(view)
}

/// The view as names in order, files with the number of their layer.
fn told(view: &View) -> Vec<String> {
    let tell = |node: NodeId| {
        let path = String::from_utf8(view.path(node)).unwrap();
        match view.kind(node) {
            EntryKind::Directory => format!("{path}/"),
            EntryKind::Symlink(target) => format!("{path} -> {}", String::from_utf8_lossy(&target)),
            _ => format!("{path} {}", view.content(node).unwrap().layer),
        }
    };
    view.walk(view.root()).skip(1).map(tell).collect()
}

#[track_caller]
fn comes_to(layers: &[&[&str]], want: &[&str]) {
    assert_eq!(told(&view(layers).unwrap()), want, "{layers:?}");
}

#[test]
fn a_whiteout_takes_away_what_lower_layers_brought() {
    comes_to(&[&["d/", "d/a", "d/b"], &["d/.wh.a"]], &["d/", "d/b 0"]);
    comes_to(&[&["d/", "d/a"], &[".wh.d"]], &[]);
    comes_to(&[&["d/", "d/a"], &[".wh.d"], &["d/", "d/b"]], &["d/", "d/b 2"]);
    comes_to(&[&["a"], &[".wh.nothing", "no/where/.wh.x"]], &["a 0"]);
    comes_to(&[&["d/", "d/.wh.a"]], &["d/"]);
}

#[test]
fn a_whiteout_spares_its_own_layer_wherever_it_stands() {
    for layer in [&["d/", "d/a", "d/.wh.a"], &["d/", "d/.wh.a", "d/a"]] {
        comes_to(&[&["d/", "d/a"], layer], &["d/", "d/a 1"]);
    }
    for layer in [&["d/", "d/n", "d/.wh..wh..opq"], &["d/.wh..wh..opq", "d/", "d/n"]] {
        comes_to(&[&["d/", "d/a", "d/s/", "d/s/x"], layer], &["d/", "d/n 1"]);
    }
    comes_to(&[&["d/", "d/a"], &["d/", "d/n", ".wh.d"]], &["d/", "d/n 1"]);
}

#[test]
fn an_opaque_directory_hides_all_lower_layers_and_no_higher_one() {
    comes_to(&[&["d/", "d/a"], &["d/", "d/b"], &["d/.wh..wh..opq"], &["d/", "d/c"]], &["d/", "d/c 3"]);
    comes_to(&[&["a", "d/"], &[".wh..wh..opq", "b"]], &["b 1"]);
}

#[test]
fn an_entry_replaces_what_has_its_name() {
    comes_to(&[&["d/", "d/a"], &["d"]], &["d 1"]);
    comes_to(&[&["d"], &["d/", "d/a"]], &["d/", "d/a 1"]);
    comes_to(&[&["d"], &["d/a"]], &["d/", "d/a 1"]);
    comes_to(&[&["d/", "d/a"], &["d/"]], &["d/", "d/a 0"]);
    comes_to(&[&["l -> d", "d/"], &["l/", "l/a"]], &["d/", "l/", "l/a 1"]);
    comes_to(&[&["a", "a"]], &["a 0"]);
    let mut changed = view(&[&["d/"], &["d/"]]).unwrap();
    changed.begin_layer().unwrap();
    let directory = Entry { mode: 0o700, ..entry("d", EntryKind::Directory) };
    changed.apply(Found { entry: directory, data: Data::None }).unwrap();
    assert_eq!(changed.entry(changed.find(b"d", Follow::No).unwrap()).mode, 0o700);
}

#[test]
fn a_link_in_the_middle_of_a_name_is_followed_within_the_root() {
    comes_to(
        &[&["usr/", "usr/lib/", "lib -> usr/lib"], &["lib/x"]],
        &["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x 1"],
    );
    comes_to(&[&["usr/", "l -> /usr"], &["l/x"]], &["l -> /usr", "usr/", "usr/x 1"]);
    comes_to(&[&["d/", "l -> d", "d/a"], &["l/.wh.a"]], &["d/", "l -> d"]);
    comes_to(&[&["l -> ../../../etc"], &["l/x"]], &["etc/", "etc/x 1", "l -> ../../../etc"]);
    comes_to(&[&["l -> m/../n"], &["l/x"]], &["l -> m/../n", "m/", "n/", "n/x 1"]);
    assert!(matches!(view(&[&["a -> b", "b -> a"], &["a/x"]]), Err(Error::Loop { .. })));
}

#[test]
fn a_hard_link_may_lead_to_a_lower_layer() {
    let linked = view(&[&["a"], &["b = a"]]).unwrap();
    assert_eq!(told(&linked), ["a 0", "b 0"]);
    let [a, b] = [b"a", b"b"].map(|name| linked.find(name, Follow::No).unwrap());
    assert_eq!((linked.file(a), linked.links(a)), (linked.file(b), 2));
    comes_to(&[&["a", "b = a"], &["b"]], &["a 0", "b 1"]);
    comes_to(&[&["a"], &["b = a", ".wh.a"]], &["b 0"]);
    comes_to(&[&["a", "a = a"]], &["a 0"]);
    // What makes way for the link holds what it leads to.
    comes_to(&[&["d/", "d/a"], &["d = d/a"]], &["d 0"]);
    comes_to(&[&["a"], &["a/b = a"]], &["a/", "a/b 0"]);
}

#[test]
fn an_implied_directory_leaves_what_is_there_alone() {
    let mut view = view(&[&["d/"], &["d/x", "n/x"]]).unwrap();
    let [d, n] = [b"d", b"n"].map(|name| view.find(name, Follow::No).unwrap());
    assert_eq!((view.entry(d).mode, view.entry(n).mode), (0o644, 0o755));
    assert!(view.is_told(d) && !view.is_told(n) && !view.is_told(view.root()));
    view.add_mount_points().unwrap();
    assert!(view.find(b"/dev/console", Follow::No).is_ok());
}

#[test]
fn names_are_cleaned_and_none_leads_out() {
    comes_to(&[&["./a", "/b", "x/../c", "./d//e"]], &["a 0", "b 0", "c 0", "d/", "d/e 0"]);
    for bad in ["../a", "a/../../b", "/../a", ".."] {
        assert!(matches!(view(&[&[bad]]), Err(Error::Escapes { .. })), "{bad}");
    }
    assert!(matches!(view(&[&["a = ../../etc/passwd"]]), Err(Error::Escapes { .. })));
    assert!(matches!(view(&[&["a = b"]]), Err(Error::NoLinkTarget { .. })));
    assert!(matches!(view(&[&["d/", "a = d"]]), Err(Error::LinkToDirectory { .. })));
    let long = "x".repeat(limits::MAX_PATH_BYTES + 1);
    assert!(matches!(view(&[&[&long]]), Err(Error::LongPath { .. })));
}

#[test]
fn no_path_grows_too_long_over_a_link() {
    let (there, on) = ("d/".repeat(1500), "e/".repeat(540));
    let through = |on: &str| view(&[&[&there, &format!("l -> {there}"), &format!("l/{on}f")]]);
    let longest = through(&on).unwrap();
    let length = |node: NodeId| longest.path(node).len();
    assert_eq!(longest.walk(longest.root()).map(length).max(), Some(4081));
    assert!(matches!(through(&on.repeat(2)), Err(Error::LongPath { .. })));
}

/// CVE-2021-29136: an entry for the root that is a link took the root's place.
#[test]
fn the_root_stays_a_directory() {
    for bad in [". -> /etc", "/ -> /etc", "./ -> ..", ". = a"] {
        assert!(matches!(view(&[&["a"], &[bad]]), Err(Error::RootKind { .. })), "{bad}");
    }
    assert!(view(&[&["./"]]).unwrap().is_told(NodeId(0)));
}

#[test]
fn whiteouts_of_nothing_are_refused_and_aufs_notes_passed_over() {
    for bad in [".wh.", "d/.wh..", "d/.wh..."] {
        assert!(matches!(view(&[&[bad]]), Err(Error::Whiteout { .. })), "{bad}");
    }
    comes_to(&[&["a", ".wh..wh.plnk/", ".wh..wh.plnk/1.2", ".wh..wh.aufs"]], &["a 0"]);
}

#[test]
fn links_to_what_aufs_put_aside_are_names_of_one_file() {
    let layer: &[&str] =
        &[".wh..wh.plnk/9.2", "d/a = .wh..wh.plnk/9.2", "b = /.wh..wh.plnk/9.2", ".wh..wh.plnk/1"];
    comes_to(&[layer], &["b 0", "d/", "d/a 0"]);
    let made = view(&[layer]).unwrap();
    let [a, b] = ["d/a", "b"].map(|path| made.find(path.as_bytes(), Follow::No).unwrap());
    assert_eq!((made.file(a), made.links(a), made.file_bytes()), (made.file(b), 2, 1));
    for other in [&["a = .wh..wh.plnk/nothing"][..], &[".wh..wh.plnk/d/", "a = .wh..wh.plnk/d"]] {
        assert!(matches!(view(&[other]), Err(Error::NoLinkTarget { .. })), "{other:?}");
    }
    assert!(matches!(view(&[layer, &["c = .wh..wh.plnk/9.2"]]), Err(Error::NoLinkTarget { .. })));
}

#[test]
fn a_path_is_found_as_a_process_in_the_root_would() {
    let view = view(&[&["etc/", "etc/a", "l -> /etc", "up -> ../../etc", "f"]]).unwrap();
    let find = |path: &str, follow| view.find(path.as_bytes(), follow).map(|node| view.path(node));
    for path in ["/etc/a", "l/a", "up/a", "../etc/./a", "l/../etc/a"] {
        assert_eq!(find(path, Follow::Yes).unwrap(), b"etc/a", "{path}");
    }
    assert_eq!(
        (find("l", Follow::No).unwrap(), find("l/", Follow::No).unwrap()),
        (b"l".to_vec(), b"etc".to_vec())
    );
    assert!(matches!(find("f/", Follow::No), Err(Error::NotADirectory { .. })));
    assert!(matches!(find("f/x", Follow::No), Err(Error::NotADirectory { .. })));
    assert!(matches!(find("none", Follow::No), Err(Error::NoFile { .. })));
}

/// Neither memory nor time grows with how often the same is said.
#[test]
fn what_is_replaced_over_and_over_leaves_nothing_behind() {
    let mut view = view(&[&["d/"]]).unwrap();
    view.begin_layer().unwrap();
    let long = "x".repeat(250);
    for _ in 0..100_000 {
        put(&mut view, &format!("d/{long}"), EntryKind::File).unwrap();
        put(&mut view, "d", EntryKind::File).unwrap();
    }
    assert_eq!((view.paths(), view.nodes.len(), view.shared.len()), (2, 3, 0));
    for n in 0..100_000 {
        put(&mut view, &format!("d/{n}"), EntryKind::File).unwrap();
        put(&mut view, "d/.wh..wh..opq", EntryKind::File).unwrap();
        put(&mut view, ".wh.d", EntryKind::File).unwrap();
    }
    assert_eq!(view.paths(), 100_002);
}

/// What 300 000 real paths take: so a view of four million takes what is allowed.
#[test]
fn a_path_takes_no_more_memory_than_is_said() {
    assert_eq!(size_of::<Node>(), 24);
    let mut view = View::with_limit(310_000).unwrap();
    view.begin_layer().unwrap();
    for n in 0..300_000 {
        let file = Entry { size: 100_000, ..entry(&format!("d{:03}/f{n:09}", n / 1000), EntryKind::File) };
        view.apply(Found { entry: file, data: Data::Plain { offset: n * 102_400 } }).unwrap();
    }
    let each = view.bytes() / view.paths();
    assert!(each <= limits::PATH_BYTES, "{each} bytes");
}

/// All that a hostile layer can fill a view with comes to an end before the memory does.
#[test]
fn paths_and_what_is_known_of_them_are_bounded() {
    let mut few = View::with_limit(100).unwrap();
    few.begin_layer().unwrap();
    let failed = (0..200).find_map(|n| put(&mut few, &format!("{n}"), EntryKind::File).err());
    assert!(matches!(failed, Some(Error::Paths { limit: 100 })), "{failed:?}");
    assert_eq!(few.paths(), 100);
    // Another view of the same command has no more room.
    let mut beside = few.beside().unwrap();
    beside.begin_layer().unwrap();
    assert!(matches!(put(&mut beside, "a", EntryKind::File), Err(Error::Paths { .. })));

    let filled = |name: &dyn Fn(u32) -> String, kind: &dyn Fn(u32) -> EntryKind| {
        let mut view = View::with_limit(1 << 20).unwrap();
        view.begin_layer().unwrap();
        let failed = (0..1 << 20).find_map(|n| put(&mut view, &name(n), kind(n)).err());
        assert!(matches!(failed, Some(Error::PathBytes { .. })), "{failed:?}");
        assert!(view.bytes() < view.max_bytes() + (1 << 20));
    };
    let long = "n".repeat(240);
    filled(&|n| format!("{n}{long}"), &|_| EntryKind::File);
    filled(&|n| format!("{n}"), &|n| EntryKind::Symlink(format!("{n}{long}").into_bytes()));
}

/// What an opaque directory took away is bounded where it is kept in mind, too.
#[test]
fn what_is_gone_is_bounded() {
    let mut view = View::with_limit(300_000).unwrap();
    view.keep_gone();
    view.begin_layer().unwrap();
    (0..290_000).for_each(|n| put(&mut view, &format!("d/{n:020}"), EntryKind::File).unwrap());
    view.begin_layer().unwrap();
    let opaque = put(&mut view, "d/.wh..wh..opq", EntryKind::File);
    assert!(matches!(opaque, Err(Error::PathBytes { .. })), "{opaque:?}");
}

/// A copy takes no memory until it differs, and then as much as it differs.
#[test]
fn a_copy_shares_what_is_the_same() {
    let mut view = View::with_limit(300_000).unwrap();
    view.begin_layer().unwrap();
    (0..250_000).for_each(|n| put(&mut view, &format!("d/{n:09}"), EntryKind::File).unwrap());
    let (before, mut copy) = (view.bytes(), view.clone());
    copy.begin_layer().unwrap();
    put(&mut copy, "d/new", EntryKind::File).unwrap();
    put(&mut copy, "d/.wh.000000001", EntryKind::File).unwrap();
    assert!(copy.bytes() < before + (3 << 20), "{} after {before}", copy.bytes());
    assert!(view.find(b"d/new", Follow::No).is_err() && view.find(b"d/000000001", Follow::No).is_ok());
    assert!(copy.find(b"d/new", Follow::No).is_ok() && copy.find(b"d/000000001", Follow::No).is_err());
}

/// Whiteouts one by one, in a directory of any length.
#[test]
fn names_that_go_one_by_one_take_no_longer_the_more_there_are() {
    let mut view = View::with_limit(500_000).unwrap();
    view.begin_layer().unwrap();
    (0..200_000).for_each(|n| put(&mut view, &format!("d/{n}"), EntryKind::File).unwrap());
    view.begin_layer().unwrap();
    (0..200_000).for_each(|n| put(&mut view, &format!("d/.wh.{n}"), EntryKind::File).unwrap());
    assert_eq!((view.paths(), view.walk(view.root()).count()), (2, 2));
    view.begin_layer().unwrap();
    (0..200_000).for_each(|n| put(&mut view, &format!("d/{n}"), EntryKind::File).unwrap());
    assert_eq!(view.walk(view.root()).count(), 200_002);
    assert!(view.nodes.len() < 310_000, "{} nodes", view.nodes.len());
}

/// What one entry of a layer does.
#[derive(Debug, Clone)]
enum Said {
    File(String),
    Directory(String),
    Whiteout(String),
    Opaque(String),
    Link(String, String),
}

fn path() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        3 => path().prop_map(Said::File),
        3 => path().prop_map(Said::Directory),
        2 => path().prop_map(Said::Whiteout),
        1 => path().prop_map(Said::Opaque),
        2 => (path(), path()).prop_map(|(a, b)| Said::Link(a, b)),
    ]
}

/// Paths, each with what it is: `None` for a directory, else which file.
type Model = BTreeMap<String, Option<u32>>;

fn below(model: &Model, path: &str) -> Vec<String> {
    let prefix = format!("{path}/");
    model.keys().filter(|other| other.starts_with(&prefix)).cloned().collect()
}

/// Puts `what` at `path`, and `path` and all above it into `own`.
fn model_put(model: &mut Model, own: &mut BTreeSet<String>, path: &str, what: Option<u32>) {
    let mut above = String::new();
    for part in path.split('/') {
        if !above.is_empty() {
            if model.get(&above).is_none_or(Option::is_some) {
                model.insert(above.clone(), None);
            }
            own.insert(above.clone());
            above.push('/');
        }
        above.push_str(part);
    }
    if what.is_some() || model.get(path).is_none_or(Option::is_some) {
        for gone in below(model, path) {
            model.remove(&gone);
            own.remove(&gone);
        }
    }
    model.insert(path.to_owned(), what);
    own.insert(path.to_owned());
}

/// What a whiteout hides goes, unless the layer itself spoke of it or of something below.
fn model_hide(model: &mut Model, own: &BTreeSet<String>, hidden: Vec<String>) {
    for path in hidden.into_iter().rev() {
        if !own.contains(&path) {
            model.remove(&path);
        }
    }
}

proptest! {
    #[test]
    fn layers_come_to_what_a_model_of_paths_says(layers in vec(vec(said(), 0..12), 1..5)) {
        let mut view = View::new();
        let mut model = Model::new();
        let mut files = 0;
        for layer in &layers {
            view.begin_layer().unwrap();
            let mut own = BTreeSet::new();
            for said in layer {
                match said {
                    Said::File(path) => {
                        put(&mut view, path, EntryKind::File).unwrap();
                        files += 1;
                        model_put(&mut model, &mut own, path, Some(files));
                    }
                    Said::Directory(path) => {
                        put(&mut view, path, EntryKind::Directory).unwrap();
                        model_put(&mut model, &mut own, path, None);
                    }
                    Said::Whiteout(path) => {
                        let (dir, name) = path.rsplit_once('/').unwrap_or((".", path));
                        put(&mut view, &format!("{dir}/.wh.{name}"), EntryKind::File).unwrap();
                        let mut hidden: Vec<_> = model.keys().filter(|other| *other == path).cloned().collect();
                        hidden.extend(below(&model, path));
                        model_hide(&mut model, &own, hidden);
                    }
                    Said::Opaque(path) => {
                        put(&mut view, &format!("{path}/.wh..wh..opq"), EntryKind::File).unwrap();
                        let hidden = below(&model, path);
                        model_hide(&mut model, &own, hidden);
                    }
                    Said::Link(path, target) => {
                        let file = model.get(target).copied().flatten();
                        let linked = put(&mut view, path, EntryKind::Hardlink(target.clone().into()));
                        prop_assert_eq!(linked.is_ok(), file.is_some());
                        if file.is_some() {
                            model_put(&mut model, &mut own, path, file);
                        }
                    }
                }
            }
        }
        let mut numbers = BTreeMap::new();
        let mut modelled = BTreeMap::new();
        for (path, what) in &model {
            let node = view.find(path.as_bytes(), Follow::No).unwrap();
            prop_assert_eq!(view.is_directory(node), what.is_none(), "{}", path);
            if let Some(file) = what {
                // The same file under the same names.
                prop_assert_eq!(*numbers.entry(view.file(node)).or_insert(*file), *file);
                prop_assert_eq!(*modelled.entry(*file).or_insert(view.file(node)), view.file(node));
            }
        }
        prop_assert_eq!(view.walk(view.root()).count(), model.len() + 1);
        prop_assert_eq!(view.paths(), model.len() + 1);
    }
}
