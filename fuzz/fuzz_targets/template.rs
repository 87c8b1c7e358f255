#![no_main]
#![allow(dead_code, reason = "the program has more uses for these files")]

#[path = "../../cli/src/output/json.rs"]
pub mod json;
mod output {
    pub use crate::json;
}
#[path = "../../cli/src/template/mod.rs"]
mod template;

libfuzzer_sys::fuzz_target!(|data: &[u8]| template::fuzz::template(data));
