//! Pictures of a store: bars, the account of every byte, the tree of layers, the page.

use serde_json::{Value, json};

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::terminal::Terminal;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

/// A base of 400 kB under an image of 200 kB, and one of 100 kB.
fn two_on_a_base() -> [Image; 2] {
    let base = || Layer::new().file("base", noise(1, 400_000));
    [("app:1", 2, 200_000), ("app:2", 3, 100_000)].map(|(name, seed, bytes)| {
        Image::new(&[name], vec![base(), Layer::new().file("own", noise(seed, bytes))])
    })
}

#[test]
fn the_bars_stand_below_dockers_table_and_leave_it_alone() {
    let sandbox = with(&two_on_a_base());
    let shown = sandbox.run(["df"]).ok().out();
    let (dockers, rest) = shown.split_once("\n\n").expect("a table, and more below");
    assert_eq!(dockers.lines().count(), 5, "{shown}");
    assert!(dockers.starts_with("TYPE            TOTAL     ACTIVE    SIZE"), "{shown}");
    let (bars, disk) = rest.split_once("\n\n").expect("bars, and a table below");
    let bars: Vec<_> = bars.lines().collect();
    assert!(bars[0].starts_with("IMAGE") && bars[0].ends_with("RECLAIMABLE"), "{shown}");
    assert!(bars[1].starts_with("app:1") && bars[2].starts_with("app:2"), "the largest first: {shown}");
    assert!(bars[1].contains("░") && bars[1].contains("▓") && !bars[1].contains("█"), "{shown}");
    assert!(disk.starts_with("ON DISK"), "{shown}");
    assert!(!shown.contains('\x1b') && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    // A container needs one of them.
    sandbox.run(["create", "app:1", "x"]).ok();
    let shown = sandbox.run(["df"]).ok().out();
    let bar = shown.lines().find(|line| line.starts_with("app:1")).expect("its bar");
    assert!(!bar.contains("▓▓") && bar.contains("██"), "{shown}");
    // What scripts read is as it was.
    let types: Vec<_> = sandbox
        .run(["df", "--format", "json"])
        .ok()
        .out()
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).expect("an object a line");
            row.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(types, ["Active Reclaimable Size TotalCount Type"; 4]);
}

/// A terminal of so many columns, and what `df` shows on it.
fn on_a_terminal(sandbox: &Sandbox, columns: u16, no_color: &str) -> String {
    let mut df = sandbox.larder(["df"]);
    df.env("NO_COLOR", no_color).env("TERM", "xterm");
    let mut terminal = Terminal::start(&df, 24, columns);
    terminal.shows("of images\r\n");
    assert_eq!(terminal.ends(), Some(0));
    terminal.shown().replace("\r\n", "\n")
}

#[test]
fn bars_are_as_wide_as_the_terminal_and_coloured_unless_one_says_no() {
    let sandbox = with(&two_on_a_base());
    let widest = |shown: &str| {
        let bars = shown.lines().filter(|line| line.contains('░') && line.starts_with("app"));
        bars.map(|line| line.chars().count()).max().expect("bars")
    };
    let wide = on_a_terminal(&sandbox, 110, "1");
    let narrow = on_a_terminal(&sandbox, 66, "1");
    assert!(!wide.contains('\x1b') && widest(&wide) <= 110 && widest(&narrow) <= 66, "{wide}{narrow}");
    assert!(widest(&narrow) < widest(&wide), "{wide}{narrow}");
    let coloured = on_a_terminal(&sandbox, 110, "");
    assert!(coloured.contains("\x1b[34m░") && coloured.contains("\x1b[0m"), "{coloured:?}");
}

#[test]
fn df_shows_twenty_bars_unless_all_are_asked_for() {
    let images: Vec<_> = (0..23).map(|number| Image::small(&format!("app:{number}"))).collect();
    let sandbox = with(&images);
    let bars =
        |shown: &str| shown.lines().filter(|line| line.contains("▓") && line.starts_with("app:")).count();
    let shown = sandbox.run(["df"]).ok().out();
    assert_eq!(bars(&shown), 20, "{shown}");
    assert!(shown.contains("… and 3 more"), "{shown}");
    let all = sandbox.run(["df", "-v"]).ok().out();
    assert_eq!(bars(&all), 23, "{all}");
}

#[test]
fn the_account_of_every_byte_sums_to_du() {
    let [one, two] = two_on_a_base();
    let sandbox = with(&[one, two]);
    sandbox.run(["create", "--name", "web", "app:1", "x"]).ok();
    sandbox.run(["rmi", "-f", "app:1"]).ok();
    sandbox
        .load(
            &layouts::docker24(&[Image::new(&["gone:1"], vec![Layer::new().file("x", noise(9, 50_000))])])
                .tar(),
        )
        .ok();
    sandbox.run(["tag", "app:2", "app:3"]).ok();
    let shown = sandbox.run(["df", "--explain"]).ok().out();
    let disk = sandbox.disk_bytes();
    let (account, freed) = shown.split_once("\n\n").expect("two tables");
    let bytes = |line: &str| -> i64 {
        let number = line.split("  ").filter(|cell| !cell.is_empty()).nth(1).expect("a number");
        number.trim().parse().unwrap_or_else(|_| panic!("{line}"))
    };
    let (total, lines) = account
        .lines()
        .skip(1)
        .map(bytes)
        .collect::<Vec<_>>()
        .split_last()
        .map(|(total, lines)| (*total, lines.iter().sum::<i64>()))
        .expect("lines");
    assert_eq!((total, lines), (disk as i64, disk as i64), "{shown}");
    let line = |name: &str| bytes(account.lines().find(|line| line.starts_with(name)).expect("the line"));
    assert!(line("packs, containers") > 200_000, "{shown}");
    assert!(freed.contains("larder gc") && freed.contains("2 unused images"), "{shown}");
}

#[test]
fn images_share_their_base_in_the_tree() {
    let [one, two] = two_on_a_base();
    let sandbox =
        with(&[one.clone(), two.clone(), Image::new(&["alone:1"], vec![Layer::new().file("a", "b")])]);
    let shown = sandbox.run(["image", "tree", "app:1", "app:2"]).ok().out();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert!(lines[0].contains("COPY layer 0") && lines[0].ends_with("2 images"), "{shown}");
    assert!(lines[1].starts_with("├─ ") && lines[1].contains("COPY layer 1"), "{shown}");
    assert!(lines[2].starts_with("│  └─ ● app:"), "{shown}");
    assert!(lines[3].starts_with("└─ ") && lines[4].starts_with("   └─ ● app:"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let whole = sandbox.run(["image", "tree", "--no-trunc"]).ok().out();
    assert!(whole.contains(&one.id()) && whole.contains("● alone:1"), "{whole}");
    let json = sandbox.run(["image", "tree", "--format", "json", "app:1", "app:2"]).ok().out();
    let layers: Vec<Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(layers.len(), 3, "{json}");
    assert_eq!((&layers[0]["Parent"], &layers[0]["DiffID"]), (&json!(""), &json!(one.diff_ids()[0])));
    assert_eq!(layers[0]["Images"].as_array().map(Vec::len), Some(2));
    assert_eq!(layers[0]["Size"], json!(400_000));
    for layer in &layers[1..] {
        assert_eq!(layer["Parent"], layers[0]["ChainID"], "{json}");
        assert_eq!(layer["References"].as_array().map(Vec::len), Some(1), "{json}");
    }
    sandbox.run(["image", "tree", "nosuch"]).fails(1).complains("No such image: nosuch");
}

/// Strangers write names, commands and comments.
fn hostile() -> Image {
    let layer = Layer::new()
        .file("srv/<script>alert(1)<!--", noise(1, 30_000))
        .file("srv/\"onload=\"alert(2)", noise(2, 20_000))
        .file("srv/\u{1b}]0;x\u{7}\u{202e}gnp.exe", noise(3, 10_000));
    let top = Layer::new().whiteout("srv/<script>alert(1)<!--");
    Image::new(&["app:1"], vec![layer, top]).with(|config| {
        config["history"] = json!([
            {"created_by": "RUN </code><script>alert(3)</script>", "comment": "<img src=x onerror=alert(4)>"},
            {"created_by": "RUN rm '</style><style>*{display:none}'"},
        ]);
    })
}

#[test]
fn a_report_needs_nothing_else_and_runs_nothing() {
    let sandbox = with(&[hostile(), Image::small("app:2")]);
    sandbox.run(["report", "-o", "report.html"]).ok().stdout("");
    let page = String::from_utf8(sandbox.read("report.html")).expect("UTF-8");
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;!--") && page.contains("alert(4)&gt;"), "{page}");
    for word in
        ["<script", "<img", "<iframe", "javascript:", "http:", "https:", "//", "@import", "url(", "\u{1b}"]
    {
        assert!(!page.contains(word), "{word:?} in {page}");
    }
    assert_eq!(page.matches("<style").count(), 1);
    // To a pipe as well, and of some images only.
    let some = sandbox.run(["report", "app:2"]).ok().out();
    assert!(some.contains("app:2") && !some.contains("alert(3)"), "{some}");
    sandbox.run(["report", "nosuch"]).fails(1).complains("No such image: nosuch");
    sandbox.run(["report", "-o", "nowhere/x.html"]).fails(1);
}

#[test]
fn a_report_names_what_is_carried_for_nothing() {
    let base = Layer::new().file("replaced", noise(1, 70_000)).file("removed", noise(2, 60_000));
    let top = Layer::new().file("replaced", noise(3, 100)).whiteout("removed");
    let sandbox = with(&[Image::new(&["app:1"], vec![base, top])]);
    let page = sandbox.run(["report"]).ok().out();
    let (_, waste) = page.split_once("<section id=\"waste\">").expect("the section");
    let (waste, _) = waste.split_once("</section>").expect("its end");
    for part in
        ["value=\"130000\"", "/replaced", "replaced by layer 2", "/removed", "removed by a layer above"]
    {
        assert!(waste.contains(part), "{part} in {waste}");
    }
}

/// However many images there are, a page stays one that a phone can show.
#[test]
fn a_report_of_a_thousand_images_is_bounded_and_says_so() {
    let images: Vec<_> = (0..1000)
        .map(|number| {
            Image::new(&[&format!("app:{number}")], vec![Layer::new().file("n", number.to_string())])
        })
        .collect();
    let sandbox = with(&images);
    let page = sandbox.run(["report"]).ok().out();
    assert!(page.len() < 300_000, "{} bytes", page.len());
    for part in
        ["and 960 more", "988 more have no row", "From the 12 largest of 1000 images", "988 smaller images"]
    {
        assert!(page.contains(part), "{part:?} is not said");
    }
}
