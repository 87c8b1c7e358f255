//! Serves the files that one layer of an image brought, over HTTP on the loopback interface,
//! straight from the store: nothing is unpacked.
//!
//! `cargo run --example serve_files -- STORE IMAGE LAYER [PORT]`, the base being layer 1.

use std::collections::BTreeMap;
use std::error::Error;
use std::{io, thread};

use larder_engine::{EntryKind, ListOptions, Store, Task};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use tiny_http::{Request, Response, Server, StatusCode};

/// What a path of a URL may not have as it is; more does no harm.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [store, image, layer, port @ ..] = &args[..] else {
        return Err("usage: serve_files STORE IMAGE LAYER [PORT]".into());
    };
    let files = Files::of(Store::open(store)?, image, layer.parse()?)?;
    let address = format!("127.0.0.1:{}", port.first().map_or("8000", String::as_str));
    let server = Server::http(&address).map_err(|error| error.to_string())?;
    println!("{} files on http://{address}/", files.by_url.len());
    loop {
        files.answer(server.recv()?)?;
    }
}

/// The files of a layer, and where their bytes are.
struct Files {
    store: Store,
    image: String,
    /// Path and length, by the path as it stands in a URL.
    by_url: BTreeMap<String, (Vec<u8>, u64)>,
}

impl Files {
    fn of(store: Store, image: &str, layer: usize) -> Result<Self, Box<dyn Error>> {
        let options = ListOptions { recursive: true, ..ListOptions::default() };
        let listed = store.list(image, b"/", &options, &Task::silent())?;
        let files =
            listed.into_iter().filter(|file| file.layer == layer && file.entry.kind == EntryKind::File);
        let by_url =
            files.map(|file| (percent_encode(&file.path, ENCODED).to_string(), (file.path, file.entry.size)));
        Ok(Self { by_url: by_url.collect(), image: image.to_owned(), store })
    }

    /// A list of all files at `/`, and each of them by its path.
    fn answer(&self, request: Request) -> Result<(), Box<dyn Error>> {
        let Some((path, bytes)) = self.by_url.get(request.url()) else {
            let (code, text) = match request.url() {
                "/" => (200, self.by_url.keys().map(|url| format!("{url}\n")).collect()),
                _ => (404, "no such file in this layer\n".to_owned()),
            };
            return Ok(request.respond(Response::from_string(text).with_status_code(code))?);
        };
        // As the bytes come out of the store, they go to whoever asked: no file is in memory.
        let (from, mut to) = io::pipe()?;
        thread::scope(|scope| {
            let task = Task::silent();
            let reading = scope.spawn(move || self.store.cat(&self.image, path, None, &mut to, &task));
            let len = usize::try_from(*bytes).ok();
            let sent = request.respond(Response::new(StatusCode(200), Vec::new(), from, len, None));
            let read = reading.join().map_err(|_| "reading stopped")?;
            // Who has heard enough breaks the pipe, which is no failure of the store.
            sent.map_err(Into::into).and(read.map(drop).map_err(Into::into))
        })
    }
}

#[test]
fn a_layer_s_files_are_served_and_no_others() {
    use larder_engine::{Input, LoadOptions};
    use std::io::{Read as _, Write as _};

    let dir = tempfile::tempdir().unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    let store = Store::create(dir.path().join("store")).unwrap();
    store.load(Input::open(archive.as_ref()).unwrap(), &LoadOptions::default(), &Task::silent()).unwrap();
    let files = Files::of(store, "greeter:1.0", 2).unwrap();
    let (path, bytes) = files.by_url.iter().next().map(|(url, (_, bytes))| (url.clone(), *bytes)).unwrap();
    let server = Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let get = |path: &str| {
        thread::scope(|scope| {
            let asked = scope.spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            });
            files.answer(server.recv().unwrap()).unwrap();
            asked.join().unwrap()
        })
    };
    assert!(get("/").ends_with(&format!("{path}\n")) || files.by_url.len() > 1);
    let answer = get(&path);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("Content-Length: {bytes}")),
        "{answer}"
    );
    assert!(get("/bb").starts_with("HTTP/1.1 404"), "that is in the base");
}
