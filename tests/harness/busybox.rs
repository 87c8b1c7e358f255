//! A file system for containers: one static program that is hundreds, by its links.

use std::fs;
use std::sync::OnceLock;

use serde_json::json;

use super::image::{Image, Layer};
use super::tarball::Entry;
use super::tools;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:Web:/home/web:/bin/sh\n";
const GROUP: &str = "root:x:0:\nweb:x:1001:\nextra:x:1002:web\n";

/// A machine's worth of programs in one file, and what they are called.
fn programs() -> &'static (Vec<u8>, Vec<String>) {
    static PROGRAMS: OnceLock<(Vec<u8>, Vec<String>)> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let busybox = fs::read(tools::tool("busybox").get_program()).expect("busybox can be read");
        let needs = b"ld-linux";
        let is_static = !busybox.windows(needs.len()).take(4096).any(|window| window == needs);
        assert!(is_static, "busybox needs libraries: the package is busybox-static");
        let list = tools::run("busybox", ["--list"]).out();
        (busybox, list.lines().filter(|name| *name != "busybox").map(str::to_owned).collect())
    })
}

/// The layer that all is in.
pub fn base() -> Layer {
    let (busybox, names) = programs();
    let mut layer = Layer::new().dir("bin");
    layer = layer.entry(Entry::file("bin/busybox", busybox.clone()).mode(0o755));
    for name in names {
        layer = layer.symlink(&format!("bin/{name}"), "busybox");
    }
    for dir in ["dev", "etc", "home", "home/web", "proc", "root", "srv", "sys", "var"] {
        layer = layer.dir(dir);
    }
    let layer = layer.entry(Entry::dir("tmp/").mode(0o1777));
    layer.file("etc/passwd", PASSWD).file("etc/group", GROUP)
}

/// The layer by itself.
pub fn busybox() -> Image {
    image("busybox:latest", vec![base()])
}

/// An image of these layers whose command is a shell.
pub fn image(name: &str, layers: Vec<Layer>) -> Image {
    Image::new(&[name], layers).with(|config| {
        config["config"] = json!({ "Env": ["PATH=/bin"], "Cmd": ["sh"] });
    })
}
