//! What is said of a panic.

use std::panic;

/// Says nothing of sled's when it closes its log on a disk that fails: the engine goes on
/// without it. Any other is a bug, and told as ever.
pub fn tell_only_bugs() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |told| {
        let is_of_closing = told.location().is_some_and(|place| {
            place.file().contains("sled") && place.file().ends_with("/pagecache/logger.rs")
        });
        if !is_of_closing {
            tell(told);
        }
    }));
}
