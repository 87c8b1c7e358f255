//! Every decoder as a fuzzer sees it: any bytes in, invariants asserted. So is what
//! can be done to a store: bytes say what, and what goes wrong meanwhile.
//!
//! Compiled for fuzzers and for the engine's own tests, nobody else. A room's
//! invariants lie in the room, in its `fuzz.rs`, beside the decoders that they
//! are about and without opening a door; here they are given names. Each is
//! fuzzed by the target of that name in `fuzz/`, and on every stable compiler
//! the test below hands it all that its corpus holds.
//!
//! What a checksum guards is handed in twice: as it is, and *sealed*, with the
//! checksums made right. Otherwise nothing behind them would ever be reached.

/// What a fuzzer hands its bytes to. Panics if an invariant does not hold.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("bundle", crate::runtime::fuzz::bundle),
    ("commit", crate::catalog::fuzz::commit),
    ("compression", crate::archive::fuzz::compression),
    ("damage", crate::chunk::fuzz::damage),
    ("documents", crate::image::fuzz::documents),
    ("entries", crate::tar::fuzz::entries),
    ("format", crate::store::fuzz::format),
    ("frame", crate::chunk::fuzz::frame),
    ("frames", crate::runtime::fuzz::frames),
    ("hints", crate::tar::fuzz::hints),
    ("journal", crate::journal::fuzz::journal),
    ("layer", crate::ops::fuzz::layer),
    ("load_any", crate::ops::fuzz::load_any),
    ("members", crate::archive::fuzz::members),
    ("operations", crate::ops::fuzz::operations),
    ("pack", crate::chunk::fuzz::pack),
    ("pages", crate::catalog::fuzz::pages),
    ("plan", crate::archive::fuzz::plan),
    ("recipe", crate::chunk::fuzz::recipe),
    ("reference", crate::image::fuzz::reference),
    ("run", crate::chunk::fuzz::run),
    ("salvage", crate::chunk::fuzz::salvage),
    ("users", crate::runtime::fuzz::users),
    ("view", crate::container::view::fuzz::view),
];

/// Hands `data` to the target called `name`.
///
/// # Panics
/// If an invariant does not hold, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("no such target");
    target(data);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::disk::fuzz::files_of;

    /// What the program decodes; its own tests hand it its corpus.
    const OF_THE_PROGRAM: [&str; 1] = ["template"];

    fn home() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
    }

    /// What a fuzzer has found interesting once stays tested, without a fuzzer.
    #[test]
    fn every_file_of_every_corpus_passes() {
        let mut failed = Vec::new();
        for (name, target) in TARGETS {
            let corpus = files_of(&home().join("corpus").join(name));
            assert!(!corpus.is_empty(), "{name} has no corpus");
            for (file, bytes) in corpus {
                if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                    failed.push(format!("{name}/{file}"));
                }
            }
        }
        assert_eq!(failed, Vec::<String>::new());
    }

    #[test]
    fn every_target_is_fuzzed() {
        let files = files_of(&home().join("fuzz_targets"));
        let files: BTreeSet<_> = files.keys().map(|file| file.trim_end_matches(".rs")).collect();
        assert_eq!(files, TARGETS.iter().map(|(name, _)| *name).chain(OF_THE_PROGRAM).collect());
    }
}
