//! Any text as a template.

use super::{MAX_OUTPUT_BYTES, Template};
use crate::output::json::Json;

/// What templates are filled in with.
const DOCUMENT: &[u8] = br#"{"Id":"sha256:55","RepoTags":["edge:1","a:1"],"Size":251328574,"Parent":"",
    "Config":{"Labels":{"a":"b"},"Env":["P=/bin"],"Volumes":null,"Cmd":["x","a && b"]},
    "RootFS":{"Layers":["l1","l2"]},"Nothing":null,"Large":18446744073709551615,"Part":-1.5,"No":false}"#;

/// Any text as a template.
///
/// 1. It is refused in a sentence of Go's, or filled in.
/// 2. Filling it in gives the same every time, or the same mistake, and no more
///    than is allowed.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(mistake) => return assert!(mistake.to_string().starts_with("template: :"), "{mistake}"),
    };
    let document = Json::parse(DOCUMENT).expect("a document");
    let fill = || [template.document(&document), template.row(&document, "T"), template.heading(&document)];
    let filled = fill();
    for text in &filled {
        match text {
            Ok(text) => assert!(text.len() <= MAX_OUTPUT_BYTES),
            Err(mistake) => assert!(mistake.to_string().starts_with("template: :"), "{mistake}"),
        }
    }
    assert_eq!(fill(), filled);
}

#[cfg(test)]
mod tests {
    /// What a fuzzer has found interesting once stays tested, without a fuzzer.
    #[test]
    fn every_file_of_the_corpus_passes() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/template");
        for entry in std::fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            super::template(&std::fs::read(path).unwrap());
        }
    }
}
