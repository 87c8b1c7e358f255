//! Images whose layers are hard to put together: one for each rule.

use super::image::{Image, Layer};
use super::noise::noise;
use super::tarball::Entry;

/// A name for people, and the layers, base first.
pub type Tricky = (&'static str, Vec<Layer>);

/// Capabilities as the kernel keeps them: `cap_net_raw+ep`.
pub const CAPABILITY: &[u8] =
    b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";

/// All of them, where every reader of layers is of one opinion.
pub fn agreed() -> Vec<Tricky> {
    vec![
        ("whiteouts", whiteouts()),
        ("opaque before its entries", opaque(true)),
        ("opaque after its entries", opaque(false)),
        ("opaque root", opaque_root()),
        ("hard links", hard_links()),
        ("file and directory", file_and_directory()),
        ("links make way", links_make_way()),
        ("directory changed", directory_changed()),
        ("kinds", kinds()),
        ("names", names()),
        ("times", times()),
        ("sparse", sparse()),
        ("owners", owners()),
        ("empty layers", empty_layers()),
        ("many layers", many_layers()),
        ("root", root()),
        ("what Docker puts over images", mount_points()),
    ]
}

/// Those about which Docker and umoci are not of one opinion, or the spec is silent.
pub fn disputed() -> Vec<Tricky> {
    let base = |layer: Layer| layer.dir("usr").dir("usr/lib").file("usr/lib/old", "old");
    vec![
        (
            "symlinked parent",
            vec![base(Layer::new()).symlink("lib", "usr/lib"), Layer::new().file("lib/new", "new")],
        ),
        (
            "symlinked parent of a directory",
            vec![
                base(Layer::new()).symlink("lib", "usr/lib"),
                Layer::new().dir("lib/sub").file("lib/sub/new", "new"),
            ],
        ),
        (
            "symlinked parent in its own layer",
            vec![base(Layer::new()).symlink("lib", "/usr/lib").file("lib/new", "new")],
        ),
        (
            "symlinked parent of a whiteout",
            vec![base(Layer::new()).symlink("lib", "usr/lib"), Layer::new().whiteout("lib/old")],
        ),
        (
            "symlink out of the root",
            vec![Layer::new().symlink("up", "../../../up-there"), Layer::new().file("up/new", "new")],
        ),
        ("implied parents", vec![Layer::new().file("implied/deep/file", "x")]),
        (
            "implied parents that are there",
            vec![
                Layer::new().entry(Entry::dir("dir/").mode(0o700).owner(7, 8)).file("dir/a", "a"),
                Layer::new().file("dir/b", "b"),
            ],
        ),
        (
            "hard link to a lower layer",
            vec![Layer::new().file("file", "below"), Layer::new().hardlink("name", "file")],
        ),
        (
            "hard link to a lower layer that goes",
            vec![Layer::new().file("file", "below"), Layer::new().hardlink("name", "file").whiteout("file")],
        ),
        (
            "metadata on a hard link",
            vec![
                Layer::new()
                    .entry(Entry::file("file", "x").mode(0o600).owner(1, 2))
                    .entry(Entry::hardlink("name", "file").mode(0o755).owner(3, 4).mtime(1_600_000_000)),
            ],
        ),
        (
            "capability, then a hard link",
            vec![
                Layer::new()
                    .entry(Entry::file("ping", "x").mode(0o755).xattr("security.capability", CAPABILITY))
                    .entry(Entry::hardlink("ping6", "ping").mode(0o755)),
            ],
        ),
        (
            "a name twice in a layer",
            vec![Layer::new().file("twice", "one").file("twice", "two").file("other", "x")],
        ),
        (
            "a whiteout beside its file",
            vec![
                Layer::new().file("before", "1").file("after", "1"),
                Layer::new().file("before", "2").whiteout("before").whiteout("after").file("after", "2"),
            ],
        ),
        (
            "directory over a symlink",
            vec![
                base(Layer::new()).symlink("lib", "usr/lib"),
                Layer::new().dir("lib").file("lib/new", "new"),
            ],
        ),
        ("sparse of the oldest form", vec![Layer::new().entry(sparse_old()).file("after", "x")]),
        (
            "an attribute without a value",
            vec![Layer::new().entry(Entry::file("tagged", "x").xattr("user.a", "").xattr("user.b", "b"))],
        ),
        (
            "opaque after a directory that is there",
            vec![
                Layer::new().dir("d").dir("d/stays").file("d/stays/old", "old"),
                Layer::new()
                    .dir("d")
                    .dir("d/stays")
                    .file("d/stays/new", "new")
                    .entry(Entry::file("d/.wh..wh..opq", [])),
            ],
        ),
    ]
}

pub fn all() -> Vec<Tricky> {
    [agreed(), disputed()].concat()
}

/// Images of all of them, and what each is, by name.
pub fn images() -> (Vec<Image>, Vec<(String, &'static str)>) {
    let named = all().into_iter().enumerate().map(|(at, (what, layers))| {
        let name = format!("tricky:{at}");
        (Image::new(&[&name], layers), (name, what))
    });
    named.unzip()
}

fn whiteouts() -> Vec<Layer> {
    let base = Layer::new()
        .dir("d")
        .file("d/gone", "x")
        .file("d/kept", "x")
        .dir("d/sub")
        .file("d/sub/a", "a")
        .dir("whole")
        .dir("whole/deep")
        .file("whole/deep/a", "a")
        .dir("again")
        .file("again/old", "old")
        .symlink("link", "d")
        .symlink("broken", "nowhere")
        .file("top", "x")
        .file("..data", "not a way up")
        .file("wh.none", "no whiteout");
    let middle = Layer::new()
        .dir("d")
        .whiteout("d/gone")
        .whiteout("d/never-was")
        .whiteout("whole")
        .whiteout("link")
        .whiteout("broken")
        .whiteout("again")
        .whiteout("never-was");
    let top =
        Layer::new().dir("again").file("again/new", "new").whiteout("top").dir("d").file("d/gone", "back");
    vec![base, middle, top]
}

fn opaque(is_first: bool) -> Vec<Layer> {
    let base = Layer::new()
        .dir("d")
        .file("d/a", "a")
        .file("d/b", "b")
        .dir("d/sub")
        .file("d/sub/x", "x")
        .dir("other")
        .file("other/a", "a");
    let marker = Entry::file("d/.wh..wh..opq", []);
    let mut top = Layer::new().entry(Entry::dir("d/").mode(0o750));
    if is_first {
        top = top.entry(marker.clone());
    }
    top = top.file("d/new", "new").file("d/b", "other b").dir("d/more").file("d/more/new", "new");
    if !is_first {
        top = top.entry(marker);
    }
    vec![base, top, Layer::new().dir("d").file("d/later", "later")]
}

fn opaque_root() -> Vec<Layer> {
    let base = Layer::new().file("a", "a").dir("d").file("d/b", "b");
    vec![base, Layer::new().dir("d").entry(Entry::file("d/.wh..wh..opq", [])).file("c", "c").whiteout("a")]
}

fn hard_links() -> Vec<Layer> {
    let base = Layer::new()
        .dir("a")
        .dir("b")
        .entry(Entry::file("a/first", noise(1, 5000)).mode(0o600).mtime(1_500_000_000))
        .entry(Entry::hardlink("b/second", "a/first").mode(0o600).mtime(1_500_000_000))
        .entry(Entry::hardlink("third", "b/second").mode(0o600).mtime(1_500_000_000))
        .file("lone", "lone")
        .file("x", "shared")
        .hardlink("y", "x")
        .hardlink("z", "/x")
        .file("empty", "")
        .hardlink("empty too", "./empty");
    // Of one file a name is written anew, of another one is taken away.
    vec![base, Layer::new().file("x", "its own now"), Layer::new().dir("a").whiteout("a/first")]
}

fn file_and_directory() -> Vec<Layer> {
    let base = Layer::new()
        .file("was-file", "x")
        .dir("was-dir")
        .dir("was-dir/sub")
        .file("was-dir/sub/a", "a")
        .file("there-and-back", "1")
        .dir("back-and-there")
        .file("back-and-there/old", "1");
    let middle = Layer::new()
        .dir("was-file")
        .file("was-file/inside", "y")
        .file("was-dir", "now a file")
        .dir("there-and-back")
        .file("there-and-back/x", "2")
        .file("back-and-there", "2");
    let top = Layer::new().file("there-and-back", "3").dir("back-and-there").file("back-and-there/new", "3");
    vec![base, middle, top]
}

fn links_make_way() -> Vec<Layer> {
    let base = Layer::new()
        .dir("dir")
        .file("dir/a", "a")
        .symlink("link", "dir")
        .symlink("other", "dir")
        .file("file", "x")
        .symlink("self", "self");
    let top = Layer::new()
        .symlink("dir", "elsewhere")
        .file("link", "a file now")
        .symlink("other", "file")
        .symlink("file", "/etc/passwd")
        .file("self", "no loop");
    vec![base, top]
}

fn directory_changed() -> Vec<Layer> {
    let base = Layer::new()
        .entry(Entry::dir("d/").mode(0o700).owner(5, 6).xattr("user.lower", "1"))
        .file("d/a", "a")
        .entry(Entry::file("f", "f").xattr("user.lower", "1"));
    let top = Layer::new()
        .entry(Entry::dir("d/").mode(0o1777).owner(7, 8).mtime(1_650_000_000).xattr("user.upper", "2"))
        .entry(Entry::file("f", "g").mode(0o4755));
    vec![base, top]
}

fn kinds() -> Vec<Layer> {
    let layer = Layer::new()
        .entry(Entry::file("suid", "x").mode(0o4755))
        .entry(Entry::file("sgid", "x").mode(0o2755).owner(3, 4))
        .entry(Entry::dir("sticky/").mode(0o1777))
        .entry(Entry::dir("sgid-dir/").mode(0o2775))
        .entry(Entry::file("no-bits", "x").mode(0))
        .entry(Entry::device("null", b'3', 1, 3).mode(0o666))
        .entry(Entry::device("disk", b'4', 8, 17).mode(0o660).owner(0, 6))
        .entry(Entry::device("odd", b'3', 511, 70_000))
        .entry(Entry::new("pipe", b'6').mode(0o600))
        .entry(Entry::symlink("dangling", "../../no/such thing").owner(9, 9))
        .entry(Entry::file("ping", "x").mode(0o755).xattr("security.capability", CAPABILITY))
        .entry(
            Entry::file("tagged", "x").xattr("user.note", "some\nlines = \0 and a zero").xattr("user.a", "a"),
        )
        .entry(Entry::file("trusted", "x").xattr("trusted.note", "only root sees it"))
        .file("empty", "")
        .file("big", noise(2, 3 << 20));
    vec![layer, Layer::new().entry(Entry::new("pipe2", b'6')).whiteout("disk")]
}

fn names() -> Vec<Layer> {
    let part = "n".repeat(255);
    let long = [&part[..], &part, &part, &part].join("/");
    let mut layer = Layer::new();
    for depth in 1..4 {
        layer = layer.dir(&vec![&part[..]; depth].join("/"));
    }
    layer = layer
        .file(&long, "deep")
        .hardlink("short", &long)
        .symlink("far", &"../x/".repeat(150))
        .file(&"h".repeat(100), "just fits")
        .file(&"l".repeat(101), "just does not")
        .entry(Entry::file(b"latin-\xe9\xff", "not UTF-8"))
        .entry(Entry::symlink(b"to-latin", b"latin-\xe9\xff"))
        .entry(Entry::hardlink(b"other-\xfe", b"latin-\xe9\xff"))
        .entry(Entry::dir(b"dir-\xc0\x80/"))
        .entry(Entry::file(b"dir-\xc0\x80/\x01\x7f", "control characters"))
        .file("new\nline", "x")
        .file(" leading and trailing ", "x")
        .file("-rf", "x")
        .file("back\\slash", "x")
        .file("star*?[x]", "x")
        .file("...", "x")
        .dir("ünï")
        .dir("ünï/çödé")
        .file("ünï/çödé/日本語", "x")
        .entry(Entry::file("cut", "by a record").record("path", "named by a record"));
    vec![layer]
}

fn times() -> Vec<Layer> {
    let layer = Layer::new()
        .entry(Entry::file("fraction", "x").record("mtime", "1700000000.123456789"))
        .entry(Entry::file("short-fraction", "x").record("mtime", "1700000000.5"))
        .entry(Entry::file("nearly-next", "x").record("mtime", "1700000000.999999999"))
        .entry(Entry::dir("dir/").record("mtime", "1600000000.25"))
        .file("dir/inside", "x")
        .entry(Entry::symlink("link", "x").record("mtime", "1600000001.75"))
        .entry(Entry::file("epoch", "x").mtime(0))
        .entry(Entry::file("first-second", "x").mtime(1))
        .entry(Entry::file("late", "x").record("mtime", "8589934592.5"))
        .entry(Entry::file("early", "x").record("mtime", "-86400"))
        .entry(Entry::file("early-fraction", "x").record("mtime", "-1.25"));
    vec![layer]
}

fn owners() -> Vec<Layer> {
    let layer =
        [0, 1, 65_534, (1 << 21) - 1, 1 << 21, u32::MAX - 1].into_iter().fold(Layer::new(), |layer, id| {
            layer
                .entry(Entry::file(format!("file-{id}"), "x").owner(id, id.wrapping_sub(1).min(u32::MAX - 1)))
                .entry(Entry::dir(format!("dir-{id}/")).owner(id, id))
                .entry(Entry::symlink(format!("link-{id}"), "x").owner(id, id))
        });
    vec![layer]
}

fn sparse() -> Vec<Layer> {
    vec![Layer::new().entry(sparse_10()).file("after", "x").entry(sparse_01())]
}

/// GNU's form 1.0: the map stands before the data.
fn sparse_10() -> Entry {
    let mut body = b"3\n0\n512\n1048576\n10\n3000000\n0\n".to_vec();
    body.resize(512, 0);
    body.extend_from_slice(&noise(3, 522));
    Entry::file("GNUSparseFile.0/holes", body)
        .record("GNU.sparse.major", "1")
        .record("GNU.sparse.minor", "0")
        .record("GNU.sparse.name", "holes")
        .record("GNU.sparse.realsize", "3000000")
}

/// GNU's form 0.1: the map is a record.
fn sparse_01() -> Entry {
    Entry::file("GNUSparseFile.0/holes-01", noise(5, 20))
        .record("GNU.sparse.numblocks", "2")
        .record("GNU.sparse.map", "4096,10,70000,10")
        .record("GNU.sparse.name", "holes-01")
        .record("GNU.sparse.size", "100000")
}

/// GNU's oldest form: the map is in the header.
pub fn sparse_old() -> Entry {
    let number = |number: u64| format!("{number:011o}\0").into_bytes();
    Entry::new("old-holes", b'S')
        .patched(257, *b"ustar  \0")
        .patched(386, number(8192))
        .patched(398, number(100))
        .patched(410, number(50_000))
        .patched(422, number(0))
        .patched(483, number(50_000))
        .with_body(noise(4, 100))
}

fn empty_layers() -> Vec<Layer> {
    let empty = Layer::new();
    vec![
        empty.clone(),
        Layer::new().dir("d").file("d/a", "a"),
        empty.clone(),
        Layer::raw(vec![0; 10_240]),
        empty,
    ]
}

fn many_layers() -> Vec<Layer> {
    let layer = |at: usize| {
        let layer =
            Layer::new().dir("d").file("d/changing", format!("version {at}")).file(&format!("d/{at}"), "x");
        if at % 3 == 2 { layer.whiteout(&format!("d/{}", at - 1)) } else { layer }
    };
    (0..12).map(layer).collect()
}

fn root() -> Vec<Layer> {
    let entry = Entry::dir("./").mode(0o711).owner(1, 2).mtime(1_234_567_890);
    vec![
        Layer::new()
            .entry(entry)
            .entry(Entry::dir("./d/"))
            .entry(Entry::file("./d/a", "a"))
            .file("/slash", "x"),
    ]
}

/// Files, links and directories where Docker makes its mount points.
fn mount_points() -> Vec<Layer> {
    let layer = Layer::new()
        .dir("run")
        .dir("run/etc")
        .dir("etc")
        .file("etc/hosts", "our own")
        .symlink("etc/resolv.conf", "../run/etc/resolv.conf")
        .file("etc/mtab", "a file")
        .entry(Entry::dir("proc/").mode(0o555))
        .symlink("sys", "run")
        .dir(".dockerenv")
        .dir("dev")
        .file("dev/shm", "a file")
        .entry(Entry::device("dev/console", b'3', 5, 1));
    vec![layer]
}
