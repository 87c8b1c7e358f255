//! What the tests of the program stand on: a place to run it in, archives of every
//! layout built from nothing, and a reader of archives that shares no code with larder.
#![allow(dead_code, reason = "each test program uses its own part of the harness")]

use std::io::Write as _;

pub mod archive;
pub mod busybox;
pub mod child;
pub mod codec;
pub mod document;
pub mod image;
pub mod layouts;
pub mod listing;
pub mod noise;
pub mod sandbox;
pub mod saved;
pub mod tarball;
pub mod terminal;
pub mod tools;
pub mod tree;
pub mod tricky;

/// The `sha256:…` digest of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex_digest(bytes))
}

/// The 64 hex digits of the SHA-256 of some bytes.
pub fn hex_digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// A directory of this repository's `tests/`.
pub fn tests_dir(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name)
}

/// Says why a test proves nothing here. Never silent: what was not tested is not known.
/// Written past the test runner, which keeps to itself what a test that passes prints.
pub fn skip(test: &str, why: &str) {
    let _ = std::io::stderr().write_all(format!("\nSKIPPED {test}: {why}\n").as_bytes());
}
