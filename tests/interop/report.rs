//! The page that `report` writes, in a browser: what it shows is what larder says, and it
//! asks nobody for anything.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::peers;

/// Everything that a browser asks for, of whatever host: it has no other way out.
struct Web {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Serves these pages, and nothing else, until the test is over.
    fn serving(pages: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let pages = Arc::new(pages);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, pages) = (Arc::clone(&log), Arc::clone(&pages));
                thread::spawn(move || answer(stream, &log, &pages));
            }
        });
        Self { port, asked }
    }

    fn url(&self, page: &str) -> String {
        format!("http://127.0.0.1:{}/{page}", self.port)
    }

    /// What was asked for, but for what the browser asks its makers by itself.
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("nobody panics with it");
        asked.iter().filter(|url| !url.contains("google") && !url.contains("gvt1")).cloned().collect()
    }
}

fn answer(stream: TcpStream, log: &Mutex<Vec<String>>, pages: &[(&'static str, Vec<u8>)]) {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    // A browser also connects ahead of what it may want, and says nothing then.
    if !reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        return;
    }
    let url = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {}
    let page = pages.iter().find(|(name, _)| url.ends_with(&format!("/{name}")));
    log.lock().expect("nobody panics with it").push(url);
    let (status, body) = page.map_or(("404 Not Found", &b""[..]), |(_, body)| ("200 OK", body));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = &stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// What the browser makes of a page, and what it complains of.
fn browse(sandbox: &Sandbox, web: &Web, page: &str) -> (String, Vec<String>) {
    let mut command: Command = peers::tool("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-extensions", "--enable-logging=stderr", "--virtual-time-budget=4000"]);
    command
        .arg(format!("--proxy-server=http://127.0.0.1:{}", web.port))
        .arg("--proxy-bypass-list=<-loopback>");
    command.arg(format!("--user-data-dir={}", sandbox.path("browser").display()));
    command.args(["--dump-dom", &web.url(page)]).env("HOME", sandbox.path(""));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chromium starts");
    let mut errors = child.stderr.take().expect("piped");
    let told = thread::spawn(move || {
        let mut told = Vec::new();
        errors.read_to_end(&mut told).expect("a pipe");
        String::from_utf8_lossy(&told).into_owned()
    });
    let mut dom = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut dom).expect("UTF-8");
    assert!(child.wait().expect("it ends").success());
    let told = told.join().expect("a reader");
    (dom, told.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect())
}

/// The value of the figure `id`.
#[track_caller]
fn figure(dom: &str, id: &str) -> u64 {
    let (_, rest) =
        dom.split_once(&format!("<data id=\"{id}\" value=\"")).unwrap_or_else(|| panic!("no {id}: {dom}"));
    rest.split('"').next().and_then(|value| value.parse().ok()).expect("a number")
}

/// A store with all that a page tells of.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    let base = || Layer::new().file("usr/lib/base", noise(1, 900_000)).file("etc/replaced", noise(2, 90_000));
    let long = "a-name-that-has-no-end-and-no-space-anywhere-in-it/".repeat(6);
    let image = |name: &str, seed: u64| {
        let own =
            Layer::new().file("etc/replaced", "new").file(&format!("{long}{seed}"), noise(seed, 300_000));
        let hostile = "RUN </code><script>document.title='run'</script><img src=http://example.org/x.png>";
        Image::new(&[name], vec![base(), own]).with(|config| {
            config["history"] = json!([
                {"created_by": "ADD rootfs.tar /", "comment": "<script>document.title='comment'</script>"},
                {"created_by": hostile},
            ]);
        })
    };
    for (seed, name) in
        (10..).zip(["example.org/a/long/name/of/an/image/of/a/team/app:1.0.0-rc.1", "app:2", "app:3"])
    {
        sandbox.load(&layouts::docker25(&[image(name, seed)]).tar()).ok();
    }
    let script = Layer::new().file("srv/<script>document.title='name'<!--", noise(9, 500_000));
    sandbox.load(&layouts::docker25(&[Image::new(&["odd:1"], vec![script])]).tar()).ok();
    sandbox.run(["create", "app:2", "x"]).ok();
    sandbox.run(["rmi", "app:3"]).ok();
    sandbox
}

#[test]
fn a_browser_shows_the_figures_that_larder_says() {
    let test = "a_browser_shows_the_figures_that_larder_says";
    if !peers::are_here(test, &["chromium"]) {
        return;
    }
    let sandbox = store();
    sandbox.run(["report", "-o", "report.html"]).ok();
    let web = Web::serving(vec![("report.html", sandbox.read("report.html"))]);
    let (dom, complaints) = browse(&sandbox, &web, "report.html");
    assert_eq!(complaints, [""; 0]);
    assert_eq!(web.asked(), [web.url("report.html")], "the page asks for something else");
    // Nothing of what strangers wrote was run.
    assert!(dom.contains("<title>What this store holds · larder</title>"), "{dom}");
    let df: Value = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    assert_eq!(figure(&dom, "images"), df["Images"].as_array().expect("a list").len() as u64);
    assert_eq!(figure(&dom, "containers"), df["Containers"].as_array().expect("a list").len() as u64);
    assert_eq!(figure(&dom, "disk-bytes"), df["DiskBytes"].as_u64().expect("a number"));
    assert_eq!(figure(&dom, "garbage-bytes"), df["GarbageBytes"].as_u64().expect("a number"));
    let layers = sandbox.run(["image", "tree", "--format", "json"]).ok().out();
    let sizes = layers.lines().map(|line| {
        let layer: Value = serde_json::from_str(line).expect("an object a line");
        layer["Size"].as_u64().expect("a number")
    });
    assert_eq!(figure(&dom, "content-bytes"), sizes.sum::<u64>());
    for name in sandbox.names() {
        assert!(dom.contains(&name), "{name} is not on the page");
    }
}

#[test]
fn a_report_is_no_wider_than_a_phone() {
    let test = "a_report_is_no_wider_than_a_phone";
    if !peers::are_here(test, &["chromium"]) {
        return;
    }
    let sandbox = store();
    sandbox.run(["report", "-o", "report.html"]).ok();
    // A window of a browser without a head is never as narrow as a phone; a frame is.
    let frame = "<!DOCTYPE html><pre id=told>nothing</pre>\
        <iframe id=phone src=report.html style='width:375px;height:800px;border:0'></iframe><script>\
        phone.onload = () => {\
          const page = phone.contentDocument, inside = page.documentElement;\
          page.querySelectorAll('details').forEach(details => details.open = true);\
          const wide = [...page.querySelectorAll('body *')].filter(e => !e.closest('.wide'))\
            .filter(e => e.getBoundingClientRect().right > 375.5).map(e => e.outerHTML.slice(0, 120));\
          told.textContent = inside.clientWidth + ' ' + inside.scrollWidth + ' ' + wide.length + ' ' + wide[0];\
        };</script>";
    let web = Web::serving(vec![("report.html", sandbox.read("report.html")), ("frame.html", frame.into())]);
    let (dom, _) = browse(&sandbox, &web, "frame.html");
    let (_, told) = dom.split_once("<pre id=\"told\">").expect("what the frame tells");
    let told = told.split("</pre>").next().unwrap_or_default();
    let mut words = told.split(' ');
    let mut next =
        || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_else(|| panic!("{told}"));
    let (wide, scroll, out) = (next(), next(), next());
    assert!(wide <= 375 && scroll <= wide && out == 0, "{told}");
}
