//! larder's engine.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
mod chunk;
mod disk;
mod error;
pub mod image;
pub mod task;

pub use error::{Error, ErrorKind, Result};
