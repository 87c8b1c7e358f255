//! Loads an archive into a store and lists what is in it.
//!
//! `cargo run --example load_and_list -- STORE ARCHIVE`

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use larder_engine::{Event, Input, LoadOptions, Progress, Store, Task};

/// Says on standard error how far each layer is.
struct Percent;

impl Progress for Percent {
    fn report(&self, event: &Event<'_>) {
        match event {
            Event::Finished { item, bytes, new_bytes } => {
                eprintln!("{item}: {bytes} bytes, {} of them new", new_bytes.unwrap_or(0));
            }
            Event::Notice { text } => eprintln!("note: {text}"),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(store), Some(archive)) = (args.next(), args.next()) else {
        return Err("usage: load_and_list STORE ARCHIVE".into());
    };
    load_and_list(store.as_ref(), archive.as_ref(), &mut io::stdout().lock())
}

/// All of it: whatever fails, the store is as it was before.
fn load_and_list(store: &Path, archive: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let store = Store::open_or_create(store)?;
    let task = Task::with_progress(Arc::new(Percent));
    let loaded = store.load(Input::open(archive)?, &LoadOptions::default(), &task)?;
    writeln!(out, "{} bytes read, {} of them new", loaded.input_bytes, loaded.new_bytes)?;
    for image in store.images()? {
        let names: Vec<String> = image.references.iter().map(|name| name.familiar()).collect();
        writeln!(out, "{} {}", image.id, names.join(" "))?;
        for step in store.history(&image.id.to_string(), None)? {
            writeln!(out, "  {:>10} bytes  {}", step.size_bytes, step.created_by)?;
        }
    }
    Ok(())
}

#[test]
fn what_was_loaded_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar"));
    let mut out = Vec::new();
    load_and_list(&dir.path().join("store"), archive, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("greeter:1.0 greeter:latest\n") && out.contains("EXPOSE 8080"), "{out}");
}
